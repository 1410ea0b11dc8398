//! Bringing what a repository has here: commits, and the files of the linked folder.

use std::{path::Path, time::Duration};

use git2::Oid;
use tokio::sync::watch;

use super::{
    super::{
        repository::Bare,
        wire::{Advertised, Depth, Fetch, Remote, Shallow},
    },
    Work, blocking, is_of_the_moment,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::jobs::{self, Job},
    server::{clock, context::Ctx},
};

/// Clocks of those who commit differ.
const SLACK_SECONDS: i64 = clock::HOUR / clock::SECOND;
/// Between two notes of how much came.
const NOTED_EVERY: Duration = Duration::from_millis(500);

/// A repository elsewhere, and what is fetched of it.
pub struct Fetching<'a> {
    pub remote: &'a Remote,
    pub at: &'a Advertised,
    /// Of the repository here.
    pub path: &'a Path,
    /// Of files only those in it come, where the server can do that; empty: all.
    pub folder: &'a str,
    /// Who is told how much came, and may stop it.
    pub told: Option<(&'a Ctx, &'a Job)>,
}

impl<'a> Fetching<'a> {
    /// For a link.
    pub fn of(work: &'a Work, at: &'a Advertised, told: Option<(&'a Ctx, &'a Job)>) -> Self {
        Self { remote: &work.remote, at, path: &work.repository, folder: &work.link.folder, told }
    }

    /// Brings a commit here, with all that comes after `known`.
    pub async fn commit(&self, want: Oid, known: Option<Oid>) -> AppResult<()> {
        self.commit_back(want, known, SLACK_SECONDS).await
    }

    /// The same, with what was committed so many seconds before `known` as well.
    pub async fn commit_back(&self, want: Oid, known: Option<Oid>, slack_seconds: i64) -> AppResult<()> {
        let (sender, receiver) = watch::channel(0);
        let all = async {
            self.history(want, known, slack_seconds, &sender).await?;
            self.missing_files(want, &sender).await
        };
        self.unless_stopped(all, receiver).await
    }

    /// Brings a commit here, and the last one that both sides are known to have: another node may have fetched that, or this one lost it with its disk, as
    /// after a restore. Without it each change there would count as one of both sides.
    pub async fn commit_and_base(&self, want: Oid, last: Option<Oid>) -> AppResult<()> {
        let Some(last) = last else { return self.commit(want, None).await };
        let was_here = self.has(last).await?;
        if !was_here {
            self.by_itself(last).await;
        }
        self.commit(want, Some(last)).await?;
        if was_here {
            return Ok(());
        }
        if !self.has(last).await? {
            self.whole(want).await?;
        }
        if !self.has(last).await? {
            return Ok(());
        }
        // A preview may have brought the commit before, and nothing that leads to it.
        self.between(last, want).await?;
        self.files(last).await
    }

    /// Brings what lies between two commits that are here, unless one is known to lead to the other.
    async fn between(&self, last: Oid, want: Oid) -> AppResult<()> {
        let path = self.path.to_owned();
        let since = blocking(move || {
            let bare = Bare::open(&path)?;
            Ok(if bare.distance(last, want).is_some() { None } else { Some(bare.about(last)?.time - SLACK_SECONDS) })
        })
        .await?;
        let Some(since) = since else { return Ok(()) };
        let (sender, receiver) = watch::channel(0);
        let fetch = self.fetch(want, Some(last), Depth::Since(since), !self.folder.is_empty(), &sender);
        match self.unless_stopped(fetch, receiver).await {
            // Nothing does: the history was rewritten.
            Err(error) if !is_of_the_moment(&error) => Ok(()),
            fetched => fetched,
        }
    }

    async fn has(&self, commit: Oid) -> AppResult<bool> {
        let path = self.path.to_owned();
        blocking(move || Ok(Bare::open(&path)?.has(commit))).await
    }

    /// Brings one commit without any other, as far as the server gives those that no name leads to.
    async fn by_itself(&self, commit: Oid) {
        let (sender, receiver) = watch::channel(0);
        let fetch = self.fetch(commit, None, Depth::Newest, !self.folder.is_empty(), &sender);
        // If it was the line that failed, what is fetched next says so.
        if let Err(error) = self.unless_stopped(fetch, receiver).await {
            tracing::info!(%error, %commit, "a repository does not give a commit by its id");
        }
    }

