//! Answering as background jobs, those of a session one after another. One that died begins again behind the last round that was whole.

use serde_json::Value;

use super::service;
use crate::{error::AppResult, features::jobs::Job, server::context::Ctx};

pub const ANSWER: &str = "assistant.answer";

/// The report says how it ended.
pub async fn answer(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    service::answer(ctx, job).await
}
