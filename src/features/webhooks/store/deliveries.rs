//! Deliveries and their payloads.

use std::collections::HashMap;

use sqlx::AnyPool;

use super::super::model::{DeliveriesQuery, Delivery, DeliveryOutcome, DeliveryState};
use crate::{
    error::AppResult,
    ids::{DeliveryId, VolumeId},
    server::db::{Sql, Tx, flag, parse_id},
};

/// A delivery on its way to the disk.
#[derive(Clone, Debug)]
pub struct New {
    pub id: DeliveryId,
    pub guid: String,
    pub event: String,
    pub action: String,
    pub repository: String,
    pub about: String,
    /// JSON.
    pub headers: String,
    pub address: String,
    pub listed: Option<bool>,
    pub signed_by: String,
    pub size: i64,
    pub state: DeliveryState,
    /// JSON.
    pub done: String,
    pub error: Option<String>,
    pub received_at: i64,
    /// Compressed.
    pub payload: Vec<u8>,
}

/// Rows of one statement at most: each takes 16 placeholders.
const ROWS: usize = 64;

/// How many of so many rows go into the next statement: there are few such numbers, so that each statement is prepared once.
fn of_few_lengths(rows: usize) -> usize {
    (1 << rows.ilog2()).min(ROWS)
}

/// Writes those that are not there yet; their ids.
pub async fn insert(tx: &mut Tx, mut new: &[New]) -> AppResult<Vec<String>> {
    let mut inserted = Vec::with_capacity(new.len());
    while !new.is_empty() {
        let (rows, rest) = new.split_at(of_few_lengths(new.len()));
        inserted.extend(insert_rows(tx, rows).await?);
        new = rest;
    }
    Ok(inserted)
}

async fn insert_rows(tx: &mut Tx, new: &[New]) -> AppResult<Vec<String>> {
    let mut sql = Sql::new(
        "INSERT INTO deliveries (id, guid, event, action, repository, about, headers, address, listed, signed_by, size, state, done, error,
           received_at, updated_at) VALUES ",
    );
    sql.rows(new, |row, new| {
        row.bind(new.id.to_string())
            .bind(new.guid.clone())
            .bind(new.event.clone())
            .bind(new.action.clone())
            .bind(new.repository.clone())
            .bind(new.about.clone())
            .bind(new.headers.clone())
            .bind(new.address.clone())
            .bind(new.listed.map(flag))
            .bind(new.signed_by.clone())
            .bind(new.size)
            .bind(new.state.as_str())
            .bind(new.done.clone())
            .bind(new.error.clone())
            .bind(new.received_at)
            .bind(new.received_at);
    });
    sql.push(" ON CONFLICT (guid) DO NOTHING RETURNING id");
    let inserted: Vec<(String,)> = sql.fetch_all(&mut **tx).await?;
    let inserted: Vec<String> = inserted.into_iter().map(|(id,)| id).collect();
    if inserted.len() == new.len() {
        insert_payloads(tx, new).await?;
    } else {
        for new in new.iter().filter(|new| inserted.contains(&new.id.to_string())) {
            insert_payloads(tx, std::slice::from_ref(new)).await?;
        }
    }
    Ok(inserted)
}

async fn insert_payloads(tx: &mut Tx, new: &[New]) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO delivery_payloads (id, data) VALUES ");
    sql.rows(new, |row, new| {
        row.bind(new.id.to_string()).bind(new.payload.clone());
    });
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// It came again. What failed waits for another try: somebody at GitHub asked for one. Its repository, if so.
pub async fn note_repeat(tx: &mut Tx, guid: &str, now: i64) -> AppResult<Option<String>> {
    let failed: Option<String> = sqlx::query_scalar("SELECT repository FROM deliveries WHERE guid = $1 AND state = 'failed'")
        .bind(guid)
        .fetch_optional(&mut **tx)
        .await?;
    sqlx::query(
        "UPDATE deliveries SET repeats = repeats + 1, attempts = CASE WHEN state = 'failed' THEN 0 ELSE attempts END,
           state = CASE WHEN state = 'failed' THEN 'received' ELSE state END, updated_at = $2 WHERE guid = $1",
    )
    .bind(guid)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(failed)
}

crate::row! {
    /// A delivery whose turn it is.
    pub struct Waiting { pub id: String, pub event: String, pub size: i64, pub attempts: i64, pub received_at: i64 }
}

