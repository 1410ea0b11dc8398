//! Use cases of Git: linking a volume, pulling, pushing, importing once, and letting others clone.

mod cloning;
mod comparing;
mod fetching;
mod importing;
mod links;
mod outcomes;
mod previewing;
mod pull_requests;
mod pulling;
mod pushing;
mod runs;
mod telling;
mod trees;

pub use cloning::{Advertisement, Clones, advertise, find_volume, forget_clone, upload_pack};
pub use importing::{import, start_import};
pub use links::{
    LinkedRepository, LinkedVolume, enqueue_push, forget_repositories, forget_volume, get_link, link_volume, linked_at_github, links_to,
    note_history, pull_now, pull_soon, push_now, repositories_at_github, unlink_volume, volumes_linked_to,
};
pub use outcomes::{announce, look_at_due};
pub use previewing::{Asked, preview, preview_soon};
pub use pull_requests::{
    Before, PullNews, ReviewKept, ReviewNews, counted, follow_pull_request, follow_review, list_pull_requests, retarget,
};
pub use pulling::pull;
pub use pushing::push;
pub use telling::tell_github;
pub use trees::{AtTag, Taken, artifacts_at};

use std::path::PathBuf;

use links::name_at_github;

use super::{
    store::{self, LinkRow},
    wire::{Advertised, Remote},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Scope, model::Scopes},
        volumes::{self, service::VolumeAccess},
    },
    ids::VolumeId,
    server::{
        context::{Ctx, Via},
        db::Db,
        error::internal,
        secrets::Vault,
    },
};

/// A link that is being worked on, in the name of who made it.
struct Work {
    ctx: Ctx,
    link: LinkRow,
    access: VolumeAccess,
    remote: Remote,
    /// What was fetched.
    repository: PathBuf,
    /// A push follows: that all is well is only said after it.
    then_pushes: bool,
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

/// The link of a volume.
async fn linked(ctx: &Ctx, volume: VolumeId) -> AppResult<LinkRow> {
    store::link(ctx.db().read(), volume).await?.ok_or_else(|| AppError::conflict("This volume is not linked any more."))
}

/// A link, ready to be worked on.
async fn begin(ctx: &Ctx, link: LinkRow) -> AppResult<Work> {
    let (volume, by) = (link.volume()?, link.linked_by()?);
    let acting = async {
        let acting = accounts::service::acting_for(ctx, by.id, Via::Token(Scopes(vec![Scope::Write]))).await?;
        let access = volumes::service::authorise(&acting, volume, Action::Commit).await?;
        AppResult::Ok((acting, access))
    };
    let (acting, access) = acting.await.map_err(|error| match error.code {
        ErrorCode::NotFound | ErrorCode::Forbidden | ErrorCode::FactorRequired => {
            AppError::conflict(format!("{} linked this volume and may no longer change it: link it anew.", by.name))
        }
        _ => error,
    })?;
    let token = token_of(ctx, volume, &link).await?;
    let remote = Remote::new(&ctx.state.config.git, &link.url, token, link.host_key.clone())?;
    Ok(Work { repository: repository_of(ctx, volume), ctx: acting, link, access, remote, then_pushes: false })
}

/// The token of a link, if it has one: the one that is kept, or one of this server's GitHub App.
async fn token_of(ctx: &Ctx, volume: VolumeId, link: &LinkRow) -> AppResult<Option<String>> {
    if link.app != 0 {
        let repository = name_at_github(&ctx.state.config.github_url, &link.url);
        let repository = repository.ok_or_else(|| AppError::conflict("The address is none at GitHub any more: link the volume anew."))?;
        return ctx.state.github_tokens.of(&ctx.state.config, &repository).await.map(Some);
    }
    let Some(sealed) = &link.token else { return Ok(None) };
    let token = ctx.state.vault.open(&purpose(volume), sealed);
    token.map(Some).ok_or_else(|| AppError::conflict("The token was sealed under another SECRET_KEY: add it again."))
}

/// A fault of the moment, which goes by itself.
fn is_of_the_moment(error: &AppError) -> bool {
    matches!(error.code, ErrorCode::Unavailable | ErrorCode::Internal)
}

/// How many tokens cannot be opened with this server key: for whoever runs the server, which need not be running.
pub async fn unreadable_tokens(db: &Db, vault: &Vault) -> AppResult<usize> {
    let tokens = store::tokens(db.read()).await?.into_iter();
    Ok(tokens.filter(|(volume, sealed)| volume.parse().is_ok_and(|volume| vault.open(&purpose(volume), sealed).is_none())).count())
}

/// What is told where the branch is not there.
fn no_branch(at: &Advertised, branch: &str) -> AppError {
    let other = at.default_branch().map(|name| format!(" It has “{name}”.")).unwrap_or_default();
    AppError::field("branch", format!("The repository has no branch “{branch}”.{other}"))
}
