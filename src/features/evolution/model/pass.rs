//! Passes: why one is made, and what it did.

use serde::{Deserialize, Serialize};

use crate::{features::accounts::model::Person, ids::JobId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PassCause {
    Asked,
    Schedule,
    Traces,
    Push,
    /// A team takes part in the patterns of all teams, or no more.
    Sharing,
}

impl PassCause {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Schedule => "schedule",
            Self::Traces => "traces",
            Self::Push => "push",
            Self::Sharing => "sharing",
        }
    }
    pub fn parse(text: &str) -> Self {
        match text {
            "asked" => Self::Asked,
            "traces" => Self::Traces,
            "push" => Self::Push,
            "sharing" => Self::Sharing,
            _ => Self::Schedule,
        }
    }
    pub fn words(self) -> &'static str {
        match self {
            Self::Asked => "Asked for",
            Self::Schedule => "Schedule",
            Self::Traces => "New traces",
            Self::Push => "A push to traces/",
            Self::Sharing => "Other teams take part",
        }
    }
}

/// What a pass did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PassSummary {
    pub id: JobId,
    pub cause: PassCause,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<Person>,
    /// `running`, `done` or `failed`.
    pub state: String,
    pub traces: i64,
    pub patterns: i64,
    pub proposals: i64,
    /// What it did, a line each.
    pub log: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    pub started_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// A pass that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    pub id: JobId,
}
