//! A volume's part in publishing a large commit (`artifacts::service::publishing` tells how): it belongs to that commit meanwhile.

use std::time::Duration;

use super::super::store::{self, VolumeRow};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::search,
    ids::{CommitId, TeamId, VolumeId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// Publishing 50,000 artifacts takes about a second.
const WAIT: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What a writer is told that came in between, or waited for too long.
pub(super) fn busy() -> AppError {
    let error =
        AppError::new(ErrorCode::Unavailable, "An import is being published in this volume. Nothing was changed; try again in a moment.");
    AppError { retry_after: Some(2), ..error }
}

/// The volume, once no commit is being published in it.
pub(super) async fn settled(ctx: &Ctx, row: VolumeRow, id: VolumeId) -> AppResult<VolumeRow> {
    let mut row = row;
    let mut waited = Duration::ZERO;
    while row.publishing.is_some() {
        if waited >= WAIT {
            return Err(busy());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        waited += LOOK_AGAIN;
        row = store::by_id(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("volume"))?;
    }
    Ok(row)
}

/// Reserves a volume for a commit; gives the head that the commit follows.
pub async fn claim(ctx: &Ctx, volume: VolumeId, commit: CommitId) -> AppResult<Option<String>> {
    let mut tx = ctx.db().write_tx().await?;
    let claimed = store::claim(&mut tx, volume, commit).await?;
    if claimed.is_none() && store::by_id(&mut *tx, volume).await?.is_some() {
        return Err(busy());
    }
    tx.commit().await?;
    claimed.ok_or_else(|| AppError::not_found("volume")).map(|(_, head)| head)
}

/// Gives a claim back, unless its commit is there by now.
pub async fn release(ctx: &Ctx, volume: VolumeId, commit: CommitId) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::release(&mut tx, volume, commit).await?;
    Ok(tx.commit().await?)
}

/// The volume's number, which stays so for this transaction; none when the claim is gone.
pub async fn hold(tx: &mut Tx, volume: VolumeId, commit: CommitId) -> AppResult<Option<i64>> {
    store::advance_claimed(tx, volume, commit, 0).await
}

/// Counts a claimed volume up.
pub async fn advance_held(tx: &mut Tx, volume: VolumeId, commit: CommitId) -> AppResult<Option<i64>> {
    store::advance_claimed(tx, volume, commit, 1).await
}

/// Shows what carries the next number, and ends the claim.
pub async fn finish(ctx: &Ctx, volume: VolumeId, commit: CommitId) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    if advance_held(&mut tx, volume, commit).await?.is_some() {
        store::end_claim(&mut tx, volume, commit).await?;
        // Only now its new artifacts are there.
        search::jobs::enqueue_index(&mut tx, volume, ctx.now()).await?;
    }
    Ok(tx.commit().await?)
}

/// What a volume has counted up to.
pub async fn number_of(ctx: &Ctx, volume: VolumeId) -> AppResult<Option<i64>> {
    Ok(store::by_id(ctx.db().read(), volume).await?.map(|row| row.seq))
}

/// Every volume there is, and the number of its newest change.
pub async fn all_numbers(ctx: &Ctx) -> AppResult<Vec<(VolumeId, i64)>> {
    store::all_numbers(ctx.db().read()).await?.into_iter().map(|(id, seq)| Ok((parse_id(&id)?, seq))).collect()
}

/// The volumes of a team, for background work that is the team's.
pub async fn ids_of_team(ctx: &Ctx, team: TeamId) -> AppResult<Vec<VolumeId>> {
    store::ids_of_team(ctx.db().read(), team).await?.iter().map(|id| parse_id(id)).collect()
}

/// The volumes of an account or a team with this id, and the built-in one, for background work that is theirs.
pub async fn ids_of_owner(ctx: &Ctx, owner: &str) -> AppResult<Vec<VolumeId>> {
    store::ids_of_owner(ctx.db().read(), owner).await?.iter().map(|id| parse_id(id)).collect()
}

/// Every claimed volume with its commit.
pub async fn claimed(ctx: &Ctx) -> AppResult<Vec<(String, String)>> {
    store::claimed(ctx.db().read()).await
}
