//! What an artifact was: its revisions, the difference of any two, and going back.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    access,
    commits::{self, Bytes, Prepared, publish, revision_of},
    drafts::Current,
    live, tree,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{UsageKind, record_all},
        artifacts::{
            model::{ArtifactDiff, FileChange, FileEntry, HistoryPage, RestoreRevision, RevisionSummary, diff, document::Document},
            store::{self, RevisionRow},
        },
        collaboration::service::documents,
        volumes::{
            model::{CHANGES_SHOWN, Change, Commit, CommitChange},
            service::lock,
        },
    },
    ids::{ArtifactId, CommitId, RevisionId},
    server::{context::Ctx, db::parse_id},
};

const PAGE: i64 = 50;

/// The revisions of an artifact, newest first.
pub async fn list_history(ctx: &Ctx, id: ArtifactId, before: Option<RevisionId>) -> AppResult<HistoryPage> {
    access::find(ctx, id, Action::Read).await?;
    let pool = ctx.db().read();
    let mut rows = store::history(pool, id, before, PAGE + 1).await?;
    let more = rows.len() as i64 > PAGE;
    rows.truncate(PAGE as usize);
    let mut revisions = rows.iter().map(RevisionRow::summary).collect::<AppResult<Vec<_>>>()?;
    let ids: Vec<RevisionId> = revisions.iter().map(|revision| revision.id).collect();
    let mut contributors = store::contributors(pool, &ids).await?;
    for revision in &mut revisions {
        revision.contributors = contributors.remove(&revision.id).unwrap_or_default();
    }
    let next = if more { revisions.last().map(|revision| revision.id) } else { None };
    let whole = before.is_none() && !more;
    let total = if whole { revisions.len() as i64 } else { store::history_length(pool, id).await? };
    Ok(HistoryPage { revisions, next, total })
}

/// What a commit did; the caller is known to see its volume.
pub async fn changes_of_commit(ctx: &Ctx, commit: CommitId) -> AppResult<Vec<CommitChange>> {
    store::changes_of(ctx.db().read(), commit, CHANGES_SHOWN).await
}

/// One side of a comparison.
struct Side {
    summary: Option<RevisionSummary>,
    text: String,
    files: Vec<FileEntry>,
}

/// Two states of an artifact: `to` is the draft (or the head without one) if not given, `from` what came before `to`.
pub async fn diff_revisions(ctx: &Ctx, id: ArtifactId, from: Option<RevisionId>, to: Option<RevisionId>) -> AppResult<ArtifactDiff> {
    let current = Current::load(ctx, id, Action::Read).await?;
    let (to, before) = match (to, &current.draft, &current.head) {
        (Some(to), _, _) => {
            let row = revision(ctx, id, to).await?;
            let before = row.parent_id.as_deref().map(parse_id).transpose()?;
            (side(ctx, &row).await?, before)
        }
        (None, Some(draft), _) => {
            let side = Side { summary: None, text: current.decoded().text, files: current.files()? };
            (side, draft.base()?)
        }
        (None, None, Some(head)) => {
            let before = head.parent_id.as_deref().map(parse_id).transpose()?;
            (side(ctx, head).await?, before)
        }
        (None, None, None) => (Side { summary: None, text: String::new(), files: Vec::new() }, None),
    };
    let from = match from.or(before) {
        Some(from) => side(ctx, &revision(ctx, id, from).await?).await?,
        None => Side { summary: None, text: String::new(), files: Vec::new() },
    };
    let files = file_changes(&from.files, &to.files);
    // Comparing two large texts takes a while: not on a thread that serves others.
    let texts = (from.text, to.text);
    let diff = tokio::task::spawn_blocking(move || diff::diff(&texts.0, &texts.1))
        .await
        .map_err(|error| crate::server::error::internal("diff", &error))?;
    Ok(ArtifactDiff { from: from.summary, to: to.summary, diff, files })
}

