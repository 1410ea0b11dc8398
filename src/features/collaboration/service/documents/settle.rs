//! The draft follows the document.

use tokio::sync::OwnedMutexGuard;

use super::{
    super::super::store::{self, Appended},
    Document, append, busy,
    live::{Live, Snapshot},
    shared, writing,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::artifacts,
    server::{context::Ctx, db::parse_id},
};

/// How often a draft is begun again because another node was there in between.
const TRIES: usize = 5;

/// Writes what is pending and the draft in one transaction, so that the draft never holds what is not stored. In a task of its own:
/// whoever asks for it may go away, and what was taken to be stored must not go with them.
pub async fn settle(ctx: &Ctx, document: &Document, writing: OwnedMutexGuard<()>) -> AppResult<OwnedMutexGuard<()>> {
    if document.live()?.is_settled() {
        return Ok(writing);
    }
    let (ctx, document) = (ctx.clone(), document.clone());
    let settling = tokio::spawn(async move {
        let live = document.live()?;
        for _ in 0..TRIES {
            shared::catch_up(&ctx, live).await?;
            let Some(snapshot) = live.snapshot() else { return Ok(writing) };
            match write(&ctx, live, &snapshot).await {
                Ok(Some(written)) => {
                    live.note_settled(&snapshot, written.base);
                    live.note_stored(written.before, written.newest);
                    shared::tell_stored(&ctx.state.cluster, live, &written, &snapshot.batch.updates);
                    shared::tell_settled(&ctx.state.cluster, live.id, Some(written.newest), written.base);
                    return Ok(writing);
                }
                Ok(None) => live.give_back(snapshot.batch),
                Err(error) => {
                    live.give_back(snapshot.batch);
                    // The draft was saved by another node after it was looked at.
                    if error.code == ErrorCode::Conflict && ctx.state.cluster.is_shared() {
                        continue;
                    }
                    // The keeper stores what the draft could not take.
                    ctx.state.documents.wake();
                    return Err(error);
                }
            }
        }
        ctx.state.documents.wake();
        Err(busy())
    });
    settling.await.map_err(|error| crate::server::error::internal("settling a document", &error))?
}

/// None: another node stored something that the draft would lack, or gave it another base. The document's row is taken before the draft's, as
/// everybody does.
async fn write(ctx: &Ctx, live: &Live, snapshot: &Snapshot) -> AppResult<Option<Appended>> {
    let draft = artifacts::service::prepare_live_draft(ctx, live.id, &snapshot.text, snapshot.base).await?;
    let mut tx = ctx.db().write_tx().await?;
    let appended = append(ctx, &mut tx, live.id, snapshot.seen, &snapshot.batch.updates).await?;
    let appended = appended.ok_or_else(|| AppError::not_found("document"))?;
    if ctx.state.cluster.is_shared() && (appended.before != snapshot.seen || appended.base != snapshot.base) {
        tx.rollback().await?;
        return Ok(None);
    }
    let (written, base) = artifacts::service::save_live_draft(ctx, &mut tx, &draft, &snapshot.authors).await?;
    store::set_settled(&mut tx, live.id, appended.newest, base, ctx.now()).await?;
    if let Some(state) = &snapshot.state {
        store::compact(&mut tx, live.id, state, appended.newest).await?;
    }
    tx.commit().await?;
    artifacts::service::announce_live_draft(ctx, &draft, &written, snapshot.authors.last().copied()).await;
    Ok(Some(Appended { base, ..appended }))
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
