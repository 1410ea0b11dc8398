//! `/api/v1` routes of artifacts.

mod files;

pub use files::disposition;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{
        ArtifactDetail, ArtifactDiff, BringText, Brought, Bulk, BulkReport, CreateArtifact, Facets, Fork, HistoryPage, Home, LibraryPage,
        LibraryQuery, MergeView, Preview, Previewed, RestoreRevision, SaveDraft, SaveMerge, SavedDraft, SetFrontmatter, ToVolume,
    },
    service,
};
use crate::{
    error::{AppError, AppResult},
    features::volumes::model::{Commit, CreateCommit},
    ids::{ArtifactId, RevisionId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_library, create_artifact))
        .routes(routes!(facets))
        .routes(routes!(bulk))
        .routes(routes!(details))
        .routes(routes!(bring_text))
        .routes(routes!(get_artifact, delete_artifact))
        .routes(routes!(delete_forever))
        .routes(routes!(undelete))
        .routes(routes!(get_text))
        .routes(routes!(save_draft, discard_draft))
        .routes(routes!(set_frontmatter))
        .routes(routes!(preview))
        .routes(routes!(history))
        .routes(routes!(diff))
        .routes(routes!(restore))
        .routes(routes!(fork))
        .routes(routes!(move_artifact))
        .routes(routes!(get_merge, save_merge))
        .routes(routes!(add_favourite, remove_favourite))
        .routes(routes!(commit))
        .routes(routes!(home))
        .merge(files::routes())
}

/// A page of the library.
#[utoipa::path(get, path = "/artifacts", tag = "artifacts", params(LibraryQuery), responses((status = 200, body = LibraryPage), (status = "4XX", body = AppError)))]
async fn list_library(ctx: Ctx, Query(query): Query<LibraryQuery>) -> AppResult<Json<LibraryPage>> {
    service::list_library(&ctx, query).await.map(Json)
}

/// What the library's filters can be set to, with counts.
#[utoipa::path(get, path = "/artifacts/facets", tag = "artifacts", params(LibraryQuery), responses((status = 200, body = Facets), (status = "4XX", body = AppError)))]
async fn facets(ctx: Ctx, Query(query): Query<LibraryQuery>) -> AppResult<Json<Facets>> {
    service::facets(&ctx, query).await.map(Json)
}

/// Make an artifact, as a draft.
#[utoipa::path(post, path = "/artifacts", tag = "artifacts", request_body = CreateArtifact, responses((status = 201, body = ArtifactDetail), (status = "4XX", body = AppError)))]
async fn create_artifact(ctx: Ctx, Json(input): Json<CreateArtifact>) -> AppResult<(StatusCode, Json<ArtifactDetail>)> {
    Ok((StatusCode::CREATED, Json(service::create_artifact(&ctx, input).await?)))
}

