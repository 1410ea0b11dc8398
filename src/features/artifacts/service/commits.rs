//! Committing: drafts become revisions, one commit for each volume, all in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    facts::Facts,
    live, tree,
    usage::{self, Happened},
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::Action,
        artifacts::{
            model::{BULK_MAX, FileEntry, diff, document::Document},
            store::{self, ArtifactRow, DraftRow, NewRevision, RevisionRow},
        },
        collaboration::service::documents::{self, Followed, Held},
        volumes::{
            self,
            model::{Change, Commit, CreateCommit, limits},
            service::{Appended, VolumeAccess, append_commit, lock},
        },
    },
    ids::{ArtifactId, CommitId, RevisionId, VolumeId},
    server::{clock, context::Ctx, db::Tx, idempotency, secrets},
};

/// Revisions of one volume, ready to become a commit.
pub struct Prepared {
    pub volume: VolumeId,
    pub commit: CommitId,
    pub message: String,
    pub source: &'static str,
    pub revisions: Vec<NewRevision>,
    pub contents: Vec<(String, Vec<u8>)>,
}

/// A file that a commit saves beside artifacts: whoever asks for it keeps its bytes.
pub struct Beside {
    pub volume: VolumeId,
    pub path: String,
    pub sha: String,
    pub change: Change,
}

/// Appends a prepared commit to its volume, which `locked` is the lock of, and makes its revisions the heads.
pub async fn publish(ctx: &Ctx, tx: &mut Tx, locked: &(i64, Option<String>), prepared: Prepared, applies: bool) -> AppResult<Commit> {
    publish_beside(ctx, tx, locked, prepared, applies, None).await
}

async fn publish_beside(
    ctx: &Ctx,
    tx: &mut Tx,
    locked: &(i64, Option<String>),
    prepared: Prepared,
    applies: bool,
    beside: Option<&Beside>,
) -> AppResult<Commit> {
    let actor = ctx.actor()?;
    let now = ctx.now();
    store::insert_contents(tx, &prepared.contents).await?;
    store::insert_revisions(tx, prepared.commit, &prepared.revisions, now).await?;
    if applies {
        let workspace = volumes::service::workspace_of(tx, prepared.volume).await?;
        let happened = Happened { workspace, volume: prepared.volume, author: actor.id(), source: prepared.source };
        usage::record_changes(ctx, tx, &happened, prepared.revisions.iter().map(usage::Changed::from).collect()).await?;
        store::apply_revisions(tx, prepared.commit, locked.0, &actor.id().to_string(), now).await?;
    }
    let mut changes: Vec<_> = prepared.revisions.iter().map(|new| (new.path.clone(), new.tree_sha.clone(), new.change)).collect();
    changes.extend(beside.map(|beside| (beside.path.clone(), beside.sha.clone(), beside.change)));
    let count = changes.len() as i64;
    let sha = append_commit(
        ctx,
        tx,
        locked.1.as_deref(),
        Appended {
            id: prepared.commit,
            volume: prepared.volume,
            author: actor.id(),
            message: &prepared.message,
            source: prepared.source,
            changes,
            now,
        },
    )
    .await?;
    Ok(Commit {
        id: prepared.commit,
        sha,
        volume_id: prepared.volume,
        author: actor.person.clone(),
        message: prepared.message,
        source: prepared.source.to_owned(),
        changes: count,
        created_at: now,
    })
}

/// A revision from bytes.
pub struct Bytes<'a> {
    pub content: &'a [u8],
    pub executable: bool,
    pub files: Vec<FileEntry>,
    /// The main file before, for the count of changed lines.
    pub before: Option<&'a [u8]>,
}

/// Makes a revision of an artifact that stands at `row`'s place.
pub fn revision_of(
    row: &ArtifactRow,
    parent: Option<RevisionId>,
    change: Change,
    bytes: Bytes<'_>,
) -> AppResult<(NewRevision, (String, Vec<u8>))> {
    let text = Document::decode(bytes.content).text;
    let before = bytes.before.map(|before| Document::decode(before).text).unwrap_or_default();
    let (added, removed) = diff::stat(&before, &text);
    let content_sha = secrets::sha256(bytes.content);
    let mut files = bytes.files;
    files.sort();
    let new = NewRevision {
        id: RevisionId::generate(),
        artifact: row.id()?,
        parent,
        change,
        kind: row.kind(),
        slug: row.slug.clone(),
        path: row.path.clone(),
        facts: Facts::of(row.kind(), &row.slug, &text),
        tree_sha: tree::tree_sha(&row.path, &content_sha, bytes.executable, &files),
        content_sha: content_sha.clone(),
        executable: bytes.executable,
        files: serde_json::to_string(&files)?,
        size: bytes.content.len() as i64,
        added: added as i64,
        removed: removed as i64,
    };
    Ok((new, (content_sha, bytes.content.to_vec())))
}

