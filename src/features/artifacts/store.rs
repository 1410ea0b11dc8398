//! The only SQL on `artifacts`, `revisions`, `contents`, `drafts`, `favourites` and `recents`.

mod drafts;
mod index;
mod places;
mod publishing;
mod removal;
mod revisions;

pub use drafts::*;
pub use index::*;
pub use places::*;
pub use publishing::*;
pub use removal::*;
pub use revisions::*;

use sqlx::AnyPool;

use super::model::{ArtifactSummary, Kind};
use crate::{
    error::AppResult,
    ids::{ArtifactId, RevisionId, UserId, VolumeId},
    server::db::{Sql, Target, Tx, parse_id},
};

/// `artifacts.state`.
pub const STAGED: i64 = 0;
pub const LIVE: i64 = 1;
pub const TRASHED: i64 = 2;

/// SQLite reads at most 32,766 arguments and PostgreSQL 65,535; chunks stay far below.
pub const CHUNK: usize = 500;

crate::row! {
    /// An artifact as stored: its head, or its draft when nothing was committed yet.
    #[derive(Clone, Debug)]
    pub struct ArtifactRow {
        pub id: String,
        pub volume_id: String,
        pub state: i64,
        pub kind: String,
        pub slug: String,
        pub path: String,
        pub name: String,
        pub description: String,
        pub category: String,
        pub tags: String,
        pub version: String,
        pub hints: i64,
        pub has_draft: i64,
        pub head_revision_id: Option<String>,
        pub created_by: String,
        pub deleted_at: Option<i64>,
        pub disabled: String,
        pub created_at: i64,
        pub updated_at: i64,
    }
}

impl ArtifactRow {
    pub fn id(&self) -> AppResult<ArtifactId> {
        parse_id(&self.id)
    }
    /// What is at a place, or will be, as far as revisions are made of it.
    pub fn at(id: ArtifactId, volume: VolumeId, kind: Kind, slug: &str, path: &str) -> Self {
        Self {
            id: id.to_string(),
            volume_id: volume.to_string(),
            state: STAGED,
            kind: kind.as_str().to_owned(),
            slug: slug.to_owned(),
            path: path.to_owned(),
            name: String::new(),
            description: String::new(),
            category: String::new(),
            tags: "[]".to_owned(),
            version: String::new(),
            hints: 0,
            has_draft: 0,
            head_revision_id: None,
            created_by: String::new(),
            deleted_at: None,
            disabled: String::new(),
            created_at: 0,
            updated_at: 0,
        }
    }
    pub fn volume(&self) -> AppResult<VolumeId> {
        parse_id(&self.volume_id)
    }
    pub fn kind(&self) -> Kind {
        self.kind.parse().unwrap_or(Kind::Skill)
    }
    pub fn head(&self) -> AppResult<Option<RevisionId>> {
        self.head_revision_id.as_deref().map(parse_id).transpose()
    }

    /// As a row of the library; precedence is not known here.
    pub fn summary(self) -> AppResult<ArtifactSummary> {
        let head_revision_id = self.head()?;
        Ok(ArtifactSummary {
            diffstat: None,
            id: self.id()?,
            volume_id: self.volume()?,
            kind: self.kind(),
            tags: serde_json::from_str(&self.tags)?,
            slug: self.slug,
            name: self.name,
            description: self.description,
            category: self.category,
            version: self.version,
            hints: self.hints,
            has_draft: self.has_draft != 0,
            new: self.head_revision_id.is_none(),
            head_revision_id,
            overrides: None,
            hidden_by: None,
            deleted_at: self.deleted_at,
            disabled: self.disabled,
            updated_at: self.updated_at,
        })
    }
}

pub const ARTIFACT: &str = "SELECT a.id, a.volume_id, a.state, a.kind, a.slug, a.path, a.name, a.description, a.category, a.tags, a.version, a.hints, \
     a.has_draft, a.head_revision_id, a.created_by, a.deleted_at, a.disabled, a.created_at, a.updated_at FROM artifacts a ";

/// One artifact, staged ones aside.
pub async fn by_id<'c>(executor: impl Target<'c>, id: ArtifactId) -> AppResult<Option<ArtifactRow>> {
    let mut sql = Sql::new(ARTIFACT);
    sql.push("WHERE a.state <> 0 AND a.id = ").bind(id.to_string());
    Ok(sql.fetch_all(executor).await?.pop())
}

