//! Documents that are open at several nodes.

use std::time::Duration;

use serde_json::json;

use super::{count, until, with_nodes};
use crate::{
    app::{Client, TestApp, text},
    editor::Editor,
    rooms::people,
    volumes::{commit, volume},
};

const FIRST: &str = "---\nname: review\ndescription: How we review.\n---\n\nRead the change.\n";

/// A committed skill of a team, with Maya and Ines, who may both write.
async fn skill(app: &TestApp) -> (Client, Client, String) {
    let (maya, ines, _, _) = people(app).await;
    let shared = volume(&maya, "team").await;
    let (status, made) = maya.post("/artifacts", json!({ "volumeId": shared, "kind": "skill", "name": "review", "text": FIRST })).await;
    assert_eq!(status, 201, "{made}");
    let id = text(&made["summary"]["id"]);
    commit(&maya, &[(&id, None)], "First").await;
    (maya, ines, id)
}

#[test]
fn two_at_different_nodes_write_one_text_and_it_is_stored_once() {
    with_nodes(3, async |nodes, _| {
        let (maya, ines, id) = skill(&nodes[0]).await;
        let (maya_there, ines_there) = (maya.at(&nodes[2]), ines.at(&nodes[1]));
        let mut first = Editor::open(&nodes[0], &maya, &id).await;
        let mut second = Editor::open(&nodes[1], &ines_there, &id).await;
        assert_eq!((first.text().as_str(), second.text().as_str()), (FIRST, FIRST));
        for number in 0..20 {
            first.write("Read the", &format!(" {number}a")).await;
            second.write("change.", &format!(" {number}b.")).await;
        }
        first.until_text("19b").await;
        second.until_text("19a").await;
        first.until(Editor::is_own_saved).await;
        second.until(Editor::is_own_saved).await;
        first.until(|editor| editor.text().matches('b').count() == 20).await;
        second.until(|editor| editor.text().matches("a").count() == first.text().matches("a").count()).await;
        assert_eq!(first.text(), second.text());
        // Whoever reads the draft, at whichever node, reads all of it.
        for who in [&maya, &ines_there, &maya_there] {
            assert_eq!(who.get(&format!("/artifacts/{id}")).await.1["text"], first.text());
        }
        // A node that nobody wrote at has the same document.
        let third = Editor::open(&nodes[2], &maya_there, &id).await;
        assert_eq!(third.text(), first.text());
        let db = &nodes[0].state.db;
        assert_eq!(count(db, "SELECT COUNT(*) - COUNT(DISTINCT data) FROM document_updates").await, 0, "each update once");
    });
}

#[test]
fn where_somebody_writes_shows_at_other_nodes() {
    with_nodes(2, async |nodes, _| {
        let (maya, ines, id) = skill(&nodes[0]).await;
        let mut first = Editor::open(&nodes[0], &maya, &id).await;
        first.say(1, json!({ "cursor": 3 })).await;
        // She was there before the other node opened the document.
        let mut second = Editor::open(&nodes[1], &ines.at(&nodes[1]), &id).await;
        second.until(|editor| editor.heard.iter().any(|state| state.contains("Maya") && state.contains("cursor"))).await;
        second.say(1, json!({ "cursor": 5 })).await;
        first.until(|editor| editor.heard.iter().any(|state| state.contains("ines"))).await;
        drop(first);
        second.until(|editor| editor.heard.iter().any(|state| state == "null")).await;
    });
}

#[test]
fn a_draft_that_is_changed_at_one_node_reaches_editors_at_another() {
    with_nodes(2, async |nodes, _| {
        let (maya, ines, id) = skill(&nodes[0]).await;
        let mut editor = Editor::open(&nodes[1], &ines.at(&nodes[1]), &id).await;
        editor.write("change.", " Slowly.").await;
        editor.until_saved().await;
        let set = json!({ "key": "description", "value": { "type": "text", "value": "How we all review." } });
        let (status, answer) = maya.patch(&format!("/artifacts/{id}/frontmatter"), set).await;
        assert_eq!(status, 200, "{answer}");
        editor.until_text("How we all review.").await;
        assert!(editor.text().contains("change. Slowly."));
        // Committed here with what was written there; what is written there next begins with that.
        let (_, now) = maya.get(&format!("/artifacts/{id}")).await;
        let head = text(&now["head"]["id"]);
        commit(&maya, &[(&id, Some(&head))], "Slowly").await;
        let (_, now) = maya.get(&format!("/artifacts/{id}")).await;
        assert!(now["draft"].is_null(), "{now}");
        assert_eq!(now["text"], editor.text());
        editor.write("Slowly.", " Twice.").await;
        editor.until_saved().await;
        let (_, now) = maya.get(&format!("/artifacts/{id}")).await;
        assert!(text(&now["text"]).contains("Slowly. Twice."), "{now}");
        assert_eq!(now["draft"]["behind"], false, "{now}");
        // Thrown away.
        assert_eq!(maya.delete(&format!("/artifacts/{id}/draft")).await.0, 204);
        editor.until(|editor| !editor.text().contains("Twice.")).await;
    });
}

#[test]
fn a_commit_at_one_node_while_another_is_written_at_loses_nothing_and_doubles_nothing() {
    with_nodes(2, async |nodes, _| {
        let (maya, ines, id) = skill(&nodes[0]).await;
        let mut editor = Editor::open(&nodes[1], &ines.at(&nodes[1]), &id).await;
        let mut committed = 0;
        for number in 0..60 {
            editor.write("change.", &format!(" w{number}w")).await;
            if number % 6 == 5 {
                tokio::time::sleep(Duration::from_millis(120)).await;
                let (_, now) = maya.get(&format!("/artifacts/{id}")).await;
                let body = json!({ "message": "So far", "artifacts": [{ "id": id, "baseRevisionId": now["head"]["id"] }] });
                let (status, answer) = maya.post("/commits", body).await;
                // Whoever is overtaken is told so, and does it again.
                assert!(matches!(status, 200 | 201 | 409 | 503), "{status} {answer}");
                committed += u32::from(status < 300);
            }
        }
        editor.until_saved().await;
        assert!(committed > 0, "some of ten were not overtaken");
        let written = editor.text();
        for number in 0..60 {
            assert_eq!(written.matches(&format!(" w{number}w")).count(), 1, "{number} in {written}");
        }
        until("the draft or the head has all of it", async || maya.get(&format!("/artifacts/{id}")).await.1["text"] == written).await;
    });
}
