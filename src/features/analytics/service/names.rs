//! What the numbers in events are called, for whoever asks: ids and names of what they may see, and nothing of the rest.

use std::collections::{HashMap, HashSet};

use llmos_analytics::model::{Dashboard, Ranked};

use super::super::store;
use crate::{
    error::AppResult,
    features::{
        accounts,
        artifacts::{
            self,
            model::{CATEGORIES, Kind},
        },
        evolution, marketplace, sessions, volumes,
    },
    ids::{ArtifactId, ListingId, ProposalId, SessionId, TeamId, UserId, VolumeId},
    server::context::Ctx,
};

/// An id, its name, and the page that shows it; all empty where there is nothing to say.
#[derive(Clone, Debug, Default)]
pub struct Called {
    pub id: String,
    pub name: String,
    pub href: String,
}

/// Names by the numbers in events.
pub type Names = HashMap<u32, Called>;

/// What a number is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Person,
    /// Somebody who came to what a workspace publishes: known to those who share a team with them, and to nobody else.
    Visitor,
    Workspace,
    Volume,
    Artifact,
    Session,
    Listing,
    Proposal,
}

/// The names of numbers of one sort.
pub async fn names(ctx: &Ctx, of: Of, keys: Vec<u32>) -> AppResult<Names> {
    let keys: Vec<u32> = keys.into_iter().filter(|key| *key != 0).collect::<HashSet<_>>().into_iter().collect();
    if keys.is_empty() {
        return Ok(Names::new());
    }
    let texts = store::texts(ctx.db().read(), &keys).await?;
    fn ids<T: std::str::FromStr>(texts: &HashMap<u32, String>) -> HashMap<u32, T> {
        texts.iter().filter_map(|(key, text)| Some((*key, text.parse().ok()?))).collect()
    }
    let called = |id: String, name: String, href: String| Called { id, name, href };
    Ok(match of {
        Of::Person | Of::Visitor => {
            let mut ids: HashMap<u32, UserId> = ids(&texts);
            if of == Of::Visitor {
                let around = accounts::service::people_around(ctx).await?;
                ids.retain(|_, id| around.contains(id));
            }
            let people = accounts::service::people_in_figures(ctx, ids.values().copied().collect::<Vec<_>>()).await?;
            ids.into_iter()
                .filter_map(|(key, id)| Some((key, called(id.to_string(), people.get(&id)?.name.clone(), String::new()))))
                .collect()
        }
        Of::Workspace => {
            let me = ctx.actor()?.id().to_string();
            let teams: HashMap<TeamId, String> =
                accounts::service::list_teams(ctx).await?.into_iter().map(|team| (team.id, team.name)).collect();
            let name = |text: &str| if text == me { Some("Personal".to_owned()) } else { teams.get(&text.parse().ok()?).cloned() };
            texts
                .into_iter()
                .filter_map(|(key, text)| {
                    Some((key, called(if text == me { "personal".to_owned() } else { text.clone() }, name(&text)?, String::new())))
                })
                .collect()
        }
        Of::Volume => {
            let volumes: HashMap<VolumeId, String> =
                volumes::service::visible(ctx).await?.into_iter().map(|volume| (volume.id, volume.name)).collect();
            let ids: HashMap<u32, VolumeId> = ids(&texts);
            ids.into_iter().filter_map(|(key, id)| Some((key, called(id.to_string(), volumes.get(&id)?.clone(), String::new())))).collect()
        }
        Of::Artifact => {
            let ids: HashMap<u32, ArtifactId> = ids(&texts);
            let artifacts = artifacts::service::named(ctx, &ids.values().copied().collect::<Vec<_>>()).await?;
            let name = |(key, text): (u32, String)| match ids.get(&key) {
                Some(id) => {
                    artifacts.get(id).map(|artifact| (key, called(id.to_string(), artifact.name.clone(), format!("/artifacts/{id}"))))
                }
                // A skill that a run used and that is none of ours: the name that it gave.
                None => Some((key, called(String::new(), text, String::new()))),
            };
            texts.into_iter().filter_map(name).collect()
        }
        Of::Session => {
            let ids: HashMap<u32, SessionId> = ids(&texts);
            let titles: HashMap<SessionId, String> =
                sessions::service::titles(ctx, &ids.values().copied().collect::<Vec<_>>()).await?.into_iter().collect();
            ids.into_iter()
                .filter_map(|(key, id)| Some((key, called(id.to_string(), titles.get(&id)?.clone(), format!("/sessions/{id}")))))
                .collect()
        }
        Of::Listing => {
            let ids: HashMap<u32, ListingId> = ids(&texts);
            let cards = marketplace::service::cards(ctx, &ids.values().copied().collect::<Vec<_>>()).await?;
            let cards: HashMap<ListingId, (String, String)> = cards.into_iter().map(|card| (card.id, (card.name, card.slug))).collect();
            let name = |(key, id): (u32, ListingId)| {
                let (name, slug) = cards.get(&id)?;
                Some((key, called(id.to_string(), name.clone(), format!("/marketplace/{slug}"))))
            };
            ids.into_iter().filter_map(name).collect()
        }
        Of::Proposal => {
            let ids: HashMap<u32, ProposalId> = ids(&texts);
            let patterns = evolution::service::patterns_of_proposals(ctx, &ids.values().copied().collect::<Vec<_>>()).await?;
            let name = |(key, id): (u32, ProposalId)| {
                let (pattern, name) = patterns.get(&id)?;
                Some((key, called(id.to_string(), name.clone(), format!("/evolution/{pattern}"))))
            };
            ids.into_iter().filter_map(name).collect()
        }
    })
}

