//! What a live document asks of its artifact: the text it begins with, and a draft that follows it. Nobody is authorised here: whoever
//! wrote into the document was.

use super::drafts::{Current, Draft, Expected, Written, base_of, write_in};
use crate::{
    error::{AppError, AppResult},
    features::{
        analytics::service::{Event, UsageKind},
        artifacts::store,
        collaboration::{
            self,
            model::{RoomEvent, RoomType},
            service::documents,
        },
        sessions,
        volumes::{self, service::VolumeAccess},
    },
    ids::{ArtifactId, RevisionId, RoomId, UserId, VolumeId},
    server::{cluster::Notice, context::Ctx},
};

/// The text of an artifact: its draft's, or its head's.
pub struct LiveText {
    pub text: String,
    /// What a draft of it begins with.
    pub base: Option<RevisionId>,
}

async fn load(ctx: &Ctx, id: ArtifactId) -> AppResult<Current> {
    let row = store::by_id(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("artifact"))?;
    let access = volumes::service::unattended(ctx, row.volume()?).await?;
    Current::read(ctx, row, access, None).await
}

pub async fn live_text(ctx: &Ctx, id: ArtifactId) -> AppResult<LiveText> {
    let current = load(ctx, id).await?;
    let decoded = current.decoded();
    if decoded.lossy {
        return Err(AppError::conflict("This file holds bytes that are no text: it cannot be edited here."));
    }
    Ok(LiveText { text: decoded.text, base: base_of(&current)? })
}

/// A usage event about an artifact that somebody has open, for the server's own counting.
pub async fn live_event(ctx: &Ctx, id: ArtifactId, kind: UsageKind) -> AppResult<Event> {
    let row = store::by_id(ctx.db().read(), id).await?.ok_or_else(|| AppError::not_found("artifact"))?;
    let access = volumes::service::unattended(ctx, row.volume()?).await?;
    Ok(Event::new(kind).workspace(access.workspace).volume(access.id).subject(id).artifact(row.kind(), &row.category))
}

/// A draft that is about to follow its document.
pub struct LiveDraft {
    current: Current,
    draft: Draft,
}

/// Reads what the draft is compared with, before the transaction that saves it. `base`: what the document's text began with.
pub async fn prepare_live_draft(ctx: &Ctx, id: ArtifactId, text: &str, base: Option<RevisionId>) -> AppResult<LiveDraft> {
    let current = load(ctx, id).await?;
    let base = match &current.draft {
        Some(draft) => draft.base()?,
        // The head may have moved on since: then the draft asks for a merge.
        None => base,
    };
    let draft = Draft { bytes: current.encode_within(text, u64::MAX)?, files: current.files_json()?, base };
    Ok(LiveDraft { current, draft })
}

/// Saves it; what the next one begins with.
pub async fn save_live_draft(
    ctx: &Ctx,
    tx: &mut crate::server::db::Tx,
    live: &LiveDraft,
    authors: &[UserId],
) -> AppResult<(Written, Option<RevisionId>)> {
    let LiveDraft { current, draft } = live;
    let written = write_in(ctx, tx, current, draft, Expected::AsLoaded, authors, UsageKind::DraftSaved).await?;
    let base = if written.saved.clean { current.row.head()? } else { draft.base };
    Ok((written, base))
}

/// Tells who has the artifact, its workspace or a session about it open, after the commit.
pub async fn announce_draft(ctx: &Ctx, current: &Current, written: &Written, by: UserId) {
    // While it is typed, only the first and the last word are news for lists; editors see the rest in the document.
    if written.marks {
        announce(ctx, current, "draft", by).await;
    }
}

pub async fn announce_live_draft(ctx: &Ctx, live: &LiveDraft, written: &Written, by: Option<UserId>) {
    if let Some(by) = by {
        announce_draft(ctx, &live.current, written, by).await;
    }
}

pub async fn announce(ctx: &Ctx, current: &Current, what: &'static str, by: UserId) {
    let Ok(id) = current.row.id() else { return };
    announce_in_workspace(ctx, &current.access, by, updated(id, what));
    announce_each(ctx, &[id], what, by).await;
}

fn updated(id: ArtifactId, what: &'static str) -> RoomEvent {
    RoomEvent::ArtifactUpdated { artifact_id: id.to_string(), data: serde_json::json!({ "changed": what }) }
}

