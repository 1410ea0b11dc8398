//! Views: questions that somebody keeps under a name, for themselves or for a team.

use super::{
    super::{
        model::{KEPT_MAX, SaveView, SavedView, clean_name},
        store::views::{self as store, Kept, ViewRow},
    },
    Event, UsageKind, record,
    scope::scoped,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::accounts::{self, Action, Role, Scope},
    ids::{AnalyticsViewId, TeamId},
    server::{context::Ctx, db::parse_id},
};

/// The caller's own and those of their teams, by name.
pub async fn list_views(ctx: &Ctx) -> AppResult<Vec<SavedView>> {
    let me = ctx.actor_with(Scope::Read)?.id().to_string();
    let roles = accounts::service::roles_of(ctx).await?;
    let teams: Vec<String> = roles.iter().map(|(team, _)| team.to_string()).collect();
    let rows = store::views(ctx.db().read(), &me, &teams).await?;
    rows.into_iter().map(|row| shown(row, &me, &roles)).collect()
}

fn shown(row: ViewRow, me: &str, roles: &[(TeamId, Role)]) -> AppResult<SavedView> {
    let team_id = row.team_id.as_deref().map(parse_id::<TeamId>).transpose()?;
    let manages = roles.iter().any(|(team, role)| Some(*team) == team_id && role.allows(Action::ManageTeam));
    Ok(SavedView {
        id: parse_id(&row.id)?,
        name: row.name,
        query: serde_json::from_str(&row.query)?,
        team_id,
        can_delete: row.owner_id == me || manages,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// Keeps a question, or keeps it anew under the id that the caller gave it before.
///
/// # Errors
/// What cannot be asked cannot be kept; a view for a team takes the right to write there.
pub async fn save_view(ctx: &Ctx, input: SaveView) -> AppResult<SavedView> {
    let me = ctx.actor_with(Scope::Write)?.id();
    scoped(ctx, &input.query).await?;
    if let Some(team) = input.team_id {
        accounts::service::authorise_team(ctx, team, Action::Converse).await?;
    }
    let (name, now) = (clean_name(&input.name)?, ctx.now());
    let id = AnalyticsViewId::chosen(input.id, now)?;
    let row = ViewRow {
        id: id.to_string(),
        owner_id: me.to_string(),
        team_id: input.team_id.map(|team| team.to_string()),
        name,
        query: serde_json::to_string(&input.query)?,
        created_at: now,
        updated_at: now,
    };
    let mut tx = ctx.db().write_tx().await?;
    let before = store::view(&mut tx, &row.id).await?;
    // The id of somebody else's view says nothing to the caller, not even that it is one.
    if before.as_ref().is_some_and(|before| before.owner_id != row.owner_id) {
        return Err(AppError::not_found("view"));
    }
    if before.is_none() {
        full(ctx, Kept::Views, &row.owner_id).await?;
    }
    store::put_view(&mut tx, &row).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AnalyticsViewSaved).subject(id)).await?;
    tx.commit().await?;
    let created_at = before.map_or(now, |before| before.created_at);
    shown(ViewRow { created_at, ..row }, &me.to_string(), &[])
}

/// For its owner, and for those who manage its team.
pub async fn delete_view(ctx: &Ctx, id: AnalyticsViewId) -> AppResult<()> {
    let me = ctx.actor_with(Scope::Write)?.id().to_string();
    let mut tx = ctx.db().write_tx().await?;
    let row = store::view(&mut tx, &id.to_string()).await?.ok_or_else(|| AppError::not_found("view"))?;
    if row.owner_id != me {
        let team = row.team_id.as_deref().map(parse_id::<TeamId>).transpose()?.ok_or_else(|| AppError::not_found("view"))?;
        accounts::service::authorise_team(ctx, team, Action::ManageTeam).await.map_err(|error| match error.code {
            ErrorCode::NotFound => AppError::not_found("view"),
            _ => error,
        })?;
    }
    store::delete_view(&mut tx, &row.id).await?;
    record(ctx, &mut tx, Event::new(UsageKind::AnalyticsViewDeleted).subject(id)).await?;
    Ok(tx.commit().await?)
}

/// Refuses more than an account may keep.
pub(super) async fn full(ctx: &Ctx, what: Kept, owner: &str) -> AppResult<()> {
    if store::count(ctx.db().read(), what, owner).await? < KEPT_MAX {
        return Ok(());
    }
    let what = match what {
        Kept::Views => "views",
        Kept::Shares => "links",
        Kept::Alerts => "alerts",
    };
    Err(AppError::conflict(format!("You keep {KEPT_MAX} {what} already: delete one that you do not need any more.")))
}
