use proptest::prelude::*;

use super::*;

fn sections(text: &str) -> (&str, &str, &str, &str) {
    let d = Document::parse(text);
    assert_eq!(d.text(), text);
    (d.open, d.yaml, d.close, d.body)
}

#[test]
fn cuts_the_usual_file() {
    assert_eq!(sections("---\nname: a\n---\n\n# A\n"), ("---\n", "name: a\n", "---\n", "\n# A\n"));
    assert_eq!(sections("---\nname: a\n..."), ("---\n", "name: a\n", "...", ""));
    assert_eq!(sections("---\n---\nx"), ("---\n", "", "---\n", "x"));
    assert_eq!(sections("--- \r\na: 1\r\n---\t\r\nx"), ("--- \r\n", "a: 1\r\n", "---\t\r\n", "x"));
}

#[test]
fn prose_between_rules_is_body() {
    for text in
        ["", "# A\n", "---", "---\n\nHello there\n\n---\nmore", " ---\na: 1\n---\n", "----\na: 1\n----\n", "---\nNote: this is prose\n"]
    {
        assert_eq!(sections(text), ("", "", "", text));
    }
}

#[test]
fn tolerates_a_missing_fence_and_leading_blank_lines() {
    assert_eq!(sections("---\nname: a\ntags:\n- x\n  - y\n# Title\n"), ("---\n", "name: a\ntags:\n- x\n  - y\n", "", "# Title\n"));
    let d = Document::parse("\n\n---\nname: a\n---\nbody");
    assert_eq!((d.lead, d.yaml, d.yaml_line(), d.body_line()), ("\n\n", "name: a\n", 4, 6));
}

#[test]
fn knows_line_ends_and_marks() {
    let d = Document::decode(b"\xEF\xBB\xBFa\r\nb\r\n");
    assert_eq!(d.text, "a\nb\n");
    assert_eq!(d.envelope, Envelope { bom: true, eol: Eol::CrLf, crlf: true, exact: true });
    assert_eq!(d.envelope.encode("a\nc\n", None), b"\xEF\xBB\xBFa\r\nc\r\n");
    // A form's line ends are not an edit.
    assert_eq!(d.envelope.encode("a\r\nb\r\n", None), b"\xEF\xBB\xBFa\r\nb\r\n");

    let mixed = b"a\r\nb\nc\r\nd\re";
    let d = Document::decode(mixed);
    assert_eq!((d.text.as_str(), d.envelope.eol, d.lossy), ("a\nb\nc\nd\ne", Eol::Mixed, false));
    assert_eq!(d.envelope.encode(&d.text, Some(mixed)), mixed);
    assert_eq!(d.envelope.encode("a\nX\n", Some(mixed)), b"a\r\nX\r\n");

    for bytes in [&b"a\0b"[..], b"a\xFFb"] {
        let d = Document::decode(bytes);
        assert_eq!((d.text.as_str(), d.lossy), ("a\u{FFFD}b", true));
        assert_eq!(d.envelope.encode(&d.text, Some(bytes)), bytes);
    }
}

/// Bytes that meet the interesting cases often.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\0".to_vec()),
        Just(BOM.to_vec()),
        Just(b"---\n".to_vec()),
        Just("é: x".as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|p| p.concat())
}

proptest! {
    #[test]
    fn unedited_bytes_come_back(bytes in bytes()) {
        let d = Document::decode(&bytes);
        prop_assert!(!d.text.contains(['\r', '\0']));
        prop_assert_eq!(d.envelope.encode(&d.text, Some(&bytes)), bytes.clone());
        if d.envelope.exact {
            prop_assert_eq!(d.envelope.encode(&d.text, None), bytes.clone());
        }
        prop_assert_eq!(Document::parse(&d.text).text(), d.text.clone());
    }

    #[test]
    fn any_bytes_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let d = Document::decode(&bytes);
        prop_assert_eq!(d.envelope.encode(&d.text, Some(&bytes)), bytes);
    }

    #[test]
    fn sections_join(text in "(---|\\.\\.\\.|a: b|- x| |\n|\r\n|#|text){0,20}") {
        prop_assert_eq!(Document::parse(&text).text(), text.clone());
    }

    #[test]
    fn edits_survive(bytes in bytes(), text in "[a-z\n]{0,20}") {
        let envelope = Document::decode(&bytes).envelope;
        prop_assert_eq!(Document::decode(&envelope.encode(&text, Some(&bytes))).text, text);
    }
}
