//! A request as PubGrub sees it: items and releases by number, ranges as sets of releases.

use std::cell::{Cell, Ref, RefCell};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use pubgrub::{Dependencies, DependencyProvider, DerivationTree, External, Map, PackageResolutionStatistics, PubGrubError, VersionSet};
use semver::{Op, Version, VersionReq};

use crate::catalogue::Entry;
use crate::set::{self, Set};
use crate::wish::Wish;
use crate::{Catalogue, Limits, Lock, Release};

/// What a decision counts in combinations of sets, for all else that it takes.
const DECISION: u64 = 200;

/// The number of an item: the order in which the search met it.
pub(crate) type Item = u32;
/// The place of a release among those of its item, oldest first.
pub(crate) type Place = u32;
/// A release for each item.
pub(crate) type Choice = BTreeMap<Item, Place>;
pub(crate) type Tree = DerivationTree<Package, Set, Unusable>;

/// What the search decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Package {
    /// The volume itself, in its one release: it needs the roots.
    Volume,
    Item(Item),
    /// A circle of items: each member rules out the place of its own in it, so that they are not chosen all together.
    Circle(u32),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a release cannot be used, whatever else is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable;

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("needs itself")
    }
}

/// Why a search ended early.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("too many items")]
    Items,
    #[error("too many dependencies")]
    Dependencies,
    #[error("too many releases of {0}")]
    Releases(String),
    #[error("too much work")]
    Work,
    #[error("{0} has not been looked up")]
    NotLoaded(String),
}

/// How a search ends without a choice.
pub(crate) enum Failure {
    Impossible(Proof),
    Stopped(Stop),
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        Failure::Stopped(stop)
    }
}

/// Why there is no choice. It may be thousands of derivations deep, so it is taken apart without recursion.
pub(crate) struct Proof(pub Tree);

impl Drop for Proof {
    fn drop(&mut self) {
        let mut parts = vec![std::mem::replace(&mut self.0, DerivationTree::External(External::NotRoot(Package::Volume, 0)))];
        while let Some(part) = parts.pop() {
            if let DerivationTree::Derived(derived) = part {
                parts.extend([derived.cause1, derived.cause2].into_iter().filter_map(Arc::into_inner));
            }
        }
    }
}

/// What is known of an item that the search has met.
pub(crate) struct Facts<'a> {
    pub slug: &'a str,
    /// None if there is no such item.
    pub releases: Option<&'a [Release]>,
    /// All releases but those withdrawn, unless installed.
    pub available: Set,
    /// The installed release.
    pub lock: Option<Place>,
}

/// Items that need one another, each the next and the last the first.
pub(crate) struct Circle {
    pub members: Vec<Item>,
}

/// The catalogue and the lock, with what was found out on the way; all attempts share it.
pub(crate) struct Problem<'a> {
    pub catalogue: &'a Catalogue,
    pub lock: &'a Lock,
    pub limits: Limits,
    items: RefCell<Vec<Facts<'a>>>,
    numbers: RefCell<Map<&'a str, Item>>,
    matches: RefCell<Map<(Item, &'a VersionReq), Set>>,
    pairs: RefCell<pubgrub::Set<(Item, Item)>>,
    circles: RefCell<Vec<Circle>>,
    /// What is left of the work allowed.
    left: Cell<u64>,
}

impl<'a> Problem<'a> {
    pub fn new(catalogue: &'a Catalogue, lock: &'a Lock, limits: Limits) -> Self {
        Problem {
            catalogue,
            lock,
            limits,
            items: RefCell::default(),
            numbers: RefCell::default(),
            matches: RefCell::default(),
            pairs: RefCell::default(),
            circles: RefCell::default(),
            left: Cell::new(limits.work),
        }
    }

    /// Runs with this much work at most, and says how much it took: as much less is left.
    pub fn within<T>(&self, work: u64, run: impl FnOnce() -> T) -> (T, u64) {
        let before = self.left.replace(work);
        let answer = run();
        let taken = work - self.left.get();
        self.left.set(before.saturating_sub(taken));
        (answer, taken)
    }

