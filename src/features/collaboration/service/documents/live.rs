//! One document that is open: its replica, who edits it, and what is not on disk yet.
//!
//! Invariants: an update is relayed at once and stored before it is acknowledged; the draft never holds what is not stored; whoever
//! writes rows or the draft of a document holds its `writing`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::body::Bytes;
use yrs::{
    StateVector,
    sync::{AwarenessUpdate, Message, SyncMessage},
    updates::encoder::Encode as _,
};

use super::{
    limits::{FEW_ROWS, LOOSE_BYTES, ROWS, STATE_BYTES, TEXT_BYTES},
    messages,
    presence::{Presence, Said},
    replica::{Changed, Refused, Replica, Taken},
};
use crate::{
    features::collaboration::{
        model::RoomUser,
        service::{outbox::Outbox, room::ConnectionId},
        store::NewUpdate,
    },
    ids::{ArtifactId, RevisionId, UserId},
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
}

pub struct Live {
    pub id: ArtifactId,
    state: Mutex<State>,
    /// Held by whoever writes this document's rows, or its draft.
    pub writing: Arc<tokio::sync::Mutex<()>>,
}

/// What the database holds of a document that is opened.
pub struct Stored {
    pub replica: Replica,
    pub number: i64,
    pub settled: i64,
    pub base: Option<RevisionId>,
    pub authors: BTreeSet<UserId>,
    pub rows: usize,
    /// Of the updates beyond the state, and of both.
    pub loose: usize,
    pub bytes: usize,
}

