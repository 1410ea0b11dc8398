//! `Idempotency-Key`: the same request again is answered, not done.

use reqwest::Method;
use serde_json::json;

use crate::app::{Answer, Client};

async fn post(client: &Client, path: &str, key: &str, body: serde_json::Value) -> Answer {
    let request = client.request(Method::POST, &format!("/api/v1{path}")).header("idempotency-key", key).json(&body);
    client.answer(request).await
}

app_test!(a_repeated_request_makes_one_team, |app| {
    let maya = app.sign_up_first().await;
    let first = post(&maya, "/teams", "one", json!({ "name": "Harbor" })).await;
    let again = post(&maya, "/teams", "one", json!({ "name": "Harbor" })).await;
    assert_eq!((first.status, again.status, first.text.as_str()), (201, 201, again.text.as_str()));
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!(maya.get("/teams").await.1.as_array().map(Vec::len), Some(1));

    let other = post(&maya, "/teams", "one", json!({ "name": "Pier" })).await;
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("conflict")), "the key belongs to another request");
    let refused = post(&maya, "/teams", "two", json!({ "name": "" })).await;
    let again = post(&maya, "/teams", "two", json!({ "name": "" })).await;
    assert_eq!((refused.status, again.status), (400, 400));
    assert_eq!(post(&maya, "/teams", "", json!({ "name": "Pier" })).await.status, 400);

    let noor = app.sign_up(&maya, "noor@x.y").await;
    assert_eq!(
        post(&noor, "/teams", "one", json!({ "name": "Harbor" })).await.header("idempotent-replayed"),
        "",
        "keys belong to accounts"
    );
});

app_test!(two_at_once_make_one_team, |app| {
    let maya = app.sign_up_first().await;
    let (a, b) =
        tokio::join!(post(&maya, "/teams", "k", json!({ "name": "Harbor" })), post(&maya, "/teams", "k", json!({ "name": "Harbor" })));
    assert!([a.status, b.status].contains(&201) && [a.status, b.status].iter().all(|status| [201, 409].contains(status)));
    // A conflict that passes by itself says when.
    assert!([a, b].iter().all(|answer| answer.status == 201 || answer.header("retry-after") == "1"));
    assert_eq!(maya.get("/teams").await.1.as_array().map(Vec::len), Some(1));
});

app_test!(a_secret_is_not_kept_for_a_repetition, |app| {
    let maya = app.sign_up_first().await;
    let wish = json!({ "name": "CI", "scopes": ["read"], "expiresInDays": 1 });
    let first = post(&maya, "/me/tokens", "k", wish.clone()).await;
    let again = post(&maya, "/me/tokens", "k", wish).await;
    assert_eq!((first.status, again.status), (201, 409));
    assert_eq!(maya.get("/me/tokens").await.1.as_array().map(Vec::len), Some(1));
    let kept: Vec<String> = sqlx::query_scalar("SELECT body FROM idempotency_keys").fetch_all(app.state.db.read()).await.expect("rows");
    assert!(kept.iter().all(|body| !body.contains("llmos_")));
});

app_test!(a_device_that_was_away_for_days_is_answered_as_it_was_the_first_time, |app| {
    let maya = app.sign_up_first().await;
    let first = post(&maya, "/teams", "k", json!({ "name": "Harbor" })).await;
    let age = async |days: i64| {
        let mut tx = app.state.db.write_tx().await.expect("a transaction");
        sqlx::query("UPDATE idempotency_keys SET created_at = created_at - $1")
            .bind(days * 86_400_000)
            .execute(&mut *tx)
            .await
            .expect("aged");
        tx.commit().await.expect("committed");
    };
    age(13).await;
    let again = post(&maya, "/teams", "k", json!({ "name": "Harbor" })).await;
    assert_eq!((again.status, again.header("idempotent-replayed"), again.text.as_str()), (201, "true", first.text.as_str()));
    age(2).await;
    assert_eq!(post(&maya, "/teams", "k", json!({ "name": "Harbor" })).await.header("idempotent-replayed"), "");
});

app_test!(what_one_account_wrote_is_not_done_by_another, |app| {
    let maya = app.sign_up_first().await;
    let noor = app.sign_up(&maya, "noor@x.y").await;
    let id = |me: serde_json::Value| me["person"]["id"].as_str().expect("an id").to_owned();
    let (mayas, noors) = (id(maya.get("/me").await.1), id(noor.get("/me").await.1));
    let request = |client: &Client, of: &str| {
        client
            .request(Method::POST, "/api/v1/teams")
            .header("idempotency-key", "k")
            .header("x-llmos-account", of)
            .json(&json!({ "name": "Harbor" }))
    };
    let refused = noor.answer(request(&noor, &mayas)).await;
    assert_eq!(
        (refused.status, &refused.json()["code"], refused.header("x-llmos-account")),
        (401, &json!("unauthenticated"), noors.as_str())
    );
    let visitor = app.visitor();
    assert_eq!(visitor.answer(request(&visitor, &mayas)).await.status, 401);
    assert_eq!(noor.get("/teams").await.1.as_array().map(Vec::len), Some(0));
    assert_eq!(maya.answer(request(&maya, &mayas)).await.status, 201);
});

// Whoever sends again what a killed server had begun waited two minutes.
app_test!(a_key_whose_process_is_gone_is_free_at_once, |app| {
    let maya = app.sign_up_first().await;
    assert_eq!(post(&maya, "/teams", "k", json!({ "name": "Harbor" })).await.status, 201);
    let runs_at = async |node: &str| {
        let mut tx = app.state.db.write_tx().await.expect("a transaction");
        sqlx::query("UPDATE idempotency_keys SET status = 0, body = '', node_id = $1").bind(node).execute(&mut *tx).await.expect("running");
        tx.commit().await.expect("committed");
    };
    let again = async || post(&maya, "/teams", "k", json!({ "name": "Harbor" })).await.status;
    // Its own, and one that another version began.
    for node in [app.state.cluster.id().to_string(), String::new()] {
        runs_at(&node).await;
        assert_eq!(again().await, 409, "{node}");
    }
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    let row = "INSERT INTO nodes (id, name, version, started_at, seen_at, leaving) VALUES ('living', 'harbor', '0.1.0', 1, 1, 0)";
    sqlx::query(row).execute(&mut *tx).await.expect("a node");
    tx.commit().await.expect("committed");
    runs_at("living").await;
    assert_eq!(again().await, 409);
    runs_at("gone").await;
    assert_eq!(again().await, 201);
});

// The answer to the first half was given for the whole one.
app_test!(what_was_said_of_half_a_body_is_not_kept, |app| {
    let maya = app.sign_up_first().await;
    let request = |parts: Vec<Result<&'static str, std::io::Error>>| {
        maya.request(Method::POST, "/api/v1/teams")
            .header("idempotency-key", "k")
            .header("content-type", "application/json")
            .body(reqwest::Body::wrap_stream(futures::stream::iter(parts)))
    };
    let cut = request(vec![Ok(r#"{"name":"#), Err(std::io::Error::other("the tunnel"))]).send().await;
    assert!(cut.is_err());
    let mut answer = None;
    for _ in 0..500 {
        let again = maya.answer(request(vec![Ok(r#"{"name":"#), Ok(r#""Harbor"}"#)])).await;
        if again.status != 409 {
            answer = Some(again.status);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(answer, Some(201));
});
