//! One document that is open: its replica, who edits it, and what is not on disk yet.
//!
//! Numbers here count what came into this replica. `seen` is a number of the database, which it gives when something is stored: everything
//! up to it is in the replica, whichever node stored it.
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
    presence::{ClientState, Presence, Said},
    replica::{Changed, Refused, Replica, Taken},
};
use crate::{
    features::collaboration::{
        model::RoomUser,
        service::{outbox::Outbox, room::ConnectionId},
        store::NewUpdate,
    },
    ids::{ArtifactId, NodeId, RevisionId, UserId},
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

    /// A connection goes: what other nodes have to know of it.
    pub fn leave(&self, connection: ConnectionId, now: Instant) -> Vec<ClientState> {
        let mut state = self.state();
        if state.members.remove(&connection).is_none() {
            return Vec::new();
        }
        let said = state.presence.leave(connection);
        if state.members.is_empty() {
            state.empty_since = Some(now);
        }
        state.tell_presence(said)
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

    /// Takes what a connection says of itself, and tells the others: what other nodes have to know of it.
    pub fn take_presence(&self, connection: ConnectionId, update: AwarenessUpdate) -> Vec<ClientState> {
        let mut state = self.state();
        let Some(user) = state.members.get(&connection).map(|member| member.user.clone()) else { return Vec::new() };
        let said = state.presence.take(connection, &user, update);
        state.tell_presence(said)
    }

    /// What another node says of its clients.
    pub fn take_presence_from(&self, node: NodeId, states: Vec<ClientState>) {
        let mut state = self.state();
        let said = state.presence.take_from(node, states);
        state.tell_presence(said);
    }

    /// The clients here, for another node.
    pub fn presence_here(&self) -> Vec<ClientState> {
        self.state().presence.here()
    }

    /// Nodes that do not live take their clients with them.
    pub fn keep_nodes(&self, lives: impl Fn(NodeId) -> bool) {
        let mut state = self.state();
        let said = state.presence.keep_nodes(lives);
        state.tell_presence(said);
    }

    /// Everything that was stored up to this number is here.
    pub fn seen(&self) -> i64 {
        self.state().seen
    }

    /// Updates of here were stored behind `before`, up to `newest`. False: what is before them is not all here.
    pub fn note_stored(&self, before: i64, newest: i64) -> bool {
        let mut state = self.state();
        let in_step = before <= state.seen;
        if in_step {
            state.seen = state.seen.max(newest);
        }
        in_step
    }

    /// Takes what was stored, by whichever node, in order; what is known already is passed over. False: something before it is missing here.
    pub fn follow(&self, updates: impl IntoIterator<Item = StoredUpdate>, now: Instant) -> bool {
        let mut state = self.state();
        for update in updates {
            if state.broken || update.number > state.seen + 1 {
                return state.broken;
            }
            if update.number == state.seen + 1 {
                state.follow(&update, now);
            }
        }
        true
    }

    /// Takes a whole state, which has everything up to `number`.
    pub fn follow_state(&self, number: i64, data: Vec<u8>, now: Instant) {
        let mut state = self.state();
        if !state.broken && number > state.seen {
            state.follow(&StoredUpdate { number, author: None, data }, now);
        }
    }

    /// What the database says of the draft: it holds everything up to `settled`, and begins with `base`.
    pub fn note_standing(&self, settled: i64, base: Option<RevisionId>, now: Instant) {
        let mut state = self.state();
        if state.broken {
            return;
        }
        state.base = base;
        if settled >= state.seen && state.is_on_disk() && !state.own {
            state.settled = state.number;
            state.theirs = None;
            state.authors.clear();
        } else if settled < state.seen && state.number == state.settled {
            state.unsettle(now);
        }
    }

    /// The draft does not hold all of it after all, because something else changed both at the same moment: it is settled again, soon.
    pub fn settle_soon(&self, now: Instant) {
        let mut state = self.state();
        state.unsettle(now);
        state.own = true;
        state.settle_at = now;
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
        if state.is_on_disk() {
            // What other nodes stored may have come since the batch was taken.
            state.saved = state.replica.state_vector();
            state.tell_saved(|_| true);
            return;
        }
        state.saved.clone_from(&batch.vector);
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
        Some(Snapshot { text, base: state.base, seen: state.seen, authors, state: compacting.then(|| state.replica.state()), batch })
    }

    /// The draft holds it now.
    pub fn note_settled(&self, snapshot: &Snapshot, base: Option<RevisionId>) {
        self.note_saved(&snapshot.batch);
        let mut state = self.state();
        state.settled = snapshot.batch.number;
        state.base = base;
        if state.number == state.settled {
            state.authors.clear();
            (state.own, state.theirs) = (false, None);
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

    /// Those who wrote since this was asked last.
    pub fn take_wrote(&self) -> Wrote {
        std::mem::take(&mut self.state().wrote)
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
    pub fn settled_fork(&self) -> Option<Result<Fork, Refused>> {
        let state = self.state();
        (state.number == state.settled).then(|| Ok(Fork { replica: state.replica.fork()?, seen: state.seen }))
    }

    /// Whether the draft has to follow now.
    pub fn wants_to_settle(&self, now: Instant) -> bool {
        let state = self.state();
        // What others wrote they settle; unless they are gone.
        let is_ours = state.own || state.theirs.is_some_and(|since| now.saturating_duration_since(since) >= THEIRS);
        !state.broken && state.number > state.settled && is_ours && now >= state.settle_at
    }

    pub fn settle_not_before(&self, at: Instant) {
        self.state().settle_at = at;
    }

    pub fn has_pending(&self) -> bool {
        !self.state().pending.is_empty()
    }

    /// All of it and the number of the database up to which that is, when nobody has edited it for long and what is stored of it would become smaller.
    pub fn whole(&self, now: Instant, empty_for: std::time::Duration) -> Option<(Vec<u8>, i64)> {
        let state = self.state();
        let left = !state.broken && state.pending.is_empty() && state.number == state.settled && state.is_empty_for(now, empty_for);
        (left && state.rows > FEW_ROWS).then(|| (state.replica.state(), state.seen))
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

/// For so long the draft waits for the node on which something was written.
const THEIRS: std::time::Duration = std::time::Duration::from_secs(10);
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
