//! The matched words of a text, and the part of it that shows most of them.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::lexical::{Group, Lexical, is_stop_word};
use crate::words::words;

/// Knows the words that a query matched, and how much each says. The index keeps no bodies, so who shows a hit brings its text.
#[derive(Clone, Debug, Default)]
pub struct Highlighter {
    terms: BTreeMap<String, f32>,
}

/// A part of a text to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// Bytes of the text that was given.
    pub range: Range<usize>,
    /// Bytes of that text, inside of `range`: the matched words, in order and without overlap.
    pub marks: Vec<Range<usize>>,
}

/// Words of a snippet.
const SNIPPET: usize = 32;

impl Highlighter {
    pub(crate) fn new(lexical: &Lexical) -> Self {
        // A page full of marked “a” and “to” shows nothing; a query of nothing else has them marked.
        let says = |group: &&Group| !is_stop_word(&group.word);
        let any = !lexical.groups.iter().any(|group| says(&group));
        let shown = lexical.groups.iter().filter(|group| any || says(group));
        let terms = shown.flat_map(|group| group.variants.iter().map(|variant| (variant.term.clone(), group.weight)));
        Self { terms: terms.filter(|(_, weight)| *weight > 0.0).collect() }
    }

    /// Bytes of the matched words of a text, in order and without overlap.
    pub fn marks(&self, text: &str) -> Vec<Range<usize>> {
        self.find(text).into_iter().map(|(range, _)| range).collect()
    }

    /// The part of a text of about 32 words that has the weightiest words of the query, inside of a passage if it is given and has any.
    pub fn snippet(&self, text: &str, passage: Option<Range<usize>>) -> Snippet {
        let marks = self.find(text);
        let whole = 0..text.len();
        let passage = passage.filter(|passage| text.get(passage.clone()).is_some());
        let has_marks = |part: &Range<usize>| marks.iter().any(|(mark, _)| mark.start >= part.start && mark.end <= part.end);
        let part = passage.filter(|passage| has_marks(passage) || !has_marks(&whole) || self.terms.is_empty()).unwrap_or(whole);
        let starts: Vec<usize> = word_starts(text, part.clone());
        let score = |from: usize, to: usize| {
            let mut seen = Vec::new();
            let inside = marks.iter().filter(|(mark, _)| mark.start >= from && mark.end <= to);
            inside
                .map(|(_, term)| {
                    if seen.contains(term) {
                        0.0
                    } else {
                        seen.push(*term);
                        self.terms.get(*term).copied().unwrap_or(0.0)
                    }
                })
                .sum::<f32>()
        };
        // A window begins a few words before a mark, or where the part begins.
        let candidates = marks.iter().filter(|(mark, _)| mark.start >= part.start && mark.end <= part.end);
        let mut best = (0.0, 0);
        for (mark, _) in candidates.take(200) {
            let at = starts.partition_point(|start| *start <= mark.start).saturating_sub(5);
            let end = starts.get(at + SNIPPET).copied().unwrap_or(part.end);
            let score = score(starts.get(at).copied().unwrap_or(part.start), end);
            if score > best.0 {
                best = (score, at);
            }
        }
        let start = starts.get(best.1).copied().unwrap_or(part.start);
        let end = starts.get(best.1 + SNIPPET).copied().unwrap_or(part.end);
        let end = start + text[start..end].trim_end().len();
        let marks = marks.into_iter().map(|(range, _)| range).filter(|mark| mark.start >= start && mark.end <= end).collect();
        Snippet { range: start..end, marks }
    }

    fn find(&self, text: &str) -> Vec<(Range<usize>, &str)> {
        let mut marks: Vec<(Range<usize>, &str)> = Vec::new();
        if self.terms.is_empty() {
            return marks;
        }
        for word in words(text) {
            let Some((term, _)) = self.terms.get_key_value(&word.term) else { continue };
            if marks.last().is_none_or(|(last, _)| last.end <= word.range.start) {
                marks.push((word.range, term));
            }
        }
        marks
    }
}

/// Where words between white space begin in a part of a text.
fn word_starts(text: &str, part: Range<usize>) -> Vec<usize> {
    let mut before = true;
    let mut starts = Vec::new();
    for (at, c) in text[part.clone()].char_indices() {
        if before && !c.is_whitespace() {
            starts.push(part.start + at);
        }
        before = c.is_whitespace();
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn highlighter(terms: &[(&str, f32)]) -> Highlighter {
        Highlighter { terms: terms.iter().map(|(term, weight)| ((*term).to_owned(), *weight)).collect() }
    }

    #[test]
    fn shows_the_part_with_most_of_the_words() {
        let text = format!("{} cash {} The discounted cash flow. {}", "word ".repeat(50), "word ".repeat(50), "word ".repeat(50));
        let snippet = highlighter(&[("cash", 1.0), ("flow", 2.0)]).snippet(&text, None);
        let marked: Vec<_> = snippet.marks.iter().map(|mark| &text[mark.clone()]).collect();
        assert_eq!(marked, ["cash", "flow"]);
        assert!(text[snippet.range].split_whitespace().count() <= SNIPPET);
    }

    #[test]
    fn without_words_it_is_the_beginning_of_the_passage() {
        let text = "one two three\nfour five";
        let snippet = highlighter(&[]).snippet(text, Some(14..23));
        assert_eq!((&text[snippet.range], snippet.marks.len()), ("four five", 0));
        assert_eq!(highlighter(&[("x", 1.0)]).snippet("", Some(3..9)).range, 0..0);
    }
}
