//! Every route of the process on one page.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    handler::Handler,
    http::Method,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, get, post},
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, Predicate as _,
        predicate::{DefaultPredicate, NotForContentType},
    },
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};
use utoipa_axum::router::OpenApiRouter;

use super::{assets, docs, drain, help, idempotency, middleware, pages, rates, service_worker, state::AppState, tls, tool_frame};
use crate::{
    error::{AppError, ErrorCode},
    features::{
        accounts, analytics, archives, artifacts, assistant, collaboration, comments, evolution, git, jobs, marketplace, notifications,
        operations, search, sessions, tasks, traces, volumes, webhooks,
    },
};

/// JSON and text bodies; archives and files have limits of their own.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

#[derive(OpenApi)]
#[openapi(info(
    title = "LLMos-Lite",
    description = "Everything a workspace holds, for agents, scripts and CI. Authenticate with `Authorization: Bearer <API token>`. \
Every mutation accepts `Idempotency-Key`; ids may be made by the client (UUIDv7). Times are UTC milliseconds.",
    license(name = "MIT OR Apache-2.0")
), security(("token" = [])), modifiers(&Token))]
struct Description;

/// What `token` is, which everything asks for that does not say otherwise (`security(())`).
struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token")).build();
        description.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(token));
    }
}

/// What of `description` is for everybody, with or without a sign-in: methods and paths.
fn open_to_all(description: &utoipa::openapi::OpenApi) -> middleware::Open {
    let optional = SecurityRequirement::default();
    let mut open = middleware::Open::default();
    for (path, item) in &description.paths.paths {
        let operations = [
            (Method::GET, &item.get),
            (Method::PUT, &item.put),
            (Method::POST, &item.post),
            (Method::PATCH, &item.patch),
            (Method::DELETE, &item.delete),
        ];
        for (method, operation) in operations {
            if operation.as_ref().and_then(|operation| operation.security.as_ref()).is_some_and(|asked| asked.contains(&optional)) {
                open.entry(method).or_default().insert(path.clone());
            }
        }
    }
    open
}

/// `/api/v1`: its routes and their description come from the same lines, so that they cannot differ.
fn api_v1() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(accounts::http::routes())
        .merge(analytics::http::routes())
        .merge(archives::http::routes())
        .merge(artifacts::http::routes())
        .merge(assistant::http::routes())
        .merge(collaboration::http::routes())
        .merge(comments::http::routes())
        .merge(evolution::http::routes())
        .merge(git::http::routes())
        .merge(jobs::http::routes())
        .merge(marketplace::http::routes())
        .merge(notifications::http::routes())
        .merge(operations::http::routes())
        .merge(search::http::routes())
        .merge(sessions::http::routes())
        .merge(tasks::http::routes())
        .merge(traces::http::routes())
        .merge(volumes::http::routes())
        .merge(webhooks::http::routes())
}

/// What others are written against.
fn all_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().nest("/api/v1", api_v1()).nest("/api/marketplace", marketplace::http::stable_routes())
}

/// The description of the API as OpenAPI 3.1.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (_, description) = OpenApiRouter::<AppState>::with_openapi(Description::openapi()).merge(all_routes()).split_for_parts();
    description
}

