//! Names: taking one, keeping it for oneself, giving a listing another one. A name that something public had is never anybody else's.

use llmos_trust::{Entry, Envelope, statement::RenameStatement};

use super::{
    super::{
        model::{FORMER_NAMES, ManagedListing, PAGES, Reserve, UNUSED_NAMES},
        store::{self, ListingRow, NewListing},
    },
    access::{TEAM, USER},
    log, owners,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, Scope},
        analytics::service::{Event, UsageKind, record},
        artifacts::model::{Kind, slug::is_valid_slug},
    },
    ids::{ListingId, TeamId, UserId},
    server::{clock, context::Ctx, db::Tx, error::internal},
};

fn taken(slug: &str) -> AppError {
    AppError::conflict(format!("The name “{slug}” is taken: choose another one."))
}

/// Whether a text may be the name of something that belongs to `owner`.
///
/// # Errors
/// A sentence beside `field`. The name of a team is that team's.
pub async fn check_name(ctx: &Ctx, field: &'static str, slug: &str, owner: (&str, &str)) -> AppResult<()> {
    if PAGES.contains(&slug) {
        return Err(AppError::field(field, format!("“{slug}” is a page of the marketplace: choose another name.")));
    }
    // An id names the listing that has it.
    if !is_valid_slug(slug) || slug.parse::<uuid::Uuid>().is_ok() {
        return Err(AppError::field(
            field,
            "A name in the marketplace has lower-case letters, digits and hyphens, such as “dcf-valuation”, 64 at most.",
        ));
    }
    let teams = accounts::service::teams_called(ctx, slug).await?;
    let own = |team: &TeamId| owner == (TEAM, team.to_string().as_str());
    if teams.is_empty() || teams.iter().any(own) {
        return Ok(());
    }
    // Who may publish for that team may as well take it for themselves. Others are not told that there is such a team.
    let roles = accounts::service::roles_of(ctx).await?;
    let may = roles.iter().any(|(team, role)| teams.contains(team) && role.allows(Action::Publish));
    if may { Ok(()) } else { Err(taken(slug)) }
}

/// Who takes names without ever publishing has to give some back first.
pub async fn check_allowance(tx: &mut Tx, user: UserId) -> AppResult<()> {
    if store::unused_names(tx, user).await? < UNUSED_NAMES {
        return Ok(());
    }
    Err(AppError::conflict(format!(
        "You hold {UNUSED_NAMES} names under which nothing was ever published: publish under one of them, or delete one, before you take another."
    )))
}

/// Takes a name before anything is published under it.
///
/// # Errors
/// A conflict for a name that is taken, and beyond the number of names that one may hold.
pub async fn reserve(ctx: &Ctx, input: Reserve) -> AppResult<ManagedListing> {
    let actor = ctx.actor_with(Scope::Publish)?.id();
    let slug = input.slug.trim();
    let owner = match input.team {
        Some(team) => {
            accounts::service::authorise_team(ctx, team, Action::Publish).await?;
            (TEAM, team.to_string())
        }
        None => (USER, actor.to_string()),
    };
    check_name(ctx, "slug", slug, (owner.0, &owner.1)).await?;
    let (id, now) = (ListingId::generate(), ctx.now());
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    check_allowance(&mut tx, actor).await?;
    let new = NewListing { id, slug, kind: input.kind.unwrap_or(Kind::Skill), owner, name: slug, by: actor, seq, now };
    if !store::insert_listing(&mut tx, &new).await? {
        return Err(taken(slug));
    }
    owners::note(ctx, &mut tx, (id, slug), "reserved", "").await?;
    record(ctx, &mut tx, Event::new(UsageKind::ListingReserved).team(input.team).subject(id).artifact(new.kind, "")).await?;
    tx.commit().await?;
    owners::management(ctx, &id.to_string()).await
}

/// Gives a listing another name, in the transaction that holds the catalogue. What was public under the old one is found by it for ever, and the log
/// says so; a name that nobody outside ever saw is free again.
pub async fn rename(ctx: &Ctx, tx: &mut Tx, row: &ListingRow, to: &str, seq: i64) -> AppResult<()> {
    let (id, now) = (row.id()?, ctx.now());
    if store::holder_of(tx, to).await?.is_some_and(|holder| holder != id) {
        return Err(taken(to));
    }
    let was_public = row.published_at.is_some();
    let log_index = if was_public {
        let former = store::former_names(&mut **tx, id).await?;
        if former.len() >= FORMER_NAMES && !former.iter().any(|(slug, _)| slug == to) {
            return Err(AppError::conflict(format!(
                "“{}” has had {FORMER_NAMES} other names, and each stays its own: go back to one of them, or keep this one.",
                row.slug
            )));
        }
        let statement = RenameStatement { item: row.id.clone(), from: row.slug.clone(), to: to.to_owned(), at: clock::rfc3339(now) };
        let mut envelope = Envelope::new(&statement).map_err(|error| internal("statement", &error))?;
        ctx.state.registry.countersign(&mut envelope);
        Some(log::append(ctx, tx, &envelope).await?)
    } else {
        None
    };
    store::rename_listing(tx, row, to, log_index, seq, now).await?;
    owners::note(ctx, tx, (id, &row.slug), "renamed", &format!("to {to}")).await?;
    record(ctx, tx, row.event(UsageKind::ListingRenamed)?).await
}

/// What of the log leads from the name that a release was signed under to the one that its listing has now.
pub async fn renames_since(ctx: &Ctx, listing: ListingId, signed_as: &str) -> AppResult<Vec<Entry>> {
    let former = store::former_names(ctx.db().read(), listing).await?;
    let mut renames = Vec::new();
    let mut name = signed_as.to_owned();
    for (slug, index) in former {
        let (true, Some(index)) = (slug == name, index) else { continue };
        let entry = log::entry(ctx, index).await?;
        let statement: RenameStatement = entry.envelope.statement().map_err(|error| internal("statement", &error))?;
        name = statement.to;
        renames.push(entry);
    }
    Ok(renames)
}

/// The names that things have now, for those that they had before.
pub async fn current_names(ctx: &Ctx, slugs: impl IntoIterator<Item = String>) -> AppResult<std::collections::HashMap<String, String>> {
    let mut slugs: Vec<String> = slugs.into_iter().collect();
    slugs.sort_unstable();
    slugs.dedup();
    store::current_names(ctx.db().read(), &slugs).await
}
