//! Who hears of what at GitHub, and what becomes of deliveries after they were acted on.

use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    git::{GitServer, Mood, git, settled, skill, text_of},
    github_events::{done, issue, linked, looked, pull_of, pull_request, release, review, sql, told, told_soon, with_github},
    marketplace::Publisher,
    notifications,
    webhooks::{list, push, send, until},
};

pub fn pushed(server: &GitServer, sender: i64) -> Value {
    let mut payload = push("team/playbook", 1);
    payload["repository"]["clone_url"] = json!(server.url);
    payload["sender"] = json!({ "login": "somebody", "id": sender });
    payload
}

/// The delivery once something came of it.
async fn came_of(maya: &Client, guid: &str, failed: bool) -> Value {
    for _ in 0..2_000 {
        let found = list(maya, "limit=200").await.into_iter().find(|delivery| delivery["guid"] == guid).unwrap_or_default();
        if found["outcomes"].as_array().is_some_and(|outcomes| outcomes.iter().any(|outcome| outcome["failed"] == failed)) {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("something comes of it: {:?}", list(maya, "limit=200").await)
}

app_test!(who_pushed_is_not_told_of_it, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume, team) = linked(app, &server).await;
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    sql(app, "UPDATE users SET github_id = '42' WHERE id = $1", &[&maya.id]).await;
    let mut socket = app.socket_of(&vera).await;
    socket.join(&vera.id, "workspace", None).await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim them daily.\n"));
    server.commit("Better lamps");
    let delivery = send(&maya, "push", &pushed(&server, 42)).await;
    assert_eq!(notifications::rung(&mut socket).await["unread"], 1, "an open page hears of it at once");
    assert_eq!(told(&vera, "push").await, ["Better lamps: 1 artifact changed."]);
    let notice = notifications::list(&vera).await.into_iter().find(|one| one["kind"] == "push").expect("told");
    assert_eq!(notice["actor"]["id"], json!(maya.id), "{notice}");
    assert_eq!(told(&maya, "push").await.len(), 0);
    settled(&maya, &volume).await;
    let delivery = came_of(&maya, &delivery, false).await;
    assert!(text(&delivery["outcomes"][0]["sentence"]).ends_with(": 1 artifact changed."), "{delivery}");
    // Of what several pushed each hears.
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim them twice a day.\n"));
    server.commit("Still better lamps");
    done(&maya, "push", &pushed(&server, 7)).await;
    assert_eq!(told_soon(&maya, "push", 1).await.len(), 1);
    // So do those whom an issue concerns.
    let mut socket = app.socket_of(&maya).await;
    socket.join(&maya.id, "workspace", None).await;
    let unread = notifications::unread(&maya).await;
    done(&maya, "issues", &issue(&server, "opened", 10, json!({}))).await;
    while notifications::rung(&mut socket).await["unread"] != unread + 1 {}
});

app_test!(a_second_push_comes_while_the_first_is_still_pulled, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume, _) = linked(app, &server).await;
    server.behave(Mood::Slow);
    let asked = server.asked();
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim them daily.\n"));
    server.commit("Daily");
    let first = send(&maya, "push", &pushed(&server, 1)).await;
    // It has asked what the branch is at, and asks for the pack.
    while server.asked() < asked + 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    server.write("skills/bells/SKILL.md", skill("bells", "Ring.\n"));
    server.commit("Bells");
    let second = send(&maya, "push", &pushed(&server, 1)).await;
    let (first, second) = (came_of(&maya, &first, false).await, came_of(&maya, &second, false).await);
    for delivery in [&first, &second] {
        assert!(text(&delivery["outcomes"][0]["sentence"]).ends_with(": 1 artifact changed."), "each what it brought: {delivery}");
    }
    settled(&maya, &volume).await;
    assert!(text_of(&maya, &volume, "lamps").await.contains("daily") && text_of(&maya, &volume, "bells").await.contains("Ring"));
    assert_eq!(crate::git::commits(&maya, &volume).await.len(), 3, "one for each push, none twice");
    assert_eq!(told_soon(&maya, "push", 2).await.len(), 2);
});

