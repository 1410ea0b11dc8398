//! Making a backup.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    io::{ErrorKind, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use sha2::{Digest as _, Sha256};

use crate::{
    Cause, Fault, Manifest, Store, blocking, hex, is_sha,
    manifest::{Database, File, new_id},
    now_ms,
    pace::Pace,
    sha256, snapshot,
    store::object_key,
};

/// Of the database: what changes in it changes some of its pieces, and only those are stored again.
const PIECE: usize = 1 << 20;
/// How the folder of the copy begins.
const COPY: &str = ".backup-";
/// A copy that is older was left by a process that was killed.
const LEFT: Duration = Duration::from_secs(24 * 3_600);
/// Objects on their way at once.
const AT_ONCE: usize = 8;

/// What is backed up.
#[derive(Clone, Debug)]
pub struct Source {
    /// The SQLite file.
    pub database: PathBuf,
    /// `ab/cdef…`: files named by the SHA-256 of their bytes.
    pub files: PathBuf,
    /// The server's own key, if it is kept in a file.
    pub secret_key: PathBuf,
    /// Where there is room for a copy of the database.
    pub scratch: PathBuf,
    /// Of the program.
    pub version: String,
}

/// Makes a backup of this moment; the store has it whole, or nothing of its name.
///
/// Files go first and once more after the database was copied: what the copy names was there by then. A file that is gone meanwhile was named
/// by nothing.
///
/// # Errors
/// The store or the disk cannot be written (also when it is full), or the database is damaged: then nothing is made of it.
pub async fn take(store: &Store, source: &Source, cause: Cause) -> Result<Manifest, Fault> {
    let id = new_id();
    let mut there: HashSet<String> = store.list("objects").await?.into_keys().collect();
    let mut files = HashMap::new();
    let pace = Arc::new(Pace::new());
    send_files(store, source, &pace, &mut there, &mut files).await?;

    remove_left_copies(&source.scratch)?;
    let copy = tempfile::Builder::new().prefix(COPY).tempdir_in(&source.scratch).map_err(Fault::io(&source.scratch))?;
    let path = copy.path().join("copy.sqlite");
    let (moment, rows) = blocking({
        let (database, path, pace) = (source.database.clone(), path.clone(), pace.clone());
        move || {
            let moment = snapshot::copy(&database, &path, &pace)?;
            Ok((moment, snapshot::check(&path)?))
        }
    })
    .await?;
    let database = send_database(store, &path, rows, &pace, &mut there).await?;
    send_files(store, source, &pace, &mut there, &mut files).await?;
    let secret_key = match fs::read(&source.secret_key) {
        Ok(bytes) => Some(send(store, bytes, &mut there).await?),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Fault::io(&source.secret_key)(error)),
    };
    let mut files: Vec<File> = files.into_iter().map(|(sha256, size)| File { sha256, size }).collect();
    files.sort_unstable_by(|a, b| a.sha256.cmp(&b.sha256));
    let manifest = Manifest { id, cause, version: source.version.clone(), moment, finished: now_ms(), database, files, secret_key };
    manifest.write(store).await?;
    // Another process may have cleared away what this one counted on.
    let there = store.list("objects").await?;
    if let Some(missing) = manifest.objects().find(|sha| !there.contains_key(&object_key(sha))) {
        let said = format!("{} was removed while the backup was made: make it again", object_key(missing));
        store.delete(&format!("backups/{}", manifest.id)).await?;
        return Err(Fault::Refused(said));
    }
    Ok(manifest)
}

fn remove_left_copies(scratch: &Path) -> Result<(), Fault> {
    for entry in fs::read_dir(scratch).map_err(Fault::io(scratch))?.flatten() {
        let is_copy = entry.file_name().to_string_lossy().starts_with(COPY);
        let age = entry.metadata().and_then(|about| about.modified()).ok().and_then(|modified| modified.elapsed().ok());
        if is_copy && age.is_some_and(|age| age > LEFT) {
            fs::remove_dir_all(entry.path()).map_err(Fault::io(&entry.path()))?;
        }
    }
    Ok(())
}

/// Sends one object unless the store has it; gives its hash.
async fn send(store: &Store, bytes: Vec<u8>, there: &mut HashSet<String>) -> Result<String, Fault> {
    let sha = sha256(&bytes);
    let key = object_key(&sha);
    if !there.contains(&key) {
        store.put(&key, bytes).await?;
        there.insert(key);
    }
    Ok(sha)
}

