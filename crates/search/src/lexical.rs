//! The lexical half: BM25F (Robertson, Zaragoza and Taylor, CIKM 2004; in the form of Lucene's CombinedFieldQuery) over word families.
//!
//! Documents, frequencies and average lengths are counted over the scopes that the asker may read, never over the whole index: scores,
//! corrections and completions are exactly those of an index that has nothing else, so they tell nothing of what is hidden.

use std::collections::{BTreeMap, BTreeSet};

use crate::index::Index;
use crate::query::{Access, Filter, Parsed};
use crate::stem::stem;
use crate::terms::{Counts, FIELDS, Field};
use crate::tuning::Tuning;

/// Scores of every readable document, by slot.
#[derive(Default)]
pub(crate) struct Lexical {
    pub scores: Vec<f32>,
    /// Weight of the words that each document has.
    pub coverage: Vec<f32>,
    /// The highest score.
    pub best: f32,
    /// The sum of the weights: more than any score or coverage.
    pub ideal: f32,
    pub groups: Vec<Group>,
    bm25: Bm25,
}

/// One word of the query and what matches it.
pub(crate) struct Group {
    pub word: String,
    pub variants: Vec<Variant>,
    /// Inverse document frequency times the weight of the word, of the word itself and of all that matches it.
    pub weight: f32,
    of_all: f32,
}

#[derive(Clone)]
pub(crate) struct Variant {
    pub term: String,
    pub is_rough: bool,
}

/// BM25F's parameters for one reader.
#[derive(Default)]
struct Bm25 {
    k1: f32,
    weights: [f32; FIELDS],
    /// The part of a field's norm that does not depend on its length, and the part for each word of it.
    norm: [(f32, f32); FIELDS],
    rough: f32,
}

impl Bm25 {
    /// A term's frequency in a document: over all fields, weighted, relative to the lengths of the fields.
    fn frequency(&self, counts: &Counts, lengths: &[u32; FIELDS]) -> f32 {
        (0..FIELDS).filter(|&field| counts[field] > 0).map(|field| self.field_frequency(field, counts[field], lengths)).sum()
    }

    fn field_frequency(&self, field: usize, count: u32, lengths: &[u32; FIELDS]) -> f32 {
        let (fixed, each) = self.norm[field];
        self.weights[field] * count as f32 / (fixed + each * lengths[field] as f32)
    }

    fn saturated(&self, frequency: f32) -> f32 {
        frequency / (self.k1 + frequency)
    }
}

/// The share of one field in the score of one word.
#[derive(Clone, Debug, PartialEq)]
pub struct TermPart {
    /// The word of the query.
    pub word: String,
    /// The word of the document.
    pub term: String,
    pub field: Field,
    /// Times it occurs there.
    pub count: u32,
    /// Its share of the lexical score.
    pub score: f32,
}

impl Index {
    pub(crate) fn lexical(&self, parsed: &Parsed, is_partial: bool, filter: &Filter, access: &[Access]) -> Lexical {
        let (documents, bm25) = self.statistics(filter);
        let mut out = Lexical { scores: vec![0.0; access.len()], coverage: vec![0.0; access.len()], bm25, ..Lexical::default() };
        let mut frequencies = vec![(0f32, 0f32); access.len()];
        let mut touched: Vec<u32> = Vec::new();
        for (word, weight, variants) in self.groups(parsed, is_partial, access) {
            for variant in &variants {
                for (slot, counts) in self.terms.postings(&variant.term) {
                    let Some(Some(entry)) = self.entries.get(slot as usize).filter(|_| access[slot as usize] > Access::Hidden) else {
                        continue;
                    };
                    let frequency = &mut frequencies[slot as usize];
                    if *frequency == (0.0, 0.0) {
                        touched.push(slot);
                    }
                    let part = if variant.is_rough { &mut frequency.1 } else { &mut frequency.0 };
                    *part += out.bm25.frequency(&counts, &entry.lengths);
                }
            }
            let exact = touched.iter().filter(|slot| frequencies[**slot as usize].0 > 0.0).count();
            // What matches roughly is worth no more than it tells: it may be far commoner than the word itself.
            let of_all = weight * out.bm25.rough * idf(documents, touched.len());
            let weight = if exact > 0 { weight * idf(documents, exact) } else { of_all };
            for slot in touched.drain(..) {
                let (exact, rough) = std::mem::take(&mut frequencies[slot as usize]);
                out.scores[slot as usize] += (weight * out.bm25.saturated(exact)).max(of_all * out.bm25.saturated(exact + rough));
                out.coverage[slot as usize] += if exact > 0.0 { weight } else { of_all };
            }
            out.ideal += weight;
            out.groups.push(Group { word, variants, weight, of_all });
        }
        out.best = out.scores.iter().fold(0.0, |best, score| best.max(*score));
        out
    }

