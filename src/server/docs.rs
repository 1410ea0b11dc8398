//! `/api/docs`: the interactive reference of `/api/v1`, and the description it is made from.

use axum::{
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};

use super::{assets, secrets};
use crate::error::AppError;

/// The reference's page. Its script makes style elements of its own, so this one page allows inline styles.
pub async fn page() -> Response {
    let Some(script) = assets::vendor("api-reference") else {
        return AppError::not_found("page").into_response();
    };
    let nonce = secrets::generate("");
    let policy = format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>API · LLMos-Lite</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"icon\" href=\"/favicon.svg\"></head>\
         <body><div id=\"api-reference\"></div><noscript>This page needs JavaScript; the description itself is at \
         <a href=\"/api/openapi.json\">/api/openapi.json</a>.</noscript>\
         <script type=\"module\" nonce=\"{nonce}\" src=\"{script}\"></script></body></html>"
    );
    let mut response = Html(page).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
