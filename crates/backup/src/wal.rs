//! SQLite's write-ahead log: which of its frames are committed, and writing them into a database.
//!
//! Layout as in <https://www.sqlite.org/fileformat2.html#walformat>: a header of 32 bytes, then frames of a 24-byte header and a page. Each
//! frame has the salts of the header, a checksum over everything before it and, where it ends a transaction, the size of the database.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read, Seek as _, SeekFrom, Write as _},
};

pub const HEADER: u64 = 32;
const FRAME_HEADER: usize = 24;
const MAGIC: u32 = 0x377f_0682;
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 512..=65_536;

/// Where in a log one stands, and what the next frame has to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub page_size: u32,
    big_endian: bool,
    pub salts: [u8; 8],
    /// Bytes from the start of the file.
    pub offset: u64,
    checksum: (u32, u32),
}

impl Cursor {
    /// At the first frame of the log with this header; `None` where it is none, or half-written.
    pub fn start(header: &[u8; 32]) -> Option<Self> {
        let magic = word(header, 0, true)?;
        if magic & !1 != MAGIC {
            return None;
        }
        let page_size = word(header, 8, true)?;
        if !page_size.is_power_of_two() || !PAGE_SIZES.contains(&page_size) {
            return None;
        }
        let big_endian = magic & 1 == 1;
        let checksum = sum((0, 0), header.get(..24)?, big_endian);
        let salts = header.get(16..24)?.try_into().ok()?;
        let fits = checksum == (word(header, 24, true)?, word(header, 28, true)?);
        fits.then_some(Self { page_size, big_endian, salts, offset: HEADER, checksum })
    }

    /// Reads whole transactions from here: their frames as they are in the file. Ends at the end of what is committed, or at the first end of a
    /// transaction beyond `enough` bytes. The cursor moves behind what is returned.
    pub fn read(&mut self, file: &mut File, enough: usize) -> std::io::Result<Vec<u8>> {
        file.seek(SeekFrom::Start(self.offset))?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let (mut frames, mut committed) = (Vec::new(), 0);
        let (mut frame, mut at) = (vec![0; FRAME_HEADER + self.page_size as usize], *self);
        while committed < enough {
            match reader.read_exact(&mut frame) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
            let Some(commits) = at.accept(&frame) else { break };
            frames.extend_from_slice(&frame);
            if commits {
                committed = frames.len();
                *self = at;
            }
        }
        frames.truncate(committed);
        Ok(frames)
    }

    /// Moves behind `frame` if it is the next one; says whether it ends a transaction.
    fn accept(&mut self, frame: &[u8]) -> Option<bool> {
        let salts_fit = frame.get(8..16)? == self.salts;
        let checksum = sum(sum(self.checksum, frame.get(..8)?, self.big_endian), frame.get(FRAME_HEADER..)?, self.big_endian);
        if !salts_fit || word(frame, 0, true)? == 0 || checksum != (word(frame, 16, true)?, word(frame, 20, true)?) {
            return None;
        }
        self.checksum = checksum;
        self.offset += frame.len() as u64;
        Some(word(frame, 4, true)? != 0)
    }
}

/// Writes `frames`, whole transactions, into the database `file`.
///
/// # Errors
/// The file cannot be written; `InvalidData` where `frames` are not whole frames of this page size.
pub fn apply(frames: &[u8], page_size: u32, file: &mut File) -> std::io::Result<()> {
    let length = FRAME_HEADER + page_size as usize;
    let invalid = || std::io::Error::from(ErrorKind::InvalidData);
    if !page_size.is_power_of_two() || !PAGE_SIZES.contains(&page_size) || !frames.len().is_multiple_of(length) {
        return Err(invalid());
    }
    for frame in frames.chunks_exact(length) {
        let number = word(frame, 0, true).filter(|number| *number > 0).ok_or_else(invalid)?;
        file.seek(SeekFrom::Start(u64::from(number - 1) * u64::from(page_size)))?;
        file.write_all(frame.get(FRAME_HEADER..).ok_or_else(invalid)?)?;
        let pages = word(frame, 4, true).ok_or_else(invalid)?;
        if pages != 0 {
            file.set_len(u64::from(pages) * u64::from(page_size))?;
        }
    }
    Ok(())
}

fn word(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    Some(if big_endian { u32::from_be_bytes(*four) } else { u32::from_le_bytes(*four) })
}

/// The log's checksum, going on from `before`; the length is a multiple of eight.
fn sum(before: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    bytes.chunks_exact(8).fold(before, |(first, second), pair| {
        let (Some(one), Some(two)) = (word(pair, 0, big_endian), word(pair, 4, big_endian)) else { return (first, second) };
        let first = first.wrapping_add(one).wrapping_add(second);
        (first, second.wrapping_add(two).wrapping_add(first))
    })
}
