//! How requests went: counted in memory, written once a minute.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use llmos_analytics::{
    Kind,
    latency::{BUCKETS, bucket},
};

use super::{Event, record_all};
use crate::{error::AppResult, server::context::Ctx};

/// Between two writes; what a process that is killed has not written is lost.
const EVERY: Duration = Duration::from_secs(60);

/// How many requests took how long since they were written last, and how many of them failed.
pub struct Gauges {
    served: [AtomicU64; BUCKETS as usize],
    failed: AtomicU64,
}

impl Default for Gauges {
    fn default() -> Self {
        Self { served: [const { AtomicU64::new(0) }; BUCKETS as usize], failed: AtomicU64::new(0) }
    }
}

impl Gauges {
    /// A request was answered.
    pub fn note(&self, took: Duration, failed: bool) {
        if let Some(count) = self.served.get(bucket(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)) as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if failed {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted since it was taken last.
    fn take(&self) -> Vec<Event> {
        let served = self.served.iter().zip(0..).filter_map(|(count, bucket)| {
            let count = count.swap(0, Ordering::Relaxed);
            (count > 0).then(|| Event::new(Kind::HttpServed).amount(signed(count)).extra(bucket))
        });
        let failed = Some(self.failed.swap(0, Ordering::Relaxed)).filter(|count| *count > 0);
        served.chain(failed.map(|count| Event::new(Kind::HttpFailed).amount(signed(count)))).collect()
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Until the process is asked to stop, and once more then.
pub async fn keep_gauges(ctx: &Ctx) {
    let mut ends = false;
    while !ends {
        ends = ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none();
        if let Err(error) = write_gauges(ctx).await {
            tracing::warn!(%error, "how requests went is left out of the figures");
        }
    }
}

/// Writes what was counted so far.
pub async fn write_gauges(ctx: &Ctx) -> AppResult<()> {
    let events = ctx.state.usage.gauges.take();
    if events.is_empty() || !ctx.state.config.analytics_enabled {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    record_all(ctx, &mut tx, events).await?;
    Ok(tx.commit().await?)
}
