//! The only SQL by which proposals are held while they are accepted, decided on, and opened again.

use super::super::model::ProposalState;
use crate::{
    error::AppResult,
    ids::{ArtifactId, ProposalId, UserId},
    server::db::{Sql, Tx},
};

/// Whoever accepts a proposal holds it until then, while the skill is committed: for all others it is decided on, as long as it has the text that they read.
/// False where it is not.
pub async fn hold(tx: &mut Tx, id: ProposalId, saves: i64, until: i64, now: i64) -> AppResult<bool> {
    let held = sqlx::query(
        "UPDATE proposals SET state = 'accepted', until = $3, updated_at = $4 WHERE id = $1 AND saves = $2 AND state IN ('open', 'snoozed')",
    )
    .bind(id.to_string())
    .bind(saves)
    .bind(until)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(held.rows_affected() > 0)
}

/// Nothing came of it: what was held is open again.
pub async fn let_go(tx: &mut Tx, id: ProposalId, until: i64, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE proposals SET until = $3 WHERE id = $1 AND until = $2 AND state = 'accepted'")
        .bind(id.to_string())
        .bind(until)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    wake(tx, now).await
}

pub struct Decision<'a> {
    pub id: ProposalId,
    pub state: ProposalState,
    pub artifact: Option<ArtifactId>,
    pub until: Option<i64>,
    pub reason: Option<&'a str>,
    pub by: UserId,
    /// Until when whoever decides holds it, if they do.
    pub held: Option<i64>,
    pub now: i64,
}

/// No other proposal that asks the same of the pattern waits, or is held.
const ALONE: &str = " AND NOT EXISTS (SELECT 1 FROM proposals o WHERE o.pattern_id = proposals.pattern_id AND o.id <> proposals.id \
     AND (o.state = 'open' OR o.until IS NOT NULL) AND (o.kind = 'retire' AND proposals.kind = 'retire' OR o.kind <> 'retire' AND proposals.kind <> 'retire'))";

/// False where somebody decided before.
pub async fn decide(tx: &mut Tx, decision: &Decision<'_>) -> AppResult<bool> {
    let mut sql = Sql::new("UPDATE proposals SET state = ");
    sql.bind(decision.state.as_str())
        .push(", artifact_id = COALESCE(")
        .bind(decision.artifact.map(|id| id.to_string()))
        .push(", artifact_id), until = ");
    sql.bind(decision.until)
        .push(", reason = ")
        .bind(decision.reason.map(str::to_owned))
        .push(", decided_by = ")
        .bind(decision.by.to_string());
    sql.push(", decided_at = ")
        .bind(decision.now)
        .push(", updated_at = ")
        .bind(decision.now)
        .push(" WHERE id = ")
        .bind(decision.id.to_string());
    match decision.held {
        Some(held) => sql.push(" AND state = 'accepted' AND until = ").bind(held),
        None if decision.state == ProposalState::Open => sql.push(" AND state IN ('snoozed', 'ignored')").push(ALONE),
        None => sql.push(" AND state IN ('open', 'snoozed')"),
    };
    Ok(sql.execute(&mut **tx).await?.rows_affected() > 0)
}

/// Those whose time has come are open again: what was put off, and what is held by somebody who never said what came of it.
pub async fn wake(tx: &mut Tx, now: i64) -> AppResult<()> {
    let mut sql = Sql::new("UPDATE proposals SET state = 'open', until = NULL, updated_at = ");
    sql.bind(now).push(" WHERE until <= ").bind(now).push(" AND (state = 'snoozed' OR state = 'accepted'").push(ALONE).push(")");
    sql.execute(&mut **tx).await?;
    Ok(())
}
