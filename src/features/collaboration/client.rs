//! A tab's one connection to the room socket: as little as every page needs, since the frame listens for notifications with it. Events are
//! handed on as they came; what they mean is known to those who listen.
//!
//! It is there as long as some component takes part in a room.

use std::{cell::RefCell, rc::Rc};

use leptos::prelude::{ArcRwSignal, GetUntracked as _, Set as _};

use super::{
    link::{Act, Link, Pulse},
    model::{RoomType, RoomUser},
};
use crate::{
    browser::{
        json, page,
        socket::{self, Socket, Ticker},
    },
    ids::{RoomId, UserId},
};

/// What was told while there was no connection is told then, as far as this.
const HELD: usize = 50;

/// A place to meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    pub id: RoomId,
    pub kind: RoomType,
}

/// What a part is told of.
#[derive(Clone)]
pub enum Told {
    /// The connection stands otherwise.
    Link,
    /// Others are in the room.
    Users,
    /// The server let one in, for the first time or again. With `resync` more was missed than can be told again: what is shown has to be
    /// read again.
    Entered { resync: bool },
    /// Something happened: the event's JSON.
    Event(Rc<str>),
}

pub type Tell = Rc<dyn Fn(&Told)>;

/// A component's part in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part(u64);

thread_local! {
    static NEXT: RefCell<u64> = const { RefCell::new(0) };
    static CLIENT: Rc<RefCell<Client>> = Rc::default();
    static ALONE: ArcRwSignal<bool> = ArcRwSignal::new(false);
}

impl Part {
    /// In no room yet.
    pub fn nowhere() -> Self {
        NEXT.with_borrow_mut(|next| {
            *next += 1;
            Self(*next)
        })
    }

    /// Is in `room` from here on, and in no other; `tell` is called until it is elsewhere. Not on the server, where nobody listens: from an effect.
    pub fn enter(self, room: Option<Room>, tell: Tell) {
        with(&mut |client| client.enter(self, room, tell.clone()));
        tell(&Told::Link);
        tell(&Told::Users);
    }

    pub fn leave(self) {
        with(&mut |client| client.leave(self));
    }

    pub fn room(self) -> Option<Room> {
        let mut room = None;
        with(&mut |client| room = client.room_of(self));
        room
    }

    /// Whether the server has let it into its room, and the connection stands.
    pub fn has_entered(self) -> bool {
        let mut entered = false;
        with(&mut |client| {
            let room = client.room_of(self);
            let there = room.and_then(|room| client.joined(room.id)).is_some_and(|joined| joined.seq.is_some());
            entered = there && client.pulse.link() == Link::Live;
        });
        entered
    }

    /// Who is in its room, oneself included.
    pub fn users(self) -> Vec<RoomUser> {
        let mut users = Vec::new();
        with(&mut |client| {
            let room = client.room_of(self);
            users = room.and_then(|room| client.joined(room.id)).map(|joined| joined.users.clone()).unwrap_or_default();
        });
        users
    }