    pub fn item(&self, slug: &'a str) -> Result<Item, Stop> {
        if let Some(item) = self.numbers.borrow().get(slug) {
            return Ok(*item);
        }
        let (slug, entry) = self.catalogue.entry(slug).ok_or_else(|| Stop::NotLoaded(slug.to_owned()))?;
        let mut items = self.items.borrow_mut();
        if items.len() == self.limits.items {
            return Err(Stop::Items);
        }
        let releases = match entry {
            Entry::Absent => None,
            Entry::Releases { releases, .. } => Some(releases.as_slice()),
        };
        let all = releases.unwrap_or_default();
        if all.len() > self.limits.releases {
            return Err(Stop::Releases(slug.to_owned()));
        }
        let installed = self.lock.get(slug).map(|installed| &installed.version);
        let lock = installed.and_then(|version| all.binary_search_by(|release| release.version.cmp(version)).ok()).map(|at| at as Place);
        let usable = |(at, release): (usize, &Release)| (release.withdrawn.is_none() || lock == Some(at as Place)).then_some(at as Place);
        let available = Set::from_places(all.iter().enumerate().filter_map(usable));
        let item = items.len() as Item;
        items.push(Facts { slug, releases, available, lock });
        self.numbers.borrow_mut().insert(slug, item);
        Ok(item)
    }

    pub fn facts(&self, item: Item) -> Ref<'_, Facts<'a>> {
        Ref::map(self.items.borrow(), |items| &items[item as usize])
    }

    pub fn slug(&self, item: Item) -> &'a str {
        self.items.borrow()[item as usize].slug
    }

    pub fn releases(&self, item: Item) -> &'a [Release] {
        self.items.borrow()[item as usize].releases.unwrap_or_default()
    }

    pub fn release(&self, item: Item, place: Place) -> &'a Release {
        &self.releases(item)[place as usize]
    }

    pub fn version(&self, item: Item, place: Place) -> &'a Version {
        &self.release(item, place).version
    }

    /// The releases that a range means, withdrawn ones among them.
    pub fn matches(&self, item: Item, range: &'a VersionReq) -> Set {
        let find = || {
            let releases = self.releases(item);
            let (from, to) = span(range, releases);
            let matching = (from..to).filter(|at| range.matches(&releases[*at].version));
            Set::from_places(matching.map(|at| at as Place))
        };
        self.matches.borrow_mut().entry((item, range)).or_insert_with(find).clone()
    }

    pub fn circles(&self) -> Ref<'_, Vec<Circle>> {
        self.circles.borrow()
    }

    /// The items that a release needs, and how.
    pub fn needs(&self, item: Item, place: Place) -> impl Iterator<Item = Result<(Item, &'a VersionReq), Stop>> {
        self.release(item, place).dependencies.iter().map(|dependency| Ok((self.item(&dependency.slug)?, &dependency.range)))
    }

    /// The best choice for a wish, without circles.
    pub fn attempt(&self, wish: &Wish<'a>) -> Result<Choice, Failure> {
        loop {
            let found = match pubgrub::resolve(&Attempt::new(self, wish), Package::Volume, 0u32) {
                Ok(found) => found,
                Err(PubGrubError::NoSolution(tree)) => return Err(Failure::Impossible(Proof(tree))),
                Err(PubGrubError::ErrorRetrievingDependencies { source, .. })
                | Err(PubGrubError::ErrorChoosingVersion { source, .. })
                | Err(PubGrubError::ErrorInShouldCancel(source)) => return Err(source.into()),
            };
            let choice: Choice = found
                .iter()
                .filter_map(|(package, place)| if let Package::Item(item) = package { Some((*item, *place)) } else { None })
                .collect();
            match self.order(&choice)? {
                Ok(_) => return Ok(choice),
                Err(circle) => self.circles.borrow_mut().push(circle),
            }
        }
    }

    /// The chosen items, dependencies first and otherwise by name; or a circle.
    pub fn order(&self, choice: &Choice) -> Result<Result<Vec<Item>, Circle>, Stop> {
        let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut numbers: BTreeMap<&str, Item> = BTreeMap::new();
        for (item, place) in choice {
            let named: Result<Vec<&str>, Stop> = self.needs(*item, *place).map(|need| Ok(self.slug(need?.0))).collect();
            needs.insert(self.slug(*item), named?);
            numbers.insert(self.slug(*item), *item);
        }
        let number = |slugs: Vec<&str>| slugs.iter().filter_map(|slug| numbers.get(slug).copied()).collect();
        Ok(dependencies_first(&needs).map(number).map_err(|slugs| Circle { members: number(slugs) }))
    }
}

