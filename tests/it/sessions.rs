//! Sessions: who sees and writes them, their timeline, what messages name, attachments, commits, exports and imports.

pub mod files;
mod timeline;

use serde_json::{Value, json};

use crate::{
    app::{Client, text},
    volumes::{committed, create, volume},
};

/// Begins a session; its id.
pub async fn begin(client: &Client, team: Option<&str>, title: &str) -> String {
    let (status, made) = client.post("/sessions", json!({ "title": title, "goal": "Find out", "teamId": team })).await;
    assert_eq!(status, 201, "{made}");
    text(&made["id"])
}

/// Writes a message; the entry.
pub async fn say(client: &Client, session: &str, words: &str) -> Value {
    let (status, entry) = client.post(&format!("/sessions/{session}/messages"), json!({ "text": words })).await;
    assert_eq!(status, 201, "{entry}");
    entry
}

/// The newest page of the timeline.
pub async fn entries(client: &Client, session: &str) -> Vec<Value> {
    let (status, page) = client.get(&format!("/sessions/{session}/entries?limit=200")).await;
    assert_eq!(status, 200, "{page}");
    page["items"].as_array().expect("a list").clone()
}

fn titles(page: &Value) -> Vec<String> {
    page["items"].as_array().expect("a list").iter().map(|item| text(&item["title"])).collect()
}

app_test!(sessions_are_begun_listed_and_ended, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let own = begin(&maya, None, "Zebra notes").await;
    let shared = begin(&maya, Some(&team), "Api review").await;
    let toms = begin(&tom, Some(&team), "100%_sure").await;
    let (_, all) = maya.get("/sessions").await;
    assert_eq!((titles(&all), &all["total"]), (vec!["100%_sure".into(), "Api review".into(), "Zebra notes".into()], &json!(3)));
    assert_eq!(titles(&maya.get("/sessions?view=mine&sort=title").await.1), ["Api review", "Zebra notes"]);
    assert_eq!(titles(&maya.get("/sessions?view=team&sort=created").await.1), ["100%_sure", "Api review"]);
    assert_eq!(titles(&maya.get(&format!("/sessions?team={team}&q=REVIEW")).await.1), ["Api review"]);
    assert_eq!(titles(&maya.get("/sessions?q=0%25_").await.1), ["100%_sure"], "signs of patterns are text");
    assert_eq!(titles(&maya.get("/sessions?q=a%25i").await.1), Vec::<String>::new());
    assert_eq!(titles(&tom.get("/sessions").await.1).len(), 2, "private ones are private");
    // Page by page, in each order.
    for sort in ["activity", "created", "title"] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let (status, page) = maya.get(&format!("/sessions?sort={sort}&limit=1{cursor}")).await;
            assert_eq!(status, 200, "{page}");
            seen.extend(titles(&page));
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, titles(&maya.get(&format!("/sessions?sort={sort}")).await.1), "{sort}");
    }
    // A message makes it the newest.
    say(&maya, &own, "hello").await;
    assert_eq!(titles(&maya.get("/sessions").await.1)[0], "Zebra notes");

    let address = format!("/sessions/{shared}");
    let (status, refused) = maya.patch(&address, json!({ "title": "Api\u{202e} review" })).await;
    assert!(status == 400 && refused["fields"]["title"].is_string(), "{refused}");
    let (_, renamed) = maya.patch(&address, json!({ "title": " Api review 2 " })).await;
    assert_eq!((&renamed["title"], &renamed["goal"]), (&json!("Api review 2"), &json!("Find out")));
    assert_eq!(maya.post(&format!("{address}/archive"), json!({})).await.1["status"], "archived");
    assert_eq!(titles(&maya.get("/sessions?view=archived").await.1), ["Api review 2"]);
    assert_eq!(titles(&maya.get("/sessions").await.1).len(), 2);
    assert_eq!(titles(&maya.get("/sessions?status=archived").await.1).len(), 1);
    let (status, refused) = maya.post(&format!("{address}/messages"), json!({ "text": "x" })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")));
    assert_eq!(maya.post(&format!("{address}/restore"), json!({})).await.1["status"], "active");
    assert_eq!(maya.delete(&address).await.0, 204);
    assert_eq!(maya.delete(&address).await.0, 204, "twice is once");
    assert!(maya.get(&address).await.1["deletedAt"].is_i64(), "whoever may take it back sees it");
    assert_eq!(titles(&maya.get("/sessions?view=trash").await.1), ["Api review 2"]);
    assert_eq!(titles(&tom.get("/sessions?view=trash").await.1), Vec::<String>::new());
    assert_eq!(tom.get(&address).await.0, 404);
    assert_eq!(maya.get(&format!("{address}/entries")).await.0, 200);
    assert_eq!(tom.get(&format!("{address}/entries")).await.0, 404);
    assert_eq!(maya.post(&format!("{address}/messages"), json!({ "text": "x" })).await.0, 404, "nothing is written in the trash");
    assert_eq!(maya.post(&format!("{address}/undelete"), json!({})).await.0, 204);
    assert_eq!(tom.get(&address).await.0, 200);
    // Housekeeping ends what is long in the trash.
    say(&tom, &toms, "one").await;
    assert_eq!(maya.delete(&format!("/sessions/{toms}")).await.0, 204, "a maintainer may");
    for client in [&maya, &tom] {
        assert_eq!(titles(&client.get("/sessions?view=trash").await.1), ["100%_sure"], "its owner and a maintainer may take it back");
    }
    let ctx = llmos_lite::server::context::Ctx::internal(app.state.clone(), None);
    llmos_lite::features::sessions::service::empty_old_trash(&ctx).await.expect("runs");
    assert_eq!(tom.get(&format!("/sessions/{toms}")).await.0, 200, "not yet");
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE sessions SET deleted_at = 5 WHERE id = $1").bind(&toms).execute(&mut *tx).await.expect("aged");
    tx.commit().await.expect("stored");
    llmos_lite::features::sessions::service::empty_old_trash(&ctx).await.expect("runs");
    assert_eq!(tom.get(&format!("/sessions/{toms}")).await.0, 404);
    assert_eq!(tom.post(&format!("/sessions/{toms}/undelete"), json!({})).await.0, 404);
});

