//! A volume of 100,000 artifacts: the library's first page under every filter and sort, the artifact page, a commit.

use std::{
    io::{Cursor, Write as _},
    time::{Duration, Instant},
};

use serde_json::json;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    Figure, Result, documents,
    market_data::WORDS,
    others::Dialect,
    percentile,
    server::Server,
    socket::{BINARY, Reader, Writer},
};

const ARTIFACTS: usize = 100_000;
const CATEGORIES: [&str; 6] = ["data-analysis", "web-dev", "security", "testing", "financial", "legal"];
const ROUNDS: usize = 40;
/// Texts that somebody has open at once, to see what one takes.
const OPEN: usize = 2_000;
/// And before them: what a server needs to begin with is no part of any.
const WARM: usize = 200;

pub async fn run() -> Result<Vec<Figure>> {
    let mut server = Server::start(None).await?;
    let volume = server.set_up().await?;
    let (memory, file) = (server.memory("VmRSS")?, file_size(&server)?);
    let began = Instant::now();
    // Two halves: one archive may hold 100,000 files at most.
    for half in 0..2 {
        server.import(&volume, archive(half * ARTIFACTS / 2..(half + 1) * ARTIFACTS / 2)?).await?;
    }
    println!("scale: {ARTIFACTS} artifacts in {:.0} s", began.elapsed().as_secs_f64());

    let mut figures = Vec::new();
    let filters = [
        "",
        "&kind=skill",
        "&kind=agent",
        "&category=security",
        "&category=design",
        "&tag=terraform",
        "&tag=rare",
        "&q=incident",
        "&q=runbook%20audit",
        "&q=zzzz",
        "&view=drafts",
        "&view=hints",
        "&view=trash",
    ];
    let mut slowest = (0.0, String::new());
    let mut all = Vec::new();
    for sort in ["updated", "name", "created"] {
        for filter in filters {
            let path = format!("/artifacts?volume={volume}&sort={sort}{filter}");
            let mut times = Vec::new();
            for _ in 0..ROUNDS {
                let began = Instant::now();
                server.api("GET", &path, None).await?;
                times.push(began.elapsed().as_secs_f64() * 1_000.0);
            }
            let p99 = percentile(&mut times, 0.99);
            all.extend(times);
            println!("scale: {sort}{filter}: p99 {p99:.1} ms");
            if p99 > slowest.0 {
                slowest = (p99, format!("{sort}{filter}"));
            }
        }
    }
    figures.push(Figure::at_most(
        "first page of the library, 100,000 artifacts, every filter and sort, p99",
        20.0,
        percentile(&mut all, 0.99),
        "ms",
    ));
    figures.push(Figure::at_most(format!("the same, slowest combination ({}), p99", slowest.1), 20.0, slowest.0, "ms"));

    let page = server.api("GET", &format!("/artifacts?volume={volume}&limit=200&sort=name"), None).await?;
    let ids: Vec<String> =
        page["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str().map(str::to_owned)).collect();
    let mut times = Vec::new();
    for id in &ids {
        let began = Instant::now();
        let response = server.client.get(server.url(&format!("/artifacts/{id}"))).send().await?;
        let status = response.status();
        response.bytes().await?;
        if !status.is_success() {
            return Err(format!("artifact page: {status}").into());
        }
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    figures.push(Figure::at_most("artifact page, rendered on the server, p99", 30.0, percentile(&mut times, 0.99), "ms"));

    let mut times = Vec::new();
    for (round, id) in ids.iter().enumerate() {
        let detail = server.api("GET", &format!("/artifacts/{id}"), None).await?;
        let text = format!("{}\nRound {round}.\n", detail["text"].as_str().unwrap_or_default());
        server.api("PUT", &format!("/artifacts/{id}/draft"), Some(json!({ "text": text, "saves": 0 }))).await?;
        let body = json!({ "message": "Bench", "artifacts": [{ "id": id, "baseRevisionId": detail["head"]["id"] }] });
        let began = Instant::now();
        server.api("POST", "/commits", Some(body)).await?;
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    figures.push(Figure::at_most("commit of one draft, p99", 20.0, percentile(&mut times, 0.99), "ms"));

    // Nothing is found before everything is there.
    while indexed(&server).await? < ARTIFACTS {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let began = Instant::now();
    server.resume().await?;
    let stopped_and_started = began.elapsed();
    while indexed(&server).await? < ARTIFACTS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let ready = began.elapsed() - stopped_and_started + server.started_in;
    println!("scale: stopped and started in {:.1} s", stopped_and_started.as_secs_f64());
    // Vectors are still being made, which is in it; stopping has folded the log into the file.
    let each = |all: f64| all / ARTIFACTS as f64;
    println!(
        "scale: of memory each artifact takes {:.2} KB, library and search, of disk {:.2} KB with one revision",
        each((server.memory("VmRSS")? - memory) * 1_024.0),
        each((file_size(&server)? - file) / 1_024.0)
    );
    println!("scale: of memory each text takes that somebody has open {:.1} KB, the socket included", open().await?);
    figures.push(Figure::at_most("from the start of a server to all 100,000 artifacts in its search index", 2.0, ready.as_secs_f64(), "s"));
    Ok(figures)
}

/// Bytes of the database.
fn file_size(server: &Server) -> Result<f64> {
    Ok(std::fs::metadata(server.data().join("llmos.sqlite"))?.len() as f64)
}

/// So many artifacts of a volume, by name.
pub async fn ids(server: &Server, volume: &str, many: usize) -> Result<Vec<String>> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    while ids.len() < many {
        let page = server.api("GET", &format!("/artifacts?volume={volume}&limit=200&sort=name{cursor}"), None).await?;
        ids.extend(page["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str().map(str::to_owned)));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    ids.truncate(many);
    Ok(ids)
}

/// Kilobytes of memory for each text while one editor has it open, on a server that does nothing else: a model that embeds takes more and less as it likes.
async fn open() -> Result<f64> {
    let mut server = Server::start_with(None, &[("EMBEDDING_MODEL_DIR", "/nowhere")]).await?;
    let volume = server.set_up().await?;
    server.import(&volume, archive(0..WARM + OPEN)?).await?;
    // What the import took and gave back would be taken again.
    server.resume().await?;
    let place = server.place(1, 0).await?;
    let question = documents::question(&yrs::Doc::new());
    let mut editors: Vec<(Reader, Writer)> = Vec::new();
    let mut before = 0.0;
    for (number, text) in ids(&server, &volume, WARM + OPEN).await?.iter().enumerate() {
        if number == WARM {
            before = server.memory("VmRSS")?;
        }
        let (mut reader, mut writer) = Dialect::Ours.open(&server.address, text, &place.tokens[0]).await?;
        writer.send(BINARY, &question).await?;
        while !matches!(reader.next().await?, Ok((_, bytes)) if bytes.starts_with(&[0, 1])) {}
        reader.rest();
        editors.push((reader, writer));
    }
    Ok((server.memory("VmRSS")? - before) * 1_024.0 / (editors.len() - WARM) as f64)
}

/// Documents in the search index.
async fn indexed(server: &Server) -> Result<usize> {
    let ready: serde_json::Value = server.client.get(server.url("/readyz")).send().await?.json().await?;
    Ok(ready["search"]["documents"].as_u64().unwrap_or_default() as usize)
}

/// A zip of made-up skills and agents, each another text.
pub fn archive(range: std::ops::Range<usize>) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for number in range {
        let words = &WORDS[..16];
        let word = |step: usize| words[(number * step + number / words.len()) % words.len()];
        let (a, b, c) = (word(1), word(3), word(7));
        let tag = if number % 20_000 == 7 { "rare" } else { c };
        let text = format!(
            "---\nname: {a}-{b}-{number}\ndescription: How to {a} the {b} when the {c} asks for it, case {number}.\ncategory: {}\ntags: [{tag}, {b}]\nversion: 1.0.{}\n---\n\n# {a} {b}\n\n{}",
            CATEGORIES[number % CATEGORIES.len()],
            number % 50,
            format!("1. Look at the {a}.\n2. Compare it with the {b} of case {number}.\n3. Write down the {c}.\n\n").repeat(6),
        );
        let path = if number % 3 == 0 { format!("agents/{a}-{b}-{number}.md") } else { format!("skills/{a}-{b}-{number}/SKILL.md") };
        writer.start_file(path, options)?;
        writer.write_all(text.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}
