//! From what the engine found to what people see: names, passages with their marks, and who and where by name.

use std::collections::HashMap;

use llmos_search::{Answer, Facets, Highlighter, Hit, Id, wire};

use super::{
    super::model::{Count, Found, Named, SearchFacets, SearchHit, SearchPage},
    Readable,
};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, model::Team},
        artifacts::{self, model::ArtifactSummary},
        marketplace::{self, service::ListingText},
        sessions::{
            self,
            service::{SessionScope, SessionText},
        },
        volumes::service::VolumeAccess,
    },
    ids::{ArtifactId, ListingId, SessionId, UserId, VolumeId},
    server::context::Ctx,
};

pub async fn page(ctx: &Ctx, found: Answer, readable: &Readable, took_ms: f64) -> AppResult<SearchPage> {
    let mut shown = Shown::of(ctx, &found.hits).await?;
    let hits = found.hits.iter().filter_map(|hit| shown.hit(hit, &found.highlighter, readable)).collect();
    Ok(SearchPage {
        query: None,
        hits,
        total: found.total,
        facets: facets(ctx, found.facets, readable).await?,
        semantic: found.semantic,
        waiting: found.by_words,
        took_ms,
        device: false,
    })
}

/// What the hits of a page are, read at once.
struct Shown {
    artifacts: HashMap<Id, (ArtifactSummary, String)>,
    sessions: HashMap<Id, SessionText>,
    listings: HashMap<Id, ListingText>,
    /// Of the caller.
    teams: Vec<Team>,
}

impl Shown {
    async fn of(ctx: &Ctx, hits: &[Hit]) -> AppResult<Self> {
        let artifact_ids: Vec<ArtifactId> = hits.iter().map(|hit| ArtifactId::from_bits(hit.id.0)).collect();
        let mut bodies = artifacts::service::bodies_of(ctx, &artifact_ids).await?;
        let artifacts: HashMap<Id, _> = artifacts::service::in_order(ctx, &artifact_ids)
            .await?
            .into_iter()
            .map(|row| (Id(row.id.bits()), (row.clone(), bodies.remove(&row.id).unwrap_or_default())))
            .collect();
        let others = hits.iter().filter(|hit| !artifacts.contains_key(&hit.id));
        let session_ids: Vec<SessionId> = others.map(|hit| SessionId::from_bits(hit.id.0)).collect();
        let sessions: HashMap<Id, _> =
            sessions::service::texts_of(ctx, &session_ids).await?.into_iter().map(|text| (Id(text.id.bits()), text)).collect();
        let teams = if sessions.is_empty() { Vec::new() } else { accounts::service::list_teams(ctx).await? };
        let others = hits.iter().filter(|hit| !artifacts.contains_key(&hit.id) && !sessions.contains_key(&hit.id));
        let listing_ids: Vec<ListingId> = others.map(|hit| ListingId::from_bits(hit.id.0)).collect();
        let listings =
            marketplace::service::texts_of(ctx, &listing_ids).await?.into_iter().map(|text| (Id(text.id.bits()), text)).collect();
        Ok(Self { artifacts, sessions, listings, teams })
    }

    /// None: gone since the index was asked, or moved to where the caller may not read.
    fn hit(&mut self, hit: &Hit, highlighter: &Highlighter, readable: &Readable) -> Option<SearchHit> {
        if let Some((row, body)) = self.artifacts.remove(&hit.id) {
            let volume = readable.volumes.iter().find(|volume| volume.id == row.volume_id)?;
            return Some(SearchHit::new(hit, highlighter, of_artifact(row, &body, volume)));
        }
        if let Some(listing) = self.listings.remove(&hit.id) {
            return Some(SearchHit::new(hit, highlighter, of_listing(&listing)));
        }
        let session = self.sessions.remove(&hit.id).filter(|session| readable.sessions.iter().any(|(scope, _)| *scope == session.scope))?;
        let team = self.teams.iter().find(|team| team.id.same_as::<SessionScope>() == session.scope);
        Some(SearchHit::new(hit, highlighter, of_session(&session, team)))
    }
}

fn of_artifact<'a>(row: ArtifactSummary, body: &'a str, volume: &VolumeAccess) -> wire::Shown<'a> {
    wire::Shown {
        kind: Found::parse(row.kind.as_str()).unwrap_or(Found::Skill),
        slug: row.slug,
        name: row.name,
        description: row.description,
        body,
        messages: &[],
        volume_id: Some(row.volume_id.same_as()),
        team_id: volume.team.map(|team| team.same_as()),
        place: volume.name.clone(),
        category: row.category,
        tags: row.tags,
        version: row.version,
        updated_at: row.updated_at,
    }
}

/// What a session is in, by name; `team`: that it is shared with.
pub fn place_of_session(team: Option<&Team>) -> String {
    team.map_or_else(|| "Private".to_owned(), |team| team.name.clone())
}

/// `team`: that it is shared with.
fn of_session<'a>(session: &'a SessionText, team: Option<&Team>) -> wire::Shown<'a> {
    wire::Shown {
        kind: Found::Session,
        slug: String::new(),
        name: session.title.clone(),
        description: session.goal.clone(),
        body: &session.body,
        messages: &session.messages,
        volume_id: None,
        team_id: team.map(|team| team.id.same_as()),
        place: place_of_session(team),
        category: String::new(),
        tags: Vec::new(),
        version: String::new(),
        updated_at: session.active_at,
    }
}

fn of_listing(listing: &ListingText) -> wire::Shown<'_> {
    wire::Shown {
        kind: Found::Listing,
        slug: listing.slug.clone(),
        name: listing.name.clone(),
        description: listing.description.clone(),
        body: &listing.body,
        messages: &[],
        volume_id: None,
        team_id: None,
        place: "Marketplace".to_owned(),
        category: listing.category.clone(),
        tags: listing.tags.clone(),
        version: listing.version.clone(),
        updated_at: listing.updated_at,
    }
}

async fn facets(ctx: &Ctx, facets: Facets, readable: &Readable) -> AppResult<SearchFacets> {
    let authors: Vec<(UserId, usize)> = facets.authors.iter().map(|(author, count)| (UserId::from_bits(author.id), *count)).collect();
    let people = accounts::service::people(ctx, authors.iter().map(|(id, _)| *id)).await?;
    let named =
        |(id, count): (UserId, usize)| Some(Count { value: Named { id: id.same_as(), name: people.get(&id)?.name.clone() }, count });
    Ok(SearchFacets {
        kinds: facets.kinds.into_iter().map(|(kind, count)| Count { value: Found::of(kind), count }).collect(),
        categories: facets.categories.into_iter().map(|(value, count)| Count { value, count }).collect(),
        tags: facets.tags.into_iter().map(|(value, count)| Count { value, count }).collect(),
        authors: {
            let mut authors: Vec<Count<Named>> = authors.into_iter().filter_map(named).collect();
            // The index knows no names.
            authors.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.value.name, a.value.id).cmp(&(&b.value.name, b.value.id))));
            authors
        },
        volumes: facets
            .scopes
            .into_iter()
            .map(|(scope, count)| Count { value: VolumeId::from_bits(scope.0), count })
            // The others are of sessions.
            .filter(|Count { value, .. }| readable.volumes.iter().any(|volume| volume.id == *value))
            .map(|Count { value, count }| Count { value: value.same_as(), count })
            .collect(),
    })
}
