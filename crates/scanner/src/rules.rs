//! Rules as data: TOML files, compiled once.

use std::{borrow::Cow, collections::BTreeMap};

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{detect::Detector, prefilter::Prefilter, report::Severity, source::Place, view::Kind};

/// The files of `rules/`: (name, text), in the order of their names.
const BUILTIN: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));

/// Counted up when the same rules would find something else in the same files.
const ENGINE: &str = "1";

/// The memory that one compiled pattern may take, in bytes. An operator's pattern cannot take more than that either.
const PATTERN: usize = 4 << 20;

/// What may be wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("The rule file {file} is no valid TOML of a rule: {reason}")]
    Syntax { file: String, reason: String },
    #[error("The rule {rule} in {file} has a pattern that cannot be compiled: {reason}")]
    Pattern { file: String, rule: String, reason: String },
    #[error("The rule {rule} in {file} names the {what} {name:?}, which does not exist")]
    Unknown { file: String, rule: String, what: &'static str, name: String },
    #[error("The rule {rule} in {file} has neither patterns nor a detector")]
    Empty { file: String, rule: String },
}

/// A file of rules as it is written. `rules/README.md` says what each key means.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    id: String,
    class: String,
    severity: Severity,
    #[serde(default)]
    blocks: bool,
    why: String,
    fix: String,
    #[serde(default = "yes")]
    enabled: bool,
    view: Option<Kind>,
    #[serde(default)]
    case: bool,
    #[serde(default)]
    patterns: Vec<String>,
    detector: Option<String>,
    #[serde(default)]
    parameters: toml::Table,
    #[serde(default)]
    places: Vec<Place>,
    #[serde(default)]
    unless: Vec<String>,
    #[serde(default)]
    unless_line: Vec<String>,
    secret: Option<Secret>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    softened_by: Vec<String>,
    #[serde(default)]
    softened_in_quotes_by: Vec<String>,
    #[serde(default = "low")]
    softened: Severity,
    declared: Option<Severity>,
    declared_path: Option<Severity>,
    known_addresses: Option<String>,
    #[serde(default)]
    caught: Vec<Sample>,
    #[serde(default)]
    passed: Vec<Sample>,
}

/// A file with what rules share.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Shared {
    #[serde(default)]
    fragments: BTreeMap<String, String>,
    #[serde(default)]
    contexts: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    addresses: BTreeMap<String, Vec<String>>,
}

fn yes() -> bool {
    true
}

fn low() -> Severity {
    Severity::Low
}

/// How sure a pattern is that it found a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Secret {
    /// By its shape.
    Known,
    /// By where it stands: it has to look like it was drawn at random, too.
    Guessed,
}

