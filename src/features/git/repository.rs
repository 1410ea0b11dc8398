//! Bare repositories below DATA_DIR: what was fetched, what is to be pushed, and what others clone. Blocking: to be called off the async threads.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque, btree_map::Entry},
    fs,
    io::{BufWriter, Write as _},
    path::Path,
};

use git2::{
    Commit, Delta, DiffFindOptions, FileMode, ObjectType, Oid, PackBuilder, Repository, RepositoryInitOptions, Signature, Time, Tree,
    build::TreeUpdateBuilder,
};
use tempfile::TempPath;

use super::wire::Shallow;
use crate::{
    error::{AppError, AppResult},
    features::{
        artifacts::{model::Kind, service::clean_path},
        volumes::{archive::Skipped, model::limits},
    },
    server::error::internal,
};

/// Commits that are walked to find how far both sides are apart.
const WALKED: usize = 10_000;
/// Packs that are left as they are.
const PACKS: usize = 50;
/// Folders in folders.
const DEPTH: usize = 40;
const RENAMES: usize = 1_000;

/// What the file modes of Git say.
const EXECUTABLE: i32 = 0o100755;
const LINK: i32 = 0o120000;
const SUBMODULE: i32 = 0o160000;

/// A fault of libgit2 on our own disk.
pub fn fault(error: git2::Error) -> AppError {
    internal("a repository", &error)
}

/// A file in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitFile {
    /// As it is called there; its place here is in the one form that paths have.
    pub path: String,
    pub id: Oid,
    pub executable: bool,
    pub size: u64,
}

/// The files of a tree that may be artifacts, by their path below the linked folder.
#[derive(Debug, Default)]
pub struct Listing {
    pub files: BTreeMap<String, GitFile>,
    pub skipped: Vec<Skipped>,
}

/// A commit as a person reads it.
pub struct About {
    pub message: String,
    pub author: String,
    /// In seconds.
    pub time: i64,
}

pub struct Bare {
    repository: Repository,
}

/// Who made a commit, and when.
pub struct Author<'a> {
    pub name: &'a str,
    pub mail: &'a str,
    pub at_ms: i64,
}

/// One file that a commit puts somewhere, or takes away.
pub type Edit = (String, Option<(Oid, bool)>);

impl Bare {
    /// Opens the repository at `path`, which is made if there is none.
    pub fn open(path: &Path) -> AppResult<Self> {
        let repository = if path.join("HEAD").exists() {
            Repository::open_bare(path)
        } else {
            fs::create_dir_all(path)?;
            Repository::init_opts(path, RepositoryInitOptions::new().bare(true).external_template(false).initial_head("main"))
        };
        Ok(Self { repository: repository.map_err(fault)? })
    }

    pub fn has(&self, commit: Oid) -> bool {
        self.repository.find_commit(commit).is_ok_and(|commit| commit.tree().is_ok())
    }

    /// Commits whose parents are not here.
    pub fn shallow(&self) -> Vec<Oid> {
        let text = fs::read_to_string(self.repository.path().join("shallow")).unwrap_or_default();
        text.lines().filter_map(|line| Oid::from_str(line).ok()).collect()
    }

    /// Takes a pack in, and what is shallow from now on.
    pub fn take(&self, pack: &Path, shallow: &Shallow) -> AppResult<()> {
        let bytes = fs::File::open(pack)?;
        let damaged = |error: git2::Error| {
            tracing::info!(%error, "a pack");
            AppError::conflict("What the repository sent is damaged: nothing was taken of it.")
        };
        if count_of(pack)? != Some(0) {
            let odb = self.repository.odb().map_err(fault)?;
            let mut writer = odb.packwriter().map_err(fault)?;
            std::io::copy(&mut std::io::BufReader::with_capacity(256 * 1024, bytes), &mut writer).map_err(|error| {
                tracing::info!(%error, "a pack");
                AppError::conflict("What the repository sent is damaged: nothing was taken of it.")
            })?;
            writer.commit().map_err(damaged)?;
            odb.refresh().map_err(fault)?;
        }
        let mut now: HashSet<Oid> = self.shallow().into_iter().collect();
        now.extend(shallow.now.iter().copied());
        now.retain(|id| !shallow.no_longer.contains(id));
        let mut lines: Vec<String> = now.iter().map(|id| format!("{id}\n")).collect();
        lines.sort();
        let path = self.repository.path().join("shallow");
        if lines.is_empty() {
            return if path.exists() { Ok(fs::remove_file(path)?) } else { Ok(()) };
        }
        let mut file = tempfile::NamedTempFile::new_in(self.repository.path())?;
        file.write_all(lines.concat().as_bytes())?;
        file.persist(path).map_err(|error| AppError::from(error.error))?;
        Ok(())
    }

