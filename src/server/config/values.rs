//! Values that are more than a number or a word, read.

use std::path::{Path, PathBuf};

use super::{ConfigError, parts};
use crate::server::cluster::Servers;

/// The parts of `a, b`; none of nothing.
pub(super) fn listed(text: Option<String>) -> Vec<String> {
    parts(&text.unwrap_or_default()).map(str::to_owned).collect()
}

/// An address on the web, without slashes at its end.
pub(super) fn web_address(name: &str, text: String) -> Result<String, ConfigError> {
    let url = text.trim().trim_end_matches('/');
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url.to_owned());
    }
    Err(ConfigError::new(name, format!("“{url}” begins neither with https:// nor with http://")))
}

/// In the data folder, or else where `scripts/setup` puts it.
pub(super) fn model_dir(data_dir: &Path, environment: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let model = Path::new("models").join("all-MiniLM-L6-v2");
    let own = data_dir.join(&model);
    let cache = environment("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(Path::new(&environment("HOME")?).join(".cache")));
    cache.map(|cache| cache.join("llmos-lite").join(&model)).filter(|cached| !own.exists() && cached.exists()).unwrap_or(own)
}

/// The address of the sockets as pages put a path behind it. It stands in the policy of every page, so nothing in it may end a word there.
pub(super) fn socket_url(text: &str) -> Result<String, ConfigError> {
    let url = text.trim().trim_end_matches('/');
    let fits = url.parse::<axum::http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("ws" | "wss"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.query().is_none()
    });
    if fits && !url.contains([';', ',', '*', '\'', '"', '#']) {
        return Ok(url.to_owned());
    }
    let problem = format!("“{text}” is not an address such as wss://live.example.org");
    Err(ConfigError::new("WS_URL", problem))
}

/// Where NATS is: one address, or several of one cluster with commas between them. There may be a password in it: it is not shown.
pub(super) fn nats_addresses(text: &str) -> Result<String, ConfigError> {
    Servers::read(text).map(|_| text.trim().to_owned()).map_err(|problem| ConfigError::new("NATS_URL", problem))
}

/// The address of a server of mail. What it does not say about encryption is what is safest: STARTTLS where it is offered, and in any case
/// where a password goes over a network.
pub(super) fn smtp_url(text: &str) -> Result<String, ConfigError> {
    let wrong = |problem: String| ConfigError::new("SMTP_URL", problem);
    // The address may have a password in it: it is not shown.
    let mut url = reqwest::Url::parse(text.trim()).map_err(|error| wrong(format!("it is not an address: {error}")))?;
    let tls = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    let here = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    let tls = match (url.scheme(), tls.as_deref()) {
        ("smtps", None) => None,
        ("smtp", None) if url.password().is_some() && !here => Some("required"),
        ("smtp", None) => Some("opportunistic"),
        ("smtp", Some("none")) => None,
        ("smtp", Some(known @ ("required" | "opportunistic"))) => Some(if known == "required" { "required" } else { "opportunistic" }),
        _ => {
            return Err(wrong(
                "it is smtps://host or smtp://host, the latter with tls=required, opportunistic or none behind a ?".to_owned(),
            ));
        }
    };
    url.set_query(tls.map(|tls| format!("tls={tls}")).as_deref());
    Ok(url.to_string())
}
