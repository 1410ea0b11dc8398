//! Days, hours and quarters of an hour, in any time zone.
//!
//! Quarters of an hour are counted from 1970 in UTC. The offsets of all zones are whole quarters since 1972, so a local day is a run of whole quarters, also
//! at +05:45 and on the days on which clocks are changed.

use std::ops::Range as Span;

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::{
    day::Day,
    model::{Query, Range, Span as Named},
};

/// ms in a quarter of an hour.
pub const QUARTER: i64 = 15 * 60 * 1000;
/// 0001-01-02 to 9999-12-30: within, every zone has a local time.
const TIMES: Span<i64> = -62_135_510_400_000..253_402_128_000_000;
/// Days that a range may have: ten years.
pub const RANGE_MAX: i32 = 3_653;

/// Why a range cannot be looked at, in a sentence for whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeFault {
    #[error("There is no time zone \"{0}\". Give one by its IANA name, such as Europe/Berlin or UTC.")]
    UnknownZone(String),
    #[error("A custom range needs its first and its last day: give both, such as 2026-09-01 and 2026-09-30.")]
    NoDays,
    #[error("The range ends on {to}, before it starts on {from}. Swap the two days.")]
    EndsBeforeStart { from: Day, to: Day },
    #[error("The range starts on {from}, which is in the future. Today is {today}.")]
    InFuture { from: Day, today: Day },
    #[error("The range has {days} days. Choose one of {RANGE_MAX} days (ten years) at most.")]
    TooLong { days: i32 },
}

/// The quarter of an hour that a time (UTC ms) is in. A clock that is thousands of years off counts as the first or last there is.
pub fn quarter_of(at: i64) -> i64 {
    at.clamp(TIMES.start, TIMES.end - 1).div_euclid(QUARTER)
}

