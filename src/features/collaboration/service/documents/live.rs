//! One document that is open: its replica, who edits it, and what is not on disk yet.
//!
//! Numbers here count what came into this replica. `seen` is a number of the database, which it gives when something is stored: everything
//! up to it is in the replica, whichever node stored it.
//!
//! Invariants: an update is relayed at once and stored before it is acknowledged; the draft never holds what is not stored; whoever
//! writes rows or the draft of a document holds its `writing`.

mod draft;
mod members;
mod stored;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::body::Bytes;
use yrs::{
    StateVector,
    sync::{Message, SyncMessage},
    updates::encoder::Encode as _,
};

use super::{
    limits::{STATE_BYTES, TEXT_BYTES},
    messages,
    presence::{ClientState, Presence, Said},
    replica::{Changed, Refused, Replica, Taken},
};
use crate::{
    features::collaboration::{
        model::RoomUser,
        service::{outbox::Outbox, room::ConnectionId},
        store::NewUpdate,
    },
    ids::{ArtifactId, RevisionId, UserId},
    server::cluster::Listening,
};

struct Member {
    outbox: Arc<Outbox<Bytes>>,
    user: RoomUser,
    write: bool,
    acks: bool,
    /// Updates that came from it, taken or known already.
    sent: u64,
}

/// A number for an update that is written with the draft.
#[derive(Clone, Copy)]
pub struct Reserved {
    pub number: i64,
    /// Whether the draft holds everything before it, so that it will hold this one too.
    pub settled: bool,
}

/// Who opens a document.
pub struct Joining<'a> {
    pub connection: ConnectionId,
    pub outbox: &'a Arc<Outbox<Bytes>>,
    pub user: RoomUser,
    pub write: bool,
    /// Whether it wants to know what is on disk.
    pub acks: bool,
}

/// Why an update was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// The caller may not write.
    ReadOnly,
    TooLarge,
    /// Some of it builds on what was never seen here: the sender has to sync again.
    Gap,
    Refused(Refused),
}

/// Updates on their way to the disk, and what is on disk with them.
pub struct Batch {
    pub updates: Vec<NewUpdate>,
    bytes: usize,
    /// The state vector with these.
    vector: Vec<u8>,
    pub number: i64,
    /// How many updates of each connection are on disk with these.
    sent: HashMap<ConnectionId, u64>,
}

/// What a draft is made of.
pub struct Snapshot {
    pub batch: Batch,
    pub text: String,
    pub base: Option<RevisionId>,
    /// Everything that was stored up to this number is in it.
    pub seen: i64,
    /// Who wrote since the draft was last saved; the last one at the end.
    pub authors: Vec<UserId>,
    /// The whole state, when it is time to take the updates into it.
    pub state: Option<Vec<u8>>,
}

struct State {
    replica: Replica,
    members: HashMap<ConnectionId, Member>,
    presence: Presence,
    pending: Vec<NewUpdate>,
    pending_bytes: usize,
    /// The number given last.
    number: i64,
    /// Everything up to this number is in the draft.
    settled: i64,
    base: Option<RevisionId>,
    authors: BTreeSet<UserId>,
    last_author: Option<UserId>,
    /// Who wrote since that was counted last.
    wrote: Wrote,
    /// The state vector on disk.
    saved: Vec<u8>,
    /// Stored updates beyond the state: how many, and their bytes.
    rows: usize,
    loose: usize,
    /// All bytes of both.
    bytes: usize,
    /// Batches on their way to the disk.
    under_way: usize,
    settle_at: Instant,
    empty_since: Option<Instant>,
    broken: bool,
    /// Everything that was stored up to this number, by any node, is in the replica.
    seen: i64,
    /// Something was written here that the draft does not hold.
    own: bool,
    /// Since when there is something of other nodes that the draft may not hold.
    theirs: Option<Instant>,
}

/// Who wrote: through this node, and through others.
#[derive(Debug, Default)]
pub struct Wrote {
    pub here: BTreeSet<UserId>,
    pub elsewhere: BTreeSet<UserId>,
}

/// A copy to write to, and up to which number it has everything that was stored.
pub struct Fork {
    pub replica: Replica,
    pub seen: i64,
}

/// An update that is stored.
pub struct StoredUpdate {
    pub number: i64,
    /// None: it follows a draft that was written otherwise.
    pub author: Option<UserId>,
    /// In Yjs' second encoding.
    pub data: Vec<u8>,
}

