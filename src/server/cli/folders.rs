//! Folders on this machine as zip archives, and archives as folders.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::BoxError;

/// Packs a folder into a temporary zip, executable bits included; gives the links that were left out.
pub fn pack(folder: &Path) -> Result<(tempfile::NamedTempFile, Vec<PathBuf>), BoxError> {
    let file = tempfile::NamedTempFile::new()?;
    let mut zip = ZipWriter::new(io::BufWriter::new(file.as_file()));
    let mut left_out = Vec::new();
    pack_below(folder, "", &mut zip, &mut left_out)?;
    zip.finish()?.flush()?;
    Ok((file, left_out))
}

fn pack_below(folder: &Path, prefix: &str, zip: &mut ZipWriter<io::BufWriter<&File>>, left_out: &mut Vec<PathBuf>) -> Result<(), BoxError> {
    let mut entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if kind.is_dir() {
            if matches!(entry.file_name().to_str(), Some(".git" | "node_modules")) {
                continue;
            }
            pack_below(&path, &format!("{name}/"), zip, left_out)?;
        } else if kind.is_file() {
            let executable = entry.metadata()?.permissions().mode() & 0o111 != 0;
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(1))
                .large_file(entry.metadata()?.len() > u64::from(u32::MAX))
                .unix_permissions(if executable { 0o755 } else { 0o644 });
            zip.start_file(name, options)?;
            io::copy(&mut File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?, zip)?;
        } else {
            left_out.push(path);
        }
    }
    Ok(())
}

/// Unpacks our own archive below a folder; gives how many files were written.
pub fn unpack(archive: &Path, folder: &Path) -> Result<usize, BoxError> {
    let mut archive = ZipArchive::new(io::BufReader::new(File::open(archive)?))?;
    let mut count = 0;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        let Some(path) = file.enclosed_name() else { return Err("the archive has a path that leads out of its folder".into()) };
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        let mode = if file.unix_mode().is_some_and(|mode| mode & 0o111 != 0) { 0o755 } else { 0o644 };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut out = File::options()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(mode)
            .open(&target)
            .map_err(|error| format!("{}: {error}", target.display()))?;
        out.write_all(&bytes)?;
        // A file that was there keeps its mode when it is opened.
        fs::set_permissions(&target, fs::Permissions::from_mode(mode))?;
        count += 1;
    }
    Ok(count)
}
