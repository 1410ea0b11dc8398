//! Artifacts: drafts, commits and their conflicts, merging, history, moving about, the trash, the library.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    volumes::{commit, committed, create, head, save, volume},
};

app_test!(a_draft_is_saved_checked_and_thrown_away, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let hidden = json!({ "volumeId": own, "kind": "skill", "name": "Quarter\u{202e} End" });
    let (status, refused) = maya.post("/artifacts", hidden).await;
    assert!(status == 400 && refused["fields"]["name"].is_string(), "{refused}");
    let made = create(&maya, &own, "Quarter End").await;
    let id = text(&made["summary"]["id"]);
    assert_eq!((&made["summary"]["slug"], &made["path"]), (&json!("quarter-end"), &json!("skills/quarter-end/SKILL.md")));
    let first = text(&made["text"]);
    let (status, saved) = save(&maya, &id, &format!("{first}\nMore\n"), 1).await;
    assert_eq!((status, &saved["saves"], &saved["clean"]), (200, &json!(2), &json!(false)));
    assert_eq!(save(&maya, &id, "other", 1).await.0, 409, "an editor that missed a save");
    assert_eq!(save(&maya, &id, "other", i64::MAX).await.0, 409, "a count that no draft reaches");
    assert_eq!(save(&maya, &id, &format!("{first}\nMore\n"), 1).await.0, 200, "the answer to the first was lost");
    assert_eq!(maya.delete(&format!("/artifacts/{id}/draft")).await.0, 409, "a draft is all there is");
    commit(&maya, &[(&id, None)], "First").await;

    let (_, saved) = save(&maya, &id, "changed\n", 0).await;
    assert_eq!(saved["saves"], 1);
    let (_, saved) = save(&maya, &id, &format!("{first}\nMore\n"), 1).await;
    assert_eq!((&saved["clean"], &saved["saves"]), (&json!(true), &json!(0)), "as the head again: no draft");
    save(&maya, &id, "changed\n", 0).await;
    assert_eq!(maya.get("/artifacts?view=drafts").await.1["total"], 1);
    assert_eq!(maya.delete(&format!("/artifacts/{id}/draft")).await.0, 204);
    assert_eq!(maya.get("/artifacts?view=drafts").await.1["total"], 0);
    let huge = "x".repeat(1024 * 1024 + 1);
    assert_eq!(save(&maya, &id, &huge, 0).await.0, 413);
});

app_test!(a_field_of_the_form_changes_its_own_lines_only, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let text = "---\n# a comment\nname: x\nodd-key:   kept  \ntags:\n  - a\n---\n\nBody\n";
    let body = json!({ "volumeId": own, "kind": "skill", "name": "x", "text": text });
    let (_, made) = maya.post("/artifacts", body).await;
    let id = self::text(&made["summary"]["id"]);
    let input = json!({ "key": "tags", "value": { "type": "list", "value": ["a", "b"] } });
    assert_eq!(maya.patch(&format!("/artifacts/{id}/frontmatter"), input).await.0, 200);
    let (_, detail) = maya.get(&format!("/artifacts/{id}")).await;
    assert_eq!(detail["text"], text.replace("  - a\n", "  - a\n  - b\n"));
    assert_eq!(detail["summary"]["tags"], json!(["a", "b"]));
    let raw = json!({ "key": "name", "value": { "type": "raw", "value": "{" } });
    assert_eq!(maya.patch(&format!("/artifacts/{id}/frontmatter"), raw).await.0, 400);
});