    /// Each fetch leaves a pack: when there are many, they become one.
    pub fn repack(&self) -> AppResult<()> {
        let folder = self.repository.path().join("objects/pack");
        let mut old = Vec::new();
        for entry in fs::read_dir(&folder)? {
            old.push(entry?.path());
        }
        if old.iter().filter(|path| path.extension().is_some_and(|extension| extension == "pack")).count() < PACKS {
            return Ok(());
        }
        let mut ids = Vec::new();
        self.repository
            .odb()
            .and_then(|odb| {
                odb.foreach(|id| {
                    ids.push(*id);
                    true
                })
            })
            .map_err(fault)?;
        let mut builder = self.repository.packbuilder().map_err(fault)?;
        for id in ids {
            builder.insert_object(id, None).map_err(fault)?;
        }
        builder.write(&folder, 0).map_err(fault)?;
        // The new one is named after what is in it: if nothing came since, it is one of these.
        let name = builder.name().map_err(fault)?.map(|name| format!("pack-{name}")).unwrap_or_default();
        for path in old.iter().filter(|path| path.file_stem().is_some_and(|stem| stem != name.as_str())) {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn commit(&self, id: Oid) -> AppResult<Commit<'_>> {
        self.repository.find_commit(id).map_err(fault)
    }

    /// The tree of a folder; none when it is not there.
    fn folder(&self, commit: Oid, folder: &str) -> AppResult<Option<Tree<'_>>> {
        let tree = self.commit(commit)?.tree().map_err(fault)?;
        if folder.is_empty() {
            return Ok(Some(tree));
        }
        let Ok(entry) = tree.get_path(Path::new(folder)) else { return Ok(None) };
        Ok(self.repository.find_tree(entry.id()).ok())
    }

    /// The files below `folder` whose first folder (or own name) is one of `tops`, or that of a kind of artifact.
    ///
    /// # Errors
    /// There are too many, which a small repository can pretend.
    pub fn listing(&self, commit: Oid, folder: &str, tops: &HashSet<String>) -> AppResult<Listing> {
        self.list(commit, folder, |name| tops.contains(name) || Kind::ALL.iter().any(|kind| kind.folder() == name))
    }

    /// The files below `top`, a folder of `folder`; paths begin with `top`.
    pub fn below(&self, commit: Oid, folder: &str, top: &str) -> AppResult<Listing> {
        self.list(commit, folder, |name| name == top)
    }

    /// Every file below `folder`.
    pub fn whole(&self, commit: Oid, folder: &str) -> AppResult<Listing> {
        self.list(commit, folder, |_| true)
    }

    /// Files below `folder` whose content is not here.
    pub fn missing_files(&self, commit: Oid, folder: &str) -> AppResult<Vec<Oid>> {
        let Some(root) = self.folder(commit, folder)? else { return Ok(Vec::new()) };
        let odb = self.repository.odb().map_err(fault)?;
        let mut missing = BTreeSet::new();
        let mut waiting = vec![(root, 0)];
        while let Some((tree, depth)) = waiting.pop() {
            for entry in &tree {
                match entry.kind() {
                    Some(ObjectType::Tree) if depth < DEPTH => {
                        waiting.push((self.repository.find_tree(entry.id()).map_err(fault)?, depth + 1));
                    }
                    Some(ObjectType::Blob) if !odb.exists(entry.id()) => {
                        missing.insert(entry.id());
                    }
                    _ => {}
                }
            }
            if missing.len() > limits::FILES {
                return Err(too_many());
            }
        }
        Ok(missing.into_iter().collect())
    }

