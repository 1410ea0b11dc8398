//! Values that are more than a number or a word, read.

use std::path::{Path, PathBuf};

use llmos_backup::Secret;
use percent_encoding::percent_decode_str;
use tracing_subscriber::EnvFilter;

use super::{ConfigError, parts};
use crate::server::{cluster::Servers, secrets::KEY_MIN};

/// The parts of `a, b`; none of nothing.
pub(super) fn listed(text: Option<String>) -> Vec<String> {
    parts(&text.unwrap_or_default()).map(str::to_owned).collect()
}

/// An address on the web, without slashes at its end.
pub(super) fn web_address(name: &str, text: String) -> Result<String, ConfigError> {
    let url = text.trim().trim_end_matches('/');
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(ConfigError::new(name, format!("“{url}” begins neither with https:// nor with http://")));
    }
    match reqwest::Url::parse(url) {
        Ok(_) => Ok(url.to_owned()),
        Err(error) => Err(ConfigError::new(name, format!("“{url}” is not an address: {error}"))),
    }
}

/// Where files or backups are: a folder, or a bucket.
pub(super) fn place(name: &str, url: String) -> Result<String, ConfigError> {
    llmos_backup::check_place(&url).map_err(|fault| ConfigError::new(name, fault.to_string()))?;
    Ok(url)
}

/// What backups are sealed with, of a passphrase and a key.
pub(super) fn backup_secret(passphrase: Option<String>, key: Option<String>) -> Result<Option<Secret>, ConfigError> {
    let (name, secret) = match (passphrase, key) {
        (None, None) => return Ok(None),
        (Some(passphrase), None) => ("BACKUP_PASSPHRASE", Secret::Passphrase(passphrase)),
        (None, Some(key)) => ("BACKUP_KEY", Secret::Key(key)),
        (Some(_), Some(_)) => {
            return Err(ConfigError::new("BACKUP_KEY", "backups are sealed with it or with BACKUP_PASSPHRASE: set one of the two"));
        }
    };
    secret.check().map_err(|fault| ConfigError::new(name, fault.to_string()))?;
    Ok(Some(secret))
}

/// The server's own key, long enough that nobody finds it by trying.
pub(super) fn secret_key(key: String) -> Result<String, ConfigError> {
    if key.len() >= KEY_MIN {
        return Ok(key);
    }
    Err(ConfigError::new(
        "SECRET_KEY",
        format!("it has fewer than {KEY_MIN} characters and could be guessed: openssl rand -hex 32 prints one"),
    ))
}

/// Names and values as OpenTelemetry has them: `deployment.environment=production,team=harbor`.
pub(super) fn attributes(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let read = |part: &str| {
        let (name, value) = part.split_once('=').filter(|(name, _)| !name.trim().is_empty())?;
        let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
        Some((name.trim().to_owned(), value.into_owned()))
    };
    parts(text)
        .map(|part| read(part).ok_or_else(|| ConfigError::new("OTEL_RESOURCE_ATTRIBUTES", format!("“{part}” is not name=value"))))
        .collect()
}

/// What is logged, as `tracing` writes it: `info,sqlx=warn`.
pub(super) fn log_filter(text: String) -> Result<String, ConfigError> {
    match EnvFilter::try_new(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(ConfigError::new("RUST_LOG", format!("“{text}” is not a filter such as info,sqlx=warn: {error}"))),
    }
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
