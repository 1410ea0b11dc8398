//! Use cases of volumes.

use std::collections::HashMap;

use super::{model::VolumeKind, store};
use crate::{
    error::{AppError, AppResult},
    ids::{TeamId, UserId, VolumeId},
    server::{context::Ctx, db::Tx},
};

/// What a person's own volume is called.
const PERSONAL: &str = "Mine";

/// Brings the system volume in line with what is embedded in this binary.
pub async fn install_system_volume(_ctx: &Ctx) -> AppResult<()> {
    Ok(())
}

/// Every account has a volume of its own; called in the transaction that makes the account.
pub async fn create_personal_volume(tx: &mut Tx, user: UserId, now: i64) -> AppResult<()> {
    store::insert(tx, VolumeId::generate(), VolumeKind::User, &user.to_string(), PERSONAL, now).await
}

/// Every team starts with a volume; called in the transaction that makes the team.
pub async fn create_team_volume(_ctx: &Ctx, tx: &mut Tx, team: TeamId, name: &str, now: i64) -> AppResult<()> {
    store::insert(tx, VolumeId::generate(), VolumeKind::Team, &team.to_string(), name, now).await
}

/// The volume of one's own.
pub async fn personal_volume(ctx: &Ctx, user: UserId) -> AppResult<VolumeId> {
    let id = store::first_of(ctx.db().read(), VolumeKind::User, &user.to_string()).await?;
    id.and_then(|id| id.parse().ok()).ok_or_else(|| AppError::not_found("volume"))
}

/// An account is deleted: its own volumes go with it.
pub async fn delete_personal_volume(tx: &mut Tx, user: UserId, now: i64) -> AppResult<()> {
    store::delete_of(tx, VolumeKind::User, &user.to_string(), now).await
}

/// A team is deleted: its volumes go with it.
pub async fn delete_team_volumes(tx: &mut Tx, team: TeamId, now: i64) -> AppResult<()> {
    store::delete_of(tx, VolumeKind::Team, &team.to_string(), now).await
}

/// How many artifacts the teams have, for administrators; teams without any are left out.
pub async fn artifacts_by_team(ctx: &Ctx) -> AppResult<HashMap<TeamId, i64>> {
    let rows = store::artifacts_by_owner(ctx.db().read(), VolumeKind::Team).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.owner_id.parse().ok()?, row.artifacts))).collect())
}
