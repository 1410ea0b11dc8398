//! The model that turns texts into vectors: read in the background at start. Without one, or with a damaged one, search goes by words.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use llmos_search::embed::{Embedder, ModelFiles};

use super::super::masking::mask;
use crate::{
    error::AppResult,
    server::{error::internal, secrets},
};

/// Questions whose vectors are kept.
const QUESTIONS: u64 = 10_000;

/// Whether meaning can have a part in answers.
#[derive(Clone)]
pub enum Semantic {
    Loading,
    Ready(Arc<Embedder>),
    /// None, or a damaged one: the log says why.
    Missing,
}

/// The model of this process.
pub struct Model {
    state: RwLock<Semantic>,
    questions: moka::sync::Cache<String, Arc<Vec<f32>>>,
    /// One question at a time for each core; the others wait their turn.
    turns: tokio::sync::Semaphore,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            state: RwLock::new(Semantic::Loading),
            questions: moka::sync::Cache::new(QUESTIONS),
            turns: tokio::sync::Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from)),
        }
    }
}

impl Model {
    pub fn state(&self) -> Semantic {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn embedder(&self) -> Option<Arc<Embedder>> {
        match self.state() {
            Semantic::Ready(embedder) => Some(embedder),
            Semantic::Loading | Semantic::Missing => None,
        }
    }

    /// Reads the model of a directory, as Hugging Face lays it out.
    pub async fn load(&self, folder: &Path) -> Option<Arc<Embedder>> {
        let folder = folder.to_owned();
        let loaded = tokio::task::spawn_blocking(move || read(&folder)).await.unwrap_or_else(|error| Err(error.to_string()));
        let state = match loaded {
            Ok(embedder) => {
                tracing::info!(model = %embedder.identity(), "search goes by meaning too");
                Semantic::Ready(Arc::new(embedder))
            }
            Err(why) => {
                tracing::warn!(%why, "search goes by words alone: set EMBEDDING_MODEL_DIR to the directory of a model");
                Semantic::Missing
            }
        };
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        self.embedder()
    }

    /// The vector of a question; none without a model.
    pub async fn question(&self, text: &str) -> AppResult<Option<Arc<Vec<f32>>>> {
        let Some(embedder) = self.embedder().filter(|_| !text.trim().is_empty()) else { return Ok(None) };
        if let Some(known) = self.questions.get(text) {
            return Ok(Some(known));
        }
        let _turn = self.turns.acquire().await.map_err(|error| internal("embedding", &error))?;
        let asked = text.to_owned();
        let vector = tokio::task::spawn_blocking(move || embedder.embed(&[&mask(&asked)]).pop())
            .await
            .map_err(|error| internal("embedding", &error))?
            .map(Arc::new);
        if let Some(vector) = &vector {
            self.questions.insert(text.to_owned(), vector.clone());
        }
        Ok(vector)
    }
}

fn read(folder: &Path) -> Result<Embedder, String> {
    let file = |name: &str| std::fs::read(folder.join(name)).map_err(|error| format!("{}: {error}", folder.join(name).display()));
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (config, weights, tokenizer) = (file("config.json")?, file("model.safetensors")?, file("tokenizer.json")?);
    let pooling = file("1_Pooling/config.json").ok();
    let files = ModelFiles { name: &name, config: &config, weights: &weights, tokenizer: &tokenizer, pooling: pooling.as_deref() };
    Embedder::load(&files).map_err(|error| format!("{}: {error}", folder.display()))
}

/// What a text's vector is kept by.
pub fn name_of(text: &str) -> String {
    secrets::sha256(text.as_bytes())
}
