//! Taking a volume into the index after a commit, so that nobody's query has to wait for it; and making the whole of it anew.

use serde::{Deserialize, Serialize};

use super::service;
use crate::{
    error::AppResult,
    features::jobs::{Job, service::NewJob},
    ids::VolumeId,
    server::{context::Ctx, db::Tx},
};

pub const INDEX: &str = "search.index";
pub const REINDEX: &str = "search.reindex";

#[derive(Serialize, Deserialize)]
struct IndexPayload {
    volume: VolumeId,
}

/// Queues it in the transaction that changes the volume; one that waits already will see this change too.
pub async fn enqueue_index(tx: &mut Tx, volume: VolumeId, now: i64) -> AppResult<()> {
    let job = NewJob::new(INDEX, &IndexPayload { volume })?.in_order_of(format_args!("search {volume}")).once();
    crate::features::jobs::service::enqueue(tx, job, now).await
}

pub async fn index(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let payload: IndexPayload = serde_json::from_str(&job.payload)?;
    ctx.state.search.take_in(ctx, payload.volume).await?;
    Ok(serde_json::Value::Null)
}

pub async fn reindex(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    service::reindex(ctx, job).await
}
