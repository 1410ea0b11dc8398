//! The only SQL on `jobs` and `schedules`.

use sqlx::AnyPool;

use super::model::{ATTEMPTS, JobReport, JobState, JobStatus, JobsQuery, LISTED, QueueReport, SET_BACK_MS, ScheduleReport};
use crate::{
    error::AppResult,
    ids::JobId,
    server::{
        clock,
        db::{Engine, Sql, Target as _, Tx, parse_id},
    },
};

crate::row! {
    /// A job as it is run.
    #[derive(Clone, Debug)]
    pub struct Job {
        pub id: String,
        pub kind: String,
        /// JSON of the kind's own payload.
        pub payload: String,
        pub owner_id: String,
        /// How many times it was begun, this one included.
        pub attempts: i64,
    }
}

crate::row! {
    struct StatusRow {
        kind: String, state: String, done: i64, total: i64, report: Option<String>, error: Option<String>, created_at: i64, updated_at: i64,
    }
}

crate::row! {
    struct ReportRow {
        id: String, kind: String, state: String, done: i64, total: i64, attempts: i64, error: Option<String>, run_at: i64,
        started_at: Option<i64>, created_at: i64, updated_at: i64,
    }
}

crate::row! {
    struct QueueRow { kind: String, state: String, jobs: i64, due_at: Option<i64> }
}

crate::row! {
    struct ScheduleRow { kind: String, pattern: String, next_at: i64, last_at: Option<i64> }
}

/// What no version of ours wrote can only be looked at.
fn state_of(text: &str) -> JobState {
    JobState::parse(text).unwrap_or(JobState::Failed)
}

/// What is queued.
pub struct New<'a> {
    pub id: JobId,
    pub kind: &'a str,
    pub payload: &'a str,
    pub owner: &'a str,
    pub key: &'a str,
    pub priority: i64,
    pub run_at: i64,
    /// The node that runs it, by its home; empty: any.
    pub home: &'a str,
}

/// What queues a job, up to where a condition may follow.
fn insertion(new: &New<'_>, now: i64) -> Sql {
    let mut sql =
        Sql::new("INSERT INTO jobs (id, kind, state, payload, owner_id, key, priority, run_at, created_at, updated_at, home) SELECT ");
    sql.bind(new.id.to_string()).push(", ").bind(new.kind.to_owned()).push(", 'queued', ").bind(new.payload.to_owned());
    sql.push(", ").bind(new.owner.to_owned()).push(", ").bind(new.key.to_owned()).push(", ").bind(new.priority);
    sql.push(", ").bind(new.run_at).push(", ").bind(now).push(", ").bind(now).push(", ").bind(new.home.to_owned());
    sql
}

pub async fn insert(tx: &mut Tx, new: &New<'_>, now: i64) -> AppResult<()> {
    insertion(new, now).execute(&mut **tx).await?;
    Ok(())
}

/// Unless one of its kind and key waits already: that one will see what this one would. On PostgreSQL it is kept from being taken until the caller's
/// transaction ends, or it could run before what is written there is to be seen, and nobody would come after it.
pub async fn insert_once(tx: &mut Tx, new: &New<'_>, now: i64) -> AppResult<()> {
    let connection = &mut **tx;
    let mut sql = insertion(new, now);
    sql.push(" WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND kind = ").bind(new.kind.to_owned());
    sql.push(" AND key = ").bind(new.key.to_owned()).push(if connection.is_sqlite() { ")" } else { " FOR KEY SHARE)" });
    sql.execute(connection).await?;
    Ok(())
}

/// What stands before it, of its key, and waits for another try begins when the new one would, as if it had never been begun. Only what failed does: of what
/// was taken from a runner that was lost, `attempts` tells the runner's own half from the next one's.
pub async fn begin_afresh(tx: &mut Tx, new: &New<'_>, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE jobs SET attempts = 0, run_at = CASE WHEN run_at > $2 THEN $2 ELSE run_at END, updated_at = $3
         WHERE state = 'queued' AND attempts > 0 AND error IS NOT NULL AND key = $1 AND key <> ''",
    )
    .bind(new.key)
    .bind(new.run_at)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// For so long a job waits for the node that has what it works on. Another one can then only say that it is not there.
const HOME_MS: i64 = 10 * clock::MINUTE;

