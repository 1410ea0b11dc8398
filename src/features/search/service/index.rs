//! Keeps the index of this node in step with the database, as the library's is: each volume counts its changes, and so does everybody who has
//! sessions; before a question the index takes in what is above the numbers that it has. A job after each commit, and a look at the numbers
//! of sessions each second, do the same, so that a question seldom has to. The index is derived: at start it is read from the file that the last
//! process left (`kept.rs`), or made from the database.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
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
        marketplace::service::{self as marketplace, ListingText},
        sessions::service::{self as sessions, SessionScope, SessionText},
        volumes,
    },
    ids::{ArtifactId, ListingId, SessionId, VolumeId},
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
    Listing(ListingId),
}

/// Where the listings of the marketplace are.
pub const MARKET: Scope = Scope(u128::from_be_bytes(*b"llmos market    "));

impl Source {
    pub fn id(self) -> Id {
        match self {
            Self::Artifact(id) => Id(id.bits()),
            Self::Session(id) => Id(id.bits()),
            Self::Listing(id) => Id(id.bits()),
        }
    }
}

/// A document, and which state of its source it shows: a revision, or the number of a change.
pub struct Taken {
    pub source: Source,
    pub state: u128,
    pub document: Document,
    /// As it is written.
    pub version: String,
    /// Of a session, where each message begins in the body, and its number.
    pub messages: Vec<(usize, i64)>,
}

/// What is known of the documents in the index.
#[derive(Clone, Default)]
pub struct Known {
    pub taken: HashMap<Source, (Scope, u128)>,
    /// The newest change of each volume, and of the sessions of each team and account, that is taken in.
    pub numbers: HashMap<Scope, i64>,
    /// Which model its vectors are of; empty while there are none.
    pub model: String,
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
    /// Counts what changed, for who keeps a copy.
    changes: AtomicU64,
    /// It was made once, or that was tried.
    warm: AtomicBool,
}

impl Default for SearchIndex {
    fn default() -> Self {
        Self::of(Index::new(DIMENSION), Known::default())
    }
}

impl SearchIndex {
    pub fn read(&self) -> RwLockReadGuard<'_, Index> {
        self.0.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a question does not have to wait until all of it is made.
    pub fn is_warm(&self) -> bool {
        self.0.warm.load(Ordering::Relaxed)
    }

    pub fn note_warm(&self) {
        self.0.warm.store(true, Ordering::Relaxed);
    }

    /// What has no vectors yet.
    pub fn waiting<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        act(&mut self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something came that has no vectors.
    pub async fn came(&self) {
        self.0.came.notified().await;
    }

    /// Vectors of another model than those that are there empty the index: whether they did, so that it has to be made anew.
    pub async fn set_model(&self, model: &str, dimension: usize) -> bool {
        let _turn = self.0.refreshing.lock().await;
        let mut index = self.0.index.write().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let differs = index.dimension() != dimension || !(known.model.is_empty() || known.model == model);
        if differs {
            *index = Index::new(dimension);
            *known = Known::default();
        }
        known.model = model.to_owned();
        differs
    }

    /// How often it has changed in this process.
    pub fn changes(&self) -> u64 {
        self.0.changes.load(Ordering::Relaxed)
    }

    /// The index as it is, and what is known of it.
    pub fn copy(&self) -> (Index, Known) {
        let index = self.read();
        (index.clone(), self.known().clone())
    }

    /// An index that was made elsewhere. What has no vectors in it waits to be embedded.
    pub fn of(index: Index, known: Known) -> Self {
        let lacking = |source: &&Source| index.progress(source.id()).is_some_and(|(passages, arrived)| arrived < passages);
        let mut waiting = Waiting::default();
        known.taken.keys().filter(lacking).for_each(|source| waiting.add(*source));
        Self(Arc::new(Inner {
            index: RwLock::new(index),
            known: RwLock::new(known),
            refreshing: tokio::sync::Mutex::default(),
            waiting: Mutex::new(waiting),
            came: Notify::new(),
            changes: AtomicU64::new(0),
            warm: AtomicBool::new(false),
        }))
    }

    /// Puts another index, if there is one, in the place of this one, between two questions; gives the count of changes then. Nothing is taken in here from before it is looked for
    /// until it has everything, so that no question that was promised a change finds the state before.
    ///
    /// # Errors
    /// The database cannot be read; this index stays.
    pub async fn replace(&self, ctx: &Ctx, other: impl Future<Output = Option<Self>>) -> AppResult<Option<u64>> {
        let _turn = self.0.refreshing.lock().await;
        let Some(other) = other.await else { return Ok(None) };
        other.take_in_all(ctx).await?;
        self.swap(&other);
        Ok(Some(self.changes()))
    }

    fn swap(&self, other: &Self) {
        let mut index = self.0.index.write().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *index, &mut *other.0.index.write().unwrap_or_else(PoisonError::into_inner));
        std::mem::swap(&mut *known, &mut *other.0.known.write().unwrap_or_else(PoisonError::into_inner));
        drop((known, index));
        self.waiting(|waiting| *waiting = other.waiting(std::mem::take));
        self.0.changes.fetch_add(1, Ordering::Relaxed);
        self.0.came.notify_one();
    }

