//! What one attempt of the search is about: what must be, what may be, what is liked better.

use std::collections::BTreeMap;

use pubgrub::VersionSet;
use semver::VersionReq;

use crate::problem::{Item, Place, Problem, Stop};
use crate::set::Set;

/// Releases that are looked at to narrow a wish down.
const NARROWING: usize = 100_000;

/// What one attempt is about.
#[derive(Clone, Default)]
pub(crate) struct Wish<'a> {
    pub roots: Vec<(Item, &'a VersionReq)>,
    /// Items that are in the choice without a range: those pinned.
    pub present: Vec<Item>,
    /// Items of which only one release may be chosen.
    pub only: BTreeMap<Item, Place>,
    /// Items of which no release may be chosen that is older than this one.
    pub no_older: BTreeMap<Item, Place>,
    /// Releases beyond which an item need not be looked for: [`Wish::narrow`].
    pub within: BTreeMap<Item, Set>,
    /// Releases that come before newer ones.
    pub prefer: BTreeMap<Item, Place>,
    /// Which items are decided first; those not in it last.
    pub rank: BTreeMap<Item, u32>,
}

impl<'a> Wish<'a> {
    /// The releases of an item that this wish lets be chosen.
    pub fn usable(&self, problem: &Problem<'a>, item: Item) -> Set {
        let mut usable = problem.facts(item).available.clone();
        if let Some(place) = self.only.get(&item) {
            usable = usable.intersection(&Set::singleton(*place));
        }
        if let Some(place) = self.no_older.get(&item) {
            usable = usable.minus(&Set::first(*place as usize));
        }
        self.within.get(&item).map_or_else(|| usable.clone(), |within| usable.intersection(within))
    }

    /// Finds what follows from the roots for any choice: what all releases of an item need that are possible, is needed in one of the releases that they need.
    /// It takes nothing away that could be chosen, and shows at a glance much that the search would have to find out release by release.
    pub fn narrow(&mut self, problem: &Problem<'a>) -> Result<(), Stop> {
        let mut next: Vec<Item> = Vec::new();
        let roots = self.roots.iter().map(|(item, range)| (*item, problem.matches(*item, range)));
        for (item, set) in roots.chain(self.present.iter().map(|item| (*item, Set::full()))).collect::<Vec<_>>() {
            self.within.insert(item, self.usable(problem, item).intersection(&set));
            next.push(item);
        }
        let mut releases = NARROWING;
        while let Some(item) = next.pop() {
            // What the releases seen so far all need.
            let mut common: Option<BTreeMap<Item, Set>> = None;
            for place in self.usable(problem, item).places().rev() {
                let mut needs: BTreeMap<Item, Set> = BTreeMap::new();
                for need in problem.needs(item, place) {
                    let (needed, range) = need?;
                    let set = needs.entry(needed).or_insert_with(Set::full);
                    *set = set.intersection(&problem.matches(needed, range));
                }
                let common = match &mut common {
                    None => common.insert(needs),
                    Some(common) => {
                        common.retain(|needed, set| {
                            needs.get(needed).is_some_and(|other| {
                                *set = set.union(other);
                                true
                            })
                        });
                        common
                    }
                };
                releases -= 1;
                if releases == 0 {
                    return Ok(());
                }
                if common.is_empty() {
                    break;
                }
            }
            for (needed, set) in common.into_iter().flatten() {
                let before = self.usable(problem, needed);
                let after = before.intersection(&set);
                if after != before || !self.within.contains_key(&needed) {
                    self.within.insert(needed, after);
                    next.push(needed);
                }
            }
        }
        Ok(())
    }

    /// The release that comes first among some of an item.
    pub fn best(&self, item: Item, among: &Set) -> Option<Place> {
        self.prefer.get(&item).copied().filter(|place| among.contains(place)).or_else(|| among.last())
    }
}
