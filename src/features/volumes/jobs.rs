//! Imports as background jobs.
use crate::{error::AppResult, features::jobs::Job, server::context::Ctx};
pub const IMPORT: &str = "volume.import";
pub async fn import(_ctx: &Ctx, _job: &Job) -> AppResult<serde_json::Value> {
    Ok(serde_json::Value::Null)
}
