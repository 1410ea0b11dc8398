//! Events of what only reads, on their way to the database.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    count_soon,
    event::{Event, Noted},
    insert_many,
};
use crate::{error::AppResult, server::context::Ctx};

/// What only reads waits so long at most for its events: the database is written once for all of them.
const LATER: Duration = Duration::from_secs(1);
/// Events that wait at most; more are left out.
const WAITING_MAX: usize = 10_000;

#[derive(Default)]
pub struct Later(Mutex<Vec<Noted>>);

impl Later {
    fn take(&self) -> Vec<Noted> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Notes an event of what changes nothing else, and so has no transaction of its own. A crash loses those of a second.
pub fn record_later(ctx: &Ctx, event: Event) {
    if !ctx.state.config.analytics_enabled {
        return;
    }
    let mut waiting = ctx.state.usage.later.0.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.len() < WAITING_MAX {
        waiting.push(event.noted(ctx));
    }
}

/// Until the process is asked to stop, and once more then.
pub async fn write_later(ctx: &Ctx) {
    let mut ends = false;
    while !ends {
        ends = ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(LATER)).await.is_none();
        let noted = ctx.state.usage.later.take();
        if let Err(error) = write(ctx, &noted).await {
            tracing::warn!(%error, events = noted.len(), "usage events are left out");
        }
    }
}

async fn write(ctx: &Ctx, noted: &[Noted]) -> AppResult<()> {
    if noted.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    count_soon(ctx, &mut tx);
    insert_many(&mut tx, &ctx.state.usage.keys, noted).await?;
    Ok(tx.commit().await?)
}
