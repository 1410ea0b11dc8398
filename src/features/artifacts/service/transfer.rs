//! From one volume to another: a fork is a new artifact, a move keeps id and history.

use super::{
    access,
    commits::{self, Bytes, Prepared, publish, revision_of},
    live, tree,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record, record_all},
        artifacts::{
            model::{ArtifactDetail, Fork, Kind, ToVolume, slug::dedupe},
            store::{self, ArtifactRow, NewArtifact, RevisionRow},
        },
        volumes::{
            self,
            model::Change,
            service::{VolumeAccess, leave, lock},
        },
    },
    ids::{ArtifactId, CommitId, VolumeId},
    server::{context::Ctx, db::Tx},
};

/// A slug that no artifact of the kind in the (locked) volume has.
pub async fn free_slug(tx: &mut Tx, volume: VolumeId, kind: Kind, wanted: &str) -> AppResult<String> {
    // Shortened candidates share the beginning, so a short stem finds all that can be in the way.
    let stem: String = wanted.chars().take(48).collect();
    let taken = store::slugs_like(tx, volume, kind, &stem).await?;
    Ok(dedupe(wanted, |slug| taken.iter().any(|other| other == slug)))
}

/// The usual path of a slug, or a free one beside it.
pub async fn free_path(tx: &mut Tx, volume: VolumeId, kind: Kind, slug: &str) -> AppResult<String> {
    let mut path = kind.main_path(slug);
    let mut number = 2;
    while store::path_taken(tx, volume, &path).await? {
        path = kind.main_path(&format!("{slug}-{number}"));
        number += 1;
    }
    Ok(path)
}

/// Where an artifact can be in another (locked) volume: as it is named, if that is free.
pub async fn free_place(tx: &mut Tx, volume: VolumeId, row: &ArtifactRow) -> AppResult<(String, String)> {
    let slug = free_slug(tx, volume, row.kind(), &row.slug).await?;
    let path = if slug == row.slug && !store::path_taken(tx, volume, &row.path).await? {
        row.path.clone()
    } else {
        free_path(tx, volume, row.kind(), &slug).await?
    };
    Ok((slug, path))
}

/// The committed text and files as a new artifact in a volume of the caller's choice.
pub async fn fork_artifact(ctx: &Ctx, id: ArtifactId, input: Fork) -> AppResult<ArtifactDetail> {
    let (row, from) = access::find_live(ctx, id, Action::Read).await?;
    let to = volumes::service::authorise(ctx, input.volume_id, Action::Commit).await?;
    let Some(head) = row.head()? else {
        return Err(AppError::conflict("This was never committed: commit it first, then fork it."));
    };
    let head = store::revision(ctx.db().read(), id, head).await?.ok_or_else(|| AppError::not_found("revision"))?;
    let content = tree::content_of_revision(ctx, &head.content_sha).await?;
    let (now, actor) = (ctx.now(), ctx.actor()?.id());
    let new_id = ArtifactId::chosen(input.id, now)?;

    let mut tx = ctx.db().write_tx().await?;
    let locked = lock(&mut tx, to.id).await?;
    if store::id_is_taken(&mut tx, new_id).await? {
        return Err(AppError::conflict("This id is in use already: make a new one."));
    }
    let (slug, path) = free_place(&mut tx, to.id, &row).await?;
    let placed = ArtifactRow { id: new_id.to_string(), slug, path, ..row.clone() };
    let bytes = Bytes { content: &content, executable: head.executable != 0, files: head.files()?, before: None };
    let (revision, content) = revision_of(&placed, None, Change::Created, bytes)?;
    let new = NewArtifact {
        id: new_id,
        volume: to.id,
        state: store::STAGED,
        kind: row.kind(),
        slug: &placed.slug,
        path: &placed.path,
        facts: &revision.facts,
        has_draft: false,
        seq: locked.0,
        by: actor,
        now,
    };
    store::insert(&mut tx, &[new]).await?;
    let message = format!("Fork {} from {}", row.name, from.name);
    let prepared = Prepared {
        volume: to.id,
        commit: CommitId::generate(),
        message,
        source: "fork",
        revisions: vec![revision],
        contents: vec![content],
    };
    publish(ctx, &mut tx, &locked, prepared, true).await?;
    let forked = Event::new(UsageKind::ArtifactForked).workspace(to.workspace).volume(to.id).subject(new_id);
    record(ctx, &mut tx, forked.artifact(row.kind(), &row.category)).await?;
    tx.commit().await?;
    super::get_artifact(ctx, new_id, None).await
}

