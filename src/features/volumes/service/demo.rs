//! The sample team and volume, so that nothing looks empty. Marked as sample data, and removable with one click, with everything
//! that anybody put into it. What is in it: `contents`.

mod contents;

use super::super::{
    model::VolumeKind,
    store::{self, NewVolume},
};
use crate::{
    error::AppResult,
    features::{
        accounts,
        analytics::service::{Event, UsageKind, record},
        artifacts::service as artifacts,
        git, marketplace, sessions, tasks, traces,
    },
    ids::{TeamId, VolumeId},
    server::{context::Ctx, db::parse_id},
};

const VOLUME: &str = "Demo volume";

/// Adds the sample, unless it is there.
pub async fn add_demo(ctx: &Ctx) -> AppResult<()> {
    accounts::service::may_manage_samples(ctx)?;
    if !accounts::service::sample_teams(ctx).await?.is_empty() {
        return Ok(());
    }
    let result = add(ctx).await;
    if result.is_err() {
        // Half a sample helps nobody.
        remove(ctx).await?;
    }
    result
}

/// For a server that was started with the wish for sample data: true once that needs no more looking at. The wish is fulfilled
/// once, as soon as there is an administrator: a setting of the service would bring back at each start what somebody removed.
/// Who wants it back asks for it (the administration, `llmos demo add`).
pub async fn add_demo_if_wanted(ctx: &Ctx) -> AppResult<bool> {
    if !ctx.state.config.demo || accounts::service::samples_given(ctx).await? {
        return Ok(true);
    }
    let Some(administrator) = accounts::service::operator(ctx).await? else { return Ok(false) };
    add_demo(&ctx.on_behalf_of(administrator)).await?;
    accounts::service::note_samples_given(ctx).await?;
    Ok(true)
}

async fn add(ctx: &Ctx) -> AppResult<()> {
    let (now, volume) = (ctx.now(), VolumeId::generate());
    let mut tx = ctx.db().write_tx().await?;
    let (team, people) = accounts::service::add_sample_team(ctx, &mut tx, now).await?;
    let new = NewVolume { id: volume, kind: VolumeKind::Team, owner: team.to_string(), name: VOLUME, demo: true, now };
    store::insert(&mut tx, &new).await?;
    record(ctx, &mut tx, Event::new(UsageKind::DemoAdded).team(Some(team)).volume(volume)).await?;
    tx.commit().await?;
    ctx.state.actors.forget();
    contents::fill(ctx, team, volume, &people).await
}

/// Removes the sample with everything that anybody put into it.
pub async fn remove_demo(ctx: &Ctx) -> AppResult<()> {
    accounts::service::may_manage_samples(ctx)?;
    remove(ctx).await
}

async fn remove(ctx: &Ctx) -> AppResult<()> {
    for team in accounts::service::sample_teams(ctx).await? {
        remove_team(ctx, team).await?;
    }
    Ok(())
}

async fn remove_team(ctx: &Ctx, team: TeamId) -> AppResult<()> {
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let volumes = store::all_of(&mut tx, VolumeKind::Team, &team.to_string()).await?;
    for volume in &volumes {
        artifacts::erase_volume(&mut tx, volume).await?;
        sessions::service::forget_volume(&mut tx, volume).await?;
        marketplace::service::forget_volume(&mut tx, volume).await?;
        git::service::forget_volume(&mut tx, volume).await?;
        store::erase(&mut tx, volume).await?;
    }
    sessions::service::erase_sessions_of_team(&mut tx, team).await?;
    tasks::service::forget_team(&mut tx, team).await?;
    traces::service::forget_team(ctx, &mut tx, team).await?;
    accounts::service::remove_sample_team(&mut tx, team, now).await?;
    record(ctx, &mut tx, Event::new(UsageKind::DemoRemoved).team(Some(team))).await?;
    tx.commit().await?;
    ctx.state.actors.forget();
    for volume in volumes {
        git::service::forget_repositories(ctx, parse_id(&volume)?).await;
    }
    Ok(())
}
