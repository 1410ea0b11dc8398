//! A pattern with its evidence, its history, and what its skill does.

use serde::{Deserialize, Serialize};

use super::{Level, PatternSummary, Promotion, Proposal};
use crate::{
    features::traces::model::TraceSummary,
    ids::{ArtifactId, PatternId},
};

/// The parts of a confidence, each from 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// Wilson's lower bound of the success rate.
    pub success: f64,
    /// How alike the runs are.
    pub cohesion: f64,
    pub people: f64,
    pub recent: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatternStep {
    /// Of the tool, skill or model: data of whoever ran it.
    pub name: String,
    pub other_names: Vec<String>,
    pub words: Vec<String>,
    /// Share of the runs that have it.
    pub frequency: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatternWay {
    /// Places in the steps.
    pub steps: Vec<usize>,
    pub runs: i64,
    pub successes: i64,
}

/// A pattern with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pattern {
    #[serde(flatten)]
    pub summary: PatternSummary,
    pub level: Level,
    pub why: Why,
    pub steps: Vec<PatternStep>,
    pub ways: Vec<PatternWay>,
    /// One sentence each: what failed runs have more often than others.
    pub pitfalls: Vec<String>,
    /// Goals as they were typed, most like the others: data, never instructions. Of all teams: only the words that goals of two teams share.
    pub goals: Vec<String>,
    /// Runs that read like an instruction to an agent: counted, not quoted.
    pub flagged: i64,
    /// How many runs each team has, of a pattern of all teams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub teams: Vec<TeamRuns>,
    /// The latest runs, of those that the reader may see.
    pub latest: Vec<TraceSummary>,
    /// What became of it: splits and merges, the latest first.
    pub history: Vec<PatternEvent>,
    /// It has no runs any more: most of them are in this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went_into: Option<PatternMark>,
    /// Copies of its skills where more people find them, the latest first.
    pub promotions: Vec<Promotion>,
    /// Of the skill that it became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal_text: Option<Proposal>,
    /// Whether the caller may have a skill drafted from it.
    pub can_draft: bool,
    /// Whether the caller may edit what is proposed and decide on it.
    pub can_decide: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamRuns {
    pub name: String,
    pub runs: i64,
}

/// What became of a pattern in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PatternEventKind {
    /// Some of its runs went to others.
    Split,
    /// Some runs of another one came to it.
    Grew,
    /// It has no runs left: most of them went to another one.
    Merged,
    /// Another one went into it.
    Absorbed,
}

impl PatternEventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Grew => "grew",
            Self::Merged => "merged",
            Self::Absorbed => "absorbed",
        }
    }
    pub fn parse(text: &str) -> Self {
        match text {
            "grew" => Self::Grew,
            "merged" => Self::Merged,
            "absorbed" => Self::Absorbed,
            _ => Self::Split,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatternEvent {
    pub kind: PatternEventKind,
    /// The others that it is about, as far as they are still known.
    pub others: Vec<PatternMark>,
    pub at: i64,
}

/// A pattern by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatternMark {
    pub id: PatternId,
    pub name: String,
}

/// What a skill does to the runs of its pattern.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    pub artifact_id: ArtifactId,
    pub name: String,
    /// Runs since it was accepted that used it, and how many succeeded.
    pub with: (i64, i64),
    /// Runs of the pattern without it, before and since.
    pub without: (i64, i64),
    /// How much more of the runs with it succeed, and the bounds of that (90 %); none where one side has no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<(f64, f64, f64)>,
    /// Runs of the pattern before it was accepted, and how many succeeded.
    #[serde(default)]
    pub before: (i64, i64),
    /// Runs of the pattern since, with it or without.
    #[serde(default)]
    pub after: (i64, i64),
    /// How much more of the runs since succeed than of those before, and the bounds of that (90 %); none where one side has no run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<(f64, f64, f64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_are_written() {
        for kind in [PatternEventKind::Split, PatternEventKind::Grew, PatternEventKind::Merged, PatternEventKind::Absorbed] {
            assert_eq!(PatternEventKind::parse(kind.as_str()), kind);
        }
    }
}
