//! A whole team as one file, and back (docs/team-archives.md has the format).
//!
//! What of a table belongs to a team, and what its columns hold, is said by the feature whose table it is (`features/*/archived.rs`); the same list writes a
//! file and reads one. Rows go one by one, so memory does not grow with a team: while a file is read, 16 bytes for each id in it and 32 for each
//! file are remembered.
//!
//! Everything in a file that is read is foreign. All of it is looked at before anything is written: each part by its hash, each row by what its
//! columns may hold. A row refers to what is in the file, and to nothing else here.

mod ids;
mod read;
mod row;
mod write;

pub use ids::{Ids, parse, written};
pub use read::{Archive, Known};
pub use row::{Value, insert};
pub use write::Writer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::db::Tx;
use crate::error::AppResult;

/// What the first line of a manifest says.
pub const FORMAT: &str = "llmos-team";
/// Goes up when an older version could not read what a newer one writes.
pub const VERSION: u32 = 1;
/// The list of all parts with their hashes; written last.
pub const MANIFEST: &str = "manifest.json";
/// Whoever did something in the team, a line for each.
pub const PEOPLE: &str = "people.jsonl";
/// What the team has elsewhere, by name.
pub const REFERENCES: &str = "references.json";

/// What of a table belongs to a team.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    pub name: &'static str,
    /// Which rows, `t`: SQL in which `$1` is the team and `{volumes}`, `{artifacts}`, `{revisions}` and `{sessions}` are the ids of what it has.
    pub of_team: &'static str,
    /// Columns by which rows are ordered, and no two rows are the same.
    pub order: &'static [&'static str],
    pub columns: &'static [(&'static str, Is)],
    /// Columns that do not travel: secrets, what is made anew, and what counts only where it is.
    pub left_out: &'static [&'static str],
}

/// What a column holds, which says how it travels and what it may be on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    /// The row's own id. Where the file arrives it is another one.
    Id,
    /// The id of something in the file.
    Part,
    /// The same; what is not in the file becomes nothing.
    MayPart,
    /// An id that may be in the file; any other stays as it is.
    Loose,
    /// The team itself.
    Team,
    Person,
    MayPerson,
    Word(&'static [&'static str]),
    /// Text in which ids of the file become the new ones.
    Text,
    MayText,
    /// JSON as text; the same.
    Json,
    MayJson,
    /// Text that stays as it is.
    Plain,
    MayPlain,
    /// The address of a page or a repository elsewhere.
    Address,
    MayAddress,
    /// Where a file stands below its folder.
    Path,
    Slug,
    Number,
    MayNumber,
    Flag,
    Real,
    /// The SHA-256 of a blob that is in the file.
    Blob,
    /// The SHA-256 of a main file that is in the file.
    Content,
    /// JSON list of the files beside a main file, whose blobs are in the file.
    Files,
    /// A main file: bytes whose SHA-256 is the column `sha` of the row.
    Main,
    Bytes,
    /// JSON as an LZ4 block behind its size; in the file it is text, and ids in it become the new ones.
    Packed,
    /// Not in the file; on arrival it is this.
    Gets(i64),
    /// Not in the file; on arrival it is an empty text.
    GetsNothing,
    /// Not in the file; on arrival it is the time of it: what is deleted is not shown, until all of it is there.
    Hidden,
}

impl Is {
    /// Whether the column is in a file.
    fn travels(self) -> bool {
        !matches!(self, Self::Gets(_) | Self::GetsNothing | Self::Hidden)
    }
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub version: u32,
    /// Of the program that wrote it.
    pub program: String,
    /// Where it was written.
    pub site: String,
    /// UTC milliseconds.
    pub exported_at: i64,
    pub team: Named,
    /// By name; all but the manifest itself and the files.
    pub parts: BTreeMap<String, Part>,
    /// How many there are below `files/`; their names are their hashes.
    pub files: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    pub sha256: String,
    /// In bytes, unpacked.
    pub size: u64,
    /// Lines of it.
    pub rows: u64,
}

/// Whoever did something in the team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchivedPerson {
    pub id: String,
    /// human | agent
    pub kind: String,
    pub name: String,
    /// By which people are known again; agents and deleted accounts have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub color: i64,
    pub time_zone: String,
    /// An agent of this team.
    #[serde(default)]
    pub of_team: bool,
    #[serde(default)]
    pub deleted: bool,
}

/// The name of a table's part.
fn part_of(table: &Table) -> String {
    format!("tables/{}.jsonl", table.name)
}

/// `of_team` with its words filled in. `hidden`: also what is not shown yet, or any more.
fn condition(table: &Table, hidden: bool) -> String {
    let there = if hidden { "" } else { " AND deleted_at IS NULL" };
    let volumes = format!("(SELECT id FROM volumes WHERE kind = 'team' AND owner_id = $1{there})");
    let artifacts = "(SELECT a.id FROM artifacts a WHERE a.state <> 0 AND a.volume_id IN {volumes})";
    let revisions = "(SELECT r.id FROM revisions r WHERE r.artifact_id IN {artifacts} AND r.commit_id IN (SELECT c.id FROM commits c WHERE c.volume_id IN {volumes}))";
    let sessions = "(SELECT s.id FROM sessions s WHERE s.team_id = $1 AND (s.source_sha IS NULL OR s.source_sha <> ''))";
    table
        .of_team
        .replace("{revisions}", revisions)
        .replace("{artifacts}", artifacts)
        .replace("{sessions}", sessions)
        .replace("{volumes}", &volumes)
}

/// Removes up to `limit` rows of a table that belong to a team; gives how many.
pub async fn erase(tx: &mut Tx, table: &Table, team: &str, limit: i64) -> AppResult<u64> {
    let keys = |of: &str| table.order.iter().map(|key| format!("{of}{key}")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "DELETE FROM {name} WHERE ({}) IN (SELECT {} FROM {name} t WHERE {} LIMIT {limit})",
        keys(""),
        keys("t."),
        condition(table, true),
        name = table.name
    );
    Ok(sqlx::query(sqlx::AssertSqlSafe(sql)).bind(team).execute(&mut **tx).await?.rows_affected())
}
