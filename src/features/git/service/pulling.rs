//! A pull: what changed in the repository becomes one commit of the volume. What was changed on both sides is joined line by line; where that is not
//! possible, the repository's text is committed and the volume's waits beside it as a draft, so that the merge view shows both.

use git2::Oid;
use tokio::sync::mpsc;

use super::{
    super::{
        model::{PullReport, REPORT_LINES, brought_words, pulled_message},
        repository::Bare,
        store::{self, Synced},
        wire::{Advertised, Service},
    },
    Work, begin, blocking,
    comparing::{Act, Base, Comparison, Incoming, Left, Slice},
    fetching::Fetching,
    linked,
    links::{self, SOURCE},
    no_branch,
    outcomes::{self, News},
    runs,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        analytics::service::{Event, UsageKind, record},
        artifacts::{
            self,
            model::{FileEntry, merge::Choice},
            service::{Alongside, Staging},
        },
        jobs::{self, Job},
        notifications::model::NotificationKind,
        volumes::{
            self,
            archive::Skipped,
            model::{ImportItem, ImportOutcome, subject},
            service::Appended,
        },
        webhooks::{self, service::AwaitedPush},
    },
    ids::{ArtifactId, CommitId, VolumeId},
    server::{context::Ctx, db::Tx, error::internal},
};

/// Somebody may commit the same artifacts meanwhile; then everything is compared once more.
const TRIES: usize = 3;

/// Brings a volume up to its repository. None: there was nothing new.
pub async fn pull(ctx: &Ctx, job: &Job, volume: VolumeId) -> AppResult<Option<PullReport>> {
    let link = linked(ctx, volume).await?;
    let result = match begin(ctx, link.clone()).await {
        // What failed may be the push, which alone says that it is over.
        Ok(mut work) => {
            work.then_pushes = link.push != 0 && link.failures > 0;
            pull_then(&work, job).await
        }
        Err(error) => Err(error),
    };
    outcomes::note(ctx, job, &link, result).await
}

async fn pull_then(work: &Work, job: &Job) -> AppResult<Option<PullReport>> {
    let (_, report) = pull_new(work, job).await?;
    if work.then_pushes {
        let mut tx = work.ctx.db().write_tx().await?;
        links::sync_soon(&mut tx, work.access.id, true, work.ctx.now()).await?;
        tx.commit().await?;
        work.ctx.state.jobs.notify_one();
    }
    Ok(report)
}

/// Asks what the branch is at, and brings the volume up to it. The pushes that waited for that have come then.
pub(super) async fn pull_new(work: &Work, job: &Job) -> AppResult<(Advertised, Option<PullReport>)> {
    let (ctx, access) = (&work.ctx, &work.access);
    let pushes = webhooks::service::pushes_awaiting(ctx, access.id).await?;
    let at = work.remote.advertised(Service::UploadPack).await?;
    let report = pull_in(work, &at, &pushes, job).await?;
    // What comes with the link itself nobody pushed.
    let announced = last_of(work).is_some() && report.as_ref().is_some_and(|report| report.commit_id.is_some());
    let words = report.as_ref().map_or_else(|| "it has that already.".to_owned(), brought_words);
    webhooks::service::pushes_pulled(ctx, access.id, &pushes, announced, &format!("{}: {words}", access.name)).await?;
    outcomes::catch_up(ctx, &work.link, job).await?;
    Ok((at, report))
}

/// Who made these pushes, by their id at GitHub, if it was one.
fn pusher(pushes: &[AwaitedPush]) -> Option<i64> {
    let sender = pushes.first()?.sender?;
    pushes.iter().all(|push| push.sender == Some(sender)).then_some(sender)
}

/// The head of the linked branch; none when the repository is empty.
pub(super) fn head_of(work: &Work, at: &Advertised) -> AppResult<Option<Oid>> {
    match at.branch(&work.link.branch) {
        Some(head) => Ok(Some(head)),
        None if at.is_empty() => Ok(None),
        None => Err(no_branch(at, &work.link.branch)),
    }
}

