//! Grouping as background jobs, in the order of their place. One that died begins again and comes to the same end.

use serde_json::{Value, json};

use super::service;
use crate::{error::AppResult, features::jobs::Job, server::context::Ctx};

/// Groups traces that came.
pub const ASSIGN: &str = "evolution.assign";
/// Groups all traces of a place anew, and proposes skills.
pub const PASS: &str = "evolution.pass";
/// Looks which place's schedule is due.
pub const DUE: &str = "evolution.due";

/// The report says how many.
pub async fn assign(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    service::assign(ctx, job).await
}

/// The report says what was found.
pub async fn pass(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    service::pass(ctx, job).await
}

/// The report says how many places were due.
pub async fn due(ctx: &Ctx) -> AppResult<Value> {
    Ok(json!({ "places": service::begin_due(ctx).await? }))
}
