//! Invitations: links that open an account, join a team, or both.

use super::{Audit, access, authorise_team, note};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{
            Action, Role, Scope,
            model::{CreateInvitation, Invitation, InvitationPreview, NewInvitation, Team, UserKind, clean_email},
            store::{self, invitations::Invited, users::Account},
        },
        analytics::service::{Event, UsageKind, record},
        notifications::{
            self,
            model::{NotificationKind, Spot, SubjectKind},
            service::NewNotification,
        },
    },
    ids::{InvitationId, TeamId, UserId},
    server::db::Target,
    server::{clock, context::Ctx, db::Tx, secrets},
};

const USES_MAX: u32 = 1_000;
const DAYS_MAX: u32 = 90;

/// Whether the caller may invite: to a team by its role, to the instance alone as an administrator. The caller's role.
async fn authorise(ctx: &Ctx, team: Option<TeamId>) -> AppResult<Role> {
    match team {
        Some(team) => authorise_team(ctx, team, Action::Invite).await,
        None => access::require_administrator(ctx).map(|_| Role::Owner),
    }
}

/// Makes an invitation; its link is shown once.
pub async fn create_invitation(ctx: &Ctx, team: Option<TeamId>, input: CreateInvitation) -> AppResult<NewInvitation> {
    let role = authorise(ctx, team).await?;
    if !role.governs(input.role) {
        return Err(AppError::field("role", format!("As a {role} you can invite people to roles below your own.")));
    }
    if !(1..=USES_MAX).contains(&input.max_uses) {
        return Err(AppError::field("maxUses", format!("An invitation can be used 1 to {USES_MAX} times.")));
    }
    if !(1..=DAYS_MAX).contains(&input.expires_in_days) {
        return Err(AppError::field("expiresInDays", format!("An invitation works for 1 to {DAYS_MAX} days.")));
    }
    let guest = match (&input.email, team) {
        (Some(email), Some(team)) => guest(ctx, team, email).await?,
        _ => None,
    };
    let (actor, now, secret) = (ctx.actor()?, ctx.now(), secrets::generate(""));
    let invitation = Invitation {
        id: InvitationId::chosen(input.id, now)?,
        role: input.role,
        created_by: actor.person.clone(),
        uses: 0,
        max_uses: i64::from(input.max_uses),
        expires_at: now + i64::from(input.expires_in_days) * clock::DAY,
        created_at: now,
    };
    let new = store::invitations::NewInvitation {
        id: invitation.id,
        team,
        role: input.role,
        token_hash: &secrets::hash(&secret),
        created_by: actor.id(),
        max_uses: invitation.max_uses,
        expires_at: invitation.expires_at,
        user: guest,
    };
    let mut tx = ctx.db().write_tx().await?;
    let mut team_name = String::new();
    if let Some(team) = team {
        let (name, role) = super::teams::lock_as(ctx, &mut tx, team, Action::Invite).await?;
        if !role.governs(input.role) {
            return Err(AppError::forbidden("Your role has changed in the meantime. Load the page again."));
        }
        team_name = name;
    }
    if store::invitations::id_is_taken(&mut tx, new.id).await? {
        return Err(AppError::conflict("This id is in use already: make a new one."));
    }
    store::invitations::insert(&mut tx, &new, now).await?;
    let words = |number: i64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let detail = format!("{}, {}", words(i64::from(input.max_uses), "use"), words(i64::from(input.expires_in_days), "day"));
    let event = Audit::new("invitation.created", input.role.as_str()).detail(&detail);
    note(ctx, &mut tx, if let Some(team) = team { event.team(team) } else { event }).await?;
    record(ctx, &mut tx, Event::new(UsageKind::InvitationCreated).team(team).subject(invitation.id)).await?;
    let guests: Vec<UserId> = guest.into_iter().collect();
    if let Some(team) = team {
        notify_guests(ctx, &mut tx, (team, &team_name), &invitation, &guests).await?;
    }
    tx.commit().await?;
    notifications::service::tell(ctx, &guests).await;
    Ok(NewInvitation { invitation, url: format!("{}/invite/{secret}", ctx.state.config.public_url()) })
}

/// The account behind an address, if it could join the team.
async fn guest(ctx: &Ctx, team: TeamId, email: &str) -> AppResult<Option<UserId>> {
    let account = store::users::by_email(ctx.db().read(), &clean_email(email)?).await?;
    let Some(account) = account.filter(Account::active) else { return Ok(None) };
    let id = account.id()?;
    let member = store::members::role(ctx.db().read(), team, id).await?.is_some();
    Ok((!member).then_some(id))
}

/// Lets accounts know that they are invited. They are not in the team yet, and see no more of it than its name.
async fn notify_guests(ctx: &Ctx, tx: &mut Tx, (team, name): (TeamId, &str), invitation: &Invitation, guests: &[UserId]) -> AppResult<()> {
    let new = NewNotification {
        kind: NotificationKind::Invitation,
        subject: SubjectKind::Team,
        subject_id: team.to_string(),
        team: None,
        title: name,
        source: invitation.id.to_string(),
        text: "",
        spot: Spot { invitation_id: Some(invitation.id), role: Some(invitation.role), ..Spot::default() },
    };
    notifications::service::notify(ctx, tx, guests, &new).await
}

/// Invitations that still work.
pub async fn list_invitations(ctx: &Ctx, team: Option<TeamId>) -> AppResult<Vec<Invitation>> {
    authorise(ctx, team).await?;
    store::invitations::open(ctx.db().read(), team, ctx.now()).await
}

