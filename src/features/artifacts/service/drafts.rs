//! The one draft service: the uncommitted text of an artifact, saved as it is written. Where editors have it open, it follows their
//! document (`live`), and a change made otherwise reaches them.

use std::collections::{BTreeSet, HashMap};

use super::{access, facts::Reading, live, tree};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record},
        artifacts::{
            model::{
                ArtifactSummary, DiffStat, FileEntry, FrontmatterValue, SaveDraft, SavedDraft, SetFrontmatter, diff,
                document::{Decoded, Document},
                frontmatter::{Value, set_key},
            },
            store::{self, ArtifactRow, DraftRow, DraftWrite, RevisionRow},
        },
        collaboration::service::documents,
        volumes::{
            model::limits,
            service::{VolumeAccess, lock},
        },
    },
    ids::{ArtifactId, RevisionId, UserId},
    server::{
        context::Ctx,
        db::{Tx, parse_id},
    },
};

/// An artifact as it stands: head, draft, and the bytes that count now.
pub struct Current {
    pub row: ArtifactRow,
    pub access: VolumeAccess,
    pub head: Option<RevisionRow>,
    pub draft: Option<DraftRow>,
    /// Of the head.
    pub head_content: Option<Vec<u8>>,
    /// For a change: the document of those who edit it right now. Nothing of it becomes the draft meanwhile.
    pub held: Option<documents::Held>,
}

impl Current {
    /// For reading, or for a change that the caller may make.
    pub async fn load(ctx: &Ctx, id: ArtifactId, action: Action) -> AppResult<Self> {
        if action == Action::Read {
            let (row, access) = access::find(ctx, id, action).await?;
            // The row says whether there is a draft: after that it may be another.
            let row = if documents::settle(ctx, id).await? { store::by_id(ctx.db().read(), id).await?.unwrap_or(row) } else { row };
            return Self::read(ctx, row, access, None).await;
        }
        let (row, access) = access::find_live(ctx, id, action).await?;
        let Some(held) = documents::hold(ctx, id).await? else { return Self::read(ctx, row, access, None).await };
        let (row, access) = access::find_live(ctx, id, action).await?;
        Self::read(ctx, row, access, Some(held)).await
    }

