//! Who may do what in a volume: the role in the workspace that owns it decides.

use std::cmp::Reverse;

use super::{
    super::{
        model::VolumeKind,
        store::{self, VolumeRow},
    },
    publishing,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, Role},
        analytics::service::Workspace,
    },
    ids::{TeamId, UserId, VolumeId},
    server::{context::Ctx, db::parse_id},
};

/// A volume that the caller may use as asked.
#[derive(Clone, Debug)]
pub struct VolumeAccess {
    pub id: VolumeId,
    pub kind: VolumeKind,
    /// The team that owns it, for team volumes.
    pub team: Option<TeamId>,
    /// Whose numbers what happens in it counts to.
    pub workspace: Workspace,
    /// The caller's role: a viewer of the system volume, an owner of one's own.
    pub role: Role,
    pub name: String,
    pub demo: bool,
    /// Counts the changes to its artifacts.
    pub seq: i64,
    pub updated_at: i64,
}

impl VolumeAccess {
    pub(super) fn new(row: VolumeRow, role: Role) -> AppResult<Self> {
        let kind = row.kind();
        Ok(Self {
            id: parse_id(&row.id)?,
            kind,
            team: if kind == VolumeKind::Team { Some(parse_id(&row.owner_id)?) } else { None },
            workspace: row.workspace()?,
            role,
            name: row.name,
            demo: row.demo != 0,
            seq: row.seq,
            updated_at: row.updated_at,
        })
    }

    /// Whether the same id in this volume hides the one in `other` for a caller who sees both.
    pub fn hides(&self, other: &VolumeAccess) -> bool {
        self.kind > other.kind
    }
}

/// The volume, if the caller may do `action` there. Not shared with the caller: not found.
pub async fn authorise(ctx: &Ctx, id: VolumeId, action: Action) -> AppResult<VolumeAccess> {
    let actor = ctx.actor_with(action.scope())?;
    if let (Action::Read, Some(_)) = (action, &ctx.page)
        && let Some(access) = visible(ctx).await?.into_iter().find(|volume| volume.id == id)
    {
        return Ok(access);
    }
    let not_found = || AppError::not_found("volume");
    let row = store::by_id(ctx.db().read(), id).await?.ok_or_else(not_found)?;
    let role = match row.kind() {
        VolumeKind::System if action == Action::Read => Role::Viewer,
        VolumeKind::System => {
            return Err(AppError::forbidden(
                "The built-in volume is never edited: fork the artifact into a volume of yours and change it there.",
            ));
        }
        VolumeKind::User if row.owner_id == actor.id().to_string() => Role::Owner,
        VolumeKind::User => return Err(not_found()),
        VolumeKind::Team => accounts::service::authorise_team(ctx, parse_id(&row.owner_id)?, action).await.map_err(|error| {
            // The team itself is not what the caller asked for.
            if error.code == crate::error::ErrorCode::NotFound { not_found() } else { error }
        })?,
    };
    // Whoever writes waits while a large import is being published; readers do not.
    let row = if action == Action::Read { row } else { publishing::settled(ctx, row, id).await? };
    VolumeAccess::new(row, role)
}

/// The volume for the server's own work on behalf of nobody: it says where the volume belongs and allows nothing.
pub async fn unattended(ctx: &Ctx, id: VolumeId) -> AppResult<VolumeAccess> {
    let row = store::by_id(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("volume"))?;
    VolumeAccess::new(row, Role::Viewer)
}

/// An export has all of an import or nothing of it.
pub async fn authorise_whole(ctx: &Ctx, id: VolumeId) -> AppResult<VolumeAccess> {
    let access = authorise(ctx, id, Action::Read).await?;
    if let Some(row) = store::by_id(ctx.db().read(), id).await? {
        publishing::settled(ctx, row, id).await?;
    }
    Ok(access)
}

/// The accounts that may do something in a volume, for whoever has to tell them; nobody of the built-in one.
pub async fn who_may(ctx: &Ctx, id: VolumeId, action: Action) -> AppResult<Vec<UserId>> {
    let Some(row) = store::by_id(ctx.db().read(), id).await? else { return Ok(Vec::new()) };
    match row.kind() {
        VolumeKind::System => Ok(Vec::new()),
        VolumeKind::User => Ok(vec![parse_id(&row.owner_id)?]),
        VolumeKind::Team => accounts::service::members_who_may(ctx, parse_id(&row.owner_id)?, action).await,
    }
}

/// Every volume that the caller sees, strongest first: one's own, then the teams', then the built-in one.
pub async fn visible(ctx: &Ctx) -> AppResult<Vec<VolumeAccess>> {
    match &ctx.page {
        Some(page) => page.volumes.get_or_try_init(|| read_visible(ctx)).await.cloned(),
        None => read_visible(ctx).await,
    }
}

async fn read_visible(ctx: &Ctx) -> AppResult<Vec<VolumeAccess>> {
    let actor = ctx.actor_with(accounts::Scope::Read)?;
    let teams = accounts::service::roles_of(ctx).await?;
    let ids: Vec<String> = teams.iter().map(|(team, _)| team.to_string()).collect();
    let mut volumes = store::of_owners(ctx.db().read(), actor.id(), &ids)
        .await?
        .into_iter()
        .filter_map(|row| {
            let role = match row.kind() {
                VolumeKind::System => Some(Role::Viewer),
                VolumeKind::User => Some(Role::Owner),
                VolumeKind::Team => teams.iter().find(|(team, _)| team.to_string() == row.owner_id).map(|(_, role)| *role),
            };
            role.map(|role| VolumeAccess::new(row, role))
        })
        .collect::<AppResult<Vec<_>>>()?;
    volumes.sort_by_cached_key(|volume| (Reverse(volume.kind), volume.name.to_lowercase()));
    Ok(volumes)
}
