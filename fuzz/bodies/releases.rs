//! What travels with a release: its archive, its envelope, bundle and checkpoint. What can be read is written and read the same.

use llmos_trust::{
    Bundle, Envelope, Note,
    archive::{self, Limits},
};

pub fn run(bytes: &[u8]) {
    let limits = Limits { files: 100, file_bytes: 1 << 16, total_bytes: 1 << 18, path_bytes: 240 };
    if let Ok(files) = archive::unpack(bytes, &limits) {
        // Canonical: there is one archive of the same files.
        assert_eq!(archive::pack(&files, &limits).as_deref(), Ok(bytes));
        assert!(files.iter().all(|file| !file.path.starts_with('/') && !file.path.split('/').any(|part| part == "..")));
    }
    if let Ok(unpacked) = archive::decompress(bytes, &limits) {
        assert!(unpacked.len() as u64 <= limits.archive_bytes());
    }
    if let Ok(bundle) = Bundle::from_bytes(bytes) {
        assert!(Bundle::from_bytes(&bundle.to_bytes()).is_ok());
    }
    if let Ok(envelope) = Envelope::from_bytes(bytes) {
        assert_eq!(Envelope::from_bytes(&envelope.to_bytes()).as_ref(), Ok(&envelope));
        let _ = envelope.verify(1, &[]);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = text.parse::<Note>();
    }
}
