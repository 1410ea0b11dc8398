//! One's own profile, export and deletion.

use reqwest::Method;
use serde_json::json;

use crate::app::PASSWORD;

app_test!(name_and_time_zone_change, |app| {
    let maya = app.sign_up_first().await;
    let (status, me) = maya.patch("/me", json!({ "name": " Maya  C. ", "timeZone": "Europe/Berlin" })).await;
    assert_eq!((status, &me["person"]["name"], &me["timeZone"]), (200, &json!("Maya C."), &json!("Europe/Berlin")));
    let (_, me) = maya.get("/me").await;
    assert_eq!(me["person"]["name"], "Maya C.");
    let (status, error) = maya.patch("/me", json!({ "timeZone": "Mars/Olympus" })).await;
    assert_eq!(status, 400);
    assert!(error["fields"]["timeZone"].is_string());
});

app_test!(the_export_has_ones_data_and_no_secrets, |app| {
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    app.client_with_token(&maya, &["read"]).await;
    let answer = maya.answer(maya.request(Method::GET, "/api/v1/me/export")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-disposition").starts_with("attachment"));
    let export = answer.json();
    assert_eq!((&export["account"]["email"], &export["teams"][0]["name"]), (&json!("maya@harbor.internal"), &json!("Harbor")));
    assert_eq!((export["signIns"].as_array().map(Vec::len), export["tokens"].as_array().map(Vec::len)), (Some(1), Some(1)));
    assert!(!answer.text.contains("argon2") && !answer.text.contains("tokenHash"));
    let (_, log) = maya.get("/admin/audit").await;
    assert_eq!(log["events"][0]["action"], "account.exported");
});

app_test!(an_account_is_deleted_when_nobody_depends_on_it, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    let token = app.client_with_token(&noor, &["read", "admin"]).await;
    let team = noor.team("Harbor").await;

    let delete = |body| noor.json(Method::DELETE, "/me", body);
    assert_eq!(delete(json!({ "password": "wrong password" })).await.0, 400);
    let (status, error) = delete(json!({ "password": PASSWORD })).await;
    assert_eq!(status, 409);
    assert!(error["message"].as_str().is_some_and(|message| message.contains("“Harbor”")), "{error}");
    assert_eq!(token.json(Method::DELETE, "/me", json!({ "password": PASSWORD })).await.0, 403, "not with a token");
    let (status, error) = maya.json(Method::DELETE, "/me", json!({ "password": PASSWORD })).await;
    assert_eq!((status, &error["code"]), (409, &json!("conflict")), "the only administrator");

    assert_eq!(noor.delete(&format!("/teams/{team}")).await.0, 204);
    assert_eq!(delete(json!({ "password": PASSWORD })).await.0, 204);
    assert_eq!((noor.get("/me").await.0, token.get("/me").await.0), (401, 401));
    let visitor = app.visitor();
    assert_eq!(visitor.post("/sign-in", json!({ "email": "noor@harbor.internal", "password": PASSWORD })).await.0, 401);
    assert_eq!(maya.get("/admin/users").await.1["users"].as_array().map(Vec::len), Some(1));
    app.sign_up(&maya, "noor@harbor.internal").await;
});
