//! Editing one key of the frontmatter without touching the lines of any other.

use super::super::document::Document;
use super::super::invisible;
use super::{Block, Node, scan, yaml};

/// Lists up to this long go on one line when the key is new.
const FLOW_WIDTH: usize = 80;

/// What [`set_key`] gives a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text, quoted as YAML needs it.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
    /// Nothing: the key goes.
    Remove,
}

impl Value {
    /// What reading the key gives afterwards.
    pub(super) fn node(&self) -> Node {
        match self {
            Value::Text(text) => Node::Text(text.clone()),
            Value::List(items) => Node::List(items.iter().cloned().map(Node::Text).collect()),
            Value::Remove => Node::Null,
        }
    }
}

/// Sets or removes a top-level key of the frontmatter and returns the whole text.
///
/// Only the lines of that key change; every other line, order, comments and the body stay byte
/// for byte. A new key goes last; without frontmatter a block is made. How the value was written
/// (quotes, one line per item, a comment behind it) is kept where possible. When the key stands
/// there twice, the first is set and the others go. A missing closing fence is added. Only a
/// block whose keys are no lines of their own (`{name: a}`) is rewritten as a whole.
/// Takes any text and never fails.
pub fn set_key(text: &str, key: &str, value: &Value) -> String {
    let doc = Document::parse(text);
    let reference = if doc.has_frontmatter() { doc.open } else { text.split_inclusive('\n').next().unwrap_or("") };
    let eol = if reference.ends_with("\r\n") { "\r\n" } else { "\n" };
    if !doc.has_frontmatter() {
        if *value == Value::Remove {
            return text.to_owned();
        }
        let entry = render(key, &key_text(key), value, &Old::default(), "", eol);
        let (mark, rest) = text.split_at(text.len() - text.trim_start_matches('\u{FEFF}').len());
        return format!("{mark}---{eol}{entry}---{eol}{rest}");
    }
    let block = Block::read(doc.yaml);
    let mut yaml = edit_yaml(&block, key, value, eol, false);
    // In broken YAML, a quote or bracket of the new value could close one left open before.
    if !block.problems.is_empty() && !reads_back(&block, &yaml, key, value) {
        yaml = edit_yaml(&block, key, value, eol, true);
    }
    if yaml == doc.yaml {
        return text.to_owned();
    }
    let close = match doc.close {
        "" => format!("---{eol}"),
        close => close.to_owned(),
    };
    [doc.lead, doc.open, &yaml, &close, doc.body].concat()
}

/// Whether the edited YAML gives the value, and for all other keys what they were.
fn reads_back(old: &Block, yaml: &str, key: &str, value: &Value) -> bool {
    let new = Block::read(yaml);
    let others = |(s, _): &&(scan::Segment, Node)| s.key != key;
    let pair = |(s, node): &(scan::Segment, Node)| (s.key.clone(), node.clone());
    let kept = new.keys.iter().filter(others).map(pair);
    let own = new.keys.iter().find(|(s, _)| s.key == key).map(|(_, n)| n);
    let expected = (*value != Value::Remove).then(|| value.node());
    own == expected.as_ref() && kept.eq(old.keys.iter().filter(others).map(pair))
}

