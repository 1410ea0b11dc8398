//! The only SQL on traces.
//!
//! Lists are narrowed by labels: each trace has one for every word of its goal, tool, skill and so on, and `trace_postings` holds, for each label, its traces
//! in the order of time. A filter is one range of that table, several are one range and a look into the others; so each costs what a page has, not what the
//! place has.

mod labels;
mod lists;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sqlx::{AnyConnection, AnyPool};

pub use labels::{Label, Labelled, add_labels, delete_labels, labelled, labels, move_label, places_with, relabel};
pub use lists::{List, list, list_of, page_of, wanted};

use labels::{count_labels, tag};

use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{CommitId, SessionId, TeamId, TraceId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// Rows of one statement.
const ROWS: usize = 200;

crate::row! {
    #[derive(Clone, Debug)]
    pub struct TraceRow {
        pub id: String, pub place_id: String, pub team_id: Option<String>, pub source: String, pub source_id: String, pub person: Option<String>,
        pub session_id: Option<String>, pub conversation: Option<String>, pub commit_id: Option<String>, pub model: Option<String>,
        pub goal: String, pub outcome: String, pub rating: Option<i64>, pub tokens_in: i64, pub tokens_out: i64, pub cost: f64,
        pub steps: i64, pub failed_steps: i64, pub skills: String, pub notices: String, pub started_at: i64, pub ended_at: i64,
        by_id: String, pub by_name: String, by_kind: String, by_color: i64, by_avatar: Option<String>,
    }
}

impl TraceRow {
    pub fn id(&self) -> AppResult<TraceId> {
        parse_id(&self.id)
    }
    pub fn team(&self) -> AppResult<Option<TeamId>> {
        self.team_id.as_deref().map(parse_id).transpose()
    }
    pub fn by(&self) -> AppResult<Person> {
        let (name, avatar) = (self.by_name.clone(), self.by_avatar.clone());
        Ok(Person::from_columns(parse_id(&self.by_id)?, name, &self.by_kind, self.by_color, avatar))
    }
}

const TRACE: &str = "SELECT t.id, t.place_id, t.team_id, t.source, t.source_id, t.person, t.session_id, t.conversation, t.commit_id, t.model, t.goal, t.outcome, \
     t.rating, t.tokens_in, t.tokens_out, t.cost, t.steps, t.failed_steps, t.skills, t.notices, t.started_at, t.ended_at, \
     a.id AS by_id, a.name AS by_name, a.kind AS by_kind, a.color AS by_color, a.avatar_sha AS by_avatar \
     FROM traces t JOIN users a ON a.id = t.user_id WHERE ";

/// Whose traces: a team's, or an account's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Team(TeamId),
    Own(UserId),
}

impl Place {
    pub fn id(self) -> String {
        match self {
            Self::Team(id) => id.to_string(),
            Self::Own(id) => id.to_string(),
        }
    }
    pub fn team(self) -> Option<TeamId> {
        match self {
            Self::Team(id) => Some(id),
            Self::Own(_) => None,
        }
    }
}

/// A trace that is written.
pub struct NewTrace<'a> {
    pub id: TraceId,
    pub trace: &'a llmos_traces::Trace,
    pub labels: Vec<(Label, String)>,
    /// Compressed.
    pub steps: Vec<u8>,
}

/// What the traces of one statement have in common.
pub struct Origin<'a> {
    pub place: Place,
    pub user: UserId,
    pub source: &'a str,
    pub session: Option<SessionId>,
    pub now: i64,
}

/// Which of these the place has already.
pub async fn known(tx: &mut Tx, place: Place, source_ids: &[&str]) -> AppResult<HashSet<String>> {
    let mut found = HashSet::new();
    for part in source_ids.chunks(ROWS) {
        let mut sql = Sql::new("SELECT source_id FROM traces WHERE place_id = ");
        sql.bind(place.id()).push(" AND source_id IN ").bind_list(part);
        found.extend(sql.fetch_all::<(String,)>(&mut **tx).await?.into_iter().map(|(id,)| id));
    }
    Ok(found)
}

