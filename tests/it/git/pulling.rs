use serde_json::json;

use super::{GitServer, Mood, allow_private, artifact, commits, git, link, run, settled, shared, skill, text_of};
use crate::{
    app::text,
    editor::Editor,
    import::{export, unpack},
    volumes::{commit, head, save},
    webhooks::{push, send, until, with_secret},
};

app_test!(what_a_repository_has_comes_as_one_commit, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("README.md", "# Ours\n");
    server.write("docs/skills/pdf/SKILL.md", skill("pdf", "One\n"));
    server.write("docs/skills/pdf/scripts/run.sh", "#!/bin/sh\n");
    server.write("docs/skills/crlf/SKILL.md", "---\r\nname: crlf\r\n---\r\nbody\r\n");
    server.write("docs/agents/Über Prüfer.md", skill("p", "Prüft.\n"));
    server.write("docs/tools/long/TOOL.md", skill("long", &"x".repeat(900 * 1024)));
    server.write("docs/skills/wide/data.csv", "y".repeat(1024 * 1024 + 1));
    server.write("docs/skills/wide/SKILL.md", skill("wide", "Wide\n"));
    server.write("docs/skills/huge/SKILL.md", skill("huge", &"z".repeat(1024 * 1024 + 1)));
    server.write("docs/skills/video/film.bin", vec![7u8; 60 * 1024 * 1024]);
    server.write("docs/skills/video/SKILL.md", skill("video", "Film\n"));
    server.write("other/skills/not/SKILL.md", skill("not", "Elsewhere\n"));
    let work = server.work();
    std::os::unix::fs::symlink("../pdf/SKILL.md", work.join("docs/skills/pdf/link.md")).expect("a link");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(work.join("docs/skills/pdf/scripts/run.sh"), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    git(&work, &["add", "-A"]);
    let bare = server.bare();
    git(&work, &["-c", "protocol.file.allow=always", "commit", "-q", "-m", "Before"]);
    git(&work, &["push", "-q", "origin", "HEAD"]);
    git(&work, &["submodule", "add", "-q", bare.to_str().expect("UTF-8"), "docs/skills/module"]);
    let sha = server.commit("Add the skills\n\nAll of them.");

    let (maya, volume) = shared(app).await;
    let found = link(&maya, &volume, json!({ "url": server.url, "folder": "docs" })).await;
    assert_eq!((&found["state"], &found["lastError"], &found["lastSha"]), (&json!("synced"), &json!(null), &json!(sha)), "{found}");
    assert_eq!((&found["branch"], &found["ahead"], &found["behind"]), (&json!("main"), &json!(0), &json!(0)));
    let report = &found["report"];
    assert_eq!((&report["created"], &report["conflicts"]), (&json!(6), &json!(0)), "{report}");
    let reason = |path: &str| {
        let item = report["items"].as_array().into_iter().flatten().find(|item| item["path"] == path).cloned().unwrap_or_default();
        item["reason"].as_str().unwrap_or_default().to_owned()
    };
    assert!(reason("skills/pdf/link.md").contains("symbolic link"), "{report}");
    assert!(reason("skills/module").contains("submodule") && reason("skills/video/film.bin").contains("32 MB"), "{report}");
    assert!(reason("skills/huge/SKILL.md").contains("1024 KB"), "{report}");
    let made = commits(&maya, &volume).await;
    let message = text(&made[0]["message"]);
    assert_eq!((made.len(), &made[0]["source"]), (1, &json!("git")));
    assert!(
        message.starts_with("Add the skills\n\nAll of them.\n\n") && message.contains("Git-Author: Ana Gómez <ana@harbor.internal>"),
        "{message}"
    );
    assert!(message.ends_with(&format!("Git-Commit: {sha}")));
    let files = unpack(export(&maya, &volume).await);
    let file = |path: &str| files.iter().find(|(name, ..)| name == path).unwrap_or_else(|| panic!("{path}"));
    assert_eq!(file("skills/crlf/SKILL.md").1, b"---\r\nname: crlf\r\n---\r\nbody\r\n");
    assert!(file("skills/pdf/scripts/run.sh").2 && !file("skills/pdf/SKILL.md").2);
    assert_eq!(file("skills/wide/data.csv").1.len(), 1024 * 1024 + 1);
    assert_eq!(file("agents/Über Prüfer.md").1, skill("p", "Prüft.\n").as_bytes());

    // The page of the volume says so, also without a script.
    let page = maya.answer(maya.request(reqwest::Method::GET, &format!("/volumes/{volume}"))).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("Both sides have the same.") && page.text.contains(&server.url), "{}", page.text);
    assert!(page.text.contains("Pull now") && page.text.contains("git clone"));

    // Nothing new is nothing done.
    assert_eq!(run(&maya, &volume, "pull").await, json!(null));
    assert_eq!(commits(&maya, &volume).await.len(), 1);
});

