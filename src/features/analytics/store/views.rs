//! `analytics_views`, `analytics_shares` and `analytics_alerts`.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    server::db::{Sql, Tx, flag},
};

crate::row! {
    pub struct ViewRow {
        pub id: String,
        pub owner_id: String,
        pub team_id: Option<String>,
        pub name: String,
        pub query: String,
        pub created_at: i64,
        pub updated_at: i64,
    }
}

/// Those of an account and of its teams, by name.
pub async fn views(pool: &AnyPool, owner: &str, teams: &[String]) -> AppResult<Vec<ViewRow>> {
    let mut sql = Sql::new(
        "SELECT id, owner_id, team_id, name, query, created_at, updated_at FROM analytics_views WHERE (team_id IS NULL AND owner_id = ",
    );
    sql.bind(owner.to_owned()).push(") OR team_id IN ").bind_list(teams).push(" ORDER BY name, id");
    sql.fetch_all(pool).await
}

pub async fn view(tx: &mut Tx, id: &str) -> AppResult<Option<ViewRow>> {
    let sql = "SELECT id, owner_id, team_id, name, query, created_at, updated_at FROM analytics_views WHERE id = $1";
    Ok(sqlx::query_as(sql).bind(id).fetch_optional(&mut **tx).await?)
}

/// Writes a view, or changes the name and the question of the one that is there.
pub async fn put_view(tx: &mut Tx, row: &ViewRow) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO analytics_views (id, owner_id, team_id, name, query, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET team_id = excluded.team_id, name = excluded.name, query = excluded.query, updated_at = excluded.updated_at",
    )
    .bind(&row.id)
    .bind(&row.owner_id)
    .bind(row.team_id.as_deref())
    .bind(&row.name)
    .bind(&row.query)
    .bind(row.created_at)
    .bind(row.updated_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn delete_view(tx: &mut Tx, id: &str) -> AppResult<()> {
    sqlx::query("DELETE FROM analytics_views WHERE id = $1").bind(id).execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    pub struct ShareRow {
        pub id: String,
        pub owner_id: String,
        pub name: String,
        pub query: String,
        pub names: i64,
        pub expires_at: Option<i64>,
        pub revoked_at: Option<i64>,
        pub created_at: i64,
    }
}

/// Those of some accounts that were not revoked and have not ended, the newest first.
pub async fn shares(pool: &AnyPool, owners: &[String], now: i64) -> AppResult<Vec<ShareRow>> {
    let mut found: Vec<ShareRow> = Vec::new();
    for chunk in owners.chunks(super::CHUNK) {
        let mut sql = Sql::new(
            "SELECT id, owner_id, name, query, names, expires_at, revoked_at, created_at FROM analytics_shares \
             WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ",
        );
        sql.bind(now).push(") AND owner_id IN ").bind_list(chunk);
        found.extend(sql.fetch_all::<ShareRow>(pool).await?);
    }
    found.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
    Ok(found)
}

pub async fn share(pool: &AnyPool, id: &str) -> AppResult<Option<ShareRow>> {
    let sql = "SELECT id, owner_id, name, query, names, expires_at, revoked_at, created_at FROM analytics_shares WHERE id = $1";
    Ok(sqlx::query_as(sql).bind(id).fetch_optional(pool).await?)
}

/// What the secret with this hash shows, revoked or not.
pub async fn share_of(pool: &AnyPool, token_hash: &str) -> AppResult<Option<ShareRow>> {
    let sql = "SELECT id, owner_id, name, query, names, expires_at, revoked_at, created_at FROM analytics_shares WHERE token_hash = $1";
    Ok(sqlx::query_as(sql).bind(token_hash).fetch_optional(pool).await?)
}

pub async fn insert_share(tx: &mut Tx, row: &ShareRow, token_hash: &str) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO analytics_shares (id, owner_id, name, query, token_hash, names, expires_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    )
    .bind(&row.id)
    .bind(&row.owner_id)
    .bind(&row.name)
    .bind(&row.query)
    .bind(token_hash)
    .bind(row.names)
    .bind(row.expires_at)
    .bind(row.created_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// False: it was revoked before.
pub async fn revoke_share(tx: &mut Tx, id: &str, now: i64) -> AppResult<bool> {
    let sql = "UPDATE analytics_shares SET revoked_at = $2, updated_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    Ok(sqlx::query(sql).bind(id).bind(now).execute(&mut **tx).await?.rows_affected() > 0)
}

crate::row! {
    pub struct AlertRow {
        pub id: String,
        pub owner_id: String,
        pub name: String,
        pub query: String,
        pub metric: String,
        pub rule: String,
        pub threshold: Option<f64>,
        pub firing: i64,
        pub checked_day: i64,
        pub fired_at: Option<i64>,
        pub created_at: i64,
        pub updated_at: i64,
    }
}

/// Those of an account, by name.
pub async fn alerts(pool: &AnyPool, owner: &str) -> AppResult<Vec<AlertRow>> {
    let sql = "SELECT id, owner_id, name, query, metric, rule, threshold, firing, checked_day, fired_at, created_at, updated_at \
               FROM analytics_alerts WHERE owner_id = $1 ORDER BY name, id";
    Ok(sqlx::query_as(sql).bind(owner).fetch_all(pool).await?)
}

/// A page of all that were not looked at on `day` or the day after, those of one account together.
pub async fn due_alerts(pool: &AnyPool, day: i64, after: &str, many: i64) -> AppResult<Vec<AlertRow>> {
    let mut sql = Sql::new(
        "SELECT id, owner_id, name, query, metric, rule, threshold, firing, checked_day, fired_at, created_at, updated_at \
         FROM analytics_alerts WHERE (checked_day < ",
    );
    sql.bind(day)
        .push(" OR checked_day > ")
        .bind(day + 1)
        .push(") AND id > ")
        .bind(after.to_owned())
        .push(" ORDER BY id LIMIT ")
        .number(many);
    sql.fetch_all(pool).await
}

pub async fn alert(tx: &mut Tx, id: &str) -> AppResult<Option<AlertRow>> {
    let sql = "SELECT id, owner_id, name, query, metric, rule, threshold, firing, checked_day, fired_at, created_at, updated_at \
               FROM analytics_alerts WHERE id = $1";
    Ok(sqlx::query_as(sql).bind(id).fetch_optional(&mut **tx).await?)
}

/// Writes an alert that was not looked at yet, or makes one anew that is there.
pub async fn put_alert(tx: &mut Tx, row: &AlertRow) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO analytics_alerts (id, owner_id, name, query, metric, rule, threshold, firing, checked_day, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9) \
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, query = excluded.query, metric = excluded.metric, rule = excluded.rule, \
         threshold = excluded.threshold, firing = 0, checked_day = 0, updated_at = excluded.updated_at",
    )
    .bind(&row.id)
    .bind(&row.owner_id)
    .bind(&row.name)
    .bind(&row.query)
    .bind(&row.metric)
    .bind(&row.rule)
    .bind(row.threshold)
    .bind(row.created_at)
    .bind(row.updated_at)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes what was seen on `day`. False: it was changed meanwhile, or somebody else noted that day.
pub async fn note_alert(tx: &mut Tx, row: &AlertRow, day: i64, firing: bool, fired_at: Option<i64>) -> AppResult<bool> {
    let sql = "UPDATE analytics_alerts SET firing = $2, checked_day = $3, fired_at = $4 \
               WHERE id = $1 AND checked_day = $5 AND updated_at = $6";
    let noted = sqlx::query(sql)
        .bind(&row.id)
        .bind(flag(firing))
        .bind(day)
        .bind(fired_at)
        .bind(row.checked_day)
        .bind(row.updated_at)
        .execute(&mut **tx)
        .await?;
    Ok(noted.rows_affected() > 0)
}

/// Whether there was one of this owner to delete.
pub async fn delete_alert(tx: &mut Tx, id: &str, owner: &str) -> AppResult<bool> {
    let sql = "DELETE FROM analytics_alerts WHERE id = $1 AND owner_id = $2";
    Ok(sqlx::query(sql).bind(id).bind(owner).execute(&mut **tx).await?.rows_affected() > 0)
}

/// How many links and alerts of an account, and views of its own, there are.
pub async fn count(pool: &AnyPool, what: Kept, owner: &str) -> AppResult<i64> {
    let sql = match what {
        Kept::Views => "SELECT COUNT(*) FROM analytics_views WHERE owner_id = $1",
        Kept::Shares => "SELECT COUNT(*) FROM analytics_shares WHERE owner_id = $1 AND revoked_at IS NULL",
        Kept::Alerts => "SELECT COUNT(*) FROM analytics_alerts WHERE owner_id = $1",
    };
    Ok(sqlx::query_scalar(sql).bind(owner).fetch_one(pool).await?)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Views,
    Shares,
    Alerts,
}

/// An account is deleted: what it kept goes, its views for teams as well.
pub async fn delete_all_of(tx: &mut Tx, owner: &str) -> AppResult<()> {
    for sql in [
        "DELETE FROM analytics_views WHERE owner_id = $1",
        "DELETE FROM analytics_shares WHERE owner_id = $1",
        "DELETE FROM analytics_alerts WHERE owner_id = $1",
    ] {
        sqlx::query(sql).bind(owner).execute(&mut **tx).await?;
    }
    Ok(())
}
