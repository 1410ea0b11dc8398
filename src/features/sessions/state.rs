//! Session state of pages: the list's filters as an address, and what pages read and send.

use std::future::Future;

use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::model::{
    AddArtifact, Attachment, CommitSession, Completion, CreateMessage, CreateSession, Entry, EntryPage, EntryQuery, MarkRead,
    SessionDetail, SessionPage, SessionQuery, SessionSort, SessionStatus, SessionSummary, SessionView, UpdateMessage, UpdateSession,
};
use crate::{
    browser::{
        data::{self, Fetched, Sent, encode},
        json,
        outbox::{Item, Wish},
        upload::{self, Picked},
    },
    error::AppResult,
    features::{
        accounts::model::Me,
        artifacts::model::ArtifactDetail,
        volumes::state::{artifact_object, merge_address, tell},
    },
    ids::{ArtifactId, AttachmentId, EntryId, SessionId, VolumeId},
};

pub fn session_address(id: SessionId) -> String {
    format!("/sessions/{id}")
}

/// Reads the filters out of an address; what is not understood counts as not set.
pub fn session_query(params: &ParamsMap) -> SessionQuery {
    let text = |name: &str| params.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    SessionQuery {
        q: text("q"),
        view: match text("view").as_deref() {
            Some("mine") => SessionView::Mine,
            Some("team") => SessionView::Team,
            Some("archived") => SessionView::Archived,
            Some("trash") => SessionView::Trash,
            _ => SessionView::All,
        },
        team: text("team").and_then(|id| id.parse().ok()),
        status: text("status").and_then(|status| SessionStatus::parse(&status)),
        sort: match text("sort").as_deref() {
            Some("created") => SessionSort::Created,
            Some("title") => SessionSort::Title,
            _ => SessionSort::Activity,
        },
        cursor: text("cursor"),
        limit: None,
    }
}

/// The filters as fields of the address; what is as usual is left out.
pub fn sessions_fields(query: &SessionQuery) -> Vec<(&'static str, String)> {
    let view = match query.view {
        SessionView::All => None,
        SessionView::Mine => Some("mine"),
        SessionView::Team => Some("team"),
        SessionView::Archived => Some("archived"),
        SessionView::Trash => Some("trash"),
    };
    let sort = match query.sort {
        SessionSort::Activity => None,
        SessionSort::Created => Some("created"),
        SessionSort::Title => Some("title"),
    };
    let fields = [
        ("q", query.q.clone()),
        ("view", view.map(str::to_owned)),
        ("team", query.team.map(|id| id.to_string())),
        ("status", query.status.map(|status| status.to_string())),
        ("sort", sort.map(str::to_owned)),
        ("cursor", query.cursor.clone()),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The address of the list with these filters.
pub fn sessions_address(query: &SessionQuery) -> String {
    let fields: Vec<String> = sessions_fields(query).into_iter().map(|(name, value)| format!("{name}={}", encode(&value))).collect();
    if fields.is_empty() { "/sessions".to_owned() } else { format!("/sessions?{}", fields.join("&")) }
}

pub fn use_sessions(query: Memo<SessionQuery>) -> Fetched<SessionPage> {
    data::fetch(move || Some(query.with(sessions_path)))
}

/// Those that had something new lately.
pub fn use_recent_sessions() -> Fetched<SessionPage> {
    data::fetch(|| Some("/sessions?limit=8".to_owned()))
}

/// Where sessions are read.
pub fn sessions_path(query: &SessionQuery) -> String {
    data::with_query("/sessions", query)
}

pub fn read_sessions(path: String) -> impl Future<Output = AppResult<SessionPage>> + Send + 'static {
    data::get(path)
}

/// The session that the address names.
pub fn use_session_detail(id: Memo<String>) -> Fetched<SessionDetail> {
    data::fetch(move || Some(format!("/sessions/{}", encode(&id.get()))))
}

/// The newest entries of the session that the address names.
pub fn use_newest_entries(id: Memo<String>) -> Fetched<EntryPage> {
    data::fetch(move || Some(format!("/sessions/{}/entries", encode(&id.get()))))
}

pub fn read_session(id: SessionId) -> impl Future<Output = AppResult<SessionDetail>> + Send + 'static {
    data::get(format!("/sessions/{id}"))
}

