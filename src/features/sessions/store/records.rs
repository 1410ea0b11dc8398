//! `session_records`: what commits saved of sessions into volumes.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{CommitId, SessionId, VolumeId},
    server::db::{Sql, Target, Tx},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct RecordRow { pub session_id: String, pub path: String, pub title: String, pub sha: String, pub size: i64, pub change: String }
}

const RECORD: &str = "SELECT session_id, path, title, sha, size, change FROM session_records WHERE ";

/// The record of a session that is in a volume now.
pub async fn current_record<'c>(executor: impl Target<'c>, volume: VolumeId, path: &str) -> AppResult<Option<RecordRow>> {
    let mut sql = Sql::new(RECORD);
    sql.push("current = 1 AND volume_id = ").bind(volume.to_string()).push(" AND path = ").bind(path.to_owned());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// The records that are in a volume now, by path, after one.
pub async fn records_of_volume(pool: &AnyPool, volume: VolumeId, after: &str, limit: i64) -> AppResult<Vec<RecordRow>> {
    let mut sql = Sql::new(RECORD);
    sql.push("current = 1 AND volume_id = ").bind(volume.to_string()).push(" AND path > ").bind(after.to_owned());
    sql.push(" ORDER BY path LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

pub async fn records_of_commit(pool: &AnyPool, commit: CommitId) -> AppResult<Vec<RecordRow>> {
    let mut sql = Sql::new(RECORD);
    sql.push("commit_id = ").bind(commit.to_string()).push(" ORDER BY path");
    sql.fetch_all(pool).await
}

pub struct NewRecord<'a> {
    pub commit: CommitId,
    pub volume: VolumeId,
    pub session: SessionId,
    pub path: &'a str,
    pub title: &'a str,
    pub sha: &'a str,
    pub size: i64,
    pub change: &'static str,
    pub now: i64,
}

/// Adds a record and makes it the current one of its path.
pub async fn insert_record(tx: &mut Tx, new: &NewRecord<'_>) -> AppResult<()> {
    sqlx::query("UPDATE session_records SET current = 0 WHERE volume_id = $1 AND path = $2 AND current = 1")
        .bind(new.volume.to_string())
        .bind(new.path)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO session_records (commit_id, volume_id, session_id, path, title, sha, size, change, current, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9)",
    )
    .bind(new.commit.to_string())
    .bind(new.volume.to_string())
    .bind(new.session.to_string())
    .bind(new.path)
    .bind(new.title)
    .bind(new.sha)
    .bind(new.size)
    .bind(new.change)
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A volume is erased, and what was saved into it.
pub async fn erase_records(tx: &mut Tx, volume: &str) -> AppResult<()> {
    sqlx::query("DELETE FROM session_records WHERE volume_id = $1").bind(volume).execute(&mut **tx).await?;
    Ok(())
}

/// A slice of the blobs that records name, after a place.
pub async fn record_blobs(pool: &AnyPool, after: (&str, &str), limit: i64) -> AppResult<Vec<(String, String, String)>> {
    let mut sql = Sql::new("SELECT commit_id, path, sha FROM session_records WHERE commit_id > ");
    sql.bind(after.0.to_owned()).push(" OR (commit_id = ").bind(after.0.to_owned()).push(" AND path > ").bind(after.1.to_owned());
    sql.push(") ORDER BY commit_id, path LIMIT ").number(limit);
    sql.fetch_all(pool).await
}
