//! Types and limits of volumes and commits; pure, for both halves.

use serde::{Deserialize, Serialize};

use crate::{
    features::accounts::model::{Person, Role},
    ids::{ArtifactId, CommitId, RevisionId, SessionId, TeamId, VolumeId},
};

/// Whose volume it is; ordered by precedence: an id in `user` hides the same id in `team`, which hides `system`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VolumeKind {
    System,
    Team,
    User,
}

impl VolumeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            VolumeKind::System => "system",
            VolumeKind::Team => "team",
            VolumeKind::User => "user",
        }
    }
    pub fn parse(text: &str) -> Self {
        match text {
            "system" => VolumeKind::System,
            "team" => VolumeKind::Team,
            _ => VolumeKind::User,
        }
    }
}

/// A volume in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    pub id: VolumeId,
    pub kind: VolumeKind,
    pub name: String,
    /// The team that owns it, for team volumes.
    pub team: Option<TeamId>,
    /// The caller's role in it: a viewer of the system volume, an owner of one's own.
    pub role: Role,
    pub demo: bool,
    pub skills: i64,
    pub tools: i64,
    pub agents: i64,
    pub drafts: i64,
    pub trashed: i64,
    pub updated_at: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateVolume {
    #[serde(default)]
    pub id: Option<VolumeId>,
    pub name: String,
    /// None: one of one's own.
    #[serde(default)]
    pub team: Option<TeamId>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateVolume {
    pub name: String,
}

/// What a commit did to one artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Created,
    Updated,
    Deleted,
    Restored,
    Moved,
}

impl Change {
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Created => "created",
            Change::Updated => "updated",
            Change::Deleted => "deleted",
            Change::Restored => "restored",
            Change::Moved => "moved",
        }
    }
    pub fn parse(text: &str) -> Self {
        match text {
            "created" => Change::Created,
            "deleted" => Change::Deleted,
            "restored" => Change::Restored,
            "moved" => Change::Moved,
            _ => Change::Updated,
        }
    }
}

/// A commit in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    pub id: CommitId,
    /// SHA-256; the first seven characters are shown.
    pub sha: String,
    pub volume_id: VolumeId,
    pub author: Person,
    pub message: String,
    /// edit, import, restore, move, delete or system
    pub source: String,
    pub changes: i64,
    pub created_at: i64,
}

/// The first line of a commit's message, which stands for all of it where commits are listed.
pub fn subject(message: &str) -> &str {
    message.trim_start().lines().next().unwrap_or_default()
}

/// One line of a commit's list of changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitChange {
    pub artifact_id: ArtifactId,
    pub revision_id: RevisionId,
    pub parent_revision_id: Option<RevisionId>,
    pub change: Change,
    pub path: String,
    pub name: String,
    pub added: i64,
    pub removed: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitDetail {
    pub commit: Commit,
    pub parent: Option<CommitId>,
    pub volume_name: String,
    /// The first `CHANGES_SHOWN`.
    pub changes: Vec<CommitChange>,
    /// The records of sessions that it saved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<CommittedRecord>,
}

/// The record of a session in a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommittedRecord {
    pub session_id: SessionId,
    pub change: Change,
    pub path: String,
    pub title: String,
    pub size: i64,
}

pub const CHANGES_SHOWN: i64 = 500;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitPage {
    pub commits: Vec<Commit>,
    /// Pass as `before` for the next page.
    pub next: Option<CommitId>,
}

/// Committing drafts.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateCommit {
    #[serde(default)]
    pub id: Option<CommitId>,
    pub message: String,
    pub artifacts: Vec<CommitItem>,
    /// What the caller committed since the bases is no conflict: a commit that waited on a device may have been written before an earlier one of it arrived.
    #[serde(default)]
    pub after_own: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommitItem {
    pub id: ArtifactId,
    /// The revision that the person saw as the head; when another is the head by now, the answer is a conflict.
    pub base_revision_id: Option<RevisionId>,
}

/// How an import ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    pub created: i64,
    pub updated: i64,
    pub unchanged: i64,
    pub skipped: i64,
    pub commit_id: Option<CommitId>,
    /// Created, updated and skipped ones, and what had to be repaired; at most `REPORT_LINES`.
    pub items: Vec<ImportItem>,
    /// How many more there would be.
    pub more: i64,
}

pub const REPORT_LINES: usize = 2_000;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportItem {
    pub path: String,
    pub outcome: ImportOutcome,
    pub artifact_id: Option<ArtifactId>,
    /// Of a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// Why it was skipped, or what was noticed.
    pub reason: Option<String>,
    /// 1-based.
    pub line: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportOutcome {
    Created,
    Updated,
    Unchanged,
    Skipped,
}

/// What bounds an import. Real volumes are far below; each limit is named in its error.
pub mod limits {
    /// The archive or the folder as sent.
    pub const ARCHIVE_BYTES: u64 = 256 * 1024 * 1024;
    /// Everything unpacked: a bomb is stopped here.
    pub const UNPACKED_BYTES: u64 = 1024 * 1024 * 1024;
    pub const FILES: usize = 100_000;
    /// The main file of an artifact.
    pub const MAIN_FILE_BYTES: u64 = 1024 * 1024;
    /// A file beside it.
    pub const FILE_BYTES: u64 = 32 * 1024 * 1024;
    pub const FILES_PER_ARTIFACT: usize = 2_000;
    pub const PATH_CHARS: usize = 400;
    pub const MESSAGE_CHARS: usize = 2_000;
}

#[cfg(test)]
mod tests {
    use super::subject;

    #[test]
    fn a_commit_is_listed_by_its_first_line() {
        assert_eq!(subject("Lit at dusk\r\n\nGit-Author: Ana <ana@a.dev>"), "Lit at dusk");
        assert_eq!((subject("\n One line"), subject("")), ("One line", ""));
    }
}
