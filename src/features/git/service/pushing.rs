//! A push: each commit of the volume becomes one of Git, on top of what the repository has. Where that changed the same artifact, both changes are
//! joined as a pull joins them; before each try what is new there is pulled, so that the volume has it, too.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    path::PathBuf,
};

use git2::{ObjectType, Oid};

use super::{
    super::{
        model::PushReport,
        repository::{Author, Bare, Edit, fault},
        wire::Service,
    },
    Work, begin, blocking,
    cloning::{files_of, write},
    linked,
    links::SOURCE,
    outcomes,
    pulling::{finish, head_of, pull_new},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts,
        artifacts::{
            self,
            model::merge::Choice,
            service::{State, TreeChange},
        },
        jobs::Job,
        volumes::{self, model::Commit},
    },
    ids::{ArtifactId, CommitId, UserId, VolumeId},
    server::{blobs::Blobs, context::Ctx},
};

/// Others push as well; after so many times another job tries.
const TRIES: usize = 4;
const SLICE: i64 = 500;

/// Brings the repository up to its volume.
pub async fn push(ctx: &Ctx, job: &Job, volume: VolumeId) -> AppResult<PushReport> {
    let link = linked(ctx, volume).await?;
    let result = match begin(ctx, link.clone()).await {
        Ok(mut work) => {
            work.then_pushes = true;
            push_new(work, job).await
        }
        Err(error) => Err(error),
    };
    outcomes::note(ctx, job, &link, result).await
}

async fn push_new(mut work: Work, job: &Job) -> AppResult<PushReport> {
    let volume = work.access.id;
    let mut report = PushReport::default();
    for _ in 0..TRIES {
        let (at, pulled) = pull_new(&work, job).await?;
        if pulled.is_some() {
            report.pulled = pulled;
        }
        let link = linked(&work.ctx, volume).await?;
        if link.leads() != work.link.leads() {
            return Err(outcomes::moved());
        }
        work.link = link;
        let head = head_of(&work, &at)?;
        report.sha = head.map(|head| head.to_string());
        let line = volumes::service::line_since(&work.ctx, volume, work.link.last_commit()?).await?;
        let Some(last) = line.last().map(|commit| commit.id) else {
            in_step(&mut work, head, None).await?;
            return Ok(report);
        };
        let made = make(&work, head, &line).await?;
        let Some(new) = made.last().copied() else {
            in_step(&mut work, head, Some(last)).await?;
            return Ok(report);
        };
        let at = work.remote.advertised(Service::ReceivePack).await?;
        if at.branch(&work.link.branch) != head {
            continue;
        }
        let (path, commits) = (work.repository.clone(), made.clone());
        let pack = blocking(move || Bare::open(&path)?.pack_of(&commits)).await?;
        match work.remote.push(&at, &work.link.branch, head.unwrap_or(Oid::ZERO_SHA1), new, &pack).await {
            Ok(()) => {
                in_step(&mut work, Some(new), Some(last)).await?;
                report.commits = made.len() as i64;
                report.sha = Some(new.to_string());
                return Ok(report);
            }
            Err(error) if error.code == ErrorCode::Conflict => {
                let at = work.remote.advertised(Service::UploadPack).await?;
                if at.branch(&work.link.branch) == head {
                    // Nobody was faster: it is not taken.
                    return Err(error);
                }
                tracing::info!(%error, %volume, "somebody pushed in between: once more");
            }
            Err(error) => return Err(error),
        }
    }
    Err(AppError::new(ErrorCode::Unavailable, "Somebody else pushed each time in between. It is tried again."))
}

/// The repository has everything of the volume up to a commit, or up to the one that is known of it.
async fn in_step(work: &mut Work, head: Option<Oid>, last: Option<CommitId>) -> AppResult<()> {
    work.then_pushes = false;
    let last = last.or(work.link.last_commit()?);
    finish(work, head, last, work.link.notice.as_deref(), &work.link.conflicts()?, None, None).await
}

