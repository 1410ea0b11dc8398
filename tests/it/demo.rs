//! The sample team: added once, marked, removed wholly.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Process, browser, first_account};

app_test!(the_sample_comes_and_goes, |app| {
    let maya = app.sign_up_first().await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    assert_eq!(eve.post("/admin/demo", Value::Null).await.0, 403);
    for _ in 0..2 {
        assert_eq!(maya.post("/admin/demo", Value::Null).await.0, 204);
    }
    let (_, volumes) = maya.get("/volumes").await;
    let demo: Vec<_> = volumes.as_array().expect("a list").iter().filter(|volume| volume["demo"] == true).collect();
    assert_eq!(demo.len(), 1, "{volumes}");
    assert_eq!((&demo[0]["skills"], &demo[0]["drafts"]), (&json!(9), &json!(2)));
    let (_, commits) = maya.get(&format!("/volumes/{}/commits", demo[0]["id"].as_str().expect("an id"))).await;
    assert_eq!(commits["commits"].as_array().map(Vec::len), Some(3));
    assert_eq!(maya.get("/me").await.1["teams"][0]["demo"], true);
    assert_eq!(maya.delete("/admin/demo").await.0, 204);
    let (_, volumes) = maya.get("/volumes").await;
    assert!(volumes.as_array().expect("a list").iter().all(|volume| volume["demo"] == false), "{volumes}");
    assert_eq!(maya.get("/me").await.1["teams"], json!([]));
    assert_eq!(maya.post("/admin/demo", Value::Null).await.0, 204, "and comes again");
});

/// The volumes that are marked as samples.
async fn samples(process: &Process, client: &Client) -> Vec<Value> {
    let (status, volumes) = process.call(client, Method::GET, "/volumes", Value::Null).await.expect("an answer");
    assert_eq!(status, 200, "{volumes}");
    volumes.as_array().expect("a list").iter().filter(|volume| volume["demo"] == true).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_the_wish_for_samples_adds_them_once() {
    let data = TempDir::new().expect("a folder");
    let client = browser();
    let wish = ["env", "LLMOS_DEMO=true"];
    let process = Process::start(data.path(), &wish).await;
    first_account(&process, &client).await;
    let began = Instant::now();
    // The last thing that is added is the second draft.
    while samples(&process, &client).await.first().is_none_or(|volume| volume["drafts"] != 2) {
        assert!(began.elapsed() < Duration::from_secs(60), "the sample comes with the first account");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // Noted after it was added.
    tokio::time::sleep(Duration::from_millis(500)).await;
    process.kill();

    // The worker looks as soon as it runs.
    let process = Process::start(data.path(), &wish).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(samples(&process, &client).await.len(), 1, "not twice");
    let (status, _) = process.call(&client, Method::DELETE, "/admin/demo", Value::Null).await.expect("an answer");
    assert_eq!(status, 204);
    process.kill();

    let process = Process::start(data.path(), &wish).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(samples(&process, &client).await.len(), 0, "what was removed stays away");
    let (status, _) = process.call(&client, Method::POST, "/admin/demo", Value::Null).await.expect("an answer");
    assert_eq!(status, 204);
    assert_eq!(samples(&process, &client).await.len(), 1, "until somebody asks for it");
    process.kill();
}
