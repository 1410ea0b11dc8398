//! `api_tokens`.

use crate::{
    error::AppResult,
    features::accounts::model::{ApiToken, Scopes},
    ids::{ApiTokenId, TeamId, UserId},
    server::db::{Target, Tx},
};

pub async fn insert(tx: &mut Tx, user: UserId, token: &ApiToken, token_hash: &str, created_by: UserId) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO api_tokens (id, user_id, name, scopes, prefix, token_hash, created_by, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(token.id.to_string())
    .bind(user.to_string())
    .bind(token.name.as_str())
    .bind(token.scopes.to_string())
    .bind(token.prefix.as_str())
    .bind(token_hash)
    .bind(created_by.to_string())
    .bind(token.expires_at)
    .bind(token.created_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn id_is_taken(tx: &mut Tx, id: ApiTokenId) -> AppResult<bool> {
    let taken: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_tokens WHERE id = $1").bind(id.to_string()).fetch_one(&mut **tx).await?;
    Ok(taken > 0)
}

crate::row! {
    /// A token with whose it is, also when it no longer works: the answer then says why.
    pub struct TokenActor {
        pub token_id: String,
        pub scopes: String,
        pub expires_at: Option<i64>,
        pub last_used_at: Option<i64>,
        pub user_id: String,
        pub user_kind: String,
        pub user_name: String,
        pub user_color: i64,
        pub user_avatar: Option<String>,
        pub administrator: i64,
        pub moderator: i64,
    }
}

pub async fn actor<'c>(executor: impl Target<'c>, token_hash: &str) -> AppResult<Option<TokenActor>> {
    Ok(sqlx::query_as(concat!(
        "SELECT k.id AS token_id, k.scopes, k.expires_at, k.last_used_at, u.administrator, u.moderator, ",
        super::person_columns!(),
        " FROM api_tokens k JOIN users u ON u.id = k.user_id \
         WHERE k.token_hash = $1 AND k.revoked_at IS NULL AND u.deactivated_at IS NULL AND u.deleted_at IS NULL"
    ))
    .bind(token_hash)
    .fetch_optional(executor)
    .await?)
}

pub async fn touch(tx: &mut Tx, id: &str, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE api_tokens SET last_used_at = $2 WHERE id = $1").bind(id).bind(now).execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    struct TokenRow {
        id: String, name: String, scopes: String, prefix: String, created_at: i64, expires_at: Option<i64>, last_used_at: Option<i64>,
    }
}

/// Tokens of an account that were not revoked, newest first.
pub async fn list<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<Vec<ApiToken>> {
    let rows: Vec<TokenRow> = sqlx::query_as(
        "SELECT id, name, scopes, prefix, created_at, expires_at, last_used_at FROM api_tokens WHERE user_id = $1 AND revoked_at IS NULL \
         ORDER BY id DESC LIMIT 500",
    )
    .bind(user.to_string())
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ApiToken {
                id: super::id(&row.id)?,
                name: row.name,
                scopes: Scopes::parse(&row.scopes),
                prefix: row.prefix,
                created_at: row.created_at,
                expires_at: row.expires_at,
                last_used_at: row.last_used_at,
            })
        })
        .collect()
}

pub async fn count(tx: &mut Tx, user: UserId) -> AppResult<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM api_tokens WHERE user_id = $1 AND revoked_at IS NULL")
        .bind(user.to_string())
        .fetch_one(&mut **tx)
        .await?)
}

/// Revokes one token of `user`; its name, or none when there is nothing to revoke.
pub async fn revoke(tx: &mut Tx, id: ApiTokenId, user: UserId, now: i64) -> AppResult<Option<String>> {
    Ok(sqlx::query_scalar("UPDATE api_tokens SET revoked_at = $3 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL RETURNING name")
        .bind(id.to_string())
        .bind(user.to_string())
        .bind(now)
        .fetch_optional(&mut **tx)
        .await?)
}

pub async fn revoke_all(tx: &mut Tx, user: UserId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE api_tokens SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL")
        .bind(user.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Revokes the tokens of all agents that `team` owns.
pub async fn revoke_of_agents(tx: &mut Tx, team: TeamId, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE api_tokens SET revoked_at = $2 WHERE revoked_at IS NULL AND user_id IN (SELECT id FROM users WHERE owner_team_id = $1)",
    )
    .bind(team.to_string())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Removes tokens that ended before `before`.
pub async fn delete_ended(tx: &mut Tx, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM api_tokens WHERE revoked_at < $1 OR expires_at < $1").bind(before).execute(&mut **tx).await?;
    Ok(())
}
