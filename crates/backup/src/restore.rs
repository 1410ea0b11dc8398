//! Bringing a moment back.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    Fault, Manifest, Store, blocking, hex, is_sha,
    manifest::list,
    now_ms,
    ship::{Head, seen_key, segment_key},
    snapshot,
    store::json,
    wal,
};

/// Objects on their way at once.
const AT_ONCE: usize = 8;
/// In the folder that is restored into, until everything was verified.
const UNFINISHED: &str = ".restore";

/// What is to be brought back; by default everything that there is.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The name of a backup.
    pub backup: Option<String>,
    /// The state of this moment, in UTC milliseconds.
    pub at: Option<i64>,
    /// Also follow every index, not only every page and row.
    pub thorough: bool,
}

/// What was brought back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub backup: String,
    /// Everything committed until then is there, in UTC milliseconds.
    pub moment: i64,
    /// Of the log, behind the backup.
    pub segments: u64,
    /// Rows of each table.
    pub rows: BTreeMap<String, i64>,
    pub files: usize,
    /// Of the database and the files.
    pub bytes: u64,
    pub took_ms: i64,
}

/// Brings data back into `folder`, which has to be empty (a lock file may be there): the database to `database`, files to `folder/blobs`, the
/// server's key to `folder/secret.key`. Nothing has its name there before all of it was verified: each object by its hash, the log by its
/// chain, the database by SQLite and the rows that the backup counted.
///
/// # Errors
/// The folder is not empty, there is no such backup, something in it is missing or was changed, or the disk is full. The folder then has
/// nothing but a part below `.restore`, which the next try removes.
pub async fn restore(store: &Store, wish: &Wish, folder: &Path, database: &Path) -> Result<Report, Fault> {
    let began = now_ms();
    refuse_unless_empty(folder, database)?;
    let aside = folder.join(UNFINISHED);
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(Fault::io(&aside))?;
    }
    let manifest = choose(store, wish).await?;
    let files = aside.join("blobs");
    make_folder(&files)?;
    let unfinished = aside.join("database");
    write_database(store, &manifest, &unfinished).await?;
    compare_rows(&unfinished, &manifest).await?;
    let (segments, moment) = apply_log(store, &manifest, wish.at, &unfinished).await?;
    let rows = verify(&unfinished, &manifest, wish.thorough).await?;
    let mut names: Vec<String> = manifest.files.iter().map(|file| file.sha256.clone()).collect();
    if segments > 0 {
        names = with_later_files(store, names, manifest.moment).await?;
    }
    let sizes: Vec<u64> =
        stream::iter(names.clone()).map(|sha| write_file(store, &files, sha)).buffer_unordered(AT_ONCE).try_collect().await?;
    if let Some(sha) = &manifest.secret_key {
        write_key(&aside.join("secret.key"), &store.object(sha).await?)?;
    }
    let bytes = sizes.iter().sum::<u64>() + fs::metadata(&unfinished).map_err(Fault::io(&unfinished))?.len();
    // The database last: a server that finds none begins with nothing, and does not take half for the whole.
    move_to(&files, &folder.join("blobs"))?;
    if manifest.secret_key.is_some() {
        move_to(&aside.join("secret.key"), &folder.join("secret.key"))?;
    }
    if let Some(parent) = database.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    move_to(&unfinished, database)?;
    sync_folder(folder)?;
    fs::remove_dir_all(&aside).map_err(Fault::io(&aside))?;
    Ok(Report { backup: manifest.id, moment, segments, rows, files: names.len(), bytes, took_ms: now_ms() - began })
}

/// With those above it, for its owner alone; one that is there stays as it is.
fn make_folder(path: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Fault::io(path))
}

/// For its owner alone.
fn create(path: &Path) -> Result<File, Fault> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().create_new(true).write(true).mode(0o600).open(path).map_err(Fault::io(path))
}

fn refuse_unless_empty(folder: &Path, database: &Path) -> Result<(), Fault> {
    make_folder(folder)?;
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).map_err(Fault::io(folder))? {
        let name = entry.map_err(Fault::io(folder))?.file_name().to_string_lossy().into_owned();
        if name != UNFINISHED && name != "llmos.lock" {
            others.push(name);
        }
    }
    others.sort_unstable();
    match others.first() {
        Some(name) => Err(Fault::Refused(format!(
            "{} is not empty ({name} is there): move what is in it elsewhere, or name an empty folder in DATA_DIR",
            folder.display()
        ))),
        None if database.exists() => Err(Fault::Refused(format!("{} is there: move it elsewhere first", database.display()))),
        None => Ok(()),
    }
}

