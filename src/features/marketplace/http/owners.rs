//! Names, owners, and the end of a listing.

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    model::{AddOwner, ChangeListing, ListingOwners, ManagedListing, OwnListing, Reserve},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::{ReleaseId, UserId},
    server::{
        context::Ctx,
        extract::{Json, Path},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(reserve))
        .routes(routes!(own_listings))
        .routes(routes!(get_management))
        .routes(routes!(change_listing, delete_listing))
        .routes(routes!(list_owners, add_owner))
        .routes(routes!(remove_owner))
        .routes(routes!(delete_submission))
}

/// The same for programs, under `/api/marketplace`.
pub fn stable_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(change_item, delete_item))
}

/// Take a name before anything is published under it. An account holds 10 such names at most.
#[utoipa::path(post, path = "/marketplace/listings", tag = "marketplace", request_body = Reserve, responses((status = 201, body = ManagedListing), (status = "4XX", body = AppError)))]
async fn reserve(ctx: Ctx, Json(input): Json<Reserve>) -> AppResult<(StatusCode, Json<ManagedListing>)> {
    Ok((StatusCode::CREATED, Json(service::reserve(&ctx, input).await?)))
}

/// What the caller publishes, for themselves, for a team or as a co-owner; also names that are only reserved.
#[utoipa::path(get, path = "/marketplace/names", tag = "marketplace", responses((status = 200, body = [OwnListing]), (status = "4XX", body = AppError)))]
async fn own_listings(ctx: Ctx) -> AppResult<Json<Vec<OwnListing>>> {
    service::own_listings(&ctx).await.map(Json)
}

/// A listing as its publishers manage it.
#[utoipa::path(get, path = "/marketplace/listings/{item}/management", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), responses((status = 200, body = ManagedListing), (status = "4XX", body = AppError)))]
async fn get_management(ctx: Ctx, Path(item): Path<String>) -> AppResult<Json<ManagedListing>> {
    service::management(&ctx, &item).await.map(Json)
}

/// Rename a listing, deprecate it, hand it over. The name of before leads on for ever.
#[utoipa::path(patch, path = "/marketplace/listings/{item}", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = ChangeListing, responses((status = 200, body = ManagedListing), (status = "4XX", body = AppError)))]
async fn change_listing(ctx: Ctx, Path(item): Path<String>, Json(input): Json<ChangeListing>) -> AppResult<Json<ManagedListing>> {
    service::change_listing(&ctx, &item, input).await.map(Json)
}

/// Delete a listing with all its releases, within 72 hours of its first publication and if nobody else needs it; or give a reserved name back.
#[utoipa::path(delete, path = "/marketplace/listings/{item}", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_listing(ctx: Ctx, Path(item): Path<String>) -> AppResult<StatusCode> {
    service::delete_listing(&ctx, &item).await.map(|()| StatusCode::NO_CONTENT)
}

/// Whose a listing is.
#[utoipa::path(get, path = "/marketplace/listings/{item}/owners", tag = "marketplace", security(()), params(("item" = String, Path, description = "Slug or id")), responses((status = 200, body = ListingOwners), (status = "4XX", body = AppError)))]
async fn list_owners(ctx: Ctx, Path(item): Path<String>) -> AppResult<Json<ListingOwners>> {
    service::listing_owners(&ctx, &item).await.map(Json)
}

/// Make an account a co-owner; it is told, and may leave.
#[utoipa::path(post, path = "/marketplace/listings/{item}/owners", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = AddOwner, responses((status = 201, body = ListingOwners), (status = "4XX", body = AppError)))]
async fn add_owner(ctx: Ctx, Path(item): Path<String>, Json(input): Json<AddOwner>) -> AppResult<(StatusCode, Json<ListingOwners>)> {
    Ok((StatusCode::CREATED, Json(service::add_owner(&ctx, &item, input).await?)))
}

/// Take a co-owner off, or leave. The last owner cannot go.
#[utoipa::path(delete, path = "/marketplace/listings/{item}/owners/{user_id}", tag = "marketplace", params(("item" = String, Path, description = "Slug or id"), ("user_id" = UserId, Path)), responses((status = 200, body = ListingOwners), (status = "4XX", body = AppError)))]
async fn remove_owner(ctx: Ctx, Path((item, account)): Path<(String, UserId)>) -> AppResult<Json<ListingOwners>> {
    service::remove_owner(&ctx, &item, account).await.map(Json)
}

/// Take a submission out of the queue before it is public.
#[utoipa::path(delete, path = "/marketplace/submissions/{release_id}", tag = "marketplace", params(("release_id" = ReleaseId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_submission(ctx: Ctx, Path(id): Path<ReleaseId>) -> AppResult<StatusCode> {
    service::delete_submission(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Change what the listing itself has: its name, its deprecation, whose it is. Releases are immutable.
#[utoipa::path(patch, path = "/items/{item}", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), request_body = ChangeListing, responses((status = 200, body = ManagedListing), (status = "4XX", body = AppError)))]
async fn change_item(ctx: Ctx, Path(item): Path<String>, Json(input): Json<ChangeListing>) -> AppResult<Json<ManagedListing>> {
    service::change_listing(&ctx, &item, input).await.map(Json)
}

/// Delete an item with all its releases, within 72 hours of its first publication and if nobody else needs it.
#[utoipa::path(delete, path = "/items/{item}", tag = "marketplace", params(("item" = String, Path, description = "Slug or id")), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_item(ctx: Ctx, Path(item): Path<String>) -> AppResult<StatusCode> {
    service::delete_listing(&ctx, &item).await.map(|()| StatusCode::NO_CONTENT)
}
