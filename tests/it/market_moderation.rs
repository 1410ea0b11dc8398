//! Reports, hiding, quarantine and appeals; what of it everybody reads, and what reaches who has it installed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    app::{self, Client, Engine, TestApp, text},
    marketplace::{Publisher, change, people, skill, team_volume},
    notifications::list,
};

async fn report(client: &Client, reason: &str) -> u16 {
    client.post("/marketplace/listings/lamp-care/reports", json!({ "reason": reason, "text": "Line 9 sends the logs away." })).await.0
}

async fn moderate(client: &Client, act: &str, reason: &str) -> (u16, Value) {
    client.post("/marketplace/listings/lamp-care/moderation", json!({ "act": act, "reason": reason })).await
}

async fn record(client: &Client) -> Vec<(String, String)> {
    let (status, page) = client.get("/marketplace/events?item=lamp-care").await;
    assert_eq!(status, 200, "{page}");
    let events = page["items"].as_array().expect("events");
    events.iter().map(|event| (text(&event["action"]), text(&event["by"]))).collect()
}

/// Lamp care is published, and stands in a volume of Tom's team.
async fn installed(app: &TestApp) -> (Client, Publisher, Client, String, String) {
    let (maya, ines, tom) = people(app).await;
    ines.publish(&maya, skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let team = tom.team("Pier").await;
    let volume = team_volume(&tom, &team).await;
    let (status, lock) = change(&tom, &volume, json!({ "install": ["lamp-care"] })).await;
    assert_eq!(status, 200, "{lock}");
    let artifact = text(&lock["installations"][0]["artifactId"]);
    (maya, ines, tom, volume, artifact)
}

app_test!(several_independent_reports_hide_an_item_until_a_moderator_has_looked, |app| {
    let (maya, ines, tom, volume, _) = installed(app).await;
    assert_eq!(report(&ines.client, "malicious").await, 403, "its own publisher");
    assert_eq!(app.visitor().post("/marketplace/listings/lamp-care/reports", json!({ "reason": "other", "text": "x" })).await.0, 401);
    assert_eq!(tom.post("/marketplace/listings/lamp-care/reports", json!({ "reason": "other", "text": " " })).await.0, 400);
    assert_eq!(report(&tom, "malicious").await, 201);
    assert_eq!(report(&tom, "deceptive").await, 409, "once");
    let (ada, leo, mia) = (
        app.sign_up(&maya, "ada@pier.example").await,
        app.sign_up(&maya, "leo@pier.example").await,
        app.sign_up(&maya, "mia@pier.example").await,
    );
    assert_eq!(report(&ada, "malicious").await, 201);
    // What does not work harms nobody: a moderator hears of it, and that is all.
    assert_eq!(report(&leo, "broken").await, 201);
    assert_eq!(app.visitor().get("/marketplace/listings/lamp-care").await.0, 200);
    assert_eq!(report(&mia, "licence").await, 201);
    let (status, gone) = app.visitor().get("/marketplace/listings/lamp-care").await;
    assert_eq!(status, 410, "{gone}");
    assert!(text(&gone["message"]).contains("3 reports"), "{gone}");
    assert_eq!(app.visitor().get("/marketplace/listings?q=wicks").await.1["total"], 0);
    assert_eq!(tom.get("/search?q=wicks&kind=listing").await.1["total"], 0);
    // What is installed stays, and goes on with other changes of the lock; nobody installs it anew.
    let (_, lock) = tom.get(&format!("/volumes/{volume}/lock")).await;
    assert_eq!((&lock["installations"][0]["slug"], &lock["installations"][0]["disabled"]), (&json!("lamp-care"), &json!("")), "{lock}");
    ines.publish(&maya, skill("night-watch", "1.0.0", "Walk the pier.")).await;
    assert_eq!(change(&tom, &volume, json!({ "install": ["night-watch"] })).await.0, 200);
    let other = team_volume(&ada, &ada.team("Quay").await).await;
    assert_ne!(change(&ada, &other, json!({ "install": ["lamp-care"] })).await.0, 200);

    // Its publisher sees why, and answers; moderators see both, nobody else does.
    let (status, item) = ines.client.get("/marketplace/listings/lamp-care").await;
    assert_eq!((status, &item["standing"]["state"]), (200, &json!("hidden")), "{item}");
    assert_eq!(tom.post("/marketplace/listings/lamp-care/appeal", json!({ "reason": "x" })).await.0, 409);
    let (status, standing) = ines.client.post("/marketplace/listings/lamp-care/appeal", json!({ "reason": "It is only a wick." })).await;
    assert_eq!((status, &standing["appeal"]), (200, &json!("It is only a wick.")), "{standing}");
    assert_eq!(tom.get("/marketplace/cases").await.0, 403);
    let (_, cases) = maya.get("/marketplace/cases").await;
    assert_eq!((cases[0]["reports"].as_array().map(Vec::len), &cases[0]["standing"]["appeal"]), (Some(4), &json!("It is only a wick.")));
    assert!(list(&maya).await.iter().any(|one| one["kind"] == "appeal"));
    assert!(list(&ines.client).await.iter().any(|one| one["kind"] == "moderation"));

    assert_eq!(moderate(&tom, "dismiss", "Fine").await.0, 403);
    assert_eq!(moderate(&maya, "dismiss", "").await.0, 400, "giving it back is explained");
    let (status, standing) = moderate(&maya, "dismiss", "The host is declared.").await;
    assert_eq!((status, &standing["state"], &standing["appeal"]), (200, &json!("listed"), &json!("")), "{standing}");
    assert_eq!(app.visitor().get("/marketplace/listings/lamp-care").await.0, 200);
    assert_eq!(maya.get("/marketplace/cases").await.1, json!([]));
    let events = record(&app.visitor()).await;
    let actions: Vec<&str> = events.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["restored", "appealed", "hidden", "reported", "reported", "reported", "reported", "published"]);
    let reporters: Vec<&str> = events.iter().filter(|(action, _)| action == "reported").map(|(_, by)| by.as_str()).collect();
    assert_eq!(reporters, ["", "", "", ""], "who reports is for moderators to know");
    let (_, page) = app.visitor().get("/marketplace/events?limit=2").await;
    let (_, older) = app.visitor().get(&format!("/marketplace/events?limit=100&cursor={}", text(&page["next"]))).await;
    assert_eq!(older["items"].as_array().map(Vec::len), Some(7), "{older}");
});

