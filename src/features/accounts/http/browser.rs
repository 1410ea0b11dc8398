//! Addresses that a browser goes to: the trip to GitHub and back, pictures of people.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use leptos::server_fn::ServerFn as _;
use serde::Deserialize;

use crate::{
    error::{AppError, AppResult},
    features::accounts::{api, service},
    ids::UserId,
    server::{
        context::Ctx,
        cookies,
        extract::{Path, Query},
        forms,
    },
};

const TRIP: &str = "llmos_github";
const TRIP_SECONDS: u32 = 600;

#[derive(Debug, Default, Deserialize)]
pub struct Start {
    #[serde(default)]
    next: String,
    #[serde(default)]
    invitation: Option<String>,
}

fn go(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, forms::header_safe(location)), (header::CACHE_CONTROL, "no-store".to_owned())])
        .into_response()
}

/// Back to the login page, whose form shows the sentence.
fn refused(ctx: &Ctx, error: AppError) -> Response {
    forms::back_to(ctx, "/login", api::SignIn::PATH, error)
}

/// Leaves for GitHub.
pub async fn github_start(ctx: Ctx, Query(start): Query<Start>) -> Response {
    let begun = service::start_github(&ctx, &start.next, start.invitation).and_then(|begun| {
        let mut response = go(&begun.location);
        response
            .headers_mut()
            .append(header::SET_COOKIE, cookies::set(&ctx.state.config, TRIP, &begun.trip, TRIP_SECONDS).ok_or_else(AppError::internal)?);
        Ok(response)
    });
    begun.unwrap_or_else(|error| refused(&ctx, error))
}

/// Comes back from GitHub.
pub async fn github_callback(ctx: Ctx, headers: HeaderMap, Query(callback): Query<service::Callback>) -> Response {
    let mut response = match service::finish_github(&ctx, cookies::read(&ctx.state.config, &headers, TRIP), callback).await {
        Ok((signed_in, next)) => {
            let mut response = go(&next);
            if let Some(signed_in) = signed_in {
                response.headers_mut().append(header::SET_COOKIE, signed_in.cookie);
            }
            response
        }
        Err(error) => refused(&ctx, error),
    };
    // The trip is over either way.
    if let Some(cookie) = cookies::set(&ctx.state.config, TRIP, "", 0) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The picture of an account. Its address has its hash, so it never changes.
pub async fn avatar(ctx: Ctx, Path((user, sha)): Path<(UserId, String)>) -> AppResult<impl IntoResponse> {
    let bytes = service::avatar(&ctx, user, &sha).await?;
    Ok(([(header::CONTENT_TYPE, "image/webp"), (header::CACHE_CONTROL, "private, max-age=31536000, immutable")], bytes))
}
