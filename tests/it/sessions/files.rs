//! Attachments, commits, exports and imports of sessions.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};
use llmos_lite::server::db::Engine;
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

use super::{begin, entries, say};
use crate::{
    app::{Answer, Client, text},
    import::{export, import, pack, unpack},
    volumes::{commit, committed, create, head, save, volume},
};

pub async fn upload(client: &Client, session: &str, query: &str, name: &str, bytes: Vec<u8>) -> Answer {
    let form = Form::new().text("paths", format!("[{name:?}]")).part("file", Part::bytes(bytes).file_name(name.to_owned()));
    let request = client.request(Method::POST, &format!("/api/v1/sessions/{session}/attachments{query}")).multipart(form);
    client.answer(request).await
}

fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::new_rgb8(width, height).write_to(&mut bytes, format).expect("encodes");
    bytes.into_inner()
}

async fn fetch(client: &Client, url: &str) -> (u16, reqwest::header::HeaderMap, Vec<u8>) {
    let response = client.request(Method::GET, url).send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.expect("bytes").to_vec())
}

app_test!(files_come_with_messages, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    let session = begin(&maya, Some(&team), "Shared").await;
    let mut photo = picture(40, 30, ImageFormat::Jpeg);
    photo.extend_from_slice(b"SECRET-GPS");
    let id = uuid::Uuid::now_v7().to_string();
    let sent = upload(&maya, &session, &format!("?id={id}"), "a/photo.jpg", photo.clone()).await;
    assert_eq!(sent.status, 201, "{}", sent.text);
    let made = sent.json();
    assert_eq!(
        (&made["id"], &made["name"], &made["mediaType"], &made["width"]),
        (&json!(id), &json!("photo.jpg"), &json!("image/jpeg"), &json!(40))
    );
    assert_eq!(upload(&maya, &session, &format!("?id={id}"), "a/photo.jpg", photo).await.json(), made, "the same again");
    assert_eq!(upload(&maya, &session, &format!("?id={id}"), "b.txt", b"other".to_vec()).await.status, 409);
    let page = upload(&maya, &session, "", "evil.html", b"<script>alert(1)</script>".to_vec()).await.json();
    let url = text(&made["url"]);
    assert_eq!(fetch(&tom, &url).await.0, 404, "not sent yet");
    assert_eq!(fetch(&maya, &url).await.0, 200, "one's own upload can be looked at");

    let path = format!("/sessions/{session}/messages");
    let wish = json!({ "text": "", "attachmentIds": [made["id"], page["id"]] });
    assert_eq!(tom.post(&path, wish.clone()).await.0, 400, "somebody else's upload");
    let (status, entry) = maya.post(&path, wish.clone()).await;
    assert_eq!((status, entry["attachments"].as_array().map(Vec::len)), (201, Some(2)), "{entry}");
    assert_eq!(maya.post(&path, wish).await.0, 400, "once for one message");
    assert_eq!(entry["number"], 1);
    let (status, headers, bytes) = fetch(&vera, &url).await;
    assert_eq!(
        (status, headers["content-type"].to_str().ok(), headers["x-content-type-options"].to_str().ok()),
        (200, Some("image/jpeg"), Some("nosniff"))
    );
    assert!(headers["content-disposition"].to_str().is_ok_and(|value| value.starts_with("inline")));
    assert!(!bytes.windows(6).any(|six| six == b"SECRET"), "what hung on the picture is gone");
    let (status, headers, bytes) = fetch(&vera, &text(&page["url"])).await;
    assert_eq!((status, bytes.as_slice()), (200, b"<script>alert(1)</script>".as_slice()), "kept as it is");
    assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    assert!(headers["content-disposition"].to_str().is_ok_and(|value| value.starts_with("attachment")));
    assert!(headers["content-security-policy"].to_str().is_ok_and(|value| value.contains("sandbox")));
    assert_eq!(fetch(&eve, &url).await.0, 404);
    let other = begin(&maya, None, "Other").await;
    assert_eq!(fetch(&maya, &url.replace(&session, &other)).await.0, 404, "an address of another session");
    // It goes with its message.
    assert_eq!(maya.delete(&format!("{path}/{}", text(&entry["id"]))).await.0, 204);
    assert_eq!(fetch(&maya, &url).await.0, 404);
    assert_eq!(entries(&maya, &session).await[0]["attachments"], json!([]));
});

