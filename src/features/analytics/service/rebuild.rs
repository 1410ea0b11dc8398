//! Making all rollups anew beside those that count, and putting them in their place; and removing events that have had their time.
//!
//! What is older than the events that are kept stays as it was counted.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use llmos_analytics::{
    Kind,
    cells::{Cell, Cells, totals},
    codec::encode,
    metric::counted_in,
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
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts,
        jobs::{self, Job, model::JobStatus, service::NewJob},
    },
    server::{clock, context::Ctx, error::internal},
};

/// Rebuilds wait for one another.
const IN_ORDER: &str = "analytics";
/// Events that are read at once.
const PAGE: i64 = 20_000;
/// Cells that wait in memory before their quarters are written.
const WAITING: usize = 300_000;
/// Quarters of one transaction, and bytes of them: it holds the writer for a few milliseconds.
const QUARTERS: usize = 400;
const BYTES: usize = 256 * 1024;
/// How often it is looked again for what other nodes counted meanwhile, before it is left for later.
const ROUNDS: usize = 30;
/// Between two reports of how far it is.
const REPORT: Duration = Duration::from_millis(500);
/// Events that are looked at, and deleted, at once.
const OLD: i64 = 2_000;
/// A clock is believed when it was right about these times before now, in ms: see [`is_believed`].
const BELIEVED: std::ops::Range<i64> = 7 * clock::DAY..28 * clock::DAY;

/// Queues it, for an administrator.
pub async fn request_rebuild(ctx: &Ctx) -> AppResult<JobStatus> {
    let owner = accounts::service::require_administrator(ctx)?.id();
    jobs::service::start(ctx, owner, NewJob::new(REBUILD, &())?.in_order_of(IN_ORDER)).await
}

/// The job: pages answer from the old rollups until the new ones are whole. One that died left rows that nobody reads, and begins again.
///
/// The first round is the long one, and everything goes on beside it. Each of those after it takes in what was counted meanwhile; this process counts nothing
/// then, and when no other did either, the generations are exchanged.
///
/// # Errors
/// Where other nodes count in every round, it is tried again later.
pub async fn rebuild(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let mark = rollups::mark(ctx.db().read()).await?;
    clear(ctx, [mark.generation, mark.generation]).await?;
    let (first, of) = rollups::ends(ctx.db().read()).await?;
    let mut anew = Anew {
        ctx,
        job,
        generation: mark.generation + 1,
        floor: mark.floor,
        place: (0, 0),
        events: 0,
        first,
        of,
        fresh: Fresh::new(),
        waiting: 0,
        done: HashSet::new(),
        sums: BTreeMap::new(),
        reported: Instant::now(),
    };
    anew.take_in(&mark).await?;

    let held = ctx.state.usage.roller.held.lock().await;
    for _ in 0..ROUNDS {
        let mark = rollups::mark(ctx.db().read()).await?;
        anew.take_in(&mark).await?;
        if anew.exchange(&mark).await? {
            drop(held);
            clear(ctx, [anew.generation, anew.generation]).await?;
            return Ok(json!({ "events": anew.events }));
        }
    }
    Err(AppError::new(ErrorCode::Unavailable, "Other nodes counted usage events all the while."))
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
    /// Quarters before this one are taken over: not all of their events are there.
    floor: i64,
    /// The event that was read last.
    place: (i64, i64),
    events: i64,
    /// The numbers of the oldest and of the newest event there was in the beginning: how far it is.
    first: i64,
    of: i64,
    fresh: Fresh,
    waiting: usize,
    /// Workspaces that are whole up to the place: what is taken over and what they have in all.
    done: HashSet<i64>,
    /// What these have got since: the first quarter, and totals.
    sums: BTreeMap<i64, (i64, Cells)>,
    reported: Instant,
}

