//! A document as the server holds it: a Yjs document with one text, `content`. Knows neither sockets nor the database.
//!
//! Updates come and go in Yjs' first encoding, which every client speaks, and are stored in the second, which is a good deal smaller.
//! What a client sends is foreign input for the library too: a panic in it is caught, and the replica is then not used again.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
};

use similar::{Algorithm, DiffOp, capture_diff_slices};
use yrs::{
    Doc, GetString as _, IdSet, Options, ReadTxn as _, StateVector, Text as _, TextRef, Transact as _, Update, WriteTxn as _,
    updates::{decoder::Decode as _, encoder::Encode as _},
};

use super::plausible::{Piece, Runs, Verdict, judge, pieces};

/// The text's name in the document; part of the protocol.
pub const CONTENT: &str = "content";

/// Why an update was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is no update, or none that an editor of texts writes.
    Unreadable,
    /// The library failed on it: the replica has to be loaded again.
    Broken,
}

/// What became of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// None: there was nothing new in it.
    pub changed: Option<Changed>,
    /// Something in it builds on what was never seen here: the sender has to sync again.
    pub gap: bool,
}

/// A change, in both encodings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub v1: Vec<u8>,
    pub v2: Vec<u8>,
}

pub struct Replica {
    doc: Doc,
    text: TextRef,
    runs: Mutex<Runs>,
}

impl Replica {
    fn new() -> Self {
        // Offsets are UTF-8 bytes here; on the wire there are no offsets.
        let doc = Doc::with_options(Options::default());
        let text = doc.get_or_insert_text(CONTENT);
        Self { doc, text, runs: Mutex::default() }
    }

    /// A document that begins with this text, and its state to be stored.
    pub fn begin(text: &str) -> (Self, Vec<u8>) {
        let replica = Self::new();
        {
            let mut tx = replica.doc.transact_mut();
            replica.text.insert(&mut tx, 0, text);
        }
        let state = replica.state();
        (replica, state)
    }

