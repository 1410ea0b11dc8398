//! The inner loop: rows of 16-bit activations times 8-bit weights, summed in 32 bits.
//!
//! The sums are of integers and cannot overflow ([`MAX_INPUTS`]), so every processor's version gives the same bits. Each version is nothing but
//! the order in which it walks over the same numbers; the tests compare all that the machine has.
#![expect(
    unsafe_code,
    reason = "vector instructions: loads from slices of checked length, and calls behind a check that the processor has them"
)]

/// Outputs in one panel of packed weights.
pub const COLUMNS: usize = 32;
/// Bytes of a panel for two inputs: for each output its two weights, side by side.
pub const STEP: usize = 2 * COLUMNS;
/// Activations are quantised to ±`ACTIVATION_MAX`: 13 bits, where 8 cost ten times the error.
pub const ACTIVATION_MAX: f32 = 4095.0;
/// Weights have 8 bits, so this many products still fit in 32 bits.
pub const MAX_INPUTS: usize = (i32::MAX / (4095 * 128)) as usize;

/// Two neighbouring activations of a row, as the instructions take them.
pub type Pair = [i16; 2];

/// One way to run the inner loop.
pub trait Kernel: Copy {
    /// Sums of products of `R` rows with one panel: `rows[i][r]` are the inputs 2i and 2i + 1 of row r, `panel[i]` the weights of the same two.
    fn tile<const R: usize>(self, rows: &[[Pair; R]], panel: &[[i8; STEP]]) -> [[i32; COLUMNS]; R];
}

/// What is compiled once for each processor, floating point included. Implementations are `#[inline(always)]`, with all they call.
pub trait Work {
    type Output;
    fn run<K: Kernel>(self, kernel: K) -> Self::Output;
}

/// The version that suits this processor; found once, when a model is loaded.
#[derive(Clone, Copy, Debug)]
pub enum Processor {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
    #[cfg(target_arch = "wasm32")]
    Simd128(wasm::Simd128),
}

impl Processor {
    /// Every version that this processor can run, the fastest last.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Portable(Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(x86::Avx2::detect().map(Self::Avx2));
            all.extend(x86::Avx512::detect().map(Self::Avx512));
        }
        #[cfg(target_arch = "wasm32")]
        all.push(Self::Simd128(wasm::Simd128));
        all
    }

    #[must_use]
    pub fn fastest() -> Self {
        Self::all().pop().unwrap_or(Self::Portable(Portable))
    }

    pub fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            Self::Portable(kernel) => work.run(kernel),
            // SAFETY: the kernel exists only where `detect` found the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(kernel) => unsafe { x86::run_avx2(kernel, work) },
            // SAFETY: the kernel exists only where `detect` found the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(kernel) => unsafe { x86::run_avx512(kernel, work) },
            #[cfg(target_arch = "wasm32")]
            Self::Simd128(kernel) => wasm::run_simd128(kernel, work),
        }
    }
}

/// Plain Rust, for processors without a version of their own.
#[derive(Clone, Copy, Debug)]
pub struct Portable;

impl Kernel for Portable {
    #[inline(always)]
    fn tile<const R: usize>(self, rows: &[[Pair; R]], panel: &[[i8; STEP]]) -> [[i32; COLUMNS]; R] {
        let mut sums = [[0; COLUMNS]; R];
        for (pairs, weights) in rows.iter().zip(panel) {
            for (sums, pair) in sums.iter_mut().zip(pairs) {
                let [a, b] = pair.map(i32::from);
                for (sum, weight) in sums.iter_mut().zip(weights.as_chunks::<2>().0) {
                    *sum += a * i32::from(weight[0]) + b * i32::from(weight[1]);
                }
            }
        }
        sums
    }
}

/// Both activations in one 32-bit lane.
#[cfg(any(target_arch = "x86_64", target_arch = "wasm32"))]
#[inline(always)]
fn lane([a, b]: Pair) -> i32 {
    i32::from(a as u16) | (i32::from(b) << 16)
}

#[cfg(target_arch = "x86_64")]
pub mod x86 {
    //! AVX2, and AVX-512 with VNNI.
    use std::arch::x86_64::*;

    use super::{COLUMNS, Kernel, Pair, STEP, lane};

    /// AVX2: `vpmaddwd`. Exists only where the processor has it.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx2(());

    /// AVX-512 with VNNI: `vpdpwssd`. Exists only where the processor has it.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx512(());

    impl Avx2 {
        pub fn detect() -> Option<Self> {
            is_x86_feature_detected!("avx2").then_some(Self(()))
        }
    }

    impl Avx512 {
        pub fn detect() -> Option<Self> {
            let all = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            all.then_some(Self(()))
        }
    }

    impl Kernel for Avx2 {
        #[inline(always)]
        fn tile<const R: usize>(self, rows: &[[Pair; R]], panel: &[[i8; STEP]]) -> [[i32; COLUMNS]; R] {
            // SAFETY: a value of this type exists only where `detect` found the instructions.
            unsafe { tile_avx2(rows, panel) }
        }
    }

    impl Kernel for Avx512 {
        #[inline(always)]
        fn tile<const R: usize>(self, rows: &[[Pair; R]], panel: &[[i8; STEP]]) -> [[i32; COLUMNS]; R] {
            // SAFETY: a value of this type exists only where `detect` found the instructions.
            unsafe { tile_avx512(rows, panel) }
        }
    }

