//! Use cases of Git: linking a volume, pulling, pushing, importing once, and letting others clone.

mod cloning;
mod comparing;
mod importing;
mod links;
mod pulling;
mod pushing;

pub use cloning::{Advertisement, Clones, advertise, find_volume, forget_clone, upload_pack};
pub use importing::{import, start_import};
pub use links::{enqueue_push, forget_volume, get_link, link_volume, pull_now, pull_soon, push_now, unlink_volume, volumes_linked_to};
pub use pulling::pull;
pub use pushing::push;

use std::path::PathBuf;

use super::{
    repository::Bare,
    store::{self, LinkRow},
    wire::{Advertised, Fetch, Remote},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope, model::Scopes},
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

/// Clocks of those who commit differ.
const SLACK_SECONDS: i64 = clock::HOUR / clock::SECOND;

/// A link that is being worked on, in the name of who made it.
struct Work {
    ctx: Ctx,
    link: LinkRow,
    access: VolumeAccess,
    remote: Remote,
    folder: PathBuf,
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
    let remote = Remote::new(&ctx.state.config.git, &link.url, token)?;
    Ok(Work { folder: repository_of(ctx, volume), ctx: acting, link, access, remote })
}

/// What is told where the branch is not there.
fn no_branch(at: &Advertised, branch: &str) -> AppError {
    let other = at.default_branch().map(|name| format!(" It has “{name}”.")).unwrap_or_default();
    AppError::field("branch", format!("The repository has no branch “{branch}”.{other}"))
}

/// Brings the commit `want` here, with all that comes after `known`.
async fn fetch(remote: &Remote, at: &Advertised, folder: PathBuf, want: Oid, known: Option<Oid>) -> AppResult<()> {
    let path = folder.clone();
    let (here, shallow, since) = blocking(move || {
        let bare = Bare::open(&path)?;
        let known = known.filter(|known| bare.has(*known));
        let since = known.and_then(|known| bare.about(known).ok()).map(|about| about.time - SLACK_SECONDS);
        Ok((bare.has(want), bare.shallow(), known.zip(since)))
    })
    .await?;
    if here {
        return Ok(());
    }
    let pack = tempfile::NamedTempFile::new_in(&folder)?.into_temp_path();
    let asked = Fetch { want, haves: since.iter().map(|(known, _)| *known).collect(), shallow, since: since.map(|(_, since)| since) };
    let shallow = match remote.fetch(at, &asked, &pack).await {
        // Nothing is that new, which some servers say by breaking off: the history begins anew.
        Err(error) if asked.since.is_some() && matches!(error.code, ErrorCode::Conflict | ErrorCode::Unavailable) => {
            remote.fetch(at, &Fetch { since: None, ..asked }, &pack).await?
        }
        result => result?,
    };
    blocking(move || Bare::open(&folder)?.take(&pack, &shallow)).await
}
