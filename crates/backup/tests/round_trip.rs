//! Backups of a real database that is written to, and what becomes of a store that somebody changed.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use llmos_backup::{Cause, Fault, Secret, Shipper, Source, Store, Wish, keep, list, restore, take};
use rusqlite::Connection;
use sha2::Digest as _;
use tempfile::TempDir;

/// Between two commits of who writes all the time: in memory they would come faster than a build without optimisation reads them.
const FLUSH: Duration = Duration::from_millis(1);

struct Data {
    folder: TempDir,
}

impl Data {
    fn new() -> Self {
        let data = Self { folder: TempDir::new().expect("a folder") };
        let connection = data.connect();
        connection
            .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL); CREATE INDEX by_text ON notes (text)")
            .expect("a table");
        fs::write(data.path("secret.key"), "a key of the server, long enough").expect("written");
        data
    }
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
    fn connect(&self) -> Connection {
        let connection = Connection::open(self.path("llmos.sqlite")).expect("opens");
        connection.busy_timeout(Duration::from_secs(5)).expect("set");
        connection
    }
    fn source(&self) -> Source {
        Source {
            database: self.path("llmos.sqlite"),
            files: self.path("blobs"),
            secret_key: self.path("secret.key"),
            scratch: self.folder.path().to_owned(),
            version: "0.0.0".to_owned(),
        }
    }
    fn add_file(&self, bytes: &[u8]) -> PathBuf {
        let sha: String = sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = self.path("blobs").join(&sha[..2]);
        fs::create_dir_all(&folder).expect("made");
        let path = folder.join(&sha[2..]);
        fs::write(&path, bytes).expect("written");
        path
    }
}

fn add(connection: &Connection, text: &str) -> i64 {
    connection.execute("INSERT INTO notes (text) VALUES (?1)", [text]).expect("written");
    connection.last_insert_rowid()
}

fn notes(database: &Path) -> Vec<(i64, String)> {
    let connection = Connection::open(database).expect("opens");
    let mut statement = connection.prepare("SELECT id, text FROM notes ORDER BY id").expect("read");
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("read").collect::<Result<_, _>>().expect("rows")
}

async fn opened(folder: &Path) -> Store {
    Store::open(&folder.to_string_lossy(), &[], None, true).await.expect("a store")
}

