//! The language model's service when it is not well.

use serde_json::{Value, json};

use super::{answers, assistant, is_quiet, model::Model, until};
use crate::{
    app::{Client, text},
    sessions::{begin, say},
};

/// Asks in a new session; its id and the answers there.
async fn asked(client: &Client, question: &str) -> (String, Vec<Value>) {
    let session = begin(client, None, "Faults").await;
    say(client, &session, &format!("@assistant {question}")).await;
    let answers = answers(client, &session).await;
    (session, answers)
}

/// Why there is no answer.
async fn problem(client: &Client, question: &str) -> String {
    let (session, answers) = asked(client, question).await;
    assert!(answers.is_empty(), "{answers:?}");
    let assistant = assistant(client, &session).await;
    assert_eq!(assistant["runs"][0]["state"], "failed", "{assistant}");
    text(&assistant["runs"][0]["problem"])
}

app_test_beside!(Model, a_service_that_has_too_much_to_do_is_asked_again, |app, model| {
    let maya = app.sign_up_first().await;
    let (_, answers) = asked(&maya, "limited").await;
    assert_eq!(answers[0]["text"], "Count the connections first.");
    assert_eq!(model.requests().len(), 3);
    let problem = problem(&maya, "overloaded").await;
    assert!(problem.contains("a fault of the moment (503") && problem.contains("ask again"), "{problem}");
    assert_eq!(model.requests().len(), 7, "four times, then it is told");
});

app_test_beside!(Model, a_refusal_says_what_to_do_and_names_no_key, |app, model| {
    let maya = app.sign_up_first().await;
    let problem = problem(&maya, "revoked").await;
    assert!(problem.contains("does not accept the key") && !problem.contains("sk-of"), "{problem}");
    assert_eq!(model.requests().len(), 1, "it is not asked again");
});

app_test_beside!(Model, what_was_said_until_a_fault_stays_with_the_reason, |app, _model| {
    let maya = app.sign_up_first().await;
    for (question, said, why) in [
        ("break off", "This much was said", "ended in the middle of the answer"),
        ("error half-way", "This much", "The server is overloaded."),
        ("stall", "Half of", "stopped in the middle of the answer"),
        ("too long", "The beginning", "no room for more"),
    ] {
        let (session, answers) = asked(&maya, question).await;
        let [answer] = answers.as_slice() else { panic!("{question}: {answers:?}") };
        let problem = text(&answer["answered"]["problem"]);
        assert_eq!(text(&answer["text"]).trim_end(), said, "{question}");
        assert!(problem.contains(why), "{question}: {problem}");
        let (_, trace) = maya.get(&format!("/traces/{}", text(&answer["answered"]["traceId"]))).await;
        assert_eq!(trace["outcome"], "failed", "{question}");
        assert_eq!(assistant(&maya, &session).await["runs"], json!([]), "it is asked again where it stands");
    }
});

app_test_beside!(Model, what_is_no_answer_is_told_as_that, |app, _model| {
    let maya = app.sign_up_first().await;
    let problem = problem(&maya, "page of HTML").await;
    assert!(problem.contains("ended in the middle") || problem.contains("no answer"), "{problem}");
    let (_, answers) = asked(&maya, "at once").await;
    assert_eq!(answers[0]["text"], "Not streamed.");
});

app_test_beside!(Model, after_a_fault_one_asks_again, |app, model| {
    let maya = app.sign_up_first().await;
    let session = begin(&maya, None, "Again").await;
    say(&maya, &session, "@assistant revoked").await;
    let failed = until(&maya, &session, |assistant| assistant["runs"][0]["state"] == "failed").await;
    let entry = text(&failed["runs"][0]["questionId"]);
    let (status, asked) = maya.post(&format!("/sessions/{session}/assistant/runs"), json!({ "entryId": entry })).await;
    assert_eq!(status, 201, "{asked}");
    until(&maya, &session, |assistant| assistant["runs"].as_array().is_some_and(|runs| runs.len() == 2) && is_quiet(assistant)).await;
    assert_eq!(model.requests().len(), 2);
});
