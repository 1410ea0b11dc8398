//! `/api/v1` routes of sessions.

mod files;

use axum::http::StatusCode;
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{
        AddArtifact, Completion, CreateMessage, CreateSession, Entry, EntryPage, EntryQuery, MarkRead, SessionArtifact, SessionDetail,
        SessionPage, SessionQuery, UpdateMessage, UpdateSession,
    },
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::{ArtifactId, EntryId, SessionId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_sessions, create_session))
        .routes(routes!(get_session, rename_session, delete_session))
        .routes(routes!(undelete_session))
        .routes(routes!(archive_session))
        .routes(routes!(restore_session))
        .routes(routes!(join_session))
        .routes(routes!(mark_read))
        .routes(routes!(list_entries))
        .routes(routes!(send_message))
        .routes(routes!(edit_message, delete_message))
        .routes(routes!(add_artifact))
        .routes(routes!(remove_artifact))
        .routes(routes!(completions))
        .merge(files::routes())
}

/// The sessions that one sees: one's own private ones, and those of one's teams.
#[utoipa::path(get, path = "/sessions", tag = "sessions", params(SessionQuery), responses((status = 200, body = SessionPage), (status = "4XX", body = AppError)))]
async fn list_sessions(ctx: Ctx, Query(query): Query<SessionQuery>) -> AppResult<Json<SessionPage>> {
    service::list_sessions(&ctx, query).await.map(Json)
}

/// Begin a session.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = CreateSession, responses((status = 201, body = SessionDetail), (status = "4XX", body = AppError)))]
async fn create_session(ctx: Ctx, Json(input): Json<CreateSession>) -> AppResult<(StatusCode, Json<SessionDetail>)> {
    Ok((StatusCode::CREATED, Json(service::create_session(&ctx, input).await?)))
}

/// A session with its people and artifacts.
#[utoipa::path(get, path = "/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 200, body = SessionDetail), (status = "4XX", body = AppError)))]
async fn get_session(ctx: Ctx, Path(id): Path<SessionId>) -> AppResult<Json<SessionDetail>> {
    service::get_session(&ctx, id).await.map(Json)
}

/// Change its title or goal.
#[utoipa::path(patch, path = "/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)), request_body = UpdateSession, responses((status = 200, body = SessionDetail), (status = "4XX", body = AppError)))]
async fn rename_session(ctx: Ctx, Path(id): Path<SessionId>, Json(input): Json<UpdateSession>) -> AppResult<Json<SessionDetail>> {
    service::rename_session(&ctx, id, input).await.map(Json)
}

