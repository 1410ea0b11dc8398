//! One's own account: profile, picture, password, sign-ins, tokens, export.

use axum::{
    extract::{DefaultBodyLimit, Request},
    http::{StatusCode, header},
    response::IntoResponse,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::NO_STORE;
use crate::{
    error::{AppError, AppResult},
    features::accounts::{
        model::{
            AddPasskey, AddTotp, AddedFactor, ApiToken, ChangePassword, Confirm, Confirmed, CreateApiToken, DeleteMe, Factor, Me,
            NewApiToken, NewTotp, PasskeyOptions, Protection, RecoveryCodes, RenameFactor, SignIn, UpdateMe,
        },
        service,
    },
    ids::{ApiTokenId, FactorId, SignInId},
    server::{
        context::Ctx,
        extract::{Json, Path},
        pictures,
        state::AppState,
    },
};

pub fn routes() -> OpenApiRouter<AppState> {
    let avatar = OpenApiRouter::new()
        .routes(routes!(put_avatar, delete_avatar))
        .layer(DefaultBodyLimit::max(service::AVATAR_BYTES + pictures::ENVELOPE));
    OpenApiRouter::new()
        .routes(routes!(get_me, patch_me, delete_me))
        .merge(avatar)
        .routes(routes!(post_password))
        .routes(routes!(get_protection))
        .routes(routes!(post_confirmation))
        .routes(routes!(post_confirmation_passkey))
        .routes(routes!(post_totp_secret))
        .routes(routes!(post_totp))
        .routes(routes!(post_passkey_options))
        .routes(routes!(post_passkey))
        .routes(routes!(patch_factor, delete_factor))
        .routes(routes!(post_recovery_codes))
        .routes(routes!(delete_github))
        .routes(routes!(delete_oidc))
        .routes(routes!(list_sign_ins))
        .routes(routes!(delete_sign_in))
        .routes(routes!(post_sign_out_others))
        .routes(routes!(post_sign_out_everywhere))
        .routes(routes!(get_export))
        .routes(routes!(list_tokens, post_token))
        .routes(routes!(delete_token))
}

/// The signed-in account.
#[utoipa::path(get, path = "/me", tag = "accounts", responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn get_me(ctx: Ctx) -> AppResult<Json<Me>> {
    service::me(&ctx).await.map(Json)
}

/// Changes one's name or time zone, or whether one is named in analytics.
#[utoipa::path(patch, path = "/me", tag = "accounts", request_body = UpdateMe,
    responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn patch_me(ctx: Ctx, Json(input): Json<UpdateMe>) -> AppResult<Json<Me>> {
    service::update_me(&ctx, input).await.map(Json)
}

