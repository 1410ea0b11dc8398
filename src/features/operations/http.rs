//! `/healthz`, `/readyz`, `/metrics`, and for administrators `/api/v1/admin/health`.

use axum::{
    Json,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{model::Health, service};
use crate::{
    error::{AppError, AppResult},
    server::{context::Ctx, metrics, middleware, state::AppState},
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_health))
}

/// How the server is: each of its parts, and what there is to do.
#[utoipa::path(get, path = "/admin/health", tag = "administration", responses((status = 200, body = Health), (status = "4XX", body = AppError)))]
async fn get_health(ctx: Ctx) -> AppResult<Json<Health>> {
    service::health(&ctx).await.map(Json)
}

/// Whether the process serves and its database answers.
pub async fn healthz(State(state): State<AppState>) -> Response {
    match state.db.ping().await {
        Ok(()) => "ok".into_response(),
        Err(error) => error.into_response(),
    }
}

/// Whether requests are welcome: 200 or 503, and how the parts stand as JSON.
pub async fn readyz(State(state): State<AppState>, request: Request) -> Response {
    let here = middleware::is_from_here(&state, request.extensions(), request.headers());
    let (ready, states) = service::readiness(&Ctx::internal(state, None), here).await;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(states)).into_response()
}

/// What Prometheus reads. Outside of the authentication of accounts: its token is one of its own.
pub async fn prometheus(State(state): State<AppState>, request: Request) -> AppResult<impl IntoResponse> {
    let here = middleware::is_from_here(&state, request.extensions(), request.headers());
    let token = middleware::bearer(request.headers());
    let text = service::metrics(&Ctx::internal(state.clone(), None), here, token).await?;
    Ok(([(header::CONTENT_TYPE, metrics::CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], text))
}
