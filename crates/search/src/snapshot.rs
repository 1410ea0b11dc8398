//! An index as bytes, and back.
//!
//! `LLMOSIDX`, version, length, checksum, then everything in a fixed order: little-endian numbers, strings and lists with their length
//! before them. The checksum finds damage; reading trusts nothing all the same and gives an error, never a panic.

use crate::document::{Id, Kind, Scope};
use crate::index::{Entry, Error, Index, Numbered, Outline, ScopeTotals, name_key};
use crate::terms::{FIELDS, Frozen, Terms};
use crate::vectors::Vectors;

const MAGIC: &[u8; 8] = b"LLMOSIDX";
/// Changes whenever bytes of before would be read wrongly; also when words are split otherwise.
const VERSION: u32 = 1;
const HEADER: usize = 8 + 4 + 8 + 8;

impl Index {
    /// Everything that is in the index. Compacts it first.
    pub fn to_bytes(&mut self) -> Vec<u8> {
        self.compact();
        let mut out = vec![0; HEADER];
        let put = &mut out;
        put_number(put, self.dimension());
        put_list(put, &self.scopes.values, |put, (scope, _)| put.extend(scope.0.to_le_bytes()));
        put_list(put, &self.categories.values, |put, (name, ())| put_text(put, name));
        put_list(put, &self.tags.values, |put, (name, ())| put_text(put, name));
        put_list(put, &self.authors.values, |put, (id, name)| {
            put.extend(id.to_le_bytes());
            put_text(put, name);
        });
        let entries: Vec<&Entry> = self.entries.iter().flatten().collect();
        put_list(put, &entries, |put, entry| put_entry(put, entry));
        let frozen = self.terms.frozen();
        put_text(put, &frozen.text);
        for ends in [&frozen.text_ends, &frozen.document_ends, &frozen.position_ends] {
            put_list(put, ends, |put, end| put.extend(end.to_le_bytes()));
        }
        put_list(put, &frozen.documents, |put, byte| put.push(*byte));
        put_list(put, &frozen.positions, |put, byte| put.push(*byte));
        put_list(put, &self.vectors.scales, |put, scale| put.extend(scale.to_le_bytes()));
        put.extend(self.vectors.rows.iter().map(|value| value.to_le_bytes()[0]));
        let (header, body) = out.split_at_mut(HEADER);
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..20].copy_from_slice(&(body.len() as u64).to_le_bytes());
        header[20..28].copy_from_slice(&checksum(body).to_le_bytes());
        out
    }

    /// The index that `to_bytes` wrote. Takes time in proportion to the bytes; nothing is split or sorted again.
    ///
    /// # Errors
    /// `BadSnapshot` if a byte is missing or altered, or the version is another.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let header = bytes.get(..HEADER).ok_or(Error::BadSnapshot("it is cut off"))?;
        let body = &bytes[HEADER..];
        if header[..8] != *MAGIC {
            return Err(Error::BadSnapshot("it is none"));
        }
        if header[8..12] != VERSION.to_le_bytes() {
            return Err(Error::BadSnapshot("it is of another version"));
        }
        if header[12..20] != (body.len() as u64).to_le_bytes() {
            return Err(Error::BadSnapshot("it is cut off"));
        }
        if header[20..28] != checksum(body).to_le_bytes() {
            return Err(Error::BadSnapshot("its checksum is wrong"));
        }
        read(&mut Reader(body)).ok_or(Error::BadSnapshot("it contradicts itself"))
    }
}

fn read(from: &mut Reader<'_>) -> Option<Index> {
    let mut index = Index::new(from.number()?);
    for scope in from.list(|from| Some(Scope(from.u128()?)))? {
        index.scopes.number(scope, ScopeTotals::default());
    }
    let labels = |from: &mut Reader<'_>| {
        let mut labels = Numbered::default();
        from.list(Reader::text)?.into_iter().for_each(|name| _ = labels.number(name, ()));
        Some(labels)
    };
    index.categories = labels(from)?;
    index.tags = labels(from)?;
    for (id, name) in from.list(|from| Some((from.u128()?, from.text()?)))? {
        index.authors.number(id, name);
    }
    let entries = from.list(entry)?;
    let mut frozen = Frozen { text: from.text()?.into(), ..Frozen::default() };
    for ends in [&mut frozen.text_ends, &mut frozen.document_ends, &mut frozen.position_ends] {
        *ends = from.list(Reader::u32)?;
    }
    frozen.documents = from.bytes()?.to_vec();
    frozen.positions = from.bytes()?.to_vec();
    let scales = from.list(|from| Some(f32::from_bits(from.u32()?)))?;
    let rows: Vec<i8> = from.0.iter().map(|byte| i8::from_le_bytes([*byte])).collect();
    let fits = |number: &u32, count: usize| (*number as usize) < count;
    for (slot, entry) in entries.into_iter().enumerate() {
        let rows_fit = entry.middle().is_none_or(|middle| middle < scales.len());
        let numbers_fit = fits(&entry.scope, index.scopes.values.len())
            && entry.tags.iter().all(|tag| fits(tag, index.tags.values.len()))
            && entry.category.iter().all(|category| fits(category, index.categories.values.len()))
            && entry.author.iter().all(|author| fits(author, index.authors.values.len()));
        if !(rows_fit && numbers_fit) || index.slots.insert(entry.id, slot as u32).is_some() {
            return None;
        }
        index.count(&entry, 1);
        index.outlines.push(Outline::new(Some(&entry)));
        index.entries.push(Some(entry));
    }
    if rows.len() != scales.len().checked_mul(index.dimension())? || !scales.iter().all(|scale| scale.is_finite()) {
        return None;
    }
    index.vectors = Vectors::from_rows(index.dimension(), rows, scales);
    index.own_rows();
    index.compacted = index.entries.len();
    index.terms = Terms::from_frozen(frozen);
    Some(index)
}

