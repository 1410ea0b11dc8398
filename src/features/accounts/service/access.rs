//! Who calls: credentials to actors, and whether a role and a credential allow an action.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::people;
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{
            Action, Role, Scope,
            model::Scopes,
            store::{self, sign_ins::SignInActor},
        },
        collaboration::model::RoomAccess,
    },
    ids::{RoomId, SignInId, TeamId, UserId},
    server::{
        clock,
        cluster::{Cluster, Notice},
        context::{Actor, Ctx, Via},
        secrets,
    },
};

/// How long an actor is believed without asking the database. Changes count at once, those made at other nodes as soon as they are heard of.
const BELIEVED: Duration = Duration::from_secs(5);
/// The same while other nodes cannot be heard.
const BELIEVED_UNHEARD: Duration = Duration::from_secs(1);
const CACHED_MAX: u64 = 10_000;
/// A sign-in or token notes that it is used at most this often, so that reading does not become writing.
const SEEN_EVERY_MS: i64 = 5 * clock::MINUTE;
/// An unused sign-in ends after this time; using it starts the time again.
pub(super) const SIGN_IN_MS: i64 = 30 * clock::DAY;
/// A sign-in ends after this time even if it is used every day.
pub(super) const SIGN_IN_LONGEST_MS: i64 = 180 * clock::DAY;

/// Actors of the last seconds, by the hash of their credential.
pub struct ActorCache {
    /// Counts up with every change to an account, a sign-in or a token; entries of before are not believed.
    generation: AtomicU64,
    entries: moka::sync::Cache<String, Entry>,
    changes: broadcast::Sender<Changed>,
    cluster: Cluster,
}

/// Whose credentials or rights changed: who holds a connection open looks at them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Account(UserId),
    /// More than one, or it is not known whose.
    Any,
}

/// A connection that did not look for so many changes looks at everything again.
const CHANGES: usize = 256;

#[derive(Clone)]
struct Entry {
    generation: u64,
    actor: Actor,
    expires_at: Option<i64>,
    read_at: Instant,
}

impl ActorCache {
    pub fn new(cluster: Cluster) -> Self {
        Self {
            generation: AtomicU64::new(0),
            entries: moka::sync::Cache::builder().max_capacity(CACHED_MAX).time_to_live(BELIEVED).build(),
            changes: broadcast::Sender::new(CHANGES),
            cluster,
        }
    }

    /// To be called after the commit of anything that changes who somebody is or whether a credential works.
    pub fn forget(&self) {
        self.tell(Changed::Any);
    }

    /// The same when it concerns one account only.
    pub fn forget_account(&self, user: UserId) {
        self.tell(Changed::Account(user));
    }

    fn tell(&self, changed: Changed) {
        self.note(changed);
        let user = match changed {
            Changed::Account(user) => Some(user),
            Changed::Any => None,
        };
        self.cluster.announce(&Notice::Rights { user });
    }

    /// Another node made such a change; none: it is not known whose.
    pub fn hear(&self, user: Option<UserId>) {
        self.note(user.map_or(Changed::Any, Changed::Account));
    }

    fn note(&self, changed: Changed) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        // Nobody listens: no connection is open.
        let _ = self.changes.send(changed);
    }

    /// What changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    /// To be taken before the database is read: a change in between then voids what was read.
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn get(&self, hash: &str, now: i64) -> Option<Actor> {
        let entry = self.entries.get(hash)?;
        let fresh = self.cluster.hears_all() || entry.read_at.elapsed() < BELIEVED_UNHEARD;
        let valid = fresh && entry.generation == self.generation() && entry.expires_at.is_none_or(|expires_at| expires_at > now);
        valid.then_some(entry.actor)
    }

    fn put(&self, hash: String, generation: u64, actor: &Actor, expires_at: Option<i64>) {
        self.entries.insert(hash, Entry { generation, actor: actor.clone(), expires_at, read_at: Instant::now() });
    }
}

/// The account that acts for whoever runs the server: the first administrator; none before the first visit.
pub async fn operator(ctx: &Ctx) -> AppResult<Option<Actor>> {
    let account = store::users::first_administrator(ctx.db().read()).await?;
    account
        .map(|account| Ok(Actor { person: account.person()?, administrator: true, moderator: account.moderator != 0, via: Via::Operator }))
        .transpose()
}

/// The context of a job that acts for an account: with the rights that it has in its teams now, not those of when the job was queued.
///
/// # Errors
/// Forbidden: the account was shut off or deleted meanwhile.
pub async fn acting_for(ctx: &Ctx, user: UserId, via: Via) -> AppResult<Ctx> {
    let account = store::users::by_id(ctx.db().read(), user).await?.filter(store::users::Account::active);
    let account = account.ok_or_else(|| AppError::forbidden("The account in whose name this was to be done is shut off."))?;
    Ok(Ctx::internal(ctx.state.clone(), Some(Actor::member(account.person()?, via))))
}

/// The context of what the server does by itself and is put down to an account, whatever has become of that.
pub async fn put_down_to(ctx: &Ctx, user: UserId) -> AppResult<Ctx> {
    let person = super::person_by_id(ctx, user).await?;
    Ok(Ctx::internal(ctx.state.clone(), Some(Actor::member(person, Via::Operator))))
}

/// What a connection was opened with, to be looked at again while it lasts. Holds an id or a hash, no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// Its secret changes when the person proves anew who they are; the connections that it opened stay.
    SignIn(SignInId),
    Token(String),
}

impl Credential {
    /// Of a caller who came with the login cookie.
    pub fn of_sign_in(actor: &Actor) -> Option<Self> {
        match actor.via {
            Via::SignIn(id) => Some(Self::SignIn(id)),
            Via::Token(_) | Via::Operator => None,
        }
    }
    pub fn token(token: &str) -> Self {
        Self::Token(secrets::hash(token))
    }
}

