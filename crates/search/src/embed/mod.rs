//! Text to vectors: a BERT-style sentence encoder (all-MiniLM-L6-v2, bge-small-en-v1.5 and their like) in plain Rust.
//!
//! Weights and activations are integers in the matrix products, and the floating point between them is written so that every processor gives the
//! same bits: the server and the browser have the same vectors for the same text. A text's vector depends on nothing else in its batch.
//! Everything runs on the caller's thread. Why not one of the known runtimes: docs/decisions/embedding-runtime.md.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use llmos_search::embed::{Embedder, ModelFiles};
//! let read = |name| std::fs::read(std::path::Path::new("model").join(name));
//! let embedder = Embedder::load(&ModelFiles {
//!     name: "all-MiniLM-L6-v2",
//!     config: &read("config.json")?,
//!     weights: &read("model.safetensors")?,
//!     tokenizer: &read("tokenizer.json")?,
//!     pooling: Some(&read("1_Pooling/config.json")?),
//! })?;
//! let vectors = embedder.embed(&["calculate company worth", "DCF valuation"]);
//! assert_eq!(vectors[0].len(), embedder.identity().dimension);
//! # Ok(())
//! # }
//! ```

mod forward;
mod kernel;
mod math;
mod tokenizer;
mod weights;

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use serde::Deserialize;

pub use tokenizer::{Token, Tokenizer};
pub use weights::quantise;

use forward::{Forward, Model, Pooling};
use kernel::Processor;

/// The most tokens of a text that are embedded, the two that begin and end it included: what all-MiniLM-L6-v2 is meant for
/// (`max_seq_length` of its `sentence_bert_config.json`). The rest of a longer text does not count; cut it into passages first.
pub const WINDOW: usize = 256;

/// Tokens worked on together: enough that weights are read once for many, few enough that all between stays in the cache.
const BATCH_TOKENS: usize = 256;

/// Counts up when a change of the arithmetic changes vectors, so that old ones are not mixed with new ones.
const ARITHMETIC: u32 = 1;

/// A text's place among all texts: `dimension` numbers whose squares sum to 1, so that the dot product of two is their cosine. All zero only for a
/// model that gave no direction.
pub type Vector = Vec<f32>;

/// The contents of a model's directory, as Hugging Face lays it out.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// What people call the model, such as `all-MiniLM-L6-v2`.
    pub name: &'a str,
    /// `config.json`
    pub config: &'a [u8],
    /// `model.safetensors` with 32-bit weights, or what [`quantise`] made of it
    pub weights: &'a [u8],
    /// `tokenizer.json`
    pub tokenizer: &'a [u8],
    /// `1_Pooling/config.json`; where there is none, the mean of all tokens is taken.
    pub pooling: Option<&'a [u8]>,
}

/// Says which vectors may be compared: those of equal identities, no others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    pub name: String,
    /// SHA-256 of the 32-bit weights, in lower-case hexadecimal; the same for the 8-bit file made from them.
    pub sha256: String,
    /// Numbers in a vector.
    pub dimension: usize,
    /// `mean` or `cls`
    pub pooling: &'static str,
}

impl Identity {
    /// What a model is, by its files, without reading it: `weights` is read once and not kept. A file that is damaged may only be noticed by
    /// [`Embedder::load`].
    ///
    /// # Errors
    /// One of the files is none that is known.
    pub fn of(name: &str, config: &[u8], pooling: Option<&[u8]>, weights: impl Read) -> Result<Self, EmbedError> {
        let pooling = match pooling_of(pooling)? {
            Pooling::Mean => "mean",
            Pooling::First => "cls",
        };
        let dimension = weights::Config::parse(config)?.hidden_size;
        Ok(Self { name: name.to_owned(), sha256: weights::source_sha256(weights)?, dimension, pooling })
    }
}

fn pooling_of(json: Option<&[u8]>) -> Result<Pooling, EmbedError> {
    let Some(json) = json else { return Ok(Pooling::Mean) };
    let file: PoolingFile = serde_json::from_slice(json).map_err(|error| EmbedError::Pooling(error.to_string()))?;
    match (file.pooling_mode_cls_token, file.pooling_mode_mean_tokens) {
        (false, true) => Ok(Pooling::Mean),
        (true, false) => Ok(Pooling::First),
        _ => Err(EmbedError::Pooling("only the mean of the tokens or the first of them is supported".to_owned())),
    }
}

