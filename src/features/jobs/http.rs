//! `/api/v1/jobs`.

use utoipa_axum::{router::OpenApiRouter, routes};

use super::{model::JobStatus, service};
use crate::{
    error::{AppError, AppResult},
    ids::JobId,
    server::{
        context::Ctx,
        extract::{Json, Path},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_job))
}

/// How far a job of one's own is.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = JobId, Path)), responses((status = 200, body = JobStatus), (status = "4XX", body = AppError)))]
async fn get_job(ctx: Ctx, Path(id): Path<JobId>) -> AppResult<Json<JobStatus>> {
    service::status(&ctx, id).await.map(Json)
}
