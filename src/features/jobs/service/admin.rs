//! What administrators see of the queue, and do to it.

use super::super::{
    model::{Changed, JobsQuery, JobsReport},
    store,
};
use crate::{
    error::{AppError, AppResult},
    features::accounts::service::require_administrator,
    ids::JobId,
    server::{clock, context::Ctx},
};

/// Queues, jobs and schedules.
pub async fn report(ctx: &Ctx, query: JobsQuery) -> AppResult<JobsReport> {
    require_administrator(ctx)?;
    let (pool, now) = (ctx.db().read(), ctx.now());
    Ok(JobsReport {
        queues: store::queues(pool, now - clock::HOUR, now).await?,
        jobs: store::list(pool, &query).await?,
        schedules: store::schedules(pool).await?,
    })
}

/// Begins a failed job again.
pub async fn retry(ctx: &Ctx, id: JobId) -> AppResult<()> {
    match retry_failed(ctx, Some(id), None).await? {
        Changed { changed: 0 } => Err(AppError::not_found("failed job")),
        _ => Ok(()),
    }
}

/// Begins all failed jobs again, or those of a kind.
pub async fn retry_all(ctx: &Ctx, kind: Option<&str>) -> AppResult<Changed> {
    retry_failed(ctx, None, kind).await
}

async fn retry_failed(ctx: &Ctx, id: Option<JobId>, kind: Option<&str>) -> AppResult<Changed> {
    require_administrator(ctx)?;
    let mut tx = ctx.db().write_tx().await?;
    let changed = store::retry_failed(&mut tx, id, kind, ctx.now()).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(Changed { changed: changed as i64 })
}
