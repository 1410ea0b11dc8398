//! Daily counts: the next fortnight with a band that the past calibrates, and the past days that were unusual.
//!
//! A series is one count for each local day, the oldest first, without gaps. Days before the first count are not part of it: a workspace
//! that is a month old has a month of history, whatever the range. Seasonal-trend decomposition by LOESS takes the shape of the week out
//! (MSTL: Bandara, Hyndman and Bergmeir 2021), exponential smoothing continues what is left (ETS: Hyndman et al. 2002); both are of the
//! `augurs` crates. Pure: no clock, no chance, no storage. docs/decisions/forecast.md has what was measured.

use augurs_core::{Fit as _, Predict as _};
use augurs_ets::{AutoETS, trend::AutoETSTrendModel};
use augurs_mstl::{MSTLModel, stlrs};

/// Days that are foretold.
pub const HORIZON: usize = 14;
/// The share of days that the band is meant to hold.
pub const LEVEL: f64 = 0.8;
/// Days of history that a model is fitted to at least: four of each weekday.
pub const FITTED_MIN: usize = 28;
/// Days of history under which nothing is foretold: a model of the shortest history has to be tried once on days that it has not seen.
pub const FORECAST_MIN: usize = FITTED_MIN + HORIZON;
/// Days of history under which no day is called unusual.
pub const ANOMALY_MIN: usize = FITTED_MIN;
/// Older days are left out: they say little about the next fortnight, and cost time.
pub const HISTORY_MAX: usize = 400;

const WEEK: usize = 7;
/// Beginnings of the back-test, each so many days before the one after it.
const ORIGINS: usize = 10;
const STEP: usize = 2;
/// A day is unusual beyond so many robust standard deviations.
const UNUSUAL: f64 = 4.0;
/// The standard deviation of a normal distribution by its median absolute deviation.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Band widths are at least this share of the mean day: a constant past has no width to scale.
const WIDTH_MIN: f64 = 1e-3;

/// What one day will be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// `0 <= low <= mean <= high`, in the unit of the series.
    pub low: f64,
    pub mean: f64,
    pub high: f64,
}

/// The next [`HORIZON`] days.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    pub points: Vec<Point>,
    /// How far the same method was off on days that it had not seen: the weighted absolute percentage error, the sum of absolute errors
    /// over the sum of counts, so that 0.2 is 20 %. None where all those counts were 0.
    pub error: Option<f64>,
    /// How many days that was tried on, those foretold from several beginnings counted each time.
    pub tried: usize,
}

/// Nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// There are `days` of history, and `needed` ones are the least.
    TooShort { days: usize, needed: usize },
    /// Nothing finite came of it, as of counts that lie too far apart.
    NoModel,
}

/// A past day that was unusual for its weekday and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anomaly {
    /// Its place in the series.
    pub index: usize,
    pub expected: f64,
    /// Robust standard deviations above what was expected; below, if negative.
    pub score: f64,
}

/// Where history begins: at the first count, and not before [`HISTORY_MAX`] days.
fn beginning(series: &[u64]) -> usize {
    let first = series.iter().position(|count| *count > 0).unwrap_or(series.len());
    first.max(series.len().saturating_sub(HISTORY_MAX))
}

/// In units of the mean day: the decomposition calculates with 32 bits.
fn scaled(series: &[u64]) -> (Vec<f64>, f64) {
    let mean = series.iter().map(|count| *count as f64).sum::<f64>() / series.len().max(1) as f64;
    let unit = if mean > 0.0 { mean } else { 1.0 };
    (series.iter().map(|count| *count as f64 / unit).collect(), unit)
}

/// The means of the next days and half the widths of the model's own band, both in the unit of `days`.
fn continued(days: &[f64]) -> Option<Vec<(f64, f64)>> {
    if days.windows(2).all(|pair| pair.first() == pair.last()) {
        return days.first().map(|day| vec![(*day, WIDTH_MIN); HORIZON]);
    }
    let trend = AutoETSTrendModel::from(AutoETS::new(1, "AZN").ok()?);
    let model = MSTLModel::new(vec![WEEK], trend).fit(days).ok()?;
    let forecast = model.predict(HORIZON, LEVEL).ok()?;
    let bands = forecast.intervals?;
    let points: Vec<(f64, f64)> = forecast
        .point
        .iter()
        .zip(bands.lower.iter().zip(&bands.upper))
        .map(|(mean, (low, high))| (mean.max(0.0), (high - low) / 2.0))
        .collect();
    let finite = points.len() == HORIZON && points.iter().all(|(mean, half)| mean.is_finite() && half.is_finite());
    finite.then(|| points.into_iter().map(|(mean, half)| (mean, half.max(WIDTH_MIN))).collect())
}

