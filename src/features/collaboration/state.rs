//! Rooms as pages use them: [`use_collaboration`]. One connection serves all rooms of a tab; it is there as long as a page uses one.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    future::Future,
    rc::Rc,
};

use leptos::prelude::*;
use serde_json::Value;

use super::{
    link::{Act, Link, Pulse},
    model::{ClientFrame, Position, RoomEvent, RoomType, RoomUser, RoomsQuery, RoomsReport, SentEvent, ServerFrame},
};
use crate::{
    browser::{
        data, page,
        socket::{self, Socket, Ticker},
    },
    error::AppResult,
    ids::{RoomId, UserId},
};

/// Pointers are told no more often than this, in milliseconds.
const POINT_EVERY: i64 = 50;
/// What was told while there was no connection is told then, as far as this.
const HELD: usize = 50;

/// A place to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub id: RoomId,
    pub kind: RoomType,
}

/// Somebody typed, came, went …
#[derive(Clone, Copy, Debug)]
pub struct Person {
    pub user_id: UserId,
}

/// Somebody points there.
#[derive(Clone, Copy, Debug)]
pub struct Pointed {
    pub user_id: UserId,
    pub position: Position,
}

/// An entry of the timeline is new or was changed.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    pub user_id: UserId,
    pub number: i64,
}

/// A session or an artifact was changed.
#[derive(Clone, Debug)]
pub struct Update {
    pub user_id: UserId,
    pub id: String,
    pub data: Value,
}

#[derive(Clone, Debug)]
pub struct Committed {
    pub user_id: UserId,
    pub volume_type: String,
    pub commit_sha: String,
}

#[derive(Clone, Debug)]
pub struct Commented {
    pub user_id: UserId,
    pub subject_id: String,
    pub thread_id: String,
}

/// A page's part in a room. Handlers are called until the page is gone.
#[derive(Clone, Copy)]
pub struct Collaboration {
    id: u64,
    /// Who is here, oneself included.
    pub users: Signal<Vec<RoomUser>>,
    pub link: Signal<Link>,
    pub is_connected: Signal<bool>,
}

/// Takes part in `room` for as long as the calling component lives. On the server nothing happens.
pub fn use_collaboration(room: Signal<Option<Room>>) -> Collaboration {
    let users = RwSignal::new(Vec::new());
    let link = RwSignal::new(Link::Connecting);
    let part = NEXT.with(|next| {
        let mut next = next.borrow_mut();
        *next += 1;
        *next
    });
    Effect::new(move |_| {
        let room = room.get();
        Client::with(|client| client.take_part(part, room, users, link));
    });
    on_cleanup(move || Client::if_there(|client| client.part_ends(part)));
    Collaboration {
        id: part,
        users: users.into(),
        link: link.into(),
        is_connected: Signal::derive(move || link.with(|link| *link == Link::Live)),
    }
}

impl Collaboration {
    fn on(self, act: impl Fn(&SentEvent) + 'static) {
        // In an effect: the server, where nobody listens, keeps no handlers.
        let mut act = Some(act);
        Effect::new(move |_| {
            if let Some(act) = act.take() {
                Client::with(|client| client.listen(self.id, Rc::new(act)));
            }
        });
    }

    /// One has come into the room, for the first time or again: from here on everything is told. What the page read before may be older.
    pub fn on_entered(self, act: impl Fn() + 'static) {
        let mut act = Some(act);
        Effect::new(move |_| {
            if let Some(act) = act.take() {
                let act: Rc<dyn Fn()> = Rc::new(act);
                let mut there = false;
                Client::with(|client| there = client.on_entered(self.id, act.clone()));
                if there {
                    act();
                }
            }
        });
    }

    /// More was missed than can be told again: what is shown has to be read again.
    pub fn on_resync(self, act: impl Fn() + 'static) {
        let mut act = Some(act);
        Effect::new(move |_| {
            if let Some(act) = act.take() {
                Client::with(|client| client.on_resync(self.id, Rc::new(act)));
            }
        });
    }

