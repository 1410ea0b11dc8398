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

/// Removes a team's own rows. Agents that were made in it keep theirs, switched off, as after any deletion of a team.
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
    let mut sql = Sql::new("DELETE FROM users WHERE id IN ");
    sql.bind_list(people).push(" AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = users.id)");
    sql.execute(&mut **tx).await?;
    Ok(())
}
