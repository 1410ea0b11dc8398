//! Reports, what moderators do about them, and the public record of all that.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    super::{
        model::{
            EVENTS_DEFAULT, EVENTS_MAX, EventsPage, EventsQuery, ListingStanding, Moderation, ModerationAct, ModerationCase, NewReport,
            Reason,
        },
        store::{self, ListingRow, NewEvent},
    },
    access, browse,
    review::checked_reason,
    signing,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope, model::UserKind},
        analytics::service::{Event, UsageKind, record},
        artifacts,
        collaboration::{
            self,
            model::{RoomEvent, RoomType},
        },
        jobs::{self, Job, service::NewJob},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        volumes,
    },
    ids::{ArtifactId, ListingId, UserId, VolumeId},
    server::{clock, context::Ctx, db::Tx},
};

/// Reports that one account files in a day.
const REPORTS_A_DAY: i64 = 20;
/// Open reports of one item that are looked at, and that moderators see at once of all.
const REPORTS: i64 = 500;
/// Items in the moderators' list.
const CASES: i64 = 100;

/// The job that takes what moderators decided of an item to its installed copies.
pub const DISABLE: &str = "market.disable";

/// Tells the publishers, or the moderators, of something in the transaction; returns whom [`notifications::service::tell`] tells after it.
async fn notify(
    ctx: &Ctx,
    tx: &mut Tx,
    to: Vec<UserId>,
    kind: NotificationKind,
    subject: (SubjectKind, String),
    title: &str,
    text: &str,
) -> AppResult<Vec<UserId>> {
    notifications::service::notify(ctx, tx, &to, &NewNotification::new(kind, subject, title, text)).await?;
    Ok(to)
}

/// Reports an item to the moderators. After several independent grave ones it is hidden until they have looked.
///
/// # Errors
/// Its publishers do not report it; one report of an account at a time; what is wrong has to be said.
pub async fn report(ctx: &Ctx, name: &str, input: NewReport) -> AppResult<()> {
    let actor = ctx.actor_with(Scope::Write)?.id();
    let listing = access::find_listed(ctx, name).await?;
    if access::is_publisher(ctx, &listing).await? {
        return Err(AppError::forbidden("It is yours: withdraw a version, or deprecate it."));
    }
    let text = checked_reason(&input.text, true)
        .map_err(|_| AppError::field("text", "Say in some words what is wrong, so that a moderator can look at it."))?;
    if store::reports_since(ctx.db().read(), actor, ctx.now() - clock::DAY).await? >= REPORTS_A_DAY {
        return Err(AppError::new(ErrorCode::TooManyRequests, "You have reported much today: go on tomorrow, or write to a moderator."));
    }
    let id = listing.id()?;
    let (moderators, publishers) = (accounts::service::moderators(ctx).await?, access::people_of(ctx, &listing).await?);
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    if !store::insert_report(&mut tx, id, actor, &NewReport { text: text.clone(), ..input }, now).await? {
        return Err(AppError::conflict("You have reported it already: a moderator will look at it."));
    }
    // Who reports is for moderators to know.
    let event = |action, detail| NewEvent { listing: Some(id), slug: &listing.slug, action, detail, actor: None };
    store::insert_event(&mut tx, &event("reported", input.reason.as_str()), now).await?;
    record(ctx, &mut tx, listing.event(UsageKind::ItemReported)?).await?;
    let queue = (SubjectKind::Moderation, "moderation".to_owned());
    let mut told = notify(ctx, &mut tx, moderators, NotificationKind::Report, queue, &listing.name, &text).await?;
    let grave = store::open_reports(&mut *tx, Some(id), REPORTS).await?;
    let grave = grave.iter().filter(|(_, report)| report.reason.is_grave() && report.by.kind == UserKind::Human).count();
    if grave >= ctx.state.config.market_hide_after && store::standing(&mut *tx, id).await?.state == store::LISTED {
        let why = format!("Hidden after {grave} reports, until a moderator has looked at it.");
        store::set_standing(&mut tx, id, "hidden", &why, seq, now).await?;
        store::insert_event(&mut tx, &event("hidden", &why), now).await?;
        // Of whom it came is not told: the server hides it.
        let item = (SubjectKind::Listing, listing.id.clone());
        told.extend(notify(ctx, &mut tx, publishers, NotificationKind::Moderation, item, &listing.name, &why).await?);
    }
    tx.commit().await?;
    notifications::service::tell(ctx, &told).await;
    signing::after_publication(ctx).await;
    Ok(())
}

