//! Live documents: their state, and the updates that came since.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{ArtifactId, RevisionId, UserId},
    server::db::{Sql, Tx, parse_id},
};

crate::row! {
    pub struct DocumentRow { pub state: Vec<u8>, pub number: i64, pub settled: i64, pub newest: i64, base_revision_id: Option<String> }
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
    Ok(sqlx::query_as("SELECT state, number, settled, newest, base_revision_id FROM documents WHERE artifact_id = $1")
        .bind(id.to_string())
        .fetch_optional(pool)
        .await?)
}

/// What came after a number and is not in the state yet, in order.
pub async fn updates_after(pool: &AnyPool, id: ArtifactId, number: i64) -> AppResult<Vec<UpdateRow>> {
    Ok(sqlx::query_as("SELECT number, author_id, data FROM document_updates WHERE artifact_id = $1 AND number > $2 ORDER BY number")
        .bind(id.to_string())
        .bind(number)
        .fetch_all(pool)
        .await?)
}

/// A new document; false when there is one already.
pub async fn insert_document(tx: &mut Tx, id: ArtifactId, state: &[u8], base: Option<RevisionId>, now: i64) -> AppResult<bool> {
    let inserted = sqlx::query(
        "INSERT INTO documents (artifact_id, state, number, settled, newest, base_revision_id, created_at, updated_at) VALUES ($1, $2, 0, 0, 0, $3, $4, $4) \
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
    pub author: Option<UserId>,
    pub data: Vec<u8>,
    pub created_at: i64,
}

/// What a document was at when updates were stored.
pub struct Appended {
    /// The newest number before these, and after them.
    pub before: i64,
    pub newest: i64,
    pub base: Option<RevisionId>,
}

/// Takes a document until the end of the transaction, so that other nodes store behind this one: its newest number, at least `seen`, and after
/// it as many as are reserved. None: there is no such document (any more).
pub async fn take_document(tx: &mut Tx, id: ArtifactId, seen: i64, reserved: usize) -> AppResult<Option<Appended>> {
    let reserved = reserved as i64;
    let row: Option<(i64, Option<String>)> = sqlx::query_as(
        "UPDATE documents SET newest = CASE WHEN newest < $2 THEN $2 ELSE newest END + $3 WHERE artifact_id = $1 RETURNING newest, base_revision_id",
    )
    .bind(id.to_string())
    .bind(seen)
    .bind(reserved)
    .fetch_optional(&mut **tx)
    .await?;
    let Some((newest, base)) = row else { return Ok(None) };
    Ok(Some(Appended { before: newest - reserved, newest, base: base.as_deref().map(parse_id).transpose()? }))
}

/// Stores updates with the numbers after `before`.
pub async fn insert_updates(tx: &mut Tx, id: ArtifactId, before: i64, updates: &[NewUpdate]) -> AppResult<()> {
    let mut number = before;
    for updates in updates.chunks(UPDATES) {
        let mut sql = Sql::new("INSERT INTO document_updates (artifact_id, number, author_id, data, created_at) VALUES ");
        sql.rows(updates, |row, update| {
            number += 1;
            row.bind(id.to_string()).bind(number).bind(update.author.map(|author| author.to_string()));
            row.bind(update.data.clone()).bind(update.created_at);
        });
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// Whether something that is no editor wrote one of the updates after `after`, up to `to`.
pub async fn was_written_whole(tx: &mut Tx, id: ArtifactId, after: i64, to: i64) -> AppResult<bool> {
    let count: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM document_updates WHERE artifact_id = $1 AND number > $2 AND number <= $3 AND author_id IS NULL",
    )
    .bind(id.to_string())
    .bind(after)
    .bind(to)
    .fetch_one(&mut **tx)
    .await?;
    Ok(count > 0)
}

crate::row! {
    /// How far a document is.
    pub struct StandingRow { artifact_id: String, pub number: i64, pub settled: i64, pub newest: i64, base_revision_id: Option<String> }
}

impl StandingRow {
    pub fn id(&self) -> AppResult<ArtifactId> {
        parse_id(&self.artifact_id)
    }
    pub fn base(&self) -> AppResult<Option<RevisionId>> {
        self.base_revision_id.as_deref().map(parse_id).transpose()
    }
}

/// How far these documents are, those that there are.
pub async fn standings(pool: &AnyPool, ids: &[ArtifactId]) -> AppResult<Vec<StandingRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT artifact_id, number, settled, newest, base_revision_id FROM documents WHERE artifact_id IN ");
    sql.bind_list(ids);
    sql.fetch_all(pool).await
}

/// At most so many rows of one statement: each takes five placeholders.
const UPDATES: usize = 150;

/// The draft holds everything up to this number.
pub async fn set_settled(tx: &mut Tx, id: ArtifactId, settled: i64, base: Option<RevisionId>, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE documents SET settled = $2, newest = CASE WHEN newest < $2 THEN $2 ELSE newest END, base_revision_id = $3, updated_at = $4 \
         WHERE artifact_id = $1",
    )
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
        "SELECT d.settled FROM documents d WHERE (d.newest > d.settled \
         OR EXISTS (SELECT 1 FROM document_updates u WHERE u.artifact_id = d.artifact_id AND u.number > d.settled)) AND d.artifact_id = ",
    );
    sql.bind(id.to_string());
    Ok(!sql.fetch_all::<(i64,)>(pool).await?.is_empty())
}

/// Takes the updates up to this number into the state.
pub async fn compact(tx: &mut Tx, id: ArtifactId, state: &[u8], number: i64) -> AppResult<()> {
    let compacted = sqlx::query("UPDATE documents SET state = $2, number = $3 WHERE artifact_id = $1 AND number <= $3")
        .bind(id.to_string())
        .bind(state.to_vec())
        .bind(number)
        .execute(&mut **tx)
        .await?;
    // Another node has taken more into it.
    if compacted.rows_affected() == 0 {
        return Ok(());
    }
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
    sql.push(
        " AND (d.newest > d.settled OR EXISTS (SELECT 1 FROM document_updates u WHERE u.artifact_id = d.artifact_id AND u.number > d.settled)) \
         ORDER BY d.artifact_id LIMIT ",
    );
    sql.number(limit);
    sql.fetch_all(pool).await
}
