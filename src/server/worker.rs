//! The background worker, and every kind of job on one page.

use std::time::Duration;

use super::{clock, context::Ctx, idempotency, state::AppState, sweep};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts, artifacts, collaboration,
        jobs::{self, Job},
        notifications, sessions, volumes,
    },
};

/// Without a wake-up the queue is looked at this often: for retries, and for jobs of a process that died.
const POLL: Duration = Duration::from_secs(5);
const HOUSEKEEPING: Duration = Duration::from_secs(600);

/// Runs one job to its end; its report is JSON.
async fn run(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    match job.kind.as_str() {
        volumes::jobs::IMPORT => volumes::jobs::import(ctx, job).await,
        sweep::FIND => sweep::find(ctx).await,
        sweep::REMOVE => sweep::remove(ctx, job).await,
        other => Err(AppError::invalid(format!("This version does not know the job “{other}”."))),
    }
}

/// Works until the process is asked to stop, and what is told in rooms and written in documents is stored.
pub async fn work(state: AppState) {
    tokio::join!(
        work_on_jobs(state.clone()),
        collaboration::service::keep(state.clone()),
        collaboration::service::documents::keep_documents(state)
    );
}

async fn work_on_jobs(state: AppState) {
    let ctx = Ctx::internal(state.clone(), None);
    let mut demo_done = false;
    let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = state.jobs.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = housekeeping.tick() => keep_house(&ctx).await,
        }
        if !demo_done {
            demo_done = volumes::service::add_demo_if_wanted(&ctx).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the sample data was not added");
                false
            });
        }
        loop {
            if state.shutdown.is_cancelled() {
                return;
            }
            match jobs::service::claim(&ctx).await {
                Ok(Some(job)) => {
                    let outcome = run(&ctx, &job).await;
                    if let Err(error) = jobs::service::finish(&ctx, &job, outcome).await {
                        tracing::error!(%error, job = %job.id, "a job's end could not be stored");
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "the job queue could not be read");
                    break;
                }
            }
        }
    }
}

/// Removes what has had its time, and queues what is due each day.
async fn keep_house(ctx: &Ctx) {
    if let Err(error) = jobs::service::enqueue_daily(ctx, sweep::FIND).await {
        tracing::warn!(%error, "the daily job could not be queued");
    }
    let now = ctx.now();
    for (what, result) in [
        ("sign-ins", accounts::service::remove_expired(ctx).await),
        ("claims", artifacts::service::settle_all(ctx).await),
        ("trash", artifacts::service::empty_old_trash(ctx).await),
        ("sessions", sessions::service::empty_old_trash(ctx).await),
        ("departures", volumes::service::remove_old_departures(ctx).await),
        ("notifications", notifications::service::remove_old(ctx).await),
        ("events of rooms", collaboration::service::remove_old_events(ctx).await),
        ("uploads", volumes::jobs::sweep_staging(ctx).await),
        ("jobs", jobs::service::remove_old(ctx).await),
        ("idempotency keys", remove_old_keys(ctx, now - idempotency::KEPT_MS).await),
    ] {
        if let Err(error) = result {
            tracing::warn!(%error, "old {what} could not be removed");
        }
    }
}

async fn remove_old_keys(ctx: &Ctx, before: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1").bind(before).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// For how long a claimed job belongs to its worker without a sign of life.
pub const LEASE_MS: i64 = 2 * clock::MINUTE;
