//! Rooms that several nodes have: the database gives the numbers, and says who is there (docs/decisions/nodes.md).
//!
//! What is to be told waits in a line. One transaction takes what waits of all rooms, has their rows until its end, and writes frames and
//! presence; afterwards members here and other nodes are told. Whatever a node has missed it reads from there.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{
    super::{
        model::{RoomEvent, RoomType, RoomUser, ServerFrame},
        store::{self, EventRow, NewPresence, Presence},
    },
    DRAIN,
    limits::REPLAY_PAGE,
    room::{Room, Told, frame},
};
use crate::{
    error::AppResult,
    ids::{NodeId, RoomId, UserId},
    server::{
        cluster::{Cluster, LARGEST, Listening, Subject},
        context::Ctx,
        db::parse_id,
        state::AppState,
    },
};

/// Wishes that one transaction takes.
const BATCH: usize = 200;
/// Wishes that wait. A database that is away for longer than this takes costs events; who reads again finds what they were about.
const WAITING: usize = 100_000;
/// The database does not answer: it is asked again.
const AGAIN: Duration = Duration::from_millis(250);
/// Rooms are compared with the database this often; while other nodes cannot be heard, each second.
const COMPARE_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked who was at nodes that are gone.
const TAKE_BACK_EVERY: Duration = Duration::from_secs(1);
const COMPARE_UNHEARD: Duration = Duration::from_secs(1);
/// How long it takes at most until a new subscription is known to all servers of NATS.
const YOUNG: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_millis(200);
/// Rooms that one query compares, and presences that are taken back at once.
const SLICE: usize = 500;

/// What is to be written of a room.
enum Wish {
    Tell(RoomEvent, UserId),
    /// The first connection of an account to this node.
    Come(RoomType, RoomUser),
    /// The last one to a node.
    Go(UserId, NodeId),
}

struct Waiting {
    room: RoomId,
    wish: Wish,
    at: i64,
}

/// What waits for its number, in order.
#[derive(Default)]
pub struct Line {
    waiting: Mutex<VecDeque<Waiting>>,
    something: Notify,
    /// Rooms of which something is missing.
    behind: Mutex<BTreeSet<RoomId>>,
    missing: Notify,
    /// Rows may say that people are here who are not.
    was_away: AtomicBool,
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, room: RoomId, wish: Wish, at: i64) {
        let mut waiting = self.lock();
        if waiting.len() >= WAITING {
            waiting.pop_front();
        }
        waiting.push_back(Waiting { room, wish, at });
        drop(waiting);
        self.something.notify_one();
    }

    pub fn tell(&self, room: RoomId, event: RoomEvent, by: UserId, at: i64) {
        self.push(room, Wish::Tell(event, by), at);
    }

    pub fn come(&self, room: RoomId, kind: RoomType, user: RoomUser, at: i64) {
        self.push(room, Wish::Come(kind, user), at);
    }

    pub fn go(&self, room: RoomId, user: UserId, node: NodeId, at: i64) {
        self.push(room, Wish::Go(user, node), at);
    }

    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.lock();
        let most = waiting.len().min(BATCH);
        waiting.drain(..most).collect()
    }

    fn give_back(&self, batch: Vec<Waiting>) {
        let mut waiting = self.lock();
        for one in batch.into_iter().rev() {
            waiting.push_front(one);
        }
    }

    /// This node was away: nothing that waits is wanted any more, and who was here is to be taken back.
    pub fn begin_again(&self) {
        self.lock().clear();
        self.was_away.store(true, Ordering::SeqCst);
    }

    /// Something is missing in a room: it is read.
    pub fn read_again(&self, room: RoomId) {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner).insert(room);
        self.missing.notify_one();
    }
}

/// What nodes tell one another of a room.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum News {
    /// Frames that are stored, with numbers from `first` on, and when each was told.
    Told { first: i64, frames: Vec<(String, i64)> },
    /// There are some up to this number, too large for a message.
    Behind { last: i64 },
    /// What is neither numbered nor repeated.
    Passing { event: RoomEvent, by: UserId, at: i64 },
}

/// Tells the other nodes what passes.
pub fn tell_passing(cluster: &Cluster, room: RoomId, event: &RoomEvent, by: UserId, at: i64) {
    cluster.tell(Subject::Room(room), &News::Passing { event: event.clone(), by, at });
}

