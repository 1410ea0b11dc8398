//! Volumes and artifacts as zip archives, written while they are sent.

use std::io;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{super::archive::ZipStream, access};
use crate::{
    error::AppResult,
    features::{
        accounts::service::{Audit, note},
        analytics::service::{Event, UsageKind, record},
        artifacts::{
            model::{Kind, slug::slugify},
            service as artifacts,
        },
        sessions,
    },
    ids::{ArtifactId, RevisionId, VolumeId},
    server::{blobs::Blobs, context::Ctx},
};

/// Artifacts read at once.
const SLICE: i64 = 100;
/// Pieces that wait for a slow reader.
const QUEUE: usize = 8;

/// A file name and the bytes as they come.
pub struct Export {
    pub name: String,
    pub stream: futures::stream::BoxStream<'static, io::Result<Bytes>>,
}

/// Everything committed in a volume, or only some of it, by path.
pub async fn export_volume(ctx: &Ctx, id: VolumeId, only: Option<Vec<ArtifactId>>) -> AppResult<Export> {
    let access = access::authorise_whole(ctx, id).await?;
    let part = only.as_ref().map(|only| format!("{} artifacts", only.len())).unwrap_or_default();
    let mut tx = ctx.db().write_tx().await?;
    note(ctx, &mut tx, Audit::new("volume.exported", &access.name).team(access.team).detail(&part)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::VolumeExported).team(access.team).volume(id)).await?;
    tx.commit().await?;
    let ctx = ctx.clone();
    let name = format!("{}.zip", slugify(&access.name));
    Ok(stream(name, move |zip| {
        let runtime = tokio::runtime::Handle::current();
        let mut after = String::new();
        loop {
            let slice = runtime.block_on(artifacts::export_slice(&ctx, id, only.as_deref(), &after, SLICE)).map_err(io::Error::other)?;
            let Some((last, _)) = slice.last() else { break };
            after = last.path.clone();
            for (row, bytes) in &slice {
                let folder = row.path.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
                write_artifact(zip, &ctx.state.blobs, &folder, &row.path, bytes, row.executable != 0, &row.files)?;
            }
        }
        if only.is_none() { write_records(zip, &runtime, &ctx, id) } else { Ok(()) }
    }))
}

/// The records of sessions that commits saved, as `sessions/<id>.json`.
fn write_records(zip: &mut ZipStream, runtime: &tokio::runtime::Handle, ctx: &Ctx, id: VolumeId) -> io::Result<()> {
    let mut after = String::new();
    loop {
        let slice = runtime.block_on(sessions::service::record_slice(ctx, id, &after, SLICE)).map_err(io::Error::other)?;
        for (path, sha) in &slice {
            zip.add(path, &ctx.state.blobs.get_blocking(sha)?, false)?;
        }
        let Some((last, _)) = slice.into_iter().next_back() else { return Ok(()) };
        after = last;
    }
}

fn write_artifact(
    zip: &mut ZipStream,
    blobs: &Blobs,
    folder: &str,
    path: &str,
    bytes: &[u8],
    executable: bool,
    files: &str,
) -> io::Result<()> {
    zip.add(path, bytes, executable)?;
    let files: Vec<crate::features::artifacts::model::FileEntry> = serde_json::from_str(files)?;
    for file in files {
        zip.add(&format!("{folder}{}", file.path), &artifacts::read_export_file(blobs, &file)?, file.executable)?;
    }
    Ok(())
}

/// One artifact as the folder that agents read: `name/SKILL.md` with its files, or `name.md`.
pub async fn export_artifact(ctx: &Ctx, id: ArtifactId, revision: Option<RevisionId>) -> AppResult<Export> {
    let artifact = artifacts::download(ctx, id, revision).await?;
    let mut tx = ctx.db().write_tx().await?;
    note(ctx, &mut tx, Audit::new("artifact.exported", &artifact.slug).team(artifact.team)).await?;
    record(
        ctx,
        &mut tx,
        Event::new(UsageKind::ArtifactDownloaded)
            .team(artifact.team)
            .volume(artifact.volume)
            .subject(id)
            .artifact(artifact.kind, &artifact.category),
    )
    .await?;
    tx.commit().await?;
    let blobs = ctx.state.blobs.clone();
    let slug = artifact.slug;
    let (folder, path) = match artifact.kind {
        Kind::Agent if artifact.files.is_empty() => (String::new(), format!("{slug}.md")),
        Kind::Agent => (format!("{slug}/"), format!("{slug}/AGENT.md")),
        Kind::Skill => (format!("{slug}/"), format!("{slug}/SKILL.md")),
        Kind::Tool => (format!("{slug}/"), format!("{slug}/TOOL.md")),
    };
    let files = serde_json::to_string(&artifact.files)?;
    Ok(stream(format!("{slug}.zip"), move |zip| write_artifact(zip, &blobs, &folder, &path, &artifact.bytes, artifact.executable, &files)))
}

/// Writes on a blocking thread; a fault ends the answer early, so that nobody takes half an archive for a whole one.
fn stream(name: String, write: impl FnOnce(&mut ZipStream) -> io::Result<()> + Send + 'static) -> Export {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(QUEUE);
    tokio::task::spawn_blocking(move || {
        let mut zip = ZipStream::new(sender.clone());
        let result = write(&mut zip).and_then(|()| zip.finish());
        if let Err(error) = result
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            tracing::error!(%error, "an export ended early");
            let _ = sender.blocking_send(Err(error));
        }
    });
    let stream = futures::stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|item| (item, receiver)) });
    Export { name, stream: Box::pin(stream) }
}
