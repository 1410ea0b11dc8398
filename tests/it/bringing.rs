//! What was written while the server was out of reach, and what a device keeps.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use yrs::{ReadTxn as _, StateVector, Text as _, Transact as _};

use crate::{
    app::{Client, TestApp, text},
    editor::Editor,
    volumes::{commit, volume},
};

const FIRST: &str = "---\nname: review\ndescription: How we review.\n---\n\nRead the change.\n\nPraise.\n";

/// Maya owns a team, Ines is a member of it and Vera a viewer; there is one skill, committed.
async fn place(app: &TestApp) -> (Client, Client, Client, String) {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let ines = app.join(&maya, &team, "member", "ines@harbor.internal").await;
    let vera = app.join(&maya, &team, "viewer", "vera@harbor.internal").await;
    let shared = volume(&maya, "team").await;
    let body = json!({ "volumeId": shared, "kind": "skill", "name": "review", "text": FIRST });
    let id = text(&maya.post("/artifacts", body).await.1["summary"]["id"]);
    commit(&maya, &[(&id, None)], "First").await;
    (maya, ines, vera, id)
}

async fn detail(who: &Client, id: &str) -> Value {
    who.get(&format!("/artifacts/{id}")).await.1
}

async fn bring(who: &Client, id: &str, body: Value) -> u16 {
    who.post(&format!("/artifacts/{id}/edits"), body).await.0
}

/// The same, and where somebody is asked to look; empty where nowhere.
async fn brought(who: &Client, id: &str, body: Value) -> String {
    let (status, answer) = who.post(&format!("/artifacts/{id}/edits"), body).await;
    assert_eq!(status, 200, "{answer}");
    answer["look"]["address"].as_str().unwrap_or_default().to_owned()
}

app_test!(updates_of_a_document_come_home_once_and_reach_who_writes, |app| {
    let (maya, ines, vera, id) = place(app).await;
    let away = Editor::open(app, &ines, &id).await;
    {
        // Written without a connection.
        let mut tx = away.doc.transact_mut();
        away.content.insert(&mut tx, FIRST.len() as u32, "Written in a tunnel.\n");
    }
    let update = away.doc.transact().encode_state_as_update_v1(&StateVector::default());
    let body = json!({ "text": away.text(), "update": BASE64_STANDARD.encode(update) });
    drop(away);
    let mut here = Editor::open(app, &maya, &id).await;
    here.write("Praise.", " Loudly.").await;
    here.until_saved().await;
    for _ in 0..2 {
        assert_eq!(brought(&ines, &id, body.clone()).await, "");
    }
    here.until_text("in a tunnel").await;
    let now = detail(&maya, &id).await;
    let known = now["text"].as_str().unwrap_or_default();
    assert_eq!((known.matches("tunnel").count(), known.contains("Praise. Loudly.")), (1, true), "{known}");
    assert_eq!(now["draft"]["updatedBy"]["id"], json!(ines.id));
    assert_eq!(bring(&vera, &id, body.clone()).await, 403, "a viewer");
    assert_eq!(bring(&ines, &id, json!({ "text": "", "update": "????" })).await, 400);
    assert_eq!(bring(&ines, &id, json!({ "text": "", "update": BASE64_STANDARD.encode([7, 7, 7]) })).await, 400);
});

app_test!(a_text_joins_what_others_wrote_or_asks_for_a_merge, |app| {
    let (maya, ines, _, id) = place(app).await;
    let head = text(&detail(&maya, &id).await["head"]["id"]);
    let mine = FIRST.replace("Read the change.", "Read the whole change.");
    let body = json!({ "text": mine, "base": FIRST, "revision": head });
    // Somebody has it open: both are there.
    let mut editor = Editor::open(app, &maya, &id).await;
    editor.write("Praise.", " Loudly.").await;
    editor.until_saved().await;
    for _ in 0..2 {
        assert_eq!(brought(&ines, &id, body.clone()).await, "");
    }
    editor.until_text("the whole change").await;
    assert_eq!(editor.text(), mine.replace("Praise.", "Praise. Loudly."));
    commit(&maya, &[(&id, Some(&head))], "Both").await;

    // Somebody committed meanwhile, and no draft stands: it is a draft on what it was made from.
    let mine = FIRST.replace("Read the change.", "Do not read the change.");
    assert_eq!(brought(&ines, &id, json!({ "text": mine, "base": FIRST, "revision": head })).await, format!("/artifacts/{id}?tab=merge"));
    let now = detail(&ines, &id).await;
    assert_eq!((&now["text"], &now["draft"]["behind"]), (&json!(mine), &json!(true)), "{now}");
    let (status, merge) = ines.get(&format!("/artifacts/{id}/merge")).await;
    assert_eq!(status, 200, "{merge}");
    let parts = merge["merge"]["parts"].as_array().cloned().unwrap_or_default();
    assert!(parts.iter().any(|part| part["kind"] == "conflict"), "{merge}");
});

