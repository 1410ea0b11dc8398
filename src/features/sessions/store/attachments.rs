//! `session_attachments`: what was uploaded, and which message it came with.

use sqlx::{Any, Executor};

use crate::{
    error::AppResult,
    features::sessions::model::Attachment,
    ids::{AttachmentId, EntryId, SessionId, UserId},
    server::db::{Sql, Tx, parse_id},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct AttachmentRow {
        pub id: String, pub session_id: String, pub entry_id: Option<String>, pub name: String, pub media_type: String,
        pub size: i64, pub width: Option<i64>, pub height: Option<i64>,
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

const ATTACHMENT: &str = "SELECT id, session_id, entry_id, name, media_type, size, width, height FROM session_attachments WHERE ";

/// Those of some entries, each message's in its order.
pub async fn attachments_of<'c>(executor: impl Executor<'c, Database = Any>, entries: &[&str]) -> AppResult<Vec<AttachmentRow>> {
    let mut sql = Sql::new(ATTACHMENT);
    sql.push("entry_id IN ").bind_list(entries).push(" ORDER BY entry_id, position");
    sql.fetch_all(executor).await
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