/// Put it into the trash, for 30 days.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_session(ctx: Ctx, Path(id): Path<SessionId>) -> AppResult<StatusCode> {
    service::delete_session(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Take it out of the trash.
#[utoipa::path(post, path = "/sessions/{id}/undelete", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn undelete_session(ctx: Ctx, Path(id): Path<SessionId>) -> AppResult<StatusCode> {
    service::undelete_session(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Put it into the archive: it can be read, nothing is written.
#[utoipa::path(post, path = "/sessions/{id}/archive", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 200, body = SessionDetail), (status = "4XX", body = AppError)))]
async fn archive_session(ctx: Ctx, Path(id): Path<SessionId>) -> AppResult<Json<SessionDetail>> {
    service::archive_session(&ctx, id).await.map(Json)
}

/// Take it out of the archive.
#[utoipa::path(post, path = "/sessions/{id}/restore", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 200, body = SessionDetail), (status = "4XX", body = AppError)))]
async fn restore_session(ctx: Ctx, Path(id): Path<SessionId>) -> AppResult<Json<SessionDetail>> {
    service::unarchive_session(&ctx, id).await.map(Json)
}

/// Say that one is here; the first time it becomes an entry.
#[utoipa::path(post, path = "/sessions/{id}/join", tag = "sessions", params(("id" = SessionId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn join_session(ctx: Ctx, Path(id): Path<SessionId>) -> AppResult<StatusCode> {
    service::join_session(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Mark everything up to a number as read.
#[utoipa::path(put, path = "/sessions/{id}/read", tag = "sessions", params(("id" = SessionId, Path)), request_body = MarkRead, responses((status = 204), (status = "4XX", body = AppError)))]
async fn mark_read(ctx: Ctx, Path(id): Path<SessionId>, Json(input): Json<MarkRead>) -> AppResult<StatusCode> {
    service::mark_read(&ctx, id, input).await.map(|()| StatusCode::NO_CONTENT)
}

/// A page of the timeline, by number; the newest without `from`.
#[utoipa::path(get, path = "/sessions/{id}/entries", tag = "sessions", params(("id" = SessionId, Path), EntryQuery), responses((status = 200, body = EntryPage), (status = "4XX", body = AppError)))]
async fn list_entries(ctx: Ctx, Path(id): Path<SessionId>, Query(query): Query<EntryQuery>) -> AppResult<Json<EntryPage>> {
    service::list_entries(&ctx, id, query).await.map(Json)
}

/// Write a message. With an id made by the client it is there once, however often it is sent.
#[utoipa::path(post, path = "/sessions/{id}/messages", tag = "sessions", params(("id" = SessionId, Path)), request_body = CreateMessage, responses((status = 201, body = Entry), (status = "4XX", body = AppError)))]
async fn send_message(ctx: Ctx, Path(id): Path<SessionId>, Json(input): Json<CreateMessage>) -> AppResult<(StatusCode, Json<Entry>)> {
    Ok((StatusCode::CREATED, Json(service::send_message(&ctx, id, input).await?)))
}

/// Change one's own message.
#[utoipa::path(patch, path = "/sessions/{id}/messages/{entry_id}", tag = "sessions", params(("id" = SessionId, Path), ("entry_id" = EntryId, Path)), request_body = UpdateMessage, responses((status = 200, body = Entry), (status = "4XX", body = AppError)))]
async fn edit_message(ctx: Ctx, Path((id, entry)): Path<(SessionId, EntryId)>, Json(input): Json<UpdateMessage>) -> AppResult<Json<Entry>> {
    service::edit_message(&ctx, id, entry, input).await.map(Json)
}

/// Empty one's own message; that it was there stays visible.
#[utoipa::path(delete, path = "/sessions/{id}/messages/{entry_id}", tag = "sessions", params(("id" = SessionId, Path), ("entry_id" = EntryId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_message(ctx: Ctx, Path((id, entry)): Path<(SessionId, EntryId)>) -> AppResult<StatusCode> {
    service::delete_message(&ctx, id, entry).await.map(|()| StatusCode::NO_CONTENT)
}

/// Bring an artifact into the session.
#[utoipa::path(post, path = "/sessions/{id}/artifacts", tag = "sessions", params(("id" = SessionId, Path)), request_body = AddArtifact, responses((status = 201, body = SessionArtifact), (status = "4XX", body = AppError)))]
async fn add_artifact(
    ctx: Ctx,
    Path(id): Path<SessionId>,
    Json(input): Json<AddArtifact>,
) -> AppResult<(StatusCode, Json<SessionArtifact>)> {
    Ok((StatusCode::CREATED, Json(service::add_artifact(&ctx, id, input).await?)))
}

/// Take an artifact out of the session's list.
#[utoipa::path(delete, path = "/sessions/{id}/artifacts/{artifact_id}", tag = "sessions", params(("id" = SessionId, Path), ("artifact_id" = ArtifactId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn remove_artifact(ctx: Ctx, Path((id, artifact)): Path<(SessionId, ArtifactId)>) -> AppResult<StatusCode> {
    service::remove_artifact(&ctx, id, artifact).await.map(|()| StatusCode::NO_CONTENT)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Typed {
    /// What was typed after `@`.
    #[serde(default)]
    q: String,
}

/// The people and artifacts that `@` offers here.
#[utoipa::path(get, path = "/sessions/{id}/completions", tag = "sessions", params(("id" = SessionId, Path), Typed), responses((status = 200, body = Vec<Completion>), (status = "4XX", body = AppError)))]
async fn completions(ctx: Ctx, Path(id): Path<SessionId>, Query(query): Query<Typed>) -> AppResult<Json<Vec<Completion>>> {
    service::completions(&ctx, id, &query.q).await.map(Json)
}
