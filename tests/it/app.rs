//! [`TestApp`]: the real router on a port of its own, with a DATA_DIR and a database of its own.
//!
//! ```ignore
//! app_test!(a_team_has_a_name, |app| {
//!     let maya = app.sign_up_first().await;
//!     let (status, team) = maya.post("/teams", json!({ "name": "Harbor" })).await;
//!     assert_eq!(status, 201);
//! });
//! ```
//! makes the tests `a_team_has_a_name::sqlite` and `a_team_has_a_name::postgres`. The latter needs `LLMOS_TEST_POSTGRES`, the
//! address of a server it may make databases on (`scripts/postgres start FOLDER` prints one); without it, it says so, and `scripts/test` counts it.

use std::io::Write as _;

use llmos_lite::server::{
    config::{Config, Links},
    connections,
    db::Db,
    router, serve,
    state::AppState,
    tls, worker,
};
use reqwest::{Method, header::HeaderMap};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const PASSWORD: &str = "correct horse battery";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// See the module's documentation. With a first closure, the configuration is changed before the server starts.
#[macro_export]
macro_rules! app_test {
    ($name:ident, |$app:ident| $body:block) => {
        $crate::app_test!($name, |_config| {}, |$app| $body);
    };
    ($name:ident, |$config:ident| $configure:block, |$app:ident| $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn test($app: &$crate::app::TestApp) {
                $body
            }
            fn configure($config: &mut llmos_lite::server::config::Config) {
                $configure
            }
            #[test]
            fn sqlite() {
                $crate::app::run($crate::app::Engine::Sqlite, configure, async |app| test(app).await);
            }
            #[test]
            fn postgres() {
                $crate::app::run($crate::app::Engine::Postgres, configure, async |app| test(app).await);
            }
        }
    };
}

/// The same beside a stand-in for a service elsewhere: `$service` begins as its default and changes the configuration with its `start`.
#[macro_export]
macro_rules! app_test_beside {
    ($service:ty, $name:ident, |$app:ident, $beside:ident| $body:block) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            fn on(engine: $crate::app::Engine) {
                let service = <$service>::default();
                let started = service.clone();
                $crate::app::run(engine, move |config| started.start(config), async |app| test(app, &service).await);
            }
            async fn test($app: &$crate::app::TestApp, $beside: &$service) {
                $body
            }
            #[test]
            fn sqlite() {
                on($crate::app::Engine::Sqlite);
            }
            #[test]
            fn postgres() {
                on($crate::app::Engine::Postgres);
            }
        }
    };
}

/// Says that a test had nothing to test with, loudly; `scripts/test` counts what is in the file that it names.
pub fn skipped(without: &str, advice: &str) {
    eprintln!("\n!!! SKIPPED: there is no {without} to test with: {advice}\n");
    if let Some(path) = std::env::var_os("LLMOS_TEST_SKIPPED") {
        let file = std::fs::File::options().create(true).append(true).open(path);
        // One write for each line: tests run at the same time.
        file.and_then(|mut file| file.write_all(format!("{without}\n").as_bytes())).expect("the list of skipped tests can be written");
    }
}

pub fn run(engine: Engine, configure: impl FnOnce(&mut Config), test: impl AsyncFnOnce(&TestApp)) {
    on(engine, async |database| {
        let app = TestApp::start(database, configure).await;
        test(&app).await;
        app.stop().await;
    });
}

/// Runs a test with a new database where the engine is PostgreSQL; without a server to make it on, says so.
pub fn on(engine: Engine, test: impl AsyncFnOnce(Option<PostgresDatabase>)) {
    let server = std::env::var("LLMOS_TEST_POSTGRES").ok();
    if engine == Engine::Postgres && server.is_none() {
        skipped("PostgreSQL", "set LLMOS_TEST_POSTGRES (scripts/postgres start FOLDER prints it)");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let database = match (engine, server) {
            (Engine::Postgres, Some(server)) => Some(PostgresDatabase::create(&server).await),
            _ => None,
        };
        test(database).await;
    });
}

/// Without the certificates of the machine: nothing here speaks TLS, and to read them takes longer than most requests.
fn plain_http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().tls_certs_only([]).redirect(reqwest::redirect::Policy::none())
}

/// A running server.
pub struct TestApp {
    pub state: AppState,
    /// `http://127.0.0.1:port`
    pub url: String,
    data_dir: TempDir,
    database: Option<PostgresDatabase>,
}

