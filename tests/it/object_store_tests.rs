//! Files and backups in an object store: what is stored is there, and nothing wrong is given out when the store is away or has changed something.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    app::{Engine, on},
    import::pack,
    object_store::Bucket,
    process::{Process, browser, first_account},
};

fn borrowed<'e>(environment: &'e [(&'static str, String)], more: &[(&'e str, &'e str)]) -> Vec<(&'e str, &'e str)> {
    environment.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect()
}

async fn skill(process: &Process, client: &Client, volume: &str) -> String {
    let body = json!({ "volumeId": volume, "kind": "skill", "name": "Tide", "text": "# Tide\n" });
    let (status, made) = process.call(client, Method::POST, "/artifacts", body).await.expect("an answer");
    assert!(status < 300, "{made}");
    made["summary"]["id"].as_str().expect("an id").to_owned()
}

async fn put(process: &Process, client: &Client, skill: &str, name: &str, bytes: Vec<u8>) -> u16 {
    let request = client.put(format!("{}/api/v1/artifacts/{skill}/files/{name}", process.base)).body(bytes);
    request.send().await.expect("an answer").status().as_u16()
}

async fn get(process: &Process, client: &Client, skill: &str, name: &str) -> (u16, Vec<u8>) {
    let answer = client.get(format!("{}/api/v1/artifacts/{skill}/files/{name}", process.base)).send().await.expect("an answer");
    (answer.status().as_u16(), answer.bytes().await.expect("bytes").to_vec())
}

fn size_of(folder: &Path) -> u64 {
    std::fs::read_dir(folder).map_or(0, |files| files.flatten().filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum())
}

/// Bytes that do not shrink, different for each number.
fn bytes(number: u8, length: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(u64::from(number));
    (0..length).map(|_| random.u8(..)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_in_the_object_store_and_a_bounded_part_of_them_here() {
    let (data, bucket) = (TempDir::new().expect("a folder"), Bucket::default());
    let environment = bucket.start().await;
    let blobs = [("BLOB_URL", "s3://bucket/files"), ("BLOB_CACHE_MB", "1")];
    let process = Process::start_with(data.path(), &[], &borrowed(&environment, &blobs)).await;
    let client = browser();
    let volume = first_account(&process, &client).await;
    let skill = skill(&process, &client, &volume).await;
    // Files of the built-in volume.
    let before = bucket.keys("files/");
    for number in 0..4 {
        assert!(put(&process, &client, &skill, &format!("{number}.bin"), bytes(number, 400_000)).await < 300);
    }
    let mut stored = bucket.keys("files/");
    stored.retain(|key| !before.contains(key));
    assert_eq!(stored.len(), 4, "{stored:?}");
    assert_eq!(std::fs::read_dir(data.path().join("blobs")).expect("a folder").count(), 0, "none of them is here for good");
    let cache = data.path().join("derived").join("blobs");
    for number in 0..4 {
        assert_eq!(get(&process, &client, &skill, &format!("{number}.bin")).await, (200, bytes(number, 400_000)));
    }
    let began = Instant::now();
    while size_of(&cache) > 1 << 20 {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", size_of(&cache));
        get(&process, &client, &skill, "0.bin").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The same bytes again are not sent again.
    let before = bucket.keys("files/").len();
    assert!(put(&process, &client, &skill, "again.bin", bytes(0, 400_000)).await < 300);
    assert_eq!(bucket.keys("files/").len(), before);

    // Away: what is kept here is read, nothing is acknowledged, and it comes back by itself.
    assert!(put(&process, &client, &skill, "small.txt", b"kept here".to_vec()).await < 300);
    bucket.away(true);
    assert_eq!(get(&process, &client, &skill, "small.txt").await, (200, b"kept here".to_vec()));
    assert_eq!(put(&process, &client, &skill, "lost.bin", bytes(9, 1_000)).await, 503);
    let ready: Value = client.get(format!("{}/readyz", process.base)).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(ready["components"]["files"], "degraded", "{ready}");
    bucket.away(false);
    assert!(put(&process, &client, &skill, "lost.bin", bytes(9, 1_000)).await < 300);
    assert_eq!(get(&process, &client, &skill, "lost.bin").await, (200, bytes(9, 1_000)));

    // A team's export is sent in parts, and taken from there.
    let (status, team) = process.call(&client, Method::POST, "/teams", json!({ "name": "Harbor" })).await.expect("an answer");
    assert!(status < 300);
    let team = team["id"].as_str().expect("an id").to_owned();
    let (_, mut job) = process.call(&client, Method::POST, &format!("/teams/{team}/exports"), Value::Null).await.expect("an answer");
    while ["queued", "running"].contains(&job["state"].as_str().unwrap_or_default()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let path = format!("/jobs/{}", job["id"].as_str().expect("an id"));
        job = process.call(&client, Method::GET, &path, Value::Null).await.expect("an answer").1;
    }
    assert_eq!(job["state"], "done", "{job}");
    let address = format!("{}/api/v1/teams/{team}/exports/{}", process.base, job["id"].as_str().expect("an id"));
    let taken = client.get(address).send().await.expect("an answer").bytes().await.expect("bytes");
    assert!(taken.starts_with(b"PK") && taken.len() as i64 == job["report"]["bytes"].as_i64().expect("a size"));
    assert_eq!(bucket.keys("files/exports/").len(), 1);
    process.kill();

    // Another node, which has nothing yet; and an object that somebody has changed.
    std::fs::remove_dir_all(&cache).expect("it may be deleted");
    for key in &stored {
        bucket.damage(key);
    }
    let process = Process::start_with(data.path(), &[], &borrowed(&environment, &blobs)).await;
    assert_eq!(get(&process, &client, &skill, "small.txt").await, (200, b"kept here".to_vec()));
    let (status, _) = get(&process, &client, &skill, "1.bin").await;
    assert!(status >= 500, "other bytes are not given out: {status}");
    process.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_go_to_the_object_store_and_come_back_from_it() {
    let (data, back, bucket) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"), Bucket::default());
    let environment = bucket.start().await;
    let place = [("BACKUP_URL", "s3://bucket/backups"), ("BACKUP_PASSPHRASE", "a passphrase of this test")];
    let process = Process::start_with(data.path(), &[], &borrowed(&environment, &place)).await;
    let client = browser();
    first_account(&process, &client).await;
    let began = Instant::now();
    while bucket.keys("backups/backups/").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "the first backup is made");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let team = async |name: &str| {
        let (status, team) = process.call(&client, Method::POST, "/teams", json!({ "name": name })).await.expect("an answer");
        assert!(status < 300, "{team}");
        team["id"].as_str().expect("an id").to_owned()
    };
    let mut teams = vec![team("Before").await];
    let segments = || bucket.keys("backups/wal/").iter().filter(|key| !key.ends_with("/seen")).count();
    let before = segments();
    bucket.away(true);
    teams.push(team("While it is away").await);
    tokio::time::sleep(Duration::from_secs(2)).await;
    bucket.away(false);
    teams.push(team("After").await);
    // It is tried again with growing pauses, or a minute later where it was away while the first backup came to its end.
    let began = Instant::now();
    while segments() < before + 1 {
        assert!(began.elapsed() < Duration::from_secs(100), "{:?}", bucket.keys("backups/wal/"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    process.kill();

    let restore = |folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_llmos"));
        command.args(["restore", "--from", "s3://bucket/backups"]).current_dir(folder).env("DATA_DIR", folder).env("RUST_LOG", "off");
        command.env_remove("DATABASE_URL").envs(borrowed(&environment, &place[1..]));
        let output = command.output().expect("the program runs");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (ok, said) = restore(back.path());
    assert!(ok, "{said}");
    let process = Process::start(back.path(), &[]).await;
    let client = browser();
    let (status, _) = process.call(&client, Method::POST, "/sign-in", crate::process::credentials()).await.expect("an answer");
    assert!(status < 300);
    for team in &teams {
        let (status, _) = process.call(&client, Method::GET, &format!("/teams/{team}"), Value::Null).await.expect("an answer");
        assert_eq!(status, 200, "{team}");
    }
    process.kill();
}

#[test]
fn an_import_goes_on_at_another_node_when_the_disk_of_the_first_is_lost() {
    on(Engine::Postgres, async |database| {
        let database = database.expect("one for this test");
        let bucket = Bucket::default();
        let environment = bucket.start().await;
        let url = database.url();
        let settings =
            [("DATABASE_URL", url.as_str()), ("BLOB_URL", "s3://bucket/files"), ("SECRET_KEY", "the same at both nodes of this test")];
        let (first, second) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
        let process = Process::start_with(first.path(), &[], &borrowed(&environment, &settings)).await;
        let client = browser();
        let volume = first_account(&process, &client).await;
        let files: Vec<(String, String)> = (0..3_000)
            .map(|number| {
                (format!("skills/s-{number}/SKILL.md"), format!("---\nname: s-{number}\ndescription: Of {number}.\n---\n\nRead.\n"))
            })
            .collect();
        let files: Vec<(&str, &[u8], u32)> = files.iter().map(|(path, text)| (path.as_str(), text.as_bytes(), 0)).collect();
        let request = client.post(format!("{}/api/v1/volumes/{volume}/imports", process.base)).header("content-type", "application/zip");
        let answer = request.body(pack(&files)).send().await.expect("an answer");
        assert_eq!(answer.status(), 202);
        let job: Value = answer.json().await.expect("JSON");
        process.kill();
        drop(first);
        let process = Process::start_with(second.path(), &[], &borrowed(&environment, &settings)).await;
        let path = format!("/jobs/{}", job["id"].as_str().expect("an id"));
        let began = Instant::now();
        let job = loop {
            let (_, job) = process.call(&client, Method::GET, &path, Value::Null).await.expect("an answer");
            if !["queued", "running"].contains(&job["state"].as_str().unwrap_or_default()) {
                break job;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{job}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        assert_eq!((&job["state"], &job["report"]["created"]), (&json!("done"), &json!(3_000)), "{job}");
        assert!(bucket.keys("files/uploads/").is_empty(), "it goes when the job has ended");
        process.kill();
        database.drop().await;
    });
}