/// What both sides are known to have.
pub(super) fn last_of(work: &Work) -> Option<Oid> {
    work.link.last_sha.as_deref().and_then(|sha| Oid::from_str(sha).ok())
}

async fn pull_in(work: &Work, at: &Advertised, pushes: &[AwaitedPush], job: &Job) -> AppResult<Option<PullReport>> {
    let (ctx, volume) = (&work.ctx, work.access.id);
    let last = last_of(work);
    let Some(head) = head_of(work, at)? else {
        let notice = Some("The repository is empty: it begins with the first push.");
        finish(work, None, work.link.last_commit()?, notice, &[], None, None).await?;
        return Ok(None);
    };
    let fetching = Fetching::of(work, at, Some((&work.ctx, job)));
    if last == Some(head) {
        // What was fetched is a copy that may have been deleted.
        fetching.commit(head, last).await?;
        let conflicts = work.link.conflicts()?;
        finish(work, Some(head), work.link.last_commit()?, work.link.notice.as_deref(), &conflicts, None, None).await?;
        if job.attempts > 1 {
            follow_again(work).await?;
        }
        return Ok(None);
    }
    fetching.commit_and_base(head, last).await?;
    let path = work.repository.clone();
    let (base, distance, about) = blocking(move || {
        let bare = Bare::open(&path)?;
        let base = last.filter(|last| bare.has(*last));
        Ok((base, base.and_then(|base| bare.distance(base, head)), bare.about(head)?))
    })
    .await?;
    let notice = match last {
        None => None,
        Some(_) if distance.is_some() => None,
        Some(last) if base.is_some() => Some(format!(
            "The history of the branch was rewritten: {} is no longer in it. Both sides were compared file by file, and nothing of the volume was dropped.",
            &last.to_string()[..7]
        )),
        Some(last) => Some(format!(
            "What both sides had in common ({}) is gone from the repository and from this server, so each difference waits to be merged.",
            &last.to_string()[..7]
        )),
    };
    let mut tx = ctx.db().write_tx().await?;
    store::set_behind(&mut tx, work.link.leads(), distance.unwrap_or(1) as i64).await?;
    tx.commit().await?;

    // Before the link says that both sides have this: what is not taken by then is taken by the next try.
    let runs = runs::take_runs(work, head, base).await?;
    let subject = subject(&about.message);
    let incoming = Pulling { head, base, notice: notice.as_deref(), runs: &runs, pushes, subject };
    let message = pulled_message(&about.message, &about.author, &head.to_string(), distance);
    let mut tried = 0;
    loop {
        // What a process before this one only staged is taken back; what it published the link has.
        artifacts::service::unstage_all(ctx, volume).await?;
        tried += 1;
        let taken = take_in(work, job, &incoming, CommitId::generate(), &message).await;
        let overtaken = taken.as_ref().err().filter(|error| error.code == ErrorCode::Conflict && tried < TRIES);
        let Some(error) = overtaken else { return taken.map(Some) };
        if !outcomes::still_leads(ctx, &work.link).await? {
            return taken.map(Some);
        }
        tracing::info!(%error, %volume, "the volume changed during a pull: once more");
    }
}

/// A process before this one may have died between its commit and the drafts that were to follow it.
async fn follow_again(work: &Work) -> AppResult<()> {
    let Some(report) = work.link.report.as_deref().map(serde_json::from_str::<PullReport>).transpose()? else { return Ok(()) };
    let ids: Vec<ArtifactId> = report.items.iter().filter_map(|item| item.artifact_id).collect();
    artifacts::service::follow_with_drafts(&work.ctx, &ids).await
}

