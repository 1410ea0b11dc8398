//! Rooms of this process: who is in them, what is told in them, and the task that keeps it.
//!
//! A process that serves alone gives the numbers of events itself and writes behind ([`keeper`]); where several share the work, the
//! database does ([`shared`]).

mod access;
mod counting;
pub mod documents;
mod keeper;
pub mod limits;
pub mod outbox;
mod report;
pub mod room;
mod shared;
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
pub use counting::{Together, count_coediting, count_together};
pub use keeper::{keep, remove_old_events};
pub use report::{rooms_report, totals};
pub use tokens::{create_ws_token, credential_of_ws_token};

use self::{
    limits::{NUMBERS_AHEAD, REPLAY_PAGE, SocketLimits},
    room::{ConnectionId, Entered, Entering, Room},
    shared::Line,
};
use super::{
    model::{RoomEvent, RoomType, RoomUser},
    store,
};
use crate::{
    error::AppResult,
    ids::{RoomId, UserId},
    server::{cluster::Cluster, context::Ctx, state::AppState},
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
    cluster: Cluster,
    /// What waits for a number of the database.
    line: Line,
    /// Rooms that were opened lately: what was told meanwhile may not have been heard.
    opened: Mutex<Vec<RoomId>>,
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
    pub fn new(limits: SocketLimits, cluster: Cluster) -> Self {
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
            cluster,
            line: Line::default(),
            opened: Mutex::default(),
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

    /// It has something to be written behind.
    fn mark(&self, id: RoomId) {
        if self.cluster.is_shared() {
            return;
        }
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// The room, from memory or from where the database says that its numbers are.
    async fn open(&self, ctx: &Ctx, id: RoomId, kind: RoomType) -> AppResult<Arc<Slot>> {
        let slot = self.rooms().entry(id).or_default().clone();
        let read = || async {
            if !self.cluster.is_shared() {
                return read_room(ctx, id, kind).await.map(Mutex::new);
            }
            let room = shared::read_room(ctx, id, kind).await?;
            self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(id);
            Ok(Mutex::new(room))
        };
        slot.0.get_or_try_init(read).await?;
        Ok(slot)
    }

    /// A connection comes in.
    pub async fn enter(&self, ctx: &Ctx, id: RoomId, kind: RoomType, entering: Entering<'_>) -> AppResult<Entered> {
        let slot = self.open(ctx, id, kind).await?;
        let user = entering.user.clone();
        let entered = slot.get().map(|mut room| {
            room.kind = kind;
            let entered = room.enter(entering, ctx.now());
            // In the order in which members come and go: the room is held.
            if entered.first && self.cluster.is_shared() {
                self.line.come(id, kind, user, ctx.now());
            }
            entered
        });
        self.mark(id);
        entered.ok_or_else(crate::error::AppError::internal)
    }

    pub fn leave(&self, connection: ConnectionId, id: RoomId, now: i64) {
        if let Some(slot) = self.slot(id)
            && let Some(mut room) = slot.get()
            && let Some(gone) = room.leave(connection, now, Instant::now())
        {
            if gone.last && self.cluster.is_shared() {
                self.line.go(id, gone.user, self.cluster.id(), now);
            }
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

    /// Tells everybody in a room, also at other nodes; false when it is not in memory and nobody else numbers its events.
    pub fn tell(&self, id: RoomId, event: RoomEvent, by: UserId, now: i64) -> bool {
        if self.cluster.is_shared() {
            if event.passing().is_some() {
                shared::tell_passing(&self.cluster, id, &event, by, now);
                self.tell_passing_here(id, event, by, now);
            } else {
                self.line.tell(id, event, by, now);
            }
            return true;
        }
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

    /// Tells the members here what passes.
    fn tell_passing_here(&self, id: RoomId, event: RoomEvent, by: UserId, now: i64) {
        if let Some(slot) = self.slot(id)
            && let Some(mut room) = slot.get()
            && event.passing().is_some()
        {
            room.tell(event, by, now);
        }
    }

    /// All that are in memory.
    fn ids(&self) -> Vec<RoomId> {
        self.rooms().keys().copied().collect()
    }

    fn take_opened(&self) -> Vec<RoomId> {
        std::mem::take(&mut *self.opened.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether an account is connected to a room at this node.
    fn has(&self, id: RoomId, user: UserId) -> bool {
        self.slot(id).is_some_and(|slot| slot.get().is_some_and(|room| room.is_here(user)))
    }

    /// Rooms without members leave the memory, and are not heard of any more: the database has all of them.
    fn close_empty_shared(&self) {
        self.rooms().retain(|_, slot| {
            let told = slot.get().map(|room| (room.connections(), room.told));
            let done = Arc::strong_count(slot) == 1 && told.is_none_or(|(connections, _)| connections == 0);
            if done {
                self.told_before.fetch_add(told.map_or(0, |(_, told)| told), Ordering::Relaxed);
            }
            !done
        });
    }

    /// Lets go of everything, after this node was away: whoever is connected comes back.
    pub fn drop_all(&self) {
        self.line.begin_again();
        let rooms = std::mem::take(&mut *self.rooms());
        for room in rooms.values().filter_map(|slot| slot.get()) {
            room.end_all();
        }
    }

    /// Tells everybody here whether other nodes can be heard.
    pub fn tell_cut_off(&self, alone: bool) {
        let frame = shared::cut_off_frame(alone);
        let slots: Vec<Arc<Slot>> = self.rooms().values().cloned().collect();
        for room in slots.iter().filter_map(|slot| slot.get()) {
            room.push(&frame);
        }
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

/// The rooms of this kind that somebody is in, at any node.
pub async fn occupied(ctx: &Ctx, kind: RoomType) -> AppResult<Vec<RoomId>> {
    if ctx.state.cluster.is_shared() {
        return store::rooms_of_kind(ctx.db().read(), kind.as_str()).await;
    }
    let slots: Vec<Arc<Slot>> = ctx.state.rooms.rooms().values().cloned().collect();
    let rooms = slots.iter().filter_map(|slot| slot.get());
    Ok(rooms.filter(|room| room.kind == kind && room.connections() > 0).map(|room| room.id).collect())
}

/// Who is in these rooms now, at any node.
pub async fn present(ctx: &Ctx, ids: &[RoomId]) -> AppResult<HashMap<RoomId, Vec<RoomUser>>> {
    let mut present: HashMap<RoomId, Vec<RoomUser>> = HashMap::new();
    if ctx.state.cluster.is_shared() {
        for (room, user) in store::people_in(ctx.db().read(), ids).await? {
            present.entry(room).or_default().push(user);
        }
        return Ok(present);
    }
    let users = |id: &RoomId| Some((*id, ctx.state.rooms.slot(*id)?.get()?.users()));
    present.extend(ids.iter().filter_map(users).filter(|(_, users)| !users.is_empty()));
    Ok(present)
}

/// Everybody who is in any room now, at any node.
pub async fn connected(ctx: &Ctx) -> AppResult<HashSet<UserId>> {
    if ctx.state.cluster.is_shared() {
        return Ok(store::everybody(ctx.db().read()).await?.into_iter().collect());
    }
    let slots: Vec<Arc<Slot>> = ctx.state.rooms.rooms().values().cloned().collect();
    let mut users = HashSet::new();
    for room in slots.iter().filter_map(|slot| slot.get()) {
        users.extend(room.user_ids());
    }
    Ok(users)
}
