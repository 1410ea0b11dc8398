//! Drafts when another head comes from elsewhere: what joins line by line follows, what does not waits for a person in the merge view.

use super::{
    drafts::{self, Current, Draft, Expected},
    merging::{base, merge_files},
    tree,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::Action,
        analytics::service::{UsageKind, record},
        artifacts::{
            model::{
                document::Document,
                merge::{Choice, merge},
            },
            store,
        },
        collaboration::service::documents,
        volumes::service::lock,
    },
    ids::{ArtifactId, RevisionId},
    server::context::Ctx,
};

/// The newest revision of an artifact whose main file and files are exactly these.
pub async fn revision_of_tree(ctx: &Ctx, artifact: ArtifactId, tree_sha: &str) -> AppResult<Option<RevisionId>> {
    store::revision_of_tree(ctx.db().read(), artifact, tree_sha).await
}

/// Makes what is committed now (or the draft that stands already) a draft that began at `base`: when another head comes, both wait in the merge view.
pub async fn keep_for_merge(ctx: &Ctx, id: ArtifactId, base: Option<RevisionId>) -> AppResult<()> {
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let by = match &current.draft {
        Some(draft) => draft.updated_by()?.id,
        None => actor,
    };
    let files = current.files_json()?;
    let row = store::DraftWrite { id, base, content: current.bytes(), files: &files, by, now };
    let mut tx = ctx.db().write_tx().await?;
    documents::take(ctx, &mut tx, &current.held).await?;
    let (seq, _) = lock(&mut tx, current.access.id).await?;
    let written = match &current.draft {
        Some(draft) => store::update_draft(&mut tx, &row, draft.saves).await?,
        None => store::insert_draft(&mut tx, &row).await?,
    };
    if !written {
        return Err(AppError::conflict("Somebody saved this draft at the same moment."));
    }
    store::add_draft_authors(&mut tx, id, &[by]).await?;
    store::set_has_draft(&mut tx, id, true, seq).await?;
    let event = current.event(UsageKind::DraftKept);
    record(ctx, &mut tx, event).await?;
    let followed = match &current.held {
        Some(held) => Some(held.follow(ctx, &mut tx, &Document::decode(current.bytes()).text, base).await?),
        None => None,
    };
    tx.commit().await?;
    if let Some(followed) = followed {
        followed.publish();
    }
    Ok(())
}

/// Those of these artifacts whose draft began at another revision than the head, each with its name.
pub async fn waiting_for_merge(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<Vec<(ArtifactId, String)>> {
    let rows = store::by_ids(ctx.db().read(), ids).await?;
    let drafts = store::drafts(ctx.db().read(), ids).await?;
    rows.into_iter()
        .filter(|row| row.state == store::LIVE)
        .filter(|row| drafts.iter().any(|draft| draft.artifact_id == row.id && draft.base_revision_id != row.head_revision_id))
        .map(|row| Ok((row.id()?, row.name)))
        .collect()
}

/// After a commit: the drafts of these artifacts take its changes in where both fit, and those who have them open see it as a small difference.
pub async fn follow_with_drafts(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<()> {
    for (id, _) in waiting_for_merge(ctx, ids).await? {
        match follow_with_draft(ctx, id).await {
            // Somebody saves right now: the merge view is there for that.
            Err(error) if error.code == ErrorCode::Conflict => tracing::debug!(%error, %id, "a draft did not follow"),
            result => result?,
        }
    }
    Ok(())
}

async fn follow_with_draft(ctx: &Ctx, id: ArtifactId) -> AppResult<()> {
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let (Some(draft), Some(head), Some(theirs)) = (&current.draft, &current.head, &current.head_content) else { return Ok(()) };
    let Some(base) = base(ctx, &current).await? else { return Ok(()) };
    let (before, ours, theirs) = (
        Document::decode(&tree::content_of_revision(ctx, &base.content_sha).await?),
        Document::decode(&draft.content),
        Document::decode(theirs),
    );
    if before.lossy || ours.lossy || theirs.lossy {
        return Ok(());
    }
    let merged = tokio::task::spawn_blocking(move || merge(&before.text, &ours.text, &theirs.text))
        .await
        .map_err(|error| crate::server::error::internal("merge", &error))?;
    if !merged.is_clean() {
        return Ok(());
    }
    let files = merge_files(&base.files()?, &current.files()?, &head.files()?);
    let bytes = current.encode(&merged.resolve(&[Choice::Ours]))?;
    let draft = Draft { bytes, files: serde_json::to_string(&files)?, base: Some(head.id()?) };
    drafts::write(ctx, &current, draft, Expected::AsLoaded, UsageKind::DraftMerged).await.map(drop)
}
