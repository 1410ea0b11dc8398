//! Signing in with GitHub: the OAuth web flow with state and PKCE, against GitHub or a server that speaks like it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use llmos_identity::oidc::challenge;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{
    Arrival, Audit, confirmation, confirmed, me, note,
    sign_in::{Entrance, deactivated, in_person, sign_in_as},
    sign_up::{Newcomer, may_open, may_register, register},
    tell_of_security,
};
use crate::{
    browser::data::encode,
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{
            model::{Me, clean_email, clean_name, safe_next},
            store::{self, users::Account},
        },
        analytics::service::{Event, UsageKind, record},
        notifications,
    },
    ids::UserId,
    server::{
        config::GitHub,
        context::{Ctx, Via},
        error::chain,
        secrets,
    },
};

/// Where the trip begins.
pub(super) const START: &str = "/auth/github";

/// What the browser keeps between leaving for GitHub and coming back: an HttpOnly cookie of ten minutes.
#[derive(Serialize, Deserialize)]
struct Trip {
    state: String,
    verifier: String,
    next: String,
    invitation: Option<String>,
    /// Somebody who is signed in left to confirm that it is them.
    #[serde(default)]
    confirms: bool,
}

/// Where to send the browser, and what it has to keep.
pub struct GitHubStart {
    pub location: String,
    /// The value of the trip's cookie.
    pub trip: String,
}

/// What GitHub sends the browser back with.
#[derive(Debug, Default, Deserialize)]
pub struct Callback {
    #[serde(default)]
    pub code: Option<String>,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub error: Option<String>,
}

/// The account at GitHub, by its id there, that the caller's is linked to.
pub async fn github_account(ctx: &Ctx) -> AppResult<Option<i64>> {
    let account = store::users::by_id(ctx.db().read(), ctx.actor()?.id()).await?;
    Ok(account.and_then(|account| account.github_id?.parse().ok()))
}

fn configured(ctx: &Ctx) -> AppResult<&GitHub> {
    ctx.state.config.github.as_ref().ok_or_else(|| AppError::new(ErrorCode::NotFound, "Signing in with GitHub is not set up here."))
}

fn redirect_uri(ctx: &Ctx) -> String {
    format!("{}{START}/callback", ctx.state.config.public_url())
}

/// Begins a trip to GitHub. With `confirm`, of somebody who is signed in and proves once more who they are.
pub fn start_github(ctx: &Ctx, next: &str, invitation: Option<String>, confirm: bool) -> AppResult<GitHubStart> {
    let github = configured(ctx)?;
    if confirm {
        in_person(ctx)?;
    }
    let trip = Trip {
        state: secrets::generate(""),
        verifier: secrets::generate(""),
        next: safe_next(next).to_owned(),
        invitation: invitation.filter(|secret| !secret.is_empty()),
        confirms: confirm,
    };
    let challenge = challenge(&trip.verifier);
    let location = format!(
        "{}/login/oauth/authorize?client_id={}&redirect_uri={}&scope={}&state={}&code_challenge={challenge}&code_challenge_method=S256",
        ctx.state.config.github_url,
        encode(&github.client_id),
        encode(&redirect_uri(ctx)),
        encode("read:user user:email"),
        trip.state,
    );
    // GitHub knows no “sign in anew”; it lets one choose the account, at least.
    let location = if confirm { format!("{location}&prompt=select_account") } else { location };
    Ok(GitHubStart { location, trip: URL_SAFE_NO_PAD.encode(serde_json::to_vec(&trip)?) })
}

/// An account at GitHub.
struct Identity {
    id: String,
    name: String,
    /// The primary address, if GitHub has verified it.
    email: Option<String>,
}

