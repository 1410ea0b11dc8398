//! Whether a client can have written what it sends.
//!
//! Each piece of text names the characters that stood left and right of it when it was written. YATA puts a piece at the same place
//! everywhere only if the left one comes before the right one, which holds for whatever an editor wrote: characters never change their order. A
//! piece that names them the other way round would stand elsewhere for each reader, depending on what that reader knew before.
//!
//! Sources: Nicolaescu et al., "Near Real-Time Peer-to-Peer Shared Editing on Extensible Data Types" (GROUP 2016); the format is Yjs'
//! `UpdateEncoderV1`.

use std::collections::HashMap;

use yrs::{
    Assoc, ClientID, Doc, ID, ReadTxn, StickyIndex, Transact as _,
    encoding::read::{Cursor, Error, Read as _},
    updates::decoder::{Decoder as _, DecoderV1},
};

use super::replica::CONTENT;

/// A piece of text in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    id: ID,
    len: u32,
    left: Option<ID>,
    right: Option<ID>,
}

impl Piece {
    /// What of it is beyond what is known of its client: the rest of a piece follows its beginning. None: all of it is known.
    fn after(self, known: u32) -> Option<Self> {
        let end = self.id.clock.saturating_add(self.len);
        match known.checked_sub(self.id.clock).filter(|cut| *cut > 0) {
            None => Some(self),
            Some(_) if known >= end => None,
            Some(_) => {
                let before = ID::new(self.id.client, known - 1);
                Some(Self { id: ID::new(self.id.client, known), len: end - known, left: Some(before), ..self })
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Plausible,
    Impossible,
    /// Only a trial tells: a piece names what comes with the same update, or two characters that are both deleted.
    Unclear,
}

// Of the format: what a block holds, and what its first byte says besides.
const GC: u8 = 0;
const DELETED: u8 = 1;
const STRING: u8 = 4;
const SKIP: u8 = 10;
const KIND: u8 = 0b1111;
const HAS_LEFT: u8 = 0x80;
const HAS_RIGHT: u8 = 0x40;
const HAS_KEY: u8 = 0x20;

/// The pieces of an update in Yjs' first encoding, whose other half (what it deletes) has no order. None: there is something in it that the
/// text of a document does not hold, such as a format, a picture, or another root.
///
/// # Errors
/// Those of the decoder, where the bytes are no update.
pub fn pieces(update: &[u8]) -> Result<Option<Vec<Piece>>, Error> {
    let mut decoder = DecoderV1::new(Cursor::new(update));
    let mut pieces = Vec::new();
    let clients: u32 = decoder.read_var()?;
    for _ in 0..clients {
        let blocks: u32 = decoder.read_var()?;
        let client = decoder.read_client()?;
        let mut clock: u32 = decoder.read_var()?;
        for _ in 0..blocks {
            let info = decoder.read_info()?;
            let len = if matches!(info, GC | SKIP) {
                decoder.read_len()?
            } else {
                let left = (info & HAS_LEFT != 0).then(|| decoder.read_left_id()).transpose()?;
                let right = (info & HAS_RIGHT != 0).then(|| decoder.read_right_id()).transpose()?;
                let names_root = left.is_none() && right.is_none();
                if names_root && (!decoder.read_parent_info()? || decoder.read_string()? != CONTENT || info & HAS_KEY != 0) {
                    return Ok(None);
                }
                let len = match info & KIND {
                    DELETED => decoder.read_len()?,
                    STRING => decoder.read_string()?.encode_utf16().count() as u32,
                    _ => return Ok(None),
                };
                pieces.push(Piece { id: ID::new(client, clock), len, left, right });
                len
            };
            let Some(after) = clock.checked_add(len) else { return Ok(None) };
            clock = after;
        }
    }
    Ok(Some(pieces))
}

/// What each client wrote last: who goes on typing names what was looked at before. Bounded, as clients come and go.
#[derive(Default)]
pub struct Runs(HashMap<ClientID, (u32, Option<ID>)>);

const RUNS: usize = 256;

impl Runs {
    fn goes_on(&self, piece: &Piece) -> bool {
        let before = piece.id.clock.checked_sub(1).map(|clock| ID::new(piece.id.client, clock));
        piece.left.is_some() && piece.left == before && self.0.get(&piece.id.client) == Some(&(piece.id.clock, piece.right))
    }

    /// They were taken.
    pub fn note(&mut self, pieces: &[Piece]) {
        if self.0.len() > RUNS {
            self.0.clear();
        }
        for piece in pieces {
            self.0.insert(piece.id.client, (piece.id.clock + piece.len, piece.right));
        }
    }
}

/// Whether the pieces that are new to a document stand between what they name there.
pub fn judge(doc: &Doc, pieces: &[Piece], runs: &Runs) -> Verdict {
    let tx = doc.transact();
    let known = tx.state_vector();
    let mut unclear = false;
    for piece in pieces.iter().filter_map(|piece| piece.after(known.get(&piece.id.client))) {
        let (Some(left), Some(right)) = (piece.left, piece.right) else { continue };
        if left == right {
            return Verdict::Impossible;
        }
        if runs.goes_on(&piece) {
            continue;
        }
        let (Some(left), Some(right)) = (Place::of(&tx, left), Place::of(&tx, right)) else {
            unclear = true;
            continue;
        };
        if right.at < left.after {
            return Verdict::Impossible;
        }
        // Nothing that can be seen is between two that were deleted.
        unclear |= left.at == right.after;
    }
    if unclear { Verdict::Unclear } else { Verdict::Plausible }
}

/// Where a character stands, and what comes after it: the same for one that was deleted.
struct Place {
    at: u32,
    after: u32,
}

impl Place {
    fn of(tx: &impl ReadTxn, id: ID) -> Option<Self> {
        let offset = |side| Some(StickyIndex::from_id(id, side).get_offset(tx)?.index);
        Some(Self { at: offset(Assoc::After)?, after: offset(Assoc::Before)? })
    }
}

#[cfg(test)]
mod tests {
    use yrs::{ReadTxn as _, StateVector, Text as _};

    use super::*;

    /// A document with a text by client 1, of whose characters 3 and 4 are deleted.
    fn text() -> Doc {
        let doc = Doc::with_client_id(1);
        let content = doc.get_or_insert_text(CONTENT);
        let mut tx = doc.transact_mut();
        content.insert(&mut tx, 0, "shared");
        content.remove_range(&mut tx, 3, 2);
        drop(tx);
        doc
    }

    fn piece(left: u32, right: u32) -> Piece {
        let known = |clock| Some(ID::new(ClientID::new(1), clock));
        Piece { id: ID::new(ClientID::new(7), 0), len: 2, left: known(left), right: known(right) }
    }

    #[test]
    fn a_piece_stands_between_what_it_names() {
        let doc = text();
        let verdict = |left, right| judge(&doc, &[piece(left, right)], &Runs::default());
        for (left, right) in [(0, 1), (0, 5), (2, 3), (2, 4), (3, 5), (2, 5)] {
            assert_eq!(verdict(left, right), Verdict::Plausible, "{left} {right}");
        }
        for (left, right) in [(1, 1), (1, 0), (5, 0), (5, 3), (3, 2), (4, 0)] {
            assert_eq!(verdict(left, right), Verdict::Impossible, "{left} {right}");
        }
        assert_eq!(verdict(3, 4), Verdict::Unclear, "both are deleted");
        assert_eq!(verdict(0, 99), Verdict::Unclear, "what is not there comes with the same update, or is a gap");
    }

    #[test]
    fn what_an_editor_writes_is_read_as_it_was_written() {
        let doc = text();
        let before = doc.transact().state_vector();
        let other = Doc::with_client_id(7);
        let content = other.get_or_insert_text(CONTENT);
        let mut tx = other.transact_mut();
        tx.apply_update(
            yrs::updates::decoder::Decode::decode_v1(&doc.transact().encode_state_as_update_v1(&StateVector::default()))
                .expect("an update"),
        )
        .expect("it applies");
        content.insert(&mut tx, 1, "🦀");
        content.insert(&mut tx, 6, "x");
        drop(tx);
        let update = other.transact().encode_state_as_update_v1(&before);
        let read = pieces(&update).expect("readable").expect("text");
        assert_eq!(
            read,
            [Piece { id: ID::new(ClientID::new(7), 0), ..piece(0, 1) }, Piece { id: ID::new(ClientID::new(7), 2), len: 1, ..piece(1, 2) }]
        );
        assert_eq!(judge(&doc, &read, &Runs::default()), Verdict::Plausible);
    }

    #[test]
    fn whoever_goes_on_typing_is_not_looked_up_again() {
        let doc = text();
        let mut runs = Runs::default();
        let first = piece(0, 1);
        runs.note(&[first]);
        let next = Piece { id: ID::new(ClientID::new(7), 2), left: Some(ID::new(ClientID::new(7), 1)), ..first };
        assert!(runs.goes_on(&next));
        assert!(!runs.goes_on(&Piece { right: first.left, ..next }));
        assert!(!runs.goes_on(&first));
        assert_eq!(judge(&doc, &[next], &runs), Verdict::Plausible);
    }

    #[test]
    fn the_rest_of_a_piece_follows_what_is_known_of_it() {
        let doc = text();
        let whole = Piece { id: ID::new(ClientID::new(1), 4), len: 5, ..piece(3, 5) };
        assert_eq!(whole.after(6).map(|rest| (rest.id.clock, rest.len, rest.left)), Some((6, 3, Some(ID::new(ClientID::new(1), 5)))));
        assert_eq!(whole.after(9), None);
        // Its beginning stood before 5, its rest comes after it.
        assert_eq!(judge(&doc, &[whole], &Runs::default()), Verdict::Impossible);
    }

    #[test]
    fn what_no_text_holds_is_told_apart() {
        let doc = Doc::new();
        let content = doc.get_or_insert_text(CONTENT);
        let mut tx = doc.transact_mut();
        content.insert_embed(&mut tx, 0, yrs::Any::from("picture"));
        assert_eq!(pieces(&tx.encode_update_v1()).expect("readable"), None);
        let elsewhere = Doc::new();
        let title = elsewhere.get_or_insert_text("title");
        let mut tx = elsewhere.transact_mut();
        title.insert(&mut tx, 0, "a");
        assert_eq!(pieces(&tx.encode_update_v1()).expect("readable"), None);
    }
}
