//! Keeps the index of this node in step with the database, as the library's is: each volume counts its changes, and before a question the
//! index takes in what is above the number that it has. A job after each commit does the same, so that a question seldom has to. The index
//! is derived: at start it is made from the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
};

use llmos_search::{Author, Document, Id, Index, Kind as Indexed, Scope};

use tokio::sync::Notify;

use super::{super::model::parse_version, embedding::Waiting};
use crate::{
    error::AppResult,
    features::{
        artifacts::{
            model::Kind,
            service::{self as artifacts, Head},
        },
        volumes::{self, service::VolumeAccess},
    },
    ids::{ArtifactId, RevisionId, VolumeId},
    server::{context::Ctx, db::parse_id, error::internal},
};

/// Rows read at once.
const SLICE: i64 = 500;
/// Documents put in while readers wait: a few milliseconds.
const BATCH: usize = 16;
/// Of the vectors of all-MiniLM-L6-v2.
const DIMENSION: usize = 384;

/// What is known of the artifacts in the index.
#[derive(Default)]
struct Known {
    heads: HashMap<ArtifactId, (VolumeId, RevisionId)>,
    numbers: HashMap<VolumeId, i64>,
}

/// The index of this node; cheap to clone.
#[derive(Clone)]
pub struct SearchIndex(Arc<Inner>);

struct Inner {
    index: RwLock<Index>,
    known: RwLock<Known>,
    /// Held by the one who brings it up to date.
    refreshing: tokio::sync::Mutex<()>,
    waiting: Mutex<Waiting>,
    came: Notify,
}

impl Default for SearchIndex {
    fn default() -> Self {
        Self(Arc::new(Inner {
            index: RwLock::new(Index::new(DIMENSION)),
            known: RwLock::default(),
            refreshing: tokio::sync::Mutex::default(),
            waiting: Mutex::default(),
            came: Notify::new(),
        }))
    }
}

impl SearchIndex {
    pub fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has no vectors yet.
    pub fn waiting<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        act(&mut self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something came that has no vectors.
    pub async fn came(&self) {
        self.0.came.notified().await;
    }

    /// For a model of other vectors the index is emptied: whether it was, and has to be made anew.
    pub fn set_dimension(&self, dimension: usize) -> bool {
        let mut index = self.0.index.write().unwrap_or_else(PoisonError::into_inner);
        let differs = index.dimension() != dimension;
        if differs {
            *index = Index::new(dimension);
            *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Known::default();
        }
        differs
    }

    /// The vector of a passage, if the document is still the one it was made from.
    pub fn set_vector(&self, id: ArtifactId, revision: RevisionId, passage: usize, vector: &[f32]) -> Result<(), llmos_search::Error> {
        let mut index = self.0.index.write().unwrap_or_else(PoisonError::into_inner);
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        match known.heads.get(&id) {
            Some((_, head)) if *head == revision => index.set_vector(Id(id.bits()), passage, vector),
            _ => Err(llmos_search::Error::NotFound(Id(id.bits()))),
        }
    }

    fn number(&self, volume: VolumeId) -> i64 {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).numbers.get(&volume).copied().unwrap_or(-1)
    }

    /// Whether an artifact is in one of these volumes.
    pub fn is_in(&self, id: ArtifactId, volumes: &[VolumeAccess]) -> bool {
        let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
        known.heads.get(&id).is_some_and(|(volume, _)| volumes.iter().any(|access| access.id == *volume))
    }

    /// Takes in what the volume has up to `seq`, unless it is there.
    pub async fn at_least(&self, ctx: &Ctx, volume: VolumeId, seq: i64) -> AppResult<()> {
        if self.number(volume) >= seq {
            return Ok(());
        }
        let _one = self.0.refreshing.lock().await;
        if self.number(volume) >= seq {
            return Ok(());
        }
        self.refresh(ctx, volume, seq).await
    }

