//! An item's page, and the item as programs know it.

use serde::{Deserialize, Serialize};

use super::{Capabilities, Deprecation, Finding, ListingCard, ListingStanding, Publisher, ReleaseState, Screenshot};
use crate::{
    features::{accounts::model::Person, artifacts::model::Kind},
    ids::{ArtifactId, ListingId, ReleaseId, VolumeId},
};

/// Pages that stand beside those of items: none of these is the name of one.
pub const PAGES: [&str; 14] = [
    "publish",
    "submissions",
    "installed",
    "moderation",
    "record",
    "review",
    "keys",
    "mine",
    "stats",
    "reports",
    "names",
    "events",
    "log",
    "settings",
];

/// Whether a page shows nothing but what visitors may read: the catalogue, the record, an item.
pub fn is_reading_page(path: &str) -> bool {
    let Some(rest) = path.strip_prefix("/marketplace") else { return false };
    match rest.strip_prefix('/') {
        None => rest.is_empty(),
        Some("record") => true,
        // A slug or an id. What is encoded otherwise could name another page to the router.
        Some(name) => !name.is_empty() && !PAGES.contains(&name) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
    }
}

/// `slug` with the range of versions that will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Dependency {
    pub slug: String,
    /// As Cargo writes them: `^1.2`, `>=1, <3`, `*`.
    pub range: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSummary {
    pub id: ReleaseId,
    pub version: String,
    pub state: ReleaseState,
    pub changelog: String,
    pub withdrawn_reason: String,
    pub size: i64,
    pub downloads: i64,
    pub published_at: i64,
}

/// What proves that a release is what its publisher signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// SHA-256 of the canonical archive: `sha256:` and hexadecimal digits.
    pub digest: String,
    pub size: i64,
    /// The publisher's key.
    pub key_id: String,
    /// The registry's key.
    pub registry_key: String,
    pub log_index: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemFile {
    pub path: String,
    pub size: i64,
}

/// How many installations and downloads a day had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Day {
    /// Days since 1970-01-01, UTC.
    pub day: i64,
    pub installs: i64,
    pub downloads: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemReview {
    pub by: Person,
    pub rating: i64,
    pub text: String,
    pub version: String,
    /// Whether a session invoked it.
    pub used: bool,
    /// What its publisher says to it.
    pub reply: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replied_at: Option<i64>,
    /// Why a moderator hid it; nobody else sees it then, and it counts nowhere.
    pub hidden: String,
    pub updated_at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstalledHere {
    pub volume_id: VolumeId,
    pub volume_name: String,
    pub version: String,
    pub pinned: bool,
    pub disabled: String,
}

/// Everything that an item's page shows at first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemDetail {
    pub card: ListingCard,
    /// The version shown: the newest, unless another is asked for.
    pub version: String,
    /// Its main file as sanitised HTML, without the frontmatter.
    pub html: String,
    pub repository: String,
    pub files: Vec<ItemFile>,
    pub versions: Vec<ReleaseSummary>,
    pub capabilities: Capabilities,
    pub dependencies: Vec<Dependency>,
    /// Slugs and names of what needs it.
    pub dependents: Vec<Dependent>,
    pub report: Vec<Finding>,
    pub proof: Option<Proof>,
    /// How many ratings there are of 1 to 5.
    pub histogram: [i64; 5],
    /// The newest; those that follow are at `reviews`.
    pub reviews: Vec<ItemReview>,
    #[serde(default)]
    pub reviews_next: Option<String>,
    #[serde(default)]
    pub screenshots: Vec<Screenshot>,
    /// Whether the caller moderates the marketplace.
    #[serde(default)]
    pub moderates: bool,
    pub own_review: Option<ItemReview>,
    /// Whether the caller has it installed, and so may rate it.
    pub may_rate: bool,
    pub days: Vec<Day>,
    /// In which of the volumes that the caller sees it is.
    pub installed: Vec<InstalledHere>,
    /// Whether the caller has an account here, and so may report it.
    #[serde(default)]
    pub signed_in: bool,
    /// Whether the caller publishes it.
    pub own: bool,
    /// Its publishers: what the newest release was made from.
    #[serde(default)]
    pub artifact_id: Option<ArtifactId>,
    pub deprecation: String,
    pub successor: String,
    /// Where moderators took it away: only its publishers and moderators see it then.
    #[serde(default)]
    pub standing: ListingStanding,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Dependent {
    pub slug: String,
    pub name: String,
}

/// An item as `/api/marketplace` gives it. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    pub id: ListingId,
    pub slug: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub name: String,
    pub description: String,
    pub author: Publisher,
    pub version: String,
    pub downloads: i64,
    pub installs: i64,
    pub rating: f64,
    pub reviews: i64,
    pub category: String,
    pub tags: Vec<String>,
    pub license: String,
    pub capabilities: Capabilities,
    pub signed: bool,
    /// The main file; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Its body without frontmatter; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readme: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// `slug` or `slug@range`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<String>,
    /// Why its publishers advise against it; left out of lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation: Option<Deprecation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub screenshots: Vec<String>,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rate {
    /// From 1 to 5.
    pub rating: i64,
    #[serde(default)]
    pub review: String,
}
