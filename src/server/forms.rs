//! What the server functions behind plain forms share: the caller's context, the login cookie, where to go on, and how an
//! error comes back to its page without JavaScript.
//!
//! Leptos puts that error into the address (`__path`, `__err`), where `ServerAction` finds it while the page is rendered.
//! Anybody could put their own words there and send somebody the link, so an error counts only with a mark that belongs to a
//! short-lived cookie of this browser. What was typed comes back too, in another such cookie, so that nobody types it twice:
//! only what a form names for that, and never a password.

use std::collections::BTreeMap;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use leptos::{prelude::use_context, server_fn::error::FromServerFnError as _};
use leptos_axum::ResponseOptions;

use super::{config::Config, context::Ctx, cookies, secrets};
use crate::{
    browser::data::encode,
    error::{AppError, AppResult},
    features::accounts::model::{SECOND_STEP, safe_next},
};

const FLASH: &str = "llmos_flash";
const TYPED: &str = "llmos_typed";
/// Of one field: more than any of them may have, and all of a form's fit into a cookie.
const TYPED_CHARS: usize = 300;
const FLASH_SECONDS: u32 = 60;
const MARK: &str = "__mark";
/// The parts of an address that are about an error.
const ERROR_PARTS: [&str; 3] = ["__path", "__err", MARK];

/// The caller, as the authentication middleware found it.
pub fn context() -> AppResult<Ctx> {
    use_context::<Ctx>().ok_or_else(AppError::internal)
}

/// Ends a form: sets the cookies and leads to `next`, or hands the error back with its own status. `typed` are the fields that
/// the form is shown with again then, by name; a password is never one of them.
pub fn lead_on(cookies: AppResult<Vec<HeaderValue>>, next: &str, typed: &[(&str, &str)]) -> AppResult<()> {
    let done = cookies.map(|cookies| {
        if let Some(response) = use_context::<ResponseOptions>() {
            for cookie in cookies {
                response.append_header(header::SET_COOKIE, cookie);
            }
        }
    });
    end(done, next, typed)
}

/// The same of a form that changes nothing about signing in.
pub fn end(done: AppResult<()>, next: &str, typed: &[(&str, &str)]) -> AppResult<()> {
    let response = use_context::<ResponseOptions>();
    match done {
        Ok(()) => {
            leptos_axum::redirect(&header_safe(safe_next(next)));
            Ok(())
        }
        Err(error) => {
            if let Some(response) = response {
                match use_context::<Parts>().filter(|parts| wants_page(&parts.headers)) {
                    // A plain form is led back to its page, which needs the redirect's own status.
                    Some(parts) => {
                        if let Some(cookie) = context().ok().and_then(|ctx| typed_cookie(&ctx.state.config, parts.uri.path(), typed)) {
                            response.append_header(header::SET_COOKIE, cookie);
                        }
                    }
                    None => {
                        if let Ok(status) = StatusCode::from_u16(error.code.status()) {
                            response.set_status(status);
                        }
                    }
                }
            }
            Err(error)
        }
    }
}

/// A form that cannot be read has the status of its error; a plain one is led back to its page.
pub fn refuse(error: &AppError) {
    let is_plain = use_context::<Parts>().is_some_and(|parts| wants_page(&parts.headers));
    if !is_plain {
        crate::browser::response::set_status(error.code.status());
    }
}

/// Ends a form whose page stays: only a browser without JavaScript has to be led back to it.
pub fn stay(done: AppResult<()>, page: &str) -> AppResult<()> {
    let plain = use_context::<Parts>().is_some_and(|parts| wants_page(&parts.headers));
    match done {
        Ok(()) if !plain => Ok(()),
        done => end(done, page, &[]),
    }
}

/// What was typed into the form of `action`, for the next look at its page.
fn typed_cookie(config: &Config, action: &str, typed: &[(&str, &str)]) -> Option<HeaderValue> {
    let typed: BTreeMap<&str, String> =
        typed.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (*name, text.chars().take(TYPED_CHARS).collect())).collect();
    if typed.is_empty() {
        return None;
    }
    let value = URL_SAFE.encode(serde_json::to_vec(&(action, typed)).ok()?);
    cookies::set(config, TYPED, &value, FLASH_SECONDS)
}