app_test!(a_commit_in_between_asks_for_a_merge, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let max = app.join(&maya, &team, "member", "max@x.y").await;
    let shared = volume(&maya, "team").await;
    let body = json!({ "volumeId": shared, "kind": "skill", "name": "x", "text": "one\n\ntwo\n\nthree\n" });
    let id = text(&maya.post("/artifacts", body).await.1["summary"]["id"]);
    commit(&maya, &[(&id, None)], "First").await;
    let first = head(&maya, &id).await;
    save(&max, &id, "one\n\ntwo\n\nTHREE\n", 0).await;
    put(&max, &id, "mine.txt", b"mine").await;

    // Maya goes back to an older state meanwhile; that is a commit too.
    let second = {
        let (status, _) = maya.post(&format!("/artifacts/{id}/restore"), json!({ "revisionId": first })).await;
        assert_eq!(status, 409, "the same text is no change");
        commit(&max, &[(&id, Some(&first))], "Max's").await;
        save(&max, &id, "one\n\nTWO by max\n\nTHREE\n", 0).await;
        let (status, _) = maya.post(&format!("/artifacts/{id}/restore"), json!({ "revisionId": first })).await;
        assert_eq!(status, 201);
        head(&maya, &id).await
    };
    let (_, detail) = max.get(&format!("/artifacts/{id}")).await;
    assert_eq!((&detail["draft"]["behind"], &detail["head"]["change"]), (&json!(true), &json!("restored")));
    for base in [Some(&first), Some(&second), None] {
        let body = json!({ "message": "m", "artifacts": [{ "id": id, "baseRevisionId": base }] });
        let (status, answer) = max.post("/commits", body).await;
        assert_eq!((status, answer["fields"][&id].is_string()), (409, true), "{answer}");
    }
    let (status, view) = max.get(&format!("/artifacts/{id}/merge")).await;
    assert_eq!((status, &view["head"]["id"]), (200, &json!(second)));
    assert!(view["merge"]["parts"].as_array().is_some_and(|parts| !parts.is_empty()), "{view}");
    let merged = json!({ "text": "one\n\nTWO by max\n\nthree\n", "saves": view["saves"], "headRevisionId": second });
    assert_eq!(max.json(Method::PUT, &format!("/artifacts/{id}/merge"), merged).await.0, 200);
    commit(&max, &[(&id, Some(&second))], "Merged").await;
    let (_, detail) = maya.get(&format!("/artifacts/{id}")).await;
    assert_eq!((&detail["text"], &detail["draft"]), (&json!("one\n\nTWO by max\n\nthree\n"), &Value::Null));
    let (_, history) = maya.get(&format!("/artifacts/{id}/history")).await;
    let changes: Vec<_> = history["revisions"].as_array().expect("a list").iter().map(|one| text(&one["change"])).collect();
    assert_eq!(changes, ["updated", "restored", "updated", "created"]);
    let oldest = text(&history["revisions"][3]["id"]);
    let (_, diff) = maya.get(&format!("/artifacts/{id}/diff?from={oldest}&to={}", text(&history["revisions"][0]["id"]))).await;
    assert_eq!((&diff["diff"]["added"], &diff["diff"]["removed"]), (&json!(1), &json!(1)));
});

async fn put(client: &Client, id: &str, path: &str, bytes: &[u8]) -> u16 {
    let request = client.request(Method::PUT, &format!("/api/v1/artifacts/{id}/files/{path}")).body(bytes.to_vec());
    client.answer(request).await.status
}

