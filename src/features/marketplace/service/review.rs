//! What moderators decide, and what authors say to it.

use super::{
    super::{
        model::{Reason, ReleaseState, Review, SubmissionDetail, Verdict},
        store,
    },
    access, later, signing,
    submission::find_visible,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        analytics::service::{UsageKind, record},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
    },
    ids::ReleaseId,
    server::context::Ctx,
};

const REASON_CHARS: usize = 4_000;

pub fn checked_reason(text: &str, needed: bool) -> AppResult<String> {
    let text: String = text.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    if text.chars().count() > REASON_CHARS {
        return Err(AppError::field("reason", format!("A reason has at most {REASON_CHARS} characters.")));
    }
    if needed && text.is_empty() { Err(AppError::field("reason", "Say why: everybody concerned reads it.")) } else { Ok(text) }
}

/// Approves a submission, sends it back, or rejects it.
///
/// # Errors
/// A first release is decided by somebody else than who submitted it; a conflict if somebody was faster.
pub async fn review(ctx: &Ctx, id: ReleaseId, input: Review) -> AppResult<SubmissionDetail> {
    let actor = access::require_moderator(ctx)?;
    let (listing, row) = find_visible(ctx, id).await?;
    let first = listing.latest_release_id.is_none();
    let own = row.submitted_by()? == actor.id();
    if own && first && ctx.state.config.market_four_eyes {
        return Err(AppError::forbidden(
            "Somebody else has to look at a first release. Ask another moderator, or set MARKETPLACE_FOUR_EYES=false on a server of your own.",
        ));
    }
    let approves = input.verdict == Verdict::Approve;
    if approves && later::is_looked_at(&row, ctx.now()) {
        return Err(AppError::conflict("It is still being compared with other items, and its links are looked at: decide in a moment."));
    }
    let reason = checked_reason(&input.reason, !approves || row.held != 0)?;
    let (to, decision) = match input.verdict {
        Verdict::Approve => (ReleaseState::Approved, "approved"),
        Verdict::Changes => (ReleaseState::Changes, "changes"),
        Verdict::Reject => (ReleaseState::Rejected, "rejected"),
    };
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    // As who signs does, the catalogue before the release: neither waits for the other, and the later one sees what the earlier one did.
    store::advance_catalogue(&mut tx).await?;
    let row = store::release(&mut *tx, id).await?.ok_or_else(|| AppError::not_found("release"))?;
    if !store::advance_release(&mut tx, id, ReleaseState::Review, to, now).await? {
        return Err(AppError::conflict("Somebody decided on it in between: look at it again."));
    }
    store::insert_decision(&mut tx, id, decision, &reason, actor.id(), now).await?;
    record(ctx, &mut tx, listing.event(UsageKind::ReleaseReviewed)?).await?;
    let (title, text) = (format!("{} {}", row.name, row.version), if reason.is_empty() { decided(input.verdict) } else { &reason });
    let new = NewNotification::new(NotificationKind::Decision, (SubjectKind::Submission, id), &title, text);
    notifications::service::notify(ctx, &mut tx, &[row.submitted_by()?], &new).await?;
    if approves && row.envelope.is_some() {
        signing::go_public(ctx, &mut tx, &listing, &row, row.envelope.as_deref().unwrap_or_default()).await?;
    }
    tx.commit().await?;
    notifications::service::tell(ctx, &[row.submitted_by()?]).await;
    signing::after_publication(ctx).await;
    super::submission(ctx, id, None).await
}

fn decided(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "Approved.",
        Verdict::Changes => "Changes are asked for.",
        Verdict::Reject => "Rejected.",
    }
}

/// Asks for another look at what was rejected.
pub async fn appeal(ctx: &Ctx, id: ReleaseId, input: Reason) -> AppResult<SubmissionDetail> {
    let (listing, row) = find_visible(ctx, id).await?;
    let actor = access::require_publisher(ctx, &listing).await?.id();
    let reason = checked_reason(&input.reason, true)?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let order = semver::Version::parse(&row.version).map(|version| super::super::model::version::order(&version)).unwrap_or_default();
    if store::version_stands(&mut tx, row.listing()?, &order).await? {
        return Err(AppError::conflict("Another submission of this version took its place."));
    }
    if !store::advance_release(&mut tx, id, ReleaseState::Rejected, ReleaseState::Review, now).await? {
        return Err(AppError::conflict("Only what was rejected can be appealed: look at it again."));
    }
    store::insert_decision(&mut tx, id, "appealed", &reason, actor, now).await?;
    tx.commit().await?;
    super::submission(ctx, id, None).await
}