/// A run as the file that a repository keeps of it.
fn run_file(id: &str, goal: &str) -> String {
    format!(
        "---\nid: {id}\ngoal: \"{goal}\"\nstarted_at: 2026-09-21T07:04:52Z\nended_at: 2026-09-21T07:05:15Z\nuser: ana\nsuccess: true\n---\n\n## Steps\n\n1. tool `sql`: ok, 120 ms\n"
    )
}

app_test!(
    runs_of_a_repository_are_brought_in_once_and_looked_at,
    |config| {
        allow_private(config);
        crate::evolution::with_model(config)
    },
    |app| {
        let server = GitServer::start().await;
        server.write("docs/skills/a/SKILL.md", skill("a", "One\n"));
        server.write("docs/traces/2026/r1.md", run_file("r1", "Count the orders of May"));
        server.write("docs/traces/README.md", "# Runs\n\nWhat agents did.\n");
        server.write("docs/traces/r1.json", "{}");
        server.write("traces/elsewhere.md", run_file("elsewhere", "Not in the folder that is linked"));
        server.commit("First");
        let (maya, volume) = shared(app).await;
        let team = text(&maya.get("/teams").await.1[0]["id"]);
        let runs = async || {
            let (status, page) = maya.get(&format!("/traces?team={team}&source=markdown&limit=200")).await;
            assert_eq!(status, 200, "{page}");
            let mut goals: Vec<String> = page["items"].as_array().expect("a list").iter().map(|run| text(&run["goal"])).collect();
            goals.sort();
            goals
        };
        let found = link(&maya, &volume, json!({ "url": server.url, "folder": "docs" })).await;
        assert_eq!((&found["report"]["traces"], &found["report"]["skipped"]), (&json!(1), &json!(0)), "{found}");
        assert_eq!(runs().await, ["Count the orders of May"]);

        // By a push: what is new comes, what is known already by its id does not, what cannot be read is said.
        server.write("docs/traces/2026/r1.md", run_file("r1", "Other words of the same run"));
        server.write("docs/traces/r2.md", run_file("r2", "Count the orders of June"));
        server.write("docs/traces/broken.md", "---\nid: [\n---\n");
        server.commit("Runs of June");
        let before = commits(&maya, &volume).await.len();
        let report = run(&maya, &volume, "pull").await;
        assert_eq!((&report["traces"], &report["skipped"], &report["commitId"]), (&json!(1), &json!(1), &json!(null)), "{report}");
        let reason =
            report["items"].as_array().expect("lines").iter().find(|item| item["path"] == "traces/broken.md").expect("it is said").clone();
        assert!(text(&reason["reason"]).contains("cannot be read"), "{report}");
        assert_eq!(commits(&maya, &volume).await.len(), before, "runs are none of the volume's files");
        assert_eq!(runs().await, ["Count the orders of June", "Count the orders of May"]);

        // Other changes bring none again, and those that are deleted there stay.
        server.write("docs/skills/a/SKILL.md", skill("a", "Two\n"));
        git(&server.work(), &["rm", "-rq", "docs/traces/2026"]);
        server.commit("Words");
        let report = run(&maya, &volume, "pull").await;
        assert_eq!((&report["traces"], &report["updated"]), (&json!(0), &json!(1)), "{report}");
        assert_eq!(runs().await.len(), 2);
        if crate::search::model().is_some() {
            let page = crate::evolution::until(&maya, &team, |page| page["runs"].as_array().is_some_and(|runs| !runs.is_empty())).await;
            assert!(page["runs"].as_array().expect("a list").iter().any(|run| run["cause"] == "push"), "{page}");
        }
    }
);

