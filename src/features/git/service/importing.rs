//! Importing from a repository once: its files are staged as an upload would be, and the import takes over.

use std::{
    io::{BufWriter, Write as _},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        jobs::IMPORT,
        model::{ImportFromGit, Place},
        repository::Bare,
        wire::{Remote, Service},
    },
    blocking,
    fetching::Fetching,
    no_branch,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record},
        jobs::{self, Job, model::JobStatus, service::NewJob},
        volumes::{
            self,
            archive::{BUNDLE_FILE, Entry, MANIFEST_FILE, Skipped},
            jobs::{ImportPayload, staging_folder},
            model::{ImportItem, ImportOutcome, ImportReport, REPORT_LINES, limits},
        },
    },
    ids::{CommitId, JobId, VolumeId},
    server::context::Ctx,
};

/// What an import needs, and where it is taken from.
#[derive(Serialize, Deserialize)]
struct FromGit {
    #[serde(flatten)]
    import: ImportPayload,
    url: String,
    branch: String,
    folder: String,
    /// Sealed.
    token: Option<Vec<u8>>,
}

/// Whose token it is.
fn purpose(job: &str) -> String {
    format!("token of Git for job {job}")
}

/// Queues an import, after asking the repository whether address, token and branch are right. The report is an `ImportReport`.
pub async fn start_import(ctx: &Ctx, volume: VolumeId, input: ImportFromGit) -> AppResult<JobStatus> {
    let access = volumes::service::authorise(ctx, volume, Action::Commit).await?;
    let place = Place::checked(&input.url, input.branch.as_deref(), input.folder.as_deref(), input.token.as_deref())?;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let id = JobId::chosen(input.id, now)?;
    if jobs::service::exists(ctx, id).await? {
        return jobs::service::status(ctx, id).await;
    }
    let at = Remote::new(&ctx.state.config.git, &place.url, place.token.clone(), None)?.advertised(Service::UploadPack).await?;
    let branch = place.branch.or_else(|| at.default_branch().map(str::to_owned)).unwrap_or_else(|| "main".to_owned());
    if at.branch(&branch).is_none() {
        return Err(no_branch(&at, &branch));
    }
    let label: String = place.url.split_once("://").map_or(place.url.as_str(), |(_, rest)| rest).chars().take(80).collect();
    let payload = FromGit {
        import: ImportPayload { volume, commit: CommitId::generate(), author: actor, label },
        token: place.token.map(|token| ctx.state.vault.seal(&purpose(&id.to_string()), &token)),
        url: place.url,
        branch,
        folder: place.folder,
    };
    let mut tx = ctx.db().write_tx().await?;
    jobs::service::enqueue(&mut tx, NewJob::new(IMPORT, &payload)?.asked_by(actor, id).in_order_of(volume), now).await?;
    let event = Event::new(UsageKind::VolumeImportStarted).workspace(access.workspace).volume(volume).subject(id);
    record(ctx, &mut tx, event).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    jobs::service::status(ctx, id).await
}

/// Fetches and stages what is to be imported, unless a process before this one did, and imports it.
pub async fn import(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let from: FromGit = serde_json::from_str(&job.payload)?;
    let staging = staging_folder(ctx, &job.id);
    let mut skipped = Vec::new();
    if !staging.join(MANIFEST_FILE).exists() {
        let token = from.token.as_deref().and_then(|sealed| ctx.state.vault.open(&purpose(&job.id), sealed));
        let remote = Remote::new(&ctx.state.config.git, &from.url, token, None)?;
        let at = remote.advertised(Service::UploadPack).await?;
        let head = at.branch(&from.branch).ok_or_else(|| no_branch(&at, &from.branch))?;
        tokio::fs::create_dir_all(&staging).await?;
        let repository = tempfile::tempdir_in(&staging)?;
        let fetching = Fetching { remote: &remote, at: &at, path: repository.path(), folder: &from.folder, told: Some((ctx, job)) };
        fetching.commit(head, None).await?;
        let folder = from.folder.clone();
        skipped = blocking(move || stage(repository.path(), head, &folder, &staging)).await?;
    }
    let report = volumes::jobs::import(ctx, job).await?;
    let mut report: ImportReport = serde_json::from_value(report)?;
    report.skipped += skipped.len() as i64;
    for Skipped { path, reason } in skipped {
        let item =
            ImportItem { path, outcome: ImportOutcome::Skipped, artifact_id: None, session_id: None, reason: Some(reason), line: None };
        if report.items.len() < REPORT_LINES { report.items.push(item) } else { report.more += 1 }
    }
    Ok(serde_json::to_value(report)?)
}

/// Writes the files of a tree as an upload; the list of them, at last, says that they are all there.
fn stage(repository: &Path, head: git2::Oid, folder: &str, staging: &Path) -> AppResult<Vec<Skipped>> {
    let bare = Bare::open(repository)?;
    let listing = bare.whole(head, folder)?;
    let total: u64 = listing.files.values().map(|file| file.size).sum();
    if total > limits::UNPACKED_BYTES {
        return Err(AppError::too_large(format!(
            "The files of the repository are over {} MB: name a folder of it.",
            limits::UNPACKED_BYTES / 1024 / 1024
        )));
    }
    let mut bundle = BufWriter::with_capacity(256 * 1024, std::fs::File::create(staging.join(BUNDLE_FILE))?);
    let mut entries = Vec::with_capacity(listing.files.len());
    for (path, file) in &listing.files {
        bundle.write_all(&bare.read(file.id)?)?;
        entries.push(Entry { path: path.clone(), size: file.size, executable: Some(file.executable) });
    }
    bundle.into_inner().map_err(|error| AppError::from(error.into_error()))?.sync_all()?;
    let mut list = tempfile::NamedTempFile::new_in(staging)?;
    list.write_all(&serde_json::to_vec(&entries)?)?;
    list.as_file().sync_all()?;
    list.persist(staging.join(MANIFEST_FILE)).map_err(|error| AppError::from(error.error))?;
    Ok(listing.skipped)
}
