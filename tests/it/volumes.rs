//! Volumes: the tree, who may do what, commits of several volumes, what an outsider sees.

use serde_json::{Value, json};

use crate::app::{Client, text};

/// The id of the first volume of a kind.
pub async fn volume(client: &Client, kind: &str) -> String {
    let (status, volumes) = client.get("/volumes").await;
    assert_eq!(status, 200, "{volumes}");
    let found = volumes.as_array().expect("a list").iter().find(|volume| volume["kind"] == kind);
    text(&found.unwrap_or_else(|| panic!("a {kind} volume in {volumes}"))["id"])
}

/// Makes an artifact; its whole detail.
pub async fn create(client: &Client, volume: &str, name: &str) -> Value {
    let (status, made) = client.post("/artifacts", json!({ "volumeId": volume, "kind": "skill", "name": name })).await;
    assert_eq!(status, 201, "{made}");
    made
}

/// Makes an artifact and commits it; its id and head.
pub async fn committed(client: &Client, volume: &str, name: &str) -> (String, String) {
    let id = text(&create(client, volume, name).await["summary"]["id"]);
    commit(client, &[(&id, None)], "First").await;
    (id.clone(), head(client, &id).await)
}

pub async fn head(client: &Client, id: &str) -> String {
    let (status, detail) = client.get(&format!("/artifacts/{id}")).await;
    assert_eq!(status, 200, "{detail}");
    text(&detail["head"]["id"])
}

pub async fn commit(client: &Client, items: &[(&str, Option<&str>)], message: &str) -> Value {
    let items: Vec<_> = items.iter().map(|(id, base)| json!({ "id": id, "baseRevisionId": base })).collect();
    let (status, commits) = client.post("/commits", json!({ "message": message, "artifacts": items })).await;
    assert_eq!(status, 201, "{commits}");
    commits
}

pub async fn save(client: &Client, id: &str, text: &str, saves: i64) -> (u16, Value) {
    client.json(reqwest::Method::PUT, &format!("/artifacts/{id}/draft"), json!({ "text": text, "saves": saves })).await
}

app_test!(volumes_are_made_renamed_and_deleted, |app| {
    let maya = app.sign_up_first().await;
    let id = "0192a000-0000-7000-8000-0000000000aa";
    let body = json!({ "id": id, "name": " Second " });
    let (status, made) = maya.post("/volumes", body.clone()).await;
    assert_eq!((status, &made["name"], &made["role"], &made["kind"]), (201, &json!("Second"), &json!("owner"), &json!("user")));
    assert_eq!(maya.post("/volumes", body).await.0, 201, "the same again makes no second one");
    assert_eq!(maya.post("/volumes", json!({ "id": id, "name": "Other" })).await.0, 409);
    for name in ["", "Sec\u{202e}ond"] {
        let (status, refused) = maya.post("/volumes", json!({ "name": name })).await;
        assert!(status == 400 && refused["fields"]["name"].is_string(), "{refused}");
    }
    let path = format!("/volumes/{id}");
    assert_eq!(maya.patch(&path, json!({ "name": "Renamed" })).await.1["name"], "Renamed");
    assert_eq!(maya.delete(&path).await.0, 204);
    assert_eq!(maya.get(&path).await.0, 404);
    let own = volume(&maya, "user").await;
    assert_eq!(maya.delete(&format!("/volumes/{own}")).await.0, 409, "everybody keeps one");
});

app_test!(the_built_in_volume_is_there_and_never_edited, |app| {
    let maya = app.sign_up_first().await;
    let (_, volumes) = maya.get("/volumes").await;
    let system = volumes.as_array().expect("a list").iter().find(|volume| volume["kind"] == "system").expect("the built-in one");
    assert_eq!(
        (&system["skills"], &system["tools"], &system["agents"], &system["role"]),
        (&json!(16), &json!(4), &json!(4), &json!("viewer"))
    );
    let id = text(&system["id"]);
    assert_eq!(maya.post("/artifacts", json!({ "volumeId": id, "kind": "skill", "name": "x" })).await.0, 403);
    assert_eq!(maya.patch(&format!("/volumes/{id}"), json!({ "name": "Mine" })).await.0, 403);
    assert_eq!(maya.delete(&format!("/volumes/{id}")).await.0, 403);
    let (_, page) = maya.get(&format!("/artifacts?volume={id}&q=dcf")).await;
    let artifact = text(&page["items"][0]["id"]);
    assert_eq!(save(&maya, &artifact, "x", 0).await.0, 403);
    // Bringing it in line once more changes nothing.
    let ctx = llmos_lite::server::context::Ctx::internal(app.state.clone(), None);
    llmos_lite::features::volumes::service::install_system_volume(&ctx).await.expect("installs");
    assert_eq!(maya.get(&format!("/volumes/{id}/commits")).await.1["commits"].as_array().map(Vec::len), Some(1));
});

