//! Reading YAML line by line: where each top-level key begins and ends, and what its value
//! probably is when the YAML is broken.

use super::{Node, yaml};

/// How deep broken nested mappings are recovered.
const MAX_DEPTH: usize = 4;

/// The lines of one top-level key within the YAML.
#[derive(Debug)]
pub(super) struct Segment {
    pub key: String,
    /// Where the value begins in the first line, in bytes.
    pub value_at: usize,
    /// First line, from 0.
    pub start: usize,
    /// The line after the last, without the blank lines and comments before the next key.
    pub end: usize,
}

/// Reads the key of a line such as `key: value`, and where its value begins (in bytes).
///
/// A key stands at the margin. With `spaced`, it may be of several words as YAML allows; without,
/// prose such as `Use when: foo` is not mistaken for one, which is what broken YAML needs.
pub fn key_of(line: &str, spaced: bool) -> Option<(String, usize)> {
    let line = line.trim_end();
    let first = line.chars().next()?;
    if matches!(first, '"' | '\'') {
        let end = quoted_len(line)?;
        let after = line[end..].trim_start();
        let at = line.len() - after.len() + 1;
        if !after.starts_with(':') || !(after.len() == 1 || after[1..].starts_with([' ', '\t'])) {
            return None;
        }
        return Some((yaml::scalar(&line[..end])?, at));
    }
    let colon = line.match_indices(':').map(|(i, _)| i).find(|i| line[i + 1..].is_empty() || line[i + 1..].starts_with([' ', '\t']))?;
    let key = line[..colon].trim_end();
    let simple = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fits = if spaced {
        let indicator = "#[]{},&*!|>%@`".contains(first) || first.is_whitespace();
        let item = matches!(first, '-' | '?') && key[1..].starts_with([' ', '\t']);
        !(indicator || item || key.is_empty() || key.contains(" #"))
    } else {
        (first.is_alphanumeric() || first == '_') && key.chars().all(simple)
    };
    fits.then(|| (key.to_owned(), colon + 1))
}

/// The length of a quoted scalar which ends on this line, quotes included.
pub(super) fn quoted_len(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next();
        } else if c == quote {
            if quote == '\'' && chars.peek().is_some_and(|(_, c)| *c == '\'') {
                chars.next();
            } else {
                return Some(i + 1);
            }
        }
    }
    None
}

/// The segments of valid YAML, given the lines where its keys stand. Nothing if they are not
/// plain `key: value` lines, as in a flow mapping.
pub(super) fn segments_at(lines: &[&str], tops: &[yaml::Top]) -> Option<Vec<Segment>> {
    let mut segments = Vec::with_capacity(tops.len());
    for (i, top) in tops.iter().enumerate() {
        let next = tops.get(i + 1).map_or(lines.len(), |t| t.line);
        let (key, value_at) = key_of(lines.get(top.line)?, true)?;
        if !top.at_margin || key != top.key || next <= top.line {
            return None;
        }
        segments.push(Segment { key, value_at, start: top.line, end: trim(lines, top.line, next) });
    }
    Some(segments)
}

/// The probable segments of broken YAML: a simple key at the margin begins one. Prose after a
/// blank line belongs to none.
pub(super) fn segments(lines: &[&str]) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut open = false;
    for (i, line) in lines.iter().enumerate() {
        if let Some((key, value_at)) = key_of(line, false) {
            segments.push(Segment { key, value_at, start: i, end: i + 1 });
            open = true;
        } else if let Some(last) = segments.last_mut().filter(|_| open) {
            let at_margin = !line.starts_with([' ', '\t', '-', '#', ']', '}']) && !line.trim().is_empty();
            if at_margin && lines[i - 1].trim().is_empty() {
                open = false;
            } else {
                last.end = i + 1;
            }
        }
    }
    for s in &mut segments {
        s.end = trim(lines, s.start, s.end);
    }
    segments
}

