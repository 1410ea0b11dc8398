//! How often one account may search: an amount each minute, of which answers say how much is left.

use std::num::NonZeroU32;

use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DefaultKeyedStateStore,
};

use crate::{
    error::{AppError, AppResult},
    ids::UserId,
    server::cluster::{Cluster, Notice, Used},
};

/// Above this many accounts those with their full amount are forgotten at once.
const KEYS_MAX: usize = 50_000;

type Limiter = RateLimiter<UserId, DefaultKeyedStateStore<UserId>, DefaultClock, StateInformationMiddleware>;

pub struct SearchLimit {
    limiter: Limiter,
    each_minute: u32,
    cluster: Cluster,
}

/// What an account has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// Until it is whole again, in seconds.
    pub reset: u32,
}

impl SearchLimit {
    pub fn new(each_minute: NonZeroU32, cluster: Cluster) -> Self {
        let limiter = DefaultKeyedRateLimiter::keyed(Quota::per_minute(each_minute)).with_middleware::<StateInformationMiddleware>();
        Self { limiter, each_minute: each_minute.get(), cluster }
    }

    /// An account asked at another node.
    pub fn hear(&self, account: &str) {
        if let Ok(account) = account.parse() {
            let _ = self.limiter.check_key(&account);
        }
    }

    /// One query of an account.
    pub fn take(&self, account: UserId) -> AppResult<Allowance> {
        if self.limiter.len() > KEYS_MAX {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(&account) {
            Ok(state) => {
                self.cluster.announce(&Notice::Used { limit: Used::Search, key: account.to_string() });
                let remaining = state.remaining_burst_capacity();
                let used = u64::from(self.each_minute.saturating_sub(remaining));
                let reset = (used * 60).div_ceil(u64::from(self.each_minute));
                Ok(Allowance { limit: self.each_minute, remaining, reset: u32::try_from(reset).unwrap_or(60) })
            }
            Err(until) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                Err(AppError::too_many(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn each_account_has_its_own_amount_and_is_told_what_is_left() {
        let limit = SearchLimit::new(NonZeroU32::new(3).expect("not zero"), Cluster::alone());
        let (maya, priya) = (UserId::generate(), UserId::generate());
        assert_eq!(limit.take(maya).ok(), Some(Allowance { limit: 3, remaining: 2, reset: 20 }));
        assert_eq!(limit.take(maya).map(|left| left.remaining).ok(), Some(1));
        assert_eq!(limit.take(maya).map(|left| left.remaining).ok(), Some(0));
        assert_eq!(limit.take(maya).map_err(|error| error.code), Err(ErrorCode::TooManyRequests));
        assert!(limit.take(priya).is_ok());
    }
}
