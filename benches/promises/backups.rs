//! A backup of 1 GB while requests go on, and bringing it back.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use sqlx::Executor as _;
use tempfile::TempDir;

use crate::{Figure, Result, percentile, server::Server};

const MEGABYTE: usize = 1 << 20;
/// Megabytes in the database, and the same again in files.
const HALF: usize = 512;
/// Before the backup, to compare with: as long as that takes, for in a shorter time the 99th percentile is that of a handful of requests.
const BEFORE: Duration = Duration::from_secs(25);
/// How long something is written before the disk is lost.
const QUIET: Duration = Duration::from_secs(10);
/// Between two requests: a load that leaves room.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two requests that write: below the limit of an account.
const LIMITED: Duration = Duration::from_millis(50);
const FIRST_BACKUP: Duration = Duration::from_secs(30);

pub async fn run() -> Result<Vec<Figure>> {
    let (data, place, back) = (TempDir::new()?, TempDir::new()?, TempDir::new()?);
    let mut server = Server::start_on(data.path(), &[]).await?;
    server.set_up().await?;
    let session = server.place(0, 1).await?.sessions.pop().ok_or("no session")?;
    fill(data.path()).await?;
    let quiet = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(requests(server.client.clone(), server.url("/api/v1"), session.clone(), quiet.clone()));
    tokio::time::sleep(BEFORE).await;
    quiet.store(true, Ordering::Relaxed);
    let mut before = load.await??;

    let ended = Arc::new(AtomicBool::new(false));
    let load = tokio::spawn(requests(server.client.clone(), server.url("/api/v1"), session, ended.clone()));
    let (from, to) = (data.path().to_owned(), place.path().to_owned());
    let backup = tokio::task::spawn_blocking(move || llmos(&from, &["backup", "--to"], &to)).await??;
    ended.store(true, Ordering::Relaxed);
    let mut during = load.await??;
    server.stop()?;
    let (into, from) = (back.path().to_owned(), place.path().to_owned());
    let restore = tokio::task::spawn_blocking(move || llmos(&into, &["restore", "--from"], &from)).await??;
    let slower = percentile(&mut during, 0.99) / percentile(&mut before, 0.99);
    Ok(vec![
        Figure::at_most("backup of 1 GB under load", 60.0, backup, "s"),
        Figure::at_most("p99 of requests meanwhile, beside that before", 2.0, slower, "times"),
        Figure::at_most("restore of 1 GB, verified", 60.0, restore, "s"),
        Figure::at_most("work that a lost disk costs", 1.0, lost_with_the_disk().await?, "s"),
    ])
}

/// Seconds before a kill from which on something that was acknowledged is missing in what comes back from the store alone.
async fn lost_with_the_disk() -> Result<f64> {
    let (data, place, back) = (TempDir::new()?, TempDir::new()?, TempDir::new()?);
    let folder: &'static str = place.path().to_string_lossy().into_owned().leak();
    let server = Server::start_on(data.path(), vec![("BACKUP_URL", folder)].leak()).await?;
    server.set_up().await?;
    let began = Instant::now();
    while !place.path().join("backups").is_dir() {
        if began.elapsed() > FIRST_BACKUP {
            return Err("no backup was made".into());
        }
        tokio::time::sleep(PAUSE).await;
    }
    tokio::time::sleep(QUIET / 5).await;
    let mut acknowledged = Vec::new();
    let began = Instant::now();
    while began.elapsed() < QUIET {
        let team = server.api("POST", "/teams", Some(json!({ "name": format!("Team {}", acknowledged.len()) }))).await?;
        acknowledged.push((Instant::now(), team["id"].as_str().ok_or("a team without an id")?.to_owned()));
        tokio::time::sleep(LIMITED).await;
    }
    let killed = Instant::now();
    drop(server);
    llmos(back.path(), &["restore", "--from"], place.path())?;
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&format!("sqlite:{}", back.path().join("llmos.sqlite").display())).await?;
    let kept: Vec<String> = sqlx::query_scalar("SELECT id FROM teams").fetch_all(&pool).await?;
    let first_lost = acknowledged.iter().find(|(_, id)| !kept.contains(id));
    Ok(first_lost.map_or(0.0, |(at, _)| killed.saturating_duration_since(*at).as_secs_f64()))
}

/// Random bytes, which no packing makes smaller: half into a table, half into files.
async fn fill(data: &Path) -> Result<()> {
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&format!("sqlite:{}", data.join("llmos.sqlite").display())).await?;
    pool.execute("CREATE TABLE filler (bytes BLOB NOT NULL)").await?;
    for _ in 0..HALF {
        let mut bytes = vec![0; MEGABYTE];
        fastrand::Rng::new().fill(&mut bytes);
        let sha = llmos_lite::server::secrets::sha256(&bytes);
        let folder = data.join("blobs").join(&sha[..2]);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(&sha[2..]), &bytes)?;
        sqlx::query("INSERT INTO filler (bytes) VALUES ($1)").bind(bytes).execute(&pool).await?;
    }
    pool.close().await;
    Ok(())
}

/// Milliseconds of each request, reading and writing by turns. What is written makes nothing that is read longer: what comes later would be slower by itself.
async fn requests(client: reqwest::Client, api: String, session: String, ended: Arc<AtomicBool>) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for number in 0.. {
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let began = Instant::now();
        let request = if number % 4 == 0 {
            client.post(format!("{api}/sessions/{session}/messages")).json(&json!({ "text": format!("Message {number}") }))
        } else {
            client.get(format!("{api}/artifacts?limit=20"))
        };
        let answer = request.send().await?;
        // A limit for each account is no fault of the backup.
        if !(answer.status().is_success() || answer.status() == reqwest::StatusCode::TOO_MANY_REQUESTS) {
            return Err(format!("a request failed beside the backup: {}", answer.status()).into());
        }
        answer.bytes().await?;
        took.push(began.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(PAUSE).await;
    }
    Ok(took)
}

/// Seconds that a command took.
fn llmos(data: &Path, arguments: &[&str], place: &Path) -> Result<f64> {
    let began = Instant::now();
    let status =
        Command::new(env!("CARGO_BIN_EXE_llmos")).args(arguments).arg(place).env("DATA_DIR", data).env_remove("BACKUP_URL").status()?;
    if !status.success() {
        return Err(format!("llmos {arguments:?} failed").into());
    }
    Ok(began.elapsed().as_secs_f64())
}
