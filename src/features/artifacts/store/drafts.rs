//! Drafts: the uncommitted text and files of an artifact.

use std::collections::HashMap;

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    features::accounts::model::Person,
    ids::{ArtifactId, CommitId, RevisionId, UserId},
    server::db::{Sql, Target, Tx, parse_id},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct DraftRow {
        pub artifact_id: String, pub base_revision_id: Option<String>, pub content: Vec<u8>, pub files: String, pub saves: i64, pub updated_at: i64,
        author_id: String, author_name: String, author_kind: String, author_color: i64, author_avatar: Option<String>,
    }
}

impl DraftRow {
    pub fn base(&self) -> AppResult<Option<RevisionId>> {
        self.base_revision_id.as_deref().map(parse_id).transpose()
    }
    pub fn updated_by(&self) -> AppResult<Person> {
        Ok(Person::from_columns(
            parse_id(&self.author_id)?,
            self.author_name.clone(),
            &self.author_kind,
            self.author_color,
            self.author_avatar.clone(),
        ))
    }
}

const DRAFT: &str = "SELECT d.artifact_id, d.base_revision_id, d.content, d.files, d.saves, d.updated_at, d.updated_by AS author_id, u.name AS author_name, \
     u.kind AS author_kind, u.color AS author_color, u.avatar_sha AS author_avatar FROM drafts d JOIN users u ON u.id = d.updated_by ";

pub async fn draft<'c>(executor: impl Target<'c>, id: ArtifactId) -> AppResult<Option<DraftRow>> {
    let mut sql = Sql::new(DRAFT);
    sql.push("WHERE d.artifact_id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

pub async fn drafts(pool: &AnyPool, ids: &[ArtifactId]) -> AppResult<Vec<DraftRow>> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(super::CHUNK) {
        let mut sql = Sql::new(DRAFT);
        sql.push("WHERE d.artifact_id IN ").bind_list(chunk);
        rows.extend(sql.fetch_all::<DraftRow>(pool).await?);
    }
    Ok(rows)
}

/// How often each draft was saved.
pub async fn draft_saves(tx: &mut Tx, ids: &[ArtifactId]) -> AppResult<HashMap<String, i64>> {
    let mut saves = HashMap::new();
    for chunk in ids.chunks(super::CHUNK) {
        let mut sql = Sql::new("SELECT artifact_id, saves FROM drafts WHERE artifact_id IN ");
        sql.bind_list(chunk);
        saves.extend(sql.fetch_all::<(String, i64)>(&mut **tx).await?);
    }
    Ok(saves)
}

/// Drafts that began at the parents of a commit's revisions now begin at those revisions: the bytes are the same.
pub async fn rebase_drafts(tx: &mut Tx, commit: CommitId) -> AppResult<()> {
    sqlx::query(
        "UPDATE drafts SET base_revision_id = r.id FROM revisions r WHERE r.commit_id = $1 AND drafts.artifact_id = r.artifact_id AND drafts.base_revision_id = r.parent_id",
    )
    .bind(commit.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub struct DraftWrite<'a> {
    pub id: ArtifactId,
    pub base: Option<RevisionId>,
    pub content: &'a [u8],
    pub files: &'a str,
    pub by: UserId,
    pub now: i64,
}

/// The first save of a draft, as number 1; false when there is one already.
pub async fn insert_draft(tx: &mut Tx, draft: &DraftWrite<'_>) -> AppResult<bool> {
    let inserted = sqlx::query(
        "INSERT INTO drafts (artifact_id, base_revision_id, content, files, saves, updated_by, created_at, updated_at) VALUES ($1, $2, $3, $4, 1, $5, $6, $6) \
         ON CONFLICT (artifact_id) DO NOTHING",
    )
    .bind(draft.id.to_string())
    .bind(draft.base.map(|id| id.to_string()))
    .bind(draft.content.to_vec())
    .bind(draft.files)
    .bind(draft.by.to_string())
    .bind(draft.now)
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// A further save, if `saves` is still what the writer saw.
pub async fn update_draft(tx: &mut Tx, draft: &DraftWrite<'_>, saves: i64) -> AppResult<bool> {
    let updated = sqlx::query(
        "UPDATE drafts SET base_revision_id = $2, content = $3, files = $4, saves = saves + 1, updated_by = $5, updated_at = $6 WHERE artifact_id = $1 AND saves = $7",
    )
    .bind(draft.id.to_string())
    .bind(draft.base.map(|id| id.to_string()))
    .bind(draft.content.to_vec())
    .bind(draft.files)
    .bind(draft.by.to_string())
    .bind(draft.now)
    .bind(saves)
    .execute(&mut **tx)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Who wrote on it, besides those who are known to have.
pub async fn add_draft_authors(tx: &mut Tx, id: ArtifactId, authors: &[UserId]) -> AppResult<()> {
    if authors.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("INSERT INTO draft_authors (artifact_id, user_id) VALUES ");
    sql.rows(authors, |row, author| {
        row.bind(id.to_string()).bind(author.to_string());
    });
    sql.push(" ON CONFLICT (artifact_id, user_id) DO NOTHING");
    sql.execute(&mut **tx).await?;
    Ok(())
}

pub async fn delete_draft(tx: &mut Tx, id: ArtifactId) -> AppResult<bool> {
    sqlx::query("DELETE FROM draft_authors WHERE artifact_id = $1").bind(id.to_string()).execute(&mut **tx).await?;
    Ok(sqlx::query("DELETE FROM drafts WHERE artifact_id = $1").bind(id.to_string()).execute(&mut **tx).await?.rows_affected() == 1)
}