/// Leaves the blank lines and comments at the end of a segment to what follows.
fn trim(lines: &[&str], start: usize, mut end: usize) -> usize {
    let quote = lines[start].split_once(':').and_then(|(_, v)| v.trim_start().chars().next());
    let block_scalar = lines[start..end].iter().any(|l| ends_with_block_header(l));
    while end > start + 1 {
        let line = lines[end - 1].trim_end();
        let indented = line.starts_with([' ', '\t']);
        // In a block or quoted scalar an indented `#` is text.
        let comment = line.trim_start().starts_with('#')
            && !(indented && (block_scalar || quote.is_some_and(|q| matches!(q, '"' | '\'') && line.ends_with(q))));
        if !line.is_empty() && !comment {
            break;
        }
        end -= 1;
    }
    if keeps_blank_lines(&lines[start..end]) {
        while lines.get(end).is_some_and(|l| l.trim().is_empty()) {
            end += 1;
        }
    }
    end
}

/// How many of the lines that followed a removed key have to go with it, because the block
/// scalar before it would take them for its own: indented comments, and with `|+` blank lines.
pub(super) fn absorbed(before: &[&str], follows: &[&str]) -> usize {
    if !before.iter().any(|l| ends_with_block_header(l)) {
        return 0;
    }
    let blank = |l: &str| l.trim().is_empty();
    let comment = |l: &str| l.starts_with([' ', '\t']) && l.trim_start().starts_with('#');
    let run = follows.iter().take_while(|l| blank(l) || comment(l)).count();
    if keeps_blank_lines(before) {
        return run;
    }
    follows[..run].iter().rposition(|l| comment(l)).map_or(0, |i| i + 1)
}

/// Whether blank lines behind a segment belong to its value, as with `|+`.
fn keeps_blank_lines(lines: &[&str]) -> bool {
    lines.iter().any(|l| last_word(l).contains('+') && ends_with_block_header(l))
}

fn last_word(line: &str) -> &str {
    let line = line.split(" #").next().unwrap_or_default();
    line.rsplit([' ', '\t', ':']).find(|w| !w.trim().is_empty()).unwrap_or_default()
}

fn ends_with_block_header(line: &str) -> bool {
    is_block_header(last_word(line))
}

fn is_block_header(word: &str) -> bool {
    let word = word.trim_end();
    word.starts_with(['|', '>']) && word[1..].chars().all(|c| matches!(c, '+' | '-' | '1'..='9')) && word.len() <= 3
}

/// The probable value of a key. Sound YAML within the broken whole is read as such; else the
/// text is taken as meant. The second part says what is wrong, if anything is.
pub(super) fn recover(lines: &[&str], segment: &Segment, depth: usize) -> (Node, Option<String>) {
    let own = &lines[segment.start..segment.end];
    let head = own[0][segment.value_at.min(own[0].len())..].trim();
    let fault = match single(&own.concat()) {
        Ok(node) => return (node, None),
        Err(message) => diagnose(own, head).unwrap_or(message),
    };
    let untabbed: String = own.iter().map(|l| untab(l)).collect();
    if let Ok(node) = single(&untabbed) {
        return (node, Some(fault));
    }
    let rest: Vec<&str> = own[1..].iter().map(|l| l.trim_end_matches(['\n', '\r'])).collect();
    let items = || rest.iter().any(|l| l.trim() == "-" || l.trim_start().starts_with("- "));
    let node = if is_block_header(head) {
        Node::Text(block_scalar(head, &rest))
    } else if head.is_empty() && items() {
        Node::List(list_items(&rest).into_iter().map(Node::Text).collect())
    } else if head.is_empty() && depth < MAX_DEPTH && own[1..].iter().any(|l| key_of(l.trim_start(), false).is_some()) {
        let inner = dedent(&own[1..]);
        let inner: Vec<&str> = inner.iter().map(String::as_str).collect();
        let pairs = segments(&inner).into_iter().map(|s| (s.key.clone(), recover(&inner, &s, depth + 1).0)).collect();
        Node::Map(pairs)
    } else {
        let all = std::iter::once(head).chain(rest.iter().map(|l| l.trim())).filter(|l| !l.is_empty());
        let joined = all.collect::<Vec<_>>().join(" ");
        match joined.strip_prefix('[') {
            Some(flow) => Node::List(flow_items(flow).into_iter().map(Node::Text).collect()),
            None => Node::Text(unquote(&joined)),
        }
    };
    (node, Some(fault))
}