/// Puts names to all rankings of a dashboard.
pub async fn name_all(ctx: &Ctx, dashboard: &mut Dashboard) -> AppResult<()> {
    let (sessions, artifacts, skills) = (&mut dashboard.sessions, &mut dashboard.artifacts, &mut dashboard.skills);
    let (collaboration, marketplace, choices) = (&mut dashboard.collaboration, &mut dashboard.marketplace, &mut dashboard.choices);
    for (of, lists) in [
        (Of::Person, vec![&mut sessions.by_person, &mut collaboration.by_person, &mut choices.people]),
        (Of::Workspace, vec![&mut sessions.by_team, &mut choices.teams]),
        (Of::Volume, vec![&mut artifacts.by_volume, &mut choices.volumes]),
        (Of::Artifact, vec![&mut skills.most_used, &mut skills.unused_longest]),
        (Of::Listing, vec![&mut marketplace.most_installed]),
    ] {
        let keys = lists.iter().flat_map(|list| list.iter().map(|line| line.key)).collect();
        let names = names(ctx, of, keys).await?;
        for line in lists.into_iter().flatten() {
            if let Some(called) = names.get(&line.key) {
                line.id.clone_from(&called.id);
                line.name.clone_from(&called.name);
            }
        }
    }
    // A choice has to be something that can be asked for.
    for list in [&mut choices.teams, &mut choices.people, &mut choices.volumes] {
        list.retain(|line| !line.id.is_empty());
    }
    let number = |line: &Ranked| usize::try_from(line.key).unwrap_or_default();
    for line in &mut artifacts.by_category {
        if let Some((id, name)) = number(line).checked_sub(1).and_then(|at| CATEGORIES.get(at)) {
            (line.id, line.name) = ((*id).to_owned(), (*name).to_owned());
        }
    }
    for line in &mut artifacts.by_kind {
        if let Some(kind) = number(line).checked_sub(1).and_then(|at| [Kind::Skill, Kind::Tool, Kind::Agent].into_iter().nth(at)) {
            (line.id, line.name) = (kind.as_str().to_owned(), kind.as_str().to_owned());
        }
    }
    Ok(())
}
