//! Zips that are imported: nothing that is listed leads out of its folder, and no file is longer than its list says.

use llmos_lite::features::volumes::archive::{ARCHIVE_FILE, Opened};

pub fn run(bytes: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    if std::fs::write(folder.path().join(ARCHIVE_FILE), bytes).is_err() {
        return;
    }
    let Ok(mut opened) = Opened::open(folder.path()) else { return };
    for index in 0..opened.entries.len() {
        let entry = &opened.entries[index];
        let (path, size) = (entry.path.clone(), entry.size);
        assert!(!path.starts_with('/') && !path.split('/').any(|part| part == ".."), "{path}");
        // As large as a seed: a made-up size costs nothing, but what is read is bounded by it.
        if size <= 1 << 20
            && let Ok(bytes) = opened.read(index)
        {
            assert!(bytes.len() as u64 <= size);
        }
    }
}
