//! Making all rollups anew beside those that count, and putting them in their place; and removing events that have had their time.
//!
//! What is older than the events that are kept stays as it was counted.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use llmos_analytics::{
    cells::{Cells, totals},
    codec::encode,
    zones::{QUARTER, quarter_of},
};
use serde_json::json;

use super::{
    super::{
        jobs::REBUILD,
        store::rollups::{self, Mark, QuarterRow, WorkspaceRow},
    },
    rolling::{self, Fresh, read},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts,
        jobs::{self, Job, model::JobStatus, service::NewJob},
    },
    server::{context::Ctx, error::internal},
};

/// Events that are read at once.
const PAGE: i64 = 20_000;
/// Cells that wait in memory before their quarters are written.
const WAITING: usize = 300_000;
/// Quarters of one transaction, and bytes of them: it holds the writer for a few milliseconds.
const QUARTERS: usize = 400;
const BYTES: usize = 256 * 1024;
/// Between two reports of how far it is.
const REPORT: Duration = Duration::from_millis(500);
/// Events that are looked at, and deleted, at once.
const OLD: i64 = 2_000;

/// Queues it, for an administrator.
pub async fn request_rebuild(ctx: &Ctx) -> AppResult<JobStatus> {
    let owner = accounts::service::require_administrator(ctx)?.id();
    jobs::service::start(ctx, owner, NewJob::new(REBUILD, &())?.in_order_of("analytics")).await
}

/// The job: pages answer from the old rollups until the new ones are whole. One that died left rows that nobody reads, and begins again.
pub async fn rebuild(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let mark = rollups::mark(ctx.db().read()).await?;
    clear(ctx, [mark.generation, mark.generation]).await?;
    let mut anew = Anew {
        ctx,
        job,
        generation: mark.generation + 1,
        floor: mark.floor,
        place: (0, 0),
        events: 0,
        of: rollups::newest(ctx.db().read()).await?,
        fresh: Fresh::new(),
        waiting: 0,
        written: HashSet::new(),
        sums: BTreeMap::new(),
        reported: Instant::now(),
    };
    while anew.page(None).await? {}

    // From here on nothing else counts: what came in meanwhile is counted on both sides, and then they are exchanged.
    let held = ctx.state.usage.roller.held.lock().await;
    rolling::count_all(ctx).await?;
    let mark = rollups::mark(ctx.db().read()).await?;
    if (mark.generation + 1, mark.floor) != (anew.generation, anew.floor) {
        return Err(AppError::conflict("Old events were removed meanwhile. Start it again."));
    }
    while anew.page(Some((mark.tx, mark.seq))).await? {}
    anew.keep_old(&mark).await?;
    anew.flush().await?;
    let events = anew.events;
    let generation = anew.finish(&mark).await?;
    drop(held);
    clear(ctx, [generation, generation]).await?;
    Ok(json!({ "events": events }))
}

/// Removes all rows of other generations, a few at a time.
async fn clear(ctx: &Ctx, keep: [i64; 2]) -> AppResult<()> {
    loop {
        let mut tx = ctx.db().write_tx().await?;
        let more = rollups::remove_other_generations(&mut tx, &keep).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
    }
}

/// Rollups that are being made.
struct Anew<'a> {
    ctx: &'a Ctx,
    job: &'a Job,
    generation: i64,
    floor: i64,
    /// The event that was read last.
    place: (i64, i64),
    events: i64,
    of: i64,
    fresh: Fresh,
    waiting: usize,
    /// Quarters that are in the database already.
    written: HashSet<(u32, i64)>,
    /// The first quarter of each workspace, and its cells of all time.
    sums: BTreeMap<u32, (i64, Cells)>,
    reported: Instant,
}

