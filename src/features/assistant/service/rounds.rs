//! What a model said and called, round by round: kept in the database, so that an answer goes on where it was.

use llmos_assistant::{stream::ToolCall, wire::Message};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    error::AppResult,
    features::assistant::model::{CallResult, CallState, OUTPUT_MAX},
    ids::{ArtifactId, CallId, UserId},
};

/// `assistant_runs.rounds`: what came of one request to the model.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Round {
    pub text: String,
    pub calls: Vec<RoundCall>,
    /// UTC milliseconds.
    pub began_at: i64,
    pub took_ms: i64,
    pub tokens_in: i64,
    pub tokens_out: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundCall {
    pub id: CallId,
    /// What the model calls it.
    pub call_id: String,
    pub name: String,
    /// None: there is no such tool, or the call could not be read.
    pub tool: Option<ArtifactId>,
    pub slug: String,
    pub inputs: Map<String, Value>,
    pub hosts: Vec<String>,
    /// SHA-256 of the tool's text.
    pub sha: String,
    pub state: CallState,
    pub by: Option<UserId>,
    pub result: CallResult,
    /// When it was allowed, in UTC milliseconds, and for how long it ran.
    pub began_at: i64,
    pub took_ms: i64,
}

impl Round {
    /// Whether a call of it waits for somebody.
    pub fn is_open(&self) -> bool {
        self.calls.iter().any(RoundCall::is_open)
    }
}

impl RoundCall {
    pub fn is_open(&self) -> bool {
        matches!(self.state, CallState::Asked | CallState::Running)
    }

    pub fn end(&mut self, state: CallState, result: CallResult, now: i64) {
        self.state = state;
        self.result = result;
        if self.began_at > 0 {
            self.took_ms = (now - self.began_at).max(0);
        }
    }

    /// What the model is told of it.
    fn told(&self) -> String {
        match (&self.result.outputs, &self.result.error) {
            (Some(outputs), None) => llmos_search::mask(outputs).into_owned(),
            (_, error) => {
                let error = error.as_deref().unwrap_or("The tool ended without an answer.");
                serde_json::json!({ "error": llmos_search::mask(error) }).to_string()
            }
        }
    }
}

pub fn read(rounds: &str) -> AppResult<Vec<Round>> {
    Ok(serde_json::from_str(rounds)?)
}

/// The whole text of some rounds.
pub fn text_of(rounds: &[Round]) -> String {
    let texts: Vec<&str> = rounds.iter().map(|round| round.text.trim_end()).filter(|text| !text.is_empty()).collect();
    texts.join("\n\n")
}

/// What the model has said and been told before, for its next request.
pub fn messages(rounds: &[Round]) -> Vec<Message> {
    let mut messages = Vec::new();
    for round in rounds {
        let call = |call: &RoundCall| ToolCall { id: call.call_id.clone(), name: call.name.clone(), arguments: call.inputs.clone() };
        messages.push(Message::assistant(&round.text, &round.calls.iter().map(call).collect::<Vec<_>>()));
        let told = |call: &RoundCall| Message::Tool { tool_call_id: call.call_id.clone(), content: call.told() };
        messages.extend(round.calls.iter().map(told));
    }
    messages
}

/// Cuts a text at a number of characters, and says so.
pub fn cut(text: String) -> String {
    match text.char_indices().nth(OUTPUT_MAX) {
        Some((at, _)) => format!("{}\n[cut: the output was longer than {OUTPUT_MAX} characters]", &text[..at]),
        None => text,
    }
}
