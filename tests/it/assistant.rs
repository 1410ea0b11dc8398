//! The assistant in a session, against a stand-in that speaks like `POST /chat/completions`, with its failures.

mod faults;
pub mod model;
mod tools;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use self::model::Model;
use crate::{
    app::{Client, TestApp, text},
    rooms::people,
    sessions::{begin, entries, say},
    volumes::{commit, save, volume},
};

/// A skill or tool of a volume, committed; its id.
async fn written(client: &Client, volume: &str, kind: &str, name: &str, head: &str, body: &str) -> String {
    let (status, made) = client.post("/artifacts", json!({ "volumeId": volume, "kind": kind, "name": name })).await;
    assert_eq!(status, 201, "{made}");
    let id = text(&made["summary"]["id"]);
    let words = format!("---\nname: {name}\n{head}\n---\n\n{body}\n");
    assert_eq!(save(client, &id, &words, made["draft"]["saves"].as_i64().unwrap_or_default()).await.0, 200);
    commit(client, &[(&id, None)], "Write").await;
    id
}

async fn assistant(client: &Client, session: &str) -> Value {
    let (status, assistant) = client.get(&format!("/sessions/{session}/assistant")).await;
    assert_eq!(status, 200, "{assistant}");
    assistant
}

/// The assistant of a session, as soon as it is so.
async fn until(client: &Client, session: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1_000 {
        let assistant = assistant(client, session).await;
        if is_so(&assistant) {
            return assistant;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never so: {}", assistant(client, session).await);
}

fn is_quiet(assistant: &Value) -> bool {
    assistant["runs"].as_array().is_some_and(|runs| runs.iter().all(|run| run["state"] == "failed"))
}

/// The answers of the assistant, when nothing is open any more.
async fn answers(client: &Client, session: &str) -> Vec<Value> {
    until(client, session, is_quiet).await;
    entries(client, session).await.into_iter().filter(|entry| entry["author"]["name"] == "Assistant").collect()
}

app_test!(without_a_model_a_session_is_a_plain_thread_and_says_how_to_have_an_assistant, |app| {
    let maya = app.sign_up_first().await;
    let session = begin(&maya, None, "Notes").await;
    let entry = say(&maya, &session, "@assistant are you there?").await;
    assert_eq!(entry["text"], "@assistant are you there?");
    let assistant = assistant(&maya, &session).await;
    assert!(text(&assistant["missing"]).contains("LLM_MODEL and OPENAI_API_KEY"), "{assistant}");
    let (status, refused) = maya.post(&format!("/sessions/{session}/assistant/runs"), json!({ "entryId": entry["id"] })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    assert_eq!(entries(&maya, &session).await.len(), 1);
});

app_test_beside!(Model, an_answer_is_told_while_it_is_given_and_then_stands_in_the_timeline, |app, model| {
    let (maya, ines, vera, team) = people(app).await;
    let volume = volume(&maya, "team").await;
    let pool = "# Pools\n\nCount the connections by state before anything is restarted.";
    written(&maya, &volume, "skill", "connection-pool-runbook", "description: What to do when a connection pool runs dry.", pool).await;
    let session = begin(&maya, Some(&team), "Pool outage").await;
    say(&ines, &session, "The connection pool ran dry at 02:14. Write to oncall@harbor.example.").await;
    let mut socket = app.socket_of(&vera).await;
    socket.join(&session, "session", None).await;
    let asked = say(&maya, &session, "@assistant which connection pool runbook do I follow? slowly").await;
    assert!(text(&asked["text"]).starts_with("[@Assistant](/people/"), "{asked}");
    let mut told = String::new();
    while told != "Count the connections first." {
        let delta = socket.until("assistant_delta").await;
        assert_eq!((delta["event"]["from"].as_u64(), &delta["seq"]), (Some(told.len() as u64), &Value::Null), "{delta}");
        told.push_str(&text(&delta["event"]["text"]));
    }
    let answers = answers(&maya, &session).await;
    let [answer] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!((&answer["text"], &answer["author"]["kind"]), (&json!("Count the connections first."), &json!("agent")));
    let made = &answer["answered"];
    assert_eq!(
        (&made["skills"][0]["slug"], &made["tokens"], &made["problem"]),
        (&json!("connection-pool-runbook"), &json!(123), &Value::Null),
        "{made}"
    );
    // What the model was told.
    let request = model.requests().pop().expect("a request");
    assert_eq!(
        (&request.key, &request.body["model"], &request.body["stream"]),
        (&"sk-of-the-server".to_owned(), &json!("stand-in"), &json!(true))
    );
    let messages = request.body["messages"].to_string();
    assert!(messages.contains("Count the connections by state") && messages.contains("Maya Chen: "), "{messages}");
    assert!(!messages.contains("oncall@"), "addresses do not leave: {messages}");
    // The trace of it.
    let (status, trace) = maya.get(&format!("/traces/{}", text(&made["traceId"]))).await;
    assert_eq!(status, 200, "{trace}");
    assert_eq!(trace["goal"], "which connection pool runbook do I follow? slowly");
    assert_eq!(
        (&trace["source"], &trace["skills"][0], &trace["tokensIn"]),
        (&json!("assistant"), &json!("connection-pool-runbook"), &json!(100))
    );
    assert_eq!((&trace["session"]["id"], &trace["teamId"], &trace["outcome"]), (&json!(session), &json!(team), &json!("unknown")));
    // What comes of the session is what came of its traces; lists are narrowed by both.
    let (status, commit) = maya.post(&format!("/sessions/{session}/commit"), json!({ "message": "The outage", "artifactIds": [] })).await;
    assert_eq!(status, 201, "{commit}");
    let (_, trace) = maya.get(&format!("/traces/{}", text(&made["traceId"]))).await;
    assert_eq!(trace["commitId"], commit["id"], "{trace}");
    for query in [format!("session={session}"), format!("commit={}", text(&commit["id"]))] {
        let (_, list) = maya.get(&format!("/traces?team={team}&{query}")).await;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{query}: {list}");
    }
    // Nobody is told of it as of a message that mentions them, and it counts as unread for others.
    let (_, of_ines) = ines.get("/notifications").await;
    assert_eq!(of_ines["unread"], 0, "{of_ines}");
});

app_test_beside!(Model, two_questions_wait_in_line_and_anybody_who_may_write_stops_one, |app, model| {
    let (maya, ines, vera, team) = people(app).await;
    let session = begin(&maya, Some(&team), "Queue").await;
    say(&maya, &session, "@assistant stall").await;
    let first = until(&maya, &session, |assistant| assistant["runs"][0]["text"] == "Half of").await;
    say(&ines, &session, "@assistant and then?").await;
    let both = until(&vera, &session, |assistant| assistant["runs"].as_array().is_some_and(|runs| runs.len() == 2)).await;
    assert_eq!((&both["runs"][0]["state"], &both["runs"][1]["state"]), (&json!("running"), &json!("queued")));
    assert_eq!(both["runs"][1]["askedBy"]["name"], "ines");
    let run = text(&first["runs"][0]["id"]);
    let stop = format!("/sessions/{session}/assistant/runs/{run}/stop");
    assert_eq!(vera.post(&stop, json!({})).await.0, 403, "a viewer does not");
    assert_eq!(app.visitor().post(&stop, json!({})).await.0, 401);
    assert_eq!(ines.post(&stop, json!({})).await.0, 204);
    let answers = answers(&maya, &session).await;
    let [stopped, second] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(
        (&stopped["text"], &stopped["answered"]["problem"]),
        (&json!("Half of"), &json!("Stopped before its end.")),
        "what was said stays"
    );
    assert_eq!(second["text"], "Count the connections first.");
    assert_eq!(ines.post(&stop, json!({})).await.0, 204, "once more changes nothing");
    assert_eq!(model.requests().len(), 2);
});

app_test_beside!(Model, one_that_waits_is_stopped_before_it_is_asked, |app, model| {
    let maya = app.sign_up_first().await;
    let session = begin(&maya, None, "Queue").await;
    say(&maya, &session, "@assistant stall").await;
    let first = until(&maya, &session, |assistant| assistant["runs"][0]["text"] == "Half of").await;
    say(&maya, &session, "@assistant never asked").await;
    let both = until(&maya, &session, |assistant| assistant["runs"].as_array().is_some_and(|runs| runs.len() == 2)).await;
    for run in [&both["runs"][1], &first["runs"][0]] {
        assert_eq!(maya.post(&format!("/sessions/{session}/assistant/runs/{}/stop", text(&run["id"])), json!({})).await.0, 204);
    }
    assert_eq!(answers(&maya, &session).await.len(), 1);
    assert_eq!(model.requests().len(), 1);
});

app_test_beside!(Model, skills_are_pinned_and_left_out_by_session, |app, model| {
    let (maya, ines, vera, team) = people(app).await;
    let shared = volume(&maya, "team").await;
    let own = volume(&maya, "user").await;
    let pool = written(&maya, &shared, "skill", "pool-runbook", "description: What to do when a pool runs dry.", "Drain the pool.").await;
    let tax = written(&maya, &shared, "skill", "tax-return", "description: How to file a tax return.", "File the forms.").await;
    let private = written(&maya, &own, "skill", "my-pool", "description: Pools when they run dry.", "A private matter.").await;
    let session = begin(&maya, Some(&team), "Pools").await;
    let choose = |client: &Client, id: &str, choice: &str| {
        client.request(Method::PUT, &format!("/api/v1/sessions/{session}/assistant/skills/{id}")).json(&json!({ "choice": choice }))
    };
    assert_eq!(maya.answer(choose(&maya, &tax, "pinned")).await.status, 200);
    assert_eq!(ines.answer(choose(&ines, &pool, "left_out")).await.status, 200);
    assert_eq!(vera.answer(choose(&vera, &pool, "pinned")).await.status, 403);
    assert_eq!(maya.answer(choose(&maya, &private, "pinned")).await.status, 404, "not everybody here reads it");
    let choices = assistant(&vera, &session).await["choices"].clone();
    assert_eq!((&choices[0]["slug"], &choices[0]["choice"]), (&json!("tax-return"), &json!("pinned")), "{choices}");
    assert_eq!((&choices[1]["slug"], &choices[1]["choice"]), (&json!("pool-runbook"), &json!("left_out")), "{choices}");
    say(&maya, &session, "@assistant the pool ran dry, what now?").await;
    let answer = answers(&maya, &session).await.pop().expect("an answer");
    assert_eq!(answer["answered"]["skills"], json!([{ "id": tax, "slug": "tax-return", "name": "tax-return", "pinned": true }]));
    let told = model.requests().pop().expect("a request").body["messages"].to_string();
    assert!(told.contains("File the forms.") && !told.contains("Drain the pool.") && !told.contains("A private matter."), "{told}");
    assert_eq!(maya.answer(choose(&maya, &tax, "automatic")).await.status, 200);
    assert_eq!(assistant(&maya, &session).await["choices"].as_array().map(Vec::len), Some(1));
});

app_test_beside!(Model, a_message_that_is_there_can_be_asked_about, |app, model| {
    let (maya, ines, vera, team) = people(app).await;
    let session = begin(&maya, Some(&team), "Later").await;
    let entry = say(&ines, &session, "What is a pool?").await;
    let path = format!("/sessions/{session}/assistant/runs");
    assert_eq!(vera.post(&path, json!({ "entryId": entry["id"] })).await.0, 403);
    let id = text(&maya.post(&path, json!({ "entryId": entry["id"] })).await.1["runs"][0]["id"]);
    assert_eq!(answers(&maya, &session).await.len(), 1);
    // The same question again asks once.
    assert_eq!(maya.post(&path, json!({ "entryId": entry["id"], "id": id })).await.0, 201);
    assert_eq!(answers(&maya, &session).await.len(), 1);
    let elsewhere = begin(&maya, Some(&team), "Elsewhere").await;
    assert_eq!(maya.post(&format!("/sessions/{elsewhere}/assistant/runs"), json!({ "entryId": entry["id"] })).await.0, 404);
    assert_eq!(maya.delete(&format!("/sessions/{session}/messages/{}", text(&entry["id"]))).await.0, 403);
    assert_eq!(ines.delete(&format!("/sessions/{session}/messages/{}", text(&entry["id"]))).await.0, 204);
    assert_eq!(maya.post(&path, json!({ "entryId": entry["id"] })).await.0, 409, "a deleted one is not answered");
    assert_eq!(model.requests().len(), 1);
});

app_test_beside!(Model, what_an_agent_asks_in_a_private_session_stays_private, |app, _model| {
    let maya = app.sign_up_first().await;
    let team = maya.team("Harbor").await;
    let (_, agent) = maya.post(&format!("/teams/{team}/agents"), json!({ "name": "Scribe", "role": "member" })).await;
    let tokens = format!("/teams/{team}/agents/{}/tokens", text(&agent["person"]["id"]));
    let (_, token) = maya.post(&tokens, json!({ "name": "run", "scopes": ["read", "write"], "expiresInDays": 7 })).await;
    let scribe = app.program(&text(&token["secret"]));
    let session = begin(&scribe, None, "Own").await;
    say(&scribe, &session, "@assistant what now?").await;
    let answer = answers(&scribe, &session).await.pop().expect("an answer");
    let trace = format!("/traces/{}", text(&answer["answered"]["traceId"]));
    let (status, own) = scribe.get(&trace).await;
    assert_eq!((status, own.get("teamId")), (200, None), "{own}");
    assert_eq!(maya.get(&trace).await.0, 404);
    let (_, of_team) = maya.get(&format!("/traces?team={team}")).await;
    assert_eq!(of_team["items"], json!([]), "{of_team}");
});

app_test_beside!(Model, the_key_of_a_team_comes_first, |app, model| {
    let (maya, _, _, team) = people(app).await;
    let key = maya.request(Method::PUT, &format!("/api/v1/teams/{team}/keys/openai")).json(&json!({ "key": "sk-of-the-team" }));
    assert_eq!(maya.answer(key).await.status, 200);
    let (shared, own) = (begin(&maya, Some(&team), "Shared").await, begin(&maya, None, "Own").await);
    for session in [&shared, &own] {
        say(&maya, session, "@assistant hello").await;
        assert_eq!(answers(&maya, session).await.len(), 1);
    }
    let keys: Vec<String> = model.requests().into_iter().map(|request| request.key).collect();
    assert_eq!(keys, ["sk-of-the-team", "sk-of-the-server"]);
});

app_test_beside!(Model, a_removed_session_takes_its_questions_along, |app, _model| {
    let maya = app.sign_up_first().await;
    let session = begin(&maya, None, "Gone").await;
    say(&maya, &session, "@assistant stall").await;
    until(&maya, &session, |assistant| assistant["runs"][0]["text"] == "Half of").await;
    assert_eq!(maya.delete(&format!("/sessions/{session}")).await.0, 204);
    assert_eq!(maya.get(&format!("/sessions/{session}/assistant")).await.0, 404);
    is_over(app).await;
});

/// Nothing is being answered any more.
async fn is_over(app: &TestApp) {
    for _ in 0..1_000 {
        let open: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM assistant_runs WHERE state IN ('queued', 'running', 'waiting')")
            .fetch_one(app.state.db.read())
            .await
            .expect("a number");
        if open == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("something is still being answered");
}