app_test!(files_beside_are_versioned_and_served_safely, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let (id, first) = committed(&maya, &own, "With files").await;
    assert_eq!(put(&maya, &id, "scripts/run.sh?executable=true", b"#!/bin/sh\n").await, 200);
    assert_eq!(put(&maya, &id, "page.html", b"<script>alert(1)</script>").await, 200);
    assert_eq!(put(&maya, &id, "a.png", b"\x89PNG\r\n\x1a\n\0\0").await, 200);
    assert_eq!(put(&maya, &id, "x.bin", &[0, 1, 2]).await, 200);
    for bad in ["SKILL.md", "scripts", "a//b", "scripts/run.sh/deeper", "%2e%2e/x", "a%5Cb", "%2Fetc"] {
        let status = put(&maya, &id, bad, b"x").await;
        assert!(status == 400 || status == 404, "{bad}: {status}");
    }
    for (path, kind, disposition) in [
        ("page.html", "text/plain; charset=utf-8", "inline"),
        ("a.png", "image/png", "inline"),
        ("x.bin", "application/octet-stream", "attachment"),
    ] {
        let answer = maya.answer(maya.request(Method::GET, &format!("/api/v1/artifacts/{id}/files/{path}"))).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, kind));
        assert!(answer.header("content-disposition").starts_with(disposition) && answer.header("x-content-type-options") == "nosniff");
    }
    commit(&maya, &[(&id, Some(&first))], "Files").await;
    assert_eq!(maya.delete(&format!("/artifacts/{id}/files/x.bin")).await.0, 200);
    let (_, files) = maya.get(&format!("/artifacts/{id}/files")).await;
    assert_eq!(files.as_array().map(Vec::len), Some(3));
    assert_eq!(files[2], json!({ "path": "scripts/run.sh", "sha": files[2]["sha"], "size": 10, "executable": true }));
    // The committed state still has it.
    let second = head(&maya, &id).await;
    let answer = maya.answer(maya.request(Method::GET, &format!("/api/v1/artifacts/{id}/files/x.bin?revision={second}"))).await;
    assert_eq!(answer.status, 200);
    let (_, diff) = maya.get(&format!("/artifacts/{id}/diff")).await;
    assert_eq!((&diff["files"][0]["path"], &diff["files"][0]["change"]), (&json!("x.bin"), &json!("deleted")));
});

app_test!(fork_move_trash_and_back, |app| {
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let (own, shared) = (volume(&maya, "user").await, volume(&maya, "team").await);
    let (id, revision) = committed(&maya, &shared, "Travel").await;
    let (status, fork) = maya.post(&format!("/artifacts/{id}/fork"), json!({ "volumeId": own })).await;
    assert_eq!((status, &fork["summary"]["slug"], &fork["summary"]["overrides"]), (201, &json!("travel"), &json!("team")));
    let (_, original) = maya.get(&format!("/artifacts/{id}")).await;
    assert_eq!(original["summary"]["hiddenBy"], "user");

    let forked = text(&fork["summary"]["id"]);
    let (status, moved) = maya.post(&format!("/artifacts/{forked}/move"), json!({ "volumeId": shared })).await;
    assert_eq!((status, &moved["summary"]["slug"]), (200, &json!("travel-2")), "the name was taken");
    assert_eq!(maya.get(&format!("/artifacts?volume={own}")).await.1["total"], 0);
    assert_eq!(maya.get(&format!("/artifacts?volume={shared}")).await.1["total"], 2);
    let (_, history) = maya.get(&format!("/artifacts/{forked}/history")).await;
    assert_eq!(history["revisions"].as_array().map(Vec::len), Some(3), "created, left, arrived");
    assert_eq!(maya.get(&format!("/volumes/{own}/commits")).await.1["commits"][0]["source"], "move");

    // A draft survives the trash, and is not behind afterwards.
    save(&maya, &id, "draft\n", 0).await;
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    assert_eq!(maya.get(&format!("/artifacts?volume={shared}&view=trash")).await.1["items"][0]["id"], id);
    assert_eq!(save(&maya, &id, "x", 1).await.0, 409);
    committed(&maya, &shared, "Travel").await;
    assert_eq!(maya.post(&format!("/artifacts/{id}/undelete"), Value::Null).await.0, 204);
    let (_, back) = maya.get(&format!("/artifacts/{id}")).await;
    assert_eq!((&back["summary"]["slug"], &back["draft"]["behind"], &back["text"]), (&json!("travel-3"), &json!(false), &json!("draft\n")));
    assert_ne!(back["head"]["id"], revision);

    assert_eq!(maya.delete(&format!("/artifacts/{id}/forever")).await.0, 409, "only from the trash");
    maya.delete(&format!("/artifacts/{id}")).await;
    assert_eq!(maya.delete(&format!("/artifacts/{id}/forever")).await.0, 204);
    assert_eq!(maya.get(&format!("/artifacts/{id}")).await.0, 404);
    assert_eq!(maya.get(&format!("/artifacts?volume={shared}&view=trash")).await.1["total"], 0);
});

