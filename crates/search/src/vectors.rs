//! Vectors as signed bytes, and their exact scan.
//!
//! A vector is brought to length 1 and rounded to 127 steps of its own largest component; a query keeps about 15 bits. Products are summed
//! as integers, so the order of summing does not matter and every target gets the same cosine. What the rounding of the stored side costs
//! is in docs/decisions/ranking.md; rescoring at full precision would change nothing that a reader sees.
//!
//! Beside each passage's row lies its code: where there are too many rows to scan, the codes say which are worth it.

use std::ops::Range;

use crate::codes::{CodeQuery, Codes};

/// Passage vectors, one row each; a row that has not arrived has scale 0.
#[derive(Clone)]
pub(crate) struct Vectors {
    pub dimension: usize,
    pub rows: Vec<i8>,
    /// One step of each row.
    pub scales: Vec<f32>,
    /// The slot of the document that each row is of.
    pub owners: Vec<u32>,
    codes: Codes,
}

/// A query as integers.
pub(crate) struct QueryVector {
    values: Vec<i16>,
    scale: f32,
}

impl Vectors {
    pub fn new(dimension: usize) -> Self {
        Self::from_rows(dimension, Vec::new(), Vec::new())
    }

    /// Rows as they were; nobody's, and without codes.
    pub fn from_rows(dimension: usize, rows: Vec<i8>, scales: Vec<f32>) -> Self {
        let mut codes = Codes::new(dimension);
        codes.reserve(scales.len());
        Self { dimension, rows, owners: vec![u32::MAX; scales.len()], scales, codes }
    }

    /// Room for `count` more rows of a document; gives the first.
    pub fn reserve(&mut self, count: usize, owner: u32) -> usize {
        let first = self.scales.len();
        self.scales.resize(first + count, 0.0);
        self.rows.resize((first + count) * self.dimension, 0);
        self.owners.resize(first + count, owner);
        self.codes.reserve(first + count);
        first
    }

    /// Gives a row its code, if it has arrived, so that `nearest` may find it.
    pub fn encode(&mut self, row: usize) {
        let stored = &self.rows[row * self.dimension..(row + 1) * self.dimension];
        self.codes.set(row, (self.scales[row] > 0.0).then_some(stored));
    }

    /// Sets a row. A vector of length 0 counts as missing.
    pub fn set(&mut self, row: usize, vector: &[f32]) {
        let Some(stored) = self.rows.get_mut(row * self.dimension..(row + 1) * self.dimension) else { return };
        self.scales[row] = quantise(vector, 127.0, |i, value| stored[i] = value as i8);
    }

    /// Sets a row to what another index has of it.
    pub fn set_bytes(&mut self, row: usize, scale: f32, values: &[u8]) {
        let Some(stored) = self.rows.get_mut(row * self.dimension..(row + 1) * self.dimension) else { return };
        stored.iter_mut().zip(values).for_each(|(stored, value)| *stored = i8::from_le_bytes([*value]));
        self.scales[row] = scale;
    }

    pub fn bytes(&self, row: usize) -> &[i8] {
        &self.rows[row * self.dimension..(row + 1) * self.dimension]
    }

    /// Sets a row, without its code, to one of others.
    pub fn copy_row(&mut self, to: usize, from: &Self, row: usize) {
        self.scales[to] = from.scales[row];
        let stored = &from.rows[row * self.dimension..(row + 1) * self.dimension];
        self.rows[to * self.dimension..(to + 1) * self.dimension].copy_from_slice(stored);
    }

    pub fn shrink_to_fit(&mut self) {
        self.rows.shrink_to_fit();
        self.scales.shrink_to_fit();
        self.owners.shrink_to_fit();
        self.codes.shrink_to_fit();
    }

    /// Bytes in use.
    pub fn memory(&self) -> usize {
        self.rows.capacity() + 4 * self.scales.capacity() + 4 * self.owners.capacity() + self.codes.memory()
    }

    /// A row as floats; of length 1 if it has arrived.
    pub fn row(&self, row: usize) -> impl Iterator<Item = f32> {
        let scale = self.scales[row];
        self.rows[row * self.dimension..(row + 1) * self.dimension].iter().map(move |value| f32::from(*value) * scale)
    }

    /// The sum of rows.
    pub fn sum(&self, rows: Range<usize>) -> Vec<f32> {
        let mut sum = vec![0.0; self.dimension];
        for row in rows {
            sum.iter_mut().zip(self.row(row)).for_each(|(sum, value)| *sum += value);
        }
        sum
    }

    pub fn query(&self, vector: &[f32]) -> QueryVector {
        // No sum of products may leave 31 bits.
        let most = (f64::from(i32::MAX) / (127.0 * self.dimension.max(1) as f64)).min(f64::from(i16::MAX)).floor();
        let mut values = vec![0; self.dimension];
        let scale = quantise(vector, most as f32, |i, value| values[i] = value as i16);
        QueryVector { values, scale }
    }

    /// Calls `each` with the offset and cosine of every row that has arrived among `count` rows from `first`.
    pub fn scan(&self, first: usize, count: usize, query: &QueryVector, mut each: impl FnMut(usize, f32)) {
        let mut products = [0i32; 64];
        for from in (first..first + count).step_by(products.len()) {
            let rows = products.len().min(first + count - from);
            let stored = &self.rows[from * self.dimension..(from + rows) * self.dimension];
            dot_products(stored.chunks_exact(self.dimension.max(1)), &query.values, &mut products[..rows]);
            for (i, product) in products[..rows].iter().enumerate() {
                if let Some(cosine) = self.cosine(from + i, *product, query) {
                    each(from - first + i, cosine);
                }
            }
        }
    }

