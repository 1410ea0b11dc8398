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
    let sources = [
        include_str!("../../src/server/config.rs"),
        include_str!("../../src/server/config/groups.rs"),
        include_str!("../../src/server/config/tls.rs"),
    ];
    let read: BTreeSet<&str> = [".get(\"", ".get_or(\"", ".parse(\"", ".parse_or(\""]
        .into_iter()
        .flat_map(|call| sources.iter().flat_map(move |source| source.split(call).skip(1)).filter_map(|rest| rest.split_once('"')))
        .map(|(name, _)| name)
        .filter(|name| name.len() > 3 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert!(read.len() > 10, "{read:?}");
    let rows = section("## Configuration").filter(|line| line.starts_with("| `"));
    let listed: BTreeSet<&str> = rows.flat_map(|row| quoted(row.split('|').nth(1).unwrap_or_default())).collect();
    assert_eq!(listed, read);
}

#[test]
fn pictures_and_pages_that_are_linked_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut links = 0;
    for document in ["README.md", "ARCHITECTURE.md", "docs/decisions/README.md"] {
        let text = std::fs::read_to_string(root.join(document)).expect("readable");
        let folder = root.join(document).parent().expect("a folder").to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !target.starts_with("http") {
                let file = target.split('#').next().unwrap_or_default();
                assert!(folder.join(file).exists(), "{document} links {target}");
                links += 1;
            }
        }
    }
    assert!(links > 10, "{links}");
}
