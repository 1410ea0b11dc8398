//! From what the engine found to what people see: names, passages with their marks, and who and where by name.

use std::collections::HashMap;

use llmos_search::{Answer, Explanation, Facets, Kind, TermPart};

use super::super::model::{Count, Found, SearchFacets, SearchHit, SearchPage, Why, WhyWord, pieces, without_marks};
use crate::{
    error::AppResult,
    features::{
        accounts,
        artifacts::{self, model::ArtifactSummary},
        volumes::service::VolumeAccess,
    },
    ids::{ArtifactId, UserId, VolumeId},
    server::context::Ctx,
};

pub async fn page(ctx: &Ctx, found: Answer, visible: &[VolumeAccess], took_ms: f64) -> AppResult<SearchPage> {
    let ids: Vec<ArtifactId> = found.hits.iter().map(|hit| ArtifactId::from_bits(hit.id.0)).collect();
    let mut rows: HashMap<ArtifactId, ArtifactSummary> =
        artifacts::service::in_order(ctx, &ids).await?.into_iter().map(|row| (row.id, row)).collect();
    let bodies = artifacts::service::bodies_of(ctx, &ids).await?;
    let mut hits = Vec::with_capacity(ids.len());
    for (hit, id) in found.hits.iter().zip(ids) {
        // Gone since the index was asked, or moved to where the caller may not read.
        let Some(row) = rows.remove(&id) else { continue };
        let Some(volume) = visible.iter().find(|volume| volume.id == row.volume_id) else { continue };
        let marked = |text: &str| pieces(text, 0..text.len(), &found.highlighter.marks(text));
        let body = bodies.get(&id).map(String::as_str).unwrap_or_default();
        let snippet = found.highlighter.snippet(body, hit.passage.clone());
        hits.push(SearchHit {
            id: id.to_string(),
            kind: Found::parse(row.kind.as_str()).unwrap_or(Found::Skill),
            score: hit.score,
            name_pieces: marked(&row.name),
            description_pieces: marked(&row.description),
            passage: without_marks(pieces(body, snippet.range, &snippet.marks)),
            volume_id: row.volume_id,
            volume_name: volume.name.clone(),
            slug: row.slug,
            name: row.name,
            description: row.description,
            category: row.category,
            tags: row.tags,
            version: row.version,
            updated_at: row.updated_at,
            why: hit.explanation.as_deref().map(why),
        });
    }
    Ok(SearchPage {
        hits,
        total: found.total,
        facets: facets(ctx, found.facets).await?,
        semantic: found.semantic,
        waiting: ctx.state.search.waiting(|waiting| waiting.len()),
        took_ms,
    })
}

async fn facets(ctx: &Ctx, facets: Facets) -> AppResult<SearchFacets> {
    let authors: Vec<(UserId, usize)> = facets.authors.iter().map(|(author, count)| (UserId::from_bits(author.id), *count)).collect();
    let people = accounts::service::people(ctx, authors.iter().map(|(id, _)| *id)).await?;
    Ok(SearchFacets {
        kinds: facets.kinds.into_iter().filter_map(|(kind, count)| Some(Count { value: found(kind)?, count })).collect(),
        categories: facets.categories.into_iter().map(|(value, count)| Count { value, count }).collect(),
        tags: facets.tags.into_iter().map(|(value, count)| Count { value, count }).collect(),
        authors: authors.into_iter().filter_map(|(id, count)| Some(Count { value: people.get(&id)?.clone(), count })).collect(),
        volumes: facets.scopes.into_iter().map(|(scope, count)| Count { value: VolumeId::from_bits(scope.0), count }).collect(),
    })
}

fn found(kind: Kind) -> Option<Found> {
    match kind {
        Kind::Skill => Some(Found::Skill),
        Kind::Tool => Some(Found::Tool),
        Kind::Agent => Some(Found::Agent),
        Kind::Session | Kind::Listing => None,
    }
}

fn why(explanation: &Explanation) -> Why {
    let word = |part: &TermPart| WhyWord { word: part.term.clone(), field: format!("{:?}", part.field).to_lowercase(), score: part.score };
    Why {
        lexical: explanation.lexical,
        semantic: explanation.semantic,
        lexical_rank: explanation.lexical_rank,
        semantic_rank: explanation.semantic_rank,
        cosine: explanation.cosine,
        name_boost: explanation.name_boost,
        words: explanation.terms.iter().map(word).collect(),
    }
}
