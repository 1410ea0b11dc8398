//! What is chosen, and in which order it is done.

use std::collections::BTreeSet;

use llmos_solver::{Plan, Request, Update, solve};

use crate::{catalogue, request};

fn steps(plan: &Plan) -> Vec<String> {
    let version = |version: &Option<semver::Version>| version.as_ref().map_or("-".into(), |version| version.to_string());
    plan.steps
        .iter()
        .map(|step| format!("{} {} > {} for {}", step.slug, version(&step.from), version(&step.to), step.needed_by.join("+")))
        .collect()
}

#[track_caller]
fn plans(text: &str, request: &Request, expected: &[&str]) {
    assert_eq!(steps(&solve(&catalogue(text), request).unwrap()), expected);
}

const OFFICE: &str = "
    deal-room 1.0.0: lease-review@^1 + notes
    lease-review 1.6.0: clause-library@^1
    lease-review 1.7.0: clause-library@^1.3
    lease-review 2.0.0: clause-library@^2
    contract-kit 1.4.0: clause-library@^1
    contract-kit 1.5.0: clause-library@^1
    contract-kit 2.0.0: clause-library@^2
    clause-library 1.2.0:
    clause-library 1.3.0: glossary
    clause-library 2.1.0:
    glossary 1.0.0:
    notes 1.0.0: glossary
";

#[test]
fn the_newest_with_dependencies_first() {
    plans(
        OFFICE,
        &request("deal-room contract-kit@^1 | |"),
        &[
            "glossary - > 1.0.0 for clause-library+notes",
            "clause-library - > 1.3.0 for contract-kit+lease-review",
            "contract-kit - > 1.5.0 for ",
            "lease-review - > 1.7.0 for deal-room",
            "notes - > 1.0.0 for deal-room",
            "deal-room - > 1.0.0 for ",
        ],
    );
}

#[test]
fn what_is_installed_stays_unless_it_must_move() {
    let installed = "| contract-kit | contract-kit@1.4.0 clause-library@1.2.0";
    // An older release fits what is there.
    plans(OFFICE, &request(&format!("lease-review {installed}")), &["lease-review - > 1.6.0 for "]);
    // A range asks for more: what came with something else moves before what was asked for.
    plans(
        OFFICE,
        &request(&format!("lease-review@^1.7 {installed}")),
        &[
            "glossary - > 1.0.0 for clause-library",
            "clause-library 1.2.0 > 1.3.0 for contract-kit+lease-review",
            "lease-review - > 1.7.0 for ",
        ],
    );
    plans(
        OFFICE,
        &request(&format!("lease-review@^2 {installed}")),
        &["clause-library 1.2.0 > 2.1.0 for contract-kit+lease-review", "contract-kit 1.4.0 > 2.0.0 for ", "lease-review - > 2.0.0 for "],
    );
    plans(OFFICE, &request(installed), &[]);
}

#[test]
fn updates_move_what_is_named() {
    let only = |slugs: &[&str], text: &str| {
        let slugs: BTreeSet<String> = slugs.iter().map(|slug| (*slug).to_owned()).collect();
        Request { update: Update::Only(slugs), ..request(text) }
    };
    let installed = "| contract-kit@^1 lease-review | contract-kit@1.4.0 lease-review@1.6.0 clause-library@1.2.0";
    plans(OFFICE, &only(&["contract-kit"], installed), &["contract-kit 1.4.0 > 1.5.0 for "]);
    // Its dependency moves along; the other root stays.
    plans(
        OFFICE,
        &only(&["lease-review"], installed),
        &[
            "glossary - > 1.0.0 for clause-library",
            "clause-library 1.2.0 > 1.3.0 for contract-kit+lease-review",
            "lease-review 1.6.0 > 1.7.0 for ",
        ],
    );
    plans(
        OFFICE,
        &only(&["clause-library"], installed),
        &["glossary - > 1.0.0 for clause-library", "clause-library 1.2.0 > 1.3.0 for contract-kit+lease-review"],
    );
    plans(
        OFFICE,
        &Request { update: Update::All, ..request(&installed.replace("contract-kit@^1", "contract-kit")) },
        &[
            "clause-library 1.2.0 > 2.1.0 for contract-kit+lease-review",
            "contract-kit 1.4.0 > 2.0.0 for ",
            "lease-review 1.6.0 > 2.0.0 for ",
        ],
    );
}

#[test]
fn what_is_pinned_stays_even_if_nothing_needs_it() {
    let all = |text| Request { update: Update::All, ..request(text) };
    plans(
        OFFICE,
        &all("| contract-kit | contract-kit@1.4.0 clause-library@1.2.0! notes@1.0.0! glossary@1.0.0"),
        &["contract-kit 1.4.0 > 1.5.0 for "],
    );
}

#[test]
fn what_nothing_needs_any_more_goes_last() {
    plans(
        OFFICE,
        &request("contract-kit@^2 | | contract-kit@1.5.0 clause-library@1.3.0 glossary@1.0.0 deal-room@1.0.0 notes@1.0.0"),
        &[
            "clause-library 1.3.0 > 2.1.0 for contract-kit",
            "contract-kit 1.5.0 > 2.0.0 for ",
            "deal-room 1.0.0 > - for ",
            "notes 1.0.0 > - for ",
            "glossary 1.0.0 > - for ",
        ],
    );
}

#[test]
fn prereleases_are_chosen_only_where_a_range_names_them() {
    let text = "a 1.2.0:\n a 1.3.0-beta:\n a 2.0.0-rc.1:\n a 2.0.0-rc.2:\n b 1.0.0: a@^1.3.0-beta\n c 1.0.0: a@^1.2";
    let chosen = |wanted: &str| {
        solve(&catalogue(text), &request(wanted)).map(|plan| plan.chosen["a"].to_string()).map_err(|refusal| refusal.to_string())
    };
    for (wanted, version) in [
        ("a@^1.2 | |", "1.2.0"),
        ("a | |", "1.2.0"),
        ("a@>=1.2 | |", "1.2.0"),
        ("a@^1.3.0-alpha | |", "1.3.0-beta"),
        ("a@=2.0.0-rc.1 | |", "2.0.0-rc.1"),
        ("a@^2.0.0-rc.1 | |", "2.0.0-rc.2"),
        ("a@>=1.2.0-x | |", "1.2.0"),
        ("b | |", "1.3.0-beta"),
        ("c | |", "1.2.0"),
    ] {
        assert_eq!(chosen(wanted).as_deref(), Ok(version), "{wanted}");
    }
    assert_eq!(chosen("b c | |").unwrap_err(), "b 1.0.0 needs a ^1.3.0-beta, but c 1.0.0 needs a ^1.2.");
    assert!(chosen("a@^1.3 | |").unwrap_err().starts_with("No release of a fits ^1.3:"));
}

#[test]
fn plans_and_refusals_are_kept_as_json_would() {
    let plan = solve(&catalogue(OFFICE), &request("deal-room | |")).unwrap();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    let refusal = solve(&catalogue(OFFICE), &request("deal-room lease-review@^2 | |")).unwrap_err();
    let text = serde_json::to_string(&refusal).unwrap();
    assert!(text.starts_with(r#"{"kind":"conflict","slugs":["#), "{text}");
    assert_eq!(serde_json::from_str::<llmos_solver::Refusal>(&text).unwrap(), refusal);
}
