//! What of a goal and of a step's input is common to many runs: words without names, numbers and dates.

use std::borrow::Cow;
use std::sync::LazyLock;

use llmos_search::{mask, stem};
use regex::Regex;

use crate::trace::GOAL_CHARACTERS;

/// What only one run has, and what it is called instead; what contains another one comes first. The words that stand in its place are such as
/// a sentence encoder has seen: on the development set they did better than leaving a gap.
const RULES: [(&str, &str); 8] = [
    (r"(?i)\bhttps?://\S+", "a link"),
    (r"\[(?:e-mail|phone|key|token|secret|private key)\]", "a contact"),
    (
        r"(?i)\b[\w-]+\.(?:csv|tsv|xlsx?|pdf|docx?|pptx?|json|ya?ml|toml|sql|log|txt|md|html?|parquet|png|jpe?g|svg|zip|py|rs|tsx?|jsx?|go|java|ipynb)\b",
        "a file",
    ),
    (r"(?i)\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|app|eu|co|shop|example|[a-z]{2}\b)(?:/\S*)?", "a site"),
    (r"(?i)[€$£¥]\s?\d[\d.,]*(?:\s?(?:k|m|bn?|mio)\b)?|\b\d[\d.,]*\s?(?:k\s)?(?:euros?|dollars?|pounds|usd|eur|gbp|chf)\b", "an amount"),
    (
        r"(?i)\b(?:\d{1,2}(?:st|nd|rd|th|\.)?\s+)?(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|april|june|july|august|september|october|november|december)\b(?:\s+\d{1,4}(?:st|nd|rd|th)?)?",
        "a date",
    ),
    // Months and short forms that are words too, only beside a number or with a capital.
    (r"\b(?:\d{1,2}\.?\s+)?(?:March|May|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri)\b\.?(?:\s+\d{1,4})?", "a date"),
    // Whatever has a digit: numbers, versions, ids, quarters.
    (r"#?[^\s,;:()]*\d[^\s,;:()]*", ""),
];

static COMPILED: LazyLock<Vec<(Regex, &str)>> =
    LazyLock::new(|| RULES.iter().filter_map(|(pattern, instead)| Some((Regex::new(pattern).ok()?, *instead))).collect());

/// The goal as it is embedded: dates, amounts, numbers, files, links and what is somebody's own are replaced by what they are. Names of people and
/// things stay; leaving them out made groups worse, because what looks like a name is as often the object of the work.
///
/// ```
/// assert_eq!(llmos_patterns::generalise("Load orders_2026.csv by Friday 13, €2,000 at most"), "Load a file by a date, an amount at most");
/// ```
#[must_use]
pub fn generalise(goal: &str) -> String {
    let goal = first_characters(goal, GOAL_CHARACTERS);
    let mut text = mask(goal);
    for (pattern, instead) in COMPILED.iter() {
        if let Cow::Owned(changed) = pattern.replace_all(&text, *instead) {
            text = Cow::Owned(changed);
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(crate) fn first_characters(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

/// Words that say nothing about what is done.
const STOP_WORDS: [&str; 66] = [
    "a", "about", "after", "all", "an", "and", "any", "are", "as", "at", "be", "before", "but", "by", "can", "could", "do", "does", "for",
    "from", "get", "give", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "just", "make", "me", "my", "need", "new",
    "no", "not", "of", "on", "or", "our", "out", "please", "so", "that", "the", "them", "then", "there", "they", "this", "to", "up", "us",
    "want", "was", "we", "what", "which", "who", "with", "you", "your",
];

/// The words of a text that may mean something, in lower case: letters only, two at least.
pub(crate) fn content_words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().all(char::is_alphabetic))
        .map(str::to_lowercase)
        .filter(|word| (2..=40).contains(&word.len()) && STOP_WORDS.binary_search(&word.as_str()).is_err())
}

/// The stems of [`content_words`].
pub(crate) fn stems(text: &str) -> impl Iterator<Item = String> + '_ {
    content_words(text).map(|word| stem(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_a_pattern_and_the_stop_words_are_sorted() {
        assert_eq!(COMPILED.len(), RULES.len());
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn what_only_one_run_has_goes() {
        for (goal, general) in [
            ("release notes for v3.8.0", "release notes for"),
            ("see https://example.org/a?b=1 and fix it", "see a link and fix it"),
            ("mail maya@harbor.example.org", "mail a contact"),
            ("in March we may march", "in a date we may march"),
            ("seo audit of bakerei-lindner.de", "seo audit of a site"),
            ("", ""),
            ("12345", ""),
        ] {
            assert_eq!(generalise(goal), general);
        }
    }
}
