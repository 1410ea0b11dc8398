//! Documents that several edit at once: the draft of an artifact, live.
//!
//! A document is opened from what is stored of it, or begun with the artifact's text. What editors write is relayed at once, stored in
//! groups and then acknowledged ([`keeper`]), and after a short while it becomes the draft ([`settle`]). Whoever changes the draft otherwise
//! *holds* the document meanwhile: it is settled first, and the change reaches the editors as the small difference that it is.

mod keeper;
pub mod limits;
pub mod live;
mod messages;
mod plausible;
mod presence;
mod replica;
mod settle;
#[cfg(test)]
mod simulation;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{Notify, OnceCell, OwnedMutexGuard};

pub use self::{keeper::keep_documents, replica::Refused, settle::settle_all};
use self::{
    limits::HELD_FOR,
    live::{Live, Reserved, Stored},
    replica::{Changed, Replica},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        artifacts,
        collaboration::{
            model::DocumentReport,
            store::{self, NewUpdate},
        },
    },
    ids::{ArtifactId, RevisionId, UserId},
    server::{context::Ctx, db::Tx, state::AppState},
};

#[derive(Default)]
struct Slot(OnceCell<Live>);

/// Every document that is open in this process.
#[derive(Default)]
pub struct Documents {
    open: Mutex<HashMap<ArtifactId, Arc<Slot>>>,
    /// Something is to be stored.
    something: Notify,
}

/// A document that is open; it stays so for as long as somebody has this.
#[derive(Clone)]
pub struct Document(Arc<Slot>);

impl Document {
    pub fn live(&self) -> AppResult<&Live> {
        self.0.0.get().ok_or_else(AppError::internal)
    }
}

impl Documents {
    fn slots(&self) -> MutexGuard<'_, HashMap<ArtifactId, Arc<Slot>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document, if it is open.
    fn get(&self, id: ArtifactId) -> Option<Document> {
        let slot = self.slots().get(&id).cloned()?;
        slot.0.get().is_some_and(|live| !live.is_broken()).then_some(Document(slot))
    }

    /// All that are open.
    fn all(&self) -> Vec<Document> {
        self.slots().values().filter(|slot| slot.0.get().is_some()).cloned().map(Document).collect()
    }

    /// There is something to be stored.
    pub fn wake(&self) {
        self.something.notify_one();
    }

    /// Opens it, or finds it open. Only for who may read the artifact.
    pub async fn open(&self, ctx: &Ctx, id: ArtifactId) -> AppResult<Document> {
        let slot = self.slots().entry(id).or_default().clone();
        let slot = match slot.0.get() {
            Some(live) if live.is_broken() => {
                // It is loaded again, when what was on its way to the disk has arrived.
                let _writing = writing(&Document(slot.clone())).await?;
                let mut slots = self.slots();
                if slots.get(&id).is_some_and(|now| Arc::ptr_eq(now, &slot)) {
                    slots.remove(&id);
                }
                slots.entry(id).or_default().clone()
            }
            _ => slot,
        };
        slot.0.get_or_try_init(|| load(ctx, id)).await?;
        Ok(Document(slot))
    }

    /// Forgets those that nobody needs any more.
    fn close(&self, now: Instant, empty_for: std::time::Duration) {
        self.slots().retain(|_, slot| {
            let unused = Arc::strong_count(slot) == 1;
            !(unused && slot.0.get().is_none_or(|live| live.is_done(now, empty_for)))
        });
    }

    /// What administrators see.
    pub fn report(&self) -> Vec<DocumentReport> {
        let mut reports: Vec<DocumentReport> = self
            .all()
            .iter()
            .filter_map(|document| document.live().ok())
            .map(|live| {
                let (people, connections) = live.editors();
                DocumentReport {
                    artifact_id: live.id,
                    name: None,
                    connections: connections as i64,
                    people,
                    unsaved_bytes: live.pending_bytes() as i64,
                }
            })
            .collect();
        reports.sort_by_key(|report| (std::cmp::Reverse(report.connections), report.artifact_id));
        reports
    }
}

fn unusable(refused: Refused, id: ArtifactId) -> AppError {
    tracing::error!(?refused, artifact = %id, "a stored document cannot be read");
    AppError::internal()
}

