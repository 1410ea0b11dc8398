//! The artifacts of single commits of a repository, read without touching the volume: what a pull request would change, what a tag has.

use std::collections::{BTreeSet, HashMap};

use git2::Oid;

use super::{
    super::{
        model::{CHANGES_KEPT, ChangeKind, PullChange},
        repository::{Bare, Listing},
        wire::{Advertised, Service},
    },
    Work, begin, blocking,
    comparing::{Version, beyond_limits, tops, versions},
    fetching::Fetching,
    linked,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        artifacts::{
            self,
            model::{FileEntry, Kind},
        },
        volumes::jobs::store_blobs,
    },
    ids::VolumeId,
    server::{clock, context::Ctx, secrets},
};

/// So much before the branch's head the history of a pull request is looked at for where both part.
const BACK_SECONDS: i64 = 30 * clock::DAY / clock::SECOND;
/// What is read of a pull request; beyond it changes are only named.
const READ_BYTES: u64 = 32 * 1024 * 1024;

/// An artifact that a pull request would change, with its files as they would be; empty where it would be gone, or is too much to read.
pub struct Changed {
    pub change: PullChange,
    pub files: Vec<(String, Vec<u8>)>,
}

/// What a pull request would change, compared with where it parts from the branch, as far as that is known, or else with the branch.
pub async fn changed_by(work: &Work, at: &Advertised, number: i64, head_sha: &str) -> AppResult<(String, Vec<Changed>)> {
    let named = at.reference(&format!("refs/pull/{number}/head"));
    let said = Oid::from_str(head_sha).ok().filter(|head| at.offers(*head));
    let head = named
        .or(said)
        .ok_or_else(|| AppError::conflict(format!("The repository does not show the commit of #{number}: it may be gone by now.")))?;
    let branch = super::pulling::head_of(work, at)?.ok_or_else(|| AppError::conflict("The branch has no commit yet."))?;
    let fetching = Fetching::of(work, at, None);
    fetching.commit_and_base(branch, super::pulling::last_of(work)).await?;
    fetching.commit_back(head, Some(branch), BACK_SECONDS).await?;
    let path = work.repository.clone();
    let base = blocking(move || Ok(Bare::open(&path)?.merge_base(branch, head).unwrap_or(branch))).await?;
    fetching.files(base).await?;
    let known = artifacts::service::volume_places(&work.ctx, work.access.id).await?;
    let kinds: HashMap<String, Kind> = known.into_iter().map(|(path, known)| (path, known.kind)).collect();
    let (path, folder) = (work.repository.clone(), work.link.folder.clone());
    let changed = blocking(move || changes(&Bare::open(&path)?, &folder, base, head, &kinds)).await?;
    Ok((head.to_string(), changed))
}

fn changes(bare: &Bare, folder: &str, base: Oid, head: Oid, kinds: &HashMap<String, Kind>) -> AppResult<Vec<Changed>> {
    let tops = tops(kinds.keys().map(String::as_str));
    let of = |commit: Oid| -> AppResult<_> { Ok(versions(bare, &bare.listing(commit, folder, &tops)?, kinds).0) };
    let (before, after) = (of(base)?, of(head)?);
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut room = READ_BYTES;
    let mut changed = Vec::new();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old == new {
            continue;
        }
        let (change, version) = match (old, new) {
            (None, Some(new)) => (ChangeKind::Created, new),
            (Some(_), Some(new)) => (ChangeKind::Updated, new),
            (Some(old), None) => (ChangeKind::Deleted, old),
            (None, None) => continue,
        };
        let mut files = Vec::new();
        let size = version.main.size + version.files.iter().map(|(_, file)| file.size).sum::<u64>();
        if change != ChangeKind::Deleted && size <= room && beyond_limits(version).is_none() {
            room -= size;
            files = read(bare, path, version)?;
        }
        changed.push(Changed { change: PullChange { path: path.clone(), kind: version.kind, slug: version.slug.clone(), change }, files });
        if changed.len() == CHANGES_KEPT {
            break;
        }
    }
    Ok(changed)
}

/// The main file first, as in a release.
fn read(bare: &Bare, path: &str, version: &Version) -> AppResult<Vec<(String, Vec<u8>)>> {
    let main = path.rsplit('/').next().unwrap_or(path).to_owned();
    let mut files = vec![(main, bare.read(version.main.id)?)];
    for (name, file) in &version.files {
        files.push((name.clone(), bare.read(file.id)?));
    }
    Ok(files)
}

/// An artifact as a tag has it; the files beside it are stored.
pub struct Taken {
    pub kind: Kind,
    pub slug: String,
    pub content: Vec<u8>,
    pub files: Vec<FileEntry>,
}

/// What a tag has.
pub struct AtTag {
    /// The one that was asked for, or the only one.
    pub found: Option<Taken>,
    /// What the artifacts there are called.
    pub names: Vec<String>,
}

/// The artifact of this name in the tree of a tag, with the link's token. To be called by a job in the order of the volume, as pulls are: they share
/// what was fetched.
pub async fn artifacts_at(ctx: &Ctx, volume: VolumeId, tag: &str, kind: Kind, slug: &str) -> AppResult<AtTag> {
    let work = begin(ctx, linked(ctx, volume).await?).await?;
    let at = work.remote.advertised(Service::UploadPack).await?;
    let named = at
        .reference(&format!("refs/tags/{tag}"))
        .ok_or_else(|| AppError::conflict(format!("The repository has no tag “{tag}” (any more): publish the release again.")))?;
    Fetching::of(&work, &at, None).commit(named, super::pulling::last_of(&work)).await?;
    let (path, folder, blobs, wanted) = (work.repository.clone(), work.link.folder.clone(), ctx.state.blobs.clone(), slug.to_owned());
    blocking(move || {
        let bare = Bare::open(&path)?;
        let commit = bare.peeled(named).ok_or_else(|| AppError::conflict("The tag stands for no commit: tag one."))?;
        let listing: Listing = bare.whole(commit, &folder)?;
        let all = versions(&bare, &listing, &HashMap::new()).0;
        let names = all.values().map(|version| version.slug.clone()).collect();
        let version = match all.values().find(|version| version.kind == kind && version.slug == wanted) {
            None if all.len() == 1 => all.values().next(),
            found => found,
        };
        let Some(version) = version else { return Ok(AtTag { found: None, names }) };
        if let Some(reason) = beyond_limits(version) {
            return Err(AppError::conflict(reason));
        }
        let (mut files, mut bytes) = (Vec::new(), Vec::new());
        for (name, file) in &version.files {
            let content = bare.read(file.id)?;
            let entry =
                FileEntry { path: name.clone(), sha: secrets::sha256(&content), size: content.len() as i64, executable: file.executable };
            files.push(entry);
            bytes.push(content);
        }
        files.sort();
        store_blobs(&blobs, &bytes.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let content = bare.read(version.main.id)?;
        Ok(AtTag { found: Some(Taken { kind: version.kind, slug: version.slug.clone(), content, files }), names })
    })
    .await
}
