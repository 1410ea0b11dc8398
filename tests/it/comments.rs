//! Comments: threads about artifacts and entries, who reads and writes them, and what stays of them.

use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    notifications::{list, unread},
    sessions::{begin, entries, say},
    volumes::{commit, committed, create, head, save, volume},
};

/// Begins a thread about an artifact.
async fn comment(client: &Client, artifact: &str, words: &str) -> Value {
    let (status, thread) = client.post("/comments/threads", json!({ "artifactId": artifact, "text": words })).await;
    assert_eq!(status, 201, "{thread}");
    thread
}

/// Answers; the comment.
async fn reply(client: &Client, thread: &str, words: &str) -> Value {
    let (status, comment) = client.post(&format!("/comments/threads/{thread}/replies"), json!({ "text": words })).await;
    assert_eq!(status, 201, "{comment}");
    comment
}

fn first(thread: &Value) -> String {
    text(&thread["comments"][0]["id"])
}

app_test!(a_thread_is_begun_answered_resolved_and_taken_up_again, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let (artifact, _) = committed(&maya, &volume(&maya, "team").await, "Review").await;
    let listed = format!("/comments/threads?artifact={artifact}");
    assert_eq!(maya.get(&listed).await.1, json!({ "items": [], "open": 0, "resolved": 0, "canWrite": true }));

    let anchor = json!({ "start": "AAEC", "end": "AAED", "quote": "the first line" });
    let body = json!({ "artifactId": artifact, "text": "Is **this** right?\r\n", "anchor": anchor });
    let (status, thread) = maya.post("/comments/threads", body).await;
    assert_eq!((status, &thread["anchor"], &thread["count"]), (201, &anchor, &json!(1)), "{thread}");
    assert_eq!(thread["comments"][0]["text"], "Is **this** right?");
    assert!(text(&thread["comments"][0]["html"]).contains("<strong>this</strong>"), "{thread}");
    let id = text(&thread["id"]);
    reply(&tom, &id, "No <script>alert(1)</script>").await;
    let (_, page) = tom.get(&listed).await;
    assert_eq!((page["open"].as_i64(), page["items"][0]["comments"].as_array().map(Vec::len)), (Some(1), Some(2)));
    let html = text(&page["items"][0]["comments"][1]["html"]);
    assert!(html.contains("No") && !html.contains("script"), "what people write is sanitised: {html}");

    let (status, resolved) = tom.post(&format!("/comments/threads/{id}/resolve"), json!({})).await;
    assert_eq!((status, &resolved["resolvedBy"]["name"]), (200, &json!("tom")), "{resolved}");
    assert_eq!(maya.post(&format!("/comments/threads/{id}/resolve"), json!({})).await.1["resolvedBy"]["name"], "tom", "twice is once");
    assert_eq!(maya.get(&listed).await.1["items"], json!([]), "open ones are shown");
    for state in ["resolved", "all"] {
        assert_eq!(maya.get(&format!("{listed}&state={state}")).await.1["items"][0]["id"], json!(id), "{state}");
    }
    reply(&maya, &id, "Thank you").await;
    let (_, reopened) = maya.post(&format!("/comments/threads/{id}/reopen"), json!({})).await;
    assert_eq!((&reopened["resolvedAt"], &reopened["count"]), (&Value::Null, &json!(3)));

    // Page by page, and the middle of a long thread on demand.
    for number in 0..4 {
        comment(&maya, &artifact, &format!("Thread {number}")).await;
    }
    let (_, page) = maya.get(&format!("{listed}&limit=3")).await;
    let (_, rest) = maya.get(&format!("{listed}&limit=3&before={}", text(&page["nextBefore"]))).await;
    let counts = |page: &Value| page["items"].as_array().map(Vec::len);
    assert_eq!((counts(&page), counts(&rest), &rest["nextBefore"]), (Some(3), Some(2), &Value::Null));
    for number in 0..25 {
        reply(&tom, &id, &format!("Reply {number}")).await;
    }
    let (_, page) = maya.get(&format!("{listed}&limit=100")).await;
    let long = page["items"].as_array().expect("a list").iter().find(|thread| thread["id"] == json!(id)).expect("there");
    assert_eq!((&long["count"], long["comments"].as_array().map(Vec::len)), (&json!(28), Some(21)));
    let numbers: Vec<i64> = long["comments"].as_array().expect("a list").iter().filter_map(|comment| comment["number"].as_i64()).collect();
    assert_eq!((numbers[0], numbers[1], numbers[20]), (1, 9, 28), "the first one and the newest");
    assert_eq!(maya.get(&format!("/comments/threads/{id}")).await.1["comments"].as_array().map(Vec::len), Some(28));
});