app_test!(one_act_commits_drafts_of_two_volumes, |app| {
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let (own, shared) = (volume(&maya, "user").await, volume(&maya, "team").await);
    let a = text(&create(&maya, &own, "Mine").await["summary"]["id"]);
    let b = text(&create(&maya, &shared, "Ours").await["summary"]["id"]);
    let commits = commit(&maya, &[(&a, None), (&b, None)], "Both").await;
    assert_eq!(commits.as_array().map(Vec::len), Some(2));
    for (volume, artifact) in [(&own, &a), (&shared, &b)] {
        let (_, page) = maya.get(&format!("/volumes/{volume}/commits")).await;
        assert_eq!(page["commits"][0]["message"], "Both");
        let (_, detail) = maya.get(&format!("/commits/{}", text(&page["commits"][0]["id"]))).await;
        assert_eq!((&detail["changes"][0]["artifactId"], &detail["changes"][0]["change"]), (&json!(artifact), &json!("created")));
    }
});

app_test!(a_viewer_reads_and_changes_nothing, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    let volume = volume(&maya, "team").await;
    let (id, revision) = committed(&maya, &volume, "Review").await;
    let own = self::volume(&vera, "user").await;
    assert_eq!(vera.get(&format!("/artifacts/{id}")).await.1["role"], "viewer");
    for path in ["", "/text", "/history", "/diff", "/files", "/download"] {
        let answer = vera.answer(vera.request(reqwest::Method::GET, &format!("/api/v1/artifacts/{id}{path}"))).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    for (status, answer) in writes(&vera, &id, &revision, &volume, &own).await {
        assert_eq!(status, 403, "{answer}");
    }
    // A copy for herself is reading.
    assert_eq!(vera.post(&format!("/artifacts/{id}/fork"), json!({ "volumeId": own })).await.0, 201);
    let (_, report) = vera.post("/artifacts/bulk", json!({ "action": "delete", "ids": [id] })).await;
    assert_eq!((&report["done"], report["refused"].as_array().map(Vec::len)), (&json!(0), Some(1)));
});

app_test!(an_outsider_finds_nothing, |app| {
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let volume = volume(&maya, "team").await;
    let (id, revision) = committed(&maya, &volume, "Secret").await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    let own = self::volume(&eve, "user").await;
    let (_, commits) = maya.get(&format!("/volumes/{volume}/commits")).await;
    let commit = text(&commits["commits"][0]["id"]);
    for path in [
        format!("/artifacts/{id}"),
        format!("/artifacts/{id}/text"),
        format!("/artifacts/{id}/history"),
        format!("/artifacts/{id}/diff"),
        format!("/artifacts/{id}/merge"),
        format!("/artifacts/{id}/files"),
        format!("/artifacts/{id}/files/a.txt"),
        format!("/artifacts/{id}/download"),
        format!("/volumes/{volume}"),
        format!("/volumes/{volume}/commits"),
        format!("/volumes/{volume}/export"),
        format!("/commits/{commit}"),
        format!("/artifacts?volume={volume}"),
        format!("/artifacts/facets?volume={volume}"),
    ] {
        let (status, answer) = eve.get(&path).await;
        assert_eq!(status, 404, "{path}: {answer}");
    }
    let mut answers = writes(&eve, &id, &revision, &volume, &own).await;
    answers.push(eve.post(&format!("/artifacts/{id}/fork"), json!({ "volumeId": own })).await);
    answers.push(eve.post(&format!("/artifacts/{id}/preview"), json!({ "text": "x" })).await);
    answers.push(eve.json(reqwest::Method::PUT, &format!("/artifacts/{id}/favourite"), Value::Null).await);
    for (status, answer) in answers {
        assert_eq!(status, 404, "{answer}");
    }
    let (_, page) = eve.get("/artifacts?q=secret").await;
    assert_eq!(page["items"], json!([]));
    assert_eq!(eve.get("/home").await.1["commits"], json!([]));
});

/// Every act that changes an artifact or a volume.
async fn writes(client: &Client, id: &str, revision: &str, volume: &str, own: &str) -> Vec<(u16, Value)> {
    use reqwest::Method;
    let at = |rest: &str| format!("/artifacts/{id}{rest}");
    vec![
        save(client, id, "changed", 0).await,
        client.delete(&at("/draft")).await,
        client.patch(&at("/frontmatter"), json!({ "key": "name", "value": { "type": "text", "value": "x" } })).await,
        client.json(Method::PUT, &at("/files/a.txt"), json!("x")).await,
        client.delete(&at("/files/a.txt")).await,
        client.post("/commits", json!({ "message": "m", "artifacts": [{ "id": id, "baseRevisionId": revision }] })).await,
        client.post(&at("/restore"), json!({ "revisionId": revision })).await,
        client.post(&at("/move"), json!({ "volumeId": own })).await,
        client.json(Method::PUT, &at("/merge"), json!({ "text": "x", "saves": 0, "headRevisionId": revision })).await,
        client.delete(&at("")).await,
        client.post(&at("/undelete"), Value::Null).await,
        client.delete(&at("/forever")).await,
        client.post("/artifacts", json!({ "volumeId": volume, "kind": "skill", "name": "x" })).await,
        client.post(&format!("/volumes/{volume}/imports"), json!({})).await,
        client.patch(&format!("/volumes/{volume}"), json!({ "name": "x" })).await,
        client.delete(&format!("/volumes/{volume}")).await,
    ]
}
