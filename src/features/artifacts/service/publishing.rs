//! Making a staged commit visible.
//!
//! A small one is published in one transaction. A large one would hold the one writer of SQLite for half a second, so it takes
//! these steps, each of them short:
//!
//! 1. *claim*: the volume is reserved for the commit; who else writes to it waits, everybody else does not notice
//! 2. *announce*: the commit is there, for good. Before, a crash leaves nothing; from here on one leaves work to be finished
//! 3. *settle*: its revisions become the heads in slices. Those of artifacts that existed before show as they come. New ones
//!    carry a number that the volume has not reached, which keeps them off every list
//! 4. *finish*: the volume counts up to that number, which shows all new ones at once, and is free again
//!
//! Whoever finds an announced commit that is not finished (the start of the server, housekeeping) finishes it.

use crate::{
    error::{AppError, AppResult},
    features::{
        analytics::service::{Event, record},
        artifacts::store,
        volumes::service::{self as volumes, Appended, append_commit, lock},
    },
    ids::{CommitId, VolumeId},
    server::{
        clock,
        context::Ctx,
        db::{Tx, parse_id},
    },
};

use super::{
    index, live,
    usage::{self, Changed, Happened},
};

/// Rows of one transaction: some 5 ms, 35 ms at worst, where 50,000 at once took 550 ms (docs/decisions/imports.md).
const SLICE: i64 = 500;

/// What becomes true together with a commit: it is written in the transaction that announces it.
pub trait Alongside: Sync {
    /// `parent` is what the commit follows.
    fn write(&self, tx: &mut Tx, parent: Option<&str>) -> impl Future<Output = AppResult<()>> + Send;
}

/// Nothing but the commit.
impl Alongside for () {
    async fn write(&self, _: &mut Tx, _: Option<&str>) -> AppResult<()> {
        Ok(())
    }
}

/// Makes everything that was staged for `commit` visible, and records `event` with it. When it fails before the commit is announced, nothing has happened; after that the rest
/// follows, by a second try or by [`settle_all`].
pub async fn publish_import(ctx: &Ctx, commit: Appended<'_>, event: Event, alongside: &impl Alongside) -> AppResult<()> {
    let volume = commit.volume;
    let event = event.volume(volume).by(commit.author);
    if commit.changes.len() as i64 <= SLICE {
        publish_at_once(ctx, commit, event, alongside).await?;
    } else {
        publish_in_slices(ctx, commit, event, alongside).await?;
    }
    live::volume_changed(ctx, volume).await;
    Ok(())
}

fn overtaken() -> AppError {
    AppError::conflict("Somebody committed to the same artifacts while they were imported. Import once more.")
}

async fn publish_at_once(ctx: &Ctx, commit: Appended<'_>, event: Event, alongside: &impl Alongside) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    let (seq, head) = lock(&mut tx, commit.volume).await?;
    if store::untouched(&mut *tx, commit.id, commit.volume).await? != commit.changes.len() as i64 {
        return Err(overtaken());
    }
    store::end_staging(&mut tx, commit.id).await?;
    let changes = store::unapplied(&mut tx, commit.id, None).await?;
    store::apply_revisions(&mut tx, commit.id, seq, &commit.author.to_string(), commit.now).await?;
    let workspace = volumes::workspace_of(&mut tx, commit.volume).await?;
    let happened = Happened { workspace, volume: commit.volume, author: commit.author, source: commit.source };
    usage::record_changes(ctx, &mut tx, &happened, changes.into_iter().map(Changed::try_from).collect::<AppResult<_>>()?).await?;
    append_commit(ctx, &mut tx, head.as_deref(), commit).await?;
    alongside.write(&mut tx, head.as_deref()).await?;
    record(ctx, &mut tx, event.workspace(workspace)).await?;
    Ok(tx.commit().await?)
}

async fn publish_in_slices(ctx: &Ctx, commit: Appended<'_>, event: Event, alongside: &impl Alongside) -> AppResult<()> {
    let (volume, id) = (commit.volume, commit.id);
    let head = volumes::claim(ctx, volume, id).await?;
    if let Err(error) = announce(ctx, commit, event, alongside, head.as_deref()).await {
        volumes::release(ctx, volume, id).await?;
        return Err(error);
    }
    settle(ctx, volume, id).await?;
    index::warm(ctx, volume).await;
    Ok(())
}

