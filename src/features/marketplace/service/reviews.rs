//! What people say of an item and what is said to them: lists, answers, moderation, and who has really used it.

use super::{
    super::{
        model::{ItemReview, REVIEW_PAGE, REVIEW_PAGE_MAX, Reply, ReviewPage, ReviewQuery, ReviewSort},
        store::{self, Listed, ListingRow, NewEvent, ReviewPlace},
    },
    access::{self, find_listed},
    browse::may_read,
    review::checked_reason,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Scope,
        analytics::service::{UsageKind, record},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
    },
    ids::{ArtifactId, ListingId, UserId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

const REPLY_CHARS: usize = 2_000;

/// Whether the caller sees what moderators hid.
fn moderates(ctx: &Ctx) -> bool {
    access::require_moderator(ctx).is_ok()
}

/// The reviews of an item, page by page.
pub async fn reviews(ctx: &Ctx, name: &str, query: ReviewQuery) -> AppResult<ReviewPage> {
    may_read(ctx)?;
    let listing = find_listed(ctx, name).await?.id()?;
    if query.rating.is_some_and(|rating| !(1..=5).contains(&rating)) {
        return Err(AppError::field("rating", "A rating is from 1 to 5."));
    }
    page(ctx, listing, query).await
}

/// The same of a listing that was found already.
pub async fn page(ctx: &Ctx, listing: ListingId, query: ReviewQuery) -> AppResult<ReviewPage> {
    let sort = query.sort.unwrap_or_default();
    let after = query.cursor.as_deref().map(place).transpose()?;
    let limit = query.limit.unwrap_or(REVIEW_PAGE).clamp(1, REVIEW_PAGE_MAX) as usize;
    let listed = Listed { sort, rating: query.rating, hidden: moderates(ctx), after };
    // One more than the page shows: then there is a next one.
    let mut items = store::reviews(ctx.db().read(), listing, listed, limit as i64 + 1).await?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| cursor(ReviewPlace::of(last, sort)));
    // Pictures of people are given to who is signed in.
    if ctx.actor.is_none() {
        items.iter_mut().for_each(|review| review.by.avatar = None);
    }
    Ok(ReviewPage { items, next })
}

fn cursor(place: ReviewPlace) -> String {
    format!("{}.{}.{}", place.rating, place.updated_at, place.user)
}

fn place(cursor: &str) -> AppResult<ReviewPlace> {
    let mut parts = cursor.split('.');
    let mut read = || {
        Some(ReviewPlace {
            rating: parts.next()?.parse().ok()?,
            updated_at: parts.next()?.parse().ok()?,
            user: parts.next()?.parse().ok()?,
        })
    };
    read().ok_or_else(|| AppError::field("cursor", "This is no cursor of a list: leave it out to begin."))
}

/// A review that the caller sees, in its listing.
async fn find(ctx: &Ctx, name: &str, reviewer: UserId) -> AppResult<(ListingRow, ItemReview)> {
    let listing = find_listed(ctx, name).await?;
    let review = store::review_by(ctx.db().read(), listing.id()?, reviewer).await?;
    let review = review.filter(|review| review.hidden.is_empty() || moderates(ctx)).ok_or_else(|| AppError::not_found("review"))?;
    Ok((listing, review))
}

/// Names a review where notifications tell of the answer to it.
fn source(listing: ListingId, reviewer: UserId) -> String {
    format!("review:{listing}:{reviewer}")
}

/// Answers a review, in place of what was answered before; the reviewer is told of the first answer. An empty text takes it back.
///
/// # Errors
/// Only the item's publishers answer.
pub async fn reply(ctx: &Ctx, name: &str, reviewer: UserId, input: Reply) -> AppResult<ItemReview> {
    let (listing, review) = find(ctx, name, reviewer).await?;
    let actor = access::require_publisher(ctx, &listing).await?.id();
    let text: String = input.text.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    if text.chars().count() > REPLY_CHARS {
        return Err(AppError::field("text", format!("An answer has at most {REPLY_CHARS} characters.")));
    }
    let (id, now) = (listing.id()?, ctx.now());
    let source = source(id, reviewer);
    let mut told = Vec::new();
    let mut tx = ctx.db().write_tx().await?;
    store::set_reply(&mut tx, id, reviewer, &text, actor, now).await?;
    if text.is_empty() {
        told = notifications::service::withdraw(&mut tx, &source).await?;
    } else if review.reply.is_empty() {
        let new = NewNotification::new(NotificationKind::Reply, (SubjectKind::Listing, id), &listing.name, &text).source(source);
        notifications::service::notify(ctx, &mut tx, &[reviewer], &new).await?;
        told.push(reviewer);
    } else {
        notifications::service::reword(&mut tx, &source, &text).await?;
    }
    record(ctx, &mut tx, listing.event(UsageKind::ReviewAnswered)?).await?;
    tx.commit().await?;
    notifications::service::tell(ctx, &told).await;
    changed(ctx, id, reviewer).await
}

