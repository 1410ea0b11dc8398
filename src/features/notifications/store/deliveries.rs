//! `notification_deliveries`.

use sqlx::AnyPool;

use super::{super::model::Channel, CHUNK};
use crate::{
    error::AppResult,
    ids::{NotificationId, UserId},
    server::db::{Sql, Tx, parse_id},
};

/// Of mail; that of push is the id of the device.
pub const MAIL: &str = "mail";

pub struct NewDelivery {
    pub notification: NotificationId,
    pub user: UserId,
    pub channel: Channel,
    pub target: String,
    pub due_at: i64,
}

pub async fn insert(tx: &mut Tx, new: &[NewDelivery], now: i64) -> AppResult<()> {
    for chunk in new.chunks(CHUNK) {
        let mut sql = Sql::new(
            "INSERT INTO notification_deliveries (notification_id, target, channel, user_id, state, due_at, created_at, updated_at) VALUES ",
        );
        sql.rows(chunk, |row, new| {
            row.bind(new.notification.to_string())
                .bind(new.target.clone())
                .bind(new.channel.as_str())
                .bind(new.user.to_string())
                .bind("queued")
                .bind(new.due_at)
                .bind(now)
                .bind(now);
        });
        sql.push(" ON CONFLICT (notification_id, target) DO NOTHING");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Who has something that is due, the longest waiting first.
pub async fn users_due(pool: &AnyPool, channel: Channel, now: i64, limit: i64) -> AppResult<Vec<UserId>> {
    let mut sql = Sql::new("SELECT user_id FROM notification_deliveries WHERE state IN ('queued', 'sending') AND channel = ");
    sql.bind(channel.as_str()).push(" AND due_at <= ").bind(now);
    sql.push(" GROUP BY user_id ORDER BY MIN(due_at), user_id LIMIT ").number(limit);
    sql.fetch_all::<(String,)>(pool).await?.iter().map(|(id,)| parse_id(id)).collect()
}

crate::row! {
    /// What is to be sent, with the notification that it is about.
    #[derive(Clone, Debug)]
    pub struct WaitingRow {
        pub notification_id: String, pub target: String, pub user_id: String, pub batch: Option<String>, pub attempts: i64,
        pub kind: String, pub subject_kind: String, pub subject_id: String, pub team_id: Option<String>, pub title: String, pub excerpt: String,
        pub data: String, pub read_at: Option<i64>, pub created_at: i64, pub actor_name: String,
        /// 1: of no team, or of one that the account is in.
        pub visible: i64,
    }
}

/// What waits for these accounts up to a time, oldest first. What somebody is sending just now is left to them until it counts as given up.
pub async fn waiting(pool: &AnyPool, channel: Channel, users: &[UserId], now: i64, until: i64, limit: i64) -> AppResult<Vec<WaitingRow>> {
    let mut sql = Sql::new(
        "SELECT d.notification_id, d.target, d.user_id, d.batch, d.attempts, n.kind, n.subject_kind, n.subject_id, n.team_id, n.title, n.excerpt, \
         n.data, n.read_at, n.created_at, u.name AS actor_name, \
         CASE WHEN n.team_id IS NULL OR EXISTS (SELECT 1 FROM memberships m JOIN teams t ON t.id = m.team_id \
         WHERE m.team_id = n.team_id AND m.user_id = n.user_id AND t.deleted_at IS NULL \
     AND (t.requires_factor = 0 OR EXISTS (SELECT 1 FROM factors f WHERE f.user_id = m.user_id))) THEN 1 ELSE 0 END AS visible \
         FROM notification_deliveries d JOIN notifications n ON n.id = d.notification_id JOIN users u ON u.id = n.actor_id WHERE d.channel = ",
    );
    sql.bind(channel.as_str()).push(" AND d.user_id IN ").bind_list(users);
    sql.push(" AND (d.state = 'queued' AND d.due_at <= ").bind(until).push(" OR d.state = 'sending' AND d.due_at <= ").bind(now);
    sql.push(") ORDER BY d.notification_id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// One that is there only once: several of the same place.
pub struct Which<'a> {
    pub target: &'a str,
    pub notifications: &'a [String],
}

impl Which<'_> {
    fn add_to(&self, sql: &mut Sql) {
        sql.push(" WHERE target = ").bind(self.target.to_owned()).push(" AND notification_id IN ").bind_list(self.notifications);
    }
}

/// Takes these for sending until `until`; those that nobody else has taken in between.
pub async fn claim(tx: &mut Tx, which: &Which<'_>, batch: &str, now: i64, until: i64) -> AppResult<Vec<String>> {
    let mut sql = Sql::new("UPDATE notification_deliveries SET state = 'sending', attempts = attempts + 1, batch = ");
    sql.bind(batch.to_owned()).push(", due_at = ").bind(until).push(", updated_at = ").bind(now);
    which.add_to(&mut sql);
    sql.push(" AND (state = 'queued' OR state = 'sending' AND due_at <= ").bind(now).push(") RETURNING notification_id");
    Ok(sql.fetch_all::<(String,)>(&mut **tx).await?.into_iter().map(|(id,)| id).collect())
}

/// They are sent, or will not be.
pub async fn end(tx: &mut Tx, which: &Which<'_>, state: &'static str, error: Option<&str>, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE notification_deliveries SET state = ");
    sql.bind(state).push(", error = ").bind(error.map(str::to_owned)).push(", updated_at = ").bind(now);
    which.add_to(&mut sql);
    sql.push(" AND state IN ('queued', 'sending')");
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// They wait for a later time; what was begun keeps its batch.
pub async fn postpone(tx: &mut Tx, which: &Which<'_>, due_at: i64, error: Option<&str>, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE notification_deliveries SET state = 'queued', due_at = ");
    sql.bind(due_at).push(", error = ").bind(error.map(str::to_owned)).push(", updated_at = ").bind(now);
    which.add_to(&mut sql);
    sql.push(" AND state IN ('queued', 'sending')");
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// What an account chose is different now: everything that waits for it is looked at again.
pub async fn look_again(tx: &mut Tx, user: UserId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE notification_deliveries SET due_at = $2, updated_at = $2 WHERE user_id = $1 AND state = 'queued' AND due_at > $2 AND attempts = 0")
        .bind(user.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// How many wait, of all channels.
pub async fn count_waiting(pool: &AnyPool) -> AppResult<i64> {
    let sql = "SELECT COUNT(*) FROM notification_deliveries WHERE state IN ('queued', 'sending')";
    Ok(sqlx::query_scalar(sql).fetch_one(pool).await?)
}

/// When the next one of a channel is due.
pub async fn next_due(tx: &mut Tx, channel: Channel) -> AppResult<Option<i64>> {
    Ok(sqlx::query_scalar("SELECT MIN(due_at) FROM notification_deliveries WHERE state IN ('queued', 'sending') AND channel = $1")
        .bind(channel.as_str())
        .fetch_one(&mut **tx)
        .await?)
}

crate::row! {
    pub struct SentRow { pub notification_id: String, pub channel: String, pub state: String, pub error: Option<String>, pub updated_at: i64 }
}

/// Where an account was told besides.
pub async fn all_of(pool: &AnyPool, user: UserId) -> AppResult<Vec<SentRow>> {
    let rows = sqlx::query_as(
        "SELECT notification_id, channel, state, error, updated_at FROM notification_deliveries WHERE user_id = $1 ORDER BY notification_id, channel",
    );
    Ok(rows.bind(user.to_string()).fetch_all(pool).await?)
}
