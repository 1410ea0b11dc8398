//! Tools that the assistant wants to run, and people who decide.

use llmos_lite::server::clock;
use serde_json::{Value, json};

use super::{answers, model::Model, until, written};
use crate::{
    app::{Client, TestApp, text},
    rooms::people,
    sessions::{begin, say},
    volumes::{commit, head, save, volume},
};

const HEAD: &str = "description: Adds two numbers.\ninputs:\n  - name: a\n    type: number\n    required: true\n  - name: b\n    type: number\nhosts: [api.example.com]";
const BODY: &str = "Adds.\n\n```js\nfunction main({ a, b }) { return { sum: a + b }; }\n```";

struct Place {
    maya: Client,
    ines: Client,
    vera: Client,
    session: String,
    tool: String,
}

/// A team whose session has the tool.
async fn place(app: &TestApp) -> Place {
    let (maya, ines, vera, team) = people(app).await;
    let volume = volume(&maya, "team").await;
    let tool = written(&maya, &volume, "tool", "add", HEAD, BODY).await;
    let session = begin(&maya, Some(&team), "Sums").await;
    let (status, added) = maya.post(&format!("/sessions/{session}/artifacts"), json!({ "artifactId": tool })).await;
    assert!(status < 300, "{added}");
    Place { maya, ines, vera, session, tool }
}

impl Place {
    /// Asks something, and waits until the assistant wants to run the tool: the run and its newest call.
    async fn wanted(&self, question: &str) -> (String, Value) {
        say(&self.maya, &self.session, &format!("@assistant {question}")).await;
        let assistant = until(&self.vera, &self.session, |assistant| assistant["runs"][0]["state"] == "waiting").await;
        let run = &assistant["runs"][0];
        (text(&run["id"]), run["calls"].as_array().and_then(|calls| calls.last()).cloned().expect("a call"))
    }

    fn path(&self, run: &str, call: &Value, what: &str) -> String {
        format!("/sessions/{}/assistant/runs/{run}/calls/{}/{what}", self.session, text(&call["id"]))
    }

    async fn decide(&self, client: &Client, run: &str, call: &Value, decision: &str) -> (u16, Value) {
        client.post(&self.path(run, call, "decision"), json!({ "decision": decision })).await
    }

    async fn answer(&self) -> Value {
        answers(&self.maya, &self.session).await.pop().expect("an answer")
    }

    /// The trace of an answer, and how its steps ended.
    async fn traced(&self, answer: &Value) -> (Value, Vec<String>) {
        let (status, trace) = self.maya.get(&format!("/traces/{}", text(&answer["answered"]["traceId"]))).await;
        assert_eq!(status, 200, "{trace}");
        let outcomes = trace["timeline"].as_array().expect("steps").iter().map(|step| text(&step["outcome"])).collect();
        (trace, outcomes)
    }
}

app_test_beside!(Model, a_tool_runs_only_after_somebody_allows_it_and_where_they_are, |app, model| {
    let place = place(app).await;
    let (run, call) = place.wanted("add these").await;
    assert_eq!((&call["slug"], &call["state"], &call["hosts"]), (&json!("add"), &json!("asked"), &json!(["api.example.com"])), "{call}");
    assert_eq!(serde_json::from_str::<Value>(&text(&call["inputs"])).expect("JSON"), json!({ "a": 1, "b": 2 }));
    let offered = &model.requests()[0].body["tools"][0]["function"];
    assert_eq!((&offered["name"], &offered["parameters"]["required"]), (&json!("add"), &json!(["a", "b"])), "{offered}");
    // Nobody tells a result of what nobody allowed, and viewers allow nothing.
    let result = place.path(&run, &call, "result");
    assert_eq!(place.maya.post(&result, json!({ "outputs": "{}" })).await.0, 409);
    assert_eq!(place.decide(&place.vera, &run, &call, "once").await.0, 403);
    let (status, work) = place.decide(&place.ines, &run, &call, "once").await;
    assert_eq!((status, &work["hosts"]), (200, &json!(["api.example.com"])), "{work}");
    assert!(text(&work["code"]).contains("function main"));
    assert_eq!(place.decide(&place.maya, &run, &call, "once").await.0, 409, "it runs once");
    assert_eq!(place.maya.post(&result, json!({ "outputs": "{\"sum\":4}" })).await.0, 409, "and only who runs it says what came of it");
    assert_eq!(place.ines.post(&result, json!({ "outputs": "{\"sum\":3}" })).await.0, 204);
    let answer = place.answer().await;
    assert_eq!(answer["text"], "Let me see.\n\nThe tool says: {\"sum\":3}");
    assert_eq!((&answer["answered"]["tools"], &answer["answered"]["tokens"]), (&json!(["add"]), &json!(246)));
    let (_, trace) = place.maya.get(&format!("/traces/{}", text(&answer["answered"]["traceId"]))).await;
    let steps: Vec<String> = trace["timeline"].as_array().expect("steps").iter().map(|step| text(&step["name"])).collect();
    assert_eq!(steps, ["answer", "add", "answer"], "{trace}");
    assert_eq!(place.ines.post(&result, json!({ "outputs": "{}" })).await.0, 409, "it has ended");
});

