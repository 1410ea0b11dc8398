//! Signing in at an issuer of OpenID Connect that whoever runs the server has named: the authorization code flow with PKCE, against that one issuer.
//! An account there is known by issuer and subject, never by an address.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::HeaderValue;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use llmos_identity::oidc::{Claims, Discovered, Expected, Keys, Request, TokenError, configuration_address, verify};
use reqwest::{Client, RequestBuilder, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use subtle::ConstantTimeEq as _;
use tokio::sync::Mutex;

use super::{
    Audit, confirmation, confirmed, me, note,
    sign_in::{Entrance, deactivated, in_person, sign_in_as},
    sign_up::{Identity, Newcomer, may_open, may_register, register},
    tell_of_security,
};
use crate::{
    browser::data::encode,
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{
            model::{Me, clean_email, clean_name, safe_next},
            store,
        },
        analytics::service::{Event, UsageKind, record},
        notifications,
    },
    ids::UserId,
    server::{
        config::Oidc,
        context::{Ctx, Via},
        error::chain,
        secrets,
    },
};

/// Where the trip begins.
pub(super) const START: &str = "/auth/oidc";
/// What an issuer says of itself is read again after this time; its keys also whenever one is named that is not known.
const BELIEVED: Duration = Duration::from_secs(3_600);
/// Bytes of an answer of the issuer's.
const ANSWER_MAX: usize = 512 * 1024;

/// What the server knows of the issuer, as far as it has asked.
#[derive(Default)]
pub struct Issuer {
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    discovered: Arc<Discovered>,
    keys: Arc<Keys>,
    read_at: Instant,
}

/// What the browser keeps between leaving for the issuer and coming back: an HttpOnly cookie of ten minutes.
#[derive(Serialize, Deserialize)]
struct Trip {
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    invitation: Option<String>,
    /// When somebody who is signed in left to confirm that it is them, in milliseconds since 1970.
    #[serde(default)]
    confirms: Option<i64>,
}

/// Where to send the browser, and what it has to keep.
pub struct OidcStart {
    pub location: String,
    /// The value of the trip's cookie.
    pub trip: String,
}

/// What the issuer sends the browser back with (RFC 6749, 4.1.2; RFC 9207).
#[derive(Debug, Default, Deserialize)]
pub struct OidcCallback {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub iss: Option<String>,
    #[serde(default)]
    pub error: Option<String>,
}

/// Where a trip leads: on to `next`, with what is to be sent as `Set-Cookie`.
pub struct Arrival {
    pub cookies: Vec<HeaderValue>,
    pub next: String,
    /// The account's factor is asked for before.
    pub half: bool,
}

fn configured(ctx: &Ctx) -> AppResult<&Oidc> {
    ctx.state.config.oidc.as_ref().ok_or_else(|| AppError::new(ErrorCode::NotFound, "Signing in at another provider is not set up here."))
}

fn redirect_uri(ctx: &Ctx) -> String {
    format!("{}{START}/callback", ctx.state.config.public_url())
}

fn unavailable(oidc: &Oidc) -> AppError {
    AppError::new(
        ErrorCode::Unavailable,
        format!("{} does not answer as it should. Try again in a moment, or sign in another way.", oidc.name),
    )
}

/// What the issuer says of itself, and its keys.
async fn known(ctx: &Ctx, oidc: &Oidc) -> AppResult<Known> {
    let mut known = ctx.state.oidc.known.lock().await;
    if let Some(known) = known.as_ref().filter(|known| known.read_at.elapsed() < BELIEVED) {
        return Ok(known.clone());
    }
    let http = client(oidc)?;
    let text = fetch(oidc, http.get(address(oidc, &configuration_address(&oidc.issuer))?)).await?;
    let discovered = Discovered::read(&text, &oidc.issuer).map_err(|error| {
        tracing::error!(issuer = oidc.issuer, %error, "what the issuer says of itself cannot be used");
        unavailable(oidc)
    })?;
    for named in [&discovered.authorization_endpoint, &discovered.token_endpoint, &discovered.jwks_uri] {
        address(oidc, named)?;
    }
    let keys = Arc::new(keys_of(oidc, &http, &discovered).await?);
    let fresh = Known { discovered: Arc::new(discovered), keys, read_at: Instant::now() };
    *known = Some(fresh.clone());
    Ok(fresh)
}

