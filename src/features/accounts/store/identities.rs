//! `oidc_identities`: accounts at an issuer of OpenID Connect.

use super::users::Account;
use crate::{
    error::AppResult,
    ids::UserId,
    server::db::{Target, Tx},
};

/// The id of the account here that an account there is linked to.
pub async fn user_of<'c>(executor: impl Target<'c>, issuer: &str, subject: &str) -> AppResult<Option<UserId>> {
    let user: Option<String> = sqlx::query_scalar("SELECT user_id FROM oidc_identities WHERE issuer = $1 AND subject = $2")
        .bind(issuer)
        .bind(subject)
        .fetch_optional(executor)
        .await?;
    user.map(|user| super::id(&user)).transpose()
}

/// The account itself.
pub async fn account<'c>(executor: impl Target<'c> + Copy, issuer: &str, subject: &str) -> AppResult<Option<Account>> {
    match user_of(executor, issuer, subject).await? {
        Some(user) => super::users::by_id(executor, user).await,
        None => Ok(None),
    }
}

/// Whether an account is linked to one of an issuer's.
pub async fn linked<'c>(executor: impl Target<'c>, user: UserId, issuer: &str) -> AppResult<bool> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM oidc_identities WHERE user_id = $1 AND issuer = $2")
        .bind(user.to_string())
        .bind(issuer)
        .fetch_one(executor)
        .await?;
    Ok(count > 0)
}

/// Whether an account is linked to one of any issuer's.
pub async fn any<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<bool> {
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM oidc_identities WHERE user_id = $1").bind(user.to_string()).fetch_one(executor).await?;
    Ok(count > 0)
}

/// False: the account there is linked already, or the account here to another one there.
pub async fn insert(tx: &mut Tx, issuer: &str, subject: &str, user: UserId, now: i64) -> AppResult<bool> {
    let result = sqlx::query(
        "INSERT INTO oidc_identities (issuer, subject, user_id, last_used_at, created_at) VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING",
    )
    .bind(issuer)
    .bind(subject)
    .bind(user.to_string())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(result.rows_affected() == 1)
}

pub async fn used(tx: &mut Tx, issuer: &str, subject: &str, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE oidc_identities SET last_used_at = $3 WHERE issuer = $1 AND subject = $2")
        .bind(issuer)
        .bind(subject)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Takes the link to an issuer away; false when there is none.
pub async fn delete(tx: &mut Tx, user: UserId, issuer: &str) -> AppResult<bool> {
    let result = sqlx::query("DELETE FROM oidc_identities WHERE user_id = $1 AND issuer = $2")
        .bind(user.to_string())
        .bind(issuer)
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() > 0)
}

pub async fn delete_of(tx: &mut Tx, user: UserId) -> AppResult<()> {
    sqlx::query("DELETE FROM oidc_identities WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?;
    Ok(())
}
