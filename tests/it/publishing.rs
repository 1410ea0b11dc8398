//! Large imports are published in slices, and yet come at once.

use llmos_lite::{features::artifacts::service::settle_all, server::context::Ctx};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Client, TestApp, text},
    import::{export, finish, import, pack, unpack},
    volumes::{create, volume},
};

/// More than one slice of new artifacts, and more than one of known ones.
pub const MANY: usize = 1_100;

/// A zip of this many small skills, each with its number in it.
pub fn many(prefix: &str, count: usize, words: &str) -> Vec<u8> {
    let texts: Vec<(String, String)> =
        (0..count).map(|n| (format!("skills/{prefix}-{n}/SKILL.md"), format!("---\nname: {prefix}-{n}\n---\n{words}\n"))).collect();
    let files: Vec<(&str, &[u8], u32)> = texts.iter().map(|(path, text)| (path.as_str(), text.as_bytes(), 0o644)).collect();
    pack(&files)
}

async fn total(client: &Client, volume: &str) -> i64 {
    let (status, page) = client.get(&format!("/artifacts?volume={volume}&limit=1")).await;
    assert_eq!(status, 200, "{page}");
    page["total"].as_i64().expect("a total")
}

async fn start(client: &Client, volume: &str, bytes: Vec<u8>) -> Value {
    let request = client.request(Method::POST, &format!("/api/v1/volumes/{volume}/imports")).header("content-type", "application/zip");
    client.answer(request.body(bytes)).await.json()
}

app_test!(a_large_import_comes_at_once_and_writers_wait_for_it, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let job = start(&maya, &own, many("tide", MANY, "one")).await;
    let ended = async {
        let mut seen = Vec::new();
        loop {
            seen.push(total(&maya, &own).await);
            let (_, job) = maya.get(&format!("/jobs/{}", text(&job["id"]))).await;
            if job["state"] == "done" {
                return seen;
            }
        }
    };
    let writer = async {
        for n in 0..5 {
            create(&maya, &own, &format!("Beside {n}")).await;
        }
    };
    let (seen, ()) = tokio::join!(ended, writer);
    assert!(seen.iter().all(|total| *total <= 5 || *total >= MANY as i64), "all or nothing: {seen:?}");
    assert_eq!(total(&maya, &own).await, MANY as i64 + 5);
    let (_, commits) = maya.get(&format!("/volumes/{own}/commits")).await;
    assert_eq!((commits["commits"].as_array().map(Vec::len), &commits["commits"][0]["changes"]), (Some(1), &json!(MANY)));
    assert_eq!(unpack(export(&maya, &own).await).len(), MANY);

    // Known artifacts get new heads, and each of them has a history of two.
    let report = import(&maya, &own, many("tide", MANY, "two")).await;
    assert_eq!((&report["updated"], &report["created"]), (&json!(MANY), &json!(0)), "{report}");
    let (_, page) = maya.get(&format!("/artifacts?volume={own}&sort=name&limit=200&q=tide")).await;
    for item in [&page["items"][0], &page["items"][199]] {
        let (_, history) = maya.get(&format!("/artifacts/{}/history", text(&item["id"]))).await;
        assert_eq!(history["total"], 2, "{history}");
    }
    assert!(unpack(export(&maya, &own).await).iter().all(|(_, bytes, _)| bytes.ends_with(b"two\n")));
    let again = import(&maya, &own, many("tide", MANY, "two")).await;
    assert_eq!((&again["unchanged"], &again["commitId"]), (&json!(MANY), &Value::Null));
});

/// Runs one statement.
async fn sql(app: &TestApp, statement: &'static str, of: &str) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query(statement).bind(of).execute(&mut *tx).await.expect(statement);
    tx.commit().await.expect("commits");
}

app_test!(what_a_crash_left_half_way_is_finished, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let job = start(&maya, &own, many("tide", MANY, "one")).await;
    let commit = text(&finish(&maya, &job).await["commitId"]);
    // As if the process had died after the announcement, in the middle of the slices.
    sql(app, "UPDATE volumes SET publishing = head_commit_id, seq = seq - 1 WHERE id = $1", &own).await;
    sql(
        app,
        "UPDATE artifacts SET state = 0, head_revision_id = NULL, seq = 0 WHERE volume_id = $1 AND slug >= 'tide-5' AND slug < 'tide-9'",
        &own,
    )
    .await;
    let ctx = Ctx::internal(app.state.clone(), None);
    for _ in 0..2 {
        settle_all(&ctx).await.expect("settles");
    }
    assert_eq!(total(&maya, &own).await, MANY as i64);
    assert_eq!(unpack(export(&maya, &own).await).len(), MANY);
    assert_eq!(maya.get(&format!("/commits/{commit}")).await.1["changes"].as_array().map(Vec::len), Some(MANY.min(500)));
    create(&maya, &own, "After").await;
});

app_test!(a_claim_whose_commit_never_came_is_given_back, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    sql(app, "UPDATE volumes SET publishing = '0192a000-0000-7000-8000-0000000000aa' WHERE id = $1", &own).await;
    assert_eq!(total(&maya, &own).await, 0, "readers do not wait");
    let (created, ()) = tokio::join!(create(&maya, &own, "Waits"), async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        settle_all(&Ctx::internal(app.state.clone(), None)).await.expect("settles");
    });
    assert_eq!(created["summary"]["name"], "Waits");
});
