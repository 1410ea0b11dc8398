//! The spans of one trace id, and the trace that they make.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::messages::{AnyValue, KeyValue, Span};
use crate::json::whole;
use crate::model::{Notice, Outcome, Step, StepKind, Trace, limits};
use crate::text::{MOST_STEPS_READ, keep};

/// Spans of something else that may stand between a span and the one that it is part of.
const DEEPEST: usize = 1_000;
/// Spans that are kept of a run, however many requests bring them.
const MOST_SPANS: usize = MOST_STEPS_READ;
/// Bytes of JSON that their texts are kept in.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What is known so far of one trace id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The trace id, in hexadecimal digits.
    pub id: String,
    spans: Vec<Kept>,
    /// What was put in order of it already: what was masked, cut and left out is not there any more to be found again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notices: Vec<Notice>,
}

/// What is kept of a span.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    id: String,
    parent: String,
    role: Role,
    name: String,
    start_ns: u64,
    end_ns: u64,
    /// None where it does not tell.
    success: Option<bool>,
    input: String,
    output: String,
    /// What the person said last.
    said: String,
    model: Option<String>,
    session: Option<String>,
    user: Option<String>,
    tokens_in: u64,
    tokens_out: u64,
    cost_usd: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Agent,
    Llm,
    Skill,
    Tool,
    /// Of something else; kept for who stands below it.
    #[default]
    Between,
}