/// Reads the keys once more: the issuer has rolled them.
async fn rolled(ctx: &Ctx, oidc: &Oidc, before: &Known) -> AppResult<Arc<Keys>> {
    let keys = Arc::new(keys_of(oidc, &client(oidc)?, &before.discovered).await?);
    if let Some(known) = ctx.state.oidc.known.lock().await.as_mut() {
        known.keys = keys.clone();
    }
    Ok(keys)
}

async fn keys_of(oidc: &Oidc, http: &Client, discovered: &Discovered) -> AppResult<Keys> {
    let text = fetch(oidc, http.get(address(oidc, &discovered.jwks_uri)?)).await?;
    Keys::read(&text).ok_or_else(|| {
        tracing::error!(issuer = oidc.issuer, "the issuer's keys cannot be read");
        unavailable(oidc)
    })
}

fn client(oidc: &Oidc) -> AppResult<Client> {
    oidc.rules.client().map_err(|error| crate::server::error::internal("HTTP client", &error))
}

/// An address that the issuer named, where this server may go.
fn address(oidc: &Oidc, text: &str) -> AppResult<Url> {
    let refused = |why: String| {
        tracing::error!(issuer = oidc.issuer, address = text, why, "the issuer names an address that is not asked");
        unavailable(oidc)
    };
    let url = Url::parse(text).map_err(|error| refused(error.to_string()))?;
    oidc.rules.check(&url).map_err(refused)?;
    Ok(url)
}

/// The text of one answer of the issuer's.
async fn fetch(oidc: &Oidc, request: RequestBuilder) -> AppResult<String> {
    let answer = async {
        let mut response = request.header("accept", "application/json").send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > ANSWER_MAX {
                break;
            }
        }
        Ok::<_, reqwest::Error>(bytes)
    };
    let bytes = answer.await.map_err(|error| {
        tracing::warn!(issuer = oidc.issuer, error = %chain(&error), "the issuer");
        unavailable(oidc)
    })?;
    if bytes.len() > ANSWER_MAX {
        tracing::warn!(issuer = oidc.issuer, "the issuer's answer is too large");
        return Err(unavailable(oidc));
    }
    String::from_utf8(bytes).map_err(|_| unavailable(oidc))
}

fn read<T: DeserializeOwned>(oidc: &Oidc, text: &str) -> AppResult<T> {
    serde_json::from_str(text).map_err(|error| {
        tracing::warn!(issuer = oidc.issuer, %error, "the issuer's answer does not fit");
        unavailable(oidc)
    })
}

/// Begins a trip to the issuer. With `confirm`, of somebody who is signed in and proves once more who they are.
pub async fn start_oidc(ctx: &Ctx, next: &str, invitation: Option<String>, confirm: bool) -> AppResult<OidcStart> {
    let oidc = configured(ctx)?;
    if confirm {
        in_person(ctx)?;
    }
    let discovered = known(ctx, oidc).await?.discovered;
    let trip = Trip {
        state: secrets::generate(""),
        nonce: secrets::generate(""),
        verifier: secrets::generate(""),
        next: safe_next(next).to_owned(),
        invitation: invitation.filter(|secret| !secret.is_empty()),
        confirms: confirm.then(|| ctx.now()),
    };
    let redirect_uri = redirect_uri(ctx);
    let request = Request {
        client_id: &oidc.client_id,
        redirect_uri: &redirect_uri,
        scope: &oidc.scopes,
        state: &trip.state,
        nonce: &trip.nonce,
        verifier: &trip.verifier,
        anew: confirm,
    };
    let mut location = address(oidc, &discovered.authorization_endpoint)?;
    location.query_pairs_mut().extend_pairs(request.parameters());
    Ok(OidcStart { location: location.into(), trip: URL_SAFE_NO_PAD.encode(serde_json::to_vec(&trip)?) })
}

