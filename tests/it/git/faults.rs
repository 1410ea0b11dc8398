use serde_json::json;

use super::{GitServer, Mood, allow_private, commits, git, link, run, settled, shared, skill};
use crate::app::text;

app_test!(what_cannot_be_linked_says_why, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    let put = async |body: serde_json::Value| {
        let (status, error) = maya.json(reqwest::Method::PUT, &format!("/volumes/{volume}/git"), body).await;
        (status, error["fields"].clone(), error["message"].as_str().unwrap_or_default().to_owned())
    };
    let (status, fields, message) = put(json!({ "url": server.url, "branch": "nowhere" })).await;
    assert!(status == 400 && fields["branch"].is_string() && message.contains("“main”"), "{message}");
    let (status, fields, _) = put(json!({ "url": server.url.replace("playbook", "other") })).await;
    assert!(status == 400 && fields["url"].is_string());
    for url in ["ftp://a.dev/x", "https://user:pass@a.dev/x.git", "ssh://git:pass@a.dev/x.git", "file:///etc/passwd"] {
        let (status, fields, _) = put(json!({ "url": url })).await;
        assert!(status == 400 && fields["url"].is_string(), "{url}");
    }
    server.behave(Mood::Nonsense);
    let (status, _, message) = put(json!({ "url": server.url })).await;
    assert!(status == 400 && message.contains("not what a server of Git says"), "{message}");
    server.behave(Mood::Hangs);
    let (status, _, message) = put(json!({ "url": server.url })).await;
    assert!(status == 503 && message.contains("did not answer in time"), "{message}");
    server.behave(Mood::Broken);
    let (status, _, message) = put(json!({ "url": server.url })).await;
    assert!(status == 503 && message.contains("502"), "{message}");
    // Nobody listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address");
    let (status, _, message) = put(json!({ "url": format!("http://{closed}/a.git") })).await;
    assert!(status == 503 && message.contains("cannot be reached"), "{message}");
    server.behave(Mood::Fine);
    server.ask_for("secret-1");
    let (status, fields, _) = put(json!({ "url": server.url })).await;
    assert!(status == 400 && fields["token"].is_string());
    let (status, fields, message) = put(json!({ "url": server.url, "token": "wrong" })).await;
    assert!(status == 400 && fields["token"].is_string() && !message.contains("wrong"), "{message}");
    assert_eq!(maya.get(&format!("/volumes/{volume}/git")).await.1, json!(null));
    assert_eq!(maya.post(&format!("/volumes/{volume}/git/pull"), json!({})).await.0, 409);
    // What is right is kept, and nobody reads it out of the database.
    link(&maya, &volume, json!({ "url": server.url, "token": "secret-1" })).await;
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT token FROM git_links").fetch_one(app.state.db.read()).await.expect("a row");
    assert!(!sealed.windows(8).any(|part| part == b"secret-1"));
});

