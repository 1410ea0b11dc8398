//! Signing up, in and out; one-time links; what anybody may know about the instance.

use axum::{
    http::{StatusCode, header},
    response::IntoResponse,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::NO_STORE;
use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        model::{Credentials, Instance, InvitationPreview, Me, NewPassword, PasswordLink, SignUp, Team},
        service::{self, SignedIn},
    },
    ids::InvitationId,
    server::{
        context::Ctx,
        extract::{Json, Path},
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_instance))
        .routes(routes!(post_sign_in))
        .routes(routes!(post_sign_up))
        .routes(routes!(post_sign_out))
        .routes(routes!(get_password_link, post_password_link))
        .routes(routes!(get_invitation))
        .routes(routes!(post_invitation_accept))
        .routes(routes!(post_own_invitation_accept))
}

async fn welcome(ctx: &Ctx, status: StatusCode, signed_in: SignedIn) -> AppResult<impl IntoResponse + use<>> {
    let me = service::me(&ctx.on_behalf_of(signed_in.actor)).await?;
    Ok((status, NO_STORE, [(header::SET_COOKIE, signed_in.cookie)], Json(me)))
}

/// What a page needs to know before anybody is signed in.
#[utoipa::path(get, path = "/instance", tag = "accounts", responses((status = 200, body = Instance)))]
async fn get_instance(ctx: Ctx) -> AppResult<Json<Instance>> {
    service::instance(&ctx).await.map(Json)
}

/// Signs in with a password; the answer sets the login cookie.
#[utoipa::path(post, path = "/sign-in", tag = "accounts", request_body = Credentials,
    responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn post_sign_in(ctx: Ctx, Json(input): Json<Credentials>) -> AppResult<impl IntoResponse> {
    let signed_in = service::sign_in(&ctx, input).await?;
    welcome(&ctx, StatusCode::OK, signed_in).await
}

/// Opens an account and signs it in. The first one becomes the administrator.
#[utoipa::path(post, path = "/sign-up", tag = "accounts", request_body = SignUp,
    responses((status = 201, body = Me), (status = "4XX", body = AppError)))]
async fn post_sign_up(ctx: Ctx, Json(input): Json<SignUp>) -> AppResult<impl IntoResponse> {
    let signed_in = service::sign_up(&ctx, input).await?;
    welcome(&ctx, StatusCode::CREATED, signed_in).await
}

/// Ends this browser's sign-in.
#[utoipa::path(post, path = "/sign-out", tag = "accounts", responses((status = 204)))]
async fn post_sign_out(ctx: Ctx) -> AppResult<impl IntoResponse> {
    let cookie = service::sign_out(&ctx).await?;
    Ok((StatusCode::NO_CONTENT, NO_STORE, [(header::SET_COOKIE, cookie)]))
}

/// Whether a one-time link for a new password still works.
#[utoipa::path(get, path = "/password-links/{secret}", tag = "accounts", params(("secret" = String, Path)),
    responses((status = 200, body = PasswordLink), (status = "4XX", body = AppError)))]
async fn get_password_link(ctx: Ctx, Path(secret): Path<String>) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::look_at_password_link(&ctx, &secret).await?)))
}

/// Sets a new password through a one-time link, ends all other sign-ins and signs in.
#[utoipa::path(post, path = "/password-links/{secret}", tag = "accounts", params(("secret" = String, Path)), request_body = NewPassword,
    responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn post_password_link(ctx: Ctx, Path(secret): Path<String>, Json(input): Json<NewPassword>) -> AppResult<impl IntoResponse> {
    let signed_in = service::use_password_link(&ctx, &secret, input).await?;
    welcome(&ctx, StatusCode::OK, signed_in).await
}

/// What an invitation link leads to.
#[utoipa::path(get, path = "/invitations/{secret}", tag = "teams", params(("secret" = String, Path)),
    responses((status = 200, body = InvitationPreview), (status = "4XX", body = AppError)))]
async fn get_invitation(ctx: Ctx, Path(secret): Path<String>) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::preview_invitation(&ctx, &secret).await?)))
}

/// Joins the team that an invitation is for which was made for this account.
#[utoipa::path(post, path = "/me/invitations/{invitation_id}/accept", tag = "teams", params(("invitation_id" = InvitationId, Path)),
    responses((status = 200, body = Team), (status = "4XX", body = AppError)))]
async fn post_own_invitation_accept(ctx: Ctx, Path(id): Path<InvitationId>) -> AppResult<Json<Team>> {
    service::accept_own_invitation(&ctx, id).await.map(Json)
}

/// Joins the team that an invitation link is for.
#[utoipa::path(post, path = "/invitations/{secret}/accept", tag = "teams", params(("secret" = String, Path)),
    responses((status = 200, body = Team), (status = "4XX", body = AppError)))]
async fn post_invitation_accept(ctx: Ctx, Path(secret): Path<String>) -> AppResult<Json<Team>> {
    service::accept_invitation(&ctx, &secret).await.map(Json)
}
