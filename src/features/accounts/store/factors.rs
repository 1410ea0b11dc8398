//! `factors` and `recovery_codes`.

use sqlx::AnyPool;

use crate::{
    error::{AppError, AppResult},
    features::accounts::model::{Factor, FactorKind},
    ids::{FactorId, UserId},
    server::db::{Sql, Target, Tx, flag},
};

crate::row! {
    /// A factor whole.
    pub struct FactorRow {
        pub id: String, pub user_id: String, pub kind: String, pub name: String, pub secret: Vec<u8>, pub counter: i64, pub backed_up: i64,
        pub last_used_at: Option<i64>, pub created_at: i64,
    }
}

impl FactorRow {
    pub fn kind(&self) -> AppResult<FactorKind> {
        FactorKind::parse(&self.kind).ok_or_else(|| {
            tracing::error!(kind = self.kind, "a stored kind of factor cannot be read");
            AppError::internal()
        })
    }

    /// Without what is secret.
    pub fn shown(self) -> AppResult<Factor> {
        Ok(Factor {
            id: super::id(&self.id)?,
            kind: self.kind()?,
            name: self.name,
            backed_up: self.backed_up != 0,
            last_used_at: self.last_used_at,
            created_at: self.created_at,
        })
    }
}

macro_rules! factor_select {
    () => {
        "SELECT id, user_id, kind, name, secret, counter, backed_up, last_used_at, created_at FROM factors"
    };
}

/// Those of an account, the oldest first.
pub async fn of_user<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<Vec<FactorRow>> {
    Ok(sqlx::query_as(concat!(factor_select!(), " WHERE user_id = $1 ORDER BY id")).bind(user.to_string()).fetch_all(executor).await?)
}

pub async fn by_id(tx: &mut Tx, user: UserId, id: FactorId) -> AppResult<Option<FactorRow>> {
    Ok(sqlx::query_as(concat!(factor_select!(), " WHERE user_id = $1 AND id = $2"))
        .bind(user.to_string())
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?)
}

/// The passkey with this id, which browsers choose so that no two have the same.
pub async fn by_credential<'c>(executor: impl Target<'c>, credential: &str) -> AppResult<Option<FactorRow>> {
    Ok(sqlx::query_as(concat!(factor_select!(), " WHERE credential_id = $1")).bind(credential).fetch_optional(executor).await?)
}

/// Whether an account has a factor.
pub async fn any<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<bool> {
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM factors WHERE user_id = $1").bind(user.to_string()).fetch_one(executor).await?;
    Ok(count > 0)
}

/// Those of these accounts that have one.
pub async fn having<'c>(executor: impl Target<'c>, users: &[UserId]) -> AppResult<Vec<UserId>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT DISTINCT user_id FROM factors WHERE user_id IN ");
    sql.bind_list(users);
    sql.fetch_all::<(String,)>(executor).await?.iter().map(|(user,)| super::id(user)).collect()
}

/// The sealed secrets of all authenticator apps, with whose they are: for whoever runs the server.
pub async fn totp_secrets(pool: &AnyPool) -> AppResult<Vec<(String, Vec<u8>)>> {
    let sql = Sql::new("SELECT user_id, secret FROM factors WHERE kind = 'totp' ORDER BY id");
    sql.fetch_all(pool).await
}

/// A new factor.
pub struct NewFactor<'a> {
    pub id: FactorId,
    pub user: UserId,
    pub kind: FactorKind,
    pub name: &'a str,
    pub credential: Option<&'a str>,
    pub secret: Vec<u8>,
    pub counter: i64,
    pub backed_up: bool,
}

/// False: a passkey with this id is there already.
pub async fn insert(tx: &mut Tx, new: &NewFactor<'_>, now: i64) -> AppResult<bool> {
    let result = sqlx::query(
        "INSERT INTO factors (id, user_id, kind, name, credential_id, secret, counter, backed_up, last_used_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9) ON CONFLICT (credential_id) DO NOTHING",
    )
    .bind(new.id.to_string())
    .bind(new.user.to_string())
    .bind(new.kind.as_str())
    .bind(new.name)
    .bind(new.credential)
    .bind(new.secret.clone())
    .bind(new.counter)
    .bind(flag(new.backed_up))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(result.rows_affected() == 1)
}

/// Takes the code of a step of an app. False: one of that step or a later one was taken in the meantime.
pub async fn take_step(tx: &mut Tx, id: &str, step: i64, now: i64) -> AppResult<bool> {
    let result = sqlx::query("UPDATE factors SET counter = $2, last_used_at = $3, updated_at = $3 WHERE id = $1 AND counter < $2")
        .bind(id)
        .bind(step)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// Notes that a passkey was used, with what its device said.
pub async fn used(tx: &mut Tx, id: &str, secret: Vec<u8>, counter: i64, backed_up: bool, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE factors SET secret = $2, counter = $3, backed_up = $4, last_used_at = $5, updated_at = $5 WHERE id = $1")
        .bind(id)
        .bind(secret)
        .bind(counter)
        .bind(flag(backed_up))
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn rename(tx: &mut Tx, user: UserId, id: FactorId, name: &str, now: i64) -> AppResult<bool> {
    let result = sqlx::query("UPDATE factors SET name = $3, updated_at = $4 WHERE user_id = $1 AND id = $2")
        .bind(user.to_string())
        .bind(id.to_string())
        .bind(name)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() == 1)
}

pub async fn remove(tx: &mut Tx, user: UserId, id: FactorId) -> AppResult<()> {
    sqlx::query("DELETE FROM factors WHERE user_id = $1 AND id = $2")
        .bind(user.to_string())
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Removes all of an account, with its recovery codes; how many factors there were.
pub async fn remove_all(tx: &mut Tx, user: UserId) -> AppResult<u64> {
    let removed = sqlx::query("DELETE FROM factors WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?.rows_affected();
    forget_recovery_codes(tx, user).await?;
    Ok(removed)
}

/// Puts new recovery codes in the place of those before.
pub async fn set_recovery_codes(tx: &mut Tx, user: UserId, hashes: &[String], now: i64) -> AppResult<()> {
    forget_recovery_codes(tx, user).await?;
    for hash in hashes {
        sqlx::query("INSERT INTO recovery_codes (code_hash, user_id, created_at) VALUES ($1, $2, $3)")
            .bind(hash.as_str())
            .bind(user.to_string())
            .bind(now)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

pub async fn forget_recovery_codes(tx: &mut Tx, user: UserId) -> AppResult<()> {
    sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1").bind(user.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Uses up a recovery code; false when it is none of the account's, or was used.
pub async fn use_recovery_code(tx: &mut Tx, user: UserId, hash: &str, now: i64) -> AppResult<bool> {
    let result = sqlx::query("UPDATE recovery_codes SET used_at = $3 WHERE code_hash = $1 AND user_id = $2 AND used_at IS NULL")
        .bind(hash)
        .bind(user.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(result.rows_affected() == 1)
}

/// How many were not used.
pub async fn recovery_codes_left<'c>(executor: impl Target<'c>, user: UserId) -> AppResult<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL")
        .bind(user.to_string())
        .fetch_one(executor)
        .await?)
}
