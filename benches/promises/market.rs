//! The marketplace with 100,000 listings of three versions each and 1,000,000 ratings; browsing one of 1,000,000; a log of 1,000,000 entries.
//!
//! Both are made once and kept in `LLMOS_BENCH_DATA` (`target/bench` without it). `LLMOS_MARKET_LISTINGS` makes everything smaller, to try it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    Figure, Result,
    market_data::{self, Size},
    percentile,
    server::Server,
};

const ROUNDS: usize = 40;
const PAGES: usize = 300;
const QUESTIONS: usize = 300;
const PUBLISHED: usize = 100;
const PROOFS: usize = 1_000;
const VARIABLES: &[(&str, &str)] = &[("SEARCH_RATE", "1000000")];

fn listings() -> usize {
    std::env::var("LLMOS_MARKET_LISTINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

pub async fn run() -> Result<Vec<Figure>> {
    let count = listings();
    let kept =
        std::env::var_os("LLMOS_BENCH_DATA").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench"), PathBuf::from);
    let mut figures = Vec::new();
    let size = Size { listings: count, whole: true, log: count * 10 };
    let mut server = catalogue(&kept.join(format!("market-{count}")), &size).await?;
    let tag = grouped(count);
    browse(&server, &mut figures, &format!("browse 100 of {tag} items with facets"), 20.0).await?;
    search(&server, &mut figures, &tag).await?;
    items(&server, &mut figures, count, &tag).await?;
    proofs(&server, &mut figures, size.log).await?;
    publish(&server, &mut figures, &tag).await?;
    println!("market: {:.0} MB in memory with {tag} listings, texts and vectors", server.memory("VmRSS")?);
    server.stop()?;

    let large = count * 10;
    let server = catalogue(&kept.join(format!("market-{large}-browse")), &Size { listings: large, whole: false, log: 0 }).await?;
    browse(&server, &mut figures, &format!("the same of {} items", grouped(large)), 50.0).await?;
    println!("market: {:.0} MB in memory with {} listings without texts", server.memory("VmRSS")?, grouped(large));
    Ok(figures)
}

/// With commas between the thousands.
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|part| std::str::from_utf8(part).unwrap_or_default()).collect();
    parts.join(",")
}

