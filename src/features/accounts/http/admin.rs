//! For administrators of the instance.

use axum::{http::StatusCode, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::NO_STORE;
use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        model::{
            AdminTeam, AdminUser, AuditPage, CreateInvitation, InstanceSettings, Invitation, ListAudit, ListUsers, NewInvitation,
            SecretLink, UpdateSettings, UpdateUser, UserPage,
        },
        service,
    },
    ids::{InvitationId, UserId},
    server::{
        context::Ctx,
        extract::{Json, Path, Query},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(patch_user))
        .routes(routes!(post_password_link))
        .routes(routes!(post_user_sign_out))
        .routes(routes!(delete_user_factors))
        .routes(routes!(list_all_teams))
        .routes(routes!(get_settings, patch_settings))
        .routes(routes!(list_invitations, post_invitation))
        .routes(routes!(delete_invitation))
        .routes(routes!(list_audit))
}

/// Accounts, newest first.
#[utoipa::path(get, path = "/admin/users", tag = "admin", params(ListUsers),
    responses((status = 200, body = UserPage), (status = "4XX", body = AppError)))]
async fn list_users(ctx: Ctx, Query(query): Query<ListUsers>) -> AppResult<Json<UserPage>> {
    service::list_users(&ctx, query).await.map(Json)
}

/// Makes an account an administrator or moderator, deactivates it, or takes that back.
#[utoipa::path(patch, path = "/admin/users/{id}", tag = "admin", params(("id" = UserId, Path)), request_body = UpdateUser,
    responses((status = 200, body = AdminUser), (status = "4XX", body = AppError)))]
async fn patch_user(ctx: Ctx, Path(id): Path<UserId>, Json(input): Json<UpdateUser>) -> AppResult<Json<AdminUser>> {
    service::change_user(&ctx, id, input).await.map(Json)
}

/// Makes a one-time link with which the account sets a new password; it is in this answer only.
#[utoipa::path(post, path = "/admin/users/{id}/password-link", tag = "admin", params(("id" = UserId, Path)),
    responses((status = 201, body = SecretLink), (status = "4XX", body = AppError)))]
async fn post_password_link(ctx: Ctx, Path(id): Path<UserId>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::create_password_link(&ctx, id).await?)))
}

/// Signs an account out everywhere.
#[utoipa::path(post, path = "/admin/users/{id}/sign-out", tag = "admin", params(("id" = UserId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn post_user_sign_out(ctx: Ctx, Path(id): Path<UserId>) -> AppResult<StatusCode> {
    service::sign_out_user(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes all second factors of somebody away who has lost them, and signs them out everywhere.
#[utoipa::path(delete, path = "/admin/users/{id}/factors", tag = "admin", params(("id" = UserId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_user_factors(ctx: Ctx, Path(id): Path<UserId>) -> AppResult<StatusCode> {
    service::reset_factors(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Every team, newest first.
#[utoipa::path(get, path = "/admin/teams", tag = "admin", responses((status = 200, body = Vec<AdminTeam>), (status = "4XX", body = AppError)))]
async fn list_all_teams(ctx: Ctx) -> AppResult<Json<Vec<AdminTeam>>> {
    service::list_all_teams(&ctx).await.map(Json)
}

/// The settings of the instance.
#[utoipa::path(get, path = "/admin/settings", tag = "admin",
    responses((status = 200, body = InstanceSettings), (status = "4XX", body = AppError)))]
async fn get_settings(ctx: Ctx) -> AppResult<Json<InstanceSettings>> {
    service::settings(&ctx).await.map(Json)
}

/// Changes the settings of the instance.
#[utoipa::path(patch, path = "/admin/settings", tag = "admin", request_body = UpdateSettings,
    responses((status = 200, body = InstanceSettings), (status = "4XX", body = AppError)))]
async fn patch_settings(ctx: Ctx, Json(input): Json<UpdateSettings>) -> AppResult<Json<InstanceSettings>> {
    service::change_settings(&ctx, input).await.map(Json)
}

/// Invitations that only open an account and still work.
#[utoipa::path(get, path = "/admin/invitations", tag = "admin",
    responses((status = 200, body = Vec<Invitation>), (status = "4XX", body = AppError)))]
async fn list_invitations(ctx: Ctx) -> AppResult<Json<Vec<Invitation>>> {
    service::list_invitations(&ctx, None).await.map(Json)
}

/// Makes an invitation that only opens an account; its link is in this answer only.
#[utoipa::path(post, path = "/admin/invitations", tag = "admin", request_body = CreateInvitation,
    responses((status = 201, body = NewInvitation), (status = "4XX", body = AppError)))]
async fn post_invitation(ctx: Ctx, Json(input): Json<CreateInvitation>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::create_invitation(&ctx, None, input).await?)))
}

/// Ends such an invitation before its time.
#[utoipa::path(delete, path = "/admin/invitations/{invitation_id}", tag = "admin", params(("invitation_id" = InvitationId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_invitation(ctx: Ctx, Path(id): Path<InvitationId>) -> AppResult<StatusCode> {
    service::revoke_invitation(&ctx, None, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The security log of the whole instance, newest first.
#[utoipa::path(get, path = "/admin/audit", tag = "admin", params(ListAudit),
    responses((status = 200, body = AuditPage), (status = "4XX", body = AppError)))]
async fn list_audit(ctx: Ctx, Query(query): Query<ListAudit>) -> AppResult<Json<AuditPage>> {
    service::instance_audit(&ctx, query).await.map(Json)
}
