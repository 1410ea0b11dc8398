//! Shipping the log: what is committed after a backup goes to its store as segments, every second.
//!
//! The log (`…-wal`) is only read, and must not be begun anew before all of it was. SQLite begins it anew once everything in it was folded
//! into the database and nobody reads what is in it. So a connection of ours, the guard, always reads: nothing that was committed after it
//! began is folded, by whichever connection. Every few megabytes [`Shipper::fold`] moves the guard forward, while the caller keeps everybody
//! from writing: between the end of the old guard and the start of the new one nothing can be committed that was not read before.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fs::{self, File},
    io::{ErrorKind, Read as _},
    path::PathBuf,
    time::{Duration, SystemTime},
};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::{
    Cause, Fault, Manifest, Source, Store,
    manifest::File as ManifestFile,
    now_ms,
    snapshot::{begin_reading, end_reading, open},
    store::json,
    take::{files_of, send_file, take},
    wal::{self, Cursor},
};

/// A segment ends with the first transaction beyond so many bytes.
const SEGMENT: usize = 16 << 20;
/// From this length on the log is folded.
const FOLD: u64 = 16 << 20;
/// How long a log that cannot be shipped may become before it is given up, and a new backup is begun later.
const GIVE_UP: u64 = 1 << 30;
/// How often it is said that nothing was committed.
const SEEN_MS: i64 = 30_000;
/// A folder that was changed so recently may change again without its time showing it.
const TICK: Duration = Duration::from_secs(2);

/// What stands before the frames of a segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    pub number: u64,
    /// When it was read, in UTC milliseconds: all that was committed before is in it or in one before it, unless there is `more`.
    pub time: i64,
    /// The log had more: something that was committed before that time may only be in the next segment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    pub page_size: u32,
    /// The hash of the segment before; of the first one the backup's name.
    pub previous: String,
}

pub(crate) fn segment_key(id: &str, number: u64) -> String {
    format!("wal/{id}/{number:010}")
}

pub(crate) fn seen_key(id: &str) -> String {
    format!("wal/{id}/seen")
}

/// A part of the log.
struct Segment {
    time: i64,
    page_size: u32,
    more: bool,
    frames: Vec<u8>,
}

/// Ships what is committed after the backup that it stands on.
pub struct Shipper {
    store: Store,
    source: Source,
    id: String,
    guard: Connection,
    spare: Connection,
    log: PathBuf,
    cursor: Option<Cursor>,
    /// Read, and not in the store yet: one segment, and what was read while the log was folded.
    waiting: VecDeque<Segment>,
    number: u64,
    previous: String,
    seen: i64,
    read_at: i64,
    /// Files that the store has for this backup.
    files: HashSet<String>,
    folders: HashMap<PathBuf, SystemTime>,
}

impl Shipper {
    /// Makes a backup and stands on it. The guard is there before the backup is, so that nothing falls between them.
    pub async fn begin(store: Store, source: Source, cause: Cause) -> Result<Self, Fault> {
        let (guard, spare) = (open(&source.database)?, open(&source.database)?);
        begin_reading(&guard)?;
        let mut log = source.database.clone().into_os_string();
        log.push("-wal");
        let log = PathBuf::from(log);
        // What is in the log by now the backup has. Frames that it has too may be applied again: the last one of a page counts.
        let cursor = match header(&log)? {
            None => None,
            Some(mut cursor) => {
                let mut file = File::open(&log).map_err(Fault::io(&log))?;
                while !cursor.read(&mut file, SEGMENT).map_err(Fault::io(&log))?.is_empty() {}
                Some(cursor)
            }
        };
        let Manifest { id, files, moment, .. } = take(&store, &source, cause).await?;
        let files = files.into_iter().map(|ManifestFile { sha256, .. }| sha256).collect();
        Ok(Self {
            previous: id.clone(),
            store,
            source,
            id,
            guard,
            spare,
            log,
            cursor,
            waiting: VecDeque::new(),
            number: 0,
            seen: moment,
            read_at: moment,
            files,
            folders: HashMap::new(),
        })
    }

    /// The name of the backup that it stands on.
    pub fn backup(&self) -> &str {
        &self.id
    }

    /// Up to when everything committed is in the store, in UTC milliseconds.
    pub fn safe_until(&self) -> i64 {
        self.seen
    }

    /// Reads what was committed, and sends it with the files that it names: one segment after the other, however long the log has become.
    ///
    /// # Errors
    /// One that passes ([`Fault::is_passing`]) leaves everything as it was: the log waits on this machine. After any other one, and when the
    /// log has become too long, a new shipper has to begin.
    pub async fn ship(&mut self) -> Result<(), Fault> {
        self.send().await?;
        loop {
            let more = self.read()?;
            self.send().await?;
            if !more {
                break;
            }
        }
        if self.read_at - self.seen >= SEEN_MS {
            self.store.put_checked(&seen_key(&self.id), self.read_at.to_string().as_bytes()).await?;
            self.seen = self.read_at;
        }
        Ok(())
    }

