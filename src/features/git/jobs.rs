//! Pulls and pushes as background jobs, in the order of their volume. One that died begins again and comes to the same end: what both sides have is
//! compared, not what was planned.

use serde::{Deserialize, Serialize};

use super::service;
use crate::{error::AppResult, features::jobs::Job, ids::VolumeId, server::context::Ctx};

pub const PULL: &str = "git.pull";
pub const PUSH: &str = "git.push";
/// Has those pulled whose time has come, whoever asks or not.
pub const LOOK: &str = "git.look";
pub const IMPORT: &str = "git.import";
/// Looks at a pull request.
pub const PREVIEW: &str = "git.preview";
/// Tells GitHub what was seen in it.
pub const TELL: &str = "git.tell";

/// Which volume is brought in step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncPayload {
    pub volume: VolumeId,
}

/// The report is a `PullReport`, or null when nothing was new.
pub async fn pull(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let payload: SyncPayload = serde_json::from_str(&job.payload)?;
    Ok(serde_json::to_value(service::pull(ctx, job, payload.volume).await?)?)
}

/// The report is a `PushReport`.
pub async fn push(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let payload: SyncPayload = serde_json::from_str(&job.payload)?;
    Ok(serde_json::to_value(service::push(ctx, job, payload.volume).await?)?)
}

/// The report says how many.
pub async fn look(ctx: &Ctx) -> AppResult<serde_json::Value> {
    service::look_at_due(ctx).await
}

/// The report is an `ImportReport`.
pub async fn import(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    service::import(ctx, job).await
}

/// The report says what was seen.
pub async fn preview(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    service::preview(ctx, job).await
}

/// The report says how.
pub async fn tell(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    service::tell_github(ctx, job).await
}