/// Checks what a person writes about a commit.
pub fn checked_message(message: &str) -> AppResult<String> {
    let message = message.trim();
    if message.is_empty() {
        return Err(AppError::field("message", "Say in a few words what changed."));
    }
    if message.chars().count() > limits::MESSAGE_CHARS {
        return Err(AppError::field("message", format!("A message has at most {} characters.", limits::MESSAGE_CHARS)));
    }
    Ok(message.chars().filter(|c| *c == '\n' || !c.is_control()).collect())
}

/// An id made by the client also places its commit among the others, so its time has to be about now.
pub fn checked_commit_id(id: CommitId, now: i64) -> AppResult<CommitId> {
    let id = CommitId::chosen(Some(id), now)?;
    let made = uuid::Uuid::parse_str(&id.to_string()).ok().and_then(|id| id.get_timestamp());
    let close = made.is_some_and(|made| {
        let (seconds, _) = made.to_unix();
        i64::try_from(seconds).is_ok_and(|seconds| (now / clock::SECOND - seconds).abs() <= clock::DAY / clock::SECOND)
    });
    if close { Ok(id) } else { Err(AppError::field("id", "The id of a commit is a UUIDv7 made now.")) }
}

/// What a commit needs to know about one artifact.
struct Draft {
    row: ArtifactRow,
    draft: DraftRow,
    head: Option<RevisionRow>,
}

/// Commits drafts as a request of its own, which happens once however often it is sent.
pub async fn create_commit(ctx: &Ctx, input: CreateCommit) -> AppResult<Vec<Commit>> {
    let mut begun = begin_commit(ctx, input, None).await?;
    idempotency::settle(ctx, &mut begun.tx, &begun.commits).await?;
    begun.finish(ctx).await
}

/// Commits drafts: of each volume one commit, all or none.
pub async fn commit(ctx: &Ctx, input: CreateCommit) -> AppResult<Vec<Commit>> {
    begin_commit(ctx, input, None).await?.finish(ctx).await
}

/// Commits in a transaction that is still open: what belongs to them can join it.
pub struct Begun {
    pub tx: Tx,
    pub commits: Vec<Commit>,
    ids: Vec<ArtifactId>,
    accesses: HashMap<VolumeId, VolumeAccess>,
    /// What editors have open of it: nothing of that becomes a draft before the end.
    held: Vec<(Held, Followed)>,
}

impl Begun {
    pub async fn finish(self, ctx: &Ctx) -> AppResult<Vec<Commit>> {
        self.tx.commit().await?;
        for (_held, followed) in self.held {
            followed.publish();
        }
        for commit in &self.commits {
            if let Some(access) = self.accesses.get(&commit.volume_id) {
                live::announce_commit(ctx, access, &commit.sha);
            }
        }
        live::announce_all(ctx, &self.ids, "head").await;
        Ok(self.commits)
    }
}

