//! What is asked: text, vector, filter and order; and what the text means.

use std::collections::BTreeMap;

use crate::document::{Id, Kind, Scope, Version};
use crate::index::{Entry, Index, Outline, label};
use crate::words::{Word, words};

/// A search.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// What was typed. Words in double quotes must occur as they are, side by side; a word or quotation after a minus must not occur. Anything
    /// else is text; no text is an error. Without text and vector everything that passes the filter is found, the newest first.
    pub text: String,
    /// The embedding of the text; without it, or with one of another length than the index's, only words count.
    pub vector: Option<Vec<f32>>,
    /// Documents that another engine found nearest to the vector, among those that may be read. Where more passages may be read than
    /// `Tuning::scan`, it is these that the vector is compared with, in place of those that the codes find; scores are made in the same way.
    pub near: Option<Vec<Id>>,
    /// Whether the last word may be the beginning of a longer one: search as you type.
    pub is_partial: bool,
    pub filter: Filter,
    pub order: Order,
    pub offset: usize,
    /// Hits to give at most; 0 gives the facets alone.
    pub limit: usize,
    /// Whether each hit says why it is where it is.
    pub explain: bool,
}

/// The order of the hits; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Relevance,
    /// What listings of the marketplace are comes after everything else, both by relevance: whoever publishes does not come before what the
    /// asker's teams hold themselves.
    Own,
    /// Last updated first.
    Newest,
    /// Best rated first, unrated last.
    Rating,
    /// By name, without regard to case.
    Name,
}

/// Which documents may be found. An empty list asks for nothing in particular, save for `scopes`: none are readable then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Whose documents the asker may read. No other document is ranked, counted, suggested, or has a part in any score.
    pub scopes: Vec<Scope>,
    /// In one of these, of those that are readable.
    pub places: Vec<Scope>,
    /// One of these.
    pub kinds: Vec<Kind>,
    /// One of these, without regard to case.
    pub categories: Vec<String>,
    /// One of these.
    pub authors: Vec<u128>,
    /// All of these, without regard to case.
    pub tags: Vec<String>,
    /// The lowest and highest version, both included; documents without a version do not pass.
    pub min_version: Option<Version>,
    pub max_version: Option<Version>,
    /// Documents without a rating do not pass.
    pub min_rating: Option<f32>,
    /// UTC milliseconds, included.
    pub updated_since: Option<i64>,
}

/// How a document stands to a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    /// Removed, or not for this reader: it has no part in anything.
    Hidden,
    /// It has a part in the statistics.
    Readable,
    /// It would pass if nothing were chosen in this group.
    Beside(Group),
    Passing,
}

/// What is chosen among values, one of which a document must have. Their counts say what another choice would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Place,
    Kind,
    Category,
    Author,
}

impl Index {
    /// How each document stands to a filter.
    pub(crate) fn access(&self, filter: &Filter) -> Vec<Access> {
        let among = |scopes: &[Scope]| self.scopes.values.iter().map(|(scope, _)| scopes.contains(scope)).collect::<Vec<bool>>();
        let (readable, places) = (among(&filter.scopes), among(&filter.places));
        let categories: Vec<u32> = filter.categories.iter().filter_map(|name| self.categories.find(&*label(name))).collect();
        let authors: Vec<u32> = filter.authors.iter().filter_map(|id| self.authors.find(id)).collect();
        let tags: Option<Vec<u32>> = filter.tags.iter().map(|name| self.tags.find(&*label(name))).collect();
        let one_of = |asked: bool, wanted: &[u32], number: Option<u32>| !asked || number.is_some_and(|number| wanted.contains(&number));
        let rest_passes = |entry: &Entry| {
            tags.as_ref().is_some_and(|tags| tags.iter().all(|tag| entry.tags.contains(tag)))
                && filter.min_version.is_none_or(|least| entry.version.is_some_and(|version| version >= least))
                && filter.max_version.is_none_or(|most| entry.version.is_some_and(|version| version <= most))
                && filter.min_rating.is_none_or(|least| entry.rating.is_some_and(|rating| rating >= least))
                && filter.updated_since.is_none_or(|since| entry.updated_at >= since)
        };
        // Where the scope alone decides, no entry is read from memory.
        let none = Filter { scopes: filter.scopes.clone(), places: filter.places.clone(), ..Filter::default() };
        let is_by_scope = *filter == none;
        let access = |(slot, outline): (usize, &Outline)| {
            let scope = outline.scope as usize;
            if !readable.get(scope).is_some_and(|readable| *readable) {
                return Access::Hidden;
            }
            let place = filter.places.is_empty() || places[scope];
            let Some(entry) = self.entries[slot].as_ref().filter(|_| !is_by_scope) else {
                return if place { Access::Passing } else { Access::Beside(Group::Place) };
            };
            if !rest_passes(entry) {
                return Access::Readable;
            }
            let chosen = [
                (Group::Place, place),
                (Group::Kind, filter.kinds.is_empty() || filter.kinds.contains(&entry.kind)),
                (Group::Category, one_of(!filter.categories.is_empty(), &categories, entry.category)),
                (Group::Author, one_of(!filter.authors.is_empty(), &authors, entry.author)),
            ];
            let mut lacking = chosen.iter().filter(|(_, passes)| !passes).map(|(group, _)| *group);
            match (lacking.next(), lacking.next()) {
                (None, _) => Access::Passing,
                (Some(group), None) => Access::Beside(group),
                _ => Access::Readable,
            }
        };
        self.outlines.iter().enumerate().map(access).collect()
    }
}