    fn list(&self, commit: Oid, folder: &str, wanted: impl Fn(&str) -> bool) -> AppResult<Listing> {
        let mut listing = Listing::default();
        let Some(root) = self.folder(commit, folder)? else { return Ok(listing) };
        let odb = self.repository.odb().map_err(fault)?;
        let mut waiting = vec![(root, String::new(), 0)];
        let mut seen = 0;
        while let Some((tree, prefix, depth)) = waiting.pop() {
            for entry in &tree {
                seen += 1;
                if seen > limits::FILES {
                    return Err(too_many());
                }
                let Ok(name) = entry.name() else {
                    listing.skip(format!("{prefix}{}", String::from_utf8_lossy(entry.name_bytes())), "Its name is no UTF-8.");
                    continue;
                };
                if prefix.is_empty() && !wanted(name) {
                    continue;
                }
                let path = format!("{prefix}{name}");
                match (entry.filemode(), entry.kind()) {
                    (LINK, _) => listing.skip(path, "A symbolic link: only files are taken."),
                    (SUBMODULE, _) => listing.skip(path, "A submodule: its files are in another repository."),
                    (_, Some(ObjectType::Tree)) if depth >= DEPTH => listing.skip(path, "It is in too many folders."),
                    (_, Some(ObjectType::Tree)) => {
                        waiting.push((self.repository.find_tree(entry.id()).map_err(fault)?, format!("{path}/"), depth + 1));
                    }
                    (mode, Some(ObjectType::Blob)) => match clean_path(&path) {
                        Err(reason) => listing.skip(path, reason),
                        Ok(clean) => {
                            let (size, _) = odb.read_header(entry.id()).map_err(fault)?;
                            if size as u64 > limits::FILE_BYTES {
                                listing.skip(path, &format!("It is over {} MB.", limits::FILE_BYTES / 1024 / 1024));
                                continue;
                            }
                            match listing.files.entry(clean) {
                                Entry::Vacant(place) => {
                                    place.insert(GitFile { path, id: entry.id(), executable: mode == EXECUTABLE, size: size as u64 });
                                }
                                Entry::Occupied(_) => {
                                    listing
                                        .skip(path, "Another file has the same name, written with other characters; the first one counts.");
                                }
                            }
                        }
                    },
                    _ => {}
                }
            }
        }
        listing.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(listing)
    }

    pub fn read(&self, blob: Oid) -> AppResult<Vec<u8>> {
        let odb = self.repository.odb().map_err(fault)?;
        let object = odb.read(blob).map_err(fault)?;
        Ok(object.data().to_vec())
    }

    pub fn write(&self, bytes: &[u8]) -> AppResult<Oid> {
        self.repository.blob(bytes).map_err(fault)
    }

    /// How many commits lead from `old` to `new`; none when `old` is not among what leads there, as far as it is known here.
    pub fn distance(&self, old: Oid, new: Oid) -> Option<usize> {
        let mut waiting = VecDeque::from([new]);
        let mut seen = HashSet::from([new]);
        let mut found = false;
        let mut between = 0;
        while let Some(id) = waiting.pop_front() {
            if id == old {
                found = true;
                continue;
            }
            between += 1;
            if between > WALKED {
                break;
            }
            let Ok(commit) = self.repository.find_commit(id) else { continue };
            waiting.extend(commit.parent_ids().filter(|parent| self.repository.find_commit(*parent).is_ok() && seen.insert(*parent)));
        }
        found.then_some(between)
    }

    /// The newest commit that leads to both, as far as that is known here.
    pub fn merge_base(&self, one: Oid, other: Oid) -> Option<Oid> {
        self.repository.merge_base(one, other).ok().filter(|base| self.has(*base))
    }

