//! The files beside a main file, and the artifact as a folder.

use axum::{
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::AtRevision;
use crate::{
    error::{AppError, AppResult},
    features::{
        artifacts::{
            model::{FileEntry, SavedDraft},
            service,
        },
        volumes::{self, model::limits},
    },
    ids::ArtifactId,
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_files))
        .routes(routes!(get_file, put_file, delete_file))
        .layer(DefaultBodyLimit::max(limits::FILE_BYTES as usize))
        .routes(routes!(download))
}

/// The files beside the main file.
#[utoipa::path(get, path = "/artifacts/{id}/files", tag = "artifacts", params(("id" = ArtifactId, Path)), responses((status = 200, body = Vec<FileEntry>), (status = "4XX", body = AppError)))]
async fn list_files(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<Json<Vec<FileEntry>>> {
    service::list_files(&ctx, id).await.map(Json)
}

/// One file. Text and common pictures are shown, everything else is saved.
#[utoipa::path(get, path = "/artifacts/{id}/files/{*path}", tag = "artifacts", params(("id" = ArtifactId, Path), ("path" = String, Path), AtRevision), responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = AppError)))]
async fn get_file(
    ctx: Ctx,
    Path((id, path)): Path<(ArtifactId, String)>,
    Query(query): Query<AtRevision>,
    headers: HeaderMap,
) -> AppResult<Response> {
    let file = service::get_file(&ctx, id, &path, query.revision).await?;
    let etag = format!("\"{}\"", &file.entry.sha[..32]);
    let mut answer = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&etag) {
        answer.insert(header::ETAG, value);
    }
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
    answer.insert(header::CONTENT_DISPOSITION, disposition(if file.inline { "inline" } else { "attachment" }, name));
    Ok((answer, file.bytes).into_response())
}

/// `Content-Disposition` with a name in any script (RFC 6266).
pub fn disposition(kind: &'static str, name: &str) -> HeaderValue {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') { c } else { '_' }).collect();
    let value = format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", crate::browser::data::encode(name));
    HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static(kind))
}

#[derive(Deserialize, utoipa::IntoParams)]
struct PutFile {
    /// Not given: as it was, or not.
    executable: Option<bool>,
}

/// Put a file into the draft, or replace it: the body is its bytes.
#[utoipa::path(put, path = "/artifacts/{id}/files/{*path}", tag = "artifacts", params(("id" = ArtifactId, Path), ("path" = String, Path), PutFile), request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 200, body = SavedDraft), (status = "4XX", body = AppError)))]
async fn put_file(
    ctx: Ctx,
    Path((id, path)): Path<(ArtifactId, String)>,
    Query(query): Query<PutFile>,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> AppResult<Json<SavedDraft>> {
    let bytes = body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            AppError::too_large(format!("A file has at most {} MB.", limits::FILE_BYTES / 1024 / 1024))
        } else {
            AppError::invalid("The file ended early. Send it again.")
        }
    })?;
    service::put_file(&ctx, id, &path, bytes.to_vec(), query.executable).await.map(Json)
}

/// Remove a file from the draft.
#[utoipa::path(delete, path = "/artifacts/{id}/files/{*path}", tag = "artifacts", params(("id" = ArtifactId, Path), ("path" = String, Path)), responses((status = 200, body = SavedDraft), (status = "4XX", body = AppError)))]
async fn delete_file(ctx: Ctx, Path((id, path)): Path<(ArtifactId, String)>) -> AppResult<Json<SavedDraft>> {
    service::delete_file(&ctx, id, &path).await.map(Json)
}

/// The artifact in the folder form that agents read, as a zip.
#[utoipa::path(get, path = "/artifacts/{id}/download", tag = "artifacts", params(("id" = ArtifactId, Path), AtRevision), responses((status = 200, body = Vec<u8>, content_type = "application/zip"), (status = "4XX", body = AppError)))]
async fn download(ctx: Ctx, Path(id): Path<ArtifactId>, Query(query): Query<AtRevision>) -> AppResult<Response> {
    let export = volumes::service::export_artifact(&ctx, id, query.revision).await?;
    Ok(volumes::http::zip_response(export))
}
