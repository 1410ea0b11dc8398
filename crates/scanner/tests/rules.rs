//! Every rule is tried on its own samples, and none is without.

#[allow(dead_code)]
mod support;

use llmos_scanner::{File, Release, Report, Rules, Sample, scan};
use support::mutate::Rng;

/// Scans a sample of a rule file as a release of one file.
fn look(rules: &Rules, sample: &Sample, rng: &mut Rng) -> Report {
    let (path, name) = (sample.path.as_deref().unwrap_or("SKILL.md"), sample.name.as_deref().unwrap_or("sample"));
    let bytes = sample.bytes.as_deref().map_or_else(|| support::fill(&sample.text, rng).into_bytes(), from_hex);
    let popular: Vec<&str> = sample.popular.iter().map(String::as_str).collect();
    let files = [File { path, bytes: &bytes }];
    let release = Release {
        slug: name,
        name,
        licence: sample.licence.as_deref(),
        capabilities: &sample.capabilities,
        files: &files,
        popular: &popular,
    };
    scan(rules, &release)
}

/// Digits, or `repeat 61 100` for a hundred times the same byte.
fn from_hex(written: &str) -> Vec<u8> {
    let byte = |digits: &str| u8::from_str_radix(digits, 16).expect("hex digits");
    match written.split(' ').collect::<Vec<_>>()[..] {
        ["repeat", digits, count] => vec![byte(digits); count.parse().expect("a number")],
        _ => written.as_bytes().chunks(2).map(|pair| byte(std::str::from_utf8(pair).expect("ASCII"))).collect(),
    }
}

#[test]
fn every_rule_finds_its_samples_and_nothing_in_its_counterexamples() {
    let rules = Rules::builtin().expect("valid rules");
    let mut rng = Rng::new(1);
    let mut wrong = Vec::new();
    let severities: Vec<_> = rules.list().map(|(id, _, severity, blocks)| (id.to_owned(), severity, blocks)).collect();
    for ((id, caught, passed), (_, severity, blocks)) in rules.samples().zip(&severities) {
        if caught.is_empty() || passed.is_empty() {
            wrong.push(format!("{id} has no samples"));
        }
        for sample in caught {
            let report = look(&rules, sample, &mut rng);
            if !report.findings.iter().any(|finding| finding.rule == id && finding.severity == *severity && finding.blocks == *blocks) {
                wrong.push(format!("{id} misses {sample:?}"));
            }
        }
        for sample in passed {
            let report = look(&rules, sample, &mut rng);
            // What only talks about it may be mentioned, but with less weight.
            if let Some(finding) = report.findings.iter().find(|finding| finding.rule == id && (finding.blocks || !blocks)) {
                wrong.push(format!("{id} finds {finding:?} in {sample:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
