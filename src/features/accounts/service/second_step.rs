//! The second half of a sign-in: until the factor has answered, the browser has a secret that is good for nothing else.

use axum::http::HeaderValue;

use super::{
    challenges::{Key, Purpose, WAITS_MS},
    factors, passkeys,
    sign_in::{SignedIn, after_opening, note_failure, open, secret_cookie},
    tell_of_security,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::accounts::{
        model::{AnswerFactor, FactorKind, PasskeyOptions, SecondStep},
        store::{self, users::Account},
    },
    ids::UserId,
    server::{context::Ctx, db::Tx, secrets},
};

/// Has the secret of a sign-in that waits, or of a passkey that was asked for.
pub const HALF_COOKIE: &str = "llmos_half";

/// A sign-in that waits for the account's factor.
pub struct HalfSignedIn {
    /// To be sent as `Set-Cookie`.
    pub cookie: HeaderValue,
    pub step: SecondStep,
}

pub(super) fn half_cookie(ctx: &Ctx, secret: &str) -> AppResult<HeaderValue> {
    let seconds = if secret.is_empty() { 0 } else { u32::try_from(WAITS_MS / 1_000).unwrap_or_default() };
    secret_cookie(ctx, HALF_COOKIE, secret, seconds)
}

/// Begins to wait. `how` the first half was is for the log.
pub(super) async fn begin(ctx: &Ctx, tx: &mut Tx, account: &Account, how: &str) -> AppResult<HalfSignedIn> {
    let (secret, user) = (secrets::generate(""), account.id()?);
    let expires_at = Key::of_secret(&secret, Purpose::SecondStep).keep(ctx, tx, Some(user), how, None).await?;
    let kinds = kinds_of(store::factors::of_user(&mut **tx, user).await?)?;
    Ok(HalfSignedIn { cookie: half_cookie(ctx, &secret)?, step: step(ctx, &kinds, expires_at) })
}

fn kinds_of(rows: Vec<store::factors::FactorRow>) -> AppResult<Vec<FactorKind>> {
    rows.iter().map(store::factors::FactorRow::kind).collect()
}

fn step(ctx: &Ctx, kinds: &[FactorKind], expires_at: i64) -> SecondStep {
    SecondStep {
        totp: kinds.contains(&FactorKind::Totp),
        // Whoever runs the server may have given it another address since.
        passkey: kinds.contains(&FactorKind::Passkey) && passkeys::offered(&ctx.state.config),
        expires_at,
    }
}

fn over() -> AppError {
    AppError::new(ErrorCode::Expired, "This sign-in took too long, or had too many wrong codes. Begin again.")
}

struct Half {
    key: Key,
    user: UserId,
    how: String,
    /// What the browser was asked to sign.
    asked: Option<String>,
    expires_at: i64,
}

/// What waits for this browser.
async fn half(ctx: &Ctx) -> AppResult<Half> {
    let secret = ctx.half.as_deref().ok_or_else(over)?;
    let key = Key::of_secret(secret, Purpose::SecondStep);
    let waiting = key.find(ctx).await?.ok_or_else(over)?;
    Ok(Half { key, user: waiting.user.ok_or_else(over)?, how: waiting.how, asked: waiting.text, expires_at: waiting.expires_at })
}

/// What is missing of this browser's sign-in.
pub async fn second_step(ctx: &Ctx) -> AppResult<SecondStep> {
    let half = half(ctx).await?;
    let kinds = kinds_of(store::factors::of_user(ctx.db().read(), half.user).await?)?;
    Ok(step(ctx, &kinds, half.expires_at))
}

/// Asks for one of the account's passkeys.
pub async fn second_step_passkey(ctx: &Ctx) -> AppResult<PasskeyOptions> {
    let half = half(ctx).await?;
    let (options, asked) = passkeys::ask(ctx, half.user).await?;
    let mut tx = ctx.db().write_tx().await?;
    half.key.add(ctx, &mut tx, &asked).await?;
    tx.commit().await?;
    Ok(options)
}

/// Takes the answer of a factor, and signs in.
pub async fn answer_second_step(ctx: &Ctx, answer: AnswerFactor) -> AppResult<SignedIn> {
    let half = half(ctx).await?;
    ctx.state.limits.password(&half.user.to_string())?;
    let account = store::users::by_id(ctx.db().read(), half.user).await?.filter(Account::active).ok_or_else(over)?;
    let mut tx = ctx.db().write_tx().await?;
    let Some(proof) = factors::prove(ctx, &mut tx, half.user, &answer, half.asked.as_deref()).await? else {
        let again = half.key.count_try(&mut tx).await?;
        tx.commit().await?;
        note_failure(ctx, account, "wrong second factor");
        return Err(if again { factors::wrong(&answer) } else { over() });
    };
    // Of two answers at once one signs in.
    half.key.take(ctx, &mut tx).await?.ok_or_else(over)?;
    let how = format!("{} and {}", half.how, proof.words());
    let mut signed_in = open(ctx, &mut tx, &account, &how).await?;
    if proof == factors::Proof::RecoveryCode {
        let ctx = ctx.on_behalf_of(signed_in.actor.clone());
        let left = store::factors::recovery_codes_left(&mut *tx, half.user).await?;
        tell_of_security(&ctx, &mut tx, "A recovery code was used", &format!("{left} are left.")).await?;
    }
    tx.commit().await?;
    after_opening(ctx, &signed_in).await;
    signed_in.cookies.push(half_cookie(ctx, "")?);
    Ok(signed_in)
}
