//! Searching what the caller may read.

mod answer;
mod embedding;
mod fetch;
mod index;
mod kept;
mod model;
mod near;
mod offline;
mod openai;
mod query;
mod reindex;

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::model::{Opened, SUGGESTIONS_MAX, SearchHit, SearchPage, SearchQuery, SearchStatus, SimilarQuery, SuggestQuery, Suggested};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts,
        analytics::service::{Event, UsageKind, record_later},
        marketplace::{self, service::ListingText},
        sessions::{self, service::SessionScope},
        volumes::{self, service::VolumeAccess},
    },
    ids::{ArtifactId, ListingId, TeamId, VolumeId},
    server::{context::Ctx, error::internal},
};
use llmos_search::{Answer, Filter, Id, Kind, Scope};

pub use fetch::{Fetched, MODEL_HOME, fetch_model};
pub use index::SearchIndex;
pub use model::{Model, Semantic, look_at_model};
pub use near::{Near, documents as near_documents};
pub use offline::{manifest, model_file, records};
pub use reindex::{reindex, request_reindex};

pub use embedding::{GoalModel, vectors_of_goals};

use embedding::embed_all;
use index::{MARKET, Source, follow, scope_of};

/// Listings that are ranked for one page of the catalogue.
const LISTINGS: usize = 1_000;
/// Passages of listings that one passage is compared with.
const NEAREST: usize = 20;
/// How often, and how long, vectors that are being made are waited for.
const VECTORS_LOOKS: u32 = 600;
const VECTORS_PAUSE: Duration = Duration::from_millis(100);

/// Finds.
pub async fn search(ctx: &Ctx, query: SearchQuery) -> AppResult<SearchPage> {
    let readable = Readable::of(ctx).await?;
    let places = query::places(ctx, &query, &readable).await?;
    find(ctx, query, &readable, places).await
}

/// Finds in these volumes, as far as the caller may read them; none where there is no such.
pub async fn search_in(ctx: &Ctx, volumes: &HashSet<VolumeId>, query: SearchQuery) -> AppResult<Option<SearchPage>> {
    let readable = Readable::of(ctx).await?;
    let places: Vec<Scope> =
        readable.volumes.iter().filter(|volume| volumes.contains(&volume.id)).map(|volume| scope_of(volume.id)).collect();
    // No place would be everywhere.
    if places.is_empty() {
        return Ok(None);
    }
    find(ctx, query, &readable, places).await.map(Some)
}

async fn find(ctx: &Ctx, query: SearchQuery, readable: &Readable, places: Vec<Scope>) -> AppResult<SearchPage> {
    let mut asked = query::parse(&query, readable.scopes(), places)?;
    asked.vector = ctx.state.search_model.question(ctx, &asked.text).await?.map(|vector| vector.to_vec());
    readable.bring_up_to_date(ctx).await?;
    let index = ctx.state.search.clone();
    let began = Instant::now();
    near::ask(ctx, &mut asked).await;
    // Off the async threads: a large index takes some milliseconds.
    let found: Answer =
        tokio::task::spawn_blocking(move || index.read().search(&asked)).await.map_err(|error| internal("search", &error))?;
    let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
    let mut page = answer::page(ctx, found, readable, took_ms).await?;
    // What is asked while somebody types, and further pages, are no questions of their own.
    if query.partial != Some(true) && query.offset.unwrap_or(0) == 0 {
        let id = Uuid::now_v7();
        let asked = Event::new(UsageKind::SearchQueried).team(query.team.map(TeamId::from)).subject(id);
        record_later(ctx, asked.amount((page.took_ms * 1_000.0) as i64).extra(page.total as i64));
        page.query = Some(id);
    }
    Ok(page)
}

/// Notes which hit somebody opened. It counts where the question did.
///
/// # Errors
/// A team that the caller is no member of does not exist.
pub async fn opened(ctx: &Ctx, opened: &Opened) -> AppResult<()> {
    ctx.actor_with(accounts::Scope::Read)?;
    let team = opened.team.map(TeamId::from);
    if let Some(team) = team {
        accounts::service::authorise_team(ctx, team, accounts::Action::Read).await?;
    }
    record_later(ctx, Event::new(UsageKind::SearchOpened).team(team).subject(opened.id).amount(i64::from(opened.position)));
    Ok(())
}

