//! Who gets what: every route in every role, with real ids of a team that is not the asker's. `access.txt` is the table, one line a route.
//!
//! A cell is `ok` where the caller is let in (also where what was sent does not fit then), `login` where a page leads to signing in, otherwise the status of the
//! refusal. `LLMOS_WRITE_TABLE=1` writes what was found in place of the table; the rules below hold for whatever stands in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::Cursor,
    sync::{
        Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use image::{DynamicImage, ImageFormat};
use llmos_trust::SigningKey;
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::routes::{self, Body, Ids, Route};
use crate::{
    accounts::factors,
    app::{Client, PASSWORD, TestApp, secret_of, text},
    git::{GitServer, allow_private, link},
    github_events::sql,
    import::{finish, pack},
    marketplace::{Publisher, change, introduction, looked_at, skill, team_volume, with},
    sessions::{begin, files, say},
    traces::send,
    volumes::{commit, committed, create},
    webhooks,
};

const TABLE: &str = include_str!("access.txt");

/// From least to most. `ended`: the cookie of a sign-in of the owner that has expired; `agent`: a token of an agent of the team that is a member and
/// may write; `owner`, who has published something too; `moderator` of the marketplace and `administrator`: of the server, not in the team; `reader`,
/// `writer`, `publisher`, `full`: API tokens of the owner that may only read, write as well, publish as well, and everything that a token may.
const ROLES: [&str; 14] = [
    "anonymous",
    "ended",
    "stranger",
    "viewer",
    "member",
    "agent",
    "maintainer",
    "owner",
    "moderator",
    "administrator",
    "reader",
    "writer",
    "publisher",
    "full",
];

/// What anybody may ask for, and why.
const PUBLIC: [(&str, &str); 52] = [
    ("GET /api/docs", "says how the API is"),
    ("GET /api/openapi.json", "says how the API is"),
    ("GET /api/v1/instance", "what the sign-in page shows"),
    ("POST /api/v1/sign-in", "it is how one signs in"),
    ("POST /api/v1/sign-up", "it is how one begins"),
    ("POST /api/v1/sign-out", "there may be nothing to end"),
    ("GET /api/v1/invitations/{secret}", "the secret is the right"),
    ("GET /api/v1/password-links/{secret}", "the secret is the right"),
    ("POST /api/v1/password-links/{secret}", "the secret is the right"),
    ("GET /api/v1/analytics/shared/{token}", "the secret is the right"),
    ("GET /api/marketplace/browse", "the marketplace is public (MARKETPLACE_PUBLIC)"),
    ("GET /api/marketplace/facets", "the marketplace is public"),
    ("GET /api/marketplace/search", "the marketplace is public"),
    ("GET /api/marketplace/stats", "the marketplace is public"),
    ("GET /api/marketplace/items/{item}", "the marketplace is public"),
    ("GET /api/v1/marketplace/listings", "the marketplace is public"),
    ("GET /api/v1/marketplace/listings/{item}", "the marketplace is public"),
    ("GET /api/v1/marketplace/listings/{item}/owners", "the marketplace is public"),
    ("GET /api/v1/marketplace/listings/{item}/reviews", "the marketplace is public"),
    ("GET /api/v1/marketplace/listings/{item}/similar", "the marketplace is public"),
    ("GET /api/v1/marketplace/releases/{release_id}/files/{*path}", "the marketplace is public"),
    ("GET /api/v1/marketplace/screenshots/{screenshot_id}", "the marketplace is public"),
    ("GET /api/v1/marketplace/submissions/{release_id}/archive", "a release can be taken by anybody"),
    ("GET /api/v1/marketplace/submissions/{release_id}/bundle", "a release can be verified by anybody"),
    ("GET /api/v1/marketplace/events", "the record is public"),
    ("GET page:/marketplace", "the marketplace is public"),
    ("GET page:/marketplace/record", "the record is public"),
    ("GET page:/marketplace/{slug}", "the marketplace is public"),
    ("GET /api/v1/log", "the transparency log is public"),
    ("GET /api/v1/log/checkpoint", "the transparency log is public"),
    ("GET /api/v1/log/consistency", "the transparency log is public"),
    ("GET /api/v1/log/entries", "the transparency log is public"),
    ("GET /api/v1/log/entries/{index}", "the transparency log is public"),
    ("GET /healthz", "says that it lives, and nothing else"),
    ("GET /readyz", "says by part whether it works; details only to whoever asks from here"),
    ("GET /metrics", "from this machine, or with its token"),
    ("GET /api/v1/sign-in/second-step", "asks for the first half of a sign-in"),
    ("POST /api/v1/sign-in/second-step", "asks for the first half of a sign-in"),
    ("POST /api/v1/sign-in/second-step/passkey", "asks for the first half of a sign-in"),
    ("POST /api/v1/sign-in/passkey", "it is how one signs in"),
    ("POST /api/v1/sign-in/passkey/challenge", "it is how one signs in"),
    ("GET /auth/oidc", "it is how one signs in"),
    ("GET /auth/oidc/callback", "it is how one signs in"),
    ("GET /auth/github", "it is how one signs in"),
    ("GET /auth/github/callback", "it is how one signs in"),
    ("GET /unsubscribe", "the signed token is the right"),
    ("POST /unsubscribe", "the signed token is the right"),
    ("GET /help", "the manual"),
    ("GET /help/{page}", "the manual"),
    ("GET /frames/tool", "an empty frame without an origin"),
    ("GET /sw.js", "the service worker"),
    ("GET /shell", "the document without a page in it"),
];

/// Where nobody is signed in yet: forms and pages of the beginning, and doors that ask for a credential of their own, which tests/it has in full.
const DOORS: [(&str, &str); 14] = [
    ("GET /ws", "asks in its first frame: socket::"),
    ("GET /ws/doc/{artifact_id}", "answers with a close code: documents::"),
    ("POST /webhook/github", "asks for a signature: webhooks::"),
    ("GET /open", "leads to a page"),
    ("POST /share", "leads to a page"),
    ("POST /fn/sign-in", "a form"),
    ("POST /fn/sign-up", "a form"),
    ("POST /fn/sign-out", "a form"),
    ("POST /fn/second-step", "a form"),
    ("GET page:/login/second-step", "a page"),
    ("POST /fn/set-new-password", "a form"),
    ("GET page:/login", "a page"),
    ("GET page:/sign-up", "a page"),
    ("GET page:/invite/{token}", "a page"),
];
const DOOR_PAGES: [&str; 2] = ["GET page:/reset/{token}", "GET page:/shared/analytics/{token}"];

/// Safe by what they do, though their method is not: a token that may only read is let in.
const READS: [&str; 4] = [
    "POST /api/v1/artifacts/{id}/preview",
    "POST /api/v1/ws-token",
    "POST /api/v1/search/opened",
    "POST /git/{team}/{volume}/git-upload-pack",
];

/// What a stranger gets is not 404 although there is an id of the team in the address, and why.
const SHARED: [(&str, &str); 3] = [
    ("GET /avatars/{user_id}/{sha}", "pictures are for everybody who is signed in"),
    ("GET /ws/doc/{artifact_id}", "answers with a close code: documents::"),
    ("PATCH /api/v1/admin/users/{id}", "administrators only, whoever it is about"),
];

/// Where nobody is let in, and why: what would let somebody in is not here. Everywhere else at least one role has something real to get.
const NOBODY: [(&str, &str); 15] = [
    ("GET /api/v1/search/offline/model/{file}", "tests have no model: search::"),
    ("DELETE /api/v1/me", "ends whoever asks, so none says the password: accounts::"),
    ("DELETE /api/v1/me/oidc", "nobody is linked to a provider: accounts::oidc"),
    ("POST /api/v1/webhooks/check", "asks GitHub, with a token: webhooks_github::"),
    ("POST /api/v1/sign-in", "the password is the right: accounts::sign_in"),
    ("POST /api/v1/sign-up", "would make another account: accounts::sign_up"),
    ("POST /fn/sign-in", "the same without JavaScript: accounts::forms"),
    ("POST /fn/sign-up", "the same without JavaScript: accounts::forms"),
    ("POST /fn/second-step", "needs the first half of a sign-in: accounts::factors"),
    ("POST /fn/set-new-password", "needs the secret of a link: accounts::passwords"),
    ("GET /unsubscribe", "needs a signed token: notification_mail::"),
    ("POST /unsubscribe", "needs a signed token: notification_mail::"),
    ("POST /webhook/github", "needs a signature: webhooks::"),
    ("GET /ws", "needs the headers of a socket: socket::"),
    ("GET /ws/doc/{artifact_id}", "needs the headers of a socket: documents::"),
];

/// What publishers do not do with what is theirs, and everybody else does: here more rights are less.
const NOT_OF_ONES_OWN: [&str; 3] = [
    "POST /api/marketplace/items/{item}/rate",
    "PUT /api/v1/marketplace/listings/{item}/review",
    "POST /api/v1/marketplace/listings/{item}/reports",
];

fn is_open(name: &str) -> bool {
    PUBLIC.iter().chain(&DOORS).any(|(open, _)| *open == name) || DOOR_PAGES.contains(&name)
}

/// `GET /api/v1/teams/{id}` → what each role gets.
fn table() -> BTreeMap<String, Vec<String>> {
    let mut lines = BTreeMap::new();
    for line in TABLE.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let name = format!("{} {}", words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let cells: Vec<String> = words.map(str::to_owned).collect();
        assert_eq!(cells.len(), ROLES.len(), "{line}: a cell for each role");
        assert!(lines.insert(name, cells).is_none(), "{line}: it is there twice");
    }
    lines
}

fn cell<'a>(cells: &'a [String], role: &str) -> &'a str {
    &cells[ROLES.iter().position(|known| *known == role).expect("a role")]
}