/// Hears what other nodes tell of a room.
fn listen(state: &AppState, id: RoomId) -> Listening {
    let weak = state.downgrade();
    state.cluster.listen(Subject::Room(id), move |payload: Bytes| {
        let Some(state) = weak.upgrade() else { return };
        match serde_json::from_slice(&payload) {
            Ok(News::Told { first, frames }) => {
                let told = (first..).zip(frames).map(|(seq, (frame, at))| Told { seq, frame: frame.into(), at });
                take(&state, id, told);
            }
            Ok(News::Behind { .. }) => state.rooms.line.read_again(id),
            Ok(News::Passing { event, by, at }) => state.rooms.tell_passing_here(id, event, by, at),
            // The comparison with the database finds what a later version tells otherwise.
            Err(error) => tracing::debug!(%error, "another node told something that is not known here"),
        }
    })
}

/// Hands stored events to the members here.
fn take(state: &AppState, id: RoomId, told: impl IntoIterator<Item = Told>) {
    if let Some(slot) = state.rooms.slot(id)
        && let Some(mut room) = slot.get()
        && !room.take(told)
    {
        state.rooms.line.read_again(id);
    }
}

/// A room as the database has it. What is told from now on is heard; what was told before that was known is found by the next comparison.
pub async fn read_room(ctx: &Ctx, id: RoomId, kind: RoomType) -> AppResult<Room> {
    let listening = listen(&ctx.state, id);
    let last = last_number(ctx, id).await?;
    let floor = match store::last_run(ctx.db().read(), id).await? {
        // What came since is above the last number, and is read as what is missing.
        Some((first, newest)) if first <= last && last <= newest => first - 1,
        _ => last,
    };
    // After the number: who came or went in between is told again, which changes nothing.
    let people = store::people_in(ctx.db().read(), &[id]).await?.into_iter().map(|(_, user)| user).collect();
    Ok(Room::shared(id, kind, last, floor, people, listening))
}

async fn last_number(ctx: &Ctx, id: RoomId) -> AppResult<i64> {
    Ok(store::last_numbers(ctx.db().read(), &[id]).await?.first().map_or(0, |(_, last)| *last))
}

/// Works until the process is asked to stop and the sockets have ended; then takes back who was here.
pub async fn keep(ctx: &Ctx) {
    tokio::join!(write_always(ctx), stay_in_step(ctx));
    ctx.state.rooms.drained(DRAIN).await;
    let deadline = Instant::now() + DRAIN;
    while Instant::now() < deadline && matches!(write(ctx).await, Some(Ok(()))) {}
}

