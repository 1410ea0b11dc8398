//! Code in colours, as the `hl-` classes that the style sheet knows.
//!
//! A scanner of our own: comments, strings, numbers, keywords, calls, keys and tags are what a reader's eye needs, they look
//! alike in nearly all languages, and one pass over the bytes takes microseconds. Grammars of regular expressions were tried:
//! 3 ms for each kilobyte, and 200 MB once a volume's languages had all been seen (docs/decisions has the figures).

mod languages;

use languages::{Language, Shape, find};

/// The code with `hl-` classes, escaped; none for a language that is not known.
pub fn classes(language: &str, code: &str) -> Option<String> {
    let language = find(&language.to_ascii_lowercase())?;
    let mut out = Out::with_capacity(code.len() * 2);
    match language.shape {
        Shape::Diff => diff(code, &mut out),
        Shape::Markup => markup(code, &mut out),
        Shape::Code | Shape::Data => Scanner { code, at: 0, language, out: &mut out }.run(),
    }
    Some(out.0)
}

/// HTML that grows by plain and by marked pieces.
struct Out(String);

impl Out {
    fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }
    fn plain(&mut self, text: &str) {
        super::escape_into(text, &mut self.0);
    }
    fn marked(&mut self, class: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        self.0.push_str("<span class=\"");
        self.0.push_str(class);
        self.0.push_str("\">");
        self.plain(text);
        self.0.push_str("</span>");
    }
}

const COMMENT: &str = "hl-comment";
const STRING: &str = "hl-string";
const KEYWORD: &str = "hl-keyword";
const NUMBER: &str = "hl-constant hl-numeric";
const CONSTANT: &str = "hl-constant hl-language";
const CALL: &str = "hl-entity hl-name hl-function";
const KEY: &str = "hl-mapping hl-key";
const TAG: &str = "hl-entity hl-name hl-tag";
const ATTRIBUTE: &str = "hl-entity hl-other hl-attribute-name";
const VARIABLE: &str = "hl-variable hl-parameter";

