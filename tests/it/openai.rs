//! Search with OpenAI's vectors, against a stand-in that speaks like `POST /embeddings`, with its failures.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
};

use axum::{Router, extract::State, http::HeaderMap, response::IntoResponse, routing::post};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    app::{Client, Engine, TestApp, run, text},
    volumes::{commit, create, save, volume},
};
use llmos_lite::{
    features::search::service::near_documents,
    server::{
        config::{Config, EmbeddingBackend},
        context::Ctx,
    },
};

/// What the service does next, and what it heard.
#[derive(Clone)]
struct Service {
    /// The status that it answers with; 0 for an answer that is none.
    status: Arc<AtomicU16>,
    requests: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// A key, and the texts that came with it.
type Heard = (String, Vec<String>);

const NONSENSE: u16 = 0;

impl Service {
    fn new() -> Self {
        Self { status: Arc::new(AtomicU16::new(200)), requests: Arc::default(), heard: Arc::default() }
    }

    /// Starts on a thread of the server's, and points the configuration to it.
    fn start(&self, config: &mut Config) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("non-blocking");
        config.embedding_backend = EmbeddingBackend::OpenAi;
        config.openai_base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let router = Router::new().route("/v1/embeddings", post(embeddings)).with_state(self.clone());
        tokio::spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await
        });
    }

    fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    fn keys_of(&self, part: &str) -> Vec<String> {
        let heard = self.heard.lock().expect("not poisoned");
        heard.iter().filter(|(_, texts)| texts.iter().any(|text| text.contains(part))).map(|(key, _)| key.clone()).collect()
    }
}

/// A vector of 384 numbers: each word turns one of them on, and words of ships count as one.
fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.001; 384];
    for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2) {
        let word = if ["schooner", "vessel", "brig"].contains(&word) { "ship" } else { word };
        vector[word.bytes().fold(7_usize, |hash, byte| (hash * 31 + usize::from(byte)) % 384)] += 1.0;
    }
    vector
}

async fn embeddings(State(service): State<Service>, headers: HeaderMap, axum::Json(body): axum::Json<Value>) -> impl IntoResponse {
    service.requests.fetch_add(1, Ordering::SeqCst);
    let key = headers["authorization"].to_str().unwrap_or_default().trim_start_matches("Bearer ").to_owned();
    let texts: Vec<String> = body["input"].as_array().into_iter().flatten().map(text).collect();
    if key == "sk-revoked-key" {
        return (StatusCode::UNAUTHORIZED, axum::Json(json!({ "error": { "message": "Incorrect API key provided" } })));
    }
    let status = service.status.load(Ordering::SeqCst);
    if status == NONSENSE {
        return (StatusCode::OK, axum::Json(json!({ "object": "list", "data": [{ "index": 5, "embedding": "?" }] })));
    }
    if status != 200 {
        return (StatusCode::from_u16(status).expect("a status"), axum::Json(json!({ "error": { "message": "later" } })));
    }
    assert_eq!((&body["model"], &body["dimensions"]), (&json!("text-embedding-3-small"), &json!(384)));
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .rev()
        .map(|(index, text)| json!({ "object": "embedding", "index": index, "embedding": vector(text) }))
        .collect();
    service.heard.lock().expect("not poisoned").push((key, texts));
    (StatusCode::OK, axum::Json(json!({ "object": "list", "data": data })))
}

async fn written(client: &Client, volume: &str, name: &str, body: &str) {
    let made = create(client, volume, name).await;
    let id = text(&made["summary"]["id"]);
    let words = format!("---\nname: {name}\ndescription: Of {name}.\n---\n\n{body}\n");
    assert_eq!(save(client, &id, &words, made["draft"]["saves"].as_i64().unwrap_or_default()).await.0, 200);
    commit(client, &[(&id, None)], "Write").await;
}

async fn status(app: &TestApp) -> Value {
    app.visitor().request(reqwest::Method::GET, "/readyz").send().await.expect("an answer").json().await.expect("JSON")
}

