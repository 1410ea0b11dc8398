//! A snapshot of the index, as a device keeps it, and questions as people type them.

use llmos_search::{Index, Query, mask};

pub fn run(bytes: &[u8]) {
    if let Ok(mut index) = Index::from_bytes(bytes) {
        let _ = Index::from_bytes(&index.to_bytes()).expect("what was read is written");
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = mask(&text);
    let _ = Index::new(0).search(&Query { text: text.into_owned(), limit: 10, ..Query::default() });
}
