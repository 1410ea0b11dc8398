//! The only SQL on `usage_events`, `usage_keys`, `usage_once` and what events add up to.

pub mod rollups;
pub mod rows;
pub mod views;

use std::collections::HashMap;

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    server::db::{Sql, Tx},
};

/// Rows of one statement: ten arguments each, far below what both engines take.
const CHUNK: usize = 500;

/// A row of `usage_events`; ids are those of `usage_keys`, 0 is none.
pub struct Row {
    pub at: i64,
    pub kind: i64,
    pub workspace: i64,
    pub actor: i64,
    pub volume: i64,
    pub subject: i64,
    pub artifact_kind: i64,
    pub category: i64,
    pub amount: i64,
    pub extra: i64,
}

pub async fn insert(tx: &mut Tx, rows: &[Row]) -> AppResult<()> {
    for chunk in rows.chunks(CHUNK) {
        let mut sql = Sql::new(
            "INSERT INTO usage_events (at, kind, workspace, actor, volume, subject, artifact_kind, category, amount, extra) VALUES ",
        );
        sql.rows(chunk, |values, row| {
            values
                .bind(row.at)
                .bind(row.kind)
                .bind(row.workspace)
                .bind(row.actor)
                .bind(row.volume)
                .bind(row.subject)
                .bind(row.artifact_kind)
                .bind(row.category)
                .bind(row.amount)
                .bind(row.extra);
        });
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Notes that an event of this kind, workspace, subject and time was written. False: it was before.
pub async fn note_once(tx: &mut Tx, row: &Row) -> AppResult<bool> {
    let sql = "INSERT INTO usage_once (workspace, kind, subject, at) VALUES ($1, $2, $3, $4) ON CONFLICT (workspace, kind, subject, at) DO NOTHING";
    let noted = sqlx::query(sql).bind(row.workspace).bind(row.kind).bind(row.subject).bind(row.at).execute(&mut **tx).await?;
    Ok(noted.rows_affected() > 0)
}

/// Gives texts numbers; those that had one are not in the answer.
pub async fn add_keys(tx: &mut Tx, texts: &[&str]) -> AppResult<Vec<(String, i64)>> {
    let mut added = Vec::new();
    for chunk in texts.chunks(CHUNK) {
        let mut sql = Sql::new("INSERT INTO usage_keys (text) VALUES ");
        sql.rows(chunk, |values, text| {
            values.bind((*text).to_owned());
        });
        sql.push(" ON CONFLICT (text) DO NOTHING RETURNING text, id");
        added.extend(sql.fetch_all::<(String, i64)>(&mut **tx).await?);
    }
    Ok(added)
}

/// The numbers of texts.
pub async fn keys(tx: &mut Tx, texts: &[&str]) -> AppResult<Vec<(String, i64)>> {
    let mut found = Vec::new();
    for chunk in texts.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT text, id FROM usage_keys WHERE text IN ");
        sql.bind_list(chunk);
        found.extend(sql.fetch_all::<(String, i64)>(&mut **tx).await?);
    }
    Ok(found)
}

/// Whatever has the number of a text has another text from now on.
pub async fn rename_key(tx: &mut Tx, text: &str, becomes: &str) -> AppResult<()> {
    sqlx::query("UPDATE usage_keys SET text = $1 WHERE text = $2").bind(becomes).bind(text).execute(&mut **tx).await?;
    Ok(())
}

/// The numbers of texts, those that have one.
pub async fn keys_of(pool: &AnyPool, texts: &[String]) -> AppResult<HashMap<String, u32>> {
    let mut found = HashMap::with_capacity(texts.len());
    for chunk in texts.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT text, id FROM usage_keys WHERE text IN ");
        sql.bind_list(chunk);
        let rows = sql.fetch_all::<(String, i64)>(pool).await?;
        found.extend(rows.into_iter().filter_map(|(text, id)| Some((text, u32::try_from(id).ok()?))));
    }
    Ok(found)
}

/// The texts of numbers.
pub async fn texts(pool: &AnyPool, keys: &[u32]) -> AppResult<HashMap<u32, String>> {
    let mut found = HashMap::with_capacity(keys.len());
    for chunk in keys.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT id, text FROM usage_keys WHERE id IN (0");
        for key in chunk {
            sql.push(", ").bind(i64::from(*key));
        }
        sql.push(")");
        let rows = sql.fetch_all::<(i64, String)>(pool).await?;
        found.extend(rows.into_iter().filter_map(|(id, text)| Some((u32::try_from(id).ok()?, text))));
    }
    Ok(found)
}
