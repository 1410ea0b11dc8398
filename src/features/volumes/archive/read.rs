//! Reading what was uploaded: a zip, or files one after the other with a list. Everything in it is foreign.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use zip::{ZipArchive, result::ZipError};

use super::{Entry, Skipped};
use crate::{
    error::{AppError, AppResult},
    features::{artifacts::service::clean_path, volumes::model::limits},
};

/// The names of a staged upload's files.
pub const ARCHIVE_FILE: &str = "upload.zip";
pub const BUNDLE_FILE: &str = "upload.bin";
pub const MANIFEST_FILE: &str = "upload.json";

/// A file of more than this that shrank to less than a hundredth is made to fill a disk.
const BOMB_BYTES: u64 = 1024 * 1024;
const BOMB_RATIO: u64 = 100;

enum Source {
    Zip(Box<ZipArchive<BufReader<File>>>),
    Bundle(BufReader<File>),
}

/// An upload with the list of its usable files.
pub struct Opened {
    source: Source,
    pub entries: Vec<Entry>,
    /// Where each is: an index in the zip, an offset in the bundle.
    at: Vec<u64>,
    pub skipped: Vec<Skipped>,
}

impl Opened {
    /// Opens what is staged in `folder`. Refuses what as a whole is over a limit; single files are skipped with the reason.
    pub fn open(folder: &Path) -> AppResult<Self> {
        if folder.join(ARCHIVE_FILE).exists() { Self::open_zip(&folder.join(ARCHIVE_FILE)) } else { Self::open_bundle(folder) }
    }

    fn open_zip(path: &Path) -> AppResult<Self> {
        let mut archive = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(|error| {
            tracing::info!(%error, "an archive cannot be read");
            AppError::invalid("This is not a zip that can be read. Pack it again and try once more.")
        })?;
        if listed(path)?.is_some_and(|listed| listed > archive.len()) {
            return Err(AppError::invalid("The archive lists a file twice, so nobody can tell which is meant. Pack it again."));
        }
        let mut sieve = Sieve::default();
        let mut at = Vec::new();
        for index in 0..archive.len() {
            let Ok(file) = archive.by_index_raw(index) else {
                sieve.skip(format!("file {}", index + 1), "Its entry in the archive is damaged.");
                continue;
            };
            if file.is_dir() {
                continue;
            }
            let Ok(name) = file.name().map(std::borrow::Cow::into_owned) else {
                sieve.skip(format!("file {}", index + 1), "Its name cannot be read.");
                continue;
            };
            let (size, packed) = (file.size(), file.compressed_size().max(1));
            if file.is_symlink() {
                sieve.skip(name, "A symbolic link: only files are imported.");
            } else if file.encrypted() {
                sieve.skip(name, "It is encrypted.");
            } else if size > BOMB_BYTES && size / packed > BOMB_RATIO {
                sieve.skip(name, "It is compressed over a hundredfold, as only made-up data is.");
            } else {
                let executable = file.unix_mode().map(|mode| mode & 0o111 != 0);
                if sieve.take(Entry { path: name, size, executable })? {
                    at.push(index as u64);
                }
            }
        }
        Ok(Self { source: Source::Zip(Box::new(archive)), entries: sieve.entries, at, skipped: sieve.skipped })
    }

    fn open_bundle(folder: &Path) -> AppResult<Self> {
        let manifest: Vec<Entry> = serde_json::from_slice(&std::fs::read(folder.join(MANIFEST_FILE))?)?;
        let mut sieve = Sieve::default();
        let mut at = Vec::new();
        let mut offset = 0;
        for entry in manifest {
            let size = entry.size;
            if sieve.take(entry)? {
                at.push(offset);
            }
            offset += size;
        }
        let source = Source::Bundle(BufReader::new(File::open(folder.join(BUNDLE_FILE))?));
        Ok(Self { source, entries: sieve.entries, at, skipped: sieve.skipped })
    }

    /// The bytes of one file: never more than its list said.
    pub fn read(&mut self, index: usize) -> Result<Vec<u8>, &'static str> {
        const DAMAGED: &str = "It is damaged.";
        let size = self.entries[index].size;
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(4 * 1024 * 1024));
        match &mut self.source {
            Source::Zip(archive) => {
                let file = archive.by_index(self.at[index] as usize).map_err(|error| match error {
                    ZipError::UnsupportedArchive(_) => "It is packed in a way that is not read here: use deflate.",
                    _ => DAMAGED,
                })?;
                file.take(size + 1).read_to_end(&mut bytes).map_err(|_| DAMAGED)?;
            }
            Source::Bundle(bundle) => {
                bundle.seek(SeekFrom::Start(self.at[index])).map_err(|_| DAMAGED)?;
                bundle.take(size).read_to_end(&mut bytes).map_err(|_| DAMAGED)?;
            }
        }
        if bytes.len() as u64 == size { Ok(bytes) } else { Err("It is not as long as the archive says.") }
    }
}

/// Lets through what is within the limits, by its list alone.
#[derive(Default)]
struct Sieve {
    entries: Vec<Entry>,
    skipped: Vec<Skipped>,
    seen: HashSet<String>,
    total: u64,
}

impl Sieve {
    fn skip(&mut self, path: String, reason: &str) {
        let path = path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(limits::PATH_CHARS).collect();
        self.skipped.push(Skipped { path, reason: reason.to_owned() });
    }

    fn take(&mut self, entry: Entry) -> AppResult<bool> {
        if self.entries.len() + self.skipped.len() >= limits::FILES {
            return Err(AppError::too_large(format!("These are more than {} files: import them in parts.", limits::FILES)));
        }
        let path = match clean_path(&entry.path) {
            Ok(path) => path,
            Err(reason) => {
                self.skip(entry.path, reason);
                return Ok(false);
            }
        };
        if entry.size > limits::FILE_BYTES {
            self.skip(path, &format!("It is over {} MB.", limits::FILE_BYTES / 1024 / 1024));
            return Ok(false);
        }
        if !self.seen.insert(path.clone()) {
            self.skip(path, "It is listed twice; the first one counts.");
            return Ok(false);
        }
        self.total += entry.size;
        if self.total > limits::UNPACKED_BYTES {
            return Err(AppError::too_large(format!(
                "Unpacked these are over {} MB: import them in parts.",
                limits::UNPACKED_BYTES / 1024 / 1024
            )));
        }
        self.entries.push(Entry { path, ..entry });
        Ok(true)
    }
}

/// How many entries the end of a zip announces: the reader keeps only one of each name. None for very large ones.
fn listed(path: &Path) -> AppResult<Option<usize>> {
    const TAIL: u64 = 22 + 65_535;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let Some(at) = tail.windows(4).rposition(|window| window == b"PK\x05\x06") else { return Ok(None) };
    let count = tail.get(at + 10..at + 12).map(|bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    Ok(count.filter(|count| *count != 0xffff))
}