/// Ends a trip: signs in, links the account that is signed in, confirms it, or opens one.
pub async fn finish_github(ctx: &Ctx, trip: Option<&str>, callback: Callback) -> AppResult<Arrival> {
    let github = configured(ctx)?;
    let stale = || AppError::new(ErrorCode::Expired, "Signing in with GitHub took too long or was started elsewhere. Try again.");
    let trip = trip.and_then(|trip| URL_SAFE_NO_PAD.decode(trip).ok()).ok_or_else(stale)?;
    let trip: Trip = serde_json::from_slice(&trip).map_err(|_| stale())?;
    if !bool::from(trip.state.as_bytes().ct_eq(callback.state.as_deref().unwrap_or_default().as_bytes())) {
        return Err(stale());
    }
    if callback.error.is_some() {
        return Err(AppError::new(ErrorCode::Unauthenticated, "GitHub did not sign you in. Try again, or sign in with your password."));
    }
    // From here on somebody else's server works for the caller.
    ctx.state.limits.attempt(&ctx.address)?;
    let identity = identify(ctx, github, callback.code.as_deref().unwrap_or_default(), &trip.verifier).await?;
    let next = safe_next(&trip.next).to_owned();
    if trip.confirms {
        let linked = store::users::by_github(ctx.db().read(), &identity.id).await?;
        if linked.is_none_or(|account| Some(account.id) != ctx.actor.as_deref().map(|actor| actor.id().to_string())) {
            return Err(AppError::conflict("This is not the GitHub account that is linked to yours."));
        }
        return Ok(Arrival { cookies: vec![confirmation::confirmed_elsewhere(ctx, "GitHub").await?], next, half: false });
    }
    let entrance = admit(ctx, &identity, trip.invitation.as_deref()).await?;
    let half = matches!(entrance, Some(Entrance::Half(_)));
    Ok(Arrival { cookies: entrance.map(Entrance::cookies).unwrap_or_default(), next, half })
}

/// Which account here an account there is; none when somebody is signed in already.
async fn admit(ctx: &Ctx, identity: &Identity, invitation: Option<&str>) -> AppResult<Option<Entrance>> {
    let linked = store::users::by_github(ctx.db().read(), &identity.id).await?;
    // Somebody who is signed in came to link the two.
    if let Some(actor) = ctx.actor.as_deref()
        && matches!(actor.via, Via::SignIn(_))
    {
        match linked {
            Some(account) if account.id()? != actor.id() => {
                return Err(AppError::conflict("This GitHub account is linked to another account here."));
            }
            Some(_) => {}
            None => {
                confirmed(ctx).await?;
                link(ctx, actor.id(), &actor.person.name, identity).await?;
            }
        }
        return Ok(None);
    }
    if let Some(account) = linked {
        return enter(ctx, &account).await.map(Some);
    }
    let Some(email) = &identity.email else {
        return Err(AppError::conflict("GitHub has not verified your primary e-mail address. Verify it there, then try again."));
    };
    let email = clean_email(email)?;
    let found = store::users::by_email(ctx.db().read(), &email).await?;
    let by_address_alone = match &found {
        Some(account) => is_proved_by_address_alone(ctx, account).await?,
        None => false,
    };
    match found {
        // GitHub has verified it.
        Some(account) if by_address_alone => {
            link(ctx, account.id()?, &account.name, identity).await?;
            enter(ctx, &account).await.map(Some)
        }
        Some(_) => Err(AppError::conflict(
            "There is an account with your e-mail address. Sign in with its password, then link GitHub in your settings.",
        )),
        None => {
            ctx.state.limits.sign_up(&ctx.address)?;
            may_register(ctx, invitation).await?;
            may_open(ctx, invitation, &email).await?;
            let name = clean_name("name", "yourself", &identity.name)?;
            let newcomer =
                Newcomer { name: &name, email: &email, password_hash: None, github_id: Some(&identity.id), identity: None, invitation };
            register(ctx, &newcomer, "GitHub").await.map(|signed_in| Some(Entrance::Whole(signed_in)))
        }
    }
}

/// Whether nobody can prove an account but by its address.
async fn is_proved_by_address_alone(ctx: &Ctx, account: &Account) -> AppResult<bool> {
    if account.password_hash.is_some() || account.github_id.is_some() || account.is_agent() {
        return Ok(false);
    }
    let (user, pool) = (account.id()?, ctx.db().read());
    Ok(!store::factors::any(pool, user).await? && !store::identities::any(pool, user).await?)
}

