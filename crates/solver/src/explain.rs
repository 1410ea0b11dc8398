//! From PubGrub's proof to sentences.
//!
//! The proof rests on facts: a release needs an item in a range. They contradict one another for every choice of releases, so they do for the choice that a
//! person would think of first: of each item the installed release, else the newest. Following the facts from the volume on under that choice comes
//! upon an item that nothing can be chosen for; who wants it how, and through which chain, is the story that is told. Ways out are tried before they are named.

mod tree;

use std::cell::Cell;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use pubgrub::{DerivationTree, External, VersionSet};
use semver::{Version, VersionReq};

use crate::problem::{Failure, Item, Package, Place, Problem, Proof, Tree};
use crate::refusal::{Kind, Refusal};
use crate::set::Set;
use crate::solve::{Solver, Wanted};
use crate::wish::Wish;
use crate::words::{listed, listed_clauses, quoted, sentence};
use crate::{Reason, Release};

/// Choices that are followed before the story is given up for the list of items.
const WALKS: usize = 200;
/// Pins and ranges that are tried without, each.
const WAYS_OUT: usize = 4;
/// Above this many, it is not tried which of the pins matter.
const PINS: usize = 10;

/// The most sentences of a first view, and the one to leave out if there are more.
const SENTENCES: usize = 5;
const OTHERS: &str = "The other releases that could be chosen do not fit either.";

/// Any release that is no prerelease.
static ANY: VersionReq = VersionReq::STAR;

pub(crate) fn explain<'a>(solver: &Solver<'_, 'a>, wish: &Wish<'a>, proof: &Proof) -> Refusal {
    let facts = facts(&proof.0);
    let mut of: BTreeMap<Package, Vec<usize>> = BTreeMap::new();
    facts.iter().enumerate().for_each(|(at, fact)| of.entry(fact.by).or_default().push(at));
    let core = Core { solver, problem: solver.problem, wish, facts, of };
    let mut refusal = core.story();
    core.add_ways_out(&mut refusal);
    if refusal.sentences.len() > SENTENCES {
        refusal.sentences.retain(|sentence| sentence != OTHERS);
    }
    refusal.explanation = core.explanation(&proof.0);
    refusal
}

/// That some releases of one item (or the volume) need another item in some releases.
struct Fact {
    by: Package,
    releases: Set,
    on: Package,
    /// Those that could be chosen; none if the need cannot be met whatever else is chosen.
    allowed: Set,
}

/// The facts that a proof rests on, each once.
fn facts(tree: &Tree) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut known: pubgrub::Map<(Package, Package, Set), usize> = Default::default();
    let mut seen = pubgrub::Set::default();
    let mut next: Vec<&Tree> = vec![tree];
    while let Some(tree) = next.pop() {
        let fact = match tree {
            DerivationTree::Derived(derived) => {
                next.extend(
                    [&derived.cause2, &derived.cause1].into_iter().filter(|cause| seen.insert(Arc::as_ptr(cause))).map(Arc::as_ref),
                );
                continue;
            }
            DerivationTree::External(External::FromDependencyOf(by, releases, on, allowed)) => {
                Fact { by: *by, releases: releases.clone(), on: *on, allowed: allowed.clone() }
            }
            DerivationTree::External(External::Custom(by, releases, _)) => {
                Fact { by: *by, releases: releases.clone(), on: *by, allowed: Set::empty() }
            }
            DerivationTree::External(External::NotRoot(..) | External::NoVersions(..)) => continue,
        };
        // Facts that differ only in the releases that need are one.
        match known.entry((fact.by, fact.on, fact.allowed.clone())) {
            Entry::Occupied(at) => facts[*at.get()].releases = facts[*at.get()].releases.union(&fact.releases),
            Entry::Vacant(place) => {
                place.insert(facts.len());
                facts.push(fact);
            }
        }
    }
    facts
}

struct Core<'s, 'p, 'a> {
    solver: &'s Solver<'p, 'a>,
    problem: &'p Problem<'a>,
    wish: &'s Wish<'a>,
    facts: Vec<Fact>,
    /// The places of those of each package.
    of: BTreeMap<Package, Vec<usize>>,
}

