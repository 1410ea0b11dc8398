//! Patterns and proposals as their page reads and changes them.

use std::future::Future;

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::model::{Decide, EditProposal, Evolution, EvolutionQuery, GroundQuery, Pattern, Promote, Proposal, Settings, Sharing};
use crate::{
    browser::data::{self, Fetched},
    error::AppResult,
    features::volumes::state::tell,
    ids::{PatternId, ProposalId, TeamId},
};

pub const EVOLUTION: &str = "/evolution";

/// What the address asks for.
pub fn evolution_query(params: &ParamsMap) -> EvolutionQuery {
    let is = |name: &str| params.get(name).is_some_and(|is| is == "true");
    EvolutionQuery { team: params.get("team").and_then(|id| id.parse().ok()), system: is("system"), all: is("all"), shown: None }
}

/// The page, with one of its patterns open.
pub fn evolution_address(query: &EvolutionQuery, open: Option<PatternId>) -> String {
    let path = open.map_or_else(|| EVOLUTION.to_owned(), |id| format!("{EVOLUTION}/{id}"));
    data::with_query(&path, query)
}

fn list_path(query: &EvolutionQuery) -> String {
    data::with_query(EVOLUTION, query)
}

pub fn use_evolution(query: Memo<EvolutionQuery>) -> Fetched<Evolution> {
    data::fetch(move || Some(list_path(&query.get())))
}

pub fn read_evolution(query: &EvolutionQuery) -> impl Future<Output = AppResult<Evolution>> + Send + use<> {
    data::get(list_path(query))
}

pub fn use_pattern(id: Memo<Option<PatternId>>) -> Fetched<Pattern> {
    data::fetch(move || Some(format!("{EVOLUTION}/patterns/{}", id.get()?)))
}

pub fn begin_pass(query: &GroundQuery) -> impl Future<Output = AppResult<()>> + Send + use<> {
    tell("POST", data::with_query("/evolution/passes", query), ())
}

pub fn set_settings(query: &GroundQuery, settings: Settings) -> impl Future<Output = AppResult<()>> + Send + use<> {
    tell("PUT", data::with_query("/evolution/settings", query), settings)
}

/// Whether the runs of a team take part in the patterns of all teams.
pub fn set_sharing(team: TeamId, sharing: Sharing) -> impl Future<Output = AppResult<()>> + Send + use<> {
    tell("PUT", format!("{EVOLUTION}/teams/{team}/sharing"), sharing)
}

pub fn draft_proposal(pattern: PatternId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("{EVOLUTION}/patterns/{pattern}/proposal"), ())
}

/// A proposal as it is now.
pub fn read_proposal(id: ProposalId) -> impl Future<Output = AppResult<Proposal>> + Send + 'static {
    data::get(format!("{EVOLUTION}/proposals/{id}"))
}

pub fn edit_proposal(id: ProposalId, input: EditProposal) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("PATCH", format!("{EVOLUTION}/proposals/{id}"), input)
}

pub fn decide(id: ProposalId, input: Decide) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("{EVOLUTION}/proposals/{id}/decision"), input)
}

pub fn promote(id: ProposalId, input: Promote) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("{EVOLUTION}/proposals/{id}/promotion"), input)
}
