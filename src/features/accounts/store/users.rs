//! `users`.

use sqlx::{AnyPool, Row as _, any::AnyRow};

use super::{person, teams::MyTeamRow};
use crate::{
    error::AppResult,
    features::accounts::model::{AdminUser, ListUsers, MyTeam, Person, UserKind},
    ids::{TeamId, UserId},
    server::db::{Sql, Target, Tx, flag, parse_id},
};

crate::row! {
    /// An account whole.
    #[derive(Clone, Debug)]
    pub struct Account {
        pub id: String,
        pub kind: String,
        pub name: String,
        pub email: Option<String>,
        pub password_hash: Option<String>,
        pub github_id: Option<String>,
        pub owner_team_id: Option<String>,
        pub avatar_sha: Option<String>,
        pub color: i64,
        pub time_zone: String,
        pub named_in_analytics: i64,
        pub administrator: i64,
        pub moderator: i64,
        pub deactivated_at: Option<i64>,
        pub deleted_at: Option<i64>,
        pub created_at: i64,
    }
}

impl Account {
    pub fn id(&self) -> AppResult<UserId> {
        super::id(&self.id)
    }
    pub fn person(&self) -> AppResult<Person> {
        person(&self.id, &self.kind, self.name.clone(), self.color, self.avatar_sha.as_deref())
    }
    pub fn active(&self) -> bool {
        self.deactivated_at.is_none() && self.deleted_at.is_none()
    }
    pub fn is_agent(&self) -> bool {
        UserKind::parse(&self.kind) == UserKind::Agent
    }
}

macro_rules! account_columns {
    () => {
        "u.id, u.kind, u.name, u.email, u.password_hash, u.github_id, u.owner_team_id, u.avatar_sha, u.color, u.time_zone, \
         u.named_in_analytics, u.administrator, u.moderator, u.deactivated_at, u.deleted_at, u.created_at"
    };
}

pub async fn by_id<'c>(executor: impl Target<'c>, id: UserId) -> AppResult<Option<Account>> {
    Ok(sqlx::query_as(concat!("SELECT ", account_columns!(), " FROM users u WHERE u.id = $1 AND u.deleted_at IS NULL"))
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?)
}

/// One row for each team of the account, one without a team when it has none.
struct AccountTeamRow(Account, Option<MyTeamRow>);

impl<'r> sqlx::FromRow<'r, AnyRow> for AccountTeamRow {
    fn from_row(row: &'r AnyRow) -> Result<Self, sqlx::Error> {
        let in_team = row.try_get::<Option<String>, _>("team_id")?.is_some();
        Ok(Self(Account::from_row(row)?, in_team.then(|| MyTeamRow::from_row(row)).transpose()?))
    }
}

/// An account and the teams that it is in, by name.
pub async fn with_teams(pool: &AnyPool, id: UserId) -> AppResult<Option<(Account, Vec<MyTeam>)>> {
    let rows: Vec<AccountTeamRow> = sqlx::query_as(concat!(
        "SELECT ",
        account_columns!(),
        ", t.id AS team_id, t.name AS team_name, t.demo AS team_demo, m.role AS team_role, CASE WHEN t.id IS NULL OR ",
        super::unlocked!(),
        " THEN 0 ELSE 1 END AS team_locked FROM users u \
         LEFT JOIN memberships m ON m.user_id = u.id LEFT JOIN teams t ON t.id = m.team_id AND t.deleted_at IS NULL \
         WHERE u.id = $1 AND u.deleted_at IS NULL ORDER BY t.name, t.id"
    ))
    .bind(id.to_string())
    .fetch_all(pool)
    .await?;
    let mut teams = Vec::new();
    let mut account = None;
    for AccountTeamRow(row, team) in rows {
        teams.extend(team.map(MyTeamRow::team).transpose()?);
        account = Some(row);
    }
    Ok(account.map(|account| (account, teams)))
}

