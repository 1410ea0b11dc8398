//! When somebody committed in between: three texts side by side, and the merged one as a draft onto the new head.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    drafts::{self, Current, Draft, Expected},
    tree,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::UsageKind,
        artifacts::{
            model::{FileEntry, MergeView, SaveMerge, SavedDraft, document::Document, merge::merge},
            store::{self, RevisionRow},
        },
    },
    ids::ArtifactId,
    server::context::Ctx,
};

/// What the draft began with: nothing, if it was never committed.
pub async fn base(ctx: &Ctx, current: &Current) -> AppResult<Option<RevisionRow>> {
    let Some(base) = drafts::base_of(current)? else { return Ok(None) };
    store::revision(ctx.db().read(), current.row.id()?, base).await
}

pub async fn get_merge(ctx: &Ctx, id: ArtifactId) -> AppResult<MergeView> {
    let current = Current::load(ctx, id, Action::Read).await?;
    let (Some(draft), Some(head), Some(theirs)) = (&current.draft, &current.head, &current.head_content) else {
        return Err(AppError::conflict("There is nothing to merge: no draft stands against a newer revision."));
    };
    let text = match base(ctx, &current).await? {
        Some(base) => Document::decode(&tree::content_of_revision(ctx, &base.content_sha).await?).text,
        None => String::new(),
    };
    let (ours, theirs) = (Document::decode(&draft.content).text, Document::decode(theirs).text);
    let (summary, saves) = (head.summary()?, draft.saves);
    let merge = tokio::task::spawn_blocking(move || merge(&text, &ours, &theirs))
        .await
        .map_err(|error| crate::server::error::internal("merge", &error))?;
    Ok(MergeView { head: summary, saves, merge })
}

/// The merged text becomes the draft, now based on the head. Files: theirs, unless they were changed here.
pub async fn save_merge(ctx: &Ctx, id: ArtifactId, input: SaveMerge) -> AppResult<SavedDraft> {
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let Some(head) = &current.head else {
        return Err(AppError::conflict("There is nothing to merge: this was never committed."));
    };
    if head.id()? != input.head_revision_id {
        return Err(AppError::conflict("Somebody committed once more in between: merge with the newest text."));
    }
    let base_files = match base(ctx, &current).await? {
        Some(base) => base.files()?,
        None => Vec::new(),
    };
    let files = merge_files(&base_files, &current.files()?, &head.files()?);
    let bytes = current.encode(&input.text)?;
    let draft = Draft { bytes, files: serde_json::to_string(&files)?, base: Some(head.id()?) };
    drafts::write(ctx, &current, draft, Expected::Saves(input.saves), UsageKind::DraftMerged).await
}

pub fn merge_files(base: &[FileEntry], ours: &[FileEntry], theirs: &[FileEntry]) -> Vec<FileEntry> {
    fn by_path(files: &[FileEntry]) -> BTreeMap<&str, &FileEntry> {
        files.iter().map(|file| (file.path.as_str(), file)).collect()
    }
    let (base, ours, theirs) = (by_path(base), by_path(ours), by_path(theirs));
    let paths: BTreeSet<&str> = ours.keys().chain(theirs.keys()).copied().collect();
    paths
        .into_iter()
        .filter_map(|path| {
            let changed_here = ours.get(path) != base.get(path);
            if changed_here { ours.get(path) } else { theirs.get(path) }.copied().cloned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_theirs_unless_changed_here() {
        let file = |path: &str, sha: &str| FileEntry { path: path.into(), sha: sha.into(), size: 1, executable: false };
        let base = [file("a", "1"), file("b", "1"), file("c", "1"), file("d", "1")];
        let ours = [file("a", "2"), file("b", "1"), file("d", "1"), file("new", "1")];
        let theirs = [file("a", "3"), file("b", "3"), file("c", "1"), file("theirs", "1")];
        assert_eq!(merge_files(&base, &ours, &theirs), [file("a", "2"), file("b", "3"), file("new", "1"), file("theirs", "1")]);
    }
}