/// How far both sides are, where no commit of the volume says it.
///
/// # Errors
/// A conflict: the volume was linked to another place meanwhile.
pub(super) async fn finish(
    work: &Work,
    head: Option<Oid>,
    commit: Option<CommitId>,
    notice: Option<&str>,
    conflicts: &[ArtifactId],
    report: Option<&PullReport>,
    news: Option<&News>,
) -> AppResult<()> {
    let now = work.ctx.now();
    let sha = head.map(|head| head.to_string());
    let report = report.map(serde_json::to_string).transpose()?;
    let synced = Synced {
        leads: work.link.leads(),
        sha: sha.as_deref(),
        commit,
        notice,
        conflicts,
        report: report.as_deref(),
        well: !work.then_pushes,
        look_at: outcomes::next_look(now),
        now,
    };
    let mut tx = work.ctx.db().write_tx().await?;
    if !store::set_synced(&mut tx, &synced).await? {
        return Err(outcomes::moved());
    }
    if let Some(news) = news {
        news.write(&mut tx, format!("rewritten {} {}", work.access.id, sha.as_deref().unwrap_or_default())).await?;
    }
    tx.commit().await?;
    if let Some(news) = news {
        news.tell().await;
    }
    Ok(())
}

/// What is pulled.
struct Pulling<'a> {
    head: Oid,
    base: Option<Oid>,
    notice: Option<&'a str>,
    /// How many runs came with it, and what could not be read of them.
    runs: &'a (usize, Vec<Skipped>),
    /// Those that it was pushed with, as far as deliveries told of them.
    pushes: &'a [AwaitedPush],
    /// The first line of what the commit at the head says.
    subject: &'a str,
}

/// What is so once the commit of a pull is there: what the link says, who is told, and what stands with the deliveries. It is one transaction with the
/// commit: a pull that was killed between the two would take what it brought itself for a change of the volume's own, and the next change there for a
/// conflict; and nobody would hear of the push, since there would be nothing new any more.
struct InStep<'a> {
    synced: Synced<'a>,
    /// The volume that was compared; none while something in it was never pushed.
    compared: Option<Option<String>>,
    commit: CommitId,
    volume: VolumeId,
    news: &'a [News],
    pushes: &'a [AwaitedPush],
    /// What came of them.
    words: &'a str,
}

impl Alongside for InStep<'_> {
    async fn write(&self, tx: &mut Tx, parent: Option<&str>) -> AppResult<()> {
        // What somebody committed meanwhile still has to be pushed.
        let in_step = self.compared.as_ref().is_some_and(|head| head.as_deref() == parent);
        let commit = if in_step { Some(self.commit) } else { self.synced.commit };
        if !store::set_synced(tx, &Synced { commit, ..self.synced }).await? {
            return Err(outcomes::moved());
        }
        for (place, news) in self.news.iter().enumerate() {
            let source = if place == 0 { format!("pulled {}", self.commit) } else { format!("pulled {} {place}", self.commit) };
            news.write(tx, source).await?;
        }
        webhooks::service::note_pull(tx, self.volume, self.pushes, self.words, false, self.synced.now).await
    }
}

