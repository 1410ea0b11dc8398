//! Reads the encoder and the traces.

use std::error::Error;
use std::path::Path;

use llmos_patterns::Trace;
use llmos_search::embed::{Embedder, ModelFiles};

pub fn load(folder: &str) -> Result<Embedder, Box<dyn Error>> {
    let read = |name: &str| std::fs::read(Path::new(folder).join(name));
    Ok(Embedder::load(&ModelFiles {
        name: "all-MiniLM-L6-v2",
        config: &read("config.json")?,
        weights: &read("model.safetensors")?,
        tokenizer: &read("tokenizer.json")?,
        pooling: Some(&read("1_Pooling/config.json")?),
    })?)
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
