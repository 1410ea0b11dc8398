//! Who has a listing. Its owner, an account or a team, decides on its names, its owners and its end; co-owners publish and deprecate.

use super::{
    super::{
        model::{
            AddOwner, CO_OWNERS, ChangeListing, CoOwner, DEPRECATION_CHARS, Deprecation, ListingOwners, ManagedListing, OwnListing,
            Publisher,
        },
        store::{self, ListingRow, NewEvent},
    },
    access::{self, TEAM, USER},
    browse, deletion, naming,
    signing::after_publication,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, Scope, model::UserKind},
        analytics::service::{UsageKind, record},
        notifications::{
            self,
            model::{NotificationKind, SubjectKind},
            service::NewNotification,
        },
        tasks::model::one_line,
    },
    ids::{ListingId, TeamId, UserId},
    server::{context::Ctx, db::Tx, db::parse_id},
};

/// Rows of the list of one's own.
const SHOWN: i64 = 500;

/// Says in the public log of the marketplace what the caller did.
pub async fn note(ctx: &Ctx, tx: &mut Tx, (listing, slug): (ListingId, &str), action: &'static str, detail: &str) -> AppResult<()> {
    let actor = ctx.actor.as_ref().map(|actor| actor.id());
    store::insert_event(tx, &NewEvent { listing: Some(listing), slug, action, detail, actor }, ctx.now()).await
}

/// A listing that the caller publishes, by any name it has or had. A name that is only reserved does not exist for others.
pub async fn find_managed(ctx: &Ctx, name: &str) -> AppResult<ListingRow> {
    ctx.actor_with(Scope::Publish)?;
    let row = store::listing_named(ctx.db().read(), name).await?.ok_or_else(|| AppError::not_found("item"))?;
    if access::is_publisher(ctx, &row).await? {
        Ok(row)
    } else if row.is_listed() {
        Err(AppError::forbidden(format!("“{}” belongs to somebody else: only its publishers do this.", row.slug)))
    } else {
        Err(AppError::not_found("item"))
    }
}

/// Whether the caller decides on it: its account, or who may publish for its team.
pub async fn decides(ctx: &Ctx, row: &ListingRow) -> AppResult<bool> {
    let actor = ctx.actor()?.id();
    if row.owner_kind == USER {
        return Ok(row.owner_id == actor.to_string());
    }
    let team: TeamId = parse_id(&row.owner_id)?;
    Ok(accounts::service::roles_of(ctx).await?.iter().any(|(id, role)| *id == team && role.allows(Action::Publish)))
}

/// The same, as an error where it is not so.
pub async fn require_deciding(ctx: &Ctx, row: &ListingRow) -> AppResult<()> {
    if decides(ctx, row).await? {
        return Ok(());
    }
    Err(AppError::forbidden(format!(
        "You are a co-owner of “{}”: you publish and deprecate it; its names, its owners and its end are for its owner to decide.",
        row.slug
    )))
}

fn own(row: &ListingRow, owner: Publisher) -> AppResult<OwnListing> {
    Ok(OwnListing {
        id: row.id()?,
        slug: row.slug.clone(),
        name: row.name.clone(),
        kind: row.kind(),
        state: row.state.clone(),
        version: row.latest_version.clone(),
        owner,
        deprecated: row.deprecated != 0,
        updated_at: row.updated_at,
    })
}

/// Everything that the caller publishes, also what is only reserved.
pub async fn own_listings(ctx: &Ctx) -> AppResult<Vec<OwnListing>> {
    let actor = ctx.actor_with(Scope::Read)?.id();
    let roles = accounts::service::roles_of(ctx).await?;
    let teams: Vec<TeamId> = roles.into_iter().filter(|(_, role)| role.allows(Action::Publish)).map(|(team, _)| team).collect();
    let rows = store::listings_published_by(ctx.db().read(), actor, &teams, SHOWN).await?;
    let publishers = access::publishers(ctx, rows.iter().map(|row| (row.owner_kind.as_str(), row.owner_id.as_str()))).await?;
    rows.iter().map(|row| own(row, access::publisher_in(&publishers, row))).collect()
}