/// Outside of which releases a range matches none, by comparing numbers: where to look.
fn span(range: &VersionReq, releases: &[Release]) -> (usize, usize) {
    let (mut from, mut to) = (0, releases.len());
    for comparator in &range.comparators {
        let numbers = (comparator.major, comparator.minor.unwrap_or(0), comparator.patch.unwrap_or(0));
        if matches!(comparator.op, Op::Exact | Op::Greater | Op::GreaterEq | Op::Tilde | Op::Caret | Op::Wildcard) {
            from = from.max(releases.partition_point(|Release { version, .. }| (version.major, version.minor, version.patch) < numbers));
        }
        if matches!(comparator.op, Op::Exact | Op::Less | Op::LessEq | Op::Tilde | Op::Caret | Op::Wildcard) {
            to = to.min(releases.partition_point(|Release { version, .. }| version.major <= comparator.major));
        }
        if let (Op::Exact | Op::Tilde, Some(minor)) = (comparator.op, comparator.minor) {
            to = to.min(releases.partition_point(|Release { version, .. }| (version.major, version.minor) <= (comparator.major, minor)));
        }
    }
    (from, to)
}

/// Sorts so that what a name needs comes before it, and by name as far as that leaves open; or finds names that need one another in a circle. What is needed
/// and not among the names is ignored.
pub(crate) fn dependencies_first<'s>(needs: &BTreeMap<&'s str, Vec<&'s str>>) -> Result<Vec<&'s str>, Vec<&'s str>> {
    let mut needed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut waits_for: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ready = std::collections::BTreeSet::new();
    for (name, needed) in needs {
        let needed: std::collections::BTreeSet<&str> = needed.iter().copied().filter(|needed| needs.contains_key(needed)).collect();
        if needed.is_empty() {
            ready.insert(*name);
        }
        waits_for.insert(name, needed.len());
        needed.into_iter().for_each(|needed| needed_by.entry(needed).or_default().push(name));
    }
    let mut sorted = Vec::with_capacity(needs.len());
    while let Some(name) = ready.pop_first() {
        sorted.push(name);
        waits_for.remove(name);
        for by in needed_by.get(name).into_iter().flatten() {
            if let Some(count) = waits_for.get_mut(by) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(by);
                }
            }
        }
    }
    let Some((first, _)) = waits_for.first_key_value() else { return Ok(sorted) };
    // Each of the others waits for another of them, so following that comes round.
    let mut path = vec![*first];
    loop {
        let next = path.last().and_then(|last| needs[last].iter().filter(|needed| waits_for.contains_key(*needed)).min());
        let Some(next) = next else { return Err(path) };
        if let Some(at) = path.iter().position(|name| name == next) {
            let mut circle = path.split_off(at);
            let smallest = circle.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
            circle.rotate_left(smallest);
            return Err(circle);
        }
        path.push(next);
    }
}

/// One run of the search.
struct Attempt<'p, 'a> {
    problem: &'p Problem<'a>,
    wish: &'p Wish<'a>,
    /// The work that has been counted.
    counted: Cell<u64>,
}

impl<'p, 'a> Attempt<'p, 'a> {
    fn new(problem: &'p Problem<'a>, wish: &'p Wish<'a>) -> Self {
        Attempt { problem, wish, counted: Cell::new(set::work()) }
    }

