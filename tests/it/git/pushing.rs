use serde_json::json;

use super::{GitServer, Mood, allow_private, artifact, commits, git, link, run, settled, shared, skill, text_of};
use crate::{
    app::text,
    volumes::{commit, committed, create, head, save, volume},
};

app_test!(commits_become_commits_of_their_authors, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.ask_for("secret-1");
    server.write("docs/skills/a/SKILL.md", skill("a", "One\n"));
    server.write("README.md", "untouched");
    server.commit("First");
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let max = app.join(&maya, &team, "member", "max@x.y").await;
    let volume = volume(&maya, "team").await;
    let body = json!({ "url": server.url, "folder": "docs", "token": "secret-1", "push": true });
    let found = link(&maya, &volume, body).await;
    assert_eq!((&found["state"], &found["hasToken"]), (&json!("synced"), &json!(true)), "{found}");
    assert!(!found.to_string().contains("secret-1"));

    let id = artifact(&maya, &volume, "a").await.expect("it came");
    let before = head(&max, &id).await;
    save(&max, &id, &skill("a", "Two\n"), 0).await;
    commit(&max, &[(&id, Some(&before))], "Say it twice\n\nBecause.").await;
    let (new, _) = committed(&maya, &volume, "Quarter End").await;
    // By itself, within moments.
    for _ in 0..500 {
        if server.log().len() >= 3 && settled(&maya, &volume).await["ahead"] == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(
        server.log(),
        ["Maya Chen <maya@harbor.internal>: First", "max <max@x.y>: Say it twice", "Ana Gómez <ana@harbor.internal>: First"]
    );
    assert_eq!(server.shown("docs/skills/a/SKILL.md"), skill("a", "Two\n"));
    assert!(git(&server.bare(), &["log", "-1", "--format=%b", "main~1"]).contains("Because."));
    let files = server.files();
    assert_eq!(files, ["README.md", "docs/skills/a/SKILL.md", "docs/skills/quarter-end/SKILL.md"]);

    // Files beside, a deletion; and what is pushed is not pulled again.
    let request = maya.request(reqwest::Method::PUT, &format!("/api/v1/artifacts/{new}/files/scripts/run.sh?executable=true"));
    let answer = maya.answer(request.body("#!/bin/sh\n")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let now = head(&maya, &new).await;
    commit(&maya, &[(&new, Some(&now))], "A script").await;
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    run(&maya, &volume, "push").await;
    let listed = git(&server.bare(), &["ls-tree", "-r", "main"]);
    assert!(listed.contains("100755") && listed.contains("docs/skills/quarter-end/scripts/run.sh"), "{listed}");
    assert!(!listed.contains("docs/skills/a/"), "{listed}");
    let made = commits(&maya, &volume).await.len();
    assert_eq!(run(&maya, &volume, "pull").await, json!(null));
    assert_eq!((run(&maya, &volume, "push").await["commits"].clone(), commits(&maya, &volume).await.len()), (json!(0), made));
});

app_test!(an_empty_repository_gets_the_whole_history, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    let (maya, volume) = shared(app).await;
    let (id, before) = committed(&maya, &volume, "One").await;
    save(&maya, &id, &skill("one", "Changed\n"), 0).await;
    commit(&maya, &[(&id, Some(&before))], "Second").await;
    let found = link(&maya, &volume, json!({ "url": server.url, "branch": "main" })).await;
    assert!(found["notice"].as_str().is_some_and(|notice| notice.contains("empty")), "{found}");
    assert_eq!(found["ahead"], 2);
    let report = run(&maya, &volume, "push").await;
    assert_eq!(report["commits"], 2, "{report}");
    assert_eq!(server.log(), ["Maya Chen <maya@harbor.internal>: Second", "Maya Chen <maya@harbor.internal>: First"]);
    assert_eq!(server.shown("skills/one/SKILL.md"), skill("one", "Changed\n"));
    assert_eq!(settled(&maya, &volume).await["ahead"], 0);
});

