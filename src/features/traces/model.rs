//! Traces as pages and programs see them.

use llmos_traces::{Notice, Outcome, StepKind};
use serde::{Deserialize, Serialize};

use crate::{
    features::accounts::model::Person,
    ids::{CommitId, PatternId, SessionId, TeamId, TraceId},
};

/// Traces of one page.
pub const PAGE: i64 = 50;
pub const PAGE_MAX: i64 = 200;
/// What a filter offers of each kind at most: the most frequent.
pub const OFFERED: i64 = 30;
/// Reasons that one answer gives.
pub const PROBLEMS: usize = 20;
/// What "at least" can be asked of: how long a run took in milliseconds, its tokens, and its cost in US cents.
pub const TOOK_FROM: [i64; 4] = [10_000, 60_000, 600_000, 3_600_000];
pub const TOKENS_FROM: [i64; 4] = [1_000, 10_000, 100_000, 1_000_000];
pub const CENTS_FROM: [i64; 4] = [1, 10, 100, 1_000];
/// Bytes of one request that brings traces.
pub const BODY_BYTES: usize = 20 * 1024 * 1024;

macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $word:literal, $shown:literal;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($variant),* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),*];
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text)
            }
            /// As a person reads it.
            pub fn words(self) -> &'static str {
                match self { $(Self::$variant => $shown),* }
            }
        }
    };
}

words! {
    /// How a run ended.
    TraceOutcome {
        Succeeded = "succeeded", "Succeeded";
        Failed = "failed", "Failed";
        Unknown = "unknown", "Not told";
    }
}

words! {
    /// What recorded a run.
    TraceSource {
        Assistant = "assistant", "Assistant";
        Api = "api", "API";
        Otlp = "otlp", "OpenTelemetry";
        ClaudeCode = "claude_code", "Claude Code";
        Markdown = "markdown", "Markdown";
    }
}

impl TraceOutcome {
    pub fn of(success: Option<bool>) -> Self {
        match success {
            Some(true) => Self::Succeeded,
            Some(false) => Self::Failed,
            None => Self::Unknown,
        }
    }
}

/// Whether a run counts as a success, wherever it is counted. Where nobody tells, one does that did not end in an error and that nobody rated badly.
pub fn is_success(outcome: TraceOutcome, rating: Option<i64>, ends_in_error: bool) -> bool {
    match outcome {
        TraceOutcome::Succeeded => true,
        TraceOutcome::Failed => false,
        TraceOutcome::Unknown => !ends_in_error && rating.is_none_or(|rating| rating >= 3),
    }
}

/// A run as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceSummary {
    pub id: TraceId,
    /// None: private to whoever brought it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    /// Data of whoever ran it, never an instruction. Empty where there is none.
    pub goal: String,
    pub outcome: TraceOutcome,
    pub source: TraceSource,
    /// The account that ran it or brought it in.
    pub by: Person,
    /// Who ran it, as the source names them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Slugs.
    pub skills: Vec<String>,
    pub steps: i64,
    pub failed_steps: i64,
    pub tokens_in: i64,
    pub tokens_out: i64,
    /// US dollars.
    pub cost: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<i64>,
    /// UTC milliseconds.
    pub started_at: i64,
    pub ended_at: i64,
}

impl TraceSummary {
    pub fn duration_ms(&self) -> i64 {
        self.ended_at - self.started_at
    }
}

/// A run with all that is kept of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    #[serde(flatten)]
    pub summary: TraceSummary,
    /// What its source calls it.
    pub source_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<TraceSession>,
    /// What the source calls the conversation that it was a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_id: Option<CommitId>,
    /// What it is a run of, where that is shown to the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<TracePattern>,
    /// In the order in which they began; a parent stands before its children.
    pub timeline: Vec<TraceStep>,
    /// What was put in order when it came.
    #[schema(value_type = Vec<String>)]
    pub notices: Vec<Notice>,
    /// Whether the caller may rate it, or say how it ended.
    pub can_rate: bool,
    pub can_delete: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceSession {
    pub id: SessionId,
    pub title: String,
}

/// The pattern of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TracePattern {
    pub id: PatternId,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceStep {
    pub name: String,
    /// `tool`, `skill` or `llm`.
    #[schema(value_type = String)]
    pub kind: StepKind,
    /// How many steps it is inside of.
    pub depth: usize,
    /// What it was given and what it gave: data, never an instruction.
    pub input: String,
    pub output: String,
    /// `ok`, `error` or `skipped`.
    #[schema(value_type = String)]
    pub outcome: Outcome,
    /// Milliseconds after the run began; none where the source tells only the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_ms: Option<u64>,
    pub duration_ms: u64,
    pub tokens_in: u64,
    pub tokens_out: u64,
}

/// Traces, the latest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TracePage {
    pub items: Vec<TraceSummary>,
    /// What the list can be narrowed by.
    pub labels: TraceLabels,
    /// Whether the caller may bring traces in.
    pub can_write: bool,
    /// The `before` of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<TraceId>,
}

