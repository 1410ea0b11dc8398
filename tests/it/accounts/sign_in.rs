//! Signing in and out, and the list of devices.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{PASSWORD, text};

app_test!(an_unknown_account_and_a_wrong_password_get_the_same_answer, |app| {
    app.sign_up_first().await;
    let visitor = app.visitor();
    let (unknown, a) = visitor.post("/sign-in", json!({ "email": "nobody@x.y", "password": PASSWORD })).await;
    let (wrong, b) = visitor.post("/sign-in", json!({ "email": "maya@harbor.internal", "password": "not the password" })).await;
    let (long, c) = visitor.post("/sign-in", json!({ "email": "maya@harbor.internal", "password": "x".repeat(5_000) })).await;
    assert_eq!((unknown, wrong, long), (401, 401, 401));
    for answer in [&b, &c] {
        assert_eq!((&a["code"], &a["message"]), (&answer["code"], &answer["message"]));
    }
    assert_eq!(visitor.get("/me").await.0, 401);
});

app_test!(the_cookie_is_closed_to_scripts_and_other_sites, |app| {
    app.sign_up_first().await;
    let visitor = app.visitor();
    let request = visitor.request(Method::POST, "/api/v1/sign-in").json(&json!({ "email": " Maya@Harbor.internal", "password": PASSWORD }));
    let answer = visitor.answer(request).await;
    assert_eq!(answer.status, 200);
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("llmos_session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/")
    );
    assert!(!cookie.contains("Secure"), "over http a browser would not send it back");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(visitor.get("/me").await.0, 200);
});

app_test!(
    behind_https_the_cookie_is_secure,
    |config| {
        config.site_url = Some("https://llmos.example".to_owned());
    },
    |app| {
        let visitor = app.visitor();
        let body = json!({ "name": "Maya", "email": "maya@harbor.internal", "password": PASSWORD });
        let request = visitor.request(Method::POST, "/api/v1/sign-up").header("origin", "https://llmos.example").json(&body);
        let answer = visitor.answer(request).await;
        assert_eq!(answer.status, 201);
        assert!(answer.header("set-cookie").contains("; Secure"));
        assert!(answer.header("strict-transport-security").starts_with("max-age="));
    }
);

app_test!(devices_are_listed_and_ended_one_by_one_and_all_at_once, |app| {
    let laptop = app.sign_up_first().await;
    let phone = app.sign_in("maya@harbor.internal").await;
    let (_, list) = laptop.get("/me/sign-ins").await;
    let list = list.as_array().expect("a list").clone();
    assert_eq!(list.len(), 2);
    assert!(list.iter().all(|row| row["device"] == "Firefox on Linux" && row["address"] == "127.0.0.1"));
    let other = list.iter().find(|row| row["current"] == false).expect("the phone");

    assert_eq!(laptop.delete(&format!("/me/sign-ins/{}", text(&other["id"]))).await.0, 204);
    assert_eq!(phone.get("/me").await.0, 401);
    assert_eq!(laptop.get("/me").await.0, 200);
    assert_eq!(laptop.delete(&format!("/me/sign-ins/{}", text(&other["id"]))).await.0, 404);

    let phone = app.sign_in("maya@harbor.internal").await;
    assert_eq!(phone.post("/me/sign-out-everywhere", Value::Null).await.0, 204);
    assert_eq!((phone.get("/me").await.0, laptop.get("/me").await.0), (401, 401));
});

app_test!(signing_out_ends_the_sign_in_itself, |app| {
    let maya = app.sign_up_first().await;
    let request = maya.request(Method::POST, "/api/v1/sign-in").json(&json!({ "email": "maya@harbor.internal", "password": PASSWORD }));
    let cookie = maya.answer(request).await.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let with_cookie = |client: &crate::app::Client| client.request(Method::GET, "/api/v1/me").header("cookie", &cookie);
    let thief = app.program("unused");
    let thief = crate::app::Client { token: None, ..thief };
    assert_eq!(thief.answer(with_cookie(&thief)).await.status, 200);
    assert_eq!(maya.post("/sign-out", Value::Null).await.0, 204);
    assert_eq!(maya.get("/me").await.0, 401);
    assert_eq!(thief.answer(with_cookie(&thief)).await.status, 401, "a copied cookie has ended too");
    assert_eq!(maya.post("/sign-out", Value::Null).await.0, 204, "again: nothing to end");
});

async fn change(app: &crate::app::TestApp, sql: &'static str) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query(sql).execute(&mut *tx).await.expect("changes");
    tx.commit().await.expect("commits");
}

app_test!(a_sign_in_ends_when_it_is_not_used_and_goes_on_when_it_is, |app| {
    let maya = app.sign_up_first().await;
    change(app, "UPDATE sign_ins SET last_seen_at = 1, expires_at = expires_at - 86400000").await;
    let end = "SELECT expires_at FROM sign_ins";
    let before: i64 = sqlx::query_scalar(end).fetch_one(app.state.db.read()).await.expect("a row");
    assert_eq!(maya.get("/me").await.0, 200);
    let after: i64 = sqlx::query_scalar(end).fetch_one(app.state.db.read()).await.expect("a row");
    assert!(after > before, "used: its time starts again");

    let phone = app.sign_in("maya@harbor.internal").await;
    change(app, "UPDATE sign_ins SET expires_at = 1").await;
    assert_eq!(phone.get("/me").await.0, 401);
    let ctx = llmos_lite::server::context::Ctx::internal(app.state.clone(), None);
    llmos_lite::features::accounts::service::remove_expired(&ctx).await.expect("removes");
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sign_ins").fetch_one(app.state.db.read()).await.expect("a count");
    assert_eq!(left, 0);
});

app_test!(somebody_elses_sign_in_is_not_found, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@harbor.internal").await;
    let (_, list) = maya.get("/me/sign-ins").await;
    assert_eq!(noor.delete(&format!("/me/sign-ins/{}", text(&list[0]["id"]))).await.0, 404);
    assert_eq!(maya.get("/me").await.0, 200);
});

app_test!(sign_in_attempts_are_limited_per_account, |app| {
    app.sign_up_first().await;
    for email in ["maya@harbor.internal", "nobody@harbor.internal"] {
        let visitor = app.visitor();
        let mut statuses = Vec::new();
        for _ in 0..12 {
            let request = visitor.request(Method::POST, "/api/v1/sign-in").json(&json!({ "email": email, "password": "wrong password" }));
            let answer = visitor.answer(request).await;
            if answer.status == 429 {
                assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=61).contains(&seconds)));
                assert_eq!(answer.json()["code"], "too_many_requests");
            }
            statuses.push(answer.status);
        }
        assert!(statuses[..9].iter().all(|status| *status == 401), "{email}: {statuses:?}");
        assert_eq!(statuses[11], 429, "{email}: known or not, the limit is the same: {statuses:?}");
    }
});

app_test!(a_failed_try_is_in_the_log, |app| {
    let maya = app.sign_up_first().await;
    app.visitor().post("/sign-in", json!({ "email": "maya@harbor.internal", "password": "wrong password" })).await;
    for _ in 0..50 {
        let (_, page) = maya.get("/admin/audit").await;
        if page["events"].as_array().is_some_and(|events| events.iter().any(|event| event["action"] == "sign_in.failed")) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no event");
});
