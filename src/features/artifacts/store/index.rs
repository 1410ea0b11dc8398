//! What the library index of a node reads.

use sqlx::AnyPool;

use crate::{error::AppResult, ids::VolumeId, server::db::Sql};

crate::row! {
    /// The columns that filters and orders look at.
    pub struct IndexRow {
        pub id: String, pub seq: i64, pub state: i64, pub kind: String, pub slug: String, pub name: String, pub description: String, pub category: String,
        pub tags: String, pub has_draft: i64, pub hints: i64, pub deleted_at: Option<i64>, pub created_at: i64, pub updated_at: i64,
    }
}

const COLUMNS: &str = "SELECT id, seq, state, kind, slug, name, description, category, tags, has_draft, hints, deleted_at, created_at, updated_at FROM artifacts ";

/// Rows changed after `seq`, in that order; a slice of them, so that no reader is held for long. Rows of a commit that is still
/// being published carry a number that the volume has not reached: they are not there yet. Only inside of one statement is the
/// volume's number the one that the rows go with.
pub async fn changed_since(pool: &AnyPool, volume: VolumeId, after: (i64, &str), limit: i64) -> AppResult<Vec<IndexRow>> {
    let mut sql = Sql::new(COLUMNS);
    sql.push("WHERE volume_id = ").bind(volume.to_string());
    sql.push(" AND (seq, id) > (").bind(after.0).push(", ").bind(after.1.to_owned()).push(")");
    sql.push(" AND seq <= (SELECT v.seq FROM volumes v WHERE v.id = ").bind(volume.to_string()).push(")");
    sql.push(" ORDER BY seq, id LIMIT ").number(limit);
    sql.fetch_all(pool).await
}
