//! Content-addressed files in `DATA_DIR/blobs/ab/cdef…`: written once, named by the SHA-256 of their bytes, never changed.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use super::secrets;
use crate::error::{AppError, AppResult};

/// The blob store of this process.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
}

impl Blobs {
    pub fn open(data_dir: &Path) -> std::io::Result<Self> {
        let root = data_dir.join("blobs");
        std::fs::create_dir_all(&root)?;
        Ok(Self { root })
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
        if path.exists() {
            return Ok(sha);
        }
        let folder = self.root.join(&sha[..2]);
        if !folder.exists() {
            std::fs::create_dir_all(&folder)?;
            std::fs::File::open(&self.root)?.sync_all()?;
        }
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        std::fs::File::open(&folder)?.sync_all()?;
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

async fn run<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> AppResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| super::error::internal("blocking task", &error))?.map_err(Into::into)
}