app_test!(changes_come_as_changes, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    for name in ["a", "b", "c", "d"] {
        server
            .write(&format!("skills/{name}/SKILL.md"), skill(name, &format!("The words of {name}, of which there are some.\nAnd more.\n")));
    }
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    let ids = [artifact(&maya, &volume, "b").await, artifact(&maya, &volume, "d").await];

    server.write("skills/a/SKILL.md", skill("a", "Other words.\n"));
    git(&server.work(), &["commit", "-qam", "Words"]);
    git(&server.work(), &["mv", "skills/b", "skills/renamed ü"]);
    git(&server.work(), &["rm", "-rq", "skills/c"]);
    git(&server.work(), &["commit", "-qm", "Moved"]);
    server.write("skills/d/SKILL.md", skill("d", "The words of d, of which there are some.\nAnd more.\nAnd even more.\n"));
    server.write("skills/d/new.txt", "beside");
    server.write("agents/e.md", skill("e", "New\n"));
    let sha = server.commit("Last of three");
    let report = run(&maya, &volume, "pull").await;
    let counts = ["created", "updated", "renamed", "deleted", "merged", "conflicts"].map(|name| report[name].as_i64().unwrap_or(-1));
    assert_eq!(counts, [1, 2, 1, 1, 0, 0], "{report}");
    let made = commits(&maya, &volume).await;
    assert_eq!(made.len(), 2);
    let message = text(&made[0]["message"]);
    assert!(message.starts_with("Last of three") && message.contains("With 2 commits before it.") && message.contains(&sha), "{message}");
    assert_eq!(artifact(&maya, &volume, "renamed-u").await, ids[0], "the same artifact under another name");
    assert_eq!(artifact(&maya, &volume, "d").await, ids[1]);
    assert!(artifact(&maya, &volume, "c").await.is_none() && artifact(&maya, &volume, "e").await.is_some());
    assert!(text_of(&maya, &volume, "a").await.contains("Other words."));
    let (_, trash) = maya.get(&format!("/artifacts?volume={volume}&view=trash")).await;
    assert_eq!(trash["total"], 1);
    let found = settled(&maya, &volume).await;
    assert_eq!((&found["state"], &found["notice"], &found["ahead"]), (&json!("synced"), &json!(null), &json!(0)), "{found}");
});