impl Anew<'_> {
    /// Reads on, up to an event at most. False: there is no more.
    async fn page(&mut self, last: Option<(i64, i64)>) -> AppResult<bool> {
        let rows = rollups::events_after(self.ctx.db().read(), self.ctx.db().engine(), self.place, PAGE).await?;
        let mut more = false;
        for row in rows.iter().take_while(|row| last.is_none_or(|last| (row.tx, row.seq) <= last)) {
            more = true;
            self.place = (row.tx, row.seq);
            self.events += 1;
            if let Some(event) = rolling::event(row).filter(|event| quarter_of(event.at) >= self.floor) {
                let quarters = self.fresh.len();
                rolling::add(&mut self.fresh, &event);
                self.waiting += 2 + self.fresh.len() - quarters;
            }
        }
        if self.waiting >= WAITING {
            self.flush().await?;
        }
        if self.reported.elapsed() >= REPORT {
            self.reported = Instant::now();
            jobs::service::progress(self.ctx, self.job, self.events.min(self.of), self.of).await?;
        }
        Ok(more)
    }

    /// Writes what waits.
    async fn flush(&mut self) -> AppResult<()> {
        self.waiting = 0;
        let mut rows = Vec::new();
        let mut bytes = 0;
        for ((workspace, quarter), cells) in std::mem::take(&mut self.fresh) {
            let mut cells: Cells = cells.into_iter().collect();
            self.sum_up(workspace, quarter, &cells);
            if !self.written.insert((workspace, quarter)) {
                for there in rollups::quarters(self.ctx.db().read(), self.generation, workspace.into(), quarter, quarter + 1).await? {
                    cells.merge(read(&there.cells)?);
                }
            }
            let cells = encode(&cells);
            bytes += cells.len();
            rows.push(QuarterRow { workspace: workspace.into(), quarter, cells });
            if rows.len() >= QUARTERS || bytes >= BYTES {
                self.write(&rows).await?;
                rows.clear();
                bytes = 0;
            }
        }
        self.write(&rows).await
    }

    async fn write(&self, rows: &[QuarterRow]) -> AppResult<()> {
        let mut tx = self.ctx.db().write_tx().await?;
        rollups::put_quarters(&mut tx, self.generation, rows).await?;
        Ok(tx.commit().await?)
    }

    fn sum_up(&mut self, workspace: u32, quarter: i64, cells: &Cells) {
        let sum = self.sums.entry(workspace).or_insert((quarter, Cells::default()));
        sum.0 = sum.0.min(quarter);
        sum.1.merge(totals(quarter, cells));
    }

    /// Takes over the quarters whose events are gone.
    async fn keep_old(&mut self, mark: &Mark) -> AppResult<()> {
        let mut after = (-1, 0);
        loop {
            let rows = rollups::old_quarters(self.ctx.db().read(), mark.generation, mark.floor, after, QUARTERS as i64).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = (last.workspace, last.quarter);
            for row in &rows {
                self.sum_up(
                    u32::try_from(row.workspace).map_err(|error| internal("a workspace's number", &error))?,
                    row.quarter,
                    &read(&row.cells)?,
                );
            }
            self.write(&rows).await?;
        }
    }

    /// What each workspace has in all; then the new rollups are those that count.
    async fn finish(self, mark: &Mark) -> AppResult<i64> {
        for (workspace, (first_quarter, cells)) in &self.sums {
            let mut tx = self.ctx.db().write_tx().await?;
            let row = WorkspaceRow { version: 1, first_quarter: *first_quarter, totals: encode(cells) };
            rollups::put_workspace(&mut tx, self.generation, (*workspace).into(), &row).await?;
            tx.commit().await?;
        }
        let to = Mark { generation: self.generation, at: self.ctx.now(), ..*mark };
        let mut tx = self.ctx.db().write_tx().await?;
        if !rollups::advance(&mut tx, mark, &to).await? {
            return Err(AppError::conflict("Usage events were counted by another process meanwhile. Start it again."));
        }
        tx.commit().await?;
        jobs::service::progress(self.ctx, self.job, self.of.max(1), self.of.max(1)).await?;
        Ok(self.generation)
    }
}

/// Removes events that are older than they are kept (`ANALYTICS_RAW_MONTHS`). What they add up to stays for ever.
pub async fn remove_old_events(ctx: &Ctx) -> AppResult<()> {
    let months = i32::try_from(ctx.state.config.analytics_raw_months).unwrap_or(i32::MAX).min(12_000);
    let oldest = jiff::Timestamp::from_millisecond(ctx.now())
        .map(|now| now.to_zoned(jiff::tz::TimeZone::UTC))
        .and_then(|now| now.checked_sub(jiff::Span::new().try_months(months)?))
        .map_err(|error| internal("the age of usage events", &error))?;
    let floor = quarter_of(oldest.timestamp().as_millisecond());
    let mark = {
        let _held = ctx.state.usage.roller.held.lock().await;
        // Counted before they go.
        rolling::count_all(ctx).await?;
        let mark = rollups::mark(ctx.db().read()).await?;
        let to = Mark { floor: floor.max(mark.floor), ..mark };
        let mut tx = ctx.db().write_tx().await?;
        rollups::advance(&mut tx, &mark, &to).await?;
        tx.commit().await?;
        to
    };
    let mut after = 0;
    loop {
        let events = rollups::oldest(ctx.db().read(), after, OLD).await?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        // Numbers are in about the order of time: a page without an old one is the end of them. What came in late goes when its page is the first.
        if events.iter().all(|(_, at)| quarter_of(*at) >= mark.floor) {
            return Ok(());
        }
        after = last.0;
        let mut tx = ctx.db().write_tx().await?;
        rollups::remove_events(&mut tx, ctx.db().engine(), (first.0, last.0), mark.floor * QUARTER, &mark).await?;
        tx.commit().await?;
    }
}
