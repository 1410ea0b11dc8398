//! Imports as background jobs: read off the async threads, staged in slices, published as one commit in short steps.
//!
//! A job that died starts again: what it staged is taken back first, and if its commit is there already, it only reports.

mod reading;

pub use reading::store_blobs;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{
    model::{ImportItem, ImportOutcome, ImportReport, REPORT_LINES},
    service::{Appended, bring_upload, forget_upload, who_may},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope, model::Scopes},
        analytics::service::{Event, UsageKind},
        artifacts::service as artifacts,
        jobs::{Job, service as jobs},
        sessions,
    },
    ids::{CommitId, UserId, VolumeId},
    server::{
        context::{Ctx, Via},
        error::internal,
    },
    ui::plural,
};

pub const IMPORT: &str = "volume.import";
const REPORT_FILE: &str = "report.json";
/// Somebody may commit the same artifacts meanwhile; then everything is read once more.
const TRIES: usize = 3;

/// What the job needs to start anywhere, and to find its commit again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportPayload {
    pub volume: VolumeId,
    pub commit: CommitId,
    pub author: UserId,
    /// What was uploaded, for the message.
    pub label: String,
}

/// Where an upload waits for its job.
pub fn staging_folder(ctx: &Ctx, job: &str) -> PathBuf {
    ctx.state.config.data_dir.join("staging").join(job)
}

/// Runs one import to its end; the report is an [`ImportReport`].
pub async fn import(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let payload: ImportPayload = serde_json::from_str(&job.payload)?;
    let folder = staging_folder(ctx, &job.id);
    let who_may = who_may(ctx, payload.volume, Action::Commit).await?;
    let acting = match accounts::service::acting_for(ctx, payload.author, Via::Token(Scopes(vec![Scope::Write]))).await {
        // It does not wait as who writes does, for it may be what they wait for.
        Ok(acting) => Some(acting).filter(|_| who_may.contains(&payload.author)),
        Err(error) if error.code == ErrorCode::Forbidden => None,
        Err(error) => return Err(error),
    };
    // Whoever began it may have lost the right to since.
    let result = match acting {
        Some(acting) => {
            bring_upload(&acting, &job.id).await?;
            import_all(&acting, job, &payload, &folder).await
        }
        None => Err(AppError::forbidden("Whoever began this import may not commit there any more, so nothing was imported.")),
    };
    match &result {
        // It is tried again; everything is still there.
        Err(error) if matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal) => {}
        Err(_) => {
            artifacts::unstage_import(ctx, payload.volume, payload.commit).await?;
            forget_upload(ctx, &job.id).await;
        }
        Ok(_) => forget_upload(ctx, &job.id).await,
    }
    Ok(serde_json::to_value(result?)?)
}

/// The artifacts as one commit, then the sessions, each by itself: a file's id makes it known again after a crash.
async fn import_all(ctx: &Ctx, job: &Job, payload: &ImportPayload, folder: &Path) -> AppResult<ImportReport> {
    let mut report = import_staged(ctx, job, payload, folder).await?;
    let mut files = reading::sessions(folder.to_owned(), artifacts::volume_places(ctx, payload.volume).await?);
    while let Some((path, read)) = files.recv().await {
        let outcome = match read {
            Ok(bytes) => sessions::service::import_session(ctx, payload.volume, &bytes).await?,
            Err(reason) => sessions::service::ImportedFile { outcome: ImportOutcome::Skipped, session: None, note: reason.to_owned() },
        };
        match outcome.outcome {
            ImportOutcome::Created => report.created += 1,
            ImportOutcome::Updated => report.updated += 1,
            ImportOutcome::Skipped => report.skipped += 1,
            ImportOutcome::Unchanged => {
                report.unchanged += 1;
                continue;
            }
        }
        let reason = Some(outcome.note).filter(|note| !note.is_empty());
        note(
            &mut report,
            ImportItem { path, outcome: outcome.outcome, artifact_id: None, session_id: outcome.session, reason, line: None },
        );
        let seen = report.created + report.updated + report.unchanged + report.skipped;
        jobs::progress(ctx, job, seen, seen).await?;
    }
    Ok(report)
}

