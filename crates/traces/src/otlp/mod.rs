//! OpenTelemetry: what an exporter posts to `/v1/traces`, as Protocol Buffers or as JSON, with the semantic conventions for generative AI.
//!
//! | in a span | in a trace |
//! |---|---|
//! | trace id | `id`: spans of one id are one run |
//! | `gen_ai.operation.name` `chat`, `text_completion`, `generate_content`, `embeddings` | a step of the kind `llm`, named by `gen_ai.request.model` (or `…response.model`) |
//! | `execute_tool`, or `gen_ai.tool.name` | `tool`; if the tool is called `Skill` or the span has `gen_ai.skill.name`: `skill` |
//! | `invoke_agent`, `create_agent`, `invoke_workflow`, or `gen_ai.agent.name` | the run itself, if nothing is above it, otherwise a `tool` named by the agent |
//! | `gen_ai.usage.input_tokens`, `…output_tokens`, formerly `…prompt_tokens`, `…completion_tokens` | tokens; those of the run are the sum of its calls of models, or what its agent says if there are none |
//! | `gen_ai.tool.call.arguments`, `…result` | input and output |
//! | `gen_ai.input.messages`, `gen_ai.output.messages`, formerly events `gen_ai.*.message` and `gen_ai.choice`, `gen_ai.prompt`, `gen_ai.completion` | what the person said last is the goal; input and output |
//! | `gen_ai.conversation.id`, `session.id` | session |
//! | `user.id`, `enduser.id`, `user.name` | user |
//! | `error.type`, status | outcome; of the uppermost span: success |
//!
//! A trace comes in several requests, in any order, and often its root last. So what is read here is a [`Run`], which is kept, merged with what comes later, and made
//! a trace whenever one is wanted.
//!
//! Spans of anything else are left out; who was part of one belongs to the nearest ancestor that stays. Links, metrics, logs, the resource and the scope are not read.

mod answer;
mod messages;
mod run;

pub use answer::{answer, refusal};
pub use messages::{Read, read};
pub use run::Run;

use crate::fault::Fault;
use crate::model::Trace;

/// How a request is written; its answer is written in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// By the `Content-Type` of a request; none where OTLP knows no such type.
    #[must_use]
    pub fn of(content_type: &str) -> Option<Self> {
        match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Reads a whole file: one request, or, as collectors write files of JSON, one a line.
pub fn parse(bytes: &[u8], encoding: Encoding) -> impl Iterator<Item = Result<Trace, Fault>> + '_ {
    let mut all: Vec<Result<Trace, Fault>> = Vec::new();
    match read(bytes, encoding) {
        Ok(read) => {
            if read.runs.is_empty() && read.faults.is_empty() {
                all.push(Err(Fault::file(
                    "No span in this file is about a model, a tool or an agent: none has attributes that begin with `gen_ai.`.",
                )));
            }
            all.extend(read.runs.into_iter().map(|run| Ok(run.trace())));
            all.extend(read.faults.into_iter().map(Err));
        }
        Err(fault) => all.push(Err(fault)),
    }
    all.into_iter()
}

#[cfg(test)]
mod tests;
