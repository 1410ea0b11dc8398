//! Jobs that come back, by cron expressions. When each is due next stands in the database: a time that passed while nobody ran is made up for
//! once, and of several nodes one queues the job.

use std::str::FromStr as _;

use croner::Cron;

use super::{super::store, NewJob, enqueue};
use crate::{
    error::AppResult,
    server::{clock, context::Ctx},
};

/// When what another node is about to queue is looked at again.
const AGAIN_MS: i64 = 5 * clock::SECOND;

/// When a kind of job comes back.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pub kind: &'static str,
    /// Minute, hour, day of the month, month, day of the week.
    pub cron: &'static str,
    /// An IANA time zone.
    pub zone: &'static str,
}

impl Schedule {
    fn pattern(&self) -> String {
        format!("{} {}", self.cron, self.zone)
    }

    /// The first time after `now`, both in UTC milliseconds; none where the expression or the zone is none.
    pub fn next_after(&self, now: i64) -> Option<i64> {
        Self::next(self.cron, self.zone, now)
    }

    /// The same of an expression and a zone that somebody typed.
    pub fn next(cron: &str, zone: &str, now: i64) -> Option<i64> {
        let now = jiff::Timestamp::from_millisecond(now).ok()?.in_tz(zone).ok()?;
        let next = Cron::from_str(cron).ok()?.find_next_occurrence(&now, false).ok()?;
        Some(next.timestamp().as_millisecond())
    }
}

/// Puts down what is not there yet.
pub async fn keep(ctx: &Ctx, schedules: &[Schedule]) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    for schedule in schedules {
        if let Some(next) = schedule.next_after(now) {
            store::keep_schedule(&mut tx, schedule.kind, &schedule.pattern(), next).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Queues what is due; when the next one is.
pub async fn queue_due(ctx: &Ctx, schedules: &[Schedule]) -> AppResult<i64> {
    let now = ctx.now();
    let mut soonest = i64::MAX;
    for kept in store::schedules(ctx.db().read()).await? {
        let Some(schedule) = schedules.iter().find(|schedule| schedule.kind == kept.kind) else { continue };
        if kept.next_at > now {
            soonest = soonest.min(kept.next_at);
            continue;
        }
        let Some(next) = schedule.next_after(now) else { continue };
        let mut tx = ctx.db().write_tx().await?;
        let leads = store::lead(&mut tx, ctx.db().engine()).await?;
        if leads && store::advance_schedule(&mut tx, schedule.kind, kept.next_at, next, now).await? {
            enqueue(&mut tx, NewJob::new(schedule.kind, &serde_json::Value::Null)?.once(), now).await?;
        }
        tx.commit().await?;
        // Whoever is at it may be gone before the commit: it is looked at again.
        soonest = soonest.min(if leads { next } else { now + AGAIN_MS });
    }
    Ok(soonest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().expect("a time").as_millisecond()
    }

    #[test]
    fn the_next_time_is_in_the_zone_of_the_schedule() {
        let nightly = Schedule { kind: "x", cron: "30 3 * * *", zone: "Europe/Berlin" };
        assert_eq!(nightly.next_after(at("2026-11-27T21:00:00Z")), Some(at("2026-11-28T02:30:00Z")));
        assert_eq!(nightly.next_after(at("2026-07-01T01:29:59Z")), Some(at("2026-07-01T01:30:00Z")));
        // Not the time itself: it has been.
        assert_eq!(nightly.next_after(at("2026-07-01T01:30:00Z")), Some(at("2026-07-02T01:30:00Z")));
    }

    #[test]
    fn what_is_no_expression_or_no_zone_is_never() {
        assert_eq!(Schedule { kind: "x", cron: "soon", zone: "UTC" }.next_after(0), None);
        assert_eq!(Schedule { kind: "x", cron: "* * * * *", zone: "Atlantis" }.next_after(0), None);
    }
}