/// Takes up to `limit` due jobs of a kind, the most urgent first; of each key only the oldest one, and none while another of the key runs.
/// What the inner query chose is looked at again by the outer one: two nodes that choose the same at once do not both get it. Where there may
/// be several, one passes over what another is about to take, and does not wait.
pub async fn claim(tx: &mut Tx, engine: Engine, home: &str, kind: &str, limit: i64, now: i64, lease: i64) -> AppResult<Vec<Job>> {
    let mut sql = Sql::new("UPDATE jobs SET state = 'running', attempts = attempts + 1, error = NULL, leased_until = ");
    sql.now(engine, now).push(" + ").number(lease).push(", started_at = ").bind(now).push(", updated_at = ").bind(now);
    // PostgreSQL may run what stands in `IN` once for each row that it looks at; what was taken by then is passed over, and more than the limit is taken.
    let (these, end) = if engine == Engine::Postgres { ("id = ANY(ARRAY(", "))") } else { ("id IN (", ")") };
    sql.push(" WHERE state = 'queued' AND ")
        .push(these)
        .push("SELECT j.id FROM jobs j WHERE j.state = 'queued' AND j.kind = ")
        .bind(kind.to_owned());
    sql.push(" AND j.run_at <= ").bind(now);
    sql.push(" AND (j.home = '' OR j.home = ").bind(home.to_owned()).push(" OR j.run_at <= ").bind(now - HOME_MS).push(")");
    sql.push(
        " AND (j.key = '' OR NOT EXISTS (SELECT 1 FROM jobs e WHERE e.key = j.key AND e.id <> j.id
           AND (e.state = 'running' OR e.state = 'queued' AND e.id < j.id)))
         ORDER BY j.priority DESC, j.run_at, j.id LIMIT ",
    );
    sql.number(limit);
    if engine == Engine::Postgres {
        sql.push(" FOR UPDATE SKIP LOCKED");
    }
    sql.push(end).push(" RETURNING id, kind, payload, owner_id, attempts");
    sql.fetch_all(&mut **tx).await
}

/// Whether a job of one of these kinds waits or runs for a key.
pub async fn at_work(pool: &AnyPool, kinds: &[&'static str], key: &str) -> AppResult<Option<(i64, i64)>> {
    let mut sql = Sql::new("SELECT done, total FROM jobs WHERE state IN ('queued', 'running') AND key = ");
    sql.bind(key.to_owned()).push(" AND kind IN ").bind_list(kinds).push(" ORDER BY state DESC, id LIMIT 1");
    Ok(sql.fetch_all(pool).await?.pop())
}

/// Whether anything is due.
pub async fn is_due(pool: &AnyPool, now: i64) -> AppResult<bool> {
    let due: i64 =
        sqlx::query_scalar("SELECT CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND run_at <= $1) THEN 1 ELSE 0 END")
            .bind(now)
            .fetch_one(pool)
            .await?;
    Ok(due != 0)
}

/// Those that run are queued again. One that was begun often waits, a little longer each time: should it be what ends the process, the server has some time for
/// others between.
fn set_back(now: i64) -> Sql {
    let mut sql = Sql::new("UPDATE jobs SET state = 'queued', leased_until = NULL, run_at = CASE WHEN attempts < ");
    sql.number(ATTEMPTS)
        .push(" THEN run_at ELSE attempts * ")
        .number(SET_BACK_MS)
        .push(" + ")
        .bind(now)
        .push(" END, updated_at = ")
        .bind(now);
    sql.push(" WHERE state = 'running'");
    sql
}

/// Jobs whose runner gave no sign of life are queued again. Leases are given and end by one clock for all nodes ([`Sql::now`]).
pub async fn release_expired(tx: &mut Tx, engine: Engine, now: i64) -> AppResult<u64> {
    let mut sql = set_back(now);
    sql.push(" AND leased_until < ").now(engine, now);
    Ok(sql.execute(&mut **tx).await?.rows_affected())
}

/// Jobs that a process before this one left running: their leases end now.
pub async fn release_all(tx: &mut Tx, now: i64) -> AppResult<()> {
    set_back(now).execute(&mut **tx).await?;
    Ok(())
}

/// The signs of life of those that run here: those that still run, and how many times each was begun.
pub async fn renew(tx: &mut Tx, engine: Engine, ids: &[String], now: i64, lease: i64) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new("UPDATE jobs SET leased_until = ");
    sql.now(engine, now)
        .push(" + ")
        .number(lease)
        .push(" WHERE state = 'running' AND id IN ")
        .bind_list(ids)
        .push(" RETURNING id, attempts");
    sql.fetch_all(&mut **tx).await
}

