//! Use cases of teams' archives.

mod exporting;
mod importing;
mod references;

pub use exporting::{download, export, start_export};
pub use importing::{import, may_import, start_import};

use crate::{
    error::AppResult,
    features::{
        accounts, analytics, artifacts, assistant, comments, evolution, git,
        jobs::{self, model::JobStatus},
        sessions, tasks, traces, volumes,
    },
    ids::JobId,
    server::{archive::Table, context::Ctx},
};

/// Every table that something of a team is in, those first that others refer to.
pub(super) fn tables() -> Vec<&'static Table> {
    [
        accounts::archived::ARCHIVED,
        volumes::archived::ARCHIVED,
        std::slice::from_ref(&artifacts::archived::CONTENTS),
        artifacts::archived::ARCHIVED,
        sessions::archived::ARCHIVED,
        comments::archived::ARCHIVED,
        tasks::archived::ARCHIVED,
        git::archived::ARCHIVED,
        traces::archived::ARCHIVED,
        assistant::archived::ARCHIVED,
        analytics::archived::ARCHIVED,
        evolution::archived::ARCHIVED,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Removes files that nobody took, and what imports left that ended for good half-way.
pub async fn keep_house(ctx: &Ctx) -> AppResult<()> {
    exporting::sweep(ctx).await?;
    importing::sweep(ctx).await
}

/// Wakes the runner for a job that was queued, and says how it stands.
async fn queued(ctx: &Ctx, id: JobId) -> AppResult<JobStatus> {
    ctx.state.jobs.notify_one();
    jobs::service::status(ctx, id).await
}
