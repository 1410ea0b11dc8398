//! A BERT encoder's forward pass over sentences of different lengths laid end to end: no padding, so nothing is computed in vain and a
//! sentence's vector does not depend on what else is in the batch.

use super::kernel::{ACTIVATION_MAX, COLUMNS, Kernel, Pair, STEP, Work};
use super::math::{self, LANES};

/// Rows that share one walk over the weights. (More no longer pay: the sums stay in registers.)
const TILE: usize = 12;
/// Query rows of the attention worked on together.
const QUERIES: usize = 4;
/// Rows that go through both inner layers together, so that what lies between stays in the cache.
const BLOCK: usize = 48;

/// y = x·Wᵀ + b with weights of 8 bits, each output with a scale of its own.
#[derive(Debug)]
pub struct Linear {
    pub inputs: usize,
    /// For each [`COLUMNS`] outputs in turn `inputs / 2` steps.
    pub panels: Vec<[i8; STEP]>,
    pub scales: Vec<f32>,
    pub bias: Vec<f32>,
}

#[derive(Debug)]
pub struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub epsilon: f32,
}

#[derive(Debug)]
pub struct Layer {
    /// Queries, keys and values, one after the other.
    pub attention_input: Linear,
    pub attention_output: Linear,
    pub attention_norm: Norm,
    pub inner: Linear,
    pub outer: Linear,
    pub outer_norm: Norm,
}

/// How the vectors of a sentence's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean of all.
    Mean,
    /// That of the first token, `[CLS]`.
    First,
}

/// A BERT encoder with its weights.
#[derive(Debug)]
pub struct Model {
    /// Numbers in a token's vector, a multiple of [`COLUMNS`].
    pub width: usize,
    pub heads: usize,
    /// 8-bit rows of the vocabulary, `width` each, and their scales.
    pub words: Vec<i8>,
    pub word_scales: Vec<f32>,
    /// Rows of the positions, with the type of a lone sentence added.
    pub positions: Vec<f32>,
    pub embedding_norm: Norm,
    pub layers: Vec<Layer>,
    pub pooling: Pooling,
}

/// One forward pass. Each sentence has at least one id; every id is in the vocabulary, and no sentence has more than there are positions.
pub struct Forward<'a> {
    pub model: &'a Model,
    pub sentences: &'a [&'a [u32]],
}

impl Work for Forward<'_> {
    type Output = Vec<Vec<f32>>;

    /// The sentences' vectors, of length 1.
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) -> Vec<Vec<f32>> {
        let Model { width, .. } = *self.model;
        let mut rows = self.model.embed(self.sentences);
        let count = rows.len() / width;
        let mut quantised = Quantised::default();
        let mut projected = vec![0.0; count * width * 3];
        let mut context = vec![0.0; count * width];
        let mut inner = vec![0.0; self.model.layers.first().map_or(0, |layer| layer.inner.scales.len()) * count.min(BLOCK)];
        for layer in &self.model.layers {
            quantised.fill(&rows, width);
            layer.attention_input.apply(kernel, &quantised, &mut projected);
            let mut at = 0;
            for sentence in self.sentences {
                let next = at + sentence.len();
                attend(&projected[at * width * 3..next * width * 3], &mut context[at * width..next * width], width, self.model.heads);
                at = next;
            }
            quantised.fill(&context, width);
            layer.attention_output.apply(kernel, &quantised, &mut context);
            layer.attention_norm.add(&mut rows, &context);
            for (rows, outer) in rows.chunks_mut(BLOCK * width).zip(context.chunks_mut(BLOCK * width)) {
                let inner = &mut inner[..rows.len() / width * layer.inner.scales.len()];
                quantised.fill(rows, width);
                layer.inner.apply(kernel, &quantised, inner);
                inner.iter_mut().for_each(|value| *value = math::gelu(*value));
                quantised.fill(inner, layer.outer.inputs);
                layer.outer.apply(kernel, &quantised, outer);
                layer.outer_norm.add(rows, outer);
            }
        }
        self.model.pool(&rows, self.sentences)
    }
}

impl Model {
    #[inline(always)]
    fn embed(&self, sentences: &[&[u32]]) -> Vec<f32> {
        let width = self.width;
        let mut rows = Vec::with_capacity(sentences.iter().map(|ids| ids.len()).sum::<usize>() * width);
        for ids in sentences {
            for (&id, position) in ids.iter().zip(self.positions.chunks_exact(width)) {
                let id = id as usize;
                let scale = self.word_scales[id];
                rows.extend(self.words[id * width..][..width].iter().zip(position).map(|(&word, position)| f32::from(word) * scale + position));
            }
        }
        rows.chunks_exact_mut(width).for_each(|row| self.embedding_norm.apply(row));
        rows
    }

    #[inline(always)]
    fn pool(&self, rows: &[f32], sentences: &[&[u32]]) -> Vec<Vec<f32>> {
        let mut rows = rows.chunks_exact(self.width);
        let pool = |ids: &&[u32]| {
            let mut vector = vec![0.0; self.width];
            for (at, row) in rows.by_ref().take(ids.len()).enumerate() {
                if at == 0 || self.pooling == Pooling::Mean {
                    vector.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
            }
            math::normalize(&mut vector);
            vector
        };
        sentences.iter().map(pool).collect()
    }
}

impl Norm {
    #[inline(always)]
    fn apply(&self, row: &mut [f32]) {
        math::layer_norm(row, &self.weight, &self.bias, self.epsilon);
    }