/// What moderators have to look at. For moderators.
pub async fn cases(ctx: &Ctx) -> AppResult<Vec<ModerationCase>> {
    access::require_moderator(ctx)?;
    let ids: Vec<ListingId> = store::cases(ctx.db().read(), CASES).await?.into_iter().collect();
    let rows = store::listings_by_id(ctx.db().read(), &ids).await?;
    let publishers = access::publishers(ctx, rows.iter().map(|row| (row.owner_kind.as_str(), row.owner_id.as_str()))).await?;
    let mut standings = store::standings(ctx.db().read(), &ids).await?;
    let mut reports: HashMap<ListingId, Vec<_>> = HashMap::new();
    for (listing, report) in store::open_reports(ctx.db().read(), None, REPORTS).await? {
        reports.entry(listing).or_default().push(report);
    }
    let mut flagged: HashMap<ListingId, Vec<_>> = HashMap::new();
    for (listing, release) in store::flagged(ctx.db().read(), &ids).await? {
        flagged.entry(listing).or_default().push(release);
    }
    let mut cases = Vec::with_capacity(rows.len());
    for row in rows {
        let id = row.id()?;
        cases.push(ModerationCase {
            listing_id: id,
            author: access::publisher_in(&publishers, &row),
            kind: row.kind(),
            standing: standings.remove(&id).unwrap_or_default(),
            reports: reports.remove(&id).unwrap_or_default(),
            flagged: flagged.remove(&id).unwrap_or_default(),
            slug: row.slug,
            name: row.name,
        });
    }
    // What most people are harmed by first.
    cases.sort_by_key(|case| std::cmp::Reverse((case.reports.len(), !case.standing.appeal.is_empty())));
    Ok(cases)
}

/// Decides about an item. For moderators; those of its publishers leave it to others.
pub async fn moderate(ctx: &Ctx, name: &str, input: Moderation) -> AppResult<ListingStanding> {
    let actor = access::require_moderator(ctx)?.id();
    let row = store::listing_named(ctx.db().read(), name).await?.ok_or_else(|| AppError::not_found("item"))?;
    let id = row.id()?;
    let before = store::standing(ctx.db().read(), id).await?;
    let reason = checked_reason(&input.reason, input.act != ModerationAct::Dismiss || before.is_away())?;
    let publishers = access::people_of(ctx, &row).await?;
    if publishers.contains(&actor) && before.is_away() && input.act == ModerationAct::Dismiss && ctx.state.config.market_four_eyes {
        return Err(AppError::forbidden("Somebody else has to decide about an item of your own."));
    }
    let (state, action, outcome) = match input.act {
        ModerationAct::Dismiss if row.latest_release_id.is_none() => ("reserved", "dismissed", "dismissed"),
        ModerationAct::Dismiss => (store::LISTED, if before.is_away() { "restored" } else { "dismissed" }, "dismissed"),
        ModerationAct::Hide => ("hidden", "hidden", "upheld"),
        ModerationAct::Quarantine => ("quarantined", "quarantined", "upheld"),
    };
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    let shown = if input.act == ModerationAct::Dismiss { "" } else { reason.as_str() };
    store::set_standing(&mut tx, id, state, shown, seq, now).await?;
    store::settle_reports(&mut tx, id, outcome, actor).await?;
    store::clear_flags(&mut tx, id).await?;
    let event = NewEvent { listing: Some(id), slug: &row.slug, action, detail: &reason, actor: Some(actor) };
    store::insert_event(&mut tx, &event, now).await?;
    record(ctx, &mut tx, row.event(UsageKind::ItemModerated)?).await?;
    let mut told = Vec::new();
    if action != "dismissed" {
        let subject = (SubjectKind::Listing, row.id.clone());
        told = notify(ctx, &mut tx, publishers, NotificationKind::Moderation, subject, &row.name, &reason).await?;
    }
    if input.act == ModerationAct::Quarantine || before.state == "quarantined" {
        let why = if input.act == ModerationAct::Quarantine { reason.clone() } else { String::new() };
        let job = NewJob::new(DISABLE, &Disable { listing: id, why, by: actor })?.in_order_of(format_args!("market {id}")).priority(10);
        jobs::service::enqueue(&mut tx, job, now).await?;
    }
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    notifications::service::tell(ctx, &told).await;
    signing::after_publication(ctx).await;
    store::standing(ctx.db().read(), id).await
}

