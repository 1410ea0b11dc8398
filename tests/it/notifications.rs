//! Notifications: mentions, replies and invitations, grouped, read one by one and all at once.

use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    sessions::{begin, say},
    socket::Socket,
};

pub async fn unread(client: &Client) -> i64 {
    let (status, answer) = client.get("/notifications/unread").await;
    assert_eq!(status, 200, "{answer}");
    answer["unread"].as_i64().expect("a number")
}

/// All that is shown, group by group.
pub async fn list(client: &Client) -> Vec<Value> {
    let (status, page) = client.get("/notifications").await;
    assert_eq!(status, 200, "{page}");
    let groups = page["items"].as_array().expect("a list");
    groups.iter().flat_map(|group| group["items"].as_array().expect("a list").clone()).collect()
}

/// The next that an open page hears for its bell.
pub async fn rung(socket: &mut Socket) -> Value {
    loop {
        let frame = socket.until("event").await;
        if frame["event"]["type"] == "notification" {
            return frame["event"].clone();
        }
    }
}

fn titles(page: &Value) -> Vec<String> {
    page["items"].as_array().expect("a list").iter().map(|group| text(&group["title"])).collect()
}

app_test!(a_mention_in_a_message_is_told_once_and_read_with_its_session, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let session = begin(&maya, Some(&team), "Api review").await;
    let mut socket = app.socket_of(&tom).await;
    socket.join(&tom.id, "workspace", None).await;
    let entry = say(&maya, &session, "@tom @tom look, says @MayaChen").await;
    let told = rung(&mut socket).await;
    assert_eq!((&told["unread"], unread(&tom).await, unread(&maya).await), (&json!(1), 1, 0), "one does not tell oneself");
    let (_, page) = tom.get("/notifications").await;
    let group = &page["items"][0];
    assert_eq!((&group["subject"], &group["subjectId"], &group["title"]), (&json!("session"), &json!(session), &json!("Api review")));
    assert_eq!((&group["items"][0]["spot"], &group["items"][0]["actor"]["name"]), (&json!({ "number": 1 }), &json!("Maya Chen")));
    // The same message sent again, or edited without a new name, tells nothing new.
    let path = format!("/sessions/{session}/messages");
    assert_eq!(maya.post(&path, json!({ "id": entry["id"], "text": "@tom" })).await.0, 201);
    assert_eq!(maya.patch(&format!("{path}/{}", text(&entry["id"])), json!({ "text": "@tom look **here**" })).await.0, 200);
    assert_eq!((unread(&tom).await, list(&tom).await[0]["excerpt"].clone()), (1, json!("@tom look here")), "words without marks");
    // Reading the session reads it.
    assert_eq!(tom.json(reqwest::Method::PUT, &format!("/sessions/{session}/read"), json!({ "number": 1 })).await.0, 204);
    assert_eq!((unread(&tom).await, list(&tom).await.len()), (0, 1));
    // Every page of theirs hears under which name devices show it, so that they do no longer.
    let read = loop {
        let event = rung(&mut socket).await;
        if event["unread"] == 0 {
            break event["read"].clone();
        }
    };
    assert_eq!(read, json!([format!("session-{session}")]));
    // A deleted message takes it back.
    assert_eq!(maya.delete(&format!("{path}/{}", text(&entry["id"]))).await.0, 204);
    assert_eq!(list(&tom).await.len(), 0);
    // In a private session there is nobody to be told.
    let private = begin(&maya, None, "Mine").await;
    say(&maya, &private, "@tom").await;
    assert_eq!(unread(&tom).await, 0);
});

