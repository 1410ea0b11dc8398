//! What is asked of GitHub, against a stand-in that answers as its API documents it: what it sent that is not here, and where it sends from. And the
//! payloads that were recorded of it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use llmos_lite::{
    features::webhooks::{
        model::{AllowList, Event, read_event},
        service::{admit, check_missing, refresh_networks},
    },
    server::{clock, config::Config, context::Ctx, state::AppState},
};
use serde_json::{Value, json};

use crate::{
    app::{Client, TestApp, skipped, text},
    git::{GitServer, commits, git, link, settled, shared, skill, text_of},
    github_events::{market_skill, pull_of, with_github},
    marketplace::Publisher,
    tasks::list as tasks,
    webhooks::{SECRET, guid, list, push, send, send_as, until, with_secret},
};

/// Where deliveries come from, as the stand-in says it at first.
const RANGES: [&str; 3] = ["127.0.0.0/8", "192.30.252.0/22", "2a0a:a440::/29"];

/// What GitHub's API says, as it documents it, and what it was asked.
#[derive(Clone, Default)]
struct Stand {
    asked: Arc<Mutex<Vec<String>>>,
    /// Deliveries of the hook: the newest first.
    sent: Arc<Mutex<Vec<Value>>>,
    limited: Arc<AtomicUsize>,
    broken: Arc<AtomicUsize>,
    /// Deliveries that it does not send again.
    gone: Arc<Mutex<Vec<i64>>>,
    /// What it says that deliveries come from, in place of what it says at first.
    hooks: Arc<Mutex<Option<Value>>>,
}

impl Stand {
    fn start(&self) -> String {
        async fn ask(State(stand): State<Stand>, request: Request, next: Next) -> Response {
            stand.asked.lock().expect("not poisoned").push(format!("{} {}", request.method(), request.uri()));
            let wants = |count: &AtomicUsize| count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if request.uri().path() != "/meta" && request.headers().get("authorization").is_none_or(|value| value != "Bearer ghs_token") {
                return StatusCode::UNAUTHORIZED.into_response();
            }
            if wants(&stand.limited) {
                return (StatusCode::FORBIDDEN, [("retry-after", "1")], "{\"message\":\"secondary rate limit\"}").into_response();
            }
            if wants(&stand.broken) {
                return StatusCode::BAD_GATEWAY.into_response();
            }
            next.run(request).await
        }
        async fn meta(State(stand): State<Stand>) -> Response {
            let hooks = stand.hooks.lock().expect("not poisoned").clone();
            axum::Json(json!({ "hooks": hooks.unwrap_or_else(|| json!(RANGES)), "web": [] })).into_response()
        }
        async fn hooks(Path((_, name)): Path<(String, String)>) -> Response {
            if name == "gone" {
                return StatusCode::NOT_FOUND.into_response();
            }
            axum::Json(json!([
                { "id": 1, "active": true, "config": { "url": "https://elsewhere.example/webhook/github" } },
                { "id": 2, "active": true, "config": { "url": "https://hooks.harbor.example/webhook/github" } },
            ]))
            .into_response()
        }
        async fn deliveries(State(stand): State<Stand>, Query(query): Query<HashMap<String, String>>, headers: HeaderMap) -> Response {
            let sent = stand.sent.lock().expect("not poisoned").clone();
            let from: usize = query.get("cursor").map_or(0, |cursor| cursor.parse().expect("a cursor"));
            let page: Vec<Value> = sent.iter().skip(from).take(2).cloned().collect();
            let host = headers[header::HOST].to_str().expect("a host");
            let more = from + 2 < sent.len();
            let link = format!("<http://{host}/repos/harbor/skills/hooks/2/deliveries?per_page=100&cursor={}>; rel=\"next\"", from + 2);
            let mut response = axum::Json(page).into_response();
            if more {
                response.headers_mut().insert(header::LINK, link.parse().expect("a header"));
            }
            response
        }
        async fn attempt(State(stand): State<Stand>, Path((_, _, id)): Path<(String, String, i64)>) -> StatusCode {
            if stand.gone.lock().expect("not poisoned").contains(&id) { StatusCode::NOT_FOUND } else { StatusCode::ACCEPTED }
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new()
            .route("/meta", get(meta))
            .route("/repos/{owner}/{name}/hooks", get(hooks))
            .route("/repos/{owner}/{name}/hooks/2/deliveries", get(deliveries))
            .route("/repos/{owner}/{name}/hooks/2/deliveries/{id}/attempts", post(attempt))
            .layer(from_fn_with_state(self.clone(), ask))
            .with_state(self.clone());
        tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await
        });
        address
    }

    fn asked(&self, part: &str) -> Vec<String> {
        self.asked.lock().expect("not poisoned").iter().filter(|asked| asked.contains(part)).cloned().collect()
    }
}

