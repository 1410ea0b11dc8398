//! `/api/v1/jobs`, and the queue under `/api/v1/admin/jobs`.

use axum::http::StatusCode;
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{Changed, JobStatus, JobsQuery, JobsReport},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::JobId,
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_job))
        .routes(routes!(cancel))
        .routes(routes!(report))
        .routes(routes!(retry))
        .routes(routes!(retry_all))
}

/// How far a job of one's own is.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = JobId, Path)), responses((status = 200, body = JobStatus), (status = "4XX", body = AppError)))]
async fn get_job(ctx: Ctx, Path(id): Path<JobId>) -> AppResult<Json<JobStatus>> {
    service::status(&ctx, id).await.map(Json)
}

/// Ask a job to stop: one's own, or any for administrators.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", params(("id" = JobId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn cancel(ctx: Ctx, Path(id): Path<JobId>) -> AppResult<StatusCode> {
    service::cancel(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// The queue: how much of each kind waits, runs, failed and was done, the jobs themselves, and what comes back when.
#[utoipa::path(get, path = "/admin/jobs", tag = "administration", params(JobsQuery), responses((status = 200, body = JobsReport), (status = "4XX", body = AppError)))]
async fn report(ctx: Ctx, Query(query): Query<JobsQuery>) -> AppResult<Json<JobsReport>> {
    service::report(&ctx, query).await.map(Json)
}

/// Begin a failed job again.
#[utoipa::path(post, path = "/admin/jobs/{id}/retry", tag = "administration", params(("id" = JobId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn retry(ctx: Ctx, Path(id): Path<JobId>) -> AppResult<StatusCode> {
    service::retry(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct WhichJobs {
    /// Without: all.
    kind: Option<String>,
}

/// Begin all failed jobs again, or those of a kind.
#[utoipa::path(post, path = "/admin/jobs/retry", tag = "administration", params(WhichJobs), responses((status = 200, body = Changed), (status = "4XX", body = AppError)))]
async fn retry_all(ctx: Ctx, Query(which): Query<WhichJobs>) -> AppResult<Json<Changed>> {
    service::retry_all(&ctx, which.kind.as_deref()).await.map(Json)
}
