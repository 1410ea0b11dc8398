//! Every volume as a repository: one commit of Git for each commit of the volume, made when somebody asks and kept below DATA_DIR.
//!
//! The same history always gives the same commits, so what is kept may be deleted. Addresses of people are not in it: a clone goes to whoever may
//! read the volume.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axum::body::{Body, Bytes};
use git2::Oid;
use tokio::sync::mpsc;

use super::{
    super::{
        model::name_in_address,
        repository::{Author, Bare, Edit, MAIN},
        wire::serving::{self, Asked},
    },
    blocking,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action},
        artifacts::{
            self,
            service::{State, TreeChange},
        },
        volumes::{self, model::VolumeKind, service::VolumeAccess},
    },
    ids::VolumeId,
    server::{blobs::Blobs, context::Ctx},
};

/// Which commit of the volume the branch is at.
const AT: &str = "llmos-commit";
/// Pieces of a pack that wait for a slow reader.
const WAITING: usize = 16;
const PIECE: usize = 64 * 1024;

/// The repositories that are being made: of each only one at a time.
#[derive(Default)]
pub struct Clones(Mutex<HashMap<VolumeId, Arc<tokio::sync::Mutex<()>>>>);

impl Clones {
    async fn only(&self, volume: VolumeId) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(volume).or_default().clone()
        };
        lock.lock_owned().await
    }
}

/// The volume that an address names, by ids or by names: `harbor/playbook`, or `me/notes` for one of one's own.
pub async fn find_volume(ctx: &Ctx, team: &str, volume: &str) -> AppResult<VolumeAccess> {
    let teams: HashMap<_, _> = accounts::service::list_teams(ctx).await?.into_iter().map(|team| (team.id, team.name)).collect();
    let fits = |access: &VolumeAccess| {
        let owner = match (access.kind, access.team) {
            (VolumeKind::Team, Some(id)) => team == id.to_string() || teams.get(&id).is_some_and(|name| name_in_address(name) == team),
            (VolumeKind::User, _) => team == "me",
            (VolumeKind::System, _) => team == "system",
            (VolumeKind::Team, None) => false,
        };
        owner && (volume == access.id.to_string() || volume == name_in_address(&access.name))
    };
    let mut found: Vec<VolumeAccess> = volumes::service::visible(ctx).await?.into_iter().filter(fits).collect();
    match found.len() {
        1 => volumes::service::authorise(ctx, found.remove(0).id, Action::Read).await,
        0 => Err(AppError::not_found("volume")),
        _ => Err(AppError::conflict("Several volumes have this name: use the id in the address of the volume's page.")),
    }
}

/// What `info/refs` answers.
pub type Advertisement = Vec<u8>;

pub async fn advertise(ctx: &Ctx, access: &VolumeAccess) -> AppResult<Advertisement> {
    Ok(serving::advertisement(make(ctx, access.id).await?, MAIN))
}

fn folder_of(ctx: &Ctx, volume: VolumeId) -> PathBuf {
    ctx.state.config.data_dir.join("derived").join("clones").join(volume.to_string())
}

/// Something of the volume's history is gone for good: the copy that has it goes as well, and the next one is made without it.
pub async fn forget_clone(ctx: &Ctx, volume: VolumeId) {
    let _only = ctx.state.clones.only(volume).await;
    if let Err(error) = tokio::fs::remove_dir_all(folder_of(ctx, volume)).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, %volume, "the copy of a volume for clones could not be removed");
    }
}

/// Brings the repository up to the volume; its head.
async fn make(ctx: &Ctx, volume: VolumeId) -> AppResult<Option<Oid>> {
    let _only = ctx.state.clones.only(volume).await;
    let folder = folder_of(ctx, volume);
    let line = volumes::service::line_since(ctx, volume, None).await?;
    let path = folder.clone();
    let (at, mut parent) = blocking(move || {
        let bare = Bare::open(&path)?;
        Ok((std::fs::read_to_string(path.join(AT)).unwrap_or_default(), bare.head()))
    })
    .await?;
    let done = line.iter().position(|commit| commit.id.to_string() == at).filter(|_| parent.is_some());
    if done.is_none() {
        parent = None;
    }
    for commit in &line[done.map_or(0, |done| done + 1)..] {
        // All of the commit together: an artifact may take the place of another one.
        let mut edits = BTreeMap::new();
        let mut after = None;
        loop {
            let changes = artifacts::service::tree_changes(ctx, volume, commit.id, after).await?;
            let Some(last) = changes.last() else { break };
            after = Some(last.artifact);
            edits = write_changes(ctx, folder.clone(), edits, changes).await?;
        }
        let (path, commit) = (folder.clone(), commit.clone());
        parent = Some(
            blocking(move || {
                let bare = Bare::open(&path)?;
                let before = parent.map(|parent| bare.tree_of(parent)).transpose()?;
                let edits: Vec<Edit> = edits.into_iter().collect();
                let tree = bare.edit(before, &edits)?;
                let mail = format!("{}@users.noreply.invalid", commit.author.id);
                let author = Author { name: &commit.author.name, mail: &mail, at_ms: commit.created_at };
                let made = bare.make_commit(parent, tree, &author, &commit.message)?;
                bare.set_head(made)?;
                std::fs::write(path.join(AT), commit.id.to_string())?;
                Ok(made)
            })
            .await?,
        );
    }
    Ok(parent)
}

