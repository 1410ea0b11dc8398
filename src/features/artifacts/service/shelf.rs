//! The library index of one volume: small columns of every artifact in memory, so that any filter in any order is one pass.
//!
//! It is derived from the `artifacts` table and follows it by `seq` (see `index.rs`); nothing is only here.

use std::{cmp::Ordering, collections::HashMap};

use memchr::memmem::Finder;

use crate::{
    features::artifacts::model::{Kind, LibraryQuery, Sort, View},
    ids::ArtifactId,
};

/// One artifact as filters and orders see it.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: ArtifactId,
    pub seq: i64,
    pub trashed: bool,
    pub kind: Kind,
    pub category: String,
    pub tags: Vec<String>,
    pub has_draft: bool,
    pub hints: bool,
    pub created_at: i64,
    pub updated_at: i64,
    pub name: String,
    /// What the text filter looks into.
    pub text: String,
}

struct Slot {
    id: ArtifactId,
    seq: i64,
    trashed: bool,
    kind: Kind,
    category: u32,
    tags: Box<[u32]>,
    has_draft: bool,
    hints: bool,
    created_at: i64,
    updated_at: i64,
    name: Box<str>,
    text: Box<str>,
}

/// Where a page ended: the value of the order, and the id that decides among equals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub key: Key,
    pub id: ArtifactId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Time(i64),
    Name(String),
}

impl Place {
    /// The order of a list: times newest first, names A to Z.
    pub fn compare(&self, other: &Place) -> Ordering {
        match (&self.key, &other.key) {
            (Key::Time(a), Key::Time(b)) => b.cmp(a).then_with(|| other.id.cmp(&self.id)),
            (Key::Name(a), Key::Name(b)) => a.cmp(b).then_with(|| self.id.cmp(&other.id)),
            (Key::Time(_), Key::Name(_)) => Ordering::Less,
            (Key::Name(_), Key::Time(_)) => Ordering::Greater,
        }
    }
}

/// What a volume's tree line shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub skills: i64,
    pub tools: i64,
    pub agents: i64,
    pub drafts: i64,
    pub hints: i64,
    pub trashed: i64,
}

/// The volume's columns. Slots are dense; `orders` hold slot numbers.
#[derive(Default)]
pub struct Shelf {
    pub seq: i64,
    slots: Vec<Slot>,
    by_id: HashMap<ArtifactId, u32>,
    words: Vec<String>,
    word_ids: HashMap<String, u32>,
    /// Updated, name, created.
    orders: [Vec<u32>; 3],
    pub counts: Counts,
}

/// More changes than that, and sorting anew is quicker than moving each.
const RESORT: usize = 200;

fn order_index(sort: Sort) -> usize {
    match sort {
        Sort::Updated => 0,
        Sort::Name => 1,
        Sort::Created => 2,
    }
}

const SORTS: [Sort; 3] = [Sort::Updated, Sort::Name, Sort::Created];

fn compare(sort: Sort, a: &Slot, b: &Slot) -> Ordering {
    match sort {
        Sort::Updated => b.updated_at.cmp(&a.updated_at).then_with(|| b.id.cmp(&a.id)),
        Sort::Created => b.created_at.cmp(&a.created_at).then_with(|| b.id.cmp(&a.id)),
        Sort::Name => a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)),
    }
}

impl Slot {
    fn place(&self, sort: Sort) -> Place {
        let key = match sort {
            Sort::Updated => Key::Time(self.updated_at),
            Sort::Created => Key::Time(self.created_at),
            Sort::Name => Key::Name(self.name.to_string()),
        };
        Place { key, id: self.id }
    }

    /// The same as `compare` with a place, without making one of the slot.
    fn is_after(&self, sort: Sort, place: &Place) -> bool {
        let order = match (sort, &place.key) {
            (Sort::Updated, Key::Time(time)) => time.cmp(&self.updated_at).then_with(|| place.id.cmp(&self.id)),
            (Sort::Created, Key::Time(time)) => time.cmp(&self.created_at).then_with(|| place.id.cmp(&self.id)),
            (Sort::Name, Key::Name(name)) => (*self.name).cmp(name.as_str()).then_with(|| self.id.cmp(&place.id)),
            // A cursor of another order: the list begins anew.
            _ => Ordering::Greater,
        };
        order == Ordering::Greater
    }
}

impl Shelf {
    /// Before anything was read.
    pub fn empty() -> Self {
        Self { seq: -1, ..Self::default() }
    }

