//! Alerts: numbers that are looked at once a day for whoever wants to be told when they leave their bounds.
//!
//! An alert is its owner's own: it is looked at with the rights that they have at that moment, and told to them alone, in their own name.

use llmos_analytics::{
    Day,
    model::{Query, Span},
    zones::Zone,
};
use serde_json::{Value, json};

use super::{
    super::{
        model::{Alert, AlertMetric, AlertRule, KEPT_MAX, SetAlert, clean_name},
        store::views::{self as store, AlertRow, Kept},
    },
    Event, UsageKind,
    forecast::forecast,
    reading::dashboard,
    record,
    rolling::roll_up,
    scope::scoped,
    shares::in_name_of,
    views::full,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Scope,
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
    },
    ids::AnalyticsAlertId,
    server::{clock, context::Ctx, db::parse_id, error::internal},
};

/// Alerts that are read at once.
const PAGE: i64 = KEPT_MAX;

/// What an alert says in its row, read; none where a later version wrote it.
fn read(row: &AlertRow) -> AppResult<Option<(Query, AlertMetric, AlertRule)>> {
    let query = serde_json::from_str(&row.query)?;
    Ok(AlertMetric::parse(&row.metric).zip(AlertRule::parse(&row.rule)).map(|(metric, rule)| (query, metric, rule)))
}

fn shown(row: AlertRow) -> AppResult<Option<Alert>> {
    let Some((query, metric, rule)) = read(&row)? else { return Ok(None) };
    Ok(Some(Alert {
        id: parse_id(&row.id)?,
        name: row.name,
        query,
        metric,
        rule,
        threshold: row.threshold,
        firing: row.firing != 0,
        fired_at: row.fired_at,
        created_at: row.created_at,
    }))
}

/// The caller's own, by name.
pub async fn list_alerts(ctx: &Ctx) -> AppResult<Vec<Alert>> {
    let me = ctx.actor_with(Scope::Read)?.id().to_string();
    store::alerts(ctx.db().read(), &me).await?.into_iter().filter_map(|row| shown(row).transpose()).collect()
}

/// Sets an alert, or sets one anew under the id that the caller gave it before; it is looked at within the hour.
pub async fn set_alert(ctx: &Ctx, input: SetAlert) -> AppResult<Alert> {
    let me = ctx.actor_with(Scope::Write)?.id().to_string();
    scoped(ctx, &input.query).await?;
    let name = clean_name(&input.name)?;
    if input.query.range.days().is_none() {
        return Err(AppError::field("query", "An alert looks at the days before today: choose 7, 30 or 90 days or 12 months."));
    }
    let threshold = match input.rule {
        AlertRule::Unusual if !input.metric.is_foretold() => {
            return Err(AppError::field(
                "rule",
                "Unusual days are known of sessions, artifacts and commits: choose one of those, or set a bound.",
            ));
        }
        AlertRule::Unusual => None,
        AlertRule::Above | AlertRule::Below => {
            let bound = input.threshold.filter(|bound| bound.is_finite() && (0.0..=1e12).contains(bound));
            Some(bound.ok_or_else(|| AppError::field("threshold", "Set the bound: a number from 0 on."))?)
        }
    };
    let now = ctx.now();
    let id = AnalyticsAlertId::chosen(input.id, now)?;
    let row = AlertRow {
        id: id.to_string(),
        owner_id: me,
        name,
        query: serde_json::to_string(&input.query)?,
        metric: input.metric.as_str().to_owned(),
        rule: input.rule.as_str().to_owned(),
        threshold,
        firing: 0,
        checked_day: 0,
        fired_at: None,
        created_at: now,
        updated_at: now,
    };
    let mut tx = ctx.db().write_tx().await?;
    match store::alert(&mut tx, &row.id).await? {
        // The id of somebody else's alert says nothing to the caller.
        Some(before) if before.owner_id != row.owner_id => return Err(AppError::not_found("alert")),
        Some(_) => {}
        None => full(ctx, Kept::Alerts, &row.owner_id).await?,
    }
    store::put_alert(&mut tx, &row).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AnalyticsAlertSet).subject(id)).await?;
    tx.commit().await?;
    shown(row)?.ok_or_else(AppError::internal)
}

pub async fn delete_alert(ctx: &Ctx, id: AnalyticsAlertId) -> AppResult<()> {
    let me = ctx.actor_with(Scope::Write)?.id().to_string();
    let mut tx = ctx.db().write_tx().await?;
    if !store::delete_alert(&mut tx, &id.to_string(), &me).await? {
        return Err(AppError::not_found("alert"));
    }
    notifications::service::forget_subjects(&mut tx, SubjectKind::Alert, &[id]).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AnalyticsAlertDeleted).subject(id)).await?;
    Ok(tx.commit().await?)
}

