//! Adding up: events become the cells of their quarters of an hour, slice by slice, soon after they are written.
//!
//! A slice is read and worked out outside of any transaction. One short transaction then writes its quarters and moves the mark on, if the mark is where it
//! was: a slice is counted whole or not at all, and once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use llmos_analytics::{
    cells::{Cell, Cells, totals},
    codec::{decode, encode},
    event::Event,
    kind::Kind,
    metric::{cells_of, counted_in},
    zones::{Zone, quarter_of},
};
use tokio::sync::{Mutex, Notify};

use super::{
    super::store::{
        self,
        rollups::{self, EventRow, Mark, QuarterRow, WorkspaceRow},
    },
    days,
};
use crate::{
    error::{AppError, AppResult},
    features::collaboration::{
        model::{RoomEvent, RoomType},
        service::announce,
    },
    ids::UserId,
    server::{clock, context::Ctx, db::Db, error::internal},
};

/// After the first event that is new: others that come with it are counted with it.
const TOGETHER: Duration = Duration::from_millis(250);
/// What nobody woke for: events of a transaction that ended late.
const LOOK: Duration = Duration::from_secs(5);
/// Events of a slice.
const SLICE: i64 = 2_000;
/// Quarters that a slice changes at most: its transaction is to hold the writer for a moment only.
const QUARTERS: usize = 100;
/// Zones are kept ready for those who looked from them within this time, in ms.
pub(super) const ZONES_KEPT: i64 = 14 * clock::DAY;
/// So many of a workspace, those that were used last: days of others are made when somebody asks.
const ZONES: i64 = 8;

/// Wakes the roller, and keeps it from the numbers while they are exchanged.
#[derive(Default)]
pub struct Roller {
    pub wake: Notify,
    pub(super) held: Mutex<()>,
}

/// An event of a row; none of a kind that this version does not know.
pub(super) fn event(row: &EventRow) -> Option<Event> {
    let key = |value: i64| u32::try_from(value).unwrap_or_default();
    let small = |value: i64| u8::try_from(value).unwrap_or_default();
    Some(Event {
        seq: row.seq,
        at: row.at,
        kind: Kind::from_number(u16::try_from(row.kind).ok()?)?,
        workspace: key(row.workspace),
        actor: key(row.actor),
        volume: key(row.volume),
        subject: key(row.subject),
        artifact_kind: small(row.artifact_kind),
        category: small(row.category),
        amount: row.amount,
        extra: row.extra,
    })
}

/// Cells by workspace and quarter of an hour.
pub(super) type Fresh = BTreeMap<(u32, i64), Vec<Cell>>;

/// Adds an event's cells to those of its quarters.
pub(super) fn add(fresh: &mut Fresh, event: &Event) {
    for event in counted_in(event) {
        let cells = cells_of(&event);
        if !cells.is_empty() {
            fresh.entry((event.workspace, quarter_of(event.at))).or_default().extend(cells);
        }
    }
}

pub(super) fn read(bytes: &[u8]) -> AppResult<Cells> {
    decode(bytes).map_err(|error| internal("the rollups of usage events", &error))
}

/// Works until the process is asked to stop.
pub async fn keep_rolling(ctx: &Ctx) {
    let (roller, shutdown) = (&ctx.state.usage.roller, &ctx.state.shutdown);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = roller.wake.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
        if shutdown.run_until_cancelled(tokio::time::sleep(TOGETHER)).await.is_none() {
            return;
        }
        if let Err(error) = roll_up(ctx).await {
            tracing::warn!(%error, "usage events are not added up yet");
        }
    }
}

/// The numbers of the newest event and of the last one that is counted, and when that was, in UTC milliseconds.
pub async fn progress(db: &Db) -> AppResult<(i64, i64, i64)> {
    let (_, newest) = rollups::ends(db.read()).await?;
    let mark = rollups::mark(db.read()).await?;
    Ok((newest, mark.seq, mark.at))
}

/// Counts all that is there, makes the days that it changed, and tells the workspaces.
pub async fn roll_up(ctx: &Ctx) -> AppResult<()> {
    let changed = {
        let _held = ctx.state.usage.roller.held.lock().await;
        count_all(ctx).await?
    };
    if changed.is_empty() {
        return Ok(());
    }
    let generation = rollups::mark(ctx.db().read()).await?.generation;
    for (workspace, quarters) in &changed {
        for name in rollups::zones(ctx.db().read(), (*workspace).into(), ctx.now() - ZONES_KEPT, ZONES).await? {
            let Ok(zone) = Zone::named(Some(&name)) else { continue };
            let touched: BTreeSet<_> = quarters.iter().map(|quarter| zone.day_of(quarter * llmos_analytics::zones::QUARTER)).collect();
            days::make(ctx, generation, *workspace, &zone, touched.into_iter().collect()).await?;
        }
    }
    tell(ctx, changed.keys().copied()).await
}

