//! Writing a team into a zip: rows as they are read, each part hashed on the way.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufWriter, Write},
};

use futures::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::{AnyConnection, AssertSqlSafe};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{FORMAT, MANIFEST, Manifest, Named, Part, Table, VERSION, condition, part_of, row};
use crate::{
    error::AppResult,
    server::blobs::{BlobName, name_text, parse_name},
};

/// Writes one file. All of it waits for the disk, so it belongs on a thread of its own.
pub struct Writer {
    zip: ZipWriter<BufWriter<File>>,
    parts: BTreeMap<String, Part>,
    written: u64,
    /// The accounts that rows name.
    pub people: BTreeSet<String>,
    /// The blobs that rows name.
    pub files: BTreeSet<BlobName>,
}

/// Equal teams give equal bytes, whenever they are written.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1))
        .last_modified_time(zip::DateTime::default())
        .large_file(true)
}

impl Writer {
    pub fn new(file: File) -> Self {
        let zip = ZipWriter::new(BufWriter::with_capacity(256 << 10, file));
        Self { zip, parts: BTreeMap::new(), written: 0, people: BTreeSet::new(), files: BTreeSet::new() }
    }

    /// The rows of a table that belong to the team.
    pub async fn table(&mut self, snapshot: &mut AnyConnection, table: &Table, team: &str) -> AppResult<()> {
        let columns = table.columns.iter().filter(|(_, is)| is.travels()).map(|(name, _)| format!("t.{name}"));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let order = table.order.iter().map(|key| format!("t.{key}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT {columns} FROM {} t WHERE {} ORDER BY {order}", table.name, condition(table, false));
        let name = part_of(table);
        self.zip.start_file(name.as_str(), options()).map_err(io::Error::from)?;
        let mut part = Hashing { inner: &mut self.zip, hash: Sha256::new(), size: 0 };
        let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(team).fetch(&mut *snapshot);
        let mut count = 0;
        while let Some(found) = rows.try_next().await? {
            let written = row::write(&found, table)?;
            let mut line = serde_json::to_vec(&written.json)?;
            line.push(b'\n');
            part.write_all(&line)?;
            count += 1;
            self.people.extend(written.people);
            self.files.extend(written.files.iter().filter_map(|sha| parse_name(sha)));
        }
        let part = part.end(count);
        self.parts.insert(name, part);
        Ok(())
    }

    /// A part that is not a table.
    pub fn part(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.zip.start_file(name, options())?;
        let mut part = Hashing { inner: &mut self.zip, hash: Sha256::new(), size: 0 };
        part.write_all(bytes)?;
        let rows = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let part = part.end(rows);
        self.parts.insert(name.to_owned(), part);
        Ok(())
    }

    /// A blob, whose hash is its name.
    pub fn file(&mut self, name: &BlobName, bytes: &[u8]) -> io::Result<()> {
        self.zip.start_file(format!("files/{}", name_text(name)), options())?;
        self.zip.write_all(bytes)?;
        self.written += 1;
        Ok(())
    }

    /// Writes the manifest, and all of it to the disk; gives the manifest.
    pub fn finish(mut self, team: Named, site: String, exported_at: i64) -> AppResult<Manifest> {
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            site,
            exported_at,
            team,
            parts: self.parts,
            files: self.written,
        };
        self.zip.start_file(MANIFEST, options()).map_err(io::Error::from)?;
        self.zip.write_all(&serde_json::to_vec_pretty(&manifest)?)?;
        let file = self.zip.finish().map_err(io::Error::from)?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(manifest)
    }
}

struct Hashing<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W> Hashing<W> {
    fn end(self, rows: u64) -> Part {
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Part { sha256, size: self.size, rows }
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