app_test!(old_trash_is_emptied, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let (old, _) = committed(&maya, &own, "Old").await;
    let (young, _) = committed(&maya, &own, "Young").await;
    for id in [&old, &young] {
        maya.delete(&format!("/artifacts/{id}")).await;
    }
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE artifacts SET deleted_at = deleted_at - $2 WHERE id = $1")
        .bind(&old)
        .bind(31i64 * 86_400_000)
        .execute(&mut *tx)
        .await
        .expect("updates");
    tx.commit().await.expect("commits");
    let ctx = llmos_lite::server::context::Ctx::internal(app.state.clone(), None);
    llmos_lite::features::artifacts::service::empty_old_trash(&ctx).await.expect("empties");
    let (_, page) = maya.get("/artifacts?view=trash").await;
    assert_eq!((&page["total"], &page["items"][0]["id"]), (&json!(1), &json!(young)));
});

app_test!(many_at_once, |app| {
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let (own, shared) = (volume(&maya, "user").await, volume(&maya, "team").await);
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(committed(&maya, &own, name).await.0);
    }
    let (_, report) = maya.post("/artifacts/bulk", json!({ "action": "tag", "ids": ids, "add": ["New", "x"], "remove": [] })).await;
    assert_eq!(report["done"], 3, "{report}");
    assert_eq!(maya.get("/artifacts?view=drafts").await.1["total"], 3);
    let (_, drafts) = maya.get("/artifacts?view=drafts&diffstat=true").await;
    assert!(
        drafts["items"].as_array().is_some_and(|items| items.iter().all(|item| item["diffstat"]["added"].as_i64() > Some(0))),
        "{drafts}"
    );
    let items: Vec<Value> = maya.get("/artifacts?view=drafts").await.1["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|item| json!({ "id": item["id"], "baseRevisionId": item["headRevisionId"] }))
        .collect();
    assert_eq!(maya.post("/commits", json!({ "message": "Tags", "artifacts": items })).await.0, 201);
    assert_eq!(maya.get("/artifacts?tag=new").await.1["total"], 3);
    let (_, facets) = maya.get("/artifacts/facets?tag=new").await;
    assert!(facets["tags"].as_array().is_some_and(|tags| tags.iter().any(|tag| tag["value"] == "new" && tag["count"] == 3)), "{facets}");
    for id in &ids[..2] {
        assert_eq!(maya.json(Method::PUT, &format!("/artifacts/{id}/favourite"), Value::Null).await.0, 204);
    }
    maya.get(&format!("/artifacts/{}", ids[0])).await;
    let (_, facets) = maya.get("/artifacts/facets?kind=agent").await;
    for view in ["hints", "favourites", "recent"] {
        assert_eq!(facets["views"][view], maya.get(&format!("/artifacts?view={view}")).await.1["total"], "{view}");
    }
    assert_eq!(facets["views"]["favourites"], 2);

    let unknown = "0192a000-0000-7000-8000-00000000dead";
    let (_, report) = maya.post("/artifacts/bulk", json!({ "action": "move", "ids": [ids[0], ids[1], unknown], "volumeId": shared })).await;
    assert_eq!((&report["done"], report["refused"].as_array().map(Vec::len)), (&json!(2), Some(1)));
    let (_, report) = maya.post("/artifacts/bulk", json!({ "action": "delete", "ids": ids })).await;
    assert_eq!(report["done"], 3);
    assert_eq!(maya.get("/artifacts?view=trash").await.1["total"], 3);
    let (_, report) = maya.post("/artifacts/bulk", json!({ "action": "restore", "ids": ids })).await;
    assert_eq!(report["done"], 3);
    assert_eq!(maya.post("/artifacts/bulk", json!({ "action": "delete", "ids": [] })).await.0, 400);
    assert_eq!(maya.post("/artifacts/bulk", json!({ "action": "explode", "ids": ids })).await.0, 400);
});

