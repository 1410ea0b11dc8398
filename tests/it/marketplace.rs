//! The marketplace: publishing, reviewing, signing, finding, installing, rating, updating, rolling back; and what is refused.

use std::time::{Duration, Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_lite::features::marketplace::service::Registry;
use llmos_trust::{
    Bundle, Envelope, Expected, PublicKey, SigningKey, TrustRoot,
    statement::{KeyAction, KeyStatement},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Answer, Client, TestApp, text},
    volumes::{commit, create, head, save, volume},
};

/// Somebody who publishes, with a key.
pub struct Publisher {
    pub client: Client,
    pub key: SigningKey,
    pub key_id: String,
}

impl Publisher {
    pub async fn new(client: Client, seed: u8) -> Self {
        let key = SigningKey::from_seed(&[seed; 32]);
        let (status, made) = client.post("/marketplace/keys", introduction(&client.id, &key, None)).await;
        assert_eq!(status, 201, "{made}");
        assert_eq!(made["id"], key.public().id().to_string());
        Self { client, key, key_id: text(&made["id"]) }
    }

    pub async fn submit(&self, body: Value) -> Value {
        let (status, made) = self.client.post("/marketplace/submissions", body).await;
        assert_eq!(status, 201, "{made}");
        made
    }

    /// Signs what the server gives for a release.
    pub fn signature(&self, submission: &Value) -> Value {
        let payload = BASE64_STANDARD.decode(text(&submission["payload"])).expect("base64");
        let kind = text(&submission["payloadType"]);
        let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
        message.extend(payload);
        json!({ "keyId": self.key_id, "signature": BASE64_STANDARD.encode(self.key.sign(&message)) })
    }

    pub async fn sign(&self, submission: &Value) -> (u16, Value) {
        let id = text(&submission["submission"]["id"]);
        let (_, fresh) = self.client.get(&format!("/marketplace/submissions/{id}")).await;
        self.client.post(&format!("/marketplace/submissions/{id}/sign"), self.signature(&fresh)).await
    }

    /// All the way to the public; the release's id.
    pub async fn publish(&self, moderator: &Client, body: Value) -> String {
        let made = self.submit(body).await;
        let id = text(&made["submission"]["id"]);
        looked_at(moderator, &made).await;
        let (status, reviewed) =
            moderator.post(&format!("/marketplace/submissions/{id}/review"), json!({ "verdict": "approve", "reason": "Fine." })).await;
        assert_eq!((status, &reviewed["submission"]["state"]), (200, &json!("approved")), "{reviewed}");
        let (status, signed) = self.sign(&made).await;
        assert_eq!((status, &signed["submission"]["state"]), (200, &json!("public")), "{signed}");
        id
    }
}