    async fn refresh(&self, ctx: &Ctx, volume: VolumeId, seq: i64) -> AppResult<()> {
        let before = self.number(volume);
        let mut after = (before, "~".to_owned());
        let mut newest = seq;
        loop {
            let rows = artifacts::heads_since(ctx, volume, (after.0, &after.1), SLICE).await?;
            let more = rows.len() as i64 == SLICE;
            if let Some(last) = rows.last() {
                after = (last.seq, last.id.to_string());
                newest = newest.max(last.seq);
            }
            let mut gone = Vec::new();
            let mut changed = Vec::new();
            for row in rows {
                match row.head {
                    None => gone.push(row.id),
                    // A draft counts the volume up as well.
                    Some(head) if self.has(row.id, volume, head.revision) => {}
                    Some(head) => changed.push((row.id, head)),
                }
            }
            let bodies = artifacts::bodies(ctx, &changed.iter().map(|(_, head)| head).collect::<Vec<_>>()).await?;
            let documents = changed.into_iter().zip(bodies).map(|((id, head), body)| (id, head.revision, document(id, volume, head, body)));
            self.apply(volume, gone, documents.collect()).await?;
            if !more {
                break;
            }
        }
        let departures = volumes::service::departures_since(ctx, volume, before).await?;
        let departures = departures.into_iter().map(|(_, id)| parse_id(&id)).collect::<AppResult<Vec<_>>>()?;
        self.apply(volume, departures, Vec::new()).await?;
        self.0.known.write().unwrap_or_else(PoisonError::into_inner).numbers.insert(volume, newest);
        Ok(())
    }

    fn has(&self, id: ArtifactId, volume: VolumeId, revision: RevisionId) -> bool {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).heads.get(&id) == Some(&(volume, revision))
    }

    /// Off the async threads: splitting and stemming takes a millisecond for each document.
    async fn apply(&self, volume: VolumeId, gone: Vec<ArtifactId>, documents: Vec<(ArtifactId, RevisionId, Document)>) -> AppResult<()> {
        if gone.is_empty() && documents.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        let applied = tokio::task::spawn_blocking(move || {
            for batch in documents.chunks(BATCH) {
                let mut index = this.0.index.write().unwrap_or_else(PoisonError::into_inner);
                for (.., document) in batch {
                    index.put(document);
                }
                let mut known = this.0.known.write().unwrap_or_else(PoisonError::into_inner);
                known.heads.extend(batch.iter().map(|(id, revision, _)| (*id, (volume, *revision))));
                drop((known, index));
                this.waiting(|waiting| batch.iter().for_each(|(id, ..)| waiting.add(*id)));
            }
            this.0.came.notify_one();
            let mut index = this.0.index.write().unwrap_or_else(PoisonError::into_inner);
            let mut known = this.0.known.write().unwrap_or_else(PoisonError::into_inner);
            for id in gone {
                // What was moved away may have been taken in where it is now.
                if known.heads.get(&id).is_some_and(|(home, _)| *home == volume) {
                    known.heads.remove(&id);
                    index.remove(Id(id.bits()));
                }
            }
        });
        applied.await.map_err(|error| internal("search index", &error))
    }
}

pub fn document(id: ArtifactId, volume: VolumeId, head: Head, body: String) -> Document {
    Document {
        id: Id(id.bits()),
        kind: match head.kind {
            Kind::Skill => Indexed::Skill,
            Kind::Tool => Indexed::Tool,
            Kind::Agent => Indexed::Agent,
        },
        scope: Scope(volume.bits()),
        slug: head.slug,
        name: head.name,
        description: head.description,
        body,
        tags: head.tags,
        category: head.category,
        // Shown names are read when they are shown: people change them.
        author: Some(Author { id: head.author.bits(), name: String::new() }),
        version: parse_version(&head.version),
        rating: None,
        updated_at: head.updated_at,
    }
}

/// Takes in what a volume has now.
pub async fn take_in(ctx: &Ctx, volume: VolumeId) -> AppResult<()> {
    match volumes::service::number_of(ctx, volume).await? {
        Some(seq) => ctx.state.search.at_least(ctx, volume, seq).await,
        None => Ok(()),
    }
}

/// At start: everything, so that the first question does not wait for all of it.
pub async fn take_in_all(ctx: &Ctx) {
    let taken = async {
        for volume in volumes::service::all_ids(ctx).await? {
            take_in(ctx, volume).await?;
        }
        AppResult::Ok(())
    };
    match taken.await {
        Ok(()) => tracing::info!(documents = ctx.state.search.read().len(), "the search index is made"),
        Err(error) => tracing::warn!(%error, "the search index is made at the first question"),
    }
}
