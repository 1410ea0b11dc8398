//! Proposals, what is done with them, and where accepted skills are promoted to.

use serde::{Deserialize, Serialize};

use crate::{
    features::{accounts::model::Person, marketplace::model::Finding, volumes::model::VolumeKind},
    ids::{ArtifactId, PatternId, ProposalId, VolumeId},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProposalKind {
    /// A skill that is not there yet.
    New,
    /// Another text of a skill that is there.
    Improves,
    /// A skill that makes runs worse.
    Retire,
}

impl ProposalKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Improves => "improves",
            Self::Retire => "retire",
        }
    }
    pub fn parse(text: &str) -> Self {
        match text {
            "improves" => Self::Improves,
            "retire" => Self::Retire,
            _ => Self::New,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProposalState {
    Open,
    Snoozed,
    Accepted,
    Ignored,
}

impl ProposalState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Snoozed => "snoozed",
            Self::Accepted => "accepted",
            Self::Ignored => "ignored",
        }
    }
    pub fn parse(text: &str) -> Self {
        match text {
            "snoozed" => Self::Snoozed,
            "accepted" => Self::Accepted,
            "ignored" => Self::Ignored,
            _ => Self::Open,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalMark {
    pub id: ProposalId,
    pub kind: ProposalKind,
    pub state: ProposalState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalSummary {
    pub id: ProposalId,
    pub pattern_id: PatternId,
    pub kind: ProposalKind,
    pub state: ProposalState,
    pub slug: String,
    pub name: String,
    pub confidence: f64,
    pub created_at: i64,
}

/// A proposal with its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    #[serde(flatten)]
    pub summary: ProposalSummary,
    /// The whole SKILL.md; of what is to be retired, why.
    pub text: String,
    /// The text as it is read, sanitised.
    pub html: String,
    /// Counts edits: another one answers with a conflict.
    pub saves: i64,
    /// Who wrote it: `generator`, or the name of a model.
    pub author: String,
    /// Why a model that was asked for the text did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Of an improvement, or of what is to be retired: the skill and its text now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ProposalArtifact>,
    /// The skills that the caller may put it into, as long as nobody has decided.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<SkillChoice>,
    /// The skill that was retired, as long as it is in the trash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<ArtifactId>,
    /// What the marketplace's rules find in it.
    pub findings: Vec<Finding>,
    /// Whether one of them has to be mended before it can be accepted.
    pub is_blocked: bool,
    /// Where the caller may take the accepted skill, so that more people find it.
    pub targets: Vec<PromotionTarget>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Person>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalArtifact {
    pub id: ArtifactId,
    pub name: String,
    pub text: String,
    /// It is not of this workspace: nothing is put into it, and a skill of its name here stands before it.
    #[serde(default)]
    pub built_in: bool,
}

/// A skill that a text can be put into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkillChoice {
    pub id: ArtifactId,
    pub name: String,
    /// The name of the volume that it is in.
    pub volume: String,
}

/// A volume that an accepted skill can be taken to: of a team for an account's own, the built-in one for a team's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PromotionTarget {
    pub volume_id: VolumeId,
    pub name: String,
    pub kind: VolumeKind,
}

/// Takes an accepted skill to where more people find it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Promote {
    pub volume_id: VolumeId,
    /// Kept in the history of the pattern and in the message of the commit; 1 to 500 characters.
    pub reason: String,
}

/// A copy of an accepted skill, where more people find it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Promotion {
    /// The copy, which not everybody who sees the pattern may see.
    pub artifact_id: ArtifactId,
    /// The volume's name as it was then.
    pub volume_name: String,
    pub kind: VolumeKind,
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promoted_by: Option<Person>,
    pub at: i64,
}

/// Another text of a proposal.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EditProposal {
    pub text: String,
    pub saves: i64,
    /// The text that it began with: with it, what somebody else saved meanwhile is joined line by line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// What is done with a proposal.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", tag = "decision")]
pub enum Decide {
    /// Commits the skill, or moves the one that is to be retired to the trash.
    #[serde(rename_all = "camelCase")]
    Accept {
        /// Where it goes; without it, the first volume of the place that the caller may commit to.
        #[serde(default)]
        volume_id: Option<VolumeId>,
    },
    /// Puts it into this skill of the workspace, in which what people wrote stays.
    #[serde(rename_all = "camelCase")]
    Merge {
        artifact_id: ArtifactId,
    },
    Ignore {
        #[serde(default)]
        reason: Option<String>,
    },
    /// Asks again after so many days.
    Snooze {
        days: i64,
    },
    Reopen,
}