    /// Several for reading, in the order of `ids` and in a number of queries that does not depend on how many there are. Those that are not there, or not in
    /// `visible`, the volumes that the caller sees, are left out.
    pub async fn load_several(ctx: &Ctx, ids: &[ArtifactId], visible: &[VolumeAccess]) -> AppResult<Vec<Self>> {
        let pool = ctx.db().read();
        let access = |row: &ArtifactRow| visible.iter().find(|volume| volume.id.to_string() == row.volume_id);
        let mut rows = store::by_ids(pool, ids).await?;
        let mut settled = false;
        for row in rows.iter().filter(|row| access(row).is_some()) {
            settled |= documents::settle(ctx, row.id()?).await?;
        }
        if settled {
            rows = store::by_ids(pool, ids).await?;
        }
        rows.retain(|row| access(row).is_some());
        let heads = rows.iter().filter_map(|row| row.head().transpose()).collect::<AppResult<Vec<_>>>()?;
        let mut heads: HashMap<String, RevisionRow> =
            store::revisions(pool, &heads).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
        let shas: Vec<String> = heads.values().map(|head| head.content_sha.clone()).collect::<BTreeSet<_>>().into_iter().collect();
        let contents = tree::contents_of(ctx, &shas).await?;
        let drafted = rows.iter().filter(|row| row.has_draft != 0).map(ArtifactRow::id).collect::<AppResult<Vec<_>>>()?;
        let mut drafts: HashMap<String, DraftRow> =
            store::drafts(pool, &drafted).await?.into_iter().map(|row| (row.artifact_id.clone(), row)).collect();
        let place: HashMap<String, usize> = ids.iter().enumerate().map(|(place, id)| (id.to_string(), place)).collect();
        rows.sort_by_key(|row| place.get(&row.id).copied());
        let mut several = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(access) = access(&row).cloned() else { continue };
            let head = row.head_revision_id.as_ref().and_then(|head| heads.remove(head));
            let head_content = match &head {
                Some(head) => Some(contents.get(&head.content_sha).cloned().ok_or_else(|| tree::missing(&head.content_sha))?),
                None => None,
            };
            let draft = drafts.remove(&row.id);
            several.push(Self { row, access, head, draft, head_content, held: None });
        }
        Ok(several)
    }

    /// What belongs to an artifact's row.
    pub async fn read(ctx: &Ctx, row: ArtifactRow, access: VolumeAccess, held: Option<documents::Held>) -> AppResult<Self> {
        let id = row.id()?;
        let pool = ctx.db().read();
        let (head, head_content) = match row.head()? {
            Some(head) => tree::revision_with_content(ctx, id, head).await?.unzip(),
            None => (None, None),
        };
        let draft = if row.has_draft != 0 { store::draft(pool, id).await? } else { None };
        Ok(Self { row, access, head, draft, head_content, held })
    }

    pub fn bytes(&self) -> &[u8] {
        self.draft.as_ref().map(|draft| draft.content.as_slice()).or(self.head_content.as_deref()).unwrap_or_default()
    }

    pub fn decoded(&self) -> Decoded {
        Document::decode(self.bytes())
    }

    pub fn files(&self) -> AppResult<Vec<FileEntry>> {
        match (&self.draft, &self.head) {
            (Some(draft), _) => Ok(serde_json::from_str(&draft.files)?),
            (None, Some(head)) => head.files(),
            (None, None) => Ok(Vec::new()),
        }
    }

    /// The bytes that an edited text makes: with the head's line ends and byte order mark, and the head's very bytes when
    /// nothing differs from it.
    pub fn encode(&self, text: &str) -> AppResult<Vec<u8>> {
        self.encode_within(text, limits::MAIN_FILE_BYTES)
    }

    pub fn encode_within(&self, text: &str, most: u64) -> AppResult<Vec<u8>> {
        let original = self.head_content.as_deref().unwrap_or(self.bytes());
        let decoded = Document::decode(original);
        let bytes = decoded.envelope.encode(text, Some(original));
        if decoded.lossy && bytes != original {
            return Err(AppError::invalid(
                "This file holds bytes that are no text, which saving would lose. Download it, mend it there and import it again.",
            ));
        }
        if bytes.len() as u64 > most {
            return Err(AppError::too_large(format!(
                "The text is over {} KB. Move parts of it to files beside it.",
                limits::MAIN_FILE_BYTES / 1024
            )));
        }
        Ok(bytes)
    }

    /// A usage event about it.
    pub fn event(&self, kind: UsageKind) -> Event {
        let event = Event::new(kind).workspace(self.access.workspace).volume(self.access.id).subject(&self.row.id);
        event.artifact(self.row.kind(), &self.row.category)
    }

    pub fn files_json(&self) -> AppResult<String> {
        files_json(&self.files()?)
    }

    fn equals_head(&self, bytes: &[u8], files: &str) -> AppResult<bool> {
        let Some(head) = &self.head else { return Ok(false) };
        Ok(self.head_content.as_deref() == Some(bytes) && serde_json::from_str::<Vec<FileEntry>>(files)? == head.files()?)
    }
}

/// What a save states about the draft that it continues.
#[derive(Clone, Copy)]
pub enum Expected {
    /// The count that the editor saw; 0 before the first save.
    Saves(i64),
    /// Whatever is there: the change was made from what was just read.
    AsLoaded,
}

/// A draft to be written.
pub struct Draft {
    pub bytes: Vec<u8>,
    /// JSON.
    pub files: String,
    pub base: Option<RevisionId>,
}

/// A draft that was written.
pub struct Written {
    pub saved: SavedDraft,
    /// Whether there is one now where there was none, or none any more.
    pub marks: bool,
}

/// Writes a draft, or removes it when it equals the head. Those who have it open follow.
pub async fn write(ctx: &Ctx, current: &Current, draft: Draft, expected: Expected, event: UsageKind) -> AppResult<SavedDraft> {
    let actor = ctx.actor()?.id();
    let mut tx = ctx.db().write_tx().await?;
    documents::take(ctx, &mut tx, &current.held).await?;
    let written = write_in(ctx, &mut tx, current, &draft, expected, &[actor], event).await?;
    let followed = match &current.held {
        Some(held) => {
            let base = if written.saved.clean { current.row.head()? } else { draft.base };
            Some(held.follow(ctx, &mut tx, &Document::decode(&draft.bytes).text, base).await?)
        }
        None => None,
    };
    tx.commit().await?;
    if let Some(followed) = followed {
        followed.publish();
    }
    live::announce_draft(ctx, current, &written, actor).await;
    Ok(written.saved)
}

