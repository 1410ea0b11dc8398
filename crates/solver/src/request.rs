//! What a person wants, and what is installed.

use std::collections::{BTreeMap, BTreeSet};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

/// An item that is to be in the volume for its own sake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    pub slug: String,
    pub range: VersionReq,
    pub reason: Reason,
}

/// Why an item is a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody asks for it now.
    Asked,
    /// Somebody asked for it before.
    Installed,
}

/// What a volume has of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    pub version: Version,
    /// It stays in the volume, at this version, whatever happens.
    pub pinned: bool,
}

/// All that is installed in a volume, by slug: what was asked for and what came with it.
pub type Lock = BTreeMap<String, Installed>;

/// Which installed items may go to another release although they need not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    #[default]
    Nothing,
    Only(BTreeSet<String>),
    All,
}

/// What is to be in a volume. An installed item that no root leads to and that is not pinned is removed.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// In order of preference. An item may be there more than once: all of its ranges count.
    pub roots: Vec<Root>,
    pub installed: Lock,
    pub update: Update,
}

/// How much work an answer may take. Beyond, the answer is a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items that are looked at.
    pub items: usize,
    /// Pairs of an item and another that one of the releases looked at needs.
    pub dependencies: usize,
    /// Releases of one item.
    pub releases: usize,
    /// Combinations of two sets of releases, 20 to 50 ns each where there are many; a decision of the search counts as 200. Once for the plan, and once for all
    /// the ways out that a refusal tries.
    pub work: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { items: 1_000, dependencies: 10_000, releases: 10_000, work: 20_000_000 }
    }
}
