//! The index: what is known of each document, and the changes to it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::document::{Author, Document, Id, Kind, Scope, Version, markdown_lines, passages};
use crate::query::{Filter, passing};
use crate::terms::{FIELDS, Field, Occurrences, Terms};
use crate::tuning::Tuning;
use crate::vectors::Vectors;
use crate::words::{key, words};

/// Positions between two fields, so that no phrase spans them.
const GAP: u32 = 16;
/// Compaction runs by itself when more documents than this, and than a quarter of all, are new or removed since the last one.
const SLACK: usize = 512;

/// What a call asks for that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// No document has this id.
    NotFound(Id),
    /// The document has fewer passages.
    NoSuchPassage { id: Id, passage: usize, passages: usize },
    /// A vector has another length than the index, or a component that is not a number.
    BadVector { expected: usize, found: usize },
    /// A snapshot is cut off, altered, or of another version.
    BadSnapshot(&'static str),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound(id) => write!(f, "no document {:032x}", id.0),
            Self::NoSuchPassage { id, passage, passages } => {
                write!(f, "document {:032x} has {passages} passages, not {}", id.0, passage + 1)
            }
            Self::BadVector { expected, found } => {
                write!(f, "a vector of {found} components in an index of {expected}, or one that is not finite")
            }
            Self::BadSnapshot(why) => write!(f, "the snapshot is damaged: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// What is kept of a document.
#[derive(Clone)]
pub(crate) struct Entry {
    pub id: Id,
    pub kind: Kind,
    /// Number of the scope.
    pub scope: u32,
    pub slug: Box<str>,
    pub name: Box<str>,
    /// The keys of name and slug.
    pub keys: [u64; 2],
    /// Numbers of the tags.
    pub tags: Box<[u32]>,
    /// Number of the category.
    pub category: Option<u32>,
    /// Number of the author.
    pub author: Option<u32>,
    pub version: Option<Version>,
    pub rating: Option<f32>,
    pub updated_at: i64,
    /// Words in each field.
    pub lengths: [u32; FIELDS],
    /// Bytes of the body that each passage covers.
    pub passages: Box<[(u32, u32)]>,
    /// Once a vector has arrived: the first of as many rows as there are passages, and one more for their middle.
    pub rows: Option<u32>,
}

impl Entry {
    pub fn row_range(&self, first: u32) -> Range<usize> {
        first as usize..first as usize + self.passages.len()
    }

    /// The row of the mean direction of the passages.
    pub fn middle(&self) -> Option<usize> {
        Some(self.rows? as usize + self.passages.len())
    }
}

/// What is known of a document without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    pub id: Id,
    pub kind: Kind,
    /// UTC milliseconds.
    pub updated_at: i64,
    /// Bytes of the body, but for what stands behind its last passage.
    pub body: usize,
    pub passages: usize,
    /// Of them, those that have a vector.
    pub arrived: usize,
}

/// What every question looks at of every document: side by side, so that the rest need not be read from memory.
#[derive(Clone, Copy)]
pub(crate) struct Outline {
    /// As the entry's; `NONE` once it is removed.
    pub scope: u32,
    /// The first row, or `NONE` while no vector has arrived, and the number of passages.
    pub first: u32,
    pub passages: u32,
    /// As the entry's.
    pub keys: [u64; 2],
}

/// No number of anything.
pub(crate) const NONE: u32 = u32::MAX;

impl Outline {
    pub fn new(entry: Option<&Entry>) -> Self {
        let removed = Self { scope: NONE, first: NONE, passages: 0, keys: [0; 2] };
        entry.map_or(removed, |entry| Self {
            scope: entry.scope,
            first: entry.rows.unwrap_or(NONE),
            passages: entry.passages.len() as u32,
            keys: entry.keys,
        })
    }
}

/// Documents and words of one scope: what scores are made from, so that no other scope's documents show in them.
#[derive(Clone, Default)]
pub(crate) struct ScopeTotals {
    pub documents: u64,
    pub lengths: [u64; FIELDS],
}

/// Values that many documents share, by number.
#[derive(Clone)]
pub(crate) struct Numbered<K, V = ()> {
    pub values: Vec<(K, V)>,
    numbers: BTreeMap<K, u32>,
}

impl<K, V> Default for Numbered<K, V> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V> Numbered<K, V> {
    pub fn number(&mut self, key: K, value: V) -> u32 {
        *self.numbers.entry(key.clone()).or_insert_with(|| {
            self.values.push((key, value));
            self.values.len() as u32 - 1
        })
    }

    pub fn find<Q: Ord + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.numbers.get(key).copied()
    }
}

