//! What is told of numbers: alerts, once while they last, and the week by mail to who chose it.

use llmos_lite::{
    features::analytics::service::{check_alerts, send_weekly},
    server::{clock, context::Ctx},
};
use serde_json::{Value, json};

use super::{kept::sessions, write};
use crate::{
    app::{Client, TestApp, text},
    notification_mail::MailServer,
    notifications::{list, unread},
};

async fn set(client: &Client, alert: Value) -> String {
    let (status, made) = client.post("/analytics/alerts", alert).await;
    assert_eq!(status, 201, "{made}");
    text(&made["id"])
}

/// The next day comes: alerts that were looked at are due again.
async fn next_day(app: &TestApp) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query("UPDATE analytics_alerts SET checked_day = checked_day - 1 WHERE checked_day > 0")
        .execute(&mut *tx)
        .await
        .expect("an update");
    tx.commit().await.expect("a commit");
}

async fn check(app: &TestApp) -> Value {
    check_alerts(&Ctx::internal(app.state.clone(), None)).await.expect("they are looked at")
}

app_test!(an_alert_tells_once_while_it_lasts, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@harbor.internal").await;
    write(app, &sessions(&team, &tom.id, 5, |_| 3)).await;
    let query = json!({ "range": "7d", "team": team });
    let low = set(&maya, json!({ "name": "Few sessions", "query": query, "metric": "sessions", "rule": "below", "threshold": 20 })).await;
    set(&maya, json!({ "name": "Many sessions", "query": query, "metric": "sessions", "rule": "above", "threshold": 15 })).await;
    set(&tom, json!({ "name": "Tom's", "query": query, "metric": "people_active", "rule": "below", "threshold": 3 })).await;

    assert_eq!(check(app).await, json!({ "checked": 3, "told": 2, "failed": 0 }));
    let told = list(&maya).await;
    assert_eq!((told.len(), told[0]["kind"].as_str()), (1, Some("alert")), "{told:?}");
    assert!(told[0]["excerpt"].as_str().is_some_and(|words| words.starts_with("Sessions begun: 15 in the 7 days to ")), "{told:?}");
    let (_, page) = maya.get("/notifications").await;
    let group = &page["items"][0];
    assert_eq!(
        (group["subject"].as_str(), group["title"].as_str(), text(&group["subjectId"])),
        (Some("alert"), Some("Few sessions"), low.clone())
    );
    assert_eq!(unread(&tom).await, 1);
    // The same day it is not looked at again; the next day it is, and nobody is told twice.
    assert_eq!(check(app).await["checked"], 0);
    next_day(app).await;
    assert_eq!(check(app).await, json!({ "checked": 3, "told": 0, "failed": 0 }));
    assert_eq!(list(&maya).await.len(), 1);
    let (_, alerts) = maya.get("/analytics/alerts").await;
    assert_eq!((alerts[0]["firing"].as_bool(), alerts[1]["firing"].as_bool()), (Some(true), Some(false)), "{alerts}");
    // Within its bounds again, and then out of them: that is news.
    let day = clock::now_ms() - 2 * clock::DAY;
    let mut more = sessions(&team, &tom.id, 1, |_| 30);
    more.iter_mut().for_each(|event| event.at = day);
    write(app, &more).await;
    next_day(app).await;
    assert_eq!(check(app).await["told"], 1, "now there are many");
    let (_, alerts) = maya.get("/analytics/alerts").await;
    assert_eq!((alerts[0]["firing"].as_bool(), alerts[1]["firing"].as_bool()), (Some(false), Some(true)), "{alerts}");

    // Who is out of the team is told nothing of it any more.
    assert_eq!(maya.delete(&format!("/teams/{team}/members/{}", tom.id)).await.0, 204);
    next_day(app).await;
    check(app).await;
    let (_, alerts) = tom.get("/analytics/alerts").await;
    assert_eq!(alerts[0]["firing"], false, "{alerts}");

    assert_eq!(tom.delete(&format!("/analytics/alerts/{low}")).await.0, 404);
    assert_eq!(maya.delete(&format!("/analytics/alerts/{low}")).await.0, 204);
    let (_, page) = maya.get("/notifications").await;
    assert!(!page.to_string().contains("Few sessions"), "what it told goes with it: {page}");
});

