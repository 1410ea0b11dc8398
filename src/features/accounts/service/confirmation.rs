//! Proving once more who one is, before what changes how one signs in or cannot be undone: who finds a browser open, or has taken its cookie, gets no
//! further.

use axum::http::HeaderValue;

use super::{
    Audit,
    challenges::{Key, Purpose},
    factors, github, note, oidc, passkeys, passwords,
    sign_in::{cookie, in_person, note_failure},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::accounts::{
        model::{Confirm, Confirmed, FactorKind, PasskeyOptions, Protection, Provider},
        store::{self, users::Account},
    },
    ids::SignInId,
    server::{
        clock,
        context::{Ctx, Via},
        db::Tx,
        secrets,
    },
};

/// For so long it counts; signing in counts, too.
pub(super) const COUNTS_MS: i64 = 10 * clock::MINUTE;

/// Lets somebody go on who proved within the last minutes who they are. A token is let through: what it may do its scopes say, and what is about the
/// account itself it may not do at all.
///
/// # Errors
/// [`ErrorCode::ConfirmationRequired`].
pub async fn confirmed(ctx: &Ctx) -> AppResult<()> {
    let Via::SignIn(id) = ctx.actor()?.via else { return Ok(()) };
    if until(ctx, id).await? > ctx.now() {
        Ok(())
    } else {
        Err(AppError::new(
            ErrorCode::ConfirmationRequired,
            "This changes something that matters: confirm that it is you, then do it again.",
        ))
    }
}

async fn until(ctx: &Ctx, id: SignInId) -> AppResult<i64> {
    Ok(store::sign_ins::confirmed_at(ctx.db().read(), id).await?.map_or(0, |at| at + COUNTS_MS))
}

/// How one's account is protected, and by what one would confirm.
pub async fn protection(ctx: &Ctx) -> AppResult<Protection> {
    let (actor, sign_in) = in_person(ctx)?;
    let account = store::users::by_id(ctx.db().read(), actor.id()).await?.ok_or_else(AppError::unauthenticated)?;
    let rows = store::factors::of_user(ctx.db().read(), actor.id()).await?;
    let factors = rows.into_iter().map(store::factors::FactorRow::shown).collect::<AppResult<Vec<_>>>()?;
    let by_password = factors.is_empty() && account.password_hash.is_some();
    let by_provider = if factors.is_empty() && !by_password { provider(ctx, &account).await? } else { None };
    Ok(Protection {
        factors,
        recovery_codes: store::factors::recovery_codes_left(ctx.db().read(), actor.id()).await?,
        confirmed_until: until(ctx, sign_in).await?,
        passkeys: passkeys::offered(&ctx.state.config),
        by_password,
        by_provider,
    })
}

/// Where somebody confirms who has nothing here to confirm by.
async fn provider(ctx: &Ctx, account: &Account) -> AppResult<Option<Provider>> {
    let config = &ctx.state.config;
    if let Some(oidc) = &config.oidc
        && store::identities::linked(ctx.db().read(), account.id()?, &oidc.issuer).await?
    {
        return Ok(Some(Provider { name: oidc.name.clone(), address: format!("{}?confirm=1", oidc::START) }));
    }
    let by_github = account.github_id.is_some() && config.github.is_some();
    Ok(by_github.then(|| Provider { name: "GitHub".to_owned(), address: format!("{}?confirm=1", github::START) }))
}

/// Asks for one of one's passkeys, to confirm with.
pub async fn confirm_passkey(ctx: &Ctx) -> AppResult<PasskeyOptions> {
    let (actor, sign_in) = in_person(ctx)?;
    let (options, asked) = passkeys::ask(ctx, actor.id()).await?;
    let mut tx = ctx.db().write_tx().await?;
    Key::of_sign_in(sign_in, Purpose::Confirm).keep(ctx, &mut tx, Some(actor.id()), "", Some(&asked)).await?;
    tx.commit().await?;
    Ok(options)
}

