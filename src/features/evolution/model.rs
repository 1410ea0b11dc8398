//! Patterns, proposals and passes as pages and programs see them.

mod pass;
mod pattern;
mod proposal;

use serde::{Deserialize, Serialize};

pub use pass::{Begun, PassCause, PassSummary};
pub use pattern::{Effect, Pattern, PatternEvent, PatternEventKind, PatternMark, PatternStep, PatternWay, TeamRuns, Why};
pub use proposal::{
    Decide, EditProposal, Promote, Promotion, PromotionTarget, Proposal, ProposalArtifact, ProposalKind, ProposalMark, ProposalState,
    ProposalSummary, SkillChoice,
};

use crate::ids::{PatternId, TeamId, UserId};

/// Patterns and proposals that a list shows, until more are asked for.
pub const LISTED: i64 = 200;
/// The most that one asks for.
pub const LISTED_MAX: i64 = 5_000;
/// Runs that a pattern shows; the list of traces, narrowed to it, has all.
pub const RUNS_SHOWN: i64 = 20;
/// Bytes of a proposal's text.
pub const TEXT_BYTES: usize = 256 * 1024;

/// Whose traces are grouped: an account's own, a team's, or those of all teams that allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    User,
    Team,
    System,
}

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Team => "team",
            Self::System => "system",
        }
    }
    /// People whose runs a pattern needs before anybody else sees it.
    pub fn least_people(self) -> i64 {
        match self {
            Self::User => 1,
            Self::Team | Self::System => 2,
        }
    }
    /// Teams whose runs a pattern needs before anybody sees it.
    pub fn least_teams(self) -> i64 {
        if self == Self::System { 2 } else { 0 }
    }
}

/// The place of the patterns of all teams, as it is stored.
pub const SYSTEM: &str = "system";

/// A place of patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ground {
    Own(UserId),
    Team(TeamId),
    /// All teams that allow it.
    System,
}

impl Ground {
    pub fn level(self) -> Level {
        match self {
            Self::Own(_) => Level::User,
            Self::Team(_) => Level::Team,
            Self::System => Level::System,
        }
    }
    /// As it is stored.
    pub fn id(self) -> String {
        match self {
            Self::Own(id) => id.to_string(),
            Self::Team(id) => id.to_string(),
            Self::System => SYSTEM.to_owned(),
        }
    }
    pub fn team(self) -> Option<TeamId> {
        match self {
            Self::Team(id) => Some(id),
            Self::Own(_) | Self::System => None,
        }
    }
}

/// What is asked for: of a team, of all teams, or without either of the caller's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct GroundQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// Of all teams that allow it; for administrators.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub system: bool,
}

/// The page of a place: as [`GroundQuery`], and how much of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct EvolutionQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// Of all teams that allow it; for administrators.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub system: bool,
    /// With patterns that are shown and not sure enough to be listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
    /// So many patterns and proposals: 200 without, 5,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<i64>,
}

impl EvolutionQuery {
    pub fn ground(self) -> GroundQuery {
        GroundQuery { team: self.team, system: self.system }
    }
}

/// Whether the runs of a team take part in the patterns of all teams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sharing {
    pub shares: bool,
}

/// How evolution runs in a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    pub paused: bool,
    /// Minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// An IANA time zone.
    pub zone: String,
    /// New traces after which a pass is made at once; where there are many, a tenth of them.
    pub after: i64,
    /// Runs from which a pattern is shown at all.
    pub shown_runs: i64,
    /// Confidence from which it is listed, and from which a skill is proposed.
    pub listed: f64,
    pub proposed: f64,
}

impl Settings {
    /// An account's own daily, a team's and those of all teams weekly, in the night.
    pub fn of(level: Level) -> Self {
        let cron = match level {
            Level::User => "0 3 * * *",
            Level::Team => "0 3 * * 0",
            // After those of the teams.
            Level::System => "0 5 * * 0",
        };
        Self { paused: false, cron: cron.to_owned(), zone: "UTC".to_owned(), after: 20, shown_runs: 3, listed: 0.70, proposed: 0.85 }
    }
}

/// How sure a pattern is, in words of what is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Enough runs, not sure enough to be listed.
    Shown,
    Listed,
    Proposed,
}

impl Settings {
    /// Whether so many traces came, went or changed since the last pass, which looked at `known` of them, that another one is worth its time: it takes longer
    /// the more there are.
    pub fn is_pass_due(&self, changed: i64, known: i64) -> bool {
        !self.paused && changed >= self.after.max(known / 10)
    }

    /// None: too few runs to be shown.
    pub fn standing(&self, runs: i64, confidence: f64) -> Option<Standing> {
        (runs >= self.shown_runs).then_some(match confidence {
            sure if sure >= self.proposed => Standing::Proposed,
            sure if sure >= self.listed => Standing::Listed,
            _ => Standing::Shown,
        })
    }
}

/// A pattern as lists show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatternSummary {
    pub id: PatternId,
    pub name: String,
    pub runs: i64,
    pub successes: i64,
    pub people: i64,
    /// From 0 to 1: at least this share of runs succeeds, discounted for what is not alike, few people and age.
    pub confidence: f64,
    pub standing: Standing,
    /// The end of its latest run.
    pub last_at: i64,
    /// What is proposed because of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<ProposalMark>,
}

/// The page of a place: its patterns, the surest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evolution {
    pub level: Level,
    pub patterns: Vec<PatternSummary>,
    pub proposals: Vec<ProposalSummary>,
    /// How many there are of each; a list may show fewer.
    pub patterns_total: i64,
    pub proposals_total: i64,
    /// Patterns that are shown and not sure enough to be listed: they are in a list of `all`.
    #[serde(default)]
    pub patterns_unlisted: i64,
    pub runs: Vec<PassSummary>,
    pub settings: Settings,
    /// When the schedule comes next, UTC milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<i64>,
    /// Traces of the place, and those of them that are not grouped yet.
    pub traces: i64,
    pub waiting: i64,
    /// What has to be done before traces can be grouped; a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Whether the caller may begin a pass and decide on proposals.
    pub can_decide: bool,
    /// Whether the caller may change the settings.
    pub can_set: bool,
    /// Of a team: whether its runs take part in the patterns of all teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<bool>,
    /// Whether the caller may change that.
    pub can_share: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_of_many_traces_waits_for_a_tenth_of_them() {
        let mut settings = Settings::of(Level::Team);
        assert!(!settings.is_pass_due(19, 0) && settings.is_pass_due(20, 0) && settings.is_pass_due(20, 209));
        assert!(!settings.is_pass_due(9_999, 100_000) && settings.is_pass_due(10_000, 100_000));
        settings.paused = true;
        assert!(!settings.is_pass_due(10_000, 100));
    }

    #[test]
    fn few_runs_stand_nowhere() {
        let settings = Settings::of(Level::Team);
        assert_eq!(settings.standing(2, 0.99), None);
        assert_eq!(settings.standing(3, 0.5), Some(Standing::Shown));
        assert_eq!(settings.standing(3, 0.7), Some(Standing::Listed));
        assert_eq!(settings.standing(3, 0.85), Some(Standing::Proposed));
    }
}
