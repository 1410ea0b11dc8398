//! The timeline: `session_entries`.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{EntryId, SessionId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct EntryRow {
        pub id: String, pub session_id: String, pub number: i64, pub kind: String, pub text: String, pub html: String, pub rendering: i64,
        pub data: String, pub edited_at: Option<i64>, pub deleted_at: Option<i64>, pub created_at: i64,
        pub author_id: String, author_name: String, author_kind: String, author_color: i64, author_avatar: Option<String>,
    }
}

impl EntryRow {
    pub fn id(&self) -> AppResult<EntryId> {
        parse_id(&self.id)
    }
    pub fn author(&self) -> AppResult<Person> {
        Ok(Person::from_columns(
            parse_id(&self.author_id)?,
            self.author_name.clone(),
            &self.author_kind,
            self.author_color,
            self.author_avatar.clone(),
        ))
    }
}

const ENTRY: &str = "SELECT e.id, e.session_id, e.number, e.kind, e.text, e.html, e.rendering, e.data, e.edited_at, e.deleted_at, e.created_at, e.author_id, \
     u.name AS author_name, u.kind AS author_kind, u.color AS author_color, u.avatar_sha AS author_avatar \
     FROM session_entries e JOIN users u ON u.id = e.author_id WHERE ";

/// The last message before a number.
pub async fn message_before(tx: &mut Tx, session: SessionId, number: i64) -> AppResult<Option<EntryId>> {
    let mut sql = Sql::new("SELECT id FROM session_entries WHERE kind = 'message' AND session_id = ");
    sql.bind(session.to_string()).push(" AND number < ").bind(number).push(" ORDER BY number DESC LIMIT ").number(1);
    let found: Option<(String,)> = sql.fetch_all(&mut **tx).await?.pop();
    found.map(|(id,)| parse_id(&id)).transpose()
}

/// The entries from a number on, in their order: along the index of (session, number).
pub async fn entries(pool: &AnyPool, session: SessionId, from: i64, limit: i64) -> AppResult<Vec<EntryRow>> {
    let mut sql = Sql::new(ENTRY);
    sql.push("e.session_id = ").bind(session.to_string()).push(" AND e.number >= ").bind(from);
    sql.push(" ORDER BY e.number LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

pub async fn entry<'c>(executor: impl Target<'c>, id: EntryId) -> AppResult<Option<EntryRow>> {
    let mut sql = Sql::new(ENTRY);
    sql.push("e.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

crate::row! {
    /// A message of the one who asks for all of them.
    pub struct OwnMessageRow {
        session_id: String, pub number: i64, pub text: String, pub data: String, pub edited_at: Option<i64>, pub created_at: i64,
    }
}

impl OwnMessageRow {
    pub fn session(&self) -> AppResult<SessionId> {
        parse_id(&self.session_id)
    }
}

/// What an account wrote outside its private sessions and did not delete.
pub async fn messages_elsewhere(pool: &AnyPool, author: UserId) -> AppResult<Vec<OwnMessageRow>> {
    let mut sql = Sql::new(
        "SELECT e.session_id, e.number, e.text, e.data, e.edited_at, e.created_at FROM session_entries e JOIN sessions s ON s.id = e.session_id \
         WHERE e.kind = 'message' AND e.deleted_at IS NULL AND e.author_id = ",
    );
    sql.bind(author.to_string()).push(" AND (s.team_id IS NOT NULL OR s.owner_id <> ").bind(author.to_string());
    sql.push(") ORDER BY e.session_id, e.number");
    sql.fetch_all(pool).await
}

/// Takes the next `count` numbers of a session and keeps its row until the transaction ends: entries get their numbers one after
/// the other, without a gap. Gives the last of them; none when it is deleted or archived.
pub async fn advance(tx: &mut Tx, session: SessionId, count: i64, now: i64) -> AppResult<Option<i64>> {
    Ok(sqlx::query_scalar(
        "UPDATE sessions SET entries = entries + $2, active_at = CASE WHEN $2 > 0 THEN $3 ELSE active_at END \
         WHERE id = $1 AND deleted_at IS NULL AND status <> 'archived' RETURNING entries",
    )
    .bind(session.to_string())
    .bind(count)
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?)
}

pub struct NewEntry<'a> {
    pub id: EntryId,
    pub session: SessionId,
    pub number: i64,
    pub kind: &'static str,
    pub author: UserId,
    pub text: &'a str,
    pub html: &'a str,
    pub rendering: i64,
    pub data: String,
    pub created_at: i64,
}

pub async fn insert_entries(tx: &mut Tx, entries: &[NewEntry<'_>]) -> AppResult<()> {
    for chunk in entries.chunks(200) {
        let mut sql = Sql::new(
            "INSERT INTO session_entries (id, session_id, number, kind, author_id, text, html, rendering, data, created_at) VALUES ",
        );
        sql.rows(chunk, |row, new| {
            row.bind(new.id.to_string())
                .bind(new.session.to_string())
                .bind(new.number)
                .bind(new.kind)
                .bind(new.author.to_string())
                .bind(new.text.to_owned())
                .bind(new.html.to_owned())
                .bind(new.rendering)
                .bind(new.data.clone())
                .bind(new.created_at);
        });
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Another text for a message that is still there; false when it was deleted meanwhile.
pub async fn edit_message(tx: &mut Tx, id: EntryId, text: &str, html: &str, rendering: i64, data: &str, now: i64) -> AppResult<bool> {
    let done = sqlx::query(
        "UPDATE session_entries SET text = $2, html = $3, rendering = $4, data = $5, edited_at = $6 WHERE id = $1 AND deleted_at IS NULL",
    )
    .bind(id.to_string())
    .bind(text)
    .bind(html)
    .bind(rendering)
    .bind(data)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Empties a message; its number, author and time stay. False when it was so already.
pub async fn delete_message(tx: &mut Tx, id: EntryId, now: i64) -> AppResult<bool> {
    let done =
        sqlx::query("UPDATE session_entries SET text = '', html = '', data = '{}', deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL")
            .bind(id.to_string())
            .bind(now)
            .execute(&mut **tx)
            .await?;
    Ok(done.rows_affected() == 1)
}