    /// Brings everything that leads to a commit, without what is in files where the server can do that.
    ///
    /// # Errors
    /// The server does not answer now. What it refuses, or is too much, is not brought and no error.
    async fn whole(&self, commit: Oid) -> AppResult<()> {
        if !self.at.can("shallow") {
            return Ok(());
        }
        let (sender, receiver) = watch::channel(0);
        let fetch = self.fetch(commit, Some(commit), Depth::Whole, true, &sender);
        match self.unless_stopped(fetch, receiver).await {
            Err(error) if !is_of_the_moment(&error) => {
                tracing::info!(%error, %commit, "a repository does not give its history");
                Ok(())
            }
            fetched => fetched,
        }
    }

    /// Brings the files of a commit that is here.
    pub async fn files(&self, commit: Oid) -> AppResult<()> {
        let (sender, receiver) = watch::channel(0);
        self.unless_stopped(self.missing_files(commit, &sender), receiver).await
    }

    async fn unless_stopped(&self, work: impl Future<Output = AppResult<()>>, received: watch::Receiver<u64>) -> AppResult<()> {
        tokio::select! {
            fetched = work => fetched,
            stopped = self.until_stopped(received) => Err(stopped),
        }
    }

    /// The job says how many bytes came, as done of an unknown total, until it is to stop.
    async fn until_stopped(&self, received: watch::Receiver<u64>) -> AppError {
        let Some((ctx, job)) = self.told else { return std::future::pending().await };
        loop {
            tokio::time::sleep(NOTED_EVERY).await;
            let bytes = *received.borrow() as i64;
            if let Err(error) = jobs::service::progress(ctx, job, bytes, 0).await {
                return error;
            }
        }
    }

    async fn history(&self, want: Oid, known: Option<Oid>, slack_seconds: i64, received: &watch::Sender<u64>) -> AppResult<()> {
        let path = self.path.to_owned();
        let (here, since) = blocking(move || {
            let bare = Bare::open(&path)?;
            let known = known.filter(|known| bare.has(*known));
            let since = known.and_then(|known| bare.about(known).ok()).map(|about| about.time - slack_seconds);
            Ok((bare.has(want), known.zip(since)))
        })
        .await?;
        if here {
            return Ok(());
        }
        let without_files = !self.folder.is_empty();
        let Some((known, since)) = since else { return self.fetch(want, None, Depth::Newest, without_files, received).await };
        match self.fetch(want, Some(known), Depth::Since(since), without_files, received).await {
            // Nothing is that new, which some servers say by breaking off: the history begins anew.
            Err(error) if matches!(error.code, ErrorCode::Conflict | ErrorCode::Unavailable) => {
                self.fetch(want, Some(known), Depth::Newest, without_files, received).await
            }
            fetched => fetched,
        }
    }

    async fn fetch(&self, want: Oid, have: Option<Oid>, depth: Depth, without_files: bool, received: &watch::Sender<u64>) -> AppResult<()> {
        let path = self.path.to_owned();
        let shallow = blocking(move || Ok(Bare::open(&path)?.shallow())).await?;
        let pack = tempfile::NamedTempFile::new_in(self.path)?.into_temp_path();
        let asked = Fetch { want, haves: have.into_iter().collect(), shallow, depth, without_files };
        let shallow = self.remote.fetch(self.at, &asked, &pack, received).await?;
        let path = self.path.to_owned();
        blocking(move || {
            let bare = Bare::open(&path)?;
            bare.take(&pack, &shallow)?;
            bare.repack()
        })
        .await
    }

    async fn missing_files(&self, want: Oid, received: &watch::Sender<u64>) -> AppResult<()> {
        let (path, folder) = (self.path.to_owned(), self.folder.to_owned());
        let missing = blocking(move || {
            let bare = Bare::open(&path)?;
            // A tag may stand for something else.
            bare.peeled(want).map_or(Ok(Vec::new()), |commit| bare.missing_files(commit, &folder))
        })
        .await?;
        if missing.is_empty() {
            return Ok(());
        }
        let mut packs = Vec::new();
        let place = || {
            let pack = tempfile::NamedTempFile::new_in(self.path)?.into_temp_path();
            let at = pack.to_path_buf();
            packs.push(pack);
            Ok(at)
        };
        self.remote.fetch_files(self.at, &missing, place, received).await?;
        let path = self.path.to_owned();
        blocking(move || {
            let bare = Bare::open(&path)?;
            packs.iter().try_for_each(|pack| bare.take(pack, &Shallow::default()))
        })
        .await
    }
}