    #[target_feature(enable = "avx2")]
    fn tile_avx2<const R: usize>(rows: &[[Pair; R]], panel: &[[i8; STEP]]) -> [[i32; COLUMNS]; R] {
        let mut out = [[0; COLUMNS]; R];
        for group in 0..COLUMNS / 8 {
            let mut sums = [_mm256_setzero_si256(); R];
            for (pairs, weights) in rows.iter().zip(panel) {
                // SAFETY: 16 bytes from `group * 16`, and `group` is below 4: within the 64.
                let weights = unsafe { _mm_loadu_si128(weights.as_ptr().add(group * 16).cast()) };
                let weights = _mm256_cvtepi8_epi16(weights);
                for (sum, &pair) in sums.iter_mut().zip(pairs) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_set1_epi32(lane(pair)), weights));
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                // SAFETY: 8 numbers from `group * 8`, within the 32.
                unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(group * 8).cast(), sum) };
            }
        }
        out
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    fn tile_avx512<const R: usize>(rows: &[[Pair; R]], panel: &[[i8; STEP]]) -> [[i32; COLUMNS]; R] {
        let mut sums = [[_mm512_setzero_si512(); 2]; R];
        for (pairs, weights) in rows.iter().zip(panel) {
            // SAFETY: two times 32 bytes of the 64.
            let halves = unsafe { [_mm256_loadu_si256(weights.as_ptr().cast()), _mm256_loadu_si256(weights.as_ptr().add(32).cast())] };
            let [left, right] = [_mm512_cvtepi8_epi16(halves[0]), _mm512_cvtepi8_epi16(halves[1])];
            for (sum, &pair) in sums.iter_mut().zip(pairs) {
                let pair = _mm512_set1_epi32(lane(pair));
                sum[0] = _mm512_dpwssd_epi32(sum[0], pair, left);
                sum[1] = _mm512_dpwssd_epi32(sum[1], pair, right);
            }
        }
        let mut out = [[0; COLUMNS]; R];
        for (out, sum) in out.iter_mut().zip(sums) {
            // SAFETY: two times 16 numbers of the 32.
            unsafe {
                _mm512_storeu_si512(out.as_mut_ptr().cast(), sum[0]);
                _mm512_storeu_si512(out.as_mut_ptr().add(16).cast(), sum[1]);
            }
        }
        out
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn run_avx2<W: super::Work>(kernel: Avx2, work: W) -> W::Output {
        work.run(kernel)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub(super) fn run_avx512<W: super::Work>(kernel: Avx512, work: W) -> W::Output {
        work.run(kernel)
    }
}

#[cfg(target_arch = "wasm32")]
pub mod wasm {
    //! `i32x4.dot_i16x8_s`. A module with such instructions is refused as a whole where they are unknown, so nothing is detected.
    use std::arch::wasm32::*;

    use super::{COLUMNS, Kernel, Pair, STEP, lane};

    /// WebAssembly with 128-bit vectors, which every browser has had since 2023.
    #[derive(Clone, Copy, Debug)]
    pub struct Simd128;

    impl Kernel for Simd128 {
        #[inline(always)]
        fn tile<const R: usize>(self, rows: &[[Pair; R]], panel: &[[i8; STEP]]) -> [[i32; COLUMNS]; R] {
            tile_simd128(rows, panel)
        }
    }

    #[target_feature(enable = "simd128")]
    fn tile_simd128<const R: usize>(rows: &[[Pair; R]], panel: &[[i8; STEP]]) -> [[i32; COLUMNS]; R] {
        let mut out = [[0; COLUMNS]; R];
        for group in 0..COLUMNS / 4 {
            let mut sums = [i32x4_splat(0); R];
            for (pairs, weights) in rows.iter().zip(panel) {
                // SAFETY: 8 bytes from `group * 8`, and `group` is below 8: within the 64.
                let weights = unsafe { i16x8_load_extend_i8x8(weights.as_ptr().add(group * 8)) };
                for (sum, &pair) in sums.iter_mut().zip(pairs) {
                    *sum = i32x4_add(*sum, i32x4_dot_i16x8(i32x4_splat(lane(pair)), weights));
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                // SAFETY: 4 numbers from `group * 4`, within the 32.
                unsafe { v128_store(out.as_mut_ptr().add(group * 4).cast(), sum) };
            }
        }
        out
    }

    #[target_feature(enable = "simd128")]
    pub(super) fn run_simd128<W: super::Work>(kernel: Simd128, work: W) -> W::Output {
        work.run(kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_version_gives_the_same_sums(inputs in 1..40_usize, seed in any::<u64>()) {
            let mut state = seed | 1;
            let mut next = || { state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407); (state >> 33) as i32 };
            let rows: Vec<[Pair; 4]> = (0..inputs).map(|_| std::array::from_fn(|_| [0, 0].map(|_: i32| (next() % 8191 - 4095) as i16))).collect();
            let panel: Vec<[i8; STEP]> = (0..inputs).map(|_| std::array::from_fn(|_| (next() % 255 - 127) as i8)).collect();
            let expected = Portable.tile(&rows, &panel);
            let single: Vec<[Pair; 1]> = rows.iter().map(|pairs| [pairs[1]]).collect();
            prop_assert_eq!(expected[1], Portable.tile(&single, &panel)[0]);
            #[cfg(target_arch = "x86_64")]
            {
                if let Some(kernel) = x86::Avx2::detect() { prop_assert_eq!(kernel.tile(&rows, &panel), expected); }
                if let Some(kernel) = x86::Avx512::detect() { prop_assert_eq!(kernel.tile(&rows, &panel), expected); }
            }
        }
    }

    #[test]
    fn the_largest_sums_fit() {
        let row = vec![[[4095, 4095]]; MAX_INPUTS / 2];
        let panel = vec![[-127; STEP]; MAX_INPUTS / 2];
        let expected = -(4095 * 127 * (MAX_INPUTS as i32 / 2 * 2));
        assert_eq!(Portable.tile(&row, &panel), [[expected; COLUMNS]]);
    }
}
