//! What is asked of analytics and what it answers, as JSON: the same on the server and in the browser.
//!
//! Definitions of the numbers are in docs/metrics.md. Where a number cannot be said (the average of nothing), it is null, not 0.

use serde::{Deserialize, Serialize};

use crate::day::Day;

/// Which days are looked at. Named spans end with today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Span {
    #[serde(rename = "7d")]
    Week,
    #[default]
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "90d")]
    Quarter,
    /// 365 days.
    #[serde(rename = "12m")]
    Year,
    /// From one day to another.
    #[serde(rename = "custom")]
    Custom,
}

impl Span {
    pub const ALL: [Self; 5] = [Self::Week, Self::Month, Self::Quarter, Self::Year, Self::Custom];

    /// As it stands in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
            Self::Year => "12m",
            Self::Custom => "custom",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.as_str() == text)
    }

    /// How many days; none for [`Span::Custom`].
    pub fn days(self) -> Option<i32> {
        match self {
            Self::Week => Some(7),
            Self::Month => Some(30),
            Self::Quarter => Some(90),
            Self::Year => Some(365),
            Self::Custom => None,
        }
    }
}

/// What is asked: `/api/v1/analytics?range=30d&zone=Europe/Berlin&compare=true&team=…`. Each filter narrows to what has that value; a number that does not
/// know a dimension (sessions have no kind) is 0 then.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = AnalyticsQuestion))]
#[serde(rename_all = "camelCase", default)]
pub struct Query {
    pub range: Span,
    /// Both are for [`Span::Custom`] alone, and both days are included.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "date"))]
    pub from: Option<Day>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = "date"))]
    pub to: Option<Day>,
    /// An IANA name; UTC where there is none.
    pub zone: Option<String>,
    /// With the equal range before.
    pub compare: bool,
    /// A team's id, or `personal`; without one, all workspaces that the caller is in.
    pub team: Option<String>,
    pub person: Option<String>,
    pub volume: Option<String>,
    /// `skill`, `tool` or `agent`.
    pub kind: Option<String>,
    /// Such as `data-analysis`.
    pub category: Option<String>,
}

impl Query {
    /// The filters and the range by their names in an address, those that are set.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("range", self.range.as_str().to_owned())];
        let mut put = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
        put("from", self.from.map(|day| day.to_string()));
        put("to", self.to.map(|day| day.to_string()));
        put("zone", self.zone.clone());
        put("compare", self.compare.then(|| "true".to_owned()));
        put("team", self.team.clone());
        put("person", self.person.clone());
        put("volume", self.volume.clone());
        put("kind", self.kind.clone());
        put("category", self.category.clone());
        pairs
    }
}

/// Whole local days, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Range {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date"))]
    pub from: Day,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date"))]
    pub to: Day,
}

impl Range {
    /// How many days.
    pub fn len(self) -> i32 {
        self.to.since(self.from) + 1
    }

    /// There is none without a day.
    pub fn is_empty(self) -> bool {
        self.to < self.from
    }

    pub fn days(self) -> impl DoubleEndedIterator<Item = Day> {
        (self.from.0..=self.to.0).map(Day)
    }

    pub fn contains(self, day: Day) -> bool {
        self.from <= day && day <= self.to
    }

    /// As long, and so many whole weeks earlier that the two do not overlap: each day meets one of the same weekday.
    pub fn before(self) -> Self {
        let back = -((self.len() + 6) / 7 * 7);
        Self { from: self.from.plus(back), to: self.to.plus(back) }
    }
}

/// Where a number went, compared with the range before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// By more than 5 %.
    Up,
    Down,
    Steady,
    /// The numbers are too small: the difference could well be chance.
    TooFew,
}

/// A number of the range, beside that of the range before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Figure {
    /// Counts are whole numbers; shares are from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<f64>,
    /// Only where a comparison was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
}

impl Figure {
    /// The change as a share of what was before: 0.25 is 25 % more.
    pub fn change(self) -> Option<f64> {
        let (now, before) = (self.now?, self.before?);
        (before != 0.0).then(|| (now - before) / before)
    }
}

