//! What a repository changed since both sides were in step: artifact by artifact, from two trees. Blocking, and handed on in slices.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
};

use git2::Oid;
use tokio::sync::mpsc;

use super::super::repository::{Bare, GitFile, Listing};
use crate::{
    error::AppResult,
    features::{
        artifacts::{
            model::{FileEntry, Kind, slug::dedupe},
            service::{Known, Staged, tree_sha},
        },
        volumes::{
            archive::{Candidate, Entry, Skipped, recognise},
            jobs::store_blobs,
            model::limits,
        },
    },
    ids::ArtifactId,
    server::{blobs::Blobs, secrets},
};

/// A write transaction of this size stays well below 50 ms.
const SLICE_ITEMS: usize = 50;
const SLICE_BYTES: usize = 1024 * 1024;

/// What happened to an artifact there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Create,
    Update,
    Rename,
    Delete,
    /// It was changed here as well.
    Join,
}

/// The state that both sides began at.
pub struct Base {
    pub tree_sha: String,
    pub content: Vec<u8>,
    pub files: Vec<FileEntry>,
}

/// One artifact to take in.
pub struct Incoming {
    pub staged: Staged,
    pub act: Act,
    /// It had another path before.
    pub moves: bool,
    /// Where it was changed on both sides; none: nobody knows any more what they began with.
    pub base: Option<Base>,
    pub note: Option<String>,
}

pub struct Slice {
    pub incoming: Vec<Incoming>,
    pub done: i64,
    pub total: i64,
}

/// What stays as it is, each with the reason.
#[derive(Debug, Default)]
pub struct Left {
    pub skipped: Vec<Skipped>,
    /// Deleted there and changed here.
    pub kept: Vec<Skipped>,
}

pub struct Comparison {
    pub repository: PathBuf,
    pub folder: String,
    pub head: Oid,
    /// What both sides had; none at the first time, or when it is gone.
    pub base: Option<Oid>,
    pub known: HashMap<String, Known>,
    pub blobs: Blobs,
    pub sender: mpsc::Sender<Slice>,
}

/// An artifact in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub kind: Kind,
    pub slug: String,
    pub main: GitFile,
    pub files: Vec<(String, GitFile)>,
}

/// Its bytes; those of the files beside it are only named.
struct Read {
    content: Vec<u8>,
    files: Vec<FileEntry>,
    tree_sha: String,
}

/// The first folders of what the volume has, so that nothing of it is overlooked in the repository.
pub fn tops<'a>(paths: impl Iterator<Item = &'a str>) -> HashSet<String> {
    paths.filter_map(|path| path.split('/').next()).map(str::to_owned).collect()
}