/// A server that asks a stand-in for GitHub's API.
async fn asked_stand(app: &TestApp, stand: &Stand, repositories: &[&str]) -> Ctx {
    let mut config = app.state.config.clone();
    config.github_api_url = stand.start();
    config.github_token = Some("ghs_token".to_owned());
    config.site_url = Some("https://hooks.harbor.example".to_owned());
    config.webhook_repositories = repositories.iter().map(|name| (*name).to_owned()).collect();
    // The same database, with another configuration.
    let state = AppState::open(config).await.expect("opens");
    Ctx::internal(state, None)
}

/// Links a volume as it would be, without asking a server that is not there.
async fn put_link(app: &TestApp, volume: &str, by: &str, url: &str, branch: &str) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query(
        "INSERT INTO git_links (volume_id, url, branch, folder, push, linked_by, created_at, updated_at, look_at) \
         VALUES ($1, $2, $3, '', 0, $4, 1, 1, 4000000000000)",
    )
    .bind(volume.to_owned())
    .bind(url.to_owned())
    .bind(branch.to_owned())
    .bind(by.to_owned())
    .execute(&mut *tx)
    .await
    .expect("inserts");
    tx.commit().await.expect("committed");
}

app_test!(what_github_sent_and_is_not_here_is_asked_for_again, |config| { with_secret(config) }, |app| {
    let stand = Stand::default();
    let ctx = asked_stand(app, &stand, &["Harbor/Skills", "harbor/gone"]).await;
    let maya = app.sign_up_first().await;
    let here = send(&app.visitor(), "push", &push("harbor/skills", 1)).await;
    let at = |hours: i64| {
        let millis = ctx.now() - hours * 3_600_000;
        json!(jiff_text(millis))
    };
    let lost = guid();
    let refused_often = guid();
    let mut sent = vec![
        json!({ "id": 900, "guid": guid(), "delivered_at": at(0), "status": "OK" }),
        json!({ "id": 800, "guid": lost, "delivered_at": at(2), "redelivery": true }),
        json!({ "id": 700, "guid": here, "delivered_at": at(3) }),
        json!({ "id": 600, "guid": lost, "delivered_at": at(20) }),
    ];
    sent.extend((0..5).map(|time| json!({ "id": 500 - time, "guid": refused_often, "delivered_at": at(30) })));
    sent.extend((0..20).map(|time| json!({ "id": 100 - time, "guid": guid(), "delivered_at": at(100) })));
    *stand.sent.lock().expect("not poisoned") = sent;
    stand.limited.store(1, Ordering::SeqCst);
    stand.broken.store(1, Ordering::SeqCst);
    check_missing(&ctx).await.expect("checked");
    assert_eq!(stand.asked("POST"), ["POST /repos/harbor/skills/hooks/2/deliveries/800/attempts"], "the last attempt of what is lost");
    assert_eq!(stand.asked("cursor=").len(), 4, "no further than three days back: {:?}", stand.asked("cursor="));
    let (_, report) = maya.get("/webhooks/report").await;
    let checks = report["checks"].as_array().expect("checks");
    assert_eq!([&checks[0]["repository"], &checks[0]["sent"], &checks[0]["missing"]], [&json!("harbor/gone"), &json!(0), &json!(0)]);
    assert!(text(&checks[0]["error"]).contains("does not show"), "{report}");
    assert_eq!([&checks[1]["sent"], &checks[1]["missing"], &checks[1]["askedAgain"]], [&json!(3), &json!(2), &json!(1)], "{report}");

    // It came; what was refused so often is no longer asked for, but it is missing.
    assert_eq!(send_as(&app.visitor(), &lost, "push", &push("harbor/skills", 2), SECRET).await.status, 202);
    check_missing(&ctx).await.expect("checked");
    assert_eq!(stand.asked("POST").len(), 1);
    let (_, report) = maya.get("/webhooks/report").await;
    assert_eq!([&report["checks"][1]["missing"], &report["checks"][1]["askedAgain"]], [&json!(1), &json!(0)], "{report}");
    stand.sent.lock().expect("not poisoned").retain(|sent| sent["guid"] != refused_often.as_str());
    check_missing(&ctx).await.expect("checked");
    assert_eq!(maya.get("/webhooks/report").await.1["checks"][1]["missing"], 0);
    ctx.state.db.close().await;
});

