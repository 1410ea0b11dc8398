//! What the README promises in lists is what there is.

use std::collections::BTreeSet;

const README: &str = include_str!("../../README.md");

/// The lines of a section, up to the next heading of any depth.
fn section(heading: &str) -> impl Iterator<Item = &'static str> {
    let start = README.lines().position(|line| line == heading).unwrap_or_else(|| panic!("“{heading}” is in the README"));
    README.lines().skip(start + 1).take_while(|line| !line.starts_with('#'))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_configuration_is_listed_whole() {
    let source = include_str!("../../src/server/config.rs");
    let read: BTreeSet<&str> = [".get(\"", ".parse(\""]
        .into_iter()
        .flat_map(|call| source.split(call).skip(1).filter_map(|rest| rest.split_once('"')))
        .map(|(name, _)| name)
        .filter(|name| name.len() > 3 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert!(read.len() > 10, "{read:?}");
    let rows = section("## Configuration").filter(|line| line.starts_with("| `"));
    let listed: BTreeSet<&str> = rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap_or_default())).collect();
    assert_eq!(listed, read);
}

/// The name that a heading gets in links.
fn anchor(line: &str) -> Option<String> {
    let words = line.strip_prefix('#')?.trim_start_matches('#').trim().to_lowercase();
    Some(words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).map(|c| if c == ' ' { '-' } else { c }).collect())
}

#[test]
fn pictures_and_pages_that_are_linked_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut links = 0;
    for document in ["README.md", "ARCHITECTURE.md", "docs/decisions/README.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect("readable");
        let folder = root.join(document).parent().expect("a folder").to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            assert!(folder.join(file).exists(), "{document} links {target}");
            let linked = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            assert!(heading.is_empty() || linked.lines().any(|line| anchor(line) == Some(heading.to_owned())), "{document} links {target}");
            links += 1;
        }
    }
    assert!(links > 10, "{links}");
}
