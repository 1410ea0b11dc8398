//! Secrets of single repositories, sealed.

use sqlx::AnyPool;

use super::super::model::WebhookSecret;
use crate::{error::AppResult, server::db::Tx};

pub async fn put(tx: &mut Tx, repository: &str, sealed: &[u8], now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO webhook_secrets (repository, sealed, created_at, updated_at) VALUES ($1, $2, $3, $3)
         ON CONFLICT (repository) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at",
    )
    .bind(repository)
    .bind(sealed.to_vec())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether there was one.
pub async fn delete(tx: &mut Tx, repository: &str) -> AppResult<bool> {
    Ok(sqlx::query("DELETE FROM webhook_secrets WHERE repository = $1").bind(repository).execute(&mut **tx).await?.rows_affected() > 0)
}

pub async fn get(pool: &AnyPool, repository: &str) -> AppResult<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar("SELECT sealed FROM webhook_secrets WHERE repository = $1").bind(repository).fetch_optional(pool).await?)
}

/// Each repository and its sealed secret.
pub async fn all(pool: &AnyPool) -> AppResult<Vec<(String, Vec<u8>)>> {
    Ok(sqlx::query_as("SELECT repository, sealed FROM webhook_secrets ORDER BY repository").fetch_all(pool).await?)
}

pub async fn any(pool: &AnyPool) -> AppResult<bool> {
    let any: i64 = sqlx::query_scalar("SELECT CASE WHEN EXISTS (SELECT 1 FROM webhook_secrets) THEN 1 ELSE 0 END").fetch_one(pool).await?;
    Ok(any != 0)
}

pub async fn list(pool: &AnyPool) -> AppResult<Vec<WebhookSecret>> {
    let rows: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT repository, created_at, updated_at FROM webhook_secrets ORDER BY repository").fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(repository, created_at, updated_at)| WebhookSecret { repository, created_at, updated_at }).collect())
}
