//! The sample team: added once, marked, removed wholly.

use serde_json::{Value, json};

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
