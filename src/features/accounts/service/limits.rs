//! How often somebody may try: signing in, signing up, using links and tokens. In memory, bounded. Each node tells the others what was used,
//! so that several allow together what one allows, give or take what is under way.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::Duration,
};

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};
use tokio::sync::Semaphore;

use crate::{
    error::{AppError, AppResult},
    server::{
        cluster::{Cluster, Notice, Used},
        secrets,
    },
};

/// Tries in a row, then one more each period. An account allows a person to be forgetful and a guesser 1,440 tries a day.
const ACCOUNT: (u32, Duration) = (10, Duration::from_secs(60));
/// One address may be a whole office.
const ADDRESS: (u32, Duration) = (100, Duration::from_secs(2));
const SIGN_UPS: (u32, Duration) = (60, Duration::from_secs(20));
/// The time in which a mail domain opens as many accounts as the configuration says.
const SIGN_UPS_OF_DOMAIN: Duration = Duration::from_secs(3_600);
/// Links and tokens that do not exist: a secret cannot be guessed, this only keeps the noise down.
const SECRETS: (u32, Duration) = (100, Duration::from_secs(1));
/// Reviews of items: 20 an hour.
const REVIEWS: (u32, Duration) = (20, Duration::from_secs(180));

/// Above this many keys the ones that are back at their full quota are dropped at once, not only every ten minutes.
const KEYS_MAX: usize = 50_000;

/// How many passwords are hashed at once: each takes 19 MiB and a core for tens of milliseconds.
const HASHES: usize = 2;

/// The limits, as this node knows them.
pub struct Limits {
    accounts: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<String>,
    sign_ups: DefaultKeyedRateLimiter<String>,
    domains: DefaultKeyedRateLimiter<String>,
    secrets: DefaultKeyedRateLimiter<String>,
    reviews: DefaultKeyedRateLimiter<String>,
    pub hashing: Semaphore,
    cluster: Cluster,
}

fn limiter((burst, period): (u32, Duration)) -> DefaultKeyedRateLimiter<String> {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    // The period is a constant above zero; the fallback only satisfies the type.
    let quota = Quota::with_period(period).unwrap_or(Quota::per_minute(NonZeroU32::MIN)).allow_burst(burst);
    DefaultKeyedRateLimiter::keyed(quota)
}

impl Limits {
    /// A mail domain opens `of_domain` accounts an hour where anybody may open one.
    pub fn new(cluster: Cluster, of_domain: NonZeroU32) -> Self {
        Self {
            accounts: limiter(ACCOUNT),
            addresses: limiter(ADDRESS),
            sign_ups: limiter(SIGN_UPS),
            domains: limiter((of_domain.get(), SIGN_UPS_OF_DOMAIN / of_domain.get())),
            secrets: limiter(SECRETS),
            reviews: limiter(REVIEWS),
            hashing: Semaphore::new(HASHES),
            cluster,
        }
    }

    /// One try to sign in as `email`, whether or not there is such an account.
    pub fn sign_in(&self, address: &str, email: &str) -> AppResult<()> {
        self.check(Used::Address, address_key(address))?;
        self.check(Used::Account, secrets::hash(email))
    }

    /// One try to prove a password again while signed in.
    pub fn password(&self, account: &str) -> AppResult<()> {
        self.check(Used::Account, account.to_owned())
    }

    /// One try to open an account.
    pub fn sign_up(&self, address: &str) -> AppResult<()> {
        self.check(Used::SignUp, address_key(address))
    }

    /// One account that is opened with an address of a mail domain, by somebody whom nobody has invited.
    pub fn sign_up_of(&self, domain: &str) -> AppResult<()> {
        self.check(Used::Domain, domain.to_owned())
    }

    /// One try to sign in from an address, when it is not known as whom.
    pub fn attempt(&self, address: &str) -> AppResult<()> {
        self.check(Used::Address, address_key(address))
    }

    /// A link or token that did not work.
    pub fn wrong_secret(&self, address: &str) -> AppResult<()> {
        self.check(Used::Secret, address_key(address))
    }

    /// One review of an account.
    pub fn review(&self, account: &str) -> AppResult<()> {
        self.check(Used::Review, account.to_owned())
    }

    fn of(&self, limit: Used) -> Option<&DefaultKeyedRateLimiter<String>> {
        Some(match limit {
            Used::Account => &self.accounts,
            Used::Address => &self.addresses,
            Used::SignUp => &self.sign_ups,
            Used::Domain => &self.domains,
            Used::Secret => &self.secrets,
            Used::Review => &self.reviews,
            Used::Search => return None,
        })
    }

    fn check(&self, limit: Used, key: String) -> AppResult<()> {
        let Some(limiter) = self.of(limit) else { return Ok(()) };
        check(limiter, &key)?;
        self.cluster.announce(&Notice::Used { limit, key });
        Ok(())
    }

    /// Somebody used one of a limit at another node.
    pub fn hear(&self, limit: Used, key: String) {
        if let Some(limiter) = self.of(limit) {
            let _ = check(limiter, &key);
        }
    }

    /// Drops the keys that are back at their full quota.
    pub fn forget_old(&self) {
        for limiter in [&self.accounts, &self.addresses, &self.sign_ups, &self.domains, &self.secrets, &self.reviews] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

fn check(limiter: &DefaultKeyedRateLimiter<String>, key: &String) -> AppResult<()> {
    if limiter.len() > KEYS_MAX {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        AppError::too_many(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
    })
}

/// An IPv6 customer has a whole /64, so that is one address here.
fn address_key(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) if v6.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    fn limits() -> Limits {
        Limits::new(Cluster::alone(), NonZeroU32::new(3).expect("above 0"))
    }

    #[test]
    fn an_account_is_limited_from_any_address() {
        let limits = limits();
        let tries = (0..20).map(|n| limits.sign_in(&format!("10.0.0.{n}"), "a@b.c")).filter(Result::is_ok).count();
        assert_eq!(tries, 10);
        let error = limits.sign_in("10.0.1.1", "a@b.c").expect_err("limited");
        assert_eq!(error.code, ErrorCode::TooManyRequests);
        assert!(error.retry_after.is_some_and(|seconds| (1..=61).contains(&seconds)));
        assert!(limits.sign_in("10.0.1.1", "other@b.c").is_ok());
    }

    #[test]
    fn an_address_is_limited_over_all_accounts() {
        let limits = limits();
        let tries = (0..200).map(|n| limits.sign_in("2001:db8::1", &format!("{n}@b.c"))).filter(Result::is_ok).count();
        assert!((100..110).contains(&tries), "{tries}");
        assert!(limits.sign_in("2001:db8::ffff", "new@b.c").is_err(), "the same /64");
        assert!(limits.sign_in("2001:db8:0:1::1", "new@b.c").is_ok());
    }

    #[test]
    fn what_was_used_elsewhere_counts_here() {
        let limits = limits();
        (0..10).for_each(|_| limits.hear(Used::Account, secrets::hash("a@b.c")));
        assert!(limits.sign_in("10.0.0.1", "a@b.c").is_err());
        assert!(limits.sign_in("10.0.0.1", "b@b.c").is_ok());
    }

    #[test]
    fn a_mail_domain_opens_so_many_accounts_from_anywhere() {
        let limits = limits();
        let opened = (0..10).map(|_| limits.sign_up_of("x.example")).filter(Result::is_ok).count();
        assert_eq!(opened, 3);
        assert!(limits.sign_up_of("y.example").is_ok());
    }
}
