//! Patterns on views.

use std::cell::OnceCell;

use crate::{
    Capabilities, CapabilityKind, MAX_FINDINGS_PER_RULE, Severity, context,
    detect::{Draft, secret},
    evidence,
    prefilter::Candidates,
    rules::{Rule, Rules},
    source::Source,
    usage::{self, Used},
    view::{Kind, View},
};

/// A file, ready to be looked at.
pub(crate) struct Ready<'a> {
    uses: OnceCell<Vec<Used>>,
    /// Of each view, in the order of [`Kind`].
    candidates: [Candidates; 3],
    pub source: &'a Source<'a>,
    pub lines: &'a View,
    pub commands: &'a View,
    pub prose: &'a View,
}

impl<'a> Ready<'a> {
    pub fn new(rules: &Rules, source: &'a Source<'a>, lines: &'a View, commands: &'a View, prose: &'a View) -> Self {
        let candidates = [lines, commands, prose].map(|view| rules.prefilter.candidates(view.folded.as_bytes()));
        Self { uses: OnceCell::new(), candidates, source, lines, commands, prose }
    }

    /// What the file appears to use; looked for once, for all rules about it.
    pub fn uses(&self) -> &[Used] {
        self.uses.get_or_init(|| usage::of(self.source, self.commands))
    }

    /// Can the rule's pattern of this index match?
    pub fn is_candidate(&self, rule: &Rule, index: usize) -> bool {
        let view = match rule.view {
            Kind::Lines => 0,
            Kind::Commands => 1,
            Kind::Prose => 2,
        };
        self.candidates[view].has(rule.first_pattern + index as u32)
    }

    pub fn view(&self, kind: Kind) -> &View {
        match kind {
            Kind::Lines => self.lines,
            Kind::Commands => self.commands,
            Kind::Prose => self.prose,
        }
    }
}

/// Matches that are looked at of one pattern in one file: most of them may be of those that count for nothing.
const MATCHES: usize = 200;

/// What a rule's patterns find in a file.
pub(crate) fn find(rules: &Rules, rule: &Rule, ready: &Ready, capabilities: &Capabilities) -> Vec<Draft> {
    let view = ready.view(rule.view);
    let text = if rule.case { view.text.as_bytes() } else { view.folded.as_bytes() };
    let mut drafts: Vec<Draft> = Vec::new();
    if !rule.places.is_empty() && !ready.source.lines.iter().any(|line| rule.places.contains(&line.place)) {
        return drafts;
    }
    let mut has_also = None;
    for (index, pattern) in rule.patterns.iter().enumerate() {
        if !ready.is_candidate(rule, index) {
            continue;
        }
        for found in pattern.find_iter(text).take(MATCHES) {
            if !rule.also.is_empty() && !*has_also.get_or_insert_with(|| rule.also.iter().any(|also| also.is_match(text))) {
                return drafts;
            }
            let (from, to) = (found.start(), found.end());
            let line = view.line_at(from);
            if drafts.iter().any(|draft| draft.line == line && draft.is_full(rule)) || !in_place(rule, ready.source, line) {
                continue;
            }
            let around = view.around(from).1.as_bytes();
            if rule.unless.iter().any(|unless| unless.is_match(found.as_bytes()))
                || rule.unless_line.iter().any(|unless| unless.is_match(around))
            {
                continue;
            }
            if let Some(how) = rule.secret {
                let secret =
                    pattern.captures_at(text, from).and_then(|groups| groups.get(1).or(groups.get(0)).map(|group| group.as_bytes()));
                if !secret.is_some_and(|secret| secret::is_secret(&String::from_utf8_lossy(secret), how)) {
                    continue;
                }
            }
            let (severity, blocks) = weigh(rules, rule, ready, from, to, capabilities);
            let draft = Draft { line, severity, blocks, evidence: evidence::of_match(rules, ready.source, view, from, to) };
            // One finding for a line: the worst.
            match drafts.iter_mut().find(|other| other.line == line) {
                Some(other) if (draft.blocks, draft.severity) > (other.blocks, other.severity) => *other = draft,
                Some(_) => {}
                None => drafts.push(draft),
            }
            if drafts.iter().filter(|draft| draft.blocks).count() >= MAX_FINDINGS_PER_RULE {
                break;
            }
        }
    }
    drafts
}

pub(crate) fn in_place(rule: &Rule, source: &Source, line: u32) -> bool {
    rule.places.is_empty() || source.line(line).is_some_and(|line| rule.places.contains(&line.place))
}

/// Is the address the known one, or below it? `https://known.example.evil.test` and `https://known.example@evil.test` are not.
fn is_at(address: &str, known: &str) -> bool {
    if let Some(start) = known.strip_suffix('*') {
        return address.starts_with(start);
    }
    address.strip_prefix(known).is_some_and(|rest| rest.is_empty() || known.ends_with('/') || rest.starts_with(['/', '?', '#']))
}

/// How much a match counts where it stands.
pub(crate) fn weigh(rules: &Rules, rule: &Rule, ready: &Ready, from: usize, to: usize, capabilities: &Capabilities) -> (Severity, bool) {
    let view = ready.view(rule.view);
    if !rule.softened_by.is_empty() || !rule.softened_in_quotes_by.is_empty() {
        let texts = context::around(ready.source, view, rule.view, from, to);
        let applies = |contexts: &[usize]| {
            contexts.iter().filter_map(|index| rules.contexts.get(*index)).any(|context| context::applies(context, &texts))
        };
        if applies(&rule.softened_by) || applies(&rule.softened_in_quotes_by) && context::is_quoted(ready.source, view, from, to) {
            return (rule.severity.min(rule.softened), false);
        }
    }
    if let Some(declared) = rule.declared {
        let matched = view.folded.get(from..to).unwrap_or_default();
        let is_known = |address: &&str| {
            usage::hosts_in(address).first().is_some_and(|host| capabilities.covers(CapabilityKind::Hosts, host))
                || rule.known_addresses.iter().any(|known| is_at(address, known))
        };
        if usage::fetched(matched).is_some_and(|addresses| addresses.iter().all(is_known)) {
            return (rule.severity.min(declared), false);
        }
    }
    if let Some(declared) = rule.declared_path {
        let line = view.around(from).1.replace("${home}", "~").replace("$home", "~");
        let is_named = |path: &String| {
            let path = path.to_ascii_lowercase();
            let path = path.trim_end_matches(['*', '/']);
            path.len() > 2 && line.contains(path)
        };
        if capabilities.paths.iter().any(is_named) {
            return (rule.severity.min(declared), false);
        }
    }
    (rule.severity, rule.blocks)
}
