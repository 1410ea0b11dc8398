//! Passwords: hashing, changing, one-time links.

use std::sync::OnceLock;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use llmos_identity::passwords;

use super::{
    Audit, confirmed, note,
    sign_in::{self, Entrance, after_opening, enter},
    tell_of_security,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{
            model::{ChangePassword, NewPassword, PASSWORD_MAX, PasswordLink, SecretLink, check_password},
            store,
        },
        analytics::service::{Event, UsageKind, record},
        notifications,
    },
    ids::UserId,
    server::{
        clock,
        context::{Actor, Ctx, Via},
        error::internal,
        secrets,
    },
};

/// A forgotten password is set within a day, or asked for again.
const LINK_MS: i64 = clock::DAY;

/// argon2id with 19 MiB, two passes, one lane: OWASP's first choice, and the crate's default.
fn hasher() -> Argon2<'static> {
    Argon2::default()
}

/// Runs a hash outside the async runtime, only so many at once.
async fn on_a_thread<T: Send + 'static>(ctx: &Ctx, work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
    let _permit = ctx.state.limits.hashing.acquire().await.map_err(|error| internal("password hashing", &error))?;
    tokio::task::spawn_blocking(work).await.map_err(|error| internal("password hashing", &error))
}

/// The stored form (PHC) of a password.
pub(super) async fn hash(ctx: &Ctx, password: &str) -> AppResult<String> {
    let password = password.to_owned();
    on_a_thread(ctx, move || hasher().hash_password(password.as_bytes()).map(|hash| hash.to_string()))
        .await?
        .map_err(|error| internal("password hashing", &error))
}

/// Whether `password` is the one behind `stored`. Without a stored one a dummy is verified, so that the time it takes does
/// not tell whether there is an account.
pub(super) async fn verify(ctx: &Ctx, stored: Option<&str>, password: &str) -> AppResult<bool> {
    static DUMMY: OnceLock<String> = OnceLock::new();
    if password.chars().count() > PASSWORD_MAX {
        return Ok(false);
    }
    let (stored, password) = (stored.map(str::to_owned), password.to_owned());
    on_a_thread(ctx, move || {
        let dummy = || DUMMY.get_or_init(|| hasher().hash_password(b"nobody's password").map(|hash| hash.to_string()).unwrap_or_default());
        let hash = stored.as_deref().unwrap_or_else(|| dummy());
        match PasswordHash::new(hash) {
            Ok(hash) => hasher().verify_password(password.as_bytes(), &hash).is_ok() && stored.is_some(),
            Err(error) => {
                tracing::error!(%error, "a stored password hash cannot be read");
                false
            }
        }
    })
    .await
}

/// What is known to everybody wherever this runs, and so is in no password.
const PRODUCT: &str = "LLMos-Lite";

/// Refuses a password that is among the first to be tried; the sentence stands beside `field`. Who sets it is `name` with the address `email`.
pub(super) async fn refuse_weak(ctx: &Ctx, password: &str, field: &str, name: &str, email: &str) -> AppResult<()> {
    let instance = store::settings::read(ctx.db().read()).await?.name.unwrap_or_default();
    passwords::check(password, [name, email, PRODUCT, &instance])
        .map_err(|weak| AppError::field(field, format!("{weak} Use a few words that do not belong together.")))
}

