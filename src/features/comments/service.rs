//! Use cases of comments: whoever reads a thing reads its threads, whoever may converse there writes them.

mod access;
mod reading;
mod writing;

use std::collections::HashMap;

pub use reading::{completions, get_thread, list_threads, own_comments};
pub use writing::{create_reply, create_thread, delete_comment, edit_comment, reopen_thread, resolve_thread};

use super::store;
use crate::{
    error::AppResult,
    ids::ArtifactId,
    server::{context::Ctx, db::Tx},
};

/// How many comments entries of timelines have, for whoever may read them.
pub async fn counts_of_entries(ctx: &Ctx, entries: &[&str]) -> AppResult<HashMap<String, i64>> {
    if entries.is_empty() {
        return Ok(HashMap::new());
    }
    store::entry_counts(ctx.db().read(), entries).await
}

/// Artifacts are removed for good, and their threads with them.
pub async fn forget_artifacts(tx: &mut Tx, ids: &[ArtifactId]) -> AppResult<()> {
    store::erase_of_artifacts(tx, ids).await
}

/// The same for a session.
pub async fn forget_session(tx: &mut Tx, session: &str) -> AppResult<()> {
    store::erase_of_session(tx, session).await
}