    /// Adds what a layer gave to what it got, and normalises.
    #[inline(always)]
    fn add(&self, rows: &mut [f32], given: &[f32]) {
        let width = self.weight.len();
        for (row, given) in rows.chunks_exact_mut(width).zip(given.chunks_exact(width)) {
            row.iter_mut().zip(given).for_each(|(value, given)| *value += given);
            self.apply(row);
        }
    }
}

/// Rows of activations as 13-bit integers, each row with a scale of its own.
#[derive(Default)]
struct Quantised {
    pairs: Vec<Pair>,
    scales: Vec<f32>,
}

impl Quantised {
    #[inline(always)]
    fn fill(&mut self, values: &[f32], width: usize) {
        self.pairs.resize(values.len() / 2, [0; 2]);
        self.scales.clear();
        for (row, pairs) in values.chunks_exact(width).zip(self.pairs.chunks_exact_mut(width / 2)) {
            let largest = math::largest_magnitude(row);
            let factor = if largest > 0.0 { ACTIVATION_MAX / largest } else { 0.0 };
            for (quantised, value) in pairs.as_flattened_mut().iter_mut().zip(row) {
                *quantised = math::round(value * factor) as i16;
            }
            self.scales.push(largest / ACTIVATION_MAX);
        }
    }
}

impl Linear {
    /// `out` gets a row of outputs for each row of `input`.
    #[inline(always)]
    fn apply<K: Kernel>(&self, kernel: K, input: &Quantised, out: &mut [f32]) {
        let (steps, rows) = (self.inputs / 2, input.scales.len());
        for (at, panel) in self.panels.chunks_exact(steps).enumerate() {
            let mut row = 0;
            while row + TILE <= rows {
                self.tile::<K, TILE>(kernel, input, row, panel, at, out);
                row += TILE;
            }
            while row + 4 <= rows {
                self.tile::<K, 4>(kernel, input, row, panel, at, out);
                row += 4;
            }
            while row < rows {
                self.tile::<K, 1>(kernel, input, row, panel, at, out);
                row += 1;
            }
        }
    }

    #[inline(always)]
    fn tile<K: Kernel, const R: usize>(&self, kernel: K, input: &Quantised, row: usize, panel: &[[i8; STEP]], at: usize, out: &mut [f32]) {
        let outputs = self.scales.len();
        let sums = kernel.tile::<R>(std::array::from_fn(|r| &input.pairs[(row + r) * panel.len()..][..panel.len()]), panel);
        let columns = at * COLUMNS..(at + 1) * COLUMNS;
        let (scales, bias) = (&self.scales[columns.clone()], &self.bias[columns.clone()]);
        for (r, sums) in sums.iter().enumerate() {
            let scale = input.scales[row + r];
            let out = &mut out[(row + r) * outputs..][columns.clone()];
            for (((out, &sum), weight_scale), bias) in out.iter_mut().zip(sums).zip(scales).zip(bias) {
                *out = sum as f32 * (scale * weight_scale) + bias;
            }
        }
    }
}

/// Attention of one sentence's tokens to each other. `projected` has for each token its query, key and value, `out` gets its context.
#[inline(always)]
fn attend(projected: &[f32], out: &mut [f32], width: usize, heads: usize) {
    let (tokens, size) = (out.len() / width, width / heads);
    let padded = tokens.next_multiple_of(LANES);
    let query_scale = 1.0 / (size as f32).sqrt();
    let mut queries = vec![0.0; tokens.next_multiple_of(QUERIES) * size];
    // Keys lie with the token last, so that a query meets LANES of them at once.
    let mut keys = vec![0.0; size * padded];
    let mut values = vec![0.0; tokens * size];
    let mut scores = vec![0.0; QUERIES * padded];
    for head in 0..heads {
        for (token, row) in projected.chunks_exact(width * 3).enumerate() {
            let part = |which: usize| &row[which * width + head * size..][..size];
            queries[token * size..][..size].iter_mut().zip(part(0)).for_each(|(to, from)| *to = from * query_scale);
            part(1).iter().enumerate().for_each(|(at, key)| keys[at * padded + token] = *key);
            values[token * size..][..size].copy_from_slice(part(2));
        }
        for (block, queries) in queries.chunks_exact(QUERIES * size).enumerate() {
            for at in (0..padded).step_by(LANES) {
                let mut sums = [[0.0; LANES]; QUERIES];
                for (d, keys) in keys.chunks_exact(padded).enumerate() {
                    let keys = &keys[at..at + LANES];
                    for (q, sums) in sums.iter_mut().enumerate() {
                        let query = queries[q * size + d];
                        sums.iter_mut().zip(keys).for_each(|(sum, key)| *sum += query * key);
                    }
                }
                for (q, sums) in sums.iter().enumerate() {
                    scores[q * padded + at..][..LANES].copy_from_slice(sums);
                }
            }
            let mut totals = [0.0; QUERIES];
            for (scores, total) in scores.chunks_exact_mut(padded).zip(&mut totals) {
                scores[tokens..].fill(f32::NEG_INFINITY);
                let largest = math::largest(scores);
                scores.iter_mut().for_each(|score| *score = math::exp(*score - largest));
                scores[tokens..].fill(0.0);
                *total = math::sum(scores);
            }
            for at in (0..size).step_by(LANES) {
                let mut sums = [[0.0; LANES]; QUERIES];
                for (token, values) in values.chunks_exact(size).enumerate() {
                    let values = &values[at..at + LANES];
                    for (q, sums) in sums.iter_mut().enumerate() {
                        let weight = scores[q * padded + token];
                        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
                    }
                }
                for (q, sums) in sums.iter().enumerate().take(tokens - block * QUERIES) {
                    let out = &mut out[(block * QUERIES + q) * width + head * size + at..][..LANES];
                    out.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum / totals[q]);
                }
            }
        }
    }
}
