//! What a scan says.

use serde::{Deserialize, Serialize};

/// How bad it would be if what was found is what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

/// One thing that a rule found at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's id, which is the name of its file in `rules/`.
    pub rule: String,
    /// What kind of thing it is: `pipe-to-shell`, `secrets`, … Several rules share a class.
    pub class: String,
    pub severity: Severity,
    /// The release is held back until a person has decided.
    pub blocks: bool,
    /// The file within the release; empty if it is about the release itself (its name, its licence).
    pub path: String,
    /// Counted from 1; 0 if it is about the whole file.
    pub line: u32,
    /// At most [`crate::MAX_EVIDENCE`] characters of the file: secrets cut, characters that nobody sees written as `U+200B`.
    pub evidence: String,
    /// Why this is asked about.
    pub why: String,
    /// What the author can do.
    pub fix: String,
}

/// All that a scan found, what blocks first, then by severity, path, line and rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`crate::Rules::version`] of the rules that were applied.
    pub rules: String,
    pub findings: Vec<Finding>,
}

impl Report {
    /// Does anything hold the release back?
    pub fn is_held(&self) -> bool {
        self.findings.iter().any(|finding| finding.blocks)
    }
}