app_test_beside!(Model, what_is_denied_or_fails_is_told_to_the_model, |app, _model| {
    let place = place(app).await;
    let (run, call) = place.wanted("add these").await;
    let (status, work) = place.decide(&place.maya, &run, &call, "deny").await;
    assert_eq!((status, work), (200, Value::Null));
    let answer = place.answer().await;
    assert!(text(&answer["text"]).contains("A person denied this call."));
    assert_eq!(place.traced(&answer).await.1, ["ok", "skipped", "ok"]);
    let (run, call) = place.wanted("add those").await;
    assert_eq!(place.decide(&place.maya, &run, &call, "once").await.0, 200);
    let result = place.path(&run, &call, "result");
    assert_eq!(place.maya.post(&result, json!({ "error": "TypeError: a is not a number" })).await.0, 204);
    let answer = place.answer().await;
    assert!(text(&answer["text"]).contains("TypeError: a is not a number"));
    assert_eq!(place.traced(&answer).await.1, ["ok", "error", "ok"]);
});

/// The stand-in at a server on which people have no time to decide.
#[derive(Clone, Default)]
struct Hurried(Model);

impl Hurried {
    fn start(&self, config: &mut llmos_lite::server::config::Config) {
        self.0.start(config);
        config.assistant.decision_ms = 0;
    }
}

app_test_beside!(Hurried, a_call_that_nobody_decides_on_in_time_is_denied_and_the_model_goes_on, |app, hurried| {
    let place = place(app).await;
    say(&place.maya, &place.session, "@assistant add these").await;
    let answer = place.answer().await;
    assert!(text(&answer["text"]).contains("Nobody allowed it in time."), "{answer}");
    assert_eq!(place.traced(&answer).await.1, ["ok", "skipped", "ok"]);
    assert_eq!(hurried.0.requests().len(), 2, "asked, and told");
});

// Alone in its process: the clock is everybody's.
app_test_beside!(Model, a_browser_that_says_nothing_of_what_it_runs_is_given_up_and_the_model_goes_on, |app, model| {
    let place = place(app).await;
    let (run, call) = place.wanted("add these").await;
    assert_eq!(place.decide(&place.ines, &run, &call, "once").await.0, 200);
    // Its tab is closed, and the time that it had passes.
    clock::jump(2 * clock::MINUTE);
    let answer = place.answer().await;
    assert!(text(&answer["text"]).contains("The browser that ran the tool did not answer."), "{answer}");
    assert_eq!(place.traced(&answer).await.1, ["ok", "error", "ok"]);
    assert_eq!(model.requests().len(), 2, "asked, and told");
    // What it says after all comes too late.
    assert_eq!(place.ines.post(&place.path(&run, &call, "result"), json!({ "outputs": "{\"sum\":3}" })).await.0, 409);
    clock::jump(0);
});