pub fn read_entries(id: SessionId, query: EntryQuery) -> impl Future<Output = AppResult<EntryPage>> + Send + 'static {
    data::get(data::with_query(&format!("/sessions/{id}/entries"), &query))
}

/// What `@` and what follows it can mean; `path` ends where the query goes on.
pub fn read_completions(path: &str, q: &str) -> impl Future<Output = AppResult<Vec<Completion>>> + Send + 'static {
    data::get(format!("{path}q={}", encode(q)))
}

/// What the outbox calls a session: what is done in it waits for what was done before.
pub fn session_object(id: SessionId) -> String {
    format!("session:{id}")
}

/// Begins a session, now or when the server can be reached. `id` is the one in `new`.
pub async fn create_session(id: SessionId, new: CreateSession) -> AppResult<Sent> {
    let label = format!("New session \u{201c}{}\u{201d}", new.title);
    data::send_later(Wish::new(session_object(id), "POST", SESSIONS.to_owned(), &new, label)).await
}

const SESSIONS: &str = "/sessions";

/// Sessions that were begun on this device and that the server does not have yet, with their titles.
pub fn sessions_begun_here(items: &[Item]) -> Vec<(SessionId, String)> {
    items.iter().filter_map(new_session).filter_map(|new| Some((new.id?, new.title))).collect()
}

/// Whether a change begins a session.
pub fn begins_session(item: &Item) -> bool {
    item.path == SESSIONS
}

fn new_session(item: &Item) -> Option<CreateSession> {
    json::read(item.body.as_deref().filter(|_| begins_session(item))?).ok()
}

/// A session that was begun on this device and that the server does not have yet, as its page shows it.
pub fn session_begun_here(items: &[Item], me: &Me) -> Option<SessionDetail> {
    let (item, new) = items.iter().find_map(|item| Some((item, new_session(item)?)))?;
    let team = new.team_id.and_then(|id| me.teams.iter().find(|team| team.id == id));
    let summary = SessionSummary {
        id: new.id?,
        title: new.title,
        goal: new.goal,
        status: SessionStatus::Active,
        team_id: new.team_id,
        team_name: team.map(|team| team.name.clone()),
        owner: me.person.clone(),
        entries: 0,
        unread: 0,
        here: Vec::new(),
        created_at: item.at,
        active_at: item.at,
        deleted_at: None,
    };
    Some(SessionDetail { summary, can_write: true, can_manage: true, read: 0, people: vec![me.person.clone()], artifacts: Vec::new() })
}

/// Changes what is in a session or said of it, now or when the server can be reached. What comes later does not build on it.
async fn change_later(id: SessionId, method: &'static str, path: String, body: &impl serde::Serialize, label: &str) -> AppResult<Sent> {
    data::send_later(Wish::new(session_object(id), method, path, body, label.to_owned()).alone()).await
}

/// Renames it, or says another goal, now or when the server can be reached.
pub async fn update_session(id: SessionId, change: UpdateSession) -> AppResult<Sent> {
    change_later(id, "PATCH", format!("/sessions/{id}"), &change, "Session renamed").await
}

/// Archives it, or takes it back, now or when the server can be reached.
pub async fn archive_session(id: SessionId, on: bool) -> AppResult<Sent> {
    let (act, label) = if on { ("archive", "Session archived") } else { ("restore", "Session taken back") };
    change_later(id, "POST", format!("/sessions/{id}/{act}"), &(), label).await
}

pub fn delete_session(id: SessionId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/sessions/{id}"), ())
}

pub fn undelete_session(id: SessionId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/sessions/{id}/undelete"), ())
}