/// The most frequent values of all traces of a place, with how many runs have each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TraceLabels {
    /// Of all traces of the place.
    pub total: i64,
    pub outcomes: Vec<(String, i64)>,
    pub sources: Vec<(String, i64)>,
    pub tools: Vec<(String, i64)>,
    pub skills: Vec<(String, i64)>,
    pub people: Vec<(String, i64)>,
    pub models: Vec<(String, i64)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct TracesQuery {
    /// Of this team; without it, the caller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// Words of the goal, or their beginnings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub outcome: Option<TraceOutcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub source: Option<TraceSource>,
    /// Who ran it, as lists name them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The name of a tool that it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The slug of a skill that it used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// Rated so well or better, from 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rating: Option<i64>,
    /// What its source calls the conversation that it was a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The commit that came of its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The pattern that it is a run of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<PatternId>,
    /// A step of it failed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed_steps: bool,
    /// It took so many milliseconds or more: 10000, 60000, 600000 or 3600000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_took_ms: Option<i64>,
    /// It needed so many tokens or more: 1000, 10000, 100000 or 1000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_tokens: Option<i64>,
    /// It cost so many US cents or more: 1, 10, 100 or 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_cost_cents: Option<i64>,
    /// Began at this time or later, UTC milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Began before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Earlier than this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<TraceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

/// What a person says of a run; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RateTrace {
    /// From 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<TraceOutcome>,
}

/// A run as our own JSON has it. One of `id`, `goal` and `steps` has to be there; every other key may be missing or null, and those that are not known are passed over.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SentTrace {
    /// What its source calls it: a second one of the same id is the same run. Without it, its content says which it is.
    pub id: Option<String>,
    /// What was wanted.
    pub goal: Option<String>,
    /// RFC 3339, or UTC milliseconds.
    #[schema(example = "2026-10-01T10:00:00Z")]
    pub started_at: Option<String>,
    /// The same.
    pub ended_at: Option<String>,
    /// Who ran it, as the source names them; without it, the account that sends it.
    pub user: Option<String>,
    /// What the source calls the conversation that it was a part of.
    pub session: Option<String>,
    pub model: Option<String>,
    /// In the order in which they began.
    pub steps: Option<Vec<SentStep>>,
    /// Whether it succeeded; null where nobody tells.
    pub success: Option<bool>,
    /// By a person, from 1 to 5.
    pub rating: Option<i64>,
    /// Slugs of the skills that it used.
    pub skills_used: Option<Vec<String>>,
    pub tokens_in: Option<i64>,
    pub tokens_out: Option<i64>,
    /// US dollars.
    pub cost_usd: Option<f64>,
}

/// A step of a run as our own JSON has it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SentStep {
    /// For `parent` of others.
    pub id: Option<String>,
    /// Of the tool, the skill or the model.
    pub name: Option<String>,
    /// `tool`, `skill` or `llm`; `tool` without.
    pub kind: Option<String>,
    /// The number of the step that it is a part of, from 0, or its `id`.
    pub parent: Option<String>,
    /// What it was given, or a summary of it; what is no text is kept as JSON.
    pub input: Option<String>,
    /// What it gave; the same.
    pub output: Option<String>,
    /// `ok`, `error` or `skipped`; `ok` without.
    pub outcome: Option<String>,
    /// RFC 3339, or UTC milliseconds; or `offset_ms`.
    pub started_at: Option<String>,
    /// Milliseconds after the run began.
    pub offset_ms: Option<i64>,
    pub duration_ms: Option<i64>,
    pub tokens_in: Option<i64>,
    pub tokens_out: Option<i64>,
}

/// Where traces that are sent go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct SendTraces {
    /// To this team; without it, an agent's to its only team, everybody else's to themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// The name of the file that they come from, which may tell its form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What came of traces that were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// Kept.
    pub accepted: usize,
    /// Were there already.
    pub known: usize,
    /// Could not be read.
    pub refused: usize,
    /// Why, of the first of them.
    pub problems: Vec<Problem>,
}

/// Why one of many was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// The line, or which one it is, from 1.
    pub at: usize,
    pub sentence: String,
}

/// A notice as a person reads it.
pub fn notice_words(notice: Notice) -> &'static str {
    match notice {
        Notice::NoGoal => "The source tells no goal.",
        Notice::Cut => "Long texts were cut.",
        Notice::StepsLeftOut => "There were more steps than are kept: the middle was left out.",
        Notice::Parents => "Some steps named a parent that is not there, or themselves: they stand on their own.",
        Notice::Clock => "Some times ran backwards or lay in the future, and were put in order.",
        Notice::Masked => "What looked like a secret was masked.",
        Notice::Suspicious => "A text in it reads like an instruction to an agent. It is shown as data and never followed.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for outcome in TraceOutcome::ALL {
            assert_eq!(TraceOutcome::parse(outcome.as_str()), Some(*outcome));
            assert_eq!(serde_json::to_value(outcome).unwrap_or_default(), outcome.as_str());
        }
        for source in TraceSource::ALL {
            assert_eq!(TraceSource::parse(source.as_str()), Some(*source));
            assert_eq!(serde_json::to_value(source).unwrap_or_default(), source.as_str());
        }
        assert_eq!(TraceOutcome::parse("else"), None);
    }

    #[test]
    fn where_nobody_tells_the_end_and_the_rating_do() {
        use TraceOutcome::{Failed, Succeeded, Unknown};
        assert!(is_success(Succeeded, Some(1), true) && !is_success(Failed, Some(5), false));
        assert!(is_success(Unknown, None, false) && is_success(Unknown, Some(3), false));
        assert!(!is_success(Unknown, None, true) && !is_success(Unknown, Some(2), false));
    }
}
