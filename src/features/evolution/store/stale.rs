//! The only SQL on patterns whose rows do not say yet what their traces say.
//!
//! Rows of patterns are derived from their traces. Whatever moves a trace marks the patterns that it came from and went to, in the same transaction; a mark
//! goes in the transaction that writes the row. So a crash in between leaves marks, and whoever comes next writes what is missing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sqlx::AnyPool;

use super::{super::model::Ground, ROWS};
use crate::{
    error::AppResult,
    ids::TraceId,
    server::db::{Sql, Tx},
};

/// A pattern to be written.
#[derive(Clone, Debug)]
pub struct Mark {
    pub number: u64,
    /// Where a pass put traces of it, most of them first.
    pub went: Vec<u64>,
    /// How often it was marked.
    pub marks: i64,
}

/// Marks patterns by their numbers.
pub async fn mark(tx: &mut Tx, ground: Ground, numbers: &BTreeSet<u64>) -> AppResult<()> {
    let none = numbers.iter().map(|number| (*number, Vec::new())).collect();
    write_marks(tx, ground, &none, " ON CONFLICT (place_id, number) DO UPDATE SET marks = evolution_stale.marks + 1").await
}

/// Marks patterns from which a pass takes traces, and where it puts them: before it does.
pub async fn mark_going(tx: &mut Tx, ground: Ground, went: &BTreeMap<u64, Vec<u64>>) -> AppResult<()> {
    write_marks(tx, ground, went, " ON CONFLICT (place_id, number) DO UPDATE SET marks = evolution_stale.marks + 1, went = excluded.went")
        .await
}

async fn write_marks(tx: &mut Tx, ground: Ground, went: &BTreeMap<u64, Vec<u64>>, conflict: &'static str) -> AppResult<()> {
    let rows = went.iter().map(|(number, went)| Ok((*number as i64, serde_json::to_string(went)?))).collect::<AppResult<Vec<_>>>()?;
    for part in rows.chunks(ROWS) {
        let mut sql = Sql::new("INSERT INTO evolution_stale (place_id, number, went, marks) VALUES ");
        sql.rows(part, |row, (number, went)| {
            row.bind(ground.id()).bind(*number).bind(went.clone()).bind(1_i64);
        });
        sql.push(conflict);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Marks the patterns of a trace at every level, in the transaction that deletes it; the places that have some.
pub async fn mark_of_trace(tx: &mut Tx, trace: TraceId) -> AppResult<Vec<String>> {
    sqlx::query(
        "INSERT INTO evolution_stale (place_id, number, went, marks) SELECT place_id, number, '[]', 1 FROM pattern_traces WHERE trace_id = $1 \
         ON CONFLICT (place_id, number) DO UPDATE SET marks = evolution_stale.marks + 1",
    )
    .bind(trace.to_string())
    .execute(&mut **tx)
    .await?;
    let mut sql = Sql::new("SELECT place_id FROM pattern_traces WHERE trace_id = ");
    sql.bind(trace.to_string());
    Ok(sql.fetch_all::<(String,)>(&mut **tx).await?.into_iter().map(|(place,)| place).collect())
}

/// Marks the patterns of all teams that have traces of a place whose traces are about to be deleted.
pub async fn mark_shared_of(tx: &mut Tx, ground: Ground) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO evolution_stale (place_id, number, went, marks) SELECT DISTINCT p.place_id, p.number, '[]', 1 \
         FROM pattern_traces p JOIN traces t ON t.id = p.trace_id WHERE p.place_id = $1 AND t.place_id = $2 \
         ON CONFLICT (place_id, number) DO UPDATE SET marks = evolution_stale.marks + 1",
    )
    .bind(Ground::System.id())
    .bind(ground.id())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Marks the patterns of a place whose rows do not have as many runs as there are traces.
pub async fn mark_odd(tx: &mut Tx, ground: Ground) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO evolution_stale (place_id, number, went, marks) SELECT x.place_id, x.number, '[]', 1 FROM \
         (SELECT p.place_id, p.number FROM patterns p WHERE p.place_id = $1 AND p.gone_at IS NULL AND p.runs <> \
         (SELECT COUNT(*) FROM pattern_traces t WHERE t.place_id = p.place_id AND t.number = p.number) \
         UNION SELECT t.place_id, t.number FROM pattern_traces t WHERE t.place_id = $1 AND NOT EXISTS \
         (SELECT 1 FROM patterns p WHERE p.place_id = t.place_id AND p.number = t.number AND p.gone_at IS NULL)) x WHERE 1 = 1 \
         ON CONFLICT (place_id, number) DO UPDATE SET marks = evolution_stale.marks + 1",
    )
    .bind(ground.id())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Patterns to be written. Those that only got traces come first: others say that theirs went to them.
pub async fn stale(pool: &AnyPool, ground: Ground, limit: i64) -> AppResult<Vec<Mark>> {
    let mut sql = Sql::new("SELECT number, went, marks FROM evolution_stale WHERE place_id = ");
    sql.bind(ground.id()).push(" ORDER BY CASE went WHEN '[]' THEN 0 ELSE 1 END, number LIMIT ").number(limit);
    sql.fetch_all::<(i64, String, i64)>(pool)
        .await?
        .into_iter()
        .map(|(number, went, marks)| Ok(Mark { number: number as u64, went: serde_json::from_str(&went)?, marks }))
        .collect()
}

/// These are written. What was marked again since it was read stays.
pub async fn unmark(tx: &mut Tx, ground: Ground, marks: &[Mark]) -> AppResult<()> {
    for mark in marks {
        sqlx::query("DELETE FROM evolution_stale WHERE place_id = $1 AND number = $2 AND marks = $3")
            .bind(ground.id())
            .bind(mark.number as i64)
            .bind(mark.marks)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Places in which something waits to be grouped or written, with their level, after this one.
pub async fn unfinished(pool: &AnyPool, after: &str, limit: i64) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new(
        "SELECT p.place_id, p.level FROM evolution_places p WHERE (EXISTS (SELECT 1 FROM evolution_stale s WHERE s.place_id = p.place_id) \
         OR EXISTS (SELECT 1 FROM evolution_waiting w WHERE w.place_id = p.place_id)) AND p.place_id > ",
    );
    sql.bind(after.to_owned()).push(" ORDER BY p.place_id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The traces of these patterns.
pub async fn traces_in(pool: &AnyPool, ground: Ground, numbers: &[u64]) -> AppResult<HashSet<String>> {
    let mut found = HashSet::new();
    for number in numbers {
        let mut sql = Sql::new("SELECT trace_id FROM pattern_traces WHERE place_id = ");
        sql.bind(ground.id()).push(" AND number = ").bind(*number as i64);
        found.extend(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(trace,)| trace));
    }
    Ok(found)
}

/// How many traces the database has in each of these patterns.
pub async fn counts(tx: &mut Tx, ground: Ground, numbers: &[u64]) -> AppResult<BTreeMap<u64, i64>> {
    let mut sql = Sql::new("SELECT number, COUNT(*) FROM pattern_traces WHERE place_id = ");
    sql.bind(ground.id()).push(" AND number IN (");
    for (at, number) in numbers.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " }).bind(*number as i64);
    }
    sql.push(if numbers.is_empty() { "NULL) GROUP BY number" } else { ") GROUP BY number" });
    Ok(sql.fetch_all::<(i64, i64)>(&mut **tx).await?.into_iter().map(|(number, traces)| (number as u64, traces)).collect())
}
