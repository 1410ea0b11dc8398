//! `known_devices`: browsers that an account has signed in with.

use crate::{
    error::AppResult,
    ids::UserId,
    server::db::{Sql, Tx},
};

/// Notes that a browser signs in again; false when the account never did with it.
pub async fn seen(tx: &mut Tx, user: UserId, device_hash: &str, now: i64) -> AppResult<bool> {
    let result = sqlx::query("UPDATE known_devices SET last_seen_at = $3 WHERE user_id = $1 AND device_hash = $2")
        .bind(user.to_string())
        .bind(device_hash)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Whether the account has signed in with any.
pub async fn any(tx: &mut Tx, user: UserId) -> AppResult<bool> {
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM known_devices WHERE user_id = $1").bind(user.to_string()).fetch_one(&mut **tx).await?;
    Ok(count > 0)
}

pub async fn insert(tx: &mut Tx, user: UserId, device_hash: &str, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO known_devices (user_id, device_hash, last_seen_at, created_at) VALUES ($1, $2, $3, $3) ON CONFLICT DO NOTHING",
    )
    .bind(user.to_string())
    .bind(device_hash)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets all but those that were seen last.
pub async fn delete_beyond(tx: &mut Tx, user: UserId, most: i64) -> AppResult<()> {
    let mut sql = Sql::new("DELETE FROM known_devices WHERE user_id = ");
    sql.bind(user.to_string())
        .push(" AND device_hash NOT IN (SELECT device_hash FROM known_devices WHERE user_id = ")
        .bind(user.to_string());
    sql.push(" ORDER BY last_seen_at DESC, device_hash LIMIT ").number(most).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn forget_of(tx: &mut Tx, user: UserId) -> AppResult<()> {
    sqlx::query("DELETE FROM known_devices WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Those that were not seen since a time.
pub async fn forget_old(tx: &mut Tx, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM known_devices WHERE last_seen_at < $1").bind(before).execute(&mut **tx).await?;
    Ok(())
}
