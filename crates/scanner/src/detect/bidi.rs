//! Text that is shown in another order than it is read (Boucher and Anderson, Trojan Source, 2021).

use super::{Draft, invisible::is_right_to_left};
use crate::{
    evidence,
    rules::Rule,
    source::{Place, Source},
};

pub(crate) fn find(rule: &Rule, source: &Source) -> Vec<Draft> {
    let lines = source.lines.iter().filter(|line| !line.text.is_ascii());
    let found = lines.filter(|line| is_reordered(line.text, matches!(line.place, Place::Code | Place::Script)));
    found.map(|line| Draft::new(rule, line.number, evidence::shown(line.text.trim()))).collect()
}

pub(crate) fn in_path(rule: &Rule, path: &str) -> Vec<Draft> {
    if is_reordered(path, true) { vec![Draft::new(rule, 0, evidence::shown(path))] } else { Vec::new() }
}

/// In a line of right-to-left prose, embeddings and isolates that are closed are how it is written. Overrides never are.
fn is_reordered(line: &str, code: bool) -> bool {
    let (mut embeddings, mut isolates, mut any) = (0i32, 0i32, false);
    for c in line.chars() {
        match c {
            '\u{202D}' | '\u{202E}' => return true,
            '\u{202A}' | '\u{202B}' => embeddings += 1,
            '\u{202C}' => embeddings -= 1,
            '\u{2066}'..='\u{2068}' => isolates += 1,
            '\u{2069}' => isolates -= 1,
            _ => continue,
        }
        any = true;
        if embeddings < 0 || isolates < 0 {
            return true;
        }
    }
    any && (code || embeddings != 0 || isolates != 0 || !line.chars().any(is_right_to_left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_and_what_stays_open_are_found() {
        for (line, found) in [
            ("a \u{202E}b", true),
            ("x \u{2066}y\u{2069}", true),
            ("שם הקובץ \u{2068}a.md\u{2069}", false),
            ("שם הקובץ \u{2068}a.md", true),
            ("שלום", false),
            ("plain", false),
        ] {
            assert_eq!(is_reordered(line, false), found, "{line:?}");
        }
    }
}