async fn send_database(
    store: &Store,
    path: &Path,
    rows: BTreeMap<String, i64>,
    pace: &Pace,
    there: &mut HashSet<String>,
) -> Result<Database, Fault> {
    let mut file = fs::File::open(path).map_err(Fault::io(path))?;
    let size = file.metadata().map_err(Fault::io(path))?.len();
    let mut header = [0; 18];
    file.read_exact(&mut header).map_err(Fault::io(path))?;
    // Two bytes at 16; 1 stands for 65536.
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u32::from(size),
    };
    file.seek(SeekFrom::Start(0)).map_err(Fault::io(path))?;
    let pieces = stream::try_unfold((file, Sha256::new()), |(mut file, mut whole)| async move {
        blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            Read::by_ref(&mut file)
                .take(PIECE as u64)
                .read_to_end(&mut piece)
                .map_err(|error| Fault::Io("the copy of the database".to_owned(), error))?;
            whole.update(&piece);
            // The last, empty one carries the hash of the whole.
            let sha = if piece.is_empty() { hex(&whole.clone().finalize()) } else { sha256(&piece) };
            Ok(Some(((sha, piece), (file, whole))))
        })
        .await
    });
    let mut pieces = std::pin::pin!(pieces);
    let (mut names, mut sha) = (Vec::new(), String::new());
    let mut sending = stream::FuturesUnordered::new();
    while let Some((name, piece)) = pieces.try_next().await? {
        if piece.is_empty() {
            sha = name;
            break;
        }
        let key = object_key(&name);
        if there.insert(key.clone()) {
            sending.push(async move {
                tokio::time::sleep(pace.before(piece.len() as u64)).await;
                store.put(&key, piece).await
            });
        }
        names.push(name);
        while sending.len() >= AT_ONCE {
            sending.try_next().await?;
        }
    }
    sending.try_collect::<()>().await?;
    Ok(Database { page_size, size, sha256: sha, pieces: names, rows })
}

/// Sends the files that the store does not have, and notes all that are there.
async fn send_files(
    store: &Store,
    source: &Source,
    pace: &Pace,
    there: &mut HashSet<String>,
    files: &mut HashMap<String, u64>,
) -> Result<(), Fault> {
    let root = source.files.clone();
    let mut found = blocking(move || all_files(&root)).await?;
    found.retain(|(sha, size)| files.insert(sha.clone(), *size).is_none());
    found.retain(|(sha, _)| !there.contains(&object_key(sha)));
    let sending = stream::iter(found).map(|(sha, size)| async move {
        tokio::time::sleep(pace.before(size)).await;
        send_file(store, &source.files, sha).await
    });
    let sent: Vec<Option<String>> = sending.buffer_unordered(AT_ONCE).try_collect().await?;
    there.extend(sent.iter().flatten().map(|sha| object_key(sha)));
    // Those that went away before they were read.
    files.retain(|sha, _| there.contains(&object_key(sha)));
    Ok(())
}

/// Sends one file; `None` where it is gone.
///
/// # Errors
/// Its bytes are not those of its name: the disk has changed them.
pub(crate) async fn send_file(store: &Store, root: &Path, sha: String) -> Result<Option<String>, Fault> {
    let (folder, name) = sha.split_at(2.min(sha.len()));
    let path = root.join(folder).join(name);
    let bytes = match tokio::fs::read(&path).await {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::io(&path)(error)),
    };
    if sha256(&bytes) != sha {
        return Err(Fault::Damaged(format!("the file {} was changed on this disk: bring it back from an older backup", path.display())));
    }
    store.put(&object_key(&sha), bytes).await?;
    Ok(Some(sha))
}

/// Names and sizes of all files in a content-addressed folder.
fn all_files(root: &Path) -> Result<Vec<(String, u64)>, Fault> {
    let mut found = Vec::new();
    let folders = match fs::read_dir(root) {
        Ok(folders) => folders,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(Fault::io(root)(error)),
    };
    for folder in folders {
        let folder = folder.map_err(Fault::io(root))?;
        if folder.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files_of(&folder.path())?);
        }
    }
    Ok(found)
}

/// The same of one folder of it.
pub(crate) fn files_of(folder: &Path) -> Result<Vec<(String, u64)>, Fault> {
    let prefix = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut found = Vec::new();
    for file in fs::read_dir(folder).map_err(Fault::io(folder))? {
        let file = file.map_err(Fault::io(folder))?;
        let sha = format!("{prefix}{}", file.file_name().to_string_lossy());
        match file.metadata() {
            Ok(about) if is_sha(&sha) => found.push((sha, about.len())),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Fault::io(folder)(error)),
        }
    }
    Ok(found)
}
