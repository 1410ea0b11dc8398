//! What people keep: `/api/v1/analytics/views`, `shares` and `alerts`, and what a link shows.

use axum::{
    http::{HeaderName, StatusCode, header},
    response::IntoResponse,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    model::{Alert, CreateShare, NewShare, SaveView, SavedView, SetAlert, Share, SharedDashboard},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::{AnalyticsAlertId, AnalyticsShareId, AnalyticsViewId},
    server::{
        context::Ctx,
        extract::{Json, Path},
        state::AppState,
    },
};

/// Of answers with a secret in them, or behind one.
const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_views, save_view))
        .routes(routes!(delete_view))
        .routes(routes!(list_shares, create_share))
        .routes(routes!(revoke_share))
        .routes(routes!(shared))
        .routes(routes!(list_alerts, set_alert))
        .routes(routes!(delete_alert))
}

/// The caller's saved views and those of their teams, by name.
#[utoipa::path(get, path = "/analytics/views", tag = "analytics", responses((status = 200, body = Vec<SavedView>), (status = "4XX", body = AppError)))]
async fn list_views(ctx: Ctx) -> AppResult<Json<Vec<SavedView>>> {
    service::list_views(&ctx).await.map(Json)
}

/// Keep a question under a name, for oneself or for a team. With an id made by the client it is there once, however often it is sent.
#[utoipa::path(post, path = "/analytics/views", tag = "analytics", request_body = SaveView, responses((status = 201, body = SavedView), (status = "4XX", body = AppError)))]
async fn save_view(ctx: Ctx, Json(input): Json<SaveView>) -> AppResult<(StatusCode, Json<SavedView>)> {
    Ok((StatusCode::CREATED, Json(service::save_view(&ctx, input).await?)))
}

/// Delete a view: one of one's own, or of a team that one manages.
#[utoipa::path(delete, path = "/analytics/views/{id}", tag = "analytics", params(("id" = AnalyticsViewId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_view(ctx: Ctx, Path(id): Path<AnalyticsViewId>) -> AppResult<StatusCode> {
    service::delete_view(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// The links that work, the newest first: the caller's, and those that show a team that the caller manages.
#[utoipa::path(get, path = "/analytics/shares", tag = "analytics", responses((status = 200, body = Vec<Share>), (status = "4XX", body = AppError)))]
async fn list_shares(ctx: Ctx) -> AppResult<Json<Vec<Share>>> {
    service::list_shares(&ctx).await.map(Json)
}

/// Make a link that shows one dashboard, read-only, to whoever has it. The secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/analytics/shares", tag = "analytics", request_body = CreateShare, responses((status = 201, body = NewShare), (status = "4XX", body = AppError)))]
async fn create_share(ctx: Ctx, Json(input): Json<CreateShare>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::create_share(&ctx, input).await?)))
}

/// End a link: one of one's own, or one that shows a team that one manages.
#[utoipa::path(delete, path = "/analytics/shares/{id}", tag = "analytics", params(("id" = AnalyticsShareId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn revoke_share(ctx: Ctx, Path(id): Path<AnalyticsShareId>) -> AppResult<StatusCode> {
    service::revoke_share(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// What a link shows; no sign-in is needed. One that has ended is as if it never was.
#[utoipa::path(get, path = "/analytics/shared/{token}", tag = "analytics", security(()), params(("token" = String, Path)), responses((status = 200, body = SharedDashboard), (status = "4XX", body = AppError)))]
async fn shared(ctx: Ctx, Path(token): Path<String>) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::shared_dashboard(&ctx, &token).await?)))
}

/// The caller's alerts, by name.
#[utoipa::path(get, path = "/analytics/alerts", tag = "analytics", responses((status = 200, body = Vec<Alert>), (status = "4XX", body = AppError)))]
async fn list_alerts(ctx: Ctx) -> AppResult<Json<Vec<Alert>>> {
    service::list_alerts(&ctx).await.map(Json)
}

/// Be told when a number leaves its bounds, or when a day was unusual. With an id made by the client it is there once, however often it is sent.
#[utoipa::path(post, path = "/analytics/alerts", tag = "analytics", request_body = SetAlert, responses((status = 201, body = Alert), (status = "4XX", body = AppError)))]
async fn set_alert(ctx: Ctx, Json(input): Json<SetAlert>) -> AppResult<(StatusCode, Json<Alert>)> {
    Ok((StatusCode::CREATED, Json(service::set_alert(&ctx, input).await?)))
}

/// Delete an alert, and what it told.
#[utoipa::path(delete, path = "/analytics/alerts/{id}", tag = "analytics", params(("id" = AnalyticsAlertId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_alert(ctx: Ctx, Path(id): Path<AnalyticsAlertId>) -> AppResult<StatusCode> {
    service::delete_alert(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}
