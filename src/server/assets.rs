//! The files of the browser's half, embedded in the binary by a release build and read from `target/site` by a debug build.
//!
//! Names under `pkg/` carry the hash of their content, so they are cached for ever. What compresses well is embedded as its Brotli twin alone (`build.rs`,
//! `scripts/precompress.mjs`), which is sent as it is to whoever accepts it; others are sent what it unpacks to.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    io::{Read as _, Write as _},
    sync::{Mutex, OnceLock, PoisonError},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest as _, Sha256};

use crate::browser::document::Links;

#[derive(RustEmbed)]
#[cfg_attr(debug_assertions, folder = "target/site")]
#[cfg_attr(not(debug_assertions), folder = "$OUT_DIR/site")]
#[allow_missing = true]
struct Site;

/// The ending of a file's Brotli twin.
const TWIN: &str = ".br";

fn twin(path: &str) -> Option<EmbeddedFile> {
    Site::get(&format!("{path}{TWIN}"))
}

/// Every file, by the name that it is asked for with.
fn names() -> BTreeSet<Cow<'static, str>> {
    Site::iter()
        .map(|name| match name {
            Cow::Borrowed(name) => Cow::Borrowed(name.strip_suffix(TWIN).unwrap_or(name)),
            Cow::Owned(name) => Cow::Owned(name.strip_suffix(TWIN).map(str::to_owned).unwrap_or(name)),
        })
        .collect()
}

/// What is in a file.
fn content(path: &str) -> Option<Cow<'static, [u8]>> {
    Site::get(path).map(|file| file.data).or_else(|| Some(unpacked(&twin(path)?.data)?.into()))
}

fn unpacked(twin: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(4 * twin.len());
    brotli_decompressor::Decompressor::new(twin, 64 * 1024).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Browsers take Brotli over TLS and from this machine only: over plain http they, and some proxies, are sent this. Made when it is first asked for, and kept.
fn gzipped(path: &str) -> Option<Bytes> {
    static MADE: Mutex<Option<HashMap<String, Bytes>>> = Mutex::new(None);
    let known = |made: &mut Option<HashMap<String, Bytes>>| made.get_or_insert_default().get(path).cloned();
    if let Some(bytes) = known(&mut MADE.lock().unwrap_or_else(PoisonError::into_inner)) {
        return Some(bytes);
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&content(path)?).ok()?;
    let bytes = Bytes::from(encoder.finish().ok()?);
    // A debug build's files change under it.
    if !cfg!(debug_assertions) {
        MADE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(path.to_owned(), bytes.clone());
    }
    Some(bytes)
}

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
    for name in names() {
        let address = format!("/{name}");
        if name.starts_with("pkg/__wasm_split.") && name.ends_with(".js") {
            links.loader = address;
            continue;
        }
        let Some(file) = name.strip_prefix("pkg/llmos.") else { continue };
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
    is_hashed(path) && !path.ends_with(TWIN) && (Site::get(path).is_some() || twin(path).is_some())
}

/// Every file with the SHA-256 of its content.
pub fn files() -> Vec<(String, [u8; 32])> {
    // The whole front would be read and hashed at each start of a page otherwise.
    static HASHES: Mutex<Option<HashMap<String, [u8; 32]>>> = Mutex::new(None);
    let mut known = HASHES.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    names()
        .into_iter()
        .filter_map(|name| {
            let hash = match known.get(name.as_ref()) {
                Some(hash) => *hash,
                None => Sha256::digest(content(&name)?).into(),
            };
            if is_hashed(&name) || !cfg!(debug_assertions) {
                known.insert(name.to_string(), hash);
            }
            Some((name.into_owned(), hash))
        })
        .collect()
}

/// Answers a request for a file, or `None` when there is no such file.
pub async fn serve(path: &str, request: &HeaderMap) -> Option<Response> {
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.ends_with(TWIN) {
        return None;
    }
    let twin = twin(path);
    let stored = match &twin {
        Some(twin) => twin.metadata.sha256_hash(),
        None => Site::get(path)?.metadata.sha256_hash(),
    };
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = ["br", "gzip"]
        .into_iter()
        .filter(|_| twin.is_some())
        .find(|encoding| accepted.split(',').any(|offer| offer.trim().split(';').next() == Some(encoding)));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, content_type(path));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(if is_hashed(path) { "public, max-age=31536000, immutable" } else { "public, max-age=3600" }),
    );
    let etag = format!("\"{}{}\"", &super::secrets::hex(&stored)[..16], encoding.unwrap_or_default());
    if request.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes()) {
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
    let bytes = match (encoding, twin) {
        (Some("br"), Some(twin)) => shared(twin.data),
        (None, None) => shared(content(path)?),
        (encoding, _) => {
            let (path, packed) = (path.to_owned(), encoding.is_some());
            let made = move || if packed { gzipped(&path) } else { content(&path).map(shared) };
            tokio::task::spawn_blocking(made).await.ok()??
        }
    };
    // An icon sprite is used by pages of our own origin through <use>, which the sandbox of `csp::NOTHING` would not hinder.
    Some((headers, bytes).into_response())
}

/// Without a copy of what the binary holds.
fn shared(bytes: Cow<'static, [u8]>) -> Bytes {
    match bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }
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
    let names: HashMap<String, String> = serde_json::from_slice(&content("vendor/manifest.json")?).ok()?;
    Some(format!("/vendor/{}", names.get(name)?))
}

/// The text of such a bundle.
pub fn vendor_text(name: &str) -> Option<String> {
    String::from_utf8(content(vendor(name)?.trim_start_matches('/'))?.into_owned()).ok()
}
