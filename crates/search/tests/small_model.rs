//! Loading, on a BERT that is made up here: two heads, one layer, a dozen words. What the real model says is in embedder.rs.

use llmos_search::embed::{EmbedError, Embedder, ModelFiles, quantise};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

const WIDTH: usize = 32;
const INNER: usize = 64;
const POSITIONS: usize = 24;
const WORDS: [&str; 9] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cash", "flow", "##s", ".", "é"];

const CONFIG: &str = r#"{"model_type": "bert", "hidden_act": "gelu", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
    "num_attention_heads": 2, "max_position_embeddings": 24, "vocab_size": 9, "layer_norm_eps": 1e-12}"#;
const CLS: &str = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#;

fn tokenizer() -> String {
    let vocab: Vec<String> = WORDS.iter().enumerate().map(|(id, word)| format!("\"{word}\": {id}")).collect();
    format!(
        r###"{{"added_tokens": [{{"id": 3, "content": "[SEP]", "normalized": false}}], "normalizer": {{"type": "BertNormalizer",
        "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}}, "pre_tokenizer": {{"type": "BertPreTokenizer"}},
        "model": {{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": {{{}}}}}}}"###,
        vocab.join(", ")
    )
}

/// Weights that look random, each tensor's name after `prefix`; one tensor is left out.
fn weights(prefix: &str, without: &str) -> Vec<u8> {
    let mut shapes = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), WIDTH]),
        ("embeddings.position_embeddings.weight".to_owned(), vec![POSITIONS, WIDTH]),
        ("embeddings.token_type_embeddings.weight".to_owned(), vec![2, WIDTH]),
    ];
    for name in ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"] {
        shapes.extend(["weight", "bias"].map(|part| (format!("{name}.LayerNorm.{part}"), vec![WIDTH])));
    }
    for (name, outputs, inputs) in [
        ("attention.self.query", WIDTH, WIDTH),
        ("attention.self.key", WIDTH, WIDTH),
        ("attention.self.value", WIDTH, WIDTH),
        ("attention.output.dense", WIDTH, WIDTH),
        ("intermediate.dense", INNER, WIDTH),
        ("output.dense", WIDTH, INNER),
    ] {
        shapes.push((format!("encoder.layer.0.{name}.weight"), vec![outputs, inputs]));
        shapes.push((format!("encoder.layer.0.{name}.bias"), vec![outputs]));
    }
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = shapes
        .into_iter()
        .map(|(name, shape)| {
            let data = (0..shape.iter().product()).flat_map(|_| next().to_le_bytes()).collect();
            (format!("{prefix}{name}"), shape, data)
        })
        .filter(|(name, ..)| name != without)
        .collect();
    let views = tensors
        .iter()
        .map(|(name, shape, data)| (name, TensorView::new(Dtype::F32, shape.clone(), data).expect("the shape is the data's")));
    safetensors::serialize(views, None).expect("tensors can be written")
}

fn load(config: &str, weights: &[u8], pooling: Option<&str>) -> Result<Embedder, EmbedError> {
    Embedder::load(&ModelFiles {
        name: "small",
        config: config.as_bytes(),
        weights,
        tokenizer: tokenizer().as_bytes(),
        pooling: pooling.map(str::as_bytes),
    })
}

#[test]
fn any_bert_is_read_as_it_says() {
    let weights = weights("", "");
    let mean = load(CONFIG, &weights, None).expect("it loads");
    let first = load(CONFIG, &weights, Some(CLS)).expect("it loads");
    assert_eq!((mean.identity().dimension, mean.identity().pooling, first.identity().pooling), (WIDTH, "mean", "cls"));
    assert_ne!(mean.identity().to_string(), first.identity().to_string());
    assert_ne!(mean.embed(&["cash flows"]), first.embed(&["cash flows"]));
    assert_eq!(mean.passage_tokens(), POSITIONS - 2, "no more than the model has positions for");
    let long = "cash ".repeat(1_000);
    assert_eq!(mean.embed(&[&long]), mean.embed(&[&"cash ".repeat(POSITIONS - 2)]));
}

#[test]
fn tokens_say_where_they_came_from() {
    let embedder = load(CONFIG, &weights("", ""), None).expect("it loads");
    let tokens: Vec<_> = embedder.tokenizer().tokens("CASHFLOW Flows.[SEP]é").into_iter().map(|token| (token.id, token.span)).collect();
    assert_eq!(tokens, [(1, 0..8), (5, 9..13), (6, 13..14), (7, 14..15), (3, 15..20), (1, 20..22)]);
}

