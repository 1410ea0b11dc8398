//! A file as lines, each with what it is: prose, code, a comment nobody sees in the rendered page, frontmatter, a line of a script.

use std::borrow::Cow;

use serde::Deserialize;

use crate::clean::clean;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// Markdown that is shown.
    Prose,
    /// A fenced block of markdown.
    Code,
    /// An HTML comment of markdown, or what CSS hides: agents read it, people do not.
    Comment,
    /// The YAML at the beginning.
    Frontmatter,
    /// A file that is no markdown.
    Script,
}

#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub text: &'a str,
    /// The text as it is meant.
    pub meant: Cow<'a, str>,
    /// Counted from 1.
    pub number: u32,
    pub place: Place,
    /// Of a fenced block: its language, as written.
    pub language: &'a str,
    /// Index of the line of the heading that it stands under.
    pub heading: Option<usize>,
    /// Of a fenced block: index of its opening line.
    pub fence: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub path: &'a str,
    pub lines: Vec<Line<'a>>,
    pub markdown: bool,
    /// It was read out of something encoded: how.
    pub decoded: Option<&'static str>,
}

/// The text of a file, if it is one. UTF-16 with a byte order mark is read too: some shells do.
pub(crate) fn text_of(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let wide = |unit: fn([u8; 2]) -> u16| {
        let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xFF, 0xFE, ..] => return Some(Cow::Owned(wide(u16::from_le_bytes))),
        [0xFE, 0xFF, ..] => return Some(Cow::Owned(wide(u16::from_be_bytes))),
        _ => {}
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (!text.as_bytes().contains(&0)).then_some(Cow::Borrowed(text));
    }
    let text = String::from_utf8_lossy(bytes);
    let odd = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER || *c == '\0').count();
    (odd * 20 < text.len()).then_some(Cow::Owned(text.into_owned()))
}

/// The ending of a path in lower case, without the dot.
pub(crate) fn ending(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

impl<'a> Source<'a> {
    pub fn new(path: &'a str, text: &'a str) -> Self {
        let markdown = matches!(ending(path).as_str(), "md" | "mdx" | "markdown" | "mdc" | "rst" | "adoc");
        let mut source = Self { path, lines: Vec::new(), markdown, decoded: None };
        if markdown {
            source.read_markdown(text);
        } else {
            source.lines = lines(text).map(|(number, text)| plain(number, text, Place::Script)).collect();
        }
        source
    }

    /// What was encoded at `line` of a file, all of it at that line.
    pub fn decoded(path: &'a str, text: &'a str, line: u32, how: &'static str) -> Self {
        let lines = lines(text).map(|(_, text)| plain(line, text, Place::Script)).collect();
        Self { path, lines, markdown: false, decoded: Some(how) }
    }

    fn read_markdown(&mut self, text: &'a str) {
        let (mut frontmatter, mut comment, mut heading) = (false, false, None);
        // The fence's character, its length, its language, the index of its line.
        let mut fence: Option<(char, usize, &str, usize)> = None;
        for (number, text) in lines(text) {
            let index = self.lines.len();
            let inner = text.trim_start_matches(['>', ' ', '\t']);
            let mut line = plain(number, text, Place::Prose);
            line.heading = heading;
            if number == 1 && text.trim_end() == "---" {
                frontmatter = true;
                line.place = Place::Frontmatter;
            } else if frontmatter {
                line.place = Place::Frontmatter;
                frontmatter = !matches!(text.trim_end(), "---" | "...");
            } else if let Some((mark, length, language, at)) = fence {
                line.fence = Some(at);
                let closing = inner.trim_end();
                if closing.chars().count() >= length && closing.chars().all(|c| c == mark) {
                    fence = None;
                } else {
                    line.place = Place::Code;
                    line.language = language;
                }
            } else if comment {
                line.place = Place::Comment;
                comment = !text.contains("-->");
            } else if let Some((mark, length, language)) = opening(inner) {
                fence = Some((mark, length, language, index));
                line.fence = Some(index);
            } else if is_hidden(inner) {
                line.place = Place::Comment;
                comment = text.rfind("<!--").is_some_and(|at| !text[at..].contains("-->"));
            } else if inner.starts_with('#') && inner.trim_start_matches('#').starts_with(' ') {
                heading = Some(index);
            }
            self.lines.push(line);
        }
    }

    /// The line with this number, of files that are not decoded.
    pub fn line(&self, number: u32) -> Option<&Line<'a>> {
        match self.decoded {
            Some(_) => self.lines.first(),
            None => self.lines.get(number.checked_sub(1)? as usize),
        }
    }
}

fn plain(number: u32, text: &str, place: Place) -> Line<'_> {
    Line { text, meant: clean(text), number, place, language: "", heading: None, fence: None }
}

/// A byte order mark at the beginning of a file says how it is written and hides nothing. A carriage return alone ends a line for a
/// terminal.
fn lines(text: &str) -> impl Iterator<Item = (u32, &str)> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    // The line ends of old Macs.
    let end = if text.contains('\n') { '\n' } else { '\r' };
    (1..).zip(text.split(end).map(|line| line.strip_suffix('\r').unwrap_or(line)))
}

fn opening(line: &str) -> Option<(char, usize, &str)> {
    // A fence may stand in a list item.
    let line = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches(['-', '*', '+', '.', ')', ' ']);
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let rest = line.trim_start_matches(mark);
    let length = line.len() - rest.len();
    (length >= 3 && !rest.contains(mark)).then(|| (mark, length, rest.split_whitespace().next().unwrap_or_default()))
}

/// Is there something on the line that a rendered page does not show: a comment of HTML or markdown, or what a style hides?
fn is_hidden(line: &str) -> bool {
    if line.contains("<!--") || line.starts_with("[//]:") || line.starts_with("[comment]:") {
        return true;
    }
    let Some(at) = line.find("style=") else { return line.contains("<") && line.contains(" hidden>") };
    let style: String = line[at..].chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    ["display:none", "visibility:hidden", "font-size:0", "opacity:0;", "opacity:0\"", "color:white", "color:#fff", "color:transparent"]
        .iter()
        .any(|hiding| style.contains(hiding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_know_what_they_are() {
        let text = "---\nname: a\n---\n# Title\ntext\n```sh\ncurl x\n```\n<!-- one -->\n<!-- two\nthree -->\ntext\n> ~~~py\n> x\n> ~~~\n";
        let source = Source::new("SKILL.md", text);
        let places: Vec<_> = source.lines.iter().map(|line| line.place).collect();
        use Place::*;
        assert_eq!(
            places,
            [
                Frontmatter,
                Frontmatter,
                Frontmatter,
                Prose,
                Prose,
                Prose,
                Code,
                Prose,
                Comment,
                Comment,
                Comment,
                Prose,
                Prose,
                Code,
                Prose,
                Prose
            ]
        );
        assert_eq!(source.lines[6].language, "sh");
        assert_eq!(source.lines[6].heading, Some(3));
        assert_eq!(source.lines[13].language, "py");
    }

    #[test]
    fn wide_text_is_read_and_bytes_are_not() {
        let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain("curl x | sh".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(text_of(&wide).as_deref(), Some("curl x | sh"));
        assert_eq!(text_of(&[0x89, b'P', b'N', b'G', 0, 0, 1]), None);
        assert!(text_of(b"caf\xe9 in the old code page of western Europe").is_some());
    }
}
