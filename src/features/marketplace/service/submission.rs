//! A release as its publisher and its reviewers see it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_trust::archive::File;

use super::{
    super::{
        model::{FileDiff, Publisher, ReleaseState, Submission, SubmissionDetail},
        store::{self, ListingRow, ReleaseRow},
    },
    access, archive, later, signing,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Scope},
        artifacts::{model::diff, service::text_of},
    },
    ids::{ListingId, ReleaseId},
    server::{context::Ctx, error::internal},
};

/// Rows of a list.
const SHOWN: i64 = 200;

/// A release that the caller may look at: what is out, everybody; what is not, its publishers and moderators.
pub async fn find_visible(ctx: &Ctx, id: ReleaseId) -> AppResult<(ListingRow, ReleaseRow)> {
    let not_found = || AppError::not_found("release");
    let row = store::release(ctx.db().read(), id).await?.ok_or_else(not_found)?;
    let listing = store::listings_by_id(ctx.db().read(), &[row.listing()?]).await?.pop().ok_or_else(not_found)?;
    let open = row.state().is_out() && listing.is_listed();
    let moderates = ctx.actor().is_ok_and(access::is_moderator);
    if open || moderates || access::is_publisher(ctx, &listing).await? { Ok((listing, row)) } else { Err(not_found()) }
}

/// How far a release is, and all that is known of it. What is to be signed is for `key`, or else for the caller's newest.
pub async fn submission(ctx: &Ctx, id: ReleaseId, key: Option<String>) -> AppResult<SubmissionDetail> {
    let (listing, row) = find_visible(ctx, id).await?;
    let own = access::is_publisher(ctx, &listing).await?;
    let before = release_before(ctx, &row).await?;
    let now = archive::files_of(ctx, &row).await?;
    let then = match &before {
        Some(before) => archive::files_of(ctx, before).await?,
        None => Vec::new(),
    };
    let changes = compare(then, now).await?;
    let payload = if own && row.envelope.is_none() { signing::payload_for_caller(ctx, &listing, &row, key).await? } else { None };
    let capabilities = row.capabilities()?;
    let new_capabilities = match &before {
        Some(before) => capabilities.beyond(&before.capabilities()?),
        None => capabilities.clone(),
    };
    let moderates = ctx.actor().is_ok_and(|actor| access::is_moderator(actor) && actor.has_scope(Scope::Admin));
    Ok(SubmissionDetail {
        licence: row.licence.clone(),
        category: row.category.clone(),
        tags: row.tags()?,
        changelog: row.changelog.clone(),
        dependencies: row.dependencies()?,
        capabilities,
        new_capabilities,
        report: row.report()?,
        digest: row.digest.clone(),
        size: row.size,
        before: before.map(|before| before.version),
        changes,
        decisions: store::decisions(ctx.db().read(), id).await?,
        payload_type: signing::payload_type().to_owned(),
        payload: payload.map(|payload| BASE64_STANDARD.encode(payload)).unwrap_or_default(),
        artifact_id: if own { row.artifact()? } else { None },
        may_review: moderates && row.state() == ReleaseState::Review,
        own,
        submission: shown(ctx, vec![row]).await?.pop().ok_or_else(|| AppError::not_found("release"))?,
    })
}

/// The public release that comes right before this one.
async fn release_before(ctx: &Ctx, row: &ReleaseRow) -> AppResult<Option<ReleaseRow>> {
    let all = store::releases_of(ctx.db().read(), row.listing()?, true).await?;
    let version = semver::Version::parse(&row.version).ok();
    Ok(all.into_iter().find(|other| other.id != row.id && semver::Version::parse(&other.version).ok() < version))
}

/// What came, changed and went between two folders, by path. Off the async threads.
pub async fn compare(before: Vec<File>, after: Vec<File>) -> AppResult<Vec<FileDiff>> {
    tokio::task::spawn_blocking(move || differences(&before, &after)).await.map_err(|error| internal("diff", &error))
}

fn differences(before: &[File], after: &[File]) -> Vec<FileDiff> {
    fn by_path(files: &[File]) -> BTreeMap<&str, &[u8]> {
        files.iter().map(|file| (file.path.as_str(), file.bytes.as_slice())).collect()
    }
    let (before, after) = (by_path(before), by_path(after));
    let paths: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let is_text = |bytes: &[u8]| !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok();
    paths
        .into_iter()
        .filter_map(|path| {
            let (old, new) = (before.get(path).copied(), after.get(path).copied());
            let change = match (old, new) {
                (Some(old), Some(new)) if old == new => return None,
                (Some(_), Some(_)) => "updated",
                (None, _) => "created",
                (_, None) => "deleted",
            };
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            let diff = (is_text(old) && is_text(new)).then(|| diff::diff(&text_of(old), &text_of(new)));
            Some(FileDiff { path: path.to_owned(), change: change.to_owned(), diff, size: new.len() as i64 })
        })
        .collect()
}

/// Rows as they are listed.
pub async fn shown(ctx: &Ctx, rows: Vec<ReleaseRow>) -> AppResult<Vec<Submission>> {
    let ids = rows.iter().map(ReleaseRow::listing).collect::<AppResult<Vec<ListingId>>>()?;
    let listings: HashMap<String, ListingRow> =
        store::listings_by_id(ctx.db().read(), &ids).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let owners = listings.values().map(|row| (row.owner_kind.as_str(), row.owner_id.as_str()));
    let publishers: HashMap<String, Publisher> = access::publishers(ctx, owners).await?;
    let submitters = rows.iter().map(ReleaseRow::submitted_by).collect::<AppResult<Vec<_>>>()?;
    let people = accounts::service::people(ctx, submitters).await?;
    let mut submissions = Vec::with_capacity(rows.len());
    for row in rows {
        let (Some(listing), Some(by)) = (listings.get(&row.listing_id), people.get(&row.submitted_by()?)) else { continue };
        submissions.push(Submission {
            id: row.id()?,
            listing_id: row.listing()?,
            slug: listing.slug.clone(),
            kind: row.kind(),
            author: access::publisher_in(&publishers, listing),
            submitted_by: by.clone(),
            state: row.state(),
            held: row.held != 0,
            checking: later::is_looked_at(&row, ctx.now()),
            findings: row.report()?.len() as i64,
            signed: row.envelope.is_some(),
            first: listing.latest_release_id.is_none(),
            name: row.name,
            description: row.description,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        });
    }
    Ok(submissions)
}

/// What the caller submitted, the newest first.
pub async fn my_submissions(ctx: &Ctx) -> AppResult<Vec<Submission>> {
    let actor = ctx.actor_with(Scope::Read)?.id();
    shown(ctx, store::releases_submitted_by(ctx.db().read(), actor, SHOWN).await?).await
}

/// What waits for a moderator, the oldest first.
pub async fn submissions_in_review(ctx: &Ctx) -> AppResult<Vec<Submission>> {
    access::require_moderator(ctx)?;
    shown(ctx, store::releases_in_review(ctx.db().read(), SHOWN).await?).await
}
