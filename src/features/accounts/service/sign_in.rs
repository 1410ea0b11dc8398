//! Signing in, in one step or two, signing out, and the list of one's signed-in devices.

use axum::http::HeaderValue;

use super::{
    Audit,
    access::SIGN_IN_MS,
    confirmed, note, passwords,
    second_step::{self, HalfSignedIn},
    tell_of_security,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{
            model::{Credentials, SignIn, clean_email, device_name, safe_next, second_step_address},
            store::{self, sign_ins::NewSignIn, users::Account},
        },
        analytics::service::{Event, UsageKind, record},
    },
    ids::{SignInId, UserId},
    server::{
        context::{Actor, Ctx, Via},
        cookies,
        db::Tx,
        secrets,
    },
};

/// The login cookie. Its value is a secret; only its hash is stored.
pub const COOKIE: &str = "llmos_session";
/// By which an account knows a browser again that it has signed in with.
pub const DEVICE_COOKIE: &str = "llmos_device";
/// The longest that browsers keep a cookie. When a sign-in ends is decided here, not by the browser.
const COOKIE_SECONDS: u32 = 400 * 24 * 3600;
/// Browsers that one account is signed in with at once; beyond that the one that was not used for the longest time is signed out.
const SIGN_INS_MAX: i64 = 50;
/// Browsers that one account is known to have signed in with.
const DEVICES_MOST: i64 = 100;

/// A fresh sign-in.
pub struct SignedIn {
    /// To be sent as `Set-Cookie`: the login cookie first.
    pub cookies: Vec<HeaderValue>,
    pub actor: Actor,
}

/// What proving who one is leads to.
pub enum Entrance {
    Whole(SignedIn),
    /// The account has a second factor, which is asked for now.
    Half(HalfSignedIn),
}

impl Entrance {
    /// `next`, or first the page that asks for the second factor.
    pub fn leads_to(&self, next: &str) -> String {
        match self {
            Self::Whole(_) => next.to_owned(),
            Self::Half(_) => second_step_address(safe_next(next)),
        }
    }

    /// To be sent as `Set-Cookie`.
    pub fn cookies(self) -> Vec<HeaderValue> {
        match self {
            Self::Whole(signed_in) => signed_in.cookies,
            Self::Half(half) => vec![half.cookie],
        }
    }
}

/// A cookie that neither scripts nor other sites get.
pub(super) fn secret_cookie(ctx: &Ctx, name: &str, value: &str, seconds: u32) -> AppResult<HeaderValue> {
    cookies::set(&ctx.state.config, name, value, seconds).ok_or_else(AppError::internal)
}

pub(super) fn cookie(ctx: &Ctx, value: &str) -> AppResult<HeaderValue> {
    secret_cookie(ctx, COOKIE, value, if value.is_empty() { 0 } else { COOKIE_SECONDS })
}

/// The same whether the account does not exist, has no password or has another one.
fn refused() -> AppError {
    AppError::new(ErrorCode::Unauthenticated, "The e-mail address or the password is wrong.")
}

/// What somebody with the right password of a deactivated account is told.
pub(super) fn deactivated() -> AppError {
    AppError::forbidden("This account is deactivated. Ask an administrator to activate it again.")
}

pub async fn sign_in(ctx: &Ctx, input: Credentials) -> AppResult<Entrance> {
    let email = clean_email(&input.email)?;
    ctx.state.limits.sign_in(&ctx.address, &email)?;
    let account = store::users::by_email(ctx.db().read(), &email).await?;
    let stored = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let right = passwords::verify(ctx, stored, &input.password).await?;
    match account {
        Some(account) if right && account.active() => sign_in_as(ctx, &account, "password").await,
        Some(account) if right => {
            note_failure(ctx, account, "deactivated");
            Err(deactivated())
        }
        Some(account) => {
            note_failure(ctx, account, "wrong password");
            Err(refused())
        }
        None => Err(refused()),
    }
}

