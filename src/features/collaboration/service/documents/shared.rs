//! Documents that several nodes have open (docs/decisions/nodes.md): what is stored is told with its number, and whatever a node has missed
//! it reads. What is not stored yet stays at its node.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{
    super::super::store::{self, Appended, NewUpdate},
    follow_head,
    live::{Live, StoredUpdate},
    presence::ClientState,
};
use crate::{
    error::AppResult,
    ids::{ArtifactId, NodeId, RevisionId, UserId},
    server::{
        cluster::{Cluster, LARGEST, Listening, Notice, Subject},
        context::Ctx,
        state::AppState,
    },
};

/// Documents are compared with the database this often; while other nodes cannot be heard, each second.
const COMPARE_EVERY: Duration = Duration::from_secs(5);
const COMPARE_UNHEARD: Duration = Duration::from_secs(1);
/// How long it takes at most until a new subscription is known to all servers of NATS.
const YOUNG: Duration = Duration::from_millis(400);
const TICK: Duration = Duration::from_millis(200);
/// Documents that one query compares, and artifacts that one message names.
const SLICE: usize = 500;
/// A draft that somebody changes at another node is left alone for so long.
const HELD_ELSEWHERE: Duration = Duration::from_secs(1);
/// How often a document is read until it is whole.
const TRIES: usize = 5;

/// Documents of which something may be missing.
#[derive(Default)]
pub struct Behind {
    ids: Mutex<BTreeSet<ArtifactId>>,
    opened: Mutex<Vec<ArtifactId>>,
    something: Notify,
}

impl Behind {
    pub fn add(&self, id: ArtifactId) {
        lock(&self.ids).insert(id);
        self.something.notify_one();
    }

