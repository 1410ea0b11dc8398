//! Search: both halves, their fusion, filters and facets.
//!
//! The score of a document depends on the query and on what the asker may read, not on which other documents pass the rest of the filter.
//! So a filtered search gives exactly what filtering the unfiltered one would, and it need not look at what does not pass.

use std::cmp::Ordering;
use std::ops::Range;

use crate::document::{Author, Id, Kind, Scope};
use crate::highlight::Highlighter;
use crate::index::{Entry, Index, name_key};
use crate::lexical::{Lexical, TermPart};
use crate::query::{Access, Filter, Order, Parsed, Query};
use crate::vectors::QueryVector;
use crate::words::key;

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub hits: Vec<Hit>,
    /// Documents found, of which `hits` is a part.
    pub total: usize,
    pub facets: Facets,
    /// Whether meaning had a part in it.
    pub semantic: bool,
    /// Marks the matched words in names, and finds the part of a body to show.
    pub highlighter: Highlighter,
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub id: Id,
    /// From 0 to 1, comparable among the hits of one query.
    pub score: f32,
    /// Bytes of the body: the passage nearest to the query's vector, if the document has vectors and the query one.
    pub passage: Option<Range<usize>>,
    pub explanation: Option<Box<Explanation>>,
}

/// Why a hit is where it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The lexical score as it is fused, from 0 to 1, and what it is made of.
    pub lexical: f32,
    pub terms: Vec<TermPart>,
    /// The place among everything found, by words alone; none if no word matched.
    pub lexical_rank: Option<usize>,
    /// The semantic score as it is fused, from 0 to 1.
    pub semantic: Option<f32>,
    /// The cosine of the best passage, and which one it is.
    pub cosine: Option<f32>,
    pub passage: Option<usize>,
    /// The place among everything found, by meaning alone.
    pub semantic_rank: Option<usize>,
    /// What the best other documents add to the score, for being like them.
    pub agreement: Option<f32>,
    /// What was added to the fused score because the query is the document's name or slug.
    pub name_boost: f32,
}

/// How many of the found documents have each value, the most frequent first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facets {
    pub kinds: Vec<(Kind, usize)>,
    pub categories: Vec<(String, usize)>,
    pub tags: Vec<(String, usize)>,
    pub authors: Vec<(Author, usize)>,
    pub scopes: Vec<(Scope, usize)>,
}

/// What is known of a document that was found.
struct Found<'a> {
    slot: u32,
    entry: &'a Entry,
    score: f32,
    lexical: f32,
    semantic: Option<Semantic>,
    agreement: Option<f32>,
    name_boost: f32,
}

/// A document's nearness to the query's vector.
#[derive(Clone, Copy)]
struct Semantic {
    /// As it is fused, from 0 to 1.
    score: f32,
    /// Of the best passage.
    cosine: f32,
    passage: usize,
}

/// One of the documents that are best at first.
struct Speaker<'a> {
    entry: &'a Entry,
    score: f32,
    middle: usize,
}

/// What the best documents have in common.
struct Feedback {
    /// Of all of them first, then without each: a document does not speak for itself.
    directions: Vec<(Option<Id>, (QueryVector, f32))>,
    categories: Vec<(Id, Option<u32>, f32)>,
    by_vector: f32,
    by_category: f32,
    /// The most that agreement adds.
    weight: f32,
}

/// Share of the score that is kept for the document that the query names.
const NAME_BOOST: f32 = 0.1;

