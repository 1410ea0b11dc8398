//! The one draft service: the uncommitted text of an artifact, saved as it is written. Live co-editing will stand behind it.

use std::collections::HashMap;

use super::{access, facts::Reading, tree};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, record},
        artifacts::{
            model::{
                ArtifactSummary, DiffStat, FileEntry, FrontmatterValue, SaveDraft, SavedDraft, SetFrontmatter, diff,
                document::{Decoded, Document},
                frontmatter::{Value, set_key},
            },
            store::{self, ArtifactRow, DraftRow, DraftWrite, RevisionRow},
        },
        volumes::{
            model::limits,
            service::{VolumeAccess, lock},
        },
    },
    ids::{ArtifactId, RevisionId},
    server::context::Ctx,
};

/// An artifact as it stands: head, draft, and the bytes that count now.
pub struct Current {
    pub row: ArtifactRow,
    pub access: VolumeAccess,
    pub head: Option<RevisionRow>,
    pub draft: Option<DraftRow>,
    /// Of the head.
    pub head_content: Option<Vec<u8>>,
}

impl Current {
    /// For reading, or for a change that the caller may make.
    pub async fn load(ctx: &Ctx, id: ArtifactId, action: Action) -> AppResult<Self> {
        let (row, access) =
            if action == Action::Read { access::find(ctx, id, action).await? } else { access::find_live(ctx, id, action).await? };
        let pool = ctx.db().read();
        let (head, head_content) = match row.head()? {
            Some(head) => tree::revision_with_content(ctx, id, head).await?.unzip(),
            None => (None, None),
        };
        let draft = if row.has_draft != 0 { store::draft(pool, id).await? } else { None };
        Ok(Self { row, access, head, draft, head_content })
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
        let original = self.head_content.as_deref().unwrap_or(self.bytes());
        let decoded = Document::decode(original);
        let bytes = decoded.envelope.encode(text, Some(original));
        if decoded.lossy && bytes != original {
            return Err(AppError::invalid(
                "This file holds bytes that are no text, which saving would lose. Download it, mend it there and import it again.",
            ));
        }
        if bytes.len() as u64 > limits::MAIN_FILE_BYTES {
            return Err(AppError::too_large(format!(
                "The text is over {} KB. Move parts of it to files beside it.",
                limits::MAIN_FILE_BYTES / 1024
            )));
        }
        Ok(bytes)
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

/// Writes a draft, or removes it when it equals the head.
pub async fn write(
    ctx: &Ctx,
    current: &Current,
    bytes: Vec<u8>,
    files: String,
    expected: Expected,
    base: Option<RevisionId>,
    event: Event,
) -> AppResult<SavedDraft> {
    let actor = ctx.actor()?.id();
    let (id, volume, now) = (current.row.id()?, current.row.volume()?, ctx.now());
    let reading = Reading::of(current.row.kind(), &current.row.slug, &Document::decode(&bytes).text);
    let clean = current.equals_head(&bytes, &files)?;
    let mut tx = ctx.db().write_tx().await?;
    // Only what the library shows needs the volume's lock: the mark of a draft, and the facts of what was never committed.
    let marks = clean == (current.row.has_draft != 0);
    let seq = if marks || current.head.is_none() { Some(lock(&mut tx, volume).await?.0) } else { None };
    let stored = store::draft(&mut *tx, id).await?;
    let saves = stored.as_ref().map_or(0, |draft| draft.saves);
    let seen = match expected {
        Expected::Saves(saves) => saves,
        Expected::AsLoaded => current.draft.as_ref().map_or(0, |draft| draft.saves),
    };
    if seen != saves {
        // The same text once more: a retry whose first answer was lost.
        if let Some(draft) = stored.filter(|draft| seen + 1 == draft.saves && draft.content == bytes && draft.files == files) {
            return Ok(SavedDraft { saves: draft.saves, saved_at: draft.updated_at, hints: reading.hints, clean: false });
        }
        return Err(AppError::conflict(
            "Somebody saved another text in between. Load the page again to see it; yours is still in the editor.",
        ));
    }
    let live = store::by_id(&mut *tx, id).await?.ok_or_else(|| AppError::not_found("artifact"))?;
    if live.state != store::LIVE || live.volume()? != volume {
        return Err(AppError::conflict("Somebody moved or deleted this artifact in between. Load the page again."));
    }
    let saves = if clean && live.head_revision_id == current.row.head_revision_id {
        store::delete_draft(&mut tx, id).await?;
        0
    } else {
        let draft = DraftWrite { id, base, content: &bytes, files: &files, by: actor, now };
        let written =
            if saves == 0 { store::insert_draft(&mut tx, &draft).await? } else { store::update_draft(&mut tx, &draft, saves).await? };
        if !written {
            return Err(AppError::conflict("Somebody saved this draft at the same moment. Load the page again."));
        }
        saves + 1
    };
    if let Some(seq) = seq {
        if current.head.is_none() {
            store::update_facts(&mut tx, id, &reading.facts, seq, now).await?;
        }
        store::set_has_draft(&mut tx, id, saves > 0, seq).await?;
    }
    record(ctx, &mut tx, event.team(current.access.team).volume(volume).subject(id)).await?;
    tx.commit().await?;
    Ok(SavedDraft { saves, saved_at: now, hints: reading.hints, clean: saves == 0 })
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
    let bytes = current.encode(&input.text)?;
    let files = files_json(&current.files()?)?;
    let base = base_of(&current)?;
    write(ctx, &current, bytes, files, Expected::Saves(input.saves), base, Event::new("draft.saved")).await
}

/// Changes the files of the draft.
pub async fn write_files(ctx: &Ctx, current: &Current, files: &[FileEntry], event: Event) -> AppResult<SavedDraft> {
    let base = base_of(current)?;
    write(ctx, current, current.bytes().to_vec(), files_json(files)?, Expected::AsLoaded, base, event).await
}

/// Changes the text of the draft by a rule.
pub async fn edit(ctx: &Ctx, current: &Current, change: impl FnOnce(&str) -> String, event: Event) -> AppResult<SavedDraft> {
    let bytes = current.encode(&change(&current.decoded().text))?;
    let files = files_json(&current.files()?)?;
    write(ctx, current, bytes, files, Expected::AsLoaded, base_of(current)?, event).await
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
    edit(ctx, &current, |text| set_key(text, &key, &value), Event::new("draft.field_set")).await
}

/// Throws the draft away. What was never committed goes to the trash instead: there is nothing else of it.
pub async fn discard_draft(ctx: &Ctx, id: ArtifactId) -> AppResult<()> {
    let (row, access) = access::find_live(ctx, id, Action::EditDrafts).await?;
    if row.head_revision_id.is_none() {
        return Err(AppError::conflict("This was never committed, so the draft is all there is: delete the artifact instead."));
    }
    let mut tx = ctx.db().write_tx().await?;
    let (seq, _) = lock(&mut tx, row.volume()?).await?;
    if store::delete_draft(&mut tx, id).await? {
        store::set_has_draft(&mut tx, id, false, seq).await?;
        record(ctx, &mut tx, Event::new("draft.discarded").team(access.team).volume(access.id).subject(id)).await?;
    }
    Ok(tx.commit().await?)
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
