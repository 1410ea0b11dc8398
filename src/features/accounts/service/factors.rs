//! One's second factors: adding, naming and removing them, recovery codes, and whether an answer proves who one is.

use llmos_identity::{recovery, totp};
use qrcode::{Color, EcLevel, QrCode};

use super::{
    Audit,
    challenges::{Key, Purpose},
    confirmed, note, passkeys,
    sign_in::in_person,
    tell_of_security,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{
            model::{
                AddPasskey, AddTotp, AddedFactor, AnswerFactor, Factor, FactorKind, NewTotp, PasskeyOptions, RecoveryCodes, RenameFactor,
                clean_name,
            },
            store::{
                self,
                factors::{FactorRow, NewFactor},
            },
        },
        analytics::service::{Event, UsageKind, record},
        notifications,
    },
    ids::{FactorId, SignInId, UserId},
    server::{
        context::{Actor, Ctx},
        db::{Db, Tx},
        error::internal,
        secrets::{self, Vault},
    },
};

/// Of one account.
const FACTORS_MAX: usize = 20;
/// Light modules around a QR code (ISO/IEC 18004).
const QUIET: usize = 4;

/// Which factor answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Totp,
    Passkey,
    RecoveryCode,
}

impl Proof {
    pub fn words(self) -> &'static str {
        match self {
            Self::Totp => FactorKind::Totp.words(),
            Self::Passkey => FactorKind::Passkey.words(),
            Self::RecoveryCode => "recovery code",
        }
    }
}

/// What an answer that proves nothing is told.
pub(super) fn wrong(answer: &AnswerFactor) -> AppError {
    if answer.passkey.is_some() {
        AppError::new(ErrorCode::Unauthenticated, "This passkey does not fit. Try another one, or a code.")
    } else {
        let mut error = AppError::field("code", "This code does not fit. Wait for the next one of your app, or use a recovery code.");
        error.code = ErrorCode::Unauthenticated;
        error
    }
}

/// Whether an answer is one of the account's factors. `asked` is what a passkey had to sign. What stands once for it is used up in the caller's
/// transaction.
///
/// # Errors
/// There is no answer at all.
pub(super) async fn prove(ctx: &Ctx, tx: &mut Tx, user: UserId, answer: &AnswerFactor, asked: Option<&str>) -> AppResult<Option<Proof>> {
    if let Some(passkey) = &answer.passkey {
        let Some(asked) = asked else { return Ok(None) };
        return Ok(passkeys::answers(ctx, tx, user, passkey, asked).await?.then_some(Proof::Passkey));
    }
    let code = answer.code.as_deref().map(str::trim).filter(|code| !code.is_empty());
    let code = code.ok_or_else(|| AppError::field("code", "Type the code of your app, or a recovery code."))?;
    let now = ctx.now();
    if let Some(code) = recovery::normalised(code) {
        let right = store::factors::use_recovery_code(tx, user, &secrets::hash(&code), now).await?;
        return Ok(right.then_some(Proof::RecoveryCode));
    }
    for row in store::factors::of_user(&mut **tx, user).await? {
        if row.kind()? == FactorKind::Totp
            && let Some(secret) = totp_secret(ctx, user, &row)
            && let Some(step) = secret.accept(code, now, row.counter)
            && store::factors::take_step(tx, &row.id, step, now).await?
        {
            return Ok(Some(Proof::Totp));
        }
    }
    Ok(None)
}

/// A row copied to another account does not open.
fn sealed_for(user: UserId) -> String {
    format!("authenticator app of {user}")
}

fn totp_secret(ctx: &Ctx, user: UserId, row: &FactorRow) -> Option<totp::Secret> {
    let secret = ctx.state.vault.open(&sealed_for(user), &row.secret).and_then(|text| totp::Secret::parse(&text));
    if secret.is_none() {
        tracing::warn!(%user, "the secret of an authenticator app was sealed under another SECRET_KEY: the app has to be added again");
    }
    secret
}

