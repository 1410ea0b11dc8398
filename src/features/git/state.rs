//! The link of a volume, as its page reads and changes it.

use std::future::Future;

use super::model::{GitLink, ImportFromGit, LinkVolume, PullRequest, StartSync};
use crate::{
    browser::data::{self, Fetched},
    error::AppResult,
    features::{jobs::model::JobStatus, volumes::state::tell},
    ids::{JobId, VolumeId},
};

pub fn use_link(id: VolumeId) -> Fetched<Option<GitLink>> {
    data::fetch(move || Some(format!("/volumes/{id}/git")))
}

pub fn use_pull_requests(id: VolumeId) -> Fetched<Vec<PullRequest>> {
    data::fetch(move || Some(format!("/volumes/{id}/git/pull-requests")))
}

pub fn link(id: VolumeId, input: LinkVolume) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("PUT", format!("/volumes/{id}/git"), input)
}

pub fn unlink(id: VolumeId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/volumes/{id}/git"), ())
}

/// Starts a pull or a push.
pub async fn start(id: VolumeId, what: &'static str) -> AppResult<JobStatus> {
    data::send("POST", format!("/volumes/{id}/git/{what}"), &StartSync { id: Some(JobId::generate()) }).await
}

/// Imports from a repository once; the job.
pub async fn import(id: VolumeId, input: ImportFromGit) -> AppResult<JobStatus> {
    data::send("POST", format!("/volumes/{id}/git/import"), &input).await
}
