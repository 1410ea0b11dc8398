//! Finding and rating.

use axum::http::StatusCode;
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    model::{BrowsePage, BrowseQuery, ItemDetail, ItemReview, Rate},
    service,
};
use crate::{
    error::{AppError, AppResult},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(browse)).routes(routes!(get_item)).routes(routes!(rate_item, delete_own_review))
}

/// The catalogue: one page, narrowed and in order, with the counts that stand beside it.
#[utoipa::path(get, path = "/marketplace/listings", tag = "marketplace", security(()), params(BrowseQuery), responses((status = 200, body = BrowsePage), (status = "4XX", body = AppError)))]
async fn browse(ctx: Ctx, Query(query): Query<BrowseQuery>) -> AppResult<Json<BrowsePage>> {
    service::browse(&ctx, query).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Version {
    /// The newest without it.
    version: Option<String>,
}

/// One item with all that its page shows. A name that it had before will do.
#[utoipa::path(get, path = "/marketplace/listings/{item}", tag = "marketplace", security(()), params(("item" = String, Path, description = "Slug or id"), Version), responses((status = 200, body = ItemDetail), (status = "4XX", body = AppError)))]
async fn get_item(ctx: Ctx, Path(item): Path<String>, Query(query): Query<Version>) -> AppResult<Json<ItemDetail>> {
    service::item(&ctx, &item, query.version).await.map(Json)
}

/// Rate an item that one has installed, or change one's rating.
#[utoipa::path(put, path = "/marketplace/listings/{item}/review", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = Rate, responses((status = 200, body = ItemReview), (status = "4XX", body = AppError)))]
async fn rate_item(ctx: Ctx, Path(item): Path<String>, Json(input): Json<Rate>) -> AppResult<Json<ItemReview>> {
    service::rate(&ctx, &item, input).await.map(Json)
}

/// Take one's own review back.
#[utoipa::path(delete, path = "/marketplace/listings/{item}/review", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_own_review(ctx: Ctx, Path(item): Path<String>) -> AppResult<StatusCode> {
    service::delete_review(&ctx, &item).await.map(|()| StatusCode::NO_CONTENT)
}