/// A sample of a rule: in a file the text of a SKILL.md, or a table with more than that.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "WrittenSample")]
pub struct Sample {
    pub text: String,
    /// `SKILL.md` if there is none.
    pub path: Option<String>,
    pub name: Option<String>,
    pub licence: Option<String>,
    pub popular: Vec<String>,
    pub capabilities: crate::Capabilities,
    /// Bytes in hex, in place of the text.
    pub bytes: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenSample {
    Text(String),
    Table(Box<SampleTable>),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SampleTable {
    text: String,
    path: Option<String>,
    name: Option<String>,
    licence: Option<String>,
    popular: Vec<String>,
    capabilities: crate::Capabilities,
    bytes: Option<String>,
}

impl From<WrittenSample> for Sample {
    fn from(written: WrittenSample) -> Self {
        match written {
            WrittenSample::Text(text) => Self { text, licence: Some("MIT".to_owned()), ..Self::default() },
            WrittenSample::Table(table) => {
                let SampleTable { text, path, name, licence, popular, capabilities, bytes } = *table;
                Self { text, path, name, licence, popular, capabilities, bytes }
            }
        }
    }
}

/// A rule, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub id: String,
    pub class: String,
    pub severity: Severity,
    pub blocks: bool,
    pub why: String,
    pub fix: String,
    pub view: Kind,
    /// Matched with what is written, not with lower case.
    pub case: bool,
    pub patterns: Vec<Regex>,
    /// The number of the first of them in [`Rules::prefilter`].
    pub first_pattern: u32,
    pub detector: Option<Detector>,
    pub places: Vec<Place>,
    /// A match that one of these finds something in is none; the same for its line.
    pub unless: Vec<Regex>,
    pub unless_line: Vec<Regex>,
    /// Nothing is found in a file in which none of these is.
    pub also: Vec<Regex>,
    /// The first group, or the match, is a secret: cut in what is shown, and passed over where it is a placeholder.
    pub secret: Option<Secret>,
    /// Where one of these contexts is around, the severity is `softened` and nothing blocks.
    pub softened_by: Vec<usize>,
    /// The same for what stands in quotes, in code or in a table.
    pub softened_in_quotes_by: Vec<usize>,
    pub softened: Severity,
    /// The severity where everything is fetched from declared hosts or known addresses.
    pub declared: Option<Severity>,
    pub known_addresses: Vec<String>,
    /// The severity where a declared path stands on the line.
    pub declared_path: Option<Severity>,
    caught: Vec<Sample>,
    passed: Vec<Sample>,
}

/// All rules in force.
#[derive(Debug)]
pub struct Rules {
    pub(crate) rules: Vec<Rule>,
    pub(crate) contexts: Vec<Vec<Regex>>,
    /// Over the patterns of all rules, in their order.
    pub(crate) prefilter: Prefilter,
    version: String,
}

impl Rules {
    /// The rules that come with the program.
    pub fn builtin() -> Result<Self, Error> {
        Self::parse(Self::builtin_files())
    }

    /// The files of the built-in rules: (name, text). Chain an operator's files behind them to extend, change or switch rules off.
    pub fn builtin_files() -> impl Iterator<Item = (&'static str, &'static str)> {
        BUILTIN.iter().copied()
    }

    /// Reads rules from (file name, text). Where an id comes again, the later file's keys replace the earlier one's, so that
    /// `id = "pipe-to-shell"` with `enabled = false` is enough to switch a rule off.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, Error> {
        let files: Vec<_> = files.into_iter().collect();
        let mut tables: BTreeMap<String, (String, toml::Table)> = BTreeMap::new();
        let mut fragments: BTreeMap<String, String> = BTreeMap::new();
        let mut addresses: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut written_contexts: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
        for &(file, text) in &files {
            let syntax = |reason: String| Error::Syntax { file: file.to_owned(), reason };
            let table: toml::Table = text.parse().map_err(|error: toml::de::Error| syntax(error.message().to_owned()))?;
            let Some(id) = table.get("id") else {
                let shared: Shared = table.try_into().map_err(|error: toml::de::Error| syntax(error.message().to_owned()))?;
                fragments.extend(shared.fragments);
                addresses.extend(shared.addresses);
                written_contexts.extend(shared.contexts.into_iter().map(|(name, patterns)| (name, (file.to_owned(), patterns))));
                continue;
            };
            let id = id.as_str().ok_or_else(|| syntax("id is no text".to_owned()))?.to_owned();
            let entry = tables.entry(id).or_default();
            entry.0 = file.to_owned();
            entry.1.extend(table);
        }
        let names: Vec<&String> = written_contexts.keys().collect();
        let mut rules = Vec::new();
        for (id, (file, table)) in &tables {
            let syntax = |error: toml::de::Error| Error::Syntax { file: file.clone(), reason: error.message().to_owned() };
            let written: Written = table.clone().try_into().map_err(syntax)?;
            if !written.enabled {
                continue;
            }
            let compile = |patterns: &[String]| compile(patterns, &fragments, file, id);
            let unknown = |what, name: &str| Error::Unknown { file: file.clone(), rule: id.clone(), what, name: name.to_owned() };
            let contexts = |wanted: &[String]| {
                let index = |name: &String| names.iter().position(|known| *known == name).ok_or_else(|| unknown("context", name));
                wanted.iter().map(index).collect::<Result<Vec<_>, _>>()
            };
            let (softened_by, softened_in_quotes_by) = (contexts(&written.softened_by)?, contexts(&written.softened_in_quotes_by)?);
            let known_addresses = match &written.known_addresses {
                Some(name) => addresses.get(name).cloned().ok_or_else(|| unknown("list of addresses", name))?,
                None => Vec::new(),
            };
            let detector = match &written.detector {
                Some(name) => Some(Detector::new(name, written.parameters).map_err(syntax)?.ok_or_else(|| unknown("detector", name))?),
                None if written.patterns.is_empty() => return Err(Error::Empty { file: file.clone(), rule: id.clone() }),
                None => None,
            };
            let first_pattern = rules.iter().map(|rule: &Rule| rule.patterns.len() as u32).sum();
            rules.push(Rule {
                patterns: compile(&written.patterns)?,
                first_pattern,
                also: compile(&written.also)?,
                unless: compile(&written.unless)?,
                unless_line: compile(&written.unless_line)?,
                id: written.id,
                class: written.class,
                severity: written.severity,
                blocks: written.blocks,
                why: written.why,
                fix: written.fix,
                view: written.view.unwrap_or(Kind::Commands),
                case: written.case,
                detector,
                places: written.places,
                secret: written.secret,
                softened_by,
                softened_in_quotes_by,
                known_addresses,
                softened: written.softened,
                declared: written.declared,
                declared_path: written.declared_path,
                caught: written.caught,
                passed: written.passed,
            });
        }
        let contexts = written_contexts.iter().map(|(name, (file, patterns))| compile(patterns, &fragments, file, name));
        let contexts = contexts.collect::<Result<Vec<_>, _>>()?;
        let version = Self::version_of(files);
        let prefilter = Prefilter::new(rules.iter().flat_map(|rule| &rule.patterns).map(Regex::as_str));
        Ok(Self { rules, contexts, prefilter, version })
    }

