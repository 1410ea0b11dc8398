//! Repositories that are out of reach for longer than a job tries, links that change meanwhile, and nodes that lack what another one fetched.

use llmos_lite::{
    features::{
        git::service::{look_at_due, pull},
        jobs::Job,
    },
    ids::VolumeId,
    server::context::Ctx,
};
use serde_json::{Value, json};

use super::{GitServer, Mood, allow_private, artifact, git, link, run, settled, shared, skill, text_of};
use crate::{
    app::{Client, TestApp, text},
    notifications,
    webhooks::{guid, list, push, send, until, with_secret},
};

fn with_github(config: &mut llmos_lite::server::config::Config) {
    allow_private(config);
    with_secret(config);
}

async fn sql(app: &TestApp, statement: &'static str) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query(statement).execute(&mut *tx).await.expect("runs");
    tx.commit().await.expect("committed");
}

/// The last try of a job, which no later one follows.
fn last_try(volume: &str) -> Job {
    Job { id: guid(), kind: "git.pull".to_owned(), payload: json!({ "volume": volume }).to_string(), owner_id: String::new(), attempts: 5 }
}

async fn told(client: &Client, kind: &str) -> Vec<Value> {
    notifications::list(client).await.into_iter().filter(|one| one["kind"] == kind).collect()
}

async fn synced(client: &Client, volume: &str) -> Value {
    for _ in 0..1_500 {
        let (_, link) = client.get(&format!("/volumes/{volume}/git")).await;
        if link["state"] == "synced" {
            return link;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it is in step again: {}", client.get(&format!("/volumes/{volume}/git")).await.1)
}

fn pushed(server: &GitServer) -> Value {
    let mut payload = push("team/playbook", 1);
    payload["repository"]["clone_url"] = json!(server.url);
    payload
}

app_test!(an_outage_that_lasts_is_told_once_and_ends_by_itself, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    let team = text(&maya.get("/teams").await.1[0]["id"]);
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let id: VolumeId = volume.parse().expect("an id");

    server.write("skills/a/SKILL.md", skill("a", "Two\n"));
    server.commit("Second");
    server.behave(Mood::Broken);
    let delivery = send(&maya, "push", &pushed(&server)).await;
    until(&maya, &delivery, "done").await;
    for (time, mood) in [Mood::Broken, Mood::Hangs, Mood::Broken, Mood::Broken].into_iter().enumerate() {
        server.behave(mood);
        pull(&ctx, &last_try(&volume), id).await.expect_err("nobody answers");
        let words = told(&maya, "sync").await;
        assert_eq!(words.len(), usize::from(time >= 2), "it has to last, and is told once: {words:?}");
    }
    let notice = &told(&maya, "sync").await[0];
    assert!(text(&notice["excerpt"]).contains("It is tried again."), "{notice}");
    assert!(told(&vera, "sync").await.is_empty(), "those who look after the volume");
    let found = maya.get(&format!("/volumes/{volume}/git")).await.1;
    assert!(text(&found["lastError"]).contains("It is tried again."), "{found}");
    // The delivery says so, and is found among those that failed.
    let listed = list(&maya, "state=failed").await;
    assert_eq!((&listed[0]["guid"], &listed[0]["state"]), (&json!(delivery), &json!("done")), "{listed:?}");
    assert_eq!(
        (listed[0]["outcomes"].as_array().map(Vec::len), &listed[0]["outcomes"][0]["failed"]),
        (Some(1), &json!(true)),
        "{listed:?}"
    );
    assert_eq!(maya.get("/webhooks/report").await.1["failed"], 1);

    // It is back: nobody pushes, and nobody asks.
    server.behave(Mood::Fine);
    sql(app, "DELETE FROM jobs WHERE kind IN ('git.pull', 'git.look')").await;
    sql(app, "UPDATE git_links SET look_at = 0").await;
    look_at_due(&ctx).await.expect("looked");
    let found = synced(&maya, &volume).await;
    assert_eq!((&found["lastError"], &found["behind"]), (&Value::Null, &json!(0)), "{found}");
    assert!(text_of(&maya, &volume, "a").await.contains("Two"));
    let listed = list(&maya, "").await;
    assert!(
        listed[0]["outcomes"][0]["failed"] == false && text(&listed[0]["outcomes"][0]["sentence"]).contains("1 artifact changed."),
        "{listed:?}"
    );
    assert_eq!(maya.get("/webhooks/report").await.1["failed"], 0);
    // It is not looked at before its time.
    let asked = server.asked();
    assert_eq!(look_at_due(&ctx).await.expect("looked"), json!({ "looked": 0 }));
    assert_eq!(server.asked(), asked);
    // Another outage is told of again.
    server.behave(Mood::Broken);
    for _ in 0..3 {
        pull(&ctx, &last_try(&volume), id).await.expect_err("nobody answers");
    }
    assert_eq!(told(&maya, "sync").await.len(), 2);
});

app_test!(what_only_a_person_mends_is_told_at_once, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    git(&server.bare(), &["branch", "-m", "main", "trunk"]);
    for _ in 0..2 {
        let report = run(&maya, &volume, "pull").await;
        assert!(text(&report["error"]).contains("no branch “main”"), "{report}");
    }
    let words = told(&maya, "sync").await;
    assert!(words.len() == 1 && text(&words[0]["excerpt"]).contains("no branch “main”"), "{words:?}");
});