fn announce_in_workspace(ctx: &Ctx, access: &VolumeAccess, by: UserId, event: RoomEvent) {
    let workspace: RoomId = access.team.map_or(by.same_as(), |team| team.same_as());
    collaboration::service::announce(&ctx.state, RoomType::Workspace, workspace, by, event);
}

/// A commit, in the workspace of its volume.
pub fn announce_commit(ctx: &Ctx, access: &VolumeAccess, sha: &str) {
    if let Ok(by) = ctx.actor().map(|actor| actor.id()) {
        let event = RoomEvent::Commit { volume_type: access.kind.as_str().to_owned(), commit_sha: sha.to_owned() };
        announce_in_workspace(ctx, access, by, event);
    }
}

/// A new artifact, in the workspace of its volume.
pub fn announce_created(ctx: &Ctx, access: &VolumeAccess, id: ArtifactId) {
    if let Ok(by) = ctx.actor().map(|actor| actor.id()) {
        let event = RoomEvent::ArtifactCreated { artifact_id: id.to_string(), data: serde_json::json!({}) };
        announce_in_workspace(ctx, access, by, event);
    }
}

/// In the rooms of these artifacts, and in those of the sessions about them.
pub async fn announce_all(ctx: &Ctx, ids: &[ArtifactId], what: &'static str) {
    if let Ok(by) = ctx.actor().map(|actor| actor.id()) {
        announce_each(ctx, ids, what, by).await;
    }
}

async fn announce_each(ctx: &Ctx, ids: &[ArtifactId], what: &'static str, by: UserId) {
    for id in ids {
        collaboration::service::announce(&ctx.state, RoomType::Artifact, id.same_as(), by, updated(*id, what));
    }
    sessions::service::artifacts_changed(ctx, ids, by).await;
}

/// Brings the drafts of several up to what editors have written.
pub async fn settle_all(ctx: &Ctx, ids: &[ArtifactId]) -> AppResult<()> {
    for id in ids {
        documents::settle(ctx, *id).await?;
    }
    Ok(())
}

/// Artifacts are in another place or in the trash: who may edit them is another question now.
pub async fn places_changed(ctx: &Ctx, ids: &[ArtifactId]) {
    documents::follow_heads(ctx, ids).await;
    ctx.state.actors.forget();
    announce_all(ctx, ids, "place").await;
}

/// Many artifacts of a volume may have another head. Their rooms are not told one by one: the workspace is, and those that somebody edits.
pub async fn volume_changed(ctx: &Ctx, volume: VolumeId) {
    let by = ctx.actor().ok().map(|actor| actor.id());
    let told = async {
        let access = volumes::service::unattended(ctx, volume).await?;
        let here = follow_open(ctx, volume).await?;
        if let Some(commit) = volumes::service::newest_commits(ctx, &[volume], None, 1).await?.pop() {
            announce_commit(ctx, &access, &commit.sha);
        }
        announce_all(ctx, &here, "head").await;
        AppResult::Ok(())
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, %volume, "what editors have open did not follow an import");
    }
    ctx.state.cluster.announce(&Notice::Volume { volume, by });
}

/// The same at another node, where somebody has other artifacts of it open.
pub async fn follow_volume(ctx: &Ctx, volume: VolumeId, by: Option<UserId>) {
    match follow_open(ctx, volume).await {
        Ok(here) => {
            if let Some(by) = by {
                announce_each(ctx, &here, "head", by).await;
            }
        }
        Err(error) => tracing::warn!(%error, %volume, "what editors have open did not follow an import"),
    }
}

/// What somebody edits of a volume at this node follows its heads; which artifacts those are.
async fn follow_open(ctx: &Ctx, volume: VolumeId) -> AppResult<Vec<ArtifactId>> {
    let open: Vec<ArtifactId> = documents::open(ctx);
    let rows = store::by_ids(ctx.db().read(), &open).await?;
    let here: Vec<ArtifactId> =
        rows.iter().filter(|row| row.volume_id == volume.to_string()).map(|row| row.id()).collect::<AppResult<_>>()?;
    documents::follow_heads_here(ctx, &here).await;
    Ok(here)
}
