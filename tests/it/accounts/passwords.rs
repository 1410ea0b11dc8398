//! Changing a password, and one-time links for a forgotten one.

use serde_json::{Value, json};

use crate::app::{PASSWORD, secret_of};

const OTHER: &str = "another fine sentence";

app_test!(changing_the_password_signs_other_devices_out, |app| {
    let laptop = app.sign_up_first().await;
    let phone = app.sign_in("maya@harbor.internal").await;
    let (status, error) = laptop.post("/me/password", json!({ "current": "wrong password", "new": OTHER })).await;
    assert_eq!(status, 400);
    assert!(error["fields"]["current"].is_string());
    let (status, error) = laptop.post("/me/password", json!({ "current": PASSWORD, "new": "short" })).await;
    assert_eq!(status, 400);
    assert!(error["fields"]["new"].is_string(), "{error}");
    assert_eq!(laptop.post("/me/password", json!({ "current": PASSWORD, "new": OTHER })).await.0, 204);
    assert_eq!((laptop.get("/me").await.0, phone.get("/me").await.0), (200, 401));
    let visitor = app.visitor();
    assert_eq!(visitor.post("/sign-in", json!({ "email": "maya@harbor.internal", "password": PASSWORD })).await.0, 401);
    assert_eq!(visitor.post("/sign-in", json!({ "email": "maya@harbor.internal", "password": OTHER })).await.0, 200);
});

app_test!(a_link_sets_a_password_once, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    assert_eq!(noor.post(&format!("/admin/users/{}/password-link", maya.id), Value::Null).await.0, 403);
    let make = format!("/admin/users/{}/password-link", noor.id);
    let (status, first) = maya.post(&make, Value::Null).await;
    assert_eq!(status, 201);
    assert!(first["url"].as_str().is_some_and(|url| url.starts_with(&format!("{}/reset/", app.url))));
    let (_, second) = maya.post(&make, Value::Null).await;

    let visitor = app.visitor();
    let (first, second) = (secret_of(&first["url"]), secret_of(&second["url"]));
    assert_eq!(visitor.get(&format!("/password-links/{first}")).await.0, 410, "a newer link replaces it");
    assert_eq!(visitor.get(&format!("/password-links/{second}")).await.0, 200);
    assert_eq!(visitor.post(&format!("/password-links/{second}"), json!({ "password": "short" })).await.0, 400);
    let (status, me) = visitor.post(&format!("/password-links/{second}"), json!({ "password": OTHER })).await;
    assert_eq!((status, &me["email"]), (200, &json!("noor@harbor.internal")));
    assert_eq!(visitor.get("/me").await.0, 200, "signed in at once");
    assert_eq!(noor.get("/me").await.0, 401, "the others are out");
    let (status, error) = app.visitor().post(&format!("/password-links/{second}"), json!({ "password": PASSWORD })).await;
    assert_eq!((status, &error["code"]), (410, &json!("expired")));
    assert_eq!(visitor.get("/password-links/unknown").await.0, 410);
});

app_test!(an_expired_link_does_not_work, |app| {
    let maya = app.sign_up_first().await;
    let (_, link) = maya.post(&format!("/admin/users/{}/password-link", maya.id), Value::Null).await;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE password_links SET expires_at = 1").execute(&mut *tx).await.expect("updates");
    tx.commit().await.expect("commits");
    let path = format!("/password-links/{}", secret_of(&link["url"]));
    assert_eq!(app.visitor().get(&path).await.0, 410);
    assert_eq!(app.visitor().post(&path, json!({ "password": OTHER })).await.0, 410);
    assert_eq!(maya.get("/me").await.0, 200);
});