app_test!(a_quarantine_reaches_who_has_it_open_and_disables_what_is_installed_until_they_decide, |app| {
    let (maya, _ines, tom, volume, artifact) = installed(app).await;
    let mut own = app.socket_of(&tom).await;
    own.join(&tom.id, "workspace", None).await;
    let mut open = app.socket_of(&tom).await;
    open.join(&artifact, "artifact", None).await;
    assert_eq!(tom.get("/search?q=wicks&kind=skill").await.1["total"], 1);

    let (status, standing) = moderate(&maya, "quarantine", "It sends the logs away.").await;
    assert_eq!((status, &standing["state"]), (200, &json!("quarantined")), "{standing}");
    for socket in [&mut own, &mut open] {
        let event = loop {
            let frame = socket.until("event").await;
            if frame["event"]["type"] == "quarantine" {
                break frame["event"].clone();
            }
        };
        assert_eq!((&event["artifactId"], &event["reason"]), (&json!(artifact), &json!("It sends the logs away.")), "{event}");
    }
    let (_, detail) = tom.get(&format!("/artifacts/{artifact}")).await;
    assert_eq!(detail["summary"]["disabled"], "It sends the logs away.", "{detail}");
    let (_, lock) = tom.get(&format!("/volumes/{volume}/lock")).await;
    assert_eq!(lock["installations"][0]["disabled"], "It sends the logs away.", "{lock}");
    // Agents find it no more; the text is still there for people to look at.
    assert_eq!(tom.get("/search?q=wicks&kind=skill").await.1["total"], 0);
    assert!(list(&tom).await.iter().any(|one| one["kind"] == "quarantine"));
    assert_eq!(app.visitor().get("/marketplace/listings/lamp-care").await.0, 410);

    // Somebody of the volume decides; others do not.
    let path = format!("/volumes/{volume}/lock/lamp-care/enable");
    assert_eq!(maya.post(&path, json!({ "reason": "x" })).await.0, 404);
    assert_eq!(tom.post(&path, json!({ "reason": "" })).await.0, 400);
    let (status, lock) = tom.post(&path, json!({ "reason": "We have no logs." })).await;
    assert_eq!((status, &lock["installations"][0]["disabled"]), (200, &json!("")), "{lock}");
    assert_eq!(tom.get("/search?q=wicks&kind=skill").await.1["total"], 1);
    let (_, detail) = tom.get(&format!("/artifacts/{artifact}")).await;
    assert_eq!(detail["summary"].get("disabled"), None, "{detail}");

    // Given back, it is as before for everybody.
    assert_eq!(moderate(&maya, "quarantine", "Still.").await.0, 200);
    open.until("event").await;
    assert_eq!(moderate(&maya, "dismiss", "It was a mistake.").await.0, 200);
    let back = loop {
        let frame = open.until("event").await;
        if frame["event"]["reason"] == "" && frame["event"]["type"] == "quarantine" {
            break tom.get(&format!("/artifacts/{artifact}")).await.1;
        }
    };
    assert_eq!(back["summary"].get("disabled"), None, "{back}");
    // Uninstalling what is in quarantine always works.
    assert_eq!(moderate(&maya, "quarantine", "Once more.").await.0, 200);
    let (status, lock) = change(&tom, &volume, json!({ "uninstall": ["lamp-care"] })).await;
    assert_eq!((status, &lock["installations"]), (200, &json!([])), "{lock}");
});

