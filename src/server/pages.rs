//! Renders the pages: the same components as in the browser, whole before they are sent, so that they read without JavaScript.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use leptos::{config::LeptosOptions, nonce::use_nonce, prelude::*};
use leptos_axum::ResponseOptions;

use super::{context::Ctx, csp, forms, state::AppState};
use crate::{
    app,
    features::{accounts, marketplace},
};

/// Pages that anybody may open.
fn public(state: &AppState, path: &str) -> bool {
    matches!(path, "/login" | accounts::model::SECOND_STEP | "/sign-up")
        || ["/invite/", "/reset/", "/shared/analytics/"].iter().any(|pages| path.starts_with(pages))
        || (state.config.market_public && marketplace::model::is_reading_page(path))
}

/// Any address that is no route and no file.
pub async fn render(state: AppState, request: Request) -> Response {
    let mut ctx = request.extensions().get::<Ctx>().cloned().unwrap_or_else(|| Ctx::internal(state.clone(), None));
    ctx.page = Some(Arc::default());
    let path = request.uri().path().to_owned();
    if ctx.actor.is_none() && !public(&state, &path) {
        let next = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return Redirect::to(&accounts::model::login_address(next)).into_response();
    }
    if let Some(address) = predecessors(request.uri()) {
        return Redirect::permanent(address).into_response();
    }
    if let Some(address) = forms::unmarked(&state.config, request.uri(), request.headers()) {
        return Redirect::to(&address).into_response();
    }
    let handler = leptos_axum::render_app_async_with_context(move || provide(&ctx), move || app::shell(options()));
    handler(request).await.into_response()
}

/// Where an address of the predecessor is now.
fn predecessors(uri: &Uri) -> Option<&'static str> {
    if uri.path() != "/" {
        return None;
    }
    uri.query()?.split('&').find_map(|pair| match pair {
        "action=new-session" => Some("/sessions?new"),
        "tab=artifacts" => Some("/artifacts"),
        _ => None,
    })
}

/// Server functions, for forms that must work before (or without) JavaScript.
pub async fn server_functions(State(state): State<AppState>, mut request: Request) -> Response {
    let ctx = request.extensions().get::<Ctx>().cloned().unwrap_or_else(|| Ctx::internal(state, None));
    forms::clean_referer(&mut request);
    let provided = ctx.clone();
    let mut response =
        leptos_axum::handle_server_fns_with_context(move || provide_context(provided.clone()), request).await.into_response();
    forms::mark(&ctx, &mut response);
    response
}

/// What a page finds in its context, and the headers that go with it.
fn provide(ctx: &Ctx) {
    provide_context(ctx.clone());
    if let Some(response) = use_context::<ResponseOptions>() {
        let nonce = use_nonce().map(|nonce| nonce.to_string()).unwrap_or_default();
        if let Ok(policy) = HeaderValue::from_str(&csp::page_policy(&nonce, ctx.state.config.ws_url.as_deref())) {
            response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
        // A page shows what one account may see, as it is now.
        response.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
}

fn options() -> LeptosOptions {
    LeptosOptions::builder().output_name("llmos").site_root("target/site").build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_predecessor_lead_on() {
        let at = |address: &str| predecessors(&address.parse().unwrap_or_default());
        assert_eq!(at("/?action=new-session"), Some("/sessions?new"));
        assert_eq!(at("/?tab=artifacts&x=1"), Some("/artifacts"));
        assert_eq!(at("/?tab=other"), None);
        assert_eq!(at("/artifacts?tab=artifacts"), None);
    }
}
