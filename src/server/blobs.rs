//! Content-addressed files in `DATA_DIR/blobs/ab/cdef…`, or in an object store (BLOB_URL, `away`): written once, named by the SHA-256 of their bytes, never
//! changed.

mod away;

use std::{
    collections::HashSet,
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::stream::BoxStream;
use llmos_backup::Credentials;

use self::away::Away;
use super::{config::Config, machine, secrets};
use crate::error::{AppError, AppResult};

/// In an object store one that was stored within this time is not stored again: it is far from being removed.
const FRESH: Duration = Duration::from_secs(12 * 3_600);
/// What the name of a blob begins with that is being removed.
const ASIDE: &str = ".old-";
/// Files that are no blobs, such as exports, below DATA_DIR or in the object store.
const FILES: &str = "exports";
/// Uploads that wait for their jobs, in the object store.
const UPLOADS: &str = "uploads";

/// The blob store of this process.
#[derive(Clone, Debug)]
pub struct Blobs {
    root: PathBuf,
    /// Where new ones go, if not below the root. What is there already is still read.
    away: Option<Away>,
    files: PathBuf,
}

/// A SHA-256 as bytes: a fifth of its text in memory.
pub type BlobName = [u8; 32];

impl Blobs {
    pub fn open(data_dir: &Path) -> std::io::Result<Self> {
        let root = data_dir.join("blobs");
        machine::private_folder(&root)?;
        Ok(Self { root, away: None, files: data_dir.join(FILES) })
    }

    /// The place that `config` names. Has to be called within the runtime.
    pub fn of(config: &Config) -> AppResult<Self> {
        let mut blobs = Self::open(&config.data_dir)?;
        if let Some(url) = &config.blob_url {
            blobs.away = Some(Away::open(url, &config.s3, config.data_dir.join("derived").join("blobs"), config.blob_cache)?);
        }
        Ok(blobs)
    }

    /// Whether the object store answers; nothing where blobs are on this machine.
    pub async fn ping(&self) -> Option<std::io::Result<()>> {
        Some(self.away.as_ref()?.ping().await)
    }

    /// Stores `bytes` durably (fsync of the file and its folder before it returns) and gives their SHA-256.
    pub async fn put(&self, bytes: impl AsRef<[u8]> + Send + 'static) -> AppResult<String> {
        if let Some(away) = &self.away {
            let (sha, bytes) = run(move || Ok((secrets::sha256(bytes.as_ref()), Bytes::copy_from_slice(bytes.as_ref())))).await?;
            away.put(&sha, bytes, FRESH).await?;
            return Ok(sha);
        }
        let blobs = self.clone();
        run(move || blobs.put_blocking(bytes.as_ref())).await
    }

    /// The same on the current thread, for work that already left the async runtime.
    pub fn put_blocking(&self, bytes: &[u8]) -> std::io::Result<String> {
        let sha = secrets::sha256(bytes);
        if let Some(away) = &self.away {
            away.put_blocking(&sha, bytes, FRESH)?;
            return Ok(sha);
        }
        let path = self.path(&sha);
        // One that is there counts as new: whoever stores it is about to name it. Whoever removes it, on this node or another one, first takes it aside
        // and then looks at its time: so it is found new there, or is not here any more afterwards.
        match File::options().write(true).open(&path) {
            Ok(file) => {
                file.set_modified(SystemTime::now())?;
                if path.exists() {
                    return Ok(sha);
                }
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
        if let Some(away) = &self.away {
            match away.get(sha).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                found => return Ok(found?),
            }
        }
        match tokio::fs::read(self.path(sha)).await {
            Ok(bytes) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(AppError::not_found("file")),
            Err(error) => Err(error.into()),
        }
    }

    /// The same on a thread that is none of the runtime's.
    pub fn get_blocking(&self, sha: &str) -> std::io::Result<Vec<u8>> {
        if !is_sha(sha) {
            return Err(ErrorKind::NotFound.into());
        }
        if let Some(away) = &self.away {
            match away.get_blocking(sha) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                found => return found,
            }
        }
        std::fs::read(self.path(sha))
    }

    /// Where a large file is written before it is given a name by [`keep_file`](Self::keep_file).
    pub fn new_file(&self) -> std::io::Result<tempfile::NamedTempFile> {
        machine::private_folder(&self.files)?;
        tempfile::NamedTempFile::new_in(&self.files)
    }

    /// Gives a file that is whole a name, such as `team/job.zip`, for all nodes.
    pub async fn keep_file(&self, name: &str, file: tempfile::NamedTempFile) -> AppResult<()> {
        if let Some(away) = &self.away {
            return Ok(away.put_file(&format!("{FILES}/{name}"), file.path()).await?);
        }
        let path = self.files.join(name);
        run(move || {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            file.persist(path).map(drop).map_err(|error| error.error)
        })
        .await
    }

    /// A kept file as it comes, and how long it is.
    pub async fn file(&self, name: &str) -> AppResult<(u64, BoxStream<'static, std::io::Result<Bytes>>)> {
        let found = match &self.away {
            Some(away) => away.file(&format!("{FILES}/{name}")).await,
            None => away::local(&self.files.join(name)).await,
        };
        match found {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(AppError::not_found("file")),
            found => Ok(found?),
        }
    }

    /// Leaves a copy of an upload where all nodes find it, as `job/file`, if they share an object store; whether they do.
    pub async fn share_upload(&self, name: &str, path: &Path) -> AppResult<bool> {
        let Some(away) = &self.away else { return Ok(false) };
        away.put_file(&format!("{UPLOADS}/{name}"), path).await?;
        Ok(true)
    }

    /// Brings such a copy to `path`; whether there is one.
    pub async fn bring_upload(&self, name: &str, path: &Path) -> AppResult<bool> {
        let Some(away) = &self.away else { return Ok(false) };
        match away.bring_file(&format!("{UPLOADS}/{name}"), path).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes such a copy, if there is one.
    pub async fn forget_upload(&self, name: &str) -> AppResult<()> {
        match &self.away {
            Some(away) => Ok(away.remove_file(&format!("{UPLOADS}/{name}")).await?),
            None => Ok(()),
        }
    }

    /// Removes kept files, uploads that nobody took, and halves of such, that are older than `age`.
    pub async fn remove_files(&self, age: Duration) -> AppResult<()> {
        if let Some(away) = &self.away {
            away.remove_files(FILES, age).await?;
            away.remove_files(UPLOADS, age).await?;
        }
        let folder = self.files.clone();
        run(move || remove_old(&folder, age)).await
    }

    /// The blobs that were stored longer than `age` ago. What a crash left half-written goes at once: nothing can name it.
    pub async fn older_than(&self, age: Duration) -> AppResult<HashSet<BlobName>> {
        if let Some(away) = &self.away {
            return Ok(away.older_than(age).await?);
        }
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
                    if let Some(name) = rest.strip_prefix(ASIDE) {
                        // A crash came between the two looks of who would have removed it: it is looked at once more, under its name.
                        let named = folder.path().join(name);
                        // What was stored again since has its own time.
                        if named.exists() {
                            std::fs::remove_file(file.path())?
                        } else {
                            std::fs::rename(file.path(), named)?
                        }
                        continue;
                    }
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
        if let Some(away) = &self.away {
            let mut removed = 0;
            for name in names {
                removed += usize::from(away.remove(&name, age).await?);
            }
            return Ok(removed);
        }
        let blobs = self.clone();
        run(move || {
            let mut removed = 0;
            for name in names {
                removed += usize::from(remove_if_older(&blobs.path(&name_text(&name)), age)?);
            }
            Ok(removed)
        })
        .await
    }

    /// Where a blob is on this machine; it may not exist.
    pub fn path(&self, sha: &str) -> PathBuf {
        let (folder, name) = sha.split_at(2.min(sha.len()));
        self.root.join(folder).join(name)
    }
}

/// Whether the object store at `url` answers, in words if not; nothing is made or changed.
pub async fn reach(url: &str, credentials: &Credentials) -> Result<(), String> {
    away::reach(url, credentials).await
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

/// Files of a folder and of those in it that are older than `age`, and folders that are empty then.
fn remove_old(folder: &Path, age: Duration) -> std::io::Result<()> {
    let Ok(found) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in found {
        let path = entry?.path();
        if path.is_dir() {
            remove_old(&path, age)?;
            // One with something in it stays.
            drop(std::fs::remove_dir(&path));
        } else if is_older(&path, age)? {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Removes a blob, unless it is stored again meanwhile: see [`Blobs::put_blocking`].
fn remove_if_older(path: &Path, age: Duration) -> std::io::Result<bool> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!("{ASIDE}{name}"));
    if !is_older(path, age)? {
        return Ok(false);
    }
    let removing = || {
        std::fs::rename(path, &aside)?;
        // Opening it asks a server of files for its time of now.
        let stored = File::open(&aside)?.metadata()?.modified()?;
        if stored.elapsed().is_ok_and(|elapsed| elapsed > age) {
            return std::fs::remove_file(&aside).map(|()| true);
        }
        std::fs::rename(&aside, path).map(|()| false)
    };
    match removing() {
        // Somebody else was at it.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        done => done,
    }
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
    fn a_blob_that_is_stored_while_another_node_removes_it_is_there_afterwards() {
        const AGE: Duration = Duration::from_secs(60);
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (Blobs::open(folder.path()).expect("opens"), Blobs::open(folder.path()).expect("opens"));
        let sha = one.put_blocking(b"a file").expect("stored");
        let path = one.path(&sha);
        for _ in 0..300 {
            let old = SystemTime::now() - Duration::from_secs(3_600);
            File::options().write(true).open(&path).and_then(|file| file.set_modified(old)).expect("aged");
            let removing = std::thread::spawn({
                let path = other.path(&sha);
                move || remove_if_older(&path, AGE).expect("removes or not")
            });
            one.put_blocking(b"a file").expect("stored again");
            removing.join().expect("it ends");
            assert_eq!(std::fs::read(&path).expect("it is there"), b"a file");
        }
        let left = std::fs::read_dir(path.parent().expect("a folder")).expect("listed").count();
        assert_eq!(left, 1, "nothing lies aside");
    }

    #[tokio::test]
    async fn what_a_crash_left_aside_gets_its_name_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::open(folder.path()).expect("opens");
        let sha = blobs.put_blocking(b"a file").expect("stored");
        let path = blobs.path(&sha);
        let old = SystemTime::now() - Duration::from_secs(3_600);
        File::options().write(true).open(&path).and_then(|file| file.set_modified(old)).expect("aged");
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        std::fs::rename(&path, path.with_file_name(format!("{ASIDE}{name}"))).expect("left aside");
        blobs.older_than(Duration::from_secs(60)).await.expect("listed");
        assert_eq!(blobs.get(&sha).await.expect("it is there"), b"a file");
        assert_eq!(blobs.older_than(Duration::from_secs(60)).await.expect("listed").len(), 1);
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
