//! The whole argument of a proof, as a tree of sentences.

use std::collections::BTreeSet;

use pubgrub::{DerivationTree, External, Term, VersionSet};

use super::Core;
use crate::problem::{Package, Place, Tree};
use crate::refusal::Explanation;
use crate::set::Set;
use crate::words::{listed, sentence};

/// Nodes and levels of the explanation; what lies deeper is left out.
const NODES: usize = 500;
const LEVELS: usize = 60;

impl Core<'_, '_, '_> {
    pub(super) fn explanation(&self, tree: &Tree) -> Option<Explanation> {
        let (mut nodes, mut told) = (NODES, BTreeSet::new());
        self.explained(tree, LEVELS, &mut nodes, &mut told)
    }

    fn explained(&self, tree: &Tree, levels: usize, nodes: &mut usize, told: &mut BTreeSet<usize>) -> Option<Explanation> {
        *nodes = nodes.checked_sub(1)?;
        match tree {
            DerivationTree::External(External::FromDependencyOf(by, releases, on, allowed)) => {
                Some(Explanation { sentence: self.fact_told(*by, releases, *on, allowed), because: Vec::new() })
            }
            DerivationTree::External(External::Custom(by, releases, _)) => {
                Some(Explanation { sentence: sentence(&format!("{} needs itself", self.some(*by, releases))), because: Vec::new() })
            }
            DerivationTree::External(_) => None,
            DerivationTree::Derived(derived) => {
                let mut because = Vec::new();
                let again = derived.shared_id.is_some_and(|id| !told.insert(id));
                if levels > 0 && !again {
                    for cause in [&derived.cause1, &derived.cause2] {
                        because.extend(self.explained(cause, levels - 1, nodes, told));
                    }
                }
                Some(Explanation { sentence: self.derived_told(&derived.terms), because })
            }
        }
    }

    fn fact_told(&self, by: Package, releases: &Set, on: Package, allowed: &Set) -> String {
        let Package::Item(item) = on else {
            return sentence(&format!("{} is in a circle of items that need one another", self.some(by, releases)));
        };
        if by == Package::Volume {
            return sentence(&self.root_told(item, allowed));
        }
        let range = releases.last().and_then(|place| self.range(by, place, item, allowed));
        let nothing = if allowed.is_empty() { ", of which no release can be chosen" } else { "" };
        sentence(&format!("{} needs {}{nothing}", self.some(by, releases), self.ranged(item, range)))
    }

    fn derived_told(&self, terms: &pubgrub::Map<Package, Term<Set>>) -> String {
        let (mut chosen, mut needed) = (Vec::new(), Vec::new());
        for (package, term) in terms.iter().filter(|(package, _)| matches!(package, Package::Item(_))) {
            match term {
                Term::Positive(set) => chosen.push(self.some(*package, set)),
                Term::Negative(set) => needed.push(self.some(*package, set)),
            }
        }
        chosen.sort();
        needed.sort();
        let (chosen, together, needed) = (listed(&chosen, "and"), chosen.len() > 1, listed(&needed, "or"));
        sentence(&match (chosen.is_empty(), needed.is_empty()) {
            (true, true) => "so it cannot be done".into(),
            (true, false) => format!("so {needed} is needed"),
            (false, true) if together => format!("so {chosen} cannot be chosen together"),
            (false, true) => format!("so {chosen} cannot be chosen"),
            (false, false) => format!("so {chosen}{} needs {needed}", if together { " together" } else { "" }),
        })
    }

    /// Some releases of an item, in few words.
    fn some(&self, package: Package, set: &Set) -> String {
        let Package::Item(item) = package else { return "this volume".into() };
        let (slug, count) = (self.problem.slug(item), self.problem.releases(item).len());
        let places: Vec<Place> = set.intersection(&Set::first(count)).places().collect();
        if places.len() == count && count > 1 {
            return format!("any release of {slug}");
        }
        let mut runs: Vec<(Place, Place)> = Vec::new();
        for place in places {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == place => *last = place,
                _ => runs.push((place, place)),
            }
        }
        let version = |place| self.problem.version(item, place);
        let run = |(first, last): &(Place, Place)| {
            if first == last { version(*first).to_string() } else { format!("{} to {}", version(*first), version(*last)) }
        };
        match runs.len() {
            0 => format!("no release of {slug}"),
            1..=4 => format!("{slug} {}", listed(&runs.iter().map(run).collect::<Vec<_>>(), "or")),
            more => format!("{slug} {} or {} others", runs[..3].iter().map(run).collect::<Vec<_>>().join(", "), more - 3),
        }
    }
}
