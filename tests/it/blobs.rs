//! Blobs that nothing names are removed after a day; named ones never.

use std::{
    fs::File,
    time::{Duration, SystemTime},
};

use llmos_lite::server::{context::Ctx, sweep};
use reqwest::Method;
use serde_json::json;

use crate::{
    app::{Client, TestApp, text},
    volumes::{commit, create, volume},
};

fn age(app: &TestApp, sha: &str) {
    let old = SystemTime::now() - sweep::AGE - Duration::from_secs(60);
    File::options().write(true).open(app.state.blobs.path(sha)).and_then(|file| file.set_modified(old)).expect("it can be aged");
}

async fn put(client: &Client, artifact: &str, path: &str, bytes: &'static [u8]) -> String {
    let answer = client.answer(client.request(Method::PUT, &format!("/api/v1/artifacts/{artifact}/files/{path}")).body(bytes)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    llmos_lite::server::secrets::sha256(bytes)
}

/// Runs the first job, then the second one as it was queued.
async fn sweep(app: &TestApp, between: impl AsyncFnOnce()) -> i64 {
    let ctx = Ctx::internal(app.state.clone(), None);
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("DELETE FROM jobs WHERE kind = $1").bind(sweep::REMOVE).execute(&mut *tx).await.expect("deletes");
    tx.commit().await.expect("commits");
    let found = sweep::find(&ctx).await.expect("finds")["found"].as_i64().expect("a number");
    between().await;
    if found == 0 {
        return 0;
    }
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    let queued: i64 = sqlx::query_scalar("SELECT run_at - created_at FROM jobs WHERE kind = $1")
        .bind(sweep::REMOVE)
        .fetch_one(&mut *tx)
        .await
        .expect("the second job is queued");
    assert!(queued >= 60_000, "it waits longer than a request takes");
    sqlx::query("UPDATE jobs SET run_at = 0 WHERE kind = $1").bind(sweep::REMOVE).execute(&mut *tx).await.expect("updates");
    tx.commit().await.expect("commits");
    app.state.jobs.notify_one();
    for _ in 0..500 {
        let report: Option<String> = sqlx::query_scalar("SELECT report FROM jobs WHERE kind = $1")
            .bind(sweep::REMOVE)
            .fetch_one(app.state.db.read())
            .await
            .expect("a row");
        if let Some(report) = report {
            return serde_json::from_str::<serde_json::Value>(&report).expect("JSON")["removed"].as_i64().expect("a number");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the second job ends")
}

app_test!(what_nothing_names_goes_after_a_day, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let made = create(&maya, &own, "Tide").await;
    let id = text(&made["summary"]["id"]);
    let committed = put(&maya, &id, "committed.txt", b"committed").await;
    commit(&maya, &[(&id, None)], "Add it").await;
    let drafted = put(&maya, &id, "drafted.txt", b"drafted").await;
    let blobs = &app.state.blobs;
    let orphan = blobs.put(b"orphan".to_vec()).await.expect("stored");
    let fresh = blobs.put(b"fresh".to_vec()).await.expect("stored");
    let again = blobs.put(b"again".to_vec()).await.expect("stored");
    let picture = blobs.put(b"a picture".to_vec()).await.expect("stored");
    let staged = blobs.put(b"of an import under way".to_vec()).await.expect("stored");
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE users SET avatar_sha = $1 WHERE id = $2")
        .bind(picture.as_str())
        .bind(maya.id.as_str())
        .execute(&mut *tx)
        .await
        .expect("updates");
    // A revision without its commit, as an import stages it.
    sqlx::query(
        "INSERT INTO revisions (id, artifact_id, commit_id, change, kind, slug, path, name, description, category, tags, version, author, hints, content_sha, \
         executable, files, tree_sha, size, added, removed, created_at) SELECT $1, artifact_id, $2, change, kind, slug, path, name, description, category, tags, \
         version, author, hints, content_sha, executable, $3, tree_sha, size, added, removed, created_at FROM revisions WHERE artifact_id = $4",
    )
    .bind(uuid::Uuid::now_v7().to_string())
    .bind(uuid::Uuid::now_v7().to_string())
    .bind(json!([{ "path": "a", "sha": staged, "size": 1, "executable": false }]).to_string())
    .bind(id.as_str())
    .execute(&mut *tx)
    .await
    .expect("inserts");
    tx.commit().await.expect("commits");
    let leftover = blobs.path(&orphan).with_file_name(".tmpabc");
    std::fs::write(&leftover, b"half").expect("written");
    for sha in [&committed, &drafted, &orphan, &again, &picture, &staged] {
        age(app, sha);
    }
    File::options().write(true).open(&leftover).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)).expect("aged");

    let removed = sweep(app, async || {
        // Somebody uploads the same bytes between the two looks.
        blobs.put(b"again".to_vec()).await.expect("stored again");
    })
    .await;
    assert_eq!(removed, 1);
    assert!(!blobs.path(&orphan).exists() && !leftover.exists());
    for sha in [&committed, &drafted, &fresh, &again, &picture, &staged] {
        assert!(blobs.path(sha).exists(), "{sha}");
    }

    // The draft is thrown away, and with it the only name of its file.
    assert_eq!(maya.delete(&format!("/artifacts/{id}/draft")).await.0, 204);
    age(app, &again);
    assert_eq!(sweep(app, async || {}).await, 2);
    assert!(blobs.path(&committed).exists() && !blobs.path(&drafted).exists() && !blobs.path(&again).exists());
});