impl Index {
    /// Searches. Never fails: a text without words finds nothing by words, and no text at all finds everything that passes the filter.
    pub fn search(&self, query: &Query) -> Answer {
        let parsed = Parsed::new(&query.text);
        let mut access = self.access(&query.filter);
        let lexical = self.lexical(&parsed, query.is_partial, &query.filter, &access);
        self.apply_operators(&parsed, &mut access);
        let vector = query.vector.as_ref().filter(|v| v.len() == self.dimension() && !v.is_empty()).map(|v| self.vectors.query(v));
        let is_browsing = parsed.words.is_empty() && vector.is_none() && (query.text.trim().is_empty() || !parsed.excluded.is_empty());
        let name = name_key(&query.text);

        let semantic: Vec<Option<Semantic>> = match &vector {
            Some(vector) => {
                self.entries.iter().zip(&access).map(|(entry, access)| self.readable_nearness(entry.as_ref(), *access, vector)).collect()
            }
            None => vec![None; access.len()],
        };
        let feedback = self.feedback(&lexical, &semantic);

        let mut found: Vec<Found<'_>> = Vec::new();
        for (slot, entry) in self.passing(&access) {
            let semantic = semantic[slot as usize];
            let is_named = name != 0 && entry.keys.contains(&name);
            let coverage = lexical.coverage[slot as usize] / lexical.ideal.max(f32::MIN_POSITIVE);
            let near = semantic.is_some_and(|semantic| semantic.cosine >= self.tuning.near);
            if is_browsing || is_named || near || (coverage > 0.0 && coverage >= self.tuning.coverage) {
                let words = self.words(&lexical, slot);
                let agreement = self.agreement(entry, &feedback);
                let fused = self.fuse(words, semantic);
                let fused = (fused + agreement.unwrap_or(feedback.weight * fused)) / (1.0 + feedback.weight);
                let score = (1.0 - NAME_BOOST) * fused;
                let name_boost = if is_named { NAME_BOOST } else { 0.0 };
                found.push(Found { slot, entry, score: score + name_boost, lexical: words, semantic, agreement, name_boost });
            }
        }
        let order = if is_browsing && query.order == Order::Relevance { Order::Newest } else { query.order };
        let page = top(&mut found, query.offset, query.limit, |a, b| compare(order, a, b));
        let hits = found[page].iter().map(|hit| self.hit(hit, &found, query.explain.then_some(&lexical))).collect();
        Answer {
            hits,
            total: found.len(),
            facets: self.facets(&found),
            semantic: found.iter().any(|hit| hit.semantic.is_some()),
            highlighter: Highlighter::new(&lexical),
        }
    }

    /// Documents like one, by meaning: those whose passages are near to the middle of its passages. Empty if the asker may not read it;
    /// while it has no vector, by the words of its name and tags.
    pub fn similar(&self, id: Id, filter: &Filter, limit: usize) -> Vec<Hit> {
        let Some(entry) = self.entry(id).filter(|entry| filter.scopes.contains(&self.scopes.values[entry.scope as usize].0)) else {
            return Vec::new();
        };
        let Some(middle) = entry.middle() else {
            // By name, not by number: numbers tell in which order documents came, others' documents too.
            let mut tags: Vec<&str> = entry.tags.iter().map(|tag| &*self.tags.values[*tag as usize].0).collect();
            tags.sort_unstable();
            let text = format!("{} {}", entry.name, tags.join(" ")).replace(['"', '“', '-'], " ");
            let answer = self.search(&Query { text, filter: filter.clone(), limit: limit.saturating_add(1), ..Query::default() });
            return answer.hits.into_iter().filter(|hit| hit.id != id).take(limit).collect();
        };
        let vector = self.vectors.query(&self.vectors.row(middle).collect::<Vec<_>>());
        let access = self.access(filter);
        let near = self.passing(&access).filter(|(_, other)| other.id != id).filter_map(|(slot, entry)| {
            let semantic = self.nearness(entry, &vector)?;
            Some(Found { slot, entry, score: semantic.score, lexical: 0.0, semantic: Some(semantic), agreement: None, name_boost: 0.0 })
        });
        let mut found: Vec<_> = near.collect();
        let page = top(&mut found, 0, limit, |a, b| compare(Order::Relevance, a, b));
        found[page].iter().map(|hit| self.hit(hit, &[], None)).collect()
    }