/// What somebody may be about to type.
pub async fn suggest(ctx: &Ctx, query: SuggestQuery) -> AppResult<Vec<Suggested>> {
    let readable = Readable::of(ctx).await?;
    readable.bring_up_to_date(ctx).await?;
    let limit = query.limit.unwrap_or(8).clamp(1, SUGGESTIONS_MAX) as usize;
    let found = ctx.state.search.read().suggest(&query.q, &readable.filter(), limit);
    Ok(found.into_iter().map(Suggested::from).collect())
}

/// What is like an artifact that the caller may read.
pub async fn similar(ctx: &Ctx, id: ArtifactId, query: SimilarQuery) -> AppResult<Vec<SearchHit>> {
    let readable = Readable::of(ctx).await?;
    readable.bring_up_to_date(ctx).await?;
    // What people made of it in sessions is not like it, it is about it.
    let filter = Filter { kinds: vec![Kind::Skill, Kind::Tool, Kind::Agent], ..readable.filter() };
    if !ctx.state.search.is_in(Source::Artifact(id), &filter.scopes) {
        return Err(AppError::not_found("artifact"));
    }
    // The next one who asks finds what is built in by meaning as well.
    if ctx.state.search_model.backend().is_some_and(|backend| backend.sleeps()) {
        let state = ctx.state.clone();
        tokio::spawn(async move { state.search_model.wake().await });
    }
    let limit = query.limit.unwrap_or(6).clamp(1, SUGGESTIONS_MAX) as usize;
    let hits = ctx.state.search.read().similar(Id(id.bits()), &filter, limit);
    let found = Answer { hits, ..Answer::default() };
    Ok(answer::page(ctx, found, &readable, 0.0).await?.hits)
}

/// The listings that fit words best, the best first: for the catalogue, which narrows them.
pub async fn listings(ctx: &Ctx, words: &str) -> AppResult<Vec<ListingId>> {
    let Some(number) = marketplace::service::readable_number(ctx).await? else { return Ok(Vec::new()) };
    let asked = SearchQuery { q: Some(words.to_owned()), ..SearchQuery::default() };
    let mut query = query::parse(&asked, vec![MARKET], Vec::new())?;
    query.limit = LISTINGS;
    query.vector = ctx.state.search_model.question(ctx, &query.text).await?.map(|vector| vector.to_vec());
    ctx.state.search.at_least_listings(ctx, number).await?;
    near::ask(ctx, &mut query).await;
    let index = ctx.state.search.clone();
    let found = tokio::task::spawn_blocking(move || index.read().search(&query)).await.map_err(|error| internal("search", &error))?;
    Ok(found.hits.iter().map(|hit| ListingId::from_bits(hit.id.0)).collect())
}

/// For each passage of a text as a listing would have it, the listings with the nearest passages and how near (cosine); none without a model.
/// What it embeds is kept: when the listing is public, its vectors are there.
pub async fn nearest_listings(ctx: &Ctx, text: ListingText) -> AppResult<Option<Vec<Vec<(ListingId, f32)>>>> {
    let Some(backend) = ctx.state.search_model.settled().await else { return Ok(None) };
    ctx.state.search.at_least_listings(ctx, marketplace::service::number(ctx).await?).await?;
    // What has just been published has no vectors yet; what waits longer is not worth holding this up.
    for _ in 0..VECTORS_LOOKS {
        if ctx.state.search.waiting(|waiting| waiting.len()) == 0 {
            break;
        }
        tokio::time::sleep(VECTORS_PAUSE).await;
    }
    let Some(vectors) = embedding::vectors_of(ctx, &backend, index::taken_of_listing(text)).await? else { return Ok(None) };
    let filter = Filter { scopes: vec![MARKET], ..Filter::default() };
    let index = ctx.state.search.clone();
    let nearest = tokio::task::spawn_blocking(move || {
        let index = index.read();
        let listings = |vector: Vec<f32>| {
            let found = index.nearest(&vector, &filter, NEAREST).into_iter();
            found.map(|(id, _, cosine)| (ListingId::from_bits(id.0), cosine)).collect()
        };
        vectors.into_iter().map(listings).collect()
    });
    nearest.await.map(Some).map_err(|error| internal("search", &error))
}

