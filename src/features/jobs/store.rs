//! The only SQL on `jobs`.

use sqlx::AnyPool;

use super::model::{JobState, JobStatus};
use crate::{error::AppResult, ids::JobId, server::db::Tx};

crate::row! {
    /// A job as the worker runs it.
    #[derive(Clone, Debug)]
    pub struct Job {
        pub id: String,
        pub kind: String,
        /// JSON of the kind's own payload.
        pub payload: String,
        pub owner_id: String,
        pub attempts: i64,
    }
}

crate::row! {
    struct StatusRow {
        kind: String, state: String, done: i64, total: i64, report: Option<String>, error: Option<String>, created_at: i64, updated_at: i64,
    }
}

pub async fn insert(tx: &mut Tx, id: JobId, kind: &str, payload: &str, owner: &str, run_at: i64, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO jobs (id, kind, state, payload, owner_id, run_at, created_at, updated_at) VALUES ($1, $2, 'queued', $3, $4, $5, $6, $6)",
    )
    .bind(id.to_string())
    .bind(kind)
    .bind(payload)
    .bind(owner)
    .bind(run_at)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes the oldest due job, also one whose worker died.
pub async fn claim(tx: &mut Tx, now: i64, lease: i64) -> AppResult<Option<Job>> {
    Ok(sqlx::query_as(
        "UPDATE jobs SET state = 'running', attempts = attempts + 1, leased_until = $2, updated_at = $1 WHERE id = (
           SELECT id FROM jobs WHERE (state = 'queued' AND run_at <= $1) OR (state = 'running' AND leased_until < $1) ORDER BY run_at, id LIMIT 1
         ) RETURNING id, kind, payload, owner_id, attempts",
    )
    .bind(now)
    .bind(now + lease)
    .fetch_optional(&mut **tx)
    .await?)
}

pub async fn progress(tx: &mut Tx, id: &str, done: i64, total: i64, now: i64, lease: i64) -> AppResult<()> {
    sqlx::query("UPDATE jobs SET done = $2, total = $3, leased_until = $4, updated_at = $5 WHERE id = $1")
        .bind(id)
        .bind(done)
        .bind(total)
        .bind(now + lease)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn finish(tx: &mut Tx, id: &str, state: &str, report: Option<&str>, error: Option<&str>, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE jobs SET state = $2, report = $3, error = $4, leased_until = NULL, updated_at = $5 WHERE id = $1")
        .bind(id)
        .bind(state)
        .bind(report)
        .bind(error)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn retry(tx: &mut Tx, id: &str, at: i64, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE jobs SET state = 'queued', run_at = $2, leased_until = NULL, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(at)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Jobs that a process before this one left running: their leases end now.
pub async fn release_all(tx: &mut Tx) -> AppResult<()> {
    sqlx::query("UPDATE jobs SET leased_until = 0 WHERE state = 'running'").execute(&mut **tx).await?;
    Ok(())
}

pub async fn remove_ended(tx: &mut Tx, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM jobs WHERE state IN ('done', 'failed') AND updated_at < $1").bind(before).execute(&mut **tx).await?;
    Ok(())
}

/// Whether a job of this kind was queued after a time.
pub async fn queued_since(pool: &AnyPool, kind: &str, after: i64) -> AppResult<bool> {
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE kind = $1 AND created_at > $2").bind(kind).bind(after).fetch_one(pool).await?;
    Ok(count > 0)
}

pub async fn exists(pool: &AnyPool, id: JobId) -> AppResult<bool> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE id = $1").bind(id.to_string()).fetch_one(pool).await?;
    Ok(count > 0)
}

pub async fn status(pool: &AnyPool, id: JobId, owner: &str) -> AppResult<Option<JobStatus>> {
    let row: Option<StatusRow> =
        sqlx::query_as("SELECT kind, state, done, total, report, error, created_at, updated_at FROM jobs WHERE id = $1 AND owner_id = $2")
            .bind(id.to_string())
            .bind(owner)
            .fetch_optional(pool)
            .await?;
    row.map(|row| {
        Ok(JobStatus {
            id,
            kind: row.kind,
            state: JobState::parse(&row.state),
            done: row.done,
            total: row.total,
            report: row.report.map(|report| serde_json::from_str(&report)).transpose()?,
            error: row.error,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    })
    .transpose()
}
