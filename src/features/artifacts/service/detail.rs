//! One artifact, as its page shows it.

use std::time::Duration;

use super::{drafts::Current, facts::Reading, marks, tree};
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::Action,
        analytics::service::{Event, UsageKind, record},
        artifacts::{
            model::{ArtifactDetail, DraftInfo, FileEntry, Kind, Previewed, Sibling, diff, document::Document, tool::Tool},
            store::{self, RevisionRow, TwinRow},
        },
        volumes::{self, service::VolumeAccess},
    },
    ids::{ArtifactId, RevisionId, TeamId, VolumeId},
    server::{clock, context::Ctx, db::parse_id},
};

/// A visit is noted at most that often.
const VISIT: Duration = Duration::from_millis(clock::MINUTE as u64);
/// Artifacts in one answer to a device.
pub const DETAILS_MAX: usize = 50;
const KEPT_VISITS: i64 = marks::RECENTS;

/// The artifact as it stands, or as it was at a revision.
pub async fn get_artifact(ctx: &Ctx, id: ArtifactId, revision: Option<RevisionId>) -> AppResult<ArtifactDetail> {
    let current = Current::load(ctx, id, Action::Read).await?;
    let visible = volumes::service::visible(ctx).await?;
    let viewed = Event::new(UsageKind::ArtifactViewed).workspace(current.access.workspace).volume(current.access.id);
    let twins = twins_of(ctx, std::slice::from_ref(&current), &visible).await?;
    let favourite = marks::is_favourite(ctx, id).await?;
    let detail = as_shown(ctx, current, revision, Beside { visible: &visible, twins: &twins, favourite }).await?;
    note_visit(ctx, id, viewed.artifact(detail.summary.kind, &detail.summary.category));
    Ok(detail)
}

/// Several as they stand, for a device that keeps them: nobody looks at them now, so no visit is noted. What the caller may not read, or is not there, is left
/// out.
pub async fn get_artifacts(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<Vec<ArtifactDetail>> {
    if ids.len() > DETAILS_MAX {
        return Err(AppError::field("ids", format!("Ask for at most {DETAILS_MAX} artifacts at once.")));
    }
    let visible = volumes::service::visible(ctx).await?;
    let several = Current::load_several(ctx, ids, &visible).await?;
    let twins = twins_of(ctx, &several, &visible).await?;
    let favourites = store::favourites_among(ctx.db().read(), ctx.actor()?.id(), ids).await?;
    let mut details = Vec::with_capacity(several.len());
    for current in several {
        let favourite = favourites.contains(&current.row.id);
        details.push(as_shown(ctx, current, None, Beside { visible: &visible, twins: &twins, favourite }).await?);
    }
    Ok(details)
}

/// What is known of an artifact beside what is its own.
struct Beside<'a> {
    /// The volumes that the caller sees.
    visible: &'a [VolumeAccess],
    /// Whatever has a name there that one of the artifacts has, those themselves too.
    twins: &'a [TwinRow],
    favourite: bool,
}

/// What its page shows; the caller may read it.
async fn as_shown(ctx: &Ctx, current: Current, revision: Option<RevisionId>, beside: Beside<'_>) -> AppResult<ArtifactDetail> {
    let id = current.row.id()?;
    let (text, files) = match revision {
        None => (current.decoded().text, current.files()?),
        Some(revision) => at_revision(ctx, id, revision).await?,
    };
    let kind = current.row.kind();
    let reading = Reading::of(kind, &current.row.slug, &text);
    let html = ctx.state.renderer.render(&text, id).await;
    let siblings = siblings(&current, &beside)?;
    let draft = if revision.is_none() { draft_info(ctx, &current).await? } else { None };
    let head = current.head.as_ref().map(RevisionRow::summary).transpose()?;
    let (path, author, created_at) = (current.row.path.clone(), reading.facts.author.clone(), current.row.created_at);
    let access = current.access;
    let mut summary = current.row.summary()?;
    if revision.is_none() {
        // The page shows the draft, the library the head.
        summary.name = reading.facts.name.clone();
        summary.description = reading.facts.description.clone();
        summary.category = reading.facts.category.clone();
        summary.tags = reading.facts.tags.clone();
        summary.version = reading.facts.version.clone();
        summary.hints = reading.facts.hints;
    }
    if summary.deleted_at.is_none() {
        let own = access.kind;
        summary.overrides = siblings.iter().map(|sibling| sibling.volume_kind).filter(|kind| *kind < own).max();
        summary.hidden_by = siblings.iter().map(|sibling| sibling.volume_kind).filter(|kind| *kind > own).max();
    }
    let usable = kind == Kind::Tool && summary.deleted_at.is_none() && summary.disabled.is_empty();
    let tool = usable.then(|| Tool::read(&text)).flatten();
    Ok(ArtifactDetail {
        summary,
        path,
        volume_name: access.name,
        volume_kind: access.kind,
        team: access.team,
        role: access.role,
        author,
        dependencies: reading.frontmatter.dependencies.clone(),
        frontmatter: reading.entries(),
        hints: reading.hints,
        text,
        html: html.to_string(),
        files,
        head,
        draft,
        favourite: beside.favourite,
        siblings,
        tool,
        created_at,
    })
}

async fn at_revision(ctx: &Ctx, id: ArtifactId, revision: RevisionId) -> AppResult<(String, Vec<FileEntry>)> {
    let row = store::revision(ctx.db().read(), id, revision).await?.ok_or_else(|| AppError::not_found("revision"))?;
    let bytes = tree::content_of_revision(ctx, &row.content_sha).await?;
    Ok((Document::decode(&bytes).text, row.files()?))
}

