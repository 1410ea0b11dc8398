//! The assistant as pages and programs see it.

use serde::{Deserialize, Serialize};

use crate::{
    features::accounts::model::Person,
    ids::{ArtifactId, CallId, EntryId, RunId, TraceId},
};

/// By what name it is asked: `@assistant`.
pub const NAME: &str = "Assistant";
/// Skills that it is given for one question.
pub const SKILLS: usize = 5;
/// Questions of one session that may wait.
pub const QUEUE: i64 = 20;
/// Characters of what a tool gives back; the rest is cut.
pub const OUTPUT_MAX: usize = 20_000;

/// How far a question is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Others were asked before.
    Queued,
    Running,
    /// It wants to run a tool, and somebody has to allow it.
    Waiting,
    Answered,
    Stopped,
    Failed,
}

impl RunState {
    const ALL: [Self; 6] = [Self::Queued, Self::Running, Self::Waiting, Self::Answered, Self::Stopped, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Answered => "answered",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Answered | Self::Stopped | Self::Failed)
    }
}

/// A skill that the assistant was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GivenSkill {
    pub id: ArtifactId,
    pub slug: String,
    pub name: String,
    #[serde(default)]
    pub pinned: bool,
}

/// What the people of a session want of a skill there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SkillChoice {
    /// Always given.
    Pinned,
    /// Never given.
    LeftOut,
    /// Given where it fits, which is as it is without a choice.
    Automatic,
}

impl SkillChoice {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pinned => "pinned",
            Self::LeftOut => "left_out",
            Self::Automatic => "automatic",
        }
    }
}

/// A skill about which the people of a session have said something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChosenSkill {
    #[serde(flatten)]
    pub skill: GivenSkill,
    pub choice: SkillChoice,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChooseSkill {
    pub choice: SkillChoice,
}

/// How far a call of a tool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallState {
    Asked,
    /// In the browser of the person who allowed it.
    Running,
    Done,
    Failed,
    Denied,
}

/// A call of a tool that the assistant wants to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    pub id: CallId,
    pub tool_id: ArtifactId,
    pub slug: String,
    /// A JSON object.
    pub inputs: String,
    /// What it may reach; empty: no network.
    pub hosts: Vec<String>,
    pub state: CallState,
    /// Who allowed or denied it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Person>,
    /// The caller allowed this tool for the session: their page runs it by itself.
    #[serde(default)]
    pub granted: bool,
}

/// What is answered to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    Once,
    /// As long as the session goes on and the tool's text stays the same, in one's own browser.
    Session,
    Deny,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecideCall {
    pub decision: Decision,
}

/// What runs in the browser of the person who allowed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallWork {
    pub code: String,
    /// A JSON object.
    pub inputs: String,
    pub hosts: Vec<String>,
}

/// What came of a call: outputs as JSON, or why there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CallResult {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A question that is not answered yet, or failed lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub id: RunId,
    pub question_id: EntryId,
    pub asked_by: Person,
    pub state: RunState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    pub skills: Vec<GivenSkill>,
    /// What it has said so far.
    pub text: String,
    pub calls: Vec<Call>,
    pub created_at: i64,
}

/// The assistant of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assistant {
    /// None: it answers. Else what has to be done so that it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// In the order in which they are answered.
    pub runs: Vec<Run>,
    pub choices: Vec<ChosenSkill>,
}

/// What stands under an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    pub run_id: RunId,
    /// The message that asked.
    pub question_id: EntryId,
    pub skills: Vec<GivenSkill>,
    /// Tools that it called, by slug.
    #[serde(default)]
    pub tools: Vec<String>,
    pub took_ms: i64,
    pub tokens: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// Why it is not whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ask {
    /// A message of the session that is to be answered.
    pub entry_id: EntryId,
    /// Made by the client, so that a retry asks once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<RunId>,
}
