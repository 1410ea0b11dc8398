//! The only SQL on notifications.

pub mod deliveries;
pub mod preferences;

use std::collections::{BTreeSet, HashMap};

use sqlx::AnyPool;

use super::model::SHOWN;
use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{NotificationId, TeamId, UserId},
    server::db::{Sql, Tx, parse_id},
};

/// SQLite reads at most 32,766 arguments; chunks stay far below.
const CHUNK: usize = 500;

/// Of a team that one is no longer in, nothing is seen any more.
const VISIBLE: &str = " AND (n.team_id IS NULL OR EXISTS (SELECT 1 FROM memberships m JOIN teams t ON t.id = m.team_id \
     WHERE m.team_id = n.team_id AND m.user_id = n.user_id AND t.deleted_at IS NULL \
     AND (t.requires_factor = 0 OR EXISTS (SELECT 1 FROM factors f WHERE f.user_id = m.user_id))))";

pub struct NewRow<'a> {
    pub kind: &'static str,
    pub subject_kind: &'static str,
    pub subject_id: &'a str,
    pub team: Option<TeamId>,
    pub source_id: &'a str,
    pub actor: UserId,
    pub title: &'a str,
    pub excerpt: &'a str,
    pub data: &'a str,
    /// Of a message, which is read when its session is read up to there.
    pub entry_number: Option<i64>,
    pub now: i64,
}

/// Writes one for each account; who has one of the same source keeps that. Those that are new, with whose they are.
pub async fn insert(tx: &mut Tx, to: &[UserId], new: &NewRow<'_>) -> AppResult<Vec<(NotificationId, UserId)>> {
    let mut written = Vec::with_capacity(to.len());
    for chunk in to.chunks(CHUNK) {
        let mut sql = Sql::new(
            "INSERT INTO notifications (id, user_id, kind, subject_kind, subject_id, team_id, source_id, actor_id, title, excerpt, data, entry_number, created_at) VALUES ",
        );
        sql.rows(chunk, |row, user| {
            row.bind(NotificationId::generate().to_string())
                .bind(user.to_string())
                .bind(new.kind)
                .bind(new.subject_kind)
                .bind(new.subject_id.to_owned())
                .bind(new.team.map(|team| team.to_string()))
                .bind(new.source_id.to_owned())
                .bind(new.actor.to_string())
                .bind(new.title.to_owned())
                .bind(new.excerpt.to_owned())
                .bind(new.data.to_owned())
                .bind(new.entry_number)
                .bind(new.now);
        });
        sql.push(" ON CONFLICT (source_id, user_id) DO NOTHING RETURNING id, user_id");
        for (id, user) in sql.fetch_all::<(String, String)>(&mut **tx).await? {
            written.push((parse_id(&id)?, parse_id(&user)?));
        }
    }
    Ok(written)
}

/// Removes what tells of something that is gone; whose they were.
pub async fn delete_of_source(tx: &mut Tx, source: &str) -> AppResult<Vec<UserId>> {
    let users: Vec<String> =
        sqlx::query_scalar("DELETE FROM notifications WHERE source_id = $1 RETURNING user_id").bind(source).fetch_all(&mut **tx).await?;
    users.iter().map(|id| parse_id(id)).collect()
}

