//! GitHub's deliveries: what is taken in and what is refused, once and in order, over restarts; what administrators see of it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use llmos_lite::{features::webhooks::service::sign, server::config::Config};
use reqwest::{Body, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    app::{Answer, Client, TestApp, text},
    durability::rounds,
    github_events::sql,
    process::{Process, browser, first_account, free_address},
    process_test,
};

pub const SECRET: &str = "a secret that GitHub has as well";
const NEWER: &str = "another one, while it is changed";

pub fn with_secret(config: &mut Config) {
    config.webhook_secrets = vec![SECRET.to_owned()];
    // There is no network to ask in.
    config.github_api_url = "http://127.0.0.1:9".to_owned();
}

pub fn guid() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// As GitHub sends it.
fn delivery(client: &Client, guid: &str, event: &str, body: impl Into<Body>, signature: &str) -> RequestBuilder {
    client
        .request(Method::POST, "/webhook/github")
        .header("content-type", "application/json")
        .header("user-agent", "GitHub-Hookshot/044aadd")
        .header("x-github-event", event)
        .header("x-github-delivery", guid)
        .header("x-github-hook-id", "292430182")
        .header("x-hub-signature-256", signature)
        .body(body)
}

pub async fn send_as(client: &Client, guid: &str, event: &str, payload: &Value, secret: &str) -> Answer {
    let body = payload.to_string().into_bytes();
    let signature = sign(secret, &body);
    client.answer(delivery(client, guid, event, body, &signature)).await
}

pub async fn send(client: &Client, event: &str, payload: &Value) -> String {
    let guid = guid();
    let answer = send_as(client, &guid, event, payload, SECRET).await;
    assert!(answer.status == 202 || answer.status == 200, "{}", answer.text);
    guid
}

/// What GitHub says it sends from; before the first delivery, which reads it.
async fn know_a_network(app: &TestApp) {
    sql(app, "INSERT INTO webhook_networks (network, updated_at) VALUES ('192.30.252.0/22', 1)", &[]).await;
}

pub fn push(repository: &str, number: usize) -> Value {
    json!({
        "ref": "refs/heads/main", "before": format!("{number:040x}"), "after": format!("{:040x}", number + 1), "forced": false, "deleted": false,
        "repository": { "full_name": repository, "clone_url": format!("https://github.com/{repository}.git") },
        "pusher": { "name": "maya", "email": "maya@harbor.example" }, "commits": [], "head_commit": null,
    })
}

pub async fn list(maya: &Client, query: &str) -> Vec<Value> {
    let (status, page) = maya.get(&format!("/webhooks/deliveries?{query}")).await;
    assert_eq!(status, 200, "{page}");
    page["deliveries"].as_array().expect("a list").clone()
}

