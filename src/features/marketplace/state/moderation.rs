//! Reports, what moderators decide, and the public record.

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use crate::{
    browser::data::{self, Fetched, encode},
    error::AppResult,
    features::{
        marketplace::model::{EventsPage, EventsQuery, ListingStanding, Moderation, ModerationCase, NewReport, Reason, VolumeLock},
        volumes::state::tell,
    },
    ids::VolumeId,
};

pub const MODERATION: &str = "/marketplace/moderation";
pub const RECORD: &str = "/marketplace/record";

fn below(slug: &str, what: &str) -> String {
    format!("/marketplace/listings/{}/{what}", encode(slug))
}

pub async fn report(slug: String, report: NewReport) -> AppResult<()> {
    tell("POST", below(&slug, "reports"), report).await
}

pub async fn moderate(slug: String, moderation: Moderation) -> AppResult<ListingStanding> {
    data::post(below(&slug, "moderation"), &moderation).await
}

/// Answers what moderators decided about one's item.
pub async fn appeal_item(slug: String, reason: String) -> AppResult<ListingStanding> {
    data::post(below(&slug, "appeal"), &Reason { reason }).await
}

/// Uses a disabled copy nevertheless.
pub async fn enable_copy(volume: VolumeId, slug: String, reason: String) -> AppResult<VolumeLock> {
    data::post(format!("/volumes/{volume}/lock/{}/enable", encode(&slug)), &Reason { reason }).await
}

/// What moderators have to look at.
pub fn use_cases() -> Fetched<Vec<ModerationCase>> {
    data::fetch(|| Some("/marketplace/cases".to_owned()))
}

pub fn events_query(params: &ParamsMap) -> EventsQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    EventsQuery { item: text("item"), cursor: text("cursor"), limit: None }
}

pub fn record_address(query: &EventsQuery) -> String {
    data::with_query(RECORD, query)
}

pub fn use_events(query: Memo<EventsQuery>) -> Fetched<EventsPage> {
    data::fetch(move || Some(data::with_query("/marketplace/events", &query.get())))
}
