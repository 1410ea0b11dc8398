//! The YAML frontmatter of a main file: read tolerantly, edited line by line.
//!
//! Reading never fails. YAML that a strict parser refuses (an unquoted colon in a description is
//! the classic) is read key by key, and what was wrong is listed as [`Problem`]s.

mod edit;
mod scan;
mod yaml;

use serde::{Deserialize, Serialize};

pub use edit::{Value, set_key};
pub use scan::key_of;

use super::document::Document;

/// Longer frontmatter is not read at all: an honest one has a few kilobytes.
pub const MAX_YAML: usize = 64 * 1024;

/// A YAML value. Numbers, booleans and dates are text as written: `1.10` stays `1.10`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Node {
    /// No value.
    Null,
    /// Any scalar.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in order; keys may repeat.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// A text for people: lists joined with commas, mappings as `key: value`. Trimmed; nothing
    /// if that leaves nothing.
    pub fn text(&self) -> Option<String> {
        let text = match self {
            Node::Null => String::new(),
            Node::Text(text) => text.trim().to_owned(),
            Node::List(items) => items.iter().filter_map(Node::text).collect::<Vec<_>>().join(", "),
            Node::Map(pairs) => {
                let pairs = pairs.iter().map(|(k, v)| format!("{k}: {}", v.text().unwrap_or_default()));
                pairs.collect::<Vec<_>>().join(", ")
            }
        };
        (!text.is_empty()).then_some(text)
    }

    /// A list of texts: of a list its items, of a text its comma-separated parts, of a mapping
    /// `key: value` each. Empty ones are left out.
    pub fn list(&self) -> Vec<String> {
        match self {
            Node::Null => Vec::new(),
            Node::Text(text) => {
                let parts = text.split([',', '\n']).map(str::trim);
                parts.filter(|p| !p.is_empty()).map(str::to_owned).collect()
            }
            Node::List(items) => items.iter().filter_map(Node::text).collect(),
            Node::Map(pairs) => pairs.iter().map(|(k, v)| v.text().map_or_else(|| k.clone(), |v| format!("{k}: {v}"))).collect(),
        }
    }

    /// The value of a key, if this is a mapping which has it. The first one counts.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Node::Map(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }
}

/// A top-level key, known or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value as written, without the space around it; it may have several lines.
    pub raw: String,
    /// Its value as understood.
    pub node: Node,
    /// Its first and last line in the file, from 1.
    pub lines: (usize, usize),
}

/// What kind of problem it is; stable, for tests and translations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// There is no frontmatter.
    Missing,
    /// The closing fence is missing.
    Unclosed,
    /// Blank lines stand before the opening fence; many tools then see none.
    NotFirst,
    /// The YAML is not valid.
    BrokenYaml,
    /// A tab indents a line, which YAML forbids.
    Tab,
    /// A key stands there twice; the first one counts.
    DuplicateKey,
    /// The YAML is a list or a text.
    NotAMap,
    /// It is longer than [`MAX_YAML`] and was not read.
    TooLarge,
}

/// Something wrong with the frontmatter which reading got past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// The line in the file, from 1.
    pub line: usize,
    /// A sentence for people.
    pub message: String,
    /// The kind.
    pub code: ProblemCode,
}

/// Frontmatter as understood. Comes from [`Frontmatter::parse`]; texts are trimmed and never
/// empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Frontmatter {
    /// `name`.
    pub name: Option<String>,
    /// `title`.
    pub title: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `category`, or that of `metadata`.
    pub category: Option<String>,
    /// `tags`, a list or a text with commas, or those of `metadata`.
    pub tags: Vec<String>,
    /// `version`, or that of `metadata`.
    pub version: Option<String>,
    /// `author`: a text, a map's `name`, or `authors` with commas; or that of `metadata`.
    pub author: Option<String>,
    /// `license`, or that of `metadata`.
    pub license: Option<String>,
    /// `dependencies`, or those of `metadata`.
    pub dependencies: Vec<String>,
    /// `kind`, else `type`.
    pub kind: Option<String>,
    /// All top-level keys in order, repeated ones too.
    pub entries: Vec<Entry>,
    /// What was wrong, by line.
    pub problems: Vec<Problem>,
    /// The file line on which the body begins, from 1.
    pub body_line: usize,
}

impl Frontmatter {
    /// Reads the frontmatter of a text. Takes any text and never fails, see [`Problem`].
    pub fn parse(text: &str) -> Frontmatter {
        let doc = Document::parse(text);
        let mut fm = Frontmatter { body_line: doc.body_line(), ..Frontmatter::default() };
        let fence = doc.yaml_line() - 1;
        if !doc.has_frontmatter() {
            fm.problem(1, ProblemCode::Missing, "There is no frontmatter.");
            return fm;
        }
        if doc.lead.contains('\n') {
            fm.problem(fence, ProblemCode::NotFirst, "The frontmatter must begin on the first line.");
        }
        if doc.is_unclosed() {
            fm.problem(fence, ProblemCode::Unclosed, "The frontmatter has no closing --- line.");
        }
        if doc.yaml.len() > MAX_YAML {
            fm.problem(fence, ProblemCode::TooLarge, "The frontmatter is longer than 64 KiB and was not read.");
            return fm;
        }
        let block = Block::read(doc.yaml);
        let first = doc.yaml_line();
        fm.entries = block.entries(first);
        for (line, code, message) in block.problems {
            fm.problem(first + line, code, message);
        }
        for (i, entry) in fm.entries.iter().enumerate() {
            if fm.entries[..i].iter().any(|e| e.key == entry.key) {
                fm.problems.push(Problem {
                    line: entry.lines.0,
                    message: format!("The key {} stands there twice; the first one counts.", entry.key),
                    code: ProblemCode::DuplicateKey,
                });
            }
        }
        fm.problems.sort_by_key(|p| p.line);
        fm.fill();
        fm
    }

