//! Links that show one dashboard to whoever has them, for as long as their owner wants and may see it.

use std::collections::{HashMap, HashSet};

use llmos_analytics::model::{Choices, Dashboard, Query};

use super::{
    super::{
        model::{CreateShare, NewShare, SHARE_DAYS_MAX, Share, SharedDashboard, clean_name},
        store::views::{self as store, Kept, ShareRow},
    },
    Event, UsageKind,
    reading::dashboard,
    record,
    scope::{Chosen, chosen, scoped},
    views::full,
};
use crate::{
    error::{AppError, AppResult},
    features::accounts::{self, Action, Scope},
    ids::{AnalyticsShareId, TeamId, UserId},
    server::{
        clock,
        context::{Actor, Ctx, Via},
        db::{flag, parse_id},
        secrets,
    },
};

/// So that a secret is known as one wherever it turns up.
const PREFIX: &str = "llmos_share_";

/// The context of something that an account left behind to be looked at in its name: with the rights that it has now in its teams, and none of the server's.
/// None: the account is no longer in use.
pub(super) async fn in_name_of(ctx: &Ctx, owner: &str) -> AppResult<Option<Ctx>> {
    let person = accounts::service::active_account(ctx, owner).await?;
    Ok(person.map(|person| Ctx::internal(ctx.state.clone(), Some(Actor::member(person, Via::Operator)))))
}

fn shown(row: ShareRow) -> AppResult<Share> {
    Ok(Share {
        id: parse_id(&row.id)?,
        name: row.name,
        query: serde_json::from_str(&row.query)?,
        names: row.names != 0,
        expires_at: row.expires_at,
        created_at: row.created_at,
        by: None,
    })
}

/// The links that work, the newest first: the caller's own, and those of others that show a team that the caller manages.
pub async fn list_shares(ctx: &Ctx) -> AppResult<Vec<Share>> {
    let me = ctx.actor_with(Scope::Read)?.id();
    let managed = Managed::of(ctx).await?;
    let owners: Vec<String> = managed.members.keys().copied().chain([me]).map(|id| id.to_string()).collect();
    let mut shares = Vec::new();
    for row in store::shares(ctx.db().read(), &owners, ctx.now()).await? {
        if parse_id::<UserId>(&row.owner_id)? == me {
            shares.push(shown(row)?);
        } else if let Some(by) = managed.maker_of(&row)? {
            shares.push(Share { by: Some(by.to_owned()), ..shown(row)? });
        }
    }
    Ok(shares)
}

/// The teams that the caller manages, by the people in them besides: each with their name.
struct Managed {
    members: HashMap<UserId, (String, HashSet<TeamId>)>,
}

impl Managed {
    async fn of(ctx: &Ctx) -> AppResult<Self> {
        let me = ctx.actor()?.id();
        let mut members: HashMap<UserId, (String, HashSet<TeamId>)> = HashMap::new();
        // A token that may not manage teams sees its own account's links alone.
        if ctx.actor_with(Action::ManageTeam.scope()).is_err() {
            return Ok(Self { members });
        }
        for (team, role) in accounts::service::roles_of(ctx).await? {
            if !role.allows(Action::ManageTeam) {
                continue;
            }
            for member in accounts::service::list_members(ctx, team).await?.into_iter().filter(|member| member.person.id != me) {
                members.entry(member.person.id).or_insert_with(|| (member.person.name, HashSet::new())).1.insert(team);
            }
        }
        Ok(Self { members })
    }

    /// Who made a link that shows one of these teams; none of any other. Without a team chosen it shows all that its maker is in.
    fn maker_of(&self, row: &ShareRow) -> AppResult<Option<&str>> {
        let Some((name, teams)) = self.members.get(&parse_id::<UserId>(&row.owner_id)?) else { return Ok(None) };
        let query: Query = serde_json::from_str(&row.query)?;
        let is_shown = match chosen(&query) {
            Chosen::All => true,
            Chosen::Own => false,
            Chosen::Team(team) => team.parse::<TeamId>().is_ok_and(|team| teams.contains(&team)),
        };
        Ok(is_shown.then_some(name.as_str()))
    }
}

/// Refuses to publish numbers of a team in which the caller may only look: of the one that is chosen, or of any where none is.
async fn may_publish(ctx: &Ctx, query: &Query) -> AppResult<()> {
    let teams = match chosen(query) {
        Chosen::Own => Vec::new(),
        Chosen::Team(team) => vec![team.parse::<TeamId>().map_err(|_| AppError::not_found("team"))?],
        Chosen::All => accounts::service::roles_of(ctx).await?.into_iter().map(|(team, _)| team).collect(),
    };
    for team in teams {
        accounts::service::authorise_team(ctx, team, Action::Converse).await?;
    }
    Ok(())
}