/// The backup that was named, or the one that reaches furthest, from that moment or before.
async fn choose(store: &Store, wish: &Wish) -> Result<Manifest, Fault> {
    if let Some(id) = &wish.backup {
        let manifest = Manifest::read(store, id).await?;
        if wish.at.is_some_and(|at| at < manifest.moment) {
            return Err(Fault::Refused(format!("the backup {id} was made after that moment: name an older one, or none")));
        }
        return Ok(manifest);
    }
    // One that somebody asked for beside a server has no log of its own: the server goes on with the one that it stands on, which then reaches further.
    let mut newest: Option<Manifest> = None;
    for id in list(store).await?.iter().rev() {
        let manifest = match Manifest::read(store, id).await {
            Err(_) if newest.is_some() => continue,
            read => read?,
        };
        if wish.at.is_some_and(|at| manifest.moment > at) {
            continue;
        }
        match (log_reaches(store, id).await?, newest.take()) {
            (Some(until), Some(first)) if until <= first.moment => return Ok(first),
            (Some(_), _) => return Ok(manifest),
            (None, first) => newest = first.or(Some(manifest)),
        }
    }
    let when = if wish.at.is_some() { " of that moment or before" } else { "" };
    newest.ok_or_else(|| Fault::Refused(format!("there is no backup{when} in {}", store.name())))
}

/// Until when a backup's log has everything, in UTC milliseconds; none where it has no log.
async fn log_reaches(store: &Store, id: &str) -> Result<Option<i64>, Fault> {
    let there = store.list(&format!("wal/{id}")).await?;
    let (seen, mut segments): (Vec<&String>, Vec<&String>) = there.keys().partition(|key| key.ends_with("/seen"));
    segments.sort_unstable_by(|one, other| other.cmp(one));
    let mut until = None;
    // The newest segment that is not a part of a longer one says it.
    for key in seen.into_iter().chain(segments) {
        let bytes = match store.get_checked(key).await {
            Ok((_, bytes)) => bytes,
            // Whoever applies it says what is wrong with it, and what to do.
            Err(Fault::Damaged(_)) => return Ok(Some(i64::MAX)),
            Err(other) => return Err(other),
        };
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let head = serde_json::from_slice::<Head>(line);
        let is_whole = head.as_ref().is_ok_and(|head| !head.more);
        let time = match head {
            Ok(head) if head.more => 0,
            Ok(head) => head.time,
            Err(_) => serde_json::from_slice(line).unwrap_or_default(),
        };
        until = until.max(Some(time));
        if is_whole {
            break;
        }
    }
    Ok(until)
}

async fn write_database(store: &Store, manifest: &Manifest, path: &Path) -> Result<(), Fault> {
    let mut file = create(path)?;
    let mut whole = Sha256::new();
    let mut pieces = stream::iter(manifest.database.pieces.clone()).map(|sha| async move { store.object(&sha).await }).buffered(AT_ONCE);
    while let Some(piece) = pieces.try_next().await? {
        (file, whole) = blocking({
            let path = path.to_owned();
            move || {
                whole.update(&piece);
                file.write_all(&piece).map_err(Fault::io(&path))?;
                Ok((file, whole))
            }
        })
        .await?;
    }
    if hex(&whole.finalize()) != manifest.database.sha256 {
        return Err(Fault::Damaged(format!("the database of the backup {} is not whole: choose another one with --backup", manifest.id)));
    }
    file.sync_all().map_err(Fault::io(path))
}

/// Applies the log up to `at`; gives how many segments, and the moment that was reached.
async fn apply_log(store: &Store, manifest: &Manifest, at: Option<i64>, path: &Path) -> Result<(u64, i64), Fault> {
    let folder = format!("wal/{}", manifest.id);
    let there = store.list(&folder).await?;
    let count = there.keys().filter(|key| !key.ends_with("/seen")).count() as u64;
    let mut previous = manifest.id.clone();
    let mut moment = manifest.moment;
    let mut file = File::options().write(true).open(path).map_err(Fault::io(path))?;
    for number in 0..count {
        let key = segment_key(&manifest.id, number);
        let said = |why: &str| {
            let until = format!("what was before it can be brought back with --backup {} --at {moment}", manifest.id);
            Fault::Damaged(format!("{key} in {}, a part of the log, {why}: {until}", store.name()))
        };
        let (sha, bytes) = match store.get_checked(&key).await {
            Ok(found) => found,
            Err(Fault::Damaged(_)) => return Err(said("is missing or was changed")),
            Err(other) => return Err(other),
        };
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| said("was changed"))?;
        let (head, frames) = bytes.split_at(end);
        let head: Head = serde_json::from_slice(head).map_err(json)?;
        if head.number != number || head.previous != previous || head.page_size != manifest.database.page_size {
            return Err(said("is not the one that follows"));
        }
        if at.is_some_and(|at| head.time > at) {
            return Ok((number, moment));
        }
        let frames = frames.get(1..).unwrap_or_default();
        wal::apply(frames, head.page_size, &mut file).map_err(Fault::io(path))?;
        previous = sha;
        if !head.more {
            moment = head.time.max(moment);
        }
    }
    file.sync_all().map_err(Fault::io(path))?;
    let key = seen_key(&manifest.id);
    if there.contains_key(&key) {
        let (_, bytes) = store.get_checked(&key).await?;
        let seen = String::from_utf8_lossy(&bytes).parse().unwrap_or(moment);
        moment = moment.max(at.map_or(seen, |at| at.min(seen)));
    }
    Ok((count, moment))
}

