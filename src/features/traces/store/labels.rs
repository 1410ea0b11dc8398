//! The only SQL on labels, apart from what a new trace and a list do with them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use sqlx::AnyPool;
use uuid::Uuid;

use super::{Place, ROWS};
use crate::{
    error::AppResult,
    ids::TraceId,
    server::db::{Sql, Tx},
};

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
pub(super) fn tag(place: &str, kind: Label, name: &str) -> i64 {
    let digest =
        Sha256::new().chain_update(place).chain_update([0]).chain_update(kind.as_str()).chain_update([0]).chain_update(name).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first) & i64::MAX
}

/// Adds to the runs of labels.
pub(super) async fn count_labels(tx: &mut Tx, place: &str, labels: &[(Label, &str, i64)]) -> AppResult<()> {
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
