//! What is to be done.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::problem::{Choice, Item, Problem, Stop, dependencies_first};

/// Which release of each item is in the volume afterwards, and what is to be done for that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub chosen: BTreeMap<String, Version>,
    /// What changes: items are put in and moved after what they need, and removed at the end, before what they needed.
    pub steps: Vec<Step>,
}

/// One item that is put in (`from` is none), moved to another release, or removed (`to` is none).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub slug: String,
    pub from: Option<Version>,
    pub to: Option<Version>,
    /// The chosen items that need it; none for what is in the volume for its own sake only, and for what is removed.
    pub needed_by: Vec<String>,
}

impl Plan {
    pub(crate) fn new(problem: &Problem, choice: &Choice, order: &[Item]) -> Result<Self, Stop> {
        let mut needed_by: BTreeMap<Item, Vec<String>> = BTreeMap::new();
        let mut chosen = BTreeMap::new();
        for (item, place) in choice {
            chosen.insert(problem.slug(*item).to_owned(), problem.version(*item, *place).clone());
            for need in problem.needs(*item, *place) {
                needed_by.entry(need?.0).or_default().push(problem.slug(*item).to_owned());
            }
        }
        let mut steps = Vec::new();
        for item in order {
            let slug = problem.slug(*item);
            let (from, to) = (problem.lock.get(slug).map(|installed| &installed.version), chosen.get(slug));
            if from != to {
                let mut needed_by = needed_by.remove(item).unwrap_or_default();
                needed_by.sort();
                needed_by.dedup();
                steps.push(Step { slug: slug.to_owned(), from: from.cloned(), to: to.cloned(), needed_by });
            }
        }
        let removed = problem.lock.iter().filter(|(slug, _)| !chosen.contains_key(*slug));
        let needs: BTreeMap<&str, Vec<&str>> = removed
            .map(|(slug, installed)| {
                let release = problem.catalogue.release(slug, &installed.version);
                (
                    slug.as_str(),
                    release.iter().flat_map(|release| &release.dependencies).map(|dependency| dependency.slug.as_str()).collect(),
                )
            })
            .collect();
        // What was installed by hand may need itself: it goes by name.
        let order = dependencies_first(&needs).unwrap_or_else(|_| needs.keys().copied().collect());
        steps.extend(order.into_iter().rev().map(|slug| {
            let from = problem.lock.get(slug).map(|installed| installed.version.clone());
            Step { slug: slug.to_owned(), from, to: None, needed_by: Vec::new() }
        }));
        Ok(Plan { chosen, steps })
    }
}
