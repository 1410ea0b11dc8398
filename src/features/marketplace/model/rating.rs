//! How ratings are summed up.

/// The 97.5th percentile of the normal distribution: a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// The mean of `count` ratings from 1 to 5 whose sum is `stars`; 0 for none.
pub fn mean(stars: i64, count: i64) -> f64 {
    if count <= 0 { 0.0 } else { stars as f64 / count as f64 }
}

/// What an item is ranked by: the lower bound of Wilson's score interval (E. B. Wilson, 1927) of its ratings, a rating of `r` counting as the share `(r - 1) / 4` of a positive one. From
/// 0 to 1; few ratings rank below many of the same mean.
pub fn lower_bound(stars: i64, count: i64) -> f64 {
    if count <= 0 {
        return 0.0;
    }
    let n = count as f64;
    let share = ((stars - count) as f64 / (4.0 * n)).clamp(0.0, 1.0);
    let z2 = Z * Z;
    let middle = share + z2 / (2.0 * n);
    let spread = Z * ((share * (1.0 - share) + z2 / (4.0 * n)) / n).sqrt();
    ((middle - spread) / (1.0 + z2 / n)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_good_ratings_beat_a_single_perfect_one() {
        assert!(lower_bound(5, 1) < lower_bound(460, 100));
        assert!(lower_bound(460, 100) < lower_bound(490, 100));
        assert_eq!(lower_bound(0, 0), 0.0);
        assert!(lower_bound(100, 100) < 1e-12, "all of them 1");
        // Wilson's bound of 10 successes in 10: 0.7225.
        assert!((lower_bound(50, 10) - 0.722_467).abs() < 1e-5);
        assert!((mean(9, 2) - 4.5).abs() < f64::EPSILON);
    }
}
