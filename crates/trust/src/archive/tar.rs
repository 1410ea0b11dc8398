//! pax, <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html>: ustar and its extended headers.

use super::path::Checker;
use super::{ArchiveError, File, Limits};

pub const BLOCK: usize = 512;
/// What an archive ends with, in bytes.
pub const END: usize = 2 * BLOCK;
/// The largest size that a header can say.
pub const SIZE: u64 = 0o777_7777_7777;
/// The longest path that a header can say.
const NAME: usize = 100;
const PAX_NAME: &[u8] = b"././@PaxHeader";
const FILE: u8 = b'0';
const PAX: u8 = b'x';

/// Where the fields of a header end, and what is said of one that is not as it should be.
const FIELDS: [(usize, &str); 10] = [
    (100, "its path is spelled otherwise"),
    (108, "its mode is not 0644"),
    (124, "it has an owner"),
    (136, "its size is spelled otherwise"),
    (148, "it has a time"),
    (157, "its checksum is spelled otherwise"),
    (257, "it names a link"),
    (265, "it is no tar of POSIX"),
    (329, "its owner has a name"),
    (512, "there is something in a field that has to be empty"),
];

/// In `FIELDS`.
const CHECKSUM: usize = 5;

/// The archive of `files`, in whatever order they come.
///
/// # Errors
/// What is wrong with a path, with two together, or beyond `limits`.
pub fn pack(files: &[File], limits: &Limits) -> Result<Vec<u8>, ArchiveError> {
    let mut sorted: Vec<&File> = files.iter().collect();
    sorted.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let mut checker = Checker::new(limits);
    sorted.iter().try_for_each(|file| checker.file(&file.path, file.bytes.len() as u64))?;
    let mut archive = Vec::with_capacity(sorted.iter().map(|file| file.bytes.len() + 2 * BLOCK).sum::<usize>() + END);
    for File { path, bytes } in sorted {
        archive.extend(head(path, bytes.len() as u64));
        archive.extend(bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + END, 0);
    Ok(archive)
}

/// The files of an archive that `pack` made, in its order; of no other.
///
/// # Errors
/// What is wrong with it, and with which file.
pub fn unpack(archive: &[u8], limits: &Limits) -> Result<Vec<File>, ArchiveError> {
    let mut checker = Checker::new(limits);
    let mut files: Vec<File> = Vec::new();
    let mut rest = archive;
    loop {
        if *rest == [0; END] {
            return Ok(files);
        }
        let block = rest.first_chunk().filter(|block| **block != [0; BLOCK]).ok_or(ArchiveError::End)?;
        let (path, file) = match kind(block)? {
            PAX => extended(rest, limits)?,
            _ => (name(block), block),
        };
        let size = size(file).ok_or_else(|| not_canonical(&path, FIELDS[3].1))?;
        let head = head(&path, size);
        let Some(body) = rest.strip_prefix(head.as_slice()) else {
            return Err(not_canonical(&path, difference(rest, &head)));
        };
        if files.last().is_some_and(|before| before.path >= path) {
            return Err(not_canonical(&path, "it is not in the order of the paths"));
        }
        checker.file(&path, size)?;
        let length = usize::try_from(size).ok().filter(|length| *length <= body.len());
        let padded = length.and_then(|length| Some((length, body.get(..length.next_multiple_of(BLOCK))?)));
        let (length, padded) = padded.ok_or_else(|| not_canonical(&path, "it is cut off"))?;
        let (bytes, padding) = padded.split_at(length);
        if padding.iter().any(|byte| *byte != 0) {
            return Err(not_canonical(&path, "it is not followed by zeroes"));
        }
        files.push(File { path, bytes: bytes.to_vec() });
        rest = &body[padded.len()..];
    }
}

/// What comes before the bytes of a file.
fn head(path: &str, size: u64) -> Vec<u8> {
    if path.is_ascii() && path.len() <= NAME {
        return header(path.as_bytes(), size, FILE).to_vec();
    }
    let record = record(path);
    let mut head = header(PAX_NAME, record.len() as u64, PAX).to_vec();
    head.extend(record.as_bytes());
    head.resize(head.len().next_multiple_of(BLOCK), 0);
    // Only a reader that knows no pax sees this name.
    let name: Vec<u8> = path.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).take(NAME).collect();
    head.extend(header(&name, size, FILE));
    head
}

