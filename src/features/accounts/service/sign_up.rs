//! Opening an account: the first one, by invitation, or openly.

use super::{
    Audit, invitations, note, passwords,
    sign_in::{SignedIn, after_opening, open},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{
            model::{SignUp, UserKind, check_password, clean_email, clean_name},
            store::{self, users::NewAccount},
        },
        analytics::service::{Event, UsageKind, record},
        volumes,
    },
    ids::UserId,
    server::{context::Ctx, db::Tx},
};

/// An account at an issuer of OpenID Connect.
pub(super) struct Identity<'a> {
    pub issuer: &'a str,
    pub subject: &'a str,
}

/// Who wants an account, checked.
pub(super) struct Newcomer<'a> {
    pub name: &'a str,
    pub email: &'a str,
    pub password_hash: Option<&'a str>,
    pub github_id: Option<&'a str>,
    pub identity: Option<Identity<'a>>,
    pub invitation: Option<&'a str>,
}

/// The person colour, from the random end of the id.
pub(super) fn color_of(id: UserId) -> u8 {
    let digit = id.to_string().chars().last().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
    u8::try_from(digit % 8 + 1).unwrap_or(1)
}

pub async fn sign_up(ctx: &Ctx, input: SignUp) -> AppResult<SignedIn> {
    ctx.state.limits.sign_up(&ctx.address)?;
    let name = clean_name("name", "yourself", &input.name)?;
    let email = clean_email(&input.email)?;
    check_password(&input.password, &email)?;
    passwords::refuse_weak(ctx, &input.password, "password", &name, &email).await?;
    let invitation = input.invitation.as_deref();
    if input.website.as_deref().is_some_and(|text| !text.is_empty()) {
        tracing::info!(address = %ctx.address, "somebody filled in the field that people do not see");
        return Err(AppError::invalid("This could not be sent. Load the page again, and fill in only what it shows."));
    }
    // Asked again inside the transaction; here it saves the hash for somebody who may not come in.
    may_register(ctx, invitation).await?;
    may_open(ctx, invitation, &email).await?;
    let hash = passwords::hash(ctx, &input.password).await?;
    let newcomer = Newcomer { name: &name, email: &email, password_hash: Some(&hash), github_id: None, identity: None, invitation };
    register(ctx, &newcomer, "password").await
}

fn closed() -> AppError {
    AppError::forbidden("Accounts are opened by invitation here. Ask somebody who has one for a link.")
}

/// Whether somebody may open an account now.
pub(super) async fn may_register(ctx: &Ctx, invitation: Option<&str>) -> AppResult<()> {
    if let Some(secret) = invitation {
        invitations::find(ctx, ctx.db().read(), secret).await?;
        return Ok(());
    }
    let settings = store::settings::read(ctx.db().read()).await?;
    if settings.visited && !settings.open_registration { Err(closed()) } else { Ok(()) }
}

/// Whether an address may open an account where anybody may: whoever was invited is known to somebody.
pub(super) async fn may_open(ctx: &Ctx, invitation: Option<&str>, email: &str) -> AppResult<()> {
    if invitation.is_some() || !store::settings::read(ctx.db().read()).await?.visited {
        return Ok(());
    }
    let domain = email.rsplit('@').next().unwrap_or_default();
    let domains = &ctx.state.config.sign_up.domains;
    if !domains.is_empty() && !domains.iter().any(|one| one == domain) {
        let listed = domains.join(", ");
        return Err(AppError::field("email", format!("Accounts are opened with an address of {listed} here, or with an invitation.")));
    }
    ctx.state.limits.sign_up_of(domain)
}

/// Makes the account and signs it in, in one transaction. Whether it is the first one is decided in there.
pub(super) async fn register(ctx: &Ctx, newcomer: &Newcomer<'_>, how: &str) -> AppResult<SignedIn> {
    let (id, now) = (UserId::generate(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    let first = store::settings::claim_first_administrator(&mut tx, id, now).await?;
    let invited = match newcomer.invitation {
        Some(secret) => Some(invitations::consume(ctx, &mut tx, secret).await?),
        None if first || store::settings::read(&mut *tx).await?.open_registration => None,
        None => return Err(closed()),
    };
    if store::users::by_email(&mut *tx, newcomer.email).await?.is_some() {
        let mut error = AppError::field("email", "There is an account with this e-mail address: sign in instead.");
        error.code = ErrorCode::Conflict;
        return Err(error);
    }
    create(&mut tx, id, newcomer, first, now).await?;
    if let Some(identity) = &newcomer.identity
        && !store::identities::insert(&mut tx, identity.issuer, identity.subject, id, now).await?
    {
        return Err(AppError::conflict("This was done already: sign in."));
    }
    let account = store::users::by_id(&mut *tx, id).await?.ok_or_else(AppError::internal)?;
    let signed_in = open(ctx, &mut tx, &account, how).await?;
    let ctx = ctx.on_behalf_of(signed_in.actor.clone());
    let detail = if first { "the first account, administrator" } else { "" };
    note(&ctx, &mut tx, Audit::new("account.created", newcomer.name).detail(detail)).await?;
    record(&ctx, &mut tx, Event::new(UsageKind::AccountCreated).subject(id)).await?;
    if let Some(invited) = invited {
        invitations::join(&ctx, &mut tx, &invited, id).await?;
    }
    tx.commit().await?;
    after_opening(&ctx, &signed_in).await;
    Ok(signed_in)
}

async fn create(tx: &mut Tx, id: UserId, newcomer: &Newcomer<'_>, administrator: bool, now: i64) -> AppResult<()> {
    let new = NewAccount {
        id,
        kind: UserKind::Human,
        name: newcomer.name,
        email: Some(newcomer.email),
        password_hash: newcomer.password_hash,
        github_id: newcomer.github_id,
        owner_team: None,
        color: color_of(id),
        administrator,
    };
    store::users::insert(tx, &new, now).await?;
    volumes::service::create_personal_volume(tx, id, now).await
}