app_test!(one_changes_and_deletes_ones_own_comments_only, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let (artifact, _) = committed(&maya, &volume(&maya, "team").await, "Review").await;
    let thread = comment(&tom, &artifact, "A typo here").await;
    let address = format!("/comments/{}", first(&thread));
    for (status, answer) in [maya.patch(&address, json!({ "text": "x" })).await, maya.delete(&address).await] {
        assert_eq!((status, &answer["message"]), (403, &json!("Only its author may change a comment.")));
    }
    let (status, edited) = tom.patch(&address, json!({ "text": "No typo" })).await;
    assert_eq!((status, &edited["text"]), (200, &json!("No typo")));
    assert!(edited["editedAt"].is_i64());
    assert_eq!(tom.delete(&address).await.0, 204);
    assert_eq!(tom.delete(&address).await.0, 204, "twice is once");
    assert_eq!(tom.patch(&address, json!({ "text": "x" })).await.0, 409);
    let (_, left) = maya.get(&format!("/comments/threads/{}", text(&thread["id"]))).await;
    assert_eq!((&left["comments"][0]["text"], &left["comments"][0]["author"]["name"]), (&json!(""), &json!("tom")), "the trace stays");
    assert!(left["comments"][0]["deletedAt"].is_i64() && !left.to_string().contains("typo"), "{left}");
});

app_test!(comments_on_a_message_are_counted_on_its_entry, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let session = begin(&maya, Some(&team), "Api review").await;
    let other = begin(&maya, Some(&team), "Other").await;
    let entry = text(&say(&maya, &session, "Shall we?").await["id"]);
    let about = |session: &str| json!({ "sessionId": session, "entryId": entry, "text": "Yes" });
    assert_eq!(tom.post("/comments/threads", about(&other)).await.0, 404, "the entry of another session");
    let (status, thread) = tom.post("/comments/threads", about(&session)).await;
    assert_eq!((status, &thread["entryId"]), (201, &json!(entry)), "{thread}");
    let again = reply(&maya, &text(&thread["id"]), "Good").await;
    assert_eq!(entries(&tom, &session).await[0]["comments"], 2);
    assert_eq!(maya.delete(&format!("/comments/{}", text(&again["id"]))).await.0, 204);
    assert_eq!(entries(&tom, &session).await[0]["comments"], 1);
    let of = |rest: &str| format!("/comments/threads?session={session}{rest}");
    assert_eq!(tom.get(&of(&format!("&entry={entry}"))).await.1["open"], 1);
    assert_eq!(tom.get(&of("")).await.1["items"][0]["id"], thread["id"], "of all entries");
    // The answer to one's message is behind the bell.
    let (_, page) = maya.get("/notifications").await;
    assert_eq!((&page["items"][0]["items"][0]["kind"], &page["items"][0]["title"]), (&json!("reply"), &json!("Api review")), "{page}");
    // Nothing is written into what is archived; it is read.
    assert_eq!(maya.post(&format!("/sessions/{session}/archive"), json!({})).await.0, 200);
    assert_eq!(tom.post("/comments/threads", about(&session)).await.0, 409);
    assert_eq!(tom.get(&of(&format!("&entry={entry}"))).await.1["canWrite"], false);
});

/// Every route about one thread.
fn routes(artifact: &str, thread: &str, comment: &str) -> Vec<(reqwest::Method, String, Value, bool)> {
    use reqwest::Method;
    vec![
        (Method::GET, format!("/comments/threads?artifact={artifact}"), Value::Null, false),
        (Method::GET, format!("/comments/threads/{thread}"), Value::Null, false),
        (Method::GET, format!("/comments/completions?artifact={artifact}&q=a"), Value::Null, false),
        (Method::POST, "/comments/threads".to_owned(), json!({ "artifactId": artifact, "text": "x" }), true),
        (Method::POST, format!("/comments/threads/{thread}/replies"), json!({ "text": "x" }), true),
        (Method::POST, format!("/comments/threads/{thread}/resolve"), json!({}), true),
        (Method::POST, format!("/comments/threads/{thread}/reopen"), json!({}), true),
        (Method::PATCH, format!("/comments/{comment}"), json!({ "text": "x" }), true),
        (Method::DELETE, format!("/comments/{comment}"), Value::Null, true),
    ]
}

