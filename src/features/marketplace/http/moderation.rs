//! Reports, what moderators do about them, and the public record.

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    model::{EventsPage, EventsQuery, ListingStanding, Moderation, ModerationCase, NewReport, Reason, VolumeLock},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::VolumeId,
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(report_item))
        .routes(routes!(list_cases))
        .routes(routes!(moderate_item))
        .routes(routes!(appeal_item))
        .routes(routes!(enable_copy))
        .routes(routes!(list_events))
}

/// Report an item to the moderators.
#[utoipa::path(post, path = "/marketplace/listings/{item}/reports", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = NewReport, responses((status = 201), (status = "4XX", body = AppError)))]
async fn report_item(ctx: Ctx, Path(item): Path<String>, Json(input): Json<NewReport>) -> AppResult<StatusCode> {
    service::report(&ctx, &item, input).await.map(|()| StatusCode::CREATED)
}

/// What moderators have to look at. For moderators.
#[utoipa::path(get, path = "/marketplace/cases", tag = "marketplace", responses((status = 200, body = [ModerationCase]), (status = "4XX", body = AppError)))]
async fn list_cases(ctx: Ctx) -> AppResult<Json<Vec<ModerationCase>>> {
    service::cases(&ctx).await.map(Json)
}

/// Hide, quarantine or give back an item. For moderators.
#[utoipa::path(post, path = "/marketplace/listings/{item}/moderation", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = Moderation, responses((status = 200, body = ListingStanding), (status = "4XX", body = AppError)))]
async fn moderate_item(ctx: Ctx, Path(item): Path<String>, Json(input): Json<Moderation>) -> AppResult<Json<ListingStanding>> {
    service::moderate(&ctx, &item, input).await.map(Json)
}

/// Answer a decision about one's item.
#[utoipa::path(post, path = "/marketplace/listings/{item}/appeal", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = Reason, responses((status = 200, body = ListingStanding), (status = "4XX", body = AppError)))]
async fn appeal_item(ctx: Ctx, Path(item): Path<String>, Json(input): Json<Reason>) -> AppResult<Json<ListingStanding>> {
    service::appeal_moderation(&ctx, &item, input).await.map(Json)
}

/// Use a disabled copy nevertheless.
#[utoipa::path(post, path = "/volumes/{volume_id}/lock/{slug}/enable", tag = "marketplace", params(("volume_id" = VolumeId, Path), ("slug" = String, Path)), request_body = Reason, responses((status = 200, body = VolumeLock), (status = "4XX", body = AppError)))]
async fn enable_copy(ctx: Ctx, Path((id, slug)): Path<(VolumeId, String)>, Json(input): Json<Reason>) -> AppResult<Json<VolumeLock>> {
    service::enable_copy(&ctx, id, &slug, input).await?;
    service::volume_lock(&ctx, id).await.map(Json)
}

/// What happened in the marketplace, the newest first.
#[utoipa::path(get, path = "/marketplace/events", tag = "marketplace", security(()), params(EventsQuery), responses((status = 200, body = EventsPage), (status = "4XX", body = AppError)))]
async fn list_events(ctx: Ctx, Query(query): Query<EventsQuery>) -> AppResult<Json<EventsPage>> {
    service::events(&ctx, query).await.map(Json)
}