    /// Takes changes in: later versions of artifacts, and those that left (with the `seq` they left at).
    pub fn apply(&mut self, items: Vec<Item>, departures: &[(i64, ArtifactId)], seq: i64) {
        let resort = items.len() + departures.len() > RESORT;
        for item in items {
            self.put(item, resort);
        }
        for (left_at, id) in departures {
            if let Some(&slot) = self.by_id.get(id)
                && self.slots[slot as usize].seq <= *left_at
            {
                self.remove(slot, resort);
            }
        }
        if resort {
            for sort in SORTS {
                let slots = &self.slots;
                let order = &mut self.orders[order_index(sort)];
                *order = (0..slots.len() as u32).collect();
                order.sort_by(|a, b| compare(sort, &slots[*a as usize], &slots[*b as usize]));
            }
        }
        self.seq = self.seq.max(seq);
        self.counts = self.count();
    }

    fn put(&mut self, item: Item, resort: bool) {
        let category = self.word(&item.category);
        let tags = item.tags.iter().map(|tag| self.word(tag)).collect();
        let slot = Slot {
            id: item.id,
            seq: item.seq,
            trashed: item.trashed,
            kind: item.kind,
            category,
            tags,
            has_draft: item.has_draft,
            hints: item.hints,
            created_at: item.created_at,
            updated_at: item.updated_at,
            name: item.name.to_lowercase().into(),
            text: item.text.to_lowercase().into(),
        };
        match self.by_id.get(&item.id).copied() {
            Some(at) => {
                if !resort {
                    self.unlink(at);
                }
                self.slots[at as usize] = slot;
                if !resort {
                    self.link(at);
                }
            }
            None => {
                let at = self.slots.len() as u32;
                self.by_id.insert(item.id, at);
                self.slots.push(slot);
                if !resort {
                    self.link(at);
                }
            }
        }
    }

    fn remove(&mut self, at: u32, resort: bool) {
        let last = self.slots.len() as u32 - 1;
        if !resort {
            self.unlink(at);
            if last != at {
                self.unlink(last);
            }
        }
        self.by_id.remove(&self.slots[at as usize].id);
        self.slots.swap_remove(at as usize);
        if last != at {
            self.by_id.insert(self.slots[at as usize].id, at);
            if !resort {
                self.link(at);
            }
        }
    }

    fn position(&self, sort: Sort, at: u32) -> Result<usize, usize> {
        let slot = &self.slots[at as usize];
        self.orders[order_index(sort)].binary_search_by(|other| compare(sort, &self.slots[*other as usize], slot))
    }

    fn unlink(&mut self, at: u32) {
        for sort in SORTS {
            if let Ok(position) = self.position(sort, at) {
                self.orders[order_index(sort)].remove(position);
            }
        }
    }

    fn link(&mut self, at: u32) {
        for sort in SORTS {
            if let Err(position) = self.position(sort, at) {
                self.orders[order_index(sort)].insert(position, at);
            }
        }
    }

    fn word(&mut self, word: &str) -> u32 {
        if let Some(id) = self.word_ids.get(word) {
            return *id;
        }
        let id = self.words.len() as u32;
        self.words.push(word.to_owned());
        self.word_ids.insert(word.to_owned(), id);
        id
    }

    fn count(&self) -> Counts {
        let mut counts = Counts::default();
        for slot in &self.slots {
            if slot.trashed {
                counts.trashed += 1;
                continue;
            }
            match slot.kind {
                Kind::Skill => counts.skills += 1,
                Kind::Tool => counts.tools += 1,
                Kind::Agent => counts.agents += 1,
            }
            counts.drafts += i64::from(slot.has_draft);
            counts.hints += i64::from(slot.hints);
        }
        counts
    }

    /// Marks what matches, and says how many.
    fn matching(&self, filter: &Filter<'_>) -> (Vec<bool>, i64) {
        let mut marks = vec![false; self.slots.len()];
        let mut total = 0;
        let find = |word: Option<&str>| word.map(|word| self.word_ids.get(word).copied());
        let (category, tag) = (find(filter.category), find(filter.tag));
        // A word that no artifact has: nothing matches.
        if category == Some(None) || tag == Some(None) {
            return (marks, 0);
        }
        let (category, tag) = (category.flatten(), tag.flatten());
        let finders: Vec<Finder<'_>> = filter.words.iter().map(|word| Finder::new(word.as_bytes())).collect();
        let mut mark = |at: usize, slot: &Slot| {
            let matches = slot.trashed == (filter.view == View::Trash)
                && filter.kind.is_none_or(|kind| slot.kind == kind)
                && category.is_none_or(|category| slot.category == category)
                && tag.is_none_or(|tag| slot.tags.contains(&tag))
                && (filter.view != View::Drafts || slot.has_draft)
                && (filter.view != View::Hints || slot.hints)
                && finders.iter().all(|finder| finder.find(slot.text.as_bytes()).is_some());
            if matches && !marks[at] {
                marks[at] = true;
                total += 1;
            }
        };
        match filter.only {
            Some(ids) => ids.iter().filter_map(|id| self.by_id.get(id)).for_each(|at| mark(*at as usize, &self.slots[*at as usize])),
            None => self.slots.iter().enumerate().for_each(|(at, slot)| mark(at, slot)),
        }
        (marks, total)
    }

