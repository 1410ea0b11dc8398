//! From a push at the repository to what people see: real Git behind a real server of Git, a signed delivery, an open page of the team.

use std::time::{Duration, Instant};

use llmos_lite::features::webhooks::service::sign;
use serde_json::{Value, json};

use crate::{
    Figure, Result, percentile,
    repository::GitServer,
    server::Server,
    socket::{TEXT, connect},
};

const SECRET: &str = "a secret of this bench alone";
const VARIABLES: &[(&str, &str)] =
    &[("GITHUB_WEBHOOK_SECRET", SECRET), ("WEBHOOK_ALLOW_LIST", "off"), ("GIT_PRIVATE", "true"), ("SEARCH_RATE", "1000000")];
/// Skills in the repository, and how many of them each push changes.
const SKILLS: usize = 200;
const CHANGED: usize = 10;
const ROUNDS: usize = 40;
const FILES: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(120);

fn skill(number: usize, words: &str) -> String {
    format!(
        "---\nname: runbook-{number}\ndescription: What to do when lamp {number} goes out.\n---\n\n# Lamp {number}\n\n{words}\n\n{}",
        "Ask the keeper before you climb.\n".repeat(20)
    )
}

pub async fn run() -> Result<Vec<Figure>> {
    let (mut searchable, mut announced) = pushes().await?;
    let linked = many_files().await?;
    Ok(vec![
        Figure::at_most(
            format!("a push of {CHANGED} changed skills, from its delivery to found by search, p95"),
            500.0,
            percentile(&mut searchable, 0.95),
            "ms",
        ),
        Figure::at_most("… to announced in the open pages of the team, p95", 500.0, percentile(&mut announced, 0.95), "ms"),
        Figure::at_most(format!("a repository of {FILES} files, from linking it to all in the volume"), 10.0, linked, "s"),
    ])
}

/// Milliseconds from sending a delivery until all that changed is found, and until its commit is announced.
async fn pushes() -> Result<(Vec<f64>, Vec<f64>)> {
    let repository = GitServer::start().await;
    for number in 0..SKILLS {
        repository.write(&format!("skills/runbook-{number}/SKILL.md"), skill(number, "Trim the wick."));
    }
    repository.commit("All of them");
    let server = Server::start_with(None, VARIABLES).await?;
    let volume = server.set_up().await?;
    link(&server, &volume, &repository.url).await?;
    let team = server.api("GET", "/teams", None).await?[0]["id"].as_str().ok_or("no team")?.to_owned();
    let place = server.place(1, 0).await?;
    let credential = [format!("authorization: Bearer {}", place.tokens[0])];
    let (mut reader, mut writer) = connect(&server.address, "/ws", &credential, None).await?;
    writer.send(TEXT, json!({ "type": "join_room", "roomId": team, "roomType": "workspace" }).to_string().as_bytes()).await?;

    let (mut searchable, mut announced) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let word = format!("beacon{round}word");
        for step in 0..CHANGED {
            let number = (round * CHANGED + step) % SKILLS;
            repository.write(&format!("skills/runbook-{number}/SKILL.md"), skill(number, &format!("Light the {word}.")));
        }
        let body = push(&repository.url, &repository.commit("Better words")).to_string();
        let began = Instant::now();
        let request = server.client.post(server.url("/webhook/github"));
        let request = request.header("content-type", "application/json").header("x-github-event", "push");
        let request = request.header("x-github-delivery", uuid::Uuid::now_v7().to_string());
        let status = request.header("x-hub-signature-256", sign(SECRET, body.as_bytes())).body(body).send().await?.status();
        if !status.is_success() {
            return Err(format!("a delivery was answered {status}").into());
        }
        let hears = async {
            loop {
                let (_, bytes) = reader.next().await?.map_err(|code| format!("closed with {code}"))?;
                let frame: Value = serde_json::from_slice(bytes)?;
                if frame["event"]["type"] == "commit" {
                    return Result::Ok(began.elapsed().as_secs_f64() * 1_000.0);
                }
            }
        };
        let finds = async {
            loop {
                let found = server.api("GET", &format!("/search?q=%22{word}%22&kind=skill&limit=1"), None).await?;
                if found["total"] == CHANGED {
                    return Result::Ok(began.elapsed().as_secs_f64() * 1_000.0);
                }
                if began.elapsed() > PATIENCE {
                    return Err(format!("{} of {CHANGED} changed skills are found", found["total"]).into());
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let (heard, found) = tokio::join!(tokio::time::timeout(PATIENCE, hears), finds);
        announced.push(heard.map_err(|_| "no commit was announced")??);
        searchable.push(found?);
    }
    println!(
        "\na push of {CHANGED} changed skills: announced p50 {:.0} ms, searchable p50 {:.0} ms",
        percentile(&mut announced, 0.5),
        percentile(&mut searchable, 0.5)
    );
    Ok((searchable, announced))
}

fn push(url: &str, sha: &str) -> Value {
    json!({
        "ref": "refs/heads/main", "before": "0".repeat(40), "after": sha, "created": false, "deleted": false, "forced": false, "commits": [],
        "repository": { "id": 1, "full_name": "harbor/skills", "clone_url": url }, "pusher": { "name": "kenji" }, "sender": { "login": "kenji", "id": 7 },
    })
}

/// Links a volume and waits until everything came.
async fn link(server: &Server, volume: &str, url: &str) -> Result<Value> {
    let path = format!("/volumes/{volume}/git");
    let mut found = server.api("PUT", &path, Some(json!({ "url": url }))).await?;
    while found["state"] == "working" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        found = server.api("GET", &path, None).await?;
    }
    if found["state"] == "synced" { Ok(found) } else { Err(format!("the volume is not in step: {found}").into()) }
}

/// Seconds until a large repository is in the volume.
async fn many_files() -> Result<f64> {
    let repository = GitServer::start().await;
    for number in 0..FILES / 2 {
        repository.write(&format!("skills/s{number}/SKILL.md"), skill(number, "Trim the wick."));
        repository.write(&format!("skills/s{number}/data.txt"), format!("data {number}"));
    }
    repository.commit("Many");
    let server = Server::start_with(None, VARIABLES).await?;
    let volume = server.set_up().await?;
    let began = Instant::now();
    let found = link(&server, &volume, &repository.url).await?;
    let took = began.elapsed().as_secs_f64();
    if found["report"]["created"] != FILES / 2 {
        return Err(format!("not all came: {found}").into());
    }
    Ok(took)
}