app_test!(uploads_that_harm_are_refused, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    let session = begin(&maya, Some(&team), "Shared").await;
    let mut cut = picture(64, 64, ImageFormat::Png);
    cut.truncate(60);
    // Claims 60,000 by 60,000 pixels.
    let mut bomb = picture(8, 8, ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    for (name, bytes) in [
        ("a.png", cut),
        ("a.png", b"<svg/>".to_vec()),
        ("bomb.png", bomb.clone()),
        ("bomb", bomb),
        ("empty.txt", Vec::new()),
        ("wide.png", picture(9_000, 1, ImageFormat::Png)),
    ] {
        let answer = upload(&maya, &session, "", name, bytes).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_input")), "{name}: {}", answer.text);
    }
    let answer = upload(&maya, &session, "", "big.bin", vec![7; 10 * 1024 * 1024 + 1]).await;
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("too_large")), "{}", answer.text);
    assert_eq!(upload(&maya, &session, "", "fits.bin", vec![7; 10 * 1024 * 1024]).await.status, 201);
    assert_eq!(upload(&maya, &session, "?id=7d444840-9dc0-41d1-b245-5ffdce74fad2", "a.txt", b"a".to_vec()).await.status, 400);
    assert_eq!(upload(&vera, &session, "", "a.txt", b"a".to_vec()).await.status, 403);
    assert_eq!(upload(&app.visitor(), &session, "", "a.txt", b"a".to_vec()).await.status, 401);
    let raw = maya.request(Method::POST, &format!("/api/v1/sessions/{session}/attachments")).body("no form");
    assert_eq!(maya.answer(raw).await.status, 400);
    let form = Form::new().text("paths", "[]");
    assert_eq!(
        maya.answer(maya.request(Method::POST, &format!("/api/v1/sessions/{session}/attachments")).multipart(form)).await.status,
        400
    );
});

app_test!(an_attached_file_becomes_an_artifact, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    let session = begin(&maya, None, "Private").await;
    let body = b"---\nname: my-note\ntitle: My note\ndescription: d\ntype: tool\n---\n# x\n";
    let file = upload(&maya, &session, "", "Note.md", body.to_vec()).await.json();
    let address = format!("/sessions/{session}/attachments/{}/save-as-artifact", text(&file["id"]));
    let id = uuid::Uuid::now_v7();
    let wish = json!({ "id": id, "volumeId": own });
    let (status, made) = maya.post(&address, wish.clone()).await;
    assert_eq!((status, &made["summary"]["name"], &made["summary"]["kind"]), (201, &json!("My note"), &json!("tool")), "{made}");
    assert_eq!(maya.post(&address, wish).await.0, 201, "the same again makes no second one");
    assert_eq!(maya.get(&format!("/sessions/{session}")).await.1["artifacts"].as_array().map(Vec::len), Some(1));
    let other = upload(&maya, &session, "", "a.txt", b"text".to_vec()).await.json();
    let refused =
        maya.post(&format!("/sessions/{session}/attachments/{}/save-as-artifact", text(&other["id"])), json!({ "volumeId": own })).await;
    assert_eq!(refused.0, 400, "{}", refused.1);
    let system = volume(&maya, "system").await;
    assert_eq!(maya.post(&address, json!({ "volumeId": system })).await.0, 403);
});

/// Gives a committed artifact a draft.
async fn drafted(client: &Client, volume: &str, name: &str) -> String {
    let (id, _) = committed(client, volume, name).await;
    assert_eq!(save(client, &id, "---\nname: x\ndescription: d\n---\n# Changed\n", 0).await.0, 200);
    id
}

