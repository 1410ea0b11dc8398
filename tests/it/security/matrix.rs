//! Who gets what: every route in every role, with real ids of a team that is not the asker's. `access.txt` is the table, one line a route.
//!
//! A cell is `ok` where the caller is let in (also where what was sent does not fit then), `login` where a page leads to signing in, otherwise the status of the
//! refusal. `LLMOS_WRITE_TABLE=1` writes what was found in place of the table; the rules below hold for whatever stands in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::{
        Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use reqwest::{Method, multipart::Form};
use serde_json::{Value, json};

use super::routes::{self, Body, Ids, Route};
use crate::{
    app::{Client, PASSWORD, TestApp, secret_of, text},
    import::{finish, pack},
    marketplace::{Publisher, skill, team_volume},
    sessions::{begin, say},
    traces::send,
    volumes::{commit, committed, create},
};

const TABLE: &str = include_str!("access.txt");

/// From least to most. An owner of the team, who has published something too; `administrator`, and `moderator` of the marketplace: of the server, not in the team; `reader`, `writer`: API
/// tokens of the owner that may only read, and write as well; `ended`: the cookie of a sign-in of the owner that has expired.
const ROLES: [&str; 11] =
    ["anonymous", "ended", "stranger", "viewer", "member", "maintainer", "owner", "moderator", "administrator", "reader", "writer"];

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
        if cells.iter().any(|cell| cell == "form") {
            continue;
        }
        let ranked: Vec<bool> = ["viewer", "member", "maintainer", "owner"].iter().map(|role| cell(&cells, role) == "ok").collect();
        assert!(ranked.is_sorted(), "{name}: {cells:?}");
        // A refusal for want of a role says so; it hides nothing from who sees the thing.
        assert!(cell(&cells, "stranger") != "ok" || cell(&cells, "viewer") == "ok", "{name}: {cells:?}");
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
            assert!(["404", "form"].contains(&cell(&cells, "stranger")), "{name}: {cells:?}");
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

/// Everybody in a role, each in a browser or with a token of their own.
pub struct People {
    pub clients: BTreeMap<&'static str, Client>,
    /// What is public in the marketplace, as its owner made it: the name and the release.
    published: Mutex<Option<(String, String)>>,
    keys: AtomicU8,
}

impl People {
    pub async fn sign_up(app: &TestApp) -> Self {
        let administrator = app.sign_up_first().await;
        let mut clients = BTreeMap::new();
        for role in ["stranger", "viewer", "member", "maintainer", "owner", "moderator"] {
            clients.insert(role, app.sign_up(&administrator, &format!("{role}@harbor.internal")).await);
        }
        let moderator = format!("/admin/users/{}", clients["moderator"].id);
        assert_eq!(administrator.patch(&moderator, json!({ "moderator": true })).await.0, 200);
        let reader = app.client_with_token(&clients["owner"], &["read"]).await;
        let writer = app.client_with_token(&clients["owner"], &["read", "write"]).await;
        clients.extend([("anonymous", app.visitor()), ("ended", ended(app).await), ("administrator", administrator)]);
        clients.extend([("reader", reader), ("writer", writer)]);
        stay_confirmed(app).await;
        Self { clients, published: Mutex::default(), keys: AtomicU8::new(1) }
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
        // A key of its own for each: the one before may have been taken back.
        let publisher = Publisher::new(client, self.keys.fetch_add(1, Ordering::Relaxed)).await;
        let slug = format!("lamp-{:08x}", fastrand::u32(..));
        let release = publisher.publish(&self.clients["administrator"], skill(&slug, "1.0.0", "Trim the wicks.")).await;
        *self.published.lock().expect("not poisoned") = Some((slug.clone(), release.clone()));
        (slug, release)
    }

    /// Signs in again whoever has ended their own sign-in.
    async fn back(&mut self, app: &TestApp, role: &'static str) {
        if ["anonymous", "ended", "reader", "writer"].contains(&role) || self.clients[role].get("/me").await.0 == 200 {
            return;
        }
        let email = if role == "administrator" { "maya@harbor.internal".to_owned() } else { format!("{role}@harbor.internal") };
        self.clients.insert(role, app.sign_in(&email).await);
        stay_confirmed(app).await;
    }
}

