//! The only SQL on traces.
//!
//! Lists are narrowed by labels: each trace has one for every word of its goal, tool, skill and so on, and `trace_postings` holds, for each label, its traces
//! in the order of time. A filter is one range of that table, several are one range and a look into the others; so each costs what a page has, not what the
//! place has.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sha2::{Digest, Sha256};
use sqlx::{AnyConnection, AnyPool};
use uuid::Uuid;

use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{CommitId, SessionId, TeamId, TraceId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// Rows of one statement.
const ROWS: usize = 200;
/// Words that the beginning of one may stand for.
const VARIANTS: i64 = 100;
/// Where the labels asked for have no more runs than this, their runs are put in order; of more, the traces are gone through from the latest on.
const SORTED: i64 = 20_000;

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

/// What a trace can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Every trace has it, without a name.
    All,
    Word,
    Tool,
    Skill,
    Person,
    Model,
    Outcome,
    Source,
    Rating,
    Session,
    Conversation,
    Commit,
    /// That a step failed, without a name.
    Failed,
    /// How long it took, how many tokens it needed and what it cost: the largest of a few thresholds that it reaches, in milliseconds, tokens and cents.
    Took,
    Tokens,
    Cost,
}

impl Label {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Word => "word",
            Self::Tool => "tool",
            Self::Skill => "skill",
            Self::Person => "person",
            Self::Model => "model",
            Self::Outcome => "outcome",
            Self::Source => "source",
            Self::Rating => "rating",
            Self::Session => "session",
            Self::Conversation => "conversation",
            Self::Commit => "commit",
            Self::Failed => "failed",
            Self::Took => "took",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
        }
    }
}

/// The number of a label: the first 63 bits of a SHA-256, so that nobody has to look it up before a posting is written. Of a million labels two have the
/// same number with a probability of 1 in 18 million; a list would then show a run too many.
fn tag(place: &str, kind: Label, name: &str) -> i64 {
    let digest =
        Sha256::new().chain_update(place).chain_update([0]).chain_update(kind.as_str()).chain_update([0]).chain_update(name).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first) & i64::MAX
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

/// Adds to the runs of labels.
async fn count_labels(tx: &mut Tx, place: &str, labels: &[(Label, &str, i64)]) -> AppResult<()> {
    for part in labels.chunks(ROWS * 10) {
        let mut sql = Sql::new("INSERT INTO trace_labels (tag, place_id, kind, name, runs) VALUES ");
        sql.rows(part, |row, (kind, name, runs)| {
            row.bind(tag(place, *kind, name)).bind(place.to_owned()).bind(kind.as_str()).bind((*name).to_owned()).bind(*runs);
        });
        sql.push(" ON CONFLICT (tag) DO UPDATE SET runs = trace_labels.runs + excluded.runs");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Gives a trace other labels of a kind.
pub async fn relabel(tx: &mut Tx, place: &str, id: TraceId, gone: &[(Label, String)], new: &[(Label, String)]) -> AppResult<()> {
    let trace = id.bits().to_be_bytes().to_vec();
    for (kind, name) in gone {
        let tag = tag(place, *kind, name);
        let deleted = sqlx::query("DELETE FROM trace_postings WHERE tag = $1 AND trace = $2")
            .bind(tag)
            .bind(trace.clone())
            .execute(&mut **tx)
            .await?;
        if deleted.rows_affected() > 0 {
            uncount(tx, tag, 1).await?;
        }
    }
    for (kind, name) in new {
        let written = sqlx::query("INSERT INTO trace_postings (tag, trace) VALUES ($1, $2) ON CONFLICT (tag, trace) DO NOTHING")
            .bind(tag(place, *kind, name))
            .bind(trace.clone())
            .execute(&mut **tx)
            .await?;
        if written.rows_affected() > 0 {
            count_labels(tx, place, &[(*kind, name, 1)]).await?;
        }
    }
    Ok(())
}

/// The places that have traces with this label. Looks at all labels of the kind: for jobs, not for pages.
pub async fn places_with(pool: &AnyPool, kind: Label, name: &str) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT DISTINCT place_id FROM trace_labels WHERE kind = ");
    sql.bind(kind.as_str()).push(" AND name = ").bind(name.to_owned()).push(" ORDER BY place_id");
    Ok(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(place,)| place).collect())
}

/// Traces of a place that have a label, by id, after this one.
pub async fn labelled(pool: &AnyPool, place: &str, kind: Label, name: &str, after: TraceId, limit: i64) -> AppResult<Vec<TraceId>> {
    let mut sql = Sql::new("SELECT trace FROM trace_postings WHERE tag = ");
    sql.bind(tag(place, kind, name)).push(" AND trace > ").bind(after.bits().to_be_bytes().to_vec());
    sql.push(" ORDER BY trace LIMIT ").number(limit);
    let found: Vec<(Vec<u8>,)> = sql.fetch_all(pool).await?;
    Ok(found.iter().filter_map(|(id,)| Uuid::from_slice(id).ok()).map(TraceId::from).collect())
}

