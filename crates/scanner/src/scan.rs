//! From a release to a report.

use crate::{
    Finding, MAX_FILES, MAX_FINDINGS, MAX_FINDINGS_PER_RULE, MAX_RELEASE, Release, Report, bounded,
    decode::decoded,
    detect::Draft,
    matching::{self, Ready},
    rules::{Rule, Rules},
    source::{Source, text_of},
    view,
};

/// How often what was decoded is decoded again.
const DEPTH: u32 = 3;
/// Encoded texts of one file that are scanned, over all depths.
const ENCODED: usize = 400;

/// Looks at a release. The same release and rules give the same report.
pub fn scan(rules: &Rules, release: &Release<'_>) -> Report {
    let mut findings: Vec<Finding> = Vec::new();
    for rule in &rules.rules {
        if let Some(detector) = &rule.detector {
            findings.extend(detector.of_release(rule, release).into_iter().map(|(path, draft)| finding(rule, &path, draft)));
        }
    }
    let mut read = 0;
    for file in release.files.iter().take(MAX_FILES) {
        let text = text_of(bounded(file.bytes));
        read += text.as_ref().map_or(0, |text| text.len());
        let mut found = Found::new(rules);
        for (index, rule) in rules.rules.iter().enumerate() {
            if let Some(detector) = &rule.detector {
                found.add(index, detector.of_bytes(rule, file, text.is_some()));
            }
        }
        if let Some(text) = text.as_ref().filter(|_| read <= MAX_RELEASE) {
            let mut left = ENCODED;
            look(rules, release, &Source::new(file.path, text), DEPTH, &mut left, &mut found);
        }
        findings.extend(found.finish(file.path));
    }
    findings.sort_by(|a, b| {
        let key = |finding: &Finding| (!finding.blocks, std::cmp::Reverse(finding.severity));
        key(a).cmp(&key(b)).then_with(|| (&a.path, a.line, &a.rule, &a.evidence).cmp(&(&b.path, b.line, &b.rule, &b.evidence)))
    });
    findings.truncate(MAX_FINDINGS);
    Report { rules: rules.version().to_owned(), findings }
}

fn look(rules: &Rules, release: &Release, source: &Source, depth: u32, left: &mut usize, found: &mut Found) {
    let (lines, commands, prose) = (view::lines(source), view::commands(source), view::prose(source));
    let ready = Ready::new(rules, source, &lines, &commands, &prose);
    for (index, rule) in rules.rules.iter().enumerate() {
        match &rule.detector {
            Some(detector) => found.add(index, detector.of_text(rules, rule, &ready, release)),
            None => found.add(index, matching::find(rules, rule, &ready, release.capabilities)),
        }
    }
    if depth == 0 {
        return;
    }
    for piece in decoded(source) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        look(rules, release, &Source::decoded(source.path, &piece.text, piece.line, piece.how), depth - 1, left, found);
    }
}

/// What each rule found in one file.
struct Found<'a> {
    rules: &'a Rules,
    drafts: Vec<Vec<Draft>>,
}

impl<'a> Found<'a> {
    fn new(rules: &'a Rules) -> Self {
        Self { rules, drafts: vec![Vec::new(); rules.rules.len()] }
    }

    fn add(&mut self, rule: usize, drafts: Vec<Draft>) {
        for draft in drafts {
            let known = &mut self.drafts[rule];
            match known.iter_mut().find(|other| other.line == draft.line) {
                Some(other) if (draft.blocks, draft.severity) > (other.blocks, other.severity) => *other = draft,
                Some(_) => {}
                None => known.push(draft),
            }
        }
    }

    fn finish(self, path: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (rule, mut drafts) in self.rules.rules.iter().zip(self.drafts) {
            drafts.sort_by_key(|draft| (!draft.blocks, std::cmp::Reverse(draft.severity), draft.line));
            drafts.truncate(MAX_FINDINGS_PER_RULE);
            findings.extend(drafts.into_iter().map(|draft| finding(rule, path, draft)));
        }
        findings
    }
}

fn finding(rule: &Rule, path: &str, draft: Draft) -> Finding {
    Finding {
        rule: rule.id.clone(),
        class: rule.class.clone(),
        severity: draft.severity,
        blocks: draft.blocks,
        path: path.to_owned(),
        line: draft.line,
        evidence: draft.evidence,
        why: rule.why.clone(),
        fix: rule.fix.clone(),
    }
}
