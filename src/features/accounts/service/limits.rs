//! How often somebody may try: signing in, signing up, using links and tokens ([`crate::server::rates`] counts).

use tokio::sync::Semaphore;

use crate::{
    error::AppResult,
    server::{
        rates::{Limit, Rates, address_key},
        secrets,
    },
};

/// How many passwords are hashed at once: each takes 19 MiB and a core for tens of milliseconds.
const HASHES: usize = 2;

/// The limits of tries.
pub struct Limits {
    rates: Rates,
    pub hashing: Semaphore,
}

impl Limits {
    pub fn new(rates: Rates) -> Self {
        Self { rates, hashing: Semaphore::new(HASHES) }
    }

    /// One try to sign in as `email`, whether or not there is such an account.
    pub fn sign_in(&self, address: &str, email: &str) -> AppResult<()> {
        self.check(Limit::Address, &address_key(address))?;
        self.check(Limit::Account, &secrets::hash(email))
    }

    /// One try to prove a password again while signed in.
    pub fn password(&self, account: &str) -> AppResult<()> {
        self.check(Limit::Account, account)
    }

    /// One try to open an account.
    pub fn sign_up(&self, address: &str) -> AppResult<()> {
        self.check(Limit::SignUp, &address_key(address))
    }

    /// One account that is opened with an address of a mail domain, by somebody whom nobody has invited.
    pub fn sign_up_of(&self, domain: &str) -> AppResult<()> {
        self.check(Limit::Domain, domain)
    }

    /// One try to sign in from an address, when it is not known as whom.
    pub fn attempt(&self, address: &str) -> AppResult<()> {
        self.check(Limit::Address, &address_key(address))
    }

    /// A link or token that did not work.
    pub fn wrong_secret(&self, address: &str) -> AppResult<()> {
        self.check(Limit::Secret, &address_key(address))
    }

    /// One review of an account.
    pub fn review(&self, account: &str) -> AppResult<()> {
        self.check(Limit::Review, account)
    }

    fn check(&self, limit: Limit, key: &str) -> AppResult<()> {
        self.rates.take(limit, key).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::{
        error::ErrorCode,
        server::{
            cluster::Cluster,
            rates::{RateSettings, Use},
        },
    };

    fn rates() -> Rates {
        Rates::new(RateSettings { domain: NonZeroU32::new(3).expect("above 0"), ..RateSettings::default() }, Cluster::alone())
    }

    #[test]
    fn an_account_is_limited_from_any_address() {
        let limits = Limits::new(rates());
        let tries = (0..20).map(|n| limits.sign_in(&format!("10.0.0.{n}"), "a@b.c")).filter(Result::is_ok).count();
        assert_eq!(tries, 10);
        let error = limits.sign_in("10.0.1.1", "a@b.c").expect_err("limited");
        assert_eq!(error.code, ErrorCode::TooManyRequests);
        assert!(error.retry_after.is_some_and(|seconds| (1..=61).contains(&seconds)));
        assert!(limits.sign_in("10.0.1.1", "other@b.c").is_ok());
    }

    #[test]
    fn an_address_is_limited_over_all_accounts() {
        let limits = Limits::new(rates());
        let tries = (0..200).map(|n| limits.sign_in("2001:db8::1", &format!("{n}@b.c"))).filter(Result::is_ok).count();
        assert!((100..110).contains(&tries), "{tries}");
        assert!(limits.sign_in("2001:db8::ffff", "new@b.c").is_err(), "the same /64");
        assert!(limits.sign_in("2001:db8:0:1::1", "new@b.c").is_ok());
    }

    #[test]
    fn what_was_used_elsewhere_counts_here() {
        let rates = rates();
        let limits = Limits::new(rates.clone());
        rates.hear(vec![Use { limit: Limit::Account, key: secrets::hash("a@b.c").into(), count: 10 }]);
        assert!(limits.sign_in("10.0.0.1", "a@b.c").is_err());
        assert!(limits.sign_in("10.0.0.1", "b@b.c").is_ok());
    }

    #[test]
    fn a_mail_domain_opens_so_many_accounts_from_anywhere() {
        let limits = Limits::new(rates());
        let opened = (0..10).map(|_| limits.sign_up_of("x.example")).filter(Result::is_ok).count();
        assert_eq!(opened, 3);
        assert!(limits.sign_up_of("y.example").is_ok());
    }
}