/// The commits that the repository lacks, the oldest first; each is stored here, and no name leads to it yet.
async fn make(work: &Work, head: Option<Oid>, line: &[Commit]) -> AppResult<Vec<Oid>> {
    let ctx = &work.ctx;
    let mut making = Making { work, tip: head, tree: None, made: Vec::new() };
    if let Some(head) = head {
        let path = work.repository.clone();
        making.tree = Some(blocking(move || Bare::open(&path)?.tree_of(head)).await?);
    }
    if head.is_some() && work.link.last_commit.is_none() {
        // What was here before the volume was linked is history of its own.
        let mut states = Vec::new();
        let mut after = String::new();
        loop {
            let slice = artifacts::service::export_slice(ctx, work.access.id, None, &after, SLICE).await?;
            let Some((last, _)) = slice.last() else { break };
            after.clone_from(&last.path);
            for (row, _) in slice {
                let files = serde_json::from_str(&row.files)?;
                states.push(State { path: row.path, content_sha: row.content_sha, executable: row.executable != 0, files });
            }
        }
        let message = format!("Add what is in the volume {}", work.access.name);
        making.align(states, BTreeSet::new(), &message).await?;
        return Ok(making.made);
    }
    let mails = accounts::service::mail_addresses(ctx, line.iter().map(|commit| commit.author.id)).await?;
    let (mut pulled, mut own) = (HashSet::new(), HashSet::new());
    let mut last: HashMap<ArtifactId, Option<State>> = HashMap::new();
    let mut paths: HashMap<ArtifactId, BTreeSet<String>> = HashMap::new();
    for commit in line {
        let changes = changes_of(ctx, work, commit.id).await?;
        for change in &changes {
            if commit.source == SOURCE {
                pulled.insert(change.artifact)
            } else {
                own.insert(change.artifact)
            };
            let all = change.before.iter().chain(&change.after).flat_map(files_of).map(|(path, ..)| path);
            paths.entry(change.artifact).or_default().extend(all);
        }
        if commit.source != SOURCE {
            making.replay(&changes, commit, mails.get(&commit.author.id).map(String::as_str)).await?;
        }
        for change in changes {
            last.insert(change.artifact, change.after);
        }
    }
    // Changed on both sides: what came of it here is what counts.
    let both: Vec<ArtifactId> = pulled.intersection(&own).copied().collect();
    let old: BTreeSet<String> = both.iter().filter_map(|id| paths.remove(id)).flatten().collect();
    let states: Vec<State> = both.iter().filter_map(|id| last.remove(id).flatten()).collect();
    making.align(states, old, "Join the changes of both sides").await?;
    Ok(making.made)
}

async fn changes_of(ctx: &Ctx, work: &Work, commit: CommitId) -> AppResult<Vec<TreeChange>> {
    let mut all = Vec::new();
    loop {
        let after = all.last().map(|change: &TreeChange| change.artifact);
        let slice = artifacts::service::tree_changes(ctx, work.access.id, commit, after).await?;
        if slice.is_empty() {
            return Ok(all);
        }
        all.extend(slice);
    }
}

struct Making<'a> {
    work: &'a Work,
    tip: Option<Oid>,
    tree: Option<Oid>,
    made: Vec<Oid>,
}

/// A file of a version: its id in Git, and its mode.
type Blob = (Oid, bool);

