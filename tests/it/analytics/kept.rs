//! What people keep: views, links and forecasts, and who may.

use llmos_analytics::Kind;
use llmos_lite::{features::analytics::service::Noted, server::clock};
use reqwest::Method;
use serde_json::{Value, json};

use super::write;
use crate::{
    app::{Client, TestApp, text},
    sessions::begin,
};

/// So many sessions of somebody in a team, each day of `days` days; the last of them was yesterday.
pub fn sessions(team: &str, person: &str, days: i64, each: impl Fn(i64) -> i64) -> Vec<Noted> {
    let midnight = clock::now_ms().div_euclid(clock::DAY) * clock::DAY;
    let one = |day: i64, number: i64| Noted {
        at: midnight - day * clock::DAY + 9 * clock::HOUR + number,
        kind: Kind::SessionCreated,
        workspace: Some(team.to_owned()),
        actor: Some(person.to_owned()),
        volume: None,
        subject: Some(format!("session {day} {number}")),
        artifact_kind: 0,
        category: 0,
        amount: 0,
        extra: 0,
    };
    // In the order of time.
    (1..=days).rev().flat_map(|day| (0..each(day)).map(move |number| one(day, number))).collect()
}

/// What a link shows to somebody who is not signed in.
async fn shown(app: &TestApp, token: &Value) -> (u16, Value) {
    app.visitor().get(&format!("/analytics/shared/{}", text(token))).await
}

async fn share(client: &Client, wish: Value) -> Value {
    let (status, made) = client.post("/analytics/shares", wish).await;
    assert_eq!(status, 201, "{made}");
    made
}

app_test!(a_view_is_of_one_person_or_of_a_team, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "viewer", "tom@harbor.internal").await;
    let ines = app.sign_up(&maya, "ines@harbor.internal").await;
    let query = json!({ "range": "90d", "compare": true, "team": team, "kind": "skill" });
    let (status, own) = maya.post("/analytics/views", json!({ "name": "  My \n skills ", "query": query })).await;
    assert_eq!((status, own["name"].as_str(), own["canDelete"].as_bool()), (201, Some("My skills"), Some(true)), "{own}");
    let id = "01980000-0000-7000-8000-000000000001";
    let wish = json!({ "id": id, "name": "Ours", "query": query, "teamId": team });
    for _ in 0..2 {
        let (status, view) = maya.post("/analytics/views", wish.clone()).await;
        assert_eq!((status, view["id"].as_str()), (201, Some(id)), "{view}");
    }
    let names = async |client: &Client| {
        let (_, views) = client.get("/analytics/views").await;
        views.as_array().expect("views").iter().map(|view| text(&view["name"])).collect::<Vec<_>>()
    };
    assert_eq!(names(&maya).await, ["My skills", "Ours"]);
    assert_eq!(names(&tom).await, ["Ours"]);
    assert!(names(&ines).await.is_empty());
    let (_, views) = tom.get("/analytics/views").await;
    assert_eq!(views[0]["canDelete"], false);
    assert_eq!(views[0]["query"]["kind"], "skill");
    // Who only looks does not keep for others, nor delete; who is not there knows of nothing.
    assert_eq!(tom.post("/analytics/views", json!({ "name": "Mine", "query": {}, "teamId": team })).await.0, 403);
    assert_eq!(ines.post("/analytics/views", json!({ "name": "Mine", "query": {}, "teamId": team })).await.0, 404);
    assert_eq!(ines.post("/analytics/views", json!({ "name": "Mine", "query": { "team": team } })).await.0, 404);
    assert_eq!(ines.post("/analytics/views", json!({ "id": id, "name": "Mine", "query": {} })).await.0, 404);
    assert_eq!(tom.delete(&format!("/analytics/views/{id}")).await.0, 403);
    assert_eq!(ines.delete(&format!("/analytics/views/{id}")).await.0, 404);
    for (wish, field) in [
        (json!({ "name": " ", "query": {} }), "name"),
        (json!({ "name": "x", "query": { "zone": "Mars/Olympus" } }), "zone"),
        (json!({ "name": "x", "query": { "range": "custom" } }), "from"),
    ] {
        let (status, error) = maya.post("/analytics/views", wish).await;
        assert_eq!(status, 400, "{error}");
        assert!(error["fields"].get(field).is_some(), "{error}");
    }
    assert_eq!(maya.delete(&format!("/analytics/views/{id}")).await.0, 204);
    assert!(names(&tom).await.is_empty());
    assert_eq!(app.visitor().get("/analytics/views").await.0, 401);
});