/// Deletes one's account for ever.
#[utoipa::path(delete, path = "/me", tag = "accounts", request_body = DeleteMe,
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_me(ctx: Ctx, Json(input): Json<DeleteMe>) -> AppResult<StatusCode> {
    service::delete_me(&ctx, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a picture (PNG, JPEG or WebP, at most 5 MB), as the body itself or as the first file of a form.
#[utoipa::path(put, path = "/me/avatar", tag = "accounts", request_body(content = Vec<u8>, content_type = "image/*"),
    responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn put_avatar(ctx: Ctx, request: Request) -> AppResult<Json<Me>> {
    // What nobody sends is not even read.
    ctx.actor()?;
    let picture = pictures::upload(request, service::AVATAR_BYTES).await?;
    service::set_avatar(&ctx, picture).await.map(Json)
}

/// Removes one's picture.
#[utoipa::path(delete, path = "/me/avatar", tag = "accounts", responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn delete_avatar(ctx: Ctx) -> AppResult<Json<Me>> {
    service::remove_avatar(&ctx).await.map(Json)
}

/// Changes one's password; other devices are signed out.
#[utoipa::path(post, path = "/me/password", tag = "accounts", request_body = ChangePassword,
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn post_password(ctx: Ctx, Json(input): Json<ChangePassword>) -> AppResult<StatusCode> {
    service::change_password(&ctx, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the link to one's GitHub account away; an account without a password keeps it.
#[utoipa::path(delete, path = "/me/github", tag = "accounts", responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn delete_github(ctx: Ctx) -> AppResult<Json<Me>> {
    service::unlink_github(&ctx).await.map(Json)
}

/// Takes the link to one's account at the configured issuer away; an account that could not sign in any more keeps it.
#[utoipa::path(delete, path = "/me/oidc", tag = "accounts", responses((status = 200, body = Me), (status = "4XX", body = AppError)))]
async fn delete_oidc(ctx: Ctx) -> AppResult<Json<Me>> {
    service::unlink_oidc(&ctx).await.map(Json)
}

/// How one's account is protected: its factors, recovery codes, and until when one counts as confirmed.
#[utoipa::path(get, path = "/me/protection", tag = "accounts", responses((status = 200, body = Protection), (status = "4XX", body = AppError)))]
async fn get_protection(ctx: Ctx) -> AppResult<Json<Protection>> {
    service::protection(&ctx).await.map(Json)
}

/// Proves once more who one is, for ten minutes of sensitive changes: with a factor where there is one, otherwise with the password. The answer sets the
/// login cookie anew.
#[utoipa::path(post, path = "/me/confirmation", tag = "accounts", request_body = Confirm,
    responses((status = 200, body = Confirmed), (status = "4XX", body = AppError)))]
async fn post_confirmation(ctx: Ctx, Json(input): Json<Confirm>) -> AppResult<impl IntoResponse> {
    let (confirmed, cookie) = service::confirm(&ctx, input).await?;
    Ok((NO_STORE, [(header::SET_COOKIE, cookie)], Json(confirmed)))
}

/// Asks for one of one's passkeys to confirm with: options for `navigator.credentials.get`.
#[utoipa::path(post, path = "/me/confirmation/passkey", tag = "accounts",
    responses((status = 200, body = PasskeyOptions), (status = "4XX", body = AppError)))]
async fn post_confirmation_passkey(ctx: Ctx) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::confirm_passkey(&ctx).await?)))
}

/// Makes the secret of an authenticator app; it is in this answer only, and counts once a code of it was shown.
#[utoipa::path(post, path = "/me/totp/secret", tag = "accounts", responses((status = 200, body = NewTotp), (status = "4XX", body = AppError)))]
async fn post_totp_secret(ctx: Ctx) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::start_totp(&ctx).await?)))
}

/// Adds the authenticator app by its first code. All other sign-ins end; the first factor brings recovery codes.
#[utoipa::path(post, path = "/me/totp", tag = "accounts", request_body = AddTotp,
    responses((status = 201, body = AddedFactor), (status = "4XX", body = AppError)))]
async fn post_totp(ctx: Ctx, Json(input): Json<AddTotp>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::add_totp(&ctx, input).await?)))
}

/// Asks for a new passkey: options for `navigator.credentials.create`.
#[utoipa::path(post, path = "/me/passkeys/options", tag = "accounts",
    responses((status = 200, body = PasskeyOptions), (status = "4XX", body = AppError)))]
async fn post_passkey_options(ctx: Ctx) -> AppResult<impl IntoResponse> {
    Ok((NO_STORE, Json(service::start_passkey(&ctx).await?)))
}

/// Adds the passkey that the browser made. All other sign-ins end; the first factor brings recovery codes.
#[utoipa::path(post, path = "/me/passkeys", tag = "accounts", request_body = AddPasskey,
    responses((status = 201, body = AddedFactor), (status = "4XX", body = AppError)))]
async fn post_passkey(ctx: Ctx, Json(input): Json<AddPasskey>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::add_passkey(&ctx, input).await?)))
}

/// Calls a factor something else.
#[utoipa::path(patch, path = "/me/factors/{id}", tag = "accounts", params(("id" = FactorId, Path)), request_body = RenameFactor,
    responses((status = 200, body = Factor), (status = "4XX", body = AppError)))]