    /// The first `limit` matches after `after` in the order of `sort`, and how many match in all.
    pub fn page(&self, filter: &Filter<'_>, sort: Sort, after: Option<&Place>, limit: usize) -> (Vec<Place>, i64) {
        let (marks, total) = self.matching(filter);
        if total == 0 {
            return (Vec::new(), 0);
        }
        let order = &self.orders[order_index(sort)];
        let start = after.map_or(0, |after| order.partition_point(|at| !self.slots[*at as usize].is_after(sort, after)));
        let places =
            order[start..].iter().filter(|at| marks[**at as usize]).take(limit).map(|at| self.slots[*at as usize].place(sort)).collect();
        (places, total)
    }

    /// The artifacts whose slug or name has `typed` (lower case) in it: how well (0 is best), the name, the id; at most `limit`.
    pub fn complete(&self, typed: &str, limit: usize) -> Vec<(u8, String, ArtifactId)> {
        let finder = Finder::new(typed.as_bytes());
        let mut found: Vec<(u8, &str, ArtifactId)> = self
            .slots
            .iter()
            .filter(|slot| !slot.trashed)
            .filter_map(|slot| {
                let slug = slot.text.split('\n').next().unwrap_or_default();
                let begins_word = |text: &str| text.split(|c: char| !c.is_alphanumeric()).any(|word| word.starts_with(typed));
                let rank = if slug.starts_with(typed) {
                    0
                } else if slot.name.starts_with(typed) {
                    1
                } else if begins_word(slug) || begins_word(&slot.name) {
                    2
                } else if finder.find(slug.as_bytes()).is_some() || finder.find(slot.name.as_bytes()).is_some() {
                    3
                } else {
                    return None;
                };
                Some((rank, &*slot.name, slot.id))
            })
            .collect();
        found.sort_unstable();
        found.truncate(limit);
        found.into_iter().map(|(rank, name, id)| (rank, name.to_owned(), id)).collect()
    }

    /// How many of these are here and not in the trash.
    pub fn count_of(&self, ids: &[ArtifactId]) -> i64 {
        let here = |id: &&ArtifactId| self.by_id.get(*id).is_some_and(|at| !self.slots[*at as usize].trashed);
        ids.iter().filter(here).count() as i64
    }

    /// How often each category and tag is among the matches.
    pub fn add_facets(&self, filter: &Filter<'_>, categories: &mut HashMap<String, i64>, tags: &mut HashMap<String, i64>) {
        let (marks, _) = self.matching(filter);
        let mut category_counts = vec![0i64; self.words.len()];
        let mut tag_counts = vec![0i64; self.words.len()];
        for (slot, _) in self.slots.iter().zip(&marks).filter(|(_, mark)| **mark) {
            category_counts[slot.category as usize] += 1;
            for tag in &slot.tags {
                tag_counts[*tag as usize] += 1;
            }
        }
        for (word, (category, tag)) in self.words.iter().zip(category_counts.into_iter().zip(tag_counts)) {
            if category > 0 && !word.is_empty() {
                *categories.entry(word.clone()).or_default() += category;
            }
            if tag > 0 {
                *tags.entry(word.clone()).or_default() += tag;
            }
        }
    }

    #[cfg(test)]
    fn all(&self, sort: Sort) -> Vec<ArtifactId> {
        self.orders[order_index(sort)].iter().map(|at| self.slots[*at as usize].id).collect()
    }
}

/// A query without its order and its page.
#[derive(Clone, Debug, Default)]
pub struct Filter<'a> {
    pub kind: Option<Kind>,
    pub category: Option<&'a str>,
    pub tag: Option<&'a str>,
    /// Lower case; each must be in the text.
    pub words: Vec<String>,
    pub view: View,
    /// Only these.
    pub only: Option<&'a [ArtifactId]>,
}

impl<'a> Filter<'a> {
    pub fn of(query: &'a LibraryQuery, only: Option<&'a [ArtifactId]>) -> Self {
        let set = |text: &'a Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        Self {
            kind: query.kind,
            category: set(&query.category),
            tag: set(&query.tag),
            words: set(&query.q).unwrap_or_default().to_lowercase().split_whitespace().map(str::to_owned).collect(),
            view: query.view,
            only,
        }
    }
}

#[cfg(test)]
mod tests;
