//! The sample team: added once, marked, removed wholly.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{
    app::text,
    process::{Process, browser, first_account},
    process_test,
    volumes::volume,
};

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
    let (_, sessions) = maya.get("/sessions").await;
    let mut states: Vec<_> = sessions["items"].as_array().into_iter().flatten().map(|session| text(&session["status"])).collect();
    states.sort();
    assert_eq!(states, ["active", "committed"], "{sessions}");
    let artifact = artifact(&maya, &demo[0]["id"], "code-review").await;
    let (_, threads) = maya.get(&format!("/comments/threads?artifact={artifact}&state=resolved")).await;
    assert_eq!((&threads["resolved"], &threads["items"][0]["count"]), (&json!(1), &json!(2)), "{threads}");
    let (_, told) = maya.get("/notifications").await;
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1), "somebody asks whoever added it: {told}");
    assert_eq!(maya.delete("/admin/demo").await.0, 204);
    let (_, volumes) = maya.get("/volumes").await;
    assert!(volumes.as_array().expect("a list").iter().all(|volume| volume["demo"] == false), "{volumes}");
    assert_eq!(maya.get("/me").await.1["teams"], json!([]));
    assert_eq!(maya.get("/sessions").await.1["total"], 0);
    assert_eq!(maya.get("/notifications").await.1["items"], json!([]));
    assert_eq!(maya.post("/admin/demo", Value::Null).await.0, 204, "and comes again");
});

/// The id of an artifact of a volume.
async fn artifact(client: &crate::app::Client, volume: &Value, slug: &str) -> String {
    let (_, page) = client.get(&format!("/artifacts?volume={}&q={slug}", text(volume))).await;
    let found = page["items"].as_array().into_iter().flatten().find(|item| item["slug"] == slug);
    text(&found.expect("it is there")["id"])
}

// The sample people's rows were deleted, which the comments that had moved out with an artifact kept from happening.
app_test!(the_sample_goes_when_something_was_moved_out_of_it, |app| {
    let maya = app.sign_up_first().await;
    assert_eq!(maya.post("/admin/demo", Value::Null).await.0, 204);
    let demo = volume(&maya, "team").await;
    let moved = artifact(&maya, &json!(demo), "code-review").await;
    let own = volume(&maya, "user").await;
    assert_eq!(maya.post(&format!("/artifacts/{moved}/move"), json!({ "volumeId": own })).await.0, 200);
    assert_eq!(maya.delete("/admin/demo").await.0, 204);
    let (_, threads) = maya.get(&format!("/comments/threads?artifact={moved}&state=resolved")).await;
    assert_eq!(threads["items"][0]["comments"][0]["author"]["name"], "Rosa Lind", "{threads}");
    let (_, users) = maya.get("/admin/users").await;
    assert!(!users.to_string().contains("Rosa Lind"), "{users}");
    assert_eq!(maya.post("/admin/demo", Value::Null).await.0, 204, "and comes again");
    assert!(maya.get("/admin/users").await.1.to_string().contains("Rosa Lind"));
});

/// The volumes that are marked as samples.
async fn samples(process: &Process, client: &Client) -> Vec<Value> {
    let (status, volumes) = process.call(client, Method::GET, "/volumes", Value::Null).await.expect("an answer");
    assert_eq!(status, 200, "{volumes}");
    volumes.as_array().expect("a list").iter().filter(|volume| volume["demo"] == true).cloned().collect()
}

process_test!(a_start_with_the_wish_for_samples_adds_them_once, |disk| {
    let client = browser();
    let wish = ["env", "LLMOS_DEMO=true"];
    let process = disk.start(&wish).await;
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
    let process = disk.start(&wish).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(samples(&process, &client).await.len(), 1, "not twice");
    let (status, _) = process.call(&client, Method::DELETE, "/admin/demo", Value::Null).await.expect("an answer");
    assert_eq!(status, 204);
    process.kill();

    let process = disk.start(&wish).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(samples(&process, &client).await.len(), 0, "what was removed stays away");
    let (status, _) = process.call(&client, Method::POST, "/admin/demo", Value::Null).await.expect("an answer");
    assert_eq!(status, 204);
    assert_eq!(samples(&process, &client).await.len(), 1, "until somebody asks for it");
    process.kill();
});
