//! What server functions behind plain forms share: the caller's context, the login cookie, where to go on.

use axum::http::{HeaderValue, header, request::Parts};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

use super::context::Ctx;
use crate::{
    error::{AppError, AppResult},
    features::accounts::model::safe_next,
};

/// The caller, as the authentication middleware found it.
pub fn context() -> AppResult<Ctx> {
    use_context::<Ctx>().ok_or_else(AppError::internal)
}

/// Ends a form: sets the cookie and leads to `next`, or hands the error back with its own status.
pub fn lead_on(cookie: AppResult<HeaderValue>, next: &str) -> AppResult<()> {
    let response = use_context::<ResponseOptions>();
    match cookie {
        Ok(cookie) => {
            if let Some(response) = response {
                response.append_header(header::SET_COOKIE, cookie);
            }
            leptos_axum::redirect(&header_safe(safe_next(next)));
            Ok(())
        }
        Err(error) => {
            // A plain form is led back to its page, which needs the redirect's own status.
            if let Some(response) = response
                && !wants_page()
                && let Ok(status) = axum::http::StatusCode::from_u16(error.code.status())
            {
                response.set_status(status);
            }
            Err(error)
        }
    }
}

fn wants_page() -> bool {
    use_context::<Parts>()
        .and_then(|parts| {
            parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).map(|accept| accept.contains("text/html"))
        })
        .unwrap_or(false)
}

/// An address as a header may carry it.
pub fn header_safe(address: &str) -> String {
    let mut safe = String::with_capacity(address.len());
    for byte in address.bytes() {
        if byte.is_ascii_graphic() {
            safe.push(byte as char);
        } else {
            safe.push_str(&format!("%{byte:02X}"));
        }
    }
    safe
}
