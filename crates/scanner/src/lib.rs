//! Looks at a release of a skill, tool or agent before a person does: what in its files could harm whoever runs an agent on them.
//!
//! [`scan`] applies [`Rules`] to a [`Release`] and answers a [`Report`]; [`Report::is_held`] says whether the release waits for a person's
//! decision. Rules are data (`rules/*.toml` at the root of the project, compiled in); [`Rules::parse`] reads an operator's as well.
//!
//! The way of a text: `source` says what each line is, `clean` what its characters are meant to be, `view` what a shell and a reader make
//! of the lines, `decode` what is encoded in them (which goes the same way again); `matching` applies patterns (those that `prefilter`
//! leaves), `detect` looks for what no pattern describes, `context` tells a text that warns of something from one that does it.
//!
//! Pure: no I/O, no clock, no randomness, the same report for the same input on every target. Time is linear in the input, and everything
//! that could grow is bounded (constants below).

mod capabilities;
mod clean;
mod context;
mod decode;
mod detect;
mod evidence;
mod licence;
mod matching;
mod prefilter;
mod report;
mod rules;
mod scan;
mod source;
mod usage;
mod view;

pub use capabilities::{Capabilities, Difference, Kind as CapabilityKind};
pub use licence::{Licence, licences};
pub use report::{Finding, Report, Severity};
pub use rules::{Error, Rules, Sample};
pub use scan::scan;

/// Files of one release that are read; more hold it back, as nobody looked at them.
pub const MAX_FILES: usize = 2000;
/// Bytes of one file that are read; a longer text holds the release back.
pub const MAX_TEXT: usize = 2 << 20;
/// Bytes of all texts of a release that are read; more hold it back.
pub const MAX_RELEASE: usize = 16 << 20;
/// Findings of one rule in one file.
pub const MAX_FINDINGS_PER_RULE: usize = 10;
/// Findings of one release; what blocks comes first.
pub const MAX_FINDINGS: usize = 500;
/// Characters of one evidence.
pub const MAX_EVIDENCE: usize = 240;

/// A file of a release.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// Relative to the release's folder, with `/`: `references/guide.md`.
    pub path: &'a str,
    pub bytes: &'a [u8],
}

/// What is scanned: a version of a listing as its author hands it in.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    pub slug: &'a str,
    pub name: &'a str,
    /// An SPDX expression.
    pub licence: Option<&'a str>,
    pub capabilities: &'a Capabilities,
    pub files: &'a [File<'a>],
    /// Names that a typosquatter would go for, without the publisher's own.
    pub popular: &'a [&'a str],
}

/// As much of a file as is read.
fn bounded(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(MAX_TEXT)]
}
