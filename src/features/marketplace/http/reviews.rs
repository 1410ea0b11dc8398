//! What is said of an item, what it looks like, what is in it, and what is like it.

use axum::{
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    model::{
        ArrangeScreenshots, ItemReview, LicenceCheck, ListingCard, Reason, Reply, ReviewPage, ReviewQuery, SCREENSHOT_BYTES, Screenshot,
    },
    service,
};
use crate::{
    error::{AppError, AppResult},
    features::artifacts::http::disposition,
    ids::{ReleaseId, ScreenshotId, UserId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        pictures,
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    let upload = OpenApiRouter::new().routes(routes!(add_screenshot)).layer(DefaultBodyLimit::max(SCREENSHOT_BYTES + pictures::ENVELOPE));
    OpenApiRouter::new()
        .routes(routes!(list_reviews))
        .routes(routes!(reply_to_review))
        .routes(routes!(hide_review, show_review))
        .merge(upload)
        .routes(routes!(arrange_screenshots))
        .routes(routes!(delete_screenshot))
        .routes(routes!(get_screenshot))
        .routes(routes!(similar_items))
        .routes(routes!(get_release_file))
        .routes(routes!(list_licences))
        .routes(routes!(check_licence))
}

/// The reviews of an item: the newest first, or by rating. What a moderator hid only moderators see.
#[utoipa::path(get, path = "/marketplace/listings/{item}/reviews", tag = "marketplace", security(()), params(("item" = String, Path, description = "Slug or id"), ReviewQuery), responses((status = 200, body = ReviewPage), (status = "4XX", body = AppError)))]
async fn list_reviews(ctx: Ctx, Path(item): Path<String>, Query(query): Query<ReviewQuery>) -> AppResult<Json<ReviewPage>> {
    service::reviews(&ctx, &item, query).await.map(Json)
}

/// Answer a review of one's item, or change the answer; an empty text takes it back.
#[utoipa::path(put, path = "/marketplace/listings/{item}/reviews/{user_id}/reply", tag = "marketplace", params(("item" = String, Path, description = "Slug or id"), ("user_id" = UserId, Path)), request_body = Reply, responses((status = 200, body = ItemReview), (status = "4XX", body = AppError)))]
async fn reply_to_review(ctx: Ctx, Path((item, user)): Path<(String, UserId)>, Json(input): Json<Reply>) -> AppResult<Json<ItemReview>> {
    service::reply(&ctx, &item, user, input).await.map(Json)
}

/// Hide a review, with a reason. For moderators.
#[utoipa::path(put, path = "/marketplace/listings/{item}/reviews/{user_id}/hidden", tag = "marketplace", params(("item" = String, Path, description = "Slug or id"), ("user_id" = UserId, Path)), request_body = Reason, responses((status = 200, body = ItemReview), (status = "4XX", body = AppError)))]
async fn hide_review(ctx: Ctx, Path((item, user)): Path<(String, UserId)>, Json(input): Json<Reason>) -> AppResult<Json<ItemReview>> {
    service::hide_review(&ctx, &item, user, &input.reason).await.map(Json)
}

/// Show a review again that was hidden. For moderators.
#[utoipa::path(delete, path = "/marketplace/listings/{item}/reviews/{user_id}/hidden", tag = "marketplace", params(("item" = String, Path, description = "Slug or id"), ("user_id" = UserId, Path)), responses((status = 200, body = ItemReview), (status = "4XX", body = AppError)))]
async fn show_review(ctx: Ctx, Path((item, user)): Path<(String, UserId)>) -> AppResult<Json<ItemReview>> {
    service::show_review(&ctx, &item, user).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Upload {
    /// What it shows, in words.
    alt: String,
    /// Made by the client, so that a retry adds one picture.
    id: Option<ScreenshotId>,
}

/// Add a picture to one's item (PNG, JPEG or WebP, at most 10 MB), as the body itself or as the first file of a form. An item has at most five.
#[utoipa::path(post, path = "/marketplace/listings/{item}/screenshots", tag = "marketplace", params(("item" = String, Path, description = "Slug or id"), Upload), request_body(content = Vec<u8>, content_type = "image/*"), responses((status = 201, body = Screenshot), (status = "4XX", body = AppError)))]
async fn add_screenshot(
    ctx: Ctx,
    Path(item): Path<String>,
    Query(query): Query<Upload>,
    request: Request,
) -> AppResult<(StatusCode, Json<Screenshot>)> {
    // What nobody sends is not even read.
    ctx.actor()?;
    let picture = pictures::upload(request, SCREENSHOT_BYTES).await?;
    Ok((StatusCode::CREATED, Json(service::add_screenshot(&ctx, &item, query.id, &query.alt, picture).await?)))
}

/// Put the pictures of one's item in order, with what they show.
#[utoipa::path(put, path = "/marketplace/listings/{item}/screenshots", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = ArrangeScreenshots, responses((status = 200, body = [Screenshot]), (status = "4XX", body = AppError)))]
async fn arrange_screenshots(
    ctx: Ctx,
    Path(item): Path<String>,
    Json(input): Json<ArrangeScreenshots>,
) -> AppResult<Json<Vec<Screenshot>>> {
    service::arrange_screenshots(&ctx, &item, input).await.map(Json)
}

/// Remove a picture of one's item.
#[utoipa::path(delete, path = "/marketplace/listings/{item}/screenshots/{screenshot_id}", tag = "marketplace", params(("item" = String, Path, description = "Slug or id"), ("screenshot_id" = ScreenshotId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_screenshot(ctx: Ctx, Path((item, id)): Path<(String, ScreenshotId)>) -> AppResult<StatusCode> {
    service::delete_screenshot(&ctx, &item, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// A picture of an item. Another picture has another id, so it never changes.
#[utoipa::path(get, path = "/marketplace/screenshots/{screenshot_id}", tag = "marketplace", security(()), params(("screenshot_id" = ScreenshotId, Path)), responses((status = 200, body = Vec<u8>, content_type = "image/png"), (status = "4XX", body = AppError)))]
async fn get_screenshot(ctx: Ctx, Path(id): Path<ScreenshotId>) -> AppResult<impl IntoResponse> {
    let (media_type, bytes) = service::screenshot(&ctx, id).await?;
    Ok(([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, "private, max-age=31536000, immutable")], bytes))
}

/// What is like an item, the most alike first.
#[utoipa::path(get, path = "/marketplace/listings/{item}/similar", tag = "marketplace", security(()), params(("item" = String, Path, description = "Slug or id")), responses((status = 200, body = [ListingCard]), (status = "4XX", body = AppError)))]
async fn similar_items(ctx: Ctx, Path(item): Path<String>) -> AppResult<Json<Vec<ListingCard>>> {
    service::similar(&ctx, &item).await.map(Json)
}

/// One file of a release. Text and common pictures are shown, everything else is saved.
#[utoipa::path(get, path = "/marketplace/releases/{release_id}/files/{*path}", tag = "marketplace", security(()), params(("release_id" = ReleaseId, Path), ("path" = String, Path)), responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = "4XX", body = AppError)))]
async fn get_release_file(ctx: Ctx, Path((id, path)): Path<(ReleaseId, String)>) -> AppResult<Response> {
    let file = service::release_file(&ctx, id, &path).await?;
    let mut answer = HeaderMap::new();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    // A release may be taken back, so that is asked each time.
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
    answer.insert(header::CONTENT_DISPOSITION, disposition(if file.inline { "inline" } else { "attachment" }, name));
    Ok((answer, file.bytes).into_response())
}

/// The SPDX identifiers that are recommended for a licence.
#[utoipa::path(get, path = "/marketplace/licences", tag = "marketplace", responses((status = 200, body = [String])))]
async fn list_licences() -> Json<Vec<&'static str>> {
    Json(service::licences())
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Expression {
    expression: String,
}

/// Whether a licence is an SPDX expression, and which one may be meant.
#[utoipa::path(get, path = "/marketplace/licences/check", tag = "marketplace", params(Expression), responses((status = 200, body = LicenceCheck), (status = "4XX", body = AppError)))]
async fn check_licence(Query(query): Query<Expression>) -> AppResult<Json<LicenceCheck>> {
    service::check_licence(&query.expression).map(Json)
}
