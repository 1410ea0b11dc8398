//! The signs of vectors, one bit a component, and which of them are nearest to a query.
//!
//! A code tells a vector's direction to about 40 degrees, yet in 384 dimensions the errors of the components cancel out: of all codes the
//! nearest few thousand hold the nearest vectors but for a few in a thousand, in an eighth of the memory traffic. The query keeps 4 bits a component, as
//! in RaBitQ (Gao and Long, SIGMOD 2024), without its rotation and its factors, which find no more here (docs/decisions/vector-index.md).
//!
//! Everything is a count of bits, so every processor's version gives the same numbers; the tests compare all that the machine has.
#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "vector instructions: loads from arrays of known length, and calls behind a check that the processor has them"
    )
)]

use std::ops::Range;

/// Rows of a block, which lie word beside word, so that one instruction takes a word of each.
const LANES: usize = 8;
/// Bits of a component of a query.
const PLANES: usize = 4;

/// One word of each row of a block; as many as a cache line holds.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Lanes([u64; LANES]);

/// Codes of rows; a row without one is never found.
#[derive(Clone)]
pub(crate) struct Codes {
    /// Words of a row.
    words: usize,
    bits: Vec<Lanes>,
    /// Which rows of each block have a code.
    present: Vec<u8>,
}

/// A query as planes of bits: for each word of a row, the lowest bits of 64 components, then the next higher ones.
pub(crate) struct CodeQuery(Vec<[u64; PLANES]>);

impl Codes {
    pub fn new(dimension: usize) -> Self {
        Self { words: dimension.div_ceil(64), bits: Vec::new(), present: Vec::new() }
    }

    /// Room for this many rows in all.
    pub fn reserve(&mut self, rows: usize) {
        let blocks = rows.div_ceil(LANES);
        self.bits.resize(blocks * self.words, Lanes([0; LANES]));
        self.present.resize(blocks, 0);
    }

    /// Sets the code of a row, or takes it away. Rows are those of `reserve`.
    pub fn set(&mut self, row: usize, components: Option<&[i8]>) {
        let (block, lane) = (row / LANES, row % LANES);
        self.present[block] = self.present[block] & !(1 << lane) | u8::from(components.is_some()) << lane;
        let words = &mut self.bits[block * self.words..][..self.words];
        for (word, components) in words.iter_mut().zip(components.unwrap_or_default().chunks(64)) {
            word.0[lane] = signs(components);
        }
    }

    pub fn shrink_to_fit(&mut self) {
        self.bits.shrink_to_fit();
        self.present.shrink_to_fit();
    }

    /// Bytes in use.
    pub fn memory(&self) -> usize {
        self.bits.capacity() * size_of::<Lanes>() + self.present.capacity()
    }

    /// The `count` rows whose codes are nearest to the query, of those in `ranges`, which do not overlap: in the order of the rows. All that
    /// are as near as the last of them too, so that nothing but the codes decides.
    pub fn nearest(&self, query: &CodeQuery, ranges: &[Range<u32>], count: usize) -> Vec<u32> {
        self.nearest_by(Processor::fastest(), query, ranges, count)
    }

    fn nearest_by(&self, processor: Processor, query: &CodeQuery, ranges: &[Range<u32>], count: usize) -> Vec<u32> {
        let count = count.min(self.present.len() * LANES);
        let mut nearest = Nearest { count, found: Vec::with_capacity(2 * count), room: 2 * count, bound: u64::MAX };
        if count > 0 && query.0.len() == self.words {
            processor.scan(self, query, ranges, &mut nearest);
            nearest.prune();
        }
        let mut rows: Vec<u32> = nearest.found.iter().map(|found| *found as u32).collect();
        rows.sort_unstable();
        rows
    }
}

