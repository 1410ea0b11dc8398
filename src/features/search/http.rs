//! `/api/v1/search`, `/api/v1/search/suggest`, what a device needs to search by itself, and `/api/v1/artifacts/{id}/similar`.

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use tokio_util::io::ReaderStream;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    model::{
        Manifest, OfflineDocuments, Opened, Record, SearchHit, SearchPage, SearchQuery, SimilarQuery, SuggestQuery, Suggested, values,
    },
    service,
};
use crate::{
    error::{AppError, AppResult},
    features::jobs::model::JobStatus,
    ids::ArtifactId,
    server::{
        context::Ctx,
        error::internal,
        extract::{Json, Path, Query},
        rates::{Allowance, Limit},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(search))
        .routes(routes!(suggest))
        .routes(routes!(similar))
        .routes(routes!(opened))
        .routes(routes!(offline))
        .routes(routes!(offline_documents))
        .routes(routes!(offline_model))
        .routes(routes!(reindex))
}

/// Find skills, tools and agents by words and by meaning: 100 queries a minute for each account (`SEARCH_RATE`), of which the headers
/// `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) tell.
#[utoipa::path(get, path = "/search", tag = "search", params(SearchQuery), responses((status = 200, body = SearchPage), (status = "4XX", body = AppError)))]
async fn search(ctx: Ctx, Query(query): Query<SearchQuery>) -> AppResult<impl IntoResponse> {
    let left = ctx.state.rates.take(Limit::Search, &ctx.actor()?.id().to_string())?;
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

/// Say which hit was opened, for the figures of search.
#[utoipa::path(post, path = "/search/opened", tag = "search", request_body = Opened, responses((status = 204), (status = "4XX", body = AppError)))]
async fn opened(ctx: Ctx, Json(opened): Json<Opened>) -> AppResult<StatusCode> {
    service::opened(&ctx, &opened).await.map(|()| StatusCode::NO_CONTENT)
}

/// What a device has to have to search without this server: ids and states of what one may read, and which model.
#[utoipa::path(get, path = "/search/offline", tag = "search", responses((status = 200, body = Manifest), (status = "4XX", body = AppError)))]
async fn offline(ctx: Ctx) -> AppResult<Json<Manifest>> {
    service::manifest(&ctx).await.map(Json)
}

/// Documents for a device, one on each line; those that one may not read are left out.
#[utoipa::path(get, path = "/search/offline/documents", tag = "search", params(OfflineDocuments), responses((status = 200, content_type = "application/x-ndjson", body = Record), (status = "4XX", body = AppError)))]
async fn offline_documents(ctx: Ctx, Query(query): Query<OfflineDocuments>) -> AppResult<impl IntoResponse> {
    let id = |id: &str| Uuid::parse_str(id).map_err(|_| AppError::field("ids", "These are no ids of documents."));
    let ids = values(Some(&query.ids)).into_iter().map(id).collect::<AppResult<Vec<_>>>()?;
    let mut lines = Vec::new();
    for record in service::records(&ctx, &ids).await? {
        serde_json::to_writer(&mut lines, &record)?;
        lines.push(b'\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines))
}

/// A file of the model that a device embeds questions with: `config`, `weights` (in 8 bits), `tokenizer` or `pooling`.
#[utoipa::path(get, path = "/search/offline/model/{file}", tag = "search", params(("file" = String, Path)), responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = "4XX", body = AppError)))]
async fn offline_model(ctx: Ctx, Path(file): Path<String>) -> AppResult<impl IntoResponse> {
    let path = service::model_file(&ctx, &file).await?;
    let file = tokio::fs::File::open(&path).await.map_err(|error| internal("a model's file", &error))?;
    let length = file.metadata().await.map_err(|error| internal("a model's file", &error))?.len();
    let body = Body::from_stream(ReaderStream::with_capacity(file, 256 * 1024));
    Ok(([(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_LENGTH, length.to_string())], body))
}

/// Make the index anew from the database; the old one answers until the new one is whole. For administrators; `/jobs/{id}` says how far it is.
#[utoipa::path(post, path = "/admin/search/reindex", tag = "administration", responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn reindex(ctx: Ctx) -> AppResult<(StatusCode, Json<JobStatus>)> {
    Ok((StatusCode::ACCEPTED, Json(service::request_reindex(&ctx).await?)))
}

/// The names of draft-ietf-httpapi-ratelimit-headers before its tenth version, which clients of this route know.
fn told(left: Option<Allowance>) -> AppendHeaders<Vec<(&'static str, String)>> {
    let named = |left: Allowance| {
        [("ratelimit-limit", left.limit), ("ratelimit-remaining", left.remaining), ("ratelimit-reset", left.reset)]
            .map(|(name, number)| (name, number.to_string()))
    };
    AppendHeaders(left.into_iter().flat_map(named).collect())
}
