//! `/api/v1`: tokens for the room socket, and what administrators see of the rooms.

use axum::http::HeaderMap;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{RoomsQuery, RoomsReport, WsToken},
    service,
};
use crate::{
    error::{AppError, AppResult},
    features::accounts::service::Credential,
    server::{
        context::Ctx,
        extract::{Json, Query},
        middleware,
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_ws_token)).routes(routes!(rooms))
}

/// A token that opens `/ws?token=…` within a minute, with the rights of the credential that asks for it.
#[utoipa::path(post, path = "/ws-token", tag = "live", responses((status = 200, body = WsToken)))]
async fn create_ws_token(ctx: Ctx, headers: HeaderMap) -> AppResult<Json<WsToken>> {
    let credential = match middleware::bearer(&headers) {
        Some(token) => Credential::token(token),
        None => Credential::of_sign_in(ctx.actor()?).ok_or_else(AppError::unauthenticated)?,
    };
    Ok(Json(service::create_ws_token(&ctx, credential)?))
}

/// The rooms and documents in the memory of this server, the fullest first.
#[utoipa::path(get, path = "/admin/rooms", tag = "administration", params(RoomsQuery), responses((status = 200, body = RoomsReport), (status = "4XX", body = AppError)))]
async fn rooms(ctx: Ctx, Query(query): Query<RoomsQuery>) -> AppResult<Json<RoomsReport>> {
    service::rooms_report(&ctx, query).await.map(Json)
}