    /// The passages nearest to a vector, with their cosines: exact, among those that have arrived and pass the filter. Nothing for a vector of
    /// another length than the index's.
    pub fn nearest(&self, vector: &[f32], filter: &Filter, limit: usize) -> Vec<(Id, usize, f32)> {
        let mut nearest: Vec<(Id, usize, f32)> = Vec::new();
        if vector.len() != self.dimension() || limit == 0 {
            return nearest;
        }
        let vector = self.vectors.query(vector);
        let order = |a: &(Id, usize, f32), b: &(Id, usize, f32)| b.2.total_cmp(&a.2).then_with(|| (a.0, a.1).cmp(&(b.0, b.1)));
        for (_, entry) in self.passing(&self.access(filter)) {
            let Some(first) = entry.rows else { continue };
            self.vectors.scan(first as usize, entry.passages.len(), &vector, |passage, cosine| {
                let found = (entry.id, passage, cosine);
                if nearest.len() < limit || nearest.last().is_some_and(|last| order(&found, last).is_lt()) {
                    nearest.truncate(limit - 1);
                    nearest.insert(nearest.partition_point(|other| order(other, &found).is_lt()), found);
                }
            });
        }
        nearest
    }

    fn passing<'a>(&'a self, access: &'a [Access]) -> impl Iterator<Item = (u32, &'a Entry)> {
        let entries = self.entries.iter().zip(access).enumerate().filter(|(_, (_, access))| **access == Access::Passing);
        entries.filter_map(|(slot, (entry, _))| Some((slot as u32, entry.as_ref()?)))
    }

    /// Takes out what lacks a phrase of the query or has what it excludes. Statistics stay as they are.
    fn apply_operators(&self, parsed: &Parsed, access: &mut [Access]) {
        for phrase in &parsed.phrases {
            let with = self.with_phrase(phrase, false);
            for (slot, access) in access.iter_mut().enumerate().filter(|(_, access)| **access == Access::Passing) {
                if !with.contains(&(slot as u32)) {
                    *access = Access::Readable;
                }
            }
        }
        for slot in parsed.excluded.iter().flat_map(|phrase| self.with_phrase(phrase, true)) {
            if let Some(access) = access.get_mut(slot as usize).filter(|access| **access == Access::Passing) {
                *access = Access::Readable;
            }
        }
    }

    /// The lexical score as it is fused, from 0 to 1.
    fn words(&self, lexical: &Lexical, slot: u32) -> f32 {
        let full = self.tuning.ideal * lexical.ideal + (1.0 - self.tuning.ideal) * lexical.best;
        if full > 0.0 { (lexical.scores[slot as usize] / full).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The documents that are best at first, and how much each speaks for those like it: pseudo-relevance feedback (Rocchio 1971) in the
    /// space of vectors. Of all that the asker may read, so that the rest of the filter changes no score.
    fn feedback(&self, lexical: &Lexical, semantic: &[Option<Semantic>]) -> Feedback {
        let (documents, ..) = self.tuning.feedback;
        let readable = self.entries.iter().zip(semantic).enumerate().filter_map(|(slot, (entry, semantic))| {
            let (entry, semantic) = (entry.as_ref()?, semantic.as_ref()?);
            let score = self.fuse(self.words(lexical, slot as u32), Some(*semantic));
            (score > 0.0).then_some(Speaker { entry, score, middle: entry.middle()? })
        });
        let mut best: Vec<_> = readable.collect();
        let page = top(&mut best, 0, documents, |a, b| b.score.total_cmp(&a.score).then_with(|| a.entry.id.cmp(&b.entry.id)));
        let best = &best[page];
        let (_, by_vector, by_category) = self.tuning.feedback;
        // What no speaker has cannot be agreed with: it then takes nothing from the score either.
        let by_vector = if best.len() > 1 { by_vector } else { 0.0 };
        let by_category = if best.len() > 1 && best.iter().any(|speaker| speaker.entry.category.is_some()) { by_category } else { 0.0 };
        Feedback {
            directions: std::iter::once(None)
                .chain(best.iter().map(|speaker| Some(speaker.entry.id)))
                .map(|id| (id, self.direction(best, id)))
                .collect(),
            categories: best.iter().map(|speaker| (speaker.entry.id, speaker.entry.category, speaker.score)).collect(),
            by_vector,
            by_category,
            weight: by_vector + by_category,
        }
    }

    /// The mean of the speakers' middles, weighted by their scores: its direction, and its length.
    fn direction(&self, best: &[Speaker<'_>], without: Option<Id>) -> (QueryVector, f32) {
        let (mut sum, mut weights) = (vec![0f32; self.dimension()], 0.0);
        for speaker in best.iter().filter(|speaker| Some(speaker.entry.id) != without) {
            sum.iter_mut().zip(self.vectors.row(speaker.middle)).for_each(|(sum, value)| *sum += value * speaker.score);
            weights += speaker.score;
        }
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        (self.vectors.query(&sum), if weights > 0.0 { length / weights } else { 0.0 })
    }

    /// What the best others add to a document's score: for its mean cosine with them, and for the part of them that has its category.
    fn agreement(&self, entry: &Entry, feedback: &Feedback) -> Option<f32> {
        let without = feedback.directions.iter().find(|(id, _)| *id == Some(entry.id));
        let (_, (direction, length)) = without.or(feedback.directions.first())?;
        let mut cosine = None;
        self.vectors.scan(entry.middle()?, 1, direction, |_, found| cosine = Some((found * length).clamp(0.0, 1.0)));
        let weight = |same: bool| {
            let others = feedback.categories.iter().filter(|(id, category, _)| *id != entry.id && (!same || *category == entry.category));
            others.map(|(.., score)| score).sum::<f32>()
        };
        let share = if entry.category.is_some() { weight(true) / weight(false).max(f32::MIN_POSITIVE) } else { 0.0 };
        Some(feedback.by_vector * cosine? + feedback.by_category * share)
    }

    /// A convex combination of both halves on absolute scales (Bruch, Gai and Ingber, TOIS 2023). A document whose vectors have not arrived
    /// is judged by its words alone.
    fn fuse(&self, words: f32, semantic: Option<Semantic>) -> f32 {
        semantic.map_or(words, |semantic| (1.0 - self.tuning.semantic) * words + self.tuning.semantic * semantic.score)
    }

    /// A document is as near as its passages: mostly the best three, but one that is about the matter throughout is nearer than one that
    /// mentions it.
    fn nearness(&self, entry: &Entry, vector: &QueryVector) -> Option<Semantic> {
        let (mut best, mut first, mut sum, mut arrived) = ([(f32::MIN, 0); 3], None, 0.0, 0);
        self.vectors.scan(entry.rows? as usize, entry.passages.len(), vector, |passage, cosine| {
            (sum, arrived) = (sum + cosine, arrived + 1);
            first = first.or((passage == 0).then_some(cosine));
            if let Some(place) = best.iter().position(|(other, _)| cosine > *other) {
                best[place..].rotate_right(1);
                best[place] = (cosine, passage);
            }
        });
        if arrived == 0 {
            return None;
        }
        let (cosine, passage) = best[0];
        let of_best = best.iter().take(arrived).map(|(cosine, _)| cosine).sum::<f32>() / arrived.min(3) as f32;
        let [best_three, all, beginning] = self.tuning.passages;
        let pooled = best_three * of_best + all * sum / arrived as f32 + beginning * first.unwrap_or(of_best);
        let (nothing, everything) = self.tuning.cosine;
        let score = ((pooled - nothing) / (everything - nothing)).clamp(0.0, 1.0);
        Some(Semantic { score, cosine, passage })
    }

    fn readable_nearness(&self, entry: Option<&Entry>, access: Access, vector: &QueryVector) -> Option<Semantic> {
        self.nearness(entry.filter(|_| access > Access::Hidden)?, vector)
    }

    fn hit(&self, hit: &Found<'_>, found: &[Found<'_>], explain: Option<&Lexical>) -> Hit {
        let range = |semantic: Semantic| hit.entry.passages.get(semantic.passage).map(|(start, end)| *start as usize..*end as usize);
        let explanation = explain.map(|lexical| {
            let ahead = |score: f32, of: fn(&Found<'_>) -> f32| 1 + found.iter().filter(|other| of(other) > score).count();
            let semantic = |found: &Found<'_>| found.semantic.map_or(f32::MIN, |semantic| semantic.score);
            Box::new(Explanation {
                lexical: hit.lexical,
                terms: self.term_parts(lexical, hit.slot),
                lexical_rank: (hit.lexical > 0.0).then(|| ahead(hit.lexical, |found| found.lexical)),
                semantic: hit.semantic.map(|semantic| semantic.score),
                cosine: hit.semantic.map(|semantic| semantic.cosine),
                passage: hit.semantic.map(|semantic| semantic.passage),
                semantic_rank: hit.semantic.map(|of_hit| ahead(of_hit.score, semantic)),
                agreement: hit.agreement,
                name_boost: hit.name_boost,
            })
        });
        Hit { id: hit.entry.id, score: hit.score.clamp(0.0, 1.0), passage: hit.semantic.and_then(range), explanation }
    }

    fn facets(&self, found: &[Found<'_>]) -> Facets {
        let mut kinds = [0; Kind::ALL.len()];
        let mut categories = vec![0; self.categories.values.len()];
        let mut tags = vec![0; self.tags.values.len()];
        let mut authors = vec![0; self.authors.values.len()];
        let mut scopes = vec![0; self.scopes.values.len()];
        // One pass: an entry is read from memory once.
        for entry in found.iter().map(|hit| hit.entry) {
            kinds[entry.kind as usize] += 1;
            scopes[entry.scope as usize] += 1;
            entry.category.into_iter().for_each(|category| categories[category as usize] += 1);
            entry.author.into_iter().for_each(|author| authors[author as usize] += 1);
            entry.tags.iter().for_each(|tag| tags[*tag as usize] += 1);
        }
        let authors = counted(&authors, |author| (self.authors.values[author].1.to_string(), self.authors.values[author].0));
        Facets {
            kinds: counted(&kinds, |kind| Kind::ALL[kind]),
            categories: counted(&categories, |category| self.categories.values[category].0.to_string()),
            tags: counted(&tags, |tag| self.tags.values[tag].0.to_string()),
            authors: authors.into_iter().map(|((name, id), count)| (Author { id, name }, count)).collect(),
            scopes: counted(&scopes, |scope| self.scopes.values[scope].0),
        }
    }
}

/// The values that occur, the most frequent first, then in their own order.
fn counted<T: Ord>(counts: &[usize], value: impl Fn(usize) -> T) -> Vec<(T, usize)> {
    let mut counted: Vec<(T, usize)> =
        counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(i, count)| (value(i), *count)).collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counted
}

fn compare(order: Order, a: &Found<'_>, b: &Found<'_>) -> Ordering {
    let by_score = || b.score.total_cmp(&a.score);
    let by = match order {
        Order::Relevance => by_score(),
        Order::Newest => b.entry.updated_at.cmp(&a.entry.updated_at).then_with(by_score),
        Order::Rating => b.entry.rating.unwrap_or(f32::MIN).total_cmp(&a.entry.rating.unwrap_or(f32::MIN)).then_with(by_score),
        Order::Name => key(&a.entry.name).cmp(&key(&b.entry.name)),
    };
    by.then_with(|| a.entry.id.cmp(&b.entry.id))
}

/// Brings the first `offset + limit` in order and gives the page.
fn top<T>(found: &mut [T], offset: usize, limit: usize, compare: impl Fn(&T, &T) -> Ordering) -> Range<usize> {
    let end = offset.saturating_add(limit).min(found.len());
    let start = offset.min(end);
    if end > 0 && end < found.len() {
        found.select_nth_unstable_by(end - 1, &compare);
    }
    found[..end].sort_unstable_by(&compare);
    start..end
}
