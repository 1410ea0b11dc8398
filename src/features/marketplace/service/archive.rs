//! The files of a release, and their canonical archive.

use llmos_trust::archive::{self, File, Limits};

use super::super::store::{self, ReleaseRow};
use crate::{
    error::{AppError, AppResult},
    features::{
        artifacts::{self, model::FileEntry},
        marketplace::model::ReleaseState,
    },
    ids::ReleaseId,
    server::{context::Ctx, error::internal},
};

/// Rows with lists of files, read at once.
const BLOB_SLICE: i64 = 500;

/// Main file and files, as they are archived.
pub async fn files(ctx: &Ctx, main_path: &str, content: Vec<u8>, entries: &[FileEntry]) -> AppResult<Vec<File>> {
    let mut files = vec![File { path: main_path.to_owned(), bytes: content }];
    for entry in entries {
        files.push(File { path: entry.path.clone(), bytes: ctx.state.blobs.get(&entry.sha).await? });
    }
    Ok(files)
}

/// Those of a release.
pub async fn files_of(ctx: &Ctx, row: &ReleaseRow) -> AppResult<Vec<File>> {
    files(ctx, &row.main_path, content_of(ctx, row).await?, &row.files()?).await
}

/// Its main file.
pub async fn content_of(ctx: &Ctx, row: &ReleaseRow) -> AppResult<Vec<u8>> {
    let mut contents = artifacts::service::contents_of(ctx, std::slice::from_ref(&row.content_sha)).await?;
    contents.remove(&row.content_sha).ok_or_else(|| {
        tracing::error!(release = row.id, "the main file of a release is missing");
        AppError::internal()
    })
}

/// The canonical archive. What cannot be archived is the sender's to mend.
pub async fn pack(files: Vec<File>) -> AppResult<(Vec<File>, Vec<u8>)> {
    let packed = tokio::task::spawn_blocking(move || archive::pack(&files, &Limits::default()).map(|bytes| (files, bytes))).await;
    packed.map_err(|error| internal("archive", &error))?.map_err(|refused| AppError::field("files", refused.to_string()))
}

/// The archive of a release with the name of its file: of a public one for everybody, of another for its publisher and for moderators.
pub async fn archive_of(ctx: &Ctx, id: ReleaseId) -> AppResult<(String, Vec<u8>)> {
    let (listing, row) = super::submission::find_visible(ctx, id).await?;
    let (_, bytes) = pack(files_of(ctx, &row).await?).await?;
    if llmos_trust::Digest::of(&bytes).to_string() != row.digest {
        tracing::error!(release = row.id, "the files of a release are not those that were signed");
        return Err(AppError::conflict(format!(
            "The files of {} {} on this server are not those that were signed: nothing of it can be installed. Tell whoever runs this server.",
            row.name, row.version
        )));
    }
    if row.state() == ReleaseState::Public {
        super::rating::count_taken(ctx, &row, "download").await?;
    }
    Ok((format!("{}-{}.tar", listing.slug, row.version), bytes))
}

/// Shows `see` every blob that a release names, and every picture of an item.
pub async fn each_blob(ctx: &Ctx, see: &mut (dyn FnMut(&str) + Send)) -> AppResult<()> {
    let mut after = String::new();
    loop {
        let slice = store::release_files(ctx.db().read(), &after, BLOB_SLICE).await?;
        let Some((last, _)) = slice.last() else { return super::screenshots::each_blob(ctx, see).await };
        after = last.clone();
        for (_, files) in &slice {
            for file in serde_json::from_str::<Vec<FileEntry>>(files)? {
                see(&file.sha);
            }
        }
    }
}
