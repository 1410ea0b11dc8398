//! When passes are made: by a schedule, after new traces, after a push, not while they are paused; and what waits for its time.

use llmos_lite::{
    features::evolution::{model::Ground, service},
    server::context::Ctx,
};
use serde_json::{Value, json};

use super::{bring, evolution, grouped, runs, soon, until, with_model};
use crate::{
    app::{Client, TestApp, text},
    search::model,
};

pub async fn execute(app: &TestApp, statement: &'static str, value: &str) {
    let mut tx = app.state.db.write_tx().await.expect("a transaction");
    sqlx::query(statement).bind(value.to_owned()).execute(&mut *tx).await.expect("executes");
    tx.commit().await.expect("commits");
}

async fn set(client: &Client, team: &str, change: Value) {
    let mut settings = evolution(client, team).await["settings"].clone();
    for (key, value) in change.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    assert_eq!(client.json(reqwest::Method::PUT, &format!("/evolution/settings?team={team}"), settings).await.0, 200);
}

const DUE: &str = "UPDATE evolution_places SET next_at = 1 WHERE place_id = $1";

app_test!(a_schedule_that_is_due_begins_a_pass_unless_it_is_paused, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let ctx = Ctx::internal(app.state.clone(), None);
    let ground = Ground::Team(team.parse().expect("an id"));
    // Paused: neither the schedule nor new traces nor a push.
    set(&maya, &team, json!({ "paused": true, "after": 1 })).await;
    bring(&maya, &team, &runs(0, 8, None)).await;
    let page = until(&maya, &team, |page| page["waiting"] == 0 && page["patterns"].as_array().is_some_and(|all| !all.is_empty())).await;
    execute(app, DUE, &team).await;
    assert_eq!(service::begin_due(&ctx).await.expect("looks"), 0);
    service::pass_after_push(&ctx, ground).await.expect("does nothing");
    assert_eq!((&page["runs"], &evolution(&maya, &team).await["runs"]), (&json!([]), &json!([])));

    // No longer: one pass for the schedule, which moves on.
    set(&maya, &team, json!({ "paused": false, "after": 1_000 })).await;
    execute(app, DUE, &team).await;
    assert_eq!(service::begin_due(&ctx).await.expect("begins"), 1);
    assert_eq!(service::begin_due(&ctx).await.expect("looks"), 0);
    let page = until(&maya, &team, grouped).await;
    assert_eq!((page["runs"].as_array().map(Vec::len), &page["runs"][0]["cause"]), (Some(1), &json!("schedule")), "{page}");
    assert!(page["runs"][0]["log"].as_array().is_some_and(|log| log.len() >= 3), "{page}");
    assert!(page["nextAt"].as_i64().is_some_and(|at| at > llmos_lite::server::clock::now_ms()), "{page}");
    service::pass_after_push(&ctx, ground).await.expect("begins");
    let page = until(&maya, &team, |page| page["runs"].as_array().map(Vec::len) == Some(2) && grouped(page)).await;
    assert_eq!(page["runs"][0]["cause"], "push", "{page}");
});

app_test!(what_was_put_off_comes_back, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    soon(&maya, &team).await;
    bring(&maya, &team, &runs(0, 20, None)).await;
    let page = until(&maya, &team, grouped).await;
    let id = text(&page["proposals"][0]["id"]);
    let (status, later) = maya.post(&format!("/evolution/proposals/{id}/decision"), json!({ "decision": "snooze", "days": 2 })).await;
    assert_eq!((status, &later["state"]), (200, &json!("snoozed")), "{later}");
    let ctx = Ctx::internal(app.state.clone(), None);
    service::begin_due(&ctx).await.expect("looks");
    assert_eq!(maya.get(&format!("/evolution/proposals/{id}")).await.1["state"], "snoozed");
    execute(app, "UPDATE proposals SET until = 1 WHERE id = $1", &id).await;
    service::begin_due(&ctx).await.expect("wakes it");
    assert_eq!(maya.get(&format!("/evolution/proposals/{id}")).await.1["state"], "open");
});

