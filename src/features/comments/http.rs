//! `/api/v1` routes of comments.

use axum::http::StatusCode;
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{Comment, CreateReply, CreateThread, Thread, ThreadPage, ThreadQuery, UpdateComment},
    service,
};
use crate::{
    error::{AppError, AppResult},
    features::sessions::model::Completion,
    ids::{ArtifactId, CommentId, EntryId, SessionId, ThreadId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_threads, create_thread))
        .routes(routes!(get_thread))
        .routes(routes!(create_reply))
        .routes(routes!(resolve_thread))
        .routes(routes!(reopen_thread))
        .routes(routes!(edit_comment, delete_comment))
        .routes(routes!(completions))
}

/// The threads about an artifact, about an entry of a session, or about all entries of one; the newest first.
#[utoipa::path(get, path = "/comments/threads", tag = "comments", params(ThreadQuery), responses((status = 200, body = ThreadPage), (status = "4XX", body = AppError)))]
async fn list_threads(ctx: Ctx, Query(query): Query<ThreadQuery>) -> AppResult<Json<ThreadPage>> {
    service::list_threads(&ctx, query).await.map(Json)
}

/// Begin a thread with its first comment. With an id made by the client it is there once, however often it is sent.
#[utoipa::path(post, path = "/comments/threads", tag = "comments", request_body = CreateThread, responses((status = 201, body = Thread), (status = "4XX", body = AppError)))]
async fn create_thread(ctx: Ctx, Json(input): Json<CreateThread>) -> AppResult<(StatusCode, Json<Thread>)> {
    Ok((StatusCode::CREATED, Json(service::create_thread(&ctx, input).await?)))
}

/// A thread with all its comments.
#[utoipa::path(get, path = "/comments/threads/{thread_id}", tag = "comments", params(("thread_id" = ThreadId, Path)), responses((status = 200, body = Thread), (status = "4XX", body = AppError)))]
async fn get_thread(ctx: Ctx, Path(id): Path<ThreadId>) -> AppResult<Json<Thread>> {
    service::get_thread(&ctx, id).await.map(Json)
}

/// Answer in a thread.
#[utoipa::path(post, path = "/comments/threads/{thread_id}/replies", tag = "comments", params(("thread_id" = ThreadId, Path)), request_body = CreateReply, responses((status = 201, body = Comment), (status = "4XX", body = AppError)))]
async fn create_reply(ctx: Ctx, Path(id): Path<ThreadId>, Json(input): Json<CreateReply>) -> AppResult<(StatusCode, Json<Comment>)> {
    Ok((StatusCode::CREATED, Json(service::create_reply(&ctx, id, input).await?)))
}

/// Say that what it is about is done.
#[utoipa::path(post, path = "/comments/threads/{thread_id}/resolve", tag = "comments", params(("thread_id" = ThreadId, Path)), responses((status = 200, body = Thread), (status = "4XX", body = AppError)))]
async fn resolve_thread(ctx: Ctx, Path(id): Path<ThreadId>) -> AppResult<Json<Thread>> {
    service::resolve_thread(&ctx, id).await.map(Json)
}

/// Take it up again.
#[utoipa::path(post, path = "/comments/threads/{thread_id}/reopen", tag = "comments", params(("thread_id" = ThreadId, Path)), responses((status = 200, body = Thread), (status = "4XX", body = AppError)))]
async fn reopen_thread(ctx: Ctx, Path(id): Path<ThreadId>) -> AppResult<Json<Thread>> {
    service::reopen_thread(&ctx, id).await.map(Json)
}

/// Change one's own comment.
#[utoipa::path(patch, path = "/comments/{comment_id}", tag = "comments", params(("comment_id" = CommentId, Path)), request_body = UpdateComment, responses((status = 200, body = Comment), (status = "4XX", body = AppError)))]
async fn edit_comment(ctx: Ctx, Path(id): Path<CommentId>, Json(input): Json<UpdateComment>) -> AppResult<Json<Comment>> {
    service::edit_comment(&ctx, id, input).await.map(Json)
}

/// Empty one's own comment; that it was there stays visible.
#[utoipa::path(delete, path = "/comments/{comment_id}", tag = "comments", params(("comment_id" = CommentId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_comment(ctx: Ctx, Path(id): Path<CommentId>) -> AppResult<StatusCode> {
    service::delete_comment(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Typed {
    artifact: Option<ArtifactId>,
    session: Option<SessionId>,
    entry: Option<EntryId>,
    /// What was typed after `@`.
    #[serde(default)]
    q: String,
}

/// The people and artifacts that `@` offers in a comment.
#[utoipa::path(get, path = "/comments/completions", tag = "comments", params(Typed), responses((status = 200, body = Vec<Completion>), (status = "4XX", body = AppError)))]
async fn completions(ctx: Ctx, Query(typed): Query<Typed>) -> AppResult<Json<Vec<Completion>>> {
    let query = ThreadQuery { artifact: typed.artifact, session: typed.session, entry: typed.entry, ..ThreadQuery::default() };
    service::completions(&ctx, query, &typed.q).await.map(Json)
}
