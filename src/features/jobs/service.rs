//! Queueing, following and ending jobs.

mod admin;
mod runner;
mod schedule;

use serde::Serialize;

use super::{
    model::{JobStatus, QueueReport},
    store::{self, Job},
};
use crate::{
    error::{AppError, AppResult},
    features::accounts::model::Scope,
    ids::{JobId, UserId},
    server::{
        clock,
        context::Ctx,
        db::{Engine, Tx},
    },
};

pub use admin::{report, retry, retry_all};
pub use runner::{Kind, Outcome, run_jobs};
pub use schedule::Schedule;

/// What nobody asked for is only counted, for the last hour.
const OWN_KEPT_MS: i64 = 2 * clock::HOUR;
const KEPT_MS: i64 = 7 * clock::DAY;
const FAILED_KEPT_MS: i64 = 30 * clock::DAY;
/// The owner of what the process does by itself.
const NOBODY: &str = "";

/// A job to be queued. Its handler may be begun more than once, and has to come to the same end.
pub struct NewJob {
    id: JobId,
    kind: &'static str,
    payload: String,
    owner: String,
    key: String,
    priority: i64,
    at: Option<i64>,
    once: bool,
    afresh: bool,
    home: String,
}

impl NewJob {
    /// A job of the process itself, due at once. `payload` is the kind's own.
    pub fn new(kind: &'static str, payload: &impl Serialize) -> AppResult<Self> {
        let payload = serde_json::to_string(payload)?;
        Ok(Self {
            id: JobId::generate(),
            kind,
            payload,
            owner: NOBODY.to_owned(),
            key: String::new(),
            priority: 0,
            at: None,
            once: false,
            afresh: false,
            home: String::new(),
        })
    }

    /// Asked for by somebody, who may follow and cancel it. The id may be the client's: a retry queues it once.
    #[must_use]
    pub fn asked_by(self, owner: UserId, id: JobId) -> Self {
        Self { owner: owner.to_string(), id, ..self }
    }

    /// Jobs of one key run one after another, in the order in which they were queued.
    #[must_use]
    pub fn in_order_of(self, key: impl ToString) -> Self {
        Self { key: key.to_string(), ..self }
    }

    /// Only if none of its kind and key waits already.
    #[must_use]
    pub fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Something new happened: what stands before it, of its key, and waits for another try begins when this one would, with all its tries.
    #[must_use]
    pub fn afresh(self) -> Self {
        Self { afresh: true, ..self }
    }

    /// By this node, also after a restart: its DATA_DIR has what the job works on.
    #[must_use]
    pub fn here(self, ctx: &Ctx) -> Self {
        Self { home: ctx.state.cluster.home().to_owned(), ..self }
    }

    /// The same, unless what it works on is where all nodes find it.
    #[must_use]
    pub fn here_unless(self, is_shared: bool, ctx: &Ctx) -> Self {
        if is_shared { self } else { self.here(ctx) }
    }

    /// Higher is sooner, among those of its kind that are due; 0 without.
    #[must_use]
    pub fn priority(self, priority: i64) -> Self {
        Self { priority, ..self }
    }

    /// Not before this time, in UTC milliseconds.
    #[must_use]
    pub fn at(self, at: i64) -> Self {
        Self { at: Some(at), ..self }
    }
}

/// Queues a job in the caller's transaction; it runs after the commit. Call `ctx.state.jobs.notify_one()` then.
pub async fn enqueue(tx: &mut Tx, job: NewJob, now: i64) -> AppResult<()> {
    let row = store::New {
        id: job.id,
        kind: job.kind,
        payload: &job.payload,
        owner: &job.owner,
        key: &job.key,
        priority: job.priority,
        run_at: job.at.unwrap_or(now),
        home: &job.home,
    };
    if job.afresh {
        store::begin_afresh(tx, &row, now).await?;
    }
    if job.once { store::insert_once(tx, &row, now).await } else { store::insert(tx, &row, now).await }
}

/// How much of each kind waits, runs and failed: for the server's own report of itself.
pub async fn queues(ctx: &Ctx) -> AppResult<Vec<QueueReport>> {
    let now = ctx.now();
    store::queues(ctx.db().read(), now - clock::HOUR, now).await
}

/// Whether any job has this id.
pub async fn exists(ctx: &Ctx, id: JobId) -> AppResult<bool> {
    store::exists(ctx.db().read(), id).await
}

/// How far a job of one of these kinds is that runs or waits for a key: done, of a total that is 0 while nobody knows it. None: there is none.
pub async fn at_work(ctx: &Ctx, kinds: &[&'static str], key: impl ToString) -> AppResult<Option<(i64, i64)>> {
    store::at_work(ctx.db().read(), kinds, &key.to_string()).await
}

/// Queues a job by itself for somebody who is allowed to ask for it, and says how it stands.
pub async fn start(ctx: &Ctx, owner: UserId, job: NewJob) -> AppResult<JobStatus> {
    let job = job.asked_by(owner, JobId::generate());
    let id = job.id;
    let mut tx = ctx.db().write_tx().await?;
    enqueue(&mut tx, job, ctx.now()).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    status(ctx, id).await
}

/// A job of one's own.
pub async fn status(ctx: &Ctx, id: JobId) -> AppResult<JobStatus> {
    let owner = ctx.actor()?.id().to_string();
    store::status(ctx.db().read(), id, &owner).await?.ok_or_else(|| AppError::not_found("job"))
}

/// Asks a job to stop: one's own, or any for administrators. One that waits ends at once; one that runs ends where it next says how far it is.
pub async fn cancel(ctx: &Ctx, id: JobId) -> AppResult<()> {
    let actor = ctx.actor_with(Scope::Write)?;
    let owner = (!actor.administrator).then(|| actor.id().to_string());
    let mut tx = ctx.db().write_tx().await?;
    if !store::cancel(&mut tx, id, owner.as_deref(), ctx.now()).await? {
        return Err(AppError::not_found("job that waits or runs"));
    }
    Ok(tx.commit().await?)
}

/// Says how far a job is, for a bar that people see; often enough for a smooth one, not for every item. Fails when the job is to stop.
pub async fn progress(ctx: &Ctx, job: &Job, done: i64, total: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    let goes_on = store::progress(&mut tx, &job.id, done, total, ctx.now()).await?;
    tx.commit().await?;
    if goes_on { Ok(()) } else { Err(AppError::invalid("Somebody stopped this.")) }
}

/// Whether somebody asked a job to stop.
pub async fn is_stopped(ctx: &Ctx, job: &Job) -> AppResult<bool> {
    store::is_stopped(ctx.db().read(), &job.id).await
}

/// At start: what a process before this one was doing is taken up at once. On PostgreSQL other nodes may be at work: there, what nobody
/// works on is taken up when its lease ends.
pub async fn take_over(ctx: &Ctx) -> AppResult<()> {
    if ctx.db().engine() == Engine::Sqlite {
        let mut tx = ctx.db().write_tx().await?;
        store::release_all(&mut tx, ctx.now()).await?;
        tx.commit().await?;
    }
    ctx.state.jobs.notify_one();
    Ok(())
}

pub async fn remove_old(ctx: &Ctx) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::remove_ended(&mut tx, now - OWN_KEPT_MS, now - KEPT_MS, now - FAILED_KEPT_MS).await?;
    Ok(tx.commit().await?)
}
