//! Search: both halves, their fusion, filters and facets.
//!
//! The score of a document depends on the query and on what the asker may read, not on which other documents pass the rest of the filter.
//! So a filtered search gives exactly what filtering the unfiltered one would, and it need not look at what does not pass.
//!
//! Where more passages may be read than `Tuning::scan`, the query is not compared with all of them, but with those of documents that have one
//! among the `Tuning::candidates` nearest by their codes, and of documents that are found by their words or named. What may not be read has no
//! part in that either, and a score is made in the same way; but a narrower filter finds by meaning what a wider one does not reach.

use std::cmp::Ordering;
use std::ops::Range;

use crate::document::{Author, Id, Kind, Scope};
use crate::highlight::Highlighter;
use crate::index::{Entry, Index, NONE, Outline, name_key};
use crate::lexical::{Lexical, TermPart};
use crate::query::{Access, Filter, Group, Order, Parsed, Query, passing};
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
    /// Documents found by words alone although the query has a vector: theirs have not arrived.
    pub by_words: usize,
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

/// How many of the found documents have each value, the most frequent first. Kinds, categories, authors and scopes are counted as if nothing
/// were chosen among them: what one more choice would find.
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

        let is_named = |slot: usize| name != 0 && self.outlines[slot].keys.contains(&name);
        let near = vector.as_ref().and_then(|vector| match &query.near {
            Some(ids) => self.near_given(ids, &access),
            None => self.near_documents(vector, &access, Access::Readable),
        });
        let mut semantic: Vec<Option<Semantic>> = vec![None; access.len()];
        if let Some(vector) = &vector {
            let readable = (0..access.len()).filter(|slot| access[*slot] > Access::Hidden);
            let is_compared = |slot: usize| near.as_ref().is_none_or(|near| near[slot] || self.has_words(&lexical, slot) || is_named(slot));
            let compared: Vec<usize> = readable.filter(|slot| is_compared(*slot)).collect();
            self.nearness_of_all(&compared, vector, |slot, nearness| semantic[slot] = Some(nearness));
        }
        let feedback = self.feedback(&lexical, &semantic);
        // The nearest of all that is readable may not pass. Those that pass are looked for on their own, and have no part in the feedback.
        if let Some(vector) =
            vector.as_ref().filter(|_| near.is_some() && access.iter().any(|access| *access > Access::Hidden && *access < Access::Passing))
        {
            let near = self.near_documents(vector, &access, Access::Passing);
            let is_left = |slot: &usize| semantic[*slot].is_none() && near.as_ref().is_none_or(|near| near[*slot]);
            let left: Vec<usize> = passing(&access).filter(is_left).collect();
            self.nearness_of_all(&left, vector, |slot, nearness| semantic[slot] = Some(nearness));
        }

        let is_found = |slot: usize| {
            let is_near = || semantic[slot].is_some_and(|semantic| semantic.cosine >= self.tuning.near);
            is_browsing || is_named(slot) || is_near() || self.has_words(&lexical, slot)
        };
        let mut found: Vec<Found<'_>> = Vec::new();
        for slot in passing(&access) {
            let (semantic, is_named) = (semantic[slot], is_named(slot));
            if is_found(slot) {
                let Some(entry) = &self.entries[slot] else { continue };
                let slot = slot as u32;
                let words = self.words(&lexical, slot);
                let agreement = self.agreement(entry, &feedback);
                let fused = self.fuse(words, semantic);
                let fused = (fused + agreement.unwrap_or(feedback.weight * fused)) / (1.0 + feedback.weight);
                let score = (1.0 - NAME_BOOST) * fused;
                let name_boost = if is_named { NAME_BOOST } else { 0.0 };
                found.push(Found { slot, entry, score: score + name_boost, lexical: words, semantic, agreement, name_boost });
            }
        }
        let order = if is_browsing && matches!(query.order, Order::Relevance | Order::Own) { Order::Newest } else { query.order };
        let page = top(&mut found, query.offset, query.limit, |a, b| compare(order, a, b));
        let hits = found[page].iter().map(|hit| self.hit(hit, &found, query.explain.then_some(&lexical))).collect();
        Answer {
            hits,
            total: found.len(),
            facets: self.facets(
                &found,
                (0..access.len()).filter_map(|slot| match access[slot] {
                    Access::Beside(group) if is_found(slot) => Some((group, self.entries[slot].as_ref()?)),
                    _ => None,
                }),
            ),
            semantic: found.iter().any(|hit| hit.semantic.is_some()),
            by_words: if query.vector.is_some() { found.iter().filter(|hit| hit.semantic.is_none()).count() } else { 0 },
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
        let is_near = self.near_documents(&vector, &access, Access::Passing);
        let others: Vec<usize> = passing(&access).filter(|slot| is_near.as_ref().is_none_or(|is_near| is_near[*slot])).collect();
        let mut found: Vec<Found<'_>> = Vec::new();
        self.nearness_of_all(&others, &vector, |slot, semantic| {
            let Some(entry) = self.entries[slot].as_ref().filter(|other| other.id != id) else { return };
            let (slot, score, semantic) = (slot as u32, semantic.score, Some(semantic));
            found.push(Found { slot, entry, score, lexical: 0.0, semantic, agreement: None, name_boost: 0.0 });
        });
        let page = top(&mut found, 0, limit, |a, b| compare(Order::Relevance, a, b));
        found[page].iter().map(|hit| self.hit(hit, &[], None)).collect()
    }

    /// The passages nearest to a vector, with their cosines, among those that have arrived and pass the filter. Exact where no more than
    /// `Tuning::scan` pass; of more, `Tuning::candidates` are compared, and few of the nearest are not among those. What does not pass has no part
    /// in it. Nothing for a vector of another length than the index's.
    pub fn nearest(&self, vector: &[f32], filter: &Filter, limit: usize) -> Vec<(Id, usize, f32)> {
        let mut nearest: Vec<(Id, usize, f32)> = Vec::new();
        if vector.len() != self.dimension() || limit == 0 {
            return nearest;
        }
        let vector = self.vectors.query(vector);
        let order = |a: &(Id, usize, f32), b: &(Id, usize, f32)| b.2.total_cmp(&a.2).then_with(|| (a.0, a.1).cmp(&(b.0, b.1)));
        let mut consider = |slot: usize, passage: usize, cosine: f32| {
            // Few are near enough for their entry to be read.
            if nearest.len() < limit || nearest.last().is_some_and(|last| cosine >= last.2) {
                let Some(entry) = &self.entries[slot] else { return };
                let found = (entry.id, passage, cosine);
                nearest.insert(nearest.partition_point(|other| order(other, &found).is_lt()), found);
                nearest.truncate(limit);
            }
        };
        let access = self.access(filter);
        match self.candidates(&vector, &access, Access::Passing, limit) {
            Some(rows) => self.vectors.cosines(&rows, &vector, |row, cosine| {
                if let Some((slot, passage)) = self.passage_of(row) {
                    consider(slot, passage, cosine);
                }
            }),
            None => {
                let mut slots = passing(&access).peekable();
                while let Some(slot) = slots.next() {
                    slots.peek().into_iter().for_each(|next| self.prefetch(*next));
                    self.scan(slot, &vector, |passage, cosine| consider(slot, passage, cosine));
                }
            }
        }
        nearest
    }

    /// Whether so many passages may be read that a vector is not compared with all of them: then it is worth asking another engine which
    /// documents are near (`Query::near`).
    pub fn is_large(&self, filter: &Filter) -> bool {
        self.passages_of(&self.access(filter)) > self.tuning.scan
    }

    /// The passages of all that may be read.
    fn passages_of(&self, access: &[Access]) -> usize {
        let readable = self.outlines.iter().zip(access).filter(|(outline, access)| **access > Access::Hidden && outline.first != NONE);
        readable.map(|(outline, _)| outline.passages as usize).sum()
    }

    /// Whether each document is one of those given; none if so little may be read that all of it is compared.
    fn near_given(&self, ids: &[Id], access: &[Access]) -> Option<Vec<bool>> {
        if self.passages_of(access) <= self.tuning.scan {
            return None;
        }
        let mut near = vec![false; access.len()];
        for slot in ids.iter().filter_map(|id| self.slots.get(id)) {
            if let Some(near) = near.get_mut(*slot as usize) {
                *near = true;
            }
        }
        Some(near)
    }

    /// The rows of the passages that are worth comparing with a vector, of documents with this access or more: at least `limit`. None if there
    /// are so few that all are.
    fn candidates(&self, vector: &QueryVector, access: &[Access], least: Access, limit: usize) -> Option<Vec<u32>> {
        let mut passages = 0;
        let mut ranges: Vec<Range<u32>> = Vec::new();
        for (outline, _) in self.outlines.iter().zip(access).filter(|(outline, access)| **access >= least && outline.first != NONE) {
            passages += outline.passages as usize;
            // The middle has no code, so that it joins the rows of neighbours.
            let rows = outline.first..outline.first + outline.passages + 1;
            match ranges.last_mut().filter(|last| last.end == rows.start) {
                Some(last) => last.end = rows.end,
                None => ranges.push(rows),
            }
        }
        (passages > self.tuning.scan.max(limit)).then(|| self.vectors.near_rows(vector, &ranges, self.tuning.candidates.max(limit)))
    }

    /// Whether each document has a passage among the candidates.
    fn near_documents(&self, vector: &QueryVector, access: &[Access], least: Access) -> Option<Vec<bool>> {
        let mut near = vec![false; access.len()];
        let rows = self.candidates(vector, access, least, 0)?;
        rows.iter().filter_map(|row| self.passage_of(*row)).for_each(|(slot, _)| near[slot] = true);
        Some(near)
    }

    /// The slot and the number of the passage of a row.
    fn passage_of(&self, row: u32) -> Option<(usize, usize)> {
        let slot = self.vectors.owners[row as usize] as usize;
        let outline = self.outlines.get(slot)?;
        Some((slot, row.checked_sub(outline.first)? as usize))
    }

    /// Calls `each` with the number and cosine of every passage of a document that has arrived.
    fn scan(&self, slot: usize, vector: &QueryVector, each: impl FnMut(usize, f32)) {
        let Outline { first, passages, .. } = self.outlines[slot];
        if first != NONE {
            self.vectors.scan(first as usize, passages as usize, vector, each);
        }
    }

    /// Has the rows of a document that is next brought near: a few of many lie anywhere, and each would be waited for.
    fn prefetch(&self, slot: usize) {
        let Outline { first, passages, .. } = self.outlines[slot];
        if first != NONE {
            self.vectors.prefetch(first as usize, passages as usize);
        }
    }

    /// Takes out what lacks a phrase of the query or has what it excludes. Statistics stay as they are.
    fn apply_operators(&self, parsed: &Parsed, access: &mut [Access]) {
        for phrase in &parsed.phrases {
            let with = self.with_phrase(phrase, false);
            for (slot, access) in access.iter_mut().enumerate().filter(|(_, access)| **access > Access::Readable) {
                if !with.contains(&(slot as u32)) {
                    *access = Access::Readable;
                }
            }
        }
        for slot in parsed.excluded.iter().flat_map(|phrase| self.with_phrase(phrase, true)) {
            if let Some(access) = access.get_mut(slot as usize).filter(|access| **access > Access::Readable) {
                *access = Access::Readable;
            }
        }
    }

    /// Whether a document has enough of the query's words to be found by them.
    fn has_words(&self, lexical: &Lexical, slot: usize) -> bool {
        let coverage = lexical.coverage[slot] / lexical.ideal.max(f32::MIN_POSITIVE);
        coverage > 0.0 && coverage >= self.tuning.coverage
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
            let (semantic, entry) = (semantic.as_ref()?, entry.as_ref()?);
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

    /// The nearness of each document that has vectors, in the order of `slots`.
    fn nearness_of_all(&self, slots: &[usize], vector: &QueryVector, mut each: impl FnMut(usize, Semantic)) {
        for (i, slot) in slots.iter().enumerate() {
            slots.get(i + 1).into_iter().for_each(|next| self.prefetch(*next));
            if let Some(nearness) = self.nearness(*slot, vector) {
                each(*slot, nearness);
            }
        }
    }

    /// A document is as near as its passages: mostly the best three, but one that is about the matter throughout is nearer than one that
    /// mentions it.
    fn nearness(&self, slot: usize, vector: &QueryVector) -> Option<Semantic> {
        let (mut best, mut first, mut sum, mut arrived) = ([(f32::MIN, 0); 3], None, 0.0, 0);
        self.scan(slot, vector, |passage, cosine| {
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

    /// `beside`: what would be found as well if nothing were chosen in that group.
    fn facets<'a>(&self, found: &[Found<'_>], beside: impl Iterator<Item = (Group, &'a Entry)>) -> Facets {
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
        for (group, entry) in beside {
            match group {
                Group::Kind => kinds[entry.kind as usize] += 1,
                Group::Place => scopes[entry.scope as usize] += 1,
                Group::Category => entry.category.into_iter().for_each(|category| categories[category as usize] += 1),
                Group::Author => entry.author.into_iter().for_each(|author| authors[author as usize] += 1),
            }
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
        Order::Own => (a.entry.kind == Kind::Listing).cmp(&(b.entry.kind == Kind::Listing)).then_with(by_score),
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
