//! A real file system that fills up and has room again, and one that cannot be written. It is mounted where only the server sees it, which takes the
//! rights to do so (root, or a kernel that lets others).
//!
//! Of SQLite by nature: it is its file that is on that disk.

use std::{
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    app::skipped,
    process::{Process, browser, first_account},
};

/// Above what the server calls too little, and small enough to be filled in memory.
const SIZE: &str = "144m";

/// Whether this machine lets us mount; if not, it is said.
fn can_mount() -> bool {
    let folder = TempDir::new().expect("a folder");
    let mounted = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(folder.path()).output();
    let can = mounted.is_ok_and(|output| output.status.success());
    if !can {
        skipped("right to mount", "run the tests as root, on a system with unshare and nsenter");
    }
    can
}

/// Runs a shell line where the server's files are.
fn inside(process: &Process, data: &Path, line: &str) -> Output {
    let enter = ["-t", &process.id().to_string(), "-m", "--", "sh", "-c", line].map(str::to_owned);
    Command::new("nsenter").args(enter).env("DATA", data).output().expect("nsenter is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_is_said_and_the_server_comes_back_by_itself() {
    if !can_mount() {
        return;
    }
    let data = TempDir::new().expect("a folder");
    let mount = format!("mount -t tmpfs -o size={SIZE} tmpfs \"$DATA_DIR\" && exec \"$0\" \"$@\"");
    let process = Process::start(data.path(), &["unshare", "-m", "bash", "-c", &mount]).await;
    let client = browser();
    first_account(&process, &client).await;
    let add = async |name: &str| process.call(&client, Method::POST, "/teams", json!({ "name": name })).await.expect("the server lives");
    let (status, _) = add("Before").await;
    assert!(status < 300, "{status}");

    inside(&process, data.path(), "cat /dev/zero > \"$DATA/ballast\"");
    let mut kept = vec!["Before".to_owned()];
    let (mut refused, mut tries) = (Vec::new(), 0);
    // The log may have room in its file left: it is used up first.
    while refused.len() < 5 {
        let name = format!("Team {tries} {}", "x".repeat(60));
        match add(&name).await {
            (200..300, _) => kept.push(name),
            (status, said) => {
                assert_eq!((status, said["code"].as_str()), (503, Some("unavailable")), "{said}");
                refused.push(name);
            }
        }
        tries += 1;
        assert!(tries < 5_000, "the disk is full");
    }
    let teams = async || {
        let (status, teams) = process.call(&client, Method::GET, "/teams", Value::Null).await.expect("an answer");
        assert_eq!(status, 200, "what is there is read all the time: {teams}");
        let mut names: Vec<String> =
            teams.as_array().expect("a list").iter().map(|team| team["name"].as_str().expect("a name").to_owned()).collect();
        names.sort();
        names
    };
    kept.sort();
    assert_eq!(teams().await, kept);
    let ready = client.get(format!("{}/readyz", process.base)).send().await.expect("an answer");
    let status = ready.status().as_u16();
    let ready: Value = ready.json().await.expect("JSON");
    assert_eq!((status, ready["components"]["disk"].as_str()), (503, Some("down")), "{ready}");

    inside(&process, data.path(), "rm \"$DATA/ballast\"");
    let began = Instant::now();
    while add("After").await.0 >= 300 {
        assert!(began.elapsed() < Duration::from_secs(10), "with room again it writes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    kept.push("After".to_owned());
    kept.sort();
    assert_eq!(teams().await, kept, "all that was acknowledged, and nothing that was refused");
    // What waited in the background goes on as well.
    let (status, volumes) = process.call(&client, Method::GET, "/volumes", Value::Null).await.expect("an answer");
    assert_eq!(status, 200);
    let own = volumes.as_array().expect("a list").iter().find(|volume| volume["kind"] == "user").expect("one's own");
    let body = json!({ "volumeId": own["id"], "kind": "skill", "name": "After", "text": "# After\n" });
    assert!(process.call(&client, Method::POST, "/artifacts", body).await.expect("an answer").0 < 300);
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_written_stops_the_start_with_one_sentence_and_changes_nothing() {
    if !can_mount() {
        return;
    }
    let data = TempDir::new().expect("a folder");
    let process = Process::start(data.path(), &[]).await;
    let client = browser();
    first_account(&process, &client).await;
    assert!(process.stop().await.success());
    let before = std::fs::read(data.path().join("llmos.sqlite")).expect("a database");

    let mount = "mount --bind \"$DATA_DIR\" \"$DATA_DIR\" && mount -o remount,bind,ro \"$DATA_DIR\" && exec \"$0\" \"$@\"";
    let read_only = |arguments: &[&str]| {
        let output = Command::new("unshare")
            .args(["-m", "bash", "-c", mount, env!("CARGO_BIN_EXE_llmos")])
            .args(arguments)
            .env("DATA_DIR", data.path())
            .env("LEPTOS_SITE_ADDR", "127.0.0.1:0")
            .env("RUST_LOG", "off")
            .env_remove("DATABASE_URL")
            .output()
            .expect("the program runs");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned())
    };
    let (ok, said) = read_only(&["serve"]);
    assert!(!ok && said.lines().count() == 1 && said.contains("cannot be written: Read-only file system"), "{said}");
    let (_, said) = read_only(&["doctor"]);
    assert!(said.contains("WRONG  data folder") && said.contains("cannot be written"), "{said}");
    assert_eq!(std::fs::read(data.path().join("llmos.sqlite")).expect("a database"), before);

    let process = Process::start(data.path(), &[]).await;
    let (status, _) = process.call(&client, Method::GET, "/me", Value::Null).await.expect("an answer");
    assert_eq!(status, 200);
    process.kill();
}
