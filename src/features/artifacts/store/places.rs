//! Favourites, recents and what the home page shows.

use std::collections::HashSet;

use sqlx::AnyPool;

use super::{ARTIFACT, ArtifactRow};
use crate::{
    error::AppResult,
    ids::{ArtifactId, CommitId, UserId, VolumeId},
    server::db::{Sql, Tx},
};

pub async fn set_favourite(tx: &mut Tx, user: UserId, id: ArtifactId, on: bool, now: i64) -> AppResult<bool> {
    let changed = if on {
        sqlx::query("INSERT INTO favourites (user_id, artifact_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING")
            .bind(user.to_string())
            .bind(id.to_string())
            .bind(now)
            .execute(&mut **tx)
            .await?
    } else {
        sqlx::query("DELETE FROM favourites WHERE user_id = $1 AND artifact_id = $2")
            .bind(user.to_string())
            .bind(id.to_string())
            .execute(&mut **tx)
            .await?
    };
    Ok(changed.rows_affected() > 0)
}

pub async fn is_favourite(pool: &AnyPool, user: UserId, id: ArtifactId) -> AppResult<bool> {
    Ok(sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM favourites WHERE user_id = $1 AND artifact_id = $2")
        .bind(user.to_string())
        .bind(id.to_string())
        .fetch_one(pool)
        .await?
        > 0)
}

/// Which of these a person has marked.
pub async fn favourites_among(pool: &AnyPool, user: UserId, ids: &[ArtifactId]) -> AppResult<HashSet<String>> {
    let mut sql = Sql::new("SELECT artifact_id FROM favourites WHERE user_id = ");
    sql.bind(user.to_string()).push(" AND artifact_id IN ").bind_list(ids);
    Ok(sql.fetch_all::<(String,)>(pool).await?.into_iter().map(|(id,)| id).collect())
}

/// Ids of a person's favourites (marked by 0) and of what the person opened lately (marked by 1), each newest first.
pub async fn marks(pool: &AnyPool, user: UserId, favourites: i64, recents: i64) -> AppResult<Vec<(i64, String)>> {
    let mut sql = Sql::new(
        "SELECT list, artifact_id FROM (SELECT * FROM (SELECT CAST(0 AS BIGINT) AS list, artifact_id, created_at AS since FROM favourites \
         WHERE user_id = ",
    );
    sql.bind(user.to_string()).push(" ORDER BY created_at DESC, artifact_id LIMIT ").number(favourites);
    sql.push(") AS favourites_of UNION ALL SELECT * FROM (SELECT CAST(1 AS BIGINT) AS list, artifact_id, viewed_at AS since FROM recents ");
    sql.push("WHERE user_id = ").bind(user.to_string()).push(" ORDER BY viewed_at DESC, artifact_id LIMIT ").number(recents);
    sql.push(") AS recents_of) AS marks ORDER BY list, since DESC, artifact_id");
    sql.fetch_all(pool).await
}

/// Notes a visit, and forgets what is beyond the newest `kept`.
pub async fn note_recent(tx: &mut Tx, user: UserId, id: ArtifactId, now: i64, kept: i64) -> AppResult<()> {
    sqlx::query("INSERT INTO recents (user_id, artifact_id, viewed_at) VALUES ($1, $2, $3) ON CONFLICT (user_id, artifact_id) DO UPDATE SET viewed_at = $3")
        .bind(user.to_string())
        .bind(id.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    let mut sql = Sql::new("DELETE FROM recents WHERE user_id = ");
    sql.bind(user.to_string()).push(" AND viewed_at < (SELECT MIN(viewed_at) FROM (SELECT viewed_at FROM recents WHERE user_id = ");
    sql.bind(user.to_string()).push(" ORDER BY viewed_at DESC LIMIT ").number(kept).push(") AS newest)");
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// The drafts that a person saved last, in volumes that the person sees.
pub async fn drafts_of(pool: &AnyPool, user: UserId, volumes: &[VolumeId], limit: i64) -> AppResult<Vec<ArtifactRow>> {
    let mut sql = Sql::new(ARTIFACT);
    sql.push("JOIN drafts d ON d.artifact_id = a.id WHERE a.state = 1 AND d.updated_by = ").bind(user.to_string());
    sql.push(" AND a.volume_id IN ").bind_list(volumes).push(" ORDER BY d.updated_at DESC, a.id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The first few names in each of some commits.
pub async fn names_in_commits(pool: &AnyPool, commits: &[CommitId], each: i64) -> AppResult<Vec<(String, String)>> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::default();
    for (index, commit) in commits.iter().enumerate() {
        sql.push(if index == 0 { "SELECT commit_id, name FROM (" } else { " UNION ALL SELECT commit_id, name FROM (" });
        sql.push("SELECT commit_id, name FROM revisions WHERE commit_id = ").bind(commit.to_string());
        sql.push(" ORDER BY artifact_id LIMIT ").number(each).push(") AS few");
    }
    sql.fetch_all(pool).await
}
