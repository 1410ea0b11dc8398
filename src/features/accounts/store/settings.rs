//! `settings`: what administrators decide for the whole instance, and the mark of the first visit.

use crate::{
    error::AppResult,
    ids::UserId,
    server::db::{Target, Tx},
};

const NAME: &str = "instance_name";
const OPEN_REGISTRATION: &str = "open_registration";
const FIRST_ADMINISTRATOR: &str = "first_administrator";
const SAMPLES_GIVEN: &str = "samples_given";

/// The settings as stored.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub name: Option<String>,
    pub open_registration: bool,
    /// Somebody has an account.
    pub visited: bool,
}

crate::row! {
    struct SettingRow { key: String, value: String }
}

pub async fn read<'c>(executor: impl Target<'c>) -> AppResult<Settings> {
    let rows: Vec<SettingRow> = sqlx::query_as("SELECT key, value FROM settings WHERE key IN ($1, $2, $3)")
        .bind(NAME)
        .bind(OPEN_REGISTRATION)
        .bind(FIRST_ADMINISTRATOR)
        .fetch_all(executor)
        .await?;
    let mut settings = Settings::default();
    for row in rows {
        match row.key.as_str() {
            NAME => settings.name = Some(row.value),
            OPEN_REGISTRATION => settings.open_registration = row.value == "true",
            _ => settings.visited = true,
        }
    }
    Ok(settings)
}

async fn set(tx: &mut Tx, key: &str, value: &str, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
    )
    .bind(key)
    .bind(value)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn set_name(tx: &mut Tx, name: &str, now: i64) -> AppResult<()> {
    set(tx, NAME, name, now).await
}

pub async fn set_open_registration(tx: &mut Tx, open: bool, now: i64) -> AppResult<()> {
    set(tx, OPEN_REGISTRATION, if open { "true" } else { "false" }, now).await
}

/// Takes the place of the first account; false when somebody has it. The unique key decides between two at once: the second
/// waits for the first to commit.
pub async fn claim_first_administrator(tx: &mut Tx, user: UserId, now: i64) -> AppResult<bool> {
    let result = sqlx::query("INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING")
        .bind(FIRST_ADMINISTRATOR)
        .bind(user.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Serialises changes to who administers, so that the last two cannot resign at once.
pub async fn lock_administrators(tx: &mut Tx, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE settings SET updated_at = $2 WHERE key = $1").bind(FIRST_ADMINISTRATOR).bind(now).execute(&mut **tx).await?;
    Ok(())
}

/// Whether a server that was started with the wish for sample data has added it once.
pub async fn samples_given<'c>(executor: impl Target<'c>) -> AppResult<bool> {
    let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM settings WHERE key = $1").bind(SAMPLES_GIVEN).fetch_one(executor).await?;
    Ok(count > 0)
}

pub async fn note_samples_given(tx: &mut Tx, now: i64) -> AppResult<()> {
    set(tx, SAMPLES_GIVEN, "true", now).await
}