/// A time zone with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// By its IANA name; UTC where there is none.
    ///
    /// # Errors
    /// [`RangeFault::UnknownZone`].
    pub fn named(name: Option<&str>) -> Result<Self, RangeFault> {
        let name = name.map(str::trim).filter(|name| !name.is_empty()).unwrap_or("UTC");
        let unknown = || RangeFault::UnknownZone(name.chars().take(60).collect());
        let zone = TimeZone::get(name).map_err(|_| unknown())?;
        // As the database spells it: the same zone is kept once.
        let name = zone.iana_name().ok_or_else(unknown)?.to_owned();
        Ok(Self { name, zone })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local day and hour (0 to 23) of a time in UTC ms.
    pub fn local(&self, at: i64) -> (Day, u8) {
        let Ok(time) = Timestamp::from_millisecond(at.clamp(TIMES.start, TIMES.end - 1)) else { return (Day::default(), 0) };
        let local = self.zone.to_datetime(time);
        let day = Day::of(local.year().into(), local.month().unsigned_abs(), local.day().unsigned_abs());
        (day.unwrap_or_default(), local.hour().unsigned_abs())
    }

    pub fn day_of(&self, at: i64) -> Day {
        self.local(at).0
    }

    /// Where a day begins, in UTC ms. A day that a zone left out begins where the next does.
    pub fn start_of(&self, day: Day) -> i64 {
        let (year, month, day) = day.civil();
        // Days stay within what both calendars know.
        let Ok(date) = civil::Date::new(year.clamp(1, 9998) as i16, month as i8, day as i8) else { return 0 };
        let midnight = self.zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0));
        match midnight.offset() {
            // Clocks went forward over midnight: the day begins at the first moment that has its date.
            jiff::tz::AmbiguousOffset::Gap { before, .. } => before.to_timestamp(date.at(0, 0, 0, 0)).map_or(0, Timestamp::as_millisecond),
            _ => midnight.earlier().map_or(0, Timestamp::as_millisecond),
        }
    }

    /// The quarters of an hour of a day.
    pub fn quarters_of(&self, day: Day) -> Span<i64> {
        let start = quarter_of(self.start_of(day));
        start..quarter_of(self.start_of(day.plus(1))).max(start)
    }

    /// The times of a range, in UTC ms.
    pub fn times_of(&self, range: Range) -> Span<i64> {
        self.start_of(range.from)..self.start_of(range.to.plus(1))
    }

    /// One hour (0 to 23) of one weekday (0 = Monday) in each week of a range, as times in UTC ms, the earliest first. Where clocks go back, an hour
    /// is there twice, and where they go forward not at all.
    pub fn hours_of(&self, range: Range, weekday: u8, hour: u8) -> Vec<Span<i64>> {
        let mut hours: Vec<Span<i64>> = Vec::new();
        for quarter in range.days().filter(|day| day.weekday() == weekday).flat_map(|day| self.quarters_of(day)) {
            let times = quarter * QUARTER..(quarter + 1) * QUARTER;
            if self.local(times.start).1 != hour {
                continue;
            }
            match hours.last_mut().filter(|last| last.end == times.start) {
                Some(last) => last.end = times.end,
                None => hours.push(times),
            }
        }
        hours
    }

    /// The days that a query means, at `now` (UTC ms). A range that goes on after today ends with today.
    ///
    /// # Errors
    /// Of [`RangeFault`], all but the unknown zone.
    pub fn range_of(&self, query: &Query, now: i64) -> Result<Range, RangeFault> {
        let today = self.day_of(now);
        if let Some(days) = query.range.days() {
            return Ok(Range { from: today.plus(1 - days), to: today });
        }
        let (Named::Custom, Some(from), Some(to)) = (query.range, query.from, query.to) else { return Err(RangeFault::NoDays) };
        let range = Range { from, to };
        if range.is_empty() {
            Err(RangeFault::EndsBeforeStart { from, to })
        } else if from > today {
            Err(RangeFault::InFuture { from, today })
        } else if range.len() > RANGE_MAX {
            Err(RangeFault::TooLong { days: range.len() })
        } else {
            Ok(Range { from, to: to.min(today) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{QUARTER, RangeFault, Zone, quarter_of};
    use crate::{
        day::Day,
        model::{Query, Range, Span},
    };

    fn zone(name: &str) -> Zone {
        Zone::named(Some(name)).expect("a zone")
    }

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    #[test]
    fn days_are_as_long_as_their_zone_makes_them() {
        for (name, date, hours) in [
            ("UTC", "2026-03-29", 24.0),
            ("Europe/Berlin", "2026-03-29", 23.0),
            ("Europe/Berlin", "2026-10-25", 25.0),
            ("Asia/Kathmandu", "2026-06-01", 24.0),
            ("Australia/Lord_Howe", "2026-10-04", 23.5),
            ("Australia/Lord_Howe", "2026-04-05", 24.5),
            // Clocks go forward at midnight: the day begins at one o'clock.
            ("America/Santiago", "2025-09-07", 23.0),
            ("Asia/Beirut", "2026-03-29", 23.0),
            // Left out.
            ("Pacific/Apia", "2011-12-30", 0.0),
        ] {
            let zone = zone(name);
            let quarters = zone.quarters_of(day(date));
            assert_eq!((quarters.end - quarters.start) as f64 / 4.0, hours, "{name} {date}");
            assert_eq!(zone.start_of(day(date)) % QUARTER, 0);
            for quarter in quarters {
                assert_eq!(zone.day_of(quarter * QUARTER), day(date), "{name}");
                assert_eq!(zone.day_of(quarter * QUARTER + QUARTER - 1), day(date), "{name}");
            }
        }
    }

    #[test]
    fn the_days_of_all_zones_are_whole_quarters() {
        for name in jiff::tz::db().available() {
            let Ok(zone) = Zone::named(Some(name.as_str())) else { continue };
            let mut before = zone.quarters_of(day("2019-12-31"));
            for date in (Range { from: day("2020-01-01"), to: day("2030-12-31") }).days() {
                assert_eq!(zone.start_of(date).rem_euclid(QUARTER), 0, "{name} {date}");
                let quarters = zone.quarters_of(date);
                assert_eq!(quarters.start, before.end, "{name} {date}");
                before = quarters;
            }
        }
    }

    #[test]
    fn clocks_may_say_anything() {
        for name in ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"] {
            for at in [i64::MIN, -1, 0, 1, 1_790_000_000_123, i64::MAX] {
                let zone = zone(name);
                let quarter = quarter_of(at);
                assert_eq!(zone.day_of(at), zone.day_of(quarter * QUARTER), "{name} {at}");
            }
            zone(name).quarters_of(Day(i32::MIN).plus(0));
            zone(name).quarters_of(Day(i32::MAX));
        }
    }

    #[test]
    fn a_range_that_makes_no_sense_says_why() {
        let now = 1_790_000_000_000;
        let berlin = zone("europe/berlin");
        assert_eq!(berlin.name(), "Europe/Berlin");
        let today = berlin.day_of(now);
        let custom =
            |from: Day, to: Day| berlin.range_of(&Query { range: Span::Custom, from: Some(from), to: Some(to), ..Query::default() }, now);
        assert_eq!(berlin.range_of(&Query::default(), now), Ok(Range { from: today.plus(-29), to: today }));
        assert_eq!(custom(today, today), Ok(Range { from: today, to: today }));
        assert_eq!(custom(today, today.plus(9)), Ok(Range { from: today, to: today }));
        assert_eq!(custom(today, today.plus(-1)), Err(RangeFault::EndsBeforeStart { from: today, to: today.plus(-1) }));
        assert_eq!(custom(today.plus(1), today.plus(2)), Err(RangeFault::InFuture { from: today.plus(1), today }));
        assert_eq!(custom(today.plus(-18_262), today), Err(RangeFault::TooLong { days: 18_263 }));
        assert_eq!(berlin.range_of(&Query { range: Span::Custom, from: Some(today), ..Query::default() }, now), Err(RangeFault::NoDays));
        for wrong in ["Mars/Olympus", "../etc/passwd", "Europe/Berlin\0", &"x".repeat(10_000)] {
            let Err(RangeFault::UnknownZone(name)) = Zone::named(Some(wrong)) else { panic!("{wrong}") };
            assert!(name.len() <= 60);
        }
        assert_eq!(zone(" ").name(), "UTC");
    }

    #[test]
    fn the_range_before_has_the_same_weekdays() {
        for days in 1..400 {
            let range = Range { from: Day(20_000), to: Day(20_000 + days - 1) };
            let before = range.before();
            assert_eq!((before.len(), before.from.weekday()), (range.len(), range.from.weekday()));
            assert!(before.to < range.from && range.from.since(before.to) <= 7);
        }
    }

    #[test]
    fn an_hour_of_a_weekday_is_there_as_often_as_clocks_show_it() {
        // Sundays from the 18th of October to the 1st of November 2026; in Berlin clocks go back at three on the 25th.
        let range = Range { from: day("2026-10-18"), to: day("2026-11-01") };
        let hours = |hour: u8| -> Vec<i64> {
            zone("Europe/Berlin").hours_of(range, 6, hour).into_iter().map(|times| (times.end - times.start) / QUARTER).collect()
        };
        assert_eq!((hours(1), hours(2), hours(3)), (vec![4, 4, 4], vec![4, 8, 4], vec![4, 4, 4]));
        let spring = Range { from: day("2026-03-29"), to: day("2026-03-29") };
        assert!(zone("Europe/Berlin").hours_of(spring, 6, 2).is_empty());
        // Where offsets are quarters, an hour is still an hour.
        let nepal = zone("Asia/Kathmandu").hours_of(spring, 6, 9);
        assert_eq!(nepal.first().map(|times| (times.start % (4 * QUARTER), times.end - times.start)), Some((QUARTER, 4 * QUARTER)));
    }
}
