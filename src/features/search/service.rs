//! Searching what the caller may read.

mod answer;
mod embedding;
mod index;
mod limit;
mod model;
mod query;

use std::time::Instant;

use super::model::{SUGGESTIONS_MAX, SearchHit, SearchPage, SearchQuery, SearchStatus, SimilarQuery, SuggestQuery, Suggested};
use crate::{
    error::{AppError, AppResult},
    features::volumes::{self, service::VolumeAccess},
    ids::ArtifactId,
    server::{context::Ctx, error::internal},
};
use llmos_search::{Answer, Filter, Id, Scope, SuggestionOf};

pub use index::{SearchIndex, take_in};
pub use limit::{Allowance, SearchLimit};
pub use model::{Model, Semantic};

use embedding::embed_all;
use index::take_in_all;

/// Finds.
pub async fn search(ctx: &Ctx, query: SearchQuery) -> AppResult<SearchPage> {
    let visible = volumes::service::visible(ctx).await?;
    let searched = query::searched(ctx, &query, &visible).await?;
    let mut asked = query::parse(&query, &searched)?;
    asked.vector = ctx.state.search_model.question(&asked.text).await?.map(|vector| vector.to_vec());
    bring_up_to_date(ctx, &searched).await?;
    let index = ctx.state.search.clone();
    let began = Instant::now();
    // Off the async threads: a large index takes some milliseconds.
    let found: Answer =
        tokio::task::spawn_blocking(move || index.read().search(&asked)).await.map_err(|error| internal("search", &error))?;
    let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
    answer::page(ctx, found, &visible, took_ms).await
}

/// What somebody may be about to type.
pub async fn suggest(ctx: &Ctx, query: SuggestQuery) -> AppResult<Vec<Suggested>> {
    let visible = volumes::service::visible(ctx).await?;
    bring_up_to_date(ctx, &visible).await?;
    let limit = query.limit.unwrap_or(8).clamp(1, SUGGESTIONS_MAX) as usize;
    let found = ctx.state.search.read().suggest(&query.q, &filter_of(&visible), limit);
    Ok(found
        .into_iter()
        .map(|suggestion| {
            let id = match suggestion.of {
                SuggestionOf::Document { id, .. } => Some(ArtifactId::from_bits(id.0).to_string()),
                SuggestionOf::Tag { .. } => None,
            };
            Suggested { text: suggestion.text, id }
        })
        .collect())
}

/// What is like an artifact that the caller may read.
pub async fn similar(ctx: &Ctx, id: ArtifactId, query: SimilarQuery) -> AppResult<Vec<SearchHit>> {
    let visible = volumes::service::visible(ctx).await?;
    bring_up_to_date(ctx, &visible).await?;
    if !ctx.state.search.is_in(id, &visible) {
        return Err(AppError::not_found("artifact"));
    }
    let limit = query.limit.unwrap_or(6).clamp(1, SUGGESTIONS_MAX) as usize;
    let hits = ctx.state.search.read().similar(Id(id.bits()), &filter_of(&visible), limit);
    let found = Answer { hits, ..Answer::default() };
    Ok(answer::page(ctx, found, &visible, 0.0).await?.hits)
}

fn filter_of(volumes: &[VolumeAccess]) -> Filter {
    Filter { scopes: volumes.iter().map(|volume| Scope(volume.id.bits())).collect(), ..Filter::default() }
}

/// What was committed before the question is found.
async fn bring_up_to_date(ctx: &Ctx, volumes: &[VolumeAccess]) -> AppResult<()> {
    for volume in volumes {
        ctx.state.search.at_least(ctx, volume.id, volume.seq).await?;
    }
    Ok(())
}

/// Until the process is asked to stop: the index is made, and its vectors.
pub async fn keep(ctx: &Ctx) {
    tokio::join!(take_in_all(ctx), embed_all(ctx));
}

/// How search stands on this node.
pub fn status(ctx: &Ctx) -> SearchStatus {
    let meaning = match ctx.state.search_model.state() {
        Semantic::Loading => "loading",
        Semantic::Ready(_) => "ready",
        Semantic::Missing => "missing",
    };
    let search = &ctx.state.search;
    SearchStatus { documents: search.read().len(), waiting: search.waiting(|waiting| waiting.len()), meaning: meaning.to_owned() }
}
