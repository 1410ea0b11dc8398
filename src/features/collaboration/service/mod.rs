//! Rooms of this process: who is in them, what is told in them, and the task that keeps it.
//!
//! Everything is told by this process for now. Where several share the work, [`Rooms::tell`] is the place through which an event passes on
//! its way to the members here.

mod access;
pub mod documents;
mod keeper;
pub mod limits;
pub mod outbox;
mod report;
pub mod room;
mod tokens;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, OnceCell, mpsc};

pub use access::room_access;
pub use keeper::{keep, remove_old_events};
pub use report::rooms_report;
pub use tokens::{create_ws_token, credential_of_ws_token};

use self::{
    limits::{NUMBERS_AHEAD, REPLAY_PAGE, SocketLimits},
    room::{ConnectionId, Entered, Entering, Room},
};
use super::{
    model::{RoomEvent, RoomType, RoomUser},
    store,
};
use crate::{
    error::AppResult,
    ids::{RoomId, UserId},
    server::{context::Ctx, state::AppState},
};

/// Sockets have this long to say goodbye when the process stops.
pub const DRAIN: Duration = Duration::from_secs(5);

/// A room, once the database has said where its numbers are.
#[derive(Default)]
struct Slot(OnceCell<Mutex<Room>>);

impl Slot {
    fn get(&self) -> Option<MutexGuard<'_, Room>> {
        self.0.get().map(|room| room.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An event for a room that is not in memory.
struct Announced {
    room: RoomId,
    kind: RoomType,
    by: UserId,
    event: RoomEvent,
    at: i64,
}

/// Every room that somebody is or was in lately.
pub struct Rooms {
    pub limits: SocketLimits,
    rooms: Mutex<HashMap<RoomId, Arc<Slot>>>,
    /// Those that have something to be written.
    unsaved: Mutex<HashSet<RoomId>>,
    announced: mpsc::UnboundedSender<Announced>,
    /// The keeper takes it.
    to_announce: Mutex<Option<mpsc::UnboundedReceiver<Announced>>>,
    next: AtomicU64,
    sockets: AtomicUsize,
    fewer: Notify,
    /// Events told in rooms that have left the memory.
    told_before: AtomicU64,
}

/// Counts a socket for as long as it lives.
pub struct Socket<'a>(&'a Rooms);

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        if self.0.sockets.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.fewer.notify_waiters();
        }
    }
}

impl Rooms {
    pub fn new(limits: SocketLimits) -> Self {
        let (announced, to_announce) = mpsc::unbounded_channel();
        Self {
            limits,
            rooms: Mutex::default(),
            unsaved: Mutex::default(),
            announced,
            to_announce: Mutex::new(Some(to_announce)),
            next: AtomicU64::new(1),
            sockets: AtomicUsize::new(0),
            fewer: Notify::new(),
            told_before: AtomicU64::new(0),
        }
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomId, Arc<Slot>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, id: RoomId) -> Option<Arc<Slot>> {
        self.rooms().get(&id).cloned()
    }