impl TestApp {
    /// Starts one; without a database of PostgreSQL on a file of its own, unless `configure` says otherwise.
    pub async fn start(database: Option<PostgresDatabase>, configure: impl FnOnce(&mut Config)) -> Self {
        let data_dir = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::from_sources(&|_| None, "").expect("the built-in configuration is valid");
        config.data_dir = data_dir.path().to_owned();
        config.database_url = match &database {
            Some(database) => database.url(),
            None => format!("sqlite:{}", data_dir.path().join("llmos.sqlite").display()),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        config.addr = listener.local_addr().expect("an address");
        // There is no network to look at.
        config.market_links = Links::Unlooked;
        configure(&mut config);
        crate::security::logs::watch(&config);
        let url = format!("http://{}", config.addr);
        let state = serve::prepare(config).await.expect("the server starts");
        let app = router::router(state.clone());
        serve::local_socket(&state, app.clone()).expect("the local socket");
        tokio::spawn(worker::work(state.clone()));
        tokio::spawn(connections::serve(tls::listen(listener, None), app, state.clone()));
        Self { state, url, data_dir, database }
    }

    pub async fn stop(self) {
        self.state.shutdown.cancel();
        self.state.cluster.leave(&self.state.db).await;
        self.state.db.close().await;
        if let Some(database) = self.database {
            database.drop().await;
        }
        drop(self.data_dir);
    }

    /// A browser that nobody has signed in with; it keeps cookies and follows no redirects.
    pub fn visitor(&self) -> Client {
        let http = plain_http()
            .cookie_store(true)
            .user_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
            .build()
            .expect("a client");
        Client { http, url: self.url.clone(), token: None, id: String::new() }
    }

    /// A program with an API token.
    pub fn program(&self, token: &str) -> Client {
        let http = plain_http().user_agent("curl/8.9.1").build().expect("a client");
        Client { http, url: self.url.clone(), token: Some(token.to_owned()), id: String::new() }
    }

    /// The first visit: Maya, the administrator.
    pub async fn sign_up_first(&self) -> Client {
        self.register("Maya Chen", "maya@harbor.internal", None).await
    }

    /// A further account, named after its address; registration is opened for it if it is closed.
    pub async fn sign_up(&self, administrator: &Client, email: &str) -> Client {
        let (status, _) = administrator.patch("/admin/settings", json!({ "openRegistration": true })).await;
        assert_eq!(status, 200);
        let name = email.split('@').next().unwrap_or(email);
        self.register(name, email, None).await
    }

    /// Signs up in a new browser.
    pub async fn register(&self, name: &str, email: &str, invitation: Option<&str>) -> Client {
        let mut client = self.visitor();
        let body = json!({ "name": name, "email": email, "password": PASSWORD, "invitation": invitation });
        let (status, me) = client.post("/sign-up", body).await;
        assert_eq!(status, 201, "{me}");
        client.id = text(&me["person"]["id"]);
        client
    }

    /// Signs in in a new browser.
    pub async fn sign_in(&self, email: &str) -> Client {
        let mut client = self.visitor();
        let (status, me) = client.post("/sign-in", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(status, 200, "{me}");
        client.id = text(&me["person"]["id"]);
        client
    }

    /// Makes an API token for `owner` and a program that has it.
    pub async fn client_with_token(&self, owner: &Client, scopes: &[&str]) -> Client {
        let (status, made) = owner.post("/me/tokens", json!({ "name": "test", "scopes": scopes, "expiresInDays": 7 })).await;
        assert_eq!(status, 201, "{made}");
        Client { id: owner.id.clone(), ..self.program(&text(&made["secret"])) }
    }

    /// A further account that is in `team` with `role`, by invitation.
    pub async fn join(&self, owner: &Client, team: &str, role: &str, email: &str) -> Client {
        let secret = owner.invite(team, role).await;
        let name = email.split('@').next().unwrap_or(email);
        self.register(name, email, Some(&secret)).await
    }
}

/// The text of a JSON string.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a string, not {value}")).to_owned()
}

/// The last part of a link: its secret.
pub fn secret_of(link: &Value) -> String {
    text(link).rsplit('/').next().unwrap_or_default().to_owned()
}

/// Somebody who talks to the server.
pub struct Client {
    pub http: reqwest::Client,
    pub url: String,
    pub token: Option<String>,
    /// The account's id, once signed in.
    pub id: String,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Client {
    /// The same, who talks to another server.
    pub fn at(&self, app: &TestApp) -> Self {
        Self { http: self.http.clone(), url: app.url.clone(), token: self.token.clone(), id: self.id.clone() }
    }

    /// A request to any address of the server, to be completed and given to [`answer`](Self::answer).
    pub fn request(&self, method: Method, address: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{address}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn answer(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_default();
        crate::security::logs::learn(&headers, &text);
        Answer { status, headers, text }
    }

    /// A request below `/api/v1`; the body is sent unless it is null.
    pub async fn json(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.request(method, &format!("/api/v1{path}"));
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = self.answer(request).await;
        (answer.status, answer.json())
    }
    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.json(Method::GET, path, Value::Null).await
    }
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.json(Method::POST, path, body).await
    }
    pub async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        self.json(Method::PATCH, path, body).await
    }
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.json(Method::DELETE, path, Value::Null).await
    }

    /// Makes a team; its id.
    pub async fn team(&self, name: &str) -> String {
        let (status, team) = self.post("/teams", json!({ "name": name })).await;
        assert_eq!(status, 201, "{team}");
        text(&team["id"])
    }

    /// Makes an invitation of one use; its secret.
    pub async fn invite(&self, team: &str, role: &str) -> String {
        let body = json!({ "role": role, "maxUses": 1, "expiresInDays": 7 });
        let (status, made) = self.post(&format!("/teams/{team}/invitations"), body).await;
        assert_eq!(status, 201, "{made}");
        secret_of(&made["url"])
    }
}

