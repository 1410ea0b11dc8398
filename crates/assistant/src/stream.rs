//! A model's answer, from the bytes of its stream.
//!
//! What differs from OpenAI's own is allowed for where services are known to differ: calls of tools whose id comes only with the first piece, whole
//! at once, without an `index` (the id then tells them apart), with `arguments` as an object; `content` that is null or missing; a stream without
//! `[DONE]`, without a count of tokens, or with it in the last piece; an `error` in the middle.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::sse::{Decoder, TooLong};

/// Bytes of the text of an answer.
pub const TEXT_MAX: usize = 256 * 1024;
/// Calls of one answer; further ones are left out.
pub const CALLS_MAX: usize = 32;
/// Bytes of the arguments of one call.
pub const ARGUMENTS_MAX: usize = 64 * 1024;
/// Characters of what a service says, when it is told to people.
const SAID_MAX: usize = 300;
/// Bytes of names and ids.
const NAME_MAX: usize = 256;

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("The language model's service ended in the middle of the answer.")]
    Cut,
    #[error("The language model's answer is longer than one may be.")]
    TooLong,
    #[error("The language model's service sent what is no answer: {0}")]
    NotEvents(String),
    /// The service says so in the middle of the stream.
    #[error("The language model's service ended the answer: {0}")]
    Refused(String),
}

impl From<TooLong> for Fault {
    fn from(_: TooLong) -> Self {
        Self::TooLong
    }
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub text: String,
    pub calls: Vec<ToolCall>,
    /// Calls that could not be read.
    pub malformed: Vec<Malformed>,
    pub finish: Finish,
    pub usage: Option<Usage>,
    /// The model that answered, as its service names it.
    pub model: Option<String>,
}

/// A call of a tool that the model wants to make.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub arguments: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub id: String,
    pub name: String,
    /// A sentence for the model.
    pub why: String,
}

/// Why the model ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finish {
    Stop,
    /// There was no room for more.
    Length,
    ToolCalls,
    /// The service withheld it.
    Filtered,
    Other(String),
}

impl Finish {
    fn of(reason: &str) -> Self {
        match reason {
            "stop" | "eos" | "end_turn" => Self::Stop,
            "length" | "max_tokens" | "model_length" => Self::Length,
            "tool_calls" | "function_call" => Self::ToolCalls,
            "content_filter" => Self::Filtered,
            other => Self::Other(one_line(other)),
        }
    }
}

/// Tokens, as the service counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub prompt: u64,
    pub completion: u64,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Option<Piece>,
    /// Of an answer that is not streamed.
    #[serde(default)]
    message: Option<Piece>,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Piece {
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<CallPiece>>,
}

#[derive(Deserialize)]
struct CallPiece {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<FunctionPiece>,
}

#[derive(Default, Deserialize)]
struct FunctionPiece {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    arguments: Option<Value>,
}

/// A call as far as it came.
#[derive(Debug, Default)]
struct Building {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    is_too_long: bool,
}

/// An answer that is on its way.
#[derive(Debug, Default)]
pub struct Answer {
    decoder: Decoder,
    text: String,
    calls: Vec<Building>,
    finish: Option<Finish>,
    usage: Option<Usage>,
    model: Option<String>,
    is_done: bool,
}

