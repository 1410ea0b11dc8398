//! Which documents are near to a question, asked of pgvector where PostgreSQL has it: every passage's vector lies there once for all nodes,
//! behind an HNSW index. It is asked only where so much may be read that an index in memory does not compare all of it either; scores are made
//! in memory in any case. Where the extension is not, or does not answer, the codes in memory say which are near.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use llmos_search::{Id, Query, Scope};

use super::{
    super::store::{self, NearRow},
    index::{SearchIndex, Source},
    model::Backend,
};
use crate::{
    error::AppResult,
    server::{context::Ctx, db::Engine},
};

/// Components of a vector in the table.
const DIMENSION: usize = 384;
/// Passages that are asked for: what HNSW gives at once. Fewer than of codes, since they are chosen by what they are compared by.
const PASSAGES: i64 = 1_000;
/// Between two looks for what is in the table and no longer in the index.
const SWEEP: Duration = Duration::from_secs(3_600);

/// Whether there is such a table.
#[derive(Default)]
pub struct Near(AtomicBool);

impl Near {
    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn id_of(source: Source) -> String {
    uuid::Uuid::from_u128(source.id().0).to_string()
}

fn place_of(scope: Scope) -> String {
    uuid::Uuid::from_u128(scope.0).to_string()
}

/// At start, before anything is embedded: whether pgvector can be used with the vectors of this model. What is in the index and not there waits to
/// be put there, from what is kept of it.
pub async fn begin(ctx: &Ctx, backend: &Backend) {
    if ctx.db().engine() != Engine::Postgres || backend.dimension() != DIMENSION {
        return;
    }
    let begun = async {
        if !store::make_near(ctx.db().read()).await? {
            return Ok(false);
        }
        let there: HashMap<String, String> = store::near_states(ctx.db().read(), &backend.identity()).await?.into_iter().collect();
        ctx.state.search.wait_for(|source, state| there.get(&id_of(source)) != Some(&format!("{state:x}")));
        AppResult::Ok(true)
    };
    match begun.await {
        Ok(is_there) => ctx.state.near.0.store(is_there, Ordering::Relaxed),
        Err(error) => tracing::warn!(%error, "pgvector is not used: nearest vectors are found in memory"),
    }
}

/// A passage's vector.
pub struct Placed<'a> {
    pub source: Source,
    pub scope: Scope,
    pub state: u128,
    pub passage: usize,
    pub vector: &'a [f32],
}

/// Puts vectors where all nodes find them. A failure only means that they are not found there.
pub async fn put(ctx: &Ctx, model: &str, placed: &[Placed<'_>]) {
    if !ctx.state.near.is_there() || placed.is_empty() {
        return;
    }
    let mut rows: Vec<NearRow> = placed
        .iter()
        .map(|one| NearRow {
            source: id_of(one.source),
            passage: one.passage as i64,
            scope: place_of(one.scope),
            state: format!("{:x}", one.state),
            vector: text_of(one.vector),
        })
        .collect();
    // Nodes that put the same do not wait for each other in a circle.
    rows.sort_by(|one, other| (&one.source, one.passage).cmp(&(&other.source, other.passage)));
    let put = async {
        let mut tx = ctx.db().write_tx().await?;
        store::put_near(&mut tx, model, &rows).await?;
        AppResult::Ok(tx.commit().await?)
    };
    if let Err(error) = put.await {
        tracing::warn!(%error, "vectors were not put into the database; they are in memory");
    }
}

/// As pgvector reads a vector.
fn text_of(vector: &[f32]) -> String {
    let numbers: Vec<String> = vector.iter().map(f32::to_string).collect();
    format!("[{}]", numbers.join(","))
}

/// Asks which documents are near to a query, if it is worth it.
pub async fn ask(ctx: &Ctx, query: &mut Query) {
    let Some(vector) = query.vector.as_ref().filter(|vector| vector.len() == DIMENSION && ctx.state.near.is_there()) else { return };
    let is_large = {
        let (index, filter) = (ctx.state.search.clone(), query.filter.clone());
        tokio::task::spawn_blocking(move || index.read().is_large(&filter)).await.unwrap_or(false)
    };
    if !is_large {
        return;
    }
    match documents(ctx, &query.filter.scopes, vector).await {
        Ok(ids) => query.near = Some(ids),
        Err(error) => tracing::warn!(%error, "pgvector did not answer: nearest vectors are found in memory"),
    }
}

/// The documents with the passages nearest to a vector, among those in these scopes, as the database says. In no order: scores are made in memory.
pub async fn documents(ctx: &Ctx, scopes: &[Scope], vector: &[f32]) -> AppResult<Vec<Id>> {
    let scopes: Vec<String> = scopes.iter().map(|scope| place_of(*scope)).collect();
    let sources = store::near(ctx.db().read(), &ctx.state.search.model(), &scopes, &text_of(vector), PASSAGES).await?;
    Ok(sources.iter().filter_map(|source| Some(Id(source.parse::<uuid::Uuid>().ok()?.as_u128()))).collect())
}

/// Until the process is asked to stop: what is no longer in the index goes from the table.
pub async fn sweep_often(ctx: &Ctx) {
    while ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(SWEEP)).await.is_some() {
        if ctx.state.near.is_there()
            && ctx.state.cluster.leads()
            && let Err(error) = sweep(ctx, &ctx.state.search).await
        {
            tracing::warn!(%error, "vectors of what is gone stay in the database for now");
        }
    }
}

/// Takes out what is no longer in the index; how many documents that were.
pub async fn sweep(ctx: &Ctx, index: &SearchIndex) -> AppResult<usize> {
    let model = index.model();
    let there = store::near_states(ctx.db().read(), &model).await?;
    let known = index.sources();
    let gone: Vec<String> = there
        .into_iter()
        .map(|(source, _)| source)
        .filter(|source| source.parse::<uuid::Uuid>().is_ok_and(|id| !known.contains(&Id(id.as_u128()))))
        .collect();
    let mut tx = ctx.db().write_tx().await?;
    store::remove_near(&mut tx, &model, &gone).await?;
    tx.commit().await?;
    Ok(gone.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_written_as_pgvector_reads_them() {
        assert_eq!(text_of(&[1.0, -0.25, 1e-7]), "[1,-0.25,0.0000001]");
        assert_eq!(text_of(&[]), "[]");
    }
}
