//! Backups of the real program: under load, after the disk was lost, on a disk that is full or cannot be written, of a damaged database; and the
//! move to PostgreSQL.
//!
//! Of SQLite by nature: it is its file that is backed up, and its rows that move.

use std::{
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::{
    app::{Engine, on},
    process::{Process, browser, call, credentials, first_account},
};

/// The program on a folder, below a shell line that sets limits if there is one.
pub fn llmos(data: &Path, shell: &str, arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new("bash")
        .args(["-c", &format!("{shell} exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_llmos")])
        .args(arguments)
        .current_dir(data)
        .env("DATA_DIR", data)
        .env("RUST_LOG", "off")
        .env_remove("DATABASE_URL")
        .env_remove("BACKUP_URL")
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// Teams that were acknowledged, in that order.
type Acknowledged = Arc<Mutex<Vec<String>>>;

fn write_teams(process: &Process, client: &Client, acknowledged: &Acknowledged) -> tokio::task::JoinHandle<()> {
    let (base, client, acknowledged) = (process.base.clone(), client.clone(), acknowledged.clone());
    tokio::spawn(async move {
        for number in 0.. {
            match call(&base, &client, Method::POST, "/teams", json!({ "name": format!("Team {number}") })).await {
                Some((200..300, team)) => {
                    let id = team["id"].as_str().expect("an id").to_owned();
                    acknowledged.lock().expect("not poisoned").push(id);
                }
                Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                None => return,
            }
        }
    })
}

async fn is_there(process: &Process, client: &Client, team: &str) -> bool {
    process.call(client, Method::GET, &format!("/teams/{team}"), Value::Null).await.is_some_and(|(status, _)| status == 200)
}

async fn signed_in(process: &Process) -> Client {
    let client = browser();
    let (status, _) = process.call(&client, Method::POST, "/sign-in", credentials()).await.expect("an answer");
    assert!(status < 300, "{status}");
    client
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_writers_has_what_was_acknowledged_before() {
    let (data, place, back) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let process = Process::start(data.path(), &[]).await;
    let client = browser();
    first_account(&process, &client).await;
    let acknowledged = Acknowledged::default();
    let writer = write_teams(&process, &client, &acknowledged);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = acknowledged.lock().expect("not poisoned").clone();
    assert!(!before.is_empty());
    let (ok, said, error) = llmos(data.path(), "", &["backup", "--to", &text(place.path())]);
    assert!(ok && said.starts_with("backup "), "{said} {error}");
    process.kill();
    writer.await.expect("it ends");

    let (ok, said, error) = llmos(back.path(), "", &["restore", "--from", &text(place.path())]);
    assert!(ok && said.contains("all of it was verified"), "{said} {error}");
    let process = Process::start(back.path(), &[]).await;
    let client = signed_in(&process).await;
    for team in &before {
        assert!(is_there(&process, &client, team).await, "{team}");
    }
    process.kill();
    let (ok, _, error) = llmos(back.path(), "", &["restore", "--from", &text(place.path())]);
    assert!(!ok && error.contains("is not empty"), "{error}");
    let (ok, said, error) = llmos(data.path(), "", &["restore", "--drill", "--from", &text(place.path())]);
    assert!(ok && said.contains("RPO") && said.contains("RTO"), "{said} {error}");
}

/// What the doctor finds about a topic, in words.
fn doctor(data: &Path, backups: &str, arguments: &[&str]) -> String {
    let shell = if backups.is_empty() { String::new() } else { format!("export BACKUP_URL='{backups}';") };
    let (_, said, error) = llmos(data, &shell, &[&["doctor"][..], arguments].concat());
    assert!(!said.is_empty(), "{error}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_and_the_server_say_how_backups_stand() {
    let (data, place) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let url = text(place.path());
    let process = Process::start_with(data.path(), &[], &[("METRICS_TOKEN", "for the test")]).await;
    first_account(&process, &browser()).await;
    assert!(process.stop().await.success());
    assert!(doctor(data.path(), "", &[]).contains("there are none: a lost disk costs everything"));
    let said = doctor(data.path(), &url, &[]);
    assert!(said.contains("there is no backup in"), "{said}");

    let process = Process::start_with(data.path(), &[], &[("BACKUP_URL", url.as_str()), ("METRICS_TOKEN", "for the test")]).await;
    let metrics = async || {
        let request = browser().get(format!("{}/metrics", process.base)).bearer_auth("for the test");
        request.send().await.expect("an answer").text().await.expect("text")
    };
    let began = Instant::now();
    let shipped = loop {
        let text = metrics().await;
        if text.contains("llmos_backup_newest_timestamp_seconds ") && text.contains("llmos_backup_log_lag_seconds ") {
            break text;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "{text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(shipped.contains("llmos_backup_failing 0"), "{shipped}");
    let ready: Value = browser().get(format!("{}/readyz", process.base)).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(ready["components"]["backups"], "ready", "{ready}");
    let said = doctor(data.path(), &url, &["--restore-drill"]);
    assert!(said.contains("the newest in") && said.contains("came back whole") && said.contains("RPO") && said.contains("RTO"), "{said}");
    assert!(
        !std::fs::read_dir(data.path()).expect("a folder").flatten().any(|file| file.file_name().to_string_lossy().starts_with(".drill"))
    );
    process.kill();

    // A part of the backup is gone: the drill is the one who notices.
    let objects = place.path().join("objects");
    let folder = std::fs::read_dir(&objects).expect("objects").flatten().next().expect("one");
    std::fs::remove_dir_all(folder.path()).expect("removed");
    let said = doctor(data.path(), &url, &["--restore-drill"]);
    assert!(said.contains("WRONG  restore drill") && said.contains("is missing"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_disk_costs_the_last_of_the_work_only() {
    let (data, place, back) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let url = text(place.path());
    let process = Process::start_with(data.path(), &[], &[("BACKUP_URL", url.as_str())]).await;
    let client = browser();
    first_account(&process, &client).await;
    let began = Instant::now();
    while !place.path().join("backups").is_dir() {
        assert!(began.elapsed() < Duration::from_secs(30), "the first backup is made");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The server looks twice a second whether it is there.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let acknowledged = Acknowledged::default();
    let writer = write_teams(&process, &client, &acknowledged);
    tokio::time::sleep(Duration::from_secs(4)).await;
    process.kill();
    writer.await.expect("it ends");
    drop(data);

    let (ok, said, error) = llmos(back.path(), "", &["restore", "--from", &url]);
    assert!(ok, "{said} {error}");
    let process = Process::start(back.path(), &[]).await;
    let client = signed_in(&process).await;
    let acknowledged = acknowledged.lock().expect("not poisoned").clone();
    let mut kept = Vec::new();
    for team in &acknowledged {
        kept.push(is_there(&process, &client, team).await);
    }
    process.kill();
    assert!(kept.len() > 10, "{}", kept.len());
    // How much it is depends on the machine, which is busy with other tests: the bench of backups measures that.
    assert!(kept.is_sorted_by_key(|there| !there), "only the last of it is lost");
    assert!(kept[0], "the log was shipped while they wrote");
}

/// Until the server says that everything written before now is in the backup store.
pub async fn until_shipped(process: &Process) {
    let (asked, began) = (SystemTime::now(), Instant::now());
    loop {
        let text = browser().get(format!("{}/metrics", process.base)).send().await.expect("an answer").text().await.expect("text");
        let lag = text.lines().find_map(|line| line.strip_prefix("llmos_backup_log_lag_seconds ")?.trim().parse::<f64>().ok());
        if lag.is_some_and(|lag| asked.elapsed().is_ok_and(|since| since.as_secs_f64() > lag)) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn make_team(process: &Process, client: &Client, name: &str) -> String {
    let (status, team) = process.call(client, Method::POST, "/teams", json!({ "name": name })).await.expect("an answer");
    assert!(status < 300, "{team}");
    team["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_while_the_server_stops_is_in_the_backup() {
    let (data, place, back) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let url = text(place.path());
    let process = Process::start_with(data.path(), &[], &[("BACKUP_URL", url.as_str())]).await;
    let client = browser();
    first_account(&process, &client).await;
    until_shipped(&process).await;
    let acknowledged = Acknowledged::default();
    let writer = write_teams(&process, &client, &acknowledged);
    tokio::time::sleep(Duration::from_secs(1)).await;
    // It is written to until it takes nothing more.
    assert!(process.stop().await.success());
    writer.await.expect("it ends");
    drop(data);
    let (ok, said, error) = llmos(back.path(), "", &["restore", "--from", &url]);
    assert!(ok, "{said} {error}");
    let process = Process::start(back.path(), &[]).await;
    let client = signed_in(&process).await;
    let acknowledged = acknowledged.lock().expect("not poisoned").clone();
    assert!(acknowledged.len() > 10, "{}", acknowledged.len());
    for team in &acknowledged {
        assert!(is_there(&process, &client, team).await, "{team}");
    }
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_of_a_moment_comes_back_and_what_was_said_to_be_safe_is() {
    let (data, place) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let url = text(place.path());
    let process = Process::start_with(data.path(), &[], &[("BACKUP_URL", url.as_str())]).await;
    let client = browser();
    first_account(&process, &client).await;
    until_shipped(&process).await;
    let first = make_team(&process, &client, "Before").await;
    until_shipped(&process).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let between = llmos_lite::server::clock::rfc3339(llmos_lite::server::clock::now_ms());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let second = make_team(&process, &client, "After").await;
    until_shipped(&process).await;
    // No time to say anything more.
    process.kill();
    drop(data);
    for (at, has_second) in [(Some(between.as_str()), false), (None, true)] {
        let back = TempDir::new().expect("a folder");
        let moment = at.map(|at| vec!["--at", at]).unwrap_or_default();
        let (ok, said, error) = llmos(back.path(), "", &[&["restore", "--from", url.as_str()][..], &moment[..]].concat());
        assert!(ok, "{said} {error}");
        let process = Process::start(back.path(), &[]).await;
        let client = signed_in(&process).await;
        assert!(is_there(&process, &client, &first).await);
        assert_eq!(is_there(&process, &client, &second).await, has_second, "{at:?}");
        process.kill();
    }
    let (ok, _, error) = llmos(place.path(), "", &["restore", "--from", &url, "--at", "yesterday"]);
    assert!(!ok && error.contains("is not a time"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_come_by_schedule_without_a_log_and_the_last_ones_stay() {
    let (data, place) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let url = text(place.path());
    let settings = [("BACKUP_URL", url.as_str()), ("BACKUP_SCHEDULE", "*/2 * * * * *"), ("BACKUP_KEEP", "2"), ("BACKUP_LOG", "false")];
    let process = Process::start_with(data.path(), &[], &settings).await;
    first_account(&process, &browser()).await;
    let list = || {
        let (_, list, _) = llmos(data.path(), "", &["restore", "--list", "--from", &url]);
        list.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let mut seen = std::collections::BTreeSet::new();
    let began = Instant::now();
    while seen.len() < 4 {
        assert!(began.elapsed() < Duration::from_secs(60), "{seen:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        seen.extend(list());
    }
    // The one that is being made may be there before the oldest goes.
    assert!(list().len() <= 3, "{:?}", list());
    assert!(process.stop().await.success());
    assert!(!place.path().join("wal").exists(), "no log is shipped");
    let last = seen.last().expect("one").split_whitespace().next().expect("its name").to_owned();
    assert!(list().iter().any(|line| line.starts_with(&last)), "the newest stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_damaged_under_a_running_server_is_said_and_the_rest_goes_on() {
    let data = TempDir::new().expect("a folder");
    let process = Process::start(data.path(), &[]).await;
    let client = browser();
    first_account(&process, &client).await;
    let team = make_team(&process, &client, "Harbor").await;
    assert!(process.stop().await.success());
    // The first page of the texts of artifacts, which nothing writes from now on.
    let file = data.path().join("llmos.sqlite");
    let url = format!("sqlite:{}", file.display());
    let page = u64::try_from(number_of(&url, "SELECT rootpage FROM sqlite_schema WHERE name = 'contents'").await).expect("a page");
    let process = Process::start(data.path(), &[]).await;
    let client = signed_in(&process).await;
    let (_, library) = process.call(&client, Method::GET, "/artifacts?limit=100", Value::Null).await.expect("an answer");
    let ids: Vec<&str> = library["items"].as_array().expect("a list").iter().filter_map(|item| item["id"].as_str()).collect();
    let damaged = std::fs::File::options().write(true).open(&file).expect("there");
    damaged.write_all_at(&[0xa5; 4_096], (page - 1) * 4_096).expect("written");
    let mut said = Vec::new();
    for id in ids {
        let (status, answer) = process.call(&client, Method::GET, &format!("/artifacts/{id}"), Value::Null).await.expect("it lives");
        if status != 200 {
            said.push((status, answer.to_string()));
        }
    }
    let whole = |(status, text): &(u16, String)| *status == 500 && text.contains("damaged") && text.contains("llmos restore");
    assert!(!said.is_empty() && said.iter().all(whole), "{said:?}");
    assert!(is_there(&process, &client, &team).await, "what lies elsewhere is still read");
    assert!(doctor(data.path(), "", &[]).contains("WRONG  database"));
    process.kill();
}

/// One number of a database.
async fn number_of(url: &str, sql: &'static str) -> i64 {
    sqlx::any::install_default_drivers();
    number(url, sql).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_or_read_only_place_is_said_and_leaves_no_backup() {
    let (data, place, back) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let process = Process::start(data.path(), &[]).await;
    first_account(&process, &browser()).await;
    process.kill();
    // No file may grow beyond 64 kB: the copy of the database meets that as a disk without room. The signal that goes with it is ignored.
    let limit = "trap '' XFSZ; ulimit -f 64;";
    let to = text(place.path());
    let (ok, said, error) = llmos(data.path(), limit, &["backup", "--to", &to]);
    assert!(!ok && said.is_empty() && error.lines().count() == 1, "{said} {error}");
    let (_, said, _) = llmos(data.path(), "", &["restore", "--list", "--from", &to]);
    assert_eq!(said, "", "no half backup has a name");
    let (ok, ..) = llmos(data.path(), "", &["backup", "--to", &to]);
    assert!(ok, "with room again it is made");
    let (ok, _, error) = llmos(back.path(), limit, &["restore", "--from", &to]);
    assert!(!ok && error.lines().count() == 1 && !back.path().join("llmos.sqlite").exists(), "{error}");
    let (ok, said, error) = llmos(back.path(), "", &["restore", "--from", &to]);
    assert!(ok, "{said} {error}");

    // Nobody, not even root, writes there.
    let (ok, _, error) = llmos(data.path(), "", &["backup", "--to", "/proc/backups"]);
    assert!(!ok && error.contains("/proc/backups") && error.lines().count() == 1, "{error}");
    let (ok, _, error) = llmos(data.path(), "", &["backup", "--to", "ftp://elsewhere/backups"]);
    assert!(!ok && error.contains("s3://"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_page_is_said_and_a_backup_brings_it_back() {
    let (data, place) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let process = Process::start(data.path(), &[]).await;
    first_account(&process, &browser()).await;
    assert!(process.stop().await.success());
    let to = text(place.path());
    let (ok, said, error) = llmos(data.path(), "", &["backup", "--to", &to]);
    assert!(ok, "{said} {error}");
    let file: PathBuf = data.path().join("llmos.sqlite");
    let mut bytes = std::fs::read(&file).expect("there");
    let pages = bytes.len() / 4_096;
    for page in (8..pages).step_by(3) {
        bytes[page * 4_096..(page + 1) * 4_096].fill(0xa5);
    }
    std::fs::write(&file, bytes).expect("written");
    let (ok, _, error) = llmos(data.path(), "", &["backup", "--to", &to]);
    assert!(!ok && error.contains("damaged") && error.contains("llmos restore"), "{error}");
    let (_, list, _) = llmos(data.path(), "", &["restore", "--list", "--from", &to]);
    assert_eq!(list.lines().count(), 1, "the good one is still the newest: {list}");
    let (ok, _, error) = llmos(data.path(), "", &["user", "reset-password", "maya@example.org"]);
    assert!(!ok && error.contains("damaged"), "{error}");
    let said = doctor(data.path(), &to, &[]);
    assert!(said.contains("WRONG  database") && said.contains("put the newest good copy in its place"), "{said}");
    let (ok, _, error) = llmos(data.path(), "export LEPTOS_SITE_ADDR=127.0.0.1:0;", &["serve"]);
    assert!(!ok && error.contains("damaged") && error.contains("llmos restore"), "a start says it too: {error}");

    let back = TempDir::new().expect("a folder");
    let (ok, said, error) = llmos(back.path(), "", &["restore", "--from", &to]);
    assert!(ok, "{said} {error}");
    let process = Process::start(back.path(), &[]).await;
    signed_in(&process).await;
    process.kill();
}

#[test]
fn everything_moves_to_postgres_once() {
    on(Engine::Postgres, async |database| {
        let database = database.expect("one for this test");
        let data = TempDir::new().expect("a folder");
        let process = Process::start(data.path(), &[]).await;
        let client = browser();
        let volume = first_account(&process, &client).await;
        let body = json!({ "volumeId": volume, "kind": "skill", "name": "Tide", "text": "# Tide\nÄ “tide” \u{1f30a}\n" });
        let (status, made) = process.call(&client, Method::POST, "/artifacts", body).await.expect("an answer");
        assert!(status < 300, "{made}");
        let (ok, _, error) = llmos(data.path(), "", &["migrate", "--to", &database.url()]);
        assert!(!ok && error.contains("stop it first"), "{error}");
        assert!(process.stop().await.success());
        let (ok, said, error) = llmos(data.path(), "", &["migrate", "--to", &database.url()]);
        assert!(ok && said.contains("each is the same"), "{said} {error}");
        let (ok, _, error) = llmos(data.path(), "", &["migrate", "--to", &database.url()]);
        assert!(!ok && error.contains("not empty"), "{error}");

        let process = Process::start_with(data.path(), &[], &[("DATABASE_URL", database.url().as_str())]).await;
        let client = signed_in(&process).await;
        let path = format!("/artifacts/{}", made["summary"]["id"].as_str().expect("an id"));
        let (status, artifact) = process.call(&client, Method::GET, &path, Value::Null).await.expect("an answer");
        assert_eq!((status, artifact["text"].as_str()), (200, Some("# Tide\nÄ “tide” \u{1f30a}\n")));
        process.kill();
        database.drop().await;
    });
}

/// A statement on the database of a test.
async fn run(url: &str, sql: &'static str) {
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(url).await.expect("the database can be reached");
    sqlx::query(sql).execute(&mut connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    connection.close().await.expect("closes");
}

async fn number(url: &str, sql: &'static str) -> i64 {
    let mut connection = sqlx::AnyConnection::connect(url).await.expect("the database can be reached");
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

#[test]
fn a_move_to_postgres_that_was_broken_off_goes_on() {
    on(Engine::Postgres, async |database| {
        let database = database.expect("one for this test");
        let (url, data) = (database.url(), TempDir::new().expect("a folder"));
        let process = Process::start(data.path(), &[]).await;
        let client = browser();
        first_account(&process, &client).await;
        let (status, team) = process.call(&client, Method::POST, "/teams", json!({ "name": "Harbor" })).await.expect("an answer");
        assert!(status < 300, "{team}");
        assert!(process.stop().await.success());

        // The first row of `users` never comes in: tables before it are copied, and there the program is killed.
        run(&url, "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END'").await;
        run(&url, "CREATE TRIGGER wait BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION wait()").await;
        let mut child = Command::new(env!("CARGO_BIN_EXE_llmos"))
            .args(["migrate", "--to", &url])
            .current_dir(data.path())
            .env("DATA_DIR", data.path())
            .env_remove("DATABASE_URL")
            .spawn()
            .expect("the program runs");
        let began = Instant::now();
        let waits = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        while number(&url, waits).await == 0 {
            assert!(began.elapsed() < Duration::from_secs(60) && child.try_wait().expect("a child").is_none(), "it comes to the users");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        let others =
            "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        number(&url, others).await;
        run(&url, "DROP TRIGGER wait ON users").await;
        run(&url, "DROP FUNCTION wait").await;
        let copied = number(&url, "SELECT COUNT(*) FROM llmos_migration").await;
        assert!(copied > 2, "some tables were whole: {copied}");
        assert_eq!(number(&url, "SELECT COUNT(*) FROM users").await, 0, "the one under way was not begun");
        let written = "SELECT MAX(xmin::text::bigint) FROM audit_events";
        let first = number(&url, written).await;

        let (ok, said, error) = llmos(data.path(), "", &["migrate", "--to", &url]);
        assert!(ok && said.contains("each is the same"), "{said} {error}");
        assert_eq!(number(&url, written).await, first, "what was there was not copied again");
        let process = Process::start_with(data.path(), &[], &[("DATABASE_URL", url.as_str())]).await;
        let client = signed_in(&process).await;
        assert!(is_there(&process, &client, team["id"].as_str().expect("an id")).await);
        process.kill();
        database.drop().await;
    });
}
