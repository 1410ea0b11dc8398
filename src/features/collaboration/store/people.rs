//! Who is in which room at which node.

use std::collections::BTreeSet;

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::collaboration::model::RoomUser,
    ids::{NodeId, RoomId, UserId},
    server::db::{Sql, Tx, parse_id},
};

crate::row! {
    struct PersonRow { room_id: String, profile: String }
}

/// An account that is in a room, through a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Presence {
    pub room: RoomId,
    pub user: UserId,
    pub node: NodeId,
}

pub struct NewPresence {
    pub presence: Presence,
    pub kind: &'static str,
    /// JSON of a `RoomUser`.
    pub profile: String,
}

/// Through which nodes these accounts are in these rooms, which the transaction has.
pub async fn presences(tx: &mut Tx, rooms: &BTreeSet<RoomId>, users: &BTreeSet<UserId>) -> AppResult<Vec<Presence>> {
    let mut sql = Sql::new("SELECT room_id, user_id, node_id FROM room_people WHERE room_id IN ");
    sql.bind_list(rooms).push(" AND user_id IN ").bind_list(users);
    let rows: Vec<(String, String, String)> = sql.fetch_all(&mut **tx).await?;
    rows.iter().map(presence).collect()
}

fn presence((room, user, node): &(String, String, String)) -> AppResult<Presence> {
    Ok(Presence { room: parse_id(room)?, user: parse_id(user)?, node: parse_id(node)? })
}

/// They came, or say again who they are. At most a few hundred at a time: each takes six placeholders.
pub async fn put_presences(tx: &mut Tx, new: &[NewPresence], now: i64) -> AppResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("INSERT INTO room_people (room_id, user_id, node_id, kind, profile, created_at) VALUES ");
    sql.rows(new, |row, NewPresence { presence, kind, profile }| {
        row.bind(presence.room.to_string()).bind(presence.user.to_string()).bind(presence.node.to_string());
        row.bind(*kind).bind(profile.clone()).bind(now);
    });
    sql.push(" ON CONFLICT (room_id, user_id, node_id) DO UPDATE SET profile = excluded.profile");
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// They went.
pub async fn remove_presences(tx: &mut Tx, gone: &[Presence]) -> AppResult<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("DELETE FROM room_people WHERE (room_id, user_id, node_id) IN (");
    sql.rows(gone, |row, presence| {
        row.bind(presence.room.to_string()).bind(presence.user.to_string()).bind(presence.node.to_string());
    });
    sql.push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// Who is in these rooms, each once in a room.
pub async fn people_in(pool: &AnyPool, rooms: &[RoomId]) -> AppResult<Vec<(RoomId, RoomUser)>> {
    if rooms.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT room_id, MIN(profile) AS profile FROM room_people WHERE room_id IN ");
    sql.bind_list(rooms).push(" GROUP BY room_id, user_id ORDER BY room_id, user_id");
    let rows: Vec<PersonRow> = sql.fetch_all(pool).await?;
    rows.into_iter().map(|row| Ok((parse_id(&row.room_id)?, serde_json::from_str(&row.profile)?))).collect()
}

/// Rooms of a kind that somebody is in.
pub async fn rooms_of_kind(pool: &AnyPool, kind: &str) -> AppResult<Vec<RoomId>> {
    let rows: Vec<(String,)> =
        sqlx::query_as("SELECT DISTINCT room_id FROM room_people WHERE kind = $1").bind(kind).fetch_all(pool).await?;
    rows.iter().map(|(room,)| parse_id(room)).collect()
}

/// Everybody who is in any room.
pub async fn everybody(pool: &AnyPool) -> AppResult<Vec<UserId>> {
    let rows: Vec<(String,)> = sqlx::query_as("SELECT DISTINCT user_id FROM room_people").fetch_all(pool).await?;
    rows.iter().map(|(user,)| parse_id(user)).collect()
}

/// Who is where through this node.
pub async fn presences_at(pool: &AnyPool, node: NodeId) -> AppResult<Vec<Presence>> {
    let rows: Vec<(String, String, String)> = sqlx::query_as("SELECT room_id, user_id, node_id FROM room_people WHERE node_id = $1")
        .bind(node.to_string())
        .fetch_all(pool)
        .await?;
    rows.iter().map(presence).collect()
}

/// Who is there through nodes that are gone: some of them.
pub async fn orphans(pool: &AnyPool, limit: i64) -> AppResult<Vec<Presence>> {
    let mut sql = Sql::new(
        "SELECT p.room_id, p.user_id, p.node_id FROM room_people p \
         WHERE NOT EXISTS (SELECT 1 FROM nodes n WHERE n.id = p.node_id) ORDER BY p.room_id, p.user_id LIMIT ",
    );
    sql.number(limit);
    let rows: Vec<(String, String, String)> = sql.fetch_all(pool).await?;
    rows.iter().map(presence).collect()
}