app_test!(an_id_made_by_the_client_begins_one_session, |app| {
    let maya = app.sign_up_first().await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    let id = uuid::Uuid::now_v7().to_string();
    let body = json!({ "id": id, "title": "Once" });
    assert_eq!(maya.post("/sessions", body.clone()).await.0, 201);
    assert_eq!(maya.post("/sessions", body.clone()).await.1["id"], json!(id), "the same again makes no second one");
    assert_eq!(maya.post("/sessions", json!({ "id": id, "title": "Other" })).await.0, 409);
    assert_eq!(eve.post("/sessions", body).await.0, 409);
    assert_eq!(maya.get("/sessions").await.1["total"], 1);
    for bad in [
        json!({ "title": "" }),
        json!({ "title": "x".repeat(121) }),
        json!({ "title": "a\nb" }),
        json!({ "title": "t", "goal": "g".repeat(2_001) }),
    ] {
        assert_eq!(maya.post("/sessions", bad).await.0, 400);
    }
    assert_eq!(maya.post("/sessions", json!({ "id": "7d444840-9dc0-41d1-b245-5ffdce74fad2", "title": "x" })).await.0, 400);
    assert_eq!(maya.post("/sessions", json!({ "title": "x", "teamId": uuid::Uuid::now_v7() })).await.0, 404);
    assert_eq!(maya.get("/sessions?cursor=!!").await.0, 400);
    assert_eq!(maya.get(&format!("/sessions?q={}", "q".repeat(201))).await.0, 400);
});

/// Every route with a session in it.
fn routes(session: &str, entry: &str, artifact: &str) -> Vec<(reqwest::Method, String, Value, bool)> {
    use reqwest::Method;
    let at = |rest: &str| format!("/sessions/{session}{rest}");
    vec![
        (Method::GET, at(""), Value::Null, false),
        (Method::GET, at("/entries"), Value::Null, false),
        (Method::GET, at("/completions?q=a"), Value::Null, false),
        (Method::GET, at("/export?format=json"), Value::Null, false),
        (Method::POST, at("/join"), json!({}), false),
        (Method::PUT, at("/read"), json!({ "number": 1 }), false),
        (Method::PATCH, at(""), json!({ "title": "x" }), true),
        (Method::POST, at("/archive"), json!({}), true),
        (Method::POST, at("/restore"), json!({}), true),
        (Method::DELETE, at(""), Value::Null, true),
        (Method::POST, at("/messages"), json!({ "text": "x" }), true),
        (Method::PATCH, at(&format!("/messages/{entry}")), json!({ "text": "x" }), true),
        (Method::DELETE, at(&format!("/messages/{entry}")), Value::Null, true),
        (Method::POST, at("/artifacts"), json!({ "artifactId": artifact }), true),
        (Method::DELETE, at(&format!("/artifacts/{artifact}")), Value::Null, true),
        (Method::POST, at("/commit"), json!({ "message": "x", "artifactIds": [artifact] }), true),
    ]
}

