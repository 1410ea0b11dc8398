//! `/api/v1/traces`, and OTLP/HTTP beside it.

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{RateTrace, Trace, TracePage, TracesQuery},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::TraceId,
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_traces)).routes(routes!(get_trace, rate_trace, delete_trace))
}

/// Traces of a team, or of the caller's own, the latest first.
#[utoipa::path(get, path = "/traces", tag = "traces", params(TracesQuery), responses((status = 200, body = TracePage), (status = "4XX", body = AppError)))]
async fn list_traces(ctx: Ctx, Query(query): Query<TracesQuery>) -> AppResult<Json<TracePage>> {
    service::list_traces(&ctx, query).await.map(Json)
}

/// One trace with its steps.
#[utoipa::path(get, path = "/traces/{id}", tag = "traces", params(("id" = TraceId, Path)), responses((status = 200, body = Trace), (status = "4XX", body = AppError)))]
async fn get_trace(ctx: Ctx, Path(id): Path<TraceId>) -> AppResult<Json<Trace>> {
    service::get_trace(&ctx, id).await.map(Json)
}

/// Rate a trace, or say how it ended. Members of the team may; the latest counts.
#[utoipa::path(patch, path = "/traces/{id}", tag = "traces", params(("id" = TraceId, Path)), request_body = RateTrace, responses((status = 200, body = Trace), (status = "4XX", body = AppError)))]
async fn rate_trace(ctx: Ctx, Path(id): Path<TraceId>, Json(input): Json<RateTrace>) -> AppResult<Json<Trace>> {
    service::rate_trace(&ctx, id, input).await.map(Json)
}

/// Delete a trace: whoever brought it in, or a maintainer of the team.
#[utoipa::path(delete, path = "/traces/{id}", tag = "traces", params(("id" = TraceId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_trace(ctx: Ctx, Path(id): Path<TraceId>) -> AppResult<StatusCode> {
    service::delete_trace(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
