//! Tasks made by hand: who may, what is refused, what is found, where they are shown.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    marketplace::team_volume,
    volumes::committed,
};

pub async fn list(client: &Client, team: &str, query: &str) -> Vec<Value> {
    let (status, page) = client.get(&format!("/teams/{team}/tasks?{query}")).await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().expect("a list").clone()
}

pub fn titles(tasks: &[Value]) -> Vec<String> {
    tasks.iter().map(|task| text(&task["title"])).collect()
}

app_test!(tasks_are_made_assigned_closed_and_found, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    let stranger = app.sign_up(&maya, "stranger@x.y").await;
    let volume = team_volume(&maya, &team).await;
    let (lamps, _) = committed(&maya, &volume, "lamp-care").await;
    let path = format!("/teams/{team}/tasks");

    // Made once, however often it is sent; named artifacts are linked.
    let id = uuid::Uuid::now_v7().to_string();
    for _ in 0..2 {
        let (status, made) = tom.post(&path, json!({ "id": id, "title": " Trim the\nwicks, see @lamp-care " })).await;
        assert_eq!((status, &made["id"], &made["title"]), (201, &json!(id), &json!("Trim the wicks, see @lamp-care")), "{made}");
        assert_eq!((&made["artifacts"][0]["id"], &made["createdBy"]["id"]), (&json!(lamps), &json!(tom.id)), "{made}");
    }
    let (status, second) = maya.post(&path, json!({ "title": "Paint the 100% pier", "assigneeId": tom.id })).await;
    assert_eq!((status, &second["assignee"]["person"]["id"]), (201, &json!(tom.id)), "{second}");
    let second = text(&second["id"]);
    assert_eq!(maya.get(&path).await.1["open"], 2);

    // What is wrong says so beside its field.
    for (body, field) in [
        (json!({ "title": " \n" }), "title"),
        (json!({ "title": "x".repeat(301) }), "title"),
        (json!({ "title": "wicks\u{202e}" }), "title"),
        (json!({ "title": "x", "assigneeId": stranger.id }), "assigneeId"),
        (json!({ "title": "x", "artifactIds": [uuid::Uuid::now_v7()] }), "artifactIds"),
    ] {
        let (status, refused) = maya.post(&path, body).await;
        assert!(status == 400 && refused["fields"][field].is_string(), "{field}: {refused}");
    }

    // Viewers read, others see nothing.
    assert_eq!(list(&vera, &team, "").await.len(), 2);
    assert_eq!(vera.get(&path).await.1["canWrite"], false);
    assert_eq!(vera.post(&path, json!({ "title": "x" })).await.0, 403);
    assert_eq!(vera.patch(&format!("{path}/{id}"), json!({ "state": "closed" })).await.0, 403);
    for (method, address) in
        [(Method::GET, path.clone()), (Method::GET, format!("{path}/{id}")), (Method::GET, format!("/artifacts/{lamps}/tasks"))]
    {
        assert_eq!(stranger.json(method, &address, Value::Null).await.0, 404, "{address}");
    }
    let elsewhere = stranger.team("Elsewhere").await;
    assert_eq!(stranger.get(&format!("/teams/{elsewhere}/tasks/{id}")).await.0, 404, "it is not that team's");
    assert_eq!(stranger.post(&format!("/teams/{elsewhere}/tasks"), json!({ "id": id, "title": "x" })).await.0, 409);

    // Filters.
    assert_eq!(titles(&list(&tom, &team, "assignee=me").await), ["Paint the 100% pier"]);
    assert_eq!(titles(&list(&maya, &team, &format!("assignee={}", tom.id)).await), ["Paint the 100% pier"]);
    assert_eq!(titles(&list(&maya, &team, "assignee=none").await), ["Trim the wicks, see @lamp-care"]);
    assert_eq!(titles(&list(&maya, &team, "q=WICKS").await), ["Trim the wicks, see @lamp-care"]);
    assert_eq!(titles(&list(&maya, &team, "q=0%25").await), ["Paint the 100% pier"], "a sign is a sign");
    assert!(list(&maya, &team, "q=_").await.is_empty() && list(&maya, &team, "assignee=octocat").await.is_empty());
    let (_, page) = maya.get(&format!("{path}?limit=1")).await;
    assert_eq!((page["items"].as_array().map(Vec::len), &page["next"]), (Some(1), &page["items"][0]["id"]));
    assert_eq!(titles(&list(&maya, &team, &format!("before={}", text(&page["next"]))).await), ["Trim the wicks, see @lamp-care"]);

    // Changed, closed, opened again.
    let (status, changed) = tom.patch(&format!("{path}/{second}"), json!({ "title": "Paint the pier", "unassign": true })).await;
    assert_eq!((status, &changed["title"], &changed["assignee"]), (200, &json!("Paint the pier"), &Value::Null), "{changed}");
    let (_, closed) = tom.patch(&format!("{path}/{second}"), json!({ "state": "closed" })).await;
    assert!(closed["closedAt"].is_i64() && closed["title"] == "Paint the pier", "{closed}");
    assert_eq!(
        (list(&maya, &team, "state=closed").await.len(), list(&maya, &team, "").await.len(), list(&maya, &team, "state=all").await.len()),
        (1, 1, 2)
    );
    let (_, open) = tom.patch(&format!("{path}/{second}"), json!({ "state": "open" })).await;
    assert_eq!(open["closedAt"], Value::Null);

    // Beside the artifact that it is about, while it is open.
    assert_eq!(
        titles(maya.get(&format!("/artifacts/{lamps}/tasks")).await.1.as_array().expect("a list")),
        ["Trim the wicks, see @lamp-care"]
    );
    assert_eq!(maya.patch(&format!("{path}/{id}"), json!({ "state": "closed" })).await.0, 200);
    assert_eq!(maya.get(&format!("/artifacts/{lamps}/tasks")).await.1, json!([]));
    // Deleted for good, it is in no task any more.
    assert_eq!(maya.delete(&format!("/artifacts/{lamps}")).await.0, 204);
    assert_eq!(list(&maya, &team, "state=closed").await[0]["artifacts"], json!([]), "what is in the trash is not shown");

    // The page, without a script.
    let page = maya.answer(maya.request(Method::GET, &format!("/teams/{team}/tasks?state=all"))).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Paint the pier") && page.text.contains("New task"), "{}", page.text);
    let page = vera.answer(vera.request(Method::GET, &format!("/teams/{team}/tasks"))).await;
    assert!(page.status == 200 && !page.text.contains("New task"));
});

app_test!(who_looks_is_told_of_tasks, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "viewer", "tom@x.y").await;
    let mut socket = app.socket_of(&tom).await;
    socket.join(&team, "workspace", None).await;
    let (_, made) = maya.post(&format!("/teams/{team}/tasks"), json!({ "title": "Look" })).await;
    let told = loop {
        let frame = socket.until("event").await;
        if frame["event"]["type"] == "task" {
            break frame["event"]["taskId"].clone();
        }
    };
    assert_eq!(told, made["id"]);
});
