//! The embedder against the reference: Hugging Face's `tokenizers`, and the model in 32-bit floats. They need the model, which `scripts/setup`
//! fetches: `EMBEDDING_MODEL_DIR` names its folder.

use std::io::Write;
use std::path::PathBuf;
use std::sync::LazyLock;

use llmos_search::embed::{Embedder, ModelFiles, Vector, quantise};
use proptest::prelude::*;
use serde::Deserialize;

struct Directory {
    config: Vec<u8>,
    weights: Vec<u8>,
    tokenizer: Vec<u8>,
    pooling: Vec<u8>,
}

impl Directory {
    fn files(&self) -> ModelFiles<'_> {
        ModelFiles { name: "test", config: &self.config, weights: &self.weights, tokenizer: &self.tokenizer, pooling: Some(&self.pooling) }
    }
}

static MODEL: LazyLock<Option<(Directory, Embedder)>> = LazyLock::new(|| {
    let folder = std::env::var_os("EMBEDDING_MODEL_DIR").map(PathBuf::from);
    let Some(folder) = folder.filter(|folder| folder.join("model.safetensors").exists()) else {
        skipped();
        return None;
    };
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name} in {}: {error}", folder.display()));
    let directory = Directory {
        config: read("config.json"),
        weights: read("model.safetensors"),
        tokenizer: read("tokenizer.json"),
        pooling: read("1_Pooling/config.json"),
    };
    let embedder = Embedder::load(&directory.files()).expect("the model loads");
    Some((directory, embedder))
});

fn model() -> Option<&'static (Directory, Embedder)> {
    MODEL.as_ref()
}

/// Says so, once for each process: nextest gives each test its own. `scripts/test` counts the lines of the file that `LLMOS_TEST_SKIPPED` names.
fn skipped() {
    eprintln!("SKIPPED: EMBEDDING_MODEL_DIR names no model; scripts/setup fetches one");
    if let Some(path) = std::env::var_os("LLMOS_TEST_SKIPPED") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| writeln!(file, "the embedding model")).expect("the list of skipped tests can be written");
    }
}

#[derive(Deserialize)]
struct Sample {
    text: String,
    ids: Vec<u32>,
    spans: Vec<(usize, usize)>,
    vector: Option<Vec<f32>>,
}

fn samples() -> Vec<Sample> {
    serde_json::from_str(include_str!("reference.json")).expect("reference.json is of this shape")
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn bits(vectors: &[Vector]) -> Vec<u32> {
    vectors.iter().flatten().map(|number| number.to_bits()).collect()
}

#[test]
fn tokens_are_the_references() {
    let Some((_, embedder)) = model() else { return };
    for sample in samples() {
        let tokens = embedder.tokenizer().tokens(&sample.text);
        assert_eq!(tokens.iter().map(|token| token.id).collect::<Vec<_>>(), sample.ids, "{:?}", sample.text);
        let spans: Vec<_> = tokens.iter().map(|token| (token.span.start, token.span.end)).collect();
        assert_eq!(spans, sample.spans, "{:?}", sample.text);
    }
}

#[test]
fn vectors_are_close_to_the_references() {
    let Some((_, embedder)) = model() else { return };
    let mut similarities = Vec::new();
    for sample in samples() {
        let Some(expected) = sample.vector else { continue };
        let vector = &embedder.embed(&[&sample.text])[0];
        similarities.push(dot(vector, &expected));
    }
    // A model of 8-bit weights; on passages of real documents the mean is 0.9994, on a handful of odd characters it is less.
    let (mean, least) = (similarities.iter().sum::<f32>() / similarities.len() as f32, similarities.iter().copied().fold(1.0, f32::min));
    assert!(mean > 0.998 && least > 0.99, "mean {mean}, least {least}");
}

#[test]
fn the_8_bit_file_is_the_same_model() {
    let Some((directory, embedder)) = model() else { return };
    let weights = quantise(&directory.weights).expect("the weights can be quantised");
    assert!(weights.len() < 25_000_000, "{} bytes", weights.len());
    let small = Embedder::load(&ModelFiles { weights: &weights, ..directory.files() }).expect("the 8-bit file loads");
    assert_eq!(small.identity(), embedder.identity());
    let texts = ["calculate company worth", ""];
    assert_eq!(bits(&small.embed(&texts)), bits(&embedder.embed(&texts)));
}

/// Changes with every change of the arithmetic, on any target: then count `ARITHMETIC` up and write the new value here.
#[test]
fn every_target_gives_these_bits() {
    let Some((_, embedder)) = model() else { return };
    let texts: Vec<String> = samples().into_iter().map(|sample| sample.text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let vectors = embedder.embed(&texts);
    let hash =
        bits(&vectors).into_iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, bits| (hash ^ u64::from(bits)).wrapping_mul(0x100_0000_01b3));
    assert_eq!(format!("{hash:016x}"), "30ba820ef6d5fda6");
}

#[test]
fn any_text_has_a_vector() {
    let Some((_, embedder)) = model() else { return };
    let long = "long ".repeat(2_000);
    let texts = ["", " ", "\u{0}\u{1}\u{7f}", "🚀🔥👩‍👩‍👧‍👦", "שלום עולם", &long, "[SEP][SEP]", &"x".repeat(10_000)];
    for (text, vector) in texts.iter().zip(embedder.embed(&texts)) {
        assert!((dot(&vector, &vector) - 1.0).abs() < 1e-5, "{text:?}");
    }
    assert!(embedder.embed(&[]).is_empty());
}

#[test]
fn a_damaged_file_is_said_to_be() {
    let Some((directory, _)) = model() else { return };
    let cut = &directory.weights[..directory.weights.len() - 1];
    let error = Embedder::load(&ModelFiles { weights: cut, ..directory.files() }).expect_err("the weights are cut short");
    assert!(error.to_string().starts_with("model.safetensors: "), "{error}");
    let error = Embedder::load(&ModelFiles { tokenizer: b"{}", ..directory.files() }).expect_err("that is no tokenizer");
    assert!(error.to_string().starts_with("tokenizer.json: "), "{error}");
    let error = Embedder::load(&ModelFiles { config: b"\xff", ..directory.files() }).expect_err("that is no configuration");
    assert!(error.to_string().starts_with("config.json: "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_vector_depends_on_its_text_alone(texts in proptest::collection::vec("(\\PC| ){0,80}", 1..6)) {
        let Some((_, embedder)) = model() else { return Ok(()) };
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let alone: Vec<Vector> = texts.iter().flat_map(|text| embedder.embed(&[text])).collect();
        prop_assert_eq!(bits(&embedder.embed(&texts)), bits(&alone));
    }

    #[test]
    fn tokens_lie_in_order_on_whole_characters(text in "(\\PC|\\pC|[\\[\\]SEPCLMAK]){0,60}") {
        let Some((_, embedder)) = model() else { return Ok(()) };
        let mut at = 0;
        for token in embedder.tokenizer().tokens(&text) {
            prop_assert!(at <= token.span.start && token.span.start < token.span.end, "{token:?}");
            prop_assert!(text.get(token.span.clone()).is_some(), "{token:?}");
            at = token.span.start;
        }
    }
}
