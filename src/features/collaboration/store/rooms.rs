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