app_test!(a_link_shows_one_dashboard_until_it_ends, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    write(app, &sessions(&team, &tom.id, 5, |_| 3)).await;
    let query = json!({ "range": "30d", "team": team });
    let made = share(&maya, json!({ "name": "For the board", "query": query, "days": 7 })).await;
    assert!(made["address"].as_str().is_some_and(|address| address.ends_with(&format!("/shared/analytics/{}", text(&made["token"])))));
    let (status, seen) = shown(app, &made["token"]).await;
    assert_eq!((status, seen["dashboard"]["sessions"]["created"]["now"].as_f64()), (200, Some(15.0)), "{seen}");
    // Nobody is named, and the server's own numbers are not in it, although an administrator made it.
    assert_eq!(seen["dashboard"]["sessions"]["byPerson"], json!([]));
    assert_eq!(seen["dashboard"].get("operations"), None);
    assert_eq!(seen["dashboard"]["choices"]["people"], json!([]));
    assert!(!seen.to_string().contains("Maya") && !seen.to_string().contains(&tom.id), "{seen}");
    // The secret is nowhere but in the answer that made it.
    let (_, list) = maya.get("/analytics/shares").await;
    assert!(list[0]["id"] == made["share"]["id"] && !list.to_string().contains(&text(&made["token"])), "{list}");
    let stored: Vec<String> =
        sqlx::query_scalar("SELECT token_hash FROM analytics_shares").fetch_all(app.state.db.read()).await.expect("rows");
    assert!(stored.iter().all(|hash| *hash != text(&made["token"])));
    let with_names = share(&maya, json!({ "name": "Inside", "query": query, "names": true })).await;
    let (_, named) = shown(app, &with_names["token"]).await;
    assert_eq!(named["dashboard"]["sessions"]["byPerson"][0]["count"], 15, "{named}");
    assert_ne!(named["dashboard"]["sessions"]["byPerson"][0]["name"], "");
    // Numbers of one person name them.
    let one = json!({ "name": "x", "query": { "person": tom.id }, "names": false });
    let (status, error) = maya.post("/analytics/shares", one).await;
    assert_eq!((status, error["fields"].get("names").is_some()), (400, true), "{error}");
    assert_eq!(maya.post("/analytics/shares", json!({ "name": "x", "query": {}, "days": 0 })).await.0, 400);
    // The page, for whoever is not signed in.
    let visitor = app.visitor();
    let page = visitor.answer(visitor.request(Method::GET, &format!("/shared/analytics/{}", text(&made["token"])))).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("For the board") && !page.text.contains("/analytics?rows=") && !page.text.contains("rows=sessions"));

    // Unknown, revoked, ended, and of somebody who is out of the team: all the same.
    let (status, unknown) = shown(app, &json!("llmos_share_nothing")).await;
    assert_eq!((status, unknown["code"].as_str()), (404, Some("not_found")));
    let id = text(&made["share"]["id"]);
    assert_eq!(tom.delete(&format!("/analytics/shares/{id}")).await.0, 404);
    assert_eq!(maya.delete(&format!("/analytics/shares/{id}")).await.0, 204);
    assert_eq!(maya.delete(&format!("/analytics/shares/{id}")).await.0, 404);
    let revoked = shown(app, &made["token"]).await;
    let ending = share(&tom, json!({ "name": "Short", "query": query, "days": 1 })).await;
    let own = share(&tom, json!({ "name": "Team", "query": query })).await;
    assert_eq!(shown(app, &own["token"]).await.0, 200);
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE analytics_shares SET expires_at = 1 WHERE id = $1")
        .bind(text(&ending["share"]["id"]))
        .execute(&mut *tx)
        .await
        .expect("an update");
    tx.commit().await.expect("a commit");
    let ended = shown(app, &ending["token"]).await;
    assert_eq!(maya.delete(&format!("/teams/{team}/members/{}", tom.id)).await.0, 204);
    let out = shown(app, &own["token"]).await;
    for (status, mut error) in [revoked, ended, out] {
        error["requestId"] = unknown["requestId"].clone();
        assert_eq!((status, error), (404, unknown.clone()));
    }
});

