//! Numbers of changes, for whoever keeps a copy of what sessions say: `session_scopes` and `sessions.changed`.

use std::collections::HashMap;

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{SessionId, TeamId, UserId},
    server::db::{Sql, Tx},
};

/// Gives the session the next number of its scope. The scope's row stays held until the transaction ends, so that a reader who knows a number
/// knows everything before it.
pub async fn count_change(tx: &mut Tx, session: SessionId) -> AppResult<()> {
    let number: Option<i64> = sqlx::query_scalar(
        "INSERT INTO session_scopes (id, number) SELECT COALESCE(team_id, owner_id), 1 FROM sessions WHERE id = $1 \
         ON CONFLICT (id) DO UPDATE SET number = session_scopes.number + 1 RETURNING number",
    )
    .bind(session.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    sqlx::query("UPDATE sessions SET changed = $2 WHERE id = $1").bind(session.to_string()).bind(number).execute(&mut **tx).await?;
    Ok(())
}

/// Tells of all sessions of a team at once: those that came with its archive, whose numbers are there already.
pub async fn reveal_scope(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO session_scopes (id, number) SELECT $1, COALESCE(MAX(changed), 0) FROM sessions WHERE team_id = $1 \
         ON CONFLICT (id) DO UPDATE SET number = excluded.number",
    )
    .bind(team.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The same for all private sessions of an account.
pub async fn count_private_change(tx: &mut Tx, owner: UserId) -> AppResult<()> {
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO session_scopes (id, number) VALUES ($1, 1) \
         ON CONFLICT (id) DO UPDATE SET number = session_scopes.number + 1 RETURNING number",
    )
    .bind(owner.to_string())
    .fetch_one(&mut **tx)
    .await?;
    sqlx::query("UPDATE sessions SET changed = $2 WHERE owner_id = $1 AND team_id IS NULL")
        .bind(owner.to_string())
        .bind(number)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The numbers of these scopes; those of which nothing was ever counted are left out.
pub async fn numbers(pool: &AnyPool, scopes: &[String]) -> AppResult<HashMap<String, i64>> {
    let mut sql = Sql::new("SELECT id, number FROM session_scopes WHERE id IN ");
    sql.bind_list(scopes);
    Ok(sql.fetch_all::<(String, i64)>(pool).await?.into_iter().collect())
}

/// All scopes that have sessions, and their numbers.
pub async fn all_numbers(pool: &AnyPool) -> AppResult<Vec<(String, i64)>> {
    Sql::new("SELECT id, number FROM session_scopes").fetch_all(pool).await
}

crate::row! {
    /// What a session is about, and how much it says.
    pub struct ChangedRow {
        pub id: String, pub owner_id: String, pub team_id: Option<String>, pub title: String, pub goal: String, pub deleted_at: Option<i64>,
        pub active_at: i64, pub changed: i64,
    }
}

const CHANGED: &str = "SELECT id, owner_id, team_id, title, goal, deleted_at, active_at, changed FROM sessions WHERE ";

/// Sessions of a scope that changed after a number, in that order; a slice of them.
pub async fn changed_since(pool: &AnyPool, scope: &str, after: (i64, &str), limit: i64) -> AppResult<Vec<ChangedRow>> {
    let mut sql = Sql::new(CHANGED);
    sql.push("(team_id = ").bind(scope.to_owned()).push(" OR (team_id IS NULL AND owner_id = ").bind(scope.to_owned());
    sql.push(")) AND (changed > ").bind(after.0).push(" OR (changed = ").bind(after.0).push(" AND id > ").bind(after.1.to_owned());
    sql.push(")) ORDER BY changed, id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

pub async fn changed_by_id(pool: &AnyPool, ids: &[SessionId]) -> AppResult<Vec<ChangedRow>> {
    let mut sql = Sql::new(CHANGED);
    sql.push("id IN ").bind_list(ids);
    sql.fetch_all(pool).await
}

/// The numbers of a session's messages and how long each is, in their order.
pub async fn message_lengths(pool: &AnyPool, session: &str) -> AppResult<Vec<(i64, i64)>> {
    let mut sql = Sql::new("SELECT number, CAST(LENGTH(text) AS BIGINT) FROM session_entries WHERE session_id = ");
    sql.bind(session.to_owned()).push(" AND kind = 'message' AND deleted_at IS NULL ORDER BY number");
    sql.fetch_all(pool).await
}

/// Messages from a number on, in their order.
pub async fn messages_from(pool: &AnyPool, session: &str, from: i64) -> AppResult<Vec<(i64, String)>> {
    let mut sql = Sql::new("SELECT number, text FROM session_entries WHERE session_id = ");
    sql.bind(session.to_owned()).push(" AND number >= ").bind(from);
    sql.push(" AND kind = 'message' AND deleted_at IS NULL ORDER BY number");
    sql.fetch_all(pool).await
}
