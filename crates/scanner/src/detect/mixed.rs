//! Words that are Latin but for a letter that only looks so.

use super::Draft;
use crate::{clean::lookalike, evidence, rules::Rule, source::Source};

pub(crate) fn find(rule: &Rule, source: &Source) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for line in source.lines.iter().filter(|line| !line.text.is_ascii()) {
        let words: Vec<&str> = line.text.split(|c: char| !c.is_alphanumeric()).filter(|word| is_mixed(word)).collect();
        if !words.is_empty() {
            let shown: Vec<String> = words.iter().map(|word| format!("{word} ({})", codes(word))).collect();
            drafts.push(Draft::new(rule, line.number, evidence::shown(&shown.join(", "))));
        }
    }
    drafts
}

fn codes(word: &str) -> String {
    word.chars().filter(|c| lookalike(*c).is_some()).map(|c| format!("U+{:04X}", c as u32)).collect::<Vec<_>>().join(" ")
}

/// At least two Latin letters and a lookalike, and nothing else: `Δx`, `αβ-test` and `µm` are none.
fn is_mixed(word: &str) -> bool {
    let latin = word.chars().filter(char::is_ascii_alphabetic).count();
    let alike = word.chars().filter(|c| lookalike(*c).is_some_and(|as_latin| as_latin != *c) && !c.is_ascii()).count();
    latin >= 2 && alike >= 1 && word.chars().all(|c| c.is_ascii_alphanumeric() || lookalike(c).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_and_other_scripts_are_no_mixture() {
        for (word, mixed) in [
            ("pаypal", true),
            ("cоde", true),
            ("µm", false),
            ("Δx", false),
            ("привет", false),
            ("naïve", false),
            ("Łódź", false),
            ("αβ", false),
        ] {
            assert_eq!(is_mixed(word), mixed, "{word}");
        }
    }
}
