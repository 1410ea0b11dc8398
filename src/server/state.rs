//! What every request handler can reach.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock, Weak},
};

use axum::Router;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    backups::Watch, blobs::Blobs, cluster::Cluster, config::Config, db::Db, metrics::Metrics, places::Places, rates::Rates,
    tls::Certificates,
};
use crate::features::{
    accounts::service::{ActorCache, Issuer, Limits},
    analytics::service::Usage,
    artifacts::{
        markdown::Renderer,
        service::{LibraryIndex, Visits},
    },
    assistant::service::Answers,
    collaboration::service::{Rooms, documents::Documents},
    evolution::service::Engines,
    git::service::Clones,
    marketplace::service::{Catalogue, Registry, ServerRules, scanner_rules},
    notifications::service::{Mailer, PushSender},
    operations,
    search::{
        self,
        service::{Near, SearchIndex},
    },
    webhooks::service::{Intake, Networks},
};

/// Imports, exports and clones that go on at the same time: each keeps a core or the disk busy.
const COSTLY_AT_ONCE: usize = 16;
/// Half of the 65,536 files that the unit in `deploy/` allows; and of one address, behind which a company may be.
const CONNECTIONS: usize = 32_768;
const CONNECTIONS_EACH: usize = 4_096;

/// Shared by all tasks of the process; cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

pub struct Inner {
    pub config: Config,
    pub db: Db,
    /// The other nodes on the same database.
    pub cluster: Cluster,
    pub blobs: Blobs,
    pub renderer: Renderer,
    /// What the library filters and sorts by, in memory.
    pub library: LibraryIndex,
    /// What the catalogue filters and sorts by, in memory.
    pub market: Catalogue,
    /// What is looked for in what is published.
    pub rules: Arc<ServerRules>,
    /// Who this registry is, and what it signs with.
    pub registry: Registry,
    /// Seals what others gave us to say again.
    pub vault: super::secrets::Vault,
    /// Volumes that are being made into repositories.
    pub clones: Clones,
    /// What search ranks, in memory.
    pub search: SearchIndex,
    pub search_model: search::service::Model,
    /// Whether nearest vectors are asked of the database.
    pub near: Near,
    pub usage: Usage,
    pub visits: Visits,
    /// How often somebody may ask.
    pub rates: Rates,
    pub limits: Limits,
    /// For requests that are worked on at the same time, and for those of them that cost much.
    pub at_once: Arc<Places>,
    pub costly_at_once: Arc<Places>,
    /// For connections, and for those of them that are sockets.
    pub connections: Arc<Places>,
    pub sockets: Arc<Places>,
    /// How the parts stood when somebody asked last.
    pub readiness: operations::service::Remembered,
    pub actors: ActorCache,
    /// What is known of the issuer that people sign in at.
    pub oidc: Issuer,
    /// Answers of the assistant on their way.
    pub answers: Answers,
    /// Patterns of traces, in memory.
    pub engines: Engines,
    /// Who is connected, and what is told to them.
    pub rooms: Rooms,
    /// What several write at once.
    pub documents: Documents,
    /// Signs what lasts a minute.
    pub signing_key: Vec<u8>,
    pub http: reqwest::Client,
    /// The way to the server that takes mail, if there is one.
    pub mailer: Option<Mailer>,
    pub push: PushSender,
    /// Deliveries that wait to be stored.
    pub intake: Intake,
    /// Where GitHub's deliveries come from.
    pub networks: Networks,
    /// What this server's GitHub App was given.
    pub github_tokens: super::github_app::Tokens,
    /// What `/metrics` counts as it happens.
    pub metrics: Metrics,
    /// How backups stand.
    pub backups: Watch,
    /// Those that TLS of our own is spoken with.
    pub certificates: Arc<Certificates>,
    /// Wakes the worker when a job was queued.
    pub jobs: Notify,
    /// Cancelled when the process is asked to stop.
    pub shutdown: CancellationToken,
    /// The API itself, for pages that are rendered on the server: they read through the same routes as the browser.
    pub api: OnceLock<Router>,
}

impl Deref for AppState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// A state that does not keep the process's things alive: for what they themselves hold.
#[derive(Clone)]
pub struct WeakState(Weak<Inner>);

impl WeakState {
    /// None: everything was let go.
    pub fn upgrade(&self) -> Option<AppState> {
        self.0.upgrade().map(AppState)
    }
}

impl AppState {
    pub fn downgrade(&self) -> WeakState {
        WeakState(Arc::downgrade(&self.0))
    }

    /// Opens the database and the blob store that `config` names.
    pub async fn open(config: Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        super::machine::private_folder(&config.data_dir)?;
        let db = Db::open_logging(&config.database_url, config.slow_query).await.map_err(super::error::of_start)?;
        let blobs = Blobs::of(&config)?;
        let signing_key = super::secrets::signing_key(config.secret_key.as_deref(), &config.data_dir)?;
        let cluster = Cluster::join(&config, &signing_key).await?;
        let db = db.fenced(cluster.fence().clone());
        let registry = Registry::open(&db, &config.public_url(), &signing_key).await?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("llmos-lite/", env!("CARGO_PKG_VERSION")))
            .timeout(std::time::Duration::from_secs(15))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let mailer = config.smtp.as_ref().map(|smtp| Mailer::new(smtp, &config.public_url())).transpose()?;
        let push = PushSender::new(&config, &signing_key)?;
        let rates = Rates::new(config.rates, cluster.clone());
        Ok(Self(Arc::new(Inner {
            db,
            blobs,
            renderer: Renderer::new(),
            library: LibraryIndex::new(),
            market: Catalogue::default(),
            rules: Arc::new(scanner_rules(&config.data_dir.join("rules"))?),
            registry,
            search: SearchIndex::default(),
            near: Near::default(),
            search_model: search::service::Model::new(&config, &http),
            engines: Engines::default(),
            answers: Answers::default(),
            usage: Usage::default(),
            visits: Visits::new(),
            limits: Limits::new(rates.clone()),
            rates,
            at_once: Places::new(config.requests_at_once),
            costly_at_once: Places::new(COSTLY_AT_ONCE),
            connections: Places::of(CONNECTIONS, CONNECTIONS_EACH),
            sockets: Places::of(CONNECTIONS, CONNECTIONS_EACH),
            readiness: Default::default(),
            actors: ActorCache::new(cluster.clone()),
            oidc: Issuer::default(),
            rooms: Rooms::new(config.sockets, cluster.clone()),
            documents: Documents::default(),
            clones: Clones::default(),
            vault: super::secrets::Vault::new(&signing_key),
            signing_key,
            cluster,
            mailer,
            push,
            http,
            config,
            intake: Intake::default(),
            networks: Networks::default(),
            github_tokens: super::github_app::Tokens::default(),
            metrics: Metrics::default(),
            backups: Watch::default(),
            certificates: Arc::default(),
            jobs: Notify::new(),
            shutdown: CancellationToken::new(),
            api: OnceLock::new(),
        })))
    }
}
