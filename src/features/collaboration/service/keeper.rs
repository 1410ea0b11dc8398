//! Writes behind: what was told in rooms, and how far their numbers may go, for all rooms in one transaction.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    super::store::{self, EventRow},
    Announced, DRAIN, Slot,
    limits::{EMPTY_FOR, KEPT_EVENTS, KEPT_MS, WRITE_EVERY},
};
use crate::{
    error::AppResult,
    ids::RoomId,
    server::{clock, context::Ctx, state::AppState},
};

/// Rows of one statement: each takes four placeholders.
const ROWS: usize = 200;

/// Works until the process is asked to stop and the sockets have ended; then every room is closed, so that its numbers go on without a gap.
pub async fn keep(state: AppState) {
    let ctx = Ctx::internal(state.clone(), None);
    if state.cluster.is_shared() {
        return super::shared::keep(&ctx).await;
    }
    let rooms = &state.rooms;
    let Some(mut announced) = rooms.to_announce.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let mut ticks = tokio::time::interval(WRITE_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => break,
            Some(event) = announced.recv() => tell_unopened(&ctx, event).await,
            _ = ticks.tick() => {
                save(&ctx).await;
                close_empty(&ctx, EMPTY_FOR).await;
            }
        }
    }
    rooms.drained(DRAIN).await;
    while let Ok(event) = announced.try_recv() {
        tell_unopened(&ctx, event).await;
    }
    save(&ctx).await;
    close_empty(&ctx, Duration::ZERO).await;
}

async fn tell_unopened(ctx: &Ctx, Announced { room, kind, by, event, at }: Announced) {
    let rooms = &ctx.state.rooms;
    match rooms.open(ctx, room, kind).await {
        Ok(_) => drop(rooms.tell(room, event, by, at)),
        // Nobody is there; whoever comes reads everything.
        Err(error) => tracing::warn!(%error, %room, "an event could not be kept for a room"),
    }
}

/// What one room has to be written.
struct Unsaved {
    slot: Arc<Slot>,
    id: RoomId,
    up_to: Option<i64>,
    reserve: Option<i64>,
}

async fn save(ctx: &Ctx) {
    let rooms = &ctx.state.rooms;
    let marked = std::mem::take(&mut *rooms.unsaved.lock().unwrap_or_else(PoisonError::into_inner));
    if marked.is_empty() {
        return;
    }
    let mut events = Vec::new();
    let mut unsaved = Vec::new();
    for id in marked {
        let Some(slot) = rooms.slot(id) else { continue };
        let Some((told, reserve)) = slot.get().map(|room| room.to_save()) else { continue };
        let up_to = told.last().map(|told| told.seq);
        events.extend(told.into_iter().map(|told| EventRow {
            room: id,
            seq: told.seq,
            frame: told.frame.to_string(),
            created_at: told.at,
        }));
        if up_to.is_some() || reserve.is_some() {
            unsaved.push(Unsaved { slot, id, up_to, reserve });
        }
    }
    if unsaved.is_empty() {
        return;
    }
    if let Err(error) = write(ctx, &events, &unsaved).await {
        tracing::warn!(%error, events = events.len(), "what was told in rooms could not be written; it is tried again");
        for room in unsaved {
            rooms.mark(room.id);
        }
        return;
    }
    for Unsaved { slot, id, up_to, reserve } in unsaved {
        if let Some(mut room) = slot.get() {
            room.note_saved(up_to, reserve);
            // What had waited for numbers was told just now.
            if !room.is_saved() {
                rooms.mark(id);
            }
        }
    }
}

async fn write(ctx: &Ctx, events: &[EventRow], rooms: &[Unsaved]) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    for rows in events.chunks(ROWS) {
        store::insert_events(&mut tx, rows).await?;
    }
    for room in rooms {
        if let Some(reserved) = room.reserve {
            store::reserve(&mut tx, room.id, reserved, false, ctx.now()).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Rooms that nobody was in for `long` leave the memory. Whoever opens one before its row says so takes it for one that crashed: it goes on
/// behind the reserved numbers, and the row is left alone.
async fn close_empty(ctx: &Ctx, long: Duration) {
    let rooms = &ctx.state.rooms;
    let now = Instant::now();
    let mut closing = Vec::new();
    rooms.rooms().retain(|id, slot| {
        let done = Arc::strong_count(slot) == 1
            && slot
                .get()
                .is_none_or(|room| room.is_saved() && room.empty_since.is_some_and(|since| now.saturating_duration_since(since) >= long));
        if done && let Some(room) = slot.get() {
            closing.push((*id, room.last(), room.reserved()));
            rooms.told_before.fetch_add(room.told, Ordering::Relaxed);
        }
        !done
    });
    if closing.is_empty() {
        return;
    }
    let close = async {
        let mut tx = ctx.db().write_tx().await?;
        for (id, last, reserved) in &closing {
            store::close(&mut tx, *id, *last, *reserved, ctx.now()).await?;
        }
        AppResult::Ok(tx.commit().await?)
    };
    if let Err(error) = close.await {
        tracing::warn!(%error, rooms = closing.len(), "rooms could not be closed; who comes back to them reads everything again");
    }
}

/// Events that had their time.
pub async fn remove_old_events(ctx: &Ctx) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::remove_old_events(&mut tx, clock::now_ms() - KEPT_MS, KEPT_EVENTS).await?;
    Ok(tx.commit().await?)
}
