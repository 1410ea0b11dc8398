//! A histogram of latencies with buckets that grow: 8 to each doubling, so that a percentile is within 9 % above the truth.
//!
//! Bucket `b` holds times of at most [`upper`]`(b)` µs and more than `upper(b - 1)`. The first is 100 µs, the last (216) about 3.7 hours.

/// How many buckets there are.
pub const BUCKETS: u32 = 217;
const FIRST: f64 = 100.0;
const PER_DOUBLING: f64 = 8.0;

/// The bucket of a time in µs. What is longer than all is in the last.
pub fn bucket(micros: u64) -> u32 {
    let steps = (micros as f64 / FIRST).log2() * PER_DOUBLING;
    (steps.ceil().max(0.0) as u32).min(BUCKETS - 1)
}

/// The longest time in a bucket, in µs.
pub fn upper(bucket: u32) -> f64 {
    FIRST * (f64::from(bucket.min(BUCKETS - 1)) / PER_DOUBLING).exp2()
}

/// The time in µs that `share` (0 to 1) of all requests do not exceed, by buckets and their counts in ascending order; none of none.
pub fn percentile(counts: &[(u32, u64)], share: f64) -> Option<f64> {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let rank = ((total as f64 * share).ceil() as u64).max(1);
    let mut seen = 0;
    counts
        .iter()
        .find(|(_, count)| {
            seen += count;
            seen >= rank
        })
        .map(|(bucket, _)| upper(*bucket))
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, bucket, percentile, upper};

    #[test]
    fn a_time_is_in_its_bucket() {
        for micros in [0, 1, 99, 100, 101, 109, 110, 250, 1_000, 20_000, 999_999, 60_000_000] {
            let at = bucket(micros);
            assert!(micros as f64 <= upper(at) * 1.000_001, "{micros}");
            assert!(at == 0 || micros as f64 > upper(at - 1) * 0.999_999, "{micros}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_close() {
        let mut counts = vec![0; BUCKETS as usize];
        for micros in 1..=100_000_u64 {
            counts[bucket(micros) as usize] += 1;
        }
        let counts: Vec<(u32, u64)> = (0..).zip(counts).collect();
        for share in [0.5, 0.95, 0.99] {
            let found = percentile(&counts, share).expect("some");
            let truth = 100_000.0 * share;
            assert!(found >= truth * 0.999 && found <= truth * 1.1, "{share}: {found}");
        }
        assert_eq!(percentile(&[], 0.5), None);
    }
}