/// The skills of some volumes whose texts are nearest to a text by meaning, each with its nearest passage (cosine), the nearest first; none without a model.
/// Whoever calls has authorised it.
pub async fn nearest_skills(ctx: &Ctx, team: Option<TeamId>, volumes: &[VolumeId], text: &str) -> AppResult<Vec<(ArtifactId, f32)>> {
    let Some(vector) = embedding::vector_of_text(ctx, team, text).await? else { return Ok(Vec::new()) };
    let filter = Filter { scopes: volumes.iter().map(|id| scope_of(*id)).collect(), kinds: vec![Kind::Skill], ..Filter::default() };
    let index = ctx.state.search.clone();
    let nearest = tokio::task::spawn_blocking(move || index.read().nearest(&vector, &filter, NEAREST));
    let mut found: Vec<(ArtifactId, f32)> = Vec::new();
    for (id, _, cosine) in nearest.await.map_err(|error| internal("search", &error))? {
        let id = ArtifactId::from_bits(id.0);
        if !found.iter().any(|(known, _)| *known == id) {
            found.push((id, cosine));
        }
    }
    Ok(found)
}

/// Listings like one, the most alike first: by the vectors of their texts.
pub async fn similar_listings(ctx: &Ctx, id: ListingId, limit: usize) -> AppResult<Vec<ListingId>> {
    let Some(number) = marketplace::service::readable_number(ctx).await? else { return Ok(Vec::new()) };
    ctx.state.search.at_least_listings(ctx, number).await?;
    let index = ctx.state.search.clone();
    let filter = Filter { scopes: vec![MARKET], ..Filter::default() };
    let similar = tokio::task::spawn_blocking(move || index.read().similar(Id(id.bits()), &filter, limit));
    let hits = similar.await.map_err(|error| internal("search", &error))?;
    Ok(hits.iter().map(|hit| ListingId::from_bits(hit.id.0)).collect())
}

/// What the caller may read, with the numbers of the newest changes.
pub struct Readable {
    pub volumes: Vec<VolumeAccess>,
    pub sessions: Vec<(SessionScope, i64)>,
    /// The marketplace's, if the caller may read it.
    pub listings: Option<i64>,
}

impl Readable {
    async fn of(ctx: &Ctx) -> AppResult<Self> {
        Ok(Self {
            volumes: volumes::service::visible(ctx).await?,
            sessions: sessions::service::readable_scopes(ctx).await?,
            listings: marketplace::service::readable_number(ctx).await?,
        })
    }

    fn scopes(&self) -> Vec<Scope> {
        let sessions = self.sessions.iter().map(|(scope, _)| Scope(scope.bits()));
        self.volumes.iter().map(|volume| scope_of(volume.id)).chain(sessions).chain(self.listings.map(|_| MARKET)).collect()
    }

    fn filter(&self) -> Filter {
        Filter { scopes: self.scopes(), ..Filter::default() }
    }

    /// What was committed and said before the question is found.
    async fn bring_up_to_date(&self, ctx: &Ctx) -> AppResult<()> {
        for volume in &self.volumes {
            ctx.state.search.at_least(ctx, volume.id, volume.seq).await?;
        }
        for (scope, number) in &self.sessions {
            ctx.state.search.at_least_sessions(ctx, *scope, *number).await?;
        }
        if let Some(number) = self.listings {
            ctx.state.search.at_least_listings(ctx, number).await?;
        }
        Ok(())
    }
}

/// Until the process is asked to stop: the index is read or made, then its vectors, and a copy of it is left for the next process.
pub async fn keep(ctx: &Ctx) {
    let written = kept::read(ctx).await;
    tokio::join!(
        async {
            make(ctx).await;
            follow(ctx).await
        },
        embed_all(ctx),
        near::sweep_often(ctx),
        kept::write_often(ctx, written)
    );
}

/// Takes in everything that is not there, so that the first question does not wait for it.
async fn make(ctx: &Ctx) {
    match ctx.state.search.take_in_all(ctx).await {
        Ok(()) => tracing::info!(documents = ctx.state.search.read().len(), "the search index is made"),
        Err(error) => tracing::warn!(%error, "the search index is made at the first question"),
    }
    ctx.state.search.note_warm();
}

/// Whether there is a model for embeddings, or one that is being read.
pub fn has_model(ctx: &Ctx) -> bool {
    !matches!(ctx.state.search_model.state(), Semantic::Missing)
}

/// How search stands on this node.
pub fn status(ctx: &Ctx) -> SearchStatus {
    let meaning = match ctx.state.search_model.state() {
        Semantic::Loading => "loading",
        Semantic::Ready(backend) if backend.paused().is_some() => "away",
        Semantic::Ready(_) => "ready",
        Semantic::Missing => "missing",
    };
    let search = &ctx.state.search;
    let backend = ctx.state.search_model.backend();
    let waiting = search.waiting(|waiting| backend.as_ref().map_or(waiting.len(), |backend| waiting.due(backend)));
    SearchStatus { documents: search.read().len(), waiting, meaning: meaning.to_owned() }
}
