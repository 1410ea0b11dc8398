//! `/api/v1` routes of accounts, and the few outside of it that browsers go to: signing in elsewhere, pictures.

mod admin;
mod browser;
mod me;
mod session;
mod teams;

use axum::http::{HeaderName, header};
use utoipa_axum::router::OpenApiRouter;

pub use browser::{avatar, github_callback, github_start, oidc_callback, oidc_start};

use crate::server::state::AppState;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().merge(session::routes()).merge(me::routes()).merge(teams::routes()).merge(admin::routes())
}

/// For answers with a secret or a cookie in them: nobody keeps them, not even for a repeated `Idempotency-Key`.
const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];
