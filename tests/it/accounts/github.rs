//! Signing in with GitHub, against a server that speaks like it.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use llmos_lite::server::config::{Config, GitHub};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::app::{Answer, Client, TestApp};

/// What the stand-in answers; every code `ok-…` is good.
struct GitHubStandIn {
    user: Value,
    emails: Value,
    broken: bool,
}

/// Starts a stand-in of GitHub on a thread of its own and points the configuration to it.
fn stand_in(config: &mut Config, user: Value, emails: Value, broken: bool) {
    let state = Arc::new(GitHubStandIn { user, emails, broken });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("non-blocking");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new()
        .route("/login/oauth/access_token", post(access_token))
        .route("/user", get(user_of))
        .route("/user/emails", get(emails_of))
        .with_state(state);
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        axum::serve(listener, router).await
    });
    config.github = Some(GitHub { client_id: "client".to_owned(), client_secret: "secret".to_owned() });
    config.github_url = url.clone();
    config.github_api_url = url;
}

/// The code is the challenge of the trip, so that a verifier that does not belong to it is noticed.
async fn access_token(State(state): State<Arc<GitHubStandIn>>, Form(form): Form<HashMap<String, String>>) -> impl IntoResponse {
    if state.broken {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(field("code_verifier").as_bytes()));
    if field("client_id") == "client" && field("client_secret") == "secret" && field("code") == challenge {
        Json(json!({ "access_token": "gho_good", "token_type": "bearer", "scope": "read:user,user:email" })).into_response()
    } else {
        // As GitHub does: 200 with an error.
        Json(json!({ "error": "bad_verification_code" })).into_response()
    }
}

fn authorised(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| value == "Bearer gho_good") && headers.contains_key("user-agent")
}

