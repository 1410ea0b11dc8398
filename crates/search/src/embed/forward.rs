//! A BERT encoder's forward pass over sentences of different lengths laid end to end: no padding, so nothing is computed in vain and a
//! sentence's vector does not depend on what else is in the batch.

use std::sync::Arc;

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

#[derive(Clone, Debug)]
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
    pub words: Arc<[i8]>,
    pub word_scales: Arc<[f32]>,
    /// Rows of the positions, with the type of a lone sentence added.
    pub positions: Arc<[f32]>,
    pub embedding_norm: Norm,
    /// Shared with a model that is this one but for other layers.
    pub layers: Vec<Arc<Layer>>,
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
                rows.extend(
                    self.words[id * width..][..width].iter().zip(position).map(|(&word, position)| f32::from(word) * scale + position),
                );
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

/// Rows of activations as 13-bit integers, each row with a scale of its own. Rows are laid together in tiles as [`tiles`] cuts them: step by step
/// the pairs of all rows of a tile, as the kernels read them.
#[derive(Default)]
struct Quantised {
    pairs: Vec<Pair>,
    scales: Vec<f32>,
    row: Vec<i16>,
}

/// The first row and the number of rows of each tile: [`TILE`], then fours, then single ones.
#[inline(always)]
fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = at;
        let count = match rows - first {
            0 => return None,
            left if left >= TILE => TILE,
            left if left >= 4 => 4,
            _ => 1,
        };
        at += count;
        Some((first, count))
    })
}

impl Quantised {
    #[inline(always)]
    fn fill(&mut self, values: &[f32], width: usize) {
        let steps = width / 2;
        self.pairs.resize(values.len() / 2, [0; 2]);
        self.row.resize(width, 0);
        self.scales.clear();
        for (first, count) in tiles(values.len() / width) {
            let tile = &mut self.pairs[first * steps..][..count * steps];
            for (r, row) in values[first * width..][..count * width].chunks_exact(width).enumerate() {
                let largest = math::largest_magnitude(row);
                let factor = if largest > 0.0 { ACTIVATION_MAX / largest } else { 0.0 };
                for (quantised, value) in self.row.iter_mut().zip(row) {
                    *quantised = math::round(value * factor) as i16;
                }
                for (pairs, pair) in tile.chunks_exact_mut(count).zip(self.row.as_chunks::<2>().0) {
                    pairs[r] = *pair;
                }
                self.scales.push(largest / ACTIVATION_MAX);
            }
        }
    }
}

impl Linear {
    /// `out` gets a row of outputs for each row of `input`.
    #[inline(always)]
    fn apply<K: Kernel>(&self, kernel: K, input: &Quantised, out: &mut [f32]) {
        for (at, panel) in self.panels.chunks_exact(self.inputs / 2).enumerate() {
            for (first, count) in tiles(input.scales.len()) {
                match count {
                    TILE => self.tile::<K, TILE>(kernel, input, first, panel, at, out),
                    4 => self.tile::<K, 4>(kernel, input, first, panel, at, out),
                    _ => self.tile::<K, 1>(kernel, input, first, panel, at, out),
                }
            }
        }
    }

