//! How usage events are written: in the transaction of what happened, or, of what only reads, together with others a moment later.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde_json::Value;

use super::store;
use crate::{
    error::AppResult,
    ids::{TeamId, UserId, VolumeId},
    server::{context::Ctx, db::Tx},
};

/// What happened. The kind is stable: analytics counts by it.
#[derive(Clone, Debug)]
pub struct Event {
    /// `noun.verb`, such as `artifact.committed`.
    pub kind: &'static str,
    pub team: Option<TeamId>,
    pub volume: Option<VolumeId>,
    /// The id of what it happened to.
    pub subject: Option<String>,
    /// Numbers and ids only, no text that people wrote.
    pub data: Value,
}

impl Event {
    pub fn new(kind: &'static str) -> Self {
        Self { kind, team: None, volume: None, subject: None, data: Value::Null }
    }
    pub fn team(mut self, team: Option<TeamId>) -> Self {
        self.team = team;
        self
    }
    pub fn volume(mut self, volume: VolumeId) -> Self {
        self.volume = Some(volume);
        self
    }
    pub fn subject(mut self, subject: impl ToString) -> Self {
        self.subject = Some(subject.to_string());
        self
    }
    pub fn data(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

/// Writes `event` in the use case's own transaction: it is there if and only if the use case happened.
pub async fn record(ctx: &Ctx, tx: &mut Tx, event: Event) -> AppResult<()> {
    if !ctx.state.config.analytics_enabled {
        return Ok(());
    }
    let actor = ctx.actor.as_ref().map(|actor| actor.id());
    store::insert(tx, actor, &event, ctx.now()).await
}

/// What only reads waits so long at most for its events: the database is written once for all of them.
const LATER: Duration = Duration::from_secs(1);
/// Events that wait at most; more are left out.
const WAITING_MAX: usize = 10_000;

/// An event, who it is about, and when it was.
type Noted = (Option<UserId>, Event, i64);

/// Events of what only reads, on their way to the database.
#[derive(Default)]
pub struct Later(Mutex<Vec<Noted>>);

/// Notes an event of what changes nothing else, and so has no transaction of its own. A crash loses those of a second.
pub fn record_later(ctx: &Ctx, event: Event) {
    if !ctx.state.config.analytics_enabled {
        return;
    }
    let mut waiting = ctx.state.usage.0.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.len() < WAITING_MAX {
        waiting.push((ctx.actor.as_ref().map(|actor| actor.id()), event, ctx.now()));
    }
}

/// Until the process is asked to stop, and once more then.
pub async fn write_later(ctx: &Ctx) {
    let mut ends = false;
    while !ends {
        ends = ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(LATER)).await.is_none();
        let noted: Vec<Noted> = std::mem::take(&mut *ctx.state.usage.0.lock().unwrap_or_else(PoisonError::into_inner));
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
    for (actor, event, at) in noted {
        store::insert(&mut tx, *actor, event, *at).await?;
    }
    Ok(tx.commit().await?)
}
