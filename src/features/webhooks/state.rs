//! Deliveries as their page reads them, and what it asks for.

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::model::{DeliveriesQuery, DeliveryDetail, DeliveryPage, DeliveryState, SetWebhookSecret, WebhookSecret, WebhooksReport};
use crate::{
    browser::data::{self, Fetched},
    error::AppResult,
    features::volumes::state::tell,
    ids::DeliveryId,
};

pub const DELIVERIES: &str = "/deliveries";

/// What the address asks for.
pub fn deliveries_query(params: &ParamsMap) -> DeliveriesQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    DeliveriesQuery {
        event: text("event"),
        state: text("state").and_then(|state| DeliveryState::parse(&state)),
        repository: text("repository"),
        since: text("since").and_then(|since| since.parse().ok()),
        before: text("before").and_then(|before| before.parse().ok()),
        limit: None,
    }
}

/// The page of a list, with one of its deliveries open.
pub fn deliveries_address(query: &DeliveriesQuery, open: Option<DeliveryId>) -> String {
    let path = open.map_or_else(|| DELIVERIES.to_owned(), |id| format!("{DELIVERIES}/{id}"));
    data::with_query(&path, query)
}

fn list_path(query: &DeliveriesQuery) -> String {
    data::with_query("/webhooks/deliveries", query)
}

pub fn use_deliveries(query: Memo<DeliveriesQuery>) -> Fetched<DeliveryPage> {
    data::fetch(move || Some(list_path(&query.get())))
}

pub fn read_deliveries(query: &DeliveriesQuery) -> impl Future<Output = AppResult<DeliveryPage>> + Send + use<> {
    data::get(list_path(query))
}

pub fn use_delivery(id: Memo<Option<DeliveryId>>) -> Fetched<DeliveryDetail> {
    data::fetch(move || Some(format!("/webhooks/deliveries/{}", id.get()?)))
}

pub fn use_report() -> Fetched<WebhooksReport> {
    data::fetch(|| Some("/webhooks/report".to_owned()))
}

pub fn replay(id: DeliveryId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/webhooks/deliveries/{id}/replay"), ())
}

pub fn check_missing() -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", "/webhooks/check".to_owned(), ())
}

/// Where a delivery is downloaded as a fixture.
pub fn fixture_address(id: DeliveryId) -> String {
    format!("/api/v1/webhooks/deliveries/{id}/fixture")
}

pub fn use_secrets() -> Fetched<Vec<WebhookSecret>> {
    data::fetch(|| Some(SECRETS.to_owned()))
}

const SECRETS: &str = "/webhooks/secrets";

pub fn set_secret(repository: &str, secret: String) -> impl Future<Output = AppResult<()>> + Send + use<> {
    tell("PUT", format!("{SECRETS}/{repository}"), SetWebhookSecret { secret })
}

pub fn remove_secret(repository: &str) -> impl Future<Output = AppResult<()>> + Send + use<> {
    tell("DELETE", format!("{SECRETS}/{repository}"), ())
}
