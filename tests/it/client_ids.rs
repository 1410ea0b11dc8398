//! Ids made by the client: taken as they are, refused when they are none, and never used twice.

use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    import::pack,
    volumes::volume,
};

fn id() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// Creates with an id, then again, then with ids that are none.
async fn creates_once(client: &Client, path: &str, body: Value, made: impl Fn(&Value) -> &Value) -> String {
    let id = id();
    let with = |id: &str| {
        let mut body = body.clone();
        body["id"] = json!(id);
        body
    };
    let (status, answer) = client.post(path, with(&id)).await;
    assert_eq!((status, made(&answer)), (201, &json!(id)), "{path}: {answer}");
    let (status, refused) = client.post(path, with(&id)).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{path}: {refused}");
    for bad in ["7d444840-9dc0-41d1-b245-5ffdce74fad2", "00000000-0000-7000-8000-0000000000d1", "not-an-id"] {
        let (status, refused) = client.post(path, with(bad)).await;
        assert_eq!((status, &refused["code"]), (400, &json!("invalid_input")), "{path} {bad}: {refused}");
    }
    id
}

app_test!(every_creation_takes_an_id_once, |app| {
    let maya = app.sign_up_first().await;
    let team = creates_once(&maya, "/teams", json!({ "name": "Harbor" }), |team| &team["id"]).await;
    let agents = format!("/teams/{team}/agents");
    let agent = creates_once(&maya, &agents, json!({ "name": "Scribe", "role": "member" }), |member| &member["person"]["id"]).await;
    // Agents and teams name rooms alike.
    assert_eq!(maya.post(&agents, json!({ "id": team, "name": "Other", "role": "member" })).await.0, 409);
    let wish = json!({ "name": "run", "scopes": ["read"], "expiresInDays": 7 });
    let of_agent = creates_once(&maya, &format!("{agents}/{agent}/tokens"), wish.clone(), |made| &made["token"]["id"]).await;
    creates_once(&maya, "/me/tokens", wish.clone(), |made| &made["token"]["id"]).await;
    let mut again = wish;
    again["id"] = json!(of_agent);
    assert_eq!(maya.post("/me/tokens", again).await.0, 409, "somebody else's");
    let wish = json!({ "role": "member", "maxUses": 1, "expiresInDays": 7 });
    creates_once(&maya, &format!("/teams/{team}/invitations"), wish.clone(), |made| &made["invitation"]["id"]).await;
    creates_once(&maya, "/admin/invitations", wish, |made| &made["invitation"]["id"]).await;
});

app_test!(forks_and_imports_take_an_id_once, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let built_in = volume(&maya, "system").await;
    let (_, page) = maya.get(&format!("/artifacts?volume={built_in}&limit=1")).await;
    let source = text(&page["items"][0]["id"]);
    creates_once(&maya, &format!("/artifacts/{source}/fork"), json!({ "volumeId": own }), |made| &made["summary"]["id"]).await;

    let job = id();
    let send = async |id: &str| {
        let address = format!("/api/v1/volumes/{own}/imports?id={id}");
        let request = maya.request(reqwest::Method::POST, &address).header("content-type", "application/zip");
        maya.answer(request.body(pack(&[("skills/a/SKILL.md", b"one\n", 0o644)]))).await
    };
    let first = send(&job).await;
    assert_eq!((first.status, &first.json()["id"]), (202, &json!(job)), "{}", first.text);
    assert_eq!(send(&job).await.status, 409);
    crate::import::finish(&maya, &first.json()).await;
    assert_eq!(send(&job).await.status, 409, "also when it has ended");
    assert_eq!(send("7d444840-9dc0-41d1-b245-5ffdce74fad2").await.status, 400);
});
