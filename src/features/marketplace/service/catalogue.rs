//! Keeps the catalogue of this node in step with the database: before it is looked at it takes in what changed above the number that it has.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    super::store::{self, ShelfRow},
    figures::Tops,
    shelf::{Entry, Shelf},
};
use crate::{
    error::AppResult,
    ids::ListingId,
    server::{clock, context::Ctx, db::parse_id},
};

/// Rows read at once.
const SLICE: i64 = 1_000;
/// Between two looks at what is taken lately.
const TRENDS_MS: i64 = 5 * clock::MINUTE;
/// How far back they look, in days.
const TREND_DAYS: i64 = 7;
/// After how many days something counts half.
const HALF_LIFE: f64 = 2.0;

#[derive(Clone, Default)]
pub struct Catalogue(Arc<Inner>);

#[derive(Default)]
struct Inner {
    shelf: RwLock<Shelf>,
    /// The newest change that is taken in, and when trends were counted. Held by the one who follows.
    following: tokio::sync::Mutex<(i64, i64)>,
    tops: Tops,
    /// It was read once, or that was tried.
    warm: AtomicBool,
}

impl Catalogue {
    /// Whether a page that asks for it does not have to wait until all of it is read.
    pub fn is_warm(&self) -> bool {
        self.0.warm.load(Ordering::Relaxed)
    }

    pub fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.0.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tops(&self) -> &Tops {
        &self.0.tops
    }

    /// Takes in what changed.
    pub async fn follow(&self, ctx: &Ctx) -> AppResult<()> {
        let newest = store::catalogue_number(ctx.db().read()).await?;
        let mut following = self.0.following.lock().await;
        let now = ctx.now();
        if following.0 < newest {
            let mut after = (following.0, "~".to_owned());
            // The first time each slice would be sorted in, again and again: a million listings took minutes.
            let mut first = (following.0 == 0).then(Shelf::default);
            loop {
                let rows = store::shelf_since(ctx.db().read(), (after.0, &after.1), SLICE).await?;
                let more = rows.len() as i64 == SLICE;
                if let Some(last) = rows.last() {
                    after = (last.seq, last.id.clone());
                }
                let entries = rows.into_iter().map(entry).collect::<AppResult<Vec<Entry>>>()?;
                match &mut first {
                    Some(shelf) => shelf.load(entries),
                    None => self.write(move |shelf| shelf.apply(entries)).await?,
                }
                if !more {
                    break;
                }
            }
            if let Some(mut first) = first {
                self.write(move |shelf| {
                    first.sort_all();
                    *shelf = first;
                })
                .await?;
            }
            following.0 = newest.max(after.0);
        }
        if now - following.1 >= TRENDS_MS {
            let trends = trends(ctx, now).await?;
            self.write(move |shelf| shelf.set_trends(&trends)).await?;
            following.1 = now;
        }
        Ok(())
    }

    /// Off the async threads: many changes are sorted anew.
    async fn write(&self, act: impl FnOnce(&mut Shelf) + Send + 'static) -> AppResult<()> {
        let this = self.clone();
        let written = tokio::task::spawn_blocking(move || act(&mut this.0.shelf.write().unwrap_or_else(PoisonError::into_inner)));
        written.await.map_err(|error| crate::server::error::internal("catalogue", &error))
    }
}

/// Reads the catalogue once, so that the first page does not wait for it.
pub async fn load_catalogue(ctx: &Ctx) {
    if let Err(error) = ctx.state.market.follow(ctx).await {
        tracing::warn!(%error, "the catalogue is read at the first question");
    }
    ctx.state.market.0.warm.store(true, Ordering::Relaxed);
}

fn entry(row: ShelfRow) -> AppResult<Entry> {
    Ok(Entry {
        id: parse_id(&row.id)?,
        listed: row.listed,
        kind: row.kind,
        category: row.category,
        tags: serde_json::from_str(&row.tags)?,
        licence: row.licence,
        author: row.owner_id,
        signed: row.signed,
        stars: row.stars,
        ratings: row.ratings,
        installs: row.installs,
        downloads: row.downloads,
        published_at: row.published_at,
    })
}

/// What was taken in the last days, each day counting less than the one after it, in thousandths.
async fn trends(ctx: &Ctx, now: i64) -> AppResult<HashMap<ListingId, i64>> {
    let today = now / clock::DAY;
    let mut trends: HashMap<ListingId, f64> = HashMap::new();
    for (listing, day, taken) in store::recent_days(ctx.db().read(), today - TREND_DAYS + 1).await? {
        let age = (today - day).max(0) as f64;
        *trends.entry(parse_id(&listing)?).or_default() += taken as f64 * 0.5_f64.powf(age / HALF_LIFE);
    }
    Ok(trends.into_iter().map(|(id, trend)| (id, (trend * 1_000.0) as i64)).collect())
}