impl Run {
    /// Of one span.
    pub(super) fn of(span: &Span) -> Result<Self, String> {
        if span.trace_id.len() != 16 || span.trace_id.iter().all(|&b| b == 0) {
            return Err("A trace id has 16 bytes, not all of them zero.".into());
        }
        if span.span_id.len() != 8 || span.span_id.iter().all(|&b| b == 0) {
            return Err("A span id has 8 bytes, not all of them zero.".into());
        }
        let told = Told(&span.attributes);
        let role = told.role();
        let parent = hex(&span.parent_span_id);
        if role == Role::Between {
            let kept = Kept { id: hex(&span.span_id), parent, ..Kept::default() };
            return Ok(Self { id: hex(&span.trace_id), spans: vec![kept], ..Self::default() });
        }
        let input = told.messages(&["gen_ai.input.messages", "gen_ai.prompt"]).or_else(|| spoken(span, false));
        let output = told.messages(&["gen_ai.output.messages", "gen_ai.completion"]).or_else(|| spoken(span, true));
        let said = input.as_ref().and_then(said_last).unwrap_or_default();
        let (input, output) = match role {
            Role::Tool | Role::Skill => (
                told.text(&["gen_ai.tool.call.arguments", "gen_ai.tool.arguments"]),
                told.text(&["gen_ai.tool.call.result", "gen_ai.tool.result"]),
            ),
            _ => (input.as_ref().and_then(last), output.as_ref().and_then(last)),
        };
        let model = told.text(&["gen_ai.request.model", "gen_ai.response.model"]);
        let name = match role {
            Role::Llm => model.clone(),
            Role::Agent => told.text(&["gen_ai.agent.name", "gen_ai.workflow.name"]),
            Role::Skill => told.text(&["gen_ai.skill.name"]).or_else(|| named_skill(input.as_deref()?)),
            Role::Tool | Role::Between => told.text(&["gen_ai.tool.name"]),
        };
        let failed = told.has("error.type");
        let success = match span.status.as_ref().map(|status| status.code) {
            Some(2) => Some(false),
            _ if failed => Some(false),
            Some(1) => Some(true),
            _ => None,
        };
        let mut output = output.unwrap_or_default();
        if output.is_empty() && success == Some(false) {
            output = span
                .status
                .as_ref()
                .map(|status| status.message.clone())
                .filter(|m| !m.is_empty())
                .or_else(|| told.text(&["error.type"]))
                .unwrap_or_default();
        }
        let kept = Kept {
            id: hex(&span.span_id),
            parent,
            role,
            name: keep(name.unwrap_or_else(|| span.name.clone()), limits::NAME),
            start_ns: span.start,
            end_ns: span.end,
            success,
            input: keep(input.unwrap_or_default(), limits::TEXT),
            output: keep(output, limits::TEXT),
            said: keep(said, limits::GOAL),
            model,
            session: told.text(&["gen_ai.conversation.id", "session.id"]),
            user: told.text(&["user.id", "enduser.id", "user.name"]),
            tokens_in: told.count(&["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]),
            tokens_out: told.count(&["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]),
            cost_usd: told.number(&["gen_ai.usage.cost"]).filter(|cost| cost.is_finite() && *cost > 0.0).unwrap_or_default(),
        };
        Ok(Self { id: hex(&span.trace_id), spans: vec![kept], ..Self::default() })
    }

    /// Takes in what came later. A span that is there already is replaced: exporters repeat what was not answered in time. A run does not grow without end: of
    /// more than 20,000 spans the middle is left out, and of more than 16 MB of texts those in the middle.
    pub fn merge(&mut self, later: Self) {
        self.append(later);
        self.settle();
        self.bound(MOST_SPANS, MOST_BYTES);
    }

    /// Takes secrets out of its texts, before it is kept. A second time changes nothing, if masking a masked text changes nothing.
    pub fn mask(&mut self, mask: impl Fn(&str) -> Cow<'_, str>) {
        let mut is_masked = false;
        for span in &mut self.spans {
            for text in [&mut span.name, &mut span.input, &mut span.output, &mut span.said] {
                if let Cow::Owned(better) = mask(text.as_str())
                    && better != *text
                {
                    *text = better;
                    is_masked = true;
                }
            }
        }
        if is_masked {
            self.note(Notice::Masked);
        }
        self.bound(MOST_SPANS, MOST_BYTES);
    }

    fn note(&mut self, notice: Notice) {
        if !self.notices.contains(&notice) {
            self.notices.push(notice);
        }
    }

    /// Leaves out what stands in the middle. Agents stay: the one above everything says how it ended, and often comes last.
    fn bound(&mut self, spans: usize, bytes: usize) {
        if self.spans.len() > spans {
            let mut order: Vec<usize> = (0..self.spans.len()).filter(|at| self.spans[*at].role != Role::Agent).collect();
            order.sort_by_key(|at| self.spans[*at].start_ns);
            let gone = (self.spans.len() - spans).min(order.len());
            let first = (order.len() - gone) / 2;
            let mut is_gone = vec![false; self.spans.len()];
            order[first..first + gone].iter().for_each(|at| is_gone[*at] = true);
            let mut at = 0;
            self.spans.retain(|_| {
                at += 1;
                !is_gone[at - 1]
            });
            self.note(Notice::StepsLeftOut);
        }
        let weight = |span: &Kept| [&span.input, &span.output, &span.said].into_iter().map(|text| in_json(text)).sum::<usize>();
        let mut all: usize = self.spans.iter().map(weight).sum();
        if all <= bytes {
            return;
        }
        let mut order: Vec<usize> = (0..self.spans.len()).collect();
        order.sort_by_key(|at| self.spans[*at].start_ns);
        let middle = order.len() / 2;
        // From the middle on, to both sides.
        let outwards = (0..order.len()).map(|step| if step.is_multiple_of(2) { middle + step / 2 } else { middle - step.div_ceil(2) });
        for at in outwards.filter_map(|place| order.get(place).copied()) {
            if all <= bytes {
                break;
            }
            let span = &mut self.spans[at];
            all -= in_json(&span.input) + in_json(&span.output);
            (span.input, span.output) = (String::new(), String::new());
        }
        self.note(Notice::Cut);
    }

    pub(super) fn append(&mut self, later: Self) {
        self.spans.extend(later.spans);
        later.notices.into_iter().for_each(|notice| self.note(notice));
    }

    /// Of several spans of one id the last one stays, in the place of the first.
    pub(super) fn settle(&mut self) {
        let mut at: HashMap<String, usize> = HashMap::with_capacity(self.spans.len());
        for span in std::mem::take(&mut self.spans) {
            match at.get(&span.id) {
                Some(&old) => self.spans[old] = span,
                None => {
                    at.insert(span.id.clone(), self.spans.len());
                    self.spans.push(span);
                }
            }
        }
    }

    /// How many spans are about something else.
    pub(super) fn others(&self) -> usize {
        self.spans.iter().filter(|span| span.role == Role::Between).count()
    }

    /// How many spans are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The trace, as far as it is known.
    #[must_use]
    pub fn trace(&self) -> Trace {
        let by_id: HashMap<&str, &Kept> = self.spans.iter().map(|span| (span.id.as_str(), span)).collect();
        // The nearest span above that is shown. Spans may stand in a circle.
        let above = |span: &Kept| {
            let mut parent = by_id.get(span.parent.as_str());
            for _ in 0..DEEPEST {
                match parent {
                    Some(between) if between.role == Role::Between => parent = by_id.get(between.parent.as_str()),
                    found => return found.copied(),
                }
            }
            None
        };
        let mut order: Vec<&Kept> = self.spans.iter().filter(|span| span.role != Role::Between).collect();
        order.sort_by_key(|span| (span.start_ns, span.id.as_str()));
        // The run itself, where one agent stands above everything.
        let mut tops = order.iter().filter(|span| above(span).is_none());
        let root = match (tops.next(), tops.next()) {
            (Some(top), None) if top.role == Role::Agent => Some(*top),
            _ => None,
        };
        let started = order.iter().map(|span| span.start_ns).min().unwrap_or_default();
        let ended = order.iter().map(|span| span.end_ns).max().unwrap_or_default();

        let mut trace = Trace {
            id: self.id.clone(),
            started_at: milliseconds(started),
            ended_at: milliseconds(ended),
            notices: self.notices.clone(),
            ..Trace::default()
        };
        let mut place: HashMap<&str, usize> = HashMap::new();
        let shown = order.iter().filter(|span| root.is_none_or(|root| root.id != span.id));
        for span in shown.clone().take(MOST_STEPS_READ) {
            place.insert(&span.id, place.len());
        }
        for span in shown {
            if trace.steps.len() == MOST_STEPS_READ {
                trace.notices.push(Notice::StepsLeftOut);
                break;
            }
            if span.role == Role::Skill && !trace.skills_used.contains(&span.name) {
                trace.skills_used.push(span.name.clone());
            }
            if span.end_ns < span.start_ns && !trace.notices.contains(&Notice::Clock) {
                trace.notices.push(Notice::Clock);
            }
            trace.steps.push(Step {
                name: span.name.clone(),
                kind: match span.role {
                    Role::Llm => StepKind::Llm,
                    Role::Skill => StepKind::Skill,
                    Role::Tool | Role::Agent | Role::Between => StepKind::Tool,
                },
                parent: above(span).and_then(|parent| place.get(parent.id.as_str())).copied(),
                input: span.input.clone(),
                output: span.output.clone(),
                outcome: if span.success == Some(false) { Outcome::Error } else { Outcome::Ok },
                offset_ms: Some((span.start_ns - started) / 1_000_000),
                duration_ms: span.end_ns.saturating_sub(span.start_ns) / 1_000_000,
                tokens_in: span.tokens_in,
                tokens_out: span.tokens_out,
            });
        }

        // Agents often tell again what their calls have told.
        let calls = order.iter().filter(|span| span.role == Role::Llm);
        let counted: Vec<&&Kept> = match calls.clone().any(|span| span.tokens_in + span.tokens_out > 0) {
            true => calls.collect(),
            false => order.iter().filter(|span| above(span).is_none()).collect(),
        };
        for span in counted {
            trace.tokens_in = trace.tokens_in.saturating_add(span.tokens_in);
            trace.tokens_out = trace.tokens_out.saturating_add(span.tokens_out);
            trace.cost_usd += span.cost_usd;
        }
        let first = |get: fn(&Kept) -> Option<&String>| root.and_then(get).or_else(|| order.iter().find_map(|span| get(span))).cloned();
        trace.goal = first(|span| Some(&span.said).filter(|said| !said.is_empty())).unwrap_or_default();
        trace.model = first(|span| span.model.as_ref());
        trace.session = first(|span| span.session.as_ref());
        trace.user = first(|span| span.user.as_ref());
        trace.success = root.and_then(|root| root.success);
        trace
    }
}

/// The bytes that a text has in JSON.
fn in_json(text: &str) -> usize {
    let bytes = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(bytes).sum()
}

fn milliseconds(ns: u64) -> i64 {
    // Less than 2^63 by far.
    (ns / 1_000_000) as i64
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The attributes of a span.
struct Told<'a>(&'a [KeyValue]);

impl<'a> Told<'a> {
    fn value(&self, key: &str) -> Option<&'a AnyValue> {
        self.0.iter().find(|pair| pair.key == key)?.value.as_ref()
    }

    fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The first of these that tells something.
    fn text(&self, keys: &[&str]) -> Option<String> {
        keys.iter().find_map(|key| Some(self.value(key)?.text()).filter(|text| !text.is_empty()))
    }

    fn number(&self, keys: &[&str]) -> Option<f64> {
        keys.iter().find_map(|key| self.value(key)?.number())
    }

    fn count(&self, keys: &[&str]) -> u64 {
        whole(self.number(keys)).0
    }

    fn role(&self) -> Role {
        if !self.0.iter().any(|pair| pair.key.starts_with("gen_ai.")) {
            return Role::Between;
        }
        let tool = || match self.text(&["gen_ai.tool.name"]).as_deref() {
            Some("Skill") => Role::Skill,
            _ if self.has("gen_ai.skill.name") => Role::Skill,
            _ => Role::Tool,
        };
        match self.text(&["gen_ai.operation.name"]).as_deref() {
            Some("execute_tool") => tool(),
            Some("invoke_agent" | "create_agent" | "invoke_workflow") => Role::Agent,
            Some("chat" | "text_completion" | "generate_content" | "embeddings" | "completion") => Role::Llm,
            // Older instrumentations, and operations that come to be known later.
            _ if self.has("gen_ai.tool.name") || self.has("gen_ai.skill.name") => tool(),
            _ if self.has("gen_ai.request.model") || self.has("gen_ai.response.model") => Role::Llm,
            _ if self.has("gen_ai.agent.name") => Role::Agent,
            _ => Role::Between,
        }
    }

    /// Messages, whether they are values of their own or JSON in a text; or, as they were once, in numbered attributes.
    fn messages(&self, keys: &[&str]) -> Option<Json> {
        let found = keys.iter().find_map(|key| self.value(key));
        if let Some(value) = found {
            return Some(match value.json() {
                Json::String(text) => {
                    serde_json::from_str(&text).ok().filter(|json: &Json| json.is_array() || json.is_object()).unwrap_or(Json::String(text))
                }
                other => other,
            });
        }
        let prefix = format!("{}.", keys.last()?);
        let mut numbered: Vec<(usize, Json)> = Vec::new();
        for pair in self.0 {
            let Some((number, "content")) = pair.key.strip_prefix(&prefix).and_then(|rest| rest.split_once('.')) else { continue };
            let (Ok(number), Some(content)) = (number.parse(), pair.value.as_ref()) else { continue };
            let role = self.text(&[&format!("{prefix}{number}.role")]).unwrap_or_default();
            numbered.push((number, serde_json::json!({ "role": role, "content": content.text() })));
        }
        numbered.sort_by_key(|(number, _)| *number);
        (!numbered.is_empty()).then(|| numbered.into_iter().map(|(_, message)| message).collect())
    }
}

/// Messages that are events of the span, as the conventions once had it.
fn spoken(span: &Span, is_output: bool) -> Option<Json> {
    let mut messages = Vec::new();
    for event in &span.events {
        let told = Told(&event.attributes);
        let role = match event.name.as_str() {
            "gen_ai.client.inference.operation.details" => {
                let found = told.messages(&[if is_output { "gen_ai.output.messages" } else { "gen_ai.input.messages" }]);
                if found.is_some() {
                    return found;
                }
                continue;
            }
            "gen_ai.content.prompt" if !is_output => match told.messages(&["gen_ai.prompt"]) {
                Some(found) => return Some(found),
                None => continue,
            },
            "gen_ai.content.completion" if is_output => match told.messages(&["gen_ai.completion"]) {
                Some(found) => return Some(found),
                None => continue,
            },
            "gen_ai.choice" if is_output => "assistant",
            "gen_ai.user.message" if !is_output => "user",
            "gen_ai.system.message" if !is_output => "system",
            "gen_ai.assistant.message" if !is_output => "assistant",
            "gen_ai.tool.message" if !is_output => "tool",
            _ => continue,
        };
        if let Some(content) = told.text(&["content", "gen_ai.event.content", "message"]) {
            messages.push(serde_json::json!({ "role": role, "content": content }));
        }
    }
    (!messages.is_empty()).then_some(Json::Array(messages))
}

/// What the person said last; of a text without roles, all of it.
fn said_last(messages: &Json) -> Option<String> {
    match messages {
        Json::Array(messages) => {
            let of_user =
                |message: &&Json| message.get("role").and_then(Json::as_str).is_some_and(|role| role.eq_ignore_ascii_case("user"));
            messages.iter().rev().filter(of_user).map(content).find(|text| !text.is_empty())
        }
        Json::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// What the last message says.
fn last(messages: &Json) -> Option<String> {
    match messages {
        Json::Array(messages) => messages.iter().rev().map(content).find(|text| !text.is_empty()),
        Json::String(text) => Some(text.clone()),
        other => Some(content(other)).filter(|text| !text.is_empty()),
    }
}

/// The texts of a message, and which tools it calls. Parts of it are `parts` by the conventions, `content` by the services.
fn content(message: &Json) -> String {
    let texts = |parts: &[Json]| parts.iter().map(part).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    match (message.get("parts"), message.get("content")) {
        (Some(Json::Array(parts)), _) | (_, Some(Json::Array(parts))) => texts(parts),
        (_, Some(Json::String(text))) => text.trim().to_owned(),
        _ => String::new(),
    }
}

fn part(part: &Json) -> String {
    let text = |key: &str| part.get(key).and_then(Json::as_str).map(str::to_owned);
    let any = |key: &str| part.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default();
    match part.get("type").and_then(Json::as_str) {
        Some("tool_call") => format!("{} {}", any("name"), any("arguments")).trim().to_owned(),
        Some("tool_call_response") => {
            if part.get("response").is_some() {
                any("response")
            } else {
                any("result")
            }
        }
        // Not meant for whoever asked.
        Some("reasoning" | "thinking") => String::new(),
        _ => text("content").or_else(|| text("text")).unwrap_or_default(),
    }
}

/// The skill that the tool of this name was asked for.
fn named_skill(arguments: &str) -> Option<String> {
    let arguments: Json = serde_json::from_str(arguments).ok()?;
    let name = arguments.get("skill").or_else(|| arguments.get("command"))?.as_str()?;
    name.rsplit(':').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(spans: usize, text: usize) -> Run {
        let span = |at: usize| Kept {
            id: format!("{at:016x}"),
            role: if at == 0 { Role::Agent } else { Role::Tool },
            name: format!("tool {at}"),
            start_ns: at as u64 * 1_000_000,
            end_ns: at as u64 * 1_000_000,
            input: "x".repeat(text),
            ..Kept::default()
        };
        Run { id: "a".into(), spans: (0..spans).map(span).collect(), ..Run::default() }
    }

    #[test]
    fn a_run_does_not_grow_without_end() {
        let mut long = run(101, 10);
        long.bound(40, usize::MAX);
        assert_eq!((long.len(), long.notices.clone()), (40, vec![Notice::StepsLeftOut]));
        assert!(long.spans.iter().any(|span| span.role == Role::Agent) && long.spans.iter().any(|span| span.name == "tool 100"));
        let mut large = run(101, 10);
        large.bound(usize::MAX, 500);
        let texts = |run: &Run| run.spans.iter().map(|span| span.input.len()).sum::<usize>();
        assert!(large.len() == 101 && texts(&large) <= 500 && texts(&large) > 480, "{}", texts(&large));
        assert!(!large.spans[0].input.is_empty() && !large.spans[100].input.is_empty() && large.spans[50].input.is_empty());
        assert!(large.trace().notices.contains(&Notice::Cut));
    }

    #[test]
    fn what_is_kept_of_a_run_has_no_secrets() {
        let mut secret = run(2, 0);
        secret.spans[1].input = "the key is hunter2".into();
        secret.mask(|text| Cow::Owned(text.replace("hunter2", "[secret]")));
        let kept = serde_json::to_string(&secret).unwrap_or_default();
        assert!(!kept.contains("hunter2"), "{kept}");
        let mut read: Run = serde_json::from_str(&kept).unwrap_or_default();
        read.merge(run(2, 0));
        assert!(read.trace().notices.contains(&Notice::Masked));
    }

    #[test]
    fn the_bytes_of_a_text_in_json_are_known() {
        for text in ["plain", "a \"quote\" and a \\", "line\nline\u{1}", "é"] {
            assert_eq!(in_json(text) + 2, serde_json::to_string(text).unwrap_or_default().len(), "{text:?}");
        }
    }
}
