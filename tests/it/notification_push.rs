//! Notifications by Web Push, against a push service that opens messages as a browser would, with its failures.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey as Verifier},
};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use llmos_lite::server::config::{Config, DeliveryTimes};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    app::{Client, TestApp, text},
    git::{GitServer, skill},
    github_events::{done, issue, linked, with_github},
    github_news::pushed,
    notifications::unread,
    sessions::{begin, say},
};

/// What came for a device.
#[derive(Clone, Debug)]
struct Message {
    device: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Takes messages; what it is told to answer first, in order, and then that it took them.
#[derive(Clone, Default)]
struct PushService {
    url: Arc<Mutex<String>>,
    taken: Arc<Mutex<Vec<Message>>>,
    answers: Arc<Mutex<VecDeque<(String, u16)>>>,
}

async fn take(State(service): State<PushService>, Path(device): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let mut answers = service.answers.lock().expect("not poisoned");
    if let Some(at) = answers.iter().position(|(of, _)| *of == device) {
        let (_, status) = answers.remove(at).expect("there");
        return (StatusCode::from_u16(status).expect("a status"), [("retry-after", "1")]).into_response();
    }
    service.taken.lock().expect("not poisoned").push(Message { device, headers, body });
    StatusCode::CREATED.into_response()
}

impl PushService {
    fn start(&self, config: &mut Config) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        *self.url.lock().expect("not poisoned") = format!("http://{}", listener.local_addr().expect("an address"));
        // It is on this machine.
        config.push.private = true;
        config.delivery = DeliveryTimes { gather_ms: 300, first_pause_ms: 200 };
        let router = Router::new().route("/push/{device}", post(take)).with_state(self.clone());
        tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await
        });
    }

    fn url(&self) -> String {
        self.url.lock().expect("not poisoned").clone()
    }

    fn answer(&self, device: &str, statuses: &[u16]) {
        self.answers.lock().expect("not poisoned").extend(statuses.iter().map(|status| (device.to_owned(), *status)));
    }

    fn taken(&self) -> Vec<Message> {
        self.taken.lock().expect("not poisoned").clone()
    }

    async fn until(&self, count: usize) -> Vec<Message> {
        for _ in 0..400 {
            if self.taken().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let taken = self.taken();
        assert_eq!(taken.len(), count, "{taken:#?}");
        taken
    }
}

/// A browser: its keys, as its push service never sees them.
struct Browser {
    name: &'static str,
    key: PrivateKey,
    auth: [u8; 16],
}

impl Browser {
    fn new(name: &'static str) -> Self {
        let mut auth = [0; 16];
        auth.fill_with(|| fastrand::u8(..));
        Self { name, key: PrivateKey::generate(&ECDH_P256).expect("a key"), auth }
    }

    fn public(&self) -> Vec<u8> {
        self.key.compute_public_key().expect("a key").as_ref().to_vec()
    }

    fn subscription(&self, service: &PushService) -> Value {
        let endpoint = format!("{}/push/{}", service.url(), self.name);
        json!({ "endpoint": endpoint, "p256dh": URL_SAFE_NO_PAD.encode(self.public()), "auth": URL_SAFE_NO_PAD.encode(self.auth), "name": self.name })
    }

    async fn subscribe(&self, client: &Client, service: &PushService) -> Value {
        let (status, device) = client.post("/notifications/devices", self.subscription(service)).await;
        assert_eq!(status, 201, "{device}");
        device
    }