    /// The commit that a tag stands for; a commit itself.
    pub fn peeled(&self, id: Oid) -> Option<Oid> {
        let commit = self.repository.find_object(id, None).ok()?.peel_to_commit().ok()?;
        Some(commit.id())
    }

    pub fn about(&self, commit: Oid) -> AppResult<About> {
        let commit = self.commit(commit)?;
        let author = commit.author();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(|c: char| c.is_control(), " ");
        Ok(About {
            message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
            author: format!("{} <{}>", text(author.name_bytes()), text(author.email_bytes())),
            time: commit.time().seconds(),
        })
    }

    /// Files that have another name in `new` than in `old`: new paths, each with its old one.
    pub fn renamed(&self, old: Oid, new: Oid, folder: &str) -> AppResult<HashMap<String, String>> {
        let (old, new) = (self.folder(old, folder)?, self.folder(new, folder)?);
        let mut diff = self.repository.diff_tree_to_tree(old.as_ref(), new.as_ref(), None).map_err(fault)?;
        diff.find_similar(Some(DiffFindOptions::new().renames(true).rename_limit(RENAMES))).map_err(fault)?;
        let clean = |path: Option<&Path>| path.and_then(Path::to_str).and_then(|path| clean_path(path).ok());
        Ok(diff
            .deltas()
            .filter(|delta| delta.status() == Delta::Renamed)
            .filter_map(|delta| Some((clean(delta.new_file().path())?, clean(delta.old_file().path())?)))
            .collect())
    }

    /// The file at a path of a tree.
    pub fn look_up(&self, tree: Option<Oid>, path: &str) -> AppResult<Option<(Oid, bool)>> {
        let Some(tree) = tree else { return Ok(None) };
        let tree = self.repository.find_tree(tree).map_err(fault)?;
        let Ok(entry) = tree.get_path(Path::new(path)) else { return Ok(None) };
        Ok((entry.kind() == Some(ObjectType::Blob)).then(|| (entry.id(), entry.filemode() == EXECUTABLE)))
    }

    pub fn tree_of(&self, commit: Oid) -> AppResult<Oid> {
        Ok(self.commit(commit)?.tree_id())
    }

    /// The tree with these files changed; without one before, a new one.
    pub fn edit(&self, tree: Option<Oid>, edits: &[Edit]) -> AppResult<Oid> {
        let tree = match tree {
            Some(tree) => tree,
            None => self.repository.treebuilder(None).and_then(|builder| builder.write()).map_err(fault)?,
        };
        let baseline = self.repository.find_tree(tree).map_err(fault)?;
        let mut update = TreeUpdateBuilder::new();
        let mut any = false;
        for (path, file) in edits {
            match file {
                Some((id, executable)) => {
                    update.upsert(path.as_str(), *id, if *executable { FileMode::BlobExecutable } else { FileMode::Blob });
                    any = true;
                }
                None if self.look_up(Some(tree), path)?.is_some() => {
                    update.remove(path.as_str());
                    any = true;
                }
                None => {}
            }
        }
        if !any {
            return Ok(tree);
        }
        update.create_updated(&self.repository, &baseline).map_err(fault)
    }

    /// A commit that no name leads to yet. The same again is the same commit.
    pub fn make_commit(&self, parent: Option<Oid>, tree: Oid, author: &Author<'_>, message: &str) -> AppResult<Oid> {
        let clean = |text: &str, without: &str| {
            let text: String = text.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
            let text = text.trim_matches(|c: char| c.is_whitespace() || ".,:;\"'".contains(c)).to_owned();
            if text.is_empty() { without.to_owned() } else { text }
        };
        let time = Time::new(author.at_ms.div_euclid(1_000), 0);
        let signature = Signature::new(&clean(author.name, "somebody"), &clean(author.mail, "nobody"), &time).map_err(fault)?;
        let tree = self.repository.find_tree(tree).map_err(fault)?;
        let parent = parent.map(|parent| self.commit(parent)).transpose()?;
        let parents: Vec<&Commit<'_>> = parent.iter().collect();
        let message = format!("{}\n", message.trim_end());
        self.repository.commit(None, &signature, &signature, &message, &tree, &parents).map_err(fault)
    }

