//! `/api/marketplace`: the interface that other programs are written against, and that stays as it is. Lists are bare arrays; their length and their next
//! page are in `X-Total-Count` and `Link`.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    model::{
        BrowseQuery, Install, Installation, Item, ItemReview, MarketFacets, MarketStats, Publish, Rate, Submission, SubmissionDetail,
        UpdateOffer,
    },
    service,
};
use crate::{
    browser::data::with_query,
    error::{AppError, AppResult},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(browse))
        .routes(routes!(search))
        .routes(routes!(facets))
        .routes(routes!(get_item))
        .routes(routes!(rate))
        .routes(routes!(stats))
        .routes(routes!(my_items))
        .routes(routes!(installed))
        .routes(routes!(check_updates))
        .routes(routes!(install))
        .merge(super::owners::stable_routes())
        .merge(OpenApiRouter::new().routes(routes!(publish)).layer(axum::extract::DefaultBodyLimit::max(super::publishing::PUBLISH_BYTES)))
}

async fn listed(ctx: &Ctx, path: &str, query: BrowseQuery) -> AppResult<impl IntoResponse + use<>> {
    let (items, total, next) = service::items(ctx, query.clone()).await?;
    let mut headers = HeaderMap::new();
    headers.insert("x-total-count", HeaderValue::from(total));
    if let Some(next) = next {
        let address = with_query(path, &BrowseQuery { cursor: Some(next), offset: None, ..query });
        if let Ok(link) = HeaderValue::from_str(&format!("<{address}>; rel=\"next\"")) {
            headers.insert(header::LINK, link);
        }
    }
    Ok((headers, Json(items)))
}

/// Items, narrowed and in order.
#[utoipa::path(get, path = "/browse", tag = "marketplace", security(()), params(BrowseQuery), responses((status = 200, body = [Item]), (status = "4XX", body = AppError)))]
async fn browse(ctx: Ctx, Query(query): Query<BrowseQuery>) -> AppResult<impl IntoResponse> {
    listed(&ctx, "/api/marketplace/browse", query).await
}

/// Items by words and by meaning.
#[utoipa::path(get, path = "/search", tag = "marketplace", security(()), params(BrowseQuery), responses((status = 200, body = [Item]), (status = "4XX", body = AppError)))]
async fn search(ctx: Ctx, Query(query): Query<BrowseQuery>) -> AppResult<impl IntoResponse> {
    if query.q.as_deref().is_none_or(|words| words.trim().is_empty()) {
        return Err(AppError::field("q", "Say what you look for."));
    }
    listed(&ctx, "/api/marketplace/search", query).await
}

/// How many items there are of each value.
#[utoipa::path(get, path = "/facets", tag = "marketplace", security(()), params(BrowseQuery), responses((status = 200, body = MarketFacets), (status = "4XX", body = AppError)))]
async fn facets(ctx: Ctx, Query(query): Query<BrowseQuery>) -> AppResult<Json<MarketFacets>> {
    Ok(Json(service::browse(&ctx, BrowseQuery { limit: Some(1), ..query }).await?.facets))
}

/// One item with its text.
#[utoipa::path(get, path = "/items/{item}", tag = "marketplace", security(()), params(("item" = String, Path, description = "Slug or id")), responses((status = 200, body = Item), (status = "4XX", body = AppError)))]
async fn get_item(ctx: Ctx, Path(item): Path<String>) -> AppResult<Json<Item>> {
    service::item_for_programs(&ctx, &item).await.map(Json)
}

/// Rate an item that one has installed.
#[utoipa::path(post, path = "/items/{item}/rate", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = Rate, responses((status = 200, body = ItemReview), (status = "4XX", body = AppError)))]
async fn rate(ctx: Ctx, Path(item): Path<String>, Json(input): Json<Rate>) -> AppResult<Json<ItemReview>> {
    service::rate(&ctx, &item, input).await.map(Json)
}

/// The figures of the whole catalogue.
#[utoipa::path(get, path = "/stats", tag = "marketplace", security(()), responses((status = 200, body = MarketStats), (status = "4XX", body = AppError)))]
async fn stats(ctx: Ctx) -> AppResult<Json<MarketStats>> {
    service::stats(&ctx).await.map(Json)
}

/// What the caller submitted.
#[utoipa::path(get, path = "/my-items", tag = "marketplace", responses((status = 200, body = [Submission]), (status = "4XX", body = AppError)))]
async fn my_items(ctx: Ctx) -> AppResult<Json<Vec<Submission>>> {
    service::my_submissions(&ctx).await.map(Json)
}

/// What is installed in the volumes that the caller sees.
#[utoipa::path(get, path = "/installed", tag = "marketplace", responses((status = 200, body = [Installation]), (status = "4XX", body = AppError)))]
async fn installed(ctx: Ctx) -> AppResult<Json<Vec<Installation>>> {
    service::installed(&ctx).await.map(Json)
}

/// What of it has a newer version.
#[utoipa::path(get, path = "/check-updates", tag = "marketplace", responses((status = 200, body = [UpdateOffer]), (status = "4XX", body = AppError)))]
async fn check_updates(ctx: Ctx) -> AppResult<Json<Vec<UpdateOffer>>> {
    service::check_updates(&ctx).await.map(Json)
}

/// Install an item with what it needs.
#[utoipa::path(post, path = "/install", tag = "marketplace", request_body = Install, responses((status = 201, body = Installation), (status = "4XX", body = AppError)))]
async fn install(ctx: Ctx, Json(input): Json<Install>) -> AppResult<(StatusCode, Json<Installation>)> {
    Ok((StatusCode::CREATED, Json(service::install(&ctx, input).await?)))
}

/// Submit a release.
#[utoipa::path(post, path = "/publish", tag = "marketplace", request_body = Publish, responses((status = 201, body = SubmissionDetail), (status = "4XX", body = AppError)))]
async fn publish(ctx: Ctx, Json(input): Json<Publish>) -> AppResult<(StatusCode, Json<SubmissionDetail>)> {
    Ok((StatusCode::CREATED, Json(service::publish(&ctx, input).await?)))
}