pub async fn by_email<'c>(executor: impl Target<'c>, email: &str) -> AppResult<Option<Account>> {
    Ok(sqlx::query_as(concat!("SELECT ", account_columns!(), " FROM users u WHERE u.email = $1"))
        .bind(email)
        .fetch_optional(executor)
        .await?)
}

pub async fn by_github<'c>(executor: impl Target<'c>, github_id: &str) -> AppResult<Option<Account>> {
    Ok(sqlx::query_as(concat!("SELECT ", account_columns!(), " FROM users u WHERE u.github_id = $1"))
        .bind(github_id)
        .fetch_optional(executor)
        .await?)
}

/// The longest-standing active administrator.
pub async fn first_administrator<'c>(executor: impl Target<'c>) -> AppResult<Option<Account>> {
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        account_columns!(),
        " FROM users u WHERE u.administrator = 1 AND u.deactivated_at IS NULL AND u.deleted_at IS NULL ORDER BY u.id LIMIT 1"
    ))
    .fetch_optional(executor)
    .await?)
}

/// Those who are active.
pub async fn administrators(pool: &AnyPool) -> AppResult<Vec<UserId>> {
    let sql = Sql::new(
        "SELECT id FROM users WHERE administrator = 1 AND deactivated_at IS NULL AND deleted_at IS NULL AND kind = 'human' ORDER BY id",
    );
    sql.fetch_all::<(String,)>(pool).await?.iter().map(|(id,)| parse_id(id)).collect()
}

/// Whether an account or a team has this id: both name rooms, so they share one space.
pub async fn id_is_taken(tx: &mut Tx, id: UserId) -> AppResult<bool> {
    let taken: i64 = sqlx::query_scalar("SELECT (SELECT COUNT(*) FROM users WHERE id = $1) + (SELECT COUNT(*) FROM teams WHERE id = $1)")
        .bind(id.to_string())
        .fetch_one(&mut **tx)
        .await?;
    Ok(taken > 0)
}

/// A new account.
pub struct NewAccount<'a> {
    pub id: UserId,
    pub kind: UserKind,
    pub name: &'a str,
    pub email: Option<&'a str>,
    pub password_hash: Option<&'a str>,
    pub github_id: Option<&'a str>,
    pub owner_team: Option<TeamId>,
    pub color: u8,
    pub administrator: bool,
}

pub async fn insert(tx: &mut Tx, new: &NewAccount<'_>, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO users (id, kind, name, email, password_hash, github_id, owner_team_id, color, time_zone, administrator, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'UTC', $9, $10, $10)",
    )
    .bind(new.id.to_string())
    .bind(new.kind.as_str())
    .bind(new.name)
    .bind(new.email)
    .bind(new.password_hash)
    .bind(new.github_id)
    .bind(new.owner_team.map(|team| team.to_string()))
    .bind(i64::from(new.color))
    .bind(flag(new.administrator))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn update_profile(tx: &mut Tx, id: UserId, name: &str, time_zone: &str, named: bool, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE users SET name = $2, time_zone = $3, named_in_analytics = $5, updated_at = $4 WHERE id = $1")
        .bind(id.to_string())
        .bind(name)
        .bind(time_zone)
        .bind(now)
        .bind(flag(named))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn set_avatar(tx: &mut Tx, id: UserId, sha: Option<&str>, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE users SET avatar_sha = $2, updated_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(sha)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Accounts with a picture, and its blob; in the order of ids.
pub async fn avatars<'c>(executor: impl Target<'c>, after: &str, limit: i64) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT id, avatar_sha FROM users WHERE avatar_sha IS NOT NULL AND id > ");
    sql.bind(after.to_owned()).push(" ORDER BY id LIMIT ").number(limit);
    sql.fetch_all(executor).await
}