impl Making<'_> {
    async fn replay(&mut self, changes: &[TreeChange], commit: &Commit, mail: Option<&str>) -> AppResult<()> {
        let states: Vec<&State> = changes.iter().flat_map(|change| change.before.iter().chain(&change.after)).collect();
        let shas: Vec<String> = states.iter().map(|state| state.content_sha.clone()).collect();
        let contents = artifacts::service::contents_of(&self.work.ctx, &shas).await?;
        // Paths of a commit together: an artifact may take the place of another one.
        let mut before = BTreeMap::new();
        let mut after = BTreeMap::new();
        for change in changes {
            before.extend(change.before.iter().flat_map(named));
            after.extend(change.after.iter().flat_map(named));
        }
        let replay = Replay {
            repository: self.work.repository.clone(),
            folder: self.work.link.folder.clone(),
            tree: self.tree,
            blobs: self.work.ctx.state.blobs.clone(),
            contents,
            before,
            after,
        };
        let tree = blocking(move || replay.run()).await?;
        let (name, author) = (commit.author.name.clone(), commit.author.id);
        self.commit(tree, name, mail.map_or_else(|| unreachable_mail(author), str::to_owned), commit.created_at, commit.message.clone())
            .await
    }

    /// Makes the files of these artifacts what they are here, whatever they are there; `old` are paths that they had.
    async fn align(&mut self, states: Vec<State>, old: BTreeSet<String>, message: &str) -> AppResult<()> {
        if states.is_empty() && old.is_empty() {
            return Ok(());
        }
        let ctx = &self.work.ctx;
        let mut edits: BTreeMap<String, Option<Blob>> = old.into_iter().map(|path| (path, None)).collect();
        let mut states = states.into_iter();
        loop {
            let slice: Vec<State> = states.by_ref().take(SLICE as usize).collect();
            if slice.is_empty() {
                break;
            }
            let shas: Vec<String> = slice.iter().map(|state| state.content_sha.clone()).collect();
            let contents = artifacts::service::contents_of(ctx, &shas).await?;
            let (path, blobs) = (self.work.repository.clone(), ctx.state.blobs.clone());
            let put = blocking(move || {
                let bare = Bare::open(&path)?;
                let all = slice.iter().flat_map(named);
                all.map(|(path, file)| Ok((path, Some((write(&bare, &contents, &blobs, &file.sha, file.main)?, file.executable)))))
                    .collect::<AppResult<Vec<_>>>()
            });
            edits.extend(put.await?);
        }
        let (path, folder, tree) = (self.work.repository.clone(), self.work.link.folder.clone(), self.tree);
        let tree = blocking(move || {
            let bare = Bare::open(&path)?;
            let edits: Vec<Edit> = edits.into_iter().map(|(path, file)| (below(&folder, &path), file)).collect();
            bare.edit(tree, &edits)
        })
        .await?;
        let by = self.work.link.linked_by()?;
        let mails = accounts::service::mail_addresses(ctx, [by.id]).await?;
        let mail = mails.get(&by.id).cloned().unwrap_or_else(|| unreachable_mail(by.id));
        self.commit(tree, by.name, mail, ctx.now(), message.to_owned()).await
    }

    /// Unless nothing differs.
    async fn commit(&mut self, tree: Oid, name: String, mail: String, at_ms: i64, message: String) -> AppResult<()> {
        let path = self.work.repository.clone();
        let (tip, before) = (self.tip, self.tree);
        let made = blocking(move || {
            let bare = Bare::open(&path)?;
            let before = match before {
                Some(before) => before,
                None => bare.edit(None, &[])?,
            };
            if before == tree {
                return Ok(None);
            }
            bare.make_commit(tip, tree, &Author { name: &name, mail: &mail, at_ms }, &message).map(Some)
        });
        if let Some(made) = made.await? {
            self.tip = Some(made);
            self.tree = Some(tree);
            self.made.push(made);
        }
        Ok(())
    }
}

/// Of accounts without an address.
fn unreachable_mail(user: UserId) -> String {
    format!("{user}@users.noreply.invalid")
}

/// A path of the repository.
fn below(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

/// A file as the volume names it.
struct Named {
    sha: String,
    executable: bool,
    main: bool,
}

fn named(state: &State) -> impl Iterator<Item = (String, Named)> {
    let main = state.path.clone();
    files_of(state).into_iter().map(move |(path, sha, executable)| {
        let is_main = path == main;
        (path, Named { sha, executable, main: is_main })
    })
}

/// One commit of the volume onto a tree of the repository.
struct Replay {
    repository: PathBuf,
    folder: String,
    tree: Option<Oid>,
    blobs: Blobs,
    contents: HashMap<String, Vec<u8>>,
    before: BTreeMap<String, Named>,
    after: BTreeMap<String, Named>,
}

impl Replay {
    fn run(self) -> AppResult<Oid> {
        let bare = Bare::open(&self.repository)?;
        let paths: BTreeSet<&String> = self.before.keys().chain(self.after.keys()).collect();
        let mut edits: Vec<Edit> = Vec::new();
        for path in paths {
            let place = below(&self.folder, path);
            let there = bare.look_up(self.tree, &place)?;
            let old = self.before.get(path).map(|file| self.id_of(file)).transpose()?;
            let new = match self.after.get(path) {
                Some(file) => Some((write(&bare, &self.contents, &self.blobs, &file.sha, file.main)?, file.executable)),
                None => None,
            };
            if there == new {
                continue;
            }
            if there == old || there.is_none() {
                edits.push((place, new));
                continue;
            }
            // It is another one there: both changes, if they fit.
            if let (Some(there), Some(new), Some(before), Some(after)) = (there, new, self.before.get(path), self.after.get(path))
                && let (joined, true) =
                    artifacts::service::join_texts(&self.bytes_of(before)?, &self.bytes_of(after)?, &bare.read(there.0)?, Choice::Ours)
            {
                edits.push((place, Some((bare.write(&joined)?, new.1))));
            }
        }
        bare.edit(self.tree, &edits)
    }

    fn bytes_of(&self, file: &Named) -> AppResult<Vec<u8>> {
        match self.contents.get(&file.sha).filter(|_| file.main) {
            Some(bytes) => Ok(bytes.clone()),
            None => Ok(self.blobs.get_blocking(&file.sha)?),
        }
    }

    fn id_of(&self, file: &Named) -> AppResult<Blob> {
        Ok((Oid::hash_object(ObjectType::Blob, &self.bytes_of(file)?).map_err(fault)?, file.executable))
    }
}
