//! `session_attachments`: what was uploaded, and which message it came with.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::sessions::model::Attachment,
    ids::{AttachmentId, EntryId, SessionId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct AttachmentRow {
        pub id: String, pub session_id: String, pub entry_id: Option<String>, pub uploaded_by: String, pub name: String, pub media_type: String,
        pub sha: String, pub size: i64, pub width: Option<i64>, pub height: Option<i64>,
    }
}

impl AttachmentRow {
    pub fn attachment(self) -> AppResult<Attachment> {
        Ok(Attachment {
            id: parse_id(&self.id)?,
            url: format!("/api/v1/sessions/{}/attachments/{}", self.session_id, self.id),
            name: self.name,
            media_type: self.media_type,
            size: self.size,
            width: self.width,
            height: self.height,
        })
    }
}

const ATTACHMENT: &str =
    "SELECT id, session_id, entry_id, uploaded_by, name, media_type, sha, size, width, height FROM session_attachments WHERE ";

pub async fn attachment<'c>(executor: impl Target<'c>, id: AttachmentId) -> AppResult<Option<AttachmentRow>> {
    let mut sql = Sql::new(ATTACHMENT);
    sql.push("id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// Those of some entries, each message's in its order.
pub async fn attachments_of<'c>(executor: impl Target<'c>, entries: &[&str]) -> AppResult<Vec<AttachmentRow>> {
    let mut sql = Sql::new(ATTACHMENT);
    sql.push("entry_id IN ").bind_list(entries).push(" ORDER BY entry_id, position");
    sql.fetch_all(executor).await
}

pub async fn insert_attachment(
    tx: &mut Tx,
    id: AttachmentId,
    session: SessionId,
    by: UserId,
    sha: &str,
    made: &Attachment,
    now: i64,
) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO session_attachments (id, session_id, uploaded_by, name, media_type, sha, size, width, height, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(id.to_string())
    .bind(session.to_string())
    .bind(by.to_string())
    .bind(&made.name)
    .bind(&made.media_type)
    .bind(sha)
    .bind(made.size)
    .bind(made.width)
    .bind(made.height)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Gives an uploaded file to a message of the same session and person; false when there is none that is free.
pub async fn attach(tx: &mut Tx, id: AttachmentId, session: SessionId, by: UserId, entry: EntryId, position: i64) -> AppResult<bool> {
    let done = sqlx::query(
        "UPDATE session_attachments SET entry_id = $4, position = $5 WHERE id = $1 AND session_id = $2 AND uploaded_by = $3 AND entry_id IS NULL",
    )
    .bind(id.to_string())
    .bind(session.to_string())
    .bind(by.to_string())
    .bind(entry.to_string())
    .bind(position)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn drop_attachments_of(tx: &mut Tx, entry: EntryId) -> AppResult<()> {
    sqlx::query("DELETE FROM session_attachments WHERE entry_id = $1").bind(entry.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Uploads that never became part of a message.
pub async fn drop_unsent(tx: &mut Tx, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM session_attachments WHERE entry_id IS NULL AND created_at < $1").bind(before).execute(&mut **tx).await?;
    Ok(())
}

/// A slice of the blobs that attachments name, after an id.
pub async fn attachment_blobs(pool: &AnyPool, after: &str, limit: i64) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT id, sha FROM session_attachments WHERE id > ");
    sql.bind(after.to_owned()).push(" ORDER BY id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}
