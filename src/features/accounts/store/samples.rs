//! The sample team and its people, who cannot sign in.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{TeamId, UserId},
    server::db::{Sql, Tx},
};

pub async fn mark(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    sqlx::query("UPDATE teams SET demo = 1 WHERE id = $1").bind(team.to_string()).execute(&mut **tx).await?;
    Ok(())
}

pub async fn teams(pool: &AnyPool) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM teams WHERE demo = 1 AND deleted_at IS NULL").fetch_all(pool).await?)
}

/// One of the sample people again, as they were; false: they were never here.
pub async fn bring_back(tx: &mut Tx, person: UserId, now: i64) -> AppResult<bool> {
    let statement = "UPDATE users SET deactivated_at = NULL, deleted_at = NULL, updated_at = $2 WHERE id = $1";
    Ok(sqlx::query(statement).bind(person.to_string()).bind(now).execute(&mut **tx).await?.rows_affected() > 0)
}

/// Removes a team's own rows. Agents that were made in it keep theirs, switched off, as after any deletion of a team. The sample people's
/// rows stay, as those of deleted accounts do: what was moved out of the sample may have comments of theirs.
pub async fn remove(tx: &mut Tx, team: TeamId, people: &[UserId], now: i64) -> AppResult<()> {
    for statement in ["DELETE FROM memberships WHERE team_id = $1", "DELETE FROM invitations WHERE team_id = $1"] {
        sqlx::query(statement).bind(team.to_string()).execute(&mut **tx).await?;
    }
    super::teams::delete(tx, team, now).await?;
    super::tokens::revoke_of_agents(tx, team, now).await?;
    super::users::deactivate_agents_of(tx, team, now).await?;
    sqlx::query("DELETE FROM teams WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE owner_team_id = $1)")
        .bind(team.to_string())
        .execute(&mut **tx)
        .await?;
    let mut sql = Sql::new("UPDATE users SET deactivated_at = ");
    sql.bind(now).push(", deleted_at = ").bind(now).push(" WHERE id IN ").bind_list(people);
    sql.push(" AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = users.id)");
    sql.execute(&mut **tx).await?;
    Ok(())
}
