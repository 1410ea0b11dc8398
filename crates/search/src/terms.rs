//! The inverted index: for each word as written, the documents that have it, how often in which field, and where.
//!
//! Two parts, as in a log-structured merge tree: a frozen one, sorted and packed into a few long arrays, and a small one that takes what is
//! new. A document is never taken out of a list; compaction leaves out the removed ones while it merges both parts.

use std::collections::BTreeMap;

/// The fields of a document that are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    Name,
    Slug,
    Tags,
    Description,
    Headings,
    Body,
}

impl Field {
    pub const ALL: [Self; FIELDS] = [Self::Name, Self::Slug, Self::Tags, Self::Description, Self::Headings, Self::Body];
}

pub(crate) const FIELDS: usize = 6;

/// Times that a term occurs in each field.
pub(crate) type Counts = [u32; FIELDS];

/// Where one term occurs in one document: how often in which field, and the positions in order.
#[derive(Default)]
pub(crate) struct Occurrences {
    pub counts: Counts,
    pub positions: Vec<u32>,
}

/// A packed list of postings. Documents: distance to the last slot, a mask of fields, a count for each field in it. Positions: distances,
/// as many to a document as its counts have in sum.
#[derive(Clone, Copy)]
pub(crate) struct List<'a> {
    documents: &'a [u8],
    positions: &'a [u8],
}

#[derive(Clone, Default)]
struct Growing {
    documents: Vec<u8>,
    positions: Vec<u8>,
    last: u32,
}

impl Growing {
    fn push(&mut self, slot: u32, counts: &Counts) {
        put_varint(&mut self.documents, slot.wrapping_sub(self.last));
        self.last = slot;
        let mask = counts.iter().enumerate().filter(|(_, count)| **count > 0).fold(0u8, |mask, (field, _)| mask | 1 << field);
        self.documents.push(mask);
        counts.iter().filter(|count| **count > 0).for_each(|count| put_varint(&mut self.documents, *count));
    }

    fn push_positions(&mut self, positions: impl Iterator<Item = u32>) {
        let mut last = 0;
        for position in positions {
            put_varint(&mut self.positions, position.wrapping_sub(last));
            last = position;
        }
    }
}

/// The frozen part. Term `i` ends at `text_ends[i]` of `text`, its lists at `document_ends[i]` and `position_ends[i]`; each array is below 4 GB.
#[derive(Clone, Default)]
pub(crate) struct Frozen {
    pub text: String,
    pub text_ends: Vec<u32>,
    pub documents: Vec<u8>,
    pub document_ends: Vec<u32>,
    pub positions: Vec<u8>,
    pub position_ends: Vec<u32>,
}

impl Frozen {
    fn len(&self) -> usize {
        self.text_ends.len()
    }

    fn term(&self, i: usize) -> &str {
        slice(&self.text_ends, i).and_then(|range| self.text.get(range)).unwrap_or_default()
    }

    fn list(&self, i: usize) -> List<'_> {
        List {
            documents: slice(&self.document_ends, i).and_then(|range| self.documents.get(range)).unwrap_or_default(),
            positions: slice(&self.position_ends, i).and_then(|range| self.positions.get(range)).unwrap_or_default(),
        }
    }

    /// The first term that is not below `term`.
    fn lower_bound(&self, term: &str) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.term(middle) < term { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn push(&mut self, term: &str, list: &Growing) {
        self.text.push_str(term);
        self.documents.extend_from_slice(&list.documents);
        self.positions.extend_from_slice(&list.positions);
        self.text_ends.push(self.text.len() as u32);
        self.document_ends.push(self.documents.len() as u32);
        self.position_ends.push(self.positions.len() as u32);
    }
}

fn slice(ends: &[u32], i: usize) -> Option<std::ops::Range<usize>> {
    let start = if i == 0 { 0 } else { *ends.get(i - 1)? };
    Some(start as usize..*ends.get(i)? as usize)
}

#[derive(Clone, Default)]
pub(crate) struct Terms {
    frozen: Frozen,
    fresh: BTreeMap<Box<str>, Growing>,
}

