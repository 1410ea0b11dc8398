//! The one seam through which pages read and write: `/api/v1`, by path.
//!
//! In the browser it is a request; on the server, while a page is rendered, the same route is called in the process with the
//! visitor's own context. What is behind the seam can later answer from the device.

use std::future::Future;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::AppResult;

/// Reads `path` (with its query, under `/api/v1`). Call it inside a component or a resource's fetcher.
pub fn get<T: DeserializeOwned + Send + 'static>(path: impl Into<String>) -> impl Future<Output = AppResult<T>> + Send + 'static {
    transport::call("GET", path.into(), None)
}

/// Reads `path` as text, whatever its type: a file that a page shows.
pub fn get_text(path: impl Into<String>) -> impl Future<Output = AppResult<String>> + Send + 'static {
    transport::call_text("GET", path.into(), None)
}

/// Sends text and reads the answer as text, whatever their types.
pub fn post_text(path: impl Into<String>, text: String) -> impl Future<Output = AppResult<String>> + Send + 'static {
    transport::call_text("POST", path.into(), Some(text))
}

/// Changes something. Every call has a new `Idempotency-Key`, so that a retry by the browser or a proxy happens once.
pub fn send<T: DeserializeOwned + Send + 'static>(
    method: &'static str,
    path: impl Into<String>,
    body: &impl Serialize,
) -> impl Future<Output = AppResult<T>> + Send + 'static {
    let body = serde_json::to_string(body).ok();
    transport::call(method, path.into(), body)
}

pub fn post<T: DeserializeOwned + Send + 'static>(
    path: impl Into<String>,
    body: &impl Serialize,
) -> impl Future<Output = AppResult<T>> + Send + 'static {
    send("POST", path, body)
}

/// A path with a query made from `query`'s fields; what is `None` is left out.
pub fn with_query(path: &str, query: &impl Serialize) -> String {
    let fields = match serde_json::to_value(query) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => return path.to_owned(),
    };
    let mut address = path.to_owned();
    let mut separator = '?';
    for (name, value) in fields {
        let text = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        address.push(separator);
        address.push_str(&name);
        address.push('=');
        address.push_str(&encode(&text));
        separator = '&';
    }
    address
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte as char),
            _ => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                encoded.push('%');
                encoded.push(DIGITS[usize::from(byte >> 4)] as char);
                encoded.push(DIGITS[usize::from(byte & 15)] as char);
            }
        }
    }
    encoded
}

#[cfg(feature = "hydrate")]
mod transport {
    use gloo::net::http::{Method, RequestBuilder};
    use send_wrapper::SendWrapper;

    use super::{AppResult, DeserializeOwned, Future};
    use crate::error::{AppError, ErrorCode};

    pub fn call<T: DeserializeOwned>(
        method: &'static str,
        path: String,
        body: Option<String>,
    ) -> impl Future<Output = AppResult<T>> + Send {
        let answer = call_text(method, path, body);
        async move {
            let text = answer.await?;
            // An empty answer reads as `()`.
            serde_json::from_str(if text.is_empty() { "null" } else { &text }).map_err(|_| unreadable())
        }
    }

    pub fn call_text(method: &'static str, path: String, body: Option<String>) -> impl Future<Output = AppResult<String>> + Send {
        SendWrapper::new(async move {
            let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
            let mut request = RequestBuilder::new(&format!("/api/v1{path}")).method(method.clone());
            if method != Method::GET {
                request = request.header("idempotency-key", &uuid::Uuid::now_v7().to_string());
            }
            let response = match body {
                Some(body) => match request.header("content-type", "application/json").body(body) {
                    Ok(request) => request.send().await,
                    Err(error) => Err(error),
                },
                None => request.send().await,
            };
            let response = response.map_err(|_| offline())?;
            let text = response.text().await.map_err(|_| offline())?;
            if response.ok() {
                return Ok(text);
            }
            Err(serde_json::from_str(&text).unwrap_or_else(|_| unreadable()))
        })
    }

    fn offline() -> AppError {
        AppError::new(ErrorCode::Offline, "The server cannot be reached. Check the connection and try again.")
    }

    fn unreadable() -> AppError {
        AppError::new(ErrorCode::Internal, "The server sent something that this page does not understand. Load the page again.")
    }
}

#[cfg(feature = "ssr")]
mod transport {
    use axum::{
        body::{Body, to_bytes},
        http::{Request, header},
    };
    use tower::ServiceExt as _;

    use super::{AppResult, DeserializeOwned, Future};
    use crate::{
        error::AppError,
        server::{context::Ctx, error::internal},
    };

    /// No page shows more than this at once.
    const ANSWER_MAX: usize = 32 * 1024 * 1024;

    pub fn call<T: DeserializeOwned>(
        method: &'static str,
        path: String,
        body: Option<String>,
    ) -> impl Future<Output = AppResult<T>> + Send {
        let answer = call_text(method, path, body);
        async move {
            let text = answer.await?;
            serde_json::from_str(if text.is_empty() { "null" } else { &text }).map_err(|error| internal("page data", &error))
        }
    }

    pub fn call_text(method: &'static str, path: String, body: Option<String>) -> impl Future<Output = AppResult<String>> + Send {
        // Taken now: the context belongs to the reactive owner, which is not there after an await.
        let ctx = leptos::prelude::use_context::<Ctx>();
        async move {
            let ctx = ctx.ok_or_else(AppError::unauthenticated)?;
            let Some(api) = ctx.state.api.get().cloned() else { return Err(AppError::internal()) };
            let mut request = Request::builder().method(method).uri(format!("/api/v1{path}")).extension(ctx);
            if body.is_some() {
                request = request.header(header::CONTENT_TYPE, "application/json");
            }
            let request = request.body(body.map_or_else(Body::empty, Body::from)).map_err(|error| internal("page data", &error))?;
            let response = match api.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let ok = response.status().is_success();
            let bytes = to_bytes(response.into_body(), ANSWER_MAX).await.map_err(|error| internal("page data", &error))?;
            if ok {
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            } else {
                Err(serde_json::from_slice(&bytes).unwrap_or_else(|_| AppError::internal()))
            }
        }
    }
}

#[cfg(not(any(feature = "ssr", feature = "hydrate")))]
mod transport {
    use super::{AppResult, DeserializeOwned, Future};
    use crate::error::AppError;

    /// A build without either half (a plain `cargo check`) has nobody to ask.
    pub fn call<T: DeserializeOwned>(_: &'static str, _: String, _: Option<String>) -> impl Future<Output = AppResult<T>> + Send {
        async { Err(AppError::internal()) }
    }

    pub fn call_text(_: &'static str, _: String, _: Option<String>) -> impl Future<Output = AppResult<String>> + Send {
        async { Err(AppError::internal()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Query {
        q: Option<&'static str>,
        tag: Option<&'static str>,
        limit: u32,
    }

    #[test]
    fn queries_leave_out_what_is_not_set_and_escape_the_rest() {
        let query = Query { q: Some("a&b=ä"), tag: None, limit: 5 };
        let address = with_query("/artifacts", &query);
        assert!(
            address.starts_with("/artifacts?")
                && address.contains("q=a%26b%3D%C3%A4")
                && address.contains("limit=5")
                && !address.contains("tag")
        );
    }
}