app_test!(what_is_ones_own_comes_first, |app| {
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let (own, shared) = (volume(&maya, "user").await, volume(&maya, "team").await);
    committed(&maya, &shared, "Code Review").await;
    let (mine, _) = committed(&maya, &own, "Code review").await;
    let (_, page) = maya.get("/artifacts?q=code-review&sort=name").await;
    let of = |kind: &str| {
        let found = page["items"].as_array().into_iter().flatten().find(|item| item["volumeId"] == *kind).cloned();
        found.map(|item| (item["overrides"].clone(), item["hiddenBy"].clone()))
    };
    assert_eq!(of(&own), Some((json!("team"), Value::Null)));
    assert_eq!(of(&shared), Some((json!("system"), json!("user"))));
    let (_, detail) = maya.get(&format!("/artifacts/{mine}")).await;
    let kinds: Vec<_> = detail["siblings"].as_array().expect("a list").iter().map(|one| text(&one["volumeKind"])).collect();
    assert_eq!(kinds, ["team", "system"]);
});

app_test!(pages_of_the_library_are_complete, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    for number in 0..7 {
        create(&maya, &own, &format!("Name {number}")).await;
    }
    for sort in ["updated", "name", "created"] {
        let (mut seen, mut cursor): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let next = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let (status, page) = maya.get(&format!("/artifacts?sort={sort}&limit=4{next}")).await;
            assert_eq!((status, &page["total"]), (200, &json!(31)), "{page}");
            seen.extend(page["items"].as_array().expect("a list").iter().map(|item| text(&item["id"])));
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((count, seen.len()), (31, 31), "by {sort}");
    }
    assert_eq!(maya.get("/artifacts?cursor=nonsense").await.0, 400);
    assert_eq!(maya.get("/artifacts?kind=robot").await.0, 400);
    assert_eq!(maya.get("/artifacts?kind=tool").await.1["total"], 4);
    assert_eq!(maya.get("/artifacts?category=financial&q=DCF%20cash").await.1["total"], 1);
});

app_test!(favourites_recents_and_home, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let (id, _) = committed(&maya, &own, "Loved").await;
    save(&maya, &id, "draft\n", 0).await;
    assert_eq!(maya.json(Method::PUT, &format!("/artifacts/{id}/favourite"), Value::Null).await.0, 204);
    assert_eq!(maya.get("/artifacts?view=favourites").await.1["items"][0]["id"], id);
    // A visit is noted after the answer.
    for _ in 0..50 {
        if maya.get("/artifacts?view=recent").await.1["total"] == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (status, home) = maya.get("/home").await;
    assert_eq!(status, 200);
    assert_eq!((&home["commits"][0]["names"], &home["commits"][0]["volumeName"]), (&json!(["Loved"]), &json!("Personal")));
    for list in ["myDrafts", "recents", "favourites"] {
        assert_eq!(home[list][0]["id"], id, "{list} of {home}");
    }
    assert_eq!(maya.delete(&format!("/artifacts/{id}/favourite")).await.0, 204);
    assert_eq!(maya.get("/artifacts?view=favourites").await.1["total"], 0);
});

app_test!(what_is_shown_is_sanitised, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let text =
        "---\nname: x\n---\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) <img src=x onerror=alert(1)>\n\n```js\nlet x = 1;\n```\n";
    let body = json!({ "volumeId": own, "kind": "skill", "name": "x", "text": text });
    let (_, made) = maya.post("/artifacts", body).await;
    let html = self::text(&made["html"]);
    assert!(!html.contains("<script") && !html.contains("onerror") && !html.contains("javascript:"), "{html}");
    assert!(html.contains("hl-") && html.contains("data-copy-code"), "{html}");
    assert!(!html.contains("name: x"), "the frontmatter is not body");
    let id = self::text(&made["summary"]["id"]);
    let (_, preview) = maya.post(&format!("/artifacts/{id}/preview"), json!({ "text": "# <b onclick=x>Hi</b>" })).await;
    assert!(preview["html"].as_str().is_some_and(|html| html.contains("Hi") && !html.contains("onclick")), "{preview}");
    assert!(preview["hints"].as_array().is_some_and(|hints| !hints.is_empty()), "without frontmatter: {preview}");
});