/// What was typed into the form of `action` before the server refused it and led back to the page that is rendered now.
pub fn typed(action: &str) -> BTreeMap<String, String> {
    // An error in the address has its mark, or the page would not be rendered.
    let Some(parts) = use_context::<Parts>().filter(|parts| query_value(&parts.uri, "__err").is_some()) else {
        return BTreeMap::new();
    };
    let Ok(ctx) = context() else { return BTreeMap::new() };
    let stored = cookies::read(&ctx.state.config, &parts.headers, TYPED).and_then(|value| URL_SAFE.decode(value).ok());
    match stored.and_then(|bytes| serde_json::from_slice::<(String, BTreeMap<String, String>)>(&bytes).ok()) {
        Some((form, typed)) if form == action => typed,
        _ => BTreeMap::new(),
    }
}

/// Whether a browser sent this without a script, and shows what comes back.
pub fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
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

/// Leads back to `page` with an error for the form that posts to `action`.
pub fn back_to(ctx: &Ctx, page: &str, action: &str, error: AppError) -> Response {
    let location = format!("{page}?__path={}&__err={}", encode(action), encode(&URL_SAFE.encode(error.ser())));
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    mark(ctx, &mut response);
    response
}

/// Before a form's server function runs: the page that it came from, without the error of the try before.
pub fn clean_referer(request: &mut Request) {
    if !wants_page(request.headers()) {
        return;
    }
    let before = request.headers().get(header::REFERER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse::<Uri>().ok());
    let page = match before {
        Some(uri) if uri.authority().is_some() => {
            let (scheme, authority) = (uri.scheme_str().unwrap_or("http"), uri.authority().map_or("", |authority| authority.as_str()));
            format!("{scheme}://{authority}{}", without_error(&uri))
        }
        // A browser that keeps its Referer to itself: the page that has the form.
        _ => {
            let page = match request.uri().path() {
                path if path.ends_with("/sign-up") => "/sign-up",
                path if path.ends_with("/second-step") => SECOND_STEP,
                _ => "/login",
            };
            let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or("localhost");
            format!("http://{host}{page}")
        }
    };
    if let Ok(value) = HeaderValue::from_str(&page) {
        request.headers_mut().insert(header::REFERER, value);
    }
}

/// After it: an error in the address gets its mark, and the address stays on this site.
pub fn mark(ctx: &Ctx, response: &mut Response) {
    let Some(location) = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok()) else { return };
    let Ok(uri) = location.parse::<Uri>() else { return };
    let Some(error) = query_value(&uri, "__err") else { return };
    let flash = secrets::generate("");
    let location =
        format!("{}&{MARK}={}", uri.path_and_query().map_or("/", |path| path.as_str()), secrets::hash(&format!("{flash}{error}")));
    let cookie = cookies::set(&ctx.state.config, FLASH, &flash, FLASH_SECONDS);
    if let (Ok(location), Some(cookie)) = (HeaderValue::from_str(&location), cookie) {
        response.headers_mut().insert(header::LOCATION, location);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Where to send a page whose address has an error without its mark; none when all is well.
pub fn unmarked(config: &Config, uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let error = query_value(uri, "__err")?;
    let expected = cookies::read(config, headers, FLASH).map(|flash| secrets::hash(&format!("{flash}{error}")));
    let is_ours = expected.zip(query_value(uri, MARK)).is_some_and(|(expected, mark)| secrets::is_same(&expected, mark));
    if is_ours { None } else { Some(without_error(uri)) }
}

fn query_value<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    uri.query()?.split('&').filter_map(|pair| pair.split_once('=')).find_map(|(key, value)| (key == name).then_some(value))
}

fn without_error(uri: &Uri) -> String {
    let kept: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !ERROR_PARTS.contains(&pair.split_once('=').map_or(*pair, |(key, _)| key)))
        .collect();
    if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_an_address_counts_only_with_its_mark() {
        let uri: Uri = format!("/login?next=%2Fa&__path=x&__err=abc&{MARK}={}", secrets::hash("secretabc")).parse().expect("fine");
        let config = Config::from_sources(&|_| None, "").expect("usable");
        let unmarked = |uri: &Uri, headers: &HeaderMap| unmarked(&config, uri, headers);
        let mut headers = HeaderMap::new();
        assert_eq!(unmarked(&uri, &headers).as_deref(), Some("/login?next=%2Fa"));
        headers.insert(header::COOKIE, HeaderValue::from_static("llmos_flash=other"));
        assert!(unmarked(&uri, &headers).is_some());
        headers.insert(header::COOKIE, HeaderValue::from_static("llmos_flash=secret"));
        assert_eq!(unmarked(&uri, &headers), None);
        assert_eq!(unmarked(&"/login?next=%2F".parse().expect("fine"), &headers), None);
    }

    #[test]
    fn addresses_fit_into_headers() {
        assert_eq!(header_safe("/a b\r\nä"), "/a%20b%0D%0A%C3%A4");
    }
}
