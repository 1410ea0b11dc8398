//! What every request passes through, outermost first: request id and log span, panics, security headers, time limit, foreign
//! origins, authentication.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::Instrument as _;

use super::{context::Ctx, csp, state::AppState};
use crate::{
    error::{AppError, ErrorCode},
    features::accounts,
};

/// Longer than any answer takes; streams of uploads and downloads are bounded by their own sizes instead.
const TIME_LIMIT: Duration = Duration::from_secs(60);
const REQUEST_ID: &str = "x-request-id";

/// Names the request, logs how it ended, adds what every response carries.
pub async fn observe(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id: Arc<str> = uuid::Uuid::now_v7().to_string().into();
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    // Without the query: links with secrets and socket tokens would end in the log.
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", id = %id, %method, %path);
    let started = std::time::Instant::now();
    let secure = state.config.secure();
    async move {
        let mut response = next.run(request).await;
        if let Some(mut error) = response.extensions_mut().remove::<AppError>() {
            error.request_id = Some(id.to_string());
            let (parts, body) = error.into_response().into_parts();
            for (name, value) in &parts.headers {
                response.headers_mut().insert(name, value.clone());
            }
            // The body that it replaces may have been compressed already.
            response.headers_mut().remove(header::CONTENT_ENCODING);
            *response.body_mut() = body;
        }
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        csp::add_headers(response.headers_mut(), secure);
        let (status, millis) = (response.status().as_u16(), started.elapsed().as_millis() as u64);
        if status >= 500 {
            tracing::error!(status, millis, "failed");
        } else if status >= 400 {
            tracing::info!(status, millis, "refused");
        } else {
            tracing::debug!(status, millis, "done");
        }
        response
    }
    .instrument(span)
    .await
}

/// The id of the request, for contexts and answers.
#[derive(Clone)]
pub struct RequestId(pub Arc<str>);

/// An answer that takes too long is ended; the transaction in it rolls back.
pub async fn time_limit(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // A clone is made ready first.
    let long = path.ends_with("/imports") || path.ends_with("/export") || path.starts_with("/git/");
    if long {
        return next.run(request).await;
    }
    match tokio::time::timeout(TIME_LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            AppError::new(ErrorCode::Unavailable, "The server took too long and gave up. Nothing was changed; try again.").into_response()
        }
    }
}

/// Turns a panic into an answer; its message goes to the log.
pub fn on_panic(panic: Box<dyn std::any::Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
    tracing::error!(panic = message, "a handler panicked");
    AppError::internal().into_response()
}

/// Refuses a change that a page of another origin asks for. Browsers send `Origin` (or at least `Sec-Fetch-Site`) with every
/// such request; programs send neither, and they bring no cookie.
pub async fn same_origin(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || origin_is_ours(&state, request.headers()) {
        next.run(request).await
    } else {
        AppError::new(
            ErrorCode::ForeignOrigin,
            "This request came from another site, so nothing was changed. Open the page here and try again.",
        )
        .into_response()
    }
}

/// Exact comparison with the address people use; without a configured one, with the `Host` of the request.
pub fn origin_is_ours(state: &AppState, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    if let Some(origin) = text(header::ORIGIN) {
        if let Some(site) = &state.config.site_url {
            return origin == site;
        }
        return text(header::HOST)
            .is_some_and(|host| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host));
    }
    match headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()) {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => true,
    }
}

/// Finds out who asks and puts the [`Ctx`] where handlers take it from. A page rendered here brings its own already.
pub async fn authenticate(State(state): State<AppState>, request: Request, next: Next) -> Response {
    // Without the body: it cannot be shared across an await.
    let (mut parts, body) = request.into_parts();
    if parts.extensions.get::<Ctx>().is_none() {
        let context = match identify(&state, &parts).await {
            Ok(context) => context,
            Err(error) => return error.into_response(),
        };
        parts.extensions.insert(context);
    }
    next.run(Request::from_parts(parts, body)).await
}

async fn identify(state: &AppState, parts: &Parts) -> Result<Ctx, AppError> {
    let headers = &parts.headers;
    let mut ctx = Ctx::internal(state.clone(), None);
    ctx.address = client_address(state, parts).into();
    ctx.user_agent = headers
        .get(header::USER_AGENT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect::<String>()
        .into();
    if let Some(RequestId(id)) = parts.extensions.get::<RequestId>() {
        ctx.request_id = id.clone();
    }
    let actor = if parts.extensions.get::<LocalSocket>().is_some() {
        accounts::service::operator(&ctx).await?
    } else if let Some(token) = bearer(headers) {
        Some(accounts::service::actor_of_token(&ctx, token).await?)
    } else if let Some(secret) = cookie(headers, accounts::service::COOKIE) {
        // An old cookie is the same as none: the page then asks to sign in.
        accounts::service::actor_of_sign_in(&ctx, secret).await?
    } else {
        None
    };
    ctx.actor = actor.map(Arc::new);
    Ok(ctx)
}

/// Marks requests that came through the local socket.
#[derive(Clone)]
pub struct LocalSocket;

/// The token of the `Authorization` header.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of a cookie.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Behind a trusted proxy the last address that the proxy did not write itself, otherwise the peer's.
fn client_address(state: &AppState, parts: &Parts) -> String {
    let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else { return "local".to_owned() };
    let trusted = &state.config.trusted_proxies;
    if trusted.contains(&peer.ip())
        && let Some(forwarded) = parts.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok())
        && let Some(client) =
            forwarded.rsplit(',').filter_map(|hop| hop.trim().parse::<std::net::IpAddr>().ok()).find(|hop| !trusted.contains(hop))
    {
        return client.to_string();
    }
    peer.ip().to_string()
}
