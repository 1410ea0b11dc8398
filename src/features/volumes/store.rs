//! The only SQL on `volumes`, `commits` and `departures`.

use sqlx::{AnyConnection, AnyPool};

use super::model::{Commit, VolumeKind};
use crate::{
    error::AppResult,
    features::{accounts::model::Person, analytics::service::Workspace},
    ids::{ArtifactId, CommitId, TeamId, UserId, VolumeId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    /// A volume as stored.
    #[derive(Clone, Debug)]
    pub struct VolumeRow {
        pub id: String,
        pub kind: String,
        pub owner_id: String,
        pub name: String,
        pub seq: i64,
        pub demo: i64,
        /// The commit that is being published in slices.
        pub publishing: Option<String>,
        pub updated_at: i64,
    }
}

impl VolumeRow {
    pub fn kind(&self) -> VolumeKind {
        VolumeKind::parse(&self.kind)
    }
    /// Whose numbers what happens in it counts to.
    pub fn workspace(&self) -> AppResult<Workspace> {
        Ok(match self.kind() {
            VolumeKind::System => Workspace::Instance,
            VolumeKind::Team => Workspace::Team(parse_id(&self.owner_id)?),
            VolumeKind::User => Workspace::Person(parse_id(&self.owner_id)?),
        })
    }
}

crate::row! {
    /// A commit with its author.
    pub struct CommitRow {
        id: String, sha: String, volume_id: String, parent_id: Option<String>, message: String, source: String, changes: i64, created_at: i64,
        author_id: String, author_name: String, author_kind: String, author_color: i64, author_avatar: Option<String>,
    }
}

impl CommitRow {
    pub fn commit(self) -> AppResult<Commit> {
        Ok(Commit {
            id: parse_id(&self.id)?,
            sha: self.sha,
            volume_id: parse_id(&self.volume_id)?,
            author: Person::from_columns(
                parse_id(&self.author_id)?,
                self.author_name,
                &self.author_kind,
                self.author_color,
                self.author_avatar,
            ),
            message: self.message,
            source: self.source,
            changes: self.changes,
            created_at: self.created_at,
        })
    }
    pub fn parent(&self) -> AppResult<Option<CommitId>> {
        self.parent_id.as_deref().map(parse_id).transpose()
    }
    pub fn volume(&self) -> AppResult<VolumeId> {
        parse_id(&self.volume_id)
    }
}

const VOLUME: &str = "SELECT id, kind, owner_id, name, seq, demo, publishing, updated_at FROM volumes ";
const COMMIT: &str = "SELECT c.id, c.sha, c.volume_id, c.parent_id, c.message, c.source, c.changes, c.created_at, c.author_id, u.name AS author_name, \
     u.kind AS author_kind, u.color AS author_color, u.avatar_sha AS author_avatar FROM commits c JOIN users u ON u.id = c.author_id ";

pub struct NewVolume<'a> {
    pub id: VolumeId,
    pub kind: VolumeKind,
    pub owner: String,
    pub name: &'a str,
    pub demo: bool,
    pub now: i64,
}