/// Signs `account` in, or asks for its factor; `how` it proved itself is for the log.
pub(super) async fn sign_in_as(ctx: &Ctx, account: &Account, how: &str) -> AppResult<Entrance> {
    let mut tx = ctx.db().write_tx().await?;
    let entrance = enter(ctx, &mut tx, account, how).await?;
    tx.commit().await?;
    if let Entrance::Whole(signed_in) = &entrance {
        after_opening(ctx, signed_in).await;
    }
    Ok(entrance)
}

/// The same in the caller's transaction; [`after_opening`] follows the commit where it is whole.
pub(super) async fn enter(ctx: &Ctx, tx: &mut Tx, account: &Account, how: &str) -> AppResult<Entrance> {
    if store::factors::any(&mut **tx, account.id()?).await? {
        second_step::begin(ctx, tx, account, how).await.map(Entrance::Half)
    } else {
        open(ctx, tx, account, how).await.map(Entrance::Whole)
    }
}

/// Makes the sign-in in the caller's transaction, once everything is proved. It takes the place of the one that the browser had.
/// [`after_opening`] follows the commit.
pub(super) async fn open(ctx: &Ctx, tx: &mut Tx, account: &Account, how: &str) -> AppResult<SignedIn> {
    if let Some(Actor { via: Via::SignIn(before), person, .. }) = ctx.actor.as_deref() {
        store::sign_ins::delete(tx, *before, person.id).await?;
    }
    let (id, secret, now) = (SignInId::generate(), secrets::generate(""), ctx.now());
    let user = account.id()?;
    let new = NewSignIn {
        id,
        user,
        token_hash: &secrets::hash(&secret),
        user_agent: &ctx.user_agent,
        address: &ctx.address,
        expires_at: now + SIGN_IN_MS,
    };
    store::sign_ins::insert(tx, &new, now).await?;
    store::sign_ins::delete_beyond(tx, user, SIGN_INS_MAX).await?;
    let actor = Actor {
        person: account.person()?,
        administrator: account.administrator != 0,
        moderator: account.moderator != 0,
        via: Via::SignIn(id),
    };
    let ctx = ctx.on_behalf_of(actor.clone());
    let device = device_name(&ctx.user_agent);
    note(&ctx, tx, Audit::new("sign_in.succeeded", &account.name).detail(&format!("{device}, {how}"))).await?;
    record(&ctx, tx, Event::new(UsageKind::AccountSignedIn).subject(&account.id)).await?;
    let mut cookies = vec![cookie(&ctx, &secret)?];
    cookies.extend(know_device(&ctx, tx, user, &device).await?);
    Ok(SignedIn { cookies, actor })
}

/// Notes the browser among those that the account knows, and tells the account of one that it does not know; a browser gets the cookie by which it is
/// known from then on.
async fn know_device(ctx: &Ctx, tx: &mut Tx, user: UserId, device: &str) -> AppResult<Option<HeaderValue>> {
    let now = ctx.now();
    if let Some(secret) = &ctx.device
        && store::devices::seen(tx, user, &secrets::hash(secret), now).await?
    {
        return Ok(None);
    }
    // The very first one is where the account was opened, or an account of before devices were known.
    if store::devices::any(tx, user).await? {
        note(ctx, tx, Audit::new("device.new", &ctx.actor()?.person.name).detail(device)).await?;
        tell_of_security(ctx, tx, "Signed in on a new device", &format!("{device}, from {}", ctx.address)).await?;
    }
    // Several accounts of one browser share its secret, and learn nothing of each other by that.
    let (secret, cookie) = match &ctx.device {
        Some(secret) => (secret.to_string(), None),
        None => {
            let secret = secrets::generate("");
            let cookie = secret_cookie(ctx, DEVICE_COOKIE, &secret, COOKIE_SECONDS)?;
            (secret, Some(cookie))
        }
    };
    store::devices::insert(tx, user, &secrets::hash(&secret), now).await?;
    store::devices::delete_beyond(tx, user, DEVICES_MOST).await?;
    Ok(cookie)
}

/// What follows the commit of a sign-in.
pub(super) async fn after_opening(ctx: &Ctx, signed_in: &SignedIn) {
    let user = signed_in.actor.id();
    ctx.state.actors.forget_account(user);
    crate::features::notifications::service::tell(&ctx.on_behalf_of(signed_in.actor.clone()), &[user]).await;
}

