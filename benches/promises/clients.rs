//! Whoever puts load on a server is a process of its own: this program again, told what to do in one line of JSON; it answers with what
//! it measured, and with the processor time that it took itself.

use std::{
    future::Future,
    process::Stdio,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::{Deserialize, Serialize};
use tokio::{io::AsyncReadExt as _, process::Command};

use crate::{
    Result,
    documents::{Edit, Trace},
    nodes::Back,
    rooms::{Idle, Talk},
};

/// The first argument of the client's process.
pub const CLIENT: &str = "--clients";

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    Talk(Talk),
    Idle(Idle),
    Edit(Edit),
    Trace(Trace),
    Back(Back),
}

#[derive(Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Milliseconds until somebody else had it; of a sample.
    pub latencies: Vec<f64>,
    /// Milliseconds until it was said to be on disk.
    pub saved: Vec<f64>,
    pub received: usize,
    pub expected: usize,
    /// Seconds that the whole took.
    pub seconds: f64,
    /// Seconds of processor time that the clients took.
    pub cpu: f64,
}

/// Collects what the tasks of a client's process measure.
#[derive(Default)]
pub struct Tally {
    latencies: Mutex<Vec<f64>>,
    saved: Mutex<Vec<f64>>,
    received: AtomicUsize,
}

impl Tally {
    pub fn latencies(&self, mine: Vec<f64>) {
        self.received.fetch_add(mine.len(), Ordering::Relaxed);
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).extend(mine);
    }
    pub fn saved(&self, mine: Vec<f64>) {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).extend(mine);
    }
    pub fn outcome(&self, expected: usize) -> Outcome {
        Outcome {
            latencies: sample(&self.latencies),
            saved: sample(&self.saved),
            received: self.received.load(Ordering::Relaxed),
            expected,
            ..Outcome::default()
        }
    }
}

/// Millions of numbers say no more than some of them.
fn sample(all: &Mutex<Vec<f64>>) -> Vec<f64> {
    let all = std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner));
    let step = all.len() / 200_000 + 1;
    all.into_iter().step_by(step).collect()
}

/// Runs the client's process; `when_ready` is done while all of its clients are connected and wait.
pub async fn run<T>(task: &Task, when_ready: impl Future<Output = Result<T>>) -> Result<(Outcome, T)> {
    let mut process = Command::new(std::env::current_exe()?)
        .arg(CLIENT)
        .arg(serde_json::to_string(task)?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut output = process.stdout.take().ok_or("no output")?;
    // A line says that all are there; the end of the input that they may go on.
    let mut ready = [0; 1];
    output.read_exact(&mut ready).await.map_err(|_| "the clients could not connect")?;
    let seen = when_ready.await?;
    drop(process.stdin.take());
    let mut text = String::new();
    output.read_to_string(&mut text).await?;
    process.wait().await?;
    let outcome = serde_json::from_str(text.trim()).map_err(|error| format!("the clients said “{text}”: {error}"))?;
    Ok((outcome, seen))
}

/// The client's process.
pub async fn serve(task: &str) -> Result<()> {
    let mut outcome = match serde_json::from_str(task)? {
        Task::Talk(task) => task.run().await?,
        Task::Idle(task) => task.run().await?,
        Task::Edit(task) => task.run().await?,
        Task::Trace(task) => task.run().await?,
        Task::Back(task) => task.run().await?,
    };
    outcome.cpu = cpu_seconds(std::process::id());
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

/// Says that all are there, and waits until it may go on.
pub async fn ready() -> Result<()> {
    println!();
    tokio::task::spawn_blocking(|| std::io::Read::read_to_end(&mut std::io::stdin(), &mut Vec::new())).await??;
    Ok(())
}

/// Of a process so far, by the kernel's clock of 100 ticks a second.
pub fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
    (ticks(11) + ticks(12)) / 100.0
}
