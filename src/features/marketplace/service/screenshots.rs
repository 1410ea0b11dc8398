//! Pictures of an item: decoded with limits, made no larger than a screen needs, encoded anew. What was uploaded is never served.

use axum::body::Bytes;

use super::{
    super::{
        model::{ALT_CHARS, ArrangeScreenshots, SCREENSHOT_BYTES, SCREENSHOTS, Screenshot},
        store::{self, ListingRow, NewScreenshot, ScreenshotRow},
    },
    access,
    browse::may_read,
};
use crate::{
    error::{AppError, AppResult},
    features::analytics::service::{UsageKind, record},
    ids::{ListingId, ScreenshotId},
    server::{context::Ctx, error::internal, pictures},
};

/// The longer side of what is stored, in pixels.
const SIDE: u32 = 1_600;

fn shown(row: ScreenshotRow) -> AppResult<Screenshot> {
    let id = row.id()?;
    Ok(Screenshot { id, url: format!("/api/v1/marketplace/screenshots/{id}"), alt: row.alt, width: row.width, height: row.height })
}

/// Those of a listing in their order.
pub async fn of_listing(ctx: &Ctx, listing: ListingId) -> AppResult<Vec<Screenshot>> {
    store::screenshots(ctx.db().read(), listing).await?.into_iter().map(shown).collect()
}

/// An item that the caller publishes, seen by everybody or not yet.
async fn find_own(ctx: &Ctx, name: &str) -> AppResult<ListingRow> {
    ctx.actor()?;
    let listing = store::listing_named(ctx.db().read(), name).await?;
    let listing = match listing {
        Some(listing) if listing.is_listed() || access::is_publisher(ctx, &listing).await? => listing,
        _ => return Err(AppError::not_found("item")),
    };
    access::require_publisher(ctx, &listing).await?;
    Ok(listing)
}

fn checked_alt(alt: &str) -> AppResult<String> {
    let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
    if alt.is_empty() || alt.chars().count() > ALT_CHARS || alt.chars().any(char::is_control) {
        return Err(AppError::field(
            "alt",
            format!("Say in 1 to {ALT_CHARS} characters what the picture shows, for those who do not see it."),
        ));
    }
    Ok(alt)
}

fn full() -> AppError {
    AppError::conflict(format!("An item has at most {SCREENSHOTS} pictures: remove one first."))
}

/// Adds a picture behind the others. The same id again gives what is there.
///
/// # Errors
/// A sentence for what is no picture, too large, or one too many.
pub async fn add_screenshot(ctx: &Ctx, name: &str, id: Option<ScreenshotId>, alt: &str, upload: Bytes) -> AppResult<Screenshot> {
    let listing = find_own(ctx, name).await?;
    let (actor, now, of) = (ctx.actor()?.id(), ctx.now(), listing.id()?);
    let id = ScreenshotId::chosen(id, now)?;
    let alt = checked_alt(alt)?;
    if upload.len() > SCREENSHOT_BYTES {
        return Err(pictures::too_large(SCREENSHOT_BYTES));
    }
    let before = store::screenshots(ctx.db().read(), of).await?;
    let known = before.iter().any(|row| row.id == id.to_string());
    if !known && before.len() >= SCREENSHOTS {
        return Err(full());
    }
    // Decoding takes memory and a core, like hashing, so they share the bound.
    let permit = ctx.state.limits.hashing.acquire().await.map_err(|error| internal("screenshot", &error))?;
    let made =
        tokio::task::spawn_blocking(move || pictures::encode_anew(&upload, SIDE)).await.map_err(|error| internal("screenshot", &error))?;
    drop(permit);
    let made = made.map_err(|error| pictures::unreadable("screenshot", &error))?;
    let sha = ctx.state.blobs.put(made.bytes).await?;
    let mut tx = ctx.db().write_tx().await?;
    store::hold_listing(&mut tx, of, now).await?;
    let there = store::screenshots(&mut *tx, of).await?;
    if let Some(row) = there.iter().position(|row| row.id == id.to_string()) {
        return there.into_iter().nth(row).map(shown).transpose()?.ok_or_else(AppError::internal);
    }
    if there.len() >= SCREENSHOTS {
        return Err(full());
    }
    let new = NewScreenshot {
        id,
        listing: of,
        position: there.len() as i64,
        sha: &sha,
        media_type: made.media_type,
        size: made.size,
        alt: &alt,
        by: actor,
        now,
    };
    if !store::insert_screenshot(&mut tx, &new).await? {
        return Err(AppError::conflict("This id is in use already: make a new one."));
    }
    record(ctx, &mut tx, listing.event(UsageKind::ListingScreenshotAdded)?).await?;
    tx.commit().await?;
    let row = store::screenshot(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("picture"))?;
    shown(row)
}