/// Begins a commit, with a file beside the drafts. The caller may commit to the volume of that file.
pub async fn begin_commit(ctx: &Ctx, input: CreateCommit, beside: Option<Beside>) -> AppResult<Begun> {
    ctx.actor_with(Action::Commit.scope())?;
    let message = checked_message(&input.message)?;
    let ids: Vec<ArtifactId> = {
        let mut seen = HashSet::new();
        input.artifacts.iter().map(|item| item.id).filter(|id| seen.insert(*id)).collect()
    };
    if (ids.is_empty() && beside.is_none()) || ids.len() > BULK_MAX {
        return Err(AppError::field("artifacts", format!("A commit takes 1 to {BULK_MAX} drafts.")));
    }
    let first_id = match input.id {
        Some(id) => checked_commit_id(id, ctx.now())?,
        None => CommitId::generate(),
    };
    let mut held = documents::hold_all(ctx, &ids).await?;
    let seen = Seen {
        bases: input.artifacts.iter().map(|item| (item.id.to_string(), item.base_revision_id)).collect(),
        after_own: input.after_own,
    };
    let (drafts, accesses) = load(ctx, &ids, &seen).await?;
    refuse_conflicts(ctx, &drafts, &seen).await?;
    let heads: Vec<String> = drafts.iter().filter_map(|draft| draft.head.as_ref().map(|head| head.content_sha.clone())).collect();
    let before = tree::contents_of(ctx, &heads).await?;

    let mut volumes: BTreeMap<VolumeId, Prepared> = BTreeMap::new();
    let empty =
        |volume, commit| Prepared { volume, commit, message: message.clone(), source: "edit", revisions: Vec::new(), contents: Vec::new() };
    if let Some(beside) = &beside {
        volumes.insert(beside.volume, empty(beside.volume, first_id));
    }
    for draft in &drafts {
        let volume = draft.row.volume()?;
        let fresh = if volumes.is_empty() { first_id } else { CommitId::generate() };
        let prepared = volumes.entry(volume).or_insert_with(|| empty(volume, fresh));
        let bytes = Bytes {
            content: &draft.draft.content,
            executable: draft.head.as_ref().is_some_and(|head| head.executable != 0),
            files: serde_json::from_str(&draft.draft.files)?,
            before: draft.head.as_ref().and_then(|head| before.get(&head.content_sha)).map(Vec::as_slice),
        };
        let change = if draft.head.is_some() { Change::Updated } else { Change::Created };
        let (revision, content) = revision_of(&draft.row, draft.row.head()?, change, bytes)?;
        prepared.revisions.push(revision);
        prepared.contents.push(content);
    }

    let mut tx = ctx.db().write_tx().await?;
    documents::take(ctx, &mut tx, held.values()).await?;
    let mut locks = Vec::new();
    // In the order of ids, so that two commits over the same volumes cannot wait for each other.
    for volume in volumes.keys() {
        locks.push(lock(&mut tx, *volume).await?);
    }
    refuse_changes(&mut tx, &ids, &drafts).await?;
    let (mut commits, mut following) = (Vec::new(), Vec::new());
    for (locked, (volume, prepared)) in locks.iter().zip(volumes) {
        // The text that editors have is this one; what they write next begins with this revision.
        for (new, (_, content)) in prepared.revisions.iter().zip(&prepared.contents) {
            if let Some(held) = held.remove(&new.artifact) {
                let followed = held.follow(ctx, &mut tx, &Document::decode(content).text, Some(new.id)).await?;
                following.push((held, followed));
            }
        }
        let id = prepared.commit;
        let beside = beside.as_ref().filter(|beside| beside.volume == volume);
        let commit = publish_beside(ctx, &mut tx, locked, prepared, true, beside).await?;
        store::clear_drafts(&mut tx, id).await?;
        commits.push(commit);
    }
    Ok(Begun { tx, commits, ids, accesses, held: following })
}

/// What the author of a commit knew of its artifacts.
struct Seen {
    /// The revision that was seen as the head, by artifact.
    bases: HashMap<String, Option<RevisionId>>,
    /// What the author committed since is known too.
    after_own: bool,
}

impl Seen {
    fn base(&self, row: &ArtifactRow) -> Option<RevisionId> {
        self.bases.get(&row.id).copied().flatten()
    }

    /// Whether the author knows of the head.
    async fn knows_head(&self, ctx: &Ctx, row: &ArtifactRow) -> AppResult<bool> {
        let base = self.base(row);
        Ok(base == row.head()? || (self.after_own && only_own_since(ctx, row.id()?, base).await?))
    }
}

