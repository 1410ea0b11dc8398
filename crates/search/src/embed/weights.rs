//! Weights from a safetensors file: 32-bit ones, which are quantised here, or 8-bit ones that [`quantise`] wrote.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::EmbedError;
use super::forward::{Layer, Linear, Model, Norm, Pooling};
use super::kernel::{COLUMNS, MAX_INPUTS};
use super::math::LANES;

/// The suffix of the tensor that has the scales of an 8-bit one.
const SCALE: &str = ".scale";
/// Where an 8-bit file says which 32-bit file it was made from.
const SOURCE: &str = "source_sha256";
/// What an adapter's file says of itself: what it is called, and which 32-bit weights it was learnt on.
const ADAPTER_NAME: &str = "name";
const ADAPTER_BASE: &str = "base_sha256";

/// What a BERT's `config.json` has to say.
#[derive(Deserialize, Debug)]
pub struct Config {
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub max_position_embeddings: usize,
    pub vocab_size: usize,
    #[serde(default = "usual_epsilon")]
    pub layer_norm_eps: f32,
    #[serde(default = "usual_activation")]
    pub hidden_act: String,
    #[serde(default = "usual_positions")]
    pub position_embedding_type: String,
    #[serde(default = "usual_type")]
    pub model_type: String,
}

fn usual_epsilon() -> f32 {
    1e-12
}
fn usual_activation() -> String {
    "gelu".to_owned()
}
fn usual_positions() -> String {
    "absolute".to_owned()
}
fn usual_type() -> String {
    "bert".to_owned()
}

impl Config {
    pub fn parse(json: &[u8]) -> Result<Self, EmbedError> {
        let config: Self = serde_json::from_slice(json).map_err(|error| EmbedError::Config(error.to_string()))?;
        let Self { hidden_size: width, intermediate_size: inner, num_attention_heads: heads, .. } = config;
        let refuse = |what: &str| Err(EmbedError::Config(what.to_owned()));
        if config.model_type != "bert" || config.hidden_act != "gelu" || config.position_embedding_type != "absolute" {
            return refuse("only BERT with GELU and absolute positions is supported");
        }
        if width == 0 || !width.is_multiple_of(COLUMNS) || inner == 0 || !inner.is_multiple_of(COLUMNS) || width.max(inner) > MAX_INPUTS {
            return refuse("hidden_size and intermediate_size must be multiples of 32, at most 4,096");
        }
        if heads == 0 || !width.is_multiple_of(heads) || !(width / heads).is_multiple_of(LANES) {
            return refuse("hidden_size must be a multiple of 16 for each attention head");
        }
        if config.max_position_embeddings < 2 {
            return refuse("max_position_embeddings must be at least 2");
        }
        Ok(config)
    }
}

/// A matrix of 8-bit numbers, each row with a scale of its own.
struct Matrix {
    values: Vec<i8>,
    scales: Vec<f32>,
}

/// What is read of a weights file at once.
const PIECE: usize = 1 << 20;
/// The most that the header of one has, as its own crate allows.
const HEADER_MAX: u64 = 100_000_000;

/// Of the header of a safetensors file (<https://huggingface.co/docs/safetensors>): eight bytes of its length, then JSON, then the numbers.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: HashMap<String, String>,
}

/// The SHA-256 of the 32-bit weights that a file is or was made from, in lower-case hexadecimal. The file is read once, a piece at a time.
pub fn source_sha256(mut file: impl Read) -> Result<String, EmbedError> {
    let failed = |error: std::io::Error| EmbedError::Weights(error.to_string());
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(failed)?;
    let size = u64::from_le_bytes(length);
    if size > HEADER_MAX {
        return Err(EmbedError::Weights("its header is too large".to_owned()));
    }
    let mut header = Vec::new();
    file.by_ref().take(size).read_to_end(&mut header).map_err(failed)?;
    let read: Header = serde_json::from_slice(&header).map_err(|error| EmbedError::Weights(format!("its header: {error}")))?;
    if let Some(source) = read.metadata.get(SOURCE) {
        return Ok(source.clone());
    }
    let mut hash = Sha256::new();
    hash.update(length);
    hash.update(&header);
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            got => hash.update(piece.get(..got).unwrap_or_default()),
        }
    }
}

