//! What pages read of jobs, and ask of them.

use super::model::{Changed, JobsQuery, JobsReport};
use crate::{browser::data, error::AppResult, features::volumes::state::tell, ids::JobId};

/// Where administrators see the queue.
pub fn jobs_address(query: &JobsQuery) -> String {
    data::with_query("/admin/jobs", query)
}

/// The page and what it reads go by the same address.
pub fn read_jobs(address: String) -> impl Future<Output = AppResult<JobsReport>> + Send + 'static {
    data::get(address)
}

pub fn cancel_job(id: JobId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/jobs/{id}/cancel"), ())
}

pub fn retry_job(id: JobId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/admin/jobs/{id}/retry"), ())
}

/// All failed ones, or those of a kind.
pub fn retry_jobs(kind: Option<String>) -> impl Future<Output = AppResult<Changed>> + Send + 'static {
    let path = data::with_query("/admin/jobs/retry", &JobsQuery { kind, state: None });
    data::post(path, &())
}
