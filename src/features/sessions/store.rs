//! The only SQL on `sessions` and what belongs to them.

mod artifacts;
mod attachments;
mod changes;
mod entries;
mod imports;
mod list;
mod people;
mod records;

pub use artifacts::*;
pub use attachments::*;
pub use changes::*;
pub use entries::*;
pub use imports::*;
pub use list::*;
pub use people::*;
pub use records::*;

use sqlx::AnyPool;

use super::model::SessionStatus;
use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{SessionId, TeamId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// SQLite reads at most 32,766 arguments; chunks stay far below.
pub const CHUNK: usize = 500;

crate::row! {
    /// A session as stored, with its owner, its team's name and how far the caller has read.
    #[derive(Clone, Debug)]
    pub struct SessionRow {
        pub id: String, pub owner_id: String, pub team_id: Option<String>, pub team_name: Option<String>, pub title: String, pub goal: String,
        pub title_key: String, pub status: String, pub entries: i64, pub extra: String, pub deleted_at: Option<i64>, pub active_at: i64,
        pub created_at: i64, pub read_number: Option<i64>,
        owner_name: String, owner_kind: String, owner_color: i64, owner_avatar: Option<String>,
    }
}

impl SessionRow {
    pub fn id(&self) -> AppResult<SessionId> {
        parse_id(&self.id)
    }
    pub fn team(&self) -> AppResult<Option<TeamId>> {
        self.team_id.as_deref().map(parse_id).transpose()
    }
    pub fn status(&self) -> SessionStatus {
        SessionStatus::parse(&self.status).unwrap_or(SessionStatus::Active)
    }
    pub fn owner(&self) -> AppResult<Person> {
        Ok(Person::from_columns(
            parse_id(&self.owner_id)?,
            self.owner_name.clone(),
            &self.owner_kind,
            self.owner_color,
            self.owner_avatar.clone(),
        ))
    }
}

/// Followed by the caller's id.
const SESSION: &str = "SELECT s.id, s.owner_id, s.team_id, t.name AS team_name, s.title, s.goal, s.title_key, s.status, s.entries, s.extra, s.deleted_at, \
     s.active_at, s.created_at, p.read_number, u.name AS owner_name, u.kind AS owner_kind, u.color AS owner_color, u.avatar_sha AS owner_avatar \
     FROM sessions s JOIN users u ON u.id = s.owner_id LEFT JOIN teams t ON t.id = s.team_id \
     LEFT JOIN session_people p ON p.session_id = s.id AND p.user_id = ";

/// One session, deleted ones too.
pub async fn by_id<'c>(executor: impl Target<'c>, id: SessionId, caller: UserId) -> AppResult<Option<SessionRow>> {
    let mut sql = Sql::new(SESSION);
    // What an import has begun and not ended is not there yet.
    sql.bind(caller.to_string()).push(" WHERE (s.source_sha IS NULL OR s.source_sha <> '') AND s.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

pub struct NewSession<'a> {
    pub id: SessionId,
    pub owner: UserId,
    pub team: Option<TeamId>,
    pub title: &'a str,
    pub goal: &'a str,
    pub status: SessionStatus,
    pub now: i64,
}

/// What the order by title compares, and what the filter looks into.
fn keys(title: &str, goal: &str) -> (String, String) {
    let title = title.to_lowercase();
    let search = format!("{title}\n{}", goal.to_lowercase());
    (title, search)
}

pub async fn insert(tx: &mut Tx, new: &NewSession<'_>) -> AppResult<()> {
    let (title_key, search) = keys(new.title, new.goal);
    sqlx::query(
        "INSERT INTO sessions (id, owner_id, team_id, title, goal, title_key, search, status, was, active_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $9, $9)",
    )
    .bind(new.id.to_string())
    .bind(new.owner.to_string())
    .bind(new.team.map(|team| team.to_string()))
    .bind(new.title)
    .bind(new.goal)
    .bind(title_key)
    .bind(search)
    .bind(new.status.as_str())
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    count_change(tx, new.id).await
}

pub async fn rename(tx: &mut Tx, id: SessionId, title: &str, goal: &str, now: i64) -> AppResult<()> {
    let (title_key, search) = keys(title, goal);
    sqlx::query("UPDATE sessions SET title = $2, goal = $3, title_key = $4, search = $5, updated_at = $6 WHERE id = $1")
        .bind(id.to_string())
        .bind(title)
        .bind(goal)
        .bind(title_key)
        .bind(search)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    count_change(tx, id).await
}

/// Archives, remembering the status before; false when it was archived already.
pub async fn archive(tx: &mut Tx, id: SessionId, now: i64) -> AppResult<bool> {
    let done = sqlx::query("UPDATE sessions SET was = status, status = 'archived', updated_at = $2 WHERE id = $1 AND status <> 'archived'")
        .bind(id.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes it out of the archive; false when it was not there.
pub async fn unarchive(tx: &mut Tx, id: SessionId, now: i64) -> AppResult<bool> {
    let done = sqlx::query("UPDATE sessions SET status = was, updated_at = $2 WHERE id = $1 AND status = 'archived'")
        .bind(id.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn set_committed(tx: &mut Tx, id: SessionId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE sessions SET status = 'committed', was = 'committed', updated_at = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Into the trash (a time) or out of it (none); false when it was so already.
pub async fn set_deleted(tx: &mut Tx, id: SessionId, at: Option<i64>, now: i64) -> AppResult<bool> {
    let mut sql = Sql::new("UPDATE sessions SET deleted_at = ");
    sql.bind(at).push(", updated_at = ").bind(now).push(" WHERE id = ").bind(id.to_string());
    sql.push(if at.is_some() { " AND deleted_at IS NULL" } else { " AND deleted_at IS NOT NULL" });
    let is_changed = sql.execute(&mut **tx).await?.rows_affected() == 1;
    count_change(tx, id).await?;
    Ok(is_changed)
}

/// An account is deleted: what only it could see goes into the trash.
pub async fn delete_private_of(tx: &mut Tx, owner: UserId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE sessions SET deleted_at = $2, updated_at = $2 WHERE owner_id = $1 AND team_id IS NULL AND deleted_at IS NULL")
        .bind(owner.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    count_private_change(tx, owner).await
}

/// An account's private sessions, those in the trash too.
pub async fn private_ids_of(pool: &AnyPool, owner: UserId) -> AppResult<Vec<SessionId>> {
    // What an import has begun and not ended is not there yet.
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM sessions WHERE owner_id = $1 AND team_id IS NULL AND (source_sha IS NULL OR source_sha <> '') ORDER BY id",
    )
    .bind(owner.to_string())
    .fetch_all(pool)
    .await?;
    ids.iter().map(|id| parse_id(id)).collect()
}

/// Every session of a team, deleted ones too.
pub async fn ids_of_team(tx: &mut Tx, team: TeamId) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM sessions WHERE team_id = $1").bind(team.to_string()).fetch_all(&mut **tx).await?)
}

/// Those that were deleted before a time.
pub async fn old_trash(pool: &sqlx::AnyPool, before: i64, limit: i64) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("SELECT id FROM sessions WHERE deleted_at IS NOT NULL AND deleted_at < ");
    sql.bind(before).push(" ORDER BY deleted_at LIMIT ").number(limit);
    Ok(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(id,)| id).collect())
}

/// Removes up to `slice` of a session's rows for good, the session itself at the end; true when nothing is left.
pub async fn erase_slice(tx: &mut Tx, id: &str, slice: i64) -> AppResult<bool> {
    let mut sql = Sql::new("DELETE FROM session_entries WHERE id IN (SELECT id FROM session_entries WHERE session_id = ");
    sql.bind(id.to_owned()).push(" ORDER BY number DESC LIMIT ").number(slice).push(")");
    let removed = sql.execute(&mut **tx).await?.rows_affected();
    if removed as i64 == slice {
        return Ok(false);
    }
    for statement in [
        "DELETE FROM session_attachments WHERE session_id = $1",
        "DELETE FROM session_artifacts WHERE session_id = $1",
        "DELETE FROM session_people WHERE session_id = $1",
        "DELETE FROM sessions WHERE id = $1",
    ] {
        sqlx::query(statement).bind(id).execute(&mut **tx).await?;
    }
    Ok(true)
}
