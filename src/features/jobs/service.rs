//! Queueing, claiming and ending jobs.

use serde::Serialize;

use super::{
    model::JobStatus,
    store::{self, Job},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    ids::{JobId, UserId},
    server::{clock, context::Ctx, db::Tx, worker::LEASE_MS},
};

const ATTEMPTS: i64 = 5;
/// Longer than a day: ended jobs also tell that a daily one was done.
const KEPT_MS: i64 = 7 * clock::DAY;
/// The owner of what the process does by itself.
const NOBODY: &str = "";

/// Queues a job in the caller's transaction; it runs after the commit. Call `ctx.state.jobs.notify_one()` then.
pub async fn enqueue(tx: &mut Tx, id: JobId, kind: &str, payload: &impl Serialize, owner: UserId, now: i64) -> AppResult<()> {
    store::insert(tx, id, kind, &serde_json::to_string(payload)?, &owner.to_string(), now, now).await
}

/// Queues a job of the process itself, which nobody asked for, to run at `at`.
pub async fn enqueue_own(tx: &mut Tx, id: JobId, kind: &str, payload: &impl Serialize, at: i64, now: i64) -> AppResult<()> {
    store::insert(tx, id, kind, &serde_json::to_string(payload)?, NOBODY, at, now).await
}

/// Queues a job of the process itself, unless one of its kind was queued within the last day.
pub async fn enqueue_daily(ctx: &Ctx, kind: &str) -> AppResult<()> {
    let now = ctx.now();
    if store::queued_since(ctx.db().read(), kind, now - clock::DAY).await? {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    enqueue_own(&mut tx, JobId::generate(), kind, &serde_json::Value::Null, now, now).await?;
    Ok(tx.commit().await?)
}

/// Whether any job has this id.
pub async fn exists(ctx: &Ctx, id: JobId) -> AppResult<bool> {
    store::exists(ctx.db().read(), id).await
}

/// A job of one's own.
pub async fn status(ctx: &Ctx, id: JobId) -> AppResult<JobStatus> {
    let owner = ctx.actor()?.id().to_string();
    store::status(ctx.db().read(), id, &owner).await?.ok_or_else(|| AppError::not_found("job"))
}

/// Takes the next due job for this worker.
pub async fn claim(ctx: &Ctx) -> AppResult<Option<Job>> {
    let mut tx = ctx.db().write_tx().await?;
    let job = store::claim(&mut tx, ctx.now(), LEASE_MS).await?;
    tx.commit().await?;
    Ok(job)
}

/// Says how far a job is; also its sign of life. Call it often enough for a smooth bar, not for every item.
pub async fn progress(ctx: &Ctx, job: &Job, done: i64, total: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::progress(&mut tx, &job.id, done, total, ctx.now(), LEASE_MS).await?;
    Ok(tx.commit().await?)
}

/// Stores how a job ended. Passing faults are tried again, later each time.
pub async fn finish(ctx: &Ctx, job: &Job, outcome: AppResult<serde_json::Value>) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    match outcome {
        Ok(report) => store::finish(&mut tx, &job.id, "done", Some(&report.to_string()), None, now).await?,
        Err(error) if error.code == ErrorCode::Unavailable && job.attempts < ATTEMPTS => {
            store::retry(&mut tx, &job.id, now + (clock::SECOND << job.attempts), now).await?;
        }
        Err(error) => {
            tracing::warn!(%error, job = %job.id, kind = %job.kind, "job failed");
            store::finish(&mut tx, &job.id, "failed", None, Some(&error.message), now).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// At start: what a process before this one was doing is taken up at once.
pub async fn take_over(ctx: &Ctx) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::release_all(&mut tx).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(())
}

pub async fn remove_old(ctx: &Ctx) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::remove_ended(&mut tx, ctx.now() - KEPT_MS).await?;
    Ok(tx.commit().await?)
}
