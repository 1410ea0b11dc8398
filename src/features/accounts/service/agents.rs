//! Agent accounts: owned by a team, signed in with tokens that the team's maintainers make.

use super::{Audit, authorise_team, confirmed, note, sign_up::color_of, teams::lock_as, tokens};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{
            Action, Role,
            model::{ApiToken, CreateAgent, CreateApiToken, Member, NewApiToken, UserKind, clean_name},
            store::{
                self,
                users::{Account, NewAccount},
            },
        },
        analytics::service::{Event, UsageKind, record},
        volumes,
    },
    ids::{ApiTokenId, TeamId, UserId},
    server::{context::Ctx, db::Tx},
};

/// Makes an agent and takes it into the team.
pub async fn create_agent(ctx: &Ctx, team: TeamId, input: CreateAgent) -> AppResult<Member> {
    authorise_team(ctx, team, Action::ManageAgents).await?;
    let name = clean_name("name", "the agent", &input.name)?;
    if input.role == Role::Owner {
        return Err(AppError::field("role", "An agent cannot own a team."));
    }
    let now = ctx.now();
    let id = UserId::chosen(input.id, now)?;
    let mut tx = ctx.db().write_tx().await?;
    let (_, own) = lock_as(ctx, &mut tx, team, Action::ManageAgents).await?;
    if !own.governs(input.role) {
        return Err(AppError::field("role", format!("As a {own} you can give an agent a role below your own.")));
    }
    if store::users::id_is_taken(&mut tx, id).await? {
        return Err(AppError::conflict("This id is in use already: make a new one."));
    }
    super::members::check_room(&mut tx, team).await?;
    let new = NewAccount {
        id,
        kind: UserKind::Agent,
        name: &name,
        email: None,
        password_hash: None,
        github_id: None,
        owner_team: Some(team),
        color: color_of(id),
        administrator: false,
    };
    store::users::insert(&mut tx, &new, now).await?;
    volumes::service::create_personal_volume(&mut tx, id, now).await?;
    store::members::insert(&mut tx, team, id, input.role, now).await?;
    let account = store::users::by_id(&mut *tx, id).await?.ok_or_else(AppError::internal)?;
    note(ctx, &mut tx, Audit::new("agent.created", &name).team(team).detail(input.role.as_str())).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AgentCreated).team(Some(team)).subject(id)).await?;
    tx.commit().await?;
    Ok(Member { person: account.person()?, role: input.role, email: None, second_factor: None, joined_at: now })
}

/// An agent of this team that the caller's role governs; anybody else is not found.
async fn governed_agent(tx: &mut Tx, team: TeamId, agent: UserId, own: Role) -> AppResult<Account> {
    let account = store::users::by_id(&mut **tx, agent)
        .await?
        .filter(|account| account.is_agent() && account.active() && account.owner_team_id.as_deref() == Some(team.to_string().as_str()));
    let role = store::members::role(&mut **tx, team, agent).await?;
    let (account, role) = account.zip(role).ok_or_else(|| AppError::not_found("agent"))?;
    if own.governs(role) { Ok(account) } else { Err(AppError::forbidden(format!("As a {own} you manage agents below your own role."))) }
}

pub async fn list_agent_tokens(ctx: &Ctx, team: TeamId, agent: UserId) -> AppResult<Vec<ApiToken>> {
    authorise_team(ctx, team, Action::ManageAgents).await?;
    let account = store::users::by_id(ctx.db().read(), agent).await?;
    let ours = account.is_some_and(|account| account.is_agent() && account.owner_team_id.as_deref() == Some(team.to_string().as_str()));
    if !ours {
        return Err(AppError::not_found("agent"));
    }
    store::tokens::list(ctx.db().read(), agent).await
}

/// Makes a token for an agent; its secret is shown once.
pub async fn create_agent_token(ctx: &Ctx, team: TeamId, agent: UserId, input: CreateApiToken) -> AppResult<NewApiToken> {
    authorise_team(ctx, team, Action::ManageAgents).await?;
    confirmed(ctx).await?;
    let mut tx = ctx.db().write_tx().await?;
    let (_, own) = lock_as(ctx, &mut tx, team, Action::ManageAgents).await?;
    let account = governed_agent(&mut tx, team, agent, own).await?;
    let token = tokens::issue(ctx, &mut tx, &account.person()?, Some(team), input).await?;
    tx.commit().await?;
    Ok(token)
}

pub async fn revoke_agent_token(ctx: &Ctx, team: TeamId, agent: UserId, id: ApiTokenId) -> AppResult<()> {
    authorise_team(ctx, team, Action::ManageAgents).await?;
    let now = ctx.now();
    let mut tx = ctx.db().write_tx().await?;
    let (_, own) = lock_as(ctx, &mut tx, team, Action::ManageAgents).await?;
    let account = governed_agent(&mut tx, team, agent, own).await?;
    let name = store::tokens::revoke(&mut tx, id, agent, now).await?.ok_or_else(|| AppError::not_found("token"))?;
    note(ctx, &mut tx, Audit::new("token.revoked", &account.name).team(team).detail(&name)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::TokenRevoked).team(Some(team)).subject(id)).await?;
    tx.commit().await?;
    ctx.state.actors.forget_account(agent);
    Ok(())
}
