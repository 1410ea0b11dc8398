//! Whether this node may write. Others take a node for gone when they have not seen a sign of life for five seconds; a node
//! believes in its last one for a second less, on its own clock. So one that was stopped, or cut off from the database, does not write
//! what the others have gone past.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::error::{AppError, AppResult, ErrorCode};

/// For so long a sign of life counts, from the moment at which it was given.
const BELIEVED: Duration = Duration::from_secs(4);
/// Whoever wants to write waits for the next one no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Until when writing is allowed; none: always.
#[derive(Clone, Debug)]
pub struct Fence(Arc<watch::Sender<Option<Instant>>>);

impl Fence {
    /// One that is never shut.
    pub(super) fn open() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// One that opens with the first sign of life.
    pub(super) fn shut() -> Self {
        Self(Arc::new(watch::Sender::new(Some(Instant::now()))))
    }

    pub(super) fn renew(&self, asked: Instant) {
        self.0.send_replace(Some(asked + BELIEVED));
    }

    pub(super) fn shut_now(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    /// Whether this node may write now.
    pub fn is_open(&self) -> bool {
        Self::allows(self.0.borrow().as_ref())
    }

    fn allows(until: Option<&Instant>) -> bool {
        until.is_none_or(|until| Instant::now() < *until)
    }

    /// Waits until this node may write.
    ///
    /// # Errors
    /// It may not within two seconds: unavailable, and nothing was done.
    pub async fn pass(&self) -> AppResult<()> {
        if self.is_open() {
            return Ok(());
        }
        let mut until = self.0.subscribe();
        let allowed = until.wait_for(|until| Self::allows(until.as_ref()));
        match tokio::time::timeout(PATIENCE, allowed).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(AppError::new(ErrorCode::Unavailable, "This server was away for a moment and catches up: try again.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sign_of_life_from_long_ago_allows_nothing() {
        let fence = Fence::shut();
        let Some(long_ago) = Instant::now().checked_sub(Duration::from_secs(30)) else { return };
        fence.renew(long_ago);
        assert!(fence.pass().await.is_err_and(|error| error.code == ErrorCode::Unavailable));
        assert!(!fence.is_open());
        fence.renew(Instant::now());
        assert!(fence.pass().await.is_ok() && fence.is_open());
        fence.shut_now();
        let waiting = tokio::spawn({
            let fence = fence.clone();
            async move { fence.pass().await }
        });
        tokio::task::yield_now().await;
        fence.renew(Instant::now());
        assert!(waiting.await.is_ok_and(|passed| passed.is_ok()), "whoever waits goes on");
        assert!(Fence::open().pass().await.is_ok());
    }
}
