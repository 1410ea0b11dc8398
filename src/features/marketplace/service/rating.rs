//! What people who use an item think of it, and how often it is taken.

use super::{
    super::{
        model::{ItemReview, Rate},
        store::{self, ListingRow, NewReview, ReleaseRow},
    },
    access::{self, find_listed},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Scope,
        analytics::service::{UsageKind, record},
    },
    server::{clock, context::Ctx, db::Tx},
};

const TEXT_CHARS: usize = 4_000;

/// Whether the caller has installed it once.
pub async fn has_taken(ctx: &Ctx, listing: &ListingRow) -> AppResult<bool> {
    match ctx.actor() {
        Ok(actor) => store::has_installed(ctx.db().read(), listing.id()?, actor.id()).await,
        Err(_) => Ok(false),
    }
}

/// Rates an item, or changes one's rating.
///
/// # Errors
/// Only who installed it rates it, its publishers do not; a rating is 1 to 5; 20 an hour.
pub async fn rate(ctx: &Ctx, name: &str, input: Rate) -> AppResult<ItemReview> {
    let actor = ctx.actor_with(Scope::Write)?.id();
    let listing = find_listed(ctx, name).await?;
    if !(1..=5).contains(&input.rating) {
        return Err(AppError::field("rating", "A rating is from 1 to 5."));
    }
    let text: String = input.review.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    if text.chars().count() > TEXT_CHARS {
        return Err(AppError::field("review", format!("A review has at most {TEXT_CHARS} characters.")));
    }
    if access::is_publisher(ctx, &listing).await? {
        return Err(AppError::forbidden("Its publishers do not rate an item: others do."));
    }
    let id = listing.id()?;
    if !has_taken(ctx, &listing).await? && store::review_by(ctx.db().read(), id, actor).await?.is_none() {
        return Err(AppError::forbidden("Install it first: a rating is from somebody who has used it."));
    }
    ctx.state.limits.review(&actor.to_string())?;
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    let new = NewReview { listing: id, user: actor, rating: input.rating, text: &text, version: &listing.latest_version, now: ctx.now() };
    store::put_review(&mut tx, &new, seq).await?;
    record(ctx, &mut tx, listing.event(UsageKind::ItemRated)?.amount(input.rating)).await?;
    tx.commit().await?;
    store::review_by(ctx.db().read(), id, actor).await?.ok_or_else(|| AppError::not_found("review"))
}

/// Counts a release as taken by the caller; once for each day, and only who is known.
pub async fn count_taken(ctx: &Ctx, row: &ReleaseRow, act: &'static str) -> AppResult<()> {
    if ctx.actor.is_none() {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    count_taken_in(ctx, &mut tx, row, act).await?;
    Ok(tx.commit().await?)
}

/// The same in a transaction.
pub async fn count_taken_in(ctx: &Ctx, tx: &mut Tx, row: &ReleaseRow, act: &'static str) -> AppResult<()> {
    let actor = ctx.actor()?.id();
    let seq = store::advance_catalogue(tx).await?;
    if store::take(tx, row.listing()?, &row.version, actor, ctx.now() / clock::DAY, act, seq).await? && act == "download" {
        store::count_download(tx, row.id()?).await?;
    }
    Ok(())
}