/// Hides a review: nobody but moderators and its author sees it, and it counts nowhere.
///
/// # Errors
/// For moderators, with a reason; who publishes the item leaves it to another one.
pub async fn hide_review(ctx: &Ctx, name: &str, reviewer: UserId, reason: &str) -> AppResult<ItemReview> {
    let reason = checked_reason(reason, true)?;
    moderate(ctx, name, reviewer, UsageKind::ReviewHidden, &reason).await
}

/// Shows it again.
pub async fn show_review(ctx: &Ctx, name: &str, reviewer: UserId) -> AppResult<ItemReview> {
    moderate(ctx, name, reviewer, UsageKind::ReviewShown, "").await
}

async fn moderate(ctx: &Ctx, name: &str, reviewer: UserId, kind: UsageKind, reason: &str) -> AppResult<ItemReview> {
    let actor = access::require_moderator(ctx)?.id();
    let (listing, review) = find(ctx, name, reviewer).await?;
    if ctx.state.config.market_four_eyes && access::is_publisher(ctx, &listing).await? {
        return Err(AppError::forbidden("You publish this item: another moderator decides what is said of it."));
    }
    let id = listing.id()?;
    if review.hidden == reason {
        return Ok(review);
    }
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    store::set_hidden(&mut tx, id, reviewer, reason, actor, seq).await?;
    let event = NewEvent { listing: Some(id), slug: &listing.slug, action: kind.as_str(), detail: reason, actor: Some(actor) };
    store::insert_event(&mut tx, &event, ctx.now()).await?;
    record(ctx, &mut tx, listing.event(kind)?).await?;
    tx.commit().await?;
    changed(ctx, id, reviewer).await
}

async fn changed(ctx: &Ctx, listing: ListingId, reviewer: UserId) -> AppResult<ItemReview> {
    store::review_by(ctx.db().read(), listing, reviewer).await?.ok_or_else(|| AppError::not_found("review"))
}

/// Takes one's own review back. One that a moderator hid loses its words, and stays hidden should it be written anew.
pub async fn delete_review(ctx: &Ctx, name: &str) -> AppResult<()> {
    let actor = ctx.actor_with(Scope::Write)?.id();
    let listing = find_listed(ctx, name).await?;
    let id = listing.id()?;
    if store::review_by(ctx.db().read(), id, actor).await?.is_none() {
        return Ok(());
    }
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    store::delete_review(&mut tx, id, actor, seq).await?;
    notifications::service::withdraw(&mut tx, source(id, actor)).await?;
    record(ctx, &mut tx, listing.event(UsageKind::ReviewDeleted)?).await?;
    Ok(tx.commit().await?)
}

/// In somebody's message: these artifacts are named. If they are installed items, whoever wrote it has used those, and their reviews say so.
pub async fn note_uses(ctx: &Ctx, tx: &mut Tx, user: UserId, artifacts: &[ArtifactId], now: i64) -> AppResult<()> {
    if artifacts.is_empty() {
        return Ok(());
    }
    note_first_uses(ctx, tx, artifacts).await?;
    store::note_uses(tx, user, artifacts, now).await
}

/// These artifacts are used: of those that are installed items, the first time is counted.
pub async fn note_first_uses(ctx: &Ctx, tx: &mut Tx, artifacts: &[ArtifactId]) -> AppResult<()> {
    for listing in store::first_uses(tx, artifacts, ctx.now()).await? {
        if let Some(listing) = store::listing_in(tx, parse_id(&listing)?).await? {
            record(ctx, tx, listing.event(UsageKind::ListingFirstUsed)?).await?;
        }
    }
    Ok(())
}

/// The first page, as an item shows it.
pub async fn first_page(ctx: &Ctx, listing: ListingId) -> AppResult<ReviewPage> {
    page(ctx, listing, ReviewQuery { sort: Some(ReviewSort::Newest), ..ReviewQuery::default() }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        let here = ReviewPlace { rating: 4, updated_at: 17, user: UserId::generate() };
        assert_eq!(place(&cursor(here)).ok(), Some(here));
        for bad in ["", "4", "4.17", "4.17.x", "x.17.0192a000-0000-7000-8000-00000000dead"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }
}
