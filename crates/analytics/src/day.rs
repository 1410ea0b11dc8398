//! A day of the calendar, the same in the browser as on the server, without a library for time.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A day, counted from 1970-01-01; written as `2026-09-30`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub i32);

/// 0001-01-01 and 9999-12-31: what [`Day`] reads and writes.
const SPAN: (i64, i64) = (-719_162, 2_932_896);

impl Day {
    /// The day that many days later; stays within the years 1 to 9999.
    pub fn plus(self, days: i32) -> Self {
        Self((i64::from(self.0) + i64::from(days)).clamp(SPAN.0, SPAN.1) as i32)
    }

    /// How many days it is behind `other`.
    pub fn since(self, other: Self) -> i32 {
        self.0.saturating_sub(other.0)
    }

    /// 0 = Monday … 6 = Sunday.
    pub fn weekday(self) -> u8 {
        (i64::from(self.0) + 3).rem_euclid(7) as u8
    }

    /// The Monday of its week.
    pub fn monday(self) -> Self {
        self.plus(-i32::from(self.weekday()))
    }

    /// Year, month from 1, day from 1 (the algorithm `civil_from_days` of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms").
    pub fn civil(self) -> (i32, u8, u8) {
        let z = i64::from(self.0) + 719_468;
        let era = z.div_euclid(146_097);
        let of_era = z.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year as i32, month as u8, day as u8)
    }

    /// The day of a date, if there is such a date (`days_from_civil`, same source).
    pub fn of(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day == 0 {
            return None;
        }
        let shifted_year = i64::from(year) - i64::from(month <= 2);
        let era = shifted_year.div_euclid(400);
        let year_of_era = shifted_year.rem_euclid(400);
        let shifted_month = (i64::from(month) + 9) % 12;
        let of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let found = Self((era * 146_097 + of_era - 719_468) as i32);
        (found.civil() == (year, month, day)).then_some(found)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// It is no date of the form `2026-09-30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoDay;

impl fmt::Display for NoDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("A day is written like 2026-09-30.")
    }
}

impl std::error::Error for NoDay {}

impl FromStr for Day {
    type Err = NoDay;

    fn from_str(text: &str) -> Result<Self, NoDay> {
        let number = |part: Option<&str>, digits: usize| {
            part.filter(|part| part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|part| part.parse().ok())
                .ok_or(NoDay)
        };
        let mut parts = text.splitn(3, '-');
        let (year, month, day): (i32, i32, i32) = (number(parts.next(), 4)?, number(parts.next(), 2)?, number(parts.next(), 2)?);
        Self::of(year, month as u8, day as u8).ok_or(NoDay)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(Day(0).to_string(), "1970-01-01");
        assert_eq!(Day(0).weekday(), 3, "a Thursday");
        assert_eq!("2024-02-29".parse(), Ok(Day(19_782)));
        for wrong in
            ["2023-02-29", "2024-2-29", "2024-00-10", "2024-13-01", "2024-01-32", "x", "", "20240-01-01", "+024-01-01", "2024-01-01-"]
        {
            assert!(wrong.parse::<Day>().is_err(), "{wrong}");
        }
        let mut day = Day::of(1, 1, 1).expect("first");
        while day.civil().0 < 9999 {
            let (y, m, d) = day.civil();
            assert_eq!(Day::of(y, m, d), Some(day));
            assert_eq!(day.monday().weekday(), 0);
            day = day.plus(97);
        }
    }
}