#[test]
fn eight_bits_and_a_prefix_change_nothing() {
    let texts = ["cash flows.", ""];
    let plain = weights("", "");
    let expected = load(CONFIG, &plain, None).expect("it loads");
    let prefixed = weights("bert.", "");
    assert_eq!(load(CONFIG, &prefixed, None).expect("it loads").embed(&texts), expected.embed(&texts));
    for weights in [&plain, &prefixed] {
        let source = load(CONFIG, weights, None).expect("it loads");
        let small = quantise(weights).expect("it can be quantised");
        assert!(small.len() < weights.len() / 2);
        let small = load(CONFIG, &small, None).expect("the 8-bit file loads");
        assert_eq!(small.identity(), source.identity());
        assert_eq!(small.embed(&texts), expected.embed(&texts));
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let refused = |config: &str, weights: &[u8]| load(config, weights, None).expect_err("it must not load").to_string();
    let missing = "encoder.layer.0.attention.self.key.weight";
    assert_eq!(refused(CONFIG, &weights("", missing)), format!("model.safetensors: {missing} is missing"));
    let whole = weights("", "");
    for (from, to, part) in [
        ("\"num_attention_heads\": 2", "\"num_attention_heads\": 3", "config.json: "),
        ("\"hidden_size\": 32", "\"hidden_size\": 0", "config.json: "),
        ("\"intermediate_size\": 64", "\"intermediate_size\": 8192", "config.json: "),
        ("gelu", "relu", "config.json: "),
        ("\"num_hidden_layers\": 1", "\"num_hidden_layers\": 2", "model.safetensors: "),
        ("\"hidden_size\": 32", "\"hidden_size\": 64", "model.safetensors: "),
        ("\"vocab_size\": 9", "\"vocab_size\": 8", "tokenizer.json: "),
    ] {
        let error = refused(&CONFIG.replace(from, to), &whole);
        assert!(error.starts_with(part), "{to}: {error}");
    }
    for length in [0, 7, 8, 100, whole.len() - 1] {
        assert!(refused(CONFIG, &whole[..length]).starts_with("model.safetensors: "));
    }
}

/// An adapter for one matrix of [`weights`].
fn adapter(matrix: &str, (rank, outputs, inputs): (usize, usize, usize), base: &str, without: &str) -> Vec<u8> {
    let bits = |count: usize| -> Vec<u8> {
        (0..count).flat_map(|at| ((0.3 + at as f32 * 0.01).to_bits() >> 16).to_le_bytes()[..2].to_vec()).collect()
    };
    let tensors = [("a", vec![rank, inputs], bits(rank * inputs)), ("b", vec![outputs, rank], bits(outputs * rank))];
    let views = tensors.iter().filter(|(name, ..)| *name != without).map(|(name, shape, data)| {
        (format!("{matrix}.{name}"), TensorView::new(Dtype::BF16, shape.clone(), data).expect("the shape is the data's"))
    });
    let said = [("name".to_owned(), "tasks-1".to_owned()), ("base_sha256".to_owned(), base.to_owned())];
    safetensors::serialize(views, Some(said.into())).expect("tensors can be written")
}

#[test]
fn an_adapter_makes_another_model_of_the_same_files() {
    let query = "encoder.layer.0.attention.self.query";
    let weights = weights("", "");
    let small = quantise(&weights).expect("the weights can be quantised");
    let base = load(CONFIG, &weights, None).expect("it loads");
    let tokenizer = tokenizer();
    let files = ModelFiles { name: "small", config: CONFIG.as_bytes(), weights: &weights, tokenizer: tokenizer.as_bytes(), pooling: None };
    let sha256 = base.identity().sha256.clone();
    let good = adapter(query, (2, WIDTH, WIDTH), &sha256, "");
    let adapted = base.adapted(&files, &good).expect("it fits");
    assert_eq!((adapted.identity().name.as_str(), adapted.identity().dimension), ("small+tasks-1", WIDTH));
    assert_ne!(adapted.identity().sha256, sha256);
    let texts = ["cash flows.", ""];
    assert_ne!(adapted.embed(&texts), base.embed(&texts));

    // Weights that have the change in them already are the same model.
    let mut merged = weights.clone();
    let numbers =
        |bytes: &[u8]| -> Vec<f32> { bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four"))).collect() };
    let part = |name: &str| -> Vec<f32> {
        let file = safetensors::SafeTensors::deserialize(&good).expect("it was just written");
        let view = file.tensor(&format!("{query}.{name}")).expect("it has it");
        view.data().chunks_exact(2).map(|bytes| f32::from_bits(u32::from(u16::from_le_bytes([bytes[0], bytes[1]])) << 16)).collect()
    };
    let (a, b) = (part("a"), part("b"));
    let start = {
        let file = safetensors::SafeTensors::deserialize(&weights).expect("it was just written");
        let data = file.tensor(&format!("{query}.weight")).expect("it has it").data().as_ptr() as usize;
        data - weights.as_ptr() as usize
    };
    let old = numbers(&weights[start..start + 4 * WIDTH * WIDTH]);
    for (at, value) in old.into_iter().enumerate() {
        let (row, column) = (at / WIDTH, at % WIDTH);
        let change = (0.0 + b[2 * row] * a[column]) + b[2 * row + 1] * a[WIDTH + column];
        merged[start + 4 * at..start + 4 * at + 4].copy_from_slice(&(value + change).to_le_bytes());
    }
    assert_eq!(load(CONFIG, &merged, None).expect("it loads").embed(&texts), adapted.embed(&texts));

    let quantised = load(CONFIG, &small, None).expect("it loads");
    let small_files = ModelFiles { weights: &small, ..files };
    let small_adapted = quantised.adapted(&small_files, &good).expect("it fits");
    assert_ne!(small_adapted.identity(), adapted.identity(), "8-bit weights with a change are not quite the 32-bit ones with it");

    for (adapter, why) in [
        (adapter(query, (2, WIDTH, WIDTH), "0", ""), "another model"),
        (adapter("encoder.layer.1.output.dense", (2, WIDTH, INNER), &sha256, ""), "belongs to nothing"),
        (adapter(query, (2, WIDTH, INNER), &sha256, ""), "one rank"),
        (adapter(query, (2, WIDTH, WIDTH), &sha256, "b"), "needs both"),
        (b"{}".to_vec(), "adapter: "),
    ] {
        let error = base.adapted(&files, &adapter).expect_err(why).to_string();
        assert!(error.starts_with("adapter: ") && error.contains(why), "{error}");
    }
    assert!(base.adapted(&small_files, &good).is_ok(), "the 8-bit file is the same model");
    assert!(base.adapted(&ModelFiles { weights: &merged, ..files }, &good).is_err());
}
