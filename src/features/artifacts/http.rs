//! `/api/v1` routes of artifacts.
use crate::server::state::AppState;
use utoipa_axum::router::OpenApiRouter;
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