app_test!(a_session_is_committed_with_its_record, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let (shared, own) = (volume(&maya, "team").await, volume(&maya, "user").await);
    let (first, second) = (drafted(&maya, &shared, "First").await, text(&create(&maya, &shared, "Second").await["summary"]["id"]));
    let mine = drafted(&maya, &own, "Mine").await;
    let session = begin(&maya, Some(&team), "Review \"the\" code").await;
    say(&maya, &session, "see @first").await;
    let path = format!("/sessions/{session}/commit");
    let (status, refused) = maya.post(&path, json!({ "message": "Both", "artifactIds": [first, mine] })).await;
    assert_eq!(status, 400);
    assert!(text(&refused["message"]).contains("one volume after the other"), "{refused}");
    assert_eq!(maya.post(&path, json!({ "message": " ", "artifactIds": [first] })).await.0, 400);
    let id = uuid::Uuid::now_v7();
    let (status, commit) =
        maya.post(&path, json!({ "id": id, "message": "From the session", "artifactIds": [first, second, first] })).await;
    assert_eq!((status, &commit["id"], &commit["changes"]), (201, &json!(id), &json!(3)), "{commit}");
    let (_, detail) = maya.get(&format!("/commits/{id}")).await;
    assert_eq!(detail["changes"].as_array().map(Vec::len), Some(2));
    let record = &detail["records"][0];
    assert_eq!((&record["path"], &record["change"]), (&json!(format!("sessions/{session}.json")), &json!("created")));
    assert_eq!(maya.get(&format!("/sessions/{session}")).await.1["status"], "committed");
    let timeline = entries(&maya, &session).await;
    let last = timeline.last().expect("an entry");
    assert_eq!((&last["kind"], &last["sha"], &last["message"]), (&json!("commit"), &commit["sha"], &json!("From the session")));
    assert_eq!((&timeline[0]["kind"], timeline.len()), (&json!("message"), 3));
    // Nothing is left to commit; then only the record again.
    let (status, refused) = maya.post(&path, json!({ "message": "Again", "artifactIds": [first] })).await;
    assert_eq!((status, refused["fields"].as_object().map(serde_json::Map::len)), (409, Some(1)), "{refused}");
    say(&maya, &session, "one more word").await;
    let (status, again) = maya.post(&path, json!({ "message": "The record", "artifactIds": [] })).await;
    assert_eq!((status, &again["volumeId"], &again["changes"]), (201, &json!(shared), &json!(1)), "{again}");
    let (_, detail) = maya.get(&format!("/commits/{}", text(&again["id"]))).await;
    assert_eq!(detail["records"][0]["change"], "updated");

    // The record is in the export, and known again.
    let bytes = export(&maya, &shared).await;
    let files = unpack(bytes.clone());
    let (_, record, _) = files.iter().find(|(path, ..)| path.starts_with("sessions/")).expect("the record");
    let record: Value = serde_json::from_slice(record).expect("JSON");
    assert_eq!(
        (&record["name"], &record["status"], record["messages"].as_array().map(Vec::len)),
        (&json!("Review \"the\" code"), &json!("committed"), Some(2))
    );
    assert_eq!((&record["artifacts"][0]["type"], &record["artifacts"][0]["name"]), (&json!("skill"), &json!("first")));
    let report = import(&maya, &shared, bytes.clone()).await;
    assert_eq!((&report["created"], &report["unchanged"], &report["skipped"]), (&json!(0), &json!(3), &json!(0)), "{report}");
    // Elsewhere it becomes another session.
    let report = import(&maya, &own, bytes).await;
    assert_eq!(report["created"], 3, "{report}");
    let made = report["items"].as_array().expect("a list").iter().find(|item| item["sessionId"].is_string()).expect("the session");
    let brought = text(&made["sessionId"]);
    let again = entries(&maya, &brought).await;
    assert_eq!(again.len(), 2);
    assert_eq!((&again[1]["text"], &again[1]["imported"]["author"]), (&json!("one more word"), &json!("Maya Chen")));
});

