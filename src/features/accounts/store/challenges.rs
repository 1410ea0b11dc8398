//! `challenges`: what waits a few minutes for its second half.

use crate::{
    error::AppResult,
    ids::UserId,
    server::db::{Target, Tx},
};

/// What was begun.
pub struct NewChallenge<'a> {
    pub key_hash: &'a str,
    pub purpose: &'static str,
    pub user: Option<UserId>,
    pub how: &'a str,
    pub sealed: Option<Vec<u8>>,
    pub expires_at: i64,
}

/// Begins it, in the place of one that has the same key.
pub async fn put(tx: &mut Tx, new: &NewChallenge<'_>, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO challenges (key_hash, purpose, user_id, how, sealed, tries, expires_at, created_at) VALUES ($1, $2, $3, $4, $5, 0, $6, $7) \
         ON CONFLICT (key_hash) DO UPDATE SET purpose = excluded.purpose, user_id = excluded.user_id, how = excluded.how, \
         sealed = excluded.sealed, tries = 0, expires_at = excluded.expires_at, created_at = excluded.created_at",
    )
    .bind(new.key_hash)
    .bind(new.purpose)
    .bind(new.user.map(|user| user.to_string()))
    .bind(new.how)
    .bind(new.sealed.clone())
    .bind(new.expires_at)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

crate::row! {
    pub struct ChallengeRow { pub user_id: Option<String>, pub how: String, pub sealed: Option<Vec<u8>>, pub expires_at: i64 }
}

/// What waits under a key for `purpose`.
pub async fn find<'c>(executor: impl Target<'c>, key_hash: &str, purpose: &str, now: i64) -> AppResult<Option<ChallengeRow>> {
    Ok(sqlx::query_as("SELECT user_id, how, sealed, expires_at FROM challenges WHERE key_hash = $1 AND purpose = $2 AND expires_at > $3")
        .bind(key_hash)
        .bind(purpose)
        .bind(now)
        .fetch_optional(executor)
        .await?)
}

/// Takes it out: of two answers at once one gets it.
pub async fn take(tx: &mut Tx, key_hash: &str, purpose: &str, now: i64) -> AppResult<Option<ChallengeRow>> {
    Ok(sqlx::query_as(
        "DELETE FROM challenges WHERE key_hash = $1 AND purpose = $2 AND expires_at > $3 RETURNING user_id, how, sealed, expires_at",
    )
    .bind(key_hash)
    .bind(purpose)
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?)
}

/// Keeps what a browser was asked to sign.
pub async fn set_sealed(tx: &mut Tx, key_hash: &str, sealed: Option<Vec<u8>>) -> AppResult<()> {
    sqlx::query("UPDATE challenges SET sealed = $2 WHERE key_hash = $1").bind(key_hash).bind(sealed).execute(&mut **tx).await?;
    Ok(())
}

/// Counts a wrong answer; after `most` of them nothing waits any more. False then.
pub async fn count_try(tx: &mut Tx, key_hash: &str, most: i64) -> AppResult<bool> {
    sqlx::query("UPDATE challenges SET tries = tries + 1 WHERE key_hash = $1").bind(key_hash).execute(&mut **tx).await?;
    let result =
        sqlx::query("DELETE FROM challenges WHERE key_hash = $1 AND tries >= $2").bind(key_hash).bind(most).execute(&mut **tx).await?;
    Ok(result.rows_affected() == 0)
}

pub async fn forget_of(tx: &mut Tx, user: UserId) -> AppResult<()> {
    sqlx::query("DELETE FROM challenges WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete_expired(tx: &mut Tx, now: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM challenges WHERE expires_at <= $1").bind(now).execute(&mut **tx).await?;
    Ok(())
}
