//! From what the engine found to what people see: names, passages with their marks, and who and where by name.

use std::collections::HashMap;

use llmos_search::{Answer, Explanation, Facets, Highlighter, Hit, Id, Kind, TermPart};

use super::{
    super::model::{Count, Found, SearchFacets, SearchHit, SearchPage, Why, WhyWord, pieces, without_marks},
    Readable,
};
use crate::{
    error::AppResult,
    features::{
        accounts::{self, model::Team},
        artifacts::{self, model::ArtifactSummary},
        sessions::{
            self,
            service::{SessionScope, SessionText},
        },
    },
    ids::{ArtifactId, SessionId, UserId, VolumeId},
    server::context::Ctx,
};

pub async fn page(ctx: &Ctx, found: Answer, readable: &Readable, took_ms: f64) -> AppResult<SearchPage> {
    let mut shown = Shown::of(ctx, &found.hits).await?;
    let hits = found.hits.iter().filter_map(|hit| shown.hit(hit, &found.highlighter, readable)).collect();
    Ok(SearchPage {
        hits,
        total: found.total,
        facets: facets(ctx, found.facets, readable).await?,
        semantic: found.semantic,
        waiting: ctx.state.search.waiting(|waiting| waiting.len()),
        took_ms,
    })
}

/// What the hits of a page are, read at once.
struct Shown {
    artifacts: HashMap<Id, (ArtifactSummary, String)>,
    sessions: HashMap<Id, SessionText>,
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
        Ok(Self { artifacts, sessions, teams })
    }

    /// None: gone since the index was asked, or moved to where the caller may not read.
    fn hit(&mut self, hit: &Hit, highlighter: &Highlighter, readable: &Readable) -> Option<SearchHit> {
        let marked = |text: &str| pieces(text, 0..text.len(), &highlighter.marks(text));
        let passage = |body: &str| {
            let snippet = highlighter.snippet(body, hit.passage.clone());
            let middle = snippet.range.clone();
            (without_marks(pieces(body, snippet.range, &snippet.marks)), middle)
        };
        let why = hit.explanation.as_deref().map(why);
        if let Some((row, body)) = self.artifacts.remove(&hit.id) {
            let volume = readable.volumes.iter().find(|volume| volume.id == row.volume_id)?;
            return Some(SearchHit {
                id: row.id.to_string(),
                kind: Found::parse(row.kind.as_str()).unwrap_or(Found::Skill),
                score: hit.score,
                name_pieces: marked(&row.name),
                description_pieces: marked(&row.description),
                passage: passage(&body).0,
                volume_id: Some(row.volume_id),
                team_id: volume.team,
                place: volume.name.clone(),
                entry: None,
                slug: row.slug,
                name: row.name,
                description: row.description,
                category: row.category,
                tags: row.tags,
                version: row.version,
                updated_at: row.updated_at,
                why,
            });
        }
        let session = self.sessions.remove(&hit.id).filter(|session| readable.sessions.iter().any(|(scope, _)| *scope == session.scope))?;
        let team = self.teams.iter().find(|team| team.id.same_as::<SessionScope>() == session.scope);
        let (passage, range) = passage(&session.body);
        Some(SearchHit {
            id: session.id.to_string(),
            kind: Found::Session,
            score: hit.score,
            name_pieces: marked(&session.title),
            description_pieces: marked(&session.goal),
            entry: session.message_at(&range),
            passage,
            volume_id: None,
            team_id: team.map(|team| team.id),
            place: team.map_or_else(|| "Private".to_owned(), |team| team.name.clone()),
            slug: String::new(),
            name: session.title,
            description: session.goal,
            category: String::new(),
            tags: Vec::new(),
            version: String::new(),
            updated_at: session.active_at,
            why,
        })
    }
}

async fn facets(ctx: &Ctx, facets: Facets, readable: &Readable) -> AppResult<SearchFacets> {
    let authors: Vec<(UserId, usize)> = facets.authors.iter().map(|(author, count)| (UserId::from_bits(author.id), *count)).collect();
    let people = accounts::service::people(ctx, authors.iter().map(|(id, _)| *id)).await?;
    Ok(SearchFacets {
        kinds: facets.kinds.into_iter().filter_map(|(kind, count)| Some(Count { value: kind_of(kind)?, count })).collect(),
        categories: facets.categories.into_iter().map(|(value, count)| Count { value, count }).collect(),
        tags: facets.tags.into_iter().map(|(value, count)| Count { value, count }).collect(),
        authors: authors.into_iter().filter_map(|(id, count)| Some(Count { value: people.get(&id)?.clone(), count })).collect(),
        volumes: facets
            .scopes
            .into_iter()
            .map(|(scope, count)| Count { value: VolumeId::from_bits(scope.0), count })
            // The others are of sessions.
            .filter(|Count { value, .. }| readable.volumes.iter().any(|volume| volume.id == *value))
            .collect(),
    })
}

pub fn kind_of(kind: Kind) -> Option<Found> {
    match kind {
        Kind::Skill => Some(Found::Skill),
        Kind::Tool => Some(Found::Tool),
        Kind::Agent => Some(Found::Agent),
        Kind::Session => Some(Found::Session),
        Kind::Listing => None,
    }
}

fn why(explanation: &Explanation) -> Why {
    let word = |part: &TermPart| WhyWord { word: part.term.clone(), field: format!("{:?}", part.field).to_lowercase(), score: part.score };
    Why {
        lexical: explanation.lexical,
        semantic: explanation.semantic,
        lexical_rank: explanation.lexical_rank,
        semantic_rank: explanation.semantic_rank,
        cosine: explanation.cosine,
        name_boost: explanation.name_boost,
        words: explanation.terms.iter().map(word).collect(),
    }
}
