//! Patterns of all teams: whose runs take part, who sees them, and what of them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{bring, grouped, runs, soon, told, until, with_model};
use crate::{
    app::{Client, text},
    search::model,
    volumes::volume,
};

const ALL: &str = "/evolution?system=true&all=true";

/// Runs as both teams have them, with a word, a tool and an input that only this one has.
fn own_runs(mark: &str) -> Vec<Value> {
    let mut all = runs(0, 20, None);
    for run in &mut all {
        let (id, goal) = (text(&run["id"]), text(&run["goal"]));
        (run["id"], run["goal"]) = (json!(format!("{id}-{mark}")), json!(format!("{goal} {mark}goal")));
        if let Some(steps) = run["steps"].as_array_mut() {
            steps.push(json!({ "name": format!("{mark}_tool"), "kind": "tool", "input": format!("{mark}input"), "outcome": "ok" }));
            if let Some(first) = steps.first_mut() {
                first["input"] = json!(format!("{} {mark}input", first["input"].as_str().unwrap_or_default()));
            }
        }
    }
    all
}

async fn share(client: &Client, team: &str, shares: bool) -> u16 {
    client.json(Method::PUT, &format!("/evolution/teams/{team}/sharing"), json!({ "shares": shares })).await.0
}

/// The page of all teams once it is so, within a minute.
async fn all_until(client: &Client, is_so: impl Fn(&Value) -> bool) -> Value {
    let mut page = Value::Null;
    for _ in 0..600 {
        page = client.get(ALL).await.1;
        if is_so(&page) {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{page}");
}

fn runs_of(page: &Value) -> Vec<i64> {
    page["patterns"].as_array().into_iter().flatten().filter_map(|pattern| pattern["runs"].as_i64()).collect()
}

app_test!(what_two_teams_share_is_seen_by_administrators_alone, |config| { with_model(config) }, |app| {
    if model().is_none() {
        return;
    }
    let maya = app.sign_up_first().await;
    let (ann, ben) = (app.sign_up(&maya, "ann@x.y").await, app.sign_up(&maya, "ben@x.y").await);
    let (a, b) = (ann.team("Alder").await, ben.team("Birch").await);
    let tom = app.join(&ann, &a, "maintainer", "tom@x.y").await;
    for (owner, team, mark) in [(&ann, &a, "alderish"), (&ben, &b, "birchish")] {
        soon(owner, team).await;
        bring(owner, team, &own_runs(mark)).await;
        until(owner, team, grouped).await;
    }

    // Off until an owner says so; for others there is no such page.
    let (status, page) = maya.get(ALL).await;
    assert_eq!((status, &page["level"], &page["traces"], &page["patterns"]), (200, &json!("system"), &json!(0), &json!([])), "{page}");
    for client in [&ann, &tom] {
        assert_eq!(client.get(ALL).await.0, 404);
        assert_eq!(client.post("/evolution/passes?system=true", json!({})).await.0, 404);
        assert_eq!(client.json(Method::PUT, "/evolution/settings?system=true", page["settings"].clone()).await.0, 404);
    }
    assert_eq!((share(&tom, &a, true).await, share(&maya, &a, true).await, share(&ben, &a, true).await), (403, 404, 404));
    assert_eq!(maya.get(&format!("{ALL}&team={a}")).await.0, 400);

    // Runs of one team are no pattern of several.
    assert_eq!(share(&ann, &a, true).await, 200);
    let (_, own) = tom.get(&format!("/evolution?team={a}")).await;
    assert_eq!((&own["shares"], &own["canShare"]), (&json!(true), &json!(false)), "{own}");
    let page = all_until(&maya, |page| grouped(page) && page["traces"] == 40).await;
    assert_eq!((&page["patterns"], &page["proposals"]), (&json!([]), &json!([])), "{page}");

    // What two have is told without what one has; where the runs are, administrators do not read either.
    assert_eq!(share(&ben, &b, true).await, 200);
    let page =
        all_until(&maya, |page| grouped(page) && page["traces"] == 80 && page["proposals"].as_array().is_some_and(|all| !all.is_empty()))
            .await;
    assert_eq!(runs_of(&page), [40, 40], "{page}");
    let proposal = format!("/evolution/proposals/{}", text(&page["proposals"][0]["id"]));
    let pattern = format!("/evolution/patterns/{}", text(&page["proposals"][0]["patternId"]));
    let (status, shown) = maya.get(&pattern).await;
    assert_eq!((status, &shown["latest"]), (200, &json!([])), "{shown}");
    assert_eq!(shown["teams"], json!([{ "name": "Alder", "runs": 20 }, { "name": "Birch", "runs": 20 }]), "{shown}");
    let (_, drafted) = maya.get(&proposal).await;
    for mark in ["alderish", "birchish", "Acme", "Globex"] {
        for told in [&page, &shown, &drafted] {
            assert!(!told.to_string().contains(mark), "{mark} in {told}");
        }
    }
    let draft = text(&drafted["text"]);
    assert!(draft.contains("`read_reports`") && !draft.contains("source_traces"), "{draft}");
    for client in [&ann, &ben, &tom] {
        assert_eq!((client.get(&pattern).await.0, client.get(&proposal).await.0), (404, 404));
        assert_eq!(client.post(&format!("{proposal}/decision"), json!({ "decision": "accept" })).await.0, 404);
    }
    assert_eq!((told(&maya, "proposal").await.len(), told(&tom, "proposal").await.len()), (1, 1), "one of all teams, one of his own");

    // Put off, opened again, accepted: everybody reads the skill.
    let path = format!("{proposal}/decision");
    let decide = async |body: Value| maya.post(&path, body).await;
    let (status, later) = decide(json!({ "decision": "snooze", "days": 3 })).await;
    assert_eq!((status, &later["state"]), (200, &json!("snoozed")), "{later}");
    assert_eq!(decide(json!({ "decision": "reopen" })).await.0, 200);
    let skill = volume(&maya, "system").await;
    assert_eq!(decide(json!({ "decision": "merge", "artifactId": skill })).await.0, 400);
    let (status, accepted) = decide(json!({ "decision": "accept" })).await;
    assert_eq!((status, &accepted["state"]), (200, &json!("accepted")), "{accepted}");
    let (status, read) = ben.get(&format!("/artifacts/{}", text(&accepted["artifact"]["id"]))).await;
    assert_eq!((status, &read["volumeKind"]), (200, &json!("system")), "{read}");

    // One that takes its runs back is out, and with it what only two had.
    assert_eq!(share(&ben, &b, false).await, 200);
    let page = all_until(&maya, |page| page["traces"] == 40 && grouped(page) && runs_of(page).is_empty()).await;
    assert_eq!(page["proposals"].as_array().map(Vec::len), Some(1), "what was accepted stays in the list: {page}");
    assert_eq!(maya.get(&pattern).await.0, 404);
});