/// A listing as its publishers manage it.
pub async fn management(ctx: &Ctx, name: &str) -> AppResult<ManagedListing> {
    managed(ctx, &find_managed(ctx, name).await?).await
}

async fn managed(ctx: &Ctx, row: &ListingRow) -> AppResult<ManagedListing> {
    let (id, pool) = (row.id()?, ctx.db().read());
    let former = store::former_names(pool, id).await?;
    let end = deletion::outlook(ctx, row).await?;
    Ok(ManagedListing {
        listing: own(row, access::publisher(ctx, row).await?)?,
        co_owners: store::co_owners(pool, id).await?,
        caller: ctx.actor()?.id(),
        decides: decides(ctx, row).await?,
        former_names: former.into_iter().map(|(slug, _)| slug).collect(),
        deprecation: row.advice(),
        undeletable: end.undeletable,
        deletable_until: end.until,
    })
}

impl ListingRow {
    /// What its publishers say against it.
    pub fn advice(&self) -> Option<Deprecation> {
        (self.deprecated != 0).then(|| Deprecation { reason: self.deprecation.clone(), successor: self.successor.clone() })
    }
}

impl store::InstallationRow {
    /// The same of what is installed.
    pub fn advice(&self) -> Option<Deprecation> {
        (self.deprecated != 0).then(|| Deprecation { reason: self.deprecation.clone(), successor: self.successor.clone() })
    }
}

/// Renames, deprecates, hands over: all that was asked for, or nothing.
///
/// # Errors
/// A sentence for whoever may not, a name that is taken, an owner that it cannot go to.
pub async fn change_listing(ctx: &Ctx, name: &str, input: ChangeListing) -> AppResult<ManagedListing> {
    let row = find_managed(ctx, name).await?;
    let (id, now) = (row.id()?, ctx.now());
    let to = input.name.as_deref().map(str::trim).filter(|to| *to != row.slug);
    if to.is_some() || input.owner.is_some() {
        require_deciding(ctx, &row).await?;
    }
    if let Some(to) = to {
        naming::check_name(ctx, "name", to, (&row.owner_kind, &row.owner_id)).await?;
    }
    let advice = advice(ctx, &row, &input).await?;
    let heir = match &input.owner {
        Some(owner) => Some(heir(ctx, owner.trim()).await?),
        None => None,
    };

    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    let row = unchanged(&mut tx, &row).await?;
    if let Some(advice) = advice {
        let words = advice.as_ref().map(Deprecation::words).unwrap_or_default();
        let values = advice.as_ref().map(|advice| (advice.reason.as_str(), advice.successor.as_str()));
        store::set_deprecation(&mut tx, id, values, seq, now).await?;
        let (action, kind) = if values.is_some() {
            ("deprecated", UsageKind::ListingDeprecated)
        } else {
            ("deprecation-ended", UsageKind::ListingDeprecationEnded)
        };
        note(ctx, &mut tx, (id, &row.slug), action, &words).await?;
        record(ctx, &mut tx, row.event(kind)?).await?;
    }
    if let Some(to) = to {
        naming::rename(ctx, &mut tx, &row, to, seq).await?;
    }
    let mut told = Vec::new();
    if let Some(heir) = heir {
        // What it is called by now.
        let row = store::listing_in(&mut tx, id).await?.ok_or_else(|| AppError::not_found("item"))?;
        told = hand_over(ctx, &mut tx, &row, heir, seq).await?;
    }
    tx.commit().await?;
    after_publication(ctx).await;
    notifications::service::tell(ctx, &told).await;
    let row = store::listing_named(ctx.db().read(), &id.to_string()).await?.ok_or_else(|| AppError::not_found("item"))?;
    managed(ctx, &row).await
}