/// Ends a trip: signs in, links the account that is signed in, confirms it, or opens one.
pub async fn finish_oidc(ctx: &Ctx, trip: Option<&str>, callback: OidcCallback) -> AppResult<Arrival> {
    let oidc = configured(ctx)?;
    let stale =
        || AppError::new(ErrorCode::Expired, format!("Signing in with {} took too long or was started elsewhere. Try again.", oidc.name));
    let trip = trip.and_then(|trip| URL_SAFE_NO_PAD.decode(trip).ok()).ok_or_else(stale)?;
    let trip: Trip = serde_json::from_slice(&trip).map_err(|_| stale())?;
    if !bool::from(trip.state.as_bytes().ct_eq(callback.state.as_deref().unwrap_or_default().as_bytes())) {
        return Err(stale());
    }
    // From here on somebody else's server works for the caller.
    ctx.state.limits.attempt(&ctx.address)?;
    let issuer = known(ctx, oidc).await?;
    // An answer that another issuer gave is not taken for one of this one (RFC 9207, 2.4).
    match &callback.iss {
        Some(iss) if *iss != oidc.issuer => return Err(stale()),
        None if issuer.discovered.names_itself => return Err(stale()),
        _ => {}
    }
    let declined =
        || AppError::new(ErrorCode::Unauthenticated, format!("{} did not sign you in. Try again, or sign in another way.", oidc.name));
    if let Some(error) = &callback.error {
        tracing::info!(issuer = oidc.issuer, error, "the issuer signed nobody in");
        return Err(declined());
    }
    let token = id_token(ctx, oidc, &issuer.discovered, callback.code.as_deref().unwrap_or_default(), &trip.verifier).await?;
    let claims = believed(ctx, oidc, &issuer, &token, &trip).await?.ok_or_else(declined)?;
    let next = safe_next(&trip.next).to_owned();
    admit(ctx, oidc, &claims, &trip, next).await
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
}

/// Exchanges the code (Core, 3.1.3). The access token that comes along is of no use here, and not kept.
async fn id_token(ctx: &Ctx, oidc: &Oidc, discovered: &Discovered, code: &str, verifier: &str) -> AppResult<String> {
    let redirect_uri = redirect_uri(ctx);
    let mut form =
        vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri.as_str()), ("code_verifier", verifier)];
    if discovered.secret_in_body {
        form.extend([("client_id", oidc.client_id.as_str()), ("client_secret", oidc.client_secret.as_str())]);
    }
    let body = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
    let mut request = client(oidc)?
        .post(address(oidc, &discovered.token_endpoint)?)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    if !discovered.secret_in_body {
        // Both are encoded first (RFC 6749, 2.3.1).
        let pair = format!("{}:{}", encode(&oidc.client_id), encode(&oidc.client_secret));
        request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
    }
    read::<TokenAnswer>(oidc, &fetch(oidc, request).await?).map(|answer| answer.id_token)
}

/// Who the token says signed in; none when it is not to be believed.
async fn believed(ctx: &Ctx, oidc: &Oidc, issuer: &Known, token: &str, trip: &Trip) -> AppResult<Option<Claims>> {
    let expected = Expected {
        issuer: &oidc.issuer,
        client_id: &oidc.client_id,
        nonce: &trip.nonce,
        algorithms: &issuer.discovered.algorithms,
        now: ctx.now(),
        // The browser could say that it was long ago.
        signed_in_since: trip.confirms.map(|at| at.max(ctx.now() - super::confirmation::COUNTS_MS)),
    };
    let mut verdict = verify(token, &issuer.keys, &expected);
    if verdict == Err(TokenError::UnknownKey) {
        let keys = rolled(ctx, oidc, issuer).await?;
        verdict = verify(token, &keys, &expected);
    }
    match verdict {
        Ok(claims) => Ok(Some(claims)),
        Err(error) => {
            tracing::warn!(issuer = oidc.issuer, %error, "an ID token is not believed");
            Ok(None)
        }
    }
}