/// The model of a weights file, ready to run.
pub fn load(config: &Config, bytes: &[u8], pooling: Pooling) -> Result<Model, EmbedError> {
    let file = Source::read(bytes)?;
    let width = config.hidden_size;
    let words = file.matrix("embeddings.word_embeddings.weight", config.vocab_size, width)?;
    let mut positions = file.floats("embeddings.position_embeddings.weight", config.max_position_embeddings.saturating_mul(width))?;
    let kinds = file.floats_at_least("embeddings.token_type_embeddings.weight", width)?;
    for row in positions.chunks_exact_mut(width) {
        row.iter_mut().zip(&kinds).for_each(|(position, kind)| *position += kind);
    }
    Ok(Model {
        width,
        heads: config.num_attention_heads,
        words: words.values.into(),
        word_scales: words.scales.into(),
        positions: positions.into(),
        embedding_norm: file.norm("embeddings.LayerNorm", config)?,
        layers: (0..config.num_hidden_layers).map(|at| Ok(Arc::new(file.layer(at, config)?))).collect::<Result<_, EmbedError>>()?,
        pooling,
    })
}

/// What an adapter is called, and the digest of the model that it makes of a weights file, whose [`source_sha256`] is `source`.
pub fn adapted_identity(bytes: &[u8], source: &str, adapter: &[u8]) -> Result<(String, String), EmbedError> {
    let (_, header) = SafeTensors::read_metadata(adapter).map_err(|error| EmbedError::Adapter(error.to_string()))?;
    let said = |key: &str| {
        let value = header.metadata().as_ref().and_then(|metadata| metadata.get(key)).cloned();
        value.ok_or_else(|| EmbedError::Adapter(format!("it does not say its {key}")))
    };
    if said(ADAPTER_BASE)? != source {
        return Err(EmbedError::Adapter("it was learnt on the weights of another model".to_owned()));
    }
    // Changing 8-bit numbers is not quite what changing the 32-bit ones is, so the vectors are others.
    let file = Source::read(bytes)?;
    let is_small = file.0.iter().any(|(_, view)| view.dtype() == Dtype::I8);
    let mut hash = Sha256::new();
    hash.update(source.as_bytes());
    hash.update([u8::from(is_small)]);
    hash.update(adapter);
    Ok((said(ADAPTER_NAME)?, hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// The model of `base`, read from `bytes`, with an adapter's changes to its matrices; what they do not touch is shared.
///
/// For a matrix `NAME.weight` (outputs × inputs) an adapter may have `NAME.a` (rank × inputs) and `NAME.b` (outputs × rank), both in `BF16`: their product
/// is added.
pub fn adapt(config: &Config, bytes: &[u8], base: &Model, adapter: &[u8]) -> Result<Model, EmbedError> {
    let changes = SafeTensors::deserialize(adapter).map_err(|error| EmbedError::Adapter(error.to_string()))?;
    let touches = |at: usize| changes.names().iter().any(|name| name.starts_with(&format!("encoder.layer.{at}.")));
    let known = |name: &str| {
        let stem = name.strip_suffix(".a").or_else(|| name.strip_suffix(".b"));
        stem.is_some_and(|stem| {
            let layers = 0..base.layers.len();
            MATRICES.iter().any(|matrix| layers.clone().any(|at| stem == format!("encoder.layer.{at}.{matrix}")))
        })
    };
    if let Some(name) = changes.names().iter().find(|name| !known(name)) {
        return Err(EmbedError::Adapter(format!("{name} belongs to nothing in the model")));
    }
    let layers = base.layers.iter().enumerate().map(|(at, layer)| {
        if !touches(at) {
            return Ok(Arc::clone(layer));
        }
        let file = Source(Source::read(bytes)?.0, Some(&changes));
        Ok(Arc::new(file.layer(at, config)?))
    });
    Ok(Model {
        layers: layers.collect::<Result<_, EmbedError>>()?,
        words: Arc::clone(&base.words),
        word_scales: Arc::clone(&base.word_scales),
        positions: Arc::clone(&base.positions),
        embedding_norm: base.embedding_norm.clone(),
        ..*base
    })
}

/// A quarter of a 32-bit weights file in size: its matrices in 8 bits, all else as it was. It loads as the same model, to the bit.
///
/// # Errors
/// [`EmbedError::Weights`] when `bytes` is not a safetensors file of 32-bit weights.
pub fn quantise(bytes: &[u8]) -> Result<Vec<u8>, EmbedError> {
    let refuse = |error: safetensors::SafeTensorError| EmbedError::Weights(error.to_string());
    let file = Source::read(bytes)?;
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (name, view) in file.0.iter() {
        let shape = view.shape().to_vec();
        match *view.shape() {
            [rows, columns] if name.contains("encoder.") || name.contains("word_embeddings") => {
                let matrix = file.matrix(name, rows, columns)?;
                tensors.push((name.to_owned(), Dtype::I8, shape, matrix.values.iter().map(|value| value.cast_unsigned()).collect()));
                let scales = matrix.scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
                tensors.push((format!("{name}{SCALE}"), Dtype::F32, vec![rows], scales));
            }
            _ if view.dtype() == Dtype::F32 && (name.contains("encoder.") || name.contains("embeddings.")) => {
                tensors.push((name.to_owned(), view.dtype(), shape, view.data().to_vec()));
            }
            // The pooler after the encoder, and the numbers of the positions: nothing reads them.
            _ => {}
        }
    }
    let views: Vec<(&str, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, dtype, shape, data)| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), data).map_err(refuse)?)))
        .collect::<Result<_, EmbedError>>()?;
    let metadata = std::iter::once((SOURCE.to_owned(), source_sha256(bytes)?)).collect();
    safetensors::serialize(views, Some(metadata)).map_err(refuse)
}

