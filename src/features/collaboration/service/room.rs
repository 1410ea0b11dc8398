//! One room: who is in it, what was told in it, and the numbers of that. Knows neither sockets nor the database.
//!
//! Where several nodes share the work, numbers come from the database: events are taken with them ([`Room::take`]), those of this node like
//! those of others, and who is here follows what is told of coming and going.
//!
//! Invariants (tests below): numbers rise by one in the order in which events are told; every member gets every numbered event that
//! comes after its `room_state`, once, in order; a number is never given beyond what is reserved.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::extract::ws::Utf8Bytes;

use super::{
    limits::{NUMBERS_AHEAD, TAIL_BYTES, TAIL_EVENTS, UNSAVED_BYTES},
    outbox::{Load, Outbox, Passing},
};
use crate::{
    features::collaboration::model::{RoomEvent, RoomType, RoomUser, SentEvent, ServerFrame},
    ids::{RoomId, UserId},
    server::cluster::Listening,
};

/// One connection of the process.
pub type ConnectionId = u64;

struct Member {
    outbox: Arc<Outbox<Utf8Bytes>>,
    user: UserId,
    /// Whether more than pointers and typing may be told.
    write: bool,
}

struct Person {
    user: RoomUser,
    /// To this node.
    connections: usize,
}

/// An event that was told, ready to be told again.
#[derive(Clone)]
pub struct Told {
    pub seq: i64,
    pub frame: Utf8Bytes,
    pub at: i64,
}

/// Who comes in.
pub struct Entering<'a> {
    pub connection: ConnectionId,
    pub outbox: &'a Arc<Outbox<Utf8Bytes>>,
    pub user: RoomUser,
    pub write: bool,
    /// The last number that it knows, to be told what came after.
    pub since: Option<i64>,
}

/// What a member that comes in is told.
pub struct Entered {
    pub users: Vec<RoomUser>,
    pub seq: i64,
    pub missed: Missed,
    /// Whether it is the first connection of its account to this node.
    pub first: bool,
}

/// A member that went.
pub struct Gone {
    pub user: UserId,
    /// Whether it was the last connection of its account to this node.
    pub last: bool,
}

/// How what was missed reaches a member.
pub enum Missed {
    /// It did not ask.
    Nothing,
    /// All of it is in memory.
    Here(Vec<Told>),
    /// What comes after `since` and before the first of `tail` is in the database.
    Stored { since: i64, before: i64, tail: Vec<Told> },
    /// There would be a gap.
    Resync,
}

pub struct Room {
    pub id: RoomId,
    pub kind: RoomType,
    members: HashMap<ConnectionId, Member>,
    /// By id, so that lists are the same each time.
    people: BTreeMap<UserId, Person>,
    /// The number given last.
    last: i64,
    /// Numbers up to this one may be given.
    reserved: i64,
    /// What came after this number can be told without a gap.
    floor: i64,
    tail: VecDeque<Told>,
    tail_bytes: usize,
    /// Events up to this number are on disk.
    saved: i64,
    unsaved_bytes: usize,
    /// Told when numbers are there again.
    waiting: VecDeque<(RoomEvent, UserId, i64)>,
    pub empty_since: Option<Instant>,
    pub told: u64,
    /// Frames that were left out for members that have gone.
    dropped: u64,
    /// How other nodes are heard; none: this node alone gives the numbers.
    shared: Option<Listening>,
}

/// How the members of a room keep up.
#[derive(Clone, Copy, Debug, Default)]
pub struct RoomLoad {
    /// Bytes that wait for all of them, and for the one that has the most.
    pub queued: usize,
    pub longest: usize,
    /// How long the one furthest behind has had something waiting.
    pub lag: Duration,
    /// Frames that were left out, for those who have gone too.
    pub dropped: u64,
}

impl Room {
    /// A room whose last number is `last`; what came after `floor` is kept.
    pub fn new(id: RoomId, kind: RoomType, last: i64, reserved: i64, floor: i64, now: Instant) -> Self {
        Self {
            id,
            kind,
            members: HashMap::new(),
            people: BTreeMap::new(),
            last,
            reserved,
            floor,
            tail: VecDeque::new(),
            tail_bytes: 0,
            saved: last,
            unsaved_bytes: 0,
            waiting: VecDeque::new(),
            empty_since: Some(now),
            told: 0,
            dropped: 0,
            shared: None,
        }
    }

