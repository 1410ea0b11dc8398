//! Sessions that come from files: written in slices, there when all of it is there.

use super::{NewSession, count_change, insert};
use crate::{
    error::AppResult,
    ids::{SessionId, VolumeId},
    server::db::Tx,
};

crate::row! {
    /// What an earlier import left.
    pub struct SourceRow { pub id: String, pub source_sha: String, pub deleted_at: Option<i64> }
}

/// The session that came from a file with this id into a volume.
pub async fn by_source(tx: &mut Tx, volume: VolumeId, source: &str) -> AppResult<Option<SourceRow>> {
    Ok(sqlx::query_as(
        "SELECT id, COALESCE(source_sha, '') AS source_sha, deleted_at FROM sessions WHERE source_volume_id = $1 AND source_id = $2",
    )
    .bind(volume.to_string())
    .bind(source)
    .fetch_optional(&mut **tx)
    .await?)
}

/// Begins one: nobody sees it before [`publish`].
pub async fn stage(tx: &mut Tx, new: &NewSession<'_>, volume: VolumeId, source: &str, extra: &str) -> AppResult<()> {
    insert(tx, new).await?;
    sqlx::query("UPDATE sessions SET source_volume_id = $2, source_id = $3, source_sha = '', extra = $4, deleted_at = $5 WHERE id = $1")
        .bind(new.id.to_string())
        .bind(volume.to_string())
        .bind(source)
        .bind(extra)
        .bind(new.now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// All entries are there: it is shown.
pub async fn publish(tx: &mut Tx, id: SessionId, sha: &str, entries: i64, created_at: i64, active_at: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE sessions SET source_sha = $2, deleted_at = NULL, entries = $3, created_at = $4, active_at = $5 WHERE id = $1 AND source_sha = ''",
    )
    .bind(id.to_string())
    .bind(sha)
    .bind(entries)
    .bind(created_at)
    .bind(active_at)
    .execute(&mut **tx)
    .await?;
    count_change(tx, id).await
}

/// Keeps apart what the status of an archived one was.
pub async fn set_was_active(tx: &mut Tx, id: SessionId) -> AppResult<()> {
    sqlx::query("UPDATE sessions SET was = 'active' WHERE id = $1 AND was = 'archived'").bind(id.to_string()).execute(&mut **tx).await?;
    Ok(())
}
