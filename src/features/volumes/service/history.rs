//! The line of commits of a volume. What a commit holds is `artifacts`' part; its id, parent and hash are made here.
//!
//! A commit's `sha` is the SHA-256 of this text, in UTF-8, with `\n` line ends and one line for each change, sorted by path:
//!
//! ```text
//! llmos-commit-1
//! parent <sha of the parent, or ->
//! author <user id>
//! time <UTC milliseconds>
//! change <created|updated|deleted|restored|moved> <tree_sha of the revision> <path>
//!
//! <message>
//! ```

use std::fmt::Write as _;

use super::{
    super::{
        model::{Change, Commit, CommitDetail, CommitPage},
        store::{self, NewCommit},
    },
    access, publishing,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, Workspace, record},
        artifacts, git, search, sessions,
    },
    ids::{ArtifactId, CommitId, UserId, VolumeId},
    server::{clock, context::Ctx, db::Tx, secrets},
};

const PAGE: i64 = 50;

/// A commit to append.
pub struct Appended<'a> {
    pub id: CommitId,
    pub volume: VolumeId,
    pub author: UserId,
    pub message: &'a str,
    /// edit, import, restore, move, fork, delete, market, git or system
    pub source: &'static str,
    /// Path, tree hash and kind of each change, in any order.
    pub changes: Vec<(String, String, Change)>,
    pub now: i64,
}

/// Locks the volume against other writers for this transaction and gives the number that changed rows carry.
pub async fn lock(tx: &mut Tx, volume: VolumeId) -> AppResult<(i64, Option<String>)> {
    match store::advance(tx, volume).await? {
        Some(locked) => Ok(locked),
        None if store::by_id(&mut **tx, volume).await?.is_some() => Err(publishing::busy()),
        None => Err(AppError::not_found("volume")),
    }
}

/// Appends a commit to a locked volume.
pub async fn append_commit(ctx: &Ctx, tx: &mut Tx, head: Option<&str>, mut commit: Appended<'_>) -> AppResult<String> {
    let parent = match head {
        Some(head) => store::commit_sha(&mut **tx, head).await?,
        None => None,
    };
    commit.changes.sort();
    let sha = commit_hash(parent.as_deref(), &commit);
    append_hashed(ctx, tx, head, &commit, &sha).await?;
    Ok(sha)
}

/// The hash of a commit that will follow `head`, outside of any transaction: of a large one it takes a while.
pub async fn hash_ahead(ctx: &Ctx, head: Option<&str>, commit: &mut Appended<'_>) -> AppResult<String> {
    let parent = match head {
        Some(head) => store::commit_sha(ctx.db().read(), head).await?,
        None => None,
    };
    commit.changes.sort();
    Ok(commit_hash(parent.as_deref(), commit))
}

/// Appends a commit whose hash is known.
pub async fn append_hashed(ctx: &Ctx, tx: &mut Tx, head: Option<&str>, commit: &Appended<'_>, sha: &str) -> AppResult<()> {
    let new = NewCommit {
        id: commit.id,
        sha,
        volume: commit.volume,
        parent: head,
        author: commit.author,
        message: commit.message,
        source: commit.source,
        changes: commit.changes.len() as i64,
        now: commit.now,
    };
    store::insert_commit(tx, &new).await?;
    let made = Event::new(UsageKind::CommitMade).workspace(workspace_of(tx, commit.volume).await?).volume(commit.volume).by(commit.author);
    record(ctx, tx, made.subject(commit.id).amount(new.changes)).await?;
    git::service::enqueue_push(tx, commit.volume, commit.source, commit.now).await?;
    search::jobs::enqueue_index(tx, commit.volume, commit.now).await
}

/// Whose numbers what happens in a volume counts to.
pub async fn workspace_of(tx: &mut Tx, volume: VolumeId) -> AppResult<Workspace> {
    store::by_id(&mut **tx, volume).await?.map_or(Ok(Workspace::Instance), |row| row.workspace())
}

/// Who made a commit, when, and how it came; none when there is no such commit.
pub async fn author_time_and_source(ctx: &Ctx, commit: CommitId) -> AppResult<Option<(String, i64, String)>> {
    store::author_time_and_source(ctx.db().read(), commit).await
}