app_test!(both_sides_are_joined_and_a_conflict_loses_neither, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    let lines = |first: &str, last: &str| skill("x", &format!("{first}\n\ntwo\n\nthree\n\n{last}\n"));
    for name in ["clean", "clash", "gone", "kept"] {
        server.write(&format!("skills/{name}/SKILL.md"), lines("one", "four"));
    }
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    let mut ids = Vec::new();
    for name in ["clean", "clash", "kept"] {
        let id = artifact(&maya, &volume, name).await.expect("it came");
        let before = head(&maya, &id).await;
        assert_eq!(save(&maya, &id, &lines("ours", "four"), 0).await.0, 200);
        commit(&maya, &[(&id, Some(&before))], "Ours").await;
        ids.push(id);
    }
    let gone = artifact(&maya, &volume, "gone").await.expect("it came");
    assert_eq!(maya.delete(&format!("/artifacts/{gone}")).await.0, 204);

    server.write("skills/clean/SKILL.md", lines("one", "theirs"));
    server.write("skills/clash/SKILL.md", lines("theirs", "four"));
    server.write("skills/gone/SKILL.md", lines("one", "theirs"));
    git(&server.work(), &["rm", "-rq", "skills/kept"]);
    server.commit("Theirs");
    let report = run(&maya, &volume, "pull").await;
    let counts = ["created", "updated", "renamed", "deleted", "merged", "conflicts"].map(|name| report[name].as_i64().unwrap_or(-1));
    assert_eq!(counts, [1, 0, 0, 0, 1, 1], "{report}");
    assert_eq!(text_of(&maya, &volume, "clean").await, lines("ours", "theirs"));
    assert_eq!(text_of(&maya, &volume, "gone").await, lines("one", "theirs"), "deleted here, changed there");
    assert_eq!(text_of(&maya, &volume, "kept").await, lines("ours", "four"), "changed here, deleted there");

    // The merge view has both.
    let found = settled(&maya, &volume).await;
    assert_eq!((&found["state"], &found["conflicts"][0]["artifactId"]), (&json!("conflict"), &json!(ids[1])), "{found}");
    assert_eq!(text_of(&maya, &volume, "clash").await, lines("ours", "four"), "ours is the draft");
    let (status, view) = maya.get(&format!("/artifacts/{}/merge", ids[1])).await;
    assert_eq!(status, 200, "{view}");
    let conflict =
        view["merge"]["parts"].as_array().into_iter().flatten().find(|part| part["kind"] == "conflict").cloned().unwrap_or_default();
    assert_eq!(
        (&conflict["base"], &conflict["ours"], &conflict["theirs"]),
        (&json!("one\n"), &json!("ours\n"), &json!("theirs\n")),
        "{view}"
    );
    let body = json!({ "text": lines("both", "four"), "saves": view["saves"], "headRevisionId": view["head"]["id"] });
    let (status, saved) = maya.json(reqwest::Method::PUT, &format!("/artifacts/{}/merge", ids[1]), body).await;
    assert_eq!(status, 200, "{saved}");
    let now = head(&maya, &ids[1]).await;
    commit(&maya, &[(&ids[1], Some(&now))], "Joined").await;
    assert_eq!(settled(&maya, &volume).await["state"], "synced");

    // All of that goes back.
    let report = run(&maya, &volume, "push").await;
    assert!(report["commits"].as_i64().unwrap_or(0) >= 1, "{report}");
    assert_eq!(server.shown("skills/clean/SKILL.md"), lines("ours", "theirs"));
    assert_eq!(server.shown("skills/clash/SKILL.md"), lines("both", "four"));
    assert_eq!(server.shown("skills/kept/SKILL.md"), lines("ours", "four"));
    assert_eq!(server.shown("skills/gone/SKILL.md"), lines("one", "theirs"));
    let found = settled(&maya, &volume).await;
    assert_eq!((&found["state"], &found["ahead"]), (&json!("synced"), &json!(0)), "{found}");
});

