//! Strict reading of YAML with serde-saphyr, within tight limits.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Options, Spanned};

use super::Node;

/// A key of the root mapping.
pub(super) struct Top {
    pub key: String,
    /// Its line within the YAML, from 0.
    pub line: usize,
    /// It stands at the line's beginning.
    pub at_margin: bool,
    pub node: Node,
}

/// Why YAML could not be read.
pub(super) enum Fault {
    /// It is a list or a single value.
    NotAMap,
    /// It is not valid, or goes over the limits. The line is from 0.
    Broken { line: Option<usize>, message: String },
}

/// A value as YAML sees it. Numbers and booleans keep the text of the number only as a
/// substitute: what counts is how it is written (`1.10` is a version, not 1.1).
enum Kind {
    Null,
    Text(String),
    Plain(String),
    List(Vec<Spanned<Kind>>),
    Map(Vec<(Spanned<String>, Spanned<Kind>)>),
}

/// Reads a mapping. Blank YAML is an empty one. Repeated keys are all returned.
pub(super) fn read(yaml: &str) -> Result<Vec<Top>, Fault> {
    if yaml.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Ok(Vec::new());
    }
    let root: Spanned<Kind> = serde_saphyr::from_str_with_options(yaml, options()).map_err(|e| Fault::Broken {
        line: e.location().and_then(|l| (l.line() as usize).checked_sub(1)),
        message: first_sentence(&e.without_snippet().to_string()),
    })?;
    match root.value {
        Kind::Null => Ok(Vec::new()),
        Kind::Map(pairs) => Ok(pairs
            .into_iter()
            .map(|(key, value)| Top {
                line: (key.referenced.line() as usize).saturating_sub(1),
                at_margin: key.referenced.column() <= 1,
                key: key.value,
                node: node(value, yaml),
            })
            .collect()),
        _ => Err(Fault::NotAMap),
    }
}

/// Reads a single scalar as text, as for a quoted key.
pub(super) fn scalar(yaml: &str) -> Option<String> {
    serde_saphyr::from_str_with_options(yaml, options()).ok()
}

/// Frontmatter is small and flat. Aliases may repeat a value or two, but not multiply.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 40_000,
            max_nodes: 20_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_aliases: 64,
            max_anchors: 64,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 1_000,
            max_replay_stack_depth: 8,
        },
        // Reported by the caller; the first one counts.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
    }
}

fn node(value: Spanned<Kind>, yaml: &str) -> Node {
    match value.value {
        Kind::Null => Node::Null,
        Kind::Text(text) => Node::Text(text),
        Kind::Plain(substitute) => {
            let span = value.defined.span();
            let written = span
                .byte_offset()
                .zip(span.byte_len())
                .and_then(|(at, len)| yaml.get(at as usize..(at + len) as usize))
                .map(str::trim)
                .filter(|s| !s.is_empty() && !s.contains(char::is_whitespace));
            Node::Text(written.map_or(substitute, str::to_owned))
        }
        Kind::List(items) => Node::List(items.into_iter().map(|i| node(i, yaml)).collect()),
        Kind::Map(pairs) => Node::Map(pairs.into_iter().map(|(k, v)| (k.value, node(v, yaml))).collect()),
    }
}

/// The parser's message on one line, without what follows in parentheses or further lines.
fn first_sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default().trim();
    line.chars().take(160).collect::<String>().trim_end_matches('.').to_owned()
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Kind, E> {
        Ok(Kind::Plain(v.to_string()))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Kind, E> {
        Ok(Kind::Plain(v.to_string()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Kind, E> {
        Ok(Kind::Plain(v.to_string()))
    }

    fn visit_i128<E>(self, v: i128) -> Result<Kind, E> {
        Ok(Kind::Plain(v.to_string()))
    }

    fn visit_u128<E>(self, v: u128) -> Result<Kind, E> {
        Ok(Kind::Plain(v.to_string()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Kind, E> {
        Ok(Kind::Plain(v.to_string()))
    }

    fn visit_str<E>(self, v: &str) -> Result<Kind, E> {
        Ok(Kind::Text(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Kind, E> {
        Ok(Kind::Text(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Kind::Map(pairs))
    }
}