    /// A pack of commits, each with what its tree has and its parent's has not: in a file, since that of a volume's first push is as large as the volume.
    pub fn pack_of(&self, commits: &[Oid]) -> AppResult<TempPath> {
        let mut builder = self.repository.packbuilder().map_err(fault)?;
        for id in commits {
            let commit = self.commit(*id)?;
            builder.insert_object(*id, None).map_err(fault)?;
            let tree = commit.tree().map_err(fault)?;
            let before = match commit.parent_id(0) {
                Ok(parent) => Some(self.commit(parent)?.tree().map_err(fault)?),
                Err(_) => None,
            };
            self.insert_new(&mut builder, &tree, before.as_ref())?;
        }
        let pack = tempfile::NamedTempFile::new_in(self.repository.path())?;
        let mut writer = BufWriter::with_capacity(256 * 1024, pack.as_file());
        let mut failed = None;
        let written = builder.foreach(|bytes| {
            failed = writer.write_all(bytes).err();
            failed.is_none()
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        written.map_err(fault)?;
        writer.flush()?;
        drop(writer);
        Ok(pack.into_temp_path())
    }

    fn insert_new(&self, builder: &mut PackBuilder<'_>, tree: &Tree<'_>, before: Option<&Tree<'_>>) -> AppResult<()> {
        if before.is_some_and(|before| before.id() == tree.id()) {
            return Ok(());
        }
        builder.insert_object(tree.id(), None).map_err(fault)?;
        for entry in tree {
            let old = before.and_then(|before| before.get_name_bytes(entry.name_bytes()));
            if old.as_ref().is_some_and(|old| old.id() == entry.id()) {
                continue;
            }
            match entry.kind() {
                Some(ObjectType::Tree) => {
                    let old = old.and_then(|old| self.repository.find_tree(old.id()).ok());
                    self.insert_new(builder, &self.repository.find_tree(entry.id()).map_err(fault)?, old.as_ref())?;
                }
                Some(ObjectType::Blob) => builder.insert_object(entry.id(), entry.name().ok()).map_err(fault)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Where the one branch of a repository of our own is.
    pub fn head(&self) -> Option<Oid> {
        self.repository.refname_to_id(MAIN).ok()
    }

    pub fn set_head(&self, commit: Oid) -> AppResult<()> {
        self.repository.reference(MAIN, commit, true, "a commit of the volume").map_err(fault)?;
        Ok(())
    }

    /// Hands a pack of everything that `want` leads to and `haves` do not over, piece by piece; `false` ends it.
    pub fn send_pack(&self, want: Oid, haves: &[Oid], mut piece: impl FnMut(&[u8]) -> bool) -> AppResult<()> {
        let mut walk = self.repository.revwalk().map_err(fault)?;
        walk.push(want).map_err(fault)?;
        for have in haves {
            walk.hide(*have).map_err(fault)?;
        }
        let mut builder = self.repository.packbuilder().map_err(fault)?;
        builder.insert_walk(&mut walk).map_err(fault)?;
        let mut wanted = true;
        let sent = builder.foreach(|bytes| {
            wanted = piece(bytes);
            wanted
        });
        if wanted { sent.map_err(fault) } else { Ok(()) }
    }
}

pub const MAIN: &str = "refs/heads/main";

impl Listing {
    fn skip(&mut self, path: String, reason: &str) {
        let path = path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(limits::PATH_CHARS).collect();
        self.skipped.push(Skipped { path, reason: reason.to_owned() });
    }
}

fn too_many() -> AppError {
    AppError::too_large(format!("The repository has more than {} files in this folder.", limits::FILES))
}

/// How many objects a pack says it has.
fn count_of(pack: &Path) -> AppResult<Option<u32>> {
    use std::io::Read as _;
    let mut head = [0; 12];
    let read = fs::File::open(pack)?.take(12).read(&mut head)?;
    Ok((read == 12 && head.starts_with(b"PACK")).then(|| u32::from_be_bytes([head[8], head[9], head[10], head[11]])))
}