#[test]
fn every_route_has_its_line_and_every_line_its_route() {
    let (known, lines): (BTreeSet<String>, BTreeSet<String>) =
        (routes::all().iter().map(Route::name).collect(), table().into_keys().collect());
    let missing: Vec<_> = known.difference(&lines).collect();
    let stale: Vec<_> = lines.difference(&known).collect();
    assert!(missing.is_empty() && stale.is_empty(), "without a line in access.txt: {missing:#?}; no route any more: {stale:#?}");
}

#[test]
fn without_a_sign_in_only_what_is_meant_to_be_public_is_given() {
    let lines = table();
    for (name, cells) in &lines {
        let [anonymous, ended] = ["anonymous", "ended"].map(|role| cell(cells, role));
        assert_eq!(anonymous, ended, "{name}: a sign-in that ended is none");
        if !is_open(name) {
            // A form says what it lacks before it asks who sends it.
            let unread = name.starts_with("POST /fn/") && anonymous == "form";
            assert!(unread || ["401", "login", "404"].contains(&anonymous), "{name} gives {anonymous} to anybody");
        }
    }
    for name in PUBLIC.iter().chain(&DOORS).map(|(name, _)| *name).chain(DOOR_PAGES) {
        assert!(lines.contains_key(name), "{name} is no route any more");
    }
}

#[test]
fn more_rights_are_never_less() {
    for (name, cells) in table() {
        if cells.iter().any(|cell| cell == "form") || NOT_OF_ONES_OWN.contains(&name.as_str()) {
            continue;
        }
        let ranked: Vec<bool> = ["viewer", "member", "maintainer", "owner"].iter().map(|role| cell(&cells, role) == "ok").collect();
        assert!(ranked.is_sorted(), "{name}: {cells:?}");
        // A refusal for want of a role says so; it hides nothing from who sees the thing.
        assert!(cell(&cells, "stranger") != "ok" || cell(&cells, "viewer") == "ok", "{name}: {cells:?}");
    }
}

#[test]
fn what_lets_nobody_in_says_why() {
    let lines = table();
    for (name, cells) in &lines {
        let (is_closed, is_excused) = (cells.iter().all(|cell| cell != "ok"), NOBODY.iter().any(|(closed, _)| closed == name));
        assert_eq!(is_closed, is_excused, "{name}: {cells:?}");
    }
    for (name, _) in NOBODY {
        assert!(lines.contains_key(name), "{name} is no route any more");
    }
}

#[test]
fn a_token_may_no_more_than_whose_it_is_and_no_less_with_more_scopes() {
    for (name, cells) in table() {
        for (less, more) in [("agent", "member"), ("reader", "writer"), ("writer", "publisher"), ("publisher", "full"), ("full", "owner")] {
            assert!(cell(&cells, less) != "ok" || cell(&cells, more) == "ok", "{name}, {less} and {more}: {cells:?}");
        }
    }
}

#[test]
fn a_stranger_does_not_learn_that_a_thing_of_a_team_exists() {
    for (name, cells) in table() {
        let of_a_team = ["/teams/{", "/volumes/{", "/artifacts/{", "/sessions/{", "/commits/{", "/traces/{", "/threads/{", "/comments/{"]
            .iter()
            .any(|part| name.contains(part));
        let excused = SHARED.iter().any(|(shared, _)| *shared == name) || name.contains(" page:");
        if of_a_team && !excused {
            // Whoever runs the server is not in its teams.
            for role in ["stranger", "moderator", "administrator"] {
                assert_eq!(cell(&cells, role), "404", "{name} for {role}: {cells:?}");
            }
        }
    }
}

#[test]
fn a_token_that_may_only_read_changes_nothing() {
    for (name, cells) in table() {
        let safe = name.starts_with("GET ") || READS.contains(&name.as_str()) || is_open(&name);
        assert!(safe || cell(&cells, "reader") != "ok", "{name}: {cells:?}");
    }
}

#[test]
fn administration_is_for_administrators() {
    for (name, cells) in table().into_iter().filter(|(name, _)| name.contains("/api/v1/admin/") || name.contains("/api/v1/webhooks/")) {
        for role in ["stranger", "viewer", "member", "maintainer", "owner"] {
            assert_eq!(cell(&cells, role), "403", "{name} for {role}");
        }
        assert!(["ok", "form", "404"].contains(&cell(&cells, "administrator")), "{name}: {cells:?}");
    }
}

