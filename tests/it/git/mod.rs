//! Volumes and repositories in step: real Git over smart HTTP, both ways, with every fault of the other side.

mod app;
mod cloning;
mod faults;
mod outages;
mod pulling;
mod pushing;
mod server;
mod ssh;

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    volumes::volume,
};

pub use server::{GitServer, Mood, git, try_git};

/// Servers of Git that are in a test's own network, and not waited for.
pub fn allow_private(config: &mut llmos_lite::server::config::Config) {
    config.git.private = true;
    config.git.idle = Duration::from_secs(2);
}

/// Waits until nothing is at work for a volume; its link.
pub async fn settled(client: &Client, volume: &str) -> Value {
    for _ in 0..1_500 {
        let (status, link) = client.get(&format!("/volumes/{volume}/git")).await;
        assert_eq!(status, 200, "{link}");
        if link["state"] != "working" {
            return link;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the pull ends")
}

/// Links a volume and waits for the first pull.
pub async fn link(client: &Client, volume: &str, body: Value) -> Value {
    let (status, link) = client.json(reqwest::Method::PUT, &format!("/volumes/{volume}/git"), body).await;
    assert_eq!(status, 200, "{link}");
    settled(client, volume).await
}

/// Pulls or pushes, and waits; the report, or the error.
pub async fn run(client: &Client, volume: &str, what: &str) -> Value {
    let (status, job) = client.post(&format!("/volumes/{volume}/git/{what}"), json!({})).await;
    assert_eq!(status, 202, "{job}");
    crate::import::finish(client, &job).await
}

/// A team's volume and the account that owns the team.
pub async fn shared(app: &crate::app::TestApp) -> (Client, String) {
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let volume = volume(&maya, "team").await;
    (maya, volume)
}

/// The artifact at a path of a volume.
pub async fn artifact(client: &Client, volume: &str, slug: &str) -> Option<String> {
    let (_, page) = client.get(&format!("/artifacts?volume={volume}&limit=200")).await;
    page["items"].as_array()?.iter().find(|item| item["slug"] == slug).map(|item| text(&item["id"]))
}

/// The committed text or the draft of an artifact.
pub async fn text_of(client: &Client, volume: &str, slug: &str) -> String {
    let id = artifact(client, volume, slug).await.unwrap_or_else(|| panic!("an artifact {slug}"));
    text(&client.get(&format!("/artifacts/{id}")).await.1["text"])
}

pub async fn commits(client: &Client, volume: &str) -> Vec<Value> {
    client.get(&format!("/volumes/{volume}/commits")).await.1["commits"].as_array().cloned().unwrap_or_default()
}

/// A skill as its file is.
pub fn skill(name: &str, body: &str) -> String {
    format!("---\nname: {name}\ndescription: What {name} does.\n---\n\n{body}")
}