/// Traces of a place that have a label of this kind get it under another name, or lose it.
pub async fn move_label(tx: &mut Tx, place: &str, kind: Label, (from, to): (&str, Option<&str>), traces: &[TraceId]) -> AppResult<()> {
    let bytes = |id: &TraceId| id.bits().to_be_bytes().to_vec();
    for part in traces.chunks(ROWS) {
        let mut sql = Sql::new("DELETE FROM trace_postings WHERE tag = ");
        sql.bind(tag(place, kind, from)).push(" AND trace IN (");
        for (at, id) in part.iter().enumerate() {
            sql.push(if at == 0 { "" } else { ", " }).bind(bytes(id));
        }
        sql.push(")");
        let gone = sql.execute(&mut **tx).await?.rows_affected();
        uncount(tx, tag(place, kind, from), i64::try_from(gone).unwrap_or(i64::MAX)).await?;
        let Some(to) = to else { continue };
        let mut sql = Sql::new("INSERT INTO trace_postings (tag, trace) VALUES ");
        sql.rows(part, |row, id| {
            row.bind(tag(place, kind, to)).bind(bytes(id));
        });
        sql.push(" ON CONFLICT (tag, trace) DO NOTHING");
        let added = sql.execute(&mut **tx).await?.rows_affected();
        if added > 0 {
            count_labels(tx, place, &[(kind, to, i64::try_from(added).unwrap_or(i64::MAX))]).await?;
        }
    }
    Ok(())
}

/// So many runs fewer have a label; one that none has is no more.
async fn uncount(tx: &mut Tx, tag: i64, runs: i64) -> AppResult<()> {
    sqlx::query("UPDATE trace_labels SET runs = runs - $2 WHERE tag = $1").bind(tag).bind(runs).execute(&mut **tx).await?;
    sqlx::query("DELETE FROM trace_labels WHERE tag = $1 AND runs <= 0").bind(tag).execute(&mut **tx).await?;
    Ok(())
}

/// A label that is asked for: any of these names.
pub struct Wanted {
    tags: Vec<i64>,
    runs: i64,
}

/// What a filter asks of a label; with `is_beginning`, the name may go on: the name itself, then the most frequent of those that begin so. None: no trace of the
/// place has it.
pub async fn wanted(pool: &AnyPool, place: Place, kind: Label, names: &[String], is_beginning: bool) -> AppResult<Option<Wanted>> {
    let place = place.id();
    let mut sql = Sql::new("SELECT tag, runs FROM trace_labels WHERE place_id = ");
    sql.bind(place.clone()).push(" AND kind = ").bind(kind.as_str());
    if is_beginning {
        let first = names.first().cloned().unwrap_or_default();
        sql.push(" AND name >= ").bind(first.clone()).push(" AND name < ").bind(format!("{first}\u{10ffff}"));
        sql.push(" ORDER BY CASE WHEN name = ").bind(first).push(" THEN 0 ELSE 1 END, runs DESC LIMIT ").number(VARIANTS);
    } else {
        sql.push(" AND name IN ").bind_list(names).push(" ORDER BY runs DESC LIMIT ").number(VARIANTS);
    }
    let found: Vec<(i64, i64)> = sql.fetch_all(pool).await?;
    let runs = found.iter().map(|(_, runs)| runs).sum();
    Ok((!found.is_empty()).then(|| Wanted { tags: found.into_iter().map(|(tag, _)| tag).collect(), runs }))
}

/// What a list asks for. `from` and `to` are ids: the first that is left out, and the last that may be shown.
pub struct List {
    pub place: Place,
    pub wanted: Vec<Wanted>,
    pub from: TraceId,
    pub to: TraceId,
    pub limit: i64,
}

/// The latest first, and whether there are more than the limit. What is found of a trace that was deleted in between counts, and is not among the rows.
pub async fn list(pool: &AnyPool, list: &mut List) -> AppResult<(Vec<TraceRow>, Option<TraceId>)> {
    let bytes = |id: TraceId| id.bits().to_be_bytes().to_vec();
    list.wanted.sort_by_key(|wanted| wanted.runs);
    if list.wanted.first().is_none_or(|first| first.tags.len() > 1 && first.runs > SORTED) {
        list.wanted.insert(0, Wanted { tags: vec![tag(&list.place.id(), Label::All, "")], runs: 0 });
    }
    let mut wanted = list.wanted.iter();
    let Some(first) = wanted.next() else { return Ok((Vec::new(), None)) };
    let mut sql = Sql::new(if first.tags.len() == 1 { "SELECT p.trace" } else { "SELECT DISTINCT p.trace" });
    sql.push(" FROM trace_postings p WHERE p.tag ");
    one_of(&mut sql, &first.tags);
    sql.push(" AND p.trace < ").bind(bytes(list.from)).push(" AND p.trace >= ").bind(bytes(list.to));
    for other in wanted {
        sql.push(" AND EXISTS (SELECT 1 FROM trace_postings q WHERE q.trace = p.trace AND q.tag ");
        one_of(&mut sql, &other.tags);
        sql.push(")");
    }
    sql.push(" ORDER BY p.trace DESC LIMIT ").number(list.limit + 1);
    let found: Vec<(Vec<u8>,)> = sql.fetch_all(pool).await?;
    let ids: Vec<TraceId> = found.iter().filter_map(|(id,)| Uuid::from_slice(id).ok()).map(TraceId::from).collect();
    page_of(pool, ids, list.limit).await
}

