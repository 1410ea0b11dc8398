//! Making the rollups anew, and what is told by a schedule.

use super::service;
use crate::{
    error::AppResult,
    features::jobs::{Job, service::Outcome},
    server::context::Ctx,
};

pub const REBUILD: &str = "analytics.rebuild";
/// Looks at alerts whose day has ended.
pub const ALERTS: &str = "analytics.alerts";
/// Sends the numbers of the week that ended.
pub const WEEKLY: &str = "analytics.weekly";

pub async fn rebuild(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    service::rebuild(ctx, job).await
}

pub async fn alerts(ctx: &Ctx) -> Outcome {
    service::check_alerts(ctx).await
}

pub async fn weekly(ctx: &Ctx) -> Outcome {
    service::send_weekly(ctx).await
}
