//! `/api/v1/evolution`: patterns, proposals and passes.

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    model::{Begun, Decide, EditProposal, Evolution, EvolutionQuery, GroundQuery, Pattern, Promote, Proposal, Settings, Sharing},
    service,
};
use crate::{
    error::{AppError, AppResult},
    ids::{PatternId, ProposalId, TeamId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_evolution))
        .routes(routes!(begin_pass))
        .routes(routes!(set_settings))
        .routes(routes!(set_sharing))
        .routes(routes!(get_pattern))
        .routes(routes!(draft_proposal))
        .routes(routes!(get_proposal, edit_proposal))
        .routes(routes!(decide))
        .routes(routes!(promote))
}

/// Patterns that are sure enough to be listed, proposals and passes of a team, of all teams that allow it (for administrators), or of the caller's own traces.
#[utoipa::path(get, path = "/evolution", tag = "evolution", params(EvolutionQuery), responses((status = 200, body = Evolution), (status = "4XX", body = AppError)))]
async fn get_evolution(ctx: Ctx, Query(query): Query<EvolutionQuery>) -> AppResult<Json<Evolution>> {
    service::get_evolution(&ctx, query).await.map(Json)
}

/// Group all traces anew, now. The list of passes says how far it is.
#[utoipa::path(post, path = "/evolution/passes", tag = "evolution", params(GroundQuery), responses((status = 202, body = Begun), (status = "4XX", body = AppError)))]
async fn begin_pass(ctx: Ctx, Query(query): Query<GroundQuery>) -> AppResult<(StatusCode, Json<Begun>)> {
    Ok((StatusCode::ACCEPTED, Json(service::begin_pass(&ctx, query).await?)))
}

/// When passes are made, and from when on a pattern is listed and proposed. Maintainers may.
#[utoipa::path(put, path = "/evolution/settings", tag = "evolution", params(GroundQuery), request_body = Settings, responses((status = 200, body = Settings), (status = "4XX", body = AppError)))]
async fn set_settings(ctx: Ctx, Query(query): Query<GroundQuery>, Json(input): Json<Settings>) -> AppResult<Json<Settings>> {
    service::set_settings(&ctx, query, input).await.map(Json)
}

/// Let the runs of a team take part in the patterns of all teams, or not any more. Owners may. Administrators then see steps and words that runs of at least two
/// teams share, and how many runs each team has, never a text of one team.
#[utoipa::path(put, path = "/evolution/teams/{id}/sharing", tag = "evolution", params(("id" = TeamId, Path)), request_body = Sharing, responses((status = 200, body = Sharing), (status = "4XX", body = AppError)))]
async fn set_sharing(ctx: Ctx, Path(id): Path<TeamId>, Json(input): Json<Sharing>) -> AppResult<Json<Sharing>> {
    service::set_sharing(&ctx, id, input).await.map(Json)
}

/// A pattern with its evidence, its proposal, and what the accepted skill does to its runs.
#[utoipa::path(get, path = "/evolution/patterns/{id}", tag = "evolution", params(("id" = PatternId, Path)), responses((status = 200, body = Pattern), (status = "4XX", body = AppError)))]
async fn get_pattern(ctx: Ctx, Path(id): Path<PatternId>) -> AppResult<Json<Pattern>> {
    service::get_pattern(&ctx, id).await.map(Json)
}

/// Have a skill drafted from a pattern that is not sure enough to be proposed by itself.
#[utoipa::path(post, path = "/evolution/patterns/{id}/proposal", tag = "evolution", params(("id" = PatternId, Path)), responses((status = 200, body = Pattern), (status = "4XX", body = AppError)))]
async fn draft_proposal(ctx: Ctx, Path(id): Path<PatternId>) -> AppResult<Json<Pattern>> {
    service::draft_proposal(&ctx, id).await.map(Json)
}

/// A proposal with its text and what the scanner finds in it.
#[utoipa::path(get, path = "/evolution/proposals/{id}", tag = "evolution", params(("id" = ProposalId, Path)), responses((status = 200, body = Proposal), (status = "4XX", body = AppError)))]
async fn get_proposal(ctx: Ctx, Path(id): Path<ProposalId>) -> AppResult<Json<Proposal>> {
    service::get_proposal(&ctx, id).await.map(Json)
}

/// Edit the text of a proposal that is not decided.
#[utoipa::path(patch, path = "/evolution/proposals/{id}", tag = "evolution", params(("id" = ProposalId, Path)), request_body = EditProposal, responses((status = 200, body = Proposal), (status = "4XX", body = AppError)))]
async fn edit_proposal(ctx: Ctx, Path(id): Path<ProposalId>, Json(input): Json<EditProposal>) -> AppResult<Json<Proposal>> {
    service::edit_proposal(&ctx, id, input).await.map(Json)
}

/// Accept a proposal (the skill is committed), merge it into a skill, ignore it, put it off, or open it again.
#[utoipa::path(post, path = "/evolution/proposals/{id}/decision", tag = "evolution", params(("id" = ProposalId, Path)), request_body = Decide, responses((status = 200, body = Proposal), (status = "4XX", body = AppError)))]
async fn decide(ctx: Ctx, Path(id): Path<ProposalId>, Json(input): Json<Decide>) -> AppResult<Json<Proposal>> {
    service::decide(&ctx, id, input).await.map(Json)
}

/// Promote an accepted skill, with a reason: a copy of its text without the runs goes from one's own to a volume of a team, or from a team to the built-in volume (by an administrator).
#[utoipa::path(post, path = "/evolution/proposals/{id}/promotion", tag = "evolution", params(("id" = ProposalId, Path)), request_body = Promote, responses((status = 200, body = Proposal), (status = "4XX", body = AppError)))]
async fn promote(ctx: Ctx, Path(id): Path<ProposalId>, Json(input): Json<Promote>) -> AppResult<Json<Proposal>> {
    service::promote(&ctx, id, input).await.map(Json)
}
