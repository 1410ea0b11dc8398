//! What repositories at GitHub come to in the figures: pull requests by their events, and what was before by GitHub's API, each once.

use std::sync::{Arc, Mutex};

use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
    routing::get,
};
use llmos_lite::{
    features::webhooks::service::count_history,
    server::{clock, config::Config, context::Ctx, state::AppState},
};
use serde_json::{Value, json};

use crate::{
    app::{TestApp, text},
    git::{GitServer, allow_private, link, shared, skill},
    github_events::repository,
    usage::{of_kind, of_kind_soon},
    webhooks::{send, until, with_secret},
};

const HOURS: i64 = 3_600_000;

fn with_github(config: &mut Config) {
    allow_private(config);
    with_secret(config);
    config.github_url = "http://127.0.0.1".to_owned();
}

/// So many days ago, at an hour (UTC).
fn ago(days: i64, hour: i64) -> String {
    const DAY: i64 = 24 * HOURS;
    clock::rfc3339((clock::now_ms() / DAY - days) * DAY + hour * HOURS)
}

fn pull_request(number: i64, more: Value) -> Value {
    let mut pull = json!({
        "number": number, "title": "Better lamps", "state": "open", "draft": false, "html_url": "https://github.com/team/playbook/pull/1",
        "user": { "login": "octocat", "id": 583231 }, "head": { "ref": "lamps", "sha": "1" }, "base": { "ref": "main", "sha": "0" },
        "created_at": ago(9, 0), "updated_at": ago(9, 0),
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        pull[key] = value.clone();
    }
    pull
}

fn event(server: &GitServer, action: &str, pull: &Value) -> Value {
    let sender = json!({ "login": "octocat", "id": 583231 });
    json!({ "action": action, "number": pull["number"], "pull_request": pull, "repository": repository(server), "sender": sender })
}

fn merged(number: i64) -> Value {
    let times = json!({ "updated_at": ago(8, 1), "closed_at": ago(8, 1), "merged_at": ago(8, 1) });
    let mut pull = pull_request(number, times);
    pull["state"] = json!("closed");
    pull
}

fn closed(number: i64) -> Value {
    pull_request(number, json!({ "state": "closed", "updated_at": ago(7, 0), "closed_at": ago(7, 0) }))
}

app_test!(a_pull_request_is_opened_and_merged_once, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    let team = text(&maya.get("/teams").await.1[0]["id"]);
    let open = pull_request(1, json!({}));
    for (action, pull) in
        [("opened", &open), ("synchronize", &open), ("closed", &merged(1)), ("closed", &merged(1)), ("closed", &closed(2))]
    {
        let guid = send(&maya, "pull_request", &event(&server, action, pull)).await;
        until(&maya, &guid, "done").await;
    }
    let opened = of_kind(app, "pull_request.opened").await;
    assert_eq!(opened.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(), ["team/playbook#1", "team/playbook#2"]);
    assert!(opened.iter().all(|event| event.workspace == team && event.volume == volume && event.actor.is_empty()), "{opened:?}");
    let ended = of_kind(app, "pull_request.merged").await;
    assert_eq!((ended.len(), ended[0].amount, ended[0].at - opened[0].at), (1, 25 * HOURS, 25 * HOURS));
    assert_eq!(of_kind(app, "pull_request.closed").await.len(), 1);
    // Events go after their time; what is told of again then counts no second time.
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("DELETE FROM usage_events WHERE kind IN (320, 321, 322)").execute(&mut *tx).await.expect("they are gone");
    tx.commit().await.expect("a commit");
    let guid = send(&maya, "pull_request", &event(&server, "closed", &merged(1))).await;
    until(&maya, &guid, "done").await;
    for kind in ["pull_request.opened", "pull_request.merged"] {
        assert!(of_kind(app, kind).await.is_empty(), "{kind}");
    }
    let received = of_kind_soon(app, "delivery.received", 5).await;
    assert!(received.iter().all(|event| event.extra == 0 && event.workspace.is_empty() && event.amount >= 0), "{received:?}");
});