pub async fn insert(tx: &mut Tx, origin: &Origin<'_>, new: &[NewTrace<'_>]) -> AppResult<()> {
    let place = origin.place.id();
    for part in new.chunks(ROWS) {
        let mut failure = None;
        let mut json = |value: serde_json::Result<String>| {
            value.unwrap_or_else(|error| {
                failure = Some(error);
                String::new()
            })
        };
        let mut sql = Sql::new(
            "INSERT INTO traces (id, place_id, team_id, user_id, source, source_id, person, session_id, conversation, model, goal, outcome, rating, \
             tokens_in, tokens_out, cost, steps, failed_steps, skills, notices, started_at, ended_at, created_at, updated_at) VALUES ",
        );
        sql.rows(part, |row, new| {
            let trace = new.trace;
            row.bind(new.id.to_string())
                .bind(place.clone())
                .bind(origin.place.team().map(|id| id.to_string()))
                .bind(origin.user.to_string());
            row.bind(origin.source.to_owned()).bind(trace.id.clone()).bind(trace.user.clone());
            row.bind(origin.session.map(|id| id.to_string()))
                .bind(trace.session.clone())
                .bind(trace.model.clone())
                .bind(trace.goal.clone());
            row.bind(super::model::TraceOutcome::of(trace.success).as_str()).bind(trace.rating.map(i64::from));
            row.bind(whole(trace.tokens_in)).bind(whole(trace.tokens_out)).bind(trace.cost_usd).bind(trace.steps.len() as i64);
            let failed = trace.steps.iter().filter(|step| step.outcome == llmos_traces::Outcome::Error).count();
            row.bind(failed as i64).bind(json(serde_json::to_string(&trace.skills_used))).bind(json(serde_json::to_string(&trace.notices)));
            row.bind(trace.started_at).bind(trace.ended_at).bind(origin.now).bind(origin.now);
        });
        if let Some(error) = failure {
            return Err(error.into());
        }
        sql.execute(&mut **tx).await?;
        let mut sql = Sql::new("INSERT INTO trace_steps (trace_id, steps) VALUES ");
        sql.rows(part, |row, new| {
            row.bind(new.id.to_string()).bind(new.steps.clone());
        });
        sql.execute(&mut **tx).await?;
    }
    // One row for each label, whatever the number of traces that have it.
    let mut runs: BTreeMap<&(Label, String), i64> = BTreeMap::new();
    let mut postings: Vec<(i64, Vec<u8>)> = Vec::new();
    for new in new {
        let trace = new.id.bits().to_be_bytes().to_vec();
        for label in &new.labels {
            *runs.entry(label).or_insert(0) += 1;
            postings.push((tag(&place, label.0, &label.1), trace.clone()));
        }
    }
    count_labels(tx, &place, &runs.into_iter().map(|((kind, name), runs)| (*kind, name.as_str(), runs)).collect::<Vec<_>>()).await?;
    postings.sort_unstable();
    for part in postings.chunks(ROWS * 10) {
        let mut sql = Sql::new("INSERT INTO trace_postings (tag, trace) VALUES ");
        sql.rows(part, |row, (tag, trace)| {
            row.bind(*tag).bind(trace.clone());
        });
        sql.push(" ON CONFLICT (tag, trace) DO NOTHING");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// The database has no numbers without a sign.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub async fn get<'c>(executor: impl Target<'c>, id: TraceId) -> AppResult<Option<TraceRow>> {
    let mut sql = Sql::new(TRACE);
    sql.push("t.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// Keeps the row until the transaction ends: whoever changes what is found of it reads it behind this.
pub async fn lock(tx: &mut Tx, id: TraceId) -> AppResult<Option<TraceRow>> {
    sqlx::query("UPDATE traces SET updated_at = updated_at WHERE id = $1").bind(id.to_string()).execute(&mut **tx).await?;
    get(&mut **tx, id).await
}

/// The steps of traces, compressed.
pub async fn steps<T: ToString>(pool: &AnyPool, ids: &[T]) -> AppResult<Vec<(String, Vec<u8>)>> {
    steps_in(&mut *pool.acquire().await?, ids).await
}

/// The same within a transaction.
pub async fn steps_in<T: ToString>(connection: &mut AnyConnection, ids: &[T]) -> AppResult<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::with_capacity(ids.len());
    for part in ids.chunks(ROWS) {
        let mut sql = Sql::new("SELECT trace_id, steps FROM trace_steps WHERE trace_id IN ");
        sql.bind_list(part.iter().map(ToString::to_string));
        found.extend(sql.fetch_all::<(String, Vec<u8>)>(&mut *connection).await?);
    }
    Ok(found)
}

/// Rows by id, the latest first.
pub async fn by_ids(pool: &AnyPool, ids: &[&str]) -> AppResult<Vec<TraceRow>> {
    by_ids_in(&mut *pool.acquire().await?, ids).await
}

/// The same within a transaction.
pub async fn by_ids_in(connection: &mut AnyConnection, ids: &[&str]) -> AppResult<Vec<TraceRow>> {
    let mut found = Vec::with_capacity(ids.len());
    for part in ids.chunks(ROWS) {
        let mut sql = Sql::new(TRACE);
        sql.push("t.id IN ").bind_list(part).push(" ORDER BY t.id DESC");
        found.extend(sql.fetch_all::<TraceRow>(&mut *connection).await?);
    }
    Ok(found)
}

/// Whose these traces are, each account once.
pub async fn accounts_of(pool: &AnyPool, ids: &[String]) -> AppResult<Vec<UserId>> {
    let mut found = BTreeSet::new();
    for part in ids.chunks(ROWS) {
        let mut sql = Sql::new("SELECT DISTINCT user_id FROM traces WHERE id IN ");
        sql.bind_list(part);
        found.extend(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(user,)| user));
    }
    found.iter().map(|user| parse_id(user)).collect()
}

/// Writes what a person says of a run.
pub async fn rate(tx: &mut Tx, id: TraceId, rating: Option<i64>, outcome: &str, by: UserId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE traces SET rating = $2, outcome = $3, rated_by = $4, updated_at = $5 WHERE id = $1")
        .bind(id.to_string())
        .bind(rating)
        .bind(outcome)
        .bind(by.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Traces of a place by what their source calls them.
pub async fn by_source(connection: &mut AnyConnection, place: Place, source_ids: &[&str]) -> AppResult<Vec<TraceRow>> {
    let mut found = Vec::new();
    for part in source_ids.chunks(ROWS) {
        let mut sql = Sql::new(TRACE);
        sql.push("t.place_id = ").bind(place.id()).push(" AND t.source_id IN ").bind_list(part);
        found.extend(sql.fetch_all::<TraceRow>(&mut *connection).await?);
    }
    Ok(found)
}

/// What is known of a run that is not whole yet.
pub async fn run(connection: &mut AnyConnection, id: TraceId) -> AppResult<Option<Vec<u8>>> {
    let mut sql = Sql::new("SELECT run FROM trace_runs WHERE trace_id = ");
    sql.bind(id.to_string());
    Ok(sql.fetch_all::<(Vec<u8>,)>(connection).await?.pop().map(|(run,)| run))
}

pub async fn keep_run(tx: &mut Tx, id: TraceId, run: &[u8], now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO trace_runs (trace_id, run, updated_at, counted) VALUES ($1, $2, $3, 0) \
         ON CONFLICT (trace_id) DO UPDATE SET run = excluded.run, updated_at = excluded.updated_at",
    )
    .bind(id.to_string())
    .bind(run.to_vec())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Nothing is added to a run any more.
pub async fn close_run(tx: &mut Tx, id: TraceId) -> AppResult<()> {
    sqlx::query("DELETE FROM trace_runs WHERE trace_id = $1").bind(id.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Runs whose usage events are not written and of which nothing came for so long.
pub async fn uncounted(pool: &AnyPool, before: i64, limit: i64) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT trace_id FROM trace_runs WHERE counted = 0 AND updated_at < ");
    sql.bind(before).push(" ORDER BY updated_at, trace_id LIMIT ").number(limit);
    Ok(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(id,)| id).collect())
}

/// The usage events of a run are written. False: they were.
pub async fn count_run(tx: &mut Tx, id: &str) -> AppResult<bool> {
    let counted =
        sqlx::query("UPDATE trace_runs SET counted = 1 WHERE trace_id = $1 AND counted = 0").bind(id.to_owned()).execute(&mut **tx).await?;
    Ok(counted.rows_affected() > 0)
}

/// Runs of which nothing came for so long are whole.
pub async fn close_runs(tx: &mut Tx, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM trace_runs WHERE updated_at < $1 AND counted = 1").bind(before).execute(&mut **tx).await?;
    Ok(())
}

/// More is known of a trace: its labels are changed besides.
pub async fn extend(tx: &mut Tx, id: TraceId, trace: &llmos_traces::Trace, steps: &[u8], now: i64) -> AppResult<()> {
    let failed = trace.steps.iter().filter(|step| step.outcome == llmos_traces::Outcome::Error).count();
    // What a person said of it stays.
    sqlx::query(
        "UPDATE traces SET goal = $2, model = $3, person = $4, conversation = $5, outcome = CASE WHEN rated_by IS NULL THEN $6 ELSE outcome END, \
         tokens_in = $7, tokens_out = $8, cost = $9, steps = $10, failed_steps = $11, skills = $12, notices = $13, started_at = $14, ended_at = $15, \
         updated_at = $16 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(&trace.goal)
    .bind(trace.model.as_deref())
    .bind(trace.user.as_deref())
    .bind(trace.session.as_deref())
    .bind(super::model::TraceOutcome::of(trace.success).as_str())
    .bind(whole(trace.tokens_in))
    .bind(whole(trace.tokens_out))
    .bind(trace.cost_usd)
    .bind(trace.steps.len() as i64)
    .bind(failed as i64)
    .bind(serde_json::to_string(&trace.skills_used)?)
    .bind(serde_json::to_string(&trace.notices)?)
    .bind(trace.started_at)
    .bind(trace.ended_at)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE trace_steps SET steps = $2 WHERE trace_id = $1")
        .bind(id.to_string())
        .bind(steps.to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Traces of a session that no commit came of yet; each with its place.
pub async fn of_session(tx: &mut Tx, session: SessionId) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT id, place_id FROM traces WHERE commit_id IS NULL AND session_id = ");
    sql.bind(session.to_string()).push(" ORDER BY id");
    sql.fetch_all(&mut **tx).await
}

/// This commit came of these traces.
pub async fn set_commit(tx: &mut Tx, ids: &[String], commit: CommitId) -> AppResult<()> {
    for part in ids.chunks(ROWS) {
        let mut sql = Sql::new("UPDATE traces SET commit_id = ");
        sql.bind(commit.to_string()).push(" WHERE id IN ").bind_list(part);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// All traces after an id, in their order.
pub async fn slice_of_all(pool: &AnyPool, after: TraceId, limit: i64) -> AppResult<Vec<TraceRow>> {
    let mut sql = Sql::new(TRACE);
    sql.push("t.id > ").bind(after.to_string()).push(" ORDER BY t.id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Deletes a trace; its labels are taken from it before.
pub async fn delete(tx: &mut Tx, id: TraceId) -> AppResult<bool> {
    let deleted = sqlx::query("DELETE FROM traces WHERE id = $1").bind(id.to_string()).execute(&mut **tx).await?;
    Ok(deleted.rows_affected() > 0)
}

/// All of a place is removed for good.
pub async fn delete_place(tx: &mut Tx, place: Place) -> AppResult<()> {
    delete_labels(tx, place).await?;
    sqlx::query("DELETE FROM traces WHERE place_id = $1").bind(place.id()).execute(&mut **tx).await?;
    Ok(())
}

/// Traces of a place after an id, in their order.
pub async fn slice(pool: &AnyPool, place: Place, after: TraceId, limit: i64) -> AppResult<Vec<TraceRow>> {
    let mut sql = Sql::new(TRACE);
    sql.push("t.place_id = ").bind(place.id()).push(" AND t.id > ").bind(after.to_string()).push(" ORDER BY t.id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Goal, source, outcome and beginning of what an account brought in for itself, the oldest first.
pub async fn own(pool: &AnyPool, user: UserId) -> AppResult<Vec<(String, String, String, i64)>> {
    let mut sql = Sql::new("SELECT goal, source, outcome, started_at FROM traces WHERE user_id = ");
    sql.bind(user.to_string()).push(" ORDER BY id");
    sql.fetch_all(pool).await
}
