//! Weights from a safetensors file: 32-bit ones, which are quantised here, or 8-bit ones that [`quantise`] wrote.

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

/// The SHA-256 of the 32-bit weights that a file is or was made from, in lower-case hexadecimal.
pub fn source_sha256(bytes: &[u8]) -> Result<String, EmbedError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| EmbedError::Weights(error.to_string()))?;
    let source = header.metadata().as_ref().and_then(|metadata| metadata.get(SOURCE)).cloned();
    Ok(source.unwrap_or_else(|| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// The model of a weights file, ready to run.
pub fn load(config: &Config, bytes: &[u8], pooling: Pooling) -> Result<Model, EmbedError> {
    let file = Source(SafeTensors::deserialize(bytes).map_err(|error| EmbedError::Weights(error.to_string()))?);
    let (width, inner) = (config.hidden_size, config.intermediate_size);
    let words = file.matrix("embeddings.word_embeddings.weight", config.vocab_size, width)?;
    let mut positions = file.floats("embeddings.position_embeddings.weight", config.max_position_embeddings.saturating_mul(width))?;
    let kinds = file.floats_at_least("embeddings.token_type_embeddings.weight", width)?;
    for row in positions.chunks_exact_mut(width) {
        row.iter_mut().zip(&kinds).for_each(|(position, kind)| *position += kind);
    }
    let layer = |at: usize| {
        let part = |name: &str| format!("encoder.layer.{at}.{name}");
        let attention = |name: &str| part(&format!("attention.self.{name}"));
        Ok(Layer {
            attention_input: file.linear(&[attention("query"), attention("key"), attention("value")], width, width)?,
            attention_output: file.linear(&[part("attention.output.dense")], width, width)?,
            attention_norm: file.norm(&part("attention.output.LayerNorm"), config)?,
            inner: file.linear(&[part("intermediate.dense")], inner, width)?,
            outer: file.linear(&[part("output.dense")], width, inner)?,
            outer_norm: file.norm(&part("output.LayerNorm"), config)?,
        })
    };
    Ok(Model {
        width,
        heads: config.num_attention_heads,
        words: words.values,
        word_scales: words.scales,
        positions,
        embedding_norm: file.norm("embeddings.LayerNorm", config)?,
        layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_, EmbedError>>()?,
        pooling,
    })
}

/// A quarter of a 32-bit weights file in size: its matrices in 8 bits, all else as it was. It loads as the same model, to the bit.
///
/// # Errors
/// [`EmbedError::Weights`] when `bytes` is not a safetensors file of 32-bit weights.
pub fn quantise(bytes: &[u8]) -> Result<Vec<u8>, EmbedError> {
    let refuse = |error: safetensors::SafeTensorError| EmbedError::Weights(error.to_string());
    let file = Source(SafeTensors::deserialize(bytes).map_err(refuse)?);
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

struct Source<'a>(SafeTensors<'a>);

impl Source<'_> {
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
        if view.dtype() == Dtype::I8 {
            let values = view.data().iter().map(|byte| byte.cast_signed()).collect();
            return Ok(Matrix { values, scales: self.floats(&format!("{name}{SCALE}"), rows)? });
        }
        let floats = self.floats(name, rows * columns)?;
        let mut matrix = Matrix { values: Vec::with_capacity(floats.len()), scales: Vec::with_capacity(rows) };
        for row in floats.chunks_exact(columns) {
            let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let factor = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            matrix.values.extend(row.iter().map(|value| super::math::round(value * factor) as i8));
            matrix.scales.push(largest / 127.0);
        }
        Ok(matrix)
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
