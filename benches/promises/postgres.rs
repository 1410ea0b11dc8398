//! The same requests on SQLite and on PostgreSQL, by turns, and how much longer the latter takes.

use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    Result,
    beside::Database,
    percentile,
    process::pages_per_second,
    scale,
    search::{embedded, question},
    server::Server,
};

const ARTIFACTS: usize = 1_000;
const ROUNDS: usize = 300;
/// In the order in which [`Work::step`] does them.
const REQUESTS: [&str; 9] = [
    "home page, rendered",
    "first page of the library, as data",
    "an artifact, as data",
    "its page, rendered",
    "save of a draft",
    "commit of it",
    "message in a session",
    "the last 50 of its timeline",
    "question by words and meaning",
];

pub async fn run() -> Result<()> {
    let Some(database) = Database::create().await? else { return Ok(()) };
    let sqlite = Server::start_with(None, &[("SEARCH_RATE", "1000000")]).await?;
    let postgres = Server::start_with(None, database.alone()).await?;
    let works = [Work::begin(&sqlite).await?, Work::begin(&postgres).await?];
    let mut times = [vec![Vec::new(); REQUESTS.len()], vec![Vec::new(); REQUESTS.len()]];
    for round in 0..ROUNDS {
        for (work, times) in works.iter().zip(&mut times) {
            for (times, took) in times.iter_mut().zip(work.step(round).await?) {
                times.push(took);
            }
        }
    }
    println!("\n| request, one after another | SQLite, p50 / p99 | PostgreSQL, p50 / p99 | p50 against SQLite |\n|---|---|---|---|");
    let [on_sqlite, on_postgres] = &mut times;
    for ((what, here), there) in REQUESTS.iter().zip(on_sqlite).zip(on_postgres) {
        let (here_p50, there_p50) = (percentile(here, 0.5), percentile(there, 0.5));
        println!(
            "| {what} | {here_p50:.1} / {:.1} ms | {there_p50:.1} / {:.1} ms | {:.1} × |",
            percentile(here, 0.99),
            percentile(there, 0.99),
            there_p50 / here_p50
        );
    }
    let (here, errors_here) = pages_per_second(&sqlite).await?;
    let (there, errors_there) = pages_per_second(&postgres).await?;
    println!("| mixed pages, 16 at a time | {here:.0}/s | {there:.0}/s | {:.1} × as many |", there / here);
    println!("\n{errors_here} and {errors_there} of these pages were errors; {ARTIFACTS} artifacts, PostgreSQL on the same machine.");
    drop(postgres);
    database.remove().await
}

/// One server with a library.
struct Work<'a> {
    server: &'a Server,
    volume: String,
    session: String,
    artifacts: Vec<String>,
}

impl<'a> Work<'a> {
    async fn begin(server: &'a Server) -> Result<Self> {
        let volume = server.set_up().await?;
        server.import(&volume, scale::archive(0..ARTIFACTS)?).await?;
        // What waits for its vectors would take the processor from one and not from the other.
        embedded(server).await?;
        let session = server.api("POST", "/sessions", Some(json!({ "title": "Bench" }))).await?;
        let artifacts = scale::ids(server, &volume, ROUNDS).await?;
        Ok(Self { server, volume, session: session["id"].as_str().ok_or("no session")?.to_owned(), artifacts })
    }

    /// Milliseconds of each of [`REQUESTS`].
    async fn step(&self, round: usize) -> Result<Vec<f64>> {
        let Self { server, volume, session, artifacts } = self;
        let id = artifacts.get(round % artifacts.len().max(1)).ok_or("the library is empty")?;
        let mut took = Vec::new();
        timed(&mut took, page(server, "/")).await?;
        timed(&mut took, server.api("GET", &format!("/artifacts?volume={volume}&limit=50"), None)).await?;
        let detail = timed(&mut took, server.api("GET", &format!("/artifacts/{id}"), None)).await?;
        timed(&mut took, page(server, &format!("/artifacts/{id}"))).await?;
        let text = format!("{}\nRound {round}.\n", detail["text"].as_str().unwrap_or_default());
        let draft = json!({ "text": text, "saves": 0 });
        timed(&mut took, server.api("PUT", &format!("/artifacts/{id}/draft"), Some(draft))).await?;
        let commit = json!({ "message": "Bench", "artifacts": [{ "id": id, "baseRevisionId": detail["head"]["id"] }] });
        timed(&mut took, server.api("POST", "/commits", Some(commit))).await?;
        let message = json!({ "text": format!("Looked at number {round}: nothing unusual.") });
        timed(&mut took, server.api("POST", &format!("/sessions/{session}/messages"), Some(message))).await?;
        timed(&mut took, server.api("GET", &format!("/sessions/{session}/entries?limit=50"), None)).await?;
        timed(&mut took, server.api("GET", &format!("/search?limit=10&q={}", question(round)), None)).await?;
        Ok(took)
    }
}

async fn page(server: &Server, path: &str) -> Result<Value> {
    let answer = server.client.get(server.url(path)).send().await?;
    let status = answer.status();
    answer.bytes().await?;
    if status.is_success() { Ok(Value::Null) } else { Err(format!("{path}: {status}").into()) }
}

/// Notes how long a request took, in milliseconds.
async fn timed(took: &mut Vec<f64>, request: impl Future<Output = Result<Value>>) -> Result<Value> {
    let began = Instant::now();
    let answer = request.await?;
    took.push(began.elapsed().as_secs_f64() * 1_000.0);
    Ok(answer)
}
