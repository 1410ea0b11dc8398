//! `/api/v1` routes of volumes.

mod imports;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{CommitDetail, CommitPage, CreateVolume, UpdateVolume, Volume},
    service::{self, Export},
};
use crate::{
    error::{AppError, AppResult},
    features::artifacts::http::disposition,
    ids::{ArtifactId, CommitId, VolumeId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_volumes, create_volume))
        .routes(routes!(get_volume, rename_volume, delete_volume))
        .routes(routes!(list_commits))
        .routes(routes!(get_commit))
        .routes(routes!(export))
        .routes(routes!(add_demo, remove_demo))
        .merge(imports::routes())
}

/// Every volume that the caller sees, with counts.
#[utoipa::path(get, path = "/volumes", tag = "volumes", responses((status = 200, body = Vec<Volume>), (status = "4XX", body = AppError)))]
async fn list_volumes(ctx: Ctx) -> AppResult<Json<Vec<Volume>>> {
    service::list_volumes(&ctx).await.map(Json)
}

/// Make a volume, of a team or of one's own.
#[utoipa::path(post, path = "/volumes", tag = "volumes", request_body = CreateVolume, responses((status = 201, body = Volume), (status = "4XX", body = AppError)))]
async fn create_volume(ctx: Ctx, Json(input): Json<CreateVolume>) -> AppResult<(StatusCode, Json<Volume>)> {
    Ok((StatusCode::CREATED, Json(service::create_volume(&ctx, input).await?)))
}

/// One volume.
#[utoipa::path(get, path = "/volumes/{id}", tag = "volumes", params(("id" = VolumeId, Path)), responses((status = 200, body = Volume), (status = "4XX", body = AppError)))]
async fn get_volume(ctx: Ctx, Path(id): Path<VolumeId>) -> AppResult<Json<Volume>> {
    service::get_volume(&ctx, id).await.map(Json)
}

/// Rename a volume.
#[utoipa::path(patch, path = "/volumes/{id}", tag = "volumes", params(("id" = VolumeId, Path)), request_body = UpdateVolume, responses((status = 200, body = Volume), (status = "4XX", body = AppError)))]
async fn rename_volume(ctx: Ctx, Path(id): Path<VolumeId>, Json(input): Json<UpdateVolume>) -> AppResult<Json<Volume>> {
    service::rename_volume(&ctx, id, input).await.map(Json)
}

/// Delete a volume.
#[utoipa::path(delete, path = "/volumes/{id}", tag = "volumes", params(("id" = VolumeId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_volume(ctx: Ctx, Path(id): Path<VolumeId>) -> AppResult<StatusCode> {
    service::delete_volume(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Before {
    /// From `next` of the page before.
    before: Option<CommitId>,
}

/// The commits of a volume, newest first.
#[utoipa::path(get, path = "/volumes/{id}/commits", tag = "volumes", params(("id" = VolumeId, Path), Before), responses((status = 200, body = CommitPage), (status = "4XX", body = AppError)))]
async fn list_commits(ctx: Ctx, Path(id): Path<VolumeId>, Query(query): Query<Before>) -> AppResult<Json<CommitPage>> {
    service::list_commits(&ctx, id, query.before).await.map(Json)
}

/// One commit with what it changed.
#[utoipa::path(get, path = "/commits/{id}", tag = "volumes", params(("id" = CommitId, Path)), responses((status = 200, body = CommitDetail), (status = "4XX", body = AppError)))]
async fn get_commit(ctx: Ctx, Path(id): Path<CommitId>) -> AppResult<Json<CommitDetail>> {
    service::get_commit(&ctx, id).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Only {
    /// Ids with commas between them: only these.
    artifacts: Option<String>,
}

/// Everything committed in a volume, as a zip. Importing it again changes nothing.
#[utoipa::path(get, path = "/volumes/{id}/export", tag = "volumes", params(("id" = VolumeId, Path), Only), responses((status = 200, body = Vec<u8>, content_type = "application/zip"), (status = "4XX", body = AppError)))]
async fn export(ctx: Ctx, Path(id): Path<VolumeId>, Query(query): Query<Only>) -> AppResult<Response> {
    let only = query.artifacts.as_deref().map(|ids| ids.split(',').map(str::parse).collect::<Result<Vec<ArtifactId>, _>>());
    let only = only.transpose().map_err(|_| AppError::field("artifacts", "These are no ids with commas between them."))?;
    service::export_volume(&ctx, id, only).await.map(zip_response)
}

/// Add the sample team and volume.
#[utoipa::path(post, path = "/admin/demo", tag = "volumes", responses((status = 204), (status = "4XX", body = AppError)))]
async fn add_demo(ctx: Ctx) -> AppResult<StatusCode> {
    service::add_demo(&ctx).await.map(|()| StatusCode::NO_CONTENT)
}

/// Remove the sample team, its people and its volume.
#[utoipa::path(delete, path = "/admin/demo", tag = "volumes", responses((status = 204), (status = "4XX", body = AppError)))]
async fn remove_demo(ctx: Ctx) -> AppResult<StatusCode> {
    service::remove_demo(&ctx).await.map(|()| StatusCode::NO_CONTENT)
}

/// A zip that is written while it is sent.
pub fn zip_response(export: Export) -> Response {
    let mut response = Body::from_stream(export.stream).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition("attachment", &export.name));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}
