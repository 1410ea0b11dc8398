//! The document socket: real connections, with the protocol as its clients speak it.

use std::time::Duration;

use futures::SinkExt as _;
use llmos_lite::{features::collaboration::service::documents, server::context::Ctx};
use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;
use yrs::{
    Text as _, Transact as _,
    sync::{Message, SyncMessage},
};

use crate::{
    app::{Client, TestApp, text},
    editor::Editor,
    volumes::{commit, save, volume},
};

struct Place {
    maya: Client,
    ines: Client,
    vera: Client,
    team: String,
    /// An artifact that was committed once.
    id: String,
}

const FIRST: &str = "---\nname: review\ndescription: How we review.\n---\n\nRead the change.\n";

/// Maya owns a team, Ines is a member and Vera a viewer of it; there is one skill.
async fn place(app: &TestApp) -> Place {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let ines = app.join(&maya, &team, "member", "ines@harbor.internal").await;
    let vera = app.join(&maya, &team, "viewer", "vera@harbor.internal").await;
    let shared = volume(&maya, "team").await;
    let (status, made) = maya.post("/artifacts", json!({ "volumeId": shared, "kind": "skill", "name": "review", "text": FIRST })).await;
    assert_eq!(status, 201, "{made}");
    let id = text(&made["summary"]["id"]);
    commit(&maya, &[(&id, None)], "First").await;
    Place { maya, ines, vera, team, id }
}

async fn detail(who: &Client, id: &str) -> Value {
    who.get(&format!("/artifacts/{id}")).await.1
}

app_test!(two_write_at_once_and_the_draft_holds_both, |app| {
    let Place { maya, ines, id, .. } = place(app).await;
    let mut first = Editor::open(app, &maya, &id).await;
    let mut second = Editor::open(app, &ines, &id).await;
    assert_eq!(first.text(), FIRST);
    assert!(detail(&maya, &id).await["draft"].is_null(), "looking makes no draft");
    first.write("Read the", " whole").await;
    second.write("change.", " Ask before you judge.").await;
    first.until_text("Ask before").await;
    second.until_text("whole").await;
    assert_eq!(first.text(), second.text());
    first.until_saved().await;
    second.until_saved().await;
    // Whoever reads the draft reads it as it is now.
    let now = detail(&maya, &id).await;
    assert_eq!(now["text"], first.text());
    assert_eq!(now["draft"]["added"], 1);

    let head = text(&now["head"]["id"]);
    commit(&maya, &[(&id, Some(&head))], "Rewrite how we review").await;
    let (_, history) = maya.get(&format!("/artifacts/{id}/history")).await;
    let newest = &history["revisions"][0];
    assert_eq!((&newest["author"]["id"], &newest["contributors"][0]["id"]), (&json!(maya.id), &json!(ines.id)), "{history}");
    assert_eq!(newest["contributors"].as_array().map(Vec::len), Some(1));

    // What is written next is a draft onto that revision.
    second.write("judge.", " Praise.").await;
    first.until_text("Praise.").await;
    let now = detail(&ines, &id).await;
    assert_eq!((&now["draft"]["behind"], &now["draft"]["updatedBy"]["id"]), (&json!(false), &json!(ines.id)), "{now}");
});

app_test!(what_is_written_otherwise_reaches_the_editors_as_a_small_change, |app| {
    let Place { maya, ines, id, .. } = place(app).await;
    let mut editor = Editor::open(app, &maya, &id).await;
    editor.write("change.", " Slowly.").await;
    editor.until_saved().await;
    // A form, by somebody else.
    let set = json!({ "key": "description", "value": { "type": "text", "value": "How we all review." } });
    assert_eq!(ines.patch(&format!("/artifacts/{id}/frontmatter"), set).await.0, 200);
    editor.until_text("How we all review.").await;
    assert!(editor.text().contains("change. Slowly."));
    // A program that saves the whole text.
    let now = detail(&ines, &id).await;
    let saves = now["draft"]["saves"].as_i64().expect("a count");
    let (status, saved) = save(&ines, &id, &editor.text().replace("Slowly.", "With care."), saves).await;
    assert_eq!(status, 200, "{saved}");
    editor.until_text("With care.").await;
    assert_eq!(save(&ines, &id, "something old", saves).await.0, 409);
    // Thrown away: as it was committed.
    assert_eq!(maya.delete(&format!("/artifacts/{id}/draft")).await.0, 204);
    editor.until(|editor| editor.text() == FIRST).await;
    editor.until_saved().await;
    assert!(detail(&maya, &id).await["draft"].is_null());
    // Another revision, and the first one again.
    editor.write("change.", " Twice.").await;
    editor.until_saved().await;
    let head = text(&detail(&maya, &id).await["head"]["id"]);
    commit(&maya, &[(&id, Some(&head))], "Twice").await;
    let restore = json!({ "revisionId": head });
    let (status, answer) = maya.post(&format!("/artifacts/{id}/restore"), restore).await;
    assert!(status < 300, "{answer}");
    editor.until(|editor| editor.text() == FIRST).await;
});

