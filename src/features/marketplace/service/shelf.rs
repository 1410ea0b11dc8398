//! The catalogue in memory: small columns of every listing, so that any filter in any order, with its counts, is one pass.
//!
//! It is derived from the `listings` table and follows it by `seq` (`catalogue.rs`); nothing is only here.

use std::{cmp::Ordering, collections::HashMap};

use crate::{
    features::{
        artifacts::model::Kind,
        marketplace::model::{
            MarketSort,
            rating::{lower_bound, mean},
        },
    },
    ids::ListingId,
};

/// A listing as filters and orders see it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: ListingId,
    /// Everybody sees it; one that is not leaves the shelf.
    pub listed: bool,
    pub kind: Kind,
    pub category: String,
    pub tags: Vec<String>,
    pub licence: String,
    pub author: String,
    pub signed: bool,
    pub stars: i64,
    pub ratings: i64,
    pub installs: i64,
    pub downloads: i64,
    pub published_at: i64,
}

struct Slot {
    id: ListingId,
    kind: Kind,
    category: u32,
    tags: Box<[u32]>,
    licence: u32,
    author: u32,
    signed: bool,
    stars: i64,
    ratings: i64,
    installs: i64,
    downloads: i64,
    trend: i64,
    published_at: i64,
}

/// What to leave out. Of several values one is enough; of tags all are meant.
#[derive(Clone, Debug, Default)]
pub struct Narrowed {
    pub kinds: Vec<Kind>,
    pub categories: Vec<String>,
    pub tags: Vec<String>,
    pub licences: Vec<String>,
    pub authors: Vec<String>,
    pub min_rating: Option<f64>,
    pub signed: bool,
    pub since: Option<i64>,
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub key: i64,
    pub id: ListingId,
}

/// What came of a pass.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub ids: Vec<ListingId>,
    pub total: i64,
    /// Behind the last of `ids`, if more follow.
    pub next: Option<Place>,
    /// For each group how many there are of each value, as if nothing of that group were chosen; the most frequent first.
    pub counts: Counts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub kinds: Vec<(Kind, i64)>,
    pub categories: Vec<(String, i64)>,
    pub tags: Vec<(String, i64)>,
    pub licences: Vec<(String, i64)>,
    pub authors: Vec<(String, i64)>,
}

const SORTS: usize = MarketSort::ALL.len();
/// More changes than that, and sorting anew is quicker than moving each.
const RESORT: usize = 200;
/// Values of a group that are counted out.
const VALUES: usize = 50;

fn sort_index(sort: MarketSort) -> usize {
    MarketSort::ALL.iter().position(|known| *known == sort).unwrap_or(0)
}

impl Slot {
    /// What an order goes by, the greatest first.
    fn key(&self, sort: MarketSort) -> i64 {
        match sort {
            MarketSort::Popular => self.installs,
            MarketSort::Trending => self.trend,
            MarketSort::Recent => self.published_at,
            // Wilson's bound in billionths.
            MarketSort::Rating => (lower_bound(self.stars, self.ratings) * 1e9) as i64,
            MarketSort::Downloads => self.downloads,
        }
    }

    fn place(&self, sort: MarketSort) -> Place {
        Place { key: self.key(sort), id: self.id }
    }
}

/// Greatest key first; of equal ones the newest listing.
fn compare(a: Place, b: Place) -> Ordering {
    b.key.cmp(&a.key).then_with(|| b.id.cmp(&a.id))
}

/// Texts by number.
#[derive(Default)]
struct Words {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Words {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.into());
        self.numbers.insert(text.into(), number);
        number
    }

    /// Those of `texts` that are known; what is not matches nothing.
    fn known(&self, texts: &[String]) -> Vec<u32> {
        texts.iter().map(|text| self.numbers.get(text.as_str()).copied().unwrap_or(u32::MAX)).collect()
    }

    /// The most frequent first.
    fn counted(&self, counts: &[u32]) -> Vec<(String, i64)> {
        let mut found: Vec<(&str, u32)> =
            counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(number, count)| (&*self.texts[number], *count)).collect();
        let order = |a: &(&str, u32), b: &(&str, u32)| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0));
        if found.len() > VALUES {
            found.select_nth_unstable_by(VALUES, order);
            found.truncate(VALUES);
        }
        found.sort_unstable_by(order);
        found.into_iter().map(|(text, count)| (text.to_owned(), i64::from(count))).collect()
    }
}

#[derive(Default)]
pub struct Shelf {
    slots: Vec<Slot>,
    by_id: HashMap<ListingId, u32>,
    categories: Words,
    tags: Words,
    licences: Words,
    authors: Words,
    orders: [Vec<u32>; SORTS],
}

