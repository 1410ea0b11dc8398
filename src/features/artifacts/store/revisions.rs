//! Revisions and the bytes they point to.

use std::collections::HashMap;

use sqlx::{AnyPool, Row as _, any::AnyRow};

use crate::{
    error::AppResult,
    features::{
        accounts::model::Person,
        artifacts::model::{FileEntry, RevisionSummary},
        volumes::model::{Change, CommitChange},
    },
    ids::{ArtifactId, CommitId, RevisionId, UserId, VolumeId},
    server::db::{Sql, Target, parse_id},
};

crate::row! {
    /// A revision with its commit.
    #[derive(Clone, Debug)]
    pub struct RevisionRow {
        pub id: String, pub artifact_id: String, pub commit_id: String, pub parent_id: Option<String>, pub change: String, pub version: String, pub content_sha: String,
        pub executable: i64, pub files: String, pub tree_sha: String, pub added: i64, pub removed: i64, pub sha: String, pub message: String,
        pub created_at: i64, author_id: String, author_name: String, author_kind: String, author_color: i64, author_avatar: Option<String>,
    }
}

impl RevisionRow {
    pub fn id(&self) -> AppResult<RevisionId> {
        parse_id(&self.id)
    }
    pub fn files(&self) -> AppResult<Vec<FileEntry>> {
        Ok(serde_json::from_str(&self.files)?)
    }
    pub fn summary(&self) -> AppResult<RevisionSummary> {
        Ok(RevisionSummary {
            id: self.id()?,
            commit_id: parse_id(&self.commit_id)?,
            sha: self.sha.clone(),
            message: self.message.clone(),
            author: Person::from_columns(
                parse_id(&self.author_id)?,
                self.author_name.clone(),
                &self.author_kind,
                self.author_color,
                self.author_avatar.clone(),
            ),
            contributors: Vec::new(),
            change: Change::parse(&self.change),
            version: self.version.clone(),
            added: self.added,
            removed: self.removed,
            created_at: self.created_at,
        })
    }
}

macro_rules! revision_columns {
    () => {
        "r.id, r.artifact_id, r.commit_id, r.parent_id, r.change, r.version, r.content_sha, r.executable, r.files, r.tree_sha, r.added, r.removed, \
         c.sha, c.message, c.created_at, c.author_id, u.name AS author_name, u.kind AS author_kind, u.color AS author_color, u.avatar_sha AS author_avatar"
    };
}

macro_rules! revision_tables {
    () => {
        " FROM revisions r JOIN commits c ON c.id = r.commit_id JOIN users u ON u.id = c.author_id "
    };
}

const REVISION: &str = concat!("SELECT ", revision_columns!(), revision_tables!());

pub async fn revision<'c>(executor: impl Target<'c>, artifact: ArtifactId, id: RevisionId) -> AppResult<Option<RevisionRow>> {
    let mut sql = Sql::new(REVISION);
    sql.push("WHERE r.id = ").bind(id.to_string()).push(" AND r.artifact_id = ").bind(artifact.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// Who wrote on revisions besides their authors, by name.
pub async fn contributors(pool: &AnyPool, revisions: &[RevisionId]) -> AppResult<HashMap<RevisionId, Vec<Person>>> {
    let mut sql = Sql::new(
        "SELECT c.revision_id, u.id, u.name, u.kind, u.color, u.avatar_sha FROM revision_contributors c JOIN users u ON u.id = c.user_id WHERE c.revision_id IN ",
    );
    sql.bind_list(revisions).push(" ORDER BY u.name, u.id");
    let mut contributors: HashMap<RevisionId, Vec<Person>> = HashMap::new();
    for (revision, id, name, kind, color, avatar) in sql.fetch_all::<(String, String, String, String, i64, Option<String>)>(pool).await? {
        contributors.entry(parse_id(&revision)?).or_default().push(Person::from_columns(parse_id(&id)?, name, &kind, color, avatar));
    }
    Ok(contributors)
}

/// A revision and the bytes of its main file, which are there unless the database is damaged.
struct WithContent(RevisionRow, Option<Vec<u8>>);

impl<'r> sqlx::FromRow<'r, AnyRow> for WithContent {
    fn from_row(row: &'r AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self(RevisionRow::from_row(row)?, row.try_get("bytes")?))
    }
}

pub async fn revision_with_content(
    pool: &AnyPool,
    artifact: ArtifactId,
    id: RevisionId,
) -> AppResult<Option<(RevisionRow, Option<Vec<u8>>)>> {
    let row: Option<WithContent> = sqlx::query_as(concat!(
        "SELECT ",
        revision_columns!(),
        ", k.bytes",
        revision_tables!(),
        "LEFT JOIN contents k ON k.sha = r.content_sha WHERE r.id = $1 AND r.artifact_id = $2"
    ))
    .bind(id.to_string())
    .bind(artifact.to_string())
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|WithContent(row, bytes)| (row, bytes)))
}

