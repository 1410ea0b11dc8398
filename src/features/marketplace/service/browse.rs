//! The catalogue, narrowed and in order.

use std::collections::HashMap;

use super::{
    super::{
        model::{
            AuthorCount, BROWSE_DEFAULT, BROWSE_MAX, BrowsePage, BrowseQuery, CategoryCount, Item, ListingCard, MarketCount, MarketFacets,
            MarketStats, rating::mean,
        },
        store::{self, ListingRow},
    },
    access, figures,
    shelf::{Found, Narrowed, Place},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Scope,
        artifacts::model::{CATEGORIES, Kind, category_words},
        search,
    },
    ids::ListingId,
    server::{clock, context::Ctx, error::internal},
};

/// Authors of the stats.
const TOP: usize = 10;

/// Reading needs no account, unless the server says otherwise.
pub fn may_read(ctx: &Ctx) -> AppResult<()> {
    if ctx.actor.is_none() && ctx.state.config.market_public { Ok(()) } else { ctx.actor_with(Scope::Read).map(|_| ()) }
}

fn narrowed(query: &BrowseQuery) -> AppResult<Narrowed> {
    let list = |text: &Option<String>| -> Vec<String> {
        text.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    };
    let kinds = list(&query.kind)
        .iter()
        .map(|kind| kind.parse::<Kind>().map_err(|()| AppError::field("type", "A type is skill, tool or agent.")))
        .collect::<AppResult<Vec<_>>>()?;
    let categories = list(&query.category);
    if let Some(unknown) = categories.iter().find(|id| !CATEGORIES.iter().any(|(known, _)| known == id)) {
        let known: Vec<&str> = CATEGORIES.iter().map(|(id, _)| *id).collect();
        return Err(AppError::field("category", format!("There is no category “{unknown}”: {}.", known.join(", "))));
    }
    if query.min_rating.is_some_and(|rating| !(1.0..=5.0).contains(&rating)) {
        return Err(AppError::field("minRating", "A rating is from 1 to 5."));
    }
    Ok(Narrowed {
        kinds,
        categories,
        tags: list(&query.tags),
        licences: list(&query.licence),
        authors: list(&query.author),
        min_rating: query.min_rating,
        signed: query.verified == Some(true),
        since: query.updated_since,
    })
}

fn cursor(place: Place) -> String {
    format!("{}_{}", place.key, place.id)
}

fn place(cursor: &str) -> AppResult<Place> {
    let read = || Some(cursor.split_once('_')?).and_then(|(key, id)| Some(Place { key: key.parse().ok()?, id: id.parse().ok()? }));
    read().ok_or_else(|| AppError::field("cursor", "This is no cursor of a list: leave it out to begin."))
}

async fn found(ctx: &Ctx, query: &BrowseQuery) -> AppResult<Found> {
    let narrowed = narrowed(query)?;
    let limit = query.limit.unwrap_or(BROWSE_DEFAULT).clamp(1, BROWSE_MAX) as usize;
    let offset = query.offset.unwrap_or(0) as usize;
    let after = query.cursor.as_deref().map(place).transpose()?;
    ctx.state.market.follow(ctx).await?;
    let words = query.q.as_deref().map(str::trim).filter(|words| !words.is_empty());
    let catalogue = ctx.state.market.clone();
    let ranked = match words {
        Some(words) => Some(search::service::listings(ctx, words).await?),
        None => None,
    };
    let sort = query.sort_by;
    tokio::task::spawn_blocking(move || match (ranked, sort) {
        (Some(ranked), None) => catalogue.read().among(&ranked, &narrowed, offset, limit),
        (Some(ranked), Some(sort)) => catalogue.read().among_sorted(&ranked, &narrowed, sort, offset, limit),
        (None, sort) => catalogue.read().browse(&narrowed, sort.unwrap_or_default(), after, offset, limit),
    })
    .await
    .map_err(|error| internal("catalogue", &error))
}