    /// A room that other nodes have, too: its last number, what is kept, and who is in it, as the database says.
    pub fn shared(id: RoomId, kind: RoomType, last: i64, floor: i64, people: Vec<RoomUser>, listening: Listening) -> Self {
        let people = people.into_iter().map(|user| (user.user_id, Person { user, connections: 0 })).collect();
        Self { people, shared: Some(listening), ..Self::new(id, kind, last, i64::MAX, floor, Instant::now()) }
    }

    pub fn users(&self) -> Vec<RoomUser> {
        self.people.values().map(|person| person.user.clone()).collect()
    }

    /// Whether somebody of this account is connected to this node.
    pub fn is_here(&self, user: UserId) -> bool {
        self.people.get(&user).is_some_and(|person| person.connections > 0)
    }

    pub fn user_ids(&self) -> impl Iterator<Item = UserId> {
        self.people.keys().copied()
    }

    pub fn last(&self) -> i64 {
        self.last
    }

    pub fn reserved(&self) -> i64 {
        self.reserved
    }

    pub fn connections(&self) -> usize {
        self.members.len()
    }

    pub fn people(&self) -> usize {
        self.people.len()
    }

    pub fn load(&self, now: Instant) -> RoomLoad {
        let start = RoomLoad { dropped: self.dropped, ..RoomLoad::default() };
        self.members.values().map(|member| member.outbox.load()).fold(start, |all, Load { bytes, dropped, since }| RoomLoad {
            queued: all.queued + bytes,
            longest: all.longest.max(bytes),
            lag: all.lag.max(since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))),
            dropped: all.dropped + dropped,
        })
    }

    /// Events that are not on disk yet.
    pub fn unsaved(&self) -> usize {
        self.tail.iter().rev().take_while(|told| told.seq > self.saved).count()
    }

    /// A connection comes in, or says again that it is here. The others learn of an account's first one.
    pub fn enter(&mut self, entering: Entering<'_>, now: i64) -> Entered {
        let Entering { connection, outbox, user, write, since } = entering;
        self.empty_since = None;
        // Out and in again in one step: what follows then comes once.
        let again = self.members.remove(&connection).is_some();
        let known = self.people.contains_key(&user.user_id);
        if !again && !known && self.shared.is_none() {
            let RoomUser { user_id: _, user_name, color, kind, avatar } = user.clone();
            let joined = RoomEvent::UserJoined { user_name, color, kind, avatar };
            self.tell(joined, user.user_id, now);
        }
        let person = self.people.entry(user.user_id).or_insert_with(|| Person { user: user.clone(), connections: 0 });
        let first = !again && person.connections == 0;
        person.connections += usize::from(!again);
        self.members.insert(connection, Member { outbox: outbox.clone(), user: user.user_id, write });
        person.user = user;
        let missed = match since {
            None => Missed::Nothing,
            Some(since) => self.missed(since),
        };
        Entered { users: self.users(), seq: self.last, missed, first }
    }

    fn missed(&self, since: i64) -> Missed {
        // A number that was never given comes from another life of this database.
        if since < self.floor || since > self.last {
            return Missed::Resync;
        }
        let first = self.tail.front().map_or(self.last + 1, |told| told.seq);
        let tail: Vec<Told> = self.tail.iter().filter(|told| told.seq > since).cloned().collect();
        if since + 1 >= first { Missed::Here(tail) } else { Missed::Stored { since, before: first, tail } }
    }

    /// A connection goes; the others learn of an account's last one. None: it was not here.
    pub fn leave(&mut self, connection: ConnectionId, now: i64, at: Instant) -> Option<Gone> {
        let member = self.members.remove(&connection)?;
        let mut last = false;
        self.dropped += member.outbox.load().dropped;
        if let Some(person) = self.people.get_mut(&member.user) {
            person.connections = person.connections.saturating_sub(1);
            last = person.connections == 0;
            // Of a shared room they may be in it at another node.
            if last && self.shared.is_none() {
                self.people.remove(&member.user);
                self.tell(RoomEvent::UserLeft {}, member.user, now);
            }
        }
        if self.members.is_empty() {
            self.empty_since = Some(at);
        }
        Some(Gone { user: member.user, last })
    }

    /// Whether a member may tell more than what passes; none when it is no member.
    pub fn may_write(&self, connection: ConnectionId) -> Option<bool> {
        self.members.get(&connection).map(|member| member.write)
    }

    pub fn set_write(&mut self, connection: ConnectionId, write: bool) {
        if let Some(member) = self.members.get_mut(&connection) {
            member.write = write;
        }
    }

    /// Tells everybody; what passes is not told to the one that it came from.
    pub fn tell(&mut self, event: RoomEvent, by: UserId, now: i64) {
        if let Some(kind) = event.passing() {
            let frame = frame(self.id, None, event, by, now);
            let what = Passing { room: self.id, user: by, kind };
            for member in self.members.values().filter(|member| member.user != by) {
                member.outbox.push_passing(what, frame.clone());
            }
            return;
        }
        if self.last >= self.reserved {
            self.waiting.push_back((event, by, now));
            return;
        }
        let seq = self.last + 1;
        self.unsaved_bytes += self.put(Told { seq, frame: frame(self.id, Some(seq), event, by, now), at: now });
        self.trim();
    }

    /// Tells everybody what has the next number; how many bytes that is.
    fn put(&mut self, told: Told) -> usize {
        self.last = told.seq;
        self.told += 1;
        for member in self.members.values() {
            member.outbox.push(told.frame.clone());
        }
        let bytes = told.frame.len();
        self.tail_bytes += bytes;
        self.tail.push_back(told);
        bytes
    }

    /// Takes what was stored with numbers of the database, in order; what is known already is passed over. False: something before it is
    /// missing here.
    pub fn take(&mut self, events: impl IntoIterator<Item = Told>) -> bool {
        for told in events {
            if told.seq > self.last + 1 {
                return false;
            }
            if told.seq == self.last + 1 {
                self.follow_people(&told.frame);
                self.put(told);
                self.saved = self.last;
            }
        }
        self.trim();
        true
    }

    /// Who is here is what was told of it.
    fn follow_people(&mut self, frame: &str) {
        // Most frames are of neither, and are not read.
        if !frame.contains("\"user_joined\"") && !frame.contains("\"user_left\"") {
            return;
        }
        let Ok(ServerFrame::Event { event: SentEvent { event, user_id, .. }, .. }) = serde_json::from_str(frame) else { return };
        match event {
            RoomEvent::UserJoined { user_name, color, kind, avatar } => {
                let user = RoomUser { user_id, user_name, color, kind, avatar };
                self.people.entry(user_id).and_modify(|person| person.user = user.clone()).or_insert(Person { user, connections: 0 });
            }
            RoomEvent::UserLeft {} if self.people.get(&user_id).is_some_and(|person| person.connections == 0) => {
                self.people.remove(&user_id);
            }
            _ => {}
        }
    }

    /// What is between is no longer kept: everybody here comes back and reads again.
    pub fn begin_again(&mut self, last: i64, people: Vec<RoomUser>) {
        let here = std::mem::take(&mut self.people);
        self.people = people.into_iter().map(|user| (user.user_id, Person { user, connections: 0 })).collect();
        self.people.extend(here.into_iter().filter(|(_, person)| person.connections > 0));
        (self.last, self.floor, self.saved) = (last, last, last);
        self.tail.clear();
        self.tail_bytes = 0;
        self.end_all();
    }

    /// Ends the connections of all members, who come back.
    pub fn end_all(&self) {
        for member in self.members.values() {
            member.outbox.end();
        }
    }

    /// Tells everybody a frame that is about no event.
    pub fn push(&self, frame: &Utf8Bytes) {
        for member in self.members.values() {
            member.outbox.push(frame.clone());
        }
    }

    /// Keeps the tail within its bounds; what is not on disk yet goes last.
    fn trim(&mut self) {
        while (self.tail.len() > TAIL_EVENTS || self.tail_bytes > TAIL_BYTES)
            && let Some(first) = self.tail.front()
        {
            if first.seq > self.saved {
                if self.unsaved_bytes <= UNSAVED_BYTES {
                    return;
                }
                // The disk has been away for long: this one is lost for those who were not here, and they are told so.
                self.floor = first.seq;
                self.saved = first.seq;
                self.unsaved_bytes -= first.frame.len();
            }
            self.tail_bytes -= first.frame.len();
            self.tail.pop_front();
        }
    }

    /// What is not on disk yet, and up to which number the room wants to have numbers, if it is short of them.
    pub fn to_save(&self) -> (Vec<Told>, Option<i64>) {
        let events = self.tail.iter().filter(|told| told.seq > self.saved).cloned().collect();
        let short = self.reserved - self.last < NUMBERS_AHEAD / 2;
        (events, short.then_some(self.last + NUMBERS_AHEAD + self.waiting.len() as i64))
    }

    pub fn is_saved(&self) -> bool {
        self.saved == self.last && self.waiting.is_empty()
    }

    /// It is on disk now.
    pub fn note_saved(&mut self, up_to: Option<i64>, reserved: Option<i64>) {
        if let Some(up_to) = up_to {
            let bytes: usize =
                self.tail.iter().filter(|told| told.seq > self.saved && told.seq <= up_to).map(|told| told.frame.len()).sum();
            self.unsaved_bytes = self.unsaved_bytes.saturating_sub(bytes);
            self.saved = self.saved.max(up_to);
        }
        if let Some(reserved) = reserved {
            self.reserved = self.reserved.max(reserved);
            for (event, by, now) in std::mem::take(&mut self.waiting) {
                self.tell(event, by, now);
            }
        }
        self.trim();
    }
}

