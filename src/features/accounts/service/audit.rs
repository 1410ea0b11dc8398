//! The log of security events: written in the transaction of what it tells about, read by owners and administrators.

use crate::{
    error::AppResult,
    features::accounts::{
        Action,
        model::{AuditEvent, AuditPage, ListAudit},
        store::{self, audit::NewAuditEvent},
    },
    ids::TeamId,
    server::{context::Ctx, db::Tx},
};

const PAGE: i64 = 50;

/// What happens to the accounts of members also concerns the owners of their teams.
const ABOUT_ACCOUNTS: [&str; 19] = [
    "sign_in.succeeded",
    "sign_in.failed",
    "sign_in.ended",
    "sign_in.ended_everywhere",
    "password.changed",
    "password.link_created",
    "password.set_by_link",
    "token.created",
    "token.revoked",
    "github.linked",
    "github.unlinked",
    "oidc.linked",
    "oidc.unlinked",
    "sign_in.confirmed",
    "device.new",
    "factor.added",
    "factor.removed",
    "factor.reset",
    "recovery_codes.made",
];

/// One security event. Names are stable; `target` and `detail` are short plain text for people.
pub struct Audit<'a> {
    action: &'static str,
    team: Option<TeamId>,
    target: &'a str,
    detail: &'a str,
}

impl<'a> Audit<'a> {
    pub fn new(action: &'static str, target: &'a str) -> Self {
        Self { action, team: None, target, detail: "" }
    }
    pub fn team(mut self, team: impl Into<Option<TeamId>>) -> Self {
        self.team = team.into();
        self
    }
    pub fn detail(mut self, detail: &'a str) -> Self {
        self.detail = detail;
        self
    }
}

/// Writes a security event of the caller.
pub async fn note(ctx: &Ctx, tx: &mut Tx, event: Audit<'_>) -> AppResult<()> {
    let actor = ctx.actor.as_deref();
    let row = NewAuditEvent {
        team: event.team,
        actor: actor.map(|actor| actor.id()),
        actor_name: actor.map_or("Nobody", |actor| actor.person.name.as_str()),
        action: event.action,
        target: event.target,
        detail: event.detail,
        address: &ctx.address,
    };
    store::audit::insert(tx, &row, ctx.now()).await
}

/// A team's log, and what concerns its members' accounts.
pub async fn team_audit(ctx: &Ctx, team: TeamId, query: ListAudit) -> AppResult<AuditPage> {
    super::authorise_team(ctx, team, Action::ReadAudit).await?;
    let before = query.before.map(|id| id.to_string());
    let before = before.as_deref();
    let mut events = store::audit::of_team(ctx.db().read(), team, before, PAGE + 1).await?;
    events.extend(store::audit::of_members(ctx.db().read(), team, &ABOUT_ACCOUNTS, before, PAGE + 1).await?);
    events.sort_by(|a, b| b.id.cmp(&a.id));
    Ok(page(events))
}

/// The whole instance's log.
pub async fn instance_audit(ctx: &Ctx, query: ListAudit) -> AppResult<AuditPage> {
    super::access::require_administrator(ctx)?;
    Ok(page(store::audit::all(ctx.db().read(), query.before.map(|id| id.to_string()).as_deref(), PAGE + 1).await?))
}

fn page(mut events: Vec<AuditEvent>) -> AuditPage {
    let more = events.len() > PAGE as usize;
    events.truncate(PAGE as usize);
    let next = if more { events.last().and_then(|event| event.id.parse().ok()) } else { None };
    AuditPage { events, next }
}
