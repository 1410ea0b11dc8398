//! What a release says it uses, and what its texts appear to use.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{File, source, usage};

/// What a release may use, as its author declares it: shown before an installation, compared at each release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Capabilities {
    /// `api.example.org`, `*.example.org` (everything below it), `*`.
    pub hosts: Vec<String>,
    /// Outside of the release's folder: `~/.config/tool`, `/etc/hosts`. A folder stands for everything in it; `*` at the end for any rest.
    pub paths: Vec<String>,
    /// Programs: `git`, `docker`.
    pub commands: Vec<String>,
    /// Environment variables: `GITHUB_TOKEN`.
    pub env: Vec<String>,
    /// The agent's tools: `Bash`, `mcp__mail__send`.
    pub tools: Vec<String>,
}

/// A kind of capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    Hosts,
    Paths,
    Commands,
    Env,
    Tools,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Hosts, Self::Paths, Self::Commands, Self::Env, Self::Tools];
}

/// What changed between two releases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    pub added: Capabilities,
    pub removed: Capabilities,
}

impl Capabilities {
    pub fn of(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::Hosts => &self.hosts,
            Kind::Paths => &self.paths,
            Kind::Commands => &self.commands,
            Kind::Env => &self.env,
            Kind::Tools => &self.tools,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut Vec<String> {
        match kind {
            Kind::Hosts => &mut self.hosts,
            Kind::Paths => &mut self.paths,
            Kind::Commands => &mut self.commands,
            Kind::Env => &mut self.env,
            Kind::Tools => &mut self.tools,
        }
    }

    pub fn is_empty(&self) -> bool {
        Kind::ALL.iter().all(|kind| self.of(*kind).is_empty())
    }

    /// What this declares that `old` did not cover, and the other way round. A pattern covers what it matches: from `*.example.org` to
    /// `api.example.org` nothing is added.
    pub fn difference(&self, old: &Self) -> Difference {
        Difference { added: self.beyond(old), removed: old.beyond(self) }
    }

    /// What this declares that `old` does not cover: what a reader has to be asked about.
    pub fn added(&self, old: &Self) -> Self {
        self.beyond(old)
    }

    fn beyond(&self, other: &Self) -> Self {
        let mut beyond = Self::default();
        for kind in Kind::ALL {
            let new = self.of(kind).iter().filter(|value| !other.covers(kind, value));
            *beyond.of_mut(kind) = new.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        }
        beyond
    }

    /// Is this value declared? Hosts, commands and tools regardless of case, paths and variables as they are written.
    pub fn covers(&self, kind: Kind, value: &str) -> bool {
        self.of(kind).iter().any(|declared| covers(kind, declared.trim(), value.trim()))
    }

    /// What the texts appear to use, to fill in a form: an estimate that the author corrects. Ordered, without what every machine has.
    pub fn seen_in(files: &[File<'_>]) -> Self {
        let mut seen = Self::default();
        let mut values = BTreeSet::new();
        for file in files.iter().take(crate::MAX_FILES) {
            let Some(text) = source::text_of(crate::bounded(file.bytes)) else { continue };
            let source = source::Source::new(file.path, &text);
            let view = crate::view::commands(&source);
            values.extend(usage::of(&source, &view).into_iter().map(|used| (used.kind, used.value)));
        }
        for (kind, value) in values {
            seen.of_mut(kind).push(value);
        }
        seen
    }
}

fn covers(kind: Kind, declared: &str, value: &str) -> bool {
    if declared.is_empty() {
        return false;
    }
    match kind {
        _ if declared == "*" => true,
        Kind::Hosts => {
            let (declared, value) = (declared.to_ascii_lowercase(), value.to_ascii_lowercase());
            let below = declared.strip_prefix("*.").is_some_and(|domain| {
                value.strip_suffix(domain).is_some_and(|left| left.len() > 1 && left.ends_with('.')) && !domain.is_empty()
            });
            declared == value || below
        }
        Kind::Paths => {
            let folder =
                |path: &str| path.replace("${HOME}", "~").replace("$HOME", "~").trim_end_matches("**").trim_end_matches('/').to_owned();
            let (declared, value) = (folder(declared), folder(value));
            match declared.strip_suffix('*') {
                // `..` would lead out again.
                Some(start) => value.starts_with(start) && !value.contains(".."),
                None => {
                    value == declared || (value.strip_prefix(&declared).is_some_and(|rest| rest.starts_with('/')) && !value.contains(".."))
                }
            }
        }
        Kind::Commands | Kind::Tools => {
            // `Bash(git *)` is a use of `Bash`.
            declared.eq_ignore_ascii_case(value) || value.split('(').next().is_some_and(|tool| declared.eq_ignore_ascii_case(tool))
        }
        Kind::Env => declared == value || declared.strip_suffix('*').is_some_and(|start| value.starts_with(start)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(hosts: &[&str]) -> Capabilities {
        Capabilities { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), ..Capabilities::default() }
    }

    #[test]
    fn patterns_cover_what_is_below() {
        let declared = Capabilities {
            hosts: vec!["*.example.org".into(), "one.test".into()],
            paths: vec!["~/.cache/tool".into(), "/tmp/*".into()],
            commands: vec!["git".into()],
            env: vec!["TOOL_*".into()],
            tools: vec!["Bash".into()],
        };
        for (kind, value, covered) in [
            (Kind::Hosts, "api.example.org", true),
            (Kind::Hosts, "API.Example.ORG", true),
            (Kind::Hosts, "example.org", false),
            (Kind::Hosts, "evilexample.org", false),
            (Kind::Hosts, "example.org.evil.test", false),
            (Kind::Hosts, "one.test", true),
            (Kind::Paths, "~/.cache/tool/a", true),
            (Kind::Paths, "$HOME/.cache/tool", true),
            (Kind::Paths, "~/.cache/toolbox", false),
            (Kind::Paths, "~/.cache/tool/../../.ssh", false),
            (Kind::Paths, "/tmp/a", true),
            (Kind::Commands, "git", true),
            (Kind::Commands, "gitk", false),
            (Kind::Env, "TOOL_KEY", true),
            (Kind::Env, "KEY", false),
            (Kind::Tools, "Bash(git *)", true),
        ] {
            assert_eq!(declared.covers(kind, value), covered, "{value}");
        }
    }

    #[test]
    fn a_difference_is_what_a_reader_must_be_asked_about() {
        let difference = hosts(&["a.example.org", "new.test"]).difference(&hosts(&["*.example.org", "old.test"]));
        assert_eq!(difference.added, hosts(&["new.test"]));
        assert_eq!(difference.removed, hosts(&["*.example.org", "old.test"]));
        assert!(hosts(&["a.test"]).added(&hosts(&["*"])).is_empty());
    }
}