async fn brought_back(store: &Store, wish: Wish) -> (TempDir, llmos_backup::Report) {
    let folder = TempDir::new().expect("a folder");
    let report = restore(store, &wish, folder.path(), &folder.path().join("llmos.sqlite")).await.expect("restored");
    (folder, report)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_everything_acknowledged_before_it() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    let file = data.add_file(b"a picture");
    let (stop, last) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
    let writer = std::thread::spawn({
        let (connection, stop, last) = (data.connect(), stop.clone(), last.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                last.store(add(&connection, &"words ".repeat(200)), Ordering::Release);
                std::thread::sleep(FLUSH);
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = last.load(Ordering::Acquire);
    let manifest = take(&store, &data.source(), Cause::Asked).await.expect("a backup");
    stop.store(true, Ordering::Relaxed);
    writer.join().expect("it ends");
    assert!(before > 0 && manifest.database.rows["notes"] >= before);
    let (folder, report) = brought_back(&store, Wish { thorough: true, ..Wish::default() }).await;
    let restored = notes(&folder.path().join("llmos.sqlite"));
    assert_eq!((restored.len() as i64, report.files), (manifest.database.rows["notes"], 1));
    assert_eq!(restored, notes(&data.path("llmos.sqlite"))[..restored.len()], "the same rows");
    let same = folder.path().join(file.strip_prefix(data.folder.path()).expect("below it"));
    assert_eq!(fs::read(same).expect("there"), b"a picture");
    assert_eq!(fs::read(folder.path().join("secret.key")).expect("there"), fs::read(data.path("secret.key")).expect("there"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_shipped_comes_back_to_each_moment() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    let connection = data.connect();
    add(&connection, "before");
    let mut shipper = Shipper::begin(store.clone(), data.source(), Cause::Start).await.expect("it begins");
    let (mut moments, mut logs) = (Vec::new(), HashSet::new());
    for round in 0..40 {
        // Rows that come, change and go, on many pages; a checkpoint by somebody else; and now and then the log is folded.
        for _ in 0..50 {
            add(&connection, &format!("{round} {}", "much ".repeat(300)));
        }
        connection.execute("DELETE FROM notes WHERE id % 7 = ?1", [round % 7]).expect("deleted");
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).expect("tried");
        data.add_file(format!("file {round}").as_bytes());
        shipper.ship().await.expect("shipped");
        // A log that is begun anew has other salts.
        logs.insert(fs::read(data.path("llmos.sqlite-wal")).expect("a log")[16..24].to_vec());
        moments.push((shipper.safe_until(), notes(&data.path("llmos.sqlite"))));
        if round % 5 == 4 {
            shipper.fold_ahead().expect("folded");
            shipper.fold().expect("folded");
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(logs.len(), 8, "the log is begun anew whenever it was folded");
    // kill -9 and the disk gone: nothing but the store is left.
    for (at, expected) in [&moments[0], &moments[13], &moments[39]] {
        let (folder, report) = brought_back(&store, Wish { at: Some(*at), thorough: true, ..Wish::default() }).await;
        assert_eq!(&notes(&folder.path().join("llmos.sqlite")), expected, "{report:?}");
    }
    let (folder, report) = brought_back(&store, Wish::default()).await;
    assert_eq!(notes(&folder.path().join("llmos.sqlite")), moments[39].1);
    assert_eq!(report.files, 40);

    // One segment changed: what is before it still comes back, and the sentence says how.
    let segment = place.path().join("wal").join(shipper.backup()).join("0000000020");
    let mut bytes = fs::read(&segment).expect("a segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).expect("changed");
    let folder = TempDir::new().expect("a folder");
    let refused =
        restore(&store, &Wish::default(), folder.path(), &folder.path().join("llmos.sqlite")).await.expect_err("refused").to_string();
    assert!(refused.contains("a part of the log") && refused.contains("--at "), "{refused}");
    let (folder, _) = brought_back(&store, Wish { at: Some(moments[15].0), ..Wish::default() }).await;
    assert_eq!(notes(&folder.path().join("llmos.sqlite")), moments[15].1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_asked_for_meanwhile_does_not_hide_what_is_shipped_after_it() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    let connection = data.connect();
    let mut shipper = Shipper::begin(store.clone(), data.source(), Cause::Start).await.expect("it begins");
    add(&connection, "shipped before");
    shipper.ship().await.expect("shipped");
    tokio::time::sleep(Duration::from_millis(3)).await;
    add(&connection, "in the one that was asked for");
    let asked = take(&store, &data.source(), Cause::Asked).await.expect("a backup");
    // Nothing was shipped since: it has more than the log.
    let (folder, report) = brought_back(&store, Wish::default()).await;
    assert_eq!((&report.backup, notes(&folder.path().join("llmos.sqlite")).len()), (&asked.id, 2));
    tokio::time::sleep(Duration::from_millis(3)).await;
    add(&connection, "shipped after");
    shipper.ship().await.expect("shipped");
    let (folder, report) = brought_back(&store, Wish::default()).await;
    assert_eq!((report.backup.as_str(), notes(&folder.path().join("llmos.sqlite")).len()), (shipper.backup(), 3));
    let named = Wish { backup: Some(asked.id.clone()), ..Wish::default() };
    assert_eq!(brought_back(&store, named).await.1.backup, asked.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_write_while_the_log_is_folded_is_not_lost() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    let mut shipper = Shipper::begin(store.clone(), data.source(), Cause::Start).await.expect("it begins");
    let stop = Arc::new(AtomicBool::new(false));
    // The one writer, as the server has it.
    let writing = Arc::new(std::sync::Mutex::new(data.connect()));
    let writer = std::thread::spawn({
        let (writing, stop) = (writing.clone(), stop.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                add(&writing.lock().expect("not poisoned"), &"w".repeat(5_000));
                std::thread::sleep(FLUSH);
            }
        }
    });
    for _ in 0..60 {
        shipper.ship().await.expect("shipped");
        shipper.fold_ahead().expect("folded");
        {
            let _nobody_writes = writing.lock().expect("not poisoned");
            shipper.fold().expect("folded");
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stop.store(true, Ordering::Relaxed);
    writer.join().expect("it ends");
    shipper.ship().await.expect("shipped");
    shipper.ship().await.expect("shipped");
    let (folder, _) = brought_back(&store, Wish { thorough: true, ..Wish::default() }).await;
    assert_eq!(notes(&folder.path().join("llmos.sqlite")), notes(&data.path("llmos.sqlite")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_became_long_goes_in_parts_that_each_say_whether_there_is_more() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    let connection = data.connect();
    let mut shipper = Shipper::begin(store.clone(), data.source(), Cause::Start).await.expect("it begins");
    let began = shipper.safe_until();
    // As after an outage of the store: several segments wait in the log.
    for number in 0..10 {
        add(&connection, &format!("{number}").repeat(5 << 20));
    }
    tokio::time::sleep(Duration::from_millis(3)).await;
    shipper.ship().await.expect("shipped");
    let reached = shipper.safe_until();
    assert!(reached > began);
    let folder = place.path().join("wal").join(shipper.backup());
    let mut segments: Vec<PathBuf> = fs::read_dir(&folder).expect("a log").flatten().map(|entry| entry.path()).collect();
    segments.sort();
    assert!(segments.len() >= 3, "{segments:?}");
    let (back, report) = brought_back(&store, Wish::default()).await;
    assert_eq!((notes(&back.path().join("llmos.sqlite")).len(), report.moment), (10, reached));
    // The disk was lost before the last part: what the others hold comes back, and nobody says that it is all until then.
    fs::remove_file(segments.pop().expect("a part")).expect("removed");
    let (back, report) = brought_back(&store, Wish::default()).await;
    assert!((1..10).contains(&notes(&back.path().join("llmos.sqlite")).len()));
    assert_eq!(report.moment, began, "what was committed in between may be in the part that is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sealed_store_shows_nothing_and_opens_with_its_secret_alone() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    add(&data.connect(), "the lighthouse keeper's diary");
    data.add_file(b"the lighthouse keeper's picture");
    let (url, right) = (place.path().to_string_lossy().into_owned(), Secret::Passphrase("lantern bridge".to_owned()));
    let store = Store::open(&url, &[], Some(&right), true).await.expect("a store");
    take(&store, &data.source(), Cause::Asked).await.expect("a backup");
    let (folder, _) = brought_back(&Store::open(&url, &[], Some(&right), false).await.expect("opens again"), Wish::default()).await;
    assert_eq!(notes(&folder.path().join("llmos.sqlite")).len(), 1);
    let mut folders = vec![place.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let bytes = fs::read(entry.path()).expect("readable");
                assert!(!bytes.windows(10).any(|part| part == b"lighthouse"), "{}", entry.path().display());
            }
        }
    }
    for (secret, words) in [
        (None, "encrypted"),
        (Some(Secret::Passphrase("another".to_owned())), "passphrase"),
        (Some(Secret::Key("AGE-SECRET-KEY-1".to_owned())), "BACKUP_PASSPHRASE"),
    ] {
        let refused = Store::open(&url, &[], secret.as_ref(), false).await.err().expect("refused").to_string();
        assert!(refused.contains(words), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_or_cut_is_refused() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    let connection = data.connect();
    for number in 0..100 {
        add(&connection, &format!("{number}").repeat(100));
    }
    data.add_file(b"a picture");
    let manifest = take(&store, &data.source(), Cause::Asked).await.expect("a backup");
    let object = |sha: &str| place.path().join("objects").join(&sha[..2]).join(&sha[2..]);
    for path in [place.path().join("backups").join(&manifest.id), object(&manifest.database.pieces[0]), object(&manifest.files[0].sha256)] {
        let whole = fs::read(&path).expect("there");
        let mut changed = whole.clone();
        *changed.last_mut().expect("bytes") ^= 1;
        for bytes in [Some(changed), Some(whole[..whole.len() / 2].to_vec()), Some(Vec::new()), None] {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).expect("written"),
                None => fs::remove_file(&path).expect("removed"),
            }
            let folder = TempDir::new().expect("a folder");
            let wish = Wish { backup: Some(manifest.id.clone()), ..Wish::default() };
            let refused = restore(&store, &wish, folder.path(), &folder.path().join("llmos.sqlite")).await.expect_err("refused");
            assert!(matches!(refused, Fault::Damaged(_)), "{refused}");
            assert!(!folder.path().join("llmos.sqlite").exists());
        }
        fs::write(&path, whole).expect("written");
    }
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("something"), "mine").expect("written");
    let refused =
        restore(&store, &Wish::default(), folder.path(), &folder.path().join("llmos.sqlite")).await.expect_err("refused").to_string();
    assert!(refused.contains("not empty"), "{refused}");
}

/// Writes what a backup says of itself anew, as whoever has the key of its store could.
fn forge(place: &Path, id: &str, change: impl FnOnce(&mut serde_json::Value)) {
    let path = place.join("backups").join(id);
    let plain = lz4_flex::decompress_size_prepended(&fs::read(&path).expect("there")).expect("packed");
    let mut manifest = serde_json::from_slice(&plain[65..]).expect("behind its hash");
    change(&mut manifest);
    let json = serde_json::to_vec(&manifest).expect("JSON");
    let sha: String = sha2::Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&path, lz4_flex::compress_prepend_size(&[sha.as_bytes(), b"\n", &json].concat())).expect("written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_counted_before_the_log_changes_them() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    let connection = data.connect();
    add(&connection, "before");
    let mut shipper = Shipper::begin(store.clone(), data.source(), Cause::Start).await.expect("it begins");
    add(&connection, "shipped");
    shipper.ship().await.expect("shipped");
    // What was true once the log was applied was not true of the backup.
    forge(place.path(), shipper.backup(), |manifest| manifest["database"]["rows"]["notes"] = 2.into());
    let folder = TempDir::new().expect("a folder");
    let refused =
        restore(&store, &Wish::default(), folder.path(), &folder.path().join("llmos.sqlite")).await.expect_err("refused").to_string();
    assert!(refused.contains("should have 2 rows"), "{refused}");
    forge(place.path(), shipper.backup(), |manifest| manifest["database"]["rows"]["notes"] = 1.into());
    let (folder, report) = brought_back(&store, Wish::default()).await;
    assert_eq!((notes(&folder.path().join("llmos.sqlite")).len(), report.rows["notes"]), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_page_is_found_before_it_is_a_backup() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    {
        let connection = data.connect();
        for _ in 0..2_000 {
            add(&connection, &"words ".repeat(50));
        }
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("folded");
    }
    let mut bytes = fs::read(data.path("llmos.sqlite")).expect("there");
    let middle = bytes.len() / 2 / 4_096 * 4_096;
    bytes[middle..middle + 4_096].fill(0xa5);
    fs::write(data.path("llmos.sqlite"), bytes).expect("written");
    let refused = take(&store, &data.source(), Cause::Asked).await.expect_err("refused");
    assert!(matches!(refused, Fault::DatabaseDamaged(_)) && refused.to_string().contains("llmos restore"), "{refused}");
    assert!(list(&store).await.expect("a list").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_backups_go_and_the_others_stay_whole() {
    let (data, place) = (Data::new(), TempDir::new().expect("a folder"));
    let store = opened(place.path()).await;
    let connection = data.connect();
    for round in 0..4 {
        add(&connection, &format!("round {round}"));
        take(&store, &data.source(), Cause::Asked).await.expect("a backup");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // What only the first two need is old enough that it belongs to none that is being made.
    let objects = place.path().join("objects");
    let old = std::time::SystemTime::now() - Duration::from_secs(3 * 24 * 3_600);
    let all = || -> Vec<PathBuf> {
        let folders =
            fs::read_dir(&objects).expect("objects").flatten().flat_map(|folder| fs::read_dir(folder.path()).expect("a folder").flatten());
        folders.map(|file| file.path()).filter(|path| path.is_file()).collect()
    };
    for file in all() {
        fs::File::options().write(true).open(file).and_then(|file| file.set_modified(old)).expect("aged");
    }
    let before = all().len();
    assert_eq!(keep(&store, 2).await.expect("kept"), 2);
    assert!(all().len() < before, "what nothing needs any more is gone");
    let left = list(&store).await.expect("a list");
    assert_eq!(left.len(), 2);
    for (id, count) in left.iter().zip([3, 4]) {
        let (folder, _) = brought_back(&store, Wish { backup: Some(id.clone()), ..Wish::default() }).await;
        assert_eq!(notes(&folder.path().join("llmos.sqlite")).len(), count);
    }
}