app_test!(a_teams_numbers_are_shown_by_who_writes_there_and_its_owners_see_every_link, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    let ines = app.join(&maya, &team, "viewer", "ines@harbor.internal").await;
    let priya = app.sign_up(&maya, "priya@elsewhere.internal").await;
    write(app, &sessions(&team, &tom.id, 3, |_| 2)).await;
    let of_team = json!({ "name": "Board", "query": { "range": "7d", "team": team } });
    // Who only looks shows it to nobody else: not the team alone, nor all that it is in.
    assert_eq!(ines.post("/analytics/shares", of_team.clone()).await.0, 403);
    assert_eq!(ines.post("/analytics/shares", json!({ "name": "All", "query": {} })).await.0, 403);
    assert_eq!(priya.post("/analytics/shares", of_team.clone()).await.0, 404);
    share(&ines, json!({ "name": "Mine", "query": { "team": "personal" } })).await;
    let shared = share(&tom, of_team).await;
    let all = share(&tom, json!({ "name": "All of Tom's", "query": {} })).await;
    share(&tom, json!({ "name": "Tom's own", "query": { "team": "personal" } })).await;
    // Owners see what shows their team, and by whom; what is somebody's own is not theirs to see.
    let listed = async |client: &Client| {
        let (status, list) = client.get("/analytics/shares").await;
        assert_eq!(status, 200, "{list}");
        let line = |share: &Value| (text(&share["name"]), share["by"].as_str().unwrap_or_default().to_owned());
        let mut lines: Vec<_> = list.as_array().expect("links").iter().map(line).collect();
        lines.sort();
        lines
    };
    let by_tom = |name: &str| (name.to_owned(), "tom".to_owned());
    assert_eq!(listed(&maya).await, [by_tom("All of Tom's"), by_tom("Board")]);
    assert_eq!(listed(&ines).await, [("Mine".to_owned(), String::new())]);
    assert!(listed(&priya).await.is_empty());
    // A link ends by whoever made it or owns the team, and by nobody else.
    let path = |made: &Value| format!("/analytics/shares/{}", text(&made["share"]["id"]));
    for client in [&ines, &priya] {
        assert_eq!(client.delete(&path(&shared)).await.0, 404);
    }
    assert_eq!(shown(app, &shared["token"]).await.0, 200);
    assert_eq!(maya.delete(&path(&shared)).await.0, 204);
    assert_eq!(shown(app, &shared["token"]).await.0, 404);
    // Whoever may only look by now shows it no longer.
    assert_eq!(shown(app, &all["token"]).await.0, 200);
    let (status, answer) = maya.patch(&format!("/teams/{team}/members/{}", tom.id), json!({ "role": "viewer" })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(shown(app, &all["token"]).await.0, 404);
});

app_test!(days_to_come_are_told_where_the_past_is_long_enough, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let (tom, young) = (app.sign_up(&maya, "tom@harbor.internal").await, maya.team("Young").await);
    begin(&maya, Some(&young), "Talk").await;
    // Busy on five days of seven; yesterday was unusual.
    write(
        app,
        &sessions(&team, &maya.id, 90, |day| {
            if day == 1 {
                60
            } else if day % 7 < 5 {
                20 + day % 3
            } else {
                3
            }
        }),
    )
    .await;
    let (status, told) = maya.get(&format!("/analytics/forecast?team={team}")).await;
    assert_eq!(status, 200, "{told}");
    let days = told["series"][0]["days"].as_array().expect("days");
    assert_eq!((told["series"][0]["measure"].as_str(), days.len()), (Some("sessions"), 14), "{told}");
    assert!(days.iter().all(|day| day["low"].as_f64() <= day["mean"].as_f64() && day["mean"].as_f64() <= day["high"].as_f64()), "{told}");
    assert!(told["series"][0]["error"].as_f64().is_some_and(|error| (0.0..1.0).contains(&error)), "{told}");
    let unusual = told["series"][0]["unusual"].as_array().expect("days");
    assert!(unusual.iter().any(|day| day["count"] == 60), "{told}");
    // Of commits there are none, and of a young team too few days.
    assert_eq!(told["series"][2]["days"], json!([]));
    let (_, short) = maya.get(&format!("/analytics/forecast?team={young}")).await;
    assert_eq!(short["series"][0]["days"], json!([]), "{short}");
    // What is kept for the day is of those who may see it.
    assert_eq!(tom.get(&format!("/analytics/forecast?team={team}")).await.0, 404);
    assert_eq!(maya.get("/analytics/forecast?zone=Mars/Olympus").await.0, 400);
    assert_eq!(maya.get(&format!("/analytics/forecast?team={team}")).await.1, told, "as it was");
});