app_test!(nothing_acknowledged_is_lost_when_the_document_is_opened_again, |app| {
    let Place { maya, id, .. } = place(app).await;
    let mut editor = Editor::open(app, &maya, &id).await;
    for word in ["one ", "two ", "three "] {
        editor.write("change. ", word).await;
    }
    editor.until_saved().await;
    let written = editor.text();
    drop(editor);
    // A program writes while nobody has it open in memory or not: either way the next editor sees it once.
    let saves = detail(&maya, &id).await["draft"]["saves"].as_i64().expect("a count");
    let (status, _) = save(&maya, &id, &written.replace("three", "four"), saves).await;
    assert_eq!(status, 200);
    let again = Editor::open(app, &maya, &id).await;
    assert_eq!(again.text(), written.replace("three", "four"));
});

app_test!(who_may_only_read_changes_nothing, |app| {
    let Place { maya, ines, vera, team, id } = place(app).await;
    let mut owner = Editor::open(app, &maya, &id).await;
    let mut reader = Editor::open(app, &vera, &id).await;
    assert_eq!(reader.text(), FIRST);
    reader.write("change.", " Hastily.").await;
    reader.until(|editor| editor.denied.is_some()).await;
    owner.write("change.", " Slowly.").await;
    owner.until_saved().await;
    assert!(!detail(&maya, &id).await["text"].as_str().expect("a text").contains("Hastily"));

    // A role that falls, and one that ends.
    let mut editor = Editor::open(app, &ines, &id).await;
    let (status, _) = maya.patch(&format!("/teams/{team}/members/{}", ines.id), json!({ "role": "viewer" })).await;
    assert_eq!(status, 200);
    tokio::time::sleep(Duration::from_millis(900)).await;
    editor.write("change.", " Loudly.").await;
    editor.until(|editor| editor.denied.is_some()).await;
    let (status, _) = maya.delete(&format!("/teams/{team}/members/{}", ines.id)).await;
    assert_eq!(status, 204);
    assert_eq!(editor.closed().await, 4403);
    assert!(!detail(&maya, &id).await["text"].as_str().expect("a text").contains("Loudly"));

    // Strangers, and what is not there.
    let stranger = app.sign_up(&maya, "stranger@x.y").await;
    for (who, address, code) in [(Some(&stranger), &id, 4404), (Some(&maya), &text(&json!("nonsense")), 4404), (None, &id, 4401)] {
        let path = match who {
            Some(who) => format!("/ws/doc/{address}?token={}", app.client_with_token(who, &["read"]).await.token.expect("a token")),
            None => format!("/ws/doc/{address}"),
        };
        assert_eq!(app.open(&path, &[]).await.expect("it opens").closed().await, code);
    }
});

app_test!(who_is_here_is_said_by_the_server, |app| {
    let Place { maya, ines, id, .. } = place(app).await;
    let mut first = Editor::open(app, &maya, &id).await;
    let mut second = Editor::open(app, &ines, &id).await;
    second.say(1, json!({ "user": { "name": "Maya", "id": maya.id }, "cursor": { "anchor": 1 } })).await;
    first.until(|editor| !editor.heard.is_empty()).await;
    let state: Value = serde_json::from_str(&first.heard[0]).expect("JSON");
    assert_eq!((&state["user"]["id"], &state["cursor"]["anchor"]), (&json!(ines.id), &json!(1)));
    // Whoever comes later is told too, and everybody when she goes.
    let mut third = Editor::open(app, &maya, &id).await;
    third.until(|editor| !editor.heard.is_empty()).await;
    drop(second);
    first.until(|editor| editor.heard.last().map(String::as_str) == Some("null")).await;
});

app_test!(what_cannot_be_read_harms_nobody, |app| {
    let Place { maya, ines, id, .. } = place(app).await;
    let mut honest = Editor::open(app, &maya, &id).await;
    let mut other = Editor::open(app, &ines, &id).await;
    for garbage in [vec![], vec![0xff; 50], vec![0, 2, 3, 1, 2, 3], vec![0, 0, 1, 0xff], vec![9, 9, 9], b"{\"type\":\"ping\"}".to_vec()] {
        other.raw(garbage).await;
    }
    honest.write("change.", " Slowly.").await;
    other.until_text("Slowly.").await;
    // An update that builds on what nobody saw: the server asks for all of it.
    let ahead = {
        let mut tx = other.doc.transact_mut();
        other.content.insert(&mut tx, 0, "a");
        drop(tx);
        let mut tx = other.doc.transact_mut();
        other.content.insert(&mut tx, 0, "b");
        tx.encode_update_v1()
    };
    other.send(Message::Sync(SyncMessage::Update(ahead))).await;
    // Its question has to be answered for that.
    other.until(|editor| editor.denied.is_none() && editor.saved.as_ref() == Some(&editor.vector())).await;
    honest.until(|editor| editor.text().starts_with("ba---")).await;

    // Larger than a text may be: refused before it is taken, and the document stays as it was.
    let before = honest.text();
    other.write("change.", &"x".repeat(1_200_000)).await;
    assert_eq!(other.closed().await, 4413);
    let mut again = Editor::open(app, &ines, &id).await;
    assert_eq!(again.text(), before);
    again.raw(vec![0; 5 * 1024 * 1024]).await;
    assert_eq!(again.closed().await, 4413);
    let mut noisy = Editor::open(app, &ines, &id).await;
    for _ in 0..150 {
        if noisy.socket.0.send(Frame::binary(vec![0xff; 8])).await.is_err() {
            break;
        }
    }
    assert_eq!(noisy.closed().await, 4400);
});