app_test!(viewers_read_comments_and_strangers_find_none, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    let (artifact, _) = committed(&maya, &volume(&maya, "team").await, "Review").await;
    let thread = comment(&maya, &artifact, "Hello").await;
    let (id, comment_id) = (text(&thread["id"]), first(&thread));
    let reads = app.client_with_token(&maya, &["read"]).await;
    for (method, path, body, writes) in routes(&artifact, &id, &comment_id) {
        for client in [&vera, &reads] {
            let (status, answer) = client.json(method.clone(), &path, body.clone()).await;
            assert_eq!(status, if writes { 403 } else { 200 }, "{method} {path}: {answer}");
        }
        let (status, answer) = eve.json(method.clone(), &path, body.clone()).await;
        assert_eq!((status, &answer["code"]), (404, &json!("not_found")), "{method} {path}: {answer}");
        assert_eq!(app.visitor().json(method, &path, body).await.0, 401, "{path}");
    }
    // A thread that exists for others and one that does not are answered alike.
    let unknown = eve.get(&format!("/comments/threads/{}", uuid::Uuid::now_v7())).await;
    assert_eq!(eve.get(&format!("/comments/threads/{id}")).await.1["message"], unknown.1["message"]);
    assert_eq!(vera.get(&format!("/comments/threads?artifact={artifact}")).await.1["canWrite"], false);
    // Built-in artifacts are read by everybody and talked about by nobody.
    let (_, page) = maya.get("/artifacts?q=skill&limit=100").await;
    let built_in = page["items"].as_array().expect("a list").iter().find(|item| item["id"] != json!(artifact)).expect("a built-in one");
    assert_eq!(maya.post("/comments/threads", json!({ "artifactId": built_in["id"], "text": "x" })).await.0, 403);
});

app_test!(what_is_no_comment_is_refused_and_an_id_counts_once, |app| {
    let maya = app.sign_up_first().await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    let (artifact, _) = committed(&maya, &volume(&maya, "user").await, "Review").await;
    let (theirs, _) = committed(&eve, &volume(&eve, "user").await, "Theirs").await;
    let id = uuid::Uuid::now_v7().to_string();
    let anchor = |start: &str| json!({ "start": start, "end": "A", "quote": "q" });
    for bad in [
        json!({ "text": "x" }),
        json!({ "artifactId": artifact, "sessionId": id, "entryId": id, "text": "x" }),
        json!({ "sessionId": id, "text": "x" }),
        json!({ "artifactId": artifact, "text": " \n" }),
        json!({ "artifactId": artifact, "text": "x".repeat(10_001) }),
        json!({ "artifactId": artifact, "text": "x", "anchor": anchor("") }),
        json!({ "artifactId": artifact, "text": "x", "anchor": anchor(&"x".repeat(2_001)) }),
        json!({ "artifactId": artifact, "text": "x", "anchor": { "start": "A" } }),
        json!({ "artifactId": artifact, "text": "x", "id": "7d444840-9dc0-41d1-b245-5ffdce74fad2" }),
    ] {
        let (status, answer) = maya.post("/comments/threads", bad.clone()).await;
        assert_eq!((status, &answer["code"]), (400, &json!("invalid_input")), "{bad}: {answer}");
    }
    assert_eq!(maya.get("/comments/threads").await.0, 400);
    let body = json!({ "id": id, "artifactId": artifact, "text": "Once" });
    assert_eq!(maya.post("/comments/threads", body.clone()).await.0, 201);
    assert_eq!(maya.post("/comments/threads", body).await.1["id"], json!(id), "the same again makes no second one");
    assert_eq!(eve.post("/comments/threads", json!({ "id": id, "artifactId": theirs, "text": "x" })).await.0, 409);
    let made = uuid::Uuid::now_v7().to_string();
    let replies = format!("/comments/threads/{id}/replies");
    let body = json!({ "id": made, "text": "Twice" });
    assert_eq!(maya.post(&replies, body.clone()).await.1["number"], 2);
    assert_eq!(maya.post(&replies, body.clone()).await.1["number"], 2);
    let other = text(&comment(&maya, &artifact, "Other").await["id"]);
    assert_eq!(maya.post(&format!("/comments/threads/{other}/replies"), body).await.0, 409);
    assert_eq!(maya.get(&format!("/comments/threads/{id}")).await.1["count"], 2);
});

