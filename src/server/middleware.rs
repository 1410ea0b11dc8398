//! What every request passes through, outermost first: request id and log span, panics, security headers, time limit, how many there are at once, foreign
//! origins, authentication; then how often its caller may ask ([`super::rates`]).

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody as _},
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt as _};
use tokio::time::{Instant, Sleep, sleep};
use tracing::{Instrument as _, field::Empty};

use super::{context::Ctx, cookies, csp, metrics, rates, state::AppState};
use crate::{
    error::{AppError, ErrorCode},
    features::accounts,
};

/// The routes that anybody may ask, by method and path as the router has it.
pub type Open = HashMap<Method, HashSet<String>>;

/// Longer than any answer takes.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// The same where an archive is sent or made first: the largest over a slow line.
const LONG_LIMIT: Duration = Duration::from_secs(3_600);
/// For so long whoever sends a body may send nothing of it.
const BODY_IDLE: Duration = Duration::from_secs(30);
/// After which somebody who found everything busy may try again, in seconds.
const BUSY_SECONDS: u32 = 2;
const REQUEST_ID: &str = "x-request-id";
/// Whose answer it is, for the service worker, which keeps each account's apart and takes nothing that lacks it: that came from something in between. In a request:
/// whose it has to be, so that nothing is done in another name.
const ACCOUNT: HeaderName = HeaderName::from_static("x-llmos-account");
/// Where nobody is signed in.
const NOBODY: &str = "-";

