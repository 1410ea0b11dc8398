//! The artifact's draft, which follows the document, and what is written to both by something that is no editor.

use std::time::{Duration, Instant};

use super::{
    super::{
        limits::{LOOSE_BYTES, ROWS},
        messages,
        replica::{Changed, Refused},
    },
    Fork, Live, Reserved, Snapshot,
};
use crate::ids::{RevisionId, UserId};

/// For so long the draft waits for the node on which something was written.
const THEIRS: Duration = Duration::from_secs(10);

impl Live {
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

    pub fn is_settled(&self) -> bool {
        let state = self.state();
        state.number == state.settled
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
}
