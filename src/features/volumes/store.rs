//! The only SQL on volumes and commits.

use sqlx::AnyPool;

use super::model::VolumeKind;
use crate::{error::AppResult, ids::VolumeId, server::db::Tx};

pub async fn insert(tx: &mut Tx, id: VolumeId, kind: VolumeKind, owner: &str, name: &str, now: i64) -> AppResult<()> {
    sqlx::query("INSERT INTO volumes (id, kind, owner_id, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)")
        .bind(id.to_string())
        .bind(kind.as_str())
        .bind(owner)
        .bind(name)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn first_of(pool: &AnyPool, kind: VolumeKind, owner: &str) -> AppResult<Option<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM volumes WHERE kind = $1 AND owner_id = $2 AND deleted_at IS NULL ORDER BY id LIMIT 1")
        .bind(kind.as_str())
        .bind(owner)
        .fetch_optional(pool)
        .await?)
}

pub async fn delete_of(tx: &mut Tx, kind: VolumeKind, owner: &str, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE volumes SET deleted_at = $3, updated_at = $3 WHERE kind = $1 AND owner_id = $2 AND deleted_at IS NULL")
        .bind(kind.as_str())
        .bind(owner)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

crate::row! {
    pub struct OwnerCount { pub owner_id: String, pub artifacts: i64 }
}

pub async fn artifacts_by_owner(pool: &AnyPool, kind: VolumeKind) -> AppResult<Vec<OwnerCount>> {
    Ok(sqlx::query_as(
        "SELECT v.owner_id, COUNT(*) AS artifacts FROM artifacts a JOIN volumes v ON v.id = a.volume_id \
         WHERE v.kind = $1 AND v.deleted_at IS NULL AND a.state = 1 GROUP BY v.owner_id",
    )
    .bind(kind.as_str())
    .fetch_all(pool)
    .await?)
}