/// What has the same name as one of these, in one query.
async fn twins_of(ctx: &Ctx, several: &[Current], visible: &[VolumeAccess]) -> AppResult<Vec<TwinRow>> {
    let volumes: Vec<_> = visible.iter().map(|volume| volume.id).collect();
    let names: Vec<_> =
        several.iter().filter(|one| one.row.state != store::TRASHED).map(|one| (one.row.kind(), one.row.slug.as_str())).collect();
    store::twins(ctx.db().read(), &volumes, &names, &[]).await
}

fn siblings(current: &Current, beside: &Beside<'_>) -> AppResult<Vec<Sibling>> {
    let row = &current.row;
    if row.state == store::TRASHED {
        return Ok(Vec::new());
    }
    let mut siblings = Vec::new();
    let is_twin = |twin: &&TwinRow| twin.id != row.id && twin.slug == row.slug && twin.kind == row.kind;
    // In the order of `visible`: strongest first.
    for volume in beside.visible {
        for twin in beside.twins.iter().filter(is_twin).filter(|twin| twin.volume_id == volume.id.to_string()) {
            siblings.push(Sibling { id: parse_id(&twin.id)?, volume_name: volume.name.clone(), volume_kind: volume.kind });
        }
    }
    Ok(siblings)
}

async fn draft_info(ctx: &Ctx, current: &Current) -> AppResult<Option<DraftInfo>> {
    let Some(draft) = &current.draft else { return Ok(None) };
    let behind = draft.base_revision_id != current.row.head_revision_id;
    let base = match (behind, draft.base()?) {
        (false, _) => current.head_content.clone(),
        (true, Some(base)) => match store::revision(ctx.db().read(), current.row.id()?, base).await? {
            Some(row) => Some(tree::content_of_revision(ctx, &row.content_sha).await?),
            None => None,
        },
        (true, None) => None,
    };
    let base = base.map(|bytes| Document::decode(&bytes).text).unwrap_or_default();
    let (added, removed) = diff::stat(&base, &Document::decode(&draft.content).text);
    Ok(Some(DraftInfo {
        base_revision_id: draft.base()?,
        behind,
        saves: draft.saves,
        updated_by: draft.updated_by()?,
        updated_at: draft.updated_at,
        added: added as i64,
        removed: removed as i64,
    }))
}

/// The main file, byte for byte: the draft's or the head's, or that of a revision.
pub async fn get_text(ctx: &Ctx, id: ArtifactId, revision: Option<RevisionId>) -> AppResult<Vec<u8>> {
    let current = Current::load(ctx, id, Action::Read).await?;
    match revision {
        None => Ok(current.bytes().to_vec()),
        Some(revision) => {
            let row = store::revision(ctx.db().read(), id, revision).await?.ok_or_else(|| AppError::not_found("revision"))?;
            tree::content_of_revision(ctx, &row.content_sha).await
        }
    }
}

/// An artifact's bytes, for a download.
pub struct Download {
    pub volume: VolumeId,
    pub team: Option<TeamId>,
    pub kind: Kind,
    pub slug: String,
    pub category: String,
    pub bytes: Vec<u8>,
    pub executable: bool,
    pub files: Vec<FileEntry>,
}

/// The committed state (or the draft of what was never committed), or that of a revision.
pub async fn download(ctx: &Ctx, id: ArtifactId, revision: Option<RevisionId>) -> AppResult<Download> {
    let current = Current::load(ctx, id, Action::Read).await?;
    let row = match revision {
        Some(revision) => Some(store::revision(ctx.db().read(), id, revision).await?.ok_or_else(|| AppError::not_found("revision"))?),
        None => current.head.clone(),
    };
    let (bytes, executable, files) = match row {
        Some(row) => (tree::content_of_revision(ctx, &row.content_sha).await?, row.executable != 0, row.files()?),
        None => (current.bytes().to_vec(), false, current.files()?),
    };
    Ok(Download {
        volume: current.access.id,
        team: current.access.team,
        kind: current.row.kind(),
        slug: current.row.slug,
        category: current.row.category,
        bytes,
        executable,
        files,
    })
}

/// A text as the page would show it; nothing is stored.
pub async fn preview(ctx: &Ctx, id: ArtifactId, text: &str) -> AppResult<Previewed> {
    let (row, _) = super::access::find(ctx, id, Action::Read).await?;
    let html = ctx.state.renderer.render(text, id).await.to_string();
    Ok(Previewed { html, hints: Reading::of(row.kind(), &row.slug, text).hints })
}

/// After the answer, and seldom: a list of recents is worth no wait.
fn note_visit(ctx: &Ctx, id: ArtifactId, event: Event) {
    let Ok(actor) = ctx.actor().map(|actor| actor.id()) else { return };
    if !ctx.state.visits.is_due(actor, id) {
        return;
    }
    let ctx = ctx.clone();
    tokio::spawn(async move {
        let note = async {
            let mut tx = ctx.db().write_tx().await?;
            store::note_recent(&mut tx, actor, id, ctx.now(), KEPT_VISITS).await?;
            record(&ctx, &mut tx, event.subject(id)).await?;
            AppResult::Ok(tx.commit().await?)
        };
        if let Err(error) = note.await {
            tracing::warn!(%error, "a visit was not noted");
        }
    });
}

/// Who looked at what within the last minute.
pub struct Visits(moka::sync::Cache<(crate::ids::UserId, ArtifactId), ()>);

impl Visits {
    pub fn new() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(10_000).time_to_live(VISIT).build())
    }

    /// Whether it is time to count that somebody looks at something; it is not again for a minute.
    pub fn is_due(&self, user: crate::ids::UserId, id: ArtifactId) -> bool {
        self.0.entry((user, id)).or_insert(()).is_fresh()
    }
}

impl Default for Visits {
    fn default() -> Self {
        Self::new()
    }
}
