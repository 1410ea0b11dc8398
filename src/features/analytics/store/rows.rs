//! Reading single events: what is behind a number.

use llmos_analytics::zones::QUARTER;
use sqlx::AnyPool;

use super::rollups::EventRow;
use crate::{
    error::AppResult,
    server::db::{Engine, Sql},
};

/// Which events are wanted; 0 is anything.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub workspaces: &'a [u32],
    pub kinds: &'a [u16],
    /// UTC ms, from and, not included, to.
    pub from: i64,
    pub to: i64,
    /// Within these, only in one of them: from and, not included, to.
    pub within: &'a [std::ops::Range<i64>],
    /// Only what is older than this event: time and number.
    pub before: Option<(i64, i64)>,
    pub actor: u32,
    /// Only what one of these did; none is anybody.
    pub actors: Option<&'a [u32]>,
    pub volume: u32,
    pub subject: u32,
    pub artifact_kind: u8,
    pub category: u8,
    /// A condition of the measure on what is counted.
    pub and: &'static str,
    pub limit: i64,
}

/// Pieces of the index that one statement reads: SQLite takes 500 parts of a compound at most.
const PIECES: usize = 100;

/// Events, the newest first. Each workspace and kind is a piece of the index in the order of time, so a page reads a page of each.
pub async fn rows(pool: &AnyPool, engine: Engine, wanted: &Wanted<'_>) -> AppResult<Vec<EventRow>> {
    let mut rows: Vec<EventRow> = Vec::new();
    if wanted.actors.is_some_and(<[u32]>::is_empty) {
        return Ok(rows);
    }
    for some in pieces(wanted).chunks(PIECES) {
        let mut sql = Sql::default();
        for (at, one) in some.iter().enumerate() {
            sql.push(if at == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
            piece(&mut sql, engine, wanted, *one);
            sql.push(") AS piece");
        }
        sql.push(" ORDER BY at DESC, seq DESC LIMIT ").number(wanted.limit);
        rows.extend(sql.fetch_all::<EventRow>(pool).await?);
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.seq)));
    rows.truncate(usize::try_from(wanted.limit).unwrap_or_default());
    Ok(rows)
}

crate::row! {
    /// How many events there were in a quarter of an hour since 1970.
    pub struct QuarterCount { pub quarter: i64, pub many: i64 }
}

/// How many events there were in each quarter of an hour that has any, however many these are: `limit` is of pages alone.
pub async fn per_quarter(pool: &AnyPool, wanted: &Wanted<'_>) -> AppResult<Vec<QuarterCount>> {
    let mut counts = Vec::new();
    for some in pieces(wanted).chunks(PIECES) {
        let mut sql = Sql::default();
        for (at, piece) in some.iter().enumerate() {
            sql.push(if at == 0 { "SELECT at / " } else { " UNION ALL SELECT at / " }).number(QUARTER);
            sql.push(" AS quarter, COUNT(*) AS many FROM usage_events WHERE ");
            conditions(&mut sql, wanted, *piece);
            sql.push(" GROUP BY quarter");
        }
        counts.extend(sql.fetch_all::<QuarterCount>(pool).await?);
    }
    Ok(counts)
}

/// The workspaces, each with each of the kinds.
fn pieces(wanted: &Wanted<'_>) -> Vec<(u32, u16)> {
    wanted.workspaces.iter().flat_map(|workspace| wanted.kinds.iter().map(|kind| (*workspace, *kind))).collect()
}

/// The newest events of one kind in one workspace.
fn piece(sql: &mut Sql, engine: Engine, wanted: &Wanted<'_>, one: (u32, u16)) {
    sql.push(match engine {
        Engine::Sqlite => {
            "SELECT seq, 0 AS tx, at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra FROM usage_events WHERE "
        }
        Engine::Postgres => {
            "SELECT seq, tx, at, kind::BIGINT AS kind, workspace::BIGINT AS workspace, actor::BIGINT AS actor, volume::BIGINT AS volume, \
             subject::BIGINT AS subject, artifact_kind::BIGINT AS artifact_kind, category::BIGINT AS category, amount, extra \
             FROM usage_events WHERE "
        }
    });
    conditions(sql, wanted, one);
    sql.push(" ORDER BY at DESC, seq DESC LIMIT ").number(wanted.limit);
}

/// Which events of one kind in one workspace are wanted.
fn conditions(sql: &mut Sql, wanted: &Wanted<'_>, (workspace, kind): (u32, u16)) {
    sql.push("workspace = ").bind(i64::from(workspace)).push(" AND kind = ").number(kind.into());
    sql.push(" AND at >= ").bind(wanted.from).push(" AND at < ").bind(wanted.to);
    if let Some((at, seq)) = wanted.before {
        sql.push(" AND at <= ").bind(at).push(" AND (at < ").bind(at).push(" OR seq < ").bind(seq).push(")");
    }
    for (column, value) in [
        (" AND actor = ", wanted.actor),
        (" AND volume = ", wanted.volume),
        (" AND subject = ", wanted.subject),
        (" AND artifact_kind = ", wanted.artifact_kind.into()),
        (" AND category = ", wanted.category.into()),
    ] {
        if value != 0 {
            sql.push(column).number(value.into());
        }
    }
    for (at, actor) in wanted.actors.unwrap_or_default().iter().enumerate() {
        sql.push(if at == 0 { " AND actor IN (" } else { ", " }).number((*actor).into());
    }
    if wanted.actors.is_some() {
        sql.push(")");
    }
    for (at, times) in wanted.within.iter().enumerate() {
        sql.push(if at == 0 { " AND (" } else { " OR " }).push("at >= ").number(times.start).push(" AND at < ").number(times.end);
    }
    if !wanted.within.is_empty() {
        sql.push(")");
    }
    sql.push(wanted.and);
}
