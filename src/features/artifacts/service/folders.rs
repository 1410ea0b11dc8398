//! Whole folders in and out of volumes, for the marketplace: what is committed is taken as it is, and what is installed is put in its place.

use std::collections::HashMap;

use super::{
    access,
    commits::{Bytes, Prepared, publish, revision_of},
    files::main_name,
    live,
    transfer::free_path,
    tree,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        artifacts::{
            model::{FileEntry, Kind, document::Document},
            store::{self, ArtifactRow, NewArtifact},
        },
        collaboration::service::documents,
        search,
        volumes::{
            model::{Change, Commit},
            service::{VolumeAccess, lock},
        },
    },
    ids::{ArtifactId, CommitId, VolumeId},
    server::{context::Ctx, db::Tx},
};

/// An artifact as it was committed last.
pub struct Folder {
    pub id: ArtifactId,
    pub volume: VolumeId,
    pub kind: Kind,
    pub slug: String,
    pub name: String,
    /// Of the main file, inside the artifact's folder.
    pub main_name: String,
    pub content_sha: String,
    pub content: Vec<u8>,
    pub files: Vec<FileEntry>,
}

/// What the caller may read and somebody committed.
pub async fn committed_folder(ctx: &Ctx, id: ArtifactId) -> AppResult<Folder> {
    let (row, _) = access::find_live(ctx, id, Action::Read).await?;
    let never = || AppError::conflict("This was never committed: commit it first.");
    let mut folders = folders_of(ctx, std::slice::from_ref(&row)).await?;
    folders.remove(&id).ok_or_else(never)
}