/// Sets the password if it still is `expected`, so that two changes at once cannot both think they won.
pub async fn set_password(tx: &mut Tx, id: UserId, expected: Option<&str>, hash: &str, now: i64) -> AppResult<bool> {
    let result = sqlx::query("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1 AND COALESCE(password_hash, '') = $4")
        .bind(id.to_string())
        .bind(hash)
        .bind(now)
        .bind(expected.unwrap_or_default())
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Sets the password whatever it was: a one-time link is the proof.
pub async fn replace_password(tx: &mut Tx, id: UserId, hash: &str, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(hash)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// An account that nobody else changes until the transaction ends: what is left of its ways in is looked at and taken away in one.
pub async fn locked(tx: &mut Tx, id: UserId) -> AppResult<Option<Account>> {
    sqlx::query("UPDATE users SET updated_at = updated_at WHERE id = $1").bind(id.to_string()).execute(&mut **tx).await?;
    by_id(&mut **tx, id).await
}

pub async fn set_github(tx: &mut Tx, id: UserId, github_id: Option<&str>, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE users SET github_id = $2, updated_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(github_id)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn set_flags(
    tx: &mut Tx,
    id: UserId,
    administrator: bool,
    moderator: bool,
    deactivated_at: Option<i64>,
    now: i64,
) -> AppResult<()> {
    sqlx::query("UPDATE users SET administrator = $2, moderator = $3, deactivated_at = $4, updated_at = $5 WHERE id = $1")
        .bind(id.to_string())
        .bind(flag(administrator))
        .bind(flag(moderator))
        .bind(deactivated_at)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Administrators that can act, besides `other`.
pub async fn administrators_besides(tx: &mut Tx, other: UserId) -> AppResult<i64> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM users WHERE administrator = 1 AND deactivated_at IS NULL AND deleted_at IS NULL AND kind = 'human' AND id <> $1",
    )
    .bind(other.to_string())
    .fetch_one(&mut **tx)
    .await?)
}

/// Empties the row. It stays, so that history keeps its authors apart.
pub async fn erase(tx: &mut Tx, id: UserId, name: &str, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE users SET name = $2, email = NULL, password_hash = NULL, github_id = NULL, avatar_sha = NULL, time_zone = 'UTC', administrator = 0, \
         moderator = 0, deactivated_at = $3, deleted_at = $3, updated_at = $3 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(name)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Ends the agents of a team: they cannot sign in any more, their names stay in its history.
pub async fn deactivate_agents_of(tx: &mut Tx, team: TeamId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE users SET deactivated_at = $2, updated_at = $2 WHERE owner_team_id = $1 AND deactivated_at IS NULL")
        .bind(team.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

crate::row! {
    struct PersonRow { user_id: String, user_kind: String, user_name: String, user_color: i64, user_avatar: Option<String> }
}

/// Those of these accounts that analytics does not name.
pub async fn unnamed(pool: &AnyPool, ids: &[UserId]) -> AppResult<Vec<UserId>> {
    let mut sql = Sql::new("SELECT id FROM users WHERE named_in_analytics = 0 AND id IN ");
    sql.bind_list(ids);
    let rows: Vec<(String,)> = sql.fetch_all(pool).await?;
    rows.iter().map(|(id,)| super::id(id)).collect()
}

/// The people with these ids, in no order; at most a page's worth.
pub async fn people<'c>(executor: impl Target<'c>, ids: &[UserId]) -> AppResult<Vec<Person>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(concat!("SELECT ", super::person_columns!(), " FROM users u WHERE u.id IN "));
    sql.bind_list(ids);
    let rows: Vec<PersonRow> = sql.fetch_all(executor).await?;
    rows.into_iter().map(|row| person(&row.user_id, &row.user_kind, row.user_name, row.user_color, row.user_avatar.as_deref())).collect()
}

pub async fn mail_addresses<'c>(executor: impl Target<'c>, ids: &[UserId]) -> AppResult<Vec<(UserId, String)>> {
    let mut sql = Sql::new("SELECT u.id, u.email FROM users u WHERE u.email IS NOT NULL AND u.id IN ");
    sql.bind_list(ids);
    sql.fetch_all::<(String, String)>(executor).await?.into_iter().map(|(user, email)| Ok((super::id(&user)?, email))).collect()
}

crate::row! {
    struct AdminRow {
        user_id: String, user_kind: String, user_name: String, user_color: i64, user_avatar: Option<String>,
        email: Option<String>, administrator: i64, moderator: i64, deactivated_at: Option<i64>, created_at: i64,
        second_factor: i64, teams: i64, last_seen_at: Option<i64>,
    }
}

// Without the agent that no team owns: it only signs the commits of the built-in volume.
macro_rules! admin_select {
    () => {
        concat!(
            "SELECT ",
            super::person_columns!(),
            ", u.email, u.administrator, u.moderator, u.deactivated_at, u.created_at, \
             (SELECT COUNT(*) FROM memberships m JOIN teams t ON t.id = m.team_id WHERE m.user_id = u.id AND t.deleted_at IS NULL) AS teams, \
             (SELECT COUNT(*) FROM factors f WHERE f.user_id = u.id) AS second_factor, \
             (SELECT MAX(s.last_seen_at) FROM sign_ins s WHERE s.user_id = u.id) AS last_seen_at \
             FROM users u WHERE u.deleted_at IS NULL AND (u.kind = 'human' OR u.owner_team_id IS NOT NULL)"
        )
    };
}

fn admin_user(row: AdminRow) -> AppResult<AdminUser> {
    Ok(AdminUser {
        person: person(&row.user_id, &row.user_kind, row.user_name, row.user_color, row.user_avatar.as_deref())?,
        email: row.email,
        administrator: row.administrator != 0,
        moderator: row.moderator != 0,
        deactivated: row.deactivated_at.is_some(),
        second_factor: row.second_factor > 0,
        teams: row.teams,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
    })
}

/// Moderators of the marketplace and administrators, those who are still there.
pub async fn moderators<'c>(executor: impl Target<'c>) -> AppResult<Vec<UserId>> {
    let sql = Sql::new("SELECT id FROM users WHERE (moderator = 1 OR administrator = 1) AND deactivated_at IS NULL AND deleted_at IS NULL");
    let rows: Vec<(String,)> = sql.fetch_all(executor).await?;
    rows.iter().map(|(id,)| super::id(id)).collect()
}