/// The row in the transaction that changes it, if nobody changed its name, its owner or its state since the caller was asked for.
pub async fn unchanged(tx: &mut Tx, row: &ListingRow) -> AppResult<ListingRow> {
    let now = store::listing_in(tx, row.id()?).await?.ok_or_else(|| AppError::not_found("item"))?;
    if now.slug == row.slug && now.owner_id == row.owner_id && now.state == row.state {
        Ok(now)
    } else {
        Err(AppError::conflict(format!("Somebody changed “{}” in between: look at it again.", row.slug)))
    }
}

/// What a change makes of the deprecation: none if it stays, nothing in it if it ends.
async fn advice(ctx: &Ctx, row: &ListingRow, input: &ChangeListing) -> AppResult<Option<Option<Deprecation>>> {
    if input.deprecated.is_none() && input.deprecation.is_none() && input.successor.is_none() {
        return Ok(None);
    }
    if !input.deprecated.unwrap_or(row.deprecated != 0) {
        let words = input.deprecation.iter().chain(&input.successor).any(|text| !text.trim().is_empty());
        if words {
            return Err(AppError::field("deprecated", "A reason or a successor is given with “deprecated”: true."));
        }
        return Ok((row.deprecated != 0).then_some(None));
    }
    if row.published_at.is_none() {
        return Err(AppError::conflict("Nothing is public under this name yet: there is nothing to advise against."));
    }
    let given = |text: &Option<String>, before: &str| text.as_deref().unwrap_or(before).trim().to_owned();
    let reason = one_line(&given(&input.deprecation, &row.deprecation), usize::MAX);
    if reason.is_empty() {
        return Err(AppError::field("deprecation", "Say why: everybody who has it reads it."));
    }
    if reason.chars().count() > DEPRECATION_CHARS {
        return Err(AppError::field("deprecation", format!("A reason has at most {DEPRECATION_CHARS} characters.")));
    }
    let mut successor = given(&input.successor, &row.successor);
    if input.successor.is_some() && !successor.is_empty() {
        let found = store::listing_named(ctx.db().read(), &successor).await?.filter(ListingRow::is_listed);
        let found = found.ok_or_else(|| AppError::field("successor", format!("There is no “{successor}” in this marketplace.")))?;
        if found.id == row.id {
            return Err(AppError::field("successor", "It cannot be its own successor."));
        }
        successor = found.slug;
    }
    Ok(Some(Some(Deprecation { reason, successor })))
}

/// Whom a listing goes to.
enum Heir {
    Account(UserId),
    Team(TeamId),
}

/// A team that the caller may publish for, or an account; that it is a co-owner is looked at in the transaction.
async fn heir(ctx: &Ctx, id: &str) -> AppResult<Heir> {
    let nobody = || AppError::field("owner", "Name a team that you may publish for, or one of the co-owners, by its id.");
    let team: TeamId = id.parse().map_err(|_| nobody())?;
    if let Some((_, role)) = accounts::service::roles_of(ctx).await?.into_iter().find(|(known, _)| *known == team) {
        if role.allows(Action::Publish) {
            return Ok(Heir::Team(team));
        }
        return Err(AppError::forbidden(format!("You are a {role} of this team, and publishing for it takes a maintainer.")));
    }
    Ok(Heir::Account(team.same_as()))
}

async fn hand_over(ctx: &Ctx, tx: &mut Tx, row: &ListingRow, heir: Heir, seq: i64) -> AppResult<Vec<UserId>> {
    let (id, actor, now) = (row.id()?, ctx.actor()?.id(), ctx.now());
    let (kind, owner) = match &heir {
        Heir::Team(team) => (TEAM, team.to_string()),
        Heir::Account(account) => (USER, account.to_string()),
    };
    if row.owner_id == owner {
        return Ok(Vec::new());
    }
    if let Heir::Account(account) = heir
        && !store::remove_co_owner(tx, id, account).await?
    {
        return Err(AppError::field("owner", "Name a team that you may publish for, or one of the co-owners, by its id."));
    }
    store::set_owner(tx, id, (kind, &owner), seq, now).await?;
    // Whoever gives it away stays with it, until they leave.
    let stays = match heir {
        Heir::Account(account) => account != actor,
        Heir::Team(_) => row.owner_kind == USER,
    };
    if stays {
        store::insert_co_owner(tx, id, actor, actor, now).await?;
    }
    let name = match &heir {
        Heir::Team(team) => {
            accounts::service::names_of_publishers(ctx, &[*team]).await?.into_iter().map(|(_, name)| format!("the team {name}")).collect()
        }
        Heir::Account(account) => accounts::service::person_by_id(ctx, *account).await?.name,
    };
    note(ctx, tx, (id, &row.slug), "transferred", &format!("to {name}")).await?;
    record(ctx, tx, row.event(UsageKind::ListingTransferred)?).await?;
    match heir {
        Heir::Account(account) => inform(ctx, tx, row, NotificationKind::Owner, account).await,
        Heir::Team(_) => Ok(Vec::new()),
    }
}