    /// From what was stored: updates in any order, in the second encoding.
    pub fn load<'a>(updates: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Refused> {
        let replica = Self::new();
        guarded(|| {
            for update in updates {
                let update = Update::decode_v2(update).map_err(|_| Refused::Unreadable)?;
                replica.doc.transact_mut().apply_update(update).map_err(|_| Refused::Unreadable)?;
            }
            Ok(())
        })?;
        Ok(replica)
    }

    /// Takes an update of a client. What builds on something that was never seen here is not taken.
    pub fn apply(&self, update: &[u8]) -> Result<Taken, Refused> {
        let decoded = decode(update)?;
        if self.has_gap(&decoded) {
            return Ok(Taken { changed: None, gap: true });
        }
        let pieces = pieces(update).ok().flatten().ok_or(Refused::Unreadable)?;
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        // Looking changes nothing either.
        match catch_unwind(AssertUnwindSafe(|| judge(&self.doc, &pieces, &runs))).unwrap_or(Verdict::Impossible) {
            Verdict::Plausible => {}
            Verdict::Impossible => return Err(Refused::Unreadable),
            Verdict::Unclear => self.try_out(update, &pieces)?,
        }
        let taken = self.integrate(decoded)?;
        runs.note(&pieces);
        Ok(taken)
    }

    /// Takes what is stored, in the second encoding: from another node, or from the database. None: there was nothing new in it.
    pub fn follow(&self, stored: &[u8]) -> Result<Option<Changed>, Refused> {
        let update = catch_unwind(|| Update::decode_v2(stored)).map_err(|_| Refused::Unreadable)?.map_err(|_| Refused::Unreadable)?;
        let Taken { changed, gap } = self.integrate(update)?;
        if gap {
            return Err(Refused::Broken);
        }
        if let Some(pieces) = changed.as_ref().and_then(|changed| pieces(&changed.v1).ok().flatten()) {
            self.runs.lock().unwrap_or_else(PoisonError::into_inner).note(&pieces);
        }
        Ok(changed)
    }

    /// Takes an update into a copy, and looks whether a reader who comes later would read the same.
    fn try_out(&self, update: &[u8], pieces: &[Piece]) -> Result<(), Refused> {
        let copy = self.fork()?;
        let sound = copy.integrate(decode(update)?).is_ok()
            && judge(&copy.doc, pieces, &Runs::default()) != Verdict::Impossible
            && copy.fork().is_ok_and(|later| later.text() == copy.text());
        if sound { Ok(()) } else { Err(Refused::Unreadable) }
    }

    fn integrate(&self, update: Update) -> Result<Taken, Refused> {
        guarded(|| {
            let mut tx = self.doc.transact_mut();
            let applied = tx.apply_update(update);
            // What waits for something unseen would be kept for as long as the document is open.
            let gap = tx.prune_pending().is_some();
            applied.map_err(|_| Refused::Broken)?;
            if tx.insert_set().is_empty() && tx.delete_set().is_empty() {
                return Ok(Taken { changed: None, gap });
            }
            // A part of it was taken that cannot be told on: only a client that is made for it sends such things.
            if is_beyond(tx.insert_set(), &tx.state_vector()) {
                return Err(Refused::Broken);
            }
            Ok(Taken { changed: Some(Changed { v1: tx.encode_update_v1(), v2: tx.encode_update_v2() }), gap })
        })
    }

    /// Whether an update begins later than what is known here ends. The library would take it and leave a hole, and what stands behind
    /// a hole is in no update that it makes.
    fn has_gap(&self, update: &Update) -> bool {
        let mut known = self.doc.transact().state_vector();
        for (client, ranges) in update.insertions(true).iter() {
            for range in ranges.iter() {
                if range.start > known.get(client) {
                    return true;
                }
                known.set_max(*client, range.end);
            }
        }
        is_beyond(update.delete_set(), &known)
    }

    /// Whether there is nothing in an update that is not here already.
    pub fn knows(&self, update: &[u8]) -> bool {
        let Ok(update) = decode(update) else { return false };
        let known = self.doc.transact().snapshot();
        !is_beyond(&update.insertions(true), &known.state_map) && update.delete_set().diff(&known.delete_set).is_empty()
    }

    pub fn text(&self) -> String {
        self.text.get_string(&self.doc.transact())
    }

    /// Its length in the units of the library: at most the bytes of the text.
    pub fn len(&self) -> usize {
        self.text.len(&self.doc.transact()) as usize
    }

    /// What is known here, as clients read it.
    pub fn state_vector(&self) -> Vec<u8> {
        self.doc.transact().state_vector().encode_v1()
    }

    /// What somebody who knows `vector` does not know yet.
    pub fn missing(&self, vector: &StateVector) -> Result<Vec<u8>, Refused> {
        guarded(|| Ok(self.doc.transact().encode_state_as_update_v1(vector)))
    }

    /// All of it, to be stored.
    pub fn state(&self) -> Vec<u8> {
        self.doc.transact().encode_state_as_update_v2(&StateVector::default())
    }

    /// A copy, to write to while this one goes on.
    pub fn fork(&self) -> Result<Self, Refused> {
        Self::load([self.state().as_slice()])
    }

    /// Makes the text this one, by as small a change as lines and their ends allow; none when it is this one already.
    pub fn write(&self, text: &str) -> Option<Changed> {
        let old = self.text();
        let edits = edits(&old, text);
        if edits.is_empty() {
            return None;
        }
        let mut tx = self.doc.transact_mut();
        // From the end, so that what is before keeps its place.
        for Edit { at, removed, inserted } in edits.into_iter().rev() {
            if removed > 0 {
                self.text.remove_range(&mut tx, at as u32, removed as u32);
            }
            if !inserted.is_empty() {
                self.text.insert(&mut tx, at as u32, inserted);
            }
        }
        Some(Changed { v1: tx.encode_update_v1(), v2: tx.encode_update_v2() })
    }
}

/// Decoding changes nothing: if it fails, the replica is as it was.
fn decode(update: &[u8]) -> Result<Update, Refused> {
    catch_unwind(|| Update::decode_v1(update)).map_err(|_| Refused::Unreadable)?.map_err(|_| Refused::Unreadable)
}

/// Whether something in a set is not in what `known` counts.
fn is_beyond(set: &IdSet, known: &StateVector) -> bool {
    set.iter().any(|(client, ranges)| ranges.iter().any(|range| range.end > known.get(client)))
}

