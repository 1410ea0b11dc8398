//! What no pattern describes.

mod bidi;
mod binary;
mod invisible;
mod licence;
mod links;
mod mixed;
pub(crate) mod secret;
mod typosquat;
mod undeclared;
mod written;

use serde::Deserialize;

use crate::{
    File, Release, Severity,
    matching::Ready,
    rules::{Rule, Rules},
};

/// A finding before it knows its file.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub line: u32,
    pub severity: Severity,
    pub blocks: bool,
    pub evidence: String,
}

impl Draft {
    pub fn new(rule: &Rule, line: u32, evidence: String) -> Self {
        Self { line, severity: rule.severity, blocks: rule.blocks, evidence }
    }

    /// Nothing worse can be said of its line by this rule.
    pub fn is_full(&self, rule: &Rule) -> bool {
        self.blocks == rule.blocks && self.severity == rule.severity
    }
}

/// A detector with its parameters, as a rule names it.
#[derive(Debug)]
pub(crate) enum Detector {
    Invisible(invisible::Parameters),
    Bidi,
    WrittenThenRun,
    MixedScripts,
    Undeclared(undeclared::Parameters),
    Typosquat(typosquat::Parameters),
    BrokenLink,
    Licence(licence::Parameters),
    Binary(binary::Parameters),
    Size,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Detector {
    /// The detector of this name; `None` if there is none.
    pub fn new(name: &str, parameters: toml::Table) -> Result<Option<Self>, toml::de::Error> {
        let without = |detector: Self, parameters: toml::Table| parameters.try_into::<Nothing>().map(|Nothing {}| Some(detector));
        match name {
            "invisible" => parameters.try_into().map(|parameters| Some(Self::Invisible(parameters))),
            "undeclared" => parameters.try_into().map(|parameters| Some(Self::Undeclared(parameters))),
            "typosquat" => parameters.try_into().map(|parameters| Some(Self::Typosquat(parameters))),
            "licence" => parameters.try_into().map(|parameters| Some(Self::Licence(parameters))),
            "binary" => parameters.try_into().map(|parameters| Some(Self::Binary(parameters))),
            "bidi" => without(Self::Bidi, parameters),
            "written-then-run" => without(Self::WrittenThenRun, parameters),
            "mixed-scripts" => without(Self::MixedScripts, parameters),
            "broken-link" => without(Self::BrokenLink, parameters),
            "size" => without(Self::Size, parameters),
            _ => Ok(None),
        }
    }

    /// Looks at the release as a whole.
    pub fn of_release(&self, rule: &Rule, release: &Release) -> Vec<(String, Draft)> {
        match self {
            Self::Typosquat(parameters) => typosquat::find(rule, parameters, release),
            Self::Licence(parameters) => licence::find(rule, parameters, release),
            Self::Size => binary::sizes(rule, release),
            _ => Vec::new(),
        }
    }

    /// Looks at a file as bytes.
    pub fn of_bytes(&self, rule: &Rule, file: &File, is_text: bool) -> Vec<Draft> {
        match self {
            Self::Binary(parameters) => binary::find(rule, parameters, file, is_text),
            Self::Invisible(parameters) => invisible::in_path(rule, parameters, file.path),
            Self::Bidi => bidi::in_path(rule, file.path),
            _ => Vec::new(),
        }
    }

    /// Looks at a text. What was decoded is looked at with patterns and [`Self::WrittenThenRun`] only.
    pub fn of_text(&self, rules: &Rules, rule: &Rule, ready: &Ready, release: &Release) -> Vec<Draft> {
        if let Self::WrittenThenRun = self {
            return written::find(rules, rule, ready, release.capabilities);
        }
        if ready.source.decoded.is_some() {
            return Vec::new();
        }
        match self {
            Self::Invisible(parameters) => invisible::find(rule, parameters, ready.source),
            Self::Bidi => bidi::find(rule, ready.source),
            Self::MixedScripts => mixed::find(rule, ready.source),
            Self::Undeclared(parameters) => undeclared::find(rule, parameters, ready, release.capabilities),
            Self::BrokenLink => links::find(rule, ready.source, release.files),
            _ => Vec::new(),
        }
    }
}
