//! API tokens of one's own. Those of agents are in `agents`.

use super::{Audit, confirmed, note};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            Scope,
            model::{ApiToken, CreateApiToken, NewApiToken, Person, Scopes, UserKind, clean_name},
            store,
        },
        analytics::service::{Event, UsageKind, record},
    },
    ids::{ApiTokenId, TeamId},
    server::{
        clock,
        context::{Ctx, Via},
        db::Tx,
        secrets,
    },
};

const PREFIX: &str = "llmos_";
/// Characters of a token that stay readable in lists.
const SHOWN: usize = PREFIX.len() + 4;
const DAYS_MAX: u32 = 366;
/// Of one account; enough for every script, and the list stays readable.
const TOKENS_MAX: i64 = 100;

/// Checks the wish, makes the secret, and stores its hash for `owner` in the caller's transaction.
pub(super) async fn issue(ctx: &Ctx, tx: &mut Tx, owner: &Person, team: Option<TeamId>, input: CreateApiToken) -> AppResult<NewApiToken> {
    let actor = ctx.actor()?;
    let name = clean_name("name", "the token", &input.name)?;
    let scopes = Scopes(Scope::ALL.into_iter().filter(|scope| input.scopes.0.contains(scope)).collect());
    if scopes.0.is_empty() {
        return Err(AppError::field("scopes", "Choose what the token may be used for."));
    }
    if let Via::Token(own) = &actor.via
        && !scopes.0.iter().all(|scope| own.contain(*scope))
    {
        return Err(AppError::forbidden("A token cannot make one that may do more than itself."));
    }
    if input.expires_in_days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        return Err(AppError::field("expiresInDays", format!("A token works for 1 to {DAYS_MAX} days, or without an end.")));
    }
    if store::tokens::count(tx, owner.id).await? >= TOKENS_MAX {
        return Err(AppError::conflict(format!("An account has at most {TOKENS_MAX} tokens: revoke one that is no longer used.")));
    }
    let (secret, now) = (secrets::generate(PREFIX), ctx.now());
    let token = ApiToken {
        id: ApiTokenId::chosen(input.id, now)?,
        name,
        scopes,
        prefix: secret.chars().take(SHOWN).collect(),
        created_at: now,
        expires_at: input.expires_in_days.map(|days| now + i64::from(days) * clock::DAY),
        last_used_at: None,
    };
    if store::tokens::id_is_taken(tx, token.id).await? {
        return Err(AppError::conflict("This id is in use already: make a new one."));
    }
    store::tokens::insert(tx, owner.id, &token, &secrets::hash(&secret), actor.id()).await?;
    let detail = format!("{}: {}", token.name, token.scopes);
    let event = Audit::new("token.created", &owner.name).detail(&detail);
    note(ctx, tx, if let Some(team) = team { event.team(team) } else { event }).await?;
    record(ctx, tx, Event::new(UsageKind::TokenCreated).team(team).subject(token.id)).await?;
    Ok(NewApiToken { token, secret })
}

/// One's tokens, newest first; never their secrets.
pub async fn list_tokens(ctx: &Ctx) -> AppResult<Vec<ApiToken>> {
    let actor = ctx.actor_with(Scope::Admin)?;
    store::tokens::list(ctx.db().read(), actor.id()).await
}

/// Makes a token; its secret is shown once.
pub async fn create_token(ctx: &Ctx, input: CreateApiToken) -> AppResult<NewApiToken> {
    let actor = ctx.actor_with(Scope::Admin)?;
    if actor.person.kind == UserKind::Agent {
        return Err(AppError::forbidden("The maintainers of an agent's team make its tokens."));
    }
    confirmed(ctx).await?;
    let mut tx = ctx.db().write_tx().await?;
    let token = issue(ctx, &mut tx, &actor.person, None, input).await?;
    tx.commit().await?;
    Ok(token)
}

pub async fn revoke_token(ctx: &Ctx, id: ApiTokenId) -> AppResult<()> {
    let actor = ctx.actor_with(Scope::Admin)?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let name = store::tokens::revoke(&mut tx, id, actor.id(), now).await?.ok_or_else(|| AppError::not_found("token"))?;
    note(ctx, &mut tx, Audit::new("token.revoked", &actor.person.name).detail(&name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::TokenRevoked).team(None).subject(id)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(actor.id());
    Ok(())
}