fn edit_yaml(block: &Block, key: &str, value: &Value, eol: &str, guard: bool) -> String {
    let text = block.lines.concat();
    let known = block.keys.iter().any(|(s, _)| s.key == key);
    if !known && *value == Value::Remove {
        return text;
    }
    let fresh = || match guard {
        true => guarded(&key_text(key), value, eol),
        false => render(key, &key_text(key), value, &Old::default(), "", eol),
    };
    if block.inline {
        let mut out: String =
            block.keys.iter().filter(|(s, _)| s.key != key).map(|(s, node)| format!("{}: {}{eol}", key_text(&s.key), flow(node))).collect();
        if *value != Value::Remove {
            out += &fresh();
        }
        return out;
    }
    let mut out = String::with_capacity(text.len() + 80);
    let mut at = 0;
    let mut written = false;
    for (i, (segment, _)) in block.keys.iter().enumerate().filter(|(_, (s, _))| s.key == key) {
        out += &block.lines[at..segment.start].concat();
        at = segment.end;
        let before = i.checked_sub(1).map(|i| &block.keys[i].0);
        if let Some(before) = before.filter(|b| b.key != key && (written || *value == Value::Remove)) {
            at += scan::absorbed(&block.lines[before.start..before.end], &block.lines[at..]);
        }
        if !written && *value != Value::Remove && guard {
            out += &fresh();
        } else if !written && *value != Value::Remove {
            let lines = &block.lines[segment.start..segment.end];
            let line = lines[0];
            let name = line[..segment.value_at].trim_end().trim_end_matches(':').trim_end();
            // What follows must not become part of the new value.
            let follows = &block.lines[at..];
            let next = follows.iter().position(|l| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
            let follows = follows[..next.unwrap_or(follows.len())].concat();
            out += &render(key, name, value, &Old::read(lines, segment.value_at), &follows, eol);
        }
        written = true;
    }
    out += &block.lines[at..].concat();
    if !written {
        if !out.is_empty() && !out.ends_with('\n') {
            out += eol;
        }
        out += &fresh();
    } else if !out.is_empty() && !out.ends_with('\n') {
        out += eol;
    }
    out
}

/// How a value is written now, as far as a new one should be written alike.
#[derive(Default)]
struct Old<'a> {
    style: Style<'a>,
    /// A comment behind the value, with the space before it.
    comment: &'a str,
    /// The items of a list with one line each: value, and lines with the comments before it.
    items: Vec<(String, String)>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Style<'a> {
    #[default]
    Plain,
    Single,
    Double,
    Flow,
    /// One line per item, with this indentation.
    Items(&'a str),
}

impl<'a> Old<'a> {
    fn read(lines: &[&'a str], value_at: usize) -> Old<'a> {
        let tail = lines[0][value_at..].trim_end();
        let head = tail.trim_start();
        let offset = tail.len() - head.len();
        let dash = lines[1..].iter().find(|l| {
            let l = l.trim();
            !l.is_empty() && !l.starts_with('#')
        });
        let dash = dash.filter(|l| l.trim_start().starts_with("- ") || l.trim() == "-");
        let (style, value_len) = match head.chars().next() {
            Some('"') => (Style::Double, scan::quoted_len(head)),
            Some('\'') => (Style::Single, scan::quoted_len(head)),
            Some('[') => (Style::Flow, head.rfind(']')),
            None | Some('#') => match dash {
                Some(line) => (Style::Items(&line[..line.len() - line.trim_start().len()]), Some(0)),
                None => (Style::Plain, Some(0)),
            },
            Some('|' | '>') => (Style::Plain, Some(0)),
            _ if lines.len() == 1 => (Style::Plain, Some(0)),
            _ => (Style::Plain, None),
        };
        let from = value_len.map_or(tail.len(), |len| (offset + len).min(tail.len()));
        let comment = tail[from..].find('#').map(|i| from + i).filter(|i| {
            let before = &tail[..*i];
            before.is_empty() || before.ends_with([' ', '\t'])
        });
        // Of several, as in `a#b # c`, the first one after a space counts.
        let comment = comment.or_else(|| tail[from..].find(" #").map(|i| from + i + 1));
        let comment = comment.map_or("", |i| &tail[tail[..i].trim_end().len()..]);
        Old { style, comment, items: if matches!(style, Style::Items(_)) { items(&lines[1..]) } else { Vec::new() } }
    }
}

/// The items of a list which have one line each, with the comments that stand before them.
fn items(lines: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut from = 0;
    for (i, line) in lines.iter().enumerate() {
        let text = line.trim();
        if text.starts_with('#') {
            continue;
        }
        let goes_on = lines.get(i + 1).is_some_and(|l| {
            let l = l.trim_start();
            !l.is_empty() && !l.starts_with("- ") && !l.starts_with('#')
        });
        // Reads `- item` alone, as the value of some key.
        if text.starts_with("- ")
            && !goes_on
            && let Ok(tops) = yaml::read(&format!("k:\n  {text}\n"))
            && let Some(Node::List(list)) = tops.first().map(|t| &t.node)
            && let [Node::Text(item)] = &list[..]
        {
            found.push((item.clone(), lines[from..=i].concat()));
        }
        from = i + 1;
    }
    found
}

/// Writes the lines of a key. The nicest form that reads back as the value wins; the last one
/// always does.
fn render(key: &str, name: &str, value: &Value, old: &Old, follows: &str, eol: &str) -> String {
    let mut forms = Vec::new();
    match value {
        Value::Remove => {}
        Value::Text(text) => {
            match old.style {
                Style::Double => forms.push(format!(" {}{}", double(text, ""), old.comment)),
                Style::Single if single_fits(text) => {
                    forms.push(format!(" '{}'{}", text.replace('\'', "''"), old.comment));
                }
                _ => {}
            }
            if block_fits(text) {
                let chomp = if text.ends_with('\n') { "" } else { "-" };
                let lines = text.trim_end_matches('\n').split('\n').map(|l| match l {
                    "" => eol.to_owned(),
                    l => format!("  {l}{eol}"),
                });
                let form = format!(" |{chomp}{}{eol}{}", old.comment, lines.collect::<String>());
                // A text with lines stays readable, even where quotes were before.
                forms.insert(0, form);
            } else if plain_fits(text, false) {
                forms.push(format!(" {text}{}", old.comment));
            }
            forms.push(format!(" {}{}", double(text, ""), old.comment));
            forms.push(format!(" {}", double(text, "")));
        }
        Value::List(list) => {
            let one_line = format!(" {}{}", flow(&value.node()), old.comment);
            let rows = match old.style {
                Style::Items(indent) => Some(indent),
                Style::Flow => None,
                _ if one_line.len() > FLOW_WIDTH => Some("  "),
                _ => None,
            };
            if let Some(indent) = rows.filter(|_| !list.is_empty()) {
                let mut kept: Vec<Option<&(String, String)>> = old.items.iter().map(Some).collect();
                let mut form = format!("{}{eol}", old.comment);
                for item in list {
                    let reuse = kept.iter_mut().find(|k| k.is_some_and(|(v, _)| v == item)).and_then(Option::take);
                    match reuse {
                        Some((_, line)) => form += line,
                        None => form += &format!("{indent}- {}{eol}", scalar(item, false)),
                    }
                    if !form.ends_with('\n') {
                        form += eol;
                    }
                }
                forms.push(form);
            }
            forms.push(one_line);
            forms.push(format!(" {}", flow(&value.node())));
        }
    }
    let expected = value.node();
    let mut last = String::new();
    for form in forms {
        last = format!("{name}:{form}");
        if !last.ends_with('\n') {
            last += eol;
        }
        let back = yaml::read(&format!("{last}{follows}"));
        if back.is_ok_and(|tops| matches!(&tops[..], [top] if top.key == key && top.node == expected)) {
            break;
        }
    }
    last
}

/// Writes the lines of a key so that whatever is left open before, it is not closed by them: in
/// one line, with everything that means something to YAML as an escape.
fn guarded(name: &str, value: &Value, eol: &str) -> String {
    let text = |text: &String| double(text, "'[]{}\"#:, ");
    let value = match value {
        Value::Remove => return String::new(),
        Value::Text(t) => text(t),
        Value::List(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(", ")),
    };
    format!("{name}: {value}{eol}")
}

/// A value on one line: lists and mappings in brackets.
pub(super) fn flow(node: &Node) -> String {
    match node {
        Node::Null => "null".into(),
        Node::Text(text) => scalar(text, true),
        Node::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Node::Map(pairs) => {
            let pairs = pairs.iter().map(|(k, v)| format!("{}: {}", key_text(k), flow(v)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn scalar(text: &str, in_flow: bool) -> String {
    if plain_fits(text, in_flow) { text.to_owned() } else { double(text, "") }
}

fn key_text(key: &str) -> String {
    let simple = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if simple && key.starts_with(|c: char| c.is_ascii_alphabetic()) && plain_fits(key, true) { key.to_owned() } else { double(key, "") }
}

/// Whether a text is safe without quotes. Errs on the side of quotes: other parsers, of YAML 1.1
/// too, have to read the same.
fn plain_fits(text: &str, in_flow: bool) -> bool {
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let number_like = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | '+' | '-' | ':' | '_' | 'x' | 'o' | 'T' | 'Z' | ' ');
    let Some(first) = text.chars().next() else {
        return false;
    };
    let quotes = text.trim() != text
        || "-?:,[]{}#&*!|>'\"%@`~=<.+".contains(first)
        || (first.is_ascii_digit() && text.chars().all(number_like))
        || reserved.iter().any(|r| r.eq_ignore_ascii_case(text))
        || text.contains(": ")
        || text.contains(" #")
        || text.ends_with(':')
        || text.chars().any(needs_escape)
        || (in_flow && text.contains([',', '[', ']', '{', '}', ':', '"', '\'']));
    !quotes
}

fn single_fits(text: &str) -> bool {
    !text.chars().any(needs_escape)
}

/// Whether a text can stand as an indented block: several lines, none of which a parser or an
/// editor that strips spaces would read differently.
fn block_fits(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && body.split('\n').all(|l| l.trim_end() == l)
        && !body.chars().any(|c| c != '\n' && c != '\t' && needs_escape(c))
}

/// Control characters, line separators and whatever cannot be seen.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}')
        || (c.is_whitespace() && c != ' ')
        || invisible::classify(c).is_some_and(|_| !matches!(c, '\u{FE0F}' | '\u{200D}'))
}

/// Double quotes around a text; `escape` lists what else is written as an escape.
fn double(text: &str, escape: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            c if escape.contains(c) => out += &format!("\\x{:02X}", c as u32),
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            c if needs_escape(c) && c as u32 > 0xFFFF => out += &format!("\\U{:08X}", c as u32),
            c if needs_escape(c) => out += &format!("\\u{:04X}", c as u32),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
