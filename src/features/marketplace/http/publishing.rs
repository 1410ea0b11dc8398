//! Submitting, deciding, signing, withdrawing; and the keys.

use axum::{
    extract::DefaultBodyLimit,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{
    model::{AddKey, Publish, PublishDraft, PublisherKey, Reason, Review, Signed, Submission, SubmissionDetail},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::{ArtifactId, ReleaseId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

/// A release that is sent as JSON; a larger one is published from an artifact.
pub const PUBLISH_BYTES: usize = 32 * 1024 * 1024;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_draft))
        .merge(OpenApiRouter::new().routes(routes!(list_submissions, submit)).layer(DefaultBodyLimit::max(PUBLISH_BYTES)))
        .routes(routes!(my_submissions))
        .routes(routes!(get_submission))
        .routes(routes!(review_submission))
        .routes(routes!(sign_submission))
        .routes(routes!(appeal_submission))
        .routes(routes!(withdraw_release))
        .routes(routes!(get_archive))
        .routes(routes!(get_bundle))
        .routes(routes!(list_keys, add_key))
        .routes(routes!(revoke_key))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
struct Of {
    artifact_id: ArtifactId,
}

/// What a form to publish an artifact begins with, and what the checks say already.
#[utoipa::path(get, path = "/marketplace/draft", tag = "marketplace", params(Of), responses((status = 200, body = PublishDraft), (status = "4XX", body = AppError)))]
async fn get_draft(ctx: Ctx, Query(query): Query<Of>) -> AppResult<Json<PublishDraft>> {
    service::draft(&ctx, query.artifact_id).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Waiting {
    /// `review`: what waits for a moderator, which is also the answer without it.
    #[allow(dead_code)]
    state: Option<String>,
}

/// What waits for a moderator, the oldest first. For moderators.
#[utoipa::path(get, path = "/marketplace/submissions", tag = "marketplace", params(Waiting), responses((status = 200, body = [Submission]), (status = "4XX", body = AppError)))]
async fn list_submissions(ctx: Ctx, Query(_): Query<Waiting>) -> AppResult<Json<Vec<Submission>>> {
    service::submissions_in_review(&ctx).await.map(Json)
}

/// Submit a release. It is checked at once, and then waits for a moderator.
#[utoipa::path(post, path = "/marketplace/submissions", tag = "marketplace", request_body = Publish, responses((status = 201, body = SubmissionDetail), (status = "4XX", body = AppError)))]
async fn submit(ctx: Ctx, Json(input): Json<Publish>) -> AppResult<(StatusCode, Json<SubmissionDetail>)> {
    Ok((StatusCode::CREATED, Json(service::publish(&ctx, input).await?)))
}

/// What the caller submitted, the newest first.
#[utoipa::path(get, path = "/marketplace/mine", tag = "marketplace", responses((status = 200, body = [Submission]), (status = "4XX", body = AppError)))]
async fn my_submissions(ctx: Ctx) -> AppResult<Json<Vec<Submission>>> {
    service::my_submissions(&ctx).await.map(Json)
}

#[derive(Deserialize, utoipa::IntoParams)]
struct Key {
    /// The key that `payload` is to be signed with; the caller's newest without it.
    key: Option<String>,
}

/// How far a release is: findings, differences, decisions, and what is to be signed.
#[utoipa::path(get, path = "/marketplace/submissions/{release_id}", tag = "marketplace", params(("release_id" = ReleaseId, Path), Key), responses((status = 200, body = SubmissionDetail), (status = "4XX", body = AppError)))]
async fn get_submission(ctx: Ctx, Path(id): Path<ReleaseId>, Query(query): Query<Key>) -> AppResult<Json<SubmissionDetail>> {
    service::submission(&ctx, id, query.key).await.map(Json)
}

/// Decide on a submission. For moderators.
#[utoipa::path(post, path = "/marketplace/submissions/{release_id}/review", tag = "marketplace", params(("release_id" = ReleaseId, Path)), request_body = Review, responses((status = 200, body = SubmissionDetail), (status = "4XX", body = AppError)))]
async fn review_submission(ctx: Ctx, Path(id): Path<ReleaseId>, Json(input): Json<Review>) -> AppResult<Json<SubmissionDetail>> {
    service::review(&ctx, id, input).await.map(Json)
}

/// Sign one's own submission. What is approved goes public with it.
#[utoipa::path(post, path = "/marketplace/submissions/{release_id}/sign", tag = "marketplace", params(("release_id" = ReleaseId, Path)), request_body = Signed, responses((status = 200, body = SubmissionDetail), (status = "4XX", body = AppError)))]
async fn sign_submission(ctx: Ctx, Path(id): Path<ReleaseId>, Json(input): Json<Signed>) -> AppResult<Json<SubmissionDetail>> {
    service::sign(&ctx, id, input).await.map(Json)
}

/// Ask for another look at what was rejected.
#[utoipa::path(post, path = "/marketplace/submissions/{release_id}/appeal", tag = "marketplace", params(("release_id" = ReleaseId, Path)), request_body = Reason, responses((status = 200, body = SubmissionDetail), (status = "4XX", body = AppError)))]
async fn appeal_submission(ctx: Ctx, Path(id): Path<ReleaseId>, Json(input): Json<Reason>) -> AppResult<Json<SubmissionDetail>> {
    service::appeal(&ctx, id, input).await.map(Json)
}

/// Take a public release back: nobody installs it anew, what is installed stays.
#[utoipa::path(post, path = "/marketplace/submissions/{release_id}/withdraw", tag = "marketplace", params(("release_id" = ReleaseId, Path)), request_body = Reason, responses((status = 200, body = SubmissionDetail), (status = "4XX", body = AppError)))]
async fn withdraw_release(ctx: Ctx, Path(id): Path<ReleaseId>, Json(input): Json<Reason>) -> AppResult<Json<SubmissionDetail>> {
    service::withdraw(&ctx, id, input).await.map(Json)
}

/// The canonical archive of a release: a tar whose SHA-256 is its digest.
#[utoipa::path(get, path = "/marketplace/submissions/{release_id}/archive", tag = "marketplace", security(()), params(("release_id" = ReleaseId, Path)), responses((status = 200, content_type = "application/x-tar", body = Vec<u8>), (status = "4XX", body = AppError)))]
async fn get_archive(ctx: Ctx, Path(id): Path<ReleaseId>) -> AppResult<impl IntoResponse> {
    let (name, bytes) = service::archive_of(&ctx, id).await?;
    let name = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, "application/x-tar".to_owned()), (header::CONTENT_DISPOSITION, name)], bytes))
}

