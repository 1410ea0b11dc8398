//! Folders and zip archives in and out.

mod read;
mod recognise;
mod write;

pub use read::{ARCHIVE_FILE, BUNDLE_FILE, MANIFEST_FILE, Opened};
pub use recognise::{Candidate, Plan, Skipped, recognise};
pub use write::ZipStream;

/// One file as an archive or an upload lists it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    pub path: String,
    pub size: u64,
    /// None: whoever made the list cannot tell, as a browser.
    #[serde(default)]
    pub executable: Option<bool>,
}
