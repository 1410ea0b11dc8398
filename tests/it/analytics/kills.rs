//! A server that is killed again and again while it counts: each event counts once. Uses the real binary as a process.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use llmos_analytics::model::{Query, Span};
use llmos_lite::server::db::Db;
use serde_json::{Value, json};

use super::{Question, same};
use crate::{
    app::{Client, PASSWORD, text},
    durability::rounds,
    process::{Disk, Process},
    process_test,
};

/// Begins sessions and talks in them until the server is gone; every few it asks for the figures, from changing zones, and for all to be made anew.
async fn talk(maya: Arc<Client>, said: Arc<AtomicUsize>) {
    for turn in 0.. {
        let Some(session) = post(&maya, "/sessions", json!({ "title": format!("Talk {turn}") })).await else { return };
        let Some(id) = session["id"].as_str() else { continue };
        for word in 0..3 {
            let body = json!({ "text": format!("word {word}") });
            if post(&maya, &format!("/sessions/{id}/messages"), body).await.is_none() {
                return;
            }
            said.fetch_add(1, Ordering::Relaxed);
        }
        if turn % 5 == 4 {
            let zone = ["UTC", "Asia/Kathmandu", "Europe/Berlin"][turn / 5 % 3];
            let url = format!("{}/api/v1/analytics?zone={zone}", maya.url);
            if maya.http.get(url).send().await.is_err() {
                return;
            }
        }
        if turn % 20 == 10 && post(&maya, "/admin/analytics/rebuild", Value::Null).await.is_none() {
            return;
        }
    }
}

/// None: the server is gone.
async fn post(client: &Client, path: &str, body: Value) -> Option<Value> {
    let response = client.http.post(format!("{}/api/v1{path}", client.url)).json(&body).send().await.ok()?;
    response.json().await.ok()
}

async fn signed_in(process: &Process, path: &str, body: Value) -> Client {
    let http = reqwest::Client::builder().cookie_store(true).build().expect("a client");
    let mut client = Client { http, url: process.base.clone(), token: None, id: String::new() };
    let (status, me) = client.post(path, body).await;
    assert!(status < 300, "{me}");
    client.id = text(&me["person"]["id"]);
    client
}

async fn start(disk: &Disk) -> Process {
    disk.start_with(&[], &[]).await
}

process_test!(each_event_counts_once_over_kill_9, |disk| {
    let mut process = start(disk).await;
    let email = "maya@harbor.example";
    let mut maya = signed_in(&process, "/sign-up", json!({ "name": "Maya", "email": email, "password": PASSWORD })).await;
    let said = Arc::new(AtomicUsize::new(0));
    for _ in 0..rounds() {
        let client = Arc::new(maya);
        let mut talkers = tokio::task::JoinSet::new();
        for _ in 0..3 {
            talkers.spawn(talk(client.clone(), said.clone()));
        }
        let moment = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
        tokio::time::sleep(Duration::from_millis(400 + moment * 4)).await;
        process.kill();
        talkers.join_all().await;
        process = start(disk).await;
        maya = signed_in(&process, "/sign-in", json!({ "email": email, "password": PASSWORD })).await;
    }
    assert!(said.load(Ordering::Relaxed) > 0, "something was said before the kills");
    let db = Db::open(&disk.database_url()).await.expect("the database");
    let (_, before) = maya.get("/analytics?range=7d").await;
    assert_eq!(before["enabled"], true, "{before}");
    for zone in ["UTC", "Asia/Kathmandu", "Europe/Berlin"] {
        let query = Query { range: Span::Week, zone: Some(zone.to_owned()), compare: true, ..Query::default() };
        same(&db, &maya, &Question { query, mine: vec![maya.id.clone()], operations: true }).await;
    }
    db.close().await;
    process.kill();
});
