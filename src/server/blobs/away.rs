//! Blobs in an object store that all nodes share. What was stored or read lately is kept in a folder of this machine as well, up to a bound; it may be
//! deleted at any time.
//!
//! An object has the name that its file would have in `DATA_DIR/blobs`, so that a folder can be copied into a bucket as it is.

use std::{
    collections::HashSet,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use llmos_backup::{
    Credentials,
    object_store::{Error, ObjectStore, ObjectStoreExt as _, WriteMultipart, path::Path as Key},
};
use moka::notification::RemovalCause;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime::Handle,
};
use tokio_util::io::ReaderStream;

use super::{BlobName, name_text, parse_name};
use crate::{
    error::AppError,
    server::{clock, secrets},
};

/// A large file is sent in parts of so many bytes, …
const PART: usize = 8 << 20;
/// … and so many of them are on their way at once.
const PARTS: usize = 4;
const KIB: u64 = 1024;
/// How often, and how long, somebody is waited for who removes what is to be stored; a process that died in between left its mark.
const REMOVING_LOOKS: u32 = 50;
const REMOVING_PAUSE: Duration = Duration::from_millis(100);

/// Cheap to clone.
#[derive(Clone)]
pub struct Away {
    store: Arc<dyn ObjectStore>,
    name: Arc<str>,
    folder: Arc<Path>,
    /// What is in the folder, with its size in KiB.
    kept: moka::sync::Cache<BlobName, u32>,
    /// For threads that are none of the runtime's.
    runtime: Handle,
}

impl std::fmt::Debug for Away {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Away").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Away {
    /// Opens the store at `url`, with at most `bytes` of it in `folder`. Has to be called within the runtime.
    pub fn open(url: &str, credentials: &Credentials, folder: PathBuf, bytes: u64) -> Result<Self, AppError> {
        let store = llmos_backup::place(url, credentials, true).map_err(|fault| AppError::invalid(format!("BLOB_URL: {fault}")))?;
        let store = store.ok_or_else(|| AppError::invalid(format!("BLOB_URL: {url} cannot be opened")))?;
        std::fs::create_dir_all(&folder)?;
        let gone = folder.clone();
        let kept = moka::sync::Cache::builder()
            .max_capacity(bytes / KIB)
            .eviction_policy(moka::policy::EvictionPolicy::lru())
            .weigher(|_: &BlobName, size: &u32| *size)
            .eviction_listener(move |name: Arc<BlobName>, _, cause| {
                // In the place of the same bytes stand the same bytes.
                if cause != RemovalCause::Replaced {
                    drop(std::fs::remove_file(gone.join(name_text(&name))));
                }
            })
            .build();
        for file in std::fs::read_dir(&folder)?.flatten() {
            match parse_name(&file.file_name().to_string_lossy()) {
                Some(name) => kept.insert(name, weight(file.metadata()?.len())),
                // Half of one that a crash left.
                None => drop(std::fs::remove_file(file.path())),
            }
        }
        Ok(Self { store, name: url.into(), folder: folder.into(), kept, runtime: Handle::current() })
    }

    /// Stores a blob; when this returns it is as durable as the store is. One that is there already counts as new from now on.
    pub async fn put(&self, sha: &str, bytes: Bytes, fresh: Duration) -> io::Result<()> {
        let key = key(sha);
        let is_new = |stored: i64| clock::now_ms() - stored < fresh.as_millis() as i64;
        let stored = match self.store.head(&key).await {
            Ok(about) => Some(about.last_modified.timestamp_millis()),
            Err(Error::NotFound { .. }) => None,
            Err(error) => return Err(self.fault(error)),
        };
        if !stored.is_some_and(is_new) {
            self.store_as(&key, &bytes).await?;
            // An old one may be about to go, by what was known of it before: then it is stored once more when whoever removes it has ended.
            if stored.is_some() && self.until_nobody_removes(sha).await? {
                self.store_as(&key, &bytes).await?;
            }
        }
        self.keep(sha, bytes).await;
        Ok(())
    }

