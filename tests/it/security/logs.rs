//! Secrets never stand in logs: everything that a server of the tests logs is held against every secret that it was given or gave out, in every test, and a
//! line with one of them ends the process. What servers log that are processes of their own is looked through by `scripts/no-secrets`.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use llmos_lite::server::{config::Config, telemetry::OneLine};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::app::{Answer, PASSWORD, text};

/// More than a server logs by itself: everything of our own.
const FILTER: &str = "info,llmos_lite=trace,leptos=warn,reactive_graph=error";
/// A shorter one would be found where it is a word.
const SHORTEST: usize = 10;

static KNOWN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static LINES: AtomicUsize = AtomicUsize::new(0);
/// A line that somebody else wrote would begin with it.
const FORGED: &str = "2026-01-01T00:00:00.000000Z ERROR forged";
static IS_FORGED: AtomicBool = AtomicBool::new(false);

fn leaked<'a>(line: &str, known: &'a BTreeSet<String>) -> Option<&'a str> {
    known.iter().map(String::as_str).find(|secret| line.contains(secret))
}

/// Where lines go: they are looked at, and kept nowhere.
#[derive(Clone, Copy)]
struct Look;

impl io::Write for Look {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        LINES.fetch_add(1, Ordering::Relaxed);
        if line.lines().any(|line| line.starts_with(FORGED)) {
            IS_FORGED.store(true, Ordering::Relaxed);
        }
        if leaked(&line, &KNOWN.lock().unwrap_or_else(PoisonError::into_inner)).is_some() {
            eprintln!("\n!!! A secret stands in the log: {line}");
            // A panic would be caught by the server.
            std::process::abort();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Look {
    type Writer = Self;
    fn make_writer(&self) -> Self {
        *self
    }
}

/// From here on everything that is logged in this process is looked at.
pub fn watch(config: &Config) {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(FILTER)).with_ansi(false).with_writer(OneLine(Look));
        // A test that logs for itself looks for itself.
        let _ = lines.try_init();
    });
    keep(PASSWORD);
    let of_operator = [&config.secret_key, &config.github_token, &config.openai_api_key, &config.vapid_private_key, &config.metrics_token];
    of_operator.into_iter().flatten().chain(&config.webhook_secrets).for_each(|secret| keep(secret));
    config.github.iter().for_each(|github| keep(&github.client_secret));
    config.oidc.iter().for_each(|oidc| keep(&oidc.client_secret));
    let secret = |name: &str| name.contains("SECRET") || name.contains("TOKEN");
    config.s3.iter().filter(|(name, _)| secret(name)).for_each(|(_, value)| keep(value));
}

fn keep(secret: &str) {
    if secret.len() >= SHORTEST {
        KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(secret.to_owned());
    }
}

/// Keeps the secrets that an answer gives out: cookies, tokens, links.
pub fn learn(headers: &HeaderMap, body: &str) {
    for cookie in headers.get_all("set-cookie") {
        let value = cookie.to_str().unwrap_or_default().split(['=', ';']).nth(1).unwrap_or_default();
        keep(value);
    }
    if ["\"secret\"", "\"token\"", "\"url\""].iter().any(|name| body.contains(name)) {
        learn_from(&serde_json::from_str(body).unwrap_or(Value::Null));
    }
}

fn learn_from(value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value.as_str()) {
                    ("secret" | "token", Some(secret)) => keep(secret),
                    ("url", Some(link)) if ["/invite/", "/reset/", "/shared/"].iter().any(|part| link.contains(part)) => {
                        keep(link.rsplit('/').next().unwrap_or_default());
                    }
                    _ => learn_from(value),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(learn_from),
        _ => {}
    }
}

#[test]
fn a_line_with_a_secret_is_found() {
    let known = BTreeSet::from(["correct horse battery".to_owned()]);
    assert_eq!(leaked("WARN request{id=1}: wrong password correct horse battery", &known), Some("correct horse battery"));
    assert_eq!(leaked("WARN request{id=1}: wrong password", &known), None);
}

