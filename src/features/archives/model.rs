//! How exports and imports of teams end.

use serde::{Deserialize, Serialize};

use crate::ids::TeamId;

/// The report of an export: there is a file to be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamExported {
    /// What the file is to be called.
    pub name: String,
    pub bytes: i64,
    /// Rows of all tables.
    pub rows: i64,
    /// Blobs.
    pub files: i64,
    /// Until when it is kept, in UTC milliseconds.
    pub until: i64,
}

/// The report of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TeamImported {
    pub team_id: TeamId,
    pub name: String,
    /// False: this team was here already, with just the same in it, and nothing was changed.
    pub created: bool,
    pub rows: i64,
    pub files: i64,
    /// People who had an account here, known by their e-mail address.
    pub people_known: i64,
    /// Accounts that were made for the others; nobody can sign in to them until an administrator lets them.
    pub people_made: i64,
    /// Sentences: what is not as it was.
    pub notes: Vec<String>,
}

/// What an upload may have.
pub const ARCHIVE_BYTES: u64 = 64 * 1024 * 1024 * 1024;
