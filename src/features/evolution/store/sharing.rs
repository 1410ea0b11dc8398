//! The only SQL on which teams' runs take part in the patterns of all teams.

use sqlx::AnyPool;

use super::super::model::Ground;
use crate::{
    error::AppResult,
    ids::TeamId,
    server::db::{Sql, Tx, flag, parse_id},
};

/// Places whose runs take part.
const SHARING: &str = "(SELECT place_id FROM evolution_places WHERE level = 'team' AND shares = 1)";

/// Whether the runs of a team take part.
pub async fn shares(pool: &AnyPool, team: TeamId) -> AppResult<bool> {
    let mut sql = Sql::new("SELECT shares FROM evolution_places WHERE place_id = ");
    sql.bind(Ground::Team(team).id());
    Ok(sql.fetch_all::<(i64,)>(pool).await?.first().is_some_and(|(shares,)| *shares == 1))
}

/// The team's row is there: see [`super::keep_place`].
pub async fn set_shares(tx: &mut Tx, team: TeamId, shares: bool, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE evolution_places SET shares = $2, updated_at = $3 WHERE place_id = $1 AND level = 'team'")
        .bind(Ground::Team(team).id())
        .bind(flag(shares))
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Teams whose runs take part.
pub async fn sharing(pool: &AnyPool) -> AppResult<Vec<TeamId>> {
    let sql = Sql::new("SELECT place_id FROM evolution_places WHERE level = 'team' AND shares = 1 ORDER BY place_id");
    sql.fetch_all::<(String,)>(pool).await?.iter().map(|(id,)| parse_id(id)).collect()
}

/// Traces that are grouped among those of all teams, or wait for it, and whose team does not take part any more; with the number of their pattern.
pub async fn unshared(pool: &AnyPool, limit: i64) -> AppResult<Vec<(String, Option<i64>)>> {
    let mut sql = Sql::new("SELECT x.trace_id, x.number FROM (SELECT trace_id, number FROM pattern_traces WHERE place_id = ");
    sql.bind(Ground::System.id());
    sql.push(" UNION ALL SELECT trace_id, NULL FROM evolution_waiting WHERE place_id = ").bind(Ground::System.id());
    sql.push(") x JOIN traces t ON t.id = x.trace_id WHERE t.place_id NOT IN ")
        .push(SHARING)
        .push(" ORDER BY x.trace_id LIMIT ")
        .number(limit);
    sql.fetch_all(pool).await
}

pub async fn drop_unshared(tx: &mut Tx, traces: &[String]) -> AppResult<()> {
    for table in ["DELETE FROM pattern_traces WHERE place_id = ", "DELETE FROM evolution_waiting WHERE place_id = "] {
        let mut sql = Sql::new(table);
        sql.bind(Ground::System.id()).push(" AND trace_id IN ").bind_list(traces);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Traces of teams that take part which are not grouped among those of all teams yet, after this one.
pub async fn not_taken(pool: &AnyPool, after: &str, limit: i64) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT t.id FROM traces t WHERE t.id > ");
    sql.bind(after.to_owned()).push(" AND t.place_id IN ").push(SHARING);
    sql.push(" AND NOT EXISTS (SELECT 1 FROM pattern_traces p WHERE p.trace_id = t.id AND p.place_id = ").bind(Ground::System.id());
    sql.push(") ORDER BY t.id LIMIT ").number(limit);
    Ok(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(id,)| id).collect())
}

/// Traces of a pattern of all teams with the teams that they are of, as far as those still take part; the latest first.
pub async fn traces_by_team(pool: &AnyPool, number: i64, limit: i64) -> AppResult<Vec<(String, TeamId)>> {
    let mut sql = Sql::new("SELECT p.trace_id, t.place_id FROM pattern_traces p JOIN traces t ON t.id = p.trace_id WHERE p.place_id = ");
    sql.bind(Ground::System.id()).push(" AND p.number = ").bind(number).push(" AND t.place_id IN ").push(SHARING);
    sql.push(" ORDER BY p.trace_id DESC LIMIT ").number(limit);
    sql.fetch_all::<(String, String)>(pool).await?.into_iter().map(|(trace, team)| Ok((trace, parse_id(&team)?))).collect()
}

/// How many runs of a pattern of all teams each team has that still takes part, the most first.
pub async fn sharing_teams_of(pool: &AnyPool, number: i64) -> AppResult<Vec<(TeamId, i64)>> {
    let mut sql = Sql::new("SELECT t.place_id, COUNT(*) FROM pattern_traces p JOIN traces t ON t.id = p.trace_id WHERE p.place_id = ");
    sql.bind(Ground::System.id()).push(" AND p.number = ").bind(number).push(" AND t.place_id IN ").push(SHARING);
    sql.push(" GROUP BY t.place_id ORDER BY 2 DESC, 1");
    sql.fetch_all::<(String, i64)>(pool).await?.into_iter().map(|(team, runs)| Ok((parse_id(&team)?, runs))).collect()
}

/// Counts anew of how many teams the runs of these patterns of all teams are.
pub async fn count_teams(tx: &mut Tx, numbers: &[i64]) -> AppResult<()> {
    for number in numbers {
        sqlx::query(
            "UPDATE patterns SET teams = (SELECT COUNT(DISTINCT t.place_id) FROM pattern_traces p JOIN traces t ON t.id = p.trace_id \
             WHERE p.place_id = $1 AND p.number = $2) WHERE place_id = $1 AND number = $2",
        )
        .bind(Ground::System.id())
        .bind(*number)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}
