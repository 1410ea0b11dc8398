//! Finding an artifact for a caller who may do something with it.

use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::Action,
        artifacts::store::{self, ArtifactRow},
        collaboration::model::RoomAccess,
        volumes::{self, service::VolumeAccess},
    },
    ids::ArtifactId,
    server::context::Ctx,
};

/// The artifact and its volume. Unknown, or not shared with the caller: not found.
pub async fn find(ctx: &Ctx, id: ArtifactId, action: Action) -> AppResult<(ArtifactRow, VolumeAccess)> {
    ctx.actor_with(action.scope())?;
    let not_found = || AppError::not_found("artifact");
    let row = store::by_id(ctx.db().read(), id).await?.ok_or_else(not_found)?;
    let access = volumes::service::authorise(ctx, row.volume()?, action)
        .await
        .map_err(|error| if error.code == ErrorCode::NotFound { not_found() } else { error })?;
    Ok((row, access))
}

/// The same for a change: what is in the trash is taken out first.
pub async fn find_live(ctx: &Ctx, id: ArtifactId, action: Action) -> AppResult<(ArtifactRow, VolumeAccess)> {
    let (row, access) = find(ctx, id, action).await?;
    if row.state == store::TRASHED {
        return Err(AppError::conflict("This artifact is in the trash: take it out first."));
    }
    Ok((row, access))
}

/// An artifact as something that people talk about.
pub struct Place {
    pub name: String,
    pub volume: VolumeAccess,
    pub trashed: bool,
}

pub async fn find_place(ctx: &Ctx, id: ArtifactId, action: Action) -> AppResult<Place> {
    let (row, volume) = find(ctx, id, action).await?;
    Ok(Place { trashed: row.state == store::TRASHED, name: row.name, volume })
}

/// Whether the caller may enter the room of an artifact.
pub async fn room_access(ctx: &Ctx, id: ArtifactId) -> AppResult<RoomAccess> {
    let (row, access) = find(ctx, id, Action::Read).await?;
    let write = row.state == store::LIVE && access.role.allows(Action::EditDrafts) && ctx.actor()?.has_scope(Action::EditDrafts.scope());
    Ok(RoomAccess { write })
}