app_test!(a_pass_that_never_said_how_it_ended_does_not_run_for_ever, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    soon(&maya, &team).await;
    bring(&maya, &team, &runs(0, 8, None)).await;
    until(&maya, &team, grouped).await;
    execute(app, "UPDATE evolution_runs SET state = 'running', ended_at = NULL WHERE place_id = $1", &team).await;
    let given_up = |page: &Value| {
        page["runs"].as_array().is_some_and(|runs| runs.iter().all(|run| run["state"] == "failed" && run["error"].is_string()))
    };
    until(&maya, &team, given_up).await;
    assert_eq!(maya.post(&format!("/evolution/passes?team={team}"), json!({})).await.0, 202);
    let page = until(&maya, &team, |page| page["runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["state"] == "done"))).await;
    assert!(page["runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["state"] == "failed")), "{page}");
});

app_test!(what_came_before_a_restart_counts_for_the_next_pass, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    set(&maya, &team, json!({ "after": 20 })).await;
    bring(&maya, &team, &runs(0, 8, None)).await;
    until(&maya, &team, |page| page["waiting"] == 0 && page["patterns"].as_array().is_some_and(|all| !all.is_empty())).await;
    app.state.engines.forget_all();
    bring(&maya, &team, &runs(8, 2, None)).await;
    let page = until(&maya, &team, grouped).await;
    assert_eq!(page["runs"][0]["cause"], "traces", "16 and 4 are 20: {page}");
});

app_test!(new_traces_of_a_large_place_wait_for_a_tenth_of_them, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    soon(&maya, &team).await;
    bring(&maya, &team, &runs(0, 8, None)).await;
    until(&maya, &team, grouped).await;
    // As if the pass had looked at many.
    execute(app, "UPDATE evolution_runs SET traces = 250 WHERE place_id = $1", &team).await;
    bring(&maya, &team, &runs(8, 6, None)).await;
    until(&maya, &team, |page| page["waiting"] == 0).await;
    for _ in 0..600 {
        let open = sqlx::query_scalar(
            "SELECT COUNT(*) FROM jobs WHERE kind IN ('evolution.assign', 'evolution.pass') AND state IN ('queued', 'running')",
        );
        let open: i64 = open.fetch_one(app.state.db.read()).await.expect("a count");
        if open == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let page = evolution(&maya, &team).await;
    assert_eq!(page["runs"].as_array().map(Vec::len), Some(1), "12 are more than 10, and less than 25: {page}");
    bring(&maya, &team, &runs(14, 8, None)).await;
    until(&maya, &team, |page| page["runs"].as_array().map(Vec::len) == Some(2) && grouped(page)).await;
});

app_test!(what_was_being_accepted_when_the_server_died_is_open_again, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    soon(&maya, &team).await;
    bring(&maya, &team, &runs(0, 20, None)).await;
    let page = until(&maya, &team, grouped).await;
    let id = text(&page["proposals"][0]["id"]);
    let proposal = format!("/evolution/proposals/{id}");
    let decision = format!("{proposal}/decision");
    let ctx = Ctx::internal(app.state.clone(), None);
    // Somebody is about to commit it: nobody else decides, or edits it.
    execute(app, "UPDATE proposals SET state = 'accepted', until = 9000000000000 WHERE id = $1", &id).await;
    service::begin_due(&ctx).await.expect("looks");
    for other in ["accept", "ignore", "reopen"] {
        assert_eq!(maya.post(&decision, json!({ "decision": other })).await.0, 409, "{other}");
    }
    assert_eq!(maya.patch(&proposal, json!({ "text": "late", "saves": 0 })).await.0, 409);
    execute(app, "UPDATE proposals SET until = 1 WHERE id = $1", &id).await;
    service::begin_due(&ctx).await.expect("wakes it");
    assert_eq!(maya.get(&proposal).await.1["state"], "open");
    let (status, accepted) = maya.post(&decision, json!({ "decision": "accept" })).await;
    assert_eq!((status, &accepted["state"]), (200, &json!("accepted")), "{accepted}");
});

app_test!(without_a_model_the_page_says_what_is_missing, |app| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    bring(&maya, &team, &runs(0, 2, None)).await;
    let page = until(&maya, &team, |page| page["missing"].is_string()).await;
    assert!(text(&page["missing"]).contains("EMBEDDING_MODEL_DIR"), "{page}");
    assert_eq!(page["waiting"], 4, "they wait: {page}");
    let shown = maya.answer(maya.request(reqwest::Method::GET, &format!("/evolution?team={team}"))).await;
    assert!(shown.text.contains("Traces cannot be grouped"), "{}", shown.text);
});