app_test!(a_linked_repository_is_looked_after_and_one_refusal_keeps_nothing_else, |config| { with_secret(config) }, |app| {
    let stand = Stand::default();
    let ctx = asked_stand(app, &stand, &[]).await;
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let (status, second) = maya.post("/volumes", json!({ "name": "Second", "team": team })).await;
    assert_eq!(status, 201, "{second}");
    let volumes = [crate::marketplace::team_volume(&maya, &team).await, text(&second["id"])];
    assert_ne!(volumes[0], volumes[1]);
    for (volume, name) in volumes.iter().zip(["skills", "gone"]) {
        put_link(app, volume, &maya.id, &format!("https://github.com/harbor/{name}"), "main").await;
    }
    let lost: Vec<String> = (0..3).map(|_| guid()).collect();
    let at = json!(jiff_text(ctx.now() - 2 * 3_600_000));
    let sent = lost.iter().zip([300, 200, 100]).map(|(guid, id)| json!({ "id": id, "guid": guid, "delivered_at": at }));
    *stand.sent.lock().expect("not poisoned") = sent.collect();
    *stand.gone.lock().expect("not poisoned") = vec![100];
    check_missing(&ctx).await.expect("checked");
    let asked = stand.asked("POST");
    assert_eq!(asked.len(), 3, "the oldest is refused, the others are asked for all the same: {asked:?}");
    let (_, report) = maya.get("/webhooks/report").await;
    let checks = report["checks"].as_array().expect("checks");
    assert_eq!(checks.len(), 1, "one that shows no webhook and sent nothing may have none: {report}");
    assert_eq!(
        (&checks[0]["repository"], &checks[0]["missing"], &checks[0]["askedAgain"]),
        (&json!("harbor/skills"), &json!(3), &json!(2))
    );
    assert!(text(&checks[0]["error"]).contains("404"), "{report}");
    // Once it has sent something, it is known to have one.
    send(&app.visitor(), "push", &push("harbor/gone", 1)).await;
    check_missing(&ctx).await.expect("checked");
    let (_, report) = maya.get("/webhooks/report").await;
    assert!(text(&report["checks"][0]["error"]).contains("does not show"), "{report}");

    // Where GitHub sends to another address, such as a relay's, the webhook that has it is this server's, and no other one.
    assert!(stand.asked("/hooks/1/deliveries").is_empty());
    let before = stand.asked("/hooks/2/deliveries").len();
    let config = Config { webhook_url: Some("https://elsewhere.example/webhook/github".to_owned()), ..ctx.state.config.clone() };
    let relayed = Ctx::internal(AppState::open(config).await.expect("opens"), None);
    check_missing(&relayed).await.expect("checked");
    assert_eq!((stand.asked("/hooks/1/deliveries").len(), stand.asked("/hooks/2/deliveries").len()), (1, before));
    for ctx in [ctx, relayed] {
        ctx.state.db.close().await;
    }
});

