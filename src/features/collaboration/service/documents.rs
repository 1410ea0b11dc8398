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
mod shared;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod simulation_of_nodes;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::sync::{Notify, OnceCell, OwnedMutexGuard};

pub use self::{
    keeper::keep_documents,
    replica::Refused,
    settle::settle_all,
    shared::{follow_heads_here, tell_presence},
};
use self::{
    limits::HELD_FOR,
    live::{Fork, Live, NotTaken, Reserved, Stored, Wrote},
    replica::{Changed, Replica},
    shared::Behind,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        artifacts,
        collaboration::{
            model::DocumentReport,
            store::{self, Appended, NewUpdate},
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
    behind: Behind,
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

    /// Something is missing in a document: it is read.
    fn read_again(&self, id: ArtifactId) {
        self.behind.add(id);
    }

    /// Lets go of everything, after this node was away: whoever edits comes back, with what was not stored.
    pub fn drop_all(&self) {
        let slots = std::mem::take(&mut *self.slots());
        for live in slots.values().filter_map(|slot| slot.0.get()) {
            live.break_off();
        }
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

    /// Who wrote in which document since this was asked last.
    pub fn take_wrote(&self) -> Vec<(ArtifactId, Wrote)> {
        let wrote = |document: Document| document.live().map(|live| (live.id, live.take_wrote())).ok();
        self.all().into_iter().filter_map(wrote).collect()
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
    for _ in 0..SETTLE_TRIES {
        // From before it is read: what others store meanwhile is heard, or found by the comparison that follows.
        let listening = shared::listen(&ctx.state, id);
        let stored = read(ctx, id).await?;
        // After the document: where another node writes, the text is as new, or newer, and then the number tells.
        let text = artifacts::service::live_text(ctx, id).await?;
        let stored = match stored {
            Some(stored) => stored,
            None => match begin(ctx, id, &text).await? {
                Some(stored) => stored,
                // Somebody else did just now.
                None => continue,
            },
        };
        let live = Live::new(id, stored, Instant::now());
        let live = if ctx.state.cluster.is_shared() { live.shared(listening, Instant::now()) } else { live };
        // What a process before this one did not settle is newer than the draft.
        if let Some(fork) = live.settled_fork().transpose().map_err(|refused| unusable(refused, id))? {
            let mut tx = ctx.db().write_tx().await?;
            let Some(change) = store_change(ctx, &mut tx, &live, &fork, &text.text, text.base, Others::MustNotWrite).await? else {
                continue;
            };
            tx.commit().await?;
            change.apply(&ctx.state, &live);
        }
        if ctx.state.cluster.is_shared() {
            ctx.state.documents.behind.opened(id);
            shared::ask_who_is_here(&ctx.state.cluster, id);
        }
        return Ok(live);
    }
    Err(busy())
}

async fn read(ctx: &Ctx, id: ArtifactId) -> AppResult<Option<Stored>> {
    let pool = ctx.db().read();
    let (row, updates) = loop {
        let Some(row) = store::document(pool, id).await? else { return Ok(None) };
        let updates = store::updates_after(pool, id, row.number).await?;
        // Another node may have taken updates into the state in between: then the state that was read lacks them.
        let is_whole = !ctx.state.cluster.is_shared() || store::standings(pool, &[id]).await?.iter().all(|now| now.number == row.number);
        if is_whole {
            break (row, updates);
        }
    };
    let base = row.base()?;
    let number = updates.last().map_or(row.newest, |update| update.number.max(row.newest));
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
    Ok(Some(Stored { replica, number, settled, seen: number, base, authors, rows, loose, bytes }))
}

/// Begins a document; none when somebody else did just now.
async fn begin(ctx: &Ctx, id: ArtifactId, text: &artifacts::service::LiveText) -> AppResult<Option<Stored>> {
    let (replica, state) = Replica::begin(&text.text);
    let mut tx = ctx.db().write_tx().await?;
    let inserted = store::insert_document(&mut tx, id, &state, text.base, ctx.now()).await?;
    tx.commit().await?;
    let bytes = state.len();
    Ok(inserted.then(|| Stored {
        replica,
        number: 0,
        settled: 0,
        seen: 0,
        base: text.base,
        authors: BTreeSet::new(),
        rows: 0,
        loose: 0,
        bytes,
    }))
}

/// Stores updates behind everything that was stored; `seen` is the newest of that as far as it is known here, and whoever asks holds the
/// document's `writing`. A process that serves alone needs no row of its own for that: SQLite would write the whole state anew with it. None:
/// there is no such document any more.
async fn append(ctx: &Ctx, tx: &mut Tx, id: ArtifactId, seen: i64, updates: &[NewUpdate]) -> AppResult<Option<Appended>> {
    let appended = match ctx.state.cluster.is_shared() {
        true => store::take_document(tx, id, seen, updates.len()).await?,
        false => Some(Appended { before: seen, newest: seen + updates.len() as i64, base: None }),
    };
    if let Some(appended) = &appended {
        store::insert_updates(tx, id, appended.before, updates).await?;
    }
    Ok(appended)
}

/// A change that is stored as soon as its transaction is committed.
struct Change {
    written: Option<(Changed, Reserved)>,
    base: Option<RevisionId>,
    /// Where it stands in the document, and up to which number the draft holds everything then; none: as it was.
    appended: Appended,
    settled: Option<i64>,
    /// Whether another node stored something in between, which the draft does not hold.
    overtaken: bool,
}

impl Change {
    fn apply(self, state: &AppState, live: &Live) {
        let Self { written, base, appended, settled, overtaken } = self;
        match written {
            Some((changed, reserved)) => {
                live.take_written(&changed, reserved, base);
                let update = NewUpdate { author: None, data: changed.v2, created_at: 0 };
                shared::tell_stored(&state.cluster, live, &appended, &[update]);
            }
            None => live.set_base(base),
        }
        if !live.note_stored(appended.before, appended.newest) {
            state.documents.read_again(live.id);
        }
        if overtaken {
            live.settle_soon(Instant::now());
        }
        shared::tell_settled(&state.cluster, live.id, settled, base);
    }
}

/// What becomes of a change when another node stored something in between.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    /// It stands behind that; unless that was a whole text, too.
    MayType,
    /// It is not made.
    MustNotWrite,
}

/// None: another node wrote in between, so nothing is to be committed.
async fn store_change(
    ctx: &Ctx,
    tx: &mut Tx,
    live: &Live,
    fork: &Fork,
    text: &str,
    base: Option<RevisionId>,
    others: Others,
) -> AppResult<Option<Change>> {
    let changed = fork.replica.write(text);
    let update = changed.iter().map(|changed| NewUpdate { author: None, data: changed.v2.clone(), created_at: ctx.now() });
    let appended =
        append(ctx, tx, live.id, live.seen(), &update.collect::<Vec<_>>()).await?.ok_or_else(|| AppError::not_found("document"))?;
    let overtaken = ctx.state.cluster.is_shared() && appended.before != fork.seen;
    if overtaken {
        // Two differences to the same text would stand there twice.
        let whole = changed.is_some() && store::was_written_whole(tx, live.id, fork.seen, appended.before).await?;
        if whole || others == Others::MustNotWrite {
            return Ok(None);
        }
    }
    let written = changed.map(|changed| (changed, live.reserve()));
    // What was typed since is not in the draft yet.
    let settled = match &written {
        _ if overtaken => Some(fork.seen),
        Some((_, reserved)) if reserved.settled => Some(appended.newest),
        _ => None,
    };
    match settled {
        Some(settled) => store::set_settled(tx, live.id, settled, base, ctx.now()).await?,
        None => store::set_base(tx, live.id, base).await?,
    }
    Ok(Some(Change { written, base, appended, settled, overtaken }))
}

/// A document whose draft somebody else is about to change: settled, and nothing of it is written meanwhile. Editors go on.
pub struct Held {
    document: Document,
    _writing: OwnedMutexGuard<()>,
    /// As the document was when it was settled.
    fork: Fork,
}

impl Held {
    /// The draft becomes this text: the difference is stored with it. Publish it when the transaction has been committed.
    ///
    /// # Errors
    /// Another node has written the whole text in between: unavailable.
    pub async fn follow(&self, ctx: &Ctx, tx: &mut Tx, text: &str, base: Option<RevisionId>) -> AppResult<Followed> {
        self.follow_beside(ctx, tx, text, base, Others::MayType).await?.ok_or_else(busy)
    }

    async fn follow_beside(
        &self,
        ctx: &Ctx,
        tx: &mut Tx,
        text: &str,
        base: Option<RevisionId>,
        others: Others,
    ) -> AppResult<Option<Followed>> {
        let change = store_change(ctx, tx, self.document.live()?, &self.fork, text, base, others).await?;
        Ok(change.map(|change| Followed { document: self.document.clone(), change: Some(change), state: ctx.state.clone() }))
    }
}

/// Takes the rows of documents whose drafts are about to change, before anything else of a transaction: everybody does it in this order, so
/// that nodes do not wait for each other in a circle.
pub async fn take<'a>(ctx: &Ctx, tx: &mut Tx, held: impl IntoIterator<Item = &'a Held>) -> AppResult<()> {
    if !ctx.state.cluster.is_shared() {
        return Ok(());
    }
    let mut lives = held.into_iter().map(|held| held.document.live()).collect::<AppResult<Vec<&Live>>>()?;
    lives.sort_by_key(|live| live.id);
    for live in lives {
        store::take_document(tx, live.id, live.seen(), 0).await?;
    }
    Ok(())
}

/// What editors learn after the commit.
#[must_use = "publish it after the commit"]
pub struct Followed {
    document: Document,
    change: Option<Change>,
    state: AppState,
}

impl Followed {
    pub fn publish(mut self) {
        if let (Ok(live), Some(change)) = (self.document.live(), self.change.take()) {
            change.apply(&self.state, live);
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

/// Takes what an editor wrote while it was away. When this ends it is on disk and in the draft. Only for who may edit the artifact.
pub async fn bring(ctx: &Ctx, id: ArtifactId, update: &[u8]) -> AppResult<()> {
    let user = ctx.actor()?.id();
    let document = ctx.state.documents.open(ctx, id).await?;
    document.live()?.take_alone(user, update, ctx.now()).map_err(|refused| match refused {
        NotTaken::TooLarge => AppError::too_large("The text would be too long. Move parts of it to files beside it."),
        NotTaken::Gap => {
            AppError::invalid("This was written on a text that the server does not have. Copy it from here and put it in by hand.")
        }
        NotTaken::Refused(Refused::Broken) => busy(),
        NotTaken::ReadOnly | NotTaken::Refused(Refused::Unreadable) => AppError::field("update", "This is no update of a text document."),
    })?;
    settle::settle(ctx, &document, writing(&document).await?).await.map(drop)
}

/// Brings the draft up to what editors have written, if the document is open, at any node: to be called before the draft is read. True when
/// there was something to bring.
pub async fn settle(ctx: &Ctx, id: ArtifactId) -> AppResult<bool> {
    let document = match ctx.state.documents.get(id) {
        Some(document) => document,
        None if ctx.state.cluster.is_shared() && store::is_unsettled(ctx.db().read(), id).await? => {
            ctx.state.documents.open(ctx, id).await?
        }
        None => return Ok(false),
    };
    if document.live()?.is_settled() {
        return Ok(false);
    }
    settle::settle(ctx, &document, writing(&document).await?).await?;
    Ok(true)
}

/// Holds a document, for who is about to change its draft; none when it is neither open nor unsettled, here or at another node.
pub async fn hold(ctx: &Ctx, id: ArtifactId) -> AppResult<Option<Held>> {
    let documents = &ctx.state.documents;
    let document = match documents.get(id) {
        Some(document) => document,
        None if is_used(ctx, id).await? => documents.open(ctx, id).await?,
        None => return Ok(None),
    };
    shared::tell_held(&ctx.state.cluster, id);
    let (writing, fork) = settled_fork(ctx, &document).await?;
    Ok(Some(Held { document, _writing: writing, fork }))
}

/// Whether a document that is not open here has to follow its draft. Where other nodes may have it open, each that there is.
async fn is_used(ctx: &Ctx, id: ArtifactId) -> AppResult<bool> {
    match ctx.state.cluster.is_shared() {
        true => Ok(!store::standings(ctx.db().read(), &[id]).await?.is_empty()),
        false => store::is_unsettled(ctx.db().read(), id).await,
    }
}

/// A copy of the document as the draft holds it; nothing of it is written while the guard lives.
async fn settled_fork(ctx: &Ctx, document: &Document) -> AppResult<(OwnedMutexGuard<()>, Fork)> {
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

/// Artifacts whose committed text changed, by something that changed many: open documents without a draft follow, at every node.
pub async fn follow_heads(ctx: &Ctx, ids: &[ArtifactId]) {
    follow_heads_here(ctx, ids).await;
    shared::tell_heads(&ctx.state.cluster, ids);
}

/// Artifacts that somebody has open to edit, at this node.
pub fn open(ctx: &Ctx) -> Vec<ArtifactId> {
    ctx.state.documents.all().iter().filter_map(|document| document.live().ok()).map(|live| live.id).collect()
}

async fn follow_head(ctx: &Ctx, document: &Document) -> AppResult<()> {
    for _ in 0..SETTLE_TRIES {
        let (writing, fork) = settled_fork(ctx, document).await?;
        let held = Held { document: document.clone(), _writing: writing, fork };
        let text = artifacts::service::live_text(ctx, document.live()?.id).await?;
        let mut tx = ctx.db().write_tx().await?;
        // Every node that has it open does the same: the first one is the one, and the others then have nothing left to do.
        if let Some(followed) = held.follow_beside(ctx, &mut tx, &text.text, text.base, Others::MustNotWrite).await? {
            tx.commit().await?;
            followed.publish();
            return Ok(());
        }
        tx.rollback().await?;
        drop(held);
        shared::catch_up(ctx, document.live()?).await?;
    }
    Err(busy())
}

/// What administrators see of open documents.
pub fn report(state: &AppState) -> Vec<DocumentReport> {
    state.documents.report()
}