app_test!(who_submitted_hears_what_was_decided, |app| {
    let (maya, ines, _tom) = people(app).await;
    let made = ines.submit(skill("lamp-care", "1.0.0", "Trim the wicks.")).await;
    let id = text(&made["submission"]["id"]);
    let path = format!("/marketplace/submissions/{id}/review");
    assert_eq!(maya.post(&path, json!({ "verdict": "changes", "reason": "Say which wicks." })).await.0, 200);
    let (_, page) = ines.client.get("/notifications").await;
    let group = &page["items"][0];
    assert_eq!((&group["subject"], &group["subjectId"], &group["title"]), (&json!("submission"), &json!(id), &json!("lamp care 1.0.0")));
    assert_eq!((&group["items"][0]["kind"], &group["items"][0]["excerpt"]), (&json!("decision"), &json!("Say which wicks.")));
});

/// PostgreSQL gave one of the two up: they took the volume and what is installed in it in different orders.
#[test]
fn a_quarantine_waits_for_a_volume_without_holding_what_whoever_uninstalls_needs() {
    app::run(
        Engine::Postgres,
        |_| {},
        async |app| {
            let (maya, _ines, _tom, volume, _) = installed(app).await;
            let mut tx = app.state.db.write_tx().await.expect("a transaction");
            // As whoever uninstalls begins.
            sqlx::query("UPDATE volumes SET seq = seq + 1 WHERE id = $1").bind(&volume).execute(&mut *tx).await.expect("takes the volume");
            assert_eq!(moderate(&maya, "quarantine", "It sends the logs away.").await.0, 200);
            let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while sqlx::query_scalar::<_, i64>(waiting).fetch_one(app.state.db.read()).await.expect("a number") == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // Before PostgreSQL looks for two that wait for each other.
            sqlx::query("SET LOCAL lock_timeout = '500ms'").execute(&mut *tx).await.expect("set");
            let removed = sqlx::query("DELETE FROM installations WHERE volume_id = $1").bind(&volume).execute(&mut *tx).await;
            assert_eq!(removed.map(|done| done.rows_affected()).ok(), Some(1));
            tx.commit().await.expect("commits");
        },
    );
}
