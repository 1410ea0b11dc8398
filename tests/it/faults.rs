//! A disk that is full, a database that is locked, a second server: an error that a person understands, and nothing lost.
//!
//! Of SQLite by nature: it is its file that is locked or cannot grow. The lock of DATA_DIR is the same with both engines.

use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Process, browser, credentials, first_account};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_database_answers_503_and_loses_nothing() {
    let data = TempDir::new().expect("a folder");
    let process = Process::start(data.path(), &[]).await;
    let client = browser();
    first_account(&process, &client).await;

    // Another process, such as a person with sqlite3, holds the write lock.
    let url = format!("sqlite:{}", data.path().join("llmos.sqlite").display());
    sqlx::any::install_default_drivers();
    let other = sqlx::AnyPool::connect(&url).await.expect("the file opens");
    let lock = other.begin_with("BEGIN EXCLUSIVE").await.expect("the lock is free");
    let (status, refused) = process.call(&client, Method::POST, "/teams", json!({ "name": "Locked out" })).await.expect("an answer");
    assert_eq!((status, refused["code"].as_str()), (503, Some("unavailable")), "{refused}");
    lock.rollback().await.expect("the lock is given back");

    let (status, _) = process.call(&client, Method::POST, "/teams", json!({ "name": "Back in" })).await.expect("an answer");
    assert!(status < 300, "{status}");
    let (_, teams) = process.call(&client, Method::GET, "/teams", Value::Null).await.expect("an answer");
    let names: Vec<_> = teams.as_array().expect("a list").iter().filter_map(|team| team["name"].as_str()).collect();
    assert_eq!(names, ["Back in"], "the refused team is not there");
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_answers_503_and_what_was_there_stays() {
    let data = TempDir::new().expect("a folder");
    let process = Process::start(data.path(), &[]).await;
    let client = browser();
    let volume = first_account(&process, &client).await;
    process.kill();

    // No file may grow beyond 8 MB: to the server that is a disk without room. The signal that goes with it is ignored.
    let process = Process::start(data.path(), &["bash", "-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" \"$@\""]).await;
    let (status, _) = process.call(&client, Method::POST, "/sign-in", credentials()).await.expect("an answer");
    assert!(status < 300, "{status}");
    let big = "All of it is kept.\n".repeat(40_000);
    let mut kept = Vec::new();
    let refused = loop {
        let body =
            json!({ "volumeId": volume, "kind": "skill", "name": format!("Big {}", kept.len()), "text": format!("{}\n{big}", kept.len()) });
        let (status, answer) = process.call(&client, Method::POST, "/artifacts", body).await.expect("the server lives");
        match status {
            200..300 => kept.push(answer["summary"]["id"].as_str().expect("an id").to_owned()),
            _ => break (status, answer),
        }
        assert!(kept.len() < 100, "the limit is met");
    };
    assert_eq!((refused.0, refused.1["code"].as_str()), (503, Some("unavailable")), "{}", refused.1);
    assert!(!kept.is_empty(), "something fitted");
    process.kill();

    // With room again everything that was acknowledged is there, and writing works.
    let process = Process::start(data.path(), &[]).await;
    for id in &kept {
        let (status, _) = process.call(&client, Method::GET, &format!("/artifacts/{id}"), Value::Null).await.expect("an answer");
        assert_eq!(status, 200, "{id}");
    }
    let body = json!({ "volumeId": volume, "kind": "skill", "name": "After", "text": "# After\n" });
    let (status, _) = process.call(&client, Method::POST, "/artifacts", body).await.expect("an answer");
    assert!(status < 300, "{status}");
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_a_line_of_the_log_with_its_request_id_and_no_secret() {
    let data = TempDir::new().expect("a folder");
    let log = data.path().join("log");
    let to_file = format!("exec \"$0\" \"$@\" 2>'{}'", log.display());
    let process = Process::start(data.path(), &["env", "RUST_LOG=info", "LOG_FORMAT=json", "bash", "-c", &to_file]).await;
    let client = browser();
    first_account(&process, &client).await;
    let request = |method: Method, path: &str| client.request(method, format!("{}{path}", process.base));
    let json = |text: &'static str| request(Method::POST, "/api/v1/teams").header("content-type", "application/json").body(text);
    let mut refused = Vec::new();
    for (request, status) in [
        (request(Method::GET, "/api/v1/nothing"), 404),
        (request(Method::GET, "/invite-me?token=not-for-the-log"), 404),
        (json("{"), 400),
        (json(r#"{"name": "x"}"#).header("origin", "https://elsewhere.example"), 403),
        (request(Method::GET, "/api/v1/me").bearer_auth("llmos_not-for-the-log"), 401),
    ] {
        let answer = request.send().await.expect("an answer");
        let id = answer.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        assert_eq!((answer.status().as_u16(), id.len()), (status, 36));
        refused.push((id, status));
    }
    process.kill();
    let lines = std::fs::read_to_string(&log).expect("a log");
    for (id, status) in refused {
        let of_it: Vec<Value> =
            lines.lines().filter(|line| line.contains(&id)).map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        assert!(of_it.iter().any(|line| line["fields"]["status"] == status), "{id} {status}: {of_it:?}");
    }
    assert!(!lines.contains("not-for-the-log"), "{lines}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_on_the_same_folder_is_refused() {
    let data = TempDir::new().expect("a folder");
    let process = Process::start(data.path(), &[]).await;
    let second = Command::new(env!("CARGO_BIN_EXE_llmos"))
        .arg("serve")
        .current_dir(data.path())
        .env("DATA_DIR", data.path())
        .env("LEPTOS_SITE_ADDR", "127.0.0.1:0")
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("another llmos already serves"), "{said}");
    process.kill();
}
