//! Making, renaming and deleting volumes, and the tree of those that the caller sees.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::{
    super::{
        model::{CreateVolume, UpdateVolume, Volume, VolumeKind},
        store::{self, NewVolume},
    },
    access::{self, VolumeAccess},
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, model::clean_name},
        analytics::service::{Event, UsageKind, Workspace, record},
        artifacts, search,
    },
    ids::{TeamId, UserId, VolumeId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// The tree, strongest first.
pub async fn list_volumes(ctx: &Ctx) -> AppResult<Vec<Volume>> {
    let mut volumes = Vec::new();
    for access in access::visible(ctx).await? {
        volumes.push(with_counts(ctx, access).await?);
    }
    Ok(volumes)
}

pub async fn get_volume(ctx: &Ctx, id: VolumeId) -> AppResult<Volume> {
    with_counts(ctx, access::authorise(ctx, id, Action::Read).await?).await
}

async fn with_counts(ctx: &Ctx, access: VolumeAccess) -> AppResult<Volume> {
    let counts = artifacts::service::counts(ctx, access.id, access.seq).await?;
    Ok(Volume {
        id: access.id,
        kind: access.kind,
        name: access.name,
        team: access.team,
        role: access.role,
        demo: access.demo,
        skills: counts.skills,
        tools: counts.tools,
        agents: counts.agents,
        drafts: counts.drafts,
        trashed: counts.trashed,
        updated_at: access.updated_at,
    })
}

/// A further volume, of a team or of one's own. The client may choose the id, so that a retry makes one volume.
pub async fn create_volume(ctx: &Ctx, input: CreateVolume) -> AppResult<Volume> {
    let actor = ctx.actor_with(Action::ManageVolumes.scope())?;
    let name = clean_name("name", "the volume", &input.name)?;
    if let Some(team) = input.team {
        accounts::service::authorise_team(ctx, team, Action::ManageVolumes).await?;
    }
    let now = ctx.now();
    let (kind, owner) = match input.team {
        Some(team) => (VolumeKind::Team, team.to_string()),
        None => (VolumeKind::User, actor.id().to_string()),
    };
    let id = VolumeId::chosen(input.id, now)?;
    let mut tx = ctx.db().write_tx().await?;
    let created = store::insert(&mut tx, &NewVolume { id, kind, owner: owner.clone(), name: &name, demo: false, now }).await?;
    if created {
        record(ctx, &mut tx, Event::new(UsageKind::VolumeCreated).team(input.team).volume(id)).await?;
    } else {
        let existing = store::by_id(&mut *tx, id).await?;
        if !existing.is_some_and(|row| row.kind() == kind && row.owner_id == owner && row.name == name) {
            return Err(AppError::conflict("This id is taken by another volume: use a new one."));
        }
    }
    tx.commit().await?;
    get_volume(ctx, id).await
}

/// The volume that every account has; called in the transaction that makes the account.
pub async fn create_personal_volume(tx: &mut Tx, user: UserId, now: i64) -> AppResult<()> {
    let id = VolumeId::generate();
    store::insert(tx, &NewVolume { id, kind: VolumeKind::User, owner: user.to_string(), name: "Personal", demo: false, now }).await?;
    Ok(())
}

/// The first volume of the caller's own.
pub async fn personal_volume(ctx: &Ctx) -> AppResult<VolumeId> {
    let id = match &ctx.page {
        // Among those that the page shows anyway.
        Some(_) => access::visible(ctx).await?.into_iter().filter(|volume| volume.kind == VolumeKind::User).map(|volume| volume.id).min(),
        None => {
            let user = ctx.actor()?.id().to_string();
            store::first_of(ctx.db().read(), VolumeKind::User, &user).await?.as_deref().map(parse_id).transpose()?
        }
    };
    id.ok_or_else(|| AppError::not_found("volume"))
}

/// An account is deleted: its own volumes go with it.
pub async fn delete_personal_volume(tx: &mut Tx, user: UserId, now: i64) -> AppResult<()> {
    store::delete_of(tx, VolumeKind::User, &user.to_string(), now).await
}

/// A team is deleted: its volumes go with it.
pub async fn delete_team_volumes(tx: &mut Tx, team: TeamId, now: i64) -> AppResult<()> {
    store::delete_of(tx, VolumeKind::Team, &team.to_string(), now).await
}

/// Whether a commit is being published slice by slice in a volume of a team, at the moment of a snapshot.
pub async fn is_publishing(snapshot: &mut AnyConnection, team: TeamId) -> AppResult<bool> {
    store::is_publishing(snapshot, &team.to_string()).await
}

/// Shows the volumes of a team that came with its archive, in the transaction that shows the team.
pub async fn reveal_team_volumes(ctx: &Ctx, tx: &mut Tx, team: TeamId) -> AppResult<()> {
    for id in store::reveal_of(tx, VolumeKind::Team, &team.to_string()).await? {
        let id = parse_id(&id)?;
        search::jobs::enqueue_index(tx, id, ctx.now()).await?;
        artifacts::service::record_volume(ctx, tx, UsageKind::ArtifactEntered, Workspace::Team(team), id).await?;
    }
    Ok(())
}

/// How many artifacts the teams have, for administrators; teams without any are left out.
pub async fn artifacts_by_team(ctx: &Ctx) -> AppResult<HashMap<TeamId, i64>> {
    let rows = store::artifacts_by_owner(ctx.db().read(), VolumeKind::Team).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.owner_id.parse().ok()?, row.artifacts))).collect())
}

