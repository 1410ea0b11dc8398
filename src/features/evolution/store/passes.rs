//! The only SQL on what passes did.

use sqlx::AnyPool;

use super::super::model::Ground;
use crate::{
    error::AppResult,
    ids::UserId,
    server::db::{Sql, Tx},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct PassRow {
        pub id: String, pub cause: String, pub asked_by: Option<String>, pub state: String, pub traces: i64, pub patterns: i64, pub proposals: i64,
        pub log: String, pub error: Option<String>, pub started_at: i64, pub ended_at: Option<i64>,
    }
}

// ── Passes ──

/// What a pass says that never said how it ended.
pub const LOST: &str = "It was ended before it was done: the log of the server says why. The next pass does its work.";

/// Passes of a place come one after another: one that is thought to run when the next begins never said how it ended.
pub async fn begin_run(tx: &mut Tx, id: &str, ground: Ground, cause: &str, asked_by: Option<UserId>, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE evolution_runs SET state = 'failed', error = $3, ended_at = $4 WHERE place_id = $1 AND state = 'running' AND id <> $2",
    )
    .bind(ground.id())
    .bind(id)
    .bind(LOST)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO evolution_runs (id, place_id, cause, asked_by, state, started_at) VALUES ($1, $2, $3, $4, 'running', $5) \
         ON CONFLICT (id) DO UPDATE SET state = 'running', log = '[]', error = NULL, ended_at = NULL",
    )
    .bind(id)
    .bind(ground.id())
    .bind(cause)
    .bind(asked_by.map(|id| id.to_string()))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub struct RunNow<'a> {
    pub id: &'a str,
    pub state: &'a str,
    pub traces: i64,
    pub patterns: i64,
    pub proposals: i64,
    pub log: &'a [String],
    pub error: Option<&'a str>,
    pub ended_at: Option<i64>,
}

pub async fn note_run(tx: &mut Tx, run: &RunNow<'_>) -> AppResult<()> {
    sqlx::query(
        "UPDATE evolution_runs SET state = $2, traces = $3, patterns = $4, proposals = $5, log = $6, error = $7, ended_at = $8 WHERE id = $1",
    )
    .bind(run.id)
    .bind(run.state)
    .bind(run.traces)
    .bind(run.patterns)
    .bind(run.proposals)
    .bind(serde_json::to_string(run.log)?)
    .bind(run.error)
    .bind(run.ended_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn runs(pool: &AnyPool, ground: Ground, limit: i64) -> AppResult<Vec<PassRow>> {
    let mut sql = Sql::new(
        "SELECT id, cause, asked_by, state, traces, patterns, proposals, log, error, started_at, ended_at FROM evolution_runs WHERE place_id = ",
    );
    sql.bind(ground.id()).push(" ORDER BY id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// How many traces the last pass looked at that came to its end; 0 without one.
pub async fn traces_of_last_pass(pool: &AnyPool, ground: Ground) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT traces FROM evolution_runs WHERE state = 'done' AND place_id = ");
    sql.bind(ground.id()).push(" ORDER BY id DESC LIMIT 1");
    Ok(sql.fetch_all::<(i64,)>(pool).await?.first().map_or(0, |(traces,)| *traces))
}
