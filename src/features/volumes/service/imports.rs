//! Taking an upload in: durably staged below `DATA_DIR/staging`, then queued as a job in one transaction.

use std::path::{Path, PathBuf};

use axum::{body::Body, extract::Multipart};
use futures::StreamExt as _;
use tokio::{fs::File, io::AsyncWriteExt as _};

use super::{
    super::{
        archive::{ARCHIVE_FILE, BUNDLE_FILE, Entry, MANIFEST_FILE},
        jobs::{IMPORT, ImportPayload, staging_folder},
        model::limits,
    },
    access::{self, VolumeAccess},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record},
        jobs::{self, model::JobStatus, service::NewJob},
    },
    ids::{CommitId, JobId, VolumeId},
    server::context::Ctx,
};

/// What an upload may consist of.
const UPLOADED: [&str; 3] = [ARCHIVE_FILE, BUNDLE_FILE, MANIFEST_FILE];

/// Imports a zip that is still on its way. The client may choose the job's id, and say what was packed into the zip.
pub async fn start_import_of_archive(
    ctx: &Ctx,
    volume: VolumeId,
    job: Option<JobId>,
    name: Option<String>,
    body: Body,
) -> AppResult<JobStatus> {
    let access = access::authorise(ctx, volume, Action::Commit).await?;
    let staging = stage(ctx, job, body, limits::ARCHIVE_BYTES).await?;
    queue(ctx, &access, staging, name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "a zip".to_owned())).await
}

/// Takes in a zip that is still on its way, of so many bytes at most, as `ARCHIVE_FILE` of a folder of its own.
pub async fn stage(ctx: &Ctx, job: Option<JobId>, body: Body, limit: u64) -> AppResult<Staging> {
    let staging = Staging::new(ctx, job).await?;
    let mut file = Bounded::create(&staging.folder.join(ARCHIVE_FILE), limit).await?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        file.write(&chunk.map_err(|_| broken())?).await?;
    }
    if file.written == 0 {
        return Err(AppError::invalid("The upload is empty."));
    }
    file.finish().await?;
    Ok(staging)
}

/// Imports the files of a folder: first their paths, then the files in that order. One zip among them stands for its content.
pub async fn start_import_of_parts(ctx: &Ctx, volume: VolumeId, job: Option<JobId>, mut parts: Multipart) -> AppResult<JobStatus> {
    let access = access::authorise(ctx, volume, Action::Commit).await?;
    let staging = Staging::new(ctx, job).await?;
    let mut file = Bounded::create(&staging.folder.join(BUNDLE_FILE), limits::ARCHIVE_BYTES).await?;
    let mut paths: Vec<String> = Vec::new();
    let mut entries: Vec<Entry> = Vec::new();
    let mut first = [0u8; 4];
    while let Some(mut part) = parts.next_field().await.map_err(|_| broken())? {
        if part.name() == Some("paths") {
            paths = serde_json::from_str(&part.text().await.map_err(|_| broken())?)
                .map_err(|_| AppError::field("paths", "This is not a JSON array of paths."))?;
            continue;
        }
        if entries.len() >= limits::FILES {
            return Err(AppError::too_large(format!("These are more than {} files: import them in parts.", limits::FILES)));
        }
        let path = paths.get(entries.len()).cloned().or_else(|| part.file_name().map(str::to_owned)).unwrap_or_default();
        let before = file.written;
        while let Some(chunk) = part.chunk().await.map_err(|_| broken())? {
            if file.written == 0 && chunk.len() >= 4 {
                first.copy_from_slice(&chunk[..4]);
            }
            file.write(&chunk).await?;
        }
        entries.push(Entry { path, size: file.written - before, executable: None });
    }
    if entries.is_empty() {
        return Err(AppError::invalid("The upload has no files."));
    }
    file.finish().await?;
    let label = match entries.as_slice() {
        [only] if first == *b"PK\x03\x04" => {
            tokio::fs::rename(staging.folder.join(BUNDLE_FILE), staging.folder.join(ARCHIVE_FILE)).await?;
            only.path.clone()
        }
        [only] => only.path.clone(),
        _ => entries[0].path.split('/').next().unwrap_or("a folder").to_owned(),
    };
    let mut manifest = Bounded::create(&staging.folder.join(MANIFEST_FILE), limits::ARCHIVE_BYTES).await?;
    manifest.write(&serde_json::to_vec(&entries)?).await?;
    manifest.finish().await?;
    queue(ctx, &access, staging, label).await
}

fn broken() -> AppError {
    AppError::invalid("The upload ended early. Send it again.")
}

