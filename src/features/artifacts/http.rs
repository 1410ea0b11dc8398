//! `/api/v1` routes of artifacts.
use utoipa_axum::router::OpenApiRouter;
use crate::server::state::AppState;
pub fn routes() -> OpenApiRouter<AppState> { OpenApiRouter::new() }
