//! Main files of artifacts, whatever their bytes: text and back, sections, frontmatter, the tool in it.

use llmos_lite::features::artifacts::model::{document::Document, frontmatter::Frontmatter, tool::Tool};

pub fn run(bytes: &[u8]) {
    let decoded = Document::decode(bytes);
    assert_eq!(decoded.envelope.encode(&decoded.text, Some(bytes)), bytes, "a file that nobody edited comes back");
    if decoded.envelope.exact {
        assert_eq!(decoded.envelope.encode(&decoded.text, None), bytes);
    }
    assert_eq!(Document::parse(&decoded.text).text(), decoded.text);
    let _ = Frontmatter::parse(&decoded.text);
    let _ = Tool::read(&decoded.text);
}
