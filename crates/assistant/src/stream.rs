//! A model's answer, from the bytes of its stream.
//!
//! What differs from OpenAI's own is allowed for where services are known to differ: calls of tools whose id comes only with the first piece or is
//! another one with each, whole at once, without an `index`, with the same one for all, with another one for the rest of a call than for its beginning,
//! with `arguments` as an object; `content` that is null, missing or in parts; a stream without `[DONE]`, without a count of tokens, or with it in the
//! last piece; an `error` in the middle, with or without something around it.

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
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    error: Option<Value>,
    /// Of an error that nothing is around, as vLLM and llama.cpp sent them.
    #[serde(default)]
    message: Option<Value>,
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
    /// A text; parts, some of them texts, from Mistral's models that think.
    #[serde(default)]
    content: Option<Value>,
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

impl Building {
    /// Its arguments are a whole object, so that nothing can be added. Looks at the end first: it is asked for with every piece that has a name.
    fn is_whole(&self) -> bool {
        self.arguments.trim_end().ends_with('}') && matches!(serde_json::from_str(&self.arguments), Ok(Value::Object(_)))
    }
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
        let mut events = Vec::new();
        let fed = self.decoder.feed(bytes, &mut events);
        for event in events {
            pieces.extend(self.event(&event)?);
        }
        fed?;
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
            match self.event(&event) {
                // Half an event: what is whole before it stays, and what is not was cut.
                Err(Fault::NotEvents(_)) if event.trim_ascii_start().starts_with(b"{") => {}
                taken => drop(taken?),
            }
        }
        let is_empty = self.text.is_empty() && self.calls.is_empty() && self.model.is_none();
        match self.decoder.stray() {
            _ if self.is_done() => Ok(self.reply()),
            Some(line) if is_empty => Err(Fault::NotEvents(one_line(&String::from_utf8_lossy(line)))),
            _ => Err(Fault::Cut),
        }
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
        if let (None, Some(message @ Value::String(_))) = (&chunk.choices, &chunk.message) {
            return Err(Fault::Refused(message_of(message)));
        }
        if let Some(usage) = &chunk.usage {
            let count = |name: &str| usage.get(name).and_then(Value::as_u64);
            if let (Some(prompt), Some(completion)) = (count("prompt_tokens"), count("completion_tokens")) {
                self.usage = Some(Usage { prompt, completion });
            }
        }
        self.model = self.model.take().or(chunk.model.map(|model| one_line(&model)));
        // More than one choice is never asked for.
        let Some(choice) = chunk.choices.into_iter().flatten().next() else { return Ok(None) };
        let piece = choice.delta.or(choice.message).unwrap_or_default();
        for call in piece.tool_calls.unwrap_or_default() {
            self.call(call);
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(Finish::of(&reason));
        }
        let text = piece.content.map(content).filter(|text| !text.is_empty());
        if let Some(text) = &text {
            if self.text.len() + text.len() > TEXT_MAX {
                return Err(Fault::TooLong);
            }
            self.text.push_str(text);
        }
        Ok(text)
    }

    fn call(&mut self, piece: CallPiece) {
        let id = piece.id.filter(|id| !id.is_empty()).map(|id| bounded(&id)).unwrap_or_default();
        let function = piece.function.unwrap_or_default();
        let name = function.name.map(|name| bounded(&name)).unwrap_or_default();
        let arguments = match function.arguments {
            Some(Value::String(text)) => text,
            Some(Value::Null) | None => String::new(),
            Some(value) => value.to_string(),
        };
        let known = self.known(piece.index, &id, &name).filter(|at| {
            // Named again and with more arguments, although it has all of them: another call under the same index or id.
            name.is_empty() || arguments.is_empty() || self.calls.get(*at).is_none_or(|call| !call.is_whole())
        });
        let at = match known {
            Some(at) => at,
            None if self.calls.len() == CALLS_MAX => return,
            None => {
                self.calls.push(Building { index: piece.index, ..Building::default() });
                self.calls.len() - 1
            }
        };
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            call.id = id;
        }
        // The name comes whole; some send it again with every piece.
        if call.name.is_empty() {
            call.name = name;
        }
        if call.arguments.len() + arguments.len() > ARGUMENTS_MAX {
            call.is_too_long = true;
        } else {
            call.arguments.push_str(&arguments);
        }
    }

    /// The call that a piece goes on with: the one of its id, else of its index, else the last one. None if it begins one.
    fn known(&self, index: Option<u64>, id: &str, name: &str) -> Option<usize> {
        let by_index = || index.and_then(|index| self.calls.iter().rposition(|call| call.index == Some(index)));
        let last = self.calls.len().checked_sub(1);
        // What names a tool begins a call, unless the one that it would go on with waits for just that.
        let goes_on = |at: &usize| name.is_empty() || self.calls.get(*at).is_some_and(|call| call.name.is_empty());
        if id.is_empty() {
            return by_index().or_else(|| last.filter(goes_on));
        }
        // An id that is new goes on with a call only if that has none yet, or if the service makes up another id for each piece.
        let is_open = |at: &usize| name.is_empty() || self.calls.get(*at).is_some_and(|call| call.id.is_empty());
        self.calls.iter().rposition(|call| call.id == id).or_else(|| by_index().filter(is_open))
    }

    fn reply(self) -> Reply {
        let (mut calls, mut malformed) = (Vec::new(), Vec::new());
        let mut ids: Vec<String> = Vec::new();
        for (at, call) in self.calls.into_iter().enumerate() {
            // Each id once: what a call gave is told to the model by it.
            let mut id = call.id;
            let mut number = at;
            while id.is_empty() || ids.contains(&id) {
                id = format!("call_{number}");
                number += CALLS_MAX;
            }
            ids.push(id.clone());
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
        if chunk.error.is_none() && chunk.message.is_none() && chunk.choices.as_ref().is_none_or(Vec::is_empty) {
            return Err(Fault::NotEvents("it has no choices.".to_owned()));
        }
        let mut answer = Answer::new();
        answer.chunk(chunk)?;
        Ok(answer.reply())
    }
}

