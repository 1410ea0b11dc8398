//! What people read when it cannot be done.

use llmos_solver::{Catalogue, Explanation, Kind, Limits, Refusal, Release, solve, solve_within};

use crate::{catalogue, request};

fn refusal(text: &str, wanted: &str) -> Refusal {
    let refusal = solve(&catalogue(text), &request(wanted)).unwrap_err();
    assert!((1..=5).contains(&refusal.sentences.len()), "{refusal}");
    assert!(refusal.sentences.iter().all(|sentence| sentence.ends_with('.') && !sentence.contains("  ")), "{refusal}");
    refusal
}

#[track_caller]
fn refuses(text: &str, wanted: &str, kind: Kind, sentences: &str) {
    let refusal = refusal(text, wanted);
    assert_eq!(refusal.to_string(), sentences);
    assert_eq!(refusal.kind, kind);
}

const OFFICE: &str = "
    lease-review 1.6.0: clause-library@^1
    lease-review 2.0.0: clause-library@^2
    contract-kit 1.4.0: clause-library@^1
    contract-kit 2.0.0: clause-library@^2
    deal-room 1.0.0: lease-review@^2
    clause-library 1.3.0:
    clause-library 2.1.0:
";

#[test]
fn a_conflict_with_what_is_installed() {
    refuses(
        OFFICE,
        "lease-review@^2 | contract-kit@^1 | contract-kit@1.4.0 clause-library@1.3.0",
        Kind::Conflict,
        "lease-review 2.0.0 needs clause-library ^2, but contract-kit 1.4.0, which is installed, needs clause-library ^1. \
         Update contract-kit to 2.0.0 first, or install lease-review 1.6.0.",
    );
    let refusal = refusal(OFFICE, "lease-review@^2 | contract-kit@^1 | contract-kit@1.4.0 clause-library@1.3.0");
    assert_eq!(refusal.slugs, ["clause-library", "contract-kit", "lease-review"]);
    // The whole tree ends in the facts.
    fn leaves(explanation: &Explanation, into: &mut Vec<String>) {
        if explanation.because.is_empty() {
            into.push(explanation.sentence.clone());
        }
        explanation.because.iter().for_each(|cause| leaves(cause, into));
    }
    let tree = refusal.explanation.unwrap();
    assert_eq!(tree.sentence, "So it cannot be done.");
    let mut facts = Vec::new();
    leaves(&tree, &mut facts);
    facts.sort();
    assert_eq!(
        facts,
        [
            "This volume keeps contract-kit ^1.",
            "You ask for lease-review ^2.",
            "contract-kit 1.4.0 needs clause-library ^1.",
            "lease-review 2.0.0 needs clause-library ^2.",
        ]
    );
}

#[test]
fn a_conflict_through_a_chain() {
    refuses(
        OFFICE,
        "deal-room | contract-kit@^1 | contract-kit@1.4.0 clause-library@1.3.0",
        Kind::Conflict,
        "deal-room 1.0.0 needs lease-review ^2, and lease-review 2.0.0 needs clause-library ^2. \
         But contract-kit 1.4.0, which is installed, needs clause-library ^1. \
         Update contract-kit to 2.0.0 first.",
    );
}

#[test]
fn a_conflict_with_what_is_asked_for() {
    refuses(
        OFFICE,
        "lease-review clause-library@=1.3.0 | contract-kit@^2 |",
        Kind::Conflict,
        "You ask for clause-library =1.3.0, but contract-kit 2.0.0 needs clause-library ^2. \
         Update contract-kit to 1.4.0 first, or install clause-library 2.1.0.",
    );
}

