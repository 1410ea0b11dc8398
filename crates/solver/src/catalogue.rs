//! What there is: items and their releases.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{Dependency, Limits, Refusal};

/// One release of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    pub version: Version,
    pub dependencies: Vec<Dependency>,
    /// Why it was withdrawn, if it was: it is then chosen only where it is installed already.
    pub withdrawn: Option<String>,
}

impl Release {
    pub fn new(version: Version, dependencies: Vec<Dependency>) -> Self {
        Release { version, dependencies, withdrawn: None }
    }
}

/// What is known of items: the releases of those that exist, and which do not exist. What is in neither has not been looked up.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    items: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug)]
pub(crate) enum Entry {
    Absent,
    /// Oldest first, each version once.
    Releases {
        releases: Vec<Release>,
        /// What any of the releases names, each once.
        names: Vec<String>,
    },
}

impl Catalogue {
    pub fn new() -> Self {
        Self::default()
    }

    /// Records an item with its releases, in any order; of two with the same version the first counts.
    pub fn put(&mut self, slug: impl Into<String>, mut releases: Vec<Release>) {
        releases.sort_by(|a, b| a.version.cmp(&b.version));
        releases.dedup_by(|later, earlier| later.version == earlier.version);
        let names: BTreeSet<&String> =
            releases.iter().flat_map(|release| &release.dependencies).map(|dependency| &dependency.slug).collect();
        let names = names.into_iter().cloned().collect();
        self.items.insert(slug.into(), Entry::Releases { releases, names });
    }

    /// Records that there is no such item.
    pub fn put_absent(&mut self, slug: impl Into<String>) {
        self.items.insert(slug.into(), Entry::Absent);
    }

    /// The releases of an item, oldest first; none if it does not exist or has not been looked up.
    pub fn releases(&self, slug: &str) -> &[Release] {
        match self.items.get(slug) {
            Some(Entry::Releases { releases, .. }) => releases,
            _ => &[],
        }
    }

    /// One release of an item.
    pub fn release(&self, slug: &str, version: &Version) -> Option<&Release> {
        let releases = self.releases(slug);
        releases.binary_search_by(|release| release.version.cmp(version)).ok().map(|at| &releases[at])
    }

    pub(crate) fn entry(&self, slug: &str) -> Option<(&str, &Entry)> {
        self.items.get_key_value(slug).map(|(slug, entry)| (slug.as_str(), entry))
    }
}

/// The items that the roots, or what they lead to in any release, name and that have not been looked up yet, in alphabetical order. To be called until it
/// answers with none: each time what it names is put into the catalogue, as an item or as absent, one level of dependencies is loaded. The roots are those
/// of the request and everything in its lock.
///
/// Refuses once more than [`Limits::items`] items are led to.
pub fn missing<'a>(catalogue: &'a Catalogue, roots: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, Refusal> {
    let limit = Limits::default().items;
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut missing = BTreeSet::new();
    let mut next: Vec<&str> = roots.into_iter().collect();
    while let Some(slug) = next.pop() {
        if !seen.insert(slug) {
            continue;
        }
        if seen.len() > limit {
            return Err(Refusal::too_many_items(limit));
        }
        match catalogue.items.get(slug) {
            None => _ = missing.insert(slug),
            Some(Entry::Absent) => (),
            Some(Entry::Releases { names, .. }) => next.extend(names.iter().map(String::as_str)),
        }
    }
    Ok(missing.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Kind;

    fn release(version: &str, dependencies: &[&str]) -> Release {
        Release::new(version.parse().unwrap(), dependencies.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn loads_level_by_level() {
        let mut catalogue = Catalogue::new();
        assert_eq!(missing(&catalogue, ["a", "b"]).unwrap(), ["a", "b"]);
        catalogue.put("a", vec![release("1.1.0", &["c", "a"]), release("1.0.0", &["d@^1"])]);
        catalogue.put_absent("b");
        catalogue.put("unrelated", vec![release("1.0.0", &["far-away"])]);
        assert_eq!(missing(&catalogue, ["a", "b"]).unwrap(), ["c", "d"]);
        catalogue.put("c", vec![]);
        catalogue.put("d", vec![release("1.0.0", &["a"])]);
        assert_eq!(missing(&catalogue, ["a", "b"]).unwrap(), [""; 0]);
        assert_eq!(catalogue.releases("a")[0].version.to_string(), "1.0.0");
        assert!(catalogue.release("a", &"1.1.0".parse().unwrap()).is_some() && catalogue.release("a", &"1.2.0".parse().unwrap()).is_none());
    }

    #[test]
    fn refuses_what_leads_too_far() {
        let mut catalogue = Catalogue::new();
        let names: Vec<String> = (0..1_000).map(|n| format!("n{n}")).collect();
        catalogue.put("a", vec![release("1.0.0", &names[1..].iter().map(String::as_str).collect::<Vec<_>>())]);
        assert_eq!(missing(&catalogue, ["a"]).unwrap().len(), 999);
        catalogue.put("a", vec![release("1.0.0", &names.iter().map(String::as_str).collect::<Vec<_>>())]);
        assert_eq!(missing(&catalogue, ["a"]).unwrap_err().kind, Kind::TooLarge);
    }
}
