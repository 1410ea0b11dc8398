//! Which form something has.

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::model::Trace;
use crate::{claude_code, markdown, native, otlp};

/// The forms in which traces come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Our own JSON: [`native`].
    Native,
    /// What a volume's `traces/` folder holds: [`markdown`].
    Markdown,
    /// Transcripts of Claude Code: [`claude_code`].
    ClaudeCode,
    /// OpenTelemetry, as JSON: [`otlp`].
    OtlpJson,
    /// OpenTelemetry, as Protocol Buffers: [`otlp`].
    OtlpProtobuf,
}

/// How much of the beginning is looked at.
const LOOKED_AT: usize = 64 * 1024;

/// Finds the form by the name of a file, the type that a sender gave it, and how it begins. None if it is none of ours.
#[must_use]
pub fn detect(name: &str, content_type: Option<&str>, start: &[u8]) -> Option<Format> {
    let content_type = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match content_type.as_str() {
        "application/x-protobuf" | "application/protobuf" => return Some(Format::OtlpProtobuf),
        "text/markdown" => return Some(Format::Markdown),
        _ => {}
    }
    let start = start.get(..LOOKED_AT).unwrap_or(start);
    let start = start.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(start).trim_ascii_start();
    match start.first()? {
        b'{' | b'[' => Some(json_form(start)),
        _ if start.starts_with(b"---") => Some(Format::Markdown),
        _ => {
            let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
            match end.as_str() {
                "md" | "markdown" => Some(Format::Markdown),
                // So that whoever chose the file is told what is wrong with it.
                "json" | "jsonl" | "ndjson" => Some(Format::Native),
                "pb" | "binpb" => Some(Format::OtlpProtobuf),
                _ => None,
            }
        }
    }
}

/// Reads all traces of a file. For what should not be held at once there are [`native::Reader`] and [`claude_code::Reader`].
pub fn parse(format: Format, bytes: &[u8]) -> Box<dyn Iterator<Item = Result<Trace, Fault>> + '_> {
    match format {
        Format::Native => native::parse(bytes),
        Format::Markdown => Box::new(std::iter::once(markdown::parse(bytes))),
        Format::ClaudeCode => Box::new(claude_code::parse(bytes)),
        Format::OtlpJson => Box::new(otlp::parse(bytes, otlp::Encoding::Json)),
        Format::OtlpProtobuf => Box::new(otlp::parse(bytes, otlp::Encoding::Protobuf)),
    }
}

fn json_form(start: &[u8]) -> Format {
    let mut form = Format::Native;
    // A transcript may begin with lines that say little.
    for line in start.split(|&b| b == b'\n').take(20) {
        let keys = keys(line);
        let has = |key: &str| keys.contains(&key.as_bytes());
        if has("resourceSpans") || has("resource_spans") {
            return Format::OtlpJson;
        }
        if has("parentUuid") || has("isSidechain") || (has("type") && (has("sessionId") || has("leafUuid") || has("messageId"))) {
            form = Format::ClaudeCode;
        } else if has("goal") || has("steps") {
            return form;
        }
    }
    // An object over several lines.
    if keys(start).iter().any(|key| *key == b"resourceSpans" || *key == b"resource_spans") { Format::OtlpJson } else { form }
}

/// The keys of the outermost object, as far as the bytes go.
fn keys(bytes: &[u8]) -> Vec<&[u8]> {
    let mut keys = Vec::new();
    let (mut depth, mut at, mut is_key) = (0_usize, 0, false);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                is_key = byte == b'{';
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => is_key = true,
            b':' => is_key = false,
            b'"' => {
                let begin = at + 1;
                at = begin;
                while bytes.get(at).is_some_and(|&b| b != b'"') {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if depth == 1
                    && is_key
                    && let Some(key) = bytes.get(begin..at)
                {
                    keys.push(key);
                }
            }
            _ => {}
        }
        at += 1;
    }
    keys
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_are_told_apart_by_how_they_begin() {
        let found = |start: &[u8]| detect("upload", Some("application/octet-stream"), start);
        assert_eq!(found(include_bytes!("../fixtures/native.jsonl")), Some(Format::Native));
        assert_eq!(found(include_bytes!("../fixtures/claude-code.jsonl")), Some(Format::ClaudeCode));
        assert_eq!(found(include_bytes!("../fixtures/otlp.json")), Some(Format::OtlpJson));
        assert_eq!(found(include_bytes!("../fixtures/trace.md")), Some(Format::Markdown));
        assert_eq!(found(br#"[{"goal": "g"}]"#), Some(Format::Native));
        assert_eq!(
            found(br#"{"goal": "why is \"resourceSpans\": [] empty", "x": {"resourceSpans": 1, "parentUuid": 2}}"#),
            Some(Format::Native)
        );
        assert_eq!(found(b"\x0a\x02"), None);
        assert_eq!(found(b""), None);
    }

    #[test]
    fn a_name_or_a_type_says_it_too() {
        assert_eq!(detect("", Some("application/x-protobuf"), b"\x0a\x02"), Some(Format::OtlpProtobuf));
        assert_eq!(detect("", Some("text/markdown; charset=utf-8"), b"# Run"), Some(Format::Markdown));
        assert_eq!(detect("run.MD", None, b"# Run"), Some(Format::Markdown));
        assert_eq!(detect("run.jsonl", None, b"oops"), Some(Format::Native));
        assert_eq!(detect("run.exe", None, b"MZ"), None);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), Just(b'{'), Just(b'\n'), any::<u8>()], 0..60), cut in 0..900_usize) {
            let _ = detect("a.b", None, &bytes);
            let fixture = include_bytes!("../fixtures/otlp.json");
            prop_assert_eq!(detect("", None, &fixture[..cut.min(fixture.len()).max(40)]), Some(Format::OtlpJson));
        }
    }
}
