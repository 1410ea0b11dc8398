//! How long answers take: `cargo run --release -p llmos-solver --example solver_speed`. The figures of docs/decisions/solver.md.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Instant;

use fastrand::Rng;
use llmos_solver::{Catalogue, Dependency, Installed, Lock, Reason, Refusal, Release, Request, Root, Update, solve};
use semver::{Version, VersionReq};

fn main() {
    realistic();
    hostile();
}

fn root(slug: &str, range: &str, reason: Reason) -> Root {
    Root { slug: slug.into(), range: range.parse().unwrap(), reason }
}

fn asked(slugs: impl IntoIterator<Item = String>) -> Request {
    let roots = slugs.into_iter().map(|slug| root(&slug, "*", Reason::Asked)).collect();
    Request { roots, ..Request::default() }
}

/// The least and the middle of some runs, in milliseconds, and the last answer.
fn timed<T>(what: &str, runs: usize, mut run: impl FnMut() -> T) -> T {
    let mut times = Vec::new();
    let mut answer = None;
    for _ in 0..runs {
        let start = Instant::now();
        answer = Some(run());
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    println!("{what:<64} least {:8.2} ms, middle {:8.2} ms", times[0], times[times.len() / 2]);
    answer.unwrap()
}

fn told(answer: Result<llmos_solver::Plan, Refusal>) {
    match answer {
        Ok(plan) => println!("    {} items, {} steps", plan.chosen.len(), plan.steps.len()),
        Err(refusal) => println!("    {:?}: {}", refusal.kind, refusal.to_string().chars().take(300).collect::<String>()),
    }
}

/// 200 items of 1,000 releases each (ten majors of ten minors of ten patches). Each release needs up to five later items, in the major that
/// was the newest when it came out, mostly from a minor on; a fifth of the ranges are wider, one in a hundred is exact.
fn marketplace(random: &mut Rng, items: usize) -> Catalogue {
    let mut catalogue = Catalogue::new();
    for at in 0..items {
        let mut releases = Vec::new();
        let mut needs: Vec<usize> = Vec::new();
        for number in 0..1_000u64 {
            let (major, minor, patch) = (number / 100 + 1, number / 10 % 10, number % 10);
            if patch == 0 && minor == 0 && at + 1 < items {
                // Each major has its own dependencies, mostly near.
                needs = (0..random.usize(0..=5)).map(|_| (at + 1 + random.usize(0..20)).min(items - 1)).filter(|to| *to != at).collect();
            }
            let dependency = |to: &usize| {
                let range = match random.u32(0..100) {
                    0 => format!("={major}.{}.{}", random.u64(0..10), random.u64(0..10)),
                    1..=20 => format!(">={major}"),
                    21..=50 => format!("^{major}"),
                    _ => format!("^{major}.{}", minor * random.u64(0..10) / 10),
                };
                Dependency { slug: format!("item-{to}"), range: range.parse().unwrap() }
            };
            releases.push(Release::new(Version::new(major, minor, patch), needs.iter().map(dependency).collect()));
        }
        catalogue.put(format!("item-{at}"), releases);
    }
    catalogue
}

fn realistic() {
    let mut random = Rng::with_seed(7);
    let start = Instant::now();
    let catalogue = marketplace(&mut random, 200);
    println!("200 items × 1,000 releases, made in {:.0} ms", start.elapsed().as_secs_f64() * 1_000.0);
    told(timed("into an empty volume, one item", 21, || solve(&catalogue, &asked(["item-0".into()]))));
    let all = asked((0..200).map(|n| format!("item-{n}")));
    let answer = timed("into an empty volume, all 200", 21, || solve(&catalogue, &all));
    told(answer.clone());

    // A volume of last year: everything at major 6, and something new.
    let mut old = all.clone();
    old.roots.iter_mut().for_each(|root| root.range = "^6".parse().unwrap());
    let answer = timed("all 200, in major 6", 21, || solve(&catalogue, &old));
    told(answer.clone());
    let installed: Lock = answer.unwrap().chosen.into_iter().map(|(slug, version)| (slug, Installed { version, pinned: false })).collect();
    let mut request = Request { roots: Vec::new(), installed, update: Update::Nothing };
    request.roots.extend((0..100).map(|n| root(&format!("item-{}", n * 2), "*", Reason::Installed)));
    told(timed("half of them roots, nothing to update", 21, || solve(&catalogue, &request)));
    request.update = Update::Only(BTreeSet::from(["item-100".into()]));
    told(timed("update of one", 21, || solve(&catalogue, &request)));
    request.update = Update::All;
    told(timed("update of all", 21, || solve(&catalogue, &request)));
    request.update = Update::Nothing;
    request.roots.push(root("item-0", "^10", Reason::Asked));
    told(timed("one in a range that moves what is installed", 5, || solve(&catalogue, &request)));
    request.installed.iter_mut().for_each(|(_, installed)| installed.pinned = true);
    told(timed("the same with everything pinned", 5, || solve(&catalogue, &request)));
}

fn hostile() {
    let star = |slug: String| Dependency { slug, range: VersionReq::STAR };
    let exact = |slug: String, major: u64| Dependency { slug, range: format!("={major}.0.0").parse().unwrap() };

    // Pigeons: n items, each in one of n - 1 holes, no two in the same. Every proof by resolution is exponential.
    for pigeons in [6u64, 7, 8, 9, 10, 12, 20, 40] {
        let mut catalogue = Catalogue::new();
        for hole in 0..pigeons - 1 {
            let releases = (0..pigeons).map(|pigeon| Release::new(Version::new(pigeon, 0, 0), vec![])).collect();
            catalogue.put(format!("hole-{hole}"), releases);
        }
        for pigeon in 0..pigeons {
            let releases = (0..pigeons - 1).map(|hole| Release::new(Version::new(hole, 0, 0), vec![exact(format!("hole-{hole}"), pigeon)]));
            catalogue.put(format!("pigeon-{pigeon}"), releases.collect());
        }
        let request = asked((0..pigeons).map(|pigeon| format!("pigeon-{pigeon}")));
        told(timed(&format!("hostile: {pigeons} pigeons in {} holes", pigeons - 1), 1, || solve(&catalogue, &request)));
    }

    // Random three-colourings and worse: many items of many releases, exact needs at random.
    for (items, releases, needs) in [(30u64, 3u64, 3usize), (100, 10, 3), (300, 30, 3), (900, 100, 10), (900, 2, 11)] {
        let mut random = Rng::with_seed(3);
        let mut catalogue = Catalogue::new();
        for item in 0..items {
            let make = |release| {
                let dependency = |_| {
                    let range = format!(">={}, <={}", random.u64(0..releases), random.u64(0..releases) + releases / 2);
                    Dependency { slug: format!("n-{}", random.u64(0..items)), range: range.parse().unwrap() }
                };
                Release::new(Version::new(release, 0, 0), (0..needs).map(dependency).collect())
            };
            catalogue.put(format!("n-{item}"), (0..releases).map(make).collect());
        }
        let request = asked(["n-0".into(), "n-1".into()]);
        told(timed(&format!("hostile: {items} items × {releases} releases × {needs} random needs"), 1, || solve(&catalogue, &request)));
    }

    // A long chain whose end fits nothing, for every one of many releases.
    let mut catalogue = Catalogue::new();
    for item in 0..900u64 {
        let releases =
            (0..100).map(|n| Release::new(Version::new(n, 0, 0), vec![exact(format!("c-{}", item + 1), (n * 7 + item) % 100)])).collect();
        catalogue.put(format!("c-{item}"), releases);
    }
    catalogue.put("c-900", vec![Release::new(Version::new(1_000, 0, 0), vec![])]);
    told(timed("hostile: a chain of 900 × 100 releases that leads nowhere", 1, || solve(&catalogue, &asked(["c-0".into()]))));

    // Circles everywhere: each item needs all others.
    for items in [5u64, 30, 100] {
        let mut catalogue = Catalogue::new();
        for item in 0..items {
            let needs: Vec<Dependency> = (0..items).filter(|other| *other != item).map(|other| star(format!("k-{other}"))).collect();
            let releases = (0..10).map(|n| Release::new(Version::new(n, 0, 0), needs.iter().skip(n as usize).cloned().collect())).collect();
            catalogue.put(format!("k-{item}"), releases);
        }
        told(timed(&format!("hostile: {items} items that all need one another"), 1, || solve(&catalogue, &asked(["k-0".into()]))));
    }

    // One release after another that is withdrawn or needs what is.
    let mut catalogue = Catalogue::new();
    let releases = (0..10_000).map(|n| Release::new(Version::new(n, 0, 0), vec![exact("w-1".into(), n)])).collect();
    catalogue.put("w-0", releases);
    let withdrawn = |n| Release { withdrawn: Some("no".into()), ..Release::new(Version::new(n, 0, 0), vec![]) };
    catalogue.put("w-1", (0..10_000).map(withdrawn).collect());
    told(timed("hostile: 10,000 releases that need what is withdrawn", 1, || solve(&catalogue, &asked(["w-0".into()]))));
}
