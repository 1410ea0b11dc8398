//! Traces as a background job. One that died begins again and comes to the same end.

use serde_json::Value;

use super::service;
use crate::{error::AppResult, features::jobs::Job, server::context::Ctx};

/// Has traces found by the new name of an account.
pub const RELABEL: &str = "traces.relabel";

/// Gives traces the labels that a new version brings.
pub const LABEL: &str = "traces.label";

/// The report says how many traces were looked at.
pub async fn label(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    service::label_all(ctx, job).await
}

/// The report says how many traces have another label.
pub async fn relabel(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    service::relabel_people(ctx, job).await
}
