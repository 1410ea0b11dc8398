//! What a text says that it is about: artifacts by their path, by their name, or in a line `artifact: …`.

use std::collections::BTreeSet;

use crate::features::artifacts::model::slug::is_valid_slug;

/// What is read of a text, and how much is taken of it.
const TEXT_BYTES: usize = 64 * 1024;
const MENTIONS_MAX: usize = 200;

/// Names and paths that a text mentions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    pub names: BTreeSet<String>,
    pub paths: BTreeSet<String>,
}

/// Reads a text. A word alone may be any word: it counts as a name where it has a hyphen, stands behind an `@` or in backticks, or in a line that
/// begins with `artifact:`.
pub fn mentions(text: &str) -> Mentions {
    let mut found = Mentions::default();
    let text = &text[..text.floor_char_boundary(TEXT_BYTES)];
    for line in text.lines() {
        let bare = line.trim_start_matches(|c: char| c.is_whitespace() || "-*>#".contains(c));
        if let Some((head, rest)) = bare.split_once(':')
            && head.trim_matches('*').eq_ignore_ascii_case("artifact")
        {
            rest.split([',', ' ', '\t']).for_each(|word| found.add(word, true));
            continue;
        }
        for (at, part) in line.split('`').enumerate() {
            let quoted = at % 2 == 1;
            if quoted {
                found.add(part, true);
            }
            part.split(|c: char| c.is_whitespace() || "()[]{}<>,;\"'|".contains(c)).for_each(|word| found.add(word, false));
        }
    }
    found
}

impl Mentions {
    fn add(&mut self, word: &str, named: bool) {
        if self.names.len() + self.paths.len() >= MENTIONS_MAX {
            return;
        }
        let word = word.trim_matches(|c: char| c.is_whitespace() || "`*_.,:;!?".contains(c));
        let (word, named) = word.strip_prefix('@').map_or((word, named), |word| (word, true));
        if let Some(path) = path_of(word) {
            self.paths.insert(path);
        } else if (named || word.contains('-')) && is_valid_slug(&word.to_ascii_lowercase()) {
            self.names.insert(word.to_ascii_lowercase());
        }
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.paths.is_empty()
    }

    /// Where the main file of an artifact may be that is meant by a path, so that not all have to be looked at. In small letters, once those of ASCII and once
    /// all of them, as databases differ in what they make small.
    pub fn main_files(&self, folder: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut add = |path: String| {
            found.insert(path.to_ascii_lowercase());
            found.insert(path.to_lowercase());
        };
        for said in &self.paths {
            let mut place = in_volume(said, folder);
            add(place.to_owned());
            loop {
                add(format!("{place}/skill.md"));
                add(format!("{place}/tool.md"));
                let Some((up, _)) = place.rsplit_once('/') else { break };
                place = up;
            }
        }
        found
    }

    /// Whether an artifact is meant: `path` is that of its main file in the volume, which is `folder` of the repository.
    pub fn mean(&self, path: &str, slug: &str, folder: &str) -> bool {
        if self.names.contains(slug) {
            return true;
        }
        // All that is in the folder of a skill belongs to it; a single file stands for itself.
        let own = path.rsplit_once('/').filter(|(_, file)| matches!(file.to_ascii_uppercase().as_str(), "SKILL.MD" | "TOOL.MD"));
        self.paths.iter().any(|said| {
            let said = in_volume(said, folder);
            let inside = |own: &str| said == own || said.strip_prefix(own).is_some_and(|rest| rest.starts_with('/'));
            said == path || own.is_some_and(|(own, _)| inside(own))
        })
    }
}

/// A path of the repository as the volume has it that is `folder` of it.
fn in_volume<'a>(said: &'a str, folder: &str) -> &'a str {
    said.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')).filter(|_| !folder.is_empty()).unwrap_or(said)
}

/// A path of the repository, also out of an address that shows one of its files.
fn path_of(word: &str) -> Option<String> {
    let path = match word.split_once("://") {
        Some((_, rest)) => {
            let (_, shown) = rest.split_once("/blob/").or_else(|| rest.split_once("/tree/"))?;
            shown.split_once('/')?.1
        }
        None => word.trim_start_matches("./"),
    };
    let path = path.split(['#', '?']).next().unwrap_or_default().trim_matches('/');
    let fits = path.contains('/') && path.len() <= 500 && path.split('/').all(|part| !part.is_empty() && part != "..");
    fits.then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_out_and_other_words_do_not() {
        let found = mentions(
            "The pdf skill and `calc` are slow, see dcf-valuation. Also @reviewer!\nartifact: pdf, tools/long/TOOL.md\nwell-known:",
        );
        assert_eq!(found.names.iter().map(String::as_str).collect::<Vec<_>>(), ["calc", "dcf-valuation", "pdf", "reviewer", "well-known"]);
        assert_eq!(found.paths.iter().map(String::as_str).collect::<Vec<_>>(), ["tools/long/TOOL.md"]);
        assert!(mentions("Just words, and/or nothing.").names.is_empty());
    }

    #[test]
    fn paths_mean_what_is_in_a_folder() {
        let found = mentions("Line 3 of docs/skills/pdf/scripts/run.sh, and https://github.com/a/b/blob/main/docs/agents/reviewer.md#L4");
        assert!(found.mean("skills/pdf/SKILL.md", "pdf", "docs"));
        assert!(found.mean("agents/reviewer.md", "reviewer-2", "docs"));
        assert!(!found.mean("skills/pdf-2/SKILL.md", "pdf-2", "docs"));
        assert!(!found.mean("agents/other.md", "other", "docs"), "a single file's folder is no artifact");
        assert!(mentions("see skills/pdf").mean("skills/pdf/SKILL.md", "x", ""));
        // Whatever is meant is among what is looked at.
        let looked_at = mentions("docs/skills/Pdf/scripts/run.sh agents/Übung.md").main_files("docs");
        for path in ["skills/pdf/skill.md", "skills/pdf/tool.md", "agents/übung.md", "agents/Übung.md"] {
            assert!(looked_at.contains(path), "{path}: {looked_at:?}");
        }
    }

    #[test]
    fn what_is_odd_or_endless_is_bounded() {
        let many: String = (0..1_000).map(|number| format!("name-{number} ")).collect();
        assert_eq!(mentions(&many).names.len(), MENTIONS_MAX);
        assert!(mentions("../../etc/passwd ://x /").is_empty());
        mentions(&"ü`".repeat(100_000));
    }
}
