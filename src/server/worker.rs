//! The background worker, and every kind of job on one page.

use std::{future::Future, pin::Pin, time::Duration};

use super::{context::Ctx, idempotency, state::AppState, sweep};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts, analytics, archives, artifacts, assistant, collaboration, evolution, git,
        jobs::{
            self, Job,
            service::{Kind, Outcome, Schedule},
        },
        marketplace, notifications, search, sessions, traces, volumes, webhooks,
    },
};

const HOUSEKEEPING: Duration = Duration::from_secs(600);
/// The sample waits for the first account.
const LOOK_FOR_WISHES: Duration = Duration::from_secs(2);

const fn kind(name: &'static str, at_once: usize, minutes: u64) -> Kind {
    Kind { name, at_once, limit: Duration::from_secs(minutes * 60) }
}

/// What is run, how many of it at once, and how many minutes one may take.
const KINDS: &[Kind] = &[
    kind(volumes::jobs::IMPORT, 2, 60),
    kind(archives::jobs::EXPORT, 2, 6 * 60),
    kind(archives::jobs::IMPORT, 1, 24 * 60),
    // They mostly wait, for a model and for people.
    kind(assistant::jobs::ANSWER, 64, 60),
    kind(search::jobs::INDEX, 2, 30),
    kind(search::jobs::REINDEX, 1, 24 * 60),
    kind(marketplace::service::CHECK, 2, 10),
    kind(marketplace::service::DISABLE, 1, 30),
    kind(marketplace::service::TELL, 1, 30),
    kind(marketplace::service::UPDATE, 1, 60),
    kind(marketplace::service::RESCAN, 1, 24 * 60),
    kind(webhooks::service::DELIVER, 4, 30),
    kind(webhooks::service::NETWORKS, 1, 2),
    kind(webhooks::service::CHECK, 1, 30),
    kind(webhooks::service::HISTORY, 1, 60),
    kind(git::jobs::PULL, 2, 60),
    kind(git::jobs::PUSH, 2, 60),
    kind(git::jobs::LOOK, 1, 5),
    kind(git::jobs::IMPORT, 1, 60),
    kind(notifications::jobs::SEND_MAIL, 1, 10),
    kind(notifications::jobs::SEND_PUSH, 1, 10),
    kind(notifications::jobs::SEND_TEST, 2, 2),
    kind(git::jobs::PREVIEW, 2, 30),
    kind(git::jobs::TELL, 2, 10),
    kind(webhooks::service::RELEASE, 2, 30),
    kind(evolution::jobs::ASSIGN, 1, 60),
    kind(evolution::jobs::PASS, 1, 120),
    kind(evolution::jobs::DUE, 1, 5),
    kind(traces::jobs::RELABEL, 1, 60),
    kind(traces::jobs::LABEL, 1, 6 * 60),
    kind(analytics::jobs::REBUILD, 1, 120),
    kind(analytics::jobs::ALERTS, 1, 60),
    kind(analytics::jobs::WEEKLY, 1, 60),
    kind(sweep::FIND, 1, 30),
    kind(sweep::REMOVE, 1, 30),
];

/// What comes back.
const SCHEDULES: &[Schedule] = &[
    Schedule { kind: sweep::FIND, cron: "40 3 * * *", zone: "UTC" },
    Schedule { kind: marketplace::service::UPDATE, cron: "15 * * * *", zone: "UTC" },
    Schedule { kind: webhooks::service::NETWORKS, cron: "20 2 * * *", zone: "UTC" },
    Schedule { kind: webhooks::service::CHECK, cron: "35 * * * *", zone: "UTC" },
    // Each link says when its repository is looked at next: hourly, and sooner after a failure.
    Schedule { kind: git::jobs::LOOK, cron: "*/10 * * * *", zone: "UTC" },
    Schedule { kind: webhooks::service::HISTORY, cron: "50 4 * * *", zone: "UTC" },
    // Each place has a schedule of its own: this looks which one is due.
    Schedule { kind: evolution::jobs::DUE, cron: "*/10 * * * *", zone: "UTC" },
    // Days end at another time in each zone: each hour looks at those alerts whose day has ended.
    Schedule { kind: analytics::jobs::ALERTS, cron: "10 * * * *", zone: "UTC" },
    Schedule { kind: analytics::jobs::WEEKLY, cron: "25 */6 * * *", zone: "UTC" },
    // Each notification queues the job that sends it; this is for those whose job has failed for good.
    Schedule { kind: notifications::jobs::SEND_MAIL, cron: "*/15 * * * *", zone: "UTC" },
    Schedule { kind: notifications::jobs::SEND_PUSH, cron: "*/15 * * * *", zone: "UTC" },
];

