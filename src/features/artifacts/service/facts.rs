//! What the library shows of an artifact, read from its text.

use crate::features::artifacts::model::{
    FrontmatterEntry, FrontmatterValue, Kind,
    document::Document,
    frontmatter::{Frontmatter, Node},
    invisible,
    validate::{self, Hint, Severity},
};

// Bounds of the columns; the text itself keeps everything.
const NAME_CHARS: usize = 200;
const DESCRIPTION_CHARS: usize = 2_000;
const WORD_CHARS: usize = 80;
const TAGS: usize = 50;

/// The columns that follow the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub name: String,
    pub description: String,
    pub category: String,
    pub tags: Vec<String>,
    pub version: String,
    pub author: String,
    /// How many ask for a change; what is only worth knowing does not mark the artifact in lists.
    pub hints: i64,
}

impl Facts {
    pub fn tags_json(&self) -> String {
        serde_json::to_string(&self.tags).unwrap_or_else(|_| "[]".to_owned())
    }

    pub fn of(kind: Kind, slug: &str, text: &str) -> Self {
        Reading::of(kind, slug, text).facts
    }
}

/// A text as understood.
pub struct Reading {
    pub facts: Facts,
    pub frontmatter: Frontmatter,
    pub hints: Vec<Hint>,
}

impl Reading {
    pub fn of(kind: Kind, slug: &str, text: &str) -> Self {
        let frontmatter = Frontmatter::parse(text);
        let hints = validate::hints(slug, kind.as_str(), &frontmatter, Document::parse(text).body);
        // A name that comes with a text loses what nobody sees in it, where one that is typed is refused.
        let name = cut(&invisible::without(frontmatter.title.as_deref().or(frontmatter.name.as_deref()).unwrap_or(slug)), NAME_CHARS);
        let mut tags: Vec<String> = Vec::new();
        for tag in frontmatter.tags.iter().map(|tag| cut(&tag.to_lowercase(), WORD_CHARS)).filter(|tag| !tag.is_empty()) {
            if tags.len() < TAGS && !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let word = |value: &Option<String>| cut(value.as_deref().unwrap_or_default(), WORD_CHARS);
        let facts = Facts {
            name: if name.is_empty() { slug.to_owned() } else { name },
            description: cut(frontmatter.description.as_deref().unwrap_or_default(), DESCRIPTION_CHARS),
            category: category(frontmatter.category.as_deref().unwrap_or_default()),
            tags,
            version: word(&frontmatter.version),
            author: word(&frontmatter.author),
            hints: hints.iter().filter(|hint| hint.severity != Severity::Info).count() as i64,
        };
        Self { facts, frontmatter, hints }
    }

    /// The top-level keys as a form edits them.
    pub fn entries(&self) -> Vec<FrontmatterEntry> {
        let entry = |key: &str, value| FrontmatterEntry { key: key.to_owned(), value };
        self.frontmatter
            .entries
            .iter()
            .map(|item| match &item.node {
                Node::Null => entry(&item.key, FrontmatterValue::Text(String::new())),
                Node::Text(text) => entry(&item.key, FrontmatterValue::Text(text.clone())),
                Node::List(nodes) if nodes.iter().all(|node| matches!(node, Node::Text(_))) => {
                    entry(&item.key, FrontmatterValue::List(nodes.iter().filter_map(Node::text).collect()))
                }
                _ => entry(&item.key, FrontmatterValue::Raw(item.raw.clone())),
            })
            .collect()
    }
}

/// Categories are compared as words of ours: lower case with hyphens.
fn category(text: &str) -> String {
    cut(&text.trim().to_lowercase().split_whitespace().collect::<Vec<_>>().join("-"), WORD_CHARS)
}

/// One line of at most `chars` characters.
fn cut(text: &str, chars: usize) -> String {
    let mut cut = String::new();
    for (index, c) in text.trim().chars().enumerate() {
        if index >= chars {
            cut.push('…');
            break;
        }
        cut.push(if c.is_control() { ' ' } else { c });
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_bounded_and_normal() {
        let text = format!(
            "---\nname: a\ntitle: A\u{202e} b\ncategory: Web Dev\ntags: [X, x, y]\ndescription: |\n  {}\n  two\n---\n# Hello\n",
            "d".repeat(3_000)
        );
        let facts = Facts::of(Kind::Skill, "a", &text);
        assert_eq!((facts.name.as_str(), facts.category.as_str()), ("A b", "web-dev"));
        assert_eq!(facts.tags, ["x", "y"]);
        assert!(facts.description.chars().count() <= DESCRIPTION_CHARS + 1 && !facts.description.contains('\n'));
    }

    #[test]
    fn without_frontmatter_the_slug_names_it() {
        let facts = Facts::of(Kind::Agent, "my-agent", "just text");
        assert_eq!(facts.name, "my-agent");
        assert!(facts.hints > 0);
        assert_eq!(Facts::of(Kind::Agent, "my-agent", "---\ntitle: \"\u{202e}\"\n---\n").name, "my-agent", "nobody sees a name there");
    }
}
