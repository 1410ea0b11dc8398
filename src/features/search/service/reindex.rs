//! Making the index anew beside the one that answers, and putting it in its place.

use std::time::Duration;

use super::{
    super::jobs::REINDEX,
    SearchIndex,
    embedding::{Step, step},
    kept,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts,
        jobs::{self, Job, model::JobStatus, service::NewJob},
    },
    server::{context::Ctx, error::internal},
};

/// Between two reports of how far it is.
const REPORT: Duration = Duration::from_millis(500);

/// Queues it, for an administrator.
pub async fn request_reindex(ctx: &Ctx) -> AppResult<JobStatus> {
    let owner = accounts::service::require_administrator(ctx)?.id();
    jobs::service::start(ctx, owner, NewJob::new(REINDEX, &())?.in_order_of("search index")).await
}

/// Makes the index of this node anew from the database; questions are answered from the old one until it is whole.
pub async fn reindex(ctx: &Ctx, job: &Job) -> AppResult<serde_json::Value> {
    let fresh = SearchIndex::default();
    let backend = ctx.state.search_model.settled().await;
    if let Some(backend) = &backend {
        fresh.set_model(&backend.identity(), backend.dimension()).await;
    }
    let making = async {
        fresh.take_in_all(ctx).await?;
        if let Some(backend) = &backend {
            // What a service does not take now, it is asked again for later.
            while step(ctx, &fresh, backend).await == Step::Done {}
        }
        Ok::<_, AppError>(())
    };
    let reporting = async {
        loop {
            tokio::time::sleep(REPORT).await;
            let there = fresh.read().len() as i64;
            let waiting = fresh.waiting(|waiting| waiting.len()) as i64;
            let all = there.max(ctx.state.search.read().len() as i64);
            jobs::service::progress(ctx, job, there + (there - waiting).max(0), 2 * all).await?;
        }
    };
    tokio::select! {
        made = making => made?,
        stopped = reporting => return stopped,
    }
    ctx.state.search.replace(ctx, std::future::ready(Some(fresh))).await?;
    let documents = ctx.state.search.read().len();
    kept::write(ctx).await.map_err(|error| internal("the copy of the search index", &error))?;
    Ok(serde_json::json!({ "documents": documents }))
}