/// Everybody in a role, each in a browser or with a token of their own; beside them `customer`, who has installed and reviewed what is published, and
/// `partner`, who becomes a co-owner of it. The token of the agent is the world's, as the agent is.
pub struct People {
    pub clients: BTreeMap<&'static str, Client>,
    /// What is public in the marketplace, as its owner made it: the name and the release.
    published: Mutex<Option<(String, String)>>,
    /// The key that the owner signs with.
    key_id: String,
    /// Seeds of further keys.
    seeds: AtomicU8,
}

const SEED: u8 = 1;

impl People {
    pub async fn sign_up(app: &TestApp) -> Self {
        let administrator = app.sign_up_first().await;
        let mut clients = BTreeMap::new();
        for role in ["stranger", "viewer", "member", "maintainer", "owner", "moderator"] {
            clients.insert(role, app.sign_up(&administrator, &address_of(role)).await);
        }
        for role in ["customer", "partner"] {
            clients.insert(role, app.sign_up(&administrator, &format!("{role}@pier.example")).await);
        }
        let moderator = format!("/admin/users/{}", clients["moderator"].id);
        assert_eq!(administrator.patch(&moderator, json!({ "moderator": true })).await.0, 200);
        let owner = &clients["owner"];
        let key_id = Publisher::new(owner.at(app), SEED).await.key_id;
        let mut tokens = Vec::new();
        for (role, scopes) in [
            ("reader", &["read"][..]),
            ("writer", &["read", "write"]),
            ("publisher", &["read", "write", "publish"]),
            ("full", &["read", "write", "publish", "admin"]),
        ] {
            tokens.push((role, app.client_with_token(owner, scopes).await));
        }
        clients.extend(tokens);
        clients.extend([("anonymous", app.visitor()), ("ended", ended(app).await), ("administrator", administrator)]);
        stay_confirmed(app).await;
        Self { clients, published: Mutex::default(), key_id, seeds: AtomicU8::new(SEED + 1) }
    }

    /// A release of the owner's that everybody finds; the one before while nobody has taken it away.
    async fn publish(&self) -> (String, String) {
        let before = self.published.lock().expect("not poisoned").clone();
        if let Some((slug, release)) = before
            && self.clients["anonymous"].get(&format!("/marketplace/listings/{slug}")).await.0 == 200
            && self.clients["owner"].get(&format!("/marketplace/submissions/{release}")).await.1["submission"]["state"] == "public"
        {
            return (slug, release);
        }
        let owner = &self.clients["owner"];
        let client = Client { http: owner.http.clone(), url: owner.url.clone(), token: None, id: owner.id.clone() };
        let publisher = Publisher { client, key: SigningKey::from_seed(&[SEED; 32]), key_id: self.key_id.clone() };
        let (slug, administrator) = (fresh_slug(), &self.clients["administrator"]);
        let submitted = publisher.submit(skill(&slug, "1.0.0", "Trim the wicks.")).await;
        looked_at(administrator, &submitted).await;
        let release = text(&submitted["submission"]["id"]);
        let path = format!("/marketplace/submissions/{release}");
        made(administrator, &format!("{path}/review"), json!({ "verdict": "approve", "reason": "Fine." })).await;
        // The newest key, for which it would be otherwise, may be one that somebody was let register meanwhile.
        let (_, fresh) = publisher.client.get(&format!("{path}?key={}", self.key_id)).await;
        made(&publisher.client, &format!("{path}/sign"), publisher.signature(&fresh)).await;
        *self.published.lock().expect("not poisoned") = Some((slug.clone(), release.clone()));
        (slug, release)
    }

    /// What introduces a key that the owner has not had yet.
    fn introduction(&self) -> Value {
        let seed = self.seeds.fetch_add(1, Ordering::Relaxed);
        introduction(&self.clients["owner"].id, &SigningKey::from_seed(&[seed; 32]), None)
    }

    /// Signs in again whoever has ended their own sign-in.
    async fn back(&mut self, app: &TestApp, role: &'static str) {
        let of_a_browser = ["stranger", "viewer", "member", "maintainer", "owner", "moderator", "administrator"].contains(&role);
        if !of_a_browser || self.clients[role].get("/me").await.0 == 200 {
            return;
        }
        self.clients.insert(role, app.sign_in(&address_of(role)).await);
        stay_confirmed(app).await;
    }
}

fn address_of(role: &str) -> String {
    if role == "administrator" { "maya@harbor.internal".to_owned() } else { format!("{role}@harbor.internal") }
}

fn fresh_slug() -> String {
    format!("lamp-{:08x}", fastrand::u32(..))
}

/// What is asked here takes longer than a proof counts, and nobody keeps a factor, which signing in again would ask for.
async fn stay_confirmed(app: &TestApp) {
    sql(app, "DELETE FROM factors", &[]).await;
    sql(app, "UPDATE sign_ins SET confirmed_at = 4000000000000", &[]).await;
}