    /// What was stored while it was opened may not have been heard.
    pub fn opened(&self, id: ArtifactId) {
        lock(&self.opened).push(id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What nodes tell one another of a document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum News {
    /// Updates that are stored, with numbers from `first` on; Yjs' second encoding in base64.
    Stored { first: i64, updates: Vec<(Option<UserId>, String)> },
    /// There are some, too large for a message.
    Behind,
    /// The draft begins with this revision, and holds everything up to this number, if that is another than before.
    Settled { number: Option<i64>, base: Option<RevisionId> },
    /// Somebody changes the draft otherwise.
    Held,
    /// Clients of that node.
    Present { node: NodeId, states: Vec<ClientState> },
    /// Who is there?
    AskPresent,
}

fn tell(cluster: &Cluster, id: ArtifactId, news: &News) {
    cluster.tell(Subject::Document(id), news);
}

/// Tells other nodes what was stored.
pub fn tell_stored(cluster: &Cluster, live: &Live, appended: &Appended, updates: &[NewUpdate]) {
    if !cluster.is_shared() || updates.is_empty() {
        return;
    }
    // Base64 has four characters for three bytes.
    let bytes: usize = updates.iter().map(|update| update.data.len()).sum();
    let news = if bytes > LARGEST / 2 {
        News::Behind
    } else {
        let updates = updates.iter().map(|update| (update.author, STANDARD.encode(&update.data))).collect();
        News::Stored { first: appended.before + 1, updates }
    };
    tell(cluster, live.id, &news);
}

pub fn tell_settled(cluster: &Cluster, id: ArtifactId, number: Option<i64>, base: Option<RevisionId>) {
    tell(cluster, id, &News::Settled { number, base });
}

pub fn tell_held(cluster: &Cluster, id: ArtifactId) {
    tell(cluster, id, &News::Held);
}

pub fn ask_who_is_here(cluster: &Cluster, id: ArtifactId) {
    tell(cluster, id, &News::AskPresent);
}

/// Tells other nodes what clients here say of themselves.
pub fn tell_presence(cluster: &Cluster, id: ArtifactId, states: Vec<ClientState>) {
    if !states.is_empty() {
        tell(cluster, id, &News::Present { node: cluster.id(), states });
    }
}

pub fn tell_heads(cluster: &Cluster, ids: &[ArtifactId]) {
    for artifacts in ids.chunks(SLICE) {
        cluster.announce(&Notice::Heads { artifacts: artifacts.to_vec() });
    }
}

/// Open documents of these artifacts that have no draft follow their heads.
pub async fn follow_heads_here(ctx: &Ctx, ids: &[ArtifactId]) {
    for document in ids.iter().filter_map(|id| ctx.state.documents.get(*id)) {
        if let Err(error) = follow_head(ctx, &document).await {
            tracing::warn!(%error, "an open document did not follow its artifact");
        }
    }
}

/// Hears what other nodes tell of a document.
pub fn listen(state: &AppState, id: ArtifactId) -> Listening {
    let weak = state.downgrade();
    state.cluster.listen(Subject::Document(id), move |payload: Bytes| {
        let Some(state) = weak.upgrade() else { return };
        let Some(document) = state.documents.get(id) else { return };
        let Ok(live) = document.live() else { return };
        match serde_json::from_slice(&payload) {
            Ok(news) => hear(&state, live, news),
            // The comparison with the database finds what a later version tells otherwise.
            Err(error) => tracing::debug!(%error, "another node told something that is not known here"),
        }
    })
}

fn hear(state: &AppState, live: &Live, news: News) {
    let now = Instant::now();
    match news {
        News::Stored { first, updates } => {
            let stored = (first..).zip(updates).map_while(|(number, (author, data))| {
                let data = STANDARD.decode(data).ok()?;
                Some(StoredUpdate { number, author, data })
            });
            if !live.follow(stored, now) {
                state.documents.read_again(live.id);
            }
        }
        News::Behind => state.documents.read_again(live.id),
        News::Settled { number: Some(number), base } => live.note_standing(number, base, now),
        News::Settled { number: None, base } => live.set_base(base),
        News::Held => live.settle_not_before(now + HELD_ELSEWHERE),
        News::Present { node, states } => live.take_presence_from(node, states),
        News::AskPresent => tell_presence(&state.cluster, live.id, live.presence_here()),
    }
}

/// Reads what other nodes stored of a document.
pub async fn catch_up(ctx: &Ctx, live: &Live) -> AppResult<()> {
    if !ctx.state.cluster.is_shared() {
        return Ok(());
    }
    let pool = ctx.db().read();
    for _ in 0..TRIES {
        let Some(standing) = store::standings(pool, &[live.id]).await?.pop() else {
            // Its artifact was removed for good.
            live.break_off();
            return Ok(());
        };
        let (now, seen) = (Instant::now(), live.seen());
        if standing.newest <= seen {
            live.note_standing(standing.settled, standing.base()?, now);
            return Ok(());
        }
        // What was taken into the state is no longer there by itself.
        if standing.number > seen
            && let Some(row) = store::document(pool, live.id).await?
        {
            live.follow_state(row.number, row.state, now);
        }
        let updates = store::updates_after(pool, live.id, live.seen()).await?;
        let updates = updates
            .into_iter()
            .map(|update| Ok(StoredUpdate { number: update.number, author: update.author()?, data: update.data }))
            .collect::<AppResult<Vec<_>>>()?;
        live.follow(updates, now);
    }
    Ok(())
}

/// Reads what is missing, compares, and lets go of clients at nodes that are gone, until the process is asked to stop.
pub async fn stay_in_step(ctx: &Ctx) {
    if !ctx.state.cluster.is_shared() {
        return;
    }
    let behind = &ctx.state.documents.behind;
    let mut missed = ctx.state.cluster.missed();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut compared = Instant::now();
    let mut young: Vec<(ArtifactId, Instant)> = Vec::new();
    loop {
        tokio::select! {
            () = ctx.state.shutdown.cancelled() => return,
            () = behind.something.notified() => {}
            _ = missed.changed() => compare(ctx, &super::open(ctx)).await,
            _ = ticks.tick() => {
                let now = Instant::now();
                young.extend(std::mem::take(&mut *lock(&behind.opened)).into_iter().map(|id| (id, now)));
                let (due, still): (Vec<_>, Vec<_>) = young.drain(..).partition(|(_, since)| now.duration_since(*since) >= YOUNG);
                young = still;
                compare(ctx, &due.into_iter().map(|(id, _)| id).collect::<Vec<_>>()).await;
                let every = if ctx.state.cluster.hears_all() { COMPARE_EVERY } else { COMPARE_UNHEARD };
                if now.duration_since(compared) >= every {
                    compared = now;
                    compare(ctx, &super::open(ctx)).await;
                    forget_gone_nodes(ctx);
                }
            }
        }
        let ids = std::mem::take(&mut *lock(&behind.ids));
        for id in ids {
            let Some(document) = ctx.state.documents.get(id) else { continue };
            let caught_up = async { catch_up(ctx, document.live()?).await };
            if let Err(error) = caught_up.await {
                tracing::warn!(%error, artifact = %id, "what other nodes wrote could not be read; it is tried again");
                lock(&behind.ids).insert(id);
            }
        }
    }
}

/// Reads those that lack something, and notes how the drafts of the others stand.
async fn compare(ctx: &Ctx, ids: &[ArtifactId]) {
    for part in ids.chunks(SLICE) {
        let standings = match store::standings(ctx.db().read(), part).await {
            Ok(standings) => standings,
            Err(error) => return tracing::warn!(%error, "documents could not be compared with the database"),
        };
        for standing in standings {
            let (Ok(id), Ok(base)) = (standing.id(), standing.base()) else { continue };
            let Some(document) = ctx.state.documents.get(id) else { continue };
            let Ok(live) = document.live() else { continue };
            if standing.newest > live.seen() {
                ctx.state.documents.read_again(id);
            } else if live.seen() == standing.newest {
                live.note_standing(standing.settled, base, Instant::now());
            }
        }
    }
}

fn forget_gone_nodes(ctx: &Ctx) {
    let living: BTreeSet<NodeId> = ctx.state.cluster.nodes().into_iter().map(|node| node.id).collect();
    for document in ctx.state.documents.all() {
        if let Ok(live) = document.live() {
            live.keep_nodes(|node| living.contains(&node));
        }
    }
}