impl Answer {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they come, cut anywhere. The new pieces of text, in order.
    ///
    /// # Errors
    /// It is no stream of events, it is too long, or the service ended it with an error. What was read before stays.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<String>, Fault> {
        let mut pieces = Vec::new();
        for event in self.decoder.feed(bytes)? {
            pieces.extend(self.event(&event)?);
        }
        Ok(pieces)
    }

    /// Whether the answer is whole, though a count of tokens may follow.
    pub fn is_done(&self) -> bool {
        self.is_done || self.finish.is_some()
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer, when the stream has ended.
    ///
    /// # Errors
    /// [`Fault::Cut`]: it ended before the model did.
    pub fn finish(mut self) -> Result<Reply, Fault> {
        if let Some(event) = self.decoder.finish()? {
            self.event(&event)?;
        }
        if !self.is_done() {
            return Err(Fault::Cut);
        }
        Ok(self.reply())
    }

    fn event(&mut self, data: &[u8]) -> Result<Option<String>, Fault> {
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.is_done = true;
            return Ok(None);
        }
        if data.is_empty() || self.is_done {
            return Ok(None);
        }
        let chunk: Chunk = serde_json::from_slice(data).map_err(|_| Fault::NotEvents(one_line(&String::from_utf8_lossy(data))))?;
        self.chunk(chunk)
    }

    fn chunk(&mut self, chunk: Chunk) -> Result<Option<String>, Fault> {
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(Fault::Refused(message_of(&error)));
        }
        if let Some(usage) = &chunk.usage {
            let count = |name: &str| usage.get(name).and_then(Value::as_u64);
            if let (Some(prompt), Some(completion)) = (count("prompt_tokens"), count("completion_tokens")) {
                self.usage = Some(Usage { prompt, completion });
            }
        }
        self.model = self.model.take().or(chunk.model.map(|model| one_line(&model)));
        // More than one choice is never asked for.
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(None) };
        let piece = choice.delta.or(choice.message).unwrap_or_default();
        for call in piece.tool_calls.unwrap_or_default() {
            self.call(call);
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(Finish::of(&reason));
        }
        let text = piece.content.filter(|text| !text.is_empty());
        if let Some(text) = &text {
            if self.text.len() + text.len() > TEXT_MAX {
                return Err(Fault::TooLong);
            }
            self.text.push_str(text);
        }
        Ok(text)
    }

    fn call(&mut self, piece: CallPiece) {
        let id = piece.id.filter(|id| !id.is_empty());
        let known = match (piece.index, &id) {
            // A second call of the same index that names itself is another one: some services leave every index at 0.
            (Some(index), id) => self
                .calls
                .iter()
                .rposition(|call| call.index == Some(index) && id.as_ref().is_none_or(|id| call.id.is_empty() || call.id == *id)),
            (None, Some(id)) => self.calls.iter().position(|call| call.id == *id),
            // Without either it goes on with the last one, unless it names a tool.
            (None, None) if piece.function.as_ref().is_none_or(|function| function.name.is_none()) => self.calls.len().checked_sub(1),
            (None, None) => None,
        };
        let at = match known {
            Some(at) => at,
            None if self.calls.len() == CALLS_MAX => return,
            None => {
                self.calls.push(Building { index: piece.index, ..Building::default() });
                self.calls.len() - 1
            }
        };
        let Some(call) = self.calls.get_mut(at) else { return };
        if let Some(id) = id.filter(|_| call.id.is_empty()) {
            call.id = id.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
        }
        let function = piece.function.unwrap_or_default();
        // The name comes whole; some send it again with every piece.
        if let Some(name) = function.name.filter(|name| !name.is_empty() && call.name.is_empty()) {
            call.name = name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
        }
        let arguments = match function.arguments {
            Some(Value::String(text)) => text,
            Some(Value::Null) | None => String::new(),
            Some(value) => value.to_string(),
        };
        if call.arguments.len() + arguments.len() > ARGUMENTS_MAX {
            call.is_too_long = true;
        } else {
            call.arguments.push_str(&arguments);
        }
    }

    fn reply(self) -> Reply {
        let (mut calls, mut malformed) = (Vec::new(), Vec::new());
        for (at, call) in self.calls.into_iter().enumerate() {
            let id = if call.id.is_empty() { format!("call_{at}") } else { call.id };
            let name = if call.name.is_empty() { "unnamed".to_owned() } else { call.name.clone() };
            match arguments(&call.arguments) {
                _ if call.name.is_empty() => malformed.push(Malformed { id, name, why: "The call names no tool.".to_owned() }),
                _ if call.is_too_long => {
                    let why = format!("The arguments are longer than {ARGUMENTS_MAX} bytes.");
                    malformed.push(Malformed { id, name, why });
                }
                Ok(arguments) => calls.push(ToolCall { id, name, arguments }),
                Err(why) => malformed.push(Malformed { id, name, why }),
            }
        }
        let finish = self.finish.unwrap_or(if calls.is_empty() { Finish::Stop } else { Finish::ToolCalls });
        Reply { text: self.text, calls, malformed, finish, usage: self.usage, model: self.model }
    }
}

impl Reply {
    /// An answer that was not streamed.
    ///
    /// # Errors
    /// It is no answer, or says that there is none.
    pub fn from_json(body: &[u8]) -> Result<Self, Fault> {
        let chunk: Chunk = serde_json::from_slice(body).map_err(|_| Fault::NotEvents(one_line(&String::from_utf8_lossy(body))))?;
        if chunk.error.is_none() && chunk.choices.is_empty() {
            return Err(Fault::NotEvents("it has no choices.".to_owned()));
        }
        let mut answer = Answer::new();
        answer.chunk(chunk)?;
        Ok(answer.reply())
    }
}

/// The arguments of a call: a JSON object, or nothing at all.
fn arguments(text: &str) -> Result<Map<String, Value>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(Value::Null) => Ok(Map::new()),
        // Written as JSON in a string once more.
        Ok(Value::String(inner)) => match serde_json::from_str(&inner) {
            Ok(Value::Object(arguments)) => Ok(arguments),
            _ => Err("The arguments are no JSON object.".to_owned()),
        },
        Ok(_) => Err("The arguments are no JSON object.".to_owned()),
        Err(error) => Err(format!("The arguments are not valid JSON: {error}.")),
    }
}

