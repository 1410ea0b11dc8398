//! Who calls: credentials to actors, and whether a role and a credential allow an action.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::people;
use crate::{
    error::{AppError, AppResult},
    features::accounts::{Action, Role, Scope, model::Scopes, store},
    ids::{TeamId, UserId},
    server::{
        clock,
        context::{Actor, Ctx, Via},
        secrets,
    },
};

/// How long an actor is believed without asking the database. Changes in this process count at once; with several processes
/// on one database a change made by another one counts after this time.
const BELIEVED: Duration = Duration::from_secs(5);
const CACHED_MAX: u64 = 10_000;
/// A sign-in or token notes that it is used at most this often, so that reading does not become writing.
const SEEN_EVERY_MS: i64 = 5 * clock::MINUTE;
/// An unused sign-in ends after this time; using it starts the time again.
pub(super) const SIGN_IN_MS: i64 = 30 * clock::DAY;

/// Actors of the last seconds, by the hash of their credential.
pub struct ActorCache {
    /// Counts up with every change to an account, a sign-in or a token; entries of before are not believed.
    generation: AtomicU64,
    entries: moka::sync::Cache<String, Entry>,
}

#[derive(Clone)]
struct Entry {
    generation: u64,
    actor: Actor,
    expires_at: Option<i64>,
}

impl Default for ActorCache {
    fn default() -> Self {
        Self {
            generation: AtomicU64::new(0),
            entries: moka::sync::Cache::builder().max_capacity(CACHED_MAX).time_to_live(BELIEVED).build(),
        }
    }
}

impl ActorCache {
    /// To be called after the commit of anything that changes who somebody is or whether a credential works.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// To be taken before the database is read: a change in between then voids what was read.
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn get(&self, hash: &str, now: i64) -> Option<Actor> {
        let entry = self.entries.get(hash)?;
        let valid = entry.generation == self.generation() && entry.expires_at.is_none_or(|expires_at| expires_at > now);
        valid.then_some(entry.actor)
    }

    fn put(&self, hash: String, generation: u64, actor: &Actor, expires_at: Option<i64>) {
        self.entries.insert(hash, Entry { generation, actor: actor.clone(), expires_at });
    }
}

/// The account that acts for whoever runs the server: the first administrator; none before the first visit.
pub async fn operator(ctx: &Ctx) -> AppResult<Option<Actor>> {
    let account = store::users::first_administrator(ctx.db().read()).await?;
    account
        .map(|account| Ok(Actor { person: account.person()?, administrator: true, moderator: account.moderator != 0, via: Via::Operator }))
        .transpose()
}

/// The account that a login cookie belongs to; none when it does not work (any more).
pub async fn actor_of_sign_in(ctx: &Ctx, secret: &str) -> AppResult<Option<Actor>> {
    let hash = secrets::hash(secret);
    let (now, cache) = (ctx.now(), &ctx.state.actors);
    if let Some(actor) = cache.get(&hash, now) {
        return Ok(Some(actor));
    }
    let generation = cache.generation();
    let Some(row) = store::sign_ins::actor(ctx.db().read(), &hash, now).await? else { return Ok(None) };
    let actor = Actor {
        person: store::person(&row.user_id, &row.user_kind, row.user_name, row.user_color, row.user_avatar.as_deref())?,
        administrator: row.administrator != 0,
        moderator: row.moderator != 0,
        via: Via::SignIn(store::id(&row.sign_in_id)?),
    };
    if row.last_seen_at + SEEN_EVERY_MS < now {
        log_failure(sign_in_used(ctx, &row.sign_in_id, now).await);
    }
    cache.put(hash, generation, &actor, Some(row.expires_at));
    Ok(Some(actor))
}

/// The account that an API token belongs to.
pub async fn actor_of_token(ctx: &Ctx, token: &str) -> AppResult<Actor> {
    let hash = secrets::hash(token);
    let (now, cache) = (ctx.now(), &ctx.state.actors);
    if let Some(actor) = cache.get(&hash, now) {
        return Ok(actor);
    }
    let generation = cache.generation();
    let Some(row) = store::tokens::actor(ctx.db().read(), &hash).await? else {
        ctx.state.limits.wrong_secret(&ctx.address)?;
        return Err(unauthenticated("This API token does not exist, or it was revoked. Make a new one in the settings."));
    };
    if row.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(unauthenticated("This API token has expired. Make a new one in the settings."));
    }
    let actor = Actor {
        person: store::person(&row.user_id, &row.user_kind, row.user_name, row.user_color, row.user_avatar.as_deref())?,
        administrator: row.administrator != 0,
        moderator: row.moderator != 0,
        via: Via::Token(Scopes::parse(&row.scopes)),
    };
    if row.last_used_at.is_none_or(|last| last + SEEN_EVERY_MS < now) {
        log_failure(token_used(ctx, &row.token_id, now).await);
    }
    cache.put(hash, generation, &actor, row.expires_at);
    Ok(actor)
}

fn unauthenticated(message: &str) -> AppError {
    AppError { message: message.to_owned(), ..AppError::unauthenticated() }
}

async fn sign_in_used(ctx: &Ctx, id: &str, now: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::sign_ins::touch(&mut tx, id, now, now + SIGN_IN_MS).await?;
    Ok(tx.commit().await?)
}

async fn token_used(ctx: &Ctx, id: &str, now: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::tokens::touch(&mut tx, id, now).await?;
    Ok(tx.commit().await?)
}

/// A full disk must not keep people from reading.
fn log_failure(result: AppResult<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the last use of a credential was not stored");
    }
}

/// The caller's role in `team`, if it (and the credential) allows `action`. Not a member: not found.
pub async fn authorise_team(ctx: &Ctx, team: TeamId, action: Action) -> AppResult<Role> {
    let actor = ctx.actor_with(action.scope())?;
    let role = store::members::role(ctx.db().read(), team, actor.id()).await?;
    allow(role, action)
}

/// The one place where a role meets the matrix.
pub(super) fn allow(role: Option<Role>, action: Action) -> AppResult<Role> {
    let role = role.ok_or_else(|| AppError::not_found("team"))?;
    if role.allows(action) {
        Ok(role)
    } else {
        let least = action.least_role();
        let article = if least == Role::Owner { "an" } else { "a" };
        Err(AppError::forbidden(format!("You are a {role} of this team, and this takes {article} {least}.")))
    }
}

/// The caller, who must be an administrator of this instance, with a credential that reaches that far.
pub(super) fn administrator(ctx: &Ctx) -> AppResult<&Actor> {
    let actor = ctx.actor_with(Scope::Admin)?;
    if actor.administrator { Ok(actor) } else { Err(AppError::forbidden("Only administrators of this instance may do this.")) }
}

/// The teams that `user` is in.
pub async fn team_ids_of(ctx: &Ctx, user: UserId) -> AppResult<Vec<TeamId>> {
    Ok(store::teams::mine(ctx.db().read(), user).await?.into_iter().map(|team| team.id).collect())
}

/// The caller's teams, with the role in each.
pub async fn roles_of(ctx: &Ctx) -> AppResult<Vec<(TeamId, Role)>> {
    let teams = match &ctx.page {
        // A page shows the account anyway.
        Some(_) => people::own(ctx).await?.teams,
        None => store::teams::mine(ctx.db().read(), ctx.actor()?.id()).await?,
    };
    Ok(teams.into_iter().map(|team| (team.id, team.role)).collect())
}
