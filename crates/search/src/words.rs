//! Splits text into words: Unicode letters and digits, with the compounds of people who write code.
//!
//! `node.js`, `snake_case`, `camelCase`, `post-mortem` and `react19` each give their parts and, at the place of the first part, the whole
//! written together (as Lucene's WordDelimiterGraphFilter does), so that each way of writing finds the others. `c#`, `c++` and `.net`
//! are words. Scripts without spaces give overlapping pairs of characters (as Lucene's CJKBigramFilter does).

use std::ops::Range;

/// Longer words are data, not words.
const LONGEST: usize = 48;
/// More parts than this make a path or an address, whose whole nobody types.
const MOST_PARTS: usize = 4;

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Lower-case, without accents.
    pub term: String,
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// Counts the parts of the text; a whole shares the position of its first part.
    pub position: u32,
    /// Whether this is a whole, whose parts follow.
    pub is_whole: bool,
}

/// The words of a text, in order.
pub fn words(text: &str) -> Vec<Word> {
    let mut out = Vec::new();
    let mut position = 0;
    let mut rest = 0;
    while let Some(chunk) = next_chunk(text, rest) {
        rest = chunk.end.max(rest + 1);
        push_chunk(text, chunk, &mut position, &mut out);
    }
    out
}

/// The words of a text as one key: equal for names that differ only in case, accents and punctuation.
pub fn key(text: &str) -> String {
    let words = words(text);
    words.iter().filter(|word| !word.is_whole).map(|word| word.term.as_str()).collect::<Vec<_>>().join(" ")
}

/// The next run of letters and digits at or after `from`, single connectors inside it included.
fn next_chunk(text: &str, from: usize) -> Option<Range<usize>> {
    let tail = text.get(from..)?;
    let start = from + tail.find(char::is_alphanumeric)?;
    let mut end = start;
    let mut chars = text[start..].char_indices().peekable();
    let is_dense = text[start..].starts_with(is_dense);
    while let Some((at, c)) = chars.next() {
        let goes_on = if c.is_alphanumeric() {
            is_dense == self::is_dense(c)
        } else {
            is_mark(c)
                || (is_connector(c) && chars.peek().is_some_and(|(_, next)| next.is_alphanumeric() && is_dense == self::is_dense(*next)))
        };
        if !goes_on {
            break;
        }
        end = start + at + c.len_utf8();
    }
    // c#, f#, c++, g++
    if end - start <= 3 {
        for suffix in ["++", "#"] {
            let after = text[end..].strip_prefix(suffix);
            if after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '#' || c == '+')) {
                end += suffix.len();
                break;
            }
        }
    }
    Some(start..end)
}

fn push_chunk(text: &str, chunk: Range<usize>, position: &mut u32, out: &mut Vec<Word>) {
    let source = &text[chunk.clone()];
    let mut push = |term: String, range: Range<usize>, position: u32, is_whole: bool| {
        if !term.is_empty() && term.len() <= LONGEST {
            out.push(Word { term, range, position, is_whole });
        }
    };
    if source.starts_with(is_dense) {
        let ends: Vec<usize> = source.char_indices().map(|(at, c)| chunk.start + at + c.len_utf8()).collect();
        let starts: Vec<usize> = source.char_indices().map(|(at, _)| chunk.start + at).collect();
        for i in 0..starts.len().saturating_sub(1).max(1) {
            let range = starts[i]..ends[(i + 1).min(ends.len() - 1)];
            push(fold(&text[range.clone()]), range, *position, false);
            *position += 1;
        }
        return;
    }
    if source.ends_with(['#', '+']) {
        push(fold(source), chunk, *position, false);
        *position += 1;
        return;
    }
    let parts = parts(source);
    let dotted = text[..chunk.start].ends_with('.')
        && !text[..chunk.start - 1].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '/' | ')' | ']'));
    if dotted {
        push(format!(".{}", fold(source)), chunk.start - 1..chunk.end, *position, true);
    }
    if parts.len() > 1 && parts.len() <= MOST_PARTS {
        let whole: String = parts.iter().map(|part| fold(&source[part.clone()])).collect();
        push(whole, chunk.clone(), *position, true);
    }
    for part in parts {
        push(fold(&source[part.clone()]), chunk.start + part.start..chunk.start + part.end, *position, false);
        *position += 1;
    }
}

