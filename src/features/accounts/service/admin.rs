//! What administrators do: accounts, teams, the settings of the instance.

use super::{Audit, access::require_administrator, note, passkeys};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            model::{AdminTeam, AdminUser, Instance, InstanceSettings, ListUsers, UpdateSettings, UpdateUser, UserPage, clean_name},
            store,
        },
        analytics::service::{Event, UsageKind, record},
        volumes,
    },
    ids::{TeamId, UserId},
    server::context::Ctx,
};

const PAGE: i64 = 50;
const TEAMS_SHOWN: i64 = 1_000;
const NAME: &str = "LLMos-Lite";

/// What a page needs to know before anybody is signed in.
pub async fn instance(ctx: &Ctx) -> AppResult<Instance> {
    let settings = store::settings::read(ctx.db().read()).await?;
    Ok(Instance {
        name: settings.name.unwrap_or_else(|| NAME.to_owned()),
        first_visit: !settings.visited,
        open_registration: settings.open_registration,
        github: ctx.state.config.github.is_some(),
        oidc: ctx.state.config.oidc.as_ref().map(|oidc| oidc.name.clone()),
        passkeys: passkeys::offered(&ctx.state.config),
        market_public: ctx.state.config.market_public,
    })
}

pub async fn settings(ctx: &Ctx) -> AppResult<InstanceSettings> {
    require_administrator(ctx)?;
    let settings = store::settings::read(ctx.db().read()).await?;
    Ok(InstanceSettings { name: settings.name.unwrap_or_else(|| NAME.to_owned()), open_registration: settings.open_registration })
}

pub async fn change_settings(ctx: &Ctx, input: UpdateSettings) -> AppResult<InstanceSettings> {
    require_administrator(ctx)?;
    let name = input.name.as_deref().map(|name| clean_name("name", "the instance", name)).transpose()?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    if let Some(name) = &name {
        store::settings::set_name(&mut tx, name, now).await?;
        note(ctx, &mut tx, Audit::new("settings.changed", "name").detail(name)).await?;
    }
    if let Some(open) = input.open_registration {
        store::settings::set_open_registration(&mut tx, open, now).await?;
        note(ctx, &mut tx, Audit::new("settings.changed", "registration").detail(if open { "open" } else { "by invitation" })).await?;
    }
    record(ctx, &mut tx, Event::new(UsageKind::SettingsChanged)).await?;
    tx.commit().await?;
    settings(ctx).await
}

/// Accounts, newest first.
pub async fn list_users(ctx: &Ctx, mut query: ListUsers) -> AppResult<UserPage> {
    require_administrator(ctx)?;
    // PostgreSQL's text knows no NUL, and nothing that is stored has control characters.
    query.q = query.q.map(|q| q.chars().filter(|c| !c.is_control()).take(200).collect());
    let mut users = store::users::list(ctx.db().read(), &query, PAGE + 1).await?;
    let more = users.len() > PAGE as usize;
    users.truncate(PAGE as usize);
    let next = if more { users.last().map(|user| user.person.id) } else { None };
    Ok(UserPage { users, next })
}

/// Changes flags of an account. The last administrator stays one.
pub async fn change_user(ctx: &Ctx, user: UserId, input: UpdateUser) -> AppResult<AdminUser> {
    let actor = require_administrator(ctx)?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::settings::lock_administrators(&mut tx, now).await?;
    let account = store::users::by_id(&mut *tx, user).await?.ok_or_else(|| AppError::not_found("account"))?;
    if account.is_agent() && account.owner_team_id.is_none() {
        return Err(AppError::not_found("account"));
    }
    if account.is_agent() && (input.administrator == Some(true) || input.moderator == Some(true)) {
        return Err(AppError::conflict("An agent cannot administer or moderate."));
    }
    if input.deactivated == Some(true) && actor.id() == user {
        return Err(AppError::conflict("You cannot deactivate your own account: another administrator can."));
    }
    let administers = input.administrator.unwrap_or(account.administrator != 0);
    let moderates = input.moderator.unwrap_or(account.moderator != 0);
    let deactivated_at = match input.deactivated {
        Some(true) => account.deactivated_at.or(Some(now)),
        Some(false) => None,
        None => account.deactivated_at,
    };
    let administered = account.administrator != 0 && account.active();
    if administered && (!administers || deactivated_at.is_some()) && store::users::administrators_besides(&mut tx, user).await? == 0 {
        return Err(AppError::conflict("This is the only administrator: make somebody else one first."));
    }
    store::users::set_flags(&mut tx, user, administers, moderates, deactivated_at, now).await?;
    if deactivated_at.is_some() {
        store::sign_ins::delete_all(&mut tx, user, None).await?;
        store::challenges::forget_of(&mut tx, user).await?;
        store::password_links::delete_of(&mut tx, user).await?;
    }
    let changes = [
        (account.administrator != 0, administers, "account.administrator"),
        (account.moderator != 0, moderates, "account.moderator"),
        (account.deactivated_at.is_some(), deactivated_at.is_some(), "account.deactivated"),
    ];
    for (before, after, action) in changes {
        if before != after {
            note(ctx, &mut tx, Audit::new(action, &account.name).detail(if after { "yes" } else { "no" })).await?;
        }
    }
    record(ctx, &mut tx, Event::new(UsageKind::AccountAdministered).subject(user)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(user);
    store::users::as_administrators_see(ctx.db().read(), user).await?.ok_or_else(|| AppError::not_found("account"))
}

/// Signs somebody out everywhere. Tokens keep working.
pub async fn sign_out_user(ctx: &Ctx, user: UserId) -> AppResult<()> {
    require_administrator(ctx)?;
    let mut tx = ctx.db().write_tx().await?;
    let account = store::users::by_id(&mut *tx, user).await?.ok_or_else(|| AppError::not_found("account"))?;
    let ended = store::sign_ins::delete_all(&mut tx, user, None).await?;
    store::challenges::forget_of(&mut tx, user).await?;
    note(ctx, &mut tx, Audit::new("account.signed_out", &account.name).detail(&format!("{ended} sign-ins"))).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AccountAdministered).subject(user)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(user);
    Ok(())
}

/// What these teams are called, deleted ones too.
pub async fn team_names(ctx: &Ctx, ids: &[TeamId]) -> AppResult<Vec<(TeamId, String)>> {
    require_administrator(ctx)?;
    store::teams::names(ctx.db().read(), ids).await?.into_iter().map(|(id, name)| Ok((store::id(&id)?, name))).collect()
}

/// Every team, newest first.
pub async fn list_all_teams(ctx: &Ctx) -> AppResult<Vec<AdminTeam>> {
    require_administrator(ctx)?;
    let rows = store::teams::all(ctx.db().read(), TEAMS_SHOWN).await?;
    let artifacts = volumes::service::artifacts_by_team(ctx).await?;
    rows.into_iter()
        .map(|row| {
            let id = store::id(&row.id)?;
            Ok(AdminTeam {
                id,
                name: row.name,
                demo: row.demo != 0,
                members: row.members,
                artifacts: artifacts.get(&id).copied().unwrap_or_default(),
                created_at: row.created_at,
            })
        })
        .collect()
}