/// The account that a credential belongs to now; none when it does not work (any more).
pub async fn actor_of(ctx: &Ctx, credential: &Credential) -> AppResult<Option<Actor>> {
    match credential {
        Credential::SignIn(id) => {
            // No hash begins like this.
            let key = format!("sign-in {id}");
            by_sign_in(ctx, key, store::sign_ins::actor_of(ctx.db().read(), *id, ctx.now())).await
        }
        Credential::Token(hash) => by_token(ctx, hash.clone()).await,
    }
}

/// The account that a login cookie belongs to; none when it does not work (any more).
pub async fn actor_of_sign_in(ctx: &Ctx, secret: &str) -> AppResult<Option<Actor>> {
    let hash = secrets::hash(secret);
    by_sign_in(ctx, hash.clone(), store::sign_ins::actor(ctx.db().read(), &hash, ctx.now())).await
}

/// `read` asks the database, where what is remembered under `key` is not believed.
async fn by_sign_in(ctx: &Ctx, key: String, read: impl Future<Output = AppResult<Option<SignInActor>>>) -> AppResult<Option<Actor>> {
    let (now, cache) = (ctx.now(), &ctx.state.actors);
    if let Some(actor) = cache.get(&key, now) {
        return Ok(Some(actor));
    }
    let generation = cache.generation();
    let Some(row) = read.await? else { return Ok(None) };
    let actor = Actor {
        person: store::person(&row.user_id, &row.user_kind, row.user_name, row.user_color, row.user_avatar.as_deref())?,
        administrator: row.administrator != 0,
        moderator: row.moderator != 0,
        via: Via::SignIn(store::id(&row.sign_in_id)?),
    };
    if row.last_seen_at + SEEN_EVERY_MS < now {
        log_failure(sign_in_used(ctx, &row.sign_in_id, now).await);
    }
    cache.put(key, generation, &actor, Some(row.expires_at));
    Ok(Some(actor))
}

/// The account that an API token belongs to.
pub async fn actor_of_token(ctx: &Ctx, token: &str) -> AppResult<Actor> {
    if let Some(actor) = by_token(ctx, secrets::hash(token)).await? {
        return Ok(actor);
    }
    ctx.state.limits.wrong_secret(&ctx.address)?;
    Err(unauthenticated("This API token does not exist, was revoked or has expired. Make a new one in the settings."))
}

async fn by_token(ctx: &Ctx, hash: String) -> AppResult<Option<Actor>> {
    let (now, cache) = (ctx.now(), &ctx.state.actors);
    if let Some(actor) = cache.get(&hash, now) {
        return Ok(Some(actor));
    }
    let generation = cache.generation();
    let Some(row) = store::tokens::actor(ctx.db().read(), &hash).await? else { return Ok(None) };
    if row.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Ok(None);
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
    Ok(Some(actor))
}

fn unauthenticated(message: &str) -> AppError {
    AppError { message: message.to_owned(), ..AppError::unauthenticated() }
}

async fn sign_in_used(ctx: &Ctx, id: &str, now: i64) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::sign_ins::touch(&mut tx, id, now, now + SIGN_IN_MS, SIGN_IN_LONGEST_MS).await?;
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
    let standing = store::members::standing(ctx.db().read(), team, actor.id()).await?;
    allow(unlocked(standing)?, action)
}

/// The role in a team that shows itself to the caller.
///
/// # Errors
/// The team wants a second factor that the caller does not have.
pub(super) fn unlocked(standing: Option<(Role, bool)>) -> AppResult<Option<Role>> {
    match standing {
        Some((_, true)) => Err(AppError::new(
            ErrorCode::FactorRequired,
            "This team wants its members to have a second factor. Add a passkey or an authenticator app in your settings, under Security.",
        )),
        standing => Ok(standing.map(|(role, _)| role)),
    }
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
pub fn require_administrator(ctx: &Ctx) -> AppResult<&Actor> {
    let actor = ctx.actor_with(Scope::Admin)?;
    if actor.administrator { Ok(actor) } else { Err(AppError::forbidden("Only administrators of this instance may do this.")) }
}

/// The people who may do what administrators of this instance do.
pub async fn administrators(ctx: &Ctx) -> AppResult<Vec<UserId>> {
    store::users::administrators(ctx.db().read()).await
}

/// The teams that `user` is in and sees.
pub async fn team_ids_of(ctx: &Ctx, user: UserId) -> AppResult<Vec<TeamId>> {
    Ok(store::teams::mine(ctx.db().read(), user).await?.into_iter().filter(|team| !team.locked).map(|team| team.id).collect())
}

/// The teams that the caller sees, with the role in each.
pub async fn roles_of(ctx: &Ctx) -> AppResult<Vec<(TeamId, Role)>> {
    let teams = match &ctx.page {
        // A page shows the account anyway.
        Some(_) => people::own(ctx).await?.teams,
        None => store::teams::mine(ctx.db().read(), ctx.actor()?.id()).await?,
    };
    Ok(teams.into_iter().filter(|team| !team.locked).map(|team| (team.id, team.role)).collect())
}

/// Whether the caller may enter the room of a workspace: of a team, or their own.
pub async fn room_access(ctx: &Ctx, room: RoomId) -> AppResult<RoomAccess> {
    let actor = ctx.actor_with(Scope::Read)?;
    if room.same_as::<UserId>() == actor.id() {
        return Ok(RoomAccess { write: actor.has_scope(Scope::Write) });
    }
    let role = authorise_team(ctx, room.same_as(), Action::Read).await?;
    Ok(RoomAccess { write: role.allows(Action::Converse) && actor.has_scope(Scope::Write) })
}