/// A browser that still has the cookie of a sign-in whose time is over.
async fn ended(app: &TestApp) -> Client {
    let visitor = app.visitor();
    let request = visitor.request(Method::POST, "/api/v1/sign-in").json(&json!({ "email": "owner@harbor.internal", "password": PASSWORD }));
    let answer = visitor.answer(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    // The newest is this one: nobody has asked for anything with it yet.
    let newest = "UPDATE sign_ins SET expires_at = 1 WHERE id = (SELECT MAX(id) FROM sign_ins)";
    assert_eq!(sqlx::query(newest).execute(&mut *tx).await.expect("it ends").rows_affected(), 1);
    tx.commit().await.expect("stored");
    let cookies = reqwest::header::HeaderMap::from_iter([(reqwest::header::COOKIE, cookie.parse().expect("a header"))]);
    let http = reqwest::Client::builder().default_headers(cookies).redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    Client { http, url: app.url.clone(), token: None, id: String::new() }
}

/// A team with everybody in their role and one of each thing in it.
pub async fn world(people: &People) -> Ids {
    let owner = &people.clients["owner"];
    // An account keeps a hundred of each.
    for what in ["views", "shares"] {
        let (_, kept) = owner.get(&format!("/analytics/{what}")).await;
        for one in kept.as_array().into_iter().flatten() {
            owner.delete(&format!("/analytics/{what}/{}", text(&one["id"]))).await;
        }
    }
    // And ten names under which nothing is public.
    let (_, names) = owner.get("/marketplace/names").await;
    for name in names.as_array().into_iter().flatten().filter(|name| name["state"] == "reserved") {
        owner.delete(&format!("/marketplace/listings/{}", text(&name["slug"]))).await;
    }
    let team = owner.team("Harbor").await;
    for role in ["viewer", "member", "maintainer"] {
        let secret = owner.invite(&team, role).await;
        let (status, joined) = people.clients[role].post(&format!("/invitations/{secret}/accept"), Value::Null).await;
        assert_eq!(status, 200, "{joined}");
    }
    let volume = team_volume(owner, &team).await;
    let (artifact, head) = committed(owner, &volume, "lamp-care").await;
    let (_, commits) = owner.get(&format!("/volumes/{volume}/commits")).await;
    let beside = owner.request(Method::PUT, &format!("/api/v1/artifacts/{artifact}/files/notes.md")).body("notes");
    assert!(owner.answer(beside).await.status < 300);
    let session = begin(owner, Some(&team), "Shared").await;
    let entry = say(owner, &session, "Hello").await;
    let (_, thread) = owner.post("/comments/threads", json!({ "artifactId": artifact, "text": "Is it so?" })).await;
    let (_, task) = owner.post(&format!("/teams/{team}/tasks"), json!({ "title": "Trim the wicks" })).await;
    let run = json!({
        "goal": "Trim the wicks", "started_at": "2026-10-01T10:00:00Z", "ended_at": "2026-10-01T10:05:00Z", "success": true, "skills_used": ["lamp-care"],
        "steps": [{ "name": "bash", "kind": "tool", "input": "ls", "outcome": "ok", "duration_ms": 5 }],
    });
    let (status, taken) = send(owner, &format!("/traces?team={team}"), "application/json", run.to_string()).await;
    assert_eq!((status, &taken["accepted"]), (200, &json!(1)), "{taken}");
    let (_, traces) = owner.get(&format!("/traces?team={team}")).await;
    let (_, invited) =
        owner.post(&format!("/teams/{team}/invitations"), json!({ "role": "viewer", "maxUses": 1, "expiresInDays": 7 })).await;
    let (_, agent) = owner.post(&format!("/teams/{team}/agents"), json!({ "name": "Scribe", "role": "member" })).await;
    let agent = text(&agent["person"]["id"]);
    let token = json!({ "name": "x", "scopes": ["read", "write"], "expiresInDays": 1 });
    let (_, token) = owner.post(&format!("/teams/{team}/agents/{agent}/tokens"), token).await;
    let import = upload(owner, &volume, pack(&[("skills/oil/SKILL.md", b"# Oil", 0o644)])).await;
    finish(owner, &import).await;
    let kept = json!({ "name": "Ours", "query": { "team": team }, "teamId": team });
    let (_, view) = owner.post("/analytics/views", kept).await;
    let (_, share) = owner.post("/analytics/shares", json!({ "name": "x", "query": { "team": team }, "days": 1 })).await;
    let (listing, release) = people.publish().await;
    let id = |value: &Value| value["id"].as_str().unwrap_or_default().to_owned();
    [
        ("item", listing.clone()),
        ("marketplace/slug", listing),
        ("release_id", release),
        ("key_id", people.key_id.clone()),
        ("teams", team.clone()),
        ("team", team.clone()),
        ("?team", team.clone()),
        (".teamId", team),
        ("volumes", volume.clone()),
        ("volume", format!("{volume}.git")),
        ("?volume", volume.clone()),
        ("?volumeId", volume.clone()),
        (".volumeId", volume),
        ("artifacts", artifact.clone()),
        ("artifact_id", artifact.clone()),
        ("?artifactId", artifact.clone()),
        ("?ids", artifact.clone()),
        (".artifactId", artifact),
        (".baseRevisionId", head),
        ("path", "notes.md".to_owned()),
        ("commits", id(&commits["commits"][0])),
        ("sessions", session.clone()),
        ("?sessionId", session.clone()),
        (".sessionId", session),
        ("entry_id", id(&entry)),
        ("thread_id", id(&thread)),
        ("comment_id", id(&thread["comments"][0])),
        ("task_id", id(&task)),
        ("traces", id(&traces["items"][0])),
        ("invitation_id", id(&invited["invitation"])),
        ("invitations/secret", secret_of(&invited["url"])),
        ("members/user_id", people.clients["viewer"].id.clone()),
        ("user_id", people.clients["viewer"].id.clone()),
        ("users", people.clients["stranger"].id.clone()),
        ("agents/user_id", agent),
        ("token_id", id(&token["token"])),
        ("agent", text(&token["secret"])),
        ("provider", "openai".to_owned()),
        ("jobs", id(&import)),
        ("views", id(&view)),
        ("shares", id(&share["share"])),
        ("token", share["token"].as_str().unwrap_or_default().to_owned()),
        ("index", "0".to_owned()),
        ("page", "operations".to_owned()),
    ]
    .into_iter()
    .filter(|(_, id)| !id.is_empty())
    .map(|(name, id)| (name.to_owned(), id))
    .collect()
}

/// Begins an import; its job.
async fn upload(client: &Client, volume: &str, archive: Vec<u8>) -> Value {
    let request = client.request(Method::POST, &format!("/api/v1/volumes/{volume}/imports")).header("content-type", "application/zip");
    let answer = client.answer(request.body(archive)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    answer.json()
}

/// What a route is asked with beside the world, so that it has something to give.
#[derive(Default)]
struct Need {
    ids: Vec<(&'static str, String)>,
    /// Added to the address.
    query: String,
    /// In place of the smallest body that the description allows.
    body: Option<Body>,
}

impl Need {
    fn of(name: &'static str, id: &Value) -> Self {
        Self::default().and(name, text(id))
    }

    fn query(query: impl Into<String>) -> Self {
        Self { query: query.into(), ..Self::default() }
    }

    fn sends(body: Value) -> Self {
        Self::default().sending(Body::Json(body))
    }

    fn and(mut self, name: &'static str, id: impl Into<String>) -> Self {
        self.ids.push((name, id.into()));
        self
    }

    fn sending(self, body: Body) -> Self {
        Self { body: Some(body), ..self }
    }
}

async fn made(client: &Client, path: &str, body: Value) -> Value {
    let (status, made) = client.post(path, body).await;
    assert!((200..300).contains(&status), "{path}: {status} {made}");
    made
}

/// Makes what a route needs; none: the world is enough. What is somebody's own is the owner's, so that others ask for what is not theirs.
async fn need(app: &TestApp, git: &GitServer, people: &People, ids: &Ids, route: &Route) -> Option<Need> {
    let (owner, administrator) = (&people.clients["owner"], &people.clients["administrator"]);
    let id = |name: &str| ids[name].as_str();
    let (team, volume, artifact, session, item) = (id("teams"), id("volumes"), id("artifacts"), id("sessions"), id("item"));
    let listing = format!("/marketplace/listings/{item}");
    let name = route.name();
    let of_the_market = market_need(app, people, &name, &listing, item).await;
    if of_the_market.is_some() {
        return of_the_market;
    }
    Some(match name.as_str() {
        // What can only be asked with words of its own.
        "GET /api/marketplace/search" => Need::query("q=lamp"),
        "GET /api/v1/analytics/rows" => Need::query("measure=skill_uses"),
        "GET /api/v1/comments/completions" | "GET /api/v1/comments/threads" => Need::query(format!("artifact={artifact}")),
        "GET /api/v1/log/consistency" => Need::query("old=0&new=0"),
        "GET /api/v1/marketplace/draft" => Need::query(format!("artifactId={artifact}")),
        "GET /api/v1/marketplace/licences/check" => Need::query("expression=MIT"),
        "GET /git/{team}/{volume}/info/refs" => Need::query("service=git-upload-pack"),
        "GET page:/invite/{token}" => Need::default().and("token", id("invitations/secret")),
        "GET page:/marketplace/submissions/{id}" => Need::default().and("submissions", id("release_id")),
        "POST /api/marketplace/install" => Need::sends(json!({ "itemId": item, "volumeType": "team", "volumeId": volume })),
        "POST /api/marketplace/publish" | "POST /api/v1/marketplace/submissions" => {
            Need::sends(with(skill(&fresh_slug(), "1.0.0", "Trim the wicks."), json!({ "team": team })))
        }
        "POST /api/v1/analytics/alerts" => Need::sends(alert(team)),
        "POST /api/v1/analytics/shares" => Need::sends(json!({ "name": "x", "query": { "team": team }, "days": 1 })),
        "POST /api/v1/analytics/views" => Need::sends(json!({ "name": "x", "query": { "team": team }, "teamId": team })),
        "POST /api/v1/artifacts/{id}/restore" => Need::sends(json!({ "revisionId": id(".baseRevisionId") })),
        "POST /api/v1/comments/threads" => Need::sends(json!({ "artifactId": artifact, "text": "Is it so?" })),
        "POST /api/v1/commits" => {
            Need::sends(json!({ "message": "x", "artifacts": [{ "id": artifact, "baseRevisionId": id(".baseRevisionId") }] }))
        }
        "POST /api/v1/me/confirmation" => Need::sends(json!({ "password": PASSWORD })),
        "POST /api/v1/me/password" => Need::sends(json!({ "current": PASSWORD, "new": PASSWORD })),
        "POST /api/v1/notifications/devices" => Need::sends(device()),
        "POST /api/v1/notifications/test" => Need::sends(json!({ "channel": "push" })),
        "POST /api/v1/sessions/{id}/commit" => Need::sends(json!({ "message": "x", "artifactIds": [artifact], "volumeId": volume })),
        "POST /api/v1/teams/{id}/transfer" => Need::sends(json!({ "to": people.clients["maintainer"].id })),
        "POST /api/v1/volumes/{id}/git/import" | "PUT /api/v1/volumes/{id}/git" => Need::sends(json!({ "url": git.url })),
        "POST /fn/save-notifications" => {
            let form = "form[digest]=off&form[quiet_from]=&form[quiet_to]=&form[time_zone]=UTC";
            Need::default().sending(Body::Bytes("application/x-www-form-urlencoded", form.into()))
        }
        "PUT /api/v1/evolution/settings" => Need::sends(json!({
            "paused": false, "cron": "0 3 * * *", "zone": "UTC", "after": 10, "shownRuns": 3, "listed": 0.5, "proposed": 0.6,
        })),
        "PUT /api/v1/me/avatar" => Need::default().sending(Body::Bytes("image/png", picture())),
        "PUT /api/v1/teams/{id}/keys/{provider}" => Need::sends(json!({ "key": format!("sk-{}", "x".repeat(32)) })),
        "PUT /api/v1/webhooks/secrets/{owner}/{name}" => Need::sends(json!({ "secret": "one that is long enough" })),
        // What is not in the world, since it would take too long to make it for all the other routes.
        "DELETE /api/v1/admin/invitations/{invitation_id}" => {
            let invitation = json!({ "role": "member", "maxUses": 1, "expiresInDays": 7 });
            Need::of("invitation_id", &made(administrator, "/admin/invitations", invitation).await["invitation"]["id"])
        }
        "POST /api/v1/admin/jobs/{id}/retry" => {
            sql(app, "UPDATE jobs SET state = 'failed' WHERE id = $1", &[id("jobs")]).await;
            Need::default()
        }
        "POST /api/v1/jobs/{id}/cancel" => {
            sql(app, "UPDATE jobs SET state = 'queued', run_at = 4000000000000 WHERE id = $1", &[id("jobs")]).await;
            Need::default()
        }
        "DELETE /api/v1/analytics/alerts/{id}" => Need::of("alerts", &made(owner, "/analytics/alerts", alert(team)).await["id"]),
        "GET /api/v1/evolution/patterns/{id}" | "POST /api/v1/evolution/patterns/{id}/proposal" => {
            Need::default().and("patterns", pattern(app, team, "team").await)
        }
        "GET /api/v1/evolution/proposals/{id}" => Need::default().and("proposals", proposal(app, team, "team", "open", artifact).await),
        "PATCH /api/v1/evolution/proposals/{id}" => {
            Need::sends(json!({ "text": "# Wicks", "saves": 0 })).and("proposals", proposal(app, team, "team", "open", artifact).await)
        }
        "POST /api/v1/evolution/proposals/{id}/decision" => {
            Need::sends(json!({ "decision": "accept" })).and("proposals", proposal(app, team, "team", "open", artifact).await)
        }
        // From one's own to the team's: only an administrator who is in the team takes one from there to everybody.
        "POST /api/v1/evolution/proposals/{id}/promotion" => Need::sends(json!({ "volumeId": volume, "reason": "Everybody does this." }))
            .and("proposals", proposal(app, &owner.id, "user", "accepted", artifact).await),
        "DELETE /api/v1/me/factors/{id}" | "PATCH /api/v1/me/factors/{id}" => {
            Need::default().and("factors", factors::App::add(owner).await.id)
        }
        "POST /api/v1/me/invitations/{invitation_id}/accept" => {
            let elsewhere = administrator.team("Pier").await;
            let invitation = json!({ "role": "viewer", "email": address_of("owner"), "maxUses": 1, "expiresInDays": 7 });
            let invited = made(administrator, &format!("/teams/{elsewhere}/invitations"), invitation).await;
            Need::of("invitation_id", &invited["invitation"]["id"])
        }
        "DELETE /api/v1/me/sign-ins/{id}" => {
            let (_, all) = app.sign_in(&address_of("owner")).await.get("/me/sign-ins").await;
            let other = all.as_array().into_iter().flatten().find(|one| one["current"] == true);
            Need::of("sign-ins", &other.expect("the sign-in of this browser")["id"])
        }
        "DELETE /api/v1/me/tokens/{id}" => {
            let token = json!({ "name": "x", "scopes": ["read"], "expiresInDays": 1 });
            Need::of("tokens", &made(owner, "/me/tokens", token).await["token"]["id"])
        }
        "DELETE /api/v1/notifications/devices/{id}" => Need::of("devices", &made(owner, "/notifications/devices", device()).await["id"]),
        "POST /api/v1/sessions/{id}/assistant/runs/{run_id}/stop"
        | "POST /api/v1/sessions/{id}/assistant/runs/{run_id}/calls/{call_id}/decision" => {
            let (run, call) = assistant_run(app, ids, &owner.id, "asked").await;
            Need::sends(json!({ "decision": "deny" })).and("run_id", run).and("call_id", call)
        }
        "POST /api/v1/sessions/{id}/assistant/runs/{run_id}/calls/{call_id}/result" => {
            let (run, call) = assistant_run(app, ids, &owner.id, "running").await;
            Need::sends(json!({ "outputs": "{}" })).and("run_id", run).and("call_id", call)
        }
        "GET /api/v1/sessions/{id}/attachments/{attachment_id}"
        | "POST /api/v1/sessions/{id}/attachments/{attachment_id}/save-as-artifact" => {
            let attachment = files::upload(owner, session, "", "notes.md", b"# Notes".to_vec()).await.json()["id"].clone();
            // Until it is sent it is only whose upload it is.
            made(owner, &format!("/sessions/{session}/messages"), json!({ "text": "", "attachmentIds": [attachment] })).await;
            Need::sends(json!({ "volumeId": volume })).and("attachment_id", text(&attachment))
        }
        "GET /api/v1/teams/{id}/exports/{job}" => {
            let job = made(owner, &format!("/teams/{team}/exports"), Value::Null).await;
            finish(owner, &job).await;
            Need::of("job", &job["id"])
        }
        "DELETE /api/v1/volumes/{id}/git" => {
            link(owner, volume, json!({ "url": git.url })).await;
            Need::default()
        }
        "POST /api/v1/volumes/{volume_id}/lock/{slug}/enable" | "PUT /api/v1/volumes/{volume_id}/lock/{slug}/pin" => {
            let (status, lock) = change(owner, volume, json!({ "install": [item] })).await;
            assert!(status == 200 || status == 409, "{lock}");
            let body = if route.method == "PUT" { json!({ "pinned": true }) } else { json!({ "reason": "We need it." }) };
            Need::sends(body).and("slug", item)
        }
        "GET /api/v1/webhooks/deliveries/{id}"
        | "GET /api/v1/webhooks/deliveries/{id}/fixture"
        | "POST /api/v1/webhooks/deliveries/{id}/replay" => {
            webhooks::send(&people.clients["anonymous"], "push", &webhooks::push("harbor/lamps", 1)).await;
            let newest = webhooks::list(administrator, "").await;
            Need::of("deliveries", &newest.first().expect("the delivery")["id"])
        }
        "DELETE /api/v1/webhooks/secrets/{owner}/{name}" => {
            let secret = json!({ "secret": "one that is long enough" });
            assert_eq!(administrator.json(Method::PUT, "/webhooks/secrets/harbor/lamps", secret).await.0, 204);
            Need::default().and("owner", "harbor").and("name", "lamps")
        }
        "GET /avatars/{user_id}/{sha}" => {
            let put = owner.request(Method::PUT, "/api/v1/me/avatar").header("content-type", "image/png").body(picture());
            let address = text(&owner.answer(put).await.json()["person"]["avatar"]);
            Need::default().and("user_id", owner.id.as_str()).and("sha", address.rsplit('/').next().unwrap_or_default())
        }
        _ => return None,
    })
}

/// The same for what is about an item of the marketplace.
async fn market_need(app: &TestApp, people: &People, route: &str, listing: &str, item: &str) -> Option<Need> {
    let [owner, administrator, moderator, customer, partner] =
        ["owner", "administrator", "moderator", "customer", "partner"].map(|who| &people.clients[who]);
    let hidden = format!("{listing}/reviews/{}/hidden", customer.id);
    let reviewed = async || {
        installed_by_all(app, item).await;
        let (status, review) = customer.json(Method::PUT, &format!("{listing}/review"), json!({ "rating": 4, "review": "Bright." })).await;
        assert_eq!(status, 200, "{review}");
        // One that was hidden stays so, whatever it says then.
        moderator.delete(&hidden).await;
        Need::default().and("user_id", customer.id.as_str())
    };
    Some(match route {
        "POST /api/marketplace/items/{item}/rate" | "PUT /api/v1/marketplace/listings/{item}/review" => {
            installed_by_all(app, item).await;
            Need::default()
        }
        "POST /api/v1/marketplace/keys" => Need::sends(people.introduction()),
        "DELETE /api/v1/marketplace/keys/{key_id}" => {
            Need::of("key_id", &made(owner, "/marketplace/keys", people.introduction()).await["id"])
        }
        // There is nothing to appeal, which only its publishers learn. Of what is hidden anybody would be told that its name is taken.
        "POST /api/v1/marketplace/listings/{item}/appeal" => Need::sends(json!({ "reason": "It is only a wick." })),
        "POST /api/v1/marketplace/listings/{item}/owners" => Need::sends(json!({ "account": partner.id })),
        "DELETE /api/v1/marketplace/listings/{item}/owners/{user_id}" => {
            let (status, owners) = owner.post(&format!("{listing}/owners"), json!({ "account": partner.id })).await;
            assert!(status == 201 || status == 409, "{owners}");
            Need::default().and("user_id", partner.id.as_str())
        }
        // Not a grave one: a few of those hide it.
        "POST /api/v1/marketplace/listings/{item}/reports" => Need::sends(json!({ "reason": "broken", "text": "It does not light." })),
        "PUT /api/v1/marketplace/listings/{item}/reviews/{user_id}/hidden" => {
            reviewed().await.sending(Body::Json(json!({ "reason": "Advertising." })))
        }
        "DELETE /api/v1/marketplace/listings/{item}/reviews/{user_id}/hidden" => {
            let need = reviewed().await;
            assert_eq!(moderator.json(Method::PUT, &hidden, json!({ "reason": "Advertising." })).await.0, 200);
            need
        }
        "PUT /api/v1/marketplace/listings/{item}/reviews/{user_id}/reply" => {
            reviewed().await.sending(Body::Json(json!({ "text": "Thank you." })))
        }
        "POST /api/v1/marketplace/listings/{item}/screenshots" => Need::query("alt=lamp").sending(Body::Bytes("image/png", picture())),
        "DELETE /api/v1/marketplace/listings/{item}/screenshots/{screenshot_id}"
        | "GET /api/v1/marketplace/screenshots/{screenshot_id}" => {
            let address = format!("/api/v1{listing}/screenshots?alt=lamp");
            let added = owner.answer(owner.request(Method::POST, &address).header("content-type", "image/png").body(picture())).await;
            assert_eq!(added.status, 201, "{}", added.text);
            Need::of("screenshot_id", &added.json()["id"])
        }
        "GET /api/v1/marketplace/releases/{release_id}/files/{*path}" => Need::default().and("path", "SKILL.md"),
        "POST /api/v1/marketplace/submissions/{release_id}/appeal" => {
            let submitted = made(owner, "/marketplace/submissions", skill(&fresh_slug(), "1.0.0", "Trim the wicks.")).await;
            looked_at(administrator, &submitted).await;
            let release = text(&submitted["submission"]["id"]);
            let reject = json!({ "verdict": "reject", "reason": "It is not clear." });
            made(administrator, &format!("/marketplace/submissions/{release}/review"), reject).await;
            Need::sends(json!({ "reason": "It is only a wick." })).and("release_id", release)
        }
        "POST /api/v1/marketplace/submissions/{release_id}/withdraw" => Need::sends(json!({ "reason": "It smokes." })),
        _ => return None,
    })
}

/// Whoever has an account has installed it once: only who did reviews it.
async fn installed_by_all(app: &TestApp, item: &str) {
    let taken = "INSERT INTO listing_takers (listing_id, version, user_id, day, act) \
                 SELECT l.id, '1.0.0', u.id, 0, 'install' FROM listings l, users u WHERE l.slug = $1 ON CONFLICT DO NOTHING";
    sql(app, taken, &[item]).await;
}

/// Of many runs, too unlike each other for a pass to propose something by itself.
async fn pattern(app: &TestApp, place: &str, level: &str) -> String {
    let id = Uuid::now_v7().to_string();
    let summary = json!({
        "name": "Trim wicks", "slug": "trim-wicks", "runs": 20, "successes": 20,
        "steps": [], "variants": [], "pitfalls": [], "representatives": [], "flagged": [],
    });
    let insert = "INSERT INTO patterns (id, place_id, level, number, name, slug, runs, successes, people, teams, cohesion, confidence, last_at, \
                  summary, created_at, updated_at) SELECT $1, $2, $3, COALESCE(MAX(number), 0) + 1000, 'Trim wicks', 'trim-wicks', 20, 20, 3, 0, \
                  0.1, 0.1, 1790000000000, $4, 1, 1 FROM patterns";
    sql(app, insert, &[&id, place, level, &summary.to_string()]).await;
    id
}

async fn proposal(app: &TestApp, place: &str, level: &str, state: &str, artifact: &str) -> String {
    let (id, pattern) = (Uuid::now_v7().to_string(), pattern(app, place, level).await);
    let words = "---\nname: trim-wicks\ndescription: How wicks are trimmed.\n---\n\n# Wicks\n";
    // What is open is a skill that is not there yet.
    let artifact = if state == "accepted" { artifact } else { "" };
    let insert = "INSERT INTO proposals (id, place_id, level, pattern_id, kind, state, slug, text, artifact_id, confidence, runs, author, \
                  created_at, updated_at) VALUES ($1, $2, $3, $4, 'new', $5, 'trim-wicks', $6, NULLIF($7, ''), 0.1, 20, 'generator', 1, 1)";
    sql(app, insert, &[&id, place, level, &pattern, state, words, artifact]).await;
    id
}

/// An answer that waits for a call of a tool, which is in this state: the run and the call.
async fn assistant_run(app: &TestApp, ids: &Ids, asked_by: &str, state: &str) -> (String, String) {
    let [run, answer, call] = [(); 3].map(|()| Uuid::now_v7().to_string());
    let wanted = json!({
        "id": call, "callId": "call_1", "name": "add", "tool": ids["artifacts"], "slug": "add", "inputs": {}, "hosts": [], "sha": "x", "state": state,
        "by": (state == "running").then_some(asked_by), "result": {}, "beganAt": 0, "tookMs": 0,
    });
    let rounds = json!([{ "text": "", "calls": [wanted] }]).to_string();
    let insert = "INSERT INTO assistant_runs (id, session_id, question_id, answer_id, asked_by, state, stop, skills, rounds, tokens_in, tokens_out, \
                  created_at) VALUES ($1, $2, $3, $4, $5, 'waiting', 0, '[]', $6, 0, 0, 1)";
    sql(app, insert, &[&run, &ids["sessions"], &ids["entry_id"], &answer, asked_by, &rounds]).await;
    (run, call)
}

fn alert(team: &str) -> Value {
    json!({ "name": "x", "metric": "sessions", "rule": "below", "threshold": 1, "query": { "team": team } })
}

/// A subscription with the keys of RFC 8291, at a service that is nowhere.
fn device() -> Value {
    json!({
        "endpoint": "https://push.invalid/x", "auth": "BTBZMqHH6r4Tts7J_aSIgg",
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    })
}

fn picture() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(40, 30).write_to(&mut bytes, ImageFormat::Png).expect("encodes");
    bytes.into_inner()
}

async fn ask(client: &Client, route: &Route, ids: &Ids, need: Option<&Need>, description: &Value) -> (u16, String) {
    let mut ids = ids.clone();
    ids.extend(need.into_iter().flat_map(|need| &need.ids).map(|(name, id)| ((*name).to_owned(), id.clone())));
    let mut address = routes::address(route, &ids);
    if let Some(query) = need.map(|need| &need.query).filter(|query| !query.is_empty()) {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(query);
    }
    let request = client.request(route.method.parse().expect("a method"), &address);
    let request = if route.is_page() { request.header("accept", "text/html") } else { request };
    let body = need.and_then(|need| need.body.clone()).or_else(|| routes::body(route, description, &ids));
    let request = match body {
        Some(Body::Json(body)) => request.json(&body),
        Some(Body::Bytes(kind, bytes)) => request.header("content-type", kind).body(bytes),
        Some(Body::Multipart) => {
            let file = Part::bytes(b"# Notes".to_vec()).file_name("notes.md");
            request.multipart(Form::new().text("paths", r#"["notes.md"]"#).part("file", file))
        }
        None => request,
    };
    let answer = client.answer(request).await;
    let to = answer.header("location").to_owned();
    let got = match answer.status {
        300..=399 if route.is_page() && to.contains("/login") => "login".to_owned(),
        // Let in: what was sent does not fit what it is about, which only who may see that learns.
        101 | 200..=399 | 409 | 410 | 413 => "ok".to_owned(),
        // Refused for what was sent: nothing is given, whoever asks.
        400 | 415 | 422 => "form".to_owned(),
        status => status.to_string(),
    };
    assert!(
        answer.status < 500 && answer.status != 405 && answer.status != 429,
        "{} {address}: {} {}",
        route.name(),
        answer.status,
        answer.text
    );
    (answer.status, got)
}

/// After which the thing is gone or changed so that the next role would meet another one. What was made for this route alone is made again by itself.
fn spends(route: &Route, need: Option<&Need>, status: u16) -> bool {
    let ends = [
        "/leave",
        "/transfer",
        "/moderation",
        "/withdraw",
        "/archive",
        "/move",
        "/restore",
        "/accept",
        "/forever",
        "/sign-out",
        "/members/{user_id}",
        "/resolve",
        "/git",
    ];
    let is_deleted = route.method == "DELETE" && need.is_none();
    (200..300).contains(&status) && !route.is_safe() && (is_deleted || ends.iter().any(|end| route.path.ends_with(end)))
}

app_test!(
    every_route_gives_each_role_what_the_table_says,
    |config| {
        // More is made here at once than one account may.
        config.rates.costly = 100_000;
        // Without one every delivery is refused because the server lacks something.
        webhooks::with_secret(config);
        allow_private(config);
    },
    |app| {
        let description = routes::description();
        let git = GitServer::start().await;
        git.write("skills/oil/SKILL.md", "# Oil");
        git.commit("First");
        let mut people = People::sign_up(app).await;
        let mut ids = world(&people).await;
        let writes = std::env::var_os("LLMOS_WRITE_TABLE").is_some();
        // What is there need not fit the roles any more.
        let expected = if writes { BTreeMap::new() } else { table() };
        let (mut found, mut wrong) = (String::from(HEAD), Vec::new());
        for route in routes::all() {
            let (mut cells, mut needed) = (Vec::new(), None);
            stay_confirmed(app).await;
            for role in ROLES {
                // Whoever was asked before may have ended this one's sign-in.
                people.back(app, role).await;
                let need = match needed.take() {
                    Some(need) => need,
                    None => need(app, &git, &people, &ids, &route).await,
                };
                let agent = app.program(&ids["agent"]);
                let client = if role == "agent" { &agent } else { &people.clients[role] };
                let (status, got) = ask(client, &route, &ids, need.as_ref(), &description).await;
                if spends(&route, need.as_ref(), status) {
                    for role in ROLES {
                        people.back(app, role).await;
                    }
                    ids = world(&people).await;
                } else if route.is_safe() || !(200..300).contains(&status) {
                    needed = Some(need);
                }
                cells.push(got);
            }
            let name = route.name();
            let _ =
                writeln!(found, "{name:<88} {}", cells.iter().map(|cell| format!("{cell:<5}")).collect::<Vec<_>>().join(" ").trim_end());
            if expected.get(&name) != Some(&cells) {
                wrong.push(format!("{name}: {cells:?}, not {:?}", expected.get(&name).cloned().unwrap_or_default()));
            }
        }
        if writes {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/security/access.txt");
            std::fs::write(path, found).expect("the table can be written");
            return;
        }
        assert!(wrong.is_empty(), "{} lines of access.txt say something else:\n{}", wrong.len(), wrong.join("\n"));
    }
);

const HEAD: &str = "\
# Who gets what (matrix.rs): ok: let in; form: refused for what was sent, whoever asks; login: led to signing in; otherwise the status of the refusal.
# method and route                                                                       anon. ended stran viewe membe agent maint owner moder admin reade write publi full
";

app_test!(a_room_and_a_document_open_for_who_may_see_them, |app| {
    let people = People::sign_up(app).await;
    let ids = world(&people).await;
    let (team, session, artifact) = (&ids["teams"], &ids["sessions"], &ids["artifacts"]);
    for (role, may) in [("stranger", false), ("administrator", false), ("viewer", true), ("member", true), ("owner", true)] {
        let who = &people.clients[role];
        for (room, kind) in [(team, "workspace"), (session, "session"), (artifact, "artifact")] {
            let mut socket = app.socket_of(who).await;
            if may {
                socket.join(room, kind, None).await;
            } else {
                socket.send(json!({ "type": "join_room", "roomId": room, "roomType": kind })).await;
                assert_eq!(socket.until("error").await["code"], "not_found", "{role} and the {kind}");
                // Nothing that is told there reaches who was not let in.
                socket.send(json!({ "type": "broadcast", "roomId": room, "event": { "type": "typing", "sessionId": session } })).await;
                assert_eq!(socket.until("error").await["type"], "error", "{role} and the {kind}");
            }
        }
        let token = app.token_of(who).await;
        let opened = crate::editor::Editor::connect(&app.url, &token, artifact).await;
        assert_eq!(opened.err(), (!may).then_some(4404), "{role} and the document");
    }
    for path in ["/ws/doc/".to_owned() + artifact, "/ws".to_owned()] {
        let refused = app.open(&path, &[("authorization", "Bearer llmos_made-up".to_owned())]).await;
        assert_eq!(refused.err(), Some(401), "{path}");
    }
});

// A job is asked for by one who may, and runs when they no longer may: it finds that out by itself (accounts::service::acting_for).
app_test!(a_job_runs_with_the_rights_that_who_asked_has_when_it_runs, |app| {
    let people = People::sign_up(app).await;
    let ids = world(&people).await;
    let (team, volume) = (&ids["teams"], &ids["volumes"]);
    let (owner, member) = (&people.clients["owner"], &people.clients["member"]);
    // What stands before it in the order of the volume holds it up: an import of many files.
    let many: Vec<(String, String)> = (0..2_000).map(|number| (format!("skills/s{number}/SKILL.md"), format!("# {number}\n"))).collect();
    let many: Vec<(&str, &[u8], u32)> = many.iter().map(|(path, text)| (path.as_str(), text.as_bytes(), 0o644)).collect();
    let first = upload(owner, volume, pack(&many)).await;
    let second = upload(member, volume, pack(&[("skills/smuggled/SKILL.md", b"# Smuggled", 0o644)])).await;
    let (status, _) = owner.delete(&format!("/teams/{team}/members/{}", member.id)).await;
    assert_eq!(status, 204);
    finish(owner, &first).await;
    // Whoever asked does not see the job any more, and nobody finds what it would have brought unless it was done before the right was taken away.
    let id = text(&second["id"]);
    assert_eq!(member.get(&format!("/volumes/{volume}")).await.0, 404);
    let mut state: Option<String> = None;
    for _ in 0..400 {
        let found: Option<String> =
            sqlx::query_scalar("SELECT state FROM jobs WHERE id = $1").bind(&id).fetch_optional(app.state.db.read()).await.expect("a row");
        if found.as_deref().is_none_or(|state| ["done", "failed", "cancelled"].contains(&state)) {
            state = found;
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let (_, library) = owner.get(&format!("/artifacts?volume={volume}&q=smuggled")).await;
    let is_there = library["items"].as_array().is_some_and(|items| items.iter().any(|item| item["slug"] == "smuggled"));
    assert!(state.is_some() && !is_there, "{state:?}: {library}");
});

// What the table is made with works by itself.
app_test!(the_world_of_the_matrix_has_one_of_each_thing, |app| {
    let people = People::sign_up(app).await;
    let ids = world(&people).await;
    let owner = &people.clients["owner"];
    for (what, path) in [
        ("teams", "/teams/"),
        ("volumes", "/volumes/"),
        ("artifacts", "/artifacts/"),
        ("sessions", "/sessions/"),
        ("commits", "/commits/"),
        ("traces", "/traces/"),
        ("thread_id", "/comments/threads/"),
        ("jobs", "/jobs/"),
    ] {
        let id = ids.get(what).unwrap_or_else(|| panic!("the world has no {what}"));
        let (status, got) = owner.get(&format!("{path}{id}")).await;
        assert_eq!(status, 200, "{what}: {got}");
    }
    for what in [
        "item",
        "release_id",
        "key_id",
        "comment_id",
        "task_id",
        "invitation_id",
        "token_id",
        "agents/user_id",
        "views",
        "shares",
        "entry_id",
        "agent",
    ] {
        assert!(ids.contains_key(what), "the world has no {what}");
    }
    let second = text(&create(owner, &ids["volumes"], "oil").await["summary"]["id"]);
    commit(owner, &[(&second, None)], "More").await;
});