    /// The number of readable documents, and BM25F's parameters for them.
    fn statistics(&self, filter: &Filter) -> (u64, Bm25) {
        let Tuning { k1, weights, length, rough, .. } = self.tuning;
        let mut documents = 0;
        let mut lengths = [0; FIELDS];
        for (_, totals) in self.scopes.values.iter().filter(|(scope, _)| filter.scopes.contains(scope)) {
            documents += totals.documents;
            lengths.iter_mut().zip(totals.lengths).for_each(|(sum, length)| *sum += length);
        }
        let mut norm = [(1.0, 0.0); FIELDS];
        for field in 0..FIELDS {
            if lengths[field] > 0 {
                norm[field] = (1.0 - length[field], length[field] * documents as f32 / lengths[field] as f32);
            }
        }
        (documents, Bm25 { k1, weights, norm, rough })
    }

    /// What to look up for each word, and how much it weighs.
    fn groups(&self, parsed: &Parsed, is_partial: bool, access: &[Access]) -> Vec<(String, f32, Vec<Variant>)> {
        let occurs = |term: &str| self.readable_postings(term, access).next().is_some();
        let has_content = parsed.words.iter().any(|word| !is_stop_word(&word.term));
        let mut groups = Vec::new();
        for (i, word) in parsed.words.iter().enumerate() {
            if word.is_whole && !occurs(&word.term) {
                continue;
            }
            let mut weight = if has_content && is_stop_word(&word.term) { self.tuning.stop } else { 1.0 };
            let whole = |w: &&crate::words::Word| w.is_whole && w.range.start <= word.range.start && w.range.end >= word.range.end;
            if !word.is_whole && parsed.words.iter().filter(whole).any(|whole| occurs(&whole.term)) {
                weight *= self.tuning.part;
            }
            let mut variants: Vec<Variant> = self.family(&word.term).into_iter().map(|term| Variant { term, is_rough: false }).collect();
            let mut rough = BTreeSet::new();
            let is_last = is_partial && parsed.ends_in_word && i + 1 == parsed.words.len();
            if is_last && word.term.chars().nth(1).is_some() {
                rough.extend(self.terms.starting_with(&word.term).map(str::to_owned));
            }
            if !word.is_whole {
                let parts: Vec<_> = parsed.words.iter().filter(|w| !w.is_whole).collect();
                let at = parts.iter().position(|w| w.term == word.term).unwrap_or(0);
                rough.extend(parts.get(at + 1).map(|next| format!("{}{}", word.term, next.term)));
                rough.extend(at.checked_sub(1).map(|before| format!("{}{}", parts[before].term, word.term)));
                rough.extend(synonyms(&word.term).flat_map(|synonym| self.family(synonym)));
            }
            rough.retain(|term| variants.iter().all(|v| v.term != *term) && occurs(term));
            if !variants.iter().any(|variant| occurs(&variant.term)) && rough.is_empty() && !word.is_whole {
                rough = self.corrections(&word.term, is_last, access);
            }
            variants.extend(rough.into_iter().map(|term| Variant { term, is_rough: true }));
            groups.push((word.term.clone(), weight, variants));
        }
        groups
    }

    /// The slots of the readable documents that have a term.
    fn readable_postings(&self, term: &str, access: &[Access]) -> impl Iterator<Item = u32> {
        let postings = self.terms.postings(term).map(|(slot, _)| slot);
        postings.filter(|slot| access.get(*slot as usize).is_some_and(|access| *access > Access::Hidden))
    }

    /// The terms of the same stem, the word itself included.
    pub(crate) fn family(&self, word: &str) -> BTreeSet<String> {
        let mut family = BTreeSet::from([word.to_owned()]);
        let stem_of_word = stem(word);
        if word.len() > 2 && word.bytes().all(|b| b.is_ascii_lowercase()) && !is_stop_word(word) {
            // A stem may end in a letter that its words do not have: hope, hoping.
            let start = &stem_of_word[..(stem_of_word.len() - 1).max(2).min(stem_of_word.len())];
            let near = self.terms.starting_with(start).filter(|term| term.len() <= stem_of_word.len() + 8);
            family.extend(near.filter(|term| stem(term) == stem_of_word).map(str::to_owned));
        }
        family
    }