app_test!(reviews_and_closed_pull_requests_are_told_of, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume, team) = linked(app, &server).await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    sql(app, "UPDATE users SET github_id = '583231' WHERE id = $1", &[&tom.id]).await;
    let work = server.work();
    git(&work, &["checkout", "-q", "-b", "lamps"]);
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim them daily.\n"));
    git(&work, &["commit", "-qam", "Better lamps"]);
    git(&work, &["push", "-q", "origin", "HEAD:refs/pull/1/head"]);
    let head = server.head();

    // The first that is heard of it is a label: it was opened before the volume was linked.
    let labeled = pull_request(&server, "labeled", 10, &head, json!({}));
    let delivery = done(&maya, "pull_request", &labeled).await;
    assert_eq!(delivery["done"][1], "1 preview is made of what it would change.", "{delivery}");
    assert_eq!(looked(&maya, &volume, &head).await["problem"], Value::Null);
    let delivery = came_of(&maya, &text(&delivery["guid"]), false).await;
    assert!(text(&delivery["outcomes"][0]["sentence"]).contains("1 artifact would change: lamps."), "{delivery}");
    let again = done(&maya, "pull_request", &pull_request(&server, "labeled", 11, &head, json!({}))).await;
    assert_eq!(again["done"].as_array().map(Vec::len), Some(1), "what is known is not looked at again: {again}");
    assert!(told(&maya, "pullrequest").await.is_empty());

    // Its author, who is a member, hears of reviews as those do who look after the volume; who reviews does not.
    let of = |reviewer: i64, id: i64, state: &str, second: u32| {
        let mut event = review(&server, if state == "dismissed" { "dismissed" } else { "submitted" }, id, "ana", state, second, &head);
        event["sender"] = json!({ "login": "ana", "id": reviewer });
        event
    };
    done(&maya, "pull_request_review", &of(1, 1, "changes_requested", 20)).await;
    done(&maya, "pull_request_review", &of(1, 1, "changes_requested", 20)).await;
    done(&maya, "pull_request_review", &of(1, 2, "approved", 21)).await;
    done(&maya, "pull_request_review", &of(583_231, 2, "dismissed", 22)).await;
    // Of each the latest counts: that an older one is dismissed is news to nobody.
    done(&maya, "pull_request_review", &of(1, 1, "dismissed", 23)).await;
    let all = ["ana no longer decides about #1 Better lamps", "ana approves #1 Better lamps", "ana wants changes in #1 Better lamps"];
    assert_eq!(told(&maya, "pullrequest").await, all);
    assert_eq!(told(&tom, "pullrequest").await, all[1..]);

    // Closed without being merged; late and again it is told of no more.
    let closed = |second: u32| pull_request(&server, "closed", second, &head, json!({ "state": "closed", "merged": false }));
    done(&maya, "pull_request", &closed(30)).await;
    done(&maya, "pull_request", &closed(30)).await;
    done(&maya, "pull_request", &closed(5)).await;
    assert_eq!(told(&maya, "pullrequest").await.len(), 4);
    assert_eq!(told(&maya, "pullrequest").await[0], "closed #1 Better lamps without merging it");
    // A device is led to the volume.
    let (_, page) = maya.get("/notifications").await;
    let group = page["items"].as_array().expect("groups").iter().find(|group| group["subject"] == "volume").expect("of the volume").clone();
    assert_eq!(group["subjectId"], json!(volume), "{group}");
});

app_test!(a_preview_that_failed_is_made_by_a_replay, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume, _) = linked(app, &server).await;
    let work = server.work();
    git(&work, &["checkout", "-q", "-b", "lamps"]);
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim them daily.\n"));
    git(&work, &["commit", "-qam", "Better lamps"]);
    let head = server.head();
    // The repository does not show it yet.
    let delivery = send(&maya, "pull_request", &pull_request(&server, "opened", 10, &head, json!({}))).await;
    let delivery = came_of(&maya, &delivery, true).await;
    assert_eq!(delivery["state"], "done", "{delivery}");
    assert!(pull_of(&maya, &volume).await["problem"].is_string());
    git(&work, &["push", "-q", "origin", "HEAD:refs/pull/1/head"]);
    assert_eq!(maya.post(&format!("/webhooks/deliveries/{}/replay", text(&delivery["id"])), json!({})).await.0, 202);
    came_of(&maya, &text(&delivery["guid"]), false).await;
    let pull = pull_of(&maya, &volume).await;
    assert_eq!((&pull["lookedSha"], &pull["problem"]), (&json!(head), &Value::Null), "{pull}");
    assert_eq!(told(&maya, "pullrequest").await.len(), 1, "it is told of once");
});