/// What an `error` says: an object with a message, or the message.
pub(crate) fn message_of(error: &Value) -> String {
    let text = error.get("message").and_then(Value::as_str).or_else(|| error.as_str());
    one_line(text.unwrap_or("it does not say why."))
}

/// A text of a service as people may read it: short, on one line, without what looks like a key.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let is_key = word.contains("sk-")
            || word.contains("Bearer")
            || (word.len() > 40 && !word.contains('/') && word.chars().any(|c| c.is_ascii_digit()));
        let _ = write!(line, "{}{}", if line.is_empty() { "" } else { " " }, if is_key { "…" } else { word });
    }
    match line.char_indices().nth(SAID_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn events(chunks: &[Value]) -> Vec<u8> {
        let mut text: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
        text.push_str("data: [DONE]\n\n");
        text.into_bytes()
    }

    fn delta(delta: Value) -> Value {
        json!({ "object": "chat.completion.chunk", "model": "m-1", "choices": [{ "index": 0, "delta": delta, "finish_reason": null }] })
    }

    fn end(reason: &str) -> Value {
        json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
    }

    fn read(bytes: &[u8]) -> Result<Reply, Fault> {
        let mut answer = Answer::new();
        let pieces = answer.feed(bytes)?;
        assert_eq!(pieces.concat(), answer.text());
        answer.finish()
    }

    #[test]
    fn text_comes_in_pieces_with_a_count_at_the_end() {
        let reply = read(&events(&[
            delta(json!({ "role": "assistant", "content": "" })),
            delta(json!({ "content": "Good " })),
            delta(json!({ "content": null })),
            delta(json!({ "content": "day." })),
            end("stop"),
            json!({ "choices": [], "usage": { "prompt_tokens": 12, "completion_tokens": 3 } }),
        ]))
        .expect("an answer");
        assert_eq!((reply.text.as_str(), reply.finish), ("Good day.", Finish::Stop));
        assert_eq!(reply.usage, Some(Usage { prompt: 12, completion: 3 }));
        assert_eq!(reply.model.as_deref(), Some("m-1"));
    }

    fn calls(pieces: &[Value]) -> Vec<(String, String, Value)> {
        let mut chunks: Vec<Value> = pieces.iter().map(|piece| delta(json!({ "tool_calls": [piece] }))).collect();
        chunks.push(end("tool_calls"));
        let reply = read(&events(&chunks)).expect("an answer");
        assert_eq!(reply.malformed, []);
        reply.calls.into_iter().map(|call| (call.id, call.name, Value::Object(call.arguments))).collect()
    }

    #[test]
    fn calls_are_put_together_however_they_come() {
        let both = [("a".to_owned(), "add".to_owned(), json!({ "x": 1 })), ("b".to_owned(), "sub".to_owned(), json!({ "y": 2 }))];
        // As OpenAI sends them, mixed.
        let openai = calls(&[
            json!({ "index": 0, "id": "a", "type": "function", "function": { "name": "add", "arguments": "" } }),
            json!({ "index": 1, "id": "b", "type": "function", "function": { "name": "sub", "arguments": "{\"y\"" } }),
            json!({ "index": 0, "function": { "arguments": "{\"x\":" } }),
            json!({ "index": 1, "function": { "arguments": ": 2}" } }),
            json!({ "index": 0, "function": { "arguments": " 1}" } }),
        ]);
        assert_eq!(openai, both);
        // Whole, with every index 0; whole, without one; arguments as objects; in pieces without index.
        for whole in [json!(0), Value::Null] {
            let whole = calls(&[
                json!({ "index": whole, "id": "a", "function": { "name": "add", "arguments": "{\"x\":1}" } }),
                json!({ "index": whole, "id": "b", "function": { "name": "sub", "arguments": { "y": 2 } } }),
            ]);
            assert_eq!(whole, both);
        }
        let bare = calls(&[
            json!({ "id": "a", "function": { "name": "add", "arguments": "{\"x\":" } }),
            json!({ "function": { "arguments": "1}" } }),
            json!({ "id": "b", "function": { "name": "sub", "arguments": "\"{\\\"y\\\":2}\"" } }),
        ]);
        assert_eq!(bare, both);
        // Two without ids get some.
        let unnamed = calls(&[
            json!({ "index": 0, "function": { "name": "add", "arguments": "{}" } }),
            json!({ "index": 1, "function": { "name": "add" } }),
        ]);
        assert_eq!(unnamed, [("call_0".to_owned(), "add".to_owned(), json!({})), ("call_1".to_owned(), "add".to_owned(), json!({}))]);
    }

    #[test]
    fn broken_calls_say_what_is_wrong() {
        let long = "x".repeat(ARGUMENTS_MAX);
        let reply = read(&events(&[
            delta(json!({ "tool_calls": [
                { "index": 0, "id": "a", "function": { "name": "add", "arguments": "{\"x\": " } },
                { "index": 1, "id": "b", "function": { "name": "add", "arguments": "[1]" } },
                { "index": 2, "id": "c", "function": { "arguments": "{}" } },
                { "index": 3, "id": "d", "function": { "name": "add", "arguments": format!("\"{long}\"") } },
                { "index": 4, "id": "e", "function": { "name": "add", "arguments": "{}" } },
            ] })),
            end("tool_calls"),
        ]))
        .expect("an answer");
        assert_eq!(reply.calls.len(), 1);
        let why: Vec<&str> = reply.malformed.iter().map(|call| call.why.as_str()).collect();
        assert!(why[0].starts_with("The arguments are not valid JSON"), "{why:?}");
        assert_eq!(
            why[1..],
            ["The arguments are no JSON object.", "The call names no tool.", "The arguments are longer than 65536 bytes."]
        );
        let many: Vec<Value> = (0..100).map(|at| json!({ "index": at, "id": format!("c{at}"), "function": { "name": "add" } })).collect();
        assert_eq!(read(&events(&[delta(json!({ "tool_calls": many })), end("tool_calls")])).expect("an answer").calls.len(), CALLS_MAX);
    }

    #[test]
    fn faults_in_the_middle_are_told() {
        let half = format!("data: {}\n\n", delta(json!({ "content": "half" })));
        assert_eq!(read(half.as_bytes()), Err(Fault::Cut));
        let error = format!("{half}data: {}\n\n", json!({ "error": { "message": "overloaded\n for sk-abc123", "code": 529 } }));
        assert_eq!(read(error.as_bytes()), Err(Fault::Refused("overloaded for …".to_owned())));
        assert!(matches!(read(b"<html>busy</html>\n\ndata: <html>\n\n"), Err(Fault::NotEvents(_))));
        let long = format!("data: {}\n\n", delta(json!({ "content": "x".repeat(TEXT_MAX / 2 + 1) })));
        assert_eq!(read(format!("{long}{long}").as_bytes()), Err(Fault::TooLong));
        // Without the last empty line, and without [DONE].
        let bare = format!("{half}data: {}", end("length"));
        assert_eq!(read(bare.as_bytes()).map(|reply| reply.finish), Ok(Finish::Length));
    }

    #[test]
    fn an_answer_may_come_whole() {
        let body = json!({ "model": "m", "choices": [{ "message": { "content": "Yes.", "tool_calls": null }, "finish_reason": "stop" }],
            "usage": { "prompt_tokens": 1, "completion_tokens": 2 } });
        let reply = Reply::from_json(body.to_string().as_bytes()).expect("an answer");
        assert_eq!((reply.text.as_str(), reply.usage), ("Yes.", Some(Usage { prompt: 1, completion: 2 })));
        assert!(matches!(Reply::from_json(b"{}"), Err(Fault::NotEvents(_))));
        assert_eq!(Reply::from_json(br#"{"error":"no such model"}"#), Err(Fault::Refused("no such model".to_owned())));
        assert!(matches!(Reply::from_json(b"[]"), Err(Fault::NotEvents(_))));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_bytes_are_cut(cuts in prop::collection::vec(0_usize..900, 0..12), words in prop::collection::vec("[a-zé🙂]{1,6}", 1..8)) {
            let mut chunks: Vec<Value> = words.iter().map(|word| delta(json!({ "content": word }))).collect();
            chunks.push(delta(json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "f", "arguments": "{\"a\":\"ü\"}" } }] })));
            chunks.push(end("tool_calls"));
            let bytes = events(&chunks);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([bytes.len()]).collect();
            cuts.sort_unstable();
            let (mut answer, mut pieces, mut from) = (Answer::new(), String::new(), 0);
            for cut in cuts {
                pieces.extend(answer.feed(&bytes[from..cut]).expect("fine"));
                from = cut;
            }
            prop_assert_eq!(&pieces, answer.text());
            prop_assert_eq!(answer.finish(), read(&bytes));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), json in "(data: \\{\"choices\":\\[[\\[\\]{}a-z\":,0-9]{0,80}\n\n){0,3}") {
            for bytes in [bytes.as_slice(), json.as_bytes()] {
                let mut answer = Answer::new();
                let _ = answer.feed(bytes);
                let _ = answer.finish();
                let _ = Reply::from_json(bytes);
            }
        }
    }
}
