//! How numbers, sizes and times are written. Pure.

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// "now", "4 min", "3 h", "2 d", then the date. `now` and `then` are UTC milliseconds.
pub fn relative_time(then: i64, now: i64) -> String {
    match now - then {
        past if past < MINUTE => "now".to_owned(),
        past if past < HOUR => format!("{} min", past / MINUTE),
        past if past < DAY => format!("{} h", past / HOUR),
        past if past < 60 * DAY => format!("{} d", past / DAY),
        _ => utc_time(then)[..10].to_owned(),
    }
}

/// "2026-11-22 18:37 UTC".
pub fn utc_time(millis: i64) -> String {
    let (year, month, day) = civil(millis.div_euclid(DAY));
    let minutes = millis.rem_euclid(DAY) / MINUTE;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// "18:37", on a clock that is so many minutes ahead of UTC.
pub fn clock_time(millis: i64, offset: i64) -> String {
    utc_time(millis + offset * MINUTE)[11..16].to_owned()
}

/// The date of a day since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Thin grouping: 1,044.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0 { format!("-{grouped}") } else { grouped }
}

/// "1 artifact", "1,044 artifacts".
pub fn plural(number: i64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// One decimal, without floats: the code that prints those is larger than all else here.
fn tenths(size: i64, unit: i64, name: &str) -> String {
    let tenths = (size * 10 + unit / 2) / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// "3 B", "12.4 KB", "1.2 MB", "31.6 GB" (powers of 1,024).
pub fn bytes(size: i64) -> String {
    match size {
        size if size < 1_024 => format!("{size} B"),
        size if size < 1_024 * 1_024 => tenths(size, 1_024, "KB"),
        size if size < 1_024 * 1_024 * 1_024 => tenths(size, 1_024 * 1_024, "MB"),
        size => tenths(size, 1_024 * 1_024 * 1_024, "GB"),
    }
}

/// The first seven characters, as commits are shown.
pub fn short_sha(sha: &str) -> String {
    sha.chars().take(7).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let now = 1_795_372_620_000;
        assert_eq!(utc_time(now), "2026-11-22 18:37 UTC");
        assert_eq!(utc_time(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc_time(951_782_400_000), "2000-02-29 00:00 UTC");
        assert_eq!(clock_time(now, 0), "18:37");
        assert_eq!(clock_time(now, 330), "00:07");
        assert_eq!(clock_time(now, -60), "17:37");
        assert_eq!(relative_time(now - 30 * SECOND, now), "now");
        assert_eq!(relative_time(now - 4 * MINUTE, now), "4 min");
        assert_eq!(relative_time(now - 26 * HOUR, now), "1 d");
        assert_eq!(relative_time(0, now), "1970-01-01");
    }

    #[test]
    fn numbers() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_044), "1,044");
        assert_eq!(count(-1_234_567), "-1,234,567");
        assert_eq!(plural(1, "artifact", "artifacts"), "1 artifact");
        assert_eq!(bytes(1_536), "1.5 KB");
    }
}