/// An event as it is sent.
pub(super) fn frame(room: RoomId, seq: Option<i64>, event: RoomEvent, by: UserId, now: i64) -> Utf8Bytes {
    let event = SentEvent { event, user_id: by, timestamp: crate::server::clock::rfc3339(now) };
    let frame = ServerFrame::Event { room_id: room, seq: seq.map(|seq| seq as u64), event };
    // Only maps with keys that are no text fail, and there are none.
    Utf8Bytes::from(serde_json::to_string(&frame).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::accounts::model::UserKind;

    fn user(id: UserId) -> RoomUser {
        RoomUser { user_id: id, user_name: "Ines".to_owned(), color: 1, kind: UserKind::Human, avatar: None }
    }

    fn room() -> Room {
        Room::new(RoomId::generate(), RoomType::Session, 0, 1_000_000, 0, Instant::now())
    }

    fn enter(room: &mut Room, connection: ConnectionId, outbox: &Arc<Outbox<Utf8Bytes>>, who: UserId, since: Option<i64>) -> Entered {
        room.enter(Entering { connection, outbox, user: user(who), write: true, since }, 0)
    }

    fn numbers(frames: &[Utf8Bytes]) -> Vec<u64> {
        let seq = |frame: &Utf8Bytes| serde_json::from_str::<serde_json::Value>(frame).ok()?["seq"].as_u64();
        frames.iter().filter_map(seq).collect()
    }

    fn commit() -> RoomEvent {
        RoomEvent::Commit { volume_type: "team".to_owned(), commit_sha: "0".repeat(64) }
    }

    #[test]
    fn several_tabs_of_one_account_are_one_person() {
        let mut room = room();
        let (ines, tomas) = (UserId::generate(), UserId::generate());
        let watching = Arc::new(Outbox::default());
        enter(&mut room, 1, &watching, tomas, None);
        for connection in [2, 3] {
            enter(&mut room, connection, &Arc::default(), ines, None);
        }
        assert_eq!(room.users().len(), 2);
        room.leave(2, 0, Instant::now());
        assert_eq!(room.users().len(), 2);
        room.leave(3, 0, Instant::now());
        assert_eq!(room.users().len(), 1);
        let told = watching.take();
        assert_eq!(told.len(), 2, "one came, one left: {told:?}");
    }

    #[test]
    fn without_numbers_events_wait_and_come_in_order() {
        let mut room = Room::new(RoomId::generate(), RoomType::Session, 7, 8, 7, Instant::now());
        let outbox = Arc::new(Outbox::default());
        let me = UserId::generate();
        enter(&mut room, 1, &outbox, me, None);
        for _ in 0..3 {
            room.tell(commit(), me, 0);
        }
        assert_eq!(room.last(), 8);
        let (events, wanted) = room.to_save();
        assert_eq!(events.len(), 1);
        room.note_saved(Some(8), wanted);
        assert_eq!(room.last(), 11);
        assert_eq!(numbers(&outbox.take()), [9, 10, 11]);
    }

    #[test]
    fn a_since_from_before_the_gap_or_from_nowhere_is_told_to_read_again() {
        let mut room = Room::new(RoomId::generate(), RoomType::Session, 100, 1_000, 100, Instant::now());
        let me = UserId::generate();
        for since in [99, 101 + 50] {
            let entered = enter(&mut room, 1, &Arc::default(), me, Some(since));
            assert!(matches!(entered.missed, Missed::Resync), "{since}");
        }
        assert!(matches!(enter(&mut room, 1, &Arc::default(), me, Some(100)).missed, Missed::Here(_)));
    }

    fn numbered(room: &Room, seq: i64, event: RoomEvent, by: UserId) -> Told {
        Told { seq, frame: frame(room.id, Some(seq), event, by, 0), at: 0 }
    }

    #[test]
    fn numbers_of_the_database_are_taken_once_in_order_and_a_gap_is_noticed() {
        let (ines, tomas) = (user(UserId::generate()), user(UserId::generate()));
        let mut room = Room::shared(RoomId::generate(), RoomType::Session, 7, 0, vec![tomas.clone()], Listening::default());
        let outbox = Arc::new(Outbox::default());
        let entered = enter(&mut room, 1, &outbox, ines.user_id, None);
        assert_eq!((entered.users.len(), entered.seq, entered.first), (2, 7, true));
        let events: Vec<Told> = (8..=11).map(|seq| numbered(&room, seq, commit(), tomas.user_id)).collect();
        assert!(room.take(events[..2].to_vec()));
        assert!(!room.take(events[3..].to_vec()), "10 is missing");
        assert!(room.take(events.clone()), "what is known is passed over");
        assert_eq!(numbers(&outbox.take()), [8, 9, 10, 11]);
        assert!(room.is_saved());
        // Who goes at this node may be here at another; who went is told.
        assert!(room.leave(1, 0, Instant::now()).is_some_and(|gone| gone.last));
        assert_eq!(room.users().len(), 2);
        assert!(room.take([numbered(&room, 12, RoomEvent::UserLeft {}, ines.user_id)]));
        assert_eq!(room.users(), [tomas]);
        let RoomUser { user_name, color, kind, avatar, .. } = ines.clone();
        assert!(room.take([numbered(&room, 13, RoomEvent::UserJoined { user_name, color, kind, avatar }, ines.user_id)]));
        assert!(room.users().contains(&ines));
    }

    proptest! {
        /// Members come, go, miss things and come back; what each is told has neither a gap nor a double.
        #[test]
        fn everybody_is_told_everything_once_in_order(steps in prop::collection::vec((0_usize..4, 0_u8..3), 1..200)) {
            let mut room = room();
            let people: Vec<UserId> = (0..4).map(|_| UserId::generate()).collect();
            let mut outboxes: Vec<Option<Arc<Outbox<Utf8Bytes>>>> = vec![None; 4];
            let mut seen = [None::<u64>; 4];
            for (who, act) in steps {
                match act {
                    0 => {
                        if outboxes[who].is_none() {
                            let outbox = Arc::new(Outbox::default());
                            let since = seen[who].map(|seen| seen as i64);
                            let entered = enter(&mut room, who as u64, &outbox, people[who], since);
                            match entered.missed {
                                Missed::Nothing => seen[who] = Some(entered.seq as u64),
                                Missed::Here(told) => for one in told {
                                    prop_assert_eq!(one.seq as u64, seen[who].unwrap_or_default() + 1);
                                    seen[who] = Some(one.seq as u64);
                                },
                                _ => prop_assert!(false, "everything is in memory"),
                            }
                            prop_assert_eq!(seen[who], Some(entered.seq as u64));
                            outboxes[who] = Some(outbox);
                        }
                    }
                    1 => {
                        if let Some(outbox) = outboxes[who].take() {
                            for number in numbers(&outbox.take()) {
                                prop_assert_eq!(number, seen[who].unwrap_or_default() + 1);
                                seen[who] = Some(number);
                            }
                            room.leave(who as u64, 0, Instant::now());
                        }
                    }
                    _ => room.tell(commit(), people[who], 0),
                }
            }
        }
    }
}
