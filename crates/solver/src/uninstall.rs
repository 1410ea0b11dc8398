//! What goes along when something is removed from a volume.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::dependencies_first;
use crate::{Catalogue, Lock};

/// The installed items that need this one: they would break without it.
pub fn dependents(catalogue: &Catalogue, lock: &Lock, slug: &str) -> BTreeSet<String> {
    needs(catalogue, lock).into_iter().filter(|(_, needed)| needed.contains(&slug)).map(|(by, _)| by.to_owned()).collect()
}

/// The item and all that needs it, directly or through others, in an order in which they can be removed: each before what it needs.
pub fn cascade(catalogue: &Catalogue, lock: &Lock, slug: &str) -> Vec<String> {
    let all = needs(catalogue, lock);
    let mut going: BTreeSet<&str> = all.keys().copied().filter(|name| *name == slug).collect();
    loop {
        let more: Vec<&str> = all
            .iter()
            .filter(|(by, needed)| !going.contains(*by) && needed.iter().any(|needed| going.contains(needed)))
            .map(|(by, _)| *by)
            .collect();
        if more.is_empty() {
            break;
        }
        going.extend(more);
    }
    in_order(all, &going)
}

/// What was installed only for something that is gone: installed items that the going ones need, directly or through others, and that nothing needs which
/// stays: the roots, what is pinned, and what the going ones have nothing to do with. In an order in which they can be removed.
pub fn orphans<'a>(catalogue: &Catalogue, lock: &Lock, roots: impl IntoIterator<Item = &'a str>, going: &BTreeSet<String>) -> Vec<String> {
    let all = needs(catalogue, lock);
    let concerned = reachable(&all, going.iter().map(String::as_str).collect(), |_| true);
    let mut staying: Vec<&str> = roots.into_iter().collect();
    staying.extend(lock.iter().filter(|(_, installed)| installed.pinned).map(|(slug, _)| slug.as_str()));
    // What the going ones do not lead to is none of our business, so it keeps what it needs.
    staying.extend(all.keys().filter(|slug| !concerned.contains(*slug)));
    staying.retain(|slug| !going.contains(*slug));
    let needed = reachable(&all, staying, |slug| !going.contains(slug));
    let orphans = concerned.into_iter().filter(|slug| !going.contains(*slug) && !needed.contains(*slug)).collect();
    in_order(all, &orphans)
}

/// The installed items that some lead to, themselves among them, over those that may be passed.
fn reachable<'s>(needs: &BTreeMap<&'s str, Vec<&'s str>>, from: Vec<&str>, pass: impl Fn(&str) -> bool) -> BTreeSet<&'s str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&'s str> = from.into_iter().filter_map(|slug| needs.get_key_value(slug)).map(|(slug, _)| *slug).collect();
    while let Some(slug) = next.pop() {
        if reached.insert(slug) {
            next.extend(needs[slug].iter().copied().filter(|needed| needs.contains_key(needed) && pass(needed)));
        }
    }
    reached
}

/// What each installed item needs.
fn needs<'a>(catalogue: &'a Catalogue, lock: &'a Lock) -> BTreeMap<&'a str, Vec<&'a str>> {
    lock.iter()
        .map(|(slug, installed)| {
            let release = catalogue.release(slug, &installed.version);
            (slug.as_str(), release.iter().flat_map(|release| &release.dependencies).map(|dependency| dependency.slug.as_str()).collect())
        })
        .collect()
}

fn in_order(mut needs: BTreeMap<&str, Vec<&str>>, slugs: &BTreeSet<&str>) -> Vec<String> {
    needs.retain(|slug, _| slugs.contains(slug));
    // What was installed by hand may need itself: it goes by name.
    let order = dependencies_first(&needs).unwrap_or_else(|_| needs.keys().copied().collect());
    order.into_iter().rev().map(str::to_owned).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Installed, Release};

    /// deal-room needs lease-review and notes; lease-review needs clause-library; contract-kit needs clause-library; notes needs clock.
    fn volume() -> (Catalogue, Lock) {
        let mut catalogue = Catalogue::new();
        let mut lock = Lock::new();
        for (slug, needs) in [
            ("clause-library", &[][..]),
            ("clock", &[]),
            ("contract-kit", &["clause-library"]),
            ("deal-room", &["lease-review", "notes"]),
            ("lease-review", &["clause-library"]),
            ("notes", &["clock"]),
        ] {
            let version: semver::Version = "1.0.0".parse().unwrap();
            catalogue.put(slug, vec![Release::new(version.clone(), needs.iter().map(|text| text.parse().unwrap()).collect())]);
            lock.insert(slug.into(), Installed { version, pinned: false });
        }
        (catalogue, lock)
    }

    #[test]
    fn tells_what_would_break() {
        let (catalogue, lock) = volume();
        assert_eq!(dependents(&catalogue, &lock, "clause-library"), BTreeSet::from(["contract-kit".into(), "lease-review".into()]));
        assert_eq!(dependents(&catalogue, &lock, "deal-room"), BTreeSet::new());
        assert_eq!(cascade(&catalogue, &lock, "clause-library"), ["deal-room", "lease-review", "contract-kit", "clause-library"]);
        assert_eq!(cascade(&catalogue, &lock, "clock"), ["deal-room", "notes", "clock"]);
        assert_eq!(cascade(&catalogue, &lock, "not-installed"), [""; 0]);
    }

    #[test]
    fn tells_what_was_installed_only_for_it() {
        let (catalogue, mut lock) = volume();
        let going = BTreeSet::from(["deal-room".to_owned()]);
        assert_eq!(orphans(&catalogue, &lock, ["deal-room"], &going), ["notes", "lease-review", "clock"]);
        assert_eq!(
            orphans(&catalogue, &lock, ["deal-room"], &BTreeSet::from(["deal-room".into(), "contract-kit".into()])),
            ["notes", "lease-review", "clock", "clause-library"]
        );
        assert_eq!(orphans(&catalogue, &lock, ["deal-room", "contract-kit"], &going), ["notes", "lease-review", "clock"]);
        assert_eq!(orphans(&catalogue, &lock, ["lease-review", "contract-kit"], &going), ["notes", "clock"]);
        lock.get_mut("notes").unwrap().pinned = true;
        assert_eq!(orphans(&catalogue, &lock, ["contract-kit"], &going), ["lease-review"]);
        assert_eq!(orphans(&catalogue, &lock, ["contract-kit"], &BTreeSet::new()), [""; 0]);
    }
}
