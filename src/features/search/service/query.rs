//! From the words of an address to a query of the engine.

use llmos_search::{Query, Scope};

use super::{super::model::SearchQuery, Readable, index::scope_of};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        artifacts::model::CATEGORIES,
        volumes::{self, service::VolumeAccess},
    },
    ids::{TeamId, VolumeId},
    server::context::Ctx,
};

/// Where is looked, all of which the caller may read; empty for everywhere.
pub async fn places(ctx: &Ctx, query: &SearchQuery, readable: &Readable) -> AppResult<Vec<Scope>> {
    let volumes = &readable.volumes;
    let (volume, team) = (query.volume.map(VolumeId::from), query.team.map(TeamId::from));
    if let Some(id) = volume
        && !volumes.iter().any(|volume| volume.id == id)
    {
        // The right refusal: unknown, or not shared.
        volumes::service::authorise(ctx, id, Action::Read).await?;
    }
    if let Some(team) = team
        && !readable.sessions.iter().any(|(scope, _)| *scope == team.same_as())
    {
        return Err(AppError::not_found("team"));
    }
    if volume.is_none() && team.is_none() {
        return Ok(Vec::new());
    }
    let asked = |place: &&VolumeAccess| volume.is_none_or(|id| place.id == id) && team.is_none_or(|team| place.team == Some(team));
    let mut places: Vec<Scope> = volumes.iter().filter(asked).map(|volume| scope_of(volume.id)).collect();
    // Sessions are in no volume.
    places.extend(team.filter(|_| volume.is_none()).map(|team| Scope(team.bits())));
    if places.is_empty() {
        return Err(AppError::field("volume", "This volume is not the team's: leave one of the two filters out."));
    }
    Ok(places)
}

/// Refuses what is no value of a filter, with those that are.
pub fn parse(query: &SearchQuery, readable: Vec<Scope>, places: Vec<Scope>) -> AppResult<Query> {
    let categories: Vec<&str> = CATEGORIES.iter().map(|(known, _)| *known).collect();
    query.to_query(readable, places, &categories).map_err(|refused| AppError::field(refused.field, refused.why))
}