    pub fn on_message(self, act: impl Fn(Message) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::Message { number, .. } = sent.event {
                act(Message { user_id: sent.user_id, number });
            }
        });
    }

    pub fn on_session_update(self, act: impl Fn(Update) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::SessionUpdate { session_id, data } = &sent.event {
                act(Update { user_id: sent.user_id, id: session_id.clone(), data: data.clone() });
            }
        });
    }

    pub fn on_artifact_created(self, act: impl Fn(Update) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::ArtifactCreated { artifact_id, data } = &sent.event {
                act(Update { user_id: sent.user_id, id: artifact_id.clone(), data: data.clone() });
            }
        });
    }

    pub fn on_artifact_updated(self, act: impl Fn(Update) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::ArtifactUpdated { artifact_id, data } = &sent.event {
                act(Update { user_id: sent.user_id, id: artifact_id.clone(), data: data.clone() });
            }
        });
    }

    pub fn on_commit(self, act: impl Fn(Committed) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::Commit { volume_type, commit_sha } = &sent.event {
                act(Committed { user_id: sent.user_id, volume_type: volume_type.clone(), commit_sha: commit_sha.clone() });
            }
        });
    }

    pub fn on_comment(self, act: impl Fn(Commented) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::Comment { subject_id, thread_id } = &sent.event {
                act(Commented { user_id: sent.user_id, subject_id: subject_id.clone(), thread_id: thread_id.clone() });
            }
        });
    }

    /// With how many are unread.
    pub fn on_notification(self, act: impl Fn(i64) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::Notification { unread } = sent.event {
                act(unread);
            }
        });
    }

    pub fn on_typing(self, act: impl Fn(Person) + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::Typing { .. }) {
                act(Person { user_id: sent.user_id });
            }
        });
    }

    pub fn on_cursor_move(self, act: impl Fn(Pointed) + 'static) {
        self.on(move |sent| {
            if let RoomEvent::CursorMove { position } = sent.event {
                act(Pointed { user_id: sent.user_id, position });
            }
        });
    }

    pub fn on_user_joined(self, act: impl Fn(Person) + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::UserJoined { .. }) {
                act(Person { user_id: sent.user_id });
            }
        });
    }

    pub fn on_user_left(self, act: impl Fn(Person) + 'static) {
        self.on(move |sent| {
            if matches!(sent.event, RoomEvent::UserLeft {}) {
                act(Person { user_id: sent.user_id });
            }
        });
    }

    fn broadcast(self, event: impl FnOnce(Room) -> RoomEvent) {
        Client::if_there(|client| client.broadcast(self.id, event));
    }

    /// That one types; the room has to be a session's.
    pub fn broadcast_typing(self) {
        self.broadcast(|room| RoomEvent::Typing { session_id: room.id.to_string() });
    }

    /// Where one points.
    pub fn broadcast_cursor_move(self, x: f64, y: f64) {
        self.broadcast(|_| RoomEvent::CursorMove { position: Position { x, y } });
    }

    pub fn broadcast_session_update(self, data: Value) {
        self.broadcast(|room| RoomEvent::SessionUpdate { session_id: room.id.to_string(), data });
    }

    pub fn broadcast_artifact_created(self, artifact_id: String, data: Value) {
        self.broadcast(|_| RoomEvent::ArtifactCreated { artifact_id, data });
    }

    pub fn broadcast_artifact_updated(self, artifact_id: String, data: Value) {
        self.broadcast(|_| RoomEvent::ArtifactUpdated { artifact_id, data });
    }

    pub fn broadcast_commit(self, volume_type: String, commit_sha: String) {
        self.broadcast(|_| RoomEvent::Commit { volume_type, commit_sha });
    }
}

/// Who is in the place that the page shows, for the status line of the frame.
#[derive(Clone, Copy)]
pub struct HereContext(RwSignal<Vec<RoomUser>>);

/// Provides the [`HereContext`] to the frame and everything in it.
pub fn provide_here() {
    provide_context(HereContext(RwSignal::new(Vec::new())));
}

pub fn use_here() -> RwSignal<Vec<RoomUser>> {
    expect_context::<HereContext>().0
}

/// Shows in the status line who is in the room, for as long as the calling component lives.
pub fn show_here(users: Signal<Vec<RoomUser>>) {
    let here = use_here();
    Effect::new(move |_| here.set(users.get()));
    on_cleanup(move || {
        here.try_set(Vec::new());
    });
}

/// Where administrators see the rooms.
pub fn rooms_address(query: RoomsQuery) -> String {
    data::with_query("/admin/rooms", &query)
}

pub fn read_rooms(query: RoomsQuery) -> impl Future<Output = AppResult<RoomsReport>> + Send + 'static {
    // The page and what it reads go by the same name.
    data::get(rooms_address(query))
}

type Handler = Rc<dyn Fn(&SentEvent)>;

/// A component's part.
struct Part {
    room: Option<Room>,
    users: RwSignal<Vec<RoomUser>>,
    link: RwSignal<Link>,
    handlers: Vec<Handler>,
    resync: Vec<Rc<dyn Fn()>>,
    entered: Vec<Rc<dyn Fn()>>,
}

/// A room that some part is in.
struct Joined {
    kind: RoomType,
    users: Vec<RoomUser>,
    /// The number seen last; none before the room's state came.
    seq: Option<u64>,
}

thread_local! {
    static NEXT: RefCell<u64> = const { RefCell::new(0) };
    static CLIENT: RefCell<Option<Client>> = const { RefCell::new(None) };
}

