//! One's own account, and who other people are.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{Audit, confirmed, note, passwords, sign_in};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            Scope,
            model::{DeleteMe, Me, MyTeam, Person, UpdateMe, clean_name, device_name},
            store::{self, users::Account},
        },
        analytics::service::{Event, UsageKind, anonymise, record},
        artifacts, comments, marketplace, notifications, sessions, tasks, traces, volumes,
    },
    ids::UserId,
    server::{context::Ctx, db::Tx},
};

/// What history calls somebody whose account is gone.
const DELETED: &str = "Deleted account";
/// Newest security events in the export of one's own data.
const EXPORTED_EVENTS: i64 = 10_000;
/// Ids of one query; a page shows fewer.
const CHUNK: usize = 500;

/// The caller's account as stored; gone since the request began: sign in again.
async fn account(ctx: &Ctx, scope: Scope) -> AppResult<Account> {
    let id = ctx.actor_with(scope)?.id();
    store::users::by_id(ctx.db().read(), id).await?.ok_or_else(AppError::unauthenticated)
}

/// The caller's account and teams.
#[derive(Clone)]
pub struct Own {
    account: Account,
    pub(super) teams: Vec<MyTeam>,
}

/// Reads it, once for a page.
pub(super) async fn own(ctx: &Ctx) -> AppResult<Own> {
    let id = ctx.actor_with(Scope::Read)?.id();
    let read = async || {
        let (account, teams) = store::users::with_teams(ctx.db().read(), id).await?.ok_or_else(AppError::unauthenticated)?;
        AppResult::Ok(Own { account, teams })
    };
    match &ctx.page {
        Some(page) => page.own.get_or_try_init(read).await.cloned(),
        None => read().await,
    }
}

/// The signed-in account.
pub async fn me(ctx: &Ctx) -> AppResult<Me> {
    let Own { account, teams } = own(ctx).await?;
    let oidc_linked = match &ctx.state.config.oidc {
        Some(oidc) => store::identities::linked(ctx.db().read(), account.id()?, &oidc.issuer).await?,
        None => false,
    };
    Ok(Me {
        person: account.person()?,
        email: account.email,
        time_zone: account.time_zone,
        named_in_analytics: account.named_in_analytics != 0,
        administrator: account.administrator != 0,
        moderator: account.moderator != 0,
        has_password: account.password_hash.is_some(),
        github_linked: account.github_id.is_some(),
        oidc_linked,
        teams,
        volume_id: volumes::service::personal_volume(ctx).await?,
    })
}

/// An IANA name from the built-in database, in its own spelling.
pub fn time_zone(text: &str) -> AppResult<String> {
    let zone = jiff::tz::TimeZone::get(text.trim()).ok();
    let name = zone.as_ref().and_then(jiff::tz::TimeZone::iana_name);
    name.map(str::to_owned).ok_or_else(|| AppError::field("timeZone", "This time zone is not known: choose one such as Europe/Berlin."))
}