app_test!(a_moved_or_deleted_artifact_keeps_what_was_written, |app| {
    let Place { maya, id, .. } = place(app).await;
    let mut editor = Editor::open(app, &maya, &id).await;
    editor.write("change.", " Slowly.").await;
    editor.until_saved().await;
    let answer = maya.json(Method::DELETE, &format!("/artifacts/{id}"), Value::Null).await;
    assert!(answer.0 < 300, "{answer:?}");
    tokio::time::sleep(Duration::from_millis(900)).await;
    editor.write("change.", " In the trash.").await;
    editor.until(|editor| editor.denied.is_some()).await;
    let answer = maya.post(&format!("/artifacts/{id}/undelete"), Value::Null).await;
    assert!(answer.0 < 300, "{answer:?}");
    let now = detail(&maya, &id).await;
    assert!(now["text"].as_str().expect("a text").contains("Slowly."), "{now}");
    assert_eq!(now["draft"]["behind"], false);
});

app_test!(administrators_see_open_documents, |app| {
    let Place { maya, ines, id, .. } = place(app).await;
    let _editor = Editor::open(app, &ines, &id).await;
    let (_, report) = maya.get("/admin/rooms").await;
    assert_eq!(report["documents"][0]["artifactId"], id.as_str());
    assert_eq!(report["documents"][0]["people"][0]["userId"], ines.id.as_str());
});

app_test!(what_was_deleted_is_acknowledged_and_what_was_known_too, |app| {
    let Place { maya, id, .. } = place(app).await;
    let mut editor = Editor::open(app, &maya, &id).await;
    // The answer to the server's question, with nothing new in it, is the first.
    editor.until(|editor| editor.on_disk == 1).await;
    let (before, update) = {
        let before = editor.vector();
        let mut tx = editor.doc.transact_mut();
        editor.content.remove_range(&mut tx, 0, 4);
        (before, tx.encode_update_v1())
    };
    assert_eq!(editor.vector(), before, "a deletion has no place in the vector");
    editor.send(Message::Sync(SyncMessage::Update(update.clone()))).await;
    editor.until(|editor| editor.on_disk == 2).await;
    assert_eq!(detail(&maya, &id).await["text"], FIRST[4..]);
    editor.send(Message::Sync(SyncMessage::Update(update))).await;
    editor.until(|editor| editor.on_disk == 3).await;
});

app_test!(a_zero_character_does_not_keep_the_draft_from_following, |app| {
    let Place { maya, id, .. } = place(app).await;
    let mut editor = Editor::open(app, &maya, &id).await;
    editor.write("change.", "\0").await;
    editor.until_saved().await;
    assert!(detail(&maya, &id).await["text"].as_str().is_some_and(|text| text.contains("change.\u{FFFD}")));
    editor.write("Read the", " whole").await;
    editor.until_saved().await;
    assert!(detail(&maya, &id).await["text"].as_str().is_some_and(|text| text.contains("Read the whole")));
});

app_test!(
    a_document_that_everybody_left_is_stored_as_one_state_and_leaves_the_memory,
    |config| {
        // Longer than the pause between two looks at the draft: until then the document is not where it belongs.
        config.sockets.document_unused = Duration::from_millis(2_500);
    },
    |app| {
        let Place { maya, ines, id, .. } = place(app).await;
        let mut first = Editor::open(app, &maya, &id).await;
        let mut second = Editor::open(app, &ines, &id).await;
        for number in 0..500 {
            let editor = if number % 2 == 0 { &mut first } else { &mut second };
            editor.write("", &format!("{number} ")).await;
        }
        first.until_text("499 ").await;
        second.until_text("498 ").await;
        first.until_saved().await;
        second.until_saved().await;
        assert_eq!(first.text(), second.text());
        let written = first.text();
        drop((first, second));
        let ctx = Ctx::internal(app.state.clone(), None);
        let left = async {
            while !documents::open(&ctx).is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), left).await.expect("it leaves the memory");
        let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM document_updates").fetch_one(app.state.db.read()).await.expect("a count");
        assert!(rows <= 8, "{rows} updates are read by whoever comes next");
        assert_eq!(detail(&maya, &id).await["text"], written.as_str());
        assert!(documents::open(&ctx).is_empty(), "reading the draft opens nothing");
        assert_eq!(Editor::open(app, &ines, &id).await.text(), written);
    }
);