app_test!(a_rewritten_history_is_noticed_and_pulled, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "One\n"));
    server.write("skills/b/SKILL.md", skill("b", "One\n"));
    server.commit("First");
    server.write("skills/a/SKILL.md", skill("a", "Two\n"));
    server.commit("Second");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;

    git(&server.work(), &["checkout", "-q", "--orphan", "new"]);
    git(&server.work(), &["rm", "-rq", "--cached", "skills/b"]);
    std::fs::remove_dir_all(server.work().join("skills/b")).expect("a folder");
    server.write("skills/a/SKILL.md", skill("a", "Three\n"));
    git(&server.work(), &["add", "-A"]);
    git(&server.work(), &["commit", "-qm", "Anew"]);
    git(&server.work(), &["push", "-q", "--force", "origin", "HEAD:main"]);
    let report = run(&maya, &volume, "pull").await;
    assert_eq!((&report["updated"], &report["deleted"]), (&json!(1), &json!(1)), "{report}");
    assert!(text_of(&maya, &volume, "a").await.contains("Three"));
    let found = settled(&maya, &volume).await;
    assert!(found["notice"].as_str().is_some_and(|notice| notice.contains("rewritten")), "{found}");

    // What was fetched is a copy: the repository still has what both sides began with.
    let forget_copy = || std::fs::remove_dir_all(app.state.config.data_dir.join("git")).expect("what was fetched");
    forget_copy();
    server.write("skills/a/SKILL.md", skill("a", "Three and a half\n"));
    git(&server.work(), &["commit", "-qam", "Once more"]);
    git(&server.work(), &["push", "-q", "--force", "origin", "HEAD:main"]);
    let report = run(&maya, &volume, "pull").await;
    assert_eq!((&report["updated"], &report["conflicts"]), (&json!(1), &json!(0)), "{report}");
    // Where it is gone there, too, it is not known, and nothing is lost.
    forget_copy();
    server.write("skills/a/SKILL.md", skill("a", "Four\n"));
    git(&server.work(), &["commit", "-qa", "--amend", "-m", "Otherwise"]);
    git(&server.work(), &["push", "-q", "--force", "origin", "HEAD:main"]);
    git(&server.bare(), &["gc", "-q", "--prune=now"]);
    let report = run(&maya, &volume, "pull").await;
    assert_eq!(report["conflicts"], 1, "{report}");
    let id = artifact(&maya, &volume, "a").await.expect("it is there");
    let (_, view) = maya.get(&format!("/artifacts/{id}/merge")).await;
    assert!(view.to_string().contains("Three and a half") && view.to_string().contains("Four"), "{view}");
});

app_test!(a_draft_follows_a_pull_where_it_can, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    let lines = |first: &str, last: &str| skill("x", &format!("{first}\n\ntwo\n\nthree\n\n{last}\n"));
    server.write("skills/x/SKILL.md", lines("one", "four"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    let id = artifact(&maya, &volume, "x").await.expect("it came");
    save(&maya, &id, &lines("ours", "four"), 0).await;
    server.write("skills/x/SKILL.md", lines("one", "theirs"));
    server.commit("Theirs");
    let report = run(&maya, &volume, "pull").await;
    assert_eq!((&report["updated"], &report["conflicts"]), (&json!(1), &json!(0)), "{report}");
    assert_eq!(text_of(&maya, &volume, "x").await, lines("ours", "theirs"));
    let now = head(&maya, &id).await;
    commit(&maya, &[(&id, Some(&now))], "On top").await;
});

app_test!(of_a_large_repository_only_the_linked_folder_is_fetched, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.allow_filter();
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(4 * 1024 * 1024).collect();
    server.write("film.bin", &noise);
    server.write("docs/skills/a/SKILL.md", skill("a", "One\n"));
    server.write("docs/skills/a/data.txt", "beside");
    server.commit("First");
    let (maya, volume) = shared(app).await;
    let found = link(&maya, &volume, json!({ "url": server.url, "folder": "docs", "push": true })).await;
    assert_eq!((&found["state"], &found["report"]["created"]), (&json!("synced"), &json!(1)), "{found}");
    let fetched = app.state.config.data_dir.join("git").join(&volume);
    let size = |path: &std::path::Path| -> u64 {
        std::fs::read_dir(path.join("objects/pack"))
            .expect("packs")
            .map(|entry| entry.expect("a file").metadata().expect("its size").len())
            .sum()
    };
    assert!(size(&fetched) < 100_000, "{} bytes", size(&fetched));

    // What changes later comes, and what is changed here goes back.
    server.write("docs/skills/b/SKILL.md", skill("b", "New\n"));
    server.write("film.bin", &noise[1..]);
    server.commit("Second");
    assert_eq!(run(&maya, &volume, "pull").await["created"], 1);
    let id = artifact(&maya, &volume, "a").await.expect("it came");
    let before = head(&maya, &id).await;
    save(&maya, &id, &skill("a", "Two\n"), 0).await;
    commit(&maya, &[(&id, Some(&before))], "From here").await;
    run(&maya, &volume, "push").await;
    assert_eq!(server.shown("docs/skills/a/SKILL.md"), skill("a", "Two\n"));
    assert_eq!(git(&server.bare(), &["cat-file", "-s", "main:film.bin"]).trim(), (noise.len() - 1).to_string());
    assert!(size(&fetched) < 100_000, "{} bytes", size(&fetched));

    // Another folder of what is here already.
    let found = link(&maya, &volume, json!({ "url": server.url, "folder": "" })).await;
    assert_eq!((&found["state"], &found["lastError"]), (&json!("synced"), &json!(null)), "{found}");
});

