//! Running jobs: several at once, each kind in slots of its own, so that no kind waits for another.
//!
//! The runner turns: in one transaction it stores how jobs ended and takes new ones, so that a busy queue costs few commits. What it took
//! it holds by a lease that it renews; when the process dies, the lease ends, and the job begins again. Hence a handler has to come to the
//! same end however often it was begun, and may be dropped at any `await`, as a crash would do it.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use tokio::task::{AbortHandle, Id, JoinSet};

use super::{
    super::{
        model::{ATTEMPTS, BEGUN, JobState, pause_ms},
        store::{self, Job},
    },
    schedule::{self, Schedule},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::analytics::service::{Event, UsageKind, record},
    server::{clock, context::Ctx, db::Tx},
};

/// A kind of job.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// How many of it run at once on a node.
    pub at_once: usize,
    /// Afterwards it is dropped, and tried again.
    pub limit: Duration,
}

pub type Outcome = AppResult<serde_json::Value>;
pub type Run = fn(Ctx, Job) -> Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// For how long a job belongs to its runner without a sign of life, in milliseconds of the database's clock.
const LEASE_MS: i64 = 15 * clock::SECOND;
const RENEW: Duration = Duration::from_secs(4);
/// Without a wake-up the queue is looked at this often: for retries, and for what other nodes queue.
const POLL: Duration = Duration::from_secs(1);

struct Running {
    job: Job,
    kind: &'static Kind,
    began: Instant,
    task: AbortHandle,
}

struct Runner {
    ctx: Ctx,
    kinds: &'static [Kind],
    run: Run,
    tasks: JoinSet<Outcome>,
    running: HashMap<Id, Running>,
    /// Not stored yet, with how long it ran.
    ended: Vec<(Job, Outcome, Duration)>,
}

/// Runs jobs of these kinds, and queues those of the schedules, until the process is asked to stop. What runs then is dropped, and taken up
/// by the next process.
pub async fn run_jobs(ctx: &Ctx, kinds: &'static [Kind], schedules: &'static [Schedule], run: Run) {
    let mut runner = Runner { ctx: ctx.clone(), kinds, run, tasks: JoinSet::new(), running: HashMap::new(), ended: Vec::new() };
    let mut renew = tokio::time::interval(RENEW);
    let mut scheduled = 0;
    let state = &ctx.state;
    if let Err(error) = schedule::keep(ctx, schedules).await {
        tracing::warn!(%error, "the schedules could not be stored");
    }
    loop {
        if ctx.now() >= scheduled {
            scheduled = schedule::queue_due(ctx, schedules).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "what is due by a schedule could not be queued");
                ctx.now() + clock::MINUTE
            });
        }
        match runner.turn().await {
            // There may be more than there were slots; those that were taken end, and wake this loop.
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, "the job queue could not be read or written");
                tokio::time::sleep(POLL).await;
            }
        }
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            () = state.jobs.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            Some(ended) = runner.tasks.join_next_with_id(), if !runner.running.is_empty() => runner.note(ended),
            _ = renew.tick() => runner.renew().await,
        }
    }
}

impl Runner {
    fn note(&mut self, ended: Result<(Id, Outcome), tokio::task::JoinError>) {
        let (id, outcome) = match ended {
            Ok(ended) => ended,
            // It was another node's.
            Err(error) if error.is_cancelled() => return,
            Err(error) => {
                tracing::error!(%error, "a job panicked");
                (error.id(), Err(AppError::new(ErrorCode::Internal, "A fault of ours ended this job: the log has it.")))
            }
        };
        if let Some(Running { job, began, .. }) = self.running.remove(&id) {
            self.ended.push((job, outcome, began.elapsed()));
        }
    }

