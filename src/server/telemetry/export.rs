//! Traces and logs for a collector of OpenTelemetry.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use axum::http::{Request, Response};
use bytes::Bytes;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{LogExporter, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{Resource, logs::SdkLoggerProvider, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing_subscriber::{Layer, filter::filter_fn};

use crate::server::config::Config;

/// What this server is called unless `OTEL_SERVICE_NAME` says otherwise.
const SERVICE: &str = "llmos";
/// How long one request to the collector may take.
const LIMIT: Duration = Duration::from_secs(10);
/// What says things while it sends: that would be sent again, for ever.
const OWN: [&str; 5] = ["opentelemetry", "reqwest", "hyper", "h2", "rustls"];

/// The way to a collector.
pub struct Exports {
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
}

impl Exports {
    /// To the collector at this address, below which `/v1/traces` and `/v1/logs` are. Called in the runtime that then sends.
    pub fn to(endpoint: &str, config: &Config) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let client = Client {
            http: reqwest::Client::builder().timeout(LIMIT).redirect(reqwest::redirect::Policy::none()).build()?,
            runtime: Handle::current(),
        };
        let own = config.otel_attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
        let mut resource = Resource::builder().with_service_name(SERVICE).with_attributes(own);
        if let Some(name) = &config.otel_service_name {
            resource = resource.with_service_name(name.clone());
        }
        let resource = resource.build();
        let spans = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()?;
        let records = LogExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{endpoint}/v1/logs"))
            .build()?;
        Ok(Self {
            traces: SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build(),
            logs: SdkLoggerProvider::builder().with_batch_exporter(records).with_resource(resource).build(),
        })
    }

    /// What takes spans and events to it.
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span> + Send + Sync,
    {
        let spans = tracing_opentelemetry::layer().with_tracer(self.traces.tracer("llmos")).with_location(false).with_threads(false);
        let events = OpenTelemetryTracingBridge::new(&self.logs);
        spans.and_then(events).with_filter(filter_fn(|metadata| !OWN.iter().any(|own| metadata.target().starts_with(own))))
    }

    /// Sends what still waits. Blocks for a few seconds at most where the collector is away.
    pub fn close(&self) {
        for (what, result) in [("traces", self.traces.shutdown()), ("logs", self.logs.shutdown())] {
            if let Err(error) = result {
                tracing::warn!(%error, "the last {what} did not reach the collector");
            }
        }
    }
}

/// Sends with the client of the server, in its runtime: exporters have threads of their own.
#[derive(Clone)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

impl HttpClient for Client {
    fn send_bytes<'life, 'sent>(
        &'life self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'life: 'sent,
        Self: 'sent,
    {
        let http = self.http.clone();
        let sent = self.runtime.spawn(async move {
            let answer = http.execute(request.try_into()?).await?;
            let mut response = Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.clone_from(answer.headers());
            }
            Ok::<_, HttpError>(response.body(answer.bytes().await?)?)
        });
        Box::pin(async move { sent.await? })
    }
}
