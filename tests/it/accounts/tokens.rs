//! API tokens, their scopes, and agents.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::text;

app_test!(a_token_is_shown_once_and_revoked, |app| {
    let maya = app.sign_up_first().await;
    let body = json!({ "name": "CI", "scopes": ["write", "read"], "expiresInDays": 30 });
    let answer = maya.answer(maya.request(Method::POST, "/api/v1/me/tokens").json(&body)).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    let made = answer.json();
    let secret = text(&made["secret"]);
    assert!(secret.starts_with("llmos_") && secret.len() > 40);
    let (_, list) = maya.get("/me/tokens").await;
    assert_eq!((&list[0]["name"], &list[0]["scopes"]), (&json!("CI"), &json!(["read", "write"])));
    assert!(secret.starts_with(list[0]["prefix"].as_str().expect("a prefix")) && !list.to_string().contains(&secret));
    let stored: Vec<String> = sqlx::query_scalar("SELECT token_hash FROM api_tokens").fetch_all(app.state.db.read()).await.expect("rows");
    assert!(!stored.contains(&secret));

    let program = app.program(&secret);
    assert_eq!(program.get("/me").await.0, 200);
    assert!(maya.get("/me/tokens").await.1[0]["lastUsedAt"].is_number());
    assert_eq!(maya.delete(&format!("/me/tokens/{}", text(&made["token"]["id"]))).await.0, 204);
    let (status, error) = program.get("/me").await;
    assert_eq!((status, &error["code"]), (401, &json!("unauthenticated")));
    assert_eq!(app.program("llmos_nonsense").get("/instance").await.0, 401, "a wrong token is never ignored");
});

app_test!(a_token_does_what_its_scopes_say, |app| {
    let maya = app.sign_up_first().await;
    let read = app.client_with_token(&maya, &["read"]).await;
    let write = app.client_with_token(&maya, &["write"]).await;
    let admin = app.client_with_token(&maya, &["read", "admin"]).await;
    let publish = app.client_with_token(&maya, &["publish"]).await;
    assert_eq!((read.get("/me").await.0, write.get("/me").await.0, publish.get("/me").await.0), (200, 200, 403));
    assert_eq!((read.patch("/me", json!({ "name": "M" })).await.0, write.patch("/me", json!({ "name": "M" })).await.0), (403, 200));
    let team = json!({ "name": "Harbor" });
    assert_eq!((read.post("/teams", team.clone()).await.0, write.post("/teams", team.clone()).await.0), (403, 403));
    assert_eq!((admin.post("/teams", team).await.0, write.get("/admin/users").await.0, admin.get("/admin/users").await.0), (201, 403, 200));
    let (_, error) = read.get("/me/tokens").await;
    assert_eq!(error["message"], "This token has no “admin” scope: make one that has it.");

    let more = json!({ "name": "more", "scopes": ["write"], "expiresInDays": null });
    assert_eq!(admin.post("/me/tokens", more).await.0, 403, "not more than itself");
    assert_eq!(admin.post("/me/tokens", json!({ "name": "less", "scopes": ["read"], "expiresInDays": null })).await.0, 201);
    for (status, _) in [
        admin.post("/me/password", json!({ "current": "x", "new": "another fine sentence" })).await,
        admin.get("/me/sign-ins").await,
        admin.post("/me/sign-out-everywhere", Value::Null).await,
    ] {
        assert_eq!(status, 403, "that takes a browser");
    }
});

app_test!(an_expired_token_is_refused_and_so_are_bad_wishes, |app| {
    let maya = app.sign_up_first().await;
    let program = app.client_with_token(&maya, &["read"]).await;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE api_tokens SET expires_at = 1").execute(&mut *tx).await.expect("updates");
    tx.commit().await.expect("commits");
    let (status, error) = program.get("/me").await;
    assert_eq!(status, 401);
    assert!(error["message"].as_str().is_some_and(|message| message.contains("expired")));
    for wrong in [
        json!({ "name": "", "scopes": ["read"], "expiresInDays": 1 }),
        json!({ "name": "x", "scopes": [], "expiresInDays": 1 }),
        json!({ "name": "x", "scopes": ["root"], "expiresInDays": 1 }),
        json!({ "name": "x", "scopes": ["read"], "expiresInDays": 0 }),
        json!({ "name": "x", "scopes": ["read"], "expiresInDays": 367 }),
    ] {
        assert_eq!(maya.post("/me/tokens", wrong).await.0, 400);
    }
    let noor = app.sign_up(&maya, "noor@x.y").await;
    let (_, list) = maya.get("/me/tokens").await;
    assert_eq!(noor.delete(&format!("/me/tokens/{}", text(&list[0]["id"]))).await.0, 404);
});