/// How many secrets of authenticator apps cannot be opened with this server key: for whoever runs the server, which need not be running.
pub async fn unreadable_factors(db: &Db, vault: &Vault) -> AppResult<usize> {
    let mut unreadable = 0;
    for (user, sealed) in store::factors::totp_secrets(db.read()).await? {
        unreadable += usize::from(vault.open(&sealed_for(store::id(&user)?), &sealed).is_none());
    }
    Ok(unreadable)
}

/// A person at a browser who may change how they sign in now, and who has room for one factor more.
async fn may_add(ctx: &Ctx) -> AppResult<(&Actor, SignInId)> {
    let (actor, sign_in) = in_person(ctx)?;
    confirmed(ctx).await?;
    if store::factors::of_user(ctx.db().read(), actor.id()).await?.len() >= FACTORS_MAX {
        return Err(AppError::conflict(format!("An account has at most {FACTORS_MAX} factors: remove one that you no longer use.")));
    }
    Ok((actor, sign_in))
}

fn not_begun() -> AppError {
    AppError::new(ErrorCode::Expired, "This took too long, or was begun elsewhere. Begin again.")
}

/// Makes the secret of an authenticator app. It counts once a code of it was shown ([`add_totp`]).
pub async fn start_totp(ctx: &Ctx) -> AppResult<NewTotp> {
    let (actor, sign_in) = may_add(ctx).await?;
    let account = store::users::by_id(ctx.db().read(), actor.id()).await?.ok_or_else(AppError::unauthenticated)?;
    let secret = totp::Secret::new(random());
    let text = secret.to_text();
    let issuer = super::instance(ctx).await?.name;
    let address = secret.address(&issuer, account.email.as_deref().unwrap_or(&account.name));
    let (qr, size) = qr(&address)?;
    let mut tx = ctx.db().write_tx().await?;
    Key::of_sign_in(sign_in, Purpose::AddTotp).keep(ctx, &mut tx, Some(actor.id()), "", Some(&text)).await?;
    tx.commit().await?;
    let groups: Vec<String> = text.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    Ok(NewTotp { secret: groups.join(" "), address, qr, size })
}

/// Adds the app whose secret was made before, and which shows that it has it.
pub async fn add_totp(ctx: &Ctx, input: AddTotp) -> AppResult<AddedFactor> {
    let (actor, sign_in) = may_add(ctx).await?;
    let (user, now) = (actor.id(), ctx.now());
    let name = clean_name("name", "the app", &input.name)?;
    ctx.state.limits.password(&user.to_string())?;
    let key = Key::of_sign_in(sign_in, Purpose::AddTotp);
    let secret = key.find(ctx).await?.and_then(|waiting| totp::Secret::parse(&waiting.text?)).ok_or_else(not_begun)?;
    let mut tx = ctx.db().write_tx().await?;
    let Some(step) = secret.accept(&input.code, now, 0) else {
        let again = key.count_try(&mut tx).await?;
        tx.commit().await?;
        let sentence = "This code does not fit. Check the time of the device, and type the code that it shows now.";
        return Err(if again { AppError::field("code", sentence) } else { not_begun() });
    };
    key.take(ctx, &mut tx).await?.ok_or_else(not_begun)?;
    let new = NewFactor {
        id: FactorId::generate(),
        user,
        kind: FactorKind::Totp,
        name: &name,
        credential: None,
        secret: ctx.state.vault.seal(&sealed_for(user), &secret.to_text()),
        // The code that was shown counts as used.
        counter: step,
        backed_up: false,
    };
    add(ctx, tx, sign_in, &new).await
}

/// Asks the browser for a new passkey.
pub async fn start_passkey(ctx: &Ctx) -> AppResult<PasskeyOptions> {
    let (actor, sign_in) = may_add(ctx).await?;
    let (options, asked) = passkeys::ask_for_new(ctx, actor.id()).await?;
    let mut tx = ctx.db().write_tx().await?;
    Key::of_sign_in(sign_in, Purpose::AddPasskey).keep(ctx, &mut tx, Some(actor.id()), "", Some(&asked)).await?;
    tx.commit().await?;
    Ok(options)
}