    /// The value of a top-level key. The first one counts.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|e| e.key == key).map(|e| &e.node)
    }

    /// The file line of a top-level key, from 1.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        self.entries.iter().find(|e| e.key == key).map(|e| e.lines.0)
    }

    /// The value of a key, else of the same key in `metadata`, where agentskills.io puts what it
    /// does not define.
    fn field(&self, key: &str) -> Option<&Node> {
        let full = |n: &&Node| n.text().is_some();
        let nested = || self.get("metadata").and_then(|m| m.get(key));
        self.get(key).filter(full).or_else(|| nested().filter(full))
    }

    fn fill(&mut self) {
        let text = |key: &str| self.field(key).and_then(Node::text);
        let list = |key: &str| self.field(key).map(Node::list).unwrap_or_default();
        let top = |key: &str| self.get(key).and_then(Node::text);
        let author = |node: &Node| node.get("name").map_or_else(|| node.text(), Node::text);
        let authors = |node: &Node| match node {
            Node::List(items) => Some(items.iter().filter_map(author).collect::<Vec<_>>().join(", ")),
            node => author(node),
        };
        let filled = Frontmatter {
            name: top("name"),
            title: text("title"),
            description: top("description"),
            category: text("category"),
            tags: list("tags"),
            version: text("version"),
            author: self.field("author").or_else(|| self.field("authors")).and_then(authors),
            license: text("license"),
            dependencies: list("dependencies"),
            kind: top("kind").or_else(|| top("type")),
            ..Frontmatter::default()
        };
        *self = Frontmatter {
            entries: std::mem::take(&mut self.entries),
            problems: std::mem::take(&mut self.problems),
            body_line: self.body_line,
            ..filled
        };
    }

    fn problem(&mut self, line: usize, code: ProblemCode, message: impl Into<String>) {
        self.problems.push(Problem { line, message: message.into(), code });
    }
}

/// The YAML between the fences as read, shared by reading and editing so that both agree on
/// which lines are whose.
struct Block<'a> {
    lines: Vec<&'a str>,
    /// Where each key stands, with its value.
    keys: Vec<(scan::Segment, Node)>,
    /// Keys that are no lines of their own (a flow mapping); editing has to rewrite the block.
    inline: bool,
    /// Line within the YAML (from 0), kind and message.
    problems: Vec<(usize, ProblemCode, String)>,
}

impl<'a> Block<'a> {
    fn read(text: &'a str) -> Block<'a> {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut block = Block { lines, keys: Vec::new(), inline: false, problems: Vec::new() };
        let fault = match yaml::read(text) {
            Ok(tops) => {
                match scan::segments_at(&block.lines, &tops) {
                    Some(segments) => block.keys = segments.into_iter().zip(tops.into_iter().map(|t| t.node)).collect(),
                    None => block.inline(tops),
                }
                return block;
            }
            Err(fault) => fault,
        };
        for segment in scan::segments(&block.lines) {
            let (node, fault) = scan::recover(&block.lines, &segment, 0);
            if let Some(message) = fault {
                let own = &block.lines[segment.start..segment.end];
                let tab = own.iter().position(|l| l.trim_start_matches(' ').starts_with('\t'));
                let code = tab.map_or(ProblemCode::BrokenYaml, |_| ProblemCode::Tab);
                let line = segment.start + tab.unwrap_or(0);
                block.problems.push((line, code, format!("The value of {} is not valid YAML: {message}.", segment.key)));
            }
            block.keys.push((segment, node));
        }
        if block.problems.is_empty() {
            block.problems.push(match fault {
                yaml::Fault::NotAMap => (0, ProblemCode::NotAMap, "The frontmatter has no keys.".into()),
                yaml::Fault::Broken { line, message } => (
                    line.unwrap_or(0).min(block.lines.len().saturating_sub(1)),
                    ProblemCode::BrokenYaml,
                    format!("The frontmatter is not valid YAML: {message}."),
                ),
            });
        }
        block
    }

    /// Takes keys which are not at the margin; each spans from its line to the next key's.
    fn inline(&mut self, tops: Vec<yaml::Top>) {
        self.inline = true;
        for top in tops {
            let segment = scan::Segment { key: top.key, value_at: 0, start: top.line, end: top.line + 1 };
            self.keys.push((segment, top.node));
        }
    }

    fn entries(&self, first: usize) -> Vec<Entry> {
        let raw = |s: &scan::Segment, node: &Node| {
            if self.inline {
                return edit::flow(node);
            }
            let text = self.lines[s.start..s.end].concat();
            text[s.value_at.min(text.len())..].trim().to_owned()
        };
        let entry = |(s, node): &(scan::Segment, Node)| Entry {
            key: s.key.clone(),
            raw: raw(s, node),
            node: node.clone(),
            lines: (first + s.start, first + s.end - 1),
        };
        self.keys.iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests;