app_test!(viewers_read_and_strangers_find_nothing, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let vera = app.join(&maya, &team, "viewer", "vera@x.y").await;
    let eve = app.sign_up(&maya, "eve@x.y").await;
    let (artifact, _) = committed(&maya, &volume(&maya, "team").await, "Review").await;
    let shared = begin(&maya, Some(&team), "Shared").await;
    let private = begin(&maya, None, "Private").await;
    let entry = text(&say(&maya, &shared, "hello").await["id"]);
    let hidden = text(&say(&maya, &private, "hello").await["id"]);
    for (method, path, body, writes) in routes(&shared, &entry, &artifact) {
        let (status, answer) = vera.json(method.clone(), &path, body).await;
        assert_eq!(status >= 400, writes, "viewer {method} {path}: {status} {answer}");
        assert!(!writes || status == 403, "viewer {method} {path}: {status} {answer}");
    }
    for (client, session, entry) in [(&eve, &shared, &entry), (&vera, &private, &hidden)] {
        for (method, path, body, _) in routes(session, entry, &artifact) {
            let (status, answer) = client.json(method.clone(), &path, body).await;
            assert_eq!((status, &answer["code"]), (404, &json!("not_found")), "stranger {method} {path}");
            assert_eq!(answer["message"], "This session does not exist, or it is not shared with you.", "{method} {path}");
        }
    }
    let nobody = app.visitor();
    for (method, path, body, _) in routes(&shared, &entry, &artifact) {
        assert_eq!(nobody.json(method, &path, body).await.0, 401, "{path}");
    }
    let (_, detail) = vera.get(&format!("/sessions/{shared}")).await;
    assert_eq!((&detail["canWrite"], &detail["canManage"]), (&json!(false), &json!(false)));
    assert_eq!(vera.post("/sessions", json!({ "title": "x", "teamId": team })).await.0, 403);
    // Tokens are narrower than their account.
    let reads = app.client_with_token(&maya, &["read"]).await;
    assert_eq!(reads.get(&format!("/sessions/{shared}/entries")).await.0, 200);
    assert_eq!(reads.get(&format!("/sessions/{shared}")).await.1["canWrite"], false);
    for (method, path, body, _) in routes(&shared, &entry, &artifact).into_iter().filter(|(method, ..)| *method != reqwest::Method::GET) {
        assert_eq!(reads.json(method.clone(), &path, body).await.0, 403, "{method} {path}");
    }
    let writes = app.client_with_token(&maya, &["write"]).await;
    assert_eq!(writes.patch(&format!("/sessions/{shared}"), json!({ "title": "By a program" })).await.0, 200);
    // Who left the team has left its sessions, also their own.
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let toms = begin(&tom, Some(&team), "Tom's").await;
    let demoted = json!({ "role": "viewer" });
    assert_eq!(maya.patch(&format!("/teams/{team}/members/{}", tom.id), demoted).await.0, 200);
    assert_eq!(tom.patch(&format!("/sessions/{toms}"), json!({ "title": "x" })).await.0, 403, "a viewer manages nothing");
    assert_eq!(maya.delete(&format!("/teams/{team}/members/{}", tom.id)).await.0, 204);
    assert_eq!(tom.get(&format!("/sessions/{toms}")).await.0, 404);
    assert_eq!(maya.get(&format!("/sessions/{toms}")).await.0, 200);
});

app_test!(an_agent_writes_like_a_person, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let (_, agent) = maya.post(&format!("/teams/{team}/agents"), json!({ "name": "Scribe", "role": "member" })).await;
    let address = format!("/teams/{team}/agents/{}/tokens", text(&agent["person"]["id"]));
    let (_, token) = maya.post(&address, json!({ "name": "run", "scopes": ["read", "write"], "expiresInDays": 7 })).await;
    let scribe = app.program(&text(&token["secret"]));
    let session = begin(&maya, Some(&team), "Shared").await;
    let entry = say(&scribe, &session, "Done.").await;
    assert_eq!((&entry["author"]["kind"], &entry["number"]), (&json!("agent"), &json!(1)));
});

