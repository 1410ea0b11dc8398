//! What holds for any catalogue and any request.

use std::collections::BTreeSet;

use fastrand::Rng;
use llmos_solver::{Kind, Reason, Update, cascade, dependents, missing, orphans, solve};
use proptest::prelude::*;

use crate::random::{Case, Size, case};

fn cases() -> impl Strategy<Value = Case> {
    (any::<u64>(), 2usize..30, 1usize..9, 0usize..4, prop_oneof![Just(0), Just(5)]).prop_map(
        |(seed, items, releases, dependencies, backward)| {
            case(&mut Rng::with_seed(seed), &Size { items, releases, dependencies, backward })
        },
    )
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{:#?}\n{:#?}", self.request, self.catalogue)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_plan_keeps_every_range_and_its_order(case in cases()) {
        let lock = &case.request.installed;
        let Ok(plan) = solve(&case.catalogue, &case.request) else { return Ok(()) };
        for root in &case.request.roots {
            prop_assert!(root.range.matches(&plan.chosen[&root.slug]));
        }
        for (slug, version) in &plan.chosen {
            let release = case.catalogue.release(slug, version).unwrap();
            prop_assert!(release.withdrawn.is_none() || lock[slug].version == *version);
            for needed in &release.dependencies {
                prop_assert!(needed.range.matches(&plan.chosen[&needed.slug]));
            }
        }
        // Pins never move.
        for (slug, installed) in lock.iter().filter(|(_, installed)| installed.pinned) {
            prop_assert_eq!(&plan.chosen[slug], &installed.version);
        }
        // The steps make the one of the other, each once, and at every point what is put in has what it needs.
        let mut volume: std::collections::BTreeMap<_, _> = lock.iter().map(|(slug, installed)| (slug.clone(), installed.version.clone())).collect();
        let waiting: BTreeSet<&str> = plan.steps.iter().map(|step| step.slug.as_str()).collect();
        prop_assert_eq!(waiting.len(), plan.steps.len());
        let mut done = BTreeSet::new();
        for step in &plan.steps {
            prop_assert!(step.from != step.to);
            prop_assert_eq!(step.from.as_ref(), volume.get(&step.slug));
            match &step.to {
                None => _ = volume.remove(&step.slug),
                Some(version) => {
                    let release = case.catalogue.release(&step.slug, version).unwrap();
                    for needed in &release.dependencies {
                        prop_assert!(done.contains(needed.slug.as_str()) || !waiting.contains(needed.slug.as_str()));
                    }
                    let needed_by = plan.chosen.iter().filter(|(slug, version)| {
                        case.catalogue.release(slug, version).unwrap().dependencies.iter().any(|needed| needed.slug == step.slug)
                    });
                    prop_assert_eq!(needed_by.map(|(slug, _)| slug.clone()).collect::<Vec<_>>(), step.needed_by.clone());
                    volume.insert(step.slug.clone(), version.clone());
                }
            }
            done.insert(step.slug.as_str());
        }
        prop_assert_eq!(volume, plan.chosen);
    }

    #[test]
    fn the_same_again_is_the_same(case in cases()) {
        prop_assert_eq!(solve(&case.catalogue, &case.request), solve(&case.catalogue.clone(), &case.request));
    }

    #[test]
    fn a_plan_carried_out_needs_no_more(case in cases()) {
        let Ok(plan) = solve(&case.catalogue, &case.request) else { return Ok(()) };
        let mut again = case.request.clone();
        let pinned = |slug: &String| case.request.installed.get(slug).is_some_and(|installed| installed.pinned);
        again.installed = plan.chosen.iter().map(|(slug, version)| (slug.clone(), llmos_solver::Installed { version: version.clone(), pinned: pinned(slug) })).collect();
        again.update = Update::Nothing;
        let plan_again = solve(&case.catalogue, &again).unwrap();
        prop_assert_eq!(&plan_again.chosen, &plan.chosen);
        prop_assert_eq!(plan_again.steps.len(), 0);

        // From there, updating one item moves no other root, and it does not become older.
        for named in again.roots.iter().map(|root| root.slug.clone()).collect::<BTreeSet<_>>() {
            again.update = Update::Only(BTreeSet::from([named.clone()]));
            let updated = solve(&case.catalogue, &again).unwrap();
            prop_assert!(updated.chosen[&named] >= plan.chosen[&named]);
            for root in again.roots.iter().filter(|root| root.slug != named) {
                prop_assert_eq!(&updated.chosen[&root.slug], &plan.chosen[&root.slug]);
            }
            // What moves with it must: with any one of them held in place, it is refused, or the item does not get as far, or others move.
            let moved = |chosen: &std::collections::BTreeMap<String, semver::Version>| -> BTreeSet<String> {
                chosen.iter().filter(|(slug, version)| **slug != named && plan.chosen.get(*slug).is_some_and(|at| at != *version)).map(|(slug, _)| slug.clone()).collect()
            };
            let all = moved(&updated.chosen);
            for one in &all {
                let mut held = again.clone();
                held.installed.get_mut(one).unwrap().pinned = true;
                if let Ok(held) = solve(&case.catalogue, &held) && held.chosen[&named] == updated.chosen[&named] {
                    prop_assert!(!moved(&held.chosen).is_subset(&all));
                }
            }
        }
    }

    #[test]
    fn everything_asked_for_alone_is_no_harder(case in cases()) {
        // Whatever is asked for together can be had one at a time, in an empty volume with nothing withdrawn at stake.
        let mut alone = case.request.clone();
        alone.installed.clear();
        if solve(&case.catalogue, &alone).is_ok() {
            for root in alone.roots.clone() {
                let one = llmos_solver::Request { roots: vec![root], ..Default::default() };
                prop_assert!(solve(&case.catalogue, &one).is_ok());
            }
        }
    }

    #[test]
    fn the_closure_is_what_the_search_looks_at(case in cases()) {
        // With nothing but what `missing` asked for, the answer is that of the whole.
        let mut loaded = llmos_solver::Catalogue::new();
        let starts: Vec<&str> = case.request.roots.iter().map(|root| root.slug.as_str()).chain(case.request.installed.keys().map(String::as_str)).collect();
        loop {
            let next = missing(&loaded, starts.iter().copied()).unwrap();
            if next.is_empty() {
                break;
            }
            for slug in next {
                match case.catalogue.releases(&slug) {
                    [] => loaded.put_absent(slug),
                    releases => loaded.put(slug, releases.to_vec()),
                }
            }
        }
        let answer = solve(&loaded, &case.request);
        prop_assert!(!answer.as_ref().is_err_and(|refusal| refusal.kind == Kind::NotLoaded));
        prop_assert_eq!(answer, solve(&case.catalogue, &case.request));
    }

    #[test]
    fn uninstalling_leaves_nothing_broken_and_nothing_over(case in cases()) {
        let Ok(plan) = solve(&case.catalogue, &case.request) else { return Ok(()) };
        let lock: llmos_solver::Lock =
            plan.chosen.iter().map(|(slug, version)| (slug.clone(), llmos_solver::Installed { version: version.clone(), pinned: false })).collect();
        for slug in lock.keys() {
            let going = cascade(&case.catalogue, &lock, slug);
            prop_assert_eq!(going.last(), Some(slug));
            prop_assert_eq!(going.len() == 1, dependents(&case.catalogue, &lock, slug).is_empty());
            let going: BTreeSet<String> = going.into_iter().collect();
            let roots: Vec<&str> = case.request.roots.iter().map(|root| root.slug.as_str()).filter(|root| !going.contains(*root)).collect();
            let over = orphans(&case.catalogue, &lock, roots.iter().copied(), &going);
            let left: BTreeSet<&String> = lock.keys().filter(|slug| !going.contains(*slug) && !over.contains(slug)).collect();
            for stays in &left {
                prop_assert!(case.catalogue.release(stays, &lock[*stays].version).unwrap().dependencies.iter().all(|needed| left.contains(&needed.slug)));
                let needed = dependents(&case.catalogue, &lock, stays).iter().any(|by| left.contains(by));
                let pinned_before = case.request.installed.get(*stays).is_some_and(|installed| installed.pinned);
                prop_assert!(needed || roots.contains(&stays.as_str()) || pinned_before);
            }
        }
    }
}

#[test]
fn reasons_are_both_among_the_cases() {
    let mut random = Rng::with_seed(1);
    let size = Size { items: 20, releases: 4, dependencies: 2, backward: 5 };
    let reasons: Vec<Reason> = (0..50).flat_map(|_| case(&mut random, &size).request.roots).map(|root| root.reason).collect();
    assert!(reasons.contains(&Reason::Asked) && reasons.contains(&Reason::Installed));
}
