//! Acknowledged means on disk: after `kill -9` everything that was answered is there, and every kind of write is fsynced before
//! its answer leaves. Both use the real binary as a process.
//!
//! The kills run on both engines. The trace is of SQLite by nature: with PostgreSQL it is another program that calls fsync.

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::{
    Client, Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    app::skipped,
    process::{Process, browser, call_patiently, first_account},
    process_test,
    publishing::{MANY, many},
};

/// More rounds where there is time for them (`scripts/bench` runs the long form).
pub fn rounds() -> usize {
    std::env::var("LLMOS_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// What the server said yes to.
#[derive(Default)]
pub struct Acknowledged {
    teams: Vec<String>,
    /// Artifact and the text of its last acknowledged draft.
    drafts: Vec<(String, String)>,
    commits: Vec<String>,
}

process_test!(every_acknowledged_write_survives_kill_9, |disk| {
    let client = browser();
    let mut process = disk.start(&[]).await;
    let volume = first_account(&process, &client).await;
    let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
    for round in 0..rounds() {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..3 {
            writers.spawn(write_until_gone(&process, &client, &volume, &acknowledged, format!("{round}-{writer}")));
        }
        let moment = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
        tokio::time::sleep(Duration::from_millis(300 + moment * 3)).await;
        process.kill();
        writers.join_all().await;
        process = disk.start(&[]).await;
    }
    let acknowledged = Arc::try_unwrap(acknowledged).ok().expect("all writers ended").into_inner().expect("not poisoned");
    assert!(!acknowledged.drafts.is_empty() && !acknowledged.commits.is_empty(), "something was written before the kills");
    every_write_is_there(&process, &client, &acknowledged).await;
    process.kill();
});

pub async fn every_write_is_there(process: &Process, client: &Client, acknowledged: &Acknowledged) {
    for team in &acknowledged.teams {
        let (status, _) = process.call(client, Method::GET, &format!("/teams/{team}"), Value::Null).await.expect("an answer");
        assert_eq!(status, 200, "team {team}");
    }
    for (artifact, text) in &acknowledged.drafts {
        let (status, detail) = process.call(client, Method::GET, &format!("/artifacts/{artifact}"), Value::Null).await.expect("an answer");
        assert_eq!(status, 200, "artifact {artifact}");
        assert_eq!(detail["text"].as_str(), Some(text.as_str()), "draft of {artifact}");
    }
    // A crash between a commit and the search index is made up for at the next question.
    let (_, indexed) = process.call(client, Method::GET, "/search/offline", Value::Null).await.expect("an answer");
    let is_indexed = |id: &Value| indexed["documents"].as_array().is_some_and(|documents| documents.iter().any(|pair| pair[0] == *id));
    for commit in &acknowledged.commits {
        let (status, detail) = process.call(client, Method::GET, &format!("/commits/{commit}"), Value::Null).await.expect("an answer");
        assert_eq!(status, 200, "commit {commit}");
        let id = &detail["changes"][0]["artifactId"];
        assert!(id.is_string() && (is_indexed(id) || indexed["leftOut"] != 0), "{id} of commit {commit} is not found");
    }
}

/// Asks how many artifacts of a round's import there are: never a part of them.
async fn imported(process: &Process, client: &Client, volume: &str, round: usize) -> usize {
    let path = format!("/artifacts?volume={volume}&q=round{round}x&limit=1");
    let (status, page) = process.call(client, Method::GET, &path, Value::Null).await.expect("an answer");
    assert_eq!(status, 200, "{page}");
    let total = page["total"].as_u64().expect("a total") as usize;
    assert!(total == 0 || total == MANY, "half of an import shows: {total} in round {round}");
    total
}

process_test!(an_import_that_is_killed_goes_on_after_the_restart, |disk| {
    let client = browser();
    let mut process = disk.start(&[]).await;
    let volume = first_account(&process, &client).await;
    let acknowledged = Arc::new(Mutex::new(Acknowledged::default()));
    for round in 0..rounds() {
        let upload = client
            .post(format!("{}/api/v1/volumes/{volume}/imports", process.base))
            .header("content-type", "application/zip")
            .body(many(&format!("round{round}x"), MANY, "words"));
        let answer = upload.send().await.expect("an answer");
        assert_eq!(answer.status(), 202);
        let job: Value = serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON");
        // Somebody writes to the same volume meanwhile.
        let writer = tokio::spawn(write_until_gone(&process, &client, &volume, &acknowledged, round.to_string()));
        let moment = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
        tokio::time::sleep(Duration::from_millis(20 + moment * 12)).await;
        process.kill();
        writer.await.expect("it ends with the server");
        process = disk.start(&[]).await;
        let began = std::time::Instant::now();
        loop {
            let seen = imported(&process, &client, &volume, round).await;
            let path = format!("/jobs/{}", job["id"].as_str().expect("an id"));
            let (_, job) = process.call(&client, Method::GET, &path, Value::Null).await.expect("an answer");
            match job["state"].as_str() {
                Some("done") => {
                    assert_eq!(job["report"]["created"], MANY, "{job}");
                    break;
                }
                Some("failed") => panic!("an import that was taken in fails: {job}"),
                _ => assert!(began.elapsed() < Duration::from_secs(120), "the import ends; {seen} are there"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(imported(&process, &client, &volume, round).await, MANY);
    }
    let (_, page) = process.call(&client, Method::GET, &format!("/volumes/{volume}/commits"), Value::Null).await.expect("an answer");
    let imports = |page: &Value| page["commits"].as_array().into_iter().flatten().filter(|commit| commit["source"] == "import").count();
    let mut commits = imports(&page);
    let mut next = page["next"].clone();
    while let Some(before) = next.as_str() {
        let path = format!("/volumes/{volume}/commits?before={before}");
        let (_, page) = process.call(&client, Method::GET, &path, Value::Null).await.expect("an answer");
        commits += imports(&page);
        next = page["next"].clone();
    }
    assert_eq!(commits, rounds(), "one commit for each import, however often it began");
    every_write_is_there(&process, &client, &acknowledged.lock().map(|mut seen| std::mem::take(&mut *seen)).expect("not poisoned")).await;
    process.kill();
});

/// Writes, again and again, until the server no longer answers.
pub fn write_until_gone(
    process: &Process,
    client: &Client,
    volume: &str,
    acknowledged: &Arc<Mutex<Acknowledged>>,
    name: String,
) -> impl Future<Output = ()> + Send + 'static {
    let (base, client, volume, acknowledged) = (process.base.clone(), client.clone(), volume.to_owned(), acknowledged.clone());
    async move {
        for step in 0.. {
            if write(&base, &client, &volume, &acknowledged, &format!("{name}-{step}")).await.is_none() {
                return;
            }
        }
    }
}

/// One team, one artifact with a draft, one commit; notes what was acknowledged. `None`: the server is gone.
async fn write(base: &str, client: &Client, volume: &str, acknowledged: &Mutex<Acknowledged>, name: &str) -> Option<()> {
    let note = |act: &dyn Fn(&mut Acknowledged)| act(&mut acknowledged.lock().expect("not poisoned"));
    let (status, team) = call_patiently(base, client, Method::POST, "/teams", json!({ "name": format!("Team {name}") })).await?;
    assert!(status < 300, "team: {status} {team}");
    note(&|seen| seen.teams.push(team["id"].as_str().unwrap_or_default().to_owned()));
    let body = json!({ "volumeId": volume, "kind": "skill", "name": format!("Skill {name}"), "text": format!("# {name}\n") });
    let (status, made) = call_patiently(base, client, Method::POST, "/artifacts", body).await?;
    assert!(status < 300, "artifact: {status} {made}");
    let id = made["summary"]["id"].as_str().unwrap_or_default().to_owned();
    let saves = made["draft"]["saves"].as_i64().unwrap_or_default();
    let text = format!("# {name}\n\nSaved.\n");
    let (status, saved) =
        call_patiently(base, client, Method::PUT, &format!("/artifacts/{id}/draft"), json!({ "text": text, "saves": saves })).await?;
    assert!(status < 300, "draft: {status} {saved}");
    note(&|seen| seen.drafts.push((id.clone(), text.clone())));
    let body = json!({ "message": format!("Add {name}"), "artifacts": [{ "id": id, "baseRevisionId": null }] });
    let (status, commit) = call_patiently(base, client, Method::POST, "/commits", body).await?;
    assert!(status < 300, "commit: {status} {commit}");
    let commits = commit.as_array().cloned().unwrap_or_else(|| vec![commit]);
    note(&|seen| seen.commits.extend(commits.iter().filter_map(|commit| commit["id"].as_str()).map(str::to_owned)));
    Some(())
}

/// Each kind of write, one after another on one connection, under strace: between the request and its answer there is an fsync.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_write_is_fsynced_before_its_answer() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        skipped("strace", "install it, so that somebody watches the system calls");
        return;
    }
    let data = TempDir::new().expect("a folder");
    let log = data.path().join("strace.log");
    let trace = log.to_string_lossy().into_owned();
    let calls = "trace=fsync,fdatasync,read,recvfrom,write,writev,sendto,sendmsg";
    let process = Process::start(data.path(), &["strace", "-f", "-qq", "-s", "160", "-e", calls, "-o", &trace]).await;
    let client = browser();
    let volume = first_account(&process, &client).await;

    let mut written = vec![("POST", "/sign-up".to_owned())];
    let mut ask = async |method: Method, path: String, body: Value| -> Value {
        let (status, answer) = process.call(&client, method.clone(), &path, body).await.expect("an answer");
        assert!(status < 300, "{method} {path}: {status} {answer}");
        let method = match method.as_str() {
            "PUT" => "PUT",
            "DELETE" => "DELETE",
            "PATCH" => "PATCH",
            _ => "POST",
        };
        written.push((method, path));
        answer
    };
    let team = ask(Method::POST, "/teams".to_owned(), json!({ "name": "Harbor" })).await;
    let team = team["id"].as_str().expect("an id").to_owned();
    let wish = json!({ "role": "viewer", "maxUses": 1, "expiresInDays": 1 });
    ask(Method::POST, format!("/teams/{team}/invitations"), wish).await;
    let agent = ask(Method::POST, format!("/teams/{team}/agents"), json!({ "name": "Bot", "role": "viewer" })).await;
    let agent = agent["person"]["id"].as_str().expect("an id").to_owned();
    ask(Method::PATCH, format!("/teams/{team}/members/{agent}"), json!({ "role": "member" })).await;
    let made = ask(Method::POST, "/artifacts".to_owned(), json!({ "volumeId": volume, "kind": "skill", "name": "Traced" })).await;
    let id = made["summary"]["id"].as_str().expect("an id").to_owned();
    let saves = made["draft"]["saves"].as_i64().unwrap_or_default();
    ask(Method::PUT, format!("/artifacts/{id}/draft"), json!({ "text": "# Traced\n", "saves": saves })).await;
    ask(Method::PUT, format!("/artifacts/{id}/files/references/a.txt"), json!("a file")).await;
    ask(Method::POST, "/commits".to_owned(), json!({ "message": "Add it", "artifacts": [{ "id": id, "baseRevisionId": null }] })).await;
    ask(Method::PUT, format!("/artifacts/{id}/favourite"), Value::Null).await;
    let thread = ask(Method::POST, "/comments/threads".to_owned(), json!({ "artifactId": id, "text": "Why?" })).await;
    let thread = thread["id"].as_str().expect("an id").to_owned();
    ask(Method::POST, format!("/comments/threads/{thread}/replies"), json!({ "text": "Because." })).await;
    let session = ask(Method::POST, "/sessions".to_owned(), json!({ "title": "Traced" })).await;
    let session = session["id"].as_str().expect("an id").to_owned();
    ask(Method::POST, format!("/sessions/{session}/messages"), json!({ "text": "Because." })).await;
    ask(Method::POST, format!("/sessions/{session}/commit"), json!({ "message": "Keep it", "artifactIds": [] })).await;
    // A second revision; a draft on it; back to the first one meanwhile, so that the draft has to be merged.
    let read = async |path: String| process.call(&client, Method::GET, &path, Value::Null).await.expect("an answer").1;
    let first = read(format!("/artifacts/{id}")).await["head"]["id"].clone();
    let draft = async |text: &str| {
        let saves = read(format!("/artifacts/{id}")).await["draft"]["saves"].as_i64().unwrap_or_default();
        (format!("/artifacts/{id}/draft"), json!({ "text": text, "saves": saves }))
    };
    let (path, body) = draft("# Traced again\n").await;
    ask(Method::PUT, path, body).await;
    ask(Method::POST, "/commits".to_owned(), json!({ "message": "Change it", "artifacts": [{ "id": id, "baseRevisionId": first }] })).await;
    let (path, body) = draft("# Traced again\n\nMine.\n").await;
    ask(Method::PUT, path, body).await;
    ask(Method::POST, format!("/artifacts/{id}/restore"), json!({ "revisionId": first })).await;
    let view = read(format!("/artifacts/{id}/merge")).await;
    let merged = json!({ "text": "# Traced\n\nMine.\n", "saves": view["saves"], "headRevisionId": view["head"]["id"] });
    ask(Method::PUT, format!("/artifacts/{id}/merge"), merged).await;
    let volumes = read("/volumes".to_owned()).await;
    let of_team = volumes.as_array().expect("a list").iter().find(|volume| volume["kind"] == "team").expect("the team's volume");
    ask(Method::POST, format!("/artifacts/{id}/move"), json!({ "volumeId": of_team["id"] })).await;
    ask(Method::PATCH, "/me".to_owned(), json!({ "name": "Maya O." })).await;
    ask(Method::PATCH, format!("/artifacts/{id}/frontmatter"), json!({ "key": "version", "value": { "type": "text", "value": "1.0.0" } }))
        .await;
    ask(Method::DELETE, format!("/artifacts/{id}/draft"), Value::Null).await;
    ask(Method::DELETE, format!("/artifacts/{id}"), Value::Null).await;
    ask(Method::POST, "/me/tokens".to_owned(), json!({ "name": "CI", "scopes": ["read"], "expiresInDays": 1 })).await;
    let path = format!("/volumes/{volume}/imports");
    let upload = client.post(format!("{}/api/v1{path}", process.base)).header("content-type", "application/zip");
    assert_eq!(upload.body(many("traced", 3, "words")).send().await.expect("an answer").status(), 202);
    written.push(("POST", path));
    let path = format!("/sessions/{session}/attachments");
    let form = Form::new().part("file", Part::bytes(b"a file".to_vec()).file_name("a.txt"));
    let upload = client.post(format!("{}/api/v1{path}", process.base)).multipart(form);
    assert_eq!(upload.send().await.expect("an answer").status(), 201);
    written.push(("POST", path));
    process.kill();
    let trace = std::fs::read_to_string(&log).expect("strace wrote its log");
    let lines: Vec<&str> = trace.lines().collect();
    let mut from = 0;
    for (method, path) in &written {
        // The first read of a connection looks at 24 bytes only; one request follows the other, so the beginning is enough.
        let request: String = format!("\"{method} /api/v1{path} ").chars().take(24).collect();
        let start =
            from + lines[from..].iter().position(|line| line.contains(&request)).unwrap_or_else(|| panic!("{request} is in the trace"));
        let end = start
            + lines[start..].iter().position(|line| line.contains("\"HTTP/1.1 2")).unwrap_or_else(|| panic!("{request} was answered"));
        let synced = lines[start..end].iter().any(|line| line.contains("fsync(") || line.contains("fdatasync("));
        assert!(synced, "{request} was answered before anything was fsynced");
        from = end;
    }
}