impl Comparison {
    /// Hands what changed over; what is left aside comes back.
    pub fn run(self) -> AppResult<Left> {
        let bare = Bare::open(&self.repository)?;
        let tops = tops(self.known.keys().map(String::as_str));
        let mut left = Left::default();
        let mut new = bare.listing(self.head, &self.folder, &tops)?;
        left.skipped.append(&mut new.skipped);
        let (new, skipped) = self.versions(&bare, &new);
        left.skipped.extend(skipped);
        let old = match self.base {
            Some(base) => self.versions(&bare, &bare.listing(base, &self.folder, &tops)?).0,
            None => BTreeMap::new(),
        };
        let gone: Vec<&String> = old.keys().filter(|path| !new.contains_key(*path)).collect();
        let fresh = new.keys().any(|path| !old.contains_key(path) && !self.known.contains_key(path));
        let renamed: HashMap<String, String> = match self.base {
            Some(base) if fresh && !gone.is_empty() => bare.renamed(base, self.head, &self.folder)?,
            _ => HashMap::new(),
        };
        // Where each artifact that has another path now was before.
        let moved: HashMap<&String, &String> = new
            .keys()
            .filter(|path| !self.known.contains_key(*path))
            .filter_map(|path| Some((path, *gone.iter().find(|old| renamed.get(path) == Some(**old))?)))
            .filter(|(_, old)| self.known.contains_key(*old))
            .collect();
        let mut slugs: HashSet<(Kind, String)> = self.known.values().map(|known| (known.kind, known.slug.clone())).collect();
        let total = (new.len() + gone.len()) as i64;
        let mut batch = Batch { slice: Vec::new(), blobs: Vec::new(), bytes: 0, done: 0, total };
        for (path, version) in &new {
            batch.done += 1;
            let old_path = moved.get(path).copied();
            let before = old.get(old_path.unwrap_or(path));
            if before == Some(version) && old_path.is_none() {
                continue;
            }
            if let Some(reason) = beyond_limits(version) {
                left.skipped.push(Skipped { path: path.clone(), reason });
                continue;
            }
            let theirs = self.read(&bare, path, version, Some(&mut batch))?;
            let known = self.known.get(old_path.unwrap_or(path)).cloned();
            let (act, base, note) = match &known {
                Some(known) if old_path.is_none() && known.tree_sha.as_deref() == Some(theirs.tree_sha.as_str()) => continue,
                Some(known) => {
                    let base = match before {
                        Some(before) => Some(self.read(&bare, old_path.unwrap_or(path), before, None)?),
                        None => None,
                    };
                    let was_committed = known.head.is_some();
                    let changed_here = was_committed && known.tree_sha.as_deref() != base.as_ref().map(|base| base.tree_sha.as_str());
                    let act = match (changed_here, old_path) {
                        (true, _) => Act::Join,
                        (false, Some(_)) => Act::Rename,
                        (false, None) if was_committed => Act::Update,
                        (false, None) => Act::Create,
                    };
                    let base = base.map(|read| Base { tree_sha: read.tree_sha, content: read.content, files: read.files });
                    (act, base.filter(|_| changed_here), old_path.map(|old| format!("It was called {old} before.")))
                }
                None if before.is_some() => (Act::Create, None, Some("It was deleted here and changed there: it is back.".to_owned())),
                None => (Act::Create, None, None),
            };
            let (kind, slug) = match &known {
                Some(known) if old_path.is_none() => (known.kind, known.slug.clone()),
                known => {
                    if let Some(known) = known {
                        slugs.remove(&(known.kind, known.slug.clone()));
                    }
                    let slug = dedupe(&version.slug, |slug| slugs.contains(&(version.kind, slug.to_owned())));
                    slugs.insert((version.kind, slug.clone()));
                    (version.kind, slug)
                }
            };
            let staged = Staged {
                artifact: known.as_ref().map_or_else(ArtifactId::generate, |known| known.id),
                known,
                kind,
                slug,
                path: path.clone(),
                content: Some(theirs.content),
                executable: version.main.executable,
                files: theirs.files,
            };
            if !batch.add(&self, Incoming { staged, act, moves: old_path.is_some(), base, note })? {
                return Ok(left);
            }
        }
        for path in gone {
            batch.done += 1;
            if moved.values().any(|old| *old == path) {
                continue;
            }
            let (Some(known), Some(before)) = (self.known.get(path), old.get(path)) else { continue };
            let base = self.read(&bare, path, before, None)?;
            if known.head.is_none() || known.tree_sha.as_deref() != Some(base.tree_sha.as_str()) {
                left.kept.push(Skipped { path: path.clone(), reason: "It was deleted there and changed here: it is kept.".to_owned() });
                continue;
            }
            let staged = Staged {
                artifact: known.id,
                known: Some(known.clone()),
                kind: known.kind,
                slug: known.slug.clone(),
                path: path.clone(),
                content: None,
                executable: known.executable,
                files: serde_json::from_str(&known.files)?,
            };
            if !batch.add(&self, Incoming { staged, act: Act::Delete, moves: false, base: None, note: None })? {
                return Ok(left);
            }
        }
        batch.hand_over(&self)?;
        Ok(left)
    }