/// Changes one's name, time zone, and whether analytics names one.
pub async fn update_me(ctx: &Ctx, input: UpdateMe) -> AppResult<Me> {
    let account = account(ctx, Scope::Write).await?;
    let id = account.id()?;
    let name = match &input.name {
        Some(name) => clean_name("name", "yourself", name)?,
        None => account.name.clone(),
    };
    let zone = match &input.time_zone {
        Some(zone) => time_zone(zone)?,
        None => account.time_zone,
    };
    let mut tx = ctx.db().write_tx().await?;
    let named = input.named_in_analytics.unwrap_or(account.named_in_analytics != 0);
    store::users::update_profile(&mut tx, id, &name, &zone, named, ctx.now()).await?;
    if name != account.name {
        note(ctx, &mut tx, Audit::new("account.renamed", &name).detail(&format!("was {}", account.name))).await?;
        traces::service::account_renamed(&mut tx, &account.name, ctx.now()).await?;
    }
    record(ctx, &mut tx, Event::new(UsageKind::AccountUpdated).subject(id)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(id);
    ctx.state.jobs.notify_one();
    me(ctx).await
}

/// Deletes one's account: the row is emptied and stays, so that history keeps its authors apart.
pub async fn delete_me(ctx: &Ctx, input: DeleteMe) -> AppResult<()> {
    let (actor, _) = sign_in::in_person(ctx)?;
    let account = account(ctx, Scope::Admin).await?;
    if account.password_hash.is_some() {
        passwords::prove(ctx, &account, input.password.as_deref()).await?;
    } else if input.email.as_deref().is_none_or(|email| Some(email.trim().to_lowercase()) != account.email) {
        return Err(AppError::field("email", "Type your e-mail address to delete the account."));
    } else {
        confirmed(ctx).await?;
    }
    let (id, now) = (actor.id(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    refuse_while_needed(ctx, &mut tx, &account).await?;
    note(ctx, &mut tx, Audit::new("account.deleted", &account.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AccountDeleted).subject(id)).await?;
    store::sign_ins::delete_all(&mut tx, id, None).await?;
    store::password_links::delete_of(&mut tx, id).await?;
    store::tokens::revoke_all(&mut tx, id, now).await?;
    store::factors::remove_all(&mut tx, id).await?;
    store::challenges::forget_of(&mut tx, id).await?;
    store::identities::delete_of(&mut tx, id).await?;
    store::devices::forget_of(&mut tx, id).await?;
    store::invitations::revoke_made_by(&mut tx, id, None, now).await?;
    store::members::delete_all_of(&mut tx, id).await?;
    marketplace::service::leave_everything(ctx, &mut tx, id).await?;
    volumes::service::delete_personal_volume(&mut tx, id, now).await?;
    sessions::service::delete_private_sessions(&mut tx, id, now).await?;
    traces::service::forget_own(ctx, &mut tx, id).await?;
    traces::service::account_renamed(&mut tx, &account.name, now).await?;
    notifications::service::forget_account(&mut tx, id).await?;
    store::users::erase(&mut tx, id, DELETED, now).await?;
    anonymise(ctx, &mut tx, id).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(id);
    ctx.state.jobs.notify_one();
    Ok(())
}

/// The only owner of a team and the only administrator cannot go: somebody would be left without a way in.
async fn refuse_while_needed(ctx: &Ctx, tx: &mut Tx, account: &Account) -> AppResult<()> {
    let (id, now) = (account.id()?, ctx.now());
    let mut needed = Vec::new();
    for team in store::members::owned_by(tx, id).await? {
        let name = store::teams::lock(tx, team, now).await?;
        if let Some(name) = name
            && store::members::owners_besides(tx, team, id).await? == 0
        {
            needed.push(format!("“{name}”"));
        }
    }
    if !needed.is_empty() {
        let teams = needed.join(", ");
        return Err(AppError::conflict(format!("You are the only owner of {teams}: hand it over or delete it first.")));
    }
    if account.administrator != 0 {
        store::settings::lock_administrators(tx, now).await?;
        if store::users::administrators_besides(tx, id).await? == 0 {
            return Err(AppError::conflict("You are the only administrator: make somebody else one first."));
        }
    }
    Ok(())
}

/// Everything that is kept about the caller, each feature's part by itself. Volumes are exported on their own.
pub async fn export_me(ctx: &Ctx) -> AppResult<Value> {
    let account = account(ctx, Scope::Admin).await?;
    let (id, now) = (account.id()?, ctx.now());
    let factors = store::factors::of_user(ctx.db().read(), id).await?;
    let factors = factors.into_iter().map(store::factors::FactorRow::shown).collect::<AppResult<Vec<_>>>()?;
    let sign_ins = store::sign_ins::list(ctx.db().read(), id, now).await?;
    let sign_ins: Vec<Value> = sign_ins
        .into_iter()
        .map(|row| {
            let device = device_name(&row.user_agent);
            json!({ "device": device, "userAgent": row.user_agent, "address": row.address, "createdAt": row.created_at, "lastSeenAt": row.last_seen_at })
        })
        .collect();
    let export = json!({
        "exportedAt": now,
        "account": {
            "id": account.id,
            "name": account.name,
            "email": account.email,
            "githubId": account.github_id,
            "avatar": account.avatar_sha.as_deref().map(|sha| store::avatar_address(&account.id, sha)),
            "timeZone": account.time_zone,
            "namedInAnalytics": account.named_in_analytics != 0,
            "administrator": account.administrator != 0,
            "moderator": account.moderator != 0,
            "createdAt": account.created_at,
        },
        "teams": store::teams::list_all(ctx.db().read(), id).await?,
        "signIns": sign_ins,
        "secondFactors": factors,
        "tokens": store::tokens::list(ctx.db().read(), id).await?,
        "securityEvents": store::audit::of_actor(ctx.db().read(), id, EXPORTED_EVENTS).await?,
        "sessions": sessions::service::own_sessions(ctx).await?,
        "comments": comments::service::own_comments(ctx).await?,
        "favourites": artifacts::service::own_favourites(ctx).await?,
        "marketplace": marketplace::service::own_marketplace(ctx).await?,
        "notifications": notifications::service::own_notifications(ctx).await?,
        "notificationSettings": notifications::service::own_settings(ctx).await?,
        "tasks": tasks::service::own_tasks(ctx).await?,
        "traces": traces::service::own_traces(ctx).await?,
    });
    let mut tx = ctx.db().write_tx().await?;
    note(ctx, &mut tx, Audit::new("account.exported", &account.name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AccountExported).subject(id)).await?;
    tx.commit().await?;
    Ok(export)
}

/// Who these accounts are, deleted ones too. For lists of other features.
pub async fn people(ctx: &Ctx, ids: impl IntoIterator<Item = UserId>) -> AppResult<HashMap<UserId, Person>> {
    let mut ids: Vec<UserId> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut people = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        for person in store::users::people(ctx.db().read(), chunk).await? {
            people.insert(person.id, person);
        }
    }
    Ok(people)
}

/// The same for figures: those who do not want to be named there are left out.
pub async fn people_in_figures(ctx: &Ctx, ids: impl IntoIterator<Item = UserId>) -> AppResult<HashMap<UserId, Person>> {
    let mut people = people(ctx, ids).await?;
    let ids: Vec<UserId> = people.keys().copied().collect();
    for chunk in ids.chunks(CHUNK) {
        for id in store::users::unnamed(ctx.db().read(), chunk).await? {
            people.remove(&id);
        }
    }
    Ok(people)
}

/// Who this account is.
pub async fn person_by_id(ctx: &Ctx, id: UserId) -> AppResult<Person> {
    store::users::people(ctx.db().read(), &[id]).await?.pop().ok_or_else(|| AppError::not_found("person"))
}

/// The e-mail addresses of accounts that have one, for what is sent in their name. Nobody is asked: what calls it knows who may see them.
pub async fn mail_addresses(ctx: &Ctx, ids: impl IntoIterator<Item = UserId>) -> AppResult<HashMap<UserId, String>> {
    let mut ids: Vec<UserId> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut addresses = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        addresses.extend(store::users::mail_addresses(ctx.db().read(), chunk).await?);
    }
    Ok(addresses)
}

/// Who moderates the marketplace, or administers the server, for whoever has to tell them.
pub async fn moderators(ctx: &Ctx) -> AppResult<Vec<UserId>> {
    store::users::moderators(ctx.db().read()).await
}

/// The account with this id or e-mail address, if it can be used.
pub async fn active_account(ctx: &Ctx, text: &str) -> AppResult<Option<Person>> {
    let found = match text.parse::<UserId>() {
        Ok(id) => store::users::by_id(ctx.db().read(), id).await?,
        Err(_) => store::users::by_email(ctx.db().read(), &text.to_lowercase()).await?,
    };
    found.filter(Account::active).map(|account| account.person()).transpose()
}

/// The caller and everybody who shares a team with them.
pub async fn people_around(ctx: &Ctx) -> AppResult<HashSet<UserId>> {
    let me = ctx.actor()?.id();
    Ok(store::members::in_teams_of(ctx.db().read(), me).await?.into_iter().chain([me]).collect())
}

/// Who of the caller's teams was active since a time or is among `present`, the caller aside.
pub async fn active_people(ctx: &Ctx, since: i64, present: &HashSet<UserId>) -> AppResult<Vec<Person>> {
    let me = ctx.actor()?.id();
    let mut ids = store::sign_ins::active_in_teams_of(ctx.db().read(), me, since, CHUNK as i64).await?;
    if present.iter().any(|id| *id != me && !ids.contains(id)) {
        ids.extend(store::members::in_teams_of(ctx.db().read(), me).await?.into_iter().filter(|id| present.contains(id)));
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(CHUNK);
    }
    store::users::people(ctx.db().read(), &ids).await
}