impl CodeQuery {
    /// `components` as signed integers of any scale. Each becomes one of the odd numbers from -15 to 15, which have a bit, 1 or -1, in each of
    /// four places: so has a code in its one, and what they multiply to is a count of equal bits.
    pub fn new(components: &[i16]) -> Self {
        let largest = components.iter().map(|value| i32::from(*value).abs()).max().unwrap_or(0).max(1);
        let level = |value: i16| ((i32::from(value) * 8).div_euclid(largest) + 8).clamp(0, 15) as u64;
        let planes = |components: &[i16]| {
            let mut planes = [0; PLANES];
            for (i, value) in components.iter().enumerate() {
                planes.iter_mut().enumerate().for_each(|(plane, bits)| *bits |= (level(*value) >> plane & 1) << i);
            }
            planes
        };
        Self(components.chunks(64).map(planes).collect())
    }
}

/// Which of up to 64 components are not negative.
fn signs(components: &[i8]) -> u64 {
    let (eights, rest) = components.as_chunks::<8>();
    let mut bits = 0;
    for (i, eight) in eights.iter().enumerate() {
        // The highest bit of each byte, brought side by side by a multiplication.
        let positive = !u64::from_le_bytes(eight.map(i8::cast_unsigned)) >> 7 & 0x0101_0101_0101_0101;
        bits |= (positive.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
    }
    rest.iter().enumerate().fold(bits, |bits, (i, value)| bits | u64::from(*value >= 0) << (8 * eights.len() + i))
}

/// The nearest so far.
struct Nearest {
    count: usize,
    /// Distances, and below them rows.
    found: Vec<u64>,
    /// How many there may be before those that are too far are dropped.
    room: usize,
    /// No distance above it is among the nearest.
    bound: u64,
}

impl Nearest {
    fn prune(&mut self) {
        if self.found.len() > self.count {
            let (_, last, _) = self.found.select_nth_unstable(self.count - 1);
            self.bound = *last >> 32;
            self.found.retain(|found| *found >> 32 <= self.bound);
        }
        self.room = self.found.len() + self.count;
    }
}

/// One way to compare a block with a query.
trait Kernel: Copy {
    /// For each row of a block how far it is from the query: the bits that differ, each weighted as its place in the query. And which
    /// of the rows, lowest bit first, are no farther than `bound`.
    fn distances(self, block: &[Lanes], query: &CodeQuery, bound: u64) -> ([u64; LANES], u8);
}

/// The version that suits this processor.
#[derive(Clone, Copy, Debug)]
enum Processor {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Popcnt(x86::Popcnt),
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
}

impl Processor {
    /// Every version that this processor can run, the fastest last.
    fn all() -> impl DoubleEndedIterator<Item = Self> {
        let all = [
            Some(Self::Portable(Portable)),
            #[cfg(target_arch = "x86_64")]
            x86::Popcnt::detect().map(Self::Popcnt),
            #[cfg(target_arch = "x86_64")]
            x86::Avx512::detect().map(Self::Avx512),
        ];
        all.into_iter().flatten()
    }

    fn fastest() -> Self {
        Self::all().next_back().unwrap_or(Self::Portable(Portable))
    }

    fn scan(self, codes: &Codes, query: &CodeQuery, ranges: &[Range<u32>], nearest: &mut Nearest) {
        match self {
            Self::Portable(kernel) => scan(kernel, codes, query, ranges, nearest),
            // SAFETY: the kernel exists only where `detect` found the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Popcnt(kernel) => unsafe { x86::scan_popcnt(kernel, codes, query, ranges, nearest) },
            // SAFETY: the kernel exists only where `detect` found the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(kernel) => unsafe { x86::scan_avx512(kernel, codes, query, ranges, nearest) },
        }
    }
}

/// Compiled for each processor, with all it calls.
#[inline(always)]
fn scan(kernel: impl Kernel, codes: &Codes, query: &CodeQuery, ranges: &[Range<u32>], nearest: &mut Nearest) {
    for range in ranges {
        let (from, to) = (range.start as usize, range.end as usize);
        for block in from / LANES..to.div_ceil(LANES) {
            let first = block * LANES;
            let (distances, near) = kernel.distances(&codes.bits[block * codes.words..][..codes.words], query, nearest.bound);
            if near == 0 {
                continue;
            }
            // The rows of the block that are in the range and have a code.
            let asked = (0xFF << from.saturating_sub(first)) & (0xFF >> (first + LANES).saturating_sub(to));
            let mut near = near & asked as u8 & codes.present[block];
            while near != 0 {
                let lane = near.trailing_zeros() as usize;
                near &= near - 1;
                nearest.found.push(distances[lane] << 32 | (first + lane) as u64);
            }
            if nearest.found.len() >= nearest.room {
                nearest.prune();
            }
        }
    }
}

/// Plain Rust, for processors without a version of their own.
#[derive(Clone, Copy, Debug)]
struct Portable;

impl Kernel for Portable {
    #[inline(always)]
    fn distances(self, block: &[Lanes], query: &CodeQuery, bound: u64) -> ([u64; LANES], u8) {
        let (mut distances, mut near) = ([0; LANES], 0);
        for (lane, distance) in distances.iter_mut().enumerate() {
            for (word, planes) in block.iter().zip(&query.0) {
                let differ = |(plane, bits): (usize, &u64)| u64::from((word.0[lane] ^ bits).count_ones()) << plane;
                *distance += planes.iter().enumerate().map(differ).sum::<u64>();
            }
            near |= u8::from(*distance <= bound) << lane;
        }
        (distances, near)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! One word's bits after another's, and AVX-512 with VPOPCNTDQ. AVX2 has no count of bits, and what is made of `vpshufb` is no faster.
    use std::arch::x86_64::*;

    use super::{CodeQuery, Codes, Kernel, LANES, Lanes, Nearest, Portable, Range, scan};

    /// Bytes that are asked for before they are needed. Processors do it themselves, but not across the end of a page.
    const AHEAD: usize = 8_192;

    /// `popcnt`. Exists only where the processor has it.
    #[derive(Clone, Copy, Debug)]
    pub struct Popcnt(());

    /// AVX-512 with `vpopcntq`. Exists only where the processor has it.
    #[derive(Clone, Copy, Debug)]
    pub struct Avx512(());

    impl Popcnt {
        pub fn detect() -> Option<Self> {
            is_x86_feature_detected!("popcnt").then_some(Self(()))
        }
    }

    impl Avx512 {
        pub fn detect() -> Option<Self> {
            (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vpopcntdq")).then_some(Self(()))
        }
    }

    impl Kernel for Popcnt {
        #[inline(always)]
        fn distances(self, block: &[Lanes], query: &CodeQuery, bound: u64) -> ([u64; LANES], u8) {
            Portable.distances(block, query, bound)
        }
    }

    impl Kernel for Avx512 {
        #[inline(always)]
        fn distances(self, block: &[Lanes], query: &CodeQuery, bound: u64) -> ([u64; LANES], u8) {
            // SAFETY: a value of this type exists only where `detect` found the instructions.
            unsafe { distances_avx512(block, query, bound) }
        }
    }

    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    fn distances_avx512(block: &[Lanes], query: &CodeQuery, bound: u64) -> ([u64; LANES], u8) {
        let mut sums = [_mm512_setzero_si512(); 4];
        for (word, planes) in block.iter().zip(&query.0) {
            let bytes = word.0.as_ptr().cast::<u8>();
            // SAFETY: the 64 bytes of the word; what lies ahead is only asked for, and may be nothing.
            let rows = unsafe {
                _mm_prefetch::<_MM_HINT_T0>(bytes.wrapping_add(AHEAD).cast());
                _mm512_load_si512(bytes.cast())
            };
            for (sum, plane) in sums.iter_mut().zip(planes) {
                let differ = _mm512_xor_si512(rows, _mm512_set1_epi64(plane.cast_signed()));
                *sum = _mm512_add_epi64(*sum, _mm512_popcnt_epi64(differ));
            }
        }
        let [ones, twos, fours, eights] = sums;
        let low = _mm512_add_epi64(ones, _mm512_slli_epi64::<1>(twos));
        let high = _mm512_add_epi64(fours, _mm512_slli_epi64::<1>(eights));
        let sum = _mm512_add_epi64(low, _mm512_slli_epi64::<2>(high));
        let mut distances = [0; LANES];
        // SAFETY: all 8 numbers.
        unsafe { _mm512_storeu_si512(distances.as_mut_ptr().cast(), sum) };
        (distances, _mm512_cmple_epu64_mask(sum, _mm512_set1_epi64(bound.cast_signed())))
    }

    #[target_feature(enable = "popcnt")]
    pub(super) fn scan_popcnt(kernel: Popcnt, codes: &Codes, query: &CodeQuery, ranges: &[Range<u32>], nearest: &mut Nearest) {
        scan(kernel, codes, query, ranges, nearest);
    }

    #[target_feature(enable = "avx512f,avx512vpopcntdq")]
    pub(super) fn scan_avx512(kernel: Avx512, codes: &Codes, query: &CodeQuery, ranges: &[Range<u32>], nearest: &mut Nearest) {
        scan(kernel, codes, query, ranges, nearest);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A distance by its definition: components of a query from -15 to 15 against 1 and -1.
    fn distance(query: &[i16], row: &[i8]) -> u64 {
        let largest = query.iter().map(|value| i32::from(*value).abs()).max().unwrap_or(0).max(1);
        let odd = |value: i16| (2 * (i32::from(value) * 8).div_euclid(largest) + 1).clamp(-15, 15);
        let far = |(value, sign): (&i16, &i8)| 15 - if *sign >= 0 { odd(*value) } else { -odd(*value) };
        (query.iter().zip(row).map(far).sum::<i32>() / 2) as u64
    }

    fn numbers(seed: u64) -> impl FnMut() -> i16 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 48) as i16
        }
    }

    proptest! {
        #[test]
        fn every_version_finds_the_nearest_of_what_is_asked_for(
            dimension in select_dimension(), rows in 1..90_usize, count in 0..40_usize, alike in any::<bool>(), cut in any::<u32>(), seed in any::<u64>(),
        ) {
            let mut next = numbers(seed);
            let query: Vec<i16> = (0..dimension).map(|_| next()).collect();
            let mut stored: Vec<Vec<i8>> = (0..rows).map(|_| (0..dimension).map(|_| (next() >> 8) as i8).collect()).collect();
            if alike { (0..rows).for_each(|row| stored[row] = stored[row % 3].clone()) }
            let mut codes = Codes::new(dimension);
            codes.reserve(rows);
            (0..rows).for_each(|row| codes.set(row, Some(&stored[row])));
            (0..rows).filter(|row| row % 5 == 2).for_each(|row| codes.set(row, None));
            let rows = rows as u32;
            let (a, b) = (cut % rows, cut / rows % rows);
            let ranges = [a.max(b)..rows, a.min(b) / 2..a.min(b)];
            let mut all: Vec<(u64, u32)> = ranges.iter().cloned().flatten().filter(|row| row % 5 != 2).map(|row| (distance(&query, &stored[row as usize]), row)).collect();
            all.sort_unstable();
            let last = all.get(count.wrapping_sub(1)).map_or(u64::MAX, |(distance, _)| *distance);
            let mut expected: Vec<u32> = all.iter().filter(|(distance, _)| count > 0 && *distance <= last).map(|(_, row)| *row).collect();
            expected.sort_unstable();
            let query = CodeQuery::new(&query);
            for processor in Processor::all() {
                prop_assert_eq!(&codes.nearest_by(processor, &query, &ranges, count), &expected, "{:?}", processor);
            }
        }
    }

    fn select_dimension() -> impl Strategy<Value = usize> {
        prop::sample::select(vec![1, 6, 63, 64, 65, 384, 1536])
    }
}
