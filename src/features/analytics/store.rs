//! The only SQL on `usage_events`.

use super::service::Event;
use crate::{error::AppResult, ids::UserId, server::db::Tx};

pub async fn insert(tx: &mut Tx, actor: Option<UserId>, event: &Event, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO usage_events (id, kind, actor_id, team_id, volume_id, subject_id, data, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(uuid::Uuid::now_v7().to_string())
    .bind(event.kind)
    .bind(actor.map(|id| id.to_string()))
    .bind(event.team.map(|id| id.to_string()))
    .bind(event.volume.map(|id| id.to_string()))
    .bind(event.subject.clone())
    .bind(event.data.to_string())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}