/// What is asked here takes longer than a proof counts.
async fn stay_confirmed(app: &TestApp) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE sign_ins SET confirmed_at = 4000000000000").execute(&mut *tx).await.expect("updates");
    tx.commit().await.expect("committed");
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
    let token = json!({ "name": "x", "scopes": ["read"], "expiresInDays": 1 });
    let (_, token) = owner.post(&format!("/teams/{team}/agents/{agent}/tokens"), token).await;
    let import = upload(owner, &volume, pack(&[("skills/oil/SKILL.md", b"# Oil", 0o644)])).await;
    finish(owner, &import).await;
    let kept = json!({ "name": "Ours", "query": { "team": team }, "teamId": team });
    let (_, view) = owner.post("/analytics/views", kept).await;
    let (_, share) = owner.post("/analytics/shares", json!({ "name": "x", "query": { "team": team }, "days": 1 })).await;
    let (listing, release) = people.publish().await;
    let (_, keys) = owner.get("/marketplace/keys").await;
    let id = |value: &Value| value["id"].as_str().unwrap_or_default().to_owned();
    [
        ("item", listing.clone()),
        ("marketplace/slug", listing),
        ("release_id", release),
        ("key_id", id(&keys[0])),
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

async fn ask(client: &Client, route: &Route, ids: &Ids, description: &Value) -> (u16, String) {
    let address = routes::address(route, ids);
    let request = client.request(route.method.parse().expect("a method"), &address);
    let request = if route.is_page() { request.header("accept", "text/html") } else { request };
    let request = match routes::body(route, description, ids) {
        Some(Body::Json(body)) => request.json(&body),
        Some(Body::Bytes(kind, bytes)) => request.header("content-type", kind).body(bytes),
        Some(Body::Multipart) => request.multipart(Form::new().text("x", "x")),
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

/// After which the thing is gone or changed so that the next role would meet another one.
fn spends(route: &Route, status: u16) -> bool {
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
    ];
    (200..300).contains(&status) && !route.is_safe() && (route.method == "DELETE" || ends.iter().any(|end| route.path.ends_with(end)))
}

app_test!(
    every_route_gives_each_role_what_the_table_says,
    |config| {
        // Without one every delivery is refused because the server lacks something.
        config.webhook_secrets = vec!["a secret that GitHub has as well".to_owned()];
    },
    |app| {
        let description = routes::description();
        let mut people = People::sign_up(app).await;
        let mut ids = world(&people).await;
        let expected = table();
        let (mut found, mut wrong) = (String::from(HEAD), Vec::new());
        for route in routes::all() {
            let mut cells = Vec::new();
            for role in ROLES {
                // Whoever was asked before may have ended this one's sign-in.
                people.back(app, role).await;
                let (status, got) = ask(&people.clients[role], &route, &ids, &description).await;
                if spends(&route, status) {
                    for role in ROLES {
                        people.back(app, role).await;
                    }
                    ids = world(&people).await;
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
        if std::env::var_os("LLMOS_WRITE_TABLE").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/security/access.txt");
            std::fs::write(path, found).expect("the table can be written");
            return;
        }
        assert!(wrong.is_empty(), "{} lines of access.txt say something else:\n{}", wrong.len(), wrong.join("\n"));
    }
);

const HEAD: &str = "\
# Who gets what (matrix.rs): ok: let in; form: refused for what was sent, whoever asks; login: led to signing in; otherwise the status of the refusal.
# method and route                                                                       anon. ended stran viewe membe maint owner moder admin reade write
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
    ] {
        assert!(ids.contains_key(what), "the world has no {what}");
    }
    let second = text(&create(owner, &ids["volumes"], "oil").await["summary"]["id"]);
    commit(owner, &[(&second, None)], "More").await;
});
