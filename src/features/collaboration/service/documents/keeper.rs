//! Stores what editors write, in groups, and lets drafts follow.

use std::time::{Duration, Instant};

use tokio::sync::OwnedMutexGuard;

use super::{
    super::super::store,
    Document, append,
    limits::{SETTLE_AGAIN, SETTLE_EVERY},
    live::{Batch, Live},
    settle::settle,
    shared, writing,
};
use crate::{
    error::AppResult,
    server::{context::Ctx, state::AppState},
};

const TICK: Duration = Duration::from_millis(250);
/// While a document's draft is written its updates wait.
const SKIPPED: Duration = Duration::from_millis(3);
/// The database does not answer: it is asked again.
const AGAIN: Duration = Duration::from_millis(250);

/// Works until the process is asked to stop and the sockets have ended; then everything is stored and settled.
pub async fn keep_documents(state: AppState) {
    let ctx = Ctx::internal(state, None);
    tokio::join!(store_always(&ctx), settle_always(&ctx), shared::stay_in_step(&ctx));
    ctx.state.rooms.drained(super::super::DRAIN).await;
    store_pending(&ctx).await;
    settle_due(&ctx, |_| true).await;
    ctx.state.documents.close(Instant::now(), Duration::ZERO);
}

async fn store_always(ctx: &Ctx) {
    loop {
        tokio::select! {
            () = ctx.state.documents.something.notified() => {}
            () = ctx.state.shutdown.cancelled() => return,
        }
        while let Some(pause) = store_pending(ctx).await {
            tokio::time::sleep(pause).await;
            // At the end it is tried once more, after the sockets have ended.
            if ctx.state.shutdown.is_cancelled() {
                return;
            }
        }
    }
}

/// One transaction for everything that waits. Some: there is more, to be stored after this pause.
async fn store_pending(ctx: &Ctx) -> Option<Duration> {
    struct Storing {
        document: Document,
        batch: Batch,
        _writing: OwnedMutexGuard<()>,
    }
    let mut storing = Vec::new();
    let mut skipped = false;
    let mut documents = ctx.state.documents.all();
    // Every node takes them in this order: two that want the same do not wait for each other in a circle.
    documents.sort_by_key(|document| document.live().map(|live| live.id).ok());
    for document in documents {
        let Ok(live) = document.live() else { continue };
        if !live.has_pending() {
            continue;
        }
        let Ok(writing) = live.writing.clone().try_lock_owned() else {
            skipped = true;
            continue;
        };
        if let Some(batch) = live.take_batch() {
            storing.push(Storing { document: document.clone(), batch, _writing: writing });
        }
    }
    if storing.is_empty() {
        return skipped.then_some(SKIPPED);
    }
    let stored = async {
        let mut tx = ctx.db().write_tx().await?;
        let mut appended = Vec::new();
        for one in &storing {
            let live = one.document.live()?;
            appended.push(append(ctx, &mut tx, live.id, live.seen(), &one.batch.updates).await?);
        }
        tx.commit().await?;
        AppResult::Ok(appended)
    };
    let stored = stored.await;
    if let Err(error) = &stored {
        tracing::warn!(%error, documents = storing.len(), "what editors wrote could not be stored; it is tried again");
    }
    let failed = stored.is_err();
    let mut appended = stored.unwrap_or_default().into_iter();
    for Storing { document, batch, .. } in storing {
        let Ok(live) = document.live() else { continue };
        match appended.next() {
            Some(Some(appended)) => {
                live.note_saved(&batch);
                shared::tell_stored(&ctx.state.cluster, live, &appended, &batch.updates);
                if !live.note_stored(appended.before, appended.newest) {
                    ctx.state.documents.read_again(live.id);
                }
            }
            // Its artifact was removed for good.
            Some(None) => live.break_off(),
            None => live.give_back(batch),
        }
    }
    if failed { Some(AGAIN) } else { Some(SKIPPED).filter(|_| skipped) }
}

async fn settle_always(ctx: &Ctx) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = ctx.state.shutdown.cancelled() => return,
        }
        settle_due(ctx, |live| live.wants_to_settle(Instant::now())).await;
        // Of one moment: what leaves the memory now was compacted before.
        let (now, unused) = (Instant::now(), ctx.state.rooms.limits.document_unused);
        compact_left(ctx, now, unused).await;
        ctx.state.documents.close(now, unused);
    }
}

/// Documents that nobody edits any more are stored as one state before they leave the memory: so they are read quickly by whoever comes next.
async fn compact_left(ctx: &Ctx, now: Instant, unused: Duration) {
    for document in ctx.state.documents.all() {
        let Ok(live) = document.live() else { continue };
        let Ok(_writing) = live.writing.clone().try_lock_owned() else { continue };
        let Some((state, number)) = live.whole(now, unused) else { continue };
        let compacted = async {
            let mut tx = ctx.db().write_tx().await?;
            store::compact(&mut tx, live.id, &state, number).await?;
            AppResult::Ok(tx.commit().await?)
        };
        match compacted.await {
            Ok(()) => live.note_compacted(state.len()),
            Err(error) => tracing::warn!(%error, artifact = %live.id, "a document is stored as it was edited: it could not be compacted"),
        }
    }
}

async fn settle_due(ctx: &Ctx, is_due: impl Fn(&Live) -> bool) {
    for document in ctx.state.documents.all() {
        let Ok(live) = document.live() else { continue };
        if !is_due(live) {
            continue;
        }
        let settled = async { settle(ctx, &document, writing(&document).await?).await };
        let pause = match settled.await {
            Ok(_) => SETTLE_EVERY,
            Err(error) => {
                tracing::warn!(%error, artifact = %live.id, "a draft could not follow its document; it is tried again");
                SETTLE_AGAIN
            }
        };
        live.settle_not_before(Instant::now() + pause);
    }
}
