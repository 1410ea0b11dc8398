//! What came of what deliveries asked for. Pulls, previews and releases end after the delivery was acted on, and what cannot be reached is tried for
//! long: the last word about each stands with the delivery.

use super::super::store::deliveries as store;
use crate::{
    error::AppResult,
    ids::VolumeId,
    server::{context::Ctx, db::Tx},
};

pub use store::AwaitedPush;

fn about_pull(volume: VolumeId) -> String {
    format!("pull {volume}")
}

/// The pushes that a pull of a volume which begins now will bring: asked before the branch is, so that none is counted that came too late for it.
pub async fn pushes_awaiting(ctx: &Ctx, volume: VolumeId) -> AppResult<Vec<AwaitedPush>> {
    store::awaiting(ctx.db().read(), volume).await
}

/// What a pull of a volume came to for the pushes that wait for it, in the transaction that makes it so.
pub async fn note_pull(tx: &mut Tx, volume: VolumeId, pushes: &[AwaitedPush], sentence: &str, failed: bool, now: i64) -> AppResult<()> {
    for push in pushes {
        store::put_outcome(tx, &push.delivery_id, &about_pull(volume), sentence, failed, now).await?;
    }
    Ok(())
}

/// That pull has ended well. `announced`: the rooms of the volume were told of what it brought; how long that took is kept with the pushes. `otherwise` is
/// said of those of which nothing good is known yet: a pull before it brought what they pushed.
pub async fn pushes_pulled(ctx: &Ctx, volume: VolumeId, pushes: &[AwaitedPush], announced: bool, otherwise: &str) -> AppResult<()> {
    if pushes.is_empty() {
        return Ok(());
    }
    let (about, now) = (about_pull(volume), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    for push in pushes {
        if !store::has_outcome(&mut tx, &push.delivery_id, &about).await? {
            store::put_outcome(&mut tx, &push.delivery_id, &about, otherwise, false, now).await?;
        }
    }
    let deliveries: Vec<String> = pushes.iter().map(|push| push.delivery_id.clone()).collect();
    store::end_pulls(&mut tx, volume, &deliveries, announced.then_some(now)).await?;
    Ok(tx.commit().await?)
}

/// What failed of earlier deliveries about the same pull request is done by now.
pub async fn made_good(tx: &mut Tx, about: &str, repository: &str, number: i64, now: i64) -> AppResult<()> {
    store::outcomes_made_good(tx, about, &repository.to_ascii_lowercase(), &format!("#{number}"), now).await
}

/// What came of something else that a delivery asked for; `about` tells such things of one delivery apart. Without a delivery nothing is kept.
pub async fn note_outcome(tx: &mut Tx, delivery: &str, about: &str, sentence: &str, failed: bool, now: i64) -> AppResult<()> {
    if delivery.is_empty() { Ok(()) } else { store::put_outcome(tx, delivery, about, sentence, failed, now).await }
}