    /// The [`version`](Self::version) that rules of these files would have, without reading them.
    pub fn version_of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut hash = Sha256::new();
        hash.update(ENGINE);
        for part in files.into_iter().flat_map(|(file, text)| [file, text]) {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Changes with every change of a rule: SHA-256 over all files, in hex. What was scanned with another version is to be scanned again.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The rules in force: (id, class, severity, blocks), ordered by id.
    pub fn list(&self) -> impl Iterator<Item = (&str, &str, Severity, bool)> {
        self.rules.iter().map(|rule| (rule.id.as_str(), rule.class.as_str(), rule.severity, rule.blocks))
    }

    /// The samples of each rule: (id, what it must find, what it must not).
    pub fn samples(&self) -> impl Iterator<Item = (&str, &[Sample], &[Sample])> {
        self.rules.iter().map(|rule| (rule.id.as_str(), rule.caught.as_slice(), rule.passed.as_slice()))
    }
}

fn compile(patterns: &[String], fragments: &BTreeMap<String, String>, file: &str, rule: &str) -> Result<Vec<Regex>, Error> {
    let compile = |pattern: &String| {
        let pattern = with_fragments(pattern, fragments);
        // Bytes and no Unicode classes: the texts are folded to ASCII where it matters, and the automaton stays small and fast.
        let built = RegexBuilder::new(&pattern).unicode(false).multi_line(true).size_limit(PATTERN).dfa_size_limit(PATTERN).build();
        built.map_err(|error| Error::Pattern { file: file.to_owned(), rule: rule.to_owned(), reason: error.to_string() })
    };
    patterns.iter().map(compile).collect()
}

/// Puts shared pieces in place of `{{name}}`; a piece may name another one.
fn with_fragments<'a>(pattern: &'a str, fragments: &BTreeMap<String, String>) -> Cow<'a, str> {
    let mut pattern = Cow::Borrowed(pattern);
    for _ in 0..4 {
        if !pattern.contains("{{") {
            break;
        }
        for (name, piece) in fragments {
            pattern = Cow::Owned(pattern.replace(&format!("{{{{{name}}}}}"), piece));
        }
    }
    pattern
}