/// Which account here an account there is.
async fn admit(ctx: &Ctx, oidc: &Oidc, claims: &Claims, trip: &Trip, next: String) -> AppResult<Arrival> {
    let linked = store::identities::account(ctx.db().read(), &oidc.issuer, &claims.subject).await?;
    // Somebody who is signed in came to link the two, or to confirm that it is them.
    if let Some(actor) = ctx.actor.as_deref()
        && matches!(actor.via, Via::SignIn(_))
    {
        let own = match &linked {
            Some(account) => account.id()? == actor.id(),
            None => false,
        };
        if trip.confirms.is_some() {
            if !own {
                return Err(AppError::conflict(format!("This is not the account of {} that is linked to yours.", oidc.name)));
            }
            return Ok(Arrival { cookies: vec![confirmation::confirmed_elsewhere(ctx, &oidc.name).await?], next, half: false });
        }
        match linked {
            Some(_) if !own => return Err(AppError::conflict(format!("This account of {} is linked to another account here.", oidc.name))),
            Some(_) => {}
            None => link(ctx, oidc, actor.id(), &actor.person.name, claims).await?,
        }
        return Ok(Arrival { cookies: Vec::new(), next, half: false });
    }
    let how = oidc.name.as_str();
    let entrance = match linked {
        Some(account) if account.active() => {
            let mut tx = ctx.db().write_tx().await?;
            store::identities::used(&mut tx, &oidc.issuer, &claims.subject, ctx.now()).await?;
            tx.commit().await?;
            sign_in_as(ctx, &account, how).await?
        }
        Some(_) => return Err(deactivated()),
        None => Entrance::Whole(open_account(ctx, oidc, claims, trip.invitation.as_deref()).await?),
    };
    let half = matches!(entrance, Entrance::Half(_));
    Ok(Arrival { cookies: entrance.cookies(), next, half })
}

async fn open_account(ctx: &Ctx, oidc: &Oidc, claims: &Claims, invitation: Option<&str>) -> AppResult<super::SignedIn> {
    ctx.state.limits.sign_up(&ctx.address)?;
    may_register(ctx, invitation).await?;
    let Some(email) = &claims.verified_email else {
        return Err(AppError::conflict(format!(
            "{} tells no e-mail address of yours that it has verified, and an account needs one.",
            oidc.name
        )));
    };
    let email = clean_email(email)?;
    may_open(ctx, invitation, &email).await?;
    // An address proves nothing about an account that is here already.
    if store::users::by_email(ctx.db().read(), &email).await?.is_some() {
        return Err(AppError::conflict(format!(
            "There is an account with your e-mail address. Sign in to it, then link {} in your settings.",
            oidc.name
        )));
    }
    let name = claims.name.as_deref().and_then(|name| clean_name("name", "yourself", name).ok());
    let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or_default().to_owned());
    let newcomer = Newcomer {
        name: &name,
        email: &email,
        password_hash: None,
        github_id: None,
        identity: Some(Identity { issuer: &oidc.issuer, subject: &claims.subject }),
        invitation,
    };
    register(ctx, &newcomer, &oidc.name).await
}

async fn link(ctx: &Ctx, oidc: &Oidc, user: UserId, name: &str, claims: &Claims) -> AppResult<()> {
    confirmed(ctx).await?;
    let mut tx = ctx.db().write_tx().await?;
    if !store::identities::insert(&mut tx, &oidc.issuer, &claims.subject, user, ctx.now()).await? {
        return Err(AppError::conflict(format!("Another account of {} is linked to yours already: unlink it first.", oidc.name)));
    }
    note(ctx, &mut tx, Audit::new("oidc.linked", name).detail(&oidc.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::OidcLinked).subject(user)).await?;
    tell_of_security(ctx, &mut tx, "An account elsewhere was linked", &oidc.name).await?;
    tx.commit().await?;
    notifications::service::tell(ctx, &[user]).await;
    Ok(())
}

/// Takes the link away. Refused to an account that could not sign in any more.
pub async fn unlink_oidc(ctx: &Ctx) -> AppResult<Me> {
    let (actor, _) = in_person(ctx)?;
    confirmed(ctx).await?;
    let (oidc, user) = (configured(ctx)?, actor.id());
    let mut tx = ctx.db().write_tx().await?;
    let account = store::users::locked(&mut tx, user).await?.ok_or_else(AppError::unauthenticated)?;
    if !store::identities::delete(&mut tx, user, &oidc.issuer).await? {
        return Err(AppError::conflict(format!("No account of {} is linked to this one.", oidc.name)));
    }
    if !super::has_a_way_in(ctx, &mut tx, &account).await? {
        return Err(AppError::conflict(format!("Without {} you could not sign in any more: set a password first.", oidc.name)));
    }
    note(ctx, &mut tx, Audit::new("oidc.unlinked", &account.name).detail(&oidc.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::OidcUnlinked).subject(user)).await?;
    tell_of_security(ctx, &mut tx, "An account elsewhere was unlinked", &oidc.name).await?;
    tx.commit().await?;
    notifications::service::tell(ctx, &[user]).await;
    me(ctx).await
}
