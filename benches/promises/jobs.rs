//! The queue in this process, on a SQLite file of its own: jobs that do nothing, queued and run, and how soon one begins.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use llmos_lite::{
    features::jobs::{
        Job,
        service::{self as jobs, Kind, NewJob, Outcome},
    },
    server::{config::Config, context::Ctx, state::AppState},
};

use crate::{Figure, Result, percentile};

const KIND: &str = "bench.nothing";
const KINDS: [Kind; 1] = [Kind { name: KIND, at_once: 256, limit: Duration::from_secs(60) }];
const JOBS: usize = 20_000;
/// Queued in one transaction, as what belongs together is.
const TOGETHER: usize = 100;
const SINGLE: usize = 200;

static DONE: AtomicUsize = AtomicUsize::new(0);
static BEGUN: Mutex<Option<Instant>> = Mutex::new(None);

fn run_one(_: Ctx, _: Job) -> std::pin::Pin<Box<dyn Future<Output = Outcome> + Send>> {
    Box::pin(async {
        if let Ok(mut begun) = BEGUN.lock() {
            *begun = Some(Instant::now());
        }
        DONE.fetch_add(1, Ordering::SeqCst);
        Ok(serde_json::Value::Null)
    })
}

pub async fn run() -> Result<Vec<Figure>> {
    let data = tempfile::tempdir()?;
    let mut config = Config::from_sources(&|_| None, "")?;
    config.data_dir = data.path().to_owned();
    config.database_url = format!("sqlite:{}", data.path().join("llmos.sqlite").display());
    let state = AppState::open(config).await?;
    let ctx = Ctx::internal(state.clone(), None);
    let runner = tokio::spawn({
        let ctx = ctx.clone();
        async move { jobs::run_jobs(&ctx, &KINDS, &[], run_one).await }
    });

    let mut times = Vec::new();
    for number in 0..SINGLE {
        let began = Instant::now();
        let mut tx = state.db.write_tx().await?;
        jobs::enqueue(&mut tx, NewJob::new(KIND, &number)?, ctx.now()).await?;
        tx.commit().await?;
        state.jobs.notify_one();
        until(number + 1).await;
        let begun = BEGUN.lock().map_err(|_| "a job panicked")?.ok_or("nothing began")?;
        times.push(begun.duration_since(began).as_secs_f64() * 1_000.0);
        // Not in the middle of what the one before left to be stored.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let soon = percentile(&mut times, 0.99);

    let began = Instant::now();
    for _ in 0..JOBS / TOGETHER {
        let mut tx = state.db.write_tx().await?;
        for number in 0..TOGETHER {
            jobs::enqueue(&mut tx, NewJob::new(KIND, &number)?, ctx.now()).await?;
        }
        tx.commit().await?;
        state.jobs.notify_one();
    }
    until(SINGLE + JOBS).await;
    let rate = JOBS as f64 / began.elapsed().as_secs_f64();
    state.shutdown.cancel();
    runner.await?;
    Ok(vec![
        Figure::at_least(format!("jobs a second, queued {TOGETHER} at a time and run"), 2_000.0, rate, ""),
        Figure::at_most("from queueing one, its commit included, to its beginning, p99", 20.0, soon, "ms"),
    ])
}

async fn until(done: usize) {
    while DONE.load(Ordering::SeqCst) < done {
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}
