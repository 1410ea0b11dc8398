//! `POST /webhook/github`, and what administrators see of it under `/api/v1/webhooks`.

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use futures::StreamExt as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{DeliveriesQuery, DeliveryDetail, DeliveryPage, Fixture, PAYLOAD_MAX, SetWebhookSecret, WebhookSecret, WebhooksReport},
    service::{self, Arrival},
};
use crate::{
    error::{AppError, AppResult},
    ids::DeliveryId,
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

/// Takes one delivery. Any answer of success means that it is on the disk.
pub async fn github(ctx: Ctx, headers: HeaderMap, body: Body) -> Response {
    let mut arrival = match service::admit(&ctx, &headers).await {
        Ok(arrival) => arrival,
        Err(error) => {
            // Whoever still sends would not see why: the connection would be gone.
            let _ = tokio::time::timeout(service::BODY_TIME, read(&ctx, body, None)).await;
            return error.into_response();
        }
    };
    let received = async {
        let body = tokio::time::timeout(service::BODY_TIME, read(&ctx, body, Some(&mut arrival))).await;
        let body = body.unwrap_or_else(|_| Err(service::too_slow()))?;
        service::receive(&ctx, arrival, &body).await
    };
    match received.await {
        Ok(received) => {
            let status = if received.repeated || received.event == "ping" { StatusCode::OK } else { StatusCode::ACCEPTED };
            (status, axum::Json(received)).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// The body of a delivery; empty if it is only to be got out of the way.
async fn read(ctx: &Ctx, body: Body, mut arrival: Option<&mut Arrival>) -> AppResult<Bytes> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    let mut stream = body.into_data_stream();
    while let Some(part) = stream.next().await {
        let part = part.map_err(|_| AppError::invalid("The body ended early. Send it again."))?;
        length += part.len();
        match &mut arrival {
            Some(arrival) if length <= PAYLOAD_MAX => {
                arrival.hold(ctx, part.len()).await?;
                bytes.extend_from_slice(&part);
            }
            _ if length > 2 * PAYLOAD_MAX => break,
            _ => {}
        }
    }
    if length > PAYLOAD_MAX { Err(service::too_large()) } else { Ok(bytes.into()) }
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_report))
        .routes(routes!(check_missing))
        .routes(routes!(list_deliveries))
        .routes(routes!(get_delivery))
        .routes(routes!(replay_delivery))
        .routes(routes!(export_fixture))
        .routes(routes!(list_secrets))
        .routes(routes!(set_secret))
        .routes(routes!(remove_secret))
}

/// How the intake of webhooks stands: counts, the list of addresses, and what GitHub sent that is not here. For administrators.
#[utoipa::path(get, path = "/webhooks/report", tag = "webhooks", responses((status = 200, body = WebhooksReport), (status = "4XX", body = AppError)))]
async fn get_report(ctx: Ctx) -> AppResult<Json<WebhooksReport>> {
    service::report(&ctx).await.map(Json)
}

/// Ask GitHub now what it has sent, and for what is missing again. For administrators.
#[utoipa::path(post, path = "/webhooks/check", tag = "webhooks", responses((status = 202), (status = "4XX", body = AppError)))]
async fn check_missing(ctx: Ctx) -> AppResult<StatusCode> {
    service::ask_to_check(&ctx).await.map(|()| StatusCode::ACCEPTED)
}

/// Deliveries, the newest first. For administrators, as all of these: deliveries are of the whole server.
#[utoipa::path(get, path = "/webhooks/deliveries", tag = "webhooks", params(DeliveriesQuery), responses((status = 200, body = DeliveryPage), (status = "4XX", body = AppError)))]
async fn list_deliveries(ctx: Ctx, Query(query): Query<DeliveriesQuery>) -> AppResult<Json<DeliveryPage>> {
    service::list_deliveries(&ctx, query).await.map(Json)
}

/// One delivery with its headers, its payload, and what was done because of it.
#[utoipa::path(get, path = "/webhooks/deliveries/{id}", tag = "webhooks", params(("id" = DeliveryId, Path)), responses((status = 200, body = DeliveryDetail), (status = "4XX", body = AppError)))]
async fn get_delivery(ctx: Ctx, Path(id): Path<DeliveryId>) -> AppResult<Json<DeliveryDetail>> {
    service::get_delivery(&ctx, id).await.map(Json)
}

/// Act on a delivery once more: after a fault was mended, or by a version that reads it. What was done already is not done twice.
#[utoipa::path(post, path = "/webhooks/deliveries/{id}/replay", tag = "webhooks", params(("id" = DeliveryId, Path)), responses((status = 202), (status = "4XX", body = AppError)))]
async fn replay_delivery(ctx: Ctx, Path(id): Path<DeliveryId>) -> AppResult<StatusCode> {
    service::replay(&ctx, id).await.map(|()| StatusCode::ACCEPTED)
}

/// A delivery as a test reads it, with what is secret or personal replaced.
#[utoipa::path(get, path = "/webhooks/deliveries/{id}/fixture", tag = "webhooks", params(("id" = DeliveryId, Path)), responses((status = 200, body = Fixture), (status = "4XX", body = AppError)))]
async fn export_fixture(ctx: Ctx, Path(id): Path<DeliveryId>) -> AppResult<Response> {
    let fixture = service::export_fixture(&ctx, id).await?;
    let name = format!("attachment; filename=\"{}-{id}.json\"", fixture.event);
    Ok(([("content-disposition", name)], axum::Json(fixture)).into_response())
}

/// Repositories that have a webhook secret of their own, beside the server's. The secrets are not shown again.
#[utoipa::path(get, path = "/webhooks/secrets", tag = "webhooks", responses((status = 200, body = Vec<WebhookSecret>), (status = "4XX", body = AppError)))]
async fn list_secrets(ctx: Ctx) -> AppResult<Json<Vec<WebhookSecret>>> {
    service::list_secrets(&ctx).await.map(Json)
}

/// Set the webhook secret of a repository; two, separated by a comma, while it is changed. It counts for deliveries of that repository only.
#[utoipa::path(put, path = "/webhooks/secrets/{owner}/{name}", tag = "webhooks", params(("owner" = String, Path), ("name" = String, Path)), request_body = SetWebhookSecret, responses((status = 204), (status = "4XX", body = AppError)))]
async fn set_secret(ctx: Ctx, Path((owner, name)): Path<(String, String)>, Json(wish): Json<SetWebhookSecret>) -> AppResult<StatusCode> {
    service::set_secret(&ctx, &format!("{owner}/{name}"), wish).await.map(|()| StatusCode::NO_CONTENT)
}

/// Remove the webhook secret of a repository.
#[utoipa::path(delete, path = "/webhooks/secrets/{owner}/{name}", tag = "webhooks", params(("owner" = String, Path), ("name" = String, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn remove_secret(ctx: Ctx, Path((owner, name)): Path<(String, String)>) -> AppResult<StatusCode> {
    service::remove_secret(&ctx, &format!("{owner}/{name}")).await.map(|()| StatusCode::NO_CONTENT)
}
