//! Lists of traces: what a filter asks for, and the traces that have it.

use sqlx::AnyPool;
use uuid::Uuid;

use super::{
    Place, ROWS, TRACE, TraceRow,
    labels::{Label, tag},
};
use crate::{error::AppResult, ids::TraceId, server::db::Sql};

/// Words that the beginning of one may stand for.
const VARIANTS: i64 = 100;
/// Where the labels asked for have no more runs than this, their runs are put in order; of more, the traces are gone through from the latest on.
const SORTED: i64 = 20_000;

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