pub struct Live {
    pub id: ArtifactId,
    state: Mutex<State>,
    /// Held by whoever writes this document's rows, or its draft.
    pub writing: Arc<tokio::sync::Mutex<()>>,
    /// How other nodes are heard.
    _listening: Listening,
}

/// What the database holds of a document that is opened.
pub struct Stored {
    pub replica: Replica,
    pub number: i64,
    pub settled: i64,
    /// The newest number that is in the replica, as the database counts.
    pub seen: i64,
    pub base: Option<RevisionId>,
    pub authors: BTreeSet<UserId>,
    pub rows: usize,
    /// Of the updates beyond the state, and of both.
    pub loose: usize,
    pub bytes: usize,
}

impl Live {
    pub fn new(id: ArtifactId, stored: Stored, now: Instant) -> Self {
        let Stored { replica, number, settled, seen, base, authors, rows, loose, bytes } = stored;
        let saved = replica.state_vector();
        Self {
            id,
            writing: Arc::default(),
            _listening: Listening::default(),
            state: Mutex::new(State {
                replica,
                members: HashMap::new(),
                presence: Presence::default(),
                pending: Vec::new(),
                pending_bytes: 0,
                number,
                settled,
                base,
                last_author: authors.last().copied(),
                authors,
                wrote: Wrote::default(),
                saved,
                rows,
                loose,
                bytes,
                under_way: 0,
                settle_at: now,
                empty_since: Some(now),
                broken: false,
                seen,
                own: number > settled,
                theirs: None,
            }),
        }
    }

    /// One that other nodes may have open, too: what the draft does not hold may be theirs to settle.
    #[must_use]
    pub fn shared(mut self, listening: Listening, now: Instant) -> Self {
        self._listening = listening;
        let mut state = self.state();
        if std::mem::take(&mut state.own) {
            state.theirs = Some(now);
        }
        drop(state);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What somebody who knows `vector` does not know.
    pub fn missing(&self, vector: &StateVector) -> Result<Bytes, Refused> {
        let missing = self.state().replica.missing(vector)?;
        Ok(Message::Sync(SyncMessage::SyncStep2(missing)).encode_v1().into())
    }

    /// Asks for everything that is not known here.
    pub fn ask(&self) -> Bytes {
        messages::ask(&self.state().replica)
    }

    /// Takes an update from a connection, tells the others, and has it stored.
    pub fn take(&self, connection: ConnectionId, update: &[u8], now: i64) -> Result<(), NotTaken> {
        let mut state = self.state();
        let Some(member) = state.members.get_mut(&connection) else { return Ok(()) };
        member.sent += 1;
        let (user, write) = (member.user.user_id, member.write);
        if state.broken {
            return Err(NotTaken::Refused(Refused::Broken));
        }
        if !write {
            // Yjs' providers say what they know when they come; from one who may only read that is nothing new.
            return if state.replica.knows(update) { Ok(()) } else { Err(NotTaken::ReadOnly) };
        }
        let Taken { changed, gap } = state.take(update)?;
        match changed {
            Some(changed) => state.note(changed, user, Some(connection), now),
            // Nothing new: it is on disk when everything before it is.
            None if !gap && state.is_on_disk() => state.tell_saved(|id| id == connection),
            None => {}
        }
        if gap { Err(NotTaken::Gap) } else { Ok(()) }
    }

    /// The same for an update that came otherwise than over a connection, from somebody who may write.
    pub fn take_alone(&self, user: UserId, update: &[u8], now: i64) -> Result<(), NotTaken> {
        let mut state = self.state();
        if state.broken {
            return Err(NotTaken::Refused(Refused::Broken));
        }
        let Taken { changed, gap } = state.take(update)?;
        if let Some(changed) = changed {
            state.note(changed, user, None, now);
        }
        if gap { Err(NotTaken::Gap) } else { Ok(()) }
    }

    /// It is not used again: whoever has it open comes back to one that is read anew.
    pub fn break_off(&self) {
        self.state().break_off();
    }

    /// Those who wrote since this was asked last.
    pub fn take_wrote(&self) -> Wrote {
        std::mem::take(&mut self.state().wrote)
    }

    #[cfg(test)]
    pub fn text(&self) -> String {
        self.state().replica.text()
    }

    /// Whether it can leave the memory: nobody is here and everything is where it belongs, or it cannot be used any more.
    pub fn is_done(&self, now: Instant, empty_for: std::time::Duration) -> bool {
        let state = self.state();
        let empty = state.is_empty_for(now, empty_for);
        state.pending.is_empty() && (state.broken || (empty && (state.number == state.settled || now < state.settle_at)))
    }

    pub fn is_broken(&self) -> bool {
        self.state().broken
    }
}

/// An update carries some bytes that are not text.
const SLACK: usize = 64 * 1024;

impl State {
    fn is_empty_for(&self, now: Instant, long: std::time::Duration) -> bool {
        self.empty_since.is_some_and(|since| now.saturating_duration_since(since) >= long)
    }

