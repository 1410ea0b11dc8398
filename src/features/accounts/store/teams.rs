//! `teams`.

use crate::{
    error::AppResult,
    features::accounts::model::{MyTeam, Team},
    ids::{TeamId, UserId},
    server::db::{Sql, Target, Tx, flag},
};

pub async fn insert(tx: &mut Tx, id: TeamId, name: &str, created_by: UserId, now: i64) -> AppResult<()> {
    sqlx::query("INSERT INTO teams (id, name, created_by, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(id.to_string())
        .bind(name)
        .bind(created_by.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether something else goes by this id already: a team's id is also its workspace's, and so is a user's.
pub async fn id_is_taken(tx: &mut Tx, id: TeamId) -> AppResult<bool> {
    let taken: i64 = sqlx::query_scalar("SELECT (SELECT COUNT(*) FROM teams WHERE id = $1) + (SELECT COUNT(*) FROM users WHERE id = $1)")
        .bind(id.to_string())
        .fetch_one(&mut **tx)
        .await?;
    Ok(taken > 0)
}

/// Takes the team's row for the rest of the transaction, so that two changes to its members cannot pass each other; its
/// name, or none when it is gone.
pub async fn lock(tx: &mut Tx, id: TeamId, now: i64) -> AppResult<Option<String>> {
    Ok(sqlx::query_scalar("UPDATE teams SET updated_at = $2 WHERE id = $1 AND deleted_at IS NULL RETURNING name")
        .bind(id.to_string())
        .bind(now)
        .fetch_optional(&mut **tx)
        .await?)
}

pub async fn rename(tx: &mut Tx, id: TeamId, name: &str, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE teams SET name = $2, updated_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(name)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn set_requires_factor(tx: &mut Tx, id: TeamId, requires: bool, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE teams SET requires_factor = $2, updated_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(flag(requires))
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx, id: TeamId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE teams SET deleted_at = $2, updated_at = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

crate::row! {
    struct TeamRow {
        id: String, name: String, demo: i64, role: String, requires_factor: i64, members: i64, created_at: i64,
    }
}

macro_rules! team_select {
    () => {
        "SELECT t.id, t.name, t.demo, m.role, t.requires_factor, t.created_at, (SELECT COUNT(*) FROM memberships n WHERE n.team_id = t.id) AS members \
         FROM teams t JOIN memberships m ON m.team_id = t.id AND m.user_id = $1 WHERE t.deleted_at IS NULL"
    };
}

fn team(row: TeamRow) -> AppResult<Team> {
    Ok(Team {
        id: super::id(&row.id)?,
        name: row.name,
        demo: row.demo != 0,
        role: super::role(&row.role)?,
        members: row.members,
        requires_factor: row.requires_factor != 0,
        created_at: row.created_at,
    })
}

/// A team as its member `user` sees it; none when there is no such team or membership.
pub async fn of_member<'c>(executor: impl Target<'c>, user: UserId, id: TeamId) -> AppResult<Option<Team>> {
    let row: Option<TeamRow> = sqlx::query_as(concat!(team_select!(), " AND t.id = $2"))
        .bind(user.to_string())
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    row.map(team).transpose()
}

/// The teams of a member, but for those that are locked to them.
pub async fn list<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<Vec<Team>> {
    const SELECT: &str = concat!(team_select!(), " AND ", super::unlocked!(), " ORDER BY t.name, t.id");
    teams(sqlx::query_as(SELECT).bind(user.to_string()).fetch_all(executor).await?)
}

/// All teams of a member.
pub async fn list_all<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<Vec<Team>> {
    teams(sqlx::query_as(concat!(team_select!(), " ORDER BY t.name, t.id")).bind(user.to_string()).fetch_all(executor).await?)
}

fn teams(rows: Vec<TeamRow>) -> AppResult<Vec<Team>> {
    rows.into_iter().map(team).collect()
}

crate::row! {
    /// A team as its member sees it in a list.
    pub struct MyTeamRow { team_id: String, team_name: String, team_demo: i64, team_role: String, team_locked: i64 }
}

impl MyTeamRow {
    pub fn team(self) -> AppResult<MyTeam> {
        Ok(MyTeam {
            id: super::id(&self.team_id)?,
            name: self.team_name,
            demo: self.team_demo != 0,
            role: super::role(&self.team_role)?,
            locked: self.team_locked != 0,
        })
    }
}

pub async fn mine<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<Vec<MyTeam>> {
    let rows: Vec<MyTeamRow> = sqlx::query_as(concat!(
        "SELECT t.id AS team_id, t.name AS team_name, t.demo AS team_demo, m.role AS team_role, CASE WHEN ",
        super::unlocked!(),
        " THEN 0 ELSE 1 END AS team_locked FROM memberships m JOIN teams t ON t.id = m.team_id \
         WHERE m.user_id = $1 AND t.deleted_at IS NULL ORDER BY t.name, t.id"
    ))
    .bind(user.to_string())
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(MyTeamRow::team).collect()
}

crate::row! {
    pub struct AdminTeamRow { pub id: String, pub name: String, pub demo: i64, pub members: i64, pub created_at: i64 }
}

pub async fn called<'c>(executor: impl Target<'c>, slug: &str) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT id FROM teams WHERE deleted_at IS NULL AND lower(replace(name, ' ', '-')) = ");
    sql.bind(slug.to_owned());
    Ok(sql.fetch_all::<(String,)>(executor).await?.into_iter().map(|(id,)| id).collect())
}

pub async fn names<'c>(executor: impl Target<'c>, ids: &[TeamId]) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT id, name FROM teams WHERE id IN ");
    sql.bind_list(ids);
    sql.fetch_all(executor).await
}

/// Every team, newest first.
pub async fn all<'c>(executor: impl Target<'c>, limit: i64) -> AppResult<Vec<AdminTeamRow>> {
    let mut sql = Sql::new(
        "SELECT t.id, t.name, t.demo, t.created_at, (SELECT COUNT(*) FROM memberships n WHERE n.team_id = t.id) AS members \
         FROM teams t WHERE t.deleted_at IS NULL ORDER BY t.id DESC LIMIT ",
    );
    sql.number(limit);
    sql.fetch_all(executor).await
}
