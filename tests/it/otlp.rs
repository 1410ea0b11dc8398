//! Traces and logs for a collector of OpenTelemetry: a stand-in for one takes what the real program sends.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::process::{Process, browser, first_account};

type Taken = Arc<Mutex<Vec<(&'static str, Bytes)>>>;

async fn collector() -> (String, Taken) {
    let taken = Taken::default();
    let take = |kind: &'static str| {
        post(move |State(taken): State<Taken>, body: Bytes| async move {
            taken.lock().expect("not poisoned").push((kind, body));
            StatusCode::OK
        })
    };
    let app = Router::new().route("/v1/traces", take("traces")).route("/v1/logs", take("logs")).with_state(taken.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, taken)
}

/// Whether a text is in any message of a kind: names and values stand in protobuf as they are.
fn has(taken: &Taken, kind: &str, text: &str) -> bool {
    let taken = taken.lock().expect("not poisoned");
    taken.iter().any(|(of, body)| *of == kind && body.windows(text.len()).any(|part| part == text.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_gets_traces_and_logs() {
    let (address, taken) = collector().await;
    let folder = TempDir::new().expect("a folder");
    let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", address.as_str()), ("RUST_LOG", "info"), ("OTEL_SERVICE_NAME", "harbor-skills")];
    let process = Process::start_with(folder.path(), &[], &environment).await;
    let client = browser();
    first_account(&process, &client).await;
    let (status, _) = process.call(&client, Method::GET, "/teams/none", Value::Null).await.expect("an answer");
    assert!(status >= 400);
    // The rest is sent when it stops.
    assert!(process.stop().await.success());
    for text in ["harbor-skills", "POST /api/v1/sign-up", "GET /api/v1/teams/{id}", "http.response.status_code"] {
        assert!(has(&taken, "traces", text), "{text} in the traces");
    }
    assert!(has(&taken, "logs", "refused"), "what is logged");
    assert!(!has(&taken, "traces", "lantern bridge") && !has(&taken, "logs", "lantern bridge"), "no values of requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_changes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let process = Process::start_with(folder.path(), &[], &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")]).await;
    first_account(&process, &browser()).await;
    assert!(process.stop().await.success());
}
