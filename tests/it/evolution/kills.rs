//! A server that is killed while passes run: each pass goes on, and comes to the same end. Uses the real binary as a process.

use std::{net::TcpListener, time::Duration};

use llmos_lite::server::db::Db;
use serde_json::{Value, json};

use super::{bring, evolution, grouped, runs, until};
use crate::{
    app::{Client, PASSWORD, text},
    durability::rounds,
    process::{Disk, Process},
    process_test,
    search::model,
};

async fn signed_up(process: &Process) -> Client {
    let http = reqwest::Client::builder().cookie_store(true).build().expect("a client");
    let client = Client { http, url: process.base.clone(), token: None, id: String::new() };
    let (status, me) = client.post("/sign-up", json!({ "name": "Maya", "email": "maya@harbor.example", "password": PASSWORD })).await;
    assert_eq!(status, 201, "{me}");
    client
}

/// What the dead process held is free at once: on PostgreSQL the next one would wait for the end of its leases.
async fn end_leases(disk: &Disk) {
    let db = Db::open(&disk.database_url()).await.expect("the database");
    let mut tx = db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE jobs SET leased_until = 0 WHERE state = 'running'").execute(&mut *tx).await.expect("executes");
    tx.commit().await.expect("commits");
    db.close().await;
}

/// Two patterns of twenty runs, and one proposal of the surer one, however often passes began.
fn is_whole(page: &Value) {
    let count = |list: &str| page[list].as_array().map(Vec::len);
    let of_patterns: Vec<_> = page["patterns"].as_array().into_iter().flatten().map(|pattern| pattern["runs"].as_i64()).collect();
    assert_eq!((of_patterns, count("proposals")), (vec![Some(20), Some(20)], Some(1)), "{page}");
    assert_eq!((&page["proposals"][0]["patternId"], &page["proposals"][0]["kind"]), (&page["patterns"][0]["id"], &json!("new")), "{page}");
    assert!(page["runs"].as_array().is_some_and(|runs| runs.iter().all(|run| run["state"] == "done")), "{page}");
}

process_test!(a_pass_that_is_killed_goes_on_and_proposes_once, |disk| {
    if model().is_none() {
        return;
    }
    // A language model that takes questions and says nothing: a pass that drafts a skill is in its middle until the kill.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}/v1", silent.local_addr().expect("an address"));
    let beside = [("OPENAI_BASE_URL", address.as_str()), ("OPENAI_API_KEY", "sk-of-the-test"), ("LLM_MODEL", "stand-in")];
    let mut process = disk.start_with(&[], &beside).await;
    let mut maya = signed_up(&process).await;
    // Each kills one pass and starts two servers.
    for round in 0..rounds().div_ceil(2) {
        let team = maya.team(&format!("Harbor {round}")).await;
        let mut all = runs(0, 20, None);
        all.iter_mut().for_each(|run| run["id"] = json!(format!("{}-{round}", text(&run["id"]))));
        bring(&maya, &team, &all).await;
        let page = until(&maya, &team, |page| page["runs"][0]["state"] == "running").await;
        let pass = page["runs"][0]["id"].clone();
        let moment = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        assert_eq!(evolution(&maya, &team).await["runs"][0]["state"], "running", "it is killed in its middle");
        process.kill();
        end_leases(disk).await;

        process = disk.start(&[]).await;
        maya.url.clone_from(&process.base);
        let page = until(&maya, &team, grouped).await;
        is_whole(&page);
        assert!(page["runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["id"] == pass)), "the same pass went on: {page}");
        let before = page["runs"].as_array().map_or(0, Vec::len);
        assert_eq!(maya.post(&format!("/evolution/passes?team={team}"), json!({})).await.0, 202);
        is_whole(&until(&maya, &team, |page| grouped(page) && page["runs"].as_array().is_some_and(|runs| runs.len() > before)).await);
        process.kill();
        process = disk.start_with(&[], &beside).await;
        maya.url.clone_from(&process.base);
    }
    process.kill();
});
