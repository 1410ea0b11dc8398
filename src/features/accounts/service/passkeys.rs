//! Passkeys: WebAuthn as `webauthn-rs` does it, which checks what devices sign. Here is whose they are and what becomes of them.

use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use webauthn_rs::prelude::{
    AuthenticationResult, Credential, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder, WebauthnError,
};

use super::{
    challenges::{Key, Purpose},
    second_step::half_cookie,
    sign_in::{SignedIn, after_opening, deactivated, open},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::accounts::{
        model::{FactorKind, PasskeyOptions, PasskeySignIn},
        store::{self, users::Account},
    },
    ids::UserId,
    server::{config::Config, context::Ctx, db::Tx, error::internal, secrets},
};

/// The name and the origin that passkeys are for; none where browsers make none: an address that is a number, or neither https nor this machine.
fn site(config: &Config) -> Option<(String, Url)> {
    let origin = Url::parse(&config.public_url()).ok()?;
    let name = origin.domain()?.to_owned();
    let trusted = origin.scheme() == "https" || name == "localhost" || name.ends_with(".localhost");
    trusted.then_some((name, origin))
}

/// Whether passkeys work at this server's address.
pub(super) fn offered(config: &Config) -> bool {
    site(config).is_some()
}

fn relying_party(ctx: &Ctx, called: &str) -> AppResult<Webauthn> {
    let (name, origin) = site(&ctx.state.config).ok_or_else(|| {
        AppError::conflict("Passkeys need an address with a name and https: whoever runs this server sets SITE_URL to one.")
    })?;
    WebauthnBuilder::new(&name, &origin).and_then(|builder| builder.rp_name(called).build()).map_err(|error| internal("WebAuthn", &error))
}

/// The party that checks, whose name no browser is shown.
fn verifier(ctx: &Ctx) -> AppResult<Webauthn> {
    relying_party(ctx, "")
}

fn uuid(user: UserId) -> Uuid {
    Uuid::from_u128(user.bits())
}

fn stored_id(credential: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(credential)
}

/// Whether a passkey that a browser made is somebody's already.
pub(super) async fn is_known(ctx: &Ctx, answer: &serde_json::Value) -> AppResult<bool> {
    let Some(credential) = answer["rawId"].as_str().and_then(|id| URL_SAFE_NO_PAD.decode(id).ok()) else { return Ok(false) };
    Ok(store::factors::by_credential(ctx.db().read(), &stored_id(&credential)).await?.is_some())
}

async fn of_user(ctx: &Ctx, user: UserId) -> AppResult<Vec<Passkey>> {
    let rows = store::factors::of_user(ctx.db().read(), user).await?;
    let mut passkeys = Vec::new();
    for row in rows {
        if row.kind()? == FactorKind::Passkey {
            passkeys.push(serde_json::from_slice(&row.secret)?);
        }
    }
    Ok(passkeys)
}

/// Asks for a new passkey of an account: what the browser is told, and what its answer is held against.
pub(super) async fn ask_for_new(ctx: &Ctx, user: UserId) -> AppResult<(PasskeyOptions, String)> {
    let account = store::users::by_id(ctx.db().read(), user).await?.ok_or_else(AppError::unauthenticated)?;
    let known = of_user(ctx, user).await?.iter().map(|passkey| passkey.cred_id().clone()).collect();
    let party = relying_party(ctx, &super::instance(ctx).await?.name)?;
    let called = account.email.as_deref().unwrap_or(&account.name);
    let asked = party.start_passkey_registration(uuid(user), called, &account.name, Some(known));
    let (options, state) = asked.map_err(|error| internal("WebAuthn", &error))?;
    let mut options = serde_json::to_value(options)?;
    // One that the device finds by itself signs in without an address; a device that has no room for it makes another one.
    options["publicKey"]["authenticatorSelection"]["residentKey"] = json!("preferred");
    Ok((PasskeyOptions(options), serde_json::to_string(&state)?))
}

/// A new passkey, as it is stored.
pub(super) struct Made {
    /// In base64url.
    pub credential: String,
    pub stored: Vec<u8>,
    pub counter: i64,
    pub backed_up: bool,
}

/// Checks what the browser made.
pub(super) fn made(ctx: &Ctx, answer: Value, asked: &str) -> AppResult<Made> {
    let refused = || AppError::invalid("This is not the passkey that was asked for. Begin again.");
    let answer: RegisterPublicKeyCredential = serde_json::from_value(answer).map_err(|_| refused())?;
    let state: PasskeyRegistration = serde_json::from_str(asked)?;
    let passkey = verifier(ctx)?.finish_passkey_registration(&answer, &state).map_err(|error| {
        tracing::info!(%error, "a new passkey was refused");
        refused()
    })?;
    let (credential, stored) = (stored_id(passkey.cred_id()), serde_json::to_vec(&passkey)?);
    let whole = Credential::from(passkey);
    Ok(Made { credential, stored, counter: i64::from(whole.counter), backed_up: whole.backup_state })
}

/// Asks for one of an account's passkeys: what the browser is told, and what its answer is held against.
pub(super) async fn ask(ctx: &Ctx, user: UserId) -> AppResult<(PasskeyOptions, String)> {
    let passkeys = of_user(ctx, user).await?;
    if passkeys.is_empty() {
        return Err(AppError::conflict("This account has no passkey: use a code."));
    }
    let (options, state) = verifier(ctx)?.start_passkey_authentication(&passkeys).map_err(|error| internal("WebAuthn", &error))?;
    Ok((PasskeyOptions(serde_json::to_value(options)?), serde_json::to_string(&state)?))
}