async fn patch_factor(ctx: Ctx, Path(id): Path<FactorId>, Json(input): Json<RenameFactor>) -> AppResult<Json<Factor>> {
    service::rename_factor(&ctx, id, input).await.map(Json)
}

/// Removes a factor; all other sign-ins end.
#[utoipa::path(delete, path = "/me/factors/{id}", tag = "accounts", params(("id" = FactorId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_factor(ctx: Ctx, Path(id): Path<FactorId>) -> AppResult<StatusCode> {
    service::remove_factor(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes new recovery codes, which are in this answer only; those before no longer work.
#[utoipa::path(post, path = "/me/recovery-codes", tag = "accounts",
    responses((status = 201, body = RecoveryCodes), (status = "4XX", body = AppError)))]
async fn post_recovery_codes(ctx: Ctx) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::make_recovery_codes(&ctx).await?)))
}

/// One's signed-in devices.
#[utoipa::path(get, path = "/me/sign-ins", tag = "accounts", responses((status = 200, body = Vec<SignIn>), (status = "4XX", body = AppError)))]
async fn list_sign_ins(ctx: Ctx) -> AppResult<Json<Vec<SignIn>>> {
    service::list_sign_ins(&ctx).await.map(Json)
}

/// Signs one device out.
#[utoipa::path(delete, path = "/me/sign-ins/{id}", tag = "accounts", params(("id" = SignInId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_sign_in(ctx: Ctx, Path(id): Path<SignInId>) -> AppResult<StatusCode> {
    service::end_sign_in(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs all other devices out.
#[utoipa::path(post, path = "/me/sign-out-others", tag = "accounts", responses((status = 204), (status = "4XX", body = AppError)))]
async fn post_sign_out_others(ctx: Ctx) -> AppResult<StatusCode> {
    service::sign_out_others(&ctx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs all devices out, this one too.
#[utoipa::path(post, path = "/me/sign-out-everywhere", tag = "accounts", responses((status = 204), (status = "4XX", body = AppError)))]
async fn post_sign_out_everywhere(ctx: Ctx) -> AppResult<impl IntoResponse> {
    let cookie = service::sign_out_everywhere(&ctx).await?;
    Ok((StatusCode::NO_CONTENT, NO_STORE, [(header::SET_COOKIE, cookie)]))
}

/// One's own data as a JSON file.
#[utoipa::path(get, path = "/me/export", tag = "accounts", responses((status = 200, body = serde_json::Value), (status = "4XX", body = AppError)))]
async fn get_export(ctx: Ctx) -> AppResult<impl IntoResponse> {
    let export = service::export_me(&ctx).await?;
    Ok((NO_STORE, [(header::CONTENT_DISPOSITION, "attachment; filename=\"llmos-account.json\"")], Json(export)))
}

/// One's API tokens, without their secrets.
#[utoipa::path(get, path = "/me/tokens", tag = "accounts", responses((status = 200, body = Vec<ApiToken>), (status = "4XX", body = AppError)))]
async fn list_tokens(ctx: Ctx) -> AppResult<Json<Vec<ApiToken>>> {
    service::list_tokens(&ctx).await.map(Json)
}

/// Makes an API token; its secret is in this answer only.
#[utoipa::path(post, path = "/me/tokens", tag = "accounts", request_body = CreateApiToken,
    responses((status = 201, body = NewApiToken), (status = "4XX", body = AppError)))]
async fn post_token(ctx: Ctx, Json(input): Json<CreateApiToken>) -> AppResult<impl IntoResponse> {
    Ok((StatusCode::CREATED, NO_STORE, Json(service::create_token(&ctx, input).await?)))
}

/// Revokes an API token.
#[utoipa::path(delete, path = "/me/tokens/{id}", tag = "accounts", params(("id" = ApiTokenId, Path)),
    responses((status = 204), (status = "4XX", body = AppError)))]
async fn delete_token(ctx: Ctx, Path(id): Path<ApiTokenId>) -> AppResult<StatusCode> {
    service::revoke_token(&ctx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
