//! `sign_ins`: one row for each signed-in browser.

use crate::{
    error::AppResult,
    ids::{SignInId, UserId},
    server::db::{Sql, Target, Tx},
};

/// A fresh sign-in. Only the hash of its secret is stored.
pub struct NewSignIn<'a> {
    pub id: SignInId,
    pub user: UserId,
    pub token_hash: &'a str,
    pub user_agent: &'a str,
    pub address: &'a str,
    pub expires_at: i64,
}

pub async fn insert(tx: &mut Tx, new: &NewSignIn<'_>, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO sign_ins (id, user_id, token_hash, user_agent, address, created_at, last_seen_at, confirmed_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, $6, $7)",
    )
    .bind(new.id.to_string())
    .bind(new.user.to_string())
    .bind(new.token_hash)
    .bind(new.user_agent)
    .bind(new.address)
    .bind(now)
    .bind(new.expires_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

crate::row! {
    /// A living sign-in and whose it is.
    pub struct SignInActor {
        pub sign_in_id: String,
        pub last_seen_at: i64,
        pub expires_at: i64,
        pub user_id: String,
        pub user_kind: String,
        pub user_name: String,
        pub user_color: i64,
        pub user_avatar: Option<String>,
        pub administrator: i64,
        pub moderator: i64,
    }
}

macro_rules! actor_select {
    () => {
        concat!(
            "SELECT s.id AS sign_in_id, s.last_seen_at, s.expires_at, u.administrator, u.moderator, ",
            super::person_columns!(),
            " FROM sign_ins s JOIN users u ON u.id = s.user_id \
             WHERE s.expires_at > $2 AND u.deactivated_at IS NULL AND u.deleted_at IS NULL AND "
        )
    };
}

pub async fn actor<'c>(executor: impl Target<'c>, token_hash: &str, now: i64) -> AppResult<Option<SignInActor>> {
    Ok(sqlx::query_as(concat!(actor_select!(), "s.token_hash = $1")).bind(token_hash).bind(now).fetch_optional(executor).await?)
}

/// The same by its id: for connections, which outlive a change of the secret.
pub async fn actor_of<'c>(executor: impl Target<'c>, id: SignInId, now: i64) -> AppResult<Option<SignInActor>> {
    Ok(sqlx::query_as(concat!(actor_select!(), "s.id = $1")).bind(id.to_string()).bind(now).fetch_optional(executor).await?)
}

/// Moves the end of a sign-in on because it is used, but not beyond `longest` milliseconds after its beginning.
pub async fn touch(tx: &mut Tx, id: &str, now: i64, expires_at: i64, longest: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE sign_ins SET last_seen_at = $2, expires_at = CASE WHEN created_at + $4 < $3 THEN created_at + $4 ELSE $3 END \
         WHERE id = $1 AND last_seen_at < $2",
    )
    .bind(id)
    .bind(now)
    .bind(expires_at)
    .bind(longest)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// When the person last proved who they are.
pub async fn confirmed_at<'c>(executor: impl Target<'c>, id: SignInId) -> AppResult<Option<i64>> {
    Ok(sqlx::query_scalar("SELECT confirmed_at FROM sign_ins WHERE id = $1").bind(id.to_string()).fetch_optional(executor).await?)
}

/// They just did: the sign-in goes on under another secret.
pub async fn confirm(tx: &mut Tx, id: SignInId, token_hash: &str, now: i64) -> AppResult<bool> {
    let result = sqlx::query("UPDATE sign_ins SET token_hash = $2, confirmed_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(token_hash)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Ends those of an account beyond the `most` last used.
pub async fn delete_beyond(tx: &mut Tx, user: UserId, most: i64) -> AppResult<()> {
    let mut sql = Sql::new("DELETE FROM sign_ins WHERE user_id = ");
    sql.bind(user.to_string()).push(" AND id NOT IN (SELECT id FROM sign_ins WHERE user_id = ").bind(user.to_string());
    sql.push(" ORDER BY last_seen_at DESC, id DESC LIMIT ").number(most).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    pub struct SignInRow { pub id: String, pub user_agent: String, pub address: String, pub created_at: i64, pub last_seen_at: i64 }
}

pub async fn list<'c>(executor: impl Target<'c>, user: UserId, now: i64) -> AppResult<Vec<SignInRow>> {
    Ok(sqlx::query_as(
        "SELECT id, user_agent, address, created_at, last_seen_at FROM sign_ins WHERE user_id = $1 AND expires_at > $2 \
         ORDER BY last_seen_at DESC, id DESC LIMIT 200",
    )
    .bind(user.to_string())
    .bind(now)
    .fetch_all(executor)
    .await?)
}

/// Ends one sign-in of `user`; false when there is none.
pub async fn delete(tx: &mut Tx, id: SignInId, user: UserId) -> AppResult<bool> {
    let result = sqlx::query("DELETE FROM sign_ins WHERE id = $1 AND user_id = $2")
        .bind(id.to_string())
        .bind(user.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() > 0)
}

/// Ends all sign-ins of `user` but `kept`.
pub async fn delete_all(tx: &mut Tx, user: UserId, kept: Option<SignInId>) -> AppResult<u64> {
    let result = sqlx::query("DELETE FROM sign_ins WHERE user_id = $1 AND id <> $2")
        .bind(user.to_string())
        .bind(kept.map(|id| id.to_string()).unwrap_or_default())
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected())
}

pub async fn delete_expired(tx: &mut Tx, now: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM sign_ins WHERE expires_at < $1").bind(now).execute(&mut **tx).await?;
    Ok(())
}

/// Who shares a team with `user` and was seen since a time.
pub async fn active_in_teams_of(pool: &sqlx::AnyPool, user: UserId, since: i64, limit: i64) -> AppResult<Vec<UserId>> {
    let mut sql = Sql::new(
        "SELECT DISTINCT m.user_id FROM memberships m JOIN memberships mine ON mine.team_id = m.team_id AND mine.user_id <> m.user_id \
         JOIN sign_ins s ON s.user_id = m.user_id AND s.last_seen_at >= ",
    );
    sql.bind(since).push(" WHERE mine.user_id = ").bind(user.to_string()).push(" ORDER BY m.user_id LIMIT ").number(limit);
    sql.fetch_all::<(String,)>(pool).await?.iter().map(|(user,)| super::id(user)).collect()
}
