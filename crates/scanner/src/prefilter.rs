//! Which patterns can match a text at all: one pass over it, with the literals that each pattern needs.
//!
//! A pattern that needs one of `curl` and `wget` is not tried where neither stands. What a pattern needs is read from its syntax tree, so
//! that a rule's author has nothing to keep in step.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, MatchKind};
use regex_syntax::{
    ParserBuilder,
    hir::{Class, Hir, HirKind},
};

/// More alternatives than this are no filter any more.
const MOST: usize = 200;

/// Shorter literals stand everywhere.
const LEAST: usize = 2;
/// Sets that one pattern is filtered by.
const SETS: usize = 4;

/// Literals in lower case, one of which stands in every match in lower case.
type Set = Vec<Vec<u8>>;

#[derive(Debug, Default)]
pub(crate) struct Prefilter {
    automaton: Option<AhoCorasick>,
    /// For each literal of the automaton: the sets it belongs to.
    sets_of: Vec<Vec<u32>>,
    sets: usize,
    /// For each pattern: the sets of which it needs a literal each.
    needs: Vec<Vec<u32>>,
}

/// Which patterns are worth a try.
pub(crate) struct Candidates(Vec<bool>);

impl Candidates {
    pub fn has(&self, pattern: u32) -> bool {
        self.0.get(pattern as usize).copied().unwrap_or(true)
    }
}

impl Prefilter {
    /// For patterns that are numbered from 0.
    pub fn new<'a>(patterns: impl Iterator<Item = &'a str>) -> Self {
        let mut numbers: BTreeMap<Set, u32> = BTreeMap::new();
        let mut needed = Vec::new();
        for pattern in patterns {
            let hir = ParserBuilder::new().unicode(false).utf8(false).multi_line(true).build().parse(pattern);
            let sets = hir.map(|hir| needs(&hir)).unwrap_or_default();
            let mut number = |set: Set| {
                let next = numbers.len() as u32;
                *numbers.entry(set).or_insert(next)
            };
            needed.push(sets.into_iter().map(&mut number).collect::<Vec<u32>>());
        }
        let mut literals: BTreeMap<&[u8], Vec<u32>> = BTreeMap::new();
        for (set, number) in &numbers {
            for literal in set {
                literals.entry(literal).or_default().push(*number);
            }
        }
        // Without an automaton nothing is filtered.
        match AhoCorasick::builder().match_kind(MatchKind::Standard).build(literals.keys()) {
            Ok(automaton) => {
                Self { automaton: Some(automaton), sets_of: literals.into_values().collect(), sets: numbers.len(), needs: needed }
            }
            Err(_) => Self::default(),
        }
    }

    /// Looks at a text in lower case.
    pub fn candidates(&self, folded: &[u8]) -> Candidates {
        let mut has_set = vec![false; self.sets];
        let mut seen = vec![false; self.sets_of.len()];
        if let Some(automaton) = &self.automaton {
            for found in automaton.find_overlapping_iter(folded) {
                let literal = found.pattern().as_usize();
                if !std::mem::replace(&mut seen[literal], true) {
                    for set in &self.sets_of[literal] {
                        has_set[*set as usize] = true;
                    }
                }
            }
        }
        Candidates(self.needs.iter().map(|sets| sets.iter().all(|set| has_set[*set as usize])).collect())
    }
}

/// Sets of literals of each of which one stands in every match; none if nothing is known.
fn needs(hir: &Hir) -> Vec<Set> {
    let mut sets = match hir.kind() {
        HirKind::Concat(parts) => of_sequence(parts),
        HirKind::Alternation(branches) => one_of(branches).into_iter().collect(),
        HirKind::Capture(capture) => needs(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => needs(&repetition.sub),
        HirKind::Literal(literal) => vec![vec![literal.0.to_ascii_lowercase()]],
        _ => Vec::new(),
    };
    sets.retain(|set| !set.is_empty() && set.len() <= MOST && worth(set).0 >= LEAST);
    sets.sort_by_key(|set| std::cmp::Reverse(worth(set)));
    sets.dedup();
    sets.truncate(SETS);
    sets
}

/// Long literals are rare, and so are few of them.
fn worth(set: &Set) -> (usize, std::cmp::Reverse<usize>) {
    (set.iter().map(Vec::len).min().unwrap_or(0).min(4), std::cmp::Reverse(set.len()))
}

/// What one of the branches needs: the best of each.
fn one_of(branches: &[Hir]) -> Option<Set> {
    let mut all = Vec::new();
    for branch in branches {
        all.extend(needs(branch).into_iter().next()?);
    }
    all.sort();
    all.dedup();
    Some(all)
}

/// What each of the parts needs; letters beside each other count as one.
fn of_sequence(parts: &[Hir]) -> Vec<Set> {
    let mut sets = Vec::new();
    let mut run: Vec<u8> = Vec::new();
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) => run.extend(literal.0.to_ascii_lowercase()),
            HirKind::Class(class) if one_letter(class).is_some() => run.extend(one_letter(class)),
            HirKind::Look(_) | HirKind::Empty => {}
            _ => {
                sets.push(vec![std::mem::take(&mut run)]);
                sets.extend(needs(part));
            }
        }
    }
    sets.push(vec![run]);
    sets
}

/// `[Cc]` is a letter regardless of case.
fn one_letter(class: &Class) -> Option<u8> {
    let Class::Bytes(class) = class else { return None };
    let mut bytes = class.ranges().iter().flat_map(|range| range.start()..=range.end()).map(|byte| byte.to_ascii_lowercase());
    let first = bytes.next()?;
    bytes.all(|byte| byte == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pattern_needs_is_read_from_it() {
        let needed = |pattern: &str| {
            let hir = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern).expect("a pattern");
            let join =
                |set: Set| set.into_iter().map(|literal| String::from_utf8_lossy(&literal).into_owned()).collect::<Vec<_>>().join("|");
            needs(&hir).into_iter().map(join).collect::<Vec<_>>()
        };
        assert_eq!(needed(r"\b(?:curl|wget) [^\n]*\| ?sh"), ["curl|wget", "sh"]);
        assert_eq!(needed(r"(?i:Secret)=[a-z]+"), ["secret="]);
        assert_eq!(needed(r"(?:sudo )?rm -\w*r"), ["rm -"]);
        assert!(needed(r"\w+").is_empty());
        assert!(needed(r"a|\w").is_empty());
    }

    #[test]
    fn only_candidates_are_tried() {
        let prefilter = Prefilter::new(["curl x", r"wget|fetch", r"\w+"].into_iter());
        let candidates = prefilter.candidates(b"please fetch it");
        assert_eq!([0, 1, 2].map(|number| candidates.has(number)), [false, true, true]);
    }
}