app_test!(a_commit_of_talk_that_was_done_and_not_noted_is_answered_and_not_done_again, |app| {
    let maya = app.sign_up_first().await;
    let session = begin(&maya, None, "Talk").await;
    say(&maya, &session, "only words").await;
    // The server dies between the commit and the note of its answer: whatever changes a note that is there already fails.
    let death: &[&'static str] = match app.state.db.engine() {
        Engine::Sqlite => {
            &["CREATE TRIGGER death BEFORE UPDATE ON idempotency_keys WHEN OLD.status <> 0 BEGIN SELECT RAISE(ABORT, 'dead'); END"]
        }
        Engine::Postgres => &[
            "CREATE FUNCTION death() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'dead'; END $$ LANGUAGE plpgsql",
            "CREATE TRIGGER death BEFORE UPDATE ON idempotency_keys FOR EACH ROW WHEN (OLD.status <> 0) EXECUTE FUNCTION death()",
        ],
    };
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for statement in death {
        sqlx::query(*statement).execute(&mut *tx).await.expect("made");
    }
    tx.commit().await.expect("committed");
    let path = format!("/api/v1/sessions/{session}/commit");
    let commit = || {
        let request = maya.request(Method::POST, &path).header("idempotency-key", "k");
        maya.answer(request.json(&json!({ "message": "What we said", "artifactIds": [] })))
    };
    assert_eq!(commit().await.status, 500);
    let again = commit().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"), "{}", again.text);
    assert_eq!(again.json()["message"], "What we said");
    let commits = entries(&maya, &session).await.iter().filter(|entry| entry["kind"] == "commit").count();
    assert_eq!(commits, 1);
});

app_test!(a_commit_conflict_leaves_the_session_as_it_was, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let shared = volume(&maya, "team").await;
    let (artifact, base) = committed(&maya, &shared, "First").await;
    assert_eq!(save(&maya, &artifact, "---\nname: x\ndescription: d\n---\nsecond\n", 0).await.0, 200);
    commit(&maya, &[(&artifact, Some(&base))], "Second").await;
    assert_eq!(save(&maya, &artifact, "---\nname: x\ndescription: d\n---\nmine\n", 0).await.0, 200);
    // Somebody brings the older revision back: the head is another one now.
    assert_eq!(tom.post(&format!("/artifacts/{artifact}/restore"), json!({ "revisionId": base })).await.0, 201);
    assert_ne!(head(&maya, &artifact).await, base);
    let session = begin(&maya, Some(&team), "Shared").await;
    let body = json!({ "message": "x", "artifactIds": [artifact] });
    let (status, refused) = maya.post(&format!("/sessions/{session}/commit"), body).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    assert!(refused["fields"][&artifact].is_string(), "{refused}");
    let (_, detail) = maya.get(&format!("/sessions/{session}")).await;
    assert_eq!((&detail["status"], &detail["entries"]), (&json!("active"), &json!(0)));
    let (_, commits) = maya.get(&format!("/volumes/{shared}/commits")).await;
    assert!(commits["commits"].as_array().expect("a list").iter().all(|commit| commit["message"] != "x"));
});

app_test!(what_was_said_in_private_stays_out_of_a_shared_volume, |app| {
    let maya = app.sign_up_first().await;
    maya.team("Harbor").await;
    let shared = volume(&maya, "team").await;
    let artifact = drafted(&maya, &shared, "First").await;
    let private = begin(&maya, None, "Private").await;
    say(&maya, &private, "a secret").await;
    let body = json!({ "message": "x", "artifactIds": [artifact] });
    assert_eq!(maya.post(&format!("/sessions/{private}/commit"), body).await.0, 201);
    let files = unpack(export(&maya, &shared).await);
    let (_, record, _) = files.iter().find(|(path, ..)| path.starts_with("sessions/")).expect("the record");
    let record: Value = serde_json::from_slice(record).expect("JSON");
    assert_eq!((&record["messages"], &record["goal"]), (&json!([]), &json!("")));
});

