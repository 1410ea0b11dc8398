//! Volumes and repositories where any of several nodes may pull, and any may be asked by who clones.

use llmos_lite::{
    features::{git::service::pull, jobs::Job},
    ids::VolumeId,
    server::context::Ctx,
};
use serde_json::json;

use super::with_nodes_of;
use crate::{
    app::text,
    git::{GitServer, allow_private, artifact, commits, git, link, shared, skill, text_of},
    webhooks::guid,
};

#[test]
fn a_push_is_no_conflict_whichever_node_pulls_it() {
    with_nodes_of(2, allow_private, async |nodes, _| {
        let server = GitServer::start().await;
        for name in ["a", "b", "c"] {
            server.write(&format!("skills/{name}/SKILL.md"), skill(name, "One\n\ntwo\n\nthree\n"));
        }
        server.commit("First");
        let (maya, volume) = shared(&nodes[0]).await;
        link(&maya, &volume, json!({ "url": server.url })).await;
        let id: VolumeId = volume.parse().expect("an id");
        let job = || Job {
            id: guid(),
            kind: "git.pull".to_owned(),
            payload: json!({ "volume": volume }).to_string(),
            owner_id: String::new(),
            attempts: 1,
        };
        // Each node in turn: what the other one fetched it has not.
        for (round, node) in nodes.iter().cycle().take(4).enumerate() {
            server.write("skills/a/SKILL.md", skill("a", &format!("One\n\ntwo\n\nthree {round}\n")));
            if round == 2 {
                git(&server.work(), &["rm", "-rq", "skills/b"]);
            }
            server.commit("Theirs");
            let ctx = Ctx::internal(node.state.clone(), None);
            let report = pull(&ctx, &job(), id).await.expect("pulled").expect("something new");
            assert_eq!((report.updated, report.deleted, report.conflicts, report.merged), (1, i64::from(round == 2), 0, 0), "{report:?}");
        }
        assert!(artifact(&maya, &volume, "b").await.is_none() && artifact(&maya, &volume, "c").await.is_some());
        assert!(text_of(&maya, &volume, "a").await.contains("three 3"));
        assert_eq!(commits(&maya, &volume).await.len(), 5);
    });
}

#[test]
fn a_clone_is_told_by_one_node_and_sent_by_another() {
    with_nodes_of(
        2,
        |_| {},
        async |nodes, _| {
            let (maya, volume) = shared(&nodes[0]).await;
            crate::volumes::committed(&maya, &volume, "Quarter End").await;
            let token = nodes[0].client_with_token(&maya, &["read"]).await.token.expect("a token");
            let at = |node: usize| nodes[node].url.replace("http://", &format!("http://x:{token}@")) + &format!("/git/harbor/{volume}.git");
            let folder = tempfile::tempdir().expect("a folder");
            let told = git(folder.path(), &["ls-remote", &at(0), "refs/heads/main"]);
            let sha = text(&json!(told.split_whitespace().next().expect("a commit")));
            let answer = reqwest::Client::new()
                .post(format!("{}/git/harbor/{volume}.git/git-upload-pack", nodes[1].url))
                .basic_auth("x", Some(&token))
                .header("content-type", "application/x-git-upload-pack-request")
                .body(format!("0032want {sha}\n00000009done\n"))
                .send()
                .await
                .expect("an answer");
            let bytes = answer.bytes().await.expect("all of it");
            assert!(bytes.windows(4).any(|four| four == b"PACK"), "{}", String::from_utf8_lossy(&bytes));
            // The same history is the same repository there.
            assert_eq!(git(folder.path(), &["ls-remote", &at(1), "refs/heads/main"]), told);
        },
    );
}