    /// Whether the log should be folded.
    pub fn is_long(&self) -> bool {
        self.log_length() > FOLD
    }

    fn log_length(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |about| about.len().min(self.cursor.map_or(0, |cursor| cursor.offset)))
    }

    /// Folds most of a long log into the database while others write: what they write meanwhile stays behind.
    pub fn fold_ahead(&mut self) -> Result<(), Fault> {
        begin_reading(&self.spare)?;
        end_reading(&self.guard)?;
        std::mem::swap(&mut self.guard, &mut self.spare);
        checkpoint(&self.spare)
    }

    /// Folds the rest, so that the next writer begins the log anew. The caller keeps everybody from writing until this returns.
    pub fn fold(&mut self) -> Result<(), Fault> {
        while self.read()? {}
        end_reading(&self.guard)?;
        // Reading again comes first in any case: without the guard nothing may be written.
        let folded = checkpoint(&self.guard);
        begin_reading(&self.guard)?;
        folded
    }

    /// Takes the next segment of what was committed out of the log; whether there is more.
    fn read(&mut self) -> Result<bool, Fault> {
        let now = now_ms();
        let Some(start) = header(&self.log)? else {
            self.read_at = now;
            return Ok(false);
        };
        // Other salts: the log was begun anew, which happens only when all of it was read.
        let mut cursor = self.cursor.filter(|cursor| cursor.salts == start.salts).unwrap_or(start);
        let mut file = File::open(&self.log).map_err(Fault::io(&self.log))?;
        let frames = cursor.read(&mut file, SEGMENT).map_err(Fault::io(&self.log))?;
        self.cursor = Some(cursor);
        // From a copy: what is only looked at is read again.
        let more = frames.len() >= SEGMENT && !cursor.read(&mut file, 1).map_err(Fault::io(&self.log))?.is_empty();
        if !frames.is_empty() {
            self.waiting.push_back(Segment { time: now, page_size: cursor.page_size, more, frames });
        }
        if !more {
            self.read_at = now;
        }
        Ok(more)
    }

    async fn send(&mut self) -> Result<(), Fault> {
        let sent = self.send_waiting().await;
        if sent.is_err() && fs::metadata(&self.log).is_ok_and(|about| about.len() > GIVE_UP) {
            return Err(Fault::Refused(
                "the log has become too long while the backup store could not be reached: it begins anew with a backup".to_owned(),
            ));
        }
        sent
    }

    async fn send_waiting(&mut self) -> Result<(), Fault> {
        if !self.waiting.is_empty() {
            self.send_files().await?;
        }
        while let Some(Segment { time, page_size, more, frames }) = self.waiting.front() {
            let (time, more) = (*time, *more);
            let head = Head { number: self.number, time, more, page_size: *page_size, previous: self.previous.clone() };
            let mut bytes = serde_json::to_vec(&head).map_err(json)?;
            bytes.push(b'\n');
            bytes.extend_from_slice(frames);
            self.previous = self.store.put_checked(&segment_key(&self.id, self.number), &bytes).await?;
            self.number += 1;
            self.waiting.pop_front();
            if !more {
                self.seen = time;
            }
        }
        Ok(())
    }

    /// Files are stored before the rows that name them, so those that are there now are all that the segments read before may name.
    async fn send_files(&mut self) -> Result<(), Fault> {
        let Ok(folders) = fs::read_dir(&self.source.files) else { return Ok(()) };
        for folder in folders.flatten().filter(|folder| folder.file_type().is_ok_and(|kind| kind.is_dir())) {
            let path = folder.path();
            let changed = folder.metadata().and_then(|about| about.modified()).map_err(Fault::io(&path))?;
            if self.folders.get(&path) == Some(&changed) {
                continue;
            }
            for (sha, _) in files_of(&path)? {
                if !self.files.contains(&sha) && send_file(&self.store, &self.source.files, sha.clone()).await?.is_some() {
                    self.files.insert(sha);
                }
            }
            if changed.elapsed().is_ok_and(|elapsed| elapsed > TICK) {
                self.folders.insert(path, changed);
            }
        }
        Ok(())
    }
}

/// The start of the log; `None` where there is none yet, or it is being written.
fn header(log: &PathBuf) -> Result<Option<Cursor>, Fault> {
    let mut bytes = [0; wal::HEADER as usize];
    match File::open(log).and_then(|mut file| file.read_exact(&mut bytes)) {
        Ok(()) => Ok(Cursor::start(&bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => Ok(None),
        Err(error) => Err(Fault::io(log)(error)),
    }
}

/// As far as it goes without waiting for anybody.
fn checkpoint(connection: &Connection) -> Result<(), Fault> {
    Ok(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?)
}
