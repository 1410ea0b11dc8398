//! The draft follows the document.

use tokio::sync::OwnedMutexGuard;

use super::{
    super::super::store,
    Document,
    live::{Live, Snapshot},
    writing,
};
use crate::{
    error::AppResult,
    features::artifacts,
    ids::RevisionId,
    server::{context::Ctx, db::parse_id},
};

/// Writes what is pending and the draft in one transaction, so that the draft never holds what is not stored. In a task of its own:
/// whoever asks for it may go away, and what was taken to be stored must not go with them.
pub async fn settle(ctx: &Ctx, document: &Document, writing: OwnedMutexGuard<()>) -> AppResult<OwnedMutexGuard<()>> {
    if document.live()?.is_settled() {
        return Ok(writing);
    }
    let (ctx, document) = (ctx.clone(), document.clone());
    let settling = tokio::spawn(async move {
        let live = document.live()?;
        let Some(snapshot) = live.snapshot() else { return Ok(writing) };
        match write(&ctx, live, &snapshot).await {
            Ok(base) => {
                live.note_settled(&snapshot, base);
                Ok(writing)
            }
            Err(error) => {
                live.give_back(snapshot.batch);
                // The keeper stores what the draft could not take.
                ctx.state.documents.wake();
                Err(error)
            }
        }
    });
    settling.await.map_err(|error| crate::server::error::internal("settling a document", &error))?
}

async fn write(ctx: &Ctx, live: &Live, snapshot: &Snapshot) -> AppResult<Option<RevisionId>> {
    let draft = artifacts::service::prepare_live_draft(ctx, live.id, &snapshot.text, snapshot.base).await?;
    let mut tx = ctx.db().write_tx().await?;
    store::insert_updates(&mut tx, &snapshot.batch.updates).await?;
    let (written, base) = artifacts::service::save_live_draft(ctx, &mut tx, &draft, &snapshot.authors).await?;
    store::set_settled(&mut tx, live.id, snapshot.batch.number, base, ctx.now()).await?;
    if let Some(state) = &snapshot.state {
        store::compact(&mut tx, live.id, state, snapshot.batch.number).await?;
    }
    tx.commit().await?;
    artifacts::service::announce_live_draft(ctx, &draft, &written, snapshot.authors.last().copied()).await;
    Ok(base)
}

/// Settles what a process before this one did not. Before anybody is served, so that nobody reads an old draft.
pub async fn settle_all(ctx: &Ctx) -> AppResult<()> {
    const SLICE: i64 = 100;
    let mut after = String::new();
    loop {
        let rows = store::unsettled(ctx.db().read(), &after, SLICE).await?;
        let Some((last,)) = rows.last().cloned() else { return Ok(()) };
        for (id,) in rows {
            let id = parse_id(&id)?;
            let settled = async {
                let document = ctx.state.documents.open(ctx, id).await?;
                settle(ctx, &document, writing(&document).await?).await
            };
            // One that is in the trash stays as it is until it is taken out.
            if let Err(error) = settled.await {
                tracing::warn!(%error, artifact = %id, "a document could not be settled");
            }
        }
        after = last;
    }
}