/// How far a job is; whether it is to go on.
pub async fn progress(tx: &mut Tx, id: &str, done: i64, total: i64, now: i64) -> AppResult<bool> {
    let cancel: Option<i64> =
        sqlx::query_scalar("UPDATE jobs SET done = $2, total = $3, updated_at = $4 WHERE id = $1 RETURNING cancel_requested")
            .bind(id)
            .bind(done)
            .bind(total)
            .bind(now)
            .fetch_optional(&mut **tx)
            .await?;
    Ok(cancel != Some(1))
}

/// Ends a job. One that failed because somebody asked it to stop is cancelled. A runner that was thought to be gone, and whose job was begun
/// by another since, ends nothing.
pub async fn finish(tx: &mut Tx, job: &Job, state: JobState, report: Option<&str>, error: Option<&str>, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE jobs SET state = CASE WHEN $2 = 'failed' AND cancel_requested = 1 THEN 'cancelled' ELSE $2 END,
           report = $3, error = $4, leased_until = NULL, updated_at = $5 WHERE id = $1 AND state = 'running' AND attempts = $6",
    )
    .bind(&job.id)
    .bind(state.as_str())
    .bind(report)
    .bind(error)
    .bind(now)
    .bind(job.attempts)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Queues a job again that could not be done now, under the same condition; one that is to stop does not come back.
pub async fn retry(tx: &mut Tx, job: &Job, error: &str, at: i64, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE jobs SET state = CASE WHEN cancel_requested = 1 THEN 'cancelled' ELSE 'queued' END,
           run_at = $2, error = $3, leased_until = NULL, updated_at = $4 WHERE id = $1 AND state = 'running' AND attempts = $5",
    )
    .bind(&job.id)
    .bind(at)
    .bind(error)
    .bind(now)
    .bind(job.attempts)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Asks a job to stop: one that waits is ended at once, one that runs is asked. `owner`: only when it is theirs. Whether there was such a job.
