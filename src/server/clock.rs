//! The wall clock, in the unit that the database keeps.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// By how much the clock of this process is off the machine's, in milliseconds: 0, but in tests of what a jump does.
static OFF: AtomicI64 = AtomicI64::new(0);

/// Now, in UTC milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64) + OFF.load(Ordering::Relaxed)
}

/// Puts the clock of this process so many milliseconds before (or, below zero, behind) the machine's.
pub fn jump(by: i64) {
    OFF.store(by, Ordering::Relaxed);
}

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// `2026-11-23T03:30:00.000Z`, as JSON has times.
pub fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}

/// Such a time, also one with an offset, in UTC milliseconds.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}
