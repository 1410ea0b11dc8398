//! Exports and imports of teams as background jobs. One that died begins again: what it had written is removed first.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::service;
use crate::{
    error::AppResult,
    features::jobs::Job,
    ids::{TeamId, UserId},
    server::context::Ctx,
};

pub const EXPORT: &str = "team.export";
pub const IMPORT: &str = "team.import";

#[derive(Debug, Serialize, Deserialize)]
pub struct ExportPayload {
    pub team: TeamId,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ImportPayload {
    pub by: UserId,
    /// What the ids of this import differ by.
    pub key: u32,
}

/// The report is a `TeamExported`.
pub async fn export(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let payload: ExportPayload = serde_json::from_str(&job.payload)?;
    Ok(serde_json::to_value(service::export(ctx, job, payload.team).await?)?)
}

/// The report is a `TeamImported`.
pub async fn import(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let payload: ImportPayload = serde_json::from_str(&job.payload)?;
    Ok(serde_json::to_value(service::import(ctx, job, &payload).await?)?)
}

/// Housekeeping: files that nobody took, and what imports left that ended for good half-way.
pub async fn keep_house(ctx: &Ctx) -> AppResult<()> {
    service::keep_house(ctx).await
}