impl Terms {
    /// A snapshot's terms.
    pub fn from_frozen(frozen: Frozen) -> Self {
        Self { frozen, fresh: BTreeMap::new() }
    }

    /// What a snapshot keeps; complete only right after `compact`.
    pub fn frozen(&self) -> &Frozen {
        &self.frozen
    }

    /// Adds a document. Slots come in ascending order.
    pub fn add(&mut self, slot: u32, occurrences: BTreeMap<String, Occurrences>) {
        for (term, occurrences) in occurrences {
            let list = self.fresh.entry(term.into_boxed_str()).or_default();
            list.push(slot, &occurrences.counts);
            list.push_positions(occurrences.positions.into_iter());
        }
    }

    /// The lists of a term: none, one or two.
    pub fn lists<'a>(&'a self, term: &str) -> impl Iterator<Item = List<'a>> + use<'a> {
        let at = self.frozen.lower_bound(term);
        let frozen = (at < self.frozen.len() && self.frozen.term(at) == term).then(|| self.frozen.list(at));
        let fresh = self.fresh.get(term).map(|list| List { documents: &list.documents, positions: &list.positions });
        frozen.into_iter().chain(fresh)
    }

    /// Every posting of a term, in the order of the slots.
    pub fn postings<'a>(&'a self, term: &str) -> impl Iterator<Item = (u32, Counts)> + use<'a> {
        self.lists(term).flat_map(List::postings)
    }

    /// The positions of a term in each document, in the order of the slots.
    pub fn positions<'a>(&'a self, term: &str) -> impl Iterator<Item = (u32, Vec<u32>)> + use<'a> {
        self.lists(term).flat_map(|list| list.with_positions().map(|(slot, _, positions)| (slot, positions.collect())))
    }

    /// The terms that start with a prefix, itself included; one that is in both parts comes twice.
    pub fn starting_with<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let frozen = (self.frozen.lower_bound(prefix)..self.frozen.len()).map(|i| self.frozen.term(i));
        let fresh = self.fresh.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded)).map(|(term, _)| &**term);
        frozen.take_while(move |term| term.starts_with(prefix)).chain(fresh.take_while(move |term| term.starts_with(prefix)))
    }

    /// Merges both parts and leaves out what was removed: `slots[old]` is the new slot of a document, `u32::MAX` for none.
    pub fn compact(&mut self, slots: &[u32]) {
        let fresh = std::mem::take(&mut self.fresh);
        let old = std::mem::take(&mut self.frozen);
        let mut merged = Frozen::default();
        let mut fresh = fresh.iter().peekable();
        let mut i = 0;
        loop {
            let of_fresh = fresh.peek().map(|(term, _)| &***term);
            let of_old = (i < old.len()).then(|| old.term(i));
            let Some(term) = [of_fresh, of_old].into_iter().flatten().min() else { break };
            let mut list = Growing::default();
            if of_old == Some(term) {
                old.list(i).copy(slots, &mut list);
                i += 1;
            }
            if of_fresh == Some(term)
                && let Some((_, growing)) = fresh.next()
            {
                List { documents: &growing.documents, positions: &growing.positions }.copy(slots, &mut list);
            }
            if !list.documents.is_empty() {
                merged.push(term, &list);
            }
        }
        merged.text.shrink_to_fit();
        merged.documents.shrink_to_fit();
        merged.positions.shrink_to_fit();
        for ends in [&mut merged.text_ends, &mut merged.document_ends, &mut merged.position_ends] {
            ends.shrink_to_fit();
        }
        self.frozen = merged;
    }

    /// Bytes in use, allocations of the small part estimated.
    pub fn bytes(&self) -> usize {
        let frozen = self.frozen.text.capacity()
            + self.frozen.documents.capacity()
            + self.frozen.positions.capacity()
            + 4 * (self.frozen.text_ends.capacity() + self.frozen.document_ends.capacity() + self.frozen.position_ends.capacity());
        let fresh =
            self.fresh.iter().map(|(term, list)| term.len() + list.documents.capacity() + list.positions.capacity() + 128).sum::<usize>();
        frozen + fresh
    }
}