/// Quarters that changed, by workspace.
type Changed = BTreeMap<u32, BTreeSet<i64>>;

/// Slice by slice, until nothing new is there. Whoever calls it holds the roller.
async fn count_all(ctx: &Ctx) -> AppResult<Changed> {
    let mut changed = Changed::new();
    while let Some(quarters) = slice(ctx).await? {
        for (workspace, quarter) in quarters {
            changed.entry(workspace).or_default().insert(quarter);
        }
        tokio::task::yield_now().await;
    }
    Ok(changed)
}

/// One slice; none where there is nothing new.
async fn slice(ctx: &Ctx) -> AppResult<Option<Vec<(u32, i64)>>> {
    let pool = ctx.db().read();
    let mark = rollups::mark(pool).await?;
    let rows = rollups::events_after(pool, ctx.db().engine(), (mark.tx, mark.seq), SLICE).await?;
    let mut fresh = Fresh::new();
    let mut to = mark;
    for row in &rows {
        if let Some(event) = event(row) {
            add(&mut fresh, &event);
        }
        to = Mark { tx: row.tx, seq: row.seq, at: ctx.now(), ..to };
        if fresh.len() >= QUARTERS {
            break;
        }
    }
    if to == mark {
        return Ok(None);
    }
    let places: Vec<(i64, i64)> = fresh.keys().map(|(workspace, quarter)| (i64::from(*workspace), *quarter)).collect();
    let mut there: HashMap<(i64, i64), Vec<u8>> = rollups::quarters_at(pool, mark.generation, &places)
        .await?
        .into_iter()
        .map(|row| ((row.workspace, row.quarter), row.cells))
        .collect();
    let mut quarters = Vec::with_capacity(fresh.len());
    let mut sums: BTreeMap<u32, (i64, Cells)> = BTreeMap::new();
    for ((workspace, quarter), cells) in fresh {
        let mut cells: Cells = cells.into_iter().collect();
        let sum = sums.entry(workspace).or_insert((quarter, Cells::default()));
        sum.0 = sum.0.min(quarter);
        sum.1.merge(totals(quarter, &cells));
        if let Some(there) = there.remove(&(workspace.into(), quarter)) {
            cells.merge(read(&there)?);
        }
        quarters.push(QuarterRow { workspace: workspace.into(), quarter, cells: encode(&cells) });
    }
    let mut workspaces = Vec::with_capacity(sums.len());
    for (workspace, (first_quarter, cells)) in sums {
        workspaces.push((workspace, sum_up(rollups::workspace(pool, mark.generation, workspace.into()).await?, first_quarter, cells)?));
    }

    let mut tx = ctx.db().write_tx().await?;
    if !rollups::advance(&mut tx, &mark, &to).await? {
        return Err(AppError::conflict("Usage events are being counted by another process. Try again in a moment."));
    }
    rollups::put_quarters(&mut tx, mark.generation, &quarters).await?;
    for (workspace, row) in &workspaces {
        rollups::put_workspace(&mut tx, mark.generation, (*workspace).into(), row).await?;
    }
    for row in &quarters {
        rollups::forget_days(&mut tx, mark.generation, row.workspace, row.quarter).await?;
    }
    tx.commit().await?;
    Ok(Some(quarters.iter().map(|row| (u32::try_from(row.workspace).unwrap_or_default(), row.quarter)).collect()))
}

/// What a workspace has in all, with what is new.
pub(super) fn sum_up(there: Option<WorkspaceRow>, first_quarter: i64, mut cells: Cells) -> AppResult<WorkspaceRow> {
    let Some(there) = there else { return Ok(WorkspaceRow { version: 1, first_quarter, totals: encode(&cells) }) };
    cells.merge(read(&there.totals)?);
    Ok(WorkspaceRow { version: there.version + 1, first_quarter: there.first_quarter.min(first_quarter), totals: encode(&cells) })
}

/// Pages that show these workspaces read again.
async fn tell(ctx: &Ctx, workspaces: impl Iterator<Item = u32>) -> AppResult<()> {
    let ids: Vec<u32> = workspaces.filter(|workspace| *workspace != 0).collect();
    for text in store::texts(ctx.db().read(), &ids).await?.into_values() {
        if let Ok(id) = text.parse::<UserId>() {
            announce(&ctx.state, RoomType::Workspace, id.same_as(), id, RoomEvent::Analytics {});
        }
    }
    Ok(())
}