/// Lets an account know what it has become; whom to tell after the commit.
async fn inform(ctx: &Ctx, tx: &mut Tx, row: &ListingRow, kind: NotificationKind, account: UserId) -> AppResult<Vec<UserId>> {
    let new = NewNotification::new(kind, (SubjectKind::Ownership, &row.id), &row.name, "");
    notifications::service::notify(ctx, tx, &[account], &new).await?;
    Ok(vec![account])
}

/// Whose a listing is, for everybody who sees it and for its publishers.
pub async fn listing_owners(ctx: &Ctx, name: &str) -> AppResult<ListingOwners> {
    browse::may_read(ctx)?;
    let row = store::listing_named(ctx.db().read(), name).await?.ok_or_else(|| AppError::not_found("item"))?;
    if !row.is_listed() && !access::is_publisher(ctx, &row).await? {
        return Err(AppError::not_found("item"));
    }
    owners_of(ctx, &row).await
}

async fn owners_of(ctx: &Ctx, row: &ListingRow) -> AppResult<ListingOwners> {
    Ok(ListingOwners { owner: access::publisher(ctx, row).await?, co_owners: store::co_owners(ctx.db().read(), row.id()?).await? })
}

/// Makes somebody a co-owner. They are told, and may leave.
///
/// # Errors
/// For who does not decide on it, an account that is not there, and one that has it already.
pub async fn add_owner(ctx: &Ctx, name: &str, input: AddOwner) -> AppResult<ListingOwners> {
    let row = find_managed(ctx, name).await?;
    require_deciding(ctx, &row).await?;
    let account = input.account.trim();
    let Some(person) = accounts::service::active_account(ctx, account).await? else {
        // Addresses are not to be tried out.
        ctx.state.limits.wrong_secret(&ctx.address)?;
        return Err(AppError::field("account", "There is no such account on this server: give the id of one, or its e-mail address."));
    };
    if person.kind == UserKind::Agent {
        return Err(AppError::field("account", "An agent publishes for its team: co-owners are people."));
    }
    let (id, actor) = (row.id()?, ctx.actor()?.id());
    if row.owner_kind == USER && row.owner_id == person.id.to_string() {
        return Err(AppError::conflict(format!("{} is the owner of “{}” already.", person.name, row.slug)));
    }
    let mut tx = ctx.db().write_tx().await?;
    store::advance_catalogue(&mut tx).await?;
    let row = unchanged(&mut tx, &row).await?;
    if store::co_owners(&mut *tx, id).await?.len() >= CO_OWNERS {
        return Err(AppError::conflict(format!("A listing has at most {CO_OWNERS} co-owners: a team may own it instead.")));
    }
    if !store::insert_co_owner(&mut tx, id, person.id, actor, ctx.now()).await? {
        return Err(AppError::conflict(format!("{} is a co-owner of “{}” already.", person.name, row.slug)));
    }
    note(ctx, &mut tx, (id, &row.slug), "owner-added", &person.name).await?;
    record(ctx, &mut tx, row.event(UsageKind::ListingOwnerAdded)?).await?;
    let told = inform(ctx, &mut tx, &row, NotificationKind::CoOwner, person.id).await?;
    tx.commit().await?;
    notifications::service::tell(ctx, &told).await;
    owners_of(ctx, &row).await
}

