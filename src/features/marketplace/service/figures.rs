//! What is taken most, what is like an item, and where what is listed is installed already.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::{
    super::{
        model::{ListingCard, TopItem},
        store,
    },
    access::find_listed,
    browse::{cards, may_read},
};
use crate::{
    error::AppResult,
    features::{search, volumes},
    ids::{ListingId, VolumeId},
    server::{clock, context::Ctx, db::parse_id},
};

/// Items of one window.
const TOP: i64 = 10;
/// More are asked for, as some may be hidden until they are counted anew.
const ASKED: i64 = 20;
/// Between two counts.
const COUNTED_MS: i64 = 5 * clock::MINUTE;
/// Windows by name, in days; without an end where there are none.
const WINDOWS: [(&str, Option<i64>); 4] = [("7d", Some(7)), ("30d", Some(30)), ("90d", Some(90)), ("all", None)];
/// What is shown beside an item.
const SIMILAR: usize = 6;

type Counted = Vec<(&'static str, Vec<(ListingId, i64)>)>;

/// What was taken most, as it was counted last: a day more or less changes little of it.
#[derive(Clone, Default)]
pub struct Tops(Arc<tokio::sync::Mutex<Option<(i64, Counted)>>>);

/// The items that were taken most in each window.
pub async fn top_items(ctx: &Ctx, tops: &Tops) -> AppResult<BTreeMap<String, Vec<TopItem>>> {
    let counted = {
        let mut kept = tops.0.lock().await;
        let now = ctx.now();
        match &*kept {
            Some((at, counted)) if now - at < COUNTED_MS => counted.clone(),
            _ => {
                let counted = count(ctx, now / clock::DAY).await?;
                *kept = Some((now, counted.clone()));
                counted
            }
        }
    };
    let mut ids: Vec<ListingId> = counted.iter().flat_map(|(_, window)| window.iter().map(|(id, _)| *id)).collect();
    ids.sort_unstable();
    ids.dedup();
    let rows = store::listings_by_id(ctx.db().read(), &ids).await?;
    let rows: HashMap<String, _> = rows.into_iter().filter(store::ListingRow::is_listed).map(|row| (row.id.clone(), row)).collect();
    let item = |(id, taken): &(ListingId, i64)| {
        let row = rows.get(&id.to_string())?;
        Some(TopItem { id: *id, slug: row.slug.clone(), name: row.name.clone(), kind: row.kind(), taken: *taken })
    };
    Ok(counted.iter().map(|(name, window)| ((*name).to_owned(), window.iter().filter_map(item).take(TOP as usize).collect())).collect())
}

async fn count(ctx: &Ctx, today: i64) -> AppResult<Counted> {
    let mut counted = Counted::new();
    for (name, days) in WINDOWS {
        let rows = match days {
            Some(days) => store::most_taken_since(ctx.db().read(), today - days + 1, ASKED).await?,
            None => store::most_taken(ctx.db().read(), ASKED).await?,
        };
        counted.push((name, rows.into_iter().map(|(id, taken)| Ok((parse_id(&id)?, taken))).collect::<AppResult<_>>()?));
    }
    Ok(counted)
}

/// Cards of what is like an item, the most alike first.
pub async fn similar(ctx: &Ctx, name: &str) -> AppResult<Vec<ListingCard>> {
    may_read(ctx)?;
    let listing = find_listed(ctx, name).await?;
    let ids = search::service::similar_listings(ctx, listing.id()?, SIMILAR).await?;
    let mut cards = cards(ctx, &ids).await?;
    mark_installed(ctx, &mut cards).await?;
    Ok(cards)
}

/// Says of each card in which of the caller's volumes it is.
pub async fn mark_installed(ctx: &Ctx, cards: &mut [ListingCard]) -> AppResult<()> {
    if ctx.actor.is_none() || cards.is_empty() {
        return Ok(());
    }
    let volumes = volumes::service::visible(ctx).await?;
    let listings: Vec<ListingId> = cards.iter().map(|card| card.id).collect();
    let ids: Vec<VolumeId> = volumes.iter().map(|volume| volume.id).collect();
    let mut places: HashMap<ListingId, Vec<String>> = HashMap::new();
    for (listing, volume) in store::places_of(ctx.db().read(), &listings, &ids).await? {
        let volume: VolumeId = parse_id(&volume)?;
        if let Some(volume) = volumes.iter().find(|known| known.id == volume) {
            places.entry(parse_id(&listing)?).or_default().push(volume.name.clone());
        }
    }
    for card in cards {
        card.installed = places.remove(&card.id).unwrap_or_default();
    }
    Ok(())
}
