//! Whether the clock of this machine is right: held against what others say, and against what was written when it was asked before.

use super::Finding;
use crate::server::{
    clock,
    db::{Db, Engine},
};

/// A clock may be off by so much, the way of the answer included.
const SKEW_MS: i64 = 2 * clock::MINUTE;

/// A time to hold the clock against.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Who says so, as a person knows it.
    pub of: String,
    /// In UTC milliseconds.
    pub at: i64,
    /// What this clock said then.
    pub own: i64,
    /// It was so once: now is later, by whatever time.
    pub is_past: bool,
}

/// What the database says: what was written last, and where it has a clock of its own, that.
pub async fn of_database(db: &Db) -> Vec<Reference> {
    let number = async |sql: &'static str| sqlx::query_scalar::<_, Option<i64>>(sql).fetch_one(db.read()).await.ok().flatten();
    let mut found = Vec::new();
    // Usage may not be counted; who signed in is noted in any case.
    let events = number("SELECT MAX(at) FROM usage_events WHERE seq = (SELECT MAX(seq) FROM usage_events)").await;
    let audit = number("SELECT MAX(created_at) FROM audit_events").await;
    if let Some(at) = events.max(audit) {
        found.push(Reference { of: "what was written last".to_owned(), at, own: clock::now_ms(), is_past: true });
    }
    if db.engine() == Engine::Postgres
        && let Some(at) = number("SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT").await
    {
        found.push(Reference { of: "PostgreSQL".to_owned(), at, own: clock::now_ms(), is_past: false });
    }
    found
}

pub fn finding(references: &[Reference], now: i64) -> Finding {
    const TOPIC: &str = "clock";
    let wrong = references.iter().find_map(|Reference { of, at, own, is_past }| {
        let minutes = (at - own).abs() / clock::MINUTE;
        match at - own {
            off if off > SKEW_MS => Some(format!("it is {minutes} minutes behind {of}")),
            off if off < -SKEW_MS && !is_past => Some(format!("it is {minutes} minutes ahead of {of}")),
            _ => None,
        }
    });
    if let Some(says) = wrong {
        return Finding::wrong(TOPIC, says, "Set the clock, and let it be kept right (timedatectl set-ntp true).");
    }
    let others: Vec<&str> = references.iter().filter(|reference| !reference.is_past).map(|reference| reference.of.as_str()).collect();
    Finding::good(
        TOPIC,
        match others.as_slice() {
            [] => clock::rfc3339(now),
            others => format!("{}, as {} says", clock::rfc3339(now), others.join(" and ")),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::doctor::Verdict;

    #[test]
    fn a_clock_that_is_behind_or_ahead_is_noticed() {
        let held = |off: i64, is_past: bool| {
            let reference = Reference { of: "somebody".to_owned(), at: clock::HOUR + off, own: clock::HOUR, is_past };
            finding(&[reference], clock::HOUR)
        };
        for (off, is_past, verdict) in [
            (0, false, Verdict::Good),
            (clock::MINUTE, false, Verdict::Good),
            (-clock::MINUTE, false, Verdict::Good),
            (3 * clock::MINUTE, false, Verdict::Wrong),
            (-3 * clock::MINUTE, false, Verdict::Wrong),
            (3 * clock::MINUTE, true, Verdict::Wrong),
            (-30 * clock::DAY, true, Verdict::Good),
        ] {
            assert_eq!(held(off, is_past).verdict, verdict, "{off} {is_past}");
        }
        assert!(held(-10 * clock::MINUTE, false).says.contains("10 minutes ahead of somebody"));
        assert!(held(0, false).says.ends_with("as somebody says"));
        assert_eq!(finding(&[], clock::HOUR).verdict, Verdict::Good, "with nothing to hold it against");
    }
}
