//! Where a person begins: what changed, one's own drafts, what was open lately, who is here.

use std::collections::HashMap;

use super::{access, library};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, Action},
        analytics::service::{Event, record},
        artifacts::{
            model::{ArtifactSummary, Home, HomeCommit},
            store,
        },
        volumes::{self, model::VolumeKind},
    },
    ids::ArtifactId,
    server::{clock, context::Ctx, db::parse_id},
};

const COMMITS: i64 = 12;
const NAMES: i64 = 3;
const ROWS: i64 = 8;
/// Who was active within this time is here.
const HERE: i64 = 10 * clock::MINUTE;

pub async fn home(ctx: &Ctx) -> AppResult<Home> {
    let user = ctx.actor()?.id();
    let pool = ctx.db().read();
    let visible = volumes::service::visible(ctx).await?;
    let ids: Vec<_> = visible.iter().map(|volume| volume.id).collect();
    // The built-in volume changes with the program, which is no news of the people here.
    let lively: Vec<_> = visible.iter().filter(|volume| volume.kind != VolumeKind::System).map(|volume| volume.id).collect();
    let commits = volumes::service::newest_commits(ctx, &lively, None, COMMITS).await?;
    let commit_ids: Vec<_> = commits.iter().map(|commit| commit.id).collect();
    let mut names: HashMap<String, Vec<String>> = HashMap::new();
    for (commit, name) in store::names_in_commits(pool, &commit_ids, NAMES).await? {
        names.entry(commit).or_default().push(name);
    }
    let commits = commits
        .into_iter()
        .map(|commit| HomeCommit {
            volume_name: visible.iter().find(|volume| volume.id == commit.volume_id).map(|volume| volume.name.clone()).unwrap_or_default(),
            names: names.remove(&commit.id.to_string()).unwrap_or_default(),
            commit,
        })
        .collect();
    let drafts =
        store::drafts_of(pool, user, &ids, ROWS).await?.into_iter().map(store::ArtifactRow::summary).collect::<AppResult<Vec<_>>>()?;
    let recents = store::recent_ids(pool, user, ROWS * 2).await?;
    let favourites = store::favourite_ids(pool, user).await?;
    Ok(Home {
        commits,
        my_drafts: library::with_precedence(ctx, drafts, &visible).await?,
        recents: shown(ctx, &recents, &visible).await?,
        favourites: shown(ctx, &favourites, &visible).await?,
        here: accounts::service::active_people(ctx, ctx.now() - HERE).await?,
    })
}

/// The first few of some ids that are live and visible.
async fn shown(ctx: &Ctx, ids: &[String], visible: &[volumes::service::VolumeAccess]) -> AppResult<Vec<ArtifactSummary>> {
    let ids = ids.iter().take(4 * ROWS as usize).map(|id| parse_id(id)).collect::<AppResult<Vec<_>>>()?;
    let mut items = library::in_order(ctx, &ids).await?;
    items.retain(|item| item.deleted_at.is_none() && visible.iter().any(|volume| volume.id == item.volume_id));
    items.truncate(ROWS as usize);
    library::with_precedence(ctx, items, visible).await
}

/// Marks an artifact for oneself, or takes the mark away.
pub async fn set_favourite(ctx: &Ctx, id: ArtifactId, on: bool) -> AppResult<()> {
    let (_, volume) = access::find(ctx, id, Action::Read).await?;
    let user = ctx.actor_with(accounts::Scope::Write)?.id();
    let mut tx = ctx.db().write_tx().await?;
    if store::set_favourite(&mut tx, user, id, on, ctx.now()).await? {
        let kind = if on { "favourite.added" } else { "favourite.removed" };
        record(ctx, &mut tx, Event::new(kind).team(volume.team).volume(volume.id).subject(id)).await?;
    }
    Ok(tx.commit().await?)
}
