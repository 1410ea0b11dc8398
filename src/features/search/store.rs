//! The only SQL on `embeddings` and `passage_vectors`.

use std::collections::HashMap;

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    server::db::{Sql, Tx},
};

/// Hashes asked for at once.
pub const CHUNK: usize = 500;

crate::row! {
    struct VectorRow { sha: String, vector: Vec<u8> }
}

/// The vectors of a model that are known, by the hashes of their texts.
pub async fn vectors(pool: &AnyPool, model: &str, shas: &[String]) -> AppResult<HashMap<String, Vec<f32>>> {
    let mut found = HashMap::with_capacity(shas.len());
    for chunk in shas.chunks(CHUNK) {
        let mut sql = Sql::new("SELECT sha, vector FROM embeddings WHERE model = ");
        sql.bind(model.to_owned()).push(" AND sha IN ").bind_list(chunk);
        let rows: Vec<VectorRow> = sql.fetch_all(pool).await?;
        found.extend(rows.into_iter().map(|row| (row.sha, floats(&row.vector))));
    }
    Ok(found)
}

pub async fn keep(tx: &mut Tx, model: &str, vectors: &[(String, Vec<f32>)], now: i64) -> AppResult<()> {
    for (sha, vector) in vectors {
        sqlx::query("INSERT INTO embeddings (model, sha, vector, used_at) VALUES ($1, $2, $3, $4) ON CONFLICT (model, sha) DO NOTHING")
            .bind(model)
            .bind(sha)
            .bind(bytes(vector))
            .bind(now)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// A passage's vector as pgvector keeps it.
pub struct NearRow {
    /// The document's id.
    pub source: String,
    pub passage: i64,
    /// Where the document is.
    pub scope: String,
    /// Which text of the document.
    pub state: String,
    /// As text: `[0.1,0.2,…]`.
    pub vector: String,
}

/// Rows of one statement: each takes six placeholders.
const ROWS: usize = 50;

/// Whether there is a table for pgvector; it is made where the extension came after the migration. Of PostgreSQL only.
pub async fn make_near(pool: &AnyPool) -> AppResult<bool> {
    const TABLE: &str = "SELECT CASE WHEN to_regclass('passage_vectors') IS NULL THEN 0::BIGINT ELSE 1::BIGINT END";
    let is_there: i64 = sqlx::query_scalar(TABLE).fetch_one(pool).await?;
    if is_there == 1 {
        return Ok(true);
    }
    sqlx::raw_sql(include_str!("../../../migrations/postgres/0033_vectors.sql")).execute(pool).await?;
    let is_there: i64 = sqlx::query_scalar(TABLE).fetch_one(pool).await?;
    Ok(is_there == 1)
}

/// Which text of each document the table has.
pub async fn near_states(pool: &AnyPool, model: &str) -> AppResult<Vec<(String, String)>> {
    Ok(sqlx::query_as("SELECT source, MAX(state) FROM passage_vectors WHERE model = $1 GROUP BY source")
        .bind(model)
        .fetch_all(pool)
        .await?)
}

/// Puts vectors there; those of other texts of the same documents go.
pub async fn put_near(tx: &mut Tx, model: &str, rows: &[NearRow]) -> AppResult<()> {
    for rows in rows.chunks(ROWS) {
        let mut sql = Sql::new("DELETE FROM passage_vectors WHERE model = ");
        sql.bind(model.to_owned()).push(" AND source IN ").bind_list(rows.iter().map(|row| &row.source));
        sql.push(" AND state NOT IN ").bind_list(rows.iter().map(|row| &row.state));
        sql.execute(&mut **tx).await?;
        let mut sql = Sql::new(
            "INSERT INTO passage_vectors (model, source, passage, scope, state, embedding) SELECT v.model, v.source, v.passage, v.scope, v.state, CAST(v.embedding AS vector) FROM (VALUES ",
        );
        sql.rows(rows, |values, row| {
            values.bind(model.to_owned()).bind(row.source.clone()).bind(row.passage);
            values.bind(row.scope.clone()).bind(row.state.clone()).bind(row.vector.clone());
        });
        sql.push(
            ") AS v (model, source, passage, scope, state, embedding) ON CONFLICT (model, source, passage) DO UPDATE SET \
                  scope = excluded.scope, state = excluded.state, embedding = excluded.embedding \
                  WHERE passage_vectors.state <> excluded.state OR passage_vectors.scope <> excluded.scope",
        );
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

pub async fn remove_near(tx: &mut Tx, model: &str, sources: &[String]) -> AppResult<()> {
    for sources in sources.chunks(CHUNK) {
        let mut sql = Sql::new("DELETE FROM passage_vectors WHERE model = ");
        sql.bind(model.to_owned()).push(" AND source IN ").bind_list(sources);
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// The documents of the passages nearest to a vector, among those in these scopes. HNSW looks on until enough pass the filter.
pub async fn near(pool: &AnyPool, model: &str, scopes: &[String], vector: &str, passages: i64) -> AppResult<Vec<String>> {
    let mut tx = pool.begin().await?;
    for setting in
        ["SET LOCAL hnsw.ef_search = 1000", "SET LOCAL hnsw.iterative_scan = relaxed_order", "SET LOCAL hnsw.max_scan_tuples = 50000"]
    {
        sqlx::query(setting).execute(&mut *tx).await?;
    }
    let mut sql = Sql::new("SELECT DISTINCT near.source FROM (SELECT source FROM passage_vectors WHERE model = ");
    sql.bind(model.to_owned()).push(" AND scope IN ").bind_list(scopes).push(" ORDER BY embedding <=> CAST(").bind(vector.to_owned());
    sql.push(" AS vector) LIMIT ").number(passages).push(") near");
    let rows: Vec<(String,)> = sql.fetch_all(&mut *tx).await?;
    Ok(rows.into_iter().map(|(source,)| source).collect())
}

fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_read_as_it_was_written() {
        let vector = [0.25, -1.5, f32::MIN_POSITIVE, 0.0];
        assert_eq!(floats(&bytes(&vector)), vector);
    }
}