/// Reads one key alone.
fn single(text: &str) -> Result<Node, String> {
    match yaml::read(text) {
        Ok(mut tops) if tops.len() == 1 => Ok(tops.remove(0).node),
        Ok(_) | Err(yaml::Fault::NotAMap) => Err("the value is not on its own".into()),
        Err(yaml::Fault::Broken { message, .. }) => Err(message),
    }
}

/// Says what is wrong in words that help to fix it.
fn diagnose(own: &[&str], head: &str) -> Option<String> {
    let first = head.chars().next().unwrap_or(' ');
    if own.iter().any(|l| indent(l).contains('\t')) {
        Some("tabs cannot indent YAML".into())
    } else if matches!(first, '"' | '\'') {
        Some(match quoted_len(head) {
            Some(_) => "text follows the closing quote".into(),
            None => "a quote is not closed".into(),
        })
    } else if first == '[' && !own.concat().contains(']') {
        Some("a bracket is not closed".into())
    } else if !matches!(first, '[' | '{') && (head.contains(": ") || head.ends_with(':')) {
        Some("a value with a colon needs quotes".into())
    } else if matches!(first, '@' | '`' | '%' | '*' | '&' | '!' | '|' | '>') {
        Some(format!("a value that begins with {first} needs quotes"))
    } else {
        None
    }
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn untab(line: &str) -> String {
    let indent = indent(line);
    indent.replace('\t', "  ") + &line[indent.len()..]
}

/// Takes the common indentation away; tabs count as two spaces.
fn dedent(lines: &[&str]) -> Vec<String> {
    let lines: Vec<String> = lines.iter().map(|l| untab(l)).collect();
    let filled = lines.iter().filter(|l| !l.trim().is_empty());
    let common = filled.map(|l| indent(l).len()).min().unwrap_or(0);
    lines.iter().map(|l| l.get(common..).unwrap_or("\n").to_owned()).collect()
}

fn block_scalar(header: &str, rest: &[&str]) -> String {
    let lines = dedent(rest);
    let mut text = String::new();
    for line in lines.iter().map(|l| l.trim_end()) {
        if header.starts_with('>') && !text.is_empty() && !text.ends_with('\n') && !line.is_empty() {
            text.push(' ');
        } else if !text.is_empty() && (header.starts_with('|') || line.is_empty()) {
            text.push('\n');
        }
        text.push_str(line);
    }
    text.truncate(text.trim_end().len());
    if !header.contains('-') {
        text.push('\n');
    }
    text
}

fn list_items(rest: &[&str]) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for line in rest.iter().map(|l| l.trim()) {
        if line == "-" || line.starts_with("- ") {
            items.push(line[1..].trim().to_owned());
        } else if let Some(last) = items.last_mut().filter(|_| !line.is_empty() && !line.starts_with('#')) {
            last.push(' ');
            last.push_str(line);
        }
    }
    items.iter().map(|i| unquote(i.trim())).filter(|i| !i.is_empty()).collect()
}

/// The items of a flow list which may lack its end, without the opening bracket.
fn flow_items(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (c, quote) {
            (']', None) => break,
            (',', None) => {
                items.push(String::new());
                continue;
            }
            ('"' | '\'', None) if items.last().is_some_and(|i| i.trim().is_empty()) => quote = Some(c),
            (c, Some(q)) if c == q => quote = None,
            _ => {}
        }
        if let Some(last) = items.last_mut() {
            last.push(c);
        }
    }
    items.iter().map(|i| unquote(i.trim())).filter(|i| !i.is_empty()).collect()
}

/// Takes off quotes that stand at either end, whether they match or not, as long as they are
/// the only ones of their kind.
fn unquote(text: &str) -> String {
    let first = text.chars().next().unwrap_or(' ');
    if !matches!(first, '"' | '\'') {
        return text.to_owned();
    }
    if quoted_len(text) == Some(text.len())
        && let Some(text) = yaml::scalar(text)
    {
        return text;
    }
    let inner = &text[1..];
    let inner = inner.strip_suffix(first).unwrap_or(inner);
    // `"Foo" and more`: the quotes belong to the text.
    if quoted_len(text).is_some_and(|len| len < text.len()) && !text.ends_with(first) {
        return text.to_owned();
    }
    inner.to_owned()
}
