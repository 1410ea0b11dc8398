//! What of the marketplace stands in a volume, and how that changes.

use serde::{Deserialize, Serialize};

use super::{Capabilities, Deprecation, FileDiff};
use crate::{
    features::{accounts::model::Person, artifacts::model::Kind, volumes::model::VolumeKind},
    ids::{ArtifactId, ListingId, VolumeId},
};

/// One line of a volume's lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Installation {
    pub listing_id: ListingId,
    pub slug: String,
    pub name: String,
    pub kind: Kind,
    pub artifact_id: ArtifactId,
    pub version: String,
    /// SHA-256 of the release's canonical archive: `sha256:` and hexadecimal digits.
    pub digest: String,
    /// The newest version that is public and not withdrawn.
    pub latest: String,
    pub pinned: bool,
    /// Somebody asked for it; otherwise something needs it.
    pub asked: bool,
    pub disabled: String,
    /// Why this version is no longer offered.
    pub withdrawn: String,
    /// Why its publishers advise against it.
    #[serde(default)]
    pub deprecation: Option<Deprecation>,
    pub needed_by: Vec<String>,
    /// Whether the volume's text differs from the release.
    pub edited: bool,
    pub updated_at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeLock {
    pub volume_id: VolumeId,
    pub volume_name: String,
    pub may_change: bool,
    pub installations: Vec<Installation>,
    /// The newest first.
    pub changes: Vec<LockChange>,
    #[serde(default)]
    pub settings: LockSettings,
}

/// Days that a version may have to be out before it is taken by itself.
pub const COOL_DOWN_MAX: i64 = 90;

/// How a volume takes newer versions without being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LockSettings {
    pub automatic: bool,
    /// How many days a version has to be out before that: time for others to find what is wrong with it.
    pub cool_down_days: i64,
}

impl Default for LockSettings {
    fn default() -> Self {
        Self { automatic: false, cool_down_days: 7 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LockChange {
    pub id: String,
    /// install, update, uninstall, roll-back.
    pub act: String,
    pub steps: Vec<LockStep>,
    pub by: Person,
    pub at: i64,
}

/// What became of one item; none on the left: it was not there, none on the right: it is no longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LockStep {
    pub slug: String,
    pub from: Option<String>,
    pub to: Option<String>,
    #[serde(default)]
    pub asked: bool,
}

/// How a volume's lock is to change.
#[derive(Clone, Debug, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ChangeLock {
    /// `slug` or `slug@range`.
    pub install: Vec<String>,
    /// Slugs.
    pub update: Vec<String>,
    pub update_all: bool,
    /// Slugs.
    pub uninstall: Vec<String>,
    /// Whether what needs an uninstalled item goes as well.
    pub cascade: bool,
    /// Puts the lock back to what it was before this change.
    pub roll_back: Option<String>,
    /// What becomes of lines that were changed both here and by the release.
    pub conflicts: OnConflict,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Nothing is changed, and the items are named.
    #[default]
    Refuse,
    /// The lines of the volume stay.
    Ours,
    /// The lines of the release come.
    Theirs,
}

/// What a change would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LockPlan {
    pub steps: Vec<PlannedStep>,
    /// Why it cannot be done; nothing is planned then.
    pub refusal: Option<String>,
    /// The whole of the reasons.
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    pub slug: String,
    pub name: String,
    pub from: Option<String>,
    pub to: Option<String>,
    pub needed_by: Vec<String>,
    /// Why its publishers advise against what comes.
    #[serde(default)]
    pub deprecation: Option<Deprecation>,
    pub changelog: String,
    /// What it may use that it could not before.
    pub new_capabilities: Capabilities,
    /// Files that come, change and go, against what was installed.
    pub changes: Vec<FileDiff>,
    /// The volume's text differs from what was installed: both are joined.
    pub edited: bool,
    /// Files whose changes here and there touch the same lines.
    pub conflicts: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Pin {
    pub pinned: bool,
}

/// `POST /api/marketplace/install`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Install {
    /// Slug or id.
    pub item_id: String,
    pub volume_type: VolumeKind,
    /// Needed where one sees several volumes of that type.
    #[serde(default)]
    pub volume_id: Option<VolumeId>,
    #[serde(default)]
    pub version: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateOffer {
    pub item_id: String,
    pub current_version: String,
    pub latest_version: String,
}
