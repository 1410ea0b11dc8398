//! What the marketplace keeps about an account, for the export of one's own data.

use serde_json::{Value, json};

use super::super::store;
use crate::{error::AppResult, server::context::Ctx};

/// Listings, submissions, reviews, reports, and the public halves of keys.
pub async fn own_marketplace(ctx: &Ctx) -> AppResult<Value> {
    let (actor, pool) = (ctx.actor()?.id(), ctx.db().read());
    let listings = store::listings_of(pool, actor).await?.into_iter().map(|row| {
        json!({
            "slug": row.slug, "type": row.kind, "name": row.name, "ownedBy": row.owner_kind, "state": row.state, "version": row.latest_version,
            "createdAt": row.created_at,
        })
    });
    let submissions = store::releases_by(pool, actor).await?.into_iter().map(|row| {
        json!({
            "slug": row.slug, "version": row.version, "state": row.state, "license": row.licence, "changelog": row.changelog, "digest": row.digest,
            "publishedAt": row.published_at, "createdAt": row.created_at,
        })
    });
    let reviews = store::reviews_by(pool, actor).await?.into_iter().map(|row| {
        json!({
            "slug": row.slug, "rating": row.rating, "text": row.text, "version": row.version, "used": row.used != 0, "reply": row.reply,
            "hidden": row.hidden, "createdAt": row.created_at, "updatedAt": row.updated_at,
        })
    });
    let keys = store::keys_of(pool, actor).await?.into_iter().map(|row| {
        json!({ "id": row.id, "publicKey": row.public_key, "name": row.name, "createdAt": row.created_at, "revokedAt": row.revoked_at })
    });
    let reports = store::reports_by(pool, actor).await?.into_iter().map(|(slug, reason, text, settled, created_at)| {
        json!({ "slug": slug, "reason": reason, "text": text, "settled": settled, "createdAt": created_at })
    });
    Ok(json!({
        "listings": listings.collect::<Value>(),
        "submissions": submissions.collect::<Value>(),
        "reviews": reviews.collect::<Value>(),
        "keys": keys.collect::<Value>(),
        "reports": reports.collect::<Value>(),
    }))
}