app_test!(sessions_are_exported_for_people_and_programs, |app| {
    let maya = app.sign_up_first().await;
    let session = begin(&maya, None, "Größe & \"x\"").await;
    say(&maya, &session, "**one**\nline").await;
    let second = say(&maya, &session, "two").await;
    assert_eq!(maya.delete(&format!("/sessions/{session}/messages/{}", text(&second["id"]))).await.0, 204);
    let get = async |format: &str| maya.answer(maya.request(Method::GET, &format!("/api/v1/sessions/{session}/export{format}"))).await;
    let markdown = get("").await;
    assert_eq!((markdown.status, markdown.header("content-type")), (200, "text/markdown; charset=utf-8"));
    assert!(
        markdown.text.starts_with("# Größe & \"x\"\n\nFind out\n")
            && markdown.text.contains("**one**\nline")
            && markdown.text.contains("*Deleted.*"),
        "{}",
        markdown.text
    );
    assert!(markdown.header("content-disposition").contains("attachment"));
    let json = get("?format=json").await.json();
    assert_eq!(
        (&json["format"], &json["id"], &json["messages"][0]["content"]),
        (&json!("llmos-session-1"), &json!(session), &json!("**one**\nline"))
    );
    assert!(json["messages"][1]["deletedAt"].is_string());
    assert_eq!(get("?format=pdf").await.status, 400);
});

/// As the predecessor wrote them.
const OLD: &[u8] = br##"{
  "id": "sess-quantum-1", "name": "Quantum research", "status": "saved", "volume": "user", "goal": "Understand decoherence",
  "messages": [
    {"id": 1, "role": "user", "content": "Look at @review first", "timestamp": "14:02"},
    {"id": 2, "role": "assistant", "content": "# Done\n<img src=x onerror=alert(1)>", "timestamp": "14:05", "artifact": {"type": "skill", "name": "Review"}},
    {"id": 3, "role": "user", "content": "Thanks", "timestamp": "14:06", "mood": "good"}
  ],
  "artifacts": [{"type": "skill", "name": "review"}, {"type": "tool", "name": "gone"}],
  "evolution": {"patterns": 3, "notes": ["a"]}
}"##;

