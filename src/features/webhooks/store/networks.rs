//! Where GitHub says that its deliveries come from, and what it says that it has sent.

use sqlx::AnyPool;

use super::super::model::MissingCheck;
use crate::{error::AppResult, server::db::Tx};

pub async fn replace(tx: &mut Tx, networks: &[String], now: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM webhook_networks").execute(&mut **tx).await?;
    for network in networks {
        sqlx::query("INSERT INTO webhook_networks (network, updated_at) VALUES ($1, $2)")
            .bind(network)
            .bind(now)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

pub async fn all(pool: &AnyPool) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT network FROM webhook_networks ORDER BY network").fetch_all(pool).await?)
}

pub async fn note_check(tx: &mut Tx, check: &MissingCheck) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO webhook_checks (repository, sent, missing, asked_again, error, updated_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (repository) DO UPDATE SET sent = excluded.sent, missing = excluded.missing, asked_again = excluded.asked_again,
           error = excluded.error, updated_at = excluded.updated_at",
    )
    .bind(&check.repository)
    .bind(check.sent)
    .bind(check.missing)
    .bind(check.asked_again)
    .bind(check.error.as_deref())
    .bind(check.updated_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Of repositories that are no longer asked about.
pub async fn forget_checks(tx: &mut Tx, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM webhook_checks WHERE updated_at < $1").bind(before).execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    struct CheckRow { repository: String, sent: i64, missing: i64, asked_again: i64, error: Option<String>, updated_at: i64 }
}

pub async fn checks(pool: &AnyPool) -> AppResult<Vec<MissingCheck>> {
    let rows: Vec<CheckRow> =
        sqlx::query_as("SELECT repository, sent, missing, asked_again, error, updated_at FROM webhook_checks ORDER BY repository")
            .fetch_all(pool)
            .await?;
    let read = |row: CheckRow| MissingCheck {
        repository: row.repository,
        sent: row.sent,
        missing: row.missing,
        asked_again: row.asked_again,
        error: row.error,
        updated_at: row.updated_at,
    };
    Ok(rows.into_iter().map(read).collect())
}