#[test]
fn a_conflict_behind_the_first_items() {
    refuses(
        "a 1.0.0: x@>=1, <3
         c 1.0.0: x@*
         c 1.1.0: y@^1 + x@<4
         x 1.0.0: d@^2
         x 2.0.0: d@^2
         x 3.0.0:
         y 1.0.0: d@^1
         d 1.0.0:
         d 2.0.0:",
        "c@^1.1 a | |",
        Kind::Conflict,
        "c 1.1.0 needs y ^1, and y 1.0.0 needs d ^1. But a 1.0.0 needs x >=1, <3, and x 2.0.0 needs d ^2. \
         The other releases that could be chosen do not fit either. Install c 1.0.0.",
    );
}

#[test]
fn a_long_chain_is_told_in_short() {
    let chain: String = (0..9).map(|n| format!("n{n} 1.0.0: n{}@^1\n", n + 1)).collect();
    refuses(
        &format!("{chain} n9 2.0.0:"),
        "n0 | |",
        Kind::NoRelease,
        "n0 1.0.0 needs n1 ^1, n1 1.0.0 needs n2 ^1, and then come 6 others. n8 1.0.0 needs n9 ^1, but there is only 2.0.0.",
    );
    refuses(
        &format!("{chain} n9 1.0.0:\n n9 2.0.0:\n x 1.0.0: n9@^2"),
        "n0 x | |",
        Kind::Conflict,
        "x 1.0.0 needs n9 ^2. But n0 1.0.0 needs n1 ^1, n1 1.0.0 needs n2 ^1, then come 6 others, and n8 1.0.0 needs n9 ^1.",
    );
}

#[test]
fn a_conflict_of_three() {
    // Each two of them have a release in common: only a range that names a prerelease matches it.
    refuses(
        "a 1.0.0: x@>=1.0.0, <=1.1.0-rc.1
         b 1.0.0: x@>=1.1.0-rc.1
         c 1.0.0: x@^1
         x 1.0.0:
         x 1.1.0-rc.1:
         x 1.1.0:",
        "a b | c |",
        Kind::Conflict,
        "a 1.0.0 needs x >=1.0.0, <=1.1.0-rc.1, b 1.0.0 needs x >=1.1.0-rc.1, and c 1.0.0 needs x ^1: no release of x fits all of them.",
    );
}

#[test]
fn no_such_item() {
    let catalogue = "lease-review 2.0.0: clause-library@^2
                     deal-room 1.0.0: lease-review@^2
                     deal-room 1.1.0: lease-review@^2";
    let mut with_absent = crate::catalogue(catalogue);
    with_absent.put_absent("lease-revue");
    let refusal = solve(&with_absent, &request("lease-revue@^1 | |")).unwrap_err();
    assert_eq!((refusal.kind, refusal.to_string().as_str()), (Kind::NoSuchItem, "There is no item lease-revue in the marketplace."));
    assert_eq!(refusal.slugs, ["lease-revue"]);
    refuses(
        catalogue,
        "lease-review@^2 | |",
        Kind::NoSuchItem,
        "lease-review 2.0.0 needs clause-library ^2, but the marketplace has no such item.",
    );
    refuses(
        catalogue,
        "deal-room | |",
        Kind::NoSuchItem,
        "deal-room 1.1.0 needs lease-review ^2. lease-review 2.0.0 needs clause-library ^2, but the marketplace has no such item. \
         The other releases that could be chosen do not fit either.",
    );
}