/// One choice of releases, followed to where it fails.
#[derive(Default)]
struct Walk {
    chosen: BTreeMap<Package, Place>,
    /// The facts that led to each, the first met first.
    led: BTreeMap<Package, Vec<usize>>,
}

impl<'a> Core<'_, '_, 'a> {
    /// The sentences without ways out.
    fn story(&self) -> Refusal {
        let Some((walk, clash)) = self.walk() else {
            let items = self.items();
            let names: Vec<&str> = items.iter().take(6).map(|item| self.problem.slug(*item)).collect();
            let more = if items.len() > names.len() { format!(" and {} others", items.len() - names.len()) } else { String::new() };
            let names = if more.is_empty() { listed(&names, "and") } else { names.join(", ") };
            let sentence = format!("No releases of {names}{more} fit together.");
            return Refusal { slugs: self.slugs(items), ..Refusal::brief(Kind::Conflict, Vec::new(), sentence) };
        };
        let against = self.against(&walk, clash);
        let mut told: BTreeSet<usize> = against.iter().flat_map(|fact| self.chain(&walk, *fact)).collect();
        let mut refusal = match clash {
            Package::Circle(number) => {
                told.extend(self.facts.iter().enumerate().filter(|(_, fact)| fact.on == clash).map(|(at, _)| at));
                self.circle(&walk, number)
            }
            Package::Item(item) if self.facts[against[0]].by == clash => self.itself(&walk, item),
            Package::Item(item) if against.len() == 1 => self.dead_end(&walk, against[0], item),
            Package::Item(item) => self.conflict(&walk, &against, item),
            Package::Volume => Refusal::brief(Kind::Conflict, Vec::new(), "This cannot be done.".into()),
        };
        let one_only = |at: usize| self.facts[at].by == Package::Volume || self.facts[at].releases.len() == 1;
        let circles = matches!(clash, Package::Circle(_));
        if !circles
            && (told.len() < self.facts.len() || !told.iter().all(|at| one_only(*at)))
            && against.iter().any(|at| self.facts[*at].by != Package::Volume)
        {
            refusal.sentences.push(OTHERS.into());
        }
        refusal
    }

