//! Keeps the index of this node in step with the database, as the library's is: each volume counts its changes, and so does everybody who has
//! sessions; before a question the index takes in what is above the numbers that it has. A job after each commit, and a look at the numbers
//! of sessions each second, do the same, so that a question seldom has to. The index is derived: at start it is made from the database.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
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
        sessions::service::{self as sessions, SessionScope, SessionText},
        volumes,
    },
    ids::{ArtifactId, SessionId, VolumeId},
    server::{context::Ctx, db::parse_id, error::internal},
};

/// Rows read at once.
const SLICE: i64 = 500;
/// Sessions read at once, with all that they say.
const SESSIONS: i64 = 50;
/// Between two looks at what changed in sessions.
const LOOK: Duration = Duration::from_secs(1);
/// Documents put in while readers wait: a few milliseconds.
const BATCH: usize = 16;
/// Of the vectors of all-MiniLM-L6-v2.
const DIMENSION: usize = 384;

/// What a document of the index was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Artifact(ArtifactId),
    Session(SessionId),
}

impl Source {
    pub fn id(self) -> Id {
        match self {
            Self::Artifact(id) => Id(id.bits()),
            Self::Session(id) => Id(id.bits()),
        }
    }
}

/// A document, and which state of its source it shows: a revision, or the number of a change.
pub struct Taken {
    pub source: Source,
    pub state: u128,
    pub document: Document,
}

/// What is known of the documents in the index.
#[derive(Default)]
struct Known {
    taken: HashMap<Source, (Scope, u128)>,
    /// The newest change of each volume, and of the sessions of each team and account, that is taken in.
    numbers: HashMap<Scope, i64>,
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
    pub fn set_vector(&self, source: Source, state: u128, passage: usize, vector: &[f32]) -> Result<(), llmos_search::Error> {
        let mut index = self.0.index.write().unwrap_or_else(PoisonError::into_inner);
        match self.known().taken.get(&source) {
            Some((_, taken)) if *taken == state => index.set_vector(source.id(), passage, vector),
            _ => Err(llmos_search::Error::NotFound(source.id())),
        }
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self, scope: Scope) -> i64 {
        self.known().numbers.get(&scope).copied().unwrap_or(-1)
    }

    fn note_number(&self, scope: Scope, number: i64) {
        self.0.known.write().unwrap_or_else(PoisonError::into_inner).numbers.insert(scope, number);
    }

    /// Whether it is in one of these scopes.
    pub fn is_in(&self, source: Source, scopes: &[Scope]) -> bool {
        self.known().taken.get(&source).is_some_and(|(scope, _)| scopes.contains(scope))
    }

    /// Takes in what the volume has up to `seq`, unless it is there.
    pub async fn at_least(&self, ctx: &Ctx, volume: VolumeId, seq: i64) -> AppResult<()> {
        let Some(_turn) = self.turn(scope_of(volume), seq).await else { return Ok(()) };
        self.refresh(ctx, volume, seq).await
    }