impl Live {
    pub fn new(id: ArtifactId, stored: Stored, now: Instant) -> Self {
        let Stored { replica, number, settled, base, authors, rows, loose, bytes } = stored;
        let saved = replica.state_vector();
        Self {
            id,
            writing: Arc::default(),
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
                saved,
                rows,
                loose,
                bytes,
                under_way: 0,
                settle_at: now,
                empty_since: Some(now),
                broken: false,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in: what it is told first.
    pub fn join(&self, joining: Joining<'_>) -> Vec<Bytes> {
        let mut state = self.state();
        let Joining { connection, outbox, user, write, acks } = joining;
        state.empty_since = None;
        state.members.insert(connection, Member { outbox: outbox.clone(), user, write, acks, sent: 0 });
        let mut first = vec![messages::ask(&state.replica)];
        first.extend(state.presence.everybody().map(Bytes::from));
        if acks {
            first.push(messages::saved(&state.saved, 0));
        }
        first
    }

    pub fn leave(&self, connection: ConnectionId, now: Instant) {
        let mut state = self.state();
        if state.members.remove(&connection).is_none() {
            return;
        }
        let said = state.presence.leave(connection);
        state.tell_presence(said);
        if state.members.is_empty() {
            state.empty_since = Some(now);
        }
    }

    pub fn set_write(&self, connection: ConnectionId, write: bool) {
        if let Some(member) = self.state().members.get_mut(&connection) {
            member.write = write;
        }
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

    /// Everybody who is here, for one who asks.
    pub fn everybody(&self) -> Option<Bytes> {
        self.state().presence.everybody().map(Bytes::from)
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
        // Before it is taken: out of a document nothing comes again.
        if state.replica.len() + update.len() > TEXT_BYTES + SLACK || state.bytes + update.len() > STATE_BYTES {
            return Err(NotTaken::TooLarge);
        }
        match state.replica.apply(update) {
            Ok(Taken { changed, gap }) => {
                match changed {
                    Some(changed) => state.note(self.id, changed, user, Some(connection), now),
                    // Nothing new: it is on disk when everything before it is.
                    None if !gap && state.is_on_disk() => state.tell_saved(|id| id == connection),
                    None => {}
                }
                if gap { Err(NotTaken::Gap) } else { Ok(()) }
            }
            Err(refused) => {
                if refused == Refused::Broken {
                    state.break_off();
                }
                Err(NotTaken::Refused(refused))
            }
        }
    }

    pub fn take_presence(&self, connection: ConnectionId, update: AwarenessUpdate) {
        let mut state = self.state();
        let Some(user) = state.members.get(&connection).map(|member| member.user.clone()) else { return };
        let said = state.presence.take(connection, &user, update);
        state.tell_presence(said);
    }

    /// What is to be stored; none when there is nothing. Whoever takes it gives it back when it could not be stored.
    pub fn take_batch(&self) -> Option<Batch> {
        self.state().take_batch()
    }

    pub fn give_back(&self, batch: Batch) {
        let mut state = self.state();
        if state.broken {
            return;
        }
        state.under_way = state.under_way.saturating_sub(1);
        state.pending_bytes += batch.bytes;
        let newer = std::mem::replace(&mut state.pending, batch.updates);
        state.pending.extend(newer);
    }

    /// It is on disk now: those who asked for it are told.
    pub fn note_saved(&self, batch: &Batch) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        state.rows += batch.updates.len();
        state.saved.clone_from(&batch.vector);
        if state.is_on_disk() {
            state.tell_saved(|_| true);
            return;
        }
        for (id, member) in state.members.iter().filter(|(_, member)| member.acks) {
            member.outbox.push(messages::saved(&batch.vector, batch.sent.get(id).copied().unwrap_or_default()));
        }
    }

    /// What the draft has to hold; none when it does already, or when the text is not whole.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let mut state = self.state();
        if state.broken || state.number == state.settled {
            return None;
        }
        let batch = state.batch();
        let mut authors: Vec<UserId> = state.authors.iter().copied().filter(|author| Some(*author) != state.last_author).collect();
        authors.extend(state.last_author);
        let compacting = state.rows + batch.updates.len() > ROWS || state.loose > LOOSE_BYTES + (state.bytes - state.loose);
        // A file with a zero byte would count as no text from then on.
        let text = state.replica.text().replace('\0', "\u{FFFD}");
        Some(Snapshot { text, base: state.base, authors, state: compacting.then(|| state.replica.state()), batch })
    }

    /// The draft holds it now.
    pub fn note_settled(&self, snapshot: &Snapshot, base: Option<RevisionId>) {
        self.note_saved(&snapshot.batch);
        let mut state = self.state();
        state.settled = snapshot.batch.number;
        state.base = base;
        if state.number == state.settled {
            state.authors.clear();
        }
        drop(state);
        if let Some(all) = &snapshot.state {
            self.note_compacted(all.len());
        }
    }

    /// A text was written by something that is no editor, and is stored as this update.
    pub fn take_written(&self, changed: &Changed, reserved: Reserved, base: Option<RevisionId>) {
        let mut state = self.state();
        state.base = base;
        if let Err(refused) = state.replica.apply(&changed.v1) {
            // It is stored: whoever opens the document next has it.
            tracing::warn!(?refused, document = %self.id, "a stored update was not taken");
            state.break_off();
            return;
        }
        state.bytes += changed.v2.len();
        state.loose += changed.v2.len();
        state.rows += 1;
        if reserved.settled {
            state.settled = reserved.number;
        }
        // What was pending is not on disk yet, so the state vector there is not known: the next batch says it.
        let nothing_else = state.is_on_disk();
        state.tell(None, messages::update(&changed.v1));
        if nothing_else {
            state.saved = state.replica.state_vector();
            state.tell_saved(|_| true);
        }
    }

    /// It is not used again: whoever has it open comes back to one that is read anew.
    pub fn break_off(&self) {
        self.state().break_off();
    }

    pub fn is_settled(&self) -> bool {
        let state = self.state();
        state.number == state.settled
    }

    #[cfg(test)]
    pub fn text(&self) -> String {
        self.state().replica.text()
    }

    pub fn set_base(&self, base: Option<RevisionId>) {
        self.state().base = base;
    }

    /// A number for an update that is written beside those of editors.
    pub fn reserve(&self) -> Reserved {
        let mut state = self.state();
        let settled = state.number == state.settled;
        state.number += 1;
        Reserved { number: state.number, settled }
    }

    /// A copy to write to, if the draft holds all of this.
    pub fn settled_fork(&self) -> Option<Result<Replica, Refused>> {
        let state = self.state();
        (state.number == state.settled).then(|| state.replica.fork())
    }

    /// Whether the draft has to follow now.
    pub fn wants_to_settle(&self, now: Instant) -> bool {
        let state = self.state();
        !state.broken && state.number > state.settled && now >= state.settle_at
    }

    pub fn settle_not_before(&self, at: Instant) {
        self.state().settle_at = at;
    }

    pub fn has_pending(&self) -> bool {
        !self.state().pending.is_empty()
    }

    /// All of it and the number up to which that is, when nobody has edited it for long and what is stored of it would become smaller.
    pub fn whole(&self, now: Instant, empty_for: std::time::Duration) -> Option<(Vec<u8>, i64)> {
        let state = self.state();
        let left = !state.broken && state.pending.is_empty() && state.number == state.settled && state.is_empty_for(now, empty_for);
        (left && state.rows > FEW_ROWS).then(|| (state.replica.state(), state.number))
    }

    /// It is stored as one state of so many bytes now.
    pub fn note_compacted(&self, bytes: usize) {
        let mut state = self.state();
        state.rows = 0;
        state.loose = state.pending_bytes;
        state.bytes = bytes + state.pending_bytes;
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

    pub fn editors(&self) -> (Vec<RoomUser>, usize) {
        let state = self.state();
        let mut users: Vec<RoomUser> = state.members.values().map(|member| member.user.clone()).collect();
        users.sort_by_key(|user| user.user_id);
        users.dedup_by_key(|user| user.user_id);
        (users, state.members.len())
    }

    pub fn pending_bytes(&self) -> usize {
        self.state().pending_bytes
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

    fn note(&mut self, id: ArtifactId, changed: Changed, by: UserId, from: Option<ConnectionId>, now: i64) {
        self.number += 1;
        self.bytes += changed.v2.len();
        self.loose += changed.v2.len();
        self.pending_bytes += changed.v2.len();
        self.authors.insert(by);
        self.last_author = Some(by);
        self.pending.push(NewUpdate { document: id, number: self.number, author: Some(by), data: changed.v2, created_at: now });
        self.tell(from, messages::update(&changed.v1));
    }

    fn tell(&self, from: Option<ConnectionId>, frame: Bytes) {
        for (id, member) in &self.members {
            if Some(*id) != from {
                member.outbox.push(frame.clone());
            }
        }
    }

    /// Also to the one that said it: stock clients take a connection on which they hear nothing for dead.
    fn tell_presence(&self, said: Vec<Said>) {
        for Said { client, message } in said {
            let frame = Bytes::from(message);
            for member in self.members.values() {
                member.outbox.push_passing(client, frame.clone());
            }
        }
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