fn guarded<T>(work: impl FnOnce() -> Result<T, Refused>) -> Result<T, Refused> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Refused::Broken))
}

/// In bytes of the old text.
#[derive(Debug, PartialEq, Eq)]
struct Edit<'a> {
    at: usize,
    removed: usize,
    inserted: &'a str,
}

/// Texts with more lines than this are compared as one block: the middle counts as replaced.
const MAX_LINES: usize = 20_000;
/// Replaced blocks of more bytes are not compared word by word.
const WORD_BLOCK: usize = 4 * 1024;

/// What makes the new text of the old one. Lines first; within a replaced block words, so that a cursor in a line that somebody
/// mends elsewhere stays where it is.
fn edits<'a>(old: &str, new: &'a str) -> Vec<Edit<'a>> {
    let mut edits = Vec::new();
    if old.lines().count().max(new.lines().count()) > MAX_LINES {
        edits.extend(block(0, old, new));
        return edits;
    }
    for (at, gone, come) in replaced(old, new, |text| text.split_inclusive('\n').collect()) {
        if gone.is_empty() || come.is_empty() || gone.len() + come.len() > WORD_BLOCK {
            edits.extend(block(at, gone, come));
        } else {
            edits.extend(replaced(gone, come, words).filter_map(|(byte, gone, come)| block(at + byte, gone, come)));
        }
    }
    edits
}

/// The pieces of `old` that others take the place of: where they begin, they, and what comes.
fn replaced<'o, 'n>(
    old: &'o str,
    new: &'n str,
    split: impl for<'t> Fn(&'t str) -> Vec<&'t str>,
) -> impl Iterator<Item = (usize, &'o str, &'n str)> {
    let (old_pieces, new_pieces) = (split(old), split(new));
    let ends = |pieces: &[&str]| {
        let sum = |at: &mut usize, piece: &&str| {
            *at += piece.len();
            Some(*at)
        };
        std::iter::once(0).chain(pieces.iter().scan(0, sum)).collect::<Vec<usize>>()
    };
    let (old_at, new_at) = (ends(&old_pieces), ends(&new_pieces));
    let ops = capture_diff_slices(Algorithm::Myers, &old_pieces, &new_pieces);
    ops.into_iter().filter(|op| !matches!(op, DiffOp::Equal { .. })).map(move |op| {
        let (from, to) = (op.old_range(), op.new_range());
        let start = old_at[from.start];
        (start, &old[start..old_at[from.end]], &new[new_at[to.start]..new_at[to.end]])
    })
}

