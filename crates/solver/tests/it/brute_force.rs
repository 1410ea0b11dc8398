//! The solver beside all possible choices, on small cases: the same answers to whether there is a plan, and no choice that is better.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use llmos_solver::{Kind, Reason, Release, Root, Update, solve};
use semver::{Version, VersionReq};

use crate::random::{Case, Size, case};

const CASES: usize = 10_000;

type Choice<'c> = BTreeMap<&'c str, &'c Version>;

/// Every set of releases that has what the roots lead to and nothing else, in which all ranges are kept and no items need one another in a circle.
fn all_choices(case: &Case) -> Vec<Choice<'_>> {
    let request = &case.request;
    let mut wanted: Vec<(&str, &VersionReq)> = request.roots.iter().map(|root| (root.slug.as_str(), &root.range)).collect();
    let pins: Vec<(String, VersionReq)> = request
        .installed
        .iter()
        .filter(|(_, installed)| installed.pinned)
        .map(|(slug, installed)| (slug.clone(), format!("={}", installed.version).parse().unwrap()))
        .collect();
    wanted.extend(pins.iter().map(|(slug, range)| (slug.as_str(), range)));
    let mut found = Vec::new();
    extend(case, &wanted, &Choice::new(), &mut found);
    found
}

fn extend<'c>(case: &'c Case, wanted: &[(&str, &VersionReq)], chosen: &Choice<'c>, found: &mut Vec<Choice<'c>>) {
    if wanted.iter().any(|(slug, range)| chosen.get(slug).is_some_and(|version| !range.matches(version))) {
        return;
    }
    let Some((open, _)) = wanted.iter().find(|(slug, _)| !chosen.contains_key(slug)) else {
        if !has_circle(case, chosen) {
            found.push(chosen.clone());
        }
        return;
    };
    let slug = case.slugs.iter().find(|slug| slug == open).unwrap();
    for release in case.catalogue.releases(slug) {
        if release.withdrawn.is_some() && case.request.installed.get(slug).is_none_or(|installed| installed.version != release.version) {
            continue;
        }
        let mut wanted = wanted.to_vec();
        wanted.extend(release.dependencies.iter().map(|dependency| (dependency.slug.as_str(), &dependency.range)));
        let mut chosen = chosen.clone();
        chosen.insert(slug, &release.version);
        extend(case, &wanted, &chosen, found);
    }
}

fn chosen_release<'c>(case: &'c Case, chosen: &Choice, slug: &str) -> &'c Release {
    case.catalogue.release(slug, chosen[slug]).unwrap()
}

fn has_circle(case: &Case, chosen: &Choice) -> bool {
    // What needs only what is gone already goes, until nothing does.
    let mut left: BTreeSet<&str> = chosen.keys().copied().collect();
    loop {
        let free = |slug: &&str| !chosen_release(case, chosen, slug).dependencies.iter().any(|needed| left.contains(needed.slug.as_str()));
        let Some(next) = left.iter().copied().find(free) else { return !left.is_empty() };
        left.remove(next);
    }
}

/// What a case says about items.
struct Rules<'c> {
    case: &'c Case,
}

impl Rules<'_> {
    fn locked(&self, slug: &str) -> Option<&Version> {
        let installed = self.case.request.installed.get(slug)?;
        self.case.catalogue.release(slug, &installed.version).map(|release| &release.version)
    }

    fn may_change(&self, slug: &str) -> bool {
        match &self.case.request.update {
            Update::Nothing => false,
            Update::Only(slugs) => slugs.contains(slug),
            Update::All => true,
        }
    }

    fn is_root(&self, slug: &str) -> bool {
        self.case.request.roots.iter().any(|root| root.slug == slug)
    }

    fn keeps(&self, slug: &str) -> bool {
        self.locked(slug).is_some() && !self.may_change(slug)
    }

    fn named(&self, slug: &str) -> bool {
        self.locked(slug).is_some() && matches!(self.case.request.update, Update::Only(_)) && self.may_change(slug)
    }

    /// The kept items that are at another release.
    fn moved<'c>(&self, choice: &Choice<'c>, roots: bool) -> BTreeSet<&'c str> {
        let moved = |(slug, version): &(&&'c str, &&Version)| {
            self.keeps(slug) && self.is_root(slug) == roots && self.locked(slug) != Some(**version)
        };
        choice.iter().filter(moved).map(|(slug, _)| *slug).collect()
    }

    /// Whether a release of an item is liked better than another.
    fn better(&self, slug: &str, one: &Version, other: &Version) -> bool {
        let rank = |version: &Version| self.keeps(slug) && self.locked(slug) == Some(version);
        (rank(one), one) > (rank(other), other)
    }
}