/// The tab's connection, in the browser's one thread.
struct Client {
    pulse: Pulse,
    socket: Option<Socket>,
    /// Counts connections: what an old one still says is not heard.
    number: u32,
    ticker: Option<Ticker>,
    parts: BTreeMap<u64, Part>,
    rooms: BTreeMap<RoomId, Joined>,
    held: VecDeque<String>,
    pointed: i64,
}

impl Client {
    /// The client, made when it is first needed.
    fn with(act: impl FnOnce(&mut Self)) {
        let first = CLIENT.with_borrow(Option::is_none);
        if first {
            CLIENT.with_borrow_mut(|client| {
                *client = Some(Self {
                    pulse: Pulse::new(page::now_ms()),
                    socket: None,
                    number: 0,
                    ticker: None,
                    parts: BTreeMap::new(),
                    rooms: BTreeMap::new(),
                    held: VecDeque::new(),
                    pointed: 0,
                });
            });
            socket::on_wake(|online| {
                Self::if_there(|client| {
                    let act = client.pulse.wake(page::now_ms(), online);
                    client.act(act);
                });
            });
        }
        Self::if_there(act);
    }

    fn if_there(act: impl FnOnce(&mut Self)) {
        // A handler that asks for something while frames are handled finds the client taken: it is not, handlers run outside.
        CLIENT.with_borrow_mut(|client| {
            if let Some(client) = client {
                act(client);
            }
        });
    }

    fn take_part(&mut self, id: u64, room: Option<Room>, users: RwSignal<Vec<RoomUser>>, link: RwSignal<Link>) {
        let part = self.parts.entry(id).or_insert_with(|| Part {
            room: None,
            users,
            link,
            handlers: Vec::new(),
            resync: Vec::new(),
            entered: Vec::new(),
        });
        let before = std::mem::replace(&mut part.room, room);
        if let Some(before) = before.filter(|before| Some(*before) != room) {
            self.leave_unused(before.id);
        }
        if let Some(room) = room {
            if let Some(joined) = self.rooms.get(&room.id) {
                users.set(joined.users.clone());
            } else {
                self.rooms.insert(room.id, Joined { kind: room.kind, users: Vec::new(), seq: None });
                self.join(room.id);
            }
        }
        link.set(self.pulse.link());
        if self.ticker.is_none() {
            self.ticker = Some(socket::every(1_000, || {
                Self::if_there(|client| {
                    let act = client.pulse.tick(page::now_ms());
                    client.act(act);
                });
            }));
        }
        if self.socket.is_none() {
            let act = self.pulse.tick(page::now_ms());
            self.act(act);
        }
    }

    fn listen(&mut self, id: u64, handler: Handler) {
        if let Some(part) = self.parts.get_mut(&id) {
            part.handlers.push(handler);
        }
    }

    /// Whether it is in its room already.
    fn on_entered(&mut self, id: u64, act: Rc<dyn Fn()>) -> bool {
        let Some(part) = self.parts.get_mut(&id) else { return false };
        part.entered.push(act);
        let room = part.room;
        self.pulse.link() == Link::Live && room.is_some_and(|room| self.rooms.get(&room.id).is_some_and(|joined| joined.seq.is_some()))
    }

    fn on_resync(&mut self, id: u64, act: Rc<dyn Fn()>) {
        if let Some(part) = self.parts.get_mut(&id) {
            part.resync.push(act);
        }
    }

    fn part_ends(&mut self, id: u64) {
        if let Some(room) = self.parts.remove(&id).and_then(|part| part.room) {
            self.leave_unused(room.id);
        }
        if self.parts.is_empty() {
            // The next page may want it again at once.
            page::after_forget(5_000, || {
                Self::if_there(|client| {
                    if client.parts.is_empty() {
                        client.socket = None;
                        client.ticker = None;
                        client.pulse = Pulse::new(page::now_ms());
                    }
                });
            });
        }
    }

    fn leave_unused(&mut self, room: RoomId) {
        if self.parts.values().all(|part| part.room.is_none_or(|other| other.id != room)) && self.rooms.remove(&room).is_some() {
            self.send(&ClientFrame::LeaveRoom { room_id: room });
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Nothing => {}
            Act::Connect => self.connect(),
            Act::Ping => {
                self.pulse.asked(page::now_ms());
                self.send(&ClientFrame::Ping);
            }
            Act::Drop => self.lost(1006),
        }
        self.show_link();
    }

    fn connect(&mut self) {
        self.number += 1;
        let number = self.number;
        self.pulse.opening(page::now_ms());
        self.socket = socket::connect(
            "/ws",
            || {},
            move |text| Self::received(number, &text),
            move |code| {
                Self::if_there(|client| {
                    if client.number == number {
                        client.lost(code);
                        client.show_link();
                    }
                });
            },
        );
        if self.socket.is_none() {
            self.lost(1006);
        }
    }

