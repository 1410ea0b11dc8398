//! The process itself: how fast it starts, what it takes when idle, what one core serves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{Figure, Result, percentile, server::Server};

const LOAD_SECONDS: u64 = 10;
const CLIENTS: usize = 16;

pub async fn run() -> Result<Vec<Figure>> {
    let mut starts = Vec::new();
    for _ in 0..5 {
        starts.push(Server::start(None).await?.started_in.as_secs_f64());
    }
    let server = Server::start(Some("0")).await?;
    server.set_up().await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let idle = server.memory("VmRSS")?;

    // Each kind of page as often as every other; of artifacts another one each time.
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
    let rate = answers.load(Ordering::Relaxed) as f64 / LOAD_SECONDS as f64;
    Ok(vec![
        Figure::at_most("start to first answer, median of 5", 1.0, percentile(&mut starts, 0.5), "s"),
        Figure::at_most("memory when idle", 64.0, idle, "MB"),
        Figure::at_least("mixed pages on one core", 500.0, rate, "requests/s"),
        Figure::at_most("errors under that load", 0.0, errors.load(Ordering::Relaxed) as f64, "answers"),
    ])
}
