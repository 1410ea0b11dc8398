//! What the library and the artifact page show, and what they send.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{diff::Diff, merge::Merge, validate::Hint};
use crate::{
    features::{
        accounts::model::{Person, Role},
        volumes::model::{Change, VolumeKind},
    },
    ids::{ArtifactId, CommitId, RevisionId, TeamId, VolumeId},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Skill,
    Tool,
    Agent,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Skill, Kind::Tool, Kind::Agent];

    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Skill => "skill",
            Kind::Tool => "tool",
            Kind::Agent => "agent",
        }
    }
    /// The folder of the kind inside a volume.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Skill => "skills",
            Kind::Tool => "tools",
            Kind::Agent => "agents",
        }
    }
    /// Where a new artifact of this kind keeps its main file.
    pub fn main_path(self, slug: &str) -> String {
        match self {
            Kind::Skill => format!("skills/{slug}/SKILL.md"),
            Kind::Tool => format!("tools/{slug}/TOOL.md"),
            Kind::Agent => format!("agents/{slug}.md"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// The categories: id and the words shown.
pub const CATEGORIES: [(&str, &str); 12] = [
    ("data-analysis", "Data Analysis"),
    ("web-dev", "Web Development"),
    ("machine-learning", "Machine Learning"),
    ("automation", "Automation"),
    ("security", "Security"),
    ("testing", "Testing"),
    ("documentation", "Documentation"),
    ("deployment", "Deployment"),
    ("legal", "Legal"),
    ("financial", "Financial"),
    ("research", "Research"),
    ("design", "Design"),
];

/// A row of the library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactSummary {
    pub id: ArtifactId,
    pub volume_id: VolumeId,
    pub kind: Kind,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    pub version: String,
    pub hints: i64,
    pub has_draft: bool,
    /// Never committed.
    pub new: bool,
    /// The kind of volume that this one hides, by precedence.
    pub overrides: Option<VolumeKind>,
    /// The kind of volume whose artifact hides this one.
    pub hidden_by: Option<VolumeKind>,
    pub deleted_at: Option<i64>,
    /// What a commit of its draft states as the head that the person saw.
    pub head_revision_id: Option<RevisionId>,
    pub updated_at: i64,
    /// What the draft changes, where the query asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diffstat: Option<DiffStat>,
}

/// Lines that came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DiffStat {
    pub added: i64,
    pub removed: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sort {
    /// Newest change first.
    #[default]
    Updated,
    /// A to Z.
    Name,
    /// Newest first.
    Created,
}

impl Sort {
    pub const ALL: [Sort; 3] = [Sort::Updated, Sort::Name, Sort::Created];

    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Updated => "updated",
            Sort::Name => "name",
            Sort::Created => "created",
        }
    }
}

/// The views of the library beside "everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum View {
    #[default]
    All,
    /// With uncommitted changes.
    Drafts,
    /// With validation hints.
    Hints,
    Favourites,
    /// Opened lately, newest first.
    Recent,
    /// In the trash, kept 30 days.
    Trash,
}

impl View {
    pub const ALL: [View; 6] = [View::All, View::Drafts, View::Hints, View::Favourites, View::Recent, View::Trash];

    pub fn as_str(self) -> &'static str {
        match self {
            View::All => "all",
            View::Drafts => "drafts",
            View::Hints => "hints",
            View::Favourites => "favourites",
            View::Recent => "recent",
            View::Trash => "trash",
        }
    }
}

/// The library's filters; the page's URL has the same names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
pub struct LibraryQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeId>,
    /// Everything of one team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Words that name, id or description contain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    pub view: View,
    pub sort: Sort,
    /// Count the lines that each draft changes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub diffstat: bool,
    /// From `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// 1..=200, 50 if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LibraryPage {
    pub items: Vec<ArtifactSummary>,
    pub next: Option<String>,
    /// How many match in all; none where counting would cost more than the page.
    pub total: Option<i64>,
}

/// What the filters can be set to, with counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Facets {
    pub categories: Vec<FacetCount>,
    /// The most used, at most 40.
    pub tags: Vec<FacetCount>,
    /// How much the views have that nobody but their reader can count, whatever is filtered by.
    #[serde(default)]
    pub views: ViewCounts,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ViewCounts {
    pub hints: i64,
    pub favourites: i64,
    pub recent: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FacetCount {
    pub value: String,
    pub count: i64,
}

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

/// One act on many artifacts. Commit has its own route.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum Bulk {
    Delete {
        ids: Vec<ArtifactId>,
    },
    /// Out of the trash again.
    Restore {
        ids: Vec<ArtifactId>,
    },
    #[serde(rename_all = "camelCase")]
    Move {
        ids: Vec<ArtifactId>,
        volume_id: VolumeId,
    },
    /// Adds and removes tags in the frontmatter, as drafts.
    Tag {
        ids: Vec<ArtifactId>,
        add: Vec<String>,
        remove: Vec<String>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkReport {
    pub done: i64,
    /// Names and reasons of what stayed as it was.
    pub refused: Vec<String>,
}

/// The home page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    pub commits: Vec<HomeCommit>,
    pub my_drafts: Vec<ArtifactSummary>,
    pub recents: Vec<ArtifactSummary>,
    pub favourites: Vec<ArtifactSummary>,
    /// Who was active in one's teams in the last minutes.
    pub here: Vec<Person>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HomeCommit {
    pub commit: crate::features::volumes::model::Commit,
    pub volume_name: String,
    /// The first few names.
    pub names: Vec<String>,
}

pub const PAGE_DEFAULT: u32 = 50;
pub const PAGE_MAX: u32 = 200;
pub const BULK_MAX: usize = 1_000;
/// How long the trash keeps, in days.
pub const TRASH_DAYS: i64 = 30;
