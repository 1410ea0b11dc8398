//! What turns texts into vectors: a model of this machine, which is looked at when the server starts and read when it is first needed, or OpenAI's.
//! Where there is none, or while it does not answer, search goes by words.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use llmos_patterns::GOAL_ADAPTER;
use llmos_search::{
    embed::{EmbedError, Embedder, Identity, ModelFiles},
    mask,
};
use tokio::sync::{Notify, OnceCell, Semaphore};

use super::openai::{self, Failure, OpenAi, Urgency};
use crate::{
    error::{AppError, AppResult},
    features::{accounts, accounts::model::KeyProvider},
    ids::TeamId,
    server::{
        config::{Config, EmbeddingBackend},
        context::Ctx,
        error::internal,
        secrets,
    },
};

/// Questions whose vectors are kept.
const QUESTIONS: u64 = 10_000;
/// Between two looks at whether there is a model, which takes a third of a second to find out.
const LOADING: Duration = Duration::from_millis(50);
/// The one large file of a model.
const WEIGHTS: &str = "model.safetensors";
/// Texts embedded in one go on this machine: some 50 ms of one core.
const TEXTS: usize = 8;

/// Whether meaning can have a part in answers.
#[derive(Clone)]
pub enum Semantic {
    Loading,
    Ready(Backend),
    /// None, or a damaged one: the log says why.
    Missing,
}

/// Where vectors come from.
#[derive(Clone)]
pub enum Backend {
    Local(Arc<Local>),
    OpenAi(Arc<OpenAi>),
}

/// A model of this machine: what it is, and, from when it is first needed, the model itself, which takes some hundred megabytes.
pub struct Local {
    folder: PathBuf,
    identity: Identity,
    /// None: it cannot be read, and the log says why.
    embedder: OnceCell<Option<Arc<Embedder>>>,
    woken: Notify,
}

impl Local {
    /// Looks at a folder, as Hugging Face lays one out, and keeps nothing of it in memory. Blocks.
    fn look(folder: &Path) -> Result<Self, String> {
        let weights = folder.join(WEIGHTS);
        let file = std::fs::File::open(&weights).map_err(|error| format!("{}: {error}", weights.display()))?;
        let (config, pooling) = (part(folder, "config.json")?, part(folder, "1_Pooling/config.json").ok());
        // Without it the model could not be read.
        part(folder, "tokenizer.json")?;
        let identity = Identity::of(&name_of_folder(folder), &config, pooling.as_deref(), file);
        let identity = identity.map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), identity, embedder: OnceCell::new(), woken: Notify::new() })
    }

    /// One that is read already.
    fn read(folder: PathBuf, embedder: Embedder) -> Self {
        let identity = embedder.identity().clone();
        Self { folder, identity, embedder: OnceCell::new_with(Some(Some(Arc::new(embedder)))), woken: Notify::new() }
    }

    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether nobody has needed it yet.
    fn sleeps(&self) -> bool {
        !self.embedder.initialized()
    }

    fn is_unreadable(&self) -> bool {
        matches!(self.embedder.get(), Some(None))
    }

    /// The model itself; the first one who asks waits until it is read.
    async fn embedder(&self) -> Option<Arc<Embedder>> {
        let first = || async {
            let folder = self.folder.clone();
            let loaded = tokio::task::spawn_blocking(move || read(&folder, Embedder::load)).await;
            match loaded.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(embedder) if *embedder.identity() == self.identity => Some(Arc::new(embedder)),
                Ok(_) => {
                    tracing::warn!("search goes by words alone: the files of the model are others than when the server started");
                    None
                }
                Err(why) => {
                    tracing::warn!(%why, "search goes by words alone: the model cannot be read");
                    None
                }
            }
        };
        let slept = self.sleeps();
        let embedder = self.embedder.get_or_init(first).await.clone();
        // Not sooner: whoever is woken while the model is still being handed over takes it for asleep, and waits on.
        if slept && embedder.is_some() {
            self.woken.notify_one();
        }
        embedder
    }
}

/// What the vectors are for.
pub struct Wanted<'a> {
    pub texts: &'a [&'a str],
    /// The key of the team whose texts they are, for a service that asks for one.
    pub key: Option<&'a str>,
    pub urgency: Urgency,
}

impl Backend {
    /// Only vectors of one identity may be compared.
    pub fn identity(&self) -> String {
        match self {
            Self::Local(model) => model.identity.to_string(),
            Self::OpenAi(service) => service.identity(),
        }
    }

    pub fn dimension(&self) -> usize {
        match self {
            Self::Local(model) => model.identity.dimension,
            Self::OpenAi(_) => openai::DIMENSION,
        }
    }