    /// The readable words nearest to a mistyped one: the same first letter, or the first two swapped; one mistake from 4 letters on, two from 8.
    fn corrections(&self, word: &str, is_partial: bool, access: &[Access]) -> BTreeSet<String> {
        let letters: Vec<char> = word.chars().collect();
        let most = match letters.len() {
            0..4 => return BTreeSet::new(),
            4..8 => 1,
            _ => 2,
        };
        if letters.iter().any(char::is_ascii_digit) {
            return BTreeSet::new();
        }
        let starts = [letters[0].to_string(), format!("{}{}", letters[1], letters[0])];
        let mut nearest: (usize, BTreeMap<String, usize>) = (most, BTreeMap::new());
        for term in starts.iter().flat_map(|start| self.terms.starting_with(start)) {
            let Some(distance) = distance(&letters, term, nearest.0, is_partial) else { continue };
            let count = self.readable_postings(term, access).count();
            if count == 0 {
                continue;
            }
            if distance < nearest.0 {
                nearest = (distance, BTreeMap::new());
            }
            nearest.1.insert(term.to_owned(), count);
        }
        // A neighbour that is much rarer than another is hardly what was meant.
        let commonest = nearest.1.values().max().copied().unwrap_or(0);
        nearest.1.into_iter().filter(|(_, count)| count * 10 >= commonest).map(|(term, _)| term).collect()
    }

    /// Documents in which words stand side by side, as written; one word stands for its family.
    pub(crate) fn with_phrase(&self, phrase: &[String], as_family: bool) -> BTreeSet<u32> {
        if let [word] = phrase {
            let terms = if as_family { self.family(word) } else { BTreeSet::from([word.clone()]) };
            return terms.iter().flat_map(|term| self.terms.postings(term).map(|(slot, _)| slot)).collect();
        }
        let mut places: Option<BTreeMap<u32, Vec<u32>>> = None;
        for (offset, word) in phrase.iter().enumerate() {
            let mut next = BTreeMap::new();
            for (slot, positions) in self.terms.positions(word) {
                let starts = positions.into_iter().filter_map(|position| position.checked_sub(offset as u32));
                let starts: Vec<u32> = match &places {
                    None => starts.collect(),
                    Some(places) => {
                        let Some(before) = places.get(&slot) else { continue };
                        starts.filter(|start| before.binary_search(start).is_ok()).collect()
                    }
                };
                if !starts.is_empty() {
                    next.insert(slot, starts);
                }
            }
            places = Some(next);
        }
        places.unwrap_or_default().into_keys().collect()
    }

    /// How the lexical score of a document comes about, the largest part first.
    pub(crate) fn term_parts(&self, lexical: &Lexical, slot: u32) -> Vec<TermPart> {
        let Some(Some(entry)) = self.entries.get(slot as usize) else { return Vec::new() };
        let mut parts = Vec::new();
        for group in &lexical.groups {
            let mut of_group = Vec::new();
            let mut frequency = (0.0, 0.0);
            for variant in &group.variants {
                let Some((_, counts)) = self.terms.postings(&variant.term).find(|(other, _)| *other == slot) else { continue };
                *if variant.is_rough { &mut frequency.1 } else { &mut frequency.0 } += lexical.bm25.frequency(&counts, &entry.lengths);
                for field in Field::ALL.into_iter().filter(|field| counts[*field as usize] > 0) {
                    let count = counts[field as usize];
                    let score = lexical.bm25.field_frequency(field as usize, count, &entry.lengths);
                    of_group
                        .push((TermPart { word: group.word.clone(), term: variant.term.clone(), field, count, score }, variant.is_rough));
                }
            }
            // Saturation is of the sum: each field has the share of it that it has of the frequency.
            let saturated = |frequency: f32| lexical.bm25.saturated(frequency);
            let (exact, all) = (group.weight * saturated(frequency.0), group.of_all * saturated(frequency.0 + frequency.1));
            let share = if exact >= all { exact / frequency.0.max(f32::MIN_POSITIVE) } else { all / (frequency.0 + frequency.1) };
            let counts = |part: &(TermPart, bool)| exact < all || !part.1;
            parts.extend(of_group.into_iter().filter(counts).map(|(part, _)| TermPart { score: part.score * share, ..part }));
        }
        parts.sort_by(|a, b| b.score.total_cmp(&a.score));
        parts
    }
}

/// Lucene's form of Robertson's weight, which is never negative.
fn idf(documents: u64, with_word: usize) -> f32 {
    let (all, with_word) = (documents as f32, with_word as f32);
    libm::logf(1.0 + (all - with_word + 0.5).max(0.0) / (with_word + 0.5))
}

