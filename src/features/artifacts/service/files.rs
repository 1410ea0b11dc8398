//! The files beside a main file: shown, uploaded, replaced and removed in the draft, versioned with the artifact.

use super::{
    drafts::{self, Current},
    tree,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::UsageKind,
        artifacts::{
            model::{FileEntry, SavedDraft},
            store,
        },
        volumes::model::limits,
    },
    ids::{ArtifactId, RevisionId},
    server::context::Ctx,
};

/// Rows with lists of files, read at once.
const BLOB_SLICE: i64 = 500;

/// A file with the content type that is safe to answer with.
pub struct FileAnswer {
    pub entry: FileEntry,
    pub bytes: Vec<u8>,
    pub content_type: &'static str,
    /// The browser may show it; anything else is saved.
    pub inline: bool,
}

pub async fn list_files(ctx: &Ctx, id: ArtifactId) -> AppResult<Vec<FileEntry>> {
    Current::load(ctx, id, Action::Read).await?.files()
}

pub async fn get_file(ctx: &Ctx, id: ArtifactId, path: &str, revision: Option<RevisionId>) -> AppResult<FileAnswer> {
    let current = Current::load(ctx, id, Action::Read).await?;
    let files = match revision {
        None => current.files()?,
        Some(revision) => store::revision(ctx.db().read(), id, revision).await?.ok_or_else(|| AppError::not_found("revision"))?.files()?,
    };
    let entry = files.into_iter().find(|file| file.path == path).ok_or_else(|| AppError::not_found("file"))?;
    let bytes = ctx.state.blobs.get(&entry.sha).await?;
    Ok(file_answer(entry, bytes))
}

/// A file as a browser may have it.
pub fn file_answer(entry: FileEntry, bytes: Vec<u8>) -> FileAnswer {
    let (content_type, inline) = safe_type(&entry.path, &bytes);
    FileAnswer { entry, bytes, content_type, inline }
}

/// What a file may be answered as. Nothing that runs: markup and scripts are text, vector pictures are saved.
fn safe_type(path: &str, bytes: &[u8]) -> (&'static str, bool) {
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "png" if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => ("image/png", true),
        "jpg" | "jpeg" if bytes.starts_with(b"\xff\xd8\xff") => ("image/jpeg", true),
        "gif" if bytes.starts_with(b"GIF8") => ("image/gif", true),
        "webp" if bytes.len() > 12 && bytes.starts_with(b"RIFF") && &bytes[8..12] == b"WEBP" => ("image/webp", true),
        _ if is_text(bytes) => ("text/plain; charset=utf-8", true),
        _ => ("application/octet-stream", false),
    }
}

fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

/// Puts a file into the draft, or replaces it.
pub async fn put_file(ctx: &Ctx, id: ArtifactId, path: &str, bytes: Vec<u8>, executable: Option<bool>) -> AppResult<SavedDraft> {
    let path = tree::clean_path(path).map_err(|problem| AppError::field("path", problem))?;
    if bytes.len() as u64 > limits::FILE_BYTES {
        return Err(AppError::too_large(format!("A file has at most {} MB.", limits::FILE_BYTES / 1024 / 1024)));
    }
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    if path.eq_ignore_ascii_case(main_name(&current.row.path)) {
        return Err(AppError::field("path", "This is the main file: save it as the draft's text."));
    }
    let mut files = current.files()?;
    // `a` and `a/b` cannot both be on a disk.
    if let Some(other) =
        files.iter().find(|file| file.path.starts_with(&format!("{path}/")) || path.starts_with(&format!("{}/", file.path)))
    {
        return Err(AppError::field("path", format!("“{}” is in the way.", other.path)));
    }
    let known = files.iter().position(|file| file.path == path);
    if known.is_none() && files.len() >= limits::FILES_PER_ARTIFACT {
        return Err(AppError::invalid(format!("An artifact has at most {} files.", limits::FILES_PER_ARTIFACT)));
    }
    let executable = executable.unwrap_or_else(|| known.is_some_and(|known| files[known].executable));
    let size = bytes.len() as i64;
    // First the bytes, durably; then the draft that names them.
    let sha = ctx.state.blobs.put(bytes).await?;
    let entry = FileEntry { path, sha, size, executable };
    match known {
        Some(known) => files[known] = entry,
        None => files.push(entry),
    }
    files.sort();
    drafts::write_files(ctx, &current, &files, UsageKind::FileSaved).await
}

pub async fn delete_file(ctx: &Ctx, id: ArtifactId, path: &str) -> AppResult<SavedDraft> {
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let mut files = current.files()?;
    let count = files.len();
    files.retain(|file| file.path != path);
    if files.len() == count {
        return Err(AppError::not_found("file"));
    }
    drafts::write_files(ctx, &current, &files, UsageKind::FileDeleted).await
}

/// Shows `see` every blob that a draft or a revision names; also revisions that an import has only staged.
pub async fn each_blob(ctx: &Ctx, see: &mut (dyn FnMut(&str) + Send)) -> AppResult<()> {
    for of_drafts in [true, false] {
        let mut after = String::new();
        loop {
            let slice = store::named_files(ctx.db().read(), of_drafts, &after, BLOB_SLICE).await?;
            let Some((last, _)) = slice.last() else { break };
            after = last.clone();
            for (_, files) in &slice {
                for file in serde_json::from_str::<Vec<FileEntry>>(files)? {
                    see(&file.sha);
                }
            }
        }
    }
    Ok(())
}

/// The last part of the path of a main file.
pub fn main_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_runs_is_shown_as_what_it_is() {
        assert_eq!(safe_type("a.html", b"<script>alert(1)</script>"), ("text/plain; charset=utf-8", true));
        assert_eq!(safe_type("a.svg", b"<svg onload='x'/>"), ("text/plain; charset=utf-8", true));
        assert_eq!(safe_type("a.png", b"<svg/>"), ("text/plain; charset=utf-8", true));
        assert_eq!(safe_type("a.png", b"\x89PNG\r\n\x1a\n...\0"), ("image/png", true));
        assert_eq!(safe_type("a.exe", b"MZ\0\0"), ("application/octet-stream", false));
    }
}