app_test!(
    githubs_list_is_asked_for_at_start_and_hourly,
    |config| {
        with_secret(config);
        config.github_token = Some("ghs_token".to_owned());
    },
    |app| {
        let number = async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(app.state.db.read()).await.expect("a number");
        assert_eq!(number("SELECT COUNT(*) FROM jobs WHERE kind = 'webhooks.check'").await, 1, "at start");
        // The runner has put the schedules down, or does so in a moment.
        for _ in 0..500 {
            if number("SELECT COUNT(*) FROM schedules WHERE kind IN ('webhooks.check', 'git.look')").await == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let pattern: String = sqlx::query_scalar("SELECT pattern FROM schedules WHERE kind = 'webhooks.check'")
            .fetch_one(app.state.db.read())
            .await
            .expect("a schedule");
        assert_eq!(pattern, "35 * * * * UTC");
        assert_eq!(number("SELECT COUNT(*) FROM schedules WHERE kind = 'git.look'").await, 1);
    }
);

/// RFC 3339, in whole seconds.
fn jiff_text(millis: i64) -> String {
    let text = llmos_lite::ui::utc_time(millis);
    format!("{}:00Z", text.trim_end_matches(" UTC").replace(' ', "T"))
}

app_test!(addresses_that_are_not_githubs_are_noted_or_refused, |config| { with_secret(config) }, |app| {
    let stand = Stand::default();
    let mut ctx = asked_stand(app, &stand, &[]).await;
    let maya = app.sign_up_first().await;
    let headers = || {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("x-github-event", "push"),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
        ] {
            headers.insert(name, value.parse().expect("a header"));
        }
        headers
    };
    refresh_networks(&ctx).await.expect("refreshed");
    ctx.address = "198.51.100.7".into();
    assert!(admit(&ctx, &headers()).await.is_ok(), "in shadow it is let in");
    let enforcing = |address: &str| {
        let mut ctx = ctx.clone();
        ctx.address = address.into();
        ctx
    };
    let mut config = ctx.state.config.clone();
    config.webhook_allow_list = AllowList::Enforce;
    let state = AppState::open(config.clone()).await.expect("opens");
    let enforce = |address: &str| {
        let mut ctx = enforcing(address);
        ctx.state = state.clone();
        ctx
    };
    for address in ["192.30.252.9", "127.0.0.1", "::ffff:192.30.255.1", "2a0a:a440::7"] {
        assert!(admit(&enforce(address), &headers()).await.is_ok(), "{address}");
    }
    for address in ["198.51.100.7", "2001:db8::1"] {
        let refused = admit(&enforce(address), &headers()).await.err().expect("refused");
        assert!(refused.code.status() == 403 && refused.message.contains(address), "{}", refused.message);
    }
    // The app's own server has read the list by now, or reads it with its first delivery.
    let id = send(&app.visitor(), "star", &json!({ "action": "created" })).await;
    let found = until(&maya, &id, "ignored").await;
    assert_eq!(
        maya.get(&format!("/webhooks/deliveries/{}", text(&found["id"]))).await.1["listed"],
        true,
        "127.0.0.0/8 is in the list here"
    );

    // What is no answer leaves the list as it was; an empty one lets nobody in where it is enforced.
    stand.broken.store(1, Ordering::SeqCst);
    assert_eq!(refresh_networks(&ctx).await.expect_err("broken").code.status(), 503);
    assert_eq!(maya.get("/webhooks/report").await.1["networks"], 3);
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("DELETE FROM webhook_networks").execute(&mut *tx).await.expect("deletes");
    tx.commit().await.expect("committed");
    let unknowing = AppState::open(config).await.expect("opens");
    let mut nobody = enforcing("192.30.252.9");
    nobody.state = unknowing.clone();
    assert_eq!(admit(&nobody, &headers()).await.err().expect("refused").code.status(), 503);
    for state in [ctx.state, state, unknowing] {
        state.db.close().await;
    }
});

/// The stand-in beside a server that asks it from its start.
#[derive(Clone, Default)]
struct Asked(Stand);

impl Asked {
    fn start(&self, config: &mut Config) {
        with_secret(config);
        config.github_api_url = self.0.start();
    }
}

