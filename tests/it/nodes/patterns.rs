//! Patterns that one node groups, as people at others see and change them.

use serde_json::{Value, json};

use super::{until, with_nodes_of};
use crate::{
    app::{Client, text},
    evolution::with_model,
    rooms::people,
    search::model,
    traces::send,
};

fn run(task: &str, at: usize) -> Value {
    let (goal, tool) = match task {
        "value" => (format!("Value company {at} with a DCF"), "project_cash"),
        _ => (format!("Rotate the TLS certificate of host {at}"), "issue_cert"),
    };
    let user = ["kenji", "ines", "tomas"][at % 3];
    json!({
        "id": format!("{task}-{at}"), "goal": goal, "user": user, "success": true,
        "steps": [{ "name": tool, "kind": "tool", "input": tool.replace('_', " "), "outcome": "ok" }],
    })
}

async fn runs_of(client: &Client, team: &str) -> Vec<Option<i64>> {
    let (_, page) = client.get(&format!("/evolution?team={team}&all=true")).await;
    let is_quiet = page["waiting"] == 0 && page["runs"].as_array().is_some_and(|runs| runs.iter().all(|run| run["state"] != "running"));
    let mut runs: Vec<Option<i64>> =
        page["patterns"].as_array().into_iter().flatten().filter(|_| is_quiet).map(|one| one["runs"].as_i64()).collect();
    runs.sort_unstable();
    runs
}

#[test]
fn what_nodes_group_in_turn_is_the_same_at_all_of_them() {
    if model().is_none() {
        return;
    }
    with_nodes_of(2, with_model, async |nodes, _| {
        let (maya, ines, _, team) = people(&nodes[0]).await;
        let there = ines.at(&nodes[1]);
        let path = format!("/traces?team={team}");
        // Each brings runs of both tasks; whichever node has the turn groups them into what the other one has grouped.
        for at in 0_usize..6 {
            let client = if at.is_multiple_of(2) { &maya } else { &there };
            let (status, taken) = send(client, &path, "application/json", json!([run("value", at), run("rotate", at)]).to_string()).await;
            assert_eq!((status, &taken["accepted"]), (200, &json!(2)), "{taken}");
        }
        for client in [&maya, &there] {
            until("both tasks are there", async || runs_of(client, &team).await == [Some(6), Some(6)]).await;
        }
        // Deleted at one node, it is gone from what the other one groups next.
        let (_, list) = there.get(&format!("{path}&q=company")).await;
        let gone = text(&list["items"][0]["id"]);
        assert_eq!(maya.delete(&format!("/traces/{gone}")).await.0, 204);
        assert_eq!(there.post(&format!("/evolution/passes?team={team}"), json!({})).await.0, 202);
        for client in [&maya, &there] {
            until("one is gone", async || runs_of(client, &team).await == [Some(5), Some(6)]).await;
        }
        assert_eq!(send(&there, &path, "application/json", json!([run("value", 7)]).to_string()).await.0, 200);
        for client in [&maya, &there] {
            until("another one came", async || runs_of(client, &team).await == [Some(6), Some(6)]).await;
        }
        let stale: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM evolution_stale").fetch_one(nodes[0].state.db.read()).await.expect("a number");
        assert_eq!(stale, 0);
    });
}
