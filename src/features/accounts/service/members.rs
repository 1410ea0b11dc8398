//! Members of a team and their roles. The last owner stays.

use std::collections::{HashMap, HashSet};

use super::{Audit, authorise_team, confirmed, note, teams::lock_as};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            Action, Role,
            model::{ChangeRole, Member, TransferOwnership, UserKind},
            store::{self, members::MEMBERS_MAX, users::Account},
        },
        analytics::service::{Event, UsageKind, record},
    },
    ids::{TeamId, UserId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// Accounts of one query.
const CHUNK: usize = 500;
const LAST_OWNER: &str = "A team needs an owner: hand the team over or delete it.";

/// How many of these accounts are in each team, for the server's own counting.
pub async fn count_by_team(ctx: &Ctx, users: &HashSet<UserId>) -> AppResult<HashMap<TeamId, i64>> {
    let users: Vec<UserId> = users.iter().copied().collect();
    let mut counts = HashMap::new();
    for (team, count) in store::members::count_by_team(ctx.db().read(), &users).await? {
        *counts.entry(parse_id(&team)?).or_default() += count;
    }
    Ok(counts)
}

/// Members by name. E-mail addresses are for those who manage members, and one's own.
pub async fn list_members(ctx: &Ctx, team: TeamId) -> AppResult<Vec<Member>> {
    let role = authorise_team(ctx, team, Action::Read).await?;
    let me = ctx.actor()?.id();
    let mut members = store::members::list(ctx.db().read(), team).await?;
    if role.allows(Action::ManageMembers) {
        let ids: Vec<UserId> = members.iter().map(|member| member.person.id).collect();
        let mut having = HashSet::new();
        for chunk in ids.chunks(CHUNK) {
            having.extend(store::factors::having(ctx.db().read(), chunk).await?);
        }
        for member in members.iter_mut().filter(|member| member.person.kind == UserKind::Human) {
            member.second_factor = Some(having.contains(&member.person.id));
        }
    } else {
        members.iter_mut().filter(|member| member.person.id != me).for_each(|member| member.email = None);
    }
    Ok(members)
}

/// Those of these accounts that are in the team, for whoever tells them something. The caller has asked for the right to do that.
pub async fn members_among(tx: &mut Tx, team: TeamId, users: &[UserId]) -> AppResult<Vec<UserId>> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    store::members::among(&mut **tx, team, users).await
}

/// Those of a team whose role allows something, for whoever has to tell them.
pub async fn members_who_may(ctx: &Ctx, team: TeamId, action: Action) -> AppResult<Vec<UserId>> {
    let roles: Vec<&str> = Role::ALL.into_iter().filter(|role| role.allows(action)).map(Role::as_str).collect();
    store::members::with_roles(ctx.db().read(), team, &roles).await
}

/// Refuses one member too many; inside a transaction that has the team's row.
pub(super) async fn check_room(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    if store::members::count(tx, team).await? >= MEMBERS_MAX {
        return Err(AppError::conflict(format!("A team has at most {MEMBERS_MAX} members.")));
    }
    Ok(())
}

/// Somebody's account and role in a team.
async fn member(tx: &mut Tx, team: TeamId, user: UserId) -> AppResult<(Account, Role)> {
    let role = store::members::role(&mut **tx, team, user).await?;
    let account = store::users::by_id(&mut **tx, user).await?;
    account.zip(role).ok_or_else(|| AppError::not_found("member"))
}

async fn keep_an_owner(tx: &mut Tx, team: TeamId, user: UserId) -> AppResult<()> {
    if store::members::owners_besides(tx, team, user).await? == 0 { Err(AppError::conflict(LAST_OWNER)) } else { Ok(()) }
}

/// Gives a member another role, up to what the caller's own role governs.
pub async fn change_role(ctx: &Ctx, team: TeamId, user: UserId, input: ChangeRole) -> AppResult<Member> {
    authorise_team(ctx, team, Action::ManageMembers).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let (_, own) = lock_as(ctx, &mut tx, team, Action::ManageMembers).await?;
    let (account, before) = member(&mut tx, team, user).await?;
    if !own.governs(before) || !own.governs(input.role) {
        return Err(AppError::forbidden(format!("As a {own} you can change roles below your own, and only to such roles.")));
    }
    if account.is_agent() && input.role == Role::Owner {
        return Err(AppError::field("role", "An agent cannot own a team."));
    }
    if before == Role::Owner && input.role != Role::Owner {
        keep_an_owner(&mut tx, team, user).await?;
    }
    if before != input.role {
        store::members::set_role(&mut tx, team, user, input.role, now).await?;
        let detail = format!("{before} → {}", input.role);
        note(ctx, &mut tx, Audit::new("role.changed", &account.name).team(team).detail(&detail)).await?;
        record(ctx, &mut tx, Event::new(UsageKind::TeamRoleChanged).team(Some(team)).subject(user)).await?;
    }
    tx.commit().await?;
    ctx.state.actors.forget_account(user);
    let members = list_members(ctx, team).await?;
    members.into_iter().find(|member| member.person.id == user).ok_or_else(|| AppError::not_found("member"))
}