/// Looks at all alerts whose day has ended since they were looked at last, and tells of those that begin to be out of their bounds. One that cannot be
/// looked at holds no other up.
pub async fn check_alerts(ctx: &Ctx) -> AppResult<Value> {
    // Where nothing is counted any more, everything would be below its bounds.
    if !ctx.state.config.analytics_enabled {
        return Ok(json!({ "checked": 0, "told": 0, "failed": 0 }));
    }
    // The day that ended is to be counted whole.
    roll_up(ctx).await?;
    let (mut checked, mut told, mut failed) = (0, 0, 0);
    // Nowhere is it a later day than at the eastern end of the world, 14 hours before UTC.
    let latest = (ctx.now() + 14 * clock::HOUR).div_euclid(clock::DAY);
    let mut after = String::new();
    loop {
        let rows = store::due_alerts(ctx.db().read(), latest, &after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after.clone_from(&last.id);
        for row in &rows {
            match check(ctx, row).await {
                Ok(Some(fires)) => {
                    checked += 1;
                    told += i64::from(fires);
                }
                Ok(None) => {}
                Err(error) => {
                    failed += 1;
                    tracing::warn!(%error, alert = %row.id, "an alert could not be looked at");
                }
            }
        }
    }
    Ok(json!({ "checked": checked, "told": told, "failed": failed }))
}

/// Looks at one. None: it is not due, or nobody may look at it any more. True: its owner was told.
async fn check(ctx: &Ctx, row: &AlertRow) -> AppResult<Option<bool>> {
    let Some((query, metric, rule)) = read(row)? else { return Ok(None) };
    let zone = Zone::named(query.zone.as_deref()).map_err(|fault| internal("the zone of an alert", &fault))?;
    let today = zone.day_of(ctx.now());
    // A day to come was noted by a clock that was ahead, which is no reason to be silent until then. Tomorrow is that of a node whose clock is a little ahead.
    let today_and_tomorrow = i64::from(today.0)..=i64::from(today.plus(1).0);
    if today_and_tomorrow.contains(&row.checked_day) {
        return Ok(None);
    }
    let Some(owner) = in_name_of(ctx, &row.owner_id).await? else { return Ok(None) };
    let seen = match look(&owner, &query, metric, rule, row.threshold, today).await {
        Ok(seen) => seen,
        // Out of the team: there is nothing that they may be told.
        Err(error) if (400..500).contains(&error.code.status()) => None,
        Err(error) => return Err(error),
    };
    let was = row.firing != 0;
    let begins = seen.is_some() && !was;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    if !store::note_alert(&mut tx, row, today.0.into(), seen.is_some(), if begins { Some(now) } else { row.fired_at }).await? {
        return Ok(None);
    }
    if let Some(words) = seen.filter(|_| begins) {
        let new = NewNotification::new(NotificationKind::Alert, (SubjectKind::Alert, &row.id), &row.name, &words)
            .source(format!("alert:{}:{today}", row.id));
        notifications::service::remind(&owner, &mut tx, &new).await?;
    }
    tx.commit().await?;
    if begins {
        notifications::service::tell(&owner, &[owner.actor()?.id()]).await;
    }
    Ok(Some(begins))
}

/// What is out of its bounds, in a sentence; none where all is well or nothing can be said.
async fn look(
    owner: &Ctx,
    query: &Query,
    metric: AlertMetric,
    rule: AlertRule,
    threshold: Option<f64>,
    today: Day,
) -> AppResult<Option<String>> {
    let yesterday = today.plus(-1);
    if rule == AlertRule::Unusual {
        let told = forecast(owner, query).await?;
        let series = told.series.into_iter().find(|series| series.measure == metric.as_str());
        let day = series.and_then(|series| series.unusual.into_iter().find(|day| day.day == yesterday));
        return Ok(day
            .map(|day| format!("{}: {} on {yesterday}, where about {:.0} were to be expected.", metric.words(), day.count, day.expected)));
    }
    let days = query.range.days().unwrap_or(1);
    let whole = Query { range: Span::Custom, from: Some(today.plus(-days)), to: Some(yesterday), compare: false, ..query.clone() };
    let value = metric.of(&dashboard(owner, &whole).await?);
    let words = |value: f64, bound: f64| {
        let round = |number: f64| (number * 10.0).round() / 10.0;
        format!("{}: {} in the {days} days to {yesterday}, {} {}.", metric.words(), round(value), rule.words(), round(bound))
    };
    Ok(value.zip(threshold).filter(|_| rule.is_out(value, threshold)).map(|(value, bound)| words(value, bound)))
}