#[derive(Serialize, Deserialize)]
struct Disable {
    listing: ListingId,
    /// Empty: what was disabled is enabled again.
    why: String,
    by: UserId,
}

/// Disables the installed copies of what was quarantined, or enables them again, volume by volume; everybody whom it concerns is told at once.
pub async fn disable_copies(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let payload: Disable = serde_json::from_str(&job.payload)?;
    // It only tells: what it may write it asks nobody for.
    let ctx = &accounts::service::put_down_to(ctx, payload.by).await?;
    let Some(listing) = store::listings_by_id(ctx.db().read(), &[payload.listing]).await?.pop() else { return Ok(serde_json::Value::Null) };
    let copies = store::installations_of(ctx.db().read(), payload.listing).await?;
    for (volume, artifact, disabled) in &copies {
        if *disabled != payload.why {
            set_disabled(ctx, &listing, (*volume, *artifact), &payload.why).await?;
        }
    }
    Ok(serde_json::json!({ "copies": copies.len() }))
}

async fn set_disabled(ctx: &Ctx, listing: &ListingRow, (volume, artifact): (VolumeId, ArtifactId), why: &str) -> AppResult<()> {
    let people = volumes::service::who_may(ctx, volume, Action::Commit).await?;
    let mut tx = ctx.db().write_tx().await?;
    // The volume first, as whoever installs and uninstalls: in the other order two of them wait for each other.
    artifacts::service::set_disabled(&mut tx, volume, &[artifact], why, ctx.now()).await?;
    if !store::set_installation_disabled(&mut tx, volume, listing.id()?, why, ctx.now()).await? {
        return Ok(());
    }
    if !why.is_empty() {
        let subject = (SubjectKind::Artifact, artifact.to_string());
        notify(ctx, &mut tx, people.clone(), NotificationKind::Quarantine, subject, &listing.name, why).await?;
    }
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    let by = ctx.actor()?.id();
    let event = || RoomEvent::Quarantine { artifact_id: artifact.to_string(), name: listing.name.clone(), reason: why.to_owned() };
    collaboration::service::announce(&ctx.state, RoomType::Artifact, artifact.same_as(), by, event());
    if !why.is_empty() {
        for user in &people {
            collaboration::service::announce(&ctx.state, RoomType::Workspace, user.same_as(), by, event());
        }
        notifications::service::tell(ctx, &people).await;
    }
    Ok(())
}

