//! People and artifacts that a message names: `@name` as typed, and the links that it is stored as.
//!
//! `[@Maya Chen](/people/ID)` is a mention, `[@code-review](/artifacts/ID)` an artifact. Code is left as it is.

use std::ops::Range;

use crate::ids::{ArtifactId, UserId};

/// A name of more characters is none.
const NAME_CHARS: usize = 80;
/// So many are looked up in one message; the others stay text.
pub const REFERENCES_MAX: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// `@name`, without the sign.
    Bare(String),
    Person(UserId),
    Artifact(ArtifactId),
}

/// The references of a text and where they stand, in order.
pub fn scan(text: &str) -> Vec<(Range<usize>, Reference)> {
    let mut found = Vec::new();
    let mut offset = 0;
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, Some(mark)) => fence = Some(mark),
            (None, None) => scan_line(line, offset, &mut found),
            _ => {}
        }
        offset += line.len();
    }
    found.truncate(REFERENCES_MAX);
    found
}

fn scan_line(line: &str, offset: usize, found: &mut Vec<(Range<usize>, Reference)>) {
    let mut at = 0;
    let mut before = ' ';
    while let Some(c) = line[at..].chars().next() {
        let mut step = c.len_utf8();
        if c == '`' {
            step = code_span(&line[at..]);
        } else if c == '\\' {
            step += line[at + 1..].chars().next().map_or(0, char::len_utf8);
        } else if let Some((length, reference)) = if c == '[' { link(&line[at..]) } else { None } {
            found.push((offset + at..offset + at + length, reference));
            step = length;
        } else if c == '@' && !(before.is_alphanumeric() || matches!(before, '_' | '@' | '/' | '.' | '-')) {
            let name = name(&line[at + 1..]);
            if !name.is_empty() {
                step = 1 + name.len();
                found.push((offset + at..offset + at + step, Reference::Bare(name.to_owned())));
            }
        }
        before = line[at..at + step].chars().next_back().unwrap_or(' ');
        at += step;
    }
}

/// The length of a code span, or of its backticks when it never ends on this line.
fn code_span(rest: &str) -> usize {
    let ticks = rest.len() - rest.trim_start_matches('`').len();
    let mut at = ticks;
    while let Some(next) = rest[at..].find('`') {
        let run = rest[at + next..].len() - rest[at + next..].trim_start_matches('`').len();
        at += next + run;
        if run == ticks {
            return at;
        }
    }
    ticks
}

/// The name at the beginning of a text; what ends a sentence does not belong to it.
fn name(rest: &str) -> &str {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '\''))).unwrap_or(rest.len());
    let name = rest[..end].trim_end_matches(['.', '-', '_', '\'']);
    if name.chars().count() > NAME_CHARS { "" } else { name }
}

/// A link of ours at the beginning of a text, with its length.
fn link(rest: &str) -> Option<(usize, Reference)> {
    let inner = rest.strip_prefix("[@")?;
    let close = inner.find("](")?;
    if inner[..close].contains(['[', '\n']) && !inner[..close].contains("\\[") {
        return None;
    }
    let address = &inner[close + 2..];
    let end = address.find(')')?;
    let length = 2 + close + 2 + end + 1;
    let address = &address[..end];
    if let Some(id) = address.strip_prefix("/people/") {
        return Some((length, Reference::Person(id.parse().ok()?)));
    }
    Some((length, Reference::Artifact(address.strip_prefix("/artifacts/")?.parse().ok()?)))
}

/// A name as `@` finds it: lower case, without spaces.
pub fn handle(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

pub fn person_link(name: &str, id: UserId) -> String {
    format!("[@{}](/people/{id})", label(name))
}

pub fn artifact_link(slug: &str, id: ArtifactId) -> String {
    format!("[@{}](/artifacts/{id})", label(slug))
}

/// A name inside the brackets of a link.
fn label(name: &str) -> String {
    let mut label = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '[' | ']' | '\\' | '`' | '*' | '_' | '<' | '&' | '!') {
            label.push('\\');
        }
        label.push(if c.is_control() { ' ' } else { c });
    }
    label
}

/// The text with the links to people and artifacts as the names that they show.
pub fn plain(text: &str) -> String {
    let named: Vec<_> = scan(text)
        .into_iter()
        .filter(|(_, reference)| !matches!(reference, Reference::Bare(_)))
        .map(|(range, _)| {
            let label = text[range.start + 1..range.end].rsplit_once("](").map(|(label, _)| label.replace('\\', ""));
            (range, label)
        })
        .collect();
    rewrite(text, &named)
}

/// The text with some references written anew.
pub fn rewrite(text: &str, references: &[(Range<usize>, Option<String>)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (range, new) in references {
        if let Some(new) = new {
            out.push_str(&text[at..range.start]);
            out.push_str(new);
            at = range.end;
        }
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str) -> Vec<String> {
        scan(text)
            .into_iter()
            .filter_map(|(range, reference)| match reference {
                Reference::Bare(name) => {
                    assert_eq!(&text[range], format!("@{name}"));
                    Some(name)
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn names_are_found_where_people_write_them() {
        assert_eq!(bare("@code-review, see (@Maya) and @Jürgen.\n@x"), ["code-review", "Maya", "Jürgen", "x"]);
        assert_eq!(bare("me@example.org a@b @@c /@d `@code` ``a ` @b`` \\@e @ @."), Vec::<String>::new());
        assert_eq!(bare("```\n@in-code\n```\n@after\n~~~\n```\n@x\n~~~\n@end"), ["after", "end"]);
        assert_eq!(bare("`open @here"), ["here"]);
        assert_eq!(bare(&format!("@{}", "x".repeat(100))), Vec::<String>::new());
        assert_eq!(bare(&"@a ".repeat(500)).len(), REFERENCES_MAX);
    }

    #[test]
    fn links_of_ours_are_known_again() {
        let (user, artifact) = (UserId::generate(), ArtifactId::generate());
        let text =
            format!("{} and {} [@x](/people/none) [y](/people/{user})", person_link("A [b] c", user), artifact_link("a-b", artifact));
        let found: Vec<_> = scan(&text).into_iter().map(|(_, reference)| reference).collect();
        assert_eq!(found, [Reference::Person(user), Reference::Artifact(artifact), Reference::Bare("x".into())]);
    }

    #[test]
    fn plain_text_shows_names_and_no_addresses() {
        let text = format!("ask {} about {}, @x", person_link("A [b]_c", UserId::generate()), artifact_link("a-b", ArtifactId::generate()));
        assert_eq!(plain(&text), "ask @A [b]_c about @a-b, @x");
    }

    #[test]
    fn what_is_resolved_becomes_a_link_and_the_rest_stays() {
        let text = "hi @a and @b!";
        let new: Vec<_> = scan(text)
            .into_iter()
            .map(|(range, reference)| (range, (reference == Reference::Bare("b".into())).then(|| "B".to_owned())))
            .collect();
        assert_eq!(rewrite(text, &new), "hi @a and B!");
        assert_eq!(handle("Maya  Chen"), "mayachen");
    }
}
