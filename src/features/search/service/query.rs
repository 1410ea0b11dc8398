//! From the words of an address to a query of the engine.

use llmos_search::{Filter, Kind, Order, Query, Scope};

use super::{
    super::model::{Found, LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX, QUERY_MAX, SearchQuery, SearchSort, parse_version, values},
    Readable,
    index::scope_of,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        artifacts::model::CATEGORIES,
        volumes::{self, service::VolumeAccess},
    },
    ids::UserId,
    server::context::Ctx,
};

/// Where is looked, all of which the caller may read; empty for everywhere.
pub async fn places(ctx: &Ctx, query: &SearchQuery, readable: &Readable) -> AppResult<Vec<Scope>> {
    let volumes = &readable.volumes;
    if let Some(id) = query.volume
        && !volumes.iter().any(|volume| volume.id == id)
    {
        // The right refusal: unknown, or not shared.
        volumes::service::authorise(ctx, id, Action::Read).await?;
    }
    if let Some(team) = query.team
        && !readable.sessions.iter().any(|(scope, _)| *scope == team.same_as())
    {
        return Err(AppError::not_found("team"));
    }
    if query.volume.is_none() && query.team.is_none() {
        return Ok(Vec::new());
    }
    let asked =
        |volume: &&VolumeAccess| query.volume.is_none_or(|id| volume.id == id) && query.team.is_none_or(|team| volume.team == Some(team));
    let mut places: Vec<Scope> = volumes.iter().filter(asked).map(|volume| scope_of(volume.id)).collect();
    // Sessions are in no volume.
    places.extend(query.team.filter(|_| query.volume.is_none()).map(|team| Scope(team.bits())));
    if places.is_empty() {
        return Err(AppError::field("volume", "This volume is not the team's: leave one of the two filters out."));
    }
    Ok(places)
}

/// Refuses what is no value of a filter, with those that are.
pub fn parse(query: &SearchQuery, readable: Filter, places: Vec<Scope>) -> AppResult<Query> {
    let text = query.q.clone().unwrap_or_default();
    if text.len() > QUERY_MAX {
        return Err(AppError::field("q", format!("A query has at most {QUERY_MAX} bytes.")));
    }
    let offset = query.offset.unwrap_or(0);
    if offset > OFFSET_MAX {
        return Err(AppError::field("offset", format!("Pages go up to {OFFSET_MAX} hits: narrow the query instead.")));
    }
    let kinds = values(query.kind.as_deref()).into_iter().map(kind).collect::<AppResult<Vec<_>>>()?;
    let categories = values(query.category.as_deref()).into_iter().map(category).collect::<AppResult<Vec<_>>>()?;
    let authors = values(query.author.as_deref()).into_iter().map(author).collect::<AppResult<Vec<_>>>()?;
    let version = |name: &'static str, text: Option<&str>| {
        text.filter(|text| !text.trim().is_empty())
            .map(|text| parse_version(text).ok_or_else(|| AppError::field(name, "A version is up to three numbers, such as 1.2.0.")))
            .transpose()
    };
    if query.min_rating.is_some_and(|rating| !(1.0..=5.0).contains(&rating)) {
        return Err(AppError::field("minRating", "A rating is from 1 to 5."));
    }
    Ok(Query {
        text,
        vector: None,
        is_partial: query.partial.unwrap_or(false),
        filter: Filter {
            scopes: readable.scopes,
            places,
            kinds,
            categories,
            authors,
            tags: values(query.tag.as_deref()).into_iter().map(str::to_owned).collect(),
            min_version: version("minVersion", query.min_version.as_deref())?,
            max_version: version("maxVersion", query.max_version.as_deref())?,
            min_rating: query.min_rating,
            updated_since: query.updated_since,
        },
        order: match query.sort.unwrap_or_default() {
            SearchSort::Relevance => Order::Relevance,
            SearchSort::Newest => Order::Newest,
            SearchSort::Name => Order::Name,
        },
        offset: offset as usize,
        limit: query.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX) as usize,
        explain: query.explain.unwrap_or(false),
    })
}

fn kind(text: &str) -> AppResult<Kind> {
    let valid = Found::ALL.map(Found::as_str).join(", ");
    match Found::parse(text) {
        Some(Found::Skill) => Ok(Kind::Skill),
        Some(Found::Tool) => Ok(Kind::Tool),
        Some(Found::Agent) => Ok(Kind::Agent),
        Some(Found::Session) => Ok(Kind::Session),
        None => Err(AppError::field("kind", format!("“{text}” is no kind. Kinds are {valid}."))),
    }
}

fn category(text: &str) -> AppResult<String> {
    if CATEGORIES.iter().any(|(known, _)| known.eq_ignore_ascii_case(text)) {
        return Ok(text.to_owned());
    }
    let valid = CATEGORIES.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
    Err(AppError::field("category", format!("“{text}” is no category. Categories are {valid}.")))
}

fn author(text: &str) -> AppResult<u128> {
    text.parse::<UserId>().map(UserId::bits).map_err(|_| AppError::field("author", "An author is the id of an account."))
}
