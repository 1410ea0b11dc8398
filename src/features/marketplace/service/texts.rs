//! What search reads of listings.

use super::{
    super::store::{self, ListingRow},
    browse,
};
use crate::{
    error::AppResult,
    features::{
        artifacts::{self, model::document::Document, service::text_of},
        marketplace::model::rating::mean,
    },
    ids::{ListingId, ReleaseId, UserId},
    server::{context::Ctx, db::parse_id},
};

/// A listing as it is searched.
pub struct ListingText {
    pub id: ListingId,
    pub release: ReleaseId,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub body: String,
    pub category: String,
    pub tags: Vec<String>,
    /// An account; a team is none.
    pub author: Option<UserId>,
    pub version: String,
    /// The mean, if there are ratings.
    pub rating: Option<f64>,
    pub ratings: i64,
    pub updated_at: i64,
}

/// A listing that changed; without a text it is listed no more.
pub struct ChangedListing {
    pub id: ListingId,
    pub seq: i64,
    pub text: Option<ListingText>,
}

/// The number of the newest change, if the caller may read the catalogue.
pub async fn readable_number(ctx: &Ctx) -> AppResult<Option<i64>> {
    if browse::may_read(ctx).is_err() {
        return Ok(None);
    }
    number(ctx).await.map(Some)
}

/// The number of the newest change.
pub async fn number(ctx: &Ctx) -> AppResult<i64> {
    store::catalogue_number(ctx.db().read()).await
}

/// What changed after a number, in that order.
pub async fn changed_listings(ctx: &Ctx, after: (i64, &str), limit: i64) -> AppResult<Vec<ChangedListing>> {
    let rows = store::listings_since(ctx.db().read(), after, limit).await?;
    let places: Vec<(ListingId, i64)> = rows.iter().map(|row| Ok((row.id()?, row.seq))).collect::<AppResult<_>>()?;
    let mut texts = texts(ctx, rows).await?;
    Ok(places
        .into_iter()
        .map(|(id, seq)| ChangedListing { id, seq, text: texts.iter().position(|text| text.id == id).map(|at| texts.swap_remove(at)) })
        .collect())
}

/// Those of these that are listed.
pub async fn texts_of(ctx: &Ctx, ids: &[ListingId]) -> AppResult<Vec<ListingText>> {
    texts(ctx, store::listings_by_id(ctx.db().read(), ids).await?).await
}

async fn texts(ctx: &Ctx, rows: Vec<ListingRow>) -> AppResult<Vec<ListingText>> {
    let listed: Vec<ListingRow> = rows.into_iter().filter(ListingRow::is_listed).collect();
    let ids = listed.iter().filter_map(|row| row.latest_release_id.as_deref()).map(parse_id).collect::<AppResult<Vec<ReleaseId>>>()?;
    let releases = store::releases_by_id(ctx.db().read(), &ids).await?;
    let shas: Vec<String> = releases.iter().map(|release| release.content_sha.clone()).collect();
    let contents = artifacts::service::contents_of(ctx, &shas).await?;
    let mut texts = Vec::with_capacity(listed.len());
    for row in listed {
        let Some(release) = releases.iter().find(|release| Some(&release.id) == row.latest_release_id.as_ref()) else { continue };
        let text = text_of(contents.get(&release.content_sha).map(Vec::as_slice).unwrap_or_default());
        texts.push(ListingText {
            id: row.id()?,
            release: release.id()?,
            body: Document::parse(&text).body.to_owned(),
            tags: serde_json::from_str(&row.tags)?,
            author: if row.owner_kind == super::access::USER { Some(parse_id(&row.owner_id)?) } else { None },
            rating: (row.ratings > 0).then(|| mean(row.stars, row.ratings)),
            ratings: row.ratings,
            updated_at: row.published_at.unwrap_or(row.updated_at),
            slug: row.slug,
            name: row.name,
            description: row.description,
            category: row.category,
            version: row.latest_version,
        });
    }
    Ok(texts)
}
