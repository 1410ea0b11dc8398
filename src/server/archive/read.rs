//! Reading a team from a zip. Everything in it is foreign.

use std::{
    collections::{BTreeSet, HashSet},
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
    path::Path,
};

use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use super::{ArchivedPerson, FORMAT, Ids, Is, MANIFEST, Manifest, PEOPLE, REFERENCES, Table, VERSION, Value, ids, part_of, row::read};
use crate::{
    error::{AppError, AppResult},
    server::blobs::{BlobName, parse_name},
};

/// A row with all that is in it.
const LINE: u64 = 64 << 20;
/// A blob, which is read whole.
const FILE: u64 = 256 << 20;
const SMALL: u64 = 16 << 20;
/// Everything unpacked.
const UNPACKED: u64 = 256 << 30;
/// Accounts of one team.
const PEOPLE_MAX: usize = 100_000;

/// What is in a file, for the rows that name it.
#[derive(Debug, Default)]
pub struct Known {
    pub ids: Ids,
    /// The team's old id.
    pub team: u128,
    pub files: HashSet<BlobName>,
    pub contents: HashSet<BlobName>,
}

impl Known {
    pub(super) fn has_file(&self, sha: &str) -> Result<(), String> {
        let is_there = parse_name(sha).is_some_and(|name| self.files.contains(&name));
        if is_there { Ok(()) } else { Err("names a file that is not there".to_owned()) }
    }
}

/// An opened file.
pub struct Archive {
    zip: ZipArchive<BufReader<File>>,
    pub manifest: Manifest,
    files: BTreeSet<BlobName>,
}

fn broken(why: &str) -> AppError {
    AppError::invalid(format!("This team's archive cannot be used: {why}. Nothing was imported; export the team again."))
}