fn header(name: &[u8], size: u64, kind: u8) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(329, b"0000000\x000000000\0");
    let sum = checksum(&header);
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// Of all bytes, its own field taken for spaces.
fn checksum(header: &[u8; BLOCK]) -> u32 {
    header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(*byte) }).sum()
}

/// `<length of the whole record> path=<path>\n`.
fn record(path: &str) -> String {
    let rest = " path=\n".len() + path.len();
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} path={path}\n")
}

/// The kind of a header's entry: `FILE` or `PAX`.
fn kind(header: &[u8; BLOCK]) -> Result<u8, ArchiveError> {
    let written = std::str::from_utf8(&header[148..154]).ok().and_then(|digits| u32::from_str_radix(digits, 8).ok());
    if written != Some(checksum(header)) {
        return Err(ArchiveError::Checksum { path: name(header) });
    }
    let kind = match header[156] {
        kind @ (FILE | PAX) => return Ok(kind),
        b'1' => "a hard link",
        b'2' => "a symbolic link",
        b'3' | b'4' => "a device",
        b'5' => "a folder",
        b'6' => "a named pipe",
        b'g' => "a header for all files",
        b'L' | b'K' => "a long name in the form of GNU tar",
        _ => "an entry of a foreign kind",
    };
    Err(ArchiveError::Kind { path: name(header), kind })
}

fn name(header: &[u8; BLOCK]) -> String {
    let name = header[..NAME].split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

fn size(header: &[u8; BLOCK]) -> Option<u64> {
    let digits = header[124..135].iter().all(u8::is_ascii_digit).then_some(&header[124..135])?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

/// The path in a pax header, and the header of the file behind it.
fn extended<'a>(rest: &'a [u8], limits: &Limits) -> Result<(String, &'a [u8; BLOCK]), ArchiveError> {
    let broken = || not_canonical("@PaxHeader", "it does not hold the path of a file and nothing else");
    let header = rest.first_chunk().ok_or_else(broken)?;
    let length = size(header).filter(|length| *length <= (limits.path_bytes as u64).saturating_add(32)).ok_or_else(broken)? as usize;
    let body = &rest[BLOCK..];
    let record = body.get(..length).and_then(|record| std::str::from_utf8(record).ok()).ok_or_else(broken)?;
    let path = record.split_once(" path=").and_then(|(_, path)| path.strip_suffix('\n')).ok_or_else(broken)?;
    let file = body.get(length.next_multiple_of(BLOCK)..).and_then(<[u8]>::first_chunk).ok_or_else(broken)?;
    if kind(file)? != FILE {
        return Err(broken());
    }
    Ok((path.to_owned(), file))
}

/// What is said of the first field in which `rest` is not `head`. The checksum differs together with any other.
fn difference(rest: &[u8], head: &[u8]) -> &'static str {
    let fields = head.iter().zip(rest).enumerate().filter(|(_, (a, b))| a != b).map(|(at, _)| match at {
        at if (BLOCK..head.len() - BLOCK).contains(&at) => 0,
        at => FIELDS.iter().position(|(end, _)| at % BLOCK < *end).unwrap_or(0),
    });
    let mut fields = fields.peekable();
    let first = fields.peek().copied().unwrap_or(0);
    FIELDS[fields.find(|field| *field != CHECKSUM).unwrap_or(first)].1
}

fn not_canonical(path: &str, what: &'static str) -> ArchiveError {
    ArchiveError::NotCanonical { path: path.to_owned(), what }
}