/// The delivery once it is in this state.
pub async fn until(maya: &Client, guid: &str, state: &str) -> Value {
    let mut last = Value::Null;
    for _ in 0..1_000 {
        let found = list(maya, "limit=200").await.into_iter().find(|delivery| delivery["guid"] == guid);
        match found {
            Some(found) if found["state"] == state => return found,
            found => last = found.unwrap_or_default(),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{guid} is not {state}: {last}");
}

async fn refused(client: &Client, request: RequestBuilder, status: u16, says: &str) {
    let answer = client.answer(request).await;
    let message = text(&answer.json()["message"]);
    assert_eq!(answer.status, status, "{message}");
    assert!(message.contains(says) && message.ends_with('.'), "{says}: {message}");
}

app_test!(
    a_delivery_is_stored_and_its_repetition_changes_nothing,
    |config| {
        with_secret(config);
        config.webhook_secrets.push(NEWER.to_owned());
    },
    |app| {
        let maya = app.sign_up_first().await;
        know_a_network(app).await;
        let github = app.visitor();
        let payload = push("Harbor/Skills", 1);
        let id = guid();
        let first = send_as(&github, &id, "push", &payload, SECRET).await;
        assert_eq!((first.status, &first.json()["repeated"]), (202, &json!(false)), "{}", first.text);
        until(&maya, &id, "ignored").await;
        let again = send_as(&github, &id, "push", &payload, NEWER).await;
        assert_eq!((again.status, &again.json()["repeated"]), (200, &json!(true)), "{}", again.text);
        let other_case = send_as(&github, &id.to_uppercase(), "push", &payload, SECRET).await;
        assert_eq!(other_case.status, 200, "{}", other_case.text);
        let all = list(&maya, "").await;
        assert_eq!(all.len(), 1, "{all:?}");
        let delivery = &all[0];
        assert_eq!(
            [&delivery["repository"], &delivery["about"], &delivery["repeats"]],
            [&json!("harbor/skills"), &json!("main"), &json!(2)],
            "{delivery}"
        );

        let (status, detail) = maya.get(&format!("/webhooks/deliveries/{}", text(&delivery["id"]))).await;
        assert_eq!(status, 200, "{detail}");
        assert_eq!(serde_json::from_str::<Value>(&text(&detail["payload"])).expect("JSON"), payload);
        assert_eq!(
            [&detail["headers"]["x-github-event"], &detail["signedBy"], &detail["address"]],
            [&json!("push"), &json!("Secret 1 of 2"), &json!("127.0.0.1")]
        );
        // An address that is not GitHub's is noted where it is not refused.
        assert_eq!(detail["listed"], false, "{detail}");
        let (_, report) = maya.get("/webhooks/report").await;
        assert_eq!([&report["allowList"], &report["networks"], &report["outside"]], [&json!("shadow"), &json!(1), &json!(1)], "{report}");
        assert!(!detail.to_string().contains("sha256="), "the signature is nowhere");
        let ping = send_as(&github, &guid(), "ping", &json!({ "zen": "Keep it logically awesome.", "hook_id": 1 }), NEWER).await;
        assert_eq!((ping.status, &ping.json()["message"]), (200, &json!("pong")), "{}", ping.text);
        let pings = list(&maya, "event=ping").await;
        assert_eq!([&pings[0]["state"], &pings[0]["done"]], [&json!("done"), &json!(["Answered."])]);
    }
);

app_test!(what_is_not_signed_is_refused_with_a_sentence, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let github = app.visitor();
    let body = push("harbor/skills", 1).to_string().into_bytes();
    let good = sign(SECRET, &body);
    let with = |signature: &str| delivery(&github, &guid(), "push", body.clone(), signature);
    refused(&github, with(&sign(NEWER, &body)), 401, "is not of this payload").await;
    refused(&github, with(&good[..70]), 401, "64 hexadecimal digits").await;
    refused(&github, with(&good.replace("sha256", "sha1")), 401, "64 hexadecimal digits").await;
    refused(&github, with("sha256="), 401, "64 hexadecimal digits").await;
    refused(&github, with(&format!("{good}00")), 401, "64 hexadecimal digits").await;
    for at in [0, body.len() / 2, body.len() - 1] {
        let mut changed = body.clone();
        changed[at] ^= 1;
        refused(&github, delivery(&github, &guid(), "push", changed, &good), 401, "is not of this payload").await;
    }
    refused(&github, delivery(&github, &guid(), "push", body[..body.len() - 1].to_vec(), &good), 401, "is not of this payload").await;
    let bare = || {
        let request = github.request(Method::POST, "/webhook/github").header("content-type", "application/json");
        request.header("x-github-event", "push").header("x-github-delivery", guid()).body(body.clone())
    };
    refused(&github, bare(), 401, "no header X-Hub-Signature-256").await;
    refused(&github, bare().header("x-hub-signature", "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"), 401, "SHA-1").await;

    let signed = |event: Option<&str>, guid: Option<&str>, kind: Option<&str>| {
        let mut request = github.request(Method::POST, "/webhook/github").header("x-hub-signature-256", &good).body(body.clone());
        for (name, value) in [("x-github-event", event), ("x-github-delivery", guid), ("content-type", kind)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request
    };
    let id = guid();
    refused(&github, signed(None, Some(&id), Some("application/json")), 400, "X-GitHub-Event").await;
    refused(&github, signed(Some("../push"), Some(&id), Some("application/json")), 400, "X-GitHub-Event").await;
    refused(&github, signed(Some("push"), None, Some("application/json")), 400, "X-GitHub-Delivery").await;
    refused(&github, signed(Some("push"), Some("7"), Some("application/json")), 400, "X-GitHub-Delivery").await;
    refused(&github, signed(Some("push"), Some(&id), Some("text/plain")), 415, "application/json").await;
    refused(&github, signed(Some("push"), Some(&id), None), 415, "application/json").await;
    refused(&github, github.request(Method::GET, "/webhook/github"), 405, "POST").await;
    assert!(list(&maya, "").await.is_empty(), "nothing was kept of any");
});

app_test!(a_payload_has_25_megabytes_and_no_more, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let github = app.visitor();
    let of =
        |megabytes: usize| format!("{{\"action\":\"created\",\"text\":\"{}\"}}", "x".repeat(megabytes * 1024 * 1024 - 40)).into_bytes();
    let large = of(26);
    let signature = sign(SECRET, &large);
    // In parts, and nothing says how many bytes there will be.
    let parts: Vec<std::io::Result<Vec<u8>>> = large.chunks(1024 * 1024).map(|part| Ok(part.to_vec())).collect();
    let streamed = Body::wrap_stream(futures::stream::iter(parts));
    refused(&github, delivery(&github, &guid(), "star", streamed, &signature), 413, "25 MB").await;
    refused(&github, delivery(&github, &guid(), "star", large, &signature), 413, "25 MB").await;
    assert!(list(&maya, "").await.is_empty(), "nothing was kept of either");
    let whole = of(25);
    let (id, signature) = (guid(), sign(SECRET, &whole));
    let answer = github.answer(delivery(&github, &id, "star", whole, &signature)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    assert_eq!(until(&maya, &id, "ignored").await["action"], "created");
});

app_test!(a_form_is_read_as_json_is, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let github = app.visitor();
    let payload = push("harbor/grüße+1&x", 1).to_string();
    let encoded: String = payload.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("payload={encoded}").into_bytes();
    let id = guid();
    let signature = sign(SECRET, &body);
    let request = github.request(Method::POST, "/webhook/github").header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("x-github-event", "push").header("x-github-delivery", &id).header("x-hub-signature-256", &signature);
    assert_eq!(github.answer(request.body(body)).await.status, 202);
    let found = until(&maya, &id, "ignored").await;
    let (_, detail) = maya.get(&format!("/webhooks/deliveries/{}", text(&found["id"]))).await;
    assert_eq!(text(&detail["payload"]), payload);
    // Without the field it is kept, as a payload that is none.
    let (id, body) = (guid(), b"other=1".to_vec());
    let request = github.request(Method::POST, "/webhook/github").header("content-type", "application/x-www-form-urlencoded");
    let request =
        request.header("x-github-event", "push").header("x-github-delivery", &id).header("x-hub-signature-256", sign(SECRET, &body));
    assert_eq!(github.answer(request.body(body)).await.status, 202);
    assert!(text(&until(&maya, &id, "failed").await["error"]).contains("not JSON"));
});

app_test!(without_any_secret_everything_is_refused, |app| {
    let maya = app.sign_up_first().await;
    let github = app.visitor();
    let refuse = send_as(&github, &guid(), "push", &push("harbor/skills", 1), SECRET).await;
    assert_eq!(refuse.status, 503, "{}", refuse.text);
    assert!(refuse.text.contains("GITHUB_WEBHOOK_SECRET"), "{}", refuse.text);
    assert_eq!(maya.get("/webhooks/report").await.1["secret"], false);

    // A secret of one repository is for that one alone.
    assert_eq!(maya.json(Method::PUT, "/webhooks/secrets/Harbor/Skills", json!({ "secret": "short" })).await.0, 400);
    assert_eq!(maya.json(Method::PUT, "/webhooks/secrets/a%20b/c", json!({ "secret": NEWER })).await.0, 400);
    let both = format!("{SECRET}, {NEWER}");
    assert_eq!(
        maya.json(Method::PUT, "/webhooks/secrets/Harbor/Skills", json!({ "secret": both })).await.0,
        400,
        "the comma in them parts them"
    );
    let (one, two) = ("the first secret of it", "the second secret of it");
    assert_eq!(maya.json(Method::PUT, "/webhooks/secrets/Harbor/Skills", json!({ "secret": format!("{one},{two}") })).await.0, 204);
    for secret in [one, two] {
        assert_eq!(send_as(&github, &guid(), "push", &push("HARBOR/skills", 1), secret).await.status, 202);
    }
    assert_eq!(send_as(&github, &guid(), "push", &push("harbor/other", 1), one).await.status, 401);
    assert_eq!(send_as(&github, &guid(), "push", &push("harbor/skills", 1), SECRET).await.status, 401);
    assert_eq!(send_as(&github, &guid(), "organization", &json!({ "action": "renamed" }), one).await.status, 401, "of no repository");
    let (_, secrets) = maya.get("/webhooks/secrets").await;
    assert_eq!((secrets.as_array().map(Vec::len), &secrets[0]["repository"]), (Some(1), &json!("harbor/skills")));
    assert!(!secrets.to_string().contains("first"));
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM webhook_secrets").fetch_one(app.state.db.read()).await.expect("a row");
    assert!(!sealed.windows(5).any(|part| part == b"first"));
    assert_eq!(maya.delete("/webhooks/secrets/harbor/skills").await.0, 204);
    assert_eq!(maya.delete("/webhooks/secrets/harbor/skills").await.0, 404);
    assert_eq!(send_as(&github, &guid(), "push", &push("harbor/skills", 1), one).await.status, 503);
});

app_test!(what_cannot_be_read_is_kept_and_replayed, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let github = app.visitor();
    let (id, body) = (guid(), b"{\"ref\": \"refs/heads/main\", ".to_vec());
    let signature = sign(SECRET, &body);
    assert_eq!(github.answer(delivery(&github, &id, "push", body, &signature)).await.status, 202);
    assert!(text(&until(&maya, &id, "failed").await["error"]).contains("not JSON"));
    let odd = send(&github, "push", &json!({ "repository": { "full_name": "harbor/skills" }, "ref": 7 })).await;
    let sentence = text(&until(&maya, &odd, "failed").await["error"]);
    assert!(sentence.contains("as the event “push”"), "{sentence}");
    let good = send(&github, "push", &push("harbor/skills", 1)).await;
    until(&maya, &good, "ignored").await;
    assert_eq!(maya.get("/webhooks/report").await.1["failed"], 2);

    // As after a fix: the same delivery, read by a version that can.
    let failed = until(&maya, &odd, "failed").await;
    let path = format!("/webhooks/deliveries/{}", text(&failed["id"]));
    let fixed = lz4_of(&push("harbor/skills", 1));
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE delivery_payloads SET data = $2 WHERE id = $1")
        .bind(text(&failed["id"]))
        .bind(fixed)
        .execute(&mut *tx)
        .await
        .expect("updates");
    tx.commit().await.expect("committed");
    assert_eq!(maya.post(&format!("{path}/replay"), json!({})).await.0, 202);
    assert_eq!(until(&maya, &odd, "ignored").await["error"], Value::Null);
    // Somebody at GitHub asks for one that failed again: that is a wish to have it tried again.
    let (_, detail) = maya.get("/webhooks/deliveries?state=failed").await;
    assert_eq!(detail["deliveries"].as_array().map(Vec::len), Some(1));
    let body = b"{\"ref\": \"refs/heads/main\", ".to_vec();
    let signature = sign(SECRET, &body);
    assert_eq!(github.answer(delivery(&github, &id, "push", body, &signature)).await.status, 200);
    for _ in 0..500 {
        let (_, detail) = maya.get(&format!("/webhooks/deliveries/{}", text(&detail["deliveries"][0]["id"]))).await;
        if detail["attempts"] == 1 && detail["state"] == "failed" {
            assert_eq!(detail["repeats"], 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it was not tried again");
});

/// As payloads are stored.
fn lz4_of(payload: &Value) -> Vec<u8> {
    let bytes = payload.to_string().into_bytes();
    // One literal run: what any LZ4 reader takes.
    let mut data = u32::try_from(bytes.len()).expect("small").to_le_bytes().to_vec();
    data.push(0xf0);
    let mut rest = bytes.len() - 15;
    while rest >= 255 {
        data.push(255);
        rest -= 255;
    }
    data.push(u8::try_from(rest).expect("below 255"));
    data.extend(bytes);
    data
}

app_test!(deliveries_of_a_repository_are_acted_on_in_their_order, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let github = Arc::new(app.visitor());
    let mut sent = Vec::new();
    for number in 0..30 {
        for repository in ["harbor/skills", "harbor/runbooks", "pier/tools"] {
            sent.push(send(&github, "push", &push(repository, number)).await);
        }
    }
    until(&maya, sent.last().expect("one"), "ignored").await;
    for _ in 0..500 {
        if maya.get("/webhooks/report").await.1["waiting"] == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for repository in ["harbor/skills", "harbor/runbooks", "pier/tools"] {
        let all = list(&maya, &format!("limit=200&repository={repository}")).await;
        assert_eq!(all.len(), 30);
        // The newest first: what was received later was done no earlier.
        let done: Vec<i64> = all.iter().map(|delivery| delivery["updatedAt"].as_i64().expect("a time")).collect();
        assert!(done.is_sorted_by(|later, earlier| later >= earlier), "{done:?}");
        assert!(all.iter().all(|delivery| delivery["state"] == "ignored"));
        // Times of one commit are alike; what was counted has a number of its own.
        let counted: Vec<String> = sqlx::query_scalar(
            "SELECT k.text FROM usage_events e JOIN usage_keys k ON k.id = e.subject JOIN deliveries d ON d.id = k.text \
             WHERE e.kind = $1 AND d.repository = $2 ORDER BY e.seq",
        )
        .bind(i64::from(llmos_analytics::Kind::DeliveryReceived.number()))
        .bind(repository)
        .fetch_all(app.state.db.read())
        .await
        .expect("reads");
        assert!(counted.len() == 30 && counted.is_sorted(), "{counted:?}");
    }
});

// Whoever has no secret says how much will come, and sends little of it: others go on.
app_test!(bodies_that_do_not_come_hold_up_nobody, |config| { with_secret(config) }, |app| {
    use tokio::io::AsyncWriteExt as _;
    let maya = app.sign_up_first().await;
    let mut slow = Vec::new();
    for _ in 0..12 {
        let address = app.url.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
        let head = format!(
            "POST /webhook/github HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nx-github-event: push\r\n\
             x-github-delivery: {}\r\nx-hub-signature-256: sha256={}\r\ncontent-length: {}\r\n\r\n{{",
            guid(),
            "0".repeat(64),
            25 * 1024 * 1024
        );
        stream.write_all(head.as_bytes()).await.expect("sends");
        slow.push(stream);
    }
    for number in 0..5 {
        let id = send(&app.visitor(), "push", &push("harbor/skills", number)).await;
        until(&maya, &id, "ignored").await;
    }
    // A large one as well.
    let whole = format!("{{\"action\":\"created\",\"text\":\"{}\"}}", "x".repeat(20 * 1024 * 1024)).into_bytes();
    let (id, signature) = (guid(), sign(SECRET, &whole));
    let answer = app.visitor().answer(delivery(&app.visitor(), &id, "star", whole, &signature)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    drop(slow);
});

app_test!(the_first_secret_has_githubs_addresses_fetched, |config| { config.github_api_url = "http://127.0.0.1:9".to_owned() }, |app| {
    let maya = app.sign_up_first().await;
    let queued = async || {
        let jobs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE kind = 'webhooks.networks'")
            .fetch_one(app.state.db.read())
            .await
            .expect("reads");
        jobs
    };
    assert_eq!(queued().await, 0, "nobody is asked where no deliveries are taken");
    assert_eq!(maya.json(Method::PUT, "/webhooks/secrets/harbor/skills", json!({ "secret": SECRET })).await.0, 204);
    assert_eq!(queued().await, 1);
});

app_test!(many_at_once_are_all_stored_once, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let github = Arc::new(app.visitor());
    let guids: Vec<String> = (0..100).map(|_| guid()).collect();
    let mut senders = tokio::task::JoinSet::new();
    // Each three times, at the same moment.
    for (number, guid) in guids.iter().cycle().take(300).enumerate() {
        let (github, guid) = (github.clone(), guid.clone());
        senders.spawn(async move {
            let answer = send_as(&github, &guid, "push", &push("harbor/skills", number % 100), SECRET).await;
            (answer.status, answer.json()["repeated"] == true)
        });
    }
    let answers = senders.join_all().await;
    assert!(
        answers.iter().all(|(status, repeated)| (*status, *repeated) == (202, false) || (*status, *repeated) == (200, true)),
        "{answers:?}"
    );
    assert_eq!(answers.iter().filter(|(_, repeated)| !repeated).count(), 100);
    let (_, first) = maya.get("/webhooks/deliveries?limit=60").await;
    let (_, second) = maya.get(&format!("/webhooks/deliveries?limit=60&before={}", text(&first["next"]))).await;
    let ids =
        |page: &Value| page["deliveries"].as_array().expect("a list").iter().map(|delivery| text(&delivery["id"])).collect::<Vec<_>>();
    let all = [ids(&first), ids(&second)].concat();
    assert_eq!((all.len(), second["next"].is_null()), (100, true));
    assert!(all.is_sorted_by(|later, earlier| later > earlier), "the newest first, each once");
});

app_test!(only_administrators_see_deliveries, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let priya = app.sign_up(&maya, "priya@harbor.example").await;
    let narrow = app.client_with_token(&maya, &["read", "write"]).await;
    let id = send(&app.visitor(), "star", &json!({ "action": "created" })).await;
    let found = until(&maya, &id, "ignored").await;
    let one = format!("/webhooks/deliveries/{}", text(&found["id"]));
    for (client, status) in [(&priya, 403), (&narrow, 403), (&app.visitor(), 401)] {
        for path in ["/webhooks/report", "/webhooks/deliveries", "/webhooks/secrets", &one, &format!("{one}/fixture")] {
            assert_eq!(client.get(path).await.0, status, "{path}");
        }
        assert_eq!(client.post(&format!("{one}/replay"), json!({})).await.0, status);
        assert_eq!(client.post("/webhooks/check", json!({})).await.0, status);
        assert_eq!(client.json(Method::PUT, "/webhooks/secrets/a/b", json!({ "secret": NEWER })).await.0, status);
        assert_eq!(client.delete("/webhooks/secrets/a/b").await.0, status);
    }
    let nobody = "/webhooks/deliveries/0192a000-0000-7000-8000-00000000dead";
    assert_eq!(maya.get(nobody).await.0, 404);
    assert_eq!(maya.post(&format!("{nobody}/replay"), json!({})).await.0, 404);
    assert_eq!(maya.get("/webhooks/deliveries?state=nonsense").await.0, 400);
    assert_eq!(maya.post("/webhooks/check", json!({})).await.0, 400, "there is no token");
    let page = maya.answer(maya.request(Method::GET, "/deliveries")).await;
    assert!(page.status == 200 && page.text.contains("Stored, not acted on"), "{}", page.status);
    let page = maya.answer(maya.request(Method::GET, &format!("/deliveries/{}?event=star", text(&found["id"])))).await;
    assert!(page.status == 200 && page.text.contains("Signature matched"), "{}", page.status);
    assert_eq!(priya.answer(priya.request(Method::GET, "/deliveries")).await.status, 403);
});

app_test!(lists_are_filtered_and_fixtures_have_no_secrets, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let github = app.visitor();
    let secret = json!({
        "action": "opened", "repository": { "full_name": "harbor/skills" }, "issue": { "number": 7, "title": "Write to maya@harbor.example" },
        "hook": { "config": { "secret": "hunter2hunter2" } }, "note": "token ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    });
    let issue = send(&github, "issues", &secret).await;
    let issue = until(&maya, &issue, "ignored").await;
    let star = send(&github, "star", &json!({ "action": "created", "repository": { "full_name": "pier/tools" } })).await;
    until(&maya, &star, "ignored").await;
    assert_eq!([&issue["about"], &issue["action"]], [&json!("#7"), &json!("opened")]);
    assert_eq!(list(&maya, "event=issues").await.len(), 1);
    assert_eq!(list(&maya, "repository=Pier/Tools").await.len(), 1);
    assert_eq!(list(&maya, "state=ignored").await.len(), 2);
    assert_eq!(list(&maya, "state=failed").await.len(), 0);
    let now = issue["receivedAt"].as_i64().expect("a time");
    assert_eq!(list(&maya, &format!("since={}", now - 60_000)).await.len(), 2);
    assert_eq!(list(&maya, &format!("since={}", now + 3_600_000)).await.len(), 0);
    let request = maya.request(Method::GET, &format!("/api/v1/webhooks/deliveries/{}/fixture", text(&issue["id"])));
    let answer = maya.answer(request).await;
    assert!(answer.header("content-disposition").contains("issues-"));
    let fixture = answer.json();
    assert_eq!([&fixture["event"], &fixture["payload"]["issue"]["number"]], [&json!("issues"), &json!(7)]);
    assert_eq!(fixture["payload"]["hook"]["config"]["secret"], "[secret]");
    assert_eq!(
        [&fixture["payload"]["note"], &fixture["payload"]["issue"]["title"]],
        [&json!("token [token]"), &json!("Write to [e-mail]")]
    );
});

app_test!(old_deliveries_go_and_those_of_the_last_week_stay, |config| { with_secret(config) }, |app| {
    let maya = app.sign_up_first().await;
    let id = send(&app.visitor(), "star", &json!({ "action": "created" })).await;
    let found = until(&maya, &id, "ignored").await;
    let aged = |days: u64| {
        let millis = found["receivedAt"].as_u64().expect("a time") - days * 86_400_000;
        uuid::Builder::from_unix_timestamp_millis(millis, &[7; 10]).into_uuid().to_string()
    };
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for days in [8, 29, 31, 40] {
        let copy = "INSERT INTO deliveries (id, guid, event, action, repository, about, headers, address, signed_by, size, state, received_at, updated_at)
             SELECT $2, $3, event, action, repository, about, headers, address, signed_by, size, state, received_at, updated_at FROM deliveries WHERE id = $1";
        sqlx::query(copy).bind(text(&found["id"])).bind(aged(days)).bind(guid()).execute(&mut *tx).await.expect("inserts");
    }
    tx.commit().await.expect("committed");
    let ctx = llmos_lite::server::context::Ctx::internal(app.state.clone(), None);
    llmos_lite::features::webhooks::service::keep_house(&ctx).await.expect("keeps house");
    let left: Vec<String> = list(&maya, "").await.iter().map(|delivery| text(&delivery["id"])).collect();
    assert_eq!(left, [text(&found["id"]), aged(8), aged(29)]);
});

process_test!(acknowledged_deliveries_survive_kill_9, |disk| {
    let client = browser();
    let environment = [("GITHUB_WEBHOOK_SECRET", SECRET), ("WEBHOOK_ALLOW_LIST", "off")];
    let mut process = disk.start_with(&[], &environment).await;
    first_account(&process, &client).await;
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let tried = Arc::new(Mutex::new(Vec::new()));
    for round in 0..rounds() {
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..8 {
            senders.spawn(send_until_gone(&process, &acknowledged, &tried, round * 8 + sender));
        }
        let moment = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
        tokio::time::sleep(Duration::from_millis(300 + moment * 3)).await;
        process.kill();
        senders.join_all().await;
        process = disk.start_with(&[], &environment).await;
    }
    let acknowledged = acknowledged.lock().expect("not poisoned").clone();
    assert!(!acknowledged.is_empty(), "something was acknowledged before the kills");
    // GitHub sends again what it got no answer for, and a careful person even what it did.
    let tried = tried.lock().expect("not poisoned").clone();
    for (guid, repository) in tried.iter().filter(|one| !acknowledged.contains(one)).chain(acknowledged.iter().take(20)) {
        let status = post(&process, &reqwest::Client::new(), guid, repository).await.expect("an answer");
        assert!([200, 202].contains(&status), "{status}");
    }
    let mut stored = std::collections::HashMap::new();
    let mut before = String::new();
    loop {
        let path = format!("/webhooks/deliveries?limit=200{before}");
        let (status, page) = process.call(&client, Method::GET, &path, Value::Null).await.expect("an answer");
        assert_eq!(status, 200, "{page}");
        for delivery in page["deliveries"].as_array().expect("a list") {
            *stored.entry(text(&delivery["guid"])).or_insert(0) += 1;
        }
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    for (guid, _) in &tried {
        assert_eq!(stored.get(guid), Some(&1), "{guid} is here, once");
    }
    assert_eq!(stored.len(), tried.len());
    // And each has its turn.
    for _ in 0..1_000 {
        let (_, report) = process.call(&client, Method::GET, "/webhooks/report", Value::Null).await.expect("an answer");
        if report["waiting"] == 0 {
            assert_eq!(report["failed"], 0, "{report}");
            process.kill();
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("some deliveries never had their turn");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_of_its_own_takes_deliveries_and_nothing_else() {
    let data = tempfile::TempDir::new().expect("a folder");
    let (address, log) = (free_address(), data.path().join("log"));
    let environment = [("WEBHOOK_ADDR", address.as_str()), ("WEBHOOK_ALLOW_LIST", "off"), ("RUST_LOG", "warn")];
    let process = Process::start_logging(data.path(), &log, &environment).await;
    let http = reqwest::Client::new();
    // While there is no secret, whoever looks after the server reads why everything is refused, and not with each delivery.
    for _ in 0..3 {
        assert_eq!(post_to(&format!("http://{address}"), &http, &guid(), "harbor/skills").await, Some(503));
    }
    let logged = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(logged.matches("there is no secret to verify them with; set GITHUB_WEBHOOK_SECRET").count(), 1, "{logged}");
    let maya = browser();
    first_account(&process, &maya).await;
    let set = process.call(&maya, Method::PUT, "/webhooks/secrets/harbor/skills", json!({ "secret": SECRET })).await;
    assert_eq!(set.map(|(status, _)| status), Some(204));
    assert_eq!(post_to(&format!("http://{address}"), &http, &guid(), "harbor/skills").await, Some(202));
    assert_eq!(post(&process, &http, &guid(), "harbor/skills").await, Some(202));
    for path in ["/", "/api/v1/instance", "/login"] {
        let answer = http.get(format!("http://{address}{path}")).send().await.expect("an answer");
        assert!([404, 405].contains(&answer.status().as_u16()), "{path}: {}", answer.status());
    }
    process.kill();
}

type Sent = Arc<Mutex<Vec<(String, String)>>>;

async fn post(process: &Process, http: &reqwest::Client, guid: &str, repository: &str) -> Option<u16> {
    post_to(&process.base, http, guid, repository).await
}

async fn post_to(base: &str, http: &reqwest::Client, guid: &str, repository: &str) -> Option<u16> {
    let body = push(repository, 1).to_string();
    let request = http
        .post(format!("{base}/webhook/github"))
        .header("content-type", "application/json")
        .header("x-github-event", "push")
        .header("x-github-delivery", guid)
        .header("x-hub-signature-256", sign(SECRET, body.as_bytes()));
    Some(request.body(body).send().await.ok()?.status().as_u16())
}

/// Sends, again and again, until the server no longer answers.
fn send_until_gone(process: &Process, acknowledged: &Sent, tried: &Sent, number: usize) -> impl Future<Output = ()> + use<> {
    let (base, acknowledged, tried) = (process.base.clone(), acknowledged.clone(), tried.clone());
    async move {
        let http = reqwest::Client::new();
        loop {
            let one = (guid(), format!("harbor/skills-{}", number % 3));
            tried.lock().expect("not poisoned").push(one.clone());
            match post_to(&base, &http, &one.0, &one.1).await {
                Some(202) => acknowledged.lock().expect("not poisoned").push(one),
                Some(503) => {}
                Some(status) => panic!("{status}"),
                None => return,
            }
        }
    }
}

fn behind_a_proxy(config: &mut Config) {
    with_secret(config);
    config.webhook_allow_list = llmos_lite::features::webhooks::model::AllowList::Enforce;
    let environment = |name: &str| (name == "TRUSTED_PROXIES").then(|| "127.0.0.0/8".to_owned());
    config.trusted_proxies = Config::from_sources(&environment, "").expect("usable").trusted_proxies;
}

app_test!(only_githubs_addresses_are_let_in_behind_a_proxy, |config| { behind_a_proxy(config) }, |app| {
    let maya = app.sign_up_first().await;
    let github = app.visitor();
    know_a_network(app).await;
    let body = push("harbor/skills", 1).to_string().into_bytes();
    let signature = sign(SECRET, &body);
    let from = |forwarded: Option<&str>| {
        let request = delivery(&github, &guid(), "push", body.clone(), &signature);
        match forwarded {
            Some(forwarded) => request.header("x-forwarded-for", forwarded),
            None => request,
        }
    };
    assert_eq!(github.answer(from(Some("192.30.252.9"))).await.status, 202);
    refused(&github, from(Some("198.51.100.7")), 403, "198.51.100.7").await;
    // What somebody says of themselves stands before what the proxy says of them.
    refused(&github, from(Some("192.30.252.9, 198.51.100.7")), 403, "198.51.100.7").await;
    refused(&github, from(None), 403, "127.0.0.1").await;
    let kept = list(&maya, "").await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    let (_, detail) = maya.get(&format!("/webhooks/deliveries/{}", text(&kept[0]["id"]))).await;
    assert_eq!([&detail["address"], &detail["listed"]], [&json!("192.30.252.9"), &json!(true)], "{detail}");
    assert_eq!(maya.get("/webhooks/report").await.1["outside"], 0);
});