/// Into another volume, with its history; a commit in both volumes says so.
pub async fn move_artifact(ctx: &Ctx, id: ArtifactId, input: ToVolume) -> AppResult<ArtifactDetail> {
    let (row, from) = access::find_live(ctx, id, Action::Commit).await?;
    let to = volumes::service::authorise(ctx, input.volume_id, Action::Commit).await?;
    move_all(ctx, &from, &to, vec![row]).await?;
    super::get_artifact(ctx, id, None).await
}

/// Moves live artifacts of one volume that the caller may commit to, into another such.
pub async fn move_all(ctx: &Ctx, from: &VolumeAccess, to: &VolumeAccess, rows: Vec<ArtifactRow>) -> AppResult<()> {
    if from.id == to.id {
        return Err(AppError::conflict("It is in this volume already."));
    }
    let ids = rows.iter().map(ArtifactRow::id).collect::<AppResult<Vec<_>>>()?;
    live::settle_all(ctx, &ids).await?;
    let heads = rows.iter().filter_map(|row| row.head().transpose()).collect::<AppResult<Vec<_>>>()?;
    let heads: Vec<RevisionRow> = store::revisions(ctx.db().read(), &heads).await?;
    let shas: Vec<String> = heads.iter().map(|head| head.content_sha.clone()).collect();
    let contents = tree::contents_of(ctx, &shas).await?;
    let now = ctx.now();
    let what = commits::what(&rows);

    let mut tx = ctx.db().write_tx().await?;
    let (first, second) = if from.id < to.id { (from.id, to.id) } else { (to.id, from.id) };
    let (first, second) = (lock(&mut tx, first).await?, lock(&mut tx, second).await?);
    let (left, entered) = if from.id < to.id { (first, second) } else { (second, first) };
    commits::refuse_moved(&mut tx, &rows).await?;
    let mut gone = Prepared {
        volume: from.id,
        commit: CommitId::generate(),
        message: format!("Move {what} to {}", to.name),
        source: "move",
        revisions: Vec::new(),
        contents: Vec::new(),
    };
    let mut come = Prepared {
        volume: to.id,
        commit: CommitId::generate(),
        message: format!("Move {what} from {}", from.name),
        source: "move",
        revisions: Vec::new(),
        contents: Vec::new(),
    };
    for row in &rows {
        let (slug, path) = free_place(&mut tx, to.id, row).await?;
        let id = row.id()?;
        store::set_place(&mut tx, id, to.id, &slug, &path, entered.0).await?;
        let Some(head) = heads.iter().find(|head| head.artifact_id == row.id) else { continue };
        let content = contents.get(&head.content_sha).map(Vec::as_slice).unwrap_or_default();
        let bytes = || -> AppResult<Bytes<'_>> {
            Ok(Bytes { content, executable: head.executable != 0, files: head.files()?, before: Some(content) })
        };
        let (departure, _) = revision_of(row, row.head()?, Change::Moved, bytes()?)?;
        let placed = ArtifactRow { slug, path, ..row.clone() };
        let (arrival, _) = revision_of(&placed, row.head()?, Change::Moved, bytes()?)?;
        gone.revisions.push(departure);
        come.revisions.push(arrival);
    }
    if !come.revisions.is_empty() {
        let commit = come.commit;
        publish(ctx, &mut tx, &left, gone, false).await?;
        publish(ctx, &mut tx, &entered, come, true).await?;
        store::rebase_drafts(&mut tx, commit).await?;
    }
    leave(&mut tx, from.id, left.0, &ids, now).await?;
    let at = |kind, place: &VolumeAccess| Event::new(kind).workspace(place.workspace).volume(place.id);
    // That it was moved is what a person did; the others keep how much there is in each of the two places.
    let all = [at(UsageKind::ArtifactMoved, to), at(UsageKind::ArtifactLeft, from).amount(1), at(UsageKind::ArtifactEntered, to).amount(1)];
    let of = |row: &ArtifactRow| all.clone().map(|event| event.subject(&row.id).artifact(row.kind(), &row.category));
    record_all(ctx, &mut tx, rows.iter().flat_map(of).collect()).await?;
    tx.commit().await?;
    live::places_changed(ctx, &ids).await;
    Ok(())
}