/// Makes a link. Its secret is in the answer and nowhere else.
///
/// # Errors
/// What cannot be asked cannot be shown; a link to a team's numbers takes the right to write there.
pub async fn create_share(ctx: &Ctx, input: CreateShare) -> AppResult<NewShare> {
    let me = ctx.actor_with(Scope::Write)?.id();
    scoped(ctx, &input.query).await?;
    may_publish(ctx, &input.query).await?;
    let name = clean_name(&input.name)?;
    if input.query.person.is_some() && !input.names {
        return Err(AppError::field("names", "These are the numbers of one person: show names, or take that filter off."));
    }
    if input.days.is_some_and(|days| !(1..=SHARE_DAYS_MAX).contains(&days)) {
        return Err(AppError::field("days", format!("A link works for 1 to {SHARE_DAYS_MAX} days, or until it is revoked.")));
    }
    full(ctx, Kept::Shares, &me.to_string()).await?;
    let (id, now, token) = (AnalyticsShareId::generate(), ctx.now(), secrets::generate(PREFIX));
    let row = ShareRow {
        id: id.to_string(),
        owner_id: me.to_string(),
        name,
        query: serde_json::to_string(&input.query)?,
        names: flag(input.names),
        expires_at: input.days.map(|days| now + i64::from(days) * clock::DAY),
        revoked_at: None,
        created_at: now,
    };
    let mut tx = ctx.db().write_tx().await?;
    store::insert_share(&mut tx, &row, &secrets::hash(&token)).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AnalyticsShared).subject(id)).await?;
    tx.commit().await?;
    let address = format!("{}/shared/analytics/{token}", ctx.state.config.public_url());
    Ok(NewShare { share: shown(row)?, token, address })
}

/// From now on the link shows nothing. For its owner, and for those who manage a team that it shows.
pub async fn revoke_share(ctx: &Ctx, id: AnalyticsShareId) -> AppResult<()> {
    let me = ctx.actor_with(Scope::Write)?.id().to_string();
    let none = || AppError::not_found("link");
    let row = store::share(ctx.db().read(), &id.to_string()).await?.ok_or_else(none)?;
    if row.owner_id != me && Managed::of(ctx).await?.maker_of(&row)?.is_none() {
        return Err(none());
    }
    let mut tx = ctx.db().write_tx().await?;
    if !store::revoke_share(&mut tx, &row.id, ctx.now()).await? {
        return Err(none());
    }
    record(ctx, &mut tx, Event::new(UsageKind::AnalyticsShareRevoked).subject(id)).await?;
    Ok(tx.commit().await?)
}

/// What a link shows to whoever has it.
///
/// # Errors
/// A link that there never was, one that has ended and one whose owner may not look any more are the same 404.
pub async fn shared_dashboard(ctx: &Ctx, token: &str) -> AppResult<SharedDashboard> {
    let none = || AppError::not_found("dashboard");
    let row = store::share_of(ctx.db().read(), &secrets::hash(token)).await?;
    let works = |row: &ShareRow| row.revoked_at.is_none() && row.expires_at.is_none_or(|ends| ends > ctx.now());
    let Some(row) = row.filter(works) else {
        ctx.state.limits.wrong_secret(&ctx.address)?;
        return Err(none());
    };
    let owner = in_name_of(ctx, &row.owner_id).await?.ok_or_else(none)?;
    let names = row.names != 0;
    let share = shown(row)?;
    let refused = |error: AppError| match error.code.status() {
        400..500 => none(),
        _ => error,
    };
    // Whoever may only look there by now shows it to nobody else.
    may_publish(&owner, &share.query).await.map_err(refused)?;
    let mut data = dashboard(&owner, &share.query).await.map_err(refused)?;
    // There is nothing to choose, and of the server itself nothing is shown.
    (data.choices, data.operations) = (Choices::default(), None);
    if !names {
        unname(&mut data);
    }
    let query = if names { share.query } else { Query { team: None, volume: None, ..share.query } };
    Ok(SharedDashboard { name: share.name, expires_at: share.expires_at, query, dashboard: data })
}

/// Takes away who is who: people, and the workspaces and volumes that have their names. The numbers stay.
fn unname(data: &mut Dashboard) {
    data.sessions.by_person.clear();
    data.sessions.by_team.clear();
    data.collaboration.by_person.clear();
    data.artifacts.by_volume.clear();
}

#[cfg(test)]
mod tests {
    use llmos_analytics::model::Ranked;

    use super::*;

    #[test]
    fn nobody_is_named_who_was_not_to_be() {
        let mut data = Dashboard::default();
        let tom = || vec![Ranked { id: "1".to_owned(), name: "Tom Reed".to_owned(), count: 3, ..Ranked::default() }];
        (data.sessions.by_person, data.sessions.by_team) = (tom(), tom());
        (data.collaboration.by_person, data.artifacts.by_volume) = (tom(), tom());
        data.sessions.total = 3;
        unname(&mut data);
        let text = serde_json::to_string(&data).expect("JSON");
        assert!(!text.contains("Tom") && text.contains("\"total\":3"), "{text}");
    }
}
