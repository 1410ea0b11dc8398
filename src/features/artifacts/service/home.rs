//! Where a person begins: what changed, one's own drafts, what was open lately, who is here.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{access, library, marks::marks};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, Action},
        analytics::service::{Event, UsageKind, record},
        artifacts::{
            model::{ArtifactSummary, Home, HomeCommit},
            store,
        },
        collaboration,
        volumes::{self, model::VolumeKind, service::VolumeAccess},
    },
    ids::ArtifactId,
    server::{clock, context::Ctx},
};

const COMMITS: i64 = 12;
const NAMES: i64 = 3;
const ROWS: i64 = 8;
/// How many of a list are looked at to find that many.
const LOOKED_AT: usize = 4 * ROWS as usize;
/// Who was active within this time is here, as is who has a connection.
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
    let marks = marks(ctx).await?;
    let [recents, favourites] = marked(ctx, [&marks.recents, &marks.favourites], &visible).await?;
    // The three lists in one, so that precedence is looked up once.
    let (to_recents, to_favourites) = (drafts.len(), drafts.len() + recents.len());
    let mut my_drafts = library::with_precedence(ctx, [drafts, recents, favourites].concat(), &visible).await?;
    let favourites = my_drafts.split_off(to_favourites);
    let recents = my_drafts.split_off(to_recents);
    // An agent, or a page that only listens, has made no request for long.
    let present = collaboration::service::connected(ctx).await?;
    let here = accounts::service::active_people(ctx, ctx.now() - HERE, &present).await?;
    Ok(Home { commits, my_drafts, recents, favourites, here })
}

/// The first few in each of some lists that are live and visible.
async fn marked<const N: usize>(ctx: &Ctx, lists: [&[ArtifactId]; N], visible: &[VolumeAccess]) -> AppResult<[Vec<ArtifactSummary>; N]> {
    let lists = lists.map(|ids| &ids[..ids.len().min(LOOKED_AT)]);
    let ids: BTreeSet<ArtifactId> = lists.iter().flat_map(|ids| ids.iter().copied()).collect();
    let items = library::in_order(ctx, &ids.into_iter().collect::<Vec<_>>()).await?;
    let shown = |item: &&ArtifactSummary| item.deleted_at.is_none() && visible.iter().any(|volume| volume.id == item.volume_id);
    let items: HashMap<ArtifactId, &ArtifactSummary> = items.iter().filter(shown).map(|item| (item.id, item)).collect();
    Ok(lists.map(|ids| ids.iter().filter_map(|id| items.get(id).copied().cloned()).take(ROWS as usize).collect()))
}

/// What the caller marked and still sees, newest first.
pub async fn own_favourites(ctx: &Ctx) -> AppResult<Value> {
    let visible = volumes::service::visible(ctx).await?;
    let mut items = library::in_order(ctx, &marks(ctx).await?.favourites).await?;
    items.retain(|item| visible.iter().any(|volume| volume.id == item.volume_id));
    Ok(items.into_iter().map(|item| json!({ "id": item.id, "kind": item.kind, "name": item.name, "slug": item.slug })).collect())
}

/// Marks an artifact for oneself, or takes the mark away.
pub async fn set_favourite(ctx: &Ctx, id: ArtifactId, on: bool) -> AppResult<()> {
    let (row, volume) = access::find(ctx, id, Action::Read).await?;
    let user = ctx.actor_with(accounts::Scope::Write)?.id();
    let mut tx = ctx.db().write_tx().await?;
    if store::set_favourite(&mut tx, user, id, on, ctx.now()).await? {
        let kind = if on { UsageKind::FavouriteAdded } else { UsageKind::FavouriteRemoved };
        let event = Event::new(kind).workspace(volume.workspace).volume(volume.id).subject(id).artifact(row.kind(), &row.category);
        record(ctx, &mut tx, event).await?;
    }
    Ok(tx.commit().await?)
}
