//! Sending as background jobs. One that died begins again: what was taken and not noted is sent once more, under the same name.

use super::{model::Channel, service};
use crate::{error::AppResult, features::jobs::Job, server::context::Ctx};

pub use service::{SEND_MAIL, SEND_PUSH, SEND_TEST};

/// The report says how many messages were handed over, and how many were not.
pub async fn send_mail(ctx: &Ctx) -> AppResult<serde_json::Value> {
    service::send_due(ctx, Channel::Mail).await
}

pub async fn send_push(ctx: &Ctx) -> AppResult<serde_json::Value> {
    service::send_due(ctx, Channel::Push).await
}

pub async fn send_test(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    service::run_test(ctx, job).await
}