async fn write_always(ctx: &Ctx) {
    let line = &ctx.state.rooms.line;
    loop {
        match write(ctx).await {
            Some(Ok(())) => {}
            Some(Err(())) => {
                if ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_none() {
                    return;
                }
            }
            None => {
                if ctx.state.shutdown.run_until_cancelled(line.something.notified()).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// Writes what waits, as much as goes at once, and tells it. None: nothing waited.
async fn write(ctx: &Ctx) -> Option<Result<(), ()>> {
    let line = &ctx.state.rooms.line;
    let batch = line.take();
    if batch.is_empty() {
        return None;
    }
    match store_batch(ctx, &batch).await {
        Ok(stored) => {
            for (room, told) in stored {
                publish(ctx, room, &told);
                take(&ctx.state, room, told);
            }
            Some(Ok(()))
        }
        Err(error) => {
            tracing::warn!(%error, wishes = batch.len(), "what was told in rooms could not be written; it is tried again");
            line.give_back(batch);
            Some(Err(()))
        }
    }
}

fn publish(ctx: &Ctx, room: RoomId, told: &[Told]) {
    let (Some(first), Some(last)) = (told.first(), told.last()) else { return };
    // What JSON makes of a frame within a string is longer than the frame, but hardly twice as long.
    let bytes: usize = told.iter().map(|told| told.frame.len()).sum();
    let news = if bytes > LARGEST / 2 {
        News::Behind { last: last.seq }
    } else {
        News::Told { first: first.seq, frames: told.iter().map(|told| (told.frame.to_string(), told.at)).collect() }
    };
    ctx.state.cluster.tell(Subject::Room(room), &news);
}

/// One transaction: the numbers of each room's events, in the order of their wishes.
async fn store_batch(ctx: &Ctx, batch: &[Waiting]) -> AppResult<Vec<(RoomId, Vec<Told>)>> {
    let (now, own) = (ctx.now(), ctx.state.cluster.id());
    // In the order of ids, as every node takes them: two that want the same do not wait for each other in a circle.
    let rooms: BTreeSet<RoomId> = batch.iter().map(|one| one.room).collect();
    let ids: Vec<RoomId> = rooms.iter().copied().collect();
    let mut tx = ctx.db().write_tx().await?;
    let mut last: HashMap<RoomId, i64> = HashMap::new();
    for (id, reserved) in store::lock_rooms(&mut tx, &ids, now).await? {
        last.insert(parse_id(&id)?, reserved);
    }
    let users: BTreeSet<UserId> = batch
        .iter()
        .filter_map(|one| match &one.wish {
            Wish::Tell(..) => None,
            Wish::Come(_, user) => Some(user.user_id),
            Wish::Go(user, _) => Some(*user),
        })
        .collect();
    let before: BTreeSet<Presence> =
        if users.is_empty() { BTreeSet::new() } else { store::presences(&mut tx, &rooms, &users).await?.into_iter().collect() };
    let mut there = before.clone();
    let mut came: BTreeMap<Presence, NewPresence> = BTreeMap::new();
    let mut stored: BTreeMap<RoomId, Vec<Told>> = BTreeMap::new();
    for Waiting { room, wish, at } in batch {
        let is_in = |there: &BTreeSet<Presence>, user: UserId| there.iter().any(|one| one.room == *room && one.user == user);
        let (event, by) = match wish {
            Wish::Tell(event, by) => (Some(event.clone()), *by),
            Wish::Come(kind, user) => {
                let new = !is_in(&there, user.user_id);
                let presence = Presence { room: *room, user: user.user_id, node: own };
                there.insert(presence);
                came.insert(presence, NewPresence { presence, kind: kind.as_str(), profile: serde_json::to_string(user)? });
                let RoomUser { user_id, user_name, color, kind, avatar } = user.clone();
                (new.then_some(RoomEvent::UserJoined { user_name, color, kind, avatar }), user_id)
            }
            Wish::Go(user, node) => {
                let presence = Presence { room: *room, user: *user, node: *node };
                let was = there.remove(&presence);
                came.remove(&presence);
                ((was && !is_in(&there, *user)).then_some(RoomEvent::UserLeft {}), *user)
            }
        };
        let (Some(event), Some(last)) = (event, last.get_mut(room)) else { continue };
        *last += 1;
        let frame = frame(*room, Some(*last), event, by, *at);
        stored.entry(*room).or_default().push(Told { seq: *last, frame, at: *at });
    }
    let gone: Vec<Presence> = before.difference(&there).copied().collect();
    store::remove_presences(&mut tx, &gone).await?;
    store::put_presences(&mut tx, &came.into_values().collect::<Vec<_>>(), now).await?;
    let row = |room: &RoomId, told: &Told| EventRow { room: *room, seq: told.seq, frame: told.frame.to_string(), created_at: told.at };
    let events: Vec<EventRow> = stored.iter().flat_map(|(room, told)| told.iter().map(move |told| row(room, told))).collect();
    if !events.is_empty() {
        store::insert_events(&mut tx, &events).await?;
        let numbers: Vec<(RoomId, i64)> = stored.iter().filter_map(|(room, told)| Some((*room, told.last()?.seq))).collect();
        store::set_last(&mut tx, &numbers, now).await?;
    }
    tx.commit().await?;
    Ok(stored.into_iter().collect())
}

/// Reads what is missing, compares, lets go of rooms without members, and takes back who was at nodes that are gone.
async fn stay_in_step(ctx: &Ctx) {
    let rooms = &ctx.state.rooms;
    let mut missed = ctx.state.cluster.missed();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut compared, mut took_back) = (Instant::now(), Instant::now());
    let mut young: Vec<(RoomId, Instant)> = Vec::new();
    loop {
        tokio::select! {
            () = ctx.state.shutdown.cancelled() => return,
            () = rooms.line.missing.notified() => {}
            _ = missed.changed() => compare(ctx, &rooms.ids()).await,
            _ = ticks.tick() => {
                let now = Instant::now();
                rooms.close_empty_shared();
                young.extend(rooms.take_opened().into_iter().map(|room| (room, now)));
                let (due, still): (Vec<_>, Vec<_>) = young.drain(..).partition(|(_, since)| now.duration_since(*since) >= YOUNG);
                young = still;
                compare(ctx, &due.into_iter().map(|(room, _)| room).collect::<Vec<_>>()).await;
                let every = if ctx.state.cluster.hears_all() { COMPARE_EVERY } else { COMPARE_UNHEARD };
                if now.duration_since(compared) >= every {
                    compared = now;
                    compare(ctx, &rooms.ids()).await;
                }
                if now.duration_since(took_back) >= TAKE_BACK_EVERY {
                    took_back = now;
                    take_back(ctx).await;
                }
            }
        }
        let behind = std::mem::take(&mut *rooms.line.behind.lock().unwrap_or_else(PoisonError::into_inner));
        for room in behind {
            if let Err(error) = catch_up(ctx, room).await {
                tracing::warn!(%error, %room, "what is missing in a room could not be read; it is tried again");
                rooms.line.behind.lock().unwrap_or_else(PoisonError::into_inner).insert(room);
            }
        }
    }
}

/// Marks those rooms of which the database has more.
async fn compare(ctx: &Ctx, ids: &[RoomId]) {
    for part in ids.chunks(SLICE) {
        let numbers = match store::last_numbers(ctx.db().read(), part).await {
            Ok(numbers) => numbers,
            Err(error) => return tracing::warn!(%error, "rooms could not be compared with the database"),
        };
        for (id, last) in numbers {
            let Ok(id) = id.parse() else { continue };
            let is_behind = ctx.state.rooms.slot(id).and_then(|slot| Some(slot.get()?.last() < last));
            if is_behind == Some(true) {
                ctx.state.rooms.line.read_again(id);
            }
        }
    }
}

/// Reads what a room lacks.
async fn catch_up(ctx: &Ctx, id: RoomId) -> AppResult<()> {
    let Some(slot) = ctx.state.rooms.slot(id) else { return Ok(()) };
    let known = || slot.get().map_or(i64::MAX, |room| room.last());
    loop {
        let (last, before) = (last_number(ctx, id).await?, known());
        if before >= last {
            return Ok(());
        }
        let rows = store::events_between(ctx.db().read(), id, before, i64::MAX, REPLAY_PAGE).await?;
        let told = rows.into_iter().map(|row| Told { seq: row.seq, frame: Utf8Bytes::from(row.frame), at: ctx.now() });
        let whole = slot.get().is_some_and(|mut room| room.take(told));
        if !whole || known() == before {
            // Some of it is not kept any more.
            let people = store::people_in(ctx.db().read(), &[id]).await?.into_iter().map(|(_, user)| user).collect();
            if let Some(mut room) = slot.get() {
                room.begin_again(last, people);
            }
            return Ok(());
        }
    }
}

/// Whoever was connected to a node that is gone, and to no other, has left; and so has who was here before this node was away.
async fn take_back(ctx: &Ctx) {
    let rooms = &ctx.state.rooms;
    let gone = async {
        let mut gone = Vec::new();
        if rooms.line.was_away.swap(false, Ordering::SeqCst) {
            let own = store::presences_at(ctx.db().read(), ctx.state.cluster.id()).await?;
            gone.extend(own.into_iter().filter(|one| !rooms.has(one.room, one.user)));
        }
        if ctx.state.cluster.leads() {
            gone.extend(store::orphans(ctx.db().read(), SLICE as i64).await?);
        }
        AppResult::Ok(gone)
    };
    match gone.await {
        Ok(gone) => gone.into_iter().for_each(|Presence { room, user, node }| rooms.line.go(room, user, node, ctx.now())),
        Err(error) => {
            rooms.line.was_away.store(true, Ordering::SeqCst);
            tracing::warn!(%error, "who is no longer in rooms could not be read");
        }
    }
}

/// What pages are told when the other nodes can be heard no more, or again.
pub fn cut_off_frame(alone: bool) -> Utf8Bytes {
    // Only maps with keys that are no text fail, and there are none.
    serde_json::to_string(&ServerFrame::Nodes { alone }).unwrap_or_default().into()
}
