//! The process itself: how fast it starts, what it takes when idle, what one core serves, how large its image is.

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    Figure, Result, percentile,
    search::{embedded, question},
    server::{Server, binary},
};

const LOAD_SECONDS: u64 = 10;
const CLIENTS: usize = 16;
/// After that long nothing goes on that a start began.
const QUIET: Duration = Duration::from_secs(3);

pub async fn run() -> Result<Vec<Figure>> {
    let mut starts = Vec::new();
    for _ in 0..5 {
        starts.push(Server::start(None).await?.started_in.as_secs_f64());
    }
    // The model is there, and nobody has needed it.
    let server = Server::start(Some("0")).await?;
    server.set_up().await?;
    if !embedded(&server).await?.starts_with("with the model") {
        println!("process: there is no model (EMBEDDING_MODEL_DIR): its part of the memory is not looked at");
    }
    tokio::time::sleep(QUIET).await;
    let idle = server.memory("VmRSS")?;
    let (rate, errors) = pages_per_second(&server).await?;
    drop(server);
    let mut figures = vec![
        Figure::at_most("start to first answer, median of 5", 1.0, percentile(&mut starts, 0.5), "s"),
        Figure::at_most("memory when idle, before the model is needed", 64.0, idle, "MB"),
        Figure::at_least("mixed pages on one core", 500.0, rate, "requests/s"),
        Figure::at_most("errors under that load", 0.0, errors as f64, "answers"),
        Figure::at_most("contents of the image, without the model", 60.0, image()?, "MB"),
    ];
    figures.extend(with_the_model().await?);
    Ok(figures)
}

/// What the process holds once the model was needed: by a question, and by what is built in.
async fn with_the_model() -> Result<Option<Figure>> {
    let server = Server::start(None).await?;
    server.set_up().await?;
    server.api("GET", &format!("/search?q={}", question(1)), None).await?;
    // The question needed it; now what is built in gets its vectors.
    if !embedded(&server).await?.starts_with("with the model") {
        return Ok(None);
    }
    tokio::time::sleep(QUIET).await;
    Ok(Some(Figure::at_most("memory when idle, with the model", 160.0, server.memory("VmRSS")?, "MB")))
}

/// Each kind of page as often as every other, of artifacts another one each time: how many a second, and how many of them were errors.
pub async fn pages_per_second(server: &Server) -> Result<(f64, usize)> {
    let page = server.api("GET", "/artifacts?limit=20", None).await?;
    let artifacts = page["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str());
    let paths: Vec<String> = artifacts
        .flat_map(|id| ["/".to_owned(), "/artifacts".to_owned(), format!("/artifacts/{id}"), "/changes".to_owned(), "/settings".to_owned()])
        .collect();
    let paths = Arc::new(paths);
    let (answers, errors) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let until = Instant::now() + Duration::from_secs(LOAD_SECONDS);
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..CLIENTS {
        let (client, paths, answers, errors) = (server.client.clone(), paths.clone(), answers.clone(), errors.clone());
        let base = server.url("");
        clients.spawn(async move {
            let mut step = number;
            while Instant::now() < until {
                let path = &paths[step % paths.len()];
                step += 1;
                let good = match client.get(format!("{base}{path}")).send().await {
                    Ok(response) => response.status().is_success() && response.bytes().await.is_ok(),
                    Err(_) => false,
                };
                if good { &answers } else { &errors }.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    clients.join_all().await;
    Ok((answers.load(Ordering::Relaxed) as f64 / LOAD_SECONDS as f64, errors.load(Ordering::Relaxed)))
}

/// Megabytes of what the image has: its root, put into a folder as `deploy/Dockerfile` does it.
fn image() -> Result<f64> {
    let root = TempDir::new()?;
    let assemble = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/assemble");
    let status = Command::new(assemble).arg(binary()).arg(root.path()).status()?;
    if !status.success() {
        return Err("deploy/assemble failed".into());
    }
    let output = Command::new("du").arg("-sk").arg(root.path()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let kilobytes: f64 = text.split_whitespace().next().ok_or("du said nothing")?.parse()?;
    Ok(kilobytes / 1_024.0)
}
