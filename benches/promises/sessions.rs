//! A session with a timeline of 10,000: its page, and reading anywhere in it.

use std::{
    io::{Cursor, Write as _},
    time::Instant,
};

use serde_json::json;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{Figure, Result, percentile, server::Server};

/// Messages of the long timeline.
const ROLES: [&str; 3] = ["Maya", "Tom", "Scribe"];
const ENTRIES: usize = 10_000;

const ROUNDS: usize = 200;

pub async fn run() -> Result<Vec<Figure>> {
    let server = Server::start(None).await?;
    let volume = server.set_up().await?;
    let report = server.import(&volume, archive(ENTRIES)?).await?;
    let session = report["items"][0]["sessionId"].as_str().ok_or_else(|| format!("no session: {report}"))?.to_owned();
    let page = timed(&server, |_| format!("/sessions/{session}")).await?;
    let entries = timed(&server, |round| format!("/api/v1/sessions/{session}/entries?from={}", 1 + round * ENTRIES / ROUNDS)).await?;
    Ok(vec![
        Figure::at_most(format!("session page, rendered on the server, timeline of {ENTRIES}, p99"), 30.0, page, "ms"),
        Figure::at_most("a page of that timeline anywhere, p99", 20.0, entries, "ms"),
    ])
}

/// The p99 of reading an address again and again, in milliseconds.
async fn timed(server: &Server, path: impl Fn(usize) -> String) -> Result<f64> {
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        let path = path(round);
        let began = Instant::now();
        let response = server.client.get(server.url(&path)).send().await?;
        let status = response.status();
        response.bytes().await?;
        if !status.is_success() {
            return Err(format!("{path}: {status}").into());
        }
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(percentile(&mut times, 0.99))
}

/// A zip with one session of `entries` messages such as people write, to be imported into a volume.
fn archive(entries: usize) -> Result<Vec<u8>> {
    let messages: Vec<_> = (0..entries).map(|at| json!({ "id": at, "role": ROLES[at % ROLES.len()], "content": content(at) })).collect();
    let file = json!({ "id": "long", "name": "A long session", "goal": "Find out how long", "messages": messages });
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("sessions/long.json", SimpleFileOptions::default())?;
    zip.write_all(&serde_json::to_vec(&file)?)?;
    Ok(zip.finish()?.into_inner())
}

fn content(at: usize) -> String {
    match at % 10 {
        0 => {
            format!("## Step {at}\n\n1. Read the log\n2. Compare it with `run {at}`\n\n```rust\nfn main() {{ println!(\"{at}\"); }}\n```\n")
        }
        3 => format!("| what | value |\n| --- | --- |\n| rows | {at} |\n| errors | 0 |\n"),
        _ => format!("Looked at number {at}: **nothing** unusual, see [the page](/artifacts) and the numbers of yesterday."),
    }
}