/// Runs of letters and digits, and every other character by itself.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut within) = (0, false);
    for (at, char) in text.char_indices() {
        let letter = char.is_alphanumeric();
        if at > start && !(letter && within) {
            words.push(&text[start..at]);
            start = at;
        }
        within = letter;
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

/// One block for another, without what they have in common at both ends.
fn block<'a>(at: usize, old: &str, new: &'a str) -> Option<Edit<'a>> {
    let same: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old, new) = (&old[same..], &new[same..]);
    let tail: usize = old.chars().rev().zip(new.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (removed, inserted) = (old.len() - tail, &new[..new.len() - tail]);
    (removed > 0 || !inserted.is_empty()).then_some(Edit { at: at + same, removed, inserted })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_stored_is_loaded_and_updates_come_once() {
        let (replica, state) = Replica::begin("one\ntwo\n");
        let other = Replica::load([state.as_slice()]).expect("loads");
        assert_eq!(other.text(), "one\ntwo\n");
        let changed = other.write("one\n2\ntwo\n").expect("a change");
        assert_eq!(replica.apply(&changed.v1), Ok(Taken { changed: Some(changed.clone()), gap: false }));
        assert_eq!(replica.text(), "one\n2\ntwo\n");
        assert_eq!(replica.apply(&changed.v1), Ok(Taken { changed: None, gap: false }));
        let again = Replica::load([state.as_slice(), &changed.v2]).expect("loads");
        assert_eq!(again.text(), replica.text());
        assert_eq!(again.state_vector(), replica.state_vector());
        // Another node takes what was stored, once.
        let elsewhere = Replica::load([state.as_slice()]).expect("loads");
        assert_eq!(elsewhere.follow(&changed.v2).map(|changed| changed.is_some()), Ok(true));
        assert_eq!(elsewhere.follow(&changed.v2), Ok(None));
        assert_eq!(elsewhere.text(), replica.text());
        assert_eq!(elsewhere.follow(b"garbage"), Err(Refused::Unreadable));
    }

    #[test]
    fn two_who_write_at_once_are_both_kept() {
        let (one, state) = Replica::begin("Read the change.\nAsk.\n");
        let two = Replica::load([state.as_slice()]).expect("loads");
        let first = one.write("Read the whole change.\nAsk.\n").expect("a change");
        let second = two.write("Read the change.\nAsk before you judge.\n").expect("a change");
        one.apply(&second.v1).expect("taken");
        two.apply(&first.v1).expect("taken");
        assert_eq!(one.text(), "Read the whole change.\nAsk before you judge.\n");
        assert_eq!(one.text(), two.text());
    }

    #[test]
    fn an_update_without_its_predecessor_is_refused_and_not_kept() {
        let (one, state) = Replica::begin("a");
        let two = Replica::load([state.as_slice()]).expect("loads");
        two.write("ab").expect("a change");
        let later = two.write("abc").expect("a change");
        assert_eq!(one.apply(&later.v1), Ok(Taken { changed: None, gap: true }));
        assert_eq!(one.text(), "a");
        let vector = StateVector::decode_v1(&one.state_vector()).expect("a vector");
        one.apply(&two.missing(&vector).expect("encodes")).expect("taken");
        assert_eq!(one.text(), "abc");
    }

    #[test]
    fn garbage_is_refused() {
        let (replica, _) = Replica::begin("text");
        for garbage in [&[][..], &[0xff; 40], &[1, 1, 1], &[0x80; 9], b"hello"] {
            assert!(matches!(replica.apply(garbage), Err(Refused::Unreadable) | Ok(Taken { changed: None, .. })), "{garbage:?}");
        }
        assert_eq!(replica.text(), "text");
    }

    #[test]
    fn a_word_within_a_line_is_all_that_changes() {
        assert_eq!(edits("a b c\nd\n", "a x c\nd\n"), [Edit { at: 2, removed: 1, inserted: "x" }]);
        assert_eq!(edits("same\n", "same\n"), []);
        assert_eq!(edits("grün", "grau"), [Edit { at: 2, removed: 3, inserted: "au" }]);
    }

    proptest! {
        #[test]
        fn edits_make_the_new_text(old in "[aäb \n🦀]{0,60}", new in "[aäb \n🦀]{0,60}") {
            let (replica, _) = Replica::begin(&old);
            let changed = replica.write(&new);
            prop_assert_eq!(changed.is_none(), old == new);
            prop_assert_eq!(replica.text(), new);
        }

        /// What was found so: pieces that name their neighbours the wrong way round, or themselves, stood elsewhere for whoever came later.
        #[test]
        fn what_a_client_made_up_reads_the_same_for_whoever_comes_later(
            made_up in proptest::collection::vec((any::<u32>(), 0..4_usize, proptest::collection::vec((any::<usize>(), any::<u8>()), 0..3)), 1..40),
        ) {
            let (replica, _) = Replica::begin("shared text\n");
            for (at, kind, changed) in made_up {
                let client = replica.fork().expect("a copy");
                let text = client.text();
                let places: Vec<u32> = text.char_indices().map(|(at, _)| at as u32).chain([text.len() as u32]).collect();
                let mut update = {
                    let mut tx = client.doc.transact_mut();
                    let place = at as usize % places.len();
                    let (at, after, length) = (places[place], places[(place + 2).min(places.len() - 1)], text.len() as u32);
                    match kind {
                        0 if after > at => client.text.remove_range(&mut tx, at, after - at),
                        1 => client.text.insert(&mut tx, length, "word "),
                        _ => client.text.insert(&mut tx, at, "ab"),
                    }
                    tx.encode_update_v1()
                };
                for (at, byte) in changed {
                    let at = at % update.len();
                    update[at] = byte;
                }
                if replica.apply(&update) == Err(Refused::Broken) {
                    break;
                }
                prop_assert_eq!(replica.fork().expect("a copy").text(), replica.text());
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (replica, _) = Replica::begin("text");
            let _ = replica.apply(&bytes);
        }
    }
}