/// The drafts. Of an artifact whose author committed all of it already, as happens where editors bring a text sooner than an earlier commit of it that waited,
/// nothing is left, and nothing is wrong.
async fn load(ctx: &Ctx, ids: &[ArtifactId], seen: &Seen) -> AppResult<(Vec<Draft>, HashMap<VolumeId, VolumeAccess>)> {
    let pool = ctx.db().read();
    let rows = store::by_ids(pool, ids).await?;
    if rows.len() != ids.len() {
        return Err(AppError::not_found("artifact"));
    }
    let mut accesses: HashMap<VolumeId, VolumeAccess> = HashMap::new();
    for row in &rows {
        let volume = row.volume()?;
        if let std::collections::hash_map::Entry::Vacant(entry) = accesses.entry(volume) {
            let access = volumes::service::authorise(ctx, volume, Action::Commit)
                .await
                .map_err(|error| if error.code == ErrorCode::NotFound { AppError::not_found("artifact") } else { error })?;
            entry.insert(access);
        }
    }
    let heads = rows.iter().filter_map(|row| row.head().transpose()).collect::<AppResult<Vec<_>>>()?;
    let mut heads: HashMap<String, RevisionRow> =
        store::revisions(pool, &heads).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let mut drafts: HashMap<String, DraftRow> =
        store::drafts(pool, ids).await?.into_iter().map(|row| (row.artifact_id.clone(), row)).collect();
    let mut problems = BTreeMap::new();
    let mut loaded = Vec::new();
    for row in rows {
        match drafts.remove(&row.id) {
            Some(draft) if row.state == store::LIVE => {
                let head = row.head_revision_id.as_ref().and_then(|id| heads.remove(id));
                loaded.push(Draft { row, draft, head });
            }
            Some(_) => drop(problems.insert(row.id, format!("“{}” is in the trash.", row.name))),
            None if row.state == store::LIVE && seen.base(&row) != row.head()? && seen.knows_head(ctx, &row).await? => {}
            None => drop(problems.insert(row.id, format!("“{}” has no uncommitted changes.", row.name))),
        }
    }
    if problems.is_empty() { Ok((loaded, accesses)) } else { Err(conflict(problems)) }
}

/// A draft is committed onto the revision it began with, which is also the one that its author saw as the head, or made it since.
async fn refuse_conflicts(ctx: &Ctx, drafts: &[Draft], seen: &Seen) -> AppResult<()> {
    let mut problems = BTreeMap::new();
    for Draft { row, draft, .. } in drafts {
        if draft.base_revision_id != row.head_revision_id || !seen.knows_head(ctx, row).await? {
            problems.insert(row.id.clone(), format!("Somebody committed “{}” in between: merge first.", row.name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(conflict(problems)) }
}

/// Whether all that was committed of an artifact since a revision (none: ever) is what the caller wrote: then nobody else was there.
pub async fn only_own_since(ctx: &Ctx, id: ArtifactId, since: Option<RevisionId>) -> AppResult<bool> {
    let pool = ctx.db().read();
    if let Some(since) = since
        && store::revision(pool, id, since).await?.is_none()
    {
        return Ok(false);
    }
    Ok(!store::others_since(pool, id, since, ctx.actor()?.id()).await?)
}

/// What was prepared must still be so, now that the volumes are locked.
async fn refuse_changes(tx: &mut Tx, ids: &[ArtifactId], drafts: &[Draft]) -> AppResult<()> {
    let rows: HashMap<String, ArtifactRow> = store::by_ids_in(tx, ids).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let saves = store::draft_saves(tx, ids).await?;
    let mut problems = BTreeMap::new();
    for Draft { row, draft, .. } in drafts {
        let same = rows.get(&row.id).is_some_and(|now| {
            now.state == store::LIVE
                && now.volume_id == row.volume_id
                && now.head_revision_id == row.head_revision_id
                && now.path == row.path
        });
        if !same || saves.get(&row.id) != Some(&draft.saves) {
            problems.insert(row.id.clone(), format!("Somebody changed “{}” in between: load it again.", row.name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(conflict(problems)) }
}

/// Nothing is committed; the sentence for each artifact stands under its id.
pub fn conflict(problems: BTreeMap<String, String>) -> AppError {
    let message = match problems.values().next() {
        Some(only) if problems.len() == 1 => format!("Nothing was committed. {only}"),
        _ => format!("Nothing was committed: {} artifacts are in the way.", problems.len()),
    };
    let mut error = AppError::conflict(message);
    error.fields = problems;
    error
}

/// Refuses to go on when somebody changed one of these between reading and locking.
pub async fn refuse_moved(tx: &mut Tx, rows: &[ArtifactRow]) -> AppResult<()> {
    let ids = rows.iter().map(ArtifactRow::id).collect::<AppResult<Vec<_>>>()?;
    let now: HashMap<String, ArtifactRow> = store::by_ids_in(tx, &ids).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let mut problems = BTreeMap::new();
    for row in rows {
        let same = now
            .get(&row.id)
            .is_some_and(|now| now.state == row.state && now.volume_id == row.volume_id && now.head_revision_id == row.head_revision_id);
        if !same {
            problems.insert(row.id.clone(), format!("Somebody changed “{}” in between: load it again.", row.name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(conflict(problems)) }
}

/// Names one artifact, or says how many.
pub fn what(rows: &[ArtifactRow]) -> String {
    match rows {
        [only] => only.name.clone(),
        _ => format!("{} artifacts", rows.len()),
    }
}
