//! Links whose tokens a GitHub App gets: beside a stand-in that answers as GitHub's API documents it, and looks at what the app says of itself.

use std::sync::{
    Arc, LazyLock, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use axum::{
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use llmos_lite::server::{config::Config, github_app::GitHubApp};
use serde_json::{Value, json};

use super::{GitServer, allow_private, link, run, settled, shared, skill, text_of};
use crate::{app::text, volumes::volume};

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).expect("a key"));
const MINTED: &str = "ghs_minted";

#[derive(Clone)]
struct GitHub {
    minted: Arc<AtomicUsize>,
    installed: Arc<Mutex<bool>>,
    permission: Arc<Mutex<&'static str>>,
}

impl Default for GitHub {
    fn default() -> Self {
        Self { minted: Arc::default(), installed: Arc::new(Mutex::new(true)), permission: Arc::new(Mutex::new("none")) }
    }
}

fn pem() -> String {
    let der: Pkcs8V1Der<'_> = KEY.as_der().expect("a key");
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
}

fn bearer(headers: &HeaderMap) -> &str {
    headers["authorization"].to_str().expect("text").strip_prefix("Bearer ").expect("a token")
}

/// What the app says of itself: RS256, for some minutes.
fn is_the_app(headers: &HeaderMap) {
    let (said, signature) = bearer(headers).rsplit_once('.').expect("a JWT");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, KEY.public_key().as_ref());
    public.verify(said.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).expect("base64")).expect("its signature");
    let claims = URL_SAFE_NO_PAD.decode(said.split_once('.').expect("two parts").1).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    let (iat, exp) = (claims["iat"].as_i64().expect("a time"), claims["exp"].as_i64().expect("a time"));
    assert!(claims["iss"] == "12345" && exp - iat <= 600, "{claims}");
}

impl GitHub {
    fn start(&self, config: &mut Config) {
        async fn installation(State(github): State<GitHub>, headers: HeaderMap) -> Response {
            is_the_app(&headers);
            if *github.installed.lock().expect("not poisoned") {
                axum::Json(json!({ "id": 7 })).into_response()
            } else {
                StatusCode::NOT_FOUND.into_response()
            }
        }
        async fn mint(State(github): State<GitHub>, request: Request) -> Response {
            let (parts, body) = request.into_parts();
            is_the_app(&parts.headers);
            let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
            let asked: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(asked, json!({ "repositories": ["playbook"] }), "no more than it needs");
            github.minted.fetch_add(1, Ordering::SeqCst);
            (StatusCode::CREATED, axum::Json(json!({ "token": MINTED, "expires_at": "2999-01-01T00:00:00Z" }))).into_response()
        }
        async fn user(Path(id): Path<i64>, headers: HeaderMap) -> Response {
            assert_eq!((bearer(&headers), id), (MINTED, 42));
            axum::Json(json!({ "login": "tom-at-gh" })).into_response()
        }
        async fn permission(State(github): State<GitHub>, Path((_, _, login)): Path<(String, String, String)>) -> Response {
            assert_eq!(login, "tom-at-gh");
            axum::Json(json!({ "permission": *github.permission.lock().expect("not poisoned") })).into_response()
        }
        let router = axum::Router::new()
            .route("/repos/{owner}/{name}/installation", get(installation))
            .route("/app/installations/7/access_tokens", post(mint))
            .route("/user/{id}", get(user))
            .route("/repos/{owner}/{name}/collaborators/{login}/permission", get(permission))
            .with_state(self.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        allow_private(config);
        config.github_api_url = format!("http://{}", listener.local_addr().expect("an address"));
        config.github_url = "http://127.0.0.1".to_owned();
        config.github_app = Some(GitHubApp::new("12345".to_owned(), &pem()).expect("a key"));
        tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await
        });
    }
}

app_test_beside!(GitHub, a_volume_is_linked_by_the_servers_app, |app, github| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    server.ask_for(MINTED);
    let (maya, volume) = shared(app).await;
    let found = link(&maya, &volume, json!({ "url": server.url, "push": true })).await;
    assert_eq!((&found["state"], &found["byApp"], &found["hasToken"]), (&json!("synced"), &json!(true), &json!(false)), "{found}");
    server.write("skills/a/SKILL.md", skill("a", "Two\n"));
    server.commit("Second");
    assert_eq!(run(&maya, &volume, "pull").await["updated"], 1);
    assert_eq!(github.minted.load(Ordering::SeqCst), 1, "a token is kept while it lasts");
    assert!(text_of(&maya, &volume, "a").await.contains("Two"));
    // Whoever changes the link gives a token of their own, or is asked as anybody.
    let (status, found) =
        maya.json(reqwest::Method::PUT, &format!("/volumes/{volume}/git"), json!({ "url": server.url, "token": MINTED })).await;
    assert_eq!((status, &found["byApp"], &found["hasToken"]), (200, &json!(false), &json!(true)), "{found}");
});

// The app sees whatever it is installed for; teams of one server do not.
app_test_beside!(GitHub, nobody_gets_at_a_repository_by_the_app_that_github_keeps_from_them, |app, github| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    server.ask_for(MINTED);
    let maya = app.sign_up_first().await;
    let tom = app.sign_up(&maya, "tom@x.y").await;
    tom.team("Pier").await;
    let volume = volume(&tom, "team").await;
    let put = async |push: bool| {
        tom.json(reqwest::Method::PUT, &format!("/volumes/{volume}/git"), json!({ "url": server.url, "push": push })).await
    };
    let (status, error) = put(false).await;
    assert!(status == 400 && error["fields"]["token"].is_string(), "no account at GitHub is linked: {error}");
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE users SET github_id = '42' WHERE id = $1").bind(tom.id.clone()).execute(&mut *tx).await.expect("updates");
    tx.commit().await.expect("committed");
    for (permission, push, expected) in
        [("none", false, 400), ("read", true, 400), ("read", false, 200), ("write", true, 200), ("admin", true, 200), ("none", false, 400)]
    {
        *github.permission.lock().expect("not poisoned") = permission;
        let (status, answer) = put(push).await;
        assert_eq!(status, expected, "{permission} {push}: {answer}");
        if status == 200 {
            assert_eq!(answer["byApp"], true, "{answer}");
            settled(&tom, &volume).await;
        } else {
            assert!(text(&answer["fields"]["token"]).contains("without a token"), "{answer}");
        }
    }
    assert_eq!(github.minted.load(Ordering::SeqCst), 1);
});

app_test_beside!(GitHub, where_the_app_is_not_installed_a_token_is_needed, |app, github| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    server.ask_for("another-token");
    *github.installed.lock().expect("not poisoned") = false;
    let (maya, volume) = shared(app).await;
    let path = format!("/volumes/{volume}/git");
    let (status, error) = maya.json(reqwest::Method::PUT, &path, json!({ "url": server.url })).await;
    assert!(status == 400 && error["fields"]["token"].is_string(), "{error}");
    let found = link(&maya, &volume, json!({ "url": server.url, "token": "another-token" })).await;
    assert_eq!((&found["byApp"], &found["hasToken"]), (&json!(false), &json!(true)), "{found}");
    assert_eq!(github.minted.load(Ordering::SeqCst), 0);
});