/// Adds the passkey that the browser made.
pub async fn add_passkey(ctx: &Ctx, input: AddPasskey) -> AppResult<AddedFactor> {
    let (actor, sign_in) = may_add(ctx).await?;
    let name = clean_name("name", "the passkey", &input.name)?;
    let mut tx = ctx.db().write_tx().await?;
    let waiting = Key::of_sign_in(sign_in, Purpose::AddPasskey).take(ctx, &mut tx).await?;
    // Whatever comes of it, what was asked is asked once.
    tx.commit().await?;
    let asked = waiting.and_then(|waiting| waiting.text).ok_or_else(not_begun)?;
    if passkeys::is_known(ctx, &input.credential).await? {
        return Err(known_already());
    }
    let made = passkeys::made(ctx, input.credential, &asked)?;
    let new = NewFactor {
        id: FactorId::generate(),
        user: actor.id(),
        kind: FactorKind::Passkey,
        name: &name,
        credential: Some(&made.credential),
        secret: made.stored,
        counter: made.counter,
        backed_up: made.backed_up,
    };
    add(ctx, ctx.db().write_tx().await?, sign_in, &new).await
}

fn known_already() -> AppError {
    AppError::conflict("This passkey is known here already: choose another device, or sign in with it.")
}

/// Writes a factor, makes recovery codes with the first one, and ends all other sign-ins.
async fn add(ctx: &Ctx, mut tx: Tx, sign_in: SignInId, new: &NewFactor<'_>) -> AppResult<AddedFactor> {
    let (actor, now) = (ctx.actor()?, ctx.now());
    let first = !store::factors::any(&mut *tx, new.user).await?;
    if !store::factors::insert(&mut tx, new, now).await? {
        return Err(known_already());
    }
    let recovery_codes = if first { make_codes(&mut tx, new.user, now).await? } else { Vec::new() };
    store::sign_ins::delete_all(&mut tx, new.user, Some(sign_in)).await?;
    let detail = format!("{}: {}", new.kind.words(), new.name);
    note(ctx, &mut tx, Audit::new("factor.added", &actor.person.name).detail(&detail)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::FactorAdded).subject(new.id)).await?;
    tell_of_security(ctx, &mut tx, "A second factor was added", &detail).await?;
    let row = store::factors::by_id(&mut tx, new.user, new.id).await?.ok_or_else(AppError::internal)?;
    tx.commit().await?;
    after_change(ctx, new.user).await;
    Ok(AddedFactor { factor: row.shown()?, recovery_codes })
}

async fn after_change(ctx: &Ctx, user: UserId) {
    ctx.state.actors.forget_account(user);
    notifications::service::tell(ctx, &[user]).await;
}

/// Calls a factor something else.
pub async fn rename_factor(ctx: &Ctx, id: FactorId, input: RenameFactor) -> AppResult<Factor> {
    let (actor, _) = in_person(ctx)?;
    confirmed(ctx).await?;
    let name = clean_name("name", "the factor", &input.name)?;
    let mut tx = ctx.db().write_tx().await?;
    if !store::factors::rename(&mut tx, actor.id(), id, &name, ctx.now()).await? {
        return Err(AppError::not_found("factor"));
    }
    let row = store::factors::by_id(&mut tx, actor.id(), id).await?.ok_or_else(|| AppError::not_found("factor"))?;
    tx.commit().await?;
    row.shown()
}

/// Removes a factor, and ends all other sign-ins. With the last one the recovery codes go.
pub async fn remove_factor(ctx: &Ctx, id: FactorId) -> AppResult<()> {
    let (actor, sign_in) = in_person(ctx)?;
    confirmed(ctx).await?;
    let user = actor.id();
    let mut tx = ctx.db().write_tx().await?;
    let row = store::factors::by_id(&mut tx, user, id).await?.ok_or_else(|| AppError::not_found("factor"))?;
    let account = store::users::locked(&mut tx, user).await?.ok_or_else(AppError::unauthenticated)?;
    store::factors::remove(&mut tx, user, id).await?;
    if !super::has_a_way_in(ctx, &mut tx, &account).await? {
        return Err(AppError::conflict("Without this passkey you could not sign in any more: set a password first."));
    }
    if !store::factors::any(&mut *tx, user).await? {
        store::factors::forget_recovery_codes(&mut tx, user).await?;
    }
    store::sign_ins::delete_all(&mut tx, user, Some(sign_in)).await?;
    let detail = format!("{}: {}", row.kind()?.words(), row.name);
    note(ctx, &mut tx, Audit::new("factor.removed", &actor.person.name).detail(&detail)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::FactorRemoved).subject(id)).await?;
    tell_of_security(ctx, &mut tx, "A second factor was removed", &detail).await?;
    tx.commit().await?;
    after_change(ctx, user).await;
    Ok(())
}