app_test_beside!(Model, an_answer_that_is_stopped_while_it_asks_for_a_tool_has_no_failed_step, |app, _model| {
    let place = place(app).await;
    for is_allowed in [false, true] {
        let (run, call) = place.wanted("add these").await;
        if is_allowed {
            assert_eq!(place.decide(&place.maya, &run, &call, "once").await.0, 200);
        }
        let stop = format!("/sessions/{}/assistant/runs/{run}/stop", place.session);
        assert_eq!(place.maya.post(&stop, json!({})).await.0, 204);
        let (trace, outcomes) = place.traced(&place.answer().await).await;
        assert_eq!((&outcomes[..], &trace["failedSteps"]), (&["ok".to_owned(), "skipped".to_owned()][..], &json!(0)), "{trace}");
    }
});

app_test_beside!(Model, allowed_in_a_session_holds_for_one_person_and_one_text, |app, _model| {
    let place = place(app).await;
    let (run, call) = place.wanted("add these").await;
    assert_eq!(place.decide(&place.maya, &run, &call, "session").await.0, 200);
    assert_eq!(place.maya.post(&place.path(&run, &call, "result"), json!({ "outputs": "3" })).await.0, 204);
    place.answer().await;
    let granted = async |client: &Client| {
        let assistant = until(client, &place.session, |assistant| assistant["runs"][0]["state"] == "waiting").await;
        assistant["runs"][0]["calls"][0]["granted"].clone()
    };
    let (run, call) = place.wanted("add those").await;
    assert_eq!((granted(&place.maya).await, granted(&place.ines).await), (json!(true), json!(false)));
    assert_eq!(place.decide(&place.maya, &run, &call, "deny").await.0, 200);
    place.answer().await;
    // Another text is another tool.
    let (_, detail) = place.maya.get(&format!("/artifacts/{}", place.tool)).await;
    let changed = format!("---\nname: add\n{HEAD}\n---\n\n{}\n", BODY.replace("a + b", "a + b + 1"));
    let saves = detail["draft"]["saves"].as_i64().unwrap_or_default();
    assert_eq!(save(&place.maya, &place.tool, &changed, saves).await.0, 200);
    commit(&place.maya, &[(&place.tool, Some(&head(&place.maya, &place.tool).await))], "Change").await;
    let (run, call) = place.wanted("add more").await;
    assert_eq!(granted(&place.maya).await, json!(false));
    // And one that changes while it is asked about is not run.
    let (_, detail) = place.maya.get(&format!("/artifacts/{}", place.tool)).await;
    let saves = detail["draft"]["saves"].as_i64().unwrap_or_default();
    assert_eq!(save(&place.maya, &place.tool, &changed.replace("+ 1", "+ 2"), saves).await.0, 200);
    commit(&place.maya, &[(&place.tool, Some(&head(&place.maya, &place.tool).await))], "Change again").await;
    let (status, refused) = place.decide(&place.maya, &run, &call, "once").await;
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "{refused}");
    assert_eq!(place.decide(&place.maya, &run, &call, "deny").await.0, 200);
});

app_test_beside!(Model, calls_that_are_none_are_told_to_the_model_and_to_nobody_else, |app, _model| {
    let place = place(app).await;
    for (question, why) in
        [("broken call", "not valid JSON"), ("wrong call", "a has to be number."), ("unknown call", "There is no tool of the name launch.")]
    {
        say(&place.maya, &place.session, &format!("@assistant {question}")).await;
        let answer = place.answer().await;
        assert!(text(&answer["text"]).contains(why), "{question}: {answer}");
    }
});

app_test_beside!(Model, what_does_not_run_in_a_browser_is_not_offered, |app, model| {
    let (maya, _, _, team) = people(app).await;
    let volume = volume(&maya, "team").await;
    let tool = written(&maya, &volume, "tool", "add", HEAD, "```python\ndef main(a, b):\n    return a + b\n```").await;
    let session = begin(&maya, Some(&team), "Sums").await;
    assert!(maya.post(&format!("/sessions/{session}/artifacts"), json!({ "artifactId": tool })).await.0 < 300);
    say(&maya, &session, "@assistant add these").await;
    assert_eq!(answers(&maya, &session).await.len(), 1);
    assert_eq!(model.requests()[0].body["tools"], Value::Null);
});
