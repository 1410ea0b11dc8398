//! Addresses that a browser goes to: the trips to where people sign in elsewhere and back, pictures of people.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use leptos::server_fn::ServerFn as _;
use serde::Deserialize;

use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        api,
        model::{login_address, safe_next, second_step_address},
        service,
    },
    ids::UserId,
    server::{
        context::Ctx,
        cookies,
        extract::{Path, Query},
        forms,
    },
};

/// Where people sign in elsewhere: the cookie of a trip there.
struct Elsewhere {
    cookie: &'static str,
}

const GITHUB: Elsewhere = Elsewhere { cookie: "llmos_github" };
const OIDC: Elsewhere = Elsewhere { cookie: "llmos_oidc" };
const TRIP_SECONDS: u32 = 600;

#[derive(Debug, Default, Deserialize)]
pub struct Start {
    #[serde(default)]
    next: String,
    #[serde(default)]
    invitation: Option<String>,
    /// Set by somebody who is signed in and proves once more who they are.
    #[serde(default)]
    confirm: Option<String>,
}

impl Elsewhere {
    fn leave(&self, ctx: &Ctx, location: &str, trip: &str) -> AppResult<Response> {
        let mut response = go(location);
        response
            .headers_mut()
            .append(header::SET_COOKIE, cookies::set(&ctx.state.config, self.cookie, trip, TRIP_SECONDS).ok_or_else(AppError::internal)?);
        Ok(response)
    }

    /// The trip is over, however it ended.
    fn arrive(&self, ctx: &Ctx, arrival: AppResult<service::Arrival>) -> Response {
        let mut response = match arrival {
            Ok(arrival) => {
                let next = if arrival.half { second_step_address(&arrival.next) } else { arrival.next };
                let mut response = go(&next);
                for cookie in arrival.cookies {
                    response.headers_mut().append(header::SET_COOKIE, cookie);
                }
                response
            }
            Err(error) => refused(ctx, error),
        };
        if let Some(cookie) = cookies::set(&ctx.state.config, self.cookie, "", 0) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

fn go(location: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, forms::header_safe(location)), (header::CACHE_CONTROL, "no-store".to_owned())])
        .into_response()
}

/// Back to the login page, whose form shows the sentence.
fn refused(ctx: &Ctx, error: AppError) -> Response {
    forms::back_to(ctx, "/login", api::SignIn::PATH, error)
}

/// Somebody is sent here by a page of another site: nobody signs in, or links an account, without having chosen to here.
fn is_sent(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

fn choose(start: &Start) -> Response {
    go(&login_address(safe_next(&start.next)))
}

/// Leaves for GitHub.
pub async fn github_start(ctx: Ctx, headers: HeaderMap, Query(start): Query<Start>) -> Response {
    if is_sent(&headers) {
        return choose(&start);
    }
    let begun = service::start_github(&ctx, &start.next, start.invitation, start.confirm.is_some());
    begun.and_then(|begun| GITHUB.leave(&ctx, &begun.location, &begun.trip)).unwrap_or_else(|error| refused(&ctx, error))
}

/// Comes back from GitHub.
pub async fn github_callback(ctx: Ctx, headers: HeaderMap, Query(callback): Query<service::Callback>) -> Response {
    let arrival = service::finish_github(&ctx, cookies::read(&ctx.state.config, &headers, GITHUB.cookie), callback).await;
    GITHUB.arrive(&ctx, arrival)
}

/// Leaves for the configured issuer.
pub async fn oidc_start(ctx: Ctx, headers: HeaderMap, Query(start): Query<Start>) -> Response {
    if is_sent(&headers) {
        return choose(&start);
    }
    let begun = service::start_oidc(&ctx, &start.next, start.invitation, start.confirm.is_some()).await;
    begun.and_then(|begun| OIDC.leave(&ctx, &begun.location, &begun.trip)).unwrap_or_else(|error| refused(&ctx, error))
}

/// Comes back from it.
pub async fn oidc_callback(ctx: Ctx, headers: HeaderMap, Query(callback): Query<service::OidcCallback>) -> Response {
    let arrival = service::finish_oidc(&ctx, cookies::read(&ctx.state.config, &headers, OIDC.cookie), callback).await;
    OIDC.arrive(&ctx, arrival)
}

/// The picture of an account. Its address has its hash, so it never changes.
pub async fn avatar(ctx: Ctx, Path((user, sha)): Path<(UserId, String)>) -> AppResult<impl IntoResponse> {
    let bytes = service::avatar(&ctx, user, &sha).await?;
    Ok(([(header::CONTENT_TYPE, "image/webp"), (header::CACHE_CONTROL, "private, max-age=31536000, immutable")], bytes))
}
