//! The one way to write a usage event.

use serde_json::Value;

use super::store;
use crate::{
    error::AppResult,
    ids::{TeamId, VolumeId},
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