/// The number of mistakes between a word and a term, if it is at most `most`: insertions, deletions, substitutions and swaps of neighbours
/// (Damerau and Levenshtein, optimal string alignment). For a partial word, between it and the nearest beginning of the term.
fn distance(word: &[char], term: &str, most: usize, is_partial: bool) -> Option<usize> {
    let term: Vec<char> = term.chars().take(word.len() + most + 1).collect();
    if term.len() + most < word.len() || (!is_partial && term.len() > word.len() + most) {
        return None;
    }
    let columns = term.len() + 1;
    let mut rows = [vec![0; columns], vec![0; columns], (0..columns).collect::<Vec<usize>>()];
    for (i, letter) in word.iter().enumerate() {
        rows.rotate_left(1);
        let [before_last, last, row] = &mut rows;
        row[0] = i + 1;
        for j in 1..columns {
            let same = *letter == term[j - 1];
            row[j] = (last[j - 1] + usize::from(!same)).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 0 && j > 1 && *letter == term[j - 2] && word[i - 1] == term[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        if row.iter().min().is_none_or(|least| *least > most) {
            return None;
        }
    }
    let found = if is_partial { rows[2].iter().min().copied() } else { rows[2].last().copied() };
    found.filter(|found| *found <= most)
}

/// Words that carry grammar or politeness, not meaning: they weigh little beside others, yet a query of nothing else is answered.
pub(crate) fn is_stop_word(word: &str) -> bool {
    const WORDS: &str = " a about after all also am an and any are as at be because been before being between both but by can could did do does \
        doing dont each for from get give had has have having he help her here him his how i if im in into is it its just let like make me more most my \
        need no not of off on once one only or other our out over own please same she should show so some such than that the their them then there \
        these they this those through to too under until up us use used using very want was way we were what when where which while who why will with \
        without would you your ";
    word.len() <= 7 && WORDS.split(' ').any(|stop| stop == word)
}

/// Other ways to write a word of the trade.
fn synonyms(word: &str) -> impl Iterator<Item = &'static str> {
    const SETS: [&[&str]; 61] = [
        &["k8s", "kubernetes"],
        &["js", "javascript"],
        &["ts", "typescript"],
        &["py", "python"],
        &["db", "database"],
        &["repo", "repository"],
        &["docs", "documentation"],
        &["auth", "authentication", "authorization"],
        &["config", "configuration", "settings"],
        &["infra", "infrastructure"],
        &["perf", "performance"],
        &["a11y", "accessibility"],
        &["i18n", "internationalization", "localization"],
        &["env", "environment"],
        &["admin", "administrator"],
        &["app", "application"],
        &["postgres", "postgresql"],
        &["mongo", "mongodb"],
        &["golang", "go"],
        &["pdf", "document"],
        &["aws", "amazon"],
        &["calculate", "compute"],
        &["worth", "value", "valuation"],
        &["company", "business", "firm", "enterprise"],
        &["price", "pricing", "cost"],
        &["money", "finance", "financial"],
        &["invoice", "billing", "bill"],
        &["bug", "defect", "issue"],
        &["error", "exception", "failure"],
        &["fix", "repair", "resolve"],
        &["slow", "latency"],
        &["fast", "speed", "performance"],
        &["customer", "client"],
        &["employee", "staff"],
        &["hiring", "recruiting", "recruitment"],
        &["email", "mail"],
        &["picture", "image", "photo"],
        &["video", "recording", "film"],
        &["chart", "graph", "plot", "diagram"],
        &["spreadsheet", "excel", "xlsx"],
        &["slides", "presentation", "powerpoint", "pptx", "deck"],
        &["website", "site", "webpage"],
        &["frontend", "ui"],
        &["phone", "mobile"],
        &["check", "verify", "validate"],
        &["delete", "remove"],
        &["create", "generate", "build"],
        &["plan", "roadmap"],
        &["law", "legal"],
        &["contract", "agreement"],
        &["ads", "advertising", "advertisement"],
        &["estimate", "forecast", "predict"],
        &["teach", "tutorial", "learn"],
        &["vulnerability", "exploit", "attack"],
        &["password", "credential", "secret"],
        &["rewrite", "refactor"],
        &["upgrade", "migrate", "modernize"],
        &["old", "legacy", "ancient"],
        &["story", "narrative"],
        &["tests", "testing", "qa"],
        &["logs", "logging"],
    ];
    let word = word.to_owned();
    SETS.iter().filter(move |set| set.contains(&word.as_str())).flat_map(|set| set.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_counted() {
        let of = |word: &str, term: &str, is_partial| distance(&word.chars().collect::<Vec<_>>(), term, 2, is_partial);
        assert_eq!(of("valuatoin", "valuation", false), Some(1));
        assert_eq!(of("kubernets", "kubernetes", false), Some(1));
        assert_eq!(of("docker", "doctor", false), Some(2));
        assert_eq!(of("docker", "kernel", false), None);
        assert_eq!(of("kubrn", "kubernetes", true), Some(1));
        assert_eq!(of("kubrn", "kubernetes", false), None);
        assert_eq!(of("same", "same", false), Some(0));
    }
}