app_test!(what_was_fetched_and_could_not_be_taken_is_behind, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    server.write("skills/a/SKILL.md", skill("a", "Two\n"));
    server.commit("Second");
    server.write("skills/a/notes.txt", "Beside it\n");
    server.commit("Third");
    // There is no place for files.
    let (blobs, aside) = (app.state.config.data_dir.join("blobs"), app.state.config.data_dir.join("aside"));
    std::fs::rename(&blobs, &aside).expect("aside");
    std::fs::write(&blobs, "").expect("in its place");
    let ctx = Ctx::internal(app.state.clone(), None);
    pull(&ctx, &last_try(&volume), volume.parse().expect("an id")).await.expect_err("no place");
    let found = maya.get(&format!("/volumes/{volume}/git")).await.1;
    assert_eq!((&found["state"], &found["behind"]), (&json!("failed"), &json!(2)), "{found}");
    let page = maya.answer(maya.request(reqwest::Method::GET, &format!("/volumes/{volume}"))).await;
    assert!(page.text.contains("2 commits are there not pulled."), "{}", page.text);
    std::fs::remove_file(&blobs).expect("removed");
    std::fs::rename(&aside, &blobs).expect("back");
    run(&maya, &volume, "pull").await;
    let found = synced(&maya, &volume).await;
    assert_eq!((&found["behind"], &found["lastError"]), (&json!(0), &Value::Null), "{found}");
});

app_test!(a_history_that_was_rewritten_is_told_to_those_who_look_after_the_volume, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    server.write("skills/a/SKILL.md", skill("a", "Two\n"));
    server.commit("Second");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    git(&server.work(), &["reset", "-q", "--hard", "HEAD~1"]);
    server.write("skills/a/SKILL.md", skill("a", "Another two\n"));
    server.commit("Rewritten");
    let report = run(&maya, &volume, "pull").await;
    assert_eq!((&report["updated"], &report["conflicts"]), (&json!(1), &json!(0)), "{report}");
    let words = told(&maya, "sync").await;
    assert!(words.len() == 1 && text(&words[0]["excerpt"]).contains("was rewritten"), "{words:?}");
});