// Alone in its process: the clock is everybody's.
app_test_beside!(Asked, githubs_ranges_come_at_start_and_at_their_time_and_nonsense_leaves_them, |app, asked| {
    let stand = &asked.0;
    let say = |hooks: Value| *stand.hooks.lock().expect("not poisoned") = Some(hooks);
    let known = async || {
        let networks = sqlx::query_scalar("SELECT network FROM webhook_networks").fetch_all(app.state.db.read()).await;
        let mut networks: Vec<String> = networks.expect("ranges");
        networks.sort();
        networks
    };
    let known_soon = async |expected: &[&str]| {
        for _ in 0..1_000 {
            if known().await == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{expected:?} are not known, but {:?}", known().await);
    };
    known_soon(&RANGES[..]).await;
    assert_eq!(stand.asked("/meta"), ["GET /meta"], "at start, once");

    // Others a day later, as ranges are written; what is none among them is left aside.
    say(json!(["140.82.112.7/20", "nonsense", "300.1.2.3/8", "140.82.112.0/20", "10.0.0.0/33"]));
    clock::jump(clock::DAY);
    known_soon(&["140.82.112.0/20"][..]).await;
    assert_eq!(stand.asked("/meta").len(), 2, "once a day");

    // What cannot be had or read, or has no range in it, leaves them.
    let ctx = Ctx::internal(app.state.clone(), None);
    for (hooks, status) in [(json!([]), 400), (json!(["nonsense", ""]), 400), (json!("192.30.252.0/22"), 503), (json!([7]), 503)] {
        say(hooks.clone());
        assert_eq!(refresh_networks(&ctx).await.expect_err("refused").code.status(), status, "{hooks}");
        assert_eq!(known().await, ["140.82.112.0/20"], "{hooks}");
    }
    say(json!(RANGES));
    stand.broken.store(1, Ordering::SeqCst);
    assert_eq!(refresh_networks(&ctx).await.expect_err("broken").code.status(), 503);
    assert_eq!(known().await, ["140.82.112.0/20"]);
    refresh_networks(&ctx).await.expect("it is well again");
    assert_eq!(known().await, RANGES);
    clock::jump(0);
});

/// The payloads that GitHub's own clients are tested with: event and payload.
fn recorded() -> Option<Vec<(String, Value)>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/end2end/node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let Ok(file) = std::fs::read(path) else {
        skipped("the recorded payloads of GitHub", "scripts/setup --test fetches them");
        return None;
    };
    let events: Vec<Value> = serde_json::from_slice(&file).expect("JSON");
    let mut payloads: Vec<(String, Value)> = Vec::new();
    for event in events {
        payloads.extend(event["examples"].as_array().expect("examples").iter().map(|payload| (text(&event["name"]), payload.clone())));
    }
    assert_eq!(payloads.len(), 329);
    Some(payloads)
}

/// Those that are not among the recorded ones, made from them: a merged pull request, a push of several commits, a closed issue, a review
/// that approves.
fn derived(recorded: &[(String, Value)]) -> Vec<(String, Value)> {
    let find = |event: &str, fits: &dyn Fn(&Value) -> bool| {
        recorded.iter().find(|(name, payload)| name == event && fits(payload)).map(|(_, payload)| payload.clone()).expect("recorded")
    };
    let mut merged = find("pull_request", &|payload| payload["action"] == "closed");
    merged["pull_request"]["merged"] = json!(true);
    merged["pull_request"]["merge_commit_sha"] = json!("6113728f27ae82c7b1a177c8d03f9e96e0adf246");
    let mut several = find("push", &|payload| payload["commits"].as_array().is_some_and(|commits| !commits.is_empty()));
    let commit = several["commits"][0].clone();
    let more = (0..3).map(|number| {
        let mut commit = commit.clone();
        commit["id"] = json!(format!("{number:040}"));
        commit["modified"] = json!([format!("skills/{number}/SKILL.md")]);
        commit
    });
    several["commits"] = more.collect();
    let mut closed = find("issues", &|payload| payload["action"] == "reopened");
    closed["action"] = json!("closed");
    closed["issue"]["state"] = json!("closed");
    // That which is dismissed in another one.
    let mut approved = find("pull_request_review", &|payload| payload["action"] == "dismissed");
    approved["action"] = json!("submitted");
    approved["review"]["state"] = json!("approved");
    [("pull_request", merged), ("push", several), ("issues", closed), ("pull_request_review", approved)]
        .map(|(event, payload)| (event.to_owned(), payload))
        .to_vec()
}

#[test]
fn recorded_payloads_are_read() {
    let Some(recorded) = recorded() else { return };
    let derived = derived(&recorded);
    let mut read = 0;
    for (event, payload) in recorded.iter().chain(&derived) {
        match read_event(event, payload.to_string().as_bytes()) {
            Ok(Event::Other) => {}
            Ok(_) => read += 1,
            Err(sentence) => panic!("{event}: {sentence}"),
        }
    }
    assert!(read > 80, "{read}");
    let of = |number: usize| read_event(&derived[number].0, derived[number].1.to_string().as_bytes()).expect("readable");
    assert!(
        matches!(of(0), Event::PullRequest(event) if event.pull_request.merged && event.action == "closed" && event.pull_request.merge_commit_sha.is_some())
    );
    assert!(
        matches!(of(1), Event::Push(push) if push.commits.len() == 3 && push.commits[2].modified == ["skills/2/SKILL.md"] && push.branch().is_some())
    );
    assert!(
        matches!(of(2), Event::Issues(event) if event.issue.state == "closed" && event.issue.number > 0 && !event.repository.clone_url.is_empty())
    );
}

