//! Teams, their members, invitations, agents and log.

use axum::{http::StatusCode, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::NO_STORE;
use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        model::{
            ApiToken, AuditPage, ChangeRole, CreateAgent, CreateApiToken, CreateInvitation, CreateTeam, Invitation, KeyProvider, ListAudit,
            Member, NewApiToken, NewInvitation, SetTeamKey, Team, TeamKey, TransferOwnership, UpdateTeam,
        },
        service,
    },
    ids::{ApiTokenId, InvitationId, TeamId, UserId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_teams, post_team))
        .routes(routes!(get_team, patch_team, delete_team))
        .routes(routes!(post_leave))
        .routes(routes!(post_transfer))
        .routes(routes!(list_members))
        .routes(routes!(patch_member, delete_member))
        .routes(routes!(list_invitations, post_invitation))
        .routes(routes!(delete_invitation))
        .routes(routes!(post_agent))
        .routes(routes!(list_agent_tokens, post_agent_token))
        .routes(routes!(delete_agent_token))
        .routes(routes!(list_keys))
        .routes(routes!(put_key, delete_key))
        .routes(routes!(list_audit))
}

/// The teams one is in.
#[utoipa::path(get, path = "/teams", tag = "teams", responses((status = 200, body = Vec<Team>), (status = "4XX", body = AppError)))]
async fn list_teams(ctx: Ctx) -> AppResult<Json<Vec<Team>>> {
    service::list_teams(&ctx).await.map(Json)
}

/// Makes a team with its volume; the caller owns it.
#[utoipa::path(post, path = "/teams", tag = "teams", request_body = CreateTeam,
    responses((status = 201, body = Team), (status = "4XX", body = AppError)))]
async fn post_team(ctx: Ctx, Json(input): Json<CreateTeam>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, Json(service::create_team(&ctx, input).await?)))
}

#[utoipa::path(get, path = "/teams/{id}", tag = "teams", params(("id" = TeamId, Path)),
    responses((status = 200, body = Team), (status = "4XX", body = AppError)))]
async fn get_team(ctx: Ctx, Path(id): Path<TeamId>) -> AppResult<Json<Team>> {
    service::team(&ctx, id).await.map(Json)
}

/// Renames a team, or says whether its members must have a second factor.
#[utoipa::path(patch, path = "/teams/{id}", tag = "teams", params(("id" = TeamId, Path)), request_body = UpdateTeam,
    responses((status = 200, body = Team), (status = "4XX", body = AppError)))]
async fn patch_team(ctx: Ctx, Path(id): Path<TeamId>, Json(input): Json<UpdateTeam>) -> AppResult<Json<Team>> {
    service::update_team(&ctx, id, input).await.map(Json)
}

/// Deletes a team with its volumes and agents.
#[utoipa::path(delete, path = "/teams/{id}", tag = "teams", params(("id" = TeamId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_team(ctx: Ctx, Path(id): Path<TeamId>) -> AppResult<StatusCode> {
    service::delete_team(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leaves a team; its last owner cannot.
#[utoipa::path(post, path = "/teams/{id}/leave", tag = "teams", params(("id" = TeamId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn post_leave(ctx: Ctx, Path(id): Path<TeamId>) -> AppResult<StatusCode> {
    service::leave_team(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hands a team over to another member; the caller becomes a maintainer.
#[utoipa::path(post, path = "/teams/{id}/transfer", tag = "teams", params(("id" = TeamId, Path)), request_body = TransferOwnership,
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn post_transfer(ctx: Ctx, Path(id): Path<TeamId>, Json(input): Json<TransferOwnership>) -> AppResult<StatusCode> {
    service::transfer_ownership(&ctx, id, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// People and agents of a team, by name.
#[utoipa::path(get, path = "/teams/{id}/members", tag = "teams", params(("id" = TeamId, Path)),
    responses((status = 200, body = Vec<Member>), (status = "4XX", body = AppError)))]
async fn list_members(ctx: Ctx, Path(id): Path<TeamId>) -> AppResult<Json<Vec<Member>>> {
    service::list_members(&ctx, id).await.map(Json)
}

/// Changes a member's role.
#[utoipa::path(patch, path = "/teams/{id}/members/{user_id}", tag = "teams", params(("id" = TeamId, Path), ("user_id" = UserId, Path)),
    request_body = ChangeRole, responses((status = 200, body = Member), (status = "4XX", body = AppError)))]
async fn patch_member(ctx: Ctx, Path((id, user)): Path<(TeamId, UserId)>, Json(input): Json<ChangeRole>) -> AppResult<Json<Member>> {
    service::change_role(&ctx, id, user, input).await.map(Json)
}

/// Removes a member. An agent ends with that.
#[utoipa::path(delete, path = "/teams/{id}/members/{user_id}", tag = "teams", params(("id" = TeamId, Path), ("user_id" = UserId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_member(ctx: Ctx, Path((id, user)): Path<(TeamId, UserId)>) -> AppResult<StatusCode> {
    service::remove_member(&ctx, id, user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invitations to a team that still work.
#[utoipa::path(get, path = "/teams/{id}/invitations", tag = "teams", params(("id" = TeamId, Path)),
    responses((status = 200, body = Vec<Invitation>), (status = "4XX", body = AppError)))]