app_test!(a_new_push_does_not_wait_for_the_next_try_of_an_older_one, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    server.behave(Mood::Broken);
    send(&maya, "push", &pushed(&server)).await;
    let waiting = async || {
        let jobs: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM jobs WHERE kind = 'git.pull' AND state = 'queued' AND attempts > 0")
            .fetch_one(app.state.db.read())
            .await
            .expect("reads");
        jobs > 0
    };
    while !waiting().await {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Far off, with few tries left.
    let late = "UPDATE jobs SET run_at = run_at + 86400000, attempts = 4 WHERE kind = 'git.pull' AND state = 'queued' AND attempts > 0";
    sql(app, late).await;
    if !waiting().await {
        // It was taken at that moment; it fails, and waits for a short while only.
        return;
    }
    server.behave(Mood::Fine);
    server.write("skills/a/SKILL.md", skill("a", "Two\n"));
    server.commit("Second");
    send(&maya, "push", &pushed(&server)).await;
    synced(&maya, &volume).await;
    for _ in 0..1_500 {
        if text_of(&maya, &volume, "a").await.contains("Two") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the second push is pulled")
});

/// What another node fetched, or what was lost with a disk, is not here: the base of both sides comes again.
async fn loses_what_was_fetched(app: &TestApp, server: &GitServer, folder: &str) {
    let path = |name: &str| if folder.is_empty() { format!("skills/{name}/SKILL.md") } else { format!("{folder}/skills/{name}/SKILL.md") };
    for name in ["a", "b", "c"] {
        server.write(&path(name), skill(name, "One\n\ntwo\n\nthree\n"));
    }
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url, "folder": folder })).await;
    for round in 0..2 {
        std::fs::remove_dir_all(app.state.config.data_dir.join("git").join(&volume)).expect("what was fetched");
        // One commit between: the base is not the parent of the head.
        server.write("README.md", format!("{round}"));
        server.commit("Aside");
        server.write(&path("a"), skill("a", &format!("One\n\ntwo\n\nthree {round}\n")));
        if round == 0 {
            std::fs::remove_dir_all(server.work().join(path("b")).parent().expect("a folder")).expect("a folder");
        }
        server.commit("Theirs");
        let report = run(&maya, &volume, "pull").await;
        let counts = ["updated", "deleted", "merged", "conflicts"].map(|name| report[name].as_i64().unwrap_or(-1));
        assert_eq!(counts, [1, i64::from(round == 0), 0, 0], "{report}");
        assert!(artifact(&maya, &volume, "b").await.is_none() && artifact(&maya, &volume, "c").await.is_some());
        let found = settled(&maya, &volume).await;
        assert_eq!((&found["state"], &found["notice"]), (&json!("synced"), &Value::Null), "{found}");
    }
}

app_test!(a_base_that_is_not_here_is_fetched, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    loses_what_was_fetched(app, &server, "").await;
});

app_test!(a_base_that_is_not_here_is_fetched_without_other_files, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.allow_filter();
    loses_what_was_fetched(app, &server, "docs").await;
});

app_test!(a_link_that_leads_elsewhere_meanwhile_keeps_nothing_of_the_pull_before, |config| { allow_private(config) }, |app| {
    let (first, second) = (GitServer::start().await, GitServer::start().await);
    for name in ["a", "only-here"] {
        first.write(&format!("skills/{name}/SKILL.md"), skill(name, "One\n"));
    }
    first.commit("First");
    second.write("skills/b/SKILL.md", skill("b", "Elsewhere\n"));
    let head = second.commit("Elsewhere");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": first.url })).await;
    first.write("skills/a/SKILL.md", skill("a", "Two\n"));
    first.commit("Second");
    first.behave(Mood::Slow);
    let asked = first.asked();
    let (_, pulling) = maya.post(&format!("/volumes/{volume}/git/pull"), json!({})).await;
    // It has asked what is there, and asks for the pack.
    while first.asked() < asked + 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let found = link(&maya, &volume, json!({ "url": second.url })).await;
    crate::import::finish(&maya, &pulling).await;
    assert_eq!((&found["state"], &found["lastSha"], &found["lastError"]), (&json!("synced"), &json!(head), &Value::Null), "{found}");
    assert!(artifact(&maya, &volume, "only-here").await.is_some(), "the other repository never had it");
    assert!(artifact(&maya, &volume, "b").await.is_some());
    assert!(text_of(&maya, &volume, "a").await.contains("One"), "what was on its way from there is not taken");
    // What comes next is compared with the right commit.
    second.write("skills/b/SKILL.md", skill("b", "Elsewhere, more\n"));
    second.commit("More");
    let report = run(&maya, &volume, "pull").await;
    assert_eq!((&report["updated"], &report["deleted"], &report["conflicts"]), (&json!(1), &json!(0), &json!(0)), "{report}");
    assert!(artifact(&maya, &volume, "only-here").await.is_some());
});