/// Removes everything about a subject.
pub async fn delete_of_subjects(tx: &mut Tx, kind: &'static str, ids: &[String]) -> AppResult<()> {
    for chunk in ids.chunks(CHUNK) {
        let mut sql = Sql::new("DELETE FROM notifications WHERE subject_kind = ");
        sql.bind(kind).push(" AND subject_id IN ").bind_list(chunk);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn delete_of_user(tx: &mut Tx, user: UserId) -> AppResult<()> {
    sqlx::query("DELETE FROM notifications WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?;
    Ok(())
}

pub async fn set_excerpt(tx: &mut Tx, source: &str, excerpt: &str) -> AppResult<()> {
    sqlx::query("UPDATE notifications SET excerpt = $2 WHERE source_id = $1").bind(source).bind(excerpt).execute(&mut **tx).await?;
    Ok(())
}

/// How many are unread; accounts without any are left out.
pub async fn unread(pool: &AnyPool, users: &[UserId]) -> AppResult<HashMap<UserId, i64>> {
    let mut counts = HashMap::with_capacity(users.len());
    for chunk in users.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT n.user_id, COUNT(*) FROM notifications n WHERE n.read_at IS NULL AND n.user_id IN ");
        sql.bind_list(chunk).push(VISIBLE).push(" GROUP BY n.user_id");
        let rows: Vec<(String, i64)> = sql.fetch_all(pool).await?;
        for (user, count) in rows {
            counts.insert(parse_id(&user)?, count);
        }
    }
    Ok(counts)
}

crate::row! {
    /// All of one subject. `done` is 0 while something of it is unread.
    #[derive(Clone, Debug)]
    pub struct GroupRow { pub subject_kind: String, pub subject_id: String, pub total: i64, pub unread: i64, pub done: i64, pub newest: String }
}

/// Subjects with something unread first, then by the newest; `after` is the last one of the page before.
pub async fn groups(pool: &AnyPool, user: UserId, after: Option<(i64, NotificationId)>, limit: i64) -> AppResult<Vec<GroupRow>> {
    let mut sql = Sql::new(
        "SELECT g.subject_kind, g.subject_id, g.total, g.unread, g.done, g.newest FROM ( \
         SELECT n.subject_kind, n.subject_id, COUNT(*) AS total, COUNT(*) - COUNT(n.read_at) AS unread, \
         CAST(MIN(CASE WHEN n.read_at IS NULL THEN 0 ELSE 1 END) AS BIGINT) AS done, MAX(n.id) AS newest \
         FROM notifications n WHERE n.user_id = ",
    );
    sql.bind(user.to_string()).push(VISIBLE).push(" GROUP BY n.subject_kind, n.subject_id) g");
    if let Some((done, newest)) = after {
        sql.push(" WHERE g.done > ")
            .bind(done)
            .push(" OR (g.done = ")
            .bind(done)
            .push(" AND g.newest < ")
            .bind(newest.to_string())
            .push(")");
    }
    sql.push(" ORDER BY g.done, g.newest DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

crate::row! {
    #[derive(Clone, Debug)]
    pub struct NotificationRow {
        pub id: String, pub kind: String, pub subject_kind: String, pub subject_id: String, pub title: String, pub excerpt: String, pub data: String,
        pub read_at: Option<i64>, pub created_at: i64,
        actor_id: String, actor_name: String, actor_kind: String, actor_color: i64, actor_avatar: Option<String>,
    }
}

impl NotificationRow {
    pub fn id(&self) -> AppResult<NotificationId> {
        parse_id(&self.id)
    }
    pub fn actor(&self) -> AppResult<Person> {
        let (name, avatar) = (self.actor_name.clone(), self.actor_avatar.clone());
        Ok(Person::from_columns(parse_id(&self.actor_id)?, name, &self.actor_kind, self.actor_color, avatar))
    }
}

/// The newest ones about each of these subjects.
pub async fn newest(pool: &AnyPool, user: UserId, groups: &[GroupRow]) -> AppResult<Vec<NotificationRow>> {
    let mut sql = Sql::new(
        "SELECT n.id, n.kind, n.subject_kind, n.subject_id, n.title, n.excerpt, n.data, n.read_at, n.created_at, n.actor_id, \
         u.name AS actor_name, u.kind AS actor_kind, u.color AS actor_color, u.avatar_sha AS actor_avatar FROM ( \
         SELECT n.*, ROW_NUMBER() OVER (PARTITION BY n.subject_kind, n.subject_id ORDER BY n.id DESC) AS place \
         FROM notifications n WHERE n.user_id = ",
    );
    sql.bind(user.to_string()).push(" AND n.subject_id IN ").bind_list(groups.iter().map(|group| &group.subject_id)).push(VISIBLE);
    sql.push(") n JOIN users u ON u.id = n.actor_id WHERE n.place <= ").number(SHOWN).push(" ORDER BY n.id DESC");
    sql.fetch_all(pool).await
}

crate::row! {
    pub struct OwnRow {
        pub kind: String, pub subject_kind: String, pub subject_id: String, pub title: String, pub excerpt: String, pub actor_name: String,
        pub read_at: Option<i64>, pub created_at: i64,
    }
}

/// All that an account has, oldest first.
pub async fn all_of(pool: &AnyPool, user: UserId) -> AppResult<Vec<OwnRow>> {
    let mut sql = Sql::new(
        "SELECT n.kind, n.subject_kind, n.subject_id, n.title, n.excerpt, u.name AS actor_name, n.read_at, n.created_at \
         FROM notifications n JOIN users u ON u.id = n.actor_id WHERE n.user_id = ",
    );
    sql.bind(user.to_string()).push(VISIBLE).push(" ORDER BY n.id");
    sql.fetch_all(pool).await
}

/// Which unread ones of an account become read.
pub enum Which<'a> {
    These(&'a [NotificationId]),
    About(&'a str),
    /// Mentions in the messages of a session up to one.
    MessagesOf {
        session: &'a str,
        number: i64,
    },
    All {
        up_to: Option<NotificationId>,
    },
}

/// The kinds and ids of the subjects that those are about which became read.
pub async fn mark_read(tx: &mut Tx, user: UserId, which: Which<'_>, now: i64) -> AppResult<BTreeSet<(String, String)>> {
    let mut sql = Sql::new("UPDATE notifications SET read_at = ");
    sql.bind(now).push(" WHERE read_at IS NULL AND user_id = ").bind(user.to_string());
    match which {
        Which::These(ids) => sql.push(" AND id IN ").bind_list(ids),
        Which::About(subject) => sql.push(" AND subject_id = ").bind(subject.to_owned()),
        Which::MessagesOf { session, number } => sql
            .push(" AND subject_kind = 'session' AND subject_id = ")
            .bind(session.to_owned())
            .push(" AND entry_number IS NOT NULL AND entry_number <= ")
            .bind(number),
        Which::All { up_to: Some(id) } => sql.push(" AND id <= ").bind(id.to_string()),
        Which::All { up_to: None } => &mut sql,
    };
    sql.push(" RETURNING subject_kind, subject_id");
    Ok(sql.fetch_all(&mut **tx).await?.into_iter().collect())
}

/// Removes those that were read before one time, and all of before another.
pub async fn remove_old(tx: &mut Tx, read_before: i64, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM notifications WHERE created_at < $1 AND (read_at IS NOT NULL OR created_at < $2)")
        .bind(read_before)
        .bind(before)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