    /// RFC 8291, section 3.4, and RFC 8188, written apart from what the server does.
    fn open(&self, message: &Message) -> Value {
        let (salt, rest) = message.body.split_at(16);
        let (size, rest) = rest.split_at(4);
        let size = u32::from_be_bytes(size.try_into().expect("4 bytes")) as usize;
        let (sender, record) = rest[1..].split_at(usize::from(rest[0]));
        assert!(record.len() <= size && message.body.len() <= 4_096);
        let secret =
            agree(&self.key, UnparsedPublicKey::new(&ECDH_P256, sender), "no point", |secret| Ok(secret.to_vec())).expect("a secret");
        let expand = |salt: &[u8], secret: &[u8], info: &[u8], length: usize| {
            let mut out = vec![0; length];
            Hkdf::<Sha256>::new(Some(salt), secret).expand(info, &mut out).expect("short");
            out
        };
        let info = [b"WebPush: info\0".as_slice(), &self.public(), sender].concat();
        let secret = expand(&self.auth, &secret, &info, 32);
        let key = expand(salt, &secret, b"Content-Encoding: aes128gcm\0", 16);
        let nonce = expand(salt, &secret, b"Content-Encoding: nonce\0", 12);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key"));
        let mut record = record.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(&nonce).expect("12 bytes");
        let plain = key.open_in_place(nonce, Aad::empty(), &mut record).expect("it is for this browser");
        let end = plain.iter().rposition(|byte| *byte != 0).expect("a delimiter");
        assert_eq!(plain[end], 2, "the last record");
        serde_json::from_slice(&plain[..end]).expect("JSON")
    }
}

macro_rules! push_test {
    ($($test:tt)*) => {
        app_test_beside!(PushService, $($test)*);
    };
}

async fn people(app: &TestApp) -> (Client, Client, String) {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.example").await;
    let session = begin(&maya, Some(&team), "Api review").await;
    (maya, tom, session)
}

async fn devices(client: &Client) -> Vec<Value> {
    let (status, devices) = client.get("/notifications/devices").await;
    assert_eq!(status, 200, "{devices}");
    devices.as_array().expect("a list").clone()
}

async fn states(app: &TestApp) -> Vec<String> {
    let states: Vec<(String,)> =
        sqlx::query_as("SELECT state FROM notification_deliveries ORDER BY state").fetch_all(app.state.db.read()).await.expect("reads");
    states.into_iter().map(|(state,)| state).collect()
}

push_test!(a_message_reaches_the_browser_and_only_it_can_read_it, |app, service| {
    let (maya, tom, session) = people(app).await;
    let phone = Browser::new("phone");
    let device = phone.subscribe(&tom, service).await;
    assert!(!device.to_string().contains("/push/phone"), "the endpoint is a secret: {device}");
    say(&maya, &session, "@tom one").await;
    say(&maya, &session, "@tom two, with words that nobody else reads").await;
    let message = service.until(1).await.remove(0);
    let header = |name: &str| message.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    assert_eq!([header("content-encoding"), header("urgency"), header("ttl")], ["aes128gcm", "high", "86400"]);
    assert_eq!(header("topic").len(), 32);
    assert!(!message.body.windows(5).any(|part| part == b"words"));
    let told = phone.open(&message);
    assert_eq!((&told["title"], &told["tag"]), (&json!("2 new · Api review"), &json!(format!("session-{session}"))));
    assert_eq!(told["url"], format!("/sessions/{session}?entry=2"), "{told}");
    assert_eq!(told["account"], json!(tom.id), "whom it told");

    // Who sends it is signed with the key that the browser subscribed with.
    let (_, preferences) = tom.get("/notifications/preferences").await;
    let authorization = header("authorization");
    let (token, key) = authorization.strip_prefix("vapid t=").and_then(|rest| rest.split_once(", k=")).expect("two parts");
    assert_eq!(key, preferences["pushKey"], "{authorization}");
    let (said, signature) = token.rsplit_once('.').expect("signed");
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
    Verifier::new(&ECDSA_P256_SHA256_FIXED, decode(key)).verify(said.as_bytes(), &decode(signature)).expect("the signature");
    let claims: Value = serde_json::from_slice(&decode(said.split_once('.').expect("two parts").1)).expect("JSON");
    assert_eq!(claims["aud"], service.url());

    // What the service worker sends when it is opened.
    assert_eq!(tom.post("/notifications/read", json!({ "ids": told["ids"] })).await.1["unread"], 0);
    assert!(!devices(&tom).await[0]["lastSentAt"].is_null());
    // What is not pushed unless somebody wants it.
    let kinds = json!([{ "kind": "mention", "mail": "off", "push": false }]);
    assert_eq!(tom.patch("/notifications/preferences", json!({ "kinds": kinds })).await.0, 200);
    say(&maya, &session, "@tom three").await;
    service.until(1).await;
    assert_eq!(unread(&tom).await, 1);
});

