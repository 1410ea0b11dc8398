//! A job as whoever asked for it sees it.

use serde::{Deserialize, Serialize};

use crate::ids::JobId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
}

impl JobState {
    pub fn parse(text: &str) -> Self {
        match text {
            "queued" => JobState::Queued,
            "running" => JobState::Running,
            "done" => JobState::Done,
            _ => JobState::Failed,
        }
    }
    pub fn ended(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed)
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