    fn break_off(&mut self) {
        self.broken = true;
        // Editors still have what was not acknowledged.
        self.pending.clear();
        self.pending_bytes = 0;
        for member in self.members.values() {
            member.outbox.end();
        }
    }

    fn take(&mut self, update: &[u8]) -> Result<Taken, NotTaken> {
        // Before it is taken: out of a document nothing comes again.
        if self.replica.len() + update.len() > TEXT_BYTES + SLACK || self.bytes + update.len() > STATE_BYTES {
            return Err(NotTaken::TooLarge);
        }
        self.replica.apply(update).map_err(|refused| {
            if refused == Refused::Broken {
                self.break_off();
            }
            NotTaken::Refused(refused)
        })
    }

    fn note(&mut self, changed: Changed, by: UserId, from: Option<ConnectionId>, now: i64) {
        self.number += 1;
        self.bytes += changed.v2.len();
        self.loose += changed.v2.len();
        self.pending_bytes += changed.v2.len();
        self.authors.insert(by);
        self.wrote.here.insert(by);
        self.own = true;
        self.last_author = Some(by);
        self.pending.push(NewUpdate { author: Some(by), data: changed.v2, created_at: now });
        self.tell(from, messages::update(&changed.v1));
    }

    /// Takes what is stored: the editors here learn of what is new in it.
    fn follow(&mut self, update: &StoredUpdate, now: Instant) {
        let changed = match self.replica.follow(&update.data) {
            Ok(changed) => changed,
            // It is stored, and cannot be taken: the document is read anew.
            Err(_) => return self.break_off(),
        };
        self.seen = update.number;
        let Some(changed) = changed else { return };
        self.unsettle(now);
        self.bytes += update.data.len();
        self.loose += update.data.len();
        self.rows += 1;
        self.authors.extend(update.author);
        self.wrote.elsewhere.extend(update.author);
        self.last_author = update.author.or(self.last_author);
        if self.is_on_disk() {
            self.saved = self.replica.state_vector();
        }
        self.tell(None, messages::update(&changed.v1));
    }

    /// There is something that the draft may not hold, and that was not written here.
    fn unsettle(&mut self, now: Instant) {
        self.number += 1;
        self.theirs.get_or_insert(now);
    }

    fn tell(&self, from: Option<ConnectionId>, frame: Bytes) {
        for (id, member) in &self.members {
            if Some(*id) != from {
                member.outbox.push(frame.clone());
            }
        }
    }

    /// Also to the one that said it: stock clients take a connection on which they hear nothing for dead.
    fn tell_presence(&self, said: Vec<Said>) -> Vec<ClientState> {
        let mut states = Vec::new();
        for Said { client, message, state } in said {
            states.push(state);
            let frame = Bytes::from(message);
            for member in self.members.values() {
                member.outbox.push_passing(client, frame.clone());
            }
        }
        states
    }

    fn take_batch(&mut self) -> Option<Batch> {
        (!self.pending.is_empty()).then(|| self.batch())
    }

    fn batch(&mut self) -> Batch {
        self.under_way += 1;
        Batch {
            updates: std::mem::take(&mut self.pending),
            bytes: std::mem::take(&mut self.pending_bytes),
            vector: self.replica.state_vector(),
            number: self.number,
            sent: self.members.iter().filter(|(_, member)| member.acks).map(|(id, member)| (*id, member.sent)).collect(),
        }
    }

    /// Whether nothing waits, and nothing is under way.
    fn is_on_disk(&self) -> bool {
        self.pending.is_empty() && self.under_way == 0
    }

    /// Tells those who want to know that everything they sent is on disk.
    fn tell_saved(&self, whom: impl Fn(ConnectionId) -> bool) {
        for (id, member) in self.members.iter().filter(|(_, member)| member.acks) {
            if whom(*id) {
                member.outbox.push(messages::saved(&self.saved, member.sent));
            }
        }
    }
}