app_test!(recorded_payloads_are_accepted_and_stored, |config| { with_secret(config) }, |app| {
    let Some(mut payloads) = recorded() else { return };
    let count = payloads.len();
    payloads.extend(derived(&payloads));
    let maya = app.sign_up_first().await;
    let github = app.visitor();
    for (event, payload) in &payloads {
        let answer = send_as(&github, &guid(), event, payload, SECRET).await;
        assert!([200, 202].contains(&answer.status), "{event}: {}", answer.text);
    }
    let mut waiting = Value::Null;
    for _ in 0..1_000 {
        waiting = maya.get("/webhooks/report").await.1;
        if waiting["waiting"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!([&waiting["day"], &waiting["waiting"], &waiting["failed"]], [&json!(payloads.len()), &json!(0), &json!(0)], "{waiting}");
    eprintln!("{count} recorded payloads, and {} made from them: all accepted and stored", payloads.len() - count);
});

/// The delivery once it was acted on and, where it asks for what a job does, once that has come to its end.
async fn ended(maya: &Client, guid: &str, asks: bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..1_500 {
        last = list(maya, "limit=200").await.into_iter().find(|delivery| delivery["guid"] == guid).unwrap_or_default();
        let came = last["outcomes"].as_array().is_some_and(|outcomes| !outcomes.is_empty());
        if !last.is_null() && last["state"] != "received" && (came || !asks) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{guid} does not end: {last}");
}

app_test!(recorded_payloads_of_a_linked_repository_are_acted_on, |config| { with_github(config) }, |app| {
    let Some(mut payloads) = recorded() else { return };
    payloads.extend(derived(&payloads));
    payloads.retain(|(event, _)| ["issues", "pull_request", "pull_request_review", "push", "release"].contains(&event.as_str()));
    let (mut ours, others): (Vec<_>, Vec<_>) =
        payloads.into_iter().partition(|(_, payload)| payload["repository"]["full_name"] == "Codertocat/Hello-World");
    assert_eq!((ours.len(), others.len()), (85, 1), "one is of another repository");

    // The recorded repository, at the tests' server of Git: a branch, a release and a pull request.
    let server = GitServer::start().await;
    let (bare, work) = (server.bare(), server.work());
    let owner = bare.parent().and_then(std::path::Path::parent).expect("a folder").join("Codertocat");
    std::fs::create_dir(&owner).expect("a folder");
    std::os::unix::fs::symlink(&bare, owner.join("Hello-World.git")).expect("a link");
    let url = server.url.replace("team/playbook", "Codertocat/Hello-World");
    for folder in [&bare, &work] {
        git(folder, &["symbolic-ref", "HEAD", "refs/heads/master"]);
    }
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.write("skills/hello-care/SKILL.md", market_skill("hello-care", "Trim the wicks, and then polish the glass."));
    server.commit("First");
    git(&work, &["tag", "0.0.1"]);
    git(&work, &["push", "-q", "origin", "0.0.1"]);
    git(&work, &["checkout", "-q", "-b", "changes"]);
    server.write("skills/oil/SKILL.md", skill("oil", "Fill.\n"));
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-q", "-m", "Oil"]);
    git(&work, &["push", "-q", "origin", "HEAD:refs/pull/2/head"]);
    let proposed = server.head();
    git(&work, &["checkout", "-q", "master"]);

    let (maya, volume) = shared(app).await;
    let team = text(&maya.get("/teams").await.1[0]["id"]);
    let found = link(&maya, &volume, json!({ "url": url, "branch": "master" })).await;
    assert_eq!(found["state"], "synced", "{found}");
    let ines = Publisher::new(app.join(&maya, &team, "maintainer", "ines@harbor.example").await, 7).await;
    let by_hand = crate::marketplace::with(
        crate::marketplace::skill("hello-care", "0.0.0", "Trim the wicks each evening, and look at the oil."),
        json!({ "team": team, "repository": url.replace("http://", "https://") }),
    );
    ines.publish(&maya, by_hand).await;

    // In the order of what they tell of, so that none comes late; what ends something is the last of its second.
    ours.sort_by_key(|(_, payload)| {
        let times = [&payload["review"]["submitted_at"], &payload["issue"]["updated_at"], &payload["pull_request"]["updated_at"]];
        let time = times.iter().find_map(|time| time.as_str()).unwrap_or_default().to_owned();
        (time, payload["action"] == "deleted" || payload["action"] == "dismissed")
    });
    for (_, payload) in &mut ours {
        payload["repository"]["clone_url"] = json!(url);
    }
    let before = commits(&maya, &volume).await.len();
    let (mut brought, mut review, mut versions) = (0, "none", vec!["0.0.0"]);
    for (event, payload) in &ours {
        let action = payload["action"].as_str().unwrap_or_default();
        let of = &payload["pull_request"];
        let merged = event == "pull_request" && action == "closed" && of["merged"] == true;
        let pulls = merged || (event == "push" && payload["ref"] == "refs/heads/master");
        let previewed = ["opened", "reopened", "ready_for_review", "synchronize", "edited"].contains(&action);
        let looks = event == "pull_request" && of["state"] == "open" && previewed;
        let releases = event == "release" && action == "published";
        if pulls {
            brought += 1;
            server.write("skills/lamps/SKILL.md", skill("lamps", &format!("Trim them {brought} times.\n")));
            server.commit("Lamps");
        }
        let found = ended(&maya, &send(&maya, event, payload).await, pulls || looks || releases).await;
        let failed = found["outcomes"].as_array().is_some_and(|outcomes| outcomes.iter().any(|outcome| outcome["failed"] == true));
        let acted = match event.as_str() {
            // A tag that is pushed changes no branch.
            "push" => pulls,
            "release" => releases,
            // One that only comments decides nothing.
            "pull_request_review" => payload["review"]["state"] != "commented",
            _ => true,
        };
        assert!(found["error"].is_null() && !failed, "{event} {action}: {found}");
        assert_eq!(found["state"], if acted { "done" } else { "ignored" }, "{event} {action}: {found}");
        match event.as_str() {
            "issues" => {
                let (issue, all) = (&payload["issue"], tasks(&maya, &team, "state=all").await);
                let task = all.iter().find(|task| task["issue"]["number"] == issue["number"]);
                let state = if issue["state"] == "closed" { "closed" } else { "open" };
                let expected = (action != "deleted").then(|| (text(&issue["title"]), state.to_owned()));
                assert_eq!(task.map(|task| (text(&task["title"]), text(&task["state"]))), expected, "{action}: {all:?}");
            }
            "pull_request" | "pull_request_review" => {
                match payload["review"]["state"].as_str() {
                    Some("approved") => review = "approved",
                    Some("dismissed") => review = "none",
                    _ => {}
                }
                let state = if merged { json!("merged") } else { of["state"].clone() };
                let row = pull_of(&maya, &volume).await;
                assert_eq!(
                    [&row["number"], &row["title"], &row["headSha"], &row["state"], &row["review"]],
                    [&of["number"], &of["title"], &of["head"]["sha"], &state, &json!(review)],
                    "{event} {action}: {row}"
                );
                if event == "pull_request" {
                    assert_eq!(row["draft"], of["draft"], "{action}: {row}");
                }
                if looks {
                    let oil = row["changes"].as_array().is_some_and(|changes| changes.iter().any(|change| change["slug"] == "oil"));
                    assert!(row["lookedSha"] == proposed.as_str() && oil, "{action}: {row}");
                }
            }
            "release" => {
                if releases && versions.len() == 1 {
                    versions.push("0.0.1");
                }
                let (_, mine) = ines.client.get("/marketplace/mine").await;
                let mine = mine.as_array().expect("a list");
                let mut there: Vec<String> = mine.iter().map(|one| text(&one["version"])).collect();
                there.sort_unstable();
                assert_eq!(there, versions, "{action}: {mine:?}");
                let of_release = mine.iter().find(|one| one["version"] == "0.0.1");
                assert!(of_release.is_none_or(|one| one["slug"] == "hello-care" && one["signed"] == false), "{mine:?}");
            }
            _ => {}
        }
        if pulls {
            assert_eq!(settled(&maya, &volume).await["lastSha"], server.head(), "{event} {action}");
            assert!(text_of(&maya, &volume, "lamps").await.ends_with(&format!("Trim them {brought} times.\n")), "{event} {action}");
        }
        assert_eq!(commits(&maya, &volume).await.len(), before + brought, "{event} {action}: a commit for each pull, and no other");
    }
    assert_eq!((brought, versions.len()), (4, 2), "three pushes and what was merged; the release");

    // What comes late does not bring a deleted issue back.
    let (event, late) =
        ours.iter().find(|(event, payload)| event == "issues" && payload["issue"]["number"] == 1).expect("it was sent before");
    until(&maya, &send(&maya, event, late).await, "done").await;
    // Nor does that of the other repository do anything.
    for (event, payload) in &others {
        let found = until(&maya, &send(&maya, event, payload).await, "ignored").await;
        assert_eq!(found["done"], json!(["No volume is linked to octo-org/octo-repo."]));
    }
    let left: Vec<Value> = tasks(&maya, &team, "state=all").await.iter().map(|task| task["issue"]["number"].clone()).collect();
    assert_eq!(left, [json!(2)]);
    eprintln!("{} payloads of a linked repository: each that is acted on has its effect", ours.len());
});

app_test!(the_secret_of_one_repository_does_nothing_to_another, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let volume = crate::marketplace::team_volume(&maya, &team).await;
    put_link(app, &volume, &maya.id, "https://github.com/harbor/skills", "main").await;
    let (other, own) = ("what only the other one knows", "what only this one knows");
    for (name, secret) in [("other", other), ("skills", own)] {
        let path = format!("/webhooks/secrets/harbor/{name}");
        assert_eq!(maya.json(reqwest::Method::PUT, &path, json!({ "secret": secret })).await.0, 204);
    }
    let github = app.visitor();
    let events = |full_name: &str, clone_url: &str| {
        let issue = json!({ "number": 7, "title": "The lamps smoke", "state": "open" });
        let pull = json!({ "number": 1, "title": "Better lamps", "state": "open", "base": { "ref": "main" } });
        let mut events = [
            ("issues", json!({ "action": "opened", "issue": issue })),
            ("pull_request", json!({ "action": "opened", "pull_request": pull })),
            ("push", push(full_name, 1)),
        ];
        for (_, payload) in &mut events {
            payload["repository"] = json!({ "full_name": full_name, "clone_url": clone_url });
        }
        events
    };
    for address in ["https://github.com/harbor/skills.git", "https://GitHub.com/Harbor/Skills", "git@github.com:harbor/skills.git"] {
        for (event, payload) in events("Harbor/Other", address) {
            let answer = send_as(&github, &guid(), event, &payload, other).await;
            assert_eq!(answer.status, 403, "{event} {address}: {}", answer.text);
            assert!(text(&answer.json()["message"]).contains("secret of harbor/other is for its own deliveries only"), "{}", answer.text);
        }
    }
    // Without an address nothing is found to act on.
    for (event, payload) in events("Harbor/Other", "") {
        let id = guid();
        assert_eq!(send_as(&github, &id, event, &payload, other).await.status, 202);
        until(&maya, &id, "ignored").await;
    }
    let pulls = format!("/volumes/{volume}/git/pull-requests");
    assert_eq!(crate::tasks::list(&maya, &team, "state=all").await.len(), 0);
    assert_eq!(maya.get(&pulls).await.1, json!([]));
    let jobs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE kind IN ('git.pull', 'git.preview')")
        .fetch_one(app.state.db.read())
        .await
        .expect("a number");
    assert_eq!(jobs, 0);

    // Its own secret does all of it.
    for (event, payload) in events("Harbor/Skills", "https://github.com/harbor/skills.git") {
        let id = guid();
        assert_eq!(send_as(&github, &id, event, &payload, own).await.status, 202);
        until(&maya, &id, "done").await;
    }
    assert_eq!(crate::tasks::list(&maya, &team, "state=all").await.len(), 1);
    assert_eq!(maya.get(&pulls).await.1[0]["number"], 1);

    // What was verified when it came can be replayed without the secret; sent again, it is refused.
    assert_eq!(maya.delete("/webhooks/secrets/harbor/skills").await.0, 204);
    let kept = list(&maya, "event=issues&repository=harbor/skills").await.remove(0);
    assert_eq!(maya.post(&format!("/webhooks/deliveries/{}/replay", text(&kept["id"])), json!({})).await.0, 202);
    let id = text(&kept["guid"]);
    assert_eq!(until(&maya, &id, "done").await["done"], json!(["Nothing newer than what is known of issue #7."]));
    let (event, payload) = &events("Harbor/Skills", "https://github.com/harbor/skills.git")[0];
    assert_eq!(send_as(&github, &id, event, payload, own).await.status, 401);
});