/// The same in a transaction of the caller's; `authors` wrote it, the last one last.
pub async fn write_in(
    ctx: &Ctx,
    tx: &mut Tx,
    current: &Current,
    draft: &Draft,
    expected: Expected,
    authors: &[UserId],
    event: UsageKind,
) -> AppResult<Written> {
    let (id, volume, now) = (current.row.id()?, current.row.volume()?, ctx.now());
    let by = match (authors.last(), &current.draft) {
        (Some(author), _) => *author,
        (None, Some(draft)) => draft.updated_by()?.id,
        (None, None) => parse_id(&current.row.created_by)?,
    };
    let reading = Reading::of(current.row.kind(), &current.row.slug, &Document::decode(&draft.bytes).text);
    let clean = current.equals_head(&draft.bytes, &draft.files)?;
    // Only what the library shows needs the volume's lock: the mark of a draft, and the facts of what was never committed.
    let marks = clean == (current.row.has_draft != 0);
    let seq = if marks || current.head.is_none() { Some(lock(tx, volume).await?.0) } else { None };
    let stored = store::draft(&mut **tx, id).await?;
    let saves = stored.as_ref().map_or(0, |draft| draft.saves);
    let seen = match expected {
        Expected::Saves(saves) => saves,
        Expected::AsLoaded => current.draft.as_ref().map_or(0, |draft| draft.saves),
    };
    if seen != saves {
        // The same text once more: a retry whose first answer was lost.
        if let Some(stored) = stored
            .filter(|stored| seen.checked_add(1) == Some(stored.saves) && stored.content == draft.bytes && stored.files == draft.files)
        {
            let saved = SavedDraft { saves: stored.saves, saved_at: stored.updated_at, hints: reading.hints, clean: false };
            return Ok(Written { saved, marks: false });
        }
        return Err(AppError::conflict(
            "Somebody saved another text in between. Load the page again to see it; yours is still in the editor.",
        ));
    }
    let live = store::by_id(&mut **tx, id).await?.ok_or_else(|| AppError::not_found("artifact"))?;
    if live.state != store::LIVE || live.volume()? != volume {
        return Err(AppError::conflict("Somebody moved or deleted this artifact in between. Load the page again."));
    }
    let saves = if clean && live.head_revision_id == current.row.head_revision_id {
        store::delete_draft(tx, id).await?;
        0
    } else {
        let row = DraftWrite { id, base: draft.base, content: &draft.bytes, files: &draft.files, by, now };
        let written = if saves == 0 { store::insert_draft(tx, &row).await? } else { store::update_draft(tx, &row, saves).await? };
        if !written {
            return Err(AppError::conflict("Somebody saved this draft at the same moment. Load the page again."));
        }
        store::add_draft_authors(tx, id, authors).await?;
        saves + 1
    };
    if let Some(seq) = seq {
        if current.head.is_none() {
            store::update_facts(tx, id, &reading.facts, seq, now).await?;
        }
        store::set_has_draft(tx, id, saves > 0, seq).await?;
    }
    record(ctx, tx, current.event(event)).await?;
    Ok(Written { saved: SavedDraft { saves, saved_at: now, hints: reading.hints, clean: saves == 0 }, marks })
}

/// The revision that a draft of now is based on.
pub fn base_of(current: &Current) -> AppResult<Option<RevisionId>> {
    match &current.draft {
        Some(draft) => draft.base(),
        None => current.row.head(),
    }
}

fn files_json(files: &[FileEntry]) -> AppResult<String> {
    Ok(serde_json::to_string(files)?)
}

/// Autosave.
pub async fn save_draft(ctx: &Ctx, id: ArtifactId, input: SaveDraft) -> AppResult<SavedDraft> {
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let draft = Draft { bytes: current.encode(&input.text)?, files: current.files_json()?, base: base_of(&current)? };
    write(ctx, &current, draft, Expected::Saves(input.saves), UsageKind::DraftSaved).await
}

/// Changes the files of the draft.
pub async fn write_files(ctx: &Ctx, current: &Current, files: &[FileEntry], event: UsageKind) -> AppResult<SavedDraft> {
    let draft = Draft { bytes: current.bytes().to_vec(), files: files_json(files)?, base: base_of(current)? };
    write(ctx, current, draft, Expected::AsLoaded, event).await
}

