//! Paths that every file system takes, as the same file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use caseless::Caseless as _;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::{ArchiveError, Limits};

/// What keeps a text from being a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    #[error("it is empty")]
    Empty,
    #[error("it is over {0} bytes long")]
    TooLong(usize),
    #[error("it is not relative to the folder of the archive")]
    Absolute,
    #[error("a part of it is empty")]
    EmptyPart,
    #[error("it has a part \".\" or \"..\"")]
    Dots,
    #[error("a part of it ends with a dot or a space")]
    TrailingDotOrSpace,
    #[error("it has the character {0:?}, which Windows does not take")]
    Character(char),
    #[error("it has the character {0:?}, which nobody sees")]
    Invisible(char),
    #[error("Windows keeps the name {0:?} for a device")]
    Reserved(&'static str),
    #[error("its letters are not composed (Unicode's form NFC)")]
    NotNfc,
}

/// <https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file>
const RESERVED: [&str; 30] = [
    "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9", "COM¹",
    "COM²", "COM³", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9", "LPT¹", "LPT²", "LPT³",
];

fn fault(path: &str, limit: usize) -> Option<PathFault> {
    if path.is_empty() {
        return Some(PathFault::Empty);
    }
    if path.len() > limit {
        return Some(PathFault::TooLong(limit));
    }
    if path.starts_with('/') {
        return Some(PathFault::Absolute);
    }
    path.chars().find_map(character_fault).or_else(|| path.split('/').find_map(part_fault)).or((!is_nfc(path)).then_some(PathFault::NotNfc))
}

fn character_fault(c: char) -> Option<PathFault> {
    match c {
        '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*' => Some(PathFault::Character(c)),
        // Some file systems drop the joiners and marks, and those that turn the direction make one name look like another.
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => Some(PathFault::Invisible(c)),
        _ => c.is_control().then_some(PathFault::Invisible(c)),
    }
}

fn part_fault(part: &str) -> Option<PathFault> {
    match part {
        "" => return Some(PathFault::EmptyPart),
        "." | ".." => return Some(PathFault::Dots),
        _ if part.ends_with(['.', ' ']) => return Some(PathFault::TrailingDotOrSpace),
        _ => {}
    }
    // Devices have every extension, and spaces before it are not counted.
    let stem = part.split('.').next().unwrap_or(part).trim_end_matches(' ');
    RESERVED.into_iter().find(|name| name.eq_ignore_ascii_case(stem)).map(PathFault::Reserved)
}

/// Takes the files of an archive one after the other, and refuses what goes beyond its limits or together with those before.
pub struct Checker<'a> {
    limits: &'a Limits,
    files: usize,
    total: u64,
    /// Every file and every folder, by what it is where case does not count.
    names: HashMap<String, (String, bool)>,
}

impl<'a> Checker<'a> {
    pub fn new(limits: &'a Limits) -> Self {
        Self { limits, files: 0, total: 0, names: HashMap::new() }
    }

    pub fn file(&mut self, path: &str, size: u64) -> Result<(), ArchiveError> {
        let limits = self.limits;
        let owned = || path.to_owned();
        if let Some(fault) = fault(path, limits.path_bytes) {
            return Err(ArchiveError::Path { path: owned(), fault });
        }
        self.files += 1;
        if self.files > limits.files {
            return Err(ArchiveError::TooManyFiles { limit: limits.files });
        }
        let limit = limits.file_bytes.min(super::tar::SIZE);
        if size > limit {
            return Err(ArchiveError::FileTooLarge { path: owned(), limit });
        }
        self.total = self.total.saturating_add(size);
        if self.total > limits.total_bytes {
            return Err(ArchiveError::TooLarge { path: owned(), limit: limits.total_bytes });
        }
        path.match_indices('/').try_for_each(|(end, _)| self.name(&path[..end], false))?;
        self.name(path, true)
    }

    fn name(&mut self, path: &str, is_file: bool) -> Result<(), ArchiveError> {
        // Canonical caseless matching, Unicode 3.13, D145.
        let folded: String = path.chars().nfd().default_case_fold().nfd().collect();
        let other = match self.names.entry(folded) {
            Entry::Vacant(place) => {
                place.insert((path.to_owned(), is_file));
                return Ok(());
            }
            Entry::Occupied(other) => other,
        };
        let path = path.to_owned();
        match other.get() {
            (other, _) if *other != path => Err(ArchiveError::Case { path, other: other.clone() }),
            (_, false) if !is_file => Ok(()),
            (_, true) if is_file => Err(ArchiveError::Twice { path }),
            _ => Err(ArchiveError::FileAndFolder { path }),
        }
    }
}