/// A text, or the texts among parts.
fn content(content: Value) -> String {
    match content {
        Value::String(text) => text,
        Value::Array(parts) => {
            let is_text = |part: &&Value| part.get("type").and_then(Value::as_str) == Some("text");
            parts.iter().filter(is_text).filter_map(|part| part.get("text")?.as_str()).collect()
        }
        _ => String::new(),
    }
}

/// A name or an id.
fn bounded(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect()
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

/// How keys of well-known services begin; `eyJ` begins a JSON Web Token.
const KEYS: [&str; 7] = ["sk-", "sk_", "gsk_", "xai-", "hf_", "AIza", "eyJ"];
/// Letters and digits without a break, so many of them, are a key and no word.
const RANDOM: usize = 24;

/// A text of a service as people may read it: short, on one line, without what looks like a key.
pub(crate) fn one_line(text: &str) -> String {
    // Bounded before it is looked through; a key that reaches over the end of what is shown is still whole enough to be known as one.
    let text: String = text.chars().take(4 * SAID_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*' | '…' | '+' | '~');
    let (mut line, mut rest, mut after_bearer) = (String::new(), text.as_str(), false);
    while let Some(first) = rest.chars().next() {
        let (run, next) = rest.split_at(rest.find(|c| of_key(c) != of_key(first)).unwrap_or(rest.len()));
        rest = next;
        if !of_key(first) {
            line.push_str(run);
        } else if std::mem::replace(&mut after_bearer, run.eq_ignore_ascii_case("bearer")) || is_key(run) {
            line.push('…');
        } else {
            line.push_str(run);
        }
    }
    match line.char_indices().nth(SAID_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

fn is_key(run: &str) -> bool {
    let begin = run.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_random =
        |part: &str| part.len() >= RANDOM && part.bytes().any(|b| b.is_ascii_digit()) && part.bytes().any(|b| b.is_ascii_alphabetic());
    KEYS.iter().any(|key| begin.get(..key.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(key)))
        || run.split(|c: char| !c.is_ascii_alphanumeric()).any(is_random)
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

    /// Names, ids and arguments of the calls that pieces make.
    fn made(pieces: &[Value]) -> Vec<(String, String, Value)> {
        let chunks: Vec<Value> = pieces.iter().map(|piece| delta(json!({ "tool_calls": [piece] }))).chain([end("tool_calls")]).collect();
        let reply = read(&events(&chunks)).expect("an answer");
        assert_eq!(reply.malformed, []);
        reply.calls.into_iter().map(|call| (call.name, call.id, Value::Object(call.arguments))).collect()
    }

    #[test]
    fn numbers_and_ids_of_calls_need_not_be_right() {
        let two = |first: &str, second: &str| {
            vec![("a".to_owned(), first.to_owned(), json!({ "x": 1 })), ("b".to_owned(), second.to_owned(), json!({ "y": 2 }))]
        };
        // The rest of the second call under an index that did not begin it.
        assert_eq!(
            made(&[
                json!({ "index": 0, "id": "c1", "function": { "name": "a", "arguments": "{\"x\":1}" } }),
                json!({ "index": 0, "id": "c2", "function": { "name": "b", "arguments": "" } }),
                json!({ "index": 1, "function": { "arguments": "{\"y\":2}" } }),
            ]),
            two("c1", "c2")
        );
        // Another id with each piece.
        assert_eq!(
            made(&[
                json!({ "index": 0, "id": "r1", "function": { "name": "a", "arguments": "{\"x\"" } }),
                json!({ "index": 0, "id": "r2", "function": { "arguments": ":1}" } }),
                json!({ "index": 1, "id": "r3", "function": { "name": "b", "arguments": "{\"y\":2}" } }),
            ]),
            two("r1", "r3")
        );
        // Whole calls without ids, all with the same index; then with the same id; then in pieces whose name is empty.
        let whole = |id: Value, index: Value| {
            made(&[
                json!({ "index": index, "id": id, "function": { "name": "a", "arguments": { "x": 1 } } }),
                json!({ "index": index, "id": id, "function": { "name": "b", "arguments": { "y": 2 } } }),
            ])
        };
        assert_eq!(whole(Value::Null, json!(0)), two("call_0", "call_1"));
        assert_eq!(whole(Value::Null, Value::Null), two("call_0", "call_1"));
        assert_eq!(whole(json!("call_1"), Value::Null), two("call_1", "call_33"));
        assert_eq!(
            made(&[
                json!({ "function": { "name": "a", "arguments": "{\"x\"" } }),
                json!({ "function": { "name": "", "arguments": ":1}" } }),
                json!({ "function": { "name": "b", "arguments": "{\"y\":2}" } }),
            ]),
            two("call_0", "call_1")
        );
    }

    #[test]
    fn texts_may_come_in_parts_and_errors_bare() {
        let parts = json!({ "content": [{ "type": "thinking", "thinking": [{ "type": "text", "text": "Hm." }] }, { "type": "text", "text": "Yes." }] });
        let counted = json!({ "choices": null, "usage": { "prompt_tokens": 1, "completion_tokens": 2 } });
        let reply = read(&events(&[delta(parts), end("stop"), counted])).expect("an answer");
        assert_eq!((reply.text.as_str(), reply.usage), ("Yes.", Some(Usage { prompt: 1, completion: 2 })));
        let bare = json!({ "object": "error", "message": "out of memory", "code": 500 });
        assert_eq!(read(&events(&[bare])), Err(Fault::Refused("out of memory".to_owned())));
        assert_eq!(read(b"error: {\"code\":500,\"message\":\"busy\"}\n\n"), Err(Fault::Refused("busy".to_owned())));
    }

    #[test]
    fn keys_of_any_service_are_left_out() {
        assert_eq!(one_line("key=\"gsk_1\", or Authorization: Bearer abc.def;\nSK-x"), "key=\"…\", or Authorization: Bearer …; …");
        assert_eq!(
            one_line("a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4 for Mistral-7B-Instruct-v0.3 on a full disk-array"),
            "… for Mistral-7B-Instruct-v0.3 on a full disk-array"
        );
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
        // Half an event at the end is no answer, and takes nothing from one.
        assert_eq!(read(format!("{half}data: {{\"choi").as_bytes()), Err(Fault::Cut));
        assert_eq!(read(format!("data: {}\n\ndata: {{\"usa", end("stop")).as_bytes()).map(|reply| reply.finish), Ok(Finish::Stop));
        assert_eq!(read(b"Welcome to\nnothing"), Err(Fault::NotEvents("Welcome to".to_owned())));
        assert_eq!(read(b""), Err(Fault::Cut));
        // What came before a line that is too long is given, wherever the bytes are cut.
        let mut answer = Answer::new();
        assert_eq!(answer.feed(&[half.as_bytes(), &vec![b'x'; crate::sse::LINE_MAX + 1]].concat()), Err(Fault::TooLong));
        assert_eq!(answer.text(), "half");
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