/// Changes the text of the draft by a rule.
pub async fn edit(ctx: &Ctx, current: &Current, change: impl FnOnce(&str) -> String, event: UsageKind) -> AppResult<SavedDraft> {
    let bytes = current.encode(&change(&current.decoded().text))?;
    let draft = Draft { bytes, files: current.files_json()?, base: base_of(current)? };
    write(ctx, current, draft, Expected::AsLoaded, event).await
}

/// Sets or removes one key of the frontmatter; only its lines change.
pub async fn set_frontmatter(ctx: &Ctx, id: ArtifactId, input: SetFrontmatter) -> AppResult<SavedDraft> {
    const KEY_CHARS: usize = 100;
    let key = input.key.trim().to_owned();
    if key.is_empty() || key.chars().count() > KEY_CHARS || key.chars().any(char::is_control) {
        return Err(AppError::field("key", format!("A key has 1 to {KEY_CHARS} characters on one line.")));
    }
    let value = match input.value {
        None => Value::Remove,
        Some(FrontmatterValue::Text(text)) => Value::Text(text),
        Some(FrontmatterValue::List(items)) => Value::List(items),
        Some(FrontmatterValue::Raw(_)) => return Err(AppError::field("value", "This value is nested: change it in the source.")),
    };
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    edit(ctx, &current, |text| set_key(text, &key, &value), UsageKind::DraftFieldSet).await
}

/// Throws the draft away. What was never committed goes to the trash instead: there is nothing else of it.
pub async fn discard_draft(ctx: &Ctx, id: ArtifactId) -> AppResult<()> {
    let current = Current::load(ctx, id, Action::EditDrafts).await?;
    let Some(head) = &current.head_content else {
        return Err(AppError::conflict("This was never committed, so the draft is all there is: delete the artifact instead."));
    };
    let mut tx = ctx.db().write_tx().await?;
    documents::take(ctx, &mut tx, &current.held).await?;
    let (seq, _) = lock(&mut tx, current.access.id).await?;
    let discarded = store::delete_draft(&mut tx, id).await?;
    if discarded {
        store::set_has_draft(&mut tx, id, false, seq).await?;
        let event = current.event(UsageKind::DraftDiscarded);
        record(ctx, &mut tx, event).await?;
    }
    let followed = match &current.held {
        Some(held) => Some(held.follow(ctx, &mut tx, &Document::decode(head).text, current.row.head()?).await?),
        None => None,
    };
    tx.commit().await?;
    if let Some(followed) = followed {
        followed.publish();
    }
    if discarded {
        live::announce(ctx, &current, "draft", ctx.actor()?.id()).await;
    }
    Ok(())
}

/// Counts the lines that each draft among these changes against what it began at. A fixed number of queries.
pub async fn add_diffstats(ctx: &Ctx, items: &mut [ArtifactSummary]) -> AppResult<()> {
    let ids: Vec<ArtifactId> = items.iter().filter(|item| item.has_draft).map(|item| item.id).collect();
    let drafts = store::drafts(ctx.db().read(), &ids).await?;
    let bases = drafts.iter().filter_map(|draft| draft.base().transpose()).collect::<AppResult<Vec<_>>>()?;
    let bases: HashMap<String, String> =
        store::revisions(ctx.db().read(), &bases).await?.into_iter().map(|row| (row.id, row.content_sha)).collect();
    let shas: Vec<String> = bases.values().cloned().collect();
    let contents = tree::contents_of(ctx, &shas).await?;
    let mut stats = tokio::task::spawn_blocking(move || {
        let text = |bytes: &[u8]| Document::decode(bytes).text;
        let stat = |draft: DraftRow| {
            let base = draft.base_revision_id.and_then(|id| contents.get(bases.get(&id)?)).map(|bytes| text(bytes));
            let (added, removed) = diff::stat(&base.unwrap_or_default(), &text(&draft.content));
            (draft.artifact_id, DiffStat { added: added as i64, removed: removed as i64 })
        };
        drafts.into_iter().map(stat).collect::<HashMap<_, _>>()
    })
    .await
    .map_err(|error| {
        tracing::error!(%error, "counting the lines of drafts");
        AppError::internal()
    })?;
    for item in items {
        item.diffstat = stats.remove(&item.id.to_string());
    }
    Ok(())
}
