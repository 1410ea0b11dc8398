//! What the next days will be: worked out from whole past days, once a day, and kept in memory until the day is over.

use std::sync::Arc;

use llmos_analytics::{
    Day,
    cells::Filter,
    model::{Ahead, Forecasts, Foretold, Query, Span, Unusual},
};
use llmos_forecast::HISTORY_MAX;

use super::{
    super::store::rollups,
    reading::dashboard,
    scope::{Scoped, scoped},
};
use crate::{
    error::AppResult,
    server::{context::Ctx, error::internal},
};

/// Questions whose forecasts are kept: some kilobytes each.
const KEPT: u64 = 2_000;

/// What a forecast depends on. Who asks does not matter: only what they may see.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    generation: i64,
    mine: Vec<u32>,
    filter: Filter,
    zone: String,
    today: Day,
}

/// Forecasts of today, the newest used.
#[derive(Clone)]
pub struct Forecasted(moka::sync::Cache<Key, Arc<Forecasts>>);

impl Default for Forecasted {
    fn default() -> Self {
        let day = std::time::Duration::from_secs(24 * 3_600);
        Self(moka::sync::Cache::builder().max_capacity(KEPT).time_to_live(day).build())
    }
}

/// The next days of sessions, artifacts and commits, and the past ones that were unusual; the range of `query` does not matter. What comes in late for a past day
/// moves tomorrow's forecast.
///
/// # Errors
/// Those of the dashboard.
pub async fn forecast(ctx: &Ctx, query: &Query) -> AppResult<Forecasts> {
    let Scoped { asked, filter, mine, .. } = scoped(ctx, query).await?;
    let generation = rollups::mark(ctx.db().read()).await?.generation;
    let key = Key { generation, mine, filter, zone: asked.zone.name().to_owned(), today: asked.today };
    let kept = &ctx.state.usage.forecasts.0;
    if let Some(known) = kept.get(&key) {
        return Ok(Forecasts::clone(&known));
    }
    let first = asked.today.plus(-i32::try_from(HISTORY_MAX).unwrap_or(i32::MAX));
    let past = Query { range: Span::Custom, from: Some(first), to: Some(asked.today.plus(-1)), compare: false, ..query.clone() };
    let data = dashboard(ctx, &past).await?;
    let series =
        [("sessions", data.sessions.daily.now), ("artifacts", data.artifacts.daily.now), ("commits", data.collaboration.commits_daily.now)];
    let told = tokio::task::spawn_blocking(move || series.map(|(measure, days)| foretold(measure, first, &days)).to_vec());
    let series = told.await.map_err(|error| internal("the forecast", &error))?;
    let made = Forecasts { from: key.today, zone: key.zone.clone(), series };
    kept.insert(key, Arc::new(made.clone()));
    Ok(made)
}

/// One number's next days; `days` begin with `first` and end with yesterday.
fn foretold(measure: &str, first: Day, days: &[u64]) -> Foretold {
    let (ahead, error) = match llmos_forecast::forecast(days) {
        Ok(told) => (told.points.iter().map(|point| Ahead { low: point.low, mean: point.mean, high: point.high }).collect(), told.error),
        // Nothing is said where nothing can be.
        Err(_) => (Vec::new(), None),
    };
    let unusual = llmos_forecast::anomalies(days).into_iter().filter_map(|day| {
        let count = *days.get(day.index)?;
        Some(Unusual { day: first.plus(i32::try_from(day.index).ok()?), count, expected: day.expected })
    });
    Foretold { measure: measure.to_owned(), days: ahead, error, unusual: unusual.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_history_says_nothing() {
        let told = foretold("sessions", Day(20_000), &[5; 20]);
        assert_eq!(told, Foretold { measure: "sessions".to_owned(), ..Foretold::default() });
    }

    #[test]
    fn days_have_their_dates() {
        let mut days: Vec<u64> = (0..91).map(|day| if day % 7 < 5 { 100 + day * 7_919 % 9 } else { 10 }).collect();
        days[58] = 0;
        let told = foretold("commits", Day(20_000), &days);
        assert_eq!(told.days.len(), llmos_forecast::HORIZON);
        assert_eq!(told.unusual.iter().map(|one| (one.day, one.count)).collect::<Vec<_>>(), [(Day(20_058), 0)]);
    }
}
