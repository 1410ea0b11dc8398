//! `/api/v1` routes of accounts, GitHub login, avatars.
use crate::{
    error::AppError,
    server::{context::Ctx, state::AppState},
};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
pub async fn github_start(_ctx: Ctx) -> Result<Response, AppError> {
    Err(AppError::not_found("page"))
}
pub async fn github_callback(_ctx: Ctx) -> Result<Response, AppError> {
    Err(AppError::not_found("page"))
}
pub async fn avatar(_ctx: Ctx) -> Result<Response, AppError> {
    Err(AppError::not_found("page"))
}
