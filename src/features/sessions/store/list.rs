//! Lists of sessions: permissions, filters, order and the place of a page are all in one statement.

use sqlx::AnyPool;

use super::{SESSION, SessionRow};
use crate::{
    error::AppResult,
    features::sessions::model::{SessionSort, SessionStatus, SessionView},
    ids::{SessionId, TeamId, UserId},
    server::db::{Sql, parse_id},
};

/// Where a page ended: the value of its order, and the id that decides among equals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub key: PlaceKey,
    pub id: SessionId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaceKey {
    Time(i64),
    Title(String),
}

/// What a list shows, for whom.
pub struct Listed<'a> {
    pub caller: UserId,
    pub teams: &'a [TeamId],
    /// Those of the teams where the caller may write, and where they keep things in order: for the trash.
    pub writes: &'a [TeamId],
    pub manages: &'a [TeamId],
    pub words: &'a [String],
    pub view: SessionView,
    pub team: Option<TeamId>,
    pub status: Option<SessionStatus>,
}

/// Those that somebody sees.
fn visible(sql: &mut Sql, caller: UserId, teams: &[TeamId]) {
    sql.push(" WHERE s.deleted_at IS NULL AND ((s.team_id IS NULL AND s.owner_id = ").bind(caller.to_string()).push(")");
    if !teams.is_empty() {
        sql.push(" OR s.team_id IN ").bind_list(teams);
    }
    sql.push(")");
}

/// Those in the trash that somebody may take back: the rule of `SessionAccess::can_manage`.
fn in_trash(sql: &mut Sql, caller: UserId, writes: &[TeamId], manages: &[TeamId]) {
    // What an import has begun and not ended is no session yet.
    sql.push(" WHERE s.deleted_at IS NOT NULL AND (s.source_sha IS NULL OR s.source_sha <> '') AND ((s.owner_id = ")
        .bind(caller.to_string());
    sql.push(" AND (s.team_id IS NULL OR s.team_id IN ").bind_list(writes).push(")) OR s.team_id IN ").bind_list(manages).push(")");
}

impl Listed<'_> {
    fn conditions(&self, sql: &mut Sql) {
        match self.view {
            SessionView::Trash => in_trash(sql, self.caller, self.writes, self.manages),
            _ => visible(sql, self.caller, self.teams),
        }
        match self.view {
            SessionView::All | SessionView::Trash => {}
            SessionView::Mine => {
                sql.push(" AND s.owner_id = ").bind(self.caller.to_string());
            }
            SessionView::Team => {
                sql.push(" AND s.team_id IS NOT NULL");
            }
            SessionView::Archived => {
                sql.push(" AND s.status = 'archived'");
            }
        }
        if let Some(team) = self.team {
            sql.push(" AND s.team_id = ").bind(team.to_string());
        }
        match self.status {
            Some(status) => {
                sql.push(" AND s.status = ").bind(status.as_str());
            }
            None if !matches!(self.view, SessionView::Archived | SessionView::Trash) => {
                sql.push(" AND s.status <> 'archived'");
            }
            None => {}
        }
        for word in self.words {
            sql.push(" AND s.search LIKE ").bind(format!("%{}%", escaped(word))).push(" ESCAPE '\\'");
        }
    }
}

/// A word as LIKE reads it.
fn escaped(word: &str) -> String {
    word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// A page of sessions.
pub async fn list(pool: &AnyPool, listed: &Listed<'_>, sort: SessionSort, after: Option<&Place>, limit: i64) -> AppResult<Vec<SessionRow>> {
    let mut sql = Sql::new(SESSION);
    sql.bind(listed.caller.to_string());
    listed.conditions(&mut sql);
    if let Some(after) = after {
        let (key, beyond) = match sort {
            SessionSort::Activity => ("s.active_at", " < "),
            SessionSort::Created => ("s.created_at", " < "),
            SessionSort::Title => ("s.title_key", " > "),
        };
        let bind = |sql: &mut Sql| match &after.key {
            PlaceKey::Time(time) => {
                sql.bind(*time);
            }
            PlaceKey::Title(title) => {
                sql.bind(title.clone());
            }
        };
        sql.push(" AND (").push(key).push(beyond);
        bind(&mut sql);
        sql.push(" OR (").push(key).push(" = ");
        bind(&mut sql);
        sql.push(" AND s.id").push(beyond).bind(after.id.to_string()).push("))");
    }
    sql.push(match sort {
        SessionSort::Activity => " ORDER BY s.active_at DESC, s.id DESC LIMIT ",
        SessionSort::Created => " ORDER BY s.created_at DESC, s.id DESC LIMIT ",
        SessionSort::Title => " ORDER BY s.title_key, s.id LIMIT ",
    });
    sql.number(limit);
    sql.fetch_all(pool).await
}

/// The titles of those of these that somebody sees.
pub async fn titles(pool: &AnyPool, caller: UserId, teams: &[TeamId], ids: &[SessionId]) -> AppResult<Vec<(SessionId, String)>> {
    let mut titles = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(super::CHUNK) {
        let mut sql = Sql::new("SELECT s.id, s.title FROM sessions s");
        visible(&mut sql, caller, teams);
        sql.push(" AND s.id IN ").bind_list(chunk);
        for (id, title) in sql.fetch_all::<(String, String)>(pool).await? {
            titles.push((parse_id(&id)?, title));
        }
    }
    Ok(titles)
}

/// How many there are in all.
pub async fn count(pool: &AnyPool, listed: &Listed<'_>) -> AppResult<i64> {
    let mut sql = Sql::new("SELECT COUNT(*) AS n FROM sessions s");
    listed.conditions(&mut sql);
    Ok(sql.fetch_all::<(i64,)>(pool).await?.first().map_or(0, |(count,)| *count))
}