/// Changes one's own password and signs the other devices out.
pub async fn change_password(ctx: &Ctx, input: ChangePassword) -> AppResult<()> {
    let (actor, current) = sign_in::in_person(ctx)?;
    let user = actor.id();
    let account = store::users::by_id(ctx.db().read(), user).await?.ok_or_else(AppError::unauthenticated)?;
    check_password(&input.new, account.email.as_deref().unwrap_or_default()).map_err(|error| rename_field(error, "new"))?;
    refuse_weak(ctx, &input.new, "new", &account.name, account.email.as_deref().unwrap_or_default()).await?;
    if let Some(stored) = &account.password_hash {
        ctx.state.limits.password(&account.id)?;
        if !verify(ctx, Some(stored), input.current.as_deref().unwrap_or_default()).await? {
            return Err(AppError::field("current", "This is not your current password."));
        }
    } else if account.email.is_none() {
        return Err(AppError::invalid("An agent signs in with tokens: it has no password."));
    } else {
        confirmed(ctx).await?;
    }
    let hash = hash(ctx, &input.new).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    if !store::users::set_password(&mut tx, user, account.password_hash.as_deref(), &hash, now).await? {
        return Err(AppError::conflict("The password was changed elsewhere in the meantime. Sign in again."));
    }
    store::sign_ins::delete_all(&mut tx, user, Some(current)).await?;
    store::password_links::delete_of(&mut tx, user).await?;
    note(ctx, &mut tx, Audit::new("password.changed", &account.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::PasswordChanged).subject(user)).await?;
    tell_of_security(ctx, &mut tx, "The password was changed", &format!("From {}.", ctx.address)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(user);
    notifications::service::tell(ctx, &[user]).await;
    Ok(())
}

fn rename_field(mut error: AppError, field: &str) -> AppError {
    error.fields = std::mem::take(&mut error.fields).into_values().map(|message| (field.to_owned(), message)).collect();
    error
}

/// Makes a link with which `user` sets a new password. By an administrator, or whoever runs the server.
pub async fn create_password_link(ctx: &Ctx, user: UserId) -> AppResult<SecretLink> {
    let actor = super::access::require_administrator(ctx)?;
    confirmed(ctx).await?;
    let account = store::users::by_id(ctx.db().read(), user).await?.ok_or_else(|| AppError::not_found("account"))?;
    if account.is_agent() {
        return Err(AppError::invalid("An agent signs in with tokens: it has no password."));
    }
    if !account.active() {
        return Err(AppError::conflict("This account is deactivated: activate it first."));
    }
    let by_operator = matches!(actor.via, Via::Operator);
    let secret = secrets::generate("");
    let now = ctx.now();
    let link = SecretLink { url: format!("{}/reset/{secret}", ctx.state.config.public_url()), expires_at: now + LINK_MS };
    let mut tx = ctx.db().write_tx().await?;
    let created_by = (!by_operator).then(|| actor.id());
    store::password_links::replace(&mut tx, user, &secrets::hash(&secret), created_by, link.expires_at, now).await?;
    let detail = if by_operator { "from the command line" } else { "" };
    note(ctx, &mut tx, Audit::new("password.link_created", &account.name).detail(detail)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::PasswordLinkCreated).subject(user)).await?;
    tx.commit().await?;
    Ok(link)
}

fn link_ended() -> AppError {
    AppError::new(ErrorCode::Expired, "This link was used already, or its time is over. Ask an administrator for a new one.")
}

/// Whether a link still works; its secret is all one needs to ask.
pub async fn look_at_password_link(ctx: &Ctx, secret: &str) -> AppResult<PasswordLink> {
    match store::password_links::expires_at(ctx.db().read(), &secrets::hash(secret)).await? {
        Some(expires_at) if expires_at > ctx.now() => Ok(PasswordLink { expires_at }),
        Some(_) => Err(link_ended()),
        None => {
            ctx.state.limits.wrong_secret(&ctx.address)?;
            Err(link_ended())
        }
    }
}

/// Sets the password of the account that a link is for, ends all its other sign-ins, and signs in; a second factor is asked for all the same.
pub async fn use_password_link(ctx: &Ctx, secret: &str, input: NewPassword) -> AppResult<Entrance> {
    look_at_password_link(ctx, secret).await?;
    check_password(&input.password, "")?;
    let owner = store::password_links::owner(ctx.db().read(), &secrets::hash(secret)).await?.ok_or_else(link_ended)?;
    let owner = store::users::by_id(ctx.db().read(), owner).await?.ok_or_else(link_ended)?;
    refuse_weak(ctx, &input.password, "password", &owner.name, owner.email.as_deref().unwrap_or_default()).await?;
    let hash = hash(ctx, &input.password).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let user = store::password_links::consume(&mut tx, &secrets::hash(secret), now).await?.ok_or_else(link_ended)?;
    let account = store::users::by_id(&mut *tx, user).await?.filter(store::users::Account::active).ok_or_else(link_ended)?;
    store::users::replace_password(&mut tx, user, &hash, now).await?;
    store::sign_ins::delete_all(&mut tx, user, None).await?;
    let entrance = enter(ctx, &mut tx, &account, "password link").await?;
    // Whoever has the link acts for the account in this, and in nothing else before the factor has answered.
    let acting = ctx.on_behalf_of(Actor::member(account.person()?, Via::Operator));
    note(&acting, &mut tx, Audit::new("password.set_by_link", &account.name)).await?;
    record(&acting, &mut tx, Event::new(UsageKind::PasswordSetByLink).subject(user)).await?;
    tell_of_security(&acting, &mut tx, "The password was set anew", &format!("By a one-time link, from {}.", ctx.address)).await?;
    tx.commit().await?;
    match &entrance {
        Entrance::Whole(signed_in) => after_opening(ctx, signed_in).await,
        Entrance::Half(_) => ctx.state.actors.forget_account(user),
    }
    Ok(entrance)
}

/// Asks for the password once more before something that cannot be undone.
pub(super) async fn prove(ctx: &Ctx, account: &store::users::Account, password: Option<&str>) -> AppResult<()> {
    ctx.state.limits.password(&account.id)?;
    if verify(ctx, account.password_hash.as_deref(), password.unwrap_or_default()).await? {
        Ok(())
    } else {
        Err(AppError::field("password", "This is not your password."))
    }
}
