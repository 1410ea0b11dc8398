//! Artifacts as other features name them: by id, by slug, and while somebody types.

use std::collections::{HashMap, HashSet};

use crate::{
    error::AppResult,
    features::{
        artifacts::{
            model::Kind,
            store::{self, ArtifactRow},
        },
        volumes::{self, service::VolumeAccess},
    },
    ids::{ArtifactId, RevisionId, VolumeId},
    server::{context::Ctx, db::parse_id},
};

/// What a link to an artifact shows.
#[derive(Clone, Debug)]
pub struct Named {
    pub id: ArtifactId,
    pub kind: Kind,
    pub slug: String,
    pub name: String,
    pub volume: VolumeId,
    pub volume_name: String,
    pub has_draft: bool,
    pub head: Option<RevisionId>,
}

fn named_row(row: ArtifactRow, volumes: &[VolumeAccess]) -> AppResult<Option<Named>> {
    let volume = row.volume()?;
    let Some(access) = volumes.iter().find(|access| access.id == volume).filter(|_| row.state == store::LIVE) else { return Ok(None) };
    Ok(Some(Named {
        id: row.id()?,
        kind: row.kind(),
        volume,
        volume_name: access.name.clone(),
        has_draft: row.has_draft != 0,
        head: row.head()?,
        slug: row.slug,
        name: row.name,
    }))
}

/// Those of these artifacts that the caller may read and that are not in the trash.
pub async fn named(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<HashMap<ArtifactId, Named>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    named_in(ctx, &volumes::service::visible(ctx).await?, ids).await
}

async fn named_in(ctx: &Ctx, volumes: &[VolumeAccess], ids: &[ArtifactId]) -> AppResult<HashMap<ArtifactId, Named>> {
    let mut found = HashMap::with_capacity(ids.len());
    for row in store::by_ids(ctx.db().read(), ids).await? {
        if let Some(named) = named_row(row, volumes)? {
            found.insert(named.id, named);
        }
    }
    Ok(found)
}

/// What these slugs mean in some volumes, of which those before hide those after: a skill before a tool before an agent.
pub async fn find_by_slug(ctx: &Ctx, volumes: &[VolumeAccess], slugs: &HashSet<String>) -> AppResult<HashMap<String, Named>> {
    let names: Vec<(Kind, &str)> = Kind::ALL.into_iter().flat_map(|kind| slugs.iter().map(move |slug| (kind, slug.as_str()))).collect();
    let ids: Vec<VolumeId> = volumes.iter().map(|volume| volume.id).collect();
    let mut best: HashMap<String, ((usize, Kind), ArtifactId)> = HashMap::new();
    for twin in store::twins(ctx.db().read(), &ids, &names, &[]).await? {
        let Some(rank) = ids.iter().position(|id| id.to_string() == twin.volume_id) else { continue };
        let place = ((rank, twin.kind.parse().unwrap_or(Kind::Skill)), parse_id(&twin.id)?);
        best.entry(twin.slug).and_modify(|known| *known = place.min(*known)).or_insert(place);
    }
    let ids: Vec<ArtifactId> = best.values().map(|(_, id)| *id).collect();
    let named = named_in(ctx, volumes, &ids).await?;
    Ok(best.into_iter().filter_map(|(slug, (_, id))| Some((slug, named.get(&id)?.clone()))).collect())
}

/// A skill that a run used.
#[derive(Clone, Debug)]
pub struct UsedSkill {
    pub id: ArtifactId,
    pub volume: VolumeId,
    pub category: String,
}

/// The skills that these slugs mean to an account or a team with this id; those that are none of theirs are left out. Nobody is asked who may see them.
pub async fn skills_of(ctx: &Ctx, owner: &str, slugs: &[&str]) -> AppResult<HashMap<String, UsedSkill>> {
    let mut found = HashMap::new();
    for row in store::skills_of(ctx.db().read(), owner, slugs).await? {
        let skill = UsedSkill { id: parse_id(&row.id)?, volume: parse_id(&row.volume_id)?, category: row.category };
        found.entry(row.slug).or_insert(skill);
    }
    Ok(found)
}

/// What the beginning or a part of a slug or a name may mean in some volumes, the best first.
pub async fn complete(ctx: &Ctx, volumes: &[VolumeAccess], typed: &str, limit: usize) -> AppResult<Vec<Named>> {
    let typed = typed.trim().to_lowercase();
    let mut ranked = Vec::new();
    for (at, volume) in volumes.iter().enumerate() {
        let entry = ctx.state.library.at(ctx, volume.id, volume.seq).await?;
        let found = entry.read().complete(&typed, limit);
        ranked.extend(found.into_iter().map(|(rank, name, id)| (rank, at, name, id)));
    }
    ranked.sort();
    ranked.truncate(limit);
    let ids: Vec<ArtifactId> = ranked.iter().map(|(.., id)| *id).collect();
    let mut named = named_in(ctx, volumes, &ids).await?;
    Ok(ids.iter().filter_map(|id| named.remove(id)).collect())
}
