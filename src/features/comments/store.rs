//! The only SQL on threads and comments.

use std::collections::HashMap;

use sqlx::AnyPool;

use super::model::{SHOWN, Subject, ThreadState};
use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{ArtifactId, CommentId, EntryId, SessionId, ThreadId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// SQLite reads at most 32,766 arguments; chunks stay far below.
const CHUNK: usize = 500;

crate::row! {
    /// A thread as stored, with who resolved it.
    #[derive(Clone, Debug)]
    pub struct ThreadRow {
        pub id: String, pub artifact_id: Option<String>, pub session_id: Option<String>, pub entry_id: Option<String>, pub anchor: Option<String>,
        pub author_id: String, pub comments: i64, pub resolved_at: Option<i64>, pub created_at: i64,
        resolved_by: Option<String>, resolver_name: Option<String>, resolver_kind: Option<String>, resolver_color: Option<i64>, resolver_avatar: Option<String>,
    }
}

impl ThreadRow {
    pub fn id(&self) -> AppResult<ThreadId> {
        parse_id(&self.id)
    }
    pub fn artifact(&self) -> AppResult<Option<ArtifactId>> {
        self.artifact_id.as_deref().map(parse_id).transpose()
    }
    pub fn session(&self) -> AppResult<Option<SessionId>> {
        self.session_id.as_deref().map(parse_id).transpose()
    }
    pub fn entry(&self) -> AppResult<Option<EntryId>> {
        self.entry_id.as_deref().map(parse_id).transpose()
    }
    pub fn resolved_by(&self) -> AppResult<Option<Person>> {
        let Some(id) = &self.resolved_by else { return Ok(None) };
        Ok(Some(Person::from_columns(
            parse_id(id)?,
            self.resolver_name.clone().unwrap_or_default(),
            self.resolver_kind.as_deref().unwrap_or_default(),
            self.resolver_color.unwrap_or(1),
            self.resolver_avatar.clone(),
        )))
    }
}

const THREAD: &str = "SELECT t.id, t.artifact_id, t.session_id, t.entry_id, t.anchor, t.author_id, t.comments, t.resolved_at, t.created_at, \
     t.resolved_by, u.name AS resolver_name, u.kind AS resolver_kind, u.color AS resolver_color, u.avatar_sha AS resolver_avatar \
     FROM comment_threads t LEFT JOIN users u ON u.id = t.resolved_by WHERE ";

/// Where the threads of a list are.
#[derive(Clone, Copy, Debug)]
pub enum Listed {
    Of(Subject),
    /// Of all entries of a session.
    Session(SessionId),
}

fn within(sql: &mut Sql, listed: Listed) {
    match listed {
        Listed::Of(Subject::Artifact(artifact)) => sql.push("t.artifact_id = ").bind(artifact.to_string()),
        Listed::Of(Subject::Entry(session, entry)) => {
            sql.push("t.entry_id = ").bind(entry.to_string()).push(" AND t.session_id = ").bind(session.to_string())
        }
        Listed::Session(session) => sql.push("t.session_id = ").bind(session.to_string()),
    };
}

/// Threads, newest first.
pub async fn threads(
    pool: &AnyPool,
    listed: Listed,
    state: ThreadState,
    before: Option<ThreadId>,
    limit: i64,
) -> AppResult<Vec<ThreadRow>> {
    let mut sql = Sql::new(THREAD);
    within(&mut sql, listed);
    match state {
        ThreadState::Open => sql.push(" AND t.resolved_at IS NULL"),
        ThreadState::Resolved => sql.push(" AND t.resolved_at IS NOT NULL"),
        ThreadState::All => &mut sql,
    };
    if let Some(before) = before {
        sql.push(" AND t.id < ").bind(before.to_string());
    }
    sql.push(" ORDER BY t.id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// How many threads are open, and how many are resolved.
pub async fn counts(pool: &AnyPool, listed: Listed) -> AppResult<(i64, i64)> {
    let mut sql = Sql::new("SELECT COUNT(*), COUNT(t.resolved_at) FROM comment_threads t WHERE ");
    within(&mut sql, listed);
    let (all, resolved): (i64, i64) = sql.fetch_all(pool).await?.pop().unwrap_or_default();
    Ok((all - resolved, resolved))
}

pub async fn thread<'c>(executor: impl Target<'c>, id: ThreadId) -> AppResult<Option<ThreadRow>> {
    let mut sql = Sql::new(THREAD);
    sql.push("t.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

crate::row! {
    #[derive(Clone, Debug)]
    pub struct CommentRow {
        pub id: String, pub thread_id: String, pub number: i64, pub text: String, pub html: String, pub rendering: i64,
        pub edited_at: Option<i64>, pub deleted_at: Option<i64>, pub created_at: i64,
        pub author_id: String, author_name: String, author_kind: String, author_color: i64, author_avatar: Option<String>,
    }
}

impl CommentRow {
    pub fn id(&self) -> AppResult<CommentId> {
        parse_id(&self.id)
    }
    pub fn author(&self) -> AppResult<Person> {
        let (name, avatar) = (self.author_name.clone(), self.author_avatar.clone());
        Ok(Person::from_columns(parse_id(&self.author_id)?, name, &self.author_kind, self.author_color, avatar))
    }
}

const COMMENT: &str = "SELECT c.id, c.thread_id, c.number, c.text, c.html, c.rendering, c.edited_at, c.deleted_at, c.created_at, c.author_id, \
     u.name AS author_name, u.kind AS author_kind, u.color AS author_color, u.avatar_sha AS author_avatar \
     FROM comments c JOIN comment_threads t ON t.id = c.thread_id JOIN users u ON u.id = c.author_id WHERE ";

/// The first and the newest comments of these threads, in order.
pub async fn newest(pool: &AnyPool, threads: &[ThreadRow]) -> AppResult<Vec<CommentRow>> {
    let mut sql = Sql::new(COMMENT);
    sql.push("c.thread_id IN ").bind_list(threads.iter().map(|thread| &thread.id));
    sql.push(" AND (c.number = 1 OR c.number > t.comments - ").number(SHOWN).push(") ORDER BY c.thread_id, c.number");
    sql.fetch_all(pool).await
}

/// All comments of a thread, in order.
pub async fn comments(pool: &AnyPool, thread: ThreadId) -> AppResult<Vec<CommentRow>> {
    let mut sql = Sql::new(COMMENT);
    sql.push("c.thread_id = ").bind(thread.to_string()).push(" ORDER BY c.number");
    sql.fetch_all(pool).await
}

pub async fn comment<'c>(executor: impl Target<'c>, id: CommentId) -> AppResult<Option<CommentRow>> {
    let mut sql = Sql::new(COMMENT);
    sql.push("c.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

crate::row! {
    /// A comment of the one who asks for all of them.
    pub struct OwnCommentRow {
        pub thread_id: String, pub artifact_id: Option<String>, pub session_id: Option<String>, pub text: String, pub edited_at: Option<i64>,
        pub created_at: i64,
    }
}

/// What an account wrote and did not delete.
pub async fn comments_by(pool: &AnyPool, author: UserId) -> AppResult<Vec<OwnCommentRow>> {
    let mut sql = Sql::new(
        "SELECT c.thread_id, t.artifact_id, t.session_id, c.text, c.edited_at, c.created_at FROM comments c \
         JOIN comment_threads t ON t.id = c.thread_id WHERE c.deleted_at IS NULL AND c.author_id = ",
    );
    sql.bind(author.to_string()).push(" ORDER BY c.id");
    sql.fetch_all(pool).await
}

/// Who wrote into a thread.
pub async fn authors(tx: &mut Tx, thread: ThreadId) -> AppResult<Vec<UserId>> {
    let ids: Vec<String> = sqlx::query_scalar("SELECT DISTINCT author_id FROM comments WHERE thread_id = $1 AND deleted_at IS NULL")
        .bind(thread.to_string())
        .fetch_all(&mut **tx)
        .await?;
    ids.iter().map(|id| parse_id(id)).collect()
}

/// How many comments entries have.
pub async fn entry_counts(pool: &AnyPool, entries: &[&str]) -> AppResult<HashMap<String, i64>> {
    let mut counts = HashMap::new();
    for chunk in entries.chunks(CHUNK) {
        let mut sql = Sql::new(
            "SELECT t.entry_id, COUNT(*) FROM comment_threads t JOIN comments c ON c.thread_id = t.id AND c.deleted_at IS NULL \
             WHERE t.entry_id IN ",
        );
        sql.bind_list(chunk).push(" GROUP BY t.entry_id");
        let rows: Vec<(String, i64)> = sql.fetch_all(pool).await?;
        counts.extend(rows);
    }
    Ok(counts)
}

pub async fn insert_thread(tx: &mut Tx, id: ThreadId, subject: Subject, anchor: Option<String>, author: UserId, now: i64) -> AppResult<()> {
    let (artifact, session, entry) = match subject {
        Subject::Artifact(artifact) => (Some(artifact.to_string()), None, None),
        Subject::Entry(session, entry) => (None, Some(session.to_string()), Some(entry.to_string())),
    };
    sqlx::query(
        "INSERT INTO comment_threads (id, artifact_id, session_id, entry_id, anchor, author_id, comments, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $7)",
    )
    .bind(id.to_string())
    .bind(artifact)
    .bind(session)
    .bind(entry)
    .bind(anchor)
    .bind(author.to_string())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes a thread's row until the transaction ends.
pub async fn lock(tx: &mut Tx, id: ThreadId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE comment_threads SET updated_at = $2 WHERE id = $1").bind(id.to_string()).bind(now).execute(&mut **tx).await?;
    Ok(())
}

/// Takes the next number of a thread, below or at `most`; its row stays taken until the transaction ends.
pub async fn advance(tx: &mut Tx, id: ThreadId, most: i64, now: i64) -> AppResult<Option<i64>> {
    Ok(sqlx::query_scalar(
        "UPDATE comment_threads SET comments = comments + 1, updated_at = $3 WHERE id = $1 AND comments < $2 RETURNING comments",
    )
    .bind(id.to_string())
    .bind(most)
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?)
}

pub struct NewComment<'a> {
    pub id: CommentId,
    pub thread: ThreadId,
    pub number: i64,
    pub author: UserId,
    pub text: &'a str,
    pub html: &'a str,
    pub rendering: i64,
    pub now: i64,
}

pub async fn insert_comment(tx: &mut Tx, new: &NewComment<'_>) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO comments (id, thread_id, number, author_id, text, html, rendering, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.id.to_string())
    .bind(new.thread.to_string())
    .bind(new.number)
    .bind(new.author.to_string())
    .bind(new.text)
    .bind(new.html)
    .bind(new.rendering)
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Another text for a comment that is still there; false when it was deleted meanwhile.
pub async fn edit_comment(tx: &mut Tx, id: CommentId, text: &str, html: &str, rendering: i64, now: i64) -> AppResult<bool> {
    let done = sqlx::query("UPDATE comments SET text = $2, html = $3, rendering = $4, edited_at = $5 WHERE id = $1 AND deleted_at IS NULL")
        .bind(id.to_string())
        .bind(text)
        .bind(html)
        .bind(rendering)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Empties a comment; its number, author and time stay. False when it was so already.
pub async fn delete_comment(tx: &mut Tx, id: CommentId, now: i64) -> AppResult<bool> {
    let done = sqlx::query("UPDATE comments SET text = '', html = '', deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL")
        .bind(id.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Resolves a thread, or takes it up again; false when it was so already.
pub async fn set_resolved(tx: &mut Tx, id: ThreadId, by: Option<UserId>, now: i64) -> AppResult<bool> {
    let mut sql = Sql::new("UPDATE comment_threads SET resolved_at = ");
    sql.bind(by.map(|_| now)).push(", resolved_by = ").bind(by.map(|by| by.to_string())).push(", updated_at = ").bind(now);
    sql.push(" WHERE id = ").bind(id.to_string());
    sql.push(if by.is_some() { " AND resolved_at IS NULL" } else { " AND resolved_at IS NOT NULL" });
    Ok(sql.execute(&mut **tx).await?.rows_affected() == 1)
}

/// Removes the threads of artifacts for good.
pub async fn erase_of_artifacts(tx: &mut Tx, ids: &[ArtifactId]) -> AppResult<()> {
    for chunk in ids.chunks(CHUNK) {
        let mut sql = Sql::new("DELETE FROM comments WHERE thread_id IN (SELECT id FROM comment_threads WHERE artifact_id IN ");
        sql.bind_list(chunk).push(")");
        sql.execute(&mut **tx).await?;
        let mut sql = Sql::new("DELETE FROM comment_threads WHERE artifact_id IN ");
        sql.bind_list(chunk);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// The same for a session.
pub async fn erase_of_session(tx: &mut Tx, session: &str) -> AppResult<()> {
    for statement in [
        "DELETE FROM comments WHERE thread_id IN (SELECT id FROM comment_threads WHERE session_id = $1)",
        "DELETE FROM comment_threads WHERE session_id = $1",
    ] {
        sqlx::query(statement).bind(session).execute(&mut **tx).await?;
    }
    Ok(())
}
