//! What the artifact page shows, and what it sends.

use serde::{Deserialize, Serialize};

use super::{ArtifactSummary, Kind, diff::Diff, merge::Merge, tool::Tool, validate::Hint};
use crate::{
    features::{
        accounts::model::{Person, Role},
        volumes::model::{Change, VolumeKind},
    },
    ids::{ArtifactId, CommitId, RevisionId, TeamId, VolumeId},
};

/// A file beside the main file; its content is a blob.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// Relative to the artifact's folder, with `/`.
    pub path: String,
    /// SHA-256 of its bytes.
    pub sha: String,
    pub size: i64,
    #[serde(default)]
    pub executable: bool,
}

/// Everything an artifact's page shows at first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactDetail {
    pub summary: ArtifactSummary,
    pub path: String,
    pub volume_name: String,
    pub volume_kind: VolumeKind,
    pub team: Option<TeamId>,
    /// The caller's role in its workspace.
    pub role: Role,
    pub author: String,
    pub dependencies: Vec<String>,
    /// The current text: the draft's, or else the head's. LF line ends, without BOM.
    pub text: String,
    /// The body of that text as sanitised HTML.
    pub html: String,
    /// The top-level keys of the frontmatter in order, as text.
    pub frontmatter: Vec<FrontmatterEntry>,
    pub hints: Vec<Hint>,
    pub files: Vec<FileEntry>,
    pub head: Option<RevisionSummary>,
    pub draft: Option<DraftInfo>,
    pub favourite: bool,
    /// The same kind and id in other volumes that the caller sees.
    pub siblings: Vec<Sibling>,
    /// Of a tool: its code and what it declares. None if there is no code, and none in the trash or in quarantine: there it is not to run.
    pub tool: Option<Tool>,
    pub created_at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FrontmatterEntry {
    pub key: String,
    pub value: FrontmatterValue,
}

/// A value as the form edits it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", content = "value", rename_all = "lowercase")]
pub enum FrontmatterValue {
    Text(String),
    List(Vec<String>),
    /// Nested or unreadable: shown as source, edited in the source view.
    Raw(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sibling {
    pub id: ArtifactId,
    pub volume_name: String,
    pub volume_kind: VolumeKind,
}

/// The uncommitted text of an artifact, shared by everybody who may edit it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DraftInfo {
    pub base_revision_id: Option<RevisionId>,
    /// The head moved on since the draft began: committing asks for a merge.
    pub behind: bool,
    /// Counts up with every save; a save states the one it saw.
    pub saves: i64,
    pub updated_by: Person,
    pub updated_at: i64,
    /// Lines against the base.
    pub added: i64,
    pub removed: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevisionSummary {
    pub id: RevisionId,
    pub commit_id: CommitId,
    /// Of the commit.
    pub sha: String,
    pub message: String,
    pub author: Person,
    /// Who else wrote on it, in lists of revisions.
    #[serde(default)]
    pub contributors: Vec<Person>,
    pub change: Change,
    pub version: String,
    pub added: i64,
    pub removed: i64,
    pub created_at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryPage {
    /// Newest first.
    pub revisions: Vec<RevisionSummary>,
    pub next: Option<RevisionId>,
    pub total: i64,
}

/// Two states of an artifact against one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactDiff {
    /// None: before the first revision.
    pub from: Option<RevisionSummary>,
    /// None: the draft.
    pub to: Option<RevisionSummary>,
    pub diff: Diff,
    pub files: Vec<FileChange>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileChange {
    pub path: String,
    pub change: Change,
    pub size_before: Option<i64>,
    pub size_after: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateArtifact {
    #[serde(default)]
    pub id: Option<ArtifactId>,
    pub volume_id: VolumeId,
    pub kind: Kind,
    /// What people call it; the id is made from it.
    pub name: String,
    /// None: a short template.
    #[serde(default)]
    pub text: Option<String>,
}

/// Saving a draft. `saves` is the count that the editor saw; another one answers with a conflict.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaveDraft {
    pub text: String,
    pub saves: i64,
}

/// What was written while the server was out of reach: as updates of the document where the device had it, else as a text with the one that it was made from.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BringText {
    /// The whole text as it stands on the device.
    pub text: String,
    /// Yjs updates in its first encoding, base64: then they are what counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<String>,
    /// The text that `text` was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The head at that time; none where nothing was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<RevisionId>,
}

/// What came of a text that was brought home.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Brought {
    /// It is in the draft, and somebody has to look at it; none where there is nothing to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<Look>,
}

/// Why somebody has to look at something, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// A sentence.
    pub message: String,
    /// The address of a page, from the root.
    pub address: String,
}

/// A text to show as the page would show it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Previewed {
    /// The body, sanitised.
    pub html: String,
    /// What the rules of the format say of it.
    pub hints: Vec<Hint>,
}

/// What saving answers, once the draft is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedDraft {
    pub saves: i64,
    pub saved_at: i64,
    pub hints: Vec<Hint>,
    /// The draft is gone: the text equals the head again.
    pub clean: bool,
}

/// One key of the frontmatter form.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetFrontmatter {
    pub key: String,
    /// None removes the key.
    pub value: Option<FrontmatterValue>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToVolume {
    pub volume_id: VolumeId,
}

/// A copy in another volume.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fork {
    /// Of the copy; made by the client, so that a retry makes one.
    #[serde(default)]
    pub id: Option<ArtifactId>,
    pub volume_id: VolumeId,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRevision {
    /// Of the commit; made by the client, so that a retry makes one.
    #[serde(default)]
    pub id: Option<CommitId>,
    pub revision_id: RevisionId,
}

/// The three texts of a draft whose base is no longer the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MergeView {
    pub head: RevisionSummary,
    pub saves: i64,
    pub merge: Merge,
}

/// The merged text becomes the draft, now based on the head.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaveMerge {
    pub text: String,
    pub saves: i64,
    /// The head that was merged with.
    pub head_revision_id: RevisionId,
}