/// The committed state of artifacts, for whoever answers for reading them. Those that were never committed, or are in the trash, are left out.
pub async fn committed_folders(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<HashMap<ArtifactId, Folder>> {
    let mut rows = store::by_ids(ctx.db().read(), ids).await?;
    rows.retain(|row| row.state == store::LIVE);
    folders_of(ctx, &rows).await
}

async fn folders_of(ctx: &Ctx, rows: &[ArtifactRow]) -> AppResult<HashMap<ArtifactId, Folder>> {
    let heads = rows.iter().filter_map(|row| row.head().transpose()).collect::<AppResult<Vec<_>>>()?;
    let heads = store::revisions(ctx.db().read(), &heads).await?;
    let shas: Vec<String> = heads.iter().map(|head| head.content_sha.clone()).collect();
    let contents = tree::contents_of(ctx, &shas).await?;
    let mut folders = HashMap::new();
    for row in rows {
        let Some(head) = heads.iter().find(|head| head.artifact_id == row.id) else { continue };
        let folder = Folder {
            id: row.id()?,
            volume: row.volume()?,
            kind: row.kind(),
            slug: row.slug.clone(),
            name: row.name.clone(),
            main_name: main_name(&row.path).to_owned(),
            content_sha: head.content_sha.clone(),
            content: contents.get(&head.content_sha).cloned().unwrap_or_default(),
            files: head.files()?,
        };
        folders.insert(folder.id, folder);
    }
    Ok(folders)
}

/// Keeps main files that another feature names from now on, in its transaction.
pub async fn keep_contents(tx: &mut Tx, contents: &[(String, Vec<u8>)]) -> AppResult<()> {
    store::insert_contents(tx, contents).await
}

/// Says of artifacts of a volume why nobody should use them, or, with nothing to say, that they may be used again. Search follows.
pub async fn set_disabled(tx: &mut Tx, volume: VolumeId, ids: &[ArtifactId], why: &str, now: i64) -> AppResult<()> {
    let (seq, _) = lock(tx, volume).await?;
    store::set_disabled(tx, ids, why, seq).await?;
    search::jobs::enqueue_index(tx, volume, now).await
}

/// What stands under these slugs in a volume, the trash aside.
pub async fn slugs_taken(tx: &mut Tx, access: &VolumeAccess, wanted: &[(Kind, String)]) -> AppResult<HashMap<(Kind, String), ArtifactId>> {
    let mut taken = HashMap::new();
    for (kind, slug) in wanted {
        if let Some(id) = store::id_of_slug(tx, access.id, *kind, slug).await? {
            taken.insert((*kind, slug.clone()), id);
        }
    }
    Ok(taken)
}

/// One artifact that a commit puts into a volume, or takes out of it.
pub struct Placed {
    pub id: ArtifactId,
    /// It is not there yet.
    pub new: bool,
    pub kind: Kind,
    pub slug: String,
    /// None: to the trash.
    pub content: Option<Vec<u8>>,
    pub files: Vec<FileEntry>,
}

/// Puts folders into a volume, which `locked` is the lock of, as one commit of the caller's. Blobs that are named are stored before.
///
/// # Errors
/// A conflict if one of the artifacts is no longer there.
pub async fn place_folders(
    ctx: &Ctx,
    tx: &mut Tx,
    access: &VolumeAccess,
    locked: &(i64, Option<String>),
    placed: Vec<Placed>,
    message: String,
) -> AppResult<Commit> {
    let (now, actor) = (ctx.now(), ctx.actor()?.id());
    let there: Vec<ArtifactId> = placed.iter().filter(|placed| !placed.new).map(|placed| placed.id).collect();
    let rows: HashMap<String, ArtifactRow> = store::by_ids_in(tx, &there).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let mut prepared = Prepared {
        volume: access.id,
        commit: CommitId::generate(),
        message,
        source: "market",
        revisions: Vec::new(),
        contents: Vec::new(),
    };
    for item in placed {
        let gone = || AppError::conflict(format!("“{}” was moved or deleted in between: look at the volume again.", item.slug));
        let row = match rows.get(&item.id.to_string()) {
            None if item.new => {
                let path = free_path(tx, access.id, item.kind, &item.slug).await?;
                ArtifactRow::at(item.id, access.id, item.kind, &item.slug, &path)
            }
            Some(row) if row.state == store::LIVE && row.volume()? == access.id => row.clone(),
            _ => return Err(gone()),
        };
        let head = match row.head()? {
            Some(head) => store::revision(&mut **tx, item.id, head).await?,
            None => None,
        };
        let before = match &head {
            Some(head) => store::content(&mut **tx, &head.content_sha).await?,
            None => None,
        };
        let change = match (&item.content, &head) {
            (None, _) => Change::Deleted,
            (Some(_), Some(_)) => Change::Updated,
            (Some(_), None) => Change::Created,
        };
        let bytes = Bytes {
            content: item.content.as_deref().or(before.as_deref()).unwrap_or_default(),
            executable: head.as_ref().is_some_and(|head| head.executable != 0),
            files: match (&item.content, &head) {
                (None, Some(head)) => head.files()?,
                _ => item.files,
            },
            before: before.as_deref(),
        };
        let (revision, content) = revision_of(&row, row.head()?, change, bytes)?;
        if item.new {
            let new = NewArtifact {
                id: item.id,
                volume: access.id,
                state: store::STAGED,
                kind: item.kind,
                slug: &row.slug,
                path: &row.path,
                facts: &revision.facts,
                has_draft: false,
                seq: locked.0,
                by: actor,
                now,
            };
            store::insert(tx, &[new]).await?;
        }
        prepared.revisions.push(revision);
        prepared.contents.push(content);
    }
    publish(ctx, tx, locked, prepared, true).await
}

/// After that commit: open editors follow, and rooms are told.
pub async fn folders_placed(ctx: &Ctx, access: &VolumeAccess, commit: &Commit, ids: &[ArtifactId]) {
    documents::follow_heads(ctx, ids).await;
    ctx.state.actors.forget();
    live::announce_commit(ctx, access, &commit.sha);
    live::announce_all(ctx, ids, "head").await;
}

/// The text of a main file, as it is compared and merged.
pub fn text_of(content: &[u8]) -> String {
    Document::decode(content).text
}

/// The same file with another text: its line ends and its beginning stay as they were.
pub fn with_text(content: &[u8], text: &str) -> Vec<u8> {
    let decoded = Document::decode(content);
    decoded.envelope.encode(text, None)
}
