//! `memberships`.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::accounts::{Role, model::Member},
    ids::{TeamId, UserId},
    server::db::{Sql, Target, Tx},
};

pub async fn insert(tx: &mut Tx, team: TeamId, user: UserId, role: Role, now: i64) -> AppResult<()> {
    sqlx::query("INSERT INTO memberships (team_id, user_id, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(team.to_string())
        .bind(user.to_string())
        .bind(role.as_str())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn set_role(tx: &mut Tx, team: TeamId, user: UserId, role: Role, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE memberships SET role = $3, updated_at = $4 WHERE team_id = $1 AND user_id = $2")
        .bind(team.to_string())
        .bind(user.to_string())
        .bind(role.as_str())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx, team: TeamId, user: UserId) -> AppResult<()> {
    sqlx::query("DELETE FROM memberships WHERE team_id = $1 AND user_id = $2")
        .bind(team.to_string())
        .bind(user.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn delete_all_of(tx: &mut Tx, user: UserId) -> AppResult<()> {
    sqlx::query("DELETE FROM memberships WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// The role of `user` in a living team.
pub async fn role<'c>(executor: impl Target<'c>, team: TeamId, user: UserId) -> AppResult<Option<Role>> {
    let role: Option<String> = sqlx::query_scalar(
        "SELECT m.role FROM memberships m JOIN teams t ON t.id = m.team_id WHERE m.team_id = $1 AND m.user_id = $2 AND t.deleted_at IS NULL",
    )
    .bind(team.to_string())
    .bind(user.to_string())
    .fetch_optional(executor)
    .await?;
    role.map(|role| super::role(&role)).transpose()
}

crate::row! {
    struct StandingRow { role: String, locked: i64 }
}

/// The role of `user` in a living team, and whether the team is locked to them: it wants a second factor that they do not have.
pub async fn standing<'c>(executor: impl Target<'c>, team: TeamId, user: UserId) -> AppResult<Option<(Role, bool)>> {
    let row: Option<StandingRow> = sqlx::query_as(concat!(
        "SELECT m.role, CASE WHEN ",
        super::unlocked!(),
        " THEN 0 ELSE 1 END AS locked FROM memberships m JOIN teams t ON t.id = m.team_id \
         WHERE m.team_id = $1 AND m.user_id = $2 AND t.deleted_at IS NULL"
    ))
    .bind(team.to_string())
    .bind(user.to_string())
    .fetch_optional(executor)
    .await?;
    row.map(|row| Ok((super::role(&row.role)?, row.locked != 0))).transpose()
}

/// Those of these accounts that are in a living team.
pub async fn among<'c>(executor: impl Target<'c>, team: TeamId, users: &[UserId]) -> AppResult<Vec<UserId>> {
    let mut sql =
        Sql::new("SELECT m.user_id FROM memberships m JOIN teams t ON t.id = m.team_id WHERE t.deleted_at IS NULL AND m.team_id = ");
    sql.bind(team.to_string()).push(" AND m.user_id IN ").bind_list(users);
    let rows: Vec<(String,)> = sql.fetch_all(executor).await?;
    rows.iter().map(|(id,)| super::id(id)).collect()
}

/// Accounts of one statement.
const CHUNK: usize = 500;

/// How many of these accounts are in each living team.
pub async fn count_by_team(pool: &AnyPool, users: &[UserId]) -> AppResult<Vec<(String, i64)>> {
    let mut found = Vec::new();
    for chunk in users.chunks(CHUNK) {
        let mut sql = Sql::new(
            "SELECT m.team_id, COUNT(*) FROM memberships m JOIN teams t ON t.id = m.team_id WHERE t.deleted_at IS NULL AND m.user_id IN ",
        );
        sql.bind_list(chunk).push(" GROUP BY m.team_id");
        found.extend(sql.fetch_all::<(String, i64)>(pool).await?);
    }
    Ok(found)
}

/// Those of a living team that have one of these roles.
pub async fn with_roles<'c>(executor: impl Target<'c>, team: TeamId, roles: &[&str]) -> AppResult<Vec<UserId>> {
    let mut sql =
        Sql::new("SELECT m.user_id FROM memberships m JOIN teams t ON t.id = m.team_id WHERE t.deleted_at IS NULL AND m.team_id = ");
    sql.bind(team.to_string()).push(" AND m.role IN ").bind_list(roles);
    let rows: Vec<(String,)> = sql.fetch_all(executor).await?;
    rows.iter().map(|(id,)| super::id(id)).collect()
}

pub async fn owners_besides(tx: &mut Tx, team: TeamId, user: UserId) -> AppResult<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM memberships WHERE team_id = $1 AND role = 'owner' AND user_id <> $2")
        .bind(team.to_string())
        .bind(user.to_string())
        .fetch_one(&mut **tx)
        .await?)
}

/// Ids of the teams that `user` owns, locked by the caller before anything is decided on them.
pub async fn owned_by(tx: &mut Tx, user: UserId) -> AppResult<Vec<TeamId>> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT t.id FROM memberships m JOIN teams t ON t.id = m.team_id WHERE m.user_id = $1 AND m.role = 'owner' AND t.deleted_at IS NULL \
         ORDER BY t.id",
    )
    .bind(user.to_string())
    .fetch_all(&mut **tx)
    .await?;
    ids.iter().map(|id| super::id(id)).collect()
}

crate::row! {
    struct MemberRow {
        user_id: String, user_kind: String, user_name: String, user_color: i64, user_avatar: Option<String>,
        role: String, email: Option<String>, created_at: i64,
    }
}

/// The most members that one team may have: its list is shown whole.
pub const MEMBERS_MAX: i64 = 5_000;

/// Members by name.
pub async fn list<'c>(executor: impl Target<'c>, team: TeamId) -> AppResult<Vec<Member>> {
    let mut sql = Sql::new(concat!(
        "SELECT m.role, m.created_at, u.email, ",
        super::person_columns!(),
        " FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.team_id = "
    ));
    sql.bind(team.to_string()).push(" ORDER BY u.name, u.id LIMIT ").number(MEMBERS_MAX);
    let rows: Vec<MemberRow> = sql.fetch_all(executor).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Member {
                person: super::person(&row.user_id, &row.user_kind, row.user_name, row.user_color, row.user_avatar.as_deref())?,
                role: super::role(&row.role)?,
                email: row.email,
                second_factor: None,
                joined_at: row.created_at,
            })
        })
        .collect()
}

pub async fn count(tx: &mut Tx, team: TeamId) -> AppResult<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM memberships WHERE team_id = $1").bind(team.to_string()).fetch_one(&mut **tx).await?)
}

/// Who shares a team with `user`.
pub async fn in_teams_of(pool: &sqlx::AnyPool, user: UserId) -> AppResult<Vec<UserId>> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT m.user_id FROM memberships m JOIN memberships mine ON mine.team_id = m.team_id AND mine.user_id <> m.user_id \
         WHERE mine.user_id = $1",
    )
    .bind(user.to_string())
    .fetch_all(pool)
    .await?;
    ids.iter().map(|id| super::id(id)).collect()
}
