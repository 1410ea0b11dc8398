//! `team_keys`: sealed keys of teams at services outside.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::accounts::model::KeyProvider,
    ids::{TeamId, UserId},
    server::db::{Sql, Tx},
};

crate::row! {
    pub struct KeyRow { pub team_id: String, pub sealed: Vec<u8>, pub hint: String, pub created_by: String, pub created_at: i64 }
}

pub async fn of_team(pool: &AnyPool, team: TeamId, provider: KeyProvider) -> AppResult<Option<KeyRow>> {
    Ok(sqlx::query_as("SELECT team_id, sealed, hint, created_by, created_at FROM team_keys WHERE team_id = $1 AND provider = $2")
        .bind(team.to_string())
        .bind(provider.as_str())
        .fetch_optional(pool)
        .await?)
}

pub async fn of_teams(pool: &AnyPool, teams: &[TeamId], provider: KeyProvider) -> AppResult<Vec<KeyRow>> {
    if teams.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT team_id, sealed, hint, created_by, created_at FROM team_keys WHERE provider = ");
    sql.bind(provider.as_str().to_owned()).push(" AND team_id IN ").bind_list(teams.iter().map(ToString::to_string).collect::<Vec<_>>());
    sql.push(" ORDER BY team_id");
    sql.fetch_all(pool).await
}

/// Those of all teams that are there.
pub async fn all(pool: &AnyPool, provider: KeyProvider) -> AppResult<Vec<KeyRow>> {
    Ok(sqlx::query_as(
        "SELECT k.team_id, k.sealed, k.hint, k.created_by, k.created_at FROM team_keys k JOIN teams t ON t.id = k.team_id \
         WHERE k.provider = $1 AND t.deleted_at IS NULL ORDER BY k.team_id",
    )
    .bind(provider.as_str())
    .fetch_all(pool)
    .await?)
}

pub async fn set(tx: &mut Tx, team: TeamId, provider: KeyProvider, sealed: Vec<u8>, hint: &str, by: UserId, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO team_keys (team_id, provider, sealed, hint, created_by, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (team_id, provider) DO UPDATE SET sealed = $3, hint = $4, created_by = $5, created_at = $6",
    )
    .bind(team.to_string())
    .bind(provider.as_str())
    .bind(sealed)
    .bind(hint)
    .bind(by.to_string())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether there was one.
pub async fn remove(tx: &mut Tx, team: TeamId, provider: KeyProvider) -> AppResult<bool> {
    let done = sqlx::query("DELETE FROM team_keys WHERE team_id = $1 AND provider = $2")
        .bind(team.to_string())
        .bind(provider.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}