/// An index of documents. See `search` for what it can be asked.
///
/// Memory and the cost of changes are in docs/decisions/ranking.md. Every change is a call; nothing happens in the background.
#[derive(Clone)]
pub struct Index {
    pub(crate) entries: Vec<Option<Entry>>,
    /// Of each entry.
    pub(crate) outlines: Vec<Outline>,
    pub(crate) slots: BTreeMap<Id, u32>,
    pub(crate) terms: Terms,
    pub(crate) vectors: Vectors,
    pub(crate) scopes: Numbered<Scope, ScopeTotals>,
    pub(crate) categories: Numbered<Box<str>>,
    pub(crate) tags: Numbered<Box<str>>,
    pub(crate) authors: Numbered<u128, Box<str>>,
    /// Documents at the last compaction.
    pub(crate) compacted: usize,
    pub(crate) tuning: Tuning,
}

impl Index {
    /// An empty index for vectors of `dimension` components; 0 if there will be none.
    pub fn new(dimension: usize) -> Self {
        Self {
            entries: Vec::new(),
            outlines: Vec::new(),
            slots: BTreeMap::new(),
            terms: Terms::default(),
            vectors: Vectors::new(dimension),
            scopes: Numbered::default(),
            categories: Numbered::default(),
            tags: Numbered::default(),
            authors: Numbered::default(),
            compacted: 0,
            tuning: Tuning::default(),
        }
    }

