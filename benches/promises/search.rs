//! 10,000 artifacts: how fast they get vectors, how long a question takes over HTTP, how many a second, how soon a commit is found.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Figure, Result, percentile, scale, server::Server};

const ARTIFACTS: usize = 10_000;
/// Of each, at least: name, description and body of `scale::archive`.
const WORDS: usize = 131;
const QUESTIONS: usize = 300;
const COMMITS: usize = 40;
/// Those who ask at once, and how often each.
const ASKERS: usize = 8;
const EACH: usize = 400;

pub async fn run() -> Result<Vec<Figure>> {
    let server = Server::start_with(None, &[("SEARCH_RATE", "1000000")]).await?;
    let volume = server.set_up().await?;
    // What is built in comes first.
    embedded(&server).await?;
    let began = Instant::now();
    server.import(&volume, scale::archive(0..ARTIFACTS)?).await?;
    server.api("GET", "/search?q=terraform&limit=1", None).await?;
    let found = began.elapsed();
    let model = embedded(&server).await?;
    let rate = (ARTIFACTS * WORDS) as f64 / began.elapsed().as_secs_f64();
    println!(
        "search: {ARTIFACTS} artifacts imported and found by words in {:.1} s; by meaning after {:.0} s ({model})",
        found.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    let mut figures =
        vec![Figure::at_least("words embedded a second, in the background (a word has one token or more)", 2_500.0, rate, "")];

    // Each another one, so that none has its vector yet: ten words.
    let mut times = Vec::new();
    for number in 0..QUESTIONS {
        let path = format!("/search?q={}", question(number));
        let began = Instant::now();
        let page = server.api("GET", &path, None).await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        if page["total"].as_i64() < Some(1) {
            return Err(format!("{path} found nothing").into());
        }
    }
    let what = format!("question of ten words over HTTP, embedding included, {ARTIFACTS} artifacts");
    figures.push(Figure::at_most(format!("{what}, p50"), 10.0, percentile(&mut times, 0.5), "ms"));
    figures.push(Figure::at_most("… p99", 25.0, percentile(&mut times, 0.99), "ms"));

    let began = Instant::now();
    let askers: Vec<_> = (0..ASKERS)
        .map(|asker| {
            let (client, url) = (server.client.clone(), server.url("/api/v1/search?limit=10&q="));
            tokio::spawn(async move {
                for number in 0..EACH {
                    let answer = client.get(format!("{url}{}", question((asker * 31 + number) % QUESTIONS))).send().await?;
                    let status = answer.status();
                    answer.bytes().await?;
                    if !status.is_success() {
                        return Err(format!("search: {status}").into());
                    }
                }
                Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
            })
        })
        .collect();
    for asker in askers {
        asker.await??;
    }
    let rate = (ASKERS * EACH) as f64 / began.elapsed().as_secs_f64();
    figures.push(Figure::at_least("questions a second whose vectors are known, client on the same cores", 300.0, rate, ""));

    let mut times = Vec::new();
    for number in 0..COMMITS {
        let name = format!("quicksilver-{number}");
        let made = server.api("POST", "/artifacts", Some(json!({ "volumeId": volume, "kind": "skill", "name": name }))).await?;
        let id = &made["summary"]["id"];
        let body = json!({ "message": "Bench", "artifacts": [{ "id": id, "baseRevisionId": Value::Null }] });
        server.api("POST", "/commits", Some(body)).await?;
        let began = Instant::now();
        let page = server.api("GET", &format!("/search?limit=1&q={name}"), None).await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        if page["hits"][0]["id"] != *id {
            return Err(format!("{name} was committed and is not found").into());
        }
    }
    figures.push(Figure::at_most("commit, then the question that finds it, p99", 1_000.0, percentile(&mut times, 0.99), "ms"));
    println!("search: {:.0} MB in memory", server.memory("VmRSS")?);
    Ok(figures)
}

/// Ten words, others each time.
pub fn question(number: usize) -> String {
    let words = ["incident", "runbook", "latency", "invoice", "contract", "valuation", "pipeline", "schema", "budget", "research"];
    let word = |step: usize| words[(number * step + step) % words.len()];
    format!("how%20do%20we%20{}%20the%20{}%20when%20{}%20number%20{number}", word(1), word(3), word(7))
}

/// Waits until everything has its vectors.
pub async fn embedded(server: &Server) -> Result<String> {
    loop {
        let ready: Value = server.client.get(server.url("/readyz")).send().await?.json().await?;
        let search = &ready["search"];
        match search["meaning"].as_str() {
            Some("ready") if search["waiting"] == 0 => return Ok("with the model".to_owned()),
            Some("missing") => return Ok("without a model: by words alone".to_owned()),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
