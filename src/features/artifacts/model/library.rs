//! What the library and the home page show, and what they send.

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    features::{accounts::model::Person, volumes::model::VolumeKind},
    ids::{ArtifactId, RevisionId, TeamId, VolumeId},
};

pub const PAGE_DEFAULT: u32 = 50;
pub const PAGE_MAX: u32 = 200;
pub const BULK_MAX: usize = 1_000;
/// How long the trash keeps, in days.
pub const TRASH_DAYS: i64 = 30;

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
    /// Why nobody should use it, after a quarantine in the marketplace; empty otherwise.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub disabled: String,
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

/// Whose artifacts a list has, where it is narrowed to more than one volume and no team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// One's own and those of all one's teams: no built-in ones. Figures count these.
    Ours,
    /// One's own.
    Personal,
}

impl Whose {
    pub const ALL: [Whose; 2] = [Whose::Ours, Whose::Personal];

    pub fn as_str(self) -> &'static str {
        match self {
            Whose::Ours => "ours",
            Whose::Personal => "personal",
        }
    }
    /// Whether volumes of this kind are among them.
    pub fn has(self, volume: VolumeKind) -> bool {
        match self {
            Whose::Ours => volume != VolumeKind::System,
            Whose::Personal => volume == VolumeKind::User,
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
    /// Everything of all workspaces that one is in, or of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whose: Option<Whose>,
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
    /// Who of one's teams was active in the last minutes, or is connected.
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
