//! Rooms and their events.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::RoomId,
    server::db::{Sql, Tx},
};

crate::row! {
    /// Where a room's numbering stands.
    pub struct RoomRow { pub reserved: i64, pub closed: i64 }
}

pub async fn room(tx: &mut Tx, id: RoomId) -> AppResult<Option<RoomRow>> {
    Ok(sqlx::query_as("SELECT reserved, closed FROM rooms WHERE id = $1").bind(id.to_string()).fetch_optional(&mut **tx).await?)
}

/// The lowest number that is kept.
pub async fn first_kept(tx: &mut Tx, id: RoomId) -> AppResult<Option<i64>> {
    let (first,): (Option<i64>,) =
        sqlx::query_as("SELECT MIN(seq) FROM room_events WHERE room_id = $1").bind(id.to_string()).fetch_one(&mut **tx).await?;
    Ok(first)
}

/// Allows numbers up to `reserved`; with `closed`, `reserved` was the last one.
pub async fn reserve(tx: &mut Tx, id: RoomId, reserved: i64, closed: bool, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO rooms (id, reserved, closed, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET reserved = excluded.reserved, closed = excluded.closed, updated_at = excluded.updated_at",
    )
    .bind(id.to_string())
    .bind(reserved)
    .bind(i64::from(closed))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Takes these rooms, in the order of their ids, until the end of the transaction: the last number of each. What one process alone had
/// reserved counts as given.
pub async fn lock_rooms(tx: &mut Tx, ids: &[RoomId], now: i64) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new("INSERT INTO rooms (id, reserved, closed, updated_at) VALUES ");
    sql.rows(ids, |row, id| {
        row.bind(id.to_string()).bind(0_i64).bind(1_i64).bind(now);
    });
    sql.push(" ON CONFLICT (id) DO UPDATE SET closed = 1, updated_at = excluded.updated_at RETURNING id, reserved");
    sql.fetch_all(&mut **tx).await
}

/// Says which number each of these rooms, which the transaction has, gave last.
pub async fn set_last(tx: &mut Tx, rooms: &[(RoomId, i64)], now: i64) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO rooms (id, reserved, closed, updated_at) VALUES ");
    sql.rows(rooms, |row, (id, last)| {
        row.bind(id.to_string()).bind(*last).bind(1_i64).bind(now);
    });
    sql.push(" ON CONFLICT (id) DO UPDATE SET reserved = excluded.reserved");
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// The last number of each of these rooms, of those that have one.
pub async fn last_numbers(pool: &AnyPool, ids: &[RoomId]) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new("SELECT id, reserved FROM rooms WHERE id IN ");
    sql.bind_list(ids);
    sql.fetch_all(pool).await
}

/// Where the events begin that are kept without a gap up to the last one of a room, and what that is; none: none are kept.
pub async fn last_run(pool: &AnyPool, id: RoomId) -> AppResult<Option<(i64, i64)>> {
    let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(
        "SELECT MAX(CASE WHEN prior.seq IS NULL THEN e.seq END), MAX(e.seq) FROM room_events e \
         LEFT JOIN room_events prior ON prior.room_id = e.room_id AND prior.seq = e.seq - 1 WHERE e.room_id = $1",
    )
    .bind(id.to_string())
    .fetch_one(pool)
    .await?;
    Ok(first.zip(last))
}

/// Says that `last` was the last number, if nobody has gone on from `reserved` meanwhile.
pub async fn close(tx: &mut Tx, id: RoomId, last: i64, reserved: i64, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE rooms SET reserved = $2, closed = 1, updated_at = $4 WHERE id = $1 AND reserved = $3 AND closed = 0")
        .bind(id.to_string())
        .bind(last)
        .bind(reserved)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub struct EventRow {
    pub room: RoomId,
    pub seq: i64,
    pub frame: String,
    pub created_at: i64,
}

/// At most a few hundred at a time: each takes four placeholders.
pub async fn insert_events(tx: &mut Tx, events: &[EventRow]) -> AppResult<()> {
    let mut sql = Sql::new("INSERT INTO room_events (room_id, seq, frame, created_at) VALUES ");
    sql.rows(events, |row, event| {
        row.bind(event.room.to_string()).bind(event.seq).bind(event.frame.clone()).bind(event.created_at);
    });
    sql.push(" ON CONFLICT (room_id, seq) DO NOTHING");
    sql.execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    pub struct FrameRow { pub seq: i64, pub frame: String }
}

/// What came after `since` and before `before`, in order.
pub async fn events_between(pool: &AnyPool, id: RoomId, since: i64, before: i64, limit: i64) -> AppResult<Vec<FrameRow>> {
    let mut sql = Sql::new("SELECT seq, frame FROM room_events WHERE room_id = ");
    sql.bind(id.to_string()).push(" AND seq > ").bind(since).push(" AND seq < ").bind(before);
    sql.push(" ORDER BY seq LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Removes what is older than `before` and not among the last `keep` of its room.
pub async fn remove_old_events(tx: &mut Tx, before: i64, keep: i64) -> AppResult<()> {
    sqlx::query(
        "DELETE FROM room_events WHERE created_at < $1 AND seq <= \
         (SELECT COALESCE(MAX(newest.seq), 0) FROM room_events newest WHERE newest.room_id = room_events.room_id) - $2",
    )
    .bind(before)
    .bind(keep)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