    async fn store_as(&self, key: &Key, bytes: &Bytes) -> io::Result<()> {
        self.store.put(key, bytes.clone().into()).await.map(drop).map_err(|error| self.fault(error))
    }

    /// Whether somebody was removing it; returns when they have ended, or ended without a word.
    async fn until_nobody_removes(&self, sha: &str) -> io::Result<bool> {
        let mark = mark(sha);
        for look in 0..REMOVING_LOOKS {
            match self.store.head(&mark).await {
                Ok(_) => tokio::time::sleep(REMOVING_PAUSE).await,
                Err(Error::NotFound { .. }) => return Ok(look > 0),
                Err(error) => return Err(self.fault(error)),
            }
        }
        Ok(true)
    }

    /// A blob whole; its hash is looked at, wherever it comes from.
    pub async fn get(&self, sha: &str) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.kept_bytes(sha).await {
            return Ok(bytes);
        }
        let read = async { self.store.get(&key(sha)).await?.bytes().await };
        let bytes = read.await.map_err(|error| self.fault(error))?;
        let Some(bytes) = verified(sha, bytes).await else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{sha} in {} was changed", self.name)));
        };
        self.keep(sha, bytes.clone()).await;
        Ok(bytes.to_vec())
    }

    /// The same two on a thread that is none of the runtime's.
    pub fn put_blocking(&self, sha: &str, bytes: &[u8], fresh: Duration) -> io::Result<()> {
        self.runtime.block_on(self.put(sha, Bytes::copy_from_slice(bytes), fresh))
    }

    pub fn get_blocking(&self, sha: &str) -> io::Result<Vec<u8>> {
        self.runtime.block_on(self.get(sha))
    }

    async fn kept_bytes(&self, sha: &str) -> Option<Vec<u8>> {
        let name = parse_name(sha)?;
        self.kept.get(&name)?;
        let bytes = match tokio::fs::read(self.folder.join(sha)).await {
            Ok(bytes) => verified(sha, bytes.into()).await,
            Err(_) => None,
        };
        if bytes.is_none() {
            self.kept.invalidate(&name);
        }
        bytes.map(|bytes| bytes.to_vec())
    }

    /// Whatever goes wrong here costs a read later.
    async fn keep(&self, sha: &str, bytes: Bytes) {
        let Some(name) = parse_name(sha).filter(|name| !self.kept.contains_key(name)) else { return };
        let (folder, path, weight) = (self.folder.clone(), self.folder.join(sha), weight(bytes.len() as u64));
        let written = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&bytes)?;
            file.persist(path).map(drop).map_err(|error| error.error)
        });
        match written.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(()) => self.kept.insert(name, weight),
            Err(error) => tracing::debug!(%error, "a blob is not kept on this machine"),
        }
    }

    /// The blobs that were stored longer than `age` ago.
    pub async fn older_than(&self, age: Duration) -> io::Result<HashSet<BlobName>> {
        let before = clock::now_ms() - age.as_millis() as i64;
        let found = self.store.list(None).try_filter_map(|about| async move {
            let name = parse_name(&about.location.as_ref().replace('/', ""));
            Ok(name.filter(|_| about.last_modified.timestamp_millis() < before))
        });
        found.try_collect().await.map_err(|error| self.fault(error))
    }

    /// Removes a blob if nobody has stored it again within `age`; says whether it did.
    pub async fn remove(&self, name: &BlobName, age: Duration) -> io::Result<bool> {
        let sha = name_text(name);
        let (key, mark) = (key(&sha), mark(&sha));
        // Whoever stores it looks for the mark afterwards: so they are seen here, or see this.
        self.store_as(&mark, &Bytes::new()).await?;
        let removed = self.remove_marked(&key, age).await;
        self.store.delete(&mark).await.map_err(|error| self.fault(error))?;
        if removed? {
            self.kept.invalidate(name);
            return Ok(true);
        }
        Ok(false)
    }

    async fn remove_marked(&self, key: &Key, age: Duration) -> io::Result<bool> {
        let before = clock::now_ms() - age.as_millis() as i64;
        match self.store.head(key).await {
            Ok(about) if about.last_modified.timestamp_millis() < before => {}
            Ok(_) | Err(Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(self.fault(error)),
        }
        self.store.delete(key).await.map_err(|error| self.fault(error))?;
        Ok(true)
    }

    /// Sends a file of any size under a name of its own, part by part.
    pub async fn put_file(&self, name: &str, path: &Path) -> io::Result<()> {
        let upload = self.store.put_multipart(&Key::from(name)).await.map_err(|error| self.fault(error))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut file = tokio::fs::File::open(path).await?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = file.read(&mut buffer).await?;
            if read == 0 {
                break;
            }
            upload.wait_for_capacity(PARTS).await.map_err(|error| self.fault(error))?;
            upload.write(buffer.get(..read).unwrap_or_default());
        }
        upload.finish().await.map(drop).map_err(|error| self.fault(error))
    }

    /// Such a file as it comes, and how long it is.
    pub async fn file(&self, name: &str) -> io::Result<(u64, BoxStream<'static, io::Result<Bytes>>)> {
        let found = self.store.get(&Key::from(name)).await.map_err(|error| self.fault(error))?;
        Ok((found.meta.size, found.into_stream().map_err(io::Error::other).boxed()))
    }

    /// Writes such a file to `path`, a part at a time.
    pub async fn bring_file(&self, name: &str, path: &Path) -> io::Result<()> {
        let (_, mut parts) = self.file(name).await?;
        let mut file = tokio::fs::File::create(path).await?;
        while let Some(part) = parts.try_next().await? {
            file.write_all(&part).await?;
        }
        file.sync_all().await
    }

    /// Removes such a file, if it is there.
    pub async fn remove_file(&self, name: &str) -> io::Result<()> {
        match self.store.delete(&Key::from(name)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// Removes those of such files below a folder that are older than `age`.
    pub async fn remove_files(&self, folder: &str, age: Duration) -> io::Result<()> {
        let before = clock::now_ms() - age.as_millis() as i64;
        let found: Vec<_> = self.store.list(Some(&Key::from(folder))).try_collect().await.map_err(|error| self.fault(error))?;
        for about in found.into_iter().filter(|about| about.last_modified.timestamp_millis() < before) {
            self.store.delete(&about.location).await.map_err(|error| self.fault(error))?;
        }
        Ok(())
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> io::Result<()> {
        match self.store.head(&Key::from("ping")).await {
            Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.fault(error)),
        }
    }

    fn fault(&self, error: Error) -> io::Error {
        match error {
            Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
            error => io::Error::other(format!("the store of files {}: {error}", self.name)),
        }
    }
}

/// The bytes, if they are those of that hash.
async fn verified(sha: &str, bytes: Bytes) -> Option<Bytes> {
    let sha = sha.to_owned();
    tokio::task::spawn_blocking(move || (secrets::sha256(&bytes) == sha).then_some(bytes)).await.ok().flatten()
}

/// At least one: an entry that weighs nothing would never go.
fn weight(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX).max(1)
}

/// What says that a blob is being removed.
fn mark(sha: &str) -> Key {
    Key::from(format!("removing/{sha}"))
}

fn key(sha: &str) -> Key {
    let (folder, name) = sha.split_at(2.min(sha.len()));
    Key::from(format!("{folder}/{name}"))
}

/// A file of this machine as it comes, and how long it is: as [`Away::file`] gives one.
pub(super) async fn local(path: &Path) -> io::Result<(u64, BoxStream<'static, io::Result<Bytes>>)> {
    let file = tokio::fs::File::open(path).await?;
    let length = file.metadata().await?.len();
    Ok((length, ReaderStream::with_capacity(file, 256 << 10).boxed()))
}

/// Whether the store at `url` answers, in words if not. Nothing is made or changed.
pub(super) async fn reach(url: &str, credentials: &Credentials) -> Result<(), String> {
    let store = llmos_backup::place(url, credentials, false).map_err(|fault| fault.to_string())?;
    let store = store.ok_or_else(|| format!("{url} is not there"))?;
    match store.head(&Key::from("ping")).await {
        Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(format!("{url}: {error}")),
    }
}