app_test!(names_become_links_and_artifacts_come_into_the_session, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.y").await;
    let (shared_volume, own_volume) = (volume(&maya, "team").await, volume(&maya, "user").await);
    let (review, _) = committed(&maya, &shared_volume, "Code review").await;
    let (secret, _) = committed(&maya, &own_volume, "My secret").await;
    let (own_review, _) = committed(&maya, &own_volume, "Code review").await;
    let session = begin(&maya, Some(&team), "Shared").await;
    let words = "@tom see @code-review, @nobody and `@tom` <script>alert(1)</script> @my-secret";
    let entry = say(&maya, &session, words).await;
    let stored = text(&entry["text"]);
    assert_eq!(
        stored,
        format!(
            "[@tom](/people/{}) see [@code-review](/artifacts/{review}), @nobody and `@tom` <script>alert(1)</script> @my-secret",
            tom.id
        ),
        "what not everybody there reads is not resolved"
    );
    let html = text(&entry["html"]);
    assert!(html.contains(&format!("href=\"/artifacts/{review}\"")) && !html.contains("<script"), "{html}");
    assert_eq!(entry["artifacts"][0]["slug"], "code-review");
    let timeline = entries(&tom, &session).await;
    assert_eq!(timeline.iter().map(|entry| entry["kind"].clone()).collect::<Vec<_>>(), ["message", "artifact"]);
    assert_eq!(timeline[1]["artifact"]["id"], json!(review));
    say(&maya, &session, "@CODE-REVIEW again").await;
    assert_eq!(entries(&tom, &session).await.len(), 3, "it comes once");
    // In a private session the stronger volume is meant.
    let private = begin(&maya, None, "Private").await;
    assert_eq!(say(&maya, &private, "@code-review").await["artifacts"][0]["id"], json!(own_review));
    // Brought by hand: others see only the name of what they may not read.
    let address = format!("/sessions/{session}/artifacts");
    assert_eq!(maya.post(&address, json!({ "artifactId": secret })).await.0, 201);
    assert_eq!(maya.post(&address, json!({ "artifactId": secret })).await.0, 201, "twice is once");
    assert_eq!(tom.post(&address, json!({ "artifactId": secret })).await.0, 404, "not his to bring");
    let (_, detail) = tom.get(&format!("/sessions/{session}")).await;
    let shown = detail["artifacts"].as_array().expect("a list");
    assert_eq!(shown.len(), 2);
    assert_eq!((&shown[1]["name"], &shown[1]["gone"]), (&json!("My secret"), &json!(true)));
    assert_eq!(maya.get(&format!("/sessions/{session}")).await.1["artifacts"][1]["gone"], false);
    assert_eq!(maya.delete(&format!("{address}/{secret}")).await.0, 204);
    assert_eq!(maya.delete(&format!("{address}/{secret}")).await.0, 204);
    assert_eq!(maya.get(&format!("/sessions/{session}")).await.1["artifacts"].as_array().map(Vec::len), Some(1));
    // What is thrown away is gone for everybody.
    assert_eq!(maya.delete(&format!("/artifacts/{review}")).await.0, 204);
    assert_eq!(maya.get(&format!("/sessions/{session}")).await.1["artifacts"][0]["gone"], true);
});

app_test!(completions_offer_people_and_what_is_read_there, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    app.join(&maya, &team, "member", "marcus@x.y").await;
    let shared = volume(&maya, "team").await;
    create(&maya, &shared, "Market sizing").await;
    create(&maya, &shared, "Summary").await;
    create(&maya, &volume(&maya, "user").await, "Market secrets").await;
    let session = begin(&maya, Some(&team), "Shared").await;
    let offered = async |q: &str| -> Vec<String> {
        let (status, list) = maya.get(&format!("/sessions/{session}/completions?q={q}")).await;
        assert_eq!(status, 200, "{list}");
        let name = |item: &Value| item["person"]["name"].as_str().or(item["artifact"]["slug"].as_str()).unwrap_or_default().to_owned();
        list.as_array().expect("a list").iter().map(name).collect()
    };
    assert_eq!(offered("mar").await[..2], ["marcus", "market-sizing"]);
    assert!(!offered("market").await.contains(&"market-secrets".to_owned()), "others there could not read it");
    assert_eq!(offered("chen").await, ["Maya Chen"]);
    assert_eq!(offered("@MayaC").await, ["Maya Chen"]);
    assert!(offered("ummar").await.contains(&"summary".to_owned()), "also inside");
    assert!(offered("").await.len() > 8);
    assert_eq!(offered(&"x".repeat(500)).await, Vec::<String>::new());
});