/// Ends an invitation before its time. Nobody ends one for a role above what they may give.
pub async fn revoke_invitation(ctx: &Ctx, team: Option<TeamId>, id: InvitationId) -> AppResult<()> {
    let role = authorise(ctx, team).await?;
    let mut tx = ctx.db().write_tx().await?;
    let revoked = store::invitations::revoke(&mut tx, id, team, ctx.now()).await?.ok_or_else(|| AppError::not_found("invitation"))?;
    if !role.governs(revoked) {
        return Err(AppError::forbidden("Only an owner can end an invitation for this role."));
    }
    let event = Audit::new("invitation.revoked", revoked.as_str());
    note(ctx, &mut tx, if let Some(team) = team { event.team(team) } else { event }).await?;
    record(ctx, &mut tx, Event::new(UsageKind::InvitationRevoked).team(team).subject(id)).await?;
    let told = notifications::service::withdraw(&mut tx, id).await?;
    tx.commit().await?;
    notifications::service::tell(ctx, &told).await;
    Ok(())
}

fn ended() -> AppError {
    AppError::new(ErrorCode::Expired, "This invitation was used up, ended, or its time is over. Ask for a new link.")
}

/// What a link leads to, if it works.
pub(super) async fn find<'c>(ctx: &Ctx, executor: impl Target<'c>, secret: &str) -> AppResult<Invited> {
    match store::invitations::by_secret(executor, &secrets::hash(secret)).await? {
        Some(invited) if invited.works(ctx.now()) => Ok(invited),
        Some(_) => Err(ended()),
        None => {
            ctx.state.limits.wrong_secret(&ctx.address)?;
            Err(AppError::new(ErrorCode::NotFound, "There is no such invitation. Check that the whole link was copied."))
        }
    }
}

/// Uses a link once.
pub(super) async fn consume(ctx: &Ctx, tx: &mut Tx, secret: &str) -> AppResult<Invited> {
    let invited = find(ctx, &mut **tx, secret).await?;
    use_once(ctx, tx, invited).await
}

/// The team's row is taken before the invitation's, here and everywhere, so that nobody waits in a circle.
async fn use_once(ctx: &Ctx, tx: &mut Tx, invited: Invited) -> AppResult<Invited> {
    if let Some(team) = invited.team()? {
        store::teams::lock(tx, team, ctx.now()).await?.ok_or_else(ended)?;
    }
    if store::invitations::consume(tx, &invited.id, ctx.now()).await? { Ok(invited) } else { Err(ended()) }
}

/// Makes `user` a member of the team that a consumed invitation is for, if it is for one.
pub(super) async fn join(ctx: &Ctx, tx: &mut Tx, invited: &Invited, user: UserId) -> AppResult<()> {
    let Some(team) = invited.team()? else { return Ok(()) };
    let (role, now) = (invited.role()?, ctx.now());
    super::members::check_room(tx, team).await?;
    store::members::insert(tx, team, user, role, now).await?;
    let name = &ctx.actor()?.person.name;
    note(ctx, tx, Audit::new("member.joined", name).team(team).detail(&format!("{role}, invited by {}", invited.invited_by))).await?;
    record(ctx, tx, Event::new(UsageKind::TeamMemberJoined).team(Some(team)).subject(user)).await
}

/// What somebody sees who opens a link.
pub async fn preview_invitation(ctx: &Ctx, secret: &str) -> AppResult<InvitationPreview> {
    let invited = find(ctx, ctx.db().read(), secret).await?;
    let team_id = invited.team()?;
    let member = match (team_id, ctx.actor.as_deref()) {
        (Some(team), Some(actor)) => store::members::role(ctx.db().read(), team, actor.id()).await?.is_some(),
        _ => false,
    };
    Ok(InvitationPreview {
        role: invited.role()?,
        team: invited.team_name,
        team_id,
        invited_by: invited.invited_by,
        expires_at: invited.expires_at,
        member,
    })
}

/// Joins the team that a link is for. A member already: nothing is used up, nothing changes.
pub async fn accept_invitation(ctx: &Ctx, secret: &str) -> AppResult<Team> {
    let actor = guest_person(ctx)?;
    let mut tx = ctx.db().write_tx().await?;
    let invited = find(ctx, &mut *tx, secret).await?;
    accept(ctx, tx, invited, actor).await
}

/// The same without the link, for the account that an invitation was made for.
pub async fn accept_own_invitation(ctx: &Ctx, id: InvitationId) -> AppResult<Team> {
    let actor = guest_person(ctx)?;
    let mut tx = ctx.db().write_tx().await?;
    let invited = store::invitations::own(&mut *tx, id, actor).await?.ok_or_else(|| AppError::not_found("invitation"))?;
    accept(ctx, tx, invited, actor).await
}

fn guest_person(ctx: &Ctx) -> AppResult<UserId> {
    let actor = ctx.actor_with(Scope::Admin)?;
    if actor.person.kind == UserKind::Agent {
        return Err(AppError::forbidden("An agent belongs to the team that made it."));
    }
    Ok(actor.id())
}

async fn accept(ctx: &Ctx, mut tx: Tx, invited: Invited, user: UserId) -> AppResult<Team> {
    let Some(team) = invited.team()? else {
        return Err(AppError::conflict("This invitation opens an account, and you have one."));
    };
    store::teams::lock(&mut tx, team, ctx.now()).await?.ok_or_else(ended)?;
    if store::members::role(&mut *tx, team, user).await?.is_none() {
        let invited = use_once(ctx, &mut tx, invited).await?;
        join(ctx, &mut tx, &invited, user).await?;
    }
    // Whoever is in needs no invitation.
    let read = notifications::service::seen(&mut tx, user, team, ctx.now()).await?;
    tx.commit().await?;
    notifications::service::tell_read(ctx, user, &read).await;
    store::teams::of_member(ctx.db().read(), user, team).await?.ok_or_else(ended)
}
