//! Use cases of Git: linking a volume, pulling, pushing, importing once, and letting others clone.

mod cloning;
mod comparing;
mod importing;
mod links;
mod pulling;
mod pushing;

pub use cloning::{Advertisement, Clones, advertise, find_volume, forget_clone, upload_pack};
pub use importing::{import, start_import};
pub use links::{
    enqueue_push, forget_repositories, forget_volume, get_link, link_volume, pull_now, pull_soon, push_now, unlink_volume,
    volumes_linked_to,
};
pub use pulling::pull;
pub use pushing::push;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    repository::Bare,
    store::{self, LinkRow},
    wire::{Advertised, Fetch, Remote, Shallow},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope, model::Scopes},
        jobs::{self, Job},
        volumes::{self, service::VolumeAccess},
    },
    ids::VolumeId,
    server::{
        clock,
        context::{Ctx, Via},
        error::internal,
    },
};
use git2::Oid;
use tokio::sync::watch;

/// Clocks of those who commit differ.
const SLACK_SECONDS: i64 = clock::HOUR / clock::SECOND;

/// A link that is being worked on, in the name of who made it.
struct Work {
    ctx: Ctx,
    link: LinkRow,
    access: VolumeAccess,
    remote: Remote,
    /// What was fetched.
    repository: PathBuf,
}

/// Whose token it is: a row copied to another volume does not open.
fn purpose(volume: VolumeId) -> String {
    format!("token of Git for volume {volume}")
}

fn repository_of(ctx: &Ctx, volume: VolumeId) -> PathBuf {
    ctx.state.config.data_dir.join("git").join(volume.to_string())
}

/// Runs what blocks on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> AppResult<T> + Send + 'static) -> AppResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| internal("Git", &error))?
}

/// The link of a volume, ready to be worked on.
async fn begin(ctx: &Ctx, volume: VolumeId) -> AppResult<Work> {
    let link = store::link(ctx.db().read(), volume).await?.ok_or_else(|| AppError::conflict("This volume is not linked any more."))?;
    let by = link.linked_by()?;
    let acting = accounts::service::acting_for(ctx, by.id, Via::Token(Scopes(vec![Scope::Write]))).await?;
    let access = volumes::service::authorise(&acting, volume, Action::Commit).await.map_err(|error| match error.code {
        ErrorCode::NotFound | ErrorCode::Forbidden => {
            AppError::conflict(format!("{} linked this volume and may no longer change it: link it anew.", by.name))
        }
        _ => error,
    })?;
    let token = match &link.token {
        None => None,
        Some(sealed) => Some(
            ctx.state
                .vault
                .open(&purpose(volume), sealed)
                .ok_or_else(|| AppError::conflict("The token was sealed under another SECRET_KEY: add it again."))?,
        ),
    };
    let remote = Remote::new(&ctx.state.config.git, &link.url, token, link.host_key.clone())?;
    Ok(Work { repository: repository_of(ctx, volume), ctx: acting, link, access, remote })
}

/// What is told where the branch is not there.
fn no_branch(at: &Advertised, branch: &str) -> AppError {
    let other = at.default_branch().map(|name| format!(" It has “{name}”.")).unwrap_or_default();
    AppError::field("branch", format!("The repository has no branch “{branch}”.{other}"))
}

/// Somebody who is told how much came, and can stop it.
struct Told<'a> {
    ctx: &'a Ctx,
    job: &'a Job,
}

/// Between two notes of how much came.
const NOTED_EVERY: Duration = Duration::from_millis(500);

impl Told<'_> {
    /// The job says how many bytes came, as done of an unknown total, until it is to stop.
    async fn until_stopped(&self, received: watch::Receiver<u64>) -> AppError {
        loop {
            tokio::time::sleep(NOTED_EVERY).await;
            let bytes = *received.borrow() as i64;
            if let Err(error) = jobs::service::progress(self.ctx, self.job, bytes, 0).await {
                return error;
            }
        }
    }
}

/// Brings the commit `want` of a repository to `path`, with all that comes after `known`; of the files only those in `folder`, where the server
/// can do that.
async fn fetch(
    remote: &Remote,
    at: &Advertised,
    path: &Path,
    folder: &str,
    (want, known): (Oid, Option<Oid>),
    told: &Told<'_>,
) -> AppResult<()> {
    let (sender, receiver) = watch::channel(0);
    tokio::select! {
        fetched = fetch_all(remote, at, path, folder, (want, known), &sender) => fetched,
        stopped = told.until_stopped(receiver) => Err(stopped),
    }
}

async fn fetch_all(
    remote: &Remote,
    at: &Advertised,
    path: &Path,
    folder: &str,
    (want, known): (Oid, Option<Oid>),
    received: &watch::Sender<u64>,
) -> AppResult<()> {
    let opened = path.to_owned();
    let (here, shallow, since) = blocking(move || {
        let bare = Bare::open(&opened)?;
        let known = known.filter(|known| bare.has(*known));
        let since = known.and_then(|known| bare.about(known).ok()).map(|about| about.time - SLACK_SECONDS);
        Ok((bare.has(want), bare.shallow(), known.zip(since)))
    })
    .await?;
    if !here {
        let pack = tempfile::NamedTempFile::new_in(path)?.into_temp_path();
        let asked = Fetch {
            want,
            haves: since.iter().map(|(known, _)| *known).collect(),
            shallow,
            since: since.map(|(_, since)| since),
            without_files: !folder.is_empty(),
        };
        let shallow = match remote.fetch(at, &asked, &pack, received).await {
            // Nothing is that new, which some servers say by breaking off: the history begins anew.
            Err(error) if asked.since.is_some() && matches!(error.code, ErrorCode::Conflict | ErrorCode::Unavailable) => {
                remote.fetch(at, &Fetch { since: None, ..asked }, &pack, received).await?
            }
            result => result?,
        };
        let opened = path.to_owned();
        blocking(move || {
            let bare = Bare::open(&opened)?;
            bare.take(&pack, &shallow)?;
            bare.repack()
        })
        .await?;
    }
    let (opened, below) = (path.to_owned(), folder.to_owned());
    let missing = blocking(move || Bare::open(&opened)?.missing_files(want, &below)).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let mut packs = Vec::new();
    let place = || {
        let pack = tempfile::NamedTempFile::new_in(path)?.into_temp_path();
        let at = pack.to_path_buf();
        packs.push(pack);
        Ok(at)
    };
    remote.fetch_files(at, &missing, place, received).await?;
    let opened = path.to_owned();
    blocking(move || {
        let bare = Bare::open(&opened)?;
        packs.iter().try_for_each(|pack| bare.take(pack, &Shallow::default()))
    })
    .await
}