/// Uses a disabled copy nevertheless: the decision of somebody who may change the volume.
pub async fn enable_copy(ctx: &Ctx, volume: VolumeId, slug: &str, input: Reason) -> AppResult<()> {
    let access = volumes::service::authorise(ctx, volume, Action::Commit).await?;
    let actor = ctx.actor()?.id();
    let reason = checked_reason(&input.reason, true)?;
    let rows = store::installations(ctx.db().read(), access.id).await?;
    let row = rows.iter().find(|row| row.slug == slug).ok_or_else(|| AppError::not_found("installation"))?;
    if row.disabled.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    artifacts::service::set_disabled(&mut tx, access.id, &[row.artifact()?], "", ctx.now()).await?;
    store::set_installation_disabled(&mut tx, access.id, row.listing()?, "", ctx.now()).await?;
    let subject = accounts::service::Audit::new("market.enabled", slug).team(access.team).detail(&reason);
    accounts::service::note(ctx, &mut tx, subject).await?;
    record(ctx, &mut tx, Event::new(UsageKind::ItemEnabled).workspace(access.workspace).volume(access.id).subject(row.listing()?)).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    let event = RoomEvent::Quarantine { artifact_id: row.artifact_id.clone(), name: row.name.clone(), reason: String::new() };
    collaboration::service::announce(&ctx.state, RoomType::Artifact, row.artifact()?.same_as(), actor, event);
    Ok(())
}

/// What publishers say to a decision about their item.
pub async fn appeal_moderation(ctx: &Ctx, name: &str, input: Reason) -> AppResult<ListingStanding> {
    let row = store::listing_named(ctx.db().read(), name).await?.ok_or_else(|| AppError::not_found("item"))?;
    let actor = access::require_publisher(ctx, &row).await?.id();
    let (id, now) = (row.id()?, ctx.now());
    let text = checked_reason(&input.reason, true)?;
    let moderators = accounts::service::moderators(ctx).await?;
    let mut tx = ctx.db().write_tx().await?;
    if !store::set_appeal(&mut tx, id, &text, now).await? {
        return Err(AppError::conflict("It is neither hidden nor quarantined: there is nothing to appeal."));
    }
    let event = NewEvent { listing: Some(id), slug: &row.slug, action: "appealed", detail: &text, actor: Some(actor) };
    store::insert_event(&mut tx, &event, now).await?;
    let queue = (SubjectKind::Moderation, "moderation".to_owned());
    let told = notify(ctx, &mut tx, moderators, NotificationKind::Appeal, queue, &row.name, &text).await?;
    tx.commit().await?;
    notifications::service::tell(ctx, &told).await;
    store::standing(ctx.db().read(), id).await
}

/// The public record: what happened in the marketplace, the newest first.
pub async fn events(ctx: &Ctx, query: EventsQuery) -> AppResult<EventsPage> {
    browse::may_read(ctx)?;
    let listing = match query.item.as_deref().map(str::trim).filter(|item| !item.is_empty()) {
        Some(name) => {
            let row = store::listing_named(ctx.db().read(), name).await?.ok_or_else(|| AppError::not_found("item"))?;
            Some(row.id()?)
        }
        None => None,
    };
    let limit = query.limit.unwrap_or(EVENTS_DEFAULT).clamp(1, EVENTS_MAX) as usize;
    let mut items = store::events(ctx.db().read(), listing, query.cursor.as_deref(), limit as i64 + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(EventsPage { next: items.last().filter(|_| more).map(|event| event.id.clone()), items })
}

/// The words for who asks for what moderators took away.
pub fn away(row: &ListingRow, standing: &ListingStanding) -> AppError {
    let verb = if standing.state == "quarantined" { "quarantined" } else { "hidden" };
    AppError::new(ErrorCode::Expired, format!("“{}” was {verb} by the moderators: {}", row.slug, standing.reason))
}

#[cfg(test)]
mod tests {
    use crate::features::marketplace::model::ReportReason;

    #[test]
    fn what_only_does_not_work_hides_nothing() {
        let grave: Vec<ReportReason> = ReportReason::ALL.into_iter().filter(|reason| reason.is_grave()).collect();
        assert_eq!(grave, [ReportReason::Malicious, ReportReason::Deceptive, ReportReason::Licence]);
        assert!(ReportReason::ALL.into_iter().all(|reason| ReportReason::parse(reason.as_str()) == reason));
    }
}
