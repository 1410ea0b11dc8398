//! What administrators see of deliveries, and do with them.

use serde_json::Value;

use super::{
    super::{
        model::{DeliveriesQuery, Delivery, DeliveryDetail, DeliveryPage, Fixture, WebhooksReport, without_secrets},
        store::{deliveries as store, networks as networks_store},
    },
    act,
    intake::unpack,
    networks, secrets,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::service::require_administrator,
        analytics::service::{Event, UsageKind, record},
    },
    ids::DeliveryId,
    server::{clock, context::Ctx},
};

const PAGE: i64 = 50;
const PAGE_MAX: i64 = 200;
/// A redelivery is known as one for as long; GitHub sends them within three days.
const KEPT_MS: i64 = 30 * clock::DAY;
/// Removed in one step.
const REMOVED: i64 = 1_000;

/// The first id of a time.
fn first_at(millis: i64) -> DeliveryId {
    uuid::Builder::from_unix_timestamp_millis(millis.max(0).unsigned_abs(), &[0; 10]).into_uuid().into()
}

pub async fn list_deliveries(ctx: &Ctx, query: DeliveriesQuery) -> AppResult<DeliveryPage> {
    require_administrator(ctx)?;
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let mut rows = store::list(ctx.db().read(), &query, query.since.map(first_at), limit + 1).await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let mut deliveries = rows.into_iter().map(store::DeliveryRow::read).collect::<AppResult<Vec<Delivery>>>()?;
    add_outcomes(ctx, &mut deliveries).await?;
    Ok(DeliveryPage { next: deliveries.last().filter(|_| more).map(|delivery| delivery.id), deliveries })
}

async fn add_outcomes(ctx: &Ctx, deliveries: &mut [Delivery]) -> AppResult<()> {
    let ids: Vec<DeliveryId> = deliveries.iter().map(|delivery| delivery.id).collect();
    let mut outcomes = store::outcomes(ctx.db().read(), &ids).await?;
    for delivery in deliveries {
        delivery.outcomes = outcomes.remove(&delivery.id).unwrap_or_default();
    }
    Ok(())
}

pub async fn get_delivery(ctx: &Ctx, id: DeliveryId) -> AppResult<DeliveryDetail> {
    require_administrator(ctx)?;
    let pool = ctx.db().read();
    let (Some(delivery), Some(rest)) = (store::get(pool, id).await?, store::rest(pool, id).await?) else {
        return Err(AppError::not_found("delivery"));
    };
    let payload = String::from_utf8_lossy(&unpack(&rest.data)?).into_owned();
    let mut delivery = delivery.read()?;
    add_outcomes(ctx, std::slice::from_mut(&mut delivery)).await?;
    Ok(DeliveryDetail {
        delivery,
        headers: serde_json::from_str(&rest.headers)?,
        address: rest.address,
        listed: rest.listed.map(|listed| listed != 0),
        signed_by: rest.signed_by,
        size: rest.size,
        attempts: rest.attempts,
        payload_is_json: serde_json::from_str::<serde::de::IgnoredAny>(&payload).is_ok(),
        payload,
    })
}

/// Has a delivery acted on once more, before those of its repository that came later and still wait. Its signature was verified when it came, and is not
/// kept; so whatever became of the secret since, the payload is the one that was signed.
pub async fn replay(ctx: &Ctx, id: DeliveryId) -> AppResult<()> {
    require_administrator(ctx)?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let repository = store::replay(&mut tx, id, now).await?.ok_or_else(|| AppError::not_found("delivery"))?;
    act::enqueue(&mut tx, &repository, now).await?;
    record(ctx, &mut tx, Event::new(UsageKind::DeliveryReplayed).subject(id)).await?;
    tx.commit().await?;
    act::wake(ctx, &[repository].into()).await;
    Ok(())
}

/// A delivery for a test, with what is secret or personal replaced.
pub async fn export_fixture(ctx: &Ctx, id: DeliveryId) -> AppResult<Fixture> {
    let detail = get_delivery(ctx, id).await?;
    let mut payload: Value = serde_json::from_str(&detail.payload).unwrap_or(Value::String(detail.payload));
    without_secrets(&mut payload, &|text| llmos_search::mask(text).into_owned());
    Ok(Fixture { event: detail.delivery.event, headers: detail.headers, payload })
}

pub async fn report(ctx: &Ctx) -> AppResult<WebhooksReport> {
    require_administrator(ctx)?;
    let pool = ctx.db().read();
    let day = first_at(ctx.now() - clock::DAY);
    let counts = store::counts(pool, day).await?;
    let (announced, announced_p95) = store::announced(pool, day).await?;
    let config = &ctx.state.config;
    Ok(WebhooksReport {
        secret: secrets::any(ctx).await?,
        day: counts.day,
        announced,
        announced_p95,
        waiting: counts.waiting,
        failed: counts.failed,
        allow_list: config.webhook_allow_list,
        networks: networks::count(ctx).await,
        outside: counts.outside,
        checks: networks_store::checks(pool).await?,
    })
}

/// How many wait to be acted on, and how many failed: for the server's own report of itself.
pub async fn open(ctx: &Ctx) -> AppResult<(i64, i64)> {
    let counts = store::counts(ctx.db().read(), first_at(ctx.now())).await?;
    Ok((counts.waiting, counts.failed))
}

/// Those that had their time, in short steps.
pub async fn remove_old(ctx: &Ctx) -> AppResult<()> {
    let first = first_at(ctx.now() - KEPT_MS);
    loop {
        let mut tx = ctx.db().write_tx().await?;
        let removed = store::remove_before(&mut tx, first, REMOVED).await?;
        tx.commit().await?;
        if removed < REMOVED as u64 {
            return Ok(());
        }
    }
}