async fn take_in(work: &Work, job: &Job, pulling: &Pulling<'_>, commit: CommitId, message: &str) -> AppResult<PullReport> {
    let (ctx, volume, head) = (&work.ctx, work.access.id, pulling.head);
    let last = work.link.last_commit()?;
    let line = volumes::service::line_since(ctx, volume, last).await?;
    let newest = line.last().map(|commit| commit.id).or(last);
    let pushed = line.iter().all(|commit| commit.source == SOURCE);
    let known = artifacts::service::volume_places(ctx, volume).await?;
    // Two slices at most wait for the database: memory stays bounded whatever comes.
    let (sender, mut slices) = mpsc::channel::<Slice>(2);
    let comparison = Comparison {
        repository: work.repository.clone(),
        folder: work.link.folder.clone(),
        head,
        base: pulling.base,
        known,
        blobs: ctx.state.blobs.clone(),
        sender,
    };
    let comparing = tokio::task::spawn_blocking(move || comparison.run());
    let mut taking = Taking {
        work,
        commit,
        report: PullReport { sha: head.to_string(), ..PullReport::default() },
        changes: Vec::new(),
        conflicts: Vec::new(),
        touched: Vec::new(),
    };
    let mut failed = None;
    while let Some(slice) = slices.recv().await {
        let (done, total) = (slice.done, slice.total);
        let taken = match taking.take(slice).await {
            Ok(()) => jobs::service::progress(ctx, job, done, total).await,
            error => error,
        };
        if let Err(error) = taken {
            failed = Some(error);
            break;
        }
    }
    // Closing the channel ends a comparison that is still at it.
    drop(slices);
    let left = comparing.await.map_err(|error| internal("pull", &error))?;
    if let Some(error) = failed {
        return Err(error);
    }
    let Taking { mut report, changes, conflicts, touched, .. } = taking;
    note_left(&mut report, left?);
    let (traces, refused) = pulling.runs;
    report.traces = *traces as i64;
    report.skipped += refused.len() as i64;
    refused.iter().cloned().for_each(|skipped| note_skipped(&mut report, skipped));
    report.conflicts = conflicts.len() as i64;
    let mut unmerged = work.link.conflicts()?;
    unmerged.extend(conflicts);
    unmerged.sort_unstable();
    unmerged.dedup();
    // Of a history that was rewritten those hear who look after the volume.
    let rewritten = match pulling.notice {
        Some(notice) => Some(News::of(ctx, &work.access, NotificationKind::Sync, None, notice.to_owned()).await?),
        None => None,
    };
    if changes.is_empty() {
        let mut tx = ctx.db().write_tx().await?;
        record(ctx, &mut tx, Event::new(UsageKind::GitPulled).workspace(work.access.workspace).volume(volume)).await?;
        tx.commit().await?;
        // What was never pushed still has to be; otherwise the repository has everything up to here.
        let in_step = if pushed { newest } else { last };
        finish(work, Some(head), in_step, pulling.notice, &unmerged, Some(&report), rewritten.as_ref()).await?;
        return Ok(report);
    }
    report.commit_id = Some(commit);
    let (sha, text, now) = (head.to_string(), serde_json::to_string(&report)?, ctx.now());
    let synced = Synced {
        leads: work.link.leads(),
        sha: Some(&sha),
        commit: last,
        notice: pulling.notice,
        conflicts: &unmerged,
        report: Some(&text),
        well: !work.then_pushes,
        look_at: outcomes::next_look(now),
        now,
    };
    let words = brought_words(&report);
    let mut news = Vec::new();
    // What comes with the link itself nobody pushed.
    if last_of(work).is_some() {
        let text = format!("{}: {words}", pulling.subject);
        news.push(News::of(ctx, &work.access, NotificationKind::Push, pusher(pulling.pushes), text).await?);
    }
    news.extend(rewritten);
    let in_step = InStep {
        synced,
        compared: pushed.then(|| newest.map(|id| id.to_string())),
        commit,
        volume,
        news: &news,
        pushes: pulling.pushes,
        words: &format!("{}: {words}", work.access.name),
    };
    let event = Event::new(UsageKind::GitPulled).subject(commit).amount(changes.len() as i64);
    let author = ctx.actor()?.id();
    let appended = Appended { id: commit, volume, author, message, source: SOURCE, changes, now };
    artifacts::service::publish_import(ctx, appended, event, &in_step).await?;
    for news in &news {
        news.tell().await;
    }
    // What is pulled is pulled: drafts that did not follow wait in the merge view.
    if let Err(error) = artifacts::service::follow_with_drafts(ctx, &touched).await {
        tracing::warn!(%error, %volume, "drafts did not follow what was pulled");
    }
    Ok(report)
}

struct Taking<'a> {
    work: &'a Work,
    commit: CommitId,
    report: PullReport,
    changes: Vec<Staging>,
    conflicts: Vec<ArtifactId>,
    /// Artifacts that were here before.
    touched: Vec<ArtifactId>,
}

