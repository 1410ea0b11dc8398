//! The blocking half of an import: finds the artifacts of an upload, compares them with the volume, stores their files.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use super::{gone, note};
use crate::{
    error::AppResult,
    features::{
        artifacts::{
            model::{
                FileEntry, Kind,
                document::{Document, Eol},
                frontmatter::Frontmatter,
                slug::dedupe,
            },
            service::{Known, Staged, tree_sha},
        },
        sessions::model::file::FILE_BYTES as SESSION_BYTES,
        volumes::{
            archive::{Candidate, Opened, Skipped, recognise},
            model::{ImportItem, ImportOutcome, ImportReport, limits},
        },
    },
    ids::ArtifactId,
    server::{blobs::Blobs, secrets},
};

/// A write transaction of this size stays well below 50 ms.
const SLICE_ITEMS: usize = 50;
const SLICE_BYTES: usize = 1024 * 1024;
/// Files whose bytes are in memory at once, and threads that wait for the disk for them.
const BLOB_BATCH_BYTES: usize = 16 * 1024 * 1024;
const BLOB_THREADS: usize = 16;

/// Changes for one transaction, and how far the whole is.
pub struct Slice {
    pub staged: Vec<Staged>,
    pub done: i64,
    pub total: i64,
}

pub struct Reader {
    pub folder: PathBuf,
    pub known: HashMap<String, Known>,
    pub blobs: Blobs,
    pub sender: mpsc::Sender<Slice>,
}

/// One artifact read and compared: changed ones still lack their blobs.
struct Changed {
    staged: Staged,
    blobs: Vec<Vec<u8>>,
    item: ImportItem,
}

impl Reader {
    pub fn read(mut self) -> AppResult<ImportReport> {
        if !self.folder.exists() {
            return Err(gone());
        }
        let mut upload = Opened::open(&self.folder)?;
        let mut report = ImportReport::default();
        let kinds: HashMap<String, Kind> = self.known.iter().map(|(path, known)| (path.clone(), known.kind)).collect();
        let entries = upload.entries.clone();
        let plan = recognise(
            &entries,
            &kinds,
            |index| {
                if entries[index].size <= limits::MAIN_FILE_BYTES { upload.read(index).ok() } else { None }
            },
        );
        for skipped in std::mem::take(&mut upload.skipped).into_iter().chain(plan.skipped) {
            skip(&mut report, skipped);
        }
        let mut slugs: HashSet<(Kind, String)> = self.known.values().map(|known| (known.kind, known.slug.clone())).collect();
        let total = plan.candidates.len() as i64;
        let mut batch: Vec<Changed> = Vec::new();
        let mut bytes = 0;
        for (done, candidate) in plan.candidates.into_iter().enumerate() {
            if let Some(changed) = self.compare(&mut upload, candidate, &mut slugs, &mut report) {
                bytes += changed.blobs.iter().map(Vec::len).sum::<usize>() + changed.staged.content.as_ref().map_or(0, Vec::len);
                batch.push(changed);
            }
            if batch.len() >= 4 * SLICE_ITEMS || bytes >= BLOB_BATCH_BYTES {
                bytes = 0;
                if !self.hand_over(std::mem::take(&mut batch), done as i64 + 1, total, &mut report)? {
                    return Ok(report);
                }
            }
        }
        self.hand_over(batch, total, total, &mut report)?;
        Ok(report)
    }

    /// Reads one artifact whole. None: it is as in the volume, or it was skipped.
    fn compare(
        &mut self,
        upload: &mut Opened,
        candidate: Candidate,
        slugs: &mut HashSet<(Kind, String)>,
        report: &mut ImportReport,
    ) -> Option<Changed> {
        let path = candidate.path.clone();
        let fail = |report: &mut ImportReport, path: &str, reason: String| -> Option<Changed> {
            skip(report, Skipped { path: path.to_owned(), reason });
            None
        };
        if upload.entries[candidate.main].size > limits::MAIN_FILE_BYTES {
            return fail(report, &path, format!("The main file is over {} KB.", limits::MAIN_FILE_BYTES / 1024));
        }
        if candidate.files.len() > limits::FILES_PER_ARTIFACT {
            return fail(report, &path, format!("It has more than {} files.", limits::FILES_PER_ARTIFACT));
        }
        let content = match upload.read(candidate.main) {
            Ok(content) => content,
            Err(reason) => return fail(report, &path, reason.to_owned()),
        };
        let known = self.known.get(&path).cloned();
        let old_files: Vec<FileEntry> = known.as_ref().and_then(|known| serde_json::from_str(&known.files).ok()).unwrap_or_default();
        let executable = upload.entries[candidate.main].executable.unwrap_or_else(|| known.as_ref().is_some_and(|known| known.executable));
        let mut files = Vec::with_capacity(candidate.files.len());
        let mut blobs = Vec::with_capacity(candidate.files.len());
        for (name, index) in candidate.files {
            let bytes = match upload.read(index) {
                Ok(bytes) => bytes,
                Err(reason) => {
                    fail(report, &upload.entries[index].path, reason.to_owned());
                    continue;
                }
            };
            // A browser cannot tell: as it was, or as a script begins.
            let executable = upload.entries[index].executable.unwrap_or_else(|| {
                old_files.iter().find(|file| file.path == name).map_or_else(|| bytes.starts_with(b"#!"), |file| file.executable)
            });
            files.push(FileEntry { path: name, sha: secrets::sha256(&bytes), size: bytes.len() as i64, executable });
            blobs.push(bytes);
        }
        files.sort();
        let tree = tree_sha(&path, &secrets::sha256(&content), executable, &files);
        if known.as_ref().is_some_and(|known| known.tree_sha.as_deref() == Some(tree.as_str())) {
            report.unchanged += 1;
            return None;
        }
        let (kind, slug) = match &known {
            Some(known) => (known.kind, known.slug.clone()),
            None => {
                let slug = dedupe(&candidate.slug, |slug| slugs.contains(&(candidate.kind, slug.to_owned())));
                slugs.insert((candidate.kind, slug.clone()));
                (candidate.kind, slug)
            }
        };
        let artifact = known.as_ref().map_or_else(ArtifactId::generate, |known| known.id);
        let updated = known.as_ref().is_some_and(|known| known.head.is_some());
        let (mut reason, line) = noticed(&content);
        if known.is_none() && slug != candidate.slug {
            reason = Some(format!(
                "Another {kind} has the id “{}”, so this one is “{slug}”.{}",
                candidate.slug,
                reason.map(|reason| format!(" {reason}")).unwrap_or_default()
            ));
        }
        let outcome = if updated { ImportOutcome::Updated } else { ImportOutcome::Created };
        let item = ImportItem { path: path.clone(), outcome, artifact_id: Some(artifact), session_id: None, reason, line };
        Some(Changed { staged: Staged { artifact, known, kind, slug, path, content: Some(content), executable, files }, blobs, item })
    }