    fn lost(&mut self, code: u16) {
        self.socket = None;
        self.pulse.lost(code, page::now_ms(), socket::chance());
    }

    fn show_link(&self) {
        let link = self.pulse.link();
        for part in self.parts.values() {
            if part.link.try_with_untracked(|shown| *shown != link) == Some(true) {
                part.link.set(link.clone());
            }
        }
    }

    fn send(&self, frame: &ClientFrame) {
        if self.pulse.link() == Link::Live
            && let Some(socket) = &self.socket
            && let Ok(text) = serde_json::to_string(frame)
        {
            socket.send(&text);
        }
    }

    fn join(&self, id: RoomId) {
        if let Some(joined) = self.rooms.get(&id) {
            self.send(&ClientFrame::JoinRoom { room_id: id, room_type: joined.kind, since: joined.seq });
        }
    }

    fn broadcast(&mut self, part: u64, event: impl FnOnce(Room) -> RoomEvent) {
        let Some(room) = self.parts.get(&part).and_then(|part| part.room) else { return };
        let event = event(room);
        if matches!(event, RoomEvent::CursorMove { .. }) {
            let now = page::now_ms();
            if now - self.pointed < POINT_EVERY {
                return;
            }
            self.pointed = now;
        }
        let passing = event.passing().is_some();
        let frame = ClientFrame::Broadcast { room_id: room.id, event };
        if self.pulse.link() == Link::Live {
            self.send(&frame);
        } else if !passing && let Ok(text) = serde_json::to_string(&frame) {
            if self.held.len() >= HELD {
                self.held.pop_front();
            }
            self.held.push_back(text);
        }
    }

    /// A frame of connection `number`. Handlers run when the client is free again: they may ask it for something.
    fn received(number: u32, text: &str) {
        let mut calls: Vec<Box<dyn FnOnce()>> = Vec::new();
        Self::if_there(|client| {
            if client.number != number {
                return;
            }
            if client.pulse.heard(page::now_ms()) {
                client.show_link();
                let rooms: Vec<RoomId> = client.rooms.keys().copied().collect();
                for room in rooms {
                    client.join(room);
                }
                for text in std::mem::take(&mut client.held) {
                    if let Some(socket) = &client.socket {
                        socket.send(&text);
                    }
                }
            }
            // What is not understood is of a later version.
            if let Ok(frame) = serde_json::from_str(text) {
                client.take(frame, &mut calls);
            }
        });
        for call in calls {
            call();
        }
    }

    fn take(&mut self, frame: ServerFrame, calls: &mut Vec<Box<dyn FnOnce()>>) {
        match frame {
            ServerFrame::RoomState { room_id, users, seq, resync } => {
                let Some(joined) = self.rooms.get_mut(&room_id) else { return };
                joined.users = users;
                // With a number known already, what follows counts on from it.
                if joined.seq.is_none() || resync {
                    joined.seq = Some(seq);
                }
                self.show_users(room_id);
                for part in self.in_room(room_id) {
                    let acts = part.entered.iter().chain(part.resync.iter().filter(|_| resync));
                    for act in acts.cloned() {
                        calls.push(Box::new(move || act()));
                    }
                }
            }
            ServerFrame::Event { room_id, seq, event } => {
                let Some(joined) = self.rooms.get_mut(&room_id) else { return };
                if let Some(seq) = seq {
                    // Known already: told once more after coming back.
                    if joined.seq.is_some_and(|seen| seq <= seen) {
                        return;
                    }
                    joined.seq = Some(seq);
                }
                match &event.event {
                    RoomEvent::UserJoined { user_name, color, kind } => {
                        let user = RoomUser { user_id: event.user_id, user_name: user_name.clone(), color: *color, kind: *kind };
                        joined.users.retain(|known| known.user_id != user.user_id);
                        joined.users.push(user);
                        self.show_users(room_id);
                    }
                    RoomEvent::UserLeft {} => {
                        joined.users.retain(|known| known.user_id != event.user_id);
                        self.show_users(room_id);
                    }
                    _ => {}
                }
                let event = Rc::new(event);
                for part in self.in_room(room_id) {
                    for handler in part.handlers.iter().cloned() {
                        let event = event.clone();
                        calls.push(Box::new(move || handler(&event)));
                    }
                }
            }
            ServerFrame::Welcome { .. } | ServerFrame::Pong | ServerFrame::Error { .. } => {}
        }
    }

    fn in_room(&self, id: RoomId) -> impl Iterator<Item = &Part> {
        self.parts.values().filter(move |part| part.room.is_some_and(|room| room.id == id))
    }

    fn show_users(&self, id: RoomId) {
        let Some(joined) = self.rooms.get(&id) else { return };
        for part in self.in_room(id) {
            part.users.try_set(joined.users.clone());
        }
    }
}