    /// Other parameters of ranking than the measured ones: for experiments.
    pub fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = tuning;
    }

    /// Documents in the index.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    pub fn contains(&self, id: Id) -> bool {
        self.slots.contains_key(&id)
    }

    /// Components of a vector.
    pub fn dimension(&self) -> usize {
        self.vectors.dimension
    }

    /// Passages of a document, and how many of their vectors have arrived.
    pub fn progress(&self, id: Id) -> Option<(usize, usize)> {
        let entry = self.entry(id)?;
        Some((entry.passages.len(), self.arrived(entry)))
    }

    /// Adds a document, or replaces the one of its id, whose vectors are then forgotten. It is found by its words at once and by its
    /// meaning as soon as the vector of a passage is set. Costs time in proportion to its text; now and then a compaction as well.
    pub fn put(&mut self, document: &Document) {
        self.discard(document.id);
        let slot = self.entries.len() as u32;
        let (occurrences, lengths) = occurrences(document);
        let scope = self.scopes.number(document.scope, ScopeTotals::default());
        let tags = document.tags.iter().map(|tag| label(tag)).filter(|tag| !tag.is_empty());
        let mut tags: Vec<u32> = tags.map(|tag| self.tags.number(tag, ())).collect();
        tags.sort_unstable();
        tags.dedup();
        let category = label(&document.category);
        let entry = Entry {
            id: document.id,
            kind: document.kind,
            scope,
            slug: document.slug.as_str().into(),
            name: document.name.as_str().into(),
            keys: [name_key(&document.name), name_key(&document.slug)],
            tags: tags.into(),
            category: (!category.is_empty()).then(|| self.categories.number(category, ())),
            author: document.author.as_ref().map(|Author { id, name }| self.author(*id, name)),
            version: document.version,
            rating: document.rating.filter(|rating| rating.is_finite()),
            updated_at: document.updated_at,
            lengths,
            passages: passages(document).iter().map(|passage| (passage.range.start as u32, passage.range.end as u32)).collect(),
            rows: None,
        };
        self.count(&entry, 1);
        self.outlines.push(Outline::new(Some(&entry)));
        self.entries.push(Some(entry));
        self.slots.insert(document.id, slot);
        self.terms.add(slot, occurrences);
        self.compact_if_due();
    }

    fn author(&mut self, id: u128, name: &str) -> u32 {
        let number = self.authors.number(id, name.into());
        // The name last given is the one to show.
        self.authors.values[number as usize].1 = name.into();
        number
    }

    /// Removes a document; says whether there was one.
    pub fn remove(&mut self, id: Id) -> bool {
        let removed = self.discard(id);
        self.compact_if_due();
        removed
    }

    fn discard(&mut self, id: Id) -> bool {
        let Some(slot) = self.slots.remove(&id).map(|slot| slot as usize) else { return false };
        let Some(entry) = self.entries.get_mut(slot).and_then(Option::take) else { return false };
        self.outlines[slot] = Outline::new(None);
        self.count(&entry, -1);
        true
    }

    /// Lets other readers have a document.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_scope(&mut self, id: Id, scope: Scope) -> Result<(), Error> {
        let scope = self.scopes.number(scope, ScopeTotals::default());
        let slot = *self.slots.get(&id).ok_or(Error::NotFound(id))? as usize;
        if let Some(mut entry) = self.entries[slot].take() {
            self.count(&entry, -1);
            entry.scope = scope;
            self.count(&entry, 1);
            self.outlines[slot] = Outline::new(Some(&entry));
            self.entries[slot] = Some(entry);
        }
        Ok(())
    }

    /// Sets the vectors of all passages, in their order.
    ///
    /// # Errors
    /// As `set_vector`; those before the wrong one are set then.
    pub fn set_vectors<V: AsRef<[f32]>>(&mut self, id: Id, vectors: &[V]) -> Result<(), Error> {
        vectors.iter().enumerate().try_for_each(|(passage, vector)| self.set_vector(id, passage, vector.as_ref()))
    }

    /// Sets the vector of one passage, of any length: only its direction is kept, to a byte a component.
    ///
    /// # Errors
    /// `NotFound`, `NoSuchPassage`, `BadVector`.
    pub fn set_vector(&mut self, id: Id, passage: usize, vector: &[f32]) -> Result<(), Error> {
        let slot = *self.slots.get(&id).ok_or(Error::NotFound(id))? as usize;
        let Some(Some(entry)) = self.entries.get_mut(slot) else { return Err(Error::NotFound(id)) };
        let passages = entry.passages.len();
        if passage >= passages {
            return Err(Error::NoSuchPassage { id, passage, passages });
        }
        let expected = self.vectors.dimension;
        if vector.len() != expected || !vector.iter().all(|value| value.is_finite()) {
            return Err(Error::BadVector { expected, found: vector.len() });
        }
        let vectors = &mut self.vectors;
        let first = *entry.rows.get_or_insert_with(|| vectors.reserve(passages + 1, slot as u32) as u32);
        self.outlines[slot].first = first;
        vectors.set(first as usize + passage, vector);
        vectors.encode(first as usize + passage);
        let middle = vectors.sum(entry.row_range(first));
        vectors.set(first as usize + passages, &middle);
        Ok(())
    }

    /// The vectors of a document as the index keeps them, for another index of the same model: for each passage its step (`f32`, little-endian; 0
    /// if it has not arrived), then a signed byte for each component. None without a vector.
    pub fn packed_vectors(&self, id: Id) -> Option<Vec<u8>> {
        let entry = self.entry(id)?;
        let rows = entry.row_range(entry.rows?);
        let mut packed = Vec::with_capacity(rows.len() * (4 + self.dimension()));
        for row in rows {
            packed.extend(self.vectors.scales[row].to_le_bytes());
            packed.extend(self.vectors.bytes(row).iter().map(|value| value.to_le_bytes()[0]));
        }
        Some(packed)
    }

    /// Sets all vectors of a document to what `packed_vectors` gave: to the bit what they are there.
    ///
    /// # Errors
    /// `NotFound`, and `BadVector` for another number of passages, another dimension, or a step that is not a number.
    pub fn set_packed_vectors(&mut self, id: Id, packed: &[u8]) -> Result<(), Error> {
        let slot = *self.slots.get(&id).ok_or(Error::NotFound(id))? as usize;
        let Some(Some(entry)) = self.entries.get_mut(slot) else { return Err(Error::NotFound(id)) };
        let (passages, expected) = (entry.passages.len(), self.vectors.dimension);
        let bad = Error::BadVector { expected, found: packed.len() };
        if packed.len() != passages * (4 + expected) {
            return Err(bad);
        }
        let vectors = &mut self.vectors;
        let first = *entry.rows.get_or_insert_with(|| vectors.reserve(passages + 1, slot as u32) as u32) as usize;
        self.outlines[slot].first = first as u32;
        for (row, bytes) in (first..).zip(packed.chunks_exact(4 + expected)) {
            let (step, values) = bytes.split_first_chunk().ok_or(bad.clone())?;
            let step = f32::from_le_bytes(*step);
            if !step.is_finite() || step < 0.0 {
                return Err(bad);
            }
            vectors.set_bytes(row, step, values);
            vectors.encode(row);
        }
        let middle = vectors.sum(entry.row_range(first as u32));
        vectors.set(first + passages, &middle);
        Ok(())
    }

    /// Says of each row whose it is, and gives passages their codes: what a snapshot does not hold.
    pub(crate) fn own_rows(&mut self) {
        for (slot, entry) in self.entries.iter().enumerate() {
            let Some((entry, first)) = entry.as_ref().and_then(|entry| Some((entry, entry.rows?))) else { continue };
            self.vectors.owners[entry.row_range(first)].fill(slot as u32);
            entry.row_range(first).for_each(|row| self.vectors.encode(row));
        }
    }

    /// Gives back the room of removed documents. Answers are the same before and after. Costs time in proportion to the whole index.
    pub fn compact(&mut self) {
        let mut slots = vec![u32::MAX; self.entries.len()];
        let mut vectors = Vectors::new(self.vectors.dimension);
        let mut entries = Vec::with_capacity(self.len());
        let mut outlines = Vec::with_capacity(self.len());
        for (old, entry) in std::mem::take(&mut self.entries).into_iter().enumerate() {
            let Some(mut entry) = entry else { continue };
            let slot = entries.len() as u32;
            slots[old] = slot;
            self.slots.insert(entry.id, slot);
            if let Some(first) = entry.rows {
                let rows = entry.passages.len();
                let copied = vectors.reserve(rows + 1, slot);
                (0..=rows).for_each(|row| vectors.copy_row(copied + row, &self.vectors, first as usize + row));
                (copied..copied + rows).for_each(|row| vectors.encode(row));
                entry.rows = Some(copied as u32);
            }
            outlines.push(Outline::new(Some(&entry)));
            entries.push(Some(entry));
        }
        vectors.shrink_to_fit();
        self.entries = entries;
        self.outlines = outlines;
        self.vectors = vectors;
        self.terms.compact(&slots);
        self.compacted = self.len();
    }

    fn compact_if_due(&mut self) {
        let changed = self.entries.len() - self.compacted.min(self.entries.len()) + self.entries.len() - self.len();
        if changed > SLACK.max(self.len() / 4) {
            self.compact();
        }
    }

    /// Bytes in use, to within the allocator's overhead.
    pub fn memory(&self) -> usize {
        let entry = |e: &Entry| e.slug.len() + e.name.len() + 4 * e.tags.len() + 8 * e.passages.len() + 64;
        self.terms.bytes()
            + self.vectors.memory()
            + self.outlines.capacity() * size_of::<Outline>()
            + self.entries.capacity() * size_of::<Option<Entry>>()
            + self.entries.iter().flatten().map(entry).sum::<usize>()
            + self.slots.len() * 32
    }

    /// What passes a filter, in no particular order.
    pub fn list(&self, filter: &Filter) -> Vec<Listed> {
        let listed = |entry: &Entry| Listed {
            id: entry.id,
            kind: entry.kind,
            updated_at: entry.updated_at,
            body: entry.passages.last().map_or(0, |(_, end)| *end as usize),
            passages: entry.passages.len(),
            arrived: self.arrived(entry),
        };
        passing(&self.access(filter)).filter_map(|slot| self.entries[slot].as_ref().map(listed)).collect()
    }

    fn arrived(&self, entry: &Entry) -> usize {
        entry.rows.map_or(0, |first| entry.row_range(first).filter(|row| self.vectors.scales[*row] > 0.0).count())
    }

    pub(crate) fn entry(&self, id: Id) -> Option<&Entry> {
        self.entries.get(*self.slots.get(&id)? as usize)?.as_ref()
    }

    pub(crate) fn count(&mut self, entry: &Entry, by: i64) {
        let totals = &mut self.scopes.values[entry.scope as usize].1;
        totals.documents = totals.documents.wrapping_add_signed(by);
        for (total, length) in totals.lengths.iter_mut().zip(entry.lengths) {
            *total = total.wrapping_add_signed(by * i64::from(length));
        }
    }
}

