//! Requests that nobody should send: the right status, a stable code, a sentence, a request id, and nothing changed.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::app::Client;

async fn refused(client: &Client, request: RequestBuilder, status: u16, code: &str) {
    let answer = client.answer(request).await;
    let error = answer.json();
    assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{}", answer.text);
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.len() > 10 && (message.ends_with('.') || message.ends_with(':')), "{message}");
    assert_eq!(error["requestId"].as_str(), Some(answer.header("x-request-id")));
    assert!(!answer.text.contains("sqlx") && !answer.text.contains("src/") && !answer.text.contains("SELECT"));
}

app_test!(unreadable_requests_are_refused_with_a_sentence, |app| {
    let maya = app.sign_up_first().await;
    let post = |path: &str| maya.request(Method::POST, &format!("/api/v1{path}"));
    let raw = |path: &str, body: &str| post(path).header("content-type", "application/json").body(body.to_owned());
    refused(&maya, raw("/teams", "{"), 400, "invalid_input").await;
    refused(&maya, raw("/teams", "[]"), 400, "invalid_input").await;
    refused(&maya, raw("/teams", r#"{"name": 7}"#), 400, "invalid_input").await;
    refused(&maya, raw("/teams", r#"{"name": "x", "id": "not-an-id"}"#), 400, "invalid_input").await;
    refused(&maya, raw("/teams", ""), 400, "invalid_input").await;
    refused(&maya, post("/teams").body("name=x"), 415, "unsupported_media_type").await;
    refused(&maya, raw("/teams", &format!(r#"{{"name": "{}"}}"#, "x".repeat(5 * 1024 * 1024))), 413, "too_large").await;
    refused(&maya, raw("/teams", &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))), 400, "invalid_input").await;
    assert_eq!(maya.get("/teams").await.1, json!([]));
});

app_test!(addresses_and_methods_that_do_not_exist, |app| {
    let maya = app.sign_up_first().await;
    for (method, path, status, code) in [
        (Method::GET, "/api/v1/nothing", 404, "not_found"),
        (Method::POST, "/api/v2/teams", 404, "not_found"),
        (Method::PUT, "/api/v1/teams", 405, "method_not_allowed"),
        (Method::DELETE, "/api/v1/instance", 405, "method_not_allowed"),
        (Method::GET, "/api/v1/teams/not-an-id", 404, "not_found"),
        (Method::GET, "/api/v1/teams/0192a000-0000-7000-8000-00000000dead", 404, "not_found"),
        (Method::GET, "/api/v1/teams/%00", 404, "not_found"),
        (Method::POST, "/nowhere", 405, "method_not_allowed"),
    ] {
        refused(&maya, maya.request(method, path), status, code).await;
    }
    // An id of the wrong form names nothing; the answer says what it would have named.
    for (path, what) in [("/commits/x", "commit"), ("/teams/0192a000-0000-7000-8000-00000000dead/agents/none/tokens", "agent")] {
        let (_, answer) = maya.get(path).await;
        assert_eq!(answer["message"], format!("This {what} does not exist, or it is not shared with you."), "{path}");
    }
    let (_, answer) = maya.get("/admin/users?before=abc").await;
    assert_eq!(answer["message"], "The address does not fit: “before” has a value that cannot be read.");
});

// PostgreSQL holds no text with a zero byte in it, SQLite finds nothing by one: neither is a fault of the server's.
app_test!(a_zero_byte_is_the_senders_fault, |app| {
    let maya = app.sign_up_first().await;
    for path in ["/admin/jobs?kind=%00", "/traces?tool=%00", "/webhooks/deliveries?event=%00"] {
        let (status, answer) = maya.get(path).await;
        assert!(status < 500, "{path}: {answer}");
    }
    let (status, view) = maya.post("/analytics/views", json!({ "name": "Or\u{0}ders", "query": {} })).await;
    assert_eq!((status, &view["name"]), (201, &json!("Orders")));
});

app_test!(changes_from_another_site_are_refused, |app| {
    let maya = app.sign_up_first().await;
    let body = json!({ "name": "Harbor" });
    let post = || maya.request(Method::POST, "/api/v1/teams").json(&body);
    refused(&maya, post().header("origin", "https://evil.example"), 403, "foreign_origin").await;
    refused(&maya, post().header("origin", "null"), 403, "foreign_origin").await;
    refused(&maya, post().header("sec-fetch-site", "cross-site"), 403, "foreign_origin").await;
    refused(&maya, post().header("sec-fetch-site", "same-site"), 403, "foreign_origin").await;
    assert_eq!(maya.get("/teams").await.1, json!([]));
    assert_eq!(maya.answer(post().header("origin", &maya.url)).await.status, 201);
});

app_test!(credentials_that_do_not_work, |app| {
    app.sign_up_first().await;
    let visitor = app.visitor();
    let get = |name: &str, value: &str| visitor.request(Method::GET, "/api/v1/me").header(name, value);
    refused(&visitor, get("cookie", "llmos_session=made-up"), 401, "unauthenticated").await;
    refused(&visitor, get("authorization", "Bearer llmos_made-up"), 401, "unauthenticated").await;
    refused(&visitor, get("authorization", "Bearer "), 401, "unauthenticated").await;
    refused(&visitor, get("authorization", "Basic YTpi"), 401, "unauthenticated").await;
});

app_test!(every_answer_carries_its_headers, |app| {
    let visitor = app.visitor();
    let answer = visitor.answer(visitor.request(Method::GET, "/api/v1/instance")).await;
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!((answer.header("x-content-type-options"), answer.header("referrer-policy")), ("nosniff", "same-origin"));
    let page = visitor.answer(visitor.request(Method::GET, "/login")).await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("'strict-dynamic'") && policy.contains("'wasm-unsafe-eval'") && policy.contains("'nonce-"), "{policy}");
});

app_test!(whoever_sends_too_much_still_reads_why, |app| {
    let maya = app.sign_up_first().await;
    let body = format!(r#"{{"name": "{}"}}"#, "x".repeat(24 * 1024 * 1024));
    for _ in 0..8 {
        let request = maya.request(Method::POST, "/api/v1/teams").header("content-type", "application/json").body(body.clone());
        refused(&maya, request, 413, "too_large").await;
    }
    let request = app.visitor().request(Method::PUT, "/api/v1/me/avatar").header("content-type", "image/png").body(body);
    refused(&maya, request, 401, "unauthenticated").await;
});

app_test!(every_route_refuses_what_it_cannot_read, |app| {
    let maya = app.sign_up_first().await;
    let before = maya.get("/me").await.1;
    let description = maya.answer(maya.request(Method::GET, "/api/openapi.json")).await.json();
    let mut tried = 0;
    for (path, item) in description["paths"].as_object().expect("paths") {
        let address = path.split('/').map(|part| if part.starts_with('{') { "0192a000-0000-7000-8000-00000000dead" } else { part });
        let address = address.collect::<Vec<_>>().join("/");
        for (method, operation) in item.as_object().expect("an item") {
            if operation["requestBody"].is_null() {
                continue;
            }
            let schema = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
            let needs_fields = description["components"]["schemas"][schema.rsplit('/').next().unwrap_or_default()]["required"].is_array();
            let method: Method = method.to_uppercase().parse().expect("a method");
            for body in ["{", "[]", "7", "\"\\ud800\"", r#"{"id": {}}"#] {
                let request = maya.request(method.clone(), &address).header("content-type", "application/json").body(body);
                let answer = maya.answer(request).await;
                // Where many are brought in, the answer counts those that were not taken.
                if answer.status == 200 && answer.json()["accepted"] == 0 {
                    continue;
                }
                // A field that a route does not know is passed over, so one that needs none may have nothing to refuse.
                if body.starts_with("{\"id\"") && !needs_fields && answer.status == 200 {
                    continue;
                }
                assert!((400..500).contains(&answer.status), "{method} {path} {body}: {} {}", answer.status, answer.text);
                let error = answer.json();
                if path.starts_with("/api/v1/otlp/") {
                    // Exporters read a google.rpc.Status, which the OTLP specification asks for, and not our form.
                    assert!(error["code"].is_number() && error["message"].is_string(), "{method} {path} {body}: {error}");
                    continue;
                }
                assert!(error["code"].is_string() && error["message"].is_string(), "{method} {path} {body}: {error}");
                assert_eq!(error["requestId"].as_str(), Some(answer.header("x-request-id")));
            }
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
    assert_eq!(maya.get("/me").await.1, before, "nothing changed");
});
