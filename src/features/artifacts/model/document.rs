//! A main file taken apart without loss.
//!
//! Two layers: [`Document::decode`] turns bytes into text that any editor can hold and an
//! [`Envelope`] which turns that text back into the very same bytes; [`Document::parse`] cuts
//! the text into fences, YAML and body, as slices of it, so that nothing can go missing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::frontmatter::key_of;

/// The UTF-8 byte order mark.
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// How the lines of a file end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Eol {
    /// `\n` throughout, or no line end at all.
    #[default]
    Lf,
    /// `\r\n` throughout.
    CrLf,
    /// More than one kind, or a lone `\r`: only the original bytes say which line has which.
    Mixed,
}

/// What the bytes of a file hold beyond its text; it is what turns edited text back into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Envelope {
    /// The file begins with a UTF-8 byte order mark.
    pub bom: bool,
    /// How its lines end.
    pub eol: Eol,
    /// Edited text is written with `\r\n`: the file's prevailing line end.
    pub crlf: bool,
    /// Text and envelope alone give the same bytes. If not, [`Envelope::encode`] needs the
    /// original bytes for an exact round trip.
    pub exact: bool,
}

/// A file as text. Comes from [`Document::decode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text: `\n` line ends only, no byte order mark, no NUL (databases refuse it).
    pub text: String,
    /// How to get the bytes back.
    pub envelope: Envelope,
    /// Some bytes are not in the text: invalid UTF-8 or NUL shows as U+FFFD. Saving an edited
    /// text would lose them, so a caller keeps such a file read-only or asks first.
    pub lossy: bool,
}

/// The sections of a text, in order. Joined together they are the text again, see
/// [`Document::text`]. Without frontmatter all sections but `body` are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// What stands before the opening fence: nothing, or blank lines.
    pub lead: &'a str,
    /// The opening fence with its line end; empty when there is no frontmatter.
    pub open: &'a str,
    /// The raw YAML between the fences, with its last line end.
    pub yaml: &'a str,
    /// The closing fence (`---` or `...`) with its line end; empty when it is missing.
    pub close: &'a str,
    /// Everything after the closing fence.
    pub body: &'a str,
}

impl<'a> Document<'a> {
    /// Turns the bytes of a file into text. Takes any bytes and never fails: what is no text is
    /// shown as U+FFFD and reported by [`Decoded::lossy`].
    pub fn decode(bytes: &[u8]) -> Decoded {
        let (bom, rest) = match bytes.strip_prefix(BOM) {
            Some(rest) => (true, rest),
            None => (false, bytes),
        };
        let mut text = String::from_utf8_lossy(rest);
        let mut lossy = matches!(text, Cow::Owned(_));
        if text.contains('\0') {
            text = Cow::Owned(text.replace('\0', "\u{FFFD}"));
            lossy = true;
        }
        let crlf = text.matches("\r\n").count();
        let lf = text.matches('\n').count() - crlf;
        let cr = text.matches('\r').count() - crlf;
        let eol = match (lf, crlf, cr) {
            (_, 0, 0) => Eol::Lf,
            (0, _, 0) => Eol::CrLf,
            _ => Eol::Mixed,
        };
        Decoded {
            text: normalise(&text).into_owned(),
            envelope: Envelope { bom, eol, crlf: crlf > lf, exact: !lossy && eol != Eol::Mixed },
            lossy,
        }
    }

