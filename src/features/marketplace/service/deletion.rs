//! Taking something back: a listing soon after it went public, a name that was never used, a submission that nobody has seen yet.

use llmos_trust::{Envelope, statement::WithdrawalStatement};
use sqlx::AnyConnection;

use super::{
    super::{
        model::{DELETION_HOURS, ReleaseState},
        store::{self, ListingRow},
    },
    access::{self, TEAM},
    log,
    owners::{find_managed, note, require_deciding, unchanged},
    signing::after_publication,
    submission::find_visible,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        analytics::service::{UsageKind, record},
        notifications::{self, model::SubjectKind},
        volumes::{self, model::VolumeKind},
    },
    ids::ReleaseId,
    server::{clock, context::Ctx, error::internal},
};

/// Dependents that a refusal names.
const NAMED: i64 = 3;
/// What the log says of each version that was public.
const REASON: &str = "Its publisher deleted it.";

/// Whether a listing can be deleted, and for how long.
pub struct Outlook {
    /// Why not.
    pub undeletable: Option<String>,
    /// When it no longer can be; none where nothing was ever public.
    pub until: Option<i64>,
}

pub async fn outlook(ctx: &Ctx, row: &ListingRow) -> AppResult<Outlook> {
    let own = own_volumes(ctx, row).await?;
    let mut connection = ctx.db().read().acquire().await?;
    looked(&mut connection, row, &own, ctx.now()).await
}

/// The volumes whose installations do not count: the caller's own, and those of the team that it belongs to.
async fn own_volumes(ctx: &Ctx, row: &ListingRow) -> AppResult<Vec<String>> {
    let own = |volume: &volumes::service::VolumeAccess| {
        volume.kind == VolumeKind::User || (row.owner_kind == TEAM && volume.team.is_some_and(|team| team.to_string() == row.owner_id))
    };
    Ok(volumes::service::visible(ctx).await?.iter().filter(|volume| own(volume)).map(|volume| volume.id.to_string()).collect())
}

async fn looked(connection: &mut AnyConnection, row: &ListingRow, own: &[String], now: i64) -> AppResult<Outlook> {
    let id = row.id()?;
    let first = store::first_published(&mut *connection, id).await?;
    let until = first.map(|at| at + DELETION_HOURS * clock::HOUR);
    let because = |why: String| Ok(Outlook { undeletable: Some(why), until });
    if !matches!(row.state.as_str(), "listed" | "reserved") {
        return because("A moderator looks at it: it stays until that is over.".to_owned());
    }
    if first.is_some() && row.latest_release_id.is_none() && store::releases_of(&mut *connection, id, true).await?.is_empty() {
        return because("It was deleted already: the name stays yours, since something was public under it.".to_owned());
    }
    if until.is_some_and(|until| now >= until) {
        return because(format!(
            "It went public more than {DELETION_HOURS} hours ago, and others may count on it: deprecate it, or withdraw its versions."
        ));
    }
    let needed_by = store::needed_by(&mut *connection, id, NAMED).await?;
    if !needed_by.is_empty() {
        let needs = if needed_by.len() == 1 { "needs" } else { "need" };
        return because(format!("{} {needs} it: deprecate it, and name a successor.", needed_by.join(", ")));
    }
    let others = store::volumes_with(&mut *connection, id).await?.iter().filter(|volume| !own.contains(volume)).count();
    if others > 0 {
        let volumes = if others == 1 { "a volume of somebody else".to_owned() } else { format!("{others} volumes of others") };
        return because(format!("It is installed in {volumes}: deprecate it, or withdraw its versions."));
    }
    Ok(Outlook { undeletable: None, until })
}

/// Deletes a listing with all its releases: the catalogue and search forget it, its name stays its owner's, the log keeps what it has. A name under which
/// nothing was ever public is anybody's again.
///
/// # Errors
/// After 72 hours, and as soon as anything depends on it or anybody else has it installed.
pub async fn delete_listing(ctx: &Ctx, name: &str) -> AppResult<()> {
    let row = find_managed(ctx, name).await?;
    require_deciding(ctx, &row).await?;
    let (id, now) = (row.id()?, ctx.now());
    let own = own_volumes(ctx, &row).await?;
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    let row = unchanged(&mut tx, &row).await?;
    let outlook = looked(&mut tx, &row, &own, now).await?;
    if let Some(why) = outlook.undeletable {
        return Err(AppError::conflict(format!("“{}” cannot be deleted. {why}", row.slug)));
    }
    let releases = store::releases_of(&mut *tx, id, false).await?;
    for release in releases.iter().filter(|release| release.state() == ReleaseState::Public) {
        // Whoever has a copy with its proof learns from the log that it is not to be installed any more.
        let statement = WithdrawalStatement {
            item: row.id.clone(),
            version: release.version.clone(),
            reason: REASON.to_owned(),
            at: clock::rfc3339(now),
        };
        let mut envelope = Envelope::new(&statement).map_err(|error| internal("statement", &error))?;
        ctx.state.registry.countersign(&mut envelope);
        log::append(ctx, &mut tx, &envelope).await?;
    }
    store::delete_releases(&mut tx, id, seq, now).await?;
    if row.published_at.is_none() {
        store::give_name_back(&mut tx, id).await?;
        notifications::service::forget_subjects(&mut tx, SubjectKind::Listing, &[id]).await?;
    }
    note(ctx, &mut tx, (id, &row.slug), "deleted", "").await?;
    record(ctx, &mut tx, row.event(UsageKind::ListingDeleted)?).await?;
    tx.commit().await?;
    after_publication(ctx).await;
    Ok(())
}

/// Takes a submission out of the queue before it is public. Nothing stays of it but that it was.
///
/// # Errors
/// What is public is withdrawn instead; what was rejected stays with its reason.
pub async fn delete_submission(ctx: &Ctx, id: ReleaseId) -> AppResult<()> {
    let (listing, _) = find_visible(ctx, id).await?;
    access::require_publisher(ctx, &listing).await?;
    let mut tx = ctx.db().write_tx().await?;
    store::advance_catalogue(&mut tx).await?;
    let row = store::release(&mut *tx, id).await?.ok_or_else(|| AppError::not_found("release"))?;
    match row.state() {
        ReleaseState::Review | ReleaseState::Changes | ReleaseState::Approved => {}
        ReleaseState::Public | ReleaseState::Withdrawn => {
            return Err(AppError::conflict("It is public already: withdraw it, and nobody installs it anew."));
        }
        ReleaseState::Rejected => {
            return Err(AppError::conflict("It was rejected, and stays with the reason: appeal, or submit another version."));
        }
    }
    store::delete_submission(&mut tx, id).await?;
    note(ctx, &mut tx, (listing.id()?, &listing.slug), "submission-deleted", &row.version).await?;
    record(ctx, &mut tx, listing.event(UsageKind::ReleaseSubmissionDeleted)?).await?;
    tx.commit().await?;
    Ok(())
}