app_test!(threads_outlive_commits_and_the_trash_and_end_with_their_artifact, |app| {
    let maya = app.sign_up_first().await;
    let volume = volume(&maya, "user").await;
    let id = text(&create(&maya, &volume, "Review").await["summary"]["id"]);
    let thread = text(&comment(&maya, &id, "Keep me").await["id"]);
    commit(&maya, &[(id.as_str(), None)], "First").await;
    assert_eq!(save(&maya, &id, "# Other\n", 0).await.0, 200);
    let base = head(&maya, &id).await;
    commit(&maya, &[(id.as_str(), Some(base.as_str()))], "Second").await;
    let listed = format!("/comments/threads?artifact={id}");
    assert_eq!(maya.get(&listed).await.1["open"], 1);
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    let (_, page) = maya.get(&listed).await;
    assert_eq!((&page["open"], &page["canWrite"]), (&json!(1), &json!(false)), "in the trash they are read");
    assert_eq!(maya.post("/comments/threads", json!({ "artifactId": id, "text": "x" })).await.0, 409);
    assert_eq!(maya.post(&format!("/artifacts/{id}/undelete"), json!({})).await.0, 204);
    assert_eq!(maya.get(&listed).await.1["canWrite"], true);
    assert_eq!(maya.delete(&format!("/artifacts/{id}")).await.0, 204);
    assert_eq!(maya.delete(&format!("/artifacts/{id}/forever")).await.0, 204);
    assert_eq!(maya.get(&format!("/comments/threads/{thread}")).await.0, 404);
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM comments").fetch_one(app.state.db.read()).await.expect("counted");
    assert_eq!(left, 0);
});

app_test!(names_in_comments_are_links_and_tell_those_people_once, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let ines = app.join(&maya, &team, "viewer", "ines@x.y").await;
    let (artifact, _) = committed(&maya, &volume(&maya, "team").await, "Review").await;
    let thread = comment(&maya, &artifact, "@tom and @nobody: see @review").await;
    let stored = text(&thread["comments"][0]["text"]);
    assert_eq!(stored, format!("[@tom](/people/{}) and @nobody: see [@review](/artifacts/{artifact})", tom.id));
    assert_eq!((unread(&tom).await, unread(&ines).await, unread(&maya).await), (1, 0, 0));
    let (_, page) = tom.get("/notifications").await;
    let group = &page["items"][0];
    assert_eq!((&group["subject"], &group["subjectId"], &group["unread"]), (&json!("artifact"), &json!(artifact), &json!(1)));
    assert_eq!((&group["items"][0]["kind"], &group["items"][0]["excerpt"]), (&json!("mention"), &json!("@tom and @nobody: see @review")));
    // Who takes part hears of answers; who is named in one hears of that alone.
    let id = text(&thread["id"]);
    reply(&tom, &id, "Done, @ines").await;
    assert_eq!((unread(&maya).await, unread(&ines).await, unread(&tom).await), (1, 1, 1));
    let answer = reply(&maya, &id, "Thanks @tom").await;
    assert_eq!((unread(&tom).await, unread(&ines).await), (2, 1), "ines wrote nothing here");
    assert_eq!(list(&tom).await.iter().map(|one| text(&one["kind"])).collect::<Vec<_>>(), ["mention", "mention"]);
    // A changed comment names anew; a deleted one takes its notifications back.
    let address = format!("/comments/{}", text(&answer["id"]));
    assert_eq!(maya.patch(&address, json!({ "text": "Thanks @tom, @ines" })).await.0, 200);
    assert_eq!((unread(&tom).await, unread(&ines).await), (2, 2));
    assert_eq!(list(&tom).await[0]["excerpt"], "Thanks @tom, @ines");
    assert_eq!(maya.delete(&address).await.0, 204);
    assert_eq!((unread(&tom).await, unread(&ines).await), (1, 1));
    // Whoever left the team is told nothing any more, and sees nothing of before.
    assert_eq!(maya.delete(&format!("/teams/{team}/members/{}", tom.id)).await.0, 204);
    assert_eq!(unread(&tom).await, 0);
    assert_eq!(list(&tom).await, Vec::<Value>::new());
    reply(&maya, &id, "Anybody?").await;
    assert_eq!(unread(&tom).await, 0);
    // What `@` offers.
    let (_, offered) = ines.get(&format!("/comments/completions?artifact={artifact}&q=may")).await;
    assert_eq!(offered[0]["person"]["name"], "Maya Chen", "{offered}");
});

app_test!(whoever_has_it_open_is_told_of_comments, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let (artifact, _) = committed(&maya, &volume(&maya, "team").await, "Review").await;
    let mut socket = app.socket_of(&tom).await;
    socket.join(&artifact, "artifact", None).await;
    let thread = comment(&maya, &artifact, "Look").await;
    let event = loop {
        let frame = socket.until("event").await;
        if frame["event"]["type"] == "comment" {
            break frame["event"].clone();
        }
    };
    assert_eq!((&event["subjectId"], &event["threadId"], &event["userId"]), (&json!(artifact), &thread["id"], &json!(maya.id)));
});
