//! What of the marketplace stands in a volume.

use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    model::{ChangeLock, LockPlan, LockSettings, Pin, VolumeLock},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::VolumeId,
    server::{
        context::Ctx,
        extract::{Json, Path},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_lock, change_lock))
        .routes(routes!(plan_lock))
        .routes(routes!(pin))
        .routes(routes!(set_lock_settings))
}

/// What is installed in a volume, at which versions, and how that came about.
#[utoipa::path(get, path = "/volumes/{volume_id}/lock", tag = "marketplace", params(("volume_id" = VolumeId, Path)), responses((status = 200, body = VolumeLock), (status = "4XX", body = AppError)))]
async fn get_lock(ctx: Ctx, Path(id): Path<VolumeId>) -> AppResult<Json<VolumeLock>> {
    service::volume_lock(&ctx, id).await.map(Json)
}

/// What a change would do; nothing is changed.
#[utoipa::path(post, path = "/volumes/{volume_id}/lock/plan", tag = "marketplace", params(("volume_id" = VolumeId, Path)), request_body = ChangeLock, responses((status = 200, body = LockPlan), (status = "4XX", body = AppError)))]
async fn plan_lock(ctx: Ctx, Path(id): Path<VolumeId>, Json(input): Json<ChangeLock>) -> AppResult<Json<LockPlan>> {
    service::plan(&ctx, id, input).await.map(Json)
}

/// Install, update, uninstall or roll back: all of it, or nothing.
#[utoipa::path(post, path = "/volumes/{volume_id}/lock", tag = "marketplace", params(("volume_id" = VolumeId, Path)), request_body = ChangeLock, responses((status = 200, body = VolumeLock), (status = "4XX", body = AppError)))]
async fn change_lock(ctx: Ctx, Path(id): Path<VolumeId>, Json(input): Json<ChangeLock>) -> AppResult<Json<VolumeLock>> {
    service::change_lock(&ctx, id, input).await.map(Json)
}

/// Whether a volume takes newer versions by itself, and when.
#[utoipa::path(put, path = "/volumes/{volume_id}/lock/settings", tag = "marketplace", params(("volume_id" = VolumeId, Path)), request_body = LockSettings, responses((status = 200, body = VolumeLock), (status = "4XX", body = AppError)))]
async fn set_lock_settings(ctx: Ctx, Path(id): Path<VolumeId>, Json(input): Json<LockSettings>) -> AppResult<Json<VolumeLock>> {
    service::set_settings(&ctx, id, input).await.map(Json)
}

/// Hold an item at its version, or let it go on.
#[utoipa::path(put, path = "/volumes/{volume_id}/lock/{slug}/pin", tag = "marketplace", params(("volume_id" = VolumeId, Path), ("slug" = String, Path)), request_body = Pin, responses((status = 200, body = VolumeLock), (status = "4XX", body = AppError)))]
async fn pin(ctx: Ctx, Path((id, slug)): Path<(VolumeId, String)>, Json(input): Json<Pin>) -> AppResult<Json<VolumeLock>> {
    service::pin(&ctx, id, &slug, input).await.map(Json)
}