/// Takes the proof: of a factor where the account has one, since a password alone is what a thief has; otherwise of the password. The sign-in goes on
/// under a new secret, which is the answer's cookie.
pub async fn confirm(ctx: &Ctx, input: Confirm) -> AppResult<(Confirmed, HeaderValue)> {
    let (actor, sign_in) = in_person(ctx)?;
    let user = actor.id();
    ctx.state.limits.password(&user.to_string())?;
    let account = store::users::by_id(ctx.db().read(), user).await?.ok_or_else(AppError::unauthenticated)?;
    let has_factor = store::factors::any(ctx.db().read(), user).await?;
    if !has_factor && account.password_hash.is_some() {
        let Some(password) = input.password.as_deref() else { return Err(AppError::field("password", "Type your password.")) };
        if !passwords::verify(ctx, account.password_hash.as_deref(), password).await? {
            note_failure(ctx, account, "wrong password");
            return Err(AppError::field("password", "This is not your password."));
        }
        return end(ctx, sign_in, ctx.db().write_tx().await?, "password").await;
    }
    if !has_factor {
        return Err(AppError::conflict("This account has neither a password nor a factor here: sign in again to confirm."));
    }
    let mut tx = ctx.db().write_tx().await?;
    let key = Key::of_sign_in(sign_in, Purpose::Confirm);
    let asked = if input.answer.passkey.is_some() { key.take(ctx, &mut tx).await?.and_then(|waiting| waiting.text) } else { None };
    let Some(proof) = factors::prove(ctx, &mut tx, user, &input.answer, asked.as_deref()).await? else {
        tx.commit().await?;
        note_failure(ctx, account, "wrong second factor");
        // Not 401: the sign-in itself is fine.
        return Err(AppError { code: ErrorCode::InvalidInput, ..factors::wrong(&input.answer) });
    };
    end(ctx, sign_in, tx, proof.words()).await
}

/// Notes that the person proved who they are; `how` is for the log.
async fn end(ctx: &Ctx, sign_in: SignInId, mut tx: Tx, how: &str) -> AppResult<(Confirmed, HeaderValue)> {
    let (actor, secret, now) = (ctx.actor()?, secrets::generate(""), ctx.now());
    if !store::sign_ins::confirm(&mut tx, sign_in, &secrets::hash(&secret), now).await? {
        return Err(AppError::unauthenticated());
    }
    note(ctx, &mut tx, Audit::new("sign_in.confirmed", &actor.person.name).detail(how)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(actor.id());
    Ok((Confirmed { confirmed_until: now + COUNTS_MS }, cookie(ctx, &secret)?))
}

/// The same for somebody who came back from where else they sign in. Who has a factor or a password confirms here: the browser of whoever left it open
/// is signed in there, too.
pub(super) async fn confirmed_elsewhere(ctx: &Ctx, how: &str) -> AppResult<HeaderValue> {
    let (actor, sign_in) = in_person(ctx)?;
    let account = store::users::by_id(ctx.db().read(), actor.id()).await?.ok_or_else(AppError::unauthenticated)?;
    if account.password_hash.is_some() || store::factors::any(ctx.db().read(), actor.id()).await? {
        return Err(AppError::conflict("You have a password or a second factor here: confirm with that."));
    }
    end(ctx, sign_in, ctx.db().write_tx().await?, how).await.map(|(_, cookie)| cookie)
}

/// Whether somebody could still sign in with what is left of their account.
pub(super) async fn has_a_way_in(ctx: &Ctx, tx: &mut Tx, account: &Account) -> AppResult<bool> {
    if account.password_hash.is_some() || (account.github_id.is_some() && ctx.state.config.github.is_some()) {
        return Ok(true);
    }
    let user = account.id()?;
    if let Some(oidc) = &ctx.state.config.oidc
        && store::identities::linked(&mut **tx, user, &oidc.issuer).await?
    {
        return Ok(true);
    }
    let factors = store::factors::of_user(&mut **tx, user).await?;
    let by_passkey = factors.iter().any(|row| FactorKind::parse(&row.kind) == Some(FactorKind::Passkey));
    Ok(by_passkey && passkeys::offered(&ctx.state.config))
}
