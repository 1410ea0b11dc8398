//! `/api/v1/search`, `/api/v1/search/suggest` and `/api/v1/artifacts/{id}/similar`.

use axum::response::{AppendHeaders, IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{SearchHit, SearchPage, SearchQuery, SimilarQuery, SuggestQuery, Suggested},
    service::{self, Allowance},
};
use crate::{
    error::{AppError, AppResult},
    ids::ArtifactId,
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(search)).routes(routes!(suggest)).routes(routes!(similar))
}

/// Find skills, tools and agents by words and by meaning: 100 queries a minute for each account (`SEARCH_RATE`), of which the headers
/// `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) tell.
#[utoipa::path(get, path = "/search", tag = "search", params(SearchQuery), responses((status = 200, body = SearchPage), (status = "4XX", body = AppError)))]
async fn search(ctx: Ctx, Query(query): Query<SearchQuery>) -> AppResult<impl IntoResponse> {
    let left = ctx.state.search_limit.take(ctx.actor()?.id())?;
    Ok((told(left), Json(service::search(&ctx, query).await?)))
}

/// What somebody who types may mean: names, tags, categories and words.
#[utoipa::path(get, path = "/search/suggest", tag = "search", params(SuggestQuery), responses((status = 200, body = Vec<Suggested>), (status = "4XX", body = AppError)))]
async fn suggest(ctx: Ctx, Query(query): Query<SuggestQuery>) -> AppResult<Json<Vec<Suggested>>> {
    service::suggest(&ctx, query).await.map(Json)
}

/// What is like an artifact, the nearest first.
#[utoipa::path(get, path = "/artifacts/{id}/similar", tag = "search", params(("id" = ArtifactId, Path), SimilarQuery), responses((status = 200, body = Vec<SearchHit>), (status = "4XX", body = AppError)))]
async fn similar(ctx: Ctx, Path(id): Path<ArtifactId>, Query(query): Query<SimilarQuery>) -> AppResult<Json<Vec<SearchHit>>> {
    service::similar(&ctx, id, query).await.map(Json)
}

fn told(left: Allowance) -> AppendHeaders<[(&'static str, String); 3]> {
    AppendHeaders([
        ("ratelimit-limit", left.limit.to_string()),
        ("ratelimit-remaining", left.remaining.to_string()),
        ("ratelimit-reset", left.reset.to_string()),
    ])
}
