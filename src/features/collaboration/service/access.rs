//! Who may enter a room is for the feature to say that it is about.

use crate::{
    error::AppResult,
    features::{
        accounts, artifacts,
        collaboration::model::{RoomAccess, RoomType},
        sessions,
    },
    ids::RoomId,
    server::context::Ctx,
};

/// The caller's rights in a room; not shared with them is the same as not there.
pub async fn room_access(ctx: &Ctx, kind: RoomType, room: RoomId) -> AppResult<RoomAccess> {
    match kind {
        RoomType::Workspace => accounts::service::room_access(ctx, room).await,
        RoomType::Session => sessions::service::room_access(ctx, room.same_as()).await,
        RoomType::Artifact => artifacts::service::room_access(ctx, room.same_as()).await,
    }
}