app_test!(an_agent_works_with_tokens_of_its_team, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let mina = app.join(&maya, &team, "maintainer", "mina@x.y").await;
    let (status, agent) = mina.post(&format!("/teams/{team}/agents"), json!({ "name": "Scribe", "role": "member" })).await;
    assert_eq!((status, &agent["person"]["kind"], &agent["email"]), (201, &json!("agent"), &Value::Null));
    let id = text(&agent["person"]["id"]);
    let tokens = format!("/teams/{team}/agents/{id}/tokens");
    let (status, made) = mina.post(&tokens, json!({ "name": "run", "scopes": ["read", "write", "admin"], "expiresInDays": 7 })).await;
    assert_eq!(status, 201);
    let bot = app.program(&text(&made["secret"]));
    let (_, me) = bot.get("/me").await;
    assert_eq!((&me["person"]["name"], &me["teams"][0]["role"], &me["hasPassword"]), (&json!("Scribe"), &json!("member"), &json!(false)));
    let members = maya.get(&format!("/teams/{team}/members")).await.1.as_array().expect("a list").clone();
    assert!(members.iter().any(|member| member["person"]["kind"] == "agent"));

    for (status, _) in [
        bot.post("/teams", json!({ "name": "Mine" })).await,
        bot.post("/me/tokens", json!({ "name": "x", "scopes": ["read"], "expiresInDays": 1 })).await,
        bot.post(&format!("/teams/{team}/leave"), Value::Null).await,
        bot.post(&format!("/teams/{team}/agents"), json!({ "name": "Child", "role": "viewer" })).await,
        maya.patch(&format!("/teams/{team}/members/{id}"), json!({ "role": "maintainer" })).await,
        mina.post(&tokens, json!({ "name": "above", "scopes": ["read"], "expiresInDays": 1 })).await,
    ]
    .into_iter()
    .filter(|(status, _)| *status != 200)
    {
        assert_eq!(status, 403);
    }
    assert_eq!(maya.patch(&format!("/teams/{team}/members/{id}"), json!({ "role": "owner" })).await.0, 400);
    assert_eq!(maya.post(&format!("/teams/{team}/transfer"), json!({ "to": id })).await.0, 400);
    assert_eq!(maya.patch(&format!("/admin/users/{id}"), json!({ "administrator": true })).await.0, 409);
    assert_eq!(maya.post(&format!("/admin/users/{id}/password-link"), Value::Null).await.0, 400);

    let (_, list) = maya.get(&tokens).await;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    assert_eq!(maya.get(&format!("/teams/{team}/agents/{}/tokens", mina.id)).await.0, 404, "a person is no agent");
    assert_eq!(maya.delete(&format!("{tokens}/{}", text(&list[0]["id"]))).await.0, 204);
    assert_eq!(bot.get("/me").await.0, 401);
    let (_, made) = maya.post(&tokens, json!({ "name": "run", "scopes": ["read"], "expiresInDays": 7 })).await;
    let bot = app.program(&text(&made["secret"]));
    assert_eq!(bot.get("/me").await.0, 200);
    assert_eq!(maya.delete(&format!("/teams/{team}/members/{id}")).await.0, 204);
    assert_eq!(bot.get("/me").await.0, 401, "an agent ends when its team lets it go");
    assert_eq!(maya.post(&tokens, json!({ "name": "run", "scopes": ["read"], "expiresInDays": 7 })).await.0, 404);
});

app_test!(a_deleted_teams_agents_end, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let (_, agent) = maya.post(&format!("/teams/{team}/agents"), json!({ "name": "Scribe", "role": "member" })).await;
    let tokens = format!("/teams/{team}/agents/{}/tokens", text(&agent["person"]["id"]));
    let (_, made) = maya.post(&tokens, json!({ "name": "run", "scopes": ["read"], "expiresInDays": 7 })).await;
    let bot = app.program(&text(&made["secret"]));
    assert_eq!(bot.get("/me").await.0, 200);
    assert_eq!(maya.delete(&format!("/teams/{team}")).await.0, 204);
    assert_eq!(bot.get("/me").await.0, 401);
});
