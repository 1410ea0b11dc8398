//! `session_artifacts`: what a session is about, with the names of then for when it is gone.

use std::collections::{BTreeSet, HashSet};

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{ArtifactId, SessionId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// Each artifact's id with its names as JSON, in the order in which they came.
pub async fn artifacts<'c>(executor: impl Target<'c>, session: SessionId) -> AppResult<Vec<(String, String)>> {
    Ok(sqlx::query_as("SELECT artifact_id, data FROM session_artifacts WHERE session_id = $1 ORDER BY created_at, artifact_id")
        .bind(session.to_string())
        .fetch_all(executor)
        .await?)
}

/// Which of these the session has.
pub async fn artifacts_among(tx: &mut Tx, session: SessionId, ids: &[ArtifactId]) -> AppResult<HashSet<String>> {
    let mut found = HashSet::new();
    for chunk in ids.chunks(super::CHUNK) {
        let mut sql = Sql::new("SELECT artifact_id FROM session_artifacts WHERE session_id = ");
        sql.bind(session.to_string()).push(" AND artifact_id IN ").bind_list(chunk);
        found.extend(sql.fetch_all::<(String,)>(&mut **tx).await?.into_iter().map(|(id,)| id));
    }
    Ok(found)
}

/// Those of these sessions that are about one of the artifacts.
pub async fn sessions_about(pool: &AnyPool, among: &[SessionId], ids: &[ArtifactId]) -> AppResult<BTreeSet<SessionId>> {
    let mut found = BTreeSet::new();
    for sessions in among.chunks(super::CHUNK) {
        for chunk in ids.chunks(super::CHUNK) {
            let mut sql = Sql::new("SELECT DISTINCT session_id FROM session_artifacts WHERE session_id IN ");
            sql.bind_list(sessions).push(" AND artifact_id IN ").bind_list(chunk);
            for (id,) in sql.fetch_all::<(String,)>(pool).await? {
                found.insert(parse_id(&id)?);
            }
        }
    }
    Ok(found)
}

/// Adds one; false when it is there already.
pub async fn add_artifact(tx: &mut Tx, session: SessionId, artifact: ArtifactId, data: &str, by: UserId, now: i64) -> AppResult<bool> {
    let done = sqlx::query(
        "INSERT INTO session_artifacts (session_id, artifact_id, data, added_by, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(session.to_string())
    .bind(artifact.to_string())
    .bind(data)
    .bind(by.to_string())
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn remove_artifact(tx: &mut Tx, session: SessionId, artifact: ArtifactId) -> AppResult<bool> {
    let done = sqlx::query("DELETE FROM session_artifacts WHERE session_id = $1 AND artifact_id = $2")
        .bind(session.to_string())
        .bind(artifact.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}
