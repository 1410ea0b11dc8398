//! `/api/v1` routes of notifications, and the page behind the link that ends mail.

mod unsubscribe;

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{
        AddPushDevice, ChangePreferences, MarkAllNotifications, MarkNotifications, NotificationPage, NotificationQuery, Preferences,
        PushDevice, SendTest, Unread,
    },
    service,
};
use crate::{
    error::{AppError, AppResult},
    features::jobs::model::JobStatus,
    ids::PushDeviceId,
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub use unsubscribe::{unsubscribe, unsubscribe_page};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_notifications))
        .routes(routes!(get_unread))
        .routes(routes!(mark_notifications))
        .routes(routes!(mark_all_notifications))
        .routes(routes!(get_preferences, patch_preferences))
        .routes(routes!(list_devices, post_device))
        .routes(routes!(delete_device))
        .routes(routes!(post_test))
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

/// How the caller is told beside the bell, the defaults filled in.
#[utoipa::path(get, path = "/notifications/preferences", tag = "notifications", responses((status = 200, body = Preferences), (status = "4XX", body = AppError)))]
async fn get_preferences(ctx: Ctx) -> AppResult<Json<Preferences>> {
    service::preferences(&ctx).await.map(Json)
}

/// Change some of that; what is not given stays.
#[utoipa::path(patch, path = "/notifications/preferences", tag = "notifications", request_body = ChangePreferences, responses((status = 200, body = Preferences), (status = "4XX", body = AppError)))]
async fn patch_preferences(ctx: Ctx, Json(input): Json<ChangePreferences>) -> AppResult<Json<Preferences>> {
    service::change_preferences(&ctx, input).await.map(Json)
}

/// The caller's devices that are told by Web Push.
#[utoipa::path(get, path = "/notifications/devices", tag = "notifications", responses((status = 200, body = [PushDevice]), (status = "4XX", body = AppError)))]
async fn list_devices(ctx: Ctx) -> AppResult<Json<Vec<PushDevice>>> {
    service::list_devices(&ctx).await.map(Json)
}

/// Add a browser by its push subscription, or renew it. It is told for as long as the sign-in that added it lasts.
#[utoipa::path(post, path = "/notifications/devices", tag = "notifications", request_body = AddPushDevice, responses((status = 201, body = PushDevice), (status = "4XX", body = AppError)))]
async fn post_device(ctx: Ctx, Json(input): Json<AddPushDevice>) -> AppResult<(StatusCode, Json<PushDevice>)> {
    Ok((StatusCode::CREATED, Json(service::add_device(&ctx, input).await?)))
}

/// Tell a device no more.
#[utoipa::path(delete, path = "/notifications/devices/{id}", tag = "notifications", params(("id" = PushDeviceId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_device(ctx: Ctx, Path(id): Path<PushDeviceId>) -> AppResult<StatusCode> {
    service::remove_device(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a message that says nothing; the job says whether it was taken.
#[utoipa::path(post, path = "/notifications/test", tag = "notifications", request_body = SendTest, responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn post_test(ctx: Ctx, Json(input): Json<SendTest>) -> AppResult<(StatusCode, Json<JobStatus>)> {
    Ok((StatusCode::ACCEPTED, Json(service::send_test(&ctx, input).await?)))
}