/// False when the id is taken.
pub async fn insert(tx: &mut Tx, volume: &NewVolume<'_>) -> AppResult<bool> {
    let inserted = sqlx::query(
        "INSERT INTO volumes (id, kind, owner_id, name, demo, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (id) DO NOTHING",
    )
    .bind(volume.id.to_string())
    .bind(volume.kind.as_str())
    .bind(&volume.owner)
    .bind(volume.name)
    .bind(i64::from(volume.demo))
    .bind(volume.now)
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub async fn by_id<'c>(executor: impl Target<'c>, id: VolumeId) -> AppResult<Option<VolumeRow>> {
    let mut sql = Sql::new(VOLUME);
    sql.push("WHERE deleted_at IS NULL AND id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// The volumes of these owners (a kind and an id each) in the order of the tree.
pub async fn of_owners(pool: &AnyPool, user: UserId, teams: &[String]) -> AppResult<Vec<VolumeRow>> {
    let mut sql = Sql::new(VOLUME);
    sql.push("WHERE deleted_at IS NULL AND (kind = 'system' OR (kind = 'user' AND owner_id = ").bind(user.to_string()).push(")");
    if !teams.is_empty() {
        sql.push(" OR (kind = 'team' AND owner_id IN ").bind_list(teams).push(")");
    }
    sql.push(") ORDER BY name, id");
    sql.fetch_all(pool).await
}

pub async fn system(pool: &AnyPool) -> AppResult<Option<VolumeRow>> {
    let mut sql = Sql::new(VOLUME);
    sql.push("WHERE kind = 'system' AND deleted_at IS NULL ORDER BY id LIMIT 1");
    Ok(sql.fetch_all(pool).await?.pop())
}

pub async fn rename(tx: &mut Tx, id: VolumeId, name: &str, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE volumes SET name = $2, updated_at = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(name)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn delete(tx: &mut Tx, id: VolumeId, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE volumes SET deleted_at = $2, updated_at = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// How many volumes an owner has, so that the last one of one's own is kept.
pub async fn count_of_owner(tx: &mut Tx, kind: VolumeKind, owner: &str) -> AppResult<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM volumes WHERE kind = $1 AND owner_id = $2 AND deleted_at IS NULL")
        .bind(kind.as_str())
        .bind(owner)
        .fetch_one(&mut **tx)
        .await?)
}

/// Counts the volume's `seq` up and gives it with the head commit. The row stays locked until the transaction ends, so writers
/// of one volume follow one another on both engines. None: it is gone, or a commit is being published in slices.
pub async fn advance(tx: &mut Tx, id: VolumeId) -> AppResult<Option<(i64, Option<String>)>> {
    Ok(sqlx::query_as::<_, (i64, Option<String>)>(
        "UPDATE volumes SET seq = seq + 1 WHERE id = $1 AND deleted_at IS NULL AND publishing IS NULL RETURNING seq, head_commit_id",
    )
    .bind(id.to_string())
    .fetch_optional(&mut **tx)
    .await?)
}

/// Reserves a volume for a commit: its number and its head. None: it is gone, or another commit has it.
pub async fn claim(tx: &mut Tx, id: VolumeId, commit: CommitId) -> AppResult<Option<(i64, Option<String>)>> {
    Ok(sqlx::query_as::<_, (i64, Option<String>)>(
        "UPDATE volumes SET publishing = $2 WHERE id = $1 AND deleted_at IS NULL AND (publishing IS NULL OR publishing = $2) \
         RETURNING seq, head_commit_id",
    )
    .bind(id.to_string())
    .bind(commit.to_string())
    .fetch_optional(&mut **tx)
    .await?)
}

/// Counts a claimed volume up by `step` and keeps its row until the transaction ends; none when the claim is gone.
pub async fn advance_claimed(tx: &mut Tx, id: VolumeId, commit: CommitId, step: i64) -> AppResult<Option<i64>> {
    Ok(sqlx::query_scalar("UPDATE volumes SET seq = seq + $3 WHERE id = $1 AND publishing = $2 RETURNING seq")
        .bind(id.to_string())
        .bind(commit.to_string())
        .bind(step)
        .fetch_optional(&mut **tx)
        .await?)
}

pub async fn end_claim(tx: &mut Tx, id: VolumeId, commit: CommitId) -> AppResult<()> {
    sqlx::query("UPDATE volumes SET publishing = NULL WHERE id = $1 AND publishing = $2")
        .bind(id.to_string())
        .bind(commit.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends a claim whose commit never came.
pub async fn release(tx: &mut Tx, id: VolumeId, commit: CommitId) -> AppResult<()> {
    sqlx::query(
        "UPDATE volumes SET publishing = NULL WHERE id = $1 AND publishing = $2 AND NOT EXISTS (SELECT 1 FROM commits WHERE commits.id = $2)",
    )
    .bind(id.to_string())
    .bind(commit.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn all_numbers(pool: &AnyPool) -> AppResult<Vec<(String, i64)>> {
    Ok(sqlx::query_as("SELECT id, seq FROM volumes WHERE deleted_at IS NULL ORDER BY id").fetch_all(pool).await?)
}

pub async fn ids_of_team(pool: &AnyPool, team: TeamId) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM volumes WHERE kind = $1 AND owner_id = $2 AND deleted_at IS NULL ORDER BY id")
        .bind(VolumeKind::Team.as_str())
        .bind(team.to_string())
        .fetch_all(pool)
        .await?)
}

/// The volumes of an account or a team with this id, and the built-in one.
pub async fn ids_of_owner(pool: &AnyPool, owner: &str) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM volumes WHERE (kind = $1 OR owner_id = $2) AND deleted_at IS NULL ORDER BY id")
        .bind(VolumeKind::System.as_str())
        .bind(owner.to_owned())
        .fetch_all(pool)
        .await?)
}

/// Claimed volumes, each with its commit.
pub async fn claimed(pool: &AnyPool) -> AppResult<Vec<(String, String)>> {
    Ok(sqlx::query_as("SELECT id, publishing FROM volumes WHERE publishing IS NOT NULL ORDER BY id").fetch_all(pool).await?)
}

pub struct NewCommit<'a> {
    pub id: CommitId,
    pub sha: &'a str,
    pub volume: VolumeId,
    pub parent: Option<&'a str>,
    pub author: UserId,
    pub message: &'a str,
    pub source: &'static str,
    pub changes: i64,
    pub now: i64,
}

/// Appends a commit and makes it the head.
pub async fn insert_commit(tx: &mut Tx, commit: &NewCommit<'_>) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO commits (id, sha, volume_id, parent_id, author_id, message, source, changes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(commit.id.to_string())
    .bind(commit.sha)
    .bind(commit.volume.to_string())
    .bind(commit.parent)
    .bind(commit.author.to_string())
    .bind(commit.message)
    .bind(commit.source)
    .bind(commit.changes)
    .bind(commit.now)
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE volumes SET head_commit_id = $2, updated_at = $3 WHERE id = $1")
        .bind(commit.volume.to_string())
        .bind(commit.id.to_string())
        .bind(commit.now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn commit_sha<'c>(executor: impl Target<'c>, id: &str) -> AppResult<Option<String>> {
    Ok(sqlx::query_scalar("SELECT sha FROM commits WHERE id = $1").bind(id).fetch_optional(executor).await?)
}

/// Who made a commit, and when.
pub async fn author_time_and_source(pool: &AnyPool, id: CommitId) -> AppResult<Option<(String, i64, String)>> {
    Ok(sqlx::query_as("SELECT author_id, created_at, source FROM commits WHERE id = $1").bind(id.to_string()).fetch_optional(pool).await?)
}

pub async fn commit_by_id(pool: &AnyPool, id: CommitId) -> AppResult<Option<CommitRow>> {
    let mut sql = Sql::new(COMMIT);
    sql.push("WHERE c.id = ").bind(id.to_string());
    Ok(sql.fetch_all(pool).await?.pop())
}

/// The newest commits of some volumes, before a given one. A volume's commits are looked up along their index, one by one, so
/// that a busy volume does not make the others slow.
pub async fn commits_of(pool: &AnyPool, volumes: &[VolumeId], before: Option<CommitId>, limit: i64) -> AppResult<Vec<CommitRow>> {
    if volumes.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(COMMIT);
    sql.push("WHERE c.id IN (");
    for (index, volume) in volumes.iter().enumerate() {
        sql.push(if index == 0 {
            "SELECT id FROM (SELECT id FROM commits WHERE volume_id = "
        } else {
            " UNION ALL SELECT id FROM (SELECT id FROM commits WHERE volume_id = "
        });
        sql.bind(volume.to_string());
        if let Some(before) = before {
            sql.push(" AND id < ").bind(before.to_string());
        }
        sql.push(" ORDER BY id DESC LIMIT ").number(limit).push(") AS newest");
    }
    sql.push(") ORDER BY c.id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The commits of a volume from its head back to `after`, which is left out, the oldest first: along their parents.
pub async fn line(pool: &AnyPool, volume: VolumeId, after: Option<CommitId>) -> AppResult<Vec<CommitRow>> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let mut sql = Sql::new(
        "WITH RECURSIVE line (id, parent_id, steps) AS (SELECT c.id, c.parent_id, 0 FROM volumes v JOIN commits c ON c.id = v.head_commit_id WHERE v.id = ",
    );
    sql.bind(volume.to_string()).push(" AND c.id <> ").bind(after.clone());
    sql.push(
        " UNION ALL SELECT c.id, c.parent_id, line.steps + 1 FROM line JOIN commits c ON c.id = line.parent_id WHERE line.parent_id <> ",
    );
    sql.bind(after).push(") ").push(COMMIT).push("JOIN line ON line.id = c.id ORDER BY line.steps DESC");
    sql.fetch_all(pool).await
}

/// Notes that artifacts are no longer in a volume.
pub async fn insert_departures(tx: &mut Tx, volume: VolumeId, seq: i64, artifacts: &[ArtifactId], now: i64) -> AppResult<()> {
    for chunk in artifacts.chunks(200) {
        let mut sql = Sql::new("INSERT INTO departures (volume_id, seq, artifact_id, created_at) VALUES ");
        sql.rows(chunk, |row, artifact| {
            row.bind(volume.to_string()).bind(seq).bind(artifact.to_string()).bind(now);
        });
        sql.push(" ON CONFLICT DO NOTHING");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn departures_since(pool: &AnyPool, volume: VolumeId, seq: i64) -> AppResult<Vec<(i64, String)>> {
    Ok(sqlx::query_as("SELECT seq, artifact_id FROM departures WHERE volume_id = $1 AND seq > $2")
        .bind(volume.to_string())
        .bind(seq)
        .fetch_all(pool)
        .await?)
}

pub async fn remove_departures(tx: &mut Tx, before: i64) -> AppResult<()> {
    sqlx::query("DELETE FROM departures WHERE created_at < $1").bind(before).execute(&mut **tx).await?;
    Ok(())
}

pub async fn first_of(pool: &AnyPool, kind: VolumeKind, owner: &str) -> AppResult<Option<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM volumes WHERE kind = $1 AND owner_id = $2 AND deleted_at IS NULL ORDER BY id LIMIT 1")
        .bind(kind.as_str())
        .bind(owner)
        .fetch_optional(pool)
        .await?)
}

/// Whether a volume of a team belongs to a commit that is being published.
pub async fn is_publishing(snapshot: &mut AnyConnection, team: &str) -> AppResult<bool> {
    let sql = "SELECT COUNT(*) FROM volumes WHERE kind = 'team' AND owner_id = $1 AND deleted_at IS NULL AND publishing IS NOT NULL";
    let count: i64 = sqlx::query_scalar(sql).bind(team).fetch_one(snapshot).await?;
    Ok(count > 0)
}

/// Shows all volumes of an owner; their ids.
pub async fn reveal_of(tx: &mut Tx, kind: VolumeKind, owner: &str) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("UPDATE volumes SET deleted_at = NULL WHERE kind = $1 AND owner_id = $2 RETURNING id")
        .bind(kind.as_str())
        .bind(owner)
        .fetch_all(&mut **tx)
        .await?)
}

pub async fn delete_of(tx: &mut Tx, kind: VolumeKind, owner: &str, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE volumes SET deleted_at = $3, updated_at = $3 WHERE kind = $1 AND owner_id = $2 AND deleted_at IS NULL")
        .bind(kind.as_str())
        .bind(owner)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

crate::row! {
    pub struct OwnerCount { pub owner_id: String, pub artifacts: i64 }
}

pub async fn artifacts_by_owner(pool: &AnyPool, kind: VolumeKind) -> AppResult<Vec<OwnerCount>> {
    Ok(sqlx::query_as(
        "SELECT v.owner_id, COUNT(*) AS artifacts FROM artifacts a JOIN volumes v ON v.id = a.volume_id \
         WHERE v.kind = $1 AND v.deleted_at IS NULL AND a.state = 1 GROUP BY v.owner_id",
    )
    .bind(kind.as_str())
    .fetch_all(pool)
    .await?)
}

/// Every volume of an owner, deleted ones too.
pub async fn all_of(tx: &mut Tx, kind: VolumeKind, owner: &str) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM volumes WHERE kind = $1 AND owner_id = $2")
        .bind(kind.as_str())
        .bind(owner)
        .fetch_all(&mut **tx)
        .await?)
}

/// Removes an empty volume with its commits, for good.
pub async fn erase(tx: &mut Tx, id: &str) -> AppResult<()> {
    for statement in
        ["DELETE FROM departures WHERE volume_id = $1", "DELETE FROM commits WHERE volume_id = $1", "DELETE FROM volumes WHERE id = $1"]
    {
        sqlx::query(statement).bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}