app_test!(previews_that_an_outage_kept_back_are_made_when_it_ends, |config| { with_github(config) }, |app| {
    use llmos_lite::{features::jobs::Job, server::context::Ctx};
    let server = GitServer::start().await;
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim the wicks.\n"));
    server.commit("First");
    let (maya, volume, _) = linked(app, &server).await;
    let work = server.work();
    git(&work, &["checkout", "-q", "-b", "lamps"]);
    server.write("skills/lamps/SKILL.md", skill("lamps", "Trim them daily.\n"));
    git(&work, &["commit", "-qam", "Better lamps"]);
    git(&work, &["push", "-q", "origin", "HEAD:refs/pull/1/head"]);
    let head = server.head();
    server.behave(Mood::Broken);
    let delivery = send(&maya, "pull_request", &pull_request(&server, "opened", 10, &head, json!({}))).await;
    until(&maya, &delivery, "done").await;
    // Its last try, at once.
    let payload: String =
        sqlx::query_scalar("SELECT payload FROM jobs WHERE kind = 'git.preview'").fetch_one(app.state.db.read()).await.expect("a job");
    let job = Job { id: crate::webhooks::guid(), kind: "git.preview".to_owned(), payload, owner_id: String::new(), attempts: 5 };
    llmos_lite::features::git::service::preview(&Ctx::internal(app.state.clone(), None), &job).await.expect("it says so");
    assert!(text(&pull_of(&maya, &volume).await["problem"]).contains("It is tried again."));
    sql(app, "DELETE FROM jobs WHERE kind IN ('git.preview', 'git.look')", &[]).await;
    server.behave(Mood::Fine);
    assert_eq!(crate::git::run(&maya, &volume, "pull").await, Value::Null);
    for _ in 0..1_500 {
        if pull_of(&maya, &volume).await["lookedSha"] == json!(head) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the preview is made: {}", pull_of(&maya, &volume).await);
});

app_test!(releases_that_are_nobodys_are_told_to_those_who_made_them, |config| { with_github(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/lamp-care/SKILL.md", crate::github_events::market_skill("lamp-care", "Trim the wicks."));
    server.commit("First");
    let (maya, _, team) = linked(app, &server).await;
    let ines = Publisher::new(app.join(&maya, &team, "maintainer", "ines@harbor.example").await, 7).await;
    crate::github_events::publish_by_hand(&maya, &ines, &team, &server, "lamp-care").await;
    // A name that is none of what comes from there, though there is only one.
    let event = release(&server, "release-v1.2.3", json!({}));
    until(&maya, &send(&maya, "release", &event).await, "ignored").await;
    let words = told_soon(&ines.client, "release", 1).await;
    assert!(words[0].contains("“release”") && words[0].contains("lamp-care"), "{words:?}");
    until(&maya, &send(&maya, "release", &event).await, "ignored").await;
    assert_eq!(told(&ines.client, "release").await.len(), 1);

    // Somebody else's listing says that it comes from here: once, whatever is released.
    let stranger = Publisher::new(app.sign_up(&maya, "stranger@x.y").await, 9).await;
    let wish = crate::marketplace::with(
        crate::marketplace::skill("claimed-care", "1.0.0", "Whatever the repository of others has, this wants it."),
        json!({ "repository": server.url.replace("http://", "https://") }),
    );
    stranger.publish(&maya, wish).await;
    let before = told(&maya, "release").await.len();
    for tag in ["claimed-care-v1.0.1", "claimed-care-v1.0.2"] {
        done(&maya, "release", &release(&server, tag, json!({}))).await;
    }
    let words = told(&maya, "release").await;
    assert!(words.len() == before + 1 && words[0].contains("claimed-care"), "{words:?}");
    assert!(told(&stranger.client, "release").await.is_empty());
});
