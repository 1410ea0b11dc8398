//! `POST /volumes/{id}/imports`: a zip, or the files of a folder.

use axum::{
    body::Body,
    extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::super::{model::limits, service};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{accounts::Action, jobs::model::JobStatus},
    ids::{JobId, VolumeId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

/// The parts around the files of a multipart body.
const OVERHEAD: u64 = 64 * 1024 * 1024;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(import)).layer(DefaultBodyLimit::max((limits::ARCHIVE_BYTES + OVERHEAD) as usize))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportOptions {
    /// Of the job; made by the client, so that a retry imports once.
    id: Option<JobId>,
    /// The name of what is imported, for the message of the commit.
    name: Option<String>,
}

/// Import a zip (`application/zip`), or a folder (`multipart/form-data`: the field `paths` with a JSON array of the relative paths,
/// then as many parts `file` in that order). The answer is a job; its report is an `ImportReport`.
#[utoipa::path(post, path = "/volumes/{id}/imports", tag = "volumes", params(("id" = VolumeId, Path), ImportOptions), request_body(content = Vec<u8>, content_type = "application/zip"), responses((status = 202, body = JobStatus), (status = "4XX", body = AppError)))]
async fn import(ctx: Ctx, Path(id): Path<VolumeId>, Query(options): Query<ImportOptions>, request: Request<Body>) -> AppResult<Response> {
    // Before the body is read: nobody uploads for nothing.
    service::authorise(&ctx, id, Action::Commit).await?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let status = if kind.starts_with("multipart/form-data") {
        let multipart = Multipart::from_request(request, &ctx.state)
            .await
            .map_err(|_| AppError::invalid("The upload cannot be read. Send it again."))?;
        service::start_import_of_parts(&ctx, id, options.id, multipart).await?
    } else if kind.starts_with("application/zip")
        || kind.starts_with("application/x-zip-compressed")
        || kind.starts_with("application/octet-stream")
    {
        service::start_import_of_archive(&ctx, id, options.id, options.name, request.into_body()).await?
    } else {
        return Err(AppError::new(ErrorCode::UnsupportedMediaType, "Send a zip as application/zip, or files as multipart/form-data."));
    };
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}
