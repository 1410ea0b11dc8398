//! Keeps each volume's [`Shelf`] in step with the database: before it is read, it takes in what changed since.
//!
//! Every writer of `artifacts` rows counts `volumes.seq` up in its transaction and puts that number on the rows it changes; the
//! row of the volume is locked meanwhile, so numbers become visible in order. A node reads what is above the number it has.

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

pub use super::shelf::Counts;
use super::shelf::{Item, Shelf};
use crate::{
    error::AppResult,
    features::{artifacts::store, volumes},
    ids::VolumeId,
    server::{context::Ctx, db::parse_id},
};

/// Rows read at once.
const SLICE: i64 = 2_000;
/// A volume that nobody looks at gives its memory back.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// Less than departures are kept.
const OLDEST: Duration = Duration::from_secs(12 * 3_600);

/// The indexes of the volumes in use.
pub struct LibraryIndex {
    shelves: moka::sync::Cache<VolumeId, Arc<Entry>>,
}

/// One volume's index.
pub struct Entry {
    shelf: RwLock<Shelf>,
    /// Held by the one who brings it up to date.
    refreshing: tokio::sync::Mutex<()>,
}

impl Entry {
    pub fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LibraryIndex {
    pub fn new() -> Self {
        Self { shelves: moka::sync::Cache::builder().max_capacity(10_000).time_to_idle(IDLE).time_to_live(OLDEST).build() }
    }

    /// The index of a volume, at least as new as `seq`. The caller has seen that the volume may be read.
    pub async fn at(&self, ctx: &Ctx, volume: VolumeId, seq: i64) -> AppResult<Arc<Entry>> {
        let entry = self.shelves.get_with(volume, || Arc::new(Entry::new()));
        if entry.read().seq >= seq {
            return Ok(entry);
        }
        let _one = entry.refreshing.lock().await;
        let known = entry.read().seq;
        if known < seq {
            refresh(ctx, volume, &entry, known, seq).await?;
        }
        drop(_one);
        Ok(entry)
    }
}

impl Default for LibraryIndex {
    fn default() -> Self {
        Self::new()
    }
}

impl Entry {
    fn new() -> Self {
        // Below every volume's number, so that the first look reads.
        Self { shelf: RwLock::new(Shelf::empty()), refreshing: tokio::sync::Mutex::default() }
    }
}

async fn refresh(ctx: &Ctx, volume: VolumeId, entry: &Entry, known: i64, seq: i64) -> AppResult<()> {
    let mut items = Vec::new();
    let mut after = (known, "~".to_owned());
    let mut newest = seq;
    loop {
        let rows = store::changed_since(ctx.db().read(), volume, (after.0, &after.1), SLICE).await?;
        let more = rows.len() as i64 == SLICE;
        if let Some(last) = rows.last() {
            after = (last.seq, last.id.clone());
            newest = newest.max(last.seq);
        }
        for row in rows {
            if row.state != store::STAGED {
                items.push(item(row)?);
            }
        }
        if !more {
            break;
        }
    }
    // After the rows: a number that was read above has its departures in the table.
    let departures = volumes::service::departures_since(ctx, volume, known).await?;
    let departures = departures.into_iter().map(|(seq, id)| Ok((seq, parse_id(&id)?))).collect::<AppResult<Vec<_>>>()?;
    entry.shelf.write().unwrap_or_else(PoisonError::into_inner).apply(items, &departures, newest);
    Ok(())
}

fn item(row: store::IndexRow) -> AppResult<Item> {
    Ok(Item {
        id: parse_id(&row.id)?,
        seq: row.seq,
        trashed: row.state == store::TRASHED,
        kind: row.kind.parse().unwrap_or(crate::features::artifacts::model::Kind::Skill),
        category: row.category,
        tags: serde_json::from_str(&row.tags)?,
        has_draft: row.has_draft != 0,
        hints: row.hints > 0,
        created_at: row.created_at,
        // In the trash the newest are those thrown away last.
        updated_at: row.deleted_at.unwrap_or(row.updated_at),
        text: format!("{}\n{}\n{}", row.slug, row.name, row.description),
        name: row.name,
    })
}

/// Takes in what a large import brought, so that the first who looks does not wait for it. A failure only means that they do.
pub async fn warm(ctx: &Ctx, volume: VolumeId) {
    let warmed = async {
        let Some(seq) = volumes::service::number_of(ctx, volume).await? else { return Ok(()) };
        ctx.state.library.at(ctx, volume, seq).await.map(drop)
    };
    if let Err(error) = warmed.await {
        tracing::warn!(%volume, %error, "the library's index is read at the next look");
    }
}

/// How much is in a volume that the caller may read.
pub async fn counts(ctx: &Ctx, volume: VolumeId, seq: i64) -> AppResult<Counts> {
    Ok(ctx.state.library.at(ctx, volume, seq).await?.read().counts)
}
