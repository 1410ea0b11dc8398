//! Looking at the parts of this process.

mod parts;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::model::{Health, is_ready};
use crate::{
    error::{AppError, AppResult},
    features::{accounts::service::require_administrator, collaboration, jobs, notifications, search, webhooks},
    server::{context::Ctx, machine, metrics, secrets},
};

/// How long what was found out is believed.
const BELIEVED: Duration = Duration::from_secs(1);

/// How every part stands, with numbers: for administrators.
pub async fn health(ctx: &Ctx) -> AppResult<Health> {
    require_administrator(ctx)?;
    let components = parts::all(ctx).await;
    let (sockets, rooms) = collaboration::service::totals(ctx);
    let queues = jobs::service::queues(ctx).await?;
    let (deliveries_waiting, _) = webhooks::service::open(ctx).await?;
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(Health {
        ready: is_ready(&components),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: machine::started_ms(),
        components,
        memory: machine::process().map(|process| signed(process.resident)),
        disk_free: machine::disk(&ctx.state.config.data_dir).map(|disk| signed(disk.free)),
        sockets: sockets as i64,
        rooms: rooms.rooms,
        jobs_waiting: queues.iter().map(|queue| queue.queued).sum(),
        jobs_failed: queues.iter().map(|queue| queue.failed).sum(),
        deliveries_waiting,
        messages_waiting: notifications::service::waiting(ctx).await?,
    })
}

/// What was found out for whoever asked last, and when: anybody may ask, as often as they like.
pub type Remembered = tokio::sync::Mutex<Option<(Instant, bool, Value)>>;

/// Whether requests are welcome here, and how the parts stand, as JSON: for anybody, so it says no more than one word of each, and how much is to be found only to
/// whoever asks from this machine (`here`). It is found out once a second at most.
pub async fn readiness(ctx: &Ctx, here: bool) -> (bool, Value) {
    let leaves = ctx.state.cluster.is_leaving();
    let mut remembered = ctx.state.readiness.lock().await;
    let (ready, mut states) = match &*remembered {
        // Balancers are told at once that it leaves.
        Some((at, ready, states)) if at.elapsed() < BELIEVED && !(*ready && leaves) => (*ready, states.clone()),
        _ => {
            let (ready, states) = look(ctx).await;
            *remembered = Some((Instant::now(), ready, states.clone()));
            (ready, states)
        }
    };
    if here {
        states["search"] = json!(search::service::status(ctx));
    }
    (ready, states)
}

async fn look(ctx: &Ctx) -> (bool, Value) {
    let components = parts::all(ctx).await;
    let ready = is_ready(&components);
    let states: serde_json::Map<String, Value> = components.iter().map(|part| (part.name.clone(), json!(part.standing))).collect();
    let database = states.get(parts::DATABASE).cloned();
    (ready, json!({ "ready": ready, "database": database, "components": states }))
}

/// What Prometheus reads, for whoever asks from this machine (`here`) or with METRICS_TOKEN.
pub async fn metrics(ctx: &Ctx, here: bool, token: Option<&str>) -> AppResult<String> {
    let knows = match (&ctx.state.config.metrics_token, token) {
        (Some(known), Some(given)) => secrets::is_same(known, given),
        _ => false,
    };
    if !here && !knows {
        return Err(AppError::forbidden(
            "Metrics are for this machine and its proxies: ask from there, or with “Authorization: Bearer” and METRICS_TOKEN.",
        ));
    }
    Ok(metrics::text(ctx).await)
}
