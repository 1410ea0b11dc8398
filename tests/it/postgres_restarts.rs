//! PostgreSQL that goes down and comes back while people write. It is a server of this test's own: others are not to notice.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::{
    app::skipped,
    process::{Process, browser, call, first_account},
};

/// A cluster that `scripts/postgres` makes; it is removed with this.
pub struct Cluster {
    folder: PathBuf,
    pub url: String,
}

impl Cluster {
    /// One, where there is a PostgreSQL to test with; none is said loudly.
    pub fn wanted() -> Option<Self> {
        if std::env::var_os("LLMOS_TEST_POSTGRES").is_none() {
            skipped("PostgreSQL", "set LLMOS_TEST_POSTGRES (scripts/postgres start FOLDER prints it)");
            return None;
        }
        Some(Self::start())
    }

    /// Sends a signal to all of its processes: the first one, and those that it has started.
    pub fn signal(&self, name: &str) {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("it runs");
        let first = file.lines().next().expect("its number").trim().to_owned();
        let others = Command::new("pgrep").args(["-P", &first]).output().expect("pgrep is there").stdout;
        let others = String::from_utf8_lossy(&others).into_owned();
        let sent = Command::new("kill").arg(format!("-{name}")).arg(&first).args(others.split_whitespace()).status();
        assert!(sent.expect("kill is there").success());
    }

    fn start() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        // Short: a socket's path has an end.
        let folder = PathBuf::from(format!("/tmp/llmos-pg-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed)));
        let output = script("start", &folder);
        let url = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(url.starts_with("postgres://"), "{}", String::from_utf8_lossy(&output.stderr));
        Self { folder, url }
    }

    /// Other tests do without.
    pub async fn acknowledge_when_written(&self) {
        sqlx::any::install_default_drivers();
        let mut connection = sqlx::AnyConnection::connect(&self.url).await.expect("it answers");
        sqlx::query("ALTER DATABASE postgres SET synchronous_commit = on").execute(&mut connection).await.expect("it is set");
        connection.close().await.expect("closes");
    }

    /// The end of one of its processes by a signal makes it end all connections, bring its memory back from its log, and go on: as after a crash.
    async fn crash(&self) {
        let mut connection = sqlx::AnyConnection::connect(&self.url).await.expect("it answers");
        let sql = "SELECT pid::bigint FROM pg_stat_activity WHERE datname = 'postgres' AND pid <> pg_backend_pid() LIMIT 1";
        let pid: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("somebody is connected");
        let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill is there");
        assert!(killed.success());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        script("stop", &self.folder);
    }
}

fn script(verb: &str, folder: &Path) -> std::process::Output {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres");
    Command::new(path).arg(verb).arg(folder).output().expect("the script runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_restarts_under_load_and_nothing_acknowledged_is_lost() {
    let Some(cluster) = Cluster::wanted() else { return };
    cluster.acknowledge_when_written().await;
    let data = TempDir::new().expect("a folder");
    let process = Process::start_with(data.path(), &[], &[("DATABASE_URL", cluster.url.as_str())]).await;
    let client = browser();
    first_account(&process, &client).await;
    let acknowledged = Arc::new(Mutex::new(Vec::<String>::new()));
    let refused = Arc::new(Mutex::new(Vec::<u16>::new()));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (base, client, acknowledged, refused, stop) =
                (process.base.clone(), client.clone(), acknowledged.clone(), refused.clone(), stop.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    let name = json!({ "name": format!("Team {writer} {number}") });
                    match call(&base, &client, Method::POST, "/teams", name).await.expect("the server lives") {
                        (200..300, team) => acknowledged.lock().expect("a list").push(team["id"].as_str().expect("an id").to_owned()),
                        (status, _) => {
                            refused.lock().expect("a list").push(status);
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
            })
        })
        .collect();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        cluster.crash().await;
        let before = acknowledged.lock().expect("a list").len();
        let began = Instant::now();
        while acknowledged.lock().expect("a list").len() < before + 8 {
            assert!(began.elapsed() < Duration::from_secs(30), "the server writes again by itself");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("it ends");
    }
    let refused = refused.lock().expect("a list").clone();
    assert!(refused.iter().all(|status| *status == 503), "whoever is refused is told to try again: {refused:?}");
    let acknowledged = acknowledged.lock().expect("a list").clone();
    let (_, teams) = process.call(&client, Method::GET, "/teams", Value::Null).await.expect("an answer");
    let there: std::collections::HashSet<&str> = teams.as_array().expect("a list").iter().filter_map(|team| team["id"].as_str()).collect();
    let lost: Vec<_> = acknowledged.iter().filter(|id| !there.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} were lost: {lost:?}", lost.len(), acknowledged.len());
    process.kill();
}