/// Puts the pictures of an item in order, with what they show.
///
/// # Errors
/// A conflict unless it names exactly those that there are.
pub async fn arrange_screenshots(ctx: &Ctx, name: &str, input: ArrangeScreenshots) -> AppResult<Vec<Screenshot>> {
    let listing = find_own(ctx, name).await?;
    let (now, of) = (ctx.now(), listing.id()?);
    let wanted =
        input.screenshots.iter().map(|one| Ok((one.id, checked_alt(&one.alt)?))).collect::<AppResult<Vec<(ScreenshotId, String)>>>()?;
    let mut tx = ctx.db().write_tx().await?;
    store::hold_listing(&mut tx, of, now).await?;
    let mut there = store::screenshots(&mut *tx, of).await?.iter().map(ScreenshotRow::id).collect::<AppResult<Vec<_>>>()?;
    let mut named: Vec<ScreenshotId> = wanted.iter().map(|(id, _)| *id).collect();
    there.sort_unstable();
    named.sort_unstable();
    if there != named {
        return Err(AppError::conflict("Its pictures were changed in between: load the page again."));
    }
    for (position, (id, alt)) in wanted.iter().enumerate() {
        store::place_screenshot(&mut tx, *id, position as i64, alt, now).await?;
    }
    record(ctx, &mut tx, listing.event(UsageKind::ListingScreenshotsArranged)?).await?;
    tx.commit().await?;
    of_listing(ctx, of).await
}

/// Removes one; gone already is as good.
pub async fn delete_screenshot(ctx: &Ctx, name: &str, id: ScreenshotId) -> AppResult<()> {
    let listing = find_own(ctx, name).await?;
    let (now, of) = (ctx.now(), listing.id()?);
    let mut tx = ctx.db().write_tx().await?;
    store::hold_listing(&mut tx, of, now).await?;
    if store::delete_screenshot(&mut tx, of, id).await? {
        record(ctx, &mut tx, listing.event(UsageKind::ListingScreenshotRemoved)?).await?;
    }
    Ok(tx.commit().await?)
}

/// The bytes of a picture and their type, for whoever may read the catalogue; of what is not listed, for its publishers and moderators.
pub async fn screenshot(ctx: &Ctx, id: ScreenshotId) -> AppResult<(&'static str, Vec<u8>)> {
    may_read(ctx)?;
    let not_found = || AppError::not_found("picture");
    let row = store::screenshot(ctx.db().read(), id).await?.ok_or_else(not_found)?;
    let listing = store::listings_by_id(ctx.db().read(), &[row.listing()?]).await?.pop().ok_or_else(not_found)?;
    let moderates = ctx.actor().is_ok_and(access::is_moderator);
    if !listing.is_listed() && !moderates && !access::is_publisher(ctx, &listing).await? {
        return Err(not_found());
    }
    let media_type = if row.media_type == "image/jpeg" { "image/jpeg" } else { "image/png" };
    Ok((media_type, ctx.state.blobs.get(&row.sha).await?))
}

/// Shows `see` the blob of every picture.
pub async fn each_blob(ctx: &Ctx, see: &mut (dyn FnMut(&str) + Send)) -> AppResult<()> {
    const SLICE: i64 = 500;
    let mut after = String::new();
    loop {
        let slice = store::screenshot_blobs(ctx.db().read(), &after, SLICE).await?;
        let Some((last, _)) = slice.last() else { return Ok(()) };
        after = last.clone();
        slice.iter().for_each(|(_, sha)| see(sha));
    }
}