/// A server with a catalogue that is all in memory, signed in.
async fn catalogue(data: &Path, size: &Size) -> Result<Server> {
    if !market_data::is_there(data) {
        let _ = fs::remove_dir_all(data);
        fs::create_dir_all(data)?;
        let mut server = Server::start_on(data, VARIABLES).await?;
        server.set_up().await?;
        let model = model(&server, data).await?;
        server.stop()?;
        let began = Instant::now();
        market_data::write(data, size, model.as_deref()).await?;
        println!("market: {} listings made in {:.0} s", grouped(size.listings), began.elapsed().as_secs_f64());
        // The index, with its vectors, is read from its copy from then on.
        let mut server = Server::start_on(data, VARIABLES).await?;
        let began = Instant::now();
        sign_in(&server).await?;
        indexed(&server, if size.whole { size.listings } else { 0 }).await?;
        println!("market: indexed for the first time in {:.0} s", began.elapsed().as_secs_f64());
        server.stop()?;
        market_data::note(data)?;
    }
    let began = Instant::now();
    let server = Server::start_on(data, VARIABLES).await?;
    let started = began.elapsed();
    let page = server.client.get(server.url("/api/marketplace/browse?limit=1")).send().await?;
    let total = page.headers().get("x-total-count").and_then(|total| total.to_str().ok()).and_then(|total| total.parse().ok()).unwrap_or(0);
    if total < size.listings {
        return Err(format!("{total} of {} listings are there", size.listings).into());
    }
    println!(
        "market: {} listings: start to first answer {:.2} s, to the first page of the catalogue {:.1} s",
        grouped(size.listings),
        started.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    indexed(&server, if size.whole { size.listings } else { 0 }).await?;
    println!("market: … to everything in the search index {:.1} s", began.elapsed().as_secs_f64());
    sign_in(&server).await?;
    Ok(server)
}

/// Then a question, which waits until search has looked at all listings.
async fn sign_in(server: &Server) -> Result<()> {
    let account = json!({ "email": "bench@example.org", "password": "a bench to sit on" });
    server.api("POST", "/sign-in", Some(account)).await?;
    server.api("GET", "/search?q=ledger", None).await?;
    Ok(())
}

/// The name of the model, once it has embedded what is built in.
async fn model(server: &Server, data: &Path) -> Result<Option<String>> {
    loop {
        let ready: Value = server.client.get(server.url("/readyz")).send().await?.json().await?;
        match ready["search"]["meaning"].as_str() {
            Some("missing") => return Ok(None),
            Some("ready") if ready["search"]["waiting"] == 0 && ready["search"]["documents"].as_u64() > Some(0) => break,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    let db = llmos_lite::server::db::Db::open(&format!("sqlite:{}", data.join("llmos.sqlite").display())).await?;
    let name: String = sqlx::query_scalar("SELECT model FROM embeddings LIMIT 1").fetch_one(db.read()).await?;
    db.close().await;
    Ok(Some(name))
}

/// Waits until as many documents are in the index, with their vectors.
async fn indexed(server: &Server, least: usize) -> Result<()> {
    loop {
        let ready: Value = server.client.get(server.url("/readyz")).send().await?.json().await?;
        let search = &ready["search"];
        let embedded = search["meaning"] == "missing" || (search["meaning"] == "ready" && search["waiting"] == 0);
        if embedded && search["documents"].as_u64().unwrap_or_default() as usize >= least.max(1) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Milliseconds of reading each of these whole.
async fn times(server: &Server, paths: impl IntoIterator<Item = String>) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for path in paths {
        let began = Instant::now();
        let response = server.client.get(server.url(&path)).send().await?;
        let status = response.status();
        let length = response.bytes().await?.len();
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
        if !status.is_success() || length == 0 {
            return Err(format!("{path}: {status}").into());
        }
    }
    Ok(times)
}

fn add(figures: &mut Vec<Figure>, what: &str, goal: f64, times: &mut [f64]) {
    figures.push(Figure::at_most(format!("{what}, p50"), goal, percentile(times, 0.5), "ms"));
    figures.push(Figure::at_most("… p99", goal, percentile(times, 0.99), "ms"));
}

async fn browse(server: &Server, figures: &mut Vec<Figure>, what: &str, goal: f64) -> Result<()> {
    let author = server.api("GET", "/marketplace/listings?limit=1", None).await?["items"][0]["author"]["id"].clone();
    let author = format!("&author={}", author.as_str().unwrap_or_default());
    let filters = [
        "",
        "&type=tool",
        "&category=security",
        "&category=security,legal&type=skill,agent",
        "&tags=terraform",
        "&tags=t77",
        "&minRating=4",
        "&licence=Apache-2.0&verified=true",
        &author,
        "&category=design&tags=audit&minRating=3",
        "&offset=5000",
        "&tags=nobody-has-this",
    ];
    let (mut all, mut slowest) = (Vec::new(), (0.0, String::new()));
    for sort in ["popular", "trending", "recent", "rating", "downloads"] {
        for filter in filters {
            let path = format!("/api/v1/marketplace/listings?limit=100&sortBy={sort}{filter}");
            let mut some = times(server, std::iter::repeat_n(path, ROUNDS)).await?;
            let p99 = percentile(&mut some, 0.99);
            println!("market: {sort}{filter}: p50 {:.1} ms, p99 {p99:.1} ms", percentile(&mut some, 0.5));
            all.extend(some);
            if p99 > slowest.0 {
                slowest = (p99, format!("{sort}{filter}"));
            }
        }
    }
    add(figures, what, goal, &mut all);
    figures.push(Figure::at_most(format!("… slowest combination ({}), p99", slowest.1), goal, slowest.0, "ms"));
    Ok(())
}

async fn search(server: &Server, figures: &mut Vec<Figure>, tag: &str) -> Result<()> {
    let words = ["incident", "runbook", "latency", "invoice", "contract", "valuation", "pipeline", "schema", "budget", "research"];
    let question = |number: usize| {
        let word = |step: usize| words[(number * step + step) % words.len()];
        let narrowed = ["", "&category=security", "&type=skill", "&minRating=4"][number % 4];
        let asked = format!("how%20do%20we%20{}%20the%20{}%20when%20{}%20number%20{number}", word(1), word(3), word(7));
        format!("/api/v1/marketplace/listings?q={asked}{narrowed}")
    };
    let mut some = times(server, (0..QUESTIONS).map(question)).await?;
    add(figures, &format!("search of {tag} items, ten new words each time, with facets"), 25.0, &mut some);
    Ok(())
}

async fn items(server: &Server, figures: &mut Vec<Figure>, count: usize, tag: &str) -> Result<()> {
    // One in three has 505 ratings, and 90 days of figures.
    let slug = |number: usize| {
        let at = number * 7_919 % count;
        if number.is_multiple_of(3) { at / 100 * 100 } else { at }
    };
    let mut some = times(server, (0..PAGES).map(|number| format!("/api/v1/marketplace/listings/item-{}", slug(number)))).await?;
    add(figures, &format!("an item's page as data, {tag} items"), 30.0, &mut some);
    let mut some = times(server, (0..PAGES).map(|number| format!("/marketplace/item-{}", slug(number)))).await?;
    add(figures, "the same page, rendered on the server", 30.0, &mut some);
    Ok(())
}

async fn proofs(server: &Server, figures: &mut Vec<Figure>, entries: usize) -> Result<()> {
    let mut some = times(server, (0..PROOFS).map(|number| format!("/api/v1/log/entries/{}", number * 618_033 % entries))).await?;
    add(figures, &format!("entry and inclusion proof over HTTP, log of {}", grouped(entries)), 1.0, &mut some);
    Ok(())
}

/// Versions of one skill of four files, none of them like the one before.
async fn publish(server: &Server, figures: &mut Vec<Figure>, tag: &str) -> Result<()> {
    let paragraph =
        "Read the ledger of the month, compare each line with the contract, and write down what differs. Ask before anything is sent.\n\n";
    let run = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let mut times = Vec::new();
    let slug = format!("bench-{run}");
    for number in 0..PUBLISHED {
        let file = |name: &str| json!({ "path": format!("references/{name}.md"), "content": BASE64_STANDARD.encode(paragraph.repeat(30 + number)) });
        let body = json!({
            "type": "skill", "slug": slug, "name": format!("Bench {number}"), "description": "How the month is closed, for whoever closes it.",
            "content": format!("---\nname: {slug}\ndescription: How the month is closed.\n---\n\n# Month {number}\n\n{}", paragraph.repeat(20)),
            "files": [file("ledger"), file("contracts"), file("terms")], "category": "financial", "tags": ["ledger"], "license": "MIT",
        });
        let began = Instant::now();
        server.api("POST", "/marketplace/submissions", Some(body)).await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    add(figures, &format!("publish a skill of four files, 15 KB, with its scan, beside {tag} items"), 100.0, &mut times);
    Ok(())
}
