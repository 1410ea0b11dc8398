//! `/api/v1/sessions/{id}/assistant`.

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{Ask, Assistant, CallResult, CallWork, ChooseSkill, DecideCall},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::{ArtifactId, CallId, RunId, SessionId},
    server::{
        context::Ctx,
        extract::{Json, Path},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_assistant))
        .routes(routes!(ask_assistant))
        .routes(routes!(stop_assistant))
        .routes(routes!(choose_skill))
        .routes(routes!(decide_call))
        .routes(routes!(end_call))
}

/// The assistant of a session: whether it answers, the questions that are open, and the skills that were pinned or left out.
#[utoipa::path(get, path = "/sessions/{id}/assistant", tag = "assistant", params(("id" = SessionId, Path)), responses((status = 200, body = Assistant), (status = "4XX", body = AppError)))]
async fn get_assistant(ctx: Ctx, Path(id): Path<SessionId>) -> AppResult<Json<Assistant>> {
    service::get_assistant(&ctx, id).await.map(Json)
}

/// Ask for an answer to a message. A message that mentions `@assistant` asks by itself. The answer comes through the room socket
/// (`assistant_delta`), and into the timeline when it is whole.
#[utoipa::path(post, path = "/sessions/{id}/assistant/runs", tag = "assistant", params(("id" = SessionId, Path)), request_body = Ask, responses((status = 201, body = Assistant), (status = "4XX", body = AppError)))]
async fn ask_assistant(ctx: Ctx, Path(id): Path<SessionId>, Json(input): Json<Ask>) -> AppResult<(StatusCode, Json<Assistant>)> {
    Ok((StatusCode::CREATED, Json(service::ask(&ctx, id, input).await?)))
}

/// Stop an answer; what was said until then stays.
#[utoipa::path(post, path = "/sessions/{id}/assistant/runs/{run_id}/stop", tag = "assistant", params(("id" = SessionId, Path), ("run_id" = RunId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn stop_assistant(ctx: Ctx, Path((id, run)): Path<(SessionId, RunId)>) -> AppResult<StatusCode> {
    service::stop(&ctx, id, run).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pin a skill in a session, or leave it out there.
#[utoipa::path(put, path = "/sessions/{id}/assistant/skills/{artifact_id}", tag = "assistant", params(("id" = SessionId, Path), ("artifact_id" = ArtifactId, Path)), request_body = ChooseSkill, responses((status = 200, body = Assistant), (status = "4XX", body = AppError)))]
async fn choose_skill(
    ctx: Ctx,
    Path((id, artifact)): Path<(SessionId, ArtifactId)>,
    Json(input): Json<ChooseSkill>,
) -> AppResult<Json<Assistant>> {
    service::choose_skill(&ctx, id, artifact, input).await.map(Json)
}

/// Allow or deny a call of a tool. Who allows it runs it, in their browser, and tells what came of it.
#[utoipa::path(post, path = "/sessions/{id}/assistant/runs/{run_id}/calls/{call_id}/decision", tag = "assistant", params(("id" = SessionId, Path), ("run_id" = RunId, Path), ("call_id" = CallId, Path)), request_body = DecideCall, responses((status = 200, body = Option<CallWork>), (status = "4XX", body = AppError)))]
async fn decide_call(
    ctx: Ctx,
    Path((id, run, call)): Path<(SessionId, RunId, CallId)>,
    Json(input): Json<DecideCall>,
) -> AppResult<Json<Option<CallWork>>> {
    service::decide_call(&ctx, id, run, call, input).await.map(Json)
}

/// Tell what came of a call that one allowed.
#[utoipa::path(post, path = "/sessions/{id}/assistant/runs/{run_id}/calls/{call_id}/result", tag = "assistant", params(("id" = SessionId, Path), ("run_id" = RunId, Path), ("call_id" = CallId, Path)), request_body = CallResult, responses((status = 204), (status = "4XX", body = AppError)))]
async fn end_call(
    ctx: Ctx,
    Path((id, run, call)): Path<(SessionId, RunId, CallId)>,
    Json(input): Json<CallResult>,
) -> AppResult<StatusCode> {
    service::end_call(&ctx, id, run, call, input).await?;
    Ok(StatusCode::NO_CONTENT)
}
