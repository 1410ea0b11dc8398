//! Who may do what in a session: private ones belong to their owner, others to everybody in the team by role.

use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{self, Action, Role, Scope},
        collaboration::model::RoomAccess,
        sessions::store::{self, SessionRow},
    },
    ids::{SessionId, TeamId},
    server::context::Ctx,
};

/// A session that the caller sees.
#[derive(Clone, Debug)]
pub struct SessionAccess {
    pub id: SessionId,
    pub row: SessionRow,
    pub team: Option<TeamId>,
    /// In its team; the owner of a private one is its owner.
    pub role: Role,
    /// Whether the caller began it.
    pub owns: bool,
}

impl SessionAccess {
    pub fn can_write(&self) -> bool {
        self.role.allows(Action::Converse)
    }
    /// Whoever began it and still takes part, and those who keep the team's things in order.
    pub fn can_manage(&self) -> bool {
        (self.owns && self.can_write()) || self.role.allows(Action::ManageVolumes)
    }
}

fn not_found() -> AppError {
    AppError::not_found("session")
}

/// The session, if the caller may do `action` there. Unknown, deleted or not shared with the caller: not found.
pub async fn find(ctx: &Ctx, id: SessionId, action: Action) -> AppResult<SessionAccess> {
    let access = find_any(ctx, id, action).await?;
    if access.row.deleted_at.is_some() { Err(not_found()) } else { Ok(access) }
}

/// The same for one that may be in the trash.
pub async fn find_any(ctx: &Ctx, id: SessionId, action: Action) -> AppResult<SessionAccess> {
    let actor = ctx.actor_with(action.scope())?;
    let row = store::by_id(ctx.db().read(), id, actor.id()).await?.ok_or_else(not_found)?;
    let team = row.team()?;
    let owns = row.owner_id == actor.id().to_string();
    let role = match team {
        None if owns => Role::Owner,
        None => return Err(not_found()),
        // The team itself is not what the caller asked for.
        Some(team) => accounts::service::authorise_team(ctx, team, action)
            .await
            .map_err(|error| if error.code == ErrorCode::NotFound { not_found() } else { error })?,
    };
    Ok(SessionAccess { id, row, team, role, owns })
}

/// The session, if the caller may look at it: in the trash that is whoever may take it out.
pub async fn find_readable(ctx: &Ctx, id: SessionId) -> AppResult<SessionAccess> {
    let access = find_any(ctx, id, Action::Read).await?;
    if access.row.deleted_at.is_some() && !access.can_manage() { Err(not_found()) } else { Ok(access) }
}

/// For renaming, archiving and deleting.
pub async fn find_managed(ctx: &Ctx, id: SessionId) -> AppResult<SessionAccess> {
    ctx.actor_with(Scope::Write)?;
    let access = find_any(ctx, id, Action::Read).await?;
    if access.can_manage() {
        return Ok(access);
    }
    if access.row.deleted_at.is_some() {
        return Err(not_found());
    }
    Err(AppError::forbidden("This takes the person who began the session, or a maintainer of its team."))
}

/// Refuses to write into what is archived.
pub fn archived() -> AppError {
    AppError::conflict("This session is archived: take it out of the archive first.")
}

/// Whether the caller may enter the room of a session. Not found and not allowed are the same answer.
pub async fn room_access(ctx: &Ctx, id: SessionId) -> AppResult<RoomAccess> {
    let access = find(ctx, id, Action::Read).await?;
    let writes = ctx.actor()?.has_scope(Scope::Write);
    Ok(RoomAccess { write: writes && access.can_write() })
}