/// Whether each table has the rows that were counted when the backup was made: before the log behind it changes them.
async fn compare_rows(path: &Path, manifest: &Manifest) -> Result<(), Fault> {
    let path = path.to_owned();
    let rows = blocking(move || snapshot::count(&path)).await.map_err(|fault| said_of(fault, manifest))?;
    match manifest.database.rows.iter().find(|(table, count)| rows.get(*table) != Some(count)) {
        None => Ok(()),
        Some((table, count)) => Err(Fault::Damaged(format!(
            "the table {table} of the backup {} should have {count} rows and has not: choose another one with --backup",
            manifest.id
        ))),
    }
}

/// What is wrong with a copy is wrong with its backup.
fn said_of(fault: Fault, manifest: &Manifest) -> Fault {
    match fault {
        Fault::DatabaseDamaged(what) => {
            Fault::Damaged(format!("the backup {} is damaged ({what}): choose another one with --backup", manifest.id))
        }
        other => other,
    }
}

async fn verify(path: &Path, manifest: &Manifest, thorough: bool) -> Result<BTreeMap<String, i64>, Fault> {
    let path = path.to_owned();
    let rows = blocking(move || {
        let rows = snapshot::check(&path);
        let connection = snapshot::open(&path)?;
        if thorough {
            let said: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
            if said != "ok" {
                return Err(Fault::DatabaseDamaged(said));
            }
        }
        // The log of the check itself is folded when its last connection closes.
        connection.close().map_err(|(_, error)| error)?;
        rows
    });
    rows.await.map_err(|fault| said_of(fault, manifest))
}

/// The files of the backup and those stored after it: rows of the log may name them.
async fn with_later_files(store: &Store, mut names: Vec<String>, moment: i64) -> Result<Vec<String>, Fault> {
    /// A store's clock may be behind ours.
    const SKEW_MS: i64 = 24 * 3_600_000;
    let pieces: std::collections::HashSet<String> = {
        let mut pieces = std::collections::HashSet::new();
        for id in list(store).await? {
            // Of a backup that cannot be read the pieces come along as files that nothing names.
            if let Ok(manifest) = Manifest::read(store, &id).await {
                pieces.extend(manifest.database.pieces);
                pieces.extend(manifest.secret_key);
            }
        }
        pieces
    };
    let known: std::collections::HashSet<String> = names.iter().cloned().collect();
    for (key, stored) in store.list("objects").await? {
        let sha = key.trim_start_matches("objects/").replace('/', "");
        if stored >= moment - SKEW_MS && is_sha(&sha) && !known.contains(&sha) && !pieces.contains(&sha) {
            names.push(sha);
        }
    }
    Ok(names)
}

async fn write_file(store: &Store, root: &Path, sha: String) -> Result<u64, Fault> {
    if !is_sha(&sha) {
        return Err(Fault::Damaged(format!("the backup names the file “{sha}”, which is no hash: it is refused")));
    }
    let bytes = store.object(&sha).await?;
    let (folder, name) = sha.split_at(2);
    let path = root.join(folder).join(name);
    blocking(move || {
        let parent = path.parent().map(Path::to_owned).unwrap_or_default();
        make_folder(&parent)?;
        let mut file = create(&path)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(Fault::io(&path))?;
        Ok(bytes.len() as u64)
    })
    .await
}

fn write_key(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let mut file = create(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Fault::io(path))
}

/// Also to another file system, where the database has a place of its own.
fn move_to(from: &Path, to: &Path) -> Result<(), Fault> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
            fs::copy(from, to).map_err(Fault::io(to))?;
            File::open(to).and_then(|file| file.sync_all()).map_err(Fault::io(to))
        }
        other => other.map_err(Fault::io(to)),
    }
}

fn sync_folder(folder: &Path) -> Result<(), Fault> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(Fault::io(folder))
}