    /// Tells its room an event, given as JSON. What is `held` is told later when there is no connection now.
    pub fn broadcast(self, event: &str, held: bool) {
        with(&mut |client| {
            let Some(room) = client.room_of(self) else { return };
            let frame = frame("broadcast", room.id, &format!(r#","event":{event}"#));
            if client.pulse.link() == Link::Live {
                client.send(&frame);
            } else if held {
                if client.held.len() >= HELD {
                    client.held.remove(0);
                }
                client.held.push(frame);
            }
        });
    }
}

/// How the connection stands.
pub fn link() -> Link {
    let mut link = Link::Connecting;
    with(&mut |client| link = client.pulse.link());
    link
}

/// Whether the server goes on without the others that it serves with: what happens there shows a little later.
pub fn alone() -> ArcRwSignal<bool> {
    ALONE.with(Clone::clone)
}

/// What goes to the server about a room: `docs/protocol.md`.
fn frame(name: &str, room: RoomId, more: &str) -> String {
    format!(r#"{{"type":"{name}","roomId":"{room}"{more}}}"#)
}

fn join_frame(room: Room, since: Option<u64>) -> String {
    let since = since.map(|since| format!(r#","since":{since}"#)).unwrap_or_default();
    frame("join_room", room.id, &format!(r#","roomType":"{}"{since}"#, room.kind.as_str()))
}

const PING: &str = r#"{"type":"ping"}"#;

/// Lets `act` have the client, then tells what came of it: those who are told may ask the client for something.
fn with(act: &mut dyn FnMut(&mut Client)) {
    let client = CLIENT.with(Rc::clone);
    let (calls, alone) = {
        let mut client = client.borrow_mut();
        act(&mut client);
        let link = client.pulse.link();
        if client.shown != link {
            client.shown = link;
            client.tell(None, &Told::Link);
        }
        (std::mem::take(&mut client.calls), client.alone && client.pulse.link() == Link::Live)
    };
    let shown = self::alone();
    if shown.get_untracked() != alone {
        shown.set(alone);
    }
    for (tell, told) in calls {
        tell(&told);
    }
}

/// A room that some part is in.
struct Joined {
    room: Room,
    users: Vec<RoomUser>,
    /// The number seen last; none before the room's state came.
    seq: Option<u64>,
}

struct Client {
    pulse: Pulse,
    /// The link that was told last.
    shown: Link,
    socket: Option<Socket>,
    /// Counts connections: what an old one still says is not heard.
    number: u32,
    ticker: Option<Ticker>,
    wakes: bool,
    parts: Vec<(Part, Option<Room>, Tell)>,
    rooms: Vec<Joined>,
    held: Vec<String>,
    /// The server said that it goes on alone.
    alone: bool,
    /// What is to be told when the client is free again.
    calls: Vec<(Tell, Told)>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            pulse: Pulse::new(page::now_ms()),
            shown: Link::Connecting,
            socket: None,
            number: 0,
            ticker: None,
            wakes: false,
            parts: Vec::new(),
            rooms: Vec::new(),
            held: Vec::new(),
            alone: false,
            calls: Vec::new(),
        }
    }
}

impl Client {
    fn room_of(&self, part: Part) -> Option<Room> {
        self.parts.iter().find(|(known, ..)| *known == part)?.1
    }

    fn joined(&mut self, id: RoomId) -> Option<&mut Joined> {
        self.rooms.iter_mut().find(|joined| joined.room.id == id)
    }

    /// Tells everybody in a room, or simply everybody.
    fn tell(&mut self, id: Option<RoomId>, told: &Told) {
        for (_, room, tell) in &self.parts {
            if id.is_none() || room.map(|room| room.id) == id {
                self.calls.push((tell.clone(), told.clone()));
            }
        }
    }

    fn enter(&mut self, part: Part, room: Option<Room>, tell: Tell) {
        let before = self.room_of(part);
        self.parts.retain(|(known, ..)| *known != part);
        self.parts.push((part, room, tell));
        if let Some(before) = before.filter(|before| Some(*before) != room) {
            self.leave_unused(before.id);
        }
        if let Some(room) = room
            && self.joined(room.id).is_none()
        {
            self.rooms.push(Joined { room, users: Vec::new(), seq: None });
            self.send(&join_frame(room, None));
        }
        if !std::mem::replace(&mut self.wakes, true) {
            socket::on_wake(|online| {
                with(&mut |client| {
                    let act = client.pulse.wake(page::now_ms(), online);
                    client.act(act);
                });
            });
        }
        let tick = || {
            with(&mut |client| {
                let act = client.pulse.tick(page::now_ms());
                client.act(act);
            });
        };
        self.ticker.get_or_insert_with(|| socket::every(1_000, tick));
        if self.socket.is_none() {
            let act = self.pulse.tick(page::now_ms());
            self.act(act);
        }
    }

    fn leave(&mut self, part: Part) {
        let Some(at) = self.parts.iter().position(|(known, ..)| *known == part) else { return };
        if let (_, Some(room), _) = self.parts.remove(at) {
            self.leave_unused(room.id);
        }
        if self.parts.is_empty() {
            // The next page may want it again at once.
            page::after_forget(5_000, || {
                with(&mut |client| {
                    if client.parts.is_empty() {
                        client.socket = None;
                        client.ticker = None;
                        client.pulse = Pulse::new(page::now_ms());
                    }
                });
            });
        }
    }

    fn leave_unused(&mut self, id: RoomId) {
        if self.parts.iter().all(|(_, room, _)| room.is_none_or(|room| room.id != id)) && self.joined(id).is_some() {
            self.rooms.retain(|joined| joined.room.id != id);
            self.send(&frame("leave_room", id, ""));
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Nothing => {}
            Act::Connect => self.connect(),
            Act::Ping => {
                self.pulse.asked(page::now_ms());
                self.send(PING);
            }
            Act::Drop => self.lost(1006),
        }
    }

    fn connect(&mut self) {
        self.number += 1;
        self.alone = false;
        let number = self.number;
        self.pulse.opening(page::now_ms());
        self.socket = socket::connect(
            "/ws",
            || {},
            move |text| {
                with(&mut |client| {
                    if client.number == number {
                        client.received(&text);
                    }
                });
            },
            move |code| {
                with(&mut |client| {
                    if client.number == number {
                        client.lost(code);
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

    fn send(&self, frame: &str) {
        if self.pulse.link() == Link::Live
            && let Some(socket) = &self.socket
        {
            socket.send(frame);
        }
    }

    fn received(&mut self, frame: &str) {
        if self.pulse.heard(page::now_ms()) {
            for joined in &self.rooms {
                self.send(&join_frame(joined.room, joined.seq));
            }
            for frame in std::mem::take(&mut self.held) {
                self.send(&frame);
            }
        }
        // What is not understood is of a later version.
        let _ = self.take(frame);
    }

    fn take(&mut self, frame: &str) -> Option<()> {
        if json::member(frame, "type")? == r#""nodes""# {
            self.alone = json::member(frame, "alone")? == "true";
            return Some(());
        }
        let id: RoomId = json::read(json::member(frame, "roomId")?).ok()?;
        let seq = json::member(frame, "seq").and_then(|seq| json::read::<u64>(seq).ok());
        let joined = self.joined(id)?;
        match json::member(frame, "type")? {
            r#""room_state""# => {
                joined.users = json::read(json::member(frame, "users")?).ok()?;
                let resync = json::member(frame, "resync") == Some("true");
                // With a number known already, what follows counts on from it.
                if joined.seq.is_none() || resync {
                    joined.seq = seq;
                }
                self.tell(Some(id), &Told::Users);
                self.tell(Some(id), &Told::Entered { resync });
            }
            r#""event""# => {
                if let Some(seq) = seq {
                    // Known already: told once more after coming back.
                    if joined.seq.is_some_and(|seen| seq <= seen) {
                        return None;
                    }
                    joined.seq = Some(seq);
                }
                let event = json::member(frame, "event")?;
                let who: UserId = json::read(json::member(event, "userId")?).ok()?;
                let newcomer = match json::member(event, "type")? {
                    r#""user_joined""# => Some(Some(json::read::<RoomUser>(event).ok()?)),
                    r#""user_left""# => Some(None),
                    _ => None,
                };
                if let Some(newcomer) = newcomer {
                    joined.users.retain(|known| known.user_id != who);
                    joined.users.extend(newcomer);
                    self.tell(Some(id), &Told::Users);
                }
                self.tell(Some(id), &Told::Event(event.into()));
            }
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{
        accounts::model::UserKind,
        collaboration::model::{ClientFrame, Position, RoomEvent, SentEvent, ServerFrame},
    };

    fn read(frame: &str) -> Option<ClientFrame> {
        serde_json::from_str(frame).ok()
    }

    #[test]
    fn what_is_sent_are_the_frames_of_the_protocol() {
        let id = RoomId::generate();
        for (kind, since) in [(RoomType::Workspace, None), (RoomType::Session, Some(7)), (RoomType::Artifact, Some(u64::MAX))] {
            let join = ClientFrame::JoinRoom { room_id: id, room_type: kind, since };
            assert_eq!(read(&join_frame(Room { id, kind }, since)), Some(join));
        }
        assert_eq!(read(&frame("leave_room", id, "")), Some(ClientFrame::LeaveRoom { room_id: id }));
        assert_eq!(read(PING), Some(ClientFrame::Ping));
        let event = RoomEvent::CursorMove { position: Position { x: 0.5, y: 1.0 } };
        let text = serde_json::to_string(&event).unwrap_or_default();
        assert_eq!(read(&frame("broadcast", id, &format!(r#","event":{text}"#))), Some(ClientFrame::Broadcast { room_id: id, event }));
    }

    /// A client with a part in a room, and what that part was told.
    fn client() -> (Client, RoomId) {
        let mut client = Client::default();
        let room = Room { id: RoomId::generate(), kind: RoomType::Session };
        client.enter(Part::nowhere(), Some(room), Rc::new(|_| {}));
        (client, room.id)
    }

    fn tells(client: &mut Client, frame: &ServerFrame) -> Vec<String> {
        client.received(&serde_json::to_string(frame).unwrap_or_default());
        let told = std::mem::take(&mut client.calls).into_iter().map(|(_, told)| match told {
            Told::Link => "link".to_owned(),
            Told::Users => "users".to_owned(),
            Told::Entered { resync } => format!("entered {resync}"),
            Told::Event(event) => event.to_string(),
        });
        told.collect()
    }

    fn sent(event: RoomEvent, user_id: UserId) -> SentEvent {
        SentEvent { event, user_id, timestamp: "2026-11-23T00:00:00.000Z".to_owned() }
    }

    #[test]
    fn frames_of_the_server_are_understood_and_events_handed_on() {
        let (mut client, room_id) = client();
        let user = |name: &str| RoomUser {
            user_id: UserId::generate(),
            user_name: name.to_owned(),
            color: 3,
            kind: UserKind::Human,
            avatar: None,
        };
        let (ines, ada) = (user("Ines"), user("Ada"));
        let state = ServerFrame::RoomState { room_id, users: vec![ines.clone()], seq: 7, resync: false };
        assert_eq!(tells(&mut client, &state), ["users", "entered false"]);
        let event = |seq, event| ServerFrame::Event { room_id, seq, event };
        let came = RoomEvent::UserJoined { user_name: "Ada".to_owned(), color: 3, kind: UserKind::Human, avatar: None };
        assert_eq!(tells(&mut client, &event(Some(8), sent(came, ada.user_id))).len(), 2);
        assert_eq!(client.joined(room_id).map(|joined| joined.users.clone()), Some(vec![ines, ada.clone()]));
        assert_eq!(tells(&mut client, &event(Some(9), sent(RoomEvent::UserLeft {}, ada.user_id))).len(), 2);
        assert_eq!(client.joined(room_id).map(|joined| joined.users.len()), Some(1));
        let news = sent(RoomEvent::Notification { unread: 3, read: Vec::new() }, ada.user_id);
        let told = tells(&mut client, &event(Some(10), news.clone()));
        assert_eq!(told.iter().map(|text| json::read::<SentEvent>(text)).collect::<Vec<_>>(), [Ok(news.clone())]);
        assert!(tells(&mut client, &event(Some(10), news.clone())).is_empty(), "known already");
        assert_eq!(tells(&mut client, &event(None, news.clone())).len(), 1, "what has no number always is new");
        let elsewhere = ServerFrame::Event { room_id: RoomId::generate(), seq: None, event: news };
        assert!(tells(&mut client, &elsewhere).is_empty());
        let again = ServerFrame::RoomState { room_id, users: Vec::new(), seq: 40, resync: true };
        assert_eq!(tells(&mut client, &again), ["users", "entered true"]);
        assert_eq!(client.joined(room_id).and_then(|joined| joined.seq), Some(40));
        for alone in [true, false] {
            assert!(tells(&mut client, &ServerFrame::Nodes { alone }).is_empty());
            assert_eq!(client.alone, alone);
        }
        for other in [ServerFrame::Pong, ServerFrame::Error { code: "not_found".to_owned(), message: "No.".to_owned() }] {
            assert!(tells(&mut client, &other).is_empty());
        }
    }

    #[test]
    fn parts_share_a_room_until_the_last_one_leaves() {
        let (mut client, id) = client();
        let (part, room) = (Part::nowhere(), Room { id, kind: RoomType::Session });
        client.enter(part, Some(room), Rc::new(|_| {}));
        assert_eq!((client.parts.len(), client.rooms.len()), (2, 1));
        let other = Room { id: RoomId::generate(), kind: RoomType::Artifact };
        client.enter(part, Some(other), Rc::new(|_| {}));
        assert_eq!((client.parts.len(), client.rooms.len()), (2, 2));
        client.leave(part);
        assert_eq!((client.parts.len(), client.rooms.len()), (1, 1));
        assert!(client.joined(id).is_some());
    }
}
