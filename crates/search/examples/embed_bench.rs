//! Measures the embedder against its goals: `EMBEDDING_MODEL_DIR=… cargo run -p llmos-search --release --example embed_bench [folder of texts]`.
//! Other work on the machine only adds to a time, so the smallest is the machine's own; the median says how busy it was.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use llmos_search::embed::{Embedder, ModelFiles, quantise};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

const QUERY: &str = "how do I calculate what a private company is worth";
const PARAGRAPH: &str = "A discounted cash flow analysis projects the free cash flow of a company over five to ten years, adds a terminal value, and \
    discounts both with the weighted average cost of capital. Sensitivity tables show how the result moves with the growth rate and the discount rate. ";

fn main() -> Outcome {
    let directory = PathBuf::from(std::env::var("EMBEDDING_MODEL_DIR").map_err(|_| "set EMBEDDING_MODEL_DIR to the model's folder")?);
    let read = |name: &str| std::fs::read(directory.join(name));
    let (config, weights, tokenizer, pooling) =
        (read("config.json")?, read("model.safetensors")?, read("tokenizer.json")?, read("1_Pooling/config.json").ok());
    let files = |weights| ModelFiles { name: "model", config: &config, weights, tokenizer: &tokenizer, pooling: pooling.as_deref() };

    let started = Instant::now();
    let embedder = Embedder::load(&files(&weights))?;
    let loaded = started.elapsed();
    let small = quantise(&weights)?;
    let started = Instant::now();
    Embedder::load(&files(&small))?;
    println!("{}", embedder.identity());
    println!("loaded from {:.1} MB in {loaded:.0?}, from {:.1} MB in {:.0?}\n", megabytes(&weights), megabytes(&small), started.elapsed());

    println!("| what | smallest | median | goal |\n|---|---|---|---|");
    let query = embedder.count_tokens(QUERY) + 2;
    row(&format!("query of 10 words, {query} tokens"), &times(100, || drop(embedder.embed(&[QUERY]))), "≤ 5 ms");
    for (tokens, goal) in [(64, "≥ 50 documents/s on 2 cores: ≤ 40 ms"), (128, "≤ 41 ms"), (256, "")] {
        let text = of_tokens(&embedder, tokens);
        row(&format!("{tokens} tokens"), &times(30, || drop(embedder.embed(&[&text]))), goal);
    }

    let texts = match std::env::args().nth(1) {
        Some(folder) => passages(&embedder, Path::new(&folder))?,
        None => vec![of_tokens(&embedder, 256); 100],
    };
    for threads in [1, 2] {
        let part = texts.len().div_ceil(threads);
        let started = Instant::now();
        std::thread::scope(|scope| texts.chunks(part).for_each(|texts| drop(scope.spawn(|| embed_all(&embedder, texts)))));
        let seconds = started.elapsed().as_secs_f64();
        let tokens: usize = texts.iter().map(|text| embedder.count_tokens(text).min(embedder.passage_tokens()) + 2).sum();
        println!(
            "| {} passages, {threads} threads | {:.0} tokens/s | | ≥ 2,500 tokens/s on 2 cores |",
            texts.len(),
            tokens as f64 / seconds
        );
    }
    let started = Instant::now();
    let tokens: usize = texts.iter().map(|text| embedder.count_tokens(text)).sum();
    println!("| splitting into tokens alone | {:.0} tokens/s | | |", tokens as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

fn embed_all(embedder: &Embedder, texts: &[String]) {
    for texts in texts.chunks(16) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        std::hint::black_box(embedder.embed(&texts));
    }
}

fn megabytes(bytes: &[u8]) -> f64 {
    bytes.len() as f64 / 1e6
}

/// Times in ascending order.
fn times(count: usize, mut run: impl FnMut()) -> Vec<Duration> {
    let mut times: Vec<_> = (0..count)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times
}

fn row(what: &str, times: &[Duration], goal: &str) {
    println!("| {what} | {:.2?} | {:.2?} | {goal} |", times[0], times[times.len() / 2]);
}

/// English of so many tokens as the model sees it.
fn of_tokens(embedder: &Embedder, count: usize) -> String {
    let text = PARAGRAPH.repeat(count / 40 + 1);
    let end = embedder.tokenizer().tokens(&text).get(count - 3).map_or(text.len(), |token| token.span.end);
    text[..end].to_owned()
}

/// Markdown below a folder in passages that the model reads whole: those of the first files, until there are a hundred.
fn passages(embedder: &Embedder, folder: &Path) -> Outcome<Vec<String>> {
    let (mut passages, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") && passages.len() < 100 {
                let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
                for tokens in embedder.tokenizer().tokens(&text).chunks(embedder.passage_tokens()) {
                    passages.push(text[tokens[0].span.start..tokens[tokens.len() - 1].span.end].to_owned());
                }
            }
        }
    }
    Ok(passages)
}