/// A database of one test, made from a template that has the migrations already.
pub struct PostgresDatabase {
    server: String,
    name: String,
}

/// So that only one process makes the template.
const TEMPLATE_LOCK: i64 = 0x11_05;

impl PostgresDatabase {
    pub async fn create(server: &str) -> Self {
        sqlx::any::install_default_drivers();
        let template = template_name();
        let mut connection = AnyConnection::connect(server).await.expect("LLMOS_TEST_POSTGRES can be reached");
        sqlx::query("SELECT pg_advisory_lock($1)").bind(TEMPLATE_LOCK).execute(&mut connection).await.expect("the lock");
        let exists: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_database WHERE datname = $1")
            .bind(template.as_str())
            .fetch_one(&mut connection)
            .await
            .expect("the list of databases");
        if exists == 0 {
            // Made under another name first: a run that was stopped half-way leaves no half template.
            let staged = format!("{template}_{}", uuid::Uuid::now_v7().simple());
            execute(&mut connection, format!("CREATE DATABASE {staged}")).await;
            Db::open(&address(server, &staged)).await.expect("the migrations run").close().await;
            execute(&mut connection, format!("ALTER DATABASE {staged} RENAME TO {template}")).await;
        }
        sqlx::query("SELECT pg_advisory_unlock($1)").bind(TEMPLATE_LOCK).execute(&mut connection).await.expect("the lock");
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        // Copied as files: half the time of copying them through the log, which nobody reads.
        execute(&mut connection, format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")).await;
        connection.close().await.expect("closes");
        Self { server: server.to_owned(), name }
    }

    /// Another one on the same server, without anything in it.
    pub async fn empty(&self) -> Self {
        let mut connection = AnyConnection::connect(&self.server).await.expect("LLMOS_TEST_POSTGRES can be reached");
        let name = format!("test_{}", uuid::Uuid::now_v7().simple());
        execute(&mut connection, format!("CREATE DATABASE {name}")).await;
        connection.close().await.expect("closes");
        Self { server: self.server.clone(), name }
    }

    pub fn url(&self) -> String {
        address(&self.server, &self.name)
    }

    pub async fn drop(self) {
        let mut connection = AnyConnection::connect(&self.server).await.expect("LLMOS_TEST_POSTGRES can be reached");
        execute(&mut connection, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)).await;
    }
}

async fn execute(connection: &mut AnyConnection, sql: String) {
    sqlx::query(AssertSqlSafe(sql.clone())).execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// The address of another database of the same server.
fn address(server: &str, database: &str) -> String {
    let (host, _) = server.rsplit_once('/').expect("an address that ends with a database");
    format!("{host}/{database}")
}

/// Another template for other migrations.
fn template_name() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
    let mut files: Vec<_> = std::fs::read_dir(folder).expect("migrations").filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let bytes: Vec<u8> = files.iter().flat_map(|file| std::fs::read(file).expect("a migration")).collect();
    format!("template_{}", &llmos_lite::server::secrets::sha256(&bytes)[..16])
}
