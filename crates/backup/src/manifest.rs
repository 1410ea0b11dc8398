use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Fault, Store, now_ms, store::json};

/// Why a backup was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Somebody asked, or its time had come.
    Asked,
    /// The server started, and what is shipped needs something to stand on.
    Start,
}

/// What one backup is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Sorts by time.
    pub id: String,
    pub cause: Cause,
    /// Of the program that made it.
    pub version: String,
    /// The moment that the database is of, in UTC milliseconds: everything acknowledged before is in it.
    pub moment: i64,
    pub finished: i64,
    pub database: Database,
    pub files: Vec<File>,
    /// The object with the server's own key, if that is kept in a file.
    pub secret_key: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    pub page_size: u32,
    /// In bytes.
    pub size: u64,
    /// Of the whole file.
    pub sha256: String,
    /// The objects that it consists of, in order.
    pub pieces: Vec<String>,
    /// Rows of each table.
    pub rows: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub sha256: String,
    pub size: u64,
}

impl Manifest {
    pub(crate) async fn read(store: &Store, id: &str) -> Result<Self, Fault> {
        if !is_id(id) {
            return Err(Fault::Refused(format!("“{id}” is not the name of a backup: `llmos restore --list` shows them")));
        }
        let (_, bytes) = store.get_checked(&format!("backups/{id}")).await?;
        serde_json::from_slice(&bytes).map_err(json)
    }

    pub(crate) async fn write(&self, store: &Store) -> Result<(), Fault> {
        store.put_checked(&format!("backups/{}", self.id), &serde_json::to_vec(self).map_err(json)?).await.map(drop)
    }

    /// The objects that it needs.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().map(|file| file.sha256.as_str());
        self.database.pieces.iter().map(String::as_str).chain(files).chain(self.secret_key.as_deref())
    }
}

/// The names of all backups in `store`, oldest first.
pub async fn list(store: &Store) -> Result<Vec<String>, Fault> {
    let mut ids: Vec<String> =
        store.list("backups").await?.into_keys().filter_map(|key| Some(key.strip_prefix("backups/")?.to_owned())).collect();
    ids.retain(|id| is_id(id));
    ids.sort_unstable();
    Ok(ids)
}

/// Names sort by time: 14 digits of milliseconds, then what keeps two of the same moment apart.
pub(crate) fn new_id() -> String {
    let random: [u8; 8] = {
        use std::hash::{BuildHasher as _, Hasher as _};
        std::hash::RandomState::new().build_hasher().finish().to_le_bytes()
    };
    format!("{:014}-{}", now_ms(), crate::hex(random.get(..4).unwrap_or_default()))
}

/// When the backup with this name was begun, in UTC milliseconds.
pub fn moment_id(id: &str) -> Option<i64> {
    id.split_once('-')?.0.parse().ok()
}

fn is_id(id: &str) -> bool {
    id.len() == 23 && id.bytes().enumerate().all(|(at, byte)| if at == 14 { byte == b'-' } else { byte.is_ascii_hexdigit() })
}