    /// As `scan`, of any rows.
    pub fn cosines(&self, rows: &[u32], query: &QueryVector, mut each: impl FnMut(u32, f32)) {
        let stored = |row: &u32| &self.rows[*row as usize * self.dimension..][..self.dimension];
        let mut products = [0i32; 16];
        let mut chunks = rows.chunks(products.len()).peekable();
        while let Some(rows) = chunks.next() {
            // They lie anywhere, so that each would be waited for.
            chunks.peek().into_iter().copied().flatten().for_each(|row| prefetch(stored(row)));
            dot_products(rows.iter().map(stored), &query.values, &mut products[..rows.len()]);
            for (row, product) in rows.iter().zip(products) {
                if let Some(cosine) = self.cosine(*row as usize, product, query) {
                    each(*row, cosine);
                }
            }
        }
    }

    /// Has rows that will be scanned brought near.
    pub fn prefetch(&self, first: usize, count: usize) {
        prefetch(&self.rows[first * self.dimension..(first + count) * self.dimension]);
    }

    fn cosine(&self, row: usize, product: i32, query: &QueryVector) -> Option<f32> {
        let scale = self.scales[row];
        (scale > 0.0).then(|| (product as f32 * (scale * query.scale)).clamp(-1.0, 1.0))
    }

    /// The rows in `ranges`, which do not overlap, that by their codes are nearest to a query: `count`, and those as near as the last of them.
    pub fn near_rows(&self, query: &QueryVector, ranges: &[Range<u32>], count: usize) -> Vec<u32> {
        self.codes.nearest(&CodeQuery::new(&query.values), ranges, count)
    }
}

/// Has the processor bring bytes near, where it can be told.
#[inline(always)]
fn prefetch(bytes: &[i8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[allow(unsafe_code)]
        // SAFETY: a hint; every x86-64 processor has it.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(line.as_ptr());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Gives each component of the vector, brought to length 1, as a multiple of the returned step.
fn quantise(vector: &[f32], most: f32, mut set: impl FnMut(usize, f32)) -> f32 {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let largest = vector.iter().fold(0f32, |largest, value| largest.max(value.abs()));
    if !(length.is_finite() && length > 0.0 && largest > 0.0) {
        return 0.0;
    }
    for (i, value) in vector.iter().enumerate() {
        set(i, round(value / largest * most));
    }
    largest / most / length
}

/// Half away from zero, once the fraction is cut off by the cast.
fn round(value: f32) -> f32 {
    value + if value < 0.0 { -0.5 } else { 0.5 }
}

/// The inner product of the query with each row.
fn dot_products<'a>(rows: impl Iterator<Item = &'a [i8]>, query: &[i16], out: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2<'a>(rows: impl Iterator<Item = &'a [i8]>, query: &[i16], out: &mut [i32]) {
            portable(rows, query, out);
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            #[allow(unsafe_code)]
            // SAFETY: the function is ordinary code; all it asks is a processor with AVX2, which was just found.
            unsafe {
                with_avx2(rows, query, out);
            }
            return;
        }
    }
    portable(rows, query, out);
}

/// Written so that compilers turn it into multiply-and-add of pairs (`pmaddwd`, `i32x4.dot_i16x8_s`).
#[inline(always)]
fn portable<'a>(rows: impl Iterator<Item = &'a [i8]>, query: &[i16], out: &mut [i32]) {
    for (row, out) in rows.zip(out) {
        *out = row.iter().zip(query).map(|(a, b)| i32::from(i16::from(*a)) * i32::from(*b)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_are_close_to_the_exact_ones() {
        let vector = |seed: usize| (0..384).map(|i| ((i * 7 + seed * 131) % 101) as f32 / 50.0 - 1.0).collect::<Vec<f32>>();
        let mut vectors = Vectors::new(384);
        vectors.reserve(100, 0);
        (0..100).for_each(|row| vectors.set(row, &vector(row)));
        let query = vector(3);
        let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        vectors.scan(0, 100, &vectors.query(&query), |row, cosine| {
            let other = vector(row);
            let exact = query.iter().zip(&other).map(|(a, b)| a * b).sum::<f32>() / length(&query) / length(&other);
            assert!((cosine - exact).abs() < 2e-3, "{row}: {cosine} {exact}");
        });
    }

    #[test]
    fn what_has_not_arrived_or_is_nothing_is_left_out() {
        let mut vectors = Vectors::new(2);
        vectors.reserve(3, 0);
        vectors.set(1, &[0.0, 0.0]);
        vectors.set(2, &[3.0, 4.0]);
        let mut found = Vec::new();
        vectors.scan(0, 3, &vectors.query(&[6.0, 8.0]), |row, cosine| found.push((row, cosine)));
        assert_eq!(found.len(), 1);
        assert!(found[0].0 == 2 && (found[0].1 - 1.0).abs() < 1e-2);
        vectors.scan(0, 3, &vectors.query(&[f32::MAX, f32::MAX]), |_, cosine| assert!(cosine.abs() <= 1.0));
    }

    #[test]
    fn the_largest_products_fit() {
        for dimension in [384, 1536, 4096] {
            let mut vectors = Vectors::new(dimension);
            vectors.reserve(1, 0);
            vectors.set(0, &vec![1.0; dimension]);
            vectors.scan(0, 1, &vectors.query(&vec![1.0; dimension]), |_, cosine| assert!(cosine > 0.99));
        }
    }
}