fn check(case: &Case, chosen: &BTreeMap<String, Version>, all: &[Choice]) {
    let rules = Rules { case };
    let chosen: Choice = chosen.iter().map(|(slug, version)| (slug.as_str(), version)).collect();
    assert!(all.contains(&chosen), "not valid");
    let (moved_roots, moved_others) = (rules.moved(&chosen, true), rules.moved(&chosen, false));
    let is_strict_subset = |one: &BTreeSet<&str>, other: &BTreeSet<&str>| one.is_subset(other) && one != other;
    for other in all {
        // What moves cannot be made fewer.
        let other_roots = rules.moved(other, true);
        assert!(!is_strict_subset(&other_roots, &moved_roots), "fewer roots move in {other:?}");
        let named_as_new =
            chosen.iter().filter(|(slug, _)| rules.named(slug)).all(|(slug, version)| other.get(slug).is_none_or(|at| at >= version));
        // What has an item to be updated that the choice does without is another matter: nothing says how new that should be.
        let named_alone = other.keys().any(|slug| rules.named(slug) && !chosen.contains_key(slug));
        if other_roots == moved_roots && named_as_new && !named_alone {
            assert!(!is_strict_subset(&rules.moved(other, false), &moved_others), "fewer others move in {other:?}");
        }
        // What is to be updated is as new as it can be, by name: for roots exactly, given what others of them that are needed in any case are.
        let alike = |(slug, version): (&&str, &&Version)| !rules.named(slug) || rules.is_root(slug) || other.get(slug) == Some(version);
        if other_roots.is_subset(&moved_roots) && chosen.iter().all(alike) {
            let named = |choice: &Choice| -> Vec<Version> {
                choice.iter().filter(|(slug, _)| rules.named(slug) && rules.is_root(slug)).map(|(_, version)| (*version).clone()).collect()
            };
            assert!(named(other) <= named(&chosen), "newer updates in {other:?}");
        }
        // What is asked for is as new as it can be, the first first.
        let named_alike = chosen.iter().filter(|(slug, _)| rules.named(slug)).all(|(slug, version)| other.get(slug) == Some(version));
        if other_roots.is_subset(&moved_roots) && rules.moved(other, false).is_subset(&moved_others) && named_alike {
            let asked = case.request.roots.iter().filter(|root| root.reason == Reason::Asked && !rules.keeps(&root.slug));
            let asked = |choice: &Choice| -> Vec<Version> { asked.clone().map(|root| choice[root.slug.as_str()].clone()).collect() };
            assert!(asked(other) <= asked(&chosen), "newer releases asked for in {other:?}");
        }
        // Whatever else could be chosen is worse in something.
        if *other != chosen && !named_alone {
            let worse = |(slug, version): (&&str, &&Version)| other.get(slug).is_some_and(|at| rules.better(slug, version, at));
            let moves = !rules.moved(other, false).is_subset(&moved_others);
            assert!(chosen.iter().any(worse) || moves, "{other:?} is nowhere worse");
        }
    }
}

#[test]
fn equals_brute_force() {
    let mut random = Rng::with_seed(20_260_728);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for number in 0..CASES {
        let backward = if random.bool() { 0 } else { 30 };
        let size = Size { items: random.usize(2..=7), releases: 8, dependencies: 3, backward };
        let case = case(&mut random, &size);
        let all = all_choices(&case);
        let context = || format!("case {number}: {:#?}", case.request);
        match solve(&case.catalogue, &case.request) {
            Ok(plan) => {
                assert!(!all.is_empty(), "there is no choice, {}", context());
                let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&case, &plan.chosen, &all)));
                assert!(checked.is_ok(), "{:?}, {}", plan.chosen, context());
                *counts.entry("plan".into()).or_default() += 1;
                if all.len() > 1 {
                    *counts.entry("plan of several".into()).or_default() += 1;
                }
            }
            Err(refusal) => {
                assert!(all.is_empty(), "{refusal} although there is {:?}, {}", all[0], context());
                assert!(!matches!(refusal.kind, Kind::TooLarge | Kind::TooHard | Kind::NotLoaded), "{refusal}");
                assert!((1..=5).contains(&refusal.sentences.len()), "{refusal}");
                assert!(!refusal.to_string().contains("fit together"), "no story, {}", context());
                assert!(refusal.explanation.is_some());
                *counts.entry(format!("{:?}", refusal.kind)).or_default() += 1;
            }
        }
    }
    eprintln!("{counts:?}");
    // Each answer is among them often enough for the test to mean something.
    for (answer, least) in [
        ("plan of several", 2_000),
        ("NoSuchItem", 100),
        ("NoRelease", 500),
        ("Withdrawn", 100),
        ("Conflict", 400),
        ("Pinned", 100),
        ("Circle", 100),
    ] {
        assert!(counts.get(answer).is_some_and(|count| *count >= least), "{answer}: {counts:?}");
    }
}

#[test]
fn finds_the_only_choice_there_is() {
    // The newest of each fits nothing; only the oldest of all do.
    let text: String = (0..8)
        .map(|n| {
            (0..5)
                .map(|minor| format!("n{n} 1.{minor}.0: n{}@=1.{}.0\n", n + 1, if minor == 0 { 0 } else { (minor + n) % 5 }))
                .collect::<String>()
        })
        .collect();
    let catalogue = crate::catalogue(&format!("{text} n8 1.0.0:"));
    let root = Root { slug: "n0".into(), range: VersionReq::STAR, reason: Reason::Asked };
    let request = llmos_solver::Request { roots: vec![root], ..Default::default() };
    let plan = solve(&catalogue, &request).unwrap();
    assert!(plan.chosen.len() == 9 && plan.chosen["n8"].to_string() == "1.0.0", "{plan:?}");
}
