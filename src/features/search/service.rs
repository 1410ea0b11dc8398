//! Searching what the caller may read.

mod answer;
mod embedding;
mod index;
mod limit;
mod model;
mod openai;
mod query;

use std::time::Instant;

use super::model::{SUGGESTIONS_MAX, SearchHit, SearchPage, SearchQuery, SearchStatus, SimilarQuery, SuggestQuery, Suggested};
use crate::{
    error::{AppError, AppResult},
    features::{
        sessions::{self, service::SessionScope},
        volumes::{self, service::VolumeAccess},
    },
    ids::ArtifactId,
    server::{context::Ctx, error::internal},
};
use llmos_search::{Answer, Filter, Id, Kind, Scope, SuggestionOf};

pub use index::{SearchIndex, take_in};
pub use limit::{Allowance, SearchLimit};
pub use model::{Model, Semantic};

use embedding::embed_all;
use index::{Source, follow_sessions, scope_of, take_in_all};

/// Finds.
pub async fn search(ctx: &Ctx, query: SearchQuery) -> AppResult<SearchPage> {
    let readable = Readable::of(ctx).await?;
    let mut asked = query::parse(&query, readable.filter(), query::places(ctx, &query, &readable).await?)?;
    asked.vector = ctx.state.search_model.question(ctx, &asked.text).await?.map(|vector| vector.to_vec());
    readable.bring_up_to_date(ctx).await?;
    let index = ctx.state.search.clone();
    let began = Instant::now();
    // Off the async threads: a large index takes some milliseconds.
    let found: Answer =
        tokio::task::spawn_blocking(move || index.read().search(&asked)).await.map_err(|error| internal("search", &error))?;
    let took_ms = began.elapsed().as_secs_f64() * 1_000.0;
    answer::page(ctx, found, &readable, took_ms).await
}

/// What somebody may be about to type.
pub async fn suggest(ctx: &Ctx, query: SuggestQuery) -> AppResult<Vec<Suggested>> {
    let readable = Readable::of(ctx).await?;
    readable.bring_up_to_date(ctx).await?;
    let limit = query.limit.unwrap_or(8).clamp(1, SUGGESTIONS_MAX) as usize;
    let found = ctx.state.search.read().suggest(&query.q, &readable.filter(), limit);
    Ok(found
        .into_iter()
        .map(|suggestion| {
            let (id, kind) = match suggestion.of {
                // As text the ids of all that is found are alike.
                SuggestionOf::Document { id, kind } => (Some(ArtifactId::from_bits(id.0).to_string()), answer::kind_of(kind)),
                SuggestionOf::Tag { .. } => (None, None),
            };
            Suggested { text: suggestion.text, id, kind }
        })
        .collect())
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
    let limit = query.limit.unwrap_or(6).clamp(1, SUGGESTIONS_MAX) as usize;
    let hits = ctx.state.search.read().similar(Id(id.bits()), &filter, limit);
    let found = Answer { hits, ..Answer::default() };
    Ok(answer::page(ctx, found, &readable, 0.0).await?.hits)
}

/// What the caller may read, with the numbers of the newest changes.
pub struct Readable {
    pub volumes: Vec<VolumeAccess>,
    pub sessions: Vec<(SessionScope, i64)>,
}

impl Readable {
    async fn of(ctx: &Ctx) -> AppResult<Self> {
        Ok(Self { volumes: volumes::service::visible(ctx).await?, sessions: sessions::service::readable_scopes(ctx).await? })
    }

    fn filter(&self) -> Filter {
        let sessions = self.sessions.iter().map(|(scope, _)| Scope(scope.bits()));
        Filter { scopes: self.volumes.iter().map(|volume| scope_of(volume.id)).chain(sessions).collect(), ..Filter::default() }
    }

    /// What was committed and said before the question is found.
    async fn bring_up_to_date(&self, ctx: &Ctx) -> AppResult<()> {
        for volume in &self.volumes {
            ctx.state.search.at_least(ctx, volume.id, volume.seq).await?;
        }
        for (scope, number) in &self.sessions {
            ctx.state.search.at_least_sessions(ctx, *scope, *number).await?;
        }
        Ok(())
    }
}

/// Until the process is asked to stop: the index is made, and its vectors.
pub async fn keep(ctx: &Ctx) {
    tokio::join!(
        async {
            take_in_all(ctx).await;
            follow_sessions(ctx).await
        },
        embed_all(ctx)
    );
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
    SearchStatus { documents: search.read().len(), waiting: search.waiting(|waiting| waiting.len()), meaning: meaning.to_owned() }
}
