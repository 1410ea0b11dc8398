//! The only SQL on traces that wait to be grouped, and on the patterns that they are in.

use std::collections::BTreeSet;

use sqlx::AnyPool;

use super::{super::model::Ground, ROWS, stale::mark};
use crate::{
    error::AppResult,
    ids::TraceId,
    server::db::{Sql, Tx},
};

pub async fn add_waiting(tx: &mut Tx, place: &str, traces: &[TraceId]) -> AppResult<()> {
    for part in traces.chunks(ROWS) {
        let mut sql = Sql::new("INSERT INTO evolution_waiting (place_id, trace_id) VALUES ");
        sql.rows(part, |row, id| {
            row.bind(place.to_owned()).bind(id.to_string());
        });
        sql.push(" ON CONFLICT (place_id, trace_id) DO UPDATE SET marks = evolution_waiting.marks + 1");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Traces that wait, each with how often it was marked.
pub async fn waiting(pool: &AnyPool, ground: Ground, limit: i64) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new("SELECT trace_id, marks FROM evolution_waiting WHERE place_id = ");
    sql.bind(ground.id()).push(" ORDER BY trace_id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

pub async fn waiting_count(pool: &AnyPool, ground: Ground) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM evolution_waiting WHERE place_id = ");
    sql.bind(ground.id());
    Ok(sql.fetch_all::<(i64,)>(pool).await?.first().map_or(0, |(count,)| *count))
}

/// Traces and their patterns' numbers are written. The patterns that they leave and come to are marked.
pub async fn assign(tx: &mut Tx, ground: Ground, assigned: &[(String, u64)]) -> AppResult<()> {
    let mut numbers: BTreeSet<u64> = assigned.iter().map(|(_, number)| *number).collect();
    for part in assigned.chunks(ROWS) {
        let mut sql = Sql::new("SELECT DISTINCT number FROM pattern_traces WHERE place_id = ");
        sql.bind(ground.id()).push(" AND trace_id IN ").bind_list(part.iter().map(|(trace, _)| trace));
        numbers.extend(sql.fetch_all::<(i64,)>(&mut **tx).await?.into_iter().map(|(number,)| number as u64));
        let mut sql = Sql::new("INSERT INTO pattern_traces (place_id, trace_id, number) ");
        // A trace may have been deleted meanwhile.
        sql.push("SELECT v.place_id, v.trace_id, v.number FROM (SELECT ");
        for (at, (trace, number)) in part.iter().enumerate() {
            if at == 0 {
                sql.bind(ground.id())
                    .push(" AS place_id, ")
                    .bind(trace.clone())
                    .push(" AS trace_id, CAST(")
                    .bind(*number as i64)
                    .push(" AS BIGINT) AS number");
            } else {
                sql.push(" UNION ALL SELECT ")
                    .bind(ground.id())
                    .push(", ")
                    .bind(trace.clone())
                    .push(", CAST(")
                    .bind(*number as i64)
                    .push(" AS BIGINT)");
            }
        }
        sql.push(") v WHERE EXISTS (SELECT 1 FROM traces t WHERE t.id = v.trace_id) ON CONFLICT (place_id, trace_id) DO UPDATE SET number = excluded.number");
        sql.execute(&mut **tx).await?;
    }
    mark(tx, ground, &numbers).await
}

/// Traces do not wait any more, but for those that were marked again since they were read. Nor do those that cannot be grouped.
pub async fn drop_waiting(tx: &mut Tx, ground: Ground, traces: &[(String, i64)]) -> AppResult<()> {
    for part in traces.chunks(ROWS) {
        let mut sql = Sql::new("DELETE FROM evolution_waiting WHERE place_id = ");
        sql.bind(ground.id()).push(" AND (");
        for (at, (trace, marks)) in part.iter().enumerate() {
            sql.push(if at == 0 { "(trace_id = " } else { " OR (trace_id = " })
                .bind(trace.clone())
                .push(" AND marks = ")
                .bind(*marks)
                .push(")");
        }
        sql.push(")");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// What is grouped, by trace, after this one.
pub async fn assigned(pool: &AnyPool, ground: Ground, after: &str, limit: i64) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new("SELECT trace_id, number FROM pattern_traces WHERE place_id = ");
    sql.bind(ground.id()).push(" AND trace_id > ").bind(after.to_owned()).push(" ORDER BY trace_id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Traces of a pattern that are earlier than this one, the latest first.
pub async fn traces_before(pool: &AnyPool, place: &str, number: i64, before: &str, limit: i64) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT trace_id FROM pattern_traces WHERE place_id = ");
    sql.bind(place.to_owned()).push(" AND number = ").bind(number).push(" AND trace_id < ").bind(before.to_owned());
    sql.push(" ORDER BY trace_id DESC LIMIT ").number(limit);
    Ok(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(id,)| id).collect())
}

/// Traces of a pattern, the latest first.
pub async fn traces_of(pool: &AnyPool, place: &str, number: i64, limit: i64) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT trace_id FROM pattern_traces WHERE place_id = ");
    sql.bind(place.to_owned()).push(" AND number = ").bind(number).push(" ORDER BY trace_id DESC LIMIT ").number(limit);
    Ok(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(id,)| id).collect())
}