app_test!(many_pulls_leave_few_packs, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    server.write("skills/a/SKILL.md", skill("a", "Zero\n"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    for number in 0..60 {
        server.write("skills/a/SKILL.md", skill("a", &format!("{number}\n")));
        server.commit("Another");
        assert_eq!(run(&maya, &volume, "pull").await["updated"], 1);
    }
    let packs = app.state.config.data_dir.join("git").join(&volume).join("objects/pack");
    let packs = std::fs::read_dir(packs)
        .expect("packs")
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "pack")));
    assert!(packs.count() < 55);
    assert_eq!(text_of(&maya, &volume, "a").await, skill("a", "59\n"));
});

app_test!(a_pull_reaches_an_open_editor, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    let lines = |first: &str, last: &str| skill("x", &format!("{first}\n\ntwo\n\nthree\n\n{last}\n"));
    server.write("skills/x/SKILL.md", lines("one", "four"));
    server.commit("First");
    let (maya, volume) = shared(app).await;
    link(&maya, &volume, json!({ "url": server.url })).await;
    let id = artifact(&maya, &volume, "x").await.expect("it came");
    let mut editor = Editor::open(app, &maya, &id).await;
    editor.until_text("four").await;
    editor.write("one", " of mine").await;
    editor.until_saved().await;
    server.write("skills/x/SKILL.md", lines("one", "theirs"));
    server.commit("Theirs");
    run(&maya, &volume, "pull").await;
    editor.until_text("theirs").await;
    assert_eq!(editor.text(), lines("one of mine", "theirs"));
});

// `LLMOS_GIT_FILES=10000` measures the promise of ten seconds, on a release build.
app_test!(many_files_come_in_slices, |config| { allow_private(config) }, |app| {
    let count: usize = std::env::var("LLMOS_GIT_FILES").ok().and_then(|count| count.parse().ok()).unwrap_or(1_200);
    let server = GitServer::start().await;
    for number in 0..count / 2 {
        server.write(&format!("skills/s{number}/SKILL.md"), skill(&format!("s{number}"), &format!("Words {number}.\n").repeat(40)));
        server.write(&format!("skills/s{number}/data.txt"), format!("data {number}"));
    }
    server.commit("Many");
    let (maya, volume) = shared(app).await;
    let started = std::time::Instant::now();
    let (status, found) = maya.json(reqwest::Method::PUT, &format!("/volumes/{volume}/git"), json!({ "url": server.url })).await;
    assert_eq!(status, 200, "{found}");
    let mut found = found;
    while found["state"] == "working" {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        found = maya.get(&format!("/volumes/{volume}/git")).await.1;
    }
    println!("{count} files from a repository: {:.1} s", started.elapsed().as_secs_f64());
    assert_eq!((&found["state"], &found["report"]["created"]), (&json!("synced"), &json!(count / 2)), "{found}");
    server.write("skills/s7/SKILL.md", skill("s7", "Changed\n"));
    server.commit("One");
    let started = std::time::Instant::now();
    let report = run(&maya, &volume, "pull").await;
    println!("one change among them: {:.2} s", started.elapsed().as_secs_f64());
    assert_eq!((&report["updated"], &report["created"]), (&json!(1), &json!(0)), "{report}");
});