/// `Narrowed` with numbers for texts.
struct Asked<'a> {
    narrowed: &'a Narrowed,
    categories: Vec<u32>,
    tags: Vec<u32>,
    licences: Vec<u32>,
    authors: Vec<u32>,
}

/// Groups whose values are counted.
const KIND: u8 = 1;
const CATEGORY: u8 = 2;
const TAG: u8 = 4;
const LICENCE: u8 = 8;
const AUTHOR: u8 = 16;
/// What has no group.
const REST: u8 = 32;

impl Asked<'_> {
    /// The groups that leave a slot out.
    fn fails(&self, slot: &Slot) -> u8 {
        let narrowed = self.narrowed;
        let misses = |wanted: &[u32], value: u32| !wanted.is_empty() && !wanted.contains(&value);
        let mut fails = 0;
        if !narrowed.kinds.is_empty() && !narrowed.kinds.contains(&slot.kind) {
            fails |= KIND;
        }
        if misses(&self.categories, slot.category) {
            fails |= CATEGORY;
        }
        if !self.tags.iter().all(|tag| slot.tags.contains(tag)) {
            fails |= TAG;
        }
        if misses(&self.licences, slot.licence) {
            fails |= LICENCE;
        }
        if misses(&self.authors, slot.author) {
            fails |= AUTHOR;
        }
        let unrated = |least: f64| slot.ratings == 0 || mean(slot.stars, slot.ratings) < least;
        if (narrowed.signed && !slot.signed)
            || narrowed.since.is_some_and(|since| slot.published_at < since)
            || narrowed.min_rating.is_some_and(unrated)
        {
            fails |= REST;
        }
        fails
    }
}

impl Shelf {
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Takes later states of listings in.
    pub fn apply(&mut self, entries: Vec<Entry>) {
        let resort = entries.len() > RESORT;
        for entry in entries {
            self.put(entry, resort);
        }
        if resort {
            self.sort_all();
        }
    }

    /// Takes listings into a shelf that nobody looks at yet; `sort_all` ends it.
    pub fn load(&mut self, entries: Vec<Entry>) {
        entries.into_iter().for_each(|entry| self.put(entry, true));
    }

    fn put(&mut self, entry: Entry, resort: bool) {
        let trend = match self.by_id.get(&entry.id).copied() {
            Some(at) => {
                let trend = self.slots[at as usize].trend;
                self.remove(at, resort);
                trend
            }
            None => 0,
        };
        if !entry.listed {
            return;
        }
        let at = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let tags = entry.tags.iter().map(|tag| self.tags.number(tag)).collect();
        self.slots.push(Slot {
            id: entry.id,
            kind: entry.kind,
            category: self.categories.number(&entry.category),
            tags,
            licence: self.licences.number(&entry.licence),
            author: self.authors.number(&entry.author),
            signed: entry.signed,
            stars: entry.stars,
            ratings: entry.ratings,
            installs: entry.installs,
            downloads: entry.downloads,
            trend,
            published_at: entry.published_at,
        });
        self.by_id.insert(entry.id, at);
        if !resort {
            for (sort, order) in MarketSort::ALL.into_iter().zip(&mut self.orders) {
                let place = self.slots[at as usize].place(sort);
                let to = order.partition_point(|other| compare(self.slots[*other as usize].place(sort), place) == Ordering::Less);
                order.insert(to, at);
            }
        }
    }

