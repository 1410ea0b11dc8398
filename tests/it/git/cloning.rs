use super::{git, shared, skill, try_git};
use crate::{
    app::text,
    import::{import, pack},
    volumes::{commit, committed, head, save, volume},
};

app_test!(every_volume_is_cloned_with_a_token, |app| {
    let (maya, shared) = shared(app).await;
    let (id, before) = committed(&maya, &shared, "Quarter End").await;
    import(
        &maya,
        &shared,
        pack(&[("skills/crlf/SKILL.md", b"---\r\nname: crlf\r\n---\r\n", 0o644), ("skills/crlf/run.sh", b"#!/bin/sh\n", 0o755)]),
    )
    .await;
    save(&maya, &id, &skill("quarter-end", "Two\n"), 0).await;
    commit(&maya, &[(&id, Some(&before))], "Second").await;
    let (_, volumes) = maya.get("/volumes").await;
    let name = volumes
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["id"] == shared.as_str())
        .map(|one| text(&one["name"]))
        .expect("the volume");
    let address = name.to_lowercase().replace(' ', "-");
    let reader = app.client_with_token(&maya, &["read"]).await;
    let url = |token: &str, volume: &str| app.url.replace("http://", &format!("http://x:{token}@")) + &format!("/git/harbor/{volume}.git");
    let token = reader.token.clone().expect("a token");
    let folder = tempfile::tempdir().expect("a folder");
    let clone = folder.path().join("clone");
    let path = clone.to_str().expect("UTF-8").to_owned();
    git(folder.path(), &["clone", "-q", &url(&token, &address), &path]);
    assert_eq!(git(&clone, &["log", "--format=%an: %s"]), "Maya Chen: Second\nMaya Chen: Import 1 artifact from a zip\nMaya Chen: First\n");
    assert_eq!(std::fs::read(clone.join("skills/crlf/SKILL.md")).expect("a file"), b"---\r\nname: crlf\r\n---\r\n");
    assert!(git(&clone, &["ls-files", "-s", "skills/crlf/run.sh"]).starts_with("100755"));
    assert_eq!(std::fs::read_to_string(clone.join("skills/quarter-end/SKILL.md")).expect("a file"), skill("quarter-end", "Two\n"));
    git(&clone, &["fsck", "--strict"]);
    assert!(!git(&clone, &["log", "--format=%ae"]).contains("maya@"), "addresses stay here");

    // What is new is fetched, and nothing else.
    let before = head(&maya, &id).await;
    save(&maya, &id, &skill("quarter-end", "Three\n"), 0).await;
    commit(&maya, &[(&id, Some(&before))], "Third").await;
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    let fetched = git(&clone, &["-c", "fetch.unpackLimit=1", "pull", "-q", "--ff-only"]);
    assert!(fetched.is_empty() && !clone.join("skills/quarter-end").exists());
    assert_eq!(git(&clone, &["rev-list", "--count", "HEAD"]).trim(), "5");
    git(&clone, &["-c", "protocol.version=0", "fetch", "-q"]);
    git(&clone, &["-c", "protocol.version=2", "fetch", "-q"]);

    // The same history is the same repository, also when it is made anew.
    let sha = git(&clone, &["rev-parse", "HEAD"]);
    std::fs::remove_dir_all(app.state.config.data_dir.join("derived/clones")).expect("what was made");
    let again = git(folder.path(), &["ls-remote", &url(&token, &shared)]);
    assert!(again.starts_with(sha.trim()), "{again}");

    // What is deleted forever is in no clone any more.
    assert_eq!(maya.delete(&format!("/artifacts/{id}/forever")).await.0, 204);
    git(folder.path(), &["clone", "-q", &url(&token, &address), "without"]);
    assert!(!git(&folder.path().join("without"), &["log", "-p"]).contains("Three"));

    // Not for others, and not to be pushed to.
    assert!(try_git(folder.path(), &["ls-remote", &url("wrong", &address)]).is_err());
    assert!(try_git(folder.path(), &["ls-remote", &format!("{}/git/harbor/{address}.git", app.url)]).is_err());
    let stranger = app.sign_up(&maya, "else@x.y").await;
    let other = app.client_with_token(&stranger, &["read"]).await.token.expect("a token");
    assert!(
        try_git(folder.path(), &["ls-remote", &url(&other, &address)])
            .is_err_and(|error| error.contains("not found") || error.contains("404"))
    );
    std::fs::write(clone.join("skills/new.md"), "x").expect("a file");
    git(&clone, &["add", "-A"]);
    git(&clone, &["commit", "-qm", "Mine"]);
    assert!(try_git(&clone, &["push"]).is_err_and(|error| error.contains("403")));
    assert!(try_git(folder.path(), &["clone", "-q", "--depth", "1", &url(&token, &address), "shallow"]).is_err());

    let answer = app
        .visitor()
        .answer(app.visitor().request(reqwest::Method::GET, &format!("/git/harbor/{address}.git/info/refs?service=git-upload-pack")))
        .await;
    assert!(answer.status == 401 && answer.header("www-authenticate").starts_with("Basic"), "{answer:?}");
});

app_test!(an_empty_volume_is_an_empty_repository, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let token = app.client_with_token(&maya, &["read"]).await.token.expect("a token");
    let folder = tempfile::tempdir().expect("a folder");
    let url = app.url.replace("http://", &format!("http://x:{token}@")) + &format!("/git/me/{own}.git");
    git(folder.path(), &["clone", "-q", &url, "clone"]);
    committed(&maya, &own, "One").await;
    git(&folder.path().join("clone"), &["pull", "-q", "origin", "main"]);
    assert!(folder.path().join("clone/skills/one/SKILL.md").exists());
});

// Behind several nodes the second request of a clone may reach one that has no copy of the volume yet, or an older one.
app_test!(a_clone_is_answered_by_a_node_that_told_nothing_of_it, |app| {
    let (maya, shared) = shared(app).await;
    committed(&maya, &shared, "Quarter End").await;
    let reader = app.client_with_token(&maya, &["read"]).await;
    let token = reader.token.clone().expect("a token");
    let url = app.url.replace("http://", &format!("http://x:{token}@")) + &format!("/git/harbor/{shared}.git");
    let folder = tempfile::tempdir().expect("a folder");
    let told = git(folder.path(), &["ls-remote", &url, "refs/heads/main"]);
    let sha = told.split_whitespace().next().expect("a commit").to_owned();
    std::fs::remove_dir_all(app.state.config.data_dir.join("derived/clones")).expect("the copy");
    let ask = async |sha: &str| {
        let body = format!("0032want {sha}\n00000009done\n");
        let request = reqwest::Client::new()
            .post(format!("{}/git/harbor/{shared}.git/git-upload-pack", app.url))
            .basic_auth("x", Some(&token))
            .header("content-type", "application/x-git-upload-pack-request")
            .body(body);
        request.send().await.expect("an answer").bytes().await.expect("all of it")
    };
    let answer = ask(&sha).await;
    assert!(answer.windows(4).any(|four| four == b"PACK"), "{}", String::from_utf8_lossy(&answer));
    // What is no commit of it is none there either.
    let answer = ask(&"1".repeat(40)).await;
    assert!(!answer.windows(4).any(|four| four == b"PACK"), "{}", String::from_utf8_lossy(&answer));
});