/// Accounts as administrators see them, newest first.
pub async fn list<'c>(executor: impl Target<'c>, query: &ListUsers, limit: i64) -> AppResult<Vec<AdminUser>> {
    let mut sql = Sql::new(admin_select!());
    if let Some(before) = query.before {
        sql.push(" AND u.id < ").bind(before.to_string());
    }
    if let Some(q) = query.q.as_deref().map(str::trim).filter(|q| !q.is_empty()) {
        let pattern = |text: &str| format!("%{}%", text.replace('!', "!!").replace('%', "!%").replace('_', "!_"));
        // SQLite lowers ASCII only, so the words as typed are tried besides.
        sql.push(" AND (LOWER(u.name) LIKE ").bind(pattern(&q.to_lowercase()));
        sql.push(" ESCAPE '!' OR u.name LIKE ").bind(pattern(q));
        sql.push(" ESCAPE '!' OR u.email LIKE ").bind(pattern(&q.to_lowercase()));
        sql.push(" ESCAPE '!')");
    }
    sql.push(" ORDER BY u.id DESC LIMIT ").number(limit);
    let rows: Vec<AdminRow> = sql.fetch_all(executor).await?;
    rows.into_iter().map(admin_user).collect()
}

pub async fn as_administrators_see<'c>(executor: impl Target<'c>, id: UserId) -> AppResult<Option<AdminUser>> {
    let row: Option<AdminRow> =
        sqlx::query_as(concat!(admin_select!(), " AND u.id = $1")).bind(id.to_string()).fetch_optional(executor).await?;
    row.map(admin_user).transpose()
}
