//! Links that show one dashboard to whoever has them, for as long as their owner wants and may see it.

use llmos_analytics::model::{Choices, Dashboard, Query};

use super::{
    super::{
        model::{CreateShare, NewShare, SHARE_DAYS_MAX, Share, SharedDashboard, clean_name},
        store::views::{self as store, Kept, ShareRow},
    },
    Event, UsageKind,
    reading::dashboard,
    record,
    scope::scoped,
    views::full,
};
use crate::{
    error::{AppError, AppResult},
    features::accounts::{self, Scope},
    ids::AnalyticsShareId,
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
    })
}

/// The caller's links that work, the newest first.
pub async fn list_shares(ctx: &Ctx) -> AppResult<Vec<Share>> {
    let me = ctx.actor_with(Scope::Read)?.id().to_string();
    store::shares(ctx.db().read(), &me, ctx.now()).await?.into_iter().map(shown).collect()
}

/// Makes a link. Its secret is in the answer and nowhere else.
pub async fn create_share(ctx: &Ctx, input: CreateShare) -> AppResult<NewShare> {
    let me = ctx.actor_with(Scope::Write)?.id();
    scoped(ctx, &input.query).await?;
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

/// From now on the link shows nothing.
pub async fn revoke_share(ctx: &Ctx, id: AnalyticsShareId) -> AppResult<()> {
    let me = ctx.actor_with(Scope::Write)?.id().to_string();
    let mut tx = ctx.db().write_tx().await?;
    if !store::revoke_share(&mut tx, &id.to_string(), &me, ctx.now()).await? {
        return Err(AppError::not_found("link"));
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
    let mut data = dashboard(&owner, &share.query).await.map_err(|error| match error.code.status() {
        400..500 => none(),
        _ => error,
    })?;
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
