//! What waits to be sent to one connection: bounded, in order, shared bytes.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use axum::{
    body::Bytes,
    extract::ws::{Message, Utf8Bytes},
};
use tokio::sync::Notify;

use super::limits::{BATCH_BYTES, OUTBOX_BYTES};
use crate::ids::{RoomId, UserId};

/// What one kind of socket carries: bytes that all its readers share.
pub trait Frame: Clone {
    /// What a newer frame takes the place of while it waits.
    type Passing: PartialEq;
    fn size(&self) -> usize;
    fn into_message(self) -> Message;
}

/// Which passing event of a room a newer one replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passing {
    pub room: RoomId,
    pub user: UserId,
    pub kind: &'static str,
}

/// The room socket speaks JSON.
impl Frame for Utf8Bytes {
    type Passing = Passing;
    fn size(&self) -> usize {
        self.len()
    }
    fn into_message(self) -> Message {
        Message::Text(self)
    }
}

/// The document socket speaks the binary protocol of Yjs; what passes in it is presence, by the client's number.
impl Frame for Bytes {
    type Passing = u64;
    fn size(&self) -> usize {
        self.len()
    }
    fn into_message(self) -> Message {
        Message::Binary(self)
    }
}

struct Queue<F: Frame> {
    frames: VecDeque<F>,
    bytes: usize,
    passing: Vec<(F::Passing, F)>,
    slow: bool,
    dropped: u64,
    since: Option<Instant>,
}

impl<F: Frame> Default for Queue<F> {
    fn default() -> Self {
        Self { frames: VecDeque::new(), bytes: 0, passing: Vec::new(), slow: false, dropped: 0, since: None }
    }
}

/// How a reader keeps up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// What waits.
    pub bytes: usize,
    /// Frames that were left out so far.
    pub dropped: u64,
    /// Since when something has been waiting without a break.
    pub since: Option<Instant>,
}

/// The hub puts in, the connection's task takes out. Putting in never waits.
pub struct Outbox<F: Frame> {
    queue: Mutex<Queue<F>>,
    something: Notify,
    /// Told when the queue overflowed, also while the connection is stuck in a write.
    overflow: Notify,
}

impl<F: Frame> Default for Outbox<F> {
    fn default() -> Self {
        Self { queue: Mutex::default(), something: Notify::new(), overflow: Notify::new() }
    }
}

impl<F: Frame> Outbox<F> {
    fn lock(&self) -> MutexGuard<'_, Queue<F>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in what must arrive; too much of it ends the connection.
    pub fn push(&self, frame: F) {
        let mut queue = self.lock();
        if queue.slow {
            return;
        }
        if queue.bytes + frame.size() > OUTBOX_BYTES && !queue.frames.is_empty() {
            drop(queue);
            self.end();
            return;
        }
        queue.bytes += frame.size();
        queue.frames.push_back(frame);
        let first = queue.frames.len() == 1;
        if first {
            queue.since = Some(Instant::now());
        }
        drop(queue);
        if first {
            self.something.notify_one();
        }
    }

    /// Ends the connection; what waits is dropped, for it comes back and reads again.
    pub fn end(&self) {
        let mut queue = self.lock();
        let dropped = queue.dropped + queue.frames.len() as u64;
        *queue = Queue { slow: true, dropped, ..Queue::default() };
        drop(queue);
        self.overflow.notify_one();
        self.something.notify_one();
    }

    /// Puts in what passes: a newer one of the same kind takes its place, and under pressure it is left out.
    pub fn push_passing(&self, what: F::Passing, frame: F) {
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
    pub fn take(&self) -> Vec<F> {
        let mut queue = self.lock();
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some(frame) = queue.frames.pop_front()
        {
            bytes += frame.size();
            batch.push(frame);
        }
        queue.bytes -= bytes;
        if queue.frames.is_empty() {
            queue.since = None;
            batch.extend(queue.passing.drain(..).map(|(_, frame)| frame));
            queue.frames.shrink_to(16);
        }
        batch
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

    pub fn load(&self) -> Load {
        let queue = self.lock();
        Load { bytes: queue.bytes, dropped: queue.dropped, since: queue.since }
    }
}

impl Outbox<Utf8Bytes> {
    /// Forgets what waits from one room: its reader left it.
    pub fn forget_passing(&self, room: RoomId) {
        self.lock().passing.retain(|(what, _)| what.room != room);
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
    fn a_reader_lags_for_as_long_as_something_waits() {
        let outbox = Outbox::default();
        assert!(outbox.load().since.is_none());
        outbox.push(text("one"));
        let since = outbox.load().since;
        outbox.push(text("two"));
        assert!(since.is_some());
        assert_eq!(outbox.load().since, since, "from the first one on");
        outbox.take();
        assert!(outbox.load().since.is_none());
    }

    #[test]
    fn a_reader_that_takes_nothing_is_dropped_at_the_bound_and_holds_nothing() {
        let outbox = Outbox::default();
        let large = text(&"x".repeat(100_000));
        for _ in 0..20 {
            outbox.push(large.clone());
            assert!(outbox.load().bytes <= OUTBOX_BYTES);
        }
        assert!(outbox.is_slow());
        assert_eq!(outbox.load().bytes, 0);
        assert!(outbox.take().is_empty());
    }
}
