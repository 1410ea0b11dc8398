//! Traces as their pages read them, and what they ask for.

use std::future::Future;

use leptos::prelude::*;
use leptos_router::params::ParamsMap;
use llmos_analytics::Day;

use super::model::{CENTS_FROM, RateTrace, TOKENS_FROM, TOOK_FROM, Trace, TraceOutcome, TracePage, TraceSource, TracesQuery};
use crate::{
    browser::{
        data::{self, Fetched, Sent},
        outbox::Wish,
    },
    error::AppResult,
    features::volumes::state::tell,
    ids::TraceId,
};

pub const TRACES: &str = "/traces";

const DAY_MS: i64 = 86_400_000;

/// A time of an address: UTC milliseconds, or a day as a form sends it, which begins at midnight UTC; as an end, all of that day.
fn moment(text: &str, is_end: bool) -> Option<i64> {
    let of_day = |day: Day| i64::from(day.plus(i32::from(is_end)).0) * DAY_MS;
    text.parse().ok().or_else(|| text.parse().ok().map(of_day))
}

/// The day of a time, as a form shows it; of an end, the last day before it.
pub fn day_of(time: i64, is_end: bool) -> String {
    let time = if is_end { time - 1 } else { time };
    i32::try_from(time.div_euclid(DAY_MS)).map_or_else(|_| String::new(), |day| Day(day).to_string())
}

/// What the address asks for.
pub fn traces_query(params: &ParamsMap) -> TracesQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let least = |name: &str, thresholds: &[i64]| text(name).and_then(|least| least.parse().ok()).filter(|least| thresholds.contains(least));
    TracesQuery {
        team: text("team").and_then(|id| id.parse().ok()),
        q: text("q"),
        outcome: text("outcome").and_then(|outcome| TraceOutcome::parse(&outcome)),
        source: text("source").and_then(|source| TraceSource::parse(&source)),
        person: text("person"),
        tool: text("tool"),
        skill: text("skill"),
        model: text("model"),
        session: text("session").and_then(|id| id.parse().ok()),
        conversation: text("conversation"),
        commit: text("commit").and_then(|id| id.parse().ok()),
        pattern: text("pattern").and_then(|id| id.parse().ok()),
        failed_steps: text("failedSteps").is_some_and(|is| is == "true"),
        min_took_ms: least("minTookMs", &TOOK_FROM),
        min_tokens: least("minTokens", &TOKENS_FROM),
        min_cost_cents: least("minCostCents", &CENTS_FROM),
        min_rating: text("minRating").and_then(|rating| rating.parse().ok()).filter(|rating| (1..=5).contains(rating)),
        since: text("since").and_then(|at| moment(&at, false)),
        until: text("until").and_then(|at| moment(&at, true)),
        before: text("before").and_then(|before| before.parse().ok()),
        limit: None,
    }
}

/// The page of a list, with one of its traces open; what the page reads is the same below the API.
pub fn traces_address(query: &TracesQuery, open: Option<TraceId>) -> String {
    let path = open.map_or_else(|| TRACES.to_owned(), trace_address);
    data::with_query(&path, query)
}

pub fn trace_address(id: TraceId) -> String {
    format!("{TRACES}/{id}")
}

pub fn use_traces(query: Memo<TracesQuery>) -> Fetched<TracePage> {
    data::fetch(move || Some(traces_address(&query.get(), None)))
}

pub fn use_trace(id: Memo<Option<TraceId>>) -> Fetched<Trace> {
    data::fetch(move || id.get().map(trace_address))
}

/// Says what one thinks of a run, now or when the server can be reached.
pub async fn rate_trace(id: TraceId, input: RateTrace) -> AppResult<Sent> {
    data::send_later(Wish::new(format!("trace:{id}"), "PATCH", trace_address(id), &input, "Rating of a run".to_owned()).alone()).await
}

pub fn delete_trace(id: TraceId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", trace_address(id), ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_of_a_form_is_all_of_it() {
        assert_eq!((moment("1790899200000", false), moment("no time", false)), (Some(1_790_899_200_000), None));
        let (begin, end) = (moment("2026-10-02", false), moment("2026-10-02", true));
        assert_eq!((begin, end), (Some(1_790_899_200_000), Some(1_790_985_600_000)));
        assert_eq!([day_of(1_790_899_200_000, false), day_of(1_790_985_600_000, true)], ["2026-10-02", "2026-10-02"]);
    }
}
