//! What administrators see of the rooms and documents in the memory of this server.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{Rooms, Slot, documents};
use crate::{
    error::AppResult,
    features::{
        accounts, artifacts,
        collaboration::model::{REPORTED, REPORTED_PEOPLE, RoomReport, RoomTotals, RoomType, RoomsQuery, RoomsReport},
        sessions,
    },
    ids::RoomId,
    server::context::Ctx,
};

/// The fullest rooms and documents, and what there is in all.
pub async fn rooms_report(ctx: &Ctx, query: RoomsQuery) -> AppResult<RoomsReport> {
    accounts::service::require_administrator(ctx)?;
    let (mut total, mut rooms) = measure(&ctx.state.rooms, query.kind);
    let mut documents = documents::report(&ctx.state);
    total.documents = documents.len() as i64;
    documents.truncate(REPORTED);
    let names = names(ctx, rooms.iter().map(|room| (room.kind, room.room_id))).await?;
    for room in &mut rooms {
        room.name = names.get(&room.room_id).cloned();
    }
    let ids: Vec<_> = documents.iter().map(|document| document.artifact_id).collect();
    let mut named = artifacts::service::named(ctx, &ids).await?;
    for document in &mut documents {
        document.name = named.remove(&document.artifact_id).map(|named| named.name);
        document.people.truncate(REPORTED_PEOPLE);
    }
    Ok(RoomsReport { sockets: ctx.state.rooms.sockets() as i64, total, rooms, documents })
}

/// Open sockets, and all rooms and documents in sums: for the server's own report of itself.
pub fn totals(ctx: &Ctx) -> (usize, RoomTotals) {
    let (total, _) = measure(&ctx.state.rooms, None);
    (ctx.state.rooms.sockets(), RoomTotals { documents: documents::report(&ctx.state).len() as i64, ..total })
}

/// All rooms in sums, and the fullest of one kind.
fn measure(rooms: &Rooms, kind: Option<RoomType>) -> (RoomTotals, Vec<RoomReport>) {
    let slots: Vec<Arc<Slot>> = rooms.rooms().values().cloned().collect();
    let now = Instant::now();
    let mut total = RoomTotals { told: rooms.told_before.load(Ordering::Relaxed) as i64, ..RoomTotals::default() };
    let mut reports = Vec::new();
    for room in slots.iter().filter_map(|slot| slot.get()) {
        let load = room.load(now);
        let (unsaved, told, dropped) = (room.unsaved() as i64, room.told as i64, load.dropped as i64);
        total.rooms += 1;
        total.told += told;
        total.unsaved += unsaved;
        total.dropped += dropped;
        total.queued_bytes += load.queued as i64;
        total.lag_ms = total.lag_ms.max(load.lag.as_millis() as i64);
        if kind.is_some_and(|kind| kind != room.kind) {
            continue;
        }
        reports.push(RoomReport {
            room_id: room.id,
            kind: room.kind,
            name: None,
            connections: room.connections() as i64,
            present: room.people() as i64,
            people: room.users().into_iter().take(REPORTED_PEOPLE).collect(),
            seq: room.last(),
            unsaved,
            queued_bytes: load.queued as i64,
            longest_queue_bytes: load.longest as i64,
            lag_ms: load.lag.as_millis() as i64,
            dropped,
            told,
        });
    }
    reports.sort_by_key(|room| (Reverse(room.connections), room.room_id));
    reports.truncate(REPORTED);
    (total, reports)
}

/// What rooms are called, where the caller may read what they are about; teams are known to administrators anyway.
async fn names(ctx: &Ctx, rooms: impl Iterator<Item = (RoomType, RoomId)>) -> AppResult<HashMap<RoomId, String>> {
    let (mut teams, mut sessions, mut artifacts) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, id) in rooms {
        match kind {
            RoomType::Workspace => teams.push(id.same_as()),
            RoomType::Session => sessions.push(id.same_as()),
            RoomType::Artifact => artifacts.push(id.same_as()),
        }
    }
    let mut names: HashMap<RoomId, String> = HashMap::new();
    names.extend(accounts::service::team_names(ctx, &teams).await?.into_iter().map(|(id, name)| (id.same_as(), name)));
    names.extend(sessions::service::titles(ctx, &sessions).await?.into_iter().map(|(id, title)| (id.same_as(), title)));
    names.extend(artifacts::service::named(ctx, &artifacts).await?.into_iter().map(|(id, named)| (id.same_as(), named.name)));
    Ok(names)
}
