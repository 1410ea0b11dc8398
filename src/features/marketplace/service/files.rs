//! Single files of a release, for the links and pictures in its text.

use super::{archive, browse::may_read, submission::find_visible};
use crate::{
    error::{AppError, AppResult},
    features::artifacts::{
        self,
        markdown::Beside,
        model::FileEntry,
        service::{FileAnswer, text_of},
    },
    ids::ReleaseId,
    server::{context::Ctx, secrets},
};

use super::super::store::ReleaseRow;

/// The id of the text and that of the list of files on an item's page.
const ANCHORS: (&str, &str) = ("#readme", "#files-h");

/// One file of a release that the caller may look at.
pub async fn release_file(ctx: &Ctx, id: ReleaseId, path: &str) -> AppResult<FileAnswer> {
    may_read(ctx)?;
    let (_, row) = find_visible(ctx, id).await?;
    if path == row.main_path {
        let bytes = archive::content_of(ctx, &row).await?;
        let entry = FileEntry { path: row.main_path, sha: secrets::sha256(&bytes), size: bytes.len() as i64, executable: false };
        return Ok(artifacts::service::file_answer(entry, bytes));
    }
    let entry = row.files()?.into_iter().find(|file| file.path == path).ok_or_else(|| AppError::not_found("file"))?;
    let bytes = ctx.state.blobs.get(&entry.sha).await?;
    Ok(artifacts::service::file_answer(entry, bytes))
}

/// The text of a release as HTML. Its links and pictures lead to its files.
pub async fn readme(ctx: &Ctx, row: &ReleaseRow, content: &[u8]) -> AppResult<String> {
    let id = row.id()?;
    let beside = Beside {
        base: format!("/api/v1/marketplace/releases/{id}/files/"),
        main: row.main_path.clone(),
        paths: row.files()?.into_iter().map(|file| file.path).collect(),
        anchors: ANCHORS,
    };
    Ok(ctx.state.renderer.render_release(&text_of(content), id, beside).await.to_string())
}
