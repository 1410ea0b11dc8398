//! The keys that people publish with.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::marketplace::model::PublisherKey,
    ids::UserId,
    server::db::{Sql, Target, Tx},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct KeyRow {
        pub id: String, pub user_id: String, pub public_key: String, pub name: String, pub revoked_at: Option<i64>, pub created_at: i64,
    }
}

impl From<KeyRow> for PublisherKey {
    fn from(row: KeyRow) -> Self {
        Self { id: row.id, public_key: row.public_key, name: row.name, revoked_at: row.revoked_at, created_at: row.created_at }
    }
}

const KEY: &str = "SELECT id, user_id, public_key, name, revoked_at, created_at FROM publisher_keys WHERE ";

pub async fn keys_of(pool: &AnyPool, user: UserId) -> AppResult<Vec<KeyRow>> {
    let mut sql = Sql::new(KEY);
    sql.push("user_id = ").bind(user.to_string()).push(" ORDER BY created_at DESC, id");
    sql.fetch_all(pool).await
}

pub async fn key<'c>(executor: impl Target<'c>, id: &str) -> AppResult<Option<KeyRow>> {
    let mut sql = Sql::new(KEY);
    sql.push("id = ").bind(id.to_owned());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// False if there is a key with this id.
pub async fn insert_key(tx: &mut Tx, key: &PublisherKey, user: UserId) -> AppResult<bool> {
    let mut sql = Sql::new("INSERT INTO publisher_keys (id, user_id, public_key, name, created_at) VALUES (");
    sql.bind(key.id.clone()).push(", ").bind(user.to_string()).push(", ").bind(key.public_key.clone()).push(", ").bind(key.name.clone());
    sql.push(", ").bind(key.created_at).push(") ON CONFLICT (id) DO NOTHING");
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

pub async fn insert_key_statement(tx: &mut Tx, index: i64, user: UserId, key: &str, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO key_statements (log_index, user_id, key_id, created_at) VALUES (");
    sql.bind(index).push(", ").bind(user.to_string()).push(", ").bind(key.to_owned()).push(", ").bind(now).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// What the log says of an account's keys: numbers and leaves, in the log's order.
pub async fn key_statements_of<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<Vec<(i64, Vec<u8>)>> {
    let mut sql =
        Sql::new("SELECT s.log_index, e.leaf FROM key_statements s JOIN log_entries e ON e.position = s.log_index WHERE s.user_id = ");
    sql.bind(user.to_string()).push(" ORDER BY s.log_index");
    sql.fetch_all(executor).await
}

pub async fn revoke_key(tx: &mut Tx, id: &str, reason: &str, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE publisher_keys SET revoked_at = ");
    sql.bind(now).push(", revoked_reason = ").bind(reason.to_owned()).push(" WHERE revoked_at IS NULL AND id = ").bind(id.to_owned());
    sql.execute(&mut **tx).await?;
    Ok(())
}
