//! docs/security/asvs.md has each requirement of OWASP ASVS 5.0, levels 1 and 2, once, and what it names as proof is there.

use std::{collections::BTreeSet, fs, path::Path};

const PAGE: &str = include_str!("../../../docs/security/asvs.md");
/// Numbers and levels.
const IDS: &str = include_str!("asvs-ids.txt");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `| V1.2.3 | 1 | … | yes | … |`
struct Row {
    id: &'static str,
    level: &'static str,
    holds: &'static str,
    by: &'static str,
}

fn rows() -> Vec<Row> {
    let lines = PAGE.lines().filter(|line| line.starts_with("| V"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').splitn(5, '|').map(str::trim).collect();
            let [id, level, _, holds, by] = cells[..] else { panic!("{line}: five cells") };
            Row { id, level, holds, by }
        })
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Where links lead that are no addresses of the web, from the page's folder.
fn links(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|target| !target.starts_with("http"));
    targets.map(|target| target.split_once('#').unwrap_or((target, "")))
}

fn has_function(text: &str, name: &str) -> bool {
    /// Macros whose first argument is the test's name.
    const NAMING: [&str; 4] = ["app_test!(", "oidc_test!(", "passkey_test!(", "process_test!("];
    // By itself, or as the name that a macro gives to a test on both engines.
    let called = |line: &str| line.contains(&format!("fn {name}(")) || line.trim().trim_end_matches(',') == name;
    text.lines().any(called) || NAMING.iter().any(|made| text.contains(&format!("{made}{name},"))) || {
        let beside = text.split("app_test_beside!(").skip(1).filter_map(|rest| rest.split(',').nth(1));
        beside.into_iter().any(|found| found.trim() == name)
    }
}

/// Says what is wrong with a proof; nothing, if it is there, or is not the name of a test.
fn fault(proof: &str) -> Option<String> {
    if let Some((file, title)) = proof.split_once(".spec.ts: ") {
        let path = root().join("end2end/tests").join(format!("{file}.spec.ts"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        return (!text.contains(title)).then(|| format!("{} has no test “{title}”", path.display()));
    }
    let (place, name) = proof.rsplit_once("::").filter(|_| !proof.contains(char::is_whitespace))?;
    let candidates = if place.ends_with(".rs") {
        vec![root().join(place)]
    } else {
        let path = root().join("tests/it").join(place.replace("::", "/"));
        vec![path.with_extension("rs"), path.join("mod.rs")]
    };
    let found = candidates.iter().any(|path| fs::read_to_string(path).is_ok_and(|text| has_function(&text, name)));
    (!found).then(|| format!("{proof} is gone"))
}

#[test]
fn every_requirement_is_there_once_with_its_level() {
    let known: Vec<(&str, &str)> = IDS.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' ')).collect();
    assert_eq!(known.len(), 253, "levels 1 and 2 of version 5.0.0");
    let listed: Vec<(&str, &str)> = rows().iter().map(|row| (row.id, row.level)).collect();
    let (set, all): (BTreeSet<_>, BTreeSet<_>) = (listed.iter().collect(), known.iter().collect());
    assert_eq!(all.difference(&set).collect::<Vec<_>>(), Vec::<&&(&str, &str)>::new(), "missing");
    assert_eq!(listed, known, "in their order, each once, and no others");
}

#[test]
fn what_proves_a_requirement_is_there() {
    let mut faults = Vec::new();
    let mut named = 0;
    for Row { id, holds, by, .. } in rows() {
        assert!(["yes", "partly", "no", "n/a"].contains(&holds), "{id}: {holds}");
        assert!(!by.is_empty(), "{id}: by what, or why not");
        faults.extend(quoted(by).filter_map(fault).map(|fault| format!("{id}: {fault}")));
        let tests = quoted(by).filter(|proof| proof.contains("::") || proof.contains(".spec.ts: ")).count();
        named += tests;
        let documents = links(by).filter(|(file, _)| file.ends_with(".md")).count();
        if holds == "yes" && tests + documents == 0 && !by.starts_with("no test: ") {
            faults.push(format!("{id} holds by no test and no document, and does not say why"));
        }
        for (file, place) in links(by) {
            let path = root().join("docs/security").join(file);
            let text = fs::read_to_string(&path).unwrap_or_default();
            if text.is_empty() {
                faults.push(format!("{id}: {file} is gone"));
            }
            let headings = text.lines().filter_map(|line| line.strip_prefix('#')).map(|line| anchor(line.trim_start_matches('#')));
            if !place.is_empty() && !headings.into_iter().any(|heading| heading == place) {
                faults.push(format!("{id}: {file} has no heading for #{place}"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(named > 150, "the proofs were found: {named}");
}

/// As GitHub makes one of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-')).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn the_page_counts_itself() {
    let of = |word: &str| rows().iter().filter(|row| row.holds == word).count();
    let (all, apply) = (rows().len(), rows().len() - of("n/a"));
    let said = format!("{all} requirements, of which {apply} apply: {} hold, {} partly, {} not.", of("yes"), of("partly"), of("no"));
    assert!(PAGE.contains(&said), "it should say: {said}");
}

#[test]
fn a_proof_that_is_gone_is_noticed() {
    assert_eq!(fault("security::asvs::a_proof_that_is_gone_is_noticed"), None);
    assert_eq!(fault("accounts::sign_in::a_failed_try_is_in_the_log"), None);
    assert_eq!(fault("accounts::sign_in::behind_https_the_cookie_is_secure"), None);
    assert_eq!(fault("src/features/accounts/model/permissions.rs::every_cell_of_the_matrix"), None);
    assert_eq!(fault("pages.spec.ts: administration is for administrators"), None);
    assert_eq!(fault("`DATABASE_URL`"), None);
    for gone in ["accounts::sign_in::nothing", "nowhere::a_test", "src/none.rs::a_test", "pages.spec.ts: nobody wrote this"] {
        assert!(fault(gone).is_some(), "{gone}");
    }
}