/// Delete, restore, move or tag many.
#[utoipa::path(post, path = "/artifacts/bulk", tag = "artifacts", request_body = Bulk, responses((status = 200, body = BulkReport), (status = "4XX", body = AppError)))]
async fn bulk(ctx: Ctx, Json(input): Json<Bulk>) -> AppResult<Json<BulkReport>> {
    service::bulk(&ctx, input).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Several {
    /// Ids, separated by commas: 50 at most.
    ids: String,
}

/// Everything that the pages of several artifacts show, one on each line, for a device that keeps them; those that one may not read are left out.
#[utoipa::path(get, path = "/artifacts/details", tag = "artifacts", params(Several), responses((status = 200, content_type = "application/x-ndjson", body = ArtifactDetail), (status = "4XX", body = AppError)))]
async fn details(ctx: Ctx, Query(query): Query<Several>) -> AppResult<Response> {
    let id = |id: &str| id.trim().parse::<ArtifactId>().map_err(|_| AppError::field("ids", "These are no ids of artifacts."));
    let ids = query.ids.split(',').filter(|id| !id.trim().is_empty()).map(id).collect::<AppResult<Vec<_>>>()?;
    let mut lines = Vec::new();
    for detail in service::get_artifacts(&ctx, &ids).await? {
        serde_json::to_writer(&mut lines, &detail)?;
        lines.push(b'\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}

/// Bring what was written on a device that was away. As often as it is sent, it is in the draft once.
#[utoipa::path(post, path = "/artifacts/{id}/edits", tag = "artifacts", params(("id" = ArtifactId, Path)), request_body = BringText, responses((status = 200, body = Brought), (status = "4XX", body = AppError)))]
async fn bring_text(ctx: Ctx, Path(id): Path<ArtifactId>, Json(input): Json<BringText>) -> AppResult<Json<Brought>> {
    service::bring_text(&ctx, id, input).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct AtRevision {
    /// As it was then; not given: as it is now.
    revision: Option<RevisionId>,
}

/// Everything an artifact's page shows.
#[utoipa::path(get, path = "/artifacts/{id}", tag = "artifacts", params(("id" = ArtifactId, Path), AtRevision), responses((status = 200, body = ArtifactDetail), (status = "4XX", body = AppError)))]
async fn get_artifact(ctx: Ctx, Path(id): Path<ArtifactId>, Query(query): Query<AtRevision>) -> AppResult<Json<ArtifactDetail>> {
    service::get_artifact(&ctx, id, query.revision).await.map(Json)
}

/// Put it into the trash.
#[utoipa::path(delete, path = "/artifacts/{id}", tag = "artifacts", params(("id" = ArtifactId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_artifact(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<StatusCode> {
    service::delete_artifact(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Remove it from the trash for good.
#[utoipa::path(delete, path = "/artifacts/{id}/forever", tag = "artifacts", params(("id" = ArtifactId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_forever(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<StatusCode> {
    service::delete_forever(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Take it out of the trash.
#[utoipa::path(post, path = "/artifacts/{id}/undelete", tag = "artifacts", params(("id" = ArtifactId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn undelete(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<StatusCode> {
    service::undelete_artifact(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// The main file, byte for byte.
#[utoipa::path(get, path = "/artifacts/{id}/text", tag = "artifacts", params(("id" = ArtifactId, Path), AtRevision), responses((status = 200, body = String, content_type = "text/markdown"), (status = "4XX", body = AppError)))]
async fn get_text(ctx: Ctx, Path(id): Path<ArtifactId>, Query(query): Query<AtRevision>) -> AppResult<Response> {
    let bytes = service::get_text(&ctx, id, query.revision).await?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8"), (header::CACHE_CONTROL, "private, no-cache")], bytes).into_response())
}

/// Save the draft's text.
#[utoipa::path(put, path = "/artifacts/{id}/draft", tag = "artifacts", params(("id" = ArtifactId, Path)), request_body = SaveDraft, responses((status = 200, body = SavedDraft), (status = "4XX", body = AppError)))]
async fn save_draft(ctx: Ctx, Path(id): Path<ArtifactId>, Json(input): Json<SaveDraft>) -> AppResult<Json<SavedDraft>> {
    service::save_draft(&ctx, id, input).await.map(Json)
}

/// Throw the draft away.
#[utoipa::path(delete, path = "/artifacts/{id}/draft", tag = "artifacts", params(("id" = ArtifactId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn discard_draft(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<StatusCode> {
    service::discard_draft(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Set or remove one key of the frontmatter.
#[utoipa::path(patch, path = "/artifacts/{id}/frontmatter", tag = "artifacts", params(("id" = ArtifactId, Path)), request_body = SetFrontmatter, responses((status = 200, body = SavedDraft), (status = "4XX", body = AppError)))]
async fn set_frontmatter(ctx: Ctx, Path(id): Path<ArtifactId>, Json(input): Json<SetFrontmatter>) -> AppResult<Json<SavedDraft>> {
    service::set_frontmatter(&ctx, id, input).await.map(Json)
}

/// A text, as the page would show it.
#[utoipa::path(post, path = "/artifacts/{id}/preview", tag = "artifacts", params(("id" = ArtifactId, Path)), request_body = Preview, responses((status = 200, body = Previewed), (status = "4XX", body = AppError)))]
async fn preview(ctx: Ctx, Path(id): Path<ArtifactId>, Json(input): Json<Preview>) -> AppResult<Json<Previewed>> {
    service::preview(&ctx, id, &input.text).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Before {
    /// From `next` of the page before.
    before: Option<RevisionId>,
}

/// The revisions, newest first.
#[utoipa::path(get, path = "/artifacts/{id}/history", tag = "artifacts", params(("id" = ArtifactId, Path), Before), responses((status = 200, body = HistoryPage), (status = "4XX", body = AppError)))]
async fn history(ctx: Ctx, Path(id): Path<ArtifactId>, Query(query): Query<Before>) -> AppResult<Json<HistoryPage>> {
    service::list_history(&ctx, id, query.before).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Between {
    /// Not given: what came before `to`.
    from: Option<RevisionId>,
    /// Not given: the draft, or the head without one.
    to: Option<RevisionId>,
}

/// The difference between two revisions, or to the draft.
#[utoipa::path(get, path = "/artifacts/{id}/diff", tag = "artifacts", params(("id" = ArtifactId, Path), Between), responses((status = 200, body = ArtifactDiff), (status = "4XX", body = AppError)))]
async fn diff(ctx: Ctx, Path(id): Path<ArtifactId>, Query(query): Query<Between>) -> AppResult<Json<ArtifactDiff>> {
    service::diff_revisions(&ctx, id, query.from, query.to).await.map(Json)
}

/// Make an older revision the current one again.
#[utoipa::path(post, path = "/artifacts/{id}/restore", tag = "artifacts", params(("id" = ArtifactId, Path)), request_body = RestoreRevision, responses((status = 201, body = Commit), (status = "4XX", body = AppError)))]
async fn restore(ctx: Ctx, Path(id): Path<ArtifactId>, Json(input): Json<RestoreRevision>) -> AppResult<(StatusCode, Json<Commit>)> {
    Ok((StatusCode::CREATED, Json(service::restore_revision(&ctx, id, input).await?)))
}

/// Copy it into another volume as an artifact of its own.
#[utoipa::path(post, path = "/artifacts/{id}/fork", tag = "artifacts", params(("id" = ArtifactId, Path)), request_body = Fork, responses((status = 201, body = ArtifactDetail), (status = "4XX", body = AppError)))]
async fn fork(ctx: Ctx, Path(id): Path<ArtifactId>, Json(input): Json<Fork>) -> AppResult<(StatusCode, Json<ArtifactDetail>)> {
    Ok((StatusCode::CREATED, Json(service::fork_artifact(&ctx, id, input).await?)))
}

/// Move it into another volume, with its history.
#[utoipa::path(post, path = "/artifacts/{id}/move", tag = "artifacts", params(("id" = ArtifactId, Path)), request_body = ToVolume, responses((status = 200, body = ArtifactDetail), (status = "4XX", body = AppError)))]
async fn move_artifact(ctx: Ctx, Path(id): Path<ArtifactId>, Json(input): Json<ToVolume>) -> AppResult<Json<ArtifactDetail>> {
    service::move_artifact(&ctx, id, input).await.map(Json)
}

/// The draft against a newer head.
#[utoipa::path(get, path = "/artifacts/{id}/merge", tag = "artifacts", params(("id" = ArtifactId, Path)), responses((status = 200, body = MergeView), (status = "4XX", body = AppError)))]
async fn get_merge(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<Json<MergeView>> {
    service::get_merge(&ctx, id).await.map(Json)
}

/// Save the merged text as the draft, now based on the head.
#[utoipa::path(put, path = "/artifacts/{id}/merge", tag = "artifacts", params(("id" = ArtifactId, Path)), request_body = SaveMerge, responses((status = 200, body = SavedDraft), (status = "4XX", body = AppError)))]
async fn save_merge(ctx: Ctx, Path(id): Path<ArtifactId>, Json(input): Json<SaveMerge>) -> AppResult<Json<SavedDraft>> {
    service::save_merge(&ctx, id, input).await.map(Json)
}

/// Mark it for oneself.
#[utoipa::path(put, path = "/artifacts/{id}/favourite", tag = "artifacts", params(("id" = ArtifactId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn add_favourite(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<StatusCode> {
    service::set_favourite(&ctx, id, true).await.map(|()| StatusCode::NO_CONTENT)
}

/// Take the mark away.
#[utoipa::path(delete, path = "/artifacts/{id}/favourite", tag = "artifacts", params(("id" = ArtifactId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn remove_favourite(ctx: Ctx, Path(id): Path<ArtifactId>) -> AppResult<StatusCode> {
    service::set_favourite(&ctx, id, false).await.map(|()| StatusCode::NO_CONTENT)
}

/// Commit drafts: one commit for each volume, all or none.
#[utoipa::path(post, path = "/commits", tag = "volumes", request_body = CreateCommit, responses((status = 201, body = Vec<Commit>), (status = "4XX", body = AppError)))]
async fn commit(ctx: Ctx, Json(input): Json<CreateCommit>) -> AppResult<(StatusCode, Json<Vec<Commit>>)> {
    Ok((StatusCode::CREATED, Json(service::create_commit(&ctx, input).await?)))
}

/// The home page.
#[utoipa::path(get, path = "/home", tag = "artifacts", responses((status = 200, body = Home), (status = "4XX", body = AppError)))]
async fn home(ctx: Ctx) -> AppResult<Json<Home>> {
    service::home(&ctx).await.map(Json)
}
