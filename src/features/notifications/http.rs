//! `/api/v1` routes of notifications.

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{MarkAllNotifications, MarkNotifications, NotificationPage, NotificationQuery, Unread},
    service,
};
use crate::{
    error::{AppError, AppResult},
    server::{
        context::Ctx,
        extract::{Json, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(get_unread))
        .routes(routes!(mark_notifications))
        .routes(routes!(mark_all_notifications))
}

/// What concerns the caller, grouped by what it is about; what is unread comes first.
#[utoipa::path(get, path = "/notifications", tag = "notifications", params(NotificationQuery), responses((status = 200, body = NotificationPage), (status = "4XX", body = AppError)))]
async fn list_notifications(ctx: Ctx, Query(query): Query<NotificationQuery>) -> AppResult<Json<NotificationPage>> {
    service::list_notifications(&ctx, query).await.map(Json)
}

/// How many are unread.
#[utoipa::path(get, path = "/notifications/unread", tag = "notifications", responses((status = 200, body = Unread), (status = "4XX", body = AppError)))]
async fn get_unread(ctx: Ctx) -> AppResult<Json<Unread>> {
    service::unread(&ctx).await.map(Json)
}

/// Mark some as read, or all about one subject.
#[utoipa::path(post, path = "/notifications/read", tag = "notifications", request_body = MarkNotifications, responses((status = 200, body = Unread), (status = "4XX", body = AppError)))]
async fn mark_notifications(ctx: Ctx, Json(input): Json<MarkNotifications>) -> AppResult<Json<Unread>> {
    service::mark_notifications(&ctx, input).await.map(Json)
}

/// Mark all as read, or all up to one.
#[utoipa::path(post, path = "/notifications/read-all", tag = "notifications", request_body = MarkAllNotifications, responses((status = 200, body = Unread), (status = "4XX", body = AppError)))]
async fn mark_all_notifications(ctx: Ctx, Json(input): Json<MarkAllNotifications>) -> AppResult<Json<Unread>> {
    service::mark_all_notifications(&ctx, input).await.map(Json)
}