async fn revision(ctx: &Ctx, id: ArtifactId, revision: RevisionId) -> AppResult<RevisionRow> {
    store::revision(ctx.db().read(), id, revision).await?.ok_or_else(|| AppError::not_found("revision"))
}

async fn side(ctx: &Ctx, row: &RevisionRow) -> AppResult<Side> {
    let bytes = tree::content_of_revision(ctx, &row.content_sha).await?;
    Ok(Side { summary: Some(row.summary()?), text: Document::decode(&bytes).text, files: row.files()? })
}

/// What happened to the files beside the main file, by path.
pub fn file_changes(before: &[FileEntry], after: &[FileEntry]) -> Vec<FileChange> {
    let old: BTreeMap<&str, &FileEntry> = before.iter().map(|file| (file.path.as_str(), file)).collect();
    let new: BTreeMap<&str, &FileEntry> = after.iter().map(|file| (file.path.as_str(), file)).collect();
    let paths: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    paths
        .into_iter()
        .filter_map(|path| {
            let (old, new) = (old.get(path), new.get(path));
            let change = match (old, new) {
                (Some(old), Some(new)) if old.sha == new.sha && old.executable == new.executable => return None,
                (Some(_), Some(_)) => Change::Updated,
                (None, _) => Change::Created,
                (_, None) => Change::Deleted,
            };
            Some(FileChange {
                path: path.to_owned(),
                change,
                size_before: old.map(|file| file.size),
                size_after: new.map(|file| file.size),
            })
        })
        .collect()
}

/// Makes an older revision the head again, as a new commit. A draft stays, and asks for a merge.
pub async fn restore_revision(ctx: &Ctx, id: ArtifactId, input: RestoreRevision) -> AppResult<Commit> {
    let current = Current::load(ctx, id, Action::Commit).await?;
    let old = revision(ctx, id, input.revision_id).await?;
    let content = tree::content_of_revision(ctx, &old.content_sha).await?;
    let bytes = Bytes { content: &content, executable: old.executable != 0, files: old.files()?, before: current.head_content.as_deref() };
    let (new, content) = revision_of(&current.row, current.row.head()?, Change::Restored, bytes)?;
    if current.head.as_ref().is_some_and(|head| head.tree_sha == new.tree_sha) {
        return Err(AppError::conflict("This revision is the same as the current one."));
    }
    let message = format!("Restore {} to {}", current.row.name, &old.sha[..old.sha.len().min(7)]);
    let volume = current.access.id;
    let commit = input.id.map_or_else(|| Ok(CommitId::generate()), |id| commits::checked_commit_id(id, ctx.now()))?;
    let prepared = Prepared { volume, commit, message, source: "restore", revisions: vec![new], contents: vec![content] };
    let mut tx = ctx.db().write_tx().await?;
    documents::take(ctx, &mut tx, &current.held).await?;
    let locked = lock(&mut tx, volume).await?;
    let now = store::by_id(&mut *tx, id).await?;
    if !now.is_some_and(|now| {
        now.head_revision_id == current.row.head_revision_id && now.volume_id == current.row.volume_id && now.state == store::LIVE
    }) {
        return Err(commits::conflict(BTreeMap::from([(
            id.to_string(),
            "Somebody committed in between: look at the history again.".to_owned(),
        )])));
    }
    let (new, text) = (prepared.revisions[0].id, Document::decode(&prepared.contents[0].1).text);
    let commit = publish(ctx, &mut tx, &locked, prepared, true).await?;
    let followed = match &current.held {
        Some(held) if current.draft.is_none() => Some(held.follow(ctx, &mut tx, &text, Some(new)).await?),
        _ => None,
    };
    record_all(ctx, &mut tx, [UsageKind::ArtifactRestored, UsageKind::ArtifactCommitted].map(|kind| current.event(kind)).to_vec()).await?;
    tx.commit().await?;
    if let Some(followed) = followed {
        followed.publish();
    }
    live::announce_commit(ctx, &current.access, &commit.sha);
    live::announce_all(ctx, &[id], "head").await;
    Ok(commit)
}
