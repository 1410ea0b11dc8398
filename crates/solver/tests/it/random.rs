//! Small catalogues and requests at random.

use std::collections::BTreeSet;

use fastrand::Rng;
use llmos_solver::{Catalogue, Dependency, Installed, Lock, Reason, Release, Request, Root, Update};
use semver::{Version, VersionReq};

const VERSIONS: [&str; 8] = ["1.0.0", "1.1.0-beta", "1.1.0", "1.2.0", "2.0.0-rc.1", "2.0.0", "2.1.0", "3.0.0"];
/// Wide ones are there more than once, so that most cases come to a choice.
const RANGES: [&str; 16] =
    ["*", "*", "^1", "^1", "^1.1", "^1.1.0-beta", "^2", "^2", "^2.0.0-rc.1", ">=1.1", ">=1", "<2", "<3", ">=1.2, <3", "=2.0.0", ">=2"];

/// How many items and releases, and how they need one another.
pub struct Size {
    pub items: usize,
    pub releases: usize,
    pub dependencies: usize,
    /// Of a hundred dependencies, how many may lead to any item: the others lead to later ones, so that they make no circle.
    pub backward: u32,
}

pub struct Case {
    pub catalogue: Catalogue,
    pub slugs: Vec<String>,
    pub request: Request,
}

pub fn case(random: &mut Rng, size: &Size) -> Case {
    let slugs: Vec<String> = (0..size.items).map(|n| format!("item-{n}")).collect();
    let mut catalogue = Catalogue::new();
    let mut lock = Lock::new();
    let chance = |random: &mut Rng, percent: u32| random.u32(0..100) < percent;
    for (at, slug) in slugs.iter().enumerate() {
        if chance(random, 2) {
            catalogue.put_absent(slug.clone());
            continue;
        }
        let versions: BTreeSet<usize> = (0..random.usize(1..=size.releases)).map(|_| random.usize(..VERSIONS.len())).collect();
        let release = |version: &usize| {
            let mut dependencies = Vec::new();
            for _ in 0..random.usize(0..=size.dependencies) {
                let to = if chance(random, size.backward) {
                    random.usize(..size.items)
                } else if at + 1 < size.items {
                    random.usize(at + 1..size.items)
                } else {
                    break;
                };
                dependencies.push(Dependency { slug: slugs[to].clone(), range: range(random) });
            }
            let withdrawn = chance(random, 8).then(|| "it was wrong".to_owned());
            Release { version: VERSIONS[*version].parse().unwrap(), dependencies, withdrawn }
        };
        let releases: Vec<Release> = versions.iter().map(release).collect();
        if chance(random, 50) {
            // Some locks name a release that is not there any more.
            let gone = chance(random, 3);
            let version: Version = if gone { "0.9.0".parse().unwrap() } else { releases[random.usize(..releases.len())].version.clone() };
            lock.insert(slug.clone(), Installed { version, pinned: !gone && chance(random, 15) });
        }
        catalogue.put(slug.clone(), releases);
    }
    let mut roots = Vec::new();
    for _ in 0..random.usize(1..=3) {
        let slug = slugs[random.usize(..size.items)].clone();
        let reason = if lock.contains_key(&slug) && chance(random, 70) { Reason::Installed } else { Reason::Asked };
        let range = if chance(random, 40) { VersionReq::STAR } else { range(random) };
        roots.push(Root { slug, range, reason });
    }
    let update = match random.u32(0..4) {
        0 | 1 => Update::Nothing,
        2 => Update::Only(slugs.iter().filter(|_| chance(random, 25)).cloned().collect()),
        _ => Update::All,
    };
    Case { catalogue, slugs, request: Request { roots, installed: lock, update } }
}

fn range(random: &mut Rng) -> VersionReq {
    RANGES[random.usize(..RANGES.len())].parse().unwrap()
}
