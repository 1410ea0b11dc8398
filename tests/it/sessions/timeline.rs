//! Entries: their order, sending twice, editing, reading by page.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{begin, entries, say};
use crate::{
    app::{Client, text},
    import::{import, pack},
    volumes::volume,
};

fn numbers(entries: &[Value]) -> Vec<i64> {
    entries.iter().map(|entry| entry["number"].as_i64().expect("a number")).collect()
}

app_test!(a_message_sent_again_is_there_once, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let session = begin(&maya, Some(&team), "Shared").await;
    let other = begin(&maya, Some(&team), "Other").await;
    let path = format!("/sessions/{session}/messages");
    let body = json!({ "id": uuid::Uuid::now_v7(), "text": "once" });
    let answers = join_all((0..12).map(|_| maya.post(&path, body.clone()))).await;
    for (status, entry) in &answers {
        assert_eq!((*status, entry), (201, &answers[0].1));
    }
    assert_eq!(maya.post(&path, json!({ "id": body["id"], "text": "another text" })).await.1, answers[0].1, "the id decides");
    assert_eq!(entries(&maya, &session).await.len(), 1);
    // Somebody else's, or in another session: refused.
    assert_eq!(tom.post(&path, body.clone()).await.0, 409);
    assert_eq!(maya.post(&format!("/sessions/{other}/messages"), body.clone()).await.0, 409);
    assert_eq!(maya.post(&path, json!({ "id": "7d444840-9dc0-41d1-b245-5ffdce74fad2", "text": "x" })).await.0, 400);
    assert_eq!(numbers(&entries(&maya, &session).await), [1]);
});

app_test!(numbers_have_no_gap_whoever_sends_at_once, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let session = begin(&maya, Some(&team), "Shared").await;
    let send = async |client: &Client, at: usize| {
        // Every third one is sent twice, every fourth is refused.
        let id = uuid::Uuid::now_v7();
        let words = if at % 4 == 3 { "  ".to_owned() } else { format!("message {at}") };
        for _ in 0..if at.is_multiple_of(3) { 2 } else { 1 } {
            client.post(&format!("/sessions/{session}/messages"), json!({ "id": id, "text": words })).await;
        }
    };
    join_all((0..40).map(|at| send(if at % 2 == 0 { &maya } else { &tom }, at))).await;
    assert_eq!(tom.post(&format!("/sessions/{session}/join"), json!({})).await.0, 204);
    assert_eq!(tom.post(&format!("/sessions/{session}/join"), json!({})).await.0, 204, "once for each person");
    assert_eq!(maya.post(&format!("/sessions/{session}/join"), json!({})).await.0, 204, "who began it was there");
    let timeline = entries(&maya, &session).await;
    assert_eq!(numbers(&timeline), (1..=31).collect::<Vec<_>>());
    assert_eq!(timeline.last().map(|entry| (&entry["kind"], &entry["author"]["name"])), Some((&json!("joined"), &json!("tom"))));
    assert_eq!(maya.get(&format!("/sessions/{session}")).await.1["entries"], 31);
});

app_test!(ones_own_message_is_changed_and_leaves_a_trace, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "maintainer", "tom@x.y").await;
    let session = begin(&maya, Some(&team), "Shared").await;
    let entry = say(&maya, &session, "first").await;
    let address = format!("/sessions/{session}/messages/{}", text(&entry["id"]));
    assert_eq!(tom.patch(&address, json!({ "text": "x" })).await.0, 403);
    assert_eq!(tom.delete(&address).await.0, 403);
    let (status, edited) = maya.patch(&address, json!({ "text": "**second**" })).await;
    assert_eq!((status, &edited["text"]), (200, &json!("**second**")));
    assert!(edited["editedAt"].is_i64() && text(&edited["html"]).contains("<strong>"), "{edited}");
    for bad in ["", "  \n", &"x".repeat(20_001)] {
        assert_eq!(maya.patch(&address, json!({ "text": bad })).await.0, 400);
    }
    assert_eq!(maya.delete(&address).await.0, 204);
    assert_eq!(maya.delete(&address).await.0, 204);
    let left = entries(&tom, &session).await.remove(0);
    assert_eq!((&left["text"], &left["html"], &left["number"], &left["author"]), (&json!(""), &json!(""), &json!(1), &entry["author"]));
    assert!(left["deletedAt"].is_i64() && left["createdAt"] == entry["createdAt"]);
    assert_eq!(maya.patch(&address, json!({ "text": "back" })).await.0, 409);
    let other = begin(&maya, None, "Other").await;
    let elsewhere = format!("/sessions/{other}/messages/{}", text(&entry["id"]));
    assert_eq!(maya.patch(&elsewhere, json!({ "text": "x" })).await.0, 404, "not of that session");
});