    /// Stores what ended, takes what is due, and begins it.
    async fn turn(&mut self) -> AppResult<()> {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.note(ended);
        }
        let now = self.ctx.now();
        if self.ended.is_empty() && !store::is_due(self.ctx.db().read(), now).await? {
            return Ok(());
        }
        let mut tx = self.ctx.db().write_tx().await?;
        for (job, outcome, took) in &self.ended {
            if finish(&mut tx, job, outcome, now).await? {
                // What a job is about is not counted, but which kind it is.
                let ended = Event::new(UsageKind::JobEnded).subject(&job.kind).amount(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
                record(&self.ctx, &mut tx, ended.extra(i64::from(outcome.is_err()))).await?;
            }
        }
        let mut taken = Vec::new();
        for kind in self.kinds {
            let busy = self.running.values().filter(|running| running.kind.name == kind.name).count();
            let free = kind.at_once.saturating_sub(busy);
            if free > 0 {
                let jobs =
                    store::claim(&mut tx, self.ctx.db().engine(), self.ctx.state.cluster.home(), kind.name, free as i64, now, LEASE_MS)
                        .await?;
                taken.extend(jobs.into_iter().map(|job| (job, kind)));
            }
        }
        tx.commit().await?;
        self.ended.clear();
        for (job, kind) in taken {
            self.begin(job, kind);
        }
        Ok(())
    }

    fn begin(&mut self, job: Job, kind: &'static Kind) {
        let work = (self.run)(self.ctx.clone(), job.clone());
        // One that never ended is not begun for ever.
        let spent = job.attempts > BEGUN;
        let task = self.tasks.spawn(async move {
            if spent {
                return Err(AppError::new(ErrorCode::Conflict, format!("This was begun {BEGUN} times and never ended.")));
            }
            tokio::time::timeout(kind.limit, work).await.unwrap_or_else(|_| {
                let minutes = kind.limit.as_secs().div_ceil(60);
                Err(AppError::new(ErrorCode::Unavailable, format!("This took longer than its limit of {minutes} min.")))
            })
        });
        self.running.insert(task.id(), Running { job, kind, began: Instant::now(), task });
    }

    async fn renew(&mut self) {
        let renewed = async {
            let (now, engine) = (self.ctx.now(), self.ctx.db().engine());
            let ids: Vec<String> = self.running.values().map(|running| running.job.id.clone()).collect();
            let mut tx = self.ctx.db().write_tx().await?;
            let held = if ids.is_empty() { Vec::new() } else { store::renew(&mut tx, engine, &ids, now, LEASE_MS).await? };
            let lost = store::release_expired(&mut tx, engine, now).await?;
            tx.commit().await?;
            if lost > 0 {
                tracing::warn!(lost, "jobs whose runner is gone begin again");
            }
            AppResult::Ok(held)
        };
        match renewed.await {
            Ok(held) => self.drop_lost(&held),
            Err(error) => tracing::warn!(%error, "the leases of running jobs could not be renewed"),
        }
    }

    /// What another node has begun since, because this one gave no sign of life, does not go on here.
    fn drop_lost(&mut self, held: &[(String, i64)]) {
        self.running.retain(|_, Running { job, task, .. }| {
            let is_held = held.iter().any(|(id, attempts)| *id == job.id && *attempts == job.attempts);
            if !is_held {
                tracing::warn!(job = %job.id, kind = %job.kind, "a job does not go on here: another node has it");
                task.abort();
            }
            is_held
        });
    }
}

/// Faults of the moment and of ours are tried again, later each time. Whether the job has ended.
async fn finish(tx: &mut Tx, job: &Job, outcome: &Outcome, now: i64) -> AppResult<bool> {
    match outcome {
        Ok(report) => store::finish(tx, job, JobState::Done, Some(&report.to_string()), None, now).await?,
        Err(error) if matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal) && job.attempts < ATTEMPTS => {
            tracing::info!(%error, job = %job.id, kind = %job.kind, attempt = job.attempts, "a job is tried again");
            store::retry(tx, job, &error.message, now + pause_ms(job.attempts, chance_of(&job.id)), now).await?;
            return Ok(false);
        }
        Err(error) => {
            tracing::warn!(%error, job = %job.id, kind = %job.kind, "job failed");
            store::finish(tx, job, JobState::Failed, None, Some(&error.message), now).await?;
        }
    }
    Ok(true)
}

/// From 0 to 1: the end of an id is random.
fn chance_of(id: &str) -> f64 {
    let tail = id.len().saturating_sub(8);
    u32::from_str_radix(&id[tail..], 16).map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}