    /// Follows what the facts need until an item is met of which no release is left.
    fn walk(&self) -> Option<(Walk, Package)> {
        let mut hints: BTreeMap<Package, Set> = BTreeMap::new();
        'walks: for _ in 0..WALKS {
            let mut walk = Walk::default();
            let mut left: BTreeMap<Package, Set> = BTreeMap::new();
            let mut next = VecDeque::from([Package::Volume]);
            while let Some(package) = next.pop_front() {
                let among = left.get(&package).cloned().unwrap_or_else(|| Set::first(1));
                let hinted = hints.get(&package).map(|hint| hint.intersection(&among)).filter(|hinted| !hinted.is_empty());
                let among = hinted.unwrap_or(among);
                let place = match package {
                    Package::Item(item) => self.wish.best(item, &among)?,
                    _ => among.last()?,
                };
                walk.chosen.insert(package, place);
                for at in self.of.get(&package).into_iter().flatten().copied() {
                    let fact = &self.facts[at];
                    if !fact.releases.contains(&place) {
                        continue;
                    }
                    walk.led.entry(fact.on).or_default().push(at);
                    let known = left.contains_key(&fact.on);
                    let still = left.entry(fact.on).or_insert_with(Set::full);
                    *still = still.intersection(&fact.allowed);
                    if still.is_empty() {
                        return Some((walk, fact.on));
                    }
                    if walk.chosen.get(&fact.on).is_some_and(|chosen| !still.contains(chosen)) {
                        hints.insert(fact.on, still.clone());
                        continue 'walks;
                    }
                    if !known {
                        next.push_back(fact.on);
                    }
                }
            }
            return None;
        }
        None
    }

    /// The fewest facts that leave nothing of the item at which a walk failed: what is asked for first.
    fn against(&self, walk: &Walk, clash: Package) -> Vec<usize> {
        let mut all: Vec<usize> = walk.led.get(&clash).cloned().unwrap_or_default();
        all.sort_by_key(|fact| !self.is_asked(walk, *fact));
        if let Some(alone) = all.iter().find(|fact| self.facts[**fact].allowed.is_empty()) {
            return vec![*alone];
        }
        for (at, one) in all.iter().enumerate() {
            if let Some(other) = all[at + 1..].iter().find(|other| self.facts[*one].allowed.is_disjoint(&self.facts[**other].allowed)) {
                return vec![*one, *other];
            }
        }
        let mut kept = all.clone();
        for fact in all {
            let without: Vec<usize> = kept.iter().copied().filter(|other| *other != fact).collect();
            if without.iter().fold(Set::full(), |left, fact| left.intersection(&self.facts[*fact].allowed)).is_empty() {
                kept = without;
            }
        }
        kept
    }

    /// The facts through which one came about, from the volume's on, itself last.
    fn chain(&self, walk: &Walk, fact: usize) -> Vec<usize> {
        let mut chain = vec![fact];
        let mut met = BTreeSet::new();
        let mut by = self.facts[fact].by;
        while by != Package::Volume && met.insert(by) {
            let Some(before) = walk.led.get(&by).and_then(|facts| facts.first()) else { break };
            chain.push(*before);
            by = self.facts[*before].by;
        }
        chain.reverse();
        chain
    }

    fn is_asked(&self, walk: &Walk, fact: usize) -> bool {
        let first = &self.facts[self.chain(walk, fact)[0]];
        matches!(first.on, Package::Item(item) if self.wanted(item, &first.allowed).is_some_and(|wanted| wanted.reason == Reason::Asked))
    }

    /// The root that a fact of the volume is about; none if it is a pin.
    fn wanted(&self, item: Item, allowed: &Set) -> Option<Wanted<'a>> {
        let usable = self.wish.usable(self.problem, item);
        let fits = |root: &&Wanted<'a>| root.item == item && self.problem.matches(item, root.range).intersection(&usable) == *allowed;
        self.solver.roots.iter().find(fits).copied()
    }

    /// The range with which a release (or the volume) needs an item.
    fn range(&self, by: Package, place: Place, on: Item, allowed: &Set) -> Option<&'a VersionReq> {
        let Package::Item(by) = by else { return self.wanted(on, allowed).map(|root| root.range) };
        let usable = self.wish.usable(self.problem, on);
        let mut ranges = self.problem.release(by, place).dependencies.iter().filter(|needed| needed.slug == self.problem.slug(on));
        ranges.find(|needed| self.problem.matches(on, &needed.range).intersection(&usable) == *allowed).map(|needed| &needed.range)
    }

    /// An item in a range, as it stands in sentences.
    fn ranged(&self, item: Item, range: Option<&VersionReq>) -> String {
        let slug = self.problem.slug(item);
        match range {
            Some(range) if *range != ANY => format!("{slug} {range}"),
            _ => slug.to_owned(),
        }
    }

    fn released(&self, item: Item, place: Place) -> String {
        let pinned = self.wish.only.contains_key(&item);
        let installed = self.problem.facts(item).lock == Some(place);
        let aside = if pinned {
            ", which is pinned,"
        } else if installed {
            ", which is installed,"
        } else {
            ""
        };
        format!("{} {}{aside}", self.problem.slug(item), self.problem.version(item, place))
    }

    /// A fact as half a sentence.
    fn told(&self, walk: &Walk, fact: usize) -> String {
        let fact = &self.facts[fact];
        let Package::Item(on) = fact.on else { return String::new() };
        match fact.by {
            Package::Item(by) => {
                let place = walk.chosen.get(&fact.by).copied().unwrap_or_default();
                format!("{} needs {}", self.released(by, place), self.ranged(on, self.range(fact.by, place, on, &fact.allowed)))
            }
            _ => self.root_told(on, &fact.allowed),
        }
    }

    fn root_told(&self, on: Item, allowed: &Set) -> String {
        match self.wanted(on, allowed) {
            Some(Wanted { range, reason: Reason::Asked, .. }) => format!("you ask for {}", self.ranged(on, Some(range))),
            Some(Wanted { range, reason: Reason::Installed, .. }) => format!("this volume keeps {}", self.ranged(on, Some(range))),
            None => self.pin_told(on),
        }
    }

    fn pin_told(&self, item: Item) -> String {
        let slug = self.problem.slug(item);
        let version = self.problem.lock.get(slug).map(|installed| installed.version.to_string()).unwrap_or_default();
        format!("{slug} is pinned at {version}")
    }

    /// How a fact came about, as halves of sentences; that a root is wanted is not said if more follows.
    fn chain_told(&self, walk: &Walk, fact: usize) -> Vec<String> {
        let chain = self.chain(walk, fact);
        let skip = usize::from(chain.len() > 1 && self.facts[chain[0]].by == Package::Volume);
        let told = |facts: &[usize]| facts.iter().map(|fact| self.told(walk, *fact)).collect::<Vec<_>>();
        match &chain[skip..] {
            [first, second, between @ .., last] if between.len() > 2 => {
                let mut clauses = told(&[*first, *second]);
                clauses.push(format!("then come {} others", between.len()));
                clauses.extend(told(&[*last]));
                clauses
            }
            short => told(short),
        }
    }

    fn conflict(&self, walk: &Walk, against: &[usize], item: Item) -> Refusal {
        let sides: Vec<Vec<String>> = against.iter().map(|fact| self.chain_told(walk, *fact)).collect();
        let slug = self.problem.slug(item);
        let mut sentences = match &sides[..] {
            [one, other] if one.len() == 1 && other.len() == 1 => vec![sentence(&format!("{}, but {}", one[0], other[0]))],
            [one, other] => vec![sentence(&listed_clauses(one)), sentence(&format!("but {}", listed_clauses(other)))],
            sides => {
                let lasts: Vec<&str> = sides.iter().filter_map(|side| side.last()).map(String::as_str).collect();
                vec![sentence(&format!("{}: no release of {slug} fits all of them", listed_clauses(&lasts)))]
            }
        };
        // Releases that would fit, were they not withdrawn.
        let place = |by: Package| walk.chosen.get(&by).copied().unwrap_or_default();
        let ranges = against.iter().map(|at| self.range(self.facts[*at].by, place(self.facts[*at].by), item, &self.facts[*at].allowed));
        let fitting = ranges.flatten().fold(Set::full(), |left, range| left.intersection(&self.problem.matches(item, range)));
        let withdrawn = if fitting == Set::full() { Set::empty() } else { fitting };
        if let Some(told) = self.withdrawn_told(item, &withdrawn) {
            sentences.push(sentence(&format!("what would fit is withdrawn: {slug} {told}")));
        }
        let mut slugs: BTreeSet<Item> = BTreeSet::from([item]);
        slugs.extend(against.iter().filter_map(|fact| if let Package::Item(by) = self.facts[*fact].by { Some(by) } else { None }));
        Refusal { sentences, slugs: self.slugs(slugs), ..Refusal::brief(Kind::Conflict, Vec::new(), String::new()) }
    }

    /// Withdrawn releases with their reasons, the newest three of them.
    fn withdrawn_told(&self, item: Item, among: &Set) -> Option<String> {
        let withdrawn = |place: Place| {
            let Release { version, withdrawn, .. } = self.problem.release(item, place);
            withdrawn.as_ref().map(|reason| format!("{version} ({})", quoted(reason)))
        };
        let told: Vec<String> = among.places().rev().filter_map(withdrawn).collect();
        match told.len() {
            0 => None,
            1..=3 => Some(listed(&told, "and")),
            more => Some(format!("{} and {} others", told[..3].join(", "), more - 3)),
        }
    }

    /// A need that nothing can meet, whatever else is chosen.
    fn dead_end(&self, walk: &Walk, at: usize, item: Item) -> Refusal {
        let fact = &self.facts[at];
        let place = walk.chosen.get(&fact.by).copied().unwrap_or_default();
        let range = self.range(fact.by, place, item, &fact.allowed);
        let matching = range.map_or_else(Set::empty, |range| self.problem.matches(item, range));
        let (slug, wanted) = (self.problem.slug(item), self.ranged(item, range));
        let mut clauses = self.chain_told(walk, at);
        let direct = fact.by == Package::Volume;
        let facts = self.problem.facts(item);
        let available = matching.intersection(&facts.available);
        let (kind, told) = if facts.releases.is_none() {
            let told =
                if direct { format!("there is no item {slug} in the marketplace") } else { "the marketplace has no such item".into() };
            (Kind::NoSuchItem, told)
        } else if direct && matching.is_empty() && range == Some(&ANY) {
            let only = if facts.releases.is_some_and(<[Release]>::is_empty) { "no releases" } else { "only prereleases" };
            (Kind::NoRelease, format!("{slug} has {only}"))
        } else if matching.is_empty() {
            let there = self.releases_told(item);
            (Kind::NoRelease, if direct { format!("no release of {slug} fits {}: {there}", range.unwrap_or(&ANY)) } else { there })
        } else if available.is_empty() {
            let which = self.withdrawn_told(item, &matching).unwrap_or_default();
            let told = if direct {
                format!("every release of {wanted} is withdrawn: {which}")
            } else {
                format!("every release of that is withdrawn: {which}")
            };
            (Kind::Withdrawn, told)
        } else {
            (Kind::Pinned, self.pin_told(item))
        };
        let mut sentences = Vec::new();
        if direct && kind != Kind::Pinned {
            sentences.push(sentence(&told));
        } else {
            let last = clauses.pop().unwrap_or_default();
            if !clauses.is_empty() {
                sentences.push(sentence(&listed_clauses(&clauses)));
            }
            sentences.push(sentence(&format!("{last}, but {told}")));
        }
        if kind == Kind::NoRelease
            && let Some(told) = range.and_then(|range| self.prerelease_told(item, range))
        {
            sentences.push(told);
        }
        let mut slugs = BTreeSet::from([item]);
        if let Package::Item(by) = fact.by {
            slugs.insert(by);
        }
        Refusal { sentences, slugs: self.slugs(slugs), ..Refusal::brief(kind, Vec::new(), String::new()) }
    }

    /// Which releases there are: all if they are few, else the newest.
    fn releases_told(&self, item: Item) -> String {
        let versions: Vec<String> = self.problem.releases(item).iter().rev().map(|release| release.version.to_string()).collect();
        match versions.len() {
            0 => format!("{} has no releases", self.problem.slug(item)),
            1 => format!("there is only {}", versions[0]),
            2..=5 => format!("there are only {}", listed(&versions, "and")),
            more => format!("there are {more} others, the newest {}", listed(&versions[..3], "and")),
        }
    }

    /// That a range would fit a prerelease, were it none.
    fn prerelease_told(&self, item: Item, range: &VersionReq) -> Option<String> {
        let would_fit = |release: &&Release| {
            let Version { major, minor, patch, .. } = release.version;
            !release.version.pre.is_empty() && range.matches(&Version::new(major, minor, patch))
        };
        let newest = self.problem.releases(item).iter().rev().find(would_fit)?;
        Some(format!("Prereleases are chosen only where a range names one, for example ^{}.", newest.version))
    }

    fn circle(&self, walk: &Walk, number: u32) -> Refusal {
        let circles = self.problem.circles();
        let members = &circles[number as usize].members;
        let slugs: Vec<String> = members.iter().map(|member| self.problem.slug(*member).to_owned()).collect();
        let told = if members.len() > 5 {
            format!("{} and back to {} need one another", slugs.join(", "), slugs[0])
        } else {
            let place = |item| walk.chosen.get(&Package::Item(item)).copied().unwrap_or_default();
            let clause = |(at, member): (usize, &Item)| {
                format!("{} needs {}", self.released(*member, place(*member)), slugs[(at + 1) % slugs.len()])
            };
            listed_clauses(&members.iter().enumerate().map(clause).collect::<Vec<_>>())
        };
        Refusal::brief(Kind::Circle, slugs, sentence(&format!("{told}: items that need one another in a circle cannot be installed")))
    }

    fn itself(&self, walk: &Walk, item: Item) -> Refusal {
        let place = walk.chosen.get(&Package::Item(item)).copied().unwrap_or_default();
        let sentence = sentence(&format!("{} needs itself, so it cannot be installed", self.released(item, place)));
        Refusal::brief(Kind::Circle, vec![self.problem.slug(item).to_owned()], sentence)
    }

    /// The items that the proof is about.
    fn items(&self) -> BTreeSet<Item> {
        let items = self.facts.iter().flat_map(|fact| [fact.by, fact.on]);
        items.filter_map(|package| if let Package::Item(item) = package { Some(item) } else { None }).collect()
    }

    fn slugs(&self, items: BTreeSet<Item>) -> Vec<String> {
        let mut slugs: Vec<String> = items.into_iter().map(|item| self.problem.slug(item).to_owned()).collect();
        slugs.sort();
        slugs
    }

    fn add_ways_out(&self, refusal: &mut Refusal) {
        let items = self.items();
        let (roots, all) = (&self.solver.roots, &self.solver.pins);
        let unsure = Cell::new(false);
        let without = |dropped: &[Item]| {
            let rest: Vec<Item> = all.iter().copied().filter(|pin| !dropped.contains(pin)).collect();
            let answer = self.solver.would_work(roots, &rest);
            unsure.set(unsure.get() || matches!(answer, Err(Failure::Stopped(_))));
            answer.ok()
        };
        let concerned = all.iter().filter(|pin| items.contains(pin)).take(WAYS_OUT);
        if let Some((pin, choice)) = concerned.into_iter().find_map(|pin| Some((*pin, without(&[*pin])?))) {
            refusal.kind = Kind::Pinned;
            let becomes = choice.get(&pin).map_or("be removed".into(), |place| format!("become {}", self.problem.version(pin, *place)));
            refusal.sentences.push(sentence(&format!("if {} were not pinned, it would work: it would {becomes}", self.problem.slug(pin))));
        } else if all.len() > 1 && without(all).is_some() {
            refusal.kind = Kind::Pinned;
            // As few as do; if there are many, all.
            let mut dropped = all.clone();
            for pin in all.iter().filter(|_| all.len() <= PINS) {
                let fewer: Vec<Item> = dropped.iter().copied().filter(|other| other != pin).collect();
                if without(&fewer).is_some() {
                    dropped = fewer;
                }
            }
            let names: Vec<&str> = dropped.iter().map(|pin| self.problem.slug(*pin)).collect();
            let told = if names.len() > PINS { "nothing were pinned".into() } else { format!("{} were not pinned", listed(&names, "and")) };
            refusal.sentences.push(sentence(&format!("if {told}, it would work")));
        } else if refusal.kind == Kind::Pinned && !unsure.get() {
            refusal.sentences.push("Unpinning it would not be enough.".into());
        }
        let mut ways: Vec<String> = Vec::new();
        for reason in [Reason::Installed, Reason::Asked] {
            let concerned = |(_, root): &(usize, &Wanted)| root.reason == reason && items.contains(&root.item) && *root.range != ANY;
            for (at, root) in roots.iter().enumerate().filter(concerned).take(WAYS_OUT) {
                let mut looser = roots.clone();
                looser[at].range = &ANY;
                let Some(place) = self.solver.would_work(&looser, all).ok().and_then(|choice| choice.get(&root.item).copied()) else {
                    continue;
                };
                let (slug, version) = (self.problem.slug(root.item), self.problem.version(root.item, place));
                let lock = self.problem.facts(root.item).lock;
                ways.push(match (reason, lock) {
                    (Reason::Installed, Some(lock)) if place < lock => format!("go back to {slug} {version} first"),
                    (Reason::Installed, _) => format!("update {slug} to {version} first"),
                    (Reason::Asked, _) => format!("install {slug} {version}"),
                });
            }
        }
        if !ways.is_empty() {
            refusal.sentences.push(sentence(&ways.join(", or ")));
        }
    }
}