app_test!(sessions_of_the_predecessor_are_imported_once, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let shared = volume(&maya, "team").await;
    let files: Vec<(&str, &[u8], u32)> = vec![
        ("vol/skills/review/SKILL.md", b"---\nname: review\ndescription: d\n---\n# Review\n", 0),
        ("vol/sessions/one.json", OLD, 0),
        ("vol/sessions/broken.json", b"{\"id\":", 0),
        ("vol/sessions/other.json", b"{\"a\": 1}", 0),
        ("vol/sessions/nameless.json", b"{\"goal\": \"x\", \"messages\": []}", 0),
    ];
    let report = import(&maya, &shared, pack(&files)).await;
    assert_eq!((&report["created"], &report["unchanged"], &report["skipped"]), (&json!(2), &json!(0), &json!(3)), "{report}");
    let items = report["items"].as_array().expect("a list");
    let reason =
        |path: &str| text(&items.iter().find(|item| item["path"] == path).unwrap_or_else(|| panic!("{path} in {report}"))["reason"]);
    assert!(reason("sessions/broken.json").contains("JSON") && reason("sessions/nameless.json").contains("no id"));
    assert!(reason("sessions/one.json").contains("3 messages") && reason("sessions/one.json").contains("1 of its artifacts"));
    let (_, list) = tom.get("/sessions").await;
    let found = &list["items"][0];
    assert_eq!(
        (&found["title"], &found["teamId"], &found["entries"], &found["status"]),
        (&json!("Quantum research"), &json!(team), &json!(3), &json!("active"))
    );
    let session = text(&found["id"]);
    let timeline = entries(&tom, &session).await;
    assert_eq!(
        (&timeline[1]["imported"], &timeline[1]["author"]["name"]),
        (&json!({ "author": "assistant", "time": "14:05" }), &json!("Maya Chen"))
    );
    assert!(text(&timeline[1]["html"]).contains("<h1") && !text(&timeline[1]["html"]).contains("onerror"));
    assert_eq!(timeline[1]["artifacts"][0]["slug"], "review");
    assert_eq!(tom.get(&format!("/sessions/{session}")).await.1["artifacts"].as_array().map(Vec::len), Some(1));
    // What is not known here is kept.
    let (_, exported) = maya.get(&format!("/sessions/{session}/export?format=json")).await;
    assert_eq!(
        (&exported["evolution"]["patterns"], &exported["messages"][2]["mood"], &exported["messages"][1]["timestamp"]),
        (&json!(3), &json!("good"), &json!("14:05"))
    );
    assert_eq!(exported["messages"][1]["artifact"], json!({ "type": "skill", "name": "Review" }));
    assert_eq!(exported["importedFrom"]["status"], "saved");

    // Once more: nothing new. Changed: named. In the trash: named.
    let report = import(&maya, &shared, pack(&files[..2])).await;
    assert_eq!((&report["created"], &report["unchanged"]), (&json!(0), &json!(2)), "{report}");
    let changed = String::from_utf8_lossy(OLD).replace("Thanks", "Thank you");
    let report = import(&maya, &shared, pack(&[("sessions/one.json", changed.as_bytes(), 0)])).await;
    assert_eq!(report["skipped"], 1, "{report}");
    assert_eq!(maya.delete(&format!("/sessions/{session}")).await.0, 204);
    let report = import(&maya, &shared, pack(&files[1..2])).await;
    assert!(text(&report["items"][0]["reason"]).contains("trash"), "{report}");
    assert_eq!(tom.get("/sessions").await.1["total"], 0);
    // In another volume it is another session.
    let report = import(&tom, &volume(&tom, "user").await, pack(&files[1..2])).await;
    assert_eq!(report["created"], 1, "{report}");
    assert_eq!(maya.get("/sessions").await.1["total"], 0);
});

app_test!(an_import_that_died_half_way_starts_again, |app| {
    let maya = app.sign_up_first().await;
    let own = volume(&maya, "user").await;
    // What is left of one: a session that is staged, with entries.
    let report = import(&maya, &own, pack(&[("sessions/one.json", OLD, 0)])).await;
    let left = text(&report["items"][0]["sessionId"]);
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE sessions SET source_sha = '', deleted_at = 5 WHERE id = $1").bind(&left).execute(&mut *tx).await.expect("staged");
    tx.commit().await.expect("stored");
    assert_eq!(maya.get(&format!("/sessions/{left}")).await.0, 404, "nobody sees it");
    assert_eq!(maya.post(&format!("/sessions/{left}/undelete"), json!({})).await.0, 404);
    let report = import(&maya, &own, pack(&[("sessions/one.json", OLD, 0)])).await;
    assert_eq!(report["created"], 1, "{report}");
    assert_eq!(maya.get("/sessions").await.1["total"], 1);
    assert_eq!(entries(&maya, &text(&report["items"][0]["sessionId"])).await.len(), 3);
});

app_test!(the_sample_goes_with_its_sessions, |app| {
    let maya = app.sign_up_first().await;
    assert_eq!(maya.post("/admin/demo", Value::Null).await.0, 204);
    let (_, volumes) = maya.get("/volumes").await;
    let demo = volumes.as_array().expect("a list").iter().find(|volume| volume["demo"] == true).expect("the sample");
    let session = begin(&maya, demo["team"].as_str(), "In the sample").await;
    say(&maya, &session, "hello @code-review").await;
    assert_eq!(maya.post(&format!("/sessions/{session}/commit"), json!({ "message": "x", "artifactIds": [] })).await.0, 201);
    assert_eq!(maya.delete("/admin/demo").await.0, 204);
    assert_eq!(maya.get("/sessions").await.1["total"], 0);
});