/// The whole service.
pub fn router(state: AppState) -> Router {
    // Pages are rendered on this runtime; a second router in the process (the local socket's, a test's) finds it set.
    let _ = any_spawner::Executor::init_tokio();
    let (api, description) = OpenApiRouter::with_openapi(Description::openapi()).merge(all_routes()).split_for_parts();
    let open = Arc::new(open_to_all(&description));
    let description = serde_json::to_string(&description).unwrap_or_default();

    let api = api
        .layer(from_fn_with_state(open, middleware::signed_in))
        .route("/api/docs", get(docs::page))
        .route("/api/openapi.json", get(move || async move { ([("content-type", "application/json")], description.clone()) }))
        .route("/api/{*rest}", any(|| async { AppError::new(ErrorCode::NotFound, "There is no such route: /api/docs lists them.") }))
        .method_not_allowed_fallback(|| async {
            AppError::new(ErrorCode::MethodNotAllowed, "This route does not take this method: /api/docs lists them.")
        })
        .layer(from_fn_with_state(state.clone(), idempotency::layer))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(state.clone());
    // Pages rendered here call the API through this handle, already authenticated.
    let _ = state.api.set(api.clone());

    Router::<AppState>::new()
        .merge(api.with_state(()))
        .route("/healthz", get(operations::http::healthz))
        .route("/readyz", get(operations::http::readyz))
        .route("/ws", socket(collaboration::ws::room_socket))
        .route("/ws/doc/{artifact_id}", socket(collaboration::ws::document_socket))
        .route("/webhook/github", webhook())
        .route("/auth/github", get(accounts::http::github_start))
        .route("/auth/github/callback", get(accounts::http::github_callback))
        .route("/auth/oidc", get(accounts::http::oidc_start))
        .route("/auth/oidc/callback", get(accounts::http::oidc_callback))
        .route("/git/{team}/{volume}/info/refs", get(git::http::info_refs))
        .route("/git/{team}/{volume}/git-upload-pack", post(git::http::upload_pack))
        .route("/unsubscribe", get(notifications::http::unsubscribe_page).post(notifications::http::unsubscribe))
        .route("/avatars/{user_id}/{sha}", get(accounts::http::avatar))
        .route("/help", get(help::first))
        .route("/help/{page}", get(help::page))
        .route("/frames/tool", get(tool_frame::page))
        .route("/sw.js", get(service_worker::script))
        .route("/shell", get(service_worker::shell))
        .route("/open", get(service_worker::open))
        .route("/share", post(service_worker::share))
        .route("/fn/{*name}", any(pages::server_functions))
        .fallback(file_or_page)
        .layer(from_fn_with_state(state.clone(), rates::layer))
        .layer(from_fn_with_state(state.clone(), middleware::authenticate))
        // Its token is none of an account.
        .route("/metrics", get(operations::http::prometheus))
        .layer(from_fn_with_state(state.clone(), middleware::same_origin))
        .layer(from_fn_with_state(state.clone(), middleware::at_once))
        .layer(from_fn(middleware::time_limit))
        .layer(from_fn(drain::layer))
        .layer(CatchPanicLayer::custom(middleware::on_panic))
        .layer(from_fn_with_state(state.clone(), tls::other_names))
        .layer(from_fn_with_state(state.clone(), middleware::observe))
        // Outermost: `observe` writes the request's id into bodies of errors, which must not be compressed yet.
        // A release has its WebAssembly compressed already; compressing 24 MB for each new browser is what development waits for.
        .layer(
            CompressionLayer::new().compress_when(
                DefaultPredicate::new()
                    .and(NotForContentType::const_new("application/zip"))
                    .and(NotForContentType::const_new("application/wasm"))
                    .and(NotForContentType::const_new("application/octet-stream"))
                    .and(NotForContentType::const_new("application/x-git-upload-pack-result")),
            ),
        )
        .with_state(state)
}

/// The sockets alone, for a listener of its own (`WS_ADDR`).
pub fn sockets(state: AppState) -> Router {
    Router::<AppState>::new()
        .route("/", socket(collaboration::ws::room_socket))
        .route("/ws", socket(collaboration::ws::room_socket))
        .route("/ws/doc/{artifact_id}", socket(collaboration::ws::document_socket))
        .layer(from_fn_with_state(state.clone(), rates::layer))
        .layer(from_fn_with_state(state.clone(), middleware::authenticate))
        .layer(from_fn_with_state(state.clone(), middleware::at_once))
        .layer(from_fn(middleware::time_limit))
        .layer(CatchPanicLayer::custom(middleware::on_panic))
        .layer(from_fn_with_state(state.clone(), middleware::observe))
        .with_state(state)
}

/// The webhook alone, for a listener of its own (`WEBHOOK_ADDR`).
pub fn webhooks(state: AppState) -> Router {
    Router::<AppState>::new()
        .route("/", webhook())
        .route("/webhook/github", webhook())
        .fallback(|| async { AppError::new(ErrorCode::NotFound, "Only /webhook/github is here.") })
        .layer(from_fn_with_state(state.clone(), middleware::authenticate))
        .layer(from_fn(middleware::time_limit))
        .layer(CatchPanicLayer::custom(middleware::on_panic))
        .layer(from_fn_with_state(state.clone(), middleware::observe))
        .with_state(state)
}

/// A socket is opened by GET over HTTP/1.1 (RFC 6455) and by CONNECT over HTTP/2 (RFC 8441), which browsers choose where a connection is there already.
fn socket<H: Handler<T, AppState>, T: 'static>(handler: H) -> MethodRouter<AppState> {
    get(handler.clone()).connect(handler)
}

fn webhook() -> MethodRouter<AppState> {
    post(webhooks::http::github)
        .fallback(|| async { AppError::new(ErrorCode::MethodNotAllowed, "GitHub sends its deliveries here with POST.") })
}

async fn file_or_page(State(state): State<AppState>, request: Request) -> Response {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return AppError::new(ErrorCode::MethodNotAllowed, "This address only shows a page.").into_response();
    }
    match assets::serve(request.uri().path(), request.headers()).await {
        Some(response) => response,
        None => pages::render(state, request).await,
    }
}