/// The slots of what passes.
pub(crate) fn passing(access: &[Access]) -> impl Iterator<Item = usize> {
    access.iter().enumerate().filter(|(_, access)| **access == Access::Passing).map(|(slot, _)| slot)
}

/// More distinct words than this of one query are not looked up.
const MOST_WORDS: usize = 64;

/// What a text asks for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Parsed {
    /// Distinct words in the order of the text, without the excluded ones.
    pub words: Vec<Word>,
    /// Words that must stand side by side.
    pub phrases: Vec<Vec<String>>,
    /// Words that must not stand side by side; one word stands for its whole family.
    pub excluded: Vec<Vec<String>>,
    /// Whether the text ends in its last word.
    pub ends_in_word: bool,
}

impl Parsed {
    pub fn new(text: &str) -> Self {
        let mut parsed = Self::default();
        // What is excluded becomes spaces, so that the ranges of the words stay those of the text.
        let mut kept = text.to_owned();
        let mut at = 0;
        while let Some(found) = text[at..].find(['"', '“', '-']) {
            let start = at + found;
            let is_minus = text[start..].starts_with('-');
            let begins_word = text[..start].chars().next_back().is_none_or(|c| c.is_whitespace() || c == '(');
            let after = start + text[start..].chars().next().map_or(1, char::len_utf8);
            at = after;
            if is_minus && !begins_word {
                continue;
            }
            let quoted = if is_minus { text[after..].strip_prefix(['"', '“']) } else { Some(&text[after..]) };
            let (phrase, end) = match quoted {
                Some(rest) => {
                    let Some(length) = rest.find(['"', '”']) else { continue };
                    let inner = text.len() - rest.len();
                    let close = rest[length..].chars().next().map_or(1, char::len_utf8);
                    (&rest[..length], inner + length + close)
                }
                None => {
                    let length = text[after..].find(char::is_whitespace).unwrap_or(text.len() - after);
                    let word = &text[after..after + length];
                    if !word.starts_with(char::is_alphanumeric) {
                        continue;
                    }
                    (word, after + length)
                }
            };
            let phrase: Vec<String> = words(phrase).into_iter().filter(|word| !word.is_whole).map(|word| word.term).collect();
            if is_minus {
                kept.replace_range(start..end, &" ".repeat(end - start));
            }
            if !phrase.is_empty() {
                if is_minus { &mut parsed.excluded } else { &mut parsed.phrases }.push(phrase);
            }
            at = end;
        }
        let mut seen = BTreeMap::new();
        parsed.words = words(&kept);
        parsed.ends_in_word = parsed.words.last().is_some_and(|word| word.range.end == kept.len());
        parsed.words.retain(|word| seen.len() < MOST_WORDS && seen.insert(word.term.clone(), ()).is_none());
        parsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phrases(text: &str) -> (String, Vec<String>, Vec<String>) {
        let parsed = Parsed::new(text);
        let words: Vec<_> = parsed.words.iter().map(|word| word.term.as_str()).collect();
        let join = |phrases: &[Vec<String>]| phrases.iter().map(|phrase| phrase.join(" ")).collect();
        (words.join(" "), join(&parsed.phrases), join(&parsed.excluded))
    }

    #[test]
    fn quotes_and_minus_mean_something_anything_else_is_text() {
        let none = Vec::<String>::new;
        assert_eq!(phrases("cash flow"), ("cash flow".into(), none(), none()));
        assert_eq!(phrases("\"Cash flow\" model"), ("cash flow model".into(), vec!["cash flow".into()], none()));
        assert_eq!(phrases("model -excel -\"cash flow\""), ("model".into(), none(), vec!["excel".into(), "cash flow".into()]));
        assert_eq!(phrases("git --no-verify a - b a-b").1, none());
        assert_eq!(phrases("git --no-verify a - b x-y").2, none());
        assert_eq!(phrases("an \"open quote"), ("an open quote".into(), none(), none()));
        assert_eq!(phrases("“smart quotes” \"\" - -- -\" \""), ("smart quotes".into(), vec!["smart quotes".into()], none()));
    }
}