/// The matrices of a layer.
const MATRICES: [&str; 6] =
    ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "intermediate.dense", "output.dense"];

/// A weights file, and what an adapter changes in it.
struct Source<'a>(SafeTensors<'a>, Option<&'a SafeTensors<'a>>);

impl<'a> Source<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, EmbedError> {
        Ok(Self(SafeTensors::deserialize(bytes).map_err(|error| EmbedError::Weights(error.to_string()))?, None))
    }

    fn layer(&self, at: usize, config: &Config) -> Result<Layer, EmbedError> {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let part = |name: &str| format!("encoder.layer.{at}.{name}");
        let [query, key, value, output, inward, outward] = MATRICES.map(part);
        Ok(Layer {
            attention_input: self.linear(&[query, key, value], width, width)?,
            attention_output: self.linear(&[output], width, width)?,
            attention_norm: self.norm(&part("attention.output.LayerNorm"), config)?,
            inner: self.linear(&[inward], inner, width)?,
            outer: self.linear(&[outward], width, inner)?,
            outer_norm: self.norm(&part("output.LayerNorm"), config)?,
        })
    }

    /// Some files carry the name of the whole model before that of each tensor.
    fn tensor(&self, name: &str) -> Result<TensorView<'_>, EmbedError> {
        self.0
            .tensor(name)
            .or_else(|_| self.0.tensor(&format!("bert.{name}")))
            .map_err(|_| EmbedError::Weights(format!("{name} is missing")))
    }

    fn floats_at_least(&self, name: &str, count: usize) -> Result<Vec<f32>, EmbedError> {
        let view = self.tensor(name)?;
        if view.dtype() != Dtype::F32 {
            return Err(EmbedError::Weights(format!("{name} must have 32-bit floats")));
        }
        let values: Vec<f32> = view.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        if values.len() < count || !values.iter().all(|value| value.is_finite()) {
            return Err(EmbedError::Weights(format!("{name} must have {count} finite numbers")));
        }
        Ok(values)
    }

    fn floats(&self, name: &str, count: usize) -> Result<Vec<f32>, EmbedError> {
        let values = self.floats_at_least(name, count)?;
        if values.len() == count { Ok(values) } else { Err(EmbedError::Weights(format!("{name} must have {count} numbers"))) }
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, EmbedError> {
        let view = self.tensor(name)?;
        if view.shape() != [rows, columns] {
            return Err(EmbedError::Weights(format!("{name} must be {rows} × {columns}")));
        }
        let change = self.change(name, rows, columns)?;
        let mut floats = if view.dtype() == Dtype::I8 {
            let scales = self.floats(&format!("{name}{SCALE}"), rows)?;
            let values = view.data().iter().map(|byte| byte.cast_signed());
            if change.is_none() {
                return Ok(Matrix { values: values.collect(), scales });
            }
            values.enumerate().map(|(at, value)| f32::from(value) * scales[at / columns]).collect()
        } else {
            self.floats(name, rows * columns)?
        };
        if let Some(change) = change {
            floats.iter_mut().zip(change).for_each(|(value, more)| *value += more);
        }
        let mut matrix = Matrix { values: Vec::with_capacity(floats.len()), scales: Vec::with_capacity(rows) };
        for row in floats.chunks_exact(columns) {
            let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let factor = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            matrix.values.extend(row.iter().map(|value| super::math::round(value * factor) as i8));
            matrix.scales.push(largest / 127.0);
        }
        Ok(matrix)
    }

    /// What an adapter adds to a matrix.
    fn change(&self, name: &str, rows: usize, columns: usize) -> Result<Option<Vec<f32>>, EmbedError> {
        let (Some(changes), Some(stem)) = (self.1, name.strip_suffix(".weight")) else { return Ok(None) };
        let (Ok(a), Ok(b)) = (changes.tensor(&format!("{stem}.a")), changes.tensor(&format!("{stem}.b"))) else {
            let is_half = changes.names().iter().any(|other| other.strip_prefix(stem).is_some_and(|rest| rest == ".a" || rest == ".b"));
            return if is_half { Err(EmbedError::Adapter(format!("{stem} needs both .a and .b"))) } else { Ok(None) };
        };
        let rank = a.shape().first().copied().unwrap_or(0);
        if rank == 0 || a.shape() != [rank, columns] || b.shape() != [rows, rank] || [&a, &b].iter().any(|part| part.dtype() != Dtype::BF16)
        {
            return Err(EmbedError::Adapter(format!("{stem} must be 16-bit matrices of one rank for {rows} × {columns}")));
        }
        let floats = |view: &TensorView<'_>| -> Vec<f32> {
            view.data().as_chunks().0.iter().map(|&bytes| f32::from_bits(u32::from(u16::from_le_bytes(bytes)) << 16)).collect()
        };
        let (a, b) = (floats(&a), floats(&b));
        if !a.iter().chain(&b).all(|value| value.is_finite()) {
            return Err(EmbedError::Adapter(format!("{stem} must have finite numbers")));
        }
        let mut change = vec![0.0; rows * columns];
        for (row, factors) in change.chunks_exact_mut(columns).zip(b.chunks_exact(rank)) {
            for (factor, inputs) in factors.iter().zip(a.chunks_exact(columns)) {
                row.iter_mut().zip(inputs).for_each(|(value, input)| *value += factor * input);
            }
        }
        Ok(Some(change))
    }

    /// Layers of the same inputs, as one whose outputs lie one after the other.
    fn linear(&self, names: &[String], outputs: usize, inputs: usize) -> Result<Linear, EmbedError> {
        let mut linear = Linear {
            inputs,
            panels: Vec::with_capacity(names.len() * outputs / COLUMNS * inputs / 2),
            scales: Vec::new(),
            bias: Vec::new(),
        };
        for name in names {
            let matrix = self.matrix(&format!("{name}.weight"), outputs, inputs)?;
            for rows in matrix.values.chunks_exact(COLUMNS * inputs) {
                let step = |at: usize| std::array::from_fn(|byte: usize| rows[byte / 2 * inputs + 2 * at + byte % 2]);
                linear.panels.extend((0..inputs / 2).map(step));
            }
            linear.scales.extend(matrix.scales);
            linear.bias.extend(self.floats(&format!("{name}.bias"), outputs)?);
        }
        Ok(linear)
    }

    fn norm(&self, name: &str, config: &Config) -> Result<Norm, EmbedError> {
        Ok(Norm {
            weight: self.floats(&format!("{name}.weight"), config.hidden_size)?,
            bias: self.floats(&format!("{name}.bias"), config.hidden_size)?,
            epsilon: config.layer_norm_eps,
        })
    }
}
