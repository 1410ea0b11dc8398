//! Patterns, proposals and passes as pages and programs see them.

use serde::{Deserialize, Serialize};

use crate::{
    features::{accounts::model::Person, marketplace::model::Finding, traces::model::TraceSummary, volumes::model::VolumeKind},
    ids::{ArtifactId, JobId, PatternId, ProposalId, TeamId, UserId, VolumeId},
};

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
    /// So many patterns and proposals: 200 without, 5,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<i64>,
}

impl EvolutionQuery {
    pub fn ground(self) -> GroundQuery {
        GroundQuery { team: self.team, system: self.system }
    }
}

impl From<GroundQuery> for EvolutionQuery {
    fn from(query: GroundQuery) -> Self {
        Self { team: query.team, system: query.system, shown: None }
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalMark {
    pub id: ProposalId,
    pub kind: ProposalKind,
    pub state: ProposalState,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_are_written() {
        for kind in [PatternEventKind::Split, PatternEventKind::Grew, PatternEventKind::Merged, PatternEventKind::Absorbed] {
            assert_eq!(PatternEventKind::parse(kind.as_str()), kind);
        }
    }

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
