//! What one connection and one room may take, and why.

use std::time::Duration;

/// All times of both sockets. A value of its own, so that tests do not wait for a minute.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// Clients ping every 30 s; a connection that was silent for half as long again is gone.
    pub silence: Duration,
    /// Time for the first frame of a connection that has not said who it is.
    pub greeting: Duration,
    /// How soon after a change of rights a connection looks at its own again, at the latest.
    pub recheck: Duration,
    /// And without a change known here: another server on the same database may have made one.
    pub recheck_anyway: Duration,
    /// A document that nobody edits leaves the memory after this time.
    pub document_unused: Duration,
}

impl Default for SocketLimits {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(45),
            greeting: Duration::from_secs(10),
            recheck: Duration::from_millis(500),
            recheck_anyway: Duration::from_secs(60),
            document_unused: Duration::from_secs(20),
        }
    }
}

/// Bytes of one event, as the client sends it.
pub const EVENT_BYTES: usize = 64 * 1024;
/// Bytes of one frame: an event and what is around it.
pub const FRAME_BYTES: usize = EVENT_BYTES + 1024;
/// What waits for a reader at most. Then it is dropped: it comes back and is told what it missed, and nobody waited for it.
pub const OUTBOX_BYTES: usize = 1024 * 1024;
/// What is written at once: enough for one system call to carry many frames, little enough to stay out of the outbox's count.
pub const BATCH_BYTES: usize = 64 * 1024;
/// Broadcasts of one connection: at once, and each second over time.
pub const BROADCAST_BURST: f64 = 200.0;
pub const BROADCASTS_PER_SECOND: f64 = 50.0;
/// Joins cost a look at the database: a page that comes back has a handful of rooms.
pub const JOIN_BURST: f64 = 40.0;
pub const JOINS_PER_SECOND: f64 = 5.0;
/// Rooms of one connection; a page is in three.
pub const ROOMS_PER_CONNECTION: usize = 32;
/// Frames that cannot be read or come too fast, before the connection is closed.
pub const FAULTS: u32 = 100;
/// Numbers are allowed in the database this many at a time, and asked for when half of them are used.
pub const NUMBERS_AHEAD: i64 = 10_000;
/// Events of a room in memory, for those who were away for a moment.
pub const TAIL_EVENTS: usize = 1_000;
pub const TAIL_BYTES: usize = 256 * 1024;
/// Events of a room that are not on disk yet. A database that is away for longer than this takes costs a gap, which is told.
pub const UNSAVED_BYTES: usize = 8 * 1024 * 1024;
/// Events are written this often, those of all rooms together.
pub const WRITE_EVERY: Duration = Duration::from_millis(200);
/// A room that nobody is in leaves the memory after this time.
pub const EMPTY_FOR: Duration = Duration::from_secs(60);
/// Events are kept for this long, and the last of each room however old.
pub const KEPT_MS: i64 = 72 * crate::server::clock::HOUR;
pub const KEPT_EVENTS: i64 = 1_000;
/// Events read from the database at once, for one who missed many.
pub const REPLAY_PAGE: i64 = 500;
/// A client that never comes to speak of it: a token for the socket.
pub const WS_TOKEN_SECONDS: i64 = 60;

/// Fills with time, empties with use.
#[derive(Debug)]
pub struct Bucket {
    level: f64,
    most: f64,
    per_second: f64,
    at: std::time::Instant,
}

impl Bucket {
    pub fn new(most: f64, per_second: f64, now: std::time::Instant) -> Self {
        Self { level: most, most, per_second, at: now }
    }

    /// Whether one more is allowed.
    pub fn take(&mut self, now: std::time::Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.level = (self.level + passed * self.per_second).min(self.most);
        if self.level < 1.0 {
            return false;
        }
        self.level -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = std::time::Instant::now();
        let mut bucket = Bucket::new(5.0, 2.0, start);
        let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
        assert_eq!((0..10).filter(|_| bucket.take(at(0.0))).count(), 5);
        assert!(!bucket.take(at(0.4)));
        assert!(bucket.take(at(0.6)));
        assert_eq!((0..10).filter(|_| bucket.take(at(60.0))).count(), 5);
    }
}