    /// The turn to bring a scope up to a number; none if it is there.
    async fn turn(&self, scope: Scope, number: i64) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if self.number(scope) >= number {
            return None;
        }
        let turn = self.0.refreshing.lock().await;
        (self.number(scope) < number).then_some(turn)
    }

    /// The same for the sessions of a team or an account.
    pub async fn at_least_sessions(&self, ctx: &Ctx, of: SessionScope, number: i64) -> AppResult<()> {
        let scope = Scope(of.bits());
        let Some(_turn) = self.turn(scope, number).await else { return Ok(()) };
        let mut after = (self.number(scope), "~".to_owned());
        let mut newest = number;
        loop {
            let changed = sessions::changed_since(ctx, of, (after.0, &after.1), SESSIONS).await?;
            let more = changed.len() as i64 == SESSIONS;
            if let Some(last) = changed.last() {
                after = (last.changed, last.id.to_string());
                newest = newest.max(last.changed);
            }
            let (mut gone, mut taken) = (Vec::new(), Vec::new());
            for session in changed {
                match session.text {
                    None => gone.push(Source::Session(session.id)),
                    Some(text) => taken.push(taken_of_session(text)),
                }
            }
            self.apply(scope, gone, taken).await?;
            if !more {
                break;
            }
        }
        self.note_number(scope, newest);
        Ok(())
    }

    async fn refresh(&self, ctx: &Ctx, volume: VolumeId, seq: i64) -> AppResult<()> {
        let scope = scope_of(volume);
        let before = self.number(scope);
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
                    None => gone.push(Source::Artifact(row.id)),
                    // A draft counts the volume up as well.
                    Some(head) if self.has(Source::Artifact(row.id), scope, head.revision.bits()) => {}
                    Some(head) => changed.push((row.id, head)),
                }
            }
            let bodies = artifacts::bodies(ctx, &changed.iter().map(|(_, head)| head).collect::<Vec<_>>()).await?;
            let taken = changed.into_iter().zip(bodies).map(|((id, head), body)| taken_of_artifact(id, volume, head, body));
            self.apply(scope, gone, taken.collect()).await?;
            if !more {
                break;
            }
        }
        let departures = volumes::service::departures_since(ctx, volume, before).await?;
        let departures = departures.into_iter().map(|(_, id)| Ok(Source::Artifact(parse_id(&id)?))).collect::<AppResult<Vec<_>>>()?;
        self.apply(scope, departures, Vec::new()).await?;
        self.note_number(scope, newest);
        Ok(())
    }

    fn has(&self, source: Source, scope: Scope, state: u128) -> bool {
        self.known().taken.get(&source) == Some(&(scope, state))
    }

    /// Off the async threads: splitting and stemming takes a millisecond for each document.
    async fn apply(&self, scope: Scope, gone: Vec<Source>, taken: Vec<Taken>) -> AppResult<()> {
        if gone.is_empty() && taken.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        let applied = tokio::task::spawn_blocking(move || {
            for batch in taken.chunks(BATCH) {
                let mut index = this.0.index.write().unwrap_or_else(PoisonError::into_inner);
                for taken in batch {
                    index.put(&taken.document);
                }
                let mut known = this.0.known.write().unwrap_or_else(PoisonError::into_inner);
                known.taken.extend(batch.iter().map(|taken| (taken.source, (scope, taken.state))));
                drop((known, index));
                this.waiting(|waiting| batch.iter().for_each(|taken| waiting.add(taken.source)));
            }
            this.0.came.notify_one();
            let mut index = this.0.index.write().unwrap_or_else(PoisonError::into_inner);
            let mut known = this.0.known.write().unwrap_or_else(PoisonError::into_inner);
            for source in gone {
                // What was moved away may have been taken in where it is now.
                if known.taken.get(&source).is_some_and(|(home, _)| *home == scope) {
                    known.taken.remove(&source);
                    index.remove(source.id());
                }
            }
        });
        applied.await.map_err(|error| internal("search index", &error))
    }
}

pub fn scope_of(volume: VolumeId) -> Scope {
    Scope(volume.bits())
}

pub fn taken_of_artifact(id: ArtifactId, volume: VolumeId, head: Head, body: String) -> Taken {
    let (source, state) = (Source::Artifact(id), head.revision.bits());
    let document = Document {
        id: source.id(),
        kind: match head.kind {
            Kind::Skill => Indexed::Skill,
            Kind::Tool => Indexed::Tool,
            Kind::Agent => Indexed::Agent,
        },
        scope: scope_of(volume),
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
    };
    Taken { source, state, document }
}

pub fn taken_of_session(text: SessionText) -> Taken {
    let (source, state) = (Source::Session(text.id), text.changed as u128);
    let document = Document {
        id: source.id(),
        kind: Indexed::Session,
        scope: Scope(text.scope.bits()),
        slug: String::new(),
        name: text.title,
        description: text.goal,
        body: text.body,
        tags: Vec::new(),
        category: String::new(),
        author: Some(Author { id: text.owner.bits(), name: String::new() }),
        version: None,
        rating: None,
        updated_at: text.active_at,
    };
    Taken { source, state, document }
}

/// Takes in what a volume has now.
pub async fn take_in(ctx: &Ctx, volume: VolumeId) -> AppResult<()> {
    match volumes::service::number_of(ctx, volume).await? {
        Some(seq) => ctx.state.search.at_least(ctx, volume, seq).await,
        None => Ok(()),
    }
}

/// Takes in what sessions say now.
pub async fn take_in_sessions(ctx: &Ctx) -> AppResult<()> {
    for (scope, number) in sessions::all_scopes(ctx).await? {
        ctx.state.search.at_least_sessions(ctx, scope, number).await?;
    }
    Ok(())
}

/// Until the process ends: what is said in sessions is found a second later, also by its meaning, whoever asks.
pub async fn follow_sessions(ctx: &Ctx) {
    while ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        if let Err(error) = take_in_sessions(ctx).await {
            tracing::warn!(%error, "sessions are taken into the search index later");
        }
    }
}

/// At start: everything, so that the first question does not wait for all of it.
pub async fn take_in_all(ctx: &Ctx) {
    let taken = async {
        for volume in volumes::service::all_ids(ctx).await? {
            take_in(ctx, volume).await?;
        }
        take_in_sessions(ctx).await
    };
    match taken.await {
        Ok(()) => tracing::info!(documents = ctx.state.search.read().len(), "the search index is made"),
        Err(error) => tracing::warn!(%error, "the search index is made at the first question"),
    }
}