#[test]
fn no_release_in_the_range() {
    refuses(
        OFFICE,
        "lease-review@^3 | |",
        Kind::NoRelease,
        "No release of lease-review fits ^3: there are only 2.0.0 and 1.6.0. Install lease-review 2.0.0.",
    );
    refuses("a 1.0.0: b@^2\n b 1.0.0:", "a | |", Kind::NoRelease, "a 1.0.0 needs b ^2, but there is only 1.0.0.");
    refuses(
        "a 1.0.0:\n a 2.0.0-rc.1:",
        "a@^2 | |",
        Kind::NoRelease,
        "No release of a fits ^2: there are only 2.0.0-rc.1 and 1.0.0. Prereleases are chosen only where a range names one, for example ^2.0.0-rc.1. Install a 1.0.0.",
    );
    let many: String = (0..12).map(|n| format!("a 1.{n}.0:\n")).collect();
    refuses(
        &many,
        "a@^2 | |",
        Kind::NoRelease,
        "No release of a fits ^2: there are 12 others, the newest 1.11.0, 1.10.0 and 1.9.0. Install a 1.11.0.",
    );
    let mut none = Catalogue::new();
    none.put("a", vec![]);
    assert_eq!(solve(&none, &request("a | |")).unwrap_err().to_string(), "a has no releases.");
    refuses(
        "a 1.0.0-rc.1:",
        "a | |",
        Kind::NoRelease,
        "a has only prereleases. Prereleases are chosen only where a range names one, for example ^1.0.0-rc.1.",
    );
}

#[test]
fn withdrawn() {
    refuses(
        "a 1.0.0!:\n a 1.1.0!:\n a 2.0.0!:",
        "a@^1 | |",
        Kind::Withdrawn,
        "Every release of a ^1 is withdrawn: 1.1.0 (it leaks client names) and 1.0.0 (it leaks client names).",
    );
    refuses(
        "a 1.0.0: b@^1\n b 1.0.0!:\n b 2.0.0:",
        "a | |",
        Kind::Withdrawn,
        "a 1.0.0 needs b ^1, but every release of that is withdrawn: 1.0.0 (it leaks client names).",
    );
    refuses(
        "a 1.0.0: x@>=1\n b 1.0.0: x@<2\n x 0.9.0:\n x 1.0.0!:\n x 2.0.0:",
        "a b | |",
        Kind::Conflict,
        "a 1.0.0 needs x >=1, but b 1.0.0 needs x <2. What would fit is withdrawn: x 1.0.0 (it leaks client names).",
    );
    // What is installed stays.
    let plan = solve(&catalogue("a 1.0.0!:\n a 1.1.0!:"), &request("| a@^1 | a@1.0.0")).unwrap();
    assert_eq!((plan.chosen["a"].to_string().as_str(), plan.steps.len()), ("1.0.0", 0));
}

#[test]
fn pinned() {
    refuses(
        OFFICE,
        "lease-review@^2 | contract-kit | contract-kit@1.4.0! clause-library@1.3.0",
        Kind::Pinned,
        "lease-review 2.0.0 needs clause-library ^2, but contract-kit 1.4.0, which is pinned, needs clause-library ^1. \
         If contract-kit were not pinned, it would work: it would become 2.0.0. Install lease-review 1.6.0.",
    );
    refuses(
        OFFICE,
        "lease-review@^2 | | clause-library@1.3.0!",
        Kind::Pinned,
        "lease-review 2.0.0 needs clause-library ^2, but clause-library is pinned at 1.3.0. \
         If clause-library were not pinned, it would work: it would become 2.1.0. Install lease-review 1.6.0.",
    );
    refuses(
        OFFICE,
        "clause-library@^2 | | clause-library@1.3.0!",
        Kind::Pinned,
        "You ask for clause-library ^2, but clause-library is pinned at 1.3.0. \
         If clause-library were not pinned, it would work: it would become 2.1.0. Install clause-library 1.3.0.",
    );
    // Unpinning would not help: contract-kit may not go to 2.0.0 either.
    refuses(
        OFFICE,
        "lease-review@^2 | contract-kit@^1 | contract-kit@1.4.0! clause-library@1.3.0",
        Kind::Conflict,
        "lease-review 2.0.0 needs clause-library ^2, but contract-kit 1.4.0, which is pinned, needs clause-library ^1. Install lease-review 1.6.0.",
    );
    refuses(
        OFFICE,
        "lease-review@^2 | contract-kit@^1 | contract-kit@1.4.0 clause-library@1.3.0!",
        Kind::Pinned,
        "lease-review 2.0.0 needs clause-library ^2, but clause-library is pinned at 1.3.0. Unpinning it would not be enough. Install lease-review 1.6.0.",
    );
    // It takes both.
    refuses(
        OFFICE,
        "lease-review@^2 | contract-kit | contract-kit@1.4.0! clause-library@1.3.0!",
        Kind::Pinned,
        "lease-review 2.0.0 needs clause-library ^2, but clause-library is pinned at 1.3.0. \
         If clause-library and contract-kit were not pinned, it would work. Install lease-review 1.6.0.",
    );
    refuses(
        OFFICE,
        "lease-review | | contract-kit@1.3.0!",
        Kind::Pinned,
        "contract-kit is pinned at 1.3.0, a release that the marketplace does not have any more. Unpin it, or remove it.",
    );
}

