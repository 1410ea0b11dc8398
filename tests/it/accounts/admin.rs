//! What administrators see and change.

use serde_json::{Value, json};

use crate::app::PASSWORD;

app_test!(only_administrators_administer, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@x.y").await;
    for (status, _) in [
        noor.get("/admin/users").await,
        noor.get("/admin/teams").await,
        noor.get("/admin/settings").await,
        noor.get("/admin/audit").await,
        noor.patch("/admin/settings", json!({ "name": "Mine" })).await,
        noor.patch(&format!("/admin/users/{}", noor.id), json!({ "administrator": true })).await,
    ] {
        assert_eq!(status, 403);
    }
    assert_eq!(app.visitor().get("/admin/users").await.0, 401);
    assert_eq!(noor.get("/me").await.1["administrator"], false);
});

app_test!(settings_change_and_are_logged, |app| {
    let maya = app.sign_up_first().await;
    let (status, settings) = maya.patch("/admin/settings", json!({ "name": " Harbor ", "openRegistration": true })).await;
    assert_eq!((status, settings), (200, json!({ "name": "Harbor", "openRegistration": true })));
    assert_eq!(maya.patch("/admin/settings", json!({ "name": "" })).await.0, 400);
    let (_, instance) = app.visitor().get("/instance").await;
    assert_eq!((&instance["name"], &instance["openRegistration"]), (&json!("Harbor"), &json!(true)));
    let (_, log) = maya.get("/admin/audit").await;
    assert_eq!((&log["events"][0]["action"], &log["events"][0]["actor"]), (&json!("settings.changed"), &json!("Maya Chen")));
});

app_test!(users_are_listed_searched_and_paged, |app| {
    let maya = app.sign_up_first().await;
    let now = 1_700_000_000_000_i64;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for n in 0..120 {
        sqlx::query("INSERT INTO users (id, kind, name, email, color, time_zone, created_at, updated_at) VALUES ($1, 'human', $2, $3, 1, 'UTC', $4, $4)")
            .bind(uuid::Uuid::now_v7().to_string())
            .bind(format!("Person {n}"))
            .bind(format!("p{n}@x.y"))
            .bind(now)
            .execute(&mut *tx)
            .await
            .expect("inserts");
    }
    tx.commit().await.expect("commits");
    let (_, first) = maya.get("/admin/users").await;
    assert_eq!((first["users"].as_array().map(Vec::len), &first["users"][0]["person"]["name"]), (Some(50), &json!("Person 119")));
    let (_, second) = maya.get(&format!("/admin/users?before={}", first["next"].as_str().expect("more"))).await;
    assert_eq!(second["users"][0]["person"]["name"], "Person 69");
    let (_, third) = maya.get(&format!("/admin/users?before={}", second["next"].as_str().expect("more"))).await;
    assert_eq!((third["users"].as_array().map(Vec::len), &third["next"]), (Some(21), &Value::Null));
    let count = |page: Value| page["users"].as_array().map(Vec::len);
    assert_eq!(count(maya.get("/admin/users?q=pErSoN+11").await.1), Some(11));
    assert_eq!(count(maya.get("/admin/users?q=maya@").await.1), Some(1));
    assert_eq!(count(maya.get("/admin/users?q=%25").await.1), Some(0), "no wildcard");
    assert_eq!(count(maya.get("/admin/users?q=a%00b").await.1), Some(0));
    assert_eq!(maya.get("/admin/users?before=x").await.0, 400);
});

app_test!(deactivating_ends_everything_and_the_last_administrator_stays, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@x.y").await;
    let token = app.client_with_token(&noor, &["read"]).await;
    let path = format!("/admin/users/{}", noor.id);
    let own = format!("/admin/users/{}", maya.id);
    assert_eq!(token.get("/me").await.0, 200);
    let (status, user) = maya.patch(&path, json!({ "deactivated": true })).await;
    assert_eq!((status, &user["deactivated"]), (200, &json!(true)));
    assert_eq!((noor.get("/me").await.0, token.get("/me").await.0), (401, 401));
    let visitor = app.visitor();
    let (status, error) = visitor.post("/sign-in", json!({ "email": "noor@x.y", "password": PASSWORD })).await;
    assert_eq!((status, &error["code"]), (403, &json!("forbidden")), "told to whoever has the password");
    assert_eq!(visitor.post("/sign-in", json!({ "email": "noor@x.y", "password": "wrong password" })).await.0, 401);
    assert_eq!(maya.post(&format!("{path}/password-link"), Value::Null).await.0, 409);
    assert_eq!(maya.patch(&path, json!({ "deactivated": false })).await.0, 200);
    let noor = app.sign_in("noor@x.y").await;

    assert_eq!(maya.patch(&own, json!({ "deactivated": true })).await.0, 409);
    assert_eq!(maya.patch(&own, json!({ "administrator": false })).await.0, 409);
    assert_eq!(maya.patch(&path, json!({ "administrator": true, "moderator": true })).await.0, 200);
    assert_eq!(noor.get("/admin/users").await.0, 200, "at once");
    assert_eq!(noor.patch(&own, json!({ "administrator": false })).await.0, 200);
    assert_eq!(maya.get("/admin/users").await.0, 403, "at once");
    assert_eq!(noor.patch("/admin/users/0192a000-0000-7000-8000-00000000dead", json!({ "moderator": true })).await.0, 404);
});

app_test!(teams_are_listed_for_administrators, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@x.y").await;
    noor.team("Harbor").await;
    let (_, teams) = maya.get("/admin/teams").await;
    assert_eq!((&teams[0]["name"], &teams[0]["members"], &teams[0]["artifacts"]), (&json!("Harbor"), &json!(1), &json!(0)));
});
