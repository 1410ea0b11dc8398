//! What an import (and the built-in volume) writes: revisions staged in slices, to be published as one commit.

use std::collections::{HashMap, HashSet};

use super::{
    commits::{Bytes, revision_of},
    tree,
};
use crate::{
    error::AppResult,
    features::{
        artifacts::{
            model::{FileEntry, Kind},
            store::{self, ArtifactRow, NewArtifact, NewRevision},
        },
        volumes::model::Change,
    },
    ids::{ArtifactId, CommitId, RevisionId, UserId, VolumeId},
    server::{context::Ctx, db::parse_id},
};

/// What stands at a path of a volume.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: ArtifactId,
    pub kind: Kind,
    pub slug: String,
    pub head: Option<RevisionId>,
    pub tree_sha: Option<String>,
    pub executable: bool,
    /// JSON of the files beside it.
    pub files: String,
}

/// Everything in a volume by path.
pub async fn volume_places(ctx: &Ctx, volume: VolumeId) -> AppResult<HashMap<String, Known>> {
    store::places(ctx.db().read(), volume)
        .await?
        .into_iter()
        .map(|row| {
            let known = Known {
                id: parse_id(&row.id)?,
                kind: row.kind.parse().unwrap_or(Kind::Skill),
                slug: row.slug,
                head: row.head_revision_id.as_deref().map(parse_id).transpose()?,
                tree_sha: row.tree_sha,
                executable: row.executable.unwrap_or(0) != 0,
                files: row.files.unwrap_or_else(|| "[]".to_owned()),
            };
            Ok((row.path, known))
        })
        .collect()
}

/// What is committed in a volume and may be meant by one of these slugs, or of these paths in small letters: each with its slug and its path.
pub async fn named_or_at(ctx: &Ctx, volume: VolumeId, slugs: &[String], paths: &[String]) -> AppResult<Vec<(ArtifactId, String, String)>> {
    let rows = store::named_or_at(ctx.db().read(), volume, slugs, paths).await?;
    rows.into_iter().map(|(id, slug, path)| Ok((parse_id(&id)?, slug, path))).collect()
}

/// What in a volume was made by anybody but this account.
pub async fn made_by_others(ctx: &Ctx, volume: VolumeId, by: UserId) -> AppResult<HashSet<ArtifactId>> {
    store::made_by_others(ctx.db().read(), volume, by).await?.iter().map(|id| parse_id(id)).collect()
}

/// One artifact to stage: new at its path, or another state of what is there.
pub struct Staged {
    pub artifact: ArtifactId,
    pub known: Option<Known>,
    pub kind: Kind,
    pub slug: String,
    pub path: String,
    /// None: it is deleted.
    pub content: Option<Vec<u8>>,
    pub executable: bool,
    pub files: Vec<FileEntry>,
}

/// What publishing needs of a staged revision: path, tree and kind of change.
pub type Staging = (String, String, Change);

/// Revisions, each with whether its artifact is new, and the texts they name by SHA-256.
type Prepared = (Vec<(bool, NewRevision)>, Vec<(String, Vec<u8>)>);

/// Writes one slice in one transaction; nobody sees it yet.
pub async fn stage_import(ctx: &Ctx, commit: CommitId, volume: VolumeId, by: UserId, items: Vec<Staged>) -> AppResult<Vec<Staging>> {
    let mut old = HashMap::new();
    let heads: Vec<RevisionId> = items.iter().filter_map(|item| item.known.as_ref().and_then(|known| known.head)).collect();
    for head in store::revisions(ctx.db().read(), &heads).await? {
        old.insert(head.artifact_id.clone(), head);
    }
    let shas: Vec<String> = old.values().map(|head| head.content_sha.clone()).collect();
    let before = tree::contents_of(ctx, &shas).await?;
    let prepare = move || -> AppResult<Prepared> {
        let mut revisions = Vec::with_capacity(items.len());
        let mut contents = Vec::with_capacity(items.len());
        for item in items {
            let head = old.get(&item.artifact.to_string());
            let previous = head.and_then(|head| before.get(&head.content_sha)).map(Vec::as_slice);
            let change = match (&item.content, head) {
                (None, _) => Change::Deleted,
                (Some(_), Some(_)) => Change::Updated,
                (Some(_), None) => Change::Created,
            };
            let row = ArtifactRow::at(item.artifact, volume, item.kind, &item.slug, &item.path);
            let bytes = Bytes {
                content: item.content.as_deref().or(previous).unwrap_or_default(),
                executable: item.executable,
                files: item.files,
                before: previous,
            };
            let (revision, content) = revision_of(&row, item.known.as_ref().and_then(|known| known.head), change, bytes)?;
            revisions.push((item.known.is_none(), revision));
            contents.push(content);
        }
        Ok((revisions, contents))
    };
    // Reading hundreds of documents is work for a thread of its own.
    let (revisions, contents) =
        tokio::task::spawn_blocking(prepare).await.map_err(|error| crate::server::error::internal("staging", &error))??;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::begin_staging(&mut tx, commit, volume, now).await?;
    let new: Vec<NewArtifact<'_>> = revisions
        .iter()
        .filter(|(new, _)| *new)
        .map(|(_, revision)| NewArtifact {
            id: revision.artifact,
            volume,
            state: store::STAGED,
            kind: revision.kind,
            slug: &revision.slug,
            path: &revision.path,
            facts: &revision.facts,
            has_draft: false,
            seq: 0,
            by,
            now,
        })
        .collect();
    store::insert(&mut tx, &new).await?;
    store::insert_contents(&mut tx, &contents).await?;
    let revisions: Vec<NewRevision> = revisions.into_iter().map(|(_, revision)| revision).collect();
    store::insert_revisions(&mut tx, commit, &revisions, now).await?;
    tx.commit().await?;
    Ok(revisions.into_iter().map(|new| (new.path, new.tree_sha, new.change)).collect())
}