/// One line of a ranking.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Ranked {
    /// How the events name it; only inside the server.
    #[serde(skip)]
    pub key: u32,
    /// The id of a person, team, volume, artifact or listing, or the name of a kind or category; empty for what is not named any more.
    pub id: String,
    pub name: String,
    /// What it is ranked by.
    pub count: u64,
    /// A second number, where the ranking has one: a share from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// A number for each day of the range, and of the range before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Series {
    pub now: Vec<u64>,
    /// As many; empty without a comparison.
    pub before: Vec<u64>,
}

/// Everything that the page of analytics shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Dashboard {
    /// False where the server writes no usage events (`ANALYTICS_ENABLED=false`): numbers are of what was written before.
    pub enabled: bool,
    pub range: Range,
    /// The days compared with, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Range>,
    /// The zone whose days these are.
    pub zone: String,
    /// Today in it.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date"))]
    pub today: Day,
    /// Events up to this time (UTC ms) are in the numbers.
    pub counted_to: i64,
    pub sessions: Sessions,
    pub artifacts: Artifacts,
    pub skills: Skills,
    pub collaboration: Collaboration,
    pub evolution: Evolution,
    pub marketplace: Marketplace,
    pub search: Searches,
    /// For owners of the server alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<Operations>,
    /// Who, what and where can be filtered by: what occurs in the range.
    pub choices: Choices,
}

/// Values for the filters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Choices {
    pub teams: Vec<Ranked>,
    pub people: Vec<Ranked>,
    pub volumes: Vec<Ranked>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Sessions {
    /// Ever begun.
    pub total: u64,
    /// Begun in the range.
    pub created: Figure,
    /// Begun since Monday, whatever the range; compared with the same days a week before.
    pub this_week: Figure,
    pub messages: Figure,
    /// Messages for each session begun.
    pub average_messages: Figure,
    /// Active minutes for each session begun.
    pub average_minutes: Figure,
    pub by_person: Vec<Ranked>,
    pub by_team: Vec<Ranked>,
    pub daily: Series,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Artifacts {
    /// There now: those made, less those in the trash.
    pub total: u64,
    pub created: Figure,
    pub this_week: Figure,
    /// Made on a day of the range, on average.
    pub per_day: Figure,
    /// Artifacts changed by commits, each time counted.
    pub edits: Figure,
    /// There now, by `skill`, `tool`, `agent`.
    pub by_kind: Vec<Ranked>,
    pub by_volume: Vec<Ranked>,
    /// Categories by artifacts made and edited in the range.
    pub by_category: Vec<Ranked>,
    pub daily: Series,
    pub edits_daily: Series,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Skills {
    /// There now.
    pub total: u64,
    /// Of those made in the range: of a proposal.
    pub generated: Figure,
    /// Of those made in the range: in any other way.
    pub written: Figure,
    /// Uses in traces.
    pub uses: Figure,
    /// Uses on a day of the range, on average.
    pub uses_per_day: Figure,
    /// Of runs that used a skill: the share that succeeded.
    pub success: Figure,
    /// Ranked by uses; `share` = success with it.
    pub most_used: Vec<Ranked>,
    /// Used before, but not in the 30 days that end with today, whatever the range.
    pub unused: u64,
    /// Those; `count` = whole days since the last use.
    pub unused_longest: Vec<Ranked>,
    pub daily: Series,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Collaboration {
    /// People who did anything in the range.
    pub active: Figure,
    /// On the last day of the range, in the 7 days and in the 30 days that end with it.
    pub active_day: u64,
    pub active_week: u64,
    pub active_month: u64,
    pub commits: Figure,
    pub opened: Figure,
    pub merged: Figure,
    /// Hours from opening to merge, on average.
    pub hours_to_merge: Figure,
    /// Commits by person.
    pub by_person: Vec<Ranked>,
    pub coediting_minutes: Figure,
    /// Most people connected at once in one workspace.
    pub peak: Figure,
    /// What was done by weekday (0 = Monday) and hour: 7 times 24.
    pub heat: Vec<Vec<u64>>,
    pub commits_daily: Series,
    /// What was done on each day of the 371 that end with the Sunday of the range's last week.
    pub calendar: Vec<u64>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date"))]
    pub calendar_from: Day,
    pub retention: Vec<Cohort>,
}

/// People whose first day was in one week, and how many of them came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Cohort {
    /// Its Monday.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date"))]
    pub week: Day,
    /// Active in that week, in the next, and so on until the range ends.
    pub active: Vec<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = EvolutionFigures))]
