//! Logs: one line for each event, with the request id of the span around it.

use tracing_subscriber::{EnvFilter, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::config::LogFormat;

/// Starts logging to standard error; `RUST_LOG` sets what is logged.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,leptos=warn,reactive_graph=error"));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let started = match format {
        LogFormat::Text => registry.with(layer.compact()).try_init(),
        LogFormat::Json => registry.with(layer.json()).try_init(),
    };
    if let Err(error) = started {
        // Tests start several servers in one process; the first one's subscriber serves all.
        tracing::debug!(%error, "logging was started already");
    }
}
