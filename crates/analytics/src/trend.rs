//! Where a number went, and whether it went there at all.

use crate::model::{Figure, Trend};

/// A change of at most this share is none.
pub const STEADY: f64 = 0.05;
/// With fewer on both sides together nothing is said.
pub const FEW: u64 = 20;

/// The trend of two counts. Counts of independent events are Poisson distributed, so under the same rate the difference of `now` and `before` has the
/// standard deviation √(now + before): what is within two of them could well be chance.
pub fn of_counts(now: u64, before: u64) -> Trend {
    let (a, b) = (now as f64, before as f64);
    let total = a + b;
    if within(a, b) {
        return if now.saturating_add(before) < FEW { Trend::TooFew } else { Trend::Steady };
    }
    if (a - b).abs() < 2.0 * total.sqrt() {
        return Trend::TooFew;
    }
    if a > b { Trend::Up } else { Trend::Down }
}

/// The trend of two averages or shares, each over so many. They are compared where both are over at least [`FEW`].
pub fn of_averages(now: (f64, u64), before: (f64, u64)) -> Trend {
    if now.1.min(before.1) < FEW {
        Trend::TooFew
    } else if within(now.0, before.0) {
        Trend::Steady
    } else if now.0 > before.0 {
        Trend::Up
    } else {
        Trend::Down
    }
}

fn within(now: f64, before: f64) -> bool {
    (now - before).abs() <= STEADY * before.abs()
}

/// A count beside the one before it, where that was asked for.
pub fn count(now: u64, before: Option<u64>) -> Figure {
    Figure { now: Some(now as f64), before: before.map(|before| before as f64), trend: before.map(|before| of_counts(now, before)) }
}

/// A value over so many: `value / over`, or nothing where there were none.
#[derive(Clone, Copy, Debug)]
pub struct Average {
    pub sum: f64,
    pub over: u64,
}

impl Average {
    pub fn value(self) -> Option<f64> {
        (self.over > 0).then(|| self.sum / self.over as f64)
    }
}

/// An average beside the one before it.
pub fn average(now: Average, before: Option<Average>) -> Figure {
    let trend = before.map(|before| match (now.value(), before.value()) {
        (Some(a), Some(b)) => of_averages((a, now.over), (b, before.over)),
        _ => Trend::TooFew,
    });
    Figure { now: now.value(), before: before.and_then(Average::value), trend }
}

/// A value that was measured over so many, such as a greatest one.
pub fn measured(now: (Option<f64>, u64), before: Option<(Option<f64>, u64)>) -> Figure {
    let trend = before.map(|before| match (now.0, before.0) {
        (Some(a), Some(b)) => of_averages((a, now.1), (b, before.1)),
        _ => Trend::TooFew,
    });
    Figure { now: now.0, before: before.and_then(|before| before.0), trend }
}

#[cfg(test)]
mod tests {
    use super::{Average, average, count, of_averages, of_counts};
    use crate::model::Trend;

    #[test]
    fn a_trend_is_more_than_chance() {
        for (now, before, trend) in [
            (0, 0, Trend::TooFew),
            (1, 1, Trend::TooFew),
            (3, 0, Trend::TooFew),
            (4, 0, Trend::Up),
            (6, 4, Trend::TooFew),
            (10, 10, Trend::Steady),
            (105, 100, Trend::Steady),
            (106, 100, Trend::TooFew),
            (130, 100, Trend::TooFew),
            (131, 100, Trend::Up),
            (70, 100, Trend::Down),
            (10_600, 10_000, Trend::Up),
            (u64::MAX, u64::MAX, Trend::Steady),
        ] {
            assert_eq!(of_counts(now, before), trend, "{now} after {before}");
        }
        assert_eq!(of_averages((2.0, 19), (1.0, 100)), Trend::TooFew);
        assert_eq!(of_averages((2.0, 20), (1.0, 20)), Trend::Up);
        assert_eq!(of_averages((0.96, 20), (1.0, 20)), Trend::Steady);
    }

    #[test]
    fn the_average_of_nothing_is_not_said() {
        let none = Average { sum: 0.0, over: 0 };
        assert_eq!(average(none, Some(none)).now, None);
        assert_eq!(average(none, Some(none)).trend, Some(Trend::TooFew));
        assert_eq!(count(3, None).trend, None);
    }
}