app_test!(what_is_unread_is_counted_for_each_person, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let session = begin(&maya, Some(&team), "Shared").await;
    for at in 0..5 {
        say(&maya, &session, &format!("{at}")).await;
    }
    let unread = async |client: &Client| client.get("/sessions").await.1["items"][0]["unread"].clone();
    assert_eq!((unread(&maya).await, unread(&tom).await), (json!(0), json!(5)));
    let read =
        async |number: i64| tom.json(reqwest::Method::PUT, &format!("/sessions/{session}/read"), json!({ "number": number })).await.0;
    assert_eq!(read(3).await, 204);
    assert_eq!(unread(&tom).await, 2);
    assert_eq!((read(1).await, read(-5).await), (204, 204), "it never goes back");
    assert_eq!(unread(&tom).await, 2);
    assert_eq!(tom.get(&format!("/sessions/{session}")).await.1["read"], 3);
    assert_eq!(read(1_000_000).await, 204);
    assert_eq!(unread(&tom).await, 0);
    say(&maya, &session, "one more").await;
    assert_eq!(unread(&tom).await, 1, "the future was not read");
});

app_test!(bad_messages_are_refused, |app| {
    let maya = app.sign_up_first().await;
    let session = begin(&maya, None, "Private").await;
    let path = format!("/sessions/{session}/messages");
    for bad in [
        json!({}),
        json!({ "text": "" }),
        json!({ "text": " \n\t" }),
        json!({ "text": "x".repeat(20_001) }),
        json!({ "text": "x", "attachmentIds": vec![uuid::Uuid::now_v7(); 11] }),
        json!({ "text": "x", "attachmentIds": [uuid::Uuid::now_v7()] }),
        json!({ "text": 5 }),
    ] {
        let (status, refused) = maya.post(&path, bad.clone()).await;
        assert_eq!((status, &refused["code"]), (400, &json!("invalid_input")), "{bad}: {refused}");
    }
    let entry = say(&maya, &session, "a\u{0}b\u{7}\r\nc").await;
    assert_eq!((&entry["text"], &entry["number"]), (&json!("ab\nc"), &json!(1)), "what was refused took no number");
    say(&maya, &session, &"> ".repeat(9_000)).await;
    say(&maya, &session, &"@x ".repeat(6_000)).await;
    say(&maya, &session, &"[@".repeat(9_000)).await;
});

app_test!(ten_thousand_entries_are_read_by_page, |app| {
    let maya = app.sign_up_first().await;
    let file = json!({
        "id": "long", "name": "Long", "goal": "",
        "messages": (0..10_000).map(|at| json!({ "role": "user", "content": format!("message **{at}**") })).collect::<Vec<_>>(),
    });
    let own = volume(&maya, "user").await;
    let report = import(&maya, &own, pack(&[("sessions/long.json", file.to_string().as_bytes(), 0)])).await;
    let session = text(&report["items"][0]["sessionId"]);
    let page = async |query: &str| {
        let (status, page) = maya.get(&format!("/sessions/{session}/entries{query}")).await;
        assert_eq!((status, &page["total"]), (200, &json!(10_000)), "{query}");
        numbers(page["items"].as_array().expect("a list"))
    };
    assert_eq!(page("").await, (9_941..=10_000).collect::<Vec<_>>());
    assert_eq!(page("?from=5000&limit=3").await, [5_000, 5_001, 5_002]);
    assert_eq!(page("?from=1&limit=1000").await.len(), 200, "a page is bounded");
    assert_eq!(page("?from=-3&limit=2").await, [1, 2]);
    assert_eq!(page("?from=10001").await, Vec::<i64>::new());
    let started = std::time::Instant::now();
    for at in 0..20 {
        page(&format!("?from={}", 1 + at * 500)).await;
    }
    assert!(started.elapsed().as_secs() < 5, "twenty pages in {:?}", started.elapsed());
    // Along the index, not through the timeline.
    if app.state.db.engine() == llmos_lite::server::db::Engine::Sqlite {
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(
            "EXPLAIN QUERY PLAN SELECT e.id FROM session_entries e JOIN users u ON u.id = e.author_id WHERE e.session_id = $1 AND e.number >= $2 ORDER BY e.number LIMIT $3",
        )
        .bind(&session)
        .bind(5_000_i64)
        .bind(60_i64)
        .fetch_all(app.state.db.read())
        .await
        .expect("a plan");
        assert!(plan.iter().any(|(.., step)| step.contains("session_entries_number (session_id=? AND number>?)")), "{plan:?}");
        assert!(!plan.iter().any(|(.., step)| step.contains("TEMP B-TREE")), "{plan:?}");
    }
});