app_test!(notifications_are_grouped_paged_and_read, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    for title in ["One", "Two", "Three"] {
        let session = begin(&maya, Some(&team), title).await;
        for number in 0..7 {
            say(&maya, &session, &format!("@tom {number}")).await;
        }
    }
    let (_, page) = tom.get("/notifications").await;
    assert_eq!((titles(&page), &page["unread"]), (vec!["Three".into(), "Two".into(), "One".into()], &json!(21)));
    let group = &page["items"][0];
    assert_eq!((&group["count"], &group["unread"], group["items"].as_array().map(Vec::len)), (&json!(7), &json!(7), Some(5)));
    assert_eq!(group["items"][0]["excerpt"], "@tom 6", "the newest first");

    // One, then all of a subject: what is read goes behind what is not.
    let (_, answer) = tom.post("/notifications/read", json!({ "ids": [group["items"][0]["id"]] })).await;
    assert_eq!(answer["unread"], 20);
    let (_, answer) = tom.post("/notifications/read", json!({ "subjectId": group["subjectId"] })).await;
    assert_eq!(answer["unread"], 14);
    assert_eq!(titles(&tom.get("/notifications").await.1), ["Two", "One", "Three"]);
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let (status, page) = tom.get(&format!("/notifications?limit=1{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(titles(&page));
        let Some(next) = page["nextCursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ["Two", "One", "Three"]);

    // Nobody reads or marks another one's.
    let ids: Vec<Value> = list(&tom).await.iter().map(|one| one["id"].clone()).collect();
    assert_eq!(maya.post("/notifications/read", json!({ "ids": ids })).await.0, 200);
    assert_eq!((unread(&tom).await, list(&maya).await.len()), (14, 0));
    // Read all, up to what was shown.
    let newest = text(&tom.get("/notifications").await.1["items"][0]["items"][0]["id"]);
    let session = begin(&maya, Some(&team), "Late").await;
    say(&maya, &session, "@tom late").await;
    assert_eq!(tom.post("/notifications/read-all", json!({ "upTo": newest })).await.1["unread"], 1);
    assert_eq!(tom.post("/notifications/read-all", json!({})).await.1["unread"], 0);

    assert_eq!(tom.get("/notifications?cursor=x").await.0, 400);
    assert_eq!(tom.post("/notifications/read", json!({ "ids": vec![newest; 201] })).await.0, 400);
    assert_eq!(app.visitor().get("/notifications").await.0, 401);
    let reads = app.client_with_token(&tom, &["read"]).await;
    assert_eq!(reads.get("/notifications").await.0, 200);
    assert_eq!(reads.post("/notifications/read-all", json!({})).await.0, 403);
});

app_test!(an_invitation_reaches_an_account_behind_the_bell, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.sign_up(&maya, "tom@x.y").await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    let path = format!("/teams/{team}/invitations");
    let invite = |email: &str| json!({ "role": "member", "maxUses": 1, "expiresInDays": 7, "email": email });
    let (status, made) = maya.post(&path, invite(" Tom@X.y ")).await;
    assert_eq!(status, 201, "{made}");
    let (status, unknown) = maya.post(&path, invite("nobody@x.y")).await;
    assert_eq!(status, 201, "whether there is such an account is not told");
    let keys = |made: &Value| made["invitation"].as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
    assert_eq!(keys(&made), keys(&unknown));
    assert_eq!(maya.post(&path, invite("no address")).await.0, 400);
    let (_, page) = tom.get("/notifications").await;
    let (group, one) = (&page["items"][0], &page["items"][0]["items"][0]);
    assert_eq!(
        (&page["unread"], &group["subject"], &group["title"], &one["kind"]),
        (&json!(1), &json!("team"), &json!("Harbor"), &json!("invitation"))
    );
    assert_eq!((&one["spot"]["role"], &one["spot"]["invitationId"]), (&json!("member"), &made["invitation"]["id"]));
    assert!(!page.to_string().contains(&crate::app::secret_of(&made["url"])), "the link stays a secret");

    let accept = format!("/me/invitations/{}/accept", text(&made["invitation"]["id"]));
    assert_eq!(eve.post(&accept, json!({})).await.0, 404);
    let (status, joined) = tom.post(&accept, json!({})).await;
    assert_eq!((status, &joined["id"], &joined["role"]), (200, &json!(team), &json!("member")), "{joined}");
    assert_eq!(unread(&tom).await, 0);
    assert_eq!(tom.post(&accept, json!({})).await.0, 200, "twice is once");
    // Members are not invited again, and what is revoked is taken back.
    assert_eq!(maya.post(&path, invite("tom@x.y")).await.0, 201);
    assert_eq!(unread(&tom).await, 0);
    let (_, made) = maya.post(&path, invite("eve@x.y")).await;
    assert_eq!(unread(&eve).await, 1);
    let id = text(&made["invitation"]["id"]);
    assert_eq!(maya.delete(&format!("{path}/{id}")).await.0, 204);
    assert_eq!((unread(&eve).await, eve.post(&format!("/me/invitations/{id}/accept"), json!({})).await.0), (0, 410));
});

app_test!(old_notifications_are_removed, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let session = begin(&maya, Some(&team), "Api review").await;
    for word in ["old and read", "old", "new"] {
        say(&maya, &session, &format!("@tom {word}")).await;
    }
    let ids: Vec<String> = list(&tom).await.iter().map(|one| text(&one["id"])).collect();
    assert_eq!(tom.post("/notifications/read", json!({ "ids": [ids[2]] })).await.0, 200);
    let day = 24 * 60 * 60 * 1_000_i64;
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    for id in &ids[1..] {
        let aged = sqlx::query("UPDATE notifications SET created_at = created_at - $2 WHERE id = $1").bind(id).bind(100 * day);
        aged.execute(&mut *tx).await.expect("aged");
    }
    tx.commit().await.expect("stored");
    let ctx = llmos_lite::server::context::Ctx::internal(app.state.clone(), None);
    llmos_lite::features::notifications::service::remove_old(&ctx).await.expect("runs");
    let left: Vec<String> = list(&tom).await.iter().map(|one| text(&one["id"])).collect();
    assert_eq!(left, ids[..2], "what nobody has read is kept longer");
});
