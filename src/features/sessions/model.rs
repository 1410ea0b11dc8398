//! Sessions and their timelines as pages and programs see them.

pub mod file;
pub mod references;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    features::{accounts::model::Person, artifacts::model::Kind, assistant::model::Answered, collaboration::model::RoomUser},
    ids::{ArtifactId, AttachmentId, CommitId, EntryId, SessionId, TeamId, VolumeId},
    ui::count,
};

pub const TITLE_MAX: usize = 120;
pub const GOAL_MAX: usize = 2_000;
/// Characters of one message.
pub const MESSAGE_MAX: usize = 20_000;
/// Bytes of one attachment.
pub const ATTACHMENT_BYTES: usize = 10 * 1024 * 1024;
pub const ATTACHMENTS_MAX: usize = 10;
/// Entries of one page of a timeline.
pub const PAGE: u32 = 60;
pub const PAGE_MAX: u32 = 200;
/// Sessions of one page of a list.
pub const LIST_PAGE: u32 = 50;
pub const LIST_MAX: u32 = 200;
/// How long a deleted session can be taken back.
pub const TRASH_DAYS: i64 = 30;

/// What is wrong with the length of a message.
pub fn length_problem(text: &str) -> Option<String> {
    // Most have fewer bytes than they may have characters, and are not counted with every key.
    let long = text.len() > MESSAGE_MAX && text.chars().count() > MESSAGE_MAX;
    long.then(|| format!("A message has at most {} characters: attach a file for more.", count(MESSAGE_MAX as i64)))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionStatus {
    Active,
    Committed,
    Archived,
}

impl SessionStatus {
    pub const ALL: [Self; 3] = [Self::Active, Self::Committed, Self::Archived];
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Committed => "committed",
            Self::Archived => "archived",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Which sessions a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionView {
    /// Everything that one sees and that is not archived.
    #[default]
    All,
    /// Begun by oneself.
    Mine,
    /// Open to a team.
    Team,
    Archived,
    /// Deleted, and one may take them back.
    Trash,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionSort {
    /// Newest activity first.
    #[default]
    Activity,
    Created,
    Title,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    pub view: SessionView,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<SessionStatus>,
    pub sort: SessionSort,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A session as a list shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionSummary {
    pub id: SessionId,
    pub title: String,
    pub goal: String,
    pub status: SessionStatus,
    /// None: private to its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
    pub owner: Person,
    /// The number of the newest entry; entries count from 1 without a gap.
    pub entries: i64,
    /// Entries that one has not seen.
    pub unread: i64,
    /// Who has it open now.
    pub here: Vec<RoomUser>,
    pub created_at: i64,
    /// The newest entry's time, or the creation's.
    pub active_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionPage {
    pub items: Vec<SessionSummary>,
    pub total: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A session with what its page needs before the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionDetail {
    #[serde(flatten)]
    pub summary: SessionSummary,
    /// Whether one may write messages, add artifacts and commit.
    pub can_write: bool,
    /// Whether one may rename, archive and delete it: its owner, or a maintainer of its team.
    pub can_manage: bool,
    /// The number up to which one has read.
    pub read: i64,
    /// Whoever may be mentioned: the members of the team.
    pub people: Vec<Person>,
    pub artifacts: Vec<SessionArtifact>,
}

/// An artifact of a session, as it stands now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionArtifact {
    pub id: ArtifactId,
    pub kind: Kind,
    pub slug: String,
    pub name: String,
    /// None in what was remembered before there was one, and of what is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_id: Option<VolumeId>,
    pub volume_name: String,
    pub has_draft: bool,
    /// It was moved away, deleted, or one may not read it: only the name is left.
    pub gone: bool,
}

/// One entry of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    pub id: EntryId,
    /// Counts from 1 in the order in which the server took them.
    pub number: i64,
    pub author: Person,
    pub created_at: i64,
    /// Of an entry that came with an imported session, which `author` brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
    /// How many comments there are on it.
    #[serde(default, skip_serializing_if = "no_comments")]
    pub comments: i64,
    #[serde(flatten)]
    pub what: EntryKind,
}

fn no_comments(count: &i64) -> bool {
    *count == 0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub enum EntryKind {
    Message {
        /// As it was written: markdown. Empty when deleted.
        text: String,
        /// The same as sanitised HTML, with mentions and references as links.
        html: String,
        attachments: Vec<Attachment>,
        /// The artifacts that it names with `@slug`.
        artifacts: Vec<SessionArtifact>,
        /// Of an answer of the assistant: what it was made with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered: Option<Answered>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edited_at: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deleted_at: Option<i64>,
    },
    /// An artifact came into the session.
    Artifact {
        artifact: SessionArtifact,
    },
    Commit {
        commit_id: CommitId,
        sha: String,
        message: String,
        changes: i64,
    },
    /// Somebody opened the session for the first time.
    Joined,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    pub id: AttachmentId,
    pub name: String,
    pub media_type: String,
    pub size: i64,
    /// Of pictures, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i64>,
    /// Where it is, from the server's root.
    pub url: String,
}

/// Who wrote an imported entry, and when, as its file says: it is shown, and proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// A name, or a role such as `user` and `assistant`.
    pub author: String,
    /// Such as `14:05`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

/// A piece of the timeline, by number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryPage {
    pub items: Vec<Entry>,
    /// Of the whole timeline: the newest number.
    pub total: i64,
}

/// `from` gives entries with that number and the ones after it; without it the newest ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
pub struct EntryQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateSession {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<SessionId>,
    pub title: String,
    #[serde(default)]
    pub goal: String,
    /// None: private.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_id: Option<TeamId>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateSession {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
}

/// A message; `id` is made by the client, so that it is there once however often it is sent.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateMessage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EntryId>,
    pub text: String,
    #[serde(default)]
    pub attachment_ids: Vec<AttachmentId>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateMessage {
    pub text: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MarkRead {
    pub number: i64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddArtifact {
    pub artifact_id: ArtifactId,
}

/// Saves the named drafts and the session's own record (`sessions/<id>.json` in the volume) as one commit.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitSession {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<CommitId>,
    pub message: String,
    /// Drafts of one volume; none: only the record is saved.
    pub artifact_ids: Vec<ArtifactId>,
    /// Where the record goes when there are no drafts; none: the first volume of the team, or one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume_id: Option<VolumeId>,
}

/// Makes a draft of an attached markdown file.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaveAsArtifact {
    /// Made by the client, so that a retry makes one artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ArtifactId>,
    pub volume_id: VolumeId,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    #[default]
    Markdown,
    Json,
}

/// What `@` offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Completion {
    Person { person: Person },
    Artifact { artifact: SessionArtifact },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_refused_by_characters() {
        assert_eq!(length_problem(&"ü".repeat(MESSAGE_MAX)), None);
        let problem = length_problem(&"x".repeat(MESSAGE_MAX + 1));
        assert_eq!(problem.as_deref(), Some("A message has at most 20,000 characters: attach a file for more."));
    }
}