/// Takes a co-owner off; everybody may leave. When the owner goes, the co-owner who has been one for longest takes their place.
///
/// # Errors
/// The last owner cannot go; a team does not leave; an account that has no part in it.
pub async fn remove_owner(ctx: &Ctx, name: &str, account: UserId) -> AppResult<ListingOwners> {
    let row = find_managed(ctx, name).await?;
    let (id, actor, now) = (row.id()?, ctx.actor()?.id(), ctx.now());
    let of_owner = row.owner_kind == USER && row.owner_id == account.to_string();
    if account != actor {
        require_deciding(ctx, &row).await?;
    }
    let mut tx = ctx.db().write_tx().await?;
    let seq = store::advance_catalogue(&mut tx).await?;
    let row = unchanged(&mut tx, &row).await?;
    let co_owners: Vec<CoOwner> = store::co_owners(&mut *tx, id).await?;
    let mut told = Vec::new();
    if of_owner {
        let Some(heir) = co_owners.first() else {
            return Err(AppError::conflict(format!(
                "You are the last owner of “{}”: make somebody a co-owner or hand it to a team before you go, or delete it.",
                row.slug
            )));
        };
        store::remove_co_owner(&mut tx, id, heir.person.id).await?;
        store::set_owner(&mut tx, id, (USER, &heir.person.id.to_string()), seq, now).await?;
        note(ctx, &mut tx, (id, &row.slug), "transferred", &format!("to {}", heir.person.name)).await?;
        told = inform(ctx, &mut tx, &row, NotificationKind::Owner, heir.person.id).await?;
    } else if !store::remove_co_owner(&mut tx, id, account).await? {
        return Err(AppError::not_found("co-owner"));
    }
    let gone = co_owners.iter().find(|one| one.person.id == account).map(|one| one.person.name.clone());
    note(
        ctx,
        &mut tx,
        (id, &row.slug),
        "owner-removed",
        &gone.unwrap_or_else(|| ctx.actor().map(|actor| actor.person.name.clone()).unwrap_or_default()),
    )
    .await?;
    record(ctx, &mut tx, row.event(UsageKind::ListingOwnerRemoved)?).await?;
    tx.commit().await?;
    after_publication(ctx).await;
    notifications::service::tell(ctx, &told).await;
    let row = store::listing_named(ctx.db().read(), &id.to_string()).await?.ok_or_else(|| AppError::not_found("item"))?;
    owners_of(ctx, &row).await
}

/// An account that goes hands what it owns to its co-owners, and is one itself no more. What nobody else has stays where it is installed.
pub async fn leave_everything(ctx: &Ctx, tx: &mut Tx, account: UserId) -> AppResult<()> {
    let seq = store::advance_catalogue(tx).await?;
    store::remove_co_owner_everywhere(tx, account).await?;
    for row in store::listings_of_account(tx, account).await? {
        let id = row.id()?;
        let Some(heir) = store::co_owners(&mut **tx, id).await?.into_iter().next() else { continue };
        store::remove_co_owner(tx, id, heir.person.id).await?;
        store::set_owner(tx, id, (USER, &heir.person.id.to_string()), seq, ctx.now()).await?;
        note(ctx, tx, (id, &row.slug), "transferred", &format!("to {}", heir.person.name)).await?;
    }
    Ok(())
}

/// A team that publishes something hands it over before it is deleted.
pub async fn refuse_while_publishing(tx: &mut Tx, team: TeamId) -> AppResult<()> {
    let slugs = store::slugs_of_team(tx, team).await?;
    if slugs.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = slugs.iter().take(3).map(|slug| format!("“{slug}”")).collect();
    let more = if slugs.len() > 3 { format!(" and {} more", slugs.len() - 3) } else { String::new() };
    Err(AppError::conflict(format!(
        "The team has {}{more} in the marketplace: hand that to another team or to a co-owner first, or delete it.",
        named.join(", ")
    )))
}