async fn queue(ctx: &Ctx, access: &VolumeAccess, staging: Staging, label: String) -> AppResult<JobStatus> {
    let actor = ctx.actor()?.id();
    staging.sync().await?;
    let label = label.chars().filter(|c| !c.is_control()).take(80).collect();
    let payload = ImportPayload { volume: access.id, commit: CommitId::generate(), author: actor, label };
    let is_shared = staging.share(ctx).await?;
    let mut tx = ctx.db().write_tx().await?;
    let job = NewJob::new(IMPORT, &payload)?.asked_by(actor, staging.job).in_order_of(access.id).here_unless(is_shared, ctx);
    jobs::service::enqueue(&mut tx, job, ctx.now()).await?;
    record(ctx, &mut tx, Event::new(UsageKind::VolumeImportStarted).team(access.team).volume(access.id).subject(staging.job)).await?;
    tx.commit().await?;
    let job = staging.keep();
    ctx.state.jobs.notify_one();
    jobs::service::status(ctx, job).await
}

/// A folder for one upload; gone again if the upload does not become a job.
pub struct Staging {
    pub job: JobId,
    folder: PathBuf,
    kept: bool,
}

impl Staging {
    async fn new(ctx: &Ctx, job: Option<JobId>) -> AppResult<Self> {
        let job = JobId::chosen(job, ctx.now())?;
        let taken = || AppError::conflict("This id is in use already: make a new one.");
        if jobs::service::exists(ctx, job).await? {
            return Err(taken());
        }
        let folder = staging_folder(ctx, &job.to_string());
        if let Some(parent) = folder.parent() {
            tokio::fs::create_dir_all(parent).await?;
        }
        match tokio::fs::create_dir(&folder).await {
            Ok(()) => {}
            // Another upload with this id is under way: the folder is its own.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(taken()),
            Err(error) => return Err(error.into()),
        }
        Ok(Self { job, folder, kept: false })
    }

    /// The folder and the one above it know their entries for good.
    pub async fn sync(&self) -> AppResult<()> {
        let mut folder = Some(self.folder.as_path());
        for _ in 0..2 {
            let Some(path) = folder else { break };
            File::open(path).await?.sync_all().await?;
            folder = path.parent();
        }
        Ok(())
    }

    /// Leaves a copy where all nodes find it, if they share an object store; whether any of them can then do the job, also when this one is lost.
    pub async fn share(&self, ctx: &Ctx) -> AppResult<bool> {
        let mut is_shared = false;
        for name in UPLOADED {
            let path = self.folder.join(name);
            if path.exists() {
                is_shared = ctx.state.blobs.share_upload(&format!("{}/{name}", self.job), &path).await?;
            }
        }
        Ok(is_shared)
    }

    /// The job that will remove it.
    pub fn keep(mut self) -> JobId {
        self.kept = true;
        self.job
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Brings an upload here that another node took in, if it is not here and nodes share an object store.
pub async fn bring_upload(ctx: &Ctx, job: &str) -> AppResult<()> {
    let folder = staging_folder(ctx, job);
    if folder.exists() {
        return Ok(());
    }
    let half = folder.with_extension("half");
    drop(tokio::fs::remove_dir_all(&half).await);
    tokio::fs::create_dir_all(&half).await?;
    let mut is_there = false;
    for name in UPLOADED {
        is_there |= ctx.state.blobs.bring_upload(&format!("{job}/{name}"), &half.join(name)).await?;
    }
    if is_there {
        return Ok(tokio::fs::rename(&half, &folder).await?);
    }
    Ok(tokio::fs::remove_dir(&half).await?)
}

/// The job has ended: its upload goes, here and where all nodes find it.
pub async fn forget_upload(ctx: &Ctx, job: &str) {
    drop(tokio::fs::remove_dir_all(staging_folder(ctx, job)).await);
    for name in UPLOADED {
        // One that stays is removed with others that nobody took.
        if let Err(error) = ctx.state.blobs.forget_upload(&format!("{job}/{name}")).await {
            tracing::debug!(%error, job, "the copy of an upload stays for now");
        }
    }
}

/// A file that may not grow over the limit of an upload.
struct Bounded {
    file: tokio::io::BufWriter<File>,
    written: u64,
    limit: u64,
}

impl Bounded {
    async fn create(path: &Path, limit: u64) -> AppResult<Self> {
        Ok(Self { file: tokio::io::BufWriter::with_capacity(256 * 1024, File::create(path).await?), written: 0, limit })
    }

    async fn write(&mut self, bytes: &[u8]) -> AppResult<()> {
        self.written += bytes.len() as u64;
        if self.written > self.limit {
            return Err(AppError::too_large(format!("The upload is over {} MB: import it in parts.", self.limit / 1024 / 1024)));
        }
        Ok(self.file.write_all(bytes).await?)
    }

    async fn finish(mut self) -> AppResult<()> {
        self.file.flush().await?;
        Ok(self.file.into_inner().sync_all().await?)
    }
}
