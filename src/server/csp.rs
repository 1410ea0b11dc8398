//! The headers that keep a page to itself.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The policy of a page: scripts by nonce only (and what those load), WebAssembly, our own styles. Text becomes a script's address only through the one rule of
/// the document's first script (`ui/document.rs`), and never a script (Trusted Types).
/// Style *attributes* are allowed: they place things (`--at: 40%`), and without style elements they cannot select anything.
/// `sockets` is where these are, if that is elsewhere: the room socket and those below it.
pub fn page_policy(nonce: &str, sockets: Option<&str>) -> String {
    let sockets = sockets.map(|url| format!(" {url}/ws {url}/ws/doc/")).unwrap_or_default();
    format!(
        "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; worker-src 'self'; frame-src 'self'; style-src 'self' 'nonce-{nonce}'; \
         style-src-attr 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'{sockets}; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"
    )
}

/// For everything that is not a page: it may do nothing, should a browser ever open it as one.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox";

/// Of a script that may be a worker: it reads from us and runs WebAssembly.
pub const WORKER: &str =
    "default-src 'none'; connect-src 'self'; script-src 'self' 'wasm-unsafe-eval'; frame-ancestors 'none'; base-uri 'none'";

/// Adds what is not there yet.
pub fn add_headers(headers: &mut HeaderMap, secure: bool) {
    let set = |headers: &mut HeaderMap, name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(headers, header::CONTENT_SECURITY_POLICY, NOTHING);
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "same-origin");
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(headers, HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
    // What nobody said may be kept may hold what one account sees: it is kept by its browser alone, and asked for again.
    set(headers, header::CACHE_CONTROL, "private, no-cache");
    if secure {
        set(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}