impl<'a> List<'a> {
    /// Slot and counts of each document. A damaged list ends early.
    fn postings(self) -> impl Iterator<Item = (u32, Counts)> + use<'a> {
        let (mut documents, mut last) = (self.documents, 0u32);
        std::iter::from_fn(move || {
            last = last.wrapping_add(take_varint(&mut documents)?);
            let (&mask, rest) = documents.split_first()?;
            documents = rest;
            let mut counts = [0; FIELDS];
            for (field, count) in counts.iter_mut().enumerate() {
                if mask & 1 << field != 0 {
                    *count = take_varint(&mut documents)?;
                }
            }
            Some((last, counts))
        })
    }

    fn with_positions(self) -> impl Iterator<Item = (u32, Counts, Positions<'a>)> {
        let (mut rest, mut unread) = (self.positions, 0);
        self.postings().map(move |(slot, counts)| {
            skip_varints(&mut rest, unread);
            unread = counts.iter().map(|count| *count as usize).sum();
            (slot, counts, Positions { bytes: rest, left: unread, last: 0 })
        })
    }

    fn copy(self, slots: &[u32], to: &mut Growing) {
        for (slot, counts, positions) in self.with_positions() {
            if let Some(&slot) = slots.get(slot as usize).filter(|slot| **slot != u32::MAX) {
                to.push(slot, &counts);
                to.push_positions(positions);
            }
        }
    }
}

/// The positions of a term in one document.
pub(crate) struct Positions<'a> {
    bytes: &'a [u8],
    left: usize,
    last: u32,
}

impl Iterator for Positions<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        self.last = self.last.wrapping_add(take_varint(&mut self.bytes)?);
        Some(self.last)
    }
}

/// LEB128: seven bits to a byte, the lowest first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn take_varint(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u32::from(byte & 0x7F).wrapping_shl(shift);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn skip_varints(bytes: &mut &[u8], count: usize) {
    let mut left = count;
    let end = bytes.iter().position(|byte| {
        if left == 0 {
            return true;
        }
        left -= usize::from(*byte < 0x80);
        false
    });
    *bytes = &bytes[end.unwrap_or(bytes.len())..];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occurrences(terms: &[(&str, &[u32])]) -> BTreeMap<String, Occurrences> {
        let of = |positions: &[u32]| Occurrences { counts: [1, 0, 0, 0, 0, positions.len() as u32 - 1], positions: positions.to_vec() };
        terms.iter().map(|(term, positions)| ((*term).to_owned(), of(positions))).collect()
    }

    #[test]
    fn lists_survive_compaction_without_what_was_removed() {
        let mut terms = Terms::default();
        terms.add(0, occurrences(&[("apple", &[1, 300, 301]), ("pear", &[2])]));
        terms.add(1, occurrences(&[("apple", &[7])]));
        terms.compact(&[0, 1]);
        terms.add(2, occurrences(&[("apple", &[9]), ("apricot", &[70_000, 70_001])]));
        let all: Vec<_> = terms.positions("apple").collect();
        assert_eq!(all, [(0, vec![1, 300, 301]), (1, vec![7]), (2, vec![9])]);
        terms.compact(&[u32::MAX, 0, 1]);
        let all: Vec<_> = terms.positions("apple").collect();
        assert_eq!(all, [(0, vec![7]), (1, vec![9])]);
        assert_eq!(terms.starting_with("ap").collect::<Vec<_>>(), ["apple", "apricot"]);
        assert!(terms.starting_with("pe").next().is_none());
        assert_eq!(terms.postings("apricot").collect::<Vec<_>>(), [(1, [1, 0, 0, 0, 0, 1])]);
    }

    #[test]
    fn varints() {
        for value in [0, 127, 128, 300, u32::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(take_varint(&mut bytes.as_slice()), Some(value));
        }
        assert_eq!(take_varint(&mut [0xFF; 9].as_slice()), None);
    }
}
