//! A job as whoever asked for it sees it, and the queue as administrators do.

use serde::{Deserialize, Serialize};

use crate::ids::JobId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    const ALL: [Self; 5] = [JobState::Queued, JobState::Running, JobState::Done, JobState::Failed, JobState::Cancelled];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        }
    }
    pub fn ended(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed | JobState::Cancelled)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobStatus {
    pub id: JobId,
    pub kind: String,
    pub state: JobState,
    /// Units of work done, of `total`; the total is 0 until it is known.
    pub done: i64,
    pub total: i64,
    /// What the job's kind reports when it is done.
    pub report: Option<serde_json::Value>,
    /// One sentence, when it failed.
    pub error: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// How many times a job is tried at most: a fault of the moment or a time-out begins it again.
pub const ATTEMPTS: i64 = 5;
/// How many times it is begun at most where its process ends meanwhile. That is rarely its fault, and what it has to do would be lost.
pub const BEGUN: i64 = 100;
/// For so long it waits then, for each time that it was begun, from [`ATTEMPTS`] on; in milliseconds.
pub const SET_BACK_MS: i64 = 2_000;
/// How many jobs a report lists.
pub const LISTED: i64 = 100;

const FIRST_PAUSE_MS: i64 = 2_000;
const LONGEST_PAUSE_MS: i64 = 5 * 60_000;

/// How long a job waits after its `attempt`th failure (from 1), in milliseconds: doubling, and somewhere in the upper half of that, so that
/// what failed together does not come back together. `chance` is from 0 to 1.
pub fn pause_ms(attempt: i64, chance: f64) -> i64 {
    backoff_ms(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, attempt, chance)
}

/// The same for anything that is tried again: at most `first` after the first failure, and never more than `longest`.
pub fn backoff_ms(first: i64, longest: i64, attempt: i64, chance: f64) -> i64 {
    let bound = first.saturating_mul(1 << (attempt.clamp(1, 20) - 1)).min(longest);
    bound / 2 + (bound as f64 / 2.0 * chance.clamp(0.0, 1.0)) as i64
}

/// Which jobs a report lists.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct JobsQuery {
    /// Without: those that run, wait or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<JobState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// A job of anybody's, as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobReport {
    pub id: JobId,
    pub kind: String,
    pub state: JobState,
    pub done: i64,
    pub total: i64,
    pub attempts: i64,
    /// One sentence: why it failed, or failed last.
    pub error: Option<String>,
    /// When it is due, in UTC milliseconds.
    pub run_at: i64,
    pub started_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// The jobs of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueReport {
    pub kind: String,
    pub queued: i64,
    pub running: i64,
    pub failed: i64,
    /// Ended well within the last hour.
    pub done_last_hour: i64,
    /// How long the one that is due longest has waited, in milliseconds.
    pub waiting_ms: i64,
}

/// A kind of job that comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleReport {
    pub kind: String,
    /// A cron expression and the time zone it is meant in.
    pub pattern: String,
    pub next_at: i64,
    pub last_at: Option<i64>,
}

/// The whole queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobsReport {
    pub queues: Vec<QueueReport>,
    /// The newest first.
    pub jobs: Vec<JobReport>,
    pub schedules: Vec<ScheduleReport>,
}

/// How many jobs a change met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Changed {
    pub changed: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_are_spread() {
        assert_eq!([1, 2, 3].map(|attempt| pause_ms(attempt, 1.0)), [2_000, 4_000, 8_000]);
        assert_eq!([1, 2, 3].map(|attempt| pause_ms(attempt, 0.0)), [1_000, 2_000, 4_000]);
        assert_eq!(pause_ms(60, 1.0), 300_000);
        assert_eq!(pause_ms(0, 0.5), 1_500);
        assert_eq!(backoff_ms(2_000, 120_000, 20, 1.0), 120_000);
    }

    #[test]
    fn states_are_read_as_they_are_written() {
        for state in JobState::ALL {
            assert_eq!(JobState::parse(state.as_str()), Some(state));
        }
        assert_eq!(JobState::parse("nonsense"), None);
    }
}
