//! Who publishes, and who decides.

use std::collections::HashMap;

use super::{
    super::{
        model::Publisher,
        store::{self, ListingRow},
    },
    moderation,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::accounts::{self, Action, Scope},
    ids::{TeamId, UserId},
    server::{
        context::{Actor, Ctx},
        db::parse_id,
    },
};

/// A listing that everybody sees, by slug, former slug or id.
///
/// # Errors
/// Of what moderators took away, the reason.
pub async fn find_listed(ctx: &Ctx, name: &str) -> AppResult<ListingRow> {
    let row = store::listing_named(ctx.db().read(), name).await?.ok_or_else(|| AppError::not_found("item"))?;
    if row.is_listed() {
        return Ok(row);
    }
    let standing = store::standing(ctx.db().read(), row.id()?).await?;
    Err(if standing.is_away() { moderation::away(&row, &standing) } else { AppError::not_found("item") })
}

/// The same, and what moderators took away for its publishers and for moderators.
pub async fn find_shown(ctx: &Ctx, name: &str) -> AppResult<ListingRow> {
    let error = match find_listed(ctx, name).await {
        Ok(row) => return Ok(row),
        Err(error) => error,
    };
    match store::listing_named(ctx.db().read(), name).await? {
        Some(row) if row.latest_release_id.is_some() && (ctx.actor().is_ok_and(is_moderator) || is_publisher(ctx, &row).await?) => Ok(row),
        _ => Err(error),
    }
}

/// Everybody who publishes a listing, for whoever has to tell them.
pub async fn people_of(ctx: &Ctx, row: &ListingRow) -> AppResult<Vec<UserId>> {
    let mut people: Vec<UserId> = store::co_owners(ctx.db().read(), row.id()?).await?.into_iter().map(|owner| owner.person.id).collect();
    if row.owner_kind == TEAM {
        people.extend(accounts::service::members_who_may(ctx, parse_id(&row.owner_id)?, Action::Publish).await?);
    } else {
        people.push(parse_id(&row.owner_id)?);
    }
    people.sort_unstable();
    people.dedup();
    Ok(people)
}

/// Whether the caller may act for the listing: its account, a maintainer of its team, or a co-owner.
pub async fn is_publisher(ctx: &Ctx, row: &ListingRow) -> AppResult<bool> {
    let Ok(actor) = ctx.actor() else { return Ok(false) };
    if row.owner_kind == USER && row.owner_id == actor.id().to_string() {
        return Ok(true);
    }
    if row.owner_kind == TEAM {
        let team: TeamId = parse_id(&row.owner_id)?;
        let role = accounts::service::roles_of(ctx).await?.into_iter().find(|(id, _)| *id == team).map(|(_, role)| role);
        if role.is_some_and(|role| role.allows(Action::Publish)) {
            return Ok(true);
        }
    }
    store::is_co_owner(ctx.db().read(), row.id()?, actor.id()).await
}

/// The caller, who has to be one of the listing's publishers.
pub async fn require_publisher<'c>(ctx: &'c Ctx, row: &ListingRow) -> AppResult<&'c Actor> {
    let actor = ctx.actor_with(Scope::Publish)?;
    if is_publisher(ctx, row).await? {
        Ok(actor)
    } else if row.is_listed() {
        Err(AppError::forbidden(format!(
            "“{}” belongs to somebody else: ask them to make you a co-owner, or publish under another name.",
            row.slug
        )))
    } else {
        Err(AppError::new(ErrorCode::Conflict, format!("The name “{}” is taken: choose another one.", row.slug)))
    }
}

/// The caller, who has to be a moderator.
pub fn require_moderator(ctx: &Ctx) -> AppResult<&Actor> {
    let actor = ctx.actor_with(Scope::Admin)?;
    if is_moderator(actor) { Ok(actor) } else { Err(AppError::forbidden("Only moderators of the marketplace may do this.")) }
}

pub fn is_moderator(actor: &Actor) -> bool {
    actor.moderator || actor.administrator
}

pub const USER: &str = "user";
pub const TEAM: &str = "team";

/// The publishers of listings, as they are shown.
pub async fn publishers(ctx: &Ctx, owners: impl IntoIterator<Item = (&str, &str)>) -> AppResult<HashMap<String, Publisher>> {
    let (mut users, mut teams): (Vec<UserId>, Vec<TeamId>) = (Vec::new(), Vec::new());
    for (kind, id) in owners {
        if kind == TEAM { teams.push(parse_id(id)?) } else { users.push(parse_id(id)?) }
    }
    let mut publishers = HashMap::new();
    for (id, person) in accounts::service::people(ctx, users).await? {
        let publisher = Publisher { id: id.to_string(), name: person.name, avatar: person.avatar, team: false };
        publishers.insert(id.to_string(), publisher);
    }
    for (id, name) in accounts::service::names_of_publishers(ctx, &teams).await? {
        publishers.insert(id.to_string(), Publisher { id: id.to_string(), name, avatar: None, team: true });
    }
    Ok(publishers)
}

/// The same where it is not known which of both an id is.
pub async fn publishers_by_id(ctx: &Ctx, ids: impl Iterator<Item = &str> + Clone) -> AppResult<HashMap<String, Publisher>> {
    publishers(ctx, ids.clone().map(|id| (USER, id)).chain(ids.map(|id| (TEAM, id)))).await
}

/// One of them; who is gone is said to be so.
pub fn publisher_in(publishers: &HashMap<String, Publisher>, row: &ListingRow) -> Publisher {
    publishers.get(&row.owner_id).cloned().unwrap_or_else(|| Publisher {
        id: row.owner_id.clone(),
        name: "Deleted account".to_owned(),
        avatar: None,
        team: row.owner_kind == TEAM,
    })
}

pub async fn publisher(ctx: &Ctx, row: &ListingRow) -> AppResult<Publisher> {
    Ok(publisher_in(&publishers(ctx, [(row.owner_kind.as_str(), row.owner_id.as_str())]).await?, row))
}