async fn list_invitations(ctx: Ctx, Path(id): Path<TeamId>) -> AppResult<Json<Vec<Invitation>>> {
    service::list_invitations(&ctx, Some(id)).await.map(Json)
}

/// Makes an invitation; its link is in this answer only.
#[utoipa::path(post, path = "/teams/{id}/invitations", tag = "teams", params(("id" = TeamId, Path)), request_body = CreateInvitation,
    responses((status = 201, body = NewInvitation), (status = "4XX", body = AppError)))]
async fn post_invitation(ctx: Ctx, Path(id): Path<TeamId>, Json(input): Json<CreateInvitation>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::create_invitation(&ctx, Some(id), input).await?)))
}

/// Ends an invitation before its time.
#[utoipa::path(delete, path = "/teams/{id}/invitations/{invitation_id}", tag = "teams",
    params(("id" = TeamId, Path), ("invitation_id" = InvitationId, Path)), responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_invitation(ctx: Ctx, Path((id, invitation)): Path<(TeamId, InvitationId)>) -> AppResult<StatusCode> {
    service::revoke_invitation(&ctx, Some(id), invitation).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes an agent account that the team owns.
#[utoipa::path(post, path = "/teams/{id}/agents", tag = "teams", params(("id" = TeamId, Path)), request_body = CreateAgent,
    responses((status = 201, body = Member), (status = "4XX", body = AppError)))]
async fn post_agent(ctx: Ctx, Path(id): Path<TeamId>, Json(input): Json<CreateAgent>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, Json(service::create_agent(&ctx, id, input).await?)))
}

/// An agent's tokens, without their secrets.
#[utoipa::path(get, path = "/teams/{id}/agents/{user_id}/tokens", tag = "teams", params(("id" = TeamId, Path), ("user_id" = UserId, Path)),
    responses((status = 200, body = Vec<ApiToken>), (status = "4XX", body = AppError)))]
async fn list_agent_tokens(ctx: Ctx, Path((id, agent)): Path<(TeamId, UserId)>) -> AppResult<Json<Vec<ApiToken>>> {
    service::list_agent_tokens(&ctx, id, agent).await.map(Json)
}

/// Makes a token for an agent; its secret is in this answer only.
#[utoipa::path(post, path = "/teams/{id}/agents/{user_id}/tokens", tag = "teams", params(("id" = TeamId, Path), ("user_id" = UserId, Path)),
    request_body = CreateApiToken, responses((status = 201, body = NewApiToken), (status = "4XX", body = AppError)))]
async fn post_agent_token(
    ctx: Ctx,
    Path((id, agent)): Path<(TeamId, UserId)>,
    Json(input): Json<CreateApiToken>,
) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::create_agent_token(&ctx, id, agent, input).await?)))
}

/// Revokes a token of an agent.
#[utoipa::path(delete, path = "/teams/{id}/agents/{user_id}/tokens/{token_id}", tag = "teams",
    params(("id" = TeamId, Path), ("user_id" = UserId, Path), ("token_id" = ApiTokenId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_agent_token(ctx: Ctx, Path((id, agent, token)): Path<(TeamId, UserId, ApiTokenId)>) -> AppResult<StatusCode> {
    service::revoke_agent_token(&ctx, id, agent, token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The services outside that this server uses, and whether the team has keys of its own for them.
#[utoipa::path(get, path = "/teams/{id}/keys", tag = "teams", params(("id" = TeamId, Path)),
    responses((status = 200, body = Vec<TeamKey>), (status = "4XX", body = AppError)))]
async fn list_keys(ctx: Ctx, Path(id): Path<TeamId>) -> AppResult<Json<Vec<TeamKey>>> {
    service::list_team_keys(&ctx, id).await.map(Json)
}

/// Keeps the team's key for a service, sealed; it is never shown again.
#[utoipa::path(put, path = "/teams/{id}/keys/{provider}", tag = "teams", params(("id" = TeamId, Path), ("provider" = KeyProvider, Path)),
    request_body = SetTeamKey, responses((status = 200, body = TeamKey), (status = "4XX", body = AppError)))]
async fn put_key(ctx: Ctx, Path((id, provider)): Path<(TeamId, KeyProvider)>, Json(input): Json<SetTeamKey>) -> AppResult<Json<TeamKey>> {
    service::set_team_key(&ctx, id, provider, input).await.map(Json)
}

/// Forgets the team's key for a service.
#[utoipa::path(delete, path = "/teams/{id}/keys/{provider}", tag = "teams", params(("id" = TeamId, Path), ("provider" = KeyProvider, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_key(ctx: Ctx, Path((id, provider)): Path<(TeamId, KeyProvider)>) -> AppResult<StatusCode> {
    service::remove_team_key(&ctx, id, provider).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The team's security log, newest first; for owners.
#[utoipa::path(get, path = "/teams/{id}/audit", tag = "teams", params(("id" = TeamId, Path), ListAudit),
    responses((status = 200, body = AuditPage), (status = "4XX", body = AppError)))]
async fn list_audit(ctx: Ctx, Path(id): Path<TeamId>, Query(query): Query<ListAudit>) -> AppResult<Json<AuditPage>> {
    service::team_audit(&ctx, id, query).await.map(Json)
}
