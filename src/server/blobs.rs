//! Content-addressed files in `DATA_DIR/blobs/ab/cdef…`: written once, named by the SHA-256 of their bytes, never changed.

use std::{
    collections::HashSet,
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use super::secrets;
use crate::error::{AppError, AppResult};

/// The blob store of this process.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
    /// Held for writing where a blob is removed and for reading where one is stored: what is found there stays there.
    removing: Arc<RwLock<()>>,
}

/// A SHA-256 as bytes: a fifth of its text in memory.
pub type BlobName = [u8; 32];

impl Blobs {
    pub fn open(data_dir: &Path) -> std::io::Result<Self> {
        let root = data_dir.join("blobs");
        std::fs::create_dir_all(&root)?;
        Ok(Self { root, removing: Arc::default() })
    }

    /// Stores `bytes` durably (fsync of the file and its folder before it returns) and gives their SHA-256.
    pub async fn put(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> AppResult<String> {
        let blobs = self.clone();
        run(move || blobs.put_blocking(bytes.as_ref())).await
    }

    /// The same on the current thread, for work that already left the async runtime.
    pub fn put_blocking(&self, bytes: &[u8]) -> std::io::Result<String> {
        let sha = secrets::sha256(bytes);
        let path = self.path(&sha);
        let _stays = self.removing.read().unwrap_or_else(PoisonError::into_inner);
        // One that is there counts as new: whoever stores it is about to name it.
        match File::options().write(true).open(&path) {
            Ok(file) => {
                file.set_modified(SystemTime::now())?;
                return Ok(sha);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let folder = self.root.join(&sha[..2]);
        if !folder.exists() {
            std::fs::create_dir_all(&folder)?;
            File::open(&self.root)?.sync_all()?;
        }
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        File::open(&folder)?.sync_all()?;
        Ok(sha)
    }

    /// Reads a blob whole. Sizes are bounded where blobs are made.
    pub async fn get(&self, sha: &str) -> AppResult<Vec<u8>> {
        if !is_sha(sha) {
            return Err(AppError::not_found("file"));
        }
        match tokio::fs::read(self.path(sha)).await {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(AppError::not_found("file")),
            Err(error) => Err(error.into()),
        }
    }

    /// The blobs that were stored longer than `age` ago. What a crash left half-written goes at once: nothing can name it.
    pub async fn older_than(&self, age: Duration) -> AppResult<HashSet<BlobName>> {
        let blobs = self.clone();
        run(move || {
            let mut found = HashSet::new();
            for folder in std::fs::read_dir(&blobs.root)? {
                let folder = folder?;
                let prefix = folder.file_name().to_string_lossy().into_owned();
                if !folder.file_type()?.is_dir() {
                    continue;
                }
                for file in std::fs::read_dir(folder.path())? {
                    let file = file?;
                    if !is_older(&file.path(), age)? {
                        continue;
                    }
                    let rest = file.file_name().to_string_lossy().into_owned();
                    match parse_name(&format!("{prefix}{rest}")) {
                        Some(name) => drop(found.insert(name)),
                        None if rest.starts_with(".tmp") => std::fs::remove_file(file.path())?,
                        None => {}
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    /// Removes those of `names` that nobody has stored again within `age`; gives how many.
    pub async fn remove(&self, names: HashSet<BlobName>, age: Duration) -> AppResult<usize> {
        let blobs = self.clone();
        run(move || {
            let mut removed = 0;
            for name in names {
                let path = blobs.path(&name_text(&name));
                let _alone = blobs.removing.write().unwrap_or_else(PoisonError::into_inner);
                if is_older(&path, age)? {
                    std::fs::remove_file(&path)?;
                    removed += 1;
                }
            }
            Ok(removed)
        })
        .await
    }

    /// Where a blob is, for streaming; it may not exist.
    pub fn path(&self, sha: &str) -> PathBuf {
        let (folder, name) = sha.split_at(2.min(sha.len()));
        self.root.join(folder).join(name)
    }
}

/// Whether `text` has the form of a SHA-256: what makes a path of it safe.
pub fn is_sha(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A SHA-256 from its text.
pub fn parse_name(text: &str) -> Option<BlobName> {
    if !is_sha(text) {
        return None;
    }
    let mut name = [0; 32];
    for (byte, digits) in name.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(name)
}

/// The text of a SHA-256.
pub fn name_text(name: &BlobName) -> String {
    name.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One that is gone is not.
fn is_older(path: &Path, age: Duration) -> std::io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(about) => Ok(about.modified()?.elapsed().is_ok_and(|elapsed| elapsed > age)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

async fn run<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> AppResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| super::error::internal("blocking task", &error))?.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_text() {
        let sha = secrets::sha256(b"a file");
        assert_eq!(parse_name(&sha).map(|name| name_text(&name)), Some(sha.clone()));
        for bad in ["", "abc", &sha[1..], &sha.to_uppercase(), &format!("{sha}0")] {
            assert_eq!(parse_name(bad), None);
        }
    }

    #[test]
    fn a_blob_that_is_stored_again_is_new_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path()).expect("opens");
        let sha = blobs.put_blocking(b"a file").expect("stored");
        let old = SystemTime::now() - Duration::from_secs(3_600);
        File::options().write(true).open(blobs.path(&sha)).and_then(|file| file.set_modified(old)).expect("aged");
        assert!(is_older(&blobs.path(&sha), Duration::from_secs(60)).expect("readable"));
        blobs.put_blocking(b"a file").expect("stored again");
        assert!(!is_older(&blobs.path(&sha), Duration::from_secs(60)).expect("readable"));
        assert!(!is_older(&blobs.path("ab"), Duration::ZERO).expect("readable"), "what is gone is not old");
    }
}
