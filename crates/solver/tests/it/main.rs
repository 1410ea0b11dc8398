//! The solver as the application uses it.
#![allow(clippy::unwrap_used)]

mod brute_force;
mod plans;
mod properties;
mod random;
mod refusals;

use std::collections::BTreeSet;

use llmos_solver::{Catalogue, Dependency, Installed, Reason, Release, Request, Root, Update};

/// A catalogue from lines like `lease-review 2.0.0: clause-library@^2 + notes`; a version ending in `!` is withdrawn.
pub fn catalogue(text: &str) -> Catalogue {
    let mut items: std::collections::BTreeMap<&str, Vec<Release>> = Default::default();
    let mut named = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (head, needs) = line.split_once(':').unwrap();
        let (slug, version) = head.split_once(' ').unwrap();
        let needs: Vec<Dependency> =
            needs.split(" + ").map(str::trim).filter(|need| !need.is_empty()).map(|need| need.parse().unwrap()).collect();
        named.extend(needs.iter().map(|need| need.slug.clone()));
        let mut release = Release::new(version.trim_end_matches('!').parse().unwrap(), needs);
        release.withdrawn = version.ends_with('!').then(|| "it leaks\nclient names.".into());
        items.entry(slug).or_default().push(release);
    }
    let mut catalogue = Catalogue::new();
    for slug in named.iter().filter(|slug| !items.contains_key(slug.as_str())) {
        catalogue.put_absent(slug.clone());
    }
    for (slug, releases) in items {
        catalogue.put(slug, releases);
    }
    catalogue
}

/// A request from `asked | installed roots | lock`, each a list with spaces; a lock entry is `slug@1.0.0`, with `!` if pinned.
pub fn request(text: &str) -> Request {
    let parts: Vec<&str> = text.split('|').collect();
    let roots = |text: &str, reason| {
        let roots = text.split_whitespace().map(|root| root.parse().unwrap());
        roots.map(|Dependency { slug, range }| Root { slug, range, reason }).collect::<Vec<_>>()
    };
    let lock = parts[2].split_whitespace().map(|entry| {
        let (slug, version) = entry.split_once('@').unwrap();
        let (version, pinned) = (version.trim_end_matches('!').parse().unwrap(), version.ends_with('!'));
        (slug.to_owned(), Installed { version, pinned })
    });
    let roots = roots(parts[0], Reason::Asked).into_iter().chain(roots(parts[1], Reason::Installed)).collect();
    Request { roots, installed: lock.collect(), update: Update::Nothing }
}