/// The oldest that wait of a repository.
pub async fn waiting(pool: &AnyPool, repository: &str, limit: i64) -> AppResult<Vec<Waiting>> {
    let mut sql = Sql::new("SELECT id, event, size, attempts, received_at FROM deliveries WHERE state = 'received' AND repository = ");
    sql.bind(repository.to_owned()).push(" ORDER BY id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The payload, compressed.
pub async fn payload(pool: &AnyPool, id: &str) -> AppResult<Vec<u8>> {
    Ok(sqlx::query_scalar("SELECT data FROM delivery_payloads WHERE id = $1").bind(id).fetch_one(pool).await?)
}

/// The payloads of several, by their ids.
pub async fn payloads(pool: &AnyPool, mut ids: &[&str]) -> AppResult<HashMap<String, Vec<u8>>> {
    let mut found = HashMap::with_capacity(ids.len());
    while !ids.is_empty() {
        let (some, rest) = ids.split_at(of_few_lengths(ids.len()));
        let mut sql = Sql::new("SELECT id, data FROM delivery_payloads WHERE id IN ");
        sql.bind_list(some);
        found.extend(sql.fetch_all::<(String, Vec<u8>)>(pool).await?);
        ids = rest;
    }
    Ok(found)
}

/// Repositories of which any waits.
pub async fn repositories_waiting(pool: &AnyPool) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT DISTINCT repository FROM deliveries WHERE state = 'received'").fetch_all(pool).await?)
}

/// How acting on a delivery ended.
pub struct Ended {
    pub id: String,
    pub state: DeliveryState,
    /// JSON list of sentences.
    pub done: String,
    pub error: Option<String>,
    pub attempts: i64,
    pub took: Option<i64>,
}

/// A delivery that was replayed meanwhile waits on.
pub async fn end(tx: &mut Tx, ended: &Ended, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE deliveries SET state = $2, done = $3, error = $4, attempts = $5, took = COALESCE($6, took), updated_at = $7
         WHERE id = $1 AND state = 'received'",
    )
    .bind(&ended.id)
    .bind(ended.state.as_str())
    .bind(&ended.done)
    .bind(ended.error.as_deref())
    .bind(ended.attempts)
    .bind(ended.took)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Has a delivery wait again; its repository, if there is such a delivery.
pub async fn replay(tx: &mut Tx, id: DeliveryId, now: i64) -> AppResult<Option<String>> {
    Ok(sqlx::query_scalar("UPDATE deliveries SET state = 'received', attempts = 0, updated_at = $2 WHERE id = $1 RETURNING repository")
        .bind(id.to_string())
        .bind(now)
        .fetch_optional(&mut **tx)
        .await?)
}

crate::row! {
    pub struct DeliveryRow {
        id: String, guid: String, event: String, action: String, repository: String, about: String, state: String, done: String,
        error: Option<String>, repeats: i64, took: Option<i64>, received_at: i64, updated_at: i64,
    }
}

const COLUMNS: &str = "id, guid, event, action, repository, about, state, done, error, repeats, took, received_at, updated_at";

impl DeliveryRow {
    pub fn read(self) -> AppResult<Delivery> {
        Ok(Delivery {
            id: parse_id(&self.id)?,
            guid: self.guid,
            event: self.event,
            action: self.action,
            repository: self.repository,
            about: self.about,
            // What no version of ours wrote can only be looked at.
            state: DeliveryState::parse(&self.state).unwrap_or(DeliveryState::Failed),
            done: serde_json::from_str(&self.done)?,
            outcomes: Vec::new(),
            error: self.error,
            repeats: self.repeats,
            took: self.took,
            received_at: self.received_at,
            updated_at: self.updated_at,
        })
    }
}

/// The newest of those that are asked for. `since` as the first id of its time.
pub async fn list(pool: &AnyPool, query: &DeliveriesQuery, since: Option<DeliveryId>, limit: i64) -> AppResult<Vec<DeliveryRow>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM deliveries WHERE id >= ").bind(since.map(|id| id.to_string()).unwrap_or_default());
    if let Some(before) = query.before {
        sql.push(" AND id < ").bind(before.to_string());
    }
    match query.state {
        // Also where it was acted on, and what it asked for did not go well.
        Some(DeliveryState::Failed) => {
            sql.push(" AND (state = 'failed' OR id IN (SELECT delivery_id FROM delivery_outcomes WHERE failed = 1))");
        }
        Some(state) => {
            sql.push(" AND state = ").bind(state.as_str());
            if state == DeliveryState::Done {
                sql.push(" AND id NOT IN (SELECT delivery_id FROM delivery_outcomes WHERE failed = 1)");
            }
        }
        None => {}
    }
    if let Some(event) = &query.event {
        sql.push(" AND event = ").bind(event.clone());
    }
    if let Some(repository) = &query.repository {
        sql.push(" AND repository = ").bind(repository.to_ascii_lowercase());
    }
    sql.push(" ORDER BY id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

pub async fn get(pool: &AnyPool, id: DeliveryId) -> AppResult<Option<DeliveryRow>> {
    let mut sql = Sql::new("SELECT ");
    sql.push(COLUMNS).push(" FROM deliveries WHERE id = ").bind(id.to_string());
    Ok(sql.fetch_all(pool).await?.pop())
}

crate::row! {
    pub struct RestRow { pub headers: String, pub address: String, pub listed: Option<i64>, pub signed_by: String, pub size: i64, pub attempts: i64, pub data: Vec<u8> }
}

/// What a list leaves out.
pub async fn rest(pool: &AnyPool, id: DeliveryId) -> AppResult<Option<RestRow>> {
    Ok(sqlx::query_as(
        "SELECT d.headers, d.address, d.listed, d.signed_by, d.size, d.attempts, p.data FROM deliveries d
         JOIN delivery_payloads p ON p.id = d.id WHERE d.id = $1",
    )
    .bind(id.to_string())
    .fetch_optional(pool)
    .await?)
}

crate::row! {
    pub struct Counts { pub day: i64, pub outside: i64, pub waiting: i64, pub failed: i64 }
}

/// `since`: the first id of the day.
pub async fn counts(pool: &AnyPool, since: DeliveryId) -> AppResult<Counts> {
    Ok(sqlx::query_as(
        "SELECT (SELECT COUNT(*) FROM deliveries WHERE id >= $1) AS day,
           (SELECT COUNT(*) FROM deliveries WHERE id >= $1 AND listed = 0) AS outside,
           (SELECT COUNT(*) FROM deliveries WHERE state = 'received') AS waiting,
           (SELECT COUNT(*) FROM deliveries WHERE state = 'failed')
             + (SELECT COUNT(DISTINCT o.delivery_id) FROM delivery_outcomes o JOIN deliveries d ON d.id = o.delivery_id
                WHERE o.failed = 1 AND d.state <> 'failed') AS failed",
    )
    .bind(since.to_string())
    .fetch_one(pool)
    .await?)
}

/// How many pushes since an id were announced, and the longest that any but a twentieth of them took, in milliseconds.
pub async fn announced(pool: &AnyPool, since: DeliveryId) -> AppResult<(i64, Option<i64>)> {
    let since = since.to_string();
    let count: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM deliveries WHERE id >= $1 AND announced IS NOT NULL").bind(&since).fetch_one(pool).await?;
    let mut sql = Sql::new("SELECT announced FROM deliveries WHERE announced IS NOT NULL AND id >= ");
    sql.bind(since).push(" ORDER BY announced DESC LIMIT 1 OFFSET ").number(count / 20);
    Ok((count, sql.fetch_all::<(i64,)>(pool).await?.pop().map(|(announced,)| announced)))
}

/// A push waits for the pulls of these volumes. `sender`: who pushed, by their id at GitHub.
pub async fn await_pulls(tx: &mut Tx, delivery: &str, volumes: &[VolumeId], sender: Option<i64>) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO delivery_pulls (delivery_id, volume_id, sender) VALUES ");
    sql.rows(volumes, |row, volume| {
        row.bind(delivery.to_owned()).bind(volume.to_string()).bind(sender);
    });
    sql.push(" ON CONFLICT (volume_id, delivery_id) DO NOTHING");
    sql.execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    /// A push that waits for a pull, and who pushed, by their id at GitHub.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct AwaitedPush { pub delivery_id: String, pub sender: Option<i64> }
}

/// The pushes that wait for a pull of a volume.
pub async fn awaiting(pool: &AnyPool, volume: VolumeId) -> AppResult<Vec<AwaitedPush>> {
    Ok(sqlx::query_as("SELECT delivery_id, sender FROM delivery_pulls WHERE volume_id = $1 ORDER BY delivery_id")
        .bind(volume.to_string())
        .fetch_all(pool)
        .await?)
}

/// These wait no longer for a pull of a volume. `announced`: when its rooms were told; of several volumes the last counts.
pub async fn end_pulls(tx: &mut Tx, volume: VolumeId, deliveries: &[String], announced: Option<i64>) -> AppResult<()> {
    const CHUNK: usize = 500;
    for chunk in deliveries.chunks(CHUNK) {
        if let Some(announced) = announced {
            let mut sql = Sql::new("UPDATE deliveries SET announced = ");
            sql.bind(announced).push(" - received_at WHERE id IN ").bind_list(chunk);
            sql.execute(&mut **tx).await?;
        }
        let mut sql = Sql::new("DELETE FROM delivery_pulls WHERE volume_id = ");
        sql.bind(volume.to_string()).push(" AND delivery_id IN ").bind_list(chunk);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Those of `guids` that are here.
pub async fn known(pool: &AnyPool, guids: &[String]) -> AppResult<Vec<String>> {
    const CHUNK: usize = 500;
    let mut known = Vec::with_capacity(guids.len());
    for chunk in guids.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT guid FROM deliveries WHERE guid IN ");
        sql.bind_list(chunk);
        let rows: Vec<(String,)> = sql.fetch_all(pool).await?;
        known.extend(rows.into_iter().map(|(guid,)| guid));
    }
    Ok(known)
}

/// Removes up to `limit` of those before `first`, with their payloads; how many.
pub async fn remove_before(tx: &mut Tx, first: DeliveryId, limit: i64) -> AppResult<u64> {
    let mut sql = Sql::new("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE id < ");
    sql.bind(first.to_string()).push(" AND state <> 'received' ORDER BY id LIMIT ").number(limit).push(")");
    Ok(sql.execute(&mut **tx).await?.rows_affected())
}

/// What came of a delivery: the last word about each thing that it asked for. Of deliveries that are gone nothing is kept.
pub async fn put_outcome(tx: &mut Tx, delivery: &str, about: &str, sentence: &str, failed: bool, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO delivery_outcomes (delivery_id, about, sentence, failed, updated_at)
         SELECT id, $2, $3, $4, $5 FROM deliveries WHERE id = $1
         ON CONFLICT (delivery_id, about) DO UPDATE SET sentence = excluded.sentence, failed = excluded.failed, updated_at = excluded.updated_at",
    )
    .bind(delivery)
    .bind(about)
    .bind(sentence)
    .bind(flag(failed))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What an earlier delivery asked for about the same issue or pull request, and did not get, has been done since.
pub async fn outcomes_made_good(tx: &mut Tx, about: &str, repository: &str, number: &str, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE delivery_outcomes SET failed = 0, updated_at = $4 WHERE about = $1 AND failed = 1
         AND delivery_id IN (SELECT id FROM deliveries WHERE repository = $2 AND about = $3)",
    )
    .bind(about)
    .bind(repository)
    .bind(number)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Whether it is known already that something which a delivery asked for went well.
pub async fn has_outcome(tx: &mut Tx, delivery: &str, about: &str) -> AppResult<bool> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT failed FROM delivery_outcomes WHERE delivery_id = $1 AND about = $2 AND failed = 0")
            .bind(delivery)
            .bind(about)
            .fetch_optional(&mut **tx)
            .await?;
    Ok(found.is_some())
}

crate::row! { struct OutcomeRow { delivery_id: String, sentence: String, failed: i64 } }

/// What came of these deliveries, by their ids.
pub async fn outcomes(pool: &AnyPool, ids: &[DeliveryId]) -> AppResult<HashMap<DeliveryId, Vec<DeliveryOutcome>>> {
    let mut found: HashMap<DeliveryId, Vec<DeliveryOutcome>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut sql = Sql::new("SELECT delivery_id, sentence, failed FROM delivery_outcomes WHERE delivery_id IN ");
    sql.bind_list(ids).push(" ORDER BY delivery_id, about");
    for row in sql.fetch_all::<OutcomeRow>(pool).await? {
        found.entry(parse_id(&row.delivery_id)?).or_default().push(DeliveryOutcome { sentence: row.sentence, failed: row.failed != 0 });
    }
    Ok(found)
}

/// Whether any delivery of a repository is kept.
pub async fn any_of(pool: &AnyPool, repository: &str) -> AppResult<bool> {
    let mut sql = Sql::new("SELECT id FROM deliveries WHERE repository = ");
    sql.bind(repository.to_owned()).push(" LIMIT 1");
    Ok(!sql.fetch_all::<(String,)>(pool).await?.is_empty())
}
