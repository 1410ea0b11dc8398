//! `/api/v1` routes of teams' archives.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::service;
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{artifacts::http::disposition, jobs::model::JobStatus},
    ids::{JobId, TeamId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(start_export)).routes(routes!(download)).routes(routes!(import))
}

/// Write everything that a team has into one file, in the background. The job's report is a `TeamExported`; the file is then at `/teams/{id}/exports/{job}`
/// for a day.
#[utoipa::path(post, path = "/teams/{id}/exports", tag = "teams", params(("id" = TeamId, Path)), responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn start_export(ctx: Ctx, Path(id): Path<TeamId>) -> AppResult<(StatusCode, Json<JobStatus>)> {
    Ok((StatusCode::ACCEPTED, Json(service::start_export(&ctx, id).await?)))
}

/// The file of an export that is done.
#[utoipa::path(get, path = "/teams/{id}/exports/{job}", tag = "teams", params(("id" = TeamId, Path), ("job" = JobId, Path)), responses((status = 200, body = Vec<u8>, content_type = "application/zip"), (status = "4XX", body = AppError)))]
async fn download(ctx: Ctx, Path((id, job)): Path<(TeamId, JobId)>) -> AppResult<Response> {
    let (name, length, stream) = service::download(&ctx, id, job).await?;
    let mut response = Body::from_stream(stream).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONTENT_DISPOSITION, disposition("attachment", &name));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(response)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Import {
    /// Of the job; made by the client, so that a retry imports once.
    id: Option<JobId>,
}

/// Make a team of the file of one, in the background: for administrators, because what comes in is in the name of many. The job's report is a
/// `TeamImported`.
#[utoipa::path(post, path = "/teams/imports", tag = "teams", params(Import), request_body(content = Vec<u8>, content_type = "application/zip"), responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn import(ctx: Ctx, Query(options): Query<Import>, request: Request<Body>) -> AppResult<(StatusCode, Json<JobStatus>)> {
    // Before the body is read: nobody uploads for nothing.
    service::may_import(&ctx)?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !["application/zip", "application/octet-stream"].iter().any(|known| kind.starts_with(known)) {
        return Err(AppError::new(ErrorCode::UnsupportedMediaType, "Send the file of a team as application/zip."));
    }
    Ok((StatusCode::ACCEPTED, Json(service::start_import(&ctx, options.id, request.into_body()).await?)))
}