/// Whether any artifact has this id, staged ones too.
pub async fn id_is_taken(tx: &mut Tx, id: ArtifactId) -> AppResult<bool> {
    let taken: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM artifacts WHERE id = $1").bind(id.to_string()).fetch_one(&mut **tx).await?;
    Ok(taken > 0)
}

/// What stands under a slug, the trash aside.
pub async fn id_of_slug(tx: &mut Tx, volume: VolumeId, kind: Kind, slug: &str) -> AppResult<Option<ArtifactId>> {
    let mut sql = Sql::new("SELECT id FROM artifacts WHERE state <> 2 AND volume_id = ");
    sql.bind(volume.to_string()).push(" AND kind = ").bind(kind.as_str()).push(" AND slug = ").bind(slug.to_owned());
    sql.fetch_all::<(String,)>(&mut **tx).await?.pop().map(|(id,)| parse_id(&id)).transpose()
}

/// Several, in no order; ids that name nothing are left out.
pub async fn by_ids(pool: &AnyPool, ids: &[ArtifactId]) -> AppResult<Vec<ArtifactRow>> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut sql = Sql::new(ARTIFACT);
        sql.push("WHERE a.state <> 0 AND a.id IN ").bind_list(chunk);
        rows.extend(sql.fetch_all::<ArtifactRow>(pool).await?);
    }
    Ok(rows)
}

/// The same inside a transaction.
pub async fn by_ids_in(tx: &mut Tx, ids: &[ArtifactId]) -> AppResult<Vec<ArtifactRow>> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let mut sql = Sql::new(ARTIFACT);
        sql.push("WHERE a.state <> 0 AND a.id IN ").bind_list(chunk);
        rows.extend(sql.fetch_all::<ArtifactRow>(&mut **tx).await?);
    }
    Ok(rows)
}

crate::row! {
    /// What names an artifact inside its volume.
    #[derive(Clone, Debug)]
    pub struct PlaceRow { pub id: String, pub kind: String, pub slug: String, pub path: String, pub tree_sha: Option<String>, pub head_revision_id: Option<String>,
        pub files: Option<String>, pub executable: Option<i64> }
}

/// Everything in a volume that is not in the trash, with the head's tree.
pub async fn places<'c>(executor: impl Target<'c>, volume: VolumeId) -> AppResult<Vec<PlaceRow>> {
    Ok(sqlx::query_as(
        "SELECT a.id, a.kind, a.slug, a.path, r.tree_sha, a.head_revision_id, r.files, r.executable FROM artifacts a LEFT JOIN revisions r ON r.id = a.head_revision_id \
         WHERE a.volume_id = $1 AND a.state = 1",
    )
    .bind(volume.to_string())
    .fetch_all(executor)
    .await?)
}

/// What is committed in a volume and has one of these slugs, or one of these paths when both are in small letters: id, slug and path.
pub async fn named_or_at(pool: &AnyPool, volume: VolumeId, slugs: &[String], paths: &[String]) -> AppResult<Vec<(String, String, String)>> {
    const FROM: &str = "SELECT id, slug, path FROM artifacts WHERE volume_id = ";
    const COMMITTED: &str = " AND state = 1 AND head_revision_id IS NOT NULL AND ";
    let mut rows = Vec::new();
    for (column, values) in [("slug IN ", slugs), ("lower(path) IN ", paths)] {
        for chunk in values.chunks(CHUNK) {
            let mut sql = Sql::new(FROM);
            sql.bind(volume.to_string()).push(COMMITTED).push(column).bind_list(chunk);
            rows.extend(sql.fetch_all::<(String, String, String)>(pool).await?);
        }
    }
    Ok(rows)
}

/// Live artifacts of a volume that another account made.
pub async fn made_by_others(pool: &AnyPool, volume: VolumeId, by: UserId) -> AppResult<Vec<String>> {
    Ok(sqlx::query_scalar("SELECT id FROM artifacts WHERE volume_id = $1 AND state = 1 AND created_by <> $2")
        .bind(volume.to_string())
        .bind(by.to_string())
        .fetch_all(pool)
        .await?)
}

/// The slugs of a kind that begin alike, to find a free one.
pub async fn slugs_like(tx: &mut Tx, volume: VolumeId, kind: Kind, stem: &str) -> AppResult<Vec<String>> {
    // Slugs are ASCII, so the next letter after the stem bounds the range on both engines.
    Ok(sqlx::query_scalar("SELECT slug FROM artifacts WHERE volume_id = $1 AND kind = $2 AND slug >= $3 AND slug < $4 AND state <> 2")
        .bind(volume.to_string())
        .bind(kind.as_str())
        .bind(stem)
        .bind(format!("{stem}~"))
        .fetch_all(&mut **tx)
        .await?)
}

