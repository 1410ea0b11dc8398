//! Browsers that an account knows, how many it is signed in with, and how long.

use serde_json::{Value, json};

use super::factors::change;
use crate::app::{Client, PASSWORD, text};

async fn told(client: &Client) -> Vec<String> {
    let (_, page) = client.get("/notifications").await;
    let groups = page["items"].as_array().cloned().unwrap_or_default();
    let security = groups.iter().filter(|group| group["subject"] == "security");
    security.flat_map(|group| group["items"].as_array().cloned().unwrap_or_default()).map(|item| text(&item["excerpt"])).collect()
}

app_test!(a_new_device_is_told_of_and_a_known_one_is_not, |app| {
    let laptop = app.sign_up_first().await;
    assert!(told(&laptop).await.is_empty(), "the account was opened there");
    let phone = app.sign_in("maya@harbor.internal").await;
    assert_eq!(told(&laptop).await, ["Firefox on Linux, from 127.0.0.1"]);
    let (_, log) = laptop.get("/admin/audit").await;
    assert!(log["events"].as_array().into_iter().flatten().any(|event| event["action"] == "device.new"), "{log}");
    assert_eq!(phone.post("/sign-out", Value::Null).await.0, 204);
    let again = json!({ "email": "maya@harbor.internal", "password": PASSWORD });
    assert_eq!(phone.post("/sign-in", again).await.0, 200);
    assert_eq!(told(&laptop).await.len(), 1, "it is known now");
    assert_eq!(laptop.post("/me/password", json!({ "current": PASSWORD, "new": "another fine sentence" })).await.0, 204);
    assert_eq!(told(&laptop).await.len(), 2, "a change of the password is told of, too");
});

app_test!(an_account_is_signed_in_with_so_many_browsers_at_once, |app| {
    let maya = app.sign_up_first().await;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for number in 0..60 {
        sqlx::query(
            "INSERT INTO sign_ins (id, user_id, token_hash, user_agent, address, created_at, last_seen_at, expires_at) \
             VALUES ($1, $2, $3, '', '', $4, $4, 9000000000000)",
        )
        .bind(uuid::Uuid::now_v7().to_string())
        .bind(maya.id.as_str())
        .bind(format!("hash {number}"))
        .bind(i64::from(number))
        .execute(&mut *tx)
        .await
        .expect("inserts");
    }
    tx.commit().await.expect("commits");
    app.sign_in("maya@harbor.internal").await;
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sign_ins").fetch_one(app.state.db.read()).await.expect("a count");
    assert_eq!(left, 50);
    assert_eq!(maya.get("/me").await.0, 200, "those that are used stay");
});

app_test!(a_sign_in_ends_half_a_year_after_it_began_even_if_it_is_used, |app| {
    let maya = app.sign_up_first().await;
    let ends = "SELECT expires_at - created_at FROM sign_ins";
    change(app, "UPDATE sign_ins SET last_seen_at = 1, created_at = created_at - 14688000000, expires_at = expires_at - 86400000").await;
    assert_eq!(maya.get("/me").await.0, 200, "170 days");
    let longest: i64 = sqlx::query_scalar(ends).fetch_one(app.state.db.read()).await.expect("a row");
    assert_eq!(longest, 180 * 86_400_000);
    // The password has no end: it signs in again, however old it is.
    change(app, "UPDATE users SET created_at = 1, updated_at = 1").await;
    app.sign_in("maya@harbor.internal").await;
});

app_test!(all_other_browsers_are_signed_out_at_once, |app| {
    let laptop = app.sign_up_first().await;
    let (one, two) = (app.sign_in("maya@harbor.internal").await, app.sign_in("maya@harbor.internal").await);
    assert_eq!(laptop.post("/me/sign-out-others", Value::Null).await.0, 204);
    assert_eq!((laptop.get("/me").await.0, one.get("/me").await.0, two.get("/me").await.0), (200, 401, 401));
    assert_eq!(laptop.get("/me/sign-ins").await.1.as_array().map(Vec::len), Some(1));
});
