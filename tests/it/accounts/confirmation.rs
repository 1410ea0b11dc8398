//! Proving once more who one is, before what changes how one signs in.

use reqwest::Method;
use serde_json::{Value, json};

use super::factors::{App, change};
use crate::{
    app::{Client, PASSWORD, TestApp, text},
    rooms::people,
};

/// As if everybody had signed in an hour ago.
async fn an_hour_later(app: &TestApp) {
    change(app, "UPDATE sign_ins SET confirmed_at = confirmed_at - 3600000").await;
}

async fn asks(client: &Client, method: Method, path: &str, body: Value) {
    let (status, error) = client.json(method.clone(), path, body).await;
    assert_eq!((status, &error["code"]), (403, &json!("confirmation_required")), "{method} {path}: {error}");
}

app_test!(sensitive_acts_ask_for_a_fresh_proof, |app| {
    let (maya, ines, _, team) = people(app).await;
    let phone = app.sign_in("maya@harbor.internal").await;
    let (_, list) = maya.get("/me/sign-ins").await;
    let other = list.as_array().into_iter().flatten().find(|row| row["current"] == false).map(|row| text(&row["id"])).expect("the phone");
    an_hour_later(app).await;
    let token = json!({ "name": "CI", "scopes": ["read"], "expiresInDays": 7 });
    for (method, path, body) in [
        (Method::POST, "/me/totp/secret".to_owned(), Value::Null),
        (Method::POST, "/me/totp".to_owned(), json!({ "name": "x", "code": "000000" })),
        (Method::POST, "/me/passkeys/options".to_owned(), Value::Null),
        (Method::POST, "/me/recovery-codes".to_owned(), Value::Null),
        (Method::POST, "/me/tokens".to_owned(), token.clone()),
        (Method::DELETE, "/me/github".to_owned(), Value::Null),
        (Method::DELETE, "/me/oidc".to_owned(), Value::Null),
        (Method::DELETE, format!("/me/sign-ins/{other}"), Value::Null),
        (Method::POST, "/me/sign-out-others".to_owned(), Value::Null),
        (Method::POST, format!("/teams/{team}/transfer"), json!({ "to": ines.id })),
        (Method::POST, format!("/teams/{team}/exports"), Value::Null),
        (Method::PATCH, format!("/teams/{team}"), json!({ "requiresFactor": true })),
    ] {
        asks(&maya, method, &path, body).await;
    }
    assert_eq!(phone.get("/me").await.0, 200, "nothing was changed");
    // What is not sensitive goes on; so does what proves who one is by itself.
    assert_eq!(maya.patch(&format!("/teams/{team}"), json!({ "name": "Pier" })).await.0, 200);
    assert_eq!(maya.post("/me/password", json!({ "current": PASSWORD, "new": "another fine sentence" })).await.0, 204);

    let (status, error) = maya.post("/me/confirmation", json!({ "password": PASSWORD })).await;
    assert_eq!((status, error["fields"]["password"].is_string()), (400, true), "{error}");
    let (status, confirmed) = maya.post("/me/confirmation", json!({ "password": "another fine sentence" })).await;
    assert!(status == 200 && confirmed["confirmedUntil"].is_number(), "{confirmed}");
    assert_eq!(maya.post("/me/tokens", token).await.0, 201);
});

app_test!(the_proof_goes_on_under_another_secret, |app| {
    let maya = app.sign_up_first().await;
    let sign_in = maya.request(Method::POST, "/api/v1/sign-in").json(&json!({ "email": "maya@harbor.internal", "password": PASSWORD }));
    let before = maya.answer(sign_in).await.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let mut socket = app.open("/ws", &[("cookie", before.clone()), ("origin", app.url.clone())]).await.expect("it opens");
    socket.until("welcome").await;
    let answer = maya.answer(maya.request(Method::POST, "/api/v1/me/confirmation").json(&json!({ "password": PASSWORD }))).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.text);
    assert!(answer.header("set-cookie").starts_with("llmos_session=") && !answer.header("set-cookie").starts_with(&before));
    assert_eq!(maya.get("/me").await.0, 200);
    let thief = Client { token: None, ..app.program("unused") };
    let with_old = thief.request(Method::GET, "/api/v1/me").header("cookie", &before);
    assert_eq!(thief.answer(with_old).await.status, 401, "the secret of before is worth nothing");
    // What this browser has open stays open.
    socket.ping().await;
});

app_test!(a_password_is_no_proof_where_there_is_a_factor, |app| {
    let maya = app.sign_up_first().await;
    let factor = App::add(&maya).await;
    an_hour_later(app).await;
    let (status, error) = maya.post("/me/confirmation", json!({ "password": PASSWORD })).await;
    assert_eq!((status, error["fields"]["code"].is_string()), (400, true), "{error}");
    asks(&maya, Method::DELETE, &format!("/me/factors/{}", factor.id), Value::Null).await;
    assert_eq!(maya.post("/me/confirmation", json!({ "code": "000000" })).await.0, 400);
    assert_eq!(maya.post("/me/confirmation", json!({ "code": factor.code(app).await })).await.0, 200);
    assert_eq!(maya.delete(&format!("/me/factors/{}", factor.id)).await.0, 204);
});

app_test!(proofs_are_limited_and_take_a_browser, |app| {
    let maya = app.sign_up_first().await;
    let program = app.client_with_token(&maya, &["read", "write", "admin"]).await;
    assert_eq!(program.post("/me/confirmation", json!({ "password": PASSWORD })).await.0, 403);
    assert_eq!(program.get("/me/protection").await.0, 403);
    assert_eq!(program.post("/me/totp/secret", Value::Null).await.0, 403);
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(maya.post("/me/confirmation", json!({ "password": "wrong password" })).await.0);
    }
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
});
