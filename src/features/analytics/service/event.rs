//! One usage event, as a service says it.

use std::collections::HashMap;

use llmos_analytics::Kind as UsageKind;

use super::{super::store, category_number, happened_at, kind_number};
use crate::{
    features::artifacts::model::Kind,
    ids::{TeamId, UserId, VolumeId},
    server::context::Ctx,
};

/// Whose numbers an event counts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workspace {
    /// The server's own.
    Instance,
    Team(TeamId),
    /// What a person does for themselves.
    Person(UserId),
}

/// What happened. What `amount` and `extra` mean is said at each [`UsageKind`]; the dimensions are those of that moment.
#[derive(Clone, Debug)]
pub struct Event {
    kind: UsageKind,
    /// None: the actor's own.
    workspace: Option<Workspace>,
    /// None: whoever asks.
    actor: Option<UserId>,
    volume: Option<VolumeId>,
    subject: Option<String>,
    artifact_kind: u8,
    category: u8,
    amount: i64,
    extra: i64,
    when: When,
}

/// When something happened, in UTC milliseconds.
#[derive(Clone, Copy, Debug)]
enum When {
    Now,
    /// As a device says.
    Said(i64),
    /// As somebody says who is believed.
    Known(i64),
}

impl Event {
    /// One that counts to the server's own numbers, until something else is said.
    pub fn new(kind: UsageKind) -> Self {
        Self {
            kind,
            workspace: Some(Workspace::Instance),
            actor: None,
            volume: None,
            subject: None,
            artifact_kind: 0,
            category: 0,
            amount: 0,
            extra: 0,
            when: When::Now,
        }
    }
    /// In a team; without one, in the workspace of whoever does it.
    pub fn team(mut self, team: Option<TeamId>) -> Self {
        self.workspace = team.map(Workspace::Team);
        self
    }
    pub fn workspace(mut self, workspace: Workspace) -> Self {
        self.workspace = Some(workspace);
        self
    }
    /// By somebody else than whoever asks.
    pub fn by(mut self, person: UserId) -> Self {
        self.actor = Some(person);
        self
    }
    pub fn volume(mut self, volume: VolumeId) -> Self {
        self.volume = Some(volume);
        self
    }
    /// What it happened to: an id, no text that people wrote.
    pub fn subject(mut self, subject: impl ToString) -> Self {
        self.subject = Some(subject.to_string());
        self
    }
    /// What kind of artifact it is about, and its category.
    pub fn artifact(mut self, kind: Kind, category: &str) -> Self {
        self.artifact_kind = kind_number(kind);
        self.category = category_number(category);
        self
    }
    pub fn amount(mut self, amount: i64) -> Self {
        self.amount = amount;
        self
    }
    pub fn extra(mut self, extra: i64) -> Self {
        self.extra = extra;
        self
    }
    /// When a device says that it happened (UTC ms); what cannot be is taken for now.
    pub fn at(mut self, said: Option<i64>) -> Self {
        self.when = said.map_or(When::Now, When::Said);
        self
    }
    /// When it happened (UTC ms), as a source knows that is believed, however long ago.
    pub fn known_at(mut self, at: i64) -> Self {
        self.when = When::Known(at);
        self
    }

    pub(super) fn noted(self, ctx: &Ctx) -> Noted {
        let asks = ctx.actor.as_ref().map(|actor| actor.id());
        let actor = self.actor.or(asks);
        let workspace = self.workspace.or(actor.map(Workspace::Person));
        Noted {
            at: match self.when {
                When::Now => ctx.now(),
                When::Said(at) => happened_at(Some(at), ctx.now()),
                When::Known(at) => at.min(ctx.now()),
            },
            workspace: match workspace {
                None | Some(Workspace::Instance) => None,
                Some(Workspace::Team(team)) => Some(team.to_string()),
                Some(Workspace::Person(person)) => Some(person.to_string()),
            },
            actor: actor.map(|id| id.to_string()),
            volume: self.volume.map(|id| id.to_string()),
            subject: self.subject,
            kind: self.kind,
            artifact_kind: self.artifact_kind,
            category: self.category,
            amount: self.amount,
            extra: self.extra,
        }
    }
}

/// An event that knows who, whose and when. Ids are text, as the dictionary has them; none is 0 there.
#[derive(Clone, Debug)]
pub struct Noted {
    /// UTC ms.
    pub at: i64,
    pub kind: UsageKind,
    pub workspace: Option<String>,
    pub actor: Option<String>,
    pub volume: Option<String>,
    pub subject: Option<String>,
    pub artifact_kind: u8,
    pub category: u8,
    pub amount: i64,
    pub extra: i64,
}

impl Noted {
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        [&self.workspace, &self.actor, &self.volume, &self.subject].into_iter().filter_map(|text| text.as_deref())
    }

    pub(super) fn row(&self, ids: &HashMap<&str, i64>) -> store::Row {
        let id = |text: &Option<String>| text.as_deref().and_then(|text| ids.get(text)).copied().unwrap_or_default();
        store::Row {
            at: self.at,
            kind: i64::from(self.kind.number()),
            workspace: id(&self.workspace),
            actor: id(&self.actor),
            volume: id(&self.volume),
            subject: id(&self.subject),
            artifact_kind: i64::from(self.artifact_kind),
            category: i64::from(self.category),
            amount: self.amount,
            extra: self.extra,
        }
    }
}