push_test!(a_service_that_is_down_loses_nothing_and_no_other_device_hears_twice, |app, service| {
    let (maya, tom, session) = people(app).await;
    let (phone, laptop) = (Browser::new("phone"), Browser::new("laptop"));
    phone.subscribe(&tom, service).await;
    laptop.subscribe(&tom, service).await;
    service.answer("phone", &[503, 429, 500]);
    say(&maya, &session, "@tom look").await;
    assert_eq!(unread(&tom).await, 1, "the bell does not wait");
    let mut taken = service.until(2).await;
    taken.sort_by(|one, other| one.device.cmp(&other.device));
    assert_eq!(laptop.open(&taken[0])["body"], "Api review: @tom look");
    assert_eq!(phone.open(&taken[1])["body"], "Api review: @tom look");
    assert_eq!(states(app).await, ["sent", "sent"]);
    assert!(devices(&tom).await.iter().all(|device| device["lastError"].is_null()));
});

push_test!(a_device_that_is_no_more_is_removed, |app, service| {
    let (maya, tom, session) = people(app).await;
    let (phone, laptop) = (Browser::new("phone"), Browser::new("laptop"));
    phone.subscribe(&tom, service).await;
    laptop.subscribe(&tom, service).await;
    service.answer("phone", &[410]);
    say(&maya, &session, "@tom look").await;
    assert_eq!(service.until(1).await[0].device, "laptop");
    let left = devices(&tom).await;
    assert_eq!(left.iter().map(|device| text(&device["name"])).collect::<Vec<_>>(), ["laptop"]);
    // One that it refuses stays, and says so.
    service.answer("laptop", &[403]);
    say(&maya, &session, "@tom look").await;
    for _ in 0..200 {
        if !devices(&tom).await[0]["lastError"].is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(text(&devices(&tom).await[0]["lastError"]).contains("403"));
    assert_eq!(states(app).await, ["failed", "sent", "skipped"]);
});

push_test!(a_device_is_its_owners_for_as_long_as_their_sign_in_lasts, |app, service| {
    let (maya, tom, session) = people(app).await;
    let phone = Browser::new("phone");
    let device = phone.subscribe(&tom, service).await;
    assert_eq!(phone.subscribe(&tom, service).await["id"], device["id"], "the same once more");
    let path = format!("/notifications/devices/{}", text(&device["id"]));
    assert_eq!(maya.delete(&path).await.0, 404);
    // Somebody else signs in there: it is theirs now, and what waits for Tom is not told to them.
    say(&maya, &session, "@tom look").await;
    assert_eq!(phone.subscribe(&maya, service).await["id"], device["id"]);
    assert_eq!((devices(&tom).await.len(), devices(&maya).await.len()), (0, 1));
    service.until(0).await;
    assert_eq!(maya.delete(&path).await.0, 204);
    assert_eq!(maya.delete(&path).await.0, 404);
    phone.subscribe(&tom, service).await;
    assert_eq!(tom.post("/me/sign-out-everywhere", json!({})).await.0, 204);
    let tom = app.sign_in("tom@x.example").await;
    assert!(devices(&tom).await.is_empty());
    for _ in 0..20 {
        let body = json!({ "endpoint": format!("{}/push/{}", service.url(), fastrand::u64(..)), "p256dh": phone.subscription(service)["p256dh"], "auth": phone.subscription(service)["auth"] });
        assert_eq!(tom.post("/notifications/devices", body).await.0, 201);
    }
    let (status, error) = tom.post("/notifications/devices", phone.subscription(service)).await;
    assert_eq!(status, 409, "{error}");
});

push_test!(a_test_reaches_the_device, |app, service| {
    let (_, tom, _) = people(app).await;
    let phone = Browser::new("phone");
    let wait = async |job: Value| {
        for _ in 0..200 {
            let (_, now) = tom.get(&format!("/jobs/{}", text(&job["id"]))).await;
            if now["state"] != "queued" && now["state"] != "running" {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{job}");
    };
    let ask = json!({ "channel": "push" });
    let (status, job) = tom.post("/notifications/test", ask.clone()).await;
    assert_eq!(status, 202, "{job}");
    assert!(text(&wait(job).await["error"]).contains("No device"));
    let device = phone.subscribe(&tom, service).await;
    let (_, job) = tom.post("/notifications/test", json!({ "channel": "push", "device": device["id"] })).await;
    assert_eq!(wait(job).await["state"], "done");
    assert_eq!(phone.open(&service.until(1).await[0])["title"], "Test");
    service.answer("phone", &[503]);
    let (_, job) = tom.post("/notifications/test", ask).await;
    assert!(text(&wait(job).await["error"]).contains("503"));
});

/// A push service beside a server that GitHub tells of the repositories of the test.
#[derive(Clone, Default)]
struct WithGitHub(PushService);

impl WithGitHub {
    fn start(&self, config: &mut Config) {
        self.0.start(config);
        with_github(config);
    }
}

app_test_beside!(WithGitHub, what_github_tells_of_is_pushed_and_leads_to_its_place, |app, beside| {
    let service = &beside.0;
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume, team) = linked(app, &server).await;
    let kinds = json!([{ "kind": "push", "mail": "off", "push": true }, { "kind": "issue", "mail": "off", "push": true }]);
    assert_eq!(maya.patch("/notifications/preferences", json!({ "kinds": kinds })).await.0, 200);
    let phone = Browser::new("phone");
    phone.subscribe(&maya, service).await;
    done(&maya, "issues", &issue(&server, "opened", 10, json!({}))).await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim them daily.\n"));
    server.commit("Better lamps");
    done(&maya, "push", &pushed(&server, 7)).await;
    let messages: Vec<Value> = service.until(2).await.iter().map(|message| phone.open(message)).collect();
    let task = text(&crate::tasks::list(&maya, &team, "").await[0]["id"]);
    for (tag, title, words, url) in [
        (format!("tasks-{team}"), "GitHub has an issue", "opened #7 The lamps smoke", format!("/teams/{team}/tasks?task={task}")),
        (format!("volume-{volume}"), "GitHub pushed to the repository", "Better lamps: 1 artifact changed.", format!("/volumes/{volume}")),
    ] {
        let message = messages.iter().find(|message| message["tag"] == tag).unwrap_or_else(|| panic!("{tag}: {messages:?}"));
        assert_eq!((&message["title"], &message["url"]), (&json!(title), &json!(url)), "{message}");
        assert!(text(&message["body"]).ends_with(words), "{message}");
    }
});

app_test!(messages_go_only_to_services_outside, |app| {
    let maya = app.sign_up_first().await;
    let phone = Browser::new("phone");
    let (key, auth) = (URL_SAFE_NO_PAD.encode(phone.public()), URL_SAFE_NO_PAD.encode(phone.auth));
    let add = async |endpoint: &str, key: &str, auth: &str| {
        maya.post("/notifications/devices", json!({ "endpoint": endpoint, "p256dh": key, "auth": auth })).await
    };
    for inside in [
        "http://push.example/a",
        "https://127.0.0.1/a",
        "https://169.254.169.254/latest",
        "https://localhost/a",
        "https://[::1]/a",
        "file:///etc",
        "no address",
    ] {
        let (status, error) = add(inside, &key, &auth).await;
        assert!(status == 400 && error["fields"]["endpoint"].is_string(), "{inside}: {error}");
    }
    for (key, auth) in [("", auth.as_str()), (key.as_str(), ""), ("AAAA", auth.as_str())] {
        let (status, error) = add("https://push.example/a", key, auth).await;
        assert!(status == 400 && error["fields"]["p256dh"].is_string(), "{error}");
    }
    assert_eq!(add("https://push.example/a", &key, &auth).await.0, 201);
    assert_eq!(app.visitor().get("/notifications/devices").await.0, 401);
    let reads = app.client_with_token(&maya, &["read"]).await;
    assert_eq!(
        reads.post("/notifications/devices", json!({ "endpoint": "https://push.example/b", "p256dh": key, "auth": auth })).await.0,
        403
    );
});
