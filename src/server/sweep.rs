//! Removing blobs that nothing names any more, in two daily jobs.
//!
//! [`find`] lists the blobs that were stored more than a day ago and that no draft, no revision (also of an import that is
//! staged only), no account and no session names. [`remove`] looks again a little later and removes those that still nobody names. Nothing
//! is lost on the way, because a blob is named by
//!
//! - whoever stores it: that makes it new, and a request or an import names what it stores within minutes, not a day;
//! - somebody who copies the name from what names it now (a commit of a draft, a fork, a restore). The original may be gone
//!   before the first look and the copy come after it, but such a request ends within a minute: the second look sees the copy.
//!
//! The removal itself looks at the file's age once more while nobody can store it (`Blobs::remove`).

use std::{collections::HashSet, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    blobs::{BlobName, name_text, parse_name},
    clock,
    context::Ctx,
};
use crate::{
    error::AppResult,
    features::{
        accounts, artifacts,
        jobs::{self, Job, service::NewJob},
        marketplace, sessions,
    },
};

pub const FIND: &str = "blobs.find";
pub const REMOVE: &str = "blobs.remove";

/// Younger blobs are left alone.
pub const AGE: Duration = Duration::from_secs(24 * 3_600);
/// Between the two looks: several times what a request may take.
const PAUSE_MS: i64 = 5 * clock::MINUTE;
/// Of one day; what is beyond follows on the next.
const AT_ONCE: usize = 10_000;

#[derive(Debug, Serialize, Deserialize)]
struct Candidates {
    blobs: Vec<String>,
}

/// Lists what nothing names, and queues its removal.
pub async fn find(ctx: &Ctx) -> AppResult<Value> {
    let unnamed = unnamed(ctx, ctx.state.blobs.older_than(AGE).await?).await?;
    let found = unnamed.len();
    if found > 0 {
        let candidates = Candidates { blobs: unnamed.iter().take(AT_ONCE).map(name_text).collect() };
        let now = ctx.now();
        let mut tx = ctx.db().write_tx().await?;
        jobs::service::enqueue(&mut tx, NewJob::new(REMOVE, &candidates)?.at(now + PAUSE_MS), now).await?;
        tx.commit().await?;
    }
    Ok(json!({ "found": found }))
}

/// Removes what still nothing names.
pub async fn remove(ctx: &Ctx, job: &Job) -> AppResult<Value> {
    let candidates: Candidates = serde_json::from_str(&job.payload)?;
    let unnamed = unnamed(ctx, candidates.blobs.iter().filter_map(|text| parse_name(text)).collect()).await?;
    let removed = ctx.state.blobs.remove(unnamed, AGE).await?;
    tracing::info!(removed, "blobs that nothing names were removed");
    Ok(json!({ "removed": removed }))
}

/// Those of `blobs` that nothing in the database names.
async fn unnamed(ctx: &Ctx, mut blobs: HashSet<BlobName>) -> AppResult<HashSet<BlobName>> {
    let mut see = |sha: &str| {
        if let Some(name) = parse_name(sha) {
            blobs.remove(&name);
        }
    };
    artifacts::service::each_blob(ctx, &mut see).await?;
    accounts::service::each_blob(ctx, &mut see).await?;
    sessions::service::each_blob(ctx, &mut see).await?;
    marketplace::service::each_blob(ctx, &mut see).await?;
    Ok(blobs)
}