async fn until(app: &TestApp, what: &str, is_so: impl Fn(&Value) -> bool) {
    for _ in 0..1_000 {
        if is_so(&status(app).await["search"]) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("never {what}: {}", status(app).await);
}

async fn ask(client: &Client, query: &str) -> Value {
    let (status, page) = client.get(&format!("/search?limit=1&q={query}")).await;
    assert_eq!(status, 200, "{page}");
    page
}

#[test]
fn what_openai_embeds_is_found_by_meaning_and_by_words_while_it_is_away() {
    let service = Service::new();
    let configure = |config: &mut Config| {
        service.start(config);
        config.openai_api_key = Some("sk-of-the-server".to_owned());
    };
    run(Engine::Sqlite, configure, async |app| away(app, &service).await);
}

async fn away(app: &TestApp, service: &Service) {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    written(&maya, &own, "caulking", "Keep the schooner dry. Write to maya@harbor.example about it.").await;
    ask(&maya, "caulking").await;
    until(app, "embedded", |search| search["waiting"] == 0 && search["meaning"] == "ready").await;
    let page = ask(&maya, "vessel%20ship").await;
    assert_eq!((&page["hits"][0]["slug"], &page["semantic"]), (&json!("caulking"), &json!(true)), "{page}");
    assert_eq!(service.keys_of("schooner"), ["sk-of-the-server"], "once, and with this key");
    assert!(service.keys_of("maya@").is_empty(), "addresses do not leave");

    // Away, limited, and out of its mind: words do, and say so; nobody waits for it a second time.
    for failing in [503, 429, NONSENSE] {
        service.answer_with(failing);
        let page = ask(&maya, &format!("caulking%20in%20year%20{failing}")).await;
        assert_eq!((&page["hits"][0]["slug"], &page["semantic"]), (&json!("caulking"), &json!(false)), "{page}");
        assert_eq!(status(app).await["search"]["meaning"], "away");
        let asked = service.requests.load(Ordering::SeqCst);
        ask(&maya, &format!("another%20question%20{failing}")).await;
        assert_eq!(service.requests.load(Ordering::SeqCst), asked);
        service.answer_with(200);
        until(app, "back", |search| search["meaning"] == "ready").await;
        assert_eq!(ask(&maya, &format!("a%20vessel%20of%20{failing}")).await["semantic"], true);
    }
    service.answer_with(503);
    ask(&maya, "one%20more").await;
    written(&maya, &own, "rigging", "Splice the brig's halyards.").await;
    assert_eq!(ask(&maya, "halyards").await["hits"][0]["slug"], "rigging");

    // It comes back by itself.
    service.answer_with(200);
    until(app, "embedded again", |search| search["waiting"] == 0 && search["meaning"] == "ready").await;
    assert!(!service.keys_of("halyards").is_empty());
}

#[test]
fn vectors_lie_in_postgresql_where_pgvector_is() {
    let service = Service::new();
    let configure = |config: &mut Config| {
        service.start(config);
        config.openai_api_key = Some("sk-of-the-server".to_owned());
    };
    run(Engine::Postgres, configure, async |app| pgvector(app).await);
}

async fn pgvector(app: &TestApp) {
    let count = async |sql: &'static str| sqlx::query_scalar::<_, i64>(sql).fetch_one(app.state.db.read()).await.expect("a number");
    if count("SELECT COUNT(*) FROM pg_extension WHERE extname = 'vector'").await == 0 {
        crate::app::skipped("pgvector", "scripts/postgres brings a PostgreSQL that has it");
        return;
    }
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    written(&maya, &own, "caulking", "Keep the schooner dry.").await;
    written(&maya, &own, "lanterns", "Trim the wicks.").await;
    ask(&maya, "caulking").await;
    until(app, "embedded", |search| search["waiting"] == 0 && search["meaning"] == "ready").await;
    let (_, found) = maya.get("/search?limit=1&q=vessel%20ship").await;
    assert_eq!(found["hits"][0]["slug"], "caulking", "{found}");
    // The nearest passage of those in this volume, as the database says.
    let numbers: Vec<String> = vector("a vessel, a ship").iter().map(f32::to_string).collect();
    let nearest: String =
        sqlx::query_scalar("SELECT source FROM passage_vectors WHERE scope = $1 ORDER BY embedding <=> CAST($2 AS vector) LIMIT 1")
            .bind(own.as_str())
            .bind(format!("[{}]", numbers.join(",")))
            .fetch_one(app.state.db.read())
            .await
            .expect("a row");
    assert_eq!(nearest, text(&found["hits"][0]["id"]));
    // Asked as a large installation asks: what may be read is found behind whatever lies nearer and may not be.
    sqlx::query(
        "INSERT INTO passage_vectors (model, source, passage, scope, state, embedding) SELECT m.model, 'other ' || g, 0, 'elsewhere', '0', CAST($1 AS vector) \
         FROM (SELECT DISTINCT model FROM passage_vectors) m, generate_series(1, 3000) g",
    )
    .bind(format!("[{}]", numbers.join(",")))
    .execute(app.state.db.read())
    .await
    .expect("stored");
    let scope = llmos_search::Scope(own.parse::<uuid::Uuid>().expect("an id").as_u128());
    let ctx = Ctx::internal(app.state.clone(), None);
    let near = near_documents(&ctx, &[scope], &vector("a vessel, a ship")).await.expect("the database answers");
    let near: HashSet<String> = near.into_iter().map(|id| uuid::Uuid::from_u128(id.0).to_string()).collect();
    let own_ids = "SELECT COUNT(DISTINCT source) FROM passage_vectors WHERE scope <> 'elsewhere' AND scope = (SELECT scope FROM passage_vectors WHERE source = $1 LIMIT 1)";
    let all: i64 = sqlx::query_scalar(own_ids).bind(nearest.as_str()).fetch_one(app.state.db.read()).await.expect("a number");
    assert!(near.contains(&nearest) && near.len() == 2 && all == 2, "{near:?} of {all}");
    sqlx::query("DELETE FROM passage_vectors WHERE scope = 'elsewhere'").execute(app.state.db.read()).await.expect("removed");
    // Another text takes the place of the one before.
    let before = count("SELECT COUNT(*) FROM passage_vectors").await;
    let (_, now) = maya.get(&format!("/artifacts/{nearest}")).await;
    assert_eq!(save(&maya, &nearest, &text(&now["text"]).replace("schooner", "brig"), 0).await.0, 200);
    commit(&maya, &[(&nearest, Some(&text(&now["head"]["id"])))], "Another ship").await;
    ask(&maya, "brig").await;
    until(app, "embedded again", |search| search["waiting"] == 0).await;
    assert_eq!(count("SELECT COUNT(*) FROM passage_vectors").await, before);
    assert_eq!(count("SELECT COUNT(DISTINCT state) - COUNT(DISTINCT source) FROM passage_vectors").await, 0);
}

#[test]
fn a_teams_own_key_pays_for_its_texts_and_is_never_shown() {
    let service = Service::new();
    run(Engine::Sqlite, |config| service.start(config), async |app| own_key(app, &service).await);
}

async fn set(client: &Client, path: &str, key: &str) -> (u16, Value) {
    client.json(reqwest::Method::PUT, &format!("{path}/openai"), json!({ "key": key })).await
}

async fn own_key(app: &TestApp, service: &Service) {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let ines = app.join(&maya, &team, "member", "ines@harbor.internal").await;
    let path = format!("/teams/{team}/keys");
    assert_eq!(ines.get(&path).await.0, 403);
    assert_eq!(set(&ines, &path, "sk-of-ines-1234").await.0, 403);
    let (_, none) = maya.get(&path).await;
    assert_eq!((&none[0]["provider"], &none[0]["hint"]), (&json!("openai"), &Value::Null));
    assert_eq!(set(&maya, &path, "no spaces, please").await.0, 400);
    let (code, kept) = set(&maya, &path, "sk-of-harbor-9876").await;
    assert_eq!((code, &kept["hint"], &kept["usable"]), (200, &json!("9876"), &json!(true)), "{kept}");
    assert!(!maya.get(&path).await.1.to_string().contains("sk-of"));
    let (_, log) = maya.get(&format!("/teams/{team}/audit")).await;
    assert!(log.to_string().contains("team.key_set") && !log.to_string().contains("sk-of"), "{log}");
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM team_keys").fetch_one(app.state.db.read()).await.expect("a row");
    assert!(!sealed.windows(5).any(|part| part == b"sk-of"));

    let (_, volumes) = maya.get("/volumes").await;
    let shared = text(&volumes.as_array().expect("volumes").iter().find(|volume| volume["team"] == team).expect("it has one")["id"]);
    written(&maya, &shared, "lanterns", "Trim the wicks.").await;
    ask(&maya, "wicks").await;
    for _ in 0..500 {
        if !service.keys_of("wicks").is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(service.keys_of("wicks").iter().all(|key| key == "sk-of-harbor-9876") && !service.keys_of("wicks").is_empty());
    // What belongs to nobody with a key is not sent.
    let own = volume(&maya, "user").await;
    written(&maya, &own, "diary", "Of gulls and terns.").await;
    assert_eq!(ask(&maya, "terns").await["hits"][0]["slug"], "diary");
    assert!(service.keys_of("gulls").is_empty());
    assert_eq!(maya.delete(&format!("{path}/openai")).await.0, 204);
    assert_eq!(maya.get(&path).await.1[0]["hint"], Value::Null);
}