/// The parts of a compound: between connectors, where a capital begins, and where digits follow a word.
fn parts(source: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    for piece in source.split(|c: char| is_connector(c) && !is_apostrophe(c)) {
        let offset = piece.as_ptr() as usize - source.as_ptr() as usize;
        // A genitive belongs to the grammar, not to the word.
        let piece = ["'s", "’s", "'S", "’S"].iter().find_map(|s| piece.strip_suffix(s)).unwrap_or(piece);
        let chars: Vec<(usize, char)> = piece.char_indices().collect();
        let (mut start, mut letters) = (0, 0);
        for i in 1..chars.len() {
            let (before, here, after) = (chars[i - 1].1, chars[i].1, chars.get(i + 1).map(|c| c.1));
            letters = if before.is_alphabetic() { letters + 1 } else { 0 };
            let camel = before.is_lowercase() && here.is_uppercase();
            let acronym =
                before.is_uppercase() && here.is_uppercase() && after.is_some_and(char::is_lowercase) && !is_plural(&chars[i + 1..]);
            let number = letters >= 3 && here.is_ascii_digit();
            if camel || acronym || number {
                parts.push(offset + start..offset + chars[i].0);
                (start, letters) = (chars[i].0, 0);
            }
        }
        if start < piece.len() {
            parts.push(offset + start..offset + piece.len());
        }
    }
    parts
}

/// The `s` of `APIs` begins no new word.
fn is_plural(rest: &[(usize, char)]) -> bool {
    matches!(rest, [(_, 's')])
}

fn is_connector(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | '\u{2010}' | '\u{2011}') || is_apostrophe(c)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

/// Combining accents: written onto the letter before.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36F)
}

/// Scripts that do not separate words: Thai to Myanmar, kana and Han.
fn is_dense(c: char) -> bool {
    matches!(u32::from(c), 0xE00..=0xEFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF)
}

/// Lower case without accents and apostrophes. Latin letters only: in other scripts accents make other letters.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => out.push('a'),
            'ç' | 'ć' | 'č' => out.push('c'),
            'ď' | 'đ' => out.push('d'),
            'è'..='ë' | 'ē' | 'ę' | 'ě' => out.push('e'),
            'ğ' => out.push('g'),
            'ì'..='ï' | 'ī' | 'ı' => out.push('i'),
            'ł' => out.push('l'),
            'ñ' | 'ń' | 'ň' => out.push('n'),
            'ò'..='ö' | 'ø' | 'ō' | 'ő' => out.push('o'),
            'ř' => out.push('r'),
            'ś' | 'ş' | 'š' => out.push('s'),
            'ť' | 'ţ' => out.push('t'),
            'ù'..='ü' | 'ū' | 'ů' | 'ű' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'ź' | 'ż' | 'ž' => out.push('z'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            _ if is_mark(c) || is_apostrophe(c) => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.term).collect()
    }

    #[test]
    fn splits_what_people_and_programs_write() {
        for (text, expected) in [
            ("The team's plan, don't!", "the team plan dont"),
            ("node.js", "nodejs node js"),
            ("snake_case camelCase", "snakecase snake case camelcase camel case"),
            ("HTTPServer APIs", "httpserver http server apis"),
            ("C# and C++ on .NET", "c# and c++ on .net net"),
            ("react19 k8s s3", "react19 react 19 k8s s3"),
            ("src/main.rs", "src mainrs main rs"),
            ("Größe café cafe\u{301}", "grosse cafe cafe"),
            ("# Heading ## x", "heading x"),
            ("日本語 text", "日本 本語 text"),
            ("a.b.c.d.e.f", "a b c d e f"),
            ("end. Next", "end next"),
            ("🙂🙂 ...", ""),
            ("שלום עולם", "שלום עולם"),
        ] {
            assert_eq!(terms(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn ranges_are_of_the_text() {
        let text = "Run `node.js` — naïve CamelCase";
        for word in words(text) {
            assert!(text.get(word.range.clone()).is_some(), "{word:?}");
        }
    }

    #[test]
    fn keys_ignore_case_and_punctuation() {
        assert_eq!(key("DCF-Valuation"), key("dcf valuation"));
    }
}