app_test!(an_alert_that_makes_no_sense_is_refused, |app| {
    let maya = app.sign_up_first().await;
    let tom = app.sign_up(&maya, "tom@harbor.internal").await;
    let team = maya.team("Harbor").await;
    for (alert, field) in [
        (json!({ "name": "x", "query": {}, "rule": "below" }), "threshold"),
        (json!({ "name": "x", "query": {}, "rule": "above", "threshold": -1 }), "threshold"),
        (json!({ "name": "", "query": {}, "rule": "above", "threshold": 1 }), "name"),
        (
            json!({ "name": "x", "query": { "range": "custom", "from": "2026-03-01", "to": "2026-03-02" }, "rule": "above", "threshold": 1 }),
            "query",
        ),
        (json!({ "name": "x", "query": {}, "metric": "traces", "rule": "unusual" }), "rule"),
    ] {
        let (status, error) = maya.post("/analytics/alerts", alert).await;
        assert_eq!((status, error["fields"].get(field).is_some()), (400, true), "{field}: {error}");
    }
    assert_eq!(maya.post("/analytics/alerts", json!({ "name": "x", "query": {}, "metric": "wishes", "rule": "unusual" })).await.0, 400);
    assert_eq!(
        tom.post("/analytics/alerts", json!({ "name": "x", "query": { "team": team }, "rule": "above", "threshold": 1 })).await.0,
        404
    );
});

app_test!(an_unusual_day_is_told, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    write(
        app,
        &sessions(&team, &maya.id, 60, |day| {
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
    set(&maya, json!({ "name": "Odd days", "query": { "team": team }, "metric": "sessions", "rule": "unusual" })).await;
    assert_eq!(check(app).await["told"], 1);
    let told = list(&maya).await;
    assert!(told[0]["excerpt"].as_str().is_some_and(|words| words.starts_with("Sessions begun: 60 on ")), "{told:?}");
});

app_test_beside!(MailServer, the_week_comes_by_mail_to_who_chose_it, |app, server| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.example").await;
    write(app, &sessions(&team, &tom.id, 14, |_| 2)).await;
    let ctx = Ctx::internal(app.state.clone(), None);
    // Nobody asked for it.
    assert_eq!(send_weekly(&ctx).await.expect("nothing to send"), json!({ "sent": 0, "failed": 0 }));
    let choice = json!({ "kinds": [{ "kind": "weekly", "mail": "once", "push": false }] });
    let (status, preferences) = maya.patch("/notifications/preferences", choice).await;
    assert_eq!(status, 200, "{preferences}");
    assert_eq!(send_weekly(&ctx).await.expect("it is sent"), json!({ "sent": 1, "failed": 0 }));
    assert_eq!(send_weekly(&ctx).await.expect("once"), json!({ "sent": 0, "failed": 0 }));
    let mails = server.until(1).await;
    assert!(mails[0].text.contains("14 sessions") && mails[0].header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click", "{mails:?}");
    assert_eq!((unread(&maya).await, unread(&tom).await), (1, 0));
});

app_test_beside!(MailServer, nobody_is_told_a_week_twice_wherever_they_are, |app, _server| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let tom = app.join(&maya, &team, "member", "tom@x.example").await;
    write(app, &sessions(&team, &tom.id, 16, |_| 2)).await;
    // The first of all, and nearly the last: between them it is another day for most of each day.
    for (client, zone) in [(&maya, "Pacific/Kiritimati"), (&tom, "Pacific/Pago_Pago")] {
        assert_eq!(client.patch("/me", json!({ "timeZone": zone })).await.0, 200);
        let choice = json!({ "kinds": [{ "kind": "weekly", "mail": "once", "push": false }] });
        assert_eq!(client.patch("/notifications/preferences", choice).await.0, 200);
    }
    let ctx = Ctx::internal(app.state.clone(), None);
    assert_eq!(send_weekly(&ctx).await.expect("they are sent"), json!({ "sent": 2, "failed": 0 }));
    assert_eq!(send_weekly(&ctx).await.expect("once"), json!({ "sent": 0, "failed": 0 }), "what it says it sent, it sent");
    assert_eq!((unread(&maya).await, unread(&tom).await), (1, 1));
});