/// Logs a failed try, beside the answer and not before it: the time of a write would tell that the account exists.
pub(super) fn note_failure(ctx: &Ctx, account: Account, why: &'static str) {
    let ctx = ctx.clone();
    tokio::spawn(async move {
        let result = async {
            let actor = Actor::member(account.person()?, Via::Operator);
            let mut tx = ctx.db().write_tx().await?;
            note(&ctx.on_behalf_of(actor), &mut tx, Audit::new("sign_in.failed", &account.name).detail(why)).await?;
            AppResult::Ok(tx.commit().await?)
        };
        if let Err(error) = result.await {
            tracing::warn!(%error, "a failed sign-in was not stored in the audit log");
        }
    });
}

/// Ends the sign-in of this browser; the answer is the cookie's removal. Nobody signed in: nothing to end, no error.
pub async fn sign_out(ctx: &Ctx) -> AppResult<HeaderValue> {
    if let Some(Actor { via: Via::SignIn(id), person, .. }) = ctx.actor.as_deref() {
        let mut tx = ctx.db().write_tx().await?;
        store::sign_ins::delete(&mut tx, *id, person.id).await?;
        note(ctx, &mut tx, Audit::new("sign_in.ended", &person.name)).await?;
        record(ctx, &mut tx, Event::new(UsageKind::AccountSignedOut).subject(person.id)).await?;
        tx.commit().await?;
        ctx.state.actors.forget_account(person.id);
    }
    cookie(ctx, "")
}

/// The caller, who must sit at a browser: what is about the account itself is not done with a token.
pub(super) fn in_person(ctx: &Ctx) -> AppResult<(&Actor, SignInId)> {
    let actor = ctx.actor()?;
    match actor.via {
        Via::SignIn(id) => Ok((actor, id)),
        Via::Token(_) | Via::Operator => Err(AppError::forbidden("Sign in with a browser to do this: a token cannot.")),
    }
}

/// One's signed-in devices, the last used first.
pub async fn list_sign_ins(ctx: &Ctx) -> AppResult<Vec<SignIn>> {
    let (actor, current) = in_person(ctx)?;
    let rows = store::sign_ins::list(ctx.db().read(), actor.id(), ctx.now()).await?;
    rows.into_iter()
        .map(|row| {
            let id: SignInId = store::id(&row.id)?;
            Ok(SignIn {
                id,
                device: device_name(&row.user_agent),
                address: row.address,
                created_at: row.created_at,
                last_seen_at: row.last_seen_at,
                current: id == current,
            })
        })
        .collect()
}

/// Ends one of one's sign-ins.
pub async fn end_sign_in(ctx: &Ctx, id: SignInId) -> AppResult<()> {
    let (actor, _) = in_person(ctx)?;
    confirmed(ctx).await?;
    let mut tx = ctx.db().write_tx().await?;
    if !store::sign_ins::delete(&mut tx, id, actor.id()).await? {
        return Err(AppError::not_found("sign-in"));
    }
    note(ctx, &mut tx, Audit::new("sign_in.ended", &actor.person.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AccountSignedOut).subject(actor.id())).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(actor.id());
    Ok(())
}

/// Ends all of one's sign-ins but this one.
pub async fn sign_out_others(ctx: &Ctx) -> AppResult<()> {
    let (actor, current) = in_person(ctx)?;
    confirmed(ctx).await?;
    end_all(ctx, actor, Some(current)).await
}

/// Ends all of one's sign-ins, this one included; the answer is the cookie's removal.
pub async fn sign_out_everywhere(ctx: &Ctx) -> AppResult<HeaderValue> {
    let (actor, _) = in_person(ctx)?;
    end_all(ctx, actor, None).await?;
    cookie(ctx, "")
}

async fn end_all(ctx: &Ctx, actor: &Actor, kept: Option<SignInId>) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    let ended = store::sign_ins::delete_all(&mut tx, actor.id(), kept).await?;
    note(ctx, &mut tx, Audit::new("sign_in.ended_everywhere", &actor.person.name).detail(&format!("{ended} sign-ins"))).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AccountSignedOutEverywhere).subject(actor.id())).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(actor.id());
    Ok(())
}
