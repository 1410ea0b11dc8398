//! One's own profile, export and deletion.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{PASSWORD, text},
    sessions::{begin, say},
    volumes::{committed, volume},
};

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

app_test!(the_export_has_what_one_wrote_and_nothing_of_others, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let noor = app.join(&maya, &team, "member", "noor@harbor.internal").await;
    let (artifact, _) = committed(&maya, &volume(&maya, "team").await, "Pilotage").await;
    let private = begin(&noor, None, "Mine alone").await;
    say(&noor, &private, "a private thought").await;
    let binned = begin(&noor, None, "Thrown away").await;
    assert_eq!(noor.delete(&format!("/sessions/{binned}")).await.0, 204);
    let shared = begin(&maya, Some(&team), "Review").await;
    say(&noor, &shared, "what noor said").await;
    let gone = say(&noor, &shared, "taken back").await;
    assert_eq!(noor.delete(&format!("/sessions/{shared}/messages/{}", text(&gone["id"]))).await.0, 204);
    say(&maya, &shared, "@noor what maya said").await;
    say(&maya, &begin(&maya, None, "Of maya alone").await, "not for noor").await;
    let (status, _) = noor.post("/comments/threads", json!({ "artifactId": artifact, "text": "Why so?" })).await;
    assert_eq!(status, 201);
    assert_eq!(noor.json(Method::PUT, &format!("/artifacts/{artifact}/favourite"), Value::Null).await.0, 204);

    let (status, export) = noor.get("/me/export").await;
    assert_eq!(status, 200, "{export}");
    let sessions = &export["sessions"];
    let names: Vec<_> = sessions["private"].as_array().expect("a list").iter().map(|session| text(&session["name"])).collect();
    assert_eq!(names, ["Mine alone", "Thrown away"]);
    assert_eq!(sessions["private"][0]["messages"][0]["content"], "a private thought");
    let messages = sessions["messages"].as_array().expect("a list");
    assert_eq!(messages.len(), 1, "{sessions}");
    assert_eq!((&messages[0]["session"], &messages[0]["content"]), (&json!("Review"), &json!("what noor said")));
    assert_eq!((&export["comments"][0]["text"], &export["comments"][0]["artifactId"]), (&json!("Why so?"), &json!(artifact)));
    assert_eq!((&export["favourites"][0]["id"], export["favourites"].as_array().map(Vec::len)), (&json!(artifact), Some(1)));
    let told = export["notifications"].as_array().expect("a list");
    assert!(told.iter().any(|one| one["by"] == "Maya Chen" && one["about"] == "Review"), "{told:?}");
    assert!(!export.to_string().contains("not for noor"));

    // Who has left the team takes the own words along, and not what the session is called.
    assert_eq!(noor.post(&format!("/teams/{team}/leave"), Value::Null).await.0, 204);
    let (_, export) = noor.get("/me/export").await;
    let message = &export["sessions"]["messages"][0];
    assert_eq!((&message["content"], &message["session"]), (&json!("what noor said"), &Value::Null));
    assert_eq!((&export["favourites"], &export["notifications"]), (&json!([]), &json!([])));
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