/// The files of an artifact by their path in the volume, each with the hash of its content and its mode; the first is the main one.
pub(super) fn files_of(state: &State) -> Vec<(String, String, bool)> {
    let folder = state.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let main = (state.path.clone(), state.content_sha.clone(), state.executable);
    std::iter::once(main)
        .chain(state.files.iter().map(|file| (format!("{folder}{}", file.path), file.sha.clone(), file.executable)))
        .collect()
}

/// What a commit puts at a path, or that it takes away what was there.
type Edits = BTreeMap<String, Option<(Oid, bool)>>;

/// Writes the files of changes, and adds where they belong.
async fn write_changes(ctx: &Ctx, folder: PathBuf, mut edits: Edits, changes: Vec<TreeChange>) -> AppResult<Edits> {
    let shas: Vec<String> = changes.iter().filter_map(|change| Some(change.after.as_ref()?.content_sha.clone())).collect();
    let contents = artifacts::service::contents_of(ctx, &shas).await?;
    let blobs = ctx.state.blobs.clone();
    blocking(move || {
        let bare = Bare::open(&folder)?;
        for change in &changes {
            for (path, ..) in change.before.iter().flat_map(files_of) {
                edits.entry(path).or_insert(None);
            }
            let Some(after) = &change.after else { continue };
            for (path, sha, executable) in files_of(after) {
                let id = write(&bare, &contents, &blobs, &sha, path == after.path)?;
                edits.insert(path, Some((id, executable)));
            }
        }
        Ok(edits)
    })
    .await
}

/// Writes a file into a repository: a main file's content, or a blob.
pub(super) fn write(bare: &Bare, contents: &HashMap<String, Vec<u8>>, blobs: &Blobs, sha: &str, main: bool) -> AppResult<Oid> {
    match contents.get(sha).filter(|_| main) {
        Some(bytes) => bare.write(bytes),
        None => bare.write(&blobs.get_blocking(sha)?),
    }
}

/// Whether what is wanted is one commit that is here, and which of those are that the other side has.
async fn held(folder: &Path, asked: &Asked) -> AppResult<(bool, Vec<Oid>)> {
    let (wants, haves, path) = (asked.wants.clone(), asked.haves.clone(), folder.to_owned());
    blocking(move || {
        let bare = Bare::open(&path)?;
        let common: Vec<Oid> = haves.into_iter().filter(|have| bare.has(*have)).collect();
        Ok((wants.iter().all(|want| *want == wants[0] && bare.has(*want)), common))
    })
    .await
}

/// Answers `git-upload-pack`.
pub async fn upload_pack(ctx: &Ctx, access: &VolumeAccess, body: Bytes) -> AppResult<Body> {
    let asked = match Asked::parse(&body) {
        Ok(asked) => asked,
        Err(why) => return Ok(Body::from(serving::refusal(why))),
    };
    let Some(want) = asked.wants.first().copied() else { return Ok(Body::empty()) };
    let folder = folder_of(ctx, access.id);
    let (known, mut common) = held(&folder, &asked).await?;
    if !known {
        // Another node told of it, whose copy is newer, or this one has none: the same history gives the same commits here.
        make(ctx, access.id).await?;
        let (known, now) = held(&folder, &asked).await?;
        common = now;
        if !known {
            return Ok(Body::from(serving::refusal("there is no such commit here: fetch once more")));
        }
    }
    let head = asked.acknowledge(&common);
    if !asked.done {
        return Ok(Body::from(head));
    }
    let (sender, mut pieces) = mpsc::channel::<Bytes>(WAITING);
    let banded = asked.banded;
    tokio::task::spawn_blocking(move || {
        let mut waiting = Vec::with_capacity(2 * PIECE);
        let sent = Bare::open(&folder).and_then(|bare| {
            bare.send_pack(want, &common, |bytes| {
                waiting.extend_from_slice(bytes);
                waiting.len() < PIECE || sender.blocking_send(serving::piece(banded, &std::mem::take(&mut waiting)).into()).is_ok()
            })
        });
        let mut last = serving::piece(banded, &waiting);
        match sent {
            Ok(()) => last.extend(serving::end(banded)),
            Err(error) if error.code == ErrorCode::Internal => last = serving::broken(banded),
            Err(_) => return,
        }
        drop(sender.blocking_send(last.into()));
    });
    let stream = streamed(head, move |cx| pieces.poll_recv(cx));
    Ok(Body::from_stream(stream))
}

/// First the head, then the pieces as they come.
fn streamed(
    head: Vec<u8>,
    mut next: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> + Send + 'static,
) -> impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + 'static {
    use futures::StreamExt as _;
    futures::stream::once(std::future::ready(Ok(Bytes::from(head))))
        .chain(futures::stream::poll_fn(move |cx| next(cx).map(|piece| piece.map(Ok))))
}