async fn user_of(State(state): State<Arc<GitHubStandIn>>, headers: HeaderMap) -> impl IntoResponse {
    if authorised(&headers) { Json(state.user.clone()).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
}

async fn emails_of(State(state): State<Arc<GitHubStandIn>>, headers: HeaderMap) -> impl IntoResponse {
    if authorised(&headers) { Json(state.emails.clone()).into_response() } else { StatusCode::UNAUTHORIZED.into_response() }
}

fn octo() -> Value {
    json!({ "id": 4711, "login": "octo", "name": "Octavia" })
}

fn verified(email: &str) -> Value {
    json!([{ "email": "other@x.y", "primary": false, "verified": true }, { "email": email, "primary": true, "verified": true }])
}

fn parameter(location: &str, name: &str) -> String {
    let url = reqwest::Url::parse(location).expect("an address");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// Goes to GitHub and comes back as it would send the browser.
async fn round_trip(client: &Client, query: &str) -> Answer {
    let start = client.answer(client.request(Method::GET, &format!("/auth/github{query}"))).await;
    assert_eq!(start.status, 303);
    let location = start.header("location");
    assert!(location.contains("/login/oauth/authorize?client_id=client") && start.header("set-cookie").contains("HttpOnly"));
    let (state, code) = (parameter(location, "state"), parameter(location, "code_challenge"));
    client.answer(client.request(Method::GET, &format!("/auth/github/callback?state={state}&code={code}"))).await
}

fn refused(answer: &Answer, code: &str) {
    assert_eq!(answer.status, 303);
    let location = answer.header("location");
    assert!(location.starts_with("/login?__path="), "{location}");
    let error = parameter(&format!("http://x{location}"), "__err");
    let error = base64::engine::general_purpose::URL_SAFE.decode(error).expect("base64");
    let error: Value = serde_json::from_slice(&error).expect("JSON");
    assert_eq!(error["code"], code, "{error}");
}

async fn make_open(app: &TestApp) -> Client {
    let maya = app.sign_up_first().await;
    maya.patch("/admin/settings", json!({ "openRegistration": true })).await;
    maya
}

app_test!(
    it_opens_an_account_and_finds_it_again,
    |config| {
        stand_in(config, octo(), verified("octo@x.y"), false);
    },
    |app| {
        make_open(app).await;
        let browser = app.visitor();
        let back = round_trip(&browser, "?next=%2Fartifacts").await;
        assert_eq!((back.status, back.header("location")), (303, "/artifacts"));
        let (status, me) = browser.get("/me").await;
        assert_eq!((status, &me["person"]["name"], &me["email"]), (200, &json!("Octavia"), &json!("octo@x.y")));
        assert_eq!((&me["githubLinked"], &me["hasPassword"], &me["administrator"]), (&json!(true), &json!(false), &json!(false)));
        let again = app.visitor();
        assert_eq!(round_trip(&again, "?next=https%3A%2F%2Fevil.example").await.header("location"), "/");
        assert_eq!(again.get("/me").await.1["person"]["id"], me["person"]["id"]);
    }
);

app_test!(
    registration_is_respected_and_an_invitation_lets_in,
    |config| {
        stand_in(config, octo(), verified("octo@x.y"), false);
    },
    |app| {
        let maya = app.sign_up_first().await;
        let browser = app.visitor();
        refused(&round_trip(&browser, "").await, "forbidden");
        assert_eq!(browser.get("/me").await.0, 401);
        let team = maya.team("Harbor").await;
        let secret = maya.invite(&team, "member").await;
        assert_eq!(round_trip(&browser, &format!("?invitation={secret}&next=%2F")).await.header("location"), "/");
        assert_eq!(browser.get("/me").await.1["teams"][0]["name"], "Harbor");
    }
);

app_test!(
    an_account_with_a_password_is_never_taken_over_by_its_address,
    |config| {
        stand_in(config, octo(), verified("maya@harbor.internal"), false);
    },
    |app| {
        let maya = make_open(app).await;
        let stranger = app.visitor();
        refused(&round_trip(&stranger, "").await, "conflict");
        assert_eq!(stranger.get("/me").await.0, 401);
        // Signed in, it is linked; then it signs in.
        assert_eq!(round_trip(&maya, "?next=%2Fsettings").await.header("location"), "/settings");
        assert_eq!(maya.get("/me").await.1["githubLinked"], true);
        assert_eq!(round_trip(&stranger, "").await.header("location"), "/");
        assert_eq!(stranger.get("/me").await.1["email"], "maya@harbor.internal");
        let noor = app.sign_up(&maya, "noor@x.y").await;
        refused(&round_trip(&noor, "").await, "conflict");
        assert_eq!(noor.get("/me").await.1["githubLinked"], false);
    }
);

app_test!(
    a_link_is_taken_away_by_somebody_who_has_a_password,
    |config| {
        stand_in(config, octo(), verified("octo@x.y"), false);
    },
    |app| {
        let maya = make_open(app).await;
        assert_eq!(maya.delete("/me/github").await.0, 409, "nothing is linked");
        round_trip(&maya, "").await;
        let program = app.client_with_token(&maya, &["read", "write", "admin"]).await;
        assert_eq!(program.delete("/me/github").await.0, 403, "that takes a browser");
        let (status, me) = maya.delete("/me/github").await;
        assert_eq!((status, &me["githubLinked"]), (200, &json!(false)));
        let (_, log) = maya.get("/admin/audit").await;
        assert_eq!(log["events"][0]["action"], "github.unlinked", "{log}");

        // Now the GitHub account opens an account of its own, which has nothing but GitHub.
        let octavia = app.visitor();
        round_trip(&octavia, "").await;
        let (status, refused) = octavia.delete("/me/github").await;
        assert_eq!((status, &refused["code"]), (409, &json!("conflict")));
        assert!(refused["message"].as_str().is_some_and(|message| message.contains("set a password first")), "{refused}");
        assert_eq!(octavia.get("/me").await.1["githubLinked"], true);
        assert_eq!(octavia.post("/me/password", json!({ "new": "another fine sentence" })).await.0, 204);
        assert_eq!(octavia.delete("/me/github").await.0, 200);
        assert_eq!(app.visitor().delete("/me/github").await.0, 401);
    }
);

app_test!(
    an_address_that_is_not_verified_opens_nothing,
    |config| {
        stand_in(config, octo(), json!([{ "email": "octo@x.y", "primary": true, "verified": false }]), false);
    },
    |app| {
        make_open(app).await;
        refused(&round_trip(&app.visitor(), "").await, "conflict");
    }
);

app_test!(
    a_trip_that_was_not_begun_here_ends_nowhere,
    |config| {
        stand_in(config, octo(), verified("octo@x.y"), false);
    },
    |app| {
        make_open(app).await;
        let browser = app.visitor();
        let callback = async |query: &str| browser.answer(browser.request(Method::GET, &format!("/auth/github/callback{query}"))).await;
        refused(&callback("?state=x&code=y").await, "expired");
        refused(&callback("").await, "expired");
        let start = browser.answer(browser.request(Method::GET, "/auth/github")).await;
        let state = parameter(start.header("location"), "state");
        refused(&callback("?state=other&code=y").await, "expired");
        // That ended the trip: the right state is too late.
        refused(&callback(&format!("?state={state}&code=y")).await, "expired");
        let start = browser.answer(browser.request(Method::GET, "/auth/github")).await;
        let state = parameter(start.header("location"), "state");
        refused(&callback(&format!("?state={state}&error=access_denied")).await, "unauthenticated");
        let start = browser.answer(browser.request(Method::GET, "/auth/github")).await;
        let state = parameter(start.header("location"), "state");
        refused(&callback(&format!("?state={state}&code=wrong")).await, "unavailable");
        assert_eq!(browser.get("/me").await.0, 401);
    }
);

app_test!(
    a_fault_of_github_is_told,
    |config| {
        stand_in(config, octo(), verified("octo@x.y"), true);
    },
    |app| {
        make_open(app).await;
        refused(&round_trip(&app.visitor(), "").await, "unavailable");
    }
);

app_test!(without_a_client_id_there_is_no_such_way, |app| {
    app.sign_up_first().await;
    let visitor = app.visitor();
    refused(&visitor.answer(visitor.request(Method::GET, "/auth/github")).await, "not_found");
});