/// Names the request, logs how it ended, adds what every response carries.
pub async fn observe(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let id: Arc<str> = uuid::Uuid::now_v7().to_string().into();
    request.extensions_mut().insert(RequestId(id.clone()));
    // So that everything behind this finds it in one place, whichever version of HTTP was spoken.
    if let Some(host) =
        host(&request).filter(|_| !request.headers().contains_key(header::HOST)).and_then(|host| HeaderValue::from_str(host).ok())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    // Without the query, and without the secrets of links: both would end in the log.
    let path = without_secrets(request.uri().path(), matched.as_ref().map_or("", MatchedPath::as_str));
    // For a collector, where one is set. A span keeps the name that it began with; what no route matched has its method alone, as OpenTelemetry's conventions say.
    let exported = state.config.otlp_endpoint.is_some();
    let name = exported.then(|| matched.as_ref().map_or_else(|| method.to_string(), |route| format!("{method} {}", route.as_str())));
    let (name, kind) = (name.as_deref(), exported.then_some("server"));
    let span =
        tracing::info_span!("request", id = %id, %method, %path, otel.name = name, otel.kind = kind, http.response.status_code = Empty);
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
        let (status, took) = (response.status().as_u16(), started.elapsed());
        let is_html = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let route = metrics::route_of(matched.as_ref(), is_html);
        state.metrics.request(&method, route, status, took);
        if exported {
            tracing::Span::current().record("http.response.status_code", status);
        }
        state.usage.gauges.note(took, status >= 500);
        let millis = took.as_millis() as u64;
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

/// The parts of a path that are the secrets of invitations and links, by what routes call them.
const SECRETS: [&str; 2] = ["{token}", "{secret}"];
/// What stands before them in the addresses of pages, which are no routes of the server.
const SECRET_PAGES: [&str; 3] = ["/invite/", "/reset/", "/shared/analytics/"];

/// `path` as it may be in the log.
fn without_secrets(path: &str, route: &str) -> String {
    if let Some(page) = SECRET_PAGES.iter().find(|page| path.starts_with(**page)) {
        return format!("{page}{}", SECRETS[0]);
    }
    if !SECRETS.iter().any(|secret| route.contains(secret)) {
        return path.to_owned();
    }
    let parts = path.split('/').zip(route.split('/')).map(|(part, name)| if SECRETS.contains(&name) { name } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The id of the request, for contexts and answers.
#[derive(Clone)]
pub struct RequestId(pub Arc<str>);

/// An answer that takes too long is ended; the transaction in it rolls back. Who does not get its request here in time is told so: nothing was wrong with the server.
pub async fn time_limit(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // Traces are taken in parts, each of which stays; so "nothing was changed" would not be true of them.
    let takes_traces = request.method() == Method::POST && path.ends_with("/traces");
    // A clone is made ready first.
    let long = takes_traces || path.ends_with("/imports") || path.ends_with("/export") || path.starts_with("/git/");
    let limit = if long { LONG_LIMIT } else { TIME_LIMIT };
    let (parts, body) = request.into_parts();
    let (body, arrival) = Arriving::watch(body, BODY_IDLE);
    let answered = tokio::time::timeout(limit, next.run(Request::from_parts(parts, body))).await;
    match (answered, arrival.state()) {
        // Whatever was made of a body that broke off, this is why.
        (Ok(response), Arrived::Stalled) if !response.status().is_success() => too_slow(),
        (Ok(response), _) => response,
        (Err(_), Arrived::Partly | Arrived::Stalled) => too_slow(),
        (Err(_), Arrived::Whole) => {
            AppError::new(ErrorCode::Unavailable, "The server took too long and gave up. Nothing was changed; try again.").into_response()
        }
    }
}

fn too_slow() -> Response {
    AppError::new(
        ErrorCode::RequestTimeout,
        "The request took too long to arrive. Nothing was changed; try again over a better connection.",
    )
    .into_response()
}

/// How much of a body is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrived {
    Partly,
    Whole,
    /// Nothing came for too long.
    Stalled,
}

#[derive(Clone)]
struct Arrival(Arc<AtomicU8>);

impl Arrival {
    fn set(&self, arrived: Arrived) {
        self.0.store(arrived as u8, Ordering::Relaxed);
    }

    fn state(&self) -> Arrived {
        match self.0.load(Ordering::Relaxed) {
            0 => Arrived::Partly,
            1 => Arrived::Whole,
            _ => Arrived::Stalled,
        }
    }
}

/// A body that ends with an error when nothing of it comes for too long.
struct Arriving {
    body: BodyDataStream,
    patience: Duration,
    idle: Pin<Box<Sleep>>,
    arrival: Arrival,
}

impl Arriving {
    fn watch(body: Body, patience: Duration) -> (Body, Arrival) {
        let arrival = Arrival(Arc::new(AtomicU8::new(Arrived::Partly as u8)));
        if body.is_end_stream() {
            arrival.set(Arrived::Whole);
            return (body, arrival);
        }
        let watched = Self { body: body.into_data_stream(), patience, idle: Box::pin(sleep(patience)), arrival: arrival.clone() };
        (Body::from_stream(watched), arrival)
    }
}

impl Stream for Arriving {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.body.poll_next_unpin(context);
        match &polled {
            Poll::Ready(Some(Ok(_))) => {
                let until = Instant::now() + self.patience;
                self.idle.as_mut().reset(until);
            }
            Poll::Ready(Some(Err(_))) => {}
            Poll::Ready(None) => self.arrival.set(Arrived::Whole),
            Poll::Pending if self.idle.as_mut().poll(context).is_ready() => {
                self.arrival.set(Arrived::Stalled);
                return Poll::Ready(Some(Err(axum::Error::new(Stalled))));
            }
            Poll::Pending => {}
        }
        polled
    }
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
#[error("nothing of the body came for too long")]
struct Stalled;

/// Refuses what is beyond the number of requests that are worked on at the same time: waiting would make everybody slow.
pub async fn at_once(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    // Whoever watches over the server has to hear that it is busy, not that it is dead; deliveries are admitted by the room that they take (`webhooks::service::admit`).
    if matches!(matched, "/healthz" | "/readyz" | "/metrics" | "/webhook/github") {
        return next.run(request).await;
    }
    let address = caller_of(&client_address(&state, request.extensions(), request.headers()));
    let Some(_place) = state.at_once.take(address.as_deref()) else { return busy().into_response() };
    next.run(request).await
}

/// Whom an address counts as; nobody in particular on this machine, where a proxy may be that is not known as one.
pub fn caller_of(address: &str) -> Option<String> {
    let is_here = address.parse::<std::net::IpAddr>().map_or(true, |address| address.to_canonical().is_loopback());
    (!is_here).then(|| rates::address_key(address))
}

/// What is said where no place is left.
pub fn busy() -> AppError {
    let error = AppError::new(ErrorCode::Unavailable, "The server is busy with many requests. Nothing was changed; try again in a moment.");
    AppError { retry_after: Some(BUSY_SECONDS), ..error }
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
    // CONNECT is how a socket is opened over HTTP/2; it looks at its origin itself, as it does with GET.
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS | Method::CONNECT);
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

/// The host that a request is for, with its port where it names one: HTTP/2 has it in the address, HTTP/1.1 in a header.
pub fn host<B>(request: &axum::http::Request<B>) -> Option<&str> {
    let named = || request.headers().get(header::HOST)?.to_str().ok();
    request.uri().authority().map(axum::http::uri::Authority::as_str).or_else(named)
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

/// Whoever is not signed in gets what is open, and is asked to sign in for the rest before anything of the request is read: what is wrong with it tells nobody how
/// the API is made. Who may do what is asked in the services.
pub async fn signed_in(State(open): State<Arc<Open>>, request: Request, next: Next) -> Response {
    let known = request.extensions().get::<Ctx>().is_some_and(|ctx| ctx.actor.is_some());
    // A HEAD is a GET without its body.
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let is_open = |path: &MatchedPath| open.get(method).is_some_and(|paths| paths.contains(path.as_str()));
    if known || request.extensions().get::<MatchedPath>().is_some_and(is_open) {
        next.run(request).await
    } else {
        AppError::unauthenticated().into_response()
    }
}

/// Finds out who asks and puts the [`Ctx`] where handlers take it from. A page rendered here brings its own already.
pub async fn authenticate(State(state): State<AppState>, request: Request, next: Next) -> Response {
    // Without the body: it cannot be shared across an await.
    let (mut parts, body) = request.into_parts();
    let mut account = HeaderValue::from_static(NOBODY);
    if parts.extensions.get::<Ctx>().is_none() {
        let context = match identify(&state, &parts).await {
            Ok(context) => context,
            Err(error) => return error.into_response(),
        };
        if let Some(id) = context.actor.as_deref().and_then(|actor| HeaderValue::from_str(&actor.id().to_string()).ok()) {
            account = id;
        }
        // What was written offline is not done in the name of whoever is signed in by the time that it arrives.
        if parts.headers.get(ACCOUNT).is_some_and(|meant| *meant != account) {
            let error = AppError::new(
                ErrorCode::Unauthenticated,
                "This was written by an account that is not signed in here now. Sign in with it, and it is sent.",
            );
            let mut response = error.into_response();
            response.headers_mut().insert(ACCOUNT, account);
            return response;
        }
        parts.extensions.insert(context);
    }
    let mut response = next.run(Request::from_parts(parts, body)).await;
    // What is for everybody may be kept for everybody by what stands before us.
    let public = response.headers().get(header::CACHE_CONTROL).is_some_and(|value| value.as_bytes().starts_with(b"public"));
    if !public {
        response.headers_mut().insert(ACCOUNT, account);
    }
    response
}

async fn identify(state: &AppState, parts: &Parts) -> Result<Ctx, AppError> {
    let headers = &parts.headers;
    let mut ctx = Ctx::internal(state.clone(), None);
    ctx.address = client_address(state, &parts.extensions, headers).into();
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
    ctx.device = cookies::read(&state.config, headers, accounts::service::DEVICE_COOKIE).map(Into::into);
    ctx.half = cookies::read(&state.config, headers, accounts::service::HALF_COOKIE).map(Into::into);
    let actor = if parts.extensions.get::<LocalSocket>().is_some() {
        accounts::service::operator(&ctx).await?
    } else if let Some(token) = bearer(headers) {
        Some(accounts::service::actor_of_token(&ctx, token).await?)
    } else if let Some(secret) = cookies::read(&state.config, headers, accounts::service::COOKIE) {
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

/// Whom the request is from: behind a trusted proxy whom that names, otherwise the peer.
fn client_address(state: &AppState, extensions: &Extensions, headers: &HeaderMap) -> String {
    let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else { return "local".to_owned() };
    // A line that is no text is one that cannot be read.
    let forwarded = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or("?"));
    state.config.trusted_proxies.client(peer.ip(), forwarded).to_string()
}

/// Whether a request was made on this machine, or by one of its proxies for itself. One that was passed on says so in a header: it came from elsewhere, whoever
/// the peer is.
pub fn is_from_here(state: &AppState, extensions: &Extensions, headers: &HeaderMap) -> bool {
    if extensions.get::<LocalSocket>().is_some() {
        return true;
    }
    let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"].iter().any(|name| headers.contains_key(*name));
    let is_here = |peer: std::net::IpAddr| peer.to_canonical().is_loopback() || state.config.trusted_proxies.contains(peer);
    !passed_on && extensions.get::<ConnectInfo<SocketAddr>>().is_some_and(|ConnectInfo(peer)| is_here(peer.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_of_which_nothing_comes_ends_and_one_that_is_whole_does_not() {
        let first = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
        let body = Body::from_stream(first.chain(futures::stream::pending()));
        let (body, arrival) = Arriving::watch(body, Duration::from_millis(20));
        assert_eq!(arrival.state(), Arrived::Partly);
        let mut body = body.into_data_stream();
        assert!(matches!(body.next().await, Some(Ok(_))));
        assert!(matches!(body.next().await, Some(Err(_))));
        assert_eq!(arrival.state(), Arrived::Stalled);

        let (body, arrival) = Arriving::watch(Body::from("{}"), Duration::from_secs(30));
        assert!(axum::body::to_bytes(body, 10).await.is_ok_and(|bytes| &bytes[..] == b"{}"));
        assert_eq!(arrival.state(), Arrived::Whole);
        assert_eq!(Arriving::watch(Body::empty(), Duration::ZERO).1.state(), Arrived::Whole, "nothing is waited for");
    }

    #[test]
    fn secrets_of_links_are_not_in_the_log() {
        // A page has no route.
        assert_eq!(without_secrets("/invite/s3cret", ""), "/invite/{token}");
        assert_eq!(without_secrets("/reset/s3cret/more", ""), "/reset/{token}");
        assert_eq!(
            without_secrets("/api/v1/invitations/s3cret/accept", "/api/v1/invitations/{secret}/accept"),
            "/api/v1/invitations/{secret}/accept"
        );
        assert_eq!(without_secrets("/sessions/1", "/sessions/{id}"), "/sessions/1");
    }
}