    /// The vector of a passage, if the document is still the one it was made from.
    pub fn set_vector(&self, source: Source, state: u128, passage: usize, vector: &[f32]) -> Result<(), llmos_search::Error> {
        self.0.changes.fetch_add(1, Ordering::Relaxed);
        let mut index = self.0.index.write().unwrap_or_else(PoisonError::into_inner);
        match self.known().taken.get(&source) {
            Some((_, taken)) if *taken == state => index.set_vector(source.id(), passage, vector),
            _ => Err(llmos_search::Error::NotFound(source.id())),
        }
    }

    /// Which model its vectors are of.
    pub fn model(&self) -> String {
        self.known().model.clone()
    }

    /// Everything that is in it.
    pub fn sources(&self) -> HashSet<Id> {
        self.known().taken.keys().map(|source| source.id()).collect()
    }

    /// Has the vectors of these looked up once more.
    pub fn wait_for(&self, is_wanted: impl Fn(Source, u128) -> bool) {
        let wanted: Vec<Source> =
            self.known().taken.iter().filter(|(source, (_, state))| is_wanted(**source, *state)).map(|(source, _)| *source).collect();
        self.waiting(|waiting| wanted.into_iter().for_each(|source| waiting.add(source)));
        self.0.came.notify_one();
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
        self.taken(source).is_some_and(|(scope, _)| scopes.contains(&scope))
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

    /// The same for the listings of the marketplace.
    pub async fn at_least_listings(&self, ctx: &Ctx, number: i64) -> AppResult<()> {
        let Some(_turn) = self.turn(MARKET, number).await else { return Ok(()) };
        let mut after = (self.number(MARKET), "~".to_owned());
        let mut newest = number;
        loop {
            let changed = marketplace::changed_listings(ctx, (after.0, &after.1), SLICE).await?;
            let more = changed.len() as i64 == SLICE;
            if let Some(last) = changed.last() {
                after = (last.seq, last.id.to_string());
                newest = newest.max(last.seq);
            }
            let (mut gone, mut taken) = (Vec::new(), Vec::new());
            for listing in changed {
                match listing.text.map(taken_of_listing) {
                    None => gone.push(Source::Listing(listing.id)),
                    // Most changes are installations and downloads.
                    Some(text) if self.has(text.source, MARKET, text.state) => {}
                    Some(text) => taken.push(text),
                }
            }
            self.apply(MARKET, gone, taken).await?;
            if !more {
                break;
            }
        }
        self.note_number(MARKET, newest);
        Ok(())
    }

    /// Takes in what a volume has now.
    pub async fn take_in(&self, ctx: &Ctx, volume: VolumeId) -> AppResult<()> {
        match volumes::service::number_of(ctx, volume).await? {
            Some(seq) => self.at_least(ctx, volume, seq).await,
            None => Ok(()),
        }
    }

    /// Takes in what sessions say now.
    pub async fn take_in_sessions(&self, ctx: &Ctx) -> AppResult<()> {
        for (scope, number) in sessions::all_scopes(ctx).await? {
            self.at_least_sessions(ctx, scope, number).await?;
        }
        Ok(())
    }

    /// Takes in what is listed now.
    pub async fn take_in_listings(&self, ctx: &Ctx) -> AppResult<()> {
        self.at_least_listings(ctx, marketplace::number(ctx).await?).await
    }

    /// Takes in everything.
    pub async fn take_in_all(&self, ctx: &Ctx) -> AppResult<()> {
        for (volume, seq) in volumes::service::all_numbers(ctx).await? {
            self.at_least(ctx, volume, seq).await?;
        }
        self.take_in_listings(ctx).await?;
        self.take_in_sessions(ctx).await
    }

    async fn refresh(&self, ctx: &Ctx, volume: VolumeId, seq: i64) -> AppResult<()> {
        let scope = scope_of(volume);
        let before = self.number(scope);
        let mut after = (before, "~".to_owned());
        loop {
            let rows = artifacts::heads_since(ctx, volume, (after.0, &after.1), SLICE).await?;
            let more = rows.len() as i64 == SLICE;
            if let Some(last) = rows.last() {
                after = (last.seq, last.id.to_string());
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
        // No more than the volume had: what a large import is publishing carries a number already that the volume has yet to reach, and comes in parts.
        self.note_number(scope, seq);
        Ok(())
    }

    fn has(&self, source: Source, scope: Scope, state: u128) -> bool {
        self.taken(source) == Some((scope, state))
    }

    /// Where it is, and the state of it that was taken in.
    pub fn taken(&self, source: Source) -> Option<(Scope, u128)> {
        self.known().taken.get(&source).copied()
    }

    /// Off the async threads: splitting and stemming takes a millisecond for each document.
    async fn apply(&self, scope: Scope, gone: Vec<Source>, taken: Vec<Taken>) -> AppResult<()> {
        if gone.is_empty() && taken.is_empty() {
            return Ok(());
        }
        self.0.changes.fetch_add(1, Ordering::Relaxed);
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
    Taken { source, state, document, version: head.version, messages: Vec::new() }
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
    Taken { source, state, document, version: String::new(), messages: text.messages }
}

pub fn taken_of_listing(text: ListingText) -> Taken {
    let source = Source::Listing(text.id);
    // Ratings filter, so another one is another state.
    let rating = text.rating.map_or(0, |rating| (rating * 1_000.0) as u128);
    let document = Document {
        id: source.id(),
        kind: Indexed::Listing,
        scope: MARKET,
        slug: text.slug,
        name: text.name,
        description: text.description,
        body: text.body,
        tags: text.tags,
        category: text.category,
        author: text.author.map(|author| Author { id: author.bits(), name: String::new() }),
        version: parse_version(&text.version),
        rating: text.rating.map(|rating| rating as f32),
        updated_at: text.updated_at,
    };
    Taken { source, state: text.release.bits().wrapping_add(rating), document, version: text.version, messages: Vec::new() }
}

/// Until the process ends: what is said in sessions is found a second later, also by its meaning, whoever asks; and what is listed.
pub async fn follow(ctx: &Ctx) {
    while ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        if let Err(error) = ctx.state.search.take_in_listings(ctx).await {
            tracing::warn!(%error, "listings are taken into the search index later");
        }
        if let Err(error) = ctx.state.search.take_in_sessions(ctx).await {
            tracing::warn!(%error, "sessions are taken into the search index later");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn vectors_of_another_model_empty_the_index() {
        let document = Document {
            id: Id(1),
            kind: Indexed::Skill,
            scope: Scope(2),
            slug: String::new(),
            name: "lamp".to_owned(),
            description: String::new(),
            body: String::new(),
            tags: Vec::new(),
            category: String::new(),
            author: None,
            version: None,
            rating: None,
            updated_at: 0,
        };
        let mut index = Index::new(DIMENSION);
        index.put(&document);
        let source = Source::Artifact(ArtifactId::from_bits(1));
        let known = Known { taken: HashMap::from([(source, (Scope(2), 7))]), numbers: HashMap::from([(Scope(2), 1)]), ..Known::default() };
        let search = SearchIndex::default();
        search.swap(&SearchIndex::of(index, known));
        assert_eq!(search.waiting(|waiting| waiting.len()), 1, "what has no vectors is embedded");
        assert!(!search.set_model("a", DIMENSION).await, "words are of no model");
        assert!(!search.set_model("a", DIMENSION).await);
        search.set_vector(source, 7, 0, &[1.0; DIMENSION]).expect("its own");
        assert!(search.set_vector(source, 8, 0, &[1.0; DIMENSION]).is_err(), "of another text");
        assert!(search.set_model("b", DIMENSION).await);
        assert_eq!((search.read().len(), search.number(Scope(2))), (0, -1));
        assert!(search.set_model("b", 8).await && search.read().dimension() == 8);
    }
}