/// The volume that a new team begins with.
pub async fn create_team_volume(ctx: &Ctx, tx: &mut Tx, team: TeamId, name: &str, now: i64) -> AppResult<VolumeId> {
    let id = VolumeId::generate();
    store::insert(tx, &NewVolume { id, kind: VolumeKind::Team, owner: team.to_string(), name, demo: false, now }).await?;
    record(ctx, tx, Event::new(UsageKind::VolumeCreated).team(Some(team)).volume(id)).await?;
    Ok(id)
}

pub async fn rename_volume(ctx: &Ctx, id: VolumeId, input: UpdateVolume) -> AppResult<Volume> {
    let access = access::authorise(ctx, id, Action::ManageVolumes).await?;
    let name = clean_name("name", "the volume", &input.name)?;
    let mut tx = ctx.db().write_tx().await?;
    store::rename(&mut tx, id, &name, ctx.now()).await?;
    record(ctx, &mut tx, Event::new(UsageKind::VolumeRenamed).team(access.team).volume(id)).await?;
    tx.commit().await?;
    get_volume(ctx, id).await
}

/// The volume is no longer shown; its rows stay, so that an administrator with the database at hand can bring it back.
pub async fn delete_volume(ctx: &Ctx, id: VolumeId) -> AppResult<()> {
    let actor = ctx.actor()?.id();
    let access = access::authorise(ctx, id, Action::ManageVolumes).await?;
    let now = ctx.now();
    let counts = artifacts::service::counts(ctx, id, access.seq).await?;
    let mut tx = ctx.db().write_tx().await?;
    if access.kind == VolumeKind::User && store::count_of_owner(&mut tx, VolumeKind::User, &actor.to_string()).await? <= 1 {
        return Err(AppError::conflict("This is the only volume of yours, and every account has one: make another first."));
    }
    store::delete(&mut tx, id, now).await?;
    artifacts::service::record_volume(ctx, &mut tx, UsageKind::ArtifactLeft, access.workspace, id).await?;
    record(
        ctx,
        &mut tx,
        Event::new(UsageKind::VolumeDeleted).team(access.team).volume(id).amount(counts.skills + counts.tools + counts.agents),
    )
    .await?;
    tx.commit().await?;
    Ok(())
}