/// Runs one job to its end; its report is JSON.
fn run(ctx: Ctx, job: Job) -> Pin<Box<dyn Future<Output = Outcome> + Send>> {
    Box::pin(async move {
        match job.kind.as_str() {
            volumes::jobs::IMPORT => volumes::jobs::import(&ctx, &job).await,
            archives::jobs::EXPORT => archives::jobs::export(&ctx, &job).await,
            archives::jobs::IMPORT => archives::jobs::import(&ctx, &job).await,
            assistant::jobs::ANSWER => assistant::jobs::answer(&ctx, &job).await,
            search::jobs::INDEX => search::jobs::index(&ctx, &job).await,
            search::jobs::REINDEX => search::jobs::reindex(&ctx, &job).await,
            marketplace::service::DISABLE => marketplace::service::disable_copies(&ctx, &job).await,
            marketplace::service::CHECK => marketplace::service::check(&ctx, &job).await,
            marketplace::service::TELL => marketplace::service::tell(&ctx, &job).await,
            marketplace::service::UPDATE => marketplace::service::update_all(&ctx).await,
            marketplace::service::RESCAN => marketplace::service::rescan(&ctx).await,
            webhooks::service::DELIVER => webhooks::service::deliver(&ctx, &job).await,
            webhooks::service::NETWORKS => webhooks::service::refresh_networks(&ctx).await,
            webhooks::service::CHECK => webhooks::service::check_missing(&ctx).await,
            webhooks::service::HISTORY => webhooks::service::count_history(&ctx).await,
            git::jobs::PULL => git::jobs::pull(&ctx, &job).await,
            git::jobs::PUSH => git::jobs::push(&ctx, &job).await,
            git::jobs::LOOK => git::jobs::look(&ctx).await,
            git::jobs::IMPORT => git::jobs::import(&ctx, &job).await,
            notifications::jobs::SEND_MAIL => notifications::jobs::send_mail(&ctx).await,
            notifications::jobs::SEND_PUSH => notifications::jobs::send_push(&ctx).await,
            notifications::jobs::SEND_TEST => notifications::jobs::send_test(&ctx, &job).await,
            git::jobs::PREVIEW => git::jobs::preview(&ctx, &job).await,
            git::jobs::TELL => git::jobs::tell(&ctx, &job).await,
            webhooks::service::RELEASE => webhooks::service::take_release(&ctx, &job).await,
            evolution::jobs::ASSIGN => evolution::jobs::assign(&ctx, &job).await,
            evolution::jobs::PASS => evolution::jobs::pass(&ctx, &job).await,
            evolution::jobs::DUE => evolution::jobs::due(&ctx).await,
            traces::jobs::RELABEL => traces::jobs::relabel(&ctx, &job).await,
            traces::jobs::LABEL => traces::jobs::label(&ctx, &job).await,
            analytics::jobs::REBUILD => analytics::jobs::rebuild(&ctx, &job).await,
            analytics::jobs::ALERTS => analytics::jobs::alerts(&ctx).await,
            analytics::jobs::WEEKLY => analytics::jobs::weekly(&ctx).await,
            sweep::FIND => sweep::find(&ctx).await,
            sweep::REMOVE => sweep::remove(&ctx, &job).await,
            other => Err(AppError::invalid(format!("This version does not know the job “{other}”."))),
        }
    })
}

/// Works until the process is asked to stop, and what is told in rooms and written in documents is stored.
pub async fn work(state: AppState) {
    let ctx = Ctx::internal(state.clone(), None);
    tokio::join!(
        jobs::service::run_jobs(&ctx, KINDS, SCHEDULES, run),
        keep_house_often(state.clone()),
        search::service::keep(&ctx),
        marketplace::service::load_catalogue(&ctx),
        analytics::service::write_later(&ctx),
        analytics::service::keep_rolling(&ctx),
        analytics::service::keep_gauges(&ctx),
        collaboration::service::count_together(&ctx),
        collaboration::service::keep(state.clone()),
        collaboration::service::documents::keep_documents(state)
    );
}

/// Until the process is asked to stop.
async fn keep_house_often(state: AppState) {
    let ctx = Ctx::internal(state.clone(), None);
    let mut demo_done = false;
    let mut look = tokio::time::interval(LOOK_FOR_WISHES);
    let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            () = state.shutdown.cancelled() => return,
            _ = housekeeping.tick() => keep_house(&ctx).await,
            _ = look.tick(), if !demo_done => {
                demo_done = volumes::service::add_demo_if_wanted(&ctx).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "the sample data was not added");
                    false
                });
            }
        }
    }
}

/// Removes what has had its time.
async fn keep_house(ctx: &Ctx) {
    let now = ctx.now();
    for (what, result) in [
        ("sign-ins", accounts::service::remove_expired(ctx).await),
        ("claims", if ctx.state.cluster.leads() { artifacts::service::settle_all(ctx).await } else { Ok(()) }),
        ("stagings", artifacts::service::unstage_old(ctx).await),
        ("trash", artifacts::service::empty_old_trash(ctx).await),
        ("sessions", sessions::service::empty_old_trash(ctx).await),
        ("departures", volumes::service::remove_old_departures(ctx).await),
        ("notifications", notifications::service::remove_old(ctx).await),
        ("events of rooms", collaboration::service::remove_old_events(ctx).await),
        ("uploads", volumes::jobs::sweep_staging(ctx).await),
        ("archives of teams", archives::jobs::keep_house(ctx).await),
        ("deliveries", webhooks::service::keep_house(ctx).await),
        ("spans", traces::service::close_runs(ctx).await),
        ("usage events", analytics::service::remove_old_events(ctx).await),
        ("days of usage", analytics::service::remove_unused_days(ctx).await),
        ("jobs", jobs::service::remove_old(ctx).await),
        ("idempotency keys", remove_old_keys(ctx, now - idempotency::KEPT_MS).await),
    ] {
        if let Err(error) = result {
            tracing::warn!(%error, "old {what} could not be removed");
        }
    }
}

async fn remove_old_keys(ctx: &Ctx, before: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1").bind(before).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}
