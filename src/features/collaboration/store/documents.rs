//! Live documents: their state, and the updates that came since.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{ArtifactId, RevisionId, UserId},
    server::db::{Sql, Tx, parse_id},
};

crate::row! {
    pub struct DocumentRow { pub state: Vec<u8>, pub number: i64, pub settled: i64, base_revision_id: Option<String> }
}

impl DocumentRow {
    pub fn base(&self) -> AppResult<Option<RevisionId>> {
        self.base_revision_id.as_deref().map(parse_id).transpose()
    }
}

crate::row! {
    pub struct UpdateRow { pub number: i64, author_id: Option<String>, pub data: Vec<u8> }
}

impl UpdateRow {
    /// None: it follows a draft that was written otherwise.
    pub fn author(&self) -> AppResult<Option<UserId>> {
        self.author_id.as_deref().map(parse_id).transpose()
    }
}

pub async fn document(pool: &AnyPool, id: ArtifactId) -> AppResult<Option<DocumentRow>> {
    Ok(sqlx::query_as("SELECT state, number, settled, base_revision_id FROM documents WHERE artifact_id = $1")
        .bind(id.to_string())
        .fetch_optional(pool)
        .await?)
}

/// What came after the state, in order.
pub async fn updates(pool: &AnyPool, id: ArtifactId) -> AppResult<Vec<UpdateRow>> {
    Ok(sqlx::query_as("SELECT number, author_id, data FROM document_updates WHERE artifact_id = $1 ORDER BY number")
        .bind(id.to_string())
        .fetch_all(pool)
        .await?)
}

/// A new document; false when there is one already.
pub async fn insert_document(tx: &mut Tx, id: ArtifactId, state: &[u8], base: Option<RevisionId>, now: i64) -> AppResult<bool> {
    let inserted = sqlx::query(
        "INSERT INTO documents (artifact_id, state, number, settled, base_revision_id, created_at, updated_at) VALUES ($1, $2, 0, 0, $3, $4, $4) \
         ON CONFLICT (artifact_id) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(state.to_vec())
    .bind(base.map(|base| base.to_string()))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub struct NewUpdate {
    pub document: ArtifactId,
    pub number: i64,
    pub author: Option<UserId>,
    pub data: Vec<u8>,
    pub created_at: i64,
}

/// At most a few hundred at a time: each takes five placeholders.
pub async fn insert_updates(tx: &mut Tx, updates: &[NewUpdate]) -> AppResult<()> {
    for updates in updates.chunks(UPDATES) {
        let mut sql = Sql::new("INSERT INTO document_updates (artifact_id, number, author_id, data, created_at) VALUES ");
        sql.rows(updates, |row, update| {
            row.bind(update.document.to_string()).bind(update.number).bind(update.author.map(|author| author.to_string()));
            row.bind(update.data.clone()).bind(update.created_at);
        });
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

const UPDATES: usize = 150;

/// The draft holds everything up to this number.
pub async fn set_settled(tx: &mut Tx, id: ArtifactId, settled: i64, base: Option<RevisionId>, now: i64) -> AppResult<()> {
    sqlx::query("UPDATE documents SET settled = $2, base_revision_id = $3, updated_at = $4 WHERE artifact_id = $1")
        .bind(id.to_string())
        .bind(settled)
        .bind(base.map(|base| base.to_string()))
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub async fn set_base(tx: &mut Tx, id: ArtifactId, base: Option<RevisionId>) -> AppResult<()> {
    sqlx::query("UPDATE documents SET base_revision_id = $2 WHERE artifact_id = $1")
        .bind(id.to_string())
        .bind(base.map(|base| base.to_string()))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Whether the draft does not hold all of a document.
pub async fn is_unsettled(pool: &AnyPool, id: ArtifactId) -> AppResult<bool> {
    let mut sql = Sql::new(
        "SELECT d.settled FROM documents d JOIN document_updates u ON u.artifact_id = d.artifact_id AND u.number > d.settled WHERE d.artifact_id = ",
    );
    sql.bind(id.to_string()).push(" LIMIT ").number(1);
    Ok(!sql.fetch_all::<(i64,)>(pool).await?.is_empty())
}

/// Takes the updates up to this number into the state.
pub async fn compact(tx: &mut Tx, id: ArtifactId, state: &[u8], number: i64) -> AppResult<()> {
    sqlx::query("UPDATE documents SET state = $2, number = $3 WHERE artifact_id = $1")
        .bind(id.to_string())
        .bind(state.to_vec())
        .bind(number)
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM document_updates WHERE artifact_id = $1 AND number <= $2")
        .bind(id.to_string())
        .bind(number)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Documents whose draft does not hold all of them: the process that had them open did not end well.
pub async fn unsettled(pool: &AnyPool, after: &str, limit: i64) -> AppResult<Vec<(String,)>> {
    let mut sql = Sql::new("SELECT d.artifact_id FROM documents d WHERE d.artifact_id > ");
    sql.bind(after.to_owned());
    sql.push(" AND EXISTS (SELECT 1 FROM document_updates u WHERE u.artifact_id = d.artifact_id AND u.number > d.settled) ORDER BY d.artifact_id LIMIT ");
    sql.number(limit);
    sql.fetch_all(pool).await
}
