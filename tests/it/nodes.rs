//! Several servers on one PostgreSQL with a real NATS between them.
//!
//! The tests need `LLMOS_TEST_POSTGRES` and `LLMOS_TEST_NATS`, the program of NATS' server (`scripts/nats` installs it and prints where it
//! is): each starts one of its own, and stops it as it likes.

mod apart;
mod assistant;
mod documents;
mod faults;
mod kills;
mod patterns;
mod repositories;
mod rooms;

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use llmos_lite::server::{config::Config, db::Db};
use serde_json::Value;

use crate::{
    app::{self, Client, Engine, PostgresDatabase, TestApp, skipped},
    process::free_address,
};

/// Nothing takes longer, on a slow machine either.
const PATIENCE: Duration = Duration::from_secs(20);
pub const KEY: &str = "the same at all nodes of one test";

/// The server of NATS of one test.
pub struct Nats {
    program: String,
    address: String,
    /// Where it says what it does.
    monitor: String,
    /// Its file, where it has one, and what stands before its address for who is let in.
    guard: Option<(&'static str, &'static str)>,
    child: Option<Child>,
}

impl Nats {
    fn start(program: String) -> Self {
        Self::begin(program, None)
    }

    /// One that lets in who knows the password of the file that is shipped, and gives the rights that it names.
    fn guarded(program: String) -> Self {
        Self::begin(program, Some((concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/nats.conf"), "llmos:change%20me@")))
    }

    fn begin(program: String, guard: Option<(&'static str, &'static str)>) -> Self {
        let mut nats = Self { program, address: free_address(), monitor: free_address(), guard, child: None };
        nats.up();
        nats
    }

    pub fn url(&self) -> String {
        format!("nats://{}{}", self.guard.map_or("", |(_, account)| account), self.address)
    }

    /// Starts it, again at the same address.
    pub fn up(&mut self) {
        let port = |address: &str| address.rsplit(':').next().unwrap_or_default().to_owned();
        let arguments = ["-a", "127.0.0.1", "-p", &port(&self.address), "-m", &port(&self.monitor)];
        let file = self.guard.into_iter().flat_map(|(file, _)| ["-c", file]);
        let started = Command::new(&self.program).args(file).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(started.expect("LLMOS_TEST_NATS is a program"));
    }

    pub fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// How many subscriptions there are whose subject holds this.
    pub async fn subscriptions(&self, part: &str) -> usize {
        let answer =
            reqwest::get(format!("http://{}/subsz?subs=1&limit=10000", self.monitor)).await.expect("it says").json::<Value>().await;
        let subjects = answer.expect("JSON")["subscriptions_list"].as_array().cloned().unwrap_or_default();
        subjects.iter().filter(|one| one["subject"].as_str().is_some_and(|subject| subject.contains(part))).count()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.down();
    }
}

/// The program of NATS' server; none is said loudly.
fn program() -> Option<String> {
    let program = std::env::var("LLMOS_TEST_NATS").ok();
    if program.is_none() {
        skipped("NATS", "scripts/nats prints the program for LLMOS_TEST_NATS");
    }
    program
}

/// A server of NATS, where there can be one.
pub fn nats() -> Option<Nats> {
    program().map(Nats::start)
}

/// Runs a test with NATS and a database, where both can be had.
pub fn beside_nats(test: impl AsyncFnOnce(&mut Nats, PostgresDatabase)) {
    let Some(mut nats) = nats() else { return };
    app::on(Engine::Postgres, async |database| {
        if let Some(database) = database {
            test(&mut nats, database).await;
        }
    });
}

/// Runs a test with so many servers that hear one another.
pub fn with_nodes(count: usize, test: impl AsyncFnOnce(&[TestApp], &mut Nats)) {
    with_nodes_of(count, |_| {}, test);
}

/// The same; the configuration of each is changed before it starts.
pub fn with_nodes_of(count: usize, change: impl Fn(&mut Config), test: impl AsyncFnOnce(&[TestApp], &mut Nats)) {
    beside_nats(async |nats, database| {
        let (url, address) = (database.url(), nats.url());
        let configure = |config: &mut Config| {
            config.database_url.clone_from(&url);
            config.nats_url = Some(address.clone());
            config.secret_key = Some(KEY.to_owned());
            change(config);
        };
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(TestApp::start(None, &configure).await);
        }
        until("all hear one another", async || {
            nodes.iter().map(|node| &node.state).all(|state| {
                state.cluster.hears_all() && state.cluster.nodes().len() == count && state.search.is_warm() && state.market.is_warm()
            })
        })
        .await;
        test(nodes.as_slice(), nats).await;
        for node in nodes {
            node.stop().await;
        }
        database.drop().await;
    });
}

/// Waits until something is so.
pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How a part of a server stands, as `/readyz` says; and whether requests are welcome.
pub async fn standing(of: &Client, part: &str) -> (bool, String) {
    let answer = of.answer(of.request(reqwest::Method::GET, "/readyz")).await.json();
    (answer["ready"] == true, answer["components"][part].as_str().unwrap_or_default().to_owned())
}

/// One number of the database.
pub async fn count(db: &Db, sql: &str) -> i64 {
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(db.read()).await.expect("a number")
}
