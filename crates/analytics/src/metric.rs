//! What is counted of events: a metric with its dimensions.

use crate::{
    cells::{Cell, Key, Value},
    event::Event,
    kind::{Kind, Origin},
    model::Measure,
};

/// What a cell counts. Numbers are stored. Unless it says otherwise, `count` is how many events there were, and `sum` and `max` are of their amounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Metric {
    /// What people did, by hour. The total knows who: its sketch.
    Activity = 1,
    Sessions = 2,
    /// sum = active ms.
    Messages = 3,
    /// In a day's totals only: max = the first quarter of an hour of [`Metric::Activity`], negated, so that the greatest is the first.
    First = 4,
    Created = 10,
    /// count = how many were deleted, or left.
    Deleted = 11,
    /// count = how many came back, or entered.
    Undeleted = 12,
    Edits = 13,
    /// Skills among [`Metric::Created`]: sum = how many of them were generated.
    Skills = 14,
    /// By skill. sum = successes.
    Uses = 15,
    /// In totals only: max = the last quarter of an hour of [`Metric::Uses`].
    LastUse = 16,
    Commits = 20,
    Opened = 21,
    /// sum = ms to the merge.
    Merged = 22,
    /// sum = ms.
    Coedited = 23,
    /// max = people at once.
    Peak = 24,
    /// sum = successes.
    Traces = 30,
    Patterns = 31,
    Generated = 32,
    /// sum = confidence in millionths.
    Proposed = 33,
    /// sum = ms from the first run.
    Accepted = 34,
    Rejected = 35,
    Views = 40,
    /// By listing.
    Installs = 41,
    FirstUses = 42,
    Updates = 43,
    /// sum = stars.
    Ratings = 44,
    /// sum and max = µs.
    Searches = 50,
    SearchesEmpty = 51,
    /// sum = positions.
    SearchesOpened = 52,
    /// sum = 1 / position, in millionths.
    Reciprocal = 53,
    /// sum = ms.
    Deliveries = 60,
    DeliveriesFailed = 61,
    /// sum = ms.
    Jobs = 62,
    JobsFailed = 63,
    /// By bucket (subject = bucket + 1); sum = requests.
    Requests = 64,
    /// sum = answers that said 5xx.
    Errors = 65,
}

impl Measure {
    /// The kinds of events behind a number, and whether the server's own are meant instead of those of workspaces.
    pub fn kinds(self) -> (Vec<Kind>, bool) {
        let kinds: &[Kind] = match self {
            Self::Sessions => &[Kind::SessionCreated],
            Self::Messages => &[Kind::SessionMessageSent],
            Self::Artifacts | Self::SkillsGenerated | Self::SkillsWritten => &[Kind::ArtifactCreated],
            Self::Edits => &[Kind::ArtifactCommitted],
            Self::ArtifactChanges => &[Kind::ArtifactCreated, Kind::ArtifactCommitted],
            Self::SkillUses => &[Kind::SkillUsed],
            Self::Activity => return (Kind::ALL.iter().copied().filter(|kind| may_be_activity(*kind)).collect(), false),
            Self::Commits => &[Kind::CommitMade],
            Self::PullRequestsOpened => &[Kind::PullRequestOpened],
            Self::PullRequestsMerged => &[Kind::PullRequestMerged],
            Self::Coediting => &[Kind::ArtifactCoedited],
            Self::Presence => &[Kind::PresencePeak],
            Self::Traces => &[Kind::TraceTaken],
            Self::Patterns => &[Kind::PatternFound],
            Self::ProposalsGenerated => &[Kind::SkillGenerated],
            Self::Proposals => &[Kind::ProposalMade],
            Self::ProposalsAccepted => &[Kind::ProposalAccepted],
            Self::ProposalsRejected => &[Kind::ProposalRejected],
            Self::ProposalsDecided => &[Kind::ProposalAccepted, Kind::ProposalRejected],
            Self::Releases => &[Kind::ReleasePublished],
            Self::Views => &[Kind::ListingViewed],
            Self::Installs => &[Kind::ListingInstalled],
            Self::FirstUses => &[Kind::ListingFirstUsed],
            Self::Updates => &[Kind::ListingUpdated],
            Self::Ratings => &[Kind::ItemRated],
            Self::Searches | Self::SearchesEmpty => &[Kind::SearchQueried],
            Self::SearchesOpened => &[Kind::SearchOpened],
            Self::Deliveries | Self::DeliveriesFailed => return (vec![Kind::DeliveryReceived], true),
            Self::Jobs | Self::JobsFailed => return (vec![Kind::JobEnded], true),
            Self::Requests => return (vec![Kind::HttpServed], true),
            Self::Errors => return (vec![Kind::HttpFailed], true),
            Self::Incidents => return (vec![Kind::DeliveryReceived, Kind::JobEnded, Kind::HttpFailed], true),
        };
        (kinds.to_vec(), false)
    }