/// Whether the browser's answer is that of one of the account's passkeys.
pub(super) async fn answers(ctx: &Ctx, tx: &mut Tx, user: UserId, answer: &Value, asked: &str) -> AppResult<bool> {
    let Ok(answer) = serde_json::from_value::<PublicKeyCredential>(answer.clone()) else { return Ok(false) };
    let Ok(state) = serde_json::from_str::<PasskeyAuthentication>(asked) else { return Ok(false) };
    match verifier(ctx)?.finish_passkey_authentication(&answer, &state) {
        Ok(result) => note_use(ctx, tx, user, &result).await,
        Err(error) => {
            tell(user, &error);
            Ok(false)
        }
    }
}

/// A counter that went back is the one that means something: the key may be in two places.
fn tell(user: UserId, error: &WebauthnError) {
    if matches!(error, WebauthnError::CredentialPossibleCompromise) {
        tracing::warn!(%user, "a passkey signed fewer times than before: it may have been copied, and was refused");
    } else {
        tracing::info!(%user, %error, "a passkey was refused");
    }
}

/// Keeps what a device says of a passkey that it used. False: it is none of this account's any more.
async fn note_use(ctx: &Ctx, tx: &mut Tx, user: UserId, result: &AuthenticationResult) -> AppResult<bool> {
    let row = store::factors::by_credential(&mut **tx, &stored_id(result.cred_id())).await?;
    let Some(row) = row.filter(|row| row.user_id == user.to_string()) else { return Ok(false) };
    let mut passkey: Passkey = serde_json::from_slice(&row.secret)?;
    let _ = passkey.update_credential(result);
    let (stored, counter) = (serde_json::to_vec(&passkey)?, i64::from(result.counter()).max(row.counter));
    store::factors::used(tx, &row.id, stored, counter, result.backup_state(), ctx.now()).await?;
    Ok(true)
}

fn unknown() -> AppError {
    AppError::new(ErrorCode::Unauthenticated, "This passkey is not known here. Sign in another way, then add it in your settings.")
}

/// Asks for any passkey that the device has for this server, without knowing who comes; the browser's secret for the answer comes along as a cookie.
pub async fn start_passkey_sign_in(ctx: &Ctx) -> AppResult<(PasskeyOptions, HeaderValue)> {
    ctx.state.limits.attempt(&ctx.address)?;
    let (options, state) = verifier(ctx)?.start_discoverable_authentication().map_err(|error| internal("WebAuthn", &error))?;
    let mut options = serde_json::to_value(options)?;
    // A button asks, and not a field that completes what is typed.
    if let Some(options) = options.as_object_mut() {
        options.remove("mediation");
    }
    let secret = secrets::generate("");
    let mut tx = ctx.db().write_tx().await?;
    Key::of_secret(&secret, Purpose::PasskeySignIn).keep(ctx, &mut tx, None, "", Some(&serde_json::to_string(&state)?)).await?;
    tx.commit().await?;
    Ok((PasskeyOptions(options), half_cookie(ctx, &secret)?))
}

/// Signs in by a passkey alone. It is two factors by itself: the device, and what the device asks of the person.
pub async fn passkey_sign_in(ctx: &Ctx, input: PasskeySignIn) -> AppResult<SignedIn> {
    ctx.state.limits.attempt(&ctx.address)?;
    let over = || AppError::new(ErrorCode::Expired, "This took too long, or was begun elsewhere. Begin again.");
    let secret = ctx.half.as_deref().ok_or_else(over)?;
    let mut tx = ctx.db().write_tx().await?;
    let waiting = Key::of_secret(secret, Purpose::PasskeySignIn).take(ctx, &mut tx).await?;
    // Whatever comes of it, what was asked is asked once.
    tx.commit().await?;
    let asked = waiting.and_then(|waiting| waiting.text).ok_or_else(over)?;
    let state: DiscoverableAuthentication = serde_json::from_str(&asked)?;
    let answer: PublicKeyCredential = serde_json::from_value(input.passkey).map_err(|_| unknown())?;
    let party = verifier(ctx)?;
    let (handle, credential) = party.identify_discoverable_authentication(&answer).map_err(|_| unknown())?;
    let user = UserId::from_bits(handle.as_u128());
    let row = store::factors::by_credential(ctx.db().read(), &stored_id(credential)).await?;
    let row = row.filter(|row| row.user_id == user.to_string()).ok_or_else(unknown)?;
    let passkey: Passkey = serde_json::from_slice(&row.secret)?;
    let result = party.finish_discoverable_authentication_v2(&answer, state, &passkey).map_err(|error| {
        tell(user, &error);
        unknown()
    })?;
    let account = store::users::by_id(ctx.db().read(), user).await?.ok_or_else(unknown)?;
    if !Account::active(&account) {
        return Err(deactivated());
    }
    let mut tx = ctx.db().write_tx().await?;
    if !note_use(ctx, &mut tx, user, &result).await? {
        return Err(unknown());
    }
    let mut signed_in = open(ctx, &mut tx, &account, FactorKind::Passkey.words()).await?;
    tx.commit().await?;
    after_opening(ctx, &signed_in).await;
    signed_in.cookies.push(half_cookie(ctx, "")?);
    Ok(signed_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_are_for_names_that_browsers_trust() {
        let config = |url: &'static str| {
            Config::from_sources(&move |name| (name == "SITE_URL").then(|| url.to_owned()), "").expect("a configuration")
        };
        for (url, name) in [
            ("https://llmos.example", Some("llmos.example")),
            ("https://llmos.example:8443", Some("llmos.example")),
            ("http://localhost:3000", Some("localhost")),
            ("http://a.localhost", Some("a.localhost")),
            ("http://llmos.example", None),
            ("https://10.0.0.1", None),
            ("https://[::1]:3000", None),
        ] {
            assert_eq!(site(&config(url)).map(|(name, _)| name).as_deref(), name, "{url}");
        }
    }
}