/// Makes new recovery codes; those before are worth nothing then.
pub async fn make_recovery_codes(ctx: &Ctx) -> AppResult<RecoveryCodes> {
    let (actor, _) = in_person(ctx)?;
    confirmed(ctx).await?;
    let user = actor.id();
    let mut tx = ctx.db().write_tx().await?;
    if !store::factors::any(&mut *tx, user).await? {
        return Err(AppError::conflict("Recovery codes stand for a lost factor: add one first."));
    }
    let codes = make_codes(&mut tx, user, ctx.now()).await?;
    note(ctx, &mut tx, Audit::new("recovery_codes.made", &actor.person.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::RecoveryCodesMade).subject(user)).await?;
    tell_of_security(ctx, &mut tx, "New recovery codes were made", "Those before no longer work.").await?;
    tx.commit().await?;
    notifications::service::tell(ctx, &[user]).await;
    Ok(RecoveryCodes { codes })
}

async fn make_codes(tx: &mut Tx, user: UserId, now: i64) -> AppResult<Vec<String>> {
    let codes: Vec<String> = (0..recovery::COUNT).map(|_| recovery::code(random())).collect();
    let hashes: Vec<String> = codes.iter().filter_map(|code| recovery::normalised(code)).map(|code| secrets::hash(&code)).collect();
    store::factors::set_recovery_codes(tx, user, &hashes, now).await?;
    Ok(codes)
}

/// Takes all factors of somebody who has lost them away, and signs them out everywhere: by an administrator, who has made sure who asks.
pub async fn reset_factors(ctx: &Ctx, user: UserId) -> AppResult<()> {
    super::require_administrator(ctx)?;
    confirmed(ctx).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let account = store::users::by_id(&mut *tx, user).await?.ok_or_else(|| AppError::not_found("account"))?;
    if store::factors::remove_all(&mut tx, user).await? == 0 {
        return Err(AppError::conflict("This account has no second factor."));
    }
    store::sign_ins::delete_all(&mut tx, user, None).await?;
    store::challenges::forget_of(&mut tx, user).await?;
    note(ctx, &mut tx, Audit::new("factor.reset", &account.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::FactorRemoved).subject(user)).await?;
    let told = super::security_notice("Your second factors were removed", "An administrator did that. Add new ones.");
    notifications::service::notify(ctx, &mut tx, &[user], &told).await?;
    tx.commit().await?;
    tracing::info!(%user, now, "second factors were removed by an administrator");
    after_change(ctx, user).await;
    Ok(())
}

/// Bytes from the operating system's generator.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// The dark modules of a QR code as the path of an SVG, and how many units that is wide and high.
fn qr(text: &str) -> AppResult<(String, u32)> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| internal("QR code", &error))?;
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        while x < width {
            let run = row[x..].iter().take_while(|module| **module == Color::Dark).count();
            if run > 0 {
                path.push_str(&format!("M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET));
            }
            x += run.max(1);
        }
    }
    Ok((path, u32::try_from(width + 2 * QUIET).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::qr;

    #[test]
    fn a_code_is_a_path_with_its_quiet_zone() {
        let (path, size) = qr("otpauth://totp/LLMos-Lite:maya%40harbor.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").expect("a code");
        // The finder pattern in the corner: seven dark modules behind four light ones.
        assert!(path.starts_with("M4 4h7v1h-7z"), "{}", &path[..40]);
        assert!((29..=77).contains(&size) && path.bytes().all(|byte| b"Mhvz- 0123456789".contains(&byte)));
    }
}
