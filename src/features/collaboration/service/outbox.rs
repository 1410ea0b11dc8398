//! What waits to be sent to one connection: bounded, in order, shared bytes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::Notify;

use super::limits::{BATCH_BYTES, OUTBOX_BYTES};
use crate::ids::{RoomId, UserId};

/// Which passing event a newer one replaces while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passing {
    pub room: RoomId,
    pub user: UserId,
    pub kind: &'static str,
}

#[derive(Default)]
struct Queue {
    frames: VecDeque<Utf8Bytes>,
    bytes: usize,
    passing: Vec<(Passing, Utf8Bytes)>,
    slow: bool,
    dropped: u64,
}

/// The hub puts in, the connection's task takes out. Putting in never waits.
#[derive(Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
    something: Notify,
    /// Told when the queue overflowed, also while the connection is stuck in a write.
    overflow: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what must arrive; too much of it ends the connection.
    pub fn push(&self, frame: Utf8Bytes) {
        let mut queue = self.lock();
        if queue.slow {
            return;
        }
        if queue.bytes + frame.len() > OUTBOX_BYTES && !queue.frames.is_empty() {
            queue.dropped += queue.frames.len() as u64;
            *queue = Queue { slow: true, dropped: queue.dropped, ..Queue::default() };
            drop(queue);
            self.overflow.notify_one();
            self.something.notify_one();
            return;
        }
        queue.bytes += frame.len();
        queue.frames.push_back(frame);
        let first = queue.frames.len() == 1;
        drop(queue);
        if first {
            self.something.notify_one();
        }
    }

    /// Puts in what passes: a newer one of the same kind takes its place, and under pressure it is left out.
    pub fn push_passing(&self, what: Passing, frame: Utf8Bytes) {
        let mut queue = self.lock();
        if queue.slow {
            return;
        }
        if let Some(waiting) = queue.passing.iter_mut().find(|(waiting, _)| *waiting == what) {
            waiting.1 = frame;
            return;
        }
        if queue.bytes > OUTBOX_BYTES / 2 || queue.passing.len() >= 256 {
            queue.dropped += 1;
            return;
        }
        queue.passing.push((what, frame));
        drop(queue);
        self.something.notify_one();
    }

    /// The next frames to write, as many as go into one batch; none when nothing waits.
    pub fn take(&self) -> Vec<Utf8Bytes> {
        let mut queue = self.lock();
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some(frame) = queue.frames.pop_front()
        {
            bytes += frame.len();
            batch.push(frame);
        }
        queue.bytes -= bytes;
        if queue.frames.is_empty() {
            batch.extend(queue.passing.drain(..).map(|(_, frame)| frame));
            queue.frames.shrink_to(16);
        }
        batch
    }

    /// Forgets what waits from one room: its reader left it.
    pub fn forget_passing(&self, room: RoomId) {
        self.lock().passing.retain(|(what, _)| what.room != room);
    }

    pub async fn something(&self) {
        self.something.notified().await;
    }

    /// Ends when the queue has overflowed.
    pub async fn overflow(&self) {
        self.overflow.notified().await;
    }

    pub fn is_slow(&self) -> bool {
        self.lock().slow
    }

    /// Bytes that wait, and frames that were dropped so far.
    pub fn load(&self) -> (usize, u64) {
        let queue = self.lock();
        (queue.bytes, queue.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Utf8Bytes {
        Utf8Bytes::from(text.to_owned())
    }

    #[test]
    fn what_passes_is_replaced_by_its_newer_one_and_comes_last() {
        let outbox = Outbox::default();
        let what = Passing { room: RoomId::generate(), user: UserId::generate(), kind: "cursor_move" };
        outbox.push_passing(what, text("old"));
        outbox.push(text("event"));
        outbox.push_passing(what, text("new"));
        assert_eq!(outbox.take(), [text("event"), text("new")]);
        assert!(outbox.take().is_empty());
    }

    #[test]
    fn a_reader_that_takes_nothing_is_dropped_at_the_bound_and_holds_nothing() {
        let outbox = Outbox::default();
        let large = text(&"x".repeat(100_000));
        for _ in 0..20 {
            outbox.push(large.clone());
            assert!(outbox.load().0 <= OUTBOX_BYTES);
        }
        assert!(outbox.is_slow());
        assert_eq!(outbox.load().0, 0);
        assert!(outbox.take().is_empty());
    }
}