    fn dependencies_of(&self, item: Item, place: Place) -> Result<Dependencies<Package, Set, Unusable>, Stop> {
        let mut needs = Vec::new();
        let mut pairs = self.problem.pairs.borrow_mut();
        for need in self.problem.needs(item, place) {
            let (needed, range) = need?;
            if needed == item {
                return Ok(Dependencies::Unavailable(Unusable));
            }
            if pairs.insert((item, needed)) && pairs.len() > self.problem.limits.dependencies {
                return Err(Stop::Dependencies);
            }
            needs.push((Package::Item(needed), self.problem.matches(needed, range).intersection(&self.wish.usable(self.problem, needed))));
        }
        for (number, circle) in self.problem.circles.borrow().iter().enumerate() {
            let Some(at) = circle.members.iter().position(|member| *member == item) else { continue };
            let next = circle.members[(at + 1) % circle.members.len()];
            if needs.iter().any(|(needed, _)| *needed == Package::Item(next)) {
                let others = Set::first(circle.members.len()).minus(&Set::singleton(at as u32));
                needs.push((Package::Circle(number as u32), others));
            }
        }
        Ok(Dependencies::Available(needs.into_iter().collect()))
    }
}

impl DependencyProvider for Attempt<'_, '_> {
    type P = Package;
    type V = u32;
    type VS = Set;
    type M = Unusable;
    type Err = Stop;
    /// Lower ranks first; then what was in more conflicts; then what has fewer releases left.
    type Priority = (Reverse<u32>, u32, Reverse<u32>);

    fn prioritize(&self, package: &Package, set: &Set, statistics: &PackageResolutionStatistics) -> Self::Priority {
        let rank = match package {
            Package::Item(item) => self.wish.rank.get(item).copied().unwrap_or(u32::MAX),
            // The circle only forbids; deciding it early would forbid the wrong member.
            Package::Circle(_) => return (Reverse(u32::MAX), 0, Reverse(u32::MAX)),
            Package::Volume => 0,
        };
        (Reverse(rank), statistics.conflict_count(), Reverse(set.len()))
    }

    fn choose_version(&self, package: &Package, set: &Set) -> Result<Option<u32>, Stop> {
        Ok(match package {
            Package::Item(item) => self.wish.best(*item, set),
            Package::Volume => Some(0),
            Package::Circle(_) => set.last(),
        })
    }

    fn get_dependencies(&self, package: &Package, place: &u32) -> Result<Dependencies<Package, Set, Unusable>, Stop> {
        match package {
            Package::Volume => {
                let roots = self.wish.roots.iter().map(|(item, range)| (*item, self.problem.matches(*item, range)));
                let present = self.wish.present.iter().map(|item| (*item, Set::full()));
                let needs =
                    roots.chain(present).map(|(item, set)| (Package::Item(item), set.intersection(&self.wish.usable(self.problem, item))));
                Ok(Dependencies::Available(needs.collect()))
            }
            Package::Item(item) => self.dependencies_of(*item, *place),
            Package::Circle(_) => Ok(Dependencies::Available(Default::default())),
        }
    }

    fn should_cancel(&self) -> Result<(), Stop> {
        let work = set::work();
        let left = self.problem.left.get().checked_sub(work - self.counted.replace(work) + DECISION);
        self.problem.left.set(left.unwrap_or_default());
        left.map(|_| ()).ok_or(Stop::Work)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_outside_of_the_span_matches(
            ranges in proptest::collection::vec("(\\^|~|=|>|>=|<|<=)[0-3](\\.[0-3](\\.[0-3](-[a-c])?)?)?|[0-3]\\.\\*|[0-3]\\.[0-3]\\.\\*", 1..3),
            versions in proptest::collection::btree_set("[0-3]\\.[0-3]\\.[0-3](-[a-c])?", 0..30),
        ) {
            let range: VersionReq = ranges.join(", ").parse().unwrap();
            let mut releases: Vec<Release> = versions.iter().map(|version| Release::new(version.parse().unwrap(), vec![])).collect();
            releases.sort_by(|a, b| a.version.cmp(&b.version));
            let (from, to) = span(&range, &releases);
            for (at, release) in releases.iter().enumerate() {
                prop_assert!((from..to).contains(&at) || !range.matches(&release.version));
            }
        }
    }
}