    /// The metric whose count is how many rows a number has, of those of workspaces that have one.
    pub fn metric(self) -> Option<Metric> {
        Some(match self {
            Self::Sessions => Metric::Sessions,
            Self::Messages => Metric::Messages,
            Self::Artifacts => Metric::Created,
            Self::Edits => Metric::Edits,
            Self::SkillUses => Metric::Uses,
            Self::Activity => Metric::Activity,
            Self::Commits => Metric::Commits,
            Self::PullRequestsOpened => Metric::Opened,
            Self::PullRequestsMerged => Metric::Merged,
            Self::Coediting => Metric::Coedited,
            Self::Presence => Metric::Peak,
            Self::Traces => Metric::Traces,
            Self::Patterns => Metric::Patterns,
            Self::Proposals => Metric::Proposed,
            Self::ProposalsAccepted => Metric::Accepted,
            Self::ProposalsRejected => Metric::Rejected,
            Self::ProposalsGenerated => Metric::Generated,
            Self::Views => Metric::Views,
            Self::Installs => Metric::Installs,
            Self::FirstUses => Metric::FirstUses,
            Self::Updates => Metric::Updates,
            Self::Ratings => Metric::Ratings,
            Self::Searches => Metric::Searches,
            Self::SearchesEmpty => Metric::SearchesEmpty,
            Self::SearchesOpened => Metric::SearchesOpened,
            // Some of what one metric counts, what two do, or the server's own.
            Self::ArtifactChanges
            | Self::SkillsGenerated
            | Self::SkillsWritten
            | Self::ProposalsDecided
            | Self::Releases
            | Self::Deliveries
            | Self::DeliveriesFailed
            | Self::Jobs
            | Self::JobsFailed
            | Self::Requests
            | Self::Errors
            | Self::Incidents => return None,
        })
    }
}

/// What one event may add to a sum: 2^40 ms are 34 years. A stranger's clock is not to make sums overflow.
const AMOUNT_MAX: i64 = 1 << 40;
const MILLION: i64 = 1_000_000;

/// Whether `event` is something that a person did in their workspace. A commit counts once, however much it changed, and what came by import or with a
/// trace is nobody's deed.
pub fn is_activity(event: &Event) -> bool {
    event.actor != 0 && may_be_activity(event.kind) && (event.kind != Kind::ArtifactCreated || event.amount == Origin::Written as i64)
}

fn may_be_activity(kind: Kind) -> bool {
    match kind {
        Kind::ArtifactCommitted | Kind::VolumeImported | Kind::ProposalMade => false,
        kind => matches!(kind.number(), 100..=116 | 200..=223 | 300..=309 | 400..=405 | 420..=423 | 501 | 506..=511 | 700..=701),
    }
}

/// Where an event is counted: in its workspace and, what concerns the marketplace or the server's work, in that of the server as well, where nobody is named.
pub fn counted_in(event: &Event) -> impl Iterator<Item = Event> {
    let of_all = matches!(event.kind.number(), 600..=604 | 800..=804);
    let of_server = Event { workspace: 0, actor: 0, volume: 0, ..*event };
    [(event.workspace != 0).then_some(*event), (event.workspace == 0 || of_all).then_some(of_server)].into_iter().flatten()
}