/// Published revisions by id.
pub async fn revisions(pool: &AnyPool, ids: &[RevisionId]) -> AppResult<Vec<RevisionRow>> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(super::CHUNK) {
        let mut sql = Sql::new(REVISION);
        sql.push("WHERE r.id IN ").bind_list(chunk);
        rows.extend(sql.fetch_all::<RevisionRow>(pool).await?);
    }
    Ok(rows)
}

/// The history of an artifact, newest first.
pub async fn history(pool: &AnyPool, artifact: ArtifactId, before: Option<RevisionId>, limit: i64) -> AppResult<Vec<RevisionRow>> {
    let mut sql = Sql::new(REVISION);
    sql.push("WHERE r.artifact_id = ").bind(artifact.to_string());
    if let Some(before) = before {
        sql.push(" AND r.id < ").bind(before.to_string());
    }
    sql.push(" ORDER BY r.id DESC LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// Whether anybody else committed an artifact since a revision (none: ever), or anything but edits did.
pub async fn others_since(pool: &AnyPool, artifact: ArtifactId, since: Option<RevisionId>, author: UserId) -> AppResult<bool> {
    let mut sql = Sql::new("SELECT COUNT(*) FROM revisions r JOIN commits c ON c.id = r.commit_id WHERE r.artifact_id = ");
    sql.bind(artifact.to_string()).push(" AND (c.source <> 'edit' OR c.author_id <> ").bind(author.to_string()).push(")");
    if let Some(since) = since {
        sql.push(" AND r.id > ").bind(since.to_string());
    }
    Ok(sql.fetch_all::<(i64,)>(pool).await?.pop().is_some_and(|(others,)| others > 0))
}

pub async fn history_length(pool: &AnyPool, artifact: ArtifactId) -> AppResult<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM revisions r JOIN commits c ON c.id = r.commit_id WHERE r.artifact_id = $1")
        .bind(artifact.to_string())
        .fetch_one(pool)
        .await?)
}

pub async fn content<'c>(executor: impl Target<'c>, sha: &str) -> AppResult<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar("SELECT bytes FROM contents WHERE sha = $1").bind(sha).fetch_optional(executor).await?)
}

pub async fn contents<'c>(executor: impl Target<'c>, shas: &[String]) -> AppResult<Vec<(String, Vec<u8>)>> {
    let mut sql = Sql::new("SELECT sha, bytes FROM contents WHERE sha IN ");
    sql.bind_list(shas);
    sql.fetch_all(executor).await
}

crate::row! {
    struct ChangeRow { artifact_id: String, id: String, parent_id: Option<String>, change: String, path: String, name: String, added: i64, removed: i64 }
}

