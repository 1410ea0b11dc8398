//! Vectors as signed bytes, and their exact scan.
//!
//! A vector is brought to length 1 and rounded to 127 steps of its own largest component; a query keeps about 15 bits. Products are summed
//! as integers, so the order of summing does not matter and every target gets the same cosine. What the rounding of the stored side costs
//! is in docs/decisions/ranking.md; rescoring at full precision would change nothing that a reader sees.

use std::ops::Range;

/// Passage vectors, one row each; a row that has not arrived has scale 0.
pub(crate) struct Vectors {
    pub dimension: usize,
    pub rows: Vec<i8>,
    /// One step of each row.
    pub scales: Vec<f32>,
}

/// A query as integers.
pub(crate) struct QueryVector {
    values: Vec<i16>,
    scale: f32,
}

impl Vectors {
    pub fn new(dimension: usize) -> Self {
        Self { dimension, rows: Vec::new(), scales: Vec::new() }
    }

    /// Room for `count` more rows; gives the first.
    pub fn reserve(&mut self, count: usize) -> usize {
        let first = self.scales.len();
        self.scales.resize(first + count, 0.0);
        self.rows.resize((first + count) * self.dimension, 0);
        first
    }

    /// Sets a row. A vector of length 0 counts as missing.
    pub fn set(&mut self, row: usize, vector: &[f32]) {
        let Some(stored) = self.rows.get_mut(row * self.dimension..(row + 1) * self.dimension) else { return };
        self.scales[row] = quantise(vector, 127.0, |i, value| stored[i] = value as i8);
    }

    pub fn copy_row(&mut self, from: &Self, row: usize) {
        self.scales.push(from.scales[row]);
        self.rows.extend_from_slice(&from.rows[row * self.dimension..(row + 1) * self.dimension]);
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
            dot_products(&self.rows[from * self.dimension..(from + rows) * self.dimension], &query.values, &mut products[..rows]);
            for (i, product) in products[..rows].iter().enumerate() {
                let scale = self.scales[from + i];
                if scale > 0.0 {
                    each(from - first + i, (*product as f32 * (scale * query.scale)).clamp(-1.0, 1.0));
                }
            }
        }
    }
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
fn dot_products(rows: &[i8], query: &[i16], out: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2(rows: &[i8], query: &[i16], out: &mut [i32]) {
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
fn portable(rows: &[i8], query: &[i16], out: &mut [i32]) {
    for (row, out) in rows.chunks_exact(query.len().max(1)).zip(out) {
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
        vectors.reserve(100);
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
        vectors.reserve(3);
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
            vectors.reserve(1);
            vectors.set(0, &vec![1.0; dimension]);
            vectors.scan(0, 1, &vectors.query(&vec![1.0; dimension]), |_, cosine| assert!(cosine > 0.99));
        }
    }
}