    fn versions(&self, bare: &Bare, listing: &Listing) -> (BTreeMap<String, Version>, Vec<Skipped>) {
        versions(bare, listing, &self.known.iter().map(|(path, known)| (path.clone(), known.kind)).collect())
    }

    /// Reads a version whole; the files beside it are to be stored if there is a batch for them.
    fn read(&self, bare: &Bare, path: &str, version: &Version, mut batch: Option<&mut Batch>) -> AppResult<Read> {
        let content = bare.read(version.main.id)?;
        let mut files = Vec::with_capacity(version.files.len());
        for (name, file) in &version.files {
            let bytes = bare.read(file.id)?;
            files.push(FileEntry {
                path: name.clone(),
                sha: secrets::sha256(&bytes),
                size: bytes.len() as i64,
                executable: file.executable,
            });
            if let Some(batch) = batch.as_deref_mut() {
                batch.bytes += bytes.len();
                batch.blobs.push(bytes);
            }
        }
        files.sort();
        let tree_sha = tree_sha(path, &secrets::sha256(&content), version.main.executable, &files);
        Ok(Read { content, files, tree_sha })
    }
}

/// The artifacts among the files of a tree, by the path of their main file, and what is none. `kinds`: of paths that are artifacts already.
pub fn versions(bare: &Bare, listing: &Listing, kinds: &HashMap<String, Kind>) -> (BTreeMap<String, Version>, Vec<Skipped>) {
    let files: Vec<(&String, &GitFile)> = listing.files.iter().collect();
    let entry = |(path, file): &(&String, &GitFile)| Entry { path: (*path).clone(), size: file.size, executable: Some(file.executable) };
    let entries: Vec<Entry> = files.iter().map(entry).collect();
    let text = |index: usize| (entries[index].size <= limits::MAIN_FILE_BYTES).then(|| bare.read(files[index].1.id).ok()).flatten();
    let plan = recognise(&entries, kinds, text);
    let version = |candidate: Candidate| {
        let beside = candidate.files.into_iter().map(|(name, index)| (name, files[index].1.clone())).collect();
        (candidate.path, Version { kind: candidate.kind, slug: candidate.slug, main: files[candidate.main].1.clone(), files: beside })
    };
    (plan.candidates.into_iter().map(version).collect(), plan.skipped)
}

/// Why a version is not taken, if it is too large.
pub fn beyond_limits(version: &Version) -> Option<String> {
    if version.main.size > limits::MAIN_FILE_BYTES {
        return Some(format!("The main file is over {} KB.", limits::MAIN_FILE_BYTES / 1024));
    }
    (version.files.len() > limits::FILES_PER_ARTIFACT).then(|| format!("It has more than {} files.", limits::FILES_PER_ARTIFACT))
}

/// What is handed over in one go.
struct Batch {
    slice: Vec<Incoming>,
    blobs: Vec<Vec<u8>>,
    bytes: usize,
    done: i64,
    total: i64,
}

impl Batch {
    /// False when nobody takes it any more.
    fn add(&mut self, comparison: &Comparison, incoming: Incoming) -> AppResult<bool> {
        self.bytes += incoming.staged.content.as_ref().map_or(0, Vec::len);
        self.slice.push(incoming);
        if self.slice.len() >= SLICE_ITEMS || self.bytes >= SLICE_BYTES { self.hand_over(comparison) } else { Ok(true) }
    }

    fn hand_over(&mut self, comparison: &Comparison) -> AppResult<bool> {
        // First the bytes, durably; then what names them.
        let blobs: Vec<&[u8]> = self.blobs.iter().map(Vec::as_slice).collect();
        store_blobs(&comparison.blobs, &blobs)?;
        self.blobs.clear();
        self.bytes = 0;
        let slice = Slice { incoming: std::mem::take(&mut self.slice), done: self.done, total: self.total };
        Ok(comparison.sender.blocking_send(slice).is_ok())
    }
}