/// The rows of the first of these ids, and the last of those where there are more.
pub async fn page_of(pool: &AnyPool, mut ids: Vec<TraceId>, limit: i64) -> AppResult<(Vec<TraceRow>, Option<TraceId>)> {
    let is_more = ids.len() as i64 > limit;
    ids.truncate(usize::try_from(limit).unwrap_or_default());
    let last = ids.last().copied().filter(|_| is_more);
    if ids.is_empty() {
        return Ok((Vec::new(), None));
    }
    let mut sql = Sql::new(TRACE);
    sql.push("t.id IN ").bind_list(&ids).push(" ORDER BY t.id DESC");
    Ok((sql.fetch_all(pool).await?, last))
}

/// The latest first of these traces that have the labels asked for; the ids are of one place, the latest first.
pub async fn list_of(pool: &AnyPool, ids: &[TraceId], list: &List) -> AppResult<Vec<TraceId>> {
    let mut found = Vec::new();
    for part in ids.chunks(ROWS) {
        let mut sql = Sql::new("SELECT p.trace FROM trace_postings p WHERE p.tag = ");
        sql.bind(tag(&list.place.id(), Label::All, "")).push(" AND p.trace IN (");
        for (at, id) in part.iter().enumerate() {
            sql.push(if at == 0 { "" } else { ", " }).bind(id.bits().to_be_bytes().to_vec());
        }
        sql.push(")");
        for other in &list.wanted {
            sql.push(" AND EXISTS (SELECT 1 FROM trace_postings q WHERE q.trace = p.trace AND q.tag ");
            one_of(&mut sql, &other.tags);
            sql.push(")");
        }
        sql.push(" ORDER BY p.trace DESC");
        let rows: Vec<(Vec<u8>,)> = sql.fetch_all(pool).await?;
        found.extend(rows.iter().filter_map(|(id,)| Uuid::from_slice(id).ok()).map(TraceId::from));
    }
    Ok(found)
}

fn one_of(sql: &mut Sql, tags: &[i64]) {
    if let [tag] = tags {
        sql.push("= ").bind(*tag);
        return;
    }
    sql.push("IN (");
    for (at, tag) in tags.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).bind(*tag);
    }
    sql.push(")");
}

/// The most frequent labels of these kinds, as (kind, name, runs).
pub async fn labels(pool: &AnyPool, place: Place, kinds: &[Label], limit: i64) -> AppResult<Vec<(String, String, i64)>> {
    let mut found = Vec::new();
    for kind in kinds {
        let mut sql = Sql::new("SELECT kind, name, runs FROM trace_labels WHERE place_id = ");
        sql.bind(place.id()).push(" AND kind = ").bind(kind.as_str()).push(" ORDER BY runs DESC, name LIMIT ").number(limit);
        found.extend(sql.fetch_all::<(String, String, i64)>(pool).await?);
    }
    Ok(found)
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

/// A trace and labels for it.
pub type Labelled = (TraceId, Vec<(Label, String)>);

/// Gives traces of a place labels besides those that they have.
pub async fn add_labels(tx: &mut Tx, place: &str, added: &[Labelled]) -> AppResult<()> {
    let mut names: BTreeMap<i64, (Label, &str)> = BTreeMap::new();
    let mut postings: Vec<(i64, Vec<u8>)> = Vec::new();
    for (id, labels) in added {
        for (kind, name) in labels {
            let tag = tag(place, *kind, name);
            names.insert(tag, (*kind, name.as_str()));
            postings.push((tag, id.bits().to_be_bytes().to_vec()));
        }
    }
    let mut runs: BTreeMap<i64, i64> = BTreeMap::new();
    for part in postings.chunks(ROWS * 10) {
        let mut sql = Sql::new("INSERT INTO trace_postings (tag, trace) VALUES ");
        sql.rows(part, |row, (tag, trace)| {
            row.bind(*tag).bind(trace.clone());
        });
        sql.push(" ON CONFLICT (tag, trace) DO NOTHING RETURNING tag");
        for (tag,) in sql.fetch_all::<(i64,)>(&mut **tx).await? {
            *runs.entry(tag).or_insert(0) += 1;
        }
    }
    let counted: Vec<(Label, &str, i64)> =
        runs.iter().filter_map(|(tag, runs)| names.get(tag).map(|(kind, name)| (*kind, *name, *runs))).collect();
    count_labels(tx, place, &counted).await
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

/// Nothing of a place is found by a label any more.
pub async fn delete_labels(tx: &mut Tx, place: Place) -> AppResult<()> {
    for statement in [
        "DELETE FROM trace_postings WHERE tag IN (SELECT tag FROM trace_labels WHERE place_id = $1)",
        "DELETE FROM trace_labels WHERE place_id = $1",
    ] {
        sqlx::query(statement).bind(place.id()).execute(&mut **tx).await?;
    }
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