async fn enter(ctx: &Ctx, account: &Account) -> AppResult<Entrance> {
    if account.active() { sign_in_as(ctx, account, "GitHub").await } else { Err(deactivated()) }
}

async fn link(ctx: &Ctx, user: UserId, name: &str, identity: &Identity) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::users::set_github(&mut tx, user, Some(&identity.id), ctx.now()).await?;
    note(ctx, &mut tx, Audit::new("github.linked", name).detail(&identity.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::GithubLinked).subject(user)).await?;
    // Whoever is only signing in with it is told of that.
    let told = ctx.actor.as_deref().is_some_and(|actor| actor.id() == user);
    if told {
        tell_of_security(ctx, &mut tx, "An account elsewhere was linked", "GitHub").await?;
    }
    tx.commit().await?;
    if told {
        notifications::service::tell(ctx, &[user]).await;
    }
    Ok(())
}

/// Takes the link away. Refused to an account that could not sign in any more.
pub async fn unlink_github(ctx: &Ctx) -> AppResult<Me> {
    let (actor, _) = in_person(ctx)?;
    confirmed(ctx).await?;
    let user = actor.id();
    let mut tx = ctx.db().write_tx().await?;
    let account = store::users::locked(&mut tx, user).await?.ok_or_else(AppError::unauthenticated)?;
    if account.github_id.is_none() {
        return Err(AppError::conflict("No GitHub account is linked to this one."));
    }
    let without = Account { github_id: None, ..account.clone() };
    if !super::has_a_way_in(ctx, &mut tx, &without).await? {
        return Err(AppError::conflict("Without GitHub you could not sign in any more: set a password first."));
    }
    store::users::set_github(&mut tx, user, None, ctx.now()).await?;
    note(ctx, &mut tx, Audit::new("github.unlinked", &account.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::GithubUnlinked).subject(user)).await?;
    tell_of_security(ctx, &mut tx, "An account elsewhere was unlinked", "GitHub").await?;
    tx.commit().await?;
    notifications::service::tell(ctx, &[user]).await;
    me(ctx).await
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct UserAnswer {
    id: u64,
    login: String,
    name: Option<String>,
}

#[derive(Deserialize)]
struct EmailAnswer {
    email: String,
    primary: bool,
    verified: bool,
}

/// Asks GitHub who came back.
async fn identify(ctx: &Ctx, github: &GitHub, code: &str, verifier: &str) -> AppResult<Identity> {
    let (http, config) = (&ctx.state.http, &ctx.state.config);
    let form = [
        ("client_id", github.client_id.as_str()),
        ("client_secret", &github.client_secret),
        ("code", code),
        ("redirect_uri", &redirect_uri(ctx)),
        ("code_verifier", verifier),
    ];
    let body = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&");
    let request = http
        .post(format!("{}/login/oauth/access_token", config.github_url))
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let token: TokenAnswer = ask(request).await?;
    let get = |path: &str| {
        http.get(format!("{}{path}", config.github_api_url))
            .bearer_auth(&token.access_token)
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
    };
    let user: UserAnswer = ask(get("/user")).await?;
    let emails: Vec<EmailAnswer> = ask(get("/user/emails")).await?;
    let name = user.name.filter(|name| clean_name("name", "yourself", name).is_ok()).unwrap_or(user.login);
    let email = emails.into_iter().find(|email| email.primary && email.verified).map(|email| email.email);
    Ok(Identity { id: user.id.to_string(), name, email })
}

/// One question to GitHub. GitHub answers a wrong code with 200 and an error object, which then does not fit.
async fn ask<T: serde::de::DeserializeOwned>(request: reqwest::RequestBuilder) -> AppResult<T> {
    let answer = async { request.send().await?.error_for_status()?.json::<T>().await };
    answer.await.map_err(|error| {
        tracing::warn!(error = %chain(&error), "GitHub");
        AppError::new(ErrorCode::Unavailable, "GitHub does not answer as it should. Try again in a moment, or sign in with your password.")
    })
}
