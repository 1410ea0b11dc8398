//! The other nodes on the same database (docs/decisions/nodes.md): who lives, what is told between them, and whether this one may write.
//!
//! Alone there are none: nothing is told, and everything is allowed. Features use the same calls either way; what they tell is a hint,
//! which may be lost, late or doubled, because the database says the same.

mod bus;
mod fence;
mod nodes;
mod notices;

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;

use self::{
    bus::Bus,
    nodes::{Others, Said, Steady},
};
pub use self::{
    bus::{LARGEST, Listening, Servers, Subject, reach},
    fence::Fence,
    nodes::Node,
    notices::Notice,
};
use super::{
    config::Config,
    db::Db,
    machine, rates, secrets,
    state::{AppState, WeakState},
};
use crate::{error::AppResult, ids::NodeId};

/// This node among the others; cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    id: NodeId,
    home: String,
    bus: Bus,
    fence: Fence,
    others: RwLock<Others>,
    steady: Mutex<Steady>,
    /// Set when everything that a node needs is open.
    state: OnceLock<WeakState>,
    leaving: AtomicBool,
    gone: AtomicBool,
}

impl Cluster {
    /// One that serves alone.
    pub fn alone() -> Self {
        Self::of(Bus::alone(), Fence::open(), String::new())
    }

    fn of(bus: Bus, fence: Fence, home: String) -> Self {
        Self(Arc::new(Inner {
            id: NodeId::generate(),
            home,
            bus,
            fence,
            others: RwLock::default(),
            steady: Mutex::default(),
            state: OnceLock::new(),
            leaving: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        }))
    }

    /// Joins the others on the database of `config` that are heard at its NATS; without one it serves alone. `key` is the server's: nodes with
    /// another one are not heard.
    ///
    /// # Errors
    /// The address is none, DATA_DIR cannot be written, or the database does not take the node's row.
    pub async fn join(config: &Config, key: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let Some(address) = &config.nats_url else { return Ok(Self::alone()) };
        let home = machine::home(&config.data_dir)?;
        let group = &secrets::sha256(&[b"nodes of ".as_slice(), key].concat())[..16];
        let cluster = Self::of(Bus::connect(address, group).await?, Fence::shut(), home);
        let db = Db::apart(&config.database_url).await?;
        cluster.beat(&db).await?;
        // From here on, also while the rest is opened: what takes long must not look like a death.
        tokio::spawn(nodes::keep(cluster.clone(), db));
        Ok(cluster)
    }

    /// From here on it hears the others, and drops what it has when it was away.
    pub fn serve(&self, state: &AppState) {
        if self.0.state.set(state.downgrade()).is_err() {
            return;
        }
        let weak = state.downgrade();
        let hear = move |payload: Bytes| {
            if let Some(state) = weak.upgrade() {
                notices::hear(&state, &payload);
            }
        };
        self.0.bus.keep(self.listen(Subject::All, hear));
        if self.is_shared() {
            tokio::spawn(notices::watch(state.downgrade()));
            tokio::spawn(rates::keep(state.downgrade()));
        }
    }

    pub fn id(&self) -> NodeId {
        self.0.id
    }

    /// What names this node's DATA_DIR, over its restarts; empty where it serves alone.
    pub fn home(&self) -> &str {
        &self.0.home
    }

    /// What lets a transaction of this node write.
    pub fn fence(&self) -> &Fence {
        &self.0.fence
    }

    /// Whether other nodes may write to the same database.
    pub fn is_shared(&self) -> bool {
        self.0.bus.is_shared()
    }

    /// Whether there may be others that cannot be heard now.
    pub fn is_cut_off(&self) -> bool {
        self.is_shared() && !self.0.bus.is_connected()
    }

    /// Whether all nodes hear one another, as far as this one knows. If not, what another one tells may not come, or what this one tells may not
    /// arrive: then the database is looked into more often, at all of them.
    pub fn hears_all(&self) -> bool {
        !self.is_cut_off() && !self.others().nodes.iter().any(|node| node.alone && node.id != self.0.id)
    }

