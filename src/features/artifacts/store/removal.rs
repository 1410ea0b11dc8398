//! Moving between volumes, and what ends for good.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{ArtifactId, VolumeId},
    server::db::{Sql, Tx},
};

/// Puts an artifact into another volume; its head follows by the target's commit.
pub async fn set_place(tx: &mut Tx, id: ArtifactId, volume: VolumeId, slug: &str, path: &str, seq: i64) -> AppResult<()> {
    sqlx::query("UPDATE artifacts SET volume_id = $2, slug = $3, path = $4, seq = $5 WHERE id = $1")
        .bind(id.to_string())
        .bind(volume.to_string())
        .bind(slug)
        .bind(path)
        .bind(seq)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Puts artifacts that were never committed into the trash, or takes them out.
pub async fn set_trashed(tx: &mut Tx, id: ArtifactId, by: Option<&str>, seq: i64, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE artifacts SET state = $2, deleted_by = $3, deleted_at = $4, seq = $5, updated_at = $6 WHERE id = $1")
        .bind(id.to_string())
        .bind(if by.is_some() { super::TRASHED } else { super::LIVE })
        .bind(by)
        .bind(by.map(|_| now))
        .bind(seq)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Why nobody should use these, or `''` when they may again.
pub async fn set_disabled(tx: &mut Tx, ids: &[ArtifactId], why: &str, seq: i64) -> AppResult<()> {
    for chunk in ids.chunks(super::CHUNK) {
        let mut sql = Sql::new("UPDATE artifacts SET disabled = ");
        sql.bind(why.to_owned()).push(", seq = ").bind(seq).push(" WHERE id IN ").bind_list(chunk);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// How many live artifacts of each kind and category a volume has.
pub async fn sorts_of(tx: &mut Tx, volume: VolumeId) -> AppResult<Vec<(String, String, i64)>> {
    let sql = "SELECT kind, category, COUNT(*) FROM artifacts WHERE volume_id = $1 AND state = $2 GROUP BY kind, category ORDER BY kind, category";
    Ok(sqlx::query_as(sql).bind(volume.to_string()).bind(super::LIVE).fetch_all(&mut **tx).await?)
}

/// Trash older than a time: artifact and volume.
pub async fn old_trash(pool: &AnyPool, before: i64, limit: i64) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new("SELECT id, volume_id FROM artifacts WHERE state = 2 AND deleted_at < ");
    sql.bind(before).push(" ORDER BY deleted_at LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Removes artifacts with everything that belongs to them only.
pub async fn erase(tx: &mut Tx, ids: &[ArtifactId]) -> AppResult<()> {
    for chunk in ids.chunks(super::CHUNK) {
        let mut shas = Sql::new("SELECT DISTINCT content_sha FROM revisions WHERE artifact_id IN ");
        shas.bind_list(chunk);
        let shas: Vec<(String,)> = shas.fetch_all(&mut **tx).await?;
        for statement in [
            "DELETE FROM drafts WHERE artifact_id IN ",
            "DELETE FROM favourites WHERE artifact_id IN ",
            "DELETE FROM recents WHERE artifact_id IN ",
            "DELETE FROM revisions WHERE artifact_id IN ",
            "DELETE FROM artifacts WHERE id IN ",
        ] {
            let mut sql = Sql::new(statement);
            sql.bind_list(chunk);
            sql.execute(&mut **tx).await?;
        }
        forget_contents(tx, shas.into_iter().map(|(sha,)| sha).collect()).await?;
    }
    Ok(())
}

/// Removes those of these main files that nothing has any more.
pub async fn forget_contents(tx: &mut Tx, shas: Vec<String>) -> AppResult<()> {
    for shas in shas.chunks(super::CHUNK) {
        let mut sql = Sql::new("DELETE FROM contents WHERE sha IN ");
        sql.bind_list(shas);
        sql.push(" AND NOT EXISTS (SELECT 1 FROM revisions r WHERE r.content_sha = contents.sha)");
        sql.push(" AND NOT EXISTS (SELECT 1 FROM releases r WHERE r.content_sha = contents.sha)");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Every artifact of a volume, whatever its state.
pub async fn ids_of_volume(tx: &mut Tx, volume: &str) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM artifacts WHERE volume_id = $1").bind(volume).fetch_all(&mut **tx).await?)
}
