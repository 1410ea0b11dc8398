//! Markdown that somebody else wrote, as HTML in our pages.

use llmos_lite::features::artifacts::markdown::{document_to_html, message_to_html, message_to_text};

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for html in [document_to_html(&text), message_to_html(&text)] {
        let html = html.to_lowercase();
        for never in [
            "<script",
            "<iframe",
            "<object",
            "<embed",
            "<form",
            "<style",
            "<base",
            "<meta",
            "<svg onload",
            "href=\"javascript:",
            "src=\"javascript:",
        ] {
            assert!(!html.contains(never), "{never} in {html}");
        }
    }
    let _ = message_to_text(&text);
}
