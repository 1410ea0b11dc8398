//! Traces as their pages read them, and what they ask for.

use std::future::Future;

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::model::{RateTrace, Trace, TraceOutcome, TracePage, TraceSource, TracesQuery};
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

/// What the address asks for.
pub fn traces_query(params: &ParamsMap) -> TracesQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
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
        min_rating: text("minRating").and_then(|rating| rating.parse().ok()).filter(|rating| (1..=5).contains(rating)),
        since: text("since").and_then(|at| at.parse().ok()),
        until: text("until").and_then(|at| at.parse().ok()),
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
