//! What is sent: the body of `POST {base}/chat/completions`.

use serde::Serialize;
use serde_json::Value;

use crate::stream::ToolCall;

#[derive(Clone, Debug, Serialize)]
pub struct ChatRequest<'a> {
    pub model: &'a str,
    pub messages: &'a [Message],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub tools: &'a [ToolSpec],
    pub stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub struct StreamOptions {
    /// Asks for a last chunk that counts the tokens.
    pub include_usage: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
pub enum Message {
    System {
        content: String,
    },
    User {
        content: String,
    },
    Assistant {
        content: Option<String>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<CallOut>,
    },
    /// What came of a call.
    Tool {
        tool_call_id: String,
        content: String,
    },
}

impl Message {
    /// What the model said before, with the calls that it made.
    pub fn assistant(text: &str, calls: &[ToolCall]) -> Self {
        let content = (!text.is_empty() || calls.is_empty()).then(|| text.to_owned());
        Self::Assistant { content, tool_calls: calls.iter().map(CallOut::of).collect() }
    }
}

/// A call that the model made, as it is told of it again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CallOut {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionOut,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct FunctionOut {
    name: String,
    /// JSON in a string, as the API has it.
    arguments: String,
}

impl CallOut {
    fn of(call: &ToolCall) -> Self {
        let arguments = serde_json::to_string(&call.arguments).unwrap_or_else(|_| "{}".to_owned());
        Self { id: call.id.clone(), kind: "function", function: FunctionOut { name: call.name.clone(), arguments } }
    }
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolSpec {
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionSpec,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct FunctionSpec {
    name: String,
    description: String,
    parameters: Value,
}

impl ToolSpec {
    /// `parameters`: the JSON Schema of an object; see [`crate::tools::name`] for names.
    pub fn new(name: &str, description: &str, parameters: Value) -> Self {
        let function = FunctionSpec { name: name.to_owned(), description: description.to_owned(), parameters };
        Self { kind: "function", function }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn a_request_is_written_as_the_api_reads_it() {
        let arguments: Map<String, Value> = [("city".to_owned(), json!("Rome"))].into_iter().collect();
        let call = ToolCall { id: "c1".to_owned(), name: "weather".to_owned(), arguments };
        let messages = [
            Message::System { content: "Be brief.".to_owned() },
            Message::User { content: "Ada: Rome?".to_owned() },
            Message::assistant("", &[call]),
            Message::Tool { tool_call_id: "c1".to_owned(), content: "{}".to_owned() },
            Message::assistant("Sunny.", &[]),
        ];
        let tools = [ToolSpec::new("weather", "The weather.", json!({ "type": "object" }))];
        let stream_options = Some(StreamOptions { include_usage: true });
        let request = ChatRequest { model: "m", messages: &messages, tools: &tools, stream: true, stream_options };
        assert_eq!(
            serde_json::to_value(request).expect("JSON"),
            json!({
                "model": "m",
                "messages": [
                    { "role": "system", "content": "Be brief." },
                    { "role": "user", "content": "Ada: Rome?" },
                    { "role": "assistant", "content": null, "tool_calls": [
                        { "id": "c1", "type": "function", "function": { "name": "weather", "arguments": "{\"city\":\"Rome\"}" } } ] },
                    { "role": "tool", "tool_call_id": "c1", "content": "{}" },
                    { "role": "assistant", "content": "Sunny." }
                ],
                "tools": [ { "type": "function", "function": { "name": "weather", "description": "The weather.", "parameters": { "type": "object" } } } ],
                "stream": true,
                "stream_options": { "include_usage": true }
            })
        );
    }
}