async fn import_staged(ctx: &Ctx, job: &Job, payload: &ImportPayload, folder: &Path) -> AppResult<ImportReport> {
    let mut tried = 0;
    loop {
        let published = artifacts::unstage_import(ctx, payload.volume, payload.commit).await?;
        artifacts::unstage_all(ctx, payload.volume).await?;
        if let Some((created, updated)) = published {
            return Ok(stored_report(folder).await.unwrap_or(ImportReport {
                created,
                updated,
                commit_id: Some(payload.commit),
                ..ImportReport::default()
            }));
        }
        tried += 1;
        match read_and_publish(ctx, job, payload, folder).await {
            Err(error) if error.code == ErrorCode::Conflict && tried < TRIES => {
                tracing::info!(job = %job.id, "the volume changed during an import: once more")
            }
            result => return result,
        }
    }
}

async fn read_and_publish(ctx: &Ctx, job: &Job, payload: &ImportPayload, folder: &Path) -> AppResult<ImportReport> {
    let known = artifacts::volume_places(ctx, payload.volume).await?;
    // Two slices at most wait for the database: memory stays bounded whatever comes.
    let (sender, mut slices) = mpsc::channel::<reading::Slice>(2);
    let reader = reading::Reader { folder: folder.to_owned(), known, blobs: ctx.state.blobs.clone(), sender };
    let reader = tokio::task::spawn_blocking(move || reader.read());
    let mut changes = Vec::new();
    let mut failed = None;
    while let Some(slice) = slices.recv().await {
        match stage(ctx, job, payload, slice, &mut changes).await {
            Ok(()) => {}
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    // Closing the channel ends a reader that is still at it.
    drop(slices);
    let read = reader.await.map_err(|error| internal("import", &error))?;
    if let Some(error) = failed {
        return Err(error);
    }
    let mut report = read?;
    if changes.is_empty() {
        return Ok(report);
    }
    report.commit_id = Some(payload.commit);
    store_report(folder, &report).await?;
    let message = message(&report, &payload.label);
    let event = Event::new(UsageKind::VolumeImported).subject(payload.commit).amount(changes.len() as i64);
    let commit = Appended {
        id: payload.commit,
        volume: payload.volume,
        author: payload.author,
        message: &message,
        source: "import",
        changes,
        now: ctx.now(),
    };
    artifacts::publish_import(ctx, commit, event, &()).await?;
    Ok(report)
}

async fn stage(
    ctx: &Ctx,
    job: &Job,
    payload: &ImportPayload,
    slice: reading::Slice,
    changes: &mut Vec<artifacts::Staging>,
) -> AppResult<()> {
    if !slice.staged.is_empty() {
        changes.extend(artifacts::stage_import(ctx, payload.commit, payload.volume, payload.author, slice.staged).await?);
    }
    jobs::progress(ctx, job, slice.done, slice.total).await
}

fn message(report: &ImportReport, label: &str) -> String {
    format!("Import {} from {label}", plural(report.created + report.updated, "artifact", "artifacts"))
}

/// Adds a line to the report, as long as a person would read it.
pub(super) fn note(report: &mut ImportReport, item: ImportItem) {
    if report.items.len() < REPORT_LINES { report.items.push(item) } else { report.more += 1 }
}

/// Kept beside the upload until the job has ended, so that a restart after publishing still knows it.
async fn store_report(folder: &Path, report: &ImportReport) -> AppResult<()> {
    let bytes = serde_json::to_vec(report)?;
    let path = folder.join(REPORT_FILE);
    tokio::fs::write(&path, bytes).await?;
    Ok(tokio::fs::File::open(&path).await?.sync_all().await?)
}

async fn stored_report(folder: &Path) -> Option<ImportReport> {
    serde_json::from_slice(&tokio::fs::read(folder.join(REPORT_FILE)).await.ok()?).ok()
}

/// Housekeeping: uploads that never became a job, or whose job has ended in a crash.
pub async fn sweep_staging(ctx: &Ctx) -> AppResult<()> {
    const OLD: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);
    let Ok(mut folders) = tokio::fs::read_dir(ctx.state.config.data_dir.join("staging")).await else { return Ok(()) };
    while let Some(folder) = folders.next_entry().await? {
        let age = folder.metadata().await.ok().and_then(|meta| meta.modified().ok()).and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > OLD) {
            tokio::fs::remove_dir_all(folder.path()).await?;
        }
    }
    Ok(())
}

/// The upload is no longer there: the process before this one removed it at its end.
pub(super) fn gone() -> AppError {
    AppError::invalid("The upload is no longer there. Import it again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_says_how_many() {
        let report = |created, updated| ImportReport { created, updated, ..ImportReport::default() };
        assert_eq!(message(&report(1, 0), "notes.zip"), "Import 1 artifact from notes.zip");
        assert_eq!(message(&report(1_000, 33), "volume"), "Import 1,033 artifacts from volume");
    }
}
