//! Leaving the disk to others.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Bytes a second that a backup writes at most: a gigabyte in half a minute, and a disk of today has most of its time for others.
const PER_SECOND: u64 = 64 << 20;

/// Says when the next bytes may be written, so that no second has more of them than [`PER_SECOND`].
pub(crate) struct Pace {
    /// When what was let through before is through.
    free: Mutex<Instant>,
}

impl Pace {
    pub fn new() -> Self {
        Self { free: Mutex::new(Instant::now()) }
    }

    /// How long to wait before `bytes` more are written; from then on they count.
    pub fn before(&self, bytes: u64) -> Duration {
        self.from(Instant::now(), bytes)
    }

    fn from(&self, now: Instant, bytes: u64) -> Duration {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = (*free).max(now);
        *free = begin + Duration::from_secs_f64(bytes as f64 / PER_SECOND as f64);
        begin - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_no_more_bytes_than_it_may() {
        let (pace, now) = (Pace::new(), Instant::now());
        let waits: Vec<_> = (0..4).map(|_| pace.from(now, PER_SECOND / 2).as_millis()).collect();
        assert_eq!(waits, [0, 500, 1_000, 1_500]);
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.from(later, PER_SECOND), Duration::ZERO, "nobody waits for what was not written");
        assert_eq!(pace.from(later, 1), Duration::from_secs(1), "and nothing is saved up");
    }
}