app_test!(a_volume_with_history_joins_a_repository_with_files, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/theirs/SKILL.md", skill("theirs", "Theirs\n"));
    server.commit("Theirs");
    let (maya, volume) = shared(app).await;
    committed(&maya, &volume, "Ours").await;
    let found = link(&maya, &volume, json!({ "url": server.url })).await;
    assert_eq!(found["report"]["created"], 1, "{found}");
    assert_eq!(run(&maya, &volume, "push").await["commits"], 1);
    assert_eq!(server.files(), ["skills/ours/SKILL.md", "skills/theirs/SKILL.md"]);
    assert_eq!(run(&maya, &volume, "push").await["commits"], 0);
});

app_test!(a_push_that_is_overtaken_merges_and_tries_again, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.write("skills/b/SKILL.md", skill("b", "One\n"));
    let first = server.commit("First");
    server.write("skills/b/SKILL.md", skill("b", "Faster\n"));
    let faster = server.commit("Faster");
    git(&server.bare(), &["update-ref", "refs/heads/main", &first]);
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    let id = artifact(&maya, &volume, "a").await.expect("it came");
    let before = head(&maya, &id).await;
    save(&maya, &id, &skill("a", "Two\n"), 0).await;
    commit(&maya, &[(&id, Some(&before))], "Ours").await;
    // While the pack is being taken, somebody else is faster: once.
    let hook = server.bare().join("hooks/update");
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("a folder");
    std::fs::write(&hook, format!("#!/bin/sh\n[ -e raced ] || {{ touch raced; git update-ref refs/heads/main {faster}; }}\nexit 0\n"))
        .expect("a hook");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let report = run(&maya, &volume, "push").await;
    assert_eq!((&report["commits"], &report["pulled"]["updated"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(server.shown("skills/a/SKILL.md"), skill("a", "Two\n"));
    assert_eq!(server.shown("skills/b/SKILL.md"), skill("b", "Faster\n"));
    assert_eq!(server.log().len(), 3);
    assert!(text_of(&maya, &volume, "b").await.contains("Faster"));

    // A branch that takes nothing says so.
    std::fs::write(&hook, "#!/bin/sh\necho protected >&2\nexit 1\n").expect("a hook");
    let before = head(&maya, &id).await;
    save(&maya, &id, &skill("a", "Three\n"), 0).await;
    commit(&maya, &[(&id, Some(&before))], "Refused").await;
    let report = run(&maya, &volume, "push").await;
    assert!(text(&report["error"]).contains("hook declined"), "{report}");
    let found = settled(&maya, &volume).await;
    assert_eq!((&found["state"], &found["ahead"]), (&json!("failed"), &json!(1)), "{found}");
    // Whoever looks after the volume hears of it once, although each try pulls well before it pushes.
    for path in ["push", "push"] {
        run(&maya, &volume, path).await;
    }
    settled(&maya, &volume).await;
    let told = crate::github_events::told(&maya, "sync").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(settled(&maya, &volume).await["state"], "failed");
    std::fs::remove_file(&hook).expect("a hook");
    assert_eq!(run(&maya, &volume, "push").await["commits"], 1);
    assert_eq!(settled(&maya, &volume).await["state"], "synced");
});

app_test!(a_push_while_a_pull_is_under_way_waits_for_it, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url, "push": true })).await;
    server.write("skills/b/SKILL.md", skill("b", "Theirs\n"));
    server.commit("Theirs");
    server.behave(Mood::Slow);
    let (_, pull) = maya.post(&format!("/volumes/{volume}/git/pull"), json!({})).await;
    let made = create(&maya, &volume, "Ours").await;
    commit(&maya, &[(&text(&made["summary"]["id"]), None)], "Ours").await;
    let pushed = run(&maya, &volume, "push").await;
    assert_eq!(crate::import::finish(&maya, &pull).await["created"], 1);
    assert!(pushed["error"].is_null(), "{pushed}");
    settled(&maya, &volume).await;
    assert_eq!(server.files(), ["skills/a/SKILL.md", "skills/b/SKILL.md", "skills/ours/SKILL.md"]);
    assert_eq!(server.log().len(), 3, "each commit once");
});
