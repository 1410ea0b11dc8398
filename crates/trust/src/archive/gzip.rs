use std::io::{BufRead, Read as _, Write as _};

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};

use super::{ArchiveError, Limits};

/// An archive as it travels: gzip, without a name or a time.
pub fn compress(archive: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::with_capacity(archive.len() / 4 + 64), Compression::default());
    // Writing into memory does not fail.
    _ = encoder.write_all(archive);
    encoder.finish().unwrap_or_default()
}

/// The archive that travelled, one member of gzip and nothing behind it. Holds no more than the longest archive within `limits` in memory,
/// whatever it would inflate to.
///
/// # Errors
/// `Gzip`, `Inflated`, `Trailing`.
pub fn decompress(compressed: impl BufRead, limits: &Limits) -> Result<Vec<u8>, ArchiveError> {
    let limit = limits.archive_bytes();
    // Deflate makes nothing longer than by five bytes in some thousands, and there are streams that never become anything.
    let mut compressed = compressed.take(limit.saturating_add(limit / 256).saturating_add(4096));
    let mut archive = Vec::new();
    let failed = |error: std::io::Error| ArchiveError::Gzip(error.to_string());
    GzDecoder::new(&mut compressed).take(limit.saturating_add(1)).read_to_end(&mut archive).map_err(failed)?;
    if archive.len() as u64 > limit {
        return Err(ArchiveError::Inflated { limit });
    }
    if compressed.fill_buf().map_err(failed)?.is_empty() { Ok(archive) } else { Err(ArchiveError::Trailing) }
}
