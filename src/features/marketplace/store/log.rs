//! The transparency log's leaves, complete nodes and signed heads.

use sqlx::AnyPool;

use super::CHUNK;
use crate::{
    error::AppResult,
    server::db::{Sql, Target, Tx},
};

/// How many leaves there are. Read it in a transaction that holds the catalogue's number: one appends at a time.
pub async fn log_size<'c>(executor: impl Target<'c>) -> AppResult<i64> {
    let rows: Vec<(Option<i64>,)> = Sql::new("SELECT MAX(position) AS size FROM log_entries").fetch_all(executor).await?;
    Ok(rows.first().and_then(|(last,)| *last).map_or(0, |last| last + 1))
}

pub async fn insert_leaf(tx: &mut Tx, position: i64, leaf: &[u8], now: i64) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO log_entries (position, leaf, created_at) VALUES (");
    sql.bind(position).push(", ").bind(leaf.to_vec()).push(", ").bind(now).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn leaf(pool: &AnyPool, position: i64) -> AppResult<Option<Vec<u8>>> {
    let mut sql = Sql::new("SELECT leaf FROM log_entries WHERE position = ");
    sql.bind(position);
    Ok(sql.fetch_all::<(Vec<u8>,)>(pool).await?.pop().map(|(leaf,)| leaf))
}

pub async fn leaves(pool: &AnyPool, from: i64, limit: i64) -> AppResult<Vec<(i64, Vec<u8>)>> {
    let mut sql = Sql::new("SELECT position, leaf FROM log_entries WHERE position >= ");
    sql.bind(from).push(" ORDER BY position LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The number of the first entry that was logged at a time or later; the log's size where there is none.
pub async fn log_index_at(pool: &AnyPool, at: i64) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT MIN(position) AS first FROM log_entries WHERE created_at >= ");
    sql.bind(at);
    match sql.fetch_all::<(Option<i64>,)>(pool).await?.pop() {
        Some((Some(first),)) => Ok(first),
        _ => log_size(pool).await,
    }
}

/// Nodes by level and position.
pub type Nodes = Vec<(i64, i64, Vec<u8>)>;

pub async fn insert_nodes(tx: &mut Tx, nodes: &Nodes) -> AppResult<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("INSERT INTO log_nodes (level, position, hash) VALUES ");
    sql.rows(nodes, |row, (level, position, hash)| {
        row.bind(*level).bind(*position).bind(hash.clone());
    });
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn nodes<'c>(executor: impl Target<'c>, wanted: &[(i64, i64)]) -> AppResult<Nodes> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    debug_assert!(wanted.len() < CHUNK, "a proof has some 64 hashes at most");
    let mut sql = Sql::new("SELECT level, position, hash FROM log_nodes WHERE ");
    for (at, (level, position)) in wanted.iter().enumerate() {
        sql.push(if at == 0 { "(level = " } else { " OR (level = " });
        sql.bind(*level).push(" AND position = ").bind(*position).push(")");
    }
    sql.fetch_all(executor).await
}

pub async fn insert_head(tx: &mut Tx, size: i64, note: &str, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO log_heads (size, note, created_at) VALUES (");
    sql.bind(size).push(", ").bind(note.to_owned()).push(", ").bind(now).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// The newest signed head: size and note.
pub async fn head(pool: &AnyPool) -> AppResult<Option<(i64, String)>> {
    Ok(Sql::new("SELECT size, note FROM log_heads ORDER BY size DESC LIMIT 1").fetch_all(pool).await?.pop())
}
