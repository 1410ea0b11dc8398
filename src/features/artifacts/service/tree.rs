//! The bytes of an artifact: main file and the files beside it, their hash as a whole, and the rules of their paths.
//!
//! `tree_sha` is the SHA-256 of this text; equal hashes mean that nothing changed:
//!
//! ```text
//! llmos-tree-1
//! <100644|100755> <sha of the main file> <path of the main file in the volume>
//! <100644|100755> <sha of a file> <path of the file beside it>    (one line for each, sorted by path)
//! ```

use std::{collections::HashMap, fmt::Write as _};

use unicode_normalization::UnicodeNormalization as _;

use crate::{
    error::{AppError, AppResult},
    features::{
        artifacts::{
            model::FileEntry,
            store::{self, ExportRow, RevisionRow},
        },
        volumes::model::{Change, limits},
    },
    ids::{ArtifactId, CommitId, RevisionId, VolumeId},
    server::{blobs::Blobs, context::Ctx, secrets},
};

/// The hash over everything that an artifact keeps.
pub fn tree_sha(path: &str, content_sha: &str, executable: bool, files: &[FileEntry]) -> String {
    let mode = |executable| if executable { "100755" } else { "100644" };
    let mut text = format!("llmos-tree-1\n{} {content_sha} {path}\n", mode(executable));
    for file in files {
        let _ = writeln!(text, "{} {} {}", mode(file.executable), file.sha, file.path);
    }
    secrets::sha256(text.as_bytes())
}

/// Brings a relative path into its one form, or says what is wrong with it.
pub fn clean_path(path: &str) -> Result<String, &'static str> {
    let path: String = path.nfc().collect();
    let path = path.strip_prefix("./").unwrap_or(&path);
    if path.is_empty() {
        return Err("The path is empty.");
    }
    if path.chars().count() > limits::PATH_CHARS {
        return Err("The path is too long.");
    }
    if path.contains('\\') {
        return Err("The path has backslashes: folders are separated by “/”.");
    }
    if path.starts_with('/') || path.as_bytes().get(1) == Some(&b':') {
        return Err("The path is absolute.");
    }
    if path.chars().any(char::is_control) {
        return Err("The path has control characters.");
    }
    for segment in path.split('/') {
        match segment {
            "" => return Err("The path has an empty part."),
            "." | ".." => return Err("The path leads out of its folder."),
            _ => {}
        }
    }
    Ok(path.to_owned())
}

/// The exact bytes of a main file.
pub async fn content_of_revision(ctx: &Ctx, sha: &str) -> AppResult<Vec<u8>> {
    store::content(ctx.db().read(), sha).await?.ok_or_else(|| missing(sha))
}

/// A revision with the exact bytes of its main file.
pub async fn revision_with_content(ctx: &Ctx, artifact: ArtifactId, id: RevisionId) -> AppResult<Option<(RevisionRow, Vec<u8>)>> {
    let Some((row, bytes)) = store::revision_with_content(ctx.db().read(), artifact, id).await? else { return Ok(None) };
    let bytes = bytes.ok_or_else(|| missing(&row.content_sha))?;
    Ok(Some((row, bytes)))
}

/// The error of a content that a revision names and nobody has.
pub fn missing(sha: &str) -> AppError {
    tracing::error!(sha, "a content is missing");
    AppError::internal()
}

/// The bytes of several main files.
pub async fn contents_of(ctx: &Ctx, shas: &[String]) -> AppResult<HashMap<String, Vec<u8>>> {
    let mut found = HashMap::new();
    for chunk in shas.chunks(store::CHUNK) {
        found.extend(store::contents(ctx.db().read(), chunk).await?);
    }
    Ok(found)
}

/// A slice of a volume's committed artifacts, in the order of paths, with the bytes of their main files.
pub async fn export_slice(
    ctx: &Ctx,
    volume: VolumeId,
    only: Option<&[ArtifactId]>,
    after: &str,
    limit: i64,
) -> AppResult<Vec<(ExportRow, Vec<u8>)>> {
    let rows = store::export_rows(ctx.db().read(), volume, only, after, limit).await?;
    let mut shas: Vec<String> = rows.iter().map(|row| row.content_sha.clone()).collect();
    shas.sort_unstable();
    shas.dedup();
    let contents = contents_of(ctx, &shas).await?;
    rows.into_iter()
        .map(|row| {
            let bytes = contents.get(&row.content_sha).cloned().ok_or_else(|| {
                tracing::error!(sha = row.content_sha, "a content is missing");
                AppError::internal()
            })?;
            Ok((row, bytes))
        })
        .collect()
}

/// An artifact's files in one commit: the main file's path, and what is beside it.
pub struct State {
    pub path: String,
    pub content_sha: String,
    pub executable: bool,
    pub files: Vec<FileEntry>,
}

/// What a commit did to the files of one artifact in its volume.
pub struct TreeChange {
    pub artifact: ArtifactId,
    pub before: Option<State>,
    pub after: Option<State>,
}

/// A slice of what a commit did to the files of its volume, after an artifact; an empty one: there is no more.
pub async fn tree_changes(ctx: &Ctx, volume: VolumeId, commit: CommitId, after: Option<ArtifactId>) -> AppResult<Vec<TreeChange>> {
    let state = |path: String, content_sha: String, executable: i64, files: &str| {
        AppResult::Ok(State { path, content_sha, executable: executable != 0, files: serde_json::from_str(files)? })
    };
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let rows = store::tree_changes(ctx.db().read(), commit, &after, store::CHUNK as i64).await?;
    rows.into_iter()
        .map(|row| {
            // What came from another volume was not in this one before; what was in the trash was not either.
            let was_here = row.old_volume.as_deref() == Some(volume.to_string().as_str()) && row.old_change.as_deref() != Some("deleted");
            let is_here = match Change::parse(&row.change) {
                Change::Deleted => false,
                Change::Moved => !was_here,
                _ => true,
            };
            let before = match (row.old_path, row.old_content_sha, row.old_executable, row.old_files) {
                (Some(path), Some(sha), Some(executable), Some(files)) if was_here => Some(state(path, sha, executable, &files)?),
                _ => None,
            };
            let after = if is_here { Some(state(row.path, row.content_sha, row.executable, &row.files)?) } else { None };
            Ok(TreeChange { artifact: crate::server::db::parse_id(&row.artifact_id)?, before, after })
        })
        .collect()
}

/// Reads a file's blob for an export.
pub fn read_export_file(blobs: &Blobs, file: &FileEntry) -> std::io::Result<Vec<u8>> {
    blobs.get_blocking(&file.sha)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_one_form_and_stay_inside() {
        assert_eq!(clean_path("./a/b.md").as_deref(), Ok("a/b.md"));
        assert_eq!(clean_path("u\u{308}.md").as_deref(), Ok("ü.md"));
        for bad in ["", "/etc/passwd", "../a", "a/../b", "a//b", "a\\b", "C:/x", "a/./b", "a/", "a\nb", &"x".repeat(500)] {
            assert!(clean_path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_tree_hash_sees_every_part() {
        let file = |path: &str, executable| FileEntry { path: path.into(), sha: "s".into(), size: 1, executable };
        let base = tree_sha("p", "c", false, &[file("a", false)]);
        assert_ne!(base, tree_sha("p", "c", true, &[file("a", false)]));
        assert_ne!(base, tree_sha("p", "c", false, &[file("a", true)]));
        assert_ne!(base, tree_sha("q", "c", false, &[file("a", false)]));
        assert_ne!(base, tree_sha("p", "c", false, &[]));
    }
}
