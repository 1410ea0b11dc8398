//! What is on disk of the document: what was written here goes there in batches, and what other nodes have stored comes from there.

use std::time::{Duration, Instant};

use super::{
    super::{limits::FEW_ROWS, messages},
    Batch, Live, StoredUpdate,
};

impl Live {
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

    pub fn has_pending(&self) -> bool {
        !self.state().pending.is_empty()
    }

    pub fn pending_bytes(&self) -> usize {
        self.state().pending_bytes
    }

    /// All of it and the number of the database up to which that is, when nobody has edited it for long and what is stored of it would become smaller.
    pub fn whole(&self, now: Instant, empty_for: Duration) -> Option<(Vec<u8>, i64)> {
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
}