    /// Whether this node does what one of all has to do. Two may think so for a moment: it has to bear being done twice.
    pub fn leads(&self) -> bool {
        !self.is_shared() || self.others().first() == Some(self.0.id)
    }

    /// All nodes that live, this one included, the one first that joined first. None where it serves alone.
    pub fn nodes(&self) -> Vec<Node> {
        self.others().nodes.clone()
    }

    fn others(&self) -> std::sync::RwLockReadGuard<'_, Others> {
        self.0.others.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every other node.
    pub fn announce(&self, notice: &Notice) {
        self.tell(Subject::All, notice);
    }

    /// Tells the nodes that listen to `subject`; never waits. What is larger than [`LARGEST`] is for its teller to say otherwise.
    pub fn tell(&self, subject: Subject, what: &impl Serialize) {
        if !self.is_shared() {
            return;
        }
        match serde_json::to_vec(what) {
            Ok(payload) => self.0.bus.publish(subject, payload.into()),
            Err(error) => tracing::error!(%error, ?subject, "what is told other nodes cannot be written"),
        }
    }

    /// Calls `hear` with what other nodes tell, until the guard goes. It takes a moment until they know: compare with the database then.
    pub fn listen(&self, subject: Subject, hear: impl Fn(Bytes) + Send + 'static) -> Listening {
        self.0.bus.listen(subject, move |message, _| {
            hear(message);
            None
        })
    }

    /// Answers what other nodes ask about `subject`, until the guard goes.
    pub fn answer(&self, subject: Subject, answer: impl Fn() -> Bytes + Send + 'static) -> Listening {
        self.0.bus.listen(subject, move |_, asked| asked.then(&answer))
    }

    /// What the node that answers for `subject` says; none where there is none, or it does not answer within `most`.
    pub async fn ask(&self, subject: Subject, most: Duration) -> Option<Bytes> {
        self.0.bus.ask(subject, most).await
    }

    /// Counts up whenever something may not have been heard: what is in memory has to be compared with the database.
    pub fn missed(&self) -> watch::Receiver<u64> {
        self.0.bus.missed()
    }

    /// Says that it goes: balancers and other nodes see it, and it serves on.
    pub async fn drain(&self, db: &Db) {
        self.0.leaving.store(true, Ordering::SeqCst);
        if self.is_shared()
            && let Err(error) = nodes::note_leaving(db, self.0.id).await
        {
            tracing::warn!(%error, "the other nodes do not know that this one goes");
        }
    }

    /// Whether it gives no signs of life any more.
    fn is_gone(&self) -> bool {
        self.0.gone.load(Ordering::SeqCst)
    }

    pub fn is_leaving(&self) -> bool {
        self.0.leaving.load(Ordering::SeqCst)
    }

    /// It is gone: nobody waits for its signs of life.
    pub async fn leave(&self, db: &Db) {
        self.0.gone.store(true, Ordering::SeqCst);
        if self.is_shared()
            && let Err(error) = nodes::remove(db, self.0.id).await
        {
            tracing::warn!(%error, "the other nodes learn in a few seconds that this one is gone");
        }
    }

    /// One sign of life: renews the right to write, and reads who else lives.
    async fn beat(&self, db: &Db) -> AppResult<()> {
        // From before the question: the answer may have been under way for long.
        let asked = std::time::Instant::now();
        let said = Said { leaving: self.is_leaving(), alone: self.is_cut_off() };
        if !nodes::renew(db, self.0.id, said).await? {
            if let Some(state) = self.0.state.get().and_then(WeakState::upgrade) {
                tracing::warn!("this node was away for too long: it begins again with what the database has");
                self.0.fence.shut_now();
                notices::drop_stale(&state);
            }
            nodes::insert(db, self.0.id, said).await?;
        }
        self.0.fence.renew(asked);
        if self.0.steady.lock().unwrap_or_else(PoisonError::into_inner).note(asked) {
            nodes::remove_gone(db, self.0.id).await?;
        }
        let nodes = nodes::living(db).await?;
        *self.0.others.write().unwrap_or_else(PoisonError::into_inner) = Others { nodes };
        Ok(())
    }
}
