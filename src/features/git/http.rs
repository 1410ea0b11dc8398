//! `/api/v1/volumes/{id}/git`, and the addresses that Git itself asks.

use axum::{
    extract::{Path as Segments, Query as Words, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{GitLink, ImportFromGit, LinkVolume, PullRequest, StartSync},
    service,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{accounts, jobs::model::JobStatus, volumes::service::VolumeAccess},
    ids::VolumeId,
    server::{
        context::Ctx,
        extract::{Json, Path, unpacked},
        state::AppState,
    },
};

/// Names of some hundred thousand commits.
const ASKED_BYTES: u64 = 8 * 1024 * 1024;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_link, link_volume, unlink_volume))
        .routes(routes!(pull_now))
        .routes(routes!(push_now))
        .routes(routes!(import_from_git))
        .routes(routes!(list_pull_requests))
}

/// How a volume and its repository stand; null when it is not linked.
#[utoipa::path(get, path = "/volumes/{id}/git", tag = "git", params(("id" = VolumeId, Path)), responses((status = 200, body = Option<GitLink>), (status = "4XX", body = AppError)))]
async fn get_link(ctx: Ctx, Path(id): Path<VolumeId>) -> AppResult<Json<Option<GitLink>>> {
    service::get_link(&ctx, id).await.map(Json)
}

/// Link a volume to a branch of a repository, or change the link; it is pulled then.
#[utoipa::path(put, path = "/volumes/{id}/git", tag = "git", params(("id" = VolumeId, Path)), request_body = LinkVolume, responses((status = 200, body = GitLink), (status = "4XX", body = AppError)))]
async fn link_volume(ctx: Ctx, Path(id): Path<VolumeId>, Json(input): Json<LinkVolume>) -> AppResult<Json<GitLink>> {
    service::link_volume(&ctx, id, input).await.map(Json)
}

/// Let a volume and its repository go their own ways.
#[utoipa::path(delete, path = "/volumes/{id}/git", tag = "git", params(("id" = VolumeId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn unlink_volume(ctx: Ctx, Path(id): Path<VolumeId>) -> AppResult<StatusCode> {
    service::unlink_volume(&ctx, id).await.map(|()| StatusCode::NO_CONTENT)
}

/// Pull now. The report of the job is a `PullReport`, or null when nothing was new.
#[utoipa::path(post, path = "/volumes/{id}/git/pull", tag = "git", params(("id" = VolumeId, Path)), request_body = StartSync, responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn pull_now(ctx: Ctx, Path(id): Path<VolumeId>, Json(input): Json<StartSync>) -> AppResult<(StatusCode, Json<JobStatus>)> {
    Ok((StatusCode::ACCEPTED, Json(service::pull_now(&ctx, id, input).await?)))
}

/// Push now. The report of the job is a `PushReport`.
#[utoipa::path(post, path = "/volumes/{id}/git/push", tag = "git", params(("id" = VolumeId, Path)), request_body = StartSync, responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn push_now(ctx: Ctx, Path(id): Path<VolumeId>, Json(input): Json<StartSync>) -> AppResult<(StatusCode, Json<JobStatus>)> {
    Ok((StatusCode::ACCEPTED, Json(service::push_now(&ctx, id, input).await?)))
}

/// Import from a repository once, without a link. The report of the job is an `ImportReport`.
#[utoipa::path(post, path = "/volumes/{id}/git/import", tag = "git", params(("id" = VolumeId, Path)), request_body = ImportFromGit, responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn import_from_git(ctx: Ctx, Path(id): Path<VolumeId>, Json(input): Json<ImportFromGit>) -> AppResult<(StatusCode, Json<JobStatus>)> {
    Ok((StatusCode::ACCEPTED, Json(service::start_import(&ctx, id, input).await?)))
}

/// Pull requests to the branch that a volume is linked to, with what they would change and what the scanner says of that: the open ones, then those that
/// changed last. They come with GitHub's webhook.
#[utoipa::path(get, path = "/volumes/{id}/git/pull-requests", tag = "git", params(("id" = VolumeId, Path)), responses((status = 200, body = Vec<PullRequest>), (status = "4XX", body = AppError)))]
async fn list_pull_requests(ctx: Ctx, Path(id): Path<VolumeId>) -> AppResult<Json<Vec<PullRequest>>> {
    service::list_pull_requests(&ctx, id).await.map(Json)
}

/// What Git says it wants.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    service: String,
}

/// `GET /git/{team}/{volume}.git/info/refs?service=git-upload-pack`
pub async fn info_refs(
    ctx: Ctx,
    Segments((team, volume)): Segments<(String, String)>,
    Words(wanted): Words<Wanted>,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let (ctx, access) = enter(&ctx, &headers, &team, &volume).await?;
        if wanted.service != "git-upload-pack" {
            return Err(AppError::forbidden("Volumes are cloned from here and not pushed to: commit in the product or by its API."));
        }
        service::advertise(&ctx, &access).await
    };
    respond(answer.await, "application/x-git-upload-pack-advertisement")
}

/// `POST /git/{team}/{volume}.git/git-upload-pack`
pub async fn upload_pack(ctx: Ctx, Segments((team, volume)): Segments<(String, String)>, request: Request) -> Response {
    let answer = async {
        let (ctx, access) = enter(&ctx, request.headers(), &team, &volume).await?;
        // Only of whoever may ask is anything read.
        let headers = request.headers().clone();
        let body = axum::body::to_bytes(request.into_body(), ASKED_BYTES as usize).await;
        let body = body.map_err(|_| AppError::invalid("The request ended early, or says more than a clone asks. Try again."))?;
        service::upload_pack(&ctx, &access, unpacked(&headers, body, ASKED_BYTES)?).await
    };
    respond(answer.await, "application/x-git-upload-pack-result")
}

/// Who asks: whoever has an API token as the password, whatever the name is.
async fn enter(ctx: &Ctx, headers: &HeaderMap, team: &str, volume: &str) -> AppResult<(Ctx, VolumeAccess)> {
    let ctx = match (&ctx.actor, basic(headers)) {
        (None, Some(token)) => ctx.on_behalf_of(accounts::service::actor_of_token(ctx, &token).await?),
        _ => ctx.clone(),
    };
    ctx.actor_with(accounts::Scope::Read)?;
    let volume = volume.strip_suffix(".git").ok_or_else(|| AppError::not_found("volume"))?;
    let access = service::find_volume(&ctx, team, volume).await?;
    Ok((ctx, access))
}

/// The password of an `Authorization: Basic` header.
fn basic(headers: &HeaderMap) -> Option<String> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let text = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(rest.trim()).ok()).flatten()?;
    String::from_utf8(text).ok()?.split_once(':').map(|(_, password)| password.to_owned())
}

fn respond(answer: AppResult<impl IntoResponse>, kind: &'static str) -> Response {
    let mut response = match answer {
        Ok(body) => {
            let mut response = body.into_response();
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            response
        }
        Err(error) => {
            let asks = error.code == ErrorCode::Unauthenticated;
            let mut response = error.into_response();
            if asks {
                // Git asks its user then, or whoever keeps passwords for it.
                let value = HeaderValue::from_static("Basic realm=\"LLMos: an API token as the password\", charset=\"UTF-8\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
            }
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