// Its key was taken for two minutes: a tab that was closed while it sent something waited that long when it was opened again.
app_test!(a_request_that_is_given_up_frees_its_key, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    let put = || {
        let request = maya.request(reqwest::Method::PUT, &format!("/api/v1/volumes/{volume}/git"));
        request.header("idempotency-key", "k").json(&json!({ "url": server.url }))
    };
    server.behave(Mood::Hangs);
    let asked = server.asked();
    let given_up = tokio::spawn(put().send());
    while server.asked() == asked {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(maya.answer(put()).await.status, 409, "it runs");
    given_up.abort();
    server.behave(Mood::Fine);
    let mut status = 409;
    for _ in 0..500 {
        status = maya.answer(put()).await.status;
        if status != 409 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!((200..300).contains(&status), "{status}");
});

app_test!(nobody_is_asked_inside_of_a_network, |app| {
    let server = GitServer::start().await;
    let (maya, volume) = shared(app).await;
    let path = format!("/volumes/{volume}/git");
    for url in [
        server.url.replace("http:", "https:"),
        "https://localhost/a.git".to_owned(),
        "https://[::1]/a.git".to_owned(),
        "https://169.254.169.254/a".to_owned(),
    ] {
        let (status, error) = maya.json(reqwest::Method::PUT, &path, json!({ "url": url })).await;
        assert!(status == 400 && text(&error["fields"]["url"]).contains("GIT_PRIVATE"), "{url} {error}");
        let (status, error) = maya.post(&format!("{path}/import"), json!({ "url": url })).await;
        assert!(status == 400 && text(&error["fields"]["url"]).contains("GIT_PRIVATE"), "{url} {error}");
    }
    assert_eq!(server.asked(), 0);
});

app_test!(
    only_listed_hosts_are_asked_also_when_sent_on,
    |config| {
        allow_private(config);
        config.git.hosts = vec!["127.0.0.1".to_owned()];
    },
    |app| {
        let server = GitServer::start().await;
        server.write("skills/a/SKILL.md", skill("a", "One\n"));
        server.commit("First");
        let (maya, volume) = shared(app).await;
        link(&maya, &volume, json!({ "url": server.url })).await;
        let elsewhere = server.url.replace("127.0.0.1", "localhost");
        let (status, error) = maya.json(reqwest::Method::PUT, &format!("/volumes/{volume}/git"), json!({ "url": elsewhere })).await;
        assert!(status == 400 && text(&error["fields"]["url"]).contains("GIT_HOSTS"), "{error}");
        let asked = server.asked();
        server.behave(Mood::SendsOn(format!("{elsewhere}/info/refs?service=git-upload-pack")));
        let report = run(&maya, &volume, "pull").await;
        assert!(text(&report["error"]).contains("sent us on"), "{report}");
        assert_eq!(server.asked(), asked + 1, "not followed");
        assert_eq!(settled(&maya, &volume).await["state"], "failed");
    }
);

app_test!(a_fault_in_the_middle_changes_nothing, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    server.write("skills/b/SKILL.md", skill("b", &"Two\n".repeat(10_000)));
    server.commit("Second");
    server.behave(Mood::BreaksOff);
    let (_, job) = maya.post(&format!("/volumes/{volume}/git/pull"), json!({})).await;
    let failed = async || {
        for _ in 0..500 {
            let (_, found) = maya.get(&format!("/volumes/{volume}/git")).await;
            if found["lastError"].is_string() {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("it fails")
    };
    let found = failed().await;
    assert_eq!(commits(&maya, &volume).await.len(), 1, "{found}");
    // It is tried again by itself.
    server.behave(Mood::Fine);
    assert_eq!(crate::import::finish(&maya, &job).await["created"], 1);
    let found = settled(&maya, &volume).await;
    assert_eq!((&found["state"], &found["lastError"]), (&json!("synced"), &json!(null)), "{found}");

    // The branch goes.
    git(&server.bare(), &["branch", "-m", "main", "trunk"]);
    let report = run(&maya, &volume, "pull").await;
    assert!(text(&report["error"]).contains("no branch “main”"), "{report}");
    assert_eq!(commits(&maya, &volume).await.len(), 2);
});

app_test!(maintainers_link_and_others_look, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let max = app.join(&maya, &team, "member", "max@x.y").await;
    let mara = app.join(&maya, &team, "maintainer", "mara@x.y").await;
    let volume = crate::volumes::volume(&maya, "team").await;
    let path = format!("/volumes/{volume}/git");
    assert_eq!(max.json(reqwest::Method::PUT, &path, json!({ "url": server.url })).await.0, 403);
    link(&mara, &volume, json!({ "url": server.url })).await;
    assert_eq!(max.get(&path).await.1["state"], "synced");
    for (status, answer) in
        [max.post(&format!("{path}/pull"), json!({})).await, max.post(&format!("{path}/push"), json!({})).await, max.delete(&path).await]
    {
        assert_eq!(status, 403, "{answer}");
    }
    let stranger = app.sign_up(&maya, "else@x.y").await;
    assert_eq!(stranger.get(&path).await.0, 404);
    // The account of who linked it is shut off, then they are gone from the team: nothing is done in their name.
    let account = format!("/admin/users/{}", mara.id);
    assert_eq!(maya.patch(&account, json!({ "deactivated": true })).await.0, 200);
    let report = run(&maya, &volume, "pull").await;
    assert!(text(&report["error"]).contains("link it anew"), "{report}");
    assert_eq!(maya.patch(&account, json!({ "deactivated": false })).await.0, 200);
    assert_eq!(run(&maya, &volume, "pull").await["error"], json!(null));
    let (_, members) = maya.get(&format!("/teams/{team}/members")).await;
    let id =
        members.as_array().into_iter().flatten().find(|member| member["person"]["id"] == mara.id.as_str()).cloned().unwrap_or_default();
    assert!(id.is_object(), "{members}");
    assert_eq!(maya.delete(&format!("/teams/{team}/members/{}", mara.id)).await.0, 204);
    let report = run(&maya, &volume, "pull").await;
    assert!(text(&report["error"]).contains("link it anew"), "{report}");
    link(&maya, &volume, json!({ "url": server.url })).await;
    assert_eq!(maya.delete(&path).await.0, 204);
    assert_eq!(maya.get(&path).await.1, json!(null));
});

app_test!(a_repository_is_imported_once, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.ask_for("secret-1");
    server.write("README.md", "# Ours\n");
    server.write("pdf/SKILL.md", skill("pdf", "One\n"));
    server.write("pdf/scripts/a.py", "print()\n");
    std::os::unix::fs::symlink("pdf", server.work().join("link")).expect("a link");
    server.commit("First");
    let (maya, volume) = shared(app).await;
    let body = json!({ "url": server.url, "token": "secret-1" });
    let (status, job) = maya.post(&format!("/volumes/{volume}/git/import"), body).await;
    assert_eq!(status, 202, "{job}");
    let report = crate::import::finish(&maya, &job).await;
    assert_eq!(report["created"], 1, "{report}");
    assert!(report.to_string().contains("symbolic link"), "{report}");
    assert!(text(&commits(&maya, &volume).await[0]["message"]).contains("team/playbook.git"));
    assert_eq!(maya.get(&format!("/volumes/{volume}/git")).await.1, json!(null), "imported and not linked");
});