impl Archive {
    /// Opens a file, and looks whether it has all parts that it should have, and no other.
    pub fn open(path: &Path, tables: &[&Table]) -> AppResult<Self> {
        let mut zip = ZipArchive::new(BufReader::new(File::open(path)?)).map_err(|error| {
            tracing::info!(%error, "a team's archive cannot be read");
            broken("it is not a whole zip")
        })?;
        let manifest = whole(&mut zip, MANIFEST, SMALL)?;
        let version = serde_json::from_slice::<Json>(&manifest)
            .ok()
            .filter(|manifest| manifest["format"] == FORMAT)
            .and_then(|manifest| manifest["version"].as_u64());
        match version {
            Some(version) if version > u64::from(VERSION) => return Err(broken("it is of a newer version of llmos")),
            Some(_) => {}
            None => return Err(broken("its manifest is none of a team")),
        }
        let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|_| broken("its manifest cannot be read"))?;
        let (mut files, mut unpacked) = (BTreeSet::new(), 0_u64);
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(|_| broken("an entry is damaged"))?;
            let name = entry.name().map_err(|_| broken("an entry's name cannot be read"))?;
            unpacked = unpacked.saturating_add(entry.size());
            if let Some(file) = name.strip_prefix("files/") {
                files.insert(parse_name(file).ok_or_else(|| broken("a file's name is not its hash"))?);
            } else if name != MANIFEST && !manifest.parts.contains_key(&*name) {
                return Err(broken("it has more in it than its manifest lists"));
            }
        }
        if unpacked > UNPACKED {
            return Err(broken("unpacked it is larger than any team"));
        }
        if files.len() as u64 != manifest.files {
            return Err(broken("files are missing"));
        }
        let known = |name: &String| name == PEOPLE || name == REFERENCES || tables.iter().any(|table| part_of(table) == *name);
        if let Some(other) = manifest.parts.keys().find(|name| !known(name)) {
            return Err(broken(&format!(
                "this version does not know its part {}",
                other.chars().filter(|c| !c.is_control()).take(80).collect::<String>()
            )));
        }
        if tables.iter().any(|table| !manifest.parts.contains_key(&part_of(table))) {
            return Err(broken("a part is missing"));
        }
        Ok(Self { zip, manifest, files })
    }

    /// Whoever did something in the team.
    pub fn people(&mut self) -> AppResult<Vec<ArchivedPerson>> {
        let mut people = Vec::new();
        let mut seen = (HashSet::new(), HashSet::new());
        self.lines(PEOPLE, |line| {
            let person: ArchivedPerson = serde_json::from_slice(line).map_err(|_| "it is no person".to_owned())?;
            let id = ids::parse(&person.id).ok_or("its id is none")?;
            if !seen.0.insert(id) || person.email.as_ref().is_some_and(|email| !seen.1.insert(email.to_lowercase())) {
                return Err("somebody is there twice".to_owned());
            }
            if people.len() >= PEOPLE_MAX {
                return Err("these are more people than a team has".to_owned());
            }
            people.push(person);
            Ok(())
        })?;
        Ok(people)
    }

    /// What the team had elsewhere, by name.
    pub fn references(&mut self) -> AppResult<Json> {
        let mut bytes = Vec::new();
        let part = self.manifest.parts.get(REFERENCES).cloned().unwrap_or_default();
        let mut read = Hashed::new(self.zip.by_name(REFERENCES).map_err(|_| broken("a part is missing"))?.take(SMALL));
        read.read_to_end(&mut bytes).map_err(|_| broken("a part is damaged"))?;
        if read.hash() != part.sha256 {
            return Err(broken("a part was changed"));
        }
        serde_json::from_slice(&bytes).map_err(|_| broken("a part cannot be read"))
    }

    /// Looks at everything, and remembers what is there. Nothing is written by it. `ids` has the people.
    pub fn check(&mut self, tables: &[&Table], ids: Ids, now: i64) -> AppResult<Known> {
        let team = ids::parse(&self.manifest.team.id).ok_or_else(|| broken("the team's id is none"))?;
        let mut known = Known { ids, team, files: self.files.iter().copied().collect(), contents: HashSet::new() };
        for name in self.files.clone() {
            self.verify_file(&name)?;
        }
        for table in tables {
            let id = table.columns.iter().find(|(_, is)| *is == Is::Id).map(|(name, _)| *name);
            let is_main = table.columns.iter().any(|(_, is)| *is == Is::Main);
            self.rows(table, |row| {
                if let Some(name) = id {
                    let id = row.get(name).and_then(Json::as_str).and_then(ids::parse).ok_or("its id is none")?;
                    if !known.ids.own(id) {
                        return Err("its id is there twice".to_owned());
                    }
                }
                if is_main {
                    known.contents.extend(row.get("sha").and_then(Json::as_str).and_then(parse_name));
                }
                Ok(())
            })?;
        }
        if known.ids.part(team).is_none() {
            return Err(broken("the team itself is missing"));
        }
        for table in tables {
            self.values(table, &known, now, |_| Ok(()))?;
        }
        Ok(known)
    }

    /// The rows of a table as the database takes them, one after the other.
    pub fn values(
        &mut self,
        table: &Table,
        known: &Known,
        now: i64,
        mut take: impl FnMut(Vec<Value>) -> Result<(), String>,
    ) -> AppResult<()> {
        self.rows(table, |row| take(read(row, table, known, now)?))
    }

    fn rows(&mut self, table: &Table, mut take: impl FnMut(Map<String, Json>) -> Result<(), String>) -> AppResult<()> {
        self.lines(&part_of(table), |line| take(serde_json::from_slice(line).map_err(|_| "it is no JSON object".to_owned())?))
    }

    /// Goes through the lines of a part; at the end its hash and their number are those of the manifest.
    fn lines(&mut self, name: &str, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> AppResult<()> {
        let part = self.manifest.parts.get(name).cloned().ok_or_else(|| broken("a part is missing"))?;
        let mut reader = BufReader::with_capacity(256 << 10, Hashed::new(self.zip.by_name(name).map_err(|_| broken("a part is missing"))?));
        let (mut line, mut rows) = (Vec::new(), 0_u64);
        loop {
            line.clear();
            (&mut reader).take(LINE).read_until(b'\n', &mut line).map_err(|_| broken(&format!("{name} is damaged")))?;
            if line.is_empty() {
                break;
            }
            rows += 1;
            if line.pop() != Some(b'\n') {
                return Err(broken(&format!("{name} ends within line {rows}, or that is too long")));
            }
            take(&line).map_err(|why| broken(&format!("{name}, line {rows}: {why}")))?;
        }
        if rows != part.rows || reader.into_inner().hash() != part.sha256 {
            return Err(broken(&format!("{name} was changed")));
        }
        Ok(())
    }

    /// The names of the blobs in it.
    pub fn file_names(&self) -> Vec<BlobName> {
        self.files.iter().copied().collect()
    }

    /// The bytes of a blob.
    pub fn file(&mut self, name: &BlobName) -> AppResult<Vec<u8>> {
        whole(&mut self.zip, &file_name(name), FILE)
    }

    fn verify_file(&mut self, name: &BlobName) -> AppResult<()> {
        let mut read = Hashed::new(self.zip.by_name(&file_name(name)).map_err(|_| broken("a file is missing"))?.take(FILE));
        io::copy(&mut read, &mut io::sink()).map_err(|_| broken("a file is damaged"))?;
        if parse_name(&read.hash()) == Some(*name) { Ok(()) } else { Err(broken("a file was changed, or is too large")) }
    }
}

fn file_name(name: &BlobName) -> String {
    format!("files/{}", crate::server::blobs::name_text(name))
}

fn whole(zip: &mut ZipArchive<BufReader<File>>, name: &str, most: u64) -> AppResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = zip.by_name(name).map_err(|_| broken("a part is missing"))?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(|_| broken("a part is damaged"))?;
    if bytes.len() as u64 > most { Err(broken("a part is too large")) } else { Ok(bytes) }
}

struct Hashed<R> {
    inner: R,
    hash: Sha256,
}

impl<R> Hashed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    fn hash(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hash.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}
