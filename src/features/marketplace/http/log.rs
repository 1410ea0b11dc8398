//! The transparency log, for whoever does not want to take our word for it.

use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::service;
use crate::{
    error::{AppError, AppResult},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_registry))
        .routes(routes!(get_checkpoint))
        .routes(routes!(list_entries))
        .routes(routes!(get_entry))
        .routes(routes!(get_consistency))
}

/// Who this registry is, and the newest signed head of its log.
#[utoipa::path(get, path = "/log", tag = "marketplace", security(()), responses((status = 200, body = service::RegistryInfo), (status = "4XX", body = AppError)))]
async fn get_registry(ctx: Ctx) -> AppResult<Json<service::RegistryInfo>> {
    service::registry(&ctx).await.map(Json)
}

/// The newest signed head as a signed note (C2SP tlog-checkpoint).
#[utoipa::path(get, path = "/log/checkpoint", tag = "marketplace", security(()), responses((status = 200, content_type = "text/plain", body = String), (status = "4XX", body = AppError)))]
async fn get_checkpoint(ctx: Ctx) -> AppResult<String> {
    service::checkpoint(&ctx).await
}

#[derive(Deserialize, utoipa::IntoParams)]
struct From {
    #[serde(default)]
    from: i64,
    /// 100 at most.
    limit: Option<u32>,
}

#[derive(Serialize, utoipa::ToSchema)]
struct LogEntry {
    index: i64,
    /// The DSSE envelope, whose canonical bytes are the leaf.
    #[schema(value_type = Object)]
    envelope: serde_json::Value,
}

/// Entries in their order.
#[utoipa::path(get, path = "/log/entries", tag = "marketplace", security(()), params(From), responses((status = 200, body = [LogEntry]), (status = "4XX", body = AppError)))]
async fn list_entries(ctx: Ctx, Query(query): Query<From>) -> AppResult<Json<Vec<LogEntry>>> {
    let entries = service::entries(&ctx, query.from, query.limit).await?;
    let entries = entries.into_iter().map(|(index, envelope)| Ok(LogEntry { index, envelope: serde_json::to_value(envelope)? }));
    entries.collect::<AppResult<Vec<_>>>().map(Json)
}

/// One entry, with the proof that it is in the log (RFC 6962).
#[utoipa::path(get, path = "/log/entries/{index}", tag = "marketplace", security(()), params(("index" = i64, Path)), responses((status = 200, body = Object), (status = "4XX", body = AppError)))]
async fn get_entry(ctx: Ctx, Path(index): Path<i64>) -> AppResult<Json<serde_json::Value>> {
    Ok(Json(serde_json::to_value(service::entry(&ctx, index).await?)?))
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Between {
    old: i64,
    new: i64,
}

/// The proof that the log only grew between two of its sizes: hashes in hexadecimal digits.
#[utoipa::path(get, path = "/log/consistency", tag = "marketplace", security(()), params(Between), responses((status = 200, body = [String]), (status = "4XX", body = AppError)))]
async fn get_consistency(ctx: Ctx, Query(query): Query<Between>) -> AppResult<Json<Vec<String>>> {
    let hashes = service::consistency(&ctx, query.old, query.new).await?;
    Ok(Json(hashes.iter().map(|hash| crate::server::secrets::hex(hash)).collect()))
}
