//! `password_links`: one-time links that set a password.

use crate::{
    error::AppResult,
    ids::UserId,
    server::db::{Target, Tx},
};

/// Stores a link; one made before for the same account no longer works.
pub async fn replace(tx: &mut Tx, user: UserId, token_hash: &str, created_by: Option<UserId>, expires_at: i64, now: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM password_links WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?;
    sqlx::query("INSERT INTO password_links (id, user_id, token_hash, created_by, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(user.to_string())
        .bind(token_hash)
        .bind(created_by.map(|id| id.to_string()))
        .bind(expires_at)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Until when a link works; none when there is no such link.
pub async fn expires_at<'c>(executor: impl Target<'c>, token_hash: &str) -> AppResult<Option<i64>> {
    Ok(sqlx::query_scalar(
        "SELECT CASE WHEN l.used_at IS NULL AND u.deactivated_at IS NULL THEN l.expires_at ELSE 0 END FROM password_links l \
         JOIN users u ON u.id = l.user_id WHERE l.token_hash = $1",
    )
    .bind(token_hash)
    .fetch_optional(executor)
    .await?)
}

/// Whose a link is, whether it works or not.
pub async fn owner<'c>(executor: impl Target<'c>, token_hash: &str) -> AppResult<Option<UserId>> {
    let user: Option<String> =
        sqlx::query_scalar("SELECT user_id FROM password_links WHERE token_hash = $1").bind(token_hash).fetch_optional(executor).await?;
    user.map(|user| super::id(&user)).transpose()
}

/// Uses a link up; whose it is, or none when it does not work.
pub async fn consume(tx: &mut Tx, token_hash: &str, now: i64) -> AppResult<Option<UserId>> {
    let user: Option<String> = sqlx::query_scalar(
        "UPDATE password_links SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING user_id",
    )
    .bind(token_hash)
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    user.map(|user| super::id(&user)).transpose()
}

pub async fn delete_of(tx: &mut Tx, user: UserId) -> AppResult<()> {
    sqlx::query("DELETE FROM password_links WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete_expired(tx: &mut Tx, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM password_links WHERE expires_at < $1").bind(before).execute(&mut **tx).await?;
    Ok(())
}
