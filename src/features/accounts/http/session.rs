//! Signing up, in and out; one-time links; what anybody may know about the instance.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::NO_STORE;
use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        model::{
            AnswerFactor, Credentials, Instance, InvitationPreview, Me, NewPassword, PasskeyOptions, PasskeySignIn, PasswordLink,
            SecondStep, SignUp, Team,
        },
        service::{self, Entrance, SignedIn},
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
        .routes(routes!(get_second_step, post_second_step))
        .routes(routes!(post_second_step_passkey))
        .routes(routes!(post_passkey_challenge))
        .routes(routes!(post_passkey_sign_in))
        .routes(routes!(post_sign_up))
        .routes(routes!(post_sign_out))
        .routes(routes!(get_password_link, post_password_link))
        .routes(routes!(get_invitation))
        .routes(routes!(post_invitation_accept))
        .routes(routes!(post_own_invitation_accept))
}

fn cookies(values: Vec<HeaderValue>) -> AppendHeaders<Vec<(HeaderName, HeaderValue)>> {
    AppendHeaders(values.into_iter().map(|value| (header::SET_COOKIE, value)).collect())
}

async fn welcome(ctx: &Ctx, status: StatusCode, signed_in: SignedIn) -> AppResult<Response> {
    let me = service::me(&ctx.on_behalf_of(signed_in.actor)).await?;
    Ok((status, NO_STORE, cookies(signed_in.cookies), Json(me)).into_response())
}

/// The account, or what is missing before it is signed in.
async fn welcome_or_ask(ctx: &Ctx, entrance: Entrance) -> AppResult<Response> {
    match entrance {
        Entrance::Whole(signed_in) => welcome(ctx, StatusCode::OK, signed_in).await,
        Entrance::Half(half) => Ok((StatusCode::ACCEPTED, NO_STORE, cookies(vec![half.cookie]), Json(half.step)).into_response()),
    }
}

/// What a page needs to know before anybody is signed in.
#[utoipa::path(get, path = "/instance", tag = "accounts", security(()), responses((status = 200, body = Instance)))]
async fn get_instance(ctx: Ctx) -> AppResult<Json<Instance>> {
    service::instance(&ctx).await.map(Json)
}

/// Signs in with a password; the answer sets the login cookie. An account with a second factor gets a cookie that is good for answering it within five
/// minutes, and for nothing else.
#[utoipa::path(post, path = "/sign-in", tag = "accounts", security(()), request_body = Credentials,
    responses((status = 200, body = Me), (status = 202, body = SecondStep), (status = "4XX", body = AppError)))]
async fn post_sign_in(ctx: Ctx, Json(input): Json<Credentials>) -> AppResult<Response> {
    let entrance = service::sign_in(&ctx, input).await?;
    welcome_or_ask(&ctx, entrance).await
}

/// What is missing of the sign-in that this browser has begun.
#[utoipa::path(get, path = "/sign-in/second-step", tag = "accounts", security(()), responses((status = 200, body = SecondStep), (status = "4XX", body = AppError)))]
async fn get_second_step(ctx: Ctx) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::second_step(&ctx).await?)))
}

/// Ends a sign-in with a code of an app, a recovery code, or a passkey; the answer sets the login cookie.
#[utoipa::path(post, path = "/sign-in/second-step", tag = "accounts", security(()), request_body = AnswerFactor,
    responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn post_second_step(ctx: Ctx, Json(input): Json<AnswerFactor>) -> AppResult<Response> {
    let signed_in = service::answer_second_step(&ctx, input).await?;
    welcome(&ctx, StatusCode::OK, signed_in).await
}

/// Asks for one of the account's passkeys, as the second step: options for `navigator.credentials.get`.
#[utoipa::path(post, path = "/sign-in/second-step/passkey", tag = "accounts", security(()),
    responses((status = 200, body = PasskeyOptions), (status = "4XX", body = AppError)))]
async fn post_second_step_passkey(ctx: Ctx) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::second_step_passkey(&ctx).await?)))
}

/// Asks for any passkey that the device has for this server: options for `navigator.credentials.get`.
#[utoipa::path(post, path = "/sign-in/passkey/challenge", tag = "accounts", security(()),
    responses((status = 200, body = PasskeyOptions), (status = "4XX", body = AppError)))]
async fn post_passkey_challenge(ctx: Ctx) -> AppResult<impl IntoResponse> {
    let (options, cookie) = service::start_passkey_sign_in(&ctx).await?;
    Ok((NO_STORE, cookies(vec![cookie]), Json(options)))
}

/// Signs in with a passkey alone; the answer sets the login cookie.
#[utoipa::path(post, path = "/sign-in/passkey", tag = "accounts", security(()), request_body = PasskeySignIn,
    responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn post_passkey_sign_in(ctx: Ctx, Json(input): Json<PasskeySignIn>) -> AppResult<Response> {
    let signed_in = service::passkey_sign_in(&ctx, input).await?;
    welcome(&ctx, StatusCode::OK, signed_in).await
}

/// Opens an account and signs it in. The first one becomes the administrator.
#[utoipa::path(post, path = "/sign-up", tag = "accounts", security(()), request_body = SignUp,
    responses((status = 201, body = Me), (status = "4XX", body = AppError)))]
async fn post_sign_up(ctx: Ctx, Json(input): Json<SignUp>) -> AppResult<Response> {
    let signed_in = service::sign_up(&ctx, input).await?;
    welcome(&ctx, StatusCode::CREATED, signed_in).await
}

/// Ends this browser's sign-in.
#[utoipa::path(post, path = "/sign-out", tag = "accounts", security(()), responses((status = 204)))]
async fn post_sign_out(ctx: Ctx) -> AppResult<impl IntoResponse> {
    let cookie = service::sign_out(&ctx).await?;
    Ok((StatusCode::NO_CONTENT, NO_STORE, [(header::SET_COOKIE, cookie)]))
}

/// Whether a one-time link for a new password still works.
#[utoipa::path(get, path = "/password-links/{secret}", tag = "accounts", security(()), params(("secret" = String, Path)),
    responses((status = 200, body = PasswordLink), (status = "4XX", body = AppError)))]
async fn get_password_link(ctx: Ctx, Path(secret): Path<String>) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::look_at_password_link(&ctx, &secret).await?)))
}

/// Sets a new password through a one-time link, ends all other sign-ins and signs in; a second factor is asked for as ever.
#[utoipa::path(post, path = "/password-links/{secret}", tag = "accounts", security(()), params(("secret" = String, Path)), request_body = NewPassword,
    responses((status = 200, body = Me), (status = 202, body = SecondStep), (status = "4XX", body = AppError)))]
async fn post_password_link(ctx: Ctx, Path(secret): Path<String>, Json(input): Json<NewPassword>) -> AppResult<Response> {
    let entrance = service::use_password_link(&ctx, &secret, input).await?;
    welcome_or_ask(&ctx, entrance).await
}

/// What an invitation link leads to.
#[utoipa::path(get, path = "/invitations/{secret}", tag = "teams", security(()), params(("secret" = String, Path)),
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