/// Reads a document, or begins one with the artifact's text. Before it is served, everything in it is stored: what two processes made of
/// the same text would come twice.
async fn load(ctx: &Ctx, id: ArtifactId) -> AppResult<Live> {
    let text = artifacts::service::live_text(ctx, id).await?;
    let stored = match read(ctx, id).await? {
        Some(stored) => stored,
        None => match begin(ctx, id, &text).await? {
            Some(stored) => stored,
            None => read(ctx, id).await?.ok_or_else(AppError::internal)?,
        },
    };
    let live = Live::new(id, stored, Instant::now());
    // What a process before this one did not settle is newer than the draft.
    if let Some(fork) = live.settled_fork().transpose().map_err(|refused| unusable(refused, id))? {
        let mut tx = ctx.db().write_tx().await?;
        let change = store_change(ctx, &mut tx, &live, &fork, &text.text, text.base).await?;
        tx.commit().await?;
        change.apply(&live);
    }
    Ok(live)
}

async fn read(ctx: &Ctx, id: ArtifactId) -> AppResult<Option<Stored>> {
    let pool = ctx.db().read();
    let Some(row) = store::document(pool, id).await? else { return Ok(None) };
    let updates = store::updates(pool, id).await?;
    let base = row.base()?;
    let number = updates.last().map_or(row.number, |update| update.number);
    let unsettled = updates.iter().filter(|update| update.number > row.settled);
    let authors = unsettled.filter_map(|update| update.author().transpose()).collect::<AppResult<BTreeSet<UserId>>>()?;
    let (settled, rows) = (row.settled, updates.len());
    let loose = updates.iter().map(|update| update.data.len()).sum::<usize>();
    let bytes = row.state.len() + loose;
    // Some 20 ms for a document of a quarter of a million edits.
    let replica = tokio::task::spawn_blocking(move || {
        Replica::load(std::iter::once(row.state.as_slice()).chain(updates.iter().map(|update| update.data.as_slice())))
    })
    .await
    .map_err(|error| crate::server::error::internal("document", &error))?
    .map_err(|refused| unusable(refused, id))?;
    Ok(Some(Stored { replica, number, settled, base, authors, rows, loose, bytes }))
}

/// Begins a document; none when somebody else did just now.
async fn begin(ctx: &Ctx, id: ArtifactId, text: &artifacts::service::LiveText) -> AppResult<Option<Stored>> {
    let (replica, state) = Replica::begin(&text.text);
    let mut tx = ctx.db().write_tx().await?;
    let inserted = store::insert_document(&mut tx, id, &state, text.base, ctx.now()).await?;
    tx.commit().await?;
    let bytes = state.len();
    Ok(inserted.then(|| Stored { replica, number: 0, settled: 0, base: text.base, authors: BTreeSet::new(), rows: 0, loose: 0, bytes }))
}

/// A change that is stored as soon as its transaction is committed.
struct Change {
    written: Option<(Changed, Reserved)>,
    base: Option<RevisionId>,
}

impl Change {
    fn apply(self, live: &Live) {
        match self.written {
            Some((changed, reserved)) => live.take_written(&changed, reserved, self.base),
            None => live.set_base(self.base),
        }
    }
}

async fn store_change(ctx: &Ctx, tx: &mut Tx, live: &Live, fork: &Replica, text: &str, base: Option<RevisionId>) -> AppResult<Change> {
    let Some(changed) = fork.write(text) else {
        store::set_base(tx, live.id, base).await?;
        return Ok(Change { written: None, base });
    };
    let reserved = live.reserve();
    let update = NewUpdate { document: live.id, number: reserved.number, author: None, data: changed.v2.clone(), created_at: ctx.now() };
    store::insert_updates(tx, &[update]).await?;
    // What was typed since is not in the draft yet.
    if reserved.settled {
        store::set_settled(tx, live.id, reserved.number, base, ctx.now()).await?;
    } else {
        store::set_base(tx, live.id, base).await?;
    }
    Ok(Change { written: Some((changed, reserved)), base })
}

/// A document whose draft somebody else is about to change: settled, and nothing of it is written meanwhile. Editors go on.
pub struct Held {
    document: Document,
    _writing: OwnedMutexGuard<()>,
    /// As the document was when it was settled.
    fork: Replica,
}

impl Held {
    /// The draft becomes this text: the difference is stored with it. Publish it when the transaction has been committed.
    pub async fn follow(&self, ctx: &Ctx, tx: &mut Tx, text: &str, base: Option<RevisionId>) -> AppResult<Followed> {
        let change = store_change(ctx, tx, self.document.live()?, &self.fork, text, base).await?;
        Ok(Followed { document: self.document.clone(), change: Some(change) })
    }
}

