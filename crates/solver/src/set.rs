//! Sets of releases of one item, by their place in the catalogue.
//!
//! PubGrub asks for sets with complement and intersection. Translating ranges to intervals is where prereleases go wrong (`^1.2` matches `1.3.0` but not
//! `1.3.0-beta` in between); since all releases are known, a set is simply the bits of those that match.

use std::cell::Cell;
use std::fmt;

thread_local! {
    /// How many times sets were combined or compared on this thread. PubGrub takes no more than that from us, so it is the one measure of its work that is in
    /// proportion to its time (20 to 50 ns each where it works hard) and the same on every machine.
    static WORK: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    WORK.with(|work| work.set(work.get() + 1));
}

pub(crate) fn work() -> u64 {
    WORK.with(Cell::get)
}

/// A set of places, closed under complement: bits of the first 64 × n places, and whether all places behind are in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Set {
    first: u64,
    /// Without words at its end that are as all places behind.
    more: Vec<u64>,
    rest: bool,
}

impl Set {
    pub fn from_places(places: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Set { first: 0, more: Vec::new(), rest: false };
        for place in places {
            let (word, bit) = (place as usize / 64, 1 << (place % 64));
            if word == 0 {
                set.first |= bit;
            } else {
                if set.more.len() < word {
                    set.more.resize(word, 0);
                }
                set.more[word - 1] |= bit;
            }
        }
        set
    }

    /// The first `count` places.
    pub fn first(count: usize) -> Self {
        Self::from_places(0..count as u32)
    }

    fn fill(&self) -> u64 {
        if self.rest { u64::MAX } else { 0 }
    }

    fn word(&self, at: usize) -> u64 {
        self.more.get(at).copied().unwrap_or(self.fill())
    }

    fn combine(&self, other: &Self, operation: impl Fn(u64, u64) -> u64) -> Self {
        count();
        let rest = operation(self.fill(), other.fill()) != 0;
        let first = operation(self.first, other.first);
        let more = (0..self.more.len().max(other.more.len())).map(|at| operation(self.word(at), other.word(at))).collect();
        let mut set = Set { first, more, rest };
        let fill = set.fill();
        let length = set.more.iter().rposition(|word| *word != fill).map_or(0, |last| last + 1);
        set.more.truncate(length);
        set
    }

    fn all(&self, other: &Self, test: impl Fn(u64, u64) -> bool) -> bool {
        count();
        test(self.first, other.first)
            && (0..self.more.len().max(other.more.len())).all(|at| test(self.word(at), other.word(at)))
            && test(self.fill(), other.fill())
    }

    pub fn minus(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & !b)
    }

    pub fn is_empty(&self) -> bool {
        self.first == 0 && self.more.is_empty() && !self.rest
    }

    /// The places in it, lowest first, of a set that is finite.
    pub fn places(&self) -> impl DoubleEndedIterator<Item = u32> {
        (0..64 * (1 + self.more.len() as u32)).filter(|place| pubgrub::VersionSet::contains(self, place))
    }

    /// The highest place in it, of a set that is finite and not empty.
    pub fn last(&self) -> Option<u32> {
        if let Some((last, word)) = self.more.iter().enumerate().next_back() {
            return Some((last as u32 + 1) * 64 + 63 - word.leading_zeros());
        }
        (self.first != 0).then(|| 63 - self.first.leading_zeros())
    }

    /// How many places are in it, of a set that is finite.
    pub fn len(&self) -> u32 {
        self.first.count_ones() + self.more.iter().map(|word| word.count_ones()).sum::<u32>()
    }
}

impl pubgrub::VersionSet for Set {
    type V = u32;

    fn empty() -> Self {
        Set { first: 0, more: Vec::new(), rest: false }
    }

    fn full() -> Self {
        Set { first: u64::MAX, more: Vec::new(), rest: true }
    }

    fn singleton(place: u32) -> Self {
        Self::from_places([place])
    }

    fn complement(&self) -> Self {
        Set { first: !self.first, more: self.more.iter().map(|word| !word).collect(), rest: !self.rest }
    }

    fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a & b)
    }

    fn union(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a | b)
    }

    fn contains(&self, place: &u32) -> bool {
        let word = if *place < 64 { self.first } else { self.word(*place as usize / 64 - 1) };
        word >> (place % 64) & 1 == 1
    }

    fn is_disjoint(&self, other: &Self) -> bool {
        self.all(other, |a, b| a & b == 0)
    }

    fn subset_of(&self, other: &Self) -> bool {
        self.all(other, |a, b| a & !b == 0)
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:x}", self.first)?;
        self.more.iter().try_for_each(|word| write!(f, ",{word:x}"))?;
        f.write_str(if self.rest { "…" } else { "" })
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use pubgrub::VersionSet;

    use super::*;

    /// The set, and what it has of the first 300 places.
    fn sets() -> impl Strategy<Value = (Set, BTreeSet<u32>)> {
        (proptest::collection::btree_set(0u32..200, 0..20), any::<bool>()).prop_map(|(places, complement)| {
            let set = Set::from_places(places.iter().copied());
            if complement { (set.complement(), (0..300).filter(|place| !places.contains(place)).collect()) } else { (set, places) }
        })
    }

    proptest! {
        #[test]
        fn is_a_set((a, has_a) in sets(), (b, has_b) in sets()) {
            let places = |set: &Set| (0..300).filter(|place| set.contains(place)).collect::<BTreeSet<_>>();
            prop_assert_eq!(&places(&a), &has_a);
            prop_assert_eq!(places(&a.intersection(&b)), &has_a & &has_b);
            prop_assert_eq!(places(&a.union(&b)), &has_a | &has_b);
            prop_assert_eq!(places(&a.minus(&b)), &has_a - &has_b);
            prop_assert_eq!(a.is_disjoint(&b), has_a.is_disjoint(&has_b));
            prop_assert_eq!(a.subset_of(&b), has_a.is_subset(&has_b));
            prop_assert_eq!(a == b, has_a == has_b);
            // Equal sets have one form, however they came about.
            prop_assert_eq!(&a.complement().complement(), &a);
            prop_assert_eq!(&a.intersection(&b).union(&a.minus(&b)), &a);
            prop_assert_eq!(a.intersection(&a.complement()), Set::empty());
            prop_assert_eq!(a.union(&a.complement()), Set::full());
            if has_a.len() < 25 {
                prop_assert_eq!(a.last(), has_a.last().copied());
                prop_assert_eq!(a.len() as usize, has_a.len());
                prop_assert_eq!(a.places().collect::<BTreeSet<_>>(), has_a);
            }
        }
    }
}