/// What takes time is done before the transaction: the claim keeps it true.
async fn announce(ctx: &Ctx, mut commit: Appended<'_>, event: Event, alongside: &impl Alongside, head: Option<&str>) -> AppResult<()> {
    if store::untouched(ctx.db().read(), commit.id, commit.volume).await? != commit.changes.len() as i64 {
        return Err(overtaken());
    }
    let sha = volumes::hash_ahead(ctx, head, &mut commit).await?;
    let mut tx = ctx.db().write_tx().await?;
    if volumes::hold(&mut tx, commit.volume, commit.id).await?.is_none() {
        return Err(overtaken());
    }
    volumes::append_hashed(ctx, &mut tx, head, &commit, &sha).await?;
    alongside.write(&mut tx, head).await?;
    let workspace = volumes::workspace_of(&mut tx, commit.volume).await?;
    record(ctx, &mut tx, event.workspace(workspace)).await?;
    Ok(tx.commit().await?)
}

/// Finishes an announced commit, wherever it was left. Nothing to finish: nothing happens. Two may do it at once.
pub async fn settle(ctx: &Ctx, volume: VolumeId, commit: CommitId) -> AppResult<()> {
    let Some(announced) = volumes::author_time_and_source(ctx, commit).await? else { return Ok(()) };
    apply_all(ctx, volume, commit, announced).await?;
    let mut tx = ctx.db().write_tx().await?;
    store::end_staging(&mut tx, commit).await?;
    Ok(tx.commit().await?)
}

async fn apply_all(ctx: &Ctx, volume: VolumeId, commit: CommitId, (author, now, source): (String, i64, String)) -> AppResult<()> {
    for created in [false, true] {
        let mut after = String::new();
        while let Some(last) = store::slice_end(ctx.db().read(), commit, created, &after, SLICE).await? {
            let mut tx = ctx.db().write_tx().await?;
            let Some(seq) = number(&mut tx, volume, commit, created).await? else { return Ok(()) };
            // Another run of this may have been here before: what it applied is counted.
            let changes = store::unapplied(&mut tx, commit, Some((created, after.as_str(), last.as_str()))).await?;
            store::apply_slice(&mut tx, commit, created, (&after, &last), seq, &author, now).await?;
            let workspace = volumes::workspace_of(&mut tx, volume).await?;
            let happened = Happened { workspace, volume, author: parse_id(&author)?, source: &source };
            usage::record_changes(ctx, &mut tx, &happened, changes.into_iter().map(Changed::try_from).collect::<AppResult<_>>()?).await?;
            tx.commit().await?;
            after = last;
        }
    }
    volumes::finish(ctx, volume, commit).await
}

/// The number for a slice's rows; none when somebody else has finished. New artifacts all get the one after the volume's.
async fn number(tx: &mut Tx, volume: VolumeId, commit: CommitId, created: bool) -> AppResult<Option<i64>> {
    if created { Ok(volumes::hold(tx, volume, commit).await?.map(|seq| seq + 1)) } else { volumes::advance_held(tx, volume, commit).await }
}

/// Finishes what a process before this one announced, and frees what it only claimed. Before anybody is served, so that
/// nobody sees a commit half-way.
pub async fn settle_all(ctx: &Ctx) -> AppResult<()> {
    for (volume, commit) in volumes::claimed(ctx).await? {
        let (volume, commit) = (parse_id(&volume)?, parse_id(&commit)?);
        settle(ctx, volume, commit).await?;
        volumes::release(ctx, volume, commit).await?;
    }
    Ok(())
}

/// What a process before this one staged and did not publish is taken back. Published: how much it created and updated.
pub async fn unstage_import(ctx: &Ctx, volume: VolumeId, commit: CommitId) -> AppResult<Option<(i64, i64)>> {
    loop {
        let mut tx = ctx.db().write_tx().await?;
        if let Some(done) = store::published(&mut tx, commit).await? {
            drop(tx);
            settle(ctx, volume, commit).await?;
            return Ok(Some(done));
        }
        let more = store::unstage(&mut tx, commit, SLICE).await?;
        if !more {
            store::end_staging(&mut tx, commit).await?;
        }
        tx.commit().await?;
        if !more {
            return Ok(None);
        }
    }
}

/// Takes back whatever was staged in a volume and did not become visible, whoever left it: a path that it takes up is refused to everybody else. For those
/// that have the volume's turn among the jobs, or the volume to themselves.
pub async fn unstage_all(ctx: &Ctx, volume: VolumeId) -> AppResult<()> {
    unstage(ctx, Some(volume), ctx.now()).await
}

/// The same in every volume, of what nobody can be at any more.
pub async fn unstage_old(ctx: &Ctx) -> AppResult<()> {
    unstage(ctx, None, ctx.now() - clock::DAY).await
}

async fn unstage(ctx: &Ctx, volume: Option<VolumeId>, before: i64) -> AppResult<()> {
    for (commit, volume) in store::stagings(ctx.db().read(), volume, before).await? {
        unstage_import(ctx, volume, commit).await?;
    }
    Ok(())
}
