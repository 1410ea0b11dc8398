//! One run, as it is kept.

use serde::{Deserialize, Serialize};

/// What a trace may hold. Longer texts are cut, more steps are left out of the middle, and a [`Notice`] says so.
pub mod limits {
    /// Characters of an id.
    pub const ID: usize = 200;
    /// Characters of a goal.
    pub const GOAL: usize = 4_000;
    /// Characters of a step's name.
    pub const NAME: usize = 200;
    /// Characters of a step's input, and of its output.
    pub const TEXT: usize = 8_000;
    /// Steps of a trace.
    pub const STEPS: usize = 2_000;
    /// Skills that a run used.
    pub const SKILLS: usize = 50;
}

/// The record of one run. Nothing in it is trusted: goal, inputs and outputs are data of whoever ran it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trace {
    /// What its source calls it: a second one of the same id is the same run.
    pub id: String,
    pub goal: String,
    /// UTC milliseconds.
    pub started_at: i64,
    pub ended_at: i64,
    /// Who ran it, as the source names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What the source calls the conversation that it was a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// In the order in which they began; a parent stands before its children.
    pub steps: Vec<Step>,
    /// None where the source does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// From 1 to 5, by a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// Slugs of skills.
    pub skills_used: Vec<String>,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// US dollars.
    pub cost_usd: f64,
    /// What was put in order.
    pub notices: Vec<Notice>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Of the tool, the skill or the model.
    pub name: String,
    pub kind: StepKind,
    /// The number of the step that it is a part of, which is lower than its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// What it was given and what it gave, or summaries of them.
    pub input: String,
    pub output: String,
    pub outcome: Outcome,
    /// Milliseconds after the trace began; none where the source tells only the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_ms: Option<u64>,
    pub duration_ms: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StepKind {
    #[default]
    Tool,
    Skill,
    Llm,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    #[default]
    Ok,
    Error,
    Skipped,
}

/// What was not as it should be in a trace, and was put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// It has no goal.
    NoGoal,
    /// Texts were longer than [`limits`] and were cut.
    Cut,
    /// More steps than [`limits::STEPS`]: the middle was left out.
    StepsLeftOut,
    /// A step was its own ancestor, or named a parent that is not there.
    Parents,
    /// Something ended before it began, or began before the run did; or it was later than when it came in.
    Clock,
    /// Something that looks like a secret was masked.
    Masked,
    /// The goal, or a step, reads like an instruction to whoever reads it.
    Suspicious,
}