    /// Takes a slot out; the last one moves to its number.
    fn remove(&mut self, at: u32, resort: bool) {
        let last = u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX);
        if !resort {
            for (sort, order) in MarketSort::ALL.into_iter().zip(&mut self.orders) {
                let slots = &self.slots;
                let position = |of: u32| {
                    let place = slots[of as usize].place(sort);
                    order.partition_point(|other| compare(slots[*other as usize].place(sort), place) == Ordering::Less)
                };
                let (gone, moved) = (position(at), position(last));
                order[moved] = at;
                order.remove(gone);
            }
        }
        let id = self.slots[at as usize].id;
        self.slots.swap_remove(at as usize);
        self.by_id.remove(&id);
        if let Some(slot) = self.slots.get(at as usize) {
            self.by_id.insert(slot.id, at);
        }
    }

    pub fn sort_all(&mut self) {
        let slots = &self.slots;
        for (sort, order) in MarketSort::ALL.into_iter().zip(&mut self.orders) {
            let mut places: Vec<(Place, u32)> = (0..).zip(slots).map(|(at, slot)| (slot.place(sort), at)).collect();
            places.sort_unstable_by(|a, b| compare(a.0, b.0));
            *order = places.into_iter().map(|(_, at)| at).collect();
        }
    }

    /// How much each listing was taken lately; the others not at all.
    pub fn set_trends(&mut self, trends: &HashMap<ListingId, i64>) {
        for slot in &mut self.slots {
            slot.trend = trends.get(&slot.id).copied().unwrap_or(0);
        }
        let (slots, order) = (&self.slots, &mut self.orders[sort_index(MarketSort::Trending)]);
        *order = (0..).take(slots.len()).collect();
        order.sort_unstable_by(|a, b| {
            compare(slots[*a as usize].place(MarketSort::Trending), slots[*b as usize].place(MarketSort::Trending))
        });
    }

    /// The first of all in an order.
    pub fn first(&self, sort: MarketSort, limit: usize) -> Vec<ListingId> {
        self.orders[sort_index(sort)].iter().take(limit).map(|at| self.slots[*at as usize].id).collect()
    }

    fn asked<'a>(&self, narrowed: &'a Narrowed) -> Asked<'a> {
        Asked {
            narrowed,
            categories: self.categories.known(&narrowed.categories),
            tags: self.tags.known(&narrowed.tags),
            licences: self.licences.known(&narrowed.licences),
            authors: self.authors.known(&narrowed.authors),
        }
    }

    /// A page in one of the orders, behind a place or from an offset.
    pub fn browse(&self, narrowed: &Narrowed, sort: MarketSort, after: Option<Place>, offset: usize, limit: usize) -> Found {
        let asked = self.asked(narrowed);
        // An order jumps about in memory: what fits is noted while all are passed in theirs.
        let mut fits = vec![false; self.slots.len()];
        let (counts, total) = self.count(&asked, self.slots.iter(), |at| fits[at] = true);
        let order = &self.orders[sort_index(sort)];
        let place = |at: u32| self.slots[at as usize].place(sort);
        let from = after.map_or(0, |after| order.partition_point(|at| compare(place(*at), after) != Ordering::Greater));
        let mut page: Vec<u32> = order[from..].iter().filter(|at| fits[**at as usize]).skip(offset).take(limit + 1).copied().collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let next = page.last().filter(|_| more).map(|at| place(*at));
        Found { ids: page.into_iter().map(|at| self.slots[at as usize].id).collect(), total, next, counts }
    }

    /// Those of `ranked` that fit, in that order.
    pub fn among(&self, ranked: &[ListingId], narrowed: &Narrowed, offset: usize, limit: usize) -> Found {
        let asked = self.asked(narrowed);
        let slots: Vec<&Slot> = ranked.iter().filter_map(|id| self.by_id.get(id)).map(|at| &self.slots[*at as usize]).collect();
        let mut fits = Vec::new();
        let (counts, total) = self.count(&asked, slots.iter().copied(), |at| fits.push(slots[at].id));
        let ids = fits.into_iter().skip(offset).take(limit).collect();
        Found { ids, total, next: None, counts }
    }

    /// Those of `ranked` that fit, in another order than that.
    pub fn among_sorted(&self, ranked: &[ListingId], narrowed: &Narrowed, sort: MarketSort, offset: usize, limit: usize) -> Found {
        let mut places: Vec<Place> =
            ranked.iter().filter_map(|id| self.by_id.get(id)).map(|at| self.slots[*at as usize].place(sort)).collect();
        places.sort_unstable_by(|a, b| compare(*a, *b));
        let sorted: Vec<ListingId> = places.into_iter().map(|place| place.id).collect();
        self.among(&sorted, narrowed, offset, limit)
    }

    /// Counts, and says which of the slots fit by their place in the row.
    fn count<'s>(&self, asked: &Asked<'_>, slots: impl Iterator<Item = &'s Slot>, mut fits: impl FnMut(usize)) -> (Counts, i64) {
        let mut kinds = [0_u32; Kind::ALL.len()];
        let mut categories = vec![0; self.categories.texts.len()];
        let mut tags = vec![0; self.tags.texts.len()];
        let mut licences = vec![0; self.licences.texts.len()];
        let mut authors = vec![0; self.authors.texts.len()];
        let mut total = 0;
        for (at, slot) in slots.enumerate() {
            let fails = asked.fails(slot);
            if fails == 0 {
                total += 1;
                fits(at);
            }
            let but = |group: u8| fails & !group == 0;
            if but(KIND) {
                kinds[slot.kind as usize] += 1;
            }
            if but(CATEGORY) {
                categories[slot.category as usize] += 1;
            }
            // One more tag narrows further, so only what is left counts.
            if fails == 0 {
                slot.tags.iter().for_each(|tag| tags[*tag as usize] += 1);
            }
            if but(LICENCE) {
                licences[slot.licence as usize] += 1;
            }
            if but(AUTHOR) {
                authors[slot.author as usize] += 1;
            }
        }
        let counts = Counts {
            kinds: Kind::ALL.into_iter().zip(kinds).filter(|(_, count)| *count > 0).map(|(kind, count)| (kind, i64::from(count))).collect(),
            categories: self.categories.counted(&categories),
            tags: self.tags.counted(&tags),
            licences: self.licences.counted(&licences),
            authors: self.authors.counted(&authors),
        };
        (counts, total)
    }

    /// How many items of each category, how many downloads in all, and who has the most items.
    pub fn totals(&self) -> (i64, Counts) {
        let narrowed = Narrowed::default();
        let (counts, _) = self.count(&self.asked(&narrowed), self.slots.iter(), |_| {});
        (self.slots.iter().map(|slot| slot.downloads).sum(), counts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(number: u64, seed: u64) -> Entry {
        let pick = |shift: u32, of: u64| (seed >> shift) % of;
        Entry {
            id: ListingId::from_bits(u128::from(number)),
            listed: pick(0, 9) != 0,
            kind: Kind::ALL[pick(3, 3) as usize],
            category: format!("c{}", pick(5, 4)),
            tags: (0..pick(8, 3)).map(|tag| format!("t{}", (tag + pick(10, 5)) % 5)).collect(),
            licence: ["MIT", "Apache-2.0"][pick(12, 2) as usize].to_owned(),
            author: format!("a{}", pick(14, 3)),
            signed: pick(17, 2) == 0,
            stars: pick(18, 5) as i64 + 4,
            ratings: pick(21, 4) as i64,
            installs: pick(23, 6) as i64,
            downloads: pick(26, 6) as i64,
            published_at: pick(29, 50) as i64,
        }
    }

    fn fits(entry: &Entry, narrowed: &Narrowed) -> bool {
        let one_of = |wanted: &[String], value: &String| wanted.is_empty() || wanted.contains(value);
        (narrowed.kinds.is_empty() || narrowed.kinds.contains(&entry.kind))
            && one_of(&narrowed.categories, &entry.category)
            && one_of(&narrowed.licences, &entry.licence)
            && one_of(&narrowed.authors, &entry.author)
            && narrowed.tags.iter().all(|tag| entry.tags.contains(tag))
            && (!narrowed.signed || entry.signed)
            && narrowed.since.is_none_or(|since| entry.published_at >= since)
            && narrowed.min_rating.is_none_or(|least| entry.ratings > 0 && mean(entry.stars, entry.ratings) >= least)
    }

    fn narrowed() -> impl Strategy<Value = Narrowed> {
        let words = |prefix: &'static str, of: u64| proptest::collection::vec((0..of).prop_map(move |n| format!("{prefix}{n}")), 0..2);
        (words("c", 4), words("t", 5), words("a", 4), any::<bool>(), 0..3_usize, proptest::option::of(0..50_i64)).prop_map(
            |(categories, tags, authors, signed, kinds, since)| Narrowed {
                kinds: Kind::ALL.into_iter().take(kinds).collect(),
                categories,
                tags,
                authors,
                signed,
                since,
                ..Narrowed::default()
            },
        )
    }

    proptest! {
        #[test]
        fn pages_are_what_filtering_and_sorting_all_gives(
            changes in proptest::collection::vec((0..40_u64, any::<u64>()), 1..120), narrowed in narrowed(), sort in 0..SORTS, limit in 1..7_usize,
        ) {
            let mut shelf = Shelf::default();
            let mut all: HashMap<ListingId, Entry> = HashMap::new();
            for (number, seed) in changes {
                let entry = entry(number, seed);
                all.insert(entry.id, entry.clone());
                shelf.apply(vec![entry]);
            }
            let sort = MarketSort::ALL[sort];
            let mut expected: Vec<&Entry> = all.values().filter(|entry| entry.listed && fits(entry, &narrowed)).collect();
            let place = |entry: &Entry| {
                let at = shelf.by_id[&entry.id];
                shelf.slots[at as usize].place(sort)
            };
            expected.sort_by(|a, b| compare(place(a), place(b)));
            let expected: Vec<ListingId> = expected.iter().map(|entry| entry.id).collect();
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = shelf.browse(&narrowed, sort, after, 0, limit);
                prop_assert_eq!(page.total as usize, expected.len());
                seen.extend(page.ids);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(&seen, &expected);
            // An order is the same however it came about.
            let incremental = shelf.orders.clone();
            shelf.sort_all();
            prop_assert_eq!(incremental, shelf.orders.clone());
            // A facet's number is what choosing that value alone in its group would find.
            let counts = shelf.browse(&narrowed, sort, None, 0, 1).counts;
            for (value, count) in counts.categories {
                let chosen = Narrowed { categories: vec![value], ..narrowed.clone() };
                prop_assert_eq!(shelf.browse(&chosen, sort, None, 0, 1).total, count);
            }
            for (value, count) in counts.tags {
                let mut chosen = narrowed.clone();
                chosen.tags.push(value);
                prop_assert_eq!(shelf.browse(&chosen, sort, None, 0, 1).total, count);
            }
        }
    }
}