/// What a commit did, in the order of paths.
pub async fn changes_of(pool: &AnyPool, commit: CommitId, limit: i64) -> AppResult<Vec<CommitChange>> {
    let mut sql = Sql::new("SELECT artifact_id, id, parent_id, change, path, name, added, removed FROM revisions WHERE commit_id = ");
    sql.bind(commit.to_string()).push(" ORDER BY path, id LIMIT ").number(limit);
    let rows: Vec<ChangeRow> = sql.fetch_all(pool).await?;
    rows.into_iter()
        .map(|row| {
            Ok(CommitChange {
                artifact_id: parse_id(&row.artifact_id)?,
                revision_id: parse_id(&row.id)?,
                parent_revision_id: row.parent_id.as_deref().map(parse_id).transpose()?,
                change: Change::parse(&row.change),
                path: row.path,
                name: row.name,
                added: row.added,
                removed: row.removed,
            })
        })
        .collect()
}

crate::row! {
    /// A committed artifact as an export writes it.
    #[derive(Clone, Debug)]
    pub struct ExportRow { pub path: String, pub content_sha: String, pub executable: i64, pub files: String }
}

/// The heads of a volume (or of some of its artifacts) after a path, in the order of paths.
pub async fn export_rows(
    pool: &AnyPool,
    volume: VolumeId,
    only: Option<&[ArtifactId]>,
    after: &str,
    limit: i64,
) -> AppResult<Vec<ExportRow>> {
    let mut sql = Sql::new(
        "SELECT a.path, r.content_sha, r.executable, r.files FROM artifacts a JOIN revisions r ON r.id = a.head_revision_id WHERE a.state = 1 AND a.volume_id = ",
    );
    sql.bind(volume.to_string()).push(" AND a.path > ").bind(after.to_owned());
    if let Some(only) = only {
        sql.push(" AND a.id IN ").bind_list(only);
    }
    sql.push(" ORDER BY a.path LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The lists of files of all drafts or of all revisions, each with an id to go on after; empty lists are left out.
pub async fn named_files(pool: &AnyPool, of_drafts: bool, after: &str, limit: i64) -> AppResult<Vec<(String, String)>> {
    let mut sql = Sql::new(if of_drafts {
        "SELECT artifact_id AS id, files FROM drafts WHERE files <> '[]' AND artifact_id > "
    } else {
        "SELECT id, files FROM revisions WHERE files <> '[]' AND id > "
    });
    sql.bind(after.to_owned()).push(" ORDER BY 1 LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

crate::row! {
    /// A revision of a commit, with the one before it.
    pub struct TreeChangeRow {
        pub artifact_id: String, pub change: String, pub path: String, pub content_sha: String, pub executable: i64, pub files: String,
        pub old_change: Option<String>, pub old_path: Option<String>, pub old_content_sha: Option<String>, pub old_executable: Option<i64>,
        pub old_files: Option<String>, pub old_volume: Option<String>,
    }
}

/// What a commit did, in the order of artifacts, after one of them.
pub async fn tree_changes(pool: &AnyPool, commit: CommitId, after: &str, limit: i64) -> AppResult<Vec<TreeChangeRow>> {
    let mut sql = Sql::new(
        "SELECT r.artifact_id, r.change, r.path, r.content_sha, r.executable, r.files, p.change AS old_change, p.path AS old_path, \
         p.content_sha AS old_content_sha, p.executable AS old_executable, p.files AS old_files, c.volume_id AS old_volume \
         FROM revisions r LEFT JOIN revisions p ON p.id = r.parent_id LEFT JOIN commits c ON c.id = p.commit_id WHERE r.commit_id = ",
    );
    sql.bind(commit.to_string()).push(" AND r.artifact_id > ").bind(after.to_owned());
    sql.push(" ORDER BY r.artifact_id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}

/// The newest revision of an artifact with a tree.
pub async fn revision_of_tree(pool: &AnyPool, artifact: ArtifactId, tree_sha: &str) -> AppResult<Option<RevisionId>> {
    let mut sql = Sql::new("SELECT r.id FROM revisions r JOIN commits c ON c.id = r.commit_id WHERE r.artifact_id = ");
    sql.bind(artifact.to_string()).push(" AND r.tree_sha = ").bind(tree_sha.to_owned()).push(" ORDER BY r.id DESC LIMIT 1");
    sql.fetch_all::<(String,)>(pool).await?.pop().map(|(id,)| parse_id(&id)).transpose()
}