/// One page, with the counts that stand beside it.
pub async fn browse(ctx: &Ctx, query: BrowseQuery) -> AppResult<BrowsePage> {
    may_read(ctx)?;
    let found = found(ctx, &query).await?;
    let mut items = cards(ctx, &found.ids).await?;
    figures::mark_installed(ctx, &mut items).await?;
    let named = |list: Vec<(String, i64)>, name: &dyn Fn(&str) -> String| {
        list.into_iter().map(|(value, count)| MarketCount { name: name(&value), value, count }).collect::<Vec<_>>()
    };
    let authors = access::publishers_by_id(ctx, found.counts.authors.iter().map(|(id, _)| id.as_str())).await?;
    let facets = MarketFacets {
        kinds: found
            .counts
            .kinds
            .iter()
            .map(|(kind, count)| MarketCount { value: kind.to_string(), name: String::new(), count: *count })
            .collect(),
        categories: named(found.counts.categories, &|id| category_words(id)),
        tags: named(found.counts.tags, &|_| String::new()),
        licences: named(found.counts.licences, &|_| String::new()),
        authors: named(found.counts.authors, &|id| authors.get(id).map(|author| author.name.clone()).unwrap_or_default()),
    };
    Ok(BrowsePage { items, total: found.total, next: found.next.map(cursor), facets })
}

/// The same for programs: the items, how many there are, and where the next page begins.
pub async fn items(ctx: &Ctx, query: BrowseQuery) -> AppResult<(Vec<Item>, i64, Option<String>)> {
    may_read(ctx)?;
    let found = found(ctx, &query).await?;
    let items = cards(ctx, &found.ids).await?.into_iter().map(item_of).collect();
    Ok((items, found.total, found.next.map(cursor)))
}

pub fn item_of(card: ListingCard) -> Item {
    Item {
        id: card.id,
        slug: card.slug,
        kind: card.kind,
        name: card.name,
        description: card.description,
        author: card.author,
        version: card.version,
        downloads: card.downloads,
        installs: card.installs,
        rating: card.rating,
        reviews: card.ratings,
        category: card.category,
        tags: card.tags,
        license: card.licence,
        capabilities: card.capabilities,
        signed: card.signed,
        content: None,
        readme: None,
        repository: None,
        dependencies: Vec::new(),
        deprecation: None,
        screenshots: Vec::new(),
        created_at: clock::rfc3339(card.published_at),
        updated_at: clock::rfc3339(card.published_at),
    }
}

/// Listings as they are shown, in the order of `ids`.
pub async fn cards(ctx: &Ctx, ids: &[ListingId]) -> AppResult<Vec<ListingCard>> {
    let rows = store::listings_by_id(ctx.db().read(), ids).await?;
    let publishers = access::publishers(ctx, rows.iter().map(|row| (row.owner_kind.as_str(), row.owner_id.as_str()))).await?;
    let mut by_id: HashMap<ListingId, ListingCard> = HashMap::with_capacity(rows.len());
    for row in rows {
        let card = card(&row, access::publisher_in(&publishers, &row))?;
        by_id.insert(card.id, card);
    }
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}

pub fn card(row: &ListingRow, author: super::super::model::Publisher) -> AppResult<ListingCard> {
    Ok(ListingCard {
        id: row.id()?,
        slug: row.slug.clone(),
        kind: row.kind(),
        name: row.name.clone(),
        description: row.description.clone(),
        category: row.category.clone(),
        tags: serde_json::from_str(&row.tags)?,
        licence: row.licence.clone(),
        author,
        version: row.latest_version.clone(),
        rating: mean(row.stars, row.ratings),
        ratings: row.ratings,
        installs: row.installs,
        downloads: row.downloads,
        capabilities: serde_json::from_str(&row.capabilities)?,
        signed: row.signed != 0,
        deprecated: row.deprecated != 0,
        published_at: row.published_at.unwrap_or(row.created_at),
        installed: Vec::new(),
    })
}

/// The figures of the whole catalogue.
pub async fn stats(ctx: &Ctx) -> AppResult<MarketStats> {
    may_read(ctx)?;
    ctx.state.market.follow(ctx).await?;
    let catalogue = ctx.state.market.clone();
    let (total_items, (total_downloads, counts)) = tokio::task::spawn_blocking(move || {
        let shelf = catalogue.read();
        (shelf.len() as i64, shelf.totals())
    })
    .await
    .map_err(|error| internal("catalogue", &error))?;
    let top = &counts.authors[..counts.authors.len().min(TOP)];
    let names = access::publishers_by_id(ctx, top.iter().map(|(id, _)| id.as_str())).await?;
    let top_items = figures::top_items(ctx, ctx.state.market.tops()).await?;
    Ok(MarketStats {
        top_items,
        total_items,
        total_downloads,
        categories: counts.categories.into_iter().map(|(name, count)| CategoryCount { name, count }).collect(),
        top_authors: top.iter().filter_map(|(id, items)| Some(AuthorCount { name: names.get(id)?.name.clone(), items: *items })).collect(),
    })
}
