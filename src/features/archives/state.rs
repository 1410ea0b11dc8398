//! What the page of a team asks of its archive.

use crate::{
    browser::data,
    error::AppResult,
    features::jobs::model::JobStatus,
    ids::{JobId, TeamId},
};

pub fn start_export(team: TeamId) -> impl Future<Output = AppResult<JobStatus>> + Send + 'static {
    data::post(format!("/teams/{team}/exports"), &())
}

/// Where the file of an export that is done is taken from.
pub fn download_address(team: TeamId, job: JobId) -> String {
    format!("/api/v1/teams/{team}/exports/{job}")
}
