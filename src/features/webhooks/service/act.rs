//! Acting on deliveries, those of a repository one after another.
//!
//! One job works off what waits of its repository, however many came: a queue of its own for each delivery would be read again and again
//! for the one whose turn it is.

mod issues;
pub(super) mod pull_requests;
mod releases;

use std::{
    collections::BTreeSet,
    mem,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        model::{DeliveryState, Event, Push, Repository, read_event, repository_name},
        store::deliveries::{self as store, Ended, Waiting},
    },
    intake::unpack,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        analytics::service::{Event as UsageEvent, UsageKind, record_all},
        git,
        jobs::{
            self, Job,
            model::{ATTEMPTS, pause_ms},
            service::NewJob,
        },
    },
    server::{
        clock,
        context::Ctx,
        db::{Engine, Tx},
    },
    ui::plural,
};

pub use releases::{RELEASE, take_release};

pub const DELIVER: &str = "webhooks.deliver";

/// Read at once …
const SLICE: i64 = 100;
/// … with the payloads of those that are no larger: nearly all are, and a hundred of them take little memory.
const SMALL: i64 = 64 * 1024;
/// What was done is written so often at least: several that took no time share a commit.
const NOTED_WITHIN: Duration = Duration::from_millis(50);
/// Afterwards it goes to the end of the queue.
const TURN: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize, Deserialize)]
struct Turn {
    repository: String,
}

/// What was done because of a delivery, in sentences; or why nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub sentences: Vec<String>,
    pub acted: bool,
}

impl Done {
    pub fn one(sentence: impl Into<String>) -> Self {
        Self { sentences: vec![sentence.into()], acted: true }
    }

    /// Nothing, and why.
    pub fn nothing(why: impl Into<String>) -> Self {
        Self { sentences: vec![why.into()], acted: false }
    }
}

/// Whoever has no volume that is linked to a repository is told nothing of it.
fn none_linked(repository: &str) -> Done {
    Done::nothing(format!("No volume is linked to {repository}."))
}

/// How an event came.
pub struct Heard<'a> {
    /// The id of its delivery, in the order in which they were stored.
    delivery: &'a str,
    received_at: i64,
}

impl Heard<'_> {
    /// Not of a delivery, but asked for, at this time.
    pub fn asked(at: i64) -> Self {
        Self { delivery: "", received_at: at }
    }

    /// A time that the event says; when it came, where it says none.
    fn at(&self, said: &str) -> i64 {
        clock::parse_rfc3339(said).unwrap_or(self.received_at)
    }

    fn repository(&self, repository: &Repository) -> Option<String> {
        repository_name(&repository.full_name)
    }
}

/// Whatever acts on an event has its arm here. It may be begun more than once for the same delivery, and has to come to the same end.
/// An error of the moment ([`ErrorCode::Unavailable`], [`ErrorCode::Internal`]) is tried again before the next delivery of the repository has its
/// turn; any other is kept with the delivery, which an administrator may replay.
async fn act(ctx: &Ctx, event: &Event, heard: &Heard<'_>) -> AppResult<Done> {
    match event {
        Event::Ping(_) => Ok(Done::one("Answered.")),
        Event::Push(push) => pull(ctx, push, heard).await,
        Event::PullRequest(event) => pull_requests::follow(ctx, event, heard).await,
        Event::PullRequestReview(event) => pull_requests::review(ctx, event, heard).await,
        Event::Issues(event) => issues::follow(ctx, event, heard).await,
        Event::Release(event) => releases::publish(ctx, event, heard).await,
        Event::Other => Ok(Done::default()),
    }
}

/// Has the volumes that follow the branch pulled. What is pulled is what the branch has then, so that an old or a repeated push does no harm.
async fn pull(ctx: &Ctx, push: &Push, heard: &Heard<'_>) -> AppResult<Done> {
    let Some(branch) = push.branch() else { return Ok(Done::default()) };
    let volumes = git::service::volumes_linked_to(ctx, &push.repository.clone_url, branch).await?;
    if volumes.is_empty() {
        return Ok(Done::nothing(format!("No volume is linked to the branch “{branch}” of {}.", push.repository.full_name)));
    }
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    for volume in &volumes {
        git::service::pull_soon(&mut tx, *volume, now).await?;
    }
    store::await_pulls(&mut tx, heard.delivery, &volumes, push.sender.github()).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    Ok(Done::one(format!("{}.", plural(volumes.len() as i64, "volume is pulled", "volumes are pulled"))))
}

fn job(repository: &str) -> AppResult<NewJob> {
    // Deliveries without a repository have an order, too.
    let key = format!("webhook {repository}");
    Ok(NewJob::new(DELIVER, &Turn { repository: repository.to_owned() })?.in_order_of(key))
}

/// In the transaction that has a delivery of the repository wait.
pub async fn enqueue(tx: &mut Tx, repository: &str, now: i64) -> AppResult<()> {
    jobs::service::enqueue(tx, job(repository)?.once(), now).await
}

/// After that transaction.
pub async fn wake(ctx: &Ctx, repositories: &BTreeSet<String>) {
    // On PostgreSQL the job that was seen to wait may have been begun, and have found nothing, before the commit.
    if ctx.db().engine() == Engine::Postgres
        && let Err(error) = enqueue_all(ctx, repositories.iter().map(String::as_str)).await
    {
        tracing::warn!(%error, "deliveries wait until they are looked for");
    }
    ctx.state.jobs.notify_one();
}

