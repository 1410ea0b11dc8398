//! Floating point that gives the same bits on every target: only additions, multiplications, divisions and square roots, which IEEE 754
//! defines exactly, in an order that is written out; no fused multiply-add and no function of the C library. Each loop runs over `LANES` numbers
//! side by side, which compilers turn into vector instructions without changing a bit.

/// Numbers worked on side by side.
pub const LANES: usize = 16;

/// Adding and subtracting this rounds a number below 2^22 to the nearest integer, ties to even.
const ROUND: f32 = 12_582_912.0;

/// e^x, within 2 units in the last place for −87 ≤ x ≤ 88; beyond, the value at the end. (Cephes' `expf`.)
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut y = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        y = y * r + coefficient;
    }
    let y = y * (r * r) + r + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    y * f32::from_bits(exponent)
}

/// The activation between a BERT's two inner layers, x·Φ(x), with erf as in Abramowitz and Stegun 7.1.26 (absolute error below 2e-7 times x).
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let mut y = 1.061_405_4;
    for coefficient in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        y = y * t + coefficient;
    }
    let erf = 1.0 - y * t * exp(-(z * z));
    0.5 * x * (1.0 + erf.copysign(x))
}

/// The nearest integer of a number between ±2^21, ties to even.
#[inline(always)]
pub fn round(x: f32) -> i32 {
    (x + ROUND).to_bits().wrapping_sub(ROUND.to_bits()) as i32
}

/// Combines what `of` makes of the numbers of a slice, whose length is a multiple of [`LANES`].
#[inline(always)]
fn fold(values: &[f32], start: f32, of: impl Fn(f32) -> f32, combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    for chunk in values.as_chunks::<LANES>().0 {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = combine(*lane, of(value));
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for at in 0..width {
            lanes[at] = combine(lanes[at], lanes[at + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub fn sum(values: &[f32]) -> f32 {
    fold(values, 0.0, |x| x, |a, b| a + b)
}

#[inline(always)]
pub fn sum_of_squares(values: &[f32]) -> f32 {
    fold(values, 0.0, |x| x * x, |a, b| a + b)
}

#[inline(always)]
pub fn largest(values: &[f32]) -> f32 {
    fold(values, f32::NEG_INFINITY, |x| x, |a, b| if b > a { b } else { a })
}

#[inline(always)]
pub fn largest_magnitude(values: &[f32]) -> f32 {
    fold(values, 0.0, f32::abs, |a, b| if b > a { b } else { a })
}

/// Normalises a row to mean 0 and variance 1, then scales and shifts each number.
#[inline(always)]
pub fn layer_norm(row: &mut [f32], weight: &[f32], bias: &[f32], epsilon: f32) {
    let count = row.len() as f32;
    let mean = sum(row) / count;
    row.iter_mut().for_each(|value| *value -= mean);
    let scale = 1.0 / (sum_of_squares(row) / count + epsilon).sqrt();
    for ((value, weight), bias) in row.iter_mut().zip(weight).zip(bias) {
        *value = *value * scale * weight + bias;
    }
}

/// Divides a vector by its length; one that is zero, or not finite, becomes zero.
pub fn normalize(vector: &mut [f32]) {
    let scale = 1.0 / vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value *= scale);
    if !vector.iter().all(|value| value.is_finite()) {
        vector.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exp_is_close(x in -80.0_f32..80.0) {
            let exact = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) / exact - 1.0).abs() < 3e-7);
        }

        #[test]
        fn rounding_is_to_even(x in -2_000_000.0_f32..2_000_000.0) {
            prop_assert_eq!(round(x), x.round_ties_even() as i32);
        }
    }

    #[test]
    fn gelu_is_close() {
        // x·Φ(x) from tables of the normal distribution.
        for (x, expected) in [(0.0, 0.0), (1.0, 0.841_344_8), (-1.0, -0.158_655_25), (2.0, 1.954_499_7), (-3.0, -0.004_049_694), (8.0, 8.0)]
        {
            assert!((gelu(x) - expected).abs() < 2e-6, "gelu({x}) = {}", gelu(x));
        }
    }

    #[test]
    fn folds_take_every_number() {
        let values: Vec<f32> = (0..64).map(|at| at as f32 - 40.0).collect();
        assert_eq!(sum(&values), -544.0);
        assert_eq!(largest(&values), 23.0);
        assert_eq!(largest_magnitude(&values), 40.0);
        assert_eq!(sum_of_squares(&values), 26_464.0);
    }

    #[test]
    fn nothing_has_no_direction() {
        let mut vector = [0.0; 4];
        normalize(&mut vector);
        assert_eq!(vector, [0.0; 4]);
    }
}