#[test]
fn the_secrets_of_an_answer_are_known() {
    let secret = "gIT9rXyH0pYQ2m1nq3uS4v5w6x7y8z9aABCDEFGHIJK";
    let mut headers = HeaderMap::new();
    headers.insert("set-cookie", format!("llmos_session={secret}1; Path=/").parse().expect("a header"));
    learn(
        &headers,
        &json!({ "made": [{ "secret": format!("{secret}2") }], "url": format!("https://x.example/invite/{secret}3") }).to_string(),
    );
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    for number in 1..=3 {
        assert!(known.contains(&format!("{secret}{number}")), "{number}");
    }
}

app_test!(what_others_wrote_makes_no_line_of_its_own, |app| {
    let maya = app.sign_up_first().await;
    let forged = format!("x\n{FORGED}\r\n{FORGED}\u{1b}[31m");
    let encoded: String = forged.bytes().map(|byte| format!("%{byte:02X}")).collect();
    for path in
        [format!("/api/v1/teams/{encoded}"), format!("/api/v1/search?q={encoded}"), format!("/{encoded}"), format!("/help/{encoded}")]
    {
        maya.answer(maya.request(Method::GET, &path)).await;
    }
    for path in ["/teams", "/sign-in", "/volumes", "/me/tokens", "/marketplace/submissions"] {
        maya.post(
            path,
            json!({ "name": forged, "email": forged, "password": forged, "id": forged, "type": forged, "description": forged }),
        )
        .await;
    }
    let hook = app.visitor().request(Method::POST, "/webhook/github").header("x-github-event", "push").header("x-github-delivery", "x");
    maya.answer(hook.body(forged)).await;
    assert!(LINES.load(Ordering::Relaxed) > 0 && !IS_FORGED.load(Ordering::Relaxed));
});

// Every way in which a secret comes in or goes out, also in the wrong places.
app_test!(nothing_that_is_secret_is_logged, |app| {
    let before = LINES.load(Ordering::Relaxed);
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let link = maya.invite(&team, "viewer").await;
    let visitor = app.visitor();
    let get = async |address: String| -> Answer { visitor.answer(visitor.request(Method::GET, &address)).await };
    for address in [format!("/invite/{link}"), format!("/api/v1/invitations/{link}"), format!("/api/v1/invitations/{link}x")] {
        get(address).await;
    }
    let token = app.client_with_token(&maya, &["read", "write"]).await.token.expect("a token");
    let (_, short) = maya.post("/ws-token", Value::Null).await;
    for path in [format!("/ws?token={token}"), format!("/ws?token={}", text(&short["token"])), format!("/ws/doc/{team}?token={token}")] {
        let _ = app.open(&path, &[]).await;
    }
    // Sent where it does not belong, by somebody who mistook a field or an address.
    for path in ["/teams", "/sign-in", "/volumes"] {
        maya.post(path, json!({ "name": { "token": token }, "email": PASSWORD, "password": PASSWORD })).await;
        let raw = maya.request(Method::POST, &format!("/api/v1{path}")).header("content-type", "application/json");
        maya.answer(raw.body(format!("{{\"name\": {token}"))).await;
    }
    get(format!("/api/v1/artifacts?q={token}&sort={token}")).await;
    get(format!("/artifacts?q={token}")).await;
    let wrong = visitor.request(Method::GET, "/api/v1/me").header("authorization", format!("Bearer {token}x"));
    visitor.answer(wrong).await;
    let git = visitor.request(Method::GET, "/git/harbor/harbor.git/info/refs?service=git-upload-pack").basic_auth("maya", Some(&token));
    visitor.answer(git).await;
    let (status, _) = maya.post("/me/password", json!({ "current": PASSWORD, "new": "lantern bridge harbor" })).await;
    assert!(status < 300, "{status}");
    assert!(LINES.load(Ordering::Relaxed) > before, "there are lines to look at");
});