app_test!(
    a_push_at_github_is_in_the_volume_and_found,
    |config| {
        allow_private(config);
        with_secret(config);
    },
    |app| {
        let server = GitServer::start().await;
        server.write("skills/pdf/SKILL.md", skill("pdf", "One\n"));
        server.commit("Before");
        let (maya, volume) = shared(app).await;
        link(&maya, &volume, json!({ "url": server.url })).await;
        let mut socket = app.socket_of(&maya).await;
        let team = text(&maya.get("/teams").await.1[0]["id"]);
        socket.join(&team, "workspace", None).await;

        server.write("skills/lanterns/SKILL.md", skill("lanterns", "Trim the wicks before dusk.\n"));
        let sha = server.commit("Add the lanterns");
        let mut push = push("harbor/skills", 1);
        push["after"] = json!(sha);
        push["repository"]["clone_url"] = json!(server.url);
        let delivery = until(&maya, &send(&maya, "push", &push).await, "done").await;
        assert_eq!(delivery["done"], json!(["1 volume is pulled."]), "{delivery}");
        let event = loop {
            let frame = socket.until("event").await;
            if frame["event"]["type"] == "commit" {
                break frame;
            }
        };
        assert_eq!(settled(&maya, &volume).await["lastSha"], json!(sha), "{event}");
        assert!(text_of(&maya, &volume, "lanterns").await.contains("Trim the wicks"));
        for _ in 0..200 {
            if maya.get("/search?q=wicks&kind=skill").await.1["total"] == 1 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(maya.get("/search?q=wicks&kind=skill").await.1["total"], 1, "it is found");
        let before = commits(&maya, &volume).await.len();
        // What comes again, or is about another branch or repository, changes nothing.
        until(&maya, &send(&maya, "push", &push).await, "done").await;
        settled(&maya, &volume).await;
        push["ref"] = json!("refs/heads/other");
        until(&maya, &send(&maya, "push", &push).await, "ignored").await;
        assert_eq!(commits(&maya, &volume).await.len(), before);
    }
);

// How much came is told while it comes; of a history of years only the newest commit does.
app_test!(what_comes_is_shallow_and_told_while_it_comes, |config| { allow_private(config) }, |app| {
    let server = GitServer::start().await;
    let noise = |seed: u64| {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        (0..200_000).map(|_| next()).collect::<Vec<u8>>()
    };
    for round in 0..5 {
        server.write("skills/a/SKILL.md", skill("a", &format!("Round {round}\n")));
        server.write("skills/a/data.bin", noise(round));
        server.commit("Another one");
    }
    let (maya, volume) = shared(app).await;
    server.behave(Mood::Trickles);
    let told = async |path: &str, part: &str| {
        let mut seen = false;
        for _ in 0..3_000 {
            let (_, found) = maya.get(path).await;
            // How many bytes are to come nobody says.
            let at = if found[part].is_object() { &found[part] } else { &found };
            seen |= at["total"] == 0 && at["done"].as_i64().is_some_and(|done| done > 0);
            if found["state"] == "synced" || found["state"] == "done" {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it ends")
    };
    let path = format!("/volumes/{volume}/git");
    let (status, link) = maya.json(reqwest::Method::PUT, &path, json!({ "url": server.url })).await;
    assert_eq!(status, 200, "{link}");
    assert!(told(&path, "progress").await, "bytes are told of while they come");
    let fetched = app.state.config.data_dir.join("git").join(&volume);
    assert_eq!(git(&fetched, &["rev-list", "--count", &server.head()]).trim(), "1", "the commits before did not come");
    assert!(fetched.join("shallow").exists());
    // A pull of a single change as well, and an import that is not linked.
    server.write("skills/a/data.bin", noise(99));
    server.commit("And another one");
    let (_, job) = maya.post(&format!("{path}/pull"), json!({})).await;
    assert!(told(&format!("/jobs/{}", text(&job["id"])), "progress").await);
    let other = text(&maya.post("/volumes", json!({ "name": "Second" })).await.1["id"]);
    let (status, job) = maya.post(&format!("/volumes/{other}/git/import"), json!({ "url": server.url })).await;
    assert_eq!(status, 202, "{job}");
    assert!(told(&format!("/jobs/{}", text(&job["id"])), "progress").await);
});