/// Takes a member out. An agent of this team ends with that; what anybody had handed out ends too.
pub async fn remove_member(ctx: &Ctx, team: TeamId, user: UserId) -> AppResult<()> {
    authorise_team(ctx, team, Action::ManageMembers).await?;
    if ctx.actor()?.id() == user {
        return leave_team(ctx, team).await;
    }
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let (_, own) = lock_as(ctx, &mut tx, team, Action::ManageMembers).await?;
    let (account, role) = member(&mut tx, team, user).await?;
    if !own.governs(role) {
        return Err(AppError::forbidden(format!("As a {own} you can remove members below your own role.")));
    }
    if role == Role::Owner {
        keep_an_owner(&mut tx, team, user).await?;
    }
    store::members::delete(&mut tx, team, user).await?;
    store::invitations::revoke_made_by(&mut tx, user, Some(team), now).await?;
    if account.is_agent() {
        store::tokens::revoke_all(&mut tx, user, now).await?;
        store::users::set_flags(&mut tx, user, false, false, Some(now), now).await?;
    }
    note(ctx, &mut tx, Audit::new("member.removed", &account.name).team(team).detail(role.as_str())).await?;
    record(ctx, &mut tx, Event::new(UsageKind::TeamMemberRemoved).team(Some(team)).subject(user)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(user);
    Ok(())
}

/// Leaves a team. Its last owner cannot.
pub async fn leave_team(ctx: &Ctx, team: TeamId) -> AppResult<()> {
    let actor = ctx.actor_with(crate::features::accounts::Scope::Admin)?;
    if actor.person.kind == UserKind::Agent {
        return Err(AppError::forbidden("An agent stays in the team that made it, until somebody removes it."));
    }
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    store::teams::lock(&mut tx, team, now).await?;
    let role = store::members::role(&mut *tx, team, actor.id()).await?.ok_or_else(|| AppError::not_found("team"))?;
    if role == Role::Owner {
        keep_an_owner(&mut tx, team, actor.id()).await?;
    }
    store::members::delete(&mut tx, team, actor.id()).await?;
    store::invitations::revoke_made_by(&mut tx, actor.id(), Some(team), now).await?;
    note(ctx, &mut tx, Audit::new("member.left", &actor.person.name).team(team).detail(role.as_str())).await?;
    record(ctx, &mut tx, Event::new(UsageKind::TeamMemberLeft).team(Some(team)).subject(actor.id())).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(actor.id());
    Ok(())
}

/// Hands a team over: the other becomes owner, the caller maintainer.
pub async fn transfer_ownership(ctx: &Ctx, team: TeamId, input: TransferOwnership) -> AppResult<()> {
    authorise_team(ctx, team, Action::OwnTeam).await?;
    confirmed(ctx).await?;
    let (actor, now) = (ctx.actor()?, ctx.now());
    if actor.id() == input.to {
        return Err(AppError::field("to", "You own this team already: choose somebody else."));
    }
    let mut tx = ctx.db().write_tx().await?;
    lock_as(ctx, &mut tx, team, Action::OwnTeam).await?;
    let (account, before) = member(&mut tx, team, input.to).await?;
    if account.is_agent() {
        return Err(AppError::field("to", "An agent cannot own a team."));
    }
    if !account.active() {
        return Err(AppError::field("to", "This account is deactivated: choose somebody else."));
    }
    store::members::set_role(&mut tx, team, input.to, Role::Owner, now).await?;
    store::members::set_role(&mut tx, team, actor.id(), Role::Maintainer, now).await?;
    let detail = format!("{before} → owner; {} is maintainer now", actor.person.name);
    note(ctx, &mut tx, Audit::new("team.transferred", &account.name).team(team).detail(&detail)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::TeamTransferred).team(Some(team)).subject(input.to)).await?;
    Ok(tx.commit().await?)
}