impl Taking<'_> {
    async fn take(&mut self, slice: Slice) -> AppResult<()> {
        let ctx = &self.work.ctx;
        let mut staged = Vec::with_capacity(slice.incoming.len());
        for mut incoming in slice.incoming {
            let id = incoming.staged.artifact;
            let mut outcome = ImportOutcome::Updated;
            match incoming.act {
                Act::Create => {
                    self.report.created += 1;
                    outcome = ImportOutcome::Created;
                }
                Act::Update => self.report.updated += 1,
                Act::Rename => self.report.renamed += 1,
                Act::Delete => {
                    self.report.deleted += 1;
                    incoming.note = Some("It was deleted there: it is in the trash.".to_owned());
                }
                Act::Join => match join(ctx, &mut incoming).await? {
                    Joined::Same => continue,
                    Joined::Clean => {
                        self.report.merged += 1;
                        incoming.note = Some("It was changed on both sides: the changes were joined.".to_owned());
                    }
                    Joined::Conflict => {
                        self.conflicts.push(id);
                        incoming.note = Some(
                            "It was changed on both sides in the same lines: the text from here waits as a draft to be merged.".to_owned(),
                        );
                    }
                },
            }
            if incoming.act != Act::Create {
                self.touched.push(id);
            }
            let item = ImportItem {
                path: incoming.staged.path.clone(),
                outcome,
                artifact_id: Some(id),
                session_id: None,
                reason: incoming.note,
                line: None,
            };
            note(&mut self.report, item);
            staged.push(incoming.staged);
        }
        if !staged.is_empty() {
            let author = ctx.actor()?.id();
            self.changes.extend(artifacts::service::stage_import(ctx, self.commit, self.work.access.id, author, staged).await?);
        }
        Ok(())
    }
}

enum Joined {
    /// What is here has theirs in it already.
    Same,
    Clean,
    Conflict,
}

/// Joins what was changed here with what came; what comes of it is staged. In a conflict theirs is, and ours becomes a draft first, so that it is
/// never without a place.
async fn join(ctx: &Ctx, incoming: &mut Incoming) -> AppResult<Joined> {
    let id = incoming.staged.artifact;
    let gone = || AppError::conflict("Somebody moved or deleted an artifact during the pull.");
    let ours = artifacts::service::committed_folders(ctx, &[id]).await?.remove(&id).ok_or_else(gone)?;
    let theirs = incoming.staged.content.clone().unwrap_or_default();
    if let Some(base) = incoming.base.take() {
        let (ours_content, their_files) = (ours.content.clone(), incoming.staged.files.clone());
        let ours_files = ours.files.clone();
        let tree = base.tree_sha.clone();
        let joined = blocking(move || Ok(join_all(&base, (&ours_content, &ours_files), (&theirs, &their_files)))).await?;
        if let Some((content, files)) = joined {
            let same = content == ours.content && files == ours.files;
            let mode = incoming.staged.known.as_ref().is_some_and(|known| known.executable == incoming.staged.executable);
            let stays = mode && !incoming.moves;
            incoming.staged.content = Some(content);
            incoming.staged.files = files;
            return Ok(if same && stays { Joined::Same } else { Joined::Clean });
        }
        let revision = artifacts::service::revision_of_tree(ctx, id, &tree).await?;
        artifacts::service::keep_for_merge(ctx, id, revision).await?;
        return Ok(Joined::Conflict);
    }
    artifacts::service::keep_for_merge(ctx, id, None).await?;
    Ok(Joined::Conflict)
}

/// Content and files of both; none where the same lines or the same file were changed differently.
fn join_all(base: &Base, ours: (&[u8], &[FileEntry]), theirs: (&[u8], &[FileEntry])) -> Option<(Vec<u8>, Vec<FileEntry>)> {
    let (content, clean) = artifacts::service::join_texts(&base.content, ours.0, theirs.0, Choice::Ours);
    let (files, conflicts) = artifacts::service::join_files(&base.files, ours.1, theirs.1, Choice::Ours);
    (clean && conflicts.is_empty()).then_some((content, files))
}

fn note(report: &mut PullReport, item: ImportItem) {
    if report.items.len() < REPORT_LINES { report.items.push(item) } else { report.more += 1 }
}

fn note_left(report: &mut PullReport, left: Left) {
    report.skipped = left.skipped.len() as i64;
    for skipped in left.kept.into_iter().chain(left.skipped) {
        note_skipped(report, skipped);
    }
}

fn note_skipped(report: &mut PullReport, Skipped { path, reason }: Skipped) {
    let outcome = ImportOutcome::Skipped;
    note(report, ImportItem { path, outcome, artifact_id: None, session_id: None, reason: Some(reason), line: None });
}