    /// Stores the files, then passes the artifacts on in slices. False when nobody takes them any more.
    fn hand_over(&self, batch: Vec<Changed>, done: i64, total: i64, report: &mut ImportReport) -> AppResult<bool> {
        let blobs: Vec<&[u8]> = batch.iter().flat_map(|changed| changed.blobs.iter().map(Vec::as_slice)).collect();
        store_blobs(&self.blobs, &blobs)?;
        let mut slice = Vec::new();
        let mut bytes = 0;
        let mut left = batch.len() as i64;
        for changed in batch {
            match changed.item.outcome {
                ImportOutcome::Updated => report.updated += 1,
                _ => report.created += 1,
            }
            note(report, changed.item);
            bytes += changed.staged.content.as_ref().map_or(0, Vec::len);
            slice.push(changed.staged);
            left -= 1;
            if slice.len() >= SLICE_ITEMS || bytes >= SLICE_BYTES {
                bytes = 0;
                if self.sender.blocking_send(Slice { staged: std::mem::take(&mut slice), done: done - left, total }).is_err() {
                    return Ok(false);
                }
            }
        }
        Ok(self.sender.blocking_send(Slice { staged: slice, done, total }).is_ok())
    }
}

/// The files of an upload that may be sessions, read one after the other off the async threads.
pub fn sessions(folder: PathBuf, known: HashMap<String, Known>) -> mpsc::Receiver<(String, Result<Vec<u8>, &'static str>)> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let Ok(mut upload) = Opened::open(&folder) else { return };
        if !upload.entries.iter().any(|entry| entry.path.contains("sessions/")) {
            return;
        }
        let kinds: HashMap<String, Kind> = known.into_iter().map(|(path, known)| (path, known.kind)).collect();
        let entries = upload.entries.clone();
        for (path, index) in recognise(&entries, &kinds, |_| None).sessions {
            let read =
                if entries[index].size > SESSION_BYTES as u64 { Err("The file is too large to be a session.") } else { upload.read(index) };
            if sender.blocking_send((path, read)).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Writes blobs side by side: each waits for the disk, and disks take many at once.
pub fn store_blobs(blobs: &Blobs, all: &[&[u8]]) -> std::io::Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> std::io::Result<()> {
        while let Some(bytes) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            blobs.put_blocking(bytes)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..BLOB_THREADS.min(all.len())).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for thread in threads {
            let outcome = thread.join().unwrap_or_else(|_| Err(std::io::Error::other("a thread that writes files failed")));
            result = result.and(outcome);
        }
        result
    })
}

fn skip(report: &mut ImportReport, skipped: Skipped) {
    report.skipped += 1;
    note(
        report,
        ImportItem {
            path: skipped.path,
            outcome: ImportOutcome::Skipped,
            artifact_id: None,
            session_id: None,
            reason: Some(skipped.reason),
            line: None,
        },
    );
}

/// What a person should know about a file that was taken as it is, and where.
fn noticed(content: &[u8]) -> (Option<String>, Option<i64>) {
    let decoded = Document::decode(content);
    let frontmatter = Frontmatter::parse(&decoded.text);
    let mut notes: Vec<String> = Vec::new();
    let mut line = None;
    if decoded.lossy {
        line = decoded.text.lines().position(|text| text.contains('\u{fffd}')).map(|at| at as i64 + 1);
        notes.push("It holds bytes that are no text; they are kept.".to_owned());
    }
    for problem in frontmatter.problems.iter().take(3) {
        line = line.or(Some(problem.line as i64));
        notes.push(problem.message.clone());
    }
    if decoded.envelope.bom {
        notes.push("It begins with a byte order mark, which is kept.".to_owned());
    }
    match decoded.envelope.eol {
        Eol::Lf => {}
        Eol::CrLf => notes.push("Its lines end as on Windows, which is kept.".to_owned()),
        _ => notes.push("Its line ends are mixed, which is kept.".to_owned()),
    }
    if notes.is_empty() { (None, None) } else { (Some(notes.join(" ")), line) }
}
