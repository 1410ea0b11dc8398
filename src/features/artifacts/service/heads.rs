//! The heads of artifacts, as the search index takes them in: by the numbers that the library's index goes by.

use std::collections::HashMap;

use super::tree::contents_of;
use crate::{
    error::AppResult,
    features::artifacts::{
        model::{Kind, document::Document},
        store,
    },
    ids::{ArtifactId, RevisionId, UserId, VolumeId},
    server::{context::Ctx, db::parse_id},
};

/// An artifact whose row changed.
pub struct ChangedHead {
    pub id: ArtifactId,
    pub seq: i64,
    /// None when there is nothing to find: never committed, in the trash, or disabled.
    pub head: Option<Head>,
}

/// What was committed last.
pub struct Head {
    pub revision: RevisionId,
    pub kind: Kind,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    pub version: String,
    pub author: UserId,
    pub updated_at: i64,
    content: String,
}

/// Artifacts of a volume that changed after a number, in that order; a slice of them.
pub async fn heads_since(ctx: &Ctx, volume: VolumeId, after: (i64, &str), limit: i64) -> AppResult<Vec<ChangedHead>> {
    let rows = store::heads_since(ctx.db().read(), volume, after, limit).await?;
    rows.into_iter().map(changed).collect()
}

fn changed(row: store::SearchRow) -> AppResult<ChangedHead> {
    let live = row.state == store::LIVE && row.disabled.is_empty();
    let head = match (live, row.head) {
        (true, Some(revision)) => Some(Head {
            revision: parse_id(&revision)?,
            kind: row.kind.unwrap_or_default().parse().unwrap_or(Kind::Skill),
            slug: row.slug.unwrap_or_default(),
            name: row.name.unwrap_or_default(),
            description: row.description.unwrap_or_default(),
            category: row.category.unwrap_or_default(),
            tags: serde_json::from_str(&row.tags.unwrap_or_else(|| "[]".to_owned()))?,
            version: row.version.unwrap_or_default(),
            author: parse_id(&row.created_by)?,
            updated_at: row.updated_at.unwrap_or_default(),
            content: row.content_sha.unwrap_or_default(),
        }),
        _ => None,
    };
    Ok(ChangedHead { id: parse_id(&row.id)?, seq: row.seq, head })
}

/// The heads of these artifacts, and the volumes they are in.
pub async fn heads_of(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<Vec<(ArtifactId, VolumeId, Head)>> {
    let rows = store::heads_by_id(ctx.db().read(), ids).await?;
    let mut heads = Vec::with_capacity(rows.len());
    for row in rows {
        let volume = parse_id(&row.volume_id)?;
        let changed = changed(row)?;
        heads.extend(changed.head.map(|head| (changed.id, volume, head)));
    }
    Ok(heads)
}

/// The text of main files without their frontmatter, in the order of `heads`; empty where a content is missing.
pub async fn bodies(ctx: &Ctx, heads: &[&Head]) -> AppResult<Vec<String>> {
    let mut shas: Vec<String> = heads.iter().map(|head| head.content.clone()).collect();
    shas.sort_unstable();
    shas.dedup();
    let contents = contents_of(ctx, &shas).await?;
    Ok(heads.iter().map(|head| contents.get(&head.content).map(|bytes| body_of(bytes)).unwrap_or_default()).collect())
}

/// The bodies of the heads of these artifacts.
pub async fn bodies_of(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<HashMap<ArtifactId, String>> {
    let mut bodies = HashMap::with_capacity(ids.len());
    for (id, bytes) in store::head_contents(ctx.db().read(), ids).await? {
        bodies.insert(parse_id(&id)?, body_of(&bytes));
    }
    Ok(bodies)
}

/// The texts of the heads of these artifacts, with their frontmatter.
pub async fn texts_of(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<HashMap<ArtifactId, String>> {
    let rows = store::head_contents(ctx.db().read(), ids).await?;
    rows.into_iter().map(|(id, bytes)| Ok((parse_id(&id)?, Document::decode(&bytes).text))).collect()
}

fn body_of(bytes: &[u8]) -> String {
    let decoded = Document::decode(bytes);
    Document::parse(&decoded.text).body.to_owned()
}
