//! Linking a volume, and what is shown of it.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use super::{
    super::{
        jobs::{PULL, PUSH, SyncPayload},
        model::{Conflict, GitLink, LinkState, LinkVolume, Place, PullReport, StartSync, SyncProgress, last_part, same_repository},
        store::{self, LinkRow, NewLink},
        wire::{Remote, Service},
    },
    cloning::forget_clone,
    no_branch, outcomes, purpose, repository_of,
    telling::is_of,
    token_of,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action},
        analytics::service::{Event, UsageKind, Workspace, record},
        artifacts,
        jobs::{self, model::JobStatus, service::NewJob},
        volumes::{self, model::VolumeKind},
        webhooks,
    },
    ids::{JobId, TeamId, UserId, VolumeId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// The source of commits that came from a repository: they are not pushed to it.
pub(super) const SOURCE: &str = "git";

/// The link of a volume that the caller may read; none when there is none.
pub async fn get_link(ctx: &Ctx, volume: VolumeId) -> AppResult<Option<GitLink>> {
    volumes::service::authorise(ctx, volume, Action::Read).await?;
    // Before the link: what ends in between is not shown as it was at its beginning.
    let working = jobs::service::at_work(ctx, &[PULL, PUSH], volume).await?;
    match store::link(ctx.db().read(), volume).await? {
        Some(row) => shown(ctx, volume, row, working).await.map(Some),
        None => Ok(None),
    }
}

async fn shown(ctx: &Ctx, volume: VolumeId, row: LinkRow, working: Option<(i64, i64)>) -> AppResult<GitLink> {
    let line = volumes::service::line_since(ctx, volume, row.last_commit()?).await?;
    let waiting = artifacts::service::waiting_for_merge(ctx, &row.conflicts()?).await?;
    let state = match () {
        () if working.is_some() => LinkState::Working,
        () if row.last_error.is_some() => LinkState::Failed,
        () if !waiting.is_empty() => LinkState::Conflict,
        () if row.last_sync_at.is_none() => LinkState::New,
        () => LinkState::Synced,
    };
    Ok(GitLink {
        volume_id: volume,
        linked_by: row.linked_by()?,
        has_token: row.token.is_some(),
        by_app: row.app != 0,
        host_key: row.host_key,
        push: row.push != 0,
        state,
        progress: working.map(|(done, total)| SyncProgress { done, total }),
        ahead: line.iter().filter(|commit| commit.source != SOURCE).count() as i64,
        behind: row.behind,
        conflicts: waiting.into_iter().map(|(artifact_id, name)| Conflict { artifact_id, name }).collect(),
        report: row.report.as_deref().map(serde_json::from_str::<PullReport>).transpose()?,
        url: row.url,
        branch: row.branch,
        folder: row.folder,
        last_sha: row.last_sha,
        notice: row.notice,
        last_error: row.last_error,
        last_sync_at: row.last_sync_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// Links a volume, or changes its link, after asking the repository whether address, token and branch are right; then it is pulled.
pub async fn link_volume(ctx: &Ctx, volume: VolumeId, input: LinkVolume) -> AppResult<GitLink> {
    let access = volumes::service::authorise(ctx, volume, Action::ManageVolumes).await?;
    if access.kind == VolumeKind::System {
        return Err(AppError::forbidden("The built-in volume comes with the server: link one of your own."));
    }
    let place = Place::checked(&input.url, input.branch.as_deref(), input.folder.as_deref(), input.token.as_deref())?;
    let before = store::link(ctx.db().read(), volume).await?;
    let kept = before.as_ref().filter(|link| link.url == place.url && place.token.is_none()).and_then(|link| link.token.as_deref());
    let token = match (place.token, kept) {
        (Some(token), _) => Some(token),
        (None, Some(sealed)) => ctx.state.vault.open(&purpose(volume), sealed),
        (None, None) => None,
    };
    let app = match &token {
        None => app_token(ctx, &place.url, input.push).await?,
        Some(_) => None,
    };
    let by_app = app.is_some();
    // Whoever links it anew takes the host as it shows itself now.
    let remote = Remote::new(&ctx.state.config.git, &place.url, token.clone().or(app), None)?;
    let at = remote.advertised(Service::UploadPack).await?;
    let branch = match place.branch.or_else(|| at.default_branch().map(str::to_owned)) {
        Some(branch) if at.branch(&branch).is_some() || at.is_empty() => branch,
        Some(branch) => return Err(no_branch(&at, &branch)),
        None => "main".to_owned(),
    };
    let elsewhere = before.is_none_or(|link| link.url != place.url || link.branch != branch || link.folder != place.folder);
    let (actor, now) = (ctx.actor()?.id(), ctx.now());
    let new = NewLink {
        volume,
        url: &place.url,
        branch: &branch,
        folder: &place.folder,
        token: token.map(|token| ctx.state.vault.seal(&purpose(volume), &token)),
        host_key: remote.host_key(),
        push: input.push,
        app: by_app,
        by: actor,
        look_at: outcomes::next_look(now),
        now,
        elsewhere,
    };
    let mut tx = ctx.db().write_tx().await?;
    if elsewhere {
        store::pull_requests::remove_all(&mut tx, &volume.to_string()).await?;
    }
    store::put(&mut tx, new).await?;
    enqueue(&mut tx, PULL, volume, now).await?;
    webhooks::service::count_history_soon(ctx, &mut tx).await?;
    record(ctx, &mut tx, Event::new(UsageKind::GitLinked).workspace(access.workspace).volume(volume)).await?;
    tx.commit().await?;
    ctx.state.jobs.notify_one();
    get_link(ctx, volume).await?.ok_or_else(|| AppError::not_found("link"))
}

/// A token of this server's GitHub App for a repository that is linked without one; none where there is no app, or it is not installed there. The app sees
/// whatever it is installed for, so whoever links by it has to be somebody whom GitHub lets in as well, or runs this server.
async fn app_token(ctx: &Ctx, address: &str, write: bool) -> AppResult<Option<String>> {
    let config = &ctx.state.config;
    let Some(repository) = name_at_github(&config.github_url, address) else { return Ok(None) };
    let tokens = &ctx.state.github_tokens;
    let Some(token) = tokens.if_installed(config, &repository).await? else { return Ok(None) };
    if ctx.actor()?.administrator {
        return Ok(Some(token));
    }
    let Some(account) = accounts::service::github_account(ctx).await? else { return Ok(None) };
    Ok(tokens.lets(config, &repository, account, write).await?.then_some(token))
}

/// The volume and the repository stay as they are, and go their own ways.
pub async fn unlink_volume(ctx: &Ctx, volume: VolumeId) -> AppResult<()> {
    let access = volumes::service::authorise(ctx, volume, Action::ManageVolumes).await?;
    let mut tx = ctx.db().write_tx().await?;
    if !store::remove(&mut tx, &volume.to_string()).await? {
        return Err(AppError::not_found("link"));
    }
    store::pull_requests::remove_all(&mut tx, &volume.to_string()).await?;
    record(ctx, &mut tx, Event::new(UsageKind::GitUnlinked).workspace(access.workspace).volume(volume)).await?;
    tx.commit().await?;
    forget_fetched(ctx, volume).await;
    Ok(())
}

async fn forget_fetched(ctx: &Ctx, volume: VolumeId) {
    if let Err(error) = tokio::fs::remove_dir_all(repository_of(ctx, volume)).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, %volume, "what was fetched for a volume could not be removed");
    }
}

/// After a volume went for good: what was fetched for it, and what others cloned, goes as well.
pub async fn forget_repositories(ctx: &Ctx, volume: VolumeId) {
    forget_fetched(ctx, volume).await;
    forget_clone(ctx, volume).await;
}

/// A volume goes for good.
pub async fn forget_volume(tx: &mut Tx, volume: &str) -> AppResult<()> {
    store::pull_requests::remove_all(tx, volume).await?;
    store::remove(tx, volume).await.map(drop)
}

fn job(kind: &'static str, volume: VolumeId) -> AppResult<NewJob> {
    Ok(NewJob::new(kind, &SyncPayload { volume })?.in_order_of(volume))
}

/// Unless one waits already: that one will see what this one would. If that is for another try, it begins now, with all its tries.
async fn enqueue(tx: &mut Tx, kind: &'static str, volume: VolumeId, now: i64) -> AppResult<()> {
    jobs::service::enqueue(tx, job(kind, volume)?.once().afresh(), now).await
}

/// A volume that is linked is to be brought in step: pulled, or pushed, which pulls before it.
pub(super) async fn sync_soon(tx: &mut Tx, volume: VolumeId, push: bool, now: i64) -> AppResult<()> {
    enqueue(tx, if push { PUSH } else { PULL }, volume, now).await
}

/// A volume that is linked is to be pulled, such as after a push to its repository: in the caller's transaction. Call `ctx.state.jobs.notify_one()`
/// then.
pub async fn pull_soon(tx: &mut Tx, volume: VolumeId, now: i64) -> AppResult<()> {
    enqueue(tx, PULL, volume, now).await
}

/// The links to a repository, however its address is written.
async fn links_at(ctx: &Ctx, address: &str) -> AppResult<Vec<LinkRow>> {
    let pool = ctx.db().read();
    let mut found = Vec::new();
    for (volume, url) in store::links_with(pool, &last_part(address)).await? {
        if same_repository(&url, address)
            && let Some(link) = store::link(pool, parse_id(&volume)?).await?
        {
            found.push(link);
        }
    }
    Ok(found)
}

/// The volumes that are linked to a repository and to this branch of it: for whoever is told that something was pushed there.
pub async fn volumes_linked_to(ctx: &Ctx, address: &str, branch: &str) -> AppResult<Vec<VolumeId>> {
    links_at(ctx, address).await?.iter().filter(|link| link.branch == branch).map(LinkRow::volume).collect()
}

/// A volume that is linked to a repository.
#[derive(Clone, Debug)]
pub struct LinkedVolume {
    pub volume: VolumeId,
    pub name: String,
    /// None: it is somebody's own.
    pub team: Option<TeamId>,
    pub branch: String,
    /// The folder of the repository that it is.
    pub folder: String,
    pub linked_by: UserId,
    /// Whose numbers it counts to.
    pub workspace: Workspace,
    pub created_at: i64,
}

impl LinkedVolume {
    async fn of(ctx: &Ctx, link: LinkRow) -> AppResult<Self> {
        let access = volumes::service::unattended(ctx, link.volume()?).await?;
        Ok(Self {
            volume: access.id,
            name: access.name,
            team: access.team,
            linked_by: link.linked_by()?.id,
            branch: link.branch,
            folder: link.folder,
            workspace: access.workspace,
            created_at: link.created_at,
        })
    }
}

/// A repository at GitHub with all volumes that are linked to it.
pub struct LinkedRepository {
    /// `owner/name` in lower case.
    pub name: String,
    /// That of a link; shown to nobody.
    pub token: Option<String>,
    /// Up to when its history is counted for all of them.
    pub history_at: Option<i64>,
    pub links: Vec<LinkedVolume>,
}

/// The repositories at GitHub that volumes are linked to, as `owner/name`.
pub async fn linked_at_github(ctx: &Ctx) -> AppResult<BTreeSet<String>> {
    let links = store::links(ctx.db().read()).await?;
    Ok(links.iter().filter_map(|link| name_at_github(&ctx.state.config.github_url, &link.url)).collect())
}

/// What is linked at GitHub, for the server's own work.
pub async fn repositories_at_github(ctx: &Ctx) -> AppResult<Vec<LinkedRepository>> {
    let mut found: BTreeMap<String, LinkedRepository> = BTreeMap::new();
    for link in store::links(ctx.db().read()).await? {
        let Some(name) = name_at_github(&ctx.state.config.github_url, &link.url) else { continue };
        let volume = link.volume()?;
        // One that does not open any more is no token.
        let token = token_of(ctx, volume, &link).await.ok().flatten();
        let history_at = link.history_at;
        let links = vec![LinkedVolume::of(ctx, link).await?];
        match found.entry(name) {
            Entry::Vacant(entry) => {
                let name = entry.key().clone();
                entry.insert(LinkedRepository { name, token, history_at, links });
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.token = known.token.take().or(token);
                known.history_at = known.history_at.min(history_at);
                known.links.extend(links);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// `owner/name` of an address at GitHub.
pub(super) fn name_at_github(github: &str, address: &str) -> Option<String> {
    if !is_of(github, address) {
        return None;
    }
    let url = reqwest::Url::parse(address).ok()?;
    let mut parts = url.path().trim_matches('/').trim_end_matches(".git").split('/');
    let (owner, name) = (parts.next().filter(|part| !part.is_empty())?, parts.next().filter(|part| !part.is_empty())?);
    parts.next().is_none().then(|| format!("{owner}/{name}").to_ascii_lowercase())
}

/// The history of a repository is counted up to a time for these volumes.
pub async fn note_history(tx: &mut Tx, links: &[LinkedVolume], at: i64) -> AppResult<()> {
    for link in links {
        store::set_history(tx, link.volume, at).await?;
    }
    Ok(())
}

/// Every volume that is linked to a repository, whatever the branch: nobody else is told of what happens there.
pub async fn links_to(ctx: &Ctx, address: &str) -> AppResult<Vec<LinkedVolume>> {
    let mut found = Vec::new();
    for link in links_at(ctx, address).await? {
        found.push(LinkedVolume::of(ctx, link).await?);
    }
    Ok(found)
}

/// A commit was made: it is pushed, if the volume is linked so. In the transaction of the commit.
pub async fn enqueue_push(tx: &mut Tx, volume: VolumeId, source: &str, now: i64) -> AppResult<()> {
    if source != SOURCE && store::pushes(tx, volume).await? { enqueue(tx, PUSH, volume, now).await } else { Ok(()) }
}

/// Starts a pull for somebody who waits for it.
pub async fn pull_now(ctx: &Ctx, volume: VolumeId, input: StartSync) -> AppResult<JobStatus> {
    start(ctx, PULL, volume, input).await
}

pub async fn push_now(ctx: &Ctx, volume: VolumeId, input: StartSync) -> AppResult<JobStatus> {
    start(ctx, PUSH, volume, input).await
}

async fn start(ctx: &Ctx, kind: &'static str, volume: VolumeId, input: StartSync) -> AppResult<JobStatus> {
    volumes::service::authorise(ctx, volume, Action::ManageVolumes).await?;
    if store::link(ctx.db().read(), volume).await?.is_none() {
        return Err(AppError::conflict("This volume is not linked to a repository: link it first."));
    }
    let now = ctx.now();
    let id = JobId::chosen(input.id, now)?;
    if !jobs::service::exists(ctx, id).await? {
        let mut tx = ctx.db().write_tx().await?;
        // One that waits for another try is before it.
        jobs::service::enqueue(&mut tx, job(kind, volume)?.asked_by(ctx.actor()?.id(), id).afresh(), now).await?;
        tx.commit().await?;
        ctx.state.jobs.notify_one();
    }
    jobs::service::status(ctx, id).await
}