impl Anew<'_> {
    /// Brings the new rollups to where those that count are at `mark`.
    async fn take_in(&mut self, mark: &Mark) -> AppResult<()> {
        if mark.floor != self.floor {
            // Old events were removed meanwhile, some of them perhaps before they were read here.
            self.floor = mark.floor;
            self.done.clear();
            self.forget_old().await?;
        }
        while self.page((mark.tx, mark.seq)).await? {}
        self.flush().await?;
        for (workspace, (first_quarter, cells)) in std::mem::take(&mut self.sums) {
            if self.done.contains(&workspace) {
                let there = rollups::workspace(self.ctx.db().read(), self.generation, workspace).await?;
                self.put(workspace, &rolling::sum_up(there, first_quarter, cells)?).await?;
            }
        }
        for workspace in rollups::workspaces(self.ctx.db().read(), mark.generation).await? {
            if self.done.insert(workspace) {
                self.keep_old(mark, workspace).await?;
                self.sum_up(workspace).await?;
            }
        }
        Ok(())
    }

    /// Reads on, up to the event `last` at most. False: there is no more.
    async fn page(&mut self, last: (i64, i64)) -> AppResult<bool> {
        let rows = rollups::events_after(self.ctx.db().read(), self.ctx.db().engine(), self.place, PAGE).await?;
        let mut more = false;
        for row in rows.iter().take_while(|row| (row.tx, row.seq) <= last) {
            more = true;
            self.place = (row.tx, row.seq);
            self.events += 1;
            let Some(event) = rolling::event(row) else { continue };
            if quarter_of(event.at) < self.floor {
                // It is in what is taken over, which is to be done again where it was done before.
                for event in counted_in(&event) {
                    self.done.remove(&i64::from(event.workspace));
                }
                continue;
            }
            let quarters = self.fresh.len();
            rolling::add(&mut self.fresh, &event);
            self.waiting += 2 + self.fresh.len() - quarters;
        }
        if self.waiting >= WAITING {
            self.flush().await?;
        }
        if self.reported.elapsed() >= REPORT {
            self.reported = Instant::now();
            // By numbers, not by how many were read: those of removed events are not given again.
            let of = (self.of - self.first).max(1);
            jobs::service::progress(self.ctx, self.job, (self.place.1 - self.first).clamp(0, of), of).await?;
        }
        Ok(more)
    }

    /// Writes what waits, with what was written of the same quarters before.
    async fn flush(&mut self) -> AppResult<()> {
        self.waiting = 0;
        let mut fresh = std::mem::take(&mut self.fresh).into_iter().peekable();
        while fresh.peek().is_some() {
            let mut slice: BTreeMap<(i64, i64), Cells> = fresh
                .by_ref()
                .take(QUARTERS)
                .map(|((workspace, quarter), cells)| ((i64::from(workspace), quarter), cells.into_iter().collect()))
                .collect();
            for (&(workspace, quarter), cells) in slice.iter().filter(|((workspace, _), _)| self.done.contains(workspace)) {
                let sum = self.sums.entry(workspace).or_insert((quarter, Cells::default()));
                sum.0 = sum.0.min(quarter);
                sum.1.merge(totals(quarter, cells));
            }
            let places: Vec<(i64, i64)> = slice.keys().copied().collect();
            for there in rollups::quarters_at(self.ctx.db().read(), self.generation, &places).await? {
                if let Some(cells) = slice.get_mut(&(there.workspace, there.quarter)) {
                    cells.merge(read(&there.cells)?);
                }
            }
            let (mut rows, mut bytes) = (Vec::new(), 0);
            for ((workspace, quarter), cells) in slice {
                let cells = encode(&cells);
                bytes += cells.len();
                rows.push(QuarterRow { workspace, quarter, cells });
                if bytes >= BYTES {
                    self.write(&rows).await?;
                    (rows, bytes) = (Vec::new(), 0);
                }
            }
            self.write(&rows).await?;
        }
        Ok(())
    }

    async fn write(&self, rows: &[QuarterRow]) -> AppResult<()> {
        let mut tx = self.ctx.db().write_tx().await?;
        rollups::put_quarters(&mut tx, self.generation, rows).await?;
        Ok(tx.commit().await?)
    }

    /// Removes quarters that are to be taken over, and were made of the events that were left.
    async fn forget_old(&self) -> AppResult<()> {
        loop {
            let mut tx = self.ctx.db().write_tx().await?;
            let more = rollups::remove_quarters(&mut tx, self.generation, self.floor).await?;
            tx.commit().await?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Takes over a workspace's quarters whose events are gone.
    async fn keep_old(&self, mark: &Mark, workspace: i64) -> AppResult<()> {
        let mut after = i64::MIN;
        loop {
            let span = (after, self.floor);
            let rows = rollups::quarters_between(self.ctx.db().read(), mark.generation, workspace, span, QUARTERS as i64).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.quarter;
            self.write(&rows).await?;
        }
    }

    /// Writes what a workspace has in all, of its new quarters.
    async fn sum_up(&self, workspace: i64) -> AppResult<()> {
        let (mut first, mut after, mut sum) = (None, i64::MIN, Cells::default());
        loop {
            let span = (after, i64::MAX);
            let rows = rollups::quarters_between(self.ctx.db().read(), self.generation, workspace, span, QUARTERS as i64).await?;
            let Some(last) = rows.last() else { break };
            after = last.quarter;
            first = first.or(rows.first().map(|row| row.quarter));
            let mut cells: Vec<Cell> = Vec::new();
            for row in &rows {
                cells.extend(totals(row.quarter, &read(&row.cells)?).iter().map(|(key, value)| (*key, value.clone())));
            }
            sum.merge(cells.into_iter().collect());
        }
        let Some(first_quarter) = first else { return Ok(()) };
        self.put(workspace, &WorkspaceRow { version: 1, first_quarter, totals: encode(&sum) }).await
    }

    async fn put(&self, workspace: i64, row: &WorkspaceRow) -> AppResult<()> {
        let mut tx = self.ctx.db().write_tx().await?;
        rollups::put_workspace(&mut tx, self.generation, workspace, row).await?;
        Ok(tx.commit().await?)
    }

    /// The new rollups are those that count, unless something was counted since `mark`.
    async fn exchange(&self, mark: &Mark) -> AppResult<bool> {
        let to = Mark { generation: self.generation, at: self.ctx.now(), ..*mark };
        let mut tx = self.ctx.db().write_tx().await?;
        if !rollups::advance(&mut tx, mark, &to).await? {
            return Ok(false);
        }
        tx.commit().await?;
        jobs::service::progress(self.ctx, self.job, 1, 1).await?;
        Ok(true)
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
    let is_old = |(_, at): &(i64, i64)| quarter_of(*at) < floor;
    // A rebuild is to find what it began with.
    if jobs::service::at_work(ctx, &[REBUILD], IN_ORDER).await?.is_some() {
        return Ok(());
    }
    // Numbers are in about the order of time: a page without an old one is the end of them. What came in late goes when its page is the first.
    if !rollups::oldest(ctx.db().read(), 0, OLD).await?.iter().any(is_old) || !is_believed(ctx).await? {
        return Ok(());
    }
    let mark = {
        let _held = ctx.state.usage.roller.held.lock().await;
        let mark = rollups::mark(ctx.db().read()).await?;
        let to = Mark { floor: floor.max(mark.floor), ..mark };
        let mut tx = ctx.db().write_tx().await?;
        // Another node counts: the next time is soon enough, and nothing goes before it is written that it may.
        if !rollups::advance(&mut tx, &mark, &to).await? {
            return Ok(());
        }
        tx.commit().await?;
        to
    };
    let mut after = 0;
    loop {
        let events = rollups::oldest(ctx.db().read(), after, OLD).await?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        if !events.iter().any(is_old) {
            return Ok(());
        }
        after = last.0;
        let mut tx = ctx.db().write_tx().await?;
        rollups::remove_events(&mut tx, ctx.db().engine(), (first.0, last.0), floor * QUARTER, &mark).await?;
        tx.commit().await?;
    }
}

/// Removes days that were kept ready for zones from which nobody looks any more.
pub async fn remove_unused_days(ctx: &Ctx) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    rollups::remove_zones(&mut tx, now - rolling::ZONES_KEPT, now + clock::DAY).await?;
    tx.commit().await?;
    loop {
        let mut tx = ctx.db().write_tx().await?;
        let more = rollups::remove_unused_days(&mut tx).await?;
        tx.commit().await?;
        if !more {
            return Ok(());
        }
    }
}

/// Whether the clock can be believed with what cannot be taken back. A server that runs notes its jobs all the time: if it noted none one to four weeks
/// ago, it was off until lately, or the clock has jumped ahead. Either way nothing is lost by waiting. What four weeks do not show is too little to matter:
/// events are kept for a month at least.
async fn is_believed(ctx: &Ctx) -> AppResult<bool> {
    // Where nothing is written, there is nothing to go by.
    if !ctx.state.config.analytics_enabled {
        return Ok(true);
    }
    let now = ctx.now();
    rollups::is_any(ctx.db().read(), Kind::JobEnded.number(), now - BELIEVED.end, now - BELIEVED.start).await
}