    /// Cuts a text into its sections. Takes any text and never fails.
    ///
    /// Frontmatter is a block fenced by `---` at the top which holds something like
    /// `key: value` (or nothing): two thematic breaks with prose in between are body. A missing
    /// closing fence is tolerated: the block then ends where the keys do and `close` is empty.
    pub fn parse(text: &'a str) -> Document<'a> {
        let none = Document { lead: "", open: "", yaml: "", close: "", body: text };
        let content = text.trim_start_matches(['\u{FEFF}', '\n', '\r', ' ', '\t']);
        let Some(open) = content.split_inclusive('\n').next().filter(|l| l.trim_end() == "---") else {
            return none;
        };
        // An indented fence is none: the lead has to end with a whole line.
        let lead = &text[..text.len() - content.len()];
        if !lead.is_empty() && !lead.ends_with(['\n', '\u{FEFF}']) {
            return none;
        }
        let rest = &content[open.len()..];
        let mut at = 0;
        for line in rest.split_inclusive('\n') {
            if matches!(line.trim_end(), "---" | "...") && line.starts_with(['-', '.']) {
                let (yaml, tail) = rest.split_at(at);
                let (close, body) = tail.split_at(line.len());
                if !plausible(yaml) {
                    return none;
                }
                return Document { lead, open, yaml, close, body };
            }
            at += line.len();
        }
        let (yaml, body) = rest.split_at(unclosed_len(rest));
        if yaml.is_empty() {
            return none;
        }
        Document { lead, open, yaml, close: "", body }
    }

    /// Whether there is a frontmatter block, closed or not.
    pub fn has_frontmatter(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether a frontmatter block lacks its closing fence.
    pub fn is_unclosed(&self) -> bool {
        self.has_frontmatter() && self.close.is_empty()
    }

    /// The file line (from 1) on which the YAML begins.
    pub fn yaml_line(&self) -> usize {
        1 + newlines(self.lead) + newlines(self.open)
    }

    /// The file line (from 1) on which the body begins.
    pub fn body_line(&self) -> usize {
        self.yaml_line() + newlines(self.yaml) + newlines(self.close)
    }

    /// The whole text again, equal to what was parsed.
    pub fn text(&self) -> String {
        [self.lead, self.open, self.yaml, self.close, self.body].concat()
    }
}

impl Envelope {
    /// Turns text into the bytes of a file.
    ///
    /// With the bytes the text was decoded from as `original`, unedited text gives exactly
    /// those bytes, whatever they are. Without them that holds when [`Envelope::exact`] is set.
    /// Edited text gets the file's byte order mark and prevailing line end. Line ends within
    /// `text` may be of any kind: browsers send forms with `\r\n`.
    pub fn encode(&self, text: &str, original: Option<&[u8]>) -> Vec<u8> {
        let text = normalise(text);
        if let Some(original) = original
            && Document::decode(original).text == text
        {
            return original.to_vec();
        }
        let mut bytes = Vec::with_capacity(text.len() + BOM.len());
        if self.bom {
            bytes.extend_from_slice(BOM);
        }
        if self.crlf {
            bytes.extend_from_slice(text.replace('\n', "\r\n").as_bytes());
        } else {
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

/// `\r\n` and lone `\r` become `\n`, as every editor widget shows them.
fn normalise(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { Cow::Borrowed(text) }
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// Whether a fenced block can be frontmatter at all, rather than prose between two rules.
fn plausible(yaml: &str) -> bool {
    yaml.lines().any(|l| key_of(l, true).is_some() || l.starts_with('{') || l.starts_with("? ")) || yaml.lines().all(is_blank_or_comment)
}

/// How far an unclosed block reaches: up to the first line that belongs to no key. A `#` line
/// ends it too, for it is more likely the document's heading than a YAML comment. Without a name
/// or description it is no block: a rule above prose looks alike.
fn unclosed_len(rest: &str) -> usize {
    let (mut len, mut known, mut keys) = (0, false, 0);
    for line in rest.split_inclusive('\n') {
        let blank = line.trim().is_empty();
        let continues = keys > 0 && !blank && (line.starts_with([' ', '\t']) || line.starts_with("- "));
        if let Some((key, _)) = key_of(line, false) {
            known |= key == "name" || key == "description";
            keys += 1;
        } else if !(continues || (blank && keys == 0)) {
            break;
        }
        len += line.len();
    }
    if known { len } else { 0 }
}

#[cfg(test)]
mod tests;
