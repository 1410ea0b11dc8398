//! Attachments, exports and commits of sessions.

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, Multipart, multipart::MultipartError},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    error::{AppError, AppResult},
    features::{
        artifacts::{http::disposition, model::ArtifactDetail},
        sessions::{
            model::{ATTACHMENT_BYTES, Attachment, CommitSession, ExportFormat, SaveAsArtifact},
            service,
        },
        volumes::model::Commit,
    },
    ids::{AttachmentId, SessionId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

/// What multipart wraps around a file.
const ENVELOPE: usize = 16 * 1024;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(attach))
        .layer(DefaultBodyLimit::max(ATTACHMENT_BYTES + ENVELOPE))
        .routes(routes!(get_attachment))
        .routes(routes!(save_as_artifact))
        .routes(routes!(commit_session))
        .routes(routes!(export_session))
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Upload {
    /// Made by the client, so that a retry makes one attachment.
    id: Option<AttachmentId>,
}

/// Upload a file for a message that is still to be written: the first file of a form, at most 10 MB.
#[utoipa::path(post, path = "/sessions/{id}/attachments", tag = "sessions", params(("id" = SessionId, Path), Upload), request_body(content = Vec<u8>, content_type = "multipart/form-data"), responses((status = 201, body = Attachment), (status = "4XX", body = AppError)))]
async fn attach(
    ctx: Ctx,
    Path(id): Path<SessionId>,
    Query(query): Query<Upload>,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> AppResult<(StatusCode, Json<Attachment>)> {
    // What nobody sends is not even read.
    ctx.actor()?;
    let (name, bytes) = first_file(form.map_err(|_| unreadable())?).await?;
    Ok((StatusCode::CREATED, Json(service::attach(&ctx, id, query.id, &name, bytes).await?)))
}

fn unreadable() -> AppError {
    AppError::field("file", "The form has no readable file: choose one and send it again.")
}

async fn first_file(mut form: Multipart) -> AppResult<(String, Bytes)> {
    let fault = |error: MultipartError| if error.status() == StatusCode::PAYLOAD_TOO_LARGE { service::too_large() } else { unreadable() };
    while let Some(field) = form.next_field().await.map_err(fault)? {
        if let Some(name) = field.file_name().map(str::to_owned) {
            return Ok((name, field.bytes().await.map_err(fault)?));
        }
    }
    Err(unreadable())
}

/// One attachment. Pictures are shown, everything else is saved.
#[utoipa::path(get, path = "/sessions/{id}/attachments/{attachment_id}", tag = "sessions", params(("id" = SessionId, Path), ("attachment_id" = AttachmentId, Path)), responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = AppError)))]
async fn get_attachment(ctx: Ctx, Path((id, attachment)): Path<(SessionId, AttachmentId)>, headers: HeaderMap) -> AppResult<Response> {
    let file = service::get_attachment(&ctx, id, attachment).await?;
    let etag = format!("\"{}\"", &file.sha[..32.min(file.sha.len())]);
    let mut answer = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(&etag) {
        answer.insert(header::ETAG, value);
    }
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    answer.insert(header::CONTENT_DISPOSITION, disposition(if file.inline { "inline" } else { "attachment" }, &file.name));
    Ok((answer, file.bytes).into_response())
}

/// Make a draft of an attached markdown file; it comes into the session.
#[utoipa::path(post, path = "/sessions/{id}/attachments/{attachment_id}/save-as-artifact", tag = "sessions", params(("id" = SessionId, Path), ("attachment_id" = AttachmentId, Path)), request_body = SaveAsArtifact, responses((status = 201, body = ArtifactDetail), (status = "4XX", body = AppError)))]
async fn save_as_artifact(
    ctx: Ctx,
    Path((id, attachment)): Path<(SessionId, AttachmentId)>,
    Json(input): Json<SaveAsArtifact>,
) -> AppResult<(StatusCode, Json<ArtifactDetail>)> {
    Ok((StatusCode::CREATED, Json(service::save_as_artifact(&ctx, id, attachment, input).await?)))
}

/// Commit drafts of one volume together with the session's own record.
#[utoipa::path(post, path = "/sessions/{id}/commit", tag = "sessions", params(("id" = SessionId, Path)), request_body = CommitSession, responses((status = 201, body = Commit), (status = "4XX", body = AppError)))]
async fn commit_session(ctx: Ctx, Path(id): Path<SessionId>, Json(input): Json<CommitSession>) -> AppResult<(StatusCode, Json<Commit>)> {
    Ok((StatusCode::CREATED, Json(service::commit_session(&ctx, id, input).await?)))
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Export {
    /// `markdown` for people, `json` for programs.
    #[serde(default)]
    format: ExportFormat,
}

/// The whole session as a file.
#[utoipa::path(get, path = "/sessions/{id}/export", tag = "sessions", params(("id" = SessionId, Path), Export), responses((status = 200, body = String, content_type = "text/markdown"), (status = "4XX", body = AppError)))]
async fn export_session(ctx: Ctx, Path(id): Path<SessionId>, Query(query): Query<Export>) -> AppResult<Response> {
    let export = service::export_session(&ctx, id, query.format).await?;
    let content_type = match query.format {
        ExportFormat::Markdown => "text/markdown; charset=utf-8",
        ExportFormat::Json => "application/json",
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::CONTENT_DISPOSITION, disposition("attachment", &export.name));
    Ok((headers, export.text).into_response())
}