/// One line that is equal exactly for equal identities: `name/dimension/pooling/arithmetic/sha256`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{ARITHMETIC}/{}", self.name, self.dimension, self.pooling, self.sha256)
    }
}

/// Why a model cannot be used. The text says which of its files is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbedError {
    #[error("config.json: {0}")]
    Config(String),
    #[error("model.safetensors: {0}")]
    Weights(String),
    #[error("tokenizer.json: {0}")]
    Tokenizer(String),
    #[error("1_Pooling/config.json: {0}")]
    Pooling(String),
    #[error("adapter: {0}")]
    Adapter(String),
}

/// A model that is ready to embed. Share it between threads; each call works on the caller's.
#[derive(Debug)]
pub struct Embedder {
    tokenizer: Arc<Tokenizer>,
    model: Model,
    processor: Processor,
    window: usize,
    identity: Identity,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PoolingFile {
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
}

impl Embedder {
    /// Reads a model: all-MiniLM-L6-v2 in about 0.3 s, and less from its 8-bit file; it then takes 24 MB of memory.
    ///
    /// # Errors
    /// An [`EmbedError`] when a file is damaged, or the model is of a kind that is not known here.
    pub fn load(files: &ModelFiles<'_>) -> Result<Self, EmbedError> {
        let config = weights::Config::parse(files.config)?;
        let tokenizer = Tokenizer::load(files.tokenizer)?;
        if tokenizer.id_limit() > config.vocab_size {
            return Err(EmbedError::Tokenizer(format!("it has more tokens than the model's {}", config.vocab_size)));
        }
        let identity = Identity::of(files.name, files.config, files.pooling, files.weights)?;
        let model = weights::load(&config, files.weights, pooling_of(files.pooling)?)?;
        let tokenizer = Arc::new(tokenizer);
        Ok(Self { tokenizer, model, processor: Processor::fastest(), window: WINDOW.min(config.max_position_embeddings), identity })
    }

    /// The same model with the low-rank changes of an adapter (a safetensors file with `NAME.a` and `NAME.b` for matrices of layers), for texts
    /// of one kind. `files` are those that this one was loaded from. Shares tokenizer, words and untouched layers with it; the rest takes as much
    /// again. Its vectors are of another identity.
    ///
    /// # Errors
    /// [`EmbedError::Adapter`] when the adapter is damaged or of another model, others as for [`Embedder::load`].
    pub fn adapted(&self, files: &ModelFiles<'_>, adapter: &[u8]) -> Result<Self, EmbedError> {
        let config = weights::Config::parse(files.config)?;
        if weights::source_sha256(files.weights)? != self.identity.sha256 {
            return Err(EmbedError::Weights("it is not the file that the model was loaded from".to_owned()));
        }
        let (name, sha256) = weights::adapted_identity(files.weights, &self.identity.sha256, adapter)?;
        let identity = Identity { name: format!("{}+{name}", self.identity.name), sha256, ..self.identity.clone() };
        let model = weights::adapt(&config, files.weights, &self.model, adapter)?;
        Ok(Self { tokenizer: Arc::clone(&self.tokenizer), model, processor: self.processor, window: self.window, identity })
    }

    /// The vectors of texts, in their order. Any text has one: empty, of control characters only, or longer than the window, whose rest does not
    /// count.
    #[must_use]
    pub fn embed(&self, texts: &[&str]) -> Vec<Vector> {
        let inputs: Vec<Vec<u32>> = texts.iter().map(|text| self.tokenizer.input(text, self.window)).collect();
        let inputs: Vec<&[u32]> = inputs.iter().map(Vec::as_slice).collect();
        let mut vectors = Vec::with_capacity(texts.len());
        let mut rest = &inputs[..];
        while !rest.is_empty() {
            let mut tokens = 0;
            let fits = |ids: &&&[u32]| {
                tokens += ids.len();
                tokens <= BATCH_TOKENS
            };
            let count = rest.iter().take_while(fits).count().max(1);
            let (sentences, others) = rest.split_at(count);
            vectors.extend(self.processor.run(Forward { model: &self.model, sentences }));
            rest = others;
        }
        vectors
    }

    /// Splits text as the model does, to cut passages by tokens: [`Tokenizer::tokens`].
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// How many tokens of a text there are, without the two that begin and end it: [`Embedder::passage_tokens`] of them are embedded.
    #[must_use]
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokenizer.tokens(text).len()
    }

    /// The most tokens of a passage that all count.
    #[must_use]
    pub fn passage_tokens(&self) -> usize {
        self.window - 2
    }

    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}
