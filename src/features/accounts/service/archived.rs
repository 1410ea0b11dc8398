//! A team's part in its archive: who may write one, the people in it, and showing a team that came with one.

use sqlx::AnyConnection;

use super::{Audit, authorise_team, built_in, note, require_administrator};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{Action, Role, model::clean_name, store},
        analytics::service::{Event, UsageKind, record},
    },
    ids::{TeamId, UserId},
    server::{
        archive::{ArchivedPerson, Ids},
        context::{Ctx, Via},
        db::Tx,
    },
};

const NOBODY: &str = "Somebody";
/// As an account's address may be.
const EMAIL_MAX: usize = 254;

/// Whether the caller may take all of a team with them: its owners, and whoever runs the server, who has the database anyway. The team's name.
pub async fn may_export_team(ctx: &Ctx, team: TeamId) -> AppResult<String> {
    if !matches!(ctx.actor()?.via, Via::Operator) || require_administrator(ctx).is_err() {
        authorise_team(ctx, team, Action::OwnTeam).await?;
    }
    store::archived::name(ctx.db().read(), team).await?.ok_or_else(|| AppError::not_found("team"))
}

/// What a team is called at the moment of a snapshot; none when it is gone.
pub async fn team_name_in(snapshot: &mut AnyConnection, team: TeamId) -> AppResult<Option<String>> {
    store::archived::name(snapshot, team).await
}

/// The accounts with these ids, in their order. Of one that is gone only the id is left.
pub async fn archived_people(snapshot: &mut AnyConnection, ids: Vec<String>, team: TeamId) -> AppResult<Vec<ArchivedPerson>> {
    let mut people = store::archived::people(snapshot, &ids, team).await?;
    let gone: Vec<String> = ids.into_iter().filter(|id| people.binary_search_by(|person| person.id.cmp(id)).is_err()).collect();
    people.extend(gone.into_iter().map(|id| ArchivedPerson {
        id,
        kind: "human".to_owned(),
        name: NOBODY.to_owned(),
        email: None,
        color: 1,
        time_zone: "UTC".to_owned(),
        of_team: false,
        deleted: true,
    }));
    people.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(people)
}

/// Finds out who the people of an archive are here: those with the same e-mail address, and the accounts that are built in. Gives those who are not
/// here, as they will be made.
pub async fn know_people(ctx: &Ctx, people: Vec<ArchivedPerson>, ids: &mut Ids) -> AppResult<Vec<(UserId, ArchivedPerson)>> {
    let mut new = Vec::new();
    for mut person in people {
        let id: UserId =
            person.id.parse().map_err(|_| AppError::invalid("The archive has a person without an id. Export the team again."))?;
        if built_in::is_one(id) {
            ids.person(id.bits(), id.bits());
            new.push((id, person));
            continue;
        }
        let fresh = UserId::from_bits(ids.fresh(id.bits()));
        clean(&mut person)?;
        let here = match &person.email {
            Some(email) => store::users::by_email(ctx.db().read(), email).await?,
            None => None,
        };
        match here.map(|account| account.id()).transpose()? {
            // One that was made by a try before this one is made again.
            Some(here) if here != fresh => ids.person(id.bits(), here.bits()),
            _ => {
                ids.person(id.bits(), fresh.bits());
                new.push((fresh, person));
            }
        }
    }
    Ok(new)
}

/// Brings what an archive says of somebody into a form that an account may have.
fn clean(person: &mut ArchivedPerson) -> AppResult<()> {
    if !matches!(person.kind.as_str(), "human" | "agent") {
        return Err(AppError::invalid("The archive has somebody who is neither a person nor an agent. Export the team again."));
    }
    person.name = clean_name("name", "the person", &person.name).unwrap_or_else(|_| NOBODY.to_owned());
    person.color = person.color.clamp(1, 8);
    if jiff::tz::TimeZone::get(&person.time_zone).is_err() {
        person.time_zone = "UTC".to_owned();
    }
    let is_address =
        |email: &String| email.len() <= EMAIL_MAX && email.contains('@') && !email.chars().any(|c| c.is_control() || c.is_whitespace());
    person.email = person
        .email
        .take()
        .map(|email| email.to_lowercase())
        .filter(|email| is_address(email) && person.kind == "human" && !person.deleted);
    person.of_team &= person.kind == "agent";
    Ok(())
}

/// Makes the accounts of people who are not here. Nobody can sign in as one of them until an administrator lets them.
pub async fn make_people(ctx: &Ctx, tx: &mut Tx, new: &[(UserId, ArchivedPerson)], team: TeamId) -> AppResult<()> {
    for (id, person) in new {
        if built_in::is_one(*id) {
            built_in::ensure_one(tx, *id, ctx.now()).await?;
        } else {
            store::archived::insert(tx, *id, person, team, ctx.now()).await?;
        }
    }
    Ok(())
}

/// Removes them again.
pub async fn unmake_people(tx: &mut Tx, new: &[(UserId, ArchivedPerson)]) -> AppResult<()> {
    let ids: Vec<UserId> = new.iter().map(|(id, _)| *id).filter(|id| !built_in::is_one(*id)).collect();
    store::archived::remove(tx, &ids).await
}

/// Shows a team that came with an archive, whole from this transaction on. Where nobody who can sign in owns it, the caller does. The team's name.
pub async fn reveal_team(ctx: &Ctx, tx: &mut Tx, team: TeamId) -> AppResult<String> {
    let (actor, now) = (require_administrator(ctx)?.id(), ctx.now());
    let name = store::archived::reveal(tx, team).await?.ok_or_else(|| AppError::not_found("team"))?;
    if store::archived::owners(tx, team).await? == 0 {
        match store::members::role(&mut **tx, team, actor).await? {
            Some(_) => store::members::set_role(tx, team, actor, Role::Owner, now).await?,
            None => store::members::insert(tx, team, actor, Role::Owner, now).await?,
        }
    }
    note(ctx, tx, Audit::new("team.imported", &name).team(team)).await?;
    record(ctx, tx, Event::new(UsageKind::TeamImported).team(Some(team)).subject(team)).await?;
    let state = ctx.state.clone();
    tx.after_commit(move || state.actors.forget());
    Ok(name)
}
