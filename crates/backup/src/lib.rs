//! Backups of a SQLite database and of the content-addressed files beside it.
//!
//! A store (a folder, or a bucket that speaks S3) holds
//!
//! ```text
//! format.json            what this is, and whether it is sealed; the only thing that is never sealed
//! key.age                sealed with a passphrase: the key that everything else is sealed with
//! objects/ab/cdef…       pieces of the database and files, by the SHA-256 of what is in them
//! backups/<id>           a manifest: which objects make up the data of one moment; written last
//! wal/<id>/<number>      what was committed after that moment, in order
//! wal/<id>/seen          up to when nothing else was committed
//! ```
//!
//! A backup stores only those objects that are not there already. Every object is an LZ4 block behind its size, inside of an age file
//! when the store is sealed. [`take`] makes a backup, [`Shipper`] makes one and goes on with the log, [`restore`] brings a moment back.

mod fault;
mod keep;
mod manifest;
mod pace;
mod place;
mod restore;
mod ship;
mod snapshot;
mod store;
mod take;
pub mod wal;

pub use fault::Fault;
pub use keep::keep;
pub use manifest::{Cause, Manifest, list, moment_id};
pub use object_store;
pub use place::{Credentials, check_place, place};
pub use restore::{Report, Wish, restore};
pub use ship::Shipper;
pub use snapshot::check;
pub use store::{Secret, Store};
pub use take::{Source, take};

/// Now, in UTC milliseconds since 1970.
fn now_ms() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The SHA-256 of `bytes` as text.
fn sha256(bytes: &[u8]) -> String {
    hex(&<sha2::Sha256 as sha2::Digest>::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_sha(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Work that waits for the disk or computes for long, off the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Fault::Refused(format!("the work was stopped: {error}")))?
}
