//! The parameters of ranking. Chosen by measurement: docs/decisions/ranking.md.

use crate::terms::FIELDS;

/// Parameters of ranking; the default is what was measured best.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// BM25's saturation: how soon more of the same word stops to count.
    pub k1: f32,
    /// Weight of an occurrence in name, slug, tags, description, headings and body.
    pub weights: [f32; FIELDS],
    /// How far the length of each field counts, from 0 to 1.
    pub length: [f32; FIELDS],
    /// Weight of a stop word in a query that has other words.
    pub stop: f32,
    /// Weight of a part of a compound whose whole is known.
    pub part: f32,
    /// Factor on what matches a word only roughly: by prefix, with a mistake, written together or as a synonym.
    pub rough: f32,
    /// Share of meaning in the score, from 0 to 1; the rest is words.
    pub semantic: f32,
    /// The cosines that count as nothing and as everything.
    pub cosine: (f32, f32),
    /// Share of the best possible lexical score, from 0 to 1, in what the lexical score is divided by; the rest is the best one found.
    pub ideal: f32,
    /// Weights of the mean cosine of a document's three best passages, of all its passages, and of its first one; their sum is 1.
    pub passages: [f32; 3],
    /// How many of the best documents speak for others like them, and what that adds to a score of 1: by their vectors, by their category.
    pub feedback: (usize, f32, f32),
    /// A document is found by its words if it has this share of the query's weight, or by its meaning if its cosine is this high.
    pub coverage: f32,
    pub near: f32,
    /// Passages that a question compares its vector with one by one at most; of more, their codes say which it is compared with.
    pub scan: usize,
    /// How many those are: more hold the nearest more surely, and take longer.
    pub candidates: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            k1: 1.6,
            weights: [5.0, 2.0, 3.0, 3.0, 1.5, 1.0],
            length: [0.3, 0.3, 0.3, 0.6, 0.7, 0.8],
            stop: 0.2,
            part: 0.5,
            rough: 0.8,
            semantic: 0.7,
            cosine: (0.0, 0.8),
            ideal: 0.75,
            passages: [0.55, 0.3, 0.15],
            feedback: (3, 0.2, 0.15),
            coverage: 0.2,
            near: 0.3,
            scan: 50_000,
            candidates: 4_000,
        }
    }
}
