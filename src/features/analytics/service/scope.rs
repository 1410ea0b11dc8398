//! What somebody may look at, and what they narrow it to.

use std::collections::HashMap;

use llmos_analytics::{
    cells::Filter,
    dashboard::Asked,
    model::Query,
    zones::{RangeFault, Zone},
};

use super::{super::store, category_number, kind_number};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, Scope},
        artifacts::model::Kind,
    },
    ids::{TeamId, UserId, VolumeId},
    server::context::Ctx,
};

/// A question, read and authorised.
pub struct Scoped {
    pub asked: Asked,
    pub filter: Filter,
    /// The workspaces' numbers in events, those that have any.
    pub mine: Vec<u32>,
    /// The person who is looked at alone is in no team of the caller: what they did in the marketplace is their own affair.
    pub stranger: bool,
}

/// Who matches nobody: keys are counted up from 1 and never get there.
pub(super) const NONE: u32 = u32::MAX;

/// Reads a question.
///
/// # Errors
/// A range or a zone that makes no sense is a 400 with the reason; a team that the caller is no member of does not exist.
pub async fn scoped(ctx: &Ctx, query: &Query) -> AppResult<Scoped> {
    let actor = ctx.actor_with(Scope::Read)?;
    let workspaces: Vec<String> = match chosen(query) {
        Chosen::All => {
            let teams = accounts::service::roles_of(ctx).await?;
            std::iter::once(actor.id().to_string()).chain(teams.into_iter().map(|(team, _)| team.to_string())).collect()
        }
        Chosen::Own => vec![actor.id().to_string()],
        Chosen::Team(team) => {
            let team: TeamId = team.parse().map_err(|_| AppError::not_found("team"))?;
            accounts::service::authorise_team(ctx, team, Action::Read).await?;
            vec![team.to_string()]
        }
    };
    let now = ctx.now();
    let zone = Zone::named(query.zone.as_deref()).map_err(fault)?;
    let range = zone.range_of(query, now).map_err(fault)?;
    let operations = accounts::service::require_administrator(ctx).is_ok();
    let asked = Asked { today: zone.day_of(now), before: query.compare.then(|| range.before()), zone, range, operations };

    let person = set(&query.person)
        .map(|id| id.parse::<UserId>().map_err(|_| AppError::field("person", "This is no id of a person.")))
        .transpose()?;
    let volume = set(&query.volume)
        .map(|id| id.parse::<VolumeId>().map_err(|_| AppError::field("volume", "This is no id of a volume.")))
        .transpose()?;
    let kind = set(&query.kind)
        .map(|kind| kind.parse::<Kind>().map_err(|_| AppError::field("kind", "A kind is skill, tool or agent.")))
        .transpose()?;
    let category = match set(&query.category).map(|category| category_number(&category)) {
        Some(0) => return Err(AppError::field("category", "There is no such category.")),
        number => number.unwrap_or_default(),
    };
    // Who does not want to be named is not looked at alone either, but by themselves.
    let named = match person {
        Some(id) if id != actor.id() => accounts::service::people_in_figures(ctx, [id]).await?.contains_key(&id),
        _ => true,
    };
    let stranger = match person {
        Some(id) if id != actor.id() => !accounts::service::people_around(ctx).await?.contains(&id),
        _ => false,
    };
    let person = person.map(|id| if named { id.to_string() } else { String::new() });
    let texts: Vec<String> = workspaces.iter().cloned().chain(person.clone()).chain(volume.map(|id| id.to_string())).collect();
    let keys: HashMap<String, u32> = store::keys_of(ctx.db().read(), &texts).await?;
    let key = |text: Option<String>| text.map_or(0, |text| keys.get(&text).copied().unwrap_or(NONE));
    Ok(Scoped {
        asked,
        filter: Filter {
            actor: key(person),
            volume: key(volume.map(|id| id.to_string())),
            artifact_kind: kind.map_or(0, kind_number),
            category,
        },
        mine: workspaces.iter().filter_map(|text| keys.get(text).copied()).collect(),
        stranger,
    })
}

/// Whose numbers a question asks for.
pub enum Chosen<'q> {
    /// Of all workspaces that the caller is in.
    All,
    /// Of what the caller does for themselves.
    Own,
    /// Of the team with this id.
    Team(&'q str),
}

pub fn chosen(query: &Query) -> Chosen<'_> {
    match query.team.as_deref().map(str::trim).filter(|team| !team.is_empty()) {
        None => Chosen::All,
        Some("personal") => Chosen::Own,
        Some(team) => Chosen::Team(team),
    }
}

/// A parameter that says something.
fn set(text: &Option<String>) -> Option<String> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A range that makes no sense, as a form shows it: beside the field that it comes from.
fn fault(fault: RangeFault) -> AppError {
    let field = match &fault {
        RangeFault::UnknownZone(_) => "zone",
        RangeFault::NoDays | RangeFault::InFuture { .. } | RangeFault::TooLong { .. } => "from",
        RangeFault::EndsBeforeStart { .. } => "to",
    };
    AppError::field(field, fault.to_string())
}
