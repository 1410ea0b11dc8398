//! Teams: making, renaming, deleting.

use super::{
    Audit,
    access::{allow, unlocked},
    authorise_team, confirmed, note,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            Action, Role, Scope,
            model::{CreateTeam, Team, UpdateTeam, UserKind, clean_name},
            store,
        },
        analytics::service::{Event, UsageKind, record},
        marketplace, volumes,
    },
    ids::TeamId,
    server::{context::Ctx, db::Tx},
};

/// Takes the team's row for the transaction and asks for the caller's role inside of it: what is decided then holds until
/// the commit. The team's name and that role.
pub(super) async fn lock_as(ctx: &Ctx, tx: &mut Tx, team: TeamId, action: Action) -> AppResult<(String, Role)> {
    let actor = ctx.actor_with(action.scope())?;
    let name = store::teams::lock(tx, team, ctx.now()).await?;
    let role = allow(unlocked(store::members::standing(&mut **tx, team, actor.id()).await?)?, action)?;
    Ok((name.ok_or_else(|| AppError::not_found("team"))?, role))
}

/// The teams that the caller is in, by name.
pub async fn list_teams(ctx: &Ctx) -> AppResult<Vec<Team>> {
    let actor = ctx.actor_with(Scope::Read)?;
    store::teams::list(ctx.db().read(), actor.id()).await
}

pub async fn team(ctx: &Ctx, id: TeamId) -> AppResult<Team> {
    let actor = ctx.actor_with(Action::Read.scope())?;
    unlocked(store::members::standing(ctx.db().read(), id, actor.id()).await?)?;
    let team = store::teams::of_member(ctx.db().read(), actor.id(), id).await?;
    allow(team.as_ref().map(|team| team.role), Action::Read)?;
    team.ok_or_else(|| AppError::not_found("team"))
}

/// What teams are called that show themselves to everybody, by publishing. Nobody is asked.
pub async fn names_of_publishers(ctx: &Ctx, ids: &[TeamId]) -> AppResult<Vec<(TeamId, String)>> {
    store::teams::names(ctx.db().read(), ids).await?.into_iter().map(|(id, name)| Ok((store::id(&id)?, name))).collect()
}

/// The teams whose name is this one, written as a slug.
pub async fn teams_called(ctx: &Ctx, slug: &str) -> AppResult<Vec<TeamId>> {
    store::teams::called(ctx.db().read(), slug).await?.iter().map(|id| store::id(id)).collect()
}

/// Makes a team with its volume; the caller owns it.
pub async fn create_team(ctx: &Ctx, input: CreateTeam) -> AppResult<Team> {
    let actor = ctx.actor_with(Scope::Admin)?;
    if actor.person.kind == UserKind::Agent {
        return Err(AppError::forbidden("An agent belongs to the team that made it: a person makes a team."));
    }
    let name = clean_name("name", "the team", &input.name)?;
    let now = ctx.now();
    let id = TeamId::chosen(input.id, now)?;
    let mut tx = ctx.db().write_tx().await?;
    if store::teams::id_is_taken(&mut tx, id).await? {
        return Err(AppError::conflict("This id is in use already: make a new one."));
    }
    store::teams::insert(&mut tx, id, &name, actor.id(), now).await?;
    store::members::insert(&mut tx, id, actor.id(), Role::Owner, now).await?;
    volumes::service::create_team_volume(ctx, &mut tx, id, &name, now).await?;
    note(ctx, &mut tx, Audit::new("team.created", &name).team(id)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::TeamCreated).team(Some(id)).subject(id)).await?;
    tx.commit().await?;
    Ok(Team { id, name, demo: false, role: Role::Owner, members: 1, requires_factor: false, created_at: now })
}

/// Renames a team, and says whether its members must have a second factor. Who says so has one: nobody locks themselves out.
pub async fn update_team(ctx: &Ctx, id: TeamId, input: UpdateTeam) -> AppResult<Team> {
    authorise_team(ctx, id, Action::ManageTeam).await?;
    let (now, me) = (ctx.now(), ctx.actor()?.id());
    let name = input.name.as_deref().map(|name| clean_name("name", "the team", name)).transpose()?;
    if input.requires_factor.is_some() {
        confirmed(ctx).await?;
    }
    let mut tx = ctx.db().write_tx().await?;
    let (before, _) = lock_as(ctx, &mut tx, id, Action::ManageTeam).await?;
    if let Some(name) = &name {
        store::teams::rename(&mut tx, id, name, now).await?;
        note(ctx, &mut tx, Audit::new("team.renamed", name).team(id).detail(&format!("was {before}"))).await?;
        record(ctx, &mut tx, Event::new(UsageKind::TeamRenamed).team(Some(id)).subject(id)).await?;
    }
    if let Some(requires) = input.requires_factor {
        if requires && !store::factors::any(&mut *tx, me).await? {
            return Err(AppError::conflict("Add a second factor to your own account first: you would lock yourself out."));
        }
        store::teams::set_requires_factor(&mut tx, id, requires, now).await?;
        let detail = if requires { "required" } else { "not required" };
        note(ctx, &mut tx, Audit::new("team.second_factor", name.as_deref().unwrap_or(&before)).team(id).detail(detail)).await?;
    }
    tx.commit().await?;
    if input.requires_factor.is_some() {
        // Whoever is in its rooms without one is asked out of them.
        ctx.state.actors.forget();
    }
    team(ctx, id).await
}

/// Deletes a team for everybody: its agents and their tokens end, its volumes go with it. The rows stay for the log.
pub async fn delete_team(ctx: &Ctx, id: TeamId) -> AppResult<()> {
    authorise_team(ctx, id, Action::OwnTeam).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let (name, _) = lock_as(ctx, &mut tx, id, Action::OwnTeam).await?;
    marketplace::service::refuse_while_publishing(&mut tx, id).await?;
    store::teams::delete(&mut tx, id, now).await?;
    store::tokens::revoke_of_agents(&mut tx, id, now).await?;
    store::users::deactivate_agents_of(&mut tx, id, now).await?;
    volumes::service::delete_team_volumes(&mut tx, id, now).await?;
    note(ctx, &mut tx, Audit::new("team.deleted", &name).team(id)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::TeamDeleted).team(Some(id)).subject(id)).await?;
    tx.commit().await?;
    ctx.state.actors.forget();
    Ok(())
}
