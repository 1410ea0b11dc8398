//! Reads the encoder of goals and the traces.

use std::error::Error;
use std::path::Path;

use llmos_patterns::{GOAL_ADAPTER, Trace};
use llmos_search::embed::{Embedder, ModelFiles};

/// The sentence encoder in a folder, with the adapter of goals if that is wanted.
pub fn load(folder: &str, is_adapted: bool) -> Result<Embedder, Box<dyn Error>> {
    let read = |name: &str| std::fs::read(Path::new(folder).join(name));
    let (config, weights, tokenizer) = (read("config.json")?, read("model.safetensors")?, read("tokenizer.json")?);
    let pooling = read("1_Pooling/config.json")?;
    let files = ModelFiles { name: "all-MiniLM-L6-v2", config: &config, weights: &weights, tokenizer: &tokenizer, pooling: Some(&pooling) };
    let embedder = Embedder::load(&files)?;
    Ok(if is_adapted { embedder.adapted(&files, GOAL_ADAPTER)? } else { embedder })
}

/// Times are of no matter for groups, so the number of the line stands for them.
#[allow(dead_code, reason = "not every example reads traces")]
pub fn traces(path: &str) -> Result<Vec<Trace>, Box<dyn Error>> {
    let mut traces = Vec::new();
    for (number, line) in std::fs::read_to_string(path)?.lines().enumerate() {
        let mut value: serde_json::Value = serde_json::from_str(line)?;
        value["ended_at"] = number.into();
        traces.push(serde_json::from_value(value)?);
    }
    Ok(traces)
}