fn put_entry(put: &mut Vec<u8>, entry: &Entry) {
    put.extend(entry.id.0.to_le_bytes());
    put.push(entry.kind as u8);
    put.extend(entry.scope.to_le_bytes());
    put_text(put, &entry.slug);
    put_text(put, &entry.name);
    put_list(put, &entry.tags, |put, tag| put.extend(tag.to_le_bytes()));
    put_option(put, entry.category, |put, category| put.extend(category.to_le_bytes()));
    put_option(put, entry.author, |put, author| put.extend(author.to_le_bytes()));
    put_option(put, entry.version, |put, (major, minor, patch)| {
        [major, minor, patch].iter().for_each(|part| put.extend(part.to_le_bytes()));
    });
    put_option(put, entry.rating, |put, rating| put.extend(rating.to_le_bytes()));
    put.extend(entry.updated_at.to_le_bytes());
    entry.lengths.iter().for_each(|length| put.extend(length.to_le_bytes()));
    put_list(put, &entry.passages, |put, (start, end)| {
        put.extend(start.to_le_bytes());
        put.extend(end.to_le_bytes());
    });
    put_option(put, entry.rows, |put, first| put.extend(first.to_le_bytes()));
}

fn entry(from: &mut Reader<'_>) -> Option<Entry> {
    let mut entry = Entry {
        id: Id(from.u128()?),
        keys: [0; 2],
        kind: *Kind::ALL.get(usize::from(from.take::<1>()?[0]))?,
        scope: from.u32()?,
        slug: from.text()?,
        name: from.text()?,
        tags: from.list(Reader::u32)?.into(),
        category: from.option(Reader::u32)?,
        author: from.option(Reader::u32)?,
        version: from.option(|from| Some((from.u64()?, from.u64()?, from.u64()?)))?,
        rating: from.option(|from| Some(f32::from_bits(from.u32()?)))?,
        updated_at: i64::from_le_bytes(from.take()?),
        lengths: {
            let mut lengths = [0; FIELDS];
            for length in &mut lengths {
                *length = from.u32()?;
            }
            lengths
        },
        passages: from.list(|from| Some((from.u32()?, from.u32()?)))?.into(),
        rows: from.option(Reader::u32)?,
    };
    entry.keys = [name_key(&entry.name), name_key(&entry.slug)];
    Some(entry)
}

fn put_number(put: &mut Vec<u8>, number: usize) {
    put.extend((number as u64).to_le_bytes());
}

fn put_text(put: &mut Vec<u8>, text: &str) {
    put_number(put, text.len());
    put.extend(text.as_bytes());
}

fn put_list<T>(put: &mut Vec<u8>, list: &[T], mut each: impl FnMut(&mut Vec<u8>, &T)) {
    put_number(put, list.len());
    list.iter().for_each(|item| each(put, item));
}

fn put_option<T>(put: &mut Vec<u8>, option: Option<T>, some: impl FnOnce(&mut Vec<u8>, T)) {
    put.push(u8::from(option.is_some()));
    if let Some(value) = option {
        some(put, value);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take()?))
    }

    fn u128(&mut self) -> Option<u128> {
        Some(u128::from_le_bytes(self.take()?))
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(self.u64()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<Box<str>> {
        Some(std::str::from_utf8(self.bytes()?).ok()?.into())
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        // No item is smaller than a byte: a false length makes no large allocation.
        let length = self.number().filter(|length| *length <= self.0.len())?;
        (0..length).map(|_| each(self)).collect()
    }

    fn option<T>(&mut self, some: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.take::<1>()?[0] == 0 { Some(None) } else { Some(Some(some(self)?)) }
    }
}

/// FNV-1a over words of eight bytes: each step is a bijection of the state, so that no altered word goes unnoticed.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |state: u64, word: u64| (state ^ word).wrapping_mul(0x0000_0100_0000_01B3);
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words.iter().fold(0xCBF2_9CE4_8422_2325, |state, word| step(state, u64::from_le_bytes(*word)));
    rest.iter().fold(state, |state, byte| step(state, u64::from(*byte)))
}