/// What proves a public release: its signed statement, its place in the log, and the log's signed head.
#[utoipa::path(get, path = "/marketplace/submissions/{release_id}/bundle", tag = "marketplace", security(()), params(("release_id" = ReleaseId, Path)), responses((status = 200, content_type = "application/json", body = String), (status = "4XX", body = AppError)))]
async fn get_bundle(ctx: Ctx, Path(id): Path<ReleaseId>) -> AppResult<impl IntoResponse> {
    let bytes = service::bundle_of(&ctx, id).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes))
}

/// The keys that the caller publishes with.
#[utoipa::path(get, path = "/marketplace/keys", tag = "marketplace", responses((status = 200, body = [PublisherKey]), (status = "4XX", body = AppError)))]
async fn list_keys(ctx: Ctx) -> AppResult<Json<Vec<PublisherKey>>> {
    service::list_keys(&ctx).await.map(Json)
}

/// Register the public half of a key.
#[utoipa::path(post, path = "/marketplace/keys", tag = "marketplace", request_body = AddKey, responses((status = 201, body = PublisherKey), (status = "4XX", body = AppError)))]
async fn add_key(ctx: Ctx, Json(input): Json<AddKey>) -> AppResult<(StatusCode, Json<PublisherKey>)> {
    Ok((StatusCode::CREATED, Json(service::add_key(&ctx, input).await?)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
struct Why {
    #[serde(default)]
    reason: String,
    /// UTC milliseconds: since then somebody else may have had the key, and what was published with it is not to be trusted.
    compromised_since: Option<i64>,
}

/// Nothing more is signed with this key.
#[utoipa::path(delete, path = "/marketplace/keys/{key_id}", tag = "marketplace", params(("key_id" = String, Path), Why), responses((status = 204), (status = "4XX", body = AppError)))]
async fn revoke_key(ctx: Ctx, Path(id): Path<String>, Query(query): Query<Why>) -> AppResult<StatusCode> {
    service::revoke_key(&ctx, &id, &query.reason, query.compromised_since).await.map(|()| StatusCode::NO_CONTENT)
}
