//! Rights that end, end what was opened with them, on both sockets and whatever they were opened with.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Client, PASSWORD, TestApp, text},
    rooms::{SHA, commit, people},
    socket::Socket,
    volumes::{create, volume},
};

app_test!(rights_that_end_end_the_connection_within_a_second, |app| {
    let (maya, ines, _, team) = people(app).await;
    let mut watcher = app.socket_of(&maya).await;
    watcher.join(&team, "workspace", None).await;

    // A role that falls.
    let mut socket = app.socket_of(&ines).await;
    socket.join(&team, "workspace", None).await;
    let (status, _) = maya.patch(&format!("/teams/{team}/members/{}", ines.id), json!({ "role": "viewer" })).await;
    assert_eq!(status, 200);
    tokio::time::sleep(Duration::from_millis(900)).await;
    socket.tell(&team, commit(SHA)).await;
    assert_eq!(socket.until("error").await["code"], "forbidden");

    // Out of the team: out of the room, the connection stays.
    let (status, _) = maya.delete(&format!("/teams/{team}/members/{}", ines.id)).await;
    assert_eq!(status, 204);
    assert_eq!(socket.until("error").await["code"], "forbidden");
    assert_eq!(watcher.until("user_left").await["event"]["userId"], ines.id.as_str());
    socket.join(&ines.id, "workspace", None).await;

    // A token that is revoked.
    let (_, tokens) = ines.get("/me/tokens").await;
    for token in tokens.as_array().expect("a list") {
        let (status, _) = ines.delete(&format!("/me/tokens/{}", text(&token["id"]))).await;
        assert_eq!(status, 204);
    }
    assert_eq!(socket.closed().await, 4401);

    // Signing out ends what a token of a minute has opened.
    let (_, made) = ines.post("/ws-token", Value::Null).await;
    let mut socket = app.open(&format!("/ws?token={}", text(&made["token"])), &[]).await.expect("it opens");
    socket.until("welcome").await;
    let (status, _) = ines.post("/sign-out", Value::Null).await;
    assert!(status < 300, "{status}");
    assert_eq!(socket.closed().await, 4401);

    // An account that is deactivated.
    let tomas = app.sign_up(&maya, "tomas@harbor.internal").await;
    let mut socket = app.socket_of(&tomas).await;
    let (status, _) = maya.patch(&format!("/admin/users/{}", tomas.id), json!({ "deactivated": true })).await;
    assert_eq!(status, 200);
    assert_eq!(socket.closed().await, 4401);
});

/// A browser that Ines signed in with, and a socket of each kind that it opened with its cookie.
struct Device {
    browser: Client,
    room: Socket,
    document: Socket,
}

impl Device {
    async fn sign_in(app: &TestApp, artifact: &str, password: &str) -> Self {
        let browser = app.visitor();
        let credentials = json!({ "email": "ines@harbor.internal", "password": password });
        let answer = browser.answer(browser.request(Method::POST, "/api/v1/sign-in").json(&credentials)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
        let headers = [("cookie", cookie), ("origin", app.url.clone())];
        let mut room = app.open("/ws", &headers).await.expect("it opens");
        room.until("welcome").await;
        let document = app.open(&format!("/ws/doc/{artifact}"), &headers).await.expect("it opens");
        Self { browser, room, document }
    }

    async fn closes(mut self) {
        assert_eq!(self.room.closed().await, 4401);
        assert_eq!(self.document.closed().await, 4401);
    }
}

app_test!(a_sign_in_that_ends_ends_the_sockets_of_its_cookie, |app| {
    let (maya, ..) = people(app).await;
    let shared = volume(&maya, "team").await;
    let artifact = text(&create(&maya, &shared, "shared").await["summary"]["id"]);
    let mut laptop = Device::sign_in(app, &artifact, PASSWORD).await;

    // One device is ended from another one.
    let phone = Device::sign_in(app, &artifact, PASSWORD).await;
    let (_, devices) = phone.browser.get("/me/sign-ins").await;
    let current = devices.as_array().into_iter().flatten().find(|device| device["current"] == true).expect("the one that asks");
    assert_eq!(laptop.browser.delete(&format!("/me/sign-ins/{}", text(&current["id"]))).await.0, 204);
    phone.closes().await;

    // Another password ends all the others.
    let phone = Device::sign_in(app, &artifact, PASSWORD).await;
    let other = "lantern bridge harbor";
    assert_eq!(laptop.browser.post("/me/password", json!({ "current": PASSWORD, "new": other })).await.0, 204);
    phone.closes().await;
    laptop.room.ping().await;

    // Signing out here, and everywhere.
    let phone = Device::sign_in(app, &artifact, other).await;
    assert_eq!(phone.browser.post("/sign-out", Value::Null).await.0, 204);
    phone.closes().await;
    laptop.room.ping().await;
    let phone = Device::sign_in(app, &artifact, other).await;
    assert_eq!(phone.browser.post("/me/sign-out-everywhere", Value::Null).await.0, 204);
    phone.closes().await;
    laptop.closes().await;
});

app_test!(
    a_credential_that_expires_ends_its_sockets_without_a_change_to_hear_of,
    |config| {
        config.sockets.recheck_anyway = Duration::from_millis(300);
    },
    |app| {
        let (maya, ines, ..) = people(app).await;
        let shared = volume(&maya, "team").await;
        let artifact = text(&create(&maya, &shared, "shared").await["summary"]["id"]);
        let device = Device::sign_in(app, &artifact, PASSWORD).await;
        let token = app.token_of(&ines).await;
        let mut room = app.open(&format!("/ws?token={token}"), &[]).await.expect("it opens");
        room.until("welcome").await;
        let mut document = app.open(&format!("/ws/doc/{artifact}?token={token}"), &[]).await.expect("it opens");
        for table in ["api_tokens", "sign_ins"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE {table} SET expires_at = 1 WHERE user_id = $1")))
                .bind(ines.id.as_str())
                .execute(app.state.db.read())
                .await
                .expect("they expire");
        }
        assert_eq!(room.closed().await, 4401);
        assert_eq!(document.closed().await, 4401);
        device.closes().await;
    }
);