    /// Texts to be embedded in one go.
    pub fn batch(&self) -> usize {
        match self {
            Self::Local(_) => TEXTS,
            Self::OpenAi(_) => openai::BATCH,
        }
    }

    /// The vectors of masked texts, in their order.
    pub async fn embed(&self, wanted: Wanted<'_>) -> Result<Vec<Vec<f32>>, Failure> {
        match self {
            Self::Local(model) => {
                let Some(embedder) = model.embedder().await else { return Err(Failure::Nonsense("its model cannot be read")) };
                let texts = wanted.texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
                tokio::task::spawn_blocking(move || embedder.embed(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
                    .await
                    .map_err(|_| Failure::Nonsense("embedding ended early"))
            }
            Self::OpenAi(service) => service.embed(wanted.texts, wanted.key, wanted.urgency).await,
        }
    }

    /// Whether it has not been needed yet, and would take memory from then on.
    pub fn sleeps(&self) -> bool {
        match self {
            Self::Local(model) => model.sleeps(),
            Self::OpenAi(_) => false,
        }
    }

    /// Until it is needed for the first time, by whomever; never for a service.
    pub async fn woken(&self) {
        match self {
            Self::Local(model) => model.woken.notified().await,
            Self::OpenAi(_) => std::future::pending().await,
        }
    }

    /// How long there is no use in asking.
    pub fn paused(&self) -> Option<Duration> {
        match self {
            Self::Local(_) => None,
            Self::OpenAi(service) => service.paused(),
        }
    }

    /// The keys that teams have for it.
    pub async fn team_keys(&self, ctx: &Ctx) -> AppResult<HashMap<TeamId, String>> {
        match self {
            Self::Local(_) => Ok(HashMap::new()),
            Self::OpenAi(_) => accounts::service::team_keys(ctx, KeyProvider::OpenAi).await,
        }
    }
}

/// The model of this process.
pub struct Model {
    state: RwLock<Semantic>,
    source: Source,
    /// The model of this machine with the adapter of goals, read when the first goal comes; none where the adapter is not for it.
    for_goals: OnceCell<Option<Arc<Local>>>,
    questions: moka::sync::Cache<String, Arc<Vec<f32>>>,
    /// One question at a time for each core; the others wait their turn.
    turns: Semaphore,
}

enum Source {
    Folder(PathBuf),
    OpenAi(Arc<OpenAi>),
}

impl Model {
    pub fn new(config: &Config, http: &reqwest::Client) -> Self {
        let source = match config.embedding_backend {
            EmbeddingBackend::Local => Source::Folder(config.embedding_model_dir.clone()),
            EmbeddingBackend::OpenAi => {
                Source::OpenAi(Arc::new(OpenAi::new(http.clone(), &config.openai_base_url, config.openai_api_key.clone())))
            }
        };
        Self {
            state: RwLock::new(Semantic::Loading),
            source,
            for_goals: OnceCell::new(),
            questions: moka::sync::Cache::new(QUESTIONS),
            turns: Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }

    pub fn state(&self) -> Semantic {
        match self.state.read().unwrap_or_else(PoisonError::into_inner).clone() {
            Semantic::Ready(Backend::Local(model)) if model.is_unreadable() => Semantic::Missing,
            state => state,
        }
    }

    pub fn backend(&self) -> Option<Backend> {
        match self.state() {
            Semantic::Ready(backend) => Some(backend),
            Semantic::Loading | Semantic::Missing => None,
        }
    }

    /// Where the files of this machine's model are, if it is one.
    pub fn folder(&self) -> Option<&Path> {
        match &self.source {
            Source::Folder(folder) => Some(folder),
            Source::OpenAi(_) => None,
        }
    }

    /// Looks whether there is a model; a service is there at once.
    pub async fn look(&self) -> Option<Backend> {
        let state = match &self.source {
            Source::OpenAi(service) => Semantic::Ready(Backend::OpenAi(service.clone())),
            Source::Folder(folder) => {
                let folder = folder.clone();
                let looked = tokio::task::spawn_blocking(move || Local::look(&folder)).await;
                match looked.unwrap_or_else(|error| Err(error.to_string())) {
                    Ok(model) => Semantic::Ready(Backend::Local(Arc::new(model))),
                    Err(why) => {
                        tracing::warn!(%why, "search goes by words alone: set EMBEDDING_MODEL_DIR to the directory of a model");
                        Semantic::Missing
                    }
                }
            }
        };
        if let Semantic::Ready(backend) = &state {
            tracing::info!(model = %backend.identity(), "search goes by meaning too");
        }
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.backend()
    }

    /// Has the model read, if there is one and nobody has needed it yet: for what is asked by meaning and embeds nothing itself.
    pub async fn wake(&self) {
        if let Some(Backend::Local(model)) = self.settled().await {
            model.embedder().await;
        }
    }

    /// The backend, once it is known whether there is one.
    pub async fn settled(&self) -> Option<Backend> {
        while matches!(self.state(), Semantic::Loading) {
            tokio::time::sleep(LOADING).await;
        }
        self.backend()
    }

    /// What embeds goals of runs, and whether that is with the adapter, which only the model has on which it was learnt; none without a model.
    pub async fn for_goals(&self) -> AppResult<Option<(Backend, bool)>> {
        let model = match self.settled().await {
            Some(Backend::Local(model)) => model,
            other => return Ok(other.map(|backend| (backend, false))),
        };
        let Some(base) = model.embedder().await else { return Ok(None) };
        let folder = model.folder.clone();
        let adapt = || async {
            tokio::task::spawn_blocking(move || {
                read(&folder, |files| match base.adapted(files, GOAL_ADAPTER) {
                    Ok(adapted) => Ok(Some(Arc::new(Local::read(folder.clone(), adapted)))),
                    Err(EmbedError::Adapter(why)) => {
                        tracing::info!(%why, "goals of runs are embedded with the model as it is: the adapter of goals is not for it");
                        Ok(None)
                    }
                    Err(error) => Err(error),
                })
            })
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
            .map_err(|why| {
                tracing::error!(%why, "the model could not be read for goals of runs");
                AppError::conflict("The files of the embedding model have changed or cannot be read. Put EMBEDDING_MODEL_DIR right and restart the server.")
            })
        };
        // Files that cannot be read are an error and not the plain model, whose groups would be others until the next start.
        let adapted = self.for_goals.get_or_try_init(adapt).await?;
        Ok(Some(match adapted {
            Some(adapted) => (Backend::Local(adapted.clone()), true),
            None => (Backend::Local(model), false),
        }))
    }

    /// The vector of a question; none without a model, or while it does not answer.
    pub async fn question(&self, ctx: &Ctx, text: &str) -> AppResult<Option<Arc<Vec<f32>>>> {
        let Some(backend) = self.backend().filter(|_| !text.trim().is_empty()) else { return Ok(None) };
        if let Some(known) = self.questions.get(text) {
            return Ok(Some(known));
        }
        if backend.paused().is_some() {
            return Ok(None);
        }
        let key = key_for_question(ctx, &backend).await?;
        let _turn = self.turns.acquire().await.map_err(|error| internal("embedding", &error))?;
        let wanted = Wanted { texts: &[&mask(text)], key: key.as_deref(), urgency: Urgency::Question };
        let vector = match backend.embed(wanted).await {
            Ok(mut vectors) => vectors.pop().map(Arc::new),
            Err(failure) => {
                tracing::warn!(%failure, "a question is answered by words alone");
                None
            }
        };
        if let Some(vector) = &vector {
            self.questions.insert(text.to_owned(), vector.clone());
        }
        Ok(vector)
    }
}

/// A key of one of the asker's teams, if there is one; without, the server's own is taken.
async fn key_for_question(ctx: &Ctx, backend: &Backend) -> AppResult<Option<String>> {
    if let Backend::Local(_) = backend {
        return Ok(None);
    }
    let teams: Vec<TeamId> = accounts::service::roles_of(ctx).await?.into_iter().map(|(team, _)| team).collect();
    accounts::service::first_team_key(ctx, &teams, KeyProvider::OpenAi).await
}

/// A file of a model.
fn part(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    std::fs::read(folder.join(name)).map_err(|error| format!("{}: {error}", folder.join(name).display()))
}

fn name_of_folder(folder: &Path) -> String {
    folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Makes something of the files of a model.
fn read<T>(folder: &Path, make: impl FnOnce(&ModelFiles<'_>) -> Result<T, EmbedError>) -> Result<T, String> {
    let name = name_of_folder(folder);
    let (config, weights, tokenizer) = (part(folder, "config.json")?, part(folder, WEIGHTS)?, part(folder, "tokenizer.json")?);
    let pooling = part(folder, "1_Pooling/config.json").ok();
    let files = ModelFiles { name: &name, config: &config, weights: &weights, tokenizer: &tokenizer, pooling: pooling.as_deref() };
    make(&files).map_err(|error| format!("{}: {error}", folder.display()))
}

/// Reads a model's folder as the server would: what it is, or what is wrong with it.
pub fn look_at_model(folder: &Path) -> Result<String, String> {
    read(folder, Embedder::load).map(|embedder| embedder.identity().to_string())
}

/// What a text's vector is kept by.
pub fn name_of(text: &str) -> String {
    secrets::sha256(text.as_bytes())
}