/// Says once that one is here.
pub fn join_session(id: SessionId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/sessions/{id}/join"), ())
}

/// Where messages are written to.
pub fn messages_path(id: SessionId) -> String {
    format!("/sessions/{id}/messages")
}

/// Writes a message, now or when the server can be reached; the entry, if it is there at once. What becomes of it later is told by the outbox.
///
/// # Errors
/// It is not kept: whoever wrote it has it still.
pub async fn send_message(id: SessionId, message: CreateMessage) -> AppResult<Option<Entry>> {
    /// Characters of it in the list of what waits.
    const SHOWN: usize = 60;
    let begin: String = message.text.chars().take(SHOWN).collect();
    let label = if begin.is_empty() { "Message".to_owned() } else { format!("Message \u{201c}{begin}\u{201d}") };
    match data::keep(Wish::new(session_object(id), "POST", messages_path(id), &message, label).alone()).await? {
        Some(text) => data::read(&text).map(Some),
        None => Ok(None),
    }
}

/// Changes what a message says, now or when the server can be reached.
pub async fn edit_message(id: SessionId, entry: EntryId, text: String) -> AppResult<Sent> {
    change_later(id, "PATCH", format!("/sessions/{id}/messages/{entry}"), &UpdateMessage { text }, "Message edited").await
}

/// Deletes a message, now or when the server can be reached.
pub async fn delete_message(id: SessionId, entry: EntryId) -> AppResult<Sent> {
    change_later(id, "DELETE", format!("/sessions/{id}/messages/{entry}"), &(), "Message deleted").await
}

pub fn mark_read(id: SessionId, number: i64) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("PUT", format!("/sessions/{id}/read"), MarkRead { number })
}

pub fn add_artifact(id: SessionId, artifact_id: ArtifactId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("POST", format!("/sessions/{id}/artifacts"), AddArtifact { artifact_id })
}

pub fn remove_artifact(id: SessionId, artifact_id: ArtifactId) -> impl Future<Output = AppResult<()>> + Send + 'static {
    tell("DELETE", format!("/sessions/{id}/artifacts/{artifact_id}"), ())
}

/// Commits drafts of a session, now or when the server can be reached.
pub async fn commit_session(id: SessionId, commit: CommitSession) -> AppResult<Sent> {
    let objects: Vec<String> = commit.artifact_ids.iter().map(|artifact| artifact_object(*artifact)).collect();
    let label = format!("Commit \u{201c}{}\u{201d}", commit.message);
    // As with every commit that may wait (`volumes::state::create_commit`).
    let commit = CommitSession { id: None, ..commit };
    let mut wish = Wish::new(session_object(id), "POST", format!("/sessions/{id}/commit"), &commit, label).alone();
    wish.objects.extend(objects);
    wish.merge = commit.artifact_ids.first().map(|artifact| merge_address(*artifact)).unwrap_or_default();
    data::send_later(wish).await
}

/// Uploads one file; `progress` gets 0..=1.
pub async fn attach(id: SessionId, picked: Picked, progress: impl Fn(f64) + 'static) -> AppResult<Attachment> {
    upload::send(&format!("/sessions/{id}/attachments"), &picked, progress).await
}

/// Makes a draft of an attached markdown file.
pub async fn save_as_artifact(id: SessionId, attachment: AttachmentId, volume_id: VolumeId) -> AppResult<ArtifactDetail> {
    data::post(format!("/sessions/{id}/attachments/{attachment}/save-as-artifact"), &serde_json::json!({ "volumeId": volume_id })).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_carry_the_filters_and_nothing_else() {
        assert_eq!(sessions_address(&SessionQuery::default()), "/sessions");
        let mut params = ParamsMap::new();
        for (name, value) in [("q", " a&b "), ("view", "mine"), ("sort", "what"), ("status", "active"), ("team", "none")] {
            params.insert(name, value.to_owned());
        }
        assert_eq!(sessions_address(&session_query(&params)), "/sessions?q=a%26b&view=mine&status=active");
    }
}