#[serde(rename_all = "camelCase", default)]
pub struct Evolution {
    pub traces: Figure,
    /// The share of traces that succeeded.
    pub success: Figure,
    pub patterns: Figure,
    pub generated: Figure,
    pub proposed: Figure,
    pub accepted: Figure,
    pub rejected: Figure,
    /// Accepted, of those decided.
    pub acceptance: Figure,
    /// Of the proposals made: 0 to 1.
    pub confidence: Figure,
    /// Accepted skills for each 100 traces.
    pub learning_rate: Figure,
    /// Hours from a pattern's first run to its skill, on average.
    pub hours_to_skill: Figure,
    /// Skills accepted until the end of each day of the range, from its beginning.
    pub learning: Vec<u64>,
    /// The share of traces that succeeded on each day; null where there were none.
    pub success_daily: Vec<Option<f64>>,
    /// How many traces each of these shares is of.
    pub traces_daily: Series,
    /// The share accepted of the proposals decided on each day; null where there were none.
    pub acceptance_daily: Vec<Option<f64>>,
}

/// Counts of the marketplace: of what the workspaces publish, and of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Marketplace {
    pub mine: Shelf,
    pub all: Shelf,
    /// Of mine, by installs.
    pub most_installed: Vec<Ranked>,
}

/// The funnel is `views` → `installs` → `first_uses`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Shelf {
    pub views: Figure,
    pub installs: Figure,
    pub first_uses: Figure,
    pub updates: Figure,
    pub ratings: Figure,
    /// Stars, on average.
    pub stars: Figure,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Searches {
    pub queries: Figure,
    pub empty: Figure,
    pub opened: Figure,
    /// Position of what was opened, on average, from 1.
    pub position: Figure,
    /// Mean of 1 / position over what was opened.
    pub reciprocal_rank: Figure,
    pub average_ms: Figure,
    pub slowest_ms: Figure,
    pub daily: Series,
    pub empty_daily: Series,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Operations {
    pub deliveries: Figure,
    pub deliveries_failed: Figure,
    pub delivery_ms: Figure,
    pub jobs: Figure,
    pub jobs_failed: Figure,
    pub job_ms: Figure,
    pub requests: Figure,
    /// Answers that said 5xx.
    pub errors: Figure,
    /// Of requests, within 9 % above the truth.
    pub p50_ms: Figure,
    pub p95_ms: Figure,
    pub p99_ms: Figure,
    pub errors_daily: Series,
}

/// A number whose rows can be looked at: `/api/v1/analytics/rows?measure=sessions&…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Sessions,
    Messages,
    Artifacts,
    Edits,
    /// Artifacts made and edited.
    ArtifactChanges,
    /// Skills that were made of a proposal …
    SkillsGenerated,
    /// … and in any other way.
    SkillsWritten,
    SkillUses,
    Activity,
    Commits,
    PullRequestsOpened,
    PullRequestsMerged,
    Coediting,
    /// Most people connected at once, by quarter of an hour.
    Presence,
    Traces,
    Patterns,
    Proposals,
    ProposalsAccepted,
    ProposalsRejected,
    ProposalsDecided,
    /// Proposals that became skills.
    ProposalsGenerated,
    /// Releases that were published: what the timeline is marked with.
    Releases,
    Views,
    Installs,
    FirstUses,
    Updates,
    Ratings,
    Searches,
    SearchesEmpty,
    SearchesOpened,
    Deliveries,
    DeliveriesFailed,
    Jobs,
    JobsFailed,
    Requests,
    Errors,
    /// Deliveries and jobs that failed, and answers of 5xx.
    Incidents,
}

impl Measure {
    pub const ALL: [Self; 37] = [
        Self::Sessions,
        Self::Messages,
        Self::Artifacts,
        Self::Edits,
        Self::ArtifactChanges,
        Self::SkillsGenerated,
        Self::SkillsWritten,
        Self::SkillUses,
        Self::Activity,
        Self::Commits,
        Self::PullRequestsOpened,
        Self::PullRequestsMerged,
        Self::Coediting,
        Self::Presence,
        Self::Traces,
        Self::Patterns,
        Self::Proposals,
        Self::ProposalsAccepted,
        Self::ProposalsRejected,
        Self::ProposalsDecided,
        Self::ProposalsGenerated,
        Self::Releases,
        Self::Views,
        Self::Installs,
        Self::FirstUses,
        Self::Updates,
        Self::Ratings,
        Self::Searches,
        Self::SearchesEmpty,
        Self::SearchesOpened,
        Self::Deliveries,
        Self::DeliveriesFailed,
        Self::Jobs,
        Self::JobsFailed,
        Self::Requests,
        Self::Errors,
        Self::Incidents,
    ];

