//! Completions of what is being typed: names and tags of documents that the asker may read.

use crate::document::{Id, Kind};
use crate::index::Index;
use crate::query::{Access, Filter};
use crate::words::{Word, words};

/// Something to complete a query with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub text: String,
    pub of: SuggestionOf,
}

/// What a suggestion names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SuggestionOf {
    Document {
        id: Id,
        kind: Kind,
    },
    /// A tag, and how many readable documents that pass the filter have it.
    Tag {
        documents: usize,
    },
}

impl Index {
    /// Names and tags in which every typed word is a word, the last one perhaps the beginning of one. Best first: names that are the text,
    /// that begin with it, that have its words in order of their place; then tags. Nothing for no text.
    pub fn suggest(&self, text: &str, filter: &Filter, limit: usize) -> Vec<Suggestion> {
        let typed: Vec<String> = plain(words(text));
        if typed.is_empty() {
            return Vec::new();
        }
        let mut tags = vec![0usize; self.tags.values.len()];
        let mut found = Vec::new();
        for (entry, access) in self.entries.iter().zip(self.access(filter)) {
            let Some(entry) = entry.as_ref().filter(|_| access == Access::Passing) else { continue };
            entry.tags.iter().for_each(|tag| tags[*tag as usize] += 1);
            if let Some(rank) = rank(&typed, &entry.name).or_else(|| Some(rank(&typed, &entry.slug)? + 1)) {
                let of = SuggestionOf::Document { id: entry.id, kind: entry.kind };
                found.push((rank, entry.id.0, Suggestion { text: entry.name.to_string(), of }));
            }
        }
        for (tag, documents) in tags.into_iter().enumerate().filter(|(_, documents)| *documents > 0) {
            let name = &self.tags.values[tag].0;
            if let Some(rank) = rank(&typed, name) {
                found.push((
                    rank + 20,
                    u128::MAX - documents as u128,
                    Suggestion { text: name.to_string(), of: SuggestionOf::Tag { documents } },
                ));
            }
        }
        found.sort_by(|a, b| (a.0, a.2.text.len(), &a.2.text, a.1).cmp(&(b.0, b.2.text.len(), &b.2.text, b.1)));
        found.into_iter().map(|(_, _, suggestion)| suggestion).take(limit).collect()
    }
}

fn plain(words: Vec<Word>) -> Vec<String> {
    words.into_iter().filter(|word| !word.is_whole).map(|word| word.term).collect()
}

/// 0 if the name is what was typed, otherwise by where the typed words are in it; none if one is missing.
fn rank(typed: &[String], name: &str) -> Option<usize> {
    let name = plain(words(name));
    if name == typed {
        return Some(0);
    }
    let (last, whole) = typed.split_last()?;
    let place_of_last = name.iter().position(|word| word.starts_with(last.as_str()))?;
    let places: Option<Vec<usize>> = whole.iter().map(|wanted| name.iter().position(|word| word == wanted)).collect();
    Some(2 + places?.into_iter().min().unwrap_or(place_of_last).min(place_of_last).min(15))
}
