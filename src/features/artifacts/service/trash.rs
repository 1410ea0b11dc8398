//! The trash: deleting can be undone for 30 days.

use std::collections::HashMap;

use super::{
    access,
    commits::{self, Bytes, Prepared, publish, revision_of},
    live,
    transfer::free_place,
    tree,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record, record_all},
        artifacts::{
            model::TRASH_DAYS,
            store::{self, ArtifactRow, RevisionRow},
        },
        comments, git,
        notifications::{self, model::SubjectKind},
        volumes::{
            self,
            model::Change,
            service::{VolumeAccess, leave, lock},
        },
    },
    ids::{ArtifactId, CommitId, VolumeId},
    server::{
        clock,
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// To the trash.
pub async fn delete_artifact(ctx: &Ctx, id: ArtifactId) -> AppResult<()> {
    let (row, access) = access::find(ctx, id, Action::Commit).await?;
    if row.state == store::TRASHED {
        return Ok(());
    }
    delete_all(ctx, &access, vec![row]).await
}

/// Out of the trash.
pub async fn undelete_artifact(ctx: &Ctx, id: ArtifactId) -> AppResult<()> {
    let (row, access) = access::find(ctx, id, Action::Commit).await?;
    if row.state == store::LIVE {
        return Ok(());
    }
    undelete_all(ctx, &access, vec![row]).await
}

/// Live artifacts of one volume to the trash, in one commit.
pub async fn delete_all(ctx: &Ctx, access: &VolumeAccess, rows: Vec<ArtifactRow>) -> AppResult<()> {
    turn(ctx, access, rows, true).await
}

/// Trashed artifacts of one volume back to their places, or beside what took them.
pub async fn undelete_all(ctx: &Ctx, access: &VolumeAccess, rows: Vec<ArtifactRow>) -> AppResult<()> {
    turn(ctx, access, rows, false).await
}

async fn turn(ctx: &Ctx, access: &VolumeAccess, rows: Vec<ArtifactRow>, deletes: bool) -> AppResult<()> {
    let ids = rows.iter().map(ArtifactRow::id).collect::<AppResult<Vec<_>>>()?;
    live::settle_all(ctx, &ids).await?;
    let heads = rows.iter().filter_map(|row| row.head().transpose()).collect::<AppResult<Vec<_>>>()?;
    let heads: HashMap<String, RevisionRow> =
        store::revisions(ctx.db().read(), &heads).await?.into_iter().map(|head| (head.artifact_id.clone(), head)).collect();
    let shas: Vec<String> = heads.values().map(|head| head.content_sha.clone()).collect();
    let contents = tree::contents_of(ctx, &shas).await?;
    let (actor, now) = (ctx.actor()?.id().to_string(), ctx.now());
    let (verb, source, change, event) = if deletes {
        ("Delete", "delete", Change::Deleted, UsageKind::ArtifactDeleted)
    } else {
        ("Restore", "restore", Change::Restored, UsageKind::ArtifactUndeleted)
    };
    let message = format!("{verb} {}", commits::what(&rows));

    let mut tx = ctx.db().write_tx().await?;
    let locked = lock(&mut tx, access.id).await?;
    commits::refuse_moved(&mut tx, &rows).await?;
    let mut prepared =
        Prepared { volume: access.id, commit: CommitId::generate(), message, source, revisions: Vec::new(), contents: Vec::new() };
    for row in &rows {
        let mut placed = row.clone();
        if !deletes {
            (placed.slug, placed.path) = free_place(&mut tx, access.id, row).await?;
            if placed.slug != row.slug || placed.path != row.path {
                store::set_place(&mut tx, row.id()?, access.id, &placed.slug, &placed.path, locked.0).await?;
            }
        }
        // What was never committed has no commit to say so.
        let Some(head) = heads.get(&row.id) else {
            store::set_trashed(&mut tx, row.id()?, deletes.then_some(actor.as_str()), locked.0, now).await?;
            continue;
        };
        let content = contents.get(&head.content_sha).map(Vec::as_slice).unwrap_or_default();
        let bytes = Bytes { content, executable: head.executable != 0, files: head.files()?, before: Some(content) };
        let (revision, _) = revision_of(&placed, row.head()?, change, bytes)?;
        prepared.revisions.push(revision);
    }
    if !prepared.revisions.is_empty() {
        let commit = prepared.commit;
        publish(ctx, &mut tx, &locked, prepared, true).await?;
        store::rebase_drafts(&mut tx, commit).await?;
    }
    let turned = Event::new(event).workspace(access.workspace).volume(access.id);
    record_all(ctx, &mut tx, rows.iter().map(|row| turned.clone().subject(&row.id).artifact(row.kind(), &row.category)).collect()).await?;
    tx.commit().await?;
    live::places_changed(ctx, &ids).await;
    Ok(())
}

/// For good: text, files and history are removed; the commits keep saying that something was changed.
pub async fn delete_forever(ctx: &Ctx, id: ArtifactId) -> AppResult<()> {
    let (row, access) = access::find(ctx, id, Action::ManageVolumes).await?;
    if row.state != store::TRASHED {
        return Err(AppError::conflict("Only what is in the trash can be deleted forever: delete it first."));
    }
    let mut tx = ctx.db().write_tx().await?;
    let (seq, _) = lock(&mut tx, access.id).await?;
    commits::refuse_moved(&mut tx, std::slice::from_ref(&row)).await?;
    erase(&mut tx, &[id]).await?;
    leave(&mut tx, access.id, seq, &[id], ctx.now()).await?;
    let erased = Event::new(UsageKind::ArtifactErased).workspace(access.workspace).volume(access.id).subject(id);
    record(ctx, &mut tx, erased.artifact(row.kind(), &row.category)).await?;
    tx.commit().await?;
    git::service::forget_clone(ctx, access.id).await;
    Ok(())
}

/// Housekeeping: what is longer than 30 days in the trash is deleted forever, a few at a time.
pub async fn empty_old_trash(ctx: &Ctx) -> AppResult<()> {
    const SLICE: i64 = 100;
    loop {
        let now = ctx.now();
        let old = store::old_trash(ctx.db().read(), now - TRASH_DAYS * clock::DAY, SLICE).await?;
        let mut volumes: HashMap<VolumeId, Vec<ArtifactId>> = HashMap::new();
        for (id, volume) in &old {
            volumes.entry(parse_id(volume)?).or_default().push(parse_id(id)?);
        }
        for (volume, ids) in volumes {
            let mut tx = ctx.db().write_tx().await?;
            let seq = match lock(&mut tx, volume).await {
                Ok((seq, _)) => seq,
                // The volume itself may be deleted; its trash still ends.
                Err(error) if error.code == ErrorCode::NotFound => 0,
                // Somebody is busy with it: next time.
                Err(error) => return Err(error),
            };
            erase(&mut tx, &ids).await?;
            leave(&mut tx, volume, seq, &ids, now).await?;
            let workspace = volumes::service::workspace_of(&mut tx, volume).await?;
            let emptied = Event::new(UsageKind::TrashEmptied).workspace(workspace).volume(volume).amount(ids.len() as i64);
            record(ctx, &mut tx, emptied).await?;
            tx.commit().await?;
        }
        if (old.len() as i64) < SLICE {
            return Ok(());
        }
    }
}

/// Removes everything in a volume for good; the volume itself goes with it.
pub async fn erase_volume(tx: &mut Tx, volume: &str) -> AppResult<()> {
    let ids = store::ids_of_volume(tx, volume).await?.iter().map(|id| parse_id(id)).collect::<AppResult<Vec<ArtifactId>>>()?;
    erase(tx, &ids).await
}

/// Removes artifacts for good, with what other features keep about them.
async fn erase(tx: &mut Tx, ids: &[ArtifactId]) -> AppResult<()> {
    comments::service::forget_artifacts(tx, ids).await?;
    notifications::service::forget_subjects(tx, SubjectKind::Artifact, ids).await?;
    store::erase(tx, ids).await
}

/// Removes those of these main files that nothing has any more.
pub async fn forget_contents(tx: &mut Tx, shas: Vec<String>) -> AppResult<()> {
    store::forget_contents(tx, shas).await
}