/// The submission when jobs are through with it.
pub async fn looked_at(client: &Client, made: &Value) -> Value {
    let path = format!("/marketplace/submissions/{}", text(&made["submission"]["id"]));
    let began = Instant::now();
    loop {
        let (status, detail) = client.get(&path).await;
        assert_eq!(status, 200, "{detail}");
        if detail["submission"]["checking"] == false {
            return detail;
        }
        assert!(began.elapsed() < Duration::from_secs(120), "{detail}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What registers a key: a statement that it signs itself, with `old` in the place of that one.
pub fn introduction(account: &str, key: &SigningKey, old: Option<&SigningKey>) -> Value {
    let statement = KeyStatement {
        account: account.to_owned(),
        key: key.public(),
        action: if old.is_some() { KeyAction::Rotate } else { KeyAction::Add },
        by: old.map(|old| old.public().id()),
        reason: String::new(),
        compromised_since: None,
        at: "2026-11-28T12:00:00Z".to_owned(),
    };
    let mut envelope = Envelope::new(&statement).expect("JSON");
    envelope.sign(key);
    if let Some(old) = old {
        envelope.sign(old);
    }
    let signed = envelope.signatures.iter();
    let signatures: Vec<Value> = signed.map(|one| json!({ "keyId": one.keyid, "signature": BASE64_STANDARD.encode(&one.sig) })).collect();
    json!({ "publicKey": key.public().to_string(), "name": "Test", "payload": BASE64_STANDARD.encode(&envelope.payload), "signatures": signatures })
}

pub fn skill(slug: &str, version: &str, body: &str) -> Value {
    json!({
        "type": "skill", "slug": slug, "name": slug.replace('-', " "), "description": format!("How {slug} is done, for whoever keeps a harbor."),
        "content": format!("---\nname: {slug}\ndescription: How {slug} is done.\n---\n\n# {slug}\n\n{body}\n"),
        "category": "legal", "tags": ["harbor"], "license": "MIT", "version": version,
    })
}

pub fn with(mut body: Value, more: Value) -> Value {
    for (key, value) in more.as_object().expect("an object") {
        body[key] = value.clone();
    }
    body
}

pub async fn team_volume(client: &Client, team: &str) -> String {
    let (_, volumes) = client.get("/volumes").await;
    let found = volumes.as_array().expect("volumes").iter().find(|volume| volume["team"] == team).expect("it has one");
    text(&found["id"])
}

pub async fn change(client: &Client, volume: &str, body: Value) -> (u16, Value) {
    client.post(&format!("/volumes/{volume}/lock"), body).await
}

/// What is installed, as slug, version and text, and whether the lock agrees with the volume.
pub async fn installed(client: &Client, volume: &str) -> Vec<(String, String, String)> {
    let (status, lock) = client.get(&format!("/volumes/{volume}/lock")).await;
    assert_eq!(status, 200, "{lock}");
    let mut found = Vec::new();
    for row in lock["installations"].as_array().expect("rows") {
        let (status, detail) = client.get(&format!("/artifacts/{}", text(&row["artifactId"]))).await;
        assert_eq!((status, &detail["summary"]["deletedAt"]), (200, &Value::Null), "{detail}");
        found.push((text(&row["slug"]), text(&row["version"]), text(&detail["text"])));
    }
    found
}

pub async fn people(app: &TestApp) -> (Client, Publisher, Client) {
    let maya = app.sign_up_first().await;
    let ines = Publisher::new(app.sign_up(&maya, "ines@harbor.example").await, 7).await;
    let tom = app.sign_up(&maya, "tom@pier.example").await;
    (maya, ines, tom)
}

app_test!(a_skill_is_published_found_installed_rated_updated_and_rolled_back, |app| {
    let (maya, ines, tom) = people(app).await;
    let visitor = app.visitor();

    // From an artifact that somebody committed.
    let own = volume(&ines.client, "user").await;
    let made = create(&ines.client, &own, "lamp-care").await;
    let id = text(&made["summary"]["id"]);
    let words = "---\nname: lamp-care\ntitle: Lamp care\ndescription: How the harbor lamps are kept, for whoever has the night watch.\ncategory: legal\ntags: [harbor]\nlicense: MIT\n---\n\n# Lamp care\n\nTrim the wicks each evening.\n";
    assert_eq!(save(&ines.client, &id, words, made["draft"]["saves"].as_i64().unwrap_or_default()).await.0, 200);
    commit(&ines.client, &[(&id, None)], "Write").await;
    let (status, draft) = ines.client.get(&format!("/marketplace/draft?artifactId={id}")).await;
    assert_eq!((status, &draft["publish"]["version"], &draft["publish"]["name"]), (200, &json!("1.0.0"), &json!("Lamp care")), "{draft}");
    let made = ines.submit(json!({ "artifactId": id, "capabilities": { "hosts": ["lamps.example"] } })).await;
    assert_eq!((&made["submission"]["state"], &made["submission"]["first"]), (&json!("review"), &json!(true)), "{made}");
    let release = text(&made["submission"]["id"]);

    // Nobody sees it yet, and who submitted it does not decide.
    let address = format!("/marketplace/submissions/{release}");
    assert_eq!(tom.get(&address).await.0, 404);
    assert_eq!(tom.get("/marketplace/listings/lamp-care").await.0, 404);
    assert_eq!(ines.client.post(&format!("{address}/review"), json!({ "verdict": "approve" })).await.0, 403);
    assert_eq!(tom.get("/marketplace/submissions").await.0, 403);
    let (_, queue) = maya.get("/marketplace/submissions").await;
    assert_eq!(queue.as_array().map(Vec::len), Some(1), "{queue}");
    looked_at(&maya, &made).await;
    let (_, reviewed) = maya.post(&format!("{address}/review"), json!({ "verdict": "approve" })).await;
    assert_eq!(reviewed["submission"]["state"], "approved", "{reviewed}");
    assert_eq!(visitor.get("/marketplace/listings/lamp-care").await.0, 404, "not signed yet");

    // Only a signature of this release, with the publisher's own key.
    let (_, fresh) = ines.client.get(&address).await;
    let mut forged = ines.signature(&fresh);
    forged["signature"] = json!(BASE64_STANDARD.encode([7; 64]));
    assert_eq!(ines.client.post(&format!("{address}/sign"), forged).await.0, 400);
    let (status, signed) = ines.sign(&made).await;
    assert_eq!((status, &signed["submission"]["state"]), (200, &json!("public")), "{signed}");

    // Found by category, by words, without an account.
    let (_, page) = visitor.get("/marketplace/listings?category=legal&type=skill").await;
    assert_eq!((&page["total"], &page["items"][0]["slug"]), (&json!(1), &json!("lamp-care")), "{page}");
    assert_eq!(page["facets"]["categories"][0]["count"], 1);
    let (_, page) = visitor.get("/marketplace/listings?q=trimming%20a%20wick").await;
    assert_eq!(page["items"][0]["slug"], "lamp-care", "{page}");
    let (_, page) = tom.get("/search?q=wicks&kind=listing").await;
    assert_eq!((&page["hits"][0]["slug"], &page["hits"][0]["kind"]), (&json!("lamp-care"), &json!("listing")), "{page}");
    let (status, item) = visitor.get("/marketplace/listings/lamp-care").await;
    assert_eq!((status, &item["version"], &item["proof"]["logIndex"]), (200, &json!("1.0.0"), &json!(1)), "{item}");
    assert!(text(&item["html"]).contains("Trim the wicks"));

    // What proves it, without asking this server.
    let (_, registry) = visitor.get("/log").await;
    let trust = TrustRoot { origin: text(&registry["origin"]), keys: vec![text(&registry["key"]).parse::<PublicKey>().expect("a key")] };
    let bundle = visitor.answer(visitor.request(Method::GET, &format!("/api/v1{address}/bundle"))).await;
    let archive =
        visitor.request(Method::GET, &format!("/api/v1{address}/archive")).send().await.expect("an answer").bytes().await.expect("bytes");
    let bundle = Bundle::from_bytes(bundle.text.as_bytes()).expect("a bundle");
    let expected = Expected { slug: "lamp-care", version: "1.0.0", publisher_key: Some(ines.key.public()) };
    let verified = bundle.verify(&archive, &trust, &expected).expect("it is what was signed");
    assert_eq!(verified.files[0].path, "SKILL.md");

    // A second item needs it; another team installs that, with what it needs.
    ines.publish(&maya, with(skill("night-watch", "1.0.0", "Walk the pier."), json!({ "dependencies": ["lamp-care@^1"] }))).await;
    let team = tom.team("Pier").await;
    let place = team_volume(&tom, &team).await;
    assert_eq!(tom.json(Method::PUT, "/marketplace/listings/lamp-care/review", json!({ "rating": 5 })).await.0, 403, "not installed");
    let (status, plan) = tom.post(&format!("/volumes/{place}/lock/plan"), json!({ "install": ["night-watch"] })).await;
    assert_eq!(status, 200, "{plan}");
    assert_eq!((&plan["steps"][0]["slug"], &plan["steps"][0]["neededBy"]), (&json!("lamp-care"), &json!(["night-watch"])), "{plan}");
    assert_eq!(plan["steps"][0]["newCapabilities"]["hosts"], json!(["lamps.example"]));
    assert!(installed(&tom, &place).await.is_empty(), "a plan changes nothing");
    let (status, lock) = change(&tom, &place, json!({ "install": ["night-watch"] })).await;
    assert_eq!(status, 200, "{lock}");
    let there = installed(&tom, &place).await;
    assert_eq!(
        there.iter().map(|(slug, version, _)| (slug.as_str(), version.as_str())).collect::<Vec<_>>(),
        [("lamp-care", "1.0.0"), ("night-watch", "1.0.0")]
    );
    let (_, page) = visitor.get("/marketplace/listings?sortBy=popular").await;
    assert_eq!(page["items"][0]["installs"], 1, "{page}");

    // Rated by who installed it, once.
    for rating in [4, 5] {
        let (status, review) =
            tom.json(Method::PUT, "/marketplace/listings/lamp-care/review", json!({ "rating": rating, "review": "Bright." })).await;
        assert_eq!((status, &review["rating"]), (200, &json!(rating)), "{review}");
    }
    let (_, item) = tom.get("/marketplace/listings/lamp-care").await;
    assert_eq!(
        (&item["card"]["rating"], &item["card"]["ratings"], &item["histogram"]),
        (&json!(5.0), &json!(1), &json!([0, 0, 0, 0, 1])),
        "{item}"
    );
    for rating in [0, 6] {
        assert_eq!(tom.json(Method::PUT, "/marketplace/listings/lamp-care/review", json!({ "rating": rating })).await.0, 400);
    }
    assert_eq!(ines.client.json(Method::PUT, "/marketplace/listings/lamp-care/review", json!({ "rating": 5 })).await.0, 403, "one's own");

    // 1.1.0 is offered with what changes; an edit of one's own stays.
    let artifact = text(&lock["installations"][0]["artifactId"]);
    let edited = words.replace("# Lamp care", "# Lamp care on the pier");
    assert_eq!(save(&tom, &artifact, &edited, 0).await.0, 200);
    let before = head(&tom, &artifact).await;
    commit(&tom, &[(&artifact, Some(&before))], "Ours").await;
    let newer = words.replace("each evening", "each evening and each morning");
    let next = json!({ "slug": "lamp-care", "type": "skill", "content": newer, "changelog": "Also in the morning.", "capabilities": { "hosts": ["lamps.example"], "commands": ["date"] } });
    assert_eq!(ines.client.post("/marketplace/submissions", with(next.clone(), json!({ "version": "0.9.0" }))).await.0, 400, "backwards");
    assert_eq!(
        ines.client.post("/marketplace/submissions", with(next.clone(), json!({ "version": "1.0.0" }))).await.0,
        409,
        "there already"
    );
    assert_eq!(ines.client.post("/marketplace/submissions", with(next.clone(), json!({ "version": "one" }))).await.0, 400);
    ines.publish(&maya, with(next, json!({ "version": "1.1.0" }))).await;
    let (_, offers) = stable(&tom, Method::GET, "/check-updates", Value::Null).await;
    assert_eq!(offers, json!([{ "itemId": "lamp-care", "currentVersion": "1.0.0", "latestVersion": "1.1.0" }]));
    let (_, plan) = tom.post(&format!("/volumes/{place}/lock/plan"), json!({ "updateAll": true })).await;
    let step = &plan["steps"][0];
    assert_eq!(
        (&step["from"], &step["to"], &step["changelog"]),
        (&json!("1.0.0"), &json!("1.1.0"), &json!("Also in the morning.")),
        "{plan}"
    );
    assert_eq!(
        (&step["newCapabilities"]["commands"], &step["edited"], &step["conflicts"]),
        (&json!(["date"]), &json!(true), &json!([])),
        "{plan}"
    );
    assert_eq!(step["changes"][0]["path"], "SKILL.md", "{plan}");
    let (status, lock) = change(&tom, &place, json!({ "update": ["lamp-care"] })).await;
    assert_eq!(status, 200, "{lock}");
    let there = installed(&tom, &place).await;
    assert_eq!(there[0].1, "1.1.0");
    assert!(there[0].2.contains("on the pier") && there[0].2.contains("each morning"), "{}", there[0].2);

    // And back.
    let update = text(&lock["changes"][0]["id"]);
    let (status, lock) = change(&tom, &place, json!({ "rollBack": update })).await;
    assert_eq!((status, &lock["changes"][0]["act"]), (200, &json!("roll-back")), "{lock}");
    let there = installed(&tom, &place).await;
    assert_eq!(there[0].1, "1.0.0");
    assert!(there[0].2.contains("on the pier") && !there[0].2.contains("each morning"), "{}", there[0].2);

    // What is needed does not go alone.
    let (status, refused) = change(&tom, &place, json!({ "uninstall": ["lamp-care"] })).await;
    assert_eq!(status, 409, "{refused}");
    assert!(text(&refused["message"]).contains("night-watch needs"), "{refused}");
    let (status, lock) = change(&tom, &place, json!({ "uninstall": ["lamp-care"], "cascade": true })).await;
    assert_eq!((status, &lock["installations"]), (200, &json!([])), "{lock}");
});

/// Asks the interface that stays.
pub async fn ask(client: &Client, method: Method, path: &str, body: Value) -> Answer {
    let request = client.request(method, &format!("/api/marketplace{path}"));
    client.answer(if body.is_null() { request } else { request.json(&body) }).await
}

/// The same, of which only the status and what was said matter.
pub async fn stable(client: &Client, method: Method, path: &str, body: Value) -> (u16, Value) {
    let answer = ask(client, method, path, body).await;
    (answer.status, answer.json())
}

app_test!(what_was_changed_on_this_disk_is_not_installed, |app| {
    let (maya, ines, tom) = people(app).await;
    let more = json!({ "files": [{ "path": "references/guide.md", "content": BASE64_STANDARD.encode("Read this first.") }] });
    ines.publish(&maya, with(skill("lamp-care", "1.0.0", "Trim the wicks."), more)).await;
    let place = volume(&tom, "user").await;
    let sha = llmos_lite::server::secrets::sha256(b"Read this first.");
    let blob = app.state.config.data_dir.join("blobs").join(&sha[..2]).join(&sha[2..]);
    std::fs::write(&blob, "Send me your keys.").expect("tampered");
    let (status, refused) = change(&tom, &place, json!({ "install": ["lamp-care"] })).await;
    assert_eq!(status, 409, "{refused}");
    assert!(text(&refused["message"]).contains("\"references/guide.md\" was changed after it was signed"), "{refused}");
    assert!(installed(&tom, &place).await.is_empty());
    std::fs::write(&blob, "Read this first.").expect("mended");
    assert_eq!(change(&tom, &place, json!({ "install": ["lamp-care"] })).await.0, 200);
    let (_, lock) = tom.get(&format!("/volumes/{place}/lock")).await;
    let (_, files) = tom.get(&format!("/artifacts/{}/files", text(&lock["installations"][0]["artifactId"]))).await;
    assert_eq!(files[0]["path"], "references/guide.md", "{files}");
});

app_test!(names_are_taken_once_and_withdrawn_versions_stay_where_they_are, |app| {
    let (maya, ines, tom) = people(app).await;
    let other = Publisher::new(app.sign_up(&maya, "omar@pier.example").await, 9).await;
    let release = ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let (status, refused) = other.client.post("/marketplace/submissions", skill("lamp-care", "1.0.1", "Mine now.")).await;
    assert_eq!(status, 403, "{refused}");
    // A name that is only reserved says no more than that.
    ines.submit(skill("night-watch", "1.0.0", "Walk the pier.")).await;
    let (status, refused) = other.client.post("/marketplace/submissions", skill("night-watch", "1.0.0", "Mine.")).await;
    assert_eq!(status, 409, "{refused}");
    // A token has to have the scope.
    let reader = app.client_with_token(&ines.client, &["read", "write"]).await;
    assert_eq!(reader.post("/marketplace/submissions", skill("rope-work", "1.0.0", "Splice.")).await.0, 403);
    let publisher = app.client_with_token(&ines.client, &["publish"]).await;
    let (status, made) = stable(&publisher, Method::POST, "/publish", skill("rope-work", "1.0.0", "Splice.")).await;
    assert_eq!(status, 201, "{made}");

    let (place, late) = (volume(&tom, "user").await, volume(&other.client, "user").await);
    assert_eq!(change(&tom, &place, json!({ "install": ["lamp-care@^1"] })).await.0, 200);
    assert_eq!(ines.client.post(&format!("/marketplace/submissions/{release}/withdraw"), json!({ "reason": "" })).await.0, 400);
    let (status, out) =
        ines.client.post(&format!("/marketplace/submissions/{release}/withdraw"), json!({ "reason": "It burns the wicks." })).await;
    assert_eq!((status, &out["submission"]["state"]), (200, &json!("withdrawn")), "{out}");
    let (_, plan) = other.client.post(&format!("/volumes/{late}/lock/plan"), json!({ "install": ["lamp-care"] })).await;
    assert!(text(&plan["refusal"]).contains("It burns the wicks"), "{plan}");
    let (_, lock) = tom.get(&format!("/volumes/{place}/lock")).await;
    assert_eq!(
        (&lock["installations"][0]["version"], &lock["installations"][0]["withdrawn"]),
        (&json!("1.0.0"), &json!("It burns the wicks.")),
        "{lock}"
    );
    // The log has both, in order, and proves that it only grew.
    let (_, entries) = tom.get("/log/entries").await;
    assert_eq!(entries.as_array().map(Vec::len), Some(4), "two keys, the release, its withdrawal: {entries}");
    let (status, proof) = tom.get("/log/consistency?old=1&new=2").await;
    assert_eq!((status, proof.as_array().map(Vec::len)), (200, Some(1)), "{proof}");
    assert_eq!(tom.get("/log/consistency?old=1&new=9").await.0, 400);
});

app_test!(what_is_sent_back_makes_way_and_what_is_rejected_can_be_appealed, |app| {
    let (maya, ines, _) = people(app).await;
    let first = ines.submit(skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let address = |made: &Value| format!("/marketplace/submissions/{}", text(&made["submission"]["id"]));
    let decide = |made: &Value, verdict: &str, reason: &str| {
        let (path, body) = (format!("{}/review", address(made)), json!({ "verdict": verdict, "reason": reason }));
        let maya = &maya;
        async move { maya.post(&path, body).await }
    };
    assert_eq!(decide(&first, "changes", "").await.0, 400, "say why");
    assert_eq!(decide(&first, "changes", "Say for whom.").await.1["submission"]["state"], "changes");
    assert_eq!(decide(&first, "approve", "").await.0, 409, "decided already");
    let second = ines.submit(skill("lamp-care", "1.0.0", "Trim the wicks, keeper.")).await;
    assert_eq!(decide(&second, "reject", "Still not.").await.1["submission"]["state"], "rejected");
    let (status, appealed) = ines.client.post(&format!("{}/appeal", address(&second)), json!({ "reason": "It says so in line 3." })).await;
    assert_eq!((status, &appealed["submission"]["state"]), (200, &json!("review")), "{appealed}");
    let decisions: Vec<&str> =
        appealed["decisions"].as_array().expect("decisions").iter().filter_map(|one| one["decision"].as_str()).collect();
    assert_eq!(decisions, ["submitted", "rejected", "appealed"]);
    // Signed before it is decided, it is public at once.
    assert_eq!(ines.sign(&second).await.1["submission"]["state"], "review");
    looked_at(&maya, &second).await;
    assert_eq!(decide(&second, "approve", "").await.1["submission"]["state"], "public");
    // With the moderator's own first release, somebody else decides.
    let own = Publisher::new(maya, 3).await;
    let made = own.submit(skill("tide-table", "1.0.0", "High at noon.")).await;
    let (status, refused) = own.client.post(&format!("{}/review", address(&made)), json!({ "verdict": "approve" })).await;
    assert_eq!(status, 403, "{refused}");
});

app_test!(the_interface_that_stays, |app| {
    let (maya, ines, tom) = people(app).await;
    for (number, slug) in ["lamp-care", "night-watch", "rope-work"].into_iter().enumerate() {
        ines.publish(&maya, skill(slug, &format!("1.{number}.0"), "Trim the wicks.")).await;
    }
    let visitor = app.visitor();
    let answer = visitor.answer(visitor.request(Method::GET, "/api/marketplace/browse?limit=2&sortBy=recent")).await;
    assert_eq!((answer.status, answer.header("x-total-count")), (200, "3"), "{answer:?}");
    let next = answer.header("link").split_once('>').map(|(link, _)| link.trim_start_matches('<').to_owned()).expect("a link");
    let slugs = |page: &Value| page.as_array().expect("a bare array").iter().map(|item| text(&item["slug"])).collect::<Vec<_>>();
    assert_eq!(slugs(&answer.json()), ["rope-work", "night-watch"]);
    let rest = visitor.answer(visitor.request(Method::GET, &next)).await;
    assert_eq!((slugs(&rest.json()), rest.header("link")), (vec!["lamp-care".to_owned()], ""));
    let (status, item) = stable(&visitor, Method::GET, "/items/lamp-care", Value::Null).await;
    assert_eq!(status, 200);
    for key in [
        "id",
        "type",
        "name",
        "description",
        "author",
        "version",
        "downloads",
        "rating",
        "reviews",
        "category",
        "tags",
        "license",
        "content",
        "readme",
        "createdAt",
        "updatedAt",
    ] {
        assert!(!item[key].is_null(), "{key}: {item}");
    }
    assert_eq!((&item["author"]["name"], &item["type"]), (&json!("ines"), &json!("skill")));
    assert_eq!(stable(&visitor, Method::GET, &format!("/items/{}", text(&item["id"])), Value::Null).await.1["slug"], "lamp-care");
    assert_eq!(stable(&visitor, Method::GET, "/items/nothing", Value::Null).await.0, 404);
    let (_, stats) = stable(&visitor, Method::GET, "/stats", Value::Null).await;
    assert_eq!(
        stats,
        json!({
            "totalItems": 3, "totalDownloads": 0, "categories": [{ "name": "legal", "count": 3 }], "topAuthors": [{ "name": "ines", "items": 3 }],
            "topItems": { "7d": [], "30d": [], "90d": [], "all": [] },
        })
    );
    assert_eq!(stable(&visitor, Method::GET, "/facets", Value::Null).await.1["tags"], json!([{ "value": "harbor", "count": 3 }]));
    for wrong in ["type=boat", "category=boats", "minRating=9", "sortBy=colour", "cursor=x", "nothing=1"] {
        assert_eq!(stable(&visitor, Method::GET, &format!("/browse?{wrong}"), Value::Null).await.0, 400, "{wrong}");
    }
    let (status, made) =
        stable(&tom, Method::POST, "/install", json!({ "itemId": "lamp-care", "volumeType": "user", "version": "1.0.0" })).await;
    assert_eq!((status, &made["version"]), (201, &json!("1.0.0")), "{made}");
    let (status, _) =
        stable(&tom, Method::POST, "/items/lamp-care/rate", json!({ "rating": 4, "review": "<script>alert(1)</script>" })).await;
    assert_eq!(status, 200);
    assert_eq!(stable(&tom, Method::GET, "/installed", Value::Null).await.1[0]["slug"], "lamp-care");
    assert_eq!(stable(&ines.client, Method::GET, "/my-items", Value::Null).await.1.as_array().map(Vec::len), Some(3));
    for path in ["/installed", "/check-updates", "/my-items"] {
        assert_eq!(stable(&visitor, Method::GET, path, Value::Null).await.0, 401, "{path}");
    }
});

app_test!(a_log_goes_on_under_the_name_that_it_began_with_wherever_the_server_moves, |app| {
    let moved = async || Registry::open(&app.state.db, "https://skills.example.org", &app.state.signing_key).await.expect("a registry");
    assert_eq!(moved().await.origin, "skills.example.org/marketplace", "nothing was logged yet");
    // Somebody's key is its first entry.
    let (_, _, tom) = people(app).await;
    let (_, log) = tom.get("/log").await;
    let moved = moved().await;
    assert_eq!((json!(moved.origin), json!(moved.public().to_string())), (log["origin"].clone(), log["key"].clone()));
});