/// GitHub's API as far as it lists pull requests and commits, in pages of two.
#[derive(Clone, Default)]
struct Stand {
    pulls: Arc<Mutex<Vec<Value>>>,
    commits: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

type Asked = Query<std::collections::HashMap<String, String>>;

impl Stand {
    fn start(&self) -> String {
        fn page(all: &[Value], path: &str, query: &Asked, headers: &HeaderMap) -> Response {
            assert_eq!(headers["authorization"], "Bearer ghs_token");
            let from: usize = query.get("page").map_or(0, |page| page.parse().expect("a number"));
            let mut response = axum::Json(all.iter().skip(from).take(2).cloned().collect::<Vec<_>>()).into_response();
            if from + 2 < all.len() {
                let host = headers["host"].to_str().expect("a host");
                let link = format!("<http://{host}/repos/team/playbook/{path}?page={}>; rel=\"next\"", from + 2);
                response.headers_mut().insert("link", link.parse().expect("a header"));
            }
            response
        }
        async fn pulls(State(stand): State<Stand>, query: Asked, headers: HeaderMap) -> Response {
            stand.asked.lock().expect("not poisoned").push("pulls".to_owned());
            page(&stand.pulls.lock().expect("not poisoned"), "pulls", &query, &headers)
        }
        async fn commits(State(stand): State<Stand>, query: Asked, headers: HeaderMap) -> Response {
            stand.asked.lock().expect("not poisoned").push(format!("commits {}", query.get("sha").cloned().unwrap_or_default()));
            page(&stand.commits.lock().expect("not poisoned"), "commits", &query, &headers)
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new()
            .route("/repos/team/playbook/pulls", get(pulls))
            .route("/repos/team/playbook/commits", get(commits))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(tokio::net::TcpListener::from_std(listener).expect("a listener"), router).await });
        address
    }
}

/// A server on the same database that asks the stand-in.
async fn asking(app: &TestApp, stand: &Stand) -> Ctx {
    let mut config = app.state.config.clone();
    config.github_api_url = stand.start();
    config.github_token = Some("ghs_token".to_owned());
    Ctx::internal(AppState::open(config).await.expect("opens"), None)
}

app_test!(what_was_before_is_counted_once_however_often_it_is_asked, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    // Without a token nobody is asked.
    link(&maya, &volume, json!({ "url": server.url })).await;
    let pulled = of_kind(app, "commit.made").await.len();
    // One of them was heard of by an event already.
    let guid = send(&maya, "pull_request", &event(&server, "closed", &merged(1))).await;
    until(&maya, &guid, "done").await;
    let stand = Stand::default();
    let elsewhere = pull_request(9, json!({ "base": { "ref": "other", "sha": "0" } }));
    let old = pull_request(3, json!({ "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-02T00:00:00Z" }));
    *stand.pulls.lock().expect("not poisoned") = vec![elsewhere, closed(2), merged(1), old.clone(), old];
    let commit = |sha: &str, date: String| json!({ "sha": sha, "commit": { "committer": { "date": date } }, "author": null });
    *stand.commits.lock().expect("not poisoned") = vec![commit("c3", ago(30, 0)), commit("c2", ago(31, 0)), commit("c1", ago(32, 0))];
    let ctx = asking(app, &stand).await;
    for _ in 0..3 {
        count_history(&ctx).await.expect("counted");
    }
    let count = async |kind: &'static str| of_kind(app, kind).await.len();
    assert_eq!(count("pull_request.opened").await, 2, "the one of another branch and the old one are left out");
    assert_eq!((count("pull_request.merged").await, count("pull_request.closed").await), (1, 1));
    assert_eq!(count("commit.made").await, pulled + 3);
    let asked = stand.asked.lock().expect("not poisoned").clone();
    assert_eq!(asked.iter().filter(|asked| asked.starts_with("commits main")).count(), 1, "commits are asked for once: {asked:?}");
});

app_test!(a_refusal_of_github_says_which_repository, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    let mut config = app.state.config.clone();
    // Nobody has such routes there.
    config.github_api_url = server.url.clone();
    config.github_token = Some("ghs_token".to_owned());
    let ctx = Ctx::internal(AppState::open(config).await.expect("opens"), None);
    let error = count_history(&ctx).await.expect_err("refused");
    assert!(error.message.starts_with("team/playbook: "), "{error}");
    assert_eq!(of_kind(app, "pull_request.opened").await.len(), 0);
});
