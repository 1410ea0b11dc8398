//! The only SQL on promotions.

use sqlx::AnyPool;

use super::ProposalRow;
use crate::{
    error::AppResult,
    ids::{ArtifactId, UserId, VolumeId},
    server::db::{Sql, Tx},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct PromotionRow {
        pub id: String, pub volume_id: String, pub volume_name: String, pub level: String, pub reason: String, pub promoted_by: String, pub committed: i64,
        pub created_at: i64,
    }
}

// ── Promotions ──

const PROMOTION: &str = "SELECT id, volume_id, volume_name, level, reason, promoted_by, committed, created_at FROM promotions WHERE ";

pub struct NewPromotion<'a> {
    pub id: ArtifactId,
    pub proposal: &'a ProposalRow,
    pub level: &'a str,
    pub volume: VolumeId,
    pub volume_name: &'a str,
    pub reason: &'a str,
    pub by: UserId,
    pub now: i64,
}

/// Writes down what is about to be done; one that never came to its end is begun anew.
pub async fn begin_promotion(tx: &mut Tx, new: &NewPromotion<'_>) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO promotions (id, place_id, pattern_id, proposal_id, level, volume_id, volume_name, reason, promoted_by, committed, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10) ON CONFLICT (proposal_id, volume_id) WHERE committed = 0 DO UPDATE SET \
         id = excluded.id, volume_name = excluded.volume_name, reason = excluded.reason, promoted_by = excluded.promoted_by, created_at = excluded.created_at",
    )
    .bind(new.id.to_string())
    .bind(&new.proposal.place_id)
    .bind(&new.proposal.pattern_id)
    .bind(&new.proposal.id)
    .bind(new.level)
    .bind(new.volume.to_string())
    .bind(new.volume_name)
    .bind(new.reason)
    .bind(new.by.to_string())
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// The copy is there.
pub async fn end_promotion(tx: &mut Tx, id: &str) -> AppResult<()> {
    sqlx::query("UPDATE promotions SET committed = 1 WHERE id = $1").bind(id).execute(&mut **tx).await?;
    Ok(())
}

/// Of a proposal, those that never came to their end among them.
pub async fn promotions_of_proposal(pool: &AnyPool, proposal: &str) -> AppResult<Vec<PromotionRow>> {
    let mut sql = Sql::new(PROMOTION);
    sql.push("proposal_id = ").bind(proposal.to_owned()).push(" ORDER BY id DESC");
    sql.fetch_all(pool).await
}

/// What was promoted of a pattern, the latest first.
pub async fn promotions_of_pattern(pool: &AnyPool, pattern: &str, limit: i64) -> AppResult<Vec<PromotionRow>> {
    let mut sql = Sql::new(PROMOTION);
    sql.push("committed = 1 AND pattern_id = ").bind(pattern.to_owned()).push(" ORDER BY id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}
