//! The files of the browser's half, embedded in the binary by a release build and read from `target/site` by a debug build.
//!
//! Names under `pkg/` carry the hash of their content, so they are cached for ever. A `.br` or `.gz` twin, made by
//! `cargo leptos build --release --precompress`, is sent to whoever accepts it.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use crate::browser::document::Links;

#[derive(RustEmbed)]
#[folder = "target/site"]
#[allow_missing = true]
struct Site;

/// The current build's addresses. A debug build looks each time: `cargo leptos watch` replaces files under a running server.
pub fn links() -> Cow<'static, Links> {
    static LINKS: OnceLock<Links> = OnceLock::new();
    if cfg!(debug_assertions) { Cow::Owned(find_links()) } else { Cow::Borrowed(LINKS.get_or_init(find_links)) }
}

fn find_links() -> Links {
    let script = |name| vendor(name).unwrap_or_default();
    let mut links = Links {
        editor: script("editor"),
        offline: script("offline"),
        signing: script("signing"),
        passkey: script("passkey"),
        push: script("push"),
        pwa: script("pwa"),
        outbox: script("outbox"),
        tool_sandbox: script("tool-sandbox"),
        charts: script("charts"),
        ..Links::default()
    };
    for name in Site::iter() {
        let Some(file) = name.strip_prefix("pkg/llmos.") else { continue };
        let address = format!("/{name}");
        match file.rsplit_once('.').map_or(file, |(_, extension)| extension) {
            "js" => links.js = address,
            "wasm" => links.wasm = address,
            "css" => links.css = address,
            _ => {}
        }
    }
    links
}

/// Whether the name of a file changes with its content.
pub fn is_hashed(path: &str) -> bool {
    ["pkg/", "fonts/", "vendor/"].iter().any(|folder| path.starts_with(folder))
}

/// Whether there is such a file.
pub fn is_file(path: &str) -> bool {
    is_hashed(path) && Site::get(path).is_some()
}

/// Every file with the SHA-256 of its content, without compressed twins.
pub fn files() -> Vec<(String, [u8; 32])> {
    // A debug build would read and hash the whole front at each start of a page otherwise.
    static HASHES: Mutex<Option<HashMap<String, [u8; 32]>>> = Mutex::new(None);
    let mut known = HASHES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    Site::iter()
        .filter(|name| !name.ends_with(".br") && !name.ends_with(".gz"))
        .filter_map(|name| {
            let hash = match known.get(name.as_ref()) {
                Some(hash) => *hash,
                None => Site::get(&name)?.metadata.sha256_hash(),
            };
            if is_hashed(&name) {
                known.insert(name.to_string(), hash);
            }
            Some((name.into_owned(), hash))
        })
        .collect()
}

/// Answers a request for a file, or `None` when there is no such file.
pub fn serve(request: &Request) -> Option<Response> {
    let path = request.uri().path().trim_start_matches('/');
    if path.is_empty() || path.ends_with(".br") || path.ends_with(".gz") {
        return None;
    }
    let plain = Site::get(path)?;
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (encoding, file) = [("br", ".br"), ("gzip", ".gz")]
        .into_iter()
        .filter(|(encoding, _)| accepted.split(',').any(|offer| offer.trim().split(';').next() == Some(encoding)))
        .find_map(|(encoding, suffix)| Site::get(&format!("{path}{suffix}")).map(|file| (Some(encoding), file)))
        .unwrap_or((None, plain));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, content_type(path));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(if is_hashed(path) { "public, max-age=31536000, immutable" } else { "public, max-age=3600" }),
    );
    let etag = format!("\"{}\"", &super::secrets::hex(&file.metadata.sha256_hash())[..16]);
    if request.headers().get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    if let Ok(value) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, value);
    }
    // A worker keeps to the policy that its script came with; without one of its own it could do nothing (`csp::NOTHING`).
    if path.starts_with("vendor/") && path.ends_with(".js") {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(super::csp::WORKER));
    }
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    // An icon sprite is used by pages of our own origin through <use>, which the sandbox of `csp::NOTHING` would not hinder.
    Some((headers, file.data).into_response())
}

fn content_type(path: &str) -> HeaderValue {
    let mime = if path.ends_with(".webmanifest") {
        "application/manifest+json".to_owned()
    } else {
        let guess = mime_guess::from_path(path).first_or_octet_stream();
        if guess.type_() == "text" || guess.subtype() == "javascript" { format!("{guess}; charset=utf-8") } else { guess.to_string() }
    };
    HeaderValue::from_str(&mime).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// The address of a bundle made from `web/`, by its name.
pub fn vendor(name: &str) -> Option<String> {
    let manifest = Site::get("vendor/manifest.json")?;
    let names: HashMap<String, String> = serde_json::from_slice(&manifest.data).ok()?;
    Some(format!("/vendor/{}", names.get(name)?))
}

/// The text of such a bundle.
pub fn vendor_text(name: &str) -> Option<String> {
    let file = Site::get(vendor(name)?.trim_start_matches('/'))?;
    String::from_utf8(file.data.into_owned()).ok()
}