    #[inline(always)]
    fn tile<K: Kernel, const R: usize>(
        &self,
        kernel: K,
        input: &Quantised,
        first: usize,
        panel: &[[i8; STEP]],
        at: usize,
        out: &mut [f32],
    ) {
        let outputs = self.scales.len();
        let sums = kernel.tile(input.pairs[first * panel.len()..][..R * panel.len()].as_chunks::<R>().0, panel);
        let columns = at * COLUMNS..(at + 1) * COLUMNS;
        let (scales, bias) = (&self.scales[columns.clone()], &self.bias[columns.clone()]);
        for (r, sums) in sums.iter().enumerate() {
            let scale = input.scales[first + r];
            let out = &mut out[(first + r) * outputs..][columns.clone()];
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
    let (blocks, padded) = (tokens.div_ceil(LANES), tokens.next_multiple_of(LANES));
    let query_scale = 1.0 / (size as f32).sqrt();
    // What the inner loops walk over lies in their order: for each LANES keys the numbers of each dimension, for each LANES dimensions of the
    // values those of each token.
    let mut queries = vec![0.0; tokens.next_multiple_of(QUERIES) * size];
    let mut keys = vec![[0.0; LANES]; blocks * size];
    let mut values = vec![[0.0; LANES]; size / LANES * tokens];
    let mut scores = vec![0.0; QUERIES * padded];
    for head in 0..heads {
        for (token, row) in projected.chunks_exact(width * 3).enumerate() {
            let part = |which: usize| &row[which * width + head * size..][..size];
            queries[token * size..][..size].iter_mut().zip(part(0)).for_each(|(to, from)| *to = from * query_scale);
            for (to, from) in keys[token / LANES * size..][..size].iter_mut().zip(part(1)) {
                to[token % LANES] = *from;
            }
            for (at, from) in part(2).as_chunks().0.iter().enumerate() {
                values[at * tokens + token] = *from;
            }
        }
        for (block, queries) in queries.chunks_exact(QUERIES * size).enumerate() {
            let queries = std::array::from_fn(|q| &queries[q * size..][..size]);
            for (at, keys) in keys.chunks_exact(size).enumerate() {
                for (q, sums) in products(queries, keys).iter().enumerate() {
                    scores[q * padded + at * LANES..][..LANES].copy_from_slice(sums);
                }
            }
            let mut totals = [0.0; QUERIES];
            for (q, scores) in scores.chunks_exact_mut(padded).enumerate() {
                scores[tokens..].fill(f32::NEG_INFINITY);
                let largest = math::largest(scores);
                scores.iter_mut().for_each(|score| *score = math::exp(*score - largest));
                scores[tokens..].fill(0.0);
                totals[q] = math::sum(scores);
            }
            let weights = std::array::from_fn(|q| &scores[q * padded..][..tokens]);
            for (at, values) in values.chunks_exact(tokens).enumerate() {
                for (q, sums) in products(weights, values).iter().enumerate().take(tokens - block * QUERIES) {
                    let out = &mut out[(block * QUERIES + q) * width + head * size + at * LANES..][..LANES];
                    out.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum / totals[q]);
                }
            }
        }
    }
}

/// The sums over all i of `left[q][i] * right[i][lane]`.
#[inline(always)]
fn products(left: [&[f32]; QUERIES], right: &[[f32; LANES]]) -> [[f32; LANES]; QUERIES] {
    let mut sums = [[0.0; LANES]; QUERIES];
    for (at, right) in right.iter().enumerate() {
        for (sums, left) in sums.iter_mut().zip(left) {
            // The bounds are checked here on purpose: without that, compilers put the queries side by side where the lanes belong, a third as fast.
            let left = left[at];
            sums.iter_mut().zip(right).for_each(|(sum, right)| *sum += left * right);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::kernel::Processor;
    use super::*;
    use proptest::prelude::*;

    const WORDS: usize = 50;
    const POSITIONS: usize = 40;

    /// Numbers between −1 and 1 that look random.
    struct Numbers(u64);

    impl Numbers {
        fn next(&mut self) -> f32 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
        }

        fn take(&mut self, count: usize) -> Vec<f32> {
            (0..count).map(|_| self.next()).collect()
        }

        fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
            let panels = (0..outputs / COLUMNS * inputs / 2).map(|_| std::array::from_fn(|_| (self.next() * 127.0) as i8)).collect();
            Linear { inputs, panels, scales: self.take(outputs).iter().map(|x| x.abs() / 127.0).collect(), bias: self.take(outputs) }
        }

        fn norm(&mut self, width: usize) -> Norm {
            Norm { weight: self.take(width), bias: self.take(width), epsilon: 1e-12 }
        }

        fn model(&mut self) -> Model {
            let (width, inner) = (64, 96);
            let layer = |numbers: &mut Self| Layer {
                attention_input: numbers.linear(width, 3 * width),
                attention_output: numbers.linear(width, width),
                attention_norm: numbers.norm(width),
                inner: numbers.linear(width, inner),
                outer: numbers.linear(inner, width),
                outer_norm: numbers.norm(width),
            };
            Model {
                width,
                heads: 2,
                words: (0..WORDS * width).map(|_| (self.next() * 127.0) as i8).collect(),
                word_scales: self.take(WORDS).into(),
                positions: self.take(POSITIONS * width).into(),
                embedding_norm: self.norm(width),
                layers: vec![Arc::new(layer(self)), Arc::new(layer(self))],
                pooling: Pooling::Mean,
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_processor_gives_the_same_bits(
            seed in any::<u64>(),
            sentences in proptest::collection::vec(proptest::collection::vec(0..WORDS as u32, 1..POSITIONS), 1..5),
        ) {
            let model = Numbers(seed).model();
            let sentences: Vec<&[u32]> = sentences.iter().map(Vec::as_slice).collect();
            let run = |processor: Processor| -> Vec<Vec<u32>> {
                let vectors = processor.run(Forward { model: &model, sentences: &sentences });
                vectors.iter().map(|vector| vector.iter().map(|number| number.to_bits()).collect()).collect()
            };
            let mut all = Processor::all().into_iter();
            let expected = all.next().map(run);
            for processor in all {
                prop_assert_eq!(Some(run(processor)), expected.clone(), "{:?}", processor);
            }
        }
    }
}
