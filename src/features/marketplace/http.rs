//! Routes of the marketplace: those that stay, under `/api/marketplace`, and all others under `/api/v1`.

mod catalogue;
mod lock;
mod log;
mod moderation;
mod owners;
mod publishing;
mod reviews;
mod stable;

use utoipa_axum::router::OpenApiRouter;

use crate::server::state::AppState;

pub use stable::routes as stable_routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(catalogue::routes())
        .merge(publishing::routes())
        .merge(lock::routes())
        .merge(log::routes())
        .merge(moderation::routes())
        .merge(owners::routes())
        .merge(reviews::routes())
}