/// Tags and categories are compared without regard to case and space around.
pub(crate) fn label(text: &str) -> Box<str> {
    text.trim().to_lowercase().into()
}

/// Where each term of a document occurs, and how many words each field has.
fn occurrences(document: &Document) -> (BTreeMap<String, Occurrences>, [u32; FIELDS]) {
    let mut out: BTreeMap<String, Occurrences> = BTreeMap::new();
    let mut lengths = [0; FIELDS];
    let mut start = 0;
    let mut add = |field: Field, text: &str, start: u32| -> u32 {
        let mut next = start;
        for word in words(text) {
            let of_term = out.entry(word.term).or_default();
            of_term.counts[field as usize] += 1;
            of_term.positions.push(start + word.position);
            lengths[field as usize] += u32::from(!word.is_whole);
            next = start + word.position + 1;
        }
        next
    };
    start = add(Field::Name, &document.name, start) + GAP;
    start = add(Field::Slug, &document.slug, start) + GAP;
    for tag in &document.tags {
        start = add(Field::Tags, tag, start) + GAP;
    }
    start = add(Field::Description, &document.description, start) + GAP;
    let mut part = 0..0;
    for (range, heading) in markdown_lines(&document.body) {
        if heading.is_none() {
            part.end = range.end;
            continue;
        }
        start = add(Field::Body, &document.body[part], start) + GAP;
        start = add(Field::Headings, &document.body[range.clone()], start) + GAP;
        part = range.end..range.end;
    }
    add(Field::Body, &document.body[part], start);
    (out, lengths)
}

/// A number for a name: equal for names that differ only in case, accents and punctuation. 0 for none. FNV-1a.
pub(crate) fn name_key(name: &str) -> u64 {
    let key = key(name);
    if key.is_empty() {
        0
    } else {
        key.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
    }
}