/// What editors learn after the commit.
#[must_use = "publish it after the commit"]
pub struct Followed {
    document: Document,
    change: Option<Change>,
}

impl Followed {
    pub fn publish(mut self) {
        if let (Ok(live), Some(change)) = (self.document.live(), self.change.take()) {
            change.apply(live);
        }
    }
}

/// The caller went away, or its transaction failed: what is stored now is not known, so the document is read again.
impl Drop for Followed {
    fn drop(&mut self) {
        if let (Ok(live), Some(Change { written: Some(_), .. })) = (self.document.live(), &self.change) {
            live.break_off();
        }
    }
}

/// Brings the draft up to what editors have written, if the document is open: to be called before the draft is read. True when there was
/// something to bring.
pub async fn settle(ctx: &Ctx, id: ArtifactId) -> AppResult<bool> {
    let Some(document) = ctx.state.documents.get(id) else { return Ok(false) };
    if document.live()?.is_settled() {
        return Ok(false);
    }
    settle::settle(ctx, &document, writing(&document).await?).await?;
    Ok(true)
}

/// Holds a document, for who is about to change its draft; none when it is neither open nor unsettled.
pub async fn hold(ctx: &Ctx, id: ArtifactId) -> AppResult<Option<Held>> {
    let documents = &ctx.state.documents;
    let document = match documents.get(id) {
        Some(document) => document,
        None if store::is_unsettled(ctx.db().read(), id).await? => documents.open(ctx, id).await?,
        None => return Ok(None),
    };
    let (writing, fork) = settled_fork(ctx, &document).await?;
    Ok(Some(Held { document, _writing: writing, fork }))
}

/// A copy of the document as the draft holds it; nothing of it is written while the guard lives.
async fn settled_fork(ctx: &Ctx, document: &Document) -> AppResult<(OwnedMutexGuard<()>, Replica)> {
    let live = document.live()?;
    let mut writing = writing(document).await?;
    for _ in 0..SETTLE_TRIES {
        writing = settle::settle(ctx, document, writing).await?;
        // Somebody may have typed meanwhile.
        if let Some(fork) = live.settled_fork() {
            return Ok((writing, fork.map_err(|refused| unusable(refused, live.id))?));
        }
    }
    Err(busy())
}

const SETTLE_TRIES: usize = 20;

fn busy() -> AppError {
    AppError::new(ErrorCode::Unavailable, "Somebody else is changing this draft right now. Try again in a moment.")
}

/// Holds several, always in the same order, so that two who do cannot wait for each other.
pub async fn hold_all(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<HashMap<ArtifactId, Held>> {
    let sorted: BTreeSet<ArtifactId> = ids.iter().copied().collect();
    let mut held = HashMap::new();
    for id in sorted {
        if let Some(one) = hold(ctx, id).await? {
            held.insert(id, one);
        }
    }
    Ok(held)
}

async fn writing(document: &Document) -> AppResult<OwnedMutexGuard<()>> {
    let writing = document.live()?.writing.clone();
    tokio::time::timeout(HELD_FOR, writing.lock_owned()).await.map_err(|_| busy())
}

/// Artifacts whose committed text changed, by something that changed many: open documents without a draft follow.
pub async fn follow_heads(ctx: &Ctx, ids: &[ArtifactId]) {
    for document in ids.iter().filter_map(|id| ctx.state.documents.get(*id)) {
        if let Err(error) = follow_head(ctx, &document).await {
            tracing::warn!(%error, "an open document did not follow its artifact");
        }
    }
}

/// Artifacts that somebody has open to edit.
pub fn open(ctx: &Ctx) -> Vec<ArtifactId> {
    ctx.state.documents.all().iter().filter_map(|document| document.live().ok()).map(|live| live.id).collect()
}

async fn follow_head(ctx: &Ctx, document: &Document) -> AppResult<()> {
    let (writing, fork) = settled_fork(ctx, document).await?;
    let held = Held { document: document.clone(), _writing: writing, fork };
    let text = artifacts::service::live_text(ctx, document.live()?.id).await?;
    let mut tx = ctx.db().write_tx().await?;
    let followed = held.follow(ctx, &mut tx, &text.text, text.base).await?;
    tx.commit().await?;
    followed.publish();
    Ok(())
}

/// What administrators see of open documents.
pub fn report(state: &AppState) -> Vec<DocumentReport> {
    state.documents.report()
}