app_test!(lines_that_others_changed_too_are_both_there_and_asked_about, |app| {
    let (maya, ines, _, id) = place(app).await;
    let head = text(&detail(&maya, &id).await["head"]["id"]);
    let theirs = FIRST.replace("Praise.", "Praise the casino.");
    assert_eq!(crate::volumes::save(&maya, &id, &theirs, 0).await.0, 200);
    // A part of a line of theirs is no line of theirs.
    let mine = FIRST.replace("Praise.", "casino.");
    assert_eq!(brought(&ines, &id, json!({ "text": mine, "base": FIRST, "revision": head })).await, format!("/artifacts/{id}?tab=diff"));
    let now = detail(&ines, &id).await;
    assert_eq!(now["text"], json!(FIRST.replace("Praise.", "casino.\nPraise the casino.")));
    assert_eq!(now["draft"]["behind"], json!(false));
});

app_test!(what_waited_on_one_device_is_nobody_else_s, |app| {
    let (maya, ines, _, id) = place(app).await;
    let first = text(&detail(&maya, &id).await["head"]["id"]);
    // Written and committed twice in a tunnel: the page knows of the first revision alone, whatever it committed since.
    let one = FIRST.replace("Read the change.", "Read the whole change.");
    let two = one.replace("Praise.", "Praise loudly.");
    let commit = |message: &str| json!({ "message": message, "artifacts": [{ "id": id, "baseRevisionId": first }], "afterOwn": true });
    assert_eq!(brought(&ines, &id, json!({ "text": one, "base": FIRST, "revision": first })).await, "");
    assert_eq!(ines.post("/commits", commit("One")).await.0, 201);
    assert_eq!(brought(&ines, &id, json!({ "text": two, "base": one, "revision": first })).await, "");
    let now = detail(&ines, &id).await;
    assert_eq!((&now["text"], &now["draft"]["behind"]), (&json!(two), &json!(false)), "{now}");
    assert_eq!(ines.post("/commits", commit("Two")).await.0, 201);
    // An editor was faster than the second commit of two: the first one had all of it, and nothing is left for the second.
    let (status, none) = ines.post("/commits", commit("Two again")).await;
    assert_eq!((status, none), (201, json!([])));
    let at_head =
        json!({ "message": "x", "artifacts": [{ "id": id, "baseRevisionId": detail(&ines, &id).await["head"]["id"] }], "afterOwn": true });
    assert_eq!(ines.post("/commits", at_head).await.0, 409, "nothing was written since");
    // Who does not say so is told, and so is whoever has somebody else in between.
    let three = two.replace("Praise loudly.", "Praise.");
    assert_eq!(brought(&ines, &id, json!({ "text": three, "base": two, "revision": first })).await, "");
    let plain = json!({ "message": "Three", "artifacts": [{ "id": id, "baseRevisionId": first }] });
    assert_eq!(ines.post("/commits", plain).await.0, 409);
    assert_eq!(maya.post("/commits", commit("Three")).await.0, 409);
    assert_eq!(ines.post("/commits", commit("Three")).await.0, 201);
    let unknown = json!({ "message": "Four", "artifacts": [{ "id": id, "baseRevisionId": uuid::Uuid::now_v7() }], "afterOwn": true });
    assert_eq!(brought(&ines, &id, json!({ "text": two, "base": three, "revision": first })).await, "");
    assert_eq!(ines.post("/commits", unknown).await.0, 409, "what is no revision of it");
});

app_test!(a_device_asks_for_many_and_gets_what_it_may_read_without_a_visit, |app| {
    let (maya, ines, _, id) = place(app).await;
    let own = volume(&maya, "user").await;
    let secret = text(&maya.post("/artifacts", json!({ "volumeId": own, "kind": "skill", "name": "secret" })).await.1["summary"]["id"]);
    let (status, one) = ines.get(&format!("/artifacts/details?ids={id},{secret}")).await;
    assert_eq!((status, &one["summary"]["id"], &one["text"]), (200, &json!(id), &json!(FIRST)), "{one}");
    assert_eq!(ines.get("/artifacts?view=recent").await.1["items"], json!([]));
    // Several come in the order that they were asked for in, each as its own page shows it.
    let shared = volume(&maya, "team").await;
    let mut ids = vec![id.clone()];
    for name in ["lamps", "ropes"] {
        ids.insert(
            0,
            text(&maya.post("/artifacts", json!({ "volumeId": shared, "kind": "skill", "name": name })).await.1["summary"]["id"]),
        );
    }
    assert_eq!(crate::volumes::save(&maya, &id, &FIRST.replace("Praise.", "Praise loudly."), 0).await.0, 200);
    assert_eq!(maya.json(reqwest::Method::PUT, &format!("/artifacts/{}/favourite", ids[0]), json!(null)).await.0, 204);
    let answer = maya.answer(maya.request(reqwest::Method::GET, &format!("/api/v1/artifacts/details?ids={}", ids.join(",")))).await;
    let several: Vec<Value> = answer.text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(several.len(), 3);
    for (id, one) in ids.iter().zip(several) {
        assert_eq!(one, detail(&maya, id).await);
    }
    let many = vec![id.as_str(); 51].join(",");
    assert_eq!(ines.get(&format!("/artifacts/details?ids={many}")).await.0, 400);
    assert_eq!(ines.get("/artifacts/details?ids=none").await.0, 400);
});
