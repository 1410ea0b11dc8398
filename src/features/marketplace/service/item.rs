//! One item, as its page shows it.

use super::{
    super::{
        model::{Dependent, InstalledHere, Item, ItemDetail, ItemFile, ListingStanding, Proof, ReleaseState, ReleaseSummary},
        store::{self, ListingRow, ReleaseRow},
    },
    access::{self, find_listed, find_shown},
    archive,
    browse::{card, item_of, may_read},
    files, reviews, screenshots,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        analytics::service::{UsageKind, record_later},
        artifacts::{model::document::Document, service::text_of},
        volumes,
    },
    ids::VolumeId,
    server::{clock, context::Ctx, db::parse_id},
};

const DEPENDENTS: i64 = 50;
const TREND_DAYS: i64 = 90;

/// A version that is out, or the newest.
fn chosen<'r>(listing: &ListingRow, releases: &'r [ReleaseRow], version: Option<&str>) -> AppResult<&'r ReleaseRow> {
    let found = match version.map(str::trim).filter(|version| !version.is_empty()) {
        Some(version) => releases.iter().find(|row| row.version == version),
        None => releases.iter().find(|row| Some(&row.id) == listing.latest_release_id.as_ref()),
    };
    found.ok_or_else(|| AppError::not_found("version"))
}

pub async fn item(ctx: &Ctx, name: &str, version: Option<String>) -> AppResult<ItemDetail> {
    may_read(ctx)?;
    let listing = find_shown(ctx, name).await?;
    let id = listing.id()?;
    let pool = ctx.db().read();
    let releases = store::releases_of(pool, id, true).await?;
    let row = chosen(&listing, &releases, version.as_deref())?;
    let content = archive::content_of(ctx, row).await?;
    let html = files::readme(ctx, row, &content).await?;
    let main = ItemFile { path: row.main_path.clone(), size: content.len() as i64 };
    let files = row.files()?.into_iter().map(|file| ItemFile { path: file.path, size: file.size });
    let (installed, own_review, own) = match ctx.actor() {
        Ok(actor) => {
            let installed = installed_here(ctx, &listing).await?;
            (installed, store::review_by(pool, id, actor.id()).await?, access::is_publisher(ctx, &listing).await?)
        }
        Err(_) => (Vec::new(), None, false),
    };
    let may_rate = !own && (own_review.is_some() || super::rating::has_taken(ctx, &listing).await?);
    let today = ctx.now() / clock::DAY;
    let days = store::days_of(pool, id, today - TREND_DAYS + 1).await?;
    let proof = row.log_index.map(|log_index| Proof {
        digest: row.digest.clone(),
        size: row.size,
        key_id: row.key_id.clone().unwrap_or_default(),
        registry_key: ctx.state.registry.public().id().to_string(),
        log_index,
    });
    let author = access::publisher(ctx, &listing).await?;
    // Looking once more within a minute is no further view.
    if listing.is_listed() && ctx.actor.as_ref().is_none_or(|actor| ctx.state.visits.is_due(actor.id(), id.same_as())) {
        record_later(ctx, listing.event(UsageKind::ListingViewed)?);
    }
    let reviews = reviews::first_page(ctx, id).await?;
    let dependents = store::dependents_of(pool, &listing.slug, DEPENDENTS).await?;
    Ok(ItemDetail {
        card: card(&listing, author)?,
        version: row.version.clone(),
        html,
        repository: row.repository.clone(),
        files: std::iter::once(main).chain(files).collect(),
        versions: releases.iter().map(summary).collect::<AppResult<Vec<_>>>()?,
        capabilities: row.capabilities()?,
        dependencies: row.dependencies()?,
        dependents: dependents.into_iter().map(|(slug, name)| Dependent { slug, name }).collect(),
        report: row.report()?,
        proof,
        histogram: store::histogram(pool, id).await?,
        reviews: reviews.items,
        reviews_next: reviews.next,
        screenshots: screenshots::of_listing(ctx, id).await?,
        moderates: access::require_moderator(ctx).is_ok(),
        own_review,
        may_rate,
        days: days.into_iter().map(|(day, installs, downloads)| super::super::model::Day { day, installs, downloads }).collect(),
        installed,
        own,
        signed_in: ctx.actor.is_some(),
        artifact_id: if own { row.artifact()? } else { None },
        deprecation: listing.deprecation.clone(),
        successor: listing.successor.clone(),
        standing: if listing.is_listed() { ListingStanding::default() } else { store::standing(pool, id).await? },
    })
}

fn summary(row: &ReleaseRow) -> AppResult<ReleaseSummary> {
    Ok(ReleaseSummary {
        id: row.id()?,
        version: row.version.clone(),
        state: row.state(),
        changelog: row.changelog.clone(),
        withdrawn_reason: if row.state() == ReleaseState::Withdrawn { row.withdrawn_reason.clone() } else { String::new() },
        size: row.size,
        downloads: row.downloads,
        published_at: row.published_at.unwrap_or(row.created_at),
    })
}

/// In which volumes that the caller sees it is.
async fn installed_here(ctx: &Ctx, listing: &ListingRow) -> AppResult<Vec<InstalledHere>> {
    let volumes = volumes::service::visible(ctx).await?;
    let ids: Vec<VolumeId> = volumes.iter().map(|volume| volume.id).collect();
    let rows = store::installations_in(ctx.db().read(), &ids, Some(listing.id()?)).await?;
    rows.into_iter()
        .map(|row| {
            let volume_id: VolumeId = parse_id(&row.volume_id)?;
            let volume_name = volumes.iter().find(|volume| volume.id == volume_id).map(|volume| volume.name.clone()).unwrap_or_default();
            Ok(InstalledHere { volume_id, volume_name, version: row.version, pinned: row.pinned != 0, disabled: row.disabled })
        })
        .collect()
}

/// The item with its text, for programs.
pub async fn item_for_programs(ctx: &Ctx, name: &str) -> AppResult<Item> {
    may_read(ctx)?;
    let listing = find_listed(ctx, name).await?;
    let releases = store::releases_of(ctx.db().read(), listing.id()?, true).await?;
    let row = chosen(&listing, &releases, None)?;
    let text = text_of(&archive::content_of(ctx, row).await?);
    let author = access::publisher(ctx, &listing).await?;
    let readme = Document::parse(&text).body.trim_start().to_owned();
    let dependencies = row.dependencies()?.into_iter();
    let screenshots = screenshots::of_listing(ctx, listing.id()?).await?;
    Ok(Item {
        readme: Some(readme),
        content: Some(text),
        repository: Some(row.repository.clone()).filter(|repository| !repository.is_empty()),
        dependencies: dependencies.map(|of| if of.range == "*" { of.slug } else { format!("{}@{}", of.slug, of.range) }).collect(),
        deprecation: listing.advice(),
        screenshots: screenshots.into_iter().map(|one| one.url).collect(),
        created_at: clock::rfc3339(listing.created_at),
        ..item_of(card(&listing, author)?)
    })
}