struct Scanner<'a> {
    code: &'a str,
    at: usize,
    language: &'static Language,
    out: &'a mut Out,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.code[self.at..]
    }

    /// Marks the next `length` bytes, which end between characters.
    fn mark(&mut self, class: &str, length: usize) {
        let text = &self.rest()[..length];
        self.out.marked(class, text);
        self.at += length;
    }

    fn pass(&mut self, length: usize) {
        let text = &self.rest()[..length];
        self.out.plain(text);
        self.at += length;
    }

    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            if self.comment() || self.string() {
                continue;
            }
            if c.is_ascii_digit() {
                let length = self.rest().bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_')).count();
                self.mark(NUMBER, length);
            } else if c == '$' && self.language.dollar {
                self.variable();
            } else if is_word(c) {
                self.word();
            } else {
                self.pass(c.len_utf8());
            }
        }
    }

    fn comment(&mut self) -> bool {
        let rest = self.rest();
        if let Some((open, close)) = self.language.block
            && rest.starts_with(open)
        {
            let length = rest[open.len()..].find(close).map_or(rest.len(), |at| open.len() + at + close.len());
            self.mark(COMMENT, length);
            return true;
        }
        let begins = self.language.line.iter().any(|mark| rest.starts_with(mark));
        // `#` in the middle of a word (an address, a shell's `$#`) is none.
        let free =
            self.code[..self.at].chars().next_back().is_none_or(|before| before.is_whitespace() || !rest.starts_with('#') || before == ';');
        if begins && free {
            self.mark(COMMENT, rest.find('\n').unwrap_or(rest.len()));
            return true;
        }
        false
    }

    fn string(&mut self) -> bool {
        let rest = self.rest();
        let Some(mark) = self.language.strings.iter().find(|mark| rest.starts_with(**mark)) else { return false };
        // An apostrophe in a word is none.
        if *mark == "'" && self.code[..self.at].chars().next_back().is_some_and(is_word) {
            return false;
        }
        let many_lines = mark.len() > 1 || *mark == "`";
        let mut length = mark.len();
        let mut closed = false;
        let bytes = rest.as_bytes();
        while length < bytes.len() {
            if rest.is_char_boundary(length) && rest[length..].starts_with(mark) {
                length += mark.len();
                closed = true;
                break;
            }
            match bytes[length] {
                b'\n' if !many_lines => break,
                b'\\' if self.language.escapes => {
                    length += 1 + rest.get(length + 1..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
                }
                _ => length += 1,
            }
        }
        let length = length.min(bytes.len());
        // A lifetime, a lone quote: to the end of the line it would colour what it does not mean.
        if !closed && !many_lines && *mark == "'" {
            self.pass(1);
            return true;
        }
        let key = self.language.shape == Shape::Data && rest[length..].trim_start_matches(' ').starts_with(':');
        self.mark(if key { KEY } else { STRING }, length);
        true
    }

    fn variable(&mut self) {
        let rest = &self.rest()[1..];
        let length = match rest.chars().next() {
            Some('{') => rest.find('}').map_or(1, |at| at + 1),
            Some(c) if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            Some('@' | '#' | '?' | '*' | '!') => 1,
            _ => 0,
        };
        if length == 0 { self.pass(1) } else { self.mark(VARIABLE, length + 1) }
    }

    fn word(&mut self) {
        let rest = self.rest();
        let hyphens = self.language.shape == Shape::Data || self.language.hyphens;
        let length = rest.find(|c: char| !(is_word(c) || (hyphens && c == '-'))).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        let folded;
        let known = if self.language.folds_case {
            folded = word.to_ascii_lowercase();
            folded.as_str()
        } else {
            word
        };
        let first_on_line = self.code[..self.at].rsplit('\n').next().unwrap_or_default().trim_start_matches([' ', '-']).is_empty();
        if self.language.shape == Shape::Data && first_on_line && after.trim_start_matches(' ').starts_with([':', '=']) {
            self.mark(KEY, length);
        } else if matches!(known, "true" | "false" | "null" | "nil" | "none" | "None" | "True" | "False" | "undefined" | "self" | "this") {
            self.mark(CONSTANT, length);
        } else if self.language.keywords.split(' ').any(|keyword| keyword == known) {
            self.mark(KEYWORD, length);
        } else if after.starts_with('(') && self.language.shape == Shape::Code {
            self.mark(CALL, length);
        } else {
            self.pass(length);
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn diff(code: &str, out: &mut Out) {
    for line in code.split_inclusive('\n') {
        match line.as_bytes().first() {
            Some(b'+') => out.marked("hl-markup hl-inserted", line),
            Some(b'-') => out.marked("hl-markup hl-deleted", line),
            Some(b'@') => out.marked("hl-markup hl-changed", line),
            _ => out.plain(line),
        }
    }
}

/// Tags with their attributes; everything between is text.
fn markup(code: &str, out: &mut Out) {
    let mut rest = code;
    while let Some(at) = rest.find('<') {
        out.plain(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with("<!--") {
            let length = rest.find("-->").map_or(rest.len(), |end| end + 3);
            out.marked(COMMENT, &rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let open = rest.len() - rest.trim_start_matches(['<', '/', '?', '!']).len();
        let name = rest[open..].find(|c: char| !(is_word(c) || matches!(c, '-' | ':' | '.'))).map_or(rest.len(), |end| open + end);
        out.plain(&rest[..open]);
        out.marked(TAG, &rest[open..name]);
        let end = rest[name..].find('>').map_or(rest.len(), |end| name + end);
        attributes(&rest[name..end], out);
        rest = &rest[end..];
    }
    out.plain(rest);
}

fn attributes(text: &str, out: &mut Out) {
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' | '\'' => rest[1..].find(c).map_or(rest.len(), |end| end + 2),
            c if is_word(c) => rest.find(|c: char| !(is_word(c) || matches!(c, '-' | ':' | '.' | '@'))).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        match c {
            '"' | '\'' => out.marked(STRING, &rest[..length]),
            c if is_word(c) => out.marked(ATTRIBUTE, &rest[..length]),
            _ => out.plain(&rest[..length]),
        }
        rest = &rest[length..];
    }
}

#[cfg(test)]
mod tests;