    /// A socket was opened: it is counted until it ends.
    pub fn count(&self) -> Socket<'_> {
        self.sockets.fetch_add(1, Ordering::SeqCst);
        Socket(self)
    }

    pub fn sockets(&self) -> usize {
        self.sockets.load(Ordering::SeqCst)
    }

    pub fn next_connection(&self) -> ConnectionId {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Waits until every socket has ended, no longer than `most`.
    pub async fn drained(&self, most: Duration) {
        let _ = tokio::time::timeout(most, async {
            loop {
                let fewer = self.fewer.notified();
                if self.sockets() == 0 {
                    return;
                }
                fewer.await;
            }
        })
        .await;
    }

    fn mark(&self, id: RoomId) {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// The room, from memory or from where the database says that its numbers are.
    async fn open(&self, ctx: &Ctx, id: RoomId, kind: RoomType) -> AppResult<Arc<Slot>> {
        let slot = self.rooms().entry(id).or_default().clone();
        slot.0.get_or_try_init(|| async { read_room(ctx, id, kind).await.map(Mutex::new) }).await?;
        Ok(slot)
    }

    /// A connection comes in.
    pub async fn enter(&self, ctx: &Ctx, id: RoomId, kind: RoomType, entering: Entering<'_>) -> AppResult<Entered> {
        let slot = self.open(ctx, id, kind).await?;
        let entered = slot.get().map(|mut room| {
            room.kind = kind;
            room.enter(entering, ctx.now())
        });
        self.mark(id);
        entered.ok_or_else(crate::error::AppError::internal)
    }

    pub fn leave(&self, connection: ConnectionId, id: RoomId, now: i64) {
        if let Some(slot) = self.slot(id)
            && let Some(mut room) = slot.get()
            && room.leave(connection, now, Instant::now())
        {
            self.mark(id);
        }
    }

    /// What a member may do; none when it is no member.
    pub fn may_write(&self, connection: ConnectionId, id: RoomId) -> Option<bool> {
        self.slot(id)?.get()?.may_write(connection)
    }

    pub fn set_write(&self, connection: ConnectionId, id: RoomId, write: bool) {
        if let Some(slot) = self.slot(id)
            && let Some(mut room) = slot.get()
        {
            room.set_write(connection, write);
        }
    }

    /// Tells everybody in a room; false when it is not in memory.
    pub fn tell(&self, id: RoomId, event: RoomEvent, by: UserId, now: i64) -> bool {
        let Some(slot) = self.slot(id) else { return false };
        let Some(mut room) = slot.get() else { return false };
        let numbered = event.passing().is_none();
        room.tell(event, by, now);
        drop(room);
        if numbered {
            self.mark(id);
        }
        true
    }
}

/// Where a room's numbers go on: behind everything that may have been given.
async fn read_room(ctx: &Ctx, id: RoomId, kind: RoomType) -> AppResult<Room> {
    let mut tx = ctx.db().write_tx().await?;
    let (last, floor) = match store::room(&mut tx, id).await? {
        None => (0, 0),
        Some(row) if row.closed != 0 => {
            let first = store::first_kept(&mut tx, id).await?;
            (row.reserved, first.map_or(row.reserved, |first| first - 1))
        }
        // It was not closed: what was told last may not have reached the disk.
        Some(row) => (row.reserved, row.reserved),
    };
    let reserved = last + NUMBERS_AHEAD;
    store::reserve(&mut tx, id, reserved, false, ctx.now()).await?;
    tx.commit().await?;
    Ok(Room::new(id, kind, last, reserved, floor, Instant::now()))
}

/// What a member missed, from the database: the frames after `since` and before `before`, a page of them. None: there is a gap.
pub async fn stored_events(ctx: &Ctx, id: RoomId, since: i64, before: i64) -> AppResult<Option<Vec<(i64, String)>>> {
    let rows = store::events_between(ctx.db().read(), id, since, before, REPLAY_PAGE).await?;
    let whole = rows.iter().zip(since + 1..).all(|(row, seq)| row.seq == seq);
    Ok((whole && !rows.is_empty()).then(|| rows.into_iter().map(|row| (row.seq, row.frame)).collect()))
}

/// Tells a room what has happened, after its commit. Never waits and never fails: whoever is there reads again.
pub fn announce(state: &AppState, kind: RoomType, room: RoomId, by: UserId, event: RoomEvent) {
    let at = crate::server::clock::now_ms();
    let rooms = &state.rooms;
    // Of what passes nobody has to know who is not there.
    if rooms.tell(room, event.clone(), by, at) || event.passing().is_some() {
        return;
    }
    let _ = rooms.announced.send(Announced { room, kind, by, event, at });
}

/// The rooms of this kind that somebody is in.
pub fn occupied(state: &AppState, kind: RoomType) -> Vec<RoomId> {
    let slots: Vec<Arc<Slot>> = state.rooms.rooms().values().cloned().collect();
    let rooms = slots.iter().filter_map(|slot| slot.get());
    rooms.filter(|room| room.kind == kind && room.connections() > 0).map(|room| room.id).collect()
}

/// Who is in these rooms now.
pub fn present(state: &AppState, ids: &[RoomId]) -> HashMap<RoomId, Vec<RoomUser>> {
    ids.iter().filter_map(|id| Some((*id, state.rooms.slot(*id)?.get()?.users()))).filter(|(_, users)| !users.is_empty()).collect()
}

/// Everybody who is in any room now.
pub fn connected(state: &AppState) -> HashSet<UserId> {
    let slots: Vec<Arc<Slot>> = state.rooms.rooms().values().cloned().collect();
    let mut users = HashSet::new();
    for room in slots.iter().filter_map(|slot| slot.get()) {
        users.extend(room.user_ids());
    }
    users
}
