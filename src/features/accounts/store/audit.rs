//! `audit_events`: appended, never changed.

use crate::{
    error::AppResult,
    features::accounts::model::AuditEvent,
    ids::{TeamId, UserId},
    server::db::{Sql, Target, Tx},
};

/// A security event about to be written.
pub struct NewAuditEvent<'a> {
    pub team: Option<TeamId>,
    pub actor: Option<UserId>,
    pub actor_name: &'a str,
    pub action: &'a str,
    pub target: &'a str,
    pub detail: &'a str,
    pub address: &'a str,
}

pub async fn insert(tx: &mut Tx, event: &NewAuditEvent<'_>, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO audit_events (id, team_id, actor_id, actor_name, action, target, detail, address, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(uuid::Uuid::now_v7().to_string())
    .bind(event.team.map(|id| id.to_string()))
    .bind(event.actor.map(|id| id.to_string()))
    .bind(event.actor_name)
    .bind(event.action)
    .bind(event.target)
    .bind(event.detail)
    .bind(event.address)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

crate::row! {
    struct AuditRow {
        id: String, actor_name: String, action: String, target: String, detail: String, address: String, created_at: i64,
    }
}

fn event(row: AuditRow) -> AuditEvent {
    AuditEvent {
        id: row.id,
        actor: row.actor_name,
        action: row.action,
        target: row.target,
        detail: row.detail,
        address: row.address,
        created_at: row.created_at,
    }
}

macro_rules! audit_columns {
    () => {
        "SELECT e.id, e.actor_name, e.action, e.target, e.detail, e.address, e.created_at FROM audit_events e"
    };
}

async fn newest<'c>(mut sql: Sql, executor: impl Target<'c>, limit: i64) -> AppResult<Vec<AuditEvent>> {
    sql.push(" ORDER BY e.id DESC LIMIT ").number(limit);
    Ok(sql.fetch_all::<AuditRow>(executor).await?.into_iter().map(event).collect())
}

/// Before the first event when paging: no id sorts above it.
const END: &str = "~";

/// The whole instance's log, newest first.
pub async fn all<'c>(executor: impl Target<'c>, before: Option<&str>, limit: i64) -> AppResult<Vec<AuditEvent>> {
    let mut sql = Sql::new(concat!(audit_columns!(), " WHERE e.id < "));
    sql.bind(before.unwrap_or(END).to_owned());
    newest(sql, executor, limit).await
}

/// What happened in a team, newest first.
pub async fn of_team<'c>(executor: impl Target<'c>, team: TeamId, before: Option<&str>, limit: i64) -> AppResult<Vec<AuditEvent>> {
    let mut sql = Sql::new(concat!(audit_columns!(), " WHERE e.team_id = "));
    sql.bind(team.to_string()).push(" AND e.id < ").bind(before.unwrap_or(END).to_owned());
    newest(sql, executor, limit).await
}

/// Those of `actions` that concern the accounts of a team's members since they joined, newest first.
pub async fn of_members<'c>(
    executor: impl Target<'c>,
    team: TeamId,
    actions: &[&str],
    before: Option<&str>,
    limit: i64,
) -> AppResult<Vec<AuditEvent>> {
    let mut sql = Sql::new(concat!(audit_columns!(), " JOIN memberships m ON m.user_id = e.actor_id AND m.team_id = "));
    sql.bind(team.to_string()).push(" WHERE e.team_id IS NULL AND e.created_at >= m.created_at AND e.action IN ").bind_list(actions);
    sql.push(" AND e.id < ").bind(before.unwrap_or(END).to_owned());
    newest(sql, executor, limit).await
}

/// What one account did, for the export of its own data.
pub async fn of_actor<'c>(executor: impl Target<'c>, actor: UserId, limit: i64) -> AppResult<Vec<AuditEvent>> {
    let mut sql = Sql::new(concat!(audit_columns!(), " WHERE e.actor_id = "));
    sql.bind(actor.to_string());
    newest(sql, executor, limit).await
}