    /// As it stands in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Messages => "messages",
            Self::Artifacts => "artifacts",
            Self::Edits => "edits",
            Self::ArtifactChanges => "artifact_changes",
            Self::SkillsGenerated => "skills_generated",
            Self::SkillsWritten => "skills_written",
            Self::SkillUses => "skill_uses",
            Self::Activity => "activity",
            Self::Commits => "commits",
            Self::PullRequestsOpened => "pull_requests_opened",
            Self::PullRequestsMerged => "pull_requests_merged",
            Self::Coediting => "coediting",
            Self::Presence => "presence",
            Self::Traces => "traces",
            Self::Patterns => "patterns",
            Self::Proposals => "proposals",
            Self::ProposalsAccepted => "proposals_accepted",
            Self::ProposalsRejected => "proposals_rejected",
            Self::ProposalsDecided => "proposals_decided",
            Self::ProposalsGenerated => "proposals_generated",
            Self::Releases => "releases",
            Self::Views => "views",
            Self::Installs => "installs",
            Self::FirstUses => "first_uses",
            Self::Updates => "updates",
            Self::Ratings => "ratings",
            Self::Searches => "searches",
            Self::SearchesEmpty => "searches_empty",
            Self::SearchesOpened => "searches_opened",
            Self::Deliveries => "deliveries",
            Self::DeliveriesFailed => "deliveries_failed",
            Self::Jobs => "jobs",
            Self::JobsFailed => "jobs_failed",
            Self::Requests => "requests",
            Self::Errors => "errors",
            Self::Incidents => "incidents",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == text)
    }
}

/// One event behind a number.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Row {
    /// UTC ms.
    pub at: i64,
    /// Such as `session.created`.
    pub kind: String,
    /// Who did it; empty for nobody, or nobody who is named any more.
    pub person: String,
    pub person_name: String,
    /// What it happened to.
    pub subject: String,
    /// Its name, where the caller may see it.
    pub subject_name: String,
    /// The page that shows it; empty where there is none.
    pub href: String,
    pub amount: i64,
    pub extra: i64,
}

/// A page of rows, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Rows {
    pub rows: Vec<Row>,
    /// What the next page is asked for with; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Raw events are kept from this time on (UTC ms): older numbers have no rows any more. 0: none was removed yet.
    pub kept_from: i64,
}

/// What may have moved the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// The commits of a day are one cause.
    Commits,
    Release,
    Proposal,
    /// Deliveries or jobs that failed, or answers of 5xx, of a day.
    Incident,
}

/// Something that a day of the timeline is marked with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cause {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date"))]
    pub day: Day,
    pub kind: CauseKind,
    /// How many there were on that day.
    pub count: u64,
    /// One sentence.
    pub text: String,
    /// The page or the rows that show them.
    pub href: String,
}

/// What the next days of some numbers will be, and which past days were unusual. The days before today are known whole; today is the first that is foretold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Forecasts {
    /// Today in `zone`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date"))]
    pub from: Day,
    pub zone: String,
    /// Of `sessions`, `artifacts` and `commits`, in this order.
    pub series: Vec<Foretold>,
}

/// One number's next days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct Foretold {
    pub measure: String,
    /// One for each day from today; empty where history is too short to say anything.
    pub days: Vec<Ahead>,
    /// How far the same method was off on past days that it had not seen: 0.2 is 20 % of what was counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// Past days that were unusual for their weekday and time.
    pub unusual: Vec<Unusual>,
}

/// A day to come: `low <= mean <= high`, and four of five days are meant to lie between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ahead {
    pub low: f64,
    pub mean: f64,
    pub high: f64,
}

/// A day that was not as days like it are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Unusual {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = "date"))]
    pub day: Day,
    pub count: u64,
    pub expected: f64,
}
