//! What the indexes of a node read: the library's, and the search's.

use sqlx::AnyPool;

use crate::{
    error::AppResult,
    ids::{ArtifactId, VolumeId},
    server::db::Sql,
};

crate::row! {
    /// The columns that filters and orders look at.
    pub struct IndexRow {
        pub id: String, pub seq: i64, pub state: i64, pub kind: String, pub slug: String, pub name: String, pub description: String, pub category: String,
        pub tags: String, pub has_draft: i64, pub hints: i64, pub deleted_at: Option<i64>, pub created_at: i64, pub updated_at: i64,
    }
}

const COLUMNS: &str = "SELECT id, seq, state, kind, slug, name, description, category, tags, has_draft, hints, deleted_at, created_at, updated_at FROM artifacts a ";

/// Rows of `artifacts a` above a number, in that order; a slice of them, so that no reader is held for long. Rows of a commit that is still
/// being published carry a number that the volume has not reached: they are not there yet. Only inside of one statement is the
/// volume's number the one that the rows go with. Rows that an import has only staged are left out here, so that a slice is as long as there is more.
fn after_number(sql: &mut Sql, volume: VolumeId, after: (i64, &str), limit: i64) {
    sql.push("WHERE a.state <> 0 AND a.volume_id = ").bind(volume.to_string());
    sql.push(" AND (a.seq, a.id) > (").bind(after.0).push(", ").bind(after.1.to_owned()).push(")");
    sql.push(" AND a.seq <= (SELECT v.seq FROM volumes v WHERE v.id = ").bind(volume.to_string()).push(")");
    sql.push(" ORDER BY a.seq, a.id LIMIT ").number(limit);
}

/// Rows changed after a number.
pub async fn changed_since(pool: &AnyPool, volume: VolumeId, after: (i64, &str), limit: i64) -> AppResult<Vec<IndexRow>> {
    let mut sql = Sql::new(COLUMNS);
    after_number(&mut sql, volume, after, limit);
    sql.fetch_all(pool).await
}

crate::row! {
    /// The head of an artifact as search knows it.
    pub struct SearchRow {
        pub id: String, pub volume_id: String, pub seq: i64, pub state: i64, pub disabled: String, pub created_by: String, pub head: Option<String>, pub kind: Option<String>,
        pub slug: Option<String>, pub name: Option<String>, pub description: Option<String>, pub category: Option<String>,
        pub tags: Option<String>, pub version: Option<String>, pub content_sha: Option<String>, pub updated_at: Option<i64>,
    }
}

const HEADS: &str =
    "SELECT a.id, a.volume_id, a.seq, a.state, a.disabled, a.created_by, r.id AS head, r.kind, r.slug, r.name, r.description, r.category, r.tags,
       r.version, r.content_sha, r.created_at AS updated_at
     FROM artifacts a LEFT JOIN revisions r ON r.id = a.head_revision_id ";

/// As [`changed_since`], with the heads.
pub async fn heads_since(pool: &AnyPool, volume: VolumeId, after: (i64, &str), limit: i64) -> AppResult<Vec<SearchRow>> {
    let mut sql = Sql::new(HEADS);
    after_number(&mut sql, volume, after, limit);
    sql.fetch_all(pool).await
}

pub async fn heads_by_id(pool: &AnyPool, ids: &[ArtifactId]) -> AppResult<Vec<SearchRow>> {
    let mut sql = Sql::new(HEADS);
    sql.push("WHERE a.id IN ").bind_list(ids);
    sql.fetch_all(pool).await
}

crate::row! {
    struct HeadContentRow { id: String, bytes: Vec<u8> }
}

/// The main files of the heads of these artifacts.
pub async fn head_contents(pool: &AnyPool, ids: &[ArtifactId]) -> AppResult<Vec<(String, Vec<u8>)>> {
    let mut sql = Sql::new(
        "SELECT a.id, c.bytes FROM artifacts a JOIN revisions r ON r.id = a.head_revision_id JOIN contents c ON c.sha = r.content_sha WHERE a.id IN ",
    );
    sql.bind_list(ids);
    let rows: Vec<HeadContentRow> = sql.fetch_all(pool).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.bytes)).collect())
}

crate::row! {
    /// A skill as runs name it.
    #[derive(Clone, Debug)]
    pub struct SkillRow { pub slug: String, pub id: String, pub volume_id: String, pub category: String }
}

/// What these slugs of skills mean to an account or a team: its own come before those built in.
pub async fn skills_of(pool: &AnyPool, owner: &str, slugs: &[&str]) -> AppResult<Vec<SkillRow>> {
    let mut found = Vec::new();
    for chunk in slugs.chunks(super::CHUNK) {
        let mut sql = Sql::new(
            "SELECT a.slug, a.id, a.volume_id, a.category FROM artifacts a JOIN volumes v ON v.id = a.volume_id \
             WHERE a.kind = 'skill' AND a.state = 1 AND v.deleted_at IS NULL AND (v.kind = 'system' OR v.owner_id = ",
        );
        sql.bind(owner.to_owned()).push(") AND a.slug IN ").bind_list(chunk);
        sql.push(" ORDER BY CASE WHEN v.kind = 'system' THEN 1 ELSE 0 END, a.id");
        found.extend(sql.fetch_all(pool).await?);
    }
    Ok(found)
}