fn commit_hash(parent: Option<&str>, commit: &Appended<'_>) -> String {
    let mut text = format!("llmos-commit-1\nparent {}\nauthor {}\ntime {}\n", parent.unwrap_or("-"), commit.author, commit.now);
    for (path, tree, change) in &commit.changes {
        let _ = writeln!(text, "change {} {tree} {path}", change.as_str());
    }
    text.push('\n');
    text.push_str(commit.message);
    secrets::sha256(text.as_bytes())
}

/// The commits of one volume, newest first.
pub async fn list_commits(ctx: &Ctx, volume: VolumeId, before: Option<CommitId>) -> AppResult<CommitPage> {
    access::authorise(ctx, volume, Action::Read).await?;
    let mut commits = newest_commits(ctx, &[volume], before, PAGE + 1).await?;
    let more = commits.len() as i64 > PAGE;
    commits.truncate(PAGE as usize);
    let next = if more { commits.last().map(|commit| commit.id) } else { None };
    Ok(CommitPage { commits, next })
}

/// The newest commits of volumes that the caller is known to see.
pub async fn newest_commits(ctx: &Ctx, volumes: &[VolumeId], before: Option<CommitId>, limit: i64) -> AppResult<Vec<Commit>> {
    store::commits_of(ctx.db().read(), volumes, before, limit).await?.into_iter().map(store::CommitRow::commit).collect()
}

/// The commits of a volume after one, or all of it, the oldest first: along their parents, whatever their ids say. One that is no commit of the volume
/// is the same as none.
pub async fn line_since(ctx: &Ctx, volume: VolumeId, after: Option<CommitId>) -> AppResult<Vec<Commit>> {
    store::line(ctx.db().read(), volume, after).await?.into_iter().map(store::CommitRow::commit).collect()
}

pub async fn get_commit(ctx: &Ctx, id: CommitId) -> AppResult<CommitDetail> {
    ctx.actor()?;
    let not_found = || AppError::not_found("commit");
    let row = store::commit_by_id(ctx.db().read(), id).await?.ok_or_else(not_found)?;
    let access = access::authorise(ctx, row.volume()?, Action::Read)
        .await
        .map_err(|error| if error.code == crate::error::ErrorCode::NotFound { not_found() } else { error })?;
    let parent = row.parent()?;
    let changes = artifacts::service::changes_of_commit(ctx, id).await?;
    let records = sessions::service::records_of_commit(ctx, id).await?;
    Ok(CommitDetail { commit: row.commit()?, parent, volume_name: access.name, changes, records })
}

/// Notes that artifacts left a locked volume.
pub async fn leave(tx: &mut Tx, volume: VolumeId, seq: i64, artifacts: &[ArtifactId], now: i64) -> AppResult<()> {
    store::insert_departures(tx, volume, seq, artifacts, now).await
}

pub async fn departures_since(ctx: &Ctx, volume: VolumeId, seq: i64) -> AppResult<Vec<(i64, String)>> {
    store::departures_since(ctx.db().read(), volume, seq).await
}

/// A library index is never older than that.
pub async fn remove_old_departures(ctx: &Ctx) -> AppResult<()> {
    let mut tx = ctx.db().write_tx().await?;
    store::remove_departures(&mut tx, ctx.now() - clock::DAY).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_covers_everything_and_ignores_the_order_of_changes() {
        let commit = |message, changes: &[(&str, &str)]| Appended {
            id: CommitId::generate(),
            volume: VolumeId::generate(),
            author: "00000000-0000-7000-8000-000000000001".parse().expect("an id"),
            message,
            source: "edit",
            changes: changes.iter().map(|(path, tree)| ((*path).to_owned(), (*tree).to_owned(), Change::Updated)).collect(),
            now: 1_000,
        };
        let base = commit_hash(None, &commit("m", &[("a", "1"), ("b", "2")]));
        assert_eq!(base, commit_hash(None, &commit("m", &[("a", "1"), ("b", "2")])), "ids of rows do not enter it");
        assert_ne!(base, commit_hash(Some("x"), &commit("m", &[("a", "1"), ("b", "2")])));
        assert_ne!(base, commit_hash(None, &commit("n", &[("a", "1"), ("b", "2")])));
        assert_ne!(base, commit_hash(None, &commit("m", &[("a", "1"), ("b", "3")])));
    }
}
