//! Files of a release under the scanner, whatever they hold: it ends, and finds no more than it says it may.

use std::sync::LazyLock;

use llmos_scanner::{Capabilities, File, MAX_FINDINGS, Release, Rules, scan};

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::builtin().expect("our own rules"));

pub fn run(bytes: &[u8]) {
    let files = [File { path: "SKILL.md", bytes }, File { path: "scripts/run.sh", bytes }];
    let release =
        Release { slug: "x", name: "X", licence: Some("MIT"), capabilities: &Capabilities::default(), files: &files, popular: &["pdf"] };
    let report = scan(&RULES, &release);
    assert!(report.findings.len() <= MAX_FINDINGS);
}
