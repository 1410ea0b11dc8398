//! Staging revisions and making them the heads.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::{
        artifacts::{model::Kind, service::Facts},
        volumes::model::Change,
    },
    ids::{ArtifactId, CommitId, RevisionId, VolumeId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// A revision to insert.
#[derive(Clone, Debug)]
pub struct NewRevision {
    pub id: RevisionId,
    pub artifact: ArtifactId,
    pub parent: Option<RevisionId>,
    pub change: Change,
    pub kind: Kind,
    pub slug: String,
    pub path: String,
    pub facts: Facts,
    pub content_sha: String,
    pub executable: bool,
    /// JSON of the files beside the main file, sorted by path.
    pub files: String,
    pub tree_sha: String,
    pub size: i64,
    pub added: i64,
    pub removed: i64,
}

/// Stores main files that are not there yet.
pub async fn insert_contents(tx: &mut Tx, contents: &[(String, Vec<u8>)]) -> AppResult<()> {
    for chunk in contents.chunks(100) {
        let mut sql = Sql::new("INSERT INTO contents (sha, bytes) VALUES ");
        sql.rows(chunk, |row, (sha, bytes)| {
            row.bind(sha.clone()).bind(bytes.clone());
        });
        sql.push(" ON CONFLICT (sha) DO NOTHING");
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn insert_revisions(tx: &mut Tx, commit: CommitId, revisions: &[NewRevision], now: i64) -> AppResult<()> {
    for chunk in revisions.chunks(40) {
        let mut sql = Sql::new(
            "INSERT INTO revisions (id, artifact_id, commit_id, parent_id, change, kind, slug, path, name, description, category, tags, version, author, hints, \
             content_sha, executable, files, tree_sha, size, added, removed, created_at) VALUES ",
        );
        sql.rows(chunk, |row, new| {
            row.bind(new.id.to_string())
                .bind(new.artifact.to_string())
                .bind(commit.to_string())
                .bind(new.parent.map(|id| id.to_string()))
                .bind(new.change.as_str())
                .bind(new.kind.as_str())
                .bind(new.slug.clone())
                .bind(new.path.clone())
                .bind(new.facts.name.clone())
                .bind(new.facts.description.clone())
                .bind(new.facts.category.clone())
                .bind(new.facts.tags_json())
                .bind(new.facts.version.clone())
                .bind(new.facts.author.clone())
                .bind(new.facts.hints)
                .bind(new.content_sha.clone())
                .bind(i64::from(new.executable))
                .bind(new.files.clone())
                .bind(new.tree_sha.clone())
                .bind(new.size)
                .bind(new.added)
                .bind(new.removed)
                .bind(now);
        });
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// What an artifact becomes by a revision `r` of it; the rest of the statement says by which.
const APPLY: &str = "UPDATE artifacts SET state = CASE r.change WHEN 'deleted' THEN 2 ELSE 1 END, kind = r.kind, slug = r.slug, path = r.path, name = r.name, \
     description = r.description, category = r.category, tags = r.tags, version = r.version, author = r.author, hints = r.hints, head_revision_id = r.id, ";

fn apply(seq: i64, by: &str, now: i64, commit: CommitId) -> Sql {
    let mut sql = Sql::new(APPLY);
    sql.push("seq = ").bind(seq).push(", updated_at = ").bind(now);
    sql.push(", deleted_at = CASE r.change WHEN 'deleted' THEN ").bind(now).push(" ELSE NULL END");
    sql.push(", deleted_by = CASE r.change WHEN 'deleted' THEN ").bind(by.to_owned()).push(" ELSE NULL END");
    sql.push(" FROM revisions r WHERE artifacts.id = r.artifact_id AND r.commit_id = ").bind(commit.to_string());
    sql
}

/// Makes every revision of a commit the head of its artifact, in one statement.
pub async fn apply_revisions(tx: &mut Tx, commit: CommitId, seq: i64, by: &str, now: i64) -> AppResult<()> {
    apply(seq, by, now, commit).execute(&mut **tx).await?;
    Ok(())
}

crate::row! {
    /// What a revision does to its artifact.
    pub struct ChangeRow { artifact_id: String, change: String, kind: String, category: String }
}

impl ChangeRow {
    pub fn artifact(&self) -> AppResult<ArtifactId> {
        parse_id(&self.artifact_id)
    }
    pub fn change(&self) -> Change {
        Change::parse(&self.change)
    }
    pub fn kind(&self) -> Kind {
        self.kind.parse().unwrap_or(Kind::Skill)
    }
    pub fn category(self) -> String {
        self.category
    }
}

/// Revisions of a commit that are not heads yet; of a slice of it as [`apply_slice`] has it, or of all.
pub async fn unapplied(tx: &mut Tx, commit: CommitId, slice: Option<(bool, &str, &str)>) -> AppResult<Vec<ChangeRow>> {
    let mut sql = Sql::new(
        "SELECT r.artifact_id, r.change, r.kind, r.category FROM revisions r JOIN artifacts a ON a.id = r.artifact_id \
         WHERE (a.head_revision_id IS NULL OR a.head_revision_id <> r.id) AND r.commit_id = ",
    );
    sql.bind(commit.to_string());
    if let Some((created, after, last)) = slice {
        sql.push(" AND r.artifact_id > ").bind(after.to_owned()).push(" AND r.artifact_id <= ").bind(last.to_owned());
        push_whose(&mut sql, created);
    }
    sql.fetch_all(&mut **tx).await
}

/// Those of new artifacts, or those of artifacts that were there before.
fn push_whose(sql: &mut Sql, created: bool) {
    sql.push(if created { " AND r.change = 'created'" } else { " AND r.change <> 'created'" });
}

/// The last artifact of the slice of a commit that comes after one; none: there is no more.
pub async fn slice_end(pool: &AnyPool, commit: CommitId, created: bool, after: &str, limit: i64) -> AppResult<Option<String>> {
    let mut sql = Sql::new("SELECT MAX(artifact_id) AS artifact_id FROM (SELECT r.artifact_id FROM revisions r WHERE r.commit_id = ");
    sql.bind(commit.to_string()).push(" AND r.artifact_id > ").bind(after.to_owned());
    push_whose(&mut sql, created);
    sql.push(" ORDER BY r.artifact_id LIMIT ").number(limit).push(") AS slice");
    Ok(sql.fetch_all::<(Option<String>,)>(pool).await?.pop().and_then(|(last,)| last))
}

/// Makes one slice of a commit's revisions heads: those of the artifacts after the first place, up to the second.
pub async fn apply_slice(
    tx: &mut Tx,
    commit: CommitId,
    created: bool,
    (after, last): (&str, &str),
    seq: i64,
    by: &str,
    now: i64,
) -> AppResult<()> {
    let mut sql = apply(seq, by, now, commit);
    sql.push(" AND r.artifact_id > ").bind(after.to_owned()).push(" AND r.artifact_id <= ").bind(last.to_owned());
    push_whose(&mut sql, created);
    sql.execute(&mut **tx).await?;
    Ok(())
}

/// How many artifacts of a staged commit are as they were when they were staged: none got another head, went elsewhere, or was taken back.
pub async fn untouched<'c>(executor: impl Target<'c>, commit: CommitId, volume: VolumeId) -> AppResult<i64> {
    Ok(sqlx::query_scalar(
        "SELECT COUNT(*) FROM revisions r JOIN artifacts a ON a.id = r.artifact_id WHERE r.commit_id = $1 \
         AND COALESCE(a.head_revision_id, '') = COALESCE(r.parent_id, '') AND a.state <> 2 AND a.volume_id = $2",
    )
    .bind(commit.to_string())
    .bind(volume.to_string())
    .fetch_one(executor)
    .await?)
}

/// The drafts that a commit saved are gone.
pub async fn clear_drafts(tx: &mut Tx, commit: CommitId) -> AppResult<()> {
    for statement in [
        "INSERT INTO revision_contributors (revision_id, user_id) SELECT r.id, a.user_id FROM revisions r JOIN commits c ON c.id = r.commit_id \
         JOIN draft_authors a ON a.artifact_id = r.artifact_id WHERE r.commit_id = $1 AND a.user_id <> c.author_id",
        "DELETE FROM draft_authors WHERE artifact_id IN (SELECT artifact_id FROM revisions WHERE commit_id = $1)",
        "DELETE FROM drafts WHERE artifact_id IN (SELECT artifact_id FROM revisions WHERE commit_id = $1)",
        "UPDATE artifacts SET has_draft = 0 WHERE id IN (SELECT artifact_id FROM revisions WHERE commit_id = $1)",
    ] {
        sqlx::query(statement).bind(commit.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Whether a commit was published, and what it did: created and updated.
pub async fn published(tx: &mut Tx, commit: CommitId) -> AppResult<Option<(i64, i64)>> {
    let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM commits WHERE id = $1").bind(commit.to_string()).fetch_one(&mut **tx).await?;
    if there == 0 {
        return Ok(None);
    }
    let counts: Vec<(String, i64)> = sqlx::query_as("SELECT change, COUNT(*) FROM revisions WHERE commit_id = $1 GROUP BY change")
        .bind(commit.to_string())
        .fetch_all(&mut **tx)
        .await?;
    let of = |change: &str| counts.iter().filter(|(name, _)| name == change).map(|(_, count)| count).sum();
    Ok(Some((of("created"), of("updated"))))
}

/// A commit begins to be staged; once is enough.
pub async fn begin_staging(tx: &mut Tx, commit: CommitId, volume: VolumeId, now: i64) -> AppResult<()> {
    sqlx::query("INSERT INTO stagings (commit_id, volume_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (commit_id) DO NOTHING")
        .bind(commit.to_string())
        .bind(volume.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A commit is visible, or nothing is left of it.
pub async fn end_staging(tx: &mut Tx, commit: CommitId) -> AppResult<()> {
    sqlx::query("DELETE FROM stagings WHERE commit_id = $1").bind(commit.to_string()).execute(&mut **tx).await?;
    Ok(())
}

/// Commits that were staged before a time and did not become visible, each with its volume; of one volume, or of all.
pub async fn stagings(pool: &AnyPool, volume: Option<VolumeId>, before: i64) -> AppResult<Vec<(CommitId, VolumeId)>> {
    let mut sql = Sql::new("SELECT commit_id, volume_id FROM stagings WHERE created_at <= ");
    sql.bind(before);
    if let Some(volume) = volume {
        sql.push(" AND volume_id = ").bind(volume.to_string());
    }
    sql.fetch_all::<(String, String)>(pool).await?.iter().map(|(commit, volume)| Ok((parse_id(commit)?, parse_id(volume)?))).collect()
}

/// Takes back a slice of what an unpublished commit staged; false when nothing is left.
pub async fn unstage(tx: &mut Tx, commit: CommitId, limit: i64) -> AppResult<bool> {
    let mut sql = Sql::new("SELECT id, artifact_id FROM revisions WHERE commit_id = ");
    sql.bind(commit.to_string()).push(" LIMIT ").number(limit);
    let staged: Vec<(String, String)> = sql.fetch_all(&mut **tx).await?;
    if staged.is_empty() {
        return Ok(false);
    }
    for chunk in staged.chunks(super::CHUNK) {
        let mut sql = Sql::new("DELETE FROM revisions WHERE id IN ");
        sql.bind_list(chunk.iter().map(|(id, _)| id));
        sql.execute(&mut **tx).await?;
        let mut sql = Sql::new("DELETE FROM artifacts WHERE state = 0 AND id IN ");
        sql.bind_list(chunk.iter().map(|(_, artifact)| artifact));
        sql.execute(&mut **tx).await?;
    }
    Ok(true)
}