/// What `event` adds, in its workspace and its quarter of an hour.
pub fn cells_of(event: &Event) -> Vec<Cell> {
    let amount = event.amount.clamp(0, AMOUNT_MAX);
    let extra = event.extra.clamp(0, AMOUNT_MAX);
    let by = Key {
        metric: 0,
        actor: event.actor,
        volume: event.volume,
        artifact_kind: event.artifact_kind,
        category: event.category,
        subject: 0,
        hour: 0,
    };
    let cell = |metric: Metric, sum: i64| (Key { metric: metric as u16, ..by }, Value { count: 1, sum, max: sum, sketch: None });
    let of = |metric: Metric, subject: u32, sum: i64| {
        (Key { metric: metric as u16, subject, ..by }, Value { count: 1, sum, max: sum, sketch: None })
    };

    // One event of so many.
    let many = |metric: Metric| {
        let (key, value) = cell(metric, 0);
        (key, Value { count: amount.max(1).unsigned_abs(), ..value })
    };

    let mut cells = Vec::with_capacity(3);
    if is_activity(event) {
        cells.push(cell(Metric::Activity, 0));
    }
    match event.kind {
        Kind::SessionCreated => cells.push(cell(Metric::Sessions, 0)),
        Kind::SessionMessageSent => cells.push(cell(Metric::Messages, amount)),
        Kind::ArtifactCreated => {
            cells.push(cell(Metric::Created, 0));
            if event.artifact_kind == SKILL {
                cells.push(cell(Metric::Skills, i64::from(amount == Origin::Generated as i64)));
            }
        }
        Kind::ArtifactDeleted => cells.push(cell(Metric::Deleted, 0)),
        Kind::ArtifactUndeleted => cells.push(cell(Metric::Undeleted, 0)),
        Kind::ArtifactLeft => cells.push(many(Metric::Deleted)),
        Kind::ArtifactEntered => cells.push(many(Metric::Undeleted)),
        Kind::ArtifactCommitted => cells.push(cell(Metric::Edits, 0)),
        Kind::SkillUsed => cells.push(of(Metric::Uses, event.subject, amount.min(1))),
        Kind::CommitMade => cells.push(cell(Metric::Commits, amount)),
        Kind::PullRequestOpened => cells.push(cell(Metric::Opened, 0)),
        Kind::PullRequestMerged => cells.push(cell(Metric::Merged, amount)),
        Kind::ArtifactCoedited => cells.push(cell(Metric::Coedited, amount)),
        Kind::PresencePeak => cells.push(cell(Metric::Peak, amount)),
        Kind::TraceTaken => cells.push(cell(Metric::Traces, amount.min(1))),
        Kind::PatternFound => cells.push(cell(Metric::Patterns, 0)),
        Kind::SkillGenerated => cells.push(cell(Metric::Generated, 0)),
        Kind::ProposalMade => cells.push(cell(Metric::Proposed, extra.min(MILLION))),
        Kind::ProposalAccepted => cells.push(cell(Metric::Accepted, amount)),
        Kind::ProposalRejected => cells.push(cell(Metric::Rejected, 0)),
        Kind::ListingViewed => cells.push(cell(Metric::Views, 0)),
        Kind::ListingInstalled => cells.push(of(Metric::Installs, event.subject, 0)),
        Kind::ListingFirstUsed => cells.push(cell(Metric::FirstUses, 0)),
        Kind::ListingUpdated => cells.push(cell(Metric::Updates, 0)),
        Kind::ItemRated => cells.push(cell(Metric::Ratings, amount.min(5))),
        Kind::SearchQueried => {
            cells.push(cell(Metric::Searches, amount));
            if extra == 0 {
                cells.push(cell(Metric::SearchesEmpty, 0));
            }
        }
        Kind::SearchOpened => {
            let position = amount.max(1);
            cells.push(cell(Metric::SearchesOpened, position));
            cells.push(cell(Metric::Reciprocal, MILLION / position));
        }
        Kind::DeliveryReceived => {
            cells.push(cell(Metric::Deliveries, amount));
            if extra != 0 {
                cells.push(cell(Metric::DeliveriesFailed, 0));
            }
        }
        Kind::JobEnded => {
            cells.push(cell(Metric::Jobs, amount));
            if extra != 0 {
                cells.push(cell(Metric::JobsFailed, 0));
            }
        }
        Kind::HttpServed => cells.push(of(Metric::Requests, (extra as u32).min(crate::latency::BUCKETS - 1) + 1, amount)),
        Kind::HttpFailed => cells.push(cell(Metric::Errors, amount)),
        _ => {}
    }
    cells
}

/// The number of skills among kinds of artifacts.
pub const SKILL: u8 = 1;