/// Whether a path is taken.
pub async fn path_taken(tx: &mut Tx, volume: VolumeId, path: &str) -> AppResult<bool> {
    Ok(sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM artifacts WHERE volume_id = $1 AND path = $2 AND state <> 2")
        .bind(volume.to_string())
        .bind(path)
        .fetch_one(&mut **tx)
        .await?
        > 0)
}

crate::row! {
    pub struct TwinRow { pub id: String, pub volume_id: String, pub kind: String, pub slug: String }
}

/// The live artifacts of some volumes with any of these kinds and slugs, besides those that are known.
pub async fn twins(pool: &AnyPool, volumes: &[VolumeId], names: &[(Kind, &str)], known: &[ArtifactId]) -> AppResult<Vec<TwinRow>> {
    if names.is_empty() || volumes.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new("SELECT id, volume_id, kind, slug FROM artifacts WHERE state = 1 AND volume_id IN ");
    sql.bind_list(volumes).push(" AND (");
    let mut first = true;
    for kind in Kind::ALL {
        let slugs: Vec<&str> = names.iter().filter(|(k, _)| *k == kind).map(|(_, slug)| *slug).collect();
        if !slugs.is_empty() {
            if !std::mem::take(&mut first) {
                sql.push(" OR ");
            }
            sql.push("(kind = ").bind(kind.as_str()).push(" AND slug IN ").bind_list(slugs).push(")");
        }
    }
    sql.push(")");
    // Nothing is outside of an empty list, SQL says.
    if !known.is_empty() {
        sql.push(" AND id NOT IN ").bind_list(known);
    }
    sql.fetch_all(pool).await
}

/// A row to insert.
pub struct NewArtifact<'a> {
    pub id: ArtifactId,
    pub volume: VolumeId,
    pub state: i64,
    pub kind: Kind,
    pub slug: &'a str,
    pub path: &'a str,
    pub facts: &'a super::service::Facts,
    pub has_draft: bool,
    pub seq: i64,
    pub by: UserId,
    pub now: i64,
}

/// Inserts rows; at most [`CHUNK`] at once.
pub async fn insert(tx: &mut Tx, artifacts: &[NewArtifact<'_>]) -> AppResult<()> {
    for chunk in artifacts.chunks(50) {
        let mut sql = Sql::new(
            "INSERT INTO artifacts (id, volume_id, state, kind, slug, path, name, description, category, tags, version, author, hints, has_draft, seq, \
             created_by, created_at, updated_at) VALUES ",
        );
        sql.rows(chunk, |row, new| {
            row.bind(new.id.to_string())
                .bind(new.volume.to_string())
                .bind(new.state)
                .bind(new.kind.as_str())
                .bind(new.slug.to_owned())
                .bind(new.path.to_owned())
                .bind(new.facts.name.clone())
                .bind(new.facts.description.clone())
                .bind(new.facts.category.clone())
                .bind(new.facts.tags_json())
                .bind(new.facts.version.clone())
                .bind(new.facts.author.clone())
                .bind(new.facts.hints)
                .bind(i64::from(new.has_draft))
                .bind(new.seq)
                .bind(new.by.to_string())
                .bind(new.now)
                .bind(new.now);
        });
        sql.execute(&mut **tx).await?;
    }
    Ok(())
}

/// The facts of an artifact that was never committed follow its draft.
pub async fn update_facts(tx: &mut Tx, id: ArtifactId, facts: &super::service::Facts, seq: i64, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE artifacts SET name = $2, description = $3, category = $4, tags = $5, version = $6, author = $7, hints = $8, seq = $9, updated_at = $10 WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(&facts.name)
    .bind(&facts.description)
    .bind(&facts.category)
    .bind(facts.tags_json())
    .bind(&facts.version)
    .bind(&facts.author)
    .bind(facts.hints)
    .bind(seq)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

pub async fn set_has_draft(tx: &mut Tx, id: ArtifactId, has_draft: bool, seq: i64) -> AppResult<()> {
    sqlx::query("UPDATE artifacts SET has_draft = $2, seq = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(i64::from(has_draft))
        .bind(seq)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