async fn enqueue_all(ctx: &Ctx, repositories: impl Iterator<Item = &str>) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    for repository in repositories {
        enqueue(&mut tx, repository, now).await?;
    }
    Ok(tx.commit().await?)
}

/// At start, and now and then: whatever waits has a job.
pub async fn take_up(ctx: &Ctx) -> AppResult<()> {
    let repositories = store::repositories_waiting(ctx.db().read()).await?;
    if !repositories.is_empty() {
        enqueue_all(ctx, repositories.iter().map(String::as_str)).await?;
        ctx.state.jobs.notify_one();
    }
    Ok(())
}

/// The job: works off what waits of a repository, the oldest first.
pub async fn deliver(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let Turn { repository } = serde_json::from_str(&job.payload)?;
    let began = Instant::now();
    let mut notes = Notes { ctx, ended: Vec::new(), since: began };
    let mut count = 0;
    loop {
        let slice = store::waiting(ctx.db().read(), &repository, SLICE).await?;
        if slice.is_empty() {
            return Ok(json!({ "deliveries": count }));
        }
        let small: Vec<&str> = slice.iter().filter(|waiting| waiting.size <= SMALL).map(|waiting| waiting.id.as_str()).collect();
        let mut payloads = store::payloads(ctx.db().read(), &small).await?;
        for waiting in &slice {
            let tried = notes.take(waiting, act_on(ctx, waiting, payloads.remove(&waiting.id)).await).await?;
            count += 1;
            if let Some(error) = tried {
                notes.write().await?;
                return later(ctx, job, &repository, error, waiting.attempts + 1).await;
            }
        }
        notes.write().await?;
        if began.elapsed() > TURN {
            enqueue_all(ctx, std::iter::once(repository.as_str())).await?;
            return Ok(json!({ "deliveries": count, "goesOn": true }));
        }
    }
}

/// A fault of the moment: the runner begins this job again after a pause, and the repository's others wait behind it. Its own tries are of one
/// delivery after another, so that when they are used up a new job goes on.
async fn later(ctx: &Ctx, spent: &Job, repository: &str, error: AppError, attempt: i64) -> AppResult<Value> {
    if spent.attempts < ATTEMPTS {
        return Err(error);
    }
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    jobs::service::enqueue(&mut tx, job(repository)?.at(now + pause_ms(attempt, 1.0)), now).await?;
    tx.commit().await?;
    Ok(json!({ "later": error.message }))
}

/// `payload`: as it is stored, if it was read already.
async fn act_on(ctx: &Ctx, waiting: &Waiting, payload: Option<Vec<u8>>) -> AppResult<Done> {
    let payload = match payload {
        Some(payload) => payload,
        None => store::payload(ctx.db().read(), &waiting.id).await?,
    };
    let payload = unpack(&payload)?;
    let event = read_event(&waiting.event, &payload).map_err(AppError::invalid)?;
    act(ctx, &event, &Heard { delivery: &waiting.id, received_at: waiting.received_at }).await
}

/// The usage event of a delivery that is done with.
fn counted(ended: &Ended) -> Option<UsageEvent> {
    let failed = i64::from(ended.state == DeliveryState::Failed);
    ended.took.map(|took| UsageEvent::new(UsageKind::DeliveryReceived).subject(&ended.id).amount(took).extra(failed))
}

/// What became of deliveries, on its way to the database.
struct Notes<'a> {
    ctx: &'a Ctx,
    ended: Vec<Ended>,
    since: Instant,
}

impl Notes<'_> {
    /// The error, if the delivery is to be tried again.
    async fn take(&mut self, waiting: &Waiting, outcome: AppResult<Done>) -> AppResult<Option<AppError>> {
        let attempts = waiting.attempts + 1;
        let again = |error: &AppError| matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal) && attempts < ATTEMPTS;
        let (state, sentences, error) = match outcome {
            Ok(Done { sentences, acted: false }) => (DeliveryState::Ignored, sentences, None),
            Ok(Done { sentences, acted: true }) => (DeliveryState::Done, sentences, None),
            Err(error) if again(&error) => (DeliveryState::Received, Vec::new(), Some(error)),
            Err(error) => (DeliveryState::Failed, Vec::new(), Some(error)),
        };
        let took = (state != DeliveryState::Received).then(|| self.ctx.now() - waiting.received_at);
        self.ended.push(Ended {
            id: waiting.id.clone(),
            state,
            done: serde_json::to_string(&sentences)?,
            error: error.as_ref().map(|error| error.message.clone()),
            attempts,
            took,
        });
        if self.since.elapsed() > NOTED_WITHIN {
            self.write().await?;
        }
        Ok(error.filter(|_| state == DeliveryState::Received))
    }

    async fn write(&mut self) -> AppResult<()> {
        self.since = Instant::now();
        let ended = mem::take(&mut self.ended);
        if ended.is_empty() {
            return Ok(());
        }
        let now = self.ctx.now();
        let mut tx = self.ctx.db().write_tx().await?;
        for ended in &ended {
            store::end(&mut tx, ended, now).await?;
        }
        record_all(self.ctx, &mut tx, ended.iter().filter_map(counted).collect()).await?;
        Ok(tx.commit().await?)
    }
}
