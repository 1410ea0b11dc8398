//! Logs: one line for each event, with the request id of the span around it. With `OTEL_EXPORTER_OTLP_ENDPOINT` the same events, and the spans as
//! traces, go to a collector of OpenTelemetry as well, over HTTP with protobuf.

mod export;
mod lines;

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::config::{Config, LogFormat};

pub use export::Exports;
pub use lines::OneLine;

/// What is logged unless `RUST_LOG` says otherwise.
pub const LOGGED: &str = "info,sqlx=warn,pubgrub=warn,leptos=warn,reactive_graph=error";

/// Starts logging to standard error. What is returned sends the rest of what goes to a collector when it is closed.
pub fn start(config: &Config) -> Result<Option<Exports>, Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::try_new(&config.log_filter)?;
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(OneLine(std::io::stderr)).with_ansi(colours).with_target(false);
    let lines = match config.log_format {
        LogFormat::Text => lines.compact().boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let exports = config.otlp_endpoint.as_deref().map(|endpoint| Exports::to(endpoint, config)).transpose()?;
    let started = tracing_subscriber::registry().with(lines).with(exports.as_ref().map(Exports::layer)).with(filter).try_init();
    if let Err(error) = started {
        // Tests start several servers in one process; the first one's subscriber serves all.
        tracing::debug!(%error, "logging was started already");
    }
    Ok(exports)
}