#[test]
fn circles() {
    let three = "a 1.0.0: b\n b 2.0.0: c\n c 1.1.0: a@^1\n d 1.0.0: b";
    let told = "a 1.0.0 needs b, b 2.0.0 needs c, and c 1.1.0 needs a: items that need one another in a circle cannot be installed.";
    refuses(three, "a | |", Kind::Circle, told);
    refuses(three, "d | |", Kind::Circle, told);
    assert_eq!(refusal(three, "d | |").slugs, ["a", "b", "c"]);
    refuses("a 1.0.0: a@^1", "a | |", Kind::Circle, "a 1.0.0 needs itself, so it cannot be installed.");
    let ring: String = (1..9).map(|n| format!("r{n} 1.0.0: r{}\n", n % 8 + 1)).collect();
    refuses(
        &ring,
        "r4 | |",
        Kind::Circle,
        "r1, r2, r3, r4, r5, r6, r7, r8 and back to r1 need one another: items that need one another in a circle cannot be installed.",
    );
    // A release outside of the circle is taken instead.
    let plan = solve(&catalogue(&format!("{three}\n c 1.0.0:")), &request("a | |")).unwrap();
    assert_eq!(plan.chosen["c"].to_string(), "1.0.0");
}

#[test]
fn too_large() {
    let limits = |items, dependencies, releases| Limits { items, dependencies, releases, ..Limits::default() };
    let refuses = |limits: Limits, sentence: &str| {
        let refusal = solve_within(&catalogue(OFFICE), &request("deal-room | |"), &limits).unwrap_err();
        assert_eq!((refusal.kind, refusal.to_string().as_str()), (Kind::TooLarge, sentence));
    };
    refuses(limits(2, 99, 99), "This leads to more than 2 items, which is more than can be put into a volume at once.");
    refuses(limits(99, 1, 99), "These items have more than 1 dependencies, which is more than can be looked at.");
    refuses(limits(99, 99, 1), "lease-review has more than 1 releases, which is more than can be looked at.");
    assert!(solve_within(&catalogue(OFFICE), &request("deal-room | |"), &limits(3, 2, 2)).is_ok());
}

#[test]
fn too_hard() {
    let limits = Limits { work: 99, ..Limits::default() };
    let refusal = solve_within(&catalogue(OFFICE), &request("deal-room | |"), &limits).unwrap_err();
    assert_eq!(refusal.kind, Kind::TooHard);
    assert!(refusal.to_string().ends_with("Ask for narrower ranges, or for fewer items at once."));
}

#[test]
fn not_looked_up() {
    let mut catalogue = Catalogue::new();
    assert_eq!(solve(&catalogue, &request("a | |")).unwrap_err().kind, Kind::NotLoaded);
    catalogue.put("a", vec![Release::new("1.0.0".parse().unwrap(), vec!["b".parse().unwrap()])]);
    let refusal = solve(&catalogue, &request("a | |")).unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.slugs, refusal.sentences),
        (Kind::NotLoaded, vec!["b".into()], vec!["The releases of b have not been looked up.".into()])
    );
}