/// Foretells the next [`HORIZON`] days of `series`.
///
/// The model's own band is too narrow where it has misread the past. So the same method foretells days of the past from up to ten
/// beginnings, each without the days after it, and the band becomes so many times wider (or narrower) that it would have held
/// [`LEVEL`] of those days: conformal prediction, with its correction for few samples.
///
/// # Errors
/// [`Unsaid`], where history is too short or gives no model.
pub fn forecast(series: &[u64]) -> Result<Forecast, Unsaid> {
    let history = series.get(beginning(series)..).unwrap_or_default();
    if history.len() < FORECAST_MIN {
        return Err(Unsaid::TooShort { days: history.len(), needed: FORECAST_MIN });
    }
    let (days, unit) = scaled(history);
    let (mut ratios, mut off, mut sum) = (Vec::new(), 0.0, 0.0);
    for back in (0..ORIGINS).map(|number| HORIZON + number * STEP) {
        let Some((known, unseen)) = days.len().checked_sub(back).filter(|at| *at >= FITTED_MIN).and_then(|at| days.split_at_checked(at))
        else {
            break;
        };
        let Some(points) = continued(known) else { continue };
        for ((mean, half), day) in points.iter().zip(unseen) {
            ratios.push((day - mean).abs() / half);
            off += (day - mean).abs();
            sum += day;
        }
    }
    let points = continued(&days).ok_or(Unsaid::NoModel)?;
    ratios.sort_by(f64::total_cmp);
    let rank = (((ratios.len() + 1) as f64 * LEVEL).ceil() as usize).clamp(1, ratios.len().max(1));
    let wider = ratios.get(rank - 1).copied().ok_or(Unsaid::NoModel)?;
    let points = points.into_iter().map(|(mean, half)| {
        let reach = half * wider;
        Point { low: (mean - reach).max(0.0) * unit, mean: mean * unit, high: (mean + reach) * unit }
    });
    Ok(Forecast { points: points.collect(), error: (sum > 0.0).then(|| off / sum), tried: ratios.len() })
}

/// The past days of `series` that were unusual, in its order; none where history is shorter than [`ANOMALY_MIN`].
///
/// A day is compared with its trend and its weekday, both fitted so that single days weigh little. The scale is the median absolute
/// deviation, and never less than chance alone moves counts of that size (Poisson).
pub fn anomalies(series: &[u64]) -> Vec<Anomaly> {
    let begin = beginning(series);
    let history = series.get(begin..).unwrap_or_default();
    if history.len() < ANOMALY_MIN {
        return Vec::new();
    }
    let (days, unit) = scaled(history);
    let narrow: Vec<f32> = days.iter().map(|day| *day as f32).collect();
    let Ok(parts) = stlrs::params().robust(true).fit(&narrow, WEEK) else { return Vec::new() };
    let left: Vec<f64> = parts.remainder().iter().map(|rest| f64::from(*rest)).collect();
    if left.iter().any(|rest| !rest.is_finite()) {
        return Vec::new();
    }
    let mut sizes: Vec<f64> = left.iter().map(|rest| rest.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let spread = MAD_TO_SIGMA * sizes.get(sizes.len() / 2).copied().unwrap_or(0.0) * unit;
    let scores = left.iter().zip(history).enumerate().map(|(place, (rest, count))| {
        let expected = (*count as f64 - rest * unit).max(0.0);
        let score = (*count as f64 - expected) / spread.max(expected.max(1.0).sqrt());
        Anomaly { index: begin + place, expected, score }
    });
    scores.filter(|day| day.score.abs() > UNUSUAL).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A team that works from Monday to Friday.
    fn weeks(days: usize) -> Vec<u64> {
        (0..days).map(|day| if day % 7 < 5 { 100 + day as u64 / 7 + (day as u64 * 7_919) % 9 } else { 10 }).collect()
    }

    #[test]
    fn it_knows_the_weekday() {
        let told = forecast(&weeks(91)).expect("long enough");
        for (day, point) in told.points.iter().enumerate() {
            assert_eq!(point.mean > 60.0, day % 7 < 5, "{day}: {point:?}");
        }
        assert!(told.error.is_some_and(|error| error < 0.1), "{told:?}");
    }

    #[test]
    fn it_says_nothing_of_too_little() {
        assert_eq!(forecast(&[]), Err(Unsaid::TooShort { days: 0, needed: FORECAST_MIN }));
        assert_eq!(forecast(&weeks(41)), Err(Unsaid::TooShort { days: 41, needed: FORECAST_MIN }));
        let young: Vec<u64> = std::iter::repeat_n(0, 300).chain(weeks(20)).collect();
        assert_eq!(forecast(&young), Err(Unsaid::TooShort { days: 20, needed: FORECAST_MIN }));
        assert!(forecast(&weeks(42)).is_ok() && anomalies(&weeks(27)).is_empty());
    }

    #[test]
    fn a_day_is_unusual_for_its_weekday() {
        let mut series = weeks(91);
        assert!(anomalies(&series).is_empty(), "weekends are quiet as ever");
        // Fifty on a Saturday, and nothing on a Wednesday.
        series[47] = 50;
        series[58] = 0;
        let found: Vec<(usize, bool)> = anomalies(&series).iter().map(|day| (day.index, day.score > 0.0)).collect();
        assert_eq!(found, [(47, true), (58, false)]);
    }

    fn sound(series: &[u64]) {
        if let Ok(told) = forecast(series) {
            assert_eq!(told.points.len(), HORIZON);
            for point in &told.points {
                assert!(
                    0.0 <= point.low && point.low <= point.mean && point.mean <= point.high && point.high.is_finite(),
                    "{point:?} {series:?}"
                );
            }
        }
        for day in anomalies(series) {
            assert!(day.index < series.len() && day.score.is_finite() && day.expected >= 0.0);
        }
    }

    #[test]
    fn odd_series_are_no_trouble() {
        for days in [0, 1, 6, 7, 8, 13, 14, 15, 27, 28, 41, 42, 43, 90, 500] {
            for count in [0, 1, 1_000, u64::MAX] {
                sound(&vec![count; days]);
                let mut spike = vec![0; days];
                for place in [0, days / 2, days.saturating_sub(1)] {
                    if let Some(day) = spike.get_mut(place) {
                        *day = count;
                    }
                    sound(&spike);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_series_is_taken(series in prop::collection::vec(prop_oneof![Just(0), 0..50u64, any::<u64>()], 0..120)) {
            sound(&series);
        }
    }
}
