//! Reading the timeline: a page by number, everything around it in a fixed number of queries.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    access::{self, SessionAccess},
    naming,
};
use crate::{
    error::{AppError, AppResult},
    features::{
        artifacts::markdown::message_to_html,
        assistant::model::Answered,
        comments,
        sessions::{
            model::{Attachment, Entry, EntryKind, EntryPage, EntryQuery, Imported, PAGE, PAGE_MAX, SessionArtifact},
            store::{self, EntryRow},
        },
    },
    ids::{CommitId, EntryId, SessionId, UserId},
    server::{context::Ctx, error::internal},
};

/// Counts up with what markdown becomes: what was rendered by other rules is rendered again when it is read.
pub const RENDERING: i64 = 4;

/// `session_entries.data`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryData {
    /// What a message names, or the one that came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<SessionArtifact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// Of an answer of the assistant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
    /// What else an imported file says of it.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitData {
    pub id: CommitId,
    pub sha: String,
    pub message: String,
    pub changes: i64,
}

impl EntryData {
    pub fn json(&self) -> AppResult<String> {
        Ok(serde_json::to_string(self)?)
    }
}

/// Markdown as HTML, off the async threads: a text may be long.
pub async fn rendered(text: &str) -> AppResult<String> {
    let text = text.to_owned();
    tokio::task::spawn_blocking(move || message_to_html(&text)).await.map_err(|error| internal("a message", &error))
}

/// A page of the timeline: from a number on, or the newest.
pub async fn list_entries(ctx: &Ctx, id: SessionId, query: EntryQuery) -> AppResult<EntryPage> {
    let access = access::find_readable(ctx, id).await?;
    let limit = i64::from(query.limit.unwrap_or(PAGE).clamp(1, PAGE_MAX));
    let total = access.row.entries;
    let from = query.from.unwrap_or(total - limit + 1).max(1);
    let rows = store::entries(ctx.db().read(), id, from, limit).await?;
    // Some may have come since the session was read.
    let total = rows.last().map_or(total, |last| last.number.max(total));
    Ok(EntryPage { items: shown(ctx, rows).await?, total })
}

/// Where an entry stands, for what is written about it.
pub struct Place {
    pub number: i64,
    /// Who wrote it, if it is a message that is still there.
    pub written_by: Option<UserId>,
}

/// The place of an entry of this session.
pub async fn place_of(ctx: &Ctx, access: &SessionAccess, id: EntryId) -> AppResult<Place> {
    let row = store::entry(ctx.db().read(), id).await?.filter(|row| row.session_id == access.id.to_string());
    let row = row.ok_or_else(|| AppError::not_found("message"))?;
    let written = row.kind == "message" && row.deleted_at.is_none();
    Ok(Place { number: row.number, written_by: if written { Some(row.author()?.id) } else { None } })
}

/// Rows as the caller sees them.
pub async fn shown(ctx: &Ctx, rows: Vec<EntryRow>) -> AppResult<Vec<Entry>> {
    let messages: Vec<&str> = rows.iter().filter(|row| row.kind == "message").map(|row| row.id.as_str()).collect();
    let mut attachments: HashMap<String, Vec<Attachment>> = HashMap::new();
    for chunk in messages.chunks(store::CHUNK) {
        for row in store::attachments_of(ctx.db().read(), chunk).await? {
            attachments.entry(row.entry_id.clone().unwrap_or_default()).or_default().push(row.attachment()?);
        }
    }
    let all: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let mut comments = comments::service::counts_of_entries(ctx, &all).await?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let attached = attachments.remove(&row.id).unwrap_or_default();
        let comments = comments.remove(&row.id).unwrap_or(0);
        entries.push(Entry { comments, ..entry(row, attached).await? });
    }
    naming::refresh(
        ctx,
        entries.iter_mut().flat_map(|entry| match &mut entry.what {
            EntryKind::Message { artifacts, .. } => artifacts.iter_mut(),
            EntryKind::Artifact { artifact } => std::slice::from_mut(artifact).iter_mut(),
            EntryKind::Commit { .. } | EntryKind::Joined => [].iter_mut(),
        }),
    )
    .await?;
    Ok(entries)
}

async fn entry(row: EntryRow, attachments: Vec<Attachment>) -> AppResult<Entry> {
    let mut data: EntryData = serde_json::from_str(&row.data)?;
    let (id, author) = (row.id()?, row.author()?);
    let what = match (row.kind.as_str(), data.commit) {
        ("artifact", _) if !data.artifacts.is_empty() => EntryKind::Artifact { artifact: data.artifacts.remove(0) },
        ("commit", Some(commit)) => {
            EntryKind::Commit { commit_id: commit.id, sha: commit.sha, message: commit.message, changes: commit.changes }
        }
        ("joined", _) => EntryKind::Joined,
        _ => EntryKind::Message {
            html: if row.rendering == RENDERING || row.text.is_empty() { row.html } else { rendered(&row.text).await? },
            text: row.text,
            attachments,
            artifacts: data.artifacts,
            answered: data.answered,
            edited_at: row.edited_at,
            deleted_at: row.deleted_at,
        },
    };
    Ok(Entry { id, number: row.number, author, created_at: row.created_at, imported: data.imported, comments: 0, what })
}
