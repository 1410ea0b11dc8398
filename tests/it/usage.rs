//! Usage events: one for each use case, in its transaction; none where they are switched off.

use serde_json::{Value, json};

use crate::{
    app::{Client, TestApp},
    volumes::{commit, create, save, volume},
};

/// The kinds of all events, oldest first, of what people did.
async fn kinds(app: &TestApp) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM usage_events WHERE actor_id IS NOT NULL ORDER BY created_at, id")
        .fetch_all(app.state.db.read())
        .await
        .expect("the events are read")
}

/// A bit of everything; what is refused is in it too.
async fn work(maya: &Client) {
    let own = volume(maya, "user").await;
    let made = create(maya, &own, "Review").await;
    let id = made["summary"]["id"].as_str().expect("an id");
    let saves = made["draft"]["saves"].as_i64().unwrap_or_default();
    assert_eq!(save(maya, id, "# Review\n", saves).await.0, 200);
    assert_eq!(save(maya, id, "# Overtaken\n", saves + 7).await.0, 409);
    commit(maya, &[(id, None)], "First").await;
    assert_eq!(maya.post("/commits", json!({ "message": "Nothing", "artifacts": [] })).await.0, 400);
    assert_eq!(maya.post(&format!("/artifacts/{id}/fork"), json!({ "volumeId": own })).await.0, 201);
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    assert_eq!(maya.post("/me/tokens", json!({ "name": "CI", "scopes": ["read"], "expiresInDays": 1 })).await.0, 201);
    let (_, session) = maya.post("/sessions", json!({ "title": "Talk" })).await;
    let session = session["id"].as_str().expect("an id");
    assert_eq!(maya.post(&format!("/sessions/{session}/messages"), json!({ "text": "hello" })).await.0, 201);
    assert_eq!(maya.post(&format!("/sessions/{session}/messages"), json!({ "text": "" })).await.0, 400);
    assert_eq!(maya.post("/sign-out", Value::Null).await.0, 204);
}

app_test!(each_use_case_leaves_one_event_and_a_refused_one_none, |app| {
    let maya = app.sign_up_first().await;
    work(&maya).await;
    let found = kinds(app).await;
    let count = |kind: &str| found.iter().filter(|found| *found == kind).count();
    for kind in [
        "account.created",
        "draft.saved",
        "artifact.committed",
        "artifact.forked",
        "artifact.deleted",
        "token.created",
        "session.created",
        "session.message_sent",
        "account.signed_out",
    ] {
        assert_eq!(count(kind), 1, "{kind} in {found:?}");
    }
    assert_eq!(count("artifact.created"), 1, "{found:?}");
    let data: Vec<String> = sqlx::query_scalar("SELECT data FROM usage_events").fetch_all(app.state.db.read()).await.expect("data");
    let text = data.concat();
    assert!(!text.contains("hello") && !text.contains("Review"), "numbers and ids only: {text}");
});

app_test!(none_is_written_where_they_are_switched_off, |config| { config.analytics_enabled = false }, |app| {
    let maya = app.sign_up_first().await;
    work(&maya).await;
    assert_eq!(kinds(app).await, Vec::<String>::new());
});

app_test!(searches_and_what_is_opened_of_them_are_counted_together_a_moment_later, |app| {
    let maya = app.sign_up_first().await;
    let (_, page) = maya.get("/search?q=dcf").await;
    assert_eq!(maya.get("/search?q=dc&partial=true").await.1.get("query"), None);
    assert_eq!(maya.get("/search?q=dcf&offset=1").await.1.get("query"), None);
    let opened = json!({ "query": page["query"], "position": 1, "id": page["hits"][0]["id"] });
    assert_eq!(maya.post("/search/opened", opened).await.0, 204);
    assert_eq!(maya.post("/search/opened", json!({ "position": "first" })).await.0, 400);
    let mut found = Vec::new();
    for _ in 0..100 {
        found = kinds(app).await.into_iter().filter(|kind| kind.starts_with("search.")).collect();
        if found.len() == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(found, ["search.queried", "search.opened"]);
    let data: Vec<String> =
        sqlx::query_scalar("SELECT data FROM usage_events WHERE kind LIKE 'search.%'").fetch_all(app.state.db.read()).await.expect("data");
    assert!(data.iter().any(|data| data.contains("\"found\"")) && !data.concat().contains("dcf"), "{data:?}");
});