pub async fn cancel(tx: &mut Tx, id: JobId, owner: Option<&str>, now: i64) -> AppResult<bool> {
    let done = sqlx::query(
        "UPDATE jobs SET state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END, cancel_requested = 1, updated_at = $2
         WHERE id = $1 AND state IN ('queued', 'running') AND (owner_id = $3 OR $4 = 1)",
    )
    .bind(id.to_string())
    .bind(now)
    .bind(owner.unwrap_or_default())
    .bind(i64::from(owner.is_none()))
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Queues failed jobs again, with all their tries; all of a kind, or one.
pub async fn retry_failed(tx: &mut Tx, id: Option<JobId>, kind: Option<&str>, now: i64) -> AppResult<u64> {
    let mut sql = Sql::new("UPDATE jobs SET state = 'queued', attempts = 0, cancel_requested = 0, run_at = ");
    sql.bind(now).push(", updated_at = ").bind(now).push(" WHERE state = 'failed'");
    if let Some(id) = id {
        sql.push(" AND id = ").bind(id.to_string());
    }
    if let Some(kind) = kind {
        sql.push(" AND kind = ").bind(kind.to_owned());
    }
    Ok(sql.execute(&mut **tx).await?.rows_affected())
}

/// Ended jobs that have had their time: what nobody asked for goes first, what failed stays longest.
pub async fn remove_ended(tx: &mut Tx, own: i64, asked: i64, failed: i64) -> AppResult<()> {
    sqlx::query(
        "DELETE FROM jobs WHERE state IN ('done', 'cancelled') AND (updated_at < $2 OR owner_id = '' AND updated_at < $1)
           OR state = 'failed' AND updated_at < $3",
    )
    .bind(own)
    .bind(asked)
    .bind(failed)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn is_stopped(pool: &AnyPool, id: &str) -> AppResult<bool> {
    let asked: Option<i64> = sqlx::query_scalar("SELECT cancel_requested FROM jobs WHERE id = $1").bind(id).fetch_optional(pool).await?;
    Ok(asked == Some(1))
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
            state: state_of(&row.state),
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

/// How many there are of each kind; those that ended well only since `since`.
pub async fn queues(pool: &AnyPool, since: i64, now: i64) -> AppResult<Vec<QueueReport>> {
    let rows: Vec<QueueRow> = sqlx::query_as(
        "SELECT kind, state, COUNT(*) AS jobs, MIN(CASE WHEN state = 'queued' THEN run_at END) AS due_at FROM jobs
         WHERE state IN ('queued', 'running', 'failed') OR state = 'done' AND updated_at >= $1
         GROUP BY kind, state ORDER BY kind, state",
    )
    .bind(since)
    .fetch_all(pool)
    .await?;
    let mut queues: Vec<QueueReport> = Vec::new();
    for row in rows {
        if queues.last().is_none_or(|last| last.kind != row.kind) {
            queues.push(QueueReport { kind: row.kind, queued: 0, running: 0, failed: 0, done_last_hour: 0, waiting_ms: 0 });
        }
        let Some(queue) = queues.last_mut() else { continue };
        match state_of(&row.state) {
            JobState::Queued => {
                queue.queued = row.jobs;
                queue.waiting_ms = row.due_at.map_or(0, |due| (now - due).max(0));
            }
            JobState::Running => queue.running = row.jobs,
            JobState::Failed => queue.failed = row.jobs,
            JobState::Done => queue.done_last_hour = row.jobs,
            JobState::Cancelled => {}
        }
    }
    Ok(queues)
}

/// The newest of those that are asked for.
pub async fn list(pool: &AnyPool, query: &JobsQuery) -> AppResult<Vec<JobReport>> {
    let mut sql = Sql::new(
        "SELECT id, kind, state, done, total, attempts, error, run_at, started_at, created_at, updated_at FROM jobs WHERE state IN ",
    );
    match query.state {
        Some(state) => sql.bind_list([state.as_str()]),
        None => sql.bind_list([JobState::Queued, JobState::Running, JobState::Failed].map(JobState::as_str)),
    };
    if let Some(kind) = &query.kind {
        sql.push(" AND kind = ").bind(kind.clone());
    }
    sql.push(" ORDER BY updated_at DESC, id DESC LIMIT ").number(LISTED);
    let rows: Vec<ReportRow> = sql.fetch_all(pool).await?;
    rows.into_iter()
        .map(|row| {
            Ok(JobReport {
                id: parse_id(&row.id)?,
                kind: row.kind,
                state: state_of(&row.state),
                done: row.done,
                total: row.total,
                attempts: row.attempts,
                error: row.error,
                run_at: row.run_at,
                started_at: row.started_at,
                created_at: row.created_at,
                updated_at: row.updated_at,
            })
        })
        .collect()
}

pub async fn schedules(pool: &AnyPool) -> AppResult<Vec<ScheduleReport>> {
    let rows: Vec<ScheduleRow> =
        sqlx::query_as("SELECT kind, pattern, next_at, last_at FROM schedules ORDER BY kind").fetch_all(pool).await?;
    Ok(rows
        .into_iter()
        .map(|row| ScheduleReport { kind: row.kind, pattern: row.pattern, next_at: row.next_at, last_at: row.last_at })
        .collect())
}

/// Puts a schedule down, unless it is there with the same pattern.
pub async fn keep_schedule(tx: &mut Tx, kind: &str, pattern: &str, next: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO schedules (kind, pattern, next_at) VALUES ($1, $2, $3)
         ON CONFLICT (kind) DO UPDATE SET pattern = excluded.pattern, next_at = excluded.next_at WHERE schedules.pattern <> excluded.pattern",
    )
    .bind(kind)
    .bind(pattern)
    .bind(next)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether this node is the one that looks after schedules until the end of the transaction; another one may be at it.
pub async fn lead(tx: &mut Tx, engine: Engine) -> AppResult<bool> {
    /// Any number that nothing else of ours locks.
    const SCHEDULES: i64 = 0x5c4e_d01e;
    if engine == Engine::Sqlite {
        return Ok(true);
    }
    let leads: i64 = sqlx::query_scalar("SELECT CASE WHEN pg_try_advisory_xact_lock($1) THEN 1::BIGINT ELSE 0::BIGINT END")
        .bind(SCHEDULES)
        .fetch_one(&mut **tx)
        .await?;
    Ok(leads == 1)
}

/// Moves a schedule on; whether this caller did, so that of several nodes one queues the job.
pub async fn advance_schedule(tx: &mut Tx, kind: &str, from: i64, next: i64, now: i64) -> AppResult<bool> {
    let done = sqlx::query("UPDATE schedules SET next_at = $3, last_at = $4 WHERE kind = $1 AND next_at = $2")
        .bind(kind)
        .bind(from)
        .bind(next)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() > 0)
}
