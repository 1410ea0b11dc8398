//! The real binary as a process, for what a server inside the test's own process cannot show: kills, limits, system calls.
//!
//! [`process_test!`](crate::process_test) runs a test on both engines, each with a [`Disk`] that outlives its processes. A test of the
//! file itself (its lock, its size, when it is fsynced) is one of SQLite by nature and starts its process on a folder.

use std::{
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::{Engine, PostgresDatabase, on};

/// What a server keeps: its folder, and its database where that is not a file in it.
pub struct Disk {
    folder: TempDir,
    database: Option<PostgresDatabase>,
}

impl Disk {
    /// A file below DATA_DIR.
    pub fn file(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    /// Where its database is.
    pub fn database_url(&self) -> String {
        self.database.as_ref().map_or_else(|| format!("sqlite:{}", self.file("llmos.sqlite").display()), PostgresDatabase::url)
    }

    /// Starts a server that goes on with what is there; see [`Process::start`].
    pub async fn start(&self, wrapper: &[&str]) -> Process {
        self.start_with(wrapper, &[]).await
    }

    /// The same with more in its environment.
    pub async fn start_with(&self, wrapper: &[&str], environment: &[(&str, &str)]) -> Process {
        let url = self.database.as_ref().map(PostgresDatabase::url);
        let environment: Vec<_> = url.as_deref().map(|url| ("DATABASE_URL", url)).into_iter().chain(environment.iter().copied()).collect();
        Process::start_with(self.folder.path(), wrapper, &environment).await
    }
}

/// Runs a test that starts and kills processes as it likes.
pub fn run(engine: Engine, test: impl AsyncFnOnce(&Disk)) {
    on(engine, async |database| {
        let disk = Disk { folder: TempDir::new().expect("a folder"), database };
        test(&disk).await;
        if let Some(database) = disk.database {
            database.drop().await;
        }
    });
}

/// `process_test!(name, |disk| { … })` makes the tests `name::sqlite` and `name::postgres`.
#[macro_export]
macro_rules! process_test {
    ($name:ident, |$disk:ident| $body:block) => {
        mod $name {
            use super::*;

            async fn test($disk: &$crate::process::Disk) {
                $body
            }
            #[test]
            fn sqlite() {
                $crate::process::run($crate::app::Engine::Sqlite, async |disk| test(disk).await);
            }
            #[test]
            fn postgres() {
                $crate::process::run($crate::app::Engine::Postgres, async |disk| test(disk).await);
            }
        }
    };
}

pub struct Process {
    child: Child,
    pub base: String,
}

impl Process {
    /// Starts the server on `data` with SQLite, below `wrapper` (a tool and its arguments) if there is one.
    pub async fn start(data: &Path, wrapper: &[&str]) -> Self {
        Self::start_with(data, wrapper, &[]).await
    }

    /// The same with more in its environment.
    pub async fn start_with(data: &Path, wrapper: &[&str], environment: &[(&str, &str)]) -> Self {
        let (log, environment) = kept_log(environment);
        Self::begin(data, wrapper, &environment, log).await
    }

    /// The same; what it logs goes to a file.
    pub async fn start_logging(data: &Path, log: &Path, environment: &[(&str, &str)]) -> Self {
        Self::begin(data, &[], environment, std::fs::File::create(log).expect("a log").into()).await
    }

    async fn begin(data: &Path, wrapper: &[&str], environment: &[(&str, &str)], log: Stdio) -> Self {
        let process = Self::spawn(data, wrapper, &free_address(), environment, log);
        process.answers().await;
        process
    }

    /// Starts the server to listen at `address`, and waits until it answers.
    pub async fn start_at(data: &Path, address: &str, environment: &[(&str, &str)]) -> Self {
        let (log, environment) = kept_log(environment);
        let process = Self::spawn(data, &[], address, &environment, log);
        process.answers().await;
        process
    }

    async fn answers(&self) {
        let began = Instant::now();
        let client = Client::new();
        while client.get(format!("{}/healthz", self.base)).send().await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(60), "the server answers");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts the server to listen at `address`, and waits for nothing.
    pub fn spawn(data: &Path, wrapper: &[&str], address: &str, environment: &[(&str, &str)], log: Stdio) -> Self {
        let binary = env!("CARGO_BIN_EXE_llmos");
        let mut command = match wrapper {
            [] => Command::new(binary),
            [tool, arguments @ ..] => {
                let mut command = Command::new(tool);
                command.args(arguments).arg(binary);
                command
            }
        };
        let child = command
            .arg("serve")
            .current_dir(data)
            .env("DATA_DIR", data)
            .env("LEPTOS_SITE_ADDR", address)
            .env("RUST_LOG", "error")
            .env_remove("DATABASE_URL")
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        Self { child, base: format!("http://{address}") }
    }

    /// Its number: of a wrapper that became the server, the server's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the server. Under strace it is a child of the child, which then ends by itself and writes the rest of its log.
    pub fn kill(mut self) {
        let id = self.child.id().to_string();
        let traced = Command::new("pkill").args(["-KILL", "-P", &id]).status().is_ok_and(|status| status.success());
        if !traced {
            self.child.kill().expect("it can be killed");
        }
        self.child.wait().expect("it ends");
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Asks the server to stop, and waits until it has.
    pub async fn stop(mut self) -> ExitStatus {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().expect("kill is there");
        assert!(asked.success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                return status;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the server stops by itself");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The answer of `/api/v1`, or `None` when the server died before it.
    pub async fn call(&self, client: &Client, method: Method, path: &str, body: Value) -> Option<(u16, Value)> {
        call(&self.base, client, method, path, body).await
    }
}

/// Where a server's log goes, and what it logs: where `scripts/test` looks through them for secrets, everything into a file of the folder that it names.
fn kept_log<'a>(environment: &[(&'a str, &'a str)]) -> (Stdio, Vec<(&'a str, &'a str)>) {
    let Some(folder) = std::env::var_os("LLMOS_TEST_LOGS") else { return (Stdio::inherit(), environment.to_vec()) };
    let file = Path::new(&folder).join(format!("{}.log", uuid::Uuid::now_v7()));
    let log = std::fs::File::create(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    (log.into(), [("RUST_LOG", "info,llmos_lite=debug")].into_iter().chain(environment.iter().copied()).collect())
}

/// An address that nobody listens on.
pub fn free_address() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
    format!("127.0.0.1:{port}")
}

pub async fn call(base: &str, client: &Client, method: Method, path: &str, body: Value) -> Option<(u16, Value)> {
    let response = client.request(method, format!("{base}/api/v1{path}")).json(&body).send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
}

/// The same, asked again while the answer is 503, as the browser does: nothing was changed then.
pub async fn call_patiently(base: &str, client: &Client, method: Method, path: &str, body: Value) -> Option<(u16, Value)> {
    for _ in 0..100 {
        match call(base, client, method.clone(), path, body.clone()).await? {
            (503, _) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            answer => return Some(answer),
        }
    }
    call(base, client, method, path, body).await
}

/// A client that keeps its login cookie.
pub fn browser() -> Client {
    Client::builder().cookie_store(true).build().expect("a client")
}

pub fn credentials() -> Value {
    json!({ "name": "Maya", "email": "maya@example.org", "password": "lantern bridge harbor" })
}

/// Signs up and gives the volume of one's own.
pub async fn first_account(process: &Process, client: &Client) -> String {
    let (status, _) = process.call(client, Method::POST, "/sign-up", credentials()).await.expect("an answer");
    assert!(status < 300, "{status}");
    let (_, volumes) = process.call(client, Method::GET, "/volumes", Value::Null).await.expect("an answer");
    let mine = volumes.as_array().expect("a list").iter().find(|volume| volume["kind"] == "user").expect("a volume of one's own");
    mine["id"].as_str().expect("an id").to_owned()
}
