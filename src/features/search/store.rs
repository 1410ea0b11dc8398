//! The only SQL on `embeddings`.

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
